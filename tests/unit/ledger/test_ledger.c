/* SPDX-License-Identifier: MIT */
/* The ledger as a whole: append, read back, restart, roll, seal, refuse. Each
 * test has a ledger of its own. */
#include "config.h"

#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/record/control.h"
#include "tests/unit/ledger/ledger_stage.h"

START_TEST(test_start_and_stop_are_records)
{
  ck_assert_uint_eq(stage_size(), 2); /* genesis, start */
  stage_close_ledger();
  stage_open_ledger();
  ck_assert_uint_eq(stage_size(), 4); /* stop, start */
  stage_assert_verifies();
}
END_TEST

START_TEST(test_append_one)
{
  struct cf_event e;
  stage_numbered(&e, 0);
  struct cf_place place = stage_append(&e);
  ck_assert_int_eq(place.err, CF_OK);
  ck_assert_uint_eq(place.seq, 2);
  ck_assert_uint_eq(stage_size(), 3);
  struct cf_place again = stage_append(&e);
  ck_assert(again.duplicate && again.err == CF_OK);
  ck_assert_uint_eq(again.seq, place.seq);
  ck_assert_int_eq(again.recorded_us, place.recorded_us);
  ck_assert_bytes(again.leaf_hash, CF_HASH_N, place.leaf_hash, CF_HASH_N);
  ck_assert_uint_eq(stage_size(), 3);
  cf_event_fini(&e);
  stage_event(&e, "{\"id\":\"e-0\",\"method\":\"GET\",\"user\":\"other\"}");
  again = stage_append(&e);
  ck_assert_int_eq(again.err, CF_E_CONFLICT);
  ck_assert_uint_eq(again.seq, place.seq);
  cf_event_fini(&e);
  stage_assert_verifies();
}
END_TEST

static const unsigned batches[] = {1, 7, 64, 100, 1000};

START_TEST(test_rolls_and_restarts)
{
  unsigned batch = batches[_i], n = batch == 1 ? 300 : 1500;
  stage_append_range(0, n / 2, batch);
  stage_close_ledger();
  stage_open_ledger();
  stage_append_range(n / 2, n, batch);
  stage_wait_for_segments(n / 256 - 1);
  stage_assert_holds(n);
  stage_assert_verifies();
  stage_close_ledger();
  stage_open_ledger();
  stage_assert_holds(n);
  stage_assert_verifies();
}
END_TEST

/* A generation that is older than segment_span ends at the next multiple of
 * 256, long before it is full. */
START_TEST(test_rolls_by_age)
{
  stage_append_range(0, 300, 100); /* the first generation is full at 256 */
  stage_set("segment_records", "4096");
  stage_append_range(300, 700, 100);
  stage_wait_for_segments(2);
  stage_append_range(700, 1100, 100);
  ck_assert_uint_eq(stage_segments(), 2);
  stage_close_ledger();
  stage_set("segment_span", "1s");
  stage_open_ledger();
  unsigned i = 1100;
  for (; stage_segments() < 3; usleep(5000)) /* at 4000 it is still not full */
    if (i < 4000) {
      stage_append_range(i, i + 1, 1);
      i++;
    }
  stage_assert_verifies();
}
END_TEST

/* What a killed owner had acknowledged is there, and nothing twice. */
START_TEST(test_killed_owner)
{
  stage_close_ledger();
  int fd[2];
  ck_assert_int_eq(pipe(fd), 0);
  for (unsigned round = 0; round < 5; round++) {
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
      stage_open_ledger();
      for (unsigned i = round * 100; i < round * 100 + 100; i++) {
        struct cf_event e;
        stage_numbered(&e, i);
        struct cf_place place = stage_append(&e);
        if (write(fd[1], &place, sizeof place) != sizeof place)
          _exit(1);
        cf_event_fini(&e);
      }
      _exit(0); /* without closing anything */
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
  }
  stage_open_ledger();
  stage_assert_holds(500);
  stage_assert_verifies();
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_hashes(view, &hashes);
  for (unsigned i = 0; i < 500; i++) {
    struct cf_place place;
    uint8_t hash[CF_HASH_N];
    ck_assert_int_eq(read(fd[0], &place, sizeof place), sizeof place);
    ck_assert_ok(hashes.get(hashes.context, 0, place.seq, 1, hash));
    ck_assert_bytes(hash, CF_HASH_N, place.leaf_hash, CF_HASH_N);
  }
  cf_view_put(view);
  (void)close(fd[0]);
  (void)close(fd[1]);
}
END_TEST

