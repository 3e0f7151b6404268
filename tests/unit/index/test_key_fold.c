/* SPDX-License-Identifier: MIT */
/* Keys without regard to case, against all of them in order. */
#include "config.h"

#include "lib/index/key_fold.h"

#include <stdlib.h>

#include "tests/unit/cf_test.h"

struct key {
  size_t n;
  uint8_t byte[CF_INDEX_VALUE_MAX];
};

static struct cf_str key_str(const struct key *k)
{
  return (struct cf_str){(const char *)k->byte, k->n};
}

static int key_compare(const void *a, const void *b)
{
  return cf_str_cmp(key_str(a), key_str(b));
}

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
  seed = seed * 1664525 + 1013904223;
  return (seed >> 8) % n;
}

/* A short text of letters with two to four forms, of letters of other lengths
 * in their other form, of bytes that keys escape, and of some with one form. */
static size_t text_make(char *out)
{
  static const struct {
    const char *p;
    size_t n;
  } letters[] = {{"a", 1},        {"A", 1},
                 {"k", 1},        {"\xe2\x84\xaa", 3},
                 {"s", 1},        {"\xc5\xbf", 2},
                 {"\xce\xb8", 2}, {"\xcf\x91", 2},
                 {"\xc8\xba", 2}, {"\xe2\xb1\xa5", 3},
                 {"\0", 1},       {"\1", 1},
                 {"1", 1},        {"\xff", 1}};
  size_t n = 0;
  for (uint32_t left = chance(6); left > 0; left--) {
    uint32_t i = chance(CF_COUNT(letters));
    memcpy(out + n, letters[i].p, letters[i].n);
    n += letters[i].n;
  }
  return n;
}

#define KEYS 4000

static struct {
  struct cf_str text;
  char room[32];
  struct key key;
} made[KEYS];

static void make_keys(void)
{
  for (size_t i = 0; i < KEYS; i++) {
    made[i].text = (struct cf_str){made[i].room, text_make(made[i].room)};
    made[i].key.n = cf_index_key(CF_M_USER, made[i].text, made[i].key.byte);
  }
}

/* A value has the keys of all that equal it, and no others. */
START_TEST(test_has)
{
  static struct cf_key_fold fold;
  size_t same = 0;
  seed = 7;
  make_keys();
  for (size_t v = 0; v < 200; v++) {
    cf_key_fold_make(made[v].text, &fold);
    for (size_t i = 0; i < KEYS; i++) {
      bool want = cf_fold_equal(made[v].text, made[i].text);
      same += want && v != i;
      if (cf_key_fold_has(&fold, key_str(&made[i].key)) != want)
        ck_abort_msg("texts %zu and %zu", v, i);
    }
  }
  ck_assert_uint_gt(same, 500);
}
END_TEST

/* All keys of a value, made by taking each form at each place. */
static size_t all_keys(const struct cf_key_fold *fold, struct key *out)
{
  size_t n = 1;
  out[0].n = 0;
  for (size_t p = 0; p < fold->n; p++) {
    size_t forms = fold->place[p].n;
    for (size_t i = n * forms; i-- > 0;) {
      const struct cf_key_code *code = &fold->place[p].code[i % forms];
      struct key key = out[i / forms];
      memcpy(key.byte + key.n, code->byte, code->n);
      key.n += code->n;
      out[i] = key;
    }
    n *= forms;
  }
  qsort(out, n, sizeof *out, key_compare);
  return n;
}

static void check_next(const struct cf_key_fold *fold, const struct key *all, size_t n,
                       struct cf_str key, bool behind)
{
  uint8_t out[CF_INDEX_VALUE_MAX];
  size_t i = 0;
  while (i < n && cf_str_cmp(key_str(&all[i]), key) < (behind ? 1 : 0))
    i++;
  size_t got = cf_key_fold_next(fold, key, behind, out);
  if (i == n)
    ck_assert_uint_eq(got, 0);
  else
    ck_assert_bytes(out, got, all[i].byte, all[i].n);
}

START_TEST(test_next)
{
  static struct cf_key_fold fold;
  static struct key all[1024];
  seed = 11;
  make_keys();
  for (size_t v = 0; v < 60; v++) {
    cf_key_fold_make(made[v].text, &fold);
    size_t n = all_keys(&fold, all);
    ck_assert_uint_le(n, CF_COUNT(all));
    if (fold.n == 0)
      continue;
    for (size_t i = 0; i < KEYS; i++) {
      check_next(&fold, all, n, key_str(&made[i].key), false);
      check_next(&fold, all, n, key_str(&made[i].key), true);
    }
    for (size_t i = 0; i < n; i++) {
      check_next(&fold, all, n, key_str(&all[i]), true);
      check_next(&fold, all, n, (struct cf_str){(const char *)all[i].byte, all[i].n - 1}, true);
    }
  }
}
END_TEST

/* Beyond what a key holds nothing counts, also where the end cuts a letter. */
START_TEST(test_long)
{
  static struct cf_key_fold fold;
  char text[400];
  uint8_t out[CF_INDEX_VALUE_MAX];
  struct key key;
  memset(text, 'a', sizeof text);
  memcpy(text + CF_INDEX_VALUE_MAX - 1, "\xc8\xba", 2);
  cf_key_fold_make((struct cf_str){text, sizeof text}, &fold);
  key.n = cf_index_key(CF_M_USER, (struct cf_str){text, sizeof text}, key.byte);
  ck_assert_uint_eq(key.n, CF_INDEX_VALUE_MAX);
  ck_assert(cf_key_fold_has(&fold, key_str(&key)));
  key.byte[0] = 'A';
  ck_assert(cf_key_fold_has(&fold, key_str(&key)));
  ck_assert_uint_eq(cf_key_fold_next(&fold, key_str(&key), true, out), CF_INDEX_VALUE_MAX);
  ck_assert_uint_eq(out[0], 'A');
  ck_assert_uint_eq(out[CF_INDEX_VALUE_MAX - 1], 0xe2); /* of its other form */
  memset(out, 0xff, sizeof out);
  ck_assert_uint_eq(cf_key_fold_next(&fold, (struct cf_str){(const char *)out, sizeof out}, false,
                                     out),
                    0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "fold", .test = test_has},
      {.tcase = "fold", .test = test_next},
      {.tcase = "fold", .test = test_long},
  };
  return cf_test_run("key_fold", tests, CF_COUNT(tests));
}
