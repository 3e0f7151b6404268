# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the benchmarks share: a place on a real disk, who takes part, turns, figures. To be sourced.
#
#   place                             $TMP on the disk to measure; ends the run with 2 where there is no sense in measuring
#   takes_part NAME KIND TITLE TEXT   NAME is measured by the verbs of KIND (peers/KIND.sh); TEXT is what is set, for a reader
#   absent TITLE WHY                  a line says so
#   in_turn VERB ARGUMENTS…           KIND_VERB of each that takes part and has that verb, with WHO its name; every second ROUND
#                                     backwards, so that what drifts (a warm disk, a neighbour) falls on all alike (A B, B A). Then
#                                     KIND_settle, where there is one, waits until nothing is done behind the answers any more
#   figure KEY VALUE                  a figure of WHO in this ROUND; KEY is a row of rows.table
#   write_report FILE                 medians, spreads and ratios as JSON (report.jq)
#
# A verb measures one thing once and names its figures. Those of a peer: prepare, ingest PART CONNECTIONS, single CONNECTIONS, lines,
# size, page QUESTION, anew, export FORMAT, evidence, verify MODE, receipt CONNECTIONS, cold QUESTION, kill, memory; each has those that make sense for it. What a peer
# spawns ends with the run, by its own pid.
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$lib/servers.sh"
. "$(dirname "${BASH_SOURCE[0]}")/peers/places.sh"

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${BENCH_DIR:=}" "${BENCH_SECONDS:=3}"
BATCH=1000
RARE=rare.visitor # the user of one in RARE_EVERY events
RARE_EVERY=3001
LOAD=$CF_BUILDDIR/tests/e2e/load
TOOLS=$CF_BUILDDIR/tests/bench
ROUND=1
WHO=
NAMES=()
declare -A KIND_OF=()

note() { printf '# %s\n' "$*" >&2; }
wrong() { printf 'bench: %s\n' "$*" >&2; exit "${CODE:-1}"; }
senseless() { CODE=2 wrong "$@"; }

calc() { awk "BEGIN {printf \"$1\", $2}"; } # calc FORMAT EXPRESSION
load_average() { cut -d " " -f 1 /proc/loadavg; }
file_system() { df --output=fstype "$TMP" | tail -n 1; }
cpu_us() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); printf "%.0f", ($12 + $13) * 1000000 / hz}' "/proc/$1/stat"; } # cpu_us PID
resident() { awk '$1 == "VmHWM:" {print $2}' "/proc/$1/status"; } # resident PID: KiB, peak
bytes() { du -sB1 "$1" | cut -f 1; }

# timed COMMAND…: sets TOOK, its seconds; false where it fails.
timed() {
  local start=$EPOCHREALTIME status=0
  "$@" || status=$?
  TOOK=$(calc %.6f "$EPOCHREALTIME - $start")
  return "$status"
}

# used COMMAND…: sets TOOK too, and USED, its seconds of processor time.
used() {
  local TIMEFORMAT='%R %U %S' status=0
  { time "$@" 2>&3; } 3>&2 2>"$TMP/time" || status=$?
  read -r TOOK USED < <(awk '{print $1, $2 + $3}' "$TMP/time")
  return "$status"
}

# question NAME COLUMN: out of questions.table
question() { awk -F ' *[|] *' -v name="$1" -v column="$2" '$1 == name {print $column}' "$bench/questions.table"; }

# columns PREFIX FILE: the members of its events with tabs between, as COPY and SQLite take them; first an id. What is absent is empty.
columns() {
  [ -e "$2.$1.columns" ] ||
    jq -r --arg prefix "$1" '["\($prefix)-\(input_line_number)", .time, .action, .method, .status, .user, .session, .credential, .ip, .user_agent, .referer,
      .resource, .query, .host, .request_id, .bytes, .duration_us, .protocol, .outcome, .message, (.attributes | if . then tojson else "" end)] | @tsv' \
      "$2" >"$2.$1.columns"
  cat "$2.$1.columns"
}

how_to_install() { echo "as root, make bench-peers installs it"; }
how_to_build() { if command -v go >/dev/null; then sed -n 's/^peers.sh: //p' "$TMP/log/peers" | tail -n 1; else echo "there is no go"; fi; }

