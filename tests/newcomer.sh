#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A new user's way: README from top to bottom, word by word, on a fresh Debian 12 that systemd boots (debootstrap, systemd-nspawn). The
# commands are README's indented blocks, read out of it in its order and typed into one shell by root, who takes a second for each. Each
# must end well, and `wanted` has what is known of some answers. What follows a log stays, and is ended by SIGTERM behind the last one.
# SAFE and BACKUP are directories that are there; curl also says each answer's status (~/.curlrc).
#
# The machine has a network of its own, which is its loopback: port 80 is free in it, nobody outside sees it, and it reaches nobody. What
# ./bootstrap names was fetched before, and is for its apt-get a repository of files. Nothing is mounted outside of the machine's own
# namespaces, so nothing stays mounted.
#
#   CF_NEWCOMER_CACHE=DIR   keeps the fresh system and the packages there for the next run
#   CF_NEWCOMER_SKIP=WORDS  leaves out README's commands with these words, and says so
#   MIRROR=URL              another mirror of Debian than debootstrap's own
. "$(dirname "$0")/e2e/lib.sh"

skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "only root can make a machine of its own"
for tool in debootstrap systemd-nspawn nsenter; do command -v "$tool" >/dev/null || skip "no $tool: ./bootstrap --dev installs it"; done

# What is known of an answer: words of the command;name;what the answer matches. Each must be met.
wanted='make demo;the demo passes;[1-9][0-9]* passed, 0 failed
counterfoil init;a ledger;audit\.example\.org/main\+[0-9a-f]{8}\+
/v1/events -d;an event is taken;"seq":[0-9]+.*HTTP 201
events\?user=;it is found;"user":"carol".*HTTP 200
verify\?mode=full;the ledger holds;"ok":true.*HTTP 200
/checkpoint;a checkpoint, without a token;audit\.example\.org/main.*HTTP 200
counterfoil query;the command finds it too;carol
counterfoil verify;and finds it whole;ok: audit\.example\.org/main
counterfoil-verify --vkey;evidence holds without it;^ok
import --source [a-z]+ /;a log is imported;[1-9][0-9]* lines: [1-9][0-9]* new, 0 already there
--follow;and followed;[0-9]+ lines: [0-9]+ new'

# ---- a machine

CACHE=${CF_NEWCOMER_CACHE:-}
ROOT=
LEADER=

# What bootstrap installs, as it names it.
packages() { (eval "$(sed -n '/^build_packages=(/,/)$/p; /^test_packages=(/,/)$/p' "$CF_SRCDIR/bootstrap")" && echo "${build_packages[@]}" "${test_packages[@]}"); }

quiet() { "$@" >>"$TMP/log/setup" 2>&1 || die "$*: $(tail -n 5 "$TMP/log/setup")"; }