START_TEST(test_second_owner)
{
  struct cf_ledger *other = NULL;
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&stage_conf, "test 2", &other, &fault), CF_E_LOCKED);
  stage_close_ledger();
  ck_assert_ok(cf_ledger_open(&stage_conf, "test 2", &other, &fault));
  cf_ledger_close(other);
  stage_open_ledger();
}
END_TEST

/* A copy of the data beside the signer of the original, which is at work: that
 * is no owner to wait for. */
START_TEST(test_signer_of_another_ledger)
{
  struct cf_ledger *copy = NULL;
  struct cf_fault fault = {0};
  stage_close_ledger();
  temp_run("cp -a data copy");
  stage_open_ledger();
  struct cf_conf conf = stage_conf;
  conf.data = strdup(temp_path("copy"));
  ck_assert_err(cf_ledger_open(&conf, "test 2", &copy, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, stage_conf.signer);
  free(conf.data);
}
END_TEST

START_TEST(test_old_backup_is_noticed)
{
  stage_append_range(0, 50, 10);
  stage_close_ledger();
  temp_run("cp -a data old");
  stage_open_ledger();
  stage_append_range(50, 60, 10);
  stage_close_ledger();
  temp_run("mv data new && mv old data");
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  temp_run("rm -rf data && mv new data");
  stage_open_ledger();
  stage_assert_holds(60);
}
END_TEST

/* An old database put back beside newer segments: it does not name them, and
 * must not take them with it. */
START_TEST(test_old_database_takes_no_segments)
{
  stage_append_range(0, 300, 100);
  stage_wait_for_segments(1);
  stage_close_ledger();
  temp_run("cp -a data/env old");
  stage_open_ledger();
  stage_append_range(300, 900, 100);
  stage_wait_for_segments(3);
  stage_close_ledger();
  temp_run("mv data/env new && mv old data/env");
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  temp_run("rm -rf data/env && mv new data/env");
  stage_open_ledger();
  stage_assert_holds(900);
  stage_assert_verifies();
}
END_TEST

START_TEST(test_no_space)
{
  struct cf_event e;
  stage_numbered(&e, 0);
  const struct cf_event *p = &e;
  struct cf_place place;
  struct cf_append a = {.events = &p, .n = 1, .places = &place};
  uint64_t before = stage_size();
  stage_set("min_free", "1000000G");
  usleep(300000); /* free space is asked for five times a second */
  ck_assert_err(cf_ledger_append(stage_ledger, &a), CF_E_SPACE);
  ck_assert_uint_eq(stage_size(), before);
  stage_set("min_free", "1M");
  usleep(300000);
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  cf_event_fini(&e);
}
END_TEST

/* A record of a read has half of what others may use. */
START_TEST(test_space_for_reads)
{
  struct statvfs s;
  char text[40];
  struct cf_control_who who = {CF_STR("u"), CF_STR("c"), "192.0.2.7"};
  struct cf_control_access access = {.action = "read", .outcome = "success"};
  struct cf_event e;
  const struct cf_event *p = &e;
  struct cf_place place;
  struct cf_append a = {.by = CF_BY_READER, .events = &p, .n = 1, .places = &place};
  ck_assert_ok(cf_control_access(&who, &access, &e, NULL));
  ck_assert_int_eq(fstatvfs(cf_ledger_directory(stage_ledger), &s), 0);
  for (unsigned parts = 3; parts <= 9; parts += 6) {
    snprintf(text, sizeof text, "%llu",
             (unsigned long long)s.f_bavail * s.f_frsize / 2 * parts / 2);
    stage_set("min_free", text);
    usleep(300000); /* free space is asked for five times a second */
    bool half_left = parts == 3;
    ck_assert_int_eq(cf_ledger_reads_ok(stage_ledger), half_left);
    ck_assert_err(cf_ledger_append(stage_ledger, &a), half_left ? CF_OK : CF_E_SPACE);
  }
  a.by = CF_BY_CALLER;
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  cf_event_fini(&e);
}
END_TEST

START_TEST(test_posted)
{
  struct cf_event e;
  stage_numbered(&e, 0);
  cf_ledger_post(stage_ledger, &e);
  ck_assert_ptr_null(e.text);
  while (stage_size() < 3)
    usleep(10000);
  ck_assert_uint_eq(stage_size(), 3);
  stage_assert_holds(1);
}
END_TEST

/* How many events there are, and how many `loss` records say are missing. */
static void count_events(uint64_t *there, uint64_t *lost)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  *there = *lost = 0;
  for (uint64_t seq = 0; seq < cf_view_size(view); seq++) {
    if (seq % CF_GROUP == 0)
      ck_assert_ok(cf_view_block(view, seq, block));
    const struct cf_record *r = &block->record[seq % CF_GROUP];
    *there += r->kind == CF_K_EVENT;
    if (r->kind != CF_K_LOSS)
      continue;
    const char *at = memmem(r->public_text.p, r->public_text.n, "\"count\":", 8);
    ck_assert_ptr_nonnull(at);
    *lost += strtoul(at + 8, NULL, 10);
  }
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
}

