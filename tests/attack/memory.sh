#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bodies that take far more memory than they have bytes, many at once: the owner never holds more than ingest_memory and
# 32 MiB above what the same ledger's holds at rest, goes back, and goes on taking what is in order. At rest is what an owner
# that was started anew on the same ledger holds, so that nothing that a flood left behind counts as rest.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$lib/servers.sh"

PARALLEL=$(count 8 12 100)
SLACK_KB=32768
INGEST_MB=96

repeat() { awk -v n="$1" -v what="$2" 'BEGIN {for (i = 0; i < n; i++) printf "%s", what}'; }

# A file a kind of body, with the headers that go with it.
bodies() {
  { printf '['; repeat 72000 '1,'; printf '1]'; } | gzip -9 >"$TMP/body.numbers.gz"
  repeat 60000 '{}' | gzip -9 >"$TMP/body.empty.gz"
  repeat 49999 '{"action":"a"}' | gzip -9 >"$TMP/body.events.gz"
  head -c 67000000 /dev/zero | tr '\0' ' ' | gzip -9 >"$TMP/body.spaces.gz"
  { printf '{"action":"a","attributes":{"b":[ '; repeat 5000 '{},'; printf '{}]}}\n'; } >"$TMP/one"
  repeat 60 "$(cat "$TMP/one")" | gzip -9 >"$TMP/body.trees.gz"
  { printf '{"action":"a","attributes":{"b":[ '; repeat 900000 '{},'; printf '{}]}}'; } | gzip -9 >"$TMP/body.tree.gz"
  { printf '{"action":"a","message":"'; repeat 300000 '\u0041'; printf '"}'; } | gzip -9 >"$TMP/body.escapes.gz"
  head -c 9000000 /dev/urandom | zstd -q -19 --long=23 >"$TMP/body.window.zst"
  rm -f "$TMP/one"
}

memory_kb() { awk -v what="$1:" '$1 == what {print $2}' "/proc/$OWNER/status"; }

# flood FILE ENCODING: as many at once; what is answered is counted by status
flood() {
  local i configuration=$TMP/flood
  for ((i = 0; i < PARALLEL; i++)); do
    printf 'url = "%s/v1/events"\noutput = "/dev/null"\ndata-binary = "@%s"\nheader = "Content-Encoding: %s"\nheader = @%s\n' \
      "$URL" "$1" "$2" "$TMP/token.writer"
    printf 'write-out = "%%{http_code}\\n"\nmax-time = %s\nnext\n' "$PATIENCE"
  done | sed '$d' >"$configuration"
  curl -q -sS --no-progress-meter --noproxy '*' --parallel --parallel-immediate --parallel-max "$PARALLEL" -K "$configuration" 2>>"$TMP/log/curl" | sort | uniq -c | tr -s ' \n' ' '
}

settled() { # what the owner holds, once that has stood still for two seconds
  local end=$((SECONDS + 30)) since=$SECONDS last=0 now
  while [ "$SECONDS" -le "$end" ] && [ $((SECONDS - since)) -le 2 ]; do
    now=$(memory_kb VmRSS)
    [ "$now" = "$last" ] || since=$SECONDS
    last=$now
    sleep 0.2
  done
  echo "$last"
}

start() { # an owner that has read what there is, and nothing else; REST is what it holds
  serve_start
  OWNER=$SERVE
  [ -n "$URL" ] || lighttpd_front_start
  ready || die "not ready: $(tail -n 3 "$TMP/log/serve")"
  http_as reader '/v1/events?limit=1'
  REST=$(settled)
}

begin memory
make_ledger ingest_memory=${INGEST_MB}M max_body=16M segment_records=262144
add_token writer writer
add_token reader reader
bodies
start
http_as writer --data-binary @"$TMP/body.events.gz" -H 'Content-Encoding: gzip' /v1/events
answers "a large body in order is taken" 200

for file in "$TMP"/body.*; do
  kind=${file##*/body.}
  case $kind in *.zst) encoding=zstd ;; *) encoding=gzip ;; esac
  echo 5 >"/proc/$OWNER/clear_refs" || die "cannot reset the peak"
  statuses=$(flood "$file" "$encoding")
  peak=$(memory_kb VmHWM)
  after=$(settled)
  like "$statuses" '^( [0-9]+ (200|413|422|503))+ $' "$kind: each is answered"
  http_as writer --data-binary '{"action":"in-order"}' /v1/events
  answers "$kind: what is in order is taken afterwards" 201
  stop "$SERVE" || fail "$kind: the owner had to be killed"
  start
  note "$kind: $(stat -c %s "$file") bytes × $PARALLEL: at rest $((REST >> 10)) MiB, peak $((peak >> 10)), afterwards $((after >> 10)); answers: $statuses"
  sanitized || check "$kind: the peak is below rest + ingest_memory + 32 MiB" [ "$peak" -le $((REST + INGEST_MB * 1024 + SLACK_KB)) ]
  sanitized || check "$kind: it goes back" [ "$after" -le $((REST + SLACK_KB)) ]
done
finish
