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
addresses() { # of the records of reads and refusals, once each
  local end=$((SECONDS + 2)) got
  while :; do
    got=$(cli query --config "$CONF" --kind=access --format=ndjson --limit=1000 2>>"$TMP/log/query" | jq -r '.ip // "none"' | sort -u | paste -sd ' ')
    [[ " $got " != *" 192.0.2.99 "* ]] && [ "$SECONDS" -le "$end" ] || break
    sleep 0.2
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
like "$(addresses)" 192.0.2.99 "and tells where she is"
if [ -n "$OTHER" ]; then
  stop "$SERVE"
  as_user rm -rf "$DATA" "$DATA.signer"
  cli init --config "$CONF" >"$TMP/log/init" 2>&1
  as_user chmod 711 "$DATA"
  restart
  both_doors "another user does not" 401 as_other
  is "$(addresses)" none "nor is he believed where he is"
  check "the log says what to do" grep -q "trust_peers = $(id -u "$OTHER")" "$TMP/log/serve"
  restart "trust_peers = $OTHER"
  both_doors "one of trust_peers does" 200 as_other
  restart "trust_peers = $(id -u "$OTHER")"
  both_doors "one of trust_peers by uid does" 200 as_other
  like "$(addresses)" 192.0.2.99 "and tells where she is"
fi
stop "$SERVE"
SERVE=
free_port
cli serve --config "$CONF" --listen "127.0.0.1:$PORT" >"$TMP/out" 2>&1
is "$?" 2 "trust and a TCP socket do not go together"
like "$(cat "$TMP/out")" "trust" "which is said"

finish
