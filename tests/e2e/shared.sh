#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shared hosting: all that one may set is .htaccess. Apache with AllowOverride runs the program out of a directory of the site, as its own
# user, with www and .htcounterfoil.conf beside it. And what `init` says where a web server would send the ledger.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin shared
MINE=$TMP/public_html/audit

write_apache_shared() { write_apache_main cgid; }

# A directory of the site is all that is there: a .htaccess that is wrong makes everything in it 500.
make_site() {
  mkdir -p "$MINE"
  cp -r "$FCGI" "$TMP/www" "$MINE/"
  sed '/^www/d; /^base/d; /^listen/d' "$CONF" >"$MINE/.htcounterfoil.conf"
  cp "$CF_SRCDIR/conf/htaccess" "$MINE/.htaccess"
  chmod 600 "$MINE/.htcounterfoil.conf"
  [ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$TMP/public_html"
  printf '%s\n' "ScriptSock $TMP/cgid.sock" "DocumentRoot $TMP/public_html" "<Directory $TMP/public_html>" "AllowOverride All" "Require all granted" "</Directory>" \
    '<Files ".ht*">' "Require all denied" "</Files>" >"$TMP/conf/apache-shared.conf"
}

# ---- the way of conf/htaccess

make_ledger idle_exit=0
add_token app writer,reader
make_site
MOUNT=/audit/counterfoil.fcgi
APACHE_CONF=apache-shared.conf
apache_run write_apache_shared
http_as app --data-binary '{"action":"open","id":"one"}' /v1/events
answers "an event" 201
http_as app '/v1/events?id=one'
is "$STATUS $(json '.events | length')" "200 1" "it is found"
http -H 'Accept: text/html' /
is "$STATUS $(grep -c '<form' "$TMP/body" | sed 's/[1-9][0-9]*/forms/')" "200 forms" "the page's files are found beside the program"
http /assets/style.css
is "$STATUS $(cmp "$TMP/body" "$CF_SRCDIR/www/style.css" && echo same)" "200 same" "and they are those"
http /v1/whoami
answers "no token" 401 no-token
for file in .htcounterfoil.conf .htaccess; do
  is "$(curl -q -sS --noproxy '*' -o /dev/null -w '%{http_code}' "$SITE/audit/$file")" 403 "$file is sent to nobody"
done

# ---- without CGIPassAuth

sed -i '/^CGIPassAuth/d' "$MINE/.htaccess"
http_as app /v1/whoami
answers "Apache keeps the token back" 401 no-token
like "$(json .detail)" 'CGIPassAuth On' "and the answer says what it takes"
http_as - -H "X-Counterfoil-Token: $(sed 's/.*Bearer //' "$TMP/token.app")" /v1/whoami
answers "a token by another header comes through" 200
http -H 'X-Counterfoil-Token: cf_abcdefghij_wrong' /v1/whoami
is "$STATUS $(json .detail | grep -c CGIPassAuth)" "401 0" "no such hint to a token that came and is wrong"
stop "$APACHE"

# ---- what init says

warned() { # warned NAME CONFIGURATION DATA SIGNER WORDS…: of what it warns
  local name=$1 conf=$TMP/$2
  as_user mkdir -p "$(dirname "$conf")" "$(dirname "$TMP/$3")" "$(dirname "$TMP/$4")"
  printf '%s\n' "data = $TMP/$3" "signer = $TMP/$4" "origin = test.example.org/x" "min_free = 1M" >"$conf"
  chmod 600 "$conf"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$conf"
  run "init: $name" 0 init --config "$conf"
  is "$(sed -n 's/^Warning: the \(.*\) is in .*/\1/p' "$TMP/err" | paste -sd ,)" "${5:-}" "init warns of it: ${5:-nothing}"
}

warned "all is outside" a/home/x.conf a/home/data a/home/signer
warned "all is in the site" b/public_html/x.conf b/public_html/data b/public_html/deep/signer "ledger,signing key,configuration"
complains "the configuration is in $TMP/b/public_html, .* call it .htcounterfoil.conf" "init says what to do"
warned "a configuration that Apache keeps back" b/public_html/.htcounterfoil.conf b/data b/signer
mkdir -p "$TMP/c/site" "$TMP/d/bin"
touch "$TMP/c/site/.htaccess" "$TMP/d/bin/counterfoil.fcgi"
chmod 777 "$TMP/c" "$TMP/c/site" "$TMP/d" "$TMP/d/bin"
warned "below an .htaccess" c/x.conf c/site/under/data c/signer ledger
warned "beside the program" d/bin/counterfoil.conf d/data d/signer configuration
finish
