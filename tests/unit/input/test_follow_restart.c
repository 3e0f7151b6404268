/* SPDX-License-Identifier: MIT */
/* A log followed again after a stop, whatever happened to it meanwhile; and the
 * state file that says where. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/input/follow_stage.h"

/* ---- restarts ---- */

START_TEST(test_restart)
{
  log_append("access.log", "one\ntwo\nhalf");
  follow_start();
  ck_lines("one@0 two@4");
  follow_save();
  follow_stop();
  log_append("access.log", " a line\n");
  follow_start();
  ck_lines("half a line@8");
}
END_TEST

/* Without a save everything is given again: ids make that harmless. */
START_TEST(test_restart_unsaved)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  follow_save();
  log_append("access.log", "two\n");
  ck_lines("two@4");
  follow_stop();
  follow_start();
  ck_lines("two@4");
}
END_TEST

/* Marks say what is safe, not what was given. */
START_TEST(test_marks_wait_for_commit)
{
  struct cf_marks marks = {0};
  log_append("access.log", "one\ntwo\n");
  follow_start();
  ck_lines("one@0 two@4");
  ck_assert_ok(cf_follow_marks(follow, &marks));
  ck_assert_uint_eq(marks.n, 1);
  ck_assert_uint_eq(marks.v[0].offset, 0);
  cf_follow_commit(follow);
  ck_assert_ok(cf_follow_marks(follow, &marks));
  ck_assert_uint_eq(marks.n, 2);
  ck_assert_uint_eq(marks.v[1].offset, 8);
  cf_marks_fini(&marks);
}
END_TEST

static void read_and_stop(const char *text, const char *want)
{
  log_append("access.log", text);
  follow_start();
  ck_lines(want);
  follow_save();
  follow_stop();
}

START_TEST(test_restart_renamed)
{
  read_and_stop("one\n", "one@0");
  log_append("access.log", "two\n");
  log_move("access.log", "access.log-20260101");
  log_append("access.log", "new\n");
  follow_start();
  ck_lines("two@4 new@0");
  follow_save();
  follow_stop();
  log_append("access.log-20260101", "late\n");
  follow_start();
  ck_lines("late@8");
}
END_TEST

START_TEST(test_restart_renamed_not_yet_new)
{
  read_and_stop("one\n", "one@0");
  log_append("access.log", "two\n");
  log_move("access.log", "access.log.1");
  follow_start();
  ck_lines("two@4");
  log_append("access.log", "new\n");
  ck_lines("new@0");
}
END_TEST

START_TEST(test_restart_copytruncated)
{
  read_and_stop("one\n", "one@0");
  log_append("access.log", "two\n");
  log_copy("access.log", "access.log.1");
  log_truncate("access.log", _i == 0 ? "n\n" : "new and longer than before\n");
  follow_start();
  ck_lines(_i == 0 ? "two@4 n@0" : "two@4 new and longer than before@0");
}
END_TEST

/* Rotated more than once while nobody looked: what came and went in between is
 * read too, but not what only looks like it. */
START_TEST(test_several_rotations)
{
  log_append("access.log.7", "long ago\n");
  struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
  ck_assert_int_eq(utimensat(AT_FDCWD, temp_path("access.log.7"), old, 0), 0);
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  if (_i == 1)
    follow_save(), follow_stop();
  log_append("access.log", "two\n");
  log_move("access.log", "access.log.3");
  log_append("access.log", "second\n");
  log_move("access.log", "access.log-20260102");
  usleep(20000); /* more than the file system's clock ticks */
  log_append("access.log", "third\nno end");
  log_move("access.log", "access.log.1");
  log_append("access.log.pos", "not a log\n");
  log_append("access.log.1.bak", "not a log\n");
  log_append("access.log", "new\n");
  if (_i == 1)
    follow_start();
  ck_lines("two@4 second@0 third@0 new@0");
  ck_lines("");
}
END_TEST

