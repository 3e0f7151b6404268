# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Many questions at once, pages, verdicts, and damage on purpose. To be sourced after lib.sh.
#
#   ask_many TOKEN QUERIES        a line an answer, in order: the number of events, or `error STATUS`
#   ask_pages TOKEN QUERY         the seqs, a line each, of all pages
#   verdict [OPTIONS]             the last verify: sets OK, FIRST_BAD, CODES
#   blocks, block_hex, place     where records lie in a segment
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
  awk -F'\t' 'FNR == NR {counted[$1] = $2; next} {print (FNR in counted) ? counted[FNR] : $0}' "$TMP/ask.counted" "$TMP/ask.first"
}

# Follows cursors until has_more is false. A failed page prints `error STATUS`.
ask_pages() { # ask_pages TOKEN QUERY
  local cursor=
  while :; do
    http_as "$1" --globoff "/v1/events?$2${cursor:+&cursor=$cursor}"
    [ "$STATUS" = 200 ] || { echo "error $STATUS"; return 1; }
    jq -r '.events[].seq' "$TMP/body"
    [ "$(json .has_more)" = true ] || return 0
    cursor=$(json '.next_cursor | @uri')
  done
}

verdict() { # verdict [QUERY]
  http_as auditor "/v1/verify?${1:-mode=full}"
  OK=$(json '"\(.ok) \(.complete)"')
  FIRST_BAD=$(json .first_bad)
  CODES=$(json '[.errors[].code] | unique | join(" ")')
}

# ---- damage

segments() { find "$DATA/segments" -type f | sort; }
page_size() { od -An -tu4 -j20 -N4 "$1" | tr -d ' '; }

# blocks FILE: a line a block of 64 records: its number in the file, the page it begins in, the page it ends in
blocks() {
  local page n=0 hex at
  page=$(page_size "$1")
  while read -r hex; do
    at=$(place "$1" "$hex")
    echo "$n $((at / page)) $(((at + ${#hex} / 2 - 1) / page))"
    n=$((n + 1))
  done < <(db5.3_dump -s blocks "$1" | awk '/^DATA=END/ {exit} data && ++n % 2 == 0 {print $1} /^HEADER=END/ {data = 1}')
}

# block_hex FILE N: the bytes of block N, as hex
block_hex() { db5.3_dump -s blocks "$1" | awk -v n="$2" '/^DATA=END/ {exit} data && ++i == 2 * n + 2 {print $1; exit} /^HEADER=END/ {data = 1}'; }

# place FILE HEX: the offset of these bytes, by their first 100
place() {
  local at
  at=$(od -An -v -tx1 "$1" | tr -d ' \n' | grep -obF "${2:0:200}" | head -n 1 | cut -d : -f 1)
  [ -n "$at" ] && echo $((at / 2))
}

flip() { # flip FILE AT: every bit of the byte there
  local byte
  byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
  printf "\\x$(printf '%02x' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
