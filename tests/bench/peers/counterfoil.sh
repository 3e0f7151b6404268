# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Counterfoil behind lighttpd, as `make install` and the sample configuration have it: each record signed, hashed and on disk before its
# 201, ids refused twice, all members indexed, reads recorded.

: "${BENCH_SEGMENT:=262144}"
PEAK_KB=0
TAKEN=0

counterfoil_prepare() {
  cp "$TOOLS/empty" "$TMP/bin/" || wrong "not built yet: run make bench"
  make_ledger "segment_records=$BENCH_SEGMENT" min_free=256M
  conf_copy lighttpd-spawn.conf
  cat >"$TMP/conf/lighttpd-bench.conf" <<TXT
include "$TMP/conf/lighttpd-spawn.conf"
fastcgi.server += ( "/empty" => (( "bin-path" => "$TMP/bin/empty", "socket" => "$TMP/empty.socket", "max-procs" => 1, "check-local" => "disable" )) )
\$HTTP["url"] =~ "^/empty(/|\$)" { server.stream-response-body = 1 }
TXT
  LIGHTTPD_CONF=lighttpd-bench.conf
  for role in writer reader auditor; do add_token "$role" "$role"; done
  counterfoil_start
  takes_part counterfoil counterfoil Counterfoil "behind lighttpd as FastCGI; segments of $BENCH_SEGMENT records, the rest as shipped"
}

# ---- life

counterfoil_start() { # sets OWNER, EMPTY, START_MS
  local start=$EPOCHREALTIME pid
  lighttpd_run
  START_MS=$(calc %.0f "1000 * ($EPOCHREALTIME - $start)")
  OWNER=$(owner) || wrong "nobody owns the ledger"
  for pid in $(ours); do
    case $(readlink "/proc/$pid/exe") in */empty) EMPTY=$pid ;; esac
  done
}

note_peak() {
  local now
  now=$(resident "$OWNER")
  [ "$now" -le "$PEAK_KB" ] || PEAK_KB=$now
}

counterfoil_stop() {
  local pid
  stop "$LIGHTTPD" || wrong "lighttpd had to be killed"
  for pid in $(ours); do gone "$PATIENCE" "$pid" || wrong "process $pid outlives lighttpd"; done
}

# What is in the tail is replayed: it is full but for what is posted here, so that each round has the same to do.
counterfoil_kill() {
  local full=$(((BENCH_SEGMENT - TAKEN % BENCH_SEGMENT - (4 * BENCH_ROUNDS + 8) * BATCH) / BATCH))
  [ "$ROUND" != 1 ] || [ "$full" -lt 1 ] || post counterfoil "" -c 4 -b "$BATCH" -n "$full" -f "$TMP/some.ndjson" -p full
  post counterfoil "" -c 4 -b "$BATCH" -n 4 -f "$TMP/some.ndjson" -p "killed$ROUND"
  note_peak
  kill -KILL "$OWNER"
  counterfoil_stop
  counterfoil_start
  figure kill "$START_MS"
}

counterfoil_cold() {
  note_peak
  counterfoil_stop
  counterfoil_start
  [ "$1" != rare ] || figure start "$START_MS"
  ask_times 1 "$URL/v1/events?$(question "$1" 2)" 200
  figure "cold.$1" "$(cat "$TMP/asked")"
}

# ---- what is posted

said() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p" <<<"$SAID"; } # said NAME: a figure of the last post

# post TO KEY ARGUMENTS…: TO is counterfoil or empty; figures of KEY, none where it is empty.
post() {
  local to=$1 key=$2 pid=$OWNER path=$MOUNT/v1/events before unit=requests
  shift 2
  [ "$to" = counterfoil ] || { pid=$EMPTY path=/empty; }
  before=$(cpu_us "$pid")
  SAID=$("$LOAD" -H "$TMP/token.writer" "$@" "$PORT" "$path") || wrong "the load on $to failed"
  [ "$(said again)" = 0 ] || wrong "requests to $to failed: $SAID; $(tail -n 3 "$TMP/log/lighttpd.error")"
  case " $* " in *" -b "*) unit=events ;; esac
  [ "$to" = empty ] || TAKEN=$((TAKEN + $(said events)))
  [ -n "$key" ] || return 0
  figure "$key" "$(said "${unit}_s")"
  [ "$key" = ingest.1 ] || figure "$key.cpu" "$(calc %.2f "($(cpu_us "$pid") - $before) / $(said "$unit")")"
  [ "$unit" = events ] || { figure "$key.p50" "$(calc %.3f "$(said p50_us) / 1000")"; figure "$key.p99" "$(calc %.3f "$(said p99_us) / 1000")"; }
}

