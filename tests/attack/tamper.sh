#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tamper.sh [--write]: a closed ledger of segments and a tail is changed by somebody who has all of DATA and knows this program, but not the
# signing key; then it is verified in each mode, also as a copy, and read. What came of it is the table in doc/threat-model.md, which must be what this makes;
# --write puts it there.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$lib/servers.sh"

FLIPS=$(count 9 9 510)  # of a segment's file
BYTES=$(count 12 24 600) # of what is stored of one event: more than there are is each of them
TAMPER=$CF_BUILDDIR/tests/attack/tamper
DOC=$CF_SRCDIR/doc/threat-model.md
BEGIN='<!-- From here to the end of the table: what tests/attack/tamper.sh makes. -->'
END='<!-- End of the table. -->'

# ---- the ledger

events() { # events FROM TO: one a minute, from 2025-12-01 on
  seq "$1" "$2" | awk '{
    t = 1764547200 + $1 * 60
    printf "{\"time\":\"%s\",\"method\":\"GET\",\"status\":200,\"user\":\"u%d\",\"ip\":\"192.0.2.%d\",\"resource\":\"/r/%d\"}\n",
      strftime("%Y-%m-%dT%H:%M:%SZ", t, 1), $1 % 7, $1 % 200, $1 }'
}
put_in() { # put_in FROM TO
  events "$1" "$2" >"$TMP/events"
  cli import --config "$CONF" --source web "$TMP/events" >"$TMP/log/import" 2>&1 || die "import: $(cat "$TMP/log/import")"
}
segments() { find "$DATA/segments" -maxdepth 1 -type f ! -name '*.sums' | sort; }
segment() { segments | sed -n "$1p"; } # segment N: its file, from 1 on
token_id() { cut -d_ -f2 "$TMP/token.$1"; }
token_text() { sed 's/.* //' "$TMP/token.$1"; }

# keep NAME, put_back NAME: DATA and its signer's directory
copy() { as_user cp -a --sparse=always "$1" "$2"; } # copy FROM TO
keep() { as_user mkdir "$TMP/$1" && copy "$DATA" "$TMP/$1/data" && copy "$DATA.signer" "$TMP/$1/signer"; }
put_back() { rm -rf "$DATA" "$DATA.signer" && copy "$TMP/$1/data" "$DATA" && copy "$TMP/$1/signer" "$DATA.signer"; }

up() { # the ledger has an owner; false: it is refused
  local end=$((SECONDS + PATIENCE))
  rm -f "$DATA/sock"
  serve_start
  until [ -S "$DATA/sock" ]; do
    alive "$SERVE" && ! grep -qsF "[$SERVE] error: cannot open the ledger" "$TMP/log/serve" || return 1
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.01
  done
}
down() { kill -KILL "$SERVE" 2>/dev/null; wait "$SERVE" 2>/dev/null; } # what it leaves is thrown away

filled() { # filled N: it has so many segments, and was stopped
  local end=$((SECONDS + PATIENCE))
  up || die "it does not start: $(tail -n 3 "$TMP/log/serve")"
  until [ "$(segments | wc -l)" -ge "$1" ]; do
    [ "$SECONDS" -le "$end" ] || die "there are no $1 segments"
    sleep 0.05
  done
  stop "$SERVE"
}

