#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# import, once: packed logs, directories, files that are broken among good ones, what is no text, and what would be taken.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"

line() { # line NUMBER
  printf '192.0.2.%d - - [17/May/2015:10:%02d:%02d +0000] "GET /line-%d HTTP/1.1" 200 %d "-" "writer"\n' $(($1 % 250)) $(($1 / 60 % 60)) $(($1 % 60)) "$1" "$1"
}
lines() { local i; for ((i = $1; i <= $2; i++)); do line "$i"; done; } # lines FIRST LAST

imports() { # imports ARGUMENTS…: its status and result are $STATUS, $RESULT, what it says $TMP/said
  RESULT=$(cli import --config "$CONF" --json "$@" 2>"$TMP/said" </dev/null)
  STATUS=$?
  cat "$TMP/said" >>"$TMP/log/import"
}
result() { jq -c "$1" <<<"$RESULT" 2>&1; } # result FILTER
says_of() { grep -cE "$1" "$TMP/said"; }      # says_of REGEX

# ---- packed

packed() {
  local packer name
  lines 1 50 >"$TMP/access.log"
  imports --source packed "$TMP/access.log"
  is "$(result '[.lines, .accepted]')" "[50,50]" "a log"
  for packer in gzip:gz xz:xz zstd:zst bzip2:bz2; do
    name=$TMP/access.log.2.${packer#*:}
    "${packer%:*}" -c <"$TMP/access.log" >"$name"
    imports --source packed "$name"
    is "$STATUS $(result '[.lines, .accepted, .duplicates, .messages]')" "0 [50,0,50,0]" "packed with ${packer%:*} its lines have the ids they had"
  done
  cp "$TMP/access.log.2.gz" "$TMP/no-suffix"
  imports --source packed "$TMP/no-suffix"
  is "$(result .duplicates)" 50 "what a file is tells its content"
  RESULT=$(cli import --config "$CONF" --source packed --json - <"$TMP/access.log.2.xz" 2>>"$TMP/log/import")
  is "$(result .duplicates)" 50 "standard input too"
  RESULT=$(cat "$TMP/access.log.2.bz2" | cli import --config "$CONF" --source packed --json - 2>>"$TMP/log/import")
  is "$(result .duplicates)" 50 "a pipe too"
}

# ---- broken ones among good ones

broken() {
  lines 100 9000 | gzip -c >"$TMP/whole.gz"
  head -c 20000 "$TMP/whole.gz" >"$TMP/cut.gz"
  lines 51 60 >"$TMP/good.log"
  imports --source broken "$TMP/none.log" "$TMP/cut.gz" "$TMP/good.log"
  is "$STATUS $(result '[.files, .failed]')" "1 [3,2]" "some failed: so says the exit status"
  is "$(says_of 'none.log: .*No such file') $(says_of 'cut.gz: the gzip archive is broken or breaks off; taken of it: the [0-9]+ lines')" "1 1" "which, why, and what was taken"
  is "$(cli query --config "$CONF" --json format=ndjson source=broken resource=/line-60 | grep -c '"seq"')" 1 "the others are taken"
  check "what came before the break too" [ "$(result .lines)" -gt 100 ]
  imports --source broken "$TMP/none.log" "$TMP/nowhere.log"
  is "$STATUS $(result '[.lines, .failed]')" "2 [0,2]" "where all failed it could not tell"
}

# ---- directories

directories() {
  mkdir "$TMP/logs" "$TMP/logs/deeper" "$TMP/nothing"
  lines 201 210 >"$TMP/logs/access.log"
  lines 191 200 | xz -c >"$TMP/logs/access.log.1.xz"
  lines 181 190 | gzip -c >"$TMP/logs/access.log.2.gz"
  lines 301 310 >"$TMP/logs/deeper/other.log"
  ln -s "$TMP/access.log" "$TMP/logs/link.log"
  touch -d '2 days ago' "$TMP/logs/access.log.2.gz"
  touch -d '1 day ago' "$TMP/logs/access.log.1.xz"
  imports --source directory "$TMP/logs"
  is "$STATUS $(result '[.files, .lines, .accepted]')" "0 [3,30,30]" "a directory is its regular files: no links, nothing deeper"
  is "$(cli query --config "$CONF" --json format=ndjson source=directory limit=100 | jq -r 'select(.seq).resource' | tac | cksum)" "$(seq -f '/line-%.0f' 181 210 | cksum)" "the oldest first"
  imports --source directory "$TMP/logs" "$TMP/good.log" "$TMP/nothing"
  is "$STATUS $(result '[.files, .failed, .accepted, .duplicates]') $(says_of 'holds no regular file')" "1 [5,1,10,30] 1" "an empty one has failed"
  imports --source twice "$TMP/logs" "$TMP/logs/access.log" "$TMP/good.log" "$TMP/good.log"
  is "$STATUS $(result '[.files, .lines]')" "0 [4,40]" "what is named twice is one file"
}

# ---- what is no text

binary() {
  head -c 5000 "$CLI" >"$TMP/program"
  imports --source binary "$TMP/program" "$TMP/good.log"
  is "$STATUS $(result '[.failed, .lines]') $(says_of 'no text.*--force')" "1 [1,10] 1" "a binary file is refused"
  imports --source binary --force "$TMP/program"
  is "$STATUS $(result .failed)" "0 0" "with --force it is taken"
  { head -c 300000 /dev/zero; line 70; } >"$TMP/hole.log"
  imports --source hole "$TMP/hole.log"
  is "$STATUS $(result .failed)" "0 0" "a hole that copytruncate left is not binary"
}

# ---- what would be taken

preview() {
  local size
  { lines 1 5; printf 'nonsense \033[31m\n{"method":"GET"}\n'; } | gzip -c >"$TMP/mixed.gz"
  size=$(cli query --config "$CONF" --json format=ndjson source=preview | grep -c '"seq"')
  as_user "$CLI" import --config /nonexistent --dry-run "$TMP/mixed.gz" "$TMP/cut.gz" >"$TMP/preview" 2>"$TMP/said" </dev/null
  is "$? $(says_of 'cut.gz: the gzip archive')" "1 1" "a dry run says what is broken, and needs no ledger"
  is "$(grep -c 'mixed.gz: 7 lines, 1 json, 5 access, 1 text$' "$TMP/preview") $(grep -cF 'text, line 6: nonsense \x1b[31m' "$TMP/preview")" "1 1" "what would be taken, by format, and the first lines that are text"
  imports --source preview --dry-run "$TMP/mixed.gz"
  is "$STATUS $(result '[.lines, .json, .access, .text, .first_text[0].line]')" "0 [7,1,5,1,6]" "as JSON"
  is "$(cli query --config "$CONF" --json format=ndjson source=preview | grep -c '"seq"')" "$size" "nothing was sent"
  [ "$(id -u)" != 0 ] || {
    (umask 077 && cp "$TMP/mixed.gz" "$TMP/root.gz")
    is "$("$CLI" import --config "$CONF" --dry-run "$TMP/root.gz" 2>>"$TMP/log/import" | grep -c ': 7 lines')" 1 "root sees what only root may read"
  }
}

# ---- ids of lines

ids_of_lines() {
  { lines 1 200; line 200; } >"$TMP/whole.log"
  head -n 120 "$TMP/whole.log" >"$TMP/part1.log"
  tail -n +121 "$TMP/whole.log" | gzip -c >"$TMP/part2.log"
  imports --source lines --ids=line "$TMP/whole.log"
  is "$(result '[.lines, .accepted]') $(says_of .)" "[201,201] 0" "equal lines of a file stay two"
  imports --source lines --ids=line "$TMP/part1.log" "$TMP/part2.log"
  is "$STATUS $(result '[.lines, .accepted, .duplicates]') $(says_of .)" "0 [201,0,201] 0" "with ids of lines the parts of a log add nothing"
  imports --source lines "$TMP/whole.log"
  is "$(result .accepted) $(says_of 'whole.log: of its first 100 lines with a time 100 are already there under other ids')" "201 1" "lines that are there under other ids are warned of"
  imports --source lines "$TMP/whole.log"
  is "$(result '[.accepted, .duplicates]')" "[0,201]" "and then they are there twice"
  imports --source parts "$TMP/whole.log"
  imports --source parts "$TMP/part2.log"
  is "$(result .accepted) $(says_of 'part2.log: .* already there under other ids')" "81 1" "so are those of a log that was cut"
  imports --source lines --ids=both "$TMP/whole.log"
  is "$STATUS $(says_of 'place or line')" "2 1" "a scheme that is none"
}

# ---- spellings

spellings() {
  printf '%s\n' 'Oct 10 13:55:36 web1 nginx: 192.0.2.9 - carol [10/Oct/2023:13:55:36] "GET /s1 HTTP/1.1" 200 612 "-" "UA" rt=0.005' >"$TMP/bare.log"
  imports --source zone --zone nowhere "$TMP/bare.log"
  is "$STATUS $(says_of 'a zone is UTC, or')" "2 1" "a zone is hours and minutes"
  imports --dry-run --zone nowhere "$TMP/bare.log"
  is "$STATUS $(says_of 'a zone is UTC, or')" "2 1" "in a dry run too"
  imports --source zone --zone +02:00 "$TMP/bare.log"
  imports --source zone --zone +02:00 "$TMP/bare.log"
  is "$(result '[.accepted, .duplicates]')" "[0,1]" "the same zone makes the same event"
  RESULT=$(cli query --config "$CONF" --json source=zone 2>>"$TMP/log/import")
  is "$(result '.events[0] | [.time, .user, .ip, .duration_us, .attributes.program, .attributes.zone_assumed]')" \
    '["2023-10-10T11:55:36.000000Z","carol","192.0.2.9",5000,"nginx","+02:00"]' "a line behind a front, with a bare time"
  imports --source zone "$TMP/bare.log"
  is "$STATUS $(says_of '[-]-again')" "2 1" "in another zone the file would be there twice"
  imports --source zone --again "$TMP/bare.log"
  is "$STATUS $(result '[.accepted, .duplicates]')" "0 [0,1]" "--again: what has an event is there"
  { head -c 300000 /dev/zero && line 1; } >"$TMP/hole.log"
  imports --source hole "$TMP/hole.log"
  RESULT=$(cli query --config "$CONF" --json source=hole 2>>"$TMP/log/import")
  is "$(result '.events[0] | [.resource, .attributes.nuls_before]')" '["/line-1",300000]' "a line behind a hole"
}

# ---- killed on its way

# Of 12,000 lines an import that is killed at any moment leaves the first so and so many, and another one adds the rest.
killed() {
  local i delay
  for ((i = 0; i < 120; i++)); do lines $((i * 100 + 1)) $((i * 100 + 100)); done >"$TMP/long.log"
  for delay in 0.05 0.1 0.15 0.2 0.3; do
    spawn killed "$CLI" import --config "$CONF" --source killed "$TMP/long.log"
    sleep "$delay"
    kill -KILL "$PID" 2>/dev/null
    wait "$PID" 2>/dev/null
  done
  numbers() { cli query --config "$CONF" format=ndjson limit=all order=asc source=killed fields=resource | jq -r 'select(.resource).resource' | sed 's,/line-,,'; }
  numbers >"$TMP/numbers"
  is "$(seq "$(wc -l <"$TMP/numbers")" | cmp - "$TMP/numbers" 2>&1)" "" "killed imports leave the first $(wc -l <"$TMP/numbers") lines, in order"
  imports --source killed "$TMP/long.log"
  is "$STATUS $(result '[.lines, .accepted + .duplicates]')" "0 [12000,12000]" "another one goes through all"
  is "$(seq 12000 | cmp - <(numbers) 2>&1)" "" "then each is there once, in order"
}

# ---- little memory

losses() { cli query --config "$CONF" --json format=ndjson limit=all kind=loss | jq -c "select(.seq) | [.source, .body.reason, .body.count]"; }

# Where the memory for requests takes one of an import's batches, and not two, none is sent in vain.
little_memory() {
  local size before
  before=$(losses)
  cp "$CONF" "$TMP/whole.conf"
  for size in 5M 6M 7M; do
    { grep -v '^ingest_memory\|^max_body' "$TMP/whole.conf"; printf '%s\n' "ingest_memory = $size" 'max_body = 4M'; } >"$CONF"
    imports --source "little-$size" "$TMP/long.log"
    is "$STATUS $(result '[.lines, .accepted]') $(says_of waiting)" "0 [12000,12000] 0" "with $size for all requests an import goes through"
  done
  is "$(losses)" "$before" "and nothing counts as lost"
  cp "$TMP/whole.conf" "$CONF"
}

begin import
make_ledger
packed
broken
directories
ids_of_lines
binary
preview
spellings
killed
little_memory
finish
