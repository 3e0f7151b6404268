/* SPDX-License-Identifier: MIT */
/* Pages whose sums were forged along with them: nothing that reads them
 * crashes, and a deep verify finds what would make an answer false. */
#include "config.h"

#include <unistd.h>

#include "lib/segment/pages_in.h"
#include "tests/unit/segment/segment_rough.h"
#include "tests/unit/segment/segment_stage.h"

static struct cf_segment_truth truth;
static unsigned usual; /* differences from it */

/* The file as it is, sworn to; false where it has no pages. */
static bool sums_forge(void)
{
  struct cf_pages *pages = NULL;

  if (cf_pages_sum(segment_path, NULL, NULL, &pages, NULL) != CF_OK)
    return false;
  ck_assert_ok(cf_pages_put(pages, segment_path, NULL));
  cf_pages_digest(pages, segment_meta.digest);
  cf_pages_free(pages);
  return true;
}

/* Nothing that reads it crashes; does it not open, or does the comparison find
 * more than usual? (Of records that are false their hashes tell.) */
static bool forged_read(void)
{
  struct cf_segment_pool *p = segment_pool_new();
  struct cf_segment *s = NULL;
  bool found = !sums_forge() || cf_segment_acquire(p, &segment_meta, &s) != CF_OK;

  if (!found) {
    rough_read(s);
    cf_segment_release(p, s);
    found = rough_compare(p, &truth) != usual;
  }
  cf_segment_pool_free(p);
  return found;
}

static void set_up(void)
{
  segment_set_up();
  rough_truth(&truth);
  usual = rough_compare(segment_pool, &truth);
}

static void tear_down(void)
{
  cf_segment_truth_fini(&truth);
  segment_tear_down();
}

enum { ENTRIES_AT = 20, TYPE_AT = 25, ITEMS_AT = 26, CHILD_AT = 4, INTERNAL = 3 };

START_TEST(test_forged_byte)
{
  static uint8_t page[PAGE];
  unsigned found = 0, n = 0;

  for (off_t k = _i; k < (off_t)segment_meta.bytes / PAGE; k += 4)
    for (unsigned turns = 0; turns < cf_test_rounds(2); turns++) {
      uint64_t x = fact_mix((uint64_t)k, 100 + turns);
      temp_get(segment_path, k * PAGE, page, PAGE);
      unsigned at = rough_place(page, (unsigned)(x % 3), (unsigned)(x >> 8), (unsigned)(x >> 32));
      uint8_t byte = page[at] ^ (uint8_t)(1 + (x >> 40) % 255);
      temp_put(segment_path, k * PAGE + at, &byte, 1);
      found += forged_read();
      n++;
      temp_put(segment_path, k * PAGE + at, page + at, 1);
    }
  ck_assert_uint_gt(found, n / 3);
  ck_assert(!forged_read());
}
END_TEST

/* Two leaves exchanged where a search comes from above: whoever walks from leaf
 * to leaf meets all, and a search goes astray. */
START_TEST(test_forged_descent)
{
  static uint8_t page[PAGE], kept[PAGE];
  unsigned trees = 0;

  for (off_t k = 1; k < (off_t)segment_meta.bytes / PAGE; k++) {
    uint16_t items, item[2];
    temp_get(segment_path, k * PAGE, kept, PAGE);
    memcpy(page, kept, PAGE);
    memcpy(&items, page + ENTRIES_AT, sizeof items);
    memcpy(item, page + ITEMS_AT, sizeof item);
    if (page[TYPE_AT] != INTERNAL || items < 2)
      continue;
    memcpy(page + item[0] + CHILD_AT, kept + item[1] + CHILD_AT, 4);
    memcpy(page + item[1] + CHILD_AT, kept + item[0] + CHILD_AT, 4);
    temp_put(segment_path, k * PAGE, page, PAGE);
    ck_assert_msg(forged_read(), "page %ld", (long)k);
    trees++;
    temp_put(segment_path, k * PAGE, kept, PAGE);
  }
  ck_assert_uint_gt(trees, 2);
}
END_TEST

/* What the library takes for other things than checksums in a database's flags:
 * of all databases of the file. */
START_TEST(test_forged_flags)
{
  enum { META = 9, FLAGS_AT = 26 };
  static const uint8_t flags[] = {0x80, 0x02, 0x04, 0x01};
  uint8_t page[FLAGS_AT + 1];

  for (off_t k = 0; k < (off_t)segment_meta.bytes / PAGE; k++) {
    temp_get(segment_path, k * PAGE, page, sizeof page);
    if (page[TYPE_AT] == META)
      temp_put(segment_path, k * PAGE + FLAGS_AT, &flags[_i], 1);
  }
  ck_assert(forged_read());
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "forged",
       .test = test_forged_byte,
       .loops = 4,
       .setup = set_up,
       .teardown = tear_down},
      {.tcase = "forged", .test = test_forged_descent},
      {.tcase = "forged", .test = test_forged_flags, .loops = 4},
  };
  return cf_test_run("segment_forged", tests, CF_COUNT(tests));
}
