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

/* Truncated and grown beyond the mark while nobody looked, its first line as
 * before: the state before there were wakes could not tell. */
START_TEST(test_restart_same_begin)
{
  static const char *const keep[] = {"cp access.log access.log.1",
                                     "xz -c access.log >access.log.1.xz", "true"};
  read_and_stop("#Version\none\ntwo\n", "#Version@0 one@9 two@13");
  log_append("access.log", "three\n");
  temp_run("%s", keep[_i]);
  log_truncate("access.log", "#Version\nfour\nfive\nsix\n");
  follow_start();
  ck_lines(_i == 2 ? "#Version@0 four@9 five@14 six@19"
                   : "three@17 #Version@0 four@9 five@14 six@19");
  ck_gaps(_i == 2, "read to byte 17");
}
END_TEST

/* A state of before goes by the first line alone, and gets its wakes with the
 * lines that come. */
START_TEST(test_restart_old_state)
{
  struct cf_marks marks = {0};
  read_and_stop("one\ntwo\n", "one@0 two@4");
  temp_run("sed -i -e 's/^counterfoil import 2 place/counterfoil import 1/' "
           "-e 's/^\\([0-9]* [0-9]* [0-9]* [0-9a-f]*\\) [0-9]* [0-9]* [0-9a-f]* /\\1 /' state");
  ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
  ck_assert_uint_eq(marks.n, 1);
  ck_assert_uint_eq(marks.v[0].offset, 8);
  ck_assert_uint_eq(marks.v[0].wake.n, 0);
  cf_marks_fini(&marks);
  log_append("access.log", "three\n");
  follow_start();
  ck_lines("three@8");
  follow_save();
  ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
  ck_assert_uint_eq(marks.v[0].wake.end, 14);
  ck_assert_uint_eq(marks.v[0].wake.n, 6);
  cf_marks_fini(&marks);
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

/* Rotated away and packed before anybody saw it. */
START_TEST(test_restart_packed)
{
  static const char *const pack[] = {"gzip access.log.1 access.log.2",
                                     "gzip access.log.1; xz access.log.2",
                                     "zstd -q --rm access.log.1; bzip2 access.log.2"};
  read_and_stop("one\n", "one@0");
  log_append("access.log", "two\n");
  log_move("access.log", "access.log.2");
  usleep(20000);
  log_append("access.log", "second\nthird\n");
  log_move("access.log", "access.log.1");
  temp_run("%s", pack[_i]);
  log_append("access.log", "new\n");
  follow_start();
  ck_lines("two@4 second@0 third@7 new@0");
  ck_gaps(0, "");
  for (int i = 0; i < 3; i++) {
    follow_save();
    follow_stop();
    struct cf_marks marks = {0};
    ck_assert_ok(cf_marks_load(follow_state, &marks, NULL));
    for (size_t k = 0; k < marks.n; k++)
      ck_assert_uint_eq(marks.v[k].wake.end, marks.v[k].offset);
    cf_marks_fini(&marks);
    follow_start();
    ck_lines("");
    ck_gaps(0, "");
  }
}
END_TEST

/* A mark at the begin knows its file by the first line too. */
START_TEST(test_restart_packed_unread)
{
  struct cf_marks marks = {0};
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  ck_assert_ok(cf_follow_marks(follow, &marks));
  ck_assert_uint_eq(marks.v[0].offset, 0);
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  cf_marks_fini(&marks);
  follow_stop();
  temp_run(
      "echo other | gzip -c >access.log.2.gz; touch -d '1 day ago' access.log.2.gz; "
      "gzip access.log; mv access.log.gz access.log.1.gz; touch -d '1 day ago' access.log.1.gz");
  follow_start();
  ck_lines("one@0");
  ck_gaps(0, "");
}
END_TEST

/* What cannot be known again of it, a hole, is no part of what it is known
 * by. */
START_TEST(test_restart_hole_packed)
{
  log_put(follow_log, O_TRUNC, "\0\0\0\0one\n", 8);
  follow_start();
  ck_lines("one@0");
  follow_save();
  follow_stop();
  log_append("access.log", "two\n");
  follow_start();
  ck_lines("two@8");
  follow_save();
  follow_stop();
  log_append("access.log", "three\n");
  temp_run("gzip access.log; mv access.log.gz access.log.1.gz");
  log_append("access.log", "new\n");
  follow_start();
  ck_lines("three@12 new@0");
  ck_gaps(0, "");
}
END_TEST

/* It is packed at this moment: what it is packed from is read instead. */
START_TEST(test_restart_half_packed)
{
  read_and_stop("one\n", "one@0");
  log_append("access.log", "two\n");
  log_move("access.log", "access.log.1");
  log_put(temp_path("access.log.1.gz"), O_TRUNC, "\x1f\x8b\x08", _i == 0 ? 3 : 0);
  log_append("access.log", "new\n");
  follow_start();
  ck_lines("two@4 new@0");
  log_put(temp_path("access.log.1.gz"), O_TRUNC, "\x1f\x8b\x08\0\n", 5);
  ck_lines("");
  ck_gaps(0, "");
}
END_TEST

/* Broken, and a missing file: neither is an error, both are gaps. */
START_TEST(test_restart_lost)
{
  read_and_stop("one\n", "one@0");
  ck_assert_int_eq(unlink(follow_log), 0);
  log_put(temp_path("access.log.1.gz"), O_TRUNC, "\x1f\x8b\x08\n", 4);
  follow_named = 0;
  follow_start();
  ck_gaps(1, "read to byte 4 is no longer there");
  ck_lines("");
  ck_gaps(1, "gzip archive is broken");
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
  marks.ids = CF_IDS_LINE;
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  ck_assert_ok(cf_marks_load(follow_state, &back, NULL));
  ck_assert_uint_eq(back.n, 2);
  ck_assert_int_eq(back.ids, CF_IDS_LINE);
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
    "counterfoil import 3\n",
    "counterfoil import 2\n",
    "counterfoil import 2 lines\n",
    "counterfoil import 2 place\n1 2 3 0123456789abcdef %2Fa\n",
    "counterfoil import 2 place\n1 2 3 0123456789abcdef 3 4 0123456789abcdef0123456789abcdef %2Fa\n",
    "counterfoil import 2 place\n1 2 3 0123456789abcdef 3 3 0123456789abcdef %2Fa\n",
    "counterfoil import 2 place\n1 2 3 0123456789abcdef 3 3 - %2Fa\n",
    "counterfoil import 2 place\n1 2 3000 0123456789abcdef 3000 1025 0123456789abcdef0123456789abcdef %2Fa\n",
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

static void lock_elsewhere(void)
{
  struct cf_fault fault = {.detail = ""};
  char pid[32];
  int fd;
  snprintf(pid, sizeof pid, "process %d ", (int)getppid());
  ck_assert_err(cf_marks_lock(follow_state, &fd, &fault), CF_E_LOCKED);
  ck_assert_ptr_nonnull(strstr(fault.detail, pid));
}

/* One follower at a time, however often the state is replaced meanwhile. */
START_TEST(test_marks_lock)
{
  struct cf_marks marks = {0};
  int fd;
  ck_assert_ok(cf_marks_lock(follow_state, &fd, NULL));
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  ck_assert_int_eq(cf_test_child(lock_elsewhere), 0);
  close(fd);
  ck_assert_ok(cf_marks_lock(follow_state, &fd, NULL));
  close(fd);
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
      {.tcase = "restart", .test = test_restart_same_begin, .loops = 3},
      {.tcase = "restart", .test = test_restart_old_state},
      {.tcase = "restart", .test = test_restart_packed, .loops = 3},
      {.tcase = "restart", .test = test_restart_packed_unread},
      {.tcase = "restart", .test = test_restart_hole_packed},
      {.tcase = "restart", .test = test_restart_half_packed, .loops = 2},
      {.tcase = "restart", .test = test_restart_lost},
      {.tcase = "restart", .test = test_restart_name_fails},
      {.tcase = "state",
       .test = test_marks_round,
       .setup = follow_setup,
       .teardown = follow_teardown},
      {.tcase = "state", .test = test_marks_bad, .loops = CF_COUNT(bad_states)},
      {.tcase = "state", .test = test_marks_lock},
      {.tcase = "state", .test = test_marks_none},
      {.tcase = "state", .test = test_marks_disk_full},
      {.tcase = "state", .test = test_marks_killed},
  };
  return cf_test_run("follow_restart", tests, CF_COUNT(tests));
}
