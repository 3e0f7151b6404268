#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every read leaves its mark before its first byte: under kill -9, on a disk that has stopped, and on a full one. The script keeps its own list
# of who was answered what and when, and holds the ledger against it: no (caller, question, hour) is missing, counts of repeats lack at most the
# last minute before a kill, and nothing after a stop.
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

SHIM=$CF_BUILDDIR/tests/e2e/fsync_shim.so
CALLERS=$(count 3 4 8)

# ---- the list of what was answered

# questions ROUND N REPEATS: a path a line, each so many times, over the routes that show what is in the ledger
questions() {
  awk -v round="$1" -v n="$2" -v repeats="$3" 'BEGIN {
    for (r = 0; r < repeats; r++)
      for (i = 0; i < n; i++) {
        k = round * n + i
        if (i % 8 == 5) print "/v1/events/" k % 100 "?proof=" k % 2
        else if (i % 8 == 6) print "/v1/receipts/" k % 100
        else if (i % 8 == 7) print "/v1/proofs/inclusion?size=100&seq=" k % 100
        else print (r % 2 ? "/v1/events?limit=" r + 1 "&method=GET&user=q" k : "/v1/events?user=q" k "&method=GET")
      }
  }'
}

# read_all CALLER FILE: asks for each path of the file, one after the other; answers go to $TMP/acks as `time caller path begin`, line by line
read_all() {
  sed 's|.*|url = "'"$URL"'&"\noutput = /dev/null|' "$2" >"$TMP/reads.$1.curl"
  stdbuf -oL curl -q -sS --noproxy '*' --globoff --max-time "$PATIENCE" -H @"$TMP/token.$1" -w '%{http_code} %{time_total} %{url_effective}\n' \
    -K "$TMP/reads.$1.curl" 2>>"$TMP/log/curl" |
    awk -v caller="$1" -v skip="${#URL}" '$1 == 200 {now = systime(); print now, caller, substr($3, skip + 1), int(now - $2); fflush()}' >>"$TMP/acks"
}

readers() { # readers FILE: all callers at once, in the background; sets READERS
  local i
  READERS=()
  for ((i = 1; i <= CALLERS; i++)); do
    read_all "r$i" "$1" &
    READERS+=("$!")
  done
}

# What the ledger has, a line a record: hour, caller, action, filter, how often.
trail() {
  http_as watcher '/v1/events?kind=access&source=counterfoil&order=asc&limit=all&format=ndjson'
  jq -r 'select(.seq != null and .user != null) | [.recorded[0:13], .user, .action, .attributes.filter // "-", .attributes.count // 1] | join(" ")' "$TMP/body" >"$TMP/trail"
}

