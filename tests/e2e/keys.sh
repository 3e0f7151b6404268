#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another signing key, of a service behind lighttpd that is written to meanwhile: what signs what, what stays good, and who has only
# the first key goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"

begin keys
cp "$CF_VERIFY" "$TMP/bin/" || die "not built yet: run make"
CLI=$TMP/bin/counterfoil
verify() { # verify NAME STATUS ARGUMENTS…
  local CLI=$TMP/bin/counterfoil-verify
  local -x TMPDIR=$TMP
  run "$@"
}
post() { http_as writer -H 'Content-Type: application/json' --data "{\"action\":\"$1\"}" "/v1/events?receipt=1"; }
lines() { grep -c '^— ' "$TMP/body"; }
checkpoint() { http_as auditor /checkpoint; }

make_ledger "origin=test.example.org/keys" "segment_records=256"
add_token writer writer
add_token auditor auditor
lighttpd_start
http_as auditor /v1/keys
json '.keys[0].vkey' >"$TMP/first.vkey"
post before
is "$STATUS" 201 "an event before"
seq=$(json .seq)
http_as auditor "/v1/receipts/$seq"
cp "$TMP/body" "$TMP/before.tlog-proof"

note "a change under load"
load() {
  local i
  for ((i = 0; i < 60; i++)); do
    curl -q -s --noproxy '*' -o /dev/null -w '%{http_code}\n' -H @"$TMP/token.writer" -H 'Content-Type: application/json' \
      --data "{\"action\":\"load$i\"}" "$URL/v1/events"
  done >"$TMP/load"
}
load &
LOADER=$!
PIDS+=("$LOADER")
run_conf "key rotate" 0 key rotate --overlap 1h
says '^test.example.org/keys\+[0-9a-f]{8}\+' "tells the new key"
sed -n 1p "$TMP/out" >"$TMP/second.vkey"
wait "$LOADER"
is "$(sort -u "$TMP/load")" 201 "every event meanwhile is taken"
checkpoint
is "$(lines)" 2 "both keys sign"
cp "$TMP/body" "$TMP/both"
http_as auditor /v1/keys
is "$(json '.keys | length')" 2 "there are two keys"
is "$(json '.keys[0].vkey')" "$(cat "$TMP/second.vkey")" "the new one first"
is "$(json '.keys[0].from')" "$(json '.keys[1].until')" "where the other one ends"
run_conf "key list" 0 key list
says 'FROM SIZE' "shows them"
verify "a receipt of before, by the first key" 0 --vkey "$TMP/first.vkey" "$TMP/before.tlog-proof"
post after
later=$(json .seq)
http_as auditor "/v1/receipts/$later"
cp "$TMP/body" "$TMP/after.tlog-proof"
verify "a receipt of after, by the new key" 0 --vkey "$TMP/second.vkey" "$TMP/after.tlog-proof"
http_as auditor "/v1/evidence?seq_from=0&seq_to=$later"
cp "$TMP/body" "$TMP/bundle.tar"
verify "a bundle, by the first key" 0 --vkey "$TMP/first.vkey" "$TMP/bundle.tar"
verify "and by the new one" 0 --vkey "$TMP/second.vkey" "$TMP/bundle.tar"
is "$(tar -tf "$TMP/bundle.tar" | grep -c '^keys/')" 1 "it holds the note"

note "the old key's end"
run_conf "key retire" 0 key retire
post retired
checkpoint
is "$(lines)" 1 "one key signs"
check "the new one" grep -qF "$(sed 's/^[^+]*//; s/+.*//' <"$TMP/second.vkey")" "$TMP/body"
run_conf "verify" 0 verify --deep
run_conf "a span that is none" 2 key rotate --overlap soon
complains 'overlap' "is told"
run_conf "a verb that is none" 2 key turn

note "a start after it"
end_processes
run_conf "a change by the command itself" 0 key rotate --overlap 0s
run_conf "verify" 0 verify --deep
run_conf "key list" 0 key list --json
is "$(jq '.keys | length' "$TMP/out")" 3 "three keys"
finish
