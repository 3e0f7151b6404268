# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Chromium, told what to do over two pipes by its DevTools protocol, without a library. To be sourced after lib.sh.
#
#   browser_start          a window; exits 77 where there is no chromium
#   browse URL             load a page
#   js EXPRESSION          its value, as text or JSON; promises are waited for
#   until_js EXPRESSION    it becomes true, also over a page that loads meanwhile; false: it does not
#   cdp METHOD [PARAMS]    any command; $ANSWER is its result
#   complaints             what the browser has to say of our code and our policy, a line each

CDP_N=0
SESSION=

browser_start() {
  command -v chromium >/dev/null || { echo "no chromium: ./bootstrap --ci installs it"; exit 77; }
  mkfifo "$TMP/browser.in" "$TMP/browser.out"
  mkdir "$TMP/browser"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/browser" "$TMP/browser.in" "$TMP/browser.out"
  exec {CDP_IN}<>"$TMP/browser.in" {CDP_OUT}<>"$TMP/browser.out"
  : >"$TMP/events"
  # shellcheck disable=SC2016 # for the inner shell
  spawn browser env HOME="$TMP/browser" bash -c 'exec chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-extensions \
    --user-data-dir="$1" --remote-debugging-pipe about:blank 3<"$2" 4>"$3"' - "$TMP/browser" "$TMP/browser.in" "$TMP/browser.out"
  cdp Target.createTarget '{"url":"about:blank"}' || die "chromium does not start: $(tail -n 3 "$TMP/log/browser")"
  cdp Target.attachToTarget "$(jq -c '{targetId, flatten: true}' <<<"$ANSWER")"
  SESSION=$(jq -r .sessionId <<<"$ANSWER")
  for domain in Page Runtime Log; do cdp $domain.enable; done
}

cdp() {
  local id=$((++CDP_N)) message
  printf '{"id":%d,"method":"%s","params":%s%s}\0' "$id" "$1" "${2:-{\}}" "${SESSION:+,\"sessionId\":\"$SESSION\"}" >&"$CDP_IN"
  while IFS= read -r -d '' -t "$PATIENCE" -u "$CDP_OUT" message; do
    case $message in
      "{\"id\":$id,"*) ANSWER=$(jq -c '.result // .' <<<"$message"); return 0 ;;
      *) printf '%s\n' "$message" >>"$TMP/events" ;;
    esac
  done
  ANSWER='{"error":"no answer"}'
  return 1
}

js() {
  cdp Runtime.evaluate "$(jq -nc --arg e "$1" '{expression: $e, returnByValue: true, awaitPromise: true}')"
  jq -r 'if .exceptionDetails then "exception: " + (.exceptionDetails.exception.description // .exceptionDetails.text) else .result.value end' <<<"$ANSWER"
}

until_js() {
  local end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ]; do
    [ "$(js "!!($1)")" != true ] || return 0
    sleep 0.05
  done
  return 1
}

browse() {
  cdp Page.navigate "$(jq -nc --arg url "$1" '{url: $url}')"
  until_js 'document.readyState === "complete"' || fail "$1 does not load" "$ANSWER"
}

complaints() {
  jq -r 'select(.method == "Runtime.exceptionThrown") | .params.exceptionDetails | .exception.description // .text' "$TMP/events"
  jq -r 'select(.method == "Log.entryAdded") | .params.entry | select(.source == "security" or .source == "javascript" or .source == "violation") | .text' "$TMP/events"
}
