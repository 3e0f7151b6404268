#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# POST /v1/events as the interface describes it, row by row and status by status, through real lighttpd and real Apache.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"

JSON='Content-Type: application/json'
NDJSON='Content-Type: application/x-ndjson'

# post TOKEN QUERY BODY [CURL OPTIONS]; BODY @FILE is a file's content
post() {
  local token=$1 query=$2 body=$3
  shift 3
  [ "${body:0:1}" = @ ] || { printf '%s' "$body" >"$TMP/request"; body=@$TMP/request; }
  [[ "$*" = *Content-Type:* ]] || set -- -H "$JSON" "$@"
  http_as "$token" --data-binary "$body" "$@" "/v1/events$query"
}

get_last() { http_as reader "/v1/events/$(jq -r .seq "$TMP/body")"; } # the event that the last answer says was taken

door_note() { printf '%s: %s' "$DOOR" "$1"; }
check_answers() { answers "$(door_note "$1")" "${@:2}"; }
check_is() { is "$1" "$2" "$(door_note "$3")"; }
check_like() { like "$1" "$2" "$(door_note "$3")"; }

# ---- the table of cases

one_object() {
  local seq first
  post writer '' '{"id":"one-1","action":"doc.read","user":"alice","status":200}'
  check_answers "one object is taken" 201
  seq=$(json .seq)
  first=$(json '[.seq, .recorded, .leaf_hash] | tostring')
  check_is "$(json '[(.seq | type), (.recorded | test("^....-..-..T..:..:..[.]......Z$")), (.leaf_hash | length), .size > .seq, has("duplicate")] | tostring')" \
    '["number",true,44,true,false]' "it says seq, recorded, leaf_hash, size"
  check_is "$(header Location)" "events/$seq" "Location names it"
  check_is "$(header X-Content-Type-Options)" nosniff "X-Content-Type-Options"
  post writer '' '{"id":"one-1","action":"doc.read","user":"alice","status":200}'
  check_answers "the same id again, same content" 200
  check_is "$(json '[.seq, .recorded, .leaf_hash] | tostring') $(json .duplicate)" "$first true" "it is the first answer, a duplicate"
  post writer '' '{"status":200,"user":"alice","id":"one-1","outcome":"success","action":"doc.read"}'
  check_answers "the same content in other words is a duplicate too" 200
  post writer '' '{"id":"one-1","action":"doc.read","user":"bob","status":200}'
  check_answers "the same id, other content" 409 conflict
  check_is "$(json .seq)" "$seq" "it names the record that has the id"
  post writer2 '' '{"id":"one-1","action":"doc.read","user":"bob"}'
  check_answers "ids are per source" 201
  post writer '?receipt=1' '{"id":"one-2","action":"doc.read"}'
  check_answers "with a receipt" 201
  check_like "$(json .receipt)" '^c2sp\.org/tlog-proof@v1' "the receipt is a tlog-proof"
}

