/* SPDX-License-Identifier: MIT */
/* Views of a kind that knows nothing of a ledger: what is asked reaches the
 * kind, what is beyond the size does not. */
#include "config.h"

#include "lib/ledger/view.h"
#include "lib/proof/note.h"
#include "tests/unit/cf_test.h"

#define HELD 1000 /* records that the kind has, more than the view is of */
#define SIZE 600

static unsigned asked; /* calls of the kind */
static enum cf_err give;

static void kind_free(struct cf_view *view)
{
  view->size = 0;
  asked++;
}

static size_t kind_units(const struct cf_view *view)
{
  (void)view;
  asked++;
  return 2;
}

static void kind_unit(const struct cf_view *view, size_t i, struct cf_unit *unit)
{
  (void)view;
  asked++;
  *unit = (struct cf_unit){.first = 512 * i, .end = i == 0 ? 512 : HELD};
}

static enum cf_err kind_match(struct cf_view *view, size_t i, const struct cf_term *term,
                              uint32_t from, struct cf_bits *bits)
{
  (void)view, (void)i, (void)term, (void)from, (void)bits;
  asked++;
  return give;
}

static enum cf_err kind_match_exact(struct cf_view *view, size_t i, unsigned index,
                                    struct cf_str value, uint32_t from, struct cf_bits *bits)
{
  (void)view, (void)i, (void)index, (void)value, (void)from, (void)bits;
  asked++;
  return give;
}

static enum cf_err kind_search(struct cf_view *view, size_t i, struct cf_str needle, uint32_t from,
                               struct cf_bits *bits)
{
  (void)view, (void)i, (void)needle, (void)from, (void)bits;
  asked++;
  return give;
}

static enum cf_err kind_times(struct cf_view *view, size_t i, uint32_t offset, uint32_t n,
                              int64_t *out)
{
  (void)view, (void)i;
  asked++;
  for (uint32_t k = 0; k < n; k++)
    out[k] = offset + k;
  return give;
}

static enum cf_err kind_block(struct cf_view *view, uint64_t first, struct cf_block *block)
{
  (void)view;
  asked++;
  ck_assert_uint_eq(first % CF_GROUP, 0);
  block->first = first;
  block->n = CF_GROUP;
  return give;
}

static enum cf_err kind_hashes(struct cf_view *view, unsigned level, uint64_t first, size_t n,
                               uint8_t *out)
{
  (void)view;
  asked++;
  for (size_t i = 0; i < n; i++)
    memset(out + i * CF_HASH_N, (int)(level + first + i), CF_HASH_N);
  return give;
}

static enum cf_err kind_checkpoint(struct cf_view *view, uint64_t size, uint64_t *found,
                                   struct cf_buf *note)
{
  (void)view;
  asked++;
  cf_buf_puts(note, "note");
  *found = size + 1;
  return give;
}

static const struct cf_view_calls kind_calls = {.free = kind_free,
                                                .units = kind_units,
                                                .unit = kind_unit,
                                                .match = kind_match,
                                                .match_exact = kind_match_exact,
                                                .search = kind_search,
                                                .times = kind_times,
                                                .block = kind_block,
                                                .hashes = kind_hashes,
                                                .checkpoint = kind_checkpoint};
static struct cf_view view;

static void setup(void)
{
  view = (struct cf_view){&kind_calls, SIZE};
  asked = 0;
  give = CF_OK;
}

START_TEST(test_units_end_at_the_size)
{
  struct cf_unit unit;
  ck_assert_uint_eq(cf_view_size(&view), SIZE);
  ck_assert_uint_eq(cf_view_units(&view), 2);
  cf_view_unit(&view, 0, &unit);
  ck_assert_uint_eq(unit.end, 512);
  cf_view_unit(&view, 1, &unit);
  ck_assert_uint_eq(unit.first, 512);
  ck_assert_uint_eq(unit.end, SIZE);
}
END_TEST

