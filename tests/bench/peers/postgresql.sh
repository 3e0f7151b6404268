# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# PostgreSQL, one server with three tables: an event is a row, its members are columns (which is smaller than JSON), with the time it came.
#   pg_plain     a primary key only
#   pg_unique    the id is unique too, as ours is
#   pg_indexed   and there is an index (column, seq) for each member that ours has indexed: this one answers questions
# Set: fsync, synchronous_commit and full_page_writes on (the defaults, said all the same), shared_buffers 256MB (about the memory that we
# may take), max_wal_size 2GB so that checkpoints do not come in the way, jit off, a unix socket, no TCP. Batches are COPY of 1,000 rows, each
# its own transaction, by psql from files with the statements ready; single INSERTs are prepared, by pgbench; questions go by psql, whose
# \timing has no process or connection in it. Exports are COPY to psql. Memory is the sum of all its processes' PSS.

PG_COLUMNS="id, time, action, method, status, usr, session, credential, ip, user_agent, referer, resource, query, host, request_id, bytes, duration_us, protocol, outcome, message, attributes"
PG_TABLE="seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, recorded timestamptz NOT NULL DEFAULT now(), id text, time timestamptz, action text,
  method text, status smallint, usr text, session text, credential text, ip inet, user_agent text, referer text, resource text, query text, host text,
  request_id text, bytes bigint, duration_us bigint, protocol text, outcome text, message text, attributes jsonb"
# What `q` looks into.
PG_WORDS="concat_ws(E'\\x01', action, usr, session, credential, user_agent, referer, resource, query, host, request_id, message, attributes)"

