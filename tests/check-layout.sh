#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The layout of C sources: as clang-format-14 makes them from .clang-format; nothing beyond column 100 but a string that cannot be
# cut; a comment on lines of its own within 80 columns. Prints what is not so and ends with 1. Tables (*.def) are set by hand: only their
# comments count.
#   check-layout.sh [TREE]     --fix: let the formatter mend what it can
set -euo pipefail
export LC_ALL=C.UTF-8

fix=no
[ "${1:-}" != --fix ] || { fix=yes; shift; }
cd "${1:-$(dirname "$0")/..}"
formatter=${CLANG_FORMAT:-clang-format-14}
command -v "$formatter" >/dev/null || { echo "$formatter is not installed: ./bootstrap --ci installs it" >&2; exit 2; }

mapfile -t code < <(find lib fcgi-app tests -type f \( -name '*.c' -o -name '*.h' \) | sort)
mapfile -t tables < <(find lib fcgi-app -type f -name '*.def' | sort)
[ "${#code[@]}" -gt 0 ] || { echo "no sources under $PWD" >&2; exit 2; }

[ "$fix" = no ] || "$formatter" -i "${code[@]}"

# A line behind the limit whose length is a string's stays: cut strings cannot be searched for.
faults=$(
  formatted=$("$formatter" --dry-run -Werror "${code[@]}" 2>&1) || printf '%s\n' "$formatted" "$formatter is not content"
  grep -nP '^.{101,}' "${code[@]}" | grep -vP ':\d+:.*"' || true
  grep -nP '^(?= */\*|(?:  )* \*).{81,}' "${code[@]}" "${tables[@]}" || true
)
if [ -n "$faults" ]; then
  printf '%s\n' "$faults"
  exit 1
fi
echo "${#code[@]} sources are laid out as .clang-format says"
