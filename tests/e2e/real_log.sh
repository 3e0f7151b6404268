#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real access log: everything in it is found again, page by page and question by question as awk counts it; a second import adds
# nothing; a flipped byte is named, contained, and never makes an answer wrong or short.
# CF_REAL_LOG names a log in the combined format; without it the servers here make one.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

# ---- a log

# Requests of many kinds to the static files of a server, from several addresses.
make_requests() { # make_requests NUMBER
  awk -v n="$1" -v site="$SITE" -v null=/dev/null 'BEGIN {
    srand(7)
    split("/ /index.html /a/b.html /a /none.html /docs/1.html?x=1 /docs/2.html?x=%2F&y= /docs/3.html?q=a+b /%7Euser /a%20b.html", path, " ")
    split("GET GET GET GET HEAD POST OPTIONS DELETE", method, " ")
    agents = "Mozilla/5.0 (X11; Linux)|curl/7.88.1|quote \\\" and \\\\ back|-||\303\251t\303\251"
    split(agents, agent, "|")
    for (i = 0; i < n; i++) {
      m = method[int(rand() * 8) + 1]
      print "url = \"" site path[int(rand() * 10) + 1] "\""
      print "interface = \"127.0.0." int(rand() * rand() * 40) + 1 "\""
      print "user-agent = \"" agent[int(rand() * 6) + 1] "\""
      print "referer = \"http://example.org/" int(rand() * 9) "\""
      print (m == "HEAD" ? "head" : "request = " m)
      if (rand() < 0.1) print "range = \"0-9\""
      print "output = " null "\nsilent\nnoproxy = *\nmax-time = 60"
      if (i < n - 1) print "next"
    }
  }' >"$TMP/requests.curl"
  curl -q -K "$TMP/requests.curl" >"$TMP/log/requests" 2>&1 || die "the requests for a log failed: $(tail -n 3 "$TMP/log/requests")"
}

make_log() {
  local n
  n=$(count 1700 1700 4000)
  mkdir -p "$TMP/htdocs/docs" "$TMP/htdocs/a"
  for f in index.html docs/1.html docs/2.html docs/3.html a/b.html "a b.html"; do printf '<p>%s of some length</p>\n' "$f" >"$TMP/htdocs/$f"; done
  [ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$TMP/htdocs"
  make_requests "$n" # to lighttpd
  note "lighttpd wrote $n lines"
}

take_log() {
  if [ -n "${CF_REAL_LOG:-}" ]; then
    cp "$CF_REAL_LOG" "$TMP/access.log" || die "CF_REAL_LOG cannot be read"
    return
  fi
  serve_start
  apache_start
  make_log
  end_processes
  lighttpd_start
  make_log
  end_processes
  # Only the requests for files: the application's own are in the log too, and lighttpd's second field is the virtual host.
  cat "$TMP/log/apache.access" "$TMP/log/lighttpd.access" >"$TMP/access.log"
}

# ---- what awk says

# A line a question: parameter=value, how often. Values are percent-encoded; hours are from and to in seconds.
count_log() {
  awk '
    BEGIN { for (i = 0; i < 256; i++) ord[sprintf("%c", i)] = i }
    function encode(s,   i, c, out) {
      for (i = 1; i <= length(s); i++) { c = substr(s, i, 1); out = out (c ~ /[A-Za-z0-9_.~-]/ ? c : sprintf("%%%02X", ord[c])) }
      return out
    }
    {
      match($0, /\[[0-9]+\/[A-Z][a-z]+\/[0-9:]+ [-+][0-9]+\]/)
      hour[substr($0, RSTART + 1, 14) substr($0, RSTART + 21, 6)]++
      rest = substr($0, RSTART + RLENGTH + 2)
      split(rest, quoted, "\"")
      split(quoted[1], request, " ")
      split(quoted[2], result, " ")
      path = request[2]
      sub(/\?.*/, "", path)
      n["method=" encode(request[1])]++
      n["status=" result[1]]++
      n["ip=" encode($1)]++
      n["resource=" encode(path)]++
    }
    END {
      for (k in n) print k "\t" n[k]
      for (h in hour) print "hour=" h "\t" hour[h]
    }' "$TMP/access.log" | sort
}

# hour=17/May/2015:10 +0000 becomes from=…&to=…
hours_to_times() {
  local key n from
  while IFS=$'\t' read -r key n; do
    case $key in
      hour=*)
        key=${key#hour=}
        from=$(date -u -d "$(printf '%s' "${key:0:11}" | tr / ' ') ${key:12:2}:00:00 ${key:15}" +%s)
        printf 'from=%d&to=%d\t%d\n' "$from" $((from + 3600)) "$n"
        ;;
      *) printf '%s\t%s\n' "$key" "$n" ;;
    esac
  done
}

