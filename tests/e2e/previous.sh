#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A chain of ledgers, each of which goes on where another was lost: the ones before are followed, and what is lost between is said.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin previous
as_user mkdir "$TMP/tmp"
export TMPDIR=$TMP/tmp # where no other script has its copies

# go_on NAME: in a new ledger of that name, whose configuration is CONF then
go_on() {
  as_user mkdir -m 700 "$TMP/$1"
  run_conf "$1 goes on" 0 recover --continue-as "test.example.org/$1" --data "$TMP/$1"
  { sed -e '/^data =/d; /^origin =/d; /^signer =/d' "$CONF" && grep -E '^(data|origin|signer) = ' "$TMP/out"; } >"$TMP/$1.conf"
  chmod 640 "$TMP/$1.conf"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/$1.conf"
  CONF=$TMP/$1.conf
}
signed() { sed -n 2p "$1/state"; }
origin() { echo "test.example.org/$1"; }

make_ledger segment_records=256 "origin=$(origin first)"
first=$CONF
cli sample 700 >"$TMP/sample"
run_conf "a start" 0 query limit=1
cp -a "$DATA" "$TMP/older"
run_conf "the first" 0 import --source a "$TMP/sample"
cp -a "$DATA" "$TMP/backup"
run_conf "what is lost of it" 0 import --source b "$TMP/sample"
run_conf "is whole, and continues nothing" 1 verify --deep --previous "$TMP/backup"
says '^ok: ' "it is said so"
complains "$(origin first) continues no other ledger" "both"
cp -a "$DATA" "$TMP/newest"
was=$(signed "$DATA.signer")
rm -rf "$DATA" && cp -a "$TMP/backup" "$DATA"
go_on second
run_conf "the second" 0 import --source a "$TMP/sample"
second_was=$(signed "$TMP/second.signer")
go_on third
run_conf "the third" 0 import --source a "$TMP/sample"

note "the newest ledger before, and with what is lost"
run_conf "of the third the second" 0 verify --read-only --deep --previous "$TMP/second"
says "before $(origin third): $(origin second), $second_was records, says record 0" "which it names"
says "ok: $(origin second), deep, size $second_was, " "is whole"
says "before $(origin second): $(origin first), $was records, .*not looked at" "and names another, which was not given"
run_conf "the whole chain" 2 verify --read-only --previous "$TMP/second" "$DATA"
says "lost: records 7[0-9]* to $((was - 1)) of $(origin first), as record [0-9] behind it tells" "with what is lost, and who says so"
is "$(grep -c ROLLBACK "$TMP/out")" 1 "and nothing else is wrong"
cp -a "$DATA" "$TMP/old" && rm -rf "$DATA" && cp -a "$TMP/newest" "$DATA"
run_conf "with the newest data of the first nothing is lost" 0 verify --read-only --deep --previous "$TMP/second" "$DATA"
is "$(grep -c '^ok: ' "$TMP/out")" 3 "and all three hold"
run_conf "as JSON" 0 verify --read-only --json --previous "$TMP/second" "$DATA"
is "$(jq -r 'select(.previous) | .previous | "\(.origin) \(.size) \(.ok)"' "$TMP/out" | paste -sd,)" \
  "$(origin second) $second_was true,$(origin first) $was true" "each with the checkpoint that is named"
run_conf "of one that is served, too" 0 verify --previous "$TMP/second"

note "what is not the ledger before"
run_conf "one too far" 1 verify --read-only --previous "$DATA"
says "NOT OK: ORIGIN_MISMATCH" "has another name"
run_conf "itself" 1 verify --read-only --previous "$TMP/third"
says "NOT OK: ORIGIN_MISMATCH" "too"
as_user mkdir "$TMP/other"
(CONF=$TMP/other.conf && sed -e '/^data =/d; /^signer =/d; /^origin =/d' "$first" >"$CONF" && printf 'data = %s\norigin = %s\n' "$TMP/other/data" "$(origin second)" >>"$CONF" &&
  chmod 644 "$CONF" && cli init --config "$CONF" && cli import --config "$CONF" --source a "$TMP/sample") >"$TMP/log/other" 2>&1 || die "no other ledger: $(cat "$TMP/log/other")"
run_conf "one of that name with another key" 1 verify --previous "$TMP/other/data"
says "NOT OK: KEY_UNKNOWN" "is none, says the key that was kept"
run_conf "nor where that is not known" 1 verify --read-only --previous "$TMP/other/data"
says "NOT OK: CHECKPOINT_SIGNATURE" "as it did not sign what is named"

note "what was done to it"
cp -a "$TMP/second" "$TMP/second.whole"
tail=$(find "$TMP/second/env" -name 'tail-*' -printf '%f\n' | sort -t- -k2n | tail -n 1)
as_user "$CF_BUILDDIR/tests/attack/tamper" "$TMP/second" tail "$tail" || die "cannot change a record"
run_conf "a record of the second" 1 verify --read-only --deep --previous "$TMP/second" "$DATA"
says "ok: $(origin third)" "is not the third's fault"
says "LEAF_HASH at .*NOT OK: $(origin second)" "and told of the second"
says "ok: $(origin first)" "the first is judged all the same"
rm -rf "$TMP/second" && mv "$TMP/second.whole" "$TMP/second"
rm -rf "$DATA" && cp -a "$TMP/old" "$DATA"
CONF=$TMP/second.conf
run_conf "the second by itself" 2 verify --read-only --previous "$DATA"
says "lost: records 7[0-9]* to $((was - 1)) of $(origin first), as record [0-9] behind it tells" "tells of its loss"
rm -rf "$DATA" && cp -a "$TMP/older" "$DATA"
run_conf "more is lost than was said" 1 verify --read-only --previous "$DATA"
says "lost: records [0-9]* to $((was - 1)) of $(origin first); record [0-9] behind it tells of [0-9]" "and that is told"
run_conf "nothing in its place" 2 verify --read-only --previous "$TMP/none"
run_conf "no directory" 2 verify --previous
complains '--previous needs the data directories' "is said"
run_conf "a directory without it" 2 verify "$DATA"
check "no copy stays behind" [ -z "$(ls "$TMPDIR")" ]
finish
