#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every public byte of two builds: `bash tests/e2e/two_builds.sh BEFORE AFTER`, each a directory where Counterfoil was built; 0: no difference.
#
# Answers of every route through lighttpd, raw answers of plain CGI through owners and relays of either build, output and exit status of the
# command, ids, files on disk; each build on an equal copy of a ledger that BEFORE made, and, where BEFORE knows all that AFTER writes, of one that
# AFTER made. What may differ stands in the table `may_differ`, with its reason. Opening a ledger writes records of its own, that hold times and may be
# of another number: questions end at the size that the copies had, and numbers beyond it are not compared.
# `make check` does not run it: it needs two builds.
if [ $# != 2 ] || [ ! -x "$1/counterfoil" ] || [ ! -x "$1/counterfoil.fcgi" ] || [ ! -x "$2/counterfoil" ] || [ ! -x "$2/counterfoil.fcgi" ]; then
  echo "usage: two_builds.sh BEFORE AFTER: directories where counterfoil and counterfoil.fcgi were built" >&2
  exit 2
fi
declare -A TREE=([before]=$(cd "$1" && pwd) [after]=$(cd "$2" && pwd))
CF_FCGI=${TREE[before]}/counterfoil.fcgi
CF_CLI=${TREE[before]}/counterfoil
# lib.sh leaves `set -e` off: one difference must not hide the next. What cannot go on says so with die.
. "$(dirname "$0")/lib.sh"
. "$lib/servers.sh"
. "$lib/ask.sh"

SEGMENT=1024 # records
SIZE=        # of the ledger that was taken, when it was put away
AREA=        # what is compared now
ROLES="writer reader auditor officer admin"

# ---- counting

areas=()
declare -A compared=() differing=() named=()
different=() # AREA: NAME
told=()      # what is said but counts as no difference
unlooked=("web servers other than lighttpd; owners that a CGI starts; what happens when a process is killed or a disk is full; speed and memory")

area() {
  AREA=$1
  [ -n "${compared[$1]:-}" ] || { areas+=("$1"); compared[$1]=0; differing[$1]=0; }
}

good() { compared[$AREA]=$((compared[$AREA] + 1)); passed=$((passed + 1)); }

bad() { # bad NAME [DETAIL…]: one name is printed five times at most
  local key="$AREA: $1"
  compared[$AREA]=$((compared[$AREA] + 1))
  differing[$AREA]=$((differing[$AREA] + 1))
  failed=$((failed + 1))
  different+=("$key")
  named[$key]=$((${named[$key]:-0} + 1))
  [ "${named[$key]}" -le 5 ] || return 0
  printf 'DIFFERS %s\n' "${key:0:300}"
  [ $# -lt 2 ] || printf '%s\n' "${@:2}" | cut -c 1-500 | sed 's/^/    /'
}

equal() { if [ "$2" = "$3" ]; then good; else bad "$1" "before $2" "after  $3"; fi; } # equal NAME BEFORE AFTER
holds() { if [ "$2" = "$3" ]; then good; else bad "$1" "got  $2" "want $3"; fi; }     # holds NAME GOT WANT

# What stands around the first byte that differs.
excerpt() { # excerpt BEFORE AFTER
  local at file
  at=$(cmp "$1" "$2" 2>&1 | sed -nE 's/.* (byte|char) ([0-9]+).*/\2/p')
  at=$((${at:-1} > 50 ? at - 50 : 1))
  for file in "$1" "$2"; do
    printf '%s bytes, from %d: %s\n' "$(wc -c <"$file")" "$at" "$(tail -c "+$at" "$file" | head -c 150 | cat -v | tr '\n' '~')"
  done
}

# ---- what may differ

# A row: name;regex on a NAME of a comparison;filter;reason. A filter takes out of files what its reason is about and nothing else; what it leaves must
# be equal. Rows are tried in order, on what is still different.
may_differ=(
  'headers;.;hide_headers;AFTER has no parts, packs what may be packed, and says in headers too where a page goes on'
  'kept;headers of .*/tile/|GET /tile/;hide_kept_tile;a tile may be kept, and has an ETag'
  'cells;csv;hide_cells;AFTER writes a backslash in a cell of CSV as two, so that its text comes back'
  'build;/healthz;hide_build;AFTER says which build it is, and since when'
  'newest root;/v1/events|query .*--json;hide_root;the newest head covers the records of the start, which hold times: AFTER writes more of them'
  'newest note;/checkpoint;hide_note;the newest head covers the records of the start, and its signature covers the head'
  'writer;/v1/events|query ;hide_writer;AFTER says who wrote an event: a column of CSV, empty for those of before'
  'length;headers of .* /readyz head;hide_length;of what is not sent, where AFTER says more'
  'more is told;readyz|/v1/verify|verify --;hide_figures;AFTER says of segments and of lost records that there are none, and how many pages and entries it looked at, and of how many records no signature tells; words of a root that was kept'
  'contract;/openapi[.]json;hide_contract;the document describes what AFTER can do more: it has the same routes'
  'roles;/v1/whoami|/v1/tokens|token list;hide_roles;a token of before keeps what it could do, by name: an auditor could read'
  'empty batch;data-binary;hide_empty;the size of a batch of which nothing is there is 0, it tells nothing of the ledger'
  'newest path;proof=1|/v1/receipts/;hide_path;hashes over records behind the copied ledger, and the note of the newest head'
  'verify;verify;hide_verify;size and root of the newest head; kept checkpoints are thinned out; how long it took, and by that how often progress was told'
  'kept heads;^verify --config;hide_kept;a command that ends at once may or may not have had a head signed in the middle'
  'page; /($|[?]);hide_page;how many records of reading there are by now, size, root and time of the newest head, the token of the form'
  'cookie;/login;hide_cookie;a cookie holds the time and is random'
  'new record;data-binary|^query .*seq_from=;hide_record;the time at which a record was made; its leaf is of that time and of random salts; its seq, as a record of a segment may come before it; its writer'
  'new place;headers of .*data-binary;hide_seqs;the seq of a new record'
  'new token;/v1/tokens.*data-binary|^token add;hide_token;id and secret of a new token are random; when it was made, was revoked, will end'
  'duration;import;hide_duration;how long it took'
  'count;/v1/proofs/|data-binary;hide_count;how many records of reading there are by now'
  'framing;headers of .*(limit=(all|10000)|ndjson);hide_framing;an answer that is sent as it is made: how much of it the web server had when it began'
  'names;form of files;hide_names;AFTER has sums beside segments, a table of sessions, and more of what was signed beside the key'
  'rows;form of table:;hide_rows;a digest in each row of the catalogue, a sum over kept checkpoints, which are fewer, a version and a MAC in the row of a token, a MAC in that of the head, the hash in front of a generation'
  'checksums;form of segment:|as a segment: ;hide_checksums;where sums stand beside a segment, Berkeley DB does not keep its own'
  'prose;.;hide_prose;the member detail is a sentence for people'
)
declare -A allowed_n=()

# The number behind each match of PREFIX becomes TEXT, where it is none that the copied ledger had a record of.
newer() { # newer PREFIX TEXT FILE…
  local file
  for file in "${@:3}"; do
    awk -v had="$SIZE" -v prefix="$1" -v text="$2" '{
      out = ""
      while (match($0, prefix "[0-9]+")) {
        number = found = substr($0, RSTART, RLENGTH)
        sub(/.*[^0-9]/, "", number)
        if (number + 0 >= had) sub(/[0-9]+$/, text, found)
        out = out substr($0, 1, RSTART - 1) found
        $0 = substr($0, RSTART + RLENGTH)
      }
      print out $0
    }' "$file" >"$TMP/newer" && cat "$TMP/newer" >"$file"
  done
}

hide_root() {
  newer '"checkpoint":[{]"size":' '<size>' "$@"
  sed -i -E 's|("checkpoint":\{"size":<size>,"root":")[A-Za-z0-9+/]{43}="|\1<root>"|' "$@"
}
hide_note() {
  sed -i -E 's|^[A-Za-z0-9+/]{43}=$|<root>|; s|^(— [^ ]+ )[A-Za-z0-9+/]{91}=$|\1<signature>|' "$@"
  newer ^ '<size>' "$@"
}
hide_writer() { # where it says so: records of before have none
  sed -i -E '/^seq,recorded,kind,source,writer,/,$ {
      s/^(seq,recorded,kind,source),writer,/\1,/; s/^([0-9]+,[0-9TZ:.-]{27},[a-z]+,[^,]*),,/\1,/
    }' "$@"
}
hide_figures() {
  sed -i -E 's/,"posted_dropped":0//; s/,"damaged":0,"missing":(0|null),"mismatched":(0|null),"unsworn":([0-9]+|null)//
    s/(,"openings":[0-9]+),"pages":[0-9]+,"entries":[0-9]+/\1/; s/(,"expired":[0-9]+),"unsworn":[0-9]+/\1/; s/,"unsigned":[0-9]+//
    s/(that was kept) elsewhere$/\1/' "$@"
}
hide_headers() { sed -i -E '/^(Vary: (Accept-Encoding|Origin)|Accept-Ranges: none|X-Has-More: (true|false)|X-Next-Cursor: [A-Za-z0-9_-]+)\r$/d' "$@"; }
hide_kept_tile() { sed -i -E '/^(ETag|Cache-Control): /d' "$@"; }
hide_cells() { sed -i -E '/^seq,recorded,kind,/,$ s/\\+/\\/g' "$@"; }
hide_build() { sed -i -E 's/,"version":"[^"]*","started":"[^"]*"//; s/^Content-Length: [0-9]+/Content-Length: <loose>/' "$@"; }
hide_length() { sed -i -E 's/^Content-Length: [0-9]+/Content-Length: <loose>/' "$@"; }
hide_roles() { sed -i -E 's/"roles":\["writer","reader","auditor","admin"\]/"roles":["writer","auditor","admin"]/; s/(writer,)reader,(auditor,admin)/\1\2/; /  /s/ +/ /g' "$@"; }
hide_empty() { sed -i -E 's/("accepted":0,"duplicates":0,"rejected":[0-9]+,"first_seq":null,"last_seq":null,"size":)[0-9]+/\1<size>/' "$@"; }
hide_contract() {
  local file
  for file in "$@"; do # of headers there is no document, and in a raw answer it stands behind them
    {
      sed -E '/^\{/,$d; s/^(ETag: "|Content-Length: )[0-9a-f]+/\1<of the document>/' "$file"
      sed -n '/^{/,$p' "$file" | jq -c '.paths | map_values(keys)'
    } >"$TMP/newer" && cat "$TMP/newer" >"$file"
  done
}
hide_kept() { sed -i -E 's|"checkpoints":[0-9]+|"checkpoints":<n>|' "$@"; }
hide_cookie() { sed -i -E 's|^(Set-Cookie: [a-z_]+=)[A-Za-z0-9._-]+;|\1<session>;|' "$@"; }
hide_duration() { sed -i -E 's|"seconds":[0-9]+\.[0-9]+|"seconds":<seconds>|; s|; [0-9]+\.[0-9] s$|; <seconds> s|' "$@"; }
hide_count() { sed -i -E '/^\{"type":"urn:counterfoil:/ {s/the ledger has [0-9]+ records/the ledger has <n> records/; s/"size":[0-9]+/"size":<n>/}' "$@"; }
hide_framing() { sed -i -E '/^(Content-Length: ([0-9]+|<loose>)|Transfer-Encoding: chunked)\r$/d' "$@"; }
hide_names() { sed -i -E '/^f 600 (before|instance|used|vouched)$|^f 640 (env\/sessions|segments\/.*\.sums)$/d' "$@"; }
hide_rows() {
  local file
  for file in "$@"; do
    sed -E 's/ 194$/ 130/; /^6b657074 64$/d; s/^(68656164) 176$/\1 112/; s/^(7461696c[0-9a-f]{16}) 96$/\1 32/; s/,"version":2//; s/,"mac":"[A-Za-z0-9+\/]{43}="//; s/^16 4[0-9]{2}$/16 <note>/' "$file" | awk '!seen[$0]++' >"$TMP/newer" && cat "$TMP/newer" >"$file"
  done
}
hide_checksums() { sed -i '/^chksum=1$/d' "$@"; }
hide_prose() {
  sed -i -E '/^\{"type":"urn:counterfoil:|"errors":\[\{/ s/"detail":"([^"\\]|\\.)*"/"detail":"<prose>"/g
    s|(<p class="problem" role="alert"><strong>[^<]*</strong>) [^<]*</p>|\1 <prose></p>|' "$@"
}
prose_of() { sed -nE 's/.*"detail":"(([^"\\]|\\.)*)".*/\1/p; s|.*<p class="problem" role="alert">(.*)</p>.*|\1|p' "$1" | head -n 1; }
# Counts of what reaches up to the head are of a number of records, and of tiles, beyond the copied ledger: what they lack of the size is compared.
hide_verify() {
  local file
  for file in "$@"; do
    awk -v had="$SIZE" '
      function whole(n) { return int(n / 256) }
      function leaves(n) {
        if (n == size || n == 256 * (whole(had) + 1)) return "<all>"
        if (whole(size - n) >= whole(had)) return "<behind whole tiles>"
        return n * 2 < had ? n : "<size-" size - n ">" # of a part; of all but what is damaged
      }
      function links(n) { return "<leaves" n - was ">" }
      function tiles(n) {
        if (n == whole(size) || n == whole(had) + 1) return "<all>"
        return n == 0 || n == whole(size) - whole(had) ? "<behind whole tiles>" : n
      }
      function find(before) { # the number behind it: RSTART, RLENGTH; false: there is none
        if (!match($0, before "[0-9]+")) return 0
        from = RSTART
        match(substr($0, from), before)
        digits = from + RLENGTH
        number = substr($0, digits) + 0
        match(substr($0, digits), /^[0-9]+/)
        behind = digits + RLENGTH
        return 1
      }
      function put(text) { $0 = substr($0, 1, digits - 1) text substr($0, behind) }
      { size = find("(\"size\":| size )") ? number : 0 }
      size >= had {
        if (find(", ") && substr($0, behind) ~ /^ leaves checked/) put(leaves(number))
        if (find("\"leaves\":")) { was = number; put(leaves(number)) }
        if (find("\"links\":")) put(links(number))
        if (find("\"tiles\":")) put(tiles(number))
        if (find("\"present\":")) put(leaves(number))
      }
      { print }' "$file" >"$TMP/newer" && cat "$TMP/newer" >"$file"
  done
  newer '"size":' '<size>' "$@"
  newer ' size ' '<size>' "$@"
  hide_kept "$@"
  sed -i -E '/^\{"done":[0-9]+,"of":[0-9]+\}$/d; s|"root":"[A-Za-z0-9+/]{43}="|"root":"<root>"|; s|"seconds":[0-9]+\.[0-9]{6}|"seconds":<seconds>|
    s|root [A-Za-z0-9+/]{43}=|root <root>|' "$@"
}
hide_page() {
  newer '<dd>size ' '<size>' "$@"
  sed -i -E 's|(<dt>Records</dt><dd>)[0-9]+<|\1<size><|; s|(<dt>Root</dt><dd><code>)[A-Za-z0-9+/]{43}=<|\1<root><|
    s|(, signed <time datetime=")[0-9TZ:.-]{27}">[0-9TZ:.-]{27}<|\1<time>"><time><|; s|(name="form" value=")[A-Za-z0-9_-]{43}"|\1<form token>"|' "$@"
}
# Seqs that are new count from the first one of the answer; what is older than that, and new too, an earlier answer had.
hide_seqs() {
  local file
  for file in "$@"; do
    awk -v had="$SIZE" '
      function relative(n) { return n < had ? n : base == "" ? "<new>" : n < base ? "<earlier>" : "+" n - base }
      function pass(prefix,   out, found, number) {
        while (match($0, prefix "[0-9]+")) {
          number = found = substr($0, RSTART, RLENGTH)
          sub(/.*[^0-9]/, "", number)
          sub(/[0-9]+$/, "", found)
          out = out substr($0, 1, RSTART - 1) found relative(number + 0)
          $0 = substr($0, RSTART + RLENGTH)
        }
        $0 = out $0
      }
      base == "" && match($0, /("(first_)?seq":|^Location: events\/)[0-9]+/) {
        base = substr($0, RSTART, RLENGTH)
        sub(/.*[^0-9]/, "", base)
        base += 0
      }
      base == "" && match($0, /^[0-9]+,<time>,/) { base = $0 + 0 }
      match($0, /"seqs":\[[0-9,nul]+/) {
        list = substr($0, RSTART + 8, RLENGTH - 8)
        n = split(list, seq, ",")
        list = ""
        for (i = 1; i <= n; i++) list = list (i > 1 ? "," : "") (seq[i] == "null" ? "null" : relative(seq[i] + 0))
        $0 = substr($0, 1, RSTART + 7) list substr($0, RSTART + RLENGTH)
      }
      /^[0-9]+,<time>,/ { pass("^") }
      { pass("(\"(seq|first_seq|last_seq|size)\":|events/|index |\\\\n)"); print }' "$file" >"$TMP/newer" && cat "$TMP/newer" >"$file"
  done
}
hide_record() {
  sed -i -E 's|^(# next_cursor=)[A-Za-z0-9_-]+|\1<cursor>|; s/"writer":"(local|web-server|[a-z0-9]{10})",//g; s|"recorded":"[0-9TZ:.-]{27}"|"recorded":"<time>"|; s|^([0-9]+),[0-9TZ:.-]{27},|\1,<time>,|; s|"leaf_hash":"[A-Za-z0-9+/]{43}="|"leaf_hash":"<hash>"|
    :a; s|("receipt":"[^"]*)\\n[A-Za-z0-9+/]{43}=\\n|\1\\n<hash>\\n|; ta; s|(\\nextra )[A-Za-z0-9+/]*=*\\n|\1<opening>\\n|; s|(\\n— [^ ]+ )[A-Za-z0-9+/]{91}=\\n|\1<signature>\\n|; s|(\\n<hash>)+|\\n<hashes>|' "$@"
  hide_seqs "$@"
}
hide_token() {
  sed -i -E 's|"id":"[a-z0-9]{10}"|"id":"<id>"|; s|cf_[a-z0-9]{10}_[A-Za-z0-9_-]{43}|cf_<id>_<secret>|; s/"(made|revoked)":"[0-9TZ:.-]{27}"/"\1":"<time>"/g
    s|("expires":")[0-9T:-]{19}\.[0-9]{6}Z"|\1<time>"|' "$@"
}

# Of a proof to a head that is larger than the copied ledger: its size, the hashes over records that that did not have, and the note. In a record's JSON or
# in a receipt. How many such hashes there are depends on the size.
hide_path() {
  local file
  for file in "$@"; do
    awk -v had="$SIZE" '
      function sides(i, lo, hi,   k) { # ends of the ranges that the hashes of the path are over, from leaf to root
        if (hi - lo == 1) return
        for (k = 1; k * 2 < hi - lo; k *= 2);
        if (i < lo + k) { sides(i, lo, lo + k); over[++n] = hi } else { sides(i, lo + k, hi); over[++n] = lo + k }
      }
      { line[NR] = $0 }
      $1 == "index" { leaf = $2; first = NR + 1 }
      first && !blank && $0 == "" { blank = NR }
      blank && NR == blank + 2 { size = $0 }
      match($0, /"inclusion":\{"index":[0-9]+,"size":[0-9]+,"leaf_hash":"[^"]*","hashes":\["/) {
        front = substr($0, 1, RSTART + RLENGTH - 1)
        rest = substr($0, RSTART + RLENGTH)
        split(substr($0, RSTART), word, /[:,]/)
        sides(word[3] + 0, 0, word[5] + 0)
        end = index(rest, "\"],\"checkpoint\":\"")
        m = split(substr(rest, 1, end - 1), hash, /","/)
        for (j = 1; j <= m; j++) if (over[j] <= had) front = front hash[j] "\",\""
        if (word[5] + 0 > had) sub(/,"size":[0-9]+/, ",\"size\":<size>", front)
        note = substr(rest, end)
        gsub(/\\n[0-9]+\\n[A-Za-z0-9+\/]*=\\n\\n/, "\\n<size>\\n<root>\\n\\n", note)
        sub(/ [A-Za-z0-9+\/]*=*\\n"/, " <signature>\\n\"", note)
        line[NR] = front note
      }
      END {
        if (first) {
          sides(leaf, 0, size)
          for (j = first; j < blank; j++) if (over[j - first + 1] > had) gone[j]
          line[blank + 2] = "<size>"
          line[blank + 3] = "<root>"
          sub(/ [^ ]*$/, " <signature>", line[NR])
        }
        for (j = 1; j <= NR; j++) if (!(j in gone)) print line[j]
      }' "$file" >"$TMP/path" && cat "$TMP/path" >"$file"
  done
}

# ---- two directories of answers

declare -A label=() in_area=() # file in them: NAME, area
declare -A loose=()            # files that became equal by a filter: the row's name

labels_begin() { label=() in_area=(); }
label_file() { label[$1]=$2 in_area[$1]=$AREA; } # label_file FILE NAME

still_different() { diff -rq "$1" "$2" | sed -nE 's|^Files .*/([^/ ]+) and .* differ$|\1|p'; }

# compare DIRECTORY DIRECTORY: each labelled file of the first with that of the second. The files lose what may differ.
compare() {
  local file row name on filter why
  local -A open=() prose=() # the files that still differ; what people read in them
  local -a some
  loose=()
  for file in "${!label[@]}"; do
    [ -e "$1/$file" ] && [ -e "$2/$file" ] && continue
    area "${in_area[$file]}"
    bad "${label[$file]}" "only one has it"
    unset "label[$file]"
  done
  for file in $(still_different "$1" "$2"); do [ -z "${label[$file]:-}" ] || open[$file]=1; done
  for row in "${may_differ[@]}"; do
    IFS=';' read -r name on filter why <<<"$row"
    some=()
    for file in "${!open[@]}"; do [[ ${label[$file]} =~ $on ]] && some+=("$file"); done
    [ "${#some[@]}" -gt 0 ] || continue
    if [ "$name" = prose ]; then
      for file in "${some[@]}"; do prose[$file]="$(prose_of "$1/$file") -> $(prose_of "$2/$file")"; done
    fi
    (cd "$1" && "$filter" "${some[@]}") && (cd "$2" && "$filter" "${some[@]}") || die "the filter $filter fails"
    open=()
    for file in $(still_different "$1" "$2"); do [ -z "${label[$file]:-}" ] || open[$file]=1; done
    for file in "${some[@]}"; do
      [ -z "${open[$file]:-}" ] || continue
      loose[$file]=$name
      allowed_n[$name]=$((${allowed_n[$name]:-0} + 1))
      [ "$name" != prose ] || told+=("prose of ${in_area[$file]}: ${label[$file]}:"$'\n'"  ${prose[$file]}")
    done
  done
  for file in $(printf '%s\n' "${!label[@]}" | sort -n); do
    area "${in_area[$file]}"
    if [ -z "${open[$file]:-}" ]; then good; else bad "${label[$file]}" "$(excerpt "$1/$file" "$2/$file")"; fi
  done
}

# ---- builds and ledgers

use_programs() { # use_programs before|after
  BUILD=$1
  rm -f "$TMP"/bin/*
  cp "${TREE[$1]}/counterfoil" "${TREE[$1]}/counterfoil.fcgi" "$TMP/bin/" || die "the programs of $1"
}

use() { # use before|after: its programs and page are what runs from now on
  local source=${TREE[$1]}
  use_programs "$1"
  [ -d "$source/www" ] || source=$(sed -n 's/^abs_srcdir = //p' "$source/Makefile" 2>/dev/null)
  rm -rf "$TMP"/www/*
  cp "$source"/www/* "$TMP/www/" || die "the page of $1"
}

use_conf() { # use_conf [LINE…]: the configuration, with these lines too
  local line
  CONF=$TMP/counterfoil.conf
  [ $# -gt 0 ] || return 0
  cp -p "$CONF" "$TMP/more.conf"
  CONF=$TMP/more.conf
  for line in "$@"; do # a key is given once
    sed -i "/^${line%% =*} = /d" "$CONF"
    printf '%s\n' "$line" >>"$CONF"
  done
}

# Does BEFORE know all that AFTER writes? Segments have their sums beside them since the version that told of them in the chain: one of before that does
# not open a ledger that has them.
both_ways() { [ -e "$TMP/kept/by-before/data/segments/$(printf '%020d-%020d-0.sums' 0 "$SEGMENT")" ]; }

signed_size() { sed -n 2p "$DATA.signer/state"; }

put_away() { # put_away LEDGER: nobody has it open
  mkdir -p "$TMP/kept/$1"
  mv "$DATA" "$DATA.signer" "$TMP"/token.* "$TMP/kept/$1/" || die "ledger $1"
}

take() { # take LEDGER: an equal copy of it, at the same place
  rm -rf "$DATA" "$DATA.signer" "$TMP"/token.*
  cp -a --reflink=auto "$TMP/kept/$1"/* "$TMP/" || die "ledger $1"
  SIZE=$(signed_size)
}

# ---- the ledger

# Lines of every format that import knows, and of none.
make_inputs() {
  local in=$TMP/in
  mkdir -p "$in"
  cli sample --seed 7 3600 >"$in/app.json"
  awk -v dir="$in" 'BEGIN {
    split("GET GET GET POST HEAD PUT DELETE", method, " "); split("200 200 200 304 404 403 500 201", status, " ")
    split("/ /a.html /docs/1?x=1 /docs/2?q=a+b&y= /%7Euser /caf\303\251 /a%20b \\x22quoted\\x22", path, " ")
    split("192.0.2.1 192.0.2.77 198.51.100.9 2001:db8::7 ::ffff:203.0.113.5", ip, " "); split("- frank alice b\\xc3\\xa9a", user, " ")
    split("-;curl/8.14.1;Mozilla/5.0 (X11);quote \\\" and \\\\ back", agent, ";")
    for (i = 0; i < 300; i++) {
      at = sprintf("%02d/May/2025:%02d:%02d:%02d %s", i % 28 + 1, i % 24, i * 7 % 60, i * 13 % 60, i % 3 ? "+0000" : "+0200")
      line = sprintf("%s - %s [%s] \"%s %s HTTP/1.1\" %s %d", ip[i % 5 + 1], user[i % 4 + 1], at, method[i % 7 + 1], path[i % 8 + 1], status[i * 5 % 8 + 1], i * 37)
      print line " \"http://example.org/" i % 9 "\" \"" agent[i % 4 + 1] "\"" >(dir "/combined.log")
      if (i < 150) print line >(dir "/common.log")
      if (i < 150) print "www" i % 3 ".example.org:443 " line " \"-\" \"" agent[i % 4 + 1] "\" 0." i % 10 >(dir "/vhost.log")
      if (i < 100) {
        printf "{\"time_local\":\"%s\",\"remote_addr\":\"%s\",\"request\":\"%s /j%d?q HTTP/2.0\"", at, ip[i % 5 + 1], method[i % 7 + 1], i >(dir "/web.json")
        printf ",\"status\":\"%s\",\"http_host\":\"h%d:8443\",\"request_time\":\"0.%03d\",\"x\":{\"y\":[%d,null,-0.5e3]}}\n", status[i % 8 + 1], i % 3, i, i >(dir "/web.json")
      }
      if (i < 40) printf "[Sun May 17 10:%02d:03 2025] [error] line %d <b>&\"\033[31m\tx\n%s", i, i, i % 10 ? "" : "\n#Fields: date time\n" >(dir "/text.log")
    }
  }'
  # Events with all members, ids, hostile text in every one.
  awk 'BEGIN {
    hostile = "<img src=x onerror=a(1)>\\\"'\''&`{{#rows}}\\u001b[31m\\r\\n\\u0000\\u202e\303\251=+@-"
    for (i = 0; i < 400; i++) {
      printf "{\"id\":\"batch-%d\",\"time\":\"2026-02-%02dT%02d:%02d:00.%06dZ\"", i, i % 28 + 1, i % 24, i % 60, i
      printf ",\"action\":\"doc.%s\",\"method\":\"%s\"", i % 3 ? "read" : "write", i % 3 ? "get" : "post"
      printf ",\"status\":%d,\"user\":\"%s\",\"session\":\"s%d\"", i % 7 ? 200 : 404, i % 11 ? "u" i % 20 : "=cmd" hostile, i % 40
      printf ",\"credential\":\"key-%d\",\"ip\":\"%s\"", i % 5, i % 4 ? "198.51.100." i % 256 : "2001:DB8::" i % 16
      printf ",\"user_agent\":\"agent %s\",\"referer\":\"http://r/%d\"", i % 13 ? "x" : hostile, i
      printf ",\"resource\":\"/documents/%d\",\"query\":\"q=%d\",\"host\":\"h%d.example.org\"", i % 90, i, i % 4
      printf ",\"request_id\":\"r-%d\",\"bytes\":%d,\"duration_us\":%d,\"protocol\":\"HTTP/%d\",\"message\":\"%s %d\"", i, i * 1001, i * 7, i % 3 + 1, i % 17 ? "text" : hostile, i
      printf ",\"attributes\":{\"n\":1.50,\"m\":-0,\"z\":null,\"list\":[%d,null,\"\\u00e9\"],\"tenant\":\"t%d\"}}\n", i, i % 3
    }
    print "{\"id\":\"future\",\"time\":\"2199-01-01T00:00:00Z\",\"action\":\"far.ahead\"}"
    print "{\"id\":\"empty\",\"user\":\"\",\"resource\":\"\",\"message\":\"\"}"
    for (i = 0; i < 30; i++) printf "{\"action\":\"no.time\",\"outcome\":\"%s\",\"user\":\"u%d\"}\n", i % 2 ? "failure" : "unknown", i
  }' >"$in/batch.json"
  seq 1 1100 | sed 's|.*|{"id":"fill-&","time":"2026-03-01T00:00:00Z","action":"fill","user":"u&","resource":"/fill","status":200}|' >"$in/fill.json"
  seq 1 300 | sed 's|.*|{"id":"new-&","action":"new","user":"u&","status":200}|' >"$in/new.json"
  seq 1 700 | sed 's|.*|192.0.2.9 - - [18/May/2025:10:00:00 +0000] "GET /new-& HTTP/1.1" 200 & "-" "new"|' >"$in/new.log"
  [ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$in"
}

post() { # post TOKEN QUERY BODY|@FILE
  http_as "$1" -H 'Content-Type: application/x-ndjson' --data-binary "$3" "/v1/events$2"
}

import() { # import NAME ARGUMENTS…: $TMP/NAME is the result
  cli import --config "$CONF" --json "${@:2}" >"$TMP/$1" 2>>"$TMP/log/import" || die "import of $1 by $BUILD: $(tail -n 3 "$TMP/log/import")"
}
imported() { jq -c '[.lines, .accepted, .duplicates]' "$TMP/$1"; }

make_with() { # make_with BUILD LEDGER
  local role want end
  use "$1"
  make_ledger checkpoint_interval=1d "segment_records=$SEGMENT"
  # an admin was every role once
  for role in $ROLES; do add_token "$role" "${role/#admin/writer,auditor,admin}"; done
  add_token gateway writer --sources 'gate/*,app' --expires 2199-01-01T00:00:00Z
  add_token gone reader
  add_token over reader --expires 1s
  keep_token bogus cf_aaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
  lighttpd_start
  import made.app --source app "$TMP/in/app.json"
  import made.web --source web "$TMP"/in/{combined,common,vhost,text}.log "$TMP/in/web.json"
  post writer '' @"$TMP/in/batch.json"
  holds "$2: the batch is taken" "$STATUS $(json .rejected)" "200 0"
  post gateway '' '{"action":"a","source":"gate/7","id":"g-1"}'
  post writer '' '{"action":"a","colour":"red"}'
  post writer '' '{"action"'
  http /v1/events
  http_as admin -X POST --data '' "/v1/tokens/$(token_id gone)/revoke"
  holds "$2: a token is revoked" "$STATUS" 200
  http_as auditor '/v1/verify?mode=full'
  holds "$2: it verifies" "$(json '[.ok, .complete] | tostring')" '[true,true]'
  want=$(($(json .size) / SEGMENT))
  for ((end = SECONDS + PATIENCE; $(find "$DATA/segments" -name '*-0' | wc -l) < want;)); do
    [ "$SECONDS" -le "$end" ] || die "$1 makes no $want segments"
    sleep 0.05
  done
  end_processes
  put_away "$2"
}

token_id() { sed -nE 's/.*cf_([a-z0-9]{10})_.*/\1/p' "$TMP/token.$1"; }

# ---- questions over HTTP

wanted=() # the status that BEFORE must give, so that no question is another one than it seems; - is any

questions_begin() {
  wanted=()
  labels_begin
  : >"$TMP/questions"
}

# q WHO STATUS PATH [CURL OPTION…]: options as in a configuration of curl. WHO is a token's name, cookie, or -.
q() {
  local name="$1 $3" path=${3//\\/\\\\} option n=${#wanted[@]} body
  body="@DIR@/body/$n"
  [ "${4:-}" != head ] || body=/dev/null
  {
    [ "$n" = 0 ] || echo next
    printf 'url = "@URL@%s"\noutput = "%s"\ndump-header = "@DIR@/head/%d"\nnoproxy = "*"\ngloboff\npath-as-is\nsilent\nmax-time = %d\n' \
      "${path//\"/\\\"}" "$body" "$n" "$PATIENCE"
    case $1 in
      -) ;;
      cookie) echo 'cookie = "@DIR@/cookies"' ;;
      *) printf 'header = "@%s"\n' "$TMP/token.$1" ;;
    esac
    for option in "${@:4}"; do
      printf '%s\n' "$option"
      name+=" $option"
    done
  } >>"$TMP/questions"
  label_file "$n" "$name"
  wanted+=("$2")
}

