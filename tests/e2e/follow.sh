#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# import --follow: a log that grows in halves of lines, is renamed, copied and truncated, while importer and owner are killed again and again: in the end each
# line is one event. And what `import` says to files that are none.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"

LOG_DIR= LOG= WRITTEN=0

# ---- a log with a life of its own

line() { # line NUMBER
  printf '192.0.2.%d - - [17/May/2015:10:%02d:%02d +0000] "GET /line-%d HTTP/1.1" 200 %d "-" "writer"' $(($1 % 250)) $(($1 / 60 % 60)) $(($1 % 60)) "$1" "$1"
}

# Each line in two writes, so that the reader meets halves.
write_lines() { # write_lines NUMBER
  local i text
  for ((i = 0; i < $1; i++)); do
    WRITTEN=$((WRITTEN + 1))
    text=$(line "$WRITTEN")
    printf '%s' "${text:0:WRITTEN % 60 + 1}" >>"$LOG"
    [ $((WRITTEN % 7)) != 0 ] || sleep 0.05
    printf '%s\n' "${text:WRITTEN % 60 + 1}" >>"$LOG"
  done
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$LOG"
}

shift_logs() { # log.2 becomes log.3, log.1 log.2
  local i
  for i in 8 7 6 5 4 3 2 1; do [ ! -e "$LOG.$i" ] || mv "$LOG.$i" "$LOG.$((i + 1))"; done
}

rotate() { # by renaming
  shift_logs
  mv "$LOG" "$LOG.1"
}

copytruncate() {
  shift_logs
  cp -p "$LOG" "$LOG.1"
  : >"$LOG"
}

# ---- who reads it

follow_start() {
  spawn follow "$CLI" import --config "$CONF" --follow --state "$TMP/state" --source app "$LOG"
  FOLLOW=$PID
}

# Two would each save what the other does not know.
in_use() {
  local out
  out=$(cli import --config "$CONF" --follow --state "$TMP/state" --source app "$LOG" 2>&1 </dev/null)
  is "$? $(grep -c "in use: process $FOLLOW " <<<"$out")" "2 1" "a second importer with this state is refused, and told who has it"
}

kill_at_once() { # kill_at_once PID
  kill -KILL "$1"
  wait "$1" 2>/dev/null
}

# The paths of all events of a source, sorted.
paths() { # paths SOURCE
  cli query --config "$CONF" --json format=ndjson limit=10000 "source=$1" 2>>"$TMP/log/query" | jq -r 'select(.seq).resource' | sort
}

wait_for_lines() { # until the last line written is there
  local end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ] && alive "$FOLLOW"; do
    cli query --config "$CONF" --json format=ndjson source=app "resource=/line-$WRITTEN" 2>>"$TMP/log/query" | grep -q '"seq"' && return 0
    sleep 0.1
  done
  return 1
}

each_line_once() { # each_line_once NAME
  check "$1: the last line comes" wait_for_lines
  is "$(paths app | cksum)" "$(seq -f '/line-%.0f' "$WRITTEN" | sort | cksum)" "$1: each of $WRITTEN lines is one event"
}

# ---- tests

state_is_there() { # it is written when the owner has answered, and then says that all was read
  local end=$((SECONDS + PATIENCE))
  until grep -q "^$(stat -c '%d %i %s' "$LOG") " "$TMP/state" 2>/dev/null; do
    [ "$SECONDS" -le "$end" ] && alive "$FOLLOW" || return 1
    sleep 0.02
  done
}

grows() {
  local before
  write_lines "$N"
  each_line_once "it grows"
  check "the state is kept" state_is_there
  # Each time that would be an fsync, five times a second.
  before=$(stat -c '%i %y' "$TMP/state")
  sleep 1
  is "$(stat -c '%i %y' "$TMP/state")" "$before" "while nothing comes it is left alone"
  check "the state is only ours" [ "$(stat -c %a "$TMP/state")" = 600 ]
}

rotations() {
  local i
  for i in 1 2 3; do
    write_lines "$N"
    if [ "$i" = 2 ]; then copytruncate; else rotate; fi
  done
  write_lines "$N"
  each_line_once "renamed, copied and truncated, renamed"
}

losses() { cli query --config "$CONF" --json format=ndjson kind=loss source=app 2>>"$TMP/log/query" | jq -c 'select(.seq) | [.body.reason, .message // ""]'; }
loss_comes() { # loss_comes NUMBER
  local end=$((SECONDS + PATIENCE))
  until [ "$(losses | wc -l)" -ge "$1" ]; do
    [ "$SECONDS" -le "$end" ] && alive "$FOLLOW" || return 1
    sleep 0.1
  done
}