make_base() { # into $TMP/base.tar: Debian, and in /srv/packages a repository of what bootstrap needs
  local words
  words=$(packages)
  [ -n "$words" ] || die "bootstrap names no packages"
  quiet debootstrap bookworm "$ROOT" ${MIRROR:+"$MIRROR"}
  quiet systemd-nspawn --register=no --keep-unit --quiet --pipe -D "$ROOT" sh -ec "apt-get update
    apt-get install -y --download-only --no-install-recommends $words
    mkdir /srv/packages; mv /var/cache/apt/archives/*.deb /srv/packages/
    cd /srv/packages
    for deb in *.deb; do
      dpkg-deb -f \"\$deb\"
      printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \"\$deb\" \"\$(stat -c %s \"\$deb\")\" \"\$(sha256sum <\"\$deb\" | cut -d ' ' -f 1)\"
    done >Packages
    rm -rf /var/lib/apt/lists/*
    echo 'deb [trusted=yes] file:/srv/packages ./' >/etc/apt/sources.list"
  echo "$words" >"$ROOT/srv/packages/names"
  quiet tar -C "$ROOT" --numeric-owner -cf "$TMP/base.tar" .
}

take_base() { # a fresh system in $ROOT
  local kept=${CACHE:+$CACHE/bookworm.tar}
  mkdir "$ROOT"
  if [ -n "$kept" ] && [ "$(tar -xOf "$kept" ./srv/packages/names 2>/dev/null)" = "$(packages)" ]; then
    quiet tar -C "$ROOT" --numeric-owner -xpf "$kept"
    return
  fi
  make_base
  [ -z "$kept" ] || { mkdir -p "$CACHE" && mv "$TMP/base.tar" "$kept.new" && mv "$kept.new" "$kept"; } || die "cannot keep the fresh system in $CACHE"
  rm -f "$TMP/base.tar"
}

boot() {
  local end=$((SECONDS + PATIENCE)) state=
  systemd-nspawn --register=no --keep-unit --quiet --private-network --link-journal=no --console=pipe -D "$ROOT" --boot >"$TMP/log/boot" 2>&1 </dev/null &
  PIDS+=("$!")
  while [ "$SECONDS" -le "$end" ] && alive "${PIDS[-1]}"; do
    LEADER=$(cat "/proc/${PIDS[-1]}/task/${PIDS[-1]}/children" 2>/dev/null)
    LEADER=${LEADER%% *}
    [ -z "$LEADER" ] || state=$(inside systemctl is-system-running 2>/dev/null)
    [[ $state != @(running|degraded) ]] || return 0
    sleep 0.2
  done
  die "the machine does not start: ${state:-no state}: $(tail -n 5 "$TMP/log/boot")"
}

inside() { nsenter -t "$LEADER" -a env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# ---- README

# The indented blocks, one command a file: lines up to where bash takes them for whole.
read_commands() {
  local line text='' n=0
  while IFS= read -r line; do
    text+=$line$'\n'
    [[ $line != *\\ ]] && bash -n <<<"$text" 2>/dev/null || continue
    [ -z "${text//[[:space:]]/}" ] || { n=$((n + 1)); printf '%s' "$text" >"$ROOT/root/commands/$n"; }
    text=''
  done < <(awk '/^```/ {fence = !fence} fence {next} /^    / && (blank || on) {on = 1; print substr($0, 5); next} {on = 0; blank = /^$/}' "$CF_SRCDIR/README.md")
  [ -z "$text" ] || die "README: a command without an end: $text"
  COMMANDS=$n
}

# The shell that they are typed into: it reads numbers, and answers each with the command's status. What it says is in said/NUMBER.
write_shell() {
  cat >"$ROOT/root/shell" <<'TXT'
exec 3>&1
cd /root
while read -r n; do
  sleep 1
  command=$(cat "/root/commands/$n")
  for own in SAFE BACKUP; do case $command in *"$own/"*) mkdir "$own" ;; esac; done
  case $command in
    *--follow*) (eval "exec $command") >"/root/said/$n" 2>&1 </dev/null & ;;
    *) eval "$command" >"/root/said/$n" 2>&1 </dev/null ;;
  esac
  echo "$?" >&3
done
sleep 2
kill -TERM $!
wait $!
echo "$?" >&3
TXT
}

meets() { # meets COMMAND SAID: what is known of its answer
  local words name answer
  while IFS=';' read -r words name answer; do
    [[ $1 =~ $words ]] || continue
    like "$(tr '\n' ' ' <"$2")" "$answer" "$name"
    met+="$words"$'\n'
  done <<<"$wanted"
}

type_commands() {
  local n text status
  for ((n = 1; n <= COMMANDS; n++)); do
    text=$(cat "$ROOT/root/commands/$n")
    [ -z "${CF_NEWCOMER_SKIP:-}" ] || [[ $text != *"$CF_NEWCOMER_SKIP"* ]] || { note "not run: $text"; continue; }
    echo "$n" >&"${TYPED[1]}"
    IFS= read -r status <&"${TYPED[0]}" || status=gone
    [ "$status" = 0 ] || inside journalctl -q -n 50 >"$TMP/log/journal"
    [ "$status" = 0 ] || die "README: $text"$'\n'"status $status: $(tail -n 20 "$ROOT/root/said/$n")"
    pass "\$ ${text%%$'\n'*}"
    [[ $text = *--follow* ]] && { FOLLOW=$n; continue; }
    meets "$text" "$ROOT/root/said/$n"
    [[ $text != *'make demo'* ]] || after_demo "$ROOT/root/said/$n"
  done
}

# ---- what README says in between

after_demo() { # after_demo SAID
  is "$(inside systemctl is-enabled lighttpd) $(inside systemctl is-active lighttpd)" "disabled inactive" "a web server that was installed for the tests serves nobody"
  check "what held services back is gone" [ ! -e "$ROOT/usr/sbin/policy-rc.d" ]
  is "$(grep -oE '/tmp/[^ ]*|http://[0-9][^ ]*|cf_[a-z0-9]{10}_' "$1")" "" "the demo names nothing that is gone"
}

status_of() { inside curl -sS -o /dev/null -w '%{http_code}' "$1"; }

after_all() {
  is "$(inside systemctl is-enabled counterfoil lighttpd | paste -sd ' ')" "enabled enabled" "both start at the next boot"
  is "$(status_of http://localhost/audit/ | head -n 1)" 200 "the page"
  is "$(inside ip address add 192.0.2.7/32 dev lo; status_of http://192.0.2.7/audit/healthz | head -n 1)" 404 "nobody comes in from another network"
  like "$(inside journalctl -q -u counterfoil)" "owner of /var/lib/counterfoil" "what the service has to say is in the journal"
  check "the signer's directory is backed up" cmp "$ROOT/root/counterfoil-$VERSION/SAFE/counterfoil.signer/key" "$ROOT/var/lib/counterfoil.signer/key"
  check "so is the ledger" [ -d "$ROOT/root/counterfoil-$VERSION/BACKUP/counterfoil/segments" ]
  quiet inside sh -ec "cd /root/counterfoil-$VERSION; apt-get remove -qy zstd; ./bootstrap; command -v zstd"
  is "$(inside systemctl is-enabled lighttpd) $(inside systemctl is-active lighttpd)" "enabled active" "bootstrap leaves a web server alone that was there"
}

end_shell() { # a follower that is asked to end does so well
  local status
  exec {TYPED[1]}>&-
  IFS= read -r status <&"${TYPED[0]}"
  is "$status" 0 "what follows a log ends when it is asked to"
  meets "$(cat "$ROOT/root/commands/$FOLLOW")" "$ROOT/root/said/$FOLLOW"
}

begin newcomer
ROOT=$TMP/root
met=
FOLLOW=
take_base
note "a fresh Debian $(cat "$ROOT/etc/debian_version")"
VERSION=$(sed -n 's/^AC_INIT(\[counterfoil\], \[\(.*\)\])$/\1/p' "$CF_SRCDIR/configure.ac")
mkdir "$ROOT/root/commands" "$ROOT/root/said"
printf '%s\n' silent show-error 'write-out = "\nHTTP %{http_code}\n"' >"$ROOT/root/.curlrc"
quiet own_make -C "$CF_BUILDDIR" distdir distdir="$TMP/counterfoil-$VERSION"
quiet tar -C "$TMP" -czf "$ROOT/root/counterfoil-$VERSION.tar.gz" "counterfoil-$VERSION"
read_commands
write_shell
boot
coproc TYPED { inside bash /root/shell 2>/dev/null; }
type_commands
end_shell
after_all
is "$(while IFS=';' read -r words name _; do [[ $met = *"$words"$'\n'* ]] || echo "$name"; done <<<"$wanted")" "" "README has a command for each of these"
finish
