/* SPDX-License-Identifier: MIT */
/* Messages: their form, what hostile text cannot do, whole lines from many
 * threads, the end by cf_die. */
#include "config.h"

#include "lib/base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"
#include "lib/base/utf8.h"
#include "tests/unit/cf_test.h"

static char path[] = "/tmp/cf-diag-XXXXXX";
static char text[1 << 20];

static void open_log(void)
{
  int fd = mkstemp(path);

  ck_assert_int_ge(fd, 0);
  close(fd);
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_ok(cf_diag_open(path, "test", NULL));
}

static void close_log(void)
{
  ck_assert_ok(cf_diag_open(NULL, "test", NULL));
  unlink(path);
  strcpy(path + strlen(path) - 6, "XXXXXX");
}

/* The log so far, as a string without NULs of its own. */
static size_t read_log(void)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  ck_assert_int_ge(fd, 0);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  ck_assert_int_ge(n, 0);
  text[n] = '\0';
  ck_assert_uint_eq(strlen(text), (size_t)n);
  return (size_t)n;
}

/* What stands behind "TIME PROGRAM[PID] LEVEL: " of the only line, without its
 * LF. */
static const char *message(const char *level)
{
  char head[64];
  int64_t t;

  size_t n = read_log();
  ck_assert_uint_gt(n, CF_TIME_TEXT_N);
  ck_assert_ok(cf_time_parse_strict((struct cf_str){text, CF_TIME_TEXT_N}, &t));
  ck_assert_int_le(llabs(cf_clock_now_us() - t), 60000000);
  (void)snprintf(head, sizeof head, " test[%ld] %s: ", (long)getpid(), level);
  ck_assert_int_eq(strncmp(text + CF_TIME_TEXT_N, head, strlen(head)), 0);
  ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
  text[n - 1] = '\0';
  return text + CF_TIME_TEXT_N + strlen(head);
}

static const char *const levels[] = {"error", "warning", "info"};

START_TEST(test_form)
{
  struct stat st;

  errno = EXDEV;
  cf_log((enum cf_level)_i, "%s of %d", "one", 2);
  ck_assert_int_eq(errno, EXDEV);
  ck_assert_str_eq(message(levels[_i]), "one of 2");
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq((int)(st.st_mode & 0137), 0);
}
END_TEST

