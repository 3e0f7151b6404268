#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Peers that take their time, through each door: bodies that trickle with and without a token, connections that say nothing, parameters a byte
# at a time, readers of a large answer that hardly read. Meanwhile a writer's event is taken and /healthz answers, and none of those who take
# their time had to end first: bodies may take an hour here. A refusal reaches a client that is still sending. The doors are attacked side by
# side, each with a ledger of its own: slow.sh DOOR. With CF_TABLE=1 one after the other: the times are the table in doc/reliability.md.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

DOORS="lighttpd proxy_fcgi relay mod_cgid"

side_by_side() { # every door by a script of its own, whose lines are told when all have ended
  local door pid dir status=0 pids=()
  dir=$(mktemp -d)
  for door in $DOORS; do
    "$BASH" "$0" "$door" >"$dir/$door" 2>&1 &
    pid=$!
    [ -z "${CF_TABLE:-}" ] || wait "$pid"
    pids+=("$pid")
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  (cd "$dir" && cat $DOORS)
  rm -r "$dir"
  exit "$status"
}

[ $# = 1 ] || side_by_side
DOOR=$1
begin "slow-$DOOR"
PEERS=$(count 24 40 200)
THREADS=$(count 16 32 32)
EVENTS=$(count 4000 4000 40000)
GIVE_UP=$PATIENCE # seconds
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


meanwhile() { # meanwhile NAME: a writer and a watchman come; the writer from elsewhere: on a busy machine it counts as slow, too
  local status ms other
  took health /healthz &
  other=$!
  took event --interface 127.0.0.9 -H @"$TMP/token.writer" --data-binary '{"action":"meanwhile"}' /v1/events
  wait "$other"
  read -r status ms <"$TMP/took.event"
  is "$status" 201 "$1: a writer's event, in $ms ms"
  read -r status ms <"$TMP/took.health"
  is "$status" 200 "$1: /healthz, in $ms ms"
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
  sleep 0.2 # until they count as slow, so that it is not for them that nobody waits
}

attacked() { # attacked NAME KIND WHERE [PATH [HEADERFILE]]; who says nothing for 10 s is let go, where the machine takes so long
  local begun=$SECONDS
  attack "$@"
  meanwhile "$1"
  stop "$ATTACK" || fail "$1: the attack had to be killed"
  [[ $2 = body || $2 = stdin || $((SECONDS - begun)) -ge 9 ]] || is "$(grep open "$TMP/log/$2")" "open $PEERS" "$1: they are still there"
}

# Strangers who sign in a byte at a time, from several addresses: whoever reads is answered.
forms() { # forms DOOR
  local status ms
  attack "$1: forms without a token" form "$PORT" "$MOUNT/login"
  took read --interface 127.0.0.9 -H @"$TMP/token.reader" '/v1/events?limit=1'
  read -r status ms <"$TMP/took.read"
  is "$status" 200 "$1: forms without a token: a reader's page, in $ms ms"
  meanwhile "$1: forms without a token"
  stop "$ATTACK" || fail "$1: the attack had to be killed"
}

# Clients that send a large body, whatever they are told, and then look for the answer.
refused() { # refused DOOR
  local want who
  for want in "401 -" "403 reader" "413 writer"; do
    who=$TMP/token.${want#* }
    spawn large "$TMP/bin/slow" large 4 "$GIVE_UP" "$PORT" "$MOUNT/v1/events" "$who"
    wait "$PID"
    is "$(awk '$1 != "open" && $2 == 4 {print $1}' "$TMP/log/large")" "${want% *}" "$1: who sends a large body hears of it"
    rm -f "$TMP/log/large"
  done
}

through() { # through DOOR SOCKET: all of it
  refused "$1"
  attacked "$1: bodies without a token" body "$PORT" "$MOUNT/v1/events"
  forms "$1"
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

make_ledger "threads=$THREADS" idle_exit=30s max_body=2M body_timeout=1h
add_open_token writer writer
add_open_token other writer
add_open_token reader reader

# ---- the doors

case $DOOR in
lighttpd)
  lighttpd_start
  SOCKET=$TMP/counterfoil.socket-0
  ;;
proxy_fcgi)
  serve_start
  apache_start
  SOCKET=$TMP/sock
  ;;
relay) # `serve` passes everything on to the owner, whom lighttpd started
  lighttpd_start
  serve_start
  apache_start
  SOCKET=$DATA/sock
  ;;
mod_cgid)
  apache_cgi_start
  SOCKET=$DATA/sock
  ;;
esac
fill
through "$DOOR" "$SOCKET"

finish
