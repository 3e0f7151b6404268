#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make bench: what the ledger costs, beside an empty FastCGI responder in the same lighttpd in the same run. Tables in Markdown on stdout,
# what goes on on stderr; ends with 1 where an answer is not what it should be, with 2 where there is no sense in measuring.
#
#   BENCH_DIR=DIR       a directory on the disk to measure (/var/tmp); not a tmpfs, where durable means nothing
#   BENCH_EVENTS=N      sample events to fill the ledger with (600000)
#   BENCH_SECONDS=S     of each run of single POSTs (3)
#   BENCH_ROUNDS=N      of these, Counterfoil and the empty responder in turn; their medians count (3)
. "$(dirname "$0")/../e2e/lib.sh"
. "$lib/servers.sh"

: "${BENCH_DIR:=}" "${BENCH_EVENTS:=600000}" "${BENCH_SECONDS:=3}" "${BENCH_ROUNDS:=3}"
BATCH=1000
ASKS=21              # times that a query is asked
RARE=rare.visitor    # the user of one in RARE_EVERY events
RARE_EVERY=3001
SEGMENT_RECORDS=262144

LOAD=$CF_BUILDDIR/tests/e2e/load
TOOLS=$CF_BUILDDIR/tests/bench

note() { printf '# %s\n' "$*" >&2; }
wrong() { printf 'bench: %s\n' "$*" >&2; exit "${CODE:-1}"; }
senseless() { CODE=2 wrong "$@"; }

load_average() { cut -d " " -f 1 /proc/loadavg; }
calc() { awk "BEGIN {printf \"$1\", $2}"; } # calc FORMAT EXPRESSION
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
figure() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p"; } # figure NAME: out of a line of load's

# ---- the place

file_system() { df --output=fstype "$TMP" | tail -n 1; }

place() {
  if [ -n "$BENCH_DIR" ] && [ ! -d "$BENCH_DIR" ]; then senseless "BENCH_DIR=$BENCH_DIR is no directory"; fi
  TMPDIR=${BENCH_DIR:-/var/tmp} begin bench
  case $TMP in "${BENCH_DIR:-/}"*) ;; *) senseless "BENCH_DIR=$BENCH_DIR cannot be used: its path is longer than 40 bytes, or ${RUN_AS:-this user} cannot write there" ;; esac
  case $(file_system) in
  tmpfs | ramfs) senseless "$TMP is on $(file_system), where an fsync costs nothing: give a directory on a disk, make bench BENCH_DIR=DIR" ;;
  esac
  sanitized && senseless "this build is full of instruments: configure without --enable-sanitizers"
  read -r FSYNC_US FSYNC_P99_US < <("$TOOLS/fsync" "$TMP")
}

events() { # $TMP/events.ndjson and its six parts
  PART=$((BENCH_EVENTS / 6 / BATCH))
  [ $((PART * 6 * BATCH)) -ge "$SEGMENT_RECORDS" ] || senseless "BENCH_EVENTS=$BENCH_EVENTS is not enough for a segment of $SEGMENT_RECORDS"
  note "making $BENCH_EVENTS events"
  "$CLI" sample "$BENCH_EVENTS" | awk -v every="$RARE_EVERY" -v user="$RARE" 'NR % every == 7 {sub(/"user":"[^"]*"/, "\"user\":\"" user "\"")} {print}' >"$TMP/events.ndjson"
  split -a 1 -d -l $((PART * BATCH)) "$TMP/events.ndjson" "$TMP/part."
  EVENT_BYTES=$(($(wc -c <"$TMP/events.ndjson") / BENCH_EVENTS))
  sync "$TMP"/events.ndjson "$TMP"/part.*
}

servers() { # lighttpd with the ledger, and the empty responder at /empty with equal settings
  cp "$TOOLS/empty" "$TMP/bin/" || wrong "not built yet: run make bench"
  make_ledger "segment_records=$SEGMENT_RECORDS" min_free=256M
  conf_copy lighttpd-spawn.conf
  cat >"$TMP/conf/lighttpd-bench.conf" <<TXT
include "$TMP/conf/lighttpd-spawn.conf"
fastcgi.server += ( "/empty" => (( "bin-path" => "$TMP/bin/empty", "socket" => "$TMP/empty.socket", "max-procs" => 1, "check-local" => "disable" )) )
\$HTTP["url"] =~ "^/empty(/|\$)" { server.stream-response-body = 1 }
TXT
  LIGHTTPD_CONF=lighttpd-bench.conf
  for role in writer reader auditor; do add_token "$role" "$role"; done
  lighttpd_run
  find_processes
}

find_processes() {
  local pid
  OWNER=$(owner) || wrong "nobody owns the ledger"
  for pid in $(ours); do
    case $(readlink "/proc/$pid/exe") in */empty) EMPTY=$pid ;; esac
  done
}

