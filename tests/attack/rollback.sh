#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Old data put in the place of new: with the signer's state, without it, with an old one, in part. The ledger is then not
# served, nothing is signed, and nothing of what is newer is deleted.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin rollback

lines() { # lines NAME N: of a log
  seq "$2" | sed "s|.*|198.51.100.7 - u& [01/Nov/2026:00:00:00 +0000] \"GET /$1/& HTTP/1.1\" 200 1|"
}
put_in() { lines "$1" "$2" >"$TMP/$1.log"; run_conf "import $1" 0 import --source "$1" "$TMP/$1.log"; }
segments() { find "$DATA/segments" -type f ! -name '*.sums' | wc -l; }
wait_for_segments() { # wait_for_segments N: they are written by whoever owns the ledger for a moment
  local i
  for i in $(seq 1 50); do
    [ "$(segments)" -lt "$1" ] || return 0
    cli query --config "$CONF" limit=1 >/dev/null 2>&1
  done
  die "no $1 segments"
}
keep() { rm -rf "$TMP/$1"; mkdir "$TMP/$1"; cp -a "$DATA" "$TMP/$1/data"; cp -a "$DATA.signer" "$TMP/$1/signer"; }
put_back() { rm -rf "$DATA" "$DATA.signer"; cp -a "$TMP/$1/data" "$DATA"; cp -a "$TMP/$1/signer" "$DATA.signer"; }
refused() { run_conf "$1" 1 verify; complains 'signed' "and says so"; }

make_ledger segment_records=256 idle_exit=0
put_in old 300
wait_for_segments 1
keep old
put_in new 900
wait_for_segments 4
run_conf "it is whole" 0 verify
keep new

note "old data"
rm -rf "$DATA" && cp -a "$TMP/old/data" "$DATA"
refused "with the state"
rm "$DATA.signer/state"
refused "without it"
cp -a "$TMP/old/signer/state" "$DATA.signer/state"
cp -a "$TMP/new/signer/state" "$DATA.signer/anchor-1"
refused "with an old one, and an anchor"
rm "$DATA.signer/anchor-1"
cp -a "$TMP/new/signer/state" "$DATA/anchor.night"
refused "with an old one, and an anchor in the data"
rm "$DATA/anchor.night"
refused "with an old one, and the note before the last"

note "all data, and no state"
put_back new
rm "$DATA.signer/state"
refused "the memory of what was signed is missed"

note "an old database, and newer segments"
put_back new
rm -rf "$DATA/env" && cp -a "$TMP/old/data/env" "$DATA/env"
n=$(segments)
refused "with the state"
rm "$DATA.signer/state"
refused "without it"
is "$(segments)" "$n" "no segment is lost"
cp -a "$TMP/old/signer/state" "$TMP/old/signer/before" "$DATA.signer/"
run_conf "with the signer of that time" 0 verify
is "$(segments)" "$n" "none is lost either"
check "they are set aside" [ "$(find "$DATA/segments/aside" -type f | wc -l)" -gt 1 ]
cgi_get - /readyz
is "$(json '.aside > 1')" true "and readyz names them"

note "what was asked of a ledger that is rolled back"
put_back new
rm -rf "$DATA" && cp -a "$TMP/old/data" "$DATA"
while read -r METHOD path; do
  [ "$path" != /healthz ] || continue
  cgi_get - "$path"
  answers "$METHOD $path" 503 rollback
done < <(jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | select(. != "parameters") | "\(ascii_upcase) \($path)"' "$TMP/www/openapi.json" |
  sed 's|{seq}|0|; s|{id}|abcdefghij|; s|{tile}|0/000|; s|{file}|style.css|; $a GET /no/such')
unset METHOD
like "$(json .detail)" 'signed' "with the reason"
is "$(grep -c Retry-After "$TMP/answer")" 0 "it does not pass"
cgi_get - /healthz
answers /healthz 200
finish