# What was there and can no longer be read is on record: cut, written over, rotated away while nobody looked.
gaps() {
  is "$(losses)" "" "until now nothing is lost"
  : >"$LOG"
  write_lines 3
  check "a log that was cut is a loss on record" loss_comes 1
  like "$(losses)" '^\["gap",".*access.log was truncated or written over' "it says which"
  check "what was written since is there" wait_for_lines
  WRITTEN=$((WRITTEN + 3))
  { line $((WRITTEN - 2)); echo; line $((WRITTEN - 1)); echo; line "$WRITTEN"; echo; } >"$TMP/over"
  dd if="$TMP/over" of="$LOG" conv=notrunc status=none
  check "one that was written over in place" loss_comes 2
  check "with what stands there now" wait_for_lines
  kill_at_once "$FOLLOW"
  write_lines 3
  WRITTEN=$((WRITTEN - 3)) # nobody will see them
  rm "$LOG"
  write_lines 3
  follow_start
  check "one that went while nobody looked" loss_comes 3
  check "what came after that is there" wait_for_lines
  is "$(losses | wc -l)" 3 "and no more than that"
}

killed_importers() {
  local i
  for ((i = 0; i < 4; i++)); do
    write_lines "$N" &
    local writer=$!
    sleep "0.$((i * 2 + 1))"
    kill_at_once "$FOLLOW"
    wait "$writer"
    WRITTEN=$((WRITTEN + N)) # the writer was a copy of this shell
    case $i in 1) rotate && write_lines 3 ;; 2) copytruncate && write_lines 3 ;; esac
    follow_start
  done
  each_line_once "the importer was killed"
}

serve_owns() {
  local end=$((SECONDS + PATIENCE))
  until [ "$(owner)" = "$SERVE" ]; do
    [ "$SECONDS" -le "$end" ] && alive "$SERVE" || return 1
    sleep 0.05
  done
}

# It waits for the service, and does not own the ledger in its place.
killed_owner() {
  kill_at_once "$SERVE"
  write_lines "$N"
  sleep 1
  check "it waits for the service" alive "$FOLLOW"
  is "$(owner)" "" "and does not take its place"
  serve_start
  # Who asks before the service owns the ledger would own it for a moment.
  check "the service owns the ledger" serve_owns
  each_line_once "the owner was killed"
}

ends_in_order() {
  write_lines 3
  check "it is still there" wait_for_lines
  check "SIGTERM ends it" stop "$FOLLOW"
  check "and it says what it did" grep -qE '^[0-9]+ lines: [0-9]+ new' "$TMP/log/follow"
}

# What was followed adds nothing when it is imported, under whatever name.
imported_again() {
  local result
  result=$(cli import --config "$CONF" --source app --json "$LOG" "$LOG".? 2>>"$TMP/log/import")
  is "$(jq -c '[.accepted, .lines == .duplicates]' <<<"$result" 2>&1)" "[0,true]" "an import of the files, old and new, adds nothing"
  each=$(paths app | wc -l)
  is "$each" "$WRITTEN" "there are still $WRITTEN"
}

# Lines of all kinds: none is dropped, equal ones stay two.
all_kinds() {
  local result
  printf '%s\n\nnonsense\n{"method":"GET","user":"\\xe9\xff"}\n%s\n%s\n\0\x1b[31mred\nlast' "$(line 1)" "$(line 1)" "$(line 1)" >"$TMP/kinds"
  result=$(cli import --config "$CONF" --source kinds --json - <"$TMP/kinds" 2>>"$TMP/log/import")
  is "$(jq -c '[.lines, .accepted, .messages]' <<<"$result" 2>&1)" "[8,8,4]" "eight lines of all kinds are eight events"
  result=$(cli import --config "$CONF" --source kinds --json "$TMP/kinds" 2>>"$TMP/log/import")
  is "$(jq -c '[.lines, .accepted, .duplicates]' <<<"$result" 2>&1)" "[8,0,8]" "from a file they are the same"
  is "$(paths kinds | grep -c '^/line-1$')" 3 "equal lines stay three events"
}

refuses() { # refuses NAME STATUS WORDS ARGUMENTS…
  local out status
  out=$(cli import --config "$CONF" "${@:4}" 2>&1 </dev/null)
  status=$?
  is "$status $(grep -cE "$3" <<<"$out")" "$2 1" "$1"
}

refusals() {
  refuses "a file that is not there" 2 'No such file' "$TMP/none"
  refuses "a directory cannot be followed" 2 'no regular file' --follow --state "$TMP/state2" "$TMP"
  refuses "a source that is no name" 2 'source' --source 'a b' "$TMP/kinds"
  refuses "the log's own source" 2 'source' --source counterfoil "$TMP/kinds"
  refuses "nothing to import" 2 'missing' --source a
  refuses "standard input cannot be followed" 2 'follow' --follow --state "$TMP/state2" -
  refuses "a state without following" 2 'state' --state "$TMP/state2" "$TMP/kinds"
  refuses "a state file that is something else" 2 'no state file' --follow --state "$TMP/kinds" "$LOG"
  refuses "a state of other ids" 2 'made with --ids=place' --follow --state "$TMP/state" --ids line "$LOG"
  refuses "what would be taken, and following" 2 "dry-run" --dry-run --follow "$LOG"
  refuses "a name that would drive a terminal is escaped" 2 '\\x1b' "$TMP/"$'\x1b[31m'
}

