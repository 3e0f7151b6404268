/* SPDX-License-Identifier: MIT */
/* Grams against looking at the texts; rows, and rows that are not. */
#include "config.h"

#include "lib/index/grams.h"
#include "tests/unit/cf_test.h"

static uint64_t dice = 88172645463325252u;

static uint32_t roll(uint32_t below)
{
  return (uint32_t)cf_test_random(&dice, below);
}

/* ---- rows ---- */

static const uint32_t sizes[] = {1, 4, 63, 64, 65, 127, 1000, 4095, 4096};

/* At least one of n, about one in `each`; each = 0: all of them. */
static void groups_roll(uint32_t each, struct cf_bits *groups)
{
  for (uint32_t i = 0; i < groups->n; i++)
    if (each == 0 || roll(each) == 0)
      cf_bits_set(groups, i);
  cf_bits_set(groups, roll(groups->n));
}

static bool groups_same(const struct cf_bits *a, const struct cf_bits *b)
{
  return memcmp(a->w, b->w, (a->n + 63) / 64 * sizeof *a->w) == 0;
}

/* It is read as what was written, and takes little more than it must. */
static void row_check(const struct cf_bits *groups, struct cf_buf *row)
{
  struct cf_bits got;
  uint32_t n = groups->n, count = cf_bits_count(groups), each = 3, bits = n + n / 6;
  uint32_t coded = count > n / 2 ? n - count : count;

  cf_buf_reset(row);
  cf_grams_row_put(row, groups);
  ck_assert_ok(row->err);
  ck_assert_uint_le(row->n, CF_GRAMS_ROW_MAX);
  for (uint32_t far = coded > 0 ? n / coded : 0; far > 1; far /= 2)
    each++;
  bits = coded * each < bits ? coded * each : bits;
  ck_assert_msg(row->n <= bits / 8 + 4, "%u of %u take %zu bytes", count, n, row->n);
  ck_assert_ok(cf_bits_new(groups->n, &got));
  ck_assert_ok(cf_grams_row_get(cf_buf_str(row), &got));
  ck_assert(groups_same(groups, &got));
  cf_bits_free(&got);
}

/* What is read at all is the one way to write it. */
static void row_read_strictly(struct cf_str bytes, uint32_t n)
{
  struct cf_bits got;
  struct cf_buf again;

  ck_assert_ok(cf_bits_new(n, &got));
  cf_buf_init(&again, CF_GRAMS_ROW_MAX + 8);
  if (cf_grams_row_get(bytes, &got) == CF_OK) {
    cf_grams_row_put(&again, &got);
    ck_assert_bytes(again.p, again.n, bytes.p, bytes.n);
  }
  cf_buf_fini(&again);
  cf_bits_free(&got);
}

static void row_spoil(struct cf_buf *row, uint32_t n)
{
  uint8_t *at = &row->p[roll((uint32_t)row->n)], bit = (uint8_t)(1u << roll(8));
  struct cf_bits got;

  *at ^= bit;
  row_read_strictly(cf_buf_str(row), n);
  *at ^= bit;
  row_read_strictly((struct cf_str){(const char *)row->p, roll((uint32_t)row->n)}, n);
  cf_buf_putc(row, (char)roll(2));
  ck_assert_ok(cf_bits_new(n, &got));
  ck_assert_err(cf_grams_row_get(cf_buf_str(row), &got), CF_E_SYNTAX);
  cf_bits_free(&got);
}

START_TEST(test_rows)
{
  static const uint32_t each[] = {0, 1, 2, 3, 5, 8, 20, 100, 5000};
  struct cf_buf row;

  cf_buf_init(&row, CF_GRAMS_ROW_MAX + 8);
  for (unsigned k = 0; k < cf_test_rounds(300); k++) {
    struct cf_bits groups;
    ck_assert_ok(cf_bits_new(sizes[_i], &groups));
    groups_roll(each[k % CF_COUNT(each)], &groups);
    if (k % 2 == 1 && cf_bits_count(&groups) < groups.n) /* and all but those */
      for (uint32_t i = 0; i < groups.n; i++)
        groups.w[i / 64] ^= UINT64_C(1) << i % 64;
    row_check(&groups, &row);
    row_spoil(&row, groups.n);
    cf_bits_free(&groups);
  }
  cf_buf_fini(&row);
}
END_TEST

