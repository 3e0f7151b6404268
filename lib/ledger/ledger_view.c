/* SPDX-License-Identifier: MIT */
/* The ledger's views: the readers' snapshots, and reads that go to a segment or
 * to a generation as the seq has it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ledger/ledger_in.h"
#include "lib/proof/verify.h"

struct ledger_view {
  struct cf_view view;
  struct cf_ledger *l;
  struct cf_layout *layout;
  bool doubts;  /* it shows nothing of a segment that is not what the chain tells, */
  bool unknown; /* nor of one that nobody tells of */
};

static const struct ledger_view *view_see(const struct cf_view *view)
{
  return (const struct ledger_view *)view;
}

static void view_free(struct cf_view *view)
{
  cf_layout_put(view_see(view)->layout);
  free(view);
}

/* Where a unit's records are: exactly one of the two. */
struct place {
  const struct cf_segment_meta *segment;
  struct cf_tail *tail;
};

static struct place unit_place(const struct ledger_view *v, size_t i)
{
  const struct cf_layout *y = v->layout;
  return i < y->segments_n ? (struct place){.segment = &y->segments[i]}
                           : (struct place){.tail = y->tails[i - y->segments_n]};
}

static size_t view_units(const struct cf_view *view)
{
  const struct cf_layout *y = view_see(view)->layout;
  size_t n = y->segments_n + y->tails_n;
  while (n > y->segments_n && cf_tail_meta(y->tails[n - y->segments_n - 1])->first >= view->size)
    n--;
  return n;
}

/* Does nothing that can be read tell of it? */
static bool is_unknown(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  bool found = false;
  if (atomic_load(&l->unknown_n) == 0)
    return false;
  (void)pthread_mutex_lock(&l->look);
  for (size_t i = 0; i < l->unknown.n && !found; i += sizeof meta->first)
    found = memcmp(l->unknown.p + i, &meta->first, sizeof meta->first) == 0;
  (void)pthread_mutex_unlock(&l->look);
  return found;
}

/* What its pages hold must not be believed. */
static bool is_doubted(const struct ledger_view *v, const struct cf_segment_meta *meta)
{
  return (v->doubts && cf_segment_doubted(v->l, meta, CF_SEEN_MISMATCH)) ||
         (v->unknown && is_unknown(v->l, meta));
}

/* What finds the records of a unit must not be believed: a tail's was made of
 * the records that it has. */
static bool place_doubted(const struct ledger_view *v, struct place p)
{
  if (p.segment != NULL)
    return is_doubted(v, p.segment);
  return v->doubts && cf_tail_doubted(p.tail) > 0;
}

/* A unit is passed over by its ranges, so what they are must be sure. */
static bool is_unsure(const struct ledger_view *v, struct place p)
{
  return place_doubted(v, p) ||
         (p.segment != NULL && v->doubts && cf_segment_doubted(v->l, p.segment, CF_SEEN_ROW));
}

static void view_unit(const struct cf_view *view, size_t i, struct cf_unit *unit)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (p.segment != NULL)
    *unit = (struct cf_unit){p.segment->first,
                             p.segment->end,
                             p.segment->time_min_us,
                             p.segment->time_max_us,
                             p.segment->recorded_min_us,
                             p.segment->recorded_max_us,
                             true};
  else
    (void)cf_tail_ranges(p.tail, unit);
  if (is_unsure(v, p)) {
    unit->time_min_us = unit->recorded_min_us = CF_TIME_MIN_US;
    unit->time_max_us = unit->recorded_max_us = CF_TIME_MAX_US;
  }
}

/* ---- what is in them ---- */

const struct cf_segment_meta *cf_view_segment(const struct cf_view *view, size_t i)
{
  return unit_place(view_see(view), i).segment;
}