as_root() {
  local result
  [ "$(id -u)" = 0 ] || return 0
  install -m 600 "$TMP/kinds" "$TMP/root.log"
  chown 0:0 "$TMP/root.log"
  result=$("$CLI" import --config "$CONF" --source root --json "$TMP/root.log" 2>>"$TMP/log/import")
  is "$(jq -c .accepted <<<"$result" 2>&1)" 8 "root imports what only root may read"
  is "$(find "$DATA" -uid 0 | head -n 1)" "" "and leaves nothing of root's in the ledger"
  "$CLI" import --config "$CONF" --follow "$LOG" 2>"$TMP/log/root-follow" && fail "root follows without --state"
  check "root must say where the state is kept" grep -q -- --state "$TMP/log/root-follow"
}

# Debian's /var/log/apache2: root:adm 0750, the logs root:adm 0640. The follower is the ledger's user, who may not even look into it.
only_adm() {
  local i reader dir=$TMP/apache2
  [ "$(id -u)" = 0 ] || return 0
  LOG=$dir/access.log WRITTEN=0 N=5
  RUN_AS_BEFORE=$RUN_AS RUN_AS=
  install -d -o root -g adm -m 0750 "$dir"
  install -o root -g adm -m 0640 /dev/null "$LOG"
  check "the ledger's user cannot get there" as_refused "$LOG"
  (cd "$TMP" && exec "$CLI" import --config "$CONF" --follow --state "$TMP/adm.state" --source adm "$LOG" >>"$TMP/log/adm" 2>&1 </dev/null) &
  FOLLOW=$!
  PIDS+=("$FOLLOW")
  for i in 1 2 3; do
    write_lines "$N"
    [ "$i" = 2 ] || check "rotation $i: it keeps up" adm_has_all
    adm_rotate "$i"
    install -o root -g adm -m 0640 /dev/null "$LOG"
  done
  write_lines "$N"
  check "three rotations: the last line comes" adm_has_all
  is "$(paths adm | cksum)" "$(seq -f '/line-%.0f' "$WRITTEN" | sort | cksum)" "each of $WRITTEN lines is one event"
  reader=$(pgrep -P "$FOLLOW")
  is "$(awk '/^Uid:/ {print $2}' "/proc/$FOLLOW/status") $(awk '/^Uid:/ {print $2}' "/proc/$reader/status")" "$(id -u "$RUN_AS_BEFORE") $(id -u "$RUN_AS_BEFORE")" "nobody of the two is root"
  is "$(in_adm "$FOLLOW") $(in_adm "$reader")" "0 1" "only the reader is in adm"
  kill -KILL "$reader"
  write_lines 1
  gone "$PATIENCE" "$FOLLOW" || kill -KILL "$FOLLOW"
  wait "$FOLLOW"
  is "$? $(grep -c 'process that opens the logs is gone' "$TMP/log/adm")" "2 1" "without its reader it ends, and says so"
  RUN_AS=$RUN_AS_BEFORE
}
in_adm() { # in_adm PID: 1 or 0
  awk -v adm="$(getent group adm | cut -d: -f3)" '/^Groups:/ {for (i = 2; i <= NF; i++) n += $i == adm} END {print n + 0}' "/proc/$1/status"
}
as_refused() { ! as_user cat "$1" 2>/dev/null && ! as_user ls "${1%/*}" >/dev/null 2>&1; }
adm_has_all() {
  local end=$((SECONDS + PATIENCE))
  until [ "$(paths adm | wc -l)" -ge "$WRITTEN" ]; do
    [ "$SECONDS" -le "$end" ] && alive "$FOLLOW" || return 1
    sleep 0.1
  done
}
adm_rotate() { # adm_rotate NUMBER: a rename; a copy; a rename of what is not read yet, packed at once
  shift_logs
  case $1 in
    1) mv "$LOG" "$LOG.1" ;;
    2) cp -p "$LOG" "$LOG.1" && : >"$LOG" ;;
    3) mv "$LOG" "$LOG.1" && gzip "$LOG.1" ;;
  esac
}

begin follow
N=$(count 15 40 400)
LOG_DIR=$TMP/logs
LOG=$LOG_DIR/access.log
mkdir "$LOG_DIR"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$LOG_DIR"
make_ledger
serve_start
follow_start
grows
in_use
rotations
gaps
killed_importers
killed_owner
ends_in_order
imported_again
all_kinds
refusals
as_root
only_adm
finish
