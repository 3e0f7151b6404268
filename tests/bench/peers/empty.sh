# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# The empty FastCGI responder (tests/bench/empty.c): what a web server, libfcgi and the machine cost by themselves, in the same lighttpd
# as the ledger. Over one connection also the bound of what is durable: that and one fdatasync.

empty_prepare() {
  takes_part empty empty "empty responder" "behind the same lighttpd, with equal settings; keeps nothing"
  takes_part bound bound "empty responder + one fdatasync" "its time over one connection and the median fdatasync of the same minute, added"
}

empty_ingest() { post empty "ingest.$2" -c "$2" -b "$BATCH" -n "$PART_BATCHES" -f "$TMP/part.$1" -p fill; }

empty_single() {
  post empty "single.$1" -c "$1" -t "$BENCH_SECONDS" -f "$TMP/some.ndjson" -p single
  [ "$1" = 1 ] || return 0
  local fsync
  fsync=$("$TOOLS/fsync" "$TMP" | cut -d " " -f 1)
  WHO=bound figure single.1 "$(calc %.0f "1000000 / (1000000 / $(said requests_s) + $fsync)")"
}

# Any question is the same to it.
empty_page() { ask_page "page.$1" "$SITE/empty" 204; }