enum cf_err cf_view_confirm(struct cf_view *view, size_t i)
{
  const struct cf_segment_meta *meta = cf_view_segment(view, i);
  enum cf_err err = meta != NULL ? cf_segment_confirm(view_see(view)->l, meta) : CF_OK;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

/* Return what a read of a segment gives. */
#define ON_SEGMENT(ledger, meta, s, read) \
  do { \
    enum cf_err on_err; \
    CF_SEGMENT_READ((ledger)->pool, (meta), on_err, s, read) \
    return seen((ledger), (meta), on_err); \
  } while (0)

static enum cf_err seen(struct cf_ledger *l, const struct cf_segment_meta *meta, enum cf_err err)
{
  if (err == CF_E_DAMAGED)
    cf_segment_seen(l, meta, CF_SEEN_DAMAGED);
  return err;
}

/* Who reads what the chain tells of segments goes by what they hold alone. */
static bool view_may_match(struct cf_view *view, size_t i, const struct cf_term *term)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (p.segment == NULL || place_doubted(v, p))
    return true;
  enum cf_kind kind =
      term->index == CF_I_KIND && cf_term_is_one(term) ? cf_kind_find(term->first) : CF_K_N;
  return (kind == CF_K_N || !v->unknown || cf_vouched_may_have(v->l, p.segment, kind)) &&
         cf_segment_may_match(v->l->pool, p.segment, term);
}

static bool view_is_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N])
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  return p.segment != NULL && !place_doubted(v, p) &&
         cf_segment_is_barren(v->l->pool, p.segment, filter);
}

static void view_note_barren(struct cf_view *view, size_t i, const uint8_t filter[CF_HASH_N])
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (p.segment != NULL && !place_doubted(v, p))
    cf_segment_note_barren(v->l->pool, p.segment, filter);
}

static enum cf_err segment_count(struct cf_ledger *l, const struct cf_segment_meta *meta,
                                 const struct cf_term *term, uint32_t *n)
{
  ON_SEGMENT(l, meta, s, cf_segment_count(s, term, n));
}

static uint32_t view_count(struct cf_view *view, size_t i, const struct cf_term *term)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  uint32_t n = UINT32_MAX;
  if (p.segment == NULL)
    return cf_tail_count(p.tail, term);
  bool told = cf_term_is_one(term) && !place_doubted(v, p) &&
              segment_count(v->l, p.segment, term, &n) == CF_OK;
  return told ? n : UINT32_MAX;
}

static enum cf_err view_match(struct cf_view *view, size_t i, const struct cf_term *term,
                              uint32_t from, struct cf_bits *bits)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_match(s, term, from, bits));
  cf_tail_match(p.tail, term, from, bits);
  return CF_OK;
}

struct exact_match {
  struct cf_bits *bits;
  uint32_t from;
};

static bool add_match(void *context, uint32_t offset)
{
  const struct exact_match *m = context;
  if (offset >= m->from && offset < m->bits->n)
    cf_bits_set(m->bits, offset);
  return true;
}

static enum cf_err view_match_exact(struct cf_view *view, size_t i, unsigned index,
                                    struct cf_str value, uint32_t from, struct cf_bits *bits)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  struct exact_match m = {bits, from};
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_match_exact(s, index, value, from, bits));
  cf_tail_find(p.tail, index, cf_index_exact(v->l->fingerprint_key, index, value), add_match, &m);
  return CF_OK;
}

static enum cf_err view_search(struct cf_view *view, size_t i, struct cf_str needle, uint32_t from,
                               struct cf_bits *bits)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_search(s, needle, from, bits));
  cf_bits_set_range(bits, from, bits->n); /* a tail has no grams */
  return CF_OK;
}

static enum cf_err view_times(struct cf_view *view, size_t i, uint32_t offset, uint32_t n,
                              int64_t *out)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_times(s, offset, n, out));
  cf_tail_times(p.tail, offset, n, out);
  return CF_OK;
}

static enum cf_err view_spans(struct cf_view *view, size_t i, uint32_t n, struct cf_span *spans)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_spans(s, n, spans));
  cf_tail_spans(p.tail, n, spans);
  return CF_OK;
}

/* The unit that holds seq: segments by binary search, then the few
 * generations. */
static struct place place_find(const struct ledger_view *v, uint64_t seq)
{
  const struct cf_layout *y = v->layout;
  size_t low = 0, high = y->segments_n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (y->segments[middle].end <= seq)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < y->segments_n)
    return seq >= y->segments[low].first ? unit_place(v, low) : (struct place){0};
  for (size_t i = y->tails_n; i-- > 0;)
    if (cf_tail_meta(y->tails[i])->first <= seq)
      return (struct place){.tail = y->tails[i]};
  return (struct place){0};
}

static enum cf_err segment_block(const struct ledger_view *v, const struct cf_segment_meta *meta,
                                 uint64_t first, struct cf_block *block)
{
  if (is_doubted(v, meta))
    return CF_E_DAMAGED;
  ON_SEGMENT(v->l, meta, s,
             cf_segment_block(s, (uint32_t)((first - meta->first) / CF_GROUP), block));
}