with_body() { # with_body TEXT: an option
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf 'data-binary = "%s"' "${text//$'\n'/\\n}"
}

# A head is signed when the owner starts, and once more if the ledger has grown when its clerk looks for the first time, a moment later.
settle() { sleep 0.5; }

# ask BUILD LEDGER: each question to that build, on a copy of its own; answers are in $TMP/BUILD.
ask() {
  local dir=$TMP/$1 i
  rm -rf "$dir"
  mkdir -p "$dir/head" "$dir/body"
  use "$1"
  take "$2"
  lighttpd_start
  settle
  http -c "$dir/cookies" --data-urlencode "token=$(sed 's/.*Bearer //' "$TMP/token.auditor")" /login
  sed "s|@URL@|$URL|; s|@DIR@|$dir|; s|@SITE@|$SITE|" "$TMP/questions" >"$TMP/questions.now"
  curl -q -K "$TMP/questions.now" 2>>"$TMP/log/curl" || note "curl ends with $? at $1"
  for i in "${!wanted[@]}"; do
    if [ ! -s "$dir/head/$i" ]; then
      [ "$1" = after ] || die "before does not answer ${label[$i]}"
      rm -f "$dir/head/$i" "$dir/body/$i"
    elif [ ! -e "$dir/body/$i" ]; then
      : >"$dir/body/$i"
    fi
  done
  (cd "$dir/head" && sed -i -E '/^(Date|Server|Accept-Ranges): /d' ./*) # the web server's own
  end_processes
  left_behind "$dir/left"
}

# What the log keeps of the questions: records that were made since, without order and times. Refusals and losses are told once a minute, so counted.
# AFTER's own: records of segments, who wrote an event, tokens of before told anew, their hashes, events that were refused for space, and among those
# without the role who was turned away by the page; and all that was read: those that BEFORE tells of are in left.reads, of the others AFTER's own
# tests speak.
left_behind() { # left_behind FILE
  local file=$1
  CONF=$TMP/counterfoil.conf cli query --config "$TMP/counterfoil.conf" --json kind=all "seq_from=$SIZE" order=asc limit=all format=ndjson 2>>"$TMP/log/query" | jq -c 'select(.seq)' >"$file.all"
  jq -c -s '
    map(select(.kind != "segment" and (.kind != "token" or .source != "counterfoil"))
      | del(.seq, .recorded, .writer)
      | if .kind == "token" then .body |= (del(.expires, .sources) | if .what == "add" then del(.id) else . end) | del(.attributes) else . end
      | if .kind == "loss" then .n = .body.count | .body |= del(.count, .first, .last) else . end
      | if .action == "sign-in" and .outcome == "failure" then .action = "refused" else . end
      | select(.kind != "access" or .action == "refused")
      | select(.kind != "loss" or .body.reason != "no-space")
      | if .action == "refused" then .n = (.attributes.count // 1) | .attributes |= del(.count, .first, .last) else . end)
    | group_by(del(.n)) | map(.[0] + {n: map(.n // 1) | add})
    | map(if .attributes.reason == "not-allowed" then del(.n) else . end) | .[]' "$file.all" | sort >"$file"
  jq -r 'select(.action == "query" or .action == "export") | "\(.action) by \(.user // "-"): \(.attributes.filter)"' "$file.all" | sort -u >"$file.reads"
}

compare_left() { # compare_left NAME
  local line n
  area "records left by questions"
  n=$(comm -12 "$TMP/before/left" "$TMP/after/left" | wc -l)
  [ "$n" -gt 0 ] || die "$1 left nothing behind"
  while [ "$n" -gt 0 ]; do good; n=$((n - 1)); done
  while IFS= read -r line; do bad "$1: not recorded any more" "$line"; done < <(comm -23 "$TMP/before/left.reads" "$TMP/after/left.reads")
  while IFS= read -r line; do bad "$1 leaves behind" "only before: $line"; done < <(comm -23 "$TMP/before/left" "$TMP/after/left")
  while IFS= read -r line; do bad "$1 leaves behind" "only after: $line"; done < <(comm -13 "$TMP/before/left" "$TMP/after/left")
}

ask_both() { # ask_both NAME LEDGER: and compare
  local i status wrong=0
  ask before "$2"
  ask after "$2"
  for i in "${!wanted[@]}"; do
    read -r _ status _ <"$TMP/before/head/$i"
    [ "${wanted[i]}" = - ] || [ "$status" = "${wanted[i]}" ] || {
      wrong=$((wrong + 1))
      note "before answers $status, not ${wanted[i]}: ${label[$i]}: $(head -c 300 "$TMP/before/body/$i")"
    }
  done
  [ "$wrong" = 0 ] || die "$wrong questions are not what they seem"
  compare "$TMP/before/body" "$TMP/after/body"
  for i in "${!loose[@]}"; do # of another length; curl has held each against its body
    sed -i -E 's/^Content-Length: [0-9]+/Content-Length: <loose>/' "$TMP/before/head/$i" "$TMP/after/head/$i"
  done
  for i in "${!label[@]}"; do label[$i]="headers of ${label[$i]}"; done
  compare "$TMP/before/head" "$TMP/after/head"
  compare_left "$1"
}

# Values of a member in the ledger: the most frequent, a middle, the rarest one, and how the most frequent begins; for a URL.
member_values() {
  jq -n -r '[inputs | select(.seq and .kind == "event")] as $all
    | ("user session credential method status outcome action resource host source id request_id ip" | split(" "))[] as $m
    | [$all[][$m] | select(. != null) | tostring | select(length < 200)] | group_by(.) | sort_by(-length, .[0]) | map(.[0])
    | [$m, (.[0], .[length / 2 | floor], .[-1], .[0][:3] | @uri)] | join(" ")' "$TMP/all" 2>>"$TMP/log/jq"
}

question_members() {
  local m a b c begin
  while read -r m a b c begin; do
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$a"
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$b&$m=$c&order=asc"
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$a&sort=time&limit=20"
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$c&sort=time&order=asc&format=csv"
    q reader 200 "/v1/events?seq_to=$SIZE&$m.not=$a&limit=30"
    q reader 200 "/v1/events?seq_to=$SIZE&$m.not=$a&$m.not=$b&order=asc&format=ndjson&limit=50"
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$a&$m.not=$b&fields=$m,time"
    q reader 200 "/v1/events?seq_to=$SIZE&$m=$b&kind=all&limit=10000"
    [ "$m" = ip ] || q reader 200 "/v1/events?seq_to=$SIZE&$m.prefix=$begin&limit=25"
    [ "$m" = ip ] || q reader 200 "/v1/events?seq_to=$SIZE&$m.not=$a&$m.prefix=$begin&sort=time"
  done < <(member_values)
}

question_filters() {
  local filter middle
  middle=$(jq -r --argjson at $((SIZE / 2)) 'select(.seq == $at).recorded' "$TMP/all")
  while read -r filter; do
    filter=${filter//MIDDLE/$middle}
    q reader 200 "/v1/events?seq_to=$SIZE&${filter//HALF/$((SIZE / 2))}"
  done <<'TXT'
limit=100
limit=1
limit=10000
order=asc
sort=time
sort=time&order=asc
from=2026-01-06&to=2026-01-07
from=2026-01-06T00:00:00Z&to=2026-01-06T12:00:00%2B02:00&order=asc
from=1767657600&to=1767744000
from=1767657600000&sort=time
to=2025-06-01&limit=1000
from=-36500d&limit=5
recorded_from=MIDDLE&limit=50
recorded_to=MIDDLE&limit=50&sort=time
seq_from=HALF&limit=20&order=asc
status=4xx
status=400-499&order=asc
status=404,403,500
status.not=2xx
method=GET,POST&status=404
method.not=GET,POST
outcome=failure,unknown&limit=300
ip=192.0.2.0/24
ip=2001:db8::/32&limit=40
ip=198.51.100.0/25&ip=203.0.113.5
ip.not=0.0.0.0/0
ip.not=::/0&limit=10
q=onerror
q=ONERROR&q=captured
q=%C3%A9
q=documents%2F4&user.not=u1&limit=15
user=
resource.prefix=/documents&user.prefix=a&status=200
source=web&action.not=x
source=app&method=DELETE&sort=time
user=nobody-of-that-name
id=batch-7
id.prefix=batch-1&sort=time
kind=all
kind=all&order=asc&limit=1000
kind=genesis
kind=service
kind=token
kind=loss
kind=access
kind=event,access&limit=30
kind=key,erasure
kind=all&source=counterfoil
fields=user,method
fields=attributes&limit=400
fields=id,message,user_agent,bytes&kind=all
format=json
format=ndjson
format=csv
format=csv&fields=user,resource,message&limit=2000
kind=all&format=csv&limit=all&order=asc
kind=all&format=ndjson&limit=all&order=asc
kind=all&format=ndjson&limit=all&sort=time
TXT
  q reader 200 "/v1/events?seq_to=$SIZE" 'header = "Accept: text/csv"'
  q reader 200 "/v1/events?seq_to=$SIZE" 'header = "Accept: application/x-ndjson;q=0.5, application/json;q=0.1"'
  q reader 200 "/v1/events?seq_to=$SIZE" 'header = "Accept: text/html, */*;q=0.1"'
  q reader 200 "/v1/events?seq_to=$SIZE" head
  q auditor 200 "/v1/events?seq_to=$SIZE&limit=2"
  q admin 200 "/v1/events?seq_to=$SIZE&limit=2"
}

# Cursors to the end: the walk is BEFORE's, AFTER is asked with its cursors.
question_pages() {
  local filter cursor
  while read -r filter; do
    cursor=
    while :; do
      q reader 200 "/v1/events?seq_to=$SIZE&$filter${cursor:+&cursor=$cursor}"
      http_as reader "/v1/events?seq_to=$SIZE&$filter${cursor:+&cursor=$cursor}"
      [ "$STATUS" = 200 ] || die "a walk by $filter: $STATUS $(head -c 300 "$TMP/body")"
      [ -z "$cursor" ] || q reader 200 "/v1/events?seq_to=$SIZE&$filter&cursor=$cursor&format=csv&fields=seq"
      cursor=$(json '.next_cursor // "" | @uri')
      [ "$(json .has_more)" = true ] || break
    done
    [ -z "$cursor" ] || q reader 200 "/v1/events?seq_to=$SIZE&$filter&cursor=$cursor"
  done <<'TXT'
limit=1500
limit=1500&order=asc
limit=1500&sort=time
limit=1500&sort=time&order=asc&kind=all
limit=7&id.prefix=batch-1
limit=40&sort=time&status=404&order=asc
limit=40&q=quote
limit=100&ip=2001:db8::/32&sort=time
TXT
  # A cursor of another question.
  q reader 400 "/v1/events?seq_to=$SIZE&limit=40&sort=time&cursor=${cursor:-AXoWnnJOiM4kAAAAAAAACdM}"
}

# One of each kind, both ends of blocks and segments, and some between.
some_records() {
  {
    printf '%d\n' 0 1 2 63 64 65 255 256 $((SEGMENT - 1)) $SEGMENT $((SEGMENT + 1)) $((SIZE - 2)) $((SIZE - 1))
    seq 17 197 $((SIZE - 1))
    jq -n -r '[inputs | select(.seq)] | group_by(.kind)[] | .[0].seq, .[-1].seq' "$TMP/all"
  } | sort -n -u
}

question_proofs() {
  local seq first
  area "records and proofs"
  for seq in $(some_records); do
    q reader 200 "/v1/events/$seq"
    q auditor 200 "/v1/events/$seq?proof=1"
    q auditor 200 "/v1/receipts/$seq"
    q auditor 200 "/v1/proofs/inclusion?seq=$seq&size=$SIZE"
    q auditor 200 "/v1/proofs/inclusion?seq=$seq&size=$((seq + 1 + (SIZE - seq - 1) / 3))"
    [ "$seq" = 0 ] || q auditor 200 "/v1/proofs/consistency?first=$seq&second=$SIZE"
    [ "$seq" = 0 ] || q auditor 200 "/v1/proofs/consistency?first=$((seq - seq / 3))&second=$seq"
  done
  q auditor 200 "/v1/proofs/consistency?first=$SIZE&second=$SIZE"
  for first in batch-3 g-1; do
    seq=$(jq -r --arg id "$first" 'select(.id == $id).seq' "$TMP/all")
    [ -z "$seq" ] || q writer - "/v1/receipts/$seq"
    [ -z "$seq" ] || q gateway - "/v1/receipts/$seq"
  done
}

question_verify() {
  local root
  area verify
  root=$(sed -n 3p "$TMP/kept/$1/data.signer/state")
  q auditor 200 /v1/verify
  q auditor 200 '/v1/verify?mode=full'
  q auditor 200 '/v1/verify?mode=quick'
  q admin 200 "/v1/verify?mode=range&seq_from=0&seq_to=$SIZE"
  q auditor 200 "/v1/verify?mode=range&seq_from=$((SEGMENT - 3))&seq_to=$((SEGMENT + 300))"
  q auditor 200 "/v1/verify?mode=range&seq_from=$((SIZE - 1))"
  q auditor 200 "/v1/verify?mode=full&size=$SIZE&root=$(jq -n -r --arg r "$root" '$r | @uri')"
  q auditor 200 "/v1/verify?mode=quick&size=$SIZE&root=$(tr '+/' '-_' <<<"${root%=}")"
  q auditor 200 "/v1/verify?mode=full&size=$SIZE&root=$(printf '0%.0s' {1..64})"
  q auditor 200 "/v1/verify?mode=full" 'header = "Accept: application/x-ndjson"'
}

tile_name() { printf '%03d' "$1"; } # of a small number

question_tiles() {
  local n full=$((SIZE / 256)) kind
  area "tiles, keys, tokens"
  for kind in 0 entries; do
    for ((n = 0; n < full; n++)); do q auditor 200 "/tile/$kind/$(tile_name "$n")"; done
    q auditor 200 "/tile/$kind/000.p/5"
    q auditor 200 "/tile/$kind/$(tile_name "$full").p/1"
    [ $((SIZE % 256)) = 0 ] || q auditor 200 "/tile/$kind/$(tile_name "$full").p/$((SIZE % 256))"
    q auditor 404 "/tile/$kind/$(tile_name $((full + 5)))"
    q auditor 404 "/tile/$kind/$(tile_name $((full + 5))).p/3"
  done
  q auditor 200 "/tile/1/000.p/$full"
  q auditor 200 "/tile/1/000.p/1"
  for n in 1/000 2/000 2/000.p/1 0/0 0/00 0/0000 0/x000 0/x000/001 0/000.p/0 0/000.p/256 0/000.p/05 64/000 -1/000 0/000/ entries/000.p/ entries x; do
    q auditor 404 "/tile/$n"
  done
  q - 401 /tile/0/000
  q - 200 /checkpoint
  q reader 200 /checkpoint head
  for n in $ROLES gateway; do
    q "$n" 200 /v1/keys
    q "$n" 200 /v1/whoami
  done
  q cookie 200 /v1/whoami
  q admin 200 /v1/tokens
}

question_site() {
  local n query
  area "page and files"
  for n in /openapi.json /assets/style.css /assets/app.js /healthz /readyz /login; do
    q - 200 "$n"
    q - 200 "$n" head
    q bogus - "$n"
  done
  q - 404 /assets/page.html
  q - 404 /assets/none.css
  q - 200 /
  for query in '' '&kind=all' '&user=u3' '&method=GET&status=404' '&q=onerror' '&from=2026-02-01&to=2026-02-02' '&id.prefix=batch-1&order=asc' '&sort=time' '&kind=access' '&user=nobody'; do
    q cookie 200 "/?seq_to=$SIZE$query"
  done
  q reader 200 "/?seq_to=$SIZE"
  q cookie 200 "/?seq_to=$SIZE" head
  q cookie 400 "/?seq_to=$SIZE&status=good"
  q cookie 400 "/?seq_to=$SIZE&limit=3"
  q cookie 400 "/?cursor=x"
  q writer 403 /
  q bogus - /
  q - - /login "$(with_body token=bogus)"
  q - 403 /login "$(with_body token=bogus)" 'header = "Origin: http://elsewhere.example"'
  q - 403 /login "$(with_body token=bogus)" 'header = "Sec-Fetch-Site: cross-site"'
  q - - /login "$(with_body 'token=a&token=b')"
  q - - /login "$(with_body 'colour=red')"
  q - 303 /login 'header = "Origin: @SITE@"' "data-urlencode = \"token@$TMP/secret\""
  q cookie 403 /logout "$(with_body form=bogus)"
  q - 303 /logout "$(with_body form=bogus)"
}

question_errors() {
  local what who path method
  area errors
  while read -r what; do q reader 400 "/v1/events?$what"; done <<'TXT'
from=yesterday
from=2026-13-01
to=x
to=2026-02-30T00:00:00Z
recorded_from=x
recorded_to=-
seq_from=-1
seq_to=x
seq_to=18446744073709551616
user=%ff%00&user.prefix
session.suffix=a
status=good
status=1000
status=499-400
method=%20
outcome=maybe
ip=1.2.3.256
ip=1.2.3.4/33
ip.prefix=1
ip=x
sort=size
order=up
limit=0
limit=10001
limit=all
limit=-1
limit=1&limit=2
cursor=x
cursor=AXoWnnJOiM4kAAAAAAAACdM
fields=colour
fields=
format=xml
kind=nothing
kind=
q=
sort=time&sort=seq
usr=alice
action=%C3%A4&colour=red
=
user.not.not=a
TXT
  q reader 400 "/v1/events?q=$(printf 'x%.0s' {1..1025})"
  q reader 400 "/v1/events?$(printf 'user=u&%.0s' {1..256})user=x"
  q reader 400 "/v1/events?method=$(printf 'A,%.0s' {1..1001})B"
  for what in abc -1 99999999999 18446744073709551616 1.0 0x1 +1; do
    q reader 404 "/v1/events/$what"
    q auditor 404 "/v1/receipts/$what"
  done
  for what in proof=2 proof= proof=1\&proof=1 colour=red; do q auditor 400 "/v1/events/1?$what"; done
  q reader 403 '/v1/events/1?proof=1'
  q auditor 400 '/v1/receipts/1?proof=1'
  for what in mode=deeper fast=1 size=3 root=AAAA size=3\&root=AAAA size=x mode=quick\&seq_from=1 mode=range\&seq_from=x mode=range\&seq_from=5\&seq_to=5 mode=range\&seq_from=99999999; do
    q auditor 400 "/v1/verify?$what"
  done
  for what in '' '?seq=1' '?size=1' '?seq=x&size=3' '?seq=3&size=3' '?seq=1&size=99999999' '?seq=1&size=2&x=1' '?seq=1&seq=1&size=2'; do q auditor 400 "/v1/proofs/inclusion$what"; done
  for what in '' '?first=1' '?second=1' '?first=3&second=2' '?first=1&second=99999999' '?first=-1&second=3'; do q auditor 400 "/v1/proofs/consistency$what"; done
  q auditor - '/v1/proofs/consistency?first=0&second=3'
  for what in /v1 /v1/ /v1/nothing /v1/events/ /v1/events/1/2 /v2/events /nothing //v1/events /v1/tokens/x /v1/stats /v1/evidence /v1/usage /metrics /v1/retention /v1/holds /v1/erasures /tile /tile/ /assets /assets/ /checkpoint/x; do
    q admin - "$what"
  done
  for what in /v1/keys /v1/whoami /checkpoint /healthz /readyz /openapi.json /tile/0/000 /login; do q admin - "$what?colour=red"; done
  for method in PUT DELETE OPTIONS PATCH; do
    for what in /v1/events /v1/events/1 /v1/tokens / /login /logout /checkpoint; do q admin 405 "$what" "request = $method"; done
  done
  for what in /v1/events/1 /v1/verify /v1/keys /v1/whoami /checkpoint /healthz / /tile/0/000; do q admin 405 "$what" "$(with_body '{}')"; done
  q admin 405 "/v1/tokens/$(token_id reader)/revoke"
  q admin 405 /logout
  # Who may: each route with each role, and with tokens that do not hold.
  for who in - $ROLES gone over bogus; do
    while read -r method path; do
      if [ "$method" = GET ]; then q "$who" - "$path"; else q "$who" - "$path" "$(with_body '{')"; fi
    done <<TXT
GET /v1/events?seq_to=3
GET /v1/events/1
GET /v1/events/1?proof=1
GET /v1/verify?mode=quick
GET /v1/receipts/1
GET /v1/proofs/inclusion?seq=0&size=1
GET /v1/proofs/consistency?first=1&second=1
GET /v1/keys
GET /v1/whoami
GET /v1/tokens
GET /tile/0/000.p/1
GET /checkpoint
POST /v1/events
POST /v1/tokens
POST /v1/tokens/abcdefghij/revoke
TXT
  done
  q - 401 /v1/whoami 'header = "Authorization: Basic YWxpY2U6c2VjcmV0"'
  q - 401 /v1/whoami 'header = "Authorization: Bearer nonsense"'
  q - 401 /v1/whoami 'header = "X-Counterfoil-Token: cf_x"'
}

# The records of both ledgers are of the same inputs: equal but for times, keys, and ids that a key made; the log's own come in any order.
records_made() {
  local ledger one other
  area "records of the same inputs"
  if ! both_ways; then
    all_of by-after after
    end_processes
  fi
  for ledger in by-before by-after; do
    jq -c 'select(.kind == "event") | del(.seq, .recorded, .writer)
      | if .source == "app" or .source == "web" then .id |= (. // "" | sub("^[0-9a-f]{16}"; "<keyed>")) else . end' "$TMP/all.$ledger" >"$TMP/records.$ledger"
    jq -c 'select(.seq != null and .kind != "event" and .kind != "segment" and (.kind != "access" or .action == "refused")) | del(.seq, .recorded)
      | if .credential then .credential |= sub("^[a-z0-9]{10}$"; "<id>") else . end
      | if .kind == "token" then del(.attributes) | .body |= (del(.sources) | .id |= length | if .expires then .expires |= length else . end)
        elif .kind == "genesis" then .body.key |= length elif .kind == "loss" then .body |= del(.first, .last)
        elif .action == "refused" then .attributes |= del(.first, .last) else . end' "$TMP/all.$ledger" | sort >>"$TMP/records.$ledger"
  done
  equal "how many there are" "$(wc -l <"$TMP/records.by-before")" "$(wc -l <"$TMP/records.by-after")"
  while IFS= read -r one <&3 && IFS= read -r other <&4; do
    if [ "$one" = "$other" ]; then good; else bad "a record" "before $one" "after  $other"; fi
  done 3<"$TMP/records.by-before" 4<"$TMP/records.by-after"
}

all_of() { # all_of LEDGER BUILD: its records, in $TMP/all.LEDGER; the build goes on to run
  use "$2"
  take "$1"
  lighttpd_start
  http_as reader "/v1/events?kind=all&format=ndjson&limit=all&order=asc&seq_to=$SIZE"
  cp "$TMP/body" "$TMP/all.$1"
  [ "$(grep -c '"recorded":' "$TMP/all.$1")" = "$SIZE" ] || die "not all records of $1 can be read"
}

questions() { # questions LEDGER: what there is to ask of it
  questions_begin
  all_of "$1" before
  cp "$TMP/all.$1" "$TMP/all"
  sed -n 's/.*Bearer //p' "$TMP/token.auditor" | tr -d '\n' >"$TMP/secret"
  area queries
  question_members
  question_filters
  question_pages
  end_processes
  question_proofs
  question_verify "$1"
  question_tiles
  question_site
  question_errors
}

# ---- what is written

w() { # STATUS|QUERY|BODY|TYPE, a line each
  local want query body type
  while IFS='|' read -r want query body type; do
    q writer "$want" "/v1/events$query" "$(with_body "$body")" "header = \"Content-Type: ${type:-application/json}\""
  done
}

# What is taken comes first, so that seqs are the same: what is refused leaves records of its own, whenever it comes to that.
questions_of_writes() {
  local want body
  area writes
  questions_begin
  gzip -nc "$TMP/in/new.json" >"$TMP/in/new.gz"
  zstd -qc "$TMP/in/new.json" >"$TMP/in/new.zst"
  w <<'TXT'
201||{"id":"w-1","action":"doc.read","user":"alice","status":200,"attributes":{"b":1.50,"a":[1,null],"z":null}}
200||{"id":"w-1","action":"doc.read","user":"alice","status":200,"attributes":{"a":[1,null],"b":1.50}}
201|?receipt=1|{"id":"w-2","method":"propfind","time":1700000000.25,"ip":"::ffff:192.0.2.7"}
201||{"message":"no id","time":"2016-12-31T23:59:60Z","user":"a\u0000b\u202ec \ud800 \u007f"}
200||[{"id":"w-3","action":"a"},{"id":"w-4","method":"get","status":404}]
200|?return=seqs|{"events":[{"id":"w-3","action":"a"},{"id":"w-5","action":"a"},{"id":"w-5","action":"a"}]}
200|?batch=1|{"logs":[{"id":"w-6","action":"a"}]}
200||{"id":"w-7","action":"a"}{"id":"w-8","action":"a"}|text/plain
200||{"id":"w-9","action":"a"}|application/x-ndjson
200|||application/x-ndjson
200||[]
200|?return=seqs|[]
201|?unknown=attributes|{"id":"w-10","action":"a","colour":"red","attributes":{"x":1}}
TXT
  q writer 201 '/v1/events?long=cut' "$(with_body "{\"id\":\"long\",\"action\":\"a\",\"user\":\"$(printf 'é%.0s' {1..600})\"}")"
  q writer 200 /v1/events "data-binary = \"@$TMP/in/new.gz\"" 'header = "Content-Encoding: gzip"'
  q writer 200 /v1/events "data-binary = \"@$TMP/in/new.zst\"" 'header = "Content-Encoding: zstd"'
  q writer 200 /v1/events "data-binary = \"@$TMP/in/new.gz\""
  q writer 200 /v1/events "data-binary = \"@$TMP/in/new.json\"" 'header = "Transfer-Encoding: chunked"'
  q gateway 201 /v1/events "$(with_body '{"id":"g-2","action":"a","source":"gate/8"}')"
  q gateway 200 /v1/events "$(with_body '{"action":"a","source":"gate/7","id":"g-1"}')"
  w <<'TXT'
200|?return=seqs|[{"id":"m-1","action":"a"},{"nonsense":1},{"id":"m-1","action":"a"},{"id":"m-1","action":"other"},{"id":"m-2","message":"x","source":"somebody"},{"id":"m-3","status":1000,"action":"a"}]
409||{"id":"w-1","action":"doc.read","user":"bob","status":200}
422||[{"nonsense":1},{"status":1000,"action":"a"}]
422|?return=seqs|[{"nonsense":1}]
400|?receipt=1|[{"action":"a"}]
400|?colour=red|{"action":"a"}
400|?batch=yes|{"action":"a"}
400|?batch=1&batch=1|{"action":"a"}
400|?return=all|{"action":"a"}
400|?unknown=x|{"action":"a"}
400|?long=x|{"action":"a"}
422||hello
422||{"action":"a"
422||5
422||{"action":"a","action":"b"}
422||{"action":"a","\u0061ction":"b"}
422||{"action":"a","attributes":{"x":{"y":1,"y":2}}}
422||{"action":"a","attributes":{"x\u0000y":1}}
422||{"action":"a","bytes":NaN}
422||{"action":"a","bytes":9007199254740992}
422||{"action":"a","attributes":{"n":9223372036854775808}}
422||{"action":"a","bytes":-1}
422||{"action":"a","status":200.5}
422||{"action":"a","status":"good"}
422||{"action":"a","colour":"red"}
422|?unknown=attributes|{"action":"a","colour":"red","attributes":{"colour":"blue"}}
422||{"user":"alice"}
422||{}
422||{"action":null}
422||{"action":"a","id":"with space"}
422||{"action":"ä"}
422||{"method":"GET /"}
422||{"action":"a","time":"yesterday"}
422||{"action":"a","time":"2026-02-30T00:00:00Z"}
422||{"action":"a","ip":"1.2.3.256"}
422||{"action":"a","outcome":"maybe"}
422||{"action":"a","attributes":[1]}
422||{"action":"a","attributes":{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":1}}}}}}}}}}
422||{"action":"a","source":"somebody"}
422||{"action":"a","source":"counterfoil"}
TXT
  q writer 422 /v1/events "$(with_body "{\"action\":\"a\",\"user\":\"$(printf 'u%.0s' {1..1025})\"}")"
  q writer 415 /v1/events "data-binary = \"@$TMP/in/new.gz\"" 'header = "Content-Encoding: br"'
  q writer 422 /v1/events "data-binary = \"@$TMP/in/new.gz\"" 'header = "Content-Encoding: zstd"'
  q gateway 422 /v1/events "$(with_body '{"action":"a","source":"other"}')"
  q reader 403 /v1/events "$(with_body '{"action":"a"}')"
  q - 401 /v1/events "$(with_body '{"action":"a"}')"
  while IFS='|' read -r want body; do q admin "$want" /v1/tokens "$(with_body "$body")"; done <<'TXT'
201|{"name":"made","roles":["writer","reader"],"sources":["app.*","x"],"expires":"90d"}
201|{"name":"plain","roles":["auditor"]}
201|{"name":"until","roles":["officer","admin"],"expires":"2199-01-01T00:00:00+01:00"}
422|{"name":"no name","roles":["reader"]}
422|{"name":"a","roles":["king"]}
422|{"name":"a","roles":[]}
422|{"name":"a"}
422|{"roles":["reader"]}
422|{"name":"a","roles":["reader"],"expires":"2000-01-01T00:00:00Z"}
422|{"name":"a","roles":["reader"],"expires":"soon"}
422|{"name":"a","roles":["writer"],"sources":["*x"]}
422|{"name":"a","roles":["reader"],"colour":"red"}
422|{"name":"a","name":"b","roles":["reader"]}
422|[]
422|x
TXT
  q auditor 403 /v1/tokens "$(with_body '{"name":"a","roles":["reader"]}')"
  q admin 200 "/v1/tokens/$(token_id officer)/revoke" "$(with_body '')"
  q admin 200 "/v1/tokens/$(token_id gone)/revoke" "$(with_body '')"
  q admin 404 /v1/tokens/abcdefghij/revoke "$(with_body '')"
  q admin 404 /v1/tokens/x/revoke "$(with_body '')"
  q officer 401 /v1/whoami
}

# ---- limits and damage

limits() { # limits LEDGER
  area limits
  use_conf 'max_batch = 10' 'max_body = 4K' 'public = none'
  take "$1"
  questions_begin
  q writer 413 /v1/events "$(with_body "[$(printf '{"action":"a"},%.0s' {1..10}){\"action\":\"a\"}]")"
  q writer 413 /v1/events "data-binary = \"@$TMP/in/new.json\""
  q writer 413 /v1/events "data-binary = \"@$TMP/in/fill.gz\"" 'header = "Content-Encoding: gzip"'
  q - 401 /checkpoint
  q auditor 200 /checkpoint
  q reader 403 /checkpoint
  gzip -nc "$TMP/in/fill.json" >"$TMP/in/fill.gz"
  ask_both limits "$1"
  area limits
  use_conf 'min_free = 1000000G'
  questions_begin
  q - 503 /readyz
  q - 200 /healthz
  q writer 507 /v1/events "$(with_body '{"action":"a"}')"
  q admin - /v1/tokens "$(with_body '{"name":"a","roles":["reader"]}')"
  q admin 200 "/v1/tokens/$(token_id officer)/revoke" "$(with_body '')"
  READY=/healthz ask_both "limits of space" "$1"
  use_conf
}

# The copies are equal, so the same byte can be flipped in each.
damage() { # damage LEDGER
  local segment seq
  area "a damaged ledger"
  command -v db5.3_dump >/dev/null || { unlooked+=("damaged ledgers: no db5.3_dump"); return; }
  take "$1"
  segment=$DATA/segments/$(printf '%020d-%020d-0' "$SEGMENT" $((2 * SEGMENT)))
  flip "$segment" $(($(part_place "$segment" 4) + 20))
  put_away damaged
  take damaged
  questions_begin
  q reader 500 "/v1/events?seq_to=$SIZE&limit=10000&order=asc"
  q reader 500 "/v1/events?seq_to=$SIZE&sort=time&limit=10000&format=csv"
  q reader 500 "/v1/events?seq_from=$((SEGMENT + 256))&seq_to=$((SEGMENT + 300))&kind=all&format=ndjson"
  q reader - "/v1/events?seq_to=$SIZE&user=alice.adler&limit=1000"
  q reader 200 "/v1/events?seq_to=$SEGMENT&limit=3"
  for seq in $SEGMENT $((SEGMENT + 200)) $((SEGMENT + 260)) $((SEGMENT + 330)) $((SEGMENT + 900)); do
    q reader - "/v1/events/$seq"
    q auditor - "/v1/events/$seq?proof=1"
    q auditor - "/v1/receipts/$seq"
    q auditor - "/v1/proofs/inclusion?seq=$seq&size=$SIZE"
  done
  for seq in 3 4 5 6; do q auditor - "/tile/entries/$(tile_name "$seq")"; done
  q auditor 200 '/v1/verify?mode=full'
  q auditor 200 "/v1/verify?mode=range&seq_from=$SEGMENT&seq_to=$((2 * SEGMENT))"
  q auditor 200 '/v1/verify?mode=quick'
  q cookie 500 "/?seq_to=$((SEGMENT + 300))"
  ask_both "a damaged ledger" damaged
}

# ---- plain CGI: each byte that the application writes

# STATUS|METHOD|PATH|VARIABLE=VALUE;… where @reader@ is that token
cgi_questions() {
  cat <<TXT
200|GET|/v1/events?seq_to=$SIZE&limit=3|HTTP_AUTHORIZATION=Bearer @reader@
200|GET|/v1/events?seq_to=$SIZE&limit=3&format=csv|HTTP_X_COUNTERFOIL_TOKEN=@reader@
200|GET|/v1/events?seq_to=$SIZE&limit=2000&order=asc|REDIRECT_HTTP_AUTHORIZATION=Bearer @reader@
200|HEAD|/v1/events/5|HTTP_AUTHORIZATION=Splunk @reader@
200|GET|/v1/events/5?proof=1|HTTP_AUTHORIZATION=Bearer @auditor@
200|GET|/v1/receipts/7|HTTP_AUTHORIZATION=Bearer @auditor@
200|GET|/tile/0/000.p/3|
200|GET|/checkpoint|
200|GET|/openapi.json|
200|GET|/assets/style.css|HTTPS=on
304|GET|/assets/style.css|HTTP_IF_NONE_MATCH=@etag@
200|GET|/|
401|GET|/v1/whoami|
401|GET|/v1/whoami|HTTP_AUTHORIZATION=Bearer nonsense
200|GET|/v1/whoami|REMOTE_USER=alice;AUTH_TYPE=Basic
401|GET|/v1/whoami|REMOTE_USER=alice
200|GET|/v1/events?seq_to=2|REMOTE_USER=alice;AUTH_TYPE=Basic;HTTP_AUTHORIZATION=Basic YWxpY2U6c2VjcmV0
403|GET|/v1/tokens|REMOTE_USER=alice;AUTH_TYPE=Basic
401|GET|/v1/whoami|REMOTE_USER=mallory;AUTH_TYPE=Basic
401|GET|/v1/whoami|SSL_CLIENT_VERIFY=SUCCESS;SSL_CLIENT_S_DN=CN=alice
400|GET|/v1/events?status=good|HTTP_AUTHORIZATION=Bearer @reader@
404|GET|/v1/nothing|
405|PUT|/v1/events|HTTP_AUTHORIZATION=Bearer @reader@
303|POST|/login|HTTP_HOST=localhost;HTTP_ORIGIN=https://localhost;HTTPS=on;BODY=token=@auditor@
403|POST|/login|HTTP_HOST=localhost;HTTP_ORIGIN=https://elsewhere.example;BODY=token=@auditor@
401|POST|/login|BODY=token=bogus
TXT
}

cgi() { # cgi METHOD PATH VARIABLES: the answer as it is
  local path=${2%%\?*} query='' body='' variable
  local -a variables=() all=()
  [[ $2 != *\?* ]] || query=${2#*\?}
  IFS=';' read -r -a all <<<"$3"
  for variable in ${all[@]+"${all[@]}"}; do
    if [[ $variable = BODY=* ]]; then body=${variable#BODY=}; else variables+=("$variable"); fi
  done
  [ -z "$body" ] || variables+=("CONTENT_LENGTH=${#body}" CONTENT_TYPE=application/x-www-form-urlencoded)
  printf '%s' "$body" | as_user env -i GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 SERVER_NAME=localhost SERVER_PORT=80 REMOTE_ADDR=192.0.2.99 \
    SCRIPT_NAME="$MOUNT" PATH_INFO="$path" QUERY_STRING="$query" REQUEST_METHOD="$1" ${variables[@]+"${variables[@]}"} "$FCGI" --config "$CONF" 2>>"$TMP/log/cgi"
}

length_checked() { # length_checked FILE: where Content-Length is that of the raw answer's body, it says so instead
  local head all length
  head=$(sed '/^\r$/q' "$1" | wc -c)
  all=$(wc -c <"$1")
  length=$(sed -n '/^\r$/q; s/^Content-Length: \([0-9]*\)\r$/\1/p' "$1")
  [ "${length:-x}" != $((all - head)) ] || sed -i '1,/^\r$/s/^Content-Length: [0-9]*/Content-Length: <that of the body>/' "$1"
}

cgi_all() { # cgi_all DIRECTORY
  local want method path variables i=0
  rm -rf "$TMP/$1"
  mkdir "$TMP/$1"
  labels_begin
  while IFS='|' read -r want method path variables; do
    label_file "$i" "$method $path $variables"
    while [[ $variables =~ @([a-z]+)@ ]]; do
      case ${BASH_REMATCH[1]} in
        etag) variables=${variables//@etag@/$(sed -n 's/\r$//; s/^ETag: //p' "$TMP/$1/9")} ;;
        *) variables=${variables//${BASH_REMATCH[0]}/$(sed 's/.*Bearer //' "$TMP/token.${BASH_REMATCH[1]}")} ;;
      esac
    done
    cgi "$method" "$path" "$variables" >"$TMP/$1/$i"
    length_checked "$TMP/$1/$i"
    [[ $1 != *before ]] || [[ $(head -n 1 "$TMP/$1/$i") = "Status: $want "* ]] || die "plain CGI: ${label[$i]}: not $want: $(head -c 300 "$TMP/$1/$i")"
    i=$((i + 1))
  done < <(cgi_questions)
}

compare_cgi() { # compare_cgi NAME DIRECTORY DIRECTORY
  local file
  local -A plain=()
  for file in "${!label[@]}"; do
    plain[$file]=${label[$file]}
    label[$file]="$1: ${label[$file]}"
  done
  rm -rf "$TMP/cgi.one" "$TMP/cgi.other"
  cp -r "$TMP/$2" "$TMP/cgi.one"
  cp -r "$TMP/$3" "$TMP/cgi.other"
  compare "$TMP/cgi.one" "$TMP/cgi.other"
  for file in "${!plain[@]}"; do label[$file]=${plain[$file]}; done
}

listens_at_sock() {
  local end=$((SECONDS + PATIENCE))
  until [ -S "$DATA/sock" ]; do
    [ "$SECONDS" -le "$end" ] && alive "$SERVE" || die "serve of $BUILD does not start: $(tail -n 3 "$TMP/log/serve")"
    sleep 0.02
  done
}

doors() { # doors LEDGER
  local owner relay
  area "plain CGI, owners and relays"
  use_conf 'public = tiles' 'trust = remote_user' 'role = remote_user:alice=auditor,reader' 'idle_exit = 0'
  for owner in before after; do
    take "$1"
    use "$owner"
    serve_start
    listens_at_sock
    settle
    for relay in before after; do
      use_programs "$relay"
      cgi_all "cgi-$owner-$relay"
    done
    end_processes
    take "$1"
    use "$owner"
    cgi_all "cgi-alone-$owner"
  done
  for owner in before after; do
    for relay in before after; do
      [ "$owner$relay" = beforebefore ] || compare_cgi "owner $owner, relay $relay" cgi-before-before "cgi-$owner-$relay"
    done
  done
  compare_cgi "owns for one request" cgi-alone-before cgi-alone-after
  use_conf
}

# ---- the command

# STATUS|ARGUMENTS; ~ stands for a space within one
commands() {
  local root
  root=$(sed -n 3p "$DATA.signer/state")
  cat <<TXT
0|--version
0|query --config @CONF@ seq_to=$SIZE limit=5
0|query --config @CONF@ seq_to=$SIZE kind=all order=asc limit=1000
0|query --config @CONF@ --seq_to=$SIZE --id.prefix=batch-1 --limit=50
0|query --config @CONF@ --seq_to=$SIZE --source=web --sort=time --limit=200
0|query --config @CONF@ --json seq_to=$SIZE kind=all limit=300
0|query --config @CONF@ --seq_to=$SIZE format=csv limit=400
0|query --config @CONF@ seq_to=$SIZE --json format=ndjson status=4xx
0|query --config @CONF@ seq_to=$SIZE user=nobody-of-that-name
2|query --config @CONF@ --nonsense=1
2|query --config @CONF@ nonsense
2|query --config @CONF@ status=good
0|verify --config @CONF@
0|verify --config @CONF@ --full --json
0|verify --config @CONF@ --quick
0|verify --config @CONF@ --size $SIZE --root $root
1|verify --config @CONF@ --quick --size $SIZE --root AAAA${root:4}
1|verify --config @CONF@ --json --size $SIZE --root AAAA${root:4}
2|verify --config @CONF@ --size $SIZE
2|verify --config @CONF@ --quick --full
2|verify --bogus
0|token list --config @CONF@
0|token list --json --config @CONF@
0|token add --config @CONF@ delta reader,auditor --expires 2199-01-01T00:00:00Z
2|token add --config @CONF@ gamma king
2|token add --config @CONF@ no~name reader
0|token revoke $(token_id officer) --config @CONF@
2|token revoke abcdefghij --config @CONF@
2|token revoke x --expires 90d --config @CONF@
2|token burn --config @CONF@
2|token
0|sample 0
0|sample 3
0|sample 1000 --seed 4 --from 2024-02-28T23:00:00Z
2|sample
2|sample x
2|sample 3 --from never
0|import --config @CONF@ --json --source app $TMP/in/app.json
0|import --config @CONF@ --source app $TMP/in/app.json
0|import --config @CONF@ --json --source web $TMP/in/combined.log $TMP/in/text.log
0|import --config @CONF@ --json --source new $TMP/in/new.log
2|import --config @CONF@ $TMP/in/none.log
2|import --config @CONF@
2|init --config @CONF@
2|serve --listen
2|bogus
2|
0|query --config @CONF@ --json kind=event seq_from=$SIZE order=asc limit=all format=csv fields=user,resource,message,source,id,time
TXT
}

commands_of() { # commands_of BUILD LEDGER: output and status of each
  local want line got i=0
  local -a words
  rm -rf "$TMP/$1"
  mkdir -p "$TMP/$1/out" "$TMP/$1/err"
  use "$1"
  take "$2"
  commands >"$TMP/commands"
  labels_begin
  while IFS='|' read -r want line; do
    read -r -a words <<<"${line//@CONF@/$CONF}"
    cli ${words[@]+"${words[@]//\~/ }"} >"$TMP/$1/out/$i" 2>"$TMP/$1/err/$i" </dev/null
    got=$?
    [ "$1" = after ] || [ "$got" = "$want" ] || die "command of before: $line: status $got, not $want: $(head -c 300 "$TMP/$1/err/$i")"
    echo "exit status $got" >>"$TMP/$1/out/$i"
    line=${line//"$TMP"\/in\//}
    label_file "$i" "${line//@CONF@/conf}"
    i=$((i + 1))
  done <"$TMP/commands"
  left_behind "$TMP/$1/left"
}

# Help and what is said on standard error is for people.
tell_words() {
  local command build file
  for file in $(still_different "$TMP/before/err" "$TMP/after/err"); do
    [[ ${label[$file]} = @(import|token\ add)* ]] || told+=("standard error of ${label[$file]}")
  done
  for command in '' init token import query verify serve sample fcgi; do
    for build in before after; do
      case $command in
        fcgi) "${TREE[$build]}/counterfoil.fcgi" --help ;;
        '') "${TREE[$build]}/counterfoil" --help ;;
        *) "${TREE[$build]}/counterfoil" "$command" --help ;;
      esac >"$TMP/help.$build" 2>&1
    done
    cmp -s "$TMP/help.before" "$TMP/help.after" || told+=("help of counterfoil $command:"$'\n'"$(diff "$TMP/help.before" "$TMP/help.after" | sed -n '/^[<>]/p' | head -n 6)")
  done
}

command_line() { # command_line LEDGER
  area command
  commands_of before "$1"
  commands_of after "$1"
  compare "$TMP/before/out" "$TMP/after/out"
  compare_left command
  tell_words
}

# ---- there and back, and ids

verifies() { # verifies NAME: the ledger holds, and extends what it was last time
  local size=${KEPT% *} root=${KEPT#* }
  cli verify --config "$CONF" --full --json --size "$size" --root "$root" >"$TMP/verdict" 2>>"$TMP/log/verify"
  holds "$1" "$? $(jq -c '[.ok, .complete, .errors]' "$TMP/verdict")" '0 [true,true,[]]'
  KEPT=$(jq -r '"\(.size) \(.root)"' "$TMP/verdict")
}

imports_again() { # imports_again NAME SOURCE FILE…
  local name=$1 n
  n=$(cat "${@:3}" | wc -l)
  import again --source "${@:2}"
  holds "$name" "$(imported again)" "[$n,0,$n]"
}

# alternate LEDGER OTHER MAKER: OTHER goes on with the ledger that MAKER made, then MAKER. What one build took, the other knows by its ids.
alternate() {
  local build turn=0 name
  take "$1"
  KEPT=$(sed -n '2,3p' "$DATA.signer/state" | paste -s -d ' ')
  for build in "$2" "$3"; do
    turn=$((turn + 1))
    name="$1, turn $turn, $build"
    use "$build"
    area "there and back"
    verifies "$name: it verifies"
    area ids
    imports_again "$name: JSON lines" app "$TMP/in/app.json"
    imports_again "$name: lines of logs" web "$TMP"/in/{combined,common,vhost,text}.log "$TMP/in/web.json"
    [ "$turn" = 1 ] || imports_again "$name: lines that the other imported" new "$TMP/in/new.log"
    [ "$turn" != 1 ] || import again --source new "$TMP/in/new.log"
    lighttpd_start
    grep '"id":' "$TMP/in/batch.json" >"$TMP/in/ids.json"
    post writer '' @"$TMP/in/ids.json"
    holds "$name: the batch" "$STATUS $(json '[.accepted, .duplicates, .rejected] | tostring')" "200 [0,$(wc -l <"$TMP/in/ids.json"),0]"
    if [ "$turn" != 1 ]; then
      post writer '' @"$TMP/in/more.json"
      holds "$name: a batch that the other took" "$STATUS $(json '[.accepted, .duplicates, .rejected] | tostring')" "200 [0,1100,0]"
    fi
    sed "s/\"id\":\"fill-/&$turn-/" "$TMP/in/fill.json" >"$TMP/in/more.json"
    post writer '' @"$TMP/in/more.json"
    area "there and back"
    holds "$name: it takes more" "$STATUS $(json '[.accepted, .duplicates, .rejected] | tostring')" "200 [1100,0,0]"
    end_processes
  done
  verifies "$1: it verifies at the end"
  use "$2"
  verifies "$1: for $2 too"
  holds "$1: all events are there" "$(cli query --config "$CONF" --json format=ndjson "seq_from=$SIZE" limit=all 2>>"$TMP/log/query" | grep -c '"recorded":')" $((700 + 2 * 1100))
}

# import --follow: the file in which it keeps how far it read.
follow() { # follow LEDGER
  local build log=$TMP/follow/log
  local -a turns=(before after before)
  area "import --follow"
  mkdir "$TMP/follow"
  head -n 50 "$TMP/in/combined.log" >"$log"
  [ -z "$RUN_AS" ] || chown -R "$RUN_AS:" "$TMP/follow"
  both_ways || turns=(before after)
  for build in after before; do # so that BEFORE can go on with the last
    take "$1"
    use "$build"
    follow_new "$build reads a file" 50
    mv "$TMP/follow/state" "$TMP/state.$build" || : >"$TMP/state.$build"
  done
  equal "state" "$(cat "$TMP/state.before")" "$(cat "$TMP/state.after")"
  cp -p "$TMP/state.after" "$TMP/follow/state"
  for build in "${turns[@]}"; do
    use "$build"
    sed "s|GET /|&$build-$RANDOM|" "$TMP/in/new.log" | head -n 30 >>"$log"
    follow_new "$build goes on with the other's state" 30
  done
}

follow_new() { # follow_new NAME LINES: so many are new, and none is there already
  local end=$((SECONDS + PATIENCE)) want
  want=$(wc -l <"$TMP/follow/log")
  : >"$TMP/log/follow"
  spawn follow "$CLI" import --config "$CONF" --follow --state "$TMP/follow/state" --source follow "$TMP/follow/log"
  until [ "$(cli query --config "$CONF" --json format=ndjson source=follow limit=all 2>>"$TMP/log/query" | grep -c '"recorded":')" -ge "$want" ]; do
    [ "$SECONDS" -le "$end" ] && alive "$PID" || break
    sleep 0.1
  done
  end_processes
  holds "$1" "$(sed '/: all sessions of the page end: /d; s/ kept as.*//' "$TMP/log/follow")" "$2 lines: $2 new, 0 already there, 0"
}

# ---- files on disk

# sheet FILE [SHEET]: its head, then a line a row, key and value in hex
sheet() { "$DUMP" ${2:+-s "$2"} "$1" | awk '!on {print; on = /^HEADER=END/; next} /^DATA=END/ {exit} ++n % 2 {key = $1; next} {print key, $1}'; }
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }

# What is random, keyed or a time is only as long as it is.
form_of_lines() { sed -E 's/[A-Za-z0-9+\/]{43,92}=*/<base64>/g; s/\+[0-9a-f]{8}\+/+<id>+/'; }

form_of_tokens() { # rows in the order of random ids
  local key value
  sheet "$1" | while read -r key value; do
    [ -n "$value" ] || { echo "$key"; continue; }
    printf '%d %s\n' "${#key}" "$(printf '%b' "$(sed 's/../\\x&/g' <<<"$value")" | sed -E 's/"(id|hash)":"[^"]*"/"\1":"<\1>"/g; s/"(made|expires|revoked)":("[^"]*"|[0-9]+)/"\1":<time>/g')"
  done | sort
}

form_of_table() { # form_of_table FILE
  case ${1##*/} in
    tokens) form_of_tokens "$1" ;;
    checkpoints) sheet "$1" | awk 'NF == 2 {$1 = length($1); $2 = length($2)} {print}' | sort -u ;; # how many there are is a matter of moments
    tail-*) sheet "$1" | awk 'NF == 2 {$0 = length($1)} {print}' | sort -u ;;                        # so is what was appended in one go
    *) sheet "$1" | awk 'NF == 2 {$2 = length($2)} {print}' ;;
  esac
}

form_of_sheet() { # form_of_sheet FILE SHEET
  case $2 in
    blocks | times | info) sheet "$1" "$2" | awk 'NF == 2 {$0 = substr($1, 1, 8)} {print}' | uniq ;; # of any length: texts are compressed, times are differences
    hashes) sheet "$1" "$2" | awk 'NF == 2 {$2 = length($2)} {print}' ;;
    id) sheet "$1" "$2" | awk 'NF == 2 {n += length($2); next} {print} END {print n}' ;; # keyed
    credential) sheet "$1" "$2" | awk 'NF == 2 {$1 = ""} {print}' | sort ;;           # ids of tokens
    date) sheet "$1" "$2" | grep -Ev "^$TODAY" ;;
    *) sheet "$1" "$2" ;;
  esac
}

