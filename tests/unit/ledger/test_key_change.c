/* SPDX-License-Identifier: MIT */
/* One key after another: what signs what, what stays good, and a kill at each
 * step. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/proof/anchor.h"
#include "tests/unit/ledger/ledger_stage.h"

#define DAY_US INT64_C(86400000000)
#define KILLED 77

/* ---- kills ---- */

/* The calls by which the signer's files come and go; before and after each the
 * process may end. -1: none is counted. */
static int steps_left = -1;

static void step(void)
{
  if (steps_left == 0)
    _exit(KILLED);
  if (steps_left > 0)
    steps_left--;
}

static int stepped(long result)
{
  step();
  return (int)result;
}

/* The disk is full once, for a file of that name; NULL: it is not. */
static const char *full_for;

int renameat(int from_at, const char *from, int to_at, const char *to)
{
  step();
  if (full_for != NULL && strcmp(to, full_for) == 0) {
    full_for = NULL;
    errno = ENOSPC;
    return -1;
  }
  return stepped(syscall(SYS_renameat2, from_at, from, to_at, to, 0));
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
  step();
  return stepped(syscall(SYS_linkat, from_at, from, to_at, to, flags));
}

int unlinkat(int at, const char *path, int flags)
{
  step();
  return stepped(syscall(SYS_unlinkat, at, path, flags));
}

static void look_at_record(void);

int fsync(int fd)
{
  step();
  look_at_record();
  return stepped(syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
  step();
  look_at_record();
  return stepped(syscall(SYS_fdatasync, fd));
}

/* ---- changing ---- */

static uint64_t change(int64_t overlap_us)
{
  const struct cf_control_who who = {CF_STR("ann"), CF_STR("t1"), ""};
  struct cf_fault fault = {0};
  uint64_t seq = 0;
  int64_t until_us = overlap_us > 0 ? cf_clock_now_us() + overlap_us : CF_TIME_NONE;
  enum cf_err err = cf_ledger_key_change(stage_ledger, &who, until_us, &seq, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
  return seq;
}

static void reopen(void)
{
  stage_close_ledger();
  stage_open_ledger();
}

static void head(struct cf_buf *note)
{
  struct cf_fault fault = {0};
  cf_buf_init(note, CF_NOTE_MAX);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), note, &fault));
}

static bool signed_by(const struct cf_buf *note, const struct cf_vkey *vkey)
{
  struct cf_checkpoint checkpoint;
  return cf_checkpoint_check(cf_buf_str(note), vkey, &checkpoint) == CF_OK;
}

static void assert_verifies_deep(void)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  ck_assert(stage_verify_as(CF_VERIFY_DEEP, result));
  free(result);
  stage_assert_verifies();
}

START_TEST(test_three_changes)
{
  struct cf_buf note[4];
  head(&note[0]);
  for (unsigned i = 1; i < 4; i++) {
    uint64_t seq = change(i == 2 ? 0 : DAY_US);
    const struct cf_keys *keys = cf_ledger_keys(stage_ledger);
    ck_assert_uint_eq(keys->n, i + 1);
    ck_assert_uint_eq(keys->v[i].from, seq + 1);
    ck_assert_uint_eq(keys->v[i - 1].until, seq + 1);
    head(&note[i]);
    ck_assert(signed_by(&note[i], &keys->v[i].vkey));
    ck_assert(signed_by(&note[i], &keys->v[i - 1].vkey) == (i != 2));
    ck_assert(i < 2 || !signed_by(&note[i], &keys->v[i - 2].vkey));
    stage_append_range(300 * (i - 1), 300 * i, 100);
    if (i != 2)
      reopen();
  }
  stage_assert_holds(900);
  assert_verifies_deep();
  for (size_t i = 0; i < 4; i++) {
    struct cf_checkpoint checkpoint;
    ck_assert_ok(
        cf_keys_checkpoint(cf_ledger_keys(stage_ledger), cf_buf_str(&note[i]), &checkpoint));
    cf_buf_fini(&note[i]);
  }
}
END_TEST

/* Who has one of the keys and the notes gets the others. */
START_TEST(test_each_key_leads_to_all)
{
  (void)change(DAY_US);
  (void)change(DAY_US);
  const struct cf_keys *all = cf_ledger_keys(stage_ledger);
  const struct cf_str notes[] = {cf_str_from(all->v[1].note), cf_str_from(all->v[2].note)};
  for (size_t i = 0; i < all->n; i++) {
    struct cf_keys keys;
    struct cf_fault fault = {0};
    cf_keys_init(&keys);
    ck_assert_ok(cf_keys_begin(&keys, &all->v[i].vkey));
    ck_assert_ok(cf_keys_add_all(&keys, notes, CF_COUNT(notes), &fault));
    ck_assert_uint_eq(keys.n, 3);
    cf_keys_fini(&keys);
  }
}
END_TEST

