#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make bench-scale: is an event as cheap in a large ledger as in a small one? Sample events with ids in batches of 1,000 over 4 connections,
# and at 1, 3, 10, 30, 100 million of them, as far as BENCH_SCALE goes, and at its end: what the last ones cost, pages, a start, memory.
# The table in Markdown on stdout, what goes on on stderr.
#
#   BENCH_SCALE=N        events (10000000); 100000000 takes some 20 GB and more than an hour
#   BENCH_DIR=DIR, BENCH_SEGMENT=N, BENCH_JSON=FILE (tests/bench/scale.json of the build) are as for make bench
#
# A piece is a quarter of the first size. It is made before it is sent, its days follow those of the piece before, and what is told of a
# size is the median of the four pieces before it; the first column is what the others are held against.
. "$(dirname "$0")/lib.sh"
. "$bench/peers/counterfoil.sh"

: "${BENCH_SCALE:=10000000}" "${BENCH_JSON:=$CF_BUILDDIR/tests/bench/scale.json}"
SENT=0

steps() { # the sizes to look at; 100,000 too where the end is not far beyond
  local step
  for step in 100000 1000000 3000000 10000000 30000000 100000000; do
    [ "$step" -ge "$BENCH_SCALE" ] || ((step < 1000000 && BENCH_SCALE > 1000000)) || echo "$step"
  done
  echo "$BENCH_SCALE"
}

send_piece() { # send_piece N: the seed and the days are the piece's own
  local day
  day=$(date -u -d "2026-01-05 + $((SENT / PIECE)) days" +%Y-%m-%d)
  "$CLI" sample --seed $((SENT / PIECE + 1)) --from "${day}T00:00:00Z" "$1" |
    awk -v every="$RARE_EVERY" -v user="$RARE" 'NR % every == 7 {sub(/"user":"[^"]*"/, "\"user\":\"" user "\"")} {print}' >"$TMP/some.ndjson"
  post counterfoil ingest.4 -c 4 -b "$BATCH" -n $(($1 / BATCH)) -f "$TMP/some.ndjson" -p "piece$SENT"
  SENT=$((SENT + $1))
}

# The step's figures are those of its last four pieces: WHO is the step, ROUND a piece, counted from its end.
grow_to() { # grow_to EVENTS
  local n
  while [ "$SENT" -lt "$1" ]; do
    n=$(($1 - SENT < PIECE ? $1 - SENT : PIECE))
    ROUND=$((($1 - SENT + PIECE - 1) / PIECE))
    if [ "$ROUND" -le 4 ]; then send_piece "$n"; else WHO=between send_piece "$n"; fi
  done
}

look() {
  local name
  ROUND=1
  counterfoil_settle
  for name in newest rare absent frequent three raretime time; do counterfoil_page "$name"; done
  counterfoil_size
  counterfoil_cold rare
  counterfoil_cold raretime
  counterfoil_memory
}

[ $((BENCH_SCALE % BATCH)) = 0 ] && [ "$BENCH_SCALE" -gt 0 ] || senseless "BENCH_SCALE=$BENCH_SCALE is no multiple of $BATCH"
place scale
PIECE=$((($(steps | head -n 1) / 4 + BATCH - 1) / BATCH * BATCH))
counterfoil_prepare
: >"$TMP/who"
for step in $(steps); do
  WHO=at.$step
  printf '%s\t%s million\t%s\n' "$WHO" "$(calc %g "$step / 1000000")" "events in the ledger" >>"$TMP/who"
  grow_to "$step"
  look
done
sed -i '/\tbetween\t/d' "$TMP/figures"
SETTINGS="{\"events\": $BENCH_SCALE, \"piece\": $PIECE, \"batch\": $BATCH, \"connections\": 4, \"segment_records\": $BENCH_SEGMENT}"
write_report "$BENCH_JSON" || wrong "the figures cannot be written to $BENCH_JSON"
jq -r -L "$bench" -f "$bench/scale.jq" "$BENCH_JSON"
note "the figures as JSON: $BENCH_JSON"