# compare NAME: every question of $TMP/want asked, its count equal
compare_counts() {
  local wrong
  ask_many reader "$TMP/queries" >"$TMP/got"
  wrong=$(paste "$TMP/got" "$TMP/want" | awk -F'\t' '$1 != $3 {print "got " $1 ", want " $3 ": " $2}')
  is "$(printf '%s' "$wrong" | head -n 5)" "" "$1: $(wc -l <"$TMP/want") questions as awk counts"
}

prepare_counts() {
  count_log | hours_to_times >"$TMP/want"
  awk -F'\t' '{print $1 "&limit=10000&fields=seq&source=weblog"}' "$TMP/want" >"$TMP/queries"
  note "$(awk -F'[=\t]' '{n[$1]++} END {for (k in n) printf "%s %d, ", k, n[k]}' "$TMP/want") distinct values"
}

# ---- tests

imported() { # imported NAME LINES NEW OLD: what import said
  local result
  result=$(cli import --config "$CONF" --source weblog --json "$TMP/access.log" 2>>"$TMP/log/import")
  is "$(jq -c '[.lines, .accepted, .duplicates, .messages]' <<<"$result" 2>&1)" "[$2,$3,$4,0]" "$1"
}

paging() {
  local order sort limit
  for sort in seq time; do
    limit=100
    [ "$sort" = seq ] || limit=500
    for order in asc desc; do
      ask_pages reader "source=weblog&limit=$limit&fields=seq&sort=$sort&order=$order" >"$TMP/pages"
      is "$(sort -n "$TMP/pages" | uniq | wc -l) $(wc -l <"$TMP/pages")" "$LINES_N $LINES_N" "pages of $limit by $sort, $order, give each seq once"
      [ "$sort" = time ] || check "and in order" sort -c -n $([ "$order" = asc ] || echo -r) "$TMP/pages"
    done
  done
}

all_seqs() { ask_pages reader "kind=all&limit=10000&fields=seq&order=asc"; }

