#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# conf/counterfoil.conf.sample is what the table of options says.
set -euo pipefail

if "$CF_BUILDDIR/tests/conf_sample" | diff -u "$CF_SRCDIR/conf/counterfoil.conf.sample" -; then
  echo "the sample is true"
else
  echo "conf/counterfoil.conf.sample is out of date: tests/conf_sample >conf/counterfoil.conf.sample"
  exit 1
fi
