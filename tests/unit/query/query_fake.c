/* SPDX-License-Identifier: MIT */
/* A view of records in memory that finds by looking at each. */
#include "config.h"

#include "tests/unit/query/query_fake.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/query/query_plain.h"

static void measure(const struct fake *f, struct cf_unit *u)
{
  u->time_min_us = u->recorded_min_us = INT64_MAX;
  u->time_max_us = u->recorded_max_us = INT64_MIN;
  for (uint64_t seq = u->first; seq < u->end; seq++) {
    int64_t t = f->facts[seq].time_us, r = f->facts[seq].record.recorded_us;
    u->time_min_us = t < u->time_min_us ? t : u->time_min_us;
    u->time_max_us = t > u->time_max_us ? t : u->time_max_us;
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

  if (term->prefix)
    return cf_str_starts(k, term->first);
  return cf_str_cmp(term->first, k) <= 0 && cf_str_cmp(k, term->last) <= 0;
}

static enum cf_err view_match(struct cf_view *v, size_t i, const struct cf_term *term,
                              uint32_t from, struct cf_bits *bits)
{
  struct fake_view *view = (struct fake_view *)v;

  view->matches++;
  for (uint32_t offset = from; offset < bits->n; offset++) {
    uint8_t key[CF_INDEX_VALUE_MAX];
    size_t n;
    if (view->index_damaged[i][term->index] && offset > bits->n / 2)
      return CF_E_DAMAGED; /* in the middle: a part was found already */
    if (key_of(&view->fake->facts[view->units[i].first + offset], term->index, key, &n) &&
        key_matches(term, key, n))
      cf_bits_set(bits, offset);
  }
  return view->index_damaged[i][term->index] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_match_id(struct cf_view *v, size_t i, struct cf_str id, uint32_t from,
                                 struct cf_bits *bits)
{
  struct fake_view *view = (struct fake_view *)v;

  view->matches++;
  for (uint32_t offset = from; offset < bits->n && !view->index_damaged[i][CF_M_ID]; offset++) {
    const struct fake_fact *fact = &view->fake->facts[view->units[i].first + offset];
    bool same = fact->pick[CF_M_ID] != FAKE_ABSENT &&
                cf_str_eq(id, fake_pool(CF_M_ID, fact->pick[CF_M_ID]));
    if (same || offset % 97 == 0) /* a fingerprint may lie */
      cf_bits_set(bits, offset);
  }
  return view->index_damaged[i][CF_M_ID] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_times(struct cf_view *v, size_t i, uint32_t offset, uint32_t n,
                              int64_t *out)
{
  const struct fake_view *view = (const struct fake_view *)v;
  const struct cf_unit *u = &view->units[i];

  if (n == 0 || u->first + offset + n > u->end)
    abort();
  for (uint32_t k = 0; k < n; k++)
    out[k] =
        view->times_damaged[i] ? INT64_C(77) : view->fake->facts[u->first + offset + k].time_us;
  return view->times_damaged[i] ? CF_E_DAMAGED : CF_OK;
}

static enum cf_err view_block(struct cf_view *v, uint64_t first, struct cf_block *block)
{
  struct fake_view *view = (struct fake_view *)v;

  if (view->block_damaged != NULL && view->block_damaged[first / 64])
    return CF_E_DAMAGED;
  view->blocks_read++;
  block->first = first;
  block->n = (unsigned)(view->fake->n - first < 64 ? view->fake->n - first : 64);
  block->n -= view->blocks_short;
  for (unsigned i = 0; i < block->n; i++)
    block->record[i] = view->fake->facts[first + i].record;
  return CF_OK;
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
                                                .match = view_match,
                                                .match_id = view_match_id,
                                                .times = view_times,
                                                .block = view_block,
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
    for (unsigned x = 0; x < CF_I_N; x++)
      view->index_damaged[i][x] = rnd(3) == 0;
  }
}
