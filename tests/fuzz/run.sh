#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzzes one target of this directory with clang's libFuzzer, ASan and UBSan. Needs a configured build directory for config.h.
#   run.sh TARGET SECONDS [BUILDDIR]     e.g. run.sh event 300 build
# New inputs go to BUILDDIR/fuzz-TARGET/corpus; what crashes it is left in BUILDDIR/fuzz-TARGET.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: run.sh bundle|cosignature|event|logline|note|pages|receipt|record|records|request|segment|signer SECONDS [BUILDDIR]" >&2; exit 2; }
command -v "${CLANG:-clang}" >/dev/null || { echo "no ${CLANG:-clang}: apt-get install clang libclang-rt-dev" >&2; exit 2; }
target=$1
seconds=$2
build=$(cd "${3:-.}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$build/fuzz-$target
[ -f "$build/config.h" ] || { echo "$build: no config.h; configure there first" >&2; exit 2; }
[ -f "$root/tests/fuzz/fuzz_$target.c" ] || { echo "no target $target" >&2; exit 2; }

# What a target needs beyond the two lowest rooms.
sources=()
libs=()
max_len=8192
case $target in
  cosignature) sources=("$root"/lib/proof/{note,cosignature,tree}.c) ;;
  logline)
    sources=("$root"/lib/input/{input,lines,logline*,packing,stream}.c)
    libs=(-lz -llzma -lbz2)
    max_len=512 # a few lines: each byte more is read some twenty times
    ;;
  pages)
    sources=("$root"/lib/{index,segment}/*.c "$root"/tests/unit/segment/{segment_*,old_file}.c "$root/tests/unit/temp_dir.c")
    libs=(-ldb-5.3)
    ;;
  records) sources=("$root"/fcgi-app/door/fcgi_{head,records}.c) ;;
  request)
    sources=("$root"/lib/{index,proof,segment,ledger,query,evidence,output}/*.c "$root"/fcgi-app/{http,who,page,routes}/*.c)
    libs=(-ldb-5.3 -lz)
    ;;
  bundle)
    sources=("$root"/lib/proof/*.c)
    max_len=65536 # tars
    ;;
  note | receipt | signer) sources=("$root"/lib/proof/*.c) ;;
  segment)
    sources=("$root"/lib/{index,segment}/*.c)
    libs=(-ldb-5.3)
    ;;
esac

mkdir -p "$work/corpus"
read -ra flags <<< "$(pkg-config --cflags --libs json-c libcrypto libzstd p11-kit-1)"
"${CLANG:-clang}" -g -O2 -std=gnu11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -pthread \
  -I"$build" -I"$root" \
  "$root/tests/fuzz/fuzz_$target.c" "$root"/lib/base/*.c "$root"/lib/record/*.c "${sources[@]}" "${flags[@]}" "${libs[@]}" -o "$work/fuzz"
cd "$work"
exec ./fuzz -max_total_time="$seconds" -timeout=10 -max_len="$max_len" "${@:4}" corpus "$root/tests/fuzz/corpus/$target"
