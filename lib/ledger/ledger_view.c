/* SPDX-License-Identifier: MIT */
/* Layouts and the ledger's views: the readers' counted snapshots, and reads
 * that go to a segment or to a generation as the seq has it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"
#include "lib/proof/verify.h"

#define BLOCK_BYTES_MAX ((size_t)CF_GROUP * (CF_LEAF_MAX + 1024u))

/* ---- layouts ---- */

static void layout_free(struct cf_layout *layout)
{
  for (size_t i = 0; i < layout->tails_n; i++)
    cf_tail_unref(layout->tails[i]);
  free(layout->tails);
  free(layout->segments);
  free(layout);
}

void cf_layout_put(struct cf_layout *layout)
{
  if (layout != NULL && atomic_fetch_sub(&layout->refs, 1) == 1)
    layout_free(layout);
}

struct cf_layout *cf_layout_get(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  struct cf_layout *layout = l->layout;
  atomic_fetch_add(&layout->refs, 1);
  (void)pthread_mutex_unlock(&l->look);
  return layout;
}

enum cf_err cf_layout_make(const struct cf_segment_meta *segments, size_t segments_n,
                           struct cf_tail *const *tails, size_t tails_n, struct cf_layout **layout)
{
  struct cf_layout *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  atomic_init(&made->refs, 1);
  made->segments = malloc((segments_n + 1) * sizeof *segments);
  made->tails = malloc((tails_n + 1) * sizeof *tails);
  if (made->segments == NULL || made->tails == NULL) {
    layout_free(made);
    return CF_E_NOMEM;
  }
  if (segments_n > 0)
    memcpy(made->segments, segments, segments_n * sizeof *segments);
  made->segments_n = segments_n;
  for (size_t i = 0; i < tails_n; i++) {
    cf_tail_ref(tails[i]);
    made->tails[i] = tails[i];
  }
  made->tails_n = tails_n;
  *layout = made;
  return CF_OK;
}

void cf_layout_swap(struct cf_ledger *l, struct cf_layout *layout)
{
  (void)pthread_mutex_lock(&l->look);
  struct cf_layout *old = l->layout;
  l->layout = layout;
  (void)pthread_mutex_unlock(&l->look);
  cf_layout_put(old);
}

/* ---- views ---- */

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

