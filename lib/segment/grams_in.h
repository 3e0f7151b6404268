/* SPDX-License-Identifier: MIT */
/* Inside lib/segment: what the sheet `grams` of records holds, made of them in
 * order. The builder writes it; the comparison of a segment with its records
 * holds it against what is there. */
#ifndef CF_SEGMENT_GRAMS_IN_H
#define CF_SEGMENT_GRAMS_IN_H

#include "lib/segment/segment_in.h"

#define CF_GRAMS_CHUNK_MAX 700
#define CF_GRAMS_KEY_N     4

struct cf_grams_sheet {
  /* Called for each chunk, in order. */
  enum cf_err (*put)(void *context, struct cf_str key, struct cf_str value);
  void *context;
  struct cf_grams *grams;
  uint32_t records, taken;  /* of the segment; of them so far */
  uint32_t begins, before;  /* numbers: of the chunk being filled, of its last row */
  struct cf_buf rows, head; /* of that chunk */
  struct cf_buf row;        /* the next one */
};
/* For so many records. CF_E_NOMEM. To be ended in any case. */
CF_MUST enum cf_err cf_grams_sheet_init(struct cf_grams_sheet *sheet, uint32_t records,
                                        enum cf_err (*put)(void *context, struct cf_str key,
                                                           struct cf_str value),
                                        void *context);
void cf_grams_sheet_fini(struct cf_grams_sheet *sheet); /* harmless on a zeroed one */
/* Take in the next record's values; with the last one all chunks are given.
 * CF_E_SYNTAX, CF_E_NOMEM; put's errors. */
CF_MUST enum cf_err cf_grams_sheet_add(struct cf_grams_sheet *sheet, struct cf_values *values);

#endif
