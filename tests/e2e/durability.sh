#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What was acknowledged is on disk and stays: no 2xx before an fsync that covers it; an fsync that fails ends the process without a
# 2xx; kill -9 at any moment loses, doubles and takes back nothing.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

LOAD=$CF_BUILDDIR/tests/e2e/load
SHIM=$CF_BUILDDIR/tests/e2e/fsync_shim.so

# A preloaded library must come behind the sanitizer's, where there is one.
preload() {
  local asan
  asan=$(ldd "$CLI" | awk '/lib(clang_rt\.)?asan/ {print $3; exit}')
  if sanitized && [ -z "$asan" ]; then die "this build has its sanitizer linked in, and the fsync shim cannot be preloaded before it: build with gcc"; fi
  PRELOAD=${asan:+$asan }$TMP/shim.so
}

shim_start() { # shim_start VARIABLE=VALUE…: serve with the shim in it
  serve_start env LD_PRELOAD="$PRELOAD" "$@"
}

load() { # load NAME ARGUMENTS…: what it acknowledged goes to $TMP/acks.NAME. In the background by itself it is the process that $! names.
  exec "$LOAD" -H "$TMP/token.writer" -p "$1" -o "$TMP/acks.$1" "${@:2}" "$PORT" "$MOUNT/v1/events"
}

# ---- order

# For each acknowledged event: was a write of the log that holds it followed by a sync of the log that succeeded, and that by the answer?
# Where the event's id can be seen in what was written before the answer it is that write; where it cannot, because the block was
# compressed, any write since the request was read. Prints `id reason` for each that was not, and at the end how many ids were seen.
covered() { # covered SHIMLOG ACKS
  sort -n "$1" | awk -v acks="$2" '
    BEGIN { while ((getline line < acks) > 0) { split(line, f, " "); seq[f[1]] = f[2] } }
    $2 == "read" { for (i = 3; i <= NF; i++) if (!($i in asked)) asked[$i] = $1 }
    $2 == "write" && $3 ~ /\/env\/log\./ { w[++ws] = $1; for (i = 4; i <= NF; i++) if (!($i in seen)) seen[$i] = $1 }
    $2 == "end" && $3 ~ /\/env\/log\./ && $4 == 0 { begin[++es] = $5; end[es] = $1 }
    $2 == "answer" && $3 >= 200 && $3 < 300 && $4 != "-" { if (!($4 in answered)) answered[$4] = $1 }
    END {
      for (id in seq) {
        n++
        if (!(id in asked)) { print id, "was never asked for"; continue }
        if (!(seq[id] in answered)) { print id, "was never answered"; continue }
        from = 0
        if (id in seen && seen[id] < answered[seq[id]]) { from = seen[id]; visible++ }
        else for (i = 1; i <= ws; i++) if (w[i] > asked[id]) { from = w[i]; break }
        good = 0
        if (from) for (i = 1; i <= es; i++) if (begin[i] > from && end[i] < answered[seq[id]]) { good = 1; break }
        if (!good) print id, "was answered at", answered[seq[id]], "before a sync of what was written at", from
      }
      print "checked", n, "visible", visible + 0
    }'
}

order() {
  local result
  shim_start CF_SHIM_LOG="$TMP/shim.log" CF_SHIM_MARK=order-
  apache_start
  (load order-a -c 4 -n "$(count 120 400 2000)" -s) >"$TMP/figures" || die "the load failed"
  (load order-b -c 1 -n "$(count 40 100 500)" -s) >"$TMP/figures" || die "the load failed"
  (load order-c -c 8 -n "$(count 80 200 1000)") >"$TMP/figures" || die "the load failed"
  end_processes
  cat "$TMP"/acks.order-* >"$TMP/acks"
  result=$(covered "$TMP/shim.log" "$TMP/acks")
  is "$(head -n -1 <<<"$result" | head -n 5)" "" "no 2xx before a sync that covers it: $(tail -n 1 <<<"$result")"
  check "ids were seen in what was written" [ "$(tail -n 1 <<<"$result" | awk '{print ($4 * 20 > $2)}')" = 1 ]
  # The same check must see it when the syncs are not there, or come after the answers.
  awk '!($2 == "end" && $3 ~ /log/)' "$TMP/shim.log" >"$TMP/shim.none"
  is "$(covered "$TMP/shim.none" "$TMP/acks" | grep -c 'before a sync')" "$(wc -l <"$TMP/acks")" "without syncs the check finds every one"
  awk '$2 == "answer" {$1 -= 1000000} {print}' "$TMP/shim.log" >"$TMP/shim.early"
  is "$(covered "$TMP/shim.early" "$TMP/acks" | grep -c 'before a sync')" "$(wc -l <"$TMP/acks")" "with answers too early as well"
}

