#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Other people's verifiers against a live ledger of 70,000 records behind lighttpd: they accept it, while it grows and after a restart.
# Then against copies of its files, of which one has been changed in one place: each that reads that place must refuse.
# Fetches the verifiers from their registries (strangers.sh). CF_SEED repeats a run's records.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"
. "$(dirname "$0")/kit.sh"
. "$(dirname "$0")/strangers.sh"

EVENTS=70000
EARLY=30000 # events when the early checkpoint was kept
ONE=34567   # the record that tamperings are about: the eighth of tile 135
SEQS=(0 256 "$ONE" 65536 69999)
RANDOM=${CF_SEED:-$RANDOM}

# ---- a ledger that grows

post_part() { # what split calls for each part
  printf 'curl -q -sS --noproxy "*" --max-time 300 -H @%q -H "Content-Type: application/x-ndjson" --data-binary @- %q >>%q' \
    "$TMP/token.writer" "$URL/v1/events" "$TMP/answers"
}

fill() { # fill FROM TO: these sample events
  : >"$TMP/answers"
  sed -n "$(($1 + 1)),$2p" "$TMP/samples.ndjson" | split -l 20000 --filter="$(post_part)" - || die "the events could not be posted"
  is "$(jq -s 'map(.accepted) | add' "$TMP/answers")" $(($2 - $1)) "$(($2 - $1)) events are taken"
}

serve_and_front() {
  serve_start
  lighttpd_front_start
}

restart() { stop "$LIGHTTPD" && stop "$SERVE" || fail "a server had to be killed"; "$@"; serve_and_front; }

# ---- what was saved

tile_names() { # every tile of a tree of so many leaves, below 256000
  awk -v size="$1" 'BEGIN {
    for (level = -1; level < 3; level++) {
      n = size; for (i = 0; i < level; i++) n = int(n / 256)
      name = "tile/" (level < 0 ? "entries" : level) "/"
      for (i = 0; i < int(n / 256); i++) printf "%s%03d\n", name, i
      if (n % 256) printf "%s%03d.p/%d\n", name, int(n / 256), n % 256
    } }'
}

save_tiles() { # save_tiles DIRECTORY SIZE
  tile_names "$2" | sed "s|.*|url = \"$URL/&\"\noutput = \"$1/&\"|" >"$TMP/tiles.curl"
  curl -q -sSf --noproxy '*' --create-dirs -K "$TMP/tiles.curl" 2>>"$TMP/log/curl" || die "tiles: $(tail -n 2 "$TMP/log/curl")"
  chmod -R a+rX "$1" # curl's directories are not for others
}

# A bundle of evidence as a site: its paths are a ledger's own.
bundle_kept() { # bundle_kept SITE KIT
  http_as auditor "/v1/evidence?seq_from=$((ONE - 300))&seq_to=$((ONE + 300))"
  [ "$STATUS" = 200 ] || die "no bundle: $STATUS $(head -c 300 "$TMP/body")"
  mkdir -p "$1" "$2"
  tar -xf "$TMP/body" -C "$1" && cp "$1/ledger.vkey" "$2/vkey" && cp "$1/checkpoint" "$2/early" || die "the bundle's files"
  seq $((ONE - 300)) 7 $((ONE + 299)) >"$2/records"
}

# ---- files, served as they are

write_static() {
  cat >"$TMP/conf/static.conf" <<TXT
server.document-root = "$TMP/saved"
server.bind = "127.0.0.1"
server.port = $PORT
server.errorlog = "$TMP/log/static.error"
server.stat-cache-engine = "disable"
mimetype.assign = ( "" => "application/octet-stream" )
TXT
}

# ---- tamperings

# Who reads what. Those that a row's part names must refuse; the others do not look there.
readers() {
  case $1 in
    key) echo "$STRANGERS" ;;
    note) echo mod-note mod-tlog torchwood-client formats merkle tessera-client tessera-fsck sigstore-js sigstore-py ;;
    early) echo mod-tlog merkle tessera-client ;;
    hashes | entries) echo mod-tlog torchwood-client tessera-client tessera-fsck ;;
    end) echo torchwood-client ;; # of a bundle: Tessera's reader looks at the entries alone
    receipt) echo torchwood-proof merkle sigstore-js sigstore-py ;;
    proof) echo merkle ;;
  esac
}

