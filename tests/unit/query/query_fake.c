/* SPDX-License-Identifier: MIT */
/* A view of records in memory that finds by looking at each. */
#include "config.h"

#include "tests/unit/query/query_fake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/index/key_fold.h"
#include "tests/unit/query/query_plain.h"

static void measure(const struct fake *f, struct cf_unit *u)
{
  u->time_min_us = u->recorded_min_us = INT64_MAX;
  u->time_max_us = u->recorded_max_us = INT64_MIN;
  for (uint64_t seq = u->first; seq < u->end; seq++) {
    int64_t t = f->facts[seq].time_us, r = f->facts[seq].record.recorded_us;
    if (cf_record_is_dated(&f->facts[seq].record)) {
      u->time_min_us = t < u->time_min_us ? t : u->time_min_us;
      u->time_max_us = t > u->time_max_us ? t : u->time_max_us;
    }
    u->recorded_min_us = r < u->recorded_min_us ? r : u->recorded_min_us;
    u->recorded_max_us = r > u->recorded_max_us ? r : u->recorded_max_us;
  }
}

static void view_free(struct cf_view *view)
{
  (void)view;
}

static size_t view_units(const struct cf_view *view)
{
  return ((const struct fake_view *)view)->units_n;
}

static void view_unit(const struct cf_view *view, size_t i, struct cf_unit *unit)
{
  *unit = ((const struct fake_view *)view)->units[i];
}

/* The key under which an index has a record, as postings.h tells; false where
 * it has none. */
static bool key_of(const struct fake_fact *fact, unsigned index, uint8_t key[CF_INDEX_VALUE_MAX],
                   size_t *n)
{
  char text[CF_TIME_TEXT_N + 1];
  struct cf_str value;

  if (index == CF_I_DATE) {
    cf_time_format(fact->time_us, text);
    value = (struct cf_str){text, 13}; /* by hand: the form of an hour is a contract */
  } else if (index == CF_I_KIND) {
    value = cf_str_from(cf_kind_table[fact->record.kind].name);
  } else {
    if (fact->pick[index] == FAKE_ABSENT)
      return false;
    value = fake_pool(index, fact->pick[index]);
  }
  *n = cf_index_key(index, value, key);
  return true;
}

static bool key_matches(const struct cf_term *term, const uint8_t *key, size_t n)
{
  struct cf_str k = {(const char *)key, n};

  if (term->fold != NULL)
    return cf_key_fold_has(term->fold, k);
  if (term->prefix)
    return cf_str_starts(k, term->first);
  return cf_str_cmp(term->first, k) <= 0 && cf_str_cmp(k, term->last) <= 0;
}

static bool fact_matches(const struct fake_fact *fact, const struct cf_term *term)
{
  uint8_t key[CF_INDEX_VALUE_MAX];
  size_t n;

  return key_of(fact, term->index, key, &n) && key_matches(term, key, n);
}

/* Stricter than any filter of values is: it says no wherever that is true. */
static bool view_may_match(struct cf_view *v, size_t i, const struct cf_term *term)
{
  const struct fake_view *view = (const struct fake_view *)v;
  const struct cf_unit *u = &view->units[i];
  bool may = view->index_damaged[i][term->index];

  for (uint64_t seq = u->first; seq < u->end && !may; seq++)
    may = fact_matches(&view->fake->facts[seq], term);
  return may;
}

static bool view_is_barren(struct cf_view *v, size_t i, const uint8_t filter[CF_HASH_N])
{
  const struct fake_view *view = (const struct fake_view *)v;
  bool noted = false;

  for (size_t k = 0; k < view->barren_n && !noted; k++)
    noted = view->barren[k][0] == i && memcmp(view->barren[k] + 1, filter, CF_HASH_N) == 0;
  return noted;
}

static void view_note_barren(struct cf_view *v, size_t i, const uint8_t filter[CF_HASH_N])
{
  struct fake_view *view = (struct fake_view *)v;

  if (view->barren_n == FAKE_BARREN_MAX)
    return;
  view->barren[view->barren_n][0] = (uint8_t)i;
  memcpy(view->barren[view->barren_n++] + 1, filter, CF_HASH_N);
}

