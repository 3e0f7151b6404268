#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# counterfoil query: times as people say them, on a terminal and off it, records that are no events, following, and answers that break off.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin query

rows() { tail -n +2 "$TMP/out" | wc -l; }

make_ledger "origin=test.example.org/query" "segment_records=256"
cat >"$TMP/events" <<'END'
{"time":"2026-03-28T22:59:59Z","action":"day","user":"before"}
{"time":"2026-03-28T23:00:00Z","action":"day","user":"first"}
{"time":"2026-03-29T21:59:59.999999Z","action":"day","user":"last"}
{"time":"2026-03-29T22:00:00Z","action":"day","user":"after"}
{"action":"long","user":"someone.with.a.long.name@one.example.org","ip":"2001:db8:1111:2222:3333:4444:5555:6666","resource":"/x"}
{"action":"long","user":"someone.with.a.long.name@two.example.org","resource":"/y"}
{"action":"long","user":"someone.with.another@long.name.example.org","resource":"/z"}
END
run "import" 0 import --config "$CONF" --source test "$TMP/events"

# ---- times

if [ -e /usr/share/zoneinfo/Europe/Berlin ]; then
  run "a day of a zone" 0 query --config "$CONF" --tz Europe/Berlin --since 2026-03-29 --until 2026-03-30 action=day order=asc
  is "$(awk 'NR > 1 {print $3}' "$TMP/out" | tr '\n' ' ')" "first last " "has 23 hours, and not its end"
  says ' 2026-03-29T00:00:00.000000\+01:00 .* 2026-03-29T23:59:59.999999\+02:00 ' "times have their zone"
fi
run "a day of UTC" 0 query --config "$CONF" since=2026-03-29 until=2026-03-30 action=day
is "$(awk 'NR > 1 {print $3}' "$TMP/out" | tr '\n' ' ')" "after last " "is another"
says ' 2026-03-29T22:00:00.000000Z ' "and its times say so"
run "an offset, and a clock" 0 query --config "$CONF" --tz -01:00 --since '2026-03-28 22:00' --until '2026-03-28T22:00:01' action=day
is "$(awk 'NR > 1 {print $3}' "$TMP/out" | tr '\n' ' ')" "first " "are of that offset"
run "today" 0 query --config "$CONF" --since yesterday --until now action=long
is "$(rows)" 3 "is today"
run "until today" 0 query --config "$CONF" --until yesterday action=long
is "$(wc -c <"$TMP/out")" 0 "ends before it"
run "a while ago" 0 query --config "$CONF" --since "2 h ago" action=long --json
run "what was asked" 0 query --config "$CONF" kind=access action=query limit=1 --json
is "$(jq -r '.events[0].attributes.filter' "$TMP/out")" "from=-2h&action=long" "is told as the route knows it"
run "no zone" 2 query --config "$CONF" --tz Europe/Atlantis
complains 'tz: no time zone Europe/Atlantis: write UTC, an offset' "and which there are"
run "no time" 2 query --config "$CONF" --since tomorrow
complains 'tomorrow: not a time: write today, yesterday' "and what one is"
run "from twice" 2 query --config "$CONF" --since today --from today
complains 'from: given twice' "by either name"

# ---- a terminal, or none

run "no terminal" 0 query --config "$CONF" action=long
says 'someone\.with\.a\.long\.name@one\.example\.org' "nothing is cut"
check "no colours" [ "$(grep -c $'\033' "$TMP/out")" = 0 ]
on_terminal 130 query --config "$CONF" action=long
is "$(head -n 1 "$TMP/out" | tr -s ' ')" $'\033[1mSEQ TIME USER METHOD STATUS OUTCOME IP ACTION WHAT\033[0m' "a terminal: titles stand out"
is "$(awk 'NR > 1 && NR < 5 {print $3}' "$TMP/out" | sort -u | wc -l)" 3 "different users look different, though they begin and end alike"
says 'someone\.…ple\.org' "the middle goes"
says ' 2001:db8:1111:2222:3333:4444:5555:6666 ' "addresses are whole"
says ' [0-9-]+T[0-9]{2}:[0-9]{2}:[0-9]{2}Z ' "times are to the second"
NO_COLOR=1 on_terminal 130 query --config "$CONF" action=long
check "NO_COLOR: none" [ "$(grep -c $'\033' "$TMP/out")" = 0 ]
TERM_AS=dumb on_terminal 130 query --config "$CONF" action=long
check "a dumb terminal: none" [ "$(grep -c $'\033' "$TMP/out")" = 0 ]
on_terminal 130 query --config "$CONF" action=long --wide
says 'someone\.with\.a\.long\.name@one\.example\.org' "--wide: nothing is cut"

printf '%s\n' '{"action":"hostile","user":"\u009b31mx\u202e","resource":"/\u65e5\u672c","message":"a\rb"}' >"$TMP/hostile"
run "import" 0 import --config "$CONF" --source test "$TMP/hostile"
for how in --json --csv format=ndjson; do
  on_terminal 130 query --config "$CONF" action=hostile $how
  says '\\u(00|\{)9b\}?31mx.*日本' "$how: what would drive a terminal is shown, letters are left alone"
  check "and does not reach it" [ "$(grep -c $'\xc2\x9b\|\xe2\x80\xae\|a\rb' "$TMP/out")" = 0 ]
done
run "off it" 0 query --config "$CONF" action=hostile --json
is "$(jq -r '.events[0].user' "$TMP/out")" $'\xc2\x9b31mx\xe2\x80\xae' "JSON is what was logged"

