#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# More silent connections at both doors than the process may have open files, while many segments are read: the owner lives and answers.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/servers.sh"

begin files
RECORDS=$(count 4000 16000 40000)
PEERS=400
FILES=700 # with 4 threads some 650 are the least

limited() { # limited SOFT HARD: what goes before a command
  LIMITED=(bash -c "ulimit -Sn $1 && ulimit -Hn $2 && exec \"\$@\"" -)
}

owned() { # in time; sets OWNER
  local end=$((SECONDS + PATIENCE))
  until OWNER=$(owner); do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.05
  done
}

silent() { # silent NAME WHERE: they come
  spawn "$1" "$TMP/bin/slow" silent "$PEERS" 30 "$2"
  SILENT+=("$PID")
}

cp "$CF_BUILDDIR/tests/attack/slow" "$TMP/bin/" || die "not built yet: run make check"
make_ledger segment_records=256 threads=4 cache=256M
add_token auditor auditor
seq "$RECORDS" | sed 's|.*|198.51.100.7 - u& [01/Nov/2026:00:00:00 +0000] "GET /& HTTP/1.1" 200 1|' >"$TMP/lines"
run_conf "records for many segments" 0 import --source files "$TMP/lines"

limited 256 600
serve_start "${LIMITED[@]}"
check "with too few files it ends" gone "$PATIENCE" "$SERVE"
like "$(cat "$TMP/log/serve")" '600 files open, and 6[0-9][0-9] are needed: .*LimitNOFILE' "and says how many it wants, and where"
is "$(as_user "${LIMITED[@]}" "$CLI" verify --config "$CONF" >"$TMP/out" 2>"$TMP/err" && echo ended)" "" "so does a command that would own the ledger"
complains '600 files open' "with the same words"

: >"$TMP/log/serve"
limited 256 "$FILES"
serve_start "${LIMITED[@]}"
check "with few it serves" owned
SILENT=()
silent web "$TMP/sock"
silent own "$DATA/sock"
for turn in 1 2 3; do
  run_conf "$turn: every segment is read" 0 verify
  cgi_get - /healthz
  is "$STATUS" 200 "$turn: /healthz"
  run_conf "$turn: and asked" 0 query user="u$turn"
  check "$turn: fewer files are open than may be" [ "$(find "/proc/$OWNER/fd" -type l | wc -l)" -lt "$FILES" ]
done
check "the owner is the same" [ "$(owner)" = "$OWNER" ]
for pid in "${SILENT[@]}"; do stop "$pid"; done
finish
