#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# counterfoil-verify, the verifier apart: receipts, checkpoints, and the tiles of a real ledger as its URLs give them, without the
# ledger; and each of them changed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"

begin verify-apart
cp "$CF_VERIFY" "$TMP/bin/" || die "not built yet: run make"
CLI=$TMP/bin/counterfoil
# verify NAME STATUS ARGUMENTS…: as run
verify() {
  local CLI=$TMP/bin/counterfoil-verify
  local -x TMPDIR=$TMP
  run "$@"
}
errors() { jq -r '[.errors[].code] | unique | join(" ")' "$TMP/out"; }

# ---- by itself

if command -v objdump >/dev/null; then
  needed=$(objdump -p "$TMP/bin/counterfoil-verify" | awk '$1 == "NEEDED" {print $2}')
  check "neither libfcgi nor Berkeley DB nor libcurl is linked" [ -z "$(grep -E 'fcgi|libdb|curl' <<<"$needed")" ]
fi
verify "its help" 0 -h
says '^usage: counterfoil-verify' "is told"
verify "its version" 0 --version
says '^counterfoil-verify [0-9]' "is told"
verify "nothing" 2
complains 'one subject is needed' "is no subject"
verify "an option that there is not" 2 --nothing x
verify "a proof of nothing" 2 --proof x x
verify "no such file" 2 --vkey "$TMP/none" "$TMP/none"
complains 'none: it cannot be read' "is told"

# ---- a ledger, and what is taken away of it

make_ledger "origin=test.example.org/apart" "segment_records=256"
cli sample 1300 >"$TMP/sample"
run "import" 0 import --config "$CONF" --source test "$TMP/sample"
add_token auditor auditor
lighttpd_start
http_as auditor /v1/keys
json '.keys[0].vkey' >"$TMP/vkey"

save() { # save PATH: under the same path
  mkdir -p "$TMP/saved/$(dirname "$1")"
  http_as auditor "/$1"
  [ "$STATUS" = 200 ] || die "$1: $STATUS"
  cp "$TMP/body" "$TMP/saved/$1"
}
save_level() { # save_level NAME HASHES: the tiles of a level that has so many
  local n
  for ((n = 0; n < $2 / 256; n++)); do save "tile/$1/$(printf %03d "$n")"; done
  [ $(($2 % 256)) = 0 ] || save "tile/$1/$(printf %03d "$n").p/$(($2 % 256))"
}
save checkpoint
cp "$TMP/saved/checkpoint" "$TMP/older"
size=$(sed -n 2p "$TMP/saved/checkpoint")
older=$size
cli sample 300 >"$TMP/sample"
run "more" 0 import --config "$CONF" --source test "$TMP/sample"
http_as auditor /v1/receipts/1400
save checkpoint
size=$(sed -n 2p "$TMP/saved/checkpoint")
check "the second checkpoint is of more" [ "$size" -gt "$older" ]
save_level entries "$size"
save_level 0 "$size"
save_level 1 $((size / 256))
http_as auditor "/v1/proofs/consistency?first=$older&second=$size"
cp "$TMP/body" "$TMP/proof"
http_as auditor /v1/receipts/7
cp "$TMP/body" "$TMP/receipt"

# ---- receipts

verify "a receipt" 0 --vkey "$TMP/vkey" "$TMP/receipt"
says '^ok: test\.example\.org/apart, receipt, size ' "holds"
verify "its verdict for programs" 0 --vkey "$(cat "$TMP/vkey")" --json "$TMP/receipt"
is "$(jq -c '[.ok, .mode, .origin, .checked.leaves, .assurance, (.errors | length)]' "$TMP/out")" '[true,"receipt","test.example.org/apart",1,"signed",0]' "has the members of /v1/verify"
verify "without a key" 2 "$TMP/receipt"
complains 'no key comes with it: give --vkey' "nobody vouches for it"
sed 's/^index 7$/index 8/' "$TMP/receipt" >"$TMP/bad"
verify "another index" 1 --vkey "$TMP/vkey" "$TMP/bad"
says 'INDEX_GAP at 8' "is named"
sed '2s/I/J/' "$TMP/receipt" >"$TMP/bad"
verify "other content" 1 --vkey "$TMP/vkey" "$TMP/bad"
head -n 5 "$TMP/receipt" >"$TMP/bad"
verify "a piece of one" 1 --vkey "$TMP/vkey" "$TMP/bad"
echo nothing >"$TMP/bad"
verify "what is nothing" 2 --vkey "$TMP/vkey" "$TMP/bad"
complains 'neither a receipt' "is told"
verify "a key that is none" 2 --vkey "$TMP/bad" "$TMP/receipt"
complains 'it holds no verifier key' "is told"
other=other.example.org/apart+$(cut -d+ -f2- "$TMP/vkey")
printf '%s\n' "$other" >"$TMP/other"
verify "a key of another name" 2 --vkey "$TMP/other" "$TMP/receipt"

