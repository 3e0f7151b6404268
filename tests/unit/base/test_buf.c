/* SPDX-License-Identifier: MIT */
/* Slices, growing buffers, and the error table. */
#include "config.h"

#include "lib/base/buf.h"

#include <errno.h>
#include <inttypes.h>

#include "tests/unit/cf_test.h"

static const struct order {
  const char *a, *b;
  int sign;
} orders[] = {
    {"", "", 0},    {"", "a", -1},   {"a", "", 1},     {"a", "a", 0},  {"a", "b", -1},
    {"ab", "a", 1}, {"a", "ab", -1}, {"\xff", "a", 1}, {"b", "ab", 1},
};

START_TEST(test_str_order)
{
  const struct order *o = &orders[_i];
  struct cf_str a = cf_str_from(o->a);
  struct cf_str b = cf_str_from(o->b);
  int got = cf_str_cmp(a, b);

  ck_assert_int_eq((got > 0) - (got < 0), o->sign);
  ck_assert_int_eq(cf_str_eq(a, b), o->sign == 0);
  ck_assert_int_eq(cf_str_is(a, o->b), o->sign == 0);
}
END_TEST

START_TEST(test_str_empty)
{
  struct cf_str none = cf_str_from(NULL);

  ck_assert_uint_eq(none.n, 0);
  ck_assert(cf_str_eq(none, CF_STR("")));
  ck_assert(cf_str_starts(CF_STR("x"), none));
  ck_assert(!cf_str_starts(none, CF_STR("x")));
  ck_assert(cf_str_starts(CF_STR("xy"), CF_STR("x")));
  ck_assert(!cf_str_starts(CF_STR("xy"), CF_STR("y")));
  ck_assert_uint_eq(cf_str_cut(&none, ',').n, 0);
}
END_TEST

START_TEST(test_str_cut)
{
  struct cf_str s = CF_STR("a,,bc");

  ck_assert(cf_str_is(cf_str_cut(&s, ','), "a"));
  ck_assert(cf_str_is(cf_str_cut(&s, ','), ""));
  ck_assert(cf_str_is(cf_str_cut(&s, ','), "bc"));
  ck_assert_uint_eq(s.n, 0);
  ck_assert(cf_str_is(cf_str_cut(&s, ','), ""));
}
END_TEST

START_TEST(test_str_dup)
{
  char *copy = cf_str_dup((struct cf_str){"abc", 2});

  ck_assert_str_eq(copy, "ab");
  free(copy);
  copy = cf_str_dup(cf_str_from(NULL));
  ck_assert_str_eq(copy, "");
  free(copy);
}
END_TEST

/* A buffer of maximum m takes exactly m bytes, by whatever steps they come. */
START_TEST(test_buf_max)
{
  size_t max = (size_t)_i;
  struct cf_buf b;

  for (size_t piece = 1; piece <= max + 1; piece++) {
    cf_buf_init(&b, max);
    size_t fit = max / piece * piece;
    for (size_t n = 0; n < fit; n += piece)
      memset(cf_buf_grow(&b, piece), 'x', piece);
    ck_assert_ok(b.err);
    ck_assert_uint_eq(b.n, fit);
    ck_assert_ptr_null(cf_buf_grow(&b, max - fit + 1));
    ck_assert_err(b.err, CF_E_FULL);
    ck_assert_uint_eq(b.n, fit);
    cf_buf_fini(&b);
  }
}
END_TEST

/* In the caller's memory, of which not a byte is left, and none touched
 * beyond. */
START_TEST(test_buf_fixed)
{
  char room[12];
  struct cf_buf b;

  memset(room, '#', sizeof room);
  cf_buf_fixed(&b, room, 10);
  cf_buf_puts(&b, "abcd");
  cf_buf_putf(&b, "%d", 12345);
  ck_assert_ok(b.err);
  ck_assert_str_eq(cf_buf_cstr(&b), "abcd12345");
  ck_assert_ptr_eq(b.p, room);
  cf_buf_putc(&b, 'x');
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_uint_eq(b.n, 9);
  cf_buf_reset(&b);
  cf_buf_putf(&b, "%s", "0123456789");
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_uint_eq(b.n, 0);
  ck_assert_ptr_eq(b.p, room);
  ck_assert_bytes(room + 10, 2u, "##", 2u);
}
END_TEST

