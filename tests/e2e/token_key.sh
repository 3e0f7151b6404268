#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The key in a PKCS#11 token, SoftHSM's here: a ledger is made, signed and verified by it, by the service itself and by the signer apart.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"

: "${CF_SIGNER:=$CF_BUILDDIR/counterfoil-signer}"
MODULE=
for MODULE in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do [ ! -e "$MODULE" ] || break; done

begin token_key
[ -e "$MODULE" ] || die "no SoftHSM: ./bootstrap installs softhsm2 and opensc"
cp "$CF_SIGNER" "$TMP/bin/" || die "not built yet: run make"
as_user mkdir -m 700 "$TMP/tokens"
printf '%s\n' "directories.tokendir = $TMP/tokens" "objectstore.backend = file" "log.level = ERROR" >"$TMP/softhsm2.conf"
export SOFTHSM2_CONF=$TMP/softhsm2.conf
# SoftHSM does not free the name of the curve that it reads, by libcrypto's allocator.
printf '%s\n' leak:CRYPTO_zalloc leak:ASN1_STRING_set >"$TMP/leaks"
export LSAN_OPTIONS=suppressions=$TMP/leaks:print_suppressions=0
as_user sh -c "umask 077 && echo 8642 >'$TMP/pin'"
as_user softhsm2-util --init-token --free --label audit --so-pin 1357 --pin 8642 >"$TMP/log/token" 2>&1 || die "softhsm2-util: $(cat "$TMP/log/token")"

uri() { printf 'pkcs11:token=%s;object=%s?module-path=%s&pin-source=%s&x-state=%s' "$1" "$2" "$MODULE" "$3" "$TMP/state"; }
conf() { # conf SIGNER
  printf '%s\n' "data = $DATA" "origin = test.example.org/token" "min_free = 1M" "signer = $1" >"$TMP/counterfoil.conf"
  CONF=$TMP/counterfoil.conf
  chmod 640 "$CONF"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$CONF"
}
refused() { # refused NAME SIGNER REGEX: init says why
  conf "$2"
  run_conf "$1" 2 init
  complains "$3" "and says why"
  rm -rf "$DATA" "$TMP/state"
}

refused "a token that has no key" "$(uri audit ledger "$TMP/pin")" 'not just one Ed25519 key pair ledger'
as_user pkcs11-tool --module "$MODULE" --token-label audit --login --pin 8642 --keypairgen --key-type EC:edwards25519 --label ledger --id 01 \
  >>"$TMP/log/token" 2>&1 || die "pkcs11-tool: $(cat "$TMP/log/token")"
refused "a token that is not there" "$(uri other ledger "$TMP/pin")" 'there is no token other'
refused "a module that is none" "pkcs11:token=audit;object=ledger?module-path=$TMP/pin&pin-source=$TMP/pin&x-state=$TMP/state" 'no PKCS#11 module'
as_user sh -c "umask 077 && echo 1111 >'$TMP/wrong'; echo 8642 >'$TMP/loose' && chmod 644 '$TMP/loose'"
refused "a wrong PIN" "$(uri audit ledger "$TMP/wrong")" 'does not take the PIN'
refused "a PIN that others may read" "$(uri audit ledger "$TMP/loose")" 'others may read the PIN'
refused "a PIN in the configuration" "pkcs11:token=audit;object=ledger?pin-value=8642&x-state=$TMP/state" 'is no value of "signer"'
refused "no state" "pkcs11:token=audit;object=ledger" 'is no value of "signer"'

conf "$(uri audit ledger "$TMP/pin")"
run_conf "a ledger is made with the token's key" 0 init
check "no key is beside it" test ! -e "$TMP/state/key"
is "$(stat -c %a "$TMP/state/mac")" 600 "and that of MACs is its owner's"
run_conf "what is signed is good" 0 verify
run_conf "after a start too" 0 verify
size=$(sed -n 2p "$TMP/state/state")
check "the state goes on ($size)" test "$size" -ge 3
cp "$TMP/state/vkey" "$TMP/vkey"
as_user pkcs11-tool --module "$MODULE" --token-label audit --login --pin 8642 --keypairgen --key-type EC:edwards25519 --label second --id 02 >>"$TMP/log/token" 2>&1
conf "$(uri audit second "$TMP/pin")"
run_conf "another key of the token is refused" 2 verify
complains 'another key' "and it is said why"

as_user timeout 10 "$TMP/bin/counterfoil-signer" --key "pkcs11:token=audit;object=ledger?pin-value=8642&x-state=$TMP/state" --socket "$TMP/s" \
  --allow root 2>"$TMP/log/argument"
is $? 2 "a PIN in an argument is refused"
like "$(cat "$TMP/log/argument")" 'pin-source=FILE' "and it is said where it belongs"

# The same by the signer apart, who alone needs the token.
spawn signer "$TMP/bin/counterfoil-signer" --key "$(uri audit ledger "$TMP/pin")" --socket "$TMP/s" --allow "${RUN_AS:-$(id -u)}"
conf "exec:$TMP/s"
run_conf "the signer apart has it in the token" 0 verify
check "and signs with it" test "$(sed -n 2p "$TMP/state/state")" -gt "$size"
rm -rf "$TMP"/tokens/*
run_conf "a token that was taken away" 2 verify
complains 'the token did not sign.*start counterfoil-signer' "is told of, with what to do"
check "the PIN is in no log" sh -c "! grep -q 8642 '$TMP'/log/signer"
finish
