#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# counterfoil show, receipt, proof and status: one record and what proves it, and how the log is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin show
printf 'data = %s\norigin = test.example.org/none\n' "$TMP/none" >"$TMP/none.conf"
chmod 644 "$TMP/none.conf"
run "status without a ledger" 2 status --config "$TMP/none.conf"
complains 'none: there is no ledger; `counterfoil init` makes one' "and what to do"

make_ledger "origin=test.example.org/show" "segment_records=256"
cli sample 600 >"$TMP/sample"
printf '%s\n' '{"action":"hostile","user":"\u001b[31mroot\u009b","time":"2026-03-29T00:30:00Z","attributes":{"a":"\u202e","n":[1,2]}}' >>"$TMP/sample"
run "import" 0 import --config "$CONF" --source test "$TMP/sample"
run "the last" 0 query --config "$CONF" --json limit=1
seq=$(jq '.events[0].seq' "$TMP/out")

# ---- one record

run "show" 0 show --config "$CONF" "$seq" --tz +05:30
says "^seq +$seq" "its seq"
says 'user +\\x1b\[31mroot\\u\{9b\}' "text is safe"
says 'attributes\.a +\\u\{202e\}' "members of objects have the object's name"
says 'attributes\.n +\[1,2\]' "and what is no text is JSON"
says 'time +2026-03-29T06:00:00\.000000\+05:30' "times are in the zone"
run "as JSON" 0 show --config "$CONF" 0 --json
is "$(jq -r '[.seq, .kind, .body.origin] | join(" ")' "$TMP/out")" "0 genesis test.example.org/show" "is the route's"
run "none there" 2 show --config "$CONF" 999999
complains 'counterfoil show: there is no record 999999 \(HTTP 404\)' "is told in words first"
run "no seq" 2 show --config "$CONF" alice
complains 'alice is no seq: that is the number of a record' "and what one is"
run "of a copy" 0 show --config "$CONF" "$seq" --read-only
complains 'nothing is recorded' "leaves no mark"

# ---- what proves it

run "a receipt" 0 receipt --config "$CONF" "$seq"
is "$(head -n 1 "$TMP/out")" "c2sp.org/tlog-proof@v1" "is a tlog-proof"
says "index $seq" "of that record"
says 'test\.example\.org/show' "with a checkpoint"
run "a proof" 0 proof --config "$CONF" 5 --size 8
is "$(jq -c '[.seq, .size, (.hashes | length)]' "$TMP/out")" "[5,8,3]" "in a tree of that size"
run "in the newest tree" 0 proof --config "$CONF" "$seq"
check "has the record" [ "$(jq .size "$TMP/out")" -gt "$seq" ]
run "a proof that cannot be" 2 proof --config "$CONF" 9 --size 8
run "a size that is none" 2 proof --config "$CONF" 9 --size many
run "its marks" 0 query --config "$CONF" kind=access --json
is "$(jq -c '[.events[].attributes | select(.filter != null) | .filter] | map(select(test("^seq=5&size=8$"))) | length' "$TMP/out")" 1 "a proof leaves one"

# ---- how it is

run "nobody" 1 status --config "$CONF"
says 'owner: +nobody; .*`counterfoil serve` keeps one' "is told"
says 'ready: +NO: nobody answers' "and that it is not ready"
says 'free: +[0-9.]+ [BKMGTP], of which min_free keeps 1\.0 M' "and the space"
check "and nobody is started" [ ! -e "$DATA/sock" ]
serve_start
until [ -S "$DATA/sock" ] || ! alive "$SERVE"; do sleep 0.05; done
run "an owner" 0 status --config "$CONF"
says 'ledger: +test\.example\.org/show in ' "which ledger"
says 'owner: +running' "it runs"
says 'ready: +yes' "it is ready"
says 'signed: +[0-9]+ records, root [A-Za-z0-9+/=]{44}, last at [0-9-]+T[0-9:]+Z' "what was signed last"
says 'trouble: +none was seen' "no trouble"
check "no colours" [ "$(grep -c $'\033' "$TMP/out")" = 0 ]
run "as JSON" 0 status --config "$CONF" --json
is "$(jq -c '[.owned, .ready, .readyz.ready, (.free > 0), (.checkpoint | startswith("test.example.org/show"))]' "$TMP/out")" '[true,true,true,true,true]' "the same"
if [ -n "$RUN_AS" ]; then
  other=nobody
  [ "$RUN_AS" != nobody ] || other=daemon
  chmod 644 "$CONF"
  for words in status query "token list"; do
    # shellcheck disable=SC2086 # words
    setpriv --reuid="$(id -u "$other")" --clear-groups -- "$CLI" $words --config "$CONF" >"$TMP/out" 2>"$TMP/err"
    is $? 2 "$words by somebody else"
    complains "this ledger belongs to $RUN_AS, and only that user and root may ask it here: sudo -u '$RUN_AS' counterfoil" "says who may"
  done
fi
stop "$SERVE"
segment=$(find "$DATA/segments" -name '*-*' ! -name '*.sums' | sort | head -n 1)
as_user mv "$segment" "$TMP/moved"
serve_start
until [ -S "$DATA/sock" ] || ! alive "$SERVE"; do sleep 0.05; done
end=$((SECONDS + PATIENCE)) # it looks at them after its start
until cli status --config "$CONF" 2>&1 | tee "$TMP/out" | grep -q 'trouble: .*missing' || [ "$SECONDS" -gt "$end" ]; do sleep 0.1; done
says 'trouble: .*missing 1' "a missing file is trouble"
stop "$SERVE"
as_user mv "$TMP/moved" "$segment"
sed -i 's/^min_free.*/min_free = 1000000G/' "$CONF"
serve_start
until [ -S "$DATA/sock" ] || ! alive "$SERVE"; do sleep 0.05; done
run "no space" 1 status --config "$CONF"
says 'ready: +NO: .* min_free is [0-9]+' "is a reason"
stop "$SERVE"
finish