forms_of() { # forms_of BUILD LEDGER: of its files, in $TMP/BUILD
  local dir=$TMP/$1 file name one
  rm -rf "$dir"
  mkdir "$dir"
  take "$2"
  (cd "$TMP" && find data data.signer -printf '%y %m %P\n' | sort) >"$dir/files"
  (cd "$DATA" && stat -c '%n %s' reserve lock) >"$dir/sizes"
  for file in key vkey state; do form_of_lines <"$DATA.signer/$file" | sed "2s/^$SIZE\$/<size>/" >"$dir/$file"; done
  [ -n "$DUMP" ] || return 0
  for file in "$DATA"/env/[!l]*; do
    [ "${file##*/}" != sessions ] || both_ways || continue
    form_of_table "$file" >"$dir/table:${file##*/}"
  done
  for file in "$DATA"/segments/*[0-9]; do
    name=segment:${file##*/}
    "$DUMP" -l "$file" >"$dir/$name"
    # Behind the first one are the records that tell of segments, wherever they came between the others: offsets in indexes are others.
    both_ways && [[ ${file##*/} = 00000000000000000000-* ]] || continue
    while read -r one; do form_of_sheet "$file" "$one" >"$dir/$name:$one"; done <"$dir/$name"
  done
}

files_made() { # of the ledgers that each build made of the same inputs
  local build file
  area "files of a new ledger"
  labels_begin
  for build in before after; do
    forms_of "$build" "by-$build"
    for file in "$TMP/$build"/*; do label_file "${file##*/}" "form of ${file##*/}"; done
  done
  compare "$TMP/before" "$TMP/after"
}

# The rows of which nothing but the first N records are the cause, whole; of others what holds no time and nothing random.
same_rows() { # same_rows FILE SHEET N
  case $2 in
    blocks)
      sheet "$1" "$2" | awk -v n=$(($3 / 64)) '
        function number(s,   i, v) { for (i = 1; i <= 8; i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
        NF < 2 || number($1) < n'
      ;;
    hashes) sheet "$1" "$2" | awk -v n=$(($3 / 16)) 'NF < 2 || ++rows <= n' ;;
    times) sheet "$1" "$2" | awk -v n=$(($3 / 256)) 'NF < 2 || ++rows <= n' ;;
    info) sheet "$1" "$2" | awk 'NF == 2 {$2 = length($2)} {print}' ;;
    date) sheet "$1" "$2" | grep -Ev "^$TODAY" ;;
    *) sheet "$1" "$2" ;;
  esac
}

