#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Peers that take their time, through each door: bodies that trickle with and without a token, connections that say nothing, parameters a byte
# at a time, readers of a large answer that hardly read. Meanwhile a writer's event is taken and /healthz answers, both at once; a refusal
# reaches a client that is still sending. With CF_TABLE=1 only the times are told, as the rows of the table in doc/reliability.md.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin slow
PEERS=$(count 24 40 200)
THREADS=$(count 16 32 32)
EVENTS=$(count 4000 20000 40000)
LIMIT_MS=$(count 10000 2000 2000) # for an answer that others try to hold up
GIVE_UP=70                        # seconds
SLOW=$CF_BUILDDIR/tests/attack/slow
LOAD=$CF_BUILDDIR/tests/e2e/load

cp "$SLOW" "$TMP/bin/slow" || die "not built yet: run make check"

# took NAME [CURL OPTIONS] PATH: $TMP/took.NAME gets the status and the time it took in ms
took() {
  local start=$EPOCHREALTIME name=$1 status
  shift
  status=$(curl -q -sS --noproxy '*' --max-time "$GIVE_UP" -o "$TMP/body.$name" -w '%{http_code}' "${@:1:$#-1}" "$URL${!#}" 2>>"$TMP/log/curl")
  awk -v a="$start" -v b="$EPOCHREALTIME" -v status="$status" 'BEGIN {printf "%s %d\n", status, (b - a) * 1000}' >"$TMP/took.$name"
}

in_time() { # in_time NAME STATUS MS WANT
  if [ -n "${CF_TABLE:-}" ]; then note "$1: $2 in $3 ms"; else check "$1: $2 in $3 ms" [ "$2:$(($3 <= LIMIT_MS))" = "$4:1" ]; fi
}

meanwhile() { # meanwhile NAME: a writer and a watchman come
  local status ms other
  took health /healthz &
  other=$!
  took event -H @"$TMP/token.writer" --data-binary '{"action":"meanwhile"}' /v1/events
  wait "$other"
  read -r status ms <"$TMP/took.event"
  in_time "$1: a writer's event" "$status" "$ms" 201
  read -r status ms <"$TMP/took.health"
  in_time "$1: /healthz" "$status" "$ms" 200
}

attack() { # attack NAME KIND WHERE [PATH [HEADERFILE]]: begins; ATTACK is its pid
  local end=$((SECONDS + PATIENCE))
  rm -f "$TMP/log/$2"
  spawn "$2" "$TMP/bin/slow" "$2" "$PEERS" "$GIVE_UP" "${@:3}"
  ATTACK=$PID
  until grep -q up "$TMP/log/$2" 2>/dev/null; do
    [ "$SECONDS" -le "$end" ] && alive "$ATTACK" || break
    sleep 0.05
  done
  check "$1: $PEERS of them are there" grep -q up "$TMP/log/$2"
  sleep 0.3
}

attacked() { # attacked NAME KIND WHERE [PATH [HEADERFILE]]
  attack "$@"
  meanwhile "$1"
  stop "$ATTACK" || fail "$1: the attack had to be killed"
  note "$1: $(grep -v up "$TMP/log/$2" | tr '\n' ' ')"
}

# Clients that send a large body, whatever they are told, and then look for the answer.
refused() { # refused DOOR
  local want who
  for want in "401 -" "403 reader" "413 writer"; do
    who=$TMP/token.${want#* }
    spawn large "$TMP/bin/slow" large 4 10 "$PORT" "$MOUNT/v1/events" "$who"
    wait "$PID"
    in_time "$1: who sends a large body hears of" "$(awk '$1 != "open" && $2 == 4 {print $1}' "$TMP/log/large")" 0 "${want% *}"
    rm -f "$TMP/log/large"
  done
}

through() { # through DOOR SOCKET: all of it
  refused "$1"
  attacked "$1: bodies without a token" body "$PORT" "$MOUNT/v1/events"
  attacked "$1: bodies with a token" body "$PORT" "$MOUNT/v1/events" "$TMP/token.other"
  attacked "$1: silent connections" silent "$2"
  attacked "$1: parameters a byte at a time" params "$2"
  attacked "$1: bodies at its socket" stdin "$2" /v1/events "$TMP/token.other"
  attacked "$1: readers of a large answer" reader "$PORT" "$MOUNT/v1/events?limit=all&format=ndjson" "$TMP/token.reader"
}

fill() { # what is read
  (cd "$TMP" && "$LOAD" -c 4 -b 1000 -n $((EVENTS / 1000)) -H "$TMP/token.writer" -p fill "$PORT" "$MOUNT/v1/events") >/dev/null || die "no events"
}

# Who attacks has a token that he may read.
add_open_token() {
  add_token "$1" "$2"
  chmod 644 "$TMP/token.$1"
}

make_ledger "threads=$THREADS" idle_exit=30s max_body=2M
add_open_token writer writer
add_open_token other writer
add_open_token reader reader

# ---- the doors

lighttpd_start
fill
through lighttpd "$TMP/counterfoil.socket-0"
stop "$LIGHTTPD" || fail "lighttpd had to be killed"

serve_start
apache_start
through proxy_fcgi "$TMP/sock"
stop "$APACHE" || fail "Apache had to be killed"
stop "$SERVE" || fail "serve had to be killed"

# `serve` passes everything on to the owner, whom lighttpd started.
lighttpd_start
serve_start
apache_start
through relay "$DATA/sock"
stop "$APACHE" || fail "Apache had to be killed"
stop "$SERVE" || fail "serve had to be killed"
stop "$LIGHTTPD" || fail "lighttpd had to be killed"

apache_cgi_start
through mod_cgid "$DATA/sock"
stop "$APACHE" || fail "Apache had to be killed"

finish
