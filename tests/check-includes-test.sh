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
  mkdir -p "$tmp/tree"/{lib/{base,record,proof,store,query},fcgi-app,tests/unit}
  cd "$tmp/tree"
  printf '%s\n' "$spdx" '#include <stdint.h>' >lib/base/buf.h
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/base/buf.h"' '#include <openssl/evp.h>' >lib/base/crypto.c
  printf '%s\n' "$spdx" '#include "config.h"' '#include <json-c/json.h>' '#include "lib/base/buf.h"' >lib/record/json.c
  printf '%s\n' "$spdx" '#include <db.h>' >lib/segment/bdb.h
  printf '%s\n' "$spdx" '#include "config.h"' '#include "lib/segment/bdb.h"' '#include "lib/base/buf.h"' >fcgi-app/door/fcgi.c
  printf '%s\n' "$spdx" '#include <check.h>' '#include "fcgi-app/http/http.h"' >tests/unit/http/test_request.c
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

plant lib/base/buf.h '#include "lib/record/event.h"' '3: must not include the higher layer'
plant lib/record/event.c '#include "lib/proof/tree.h"' '3: must not include the higher layer'
plant lib/proof/verify.c '#include "lib/ledger/ledger.h"' '3: must not include the higher layer'
plant lib/ledger/ledger.c '  #  include "lib/query/query_in.h"' '3: must not include the higher layer'
plant lib/query/query.c '#include <fcgi-app/http/http.h>' '3: must not include the higher layer'
plant fcgi-app/http/request.c '#include "tests/unit/cf_test.h"' '3: must not include the higher layer'
plant fcgi-app/http/request.c '#include <fcgiapp.h>' '3: only fcgi-app/door/fcgi.c tests/bench/empty.c may'
plant lib/record/event.c '#include <json-c/json.h>' '3: only lib/record/json.c may'
plant lib/proof/signer.c '#include <openssl/evp.h>' '3: only lib/base/crypto.c may'
plant lib/ledger/ledger.c '#include <db.h>' '3: only lib/segment/bdb.c lib/segment/bdb.h may'
plant lib/segment/block.c '#include "zstd.h"' '3: only lib/base/pack.c may'
plant tests/unit/http/test_request.c '#include <zlib.h>' '4: only fcgi-app/http/body.c may'
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
expect 1 'lib/extra/more.c:1: is in no layer'

cd "$tmp"
rm -rf tree
mkdir tree
expect 2 "no sources"

exit "$failed"