# roll BUILD LEDGER: its tail becomes a segment, whose sheets are in $TMP/BUILD; the segments that were there stay as they are.
roll() {
  local dir=$TMP/$1 file end first one
  rm -rf "$dir"
  mkdir "$dir"
  take "$2"
  use "$1"
  first=$((SIZE / SEGMENT * SEGMENT))
  serve_start
  listens_at_sock
  import rolled --source fill "$TMP/in/fill.json"
  file=$DATA/segments/$(printf '%020d-%020d-0' "$first" $((first + SEGMENT)))
  for ((end = SECONDS + PATIENCE; ; )); do
    [ ! -e "$file" ] || break
    [ "$SECONDS" -le "$end" ] || die "$1 makes no segment of $first"
    sleep 0.05
  done
  end_processes
  "$DUMP" -l "$file" >"$dir/sheets"
  while read -r one; do
    both_ways || [[ $one = @(blocks|hashes|times|info) ]] || continue # indexes know of AFTER's records too
    same_rows "$file" "$one" $((SIZE - first)) >"$dir/$one"
  done <"$dir/sheets"
  for file in "$TMP/kept/$2/data/segments"/*; do
    if cmp -s "$file" "$DATA/segments/${file##*/}"; then good; else bad "$1 changes the segment ${file##*/}"; fi
  done
}

