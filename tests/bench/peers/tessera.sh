# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Tessera 1.0.4, a transparency log as a Go library, with its POSIX storage (peers/tessera/main.go, which says how it is set): an entry is
# the event's JSON. What is waited for is a durable place in the log. No server is in between, and nothing is indexed.

tessera_prepare() {
  [ -x "$BENCH_PEERS_BIN/tessera-load" ] || { absent "Tessera 1.0.4" "not built: $(how_to_build)"; return 0; }
  TESSERA_EVENTS=0
  TESSERA_PEAK=0
  takes_part tessera tessera "Tessera 1.0.4" "POSIX storage, JSON as entry, in this process; batches of 1,024 or 1 ms, a checkpoint a second, no antispam"
}

# tessera_load KEY DIRECTORY ARGUMENTS…: entries a second.
tessera_load() {
  local took peak
  "$BENCH_PEERS_BIN/tessera-load" "$TMP/$2/log" "${@:3}" >"$TMP/said" 2>"$TMP/log/tessera-load" || wrong "tessera-load: $(tail -n 3 "$TMP/log/tessera-load")"
  read -r ADDED took peak <"$TMP/said"
  [ "$peak" -le "$TESSERA_PEAK" ] || TESSERA_PEAK=$peak
  figure "$1" "$(calc %.0f "$ADDED / $took")"
}

tessera_ingest() {
  mkdir -p "$TMP/tessera"
  tessera_load "ingest.$2" tessera batches "$TMP/part.$1" "$2" "$BATCH"
  TESSERA_EVENTS=$((TESSERA_EVENTS + ADDED))
}

tessera_single() { tessera_load "single.$1" tessera single "$TMP/some.ndjson" "$1" "$BENCH_SECONDS"; }
tessera_size() { figure size.events "$(calc %.1f "$(bytes "$TMP/tessera/log") / $TESSERA_EVENTS")"; }
tessera_memory() { figure memory "$(calc %.0f "$TESSERA_PEAK / 1000")"; }

tessera_lines() {
  mkdir "$TMP/tessera.lines"
  tessera_load lines tessera.lines batches "$TMP/lines.log" 1 "$BATCH"
  figure size.lines "$(calc %.1f "$(bytes "$TMP/tessera.lines/log") / $BENCH_LINES")"
  rm -rf "$TMP/tessera.lines"
}
