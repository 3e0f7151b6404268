#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another user of the same machine: says at the sockets that he is somebody else, from somewhere else; puts links in root's way to a
# ledger and to a log. Only root can be other users: elsewhere what needs one is left out.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"

begin peers
OTHER=games
[ -n "$RUN_AS" ] && id "$OTHER" >/dev/null 2>&1 || OTHER=

as_other() { setpriv --reuid="$(id -u "$OTHER")" --regid="$(id -g "$OTHER")" --clear-groups --inh-caps=-all -- "$@"; }

# says CONF COMMAND…: what a plain CGI is told when the command starts it with a user and an address; its answer is $TMP/body
says() {
  local conf=$1
  shift
  "$@" env -i GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 SERVER_NAME=localhost SERVER_PORT=80 REQUEST_METHOD=GET \
    SCRIPT_NAME=/audit PATH_INFO="${SAYS:-/v1/events}" QUERY_STRING= REMOTE_ADDR=192.0.2.99 REMOTE_USER=alice AUTH_TYPE=Basic \
    DOCUMENT_ROOT="${ROOT:-}" COUNTERFOIL_CONF="$conf" "$FCGI" >"$TMP/answer" 2>>"$TMP/log/cgi" </dev/null
  STATUS=$(sed -n 's/^Status: \([0-9]*\).*/\1/p;/^\r*$/q' "$TMP/answer")
  sed '1,/^\r*$/d' "$TMP/answer" >"$TMP/body"
}
addresses() { # addresses ACTION: of the records of the web's reads (query) or refusals (refused), once each, when there is one
  local end=$((SECONDS + PATIENCE)) got
  while :; do
    got=$(cli query --config "$CONF" --kind=access --format=ndjson --limit=1000 2>>"$TMP/log/query" |
      jq -r --arg action "$1" 'select(.action == $action and .credential != "local") | .ip // "none"' | sort -u | paste -sd ' ')
    [ -z "$got" ] && [ "$SECONDS" -le "$end" ] || break
    sleep 0.05
  done
  echo "$got"
}
restart() { # restart LINE…: with these lines more in the configuration
  [ -z "${SERVE:-}" ] || stop "$SERVE"
  cp "$TMP/plain.conf" "$CONF"
  [ $# = 0 ] || printf '%s\n' "$@" >>"$CONF"
  serve_start
  ready_sock
}
ready_sock() {
  local end=$((SECONDS + PATIENCE))
  while alive "$SERVE" && [ "$SECONDS" -le "$end" ] && ! { [ -S "$TMP/sock" ] && [ -S "$DATA/sock" ]; }; do sleep 0.05; done
  [ -z "$RUN_AS" ] || chmod 666 "$TMP/sock"
}

# ---- trust and addresses

make_ledger sock_mode=0666 trust=remote_user 'role=remote_user:alice=auditor,reader'
cp -p "$CONF" "$TMP/plain.conf"
chmod 644 "$CONF" "$TMP/plain.conf"
as_user chmod 711 "$DATA"
# A data directory that has nothing but the web server's socket, so that the CGI speaks to that one.
mkdir "$TMP/front" && ln -s "$TMP/sock" "$TMP/front/sock"
sed "s|^data = .*|data = $TMP/front|" "$CONF" >"$TMP/front.conf"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/front" "$CONF"
restart

both_doors() { # both_doors NAME STATUS COMMAND…
  local name=$1 status=$2
  shift 2
  says "$CONF" "$@"
  answers "$name, at DATA/sock" "$status"
  says "$TMP/front.conf" "$@"
  answers "$name, at serve's socket" "$status"
}

both_doors "the ledger's user vouches for alice" 200 as_user
like "$(addresses query)" 192.0.2.99 "and tells where she is"
if [ -n "$OTHER" ]; then
  stop "$SERVE"
  as_user rm -rf "$DATA" "$DATA.signer"
  cli init --config "$CONF" >"$TMP/log/init" 2>&1
  as_user chmod 711 "$DATA"
  restart
  both_doors "another user does not" 401 as_other
  is "$(addresses refused)" none "nor is he believed where he is"
  check "the log says what to do" grep -q "trust_peers = $(id -u "$OTHER")" "$TMP/log/serve"
  restart "trust_peers = $OTHER"
  both_doors "one of trust_peers does" 200 as_other
  restart "trust_peers = $(id -u "$OTHER")"
  both_doors "one of trust_peers by uid does" 200 as_other
  like "$(addresses query)" 192.0.2.99 "and tells where she is"
fi
# ---- what may be served

served() { # served NAME ROOT STATUS [TYPE]: by a CGI whose own places are elsewhere
  ROOT=$2 says "$TMP/front.conf" as_user
  answers "$1" "${@:3}"
}
served "a document root beside the ledger" "$TMP/htdocs" 200
as_user ln -s "$DATA" "$TMP/htdocs/link"
served "one that holds the ledger" "$DATA" 503 bad-config
served "one by way of a link" "$TMP/htdocs/link" 503 bad-config
check "the log says what is there" grep -q 'requests are refused: data: .*move it out' "$TMP/log/serve"
SAYS=/healthz served "health is told all the same" "$DATA" 200
served "and the other one is as good as before" "$TMP/htdocs" 200

# FastCGI: the root comes with the first request, which is refused already.
stop "$SERVE"
HELD=$DATA
DATA=$TMP/htdocs/data
cp "$CONF" "$TMP/held.conf"
make_ledger
READY=/healthz lighttpd_start
http_as - /v1/whoami
answers "a ledger in lighttpd's document root" 503 bad-config
stop "$LIGHTTPD"
DATA=$HELD
cat "$TMP/held.conf" >"$CONF"

SERVE=
free_port
cli serve --config "$CONF" --listen "127.0.0.1:$PORT" >"$TMP/out" 2>&1
is "$?" 2 "trust and a TCP socket do not go together"
like "$(cat "$TMP/out")" "trust" "which is said"

# ---- root's way

# root COMMAND…: with what it says in $TMP/out; another user's directory is $BAD
root() { "$CLI" "$@" >"$TMP/out" 2>&1; }
refused() { # refused NAME WORDS COMMAND…
  local name=$1 words=$2
  shift 2
  root "$@"
  is $? 2 "root: $name"
  like "$(cat "$TMP/out")" "$words" "root: $name: which is said"
}
rooted() { # rooted DATA SIGNER: its configuration is $TMP/rooted.conf
  printf '%s\n' "data = $1" "signer = $2" "origin = test.example.org/rooted" "min_free = 1M" >"$TMP/rooted.conf"
}
if [ -n "$OTHER" ]; then
  BAD=$TMP/root/bad
  chown root: "$TMP"
  mkdir "$TMP/root" "$TMP/root/good" "$BAD"
  chown "$OTHER:" "$BAD"
  rooted "$BAD/data" "$TMP/root/key"
  refused "no ledger in another user's directory" "could lead root elsewhere" init --config "$TMP/rooted.conf"
  refused "nor a third one's there" "could lead root elsewhere" init --config "$TMP/rooted.conf" --user "$RUN_AS"
  rooted "$TMP/root/good/data" "$BAD/key"
  refused "nor its key" "could lead root elsewhere" init --config "$TMP/rooted.conf"
  is "$(find "$BAD" -mindepth 1)" "" "root: nothing was made there"
  rm -rf "$TMP/root/good/data"
  rooted "$BAD/data" "$BAD/key"
  root init --config "$TMP/rooted.conf" --user "$OTHER"
  is "$? $(find "$BAD" ! -user "$OTHER")" "0 " "root: his own ledger there is made as him"
  rm -rf "${BAD:?}"/*
  rooted "$TMP/root/good/data" "$TMP/root/good/key"
  root init --config "$TMP/rooted.conf" --user "$RUN_AS"
  is $? 0 "root: a ledger for a user in root's directory"
  ln -s "$TMP/root/good" "$BAD/way"
  rooted "$BAD/way/data" "$TMP/root/good/key"
  refused "not by way of a link" "is a link" verify --config "$TMP/rooted.conf"
  chown root: "$BAD"
  refused "nor of a link of root's" "is a link" verify --config "$TMP/rooted.conf"
  chown "$OTHER:" "$BAD"
  rooted "$TMP/root/good/data" "$TMP/root/good/key"
  ln -s /etc/shadow "$BAD/access.log"
  ln -s /etc "$BAD/logs"
  mkfifo "$BAD/pipe"
  refused "no link is imported" "is a link" import --config "$TMP/rooted.conf" "$BAD/access.log"
  refused "nor by way of one" "is a link" import --config "$TMP/rooted.conf" "$BAD/logs/shadow"
  refused "nor a pipe" "is no regular file" import --config "$TMP/rooted.conf" "$BAD/pipe"
  echo one >"$TMP/root/real.log"
  chmod 600 "$TMP/root/real.log"
  ln -s "$TMP/root/real.log" "$TMP/root/link.log"
  root import --config "$TMP/rooted.conf" --json "$TMP/root/real.log"
  is "$? $(tail -n 1 "$TMP/out" | jq -c '[.lines, .accepted]')" "0 [1,1]" "root: a log that only root may read"
  root import --config "$TMP/rooted.conf" --json --links "$TMP/root/link.log"
  is "$? $(tail -n 1 "$TMP/out" | jq -c '[.lines, .duplicates]')" "0 [1,1]" "root: a link with --links"
  (echo two >"$BAD/pipe") &
  root import --config "$TMP/rooted.conf" --json --pipe "$BAD/pipe"
  is "$? $(tail -n 1 "$TMP/out" | jq -c '[.lines, .accepted]')" "0 [1,1]" "root: a pipe with --pipe"
fi

# ---- as it is recommended: the ledger's user is not the web server's

if [ -n "$OTHER" ]; then
  chown "$RUN_AS:" "$TMP"
  OWN=$TMP/root/own
  mkdir -p "$OWN/run"
  rm -f "$TMP/sock"
  chown "$OTHER:" "$OWN/run"
  chown root: "$TMP"
  CONF=$OWN/counterfoil.conf
  printf '%s\n' "data = $OWN/data" "origin = test.example.org/own" "www = $TMP/www" "base = $MOUNT" "listen = $OWN/run/sock" \
    "sock_group = $(id -gn "$RUN_AS")" "trust_peers = $RUN_AS" "min_free = 1M" >"$CONF"
  root init --config "$CONF" --user "$OTHER"
  is $? 0 "recommended: init --user"
  setpriv --reuid="$(id -u "$OTHER")" --regid="$(id -g "$OTHER")" --groups="$(id -g "$RUN_AS")" --inh-caps=-all -- \
    "$CLI" serve --config "$CONF" >>"$TMP/log/own" 2>&1 &
  PIDS+=($!)
  # In the group by its process alone: the command, which would be the owner before it, is not.
  for ((i = 0; i < PATIENCE * 20; i++)); do
    if [ -S "$OWN/data/sock" ]; then break; fi
    sleep 0.05
  done
  keep_token own "$("$CLI" token --config "$CONF" add own auditor,writer 2>>"$TMP/log/token" | grep -oE 'cf_[A-Za-z0-9_-]+' | head -n 1)"
  chown "$RUN_AS:" "$TMP"
  conf_copy lighttpd.conf
  sed -i "s|$TMP/sock|$OWN/run/sock|" "$TMP/conf/lighttpd.conf"
  LIGHTTPD_CONF=lighttpd.conf
  lighttpd_run
  http_as own -H 'Content-Type: application/json' -d '{"action":"x"}' /v1/events
  answers "recommended: an event by way of lighttpd" 201
  http_as - /v1/events
  answers "recommended: nobody reads" 401
  http_as own /v1/events # leaves its mark before it answers
  http_as own '/v1/events?kind=access&limit=1000'
  like "$(json '[.events[].ip // "none"] | unique | join(" ")')" '127\.0\.0\.1' "recommended: its callers' addresses are believed"
  for path in data/env data.signer/key; do
    check "recommended: the web server's user has no $path" eval "! as_user ls '$OWN/$path' 2>/dev/null"
  done
fi

finish
