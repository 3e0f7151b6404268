#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many sample events in several segments: what the indexes find equals what a scan of everything finds, for random questions, in both
# sorts and orders, while others write; memory stays bounded. CF_SEED repeats a run's questions.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

EVENTS=$(count 20000 80000 2000000)
QUESTIONS=$(count 12 16 24)
MEMORY_MAX=$(count 2000000 307200 307200) # KiB
SEED=${CF_SEED:-$RANDOM}
MEMBERS="user session credential method status outcome action resource ip host source request_id"

# ---- filling

# What split calls for each part: post it, keep the answer.
post_part() {
  printf 'curl -q -sS --noproxy "*" --max-time 300 -H @%q -H "Content-Type: application/x-ndjson" --data-binary @- %q >>%q' \
    "$TMP/token.writer" "$URL/v1/events" "$TMP/answers"
}

fill() {
  local start=$SECONDS
  cli sample "$EVENTS" | split -l 20000 --filter="$(post_part)" - || die "the events could not be posted"
  is "$(jq -s 'map(.accepted) | add' "$TMP/answers")" "$EVENTS" "$EVENTS sample events are taken, in $((SECONDS - start)) s"
}

rolled_up() { # the background has written what is full
  local end=$((SECONDS + PATIENCE))
  until [ "$(segments | wc -l)" -ge "$1" ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.1
  done
}

# ---- a scan of everything

# One export of everything, which needs no index but the kinds', in order; its columns are seq, effective time and the members, \001 where there is none. Sample events have no comma or quote in these.
scan() {
  curl -q -sS --noproxy '*' --max-time 600 -H @"$TMP/token.reader" "$URL/v1/events?format=csv&limit=all&order=asc&fields=time,${MEMBERS// /,}" |
    awk -F, -v OFS='\t' -v members="$MEMBERS" '
      NR == 1 { n = split(members, name, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
      /"/ { print "a quoted cell: " $0; exit }
      /^#/ { next }
      { line = $at["seq"] OFS ($at["time"] == "" ? $at["recorded"] : $at["time"])
        for (i = 1; i <= n; i++) { v = $at[name[i]]; line = line OFS (v == "" ? "\001" : v) }
        print line }' >"$TMP/scan"
  is "$(wc -l <"$TMP/scan")" "$EVENTS" "an export has them all"
  SIZE=$(($(tail -n 1 "$TMP/scan" | cut -f 1) + 1))
}

# Random questions out of what there is. A line: the query string, a tab, and what to hold against the columns: column, kind, values.
# Every value is of a random event, so that most questions find something; some find nothing.
questions() {
  awk -v seed="$SEED" -v n="$QUESTIONS" -v members="seq time $MEMBERS" '
    BEGIN { FS = "\t"; for (i = 0; i < 256; i++) ord[sprintf("%c", i)] = i; columns = split(members, name, " "); srand(seed) }
    function encode(s,   i, c, out) {
      for (i = 1; i <= length(s); i++) { c = substr(s, i, 1); out = out (c ~ /[A-Za-z0-9_.~-]/ ? c : sprintf("%%%02X", ord[c])) }
      return out
    }
    function pick(m) { return int(rand() * m) + 1 }
    # A value of that column that some event has.
    function some(column,   v, tries) {
      do v = value[pick(kept), column]; while (v == "\001" && tries++ < 50)
      return v == "\001" ? "nobody" : v
    }
    function add(parameter, v, column, kind, against) {
      query = query (query == "" ? "" : "&") parameter "=" encode(v)
      test = test "\t" column "\t" kind "\t" against
    }
    function condition(   column, v, w, kind) {
      # Values of one member would be alternatives: each has its place in a question once.
      do column = 3 + int(rand() * (columns - 2)); while (used[column] == question)
      used[column] = question
      v = some(column)
      kind = pick(6)
      if (name[column] == "ip" && kind == 1 && v ~ /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/) {
        sub(/[0-9]+$/, "", v)
        add("ip", v "0/24", column, "prefix", v)
      } else if (name[column] == "status" && kind <= 2) add("status", substr(v, 1, 1) "xx", column, "prefix", substr(v, 1, 1))
      else if (kind == 3) add(name[column] ".not", v, column, "not", v)
      else if (kind == 4 && name[column] != "ip" && name[column] != "status" && name[column] != "outcome") {
        v = substr(v, 1, 1 + pick(length(v) - 1))
        if (v !~ /^[ -~]*$/) v = substr(v, 1, 1)
        add(name[column] ".prefix", v, column, "prefix", v)
      } else if (kind == 5) {
        w = some(column)
        query = query (query == "" ? "" : "&") name[column] "=" encode(v) "&" name[column] "=" encode(w)
        test = test "\t" column "\tany\t" v "\001" w
      } else add(name[column], v, column, "is", v)
    }
    function bounds(   a, b, t) {
      a = some(2); b = some(2)
      if (a > b) { t = a; a = b; b = t }
      add("from", a, 2, "from", a)
      add("to", b, 2, "to", b)
    }
    # A sample of the events, kept evenly.
    { if (NR % every == 0 || NR <= 50) { kept++; for (c = 1; c <= columns; c++) value[kept, c] = $c } }
    END {
      for (q = 0; q < n; q++) {
        query = ""; test = ""; question = q + 1
        for (k = q % 3; k >= 0; k--) condition()
        if (q % 4 == 3) bounds()
        print query test
      }
    }' every=$((EVENTS / 1000)) "$TMP/scan" >"$TMP/questions"
}

# The events that each question finds in one pass: question, seq, time.
evaluate() {
  awk -F'\t' '
    FILENAME == ARGV[1] { tests[++n] = int((NF - 1) / 3); for (k = 1; k <= tests[n]; k++) { column[n, k] = $(3 * k - 1); kind[n, k] = $(3 * k); against[n, k] = $(3 * k + 1) } next }
    function passes(v, kind, w,   two) {
      if (kind == "is") return v == w ""
      if (kind == "not") return v != w ""
      if (kind == "prefix") return substr(v, 1, length(w)) == w "" && v != "\001"
      if (kind == "from") return v >= w ""
      if (kind == "to") return v < w ""
      split(w, two, "\001")
      return v == two[1] "" || v == two[2] ""
    }
    { for (q = 1; q <= n; q++) { good = 1; for (k = 1; k <= tests[q] && good; k++) good = passes($(column[q, k]) "", kind[q, k], against[q, k]); if (good) print q "\t" $1 "\t" $2 } }
  ' "$TMP/questions" "$TMP/scan" >"$TMP/found"
  rm -rf "$TMP/expected"
  mkdir "$TMP/expected"
  awk -F'\t' -v dir="$TMP/expected/" '{print $2 "\t" $3 > (dir $1)}' "$TMP/found"
}

expected() { # expected QUESTION SORT ORDER
  local reverse=
  [ "$3" = asc ] || reverse=r
  [ -f "$TMP/expected/$1" ] || return 0
  if [ "$2" = seq ]; then sort -t "$(printf '\t')" -k "1,1n$reverse" "$TMP/expected/$1"; else sort -t "$(printf '\t')" -k "2,2$reverse" -k "1,1n$reverse" "$TMP/expected/$1"; fi | cut -f 1
}

answer() { # answer QUERY: the seqs of one streamed answer
  curl -q -sSf --noproxy '*' --globoff --max-time 300 -H @"$TMP/token.reader" "$URL/v1/events?$1&format=ndjson&limit=all&fields=seq" 2>>"$TMP/log/curl" | sed -n 's/^{"seq":\([0-9]*\)[,}].*/\1/p'
}

ask_all() { # ask_all NAME
  local q=0 query sort order wrong="" some=0
  while IFS=$'\t' read -r query _; do
    q=$((q + 1))
    query="$query&seq_to=$SIZE"
    [ ! -f "$TMP/expected/$q" ] || some=$((some + 1))
    for sort in seq time; do
      for order in asc desc; do
        expected "$q" "$sort" "$order" >"$TMP/want"
        # One in four in pages, the others in one stream.
        if [ $(((q + ${#sort} + ${#order}) % 4)) = 0 ]; then ask_pages reader "$query&sort=$sort&order=$order&fields=seq&limit=10000" >"$TMP/got"
        else answer "$query&sort=$sort&order=$order" >"$TMP/got"; fi
        cmp -s "$TMP/want" "$TMP/got" || wrong+="$query by $sort, $order: $(wc -l <"$TMP/got") events, want $(wc -l <"$TMP/want"); "
      done
    done
  done <"$TMP/questions"
  is "$wrong" "" "$1: $q random questions, $some of which find something, both sorts and orders, equal a full scan (CF_SEED=$SEED)"
}

# ---- memory, and one verify at a time

memory() { # memory NAME
  local high
  high=$(awk '/^VmHWM/ {print $2}' "/proc/$(owner)/status")
  check "$1: resident memory stayed under $((MEMORY_MAX / 1024)) MiB: $((high / 1024))" [ "$high" -lt "$MEMORY_MAX" ]
}

verify_once() {
  local i
  rm -f "$TMP"/verdict.*
  for i in 1 2 3 4 5 6; do
    curl -q -sS --noproxy '*' --max-time 300 -H @"$TMP/token.auditor" -D "$TMP/verdict.$i.headers" -o "$TMP/verdict.$i" "$URL/v1/verify" 2>>"$TMP/log/curl" &
  done
  wait $(jobs -p | grep -vxF "$(printf '%s\n' "${PIDS[@]}")")
  is "$(jq -r 'select(.ok != null) | "\(.ok) \(.first_bad)"' "$TMP"/verdict.? | sort | uniq)" "true null" "full verify is ok"
  check "a second one meanwhile is refused" [ "$(jq -r 'select(.status == 429) | .type' "$TMP"/verdict.? | sort -u)" = urn:counterfoil:busy ]
  check "and told when to come again" grep -qi '^Retry-After: [0-9]' "$TMP"/verdict.?.headers
}

begin scale
make_ledger segment_records="$(count 4096 16384 131072)"
add_token writer writer
add_token other writer
add_token reader reader
add_token auditor auditor
lighttpd_start
fill
check "several segments" rolled_up "$(count 4 4 14)"
memory "after the events"
scan
questions
evaluate
"$CF_BUILDDIR/tests/e2e/load" -H "$TMP/token.other" -p scale -c 1 -b 20 -t 3600 "$PORT" "$MOUNT/v1/events" >"$TMP/figures" &
WRITER=$!
PIDS+=("$WRITER")
ask_all "while others write"
check "they did write" alive "$WRITER"
stop "$WRITER"
note "$(cat "$TMP/figures")"
verify_once
memory "after the questions"
end_processes
lighttpd_start
head -n 4 "$TMP/questions" >"$TMP/questions.few" && mv "$TMP/questions.few" "$TMP/questions"
ask_all "after a restart"
memory "after a restart"
finish
