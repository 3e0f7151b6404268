#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One byte of the tables of tokens and of kept checkpoints is wrong: the ledger is served all the same.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin tables

run() { # run NAME STATUS ARGUMENTS…
  local name=$1 want=$2 got
  shift 2
  cli "$@" --config "$CONF" >"$TMP/out" 2>"$TMP/err" </dev/null
  got=$?
  if [ "$got" = "$want" ]; then pass "$name"; else fail "$name" "status $got, not $want" "$(head -c 600 "$TMP/out")" "$(head -c 600 "$TMP/err")"; fi
}
ask() { # ask TOKEN PATH: through a plain CGI
  as_user env -i GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REQUEST_METHOD=GET SCRIPT_NAME=/audit "PATH_INFO=$2" \
    "HTTP_AUTHORIZATION=$(sed 's/^Authorization: //' "$TMP/token.$1")" "COUNTERFOIL_CONF=$CONF" "$FCGI" </dev/null >"$TMP/answer" 2>>"$TMP/log/cgi"
  STATUS=$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$TMP/answer")
  tr -d '\r' <"$TMP/answer" | sed '1,/^$/d' >"$TMP/body"
}
flip() { # flip TABLE: a byte in its last page
  local at=$(($(stat -c %s "$DATA/env/$1") - 10))
  local byte
  byte=$(od -An -tu1 -j "$at" -N 1 "$DATA/env/$1")
  # shellcheck disable=SC2059 # an octal escape
  printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$DATA/env/$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

make_ledger idle_exit=0
add_token alice reader
ask alice /v1/whoami
answers "a token" 200

flip checkpoints
run "a byte of the kept checkpoints" 0 verify
ask alice /v1/whoami
answers "costs nobody a token" 200

flip tokens
run "a byte of the tokens" 0 verify
ask alice /v1/whoami
answers "costs the tokens" 401 no-token
like "$(json .detail)" 'ask the operator for a new token' "and it is said"
run "the local admin goes on" 0 token list
add_token bob reader
ask bob /readyz
is "$(json .tokens_lost)" true "readyz names it"
ask bob /v1/whoami
answers "and makes new ones" 200
rm "$DATA/env/tokens.damaged"
ask bob /readyz
is "$(json .tokens_lost)" null "until the file is gone"
finish
