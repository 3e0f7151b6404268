#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the list of options of doc/counterfoil.conf.5 from the table lib/base/conf.def.
set -euo pipefail

awk '
BEGIN {
  value["PATH"] = "an absolute path"
  value["TEXT"] = "text"
  value["BASE"] = "a URL path like /audit"
  value["PLACE"] = "an absolute path, or 127.0.0.1:port"
  value["SIGNER"] = "an absolute path, or a form that PLACES tells"
  value["URL"] = "a URL like https://audit.example.org/audit"
  value["WORD"] = "one word"
  value["OCTAL"] = "an octal mode"
  value["SIZE"] = "bytes, or a number with K, M or G"
  value["COUNT"] = "a number, at least 1"
  value["COUNT0"] = "a number"
  value["SPAN"] = "a number with s, m, h, d or w"
  value["SPAN0"] = "0, or a number with s, m, h, d or w"
  value["LIST"] = "text, in each of several lines"
  print ".Bl -tag -width indent"
}
/^CF_OPTION\(/ {
  split($0, part, "\"")                 # field, | key | , TYPE, | default | , | meaning
  type = part[3]
  gsub(/[ ,]/, "", type)
  if (!(type in value)) { print "conf-man: no words for the type " type >"/dev/stderr"; bad = 1 }
  meaning = part[6]
  gsub(/`/, "", meaning)
  print ".It Li " part[2]
  print toupper(substr(meaning, 1, 1)) substr(meaning, 2) "."
  print "The value is " value[type] (part[4] == "" ? "." : "; the default is")
  if (part[4] != "") print ".Li " part[4] " ."
}
END { print ".El"; exit bad }
' "${1:-$CF_SRCDIR}/lib/base/conf.def"
