/* SPDX-License-Identifier: MIT */
/* Counting equal lines, in bounded memory. */
#include "config.h"

#include "lib/base/crypto.h"
#include "lib/input/repeats.h"
#include "tests/unit/cf_test.h"

static struct cf_repeats *repeats;

static uint32_t count(unsigned line)
{
  uint8_t hash[CF_HASH_N];
  cf_sha256_1(&line, sizeof line, hash);
  return cf_repeats_count(repeats, hash);
}

START_TEST(test_count)
{
  ck_assert_ok(cf_repeats_new(&repeats));
  for (uint32_t i = 0; i < 5; i++) {
    ck_assert_uint_eq(count(1), i);
    ck_assert_uint_eq(count(2), i);
  }
  cf_repeats_forget(repeats);
  ck_assert_uint_eq(count(1), 0);
  cf_repeats_free(repeats);
}
END_TEST

/* Among so many others it is remembered, and of more only what comes again. */
START_TEST(test_bounded)
{
  ck_assert_ok(cf_repeats_new(&repeats));
  ck_assert_uint_eq(count(0), 0);
  ck_assert_uint_eq(count(1), 0);
  for (unsigned i = 2; i < 10 * CF_REPEATS_N; i++) {
    ck_assert_uint_eq(count(i), 0);
    if (i % CF_REPEATS_N == 0)
      ck_assert_uint_eq(count(0), i / CF_REPEATS_N);
  }
  ck_assert_uint_eq(count(1), 0);
  cf_repeats_free(repeats);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "repeats", .test = test_count},
      {.tcase = "repeats", .test = test_bounded},
  };
  return cf_test_run("repeats", tests, CF_COUNT(tests));
}
