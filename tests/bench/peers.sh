#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make bench` measures beside us, where it is not there yet: Debian's packages, and two programs in Go, built with the modules that
# peers/*/go.mod name. Nothing else of the project needs any of it. Servers that come with packages stay off; make bench starts its own.
#
#   peers.sh --install     packages as root, by ./bootstrap --peers; the programs into $BENCH_PEERS_BIN, where there is `go`
#   peers.sh --list        what is there
set -uo pipefail
bench=$(cd "$(dirname "$0")" && pwd)
. "$bench/peers/places.sh"

there() { # there NAME FILE
  if [ -n "$2" ] && [ -x "$2" ]; then echo "$1: $2"; else echo "$1: absent"; fi
}

list() {
  there PostgreSQL "$(postgresql_bin)/initdb"
  there SQLite "$(command -v sqlite3)"
  there systemd-journal-remote "$(journal_remote)"
  for program in immudb immudb-load tessera-load; do there "$program" "$BENCH_PEERS_BIN/$program"; done
}

packages_install() { # nobody is asked for a password on the way to a benchmark
  if [ "$(id -u)" = 0 ]; then bash "$bench/../../bootstrap" --peers; else echo "peers.sh: only root installs packages" >&2; fi
}

# build DIRECTORY PROGRAM PACKAGE: in a copy, since go writes what it depends on into go.mod. What fails is said in a line.
build() {
  local work status=0
  [ ! -x "$BENCH_PEERS_BIN/$2" ] || [ -n "$(find "$bench/peers/load.go" "$bench/peers/$1" -newer "$BENCH_PEERS_BIN/$2")" ] || return 0
  work=$(mktemp -d)
  cp "$bench/peers/load.go" "$bench/peers/$1"/* "$work/" && mkdir -p "$BENCH_PEERS_BIN" &&
    (cd "$work" && GOFLAGS=-mod=mod go build -o "$BENCH_PEERS_BIN/$2" "$3") 2>"$work/log" || status=$?
  cat "$work/log" >&2
  [ "$status" = 0 ] || echo "peers.sh: $2 cannot be built: $(tail -n 1 "$work/log")" >&2
  rm -rf "$work"
}

programs_build() {
  command -v go >/dev/null || { echo "peers.sh: no go in PATH: neither immudb nor Tessera" >&2; return 0; }
  build immudb immudb github.com/codenotary/immudb/cmd/immudb
  build immudb immudb-load .
  build tessera tessera-load .
}

case ${1:-} in
--install) packages_install >&2; programs_build >&2; list ;;
--list) list ;;
*) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
