#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What web servers make of our answers: the same whole answer behind lighttpd and Apache, whatever part, coding or form a client asks for.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$lib/ask.sh"

begin answers
: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"
make_ledger
KEY=$(head -n 1 "$TMP/log/init")
add_token app writer
add_token reader reader
add_token admin admin
add_token auditor auditor
EVENTS=8192
BROWSER='text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

events() { # events N
  awk -v n="$1" 'BEGIN {for (i = 0; i < n; i++) printf "{\"id\":\"%06d\",\"action\":\"read\",\"user\":\"u%d\",\"resource\":\"/doc/%d\",\"message\":\"%s\"}\n", i, i % 10, i, "the quick brown fox jumps over the lazy dog and back again"}'
}

# As an administrator has it who packs all that the server sends.
write_apache_deflate() { write_apache_main proxy proxy_fcgi filter deflate env; }
apache_deflate_start() {
  conf_copy apache.conf -e 's|<Location "/audit/">|&\n  SetOutputFilter DEFLATE|'
  apache_run write_apache_deflate
}

# A Range is no way to a part of an answer that differs from one request to the next: two of them would not fit together.
ranges() { # ranges SERVER
  http_as reader "/v1/events?order=asc&limit=50"
  jq -c '[.events, .next_cursor]' "$TMP/body" >"$TMP/whole" # the head beside them may be another by now
  http_as reader -H 'Range: bytes=10-99' "/v1/events?order=asc&limit=50"
  answers "$1: a Range of a question is the whole answer" 200
  check "$1: with all its events" cmp -s "$TMP/whole" <(jq -c '[.events, .next_cursor]' "$TMP/body")
  is "$(header Accept-Ranges) $(header Content-Range)" "none " "$1: which is said"
  http -H 'Range: bytes=0-3,8-9' /assets/style.css
  answers "$1: and so is a file" 200
  http_as reader -H 'Range: bytes=-100' "/v1/events?order=asc&limit=all&format=csv"
  answers "$1: and a stream" 200
  is "$(head -c 4 "$TMP/body")" "seq," "$1: from its beginning"
}

# Longer than servers take by themselves; and longer than any takes, in a form.
long_questions() { # long_questions SERVER
  local question
  question=$(awk 'BEGIN {for (i = 0; i < 440; i++) printf "&user=some.person.%04d@example.org", i}')
  http_as reader "/v1/events?limit=1&user=u1$question"
  answers "$1: a question of ${#question} bytes" 200
  is "$(jq -r '[.events[].user] | join(",")' "$TMP/body")" u1 "$1: finds what is there"
  http_as reader "/v1/events?limit=1$question"
  is "$STATUS $(jq '.events | length' "$TMP/body")" "200 0" "$1: and nothing else"
  http_as reader "/v1/events?limit=1$question$question$question"
  like "$STATUS" '^4[0-9][0-9]$' "$1: one that is too long is refused, and never cut"
  awk 'BEGIN {printf "limit=1&user=u1"; for (i = 0; i < 900; i++) printf "&user=%0400d", i}' >"$TMP/question"
  http_as reader --data-binary "@$TMP/question" /v1/query
  answers "$1: a form of 360 KB" 200
  is "$(jq -r '[.events[].user] | join(",")' "$TMP/body")" u1 "$1: finds it too"
}

write_apache_long() { write_apache_main proxy proxy_fcgi; }

# Where somebody lets URLs be longer than mod_proxy_fcgi passes on.
lost_question() {
  local question
  conf_copy apache.conf -e 's|^LimitRequestLine .*|LimitRequestLine 70000|'
  apache_run write_apache_long
  question=$(awk 'BEGIN {for (i = 0; i < 600; i++) printf "&user=some.person.%04d@example.org", i}')
  http_as reader "/v1/events?limit=1$question"
  answers "Apache: a query string that it leaves out is no question for everything" 400
  like "$(jq -r .detail "$TMP/body")" '/v1/query' "Apache: which is said"
  stop "$APACHE"
}

