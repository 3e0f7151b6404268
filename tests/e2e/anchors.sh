#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checkpoints outside the ledger: files that take them, and an authority of `openssl ts` behind lighttpd that stamps them; what is
# wrong with its answers is found, and a ledger that is taken back in time is, by what stands in the file.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

begin anchors
as_user mkdir "$TMP/ca" "$TMP/tsa"

note "an authority"
cat >"$TMP/ca/conf" <<TXT
[req]
distinguished_name = dn
prompt = no
[dn]
CN = test
[ca]
basicConstraints = critical,CA:true
[good]
extendedKeyUsage = critical,timeStamping
[loose]
extendedKeyUsage = timeStamping
[tsa]
default_tsa = t
[t]
serial = $TMP/tsa/serial
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
signer_digest = sha256
ess_cert_id_alg = \$ENV::ESS
TXT
certificate() { # certificate NAME EXTENSIONS ISSUER
  openssl req -config "$TMP/ca/conf" -newkey rsa:2048 -nodes -keyout "$TMP/ca/$1.key" -out "$TMP/ca/$1.csr" -subj "/CN=$1" &&
    openssl x509 -req -in "$TMP/ca/$1.csr" -CA "$TMP/ca/$3.pem" -CAkey "$TMP/ca/$3.key" -CAcreateserial -days 9 \
      -extfile "$TMP/ca/conf" -extensions "$2" -out "$TMP/ca/$1.pem"
}
{
  for ca in ca other; do
    ESS=sha256 openssl req -config "$TMP/ca/conf" -x509 -newkey rsa:2048 -nodes -keyout "$TMP/ca/$ca.key" -out "$TMP/ca/$ca.pem" -subj "/CN=$ca" -days 9 -extensions ca
  done
  export ESS=sha256
  certificate good good ca
  certificate loose loose ca
  certificate strange good other
} >"$TMP/log/certificates" 2>&1 || die "$(cat "$TMP/log/certificates")"