make_copies() {
  make_ledger segment_records=256
  put_in 0 699
  filled 2
  keep foreign # its events are the same, its keys are not
  rm -rf "$DATA" "$DATA.signer"
  make_ledger segment_records=256
  add_token auditor auditor,reader
  add_token reader reader
  add_token gone reader
  put_in 0 699
  filled 2
  keep old
  # Behind a tile by some two hundred: what a quick verify looks at begins there, and the log adds records of its own meanwhile.
  put_in 700 1445
  put_in 1446 1446 # a piece of the tail by itself
  filled 5
  cp -a "$DATA/env/tokens" "$TMP/tokens.before"
  cli token --config "$CONF" revoke "$(token_id gone)" >"$TMP/log/token" 2>&1 || die "revoke: $(cat "$TMP/log/token")"
  add_token first auditor,reader # a token that is older than what is damaged may only write until that is mended
  swap "$TMP/token.first" "$TMP/token.auditor"
  ID=$(cli query --config "$CONF" --json resource=/r/300 | jq -r '.events[0].id')
  as_user "$TAMPER" "$DATA" kept "$TMP/old/signer/state" || die "no older checkpoint"
  rm "$DATA.signer/before" # so that it counts as kept
  WAS_KEPT=$(cli verify --config "$CONF" --json --quick | jq -r '"size=\(.size) root=\(.root)"')
  keep whole
  printf 'Authorization: Bearer cf_%s_%043d\n' "$(token_id reader)" 0 >"$TMP/token.stranger"
}

# ---- questions: answers are in $OUT

# relay TOKEN PATH QUERY: through a plain CGI to the owner; $STATUS, $OUT/body
AUDITOR=auditor # who is the auditor here
relay() {
  [ "$1" != auditor ] || set -- "$AUDITOR" "${@:2}"
  as_user env -i GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REQUEST_METHOD=GET SCRIPT_NAME="$MOUNT" "PATH_INFO=$2" "QUERY_STRING=$3" \
    "HTTP_AUTHORIZATION=Bearer $(token_text "$1")" "COUNTERFOIL_CONF=$CONF" "$FCGI" </dev/null >"$OUT/answer" 2>>"$TMP/log/cgi"
  STATUS=$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$OUT/answer")
  tr -d '\r' <"$OUT/answer" | sed '1,/^$/d' >"$OUT/body"
}
urlencode() { sed 's/+/%2B/g; s|/|%2F|g'; }

# verify_with MODE [KEPT…]: a cell
verify_with() {
  local mode=$1
  shift
  if [ "$mode" = range ]; then
    relay auditor /v1/verify "mode=range&seq_from=256&seq_to=512$(printf '&%s' "$@" | sed 's/^&$//' | urlencode)"
  elif [ "$mode" = copy ]; then
    TMPDIR=$OUT cli verify --config "$CONF" --json --deep --read-only "${@/#/--}" >"$OUT/body" 2>"$OUT/words"
  else
    cli verify --config "$CONF" --json "--$mode" "${@/#/--}" >"$OUT/body" 2>"$OUT/words"
  fi
  jq -rse 'last | if .ok == true and .complete then "—" elif .ok == false then "`" + ([.errors[].code] | unique | join("` `")) + "`" else error end' \
    "$OUT/body" 2>/dev/null || echo refused
}

# where: a cell: where the verify before said that it begins; that a record is not what it was, before what is said of its file or indexes.
# What the log writes of itself meanwhile moves the seqs of the tail.
where() {
  jq -rse 'def least(f): [.errors[] | select(.seq != null and f) | .seq] | min;
    last | least(.code | IN("STORE_DAMAGED", "INDEX_MISMATCH", "TILE_MISMATCH") | not) // .first_bad |
    if . == null then "—" elif . < 256 then "segment 1" elif . < 512 then . elif . < '$((256 * SEGMENTS))' then "segment \(. / 256 + 1 | floor)" else "the tail" end' \
    "$OUT/body" 2>/dev/null || echo "—"
}

# Reads. Each prints its answer, in short.
read_events() { # read_events QUERY
  relay auditor /v1/events "format=ndjson&limit=all&kind=event&$1"
  echo "$STATUS $(grep -oE 'urn:counterfoil:[a-z-]+' "$OUT/body" | head -n 1) $(grep -F '"kind":"event"' "$OUT/body" | sha256sum)"
}
everything() { read_events ""; }
by_user() { read_events user=u3; }
by_time() { read_events "from=2025-12-01T05:00:00Z&to=2025-12-01T07:00:00Z"; }
by_id() { read_events "id=$ID"; }
tile_of_hashes() { relay auditor /tile/0/001 ""; echo "$STATUS $(sha256sum <"$OUT/body")"; }
as_admin() { relay reader /v1/tokens ""; echo "$STATUS"; } # right: 403
as_gone() { relay gone /v1/events limit=1; echo "$STATUS"; }
as_stranger() { relay stranger /v1/events limit=1; echo "$STATUS"; }

