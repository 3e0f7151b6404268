/* SPDX-License-Identifier: MIT */
/* Answers as text (api.md, GET /v1/events). A format is a row of output.def and
 * a file. What is written is appended to a buffer, which the caller sends and
 * empties as it likes. */
#ifndef CF_OUTPUT_OUTPUT_H
#define CF_OUTPUT_OUTPUT_H

#include "lib/proof/note.h"
#include "lib/query/query.h"
#include "lib/record/values.h"

#define CF_OUTPUT_TYPES_N 2

/* What the columns mean: output.def. */
struct cf_output {
  const char *name;
  const char *types[CF_OUTPUT_TYPES_N]; /* type and alias */
  const char *content_type;
  bool streams;
  bool exports;
  const struct cf_output_calls *calls;
};

enum {
  CF_OUTPUT_N = 0
#define CF_OUTPUT(symbol, name, type, alias, content_type, streams, exports) +1
#include "lib/output/output.def"
#undef CF_OUTPUT
};
extern const struct cf_output cf_output_table[CF_OUTPUT_N];

/* The format of that name, or NULL. */
const struct cf_output *cf_output_find(struct cf_str name);
/* Append the names as a person lists them, `before` in front of each: "json,
 * ndjson or csv"; with streams those of the formats that stream. */
void cf_output_put_names(const char *before, bool streams, struct cf_buf *b);

/* A writer of one answer. */
struct cf_rows {
  const struct cf_output *output;
  uint32_t fields;
  bool bare;  /* rows only: no line behind them that a reader could take for one */
  uint64_t n; /* rows put */
  struct cf_values values;
};
/* fields as for cf_record_put_flat. Allocates nothing. `bare` is then to be
 * set. */
void cf_rows_init(struct cf_rows *rows, const struct cf_output *output, uint32_t fields);
void cf_rows_fini(struct cf_rows *rows);

/* Append what comes before the rows. */
void cf_rows_begin(const struct cf_rows *rows, struct cf_buf *b);
/* Append a record. CF_E_SYNTAX where its text is not canonical; b's error. */
CF_MUST enum cf_err cf_rows_put(struct cf_rows *rows, const struct cf_record *record,
                                struct cf_buf *b);
/* Append what comes after the rows: the cursor, whether there is more, and, in
 * formats that have a place for it, the checkpoint, unless it is NULL. Nothing
 * where they are bare. */
void cf_rows_end(const struct cf_rows *rows, const struct cf_page_end *end,
                 const struct cf_checkpoint *checkpoint, struct cf_buf *b);
/* Append, instead of the end, that the answer cannot be finished: the error
 * (in CSV not where it is bare), then text that stops in the middle of a value,
 * so that nobody takes what there is for all. fault has the error's words. */
void cf_rows_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                   const struct cf_fault *fault, struct cf_buf *b);

#endif
