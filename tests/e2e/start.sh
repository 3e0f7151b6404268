#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What keeps a service from starting: each is said with the path, what is wrong with it, and what to do next.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin start
make_ledger
cp -a "$CONF" "$TMP/keep.conf"
cp -a "$DATA" "$TMP/keep"
cp -a "$DATA.signer" "$TMP/keep.signer"
US=${RUN_AS:-$(id -un)}

set_option() { sed -i "/^$1 = /d" "$CONF" && echo "$1 = $2" >>"$CONF"; }

put_back() {
  rm -rf "$DATA" "$DATA.signer" "$CONF" "$TMP/sock"
  cp -a "$TMP/keep.conf" "$CONF" && cp -a "$TMP/keep" "$DATA" && cp -a "$TMP/keep.signer" "$DATA.signer"
}

# refuses COMMAND HOW REGEX: after HOW that command does not start and says so
refuses() {
  local command=$1 how=$2 want=$3
  put_back
  (cd "$TMP" && eval "$how") || die "$how"
  : >"$TMP/log/try"
  # shellcheck disable=SC2086 # a command and its options
  spawn try "$CLI" $command --config "$CONF"
  local end=$((SECONDS + PATIENCE)) words=
  until like_quiet "$words" "$want" || ! alive "$PID" || [ "$SECONDS" -gt "$end" ]; do
    sleep 0.02
    words=$(cat "$TMP/log/try")
  done
  words=$(cat "$TMP/log/try")
  like "$words" "$want" "$command: $how"
  kill -KILL "$PID" 2>/dev/null
  wait "$PID" 2>/dev/null
}
like_quiet() { [[ $1 =~ $2 ]]; }

says_in_time() { # says_in_time NAME REGEX: in the log of that process
  local end=$((SECONDS + PATIENCE))
  until like_quiet "$(cat "$TMP/log/$1" 2>/dev/null)" "$2"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.02
  done
}

# Waited for at the end: who watches a service has to see that it cannot serve.
sed "s|^data = .*|data = $TMP/none|; s|^listen = .*|listen = $TMP/hopeless.sock|" "$CONF" >"$TMP/hopeless.conf" && chmod 640 "$TMP/hopeless.conf"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/hopeless.conf"
spawn hopeless "$CLI" serve --config "$TMP/hopeless.conf"
HOPELESS=$PID

# So too who comes to a port that somebody has.
write_squatter() { printf '%s\n' "server.document-root = \"$TMP/htdocs\"" "server.bind = \"127.0.0.1\"" "server.port = $PORT" >"$TMP/conf/squatter.conf"; }
server_start squatter write_squatter lighttpd -D -f "$TMP/conf/squatter.conf"
spawn late "$CLI" serve --config "$TMP/hopeless.conf" --listen "127.0.0.1:$PORT"
LATE=$PID

# The configuration
refuses serve 'rm "$CONF"' "$CONF: cannot open the configuration file .*--config"
refuses serve 'rm "$CONF" && mkdir "$CONF"' "$CONF: not a regular file: name one"
rmdir "$CONF" 2>/dev/null
refuses serve 'chmod 666 "$CONF"' "$CONF: .*chmod go-w"
refuses serve 'echo "foo = 1" >>"$CONF"' "$CONF:[0-9]+: unknown option \"foo\": counterfoil.conf\(5\)"
refuses serve 'echo >"$CONF"' "$CONF: \"data\" is missing; right is: data = /"
refuses serve 'set_option threads many' "$CONF:[0-9]+: \"many\" is no value of \"threads\"; right is"
refuses serve 'set_option origin other.example' "origin: this ledger is test.example.org/start: an origin cannot be changed, so set that one"
refuses serve 'set_option trust_peers nobody-at-all' "trust_peers: there is no user nobody-at-all; write"

