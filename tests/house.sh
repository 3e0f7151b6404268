# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The folders of the house, lowest first, and what each may use: itself, the folders behind its colon, and what those may use.
# A row names only folders of rows above it, so folders cannot use each other in a circle. This is the only place where the
# rule stands: check-includes.sh holds includes to it, check-calls.sh the symbols of the objects.
export house='
lib/base:
lib/record:        lib/base
lib/index:         lib/record
lib/proof:         lib/record
lib/input:         lib/record
lib/segment:       lib/index
lib/ledger:        lib/segment lib/proof
lib/query:         lib/ledger
lib/evidence:      lib/ledger
lib/witness:       lib/evidence
lib/output:        lib/query lib/evidence
fcgi-app/http:     lib/output lib/witness lib/input
fcgi-app/who:      fcgi-app/http
fcgi-app/page:     fcgi-app/who
fcgi-app/routes:   fcgi-app/page
fcgi-app/door:     fcgi-app/routes
fcgi-app/command:  fcgi-app/door
fcgi-app/apart:    lib/proof
tests:             fcgi-app/command fcgi-app/apart
'

# For an awk program that begins with house_read() and ends with exit faults: 1 with violations, 2 where the table is wrong.
export house_awk='
  function house_wrong(row, what) {
    print "house.sh: " row ": " what >"/dev/stderr"
    faults = 2
    exit
  }
  # house_may[A, B]: files of the folder A may use files of the folder B. house_folder[1..house_n]: the folders, lowest first.
  function house_read(   rows, n, i, row, parts, k, name, low, j) {
    n = split(ENVIRON["house"], rows, "\n")
    for (i = 1; i <= n; i++) {
      k = split(rows[i], parts, " ")
      if (k == 0) continue
      name = parts[1]
      if (!sub(/:$/, "", name)) house_wrong(name, "no colon")
      if ((name, name) in house_may) house_wrong(name, "stands twice")
      for (; k > 1; k--) {
        low = parts[k]
        if (!((low, low) in house_may)) house_wrong(name, low " is in no row above")
        for (j = 1; j <= house_n; j++)
          if ((low, house_folder[j]) in house_may) house_may[name, house_folder[j]] = 1
      }
      house_may[name, name] = 1
      house_folder[++house_n] = name
    }
    if (house_n == 0) house_wrong("the table", "is empty")
  }
  # The folder of a file, "" where it is in none: a row is one directory, but tests is all below it.
  function house_of(path) {
    if (path ~ /^tests\//) return "tests"
    return sub(/\/[^\/]*$/, "", path) && (path, path) in house_may ? path : ""
  }
'
