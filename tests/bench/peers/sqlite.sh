# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# SQLite by its command, one table as PostgreSQL's with a unique id. Set: journal_mode=WAL, synchronous=FULL (each commit is on disk), the
# rest as it comes. One writer, as it has but one: batches are .import of 1,000 lines, each its own transaction; single INSERTs are
# statements of a script, each its own. It has no questions here: the command's timer counts milliseconds.

SQLITE_TABLE="seq INTEGER PRIMARY KEY, id TEXT UNIQUE, time TEXT, action TEXT, method TEXT, status INTEGER, usr TEXT, session TEXT, credential TEXT, ip TEXT,
  user_agent TEXT, referer TEXT, resource TEXT, query TEXT, host TEXT, request_id TEXT, bytes INTEGER, duration_us INTEGER, protocol TEXT, outcome TEXT,
  message TEXT, attributes TEXT"

sqlite_prepare() {
  command -v sqlite3 >/dev/null || { absent SQLite "no sqlite3: $(how_to_install)"; return 0; }
  SQLITE=$TMP/sqlite.db
  SQLITE_ROWS=0
  sqlite_say "CREATE TABLE events ($SQLITE_TABLE);"
  takes_part sqlite sqlite "SQLite $(sqlite3 --version | cut -d ' ' -f 1)" "one writer, the id unique; journal_mode WAL, synchronous FULL"
}

sqlite_say() { { printf 'PRAGMA journal_mode=WAL;\nPRAGMA synchronous=FULL;\n' && cat; } <<<"$1" | sqlite3 -bail "$SQLITE" >"$TMP/log/sqlite" 2>&1 || wrong "sqlite3: $(tail -n 3 "$TMP/log/sqlite")"; }

# sqlite_import PREFIX FILE KEY: the columns of its events with their seq, in pieces of a batch.
sqlite_import() {
  local script
  rm -rf "$TMP/pieces"
  mkdir "$TMP/pieces"
  columns "$1" "$2" | awk -v OFS='\t' -v seq="$SQLITE_ROWS" '{print seq + NR, $0}' | split -a 4 -d -l "$BATCH" - "$TMP/pieces/"
  script=$(printf '.mode tabs\n' && printf '.import %s events\n' "$TMP"/pieces/*)
  timed sqlite_say "$script"
  SQLITE_NEW=$(cat "$TMP"/pieces/* | wc -l)
  SQLITE_ROWS=$((SQLITE_ROWS + SQLITE_NEW))
  figure "$3" "$(calc %.0f "$SQLITE_NEW / $TOOK")"
}

sqlite_ingest() { [ "$2" != 1 ] || sqlite_import "fill$1" "$TMP/part.$1" ingest.1; }

sqlite_single() {
  [ "$1" = 1 ] || return 0
  local n=500 script
  script=$(columns "few$ROUND" "$TMP/some.ndjson" | head -n "$n" | awk -F '\t' -v seq="$SQLITE_ROWS" \
    '{line = "INSERT INTO events VALUES (" seq + NR; for (i = 1; i <= NF; i++) {gsub(/\x27/, "\x27\x27", $i); line = line ($i == "" ? ", NULL" : ", \x27" $i "\x27")} print line ");"}')
  timed sqlite_say "$script"
  SQLITE_ROWS=$((SQLITE_ROWS + n))
  figure single.1 "$(calc %.0f "$n / $TOOK")"
}

# The file when all of the WAL is in it.
sqlite_bytes() {
  sqlite_say "PRAGMA wal_checkpoint(TRUNCATE);"
  stat -c %s "$SQLITE"
}

sqlite_size() { figure size.events "$(calc %.1f "$(sqlite_bytes) / $SQLITE_ROWS")"; }

sqlite_lines() {
  local all=$SQLITE rows=$SQLITE_ROWS
  SQLITE=$TMP/sqlite-lines.db
  SQLITE_ROWS=0
  sqlite_say "CREATE TABLE events ($SQLITE_TABLE);"
  sqlite_import lines "$TMP/lines.ndjson" lines
  figure size.lines "$(calc %.1f "$(sqlite_bytes) / $SQLITE_ROWS")"
  rm -f "$SQLITE" "$SQLITE"-*
  SQLITE=$all
  SQLITE_ROWS=$rows
}

sqlite_export() {
  local mode=-csv lines
  [ "$1" = csv ] || mode=-json
  export_lines() { lines=$(sqlite3 "$mode" "$SQLITE" "SELECT * FROM events" | wc -l); }
  timed export_lines || wrong "sqlite3 failed"
  figure "export.$1" "$(calc %.0f "$lines / $TOOK")"
}
