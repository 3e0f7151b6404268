/* SPDX-License-Identifier: MIT */
/* A log followed through what happens to logs: growth, renames, truncation, replacement, restarts; and the state file. */
#include "config.h"

#include "fcgi-app/follow.h"
#include "lib/base/crypto.h"
#include "lib/base/codec.h"
#include "tests/unit/cf_test.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char log_path[128], state_path[128];
static struct cf_follow *follow;
static struct cf_follow_rules rules;
static unsigned named, fail_names;
static char got[4096];

/* A name as the ledger would give it, without its key. */
static enum cf_err name(void *context, struct cf_str first_line, char head[CF_HEAD_N + 1], struct cf_fault *fault)
{
  uint8_t hash[CF_HASH_N];
  (void)context;
  if (fail_names > 0) return fail_names--, cf_fail(fault, CF_E_NOTREADY, NULL, "not now");
  named++;
  cf_sha256_1(first_line.p, first_line.n, hash);
  for (size_t i = 0; i < CF_HEAD_N / 2; i++) snprintf(head + 2 * i, 3, "%02x", hash[i]);
  return CF_OK;
}

static const char *in_dir(const char *file)
{
  static char ring[4][192];
  static unsigned turn;
  char *out = ring[turn++ % 4];
  snprintf(out, sizeof ring[0], "%s/%s", dir, file);
  return out;
}

