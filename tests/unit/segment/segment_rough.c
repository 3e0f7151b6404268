/* SPDX-License-Identifier: MIT */
/* The staged segment, read by all that reads one, whatever stands in it. */
#include "config.h"

#include "tests/unit/segment/segment_rough.h"

#include <limits.h>
#include <string.h>

#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_stage.h"

unsigned rough_place(const uint8_t *page, unsigned kind, unsigned item, unsigned i)
{
  enum { ENTRIES_AT = 20, HEAD_AT = 8, HEAD_N = 18, ITEMS_AT = 26, BEFORE_N = 12 };
  uint16_t items, at;

  memcpy(&items, page + ENTRIES_AT, sizeof items);
  if (kind == 0 || items == 0 || items > 1000)
    return HEAD_AT + item % HEAD_N;
  unsigned entry = ITEMS_AT + item % items * 2;
  memcpy(&at, page + entry, sizeof at);
  return kind == 1 || at > PAGE - BEFORE_N ? entry + i % 2 : at + i % BEFORE_N;
}

void rough_read(struct cf_segment *s)
{
  uint8_t hashes[64 * CF_HASH_N];
  int64_t times[256];
  static struct cf_span spans[RECORDS / CF_TIMES_RUN];
  static struct cf_block block;
  struct cf_bits bits;
  struct cf_str key;
  enum cf_err err = CF_OK;

  cf_block_init(&block);
  ck_assert_ok(cf_bits_new(RECORDS, &bits));
  for (uint32_t i = 0; i < RECORDS; i += 256) {
    struct cf_term term = {.index = fact_members[i / 256 % FACT_MEMBERS_N], .prefix = true};
    struct found f = {0, {0}};
    if (fact_key(i, term.index, &key))
      term.first = key;
    err = cf_segment_block(s, i / 64, &block);
    err = cf_segment_part(s, i, &block);
    err = cf_segment_hashes(s, i, 64, hashes);
    err = cf_segment_times(s, i, 256, times);
    if (cf_index_is_exact(term.index)) {
      err = cf_segment_match_exact(s, term.index, term.first, 0, &bits);
    } else {
      err = cf_segment_match(s, &term, 0, &bits);
      term.first = (struct cf_str){"", 0};
      err = cf_segment_match(s, &term, 0, &bits);
    }
    err = cf_segment_find_id(s, fact_mix(i, 6), reader_collect, &f);
    err = cf_segment_search(s, CF_STR("saw"), 0, &bits);
    err = cf_segment_search(s, CF_STR("ric1"), 0, &bits);
    err = cf_segment_filter_load(s);
    err = cf_segment_spans(s, (uint32_t)(s->meta.end - s->meta.first), spans);
  }
  (void)err;
  cf_bits_free(&bits);
  cf_block_fini(&block);
}

static unsigned differences;

static void differ(void *context, uint32_t offset, const char *sheet, const char *what)
{
  differences++;
  (void)context;
  (void)sheet;
  (void)what;
  ck_assert_uint_lt(offset, RECORDS);
}

void rough_truth(struct cf_segment_truth *truth)
{
  static struct cf_block block;
  struct cf_segment *s = NULL;

  cf_block_init(&block);
  ck_assert_ok(cf_segment_truth_init(truth, fact_ledger_key, &segment_meta));
  truth->differ = differ;
  ck_assert_ok(cf_segment_acquire_alone(segment_pool, &segment_meta, &s));
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++) {
    ck_assert_ok(cf_segment_block(s, i, &block));
    for (unsigned k = 0; k < CF_GROUP; k++)
      ck_assert_ok(cf_segment_truth_add(truth, &block.record[k]));
  }
  cf_segment_release(segment_pool, s);
  cf_block_fini(&block);
}

unsigned rough_compare(struct cf_segment_pool *p, struct cf_segment_truth *truth)
{
  struct cf_segment *s = NULL;

  if (cf_segment_acquire_alone(p, &segment_meta, &s) != CF_OK)
    return UINT_MAX;
  differences = 0;
  ck_assert_ok(cf_segment_compare(s, truth));
  cf_segment_release(p, s);
  return differences;
}
