#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The disk is lost, and last night's backup put back: what is lost is said, the copy can be looked at, and a new ledger goes on.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin recover
as_user mkdir "$TMP/tmp"
export TMPDIR=$TMP/tmp # where no other script has its copies

sums() { find "$TMP/data" "$TMP/data.signer" -type f -exec sha256sum {} + | sort; }

make_ledger segment_records=256 origin=test.example.org/first
cli sample 700 >"$TMP/sample"
run_conf "what was before the backup" 0 import --source a "$TMP/sample"
cp -a "$DATA" "$TMP/backup"
run_conf "nothing is lost" 0 recover
says 'lost: +nothing' "and says so"
file=$(find "$DATA/segments" -type f ! -name '*.sums' | head -n 1)
if [ -n "$file" ]; then
  mv "$file" "$TMP/segment"
  run_conf "but a segment" 1 recover
  says 'segments without their file: 1' "whose file is missing"
  says 'Put the missing files, each with its .sums, back into' "and what to do"
  mv "$TMP/segment" "$file"
fi
run_conf "what came after it" 0 import --source z "$TMP/sample"
signed=$(sed -n 2p "$DATA.signer/state")
cp -a "$DATA" "$TMP/newest"
rm -rf "$DATA" && cp -a "$TMP/backup" "$DATA"
run_conf "the backup is old" 1 verify
complains 'counterfoil recover' "and it is said what to do"
for command in "query user=alice" "token list" "import --source z $TMP/sample"; do
  # shellcheck disable=SC2086 # a command and its arguments
  cli $command --config "$CONF" >"$TMP/out" 2>"$TMP/err" </dev/null
  complains 'counterfoil recover' "${command%% *} says so too"
done
sums >"$TMP/before"
run_conf "recover" 1 recover
cp "$TMP/out" "$TMP/told"
says "here: +70[0-9] records" "what is here"
says "signed: +$signed records, says $DATA.signer/state" "what was signed, and who says so"
says "lost: +records 70[0-9] to $((signed - 1))" "what is lost"
says 'Put the newest data back.*--read-only.*--continue-as ORIGIN --data DIR' "and the ways on"

run_conf "a question to the copy" 0 query --read-only limit=1000 order=asc
is "$(grep -c . "$TMP/out")" 701 "is answered"
complains 'nothing is recorded' "and says that it leaves no record"
run_conf "all of it is checked" 1 verify --read-only
says "ROLLBACK.*NOT OK: .* 70[0-9] leaves checked" "and against what was signed"
run_conf "as JSON" 1 verify --read-only --json
is "$(jq -r '.errors[].code' "$TMP/out")" ROLLBACK "nothing else is wrong"
check "nothing was written" cmp -s <(sums) "$TMP/before"
check "nothing stays behind" [ -z "$(ls "$TMPDIR")" ]

note "what keeps it from being opened"
rm -rf "$TMP/whole" && mkdir "$TMP/whole" && cp -a "$DATA" "$TMP/whole/data" && cp -a "$DATA.signer" "$TMP/whole/signer"
put_back() { rm -rf "$DATA" "$DATA.signer"; cp -a "$TMP/whole/data" "$DATA"; cp -a "$TMP/whole/signer" "$DATA.signer"; }
rm -rf "$DATA" && as_user mkdir -m 700 "$DATA"
run_conf "an unmounted disk" 1 verify
complains "$signed records were signed.*mount its disk" "is not taken for no ledger"
run_conf "nor by recover" 1 recover
says "lost: .*records 0 to $((signed - 1))" "which says what there was"
put_back
mv "$DATA/env" "$TMP/env"
run_conf "no env" 1 verify --read-only
complains "$signed records were signed" "the same"
put_back
tail=$(find "$DATA/env" -name 'tail-*' | head -n 1)
for at in 5000 9000; do printf xyz | dd of="$tail" bs=1 seek=$at conv=notrunc 2>/dev/null; done
run_conf "a damaged tail" 70 verify
complains "${tail##*/}.*put DATA back" "says which file, and what to do"
run_conf "recover" 1 recover
says "${tail##*/}.*Put the newest data back" "lives, and says both"
run_conf "as evidence" 2 verify --read-only
complains "${tail##*/}" "it cannot be opened"
check "no copy stays behind" [ -z "$(ls "$TMPDIR")" ]
put_back
rm -rf "$DATA.signer"
run_conf "no signer's directory" 2 verify
complains 'put its backup back; see `counterfoil recover`' "says what to do"
run_conf "recover" 1 recover
says "signer's directory $DATA.signer is not there: put its backup back" "the obvious way first"
is "$(grep -c 'see .counterfoil recover' "$TMP/out")" 0 "and does not name itself"
put_back
if [ -n "$RUN_AS" ]; then
  chown root "$DATA.signer/state" && chmod 644 "$DATA.signer/state"
  run_conf "root's state" 2 verify
  complains "belongs to uid 0.*chown $(id -u "$RUN_AS") $DATA.signer/state" "is named with the chown"
fi
put_back

TMPDIR=$TMP/none run_conf "no place for a copy" 2 recover
complains 'TMPDIR' "is said as that"
is "$(grep -c lost "$TMP/out")" 0 "and not as a loss"
if ! sanitized; then
  for n in 32 64 256; do
    as_user mkdir "$TMP/copies"
    (ulimit -n "$n" && TMPDIR="$TMP/copies" cli recover --config "$CONF" >"$TMP/out" 2>"$TMP/err")
    is "$? $(grep -c lost "$TMP/out")" "2 0" "nor are too few descriptors ($n)"
    check "and nothing stays behind" as_user rmdir "$TMP/copies"
  done