START_TEST(test_blocks_end_at_the_size)
{
  static struct cf_block block;
  ck_assert_ok(cf_view_block(&view, 63, &block));
  ck_assert_uint_eq(block.first, 0);
  ck_assert_uint_eq(block.n, CF_GROUP);
  ck_assert_ok(cf_view_block(&view, SIZE - 1, &block));
  ck_assert_uint_eq(block.first, 576);
  ck_assert_uint_eq(block.n, SIZE - 576);
  asked = 0;
  ck_assert_err(cf_view_block(&view, SIZE, &block), CF_E_NOTFOUND);
  ck_assert_err(cf_view_block(&view, UINT64_MAX, &block), CF_E_NOTFOUND);
  ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(test_hashes_are_of_complete_subtrees)
{
  static const struct {
    unsigned level;
    uint64_t first;
    size_t n;
    enum cf_err err;
  } rows[] = {
      {0, 0, 256, CF_OK},          {0, 512, SIZE - 512, CF_OK},
      {0, SIZE - 1, 1, CF_OK},     {0, SIZE - 1, 2, CF_E_NOTFOUND},
      {0, SIZE, 1, CF_E_NOTFOUND}, {1, 0, 2, CF_OK},
      {1, 0, 3, CF_E_NOTFOUND},    {2, 0, 1, CF_E_NOTFOUND},
      {7, 0, 1, CF_E_NOTFOUND},    {8, 0, 1, CF_E_NOTFOUND},
      {63, 0, 1, CF_E_NOTFOUND},
  };
  struct cf_hashes hashes;
  uint8_t out[256 * CF_HASH_N];
  cf_view_hashes(&view, &hashes);
  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    asked = 0;
    ck_assert_err(hashes.get(hashes.context, rows[i].level, rows[i].first, rows[i].n, out),
                  rows[i].err);
    ck_assert_uint_eq(asked, rows[i].err == CF_OK);
    if (rows[i].err == CF_OK)
      ck_assert_uint_eq(out[0], (uint8_t)(rows[i].level + rows[i].first));
  }
}
END_TEST

START_TEST(test_errors_of_the_kind_are_given)
{
  static struct cf_block block;
  struct cf_hashes hashes;
  struct cf_bits bits = {0};
  struct cf_buf note;
  int64_t times[3];
  uint64_t found;
  uint8_t hash[CF_HASH_N];
  const struct cf_term term = {0};
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_view_hashes(&view, &hashes);
  for (unsigned i = 0; i < 2; i++, give = CF_E_DAMAGED) {
    asked = 0;
    ck_assert_err(cf_view_match(&view, 0, &term, 0, &bits), give);
    ck_assert_err(cf_view_match_exact(&view, 0, CF_M_ID, CF_STR("x"), 0, &bits), give);
    ck_assert_err(cf_view_search(&view, 0, CF_STR("xyz"), 0, &bits), give);
    ck_assert_err(cf_view_times(&view, 0, 7, 3, times), give);
    ck_assert_err(cf_view_block(&view, 0, &block), give);
    ck_assert_err(hashes.get(hashes.context, 0, 0, 1, hash), give);
    ck_assert_err(cf_view_checkpoint(&view, 41, &found, &note), give);
    ck_assert_uint_eq(asked, 7);
  }
  ck_assert_int_eq(times[2], 9);
  ck_assert_uint_eq(found, 42);
  cf_buf_fini(&note);
}
END_TEST

START_TEST(test_put_releases_once)
{
  cf_view_put(NULL);
  ck_assert_uint_eq(asked, 0);
  cf_view_put(&view);
  ck_assert_uint_eq(asked, 1);
  ck_assert_uint_eq(view.size, 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "view", .test = test_units_end_at_the_size, .setup = setup},
      {.tcase = "view", .test = test_blocks_end_at_the_size},
      {.tcase = "view", .test = test_hashes_are_of_complete_subtrees},
      {.tcase = "view", .test = test_errors_of_the_kind_are_given},
      {.tcase = "view", .test = test_put_releases_once},
  };
  return cf_test_run("view", tests, CF_COUNT(tests));
}