/* The user agents and names that people really send to logs. */
static const struct {
  const char *in, *out;
} hostile[] = {
    {"plain ~ text", "plain ~ text"},
    {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"a\n2026-11-24T02:00:00.000001Z test error: forged",
     "a\\x0a2026-11-24T02:00:00.000001Z test error: forged"},
    {"a\r\nb\tc", "a\\x0d\\x0ab\\x09c"},
    {"\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"},
    {"\x7f", "\\x7f"},
    {"\xc2\x9b"
     "31m",
     "\\xc2\\x9b31m"},
    {"\xc2\x80\xc2\xa0", "\\xc2\\x80\\xc2\\xa0"},
    {"\x9b"
     "31m",
     "\\x9b31m"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\xc0\x8a", "\\xc0\\x8a"},
    {"\xe2\x82", "\\xe2\\x82"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"photo\xe2\x80\xae"
     "gpj.exe",
     "photo\\xe2\\x80\\xaegpj.exe"},
    {"ad\xe2\x80\x8bmin", "ad\\xe2\\x80\\x8bmin"},
    {"%n%s%d", "%n%s%d"},
    {"", ""},
};

START_TEST(test_hostile)
{
  cf_log(CF_LOG_INFO, "%s", hostile[_i].in);
  ck_assert_str_eq(message("info"), hostile[_i].out);
}
END_TEST

static unsigned lines(void)
{
  unsigned n = 0;
  read_log();
  for (const char *p = text; *p != '\0'; p++)
    n += *p == '\n';
  return n;
}

/* A flood is cut to so many a minute, of each rate by itself; the next minute
 * says what was not written. */
START_TEST(test_rated)
{
  struct cf_log_rate rate = {0}, other = {0};

  for (unsigned i = 0; i < CF_LOG_RATE + 7; i++)
    cf_log_rated(&rate, CF_LOG_WARNING, "page %u", i);
  ck_assert_uint_eq(lines(), CF_LOG_RATE);
  ck_assert_ptr_nonnull(strstr(text, "warning: page 9\n"));
  cf_log_rated(&other, CF_LOG_WARNING, "other");
  ck_assert_uint_eq(lines(), CF_LOG_RATE + 1);
  rate.since_us -= 60000000;
  cf_log_rated(&rate, CF_LOG_ERROR, "page %u", 100);
  ck_assert_uint_eq(lines(), CF_LOG_RATE + 3);
  ck_assert_ptr_nonnull(
      strstr(text, "error: 7 messages of the kind of the next one were left out\n"));
  ck_assert_ptr_nonnull(strstr(text, "error: page 100\n"));
  cf_log_rated(&rate, CF_LOG_ERROR, "page %u", 101);
  ck_assert_uint_eq(lines(), CF_LOG_RATE + 4);
}
END_TEST

/* Of those that are equal, one a minute, which leaves room for others. */
START_TEST(test_rated_equal)
{
  struct cf_log_rate rate = {0};

  for (unsigned i = 0; i < 50; i++)
    for (unsigned segment = 0; segment < 3; segment++)
      cf_log_rated(&rate, CF_LOG_ERROR, "segment %u is missing", segment);
  ck_assert_uint_eq(lines(), 3);
  rate.since_us -= 60000000;
  cf_log_rated(&rate, CF_LOG_ERROR, "segment %u is missing", 1);
  cf_log_rated(&rate, CF_LOG_ERROR, "segment %u is missing", 1);
  ck_assert_uint_eq(lines(), 5);
  ck_assert_ptr_nonnull(
      strstr(text, "error: 147 messages of the kind of the next one were left out\n"));
}
END_TEST

/* However long the message, it is one line, and its end says that it was
 * cut. */
START_TEST(test_long)
{
  static const char *const units[] = {"x", "\x01", "\xe2\x82\xac"};
  char big[9001] = "";

  for (size_t n = 0; n + 3 < sizeof big; n += strlen(units[_i]))
    strcpy(big + n, units[_i]);
  cf_log(CF_LOG_WARNING, "%s", big);
  const char *shown = message("warning");
  ck_assert_uint_gt(strlen(shown), 900);
  ck_assert_str_eq(shown + strlen(shown) - 3, "...");
  ck_assert(cf_utf8_ok(cf_str_from(shown)));
}
END_TEST

static void *talk(void *p)
{
  for (int i = 0; i < 200; i++)
    cf_log(CF_LOG_INFO, "%s %s", (const char *)p, "0123456789012345678901234567890123456789");
  return NULL;
}

START_TEST(test_threads)
{
  pthread_t threads[8];
  size_t lines = 0;

  for (size_t i = 0; i < CF_COUNT(threads); i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, talk, path), 0);
  for (size_t i = 0; i < CF_COUNT(threads); i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  size_t n = read_log();
  for (struct cf_str rest = {text, n}; rest.n > 0; lines++) {
    struct cf_str line = cf_str_cut(&rest, '\n');
    ck_assert_uint_eq(line.n, n / (200 * CF_COUNT(threads)) - 1);
    ck_assert_int_eq(line.p[line.n - 1], '9');
  }
  ck_assert_uint_eq(lines, 200 * CF_COUNT(threads));
}
END_TEST

/* A log file is added to, never begun anew. */
START_TEST(test_append)
{
  cf_log(CF_LOG_INFO, "one");
  ck_assert_ok(cf_diag_open(path, "other", NULL));
  cf_log(CF_LOG_INFO, "two");
  read_log();
  ck_assert_ptr_nonnull(strstr(text, "info: one\n"));
  ck_assert_ptr_nonnull(strstr(text, " other["));
  ck_assert_ptr_nonnull(strstr(text, "info: two\n"));
}
END_TEST

/* What was renamed gets no more, and where no new file can be made the old one
 * goes on. */
START_TEST(test_reopen)
{
  char away[300];

  ck_assert_ok(cf_diag_open(path, "other", NULL));
  snprintf(away, sizeof away, "%s.1", path);
  cf_log(CF_LOG_INFO, "one");
  ck_assert_int_eq(rename(path, away), 0);
  cf_log(CF_LOG_INFO, "two");
  ck_assert_ok(cf_diag_reopen(NULL));
  cf_log(CF_LOG_INFO, "three");
  read_log();
  ck_assert_ptr_null(strstr(text, "two"));
  ck_assert_ptr_nonnull(strstr(text, " other["));
  ck_assert_ptr_nonnull(strstr(text, "info: three\n"));
  ck_assert_int_eq(unlink(path), 0);
  ck_assert_int_eq(mkdir(path, 0700), 0);
  ck_assert_err(cf_diag_reopen(NULL), CF_E_SYSTEM);
  cf_log(CF_LOG_INFO, "four");
  ck_assert_int_eq(rmdir(path), 0);
  ck_assert_int_eq(rename(away, path), 0);
  read_log();
  ck_assert_ptr_nonnull(strstr(text, "info: two\n"));
}
END_TEST

START_TEST(test_open_fails)
{
  struct cf_fault fault;

  ck_assert_err(cf_diag_open("/nonexistent/log", "test", &fault), CF_E_SYSTEM);
  ck_assert_str_eq(fault.at, "/nonexistent/log");
  ck_assert_str_eq(
      fault.detail,
      "cannot open the log file (make its directory, and let this user write there): No such file or directory");
  cf_log(CF_LOG_INFO, "still here");
  ck_assert_str_eq(message("info"), "still here");
}
END_TEST

static void at_exit(void)
{
  cf_log(CF_LOG_INFO, "a handler ran");
}

/* In a child: die for the reason given, after asking for a handler that must
 * not run. */
static void die(int reason)
{
  atexit(at_exit);
  if (reason == 0)
    cf_die("the end: %s", "100%d");
  CF_ASSERT(reason == 1 && "100%d");
  CF_ASSERT(reason % 2 == 0);
}

START_TEST(test_die)
{
  int status;
  pid_t pid = fork();

  if (pid == 0) {
    die(_i);
    _exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  ck_assert_int_eq(WEXITSTATUS(status), 70);
  read_log();
  ck_assert_ptr_null(strstr(text, "handler"));
  ck_assert_ptr_nonnull(strstr(text, _i == 0 ? "error: the end: 100%d\n" : "error: bug: "));
  ck_assert(_i == 0 || strstr(text, "reason % 2 == 0\n") != NULL);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "diag", .setup = open_log, .teardown = close_log, .test = test_form, .loops = 3},
      {.tcase = "diag", .test = test_hostile, .loops = CF_COUNT(hostile)},
      {.tcase = "diag", .test = test_rated},
      {.tcase = "diag", .test = test_rated_equal},
      {.tcase = "diag", .test = test_long, .loops = 3},
      {.tcase = "diag", .test = test_threads},
      {.tcase = "diag", .test = test_append},
      {.tcase = "diag", .test = test_reopen},
      {.tcase = "diag", .test = test_open_fails},
      {.tcase = "diag", .test = test_die, .loops = 2},
  };
  return cf_test_run("diag", tests, CF_COUNT(tests));
}