/* What was opened is damage where it lacks some that the view has below end. */
static enum cf_err tail_opened(const struct ledger_view *v, const struct cf_block *block,
                               uint64_t end, enum cf_err err)
{
  uint64_t wanted = end < v->view.size ? end : v->view.size;
  return err == CF_E_SYNTAX || (err == CF_OK && block->first + block->n < wanted) ? CF_E_DAMAGED
                                                                                  : err;
}

static enum cf_err tail_block(const struct ledger_view *v, struct cf_tail *tail, uint64_t first,
                              struct cf_block *block)
{
  uint32_t i = (uint32_t)((first - cf_tail_meta(tail)->first) / CF_GROUP);
  if (v->doubts && cf_tail_doubts(tail, i))
    return CF_E_DAMAGED;
  return tail_opened(v, block, first + CF_GROUP, cf_tail_open(tail, i, block));
}

static enum cf_err tail_record(const struct ledger_view *v, struct cf_tail *tail, uint64_t seq,
                               const struct cf_block_look *look, struct cf_block *block)
{
  uint32_t offset = (uint32_t)(seq - cf_tail_meta(tail)->first);
  if (v->doubts && cf_tail_doubts(tail, offset / CF_GROUP))
    return CF_E_DAMAGED;
  return tail_opened(v, block, seq + 1, cf_tail_record(tail, offset, look, block));
}

static enum cf_err view_block(struct cf_view *view, uint64_t first, struct cf_block *block)
{
  const struct ledger_view *v = view_see(view);
  struct place p = place_find(v, first);
  if (p.segment != NULL)
    return segment_block(v, p.segment, first, block);
  return p.tail != NULL ? tail_block(v, p.tail, first, block) : CF_E_EXPIRED;
}

static enum cf_err segment_part(const struct ledger_view *v, const struct cf_segment_meta *meta,
                                uint64_t seq, struct cf_block *block)
{
  if (is_doubted(v, meta))
    return CF_E_DAMAGED;
  ON_SEGMENT(v->l, meta, s, cf_segment_part(s, (uint32_t)(seq - meta->first), block));
}

/* Segments have grams: what is opened there is likely to be wanted. */
static enum cf_err view_record(struct cf_view *view, uint64_t seq, const struct cf_block_look *look,
                               struct cf_block *block)
{
  const struct ledger_view *v = view_see(view);
  struct place p = place_find(v, seq);
  if (p.segment != NULL)
    return segment_part(v, p.segment, seq, block);
  return p.tail != NULL ? tail_record(v, p.tail, seq, look, block) : CF_E_EXPIRED;
}

static bool view_lost(struct cf_view *view, size_t i)
{
  const struct ledger_view *v = view_see(view);
  const struct cf_segment_meta *meta = unit_place(v, i).segment;
  struct cf_segment *s = NULL;
  if (meta == NULL || is_doubted(v, meta))
    return meta != NULL;
  enum cf_err err = cf_segment_acquire(v->l->pool, meta, &s);
  if (err == CF_OK)
    cf_segment_release(v->l->pool, s);
  return err == CF_E_DAMAGED;
}

static enum cf_err segment_leaves(const struct ledger_view *v, const struct cf_segment_meta *meta,
                                  uint64_t first, struct cf_leaves_kept *kept)
{
  if (is_doubted(v, meta))
    return CF_E_DAMAGED;
  ON_SEGMENT(v->l, meta, s, cf_segment_leaves(s, (uint32_t)(first - meta->first), kept));
}

/* The tail has each hash. */
static enum cf_err view_leaves(struct cf_view *view, uint64_t first, struct cf_leaves_kept *kept)
{
  const struct ledger_view *v = view_see(view);
  struct place p = place_find(v, first);
  return p.segment != NULL ? segment_leaves(v, p.segment, first, kept) : CF_E_NOTFOUND;
}

static enum cf_err segment_hashes(const struct ledger_view *v, const struct cf_segment_meta *meta,
                                  uint64_t first, uint32_t n, uint8_t *out)
{
  if (is_doubted(v, meta))
    return CF_E_DAMAGED;
  ON_SEGMENT(v->l, meta, s, cf_segment_hashes(s, (uint32_t)(first - meta->first), n, out));
}

/* Units begin at multiples of 256, so a run inside one tile lies in one
 * unit. */
