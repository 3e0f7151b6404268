/* SPDX-License-Identifier: MIT */
/* Filling the sheet that tells which groups of records may hold a text. */
#include "config.h"

#include "lib/segment/build_in.h"

static enum cf_err chunk_put(void *context, struct cf_str key, struct cf_str value)
{
  return cf_build_put(context, CF_SHEET_GRAMS, key, value);
}

enum cf_err cf_build_grams_init(struct cf_build_grams *g, struct cf_build *b)
{
  cf_values_init(&g->values);
  return cf_grams_sheet_init(&g->sheet, b->records, chunk_put, b);
}

enum cf_err cf_build_grams_add(struct cf_build_grams *g, const struct cf_block *block)
{
  enum cf_err err = CF_OK;
  for (unsigned k = 0; k < block->n && err == CF_OK; k++) {
    err = cf_values_get(&block->record[k], &g->values);
    if (err == CF_OK)
      err = cf_grams_sheet_add(&g->sheet, &g->values);
  }
  return err == CF_E_SYNTAX ? CF_E_DAMAGED : err;
}

void cf_build_grams_fini(struct cf_build_grams *g)
{
  cf_grams_sheet_fini(&g->sheet);
  cf_values_fini(&g->values);
}
