/* SPDX-License-Identifier: MIT */
/* Answers as text: JSON in one frame, NDJSON, CSV (api.md, GET /v1/events).
 * Rows are appended to a buffer that the caller sends and empties as it
 * likes. */
#ifndef CF_OUTPUT_OUTPUT_H
#define CF_OUTPUT_OUTPUT_H

#include "lib/proof/note.h"
#include "lib/query/query.h"
#include "lib/record/values.h"

/* Content-Type of a format; a constant. */
const char *cf_format_type(enum cf_format format);

/* A writer of one answer. */
struct cf_rows {
  enum cf_format format;
  uint32_t fields;
  uint64_t n; /* rows put */
  struct cf_values values;
};
/* fields as for cf_record_put_flat. Allocates nothing. */
void cf_rows_init(struct cf_rows *rows, enum cf_format format, uint32_t fields);
void cf_rows_fini(struct cf_rows *rows);

/* Append what comes before the rows: `{"events":[`, or CSV's line of names. */
void cf_rows_begin(const struct cf_rows *rows, struct cf_buf *b);

/* Append a record. CSV: RFC 4180; a cell that a spreadsheet would run (leading
 * = + - @, tab, CR) gets a ' before it, control characters other than tab, CR
 * and LF are written as \u00xx, an empty text is "" and what is absent is
 * nothing; a `body` column stands in whole events (CF_FIELDS_ALL) only.
 * CF_E_SYNTAX where the record's text is not canonical; b's error. */
CF_MUST enum cf_err cf_rows_put(struct cf_rows *rows, const struct cf_record *record,
                                struct cf_buf *b);

/* Append what comes after the rows. JSON: `next_cursor` (null where there is
 * none), `has_more`, and `checkpoint` unless it is NULL; NDJSON: a line with
 * the first two; CSV: the same as lines `# next_cursor=…` and `#
 * has_more=…`. */
void cf_rows_end(const struct cf_rows *rows, const struct cf_page_end *end,
                 const struct cf_checkpoint *checkpoint, struct cf_buf *b);

/* Append, instead of the end, that the answer breaks off here: NDJSON a line
 * `{"error":{"type":…,"title":…,"status":…,"detail":…},"next_cursor":…}`, CSV
 * the same as `# error=…` lines. With CF_E_DAMAGED the error also has
 * `seq_from` and `seq_to`: what could not be read, seq_from ≤ seq < seq_to. Not
 * for JSON, whose answer is not sent before it is whole. */
void cf_rows_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                   struct cf_buf *b);

#endif
