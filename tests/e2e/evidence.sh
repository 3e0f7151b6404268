#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Evidence bundles: by the route and by the command, checked by a program that knows README.txt alone, and with its commands; the same to the byte
# when they are asked for again; and refused when anything in them was changed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"

begin evidence
VERIFY=(python3 "$CF_SRCDIR/tests/e2e/evidence_verify.py")
TAMPER=(python3 "$CF_SRCDIR/tests/e2e/evidence_tamper.py")

events() { # events FROM TO
  awk -v from="$1" -v to="$2" 'BEGIN {for (i = from; i < to; i++) printf "{\"id\":\"e-%d\",\"time\":\"2026-11-%02dT03:00:00Z\",\"action\":\"%s\",\"status\":%d,\"user\":\"u%d\",\"ip\":\"192.0.2.%d\",\"resource\":\"/doc/%d\",\"message\":\"caf\\u00e9 \\\"%d\\\" \\n\\u007f\"}\n",
    i, i % 28 + 1, i % 7 ? "read" : "Write:all", i % 3 ? 200 : 404 + i % 90, i % 10, i % 200, i, i}'
}

unpack() { # unpack FILE: into $TMP/bundle
  rm -rf "$TMP/bundle"
  mkdir "$TMP/bundle"
  tar -xf "$1" -C "$TMP/bundle" 2>>"$TMP/log/tar"
}
query() { jq -r "$1" "$TMP/bundle/query.json"; }
holds() { # holds NAME DIRECTORY [VKEY]
  "${VERIFY[@]}" "${@:2}" >"$TMP/out" 2>&1
  is "$? $(cut -d ' ' -f 1 "$TMP/out")" "0 ok:" "$1: it holds" || cat "$TMP/out"
}

make_ledger "segment_records=1024" "checkpoint_interval=1h"
KEY=$(head -n 1 "$TMP/log/init")
add_token auditor auditor
add_token reader reader
events 0 3000 >"$TMP/events"
run "import" 0 import --config "$CONF" --source web1 "$TMP/events"
serve_start
lighttpd_front_start

# ---- all there is: what is not signed yet is signed now, and the checkpoint of that is kept, for a while

for _ in 1 2 3 4 5; do # one from before the service's first look at its checkpoints may go with that
  http_as auditor /v1/evidence
  cp "$TMP/body" "$TMP/all.tar"
  unpack "$TMP/all.tar"
  AT=$(query .size)
  sleep 1
  http_as auditor "/v1/evidence?at=$AT&seq_to=1"
  [ "$STATUS" != 200 ] || break
done
holds "a bundle of everything" "$TMP/bundle" "$KEY"
is "$(query .count)" "$(query .size)" "has every record, of every kind"

# ---- a range, by the route and by the command

http_as reader /v1/evidence
answers "a reader may not" 403 not-allowed
http_as auditor "/v1/evidence?at=$AT&seq_from=1000&seq_to=1600"
is "$STATUS $(header Content-Type)" "200 application/x-tar" "an auditor has a tar"
cp "$TMP/body" "$TMP/range.tar"
unpack "$TMP/range.tar"
holds "a range" "$TMP/bundle" "$KEY"
is "$(query '[.count, .seq_from, .seq_to, (.proves | join(","))] | join(" ")')" "600 1000 1600 included,complete" "and says what it is of"
is "$(ls "$TMP/bundle/tile/entries" | tr '\n' ' ')" "003 004 005 006 " "its entries are whole tiles"
run "by the command" 0 evidence --config "$CONF" --at "$AT" -o "$TMP/cli.tar" seq_from=1000 seq_to=1600
check "it is the same, to the byte" cmp -s "$TMP/range.tar" "$TMP/cli.tar"
check "the file is nobody else's" [ "$(stat -c %a "$TMP/cli.tar")" = 600 ]
as_user sh -c 'exec "$@" >"$0"' "$TMP/stdout.tar" "$CLI" evidence --config "$CONF" "at=$AT" seq_from=1000 seq_to=1600
check "and on standard output" cmp -s "$TMP/range.tar" "$TMP/stdout.tar"
run "into a directory" 0 evidence --config "$CONF" --at "$AT" --directory "$TMP/directory" seq_from=1000 seq_to=1600
check "which holds the same files" diff -r "$TMP/bundle" "$TMP/directory"
run "into one that is there" 2 evidence --config "$CONF" --at "$AT" --directory "$TMP/directory"
complains 'cannot be made' "is refused"
on_terminal 80 evidence --config "$CONF"
is "$ENDED" 2 "a terminal gets no tar"

# ---- README.txt, word by word