fi

run_conf "not under the same name" 2 recover --continue-as test.example.org/first --data "$TMP/second"
complains 'must not get a second one' "and why"
run_conf "not without a place" 2 recover --continue-as test.example.org/second
run_conf "not into what is there" 2 recover --continue-as test.example.org/second --data "$TMP/backup"
as_user mkdir -m 700 "$TMP/second"
run_conf "a new ledger" 0 recover --continue-as test.example.org/second --data "$TMP/second"
cp "$TMP/out" "$TMP/words"
is "$(head -n 1 "$TMP/out")" "$(cat "$TMP/second.signer/vkey")" "tells its key"
says 'All tokens stayed with the old' "and that tokens are made anew"
sed -e '/^data =/d; /^origin =/d' "$CONF" >"$TMP/second.conf" && grep -E '^(data|origin|signer) = ' "$TMP/words" >>"$TMP/second.conf"
chmod 640 "$TMP/second.conf"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/second.conf"
first=$CONF
CONF=$TMP/second.conf
here=$(sed -n 's/^here: *\([0-9]*\) records.*/\1/p' "$TMP/told")
run_conf "it says what it is" 0 query --json kind=service,loss order=asc
is "$(jq -r '.events[].body | .what // .reason' "$TMP/out" | head -n 3 | paste -sd' ')" "start restore gap" "restored, with a gap"
is "$(jq -r '.events[] | select(.kind == "loss") | .body.count' "$TMP/out")" "$((signed - here))" "of as many records as are lost"
run_conf "goes on" 0 import --source z "$TMP/sample"
run_conf "and verifies" 0 verify
run_conf "its first record" 0 query --json kind=genesis
is "$(jq -r '.events[0].body.previous' "$TMP/out" | head -n 2 | tr '\n' ' ')" "test.example.org/first $signed " "names the old one's last checkpoint"
is "$(jq -r '.events[0].body.previous' "$TMP/out" | grep -c '^— test.example.org/first ')" 1 "as that one signed it"
add_token ann reader
cgi_get ann /v1/keys
is "$(json .previous)" "$(cat "$TMP/data.signer/vkey")" "whose key is told"
check "the old key is kept" cmp -s "$TMP/data.signer/vkey" "$TMP/second.signer/previous.vkey"
CONF=$first
check "the old one is as it was" cmp -s <(sums) "$TMP/before"

rm -rf "$DATA"
run_conf "no data at all" 1 recover
says "signed: +$signed records" "the signer's directory is enough to say so"
as_user mkdir -m 700 "$TMP/third"
run_conf "and to go on" 0 recover --continue-as test.example.org/third --data "$TMP/third"
cp -a "$TMP/newest" "$DATA"
run_conf "the newest data put back" 0 verify
root=$(sed -n 3p "$DATA.signer/state")
signed=$(sed -n 2p "$DATA.signer/state")
mv "$DATA.signer/vkey" "$TMP/vkey"
run_conf "a copy that nobody else has the key of" 2 verify --read-only
says 'ok: .*the key is what record 0 says, and nobody else' "is not called good"
run_conf "but with a checkpoint that was kept" 0 verify --read-only --size "$signed" --root "$root"
mv "$TMP/vkey" "$DATA.signer/vkey"
run_conf "and with the key" 0 verify --read-only
complains 'nothing is recorded' "which says that it leaves no record"
mv "$DATA.signer/key" "$TMP/key"
run_conf "the one that signs is not wanted" 0 verify --read-only
mv "$TMP/key" "$DATA.signer/key"

note "a backup of a ledger that is served and grows"
serve_start
cli sample 2000 >"$TMP/busy"
# shellcheck disable=SC2016 # what stands for arguments is the inner shell's
spawn busy bash -c 'for ((i = 0; ; i++)); do [ ! -e "$3" ] || exit 0; "$0" import --config "$1" --source "busy$i" "$2" || exit 1; done' \
  "$CLI" "$CONF" "$TMP/busy" "$TMP/enough"
busy=$PID
sed "s|^data = .*|data = $TMP/copy/data|" "$CONF" >"$TMP/copy.conf" && chmod 644 "$TMP/copy.conf"
take() { # the signer's directory first; files that went meanwhile matter where the copy does not verify
  rm -rf "$TMP/copy" && as_user mkdir -m 700 "$TMP/copy"
  cp -a "$DATA.signer" "$TMP/copy/"
  cp -a "$DATA" "$TMP/copy/"
  cli verify --read-only --config "$TMP/copy.conf" >"$TMP/out" 2>"$TMP/err" || { cat "$TMP/out" "$TMP/err"; return 1; }
}
taken=0
for copy in $(seq "$(count 1 3 16)"); do
  for try in 1 2 3 4 5; do
    take >>"$TMP/log/take" 2>&1 && { taken=$((taken + 1)); break; }
  done
  is "$(grep -c 'were signed' "$TMP/err")" 0 "copy $copy, at try $try, is not taken for old"
done
is "$taken" "$(count 1 3 16)" "each copy verifies"
check "while the ledger grew" alive "$busy"
run_conf "recover while it is served" 2 recover
complains 'stop it first' "says what to do about it"
: >"$TMP/enough"
wait "$busy"
is $? 0 "and nothing of that was refused"
stop "$SERVE"
CONF=$TMP/copy.conf
run_conf "the last one, put back" 0 verify
finish
