#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Three witnesses that do whatever a witness can do, from none to a quorum of two: what is kept of them, what is served, and that
# none of them ever keeps an event waiting. witness.py is the witness, in Python of its own.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin witnesses
PYTHON=/usr/bin/python3 # the system's, which the servers' user can run
[ -x "$PYTHON" ] || PYTHON=$(command -v python3)
SEEDS=(33 34 35)
PORTS=()
LINES=()
for i in 0 1 2; do
  free_port
  PORTS+=("$PORT")
  as_user mkdir "$TMP/w$i"
  echo good >"$TMP/w$i/mode"
  LINES+=("http://127.0.0.1:$PORT/w $("$PYTHON" "$CF_SRCDIR/tests/e2e/witness.py" key "w$i.example/w" "${SEEDS[i]}")")
done
cp "$CF_SRCDIR/tests/e2e/witness.py" "$TMP/bin/witness.py"

witness_start() { # witness_start I
  spawn "w$1" "$PYTHON" "$TMP/bin/witness.py" serve "w$1.example/w" "${SEEDS[$1]}" "${PORTS[$1]}" "$TMP/w$1"
  W[$1]=$PID
  up "$PID" "${PORTS[$1]}" || die "witness $1: $(cat "$TMP/log/w$1")"
}
mode() { echo "$2" >"$TMP/w$1/mode"; }
until_true() { # until_true COMMAND…: it becomes true
  local end=$((SECONDS + PATIENCE))
  until "$@"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.1
  done
}
state() { http /readyz; [ "$(json ".seen_by.witnesses[$1].state")" = "$2" ]; }
cosigned() { http /checkpoint; [ "$(grep -c '^— w[0-9].example/w ' "$TMP/body")" -ge "$1" ]; }
event() { http_as w -H 'Content-Type: application/json' -d '{"action":"a"}' /v1/events; }
logged() { grep -q "$1" "$TMP/log/serve"; }

make_ledger quorum=2 witness_interval=1s
printf 'witness = %s\n' "${LINES[@]}" >>"$CONF"
add_token w writer
add_token a auditor,reader
serve_start
lighttpd_front_start
check "it serves" ready

note "nobody is there"
check "each is out of reach" eval 'until_true state 0 unreachable && until_true state 2 unreachable'
event
is "$STATUS" 201 "an event is taken"
http /checkpoint
is "$(grep -c '^— ' "$TMP/body")" 1 "the checkpoint has the log's signature"
http_as a '/v1/verify?mode=quick'
is "$(json .assurance)" signed "which is what a verify says"
is "$(json '.witnesses | length') $(json .quorum) $(json .witnessed)" "3 2 null" "and who should have signed"

note "one, then two"
witness_start 0
check "one cosigns" until_true state 0 cosigns
http_as a '/v1/verify?mode=quick'
is "$(json .assurance)" signed "which is no quorum"
witness_start 1
event
check "two do" until_true state 1 cosigns
event
check "the checkpoint is theirs" until_true cosigned 2
cp "$TMP/body" "$TMP/checkpoint"
http_as a '/v1/verify?mode=full'
is "$(json .ok) $(json .assurance)" "true witnessed" "a verify says so"
like "$(json '.witnesses[1].time')" '^20[0-9]{2}-' "and when"
http_as a /
check "and the page" grep -Eq 'Others have seen it up to size [0-9]+: <b>witnessed</b>' "$TMP/body"
http_as a /v1/receipts/1
is "$(sed '1,/^$/d' "$TMP/body" | grep -c '^— w[0-9].example/w ')" 2 "a receipt has them"
check "the third is still out of reach" state 2 unreachable

note "over a restart"
stop "$SERVE"
stop "${W[0]}"
stop "${W[1]}"
serve_start
check "it serves" ready
check "the cosignatures are there" until_true cosigned 2
http_as a '/v1/verify?mode=deep'
is "$(json .ok) $(json .assurance)" "true witnessed" "and a deep verify is content"

note "witnesses that have forgotten what they saw: 409 with a size"
rm "$TMP/w0/asked"
witness_start 0
witness_start 1
event
check "they are asked from there" eval 'until_true grep -q "^/w/add-checkpoint old 0$" "$TMP/w0/asked"'
check "and cosign" until_true state 0 cosigns

note "what else an answer may be"
witness_start 2
for row in "404 refuses does not know this log" "403 refuses knows no key" "400 refuses cannot read" "500 unreachable the status 500" \
  "garbage refuses no good signature" "huge unreachable too long" "other refuses no good signature" "unsigned refuses without a signature"; do
  read -r how word said <<<"$row"
  mode 2 "$how"
  event
  check "$how: $word" until_true state 2 "$word"
  check "$how: it is said" until_true logged "w2.example/w: .*$said"
  mode 2 good
  event
  check "$how: it may mend" until_true state 2 cosigns
done
echo "http://127.0.0.1:${PORTS[0]}/w/add-checkpoint" >"$TMP/w2/elsewhere"
mode 2 redirect
event
check "nobody is sent elsewhere" until_true logged "w2.example/w: it answered with the status 302"

note "a slow one"
mode 2 slow
event
event
is "$STATUS" 201 "keeps no event waiting"
check "nor the others' quorum" eval 'before=$(cat "$TMP/w0/size"); event; until_true eval "[ \$(cat "$TMP/w0/size") -gt $before ]"'

note "another history"
mode 1 422
event
check "422 is an alarm" until_true state 1 alarm
check "which is told" logged "error: witness w1.example/w: it has seen another history"
http_as a '/v1/verify?mode=quick'
is "$(json '.witnesses | map(.state // "-") | join(" ")')" "- alarm -" "by a verify too"
asked=$(grep -c . "$TMP/w1/asked")
mode 1 good
event
mode 0 ahead
event
check "more than was signed is a rollback" until_true state 0 alarm
check "which is told" logged "w0.example/w: .*ROLLBACK"
event
is "$(grep -c . "$TMP/w1/asked")" "$asked" "none of them is asked again"
event
is "$STATUS" 201 "events are taken all the same"
check "the quorum is missed in the end" until_true eval 'event; http_as a "/v1/verify?mode=quick"; [ "$(json ".errors[0].code")" = WITNESS_QUORUM ]'
is "$(json .ok) $(json .assurance)" "false signed" "and a verify says so"
http /checkpoint
is "$(grep -c '^— ' "$TMP/body")" 1 "the newest one is served then"
run_conf "so does the command" 1 verify
says "WITNESS_QUORUM" "with the word"
says "signed: w0.example/w at size [0-9]+ \(ALARM.*\), w1.example/w" "and who did sign"
run_conf "status" 0 status
says "w1.example/w +alarm" "shows the alarm"
stop "$SERVE"
finish