# ---- the place

place() { # place NAME
  if [ -n "$BENCH_DIR" ] && [ ! -d "$BENCH_DIR" ]; then senseless "BENCH_DIR=$BENCH_DIR is no directory"; fi
  TMPDIR=${BENCH_DIR:-/var/tmp} begin "$1"
  case $TMP in "${BENCH_DIR:-/}"*) ;; *) senseless "BENCH_DIR=$BENCH_DIR cannot be used: its path is longer than 40 bytes, or ${RUN_AS:-this user} cannot write there" ;; esac
  case $(file_system) in
  tmpfs | ramfs) senseless "$TMP is on $(file_system), where an fsync costs nothing: give a directory on a disk, make bench BENCH_DIR=DIR" ;;
  esac
  sanitized && senseless "this build is full of instruments: configure without --enable-sanitizers"
  LOAD_AVERAGE=$(load_average)
  read -r FSYNC_US FSYNC_P99_US < <("$TOOLS/fsync" "$TMP")
  : >"$TMP/figures"
  : >"$TMP/who"
  : >"$TMP/absent"
}

# ---- who takes part, in turn

takes_part() {
  NAMES+=("$1")
  KIND_OF[$1]=$2
  printf '%s\t%s\t%s\n' "$1" "$3" "$4" >>"$TMP/who"
  note "$3: $4"
}

absent() {
  printf '%s\t%s\n' "$1" "$2" >>"$TMP/absent"
  note "absent: $1: $2"
}

in_turn() {
  local verb=$1 i n=${#NAMES[@]}
  shift
  for ((i = 0; i < n; i++)); do
    WHO=${NAMES[ROUND % 2 ? i : n - 1 - i]}
    declare -F "${KIND_OF[$WHO]}_$verb" >/dev/null || continue
    "${KIND_OF[$WHO]}_$verb" "$@"
    ! declare -F "${KIND_OF[$WHO]}_settle" >/dev/null || "${KIND_OF[$WHO]}_settle"
  done
}

# ---- figures

figure() {
  [[ $2 =~ ^[0-9]+(\.[0-9]+)?$ ]] || wrong "$WHO, $1: $2 is no figure"
  printf '%s\t%s\t%s\t%s\n' "$1" "$WHO" "$ROUND" "$2" >>"$TMP/figures"
  note "$WHO, round $ROUND: $1 $2"
}

# percentile P: of numbers on stdin, the one below which P percent lie; the middle of two for 50.
percentile() { sort -n | awk -v p="$1" '{v[NR] = $1} END {i = p == 50 ? int((NR + 1) / 2) : int(NR * p / 100 + 0.5); print v[i < 1 ? 1 : i]}'; }

latencies() { # latencies KEY: p50 and p99 of milliseconds on stdin, a line each
  local all
  all=$(cat)
  figure "$1.p50" "$(percentile 50 <<<"$all")"
  figure "$1.p99" "$(percentile 99 <<<"$all")"
}

# asks SECONDS: how often to ask a question whose first answer took so long, in BENCH_SECONDS
asks() { awk -v s="$1" -v all="$BENCH_SECONDS" 'BEGIN {n = int(all / (s + 0.0001)); print (n < 3 ? 3 : n > 200 ? 200 : n)}'; }

write_report() {
  jq -n -L "$bench" -f "$bench/report.jq" \
    --rawfile rows "$bench/rows.table" --rawfile figures "$TMP/figures" --rawfile who "$TMP/who" --rawfile absent "$TMP/absent" \
    --arg date "$(date -u +%Y-%m-%dT%H:%MZ)" --arg program "$("$CLI" --version | head -n 1)" --arg server "$(lighttpd -v | head -n 1 | cut -d ' ' -f 1)" \
    --argjson cores "$(nproc)" --argjson load "[$LOAD_AVERAGE, $(load_average)]" --arg file_system "$(file_system)" \
    --argjson fdatasync_us "[$FSYNC_US, $FSYNC_P99_US]" --argjson settings "$SETTINGS" >"$TMP/report.json" &&
    cp "$TMP/report.json" "$1.new" && mv "$1.new" "$1"
}
