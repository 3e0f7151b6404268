#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check-calls.sh must pass a good tree and name each planted violation.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/tree
failed=0

compile() { # compile OBJECT: the C source of standard input, in the tree
  mkdir -p "$(dirname "$1")"
  # shellcheck disable=SC2086 # CC may have arguments
  ${CC:-cc} -x c -c -o "$1" -
}

make_file() { # make_file FILE SYMBOL [USED...]: a source and its object, in which SYMBOL uses the others
  local file=$1 symbol=$2 used
  shift 2
  mkdir -p "${file%/*}"
  {
    for used in "$@"; do echo "int $used(void);"; done
    echo "int $symbol(void) { return 0"
    for used in "$@"; do echo "  + $used()"; done
    echo ';}'
  } >"$file"
  compile "${file%.c}.o" <"$file"
}

# The check and its table are copies, so that a test may change them.
build_good_tree() {
  mkdir -p "$tmp/good/tests"
  cd "$tmp/good"
  cp "$here/house.sh" tests/
  sed '/^circles=(/,/^)/{/^  /d}' "$here/check-calls.sh" >tests/check-calls.sh
  make_file lib/base/err.c cf_err getpid
  make_file lib/base/buf.c cf_buf cf_err
  mv lib/base/buf.o lib/base/libcf_base_a-buf.o
  make_file lib/record/event.c cf_event cf_buf
  make_file lib/index/bits.c cf_bits cf_event
  make_file lib/proof/tree.c cf_tree cf_event cf_err
  make_file lib/segment/segment.c cf_segment cf_bits
  make_file lib/ledger/ledger.c cf_ledger cf_segment cf_tree
  make_file lib/query/query.c cf_query cf_ledger
  make_file lib/evidence/receipt.c cf_receipt cf_ledger cf_tree
  make_file fcgi-app/http/body.c cf_body cf_buf
  make_file fcgi-app/door/main.c main cf_body cf_receipt getppid
  make_file fcgi-app/command/cli_main.c main cf_query
}

good_tree() {
  cd "$tmp"
  rm -rf "$tree"
  cp -a "$tmp/good" "$tree"
  cd "$tree"
}

expect() { # expect STATUS TEXT...: the check ends so and says each text
  local status=0 out text
  out=$(bash "$tree/tests/check-calls.sh" "${arguments[@]}" 2>&1) || status=$?
  for text in "$@"; do
    [ "$text" != "$1" ] || continue
    [[ $out != *"$text"* ]] || continue
    printf 'FAIL: expected "%s", got %s:\n%s\n' "$text" "$status" "$out"
    failed=1
  done
  [ "$status" = "$1" ] || { printf 'FAIL: expected %s %s, got %s:\n%s\n' "$1" "${2:-}" "$status" "$out"; failed=1; }
}
arguments=()

silent_about() { # silent_about TEXT: the check does not say it
  local out
  out=$(bash "$tree/tests/check-calls.sh" 2>&1) || true
  [[ $out != *"$1"* ]] || { printf 'FAIL: not expected "%s":\n%s\n' "$1" "$out"; failed=1; }
}

allow() { sed -i "s|^circles=(\$|&\n  '$1'|" "$tree/tests/check-calls.sh"; } # allow LINE: into the list of circles

unset CF_BUILDDIR
build_good_tree
good_tree
expect 0 '12 objects use each other in 15 pairs, all downwards; circles allowed: 0'

# ---- Between folders

upward() { # upward FILE SYMBOL USED LINE: with FILE so made the check says LINE
  good_tree
  make_file "$1" "$2" "$3"
  expect 1 "$1: $4"
}

