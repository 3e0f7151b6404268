/* SPDX-License-Identifier: MIT */
/* What the bodies of two kinds say, read out of a record's public text
 * (format.md, Leaf). */
#ifndef CF_RECORD_KIND_BODY_H
#define CF_RECORD_KIND_BODY_H

#include "lib/base/crypto.h"
#include "lib/record/schema.h"

/* `segment`: a file held the records first ≤ seq < end. */
struct cf_segment_body {
  uint64_t first, end; /* multiples of 256, first < end */
  uint64_t rewrite;    /* how often it was written again */
  uint8_t digest[CF_HASH_N];
};
/* CF_E_SYNTAX */
CF_MUST enum cf_err cf_segment_body_get(struct cf_str public_text, struct cf_segment_body *body);

/* `erasure`: its targets, one after the other, each n ≥ 1 records in a row from
 * first on, and a mask of their compartments. */
struct cf_target {
  uint64_t first, n;
  uint8_t mask;
};
struct cf_targets {
  const char *p, *end;
};
/* Stand before the first one of an erasure's public text, which must be one
 * that cf_public_check takes. It is borrowed. CF_E_SYNTAX. */
CF_MUST enum cf_err cf_targets_begin(struct cf_str public_text, struct cf_targets *targets);
/* False where none is left. */
bool cf_targets_next(struct cf_targets *targets, struct cf_target *target);

#endif