# packed SERVER NAME TOKEN PATH: gzip on the way, the same text behind it, and HEAD says so
packed() {
  local length
  http_as "$3" "$4"
  cp "$TMP/body" "$TMP/whole"
  is "$(header Content-Encoding)" "" "$1, $2: as it is for who asks nothing"
  http_as "$3" -H 'Accept-Encoding: gzip' "$4"
  is "$STATUS $(header Content-Encoding)" "200 gzip" "$1, $2: packed for who takes gzip"
  like "$(header Vary)" 'Accept-Encoding' "$1, $2: caches are told"
  check "$1, $2: it is smaller" [ "$(wc -c <"$TMP/body")" -lt $(($(wc -c <"$TMP/whole") * 2 / 3)) ]
  gzip -dc <"$TMP/body" >"$TMP/unpacked" 2>>"$TMP/log/gzip"
  check "$1, $2: and the same" cmp -s "$TMP/whole" "$TMP/unpacked"
  http_as "$3" --head -H 'Accept-Encoding: gzip' "$4"
  length=$(header Content-Length)
  is "$STATUS $(header Content-Encoding)" "200 gzip" "$1, $2: HEAD says the same"
  like "${length:-none}" '^(none|0)$' "$1, $2: and no length of what is not packed"
  http_as "$3" -H 'Accept-Encoding: gzip;q=0, *' "$4"
  is "$STATUS $(header Content-Encoding)" "200 " "$1, $2: and plain for who refuses it"
}

codings() { # codings SERVER
  local sources
  packed "$1" "a question" reader "/v1/events?order=asc&limit=500&source=app&fields=user,resource&format=ndjson"
  packed "$1" "a stream" reader "/v1/events?order=asc&limit=all&source=app&format=csv&trailer=0"
  packed "$1" "a tile of entries" auditor /tile/entries/000
  packed "$1" "a file" - /assets/style.css
  http_as reader -H 'Accept-Encoding: gzip' /
  is "$STATUS $(header Content-Encoding)" "200 " "$1: a page, whose form holds a secret, is not packed"
  check "$1: though it is long" [ "$(wc -c <"$TMP/body")" -gt 4096 ]
  sources=$(printf '"s-%060d",' {1..30})
  http_as admin -H 'Accept-Encoding: gzip' --data-binary "{\"name\":\"t$(date +%s%N)\",\"roles\":[\"writer\"],\"sources\":[${sources%,}]}" /v1/tokens
  is "$STATUS $(header Content-Encoding) $(header Vary)" "201  " "$1: nor is a new token"
  check "$1: though it is long too" [ "$(wc -c <"$TMP/body")" -gt 1200 ]
}

# Tags are of the bytes that are sent: one of either coding is known again.
tags() { # tags SERVER
  local plain gzip
  http /assets/style.css
  plain=$(header ETag)
  http -H 'Accept-Encoding: gzip' /assets/style.css
  gzip=$(header ETag)
  like "$plain $gzip" '^"[0-9a-f]{32}" "[0-9a-f]{32}-gzip"$' "$1: a strong ETag for each coding"
  rm "$TMP/body" # curl leaves it where there is none
  http -H "If-None-Match: $plain" /assets/style.css
  is "$STATUS $(header ETag)" "304 $plain" "$1: the plain one is known again"
  http -H 'Accept-Encoding: gzip' -H "If-None-Match: $gzip" /assets/style.css
  is "$STATUS $(header ETag)" "304 $gzip" "$1: and the packed one"
  check "$1: neither has a body" [ ! -s "$TMP/body" ]
}

# A browser that asks for a script of another origin is told no, by us and not by the web server.
origins() { # origins SERVER
  http_as - -X OPTIONS -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: GET' /v1/events
  answers "$1: OPTIONS" 405 bad-method
  is "$(header Allow) $(header Access-Control-Allow-Origin)" "POST, GET, HEAD " "$1: what the route takes, and no leave"
}

