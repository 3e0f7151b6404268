/* SPDX-License-Identifier: MIT */
/* The frame of a tar: fields and sums, and files of 8 GiB and more, none of
 * which is written. */
#include "config.h"

#include <stdlib.h>

#include "lib/evidence/tar.h"
#include "tests/unit/cf_test.h"

#define NAME_100 \
  "tile/entries/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/x000/000.p/1"

static struct cf_buf tar;

static void setup(void)
{
  cf_buf_init(&tar, SIZE_MAX);
}

static void teardown(void)
{
  cf_buf_fini(&tar);
}

static void header(const char *name, uint64_t size, int64_t mtime_s)
{
  cf_buf_reset(&tar);
  ck_assert_ok(cf_tar_header_put(&tar, name, size, mtime_s));
}

static void field(size_t block, size_t at, size_t n, const char *want)
{
  ck_assert_uint_ge(tar.n, (block + 1) * CF_TAR_BLOCK);
  ck_assert_mem_eq(tar.p + block * CF_TAR_BLOCK + at, want, n);
}

/* The sum of a header, with spaces in its place, is what stands there. */
static void sum_holds(size_t block)
{
  const uint8_t *p = tar.p + block * CF_TAR_BLOCK;
  unsigned sum = 8 * ' ';
  for (size_t i = 0; i < CF_TAR_BLOCK; i++)
    sum += i >= 148 && i < 156 ? 0 : p[i];
  ck_assert_uint_eq(strtoul((const char *)p + 148, NULL, 8), sum);
  ck_assert_mem_eq(p + 154, "\0 ", 2);
}

START_TEST(test_a_file_has_one_header)
{
  header("tile/0/000", 8192, 1764403200);
  ck_assert_uint_eq(tar.n, CF_TAR_BLOCK);
  field(0, 0, 11, "tile/0/000");
  field(0, 100, 8, "0000644");
  field(0, 108, 8, "0000000");
  field(0, 116, 8, "0000000");
  field(0, 124, 12, "00000020000");
  field(0, 136, 12, "15112524000");
  field(0, 156, 1, "0");
  field(0, 257, 8,
        "ustar\0"
        "00");
  sum_holds(0);
}
END_TEST

START_TEST(test_a_file_of_8_gib_has_a_pax_header)
{
  header("records.ndjson", CF_TAR_SIZE - 1, 0);
  ck_assert_uint_eq(tar.n, CF_TAR_BLOCK);
  field(0, 124, 12, "77777777777");
  header("records.ndjson", CF_TAR_SIZE, 0);
  ck_assert_uint_eq(tar.n, 3 * CF_TAR_BLOCK);
  field(0, 0, 26, "PaxHeaders/records.ndjson");
  field(0, 124, 12, "00000000023");
  field(0, 156, 1, "x");
  field(1, 0, 20, "19 size=8589934592\n");
  field(2, 0, 15, "records.ndjson");
  field(2, 124, 12, "00000000000");
  field(2, 156, 1, "0");
  sum_holds(0);
  sum_holds(2);
}
END_TEST

START_TEST(test_the_largest_file_says_its_size)
{
  header("records.ndjson", INT64_MAX, 0);
  field(1, 0, 29, "28 size=9223372036854775807\n");
}
END_TEST

START_TEST(test_a_long_name_is_refused_and_never_cut)
{
  ck_assert_uint_eq(strlen(NAME_100), CF_TAR_NAME_N);
  header(NAME_100, 1, 0);
  field(0, 0, CF_TAR_NAME_N, NAME_100);
  header(NAME_100, CF_TAR_SIZE, 0);
  sum_holds(0);
  ck_assert_err(cf_tar_header_put(&tar, NAME_100 "0", 1, 0), CF_E_FULL);
}
END_TEST

START_TEST(test_a_time_is_brought_into_its_field)
{
  header("a", 1, -1);
  field(0, 136, 12, "00000000000");
  header("a", 1, INT64_MAX);
  field(0, 136, 12, "77777777777");
}
END_TEST

START_TEST(test_a_file_is_filled_up_and_a_tar_ends)
{
  ck_assert_uint_eq(cf_tar_padding(0), 0);
  ck_assert_uint_eq(cf_tar_padding(1), 511);
  ck_assert_uint_eq(cf_tar_padding(512), 0);
  ck_assert_uint_eq(cf_tar_padding(CF_TAR_SIZE + 513), 511);
  cf_tar_end_put(&tar);
  ck_assert_uint_eq(tar.n, 1024);
  for (size_t i = 0; i < tar.n; i++)
    ck_assert_uint_eq(tar.p[i], 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "tar", .test = test_a_file_has_one_header, .setup = setup, .teardown = teardown},
      {.tcase = "tar", .test = test_a_file_of_8_gib_has_a_pax_header},
      {.tcase = "tar", .test = test_the_largest_file_says_its_size},
      {.tcase = "tar", .test = test_a_long_name_is_refused_and_never_cut},
      {.tcase = "tar", .test = test_a_time_is_brought_into_its_field},
      {.tcase = "tar", .test = test_a_file_is_filled_up_and_a_tar_ends},
  };
  return cf_test_run("tar", tests, CF_COUNT(tests));
}
