# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What readers keep of a ledger, for those who are asked what they make of it (go/main.go says what is in a kit). To be sourced after
# servers.sh.
#
#   vkey_of FILE           the first key that a file names
#   signed SIZE            wait until the newest checkpoint has so many records or more; it is $TMP/body
#   keep SITE KIT SEQ…     after signed: its checkpoint in the directory SITE, and a kit with receipts of these records; sets SIZE.
#                          $TMP/vkey and $TMP/early are there, and the token auditor

vkey_of() { grep -oE '[^ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+' "$1" | head -n 1; }

signed() {
  local end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ]; do
    http /checkpoint
    if [ "$STATUS" = 200 ] && [ "$(sed -n 2p "$TMP/body")" -ge "$1" ]; then return 0; fi
    sleep 0.1
  done
  die "no checkpoint of $1 records: $(cat "$TMP/body")"
}

records() { # records SIZE SEQ…: these, what is at borders, and a dozen by chance
  local i
  printf '%d\n' 0 1 255 256 65535 65536 $(($1 - 1)) "${@:2}"
  for ((i = 0; i < 12; i++)); do echo $(((RANDOM * 32768 + RANDOM) % $1)); done
}

receipts() { # receipts DIR SEQ…
  local seq
  mkdir "$1"
  for seq in "${@:2}"; do
    http_as auditor "/v1/receipts/$seq"
    [ "$STATUS" = 200 ] || die "no receipt: $STATUS $(head -c 300 "$TMP/body")"
    cp "$TMP/body" "$1/$seq.tlog-proof"
  done
}

keep() {
  mkdir -p "$1" "$2"
  cp "$TMP/vkey" "$2/vkey"
  cp "$TMP/early" "$2/early"
  cp "$TMP/body" "$1/checkpoint"
  ln -s "$1/checkpoint" "$2/checkpoint"
  SIZE=$(sed -n 2p "$1/checkpoint")
  records "$SIZE" "${@:3}" >"$2/records"
  receipts "$2/receipts" "${@:3}"
  http_as auditor "/v1/proofs/consistency?first=$(sed -n 2p "$TMP/early")&second=$SIZE"
  cp "$TMP/body" "$2/consistency.json"
}