# ---- columns

run "fields" 0 query --config "$CONF" action=long --fields resource,user
is "$(head -n 1 "$TMP/out" | tr -s ' ')" "SEQ RECORDED RESOURCE USER" "are the columns"
says ' /y +someone\.with\.a\.long\.name@two' "in that order"
run "no such field" 2 query --config "$CONF" --fields usr
run "a token" 0 token add newcomer writer --config "$CONF"
run "all kinds" 0 query --config "$CONF" kind=all limit=100
says ' token +admin +.* add +id=[a-z0-9]{10} name=newcomer roles=\["writer"\]' "what a token is for"
says ' access +admin +.* query +filter=from=-2h&action=long rows=3 ' "what was asked, and how much was shown"
says ' service +start +software="counterfoil ' "what happened to the service"
says ' genesis +.*origin=test\.example\.org/query' "and how it began"
run "CSV" 0 query --csv --config "$CONF" action=long limit=2
is "$(grep -c '^[0-9]' "$TMP/out")" 2 "rows"
run "two formats" 2 query --csv --json --config "$CONF"

# ---- one question, however it is shown

serve_start
until [ -S "$DATA/sock" ] || ! alive "$SERVE"; do sleep 0.05; done
for shown in "" --json --wide; do
  # shellcheck disable=SC2086 # none or one
  run "a question, shown so: $shown" 0 query --config "$CONF" action=day limit=2 $shown
done
run "its records" 0 query --config "$CONF" kind=access action=query --json
is "$(jq -c '[.events[] | select(.attributes.filter == "action=day") | .recorded[0:13]] | [length > 0, length == (unique | length)]' "$TMP/out")" "[true,true]" \
  "it is told once an hour"

# ---- following

event() { printf '{"action":"come","user":"%s"}\n' "$1" | as_user "$CLI" import --config "$CONF" --source "$1" - >/dev/null 2>"$TMP/err" || fail "import" "$(cat "$TMP/err")"; }
appears() { # appears FILE REGEX NAME
  local end=$((SECONDS + PATIENCE))
  until grep -qE "$2" "$1" || [ "$SECONDS" -gt "$end" ]; do sleep 0.05; done
  check "$3" grep -qE "$2" "$1"
}
event one
event two
spawn follow.json "$CLI" query --config "$CONF" --follow --json --limit 1 action=come
JSON=$PID
spawn follow.table "$CLI" query --config "$CONF" --follow --since today action=come
TABLE=$PID
appears "$TMP/log/follow.json" '"two"' "the last one is there"
appears "$TMP/log/follow.table" ' two ' "all since then are there"
event three
appears "$TMP/log/follow.json" '"three"' "what comes is shown"
appears "$TMP/log/follow.table" ' three ' "as a table too"
stop "$SERVE"
appears "$TMP/log/follow.json" 'owner is away' "the owner leaves, which is said"
check "who follows does not become the owner" [ ! -e "$DATA/sock" ]
serve_start
event four
appears "$TMP/log/follow.json" '"four"' "the next owner is asked"
appears "$TMP/log/follow.table" ' four ' "as a table too"
spawn follow.terminal script -qec "TERM=xterm $(printf ' %q' "$CLI" query --config "$CONF" --follow --json action=hostile)" /dev/null
appears "$TMP/log/follow.terminal" '\\u\{9b\}31mx.*日本' "on a terminal what would drive it is shown"
is "$(grep -c $'\xc2\x9b\|\xe2\x80\xae' "$TMP/log/follow.terminal")" 0 "and does not reach it"
stop "$PID" >/dev/null 2>&1
for pid in "$JSON" "$TABLE"; do
  kill -INT "$pid"
  wait "$pid"
  is $? 0 "SIGINT ends it"
done
is "$(grep -v '^The ledger' "$TMP/log/follow.json" | jq -r .user | tr '\n' ' ')" "two three four " "each one once"
is "$(grep -o ' \(one\|two\|three\|four\) ' "$TMP/log/follow.table" | tr -d '\n')" " one  two  three  four " "as a table too"
is "$(grep -c 'away' "$TMP/log/follow.json")" 1 "the wait is said once"
run "follow in another order" 2 query --follow --config "$CONF" order=desc
complains 'decides itself about order' "is refused"
run "follow a bad filter" 2 query --follow --config "$CONF" status=many
complains 'status: ' "is refused"
stop "$SERVE"

# ---- an answer that breaks off

make_ledger "origin=test.example.org/broken" "data=$TMP/broken" "segment_records=256"
cli sample 20000 >"$TMP/sample"
run "import" 0 import --config "$CONF" --source test "$TMP/sample"
for i in $(seq 1 50); do
  segment=$(find "$TMP/broken/segments" -name '*-*' ! -name '*.sums' | sort | sed -n 20p)
  [ -z "$segment" ] || break
  cli query --config "$CONF" limit=1 >/dev/null 2>&1
done
as_user mv "$segment" "$TMP/moved"
for how in "" --csv format=ndjson; do
  # shellcheck disable=SC2086 # none or one
  run "all of it, with a hole $how" 2 query --config "$CONF" --limit all order=asc $how
  check "its beginning was shown" [ "$(wc -l <"$TMP/out")" -gt 4000 ]
  complains 'the answer broke off: .*records from seq [0-9]+ up to, not including, [0-9]+ cannot be read; ask around them' "and why it broke off"
done
run "JSON, with a hole" 2 query --config "$CONF" --json limit=10000 order=asc
complains 'broke off: .*records from seq [0-9]+' "and why it broke off"
finish