# Which records lie on the page of that byte: sets BAD_FROM and BAD_TO; and TOLD_FROM and TOLD_TO, since damage is told by whole blocks.
damage_range() { # damage_range FILE AT
  local first
  first=$((10#$(basename "$1" | cut -d - -f 1)))
  parts_beside "$1" "$2" >"$TMP/beside"
  BAD_FROM=$((first + 16 * $(head -n 1 "$TMP/beside")))
  BAD_TO=$((first + 16 * ($(tail -n 1 "$TMP/beside") + 1)))
  TOLD_FROM=$((BAD_FROM / 64 * 64))
  TOLD_TO=$(((BAD_TO + 63) / 64 * 64))
}

damage() {
  local segment at total
  segment=$(segments | sed -n 3p)
  total=$(all_seqs | wc -l)
  lighttpd_down
  at=$(($(part_place "$segment" 5) + 20))
  damage_range "$segment" "$at"
  cp -p "$segment" "$TMP/segment.saved"
  flip "$segment" "$at"
  note "flipped byte $at of $(basename "$segment"): seqs $BAD_FROM to $((BAD_TO - 1)) are on its page"
  lighttpd_start
  verdict
  is "$OK $FIRST_BAD" "false true $TOLD_FROM" "verify is not ok and names the first bad seq"
  damaged_reads "$total"
  damaged_queries
  lighttpd_down
  cp -p "$TMP/segment.saved" "$segment"
  lighttpd_start
  verdict
  is "$OK $FIRST_BAD" "true true null" "with the byte put back verify is ok"
  damage_everywhere
}

# A few bytes somewhere in each segment, whatever they belong to: every answer is right or an error.
damage_everywhere() {
  local segment wrong _
  lighttpd_down
  cp -a "$DATA/segments" "$TMP/saved"
  while read -r segment; do
    for _ in 1 2 3; do flip "$segment" $(((RANDOM * 32768 + RANDOM) % $(wc -c <"$segment"))); done
  done < <(segments)
  lighttpd_start
  add_token late reader # one of before may be in doubt, and not read
  shuf -n 400 "$TMP/want" >"$TMP/some"
  awk -F'\t' '{print $1 "&limit=10000&fields=seq&source=weblog"}' "$TMP/some" >"$TMP/queries"
  ask_many late "$TMP/queries" >"$TMP/got"
  wrong=$(paste "$TMP/got" "$TMP/some" | awk -F'\t' '$1 != $3 && $1 != "error 500" {print "got " $1 ", want " $3 ": " $2}')
  is "$(printf '%s' "$wrong" | head -n 5)" "" "flipped bytes anywhere in each segment: $(wc -l <"$TMP/got") answers, $(grep -c error "$TMP/got") of them refused, none wrong"
  lighttpd_down
  cp -a "$TMP/saved/." "$DATA/segments/"
  lighttpd_start
  compare_some
}

compare_some() { # the same questions with everything put back
  ask_many reader "$TMP/queries" >"$TMP/got"
  is "$(paste "$TMP/got" "$TMP/some" | awk -F'\t' '$1 != $3' | head -n 5)" "" "with the bytes put back all is as before"
}

# Everything outside is still there, one by one near the damage; what is asked of the inside is an error that says where.
damaged_reads() { # damaged_reads TOTAL
  local before after
  before=$(ask_pages reader "kind=all&limit=10000&fields=seq&order=asc&seq_to=$BAD_FROM" | wc -l)
  after=$(ask_pages reader "kind=all&limit=10000&fields=seq&order=asc&seq_from=$BAD_TO&seq_to=$1" | wc -l)
  is "$((before + after))" "$(($1 - (BAD_TO - BAD_FROM)))" "every record outside the page can be read"
  is "$before" "$BAD_FROM" "up to the page none is missing"
  seq $((BAD_FROM - 100)) $((BAD_TO + 100 < $1 ? BAD_TO + 100 : $1 - 1)) >"$TMP/each"
  awk -v url="$URL" '{print "url = \"" url "/v1/events/" $1 "\"\noutput = /dev/null"}' "$TMP/each" >"$TMP/each.curl"
  curl -q -sS --noproxy '*' -H @"$TMP/token.reader" -K "$TMP/each.curl" -w '%{http_code}\n' 2>>"$TMP/log/curl" |
    paste "$TMP/each" - | awk -v from="$TOLD_FROM" -v to="$TOLD_TO" '{want = $1 >= from && $1 < to ? 500 : 200; if ($2 != want) print}' >"$TMP/each.wrong"
  is "$(head -n 5 "$TMP/each.wrong")" "" "one by one, exactly those of the blocks on the page cannot be read"
  http_as reader "/v1/events?seq_from=$((BAD_FROM - 10))&seq_to=$((BAD_TO + 10))&kind=all&limit=10000"
  answers "a question over the page is refused" 500 store-damaged
  is "$(json "\"\(.seq_from) \(.seq_to)\"")" "$TOLD_FROM $TOLD_TO" "and names all of it"
}

# No question is answered wrongly or silently short: it has the right count, or it is an error and does concern the page.
damaged_queries() {
  local wrong
  awk -F'\t' '{print $1 "&limit=10000&fields=seq&source=weblog&seq_from='"$BAD_FROM"'&seq_to='"$BAD_TO"'"}' "$TMP/want" >"$TMP/inside"
  ask_many reader "$TMP/queries" >"$TMP/got"
  ask_many reader "$TMP/inside" >"$TMP/got.inside"
  wrong=$(paste "$TMP/got" "$TMP/want" "$TMP/got.inside" | awk -F'\t' '$1 == $3 {next} $1 == "error 500" && $4 == "error 500" {errors++; next}
    {print "got " $1 ", want " $3 ", on the page " $4 ": " $2} END {if (!errors) print "no question met the damage"}')
  is "$(printf '%s' "$wrong" | head -n 5)" "" "no question is answered wrongly or silently short"
}

lighttpd_down() { end_processes; }

begin real_log
make_ledger
add_token reader reader
add_token auditor auditor
take_log
LINES_N=$(wc -l <"$TMP/access.log")
prepare_counts
lighttpd_start
imported "import takes all $LINES_N lines" "$LINES_N" "$LINES_N" 0
compare_counts "after the import"
paging
imported "a second import adds nothing" "$LINES_N" 0 "$LINES_N"
lighttpd_down
lighttpd_start
compare_counts "after a restart"
verdict
is "$OK $FIRST_BAD" "true true null" "full verify is ok"
check "there are several segments" [ "$(segments | wc -l)" -ge 3 ]
[ "$(segments | wc -l)" -lt 3 ] || damage
finish