/* Whatever it says, the answer is the same. */
static uint32_t view_count(struct cf_view *v, size_t i, const struct cf_term *term)
{
  const struct fake_view *view = (const struct fake_view *)v;

  (void)i;
  if (view->counts != NULL)
    return view->counts[term->index];
  return rnd(5) == 0 ? UINT32_MAX : (uint32_t)rnd(1000);
}

static enum cf_err view_match(struct cf_view *v, size_t i, const struct cf_term *term,
                              uint32_t from, struct cf_bits *bits)
{
  struct fake_view *view = (struct fake_view *)v;

  view->matches++;
  for (uint32_t offset = from; offset < bits->n; offset++) {
    if (view->index_damaged[i][term->index] && offset > bits->n / 2)
      return CF_E_DAMAGED; /* in the middle: a part was found already */
    if (fact_matches(&view->fake->facts[view->units[i].first + offset], term))
      cf_bits_set(bits, offset);
  }
  return view->index_damaged[i][term->index] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_match_exact(struct cf_view *v, size_t i, unsigned index,
                                    struct cf_str value, uint32_t from, struct cf_bits *bits)
{
  struct fake_view *view = (struct fake_view *)v;

  view->matches++;
  for (uint32_t offset = from; offset < bits->n && !view->index_damaged[i][index]; offset++) {
    const struct fake_fact *fact = &view->fake->facts[view->units[i].first + offset];
    bool same =
        fact->pick[index] != FAKE_ABSENT && cf_str_eq(value, fake_pool(index, fact->pick[index]));
    if (same || offset % 97 == 0) /* a fingerprint may lie */
      cf_bits_set(bits, offset);
  }
  return view->index_damaged[i][index] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_search(struct cf_view *v, size_t i, struct cf_str needle, uint32_t from,
                               struct cf_bits *bits)
{
  struct fake_view *view = (struct fake_view *)v;

  view->matches++;
  for (uint32_t offset = from; offset < bits->n && !view->grams_damaged[i]; offset++)
    if (plain_holds(&view->fake->facts[view->units[i].first + offset], needle) ||
        offset % 89 == 0) /* grams may lie */
      cf_bits_set(bits, offset);
  return view->grams_damaged[i] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_times(struct cf_view *v, size_t i, uint32_t offset, uint32_t n,
                              int64_t *out)
{
  struct fake_view *view = (struct fake_view *)v;
  const struct cf_unit *u = &view->units[i];

  view->times_read += n;
  if (n == 0 || u->first + offset + n > u->end)
    abort();
  for (uint32_t k = 0; k < n; k++)
    out[k] =
        view->times_damaged[i] ? INT64_C(77) : view->fake->facts[u->first + offset + k].time_us;
  return view->times_damaged[i] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_spans(struct cf_view *v, size_t i, uint32_t n, struct cf_span *spans)
{
  struct fake_view *view = (struct fake_view *)v;
  const struct fake_fact *facts = view->fake->facts + view->units[i].first;

  view->spans_read++;

  for (uint32_t k = 0; k < n; k++) {
    struct cf_span *span = &spans[k / CF_TIMES_RUN];
    int64_t t = view->spans_damaged[i] ? INT64_C(77) : facts[k].time_us;
    if (k % CF_TIMES_RUN == 0)
      *span = (struct cf_span){t, t};
    span->min_us = t < span->min_us ? t : span->min_us;
    span->max_us = t > span->max_us ? t : span->max_us;
  }
  return view->spans_damaged[i] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_block(struct cf_view *v, uint64_t first, struct cf_block *block)
{
  struct fake_view *view = (struct fake_view *)v;

  if (view->block_damaged != NULL && view->block_damaged[first / 64])
    return CF_E_DAMAGED;
  for (size_t i = 0; i < view->units_n; i++)
    if (view->unit_lost[i] && view->units[i].first <= first && first < view->units[i].end)
      return CF_E_DAMAGED;
  view->blocks_read++;
  block->first = first;
  block->n = (unsigned)(view->fake->n - first < 64 ? view->fake->n - first : 64);
  block->n -= view->blocks_short;
  for (unsigned i = 0; i < block->n; i++)
    block->record[i] = view->fake->facts[first + i].record;
  return CF_OK;
}

/* All that the block's records are written with. */
static void put_texts(const struct cf_block *block, struct cf_buf *b)
{
  for (unsigned i = 0; i < block->n; i++) {
    cf_buf_putstr(b, block->record[i].public_text);
    for (unsigned c = 0; c < CF_C_N; c++)
      cf_buf_putstr(b, block->record[i].payload[c]);
  }
}

/* Of a block that has none that is wanted there is no record. */
static enum cf_err view_record(struct cf_view *v, uint64_t seq, const struct cf_block_look *look,
                               struct cf_block *block)
{
  struct fake_view *view = (struct fake_view *)v;
  struct cf_buf b;

  enum cf_err err = view_block(v, seq - seq % 64, block);
  block->none = false;
  if (err != CF_OK || look == NULL)
    return err;
  cf_buf_init(&b, SIZE_MAX);
  put_texts(block, &b);
  block->none = !look->may(look->context, cf_buf_str(&b));
  for (unsigned i = 0; block->none && i < block->n; i++)
    block->record[i].public_text.p = NULL; /* whoever reads it ends */
  view->unwanted += block->none;
  cf_buf_fini(&b);
  return err;
}

static bool view_lost(struct cf_view *v, size_t i)
{
  const struct fake_view *view = (const struct fake_view *)v;

  return view->unit_lost[i];
}

/* Nobody proves anything over it. */
static enum cf_err view_hashes(struct cf_view *view, unsigned level, uint64_t first, size_t n,
                               uint8_t *out)
{
  (void)view, (void)level, (void)first, (void)n, (void)out;
  return CF_E_NOTFOUND;
}

static enum cf_err view_checkpoint(struct cf_view *view, uint64_t size, uint64_t *found,
                                   struct cf_buf *note)
{
  (void)view, (void)size, (void)found, (void)note;
  return CF_E_NOTFOUND;
}

static const struct cf_view_calls fake_calls = {.free = view_free,
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
                                                .hashes = view_hashes,
                                                .checkpoint = view_checkpoint};

void fake_view_make(struct fake *f, uint64_t size, size_t units_n, struct fake_view *view)
{
  memset(view, 0, sizeof *view);
  view->fake = f;
  view->view = (struct cf_view){&fake_calls, size};
  for (uint64_t first = 0; first < size;) {
    uint64_t n = (1 + fake_random(f, 2 * size / 64 / units_n + 1)) * 64;
    if (first + n > size || view->units_n == FAKE_UNITS_MAX - 1)
      n = size - first;
    struct cf_unit *u = &view->units[view->units_n++];
    *u = (struct cf_unit){.first = first, .end = first + n};
    measure(f, u);
    first += n;
  }
}

/* ---- fixtures ---- */

static uint64_t seed(void)
{
  const char *text = getenv("CF_SEED");

  return text == NULL ? UINT64_C(0x9e3779b97f4a7c15) : strtoull(text, NULL, 0);
}

void fake_setup(void)
{
  fake = (struct fake){.random = seed()};
  fake_grow(&fake, 3000);
}

void fake_teardown(void)
{
  fake_fini(&fake);
}

uint64_t rnd(uint64_t below)
{
  return fake_random(&fake, below);
}

void fake_injure(struct fake_view *view)
{
  for (size_t i = 0; i < view->units_n; i++) {
    view->times_damaged[i] = rnd(3) == 0;
    view->spans_damaged[i] = rnd(3) == 0;
    view->grams_damaged[i] = rnd(3) == 0;
    for (unsigned x = 0; x < CF_I_N; x++)
      view->index_damaged[i][x] = rnd(3) == 0;
  }
}
