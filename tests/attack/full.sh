#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A disk that is full: what is said of it, and that events are taken when there is room again.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin full
mkdir "$TMP/disk"
if ! mount -t tmpfs -o size=80m,mode=700 counterfoil "$TMP/disk" 2>/dev/null; then
  note "no file system of its own can be mounted here: nothing is tried"
  pass "skipped"
  finish
fi
disk_end() { end_processes; umount -l "$TMP/disk"; end_all; }
trap disk_end EXIT
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/disk"
DATA=$TMP/disk/data

post() { http_as writer --data-binary '{"action":"x"}' /v1/events; }
fill() { head -c 100M /dev/zero >"$TMP/disk/filler" 2>/dev/null; } # all that is left, and in the tmpfs' way
room() { rm "$TMP/disk/filler"; }
taken() {
  local begin=${EPOCHREALTIME/./} end=$((SECONDS + PATIENCE))
  until post && [ "$STATUS" = 201 ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.05
  done
  note "taken after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

make_ledger min_free=200M signer="$TMP/disk/signer" segment_records=256
like "$(cat "$TMP/log/init")" "Warning: $DATA has [0-9]+ bytes free, and min_free is 209715200: events are refused" "init warns below min_free"
sed -i 's/^min_free.*/min_free = 8M/' "$CONF"
add_token writer writer
serve_start
apache_start
post
is "$STATUS" 201 "there is room"

fill
sleep 0.3 # it is looked at five times a second
for i in 1 2 3 4 5; do post; done
answers "no room" 507 no-space
like "$(json .detail)" "^the ledger's disk has [0-9]+ bytes free, and min_free is 8388608; nothing was taken" "with the numbers"
http /readyz
like "$STATUS $(json .detail)" "^503 the ledger's disk has [0-9]+ bytes free, and min_free is 8388608" "readyz has them too"
like "$(cat "$TMP/log/serve")" "error: $DATA: [0-9]+ bytes are free, and min_free is 8388608: requests get 507" "the log has them and the path"
is "$(grep -cE 'get 507|could not be answered' "$TMP/log/serve")" 1 "once, not for each request"
room
check "events are taken when there is room" taken
check "by the same process" alive "$SERVE"

note "and one that has room for records, and none for a segment of them"
stop "$SERVE"
sed -i 's/^min_free.*/min_free = 1K/' "$CONF"
: >"$TMP/log/serve"
serve_start
ready || die "it does not start again"
fill
truncate -s -300K "$TMP/disk/filler"
answers_full() { post; [ "$STATUS" = 507 ] || [ "$STATUS" = 503 ]; }
for ((end = SECONDS + PATIENCE; SECONDS <= end; )); do
  "$CF_BUILDDIR/tests/e2e/load" -c 4 -b 50 -t 2 -p full -H "$TMP/token.writer" "$PORT" "$MOUNT/v1/events" >"$TMP/log/load" 2>&1
  ! grep -q "a segment could not be written" "$TMP/log/serve" || ! answers_full || break
done
check "nothing is taken" answers_full
like "$(cat "$TMP/log/serve")" "a segment could not be written \\(no-space\\)" "a segment finds no room"
is "$(grep -cE 'No such file|temporarily unavailable|Success' "$TMP/log/serve")" 0 "no reason is told that is none"
alive "$SERVE" || { wait "$SERVE"; note "it ended with $?"; serve_start; }
room
check "events are taken when there is room" taken
stop "$SERVE"
run_conf "and all is well" 0 verify
finish
