#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A real witness, filippo.io/torchwood's litewitness, cosigns a live ledger that grows, goes on after a restart of either, and raises
# the alarm where it knows another tree.
#   CF_SRCDIR=TREE CF_BUILDDIR=BUILD bash tests/interop/witness.sh
# Needs go, which gets litewitness from the module proxy, ssh-agent with ssh-keygen and ssh-add, and python3 with sqlite3: the
# program that puts a log into the witness's table has requirements that the proxy may not give.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"

WITNESS=filippo.io/torchwood/cmd/litewitness@v0.9.0 # which Go 1.26 can build; 0.10 wants 1.27

begin interop-witness
PATH=$PATH:/usr/local/go/bin
PYTHON=/usr/bin/python3
for tool in go ssh-agent ssh-keygen ssh-add "$PYTHON"; do command -v "$tool" >/dev/null || die "no $tool here"; done
GOBIN=$TMP/bin GOFLAGS=-buildvcs=false go install "$WITNESS" >"$TMP/log/go" 2>&1 || die "$WITNESS: $(tail -n 5 "$TMP/log/go")"
chmod 755 "$TMP/bin/litewitness"

until_true() { # until_true COMMAND…: it becomes true
  local end=$((SECONDS + PATIENCE))
  until "$@"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.1
  done
}
said() { grep -q "$2" "$TMP/log/$1" 2>/dev/null; }

as_user mkdir "$TMP/w"
as_user ssh-keygen -q -t ed25519 -N '' -f "$TMP/w/key" || die "ssh-keygen"
spawn agent ssh-agent -D -a "$TMP/w/agent"
check "an agent" until_true test -S "$TMP/w/agent"
as_user env SSH_AUTH_SOCK="$TMP/w/agent" ssh-add -q "$TMP/w/key" || die "ssh-add"
FINGERPRINT=$(ssh-keygen -lf "$TMP/w/key.pub" | cut -d ' ' -f 2)

witness_start() {
  spawn litewitness "$TMP/bin/litewitness" -db "$TMP/w/db" -key "$FINGERPRINT" -name witness.example/w -ssh-agent "$TMP/w/agent" -listen "127.0.0.1:$WITNESS_PORT"
  LITEWITNESS=$PID
  up "$PID" "$WITNESS_PORT" || die "litewitness: $(cat "$TMP/log/litewitness")"
}
table() { as_user "$PYTHON" - "$TMP/w/db" "$@" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60)
db.execute(sys.argv[2], sys.argv[3:])
db.commit()
PY
}

free_port
WITNESS_PORT=$PORT
witness_start
VKEY=$(grep -o 'vkey=[^ ]*' "$TMP/log/litewitness" | head -n 1 | cut -d = -f 2- | tr -d '"')
make_ledger witness_interval=1s
echo "witness = http://127.0.0.1:$WITNESS_PORT $VKEY" >>"$CONF"
add_token w writer
add_token a auditor
serve_start
lighttpd_front_start
check "it serves" ready
check "a witness that does not know the log says so" until_true said serve "does not know this log"
stop "$SERVE"
LOG=$(head -n 1 "$TMP/log/init")
table 'INSERT INTO log VALUES (?, 0, ?)' "test.example.org/$NAME" 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
table 'INSERT INTO key VALUES (?, ?)' "test.example.org/$NAME" "$LOG"
serve_start
check "it serves" ready

event() { http_as w -H 'Content-Type: application/json' -d '[{"action":"a"},{"action":"b"},{"action":"c"}]' /v1/events; }
covered() { http_as a '/v1/verify?mode=quick'; [ "$(json .assurance)" = witnessed ] && [ "$(json .witnessed)" -ge "$1" ]; }
grow() { event; check "a head of $(json .size) records or more is cosigned" until_true covered "$(json .size)"; }
for i in 1 2 3 4 5 6; do grow; done
http /checkpoint
check "its line is in the checkpoint" grep -q '^— witness.example/w ' "$TMP/body"

stop "$SERVE"
serve_start
check "the log starts anew" ready
for i in 1 2 3; do grow; done
stop "$LITEWITNESS"
event
is "$STATUS" 200 "without a witness events are taken"
witness_start
for i in 1 2 3; do grow; done
is "$(grep -c 'error:' "$TMP/log/serve")" 0 "nothing was wrong"

table 'UPDATE log SET tree_hash = ?' AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
event
check "a witness that knows another tree raises the alarm" until_true said serve 'error: witness witness.example/w: it has seen another'
http /readyz
is "$(json '.seen_by.witnesses[0].state')" alarm "and it stays"
stop "$SERVE"
finish
