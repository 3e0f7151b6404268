/* SPDX-License-Identifier: MIT */
/* Cosignatures, held against two that a program of other hands made: what is
 * changed anywhere does not count, and nobody counts twice. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/cosignature.h"
#include "tests/unit/cf_test.h"

#define LOG  "audit.example.org/main"
#define TEXT LOG "\n1234067\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
#define NOTE \
  TEXT \
      "\n\xe2\x80\x94 " LOG \
      " h6mnPq2lkRLqHrsludQQfIRkQgxBpnuusVexEhPf93xbYIGfSbKzhk8iy3HYwLdFDK3JemStMmWcj3A8rzeqe/85nws=\n"
#define ONE_KEY "witness.example.org/one+488864c8+BIhLiFf06qFhPGFQTbNNS+rzRlF6DjHePN3U2bQgHZ0L"
#define ONE \
  "\xe2\x80\x94 witness.example.org/one SIhkyAAAAABpnpMAfGfYSsS2yB2Ovkc6iQXIfdUV7YtJClFN1RYDh+odGkWaQHk+XGTimRLlHZAsd2CXCBSAVjEJnhoS2d/ryrucBQ==\n"
#define TWO_KEY "second.example/w+6880cd5e+BKCapfR6Z1mAL/lV+NwtKhSlyZ0jvpf4ZBJ/+Tg0VaTw"
#define TWO \
  "\xe2\x80\x94 second.example/w aIDNXgAAAABpnpMBx6dra71CVvoBow1r4AI45aoSGw/tQRnJz3MuKH7X3OYTzbvMThB25w8ZPZJlA2iqDWx8CHdqjeRP8MaVsM+NDA==\n"

static struct cf_vkey witnesses[2];
static struct cf_buf out;

static void keys_open(void)
{
  ck_assert_ok(cf_cosigner_parse(CF_STR(ONE_KEY), &witnesses[0]));
  ck_assert_ok(cf_cosigner_parse(CF_STR(TWO_KEY), &witnesses[1]));
  cf_buf_init(&out, 2 * CF_NOTE_MAX);
}
static void keys_close(void)
{
  cf_buf_fini(&out);
}

START_TEST(key_strict)
{
  struct cf_vkey got;
  char bad[] = ONE_KEY;
  for (size_t i = 0; i < sizeof bad - 1; i++) {
    bad[i] ^= 1;
    ck_assert_err(cf_cosigner_parse(cf_str_from(bad), &got), CF_E_SYNTAX);
    bad[i] ^= 1;
    ck_assert_err(cf_cosigner_parse((struct cf_str){bad, i}, &got), CF_E_SYNTAX);
  }
}
END_TEST

/* The key of a log is none of a witness, and the other way round. */
START_TEST(key_of_its_type)
{
  struct cf_vkey log, got;
  cf_vkey_make(CF_STR("witness.example.org/one"), witnesses[0].pubkey, &log);
  cf_vkey_put(&log, &out);
  ck_assert_err(cf_cosigner_parse(cf_buf_str(&out), &got), CF_E_SYNTAX);
  ck_assert_err(cf_vkey_parse(CF_STR(ONE_KEY), &got), CF_E_SYNTAX);
}
END_TEST

START_TEST(line_good)
{
  uint64_t time = 0;
  ck_assert_ok(cf_cosignature_check(CF_STR(NOTE ONE TWO), &witnesses[0], &time));
  ck_assert_uint_eq(time, 1772000000);
  ck_assert_ok(cf_cosignature_check(CF_STR(NOTE ONE TWO), &witnesses[1], &time));
  ck_assert_uint_eq(time, 1772000001);
  ck_assert_err(cf_cosignature_check(CF_STR(NOTE ONE), &witnesses[1], &time), CF_E_NOTFOUND);
}
END_TEST

/* Each byte of the text, and each of id, time and signature. */
START_TEST(line_changed)
{
  uint64_t time = 0;
  uint8_t sig[4 + 8 + CF_SIG_N];
  char note[] = NOTE ONE;
  for (size_t i = 0; i < sizeof TEXT - 1; i++) {
    note[i] ^= 1;
    ck_assert(cf_cosignature_check(CF_STR(note), &witnesses[0], &time) != CF_OK);
    note[i] ^= 1;
  }
  ck_assert_ok(cf_base64_get_n((struct cf_str){ONE + 28, 104}, sig, sizeof sig));
  for (size_t i = 0; i < sizeof sig; i++) {
    sig[i] ^= 1;
    cf_buf_reset(&out);
    cf_buf_puts(&out, NOTE "\xe2\x80\x94 witness.example.org/one ");
    cf_base64_put(&out, sig, sizeof sig);
    cf_buf_putc(&out, '\n');
    ck_assert_err(cf_cosignature_check(cf_buf_str(&out), &witnesses[0], &time),
                  i < 4 ? CF_E_NOTFOUND : CF_E_SIGNATURE);
    ck_assert_uint_eq(cf_cosignatures_count(cf_buf_str(&out), witnesses, 2), 0);
    sig[i] ^= 1;
  }
}
END_TEST

