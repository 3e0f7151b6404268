# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Ledgers, tokens and real web servers for the end-to-end tests and the demo, from the configurations in conf/. To be sourced
# after lib.sh.
#
#   make_ledger [KEY=VALUE…]     $CONF, a new ledger in $DATA
#   add_token NAME ROLES         what http_as NAME sends
#   serve_start [COMMAND…]       `counterfoil serve` at $TMP/sock, its pid in $SERVE; COMMAND… goes before it
#   lighttpd_start [PROCESSES]   lighttpd that starts the application as FastCGI; sets URL, SITE and LIGHTTPD, its pid
#   lighttpd_front_start         lighttpd in front of `counterfoil serve`; the same
#   lighttpd_cgi_start           the same with plain CGI
#   apache_start                 Apache in front of `counterfoil serve`; sets URL, SITE and APACHE
#   apache_cgi_start             Apache with plain CGI (mod_cgid); the same

MOUNT=/audit
APACHE_MODULES=/usr/lib/apache2/modules

# ---- ledgers

make_ledger() {
  CONF=$TMP/counterfoil.conf
  {
    printf '%s\n' "data = $DATA" "origin = ${ORIGIN:-test.example.org/$NAME}" "www = $TMP/www" "base = $MOUNT" "listen = $TMP/sock" \
      "min_free = 1M" "segment_records = 1024" "verify_budget = ${PATIENCE}s"
    printf '%s\n' "$@" | sed -n 's/=/ = /p'
  } >"$CONF"
  # A later line of the same key takes the place of an earlier one.
  tac "$CONF" | awk '!seen[$1]++' | tac >"$CONF.new" && mv "$CONF.new" "$CONF"
  chmod 640 "$CONF"
  [ -z "$RUN_AS" ] || chown "$RUN_AS:" "$CONF"
  cli init --config "$CONF" >"$TMP/log/init" 2>&1 || die "init: $(cat "$TMP/log/init")"
}

keep_token() { # keep_token NAME TOKEN
  (umask 077 && printf 'Authorization: Bearer %s\n' "$2" >"$TMP/token.$1")
}

add_token() { # add_token NAME ROLES [OPTIONS…]
  local token
  token=$(cli token --config "$CONF" add "$1" "$2" "${@:3}" 2>>"$TMP/log/token" | grep -oE 'cf_[A-Za-z0-9_-]+' | head -n 1)
  [ -n "$token" ] || die "token add $1: $(tail -n 3 "$TMP/log/token")"
  keep_token "$1" "$token"
}

# cgi_get TOKEN PATH [QUERY]: ask, or $METHOD without a body, through a plain CGI, whose own process owns the ledger where nobody does; the answer is as http's. - is no token.
cgi_get() {
  local who=()
  [ "$1" = - ] || who=("HTTP_AUTHORIZATION=$(sed 's/^Authorization: //' "$TMP/token.$1")")
  as_user env -i GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 REQUEST_METHOD="${METHOD:-GET}" SCRIPT_NAME="$MOUNT" "PATH_INFO=$2" "QUERY_STRING=${3:-}" \
    ${who[@]+"${who[@]}"} "COUNTERFOIL_CONF=$CONF" "$FCGI" </dev/null >"$TMP/answer" 2>>"$TMP/log/cgi"
  STATUS=$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$TMP/answer")
  tr -d '\r' <"$TMP/answer" | sed '1,/^$/d' >"$TMP/body"
}

# ---- starting

free_port() { # sets PORT: nobody listens on it now; it is below the range of outgoing connections
  while :; do
    PORT=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
  done
}

listens() { # listens PID PORT: it is that process which has the port
  local inode
  for inode in $(awk -v port="$(printf ':%04X' "$2")" '$4 == "0A" && substr($2, 9) == port {print $10}' /proc/net/tcp); do
    if find "/proc/$1/fd" -lname "socket:\[$inode\]" 2>/dev/null | grep -q .; then return 0; fi
  done
  return 1
}

up() { # up PID PORT: it listens; false: it ended, most likely because somebody else took the port, or it takes too long
  local end=$((SECONDS + PATIENCE))
  while alive "$1" && [ "$SECONDS" -le "$end" ]; do
    listens "$1" "$2" && return 0
    sleep 0.02
  done
  return 1
}

ready() { # ready [PATH]: the application answers
  local end=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -le "$end" ]; do
    http "${1:-/readyz}"
    [ "$STATUS" != 200 ] || return 0
    sleep 0.05
  done
  return 1
}

