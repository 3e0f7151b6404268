#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The command: help, wrong use, exit statuses, tokens, queries, verdicts; safe on a terminal, several at once, a path longer than a socket address.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin command


# ---- help and wrong use

run "help" 0 --help
for command in init token import query show receipt proof status verify recover serve sample completion help version; do
  says "  $command +[A-Z]" "help lists $command"
done
cp "$TMP/out" "$TMP/help"
for words in -h help "help help"; do
  # shellcheck disable=SC2086 # words
  run "$words" 0 $words
  [ "$words" = "help help" ] || check "is the same" cmp -s "$TMP/help" "$TMP/out"
done
for command in init token import query show receipt proof status verify recover serve sample completion help version; do
  cli "$command" --help >"$TMP/help" 2>"$TMP/err" </dev/null
  is "$? $(head -c "$((${#command} + 19))" "$TMP/help")" "0 usage: counterfoil $command" "help of $command"
  like "$(cat "$TMP/help")" '--config FILE .*--help ' "$command: its options"
  for words in "$command -h" "help $command"; do
    # shellcheck disable=SC2086 # words
    run "$words" 0 $words
    check "is the same" cmp -s "$TMP/help" "$TMP/out"
  done
done
for words in --version -V version "verify -V"; do
  # shellcheck disable=SC2086 # words
  run "$words" 0 $words
  says '^counterfoil [0-9]+\.[0-9]+\.[0-9]+$' "the version"
done
run "nothing to do" 2
complains '`counterfoil help`' "and where it is told"
run "no such command" 2 qeury
complains 'no command qeury; could it be query\?' "and what is near it"
run "none to help with" 2 help verfy
complains 'no command verfy; could it be verify\?' "and what is near that"
run "a long word with a control character" 2 "$(printf '\033%.0s' $(seq 1 1000))"
is "$(head -n 1 "$TMP/err" | LC_ALL=C tr -d '\40-\176\200-\377\n' | wc -c)" 0 "is safe"
check "and bounded" [ "$(head -n 1 "$TMP/err" | wc -c)" -lt 4096 ]
run "no such option" 2 verify --bogus
complains 'no option --bogus' "and which one"
run "one before the command" 2 --cofnig x verify
complains 'no option --cofnig; could it be --config\?' "and what is near"
run "a letter" 2 verify -q
complains 'no option -q' "and which one"
run "a value is missing" 2 serve --listen
complains '--listen needs a value: WHERE' "and of what"
run "a value that is none" 2 query --user --json
complains '--user needs a value: .*goes behind a =' "and how it would be one"
run "a value that is not wanted" 2 verify --full=1
complains '--full takes no value' "and of which"
run "too many arguments" 2 verify one
complains 'one is too much; say: counterfoil verify' "and which"
run "too few arguments" 2 import
complains 'say: counterfoil import FILE…' "and what to say"
run "no such configuration" 2 verify --config "$TMP/nowhere.conf"
complains 'nowhere\.conf' "and which one"
run "no configuration at all" 2 verify
complains 'no configuration: name one with --config or COUNTERFOIL_CONF, or make one, of counterfoil.conf.sample, in ' "and what to do"
printf 'data = %s\norigin = a.example/b\nbogus = 1\n' "$DATA" >"$TMP/wrong.conf"
run "a wrong configuration" 2 verify --config "$TMP/wrong.conf"
complains 'bogus' "and what is wrong"

# ---- a ledger

printf 'data = %s\norigin = test.example.org/none\nwww = %s\n' "$TMP/none" "$TMP/www" >"$TMP/none.conf"
chmod 644 "$TMP/none.conf"
for command in "verify" "query" "token list"; do
  # shellcheck disable=SC2086 # two words
  run "$command without a ledger" 2 $command --config "$TMP/none.conf"
done
make_ledger "origin=test.example.org/command"
vkey=$(grep -E '^test\.example\.org/command\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$' "$TMP/log/init")
check "init prints the key" [ -n "$vkey" ]
run "init twice" 2 init --config "$CONF"
run "verify a new ledger" 0 verify --config "$CONF"
says '^ok: test\.example\.org/command, full, size [0-9]+, root [A-Za-z0-9+/=]{44}, [0-9]+ leaves checked$' "and its words"

# ---- tokens

run "a token" 0 token add --config "$CONF" alpha writer,reader
is "$(wc -l <"$TMP/out")" 1 "alone on standard output"
says '^cf_[a-z0-9]{10}_[A-Za-z0-9_-]{40,}$' "as text"
id=$(cut -c 4-13 "$TMP/out")
secret=$(cut -c 15- "$TMP/out")
run "with sources and an end" 0 token add beta auditor --sources 'web-*,other' --expires 90d --config "$CONF"
run "the list" 0 token list --config "$CONF"
says "$id +alpha +writer,reader" "has the first"
says 'beta +auditor +[0-9]{4}-[0-9-]+T[0-9:.]+Z +[0-9]{4}-[0-9-]+T[0-9:.]+Z +web-\*,other' "has the second, with when it was made and its end"
check "and no secret" [ "$(grep -c -- "$secret" "$TMP/out")" = 0 ]
run "revoke" 0 token revoke "$id" --config "$CONF"
run "the list as JSON" 0 token list --json --config "$CONF"
is "$(jq -r '.tokens[] | select(.name == "alpha") | .revoked != null' "$TMP/out")" true "says that it is revoked"
run "an option of another verb" 2 token revoke "$id" --expires 90d --config "$CONF"
complains '--expires goes with add' "and of which"
run "another" 2 token list --sources x --config "$CONF"
run "and another" 2 token add gamma reader --json --config "$CONF"
run "revoke nobody's" 2 token revoke abcdefghij --config "$CONF"
complains 'no token of that id or name' "and what was looked for"
run "no such role" 2 token add gamma king --config "$CONF"
complains 'roles: a role is one of writer' "and which there are"
run "no name of a token" 2 token add 'no name' reader --config "$CONF"
run "a second one of a name" 2 token add beta auditor --config "$CONF"
complains 'beta has the token [a-z0-9]{10} already' "and which there is"
beta=$(cli token list --config "$CONF" | awk '$2 == "beta" {print $1}')
run "in its place" 0 token add beta auditor --replaces "$beta" --overlap 24h --config "$CONF"
run "by a name that two have" 2 token revoke beta --config "$CONF"
complains "2 tokens have that name; say which: .*$beta" "and which"
run "by its id" 0 token revoke "$beta" --config "$CONF"
run "by a name that one has" 0 token revoke beta --config "$CONF"
says '^revoked [a-z0-9]{10} beta$' "says which"
run "by the name of one that is over" 2 token revoke beta --config "$CONF"
run "no such verb" 2 token burn --config "$CONF"

# ---- queries: 3,000 sample events, and hostile ones

cli sample 3000 >"$TMP/sample"
printf '%s\n' '{"action":"hostile","user":"\u001b[31mroot\u001b[0m","message":"a\nb\tc\u0007\u009b2J\u202egnp.exe\u2066 \u200b\u00ad\udb40\udc41","status":200}' \
  '{"action":"hostile","user":"'"$(printf 'x%.0s' $(seq 1 300))"'","resource":"/caf\u00e9/\u65e5\u672c"}' >"$TMP/hostile"
run "import" 0 import --config "$CONF" --source test "$TMP/sample" "$TMP/hostile"
user=$(head -n 1 "$TMP/sample" | jq -r .user)
run "a query" 0 query --config "$CONF" "--user=$user" limit=7 order=asc
is "$(head -n 1 "$TMP/out" | tr -s ' ')" "SEQ TIME USER METHOD STATUS OUTCOME IP ACTION WHAT" "titles"
is "$(tail -n +2 "$TMP/out" | wc -l)" 7 "so many rows"
is "$(tail -n +2 "$TMP/out" | awk '{print $3}' | sort -u)" "$user" "of that user"
complains '^More: the same with --cursor=[A-Za-z0-9_.-]+' "there is more"
cursor=$(sed -n 's/.*--cursor=//p' "$TMP/err")
first=$(tail -n 1 "$TMP/out" | awk '{print $1}')
run "and more" 0 query --config "$CONF" "--user=$user" order=asc limit=7 "--cursor=$cursor"
check "goes on behind it" [ "$(sed -n 2p "$TMP/out" | awk '{print $1}')" -gt "$first" ]
run "the last page" 0 query --config "$CONF" "--user=$user" order=asc limit=10000
check "no more is promised" [ "$(grep -c More "$TMP/err")" = 0 ]
complains '^Later ones: the same with --cursor=[A-Za-z0-9_.-]+' "but how to follow"
run "JSON" 0 query --json --config "$CONF" "user=$user" limit=1000 kind=event
is "$(tail -c 1 "$TMP/out" | od -An -tx1 | tr -d ' ')" 0a "ends its line"
is "$(jq '.events | length' "$TMP/out")" "$(jq -r --arg u "$user" 'select(.user == $u) | .user' "$TMP/sample" | wc -l)" "as many as there are"
run "CSV" 0 query --json format=csv --config "$CONF" limit=3 order=asc
is "$(grep -vc '^#' "$TMP/out")" 4 "with a title"
mv "$TMP/out" "$TMP/csv"
run "CSV by the filter alone" 0 query format=csv --config "$CONF" limit=3 order=asc
check "is the same" cmp -s "$TMP/csv" "$TMP/out"
run "nothing found" 0 query --config "$CONF" user=nobody-of-that-name
is "$(wc -c <"$TMP/out")" 0 "says nothing"
run "hostile text" 0 query --config "$CONF" action=hostile order=asc
is "$(LC_ALL=C tr -d '\n\40-\176\200-\377' <"$TMP/out" | wc -c)" 0 "no control character comes out"
is "$(wc -l <"$TMP/out")" 3 "one line an event"
says '\\x1b\[31mroot' "escape sequences are shown"
says 'a\\x0ab\\x09c\\x07\\u\{9b\}2J\\u\{202e\}gnp\.exe\\u\{2066\}' "line feeds, C1 controls and bidirectional ones too"
says '\\u\{2066\} \\u\{200b\}\\u\{ad\}\\u\{e0041\}' "what hides in a text is seen"
says '/café/日本' "letters of other languages are left alone"
says ' x{300} ' "long text is whole, where it is no terminal"
run "values as the next word" 0 query --config "$CONF" --user "$user" --limit 7 --order asc --from -36500d
is "$(tail -n +2 "$TMP/out" | wc -l)" 7 "are values"
run "an unknown option" 2 query --config "$CONF" --methdo GET
complains 'no option --methdo; could it be --method\?' "and what is near"
run "an unknown filter" 2 query --config "$CONF" nonsense=1
complains 'nonsense: no such parameter; there are: from, to' "and which there are"
run "a member that is no filter" 2 query --config "$CONF" --user_agent curl
complains 'user_agent: no such parameter: records are not chosen by user_agent.*\(HTTP 400\)' "in the route's words"
run "no filter at all" 2 query --config "$CONF" nonsense
complains 'nonsense is no filter; one is NAME=VALUE' "and what one is"

# ---- output that nobody takes

# left NAME STATUS ARGUMENTS…: the reader is gone before the first byte
left() {
  local name=$1 want=$2 got
  exec 9> >(:)
  wait $!
  cli "${@:3}" >&9 2>"$TMP/err" </dev/null 9>&-
  got=$?
  exec 9>&-
  is "$got $(cat "$TMP/err")" "$want " "$name: the reader left"
}
# full NAME ARGUMENTS…: there is no room, or no standard output at all
full() {
  cli "${@:2}" >/dev/full 2>"$TMP/err" </dev/null
  is $? 2 "$1: no room"
  complains 'cannot write to standard output: No space left on device' "and is said"
  cli "${@:2}" >&- 2>"$TMP/err" </dev/null
  is $? 2 "$1: standard output is closed"
  complains 'cannot write to standard output: Bad file descriptor' "and is said"
}
for words in help version "help query" "sample 10000" "query --config $CONF" "query --config $CONF --json" "query --config $CONF --limit all format=csv" \
  "verify --config $CONF" "verify --config $CONF --json" "token list --config $CONF" "token list --json --config $CONF" "recover --config $CONF" "import --config $CONF --source test $TMP/hostile"; do
  # shellcheck disable=SC2086 # words
  left "${words%% *}" 0 $words
  # shellcheck disable=SC2086 # words
  full "${words%% *}" $words
done
cli sample 1000000 2>"$TMP/err" | head -n 1 >"$TMP/out"
is "${PIPESTATUS[*]} $(cat "$TMP/err")" "0 0 " "a reader that takes a line"
for where in /dev/full '&-'; do
  as_user sh -c "exec \"$CLI\" token add unheard writer --config \"$CONF\" >$where" 2>"$TMP/err"
  is $? 2 "a token that cannot be printed, $where"
  complains 'Token [a-z0-9]{10} could not be printed, so nobody has it: it was revoked' "is said to be nobody's"
done
exec 9> >(:)
wait $!
cli token add unheard writer --config "$CONF" >&9 2>"$TMP/err" 9>&-
is $? 2 "a token whose reader left"
exec 9>&-
run "the tokens" 0 token list --json --config "$CONF"
is "$(jq -c '[.tokens[] | select(.name == "unheard") | .revoked != null]' "$TMP/out")" "[true,true,true]" "are revoked"
printf 'data = %s\norigin = test.example.org/full\nwww = %s\n' "$TMP/full" "$TMP/www" >"$TMP/full.conf"
cli init --config "$TMP/full.conf" >/dev/full 2>"$TMP/err"
is $? 2 "init without room for its key"
complains 'vkey of the signer.*cannot write to standard output' "says where it is"

# ---- verdicts

run "verify all" 0 verify --config "$CONF" --full
run "verify as JSON" 0 verify --config "$CONF" --json
is "$(jq -c '[.ok, .complete, .errors, .origin]' "$TMP/out")" '[true,true,[],"test.example.org/command"]' "the answer"
size=$(jq .size "$TMP/out")
root=$(jq -r .root "$TMP/out")
run "something more" 0 token add delta reader --config "$CONF"
run "verify quickly" 0 verify --config "$CONF" --quick
run "it extends what was kept" 0 verify --config "$CONF" --size "$size" --root "$root"
run "the same in hex" 0 verify --config "$CONF" --quick --size "$size" "--root=$(printf %s "$root" | base64 -d | od -An -v -tx1 | tr -d ' \n')"
run "it does not extend another root" 1 verify --config "$CONF" --size "$size" --root "AAAA${root:4}"
says 'INCONSISTENT_HEAD: .*NOT OK: ' "and says so"
run "a size alone" 2 verify --config "$CONF" --size "$size"
run "no root at all" 2 verify --config "$CONF" --size "$size" --root bogus
run "quick and full" 2 verify --config "$CONF" --quick --full

# ---- on a terminal

on_terminal 100 verify --config "$CONF"
is "$ENDED" 0 "verify on a terminal"
says $'[0-9]+ of [0-9]+\033\\[K' "says how far it came"
says $'\r\033\\[K\033\\[32mok: \033\\[0mtest' "which goes before the verdict, in colours"
NO_COLOR=1 on_terminal 100 verify --config "$CONF" --json
says $'[0-9]+ of .*\r\033\\[K\\{"ok":true' "before JSON too"
TERM_AS=dumb on_terminal 100 verify --config "$CONF"
check "nothing of that on a dumb one" [ "$(grep -c $'\033' "$TMP/out")" = 0 ]
on_terminal 100 import --config "$CONF" --source again "$TMP/sample"
says $'[0-9]+ lines\033\\[K.*\r\033\\[K3000 lines: 3000 new' "import too"
run "verify on none" 0 verify --config "$CONF"
is "$(wc -l <"$TMP/out") $(wc -c <"$TMP/err")" "1 0" "says the verdict alone"

# ---- several at once, each of them the owner or a guest

for i in 1 2 3 4 5 6; do
  (cli token list --config "$CONF" >"$TMP/out.$i" 2>"$TMP/err.$i" </dev/null; echo $? >"$TMP/status.$i") &
  others[i]=$!
done
wait "${others[@]}"
is "$(cat "$TMP"/status.? | tr '\n' ' ')" "0 0 0 0 0 0 " "six at once: all are answered"
is "$(sort -u "$TMP"/out.? | wc -l)" "$(wc -l <"$TMP/out.1")" "six at once: the same"
check "nobody stays" [ ! -e "$DATA/sock" ]

# ---- a data directory whose path is longer than a socket address

as_user mkdir -p "$TMP/$(printf 'deep%.0s' $(seq 1 30))"
CONF_BEFORE=$CONF
DATA_BEFORE=$DATA
DATA=$TMP/$(printf 'deep%.0s' $(seq 1 30))/data
make_ledger "origin=test.example.org/deep"
run "a long path" 0 token add alpha reader --config "$CONF"
serve_start
until [ -S "$DATA/sock" ] || ! alive "$SERVE"; do sleep 0.05; done
run "a long path, and another owner" 0 verify --config "$CONF"
stop "$SERVE"
DATA=$DATA_BEFORE

# ---- a flipped byte

make_ledger "origin=test.example.org/flip" "data=$TMP/flip" "segment_records=256"
cp "$TMP/counterfoil.conf" "$TMP/flip.conf"
run "import" 0 import --config "$CONF" --source test "$TMP/sample"
first_segment() { find "$TMP/flip/segments" -name '*0-*0256-*' | sort | head -n 1; }
for i in $(seq 1 20); do
  [ -z "$(first_segment)" ] || break
  cli query --config "$CONF" limit=1 >/dev/null 2>&1
done
run "whole" 0 verify --config "$CONF"
segment=$(first_segment)
cp "$segment" "$TMP/segment"
# Indexes and roots of the file lie between the blocks: go on until a byte of a record is hit.
for at in $(seq 40000 16384 "$(wc -c <"$segment")"); do
  byte=$(od -An -tu1 -j "$at" -N 1 "$segment")
  # shellcheck disable=SC2059 # an octal escape
  printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$segment" bs=1 seek="$at" conv=notrunc 2>/dev/null
  cli verify --config "$CONF" >/dev/null 2>&1
  [ $? != 1 ] || break
  cat "$TMP/segment" >"$segment"
done
as_user mv "$segment" "$TMP/moved"
run "a missing segment" 1 verify --config "$CONF"
is "$(grep -c '^  STORE_DAMAGED at .*neither the record' "$TMP/out")" 1 "is one line, not one a record"
says "^  STORE_DAMAGED at 0 to $(($(basename "$segment" | sed 's/^[^-]*-0*\([0-9]*\).*/\1/') - 1)): neither the record" "with its range, all of it"
says '… [0-9]+ faults in all' "and how many there are"
is "$(sed 's/^[^ ]* //' "$TMP/err" | sort | uniq -d)" "" "what was logged was logged once"
cli query --config "$CONF" limit=all order=asc >"$TMP/out" 2>"$TMP/err" </dev/null
like "$(cat "$TMP/err")" "from seq 0 up to, not including, $(basename "$segment" | sed 's/^[^-]*-0*\([0-9]*\).*/\1/') cannot be read" "a query names all of it"
run "and goes around it" 0 query --config "$CONF" limit=all seq_from=256
as_user mv "$TMP/moved" "$segment"
run "not whole" 1 verify --config "$CONF"
says 'NOT OK: .*, first bad seq [0-9]+' "and where"
run "as JSON" 1 verify --config "$CONF" --json
is "$(jq -r '.ok, (.errors | length > 0)' "$TMP/out" | tr '\n' ' ')" "false true " "with the faults"
CONF=$CONF_BEFORE

# ---- root makes a ledger for somebody

if [ "$(id -u)" = 0 ]; then
  printf 'data = %s\norigin = test.example.org/root\nwww = %s\n' "$TMP/of-root/data" "$TMP/www" >"$TMP/root.conf"
  mkdir "$TMP/of-root" && chown 0:0 "$TMP/of-root" && chmod 755 "$TMP/of-root"
  "$CLI" init --config "$TMP/root.conf" --user "$RUN_AS" >"$TMP/out" 2>"$TMP/err"
  is $? 0 "root: init --user"
  is "$(stat -c '%U %a' "$TMP/of-root/data" "$TMP/of-root/data.signer" "$TMP/of-root/data.signer/key" | tr '\n' ' ')" "$RUN_AS 700 $RUN_AS 700 $RUN_AS 600 " "root: it is the user's"
  run "its user uses it" 0 verify --config "$TMP/root.conf"
  "$CLI" init --config "$TMP/root.conf" --user no-such-user-here >"$TMP/out" 2>"$TMP/err"
  is $? 2 "root: init for nobody"
  printf 'data = %s\norigin = test.example.org/root\nwww = %s\n' "$TMP/of-root/other" "$TMP/www" >"$TMP/other.conf"
  mkdir -m 700 "$TMP/of-root/other"
  "$CLI" init --config "$TMP/other.conf" --user "$RUN_AS" >"$TMP/out" 2>"$TMP/err"
  is "$? $(stat -c %U "$TMP/of-root/other")" "2 root" "root: a directory of somebody else is not taken"
fi
run "a user makes no ledger for another" 2 init --config "$TMP/none.conf" --user root
finish
