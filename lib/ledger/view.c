/* SPDX-License-Identifier: MIT */
/* Views of any kind: what lies beyond a view's size is not there. */
#include "config.h"

#include "lib/ledger/view.h"

#include <string.h>

void cf_view_put(struct cf_view *view)
{
  if (view != NULL)
    view->calls->free(view);
}

uint64_t cf_view_size(const struct cf_view *view)
{
  return view->size;
}

size_t cf_view_units(const struct cf_view *view)
{
  return view->calls->units(view);
}

void cf_view_unit(const struct cf_view *view, size_t i, struct cf_unit *unit)
{
  view->calls->unit(view, i, unit);
  if (unit->end > view->size)
    unit->end = view->size;
}

bool cf_view_may_match(struct cf_view *view, size_t i, const struct cf_term *term)
{
  return view->calls->may_match == NULL || view->calls->may_match(view, i, term);
}

bool cf_view_is_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N])
{
  return view->calls->is_barren != NULL && view->calls->is_barren(view, i, filter);
}

/* Of a unit that the size cuts only a part was searched. */
void cf_view_note_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N])
{
  struct cf_unit unit;
  view->calls->unit(view, i, &unit);
  if (view->calls->note_barren != NULL && unit.end <= view->size)
    view->calls->note_barren(view, i, filter);
}

uint32_t cf_view_count(struct cf_view *view, size_t i, const struct cf_term *term)
{
  return view->calls->count == NULL ? UINT32_MAX : view->calls->count(view, i, term);
}

enum cf_err cf_view_match(struct cf_view *view, size_t i, const struct cf_term *term, uint32_t from,
                          struct cf_bits *bits)
{
  return view->calls->match(view, i, term, from, bits);
}

enum cf_err cf_view_match_exact(struct cf_view *view, size_t i, unsigned index, struct cf_str value,
                                uint32_t from, struct cf_bits *bits)
{
  return view->calls->match_exact(view, i, index, value, from, bits);
}

enum cf_err cf_view_search(struct cf_view *view, size_t i, struct cf_str needle, uint32_t from,
                           struct cf_bits *bits)
{
  return view->calls->search(view, i, needle, from, bits);
}

enum cf_err cf_view_times(struct cf_view *view, size_t i, uint32_t offset, uint32_t n, int64_t *out)
{
  return view->calls->times(view, i, offset, n, out);
}

enum cf_err cf_view_spans(struct cf_view *view, size_t i, struct cf_span *spans)
{
  struct cf_unit unit;
  cf_view_unit(view, i, &unit);
  uint32_t n = (uint32_t)(unit.end - unit.first);
  if (view->calls->spans != NULL)
    return view->calls->spans(view, i, n, spans);
  for (uint32_t at = 0; at < n; at += CF_TIMES_RUN)
    spans[at / CF_TIMES_RUN] =
        cf_span_join((struct cf_span){unit.time_min_us, unit.time_max_us},
                     (struct cf_span){unit.recorded_min_us, unit.recorded_max_us});
  return CF_OK;
}

/* What lies beyond the size is not there. */
static enum cf_err block_cut(const struct cf_view *view, struct cf_block *block, enum cf_err err)
{
  uint64_t most = view->size - block->first;
  if (err == CF_OK && block->n > most)
    block->n = (unsigned)most;
  return err;
}

enum cf_err cf_view_block(struct cf_view *view, uint64_t seq, struct cf_block *block)
{
  if (seq >= view->size)
    return CF_E_NOTFOUND;
  return block_cut(view, block, view->calls->block(view, seq - seq % CF_GROUP, block));
}

enum cf_err cf_view_record(struct cf_view *view, uint64_t seq, const struct cf_block_look *look,
                           struct cf_block *block)
{
  if (view->calls->record == NULL || seq >= view->size)
    return cf_view_block(view, seq, block);
  return block_cut(view, block, view->calls->record(view, seq, look, block));
}

bool cf_view_lost(struct cf_view *view, size_t i)
{
  return view->calls->lost != NULL && view->calls->lost(view, i);
}

/* The records of one block whose offsets are set. */
static enum cf_err block_each(struct cf_view *view, uint64_t first, const struct cf_bits *bits,
                              uint32_t from, const struct cf_view_each *each)
{
  enum cf_err err = cf_view_block(view, first + from, each->block);
  if (err == CF_E_DAMAGED)
    return each->call(each->context, NULL);
  for (uint32_t at = from; err == CF_OK && at / CF_GROUP == from / CF_GROUP && at < bits->n; at++)
    if (cf_bits_has(bits, at) && each->block->record[at % CF_GROUP].kind == each->kind)
      err = each->call(each->context, &each->block->record[at % CF_GROUP]);
  return err;
}