# What a person sees in a browser where something is wrong, and a program in its place.
words() { # words SERVER
  local path status word who
  while read -r who path status word; do
    http_as "$who" -H "Accept: $BROWSER" "$path"
    is "$STATUS $(header Content-Type)" "$status text/html; charset=utf-8" "$1: $status is a page in words"
    cp "$TMP/body" "$TMP/body.page"
    like "$(cat "$TMP/body")" "$status $word</p>" "$1: $word, with its name"
    check "$1: and a way to the log" grep -qF 'href="/audit/"' "$TMP/body"
    like "$(header Content-Security-Policy)" "^default-src 'none'" "$1: under the page's policy"
    http_as "$who" -H 'Accept: */*' "$path"
    answers "$1: a program gets the document" "$status" "$word"
  done <<'TXT'
- /v1/events 401 no-token
app /v1/events 403 not-allowed
reader /v1/nothing 404 no-route
reader /v1/events?%3Cscript%3E=1 400 bad-parameter
TXT
  check "$1: markup that was asked for is text" grep -qF '&lt;script&gt;' "$TMP/body.page"
}

exercise() {
  words "$1"
  origins "$1"
  ranges "$1"
  long_questions "$1"
  codings "$1"
  tags "$1"
}

serve_start
apache_start
events "$EVENTS" >"$TMP/events"
http_as app --data-binary @"$TMP/events" '/v1/events?batch=1'
answers "events" 200
exercise Apache
stop "$APACHE"
lost_question
apache_deflate_start
codings "Apache with mod_deflate"
stop "$APACHE"
lighttpd_front_start
exercise lighttpd

# ---- what cannot be finished

# broken SERVER FORMAT [CURL OPTIONS]: the client sees that the transfer breaks; nothing at its end looks like an event
broken() {
  # Apache breaks it only when it gives the connection up, KeepAliveTimeout later.
  http_as reader -H 'Connection: close' "${@:3}" "/v1/events?order=asc&limit=all&source=app&trailer=0&format=$2"
  is "$STATUS" "000 200" "$1: $2 ${*:3} breaks off where a record cannot be read"
  [ $# = 2 ] || return 0
  check "$1: after what was sent" [ "$(wc -c <"$TMP/body")" -gt 1048576 ]
  check "$1: in the middle of a line" [ -n "$(tail -c 1 "$TMP/body")" ]
}

# broken_bundle SERVER: of one record, whose range has one that cannot be read: what went out is refused by everybody
broken_bundle() {
  http_as auditor -H 'Connection: close' "/v1/evidence?id=000007"
  is "$STATUS" "000 200" "$1: a bundle breaks off, too"
  check "$1: after what was sent" [ "$(wc -c <"$TMP/body")" -gt 1048576 ]
  tar -tf "$TMP/body" >"$TMP/out" 2>>"$TMP/log/tar" # which may miss it, between two files
  check "$1: it has tiles, and no manifest" eval 'grep -q "^tile/" "$TMP/out" && ! grep -q MANIFEST "$TMP/out"'
  "$CF_VERIFY" --vkey "$KEY" "$TMP/body" >"$TMP/out" 2>&1
  is "$?" 1 "$1: counterfoil-verify refuses it"
  says 'the tar is not one: ' "$1: and says why"
}

enough_segments() { [ "$(segments | wc -l)" -ge $((EVENTS / 1024)) ]; }
for ((end = SECONDS + PATIENCE; SECONDS <= end; )); do
  enough_segments && break
  sleep 0.1
done
check "segments are there" enough_segments
stop "$LIGHTTPD"
stop "$SERVE"
segment=$(segments | tail -n 1)
flip "$segment" $(($(part_place "$segment" 5) + 20))
serve_start
lighttpd_front_start
for format in csv ndjson; do
  broken lighttpd "$format"
  broken lighttpd "$format" -H 'Accept-Encoding: gzip'
done
broken_bundle lighttpd
apache_start
broken_bundle Apache
for format in csv ndjson; do
  broken Apache "$format"
  broken Apache "$format" -H 'Accept-Encoding: gzip'
done
finish