# The acks against the trail: each has a record of an hour in which it was under way. Prints what is missing; with times in KILLS, repeats of the
# minute before each may be, and of some seconds after it: so late may be the list.
compare() {
  awk -v kills="$KILLS" '
    function key(path, p, words) {
      split(path, p, "?")
      n = split(p[1], words, "/")
      if (path ~ /^\/v1\/events\?/) { sub(/^.*&user=/, "user=", path); sub(/^.*\?user=/, "user=", path); sub(/&.*/, "", path); return "query " path "&method=GET" }
      if (path ~ /^\/v1\/events\//) return "read seq=" words[n] "&" p[2]
      if (path ~ /^\/v1\/receipts\//) return "receipt seq=" words[n]
      if (path ~ /inclusion/) { sub(/^.*seq=/, "", path); return "proof seq=" path "&size=100" }
      return "?"
    }
    function hour(t) { return strftime("%Y-%m-%dT%H", t, 1) }
    BEGIN { killed = split(kills, kill_at, " ") }
    FILENAME == ARGV[1] { there[$2 " " $3 " " $4, $1] = 1; times[$2 " " $3 " " $4] += $5; next }
    {
      what = $2 " " key($3)
      if (!((what, hour($1)) in there) && !((what, hour($4)) in there)) print "no record of", $0
      excused = 0
      for (i = 1; i <= killed; i++) if ($1 > kill_at[i] - 60 && $1 <= kill_at[i] + 5) excused = 1
      if (!excused) answered[what]++
    }
    END { for (what in answered) if (times[what] < answered[what]) print times[what] + 0, "of", answered[what], what }' "$TMP/trail" "$TMP/acks"
}

sum_up() { # sum_up NAME
  trail
  compare >"$TMP/missing"
  is "$(wc -l <"$TMP/missing")" 0 "$1: $(wc -l <"$TMP/acks") answers, $(cut -d ' ' -f 2,3 "$TMP/acks" | sort -u | wc -l) questions, all in the trail ($(wc -l <"$TMP/trail") records)"
  head -n 3 "$TMP/missing" | sed 's/^/#   /'
}

# ---- the attacks

start() {
  serve_start "$@"
  ready || die "it does not start: $(tail -n 3 "$TMP/log/serve")"
}

# What is read is stolen at once, and the witness shot.
export_and_kill() {
  local i
  : >"$TMP/acks"
  for i in 1 2 3; do
    start
    http_as "r$i" "/v1/events?format=ndjson&limit=all&user.not=nobody$i"
    kill -KILL "$SERVE"
    wait "$SERVE" 2>/dev/null
    [ "$STATUS" = 200 ] || fail "the export: $STATUS"
  done
  start
  trail
  for i in 1 2 3; do check "an export, then kill -9: it is in the trail" grep -q " r$i export user.not=nobody$i " "$TMP/trail"; done
  stop "$SERVE"
}

# What is told beside what was asked: where something is already, what is not there, the state above a page's mistake. Each is in the trail when the
# witness is shot at once.
beside() {
  local line caller method path ways=("dup POST /v1/events" "dup POST /v1/events?receipt=1" "dup POST /v1/events?return=seqs&batch=1"
    "r1 GET /?nonsense=1" "r1 GET /v1/events/99999" "r1 GET /v1/proofs/inclusion?seq=1&size=99999" "r1 GET /tile/0/099")
  start
  http_as dup -H 'Content-Type: application/json' --data-binary '{"id":"known","action":"x"}' /v1/events
  for line in "${ways[@]}"; do
    read -r caller method path <<<"$line"
    if [ "$method" = POST ]; then http_as "$caller" -H 'Content-Type: application/json' --data-binary '{"id":"known","action":"x"}' "$path"; else http_as "$caller" --globoff "$path"; fi
  done
  kill -KILL "$SERVE"
  wait "$SERVE" 2>/dev/null
  start
  trail
  for line in "dup duplicate  1" "dup receipt seq=" "dup duplicate batch=1&return=seqs" "r1 query nonsense=1" "r1 read seq=99999" "r1 proof seq=1&size=99999" "r1 tile tile=hashes"; do
    check "told beside, then kill -9: $line" grep -qF " $line" "$TMP/trail"
  done
  stop "$SERVE"
}

wait_for_file() {
  local end=$((SECONDS + PATIENCE))
  until [ -e "$1" ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.01
  done
}

wait_for_answers() { # wait_for_answers N: that many more, or until the readers have ended
  local want=$(($(wc -l <"$TMP/acks") + $1))
  while [ "$(wc -l <"$TMP/acks")" -lt "$want" ] && [ -n "$(jobs -pr)" ]; do sleep 0.01; done
}

kills() {
  local round rounds=$(count 2 3 10)
  KILLS=
  : >"$TMP/acks"
  start
  for ((round = 0; round < rounds; round++)); do
    questions "$round" "$(count 10 24 250)" "$(count 2 2 5)" >"$TMP/questions"
    readers "$TMP/questions"
    wait_for_answers $((round * 2 + RANDOM % (CALLERS * $(count 4 8 800))))
    kill -KILL "$SERVE"
    KILLS="$KILLS $(date +%s)"
    wait "$SERVE" 2>/dev/null
    start
    wait "${READERS[@]}"
    KILLS="$KILLS $(date +%s)" sum_up "kill -9, round $((round + 1))" # what was counted just now can wait, too
  done
  stop "$SERVE" || fail "the owner had to be killed"
  start
  sum_up "a stop after the kills"
  stop "$SERVE"
}

stops() {
  KILLS=
  : >"$TMP/acks"
  start
  questions 100 "$(count 8 20 400)" "$(count 3 4 20)" >"$TMP/questions"
  readers "$TMP/questions"
  wait "${READERS[@]}"
  stop "$SERVE" || fail "the owner had to be killed"
  start
  sum_up "a stop: nothing is missing, counts neither"
  stop "$SERVE"
}

# A disk that has stopped, which the shim tells: what was not asked before is not answered.
stalled() {
  local before
  KILLS=
  : >"$TMP/acks"
  start env LD_PRELOAD="$PRELOAD" CF_SHIM_STALL="$TMP/stalled"
  questions 200 "$(count 8 16 100)" 1 >"$TMP/questions"
  readers "$TMP/questions"
  wait "${READERS[@]}"
  before=$(wc -l <"$TMP/acks")
  touch "$TMP/stalled"
  questions 201 2 1 >"$TMP/others" # each holds a worker
  readers "$TMP/others"
  check "a sync hangs" wait_for_file "$TMP/stalled.hangs"
  http_as watcher --max-time 1 '/v1/events?user=q'
  is "${STATUS% *} $(wc -l <"$TMP/acks")" "000 $before" "on a disk that has stopped nothing new is shown"
  rm "$TMP/stalled"
  wait "${READERS[@]}"
  is "$(wc -l <"$TMP/acks")" "$((before + 2 * CALLERS))" "and all of it when it goes on"
  stop "$SERVE" || fail "the owner had to be killed"
  start
  sum_up "after a stop on a disk that had stopped"
  stop "$SERVE"
}

# Space, as the ledger sees it, is between half of min_free and min_free, then below half.
full() {
  local left
  KILLS=
  : >"$TMP/acks"
  left=$(($(df --output=avail -k "$DATA" | tail -n 1) / 1024))
  sed -i "s/^min_free = .*/min_free = $((left * 5 / 4))M/" "$CONF"
  serve_start
  ready /healthz || die "it does not start on a full disk"
  questions 300 8 2 >"$TMP/questions"
  readers "$TMP/questions"
  wait "${READERS[@]}"
  is "$(wc -l <"$TMP/acks")" $((16 * CALLERS)) "below min_free reads go on"
  http_as writer -H 'Content-Type: application/json' --data-binary '{"action":"x"}' /v1/events
  answers "and events do not" 507 no-space
  stop "$SERVE"
  sed -i "s/^min_free = .*/min_free = $((left * 4))M/" "$CONF"
  serve_start
  ready /healthz || die "it does not start on a full disk"
  questions 301 8 1 >"$TMP/others"
  readers "$TMP/others"
  wait "${READERS[@]}"
  is "$(wc -l <"$TMP/acks")" $((16 * CALLERS)) "below half of it nothing is shown"
  http_as r1 '/v1/events?user=alice'
  answers "which says why" 507 no-space
  http --data-urlencode "token=$(sed 's/.* //' "$TMP/token.r1")" /login
  answers "nor does anybody sign in for it" 507 no-space
  check "a token can be revoked all the same" cli token --config "$CONF" revoke "$(cli token --config "$CONF" list | awk '/victim/ {print $1}')"
  stop "$SERVE"
  sed -i "s/^min_free = .*/min_free = 1M/" "$CONF"
  start
  sum_up "after a full disk"
  stop "$SERVE"
}

begin reads
cp "$SHIM" "$TMP/shim.so" || die "not built yet: make check builds it"
chmod 755 "$TMP/shim.so"
PRELOAD=$(ldd "$CLI" | awk '/lib(clang_rt\.)?asan/ {print $3; exit}')
PRELOAD=${PRELOAD:+$PRELOAD }$TMP/shim.so
make_ledger
for ((i = 1; i <= CALLERS; i++)); do add_token "r$i" auditor; done
add_token watcher auditor
add_token writer writer
add_token victim reader
add_token dup writer
serve_start
apache_start
http_as writer -H 'Content-Type: application/x-ndjson' --data-binary @<(awk 'BEGIN {for (i = 0; i < 120; i++) printf "{\"action\":\"x\",\"user\":\"q%d\",\"method\":\"GET\"}\n", i}') /v1/events
answers "events to read" 200
stop "$SERVE"
export_and_kill
beside
kills
stops
stalled
full
finish