enum cf_err cf_view_each(struct cf_view *view, size_t i, const struct cf_view_each *each)
{
  const struct cf_str name = cf_str_from(cf_kind_table[each->kind].name);
  const struct cf_term term = {.index = CF_I_KIND, .first = name, .last = name};
  struct cf_unit unit;
  struct cf_bits bits = {0};
  if (!cf_view_may_match(view, i, &term))
    return CF_OK;
  cf_view_unit(view, i, &unit);
  enum cf_err err = cf_bits_new((uint32_t)(unit.end - unit.first), &bits);
  if (err == CF_OK)
    err = cf_view_match(view, i, &term, 0, &bits);
  if (err == CF_E_DAMAGED) { /* then every record is looked at */
    cf_bits_set_range(&bits, 0, bits.n);
    err = CF_OK;
  }
  for (uint32_t at = cf_bits_next(&bits, 0); err == CF_OK && at < bits.n;
       at = cf_bits_next(&bits, (at / CF_GROUP + 1) * CF_GROUP))
    err = block_each(view, unit.first, &bits, at, each);
  cf_bits_free(&bits);
  return err;
}

static enum cf_err hashes_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  struct cf_view *view = context;
  if (CF_TILE_H * level >= 64 || first + n > view->size >> (CF_TILE_H * level))
    return CF_E_NOTFOUND;
  return view->calls->hashes(view, level, first, n, out);
}

enum cf_err cf_view_leaves(struct cf_view *view, uint64_t first, struct cf_leaves_kept *kept)
{
  return view->calls->leaves != NULL ? view->calls->leaves(view, first, kept) : CF_E_NOTFOUND;
}

/* As they are kept, or made of the leaf hashes. */
static enum cf_err parts_get(void *context, uint64_t first, size_t n, uint8_t *out)
{
  struct cf_view *view = context;
  uint8_t leaves[CF_LEAVES_PART * CF_HASH_N];
  struct cf_leaves_kept kept;
  if (first + n > view->size / CF_LEAVES_PART)
    return CF_E_NOTFOUND;
  uint64_t at = first % CF_LEAVES_PARTS;
  enum cf_err err = cf_view_leaves(view, (first - at) * CF_LEAVES_PART, &kept);
  if (err == CF_OK)
    memcpy(out, kept.root[at], n * CF_HASH_N);
  if (err != CF_E_NOTFOUND)
    return err;
  err = CF_OK;
  for (size_t i = 0; i < n && err == CF_OK; i++) {
    err = hashes_get(view, 0, (first + i) * CF_LEAVES_PART, CF_LEAVES_PART, leaves);
    if (err == CF_OK)
      cf_fold(leaves, CF_LEAVES_PART, out + i * CF_HASH_N);
  }
  return err;
}

void cf_view_hashes(struct cf_view *view, struct cf_hashes *hashes)
{
  *hashes = (struct cf_hashes){hashes_get, view, parts_get};
}

/* Does that hash of a leaf lead to the root? */
static enum cf_err hash_check(const struct cf_hashes *hashes, uint64_t seq, uint64_t size,
                              const uint8_t hash[CF_HASH_N])
{
  uint8_t root[CF_HASH_N];
  struct cf_proof proof;
  enum cf_err err = cf_tree_root(hashes, size, root);
  if (err == CF_OK)
    err = cf_tree_inclusion(hashes, seq, size, &proof);
  if (err != CF_OK)
    return err;
  err = cf_proof_includes(&proof, seq, size, hash, root);
  return err == CF_E_PROOF ? CF_E_DAMAGED : err;
}

enum cf_err cf_view_leaf_check(struct cf_view *view, const struct cf_block *block, uint64_t seq)
{
  uint8_t prev[CF_HASH_N] = {0}, hash[CF_HASH_N];
  unsigned i = (unsigned)(seq - block->first);
  struct cf_hashes hashes;
  struct cf_buf leaf;
  cf_view_hashes(view, &hashes);
  enum cf_err err = seq > 0 ? hashes.get(hashes.context, 0, seq - 1, 1, prev) : CF_OK;
  if (err != CF_OK)
    return err;
  cf_buf_init(&leaf, CF_LEAF_MAX);
  cf_block_leaf(block, i, prev, &leaf, hash);
  err = leaf.err == CF_OK ? hash_check(&hashes, seq, view->size, hash) : leaf.err;
  cf_buf_fini(&leaf);
  return err;
}

enum cf_err cf_view_checkpoint(struct cf_view *view, uint64_t size, uint64_t *found,
                               struct cf_buf *note)
{
  return view->calls->checkpoint(view, size, found, note);
}
