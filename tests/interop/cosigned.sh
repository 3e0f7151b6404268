#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A witness of somebody else's, torchwood's litewitness, cosigns the heads of a ledger as they grow; who demands that of a checkpoint
# accepts ours with it, and not without; and other people's verifiers, who know nothing of it, accept it all the same.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"
. "$(dirname "$0")/kit.sh"
. "$(dirname "$0")/strangers.sh"

WITNESS=witness.example.org/w

witness_build() { (cd "$glue/litewitness" && GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' go build -o "$TMP/bin/litewitness" filippo.io/torchwood/cmd/litewitness); }

agent_start() { # its key is held by an agent, which it asks
  as_user ssh-keygen -q -t ed25519 -N '' -C witness -f "$TMP/witness.key" </dev/null || die "ssh-keygen"
  spawn agent ssh-agent -D -a "$TMP/agent"
  local end=$((SECONDS + PATIENCE))
  until [ -S "$TMP/agent" ] || [ "$SECONDS" -gt "$end" ]; do sleep 0.05; done
  as_user env SSH_AUTH_SOCK="$TMP/agent" ssh-add -q "$TMP/witness.key" 2>>"$TMP/log/agent" || die "ssh-add: $(cat "$TMP/log/agent")"
}

witness_start() { # on $WITNESS_PORT
  spawn witness "$TMP/bin/litewitness" -db "$TMP/witness.db" -name "$WITNESS" -ssh-agent "$TMP/agent" -listen "127.0.0.1:$WITNESS_PORT" \
    -key "$(ssh-keygen -lf "$TMP/witness.key.pub" | cut -d ' ' -f 2)"
  up "$PID" "$WITNESS_PORT" || die "litewitness: $(cat "$TMP/log/witness")"
}

# The log that it is to know, as its witnessctl enters it: that cannot be built from the proxy, as a module that it wants is not there.
witness_told() {
  python3 - "$TMP/witness.db" "${1%%+*}" "$1" <<'PY'
import base64, hashlib, sqlite3, sys
db, origin, vkey = sys.argv[1:]
with sqlite3.connect(db, timeout=30) as base:
    base.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (origin, base64.b64encode(hashlib.sha256().digest()).decode()))
    base.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (origin, vkey))
PY
}

cosigned() { # cosigned SIZE: the newest checkpoint has so many records or more, and its line
  local end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ]; do
    http /checkpoint
    if [ "$(sed -n 2p "$TMP/body")" -ge "$1" ] && grep -q "^— $WITNESS " "$TMP/body"; then return 0; fi
    sleep 0.1
  done
  return 1
}

post() { # post N: sample events
  cli sample "$1" >"$TMP/samples.ndjson"
  http_as writer -H 'Content-Type: application/x-ndjson' --data-binary @"$TMP/samples.ndjson" /v1/events
  is "$STATUS $(json .accepted)" "200 $1" "$1 events are taken"
}

begin cosigned
command -v ssh-agent >/dev/null || die "no ssh-agent here: ./bootstrap --ci installs it"
strangers_build
fetched litewitness witness_build
make_ledger public=tiles quorum=1 witness_interval=1s
vkey_of "$TMP/log/init" >"$TMP/vkey"
agent_start
free_port
WITNESS_PORT=$PORT
witness_start
witness_told "$(cat "$TMP/vkey")" || die "litewitness's database"
WITNESS_VKEY=$(grep -oE "$WITNESS\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+" "$TMP/log/witness" | head -n 1)
echo "witness = http://127.0.0.1:$WITNESS_PORT $WITNESS_VKEY" >>"$CONF"
add_token writer writer
add_token auditor auditor
serve_start
lighttpd_front_start

check "litewitness cosigns the first heads" cosigned 1
cp "$TMP/body" "$TMP/early"
for n in 1 300 700; do
  before=$(sed -n 2p "$TMP/body")
  post "$n"
  check "and a later one" cosigned $((before + n))
done
keep "$TMP/site" "$TMP/kit" 0 256 1000
check "receipts carry its line" grep -q "^— $WITNESS " "$TMP/kit/receipts/1000.tlog-proof"
printf 'log %s\nwitness w %s\nquorum w\n' "$(cat "$TMP/vkey")" "$WITNESS_VKEY" >"$TMP/kit/policy"
WHAT="a cosigned ledger of $SIZE records"
# shellcheck disable=SC2086 # names
accepted "$URL" "$TMP/kit" torchwood-policy $STRANGERS

printf 'log %s\nwitness w %s\nquorum w\n' "$(cat "$TMP/vkey")" "witness.example.org/o+bf40b159+BGOCs8yIFBK3e/yu7QJgAcANnjAl5mwg9ufpLweYUUYq" >"$TMP/kit/policy"
stranger torchwood-policy "$URL" "$TMP/kit"
is "$?" 1 "who demands another witness refuses it"
like "$(cat "$TMP/said")" 'verification failed: only 1/2 policy' "for the want of its signature"
http_as auditor '/v1/verify?mode=full'
is "$(json .ok) $(json .assurance)" "true witnessed" "and the ledger itself says that it is witnessed"
finish
