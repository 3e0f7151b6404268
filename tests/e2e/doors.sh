#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The same application through every door: lighttpd with one process and with four, plain CGI with and without an owner, Apache in front of `counterfoil serve`, the
# command. Same answers; no token, no access; bounded memory in a relay; owners that leave or are killed; root given away.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin doors
BIG_N=$((16 * 1024 * 1024 - 4096))
BIG_LINES=0
echo "of the site" >"$TMP/htdocs/auditors"

# ---- what every door must do

# A batch of nearly 16 MiB: events of 4 KB, each with its own id.
make_big() { # make_big FILE PREFIX
  awk -v max="$BIG_N" -v prefix="$2" 'BEGIN {
    pad = sprintf("%3900s", ""); gsub(/ /, "x", pad)
    for (i = 0; ; i++) {
      line = sprintf("{\"id\":\"%s-%06d\",\"action\":\"big\",\"user\":\"big\",\"message\":\"%s\"}", prefix, i, pad)
      if (n + length(line) + 1 > max) exit
      n += length(line) + 1
      print line
    }
  }' >"$1"
  BIG_LINES=$(wc -l <"$1")
}

# Each route that is not for everybody, as it is without a token.
PROTECTED="GET /v1/events
GET /v1/events/0
POST /v1/events
GET /v1/verify
GET /v1/gaps
GET /v1/receipts/0
GET /v1/proofs/inclusion?seq=0&size=1
GET /v1/proofs/consistency?first=1&second=1
GET /v1/keys
GET /v1/whoami
GET /v1/tokens
POST /v1/tokens
POST /v1/tokens/abcdefghij/revoke"

no_token() { # no_token DOOR
  local method path data
  while read -r method path; do
    data=()
    [ "$method" = GET ] || data=(--data-binary '{}')
    http -X "$method" -H 'Counterfoil-Door: cli' -H 'COUNTERFOIL_DOOR: cli' ${data[@]+"${data[@]}"} "$path"
    answers "$1: $method $path without a token" 401 no-token
  done <<<"$PROTECTED"
}

# The stable part of an answer.
same() { # same NAME FILTER
  local got
  got=$(jq -S -c "$2" "$TMP/body" 2>&1)
  if [ -f "$TMP/same.$1" ]; then is "$got" "$(cat "$TMP/same.$1")" "$door: the same answer to $1"; else printf '%s' "$got" >"$TMP/same.$1"; fi
}

exercise() { # exercise DOOR
  door=$1
  is "$(curl -q -sS --noproxy '*' --max-time "$PATIENCE" "$SITE/auditors" 2>>"$TMP/log/curl")" "of the site" "$door: what only begins like the mount point is the site's"
  http /healthz
  answers "$door: health" 200
  http -H 'X-Forwarded-For: 192.0.2.7' /healthz # for lighttpd who comes from there
  [[ $door = apache* ]] || answers "$door: nobody from another machine" 404
  http_as app -H 'Content-Type: application/json' --data-binary '{"action":"open","user":"alice","method":"get","status":204,"ip":"::ffff:192.0.2.7","id":"'"$door"'-1"}' /v1/events
  answers "$door: an event" 201
  like "$(header Location)" '^events/[0-9]+$' "$door: its place"
  local seq
  seq=$(json .seq)
  http_as app "/v1/events/$seq"
  same "the event" 'del(.seq, .recorded, .id)'
  http_as app "/v1/events?id=$door-1&fields=user,method,status,ip,outcome"
  same "a query" '[.events[] | del(.seq, .recorded)]'
  http_as app --data-binary '[{"action":"a","id":"'"$door"'-2"},{"id":"'"$door"'-3"},{"action":"a","id":"'"$door"'-2"}]' '/v1/events?batch=1'
  same "a batch" 'del(.first_seq, .last_seq, .size)'
  http_as app --data-binary '{' /v1/events
  same "broken JSON" '.'
  http_as app '/v1/events?nonsense=1'
  same "an unknown parameter" '.'
  http_as app --data-binary x /v1/verify
  answers "$door: another method" 405 bad-method
  http_as app '/v1/verify?mode=quick'
  is "$(json .ok)" true "$door: verify"
  no_token "$door"
  make_big "$TMP/big" "$door"
  http_as app -H 'Content-Type: application/x-ndjson' --data-binary @"$TMP/big" /v1/events
  is "$STATUS $(json .accepted)" "200 $BIG_LINES" "$door: 16 MiB at once"
  http_as app -H 'Content-Type: application/x-ndjson' -H 'Transfer-Encoding: chunked' --data-binary @"$TMP/big" /v1/events
  is "$STATUS $(json .duplicates)" "200 $BIG_LINES" "$door: 16 MiB in chunks"
  http_as app "/v1/events?user=big&id=$door-000000&limit=1"
  is "$(json '.events | length')" 1 "$door: one of them is found"
  # A long answer, which takes as long as it takes: a page would end after ten seconds.
  http_as app "/v1/events?user=big&id.prefix=$door-0&limit=all&format=ndjson"
  is "$STATUS $(grep -c '"id":"' "$TMP/body")" "200 $BIG_LINES" "$door: a long answer"
}

