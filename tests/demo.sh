#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# make demo: a ledger behind lighttpd, fed, asked, verified and damaged, with every answer checked. PORT=N takes that port; on a
# terminal it stays until it is interrupted, but not with ONCE=1. Nothing is left behind, so what is gone at its end, the port, tokens,
# the directory, is told only by who stays.
. "$(dirname "$0")/e2e/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

FIXED_PORT=${PORT:-}
ORIGIN=demo.example.org/main
SAMPLES=5000
NDJSON='Content-Type: application/x-ndjson'
START=$SECONDS

title() { printf '\n== %s\n\n' "$*"; }
show() { printf '   $ %s\n' "$*"; }
indent() { sed "s|$TMP/||g; s/^/     /" | cut -c 1-150; }
pass() { passed=$((passed + 1)); printf '   ok: %s\n' "$1"; }

tokens() {
  title "Tokens: who may do what"
  for role in writer reader auditor; do
    add_token "$role" "$role"
    printf '   %-8s %s\n' "$role" "$(token_of "$role" | sed 's/_.*/_…/')"
  done
  show "counterfoil token list"
  cli token --config "$CONF" list >"$TMP/list"
  indent <"$TMP/list"
  is "$(awk 'NR > 1 {print $2}' "$TMP/list" | sort | paste -sd ' ')" "auditor reader writer" "three tokens"
}

token_of() { sed 's/.*Bearer //' "$TMP/token.$1"; }

# ---- events

single() {
  local event='{"id":"demo-1","action":"door.open","user":"alice","ip":"192.0.2.7","status":200}' seq
  title "One event by curl, and the same once more"
  show "curl -H 'Authorization: Bearer …' -d '$event' \$URL/v1/events"
  http_as writer -H 'Content-Type: application/json' -d "$event" /v1/events
  indent <"$TMP/body"
  answers "it is on disk when the answer comes" 201
  seq=$(json .seq)
  http_as writer -H 'Content-Type: application/json' -d "$event" /v1/events
  is "$STATUS $(json '"\(.seq) \(.duplicate)"')" "200 $seq true" "the same id again is the same record"
  http_as writer -H 'Content-Type: application/json' -d "${event/alice/mallory}" /v1/events
  answers "the same id with other content is refused" 409 conflict
  http_as - -H 'Content-Type: application/json' -d "$event" /v1/events
  answers "and nobody writes without a token" 401 no-token
}

samples() {
  local part accepted=0 start=$EPOCHREALTIME
  title "$SAMPLES sample events by curl, in batches of 1000"
  cli sample "$SAMPLES" >"$TMP/samples.ndjson" 2>>"$TMP/log/sample"
  is "$(wc -l <"$TMP/samples.ndjson")" "$SAMPLES" "counterfoil sample $SAMPLES"
  split -l 1000 "$TMP/samples.ndjson" "$TMP/part."
  show "curl -H 'Authorization: Bearer …' -H '$NDJSON' --data-binary @part \$URL/v1/events"
  for part in "$TMP"/part.*; do
    http_as writer -H "$NDJSON" --data-binary @"$part" /v1/events
    accepted=$((accepted + $(json .accepted)))
  done
  SAMPLE_SECONDS=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.2f", b - a}')
  indent <"$TMP/body"
  is "$accepted" "$SAMPLES" "all are taken, in $SAMPLE_SECONDS s"
}

# ---- lighttpd's own log

follow() {
  local n=40 i
  title "lighttpd's own access log, line by line as it grows"
  show "counterfoil import --follow --source lighttpd access.log"
  : >>"$TMP/log/lighttpd.access"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/log/lighttpd.access"
  spawn import "$CLI" import --config "$CONF" --follow --state "$TMP/import.state" --source lighttpd "$TMP/log/lighttpd.access"
  IMPORT=$PID
  echo '<p>Hello</p>' >"$TMP/htdocs/index.html"
  for ((i = 1; i <= n; i++)); do echo "url = \"$SITE/visit-$((i % 4)).html?n=$i\""; done >"$TMP/visits"
  curl -q -sS --noproxy '*' -A 'demo visitor' -K "$TMP/visits" -o /dev/null >/dev/null 2>>"$TMP/log/curl"
  wait_for_visits "$n"
  is "$VISITS" "$n" "$n requests for /visit-….html are found as events"
  http_as reader "/v1/events?source=lighttpd&resource=/visit-2.html&limit=1"
  json '.events[0]' | indent
  is "$(json '.events[0] | "\(.method) \(.status) \(.user_agent) \(.ip)"')" "GET 404 demo visitor 127.0.0.1" "with method, status, user agent, address"
}

