#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make bench: what the ledger costs, beside an empty FastCGI responder in the same lighttpd, and beside what others use to keep events. All
# in one run, in turn. The table in Markdown on stdout, what goes on on stderr; ends with 1 where an answer is not what it should be,
# with 2 where there is no sense in measuring.
#
#   BENCH_DIR=DIR        a directory on the disk to measure (/var/tmp); not a tmpfs, where durable means nothing
#   BENCH_EVENTS=N       sample events to fill each with (600000)
#   BENCH_LINES=N        Apache lines (300000)
#   BENCH_SECONDS=S      of each run of single POSTs (3)
#   BENCH_ROUNDS=N       of everything; their medians count (3)
#   BENCH_SEGMENT=N      records of a segment (262144, as shipped)
#   BENCH_PEERS=LIST     whom to measure beside it: all (the default), none, or some of postgresql sqlite journal immudb tessera
#                        what is not there is installed first, where that can be (peers.sh)
#   BENCH_JSON=FILE      where the figures go as JSON (tests/bench/bench.json of the build)
#
# What they are set to is in peers/*.sh and in the output. Each one is as durable as we are where it can be: no answer before its fsync.
. "$(dirname "$0")/lib.sh"

: "${BENCH_EVENTS:=600000}" "${BENCH_LINES:=300000}" "${BENCH_SECONDS:=3}" "${BENCH_ROUNDS:=3}" "${BENCH_PEERS:=all}"
: "${BENCH_JSON:=$CF_BUILDDIR/tests/bench/bench.json}"
PEERS="postgresql sqlite journal immudb tessera"

events() { # $TMP/part.N: for each round one for one connection and one for four; $TMP/some.ndjson for the rest
  local parts=$((2 * BENCH_ROUNDS))
  PART_BATCHES=$((BENCH_EVENTS / parts / BATCH))
  PART=$((PART_BATCHES * BATCH))
  [ $((PART * parts)) -ge "$BENCH_SEGMENT" ] || senseless "BENCH_EVENTS=$BENCH_EVENTS is not enough for a segment of $BENCH_SEGMENT"
  note "making $BENCH_EVENTS events and $BENCH_LINES lines"
  "$CLI" sample $((PART * parts)) |
    awk -v every="$RARE_EVERY" -v user="$RARE" 'NR % every == 7 {sub(/"user":"[^"]*"/, "\"user\":\"" user "\"")} {print}' |
    split -a 2 -d -l "$PART" - "$TMP/part."
  mv "$TMP/part.00" "$TMP/some.ndjson"
  cp "$TMP/some.ndjson" "$TMP/part.00"
  apache_lines
  sync "$TMP"/some.ndjson "$TMP"/part.* "$TMP/lines.log"
}

# Combined log lines of sample events that a web server could have logged: as lines, and as the members that are in them.
apache_lines() {
  "$CLI" sample $((BENCH_LINES + BENCH_LINES / 50 + 100)) |
    jq -c 'select(.method) | {time, method, status, user, ip, user_agent, referer, resource, query, host: null, bytes, protocol}' | head -n "$BENCH_LINES" >"$TMP/lines.ndjson"
  jq -r '"\(.ip) - \(.user // "-") [\(.time[:19] + "Z" | fromdate | strftime("%d/%b/%Y:%H:%M:%S +0000"))] \"\(.method) \(.resource)\(if .query then "?" + .query else "" end) \(.protocol)\" \(.status) \(.bytes) \"\(.referer // "-")\" \"\(.user_agent)\""' \
    "$TMP/lines.ndjson" >"$TMP/lines.log"
}

participants() {
  local peer
  for peer in counterfoil empty; do . "$bench/peers/$peer.sh"; done
  counterfoil_prepare
  empty_prepare
  [ "$BENCH_PEERS" != all ] || BENCH_PEERS=$PEERS
  [ "$BENCH_PEERS" != none ] || BENCH_PEERS=
  [ -z "$BENCH_PEERS" ] || bash "$bench/peers.sh" --install >"$TMP/log/peers" 2>&1
  for peer in $BENCH_PEERS; do
    [ -r "$bench/peers/$peer.sh" ] || senseless "BENCH_PEERS: there is no $peer; there are $PEERS"
    . "$bench/peers/$peer.sh"
    "${peer}_prepare"
  done
}

rounds() { for ((ROUND = 1; ROUND <= BENCH_ROUNDS; ROUND++)); do "$@"; done; }

fill() {
  in_turn ingest "$(printf %02d $((2 * ROUND - 2)))" 1
  in_turn ingest "$(printf %02d $((2 * ROUND - 1)))" 4
  rm -f "$TMP"/part.??.*
}

pages() {
  local name
  for name in $(sed -n 's/^\([a-z0-9]*\) .*/\1/p' "$bench/questions.table"); do in_turn page "$name"; done
  in_turn anew
}

ends() { # what ends a server and starts it again
  in_turn kill
  in_turn cold rare
  in_turn cold raretime
}

streams() {
  in_turn export ndjson
  in_turn export csv
  in_turn evidence
  in_turn verify full
  in_turn verify deep
  in_turn receipt 1
  in_turn receipt 16
}

singles() {
  in_turn single 1
  in_turn single 64
}

place bench
participants
events
rounds fill
ROUND=1 in_turn size
rounds ends
rounds pages
rounds streams
rounds singles
rounds in_turn lines
ROUND=1 in_turn memory
SETTINGS="{\"events\": $((PART * 2 * BENCH_ROUNDS)), \"lines\": $BENCH_LINES, \"rounds\": $BENCH_ROUNDS, \"seconds\": $BENCH_SECONDS, \"segment_records\": $BENCH_SEGMENT}"
write_report "$BENCH_JSON" || wrong "the figures cannot be written to $BENCH_JSON"
jq -r -L "$bench" -f "$bench/table.jq" "$BENCH_JSON"
note "the figures as JSON: $BENCH_JSON"
