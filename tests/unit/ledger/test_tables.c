/* SPDX-License-Identifier: MIT */
/* A byte of a table that the ledger can do without is wrong: the ledger opens,
 * verifies and goes on. */
#include "config.h"

#include <sys/stat.h>
#include <sys/time.h>

#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/old_file.h"

static const char *const tables[] = {"tokens", "checkpoints", "sessions"};

#define ROWS 60

static void fill(void)
{
  for (unsigned i = 0; i < ROWS; i++) {
    char key[16], value[200];
    struct cf_event e;
    struct cf_place place;
    snprintf(key, sizeof key, "row-%u", i);
    snprintf(value, sizeof value, "%0180u", i);
    const struct cf_row rows[] = {{CF_TABLE_TOKENS, cf_str_from(key), cf_str_from(value), false},
                                  {CF_TABLE_SESSIONS, cf_str_from(key), cf_str_from(value), false}};
    stage_numbered(&e, i);
    const struct cf_event *p = &e;
    struct cf_append a = {.events = &p, .n = 1, .rows = rows, .rows_n = 2, .places = &place};
    ck_assert_ok(cf_ledger_append(stage_ledger, &a));
    cf_event_fini(&e);
  }
}

static enum cf_err count_row(void *context, struct cf_str key, struct cf_str value)
{
  (void)key;
  (void)value;
  ++*(unsigned *)context;
  return CF_OK;
}

static void open_and_append(void)
{
  unsigned rows = 0;
  stage_open_ledger();
  ck_assert_ok(cf_ledger_each_row(stage_ledger, CF_TABLE_TOKENS, count_row, &rows));
  ck_assert(rows == 0 || rows == ROWS);
  stage_append_range(1000, 1010, 5);
  stage_assert_verifies();
  stage_close_ledger();
}

START_TEST(test_a_flipped_byte)
{
  struct stat st;
  char path[64], aside_path[80];
  unsigned aside = 0, flips = cf_test_rounds(8); /* places in the file */
  snprintf(path, sizeof path, "data/env/%s", tables[_i]);
  snprintf(aside_path, sizeof aside_path, "%s.damaged", path);
  stage_configure("tables", NULL);
  stage_init_ledger();
  stage_open_ledger();
  fill();
  stage_close_ledger();
  temp_run("cp -a data kept && cp -a data.signer kept.signer");
  ck_assert_int_eq(stat(temp_path(path), &st), 0);
  for (off_t i = 0; i < flips; i++) {
    temp_flip(temp_path(path), st.st_size * i / flips + i % 7);
    ck_assert_int_eq(cf_test_child(open_and_append), 0);
    aside += access(temp_path(aside_path), F_OK) == 0;
    temp_run("rm -rf data data.signer && cp -a kept data && cp -a kept.signer data.signer");
  }
  ck_assert_uint_gt(aside, flips / 2); /* others fell on what nobody reads */
  stage_clear();
}
END_TEST

/* An owner that was killed: recovery itself wants the page. */
static void fill_and_end(void)
{
  stage_open_ledger();
  fill();
  _exit(0);
}

START_TEST(test_a_flipped_byte_before_recovery)
{
  struct stat st;
  char path[64];
  snprintf(path, sizeof path, "data/env/%s", tables[_i]);
  stage_configure("tables", NULL);
  stage_init_ledger();
  stage_open_ledger();
  fill();
  stage_close_ledger();
  ck_assert_int_eq(cf_test_child(fill_and_end), 0);
  ck_assert_int_eq(stat(temp_path(path), &st), 0);
  temp_flip(temp_path(path), st.st_size - 100);
  ck_assert_int_eq(cf_test_child(open_and_append), 0);
  ck_assert_int_eq(cf_test_child(fill_and_end), 0); /* and again, with the new file */
  stage_open_ledger();
  ck_assert(cf_ledger_table_lost(stage_ledger, CF_TABLE_TOKENS) == (_i == 0));
  stage_assert_verifies();
  stage_close_ledger();
  stage_clear();
}
END_TEST

/* ---- pages that lead back to themselves ---- */

#define PAGE 4096

/* What a copy is given to be opened in. */
unsigned alarm(unsigned seconds)
{
  const struct itimerval soon = {.it_value = {.tv_usec = 300000}};
  ck_assert_uint_gt(seconds, 10);
  (void)setitimer(ITIMER_REAL, &soon, NULL);
  return 0;
}

/* Have the first leaf of the tokens be the next one too, with its rows or with
 * none: without any the library itself reads for ever. */
static void ring_make(bool empty)
{
  enum { NUMBER_AT = 8, NEXT_AT = 16, ENTRIES_AT = 20, TYPE_AT = 25, LEAF = 5 };
  static uint8_t page[PAGE];
  const char *path = temp_path("data/env/tokens");
  uint8_t none[4] = {0};
  off_t at = 0;
  do
    temp_get(path, at += PAGE, page, PAGE);
  while (page[TYPE_AT] != LEAF || memcmp(page + NEXT_AT, none, sizeof none) == 0 ||
         memcmp(page + NEXT_AT - 4, none, sizeof none) != 0);
  memcpy(page + NEXT_AT, page + NUMBER_AT, 4);
  if (empty)
    memcpy(page + ENTRIES_AT, none, 2);
  old_file_mend(page, PAGE);
  temp_put(path, at, page, PAGE);
}

static void set_up_ring(bool empty)
{
  stage_configure("tables", NULL);
  stage_init_ledger();
  stage_open_ledger();
  fill();
  stage_close_ledger();
  ring_make(empty);
}

START_TEST(test_rows_that_never_end)
{
  set_up_ring(false);
  ck_assert_int_eq(cf_test_child(open_and_append), 0);
  ck_assert_int_eq(access(temp_path("data/env/tokens.damaged"), F_OK), 0);
  stage_clear();
}
END_TEST

/* Of a copy it is said that it cannot be opened, and nothing of it stays. */
START_TEST(test_a_copy_that_never_opens)
{
  struct cf_fault fault = {0};
  set_up_ring(true);
  ck_assert_int_eq(setenv("TMPDIR", temp_dir, 1), 0);
  ck_assert_err(cf_ledger_open_copy(&stage_conf, &stage_ledger, &fault), CF_E_DAMAGED);
  ck_assert_ptr_nonnull(strstr(fault.detail, "did not come to an end"));
  temp_run("! ls | grep -q counterfoil-evidence");
  stage_clear();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "tables", .test = test_a_flipped_byte, .loops = CF_COUNT(tables)},
      {.tcase = "tables", .test = test_a_flipped_byte_before_recovery, .loops = CF_COUNT(tables)},
      {.tcase = "rings", .test = test_rows_that_never_end, .timeout = 180},
      {.tcase = "rings", .test = test_a_copy_that_never_opens},
  };
  return cf_test_run("tables", tests, CF_COUNT(tests));
}