/* Nobody has it, more have it than there are, one is beyond them. */
START_TEST(test_rows_that_are_not)
{
  static const struct cf_str rows[] = {{"", 0},         {"\x00", 1},     {"\x05\xff", 2},
                                       {"\x01\x10", 2}, {"\x80\x00", 2}, {"\x04\x00", 2}};
  struct cf_bits groups;

  ck_assert_ok(cf_bits_new(4, &groups));
  ck_assert_err(cf_grams_row_get(rows[_i], &groups), CF_E_SYNTAX);
  cf_bits_free(&groups);
}
END_TEST

/* ---- texts ---- */

#define GROUPS    40u
#define TEXTS_N   4u /* of a record: three members, and attributes */
#define RECORDS_N (GROUPS * CF_GRAMS_GROUP)

static char texts[RECORDS_N][TEXTS_N][64];
static const enum cf_member members[TEXTS_N] = {CF_M_USER, CF_M_PATH, CF_M_MESSAGE,
                                                CF_M_ATTRIBUTES};
static struct cf_grams *grams;

static struct cf_values record_values(uint32_t i)
{
  struct cf_values values;

  cf_values_init(&values);
  for (unsigned m = 0; m < TEXTS_N; m++)
    if (texts[i][m][0] != '\0')
      values.v[members[m]] = cf_str_from(texts[i][m]);
  return values;
}

/* Letters of either case and of more bytes than one. */
static void text_roll(char *text)
{
  static const char *const parts[] = {"a",  "B",        "c",
                                      "Z",  "\xc3\x89", "\xe2\x82\xac",
                                      "/",  "7",        "[",
                                      "{",  "@",        "`",
                                      "Ab", "ab",       "\xf0\x9f\x94\x92",
                                      "k"};
  unsigned n = roll(12);

  for (*text = '\0'; n > 0; n--)
    strcat(text, parts[roll(CF_COUNT(parts))]);
}

static void record_roll(uint32_t i)
{
  char value[64];

  for (unsigned m = 0; m < TEXTS_N - 1; m++)
    text_roll(texts[i][m]);
  text_roll(value);
  snprintf(texts[i][3], sizeof texts[i][3],
           i % 3 == 0 ? "{\"name\":[\"%.40s\",%u]}" : "{\"a\":{\"name\":\"\\n%.30s\"},\"k\":%u}",
           value, i * 7919);
}

static void setup(void)
{
  ck_assert_ok(cf_grams_new(&grams));
  for (uint32_t i = 0; i < RECORDS_N; i++) {
    record_roll(i);
    struct cf_values values = record_values(i);
    ck_assert_ok(cf_grams_add(grams, &values));
    cf_values_fini(&values);
    if ((i + 1) % CF_GRAMS_GROUP == 0)
      ck_assert_ok(cf_grams_next(grams));
  }
}

static void teardown(void)
{
  cf_grams_free(grams);
}

static bool text_holds(const void *needle, struct cf_str text)
{
  struct cf_str n = *(const struct cf_str *)needle;
  char folded[512];

  ck_assert_uint_le(text.n, sizeof folded);
  for (size_t i = 0; i < text.n; i++)
    folded[i] = cf_text_fold(text.p[i]);
  return memmem(folded, text.n, n.p, n.n) != NULL;
}

static bool record_holds(uint32_t i, struct cf_str needle)
{
  struct cf_values values = record_values(i);
  bool found;

  ck_assert_ok(cf_texts_look(&values, text_holds, &needle, &found));
  cf_values_fini(&values);
  return found;
}

/* The groups that have all of a needle's grams. */
struct asked {
  uint16_t grams[CF_GRAMS_NEEDLE];
  size_t n, met;
  struct cf_bits groups;
  int last;
};

static enum cf_err gram_meet(void *context, uint16_t gram, const struct cf_bits *groups)
{
  struct asked *a = context;

  ck_assert_int_gt(gram, a->last);
  ck_assert_uint_eq(groups->n, GROUPS);
  a->last = gram;
  if (a->met < a->n && a->grams[a->met] == gram) {
    cf_bits_and(&a->groups, groups);
    a->met++;
  }
  return CF_OK;
}

static struct cf_bits groups_of(struct cf_str needle)
{
  struct asked a = {.last = -1};

  a.n = cf_grams_of(needle, a.grams);
  ck_assert_ok(cf_bits_new(GROUPS, &a.groups));
  cf_bits_set_range(&a.groups, 0, GROUPS);
  ck_assert_ok(cf_grams_each(grams, gram_meet, &a));
  if (a.met < a.n)
    memset(a.groups.w, 0, sizeof *a.groups.w);
  return a.groups;
}