counterfoil_ingest() { post counterfoil "ingest.$2" -c "$2" -b "$BATCH" -n "$PART_BATCHES" -f "$TMP/part.$1" -p "fill$1"; }
counterfoil_single() { post counterfoil "single.$1" -c "$1" -t "$BENCH_SECONDS" -f "$TMP/some.ndjson" -p "single$1-$ROUND"; }

# A ledger of its own each time: the command owns it while it imports.
counterfoil_lines() {
  sed "s|^data = .*|data = $TMP/lines.data|; /^listen/d" "$CONF" >"$TMP/lines.conf"
  chmod 640 "$TMP/lines.conf"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/lines.conf"
  cli init --config "$TMP/lines.conf" >"$TMP/log/init" 2>&1 || wrong "init: $(cat "$TMP/log/init")"
  used cli import --config "$TMP/lines.conf" "$TMP/lines.log" >"$TMP/log/import" 2>&1 || wrong "import: $(cat "$TMP/log/import")"
  figure lines "$(calc %.0f "$BENCH_LINES / $TOOK")"
  figure lines.cores "$(calc %.2f "$USED / $TOOK")"
  size_figure size.lines "$TMP/lines.data"
  rm -rf "$TMP/lines.data" "$TMP/lines.data.signer"
}

# ---- what is on disk

segments_in() { find "$1/segments" -type f ! -name "*.sums" | wc -l; }

counterfoil_settle() { # wait until all full segments are written and their generations gone
  local end=$((SECONDS + 600)) want=$((TAKEN / BENCH_SEGMENT))
  until [ "$(segments_in "$DATA")" -ge "$want" ] && [ "$(find "$DATA/segments" -name '*.tmp*' -o -name '*.new*' | wc -l)" = 0 ]; do
    [ "$SECONDS" -le "$end" ] || wrong "$(segments_in "$DATA") of $want segments are written after ten minutes"
    sleep 0.2
  done
}

# size_figure KEY DATA: of what is in segments; none yet, no figure.
size_figure() {
  local segments
  segments=$(segments_in "$2")
  [ "$segments" = 0 ] || figure "$1" "$(calc %.1f "$(bytes "$2/segments") / ($segments * $BENCH_SEGMENT)")"
}

counterfoil_size() {
  counterfoil_settle
  size_figure size.events "$DATA"
}

counterfoil_memory() {
  note_peak
  figure memory "$(calc %.0f "$PEAK_KB / 1000")"
}

# ---- questions

# ask_times N URL STATUS: so often over one connection; milliseconds, a line each, in $TMP/asked, the last answer in $TMP/body.
ask_times() {
  local i
  for ((i = 0; i < $1; i++)); do printf 'url = "%s"\noutput = "%s/body"\n' "$2" "$TMP"; done >"$TMP/ask"
  curl -q -sS --noproxy '*' --globoff -H @"$TMP/token.reader" -w '%{http_code} %{time_total}\n' -K "$TMP/ask" >"$TMP/answered" || wrong "asking $2 failed"
  awk -v want="$3" '$1 != want {bad = 1; print "status " $1 >"/dev/stderr"; exit} {print 1000 * $2} END {exit bad}' "$TMP/answered" >"$TMP/asked" ||
    wrong "$2: $(head -c 300 "$TMP/body")"
}

# The first time, which is recorded, and which says how often there is time for, does not count.
ask_page() { # ask_page KEY URL STATUS
  ask_times 1 "$2" "$3"
  ask_times "$(asks "$(calc %.6f "$(cat "$TMP/asked") / 1000")")" "$2" "$3"
  latencies "$1" <"$TMP/asked"
}

counterfoil_page() {
  ask_page "page.$1" "$URL/v1/events?$(question "$1" 2)" 200
  [ "$(json '.events | length')" -ge "$(question "$1" 4)" ] || wrong "$1: too few events: $(head -c 300 "$TMP/body")"
  case $1 in q*) ask_to_end "$1" ;; esac
}

