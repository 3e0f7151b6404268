# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# systemd-journal-remote, which takes journal entries in the export format from a pipe into a journal file; an entry's fields are our
# members. Set: all as it comes (compressed, one file). It is not sealed: the keys for that are the machine's, in /var/log/journal, which a
# benchmark keeps its hands off. It is not as durable as the others either: it syncs when a file is full or closed, so its figure has one
# sync in it, and there is no single write. --verify checks the hashes of the file's tables, not a chain.

journal_prepare() {
  JOURNAL_REMOTE=$(journal_remote)
  [ -n "$JOURNAL_REMOTE" ] && command -v journalctl >/dev/null || { absent systemd-journal-remote "not installed: $(how_to_install)"; return 0; }
  JOURNAL=$TMP/journal/events.journal
  JOURNAL_EVENTS=0
  mkdir "$TMP/journal"
  takes_part journal journal "journal-remote $(journalctl --version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')" "from a pipe, one file, not sealed; synced at its end, not an entry"
}

# journal_import PREFIX EVENTS FILE FROM: an entry an event, with times behind FROM, which must not go back; sets TOOK.
journal_import() {
  columns "$1" "$2" | awk -F '\t' -v from="$4" '
    BEGIN {
      n = split("ID TIME ACTION METHOD STATUS USR SESSION CREDENTIAL IP USER_AGENT REFERER RESOURCE QUERY HOST REQUEST_ID BYTES DURATION_US PROTOCOL OUTCOME MESSAGE ATTRIBUTES", name, " ")
    }
    {
      print "__REALTIME_TIMESTAMP=1768000" sprintf("%09d", from + NR) "\n__MONOTONIC_TIMESTAMP=" from + NR "\n_BOOT_ID=0123456789abcdef0123456789abcdef"
      for (i = 1; i <= n; i++) if ($i != "") print name[i] "=" $i
      print ""
    }' >"$TMP/entries"
  timed as_journal -o "$3" - || wrong "systemd-journal-remote: $(tail -n 3 "$TMP/log/journal")"
  rm -f "$TMP/entries"
}
as_journal() { "$JOURNAL_REMOTE" "$@" <"$TMP/entries" >>"$TMP/log/journal" 2>&1; }

# A pipe is one connection; each time into the same file.
journal_ingest() {
  [ "$2" = 1 ] || return 0
  journal_import "fill$1" "$TMP/part.$1" "$JOURNAL" "$JOURNAL_EVENTS"
  JOURNAL_EVENTS=$((JOURNAL_EVENTS + PART))
  figure ingest.1 "$(calc %.0f "$PART / $TOOK")"
}

journal_size() {
  figure size.events "$(calc %.1f "$(bytes "$TMP/journal") / $JOURNAL_EVENTS")"
  [ "$(journal_count)" = "$JOURNAL_EVENTS" ] || wrong "the journal has $(journal_count) of $JOURNAL_EVENTS entries"
}

journal_count() { journalctl -q --directory "$TMP/journal" -o json --output-fields=STATUS | wc -l; }

journal_lines() {
  mkdir "$TMP/journal.lines"
  journal_import lines "$TMP/lines.ndjson" "$TMP/journal.lines/lines.journal" 0
  figure lines "$(calc %.0f "$BENCH_LINES / $TOOK")"
  figure size.lines "$(calc %.1f "$(bytes "$TMP/journal.lines") / $BENCH_LINES")"
  rm -rf "$TMP/journal.lines"
}

journal_export() {
  [ "$1" = ndjson ] || return 0
  local lines
  export_lines() { lines=$(journalctl -q --directory "$TMP/journal" -o json | wc -l); }
  timed export_lines || wrong "journalctl failed"
  figure export.ndjson "$(calc %.0f "$lines / $TOOK")"
}

journal_verify() { # it knows one way
  [ "$1" = full ] || return 0
  used journalctl -q --verify --directory "$TMP/journal" >"$TMP/log/journal-verify" 2>&1 || wrong "journalctl: $(tail -n 3 "$TMP/log/journal-verify")"
  figure verify "$(calc %.0f "$JOURNAL_EVENTS / $TOOK")"
  figure verify.core "$(calc %.0f "$JOURNAL_EVENTS / $USED")"
}
