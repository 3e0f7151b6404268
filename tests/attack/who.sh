#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who would be somebody else: with a cookie made of what DATA holds, one that was signed out, also where the table of before is put back
# while the owner is at work, one that a backup brings back; and an admin's token that reads.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"

begin who

sign_in() { # sign_in TOKEN: its cookie is $COOKIE
  http --data-urlencode "token=$(sed 's/.* //' "$TMP/token.$1")" /login
  COOKIE=$(header Set-Cookie | sed 's/;.*//')
}
with_cookie() { http -H "Cookie: $COOKIE" "$1"; } # with_cookie PATH
sign_out() {
  with_cookie /
  http -H "Cookie: $COOKIE" --data-urlencode "form=$(sed -nE 's/.*name="form" value="([^"]*)".*/\1/p' "$TMP/body")" /logout
}
restart() { serve_start && ready; }
# The secret in DATA that 0.1.0 took the key of its cookies from.
import_key() { db5.3_dump "$DATA/env/meta" | awk 'hit {print substr($1, 1, 64); exit} / *73656372657473$/ {hit = 1}'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary; } # hmac KEYHEX: of standard input
forged() { # forged TOKENID: a cookie as 0.1.0 took it
  local text key
  text=$1.$(($(date +%s) + 3600))000000.0123456789abcdef01234567
  key=$(printf 'counterfoil/v1 page session' | hmac "$(import_key)" | xxd -p -c 64)
  echo "counterfoil=$text.$(printf 'cookie %s' "$text" | hmac "$key" | basenc --base64url | tr -d =)"
}

make_ledger
serve_start
add_token auditor auditor
add_token admin admin
apache_start

# ---- an admin

for path in /v1/events /v1/events/1 /v1/verify?mode=quick /; do
  http_as admin "$path"
  answers "an admin's token does not read $path" 403
done
http_as admin -H 'Content-Type: application/json' --data '{"action":"x"}' /v1/events
answers "nor writes" 403
http_as admin /v1/tokens
answers "it lists tokens" 200

# ---- forged

stop "$SERVE"
COOKIE=$(forged "$(cut -d_ -f2 "$TMP/token.auditor")")
restart
with_cookie /v1/events
answers "a cookie made with DATA's secrets is nobody's" 401
sign_in auditor
with_cookie /v1/events
answers "one of a sign-in is somebody's" 200
id=${COOKIE#counterfoil=}
stop "$SERVE"
is "$(grep -rlaF -- "$id" "$DATA" | head -n 1)" "" "what is in it is nowhere in DATA"
restart
with_cookie /v1/events
answers "it survives a restart" 200
kill -KILL "$SERVE"
wait "$SERVE" 2>/dev/null
restart
with_cookie /v1/events
answers "and a kill" 200

# ---- signed out

KEPT=$COOKIE
sign_out
answers "signing out" 303
COOKIE=$KEPT
with_cookie /v1/events
answers "a cookie that was signed out is nobody's" 401
kill -KILL "$SERVE"
wait "$SERVE" 2>/dev/null
restart
with_cookie /v1/events
answers "after a kill too" 401

# ---- exchanged while the owner is at work

as_user mkdir "$TMP/copy"
exchanged() { # exchanged NAME COMMAND…: the table of before a sign-out, put back so, and a kill
  local name=$1
  shift
  sign_in auditor
  KEPT=$COOKIE
  as_user cp "$DATA/env/sessions" "$TMP/copy/sessions"
  sign_out
  as_user "$@"
  COOKIE=$KEPT
  with_cookie /v1/events
  like "$STATUS" '^(401|503)$' "$name: a cookie that was signed out does not come back" # 503: the owner saw it, and ends
  kill -KILL "$SERVE"
  wait "$SERVE" 2>/dev/null
  restart
  with_cookie /v1/events
  answers "$name: nor after a kill" 401
}
exchanged "the old table's bytes" dd if="$TMP/copy/sessions" of="$DATA/env/sessions" conv=notrunc status=none
exchanged "the old table in its place" mv "$TMP/copy/sessions" "$DATA/env/sessions"

# ---- restored

# As if a backup had DATA and its signer's directory, and an attacker who put it back made the signer forget what it signed since.
copies() { as_user rm -rf "$TMP/copy" && as_user mkdir "$TMP/copy" && as_user cp -a "$DATA" "$DATA.signer" "$TMP/copy/"; }
# restored FILE…: DATA is the copy again, and so are these of the signer's files
restored() {
  local name
  as_user rm -rf "$DATA"
  as_user cp -a "$TMP/copy/data" "$DATA"
  for name in "$@"; do as_user cp -a "$TMP/copy/data.signer/$name" "$DATA.signer/"; done
}
back() { # back NAME FILE…
  local name=$1
  shift
  sign_in auditor
  KEPT=$COOKIE
  stop "$SERVE"
  copies
  restart
  with_cookie /v1/events
  answers "$name: a cookie of before the copy" 200
  sign_out
  stop "$SERVE"
  restored "$@"
  restart
  COOKIE=$KEPT
  with_cookie /v1/events
  answers "$name: it does not come back" 401
  sign_in auditor
  with_cookie /v1/events
  answers "$name: another does" 200
}
back "an older copy of DATA and what the signer remembers" state before
back "an older copy of all" state before instance

# ---- ROLLBACK: what was refused once is not opened with its sessions

KEPT=$COOKIE
stop "$SERVE"
copies
restart
stop "$SERVE"
as_user mv "$DATA" "$DATA.newest"
restored
cli verify --config "$CONF" >"$TMP/out" 2>&1
is "$?" 1 "data older than what was signed is not opened"
as_user rm -rf "$DATA"
as_user mv "$DATA.newest" "$DATA"
restart
COOKIE=$KEPT
with_cookie /v1/events
answers "after it, a cookie is nobody's with the newest data either" 401

finish
