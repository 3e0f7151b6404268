#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Holds the source tree's rules; prints a line a violation and ends with 1 when there is one, with 2 when it could not look.
#   check-includes.sh [TREE]
# 1. #include goes only where house.sh lets the folder go; own files are named from the root.
# 2. A header NOUN_in.h is private to its folder, and to the tests in a directory of the folder's name, such as tests/unit/query/ for
#    lib/query (a test of another folder that knows it would break with what it does not test), and to fuzz targets and benches,
#    each of which enters one piece, wherever that is.
# 3. A third-party header has one owner.
# 4. Every .c of the house begins with config.h.
# 5. Every source names its licence.
set -euo pipefail

# shellcheck source=tests/house.sh
. "$(dirname "$0")/house.sh"
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

status=0
includes=$(awk "$house_awk"'
  function bad(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; faults = 1 }
  # The rule for one third-party header: the space-separated files or folders that may include it.
  function owners(header) {
    if (header ~ /^(fcgiapp|fcgi_stdio|fcgi_config|fcgios|fcgimisc|fastcgi)\.h$/) return "fcgi-app/door/fcgi_seat_in.h tests/bench/empty.c"
    if (header ~ /^json-c\// || header == "json.h") return "lib/record/json.c"
    if (header ~ /^openssl\//) return "lib/base/crypto.c lib/proof/stamp.c"
    if (header ~ /^db(_185)?\.h$/) return "lib/segment/bdb_in.h tests/unit/segment/old_file.c"
    if (header ~ /^(zstd|zstd_errors|zdict)\.h$/) return "lib/base/pack.c lib/input/packing.c"
    if (header ~ /^(zlib|zconf)\.h$/) return "fcgi-app/http/body.c fcgi-app/http/gzip.c lib/input/packing.c"
    if (header ~ /^(lzma|bzlib)\.h$/ || header ~ /^lzma\//) return "lib/input/packing.c"
    if (header ~ /^curl\//) return "lib/witness/fetch.c"
    if (header ~ /^p11-kit\//) return "lib/proof/token_key.c"
    if (header == "check.h") return "tests/"
    return ""
  }
  function owned(list,   n, owner, i) {
    n = split(list, owner, " ")
    for (i = 1; i <= n; i++)
      if (FILENAME == owner[i] || (owner[i] ~ /\/$/ && index(FILENAME, owner[i]) == 1)) return 1
    return 0
  }
  # May this file include the private header of the folder home?
  function inside(home) {
    if (house_of(FILENAME) == home) return 1
    sub(/.*\//, "", home)
    return FILENAME ~ /^tests\// && (index(FILENAME, "/" home "/") > 0 || FILENAME ~ /^tests\/(fuzz|bench)\//)
  }
  function own_header(header,   here, there) {
    here = house_of(FILENAME)
    there = house_of(header)
    if (there == "") bad(header " is in no folder of the house")
    else if (here != "" && !((here, there) in house_may)) bad(here " may not use " there ": " header)
    else if (header ~ /_in\.h$/ && !inside(there)) bad("only " there " and its tests may include " header)
  }
  BEGIN { house_read() }
  FNR == 1 {
    first = ""
    if (house_of(FILENAME) == "") bad("is in no folder of the house")
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
    } else if (text ~ /^(lib|fcgi-app|tests)\//) own_header(text)
    else if (open == "\"" && text !~ /^(config|paths)\.h$/) bad("\"" text "\" is not named from the root of the tree")
  }
  END { exit faults }
' "${code[@]}") || status=$?
# An awk that failed has not looked, whatever it printed.
case $status:${includes:+faults} in
  0: | 1:faults) ;;
  *) echo "cannot read the includes of $tree (awk: $status)" >&2; exit 2 ;;
esac

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