restart() { # sets START_MS; what the process before used is in HWM_KB
  HWM_KB=$(resident)
  stop "$LIGHTTPD" || wrong "lighttpd had to be killed"
  for pid in $(ours); do gone "$PATIENCE" "$pid" || wrong "process $pid outlives lighttpd"; done
  local start=$EPOCHREALTIME
  lighttpd_run
  START_MS=$(calc %.0f "1000 * ($EPOCHREALTIME - $start)")
  find_processes
}

resident() { awk '$1 == "VmHWM:" {print $2}' "/proc/$OWNER/status"; }
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) * 1000000 / hz}' "/proc/$1/stat"; } # cpu_us PID

# ---- the load

# load TO ARGUMENTS…: TO is counterfoil or empty. Sets FIGURES, and CPU_US a request of the application's process.
load() {
  local to=$1 pid=$OWNER path=$MOUNT/v1/events before
  shift
  [ "$to" = counterfoil ] || { pid=$EMPTY path=/empty; }
  before=$(cpu_us "$pid")
  FIGURES=$("$LOAD" -H "$TMP/token.writer" "$@" "$PORT" "$path") || wrong "the load on $to failed"
  [ "$(figure again <<<"$FIGURES")" = 0 ] || wrong "requests to $to failed: $FIGURES; $(tail -n 3 "$TMP/log/lighttpd.error")"
  CPU_US=$(calc %.1f "($(cpu_us "$pid") - $before) / $(figure requests <<<"$FIGURES")")
  note "$to $*: $FIGURES cpu_us=$CPU_US"
  printf '%s cpu_us=%s\n' "$FIGURES" "$CPU_US" >>"$TMP/$to.$KIND"
}

of() { figure "$2" <"$TMP/$1.$KIND" | median; } # of TO FIGURE: the median of the runs of this KIND

row() { # row NAME FIGURE
  local counterfoil empty
  counterfoil=$(of counterfoil "$2")
  empty=$(of empty "$2")
  printf '| %s | %s | %s | %s %% | %s / %s | %s / %s |\n' "$1" "$counterfoil" "$empty" "$(calc %.0f "100 * $counterfoil / $empty")" \
    "$(calc %.1f "$(of counterfoil p50_us) / 1000")" "$(calc %.1f "$(of counterfoil p99_us) / 1000")" "$(of counterfoil cpu_us)" "$(of empty cpu_us)"
}

fill() { # in two rounds: a part over one connection, two over four; what is rolled meanwhile is in the figures
  local i c to
  for i in 0 1 2 3 4 5; do
    c=$((i % 3 ? 4 : 1))
    KIND=batch.$c
    for to in empty counterfoil; do
      load "$to" -c "$c" -b "$BATCH" -n "$PART" -f "$TMP/part.$i" -p "fill$i"
    done
  done
}

singles() { # singles CONNECTIONS
  local round to
  KIND=single.$1
  for ((round = 1; round <= BENCH_ROUNDS; round++)); do
    for to in empty counterfoil; do
      load "$to" -c "$1" -t "$BENCH_SECONDS" -f "$TMP/events.ndjson" -p "single$1-$round"
    done
  done
}

# ---- what is on disk

segments() { find "$DATA/segments" -type f ! -name "*.sums" | wc -l; }
bytes() { du -sB1 "$1" | cut -f 1; }

rolled() { # wait until all full segments are written and their generations gone
  local end=$((SECONDS + 120)) want=$((PART * 6 * BATCH / SEGMENT_RECORDS))
  until [ "$(segments)" -ge "$want" ] && [ "$(find "$DATA/segments" -name '*.tmp*' -o -name '*.new*' | wc -l)" = 0 ]; do
    [ "$SECONDS" -le "$end" ] || wrong "$(segments) of $want segments are written after two minutes"
    sleep 0.2
  done
}

# ---- questions

# ask NAME QUERY: FIRST_MS, and MEDIAN_MS of the others
ask() {
  local i
  for ((i = 0; i < ASKS; i++)); do
    printf 'url = "%s/v1/events?%s"\noutput = "%s/body"\n' "$URL" "$2" "$TMP"
  done >"$TMP/ask"
  curl -q -sS --noproxy '*' -H @"$TMP/token.reader" -w '%{http_code} %{time_total}\n' -K "$TMP/ask" >"$TMP/asked" || wrong "asking for $1 failed"
  [ "$(awk '$1 == 200' "$TMP/asked" | wc -l) $(json '.events | length')" = "$ASKS 100" ] || wrong "$1: no page of 100: $(head -n 1 "$TMP/asked")"
  FIRST_MS=$(awk 'NR == 1 {printf "%.1f", 1000 * $2}' "$TMP/asked")
  MEDIAN_MS=$(awk 'NR > 1 {print 1000 * $2}' "$TMP/asked" | median)
  printf '| first page of 100, %s | %s ms; the first time after a start %s ms |\n' "$1" "$(calc %.2f "$MEDIAN_MS")" "$FIRST_MS" >>"$TMP/questions"
  note "$1: $MEDIAN_MS ms, first $FIRST_MS ms"
}