/* How many groups hold the needle, and how many may. */
static void needle_check(struct cf_str needle, unsigned *held, unsigned *may)
{
  struct cf_bits groups = groups_of(needle);

  *held = 0;
  for (uint32_t g = 0; g < GROUPS; g++) {
    bool holds = false;
    for (uint32_t i = g * CF_GRAMS_GROUP; i < (g + 1) * CF_GRAMS_GROUP && !holds; i++)
      holds = record_holds(i, needle);
    ck_assert_msg(!holds || cf_bits_has(&groups, g), "group %u hides '%.*s'", g, (int)needle.n,
                  needle.p);
    *held += holds;
  }
  *may = cf_bits_count(&groups);
  cf_bits_free(&groups);
}

/* Parts of texts, from anywhere in them (and over the borders of letters), and
 * what may be in several or in none. */
START_TEST(test_no_group_hides_a_needle)
{
  unsigned held, may, all_held = 0, all_may = 0;
  char needle[64];

  for (unsigned k = 0; k < cf_test_rounds(150); k++) {
    const char *text = texts[roll(RECORDS_N)][roll(TEXTS_N)];
    size_t n = strlen(text), at = n == 0 ? 0 : roll((uint32_t)n), take = 1 + roll(10);
    if (n == 0)
      continue;
    take = at + take > n ? n - at : take;
    for (size_t i = 0; i < take; i++)
      needle[i] = cf_text_fold(text[at + i]);
    needle_check((struct cf_str){needle, take}, &held, &may);
    all_held += take > 6 ? held : 0;
    all_may += take > 6 ? may : 0;
  }
  ck_assert_uint_gt(all_held, 0);
  ck_assert_uint_lt(all_may, all_held * 8);
}
END_TEST

START_TEST(test_what_is_a_text)
{
  static const struct {
    const char *needle;
    unsigned few; /* groups */
  } rows[] = {
      {"name", 0},                           /* of a value */
      {"\",\"", 0},                          /* between texts */
      {"nowhere to be", 0}, {"\\n", GROUPS}, /* too short */
      {"7919\xc3\xa9", 0},  {"ab\xc3\x89", GROUPS},
      {"ab\xc3\xa9", 0}, /* only ASCII letters are folded */
  };
  unsigned held, may;

  needle_check(cf_str_from(rows[_i].needle), &held, &may);
  ck_assert_uint_le(may, rows[_i].few);
}
END_TEST

/* A long needle is asked for by some of its grams, from all over it. */
START_TEST(test_long_needles)
{
  uint16_t out[CF_GRAMS_NEEDLE];
  char needle[1024];

  for (size_t i = 0; i < sizeof needle; i++)
    needle[i] = (char)(' ' + roll(90));
  for (size_t n = 0; n <= sizeof needle; n++) {
    size_t grams_n = cf_grams_of((struct cf_str){needle, n}, out);
    ck_assert_uint_le(grams_n, n < 3 ? 0 : n - 2 < CF_GRAMS_NEEDLE ? n - 2 : CF_GRAMS_NEEDLE);
    ck_assert(grams_n > 0 || n < 3);
  }
  memset(needle, 'a', sizeof needle);
  ck_assert_uint_eq(cf_grams_of((struct cf_str){needle, sizeof needle}, out), 1);
}
END_TEST

/* What was taken in is forgotten whole. */
START_TEST(test_reset)
{
  struct asked a = {.last = -1};

  cf_grams_reset(grams);
  a.n = 1;
  ck_assert_ok(cf_grams_each(grams, gram_meet, &a));
  ck_assert_int_eq(a.last, -1);
  for (uint32_t i = 0; i < RECORDS_N; i++) {
    struct cf_values values = record_values(i);
    ck_assert_ok(cf_grams_add(grams, &values));
    cf_values_fini(&values);
    if ((i + 1) % CF_GRAMS_GROUP == 0)
      ck_assert_ok(cf_grams_next(grams));
  }
  unsigned held, may;
  needle_check(CF_STR("ab/"), &held, &may);
  ck_assert_uint_gt(held, 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "rows", .test = test_rows, .loops = CF_COUNT(sizes)},
      {.tcase = "rows", .test = test_rows_that_are_not, .loops = 6},
      {.tcase = "texts",
       .test = test_no_group_hides_a_needle,
       .setup = setup,
       .teardown = teardown},
      {.tcase = "texts", .test = test_what_is_a_text, .loops = 7},
      {.tcase = "texts", .test = test_long_needles},
      {.tcase = "texts", .test = test_reset},
  };
  return cf_test_run("grams", tests, CF_COUNT(tests));
}