declare -A RIGHT # what each read says where nothing was changed
read_with() { # read_with READ: a cell
  local got
  got=$("$1")
  case $got in
    401) echo refused ;;
    "${RIGHT[$1]-$got}") echo right ;;
    5* | [0-9]*urn:counterfoil:*) echo refused ;;
    [!0-9]*) echo "**no answer**" ;;
    *) echo "**wrong**" ;;
  esac
}

# ---- changes

change() { as_user "$TAMPER" "$DATA" "$@"; }
cut_short() { as_user truncate -s -16384 "$(segment 2)"; }
delete() { as_user rm "$(segment 2)$1"; } # delete SUFFIX
swap() { mv "$1" "$1.x" && mv "$2" "$1" && mv "$1.x" "$2"; }
exchange() {
  local two three
  two=$(segment 2) three=$(segment 3)
  swap "$two" "$three" && swap "$two.sums" "$three.sums"
}
foreign() { copy "$TMP/foreign/data/segments/$(basename "$(segment 2)")" "$DATA/segments/" && copy "$TMP/foreign/data/segments/$(basename "$(segment 2)").sums" "$DATA/segments/"; }
foreign_good() { foreign && change nothing 2 row; }
tokens_of_before() { copy "$TMP/tokens.before" "$DATA/env/tokens"; }
appended() { change appended "$OUT/other"; }
old_data() { rm -rf "$DATA" && copy "$TMP/old/data" "$DATA"; }
old_data_alone() { old_data && rm "$DATA.signer/state"; }
old_all() { AUDITOR=first; put_back old; }
old_data_for_auditor() { KEPT=$WAS_KEPT; old_all; }
foreign_signer() { rm -rf "$DATA.signer" && copy "$TMP/foreign/signer" "$DATA.signer"; }
foreign_key() { cp -a "$TMP/foreign/signer/key" "$TMP/foreign/signer/vkey" "$DATA.signer/"; }
foreign_data() { rm -rf "$DATA" && copy "$TMP/foreign/data" "$DATA"; }
without_segment() { delete "" && delete .sums && change dropped 256; }
rewritten() { # the file under the number of a writing that never was, which the catalogue has, too
  local file to
  file=$(segment 2)
  change rewrite 2 row && to=${file%-*}-1 && swap_in "$file" "$to" && swap_in "$file.sums" "$to.sums"
}
swap_in() { as_user mv "$1" "$2"; }
tail_cut_short() { as_user truncate -s -16384 "$DATA/env/$TAIL"; }
whole() { change whole 2; }
flip() { # flip FILE I N: every bit of the byte at I/N of a file
  local at byte size
  size=$(stat -c %s "$1")
  at=$(($2 * size / $3 + 777))
  byte=$(od -An -tu1 -j"$at" -N1 "$1" | tr -d ' ')
  printf "\\x$(printf '%02x' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
flip_segment() { flip "$(segment 2)" "$@"; }
flip_event() { change tail-byte "$TAIL" "$@"; }

# ---- rows

JOBS=4
KEPT= # what an auditor kept, for --size and --root
N=0   # of the row
COPIES=$(count 6 6 1) # of so many rows one is asked of a copy, too, which takes longest; of the others it is what the document says
[ "${1:-}" != --write ] || COPIES=1

# In a process and a place of its own: the whole ledger is changed and asked; the row's cells are $TMP/row.N.
asked() { # asked READ CHANGE…
  local mode cells='refused | refused | refused | refused' from=— read=refused copy
  OUT=$TMP/job.$N
  DATA=$OUT/data
  CONF=$OUT/conf
  as_user mkdir "$OUT"
  sed "s|^data = .*|data = $DATA|; s|^listen = .*|listen = $OUT/sock|" "$TMP/counterfoil.conf" >"$CONF"
  put_back whole && "${@:2}" || { echo "cannot ${*:2}" >"$TMP/row.$N"; return 1; }
  if up; then
    read=$(read_with "$1")
    cells=$(for mode in quick range full deep; do printf '%s | ' "$(verify_with "$mode" $KEPT)"; done)
    cells=${cells% | }
    from=$(where)
  fi
  down
  if [ $((N % COPIES)) = 0 ]; then
    copy=$(verify_with copy $KEPT)
    [ "$from" != — ] || from=$(where)
  else
    copy=$(written 6)
    [ "$from" != — ] || from=$(written 7)
  fi
  rm -rf "$OUT"
  echo "$cells | $copy | $from | $read" >"$TMP/row.$N"
}
row() { # row WORDS READ CHANGE…
  N=$((N + 1))
  WORDS[N]=$1
  while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do wait -n; done
  (asked "${@:2}") &
}
declare -a WORDS
declare -A GOOD=([file]="its page's own checksum good" [sums]="the sums good" [row]="the sums and the catalogue good")
levels() { # levels WORDS READ CHANGE [ARG…]: in the second segment, with more and more made good
  local level
  for level in file sums row; do
    row "$1, ${GOOD[$level]}" "$2" change "$3" 2 "$level" "${@:4}"
  done
}

flips() { # flips WORDS N CHANGE: N times, which is told I and N; one row of them all: `all`, `some` or none of which found it
  local i words=$1 n=$2 first=$((N + 1))
  for ((i = 0; i < n; i++)); do row "" by_user "$3" "$i" "$n"; done
  wait
  cells=$(for ((i = first; i <= N; i++)); do cat "$TMP/row.$i"; done | awk -F ' [|] ' '
    { for (i = 1; i <= 5; i++) n[i] += $i != "—"; wrong += /wrong|cannot|no answer/ }
    END { for (i = 1; i <= 5; i++) printf "%s | ", (n[i] == NR ? "all" : n[i] ? "some" : "—"); print "— | " (wrong ? "**wrong**" : "right or refused") }')
  echo "$cells" >"$TMP/row.$first" # whose own cells were read by now
  N=$first
  WORDS[N]=$words
}

rows() {
  row "nothing" everything true
  row "a segment cut short" everything cut_short
  row "a segment deleted" everything delete ""
  row "its sums deleted" everything delete .sums
  row "it, its sums and its row of the catalogue deleted" everything without_segment
  row "it under the number of a writing that never was" everything rewritten
  row "two segments exchanged" everything exchange
  row "a foreign segment with its sums" everything foreign
  row "the same, the catalogue good" everything foreign_good
  row "a segment's row of the catalogue deleted" everything change dropped 256
  row "a segment's range of times in the catalogue" by_time change ranges 2 row
  levels "the index \`user\`" by_user user
  levels "\`times\`" by_time times
  levels "the index \`id\`" by_id id "$ID"
  levels "\`counts\`" by_user counts
  row "the filter of ids, all of that good" by_id change filter 2 row
  row "a row of leaf hashes, all of that good" tile_of_hashes change hashes 2 row
  row "a record, all of that good" everything change record 2 row
  row "a payload, all of that good" everything change payload 2 row
  row "a salt, all of that good" everything change salt 2 row
  row "\`recorded\`, all of that good" everything change recorded 2 row
  row "a record made to look erased, all of that good" everything change erased 2 row
  row "the same with another commitment" everything change commitment 2 row
  row "a record deleted, those behind it moved up" everything change delete 2 row
  row "a record in the place of the next one, too" everything change double 2 row
  row "two records exchanged" everything change swap 2 row
  row "a record inserted, those behind it moved down" everything change insert 2 row
  row "a record, the whole segment written anew to fit it" everything whole
  row "a record in the tail" everything change tail "$TAIL"
  row "a record of the tail deleted" everything change tail-delete "$TAIL"
  row "… in the place of the next one, too" everything change tail-double "$TAIL"
  row "… exchanged with the one before it" everything change tail-swap "$TAIL"
  row "… once more behind the last one" everything change tail-insert "$TAIL"
  row "the tail without its last record" everything change tail-cut "$TAIL"
  row "the tail's file cut short" everything tail_cut_short
  row "records in the tail made to look erased" everything change tail-erased "$TAIL"
  row "records appended behind the last signature" everything appended
  row "a row of tiles of level 1" tile_of_hashes change tile
  row "a kept checkpoint" everything change note
  row "all kept checkpoints deleted" everything change notes
  row "a token made admin" as_admin change token "$(token_id reader)" '["reader"]' '["admin","reader"]'
  row "a token's hash replaced" as_stranger change token-hash "$(token_id reader)" "$(token_text stranger)"
  row "tokens of before a revocation" as_gone tokens_of_before
  row "old data" everything old_data
  row "old data, the signer's state deleted" everything old_data_alone
  row "old data and an old signer's directory" everything old_all
  row "the same, asked by who kept a checkpoint" everything old_data_for_auditor
  row "a foreign signer's directory" everything foreign_signer
  row "a foreign key in it" everything foreign_key
  row "a foreign ledger's data" everything foreign_data
  flips "a byte of a segment turned over, at many places" "$FLIPS" flip_segment
  flips "each byte of what is stored of an event in the tail turned over, its page's own checksum good" "$BYTES" flip_event
}

table() {
  local i
  echo '| changed | quick | range | full | deep | deep, a copy | from seq | a read that depends on it |'
  echo '|---|---|---|---|---|---|---|---|'
  for ((i = 1; i <= N; i++)); do echo "| ${WORDS[i]} | $(cat "$TMP/row.$i") |"; done
}
documented() { awk -v begin="$BEGIN" -v end="$END" '$0 == end {on = 0} on; $0 == begin {on = 1}' "$DOC"; }
written() { documented | awk -F ' [|] ' -v n=$((N + 2)) -v column="$1" 'NR == n {print $column}'; } # written COLUMN: of the row
document() { # put the table there
  awk -v begin="$BEGIN" -v end="$END" -v table="$TMP/table" '
    $0 == end {on = 0} !on; $0 == begin {on = 1; while ((getline line <table) > 0) print line}' "$DOC" >"$TMP/doc" && cat "$TMP/doc" >"$DOC"
}

begin tamper
OUT=$TMP
make_copies
TAIL=$(find "$TMP/whole/data/env" -name 'tail-*' -printf '%f\n' | sort -t- -k2n | tail -n 1)
put_back whole
SEGMENTS=$(segments | wc -l)
up || die "it does not start"
for read in everything by_user by_time by_id tile_of_hashes as_admin as_gone as_stranger; do RIGHT[$read]=$($read); done
down
rows
table >"$TMP/table"
[ "${1:-}" != --write ] || document
check "it takes $SECONDS s" true
is "$(sed -n 3p "$TMP/table")" "| nothing | — | — | — | — | — | — | right |" "an untouched ledger passes"
is "$(grep -hE 'no answer|bug:|cannot (change|forge)' "$TMP/table" "$TMP"/log/*)" "" "each question has an answer"
# What a deep verify passes, and what a read answers wrongly: only where somebody has the signer's directory too.
is "$(awk -F ' [|] ' 'NR > 3 && ($5 == "—" || $8 ~ /wrong/) {print $1}' "$TMP/table" | grep -vE '^[|] (old data and an old signer.s directory|the same, asked by who kept a checkpoint)$')" "" \
  "what a deep verify passes was not changed"
# … and a copy, which has not the key that the MACs are made with: it says what it does not judge.
is "$(awk -F ' [|] ' 'NR > 3 && $6 == "—" {print $1}' "$TMP/table" | grep -vE '^[|] (old data and an old signer.s directory|records appended behind the last signature|all kept checkpoints deleted)$')" "" \
  "what a deep verify of a copy passes was not changed, or is what it says that it cannot judge"
is "$(diff "$TMP/table" <(documented))" "" "the table in doc/threat-model.md is what comes of it"
finish