# The first read of a question is recorded before it is answered; of a repeated one a count is kept. Nothing else differs here.
ask_anew() {
  local i turn
  for turn in first again; do
    for ((i = 0; i < ASKS; i++)); do printf 'url = "%s/v1/events?limit=1&user=nobody.%s"\noutput = "%s/body"\n' "$URL" "$i" "$TMP"; done
  done >"$TMP/ask"
  curl -q -sS --noproxy '*' -H @"$TMP/token.reader" -w '%{http_code} %{time_total}\n' -K "$TMP/ask" >"$TMP/asked" || wrong "asking anew failed"
  [ "$(awk '$1 == 200' "$TMP/asked" | wc -l)" = $((2 * ASKS)) ] || wrong "asking anew: $(head -n 1 "$TMP/asked")"
  printf '| %s | %s ms |\n' \
    "the first read of a question that nothing answers" "$(calc %.2f "$(head -n "$ASKS" "$TMP/asked" | awk '{print 1000 * $2}' | median)")" \
    "the same, repeated" "$(calc %.2f "$(tail -n "$ASKS" "$TMP/asked" | awk '{print 1000 * $2}' | median)")" >>"$TMP/questions"
}

verification() {
  local start=$EPOCHREALTIME
  cli verify --config "$CONF" >"$TMP/verify" 2>&1 || wrong "the ledger does not verify: $(cat "$TMP/verify")"
  VERIFY_S=$(calc %.2f "$EPOCHREALTIME - $start")
  LEAVES=$(sed -n 's/.* \([0-9]*\) leaves checked.*/\1/p' "$TMP/verify")
  [ "${LEAVES:-0}" -ge $((PART * 6 * BATCH)) ] || wrong "verify checked too little: $(cat "$TMP/verify")"
  note "$LEAVES leaves in $VERIFY_S s"
}

# ---- the tables

head_lines() {
  printf '%s, %s, %s cores, load average %s at the start and %s at the end; file system %s, appending 4 KiB and fdatasync: median %s ms, 99th percentile %s ms.\n' \
    "$(date -u +%Y-%m-%d)" "$("$CLI" --version | head -n 1)" "$(nproc)" "$LOAD_AVERAGE" "$(load_average)" "$(file_system)" "$(calc %.2f "$FSYNC_US / 1000")" "$(calc %.2f "$FSYNC_P99_US / 1000")"
  printf '%s; sample events of %s bytes on average; %s events in %s segments and the tail before the single POSTs.\n' \
    "$(lighttpd -v | head -n 1 | cut -d ' ' -f 1)" "$EVENT_BYTES" $((PART * 6 * BATCH)) "$SEGMENTS"
}

posts_table() {
  local c
  printf '\n| durable POSTs | Counterfoil | empty responder | ratio | p50 / p99, ms | application CPU a request, µs |\n|---|---|---|---|---|---|\n'
  for c in 1 8 64; do
    KIND=single.$c
    row "single, $c connection$([ "$c" = 1 ] || echo s), requests/s" requests_s
  done
  for c in 1 4; do
    KIND=batch.$c
    row "batches of $BATCH, $c connection$([ "$c" = 1 ] || echo s), events/s" events_s
  done
}

rest_table() {
  printf '\n| what | figure |\n|---|---|\n'
  printf '| bytes on disk an event, in segments | %s |\n' "$(calc %.0f "$SEGMENTS_BYTES / $SEGMENTS / $SEGMENT_RECORDS")"
  printf '| the environment: newest records, logs, tiles | %s MB, of them %s MB log |\n' "$(calc %.1f "$ENV_BYTES / 1e6")" "$(calc %.1f "$LOGS_BYTES / 1e6")"
  cat "$TMP/questions"
  printf '| full verify | %s leaves/s |\n' "$(calc %.0f "$LEAVES / $VERIFY_S")"
  printf '| start, until it is ready | %s ms |\n' "$START_MS"
  printf '| resident memory of the owner, peak | %s MB |\n' "$(calc %.0f "$HWM_KB / 1000")"
}

disk() {
  SEGMENTS=$(segments)
  SEGMENTS_BYTES=$(bytes "$DATA/segments")
  ENV_BYTES=$(bytes "$DATA/env")
  LOGS_BYTES=$(find "$DATA/env" -name 'log.*' -exec du -cB1 {} + | tail -n 1 | cut -f 1)
}

LOAD_AVERAGE=$(load_average)
place
events
servers
fill
rolled
disk
restart
ask "a rare user (one event in $RARE_EVERY)" "user=$RARE"
ask "a common filter (method=GET)" method=GET
ask "no filter" ''
ask_anew
verification
for connections in 1 8 64; do singles "$connections"; done
FINAL_KB=$(resident)
[ "$FINAL_KB" -le "$HWM_KB" ] || HWM_KB=$FINAL_KB
head_lines
posts_table
rest_table
