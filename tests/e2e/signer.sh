#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The signer apart: the service as one user, the key as another's. What the service's user cannot do, and what holds when either
# of the two is killed. Not root: both are one user, and what only two can show is said, and not looked at.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

LOAD=$CF_BUILDDIR/tests/e2e/load
: "${CF_SIGNER:=$CF_BUILDDIR/counterfoil-signer}"

begin signer
cp "$CF_SIGNER" "$TMP/bin/" || die "not built yet: run make"
chmod 755 "$TMP/bin/counterfoil-signer"
apart=no
SIGNER_AS=()
[ -z "$RUN_AS" ] || {
  apart=yes
  SIGNER_AS=(setpriv --reuid=61234 --regid=61234 --clear-groups --inh-caps=-all --)
}
HOLD=$(mktemp -d "${TMP%/*}/counterfoil-key.XXXXXX")
remove_hold() { rm -rf "$HOLD"; end_all; }
trap remove_hold EXIT
mkdir -m 700 "$HOLD/key"
[ "$apart" = no ] || chown -R 61234:61234 "$HOLD"
chmod 755 "$HOLD"

signer_start() { # sets SIGNER, its pid
  (cd "$TMP" && exec ${SIGNER_AS[@]+"${SIGNER_AS[@]}"} "$TMP/bin/counterfoil-signer" --key "$HOLD/key" --socket "$HOLD/sock" \
    --allow "${RUN_AS:-$(id -u)}" >>"$TMP/log/signer" 2>&1 </dev/null) &
  SIGNER=$!
  PIDS+=("$SIGNER")
}
signer_kill() {
  kill -KILL "$SIGNER" 2>/dev/null
  wait "$SIGNER" 2>/dev/null
}
signed_size() { sed -n 2p "$HOLD/key/state"; }
until_signed() { # until_signed N: so many are signed
  local end=$((SECONDS + PATIENCE))
  until [ "$(signed_size)" -ge "$1" ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.05
  done
}
post() { # post PARAMETERS ACTION
  http_as writer -H 'Content-Type: application/json' --data "{\"action\":\"$2\"}" "/v1/events$1"
}

# ---- a ledger

signer_start
make_ledger "signer=exec:$HOLD/sock"
add_token writer writer
add_token auditor auditor,reader
check "init has the key made there" test -s "$HOLD/key/key"
like "$(cat "$TMP/log/init")" "$(cat "$HOLD/key/vkey" | cut -d+ -f1)" "and tells its public half"
if [ "$apart" = yes ]; then
  check "the key is another's than the service's" test "$(stat -c %u "$HOLD/key/key")" = 61234
  as_user cat "$HOLD/key/key" >/dev/null 2>&1
  is $? 1 "which cannot read it"
  as_user rm -f "$HOLD/sock" 2>/dev/null
  check "nor take the socket away" test -S "$HOLD/sock"
  as_user sh -c "kill -STOP $SIGNER" 2>/dev/null
  is $? 1 "nor stop the signer"
  setpriv --reuid=61235 --regid=61235 --clear-groups -- curl -s --max-time 5 --unix-socket "$HOLD/sock" http://x/ >/dev/null 2>&1
  like "$(cat "$TMP/log/signer")" 'uid 61235 may not ask this signer' "a third user is not answered"
else
  note "not root: signer and service are one user here, and what two show was not looked at"
fi

serve_start
lighttpd_front_start
post '' begin
is "$STATUS" 201 "an event is taken"
post '?receipt=1' receipt
is "$STATUS" 201 "with a receipt too"
like "$(json .receipt)" '^c2sp\.org/tlog-proof@v1' "which is signed"

# ---- the signer is killed under load

("$LOAD" -H "$TMP/token.writer" -p kill- -o "$TMP/acks.kill" -c 4 -n "$(count 150 600 3000)" -s "$PORT" "$MOUNT/v1/events" >"$TMP/figures" 2>&1) &
LOADER=$!
for _ in 1 2 3; do
  sleep 0.3
  signer_kill
  sleep 0.2
  signer_start
done
wait "$LOADER"
is $? 0 "a load goes on while its signer is killed"
acked=$(wc -l <"$TMP/acks.kill")
like "$acked" '^[1-9]' "events were acknowledged ($acked)"

signer_kill
post '' alone
is "$STATUS" 201 "without a signer events are taken"
size=$(json .size)
post '?receipt=1' alone
is "$STATUS $(json .receipt)" "201 null" "those that want a receipt too, but have none"
http /checkpoint
is "$STATUS" 200 "what was signed last is still told"
http /readyz
is "$STATUS $(json .unsigned)" "200 not-ready" "/readyz says it"
like "$(cat "$TMP"/log/serve*)" 'could not be signed: .*counterfoil-signer' "so does the log, with what to do"
signer_start
check "when it is back all is signed" until_signed "$size"
end=$((SECONDS + PATIENCE))
http /readyz
until [ "$(json .unsigned)" = null ] || [ "$SECONDS" -gt "$end" ]; do sleep 0.1; http /readyz; done
is "$(json .unsigned)" null "and /readyz has nothing more to say"

# ---- the signer is stopped, which is worse than dead: it listens, and says nothing

kill -STOP "$SIGNER"
post '' stopped
is "$STATUS" 201 "events are taken while the signer is stopped"
size=$(json .size)
http /readyz
is "$STATUS" 200 "/readyz answers"
http /checkpoint
is "$STATUS" 200 "what was signed last is still told"
post '?receipt=1' stopped
is "$STATUS $(json .receipt)" "201 null" "those that want a receipt are taken too, but have none"
http /readyz
is "$STATUS $(json .unsigned)" "200 not-ready" "and /readyz says that nothing is signed"
stop "$SERVE"
is $? 0 "the service can be stopped"
like "$(cat "$TMP"/log/serve*)" 'the stop could not be recorded and sealed' "which says what was not signed"
serve_start
sleep 1
kill -CONT "$SIGNER"
ready
check "a start waits for it, and all is signed" until_signed "$size"

# ---- the service is killed

kill -KILL "$SERVE"
wait "$SERVE" 2>/dev/null
serve_start
ready
post '?receipt=1' again
is "$STATUS" 201 "a service that was killed signs again after its start"
missing=0
http_as auditor "/v1/events?limit=1"
is "$STATUS" 200 "and answers"
run_conf "everything is as it was signed" 0 verify
while read -r id _; do
  http_as auditor "/v1/events?id=$id"
  [ "$(json '.events | length')" = 1 ] || missing=$((missing + 1))
done < <(shuf -n 20 "$TMP/acks.kill")
is "$missing" 0 "nothing acknowledged is lost"

# ---- old data

stop "$SERVE"
cp -a "$DATA" "$TMP/keep"
serve_start
ready
post '?receipt=1' newer
is "$STATUS" 201 "something newer is signed"
stop "$SERVE"
rm -rf "$DATA" && cp -a "$TMP/keep" "$DATA"
run_conf "old data in the place of new is refused" 1 verify
complains 'records were signed' "and it is said why"
TMPDIR=$TMP run_conf "recover says it too" 1 recover
says 'lost: +records' "and how many are lost"

finish
