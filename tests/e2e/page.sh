#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The page as a browser shows it: what a line takes, which values look alike, the sign and what a verify says, on paper and on a phone.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"
. "$lib/browser.sh"

begin page
browser_start

make_ledger segment_records=256
add_token writer writer
add_token eve reader,auditor
TOKEN=$(sed 's/.*Bearer //' "$TMP/token.eve")
serve_start
lighttpd_front_start

text() { js "document.querySelector('$1').textContent.trim().replace(/\s+/g, ' ')"; }

# ---- signing in leads to the link that one came by

browse "$URL/?user.not=nobody&sort=time"
like "$(js document.title)" '^Sign in · ' "whoever comes by a link signs in first"
js "document.querySelector('#token').value = 'cf_wrong'; document.querySelector('.sign-in form').submit()" >/dev/null
until_js "document.querySelector('.problem')" || fail "a wrong token is not told"
js "document.querySelector('#token').value = '$TOKEN'; document.querySelector('.sign-in form').submit()" >/dev/null
until_js "document.querySelector('.ask')" || fail "a good one does not sign in"
is "$(js location.href)" "$URL/?user.not=nobody&sort=time" "and is where it leads"
is "$(js "document.querySelector('[name=user]').form.querySelector('[name=\"user.not\"]').value")" nobody "the form keeps what it has no field for"
like "$(js document.title)" '^user.not=nobody&sort=time · Events · ' "the tab says which question it is"

# ---- lines and values

LONG=$(printf 'x%.0s' {1..8000})
{
  printf '%s\n' "{\"action\":\"x\",\"user\":\"long\",\"resource\":\"/$LONG\",\"message\":\"$LONG\nand $LONG\"}"
  for user in 'b b' 'b  b' ' b b' 'b b ' 'b\u200bb' 'b\ufffdb' 'b\u2800b' 'b\u3164b' 'b\ufe0fb' 'b\u202eb' 'b\u0000b' 'b\u00a0b' ''; do
    printf '%s\n' "{\"action\":\"x\",\"session\":\"twins\",\"user\":\"$user\"}"
  done
  printf '%s\n' '{"action":"x","session":"twins","user":"\u05d0\u05d1\u05d2","resource":"/1/\u05d3\u05d4/2","ip":"192.0.2.1"}'
} >"$TMP/events.ndjson"
http_as writer -H 'Content-Type: application/x-ndjson' --data-binary @"$TMP/events.ndjson" /v1/events
answers "events are taken" 200
browse "$URL/"
is "$(js "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetHeight > 34).length")" 0 "every record is one line"
check "and so a screen shows many" [ "$(js "document.querySelector('tbody').offsetHeight")" -lt 700 ]
is "$(js "document.documentElement.scrollWidth <= innerWidth")" true "nothing is wider than the window"

browse "$URL/?session=twins&user.not=%D7%90%D7%91%D7%92"
js "window.faces = [...document.querySelectorAll('td.c-u')].map(cell => cell.innerText + '|' + Math.round(10 * (cell.querySelector('bdi') || cell.firstElementChild).getBoundingClientRect().width))" >/dev/null
is "$(js faces.length)" 13 "thirteen names"
is "$(js "new Set(faces).size")" 13 "of which no two look the same"
is "$(js "new Set([...document.querySelectorAll('td.c-u bdi')].map(bdi => getComputedStyle(bdi).whiteSpace)).size")" 1 "two spaces are as wide as two"
js "document.querySelector('td.c-u a').click()" >/dev/null
until_js "document.querySelector('.chips') && location.search.includes('user=')" || fail "a cell's link leads nowhere"
like "$(js location.search)" 'session=twins&user.not=' "a cell's link adds to the question"
browse "$URL/?session=twins&user=%D7%90%D7%91%D7%92"
is "$(js "[...document.querySelectorAll('tbody td')].map(td => Math.round(td.getBoundingClientRect().left)).join() === [...document.querySelectorAll('tbody td')].map(td => Math.round(td.getBoundingClientRect().left)).sort((a, b) => a - b).join()")" true "text from right to left moves no neighbour"
js "document.querySelector('summary').click()" >/dev/null
check "a record that is opened is wide" [ "$(js "document.querySelector('details dl').offsetWidth")" -gt 500 ]

# ---- the sign, and what a verify says

browse "$URL/"
like "$(text '#seal')" '^only quick checks so far' "nothing is green before a full verify"
js "window.asked = 0; window.real = fetch; window.fetch = (...all) => { if (String(all[0]).includes('verify')) asked++; return real(...all); };
  document.querySelector('#verify').click(); document.querySelector('#verify').click()" >/dev/null
until_js "document.querySelector('#verdict.good')" || fail "a verify does not hold" "$(text '#verdict')"
like "$(text '#verdict')" '^✓ [0-9]+ records hold$' "all hold"
is "$(js asked)" 1 "a second click does not spoil the first"
until_js "document.querySelector('#seal .good')" || fail "the sign does not turn green"
like "$(text '#seal')" '^✓ all [0-9]+ checked just now by eve' "the sign follows, without a reload"

