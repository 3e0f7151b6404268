/* SPDX-License-Identifier: MIT */
/* add-checkpoint: each answer, and what it comes to. */
#include "config.h"

#include <stdio.h>

#include "lib/witness/witness_in.h"
#include "tests/unit/cf_test.h"

#define NOTE \
  "audit.example.org/main\n1234067\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n\xe2\x80\x94 audit.example.org/main h6mnPq2lkRLqHrsludQQfIRkQgxBpnuusVexEhPf93xbYIGfSbKzhk8iy3HYwLdFDK3JemStMmWcj3A8rzeqe/85nws=\n"
#define KEY "witness.example.org/one+488864c8+BIhLiFf06qFhPGFQTbNNS+rzRlF6DjHePN3U2bQgHZ0L"
#define LINE \
  "\xe2\x80\x94 witness.example.org/one SIhkyAAAAABpnpMAfGfYSsS2yB2Ovkc6iQXIfdUV7YtJClFN1RYDh+odGkWaQHk+XGTimRLlHZAsd2CXCBSAVjEJnhoS2d/ryrucBQ==\n"
#define STRANGER "\xe2\x80\x94 w AAAAAAAAAAAA\n"
#define SIZE     1234067

static struct cf_witness witness;
static struct cf_sighting target;
static struct cf_fetch fetch;

static void setup(void)
{
  witness = (struct cf_witness){.has = 5};
  ck_assert_ok(cf_cosigner_parse(CF_STR(KEY), &witness.vkey));
  target = (struct cf_sighting){.checkpoint = {.size = SIZE}, .newest = SIZE + 2};
  cf_buf_init(&target.note, CF_NOTE_MAX);
  cf_buf_puts(&target.note, NOTE);
  fetch = (struct cf_fetch){.status = 0};
  cf_buf_init(&fetch.answer, CF_NOTE_MAX);
}
static void teardown(void)
{
  cf_buf_fini(&target.note);
  cf_buf_fini(&fetch.answer);
}

static const struct {
  int status;
  uint64_t has;
  const char *type, *answer;
  enum cf_witness_came came;
  enum cf_witness_state state;
  uint64_t then; /* what it has */
} rows[] = {
    {200, 5, "text/plain", STRANGER LINE, CF_CAME_COSIGNED, CF_WITNESS_COSIGNS, SIZE},
    {200, 5, "text/plain", STRANGER, CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {200, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {200, 5, "text/html", "<html>", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {409, 5, "text/x.tlog.size", "9\n", CF_CAME_AGAIN, CF_WITNESS_WAITING, 9},
    {409, 5, "text/x.tlog.size", "0\n", CF_CAME_AGAIN, CF_WITNESS_WAITING, 0},
    {409, 5, "text/x.tlog.size", "1234067\n", CF_CAME_AGAIN, CF_WITNESS_WAITING, SIZE},
    {409, 5, "text/x.tlog.size", "1234068\n", CF_CAME_NOTHING, CF_WITNESS_WAITING, SIZE + 1},
    {409, SIZE, "text/x.tlog.size", "1234069\n", CF_CAME_NOTHING, CF_WITNESS_WAITING, SIZE + 2},
    {409, 5, "text/x.tlog.size", "1234070\n", CF_CAME_NOTHING, CF_WITNESS_ALARM, 5},
    {409, 5, "text/x.tlog.size", "18446744073709551615\n", CF_CAME_NOTHING, CF_WITNESS_ALARM, 5},
    {409, 5, "text/x.tlog.size", "5\n", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {409, 5, "text/x.tlog.size", "9\nmore", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {409, 5, "text/x.tlog.size", "-1\n", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {409, 5, "text/plain", "9\n", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {409, SIZE, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_ALARM, SIZE},
    {422, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_ALARM, 5},
    {404, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {403, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {400, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_REFUSES, 5},
    {500, 5, "text/plain", LINE, CF_CAME_NOTHING, CF_WITNESS_UNREACHABLE, 5},
    {302, 5, "text/plain", "", CF_CAME_NOTHING, CF_WITNESS_UNREACHABLE, 5},
    {0, 5, "", "", CF_CAME_NOTHING, CF_WITNESS_UNREACHABLE, 5},
};

START_TEST(answers)
{
  char said[192];
  witness.has = rows[_i].has;
  fetch.status = rows[_i].status;
  snprintf(fetch.why, sizeof fetch.why, "why");
  snprintf(fetch.answer_type, sizeof fetch.answer_type, "%s", rows[_i].type);
  cf_buf_puts(&fetch.answer, rows[_i].answer);
  ck_assert_int_eq(cf_add_take(&witness, &fetch, &target, said, sizeof said), rows[_i].came);
  ck_assert_int_eq(witness.state, rows[_i].state);
  ck_assert_uint_eq(witness.has, rows[_i].then);
  ck_assert_int_eq(said[0] != '\0', rows[_i].came == CF_CAME_NOTHING);
  bool cosigned = rows[_i].came == CF_CAME_COSIGNED;
  ck_assert(cf_str_is(cf_buf_str(&target.note), cosigned ? NOTE LINE : NOTE));
  ck_assert_uint_eq(witness.time, cosigned ? 1772000000 : 0);
}
END_TEST

START_TEST(questions)
{
  struct cf_proof proof = {.n = 0};
  struct cf_buf b;
  cf_buf_init(&b, CF_NOTE_MAX);
  cf_add_put(0, &proof, CF_STR(NOTE), &b);
  ck_assert(cf_str_is(cf_buf_str(&b), "old 0\n\n" NOTE));
  proof.n = 1;
  memset(proof.hash[0], 0, CF_HASH_N);
  cf_buf_reset(&b);
  cf_add_put(7, &proof, CF_STR(NOTE), &b);
  ck_assert(
      cf_str_is(cf_buf_str(&b), "old 7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" NOTE));
  cf_buf_fini(&b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "add",
       .setup = setup,
       .teardown = teardown,
       .test = answers,
       .loops = CF_COUNT(rows)},
      {.tcase = "add", .test = questions},
  };
  return cf_test_run("add", tests, CF_COUNT(tests));
}
