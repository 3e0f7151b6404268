#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One byte of the tables of tokens and of kept checkpoints is wrong: the ledger is served all the same.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin tables

flip() { # flip TABLE: a byte in its last page
  local at=$(($(stat -c %s "$DATA/env/$1") - 10))
  local byte
  byte=$(od -An -tu1 -j "$at" -N 1 "$DATA/env/$1")
  # shellcheck disable=SC2059 # an octal escape
  printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$DATA/env/$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

make_ledger idle_exit=0
add_token alice reader
cgi_get alice /v1/whoami
answers "a token" 200

flip checkpoints
run_conf "a byte of the kept checkpoints is told" 1 verify
like "$(cat "$TMP/out")" 'checkpoints: not those that were kept' "and what to do"
rm "$DATA.signer/before"
run_conf "which ends it" 0 verify
cgi_get alice /v1/whoami
answers "costs nobody a token" 200

flip tokens
run_conf "a byte of the tokens is told" 1 verify
like "$(cat "$TMP/out")" 'tokens: the table was damaged' "and which"
cgi_get alice /v1/whoami
answers "costs the tokens" 401 no-token
like "$(json .detail)" 'ask the operator for a new token' "and it is said"
run_conf "the local admin goes on" 0 token list
add_token bob reader
cgi_get bob /readyz
is "$(json .tokens_lost)" true "readyz names it"
cgi_get bob /v1/whoami
answers "and makes new ones" 200
rm "$DATA/env/tokens.damaged"
cgi_get bob /readyz
is "$(json .tokens_lost)" null "until the file is gone"
run_conf "which ends it" 0 verify

# What stands in the place of a file is neither followed nor waited for.
for what in env/catalogue env/tokens env/log.0000000001 lock; do
  mv "$DATA/$what" "$TMP/kept"
  for kind in 'mkfifo' 'ln -s /dev/null'; do
    # shellcheck disable=SC2086 # a command and its arguments
    as_user $kind "$DATA/$what"
    as_user timeout "$PATIENCE" "$CLI" verify --config "$CONF" >"$TMP/out" 2>"$TMP/err" </dev/null
    is $? 2 "$kind in the place of $what is refused"
    complains "${what#env/}.*regular" "and named"
    rm "$DATA/$what"
  done
  mv "$TMP/kept" "$DATA/$what"
done
# Nor does a link in the place of a directory have files swept, or made, elsewhere.
signer=$(cd "$DATA.signer" && sha256sum -- *)
for what in segments env; do
  mv "$DATA/$what" "$TMP/kept"
  as_user ln -s ../data.signer "$DATA/$what"
  as_user timeout "$PATIENCE" "$CLI" verify --config "$CONF" >"$TMP/out" 2>"$TMP/err" </dev/null
  is $? 2 "a link in the place of $what is refused"
  complains "director.*link" "and named"
  rm "$DATA/$what"
  mv "$TMP/kept" "$DATA/$what"
  is "$(cd "$DATA.signer" && sha256sum -- *)" "$signer" "where it leads all is as it was"
done
rm -f "$DATA/reserve"
as_user ln -s "$DATA.signer/key" "$DATA/reserve"
key=$(sha256sum "$DATA.signer/key")
run_conf "a link in the place of the reserve" 0 verify
is "$(sha256sum "$DATA.signer/key")" "$key" "does not lead to the signer's key"
check "and is a file again" [ ! -L "$DATA/reserve" ]
finish
