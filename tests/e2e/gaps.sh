#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What sources did not send: GET /v1/gaps behind a web server, counterfoil gaps, and what verify finds of it; over several
# segments and a tail, a restart, and CGI.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin gaps
make_ledger "segment_records=256"
add_token agent writer --sources '*'
add_token reader reader
add_token auditor auditor

# counted SOURCE FROM TO [STEP]: events of these counts, an array
counted() { awk -v source="$1" -v i="$2" -v to="$3" -v step="${4:-1}" 'BEGIN {for (; i <= to; i += step) printf "%s{\"action\":\"a\",\"source\":\"%s\",\"source_seq\":%d}", n++ ? "," : "[", source, i; print "]"}'; }
send() { # send SOURCE FROM TO [STEP]
  counted "$@" >"$TMP/events"
  http_as agent -H 'Content-Type: application/json' --data-binary "@$TMP/events" /v1/events
  is "$STATUS $(json .rejected)" "200 0" "$1 sends $2 to $3"
}
FIGURES='.sources[] | [.source, .first, .last, .count, .missing, .gaps, .repeats, .restarts, .exact] | join(" ")'
figures() { jq -r "$FIGURES" "$TMP/body"; }

lighttpd_start
send web 1 700
send web 711 1500
send app 1 400 2
send web 1 50
send web 52 60
WANT='app 1 399 200 199 199 0 0 true
web 1 60 1549 11 2 0 1 true'
http_as auditor /v1/gaps
is "$STATUS" 200 "the gaps"
is "$(figures)" "$WANT" "of each source"
is "$(json '.sources[1].intervals | map("\(.from)-\(.to)/\(.run)") | join(" ")')" "701-710/0 51-51/1" "which they are"
is "$(json '"\(.complete) \(.unread) \(.untold) \(.has_more)"')" "true 0 0 false" "of all that there is"
http_as auditor '/v1/gaps?source=web'
is "$(json '.sources | length')" 1 "of one source alone"
http_as reader /v1/gaps
is "$STATUS" 403 "no reader's"
http /v1/gaps
is "$STATUS" 401 "nobody's"

http_as auditor '/v1/verify?mode=full'
is "$(json '"\(.ok) \(.findings_total) \(.findings_exact)"')" "true 201 true" "verify finds them, and holds"
is "$(json '[.findings[] | select(.source == "web") | "\(.code) \(.from)-\(.to)"] | join(", ")')" "SOURCE_GAP 701-710, SOURCE_GAP 51-51" "by the leaves"

# ---- the command, beside the service

run "gaps" 1 gaps --config "$CONF"
says 'app: 200 records, source_seq 1 to 399: 199 missing in 199 gaps: … .*398' "a line a source"
says 'web: 1549 records, source_seq 1 to 60, began again 1 times: 11 missing in 2 gaps: 701-710 \(run 0\), 51' "with its gaps"
run "as JSON" 1 gaps --config "$CONF" --json --source web
is "$(jq -r .sources[0].missing "$TMP/out")" 11 "is the route's"
run "verify" 0 verify --config "$CONF"
says 'SOURCE_GAP of web: source_seq 701 to 710 is missing' "tells of them"
says '201 gaps in all' "and how many"
send web 51 51
send web 61 80
run "what came late" 1 gaps --config "$CONF" --source web
says 'web: 1570 records, source_seq 1 to 80, began again 1 times: 10 missing in 1 gap: 701-710 \(run 0\)' "fills its gap"
run "a source that is not there" 0 gaps --config "$CONF" --source nobody
says 'no source counts its events' "is said"

# ---- a stranger's verifier

run "all of it as evidence" 0 evidence --config "$CONF" -o "$TMP/all.tar" seq_from=0
cp "${CF_VERIFY:-$CF_BUILDDIR/counterfoil-verify}" "$TMP/bin/"
"$TMP/bin/counterfoil-verify" "$TMP/all.tar" >"$TMP/out"
says 'SOURCE_GAP of web: source_seq 701 to 710 is missing' "says so too"
"$TMP/bin/counterfoil-verify" --json "$TMP/all.tar" >"$TMP/out"
is "$(jq -r '"\(.ok) \(.findings_total) \(.findings_exact)"' "$TMP/out")" "true 200 true" "by the leaves alone"

# ---- another process

stop "$LIGHTTPD"
run "after the service" 1 gaps --config "$CONF"
says 'web: 1570 records, source_seq 1 to 80, began again 1 times: 10 missing' "it is the same"
run "of a copy" 1 gaps --config "$CONF" --read-only
says 'web: 1570 records' "and of evidence"
cgi_get auditor /v1/gaps
is "$STATUS $(figures | tail -n 1)" "200 web 1 80 1570 10 1 0 1 true" "and of a CGI"
check "there are segments" [ "$(find "$DATA/segments" -type f ! -name '*.sums' | wc -l)" -ge 3 ]
finish
