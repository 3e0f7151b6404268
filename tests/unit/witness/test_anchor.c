/* SPDX-License-Identifier: MIT */
/* Files that checkpoints are appended to: read back as memory of what was
 * signed, a half line passed over; and a start holds the data against them. */
#include "config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proof/anchor.h"
#include "lib/witness/witness_in.h"
#include "tests/unit/ledger/ledger_stage.h"

static char path[300];
static struct cf_buf note;

static void setup(void)
{
  stage_ledger_setup();
  snprintf(path, sizeof path, "%s/list", temp_dir);
  cf_buf_init(&note, CF_NOTE_MAX);
}
static void teardown(void)
{
  cf_buf_fini(&note);
  stage_ledger_teardown();
}

static uint64_t head_append(void)
{
  struct cf_fault fault;
  unsigned i = (unsigned)stage_size();
  stage_append_range(i, i + 1, 1);
  cf_buf_reset(&note);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &note, &fault));
  ck_assert_ok(cf_anchor_append(path, cf_buf_str(&note), &fault));
  return stage_size();
}

static uint64_t remembered(void)
{
  struct cf_fault fault;
  struct cf_anchor anchor;
  cf_anchor_init(&anchor, UINT64_MAX);
  ck_assert_ok(cf_anchor_list(&anchor, path, cf_ledger_keys(stage_ledger), &fault));
  uint64_t size = anchor.any ? anchor.checkpoint.size : 0;
  cf_anchor_fini(&anchor);
  return size;
}

static long length(void)
{
  struct stat st;
  ck_assert_int_eq(stat(path, &st), 0);
  return (long)st.st_size;
}

START_TEST(list_read_back)
{
  ck_assert_uint_eq(remembered(), 0);
  for (int i = 0; i < 5; i++) {
    uint64_t size = head_append();
    ck_assert_uint_eq(remembered(), size);
  }
  struct cf_fault fault;
  long before = length();
  ck_assert_ok(cf_anchor_append(path, cf_buf_str(&note), &fault));
  ck_assert_int_eq(length(), before);
}
END_TEST

/* Wherever a crash cut the last one, those before count, and so do those
 * behind. */
START_TEST(half_line)
{
  uint64_t first = head_append();
  long keep = length();
  head_append();
  for (long cut = length() - 1; cut > keep; cut -= 7) {
    ck_assert_int_eq(truncate(path, cut), 0);
    ck_assert_uint_ge(remembered(), first);
    uint64_t later = head_append();
    ck_assert_uint_eq(remembered(), later);
  }
}
END_TEST

/* A file that is longer than what is read of it. */
START_TEST(long_list)
{
  uint64_t size = head_append();
  FILE *f = fopen(path, "w");
  for (int i = 0; i < 3000; i++)
    fputs("another.example/log\n1\nAAAA\n\n\xe2\x80\x94 x AAAAAAAAAAAA\n\n", f);
  fwrite(note.p, 1, note.n, f);
  fputs("\n", f);
  fclose(f);
  ck_assert_uint_eq(remembered(), size);
}
END_TEST

/* Data and signer are taken back together: the list tells. */
START_TEST(rollback_found)
{
  struct cf_fault fault = {"", ""};
  char option[320];
  stage_close_ledger();
  temp_run("cp -a data old; cp -a data.signer old.signer");
  stage_open_ledger();
  head_append();
  stage_close_ledger();
  temp_run("rm -rf data data.signer; mv old data; mv old.signer data.signer");
  snprintf(option, sizeof option, "file:%s", path);
  stage_set("anchor", option);
  ck_assert_err(cf_ledger_open(&stage_conf, "test", &stage_ledger, &fault), CF_E_ROLLBACK);
  ck_assert_str_eq(fault.at, path);
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_ok(cf_ledger_open(&stage_conf, "test", &stage_ledger, &fault));
}
END_TEST

int main(void)
{
#define ANCHOR .tcase = "anchor", .setup = setup, .teardown = teardown
  const struct cf_test tests[] = {
      {ANCHOR, .test = list_read_back},
      {ANCHOR, .test = half_line},
      {ANCHOR, .test = long_list},
      {ANCHOR, .test = rollback_found},
  };
  return cf_test_run("anchor", tests, CF_COUNT(tests));
}
