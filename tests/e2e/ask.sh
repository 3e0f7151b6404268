# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Many questions at once, pages, verdicts, and damage on purpose. To be sourced after lib.sh.
#
#   ask_many TOKEN QUERIES        a line an answer, in order: the number of events, or `error STATUS`
#   ask_pages TOKEN QUERY         the seqs, a line each, of all pages
#   verdict [QUERY]               a verify: sets OK, FIRST_BAD, CODES
#   part_place, parts_beside      where records lie in a segment
#   flip FILE AT                  every bit of a byte turned over

# How jq sums an answer up: its events, whether there are more.
ANSWER_FILTER='if .events then "\(.events | length)\(if .has_more then " more" else "" end)" else "error \(.status)" end'

# ask_many TOKEN FILE: FILE has a query string a line. One curl asks them all over one connection.
ask_many() {
  sed 's/["\\]/\\&/g; s|.*|url = "'"$URL"'/v1/events?&"|' "$2" >"$TMP/ask.curl"
  curl -q -sS --noproxy '*' --globoff --max-time 600 -H @"$TMP/token.$1" -K "$TMP/ask.curl" 2>>"$TMP/log/curl" | jq -r "$ANSWER_FILTER" >"$TMP/ask.first"
  paste "$TMP/ask.first" "$2" | awk -F'\t' '$1 ~ / more$/ {print NR "\t" $2}' >"$TMP/ask.more"
  # A page may be shorter than its limit: then its successors count too.
  while IFS=$'\t' read -r line query; do
    printf '%d\t%d\n' "$line" "$(ask_pages "$1" "$query" | wc -l)"
  done <"$TMP/ask.more" >"$TMP/ask.counted"
  awk -F'\t' 'FILENAME == ARGV[1] {counted[$1] = $2; next} {print (FNR in counted) ? counted[FNR] : $0}' "$TMP/ask.counted" "$TMP/ask.first"
}

# Follows cursors until has_more is false. A failed page prints `error STATUS`.
ask_pages() { # ask_pages TOKEN QUERY
  local cursor= answer
  while :; do
    http_as "$1" --globoff "/v1/events?$2${cursor:+&cursor=$cursor}"
    [ "$STATUS" = 200 ] || { echo "error $STATUS"; return 1; }
    mapfile -t answer < <(jq -r '(if .has_more then .next_cursor | @uri else "" end), .events[].seq' "$TMP/body")
    [ "${#answer[@]}" -le 1 ] || printf '%s\n' "${answer[@]:1}"
    cursor=${answer[0]:-}
    [ -n "$cursor" ] || return 0
  done
}

verdict() {
  http_as auditor "/v1/verify?${1:-mode=full}"
  OK=$(json '"\(.ok) \(.complete)"')
  FIRST_BAD=$(json .first_bad)
  CODES=$(json '[.errors[].code] | unique | join(" ")')
}

# ---- damage

segments() { find "$DATA/segments" -type f ! -name '*.sums' | sort; }
page_size() { od -An -tu4 -j20 -N4 "$1" | tr -d ' '; }

# rows FILE: a line a row of its records, in order: the number of its part of 16, the row's bytes as hex. A large part has several; the last number is the dictionary's.
rows() { db5.3_dump -s blocks "$1" | awk '/^DATA=END/ {exit} data && ++n % 2 {key = substr($1, 1, 8); next} data {print key, $1} /^HEADER=END/ {data = 1}'; }

# place FILE HEX: where these bytes lie, by their first 100, in a leaf of a btree: pages that were split keep old bytes.
place() {
  local at page
  page=$(page_size "$1")
  while IFS=: read -r at _; do
    at=$((at / 2))
    [ "$(od -An -tu1 -j$((at / page * page + 25)) -N1 "$1" | tr -d ' ')" != 5 ] || { echo "$at"; return 0; }
  done < <(od -An -v -tx1 "$1" | tr -d ' \n' | grep -obF "${2:0:200}")
  return 1
}

# part_place FILE N: where the first row of part N lies
part_place() { place "$1" "$(rows "$1" | awk -v key="$(printf '%08x' "$2")" '$1 == key {print $2; exit}')"; }

# parts_beside FILE AT: the numbers of the parts that have a row on the page of that byte
parts_beside() {
  local size key
  size=$(page_size "$1")
  od -An -v -tx1 -j$(($2 / size * size)) -N"$size" "$1" | tr -d ' \n' >"$TMP/page"
  rows "$1" | awk 'FILENAME == ARGV[1] {page = $0; next} index(page, substr($2, 1, 200)) {print $1}' "$TMP/page" - | uniq | while read -r key; do echo $((16#$key)); done
}

flip() {
  local byte
  byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
  printf "\\x$(printf '%02x' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
