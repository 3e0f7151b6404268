# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the end-to-end tests and the demo share: a place, a user, servers, questions, checks. To be sourced.
#
#   begin NAME             a temporary directory $TMP with copies of the programs, run as $RUN_AS when we are root
#   spawn NAME COMMAND…    start a process that end_all ends; its pid is $PID, what it says is $TMP/log/NAME
#   http, http_as          ask; $STATUS, $TMP/body, $TMP/headers are the answer
#   is, like, check        compare and count
#   run, says, complains   the command
#   finish                 end everything, say `N passed, N failed`, exit
#
# Everything listens on 127.0.0.1 and ends by its own pid, also when the script is interrupted. What failed keeps its logs.
set -u -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${CF_SRCDIR:=$(cd "$lib/../.." && pwd)}"
: "${CF_BUILDDIR:=$CF_SRCDIR}"
: "${CF_FCGI:=$CF_BUILDDIR/counterfoil.fcgi}"
: "${CF_CLI:=$CF_BUILDDIR/counterfoil}"

PATIENCE=180 # seconds for anything that should come at once; instrumented builds on a busy machine are slow
TMP=
URL=        # of the mount point of the server that http asks
PID=
PIDS=()
passed=0
failed=0

die() { printf 'FATAL: %s\n' "$*" >&2; failed=$((failed + 1)); finish; }
note() { printf '# %s\n' "$*"; }

# ---- checks