# TSA/mode: good, loose, strange (its certificate), sha1 (ESSCertID), stale (the answer to another question), broken, refuse
cat >"$TMP/tsa/tsa.cgi" <<TXT
#!/bin/sh
cd $TMP/tsa || exit 1
mode=\$(cat mode) who=good ESS=sha256
case \$mode in loose | strange) who=\$mode ;; sha1) ESS=sha1 ;; esac
export ESS
cat >query
[ "\$mode" != stale ] || cp first query
[ -f first ] || cp query first
[ "\$mode" != refuse ] || printf nothing >query
openssl ts -reply -config ../ca/conf -section t -queryfile query -inkey ../ca/\$who.key -signer ../ca/\$who.pem -out answer >said 2>&1
[ "\$mode" != broken ] || printf x >>answer
printf 'Status: 200\r\nContent-Type: application/timestamp-reply\r\n\r\n'
cat answer
TXT
chmod 755 "$TMP/tsa/tsa.cgi"
echo good >"$TMP/tsa/mode"
[ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$TMP/ca" "$TMP/tsa"
write_tsa() {
  cat >"$TMP/conf/tsa.conf" <<TXT
server.document-root = "$TMP/tsa"
server.bind = "127.0.0.1"
server.port = $PORT
server.errorlog = "$TMP/log/tsa.error"
server.upload-dirs = ( "$TMP" )
server.modules = ( "mod_cgi" )
cgi.assign = ( ".cgi" => "" )
TXT
}
server_start tsa write_tsa lighttpd -D -f "$TMP/conf/tsa.conf"
TSA_PORT=$PORT

until_true() { # until_true COMMAND…: it becomes true
  local end=$((SECONDS + PATIENCE))
  until "$@"; do
    [ "$SECONDS" -le "$end" ] || return 1
    sleep 0.1
  done
}
event() { http_as w -H 'Content-Type: application/json' -d '{"action":"a"}' /v1/events; }
stamped() { http_as a /v1/timestamps/"$1"; [ "$STATUS" = 200 ]; }
logged() { grep -q "$1" "$TMP/log/serve"; }

make_ledger witness_interval=1s tsa_interval=1s "tsa=http://127.0.0.1:$TSA_PORT/tsa.cgi" "tsa_ca=$TMP/ca/ca.pem" "anchor=file:$TMP/tsa/list"
KEY=$(head -n 1 "$TMP/log/init")
add_token w writer
add_token a auditor
cp -a "$DATA" "$TMP/old"
cp -a "$DATA.signer" "$TMP/old.signer"
serve_start
lighttpd_front_start
check "it serves" ready
event
is "$STATUS" 201 "an event is taken"
check "a checkpoint is stamped" until_true stamped 1
jq -j .checkpoint "$TMP/body" >"$TMP/cp"
jq -r .timestamp "$TMP/body" | base64 -d >"$TMP/cp.tsr"
check "openssl says so" openssl ts -verify -data "$TMP/cp" -in "$TMP/cp.tsr" -CAfile "$TMP/ca/ca.pem"
check "of these bytes alone" eval '! { cat "$TMP/cp"; echo; } | openssl ts -verify -data /dev/stdin -in "$TMP/cp.tsr" -CAfile "$TMP/ca/ca.pem"'
http_as a '/v1/verify?mode=full'
is "$(json .ok) $(json .assurance)" "true anchored" "a verify says so"
http_as a '/v1/verify?mode=deep'
is "$(json .ok)" true "and a deep one is content"
http_as a /v1/timestamps/99999999
is "$STATUS" 404 "there is none of what is not there"
http_as w /v1/timestamps/0
is "$STATUS" 403 "a writer gets none"

note "in a bundle"
: "${CF_VERIFY:=$CF_BUILDDIR/counterfoil-verify}"
verify() { # verify NAME STATUS ARGUMENTS…: of $TMP/bundle, behind a manifest made anew
  (cd "$TMP/bundle" && find . -type f ! -name MANIFEST.sha256 -printf '%P\n' | sort | xargs sha256sum >MANIFEST.sha256)
  "$CF_VERIFY" --vkey "$KEY" "${@:3}" "$TMP/bundle" >"$TMP/out" 2>"$TMP/err"
  is "$?" "$2" "$1" || cat "$TMP/out" "$TMP/err"
}
http_as a /v1/evidence
mkdir "$TMP/bundle"
tar -xf "$TMP/body" -C "$TMP/bundle" 2>>"$TMP/log/tar"
TSR=$(find "$TMP/bundle" -name '*.tsr' | head -n 1)
check "a timestamp goes along" [ -n "$TSR" ]
cp "$TSR" "$TMP/good.tsr"
verify "it is of its checkpoint" 0
says 'timestamps are of its checkpoints, but who made them was not looked at: see --tsa-ca' "which is told"
verify "by who is trusted" 0 --tsa-ca "$TMP/ca/ca.pem"
verify "by somebody else" 1 --tsa-ca "$TMP/ca/other.pem"
verify "without certificates" 2 --tsa-ca "$TMP/none"
n=$(stat -c %s "$TSR")
head -c $((n - 40)) "$TMP/good.tsr" >"$TSR"
verify "a piece of one" 1
says 'it is no answer of RFC 3161' "is none"
{ head -c $((n - 1)) "$TMP/good.tsr" && tail -c 1 "$TMP/good.tsr" | tr '\000-\377' '\001-\377\000'; } >"$TSR"
verify "another signature is as good where nobody looks" 0
verify "and is none where somebody does" 1 --tsa-ca "$TMP/ca/ca.pem"
ESS=sha256 openssl ts -reply -config "$TMP/ca/conf" -section t -queryfile <(openssl ts -query -sha256 -cert -data "$CONF" 2>>"$TMP/log/openssl") \
  -inkey "$TMP/ca/good.key" -signer "$TMP/ca/good.pem" -out "$TSR" 2>>"$TMP/log/openssl"
verify "one of something else" 1
says 'it is of other data' "is told"
cp "$CONF" "${TSR%.tsr}.stamped"
verify "with what it is of" 1
says 'what it stamps is another note' "is told, too"

note "answers that are none"
for row in "loose not for time stamping" "strange does not lead to" "sha1 does not name its certificate" "stale of another question" "broken no answer of RFC 3161" "refuse the authority refuses"; do
  read -r how said <<<"$row"
  echo "$how" >"$TMP/tsa/mode"
  stop "$SERVE" # the next try is at once
  serve_start
  check "$how: it serves" ready
  http_as a '/v1/verify?mode=quick'
  before=$(json .stamped)
  event
  check "$how: it is said" until_true logged "no timestamp of .*$said"
  http_as a '/v1/verify?mode=quick'
  is "$(json .stamped)" "$before" "$how: it is not kept"
done

note "the list"
check "it has the head" until_true eval 'http /checkpoint; grep -qF "$(sed -n 3p "$TMP/body")" "$TMP/tsa/list"'
check "each is signed by the log" [ "$(grep -c '^— ' "$TMP/tsa/list")" -ge 2 ]
run_conf "checkpoint" 0 checkpoint
check "prints the head" cmp -s "$TMP/out" "$TMP/body"
touch "$TMP/mine"
[ -z "$RUN_AS" ] || chown "$RUN_AS:" "$TMP/mine"
run_conf "checkpoint --append" 0 checkpoint --append "$TMP/mine"
run_conf "again" 0 checkpoint --append "$TMP/mine"
check "has it once" cmp -s "$TMP/mine" <(cat "$TMP/body"; echo)
run_conf "into a directory" 2 checkpoint --append "$TMP"
stop "$SERVE"

note "data and signer of before"
rm -rf "$DATA" "$DATA.signer"
cp -a "$TMP/old" "$DATA"
cp -a "$TMP/old.signer" "$DATA.signer"
run_conf "are found out" 1 verify
complains "$TMP/tsa/list" "by the list"
sed -i '/^anchor = /d' "$CONF"
echo "tsa_ca =" >>"$CONF"
sed -i '/^tsa_ca = ./d' "$CONF"
run_conf "an authority without certificates" 2 verify
complains 'tsa_ca' "is refused"
finish