# server_start NAME WRITE-CONFIGURATION COMMAND…: on a free port, or on FIXED_PORT
server_start() {
  local name=$1 write=$2 try
  shift 2
  for try in 1 2 3 4 5; do
    free_port
    PORT=${FIXED_PORT:-$PORT}
    "$write"
    spawn "$name" "$@"
    if up "$PID" "$PORT"; then
      SITE=http://127.0.0.1:$PORT
      URL=$SITE$MOUNT
      return 0
    fi
    stop "$PID"
    [ -z "${FIXED_PORT:-}" ] || break
  done
  die "$name does not start ($try times): $(tail -n 5 "$TMP/log/$name" "$TMP/log/$name".* 2>/dev/null)"
}

serve_start() {
  spawn serve "$@" "$CLI" serve --config "$CONF"
  SERVE=$PID
}

# ---- lighttpd

# conf_copy NAME SED…: the shipped configuration with this test's places
conf_copy() {
  sed -e "s|/usr/lib/counterfoil/|$TMP/bin/|g; s|/etc/counterfoil/counterfoil.conf|$CONF|g; s|/run/lighttpd/|$TMP/|g; s|/var/log/lighttpd/|$TMP/log/lighttpd.|g; s|/run/counterfoil/|$TMP/|g" \
    "${@:2}" "$CF_SRCDIR/conf/$1" >"$TMP/conf/$1"
}

write_lighttpd() { # of $LIGHTTPD_CONF
  cat >"$TMP/conf/lighttpd-main.conf" <<TXT
server.document-root = "$TMP/htdocs"
server.bind = "127.0.0.1"
server.port = $PORT
server.errorlog = "$TMP/log/lighttpd.error"
server.upload-dirs = ( "$TMP" )
server.modules = ( "mod_accesslog", "mod_setenv", "mod_extforward" )
extforward.forwarder = ( "127.0.0.1" => "trust" )
accesslog.filename = "$TMP/log/lighttpd.access"
mimetype.assign = ( ".html" => "text/html", "" => "application/octet-stream" )
setenv.add-environment = ( "COUNTERFOIL_CONF" => "$CONF" )
include "$TMP/conf/$LIGHTTPD_CONF"
TXT
}

lighttpd_run() {
  server_start lighttpd write_lighttpd lighttpd -D -f "$TMP/conf/lighttpd-main.conf"
  LIGHTTPD=$PID
  ready "${READY:-/readyz}" || die "the application behind lighttpd does not get ready: $STATUS $(head -c 300 "$TMP/body")"
}

lighttpd_front_start() {
  LIGHTTPD_CONF=lighttpd.conf
  conf_copy lighttpd.conf
  lighttpd_run
}

lighttpd_start() {
  LIGHTTPD_CONF=lighttpd-spawn.conf
  conf_copy lighttpd-spawn.conf -e "s|\"max-procs\" *=> 1|\"max-procs\" => ${1:-1}|"
  lighttpd_run
}

lighttpd_cgi_start() {
  LIGHTTPD_CONF=lighttpd-cgi.conf
  conf_copy lighttpd-cgi.conf
  lighttpd_run
}

# ---- Apache

# What Apache needs around $TMP/conf/$APACHE_CONF, whose modules are $@.
write_apache_main() {
  local module
  {
    printf '%s\n' "ServerName localhost" "ServerRoot $TMP" "Listen 127.0.0.1:$PORT" "PidFile $TMP/apache.pid" "DefaultRuntimeDir $TMP" \
      "Mutex pthread" "Timeout $PATIENCE" "DocumentRoot $TMP/htdocs" "ErrorLog $TMP/log/apache.error" \
      'LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined' "CustomLog $TMP/log/apache.access combined"
    for module in mpm_event authz_core authz_host alias reqtimeout "$@"; do
      printf 'LoadModule %s_module %s\n' "$module" "$APACHE_MODULES/mod_$module.so"
    done
    printf '%s\n' "<Directory />" "Require all denied" "</Directory>" "<Directory $TMP/htdocs>" "Require all granted" "</Directory>" \
      "Include $TMP/conf/$APACHE_CONF"
  } >"$TMP/conf/apache-main.conf"
}

write_apache() { write_apache_main proxy proxy_fcgi; }
write_apache_cgi() { write_apache_main cgid env; }

apache_run() { # apache_run WRITE-CONFIGURATION
  server_start apache "$1" apache2 -f "$TMP/conf/apache-main.conf" -DFOREGROUND
  APACHE=$PID
  ready "${READY:-/readyz}" || die "the application behind Apache does not get ready: $STATUS $(head -c 300 "$TMP/body")"
}

apache_start() {
  APACHE_CONF=apache.conf
  conf_copy apache.conf
  apache_run write_apache
}

apache_cgi_start() {
  APACHE_CONF=apache-cgi.conf
  cat >"$TMP/conf/apache-cgi.conf" <<TXT
ScriptSock $TMP/cgid.sock
ScriptAlias "$MOUNT" "$FCGI"
<Directory "$TMP/bin">
  Require local
  CGIPassAuth On
  SetEnv COUNTERFOIL_CONF "$CONF"
</Directory>
TXT
  apache_run write_apache_cgi
}