files_rolled() { # files_rolled LEDGER
  local build file
  area "files of a segment"
  [ -n "$DUMP" ] || return 0
  labels_begin
  for build in before after; do
    roll "$build" "$1"
    for file in "$TMP/$build"/*; do label_file "${file##*/}" "the tail as a segment: ${file##*/}"; done
  done
  compare "$TMP/before" "$TMP/after"
}

# ---- the report

report() {
  local name row filter on why
  printf '\n%-34s %9s %9s\n' area compared different
  for name in "${areas[@]}"; do printf '%-34s %9d %9d\n' "$name" "${compared[$name]}" "${differing[$name]}"; done
  printf '\nallowed to differ, in so many comparisons\n'
  for row in "${may_differ[@]}"; do
    IFS=';' read -r name on filter why <<<"$row"
    printf '  %-14s %5d  %s\n' "$name" "${allowed_n[$name]:-0}" "$why"
  done
  if [ "${#told[@]}" -gt 0 ]; then
    printf '\nfor information, no difference: %d\n' "${#told[@]}"
    printf '%s\n' "${told[@]}" | cut -c 1-240 | sed 's/^/  /' | head -n 80
  fi
  printf '\nnot looked at\n'
  printf '  %s\n' "${unlooked[@]}"
  if [ "${#different[@]}" = 0 ]; then
    printf '\nno difference\n'
  else
    printf '\nDIFFERENCES\n'
    printf '%s\n' "${different[@]}" | cut -c 1-200 | sort | uniq -c
  fi
}

