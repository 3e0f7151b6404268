#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two builds beside each other: `make bench` of each in turn, B A A B B A …, and for every figure both medians, both spreads, and the
# ratio after/before pair by pair. A figure is worse only where it lies beyond the spread of before against itself.
#
#   tests/bench/pairs.sh BEFORE AFTER [PAIRS]     two built trees; ten pairs if not said. BENCH_* as for make bench
#
# Each run's tables are kept in the directory that the last line names.
set -euo pipefail
export LC_ALL=C.UTF-8

[ $# -ge 2 ] || { sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
before=$(cd "$1" && pwd)
after=$(cd "$2" && pwd)
pairs=${3:-10}
for build in "$before" "$after"; do
  [ -x "$build/counterfoil" ] || { echo "$build has no counterfoil: build it first" >&2; exit 2; }
done
kept=$(mktemp -d "${TMPDIR:-/tmp}/bench-pairs.XXXXXX")

run() { # run NAME BUILD PAIR
  make -s -C "$2" bench >"$kept/$1.$3" 2>"$kept/$1.$3.err" || { tail -n 5 "$kept/$1.$3.err" >&2; exit 1; }
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

# A line a figure: name, tab, number. A load's row has two figures: how many, and the application's CPU for each.
figures() {
  awk -F ' *[|] *' '
    /^\| (single|batches)/ {print $2 "\t" $3; split($7, cpu, " / "); sub(/, [a-z]+\/s$/, "", $2); print $2 ", CPU µs a request\t" cpu[1]; next}
    /^\| / && $3 ~ /^[0-9]/ {split($3, part, ";"); sub(/ .*/, "", part[1]); print $2 "\t" part[1]}
  ' "$1"
}

for file in "$kept"/before.* "$kept"/after.*; do
  case $file in *.err) continue ;; esac
  name=${file##*/}
  figures "$file" | sed "s/^/${name%.*}\t${name##*.}\t/"
done >"$kept/figures"

printf '| figure | before: median (spread) | after: median (spread) | after/before, pair by pair: median (spread) |\n|---|---|---|---|\n'
awk -F '\t' '
  function sorted(list, n,   i, j, x) {
    for (i = 2; i <= n; i++) {
      x = list[i]
      for (j = i - 1; j > 0 && list[j] > x; j--) list[j + 1] = list[j]
      list[j + 1] = x
    }
  }
  function told(list, n) {
    sorted(list, n)
    middle = n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    return sprintf("%.4g (%.4g … %.4g)", middle, list[1], list[n])
  }
  !($3 in seen) {seen[$3]; name[++names] = $3}
  {value[$1, $2, $3] = $4; if ($2 > pairs) pairs = $2}
  END {
    for (f = 1; f <= names; f++) {
      n = 0
      for (i = 1; i <= pairs; i++)
        if (("before", i, name[f]) in value && ("after", i, name[f]) in value) {
          b[++n] = value["before", i, name[f]] + 0
          a[n] = value["after", i, name[f]] + 0
          r[n] = b[n] > 0 ? a[n] / b[n] : 0
        }
      if (n > 0) printf "| %s | %s | %s | %s |\n", name[f], told(b, n), told(a, n), told(r, n)
    }
  }' "$kept/figures"
printf '# %s\n' "$kept" >&2