/* More than can wait: what is dropped is told of, by the stop at the latest,
 * and nothing else is missing. */
START_TEST(test_posted_dropped)
{
  enum { N = 12000 };
  static struct cf_event events[N];
  struct cf_ledger_state state;
  uint64_t there, lost;
  for (unsigned i = 0; i < N; i++)
    stage_numbered(&events[i], i);
  for (unsigned i = 0; i < N; i++)
    cf_ledger_post(stage_ledger, &events[i]);
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_gt(state.posted_dropped, 0);
  stage_close_ledger();
  stage_open_ledger();
  count_events(&there, &lost);
  ck_assert_uint_eq(lost, state.posted_dropped);
  ck_assert_uint_eq(there + lost, N);
}
END_TEST

/* A seal covers what was asked for, follows by itself, and never goes back. */
START_TEST(test_seals)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  struct cf_str text;
  struct cf_checkpoint checkpoint;
  uint64_t last = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_err(cf_ledger_seal(stage_ledger, stage_size() + 1, &note, &fault), CF_E_PARAMETER);
  for (unsigned i = 0; i < 20; i++) {
    stage_append_range(i * 10, i * 10 + 10, 5);
    cf_buf_reset(&note);
    ck_assert_ok(i % 2 == 0 ? cf_ledger_seal(stage_ledger, stage_size(), &note, &fault)
                            : cf_ledger_checkpoint(stage_ledger, &note));
    ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_ledger_vkey(stage_ledger), &text));
    ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
    ck_assert_uint_ge(checkpoint.size, last);
    if (i % 2 == 0)
      ck_assert_uint_eq(checkpoint.size, stage_size());
    last = checkpoint.size;
  }
  stage_append_range(200, 201, 1);
  while (checkpoint.size < stage_size()) {
    usleep(10000);
    cf_buf_reset(&note);
    ck_assert_ok(cf_ledger_checkpoint(stage_ledger, &note));
    ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_ledger_vkey(stage_ledger), &text));
    ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
  }
  ck_assert_uint_eq(checkpoint.size, stage_size());
  cf_buf_fini(&note);
}
END_TEST

/* What is sealed after the head was taken is no contradiction to it: others
 * write while it is verified. */
START_TEST(test_verify_while_it_grows)
{
  struct cf_fault fault = {0};
  struct cf_buf note, later;
  struct cf_verify_result *result = calloc(1, sizeof *result);
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_buf_init(&later, CF_NOTE_MAX);
  stage_append_range(0, 100, 10);
  uint64_t head_size = stage_size();
  ck_assert_ok(cf_ledger_seal(stage_ledger, head_size, &note, &fault));
  stage_append_range(100, 600, 50);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &later, &fault));
  bool ok = stage_verify_head(&note, head_size, result);
  ck_assert_msg(ok, "first error: %s %s", cf_verdict_name(result->errors[0].verdict),
                result->errors[0].detail);
  ck_assert_uint_eq(result->leaves, head_size);
  cf_buf_fini(&note);
  cf_buf_fini(&later);
  free(result);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "ledger",
       .test = test_start_and_stop_are_records,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "ledger", .test = test_append_one},
      {.tcase = "ledger", .test = test_rolls_and_restarts, .loops = CF_COUNT(batches)},
      {.tcase = "ledger", .test = test_rolls_by_age},
      {.tcase = "ledger", .test = test_killed_owner},
      {.tcase = "ledger", .test = test_second_owner},
      {.tcase = "ledger", .test = test_signer_of_another_ledger},
      {.tcase = "ledger", .test = test_old_backup_is_noticed},
      {.tcase = "ledger", .test = test_old_database_takes_no_segments},
      {.tcase = "ledger", .test = test_no_space},
      {.tcase = "ledger", .test = test_posted},
      {.tcase = "ledger", .test = test_posted_dropped},
      {.tcase = "ledger", .test = test_space_for_reads},
      {.tcase = "ledger", .test = test_seals},
      {.tcase = "ledger", .test = test_verify_while_it_grows},
  };
  return cf_test_run("ledger", tests, CF_COUNT(tests));
}