upward lib/base/up.c cf_up cf_event 'lib/base may not use lib/record: uses cf_event of lib/record/event.c'
upward lib/record/up.c cf_up cf_tree 'lib/record may not use lib/proof: uses cf_tree of lib/proof/tree.c'
upward lib/segment/up.c cf_up cf_ledger 'lib/segment may not use lib/ledger: uses cf_ledger of lib/ledger/ledger.c'
upward lib/ledger/up.c cf_up cf_query 'lib/ledger may not use lib/query: uses cf_query of lib/query/query.c'
upward lib/output/up.c cf_up cf_body 'lib/output may not use fcgi-app/http: uses cf_body of fcgi-app/http/body.c'
# Siblings, and a lower folder that is not under one's own.
upward lib/index/up.c cf_up cf_tree 'lib/index may not use lib/proof: uses cf_tree of lib/proof/tree.c'
upward lib/proof/up.c cf_up cf_bits 'lib/proof may not use lib/index: uses cf_bits of lib/index/bits.c'
upward lib/input/up.c cf_up cf_tree 'lib/input may not use lib/proof: uses cf_tree of lib/proof/tree.c'
upward lib/query/up.c cf_up cf_receipt 'lib/query may not use lib/evidence: uses cf_receipt of lib/evidence/receipt.c'
upward lib/evidence/up.c cf_up cf_query 'lib/evidence may not use lib/query: uses cf_query of lib/query/query.c'
upward lib/segment/up.c cf_up cf_tree 'lib/segment may not use lib/proof: uses cf_tree of lib/proof/tree.c'

good_tree
make_file fcgi-app/routes/app.c cf_app
make_file fcgi-app/who/auth.c cf_auth cf_app
make_file fcgi-app/door/service.c cf_service cf_app cf_bits
expect 1 'fcgi-app/who/auth.c: fcgi-app/who may not use fcgi-app/routes: uses cf_app of fcgi-app/routes/app.c'
silent_about service.c

# Every symbol of a pair stands in its line, tables and variables too.
good_tree
echo 'int cf_first(void) { return 1; } int cf_count = 1; const int cf_table[2] = {1}; int cf_zero;' | compile lib/record/event.o
make_file lib/base/up.c cf_up cf_first
echo 'int cf_first(void); extern int cf_count, cf_zero; extern const int cf_table[2];
  int cf_up(void) { return cf_first() + cf_count + cf_zero + cf_table[1]; }' | compile lib/base/up.o
expect 1 'lib/base/up.c: lib/base may not use lib/record: uses cf_count cf_first cf_table cf_zero of lib/record/event.c'

# What is no use of another file: weak symbols, local ones of the same name, the implementation's own.
good_tree
make_file lib/record/more.c cf_more
echo 'int cf_hook(void) { return 1; } int __asan_thing(void) { return 1; } __attribute__((weak)) int cf_weak(void) { return 1; }' |
  compile lib/record/more.o
make_file lib/base/up.c cf_up
echo 'int cf_hook(void) __attribute__((weak)); int __asan_thing(void); int cf_weak(void); static int cf_event(void) { return 1; }
  int cf_up(void) { return (cf_hook ? cf_hook() : 0) + __asan_thing() + cf_weak() + cf_event(); }' | compile lib/base/up.o
expect 0

# Tests may do what they like, and are not there for others.
good_tree
make_file tests/unit/base/test_buf.c cf_up cf_query
make_file lib/base/up.c cf_more cf_up
expect 0

# ---- Within a folder

good_tree
make_file lib/query/walk.c cf_walk cf_query cf_err
make_file lib/query/query.c cf_query cf_walk cf_ledger
expect 1 'lib/query: query.c walk.c: use each other in a circle' \
  '  query.c uses cf_walk of walk.c' '  walk.c uses cf_query of query.c'

three_circle() { # three files in a circle, a fourth that uses it, and two that it uses
  good_tree
  make_file lib/proof/words.c cf_words
  make_file lib/proof/verify.c cf_verify cf_verify_walk cf_tree
  make_file lib/proof/verify_walk.c cf_verify_walk cf_verify_leaf
  make_file lib/proof/verify_leaf.c cf_verify_leaf cf_verify cf_event cf_words
  make_file lib/proof/witness.c cf_witness cf_verify
}
circle='lib/proof: verify.c verify_leaf.c verify_walk.c'
three_circle
expect 1 "$circle: use each other in a circle" '  verify.c uses cf_verify_walk of verify_walk.c' \
  '  verify_walk.c uses cf_verify_leaf of verify_leaf.c' '  verify_leaf.c uses cf_verify of verify.c'
silent_about witness.c
silent_about words.c
silent_about tree.c