bool cf_segment_doubted(struct cf_ledger *l, const struct cf_segment_meta *meta, unsigned what)
{
  bool found = (atomic_load(&l->doubted_all) & what) != 0;
  if (atomic_load(&l->doubted_n) == 0 || found)
    return found;
  (void)pthread_mutex_lock(&l->look);
  for (size_t i = 0; i < l->seen_n && !found; i++)
    found = l->seen[i].first == meta->first && (l->seen[i].what & what) != 0;
  (void)pthread_mutex_unlock(&l->look);
  return found;
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

/* ---- faults ---- */

/* Under look: the segment's entry, a new one where there is none, NULL where
 * there is no room. */
static struct cf_seen_segment *seen_entry(struct cf_ledger *l, uint64_t first)
{
  for (size_t i = 0; i < l->seen_n; i++)
    if (l->seen[i].first == first)
      return &l->seen[i];
  if (l->seen_n == CF_SEEN_MAX)
    return NULL;
  l->seen[l->seen_n] = (struct cf_seen_segment){.first = first};
  return &l->seen[l->seen_n++];
}

void cf_segment_seen(struct cf_ledger *l, const struct cf_segment_meta *meta, enum cf_seen what)
{
  char name[64];
  (void)pthread_mutex_lock(&l->look);
  struct cf_seen_segment *entry = seen_entry(l, meta->first);
  bool fresh = entry != NULL && (entry->what & what) == 0, doubt = what >= CF_SEEN_MISMATCH;
  if (fresh)
    entry->what |= what;
  if (fresh && doubt)
    atomic_fetch_add(&l->doubted_n, 1);
  bool all = entry == NULL && doubt && (atomic_fetch_or(&l->doubted_all, what) & what) == 0;
  (void)pthread_mutex_unlock(&l->look);
  if (all)
    cf_log(CF_LOG_ERROR,
           "more than %d segments have faults: until the next start %s; restore the data directory "
           "from a backup",
           CF_SEEN_MAX,
           what == CF_SEEN_MISMATCH ? "no segment is read"
                                    : "no segment is passed over by its times");
  if (!fresh)
    return;
  cf_segment_name(meta, name);
  switch (what) {
  case CF_SEEN_DAMAGED:
    cf_log(CF_LOG_ERROR, "damage found in segment %s: restore that file from a backup", name);
    break;
  case CF_SEEN_MISSING:
    cf_log(CF_LOG_ERROR, "segment %s or its .sums is missing: restore both from a backup", name);
    break;
  case CF_SEEN_MISMATCH:
    cf_log(CF_LOG_ERROR,
           "segment %s is not what was logged: restore the data directory from a backup", name);
    break;
  case CF_SEEN_ROW:
    cf_log(CF_LOG_ERROR,
           "segment %s cannot be opened, or is not what the catalogue says of it: restore it, or "
           "the data directory, from a backup",
           name);
    break;
  }
}

enum cf_err cf_segment_confirm(struct cf_ledger *l, const struct cf_segment_meta *meta)
{
  struct cf_segment *s = NULL;
  enum cf_err err = cf_segment_acquire(l->pool, meta, &s);
  if (err == CF_OK)
    cf_segment_release(l->pool, s);
  else if (err == CF_E_DAMAGED)
    cf_segment_seen(l, meta, CF_SEEN_ROW);
  return err;
}

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

struct id_match {
  struct cf_bits *bits;
  uint32_t from;
};

static bool add_match(void *context, uint32_t offset)
{
  const struct id_match *m = context;
  if (offset >= m->from && offset < m->bits->n)
    cf_bits_set(m->bits, offset);
  return true;
}

static enum cf_err view_match_id(struct cf_view *view, size_t i, struct cf_str id, uint32_t from,
                                 struct cf_bits *bits)
{
  const struct ledger_view *v = view_see(view);
  struct place p = unit_place(v, i);
  struct id_match m = {bits, from};
  uint64_t fingerprint = cf_id_fingerprint(v->l->fingerprint_key, id);
  if (place_doubted(v, p))
    return CF_E_DAMAGED;
  if (p.segment != NULL)
    ON_SEGMENT(v->l, p.segment, s, cf_segment_find_id(s, fingerprint, add_match, &m));
  cf_tail_find_id(p.tail, fingerprint, add_match, &m);
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
                                 uint64_t first, struct cf_buf *b)
{
  if (is_doubted(v, meta))
    return CF_E_DAMAGED;
  ON_SEGMENT(v->l, meta, s, cf_segment_block(s, (uint32_t)((first - meta->first) / CF_GROUP), b));
}

static enum cf_err block_bytes(const struct ledger_view *v, struct place p, uint64_t first,
                               struct cf_buf *b)
{
  if (p.segment != NULL)
    return segment_block(v, p.segment, first, b);
  if (p.tail == NULL)
    return CF_E_EXPIRED;
  uint32_t i = (uint32_t)((first - cf_tail_meta(p.tail)->first) / CF_GROUP);
  return v->doubts && cf_tail_doubts(p.tail, i) ? CF_E_DAMAGED : cf_tail_block(p.tail, i, b);
}

static enum cf_err view_block(struct cf_view *view, uint64_t first, struct cf_block *block)
{
  const struct ledger_view *v = view_see(view);
  uint64_t left = view->size - first, wanted = left < CF_GROUP ? left : CF_GROUP;
  struct place p = place_find(v, first);
  struct cf_buf b;
  cf_buf_init(&b, BLOCK_BYTES_MAX);
  enum cf_err err = block_bytes(v, p, first, &b);
  if (err == CF_OK) {
    err = cf_block_open(block, first, cf_buf_str(&b));
    if (err == CF_E_SYNTAX || (err == CF_OK && block->n < wanted))
      err = p.segment != NULL ? seen(v->l, p.segment, CF_E_DAMAGED) : CF_E_DAMAGED;
  }
  cf_buf_fini(&b);
  return err;
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
                                                  .match = view_match,
                                                  .match_id = view_match_id,
                                                  .times = view_times,
                                                  .block = view_block,
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

void cf_publish(struct cf_ledger *l, uint64_t size)
{
  (void)pthread_mutex_lock(&l->look);
  if (size > l->durable)
    l->durable = size;
  (void)pthread_mutex_unlock(&l->look);
}
