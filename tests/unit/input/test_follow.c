/* SPDX-License-Identifier: MIT */
/* A log read once, and followed through what happens to logs: growth, renames,
 * truncation, replacement. */
#include "config.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/input/follow_stage.h"

/* What happens to the log while the next read of a descriptor is under way. */
static void (*before_read)(void), (*after_read)(void);

static void happens(void (**what)(void))
{
  void (*run)(void) = *what;
  *what = NULL;
  if (run != NULL)
    run();
}

/* In the C library's place. */
ssize_t read(int fd, void *p, size_t n)
{
  happens(&before_read);
  ssize_t got = syscall(SYS_read, fd, p, n);
  happens(&after_read);
  return got;
}

/* ---- once ---- */

START_TEST(test_once)
{
  follow_rules.on = false;
  log_append("access.log", "one\r\n\nthree\nlast");
  follow_start();
  ck_lines("one@0 @5 three@6 last@12");
  ck_lines("");
  ck_assert_uint_eq(follow_named, 1);
}
END_TEST

START_TEST(test_once_empty)
{
  follow_rules.on = false;
  log_append("access.log", "");
  follow_start();
  ck_lines("");
}
END_TEST

START_TEST(test_once_one_line_without_end)
{
  follow_rules.on = false;
  log_append("access.log", "only");
  follow_start();
  ck_lines("only@0");
}
END_TEST

START_TEST(test_once_missing)
{
  struct cf_fault fault;
  follow_rules.on = false;
  ck_assert_err(cf_follow_new(follow_log, &follow_rules, NULL, &follow, &fault), CF_E_SYSTEM);
  ck_assert_str_eq(fault.at, follow_log);
}
END_TEST

START_TEST(test_once_directory)
{
  follow_rules.on = false;
  ck_assert_err(cf_follow_new(temp_dir, &follow_rules, NULL, &follow, NULL), CF_E_CONFIG);
}
END_TEST

/* Read once it is unpacked: test_stream.c. */
START_TEST(test_on_packed)
{
  static const struct cf_str starts[] = {{"\x1f\x8b\x08\0", 4},
                                         {"\x28\xb5\x2f\xfd", 4},
                                         {"\xfd"
                                          "7zXZ\0",
                                          6},
                                         {"BZh91AY&SY", 10}};
  log_put(follow_log, O_TRUNC, starts[_i].p, starts[_i].n);
  ck_assert_err(cf_follow_new(follow_log, &follow_rules, NULL, &follow, NULL), CF_E_CONFIG);
}
END_TEST

/* Lines and heads of packed text are those of the text; where it breaks off,
 * what was before has been given. */
START_TEST(test_once_packed)
{
  struct cf_line line;
  struct cf_fault fault = {.detail = ""};
  const char *head;
  bool more;
  follow_rules.on = false;
  temp_run("seq 1 100000 >text; gzip -c text >access.log");
  follow_start();
  for (size_t i = 1, at = 0; i <= 100000; at += line.text.n + 1, i++) {
    ck_assert_ok(cf_follow_next(follow, &line, &head, &more, NULL));
    ck_assert(more);
    ck_assert_uint_eq(line.offset, at);
  }
  ck_lines("");
  follow_stop();
  ck_assert_int_eq(truncate(follow_log, 1000), 0);
  follow_start();
  unsigned given = 0;
  enum cf_err err;
  while ((err = cf_follow_next(follow, &line, &head, &more, &fault)) == CF_OK && more)
    given++;
  ck_assert_err(err, CF_E_SYNTAX);
  ck_assert_ptr_nonnull(strstr(fault.detail, "gzip"));
  ck_assert_uint_gt(given, 100);
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
  follow_rules.on = false;
  ck_assert_ok(cf_follow_new("-", &follow_rules, NULL, &follow, NULL));
  ck_lines("a@0 b@2");
}
END_TEST

/* A line longer than what is kept is cut, and the next one is where it is. */
START_TEST(test_long_lines)
{
  static const size_t lengths[] = {CF_LINE_MAX - 1,     CF_LINE_MAX,         CF_LINE_MAX + 1,
                                   CF_LINE_MAX + 65535, CF_LINE_MAX + 65536, 3 * CF_LINE_MAX + 17};
  size_t n = lengths[_i];
  char *text = malloc(n + 1);
  struct cf_line line;
  const char *head;
  bool more;
  memset(text, 'x', n);
  text[n] = '\n';
  follow_rules.on = false;
  log_append("access.log", "a\n");
  log_put(follow_log, O_APPEND, text, n + 1);
  log_append("access.log", "b\n");
  log_put(follow_log, O_APPEND, text, n);
  follow_start();
  const struct {
    uint64_t offset, next;
    size_t kept;
  } want[] = {{0, 2, 1}, {2, 3 + n, n}, {3 + n, 5 + n, 1}, {5 + n, 5 + 2 * n, n}};
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

/* ---- on ---- */

START_TEST(test_append)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  ck_lines("");
  log_append("access.log", "two\nthr");
  ck_lines("two@4");
  ck_lines("");
  log_append("access.log", "ee\n");
  ck_lines("three@8");
  log_append("access.log", "\n");
  ck_lines("@14");
}
END_TEST