# ---- checkpoints

verify "a checkpoint" 0 --vkey "$TMP/vkey" "$TMP/saved/checkpoint"
says 'its signature alone was checked, and no record' "says what was not looked at"
verify "one behind another" 0 --vkey "$TMP/vkey" --kept "$TMP/older" --proof "$TMP/proof" "$TMP/saved/checkpoint"
verify "without a proof" 2 --vkey "$TMP/vkey" --kept "$TMP/older" "$TMP/saved/checkpoint"
complains "first=$older&second=$size" "is told where to get it"
jq -c '.hashes[0] |= (.[1:] + .[:1])' "$TMP/proof" >"$TMP/bad"
verify "a proof of something else" 2 --vkey "$TMP/vkey" --kept "$TMP/older" --proof "$TMP/bad" "$TMP/saved/checkpoint"
jq -c '.hashes |= (.[1:] + .[:1])' "$TMP/proof" >"$TMP/bad"
verify "a proof that does not hold" 1 --vkey "$TMP/vkey" --kept "$TMP/older" --proof "$TMP/bad" "$TMP/saved/checkpoint"
says INCONSISTENT_HEAD "is told"
verify "the older one" 1 --vkey "$TMP/vkey" --kept "$TMP/saved/checkpoint" "$TMP/older"
says ROLLBACK "is a roll-back"
verify "from standard input" 2 --vkey "$TMP/vkey" -
complains 'neither a receipt' "nothing came"

# ---- tiles

verify "saved tiles" 0 --vkey "$TMP/vkey" --json "$TMP/saved"
is "$(jq -c '[.ok, .complete, .mode, .size, .checked.leaves, .checked.links]' "$TMP/out")" "[true,true,\"full\",$size,$size,$size]" "hold, each leaf of them"
verify "that extend what was kept" 0 --vkey "$TMP/vkey" --kept "$TMP/older" "$TMP/saved"
verify "without a key" 2 "$TMP/saved"
printf '%s\n' "$(cat "$TMP/vkey")" >"$TMP/saved/ledger.vkey"
verify "with a key that came with them" 2 "$TMP/saved"
says '^ok: .*; the key is what came with it, and nobody vouches for that' "is told so"
verify "which is taken for the ledger's" 0 --trust-bundle-key "$TMP/saved"
verify "for programs" 0 --trust-bundle-key --json "$TMP/saved"
is "$(jq -r .assurance "$TMP/out")" own-key "too"
rm "$TMP/saved/ledger.vkey"