# Where it listens, and its log
refuses serve 'sed -i "/^listen/d" "$CONF"' "listen: say where to listen: --listen"
refuses serve 'set_option listen foo' "$CONF:[0-9]+: \"foo\" is no value of \"listen\"; right is an absolute path"
refuses serve 'set_option listen "$TMP/nowhere/sock"' "$TMP/nowhere/sock: cannot bind .*RuntimeDirectory=.*mkdir and chown\): No such file"
refuses serve 'touch sock' "$TMP/sock: this is there already and is no socket: remove it"
refuses serve "set_option listen /$(printf '%0120d' 1)" "listen: a socket's path has at most 107 bytes: choose a shorter one"
refuses serve 'set_option sock_group no-such-group' "sock_group: there is no group no-such-group: name"
refuses serve 'set_option log "$TMP/nowhere/log"' "$TMP/nowhere/log: cannot open the log file .*directory.*: No such file"
# The data
refuses serve 'rm -rf data data.signer' "$DATA: there is no ledger: make one with .counterfoil init"
refuses verify 'rm -rf data data.signer' "$DATA: there is no ledger: make one with .counterfoil init"
refuses serve 'rm -rf data' "$DATA.signer/state: [0-9]+ records were signed, and there is no ledger in $DATA.*mount its disk, or put the data back"
refuses serve 'rm -rf data/env' "$DATA.signer/state: [0-9]+ records were signed, and there is no ledger in $DATA.*mount its disk, or put the data back"
refuses serve 'rm -rf data/segments' "$DATA/segments: it cannot be opened.*put it back from a backup"
refuses serve 'rm -rf data && touch data' "$CONF:[0-9]+: \"$DATA\" is no directory"
refuses serve 'chmod 777 data' "$CONF:[0-9]+: .*\"$DATA\"; right is: chmod 700"
refuses serve 'touch data/unfinished' "$DATA: its making was cut short: run .counterfoil init. again"
refuses serve 'as_user touch data/env/DB_CONFIG' "$DATA/env: a file DB_CONFIG there .*remove it"
refuses serve 'rm data/lock && as_user mkdir data/lock' "$DATA: cannot open the file .lock., which has to be a regular one"
# The signer's directory
refuses serve 'rm -rf data.signer' "$DATA.signer: the signer's directory cannot be opened .*put its backup back; see .counterfoil recover"
refuses serve 'chmod 777 data.signer' "$DATA.signer: others may write .*: chmod 700 $DATA.signer"
refuses serve 'rm data.signer/key' "$DATA.signer/key: there is no key: put the backup .*back.*counterfoil recover"
refuses serve 'chmod 644 data.signer/key' "$DATA.signer/key: others may read .*; chmod 600"
refuses serve 'echo x >data.signer/key' "$DATA.signer/key: it does not hold a key: put it back"
refuses serve 'echo x >data.signer/state' "$DATA.signer/state: it is not a checkpoint that this key signed: find out .*counterfoil recover"
refuses serve 'rm data.signer/state' "$DATA.signer: the file .state. is missing.*counterfoil recover"
refuses init true "$DATA: the data directory is not empty: a new ledger wants a new one, so name another"

if [ -n "$RUN_AS" ]; then
  refuses serve 'chown root "$CONF" && chmod 600 "$CONF"' "$CONF: cannot open the configuration file .*: Permission denied"
  refuses serve 'mkdir -m 700 box && set_option data "$TMP/box/data"' "$CONF:[0-9]+: cannot reach \"$TMP/box/data\" .*enter each directory.*: Permission denied"
  refuses serve 'mkdir -p nort && set_option listen "$TMP/nort/sock"' "$TMP/nort/sock: cannot bind .*chown\): Permission denied"
  refuses serve 'set_option sock_group root' "sock_group: cannot give the socket to group root .*SupplementaryGroups"
  refuses serve 'install -m 600 /dev/null rlog && set_option log "$TMP/rlog"' "$TMP/rlog: cannot open the log file .*let this user write.*: Permission denied"
  refuses serve 'chown -R root data data.signer' "$DATA: this belongs to root, and this process runs as $US: run it as root, or.*chown -R $US: $DATA $DATA.signer"
  refuses serve 'chown -R root data.signer' "$DATA.signer: this belongs to root, and this process runs as $US"
  refuses serve 'chown root data/env/meta' "$DATA/env/meta: this belongs to root, and .* has to belong to $US: chown -R $US: $DATA"
  refuses serve 'chown root data/env' "$DATA/env: this belongs to root"
  refuses serve 'chown root data/lock && chmod 600 data/lock' "$DATA/lock: this belongs to root, .*chown -R $US: $DATA"
  refuses serve 'chmod 0 data/env/meta' "$DATA/env/meta: by its mode not even its owner, $US, may use it: chmod -R u.rwX $DATA"
  refuses serve 'chown root data.signer/key' "$DATA.signer/key: this belongs to root, .*chown -R $US: $DATA.signer"
  refuses serve 'chown root data.signer/state && chmod 600 data.signer/state' "$DATA.signer/state: this belongs to root, .*chown -R $US: $DATA.signer"
  refuses init 'mkdir -p nort && set_option data "$TMP/nort/data"' "$TMP/nort/data: cannot make the directory .*--user NAME. as root\): Permission denied"
  AS=()
  refuses serve 'rm -rf data data.signer' "$DATA: there is no ledger: make one with .counterfoil init"
  refuses serve 'chown -R root data' "$DATA: this belongs to root, and the signer's directory $DATA.signer to $US: chown -R $US: $DATA"
  refuses serve 'chown -R root data.signer' "$DATA: this belongs to $US, and the signer's directory $DATA.signer to root: chown -R"
  if unshare --mount true 2>/dev/null; then
    put_back
    { cat /etc/group && seq 100 | sed "s/.*/cf-test-&:x:77&:$US/"; } >"$TMP/group"
    # shellcheck disable=SC2016 # its own arguments
    check "a user of a hundred groups" unshare --mount sh -c 'mount --bind "$1" /etc/group && "$2" verify --config "$3" >"$4" 2>&1' - "$TMP/group" "$CLI" "$CONF" "$TMP/log/many"
  fi
  pick_user