# told BODY [STATUS [TYPE]]: what a verify says where the server answers so
told() {
  js "window.fetch = async (href) => String(href).includes('verify') ? new Response($1, {status: ${2:-200}, headers: {'Content-Type': '${3:-application/x-ndjson}'}}) : real(href);
    document.querySelector('#verdict').textContent = ''; document.querySelector('#verify').click()" >/dev/null
  until_js "!document.querySelector('#verify').hasAttribute('aria-disabled') && document.querySelector('#verdict').textContent" || fail "no word"
  echo "$(js "document.querySelector('#verdict').className"): $(text '#verdict')"
}
is "$(told "'<h1>Bad gateway</h1>'" 502 text/html)" "warn: ! the web server did not reach the log (502); it may be starting: try again" "502 is told in words"
is "$(told "'{\"title\":\"busy\",\"detail\":\"another verify is under way\"}'" 429 application/problem+json)" "warn: ! busy: another verify is under way" "a refusal, too"
is "$(told "'{\"done\":1,\"of\":9}\n{\"ok\":'")" "warn: ! the answer broke off: nothing is said, try again" "an answer that breaks off"
is "$(told "'{\"ok\":true,\"complete\":false,\"checked\":{\"leaves\":256}}\n'")" "warn: ! 256 records hold, the rest was not reached" "a part of it is not green"
is "$(told "'{\"ok\":false,\"complete\":true,\"first_bad\":null,\"errors\":[{\"code\":\"ROLLBACK\",\"detail\":\"the ledger is shorter\"}]}\n'")" \
  "bad: ✗ ROLLBACK: the ledger is shorter" "a verdict without a record has words, and no null"
is "$(told "'{\"ok\":false,\"complete\":true,\"first_bad\":256,\"errors\":[{\"code\":\"STORE_DAMAGED\",\"seq\":256,\"last\":511,\"detail\":\"gone\"}]}\n'")" \
  "bad: ✗ STORE_DAMAGED: gone; records 256 to 511" "a range of records is told whole"
js "window.fetch = async () => { throw new TypeError('x'); }; document.querySelector('#verify').click()" >/dev/null
until_js "document.querySelector('#verdict').textContent.startsWith('! the server')" || true
is "$(text '#verdict')" "! the server could not be reached: try again" "no network is told in words"

# ---- damage

cli sample 700 >"$TMP/sample"
http_as writer -H 'Content-Type: application/x-ndjson' --data-binary @"$TMP/sample" /v1/events
answers "more events" 200
written() { segments | grep -v '\.new$'; } # whole
until_written() {
  local end=$((SECONDS + PATIENCE))
  until [ "$(written | wc -l)" -ge 2 ]; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.05
  done
}
check "segments are written" until_written
stop "$SERVE"
FILE=$(written | sed -n 2p)
AT=$(part_place "$FILE" 2)
check "a byte is damaged" flip "$FILE" "$AT"
serve_start
ready || die "it does not start again"
browse "$URL/"
js "document.querySelector('#verify').click()" >/dev/null
until_js "document.querySelector('#verdict.bad')" || fail "damage is not told" "$(text '#verdict')"
until_js "document.querySelector('#banner .banner')" || fail "there is no banner"
like "$(text '#seal')" '^✗ does not hold' "the sign is red"
like "$(text '#banner')" 'This log does not hold: .*; go around: those before those after' "the banner names what is bad, and ways around it"
browse "$URL/?user=nobody"
check "it is on every page" [ "$(js "document.querySelectorAll('#banner .banner').length")" = 1 ]
js "document.querySelector('#banner a').click()" >/dev/null
until_js "location.search.includes('seq_to=')" || fail "the way around leads nowhere"
like "$(js location.search)" 'user=nobody&seq_to=' "with the question"

# ---- paper, a phone

cdp Emulation.setEmulatedMedia '{"media":"print","features":[{"name":"prefers-color-scheme","value":"dark"}]}'
is "$(js "getComputedStyle(document.querySelector('.ask')).display")" none "the form is not printed"
is "$(js "getComputedStyle(document.body).backgroundColor")" "rgb(255, 255, 255)" "paper is white"
like "$(text '.print')" '^Asked .* by eve: user=nobody' "and says who asked what"
cdp Emulation.setEmulatedMedia '{"media":"screen"}'
cdp Emulation.setDeviceMetricsOverride '{"width":375,"height":700,"deviceScaleFactor":1,"mobile":true}'
browse "$URL/"
is "$(js "document.documentElement.scrollWidth <= innerWidth")" true "nothing is wider than a phone"

# ---- signing out

COOKIE=$(cdp Storage.getCookies && jq -r '.cookies[] | select(.name == "counterfoil") | .value' <<<"$ANSWER")
http -b "counterfoil=$COOKIE" /v1/whoami
answers "the cookie is good" 200
js "document.querySelector('.who button').click()" >/dev/null
until_js "document.querySelector('#token')" || fail "signing out leads nowhere"
http -b "counterfoil=$COOKIE" /v1/whoami
answers "and is not after signing out, whoever kept it" 401 no-token

is "$(complaints)" "" "the browser has nothing to say of code or policy"
finish
