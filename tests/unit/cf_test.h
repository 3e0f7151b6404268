/* SPDX-License-Identifier: MIT */
/* What every Check program here shares: a suite as a table, and assertions on
 * enum cf_err and on bytes.
 *
 * A test program's main is:
 *   int main(void) {
 *     const struct cf_test tests[] = {
 *       {.tcase = "base64", .test = test_vectors, .loops = CF_COUNT(vectors)},
 *       {.tcase = "store", .test = test_append, .setup = store_open,
 *        .teardown = store_close},
 *     };
 *     return cf_test_run("codec", tests, CF_COUNT(tests));
 *   } */
#ifndef CF_TEST_CF_TEST_H
#define CF_TEST_CF_TEST_H

#include "lib/base/err.h"

#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* For the report of a crash, Check writes to a file at every assertion that
 * holds, which costs more than most of what is asserted. Here each line of a
 * source writes once. */
static inline void cf_test_mark(const char *file, int line)
{
  static atomic_bool marked[1024];
  if (!atomic_exchange(&marked[(unsigned)line % CF_COUNT(marked)], true))
    _mark_point(file, line);
}
#define _mark_point(file, line) cf_test_mark(file, line)

/* xorshift64*: the same numbers run after run. From 0 to below - 1. */
static inline uint64_t cf_test_random(uint64_t *state, uint64_t below)
{
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (*state * UINT64_C(2685821657736338717) >> 16) % below;
}

/* A row a test. Rows of the same tcase that stand together share one TCase and
 * its fixture, given by the first of them. */
struct cf_test {
  const char *tcase;
  const TTest *test;   /* what START_TEST defined */
  size_t loops;        /* 0: once; else _i counts from 0 to loops - 1 */
  int signal;          /* the test must end by this signal; 0: by none */
  int timeout;         /* seconds for each test of the tcase; 0: the default, CK_DEFAULT_TIMEOUT */
  void (*setup)(void); /* checked fixture of the tcase: in the test's own process; NULL: none */
  void (*teardown)(void);
};

static inline TCase *cf_test_tcase(Suite *suite, const struct cf_test *row)
{
  TCase *tcase = tcase_create(row->tcase);
  if (row->timeout > 0)
    tcase_set_timeout(tcase, row->timeout);
  if (row->setup || row->teardown)
    tcase_add_checked_fixture(tcase, row->setup, row->teardown);
  suite_add_tcase(suite, tcase);
  return tcase;
}

/* Run the n tests; the result is main's: EXIT_SUCCESS when there were some and
 * all passed. */
static inline int cf_test_run(const char *name, const struct cf_test *tests, size_t n)
{
  setenv("CK_DEFAULT_TIMEOUT", "120", 0);
  Suite *suite = suite_create(name);
  TCase *tcase = NULL;
  for (size_t i = 0; i < n; i++) {
    if (i == 0 || strcmp(tests[i].tcase, tests[i - 1].tcase) != 0)
      tcase = cf_test_tcase(suite, &tests[i]);
    int end = tests[i].loops ? (int)tests[i].loops : 1;
    _tcase_add_test(tcase, tests[i].test, tests[i].signal, 0, 0, end);
  }
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int good = srunner_ntests_run(runner) > 0 && srunner_ntests_failed(runner) == 0;
  srunner_free(runner);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Do the work in a child; gives its exit status, 0 where the work came to its
 * end. */
static inline int cf_test_child(void (*work)(void))
{
  int status = 0;
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    work();
    _exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* How many rounds of something: more where CF_LONG is set. */
static inline unsigned cf_test_rounds(unsigned usual)
{
  return getenv("CF_LONG") != NULL ? 20 * usual : usual;
}

/* The n bytes of a file of vectors; they stay where they are. */
static inline const char *cf_test_vectors(const char *name, size_t *n)
{
  static char text[1 << 20];
  const char *directory = getenv("CF_VECTORS");
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : "tests/vectors", name);
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s cannot be read", path);
  *n = fread(text, 1, sizeof text, file);
  ck_assert_uint_lt(*n, sizeof text);
  fclose(file);
  return text;
}

/* The expression gives exactly this enum cf_err; otherwise both words are
 * shown. */
#define ck_assert_err(expr, expected) \
  do { \
    enum cf_err got_ = (expr); \
    enum cf_err want_ = (expected); \
    ck_assert_msg(got_ == want_, "%s gave %s, not %s", #expr, cf_err_word(got_), \
                  cf_err_word(want_)); \
  } while (0)
#define ck_assert_ok(expr) ck_assert_err(expr, CF_OK)

/* The n bytes at p as hex, in one of a few static buffers, cut with "..." when
 * long: for messages only. */
static inline const char *cf_test_hex(const void *p, size_t n)
{
  static char ring[4][260];
  static unsigned turn;
  char *out = ring[turn++ % 4];
  const uint8_t *bytes = p;
  size_t shown = n < 128 ? n : 128;
  for (size_t i = 0; i < shown; i++)
    snprintf(out + 2 * i, 3, "%02x", bytes[i]);
  strcpy(out + 2 * shown, shown < n ? "..." : "");
  return out;
}

/* Where a and b of n bytes differ first; n: nowhere. */
static inline size_t cf_test_differ(const void *a, const void *b, size_t n)
{
  const uint8_t *x = a;
  const uint8_t *y = b;
  size_t i = 0;
  while (i < n && x[i] == y[i])
    i++;
  return i;
}

/* Same length, same bytes; otherwise the first place that differs and both from
 * there on as hex. */
#define ck_assert_bytes(got, got_n, want, want_n) \
  do { \
    const uint8_t *gp_ = (const void *)(got); \
    const uint8_t *wp_ = (const void *)(want); \
    size_t gn_ = (got_n); \
    size_t wn_ = (want_n); \
    size_t at_ = cf_test_differ(gp_, wp_, gn_ < wn_ ? gn_ : wn_); \
    ck_assert_msg(gn_ == wn_ && at_ == gn_, "%s: %zu bytes, not %zu; from %zu on %s, not %s", \
                  #got, gn_, wn_, at_, cf_test_hex(gp_ + at_, gn_ - at_), \
                  cf_test_hex(wp_ + at_, wn_ - at_)); \
  } while (0)

/* The bytes are those of a lower-case hex text. */
static inline int cf_test_is_hex(const void *p, size_t n, const char *hex)
{
  const uint8_t *bytes = p;
  char pair[3];
  if (strlen(hex) != 2 * n)
    return 0;
  for (size_t i = 0; i < n; i++) {
    snprintf(pair, sizeof pair, "%02x", bytes[i]);
    if (memcmp(pair, hex + 2 * i, 2) != 0)
      return 0;
  }
  return 1;
}
#define ck_assert_hex(got, got_n, hex) \
  ck_assert_msg(cf_test_is_hex(got, got_n, hex), "%s is %s, not %s", #got, \
                cf_test_hex(got, got_n), hex)

#endif