START_TEST(test_a_retired_key_signs_no_more)
{
  struct cf_buf note;
  struct cf_fault fault = {0};
  (void)change(DAY_US);
  const struct cf_vkey *old = &cf_ledger_keys(stage_ledger)->v[0].vkey;
  ck_assert_ok(cf_ledger_key_retire(stage_ledger, &fault));
  temp_run("test ! -e data.signer/key.old && test ! -e data.signer/until");
  stage_append_range(0, 1, 1);
  head(&note);
  ck_assert(!signed_by(&note, old));
  cf_buf_fini(&note);
  ck_assert_ok(cf_ledger_key_retire(stage_ledger, &fault));
  reopen();
  assert_verifies_deep();
}
END_TEST

/* A head above the record by the old key alone is none of the log's. */
START_TEST(test_the_old_key_alone_signs_nothing_above)
{
  struct cf_buf note, only;
  struct cf_checkpoint checkpoint;
  (void)change(DAY_US);
  head(&note);
  const struct cf_keys *keys = cf_ledger_keys(stage_ledger);
  cf_buf_init(&only, CF_NOTE_MAX);
  ck_assert_ok(cf_note_only(cf_buf_str(&note), &keys->v[0].vkey, &only));
  ck_assert_ok(cf_checkpoint_check(cf_buf_str(&only), &keys->v[0].vkey, &checkpoint));
  ck_assert_err(cf_keys_checkpoint(keys, cf_buf_str(&only), &checkpoint), CF_E_SIGNATURE);
  cf_buf_fini(&note);
  cf_buf_fini(&only);
}
END_TEST

/* The signer's directory of a day before the change signs nothing of it: with
 * the old key beside the new one, and after it. */
START_TEST(test_an_older_signer_is_refused)
{
  struct cf_fault fault = {0};
  stage_close_ledger();
  temp_run("cp -a data.signer old.signer");
  stage_open_ledger();
  (void)change(_i == 0 ? DAY_US : 0);
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  temp_run("mv data.signer new.signer; mv old.signer data.signer");
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_CONFIG);
  temp_run("mv data.signer old.signer; mv new.signer data.signer");
  stage_open_ledger();
  assert_verifies_deep();
}
END_TEST

/* Nor does the data of a day before: it is told from that of another signer,
 * and can be looked at. */
START_TEST(test_older_data_is_told)
{
  struct cf_fault fault = {0};
  struct cf_anchor last;
  stage_append_range(0, 10, 10);
  (void)change(DAY_US);
  stage_close_ledger();
  temp_run("cp -a data data.old");
  stage_open_ledger();
  (void)change(_i == 0 ? DAY_US : 0);
  (void)change(0);
  stage_close_ledger();
  temp_run("mv data data.new; mv data.old data");
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  ck_assert_ok(cf_ledger_open_copy(&stage_conf, &stage_ledger, &fault));
  ck_assert_err(cf_ledger_judge(stage_ledger, &fault), CF_E_ROLLBACK);
  cf_anchor_init(&last, UINT64_MAX);
  ck_assert_ok(cf_ledger_signed(stage_ledger, &last, &fault));
  ck_assert_uint_gt(last.checkpoint.size, stage_size());
  cf_anchor_fini(&last);
  stage_close_ledger();
  temp_run("rm -r data; mv data.new data");
  stage_open_ledger();
  assert_verifies_deep();
}
END_TEST

/* Without the first key's key of MACs nobody can tell whose the data is. */
START_TEST(test_a_changed_signer_needs_its_key_of_macs)
{
  struct cf_fault fault = {0};
  (void)change(0);
  stage_close_ledger();
  temp_run("mv data.signer/mac kept");
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_CONFIG);
  temp_run("mv kept data.signer/mac");
  stage_open_ledger();
}
END_TEST

/* A file that cannot be written once: the change is made at the next try, and
 * the directory opens with it. */