# Two circles of one folder are two.
three_circle
make_file lib/proof/note.c cf_note cf_signer
make_file lib/proof/signer.c cf_signer cf_note
expect 1 "$circle: use each other" 'lib/proof: note.c signer.c: use each other'

# A circle through another folder is an upward use, no circle.
good_tree
make_file lib/record/event.c cf_event cf_buf cf_up
make_file lib/base/up.c cf_up cf_event
expect 1 'uses cf_event of lib/record/event.c'
silent_about 'in a circle'

three_circle
allow "$circle -- one state machine"
expect 0 'circles allowed: 1'

# An allowed circle is exactly that circle, has a reason, and goes when the circle goes.
three_circle
allow 'lib/proof: verify.c verify_walk.c -- one state machine'
expect 1 "$circle: use each other" 'the allowed circle "lib/proof: verify.c verify_walk.c" is none: strike it out'
good_tree
allow "$circle -- one state machine"
expect 1 "the allowed circle \"$circle\" is none: strike it out"
three_circle
allow "$circle"
expect 1 "the allowed circle \"$circle\" has no reason"

# ---- What it looks at

# The newest object counts, also behind one that an archive of an earlier name left.
good_tree
cp lib/base/err.o "$tmp/object"
make_file lib/base/err.c cf_err cf_event
mv lib/base/err.o lib/base/libcf_old_a-err.o
touch -d '1 hour ago' lib/base/err.c
touch -d '1 minute ago' lib/base/libcf_old_a-err.o
cp "$tmp/object" lib/base/err.o
expect 0
touch lib/base/libcf_old_a-err.o
touch -d '1 minute ago' lib/base/err.o
expect 1 'lib/base/err.c: lib/base may not use lib/record'

# An object whose source moved away is nobody's.
good_tree
make_file lib/base/gone.c cf_gone cf_query
rm lib/base/gone.c
expect 0

# Objects of another directory, told by argument or by make check.
good_tree
mkdir "$tmp/build"
find lib fcgi-app -name '*.o' -exec cp -a --parents {} "$tmp/build" \;
find lib fcgi-app -name '*.o' -exec rm {} +
expect 2 'no object under'
arguments=("$tree" "$tmp/build")
expect 0
arguments=()
export CF_BUILDDIR=$tmp/build
expect 0
make_file lib/base/buf.c cf_buf cf_query
expect 1 'lib/base/buf.c: is newer than lib/base/libcf_base_a-buf.o: it was not looked at'
# Of a tree that is named, the objects of this one's build say nothing.
arguments=("$tree")
expect 1 'lib/base/err.c: has no object: it was not looked at'
arguments=()
unset CF_BUILDDIR

good_tree
rm lib/base/err.o
expect 1 'lib/base/err.c: has no object: it was not looked at'
silent_about 'all downwards'

good_tree
touch -d '1 minute' lib/record/event.c
expect 1 'lib/record/event.c: is newer than lib/record/event.o: it was not looked at'

good_tree
echo 'typedef int cf_nothing;' | compile lib/base/err.o
expect 1 'lib/base/err.c: its object defines nothing'

good_tree
make_file lib/extra/more.c cf_more
make_file fcgi-app/flat.c cf_flat
expect 1 'lib/extra/more.c: is in no folder of the house' 'fcgi-app/flat.c: is in no folder of the house'

good_tree
echo 'no object' >lib/base/err.o
expect 2 'cannot read the objects'

good_tree
find lib fcgi-app -name '*.o' -exec rm {} +
expect 2 'no object under'

good_tree
rm -r lib fcgi-app
expect 2 'no sources'

# ---- The table

table() { # table SED TEXT: with the table so changed the check cannot look and says TEXT
  good_tree
  sed -i "$1" tests/house.sh
  expect 2 "$2"
}

table 's|^lib/base:.*|lib/base: lib/record|' 'house.sh: lib/base: lib/record is in no row above'
table 's|^lib/query:.*|lib/query: lib/legder|' 'house.sh: lib/query: lib/legder is in no row above'
table 's|^lib/query:.*|&\n&|' 'house.sh: lib/query: stands twice'
table 's|^lib/query:|lib/query|' 'house.sh: lib/query: no colon'
table '/^[a-z/-]*:/d' 'house.sh: the table: is empty'

exit "$failed"
