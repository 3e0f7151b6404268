/* SPDX-License-Identifier: MIT */
/* Memory that requests hold: what a stranger can make large is charged before
 * it is allocated, and all requests together stay within one limit (conf.md,
 * ingest_memory). */
#ifndef CF_HTTP_CHARGE_H
#define CF_HTTP_CHARGE_H

#include "lib/base/err.h"

#include <stdint.h>

/* What they share. Thread-safe. */
struct cf_charges;
/* max: bytes of all together. CF_E_NOMEM. */
CF_MUST enum cf_err cf_charges_new(uint64_t max, struct cf_charges **charges);
void cf_charges_free(struct cf_charges *charges); /* NULL is harmless */
uint64_t cf_charges_held(const struct cf_charges *charges);

/* One request's part, for one thread. */
struct cf_charge {
  struct cf_charges *charges;
  uint64_t n;
};
/* n bytes more; after an error nothing was charged. CF_E_MEMORY: the limit of
 * all is reached, and it may be tried again later. CF_E_FULL: so much does not
 * fit where there is nobody else, either. */
CF_MUST enum cf_err cf_charge_add(struct cf_charge *charge, uint64_t n);
/* n bytes, which were charged, less. */
void cf_charge_cut(struct cf_charge *charge, uint64_t n);
/* All of it is given back, its memory was freed before. Where many held much
 * the last one has the allocator give it back, too. */
void cf_charge_fini(struct cf_charge *charge);

#endif