START_TEST(test_a_full_disk)
{
  static const char *const files[] = {"keys", "vkey", "key", "until", "mac", "key.next"};
  const struct cf_control_who who = {CF_STR("ann"), CF_STR("t1"), ""};
  struct cf_fault fault = {0};
  struct cf_buf note;
  uint64_t seq = 0;
  (void)change(0);
  temp_run("rm data.signer/vkey");
  full_for = files[_i];
  enum cf_err err =
      cf_ledger_key_change(stage_ledger, &who, cf_clock_now_us() + DAY_US, &seq, &fault);
  full_for = NULL;
  stage_append_range(0, 10, 10);
  head(&note);
  const struct cf_keys *keys = cf_ledger_keys(stage_ledger);
  ck_assert_uint_eq(keys->n, err == CF_OK || _i < 4 ? 3 : 2);
  ck_assert(signed_by(&note, cf_keys_present(keys)));
  ck_assert(keys->n == 2 || signed_by(&note, &keys->v[1].vkey));
  cf_buf_fini(&note);
  reopen();
  assert_verifies_deep();
  (void)change(0);
}
END_TEST

/* ---- the old key retires while a record is on its way ---- */

static bool looking, turned_early;
static pthread_t retiring;

static void *retire_main(void *unused)
{
  (void)unused;
  ck_assert_ok(cf_ledger_key_retire(stage_ledger, NULL));
  return NULL;
}

/* The record is committed and not durable: the signer must not turn. */
static void look_at_record(void)
{
  char next[4096];
  if (!looking || cf_ledger_keys(stage_ledger)->n == 1)
    return;
  looking = false;
  (void)snprintf(next, sizeof next, "%s/key.next", stage_conf.signer);
  ck_assert_int_eq(pthread_create(&retiring, NULL, retire_main, NULL), 0);
  for (int i = 0; i < 50 && !turned_early; i++) {
    (void)usleep(10000);
    turned_early = access(next, F_OK) != 0;
  }
}

START_TEST(test_no_turn_before_the_record_is_durable)
{
  stage_append_range(0, 10, 10);
  looking = true;
  (void)change(DAY_US);
  ck_assert(!looking);
  ck_assert_int_eq(pthread_join(retiring, NULL), 0);
  ck_assert(!turned_early);
  reopen();
  assert_verifies_deep();
}
END_TEST

/* ---- a kill at each step ---- */

static int kill_at;

static void change_until_killed(void)
{
  stage_open_ledger();
  stage_append_range(0, 5, 5);
  steps_left = kill_at;
  (void)change(DAY_US);
  steps_left = -1;
  _exit(0);
}

/* Opened again it has changed or not, whole either way, and can be changed. */
static void assert_whole(int at)
{
  struct cf_buf note;
  stage_open_ledger();
  const struct cf_keys *keys = cf_ledger_keys(stage_ledger);
  ck_assert_msg(keys->n == 1 || keys->n == 2, "step %d", at);
  temp_run("test ! -e data.signer/key.next");
  head(&note);
  ck_assert(signed_by(&note, cf_keys_present(keys)));
  ck_assert(keys->n == 1 || signed_by(&note, &keys->v[0].vkey));
  cf_buf_fini(&note);
  stage_assert_verifies();
  (void)change(0);
  reopen();
  assert_verifies_deep();
  stage_close_ledger();
}

START_TEST(test_a_kill_at_each_step)
{
  bool seen[2] = {false, false};
  stage_close_ledger();
  temp_run("cp -a data data.0; cp -a data.signer signer.0");
  int status = KILLED;
  for (kill_at = 0; status == KILLED; kill_at++) {
    temp_run("rm -r data data.signer; cp -a data.0 data; cp -a signer.0 data.signer");
    status = cf_test_child(change_until_killed);
    ck_assert(status == KILLED || status == 0);
    stage_open_ledger();
    seen[cf_ledger_keys(stage_ledger)->n - 1] = true;
    stage_close_ledger();
    assert_whole(kill_at);
  }
  ck_assert_int_gt(kill_at, 20);
  ck_assert(seen[0] && seen[1]);
  stage_open_ledger();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "change",
       .test = test_three_changes,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown,
       .timeout = 60},
      {.tcase = "change", .test = test_each_key_leads_to_all},
      {.tcase = "change", .test = test_a_retired_key_signs_no_more},
      {.tcase = "change", .test = test_the_old_key_alone_signs_nothing_above},
      {.tcase = "change", .test = test_an_older_signer_is_refused, .loops = 2},
      {.tcase = "change", .test = test_older_data_is_told, .loops = 2},
      {.tcase = "change", .test = test_a_changed_signer_needs_its_key_of_macs},
      {.tcase = "change", .test = test_a_full_disk, .loops = 6},
      {.tcase = "change", .test = test_no_turn_before_the_record_is_durable},
      {.tcase = "change", .test = test_a_kill_at_each_step},
  };
  return cf_test_run("key_change", tests, CF_COUNT(tests));
}