# What is changed: part, words for it, file, edit (tamper.py).
tamperings() {
  local last=$((SIZE / 256)) width=$((SIZE % 256))
  local tile=saved/tile/0/135 bundle=saved/tile/entries/135 one=kit/receipts/$ONE.tlog-proof
  cat <<TXT
note|a larger size|saved/checkpoint|number 2
note|a bit of the root|saved/checkpoint|base64 3
note|a bit of the signature|saved/checkpoint|base64 5
note|another origin|saved/checkpoint|flip 0
note|no signature|saved/checkpoint|drop 5
note|the checkpoint of another ledger of the name|saved/checkpoint|from other
key|another key of the name|kit/vkey|from other.vkey
early|a bit of the early root|kit/early|base64 3
early|a bit of the early signature|kit/early|base64 5
early|the well signed checkpoint of a fork|kit/early|from fork
hashes|a bit of a hash|$tile|flip 320
hashes|two hashes exchanged|$tile|hashes 20 21
hashes|the tile before in the place of one|$tile|from saved/tile/0/134
hashes|a tile a hash short|$tile|cut 32
hashes|a bit in the last tile|saved/tile/0/$last.p/$width|flip 0
hashes|a bit in a tile of the second level|saved/tile/1/000|flip 0
hashes|a bit in the tile of the third|saved/tile/2/000.p/1|flip 0
entries|a bit of an entry|$bundle|entry 7
entries|two entries exchanged|$bundle|exchange 7 8
entries|the bundle before in the place of one|$bundle|from saved/tile/entries/134
entries|a length|$bundle|flip 1
entries|a bundle cut off|$bundle|cut 40
entries|a bit of the last entry|saved/tile/entries/$last.p/$width|entry -1
end|a byte behind a bundle|$bundle|add
receipt|another index|$one|number 3
receipt|a bit of the path|$one|base64 4
receipt|a hash less in the path|$one|drop 4
receipt|a letter of the leaf|$one|leaf
receipt|the leaf of another record|$one|line 2 kit/receipts/256.tlog-proof
receipt|a larger size in it|$one|number -4
receipt|a bit of the root in it|$one|base64 -3
receipt|a bit of the signature in it|$one|base64 -1
receipt|the checkpoint of another ledger in it|$one|note other
receipt|the early checkpoint in it|$one|note early
proof|a bit of a hash of the consistency proof|kit/consistency.json|hash
proof|a hash less in the consistency proof|kit/consistency.json|fewer
TXT
}

tamper() { (cd "$TMP" && "$TMP/strangers/pypi/bin/python" "$glue/tamper.py" "$@"); } # tamper FILE EDIT…

refused() { # refused WORDS NAME: by that one
  local status=0
  stranger "$2" "$STATIC" "$TMP/kit" || status=$?
  if [ "$status" = 1 ]; then
    pass "$2 refuses $1"
    sed -n '1s/^\(.\{0,150\}\).*/#   \1/p' "$TMP/said"
  else fail "$2 refuses $1" "status $status" "$(head -c 600 "$TMP/said")"; fi
}

tampered() {
  local part words file edit name rows=0
  while IFS='|' read -r part words file edit; do
    rows=$((rows + 1))
    cp -p "$TMP/$file" "$TMP/untouched"
    # shellcheck disable=SC2086 # an edit has words
    tamper "$file" $edit || die "$words: not done"
    for name in $(readers "$part"); do refused "$words" "$name"; done
    cp -p "$TMP/untouched" "$TMP/$file"
  done < <(tamperings)
  check "$rows tamperings were tried" [ "$rows" -ge 36 ]
}

# ---- the run

backup() { cp -a "$DATA" "$TMP/data.fork" && cp -a "$DATA.signer" "$TMP/data.fork.signer"; }

# A backup that goes on by itself, under the same key: what a log would show to one reader alone.
fork_made() {
  (
    CONF=$TMP/fork.conf
    sed -e "s|^data = .*|data = $TMP/data.fork|; /^listen/d" "$TMP/counterfoil.conf" >"$CONF"
    chmod 640 "$CONF"
    [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$CONF"
    cli sample 500 | cli import --config "$CONF" --source fork - >"$TMP/log/fork" 2>&1 && cgi_get - /checkpoint && cp "$TMP/body" "$TMP/fork"
  ) || die "fork: $(tail -n 3 "$TMP/log/fork")"
}

other_made() { # another ledger of the same name
  (
    DATA=$TMP/data.other
    make_ledger public=tiles
    vkey_of "$TMP/log/init" >"$TMP/other.vkey" && cgi_get - /checkpoint && cp "$TMP/body" "$TMP/other"
  ) || die "another ledger cannot be made"
}

begin interop
strangers_build
other_made
make_ledger public=tiles segment_records=16384
vkey_of "$TMP/log/init" >"$TMP/vkey"
add_token writer writer
add_token auditor auditor
cli sample "$EVENTS" >"$TMP/samples.ndjson"
serve_and_front
fill 0 "$EARLY"
signed "$EARLY"
cp "$TMP/body" "$TMP/early"
restart backup
fill "$EARLY" "$EVENTS"
fork_made

signed "$EVENTS"
keep "$TMP/live" "$TMP/live.kit" "${SEQS[@]}"
WHAT="a live ledger of $SIZE records, $EARLY of them before a restart"
# shellcheck disable=SC2086 # names
accepted "$URL" "$TMP/live.kit" $STRANGERS
http -H 'Accept-Encoding: gzip' /tile/entries/135
is "$STATUS $(header Content-Encoding)" "200 gzip" "bundles of entries come packed to who takes them so"

mkdir "$TMP/saved"
signed "$EVENTS"
keep "$TMP/saved" "$TMP/kit" "${SEQS[@]}"
save_tiles "$TMP/saved" "$SIZE"
LIVE=$URL
server_start static write_static lighttpd -D -f "$TMP/conf/static.conf"
STATIC=$SITE
URL=$LIVE
WHAT="the files of a bundle"
bundle_kept "$TMP/saved/bundle" "$TMP/bundle.kit"
accepted "$STATIC/bundle" "$TMP/bundle.kit" mod-note mod-tlog formats
WHAT="files that were saved of $SIZE records"
# shellcheck disable=SC2086 # names
accepted "$STATIC" "$TMP/kit" $STRANGERS
tampered
WHAT="the files as they were again"
# shellcheck disable=SC2086 # names
accepted "$STATIC" "$TMP/kit" $STRANGERS
finish
