#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make bench` makes of its figures: medians, spreads, ratios round by round, the table, and the table of pairs. Nothing is timed.
. "$(dirname "$0")/bench/lib.sh"

at() { jq -c "$1" "$TMP/report.json"; }

begin check-bench
LOAD_AVERAGE=0.5 FSYNC_US=150 FSYNC_P99_US=350 SETTINGS='{"rounds": 4}'
printf '%s\n' 'counterfoil counterfoil us' 'empty empty them' 'pg_plain postgresql nobody' | while read -r name title text; do printf '%s\t%s\t%s\n' "$name" "$title" "$text"; done >"$TMP/who"
printf 'SQLite\tno sqlite3\n' >"$TMP/absent"
lighttpd() { echo lighttpd/1; }
WHO=counterfoil
for ROUND in 1 2 3 4; do figure single.1 $((1000 * ROUND)); done 2>/dev/null
WHO=empty
for ROUND in 1 2 4; do figure single.1 $((8000 / ROUND)); done 2>/dev/null
seq 200 | WHO=empty ROUND=1 latencies page.rare 2>/dev/null
write_report "$TMP/out.json"

is "$(at '.rows | map(.key)')" '["single.1","page.rare.p50","page.rare.p99"]' "rows come in the order of their table, those without a figure not at all"
is "$(at '.rows[0].figures[0]')" '{"who":"counterfoil","median":2500,"least":1000,"most":4000,"n":4}' "a median of an even number is the middle of two"
is "$(at '.rows[0].figures[1]')" '{"who":"empty","median":4000,"least":2000,"most":8000,"n":3,"ratio":0.5}' "a ratio is of rounds that both have"
is "$(at '[.rows[1:][].figures[0].median]')" '[100,198]' "percentiles"
is "$(at '.absent')" '[{"title":"SQLite","why":"no sqlite3"}]' "who is absent, and why"
jq -r -L "$bench" -f "$bench/table.jq" "$TMP/out.json" >"$TMP/table"
is "$(grep '^| single' "$TMP/table")" "| single durable POST or INSERT, 1 connection | a second | 2,500 (1,000 … 4,000) | empty 4,000 (2,000 … 8,000) ×0.5 |" "a line of the table"
is "$(jq -r -n -L "$bench" 'include "statistics"; [1234567, 999.6, 999, 45.67, 2.345, 0.1234, 0] | map(told) | join(" ")')" "1,234,567 1,000 999 45.7 2.35 0.123 0" "numbers as they are told"
is "$(WHO=counterfoil; figure single.1 inf 2>&1)" "bench: counterfoil, single.1: inf is no figure" "what is no number is refused"
printf 'no.such\tempty\t1\t5\n' >>"$TMP/figures"
like "$(write_report "$TMP/out.json" 2>&1)" "a figure without a row: no.such" "a figure without a row is refused"

mkdir "$TMP/runs"
for pair in 1 2; do
  cp "$TMP/out.json" "$TMP/runs/before.$pair.json"
  jq '.rows[0].figures[0].median *= '$((pair + 1)) "$TMP/out.json" >"$TMP/runs/after.$pair.json"
done
is "$(jq -r -n -L "$bench" -f "$bench/pairs.jq" "$TMP"/runs/*.json | grep -c '| 2,500 (2,500 … 2,500) | 6,250 (5,000 … 7,500) | 2.5 (2 … 3) |$')" 1 "pairs of runs"
finish
