#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files are deleted, moved away or replaced under the owner: nothing more is acknowledged or signed, readyz says so, the process ends, and what was
# acknowledged is there when the files are put back.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin gone

post() { http_as writer --data-binary "{\"action\":\"$1\"}" /v1/events; }

# waits_for COMMAND…: it comes true
waits_for() {
  local end=$((SECONDS + PATIENCE))
  until "$@"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.02
  done
}
is_signed() { [ "$(sed -n 2p "$DATA.signer/state")" -gt "$1" ]; } # is_signed SEQ
is_unready() { http /readyz && [ "$STATUS" = 503 ]; }

# case_run NAME WHAT COMMAND BACK: what the log names, how it goes, how it is put back (empty: it is lost)
case_run() {
  local name=$1 what=$2 go=$3 back=$4
  : >"$TMP/log/serve"
  serve_start
  ready || die "$name: the service does not get ready: $(cat "$TMP/log/serve")"
  post before
  is "$STATUS" 201 "$name: an event before"
  check "$name: which is signed" waits_for is_signed "$(json .seq)"
  (cd "$TMP" && eval "$go") || die "$name: $go"
  [ ! -e "$DATA.signer" ] || cp -a "$DATA.signer/state" "$TMP/kept"
  case $what in *lock | *signer | *env/[mt]*) waits_for is_unready ;; esac # only looked at now and then, and before a signature
  post after
  is "$STATUS" 503 "$name: none is acknowledged after it"
  http /readyz
  is "$STATUS" 503 "$name: readyz says it"
  http /checkpoint
  is "$STATUS" 503 "$name: no head is given"
  check "$name: the service ends" gone "$PATIENCE" "$SERVE"
  wait "$SERVE"
  is "$?" 70 "$name: with a status that says so"
  like "$(cat "$TMP/log/serve")" "error: $what was removed, moved away or replaced" "$name: the log names it"
  is "$(grep -c 'was removed, moved away' "$TMP/log/serve")" 1 "$name: once"
  [ ! -e "$DATA.signer/state" ] || check "$name: nothing was signed" cmp -s "$TMP/kept" "$DATA.signer/state"
  [ -n "$back" ] || return 0
  (cd "$TMP" && eval "$back") || die "$name: $back"
  run_conf "$name: put back, it goes on" 0 verify
  run_conf "$name: with what was acknowledged" 0 query action=before limit=1000
  is "$(grep -c before "$TMP/out")" "$((++before))" "$name: all of it"
}

make_ledger checkpoint_interval=1s
add_token writer writer
serve_start
apache_start
stop "$SERVE"
before=0

case_run "DATA moved away" "$DATA" "mv data away" "mv away data"
case_run "DATA replaced by a copy" "$DATA" "cp -a data copy && mv data away && mv copy data" "rm -rf data && mv away data"
case_run "env moved away" "$DATA/env" "mv data/env away" "mv away data/env"
case_run "env replaced by a copy" "$DATA/env" "cp -a data/env copy && mv data/env away && mv copy data/env" "rm -rf data/env && mv away data/env"
case_run "segments moved away" "$DATA/segments" "mv data/segments away" "mv away data/segments"
case_run "a file of the log moved away" "$DATA/env/log\.[*]" 'newest=$(ls data/env/log.* | tail -n 1) && mv "$newest" away' 'mv away "data/env/log.0000000001"'
case_run "a file of the log replaced by a copy" "$DATA/env/log\.[*]" "cp -a data/env/log.0000000001 copy && mv data/env/log.0000000001 away && mv copy data/env/log.0000000001" \
  "mv away data/env/log.0000000001"
case_run "a table moved away" "$DATA/env/meta" "mv data/env/meta away" "mv away data/env/meta"
case_run "the newest records moved away" "$DATA/env/tail-1" "mv data/env/tail-1 away" "mv away data/env/tail-1"
case_run "the newest records replaced by a copy" "$DATA/env/tail-1" "cp -a data/env/tail-1 copy && mv data/env/tail-1 away && mv copy data/env/tail-1" \
  "mv away data/env/tail-1"
case_run "the lock removed" "$DATA/lock" "rm data/lock" "true"
case_run "the signer's directory moved away" "$DATA.signer" "mv data.signer away" "mv away data.signer"
case_run "the signer's directory replaced by a copy" "$DATA.signer" "cp -a data.signer copy && mv data.signer away && mv copy data.signer" \
  "rm -rf data.signer && mv away data.signer"
cp -a "$DATA" "$TMP/backup"
case_run "all of it removed" "$DATA/env" "rm -rf data/*" ""
run_conf "a start without it" 1 verify
complains 'records were signed.*put the data back.*counterfoil recover' "says what to do"
rm -rf "$DATA" && mv "$TMP/backup" "$DATA"
run_conf "an older copy in its place" 1 verify
complains 'counterfoil recover' "is not taken either"
finish
