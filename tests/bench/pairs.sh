#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two builds beside each other: `make bench` of each in turn, B A A B B A …, and for every figure both medians, both spreads, and the
# ratio after/before pair by pair. A figure is worse only where it lies beyond the spread of before against itself.
#
#   tests/bench/pairs.sh BEFORE AFTER [PAIRS]     two built trees; ten pairs if not said. BENCH_* as for make bench
#
# Each run's table and JSON are kept in the directory that the last line names. Without peers, if BENCH_PEERS does not say otherwise.
set -euo pipefail
export LC_ALL=C.UTF-8

bench=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
before=$(cd "$1" && pwd)
after=$(cd "$2" && pwd)
pairs=${3:-10}
for build in "$before" "$after"; do
  [ -x "$build/counterfoil" ] || { echo "$build has no counterfoil: build it first" >&2; exit 2; }
done
kept=$(mktemp -d "${TMPDIR:-/tmp}/bench-pairs.XXXXXX")

run() { # run NAME BUILD PAIR: this script's benchmark of the programs there
  local sources
  sources=$(sed -n 's/^abs_top_srcdir = //p' "$2/Makefile")
  CF_SRCDIR=$sources CF_BUILDDIR=$2 CF_FCGI=$2/counterfoil.fcgi CF_CLI=$2/counterfoil BENCH_PEERS=${BENCH_PEERS:-none} BENCH_JSON=$kept/$1.$3.json \
    bash "$bench/run.sh" >"$kept/$1.$3.md" 2>"$kept/$1.$3.err" || { tail -n 5 "$kept/$1.$3.err" >&2; exit 1; }
  printf '# %s %s\n' "$1" "$3" >&2
}

for ((i = 1; i <= pairs; i++)); do
  if ((i % 2)); then
    run before "$before" "$i"
    run after "$after" "$i"
  else
    run after "$after" "$i"
    run before "$before" "$i"
  fi
done

jq -r -n -L "$bench" -f "$bench/pairs.jq" "$kept"/*.json
printf '# %s\n' "$kept" >&2