# The most memory that any process of ours but the owner ever had, in kB; 0: there is none.
relay_peak() {
  local pid owner most=0 kb
  owner=$(owner)
  for pid in $(ours); do
    [ "$pid" != "$owner" ] || continue
    kb=$(awk '$1 == "VmHWM:" {print $2}' "/proc/$pid/status" 2>/dev/null)
    [ "${kb:-0}" -le "$most" ] || most=$kb
  done
  echo "$most"
}

no_owner() { # the ledger is free and its socket gone
  local end=$((SECONDS + PATIENCE))
  while [ -n "$(owner)" ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.05
  done
  [ ! -e "$DATA/sock" ]
}

make_ledger idle_exit=5s "origin=doors.example.org/main"
add_token app writer,reader,auditor

# ---- lighttpd, one process

lighttpd_start
exercise lighttpd
owner=$(owner)
check "lighttpd: its process owns the ledger" [ -n "$owner" ]
is "$(cli query --config "$CONF" --json id=lighttpd-1 | jq -c '[.events[].user]')" '["alice"]' "command: asks the owner that is there"
check "command: and leaves it alone" [ "$(owner)" = "$owner" ]
stop "$LIGHTTPD"
check "lighttpd: leaves in order" no_owner

# ---- four processes: one owner, three relays

lighttpd_start 4
exercise four
for i in $(seq 1 40); do
  http_as app --data-binary '{"action":"spread","id":"spread-'"$i"'"}' /v1/events
  [ "$STATUS" = 201 ] || fail "four: event $i" "$STATUS"
done
is "$(ours | wc -l)" 4 "four: so many processes"
peak=$(relay_peak)
sanitized || check "four: a relay's memory stays flat ($peak kB)" [ "$peak" -gt 0 -a "$peak" -lt 16384 ]

# The owner is killed while others write: no acknowledged event is lost, another process becomes the owner.
write_on() { # write_on FILE PREFIX: until told to stop
  local i status
  for ((i = 0; ; i++)); do
    [ ! -e "$TMP/enough" ] || break
    status=$(curl -q -s --noproxy '*' --max-time "$PATIENCE" -o /dev/null -w '%{http_code}' -H @"$TMP/token.app" --data-binary '{"action":"kill","id":"'"$2-$i"'"}' "$URL/v1/events")
    case $status in 20[01]) echo "$2-$i" >>"$1" ;; esac
  done
}
for w in 1 2 3; do write_on "$TMP/written.$w" "kill$w" & writers[w]=$!; done
for signal in KILL TERM; do
  sleep 1
  before=$(owner)
  kill -"$signal" "$before"
  gone "$PATIENCE" "$before"
  ready /readyz
  is "$STATUS" 200 "four: ready again after SIG$signal of the owner"
  check "four: another process is the owner" [ "$(owner)" != "$before" ]
done
written() { cat "$TMP"/written.* 2>/dev/null | wc -l; }
before=$(written)
end=$((SECONDS + PATIENCE))
until [ "$(written)" -ge $((before + 20)) ] || [ "$SECONDS" -gt "$end" ]; do sleep 0.1; done
touch "$TMP/enough"
wait "${writers[@]}"
# All that were acknowledged, two hundred in a question.
found=0
while read -r ids; do
  http_as app "/v1/events?limit=1000&fields=id$ids"
  found=$((found + $(json '.events | length')))
done < <(cat "$TMP"/written.* | xargs -n 200 | sed 's/^/\&id=/; s/ /\&id=/g')
check "four: writers got on ($before and then $(written) events)" [ "$(written)" -ge $((before + 20)) ]
is "$found" "$(written)" "four: no acknowledged event is lost"
http_as app '/v1/verify?mode=full'
is "$(json '{ok, complete, errors: .errors[:5]}' | jq -c .)" '{"ok":true,"complete":true,"errors":[]}' "four: the chain holds"
stop "$LIGHTTPD"
check "four: all leave" no_owner

# ---- plain CGI: each request its own process