/* Under two names one key is one witness; a bad line beside a good one of the
 * same witness takes it away. */
START_TEST(counts_once)
{
  struct cf_vkey three[3] = {witnesses[0], witnesses[1], witnesses[0]};
  cf_cosigner_make(CF_STR("another.example/name"), witnesses[0].pubkey, &three[2]);
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE), three, 3), 0);
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE ONE), three, 3), 1);
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE ONE ONE), three, 3), 1);
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE ONE TWO), three, 3), 2);
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE ONE TWO), &three[2], 1), 0);
  struct cf_vkey turned[2] = {three[2], three[0]};
  ck_assert_uint_eq(cf_cosignatures_count(CF_STR(NOTE ONE TWO), turned, 2), 1);
}
END_TEST

START_TEST(answers_taken)
{
  ck_assert_ok(cf_cosignature_take(CF_STR(NOTE), CF_STR(TWO ONE), &witnesses[0], &out));
  ck_assert(cf_str_is(cf_buf_str(&out), NOTE ONE));
  cf_buf_reset(&out);
  ck_assert_ok(cf_cosignature_take(CF_STR(NOTE ONE), CF_STR(TWO), &witnesses[1], &out));
  ck_assert(cf_str_is(cf_buf_str(&out), NOTE ONE TWO));
  cf_buf_reset(&out);
  ck_assert_ok(cf_cosignature_take(CF_STR(NOTE ONE TWO), CF_STR(ONE), &witnesses[0], &out));
  ck_assert(cf_str_is(cf_buf_str(&out), NOTE TWO ONE));
}
END_TEST

START_TEST(answers_refused)
{
  const struct {
    const char *answer;
    enum cf_err err;
  } rows[] = {
      {"", CF_E_SYNTAX},
      {TWO, CF_E_NOTFOUND},
      {"hello\n", CF_E_SYNTAX},
      {ONE "\n", CF_E_SYNTAX},
      {"\xe2\x80\x94 witness.example.org/one SIhkyAAAAABpnpMA\n", CF_E_SIGNATURE},
  };
  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    cf_buf_reset(&out);
    ck_assert_err(cf_cosignature_take(CF_STR(NOTE), cf_str_from(rows[i].answer), &witnesses[0],
                                      &out),
                  rows[i].err);
  }
  cf_buf_reset(&out);
  cf_buf_puts(&out, NOTE);
  for (size_t i = 1; i < CF_NOTE_SIGS_MAX; i++)
    cf_buf_putf(&out, "\xe2\x80\x94 w%zu AAAAAAAAAAAA\n", i);
  struct cf_buf more;
  cf_buf_init(&more, CF_NOTE_MAX);
  ck_assert_err(cf_cosignature_take(cf_buf_str(&out), CF_STR(ONE), &witnesses[0], &more),
                CF_E_FULL);
  cf_buf_fini(&more);
}
END_TEST

/* ML-DSA-44's are carried, as they stand; the log's own line is none. */
START_TEST(lines_put)
{
  uint8_t long_sig[4 + 8 + 2420] = {1, 2, 3, 4, 5};
  struct cf_buf line, note;
  cf_buf_init(&line, CF_NOTE_MAX);
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_buf_puts(&line, ONE "\xe2\x80\x94 later ");
  cf_base64_put(&line, long_sig, sizeof long_sig);
  cf_buf_putc(&line, '\n');
  cf_buf_puts(&note, NOTE);
  cf_buf_putstr(&note, cf_buf_str(&line));
  ck_assert_ok(cf_cosignatures_put(cf_buf_str(&note), &out));
  ck_assert(cf_str_eq(cf_buf_str(&out), cf_buf_str(&line)));
  ck_assert_uint_eq(cf_cosignatures_count(cf_buf_str(&note), witnesses, 2), 1);
  cf_buf_fini(&line);
  cf_buf_fini(&note);
}
END_TEST

int main(void)
{
#define COSIGNATURE .tcase = "cosignature", .setup = keys_open, .teardown = keys_close
  const struct cf_test tests[] = {
      {COSIGNATURE, .test = key_strict},      {COSIGNATURE, .test = key_of_its_type},
      {COSIGNATURE, .test = line_good},       {COSIGNATURE, .test = line_changed},
      {COSIGNATURE, .test = counts_once},     {COSIGNATURE, .test = answers_taken},
      {COSIGNATURE, .test = answers_refused}, {COSIGNATURE, .test = lines_put},
  };
  return cf_test_run("cosignature", tests, CF_COUNT(tests));
}
