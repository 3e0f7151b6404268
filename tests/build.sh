#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Building and installing: what has directories in it follows configure, and where it was built is nowhere in the programs. In a long run
# really, from the files of the tarball: one build in its sources, configured again with other directories; one beside its sources.
. "$(dirname "$0")/e2e/lib.sh"

jobs=-j$(nproc)

# Whoever may know a directory is one of the objects that a new Makefile makes again.
plan() {
  local source
  own_make -C "$CF_BUILDDIR" -n V=1 -o config.h -W Makefile counterfoil counterfoil.fcgi >"$TMP/plan" 2>"$TMP/log/plan" || fail "make -n" "$(tail -n 5 "$TMP/log/plan")"
  (cd "$CF_SRCDIR" && grep -rlE 'CF_(SYSCONF|WWW)DIR' lib fcgi-app) >"$TMP/sources"
  check "some sources have directories in them" [ -s "$TMP/sources" ]
  while read -r source; do
    check "$source is compiled again where directories may be others" grep -qE "(^|[ /'])$source" "$TMP/plan"
  done <"$TMP/sources"
  check "what has none is not" [ "$(grep -c 'base/buf\.c' "$TMP/plan")" = 0 ]
}

configure_in() { # configure_in DIRECTORY SOURCES PREFIX [OPTIONS…]
  (cd "$1" && "$2/configure" -C --prefix="$3" --sysconfdir="$3/etc" "${@:4}") >"$TMP/log/configure" 2>&1 || die "configure in $1: $(tail -n 5 "$TMP/log/configure")"
}
make_in() { own_make -C "$1" "$jobs" "${@:2}" >"$TMP/log/make" 2>&1 || die "make ${*:2} in $1: $(tail -n 5 "$TMP/log/make")"; }

# The same sources twice, in directories of different names and depths, in the sources and beside them.
built() {
  local program
  make_in "$CF_BUILDDIR" distdir distdir="$TMP/src"
  cp -a "$TMP/src" "$TMP/within"
  mkdir -p "$TMP/beside/a/b"
  configure_in "$TMP/within" . /usr
  configure_in "$TMP/beside/a/b" ../../../src /usr --enable-static-verify
  make_in "$TMP/within" all
  make_in "$TMP/beside/a/b" all
  for program in counterfoil counterfoil.fcgi; do
    check "$program: two builds are equal" cmp "$TMP/within/$program" "$TMP/beside/a/b/$program"
    check "$program: nothing of where it was built" [ "$(grep -caF "$TMP" "$TMP/within/$program")" = 0 ]
  done
}

# What is handed to an auditor runs wherever there is a kernel.
static() {
  local program=$TMP/beside/a/b/counterfoil-verify
  like "$(ldd "$program" 2>&1)" "statically linked|not a dynamic executable" "counterfoil-verify is linked statically where that was asked for"
  check "and needs no library" [ -z "$(objdump -p "$program" | awk '$1 == "NEEDED"')" ]
  like "$("$program" --version)" "^counterfoil-verify [0-9]" "and runs"
  check "and is not, where it was not" [ -n "$(objdump -p "$TMP/within/counterfoil-verify" | awk '$1 == "NEEDED"')" ]
}

# The way of the README: built with one set of directories for the demo, configured with another, installed.
moved() {
  local at=$TMP/to/opt/other
  configure_in "$TMP/within" . /opt/other
  make_in "$TMP/within" install DESTDIR="$TMP/to"
  like "$("$at/bin/counterfoil" --help)" "[ \"]/opt/other/etc/counterfoil/counterfoil.conf" "the command looks for its configuration there"
  like "$("$at/lib/counterfoil/counterfoil.fcgi" --help)" "[ \"]/opt/other/etc/counterfoil/counterfoil.conf" "so does the application"
  check "and for the page's files" grep -qaF /opt/other/share/counterfoil/www "$at/lib/counterfoil/counterfoil.fcgi"
  is "$(cd "$at/share/doc/counterfoil/examples" && grep -lE '[" =]/(usr|etc/counterfoil)/' ./*)" "" "no installed sample names another directory"
  is "$(sed -n 's/^ExecStart=//p' "$at/share/doc/counterfoil/examples/counterfoil.service")" \
    "/opt/other/bin/counterfoil serve --config /opt/other/etc/counterfoil/counterfoil.conf" "the installed unit starts what was installed"
  rm "$TMP/within/config.cache"
  CFLAGS="-g -O0" configure_in "$TMP/within" . /opt/other
  own_make -C "$TMP/within" -n V=1 counterfoil >"$TMP/plan" 2>>"$TMP/log/plan"
  check "configured with other flags, everything is compiled again" grep -qE -- '-O0 .*base/buf\.c' "$TMP/plan"
}

begin build
plan
! long || { built && static && moved; }
finish
