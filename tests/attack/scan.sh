#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Questions that no index serves, 64 at once, for as long as the test takes, exports and a verify among them: a writer's events are
# taken as if nobody asked, and the questions are answered, or told to come again. A verify that takes longer than verify_budget
# goes on until it is complete.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

ASKERS=$(count 24 64 64)
EVENTS=$(count 20000 200000 1000000)
SECONDS_LONG=$(count 3 5 20)
P99_MS=100
LOAD=$CF_BUILDDIR/tests/e2e/load

p99() { awk '{for (i = 1; i <= NF; i++) if (split($i, part, "=") == 2 && part[1] == "p99_us" && part[2] > 0) print part[2] / 1000}' "$1"; }

post() { # post NAME SECONDS: events one by one over 4 connections; $P99 is in ms
  "$LOAD" -c 4 -t "$2" -s -p "$1" -H "$TMP/token.writer" "$PORT" "$MOUNT/v1/events" >"$TMP/load.$1" 2>>"$TMP/log/load" || fail "$1: the load ended badly" "$(tail -n 3 "$TMP/log/load")"
  P99=$(p99 "$TMP/load.$1")
  note "$1: $(head -n 1 "$TMP/load.$1")"
}

asker() { # one of them: the same question, every eighth an export, again and again
  local status more='&limit=10'
  [ $(($1 % 8)) != 0 ] || more='&limit=all&format=ndjson'
  while :; do
    status=$(curl -q -sS --noproxy '*' --max-time "$PATIENCE" -o /dev/null -w '%{http_code}' -H @"$TMP/token.reader" "$URL/v1/events?q=zzz$1$more" 2>/dev/null)
    echo "$status" >>"$TMP/asked"
    [ "$status" != 503 ] || sleep 1 # as Retry-After says, at least
  done
}

begin scan
make_ledger segment_records=65536 verify_budget=1s
add_token writer writer
add_token reader reader
add_token auditor auditor
lighttpd_start 1
ready || die "not ready"
"$LOAD" -c 2 -n $((EVENTS / 1000)) -b 1000 -p fill -H "$TMP/token.writer" "$PORT" "$MOUNT/v1/events" >"$TMP/load.fill" 2>>"$TMP/log/load" || die "cannot fill: $(tail -n 3 "$TMP/log/load")"
post alone 2
alone=$P99
for ((i = 0; i < ASKERS; i++)); do
  asker "$i" &
  PIDS+=($!)
done
cli verify --config "$CONF" >"$TMP/verified" 2>&1 &
verify=$!
until [ -s "$TMP/asked" ] || [ "$SECONDS" -gt "$PATIENCE" ]; do sleep 0.05; done
post beside "$SECONDS_LONG"
note "p99 of a POST: $alone ms alone, $P99 ms beside $ASKERS questions; answers to them: $(sort "$TMP/asked" 2>/dev/null | uniq -c | tr -s ' \n' ' ')"
sanitized || check "a POST beside $ASKERS questions has a p99 below $P99_MS ms" awk -v p="$P99" -v most="$P99_MS" 'BEGIN {exit !(p != "" && p < most)}'
http_as writer --data-binary '{"action":"still"}' /v1/events
answers "a writer's event is taken" 201
http /healthz
answers "/healthz answers" 200
like "$(sort -u "$TMP/asked" | tr '\n' ' ')" '^(200 )?(503 )?$' "each question is answered, or told to come again"
some() { # a page takes up to ten seconds of its own, and its turns
  local end=$((SECONDS + PATIENCE))
  until grep -q 200 "$TMP/asked"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.2
  done
}
check "some are answered" some
for ((i = 0; i < ASKERS; i++)); do kill "${PIDS[i + 1]}" 2>/dev/null; done # all but lighttpd
wait "$verify"
is "$? $(sed 's/:.*//' "$TMP/verified")" "0 ok" "the verify that was asked beside them is complete"
http_as auditor '/v1/events?kind=access&action=verify&limit=1000'
check "in several parts" [ "$(json '[.events[].attributes.filter | select(test("resume="))] | length')" -gt 0 ]
finish