static void setup(void)
{
  strcpy(dir, "/tmp/cf-test-follow-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(dir));
  strcpy(log_path, in_dir("access.log"));
  strcpy(state_path, in_dir("state"));
  rules = (struct cf_follow_rules){.on = true, .drain_us = 60 * INT64_C(1000000), .name = name};
  named = fail_names = 0;
  follow = NULL;
}

static void teardown(void)
{
  char command[128];
  cf_follow_free(follow);
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  ck_assert_int_eq(system(command), 0);
}

/* ---- What is done to files ---- */

static void put_flags(const char *path, int flags, const char *text, size_t n)
{
  int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
  close(fd);
}

static void append(const char *file, const char *text) { put_flags(in_dir(file), O_APPEND, text, strlen(text)); }
static void truncate_to(const char *file, const char *text) { put_flags(in_dir(file), O_TRUNC, text, strlen(text)); }
static void move(const char *from, const char *to) { ck_assert_int_eq(rename(in_dir(from), in_dir(to)), 0); }
static void copy(const char *from, const char *to)
{
  char command[512];
  snprintf(command, sizeof command, "cp '%s' '%s'", in_dir(from), in_dir(to));
  ck_assert_int_eq(system(command), 0);
}

/* ---- What is done with them ---- */

static void start(void)
{
  struct cf_marks marks = {0};
  struct cf_fault fault = {.detail = ""};
  ck_assert_ok(cf_marks_load(state_path, &marks, &fault));
  enum cf_err err = cf_follow_new(log_path, &rules, &marks, &follow, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
  cf_marks_fini(&marks);
}

static void save(void)
{
  struct cf_marks marks = {0};
  cf_follow_commit(follow);
  ck_assert_ok(cf_follow_marks(follow, &marks));
  ck_assert_ok(cf_marks_save(state_path, &marks, NULL));
  cf_marks_fini(&marks);
}

static void stop(void)
{
  cf_follow_free(follow);
  follow = NULL;
}

/* Everything there is now, as text@offset, in order. */
static const char *lines(void)
{
  struct cf_line line;
  const char *head;
  bool more = true;
  size_t n = 0;
  got[0] = '\0';
  for (;;) {
    ck_assert_ok(cf_follow_next(follow, &line, &head, &more, NULL));
    if (!more) return got;
    ck_assert_uint_eq(strlen(head), CF_HEAD_N);
    n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s@%ju", n > 0 ? " " : "", (int)line.text.n, line.text.p, (uintmax_t)line.offset);
  }
}

#define ck_lines(want) ck_assert_str_eq(lines(), want)

/* ---- Once ---- */

START_TEST(test_once)
{
  rules.on = false;
  append("access.log", "one\r\n\nthree\nlast");
  start();
  ck_lines("one@0 @5 three@6 last@12");
  ck_lines("");
  ck_assert_uint_eq(named, 1);
}
END_TEST

START_TEST(test_once_empty)
{
  rules.on = false;
  append("access.log", "");
  start();
  ck_lines("");
}
END_TEST

START_TEST(test_once_one_line_without_end)
{
  rules.on = false;
  append("access.log", "only");
  start();
  ck_lines("only@0");
}
END_TEST

START_TEST(test_once_missing)
{
  struct cf_fault fault;
  rules.on = false;
  ck_assert_err(cf_follow_new(log_path, &rules, NULL, &follow, &fault), CF_E_SYSTEM);
  ck_assert_str_eq(fault.at, log_path);
}
END_TEST

START_TEST(test_once_directory)
{
  rules.on = false;
  ck_assert_err(cf_follow_new(dir, &rules, NULL, &follow, NULL), CF_E_CONFIG);
}
END_TEST

START_TEST(test_once_compressed)
{
  static const struct cf_str starts[] = {{"\x1f\x8b\x08\0", 4}, {"\x28\xb5\x2f\xfd", 4}, {"\xfd" "7zXZ\0", 6}, {"BZh91AY&SY", 10}};
  rules.on = false;
  put_flags(log_path, O_TRUNC, starts[_i].p, starts[_i].n);
  ck_assert_err(cf_follow_new(log_path, &rules, NULL, &follow, NULL), CF_E_CONFIG);
}
END_TEST

START_TEST(test_once_pipe)
{
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  ck_assert_int_eq(write(ends[1], "a\nb", 3), 3);
  close(ends[1]);
  ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
  close(ends[0]);
  rules.on = false;
  ck_assert_ok(cf_follow_new("-", &rules, NULL, &follow, NULL));
  ck_lines("a@0 b@2");
}
END_TEST

/* A line longer than what is kept is cut, and the next one is where it is. */
START_TEST(test_long_lines)
{
  static const size_t lengths[] = {CF_LINE_MAX - 1, CF_LINE_MAX, CF_LINE_MAX + 1, CF_LINE_MAX + 65535, CF_LINE_MAX + 65536, 3 * CF_LINE_MAX + 17};
  size_t n = lengths[_i];
  char *text = malloc(n + 1);
  struct cf_line line;
  const char *head;
  bool more;
  memset(text, 'x', n);
  text[n] = '\n';
  rules.on = false;
  append("access.log", "a\n");
  put_flags(log_path, O_APPEND, text, n + 1);
  append("access.log", "b\n");
  put_flags(log_path, O_APPEND, text, n);
  start();
  const struct { uint64_t offset, next; size_t kept; } want[] = {{0, 2, 1}, {2, 3 + n, n}, {3 + n, 5 + n, 1}, {5 + n, 5 + 2 * n, n}};
  for (size_t i = 0; i < CF_COUNT(want); i++) {
    ck_assert_ok(cf_follow_next(follow, &line, &head, &more, NULL));
    ck_assert(more);
    ck_assert_uint_eq(line.offset, want[i].offset);
    ck_assert_uint_eq(line.next, want[i].next);
    ck_assert_uint_eq(line.text.n, want[i].kept < CF_LINE_MAX ? want[i].kept : CF_LINE_MAX);
    ck_assert_int_eq(line.cut, want[i].kept > CF_LINE_MAX);
  }
  ck_lines("");
  free(text);
}
END_TEST

/* ---- On ---- */

START_TEST(test_append)
{
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  ck_lines("");
  append("access.log", "two\nthr");
  ck_lines("two@4");
  ck_lines("");
  append("access.log", "ee\n");
  ck_lines("three@8");
  append("access.log", "\n");
  ck_lines("@14");
}
END_TEST

START_TEST(test_comes_later)
{
  start();
  ck_lines("");
  append("access.log", "on");
  ck_lines("");
  append("access.log", "e\n");
  ck_lines("one@0");
}
END_TEST

START_TEST(test_rename)
{
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  move("access.log", "access.log.1");
  ck_lines("");
  append("access.log.1", "late\n");
  append("access.log", "new\n");
  ck_lines("late@4 new@0");
  append("access.log.1", "later\n");
  append("access.log", "newer\n");
  ck_lines("later@9 newer@4");
}
END_TEST

/* What stands behind the last LF of a renamed file is a line once nobody writes to it any more. */
START_TEST(test_rename_unfinished)
{
  rules.drain_us = _i == 0 ? INT64_C(1) << 40 : 0;
  append("access.log", "one\nhalf");
  start();
  ck_lines("one@0");
  move("access.log", "access.log.1");
  append("access.log", "new\n");
  ck_lines(_i == 0 ? "new@0" : "half@4 new@0");
}
END_TEST

START_TEST(test_renames_without_end)
{
  rules.drain_us = 0;
  start();
  for (int i = 0; i < 30; i++) {
    char file[32];
    snprintf(file, sizeof file, "access.log.%d", i);
    append("access.log", "line\n");
    ck_lines("line@0");
    move("access.log", file);
  }
}
END_TEST

START_TEST(test_copytruncate)
{
  append("access.log", "one\ntwo\n");
  start();
  ck_lines("one@0 two@4");
  copy("access.log", "access.log.1");
  truncate_to("access.log", "");
  ck_lines("");
  append("access.log", "new\n");
  ck_lines("new@0");
}
END_TEST

/* Lines that came between the last look and the truncation are in the copy. */
START_TEST(test_copytruncate_unread)
{
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  append("access.log", "two\nha");
  copy("access.log", "access.log.1");
  truncate_to("access.log", "new\nnewer, and longer than the old one was\n");
  ck_lines("two@4 new@0 newer, and longer than the old one was@4");
}
END_TEST

/* The half line was read already when the file was truncated. */
START_TEST(test_copytruncate_half_read)
{
  append("access.log", "one\nha");
  start();
  ck_lines("one@0");
  if (_i == 0) copy("access.log", "access.log.1");
  truncate_to("access.log", "new\n");
  /* with a copy it may still be finished there; without one there will be no more of it */
  ck_lines(_i == 0 ? "new@0" : "ha@4 new@0");
}
END_TEST

START_TEST(test_truncate_and_grow)
{
  append("access.log", "one\ntwo\n");
  start();
  ck_lines("one@0 two@4");
  truncate_to("access.log", "another beginning\n");
  ck_lines("another beginning@0");
  truncate_to("access.log", "x\n");
  ck_lines("x@0");
}
END_TEST

/* Made shorter, its begin as it was: what is left is given again, under the same heads and offsets. */
START_TEST(test_shortened)
{
  char first[602] = "";
  memset(first, 'x', 600);
  first[600] = '\n';
  append("access.log", first);
  append("access.log", "two\nthree\n");
  start();
  (void)lines();
  ck_assert_int_eq(truncate(log_path, 605), 0);
  ck_assert_ptr_nonnull(strstr(lines(), "x@0 two@601"));
  ck_lines("");
}
END_TEST

START_TEST(test_unlinked)
{
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  ck_assert_int_eq(unlink(log_path), 0);
  ck_lines("");
  append("access.log", "new\n");
  ck_lines("new@0");
}
END_TEST

/* A name that can't be had now is asked for again; the line is not lost. */
START_TEST(test_name_fails)
{
  struct cf_line line;
  const char *head;
  bool more;
  append("access.log", "one\ntwo\n");
  start();
  fail_names = 3;
  for (int i = 0; i < 3; i++) ck_assert_err(cf_follow_next(follow, &line, &head, &more, NULL), CF_E_NOTREADY);
  ck_lines("one@0 two@4");
}
END_TEST

/* ---- Restarts ---- */

START_TEST(test_restart)
{
  append("access.log", "one\ntwo\nhalf");
  start();
  ck_lines("one@0 two@4");
  save();
  stop();
  append("access.log", " a line\n");
  start();
  ck_lines("half a line@8");
}
END_TEST

/* Without a save everything is given again: ids make that harmless. */
START_TEST(test_restart_unsaved)
{
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  save();
  append("access.log", "two\n");
  ck_lines("two@4");
  stop();
  start();
  ck_lines("two@4");
}
END_TEST

/* Marks say what is safe, not what was given. */
START_TEST(test_marks_wait_for_commit)
{
  struct cf_marks marks = {0};
  append("access.log", "one\ntwo\n");
  start();
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
  append("access.log", text);
  start();
  ck_lines(want);
  save();
  stop();
}

START_TEST(test_restart_renamed)
{
  read_and_stop("one\n", "one@0");
  append("access.log", "two\n");
  move("access.log", "access.log-20260101");
  append("access.log", "new\n");
  start();
  ck_lines("two@4 new@0");
  save();
  stop();
  append("access.log-20260101", "late\n");
  start();
  ck_lines("late@8");
}
END_TEST

START_TEST(test_restart_renamed_not_yet_new)
{
  read_and_stop("one\n", "one@0");
  append("access.log", "two\n");
  move("access.log", "access.log.1");
  start();
  ck_lines("two@4");
  append("access.log", "new\n");
  ck_lines("new@0");
}
END_TEST

START_TEST(test_restart_copytruncated)
{
  read_and_stop("one\n", "one@0");
  append("access.log", "two\n");
  copy("access.log", "access.log.1");
  truncate_to("access.log", _i == 0 ? "n\n" : "new and longer than before\n");
  start();
  ck_lines(_i == 0 ? "two@4 n@0" : "two@4 new and longer than before@0");
}
END_TEST

/* Rotated more than once while nobody looked: what came and went in between is read too, but not what only looks like it. */
START_TEST(test_several_rotations)
{
  append("access.log.7", "long ago\n");
  struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
  ck_assert_int_eq(utimensat(AT_FDCWD, in_dir("access.log.7"), old, 0), 0);
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  if (_i == 1) save(), stop();
  append("access.log", "two\n");
  move("access.log", "access.log.3");
  append("access.log", "second\n");
  move("access.log", "access.log-20260102");
  usleep(20000); /* more than the file system's clock ticks */
  append("access.log", "third\nno end");
  move("access.log", "access.log.1");
  append("access.log.pos", "not a log\n");
  append("access.log.1.bak", "not a log\n");
  append("access.log", "new\n");
  if (_i == 1) start();
  ck_lines("two@4 second@0 third@0 new@0");
  ck_lines("");
}
END_TEST

/* A file that was left is not taken for one that was missed. */
START_TEST(test_left_files_stay_left)
{
  rules.drain_us = 0;
  append("access.log", "one\n");
  start();
  ck_lines("one@0");
  for (int i = 0; i < 5; i++) {
    char file[32];
    snprintf(file, sizeof file, "access.log.%d", i);
    move("access.log", file);
    append("access.log", "new\n");
    ck_lines("new@0");
  }
}
END_TEST

/* Another file, perhaps with the same inode number, at the same path; the old one is gone. */
START_TEST(test_restart_replaced)
{
  read_and_stop("one\n", "one@0");
  if (_i == 0) ck_assert_int_eq(unlink(log_path), 0);
  truncate_to("access.log", "another, longer\n");
  start();
  ck_lines("another, longer@0");
}
END_TEST

START_TEST(test_restart_shortened)
{
  read_and_stop("one\ntwo\n", "one@0 two@4");
  truncate_to("access.log", "one\n");
  start();
  ck_lines("one@0");
}
END_TEST

START_TEST(test_restart_same_first_line)
{
  read_and_stop("#Fields\none\n", "#Fields@0 one@8");
  move("access.log", "access.log.1");
  append("access.log.1", "two\n");
  append("access.log", "#Fields\nnew\n");
  start();
  ck_lines("two@12 #Fields@0 new@8");
}
END_TEST

/* Compressed neighbours are no candidates, and a missing file is no error. */
START_TEST(test_restart_compressed)
{
  read_and_stop("one\n", "one@0");
  ck_assert_int_eq(unlink(log_path), 0);
  put_flags(in_dir("access.log.1.gz"), O_TRUNC, "\x1f\x8b\x08\n", 4);
  named = 0;
  start();
  ck_lines("");
  ck_assert_uint_eq(named, 0);
}
END_TEST

START_TEST(test_restart_name_fails)
{
  struct cf_marks marks = {0};
  read_and_stop("one\n", "one@0");
  ck_assert_ok(cf_marks_load(state_path, &marks, NULL));
  fail_names = 1;
  ck_assert_err(cf_follow_new(log_path, &rules, &marks, &follow, NULL), CF_E_NOTREADY);
  cf_marks_fini(&marks);
}
END_TEST

/* ---- The state file ---- */

START_TEST(test_marks_round)
{
  struct cf_mark one = {.path = strdup("/var/log/a b\n%20\xff.log"), .device = UINT64_MAX, .inode = 7, .offset = INT64_MAX, .head = "0123456789abcdef"};
  struct cf_marks marks = {0}, back = {0};
  ck_assert_ok(cf_marks_add(&marks, &one));
  one.offset = 0;
  ck_assert_ok(cf_marks_add(&marks, &one));
  for (int i = 0; i < 100; i++) append("state.new", "what a kill left\n");
  ck_assert_ok(cf_marks_save(state_path, &marks, NULL));
  ck_assert_ok(cf_marks_load(state_path, &back, NULL));
  ck_assert_uint_eq(back.n, 2);
  ck_assert_str_eq(back.v[0].path, one.path);
  ck_assert_str_eq(back.v[1].head, one.head);
  ck_assert_uint_eq(back.v[0].device, UINT64_MAX);
  ck_assert_uint_eq(back.v[0].inode, 7);
  ck_assert_uint_eq(back.v[0].offset, INT64_MAX);
  ck_assert_uint_eq(back.v[1].offset, 0);
  struct stat st;
  ck_assert_int_eq(stat(state_path, &st), 0);
  ck_assert_uint_eq(st.st_mode & 0777, 0600);
  ck_assert_int_ne(access(in_dir("state.new"), F_OK), 0);
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
  append("state", bad_states[_i]);
  ck_assert_err(cf_marks_load(state_path, &marks, &fault), CF_E_SYNTAX);
  ck_assert_str_eq(fault.at, state_path);
  ck_assert_uint_eq(marks.n, 0);
}
END_TEST

START_TEST(test_marks_none)
{
  struct cf_marks marks = {0};
  ck_assert_ok(cf_marks_load(state_path, &marks, NULL));
  ck_assert_uint_eq(marks.n, 0);
  append("state", "");
  ck_assert_ok(cf_marks_load(state_path, &marks, NULL));
  ck_assert_uint_eq(marks.n, 0);
}
END_TEST

/* A write that fails half way leaves the old state. */
START_TEST(test_marks_disk_full)
{
  struct cf_mark one = {.path = log_path, .head = "0123456789abcdef"};
  struct cf_marks marks = {0}, back = {0};
  ck_assert_ok(cf_marks_add(&marks, &one));
  ck_assert_ok(cf_marks_save(state_path, &marks, NULL));
  for (int i = 0; i < 100; i++) ck_assert_ok(cf_marks_add(&marks, &one));
  struct rlimit limit = {200, 200};
  ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ck_assert_err(cf_marks_save(state_path, &marks, NULL), CF_E_SYSTEM);
  ck_assert_ok(cf_marks_load(state_path, &back, NULL));
  ck_assert_uint_eq(back.n, 1);
  cf_marks_fini(&marks);
  cf_marks_fini(&back);
}
END_TEST

/* Killed at any moment, the file holds a whole state. */
START_TEST(test_marks_killed)
{
  struct cf_marks marks = {0};
  struct cf_mark one = {.path = log_path, .head = "0123456789abcdef"};
  for (int i = 0; i < 1000; i++) ck_assert_ok(cf_marks_add(&marks, &one));
  ck_assert_ok(cf_marks_save(state_path, &marks, NULL));
  for (int round = 0; round < 20; round++) {
    pid_t pid = fork();
    if (pid == 0)
      for (;;) {
        one.offset++;
        if (cf_marks_save(state_path, &marks, NULL) != CF_OK) _exit(1);
      }
    usleep((useconds_t)(500 + 700 * round));
    kill(pid, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    struct cf_marks back = {0};
    ck_assert_ok(cf_marks_load(state_path, &back, NULL));
    ck_assert_uint_eq(back.n, 1000);
    cf_marks_fini(&back);
  }
  cf_marks_fini(&marks);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "once", .test = test_once, .setup = setup, .teardown = teardown},
    {.tcase = "once", .test = test_once_empty},
    {.tcase = "once", .test = test_once_one_line_without_end},
    {.tcase = "once", .test = test_once_missing},
    {.tcase = "once", .test = test_once_directory},
    {.tcase = "once", .test = test_once_compressed, .loops = 4},
    {.tcase = "once", .test = test_once_pipe},
    {.tcase = "once", .test = test_long_lines, .loops = 6},
    {.tcase = "on", .test = test_append, .setup = setup, .teardown = teardown},
    {.tcase = "on", .test = test_comes_later},
    {.tcase = "on", .test = test_rename},
    {.tcase = "on", .test = test_rename_unfinished, .loops = 2},
    {.tcase = "on", .test = test_renames_without_end},
    {.tcase = "on", .test = test_copytruncate},
    {.tcase = "on", .test = test_copytruncate_unread},
    {.tcase = "on", .test = test_copytruncate_half_read, .loops = 2},
    {.tcase = "on", .test = test_truncate_and_grow},
    {.tcase = "on", .test = test_shortened},
    {.tcase = "on", .test = test_unlinked},
    {.tcase = "on", .test = test_name_fails},
    {.tcase = "restart", .test = test_restart, .setup = setup, .teardown = teardown},
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
    {.tcase = "state", .test = test_marks_round, .setup = setup, .teardown = teardown},
    {.tcase = "state", .test = test_marks_bad, .loops = CF_COUNT(bad_states)},
    {.tcase = "state", .test = test_marks_none},
    {.tcase = "state", .test = test_marks_disk_full},
    {.tcase = "state", .test = test_marks_killed},
  };
  return cf_test_run("follow", tests, CF_COUNT(tests));
}