batches() {
  local e1='{"id":"b-NAME-1","action":"a"}' e2='{"id":"b-NAME-2","method":"get","status":404}' name query type text
  while IFS='|' read -r name query type text; do
    text=${text//E1/$e1}
    text=${text//E2/$e2}
    post writer "$query" "$(printf '%b' "${text//NAME/$name}")" -H "$type"
    check_answers "batch as $name" 200
    check_is "$(json '[.accepted, .duplicates, .rejected, .last_seq - .first_seq, .size > .last_seq, .errors] | tostring')" '[2,0,0,1,true,[]]' "batch as $name is counted"
  done <<'TXT'
array||Content-Type: application/json|[E1,E2]
events||Content-Type: application/json|{"events":[E1,E2]}
logs||Content-Type: application/json|{"logs":[E1,E2]}
ndjson||Content-Type: application/x-ndjson|E1\nE2\n
ndjson-bare||Content-Type: application/json|E1\nE2
concatenated||Content-Type: text/plain|E1E2
TXT
  post writer '' '{"action":"a"}' -H "$NDJSON"
  check_is "$STATUS $(json .accepted)" "200 1" "one line of NDJSON is a batch"
  post writer '?batch=1' '{"action":"a"}'
  check_is "$STATUS $(json .accepted)" "200 1" "batch=1 makes one object a batch"
  post writer '' '[{"action":"a"}]'
  check_is "$STATUS $(json .accepted)" "200 1" "an array of one is a batch"
  post writer '' '[]'
  check_is "$STATUS $(json '[.accepted, .duplicates, .rejected, .errors] | tostring')" '200 [0,0,0,[]]' "an empty array is zeros"
  mixed_batches
}

mixed_batches() {
  local first
  post writer '?return=seqs' '[{"id":"m-1","action":"a"},{"nonsense":1},{"id":"m-1","action":"a"},{"id":"m-1","action":"other"},{"id":"m-2","message":"x"}]'
  check_answers "good and bad ones together" 200
  first=$(json .first_seq)
  check_is "$(json '[.accepted, .duplicates, .rejected, [.errors[] | [.index, .status]]] | tostring')" '[2,1,2,[[1,422],[3,409]]]' "good ones are kept, refused ones named, an id twice is a duplicate or a 409"
  check_is "$(json '.seqs | tostring')" "[$first,null,$first,null,$((first + 1))]" "return=seqs names the place of each"
  check_is "$(json '[.errors[].detail | length > 0] | all')" true "each refusal has words"
  post writer '' '[{"nonsense":1},{"status":1000,"action":"a"}]'
  check_answers "nothing in a batch is good" 422 invalid-event
  check_is "$(json '[.accepted, .duplicates, .rejected, (.errors | length)] | tostring')" '[0,0,2,2]' "the problem holds the same body"
  post writer '' '[{"id":"m-1","action":"a"},{"id":"m-2","message":"x"}]'
  check_is "$STATUS $(json '[.accepted, .duplicates] | tostring')" '200 [0,2]' "a batch again is duplicates"
}

# ---- what an event may be

refusals() { # name|status type|query|body: what is at fault is named
  local name want query body
  while IFS='|' read -r name want query body; do
    post writer "$query" "$body"
    # shellcheck disable=SC2086 # want is two words
    check_answers "$name" $want
  done <<'TXT'
unknown parameter|400 bad-parameter|?colour=red|{"action":"a"}
a parameter's bad value|400 bad-parameter|?batch=yes|{"action":"a"}
a parameter twice|400 bad-parameter|?batch=1&batch=1|{"action":"a"}
no JSON|422 bad-syntax||hello
half an object|422 bad-syntax||{"action":"a"
a number|422 invalid-event||5
a duplicate name|422 bad-syntax||{"action":"a","action":"b"}
a duplicate name, escaped|422 bad-syntax||{"action":"a","\u0061ction":"b"}
a duplicate name, deep|422 bad-syntax||{"action":"a","attributes":{"x":{"y":1,"y":2}}}
U+0000 in a name|422 bad-syntax||{"action":"a","attributes":{"x\u0000y":1}}
NaN|422 bad-syntax||{"action":"a","bytes":NaN}
a comment|422 bad-syntax||{"action":"a" /* x */}
an integer out of range|422 invalid-event||{"action":"a","bytes":9007199254740992}
a big integer in attributes|422 bad-syntax||{"action":"a","attributes":{"n":9223372036854775808}}
a negative integer|422 invalid-event||{"action":"a","bytes":-1}
a fraction|422 invalid-event||{"action":"a","status":200.5}
a status out of range|422 invalid-event||{"action":"a","status":1000}
a word for a status|422 invalid-event||{"action":"a","status":"good"}
an unknown member|422 invalid-event||{"action":"a","colour":"red"}
neither action, method nor message|422 invalid-event||{"user":"alice"}
nothing|422 invalid-event||{}
a null action alone|422 invalid-event||{"action":null}
a bad id|422 invalid-event||{"action":"a","id":"with space"}
a bad action|422 invalid-event||{"action":"ä"}
a bad method|422 invalid-event||{"method":"GET /"}
a bad time|422 invalid-event||{"action":"a","time":"yesterday"}
an impossible date|422 invalid-event||{"action":"a","time":"2026-02-30T00:00:00Z"}
a bad address|422 invalid-event||{"action":"a","ip":"1.2.3.256"}
a bad outcome|422 invalid-event||{"action":"a","outcome":"maybe"}
attributes that are no object|422 invalid-event||{"action":"a","attributes":[1]}
attributes too deep|422 invalid-event||{"action":"a","attributes":{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":1}}}}}}}}}}
another's source|422 invalid-event||{"action":"a","source":"somebody"}
the log's own source|422 invalid-event||{"action":"a","source":"counterfoil"}
TXT
  post writer '' '{"action":"a","colour":"red"}'
  check_is "$(json '.member // .detail' | grep -c colour)" 1 "the member at fault is named"
  post writer '?colour=red' '{"action":"a"}'
  check_is "$(json .parameter)" colour "the parameter at fault is named"
  check_like "$(json .detail)" 'batch' "and what would be right"
}

forms() { # name|query|body|filter on the event as it is read|value
  local name query body filter value
  while IFS='|' read -r name query body filter value; do
    post writer "$query" "$body"
    [ "$STATUS" = 201 ] || { check_answers "$name" 201; continue; }
    get_last
    check_is "$(json "$filter")" "$value" "$name"
  done <<'TXT'
the source is the token's name||{"action":"a"}|.source|writer
its own source may be said||{"action":"a","source":"writer"}|.source|writer
an outcome from a good status||{"method":"GET","status":304}|.outcome|success
an outcome from a bad status||{"method":"GET","status":404}|.outcome|failure
no outcome without a status||{"action":"a"}|.outcome|unknown
the method in upper case||{"method":"propfind"}|.method|PROPFIND
a null member is absent||{"action":"a","user":null,"method":null}|has("user") or has("method")|false
an empty string is a value||{"action":"a","user":""}|.user == ""|true
time with an offset||{"action":"a","time":"2026-05-01T10:00:00.5+02:00"}|.time|2026-05-01T08:00:00.500000Z
time truncated, never rounded||{"action":"a","time":"2026-05-01T10:00:00.9999999Z"}|.time|2026-05-01T10:00:00.999999Z
time in seconds||{"action":"a","time":1700000000}|.time|2023-11-14T22:13:20.000000Z
time in seconds with a fraction||{"action":"a","time":1700000000.25}|.time|2023-11-14T22:13:20.250000Z
time in milliseconds||{"action":"a","time":1700000000123}|.time|2023-11-14T22:13:20.123000Z
time in microseconds||{"action":"a","time":1700000000123456}|.time|2023-11-14T22:13:20.123456Z
time in nanoseconds||{"action":"a","time":1700000000123456789}|.time|2023-11-14T22:13:20.123456Z
a leap second||{"action":"a","time":"2016-12-31T23:59:60Z"}|.time|2016-12-31T23:59:59.999999Z
IPv6 in its canonical form||{"action":"a","ip":"2001:DB8:0:0:0:0:0:1"}|.ip|2001:db8::1
a mapped address is IPv4||{"action":"a","ip":"::ffff:192.0.2.7"}|.ip|192.0.2.7
unknown members may go to attributes|?unknown=attributes|{"action":"a","colour":"red"}|.attributes.colour|red
TXT
  post writer '' '{"action":"a","attributes":{"n":1.50,"m":-0,"z":null}}'
  get_last
  check_like "$(cat "$TMP/body")" '"attributes":[{]"m":0,"n":1[.]50[}]' "numbers in attributes keep their text"
  over_long
}

over_long() {
  local long
  long=$(printf 'u%.0s' {1..1100})
  post writer '' '{"action":"a","user":"'"$long"'"}'
  check_answers "over-long text" 422 invalid-event
  post writer '?long=cut' '{"action":"a","user":"'"$long"'"}'
  check_answers "over-long text may be cut" 201
  get_last
  check_is "$(json '[(.user | length), .attributes.truncated] | tostring')" '[1024,["user"]]' "what was cut is named"
}

# ---- who may

who_may() {
  local token
  post - '' '{"action":"a"}'
  check_answers "no token" 401 no-token
  check_like "$(header WWW-Authenticate)" '^Bearer' "401 says how"
  post - '' '{"action":"a"}' -H 'Authorization: Bearer cf_AAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  check_answers "a token that does not exist" 401 no-token
  post reader '' '{"action":"a"}'
  check_answers "a reader may not write" 403 not-allowed
  http_as writer /v1/events
  check_answers "a writer may not read" 403 not-allowed
  http_as reader /v1/verify
  check_answers "a reader may not verify" 403 not-allowed
  http_as auditor /v1/tokens
  check_answers "an auditor may not see tokens" 403 not-allowed
  token=$(sed 's/.*Bearer //' "$TMP/token.writer")
  post - '' '{"action":"a"}' -H "X-Counterfoil-Token: $token"
  check_answers "X-Counterfoil-Token" 201
  post - '' '{"action":"a"}' -u "anybody:$token"
  check_answers "Basic with a token as the password" 201
  post - '' '{"action":"a"}' -H "Authorization: Splunk $token"
  check_answers "Splunk" 201
  post - '' '{"action":"a"}' -u "anybody:password"
  check_answers "any other Basic is the web server's business" 401 no-token
  post - '' '{"action":"a"}' -H "Authorization: Bearer ${token%?}x"
  check_answers "a wrong secret" 401 no-token
  post gateway '' '{"action":"a","source":"gate/7"}'
  check_answers "a source that the token allows" 201
  post gateway '' '{"action":"a","source":"other"}'
  check_answers "one that it does not" 422 invalid-event
}

wrong_routes() {
  http_as writer -X PUT --data x /v1/events
  check_answers "PUT" 405 bad-method
  check_is "$(header Allow | tr -d ' ' | tr ',' '\n' | sort | paste -sd ,)" GET,HEAD,POST "405 says what the route takes"
  http_as writer -X DELETE /v1/events/1
  check_answers "DELETE" 405 bad-method
  check_is "$(header Allow)" "GET, HEAD" "405 of a route to read"
  http_as writer --data x /v1/nothing
  check_answers "no such route" 404 no-route
  http_as reader /v1/events/99999999
  check_answers "no such seq" 404 not-found
  http_as reader '/v1/events?usr=alice'
  check_answers "an unknown parameter of a query" 400 bad-parameter
  check_is "$(json .parameter)" usr "is named"
  http_as auditor '/v1/verify?fast=1'
  check_answers "an unknown parameter of verify" 400 bad-parameter
  http_as reader --head /v1/events
  check_is "$STATUS $(header Content-Type)" "200 application/json" "HEAD"
}

# ---- bodies

encodings() {
  printf '{"id":"enc-1","action":"a"}\n{"id":"enc-2","action":"b"}\n' >"$TMP/plain"
  gzip -nc "$TMP/plain" >"$TMP/plain.gz"
  zstd -qc "$TMP/plain" >"$TMP/plain.zst"
  post writer '' @"$TMP/plain.gz" -H "$NDJSON" -H 'Content-Encoding: gzip'
  check_is "$STATUS $(json .accepted)" '200 2' "gzip"
  post writer '' @"$TMP/plain.zst" -H "$NDJSON" -H 'Content-Encoding: zstd'
  check_is "$STATUS $(json .duplicates)" '200 2' "zstd is the same content"
  post writer '' @"$TMP/plain.gz" -H "$NDJSON"
  check_is "$STATUS $(json .duplicates)" '200 2' "gzip found by its first bytes"
  post writer '' @"$TMP/plain" -H "$NDJSON" -H 'Content-Encoding: br'
  check_answers "an unknown encoding" 415 bad-encoding
  head -c 30 "$TMP/plain.gz" >"$TMP/cut.gz"
  post writer '' @"$TMP/cut.gz" -H "$NDJSON" -H 'Content-Encoding: gzip'
  check_answers "a gzip body that is cut off" 422 bad-syntax
  post writer '' @"$TMP/plain" -H "$NDJSON" -H 'Content-Encoding: zstd'
  check_answers "a zstd body that is none" 422 bad-syntax
  post writer '' @"$TMP/plain" -H "$NDJSON" -H 'Transfer-Encoding: chunked'
  check_is "$STATUS $(json .duplicates)" '200 2' "chunked, without a length"
  http_as writer -H "$NDJSON" -H 'Content-Encoding: gzip' -X POST -T - /v1/events <"$TMP/plain.gz"
  check_is "$STATUS $(json .duplicates)" '200 2' "chunked gzip from a pipe"
}

# lines BYTES EVENTS PREFIX: so many events of together exactly so many bytes of NDJSON
lines() {
  awk -v bytes="$1" -v n="$2" -v prefix="$3" 'BEGIN {
    each = int(bytes / n)
    longer = bytes - each * n
    for (i = 0; i < 8192; i++) pad = pad "x"
    for (i = 0; i < n; i++) {
      head = sprintf("{\"id\":\"%s-%d\",\"action\":\"bulk\",\"user\":\"u%d\",\"message\":\"", prefix, i, i % 50)
      printf "%s%s\"}\n", head, substr(pad, 1, each + (i < longer) - length(head) - 3)
    }
  }'
}

large() {
  local n=40000
  lines 16777216 "$n" big >"$TMP/big"
  post writer '' @"$TMP/big" -H "$NDJSON"
  check_is "$STATUS $(json '[.accepted, .rejected, .last_seq - .first_seq + 1] | tostring')" "200 [$n,0,$n]" "a batch of 16 MiB"
  post writer '' @"$TMP/big" -H "$NDJSON" -H 'Transfer-Encoding: chunked'
  check_is "$STATUS $(json .duplicates)" "200 $n" "the same chunked is all duplicates"
  zstd -q -1 -f "$TMP/big" -o "$TMP/big.zst"
  post writer '' @"$TMP/big.zst" -H "$NDJSON" -H 'Content-Encoding: zstd'
  check_is "$STATUS $(json .duplicates)" "200 $n" "and compressed"
  printf '{"action":"a"}' >>"$TMP/big"
  post writer '' @"$TMP/big" -H "$NDJSON"
  check_answers "more than max_body" 413 too-large
  head -c 140000000 /dev/zero | tr '\0' ' ' | zstd -q -1 >"$TMP/bomb.zst"
  post writer '' @"$TMP/bomb.zst" -H "$NDJSON" -H 'Content-Encoding: zstd'
  check_answers "more than 8 times max_body inflated" 413 too-large
  lines 6000000 50001 many >"$TMP/many"
  post writer '' @"$TMP/many" -H "$NDJSON"
  check_answers "more than max_batch" 413 too-large
  rm -f "$TMP"/big* "$TMP/bomb.zst" "$TMP/many"
}

# ---- hostile text

hostile() {
  local member hostile
  # shellcheck disable=SC2016 # nothing here is to be expanded
  hostile='<img src=x onerror=alert(1)>"'\''&`{{#rows}}'$'\e''[31m'$'\r\n''%00é'
  for member in user session credential user_agent referer resource query host request_id message; do
    hostile_member "$member" "=$member$hostile"
  done
  hostile_member protocol '<script>a(1)</script>"&'
  jq -nc --arg text "$hostile" '{id: "hostile-attributes", action: "hostile", attributes: {($text): $text, list: [$text]}}' >"$TMP/hostile"
  post writer '' @"$TMP/hostile"
  get_last
  check_is "$(json '.attributes | tojson')" "$(jq -c '.attributes | to_entries | sort_by(.key) | from_entries' "$TMP/hostile")" "hostile attributes come back intact"
  hostile_nul
  hostile_page
}

hostile_member() { # hostile_member NAME TEXT
  jq -nc --arg name "$1" --arg text "$2" '{id: ("hostile-" + $name), action: "hostile", ($name): $text}' >"$TMP/hostile"
  post writer '' @"$TMP/hostile"
  [ "$STATUS" = 201 ] || { check_answers "hostile $1" 201; return; }
  get_last
  check_is "$(json ".$1 | tojson")" "$(jq ".$1 | tojson" -r "$TMP/hostile")" "hostile $1 comes back intact"
}

hostile_nul() {
  printf '%s' '{"id":"hostile-nul","action":"hostile","user":"a\u0000b\u202ec","message":"\ud800 \u007f"}' >"$TMP/hostile"
  post writer '' @"$TMP/hostile"
  get_last
  check_is "$(json '[.user, .message] | tojson')" '["a\u0000b'$'\xe2\x80\xae''c","'$'\xef\xbf\xbd'' \u007f"]' "U+0000 and bidirectional marks stay, a lone surrogate becomes U+FFFD"
  http_as reader '/v1/events?action=hostile&format=csv'
  check_is "$(grep -cE '(^|,)"?[=+@-]' "$TMP/body")" 0 "no cell of the CSV runs in a spreadsheet"
}

hostile_page() {
  rm -f "$TMP/cookies"
  http -c "$TMP/cookies" --data-urlencode "token=$(sed 's/.*Bearer //' "$TMP/token.reader")" -H "Origin: $SITE" /login
  check_like "$STATUS" '^30[23]$' "signing in"
  http -b "$TMP/cookies" "/?method=&limit=100"
  [ "$STATUS" = 200 ] || http -b "$TMP/cookies" /
  check_is "$STATUS" 200 "the page"
  check_is "$(grep -c '&lt;img src=x' "$TMP/body" | awk '{print ($1 > 0)}')" 1 "it shows the hostile events"
  check_is "$(grep -ciE '<img src=x|<script>a\(|onerror=alert\(1\)>' "$TMP/body")" 0 "nothing of them is markup"
  check_is "$(tr -d '\n\t' <"$TMP/body" | tr -dc '\000-\037\177' | wc -c)" 0 "and no control character is left"
  check_like "$(header Content-Security-Policy)" "default-src 'none'" "a policy keeps foreign scripts out"
}

# ---- limits

limits() { # a ledger of its own with narrow limits, behind the same kind of door
  post writer '' '{"action":"a"}'
  check_answers "before the limits" 201
  lines 3000000 6000 memory >"$TMP/memory"
  post writer '' @"$TMP/memory" -H "$NDJSON"
  check_answers "more than all of ingest_memory will never be taken" 413 too-large
  lines 9000 11 batch >"$TMP/batch"
  post writer '' @"$TMP/batch" -H "$NDJSON"
  check_answers "a narrow max_batch" 413 too-large
  restart_with min_free $(($(df --output=avail -k "$DATA" | tail -n 1) / 4 * 5))K # reads have half of it
  post writer '' '{"action":"a"}'
  check_answers "no space" 507 no-space
  http_as reader /v1/events
  check_answers "without space one can still read" 200
  http /readyz
  check_answers "without space it is not ready" 503 not-ready
  restart_with min_free 1M
  post writer '' '{"id":"space","action":"a"}'
  check_answers "space again" 201
}

start_door() {
  if [ "$DOOR" = lighttpd ]; then
    lighttpd_start
  else
    serve_start
    apache_start
  fi
}

stop_door() {
  end_processes
}

restart_with() { # restart_with KEY VALUE: stop, change the configuration, start; ready or not
  stop_door
  sed -i "s/^$1 *=.*/$1 = $2/" "$CONF"
  READY=/healthz start_door
}

# What was refused after authentication is counted in records.
losses() {
  cli query --config "$CONF" --json kind=loss source=writer limit=1000 >"$TMP/losses" 2>>"$TMP/log/query"
  check_is "$(jq -r '[.events[].body.reason] | unique | join(" ")' "$TMP/losses")" "bad-encoding bad-syntax conflict invalid-event too-large" "refused events are in loss records"
  check_is "$(jq -c '[.events[].body | select(.reason == "bad-encoding" or .reason == "too-large")] | group_by(.reason) | map(map(.count) | add)' "$TMP/losses")" '[1,3]' "and counted"
}

everything() { # everything DOOR
  DOOR=$1
  DATA=$TMP/data-$DOOR
  make_ledger ingest_memory=300M
  tokens
  start_door
  one_object
  batches
  refusals
  forms
  who_may
  wrong_routes
  encodings
  hostile
  large
  http_as auditor /v1/verify
  check_is "$(json '[.ok, .complete] | tostring')" '[true,true]' "the chain verifies"
  stop_door
  losses
  DATA=$TMP/narrow-$DOOR
  make_ledger max_batch=10 ingest_memory=2M
  tokens
  start_door
  limits
  stop_door
}

tokens() {
  add_token writer writer
  add_token writer2 writer
  add_token gateway writer --sources 'gate/*'
  add_token reader reader
  add_token auditor auditor
}

begin post
everything lighttpd
everything apache
finish
