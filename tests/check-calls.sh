#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Holds the direction of calls, as nm reads it from the objects of a build; prints a line a violation and ends with 1 when there
# is one, with 2 when it could not look.
#   check-calls.sh [TREE [BUILD]]    BUILD is where TREE was built: itself, or for this tree $CF_BUILDDIR
# 1. A file uses symbols only of folders that house.sh lets its folder use.
# 2. The files of a folder do not use each other in a circle, also not where they are parts of one noun; but for the circles below.
# 3. Every source of lib and fcgi-app has an object that is newer. An object without a source, as a move leaves it, does not count.
# What it cannot see: macros, types, inline functions of headers (check-includes.sh sees who includes them), calls through a
# pointer. Weak symbols and those of the implementation (__*) do not count.
set -euo pipefail

# Circles that may stay: 'FOLDER: FILE FILE... -- REASON', as the check prints them. One that is no circle any more is a fault.
circles=(
)

# shellcheck source=tests/house.sh
. "$(dirname "$0")/house.sh"
tree=$(cd "${1:-$(dirname "$0")/..}" && pwd)
if [ $# -gt 0 ]; then build=${2:-$tree}; else build=${CF_BUILDDIR:-$tree}; fi
build=$(cd "$build" && pwd)

mapfile -t sources < <(cd "$tree" && find lib fcgi-app -type f -name '*.c' 2>/dev/null | LC_ALL=C sort)
[ "${#sources[@]}" -gt 0 ] || { echo "no sources under $tree" >&2; exit 2; }

# The newest object of a source, named from the root of the build: file.o, or ARCHIVE-file.o where its archive has flags of its own.
find_object() {
  local folder=${1%/*} name=${1##*/} candidate
  name=${name%.c}.o
  object=
  for candidate in "$folder/$name" "$folder"/*-"$name"; do
    [ -f "$candidate" ] || continue
    if [ -z "$object" ] || [ "$candidate" -nt "$object" ]; then object=$candidate; fi
  done
}

cd "$build"
objects=()
pairs=()
unseen=()
for source in "${sources[@]}"; do
  find_object "$source"
  if [ -z "$object" ]; then
    unseen+=("$source: has no object")
  elif [ "$tree/$source" -nt "$object" ]; then
    unseen+=("$source: is newer than $object")
  else
    objects+=("$object")
    pairs+=("object $object $source")
  fi
done
[ "${#objects[@]}" -gt 0 ] || { echo "no object under $build is newer than its source in $tree: run make first" >&2; exit 2; }
symbols=$("${NM:-nm}" -A -P -g "${objects[@]}") || { echo "cannot read the objects under $build" >&2; exit 2; }

allowed=$(printf '%s\n' "${circles[@]}")
export allowed
status=0
found=$(printf '%s\n' "${pairs[@]}" "$symbols" | awk "$house_awk"'
  function bad(what) { print what; faults = 1 }
  function base(path) { sub(/.*\//, "", path); return path }
  function reach_from(start, at,   i) {
    for (i = 1; i <= below_n[at]; i++)
      if (!((start, below[at, i]) in reach)) {
        reach[start, below[at, i]] = 1
        reach_from(start, below[at, i])
      }
  }
  # The circle of file number i, which is its first: the files that it reaches and that reach it.
  function circle_of(i,   j, k, names, members, n) {
    for (j = i; j <= files_n; j++)
      if ((file[i], file[j]) in reach && (file[j], file[i]) in reach) {
        members[++n] = file[j]
        names = names " " base(file[j])
        taken[file[j]] = 1
      }
    names = house_of(file[i]) ":" names
    if (names in reason) { met[names] = 1; return }
    bad(names ": use each other in a circle")
    for (j = 1; j <= n; j++)
      for (k = 1; k <= n; k++)
        if ((members[j], members[k]) in used)
          bad("  " base(members[j]) " uses" used[members[j], members[k]] " of " base(members[k]))
  }
  BEGIN {
    house_read()
    rows_n = split(ENVIRON["allowed"], rows, "\n")
    for (i = 1; i <= rows_n; i++) {
      if (rows[i] == "") continue
      name = rows[i]
      if (!sub(/ -- [^ ].*/, "", name)) bad("the allowed circle \"" name "\" has no reason")
      reason[name] = 1
      allowed[++allowed_n] = name
    }
  }
  $1 == "object" { of[$2 ":"] = $3; file[++files_n] = $3; next }
  !($1 in of) || $2 ~ /^__/ { next }
  $3 ~ /^[TDBRSGCiu]$/ { owner[$2] = owner[$2] " " of[$1]; defines[of[$1]] = 1 }
  $3 == "U" { user[++uses_n] = of[$1]; symbol[uses_n] = $2 }
  END {
    if (faults == 2) exit faults
    for (i = 1; i <= uses_n; i++) {
      n = split(owner[symbol[i]], owners, " ")
      for (j = 1; j <= n; j++) used[user[i], owners[j]] = used[user[i], owners[j]] " " symbol[i]
    }
    for (i = 1; i <= files_n; i++) {
      here = house_of(file[i])
      if (here == "") bad(file[i] ": is in no folder of the house")
      if (!(file[i] in defines)) bad(file[i] ": its object defines nothing: nm cannot read it")
      for (j = 1; j <= files_n; j++) {
        if (!((file[i], file[j]) in used)) continue
        edges++
        there = house_of(file[j])
        if (here == there) below[file[i], ++below_n[file[i]]] = file[j]
        else if (here != "" && there != "" && !((here, there) in house_may))
          bad(file[i] ": " here " may not use " there ": uses" used[file[i], file[j]] " of " file[j])
      }
    }
    for (i = 1; i <= files_n; i++) reach_from(file[i], file[i])
    for (i = 1; i <= files_n; i++)
      if ((file[i], file[i]) in reach && !(file[i] in taken)) circle_of(i)
    for (i = 1; i <= allowed_n; i++)
      if (!(allowed[i] in met)) bad("the allowed circle \"" allowed[i] "\" is none: strike it out")
    if (!faults) printf "%d objects use each other in %d pairs, all downwards; circles allowed: %d\n", files_n, edges, allowed_n
    exit faults
  }
') || status=$?
# An awk that failed has not looked, whatever it printed.
case $status:${found:+lines} in
  [01]:lines) ;;
  *) echo "cannot read the symbols under $build (awk: $status)" >&2; exit 2 ;;
esac
if [ "${#unseen[@]}" -gt 0 ]; then
  [ "$status" = 1 ] || found=
  found=$(printf '%s\n' "$found" "${unseen[@]/%/: it was not looked at}" | sed '/^$/d')
  status=1
fi
printf '%s\n' "$found"
exit "$status"