START_TEST(test_comes_later)
{
  follow_start();
  ck_lines("");
  log_append("access.log", "on");
  ck_lines("");
  log_append("access.log", "e\n");
  ck_lines("one@0");
}
END_TEST

START_TEST(test_rename)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  log_move("access.log", "access.log.1");
  ck_lines("");
  log_append("access.log.1", "late\n");
  log_append("access.log", "new\n");
  ck_lines("late@4 new@0");
  log_append("access.log.1", "later\n");
  log_append("access.log", "newer\n");
  ck_lines("later@9 newer@4");
}
END_TEST

/* What stands behind the last LF of a renamed file is a line once nobody writes
 * to it any more. */
START_TEST(test_rename_unfinished)
{
  follow_rules.drain_us = _i == 0 ? INT64_C(1) << 40 : 0;
  log_append("access.log", "one\nhalf");
  follow_start();
  ck_lines("one@0");
  log_move("access.log", "access.log.1");
  log_append("access.log", "new\n");
  ck_lines(_i == 0 ? "new@0" : "half@4 new@0");
}
END_TEST

START_TEST(test_renames_without_end)
{
  follow_rules.drain_us = 0;
  follow_start();
  for (int i = 0; i < 30; i++) {
    char file[32];
    snprintf(file, sizeof file, "access.log.%d", i);
    log_append("access.log", "line\n");
    ck_lines("line@0");
    log_move("access.log", file);
  }
}
END_TEST

START_TEST(test_copytruncate)
{
  log_append("access.log", "one\ntwo\n");
  follow_start();
  ck_lines("one@0 two@4");
  log_copy("access.log", "access.log.1");
  log_truncate("access.log", "");
  ck_lines("");
  log_append("access.log", "new\n");
  ck_lines("new@0");
  ck_gaps(0, "");
}
END_TEST

/* Lines that came between the last look and the truncation are in the copy. */
START_TEST(test_copytruncate_unread)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  log_append("access.log", "two\nha");
  log_copy("access.log", "access.log.1");
  log_truncate("access.log", "new\nnewer, and longer than the old one was\n");
  ck_lines("two@4 new@0 newer, and longer than the old one was@4");
}
END_TEST

/* The half line was read already when the file was truncated. */
START_TEST(test_copytruncate_half_read)
{
  log_append("access.log", "one\nha");
  follow_start();
  ck_lines("one@0");
  if (_i == 0)
    log_copy("access.log", "access.log.1");
  log_truncate("access.log", "new\n");
  /* with a copy it may still be finished there; without one there will be no
   * more of it */
  ck_lines(_i == 0 ? "new@0" : "ha@4 new@0");
}
END_TEST

START_TEST(test_truncate_and_grow)
{
  log_append("access.log", "one\ntwo\n");
  follow_start();
  ck_lines("one@0 two@4");
  log_truncate("access.log", "another beginning\n");
  ck_lines("another beginning@0");
  ck_gaps(1, "truncated");
  log_truncate("access.log", "x\n");
  ck_lines("x@0");
}
END_TEST

/* Made shorter, its begin as it was: what is left is given again, under the
 * same heads and offsets. */
START_TEST(test_shortened)
{
  char first[602] = "";
  memset(first, 'x', 600);
  first[600] = '\n';
  log_append("access.log", first);
  log_append("access.log", "two\nthree\n");
  follow_start();
  (void)follow_lines();
  ck_assert_int_eq(truncate(follow_log, 605), 0);
  ck_assert_ptr_nonnull(strstr(follow_lines(), "x@0 two@601"));
  ck_lines("");
}
END_TEST

/* Its first bytes are as they were, and it is longer than it was when it is
 * looked at again: what stood before the place that was read to tells. */