static enum cf_err view_hashes(struct cf_view *view, unsigned level, uint64_t first, size_t n,
                               uint8_t *out)
{
  const struct ledger_view *v = view_see(view);
  if (level > 0)
    return cf_levels_get(&v->l->levels, level, first, n, out);
  struct place p = place_find(v, first);
  if (p.segment != NULL)
    return segment_hashes(v, p.segment, first, (uint32_t)n, out);
  if (p.tail == NULL)
    return CF_E_EXPIRED;
  cf_tail_hashes(p.tail, (uint32_t)(first - cf_tail_meta(p.tail)->first), (uint32_t)n, out);
  return CF_OK;
}

static enum cf_err view_checkpoint(struct cf_view *view, uint64_t size, uint64_t *found,
                                   struct cf_buf *note)
{
  return cf_meta_checkpoint(view_see(view)->l, size, found, note);
}

static enum cf_err view_beside(struct cf_view *view, struct cf_verify_beside *b)
{
  const struct ledger_view *v = view_see(view);
  struct place p = place_find(v, b->first);
  if (p.segment != NULL)
    return cf_segment_beside(v->l, view, p.segment, b);
  bool whole = b->deep && p.tail != NULL && b->first == cf_tail_meta(p.tail)->first;
  return whole ? cf_tail_beside(v->l, view, p.tail, b) : CF_OK;
}

static enum cf_err view_file(struct cf_view *view, size_t i, struct cf_verify_file *file)
{
  const struct cf_layout *y = view_see(view)->layout;
  if (i >= y->segments_n)
    return CF_E_NOTFOUND;
  const struct cf_segment_meta *m = &y->segments[i];
  *file = (struct cf_verify_file){.body = cf_told_body(m), .sworn = m->sworn};
  return CF_OK;
}

static const struct cf_view_calls ledger_calls = {.free = view_free,
                                                  .units = view_units,
                                                  .unit = view_unit,
                                                  .may_match = view_may_match,
                                                  .is_barren = view_is_barren,
                                                  .note_barren = view_note_barren,
                                                  .count = view_count,
                                                  .match = view_match,
                                                  .match_exact = view_match_exact,
                                                  .search = view_search,
                                                  .times = view_times,
                                                  .spans = view_spans,
                                                  .block = view_block,
                                                  .record = view_record,
                                                  .lost = view_lost,
                                                  .leaves = view_leaves,
                                                  .hashes = view_hashes,
                                                  .checkpoint = view_checkpoint,
                                                  .beside = view_beside,
                                                  .file = view_file};

/* A snapshot up to size, or to what is durable where size is NULL. */
static enum cf_err view_new(struct cf_ledger *l, const uint64_t *size, struct cf_view **view)
{
  struct ledger_view *v = malloc(sizeof *v);
  if (v == NULL)
    return CF_E_NOMEM;
  (void)pthread_mutex_lock(&l->look);
  *v = (struct ledger_view){.view = {&ledger_calls, size != NULL ? *size : l->durable},
                            .l = l,
                            .layout = l->layout};
  atomic_fetch_add(&v->layout->refs, 1);
  (void)pthread_mutex_unlock(&l->look);
  *view = &v->view;
  return CF_OK;
}

void cf_view_doubt(struct cf_view *view, bool unknown)
{
  struct ledger_view *v = (struct ledger_view *)view;
  v->doubts = true;
  v->unknown = unknown;
}

enum cf_err cf_view_all(struct cf_ledger *l, struct cf_view **view)
{
  return view_new(l, NULL, view);
}

enum cf_err cf_ledger_leaf_hash(struct cf_ledger *l, uint64_t seq, uint8_t hash[CF_HASH_N])
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  enum cf_err err = cf_view_all(l, &view);
  if (err != CF_OK)
    return err;
  cf_view_hashes(view, &hashes);
  err = hashes.get(hashes.context, 0, seq, 1, hash);
  cf_view_put(view);
  return err;
}

enum cf_err cf_view_get_settled(struct cf_ledger *ledger, struct cf_view **view)
{
  (void)pthread_mutex_lock(&ledger->entering);
  enum cf_err err = view_new(ledger, NULL, view);
  (void)pthread_mutex_unlock(&ledger->entering);
  return err;
}

enum cf_err cf_view_at(struct cf_ledger *l, uint64_t size, struct cf_view **view)
{
  return view_new(l, &size, view);
}