postgresql_prepare() {
  local column
  PG_BIN=$(postgresql_bin)
  [ -n "$PG_BIN" ] || { absent PostgreSQL "no server in /usr/lib/postgresql: $(how_to_install)"; return 0; }
  mkdir "$TMP/pg"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/pg"
  as_user "$PG_BIN/initdb" -D "$TMP/pg/data" -U bench -A trust -E UTF8 --no-locale >"$TMP/log/initdb" 2>&1 || wrong "initdb: $(tail -n 3 "$TMP/log/initdb")"
  printf '%s\n' "fsync = on" "synchronous_commit = on" "full_page_writes = on" "shared_buffers = 256MB" "max_wal_size = 2GB" "jit = off" \
    "max_connections = 100" "listen_addresses = ''" "unix_socket_directories = '$TMP/pg'" >>"$TMP/pg/data/postgresql.conf"
  postgresql_start
  pg_say -c "CREATE TABLE pg_plain ($PG_TABLE)" -c "CREATE TABLE pg_unique ($PG_TABLE, UNIQUE (id))" -c "CREATE TABLE pg_indexed ($PG_TABLE, UNIQUE (id))"
  for column in time usr session credential ip method status outcome action resource host request_id; do
    pg_say -c "CREATE INDEX ON pg_indexed ($column, seq)"
  done
  local version
  version=$("$PG_BIN/postgres" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/')
  takes_part pg_plain postgresql "PostgreSQL $version" "members as columns, a primary key only; fsync, synchronous_commit on, shared_buffers 256MB, max_wal_size 2GB, jit off, local socket"
  takes_part pg_unique postgresql "PostgreSQL, id unique" "the same server, and the id is unique"
  takes_part pg_indexed postgresql "PostgreSQL, indexed" "the same server, the id is unique and 12 members have an index (column, seq)"
}

# ---- life

postgresql_start() {
  spawn pg "$PG_BIN/postgres" -D "$TMP/pg/data"
  PG=$PID
  local end=$((SECONDS + PATIENCE))
  until "$PG_BIN/pg_isready" -q -h "$TMP/pg"; do
    [ "$SECONDS" -le "$end" ] && alive "$PG" || wrong "PostgreSQL does not start: $(tail -n 5 "$TMP/log/pg")"
    sleep 0.01
  done
}

pg_say() { "$PG_BIN/psql" -q -X -v ON_ERROR_STOP=1 -h "$TMP/pg" -U bench -d postgres "$@" || wrong "psql: $*"; }
pg_ask() { pg_say -A -t -c "$1"; }
pg_processes() { echo "$PG"; pgrep -P "$PG" || true; }

postgresql_kill() {
  [ "$WHO" = pg_indexed ] || return 0
  local pid pids start
  columns "few$ROUND" "$TMP/some.ndjson" | head -n 4000 | pg_copies 1
  pg_say -v table="$WHO" -f "$TMP/copy.0"
  pids=$(pg_processes)
  { kill -KILL "$PG" && wait "$PG"; } 2>/dev/null
  for pid in $pids; do gone "$PATIENCE" "$pid" || wrong "process $pid outlives PostgreSQL"; done
  start=$EPOCHREALTIME
  postgresql_start
  figure kill "$(calc %.0f "1000 * ($EPOCHREALTIME - $start)")"
}

postgresql_cold() {
  [ "$WHO" = pg_indexed ] || return 0
  local start
  kill -INT "$PG"
  gone "$PATIENCE" "$PG" || wrong "PostgreSQL does not end"
  start=$EPOCHREALTIME
  postgresql_start
  [ "$1" != rare ] || figure start "$(calc %.0f "1000 * ($EPOCHREALTIME - $start)")"
  pg_times 1 "$1"
  figure "cold.$1" "$(cat "$TMP/asked")"
}

# ---- writing

# pg_copies CONNECTIONS < columns: $TMP/copy.N, the statements of each connection.
pg_copies() {
  awk -v n="$1" -v batch="$BATCH" -v dir="$TMP" -v columns="$PG_COLUMNS" '
    (NR - 1) % batch == 0 {
      if (NR > 1) print "\\." >file
      file = dir "/copy." int((NR - 1) / batch) % n
      print "COPY :table (" columns ") FROM STDIN NULL \x27\x27;" >file
    }
    {print >file}
    END {if (NR > 0) print "\\." >file}'
}

pg_copy() { # pg_copy CONNECTIONS: all files at once
  local i pids=() status=0
  for ((i = 0; i < $1; i++)); do
    pg_say -v table="${INTO:-$WHO}" -f "$TMP/copy.$i" &
    pids+=("$!")
  done
  for i in "${pids[@]}"; do wait "$i" || status=1; done
  rm -f "$TMP"/copy.*
  return "$status"
}

postgresql_ingest() {
  columns "fill$1" "$TMP/part.$1" | pg_copies "$2"
  timed pg_copy "$2" || wrong "COPY failed"
  figure "ingest.$2" "$(calc %.0f "$PART / $TOOK")"
}

# One event of the sample's usual size; the id is another each time.
postgresql_single() {
  [ "$WHO" != pg_indexed ] || return 0
  cat >"$TMP/insert.sql" <<SQL
\\set n random(1, 1000000000000)
INSERT INTO $WHO (id, time, action, method, status, usr, session, ip, user_agent, referer, resource, query, host, request_id, bytes, duration_us, protocol, attributes)
VALUES ('single$1-$ROUND-' || :client_id || '-' || :n, '2026-01-16T23:52:04.8Z', 'document.list', 'GET', 200, 'kavya.costa', 'f4925de8d366', '198.51.100.51',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15', 'https://docs.example.org/documents',
  '/documents', 'page=2&sort=changed', 'docs.example.org', 'dd168d67c718ecd7', 26395, 1738, 'HTTP/2.0', '{"tenant":"north","version":46}');
SQL
  "$PG_BIN/pgbench" -n -M prepared -f "$TMP/insert.sql" -c "$1" -j "$(($1 > 1 ? 2 : 1))" -T "$(calc %.0f "$BENCH_SECONDS + 0.5")" -h "$TMP/pg" -U bench postgres >"$TMP/log/pgbench" 2>&1 ||
    wrong "pgbench: $(tail -n 3 "$TMP/log/pgbench")"
  figure "single.$1" "$(awk '/^tps/ {printf "%.0f", $3}' "$TMP/log/pgbench")"
}

postgresql_lines() {
  [ "$WHO" = pg_plain ] || return 0
  pg_say -c "CREATE TABLE pg_lines ($PG_TABLE)"
  columns lines "$TMP/lines.ndjson" | pg_copies 1
  INTO=pg_lines timed pg_copy 1 || wrong "COPY failed"
  figure lines "$(calc %.0f "$BENCH_LINES / $TOOK")"
  pg_size pg_lines size.lines
  pg_say -c "DROP TABLE pg_lines"
}

# ---- what is on disk, in memory

pg_size() { # pg_size TABLE KEY: with its indexes
  figure "$2" "$(pg_ask "SELECT round(pg_total_relation_size('$1')::numeric / count(*), 1) FROM $1")"
}

postgresql_size() {
  pg_say -c "VACUUM ANALYZE $WHO"
  pg_size "$WHO" size.events
}

postgresql_memory() {
  [ "$WHO" = pg_plain ] || return 0
  local pid
  figure memory "$(for pid in $(pg_processes); do awk '$1 == "Pss:" {print $2}' "/proc/$pid/smaps_rollup" 2>/dev/null; done | awk '{kb += $1} END {printf "%.0f", kb / 1000}')"
}

# ---- questions

pg_times() { # pg_times N QUESTION: milliseconds, a line each, in $TMP/asked
  local i sql
  sql=$(question "$2" 3)
  {
    printf '%s\n' '\timing on' "\\o $TMP/rows"
    for ((i = 0; i < $1; i++)); do printf 'SELECT * FROM pg_indexed WHERE %s LIMIT 100;\n' "${sql/words/$PG_WORDS}"; done
  } >"$TMP/ask"
  pg_say -f "$TMP/ask" | awk '/^Time:/ {print $2}' >"$TMP/asked"
  [ "$(wc -l <"$TMP/asked")" = "$1" ] || wrong "PostgreSQL did not answer $2"
}

postgresql_page() {
  [ "$WHO" = pg_indexed ] || return 0
  pg_times 1 "$1"
  pg_times "$(asks "$(calc %.6f "$(cat "$TMP/asked") / 1000")")" "$1"
  latencies "page.$1" <"$TMP/asked"
}

postgresql_export() {
  [ "$WHO" = pg_plain ] || return 0
  local what="pg_plain TO STDOUT (FORMAT csv, HEADER)" lines
  [ "$1" = csv ] || what="(SELECT row_to_json(e) FROM pg_plain e ORDER BY seq) TO STDOUT"
  export_lines() { lines=$(pg_say -c "COPY $what" | wc -l); }
  timed export_lines || wrong "COPY failed"
  figure "export.$1" "$(calc %.0f "$lines / $TOOK")"
}