START_TEST(test_same_begin)
{
  char header[602], want[2048];
  memset(header, '#', 600);
  memcpy(header + 600, "\n", 2);
  log_append("access.log", header);
  log_append("access.log", "one\ntwo\n");
  follow_start();
  (void)follow_lines();
  log_append("access.log", "three\n");
  if (_i == 0)
    log_copy("access.log", "access.log.1");
  if (_i == 1)
    temp_run("gzip -c access.log >access.log.1.gz");
  log_truncate("access.log", header);
  log_append("access.log", "four\nfive\nsix\nseven\n");
  snprintf(want, sizeof want, "%s%.600s@0 four@601 five@606 six@611 seven@615",
           _i == 2 ? "" : "three@609 ", header);
  ck_lines(want);
  ck_gaps(_i == 2, "access.log was truncated or written over at byte 609");
}
END_TEST

/* The same bytes are written over others, and the file is no shorter. */
START_TEST(test_overwritten)
{
  log_append("access.log", "#Version\none 1\ntwo 2\n");
  follow_start();
  ck_lines("#Version@0 one 1@9 two 2@15");
  log_put(follow_log, 0, "#Version\nsix 6\nsev 7\neig 8\n", 27);
  ck_lines("#Version@0 six 6@9 sev 7@15 eig 8@21");
  ck_gaps(1, "written over");
}
END_TEST

static void log_regrows(void)
{
  log_truncate("access.log", "x\nyy\nzzz\n");
}
static void log_shrinks(void)
{
  ck_assert_int_eq(truncate(follow_log, 609), 0);
}

/* Between a look at the log and a read of it, or behind the read. */
START_TEST(test_changes_while_it_is_read)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  log_append("access.log", "two\nthree\n");
  *(_i == 0 ? &before_read : &after_read) = log_regrows;
  ck_lines("x@0 yy@2 zzz@5");
  ck_gaps(1, "truncated or written over at byte 4");
}
END_TEST

/* What was read and is no longer there is forgotten; the rest is read again. */
START_TEST(test_shrinks_while_it_is_read)
{
  char header[602];
  memset(header, '#', 600);
  memcpy(header + 600, "\n", 2);
  log_append("access.log", header);
  log_append("access.log", "one\n");
  follow_start();
  (void)follow_lines();
  log_append("access.log", "two\nthree\n");
  after_read = log_shrinks;
  ck_lines("");
  ck_lines("two@605"); /* at the next look */
  ck_gaps(0, "");
}
END_TEST

START_TEST(test_unlinked)
{
  log_append("access.log", "one\n");
  follow_start();
  ck_lines("one@0");
  ck_assert_int_eq(unlink(follow_log), 0);
  ck_lines("");
  log_append("access.log", "new\n");
  ck_lines("new@0");
}
END_TEST

/* A name that cannot be had now is asked for again; the line is not lost. */
START_TEST(test_name_fails)
{
  struct cf_line line;
  const char *head;
  bool more;
  log_append("access.log", "one\ntwo\n");
  follow_start();
  follow_fail_names = 3;
  for (int i = 0; i < 3; i++)
    ck_assert_err(cf_follow_next(follow, &line, &head, &more, NULL), CF_E_NOTREADY);
  ck_lines("one@0 two@4");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "once", .test = test_once, .setup = follow_setup, .teardown = follow_teardown},
      {.tcase = "once", .test = test_once_empty},
      {.tcase = "once", .test = test_once_one_line_without_end},
      {.tcase = "once", .test = test_once_missing},
      {.tcase = "once", .test = test_once_directory},
      {.tcase = "once", .test = test_once_packed},
      {.tcase = "once", .test = test_once_pipe},
      {.tcase = "once", .test = test_long_lines, .loops = 6},
      {.tcase = "on", .test = test_append, .setup = follow_setup, .teardown = follow_teardown},
      {.tcase = "on", .test = test_on_packed, .loops = 4},
      {.tcase = "on", .test = test_changes_while_it_is_read, .loops = 2},
      {.tcase = "on", .test = test_shrinks_while_it_is_read},
      {.tcase = "on", .test = test_comes_later},
      {.tcase = "on", .test = test_rename},
      {.tcase = "on", .test = test_rename_unfinished, .loops = 2},
      {.tcase = "on", .test = test_renames_without_end},
      {.tcase = "on", .test = test_copytruncate},
      {.tcase = "on", .test = test_copytruncate_unread},
      {.tcase = "on", .test = test_copytruncate_half_read, .loops = 2},
      {.tcase = "on", .test = test_truncate_and_grow},
      {.tcase = "on", .test = test_shortened},
      {.tcase = "on", .test = test_same_begin, .loops = 3},
      {.tcase = "on", .test = test_overwritten},
      {.tcase = "on", .test = test_unlinked},
      {.tcase = "on", .test = test_name_fails},
  };
  return cf_test_run("follow", tests, CF_COUNT(tests));
}
