#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nobody logs bytes of the stack: each struct cf_fault, and each struct that has one in it, is filled where it is declared.
set -u -o pipefail
cd "${CF_SRCDIR:-$(dirname "$0")/..}" || exit 2
mapfile -t files < <(find lib fcgi-app -name '*.[ch]' | sort)

# holders FILES…: the structs that have a fault, by the names of their types
holders() {
  awk '/^struct [a-z_]+ \{/ {name = $2} /^\}/ {name = ""} name != "" && /^ +struct cf_fault [a-z_]+;/ {print name}' "$@" | sort -u
}

# unfilled TYPES FILES…: where one of them is declared in a function, and nothing is put into it there
unfilled() {
  awk -v types="$1" '
    FNR == 1 {inside = 0}
    /^(static )?(const )?(struct|union|enum)[a-z_ ]* \{$/ {inside = 1}
    /^\}/ {inside = 0}
    !inside && $0 ~ "^ +struct (" types ") [a-z_]+(, [a-z_]+)*;" {print FILENAME ":" FNR ":" $0}' "${@:2}"
}

types=$({ echo cf_fault; holders "${files[@]}"; } | paste -sd'|')
found=$(unfilled "$types" "${files[@]}")
if [ -n "$found" ]; then
  printf '%s\n' "$found"
  echo "write them as \`struct … x = {0};\`, or fill them" >&2
  exit 1
fi
# The check itself has to find one.
made=$(mktemp) || exit 2
trap 'rm -f "$made"' EXIT
printf 'struct a {\n  struct cf_fault fault;\n};\nint f(void)\n{\n  struct cf_fault fault;\n}\nint g(void)\n{\n  struct a x, y;\n}\n' >"$made"
[ "$(unfilled "$({ echo cf_fault; holders "$made"; } | paste -sd'|')" "$made" | wc -l)" = 2 ] || { echo "it finds nothing" >&2; exit 1; }
echo "${#files[@]} sources fill their faults: $types"
