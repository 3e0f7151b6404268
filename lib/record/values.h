/* SPDX-License-Identifier: MIT */
/* The values of a record's members, taken out of its texts; and the record as
 * one flat object. */
#ifndef CF_RECORD_VALUES_H
#define CF_RECORD_VALUES_H

#include "lib/record/record.h"

/* The values of a record's members. Strings are decoded, integers, times and
 * attributes are their JSON text; .p = NULL where absent. Slices point into the
 * record's texts or into scratch. */
struct cf_values {
  struct cf_str v[CF_M_N];
  struct cf_buf scratch;
};
void cf_values_init(struct cf_values *values); /* an empty one; reusable for record after record */
void cf_values_fini(struct cf_values *values);
/* Take a record apart. Fast path for canonical text; CF_E_SYNTAX where it is
 * not, CF_E_NOMEM. */
CF_MUST enum cf_err cf_values_get(const struct cf_record *r, struct cf_values *values);

/* Append the flat event of api.md: seq, recorded, kind, the members in order
 * (for kinds with a body: source, body, …), `erased` (names) where it applies.
 * fields is a mask of 1 << enum cf_member, or CF_FIELDS_ALL; seq, recorded,
 * kind and `erased` are always there, `body` only with CF_FIELDS_ALL. */
#define CF_FIELDS_ALL UINT32_MAX
void cf_record_put_flat(const struct cf_record *r, uint32_t fields, struct cf_buf *b);

#endif