wait_for_visits() { # lighttpd writes its log every few seconds
  local end=$((SECONDS + PATIENCE))
  VISITS=0
  while [ "$VISITS" -lt "$1" ] && [ "$SECONDS" -le "$end" ] && alive "$IMPORT"; do
    sleep 0.2
    http_as reader "/v1/events?source=lighttpd&resource.prefix=/visit-&limit=1000&fields=seq"
    VISITS=$(json '.events | length')
  done
}

# ---- questions

# A question's answer against what jq finds in the samples.
question() { # question NAME QUERY JQ-CONDITION
  http_as reader "/v1/events?source=writer&limit=10000&$2"
  is "$STATUS $(json '.events | length')" "200 $(jq -c "select($3)" "$TMP/samples.ndjson" | wc -l)" "$1: $(json '.events | length') events"
}

questions() {
  local user
  title "Questions"
  user=$(jq -r 'select(.status == 403) | .user // empty' "$TMP/samples.ndjson" | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')
  show "counterfoil query --user=$user --status=4xx --limit=5"
  cli query --config "$CONF" --user="$user" --status=4xx --limit=5 >"$TMP/table" 2>>"$TMP/log/query"
  indent <"$TMP/table"
  is "$(($(wc -l <"$TMP/table") > 1))" 1 "a table of what $user was denied"
  question "by user" "user=$user" ".user == \"$user\""
  question "by method and status" "method=PUT,DELETE&status=4xx" '(.method == "PUT" or .method == "DELETE") and .status >= 400 and .status < 500'
  question "by network" "ip=203.0.113.0/24" '(.ip // "") | startswith("203.0.113.")'
  question "by day" "from=2026-01-06&to=2026-01-07" '(.time // "") >= "2026-01-06" and (.time // "") < "2026-01-07"'
  question "by prefix, but not from" "resource.prefix=/documents/&method.not=GET" '((.resource // "") | startswith("/documents/")) and .method != "GET"'
  is "$(ask_pages reader 'source=writer&action.not=door.open&limit=100&fields=seq&sort=time' | sort -u | wc -l)" "$SAMPLES" "page by page, in order of time, each event once"
}

page() {
  title "The page"
  http -c "$TMP/cookies" -H "Origin: $SITE" --data-urlencode "token=$(token_of auditor)" /login
  like "$STATUS" '^30[23]$' "signing in with a token"
  http -b "$TMP/cookies" /
  is "$STATUS" 200 "it is there"
  is "$(($(grep -c /audit/v1/events "$TMP/body") > 0))" 1 "it shows the newest events, which are the questions above, out of lighttpd's log"
  http -b "$TMP/cookies" '/?user=alice&method='
  is "$STATUS $(($(grep -c 'door.open' "$TMP/body") > 0))" "200 1" "and filters them, without JavaScript"
}

# ---- proof

verification() {
  title "Verification"
  http /checkpoint
  indent <"$TMP/body"
  KEPT_SIZE=$(sed -n 2p "$TMP/body")
  KEPT_ROOT=$(sed -n 3p "$TMP/body")
  show "counterfoil verify --size $KEPT_SIZE --root $KEPT_ROOT"
  cli verify --config "$CONF" --size "$KEPT_SIZE" --root "$KEPT_ROOT" >"$TMP/verify" 2>&1
  is $? 0 "every leaf, link, tile and signature holds, and the ledger extends that checkpoint"
  indent <"$TMP/verify"
}

on_disk() {
  local segment name names
  title "What is on disk: segments are plain Berkeley DB files"
  segment=$(segments | head -n 1)
  show "db5.3_dump -l segments/$(basename "$segment")"
  names=$(db5.3_dump -l "$segment" | tr '\n' ' ')
  fold -sw 100 <<<"$names" | indent
  for name in blocks hashes times user method date status outcome action resource ip host source session credential request_id id; do
    [[ " $names" = *" $name "* ]] || { fail "$name is a database of the segment"; return; }
  done
  pass "records, hashes, times and a secondary index for each of user, method, date, status, ip …"
}

statistics() {
  local records events bytes
  title "This run"
  http /checkpoint
  records=$(sed -n 2p "$TMP/body")
  events=$(ask_pages reader 'limit=10000&fields=seq' | wc -l)
  bytes=$(du -sb "$DATA/segments" | cut -f 1)
  printf '   %-34s %s\n' "records in the chain" "$records" "events among them" "$events" \
    "segments" "$(segments | wc -l)" "bytes of segments for a record" "$((bytes / ($(segments | wc -l) * 1024)))" \
    "sample events a second, durable" "$(awk -v n="$SAMPLES" -v s="$SAMPLE_SECONDS" 'BEGIN {printf "%.0f", n / s}')" \
    "seconds so far" "$((SECONDS - START))"
  check "nothing is missing" [ "$events" -ge $((SAMPLES + 41)) ]
}

# ---- damage, on a copy

copied() { # with nobody writing; then everything goes on
  stop "$IMPORT" || fail "the import had to be killed"
  stop "$LIGHTTPD" || fail "lighttpd had to be killed"
  stop "$SERVE" || fail "the service had to be killed"
  cp -a "$DATA" "$TMP/copy" && cp -a "$DATA.signer" "$TMP/copy.signer" || die "the copy failed"
  sed -e "s|^data *=.*|data = $TMP/copy|" "$CONF" >"$TMP/copy.conf"
  chmod 640 "$TMP/copy.conf"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/copy.conf"
  serve_start
  FIXED_PORT=$PORT lighttpd_front_start
}

damage() {
  local segment at code
  title "One flipped byte, on a copy of the ledger"
  copied
  segment=$(find "$TMP/copy/segments" -type f ! -name '*.sums' | sort | sed -n 2p)
  at=$(($(part_place "$segment" 7) + 100))
  flip "$segment" "$at"
  show "counterfoil verify     # byte $at of $(basename "$segment") was flipped"
  cli verify --config "$TMP/copy.conf" >"$TMP/verify" 2>>"$TMP/log/copy"
  code=$?
  { head -n 3 "$TMP/verify"; echo "  ..."; tail -n 1 "$TMP/verify"; } | indent
  is "$code" 1 "the verdict is against it"
  like "$(cat "$TMP/verify")" 'first bad seq [0-9]+' "and names the first bad seq"
  cli query --config "$TMP/copy.conf" --seq_from=1024 --seq_to=2048 --kind=all --limit=10000 >"$TMP/table" 2>"$TMP/refused"
  is $? 2 "a question that needs the damaged page is refused, never answered short"
  grep "^counterfoil query" "$TMP/refused" | fold -sw 100 | indent
  cli query --config "$TMP/copy.conf" --seq_to=1024 --kind=all --limit=10000 >"$TMP/table" 2>>"$TMP/log/query"
  is "$? $(($(wc -l <"$TMP/table") - 1))" "0 1024" "the segment before it is as readable as ever"
  cli verify --config "$CONF" --size "$KEPT_SIZE" --root "$KEPT_ROOT" >"$TMP/verify" 2>&1
  is $? 0 "the ledger itself, stopped and started meanwhile, still extends the checkpoint kept above"
}

stay() {
  [ -t 1 ] && [ "${ONCE:-}" != 1 ] && [ "$failed" = 0 ] || return 0
  title "Look around"
  printf '   the page   %s/\n   sign in    %s   (reads and verifies)\n   write      %s\n   files      %s\n\n' \
    "$URL" "$(token_of auditor)" "$(token_of writer)" "$TMP"
  printf '   Ctrl-C ends it and removes everything.\n'
  trap 'echo; finish' INT TERM HUP
  while alive "$LIGHTTPD"; do sleep 1; done
}

begin demo
title "A ledger: $ORIGIN"
make_ledger
indent <"$TMP/log/init"
serve_start
lighttpd_front_start
pass "lighttpd serves it at $MOUNT/"
tokens
single
samples
follow
questions
page
verification
on_disk
statistics
damage
stay
title "Done"
finish
