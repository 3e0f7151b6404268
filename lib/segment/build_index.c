/* SPDX-License-Identifier: MIT */
/* Filling what finds records: an index for each indexed member, how often each
 * value is there, the ids, and the filters over both. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/index/postings.h"
#include "lib/segment/build_in.h"
#include "lib/segment/fuse_in.h"
#include "lib/segment/value_filter_in.h"

static enum cf_err put_count(struct cf_build *b, struct cf_str key, uint32_t n)
{
  uint8_t count[4];

  cf_u32_put(count, n);
  return cf_build_put(b, CF_SHEET_COUNTS, key, (struct cf_str){(char *)count, sizeof count});
}

static enum cf_err put_chunk(struct cf_build *b, struct cf_str key, const uint32_t *offsets,
                             uint32_t n)
{
  uint8_t ordinal[CF_ORDINAL_N];

  cf_u16_put(ordinal, (uint16_t)b->info.index[b->index].chunks++);
  cf_buf_reset(&b->key);
  cf_buf_reset(&b->value);
  cf_buf_putstr(&b->key, key);
  cf_build_u32(&b->key, offsets[0]);
  cf_buf_put(&b->value, ordinal, sizeof ordinal);
  cf_chunk_put(&b->value, offsets, n);
  if (b->key.err != CF_OK || b->value.err != CF_OK)
    return CF_E_NOMEM;
  return cf_build_put(b, CF_SHEET_INDEX + b->index, cf_buf_str(&b->key), cf_buf_str(&b->value));
}

static enum cf_err put_value(void *context, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct cf_build *b = context;
  struct cf_index_info *info = &b->info.index[b->index];
  char text[CF_VALUE_KEY_MAX];
  struct cf_str whole = cf_value_key(b->index, key, text);
  uint64_t fingerprint = cf_index_fingerprint(b->source->index, whole);
  enum cf_err err = CF_OK;

  cf_buf_put(&b->values, &fingerprint, sizeof fingerprint);
  for (uint32_t at = 0, k; at < n && err == CF_OK; at += k) {
    k = cf_chunk_take(offsets + at, n - at);
    err = put_chunk(b, key, offsets + at, k);
  }
  info->values++;
  info->missing -= n;
  return err == CF_OK && n > 1 ? put_count(b, whole, n) : err;
}

/* Write the chunk of pairs gathered so far; the next one begins with that. */
static enum cf_err flush_pairs(struct cf_build *b, struct cf_id_pair next)
{
  b->pairs.next = next;
  cf_id_chunk_put(&b->pairs, b->records, &b->key, &b->value);
  b->pairs.first = next;
  b->pairs.n = 0;
  b->info.index[b->index].chunks++;
  if (b->key.err != CF_OK || b->value.err != CF_OK)
    return CF_E_NOMEM;
  return cf_build_put(b, CF_SHEET_INDEX + b->index, cf_buf_str(&b->key), cf_buf_str(&b->value));
}

/* All different fingerprints, in order: they nearly come so. */
static void fingerprint_keep(struct cf_build *b, uint64_t fingerprint)
{
  uint32_t *n = &b->info.index[b->index].values, at = *n;

  while (at > 0 && b->fingerprints[at - 1] > fingerprint)
    at--;
  if (at > 0 && b->fingerprints[at - 1] == fingerprint)
    return;
  memmove(b->fingerprints + at + 1, b->fingerprints + at, (*n - at) * sizeof fingerprint);
  b->fingerprints[at] = fingerprint;
  ++*n;
}

static enum cf_err put_pair(void *context, uint64_t fingerprint, uint32_t offset)
{
  struct cf_build *b = context;
  struct cf_id_pair pair = {cf_id_kept(CF_SEGMENT_LAYOUT, fingerprint), offset};
  enum cf_err err = CF_OK;

  if (b->pairs.n == CF_ID_CHUNK_N)
    err = flush_pairs(b, pair);
  b->pairs.pair[b->pairs.n++] = pair;
  b->info.index[b->index].missing--;
  fingerprint_keep(b, fingerprint);
  return err;
}

static enum cf_err put_filter(struct cf_build *b)
{
  uint8_t check[8];

  cf_buf_reset(&b->value);
  enum cf_err err = cf_fuse_put(&b->value, b->fingerprints, b->info.index[CF_M_ID].values);
  if (err != CF_OK)
    return err;
  cf_u64_put(check, cf_index_fingerprint(b->source->index, cf_buf_str(&b->value)));
  cf_buf_put(&b->value, check, sizeof check);
  return b->value.err != CF_OK
             ? b->value.err
             : cf_build_put(b, CF_SHEET_INFO, CF_STR("filter"), cf_buf_str(&b->value));
}

static enum cf_err put_pairs(struct cf_build *b)
{
  b->pairs.first = (struct cf_id_pair){0, 0};
  enum cf_err err = cf_index_each_exact(b->source->index, b->index, b->records, put_pair, b);
  if (err == CF_OK)
    err = flush_pairs(b, cf_id_pair_end);
  return err == CF_OK && b->index == CF_M_ID ? put_filter(b) : err;
}

static enum cf_err put_values(struct cf_build *b)
{
  cf_buf_reset(&b->value);
  if (b->values.err == CF_OK)
    cf_value_filter_put(&b->value, (const uint64_t *)(const void *)b->values.p,
                        b->values.n / sizeof(uint64_t));
  enum cf_err err = b->values.err != CF_OK ? b->values.err : b->value.err;
  return err != CF_OK ? err : cf_build_put(b, CF_SHEET_INFO, CF_STR("keys"), cf_buf_str(&b->value));
}

static int compare_by_name(const void *a, const void *b)
{
  return strcmp(cf_index_name(*(const unsigned *)a), cf_index_name(*(const unsigned *)b));
}

/* By name, so that `counts` is filled in order too. */
enum cf_err cf_build_indexes(struct cf_build *b)
{
  unsigned order[CF_I_N];
  unsigned n = 0;

  b->fingerprints = malloc(b->records * sizeof *b->fingerprints);
  enum cf_err err = b->fingerprints == NULL ? CF_E_NOMEM : CF_OK;
  for (unsigned i = 0; i < CF_I_N; i++)
    if (cf_index_exists(i))
      order[n++] = i;
  qsort(order, n, sizeof *order, compare_by_name);
  for (unsigned k = 0; k < n && err == CF_OK; k++) {
    b->index = order[k];
    b->info.index[b->index] = (struct cf_index_info){.present = true, .missing = b->records};
    err = cf_index_is_exact(b->index)
              ? put_pairs(b)
              : cf_index_each(b->source->index, b->index, b->records, put_value, b);
  }
  return err == CF_OK ? put_values(b) : err;
}
