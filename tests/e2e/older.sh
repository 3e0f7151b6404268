#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A ledger that an older build made opens, verifies, migrates and takes on; also where the first start of this one is killed in the middle.
#
# CF_BEFORE is a directory where that version was built, best one before segments were told of in the chain: only such a ledger migrates. Without it this is skipped:
# `CF_BEFORE=… make check TESTS=tests/e2e/older.sh`. What such a ledger is to the modules: tests/unit/ledger/test_warden.c and its old_ledger.c.
[ -x "${CF_BEFORE:-}/counterfoil.fcgi" ] || { echo "# skipped: CF_BEFORE names no directory with an older build"; exit 77; }
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

KILLS=20
SEGMENTS=6
WHO="- writer reader auditor officer admin gateway gone over bogus"

begin older
for tool in lighttpd jq curl; do command -v "$tool" >/dev/null || die "no $tool"; done

use() { # use DIRECTORY [WWW]: its programs and page are what runs from now on
  local www=$1/www
  [ -d "$www" ] || www=$CF_SRCDIR/www
  rm -f "$TMP"/bin/* "$TMP"/www/*
  cp "$1/counterfoil" "$1/counterfoil.fcgi" "$TMP/bin/" && cp "$www"/* "$TMP/www/" || die "the programs of $1"
}

take() { # an equal copy of the old ledger, at its place
  rm -rf "$DATA" "$DATA.signer"
  cp -a "$TMP/kept/data" "$TMP/kept/data.signer" "$TMP/"
}

post() { http_as "$1" -H 'Content-Type: application/x-ndjson' --data-binary @"$2" /v1/events; }

# What each token may, as a line each: the status of every route that asks who it is. A POST of no event is taken or refused, and leaves nothing.
abilities() { # abilities FILE
  local who path
  for who in $WHO; do
    while read -r path; do
      http_as "$who" "$path"
      echo "$who GET $path $STATUS"
    done <<'TXT'
/v1/events?seq_to=100&limit=1
/v1/events/5
/v1/events/5?proof=1
/v1/verify?mode=quick
/v1/receipts/5
/v1/proofs/inclusion?seq=1&size=2
/v1/keys
/v1/whoami
/v1/tokens
/tile/0/000
/tile/entries/000
/checkpoint
TXT
    http_as "$who" --data '[]' -H 'Content-Type: application/json' /v1/events
    echo "$who POST /v1/events $STATUS"
    http_as "$who" --data '{}' -H 'Content-Type: application/json' /v1/tokens
    echo "$who POST /v1/tokens $STATUS"
    http_as "$who" --data '' /v1/tokens/aaaaaaaaaa/revoke
    echo "$who POST revoke $STATUS"
  done >"$1"
}

duplicates() { # duplicates NAME TOKEN FILE: each line of it is there already
  post "$2" "$3"
  is "$STATUS $(json '"\(.accepted) \(.duplicates) \(.rejected)"')" "200 0 $(wc -l <"$3") 0" "$1"
}

imported() { # imported NAME SOURCE FILE: so too by the command
  cli import --config "$CONF" --json --source "$2" "$3" >"$TMP/out" 2>"$TMP/err"
  is "$? $(jq -c '[.accepted, .duplicates]' "$TMP/out")" "0 [0,$(wc -l <"$3")]" "$1"
}

# ---- the old ledger

use "$CF_BEFORE"
make_ledger segment_records=256
for who in $WHO; do
  case $who in
    -) ;;
    gateway) add_token gateway writer --sources 'app,writer' --expires 2199-01-01T00:00:00Z ;;
    gone) add_token gone admin ;;
    over) add_token over reader --expires 1s ;;
    bogus) keep_token bogus cf_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ;;
    *) add_token "$who" "$who" ;;
  esac
done
cli sample --seed 5 800 >"$TMP/app.json"
seq 800 | sed 's|.*|{"id":"e-&","time":"2026-02-01T10:00:00Z","action":"doc.read","user":"u&","status":200,"attributes":{"n":1.50}}|' >"$TMP/events.json"
cli import --config "$CONF" --source app "$TMP/app.json" >>"$TMP/log/import" 2>&1 || die "import by the older build"
lighttpd_start
post writer "$TMP/events.json"
is "$STATUS $(json .accepted)" "200 800" "the older build takes events"
echo '{"id":"huge","action":"a","status":0,"attributes":{"n":1e400}}' >"$TMP/huge.json"
post writer "$TMP/huge.json"
is "$STATUS $(json .accepted)" "200 1" "and a number that is refused today"
http_as admin --data '' "/v1/tokens/$(sed -nE 's/.*cf_([a-z0-9]{10})_.*/\1/p' "$TMP/token.gone")/revoke"
is "$STATUS" 200 "a token is revoked"
for seq in 5 300 1200; do # kept checkpoints, and an event after each, so that the next is another
  http_as auditor "/v1/receipts/$seq"
  cp "$TMP/body" "$TMP/receipt.$seq"
  echo "{\"action\":\"after.$seq\"}" >"$TMP/one.json"
  post writer "$TMP/one.json"
done
for ((end = SECONDS + PATIENCE; $(find "$DATA/segments" -name '*-0' | wc -l) < SEGMENTS;)); do
  [ "$SECONDS" -le "$end" ] || die "the older build makes no $SEGMENTS segments"
  sleep 0.05
done
abilities "$TMP/could"
http_as reader '/v1/events?source=app&limit=all&format=ndjson'
jq -c 'select(.seq) | del(.seq, .recorded, .kind, .writer)' "$TMP/body" >"$TMP/there.json"
end_processes
kept=$(sed -n '2,3p' "$DATA.signer/state" | paste -s -d ' ')
mkdir "$TMP/kept"
mv "$DATA" "$DATA.signer" "$TMP/kept/"
note "$(sed -n 2p "$TMP/kept/data.signer/state") records, $(find "$TMP/kept/data/segments" -type f | wc -l) segments, $(wc -l <"$TMP/could") abilities"

migrates() { [ -z "$(find "$TMP/kept/data/segments" -name '*.sums' -print -quit)" ]; }

# ---- the first start

use "$CF_BUILDDIR"
take
: >"$TMP/log/lighttpd.breakage.log"
lighttpd_start
for ((end = SECONDS + PATIENCE; ; )); do
  http /readyz
  [ "$(json '"\(.unsworn) \(.missing) \(.mismatched) \(.damaged)"')" != "0 0 0 0" ] || break
  [ "$SECONDS" -le "$end" ] || die "not all segments are sworn to: $(cat "$TMP/body")"
  sleep 0.05
done
pass "all segments are sworn to"
is "$(json 'keys_unsorted | join(" ")')" "ready posted_dropped damaged missing mismatched unsworn" "readyz has nothing else to say"
is "$(find "$DATA/segments" -name '*.sums' | wc -l)" "$(find "$DATA/segments" -name '*-0' | wc -l)" "each has its sums"
abilities "$TMP/can"
check "each token can do what it could, and no more" diff "$TMP/could" "$TMP/can"
is "$(grep -c 'tokens of an older version' "$TMP/log/lighttpd.breakage.log")" "$(migrates && echo 1 || echo 0)" "it is said once if they were told anew"
# Sessions end where a copy was put back.
is "$(grep -E ' (error|warning): ' "$TMP/log/lighttpd.breakage.log" | grep -vE 'could not be answered|all sessions of the page end')" "" "nothing in the log alarms"
for mode in quick full deep; do
  http_as auditor "/v1/verify?mode=$mode&size=${kept% *}&root=$(jq -nr --arg root "${kept#* }" '$root | @uri')"
  is "$(json '"\(.ok) \(.complete) \(.states.unsworn) \(.errors | length)"')" "true true 0 0" "verify $mode, which extends what was signed"
done
for seq in 5 300 1200; do
  http_as auditor "/v1/receipts/$seq"
  is "$(sed '/^$/,$d' "$TMP/body" | head -n 3)" "$(sed '/^$/,$d' "$TMP/receipt.$seq" | head -n 3)" "the receipt of $seq is of the same record"
  size=$(sed -n '/^$/,$p' "$TMP/receipt.$seq" | sed -n 3p)
  root=$(sed -n '/^$/,$p' "$TMP/receipt.$seq" | sed -n 4p)
  http_as auditor "/v1/verify?mode=full&size=$size&root=$(jq -nr --arg root "$root" '$root | @uri')"
  is "$(json .ok)" true "and the old one's head, of $size records, is this ledger's"
done
http_as reader '/v1/events?id=huge&attributes.n=1e400'
is "$(grep -o '"attributes":.*}}' "$TMP/body" | cut -d , -f 1)" '"attributes":{"n":1e400}}]' "a number that is refused today is given as it was taken"
post writer "$TMP/huge.json"
is "$STATUS $(json '.errors[0].member')" "422 attributes" "and refused"
duplicates "what was posted, by the same token" writer "$TMP/events.json"
sed 's/^{/{"source":"writer",/' "$TMP/events.json" >"$TMP/others.json"
duplicates "by another token" gateway "$TMP/others.json"
duplicates "what was imported, by a token" gateway "$TMP/there.json"
imported "by the command" app "$TMP/app.json"
end_processes
run_conf "and all is well after a stop" 0 verify --deep

# ---- the first start, killed

sums() { find "$DATA/segments" -name '*.sums' | wc -l; }

# At some moment of the first second and a bit, or as soon as so many segments are sworn to: segments come at once, tokens after a second.
wait_for_moment() { # wait_for_moment KILL
  local end=$((SECONDS + PATIENCE))
  if [ $(($1 % 2)) = 0 ]; then
    sleep "$(printf '%d.%03d' $((RANDOM % 5 / 4)) $((RANDOM % 1000)))"
  else
    until [ "$(sums)" -gt $(($1 / 2 % (SEGMENTS - 1))) ] || [ "$SECONDS" -gt "$end" ]; do :; done
  fi
}

half=0
for ((i = 0; i < KILLS; i++)); do
  take
  serve_start
  wait_for_moment "$i"
  kill -KILL "$SERVE" 2>/dev/null
  wait "$SERVE" 2>/dev/null
  [ "$(sums)" = 0 ] || [ "$(sums)" -ge "$SEGMENTS" ] || half=$((half + 1))
  cli verify --config "$CONF" --deep --json --size "${kept% *}" --root "${kept#* }" >"$TMP/out" 2>"$TMP/err" || {
    fail "killed once (start $i)" "$(head -c 1000 "$TMP/out")" "$(head -c 1000 "$TMP/err")"
    break
  }
done
is "$i" "$KILLS" "each of $KILLS kills is got over"
! migrates || check "and $half of them came between two segments" [ "$half" -gt 0 ]
lighttpd_start
abilities "$TMP/can"
check "each token can do what it could, after a kill too" diff "$TMP/could" "$TMP/can"
finish
