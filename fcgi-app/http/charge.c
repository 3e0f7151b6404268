/* SPDX-License-Identifier: MIT */
/* Memory that requests hold together. */
#include "config.h"

#include "fcgi-app/http/charge.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/die.h"

/* Of what was held, which the allocator would keep, in each of its arenas. */
#define LARGE (UINT64_C(16) << 20)

struct cf_charges {
  atomic_uint_fast64_t held, highest; /* since nothing was held */
  uint64_t max;
};

enum cf_err cf_charges_new(uint64_t max, struct cf_charges **charges)
{
  struct cf_charges *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  atomic_init(&made->held, 0);
  atomic_init(&made->highest, 0);
  made->max = max;
  *charges = made;
  return CF_OK;
}

void cf_charges_free(struct cf_charges *charges)
{
  free(charges);
}

uint64_t cf_charges_held(const struct cf_charges *charges)
{
  return atomic_load(&charges->held);
}

enum cf_err cf_charge_add(struct cf_charge *charge, uint64_t n)
{
  struct cf_charges *all = charge->charges;
  if (n > all->max || charge->n > all->max - n)
    return CF_E_FULL;
  uint64_t before = atomic_fetch_add(&all->held, n);
  if (before > all->max - n) {
    atomic_fetch_sub(&all->held, n);
    return CF_E_MEMORY;
  }
  charge->n += n;
  if (before + n > atomic_load(&all->highest))
    atomic_store(&all->highest, before + n); /* about; who is late loses little */
  return CF_OK;
}

void cf_charge_cut(struct cf_charge *charge, uint64_t n)
{
  CF_ASSERT(n <= charge->n);
  atomic_fetch_sub(&charge->charges->held, n);
  charge->n -= n;
}

void cf_charge_fini(struct cf_charge *charge)
{
  struct cf_charges *all = charge->charges;
  if (charge->n == 0)
    return;
  cf_charge_cut(charge, charge->n);
  if (cf_charges_held(all) > 0 || atomic_exchange(&all->highest, 0) <= LARGE)
    return;
#ifdef M_TRIM_THRESHOLD
  (void)malloc_trim(0);
#endif
}