START_TEST(test_buf_sticky)
{
  struct cf_buf b;

  cf_buf_init(&b, 4);
  cf_buf_puts(&b, "abc");
  cf_buf_puts(&b, "de");
  cf_buf_putc(&b, 'f');
  cf_buf_putf(&b, "%d", 1);
  cf_buf_put_u64(&b, 1);
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_uint_eq(b.n, 3);
  ck_assert_str_eq(cf_buf_cstr(&b), "");
  ck_assert_ptr_null(cf_buf_take(&b));
  cf_buf_reset(&b);
  cf_buf_puts(&b, "defg");
  ck_assert_str_eq(cf_buf_cstr(&b), "defg");
  cf_buf_fini(&b);
  cf_buf_fini(&b);
}
END_TEST

/* Sizes near the end of the address space are refused, not wrapped round. */
START_TEST(test_buf_huge)
{
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2, SIZE_MAX / 2 + 1};
  struct cf_buf b;

  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "ab");
  ck_assert_ptr_null(cf_buf_grow(&b, sizes[_i]));
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_uint_eq(b.n, 2);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_buf_putf)
{
  struct cf_buf b;
  char want[1000];

  cf_buf_init(&b, 1000);
  for (int width = 1; width < 45; width++)
    cf_buf_putf(&b, "%*d", width, width);
  size_t n = 0;
  for (int width = 1; width < 45; width++)
    n += (size_t)snprintf(want + n, sizeof want - n, "%*d", width, width);
  ck_assert_ok(b.err);
  ck_assert_bytes(b.p, b.n, want, n);
  cf_buf_putf(&b, "%*d", 500, 1);
  ck_assert_err(b.err, CF_E_FULL);
  ck_assert_uint_eq(b.n, n);
  cf_buf_fini(&b);
}
END_TEST

static const int64_t numbers[] = {
    0,
    1,
    9,
    10,
    11,
    99,
    100,
    -1,
    -9,
    -10,
    INT64_MAX,
    INT64_MIN,
    INT64_MIN + 1,
    1000000000000000000,
    -1000000000000000000,
};

START_TEST(test_buf_numbers)
{
  struct cf_buf b;
  char want[64];

  cf_buf_init(&b, 100);
  cf_buf_put_i64(&b, numbers[_i]);
  cf_buf_putc(&b, ' ');
  cf_buf_put_u64(&b, (uint64_t)numbers[_i]);
  (void)snprintf(want, sizeof want, "%" PRId64 " %" PRIu64, numbers[_i], (uint64_t)numbers[_i]);
  ck_assert_str_eq(cf_buf_cstr(&b), want);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_buf_take)
{
  struct cf_buf b;

  cf_buf_init(&b, 10);
  char *text = cf_buf_take(&b);
  ck_assert_str_eq(text, "");
  free(text);
  cf_buf_puts(&b, "0123456789");
  text = cf_buf_take(&b);
  ck_assert_str_eq(text, "0123456789");
  ck_assert_uint_eq(b.n, 0);
  cf_buf_putstr(&b, CF_STR("again"));
  cf_buf_cut(&b, 2);
  ck_assert(cf_str_is(cf_buf_str(&b), "aga"));
  free(text);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_buf_empty)
{
  struct cf_buf b;

  cf_buf_init(&b, 0);
  ck_assert_str_eq(cf_buf_cstr(&b), "");
  cf_buf_put(&b, NULL, 0);
  cf_buf_putf(&b, "%s", "");
  ck_assert_ok(b.err);
  ck_assert_ptr_nonnull(cf_buf_grow(&b, 0));
  cf_buf_putc(&b, 'x');
  ck_assert_err(b.err, CF_E_FULL);
  cf_buf_fini(&b);
}
END_TEST