pass() { passed=$((passed + 1)); printf 'ok %d - %s\n' $((passed + failed)) "$1"; }
fail() { # fail NAME [DETAIL…]
  failed=$((failed + 1))
  printf 'not ok %d - %s\n' $((passed + failed)) "$1"
  [ $# -lt 2 ] || printf '%s\n' "${@:2}" | cut -c 1-2000 | sed 's/^/#   /'
}
is() { if [ "$1" = "$2" ]; then pass "$3"; else fail "$3" "got  $1" "want $2"; fi; }           # is GOT WANT NAME
like() { if [[ $1 =~ $2 ]]; then pass "$3"; else fail "$3" "got  $1" "want $2"; fi; }           # like GOT REGEX NAME
check() { local name=$1; shift; if "$@"; then pass "$name"; else fail "$name" "false: $*"; fi; } # check NAME COMMAND…

# ---- a place and a user

pick_user() { # sets RUN_AS (empty: ourselves) and the command prefix AS
  RUN_AS=
  AS=()
  [ "$(id -u)" = 0 ] || return 0
  for RUN_AS in www-data nobody; do
    id "$RUN_AS" >/dev/null 2>&1 && break
  done
  id "$RUN_AS" >/dev/null 2>&1 || die "neither www-data nor nobody exists, and servers must not run as root"
  AS=(setpriv --reuid="$(id -u "$RUN_AS")" --regid="$(id -g "$RUN_AS")" --clear-groups --inh-caps=-all --)
}

as_user() { ${AS[@]+"${AS[@]}"} "$@"; }

# A directory that the user can reach, however deep in root's own places the temporary directory is.
pick_directory() {
  local parent
  for parent in "${TMPDIR:-/tmp}" /var/tmp /tmp; do
    [ "${#parent}" -le 40 ] || continue # the sockets' paths must fit a socket address
    TMP=$(mktemp -d "$parent/counterfoil-$1.XXXXXX") || continue
    chmod 755 "$TMP"
    [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP"
    as_user test -w "$TMP" && return 0
    rm -rf "$TMP"
  done
  die "no temporary directory that ${RUN_AS:-this user} can use"
}

begin() { # begin NAME
  NAME=$1
  trap end_all EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  umask 022
  pick_user
  pick_directory "$1"
  mkdir "$TMP/bin" "$TMP/www" "$TMP/conf" "$TMP/log" "$TMP/htdocs"
  cp "$CF_FCGI" "$CF_CLI" "$TMP/bin/" || die "not built yet: run make"
  cp "$CF_SRCDIR"/www/* "$TMP/www/" || die "the page's files are missing"
  cp "$CF_SRCDIR"/conf/*.conf "$TMP/conf/"
  [ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$TMP"
  FCGI=$TMP/bin/counterfoil.fcgi
  CLI=$TMP/bin/counterfoil
  DATA=$TMP/data
}

sanitized() { [ "${CF_SANITIZERS:-0}" = 1 ]; }
own_make() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make "$@"; } # nothing of a make that started the test
long() { [ "${CF_LONG:-0}" = 1 ]; }

# The number for a quick, a normal, a long run: what instruments or a request for the full counts change is size, not cases.
count() { if long; then echo "$3"; elif sanitized; then echo "$1"; else echo "$2"; fi; } # count SANITIZED NORMAL LONG

# ---- processes

spawn() { # spawn NAME COMMAND…
  local name=$1
  shift
  (cd "$TMP" && exec ${AS[@]+"${AS[@]}"} "$@" >>"$TMP/log/$name" 2>&1 </dev/null) &
  PID=$!
  PIDS+=("$PID")
}

alive() { # alive PID: it runs; one that has ended does not, though nobody may have asked for its status yet
  local stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  [[ ${stat##*) } = [!Z]* ]]
}

# child PID: it runs and is a child of ours. Who ended may have a successor of the same number by now, who is a stranger.
child() {
  local stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  [[ ${stat##*) } = [!Z]" $$ "* ]]
}

gone() { # gone SECONDS PID: it ends in that time
  local end=$((SECONDS + $1))
  while alive "$2"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.02
  done
}

stop() { # stop PID: ask a child to end, wait for it; false: it had to be killed
  local pid=$1 good=0
  if child "$pid"; then
    kill -TERM "$pid" 2>/dev/null
    gone "$PATIENCE" "$pid" || { good=1; kill -KILL "$pid" 2>/dev/null; }
  fi
  wait "$pid" 2>/dev/null
  return "$good"
}

# Pids of processes that run a program of ours out of $TMP, whoever started them.
ours() { find /proc -maxdepth 2 -path '/proc/[0-9]*/exe' -lname "$TMP/bin/*" 2>/dev/null | cut -d/ -f3; }

# The owner of the ledger: the process of ours that has a file of DATA/env open; while it still opens the ledger it has none at moments.
owner() {
  local pid
  for pid in $(ours); do
    # find fails too where a descriptor goes while it looks
    if [ -n "$(find "/proc/$pid/fd" -lname "$DATA/env/*" -print -quit 2>/dev/null)" ]; then echo "$pid"; return 0; fi
  done
  return 1
}

end_processes() {
  local i pid left
  for ((i = ${#PIDS[@]} - 1; i >= 0; i--)); do
    child "${PIDS[i]}" || continue
    stop "${PIDS[i]}" || fail "process ${PIDS[i]} had to be killed"
  done
  PIDS=()
  for pid in $(ours); do kill -TERM "$pid" 2>/dev/null; done
  for pid in $(ours); do gone "$PATIENCE" "$pid"; done
  left=$(ours)
  [ -z "$left" ] || { fail "processes had to be killed: $left"; for pid in $left; do kill -KILL "$pid" 2>/dev/null; done; }
}

sanitizer_reports() {
  local reports
  reports=$(grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$TMP"/log/* 2>/dev/null) || return 0
  fail "a sanitizer reported" "$reports" "$(grep -hE -A 20 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$TMP"/log/* | head -n 60)"
}

keep_logs() {
  echo "# logs are kept in $TMP/log; their ends:"
  tail -n 15 "$TMP"/log/* 2>/dev/null | cut -c 1-400 | sed 's/^/#   /'
  rm -rf "$TMP/data" "$TMP"/data.* "$TMP"/*.ndjson
}

end_all() { # the trap: also of an interrupted run
  local status=$?
  trap - EXIT
  trap '' HUP INT TERM
  [ -n "$TMP" ] || exit "$status"
  end_processes
  sanitizer_reports
  if [ "$failed" != 0 ] && [ "$status" -lt 128 ]; then keep_logs; else rm -rf "$TMP"; fi
  [ "$failed" = 0 ] || [ "$status" != 0 ] || status=1
  exit "$status"
}

finish() {
  [ -z "$TMP" ] || { end_processes; sanitizer_reports; }
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

# ---- questions

# http [CURL OPTIONS] PATH: ask $URL$PATH.
http() {
  local n=$#
  STATUS=$(curl -q -sS --noproxy '*' --max-time "$PATIENCE" -o "$TMP/body" -D "$TMP/headers" -w '%{http_code}' \
    "${@:1:n-1}" "$URL${!n}" 2>>"$TMP/log/curl") || STATUS="000 $STATUS"
}

# http_as TOKEN [CURL OPTIONS] PATH: with the token that add_token kept under that name; - is none.
http_as() {
  local token=$1
  shift
  if [ "$token" = - ]; then http "$@"; else http -H @"$TMP/token.$token" "$@"; fi
}

header() { # header NAME: its value in the last answer
  awk -v name="$1" 'BEGIN {FS = ": *"} {sub(/\r$/, "")} tolower($1) == tolower(name) {sub(/^[^:]*: */, ""); print}' "$TMP/headers"
}
json() { jq -r "$1" "$TMP/body" 2>>"$TMP/log/jq" || echo "no JSON: $(head -c 300 "$TMP/body")"; } # json FILTER: on the last answer

# answers NAME STATUS [TYPE]: the last answer has that status and, if it is a problem, names that type and nothing is amiss with its form.
answers() {
  local want="$2 ${3:-}" got=$STATUS
  [ -z "${3:-}" ] || got="$STATUS $(json 'if .status == '"${STATUS%% *}"' and (.title | type) == "string" then .type else "?" end' | sed 's/^urn:counterfoil://')"
  if [ "${want% }" = "$got" ]; then pass "$1"; else fail "$1" "got  $got" "want $want" "$(head -c 600 "$TMP/body")"; fi
}

# ---- the command

cli() { as_user "$CLI" "$@"; }

# run NAME STATUS ARGUMENTS…: it ends so; its words are $TMP/out and $TMP/err.
run() {
  local name=$1 want=$2 got
  shift 2
  cli "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
  got=$?
  if [ "$got" = "$want" ]; then pass "$name"; else fail "$name" "status $got, not $want" "$(head -c 600 "$TMP/out")" "$(head -c 600 "$TMP/err")"; fi
}
# on_terminal COLUMNS ARGUMENTS…: standard output and error are a terminal, $TERM_AS; what comes is $TMP/out, the status $ENDED.
on_terminal() {
  local columns=$1
  shift
  script -qec "stty cols $columns 2>/dev/null; TERM=${TERM_AS:-xterm} NO_COLOR=${NO_COLOR:-} $(printf ' %q' ${AS[@]+"${AS[@]}"} "$CLI" "$@")" /dev/null </dev/null >"$TMP/typed" 2>&1
  ENDED=$?
  sed 's/\r$//' "$TMP/typed" >"$TMP/out"
}
run_conf() { run "$@" --config "$CONF"; }           # with the ledger of make_ledger
says() { like "$(cat "$TMP/out")" "$1" "$2"; }      # says REGEX NAME: on standard output
complains() { like "$(cat "$TMP/err")" "$1" "$2"; } # complains REGEX NAME: on standard error