/* A file that was left is not taken for one that was missed. */
START_TEST(test_left_files_stay_left)
{
  follow_rules.drain_us = 0;
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  for (int i = 0; i < 5; i++) {
    char file[32];
    snprintf(file, sizeof file, "access.log.%d", i);
    log_move("access.log", file);
    log_append("access.log", "new\n");
    ck_lines("new@0");
  }
}
END_TEST

/* Another file, perhaps with the same inode number, at the same path; the old
 * one is gone. */
START_TEST(test_restart_replaced)
{
  read_and_stop("one\n", "one@0");
  if (_i == 0)
    ck_assert_int_eq(unlink(follow_log), 0);
  log_truncate("access.log", "another, longer\n");
  follow_start();
  ck_lines("another, longer@0");
}
END_TEST

START_TEST(test_restart_shortened)
{
  read_and_stop("one\ntwo\n", "one@0 two@4");
  log_truncate("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
}
END_TEST

START_TEST(test_restart_same_first_line)
{
  read_and_stop("#Fields\none\n", "#Fields@0 one@8");
  log_move("access.log", "access.log.1");
  log_append("access.log.1", "two\n");
  log_append("access.log", "#Fields\nnew\n");
  follow_start();
  ck_lines("two@12 #Fields@0 new@8");
}
END_TEST

/* Compressed neighbours are no candidates, and a missing file is no error. */
START_TEST(test_restart_compressed)
{
  read_and_stop("one\n", "one@0");
  ck_assert_int_eq(unlink(follow_log), 0);
  log_put(temp_path("access.log.1.gz"), O_TRUNC, "\x1f\x8b\x08\n", 4);
  follow_named = 0;
  follow_start();
  ck_lines("");
  ck_assert_uint_eq(follow_named, 0);
}
END_TEST

START_TEST(test_restart_name_fails)
{
  struct cf_marks marks = {0};
  read_and_stop("one\n", "one@0");
  ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
  follow_fail_names = 1;
  ck_assert_err(cf_follow_new(follow_log, &follow_rules, &marks, &follow, NULL), CF_E_NOTREADY);
  cf_marks_fini(&marks);
}
END_TEST

/* ---- the state file ---- */

START_TEST(test_marks_round)
{
  struct cf_mark one = {.path = strdup("/var/log/a b\n%20\xff.log"),
                        .device = UINT64_MAX,
                        .inode = 7,
                        .offset = INT64_MAX,
                        .head = "0123456789abcdef"};
  struct cf_marks marks = {0}, back = {0};
  ck_assert_ok(cf_marks_add(&marks, &one));
  one.offset = 0;
  ck_assert_ok(cf_marks_add(&marks, &one));
  for (int i = 0; i < 100; i++)
    log_append("state.new", "what a kill left\n");
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  ck_assert_ok(cf_marks_load(follow_state, &back, NULL));
  ck_assert_uint_eq(back.n, 2);
  ck_assert_str_eq(back.v[0].path, one.path);
  ck_assert_str_eq(back.v[1].head, one.head);
  ck_assert_uint_eq(back.v[0].device, UINT64_MAX);
  ck_assert_uint_eq(back.v[0].inode, 7);
  ck_assert_uint_eq(back.v[0].offset, INT64_MAX);
  ck_assert_uint_eq(back.v[1].offset, 0);
  struct stat st;
  ck_assert_int_eq(stat(follow_state, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0600);
  ck_assert_int_ne(access(temp_path("state.new"), F_OK), 0);
  cf_marks_fini(&marks);
  cf_marks_fini(&back);
  free(one.path);
}
END_TEST

static const char *const bad_states[] = {
    "x\n",
    "counterfoil import 2\n",
    "counterfoil import 1\n1 2 3\n",
    "counterfoil import 1\n1 2 3 0123456789abcdef \n",
    "counterfoil import 1\n1 2 3 0123456789abcdef relative\n",
    "counterfoil import 1\n1 2 3 0123456789abcde %2Fa\n",
    "counterfoil import 1\n1 2 -3 0123456789abcdef %2Fa\n",
    "counterfoil import 1\n1 2 9223372036854775808 0123456789abcdef %2Fa\n",
    "counterfoil import 1\n1 2 3 0123456789abcdef %2\n",
};

START_TEST(test_marks_bad)
{
  struct cf_marks marks = {0};
  struct cf_fault fault = {.at = ""};
  log_append("state", bad_states[_i]);
  ck_assert_err(cf_marks_load(follow_state, &marks, &fault), CF_E_SYNTAX);
  ck_assert_str_eq(fault.at, follow_state);
  ck_assert_uint_eq(marks.n, 0);
}
END_TEST

START_TEST(test_marks_none)
{
  struct cf_marks marks = {0};
  ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
  ck_assert_uint_eq(marks.n, 0);
  log_append("state", "");
  ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
  ck_assert_uint_eq(marks.n, 0);
}
END_TEST

/* A write that fails half way leaves the old state. */
START_TEST(test_marks_disk_full)
{
  struct cf_mark one = {.path = follow_log, .head = "0123456789abcdef"};
  struct cf_marks marks = {0}, back = {0};
  ck_assert_ok(cf_marks_add(&marks, &one));
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  for (int i = 0; i < 100; i++)
    ck_assert_ok(cf_marks_add(&marks, &one));
  struct rlimit limit = {200, 200};
  ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ck_assert_err(cf_marks_save(follow_state, &marks, NULL), CF_E_SYSTEM);
  ck_assert_ok(cf_marks_load(follow_state, &back, NULL));
  ck_assert_uint_eq(back.n, 1);
  cf_marks_fini(&marks);
  cf_marks_fini(&back);
}
END_TEST

/* Killed at any moment, the file holds a whole state. */
START_TEST(test_marks_killed)
{
  struct cf_marks marks = {0};
  struct cf_mark one = {.path = follow_log, .head = "0123456789abcdef"};
  for (int i = 0; i < 1000; i++)
    ck_assert_ok(cf_marks_add(&marks, &one));
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  for (int round = 0; round < 20; round++) {
    pid_t pid = fork();
    if (pid == 0)
      for (;;) {
        one.offset++;
        if (cf_marks_save(follow_state, &marks, NULL) != CF_OK)
          _exit(1);
      }
    usleep((useconds_t)(500 + 700 * round));
    kill(pid, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    struct cf_marks back = {0};
    ck_assert_ok(cf_marks_load(follow_state, &back, NULL));
    ck_assert_uint_eq(back.n, 1000);
    cf_marks_fini(&back);
  }
  cf_marks_fini(&marks);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "restart",
       .test = test_restart,
       .setup = follow_setup,
       .teardown = follow_teardown},
      {.tcase = "restart", .test = test_restart_unsaved},
      {.tcase = "restart", .test = test_marks_wait_for_commit},
      {.tcase = "restart", .test = test_restart_renamed},
      {.tcase = "restart", .test = test_restart_renamed_not_yet_new},
      {.tcase = "restart", .test = test_restart_copytruncated, .loops = 2},
      {.tcase = "restart", .test = test_several_rotations, .loops = 2},
      {.tcase = "restart", .test = test_left_files_stay_left},
      {.tcase = "restart", .test = test_restart_replaced, .loops = 2},
      {.tcase = "restart", .test = test_restart_shortened},
      {.tcase = "restart", .test = test_restart_same_first_line},
      {.tcase = "restart", .test = test_restart_compressed},
      {.tcase = "restart", .test = test_restart_name_fails},
      {.tcase = "state",
       .test = test_marks_round,
       .setup = follow_setup,
       .teardown = follow_teardown},
      {.tcase = "state", .test = test_marks_bad, .loops = CF_COUNT(bad_states)},
      {.tcase = "state", .test = test_marks_none},
      {.tcase = "state", .test = test_marks_disk_full},
      {.tcase = "state", .test = test_marks_killed},
  };
  return cf_test_run("follow_restart", tests, CF_COUNT(tests));
}
