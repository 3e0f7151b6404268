#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Holds the source tree's rules; prints a line a violation and ends with 1 when there is one.
#   check-includes.sh [TREE]
# 1. #include goes only downwards: fcgi-app, query, store, proof, record, base; own files are named from the root.
# 2. A third-party header has one owner.
# 3. Every .c of the layers begins with config.h.
# 4. Every source names its licence.
set -euo pipefail

tree=${1:-$(dirname "$0")/..}
cd "$tree"

sources() { # the files of the given name patterns, builds and version control left out
  local first=1 args=()
  for pattern in "$@"; do
    [ "$first" = 1 ] || args+=(-o)
    args+=(-name "$pattern")
    first=0
  done
  find lib fcgi-app tests www conf -type f \( "${args[@]}" \) 2>/dev/null | LC_ALL=C sort || true
}

mapfile -t code < <(sources '*.c' '*.h' '*.def')
[ "${#code[@]}" -gt 0 ] || { echo "no sources under $tree" >&2; exit 2; }

includes=$(awk '
  function bad(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; faults = 1 }
  function rank(path,   part) {
    split(path, part, "/")
    if (part[1] == "lib") return (part[2] in level) ? level[part[2]] : 0
    if (part[1] == "fcgi-app") return level["app"]
    return (part[1] == "tests") ? level["tests"] : 0
  }
  # The rule for one third-party header: the space-separated files or folders that may include it.
  function owners(header) {
    if (header ~ /^(fcgiapp|fcgi_stdio|fcgi_config|fcgios|fcgimisc|fastcgi)\.h$/) return "fcgi-app/door/fcgi.c tests/bench/empty.c"
    if (header ~ /^json-c\// || header == "json.h") return "lib/record/json.c"
    if (header ~ /^openssl\//) return "lib/base/crypto.c"
    if (header ~ /^db(_185)?\.h$/) return "lib/segment/bdb.c lib/segment/bdb.h"
    if (header ~ /^(zstd|zstd_errors|zdict)\.h$/) return "lib/base/pack.c"
    if (header ~ /^(zlib|zconf)\.h$/) return "fcgi-app/http/body.c"
    if (header == "check.h") return "tests/"
    return ""
  }
  function owned(list,   n, owner, i) {
    n = split(list, owner, " ")
    for (i = 1; i <= n; i++)
      if (FILENAME == owner[i] || (owner[i] ~ /\/$/ && index(FILENAME, owner[i]) == 1)) return 1
    return 0
  }
  BEGIN {
    n = split("base record index proof input segment ledger query evidence output app tests", name, " ")
    for (i = 1; i <= n; i++) level[name[i]] = i
  }
  FNR == 1 {
    first = ""
    if (rank(FILENAME) == 0) bad("is in no layer")
  }
  /^[ \t]*#[ \t]*include/ {
    text = $0
    sub(/^[ \t]*#[ \t]*include(_next)?[ \t]*/, "", text)
    open = substr(text, 1, 1)
    text = substr(text, 2)
    if (open != "\"" && open != "<") { bad("#include of a macro"); next }
    sub(/[">].*/, "", text)
    if (first == "") {
      first = text
      if (FILENAME ~ /\.c$/ && FILENAME !~ /^tests\// && text != "config.h") bad("config.h must be included first")
    }
    list = owners(text)
    if (list != "") {
      if (!owned(list)) bad("only " list " may include " text)
    } else if (rank(text) > 0) {
      if (rank(text) > rank(FILENAME)) bad("must not include the higher layer of " text)
    } else if (open == "\"" && text != "config.h") bad("\"" text "\" is not named from the root of the tree")
  }
  END { exit faults }
' "${code[@]}") || true

licences=$(
  for file in "${code[@]}"; do
    head -n 1 "$file" | grep -qxF '/* SPDX-License-Identifier: MIT */' || echo "$file:1: no licence line"
  done
  while IFS= read -r file; do
    head -n 3 "$file" | grep -qF 'SPDX-License-Identifier: MIT' || echo "$file:1: no licence line"
  done < <(sources '*.sh' '*.awk' '*.js' '*.css')
  for file in bootstrap configure.ac Makefile.am .ci/run; do
    [ ! -f "$file" ] || head -n 3 "$file" | grep -qF 'SPDX-License-Identifier: MIT' || echo "$file:1: no licence line"
  done
)

if [ -n "$includes$licences" ]; then
  printf '%s\n' "$includes" "$licences" | sed '/^$/d'
  exit 1
fi
echo "${#code[@]} sources keep the rules"