fi

refuses serve 'set_option segment_records 512' "info: segment_records is 512 from the next segment on; the one that is being filled takes 1024"

note "a log that is rotated, and a successor"
put_back
set_option log "$TMP/log/own"
serve_start
first=$SERVE
check "a service with a log of its own" says_in_time own 'owner of'
mv "$TMP/log/own" "$TMP/log/own.1"
kill -HUP "$first"
check "SIGHUP opens it anew" says_in_time own 'the log file was opened anew'
check "and ends nothing" alive "$first"
spawn second "$CLI" serve --config "$CONF"
second=$PID
check "a second service waits" says_in_time own 'another process listens on .*: it is waited for'
stop "$second"
is "$?" 0 "and leaves when it is told to"
spawn second "$CLI" serve --config "$CONF"
second=$PID
check "a successor waits" says_in_time own "\\[$second\\] info: another process listens"
stop "$first"
check "and serves when the first one has left" says_in_time own "\\[$second\\] info: owner of"
check "at the same socket" test -S "$TMP/sock"
stop "$second"
check "which is gone with it" test ! -e "$TMP/sock"

if ! sanitized; then
  cp "$CF_BUILDDIR/tests/e2e/fsync_shim.so" "$TMP/shim.so" || die "not built yet: make check builds it"
  note "told to end while the ledger is being opened"
  for signal in INT TERM; do
    : >"$TMP/stall" && rm -f "$TMP/stall.hangs" "$TMP/log/own"
    spawn stalled env LD_PRELOAD="$TMP/shim.so" CF_SHIM_STALL="$TMP/stall" "$CLI" serve --config "$CONF"
    stalled=$PID
    end=$((SECONDS + PATIENCE))
    until [ -e "$TMP/stall.hangs" ] || [ "$SECONDS" -gt "$end" ]; do sleep 0.02; done
    kill "-$signal" "$stalled"
    check "SIG$signal: it ends" gone "$PATIENCE" "$stalled"
    check "SIG$signal: and says so" says_in_time own 'told to end while the ledger is being opened'
    check "SIG$signal: the socket is gone" test ! -e "$TMP/sock"
  done
  rm -f "$TMP/stall"
fi
run_conf "the ledger is whole" 0 verify

check "a service without a ledger ends" gone "$PATIENCE" "$HOPELESS"
wait "$HOPELESS"
is "$?" 2 "with a status that says so"
like "$(cat "$TMP/log/hopeless")" "cannot serve: .*$TMP/none: there is no ledger: make one with .counterfoil init" "and words"
check "and takes its socket away" test ! -e "$TMP/hopeless.sock"
check "so does one whose port is taken" gone "$PATIENCE" "$LATE"
wait "$LATE"
is "$?" 2 "with a status that says so"
like "$(cat "$TMP/log/late")" "another process listens on 127.0.0.1:$PORT: it is waited for.*127.0.0.1:$PORT: cannot listen \\(choose another port above 1023, or end what listens there\\): Address already in use" "and words"
finish
