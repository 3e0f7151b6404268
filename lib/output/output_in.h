/* SPDX-License-Identifier: MIT */
/* Inside lib/output: what a format is made of, and what formats share. */
#ifndef CF_OUTPUT_OUTPUT_IN_H
#define CF_OUTPUT_OUTPUT_IN_H

#include "lib/output/output.h"

/* The functions of a format; those without a result leave errors to b. */
struct cf_output_calls {
  /* Once, before the rows; nothing was sent yet. NULL: nothing comes before
   * them. */
  void (*begin)(const struct cf_rows *rows, struct cf_buf *b);
  /* For each record, in order; rows->n are before it. An error ends the answer,
   * and nothing was appended. */
  enum cf_err (*row)(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b);
  /* Once, behind the rows. checkpoint may be NULL. */
  void (*end)(const struct cf_page_end *end, const struct cf_checkpoint *checkpoint,
              struct cf_buf *b);
  /* Once, instead of end, where a part of the answer was sent and the rest
   * cannot be had: cf_rows_break. With CF_E_DAMAGED end says what could not be
   * read. */
  void (*break_off)(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                    const struct cf_fault *fault, struct cf_buf *b);
};

#define CF_OUTPUT(symbol, name, type, alias, content_type, streams, exports) \
  extern const struct cf_output_calls cf_output_##symbol;
#include "lib/output/output.def"
#undef CF_OUTPUT

/* ---- output_json.c ---- */

/* Append the member `next_cursor`: null where there is none. */
void cf_output_put_cursor(const struct cf_page_end *end, struct cf_buf *b);

#endif