sed -n 's/^    //p' "$TMP/bundle/README.txt" >"$TMP/commands"
check "README.txt has commands" [ "$(wc -l <"$TMP/commands")" -gt 10 ]
(cd "$TMP/bundle" && sh -e "$TMP/commands") >"$TMP/out" 2>&1
is "$?" 0 "its commands hold" || cat "$TMP/out"
says 'Signature Verified Successfully' "and say so"
for change in checkpoint tile/entries/004 records.ndjson; do
  rm -rf "$TMP/changed"
  cp -r "$TMP/bundle" "$TMP/changed"
  printf '!' | dd of="$TMP/changed/$change" bs=1 seek=40 conv=notrunc status=none
  (cd "$TMP/changed" && sh -e "$TMP/commands") >"$TMP/out" 2>&1
  check "they find a change of $change" [ $? != 0 ]
done

# ---- tampering

http_as auditor "/v1/evidence?at=$AT&seq_from=250&seq_to=262"
unpack "$TMP/body"
holds "a small range" "$TMP/bundle" "$KEY"
"${TAMPER[@]}" "$TMP/bundle" "${VERIFY[@]}" >"$TMP/out" 2>&1
is "$?" 0 "no change is taken: $(tail -n 1 "$TMP/out")" || cat "$TMP/out"

"${TAMPER[@]}" "$TMP/bundle" "$CF_VERIFY" --vkey "$KEY" >"$TMP/out" 2>&1
is "$?" 0 "nor does counterfoil-verify take one: $(tail -n 1 "$TMP/out")" && [ "$(wc -l <"$TMP/out")" = 1 ] || cat "$TMP/out"

# ---- its mark

http_as reader "/v1/events?kind=access&action=evidence&limit=all&format=ndjson&trailer=0&order=asc"
is "$(jq -r "select(.attributes.filter == \"at=$AT&seq_to=1\") | [.user, .outcome, .attributes.rows] | join(\" \")" "$TMP/body")" "auditor success 1" "who took evidence away is recorded, of what, and how much"
is "$(jq -r 'select((.attributes.filter // "") == "") | .outcome' "$TMP/body" | head -n 1)" unknown "before the first byte, where that is not known yet"

# ---- filters: what the query finds is what the bundle holds, and where leaves tell it none is missing

while read -r proves question; do
  [[ $question = *seq_to=* ]] || question+="&seq_to=$AT"
  http_as reader "/v1/events?limit=all&format=ndjson&trailer=0&order=asc&$question"
  jq .seq "$TMP/body" >"$TMP/want"
  http_as auditor "/v1/evidence?at=$AT&$question"
  unpack "$TMP/body"
  holds "$question" "$TMP/bundle" "$KEY"
  check "and counterfoil-verify says so, too" "$CF_VERIFY" --vkey "$KEY" "$TMP/bundle"
  is "$(query '.proves | join(",")')" "$proves" "it proves so much"
  check "of $(wc -l <"$TMP/want") records, which are those that a query finds" diff -q "$TMP/want" <(jq .seq "$TMP/bundle/records.ndjson")
done <<'END'
included,complete source=web1&seq_to=700
included,complete status=4xx&action=read
included,complete status=404,410-420
included,complete status.not=2xx
included,complete status.prefix=4
included,complete action.ci=WRITE:ALL
included,complete action.not=read
included,complete action.prefix=Wr&action.prefix=x
included,complete id=e-7&id=e-2999
included,complete id.prefix=e-29&outcome=failure
included,complete method.not=GET
included,complete kind=access,service,token
included,complete kind=all&source.not=web1
included,complete from=2026-11-03&to=2026-11-05&seq_from=256&seq_to=512
included,complete recorded_from=2026-01-01&recorded_to=2100-01-01&seq_from=5
included,complete recorded_from=-1s&recorded_to=2000-01-01
included,complete source=nobody
included user=u3&seq_to=1500
included user=u3&ip=192.0.2.13&status=404
included user.ci=U4&resource=/doc/14&id.prefix=e
included q=%22777%22
included resource.prefix=/doc/299
included user=nobody
END
http_as auditor "/v1/evidence?at=$AT&resource=/doc/1299"
unpack "$TMP/body"
is "$(find "$TMP/bundle/tile" -type f -printf '%P\n' | sort | tr '\n' ' ')" "0/005 0/$(printf %03d $((AT / 256))).p/$((AT % 256)) 1/000.p/$((AT / 256)) entries/005 " "of one record: its leaf's tile, and those on its path"

# ---- what cannot be asked

while read -r question status word what; do
  http_as auditor "/v1/evidence?$question"
  answers "$question" "$status" "$word"
  like "$(json .detail)" "$what" "which is said"
done <<END
limit=10 400 bad-parameter of.all.records
cursor=x 400 bad-parameter of.all.records
order=asc 400 bad-parameter of.all.records
fields=user 400 bad-parameter of.all.records
format=csv 400 bad-parameter no.such.parameter
at=0 400 bad-parameter a.number
at=2&at=3 400 bad-parameter given.twice
at=99999999 404 not-found nearest.that.is.has.size.[0-9]+
at=2 404 not-found nearest.that.is.has.size.[0-9]+
seq_from=999999 400 bad-parameter nothing.lies.behind
END

finish
