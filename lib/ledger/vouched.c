/* SPDX-License-Identifier: MIT */
/* What the chain tells of segments, vouched for: so that a start need not open
 * each of them before it answers. The row `told` of `meta` says that the chain
 * up to a size tells of each segment that the catalogue has, as it has it, and
 * of no other: that size and a MAC, under the signer's key, over it, the leaf
 * hash in front of it and the catalogue's rows. It is made for the append that
 * enters a segment, whose own record stands at that size or behind it, while
 * what the chain tells of the others is known: read whole, or vouched for. So a
 * ledger of an older build, or one of which something could not be read, has it
 * from its next segment on.
 *
 * It stays true: what a chain of that leaf hash tells up to a size does not
 * change. One of an older day, put back with an older catalogue, has an older
 * size, and what comes behind it is read.
 *
 * Of each segment it also has which kinds of records there may be, as the
 * filter of its values tells: who looks for the log's own, as tokens are looked
 * for by the first request that has one, opens those that may have some. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"

#define SIZE_N 8
#define HEAD_N (SIZE_N + CF_HASH_N)

/* kinds: CF_VOUCHED_KINDS_N bytes for each segment. */
static enum cf_err row_mac(struct cf_ledger *l, const uint8_t size[SIZE_N],
                           const struct cf_segment_meta *segments, size_t n, const uint8_t *kinds,
                           uint8_t mac[CF_HASH_N])
{
  uint8_t leaf[CF_HASH_N], count[8];
  struct cf_buf rows;
  enum cf_err err = cf_ledger_leaf_hash(l, cf_u64_get(size) - 1, leaf);
  if (err != CF_OK)
    return err;
  cf_u64_put(count, n);
  cf_buf_init(&rows, SIZE_MAX / 2);
  for (size_t i = 0; i < n; i++)
    cf_segment_meta_put(&segments[i], &rows);
  const struct cf_str parts[] = {CF_VOUCHED_ROW,
                                 {(const char *)size, SIZE_N},
                                 {(const char *)leaf, CF_HASH_N},
                                 {(const char *)count, sizeof count},
                                 cf_buf_str(&rows),
                                 {(const char *)kinds, n * CF_VOUCHED_KINDS_N}};
  if (rows.err == CF_OK)
    cf_signer_mac(l->signer, parts, 6, mac);
  err = rows.err;
  cf_buf_fini(&rows);
  return err;
}

/* Under entering: does the chain tell of these segments, and of no other? Of
 * the one that enters it is about to. What a row has beside what is told, its
 * times, the file was opened for, or it is vouched for. */
static bool all_told(struct cf_ledger *l, const struct cf_segment_meta *segments, size_t n,
                     uint64_t entering)
{
  size_t at = 0;
  bool all = l->told_known && !l->told.partial;
  for (size_t i = 0; all && i < n; i++) {
    const struct cf_segment_body file = cf_told_body(&segments[i]);
    all = cf_told_lacking(&l->told, &file, &at) == NULL &&
          (segments[i].first == entering ||
           (cf_told_judge(&l->told, &segments[i]) == CF_OATH_KEPT &&
            !cf_segment_doubted(l, &segments[i], CF_SEEN_MISMATCH | CF_SEEN_ROW)));
  }
  return all && cf_told_lacking(&l->told, NULL, &at) == NULL;
}

/* ---- kinds ---- */

static uint32_t kinds_of(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  uint32_t kinds = 0;
  for (unsigned k = 0; k < CF_K_N; k++) {
    struct cf_str name = cf_str_from(cf_kind_table[k].name);
    const struct cf_term term = {.index = CF_I_KIND, .first = name, .last = name};
    bool may = cf_vouched_may_have(l, meta, k) && cf_segment_may_match(l->pool, meta, &term);
    kinds |= (uint32_t)may << k;
  }
  return kinds;
}

/* The filter of the one that enters is not there before it was opened; where it
 * cannot be, it may have all kinds. */
static void kinds_put(struct cf_ledger *l, const struct cf_segment_meta *segments, size_t n,
                      uint64_t entering, struct cf_buf *b)
{
  struct cf_segment *s = NULL;
  uint8_t kinds[CF_VOUCHED_KINDS_N];
  for (size_t i = 0; i < n; i++) {
    if (segments[i].first == entering && cf_segment_acquire(l->pool, &segments[i], &s) == CF_OK)
      cf_segment_release(l->pool, s);
    cf_u32_put(kinds, kinds_of(l, &segments[i]));
    cf_buf_put(b, kinds, sizeof kinds);
  }
}

/* ---- the row ---- */

bool cf_vouched_make(struct cf_ledger *l, const struct cf_segment_meta *segments, size_t n,
                     uint64_t entering, struct cf_buf *value)
{
  uint8_t size[SIZE_N], mac[CF_HASH_N];
  struct cf_buf kinds;
  if (l->signer == NULL || !all_told(l, segments, n, entering))
    return false;
  (void)pthread_mutex_lock(&l->look);
  cf_u64_put(size, l->durable);
  (void)pthread_mutex_unlock(&l->look);
  cf_buf_init(&kinds, n * CF_VOUCHED_KINDS_N);
  kinds_put(l, segments, n, entering, &kinds);
  if (kinds.err == CF_OK && row_mac(l, size, segments, n, kinds.p, mac) == CF_OK) {
    cf_buf_put(value, size, sizeof size);
    cf_buf_put(value, mac, sizeof mac);
    cf_buf_putstr(value, cf_buf_str(&kinds));
  }
  cf_buf_fini(&kinds);
  return value->n > 0 && value->err == CF_OK;
}

static bool tails_doubted(const struct cf_layout *layout)
{
  for (size_t i = 0; i < layout->tails_n; i++)
    if (cf_tail_doubted(layout->tails[i]) > 0)
      return true;
  return false;
}

/* Read the row: is it there, and is it of these segments and this chain, whose
 * leaf hash may stand in a tail? */
static bool row_fits(struct cf_ledger *l, const struct cf_layout *layout, struct cf_buf *row)
{
  uint8_t mac[CF_HASH_N];
  return !tails_doubted(layout) &&
         cf_bdb_get(l->table[CF_TABLE_META], NULL, CF_VOUCHED_ROW, row) == CF_OK &&
         row->n == row->max && cf_u64_get(row->p) > 0 && cf_u64_get(row->p) <= l->found &&
         row_mac(l, row->p, layout->segments, layout->segments_n, row->p + HEAD_N, mac) == CF_OK &&
         cf_equal(row->p + SIZE_N, mac, sizeof mac);
}

/* Where the records that tell stand is not known, but behind what they tell of
 * and below the size. */
enum cf_err cf_vouched_read(struct cf_ledger *l, const struct cf_layout *layout,
                            struct cf_told *told, uint64_t *size)
{
  struct cf_buf row;
  cf_buf_init(&row, HEAD_N + layout->segments_n * CF_VOUCHED_KINDS_N);
  bool fits = l->signer != NULL && row_fits(l, layout, &row);
  enum cf_err err = fits ? cf_vouched_take(l, layout, row.p + HEAD_N) : CF_E_NOTFOUND;
  if (err == CF_OK)
    *size = cf_u64_get(row.p);
  cf_buf_fini(&row);
  for (size_t i = 0; err == CF_OK && i < layout->segments_n; i++) {
    const struct cf_segment_body body = cf_told_body(&layout->segments[i]);
    err = cf_told_add(told, &body, body.end - 1);
  }
  return err;
}