/* Each row of the table is complete, and no word is used twice. */
START_TEST(test_err_table)
{
  ck_assert_str_eq(cf_err_word(CF_OK), "ok");
  ck_assert_int_eq(cf_err_status(CF_OK), 200);
  ck_assert_str_eq(cf_err_word(CF_E_NOTFOUND), "not-found");
  ck_assert_int_eq(cf_err_status(CF_E_NOTFOUND), 404);
  for (int i = 1; i < CF_ERR_N; i++) {
    ck_assert_int_ge(cf_err_status((enum cf_err)i), 400);
    ck_assert_int_le(cf_err_status((enum cf_err)i), 599);
    ck_assert_str_ne(cf_err_title((enum cf_err)i), "");
    for (int j = 0; j < i; j++)
      ck_assert_str_ne(cf_err_word((enum cf_err)i), cf_err_word((enum cf_err)j));
  }
  ck_assert_int_eq(cf_err_status((enum cf_err)CF_ERR_N), cf_err_status(CF_E_SYSTEM));
}
END_TEST

START_TEST(test_fail)
{
  struct cf_fault fault;

  ck_assert_err(cf_fail(NULL, CF_E_BUSY, "x", "y"), CF_E_BUSY);
  ck_assert_err(cf_fail(&fault, CF_E_CONFIG, NULL, "%d of %s", 1, "two"), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, "");
  ck_assert_str_eq(fault.detail, "1 of two");
  ck_assert_err(cf_fail(&fault, CF_E_BUSY, "name", "more: %s", fault.detail), CF_E_BUSY);
  ck_assert_str_eq(fault.at, "name");
  ck_assert_str_eq(fault.detail, "more: 1 of two");
  errno = ENOENT;
  ck_assert_err(cf_fail_errno(&fault, CF_E_SYSTEM, fault.at, "cannot open"), CF_E_SYSTEM);
  ck_assert_str_eq(fault.at, "name");
  ck_assert_str_eq(fault.detail, "cannot open: No such file or directory");
  ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* A cut at any place leaves whole characters. */
START_TEST(test_fail_cut)
{
  struct cf_fault fault;
  char text[2000] = "";

  memset(text, 'a', (size_t)_i);
  for (size_t n = (size_t)_i; n + 4 < sizeof text; n += 4)
    memcpy(text + n, "\xf0\x9f\x98\x80", 5);
  ck_assert_err(cf_fail(&fault, CF_E_BUSY, text, "%s", text), CF_E_BUSY);
  size_t at_n = strlen(fault.at);
  size_t detail_n = strlen(fault.detail);
  ck_assert_uint_eq(at_n, sizeof fault.at - 1 - (sizeof fault.at - 1 - (size_t)_i) % 4);
  ck_assert_uint_eq(detail_n, sizeof fault.detail - 1 - (sizeof fault.detail - 1 - (size_t)_i) % 4);
  ck_assert_int_eq(strncmp(text, fault.detail, detail_n), 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "str", .test = test_str_order, .loops = CF_COUNT(orders)},
      {.tcase = "str", .test = test_str_empty},
      {.tcase = "str", .test = test_str_cut},
      {.tcase = "str", .test = test_str_dup},
      {.tcase = "buf", .test = test_buf_max, .loops = 70},
      {.tcase = "buf", .test = test_buf_fixed},
      {.tcase = "buf", .test = test_buf_sticky},
      {.tcase = "buf", .test = test_buf_huge, .loops = 4},
      {.tcase = "buf", .test = test_buf_putf},
      {.tcase = "buf", .test = test_buf_numbers, .loops = CF_COUNT(numbers)},
      {.tcase = "buf", .test = test_buf_take},
      {.tcase = "buf", .test = test_buf_empty},
      {.tcase = "err", .test = test_err_table},
      {.tcase = "err", .test = test_fail},
      {.tcase = "err", .test = test_fail_cut, .loops = 8},
  };
  return cf_test_run("buf", tests, CF_COUNT(tests));
}
