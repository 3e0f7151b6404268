/* SPDX-License-Identifier: MIT */
/* The process that opens logs: what it hands over, and what it does not. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/input/reader.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

static struct cf_opener opener;
static struct cf_reader_rules rules;
static const char *paths[1];
static char log_path[300];
static pid_t pid;

static enum cf_err become(void *context, struct cf_fault *fault)
{
  return context == NULL ? CF_OK : cf_fail(fault, CF_E_CONFIG, "x", "not he");
}

static void setup(void)
{
  temp_make("reader");
  temp_run("echo log >access.log; echo old >access.log.1; echo no >secret; ln -s secret "
           "access.log.link; mkdir access.log.d; mkfifo access.log.pipe");
  snprintf(log_path, sizeof log_path, "%s", temp_path("access.log"));
  paths[0] = log_path;
  rules = (struct cf_reader_rules){.paths = paths,
                                   .n = 1,
                                   .opener = {.no_links = true, .reader = -1},
                                   .become = become};
  opener = (struct cf_opener){.no_links = true, .reader = -1};
  ck_assert_ok(cf_reader_start(&rules, &opener.reader, &pid, NULL));
}

static void teardown(void)
{
  int status;
  close(opener.reader);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  temp_remove();
}

static void check_content(int fd, const char *want)
{
  char text[16];
  ssize_t n = read(fd, text, sizeof text);
  ck_assert_bytes(text, (size_t)n, want, strlen(want));
  ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  close(fd);
}

START_TEST(test_opens)
{
  struct stat st, there;
  DIR *dir;
  int fd, n = 0;
  ck_assert_ok(cf_opener_file(&opener, log_path, &fd, NULL));
  check_content(fd, "log\n");
  ck_assert_ok(cf_opener_beside(&opener, log_path, "access.log.1", &fd, NULL));
  check_content(fd, "old\n");
  ck_assert_ok(cf_opener_stat(&opener, log_path, &st, NULL));
  ck_assert_int_eq(stat(log_path, &there), 0);
  ck_assert_uint_eq(st.st_ino, there.st_ino);
  ck_assert_ok(cf_opener_directory(&opener, log_path, &dir, NULL));
  while (readdir(dir) != NULL)
    n++;
  ck_assert_int_eq(n, 8);
  closedir(dir);
  ck_assert_int_eq(unlink(log_path), 0);
  ck_assert_err(cf_opener_file(&opener, log_path, &fd, NULL), CF_E_NOTFOUND);
  ck_assert_err(cf_opener_stat(&opener, log_path, &st, NULL), CF_E_NOTFOUND);
}
END_TEST

static const char *const bad_names[] = {
    "secret",
    "access.log",
    "access.log/../secret",
    "access.log.1/../secret",
    "../secret",
    "",
    ".",
    "access.log.link",
    "access.log.pipe",
    "access.log.d",
    "/etc/passwd",
    "access.log.none",
};

START_TEST(test_refuses)
{
  struct cf_fault fault = {.detail = ""};
  int fd = -1;
  ck_assert_int_ne(cf_opener_beside(&opener, log_path, bad_names[_i], &fd, &fault), CF_OK);
  ck_assert_str_ne(fault.detail, "");
  ck_assert_int_eq(fd, -1);
  ck_assert_ok(cf_opener_file(&opener, log_path, &fd, NULL));
  close(fd);
}
END_TEST

/* A path that it was not started for, a link in the path's place, and what is
 * no question. */
START_TEST(test_refuses_paths)
{
  int fd;
  struct stat st;
  ck_assert_err(cf_opener_file(&opener, temp_path("secret"), &fd, NULL), CF_E_ROLE);
  ck_assert_err(cf_opener_stat(&opener, "/etc/passwd", &st, NULL), CF_E_ROLE);
  temp_run("mv access.log away; ln -s secret access.log");
  ck_assert_err(cf_opener_file(&opener, log_path, &fd, NULL), CF_E_CONFIG);
  ck_assert_err(cf_opener_stat(&opener, log_path, &st, NULL), CF_E_CONFIG);
  struct cf_reader_question question = {.what = (enum cf_reader_what)99};
  snprintf(question.path, sizeof question.path, "%s", log_path);
  ck_assert_int_ne(cf_reader_ask(opener.reader, &question, &fd, &st, NULL), CF_OK);
  ck_assert_int_eq(write(opener.reader, "x", 1), 1);
  ck_assert_err(cf_opener_file(&opener, log_path, &fd, NULL), CF_E_PEER);
}
END_TEST

/* A terminal's signals are not for it; where it is gone that is said. */
START_TEST(test_ends)
{
  struct cf_fault fault = {.detail = ""};
  int fd;
  ck_assert_int_eq(kill(pid, SIGINT), 0);
  ck_assert_int_eq(kill(pid, SIGTERM), 0);
  ck_assert_ok(cf_opener_file(&opener, log_path, &fd, NULL));
  close(fd);
  ck_assert_int_eq(kill(pid, SIGKILL), 0);
  while (cf_opener_file(&opener, log_path, &fd, &fault) == CF_OK)
    close(fd);
  ck_assert_ptr_nonnull(strstr(fault.detail, "is gone"));
}
END_TEST

START_TEST(test_begins_badly)
{
  struct cf_fault fault = {.detail = ""};
  int socket;
  pid_t child;
  rules.context = &rules;
  ck_assert_err(cf_reader_start(&rules, &socket, &child, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.detail, "not he");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "reader", .test = test_opens, .setup = setup, .teardown = teardown},
      {.tcase = "reader", .test = test_refuses, .loops = CF_COUNT(bad_names)},
      {.tcase = "reader", .test = test_refuses_paths},
      {.tcase = "reader", .test = test_ends},
      {.tcase = "reader", .test = test_begins_badly},
  };
  return cf_test_run("reader", tests, CF_COUNT(tests));
}
