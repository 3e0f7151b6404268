# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# immudb 1.10 by its own Go client (peers/immudb/main.go): the id is a key, the event's JSON its value; a batch is one transaction. Set:
# synced (the default: a transaction is on disk before its answer), no web server, no metrics, no PostgreSQL protocol, 100 writers at
# once (it refuses more than 30 by default); the rest as it comes. It keeps a hash tree over its transactions, as we do, and has an index of keys only, so it has no questions here.

immudb_prepare() {
  [ -x "$BENCH_PEERS_BIN/immudb" ] && [ -x "$BENCH_PEERS_BIN/immudb-load" ] || { absent "immudb 1.10" "not built: $(how_to_build)"; return 0; }
  mkdir "$TMP/peers" 2>/dev/null
  cp "$BENCH_PEERS_BIN"/immudb* "$TMP/peers/"
  immudb_start immudb
  IMMUDB_EVENTS=0
  takes_part immudb immudb "immudb 1.10" "the id as key, JSON as value; synced; its Go client, a session a connection"
}

immudb_start() { # immudb_start DIRECTORY: sets IMMUDB and IMMUDB_PORT
  local port=$PORT end=$((SECONDS + PATIENCE))
  free_port
  IMMUDB_PORT=$PORT
  PORT=$port
  mkdir "$TMP/$1"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/$1"
  spawn immudb "$TMP/peers/immudb" --dir "$TMP/$1" --address 127.0.0.1 --port "$IMMUDB_PORT" --metrics-server=false --web-server=false --pgsql-server=false
  IMMUDB=$PID
  until listens "$IMMUDB" "$IMMUDB_PORT"; do
    [ "$SECONDS" -le "$end" ] && alive "$IMMUDB" || wrong "immudb does not start: $(tail -n 5 "$TMP/log/immudb")"
    sleep 0.1
  done
}

# immudb_load KEY ARGUMENTS…: events a second; sets COMMITTED.
immudb_load() {
  local took
  "$TMP/peers/immudb-load" "$IMMUDB_PORT" "${@:2}" >"$TMP/said" 2>"$TMP/log/immudb-load" || wrong "immudb-load: $(tail -n 3 "$TMP/log/immudb-load")"
  read -r COMMITTED took <"$TMP/said"
  figure "$1" "$(calc %.0f "$COMMITTED / $took")"
}

immudb_ingest() {
  immudb_load "ingest.$2" batches "$TMP/part.$1" "$2" "$BATCH" "fill$1"
  IMMUDB_EVENTS=$((IMMUDB_EVENTS + COMMITTED))
}

immudb_single() { immudb_load "single.$1" single "$TMP/some.ndjson" "$1" "$BENCH_SECONDS" "single$1-$ROUND"; }
immudb_size() { figure size.events "$(calc %.1f "$(bytes "$TMP/immudb/bench") / $IMMUDB_EVENTS")"; }
immudb_memory() { figure memory "$(calc %.0f "$(resident "$IMMUDB") / 1000")"; }

# A server of its own each time, as our ledger is.
immudb_lines() {
  local port=$IMMUDB_PORT pid=$IMMUDB
  immudb_start immudb.lines
  immudb_load lines batches "$TMP/lines.log" 1 "$BATCH" "lines$ROUND"
  figure size.lines "$(calc %.1f "$(bytes "$TMP/immudb.lines/bench") / $BENCH_LINES")"
  stop "$IMMUDB" || wrong "immudb had to be killed"
  rm -rf "$TMP/immudb.lines"
  IMMUDB_PORT=$port
  IMMUDB=$pid
}