# ---- an fsync that fails

post_once() { # post_once ID QUERY: sets STATUS
  http_as writer -H 'Content-Type: application/json' --data-binary '{"id":"'"$1"'","action":"fail"}' "/v1/events$2"
}

quiet() { # no sync for a while: the start's own are over
  local before=-1 now
  while :; do
    now=$(wc -l <"$TMP/shim.log")
    [ "$now" != "$before" ] || return 0
    before=$now
    sleep 0.3
  done
}

recovered() { # recovered NAME: a fresh owner verifies
  serve_start
  ready || { fail "$1: it does not come back" "$STATUS $(tail -n 3 "$TMP/log/serve")"; return; }
  verdict
  is "$OK" "true true" "$1: recovery verifies"
}

# The n-th fsync from the moment the request comes fails. Prints the status of the answer; the owner must have ended unless all went well.
failing_request() { # failing_request N COMMAND…
  rm -f "$TMP/armed" "$TMP/shim.log"
  shim_start CF_SHIM_LOG="$TMP/shim.log" CF_SHIM_ARM="$TMP/armed"
  ready || die "the owner does not start"
  quiet
  echo "$1" >"$TMP/armed.new"
  mv "$TMP/armed.new" "$TMP/armed"
  "${@:2}"
}

failing_append() {
  local n died=0
  serve_start
  apache_start
  stop "$SERVE"
  for n in $(seq 1 20); do
    failing_request "$n" post_once "fail-$n" '?receipt=1'
    if [[ $STATUS = 2* ]]; then break; fi
    check "fsync $n of an append fails: no 2xx ($STATUS), the process ends" gone "$PATIENCE" "$SERVE"
    wait "$SERVE" 2>/dev/null
    died=$((died + 1))
    recovered "fsync $n of an append"
    post_once "fail-$n" ''
    check "fsync $n: the event can be sent again ($STATUS)" [ "$STATUS" = 200 -o "$STATUS" = 201 ]
    stop "$SERVE" || fail "the owner had to be killed"
  done
  check "an append has several fsyncs, and each was tried ($died)" [ "$died" -ge 3 -a "$died" -lt 20 ]
  stop "$SERVE"
}

post_many() {
  awk 'BEGIN {for (i = 0; i < 1100; i++) printf "{\"id\":\"roll-%d-%d\",\"action\":\"fail\",\"user\":\"u%d\"}\n", '"$1"', i, i % 7}' >"$TMP/many"
  http_as writer -H 'Content-Type: application/x-ndjson' --data-binary @"$TMP/many" /v1/events
}

rolled() { [ "$(segments | wc -l)" -gt "$1" ]; }

# What is there of the batch of 1100: its events' number.
batch_there() { ask_pages reader "action=fail&user.prefix=u&id.prefix=roll-$1-&limit=10000&fields=seq" | wc -l; }

# An append large enough for a segment: its own sync, the seal's, and those of the segment in the background.
failing_roll() {
  local n before posted there died=0
  for n in $(seq 1 "$(count 4 3 1)" 40); do
    before=$(segments | wc -l)
    failing_request "$n" post_many "$n"
    posted=$STATUS
    for _ in $(seq 1 100); do
      if ! alive "$SERVE" || rolled "$before"; then break; fi
      sleep 0.05
    done
    gone "$([ "$died" -ge 2 ] && echo 2 || echo "$PATIENCE")" "$SERVE" || break
    wait "$SERVE" 2>/dev/null
    died=$((died + 1))
    recovered "fsync $n around a roll"
    there=$(batch_there "$n")
    if [[ $posted = 2* ]]; then is "$there" 1100 "fsync $n around a roll: what was acknowledged is there"
    else check "fsync $n around a roll: all of what was not acknowledged ($posted) is there, or nothing ($there)" [ "$there" = 0 -o "$there" = 1100 ]; fi
    stop "$SERVE" || fail "the owner had to be killed"
  done
  check "a roll has several fsyncs ($died tried)" [ "$died" -ge 2 ]
  end_processes
}

# ---- kill -9

watch_checkpoints() {
  while :; do
    curl -q -sSf --noproxy '*' --max-time 20 "$URL/checkpoint" >>"$TMP/checkpoints" 2>/dev/null
    sleep 0.03
  done
}

background() { # background COMMAND…: a function of ours, ended with the rest; sets PID
  "$@" &
  PID=$!
  PIDS+=("$PID")
}

kill_owner() { # at a random moment of its life
  local pid i
  sleep "0.$(printf '%03d' $((RANDOM % 700)))"
  for i in $(seq 1 600); do
    pid=$(owner) && break
    sleep 0.05
  done
  [ -n "$pid" ] || return 1
  sleep "0.$(printf '%03d' $((RANDOM % 200)))"
  kill -KILL "$pid"
}

