# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Where the peers are that a machine has. To be sourced.

: "${BENCH_PEERS_BIN:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/counterfoil-bench}" # immudb, immudb-load, tessera-load

postgresql_bin() { find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -n 1; }
journal_remote() { find /lib/systemd/systemd-journal-remote /usr/lib/systemd/systemd-journal-remote -maxdepth 0 -print -quit 2>/dev/null; }
