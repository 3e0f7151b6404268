/* SPDX-License-Identifier: MIT */
/* Texts in an arena: they stay where they are and as they are. */
#include "config.h"

#include "lib/base/arena.h"

#include <string.h>

#include "tests/unit/cf_test.h"

#define TEXTS 2000

static char *put(struct cf_arena *arena, size_t i, size_t n)
{
  char *room = cf_arena_room(arena, n + 100);
  ck_assert_ptr_nonnull(room);
  memset(room, 0, n + 100);
  memset(room, (int)('a' + i % 26), n);
  cf_arena_keep(arena, n);
  return room;
}

START_TEST(test_texts_stay)
{
  static char *text[TEXTS];
  struct cf_arena arena = {0};
  size_t all = 0;
  for (size_t i = 0; i < TEXTS; all += i++ % 700)
    text[i] = put(&arena, i, i % 700);
  ck_assert_uint_ge(arena.held, all);
  ck_assert_uint_le(arena.held, all + (512 << 10));
  for (size_t i = 0; i < TEXTS; i++)
    for (size_t k = 0; k < i % 700; k++)
      ck_assert_int_eq(text[i][k], (int)('a' + i % 26));
  cf_arena_fini(&arena);
  ck_assert_ptr_null(arena.newest);
}
END_TEST

/* One that is larger than a piece has one of its own; room that was not kept
 * is given again. */
START_TEST(test_large_and_unkept)
{
  struct cf_arena arena = {0};
  char *small = put(&arena, 0, 10), *large = put(&arena, 1, 1 << 20);
  char *room = cf_arena_room(&arena, 5000);
  ck_assert_ptr_eq(cf_arena_room(&arena, 5000), room);
  ck_assert_int_eq(small[9], 'a');
  ck_assert_int_eq(large[(1 << 20) - 1], 'b');
  ck_assert_uint_ge(arena.held, (1 << 20) + 100 + 5000);
  cf_arena_fini(&arena);
  ck_assert_uint_eq(arena.held, 0);
  cf_arena_fini(&arena);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "arena", .test = test_texts_stay},
      {.tcase = "arena", .test = test_large_and_unkept},
  };
  return cf_test_run("arena", tests, CF_COUNT(tests));
}