# Two requests, one owner.
left_behind() {
  local first end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ]; do
    http /healthz
    first=$(owner)
    http /healthz
    [ -z "$first" ] || [ "$first" != "$(owner)" ] || return 0
  done
  return 1
}

lighttpd_cgi_start
exercise cgi
check "cgi: an owner was left behind" left_behind
check "cgi: and leaves when it has nothing to do" no_owner

sed -i 's/^idle_exit.*/idle_exit = 0/' "$CONF"
exercise cgi-alone
check "cgi alone: nobody is left behind" no_owner
# Some servers give a CGI the words of a query without '=' as its arguments: nothing of a stranger's may count.
strange=$(as_user env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET PATH_INFO=/healthz QUERY_STRING=--version "COUNTERFOIL_CONF=$CONF" "$TMP/bin/counterfoil.fcgi" --version </dev/null)
like "$strange" '^Status: 400 ' "cgi alone: a query is no option"
# An owner that a CGI started and that cannot open the ledger has nobody to tell why: the CGI tells the web server's log.
sed 's/^origin.*/origin = other.example.org/; s/^idle_exit.*/idle_exit = 2s/' "$CONF" >"$TMP/other.conf"
chmod 640 "$TMP/other.conf"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/other.conf"
refused=$(as_user env -i GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET PATH_INFO=/healthz "COUNTERFOIL_CONF=$TMP/other.conf" "$TMP/bin/counterfoil.fcgi" </dev/null 2>"$TMP/err")
like "$refused" '^Status: 503 ' "cgi: a ledger that cannot be opened"
like "$(cat "$TMP/err")" "cannot open the ledger: origin: this ledger is doors.example.org/main" "cgi: the web server's log has the reason"

serve_start
# Not asked before it owns the ledger: a CGI that comes first takes it for its own request. While it opens it, files are opened and closed again.
end=$((SECONDS + PATIENCE))
until grep -q 'owner of ' "$TMP/log/serve" || ! alive "$SERVE" || [ "$SECONDS" -gt "$end" ]; do sleep 0.1; done
is "$(owner)" "$SERVE" "cgi beside a service: it owns the ledger"
exercise cgi-beside
is "$(owner)" "$SERVE" "cgi beside a service: it still does"
# An owner that cannot be found is waited for, in the background here, and not for ever.
rm "$DATA/sock"
curl -q -sS --noproxy '*' --max-time "$PATIENCE" -o "$TMP/unfound.body" -D "$TMP/unfound" "$URL/readyz" 2>>"$TMP/log/curl" &
unfound=$!
cgi=$LIGHTTPD

# ---- Apache in front of the service

apache_start
exercise apache
is "$(owner)" "$SERVE" "apache: the service owns the ledger"
wait "$unfound"
like "$(cat "$TMP/unfound")" ' 503 .*Retry-After: [0-9]+' "an owner that cannot be found: 503, try again later"
is "$(jq -r .type "$TMP/unfound.body")" urn:counterfoil:not-ready "an owner that cannot be found: the problem"
stop "$cgi"
stop "$APACHE"
stop "$SERVE"
check "service: leaves in order" no_owner
check "service: its socket is gone" [ ! -e "$TMP/sock" ]

# ---- the command alone, and as root

check "command: owns the ledger for its own time" cli verify --config "$CONF" --quick
check "command: and leaves it" no_owner
if [ "$(id -u)" = 0 ]; then
  check "root: the command works" "$CLI" verify --config "$CONF"
  check "root: a token" "$CLI" token list --config "$CONF"
  is "$(find "$DATA" "$DATA.signer" ! -user "$RUN_AS" | head -n 3)" "" "root: every file is still $RUN_AS's"
  "$CLI" serve --config "$CONF" >>"$TMP/log/serve" 2>&1 </dev/null &
  SERVE=$!
  PIDS+=("$SERVE")
  end=$((SECONDS + PATIENCE))
  until [ -S "$DATA/sock" ] || ! alive "$SERVE" || [ "$SECONDS" -gt "$end" ]; do sleep 0.05; done
  is "$(awk '$1 == "Uid:" {print $2, $3, $4, $5}' "/proc/$SERVE/status")" "$(u=$(id -u "$RUN_AS"); echo "$u $u $u $u")" "root: the service gave root away"
  is "$(awk '$1 == "CapEff:" {print $2}' "/proc/$SERVE/status")" 0000000000000000 "root: and its capabilities"
  stop "$SERVE"
  is "$(find "$DATA" "$DATA.signer" ! -user "$RUN_AS" | head -n 3)" "" "root: every file is $RUN_AS's after the service"
fi
finish
