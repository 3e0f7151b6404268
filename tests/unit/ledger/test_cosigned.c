/* SPDX-License-Identifier: MIT */
/* What others made of kept checkpoints stays: over seals of the same minute and
 * a restart, and a verify finds nothing wrong with it. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/ledger/kept.h"
#include "tests/unit/ledger/ledger_stage.h"

static struct cf_buf note, got;

static void setup(void)
{
  stage_ledger_setup();
  cf_buf_init(&note, 2 * CF_NOTE_MAX);
  cf_buf_init(&got, 2 * CF_NOTE_MAX);
}
static void teardown(void)
{
  cf_buf_fini(&note);
  cf_buf_fini(&got);
  stage_ledger_teardown();
}

/* Append a record and sign it; the note is in `note`, its size is given. */
static uint64_t head_make(void)
{
  struct cf_fault fault;
  unsigned i = (unsigned)stage_size();
  stage_append_range(i, i + 1, 1);
  cf_buf_reset(&note);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &note, &fault));
  struct cf_checkpoint checkpoint;
  ck_assert_ok(cf_checkpoint_check(cf_buf_str(&note), cf_ledger_vkey(stage_ledger), &checkpoint));
  return checkpoint.size;
}

static void put_line(struct cf_buf *b, uint8_t byte)
{
  uint8_t line[4 + 8 + CF_SIG_N];
  memset(line, byte, sizeof line);
  cf_buf_puts(b, "\xe2\x80\x94 witness.example/w ");
  cf_base64_put(b, line, sizeof line);
  cf_buf_putc(b, '\n');
}

static void assert_kept(uint64_t size, bool is)
{
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_reset(&got);
  enum cf_err err = cf_kept_from(stage_ledger, size, &found, &time_us, &got);
  ck_assert_int_eq(err == CF_OK && found == size, is);
  if (is)
    ck_assert(cf_str_eq(cf_buf_str(&got), cf_buf_str(&note)));
}

START_TEST(cosigned_stays)
{
  uint64_t size = head_make();
  put_line(&note, 7);
  ck_assert_ok(cf_kept_cosign(stage_ledger, cf_buf_str(&note), cf_clock_now_us()));
  struct cf_buf first = note;
  cf_buf_init(&note, 2 * CF_NOTE_MAX);
  for (int i = 0; i < 3; i++)
    (void)head_make();
  cf_buf_fini(&note);
  note = first;
  assert_kept(size, true);
  stage_close_ledger();
  stage_open_ledger();
  assert_kept(size, true);
  stage_assert_verifies();
}
END_TEST

/* It was replaced by a later one of its minute, and comes back. */
START_TEST(cosigned_late)
{
  uint64_t size = head_make();
  struct cf_buf late = note;
  cf_buf_init(&note, 2 * CF_NOTE_MAX);
  (void)head_make();
  cf_buf_fini(&note);
  note = late;
  put_line(&note, 8);
  ck_assert_ok(cf_kept_cosign(stage_ledger, cf_buf_str(&note), cf_clock_now_us()));
  assert_kept(size, true);
  uint64_t found = 0;
  int64_t time_us = 0;
  cf_buf_reset(&got);
  ck_assert_ok(cf_kept_below(stage_ledger, size + 1, &found, &time_us, &got));
  ck_assert_uint_eq(found, size);
  stage_assert_verifies();
}
END_TEST

START_TEST(others_refused)
{
  (void)head_make();
  struct cf_buf bad;
  cf_buf_init(&bad, CF_NOTE_MAX);
  cf_buf_puts(&bad, "another.example/log\n1\n");
  cf_buf_putstr(&bad, cf_buf_str(&note));
  ck_assert(cf_kept_cosign(stage_ledger, cf_buf_str(&bad), 0) != CF_OK);
  cf_buf_reset(&bad);
  cf_buf_putstr(&bad, cf_buf_str(&note));
  bad.p[bad.n - 30] = bad.p[bad.n - 30] == 'A' ? 'B' : 'A';
  ck_assert_err(cf_kept_cosign(stage_ledger, cf_buf_str(&bad), 0), CF_E_SIGNATURE);
  cf_buf_fini(&bad);
}
END_TEST

START_TEST(stamp_stays)
{
  struct cf_stamp stamp, read;
  cf_stamp_init(&stamp);
  cf_stamp_init(&read);
  stamp.size = head_make();
  cf_buf_putstr(&stamp.note, cf_buf_str(&note));
  cf_buf_puts(&stamp.answer, "an answer");
  ck_assert_ok(cf_stamp_keep(stage_ledger, &stamp));
  struct cf_buf first = note;
  cf_buf_init(&note, 2 * CF_NOTE_MAX);
  (void)head_make();
  cf_buf_fini(&note);
  note = first;
  assert_kept(stamp.size, true);
  stage_close_ledger();
  stage_open_ledger();
  ck_assert_err(cf_stamp_of(stage_ledger, stamp.size - 1, &read), CF_E_NOTFOUND);
  ck_assert_ok(cf_stamp_from(stage_ledger, stamp.size - 1, &read));
  ck_assert_uint_eq(read.size, stamp.size);
  ck_assert(cf_str_eq(cf_buf_str(&read.note), cf_buf_str(&stamp.note)));
  ck_assert(cf_str_is(cf_buf_str(&read.answer), "an answer"));
  ck_assert_err(cf_stamp_from(stage_ledger, stamp.size + 1, &read), CF_E_NOTFOUND);
  stage_assert_verifies();
  cf_stamp_fini(&stamp);
  cf_stamp_fini(&read);
}
END_TEST

START_TEST(witnessed_grows)
{
  ck_assert_err(cf_witnessed_get(stage_ledger, 0, &got), CF_E_NOTFOUND);
  ck_assert_ok(cf_witnessed_set(stage_ledger, CF_STR("ten"), 10));
  ck_assert_ok(cf_witnessed_set(stage_ledger, CF_STR("nine"), 9));
  ck_assert_err(cf_witnessed_get(stage_ledger, 11, &got), CF_E_NOTFOUND);
  ck_assert_ok(cf_witnessed_get(stage_ledger, 10, &got));
  ck_assert(cf_str_is(cf_buf_str(&got), "ten"));
}
END_TEST

int main(void)
{
#define COSIGNED .tcase = "cosigned", .setup = setup, .teardown = teardown
  const struct cf_test tests[] = {
      {COSIGNED, .test = cosigned_stays},  {COSIGNED, .test = cosigned_late},
      {COSIGNED, .test = others_refused},  {COSIGNED, .test = stamp_stays},
      {COSIGNED, .test = witnessed_grows},
  };
  return cf_test_run("cosigned", tests, CF_COUNT(tests));
}