kills() {
  local n killed=0 writers=() i
  n=$(count 6 10 50)
  lighttpd_start 4
  : >"$TMP/checkpoints"
  background watch_checkpoints
  writers+=("$PID")
  background load kill-a -c 6 -t 3600
  writers+=("$PID")
  background load kill-b -c 2 -b 40 -t 3600
  writers+=("$PID")
  for i in $(seq 1 "$n"); do kill_owner && killed=$((killed + 1)); done
  is "$killed" "$n" "the owner was killed $n times"
  sleep 1
  for i in "${writers[@]}"; do stop "$i"; done
  ready || die "it does not come back after the kills"
  note "$(wc -l <"$TMP/acks.kill-a") single events and $(wc -l <"$TMP/acks.kill-b") in batches were acknowledged"
  after_kills
  end_processes
}

after_kills() {
  http_as writer -H 'Content-Type: application/json' --data-binary '{"id":"last","action":"load"}' '/v1/events?receipt=1'
  answers "it takes events after the kills" 201
  http_as reader "/v1/events?format=ndjson&limit=all&kind=all&order=asc&fields=seq,id"
  jq -r 'select(.seq != null) | "\(.seq) \(.id // "-")"' "$TMP/body" >"$TMP/there"
  is "$(awk '$1 != NR - 1 {print; exit}' "$TMP/there")" "" "no seq is missing: $(wc -l <"$TMP/there") records"
  is "$(awk '$2 ~ /^kill-/ && seen[$2]++ {print $2}' "$TMP/there" | head -n 3)" "" "no event is there twice"
  cat "$TMP/acks.kill-a" "$TMP/acks.kill-b" >"$TMP/acks"
  is "$(awk 'FNR == NR {at[$2] = $1; next} !($1 in at) || at[$1] != $2 {print $1, $2}' "$TMP/there" "$TMP/acks" | head -n 3)" "" "each acknowledged event is at its seq"
  leaf_hashes
  verdict
  is "$OK $CODES" "true true " "the chain verifies"
  checkpoints_kept
}

# The hashes of the tree's leaves, out of its tiles, against those that were acknowledged.
leaf_hashes() {
  local size n width name
  http /checkpoint
  size=$(sed -n 2p "$TMP/body")
  for ((n = 0; n * 256 < size; n++)); do
    name=$(printf '%03d' $((n % 1000)))
    [ "$n" -lt 1000 ] || name=$(printf 'x%03d/%s' $((n / 1000)) "$name")
    width=$((size - n * 256 < 256 ? size - n * 256 : 256))
    [ "$width" = 256 ] || name=$name.p/$width
    echo "url = \"$URL/tile/0/$name\""
  done >"$TMP/tiles.curl"
  curl -q -sSf --noproxy '*' -H @"$TMP/token.auditor" -K "$TMP/tiles.curl" 2>>"$TMP/log/curl" | od -An -v -tx1 -w32 | tr -d ' ' >"$TMP/hashes"
  is "$(wc -l <"$TMP/hashes")" "$size" "the tiles hold a hash a record"
  is "$(awk 'FNR == NR {hash[FNR - 1] = $1; next} $3 != "-" && hash[$2] != $3 {print $1, $2, $3, hash[$2]}' "$TMP/hashes" "$TMP/acks" | head -n 3)" "" \
    "each has the leaf hash that was acknowledged"
}

checkpoints_kept() {
  local size root last bad=0 n=0 origin
  origin=$(sed -n 1p "$TMP/checkpoints")
  awk -v origin="$origin" '$0 == origin {getline size; getline root; print size, root}' "$TMP/checkpoints" | uniq >"$TMP/kept"
  is "$(awk '$1 < last {print last, $1} {last = $1}' "$TMP/kept" | head -n 3)" "" "the checkpoint never went back: $(wc -l <"$TMP/kept") different ones"
  while read -r size root; do
    n=$((n + 1))
    last=$size
    http_as auditor -G --data-urlencode "root=$root" "/v1/verify?mode=quick&size=$size"
    [ "$(json .ok)" = true ] || bad=$((bad + 1))
  done < <(shuf -n 40 "$TMP/kept")
  is "$bad" 0 "$n of them, kept, are extended by the ledger"
  http_as auditor -G --data-urlencode "root=$(openssl rand -base64 32)" "/v1/verify?mode=quick&size=$last"
  is "$(json .ok)" false "another root of that size is not"
}

begin durability
cp "$SHIM" "$TMP/shim.so" || die "not built yet: make check builds it"
chmod 755 "$TMP/shim.so"
preload
make_ledger public=tiles
add_token writer writer
add_token reader reader
add_token auditor auditor
order
failing_append
failing_roll
kills
finish