# As finish does, but the report is the last word: what is wanted of differences is their names, not the servers' logs.
conclude() {
  end_processes
  sanitizer_reports
  report
  printf '%d passed, %d failed\n' "$passed" "$failed"
  rm -rf "$TMP"
  TMP=
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

begin two_builds
for tool in jq curl lighttpd zstd gzip; do command -v "$tool" >/dev/null || die "no $tool"; done
DUMP=$(command -v db5.3_dump || command -v db_dump || :)
[ -n "$DUMP" ] || unlooked+=("tables and sheets: neither db5.3_dump nor db_dump is here")
TODAY="($(hex "$(date -u +%Y-%m-%d)")|$(hex "$(date -u -d tomorrow +%Y-%m-%d)"))"
use before
make_inputs
area "making a ledger"
make_with before by-before
make_with after by-after
ledgers=(by-before)
if both_ways; then ledgers+=(by-after); else unlooked+=("BEFORE at a ledger that AFTER made or went on with: it does not know the sums of segments" "indexes in segments, byte by byte: AFTER's own records stand between"); fi
for ledger in "${ledgers[@]}"; do
  questions "$ledger"
  note "$ledger: $SIZE records, $(find "$TMP/kept/$ledger/data/segments" -type f ! -name '*.sums' | wc -l) segments, ${#wanted[@]} questions"
  ask_both "$ledger" "$ledger"
done
records_made
take by-before
questions_of_writes
ask_both writes by-before
limits by-before
damage by-before
doors by-before
command_line by-before
if both_ways; then
  alternate by-before after before
  alternate by-after before after
else
  alternate by-before after after
fi
follow by-before
files_made
files_rolled by-before
conclude
