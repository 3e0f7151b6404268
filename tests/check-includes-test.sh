#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-includes.sh must pass a good tree and name each planted violation.
set -euo pipefail

check=$(cd "$(dirname "$0")" && pwd)/check-includes.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
spdx='/* SPDX-License-Identifier: MIT */'
failed=0

good_tree() {
  cd "$tmp"
  rm -rf "$tmp/tree"
  mkdir -p "$tmp/tree"/{lib/{base,record,index,proof,input,segment,ledger,query,evidence,output},tests/{fuzz,unit/query}} \
    "$tmp/tree"/fcgi-app/{http,who,page,routes,door,command}
  cd "$tmp/tree"
  printf '%s\n' "$spdx" '#include <stdint.h>' >lib/base/buf.h
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/base/buf.h"' '#include <openssl/evp.h>' >lib/base/crypto.c
  printf '%s\n' "$spdx" '#include "config.h"' '#include <json-c/json.h>' '#include "lib/base/buf.h"' >lib/record/json.c
  printf '%s\n' "$spdx" '#include <db.h>' >lib/segment/bdb_in.h
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/proof/tree.h"' '#include "lib/index/bits.h"' >lib/ledger/ledger.c
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/query/walk_in.h"' '#include "lib/segment/bdb.h"' >lib/query/walk.c
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/segment/bdb.h"' '#include "lib/base/buf.h"' >fcgi-app/door/fcgi.c
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/input/lines.h"' '#include "fcgi-app/door/fcgi.h"' >fcgi-app/command/cli.c
  printf '%s\n' "$spdx" '#include <check.h>' '#include "fcgi-app/http/http.h"' >tests/unit/test_http.c
  printf '%s\n' "$spdx" '#include "lib/query/walk_in.h"' '#include "tests/unit/cf_test.h"' >tests/unit/query/test_walk.c
  printf '%s\n' "$spdx" '#include "lib/query/walk_in.h"' >tests/fuzz/fuzz_walk.c
}

expect() { # expect STATUS TEXT: the checker ends so and, where TEXT is given, says so
  local status=0 out
  out=$(bash "$check" "$tmp/tree" 2>&1) || status=$?
  if [ "$status" != "$1" ] || { [ -n "$2" ] && [[ $out != *"$2"* ]]; }; then
    printf 'FAIL: expected %s "%s", got %s:\n%s\n' "$1" "$2" "$status" "$out"
    failed=1
  fi
}

plant() { # plant FILE LINE TEXT: with LINE added to FILE the checker must say TEXT
  good_tree
  [ -f "$1" ] || printf '%s\n' "$spdx" '#include "config.h"' >"$1"
  printf '%s\n' "$2" >>"$1"
  expect 1 "$1:$3"
}

good_tree
expect 0 ''

plant lib/base/buf.h '#include "lib/record/event.h"' '3: lib/base may not use lib/record: lib/record/event.h'
plant lib/record/event.c '#include "lib/proof/tree.h"' '3: lib/record may not use lib/proof: lib/proof/tree.h'
plant lib/proof/verify.c '#include "lib/ledger/ledger.h"' '3: lib/proof may not use lib/ledger'
plant lib/ledger/ledger.c '  #  include "lib/query/query.h"' '5: lib/ledger may not use lib/query'
plant lib/output/json.c '#include <fcgi-app/http/http.h>' '3: lib/output may not use fcgi-app/http'
plant fcgi-app/who/auth.h '#include "fcgi-app/routes/route.h"' '3: fcgi-app/who may not use fcgi-app/routes'
plant fcgi-app/http/http.c '#include "tests/unit/cf_test.h"' '3: fcgi-app/http may not use tests'
# Siblings, and a lower folder that is not under one's own.
plant lib/index/bits.c '#include "lib/input/lines.h"' '3: lib/index may not use lib/input'
plant lib/query/query.c '#include "lib/evidence/receipt.h"' '3: lib/query may not use lib/evidence'
plant lib/evidence/receipt.c '#include "lib/query/query.h"' '3: lib/evidence may not use lib/query'
plant lib/ledger/ledger.c '#include "lib/input/lines.h"' '5: lib/ledger may not use lib/input'
# A folder that is none, as an old place of a file.
plant fcgi-app/door/fcgi.c '#include "lib/store/old.h"' '5: lib/store/old.h is in no folder of the house'
plant fcgi-app/door/fcgi.c '#include "fcgi-app/old.h"' '5: fcgi-app/old.h is in no folder of the house'
plant lib/ledger/ledger.c '#include "lib/segment/segment_in.h"' '5: only lib/segment and its tests may include lib/segment/segment_in.h'
plant tests/unit/test_http.c '#include "lib/query/walk_in.h"' '4: only lib/query and its tests may include'
plant tests/unit/query/test_walk.c '#include "lib/segment/segment_in.h"' '4: only lib/segment and its tests may include'
plant fcgi-app/http/http.c '#include <fcgiapp.h>' '3: only fcgi-app/door/fcgi_seat_in.h tests/bench/empty.c may'
plant lib/record/event.c '#include <json-c/json.h>' '3: only lib/record/json.c may'
plant lib/proof/signer.c '#include <openssl/evp.h>' '3: only lib/base/crypto.c lib/proof/stamp.c may'
plant lib/ledger/meta.c '#include <db.h>' '3: only lib/segment/bdb_in.h tests/unit/segment/old_file.c may'
plant lib/segment/block.c '#include "zstd.h"' '3: only lib/base/pack.c lib/input/packing.c may'
plant tests/unit/test_http.c '#include <zlib.h>' '4: only fcgi-app/http/body.c fcgi-app/http/gzip.c lib/input/packing.c may'
plant lib/input/lines.c '#include <lzma.h>' '3: only lib/input/packing.c may'
plant lib/base/buf.c '#include <check.h>' '3: only tests/ may'
plant lib/base/buf.c '#include "buf.h"' '3: "buf.h" is not named from the root'
plant lib/base/buf.c '#include CF_HEADER' '3: #include of a macro'

good_tree
printf '%s\n' "$spdx" '#include <stdio.h>' '#include "config.h"' >lib/base/clock.c
expect 1 'lib/base/clock.c:2: config.h must be included first'

good_tree
printf '%s\n' '#include "config.h"' >lib/base/clock.c
expect 1 'lib/base/clock.c:1: no licence line'

good_tree
printf '%s\n' '#!/bin/sh' 'true' >tests/run.sh
expect 1 'tests/run.sh:1: no licence line'

good_tree
mkdir lib/extra
printf '%s\n' "$spdx" >lib/extra/more.c
expect 1 'lib/extra/more.c:1: is in no folder of the house'

good_tree
printf '%s\n' "$spdx" '#include "config.h"' >fcgi-app/flat.c
expect 1 'fcgi-app/flat.c:1: is in no folder of the house'

cd "$tmp"
rm -rf tree
mkdir tree
expect 2 "no sources"

# A table that cannot be right, and a check that cannot look.
mkdir "$tmp/tests"
cp "$check" "$(dirname "$check")/house.sh" "$tmp/tests/"
check=$tmp/tests/check-includes.sh
good_tree
expect 0 ''
sed -i 's|^lib/base:.*|lib/base: lib/record|' "$tmp/tests/house.sh"
expect 2 'house.sh: lib/base: lib/record is in no row above'
sed -i 's|^lib/base:.*|lib/base:|; s|BEGIN { house_read() }|BEGIN {|' "$tmp/tests/house.sh" "$check"
expect 2 'cannot read the includes'

exit "$failed"