# flip FILE OFFSET: the lowest bit of that byte
flip() {
  local byte
  byte=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
partial=$(cd "$TMP/saved" && find tile/0 -path '*.p/*')
# changed VERDICTS FILE OFFSET: that byte changed is found, and told so
changed() {
  rm -rf "$TMP/changed"
  cp -r "$TMP/saved" "$TMP/changed"
  flip "$TMP/changed/$2" "$3"
  verify "$2 changed at $3" 1 --vkey "$TMP/vkey" --json "$TMP/changed"
  is "$(errors)" "$1" "is told as that"
}
rm -rf "$TMP/changed"
cp -r "$TMP/saved" "$TMP/changed"
sed -i '3{s/^A/B/;t;s/^./A/}' "$TMP/changed/checkpoint"
verify "another root" 1 --vkey "$TMP/vkey" --json "$TMP/changed"
is "$(errors)" "CHECKPOINT_SIGNATURE ROOT_MISMATCH" "is told as that"
source=$(grep -abo '"source":"test"' "$TMP/saved/tile/entries/001" | sed -n '5s/:.*//p')
changed "LEAF_HASH LINK_BROKEN" tile/entries/001 $((source + 10))
changed "LEAF_HASH ROOT_MISMATCH TILE_MISMATCH" tile/0/001 1
changed "LEAF_HASH ROOT_MISMATCH" "$partial" 1
changed "TILE_MISMATCH" "tile/1/000.p/$((size / 256))" 0
# without NAME VERDICTS FILE: what is missing is not passed over
without() {
  rm -rf "$TMP/changed"
  cp -r "$TMP/saved" "$TMP/changed"
  rm -rf "${TMP:?}/changed/$3"
  verify "without $1" "$4" --vkey "$TMP/vkey" --json "$TMP/changed"
  is "$(errors)" "$2" "is told"
}
without "the checkpoint" STORE_DAMAGED checkpoint 1
without "leaves" STORE_DAMAGED tile/entries/001 1
without "the last leaves" STORE_DAMAGED "tile/entries/$(printf %03d $((size / 256))).p" 1
without "hashes of leaves" STORE_DAMAGED tile/0/001 1
without "rows above" TILE_MISMATCH tile/1 1
rm -rf "$TMP/changed"
cp -r "$TMP/saved" "$TMP/changed"
rm "$TMP/changed/tile/entries/001"
ln -s 000 "$TMP/changed/tile/entries/001"
verify "a link" 1 --vkey "$TMP/vkey" "$TMP/changed"
says 'tile/entries/001: it is neither a file nor a directory' "is not followed"

# ---- bundles

# evidence NAME FILTER…: the bundle $TMP/NAME.tar, and what is in it $TMP/NAME
evidence() {
  cli evidence --config "$CONF" "${@:2}" >"$TMP/$1.tar" 2>"$TMP/err" || die "evidence ${*:2}: $(cat "$TMP/err")"
  mkdir "$TMP/$1"
  tar -xf "$TMP/$1.tar" -C "$TMP/$1"
}
evidence range seq_from=300 seq_to=520
evidence chosen kind=event status=404
evidence opened user.prefix=a seq_to=700
evidence nothing action=nothing.of.the.kind seq_from=300 seq_to=310
for name in range chosen opened nothing; do
  verify "a bundle: $name" 0 --vkey "$TMP/vkey" --json "$TMP/$name.tar"
  is "$(jq -c '[.ok, .checked.leaves > 0 or ($count == 0), (.checked.openings > 0) == ($count > 0)]' --argjson count "$(jq .count "$TMP/$name/query.json")" "$TMP/out")" \
    '[true,true,true]' "its leaves and openings are checked"
  verify "as a directory" 0 --vkey "$TMP/vkey" "$TMP/$name"
done
verify "that extends what was kept" 0 --vkey "$TMP/vkey" --kept "$TMP/older" --proof "$TMP/proof" "$TMP/chosen"
"$CF_VERIFY" --vkey "$TMP/vkey" - <"$TMP/range.tar" >"$TMP/out"
is $? 0 "from standard input"
cat "$TMP/range.tar" | "$CF_VERIFY" --vkey "$TMP/vkey" - >"$TMP/out"
is $? 0 "from a pipe"
if command -v zstd >/dev/null; then
  zstd -q "$TMP/range.tar" -o "$TMP/range.tar.zst"
  verify "packed" 0 --vkey "$TMP/vkey" "$TMP/range.tar.zst"
  verify "of more than it may unpack" 2 --vkey "$TMP/vkey" --max 10K "$TMP/range.tar.zst"
  complains 'larger than 10240 bytes: see --max' "is told"
  head -c 4000 "$TMP/range.tar.zst" >"$TMP/bad"
  verify "packed, and cut" 1 --vkey "$TMP/vkey" "$TMP/bad"
fi
verify "with the key that is in it" 2 "$TMP/range.tar"
says 'nobody vouches for that' "is told"
verify "taken for the ledger's" 0 --trust-bundle-key "$TMP/range.tar"
sed "s|$DATA|$TMP/data2|; s|$TMP/sock|$TMP/sock2|" "$CONF" >"$TMP/other.conf"
chmod 640 "$TMP/other.conf"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/other.conf"
cli init --config "$TMP/other.conf" >"$TMP/other" 2>/dev/null || die "init of another"
verify "by another key of that name" 1 --vkey "$TMP/other" "$TMP/range.tar"
says KEY_UNKNOWN "is told"

# ---- witnesses of one's own choice

witness() { python3 "$CF_SRCDIR/tests/e2e/witness.py" "$@"; }
for i in 1 2 3; do witness key "w$i.example/w" "$((40 + i))" >"$TMP/w$i"; done
witness cosign w1.example/w 41 "$TMP/saved/checkpoint" >"$TMP/w1.line"
witness cosign w2.example/w 42 "$TMP/older" >"$TMP/w2.line" # of another checkpoint
cat "$TMP/saved/checkpoint" "$TMP/w1.line" "$TMP/w2.line" >"$TMP/cosigned"
TWO=(--vkey "$TMP/vkey" --witness "$TMP/w1" --witness "$(cat "$TMP/w2")")
verify "one of two" 0 "${TWO[@]}" --quorum 1 --json "$TMP/cosigned"
is "$(jq -c '[.ok, .assurance, .quorum, .witnessed == .size, (.witnesses | map(.size != null))]' "$TMP/out")" '[true,"witnessed",1,true,[true,false]]' "is told"
verify "both, where one signed something else" 1 "${TWO[@]}" --json "$TMP/cosigned"
is "$(errors) $(jq -c '[.assurance, .quorum, .witnessed]' "$TMP/out")" 'WITNESS_QUORUM ["signed",2,null]' "is a quorum that is missed"
verify "one key under two names" 1 --vkey "$TMP/vkey" --witness "$TMP/w1" --witness "$(witness key w9.example/w 41)" "$TMP/cosigned"
says WITNESS_QUORUM "counts once"
verify "nobody" 1 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/saved/checkpoint"
verify "a receipt that nobody cosigned" 1 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/receipt"
says WITNESS_QUORUM "is told"
sed -n '/^test.example.org/,$p' "$TMP/receipt" >"$TMP/note"
{ cat "$TMP/receipt" && witness cosign w3.example/w 43 "$TMP/note"; } >"$TMP/bad"
verify "one that somebody did" 0 --vkey "$TMP/vkey" --witness "$TMP/w3" "$TMP/bad"
verify "tiles that nobody cosigned" 1 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/saved"
cp "$TMP/cosigned" "$TMP/saved/checkpoint"
verify "tiles that somebody did" 0 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/saved"
rm -rf "$TMP/more"
cp -r "$TMP/range" "$TMP/more"
mkdir -p "$TMP/more/checkpoints"
witness cosign w1.example/w 41 "$TMP/more/checkpoint" >"$TMP/more/checkpoints/$(jq .size "$TMP/range/query.json").cosignatures"
(cd "$TMP/more" && find . -type f ! -name MANIFEST.sha256 -printf '%P\n' | sort | xargs sha256sum >MANIFEST.sha256)
verify "a bundle that somebody cosigned" 0 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/more"
says '1 of 1 witnesses signed it' "is told"
verify "where nobody is asked about" 0 --vkey "$TMP/vkey" "$TMP/more"
says 'what witnesses made of it was not looked at: see --witness' "that is told"
verify "a bundle that nobody cosigned" 1 --vkey "$TMP/vkey" --witness "$TMP/w1" "$TMP/range"
verify "without a key of the ledger's" 2 --witness "$TMP/w1" "$TMP/more"
verify "more than there are" 2 "${TWO[@]}" --quorum 3 "$TMP/cosigned"
verify "the log's key as a witness's" 2 --vkey "$TMP/vkey" --witness "$TMP/vkey" "$TMP/cosigned"
complains "holds no witness's key" "is refused"

# ---- a key that was rotated, and what was signed since

mkdir "$TMP/notes"
PYTHONPATH=$CF_SRCDIR/tests/e2e PYTHONDONTWRITEBYTECODE=1 python3 - "$TMP" <<'END' || die "keys cannot be made"
import base64, hashlib, sys
from witness import public, sign

name, place = "test.example.org/rotated", sys.argv[1]
seeds = [bytes([50 + i]) * 32 for i in range(2)]
ids = [hashlib.sha256(name.encode() + b"\n\x01" + public(seed)).digest()[:4] for seed in seeds]
vkeys = ["%s+%s+%s" % (name, ids[i].hex(), base64.b64encode(b"\x01" + public(seeds[i])).decode()) for i in range(2)]


def note(file, text, *by):
    lines = ["\u2014 %s %s\n" % (name, base64.b64encode(ids[i] + sign(seeds[i], text.encode())).decode()) for i in by]
    with open("%s/%s" % (place, file), "w") as out:
        out.write(text + "\n" + "".join(lines))


def head(size):
    return "%s\n%d\n%s\n" % (name, size, base64.b64encode(bytes(32)).decode())


for i in range(2):
    with open("%s/rotated%d" % (place, i), "w") as out:
        out.write(vkeys[i] + "\n")
note("notes/70", "counterfoil/v1 key\n%s\n70\n%s\n%s\n" % (name, *vkeys), 0, 1)
note("head70", head(70), 0)
note("head71", head(71), 1)
note("head71old", head(71), 0)
END
for key in 0 1; do
  verify "a head of before, from key $key" 0 --vkey "$TMP/rotated$key" --keys "$TMP/notes" "$TMP/head70"
  verify "a head of since" 0 --vkey "$TMP/rotated$key" --keys "$TMP/notes" "$TMP/head71"
  verify "the old key since" 1 --vkey "$TMP/rotated$key" --keys "$TMP/notes" "$TMP/head71old"
done
verify "without the note" 1 --vkey "$TMP/rotated0" "$TMP/head71"
says 'KEY_UNKNOWN: .* see --keys' "where notes would be is told"
verify "notes of another log" 2 --vkey "$TMP/vkey" --keys "$TMP/notes" "$TMP/receipt"
complains "leads from none of the log's keys" "are told"
mv "$TMP/notes/70" "$TMP/notes/71"
verify "a note under another number" 2 --vkey "$TMP/rotated0" --keys "$TMP/notes" "$TMP/head71"
cp "$TMP/receipt" "$TMP/notes/71"
verify "what is no note" 2 --vkey "$TMP/rotated0" --keys "$TMP/notes" "$TMP/head71"

# Every file, three bytes each: what the manifest or the tree says is found.
while read -r file; do
  n=$(stat -c %s "$TMP/range/$file")
  for at in 0 $((n / 2)) $((n - 1)); do
    cp "$TMP/range/$file" "$TMP/good"
    flip "$TMP/range/$file" "$at"
    verify "$file changed at $at" 1 --vkey "$TMP/vkey" "$TMP/range"
    cp "$TMP/good" "$TMP/range/$file"
  done
done < <(cd "$TMP/range" && find . -type f -printf '%P\n' | sort)
# And the tar, all over.
n=$(stat -c %s "$TMP/nothing.tar")
cp "$TMP/nothing.tar" "$TMP/bad"
missed=
for ((at = 0; at < n; at += 331)); do
  flip "$TMP/bad" "$at"
  "$CF_VERIFY" --vkey "$TMP/vkey" "$TMP/bad" >/dev/null 2>&1 && missed+=" $at"
  flip "$TMP/bad" "$at"
done
is "$missed" "" "no changed byte of the tar is missed"
head -c $((n - 512)) "$TMP/nothing.tar" >"$TMP/bad"
verify "a tar that broke off" 1 --vkey "$TMP/vkey" "$TMP/bad"

# Somebody who makes the manifest anew.
# forged NAME BUNDLE VERDICTS COMMAND…: runs it in a copy, and has the manifest tell of that
forged() {
  rm -rf "$TMP/changed"
  cp -r "$TMP/$2" "$TMP/changed"
  (cd "$TMP/changed" && "${@:4}" && find . -type f ! -name MANIFEST.sha256 -printf '%P\n' | sort | xargs sha256sum >MANIFEST.sha256) || die "$1"
  verify "$1" 1 --vkey "$TMP/vkey" --json "$TMP/changed"
  is "$(errors)" "$3" "is told as that"
}
untold() { sed -i 1d records.ndjson && sed -i -E "s/\"count\":[0-9]+/\"count\":$(wc -l <records.ndjson)/" query.json; }
forged "a record kept back" chosen OPENING_MISSING untold
forged "a count that lies" chosen INDEX_MISMATCH sed -i 's/"count":/"count":1/' query.json
forged "another question" chosen INDEX_MISMATCH sed -i 's/\[\[404,404\]\]/[[405,405]]/' query.json
forged "other content" opened OPENING_MISMATCH sed -i 's/\\"user\\":\\"a/\\"user\\":\\"b/' records.ndjson
without_actor() { jq -c 'del(.payloads.actor, .salts.actor)' records.ndjson >new && mv new records.ndjson; }
forged "a part kept back" opened OPENING_MISSING without_actor
forged "another head's question" range INDEX_MISMATCH sed -i -E 's/"size":[0-9]/"size":9/' query.json
forged "leaves kept back" range STORE_DAMAGED rm tile/entries/001
forged "hashes kept back" range STORE_DAMAGED rm -r tile/0/001
cp -r "$TMP/range" "$TMP/more"
echo more >"$TMP/more/more"
verify "a file that the manifest does not name" 1 --vkey "$TMP/vkey" "$TMP/more"
says 'more: it is there, and the manifest does not name it' "is told"
rm "$TMP/more/more" "$TMP/more/README.txt"
verify "one that it names, and that is not there" 1 --vkey "$TMP/vkey" "$TMP/more"
tar -rf "$TMP/range.tar" -C "$TMP/range" README.txt
verify "one that is there twice" 1 --vkey "$TMP/vkey" "$TMP/range.tar"
says 'README.txt: it is there twice' "is told"

finish