# A page may end before its answer, after ten seconds: the time of all that its cursors lead to.
ask_to_end() {
  local cursor='' ms=0
  while :; do
    ask_times 1 "$URL/v1/events?$(question "$1" 2)$cursor" 200
    ms=$(calc %.3f "$ms + $(cat "$TMP/asked")")
    [ "$(json .has_more)" = true ] || break
    cursor="&cursor=$(json '.next_cursor | @uri')"
  done
  figure "page.$1.end" "$ms"
}

counterfoil_anew() { # what it costs that a first read is recorded; of a repeated one a count is kept
  local i turn
  for turn in first again; do
    for ((i = 0; i < 21; i++)); do printf 'url = "%s/v1/events?limit=1&user=nobody.%s.%s"\noutput = "%s/body"\n' "$URL" "$ROUND" "$i" "$TMP"; done >"$TMP/ask"
    curl -q -sS --noproxy '*' -H @"$TMP/token.reader" -w '%{time_total}\n' -K "$TMP/ask" >"$TMP/answered" || wrong "asking anew failed"
    figure "page.$turn" "$(awk '{print 1000 * $1}' "$TMP/answered" | percentile 50)"
  done
}

# The events of a streamed answer are counted as they come, and not kept.
counterfoil_export() {
  local lines
  export_lines() {
    lines=$(curl -q -sSf --noproxy '*' -H @"$TMP/token.reader" "$URL/v1/events?format=$1&limit=all" | tee >(tail -n 1 >"$TMP/last") | wc -l)
  }
  rm -f "$TMP/last"
  timed export_lines "$1" || wrong "the export as $1 failed"
  until [ -s "$TMP/last" ]; do sleep 0.01; done # tail is behind wc
  grep -q 'has_more.*false' "$TMP/last" || wrong "the export as $1 is not complete: $(cat "$TMP/last")"
  figure "export.$1" "$(calc %.0f "$lines / $TOOK")"
}

# All of it; that it ends well tells that it is whole.
evidence_take() { curl -q -sS --noproxy '*' -f -H @"$TMP/token.auditor" "$URL/v1/evidence" | tar -xOf - query.json >"$TMP/query"; }

counterfoil_evidence() {
  timed evidence_take || wrong "asking for evidence failed"
  [ "$(jq .count "$TMP/query")" -ge "$TAKEN" ] || wrong "the bundle holds too little: $(head -c 300 "$TMP/query")"
  figure evidence "$(calc %.0f "$(jq .count "$TMP/query") / $TOOK")"
}

counterfoil_verify() { # counterfoil_verify MODE
  local leaves before key=verify
  [ "$1" = full ] || key=$1
  before=$(cpu_us "$OWNER")
  used cli verify --config "$CONF" "--$1" >"$TMP/verify" 2>&1 || wrong "the ledger does not verify: $(cat "$TMP/verify")"
  leaves=$(sed -n 's/.* \([0-9]*\) leaves checked.*/\1/p' "$TMP/verify")
  [ "${leaves:-0}" -ge "$TAKEN" ] || wrong "verify checked too little: $(cat "$TMP/verify")"
  figure "$key" "$(calc %.0f "$leaves / $TOOK")"
  figure "$key.core" "$(calc %.0f "$leaves / ($USED + ($(cpu_us "$OWNER") - $before) / 1000000)")"
}

# Each is of another part of the ledger than the one before (7,919 is a prime), and the first of its record, so that a record tells of it.
RECEIPTS=2000
counterfoil_receipt() { # counterfoil_receipt CONNECTIONS
  local i before first=$(((ROUND * 100 + $1) * RECEIPTS))
  for ((i = first; i < first + RECEIPTS; i++)); do printf 'url = "%s/v1/receipts/%s"\noutput = "%s/body"\n' "$URL" $((i * 7919 % TAKEN)) "$TMP"; done >"$TMP/ask"
  before=$(cpu_us "$OWNER")
  timed curl -q -sS --noproxy '*' -Z --parallel-max "$1" -H @"$TMP/token.auditor" -w '%{http_code}\n' -K "$TMP/ask" >"$TMP/answered" || wrong "asking for receipts failed"
  [ "$(grep -c '^200$' "$TMP/answered")" = "$RECEIPTS" ] || wrong "receipts were refused: $(head -c 300 "$TMP/body")"
  figure "receipt.$1" "$(calc %.0f "$RECEIPTS / $TOOK")"
  figure "receipt.$1.cpu" "$(calc %.1f "($(cpu_us "$OWNER") - $before) / $RECEIPTS")"
}
