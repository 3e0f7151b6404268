/* SPDX-License-Identifier: MIT */
/* An owner that a CGI starts, and another process that has the ledger: there
 * for others, or about to leave. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi-app/door/service.h"
#include "fcgi-app/door/socket.h"
#include "lib/ledger/ledger.h"
#include "tests/unit/cf_test.h"

static char home[256];
static struct cf_conf conf;
static int dir, lock;  /* DATA, and its lock, which we hold as an owner does */
static int refused[2]; /* a byte for each lock that somebody was refused */

int fcntl(int fd, int command, ...)
{
  va_list args;
  va_start(args, command);
  void *argument = va_arg(args, void *);
  va_end(args);
  int result = (int)syscall(SYS_fcntl, fd, command, argument);
  if (command == F_OFD_SETLK && result != 0) {
    int number = errno;
    ck_assert_int_eq(write(refused[1], "x", 1), 1);
    errno = number;
  }
  return result;
}

static void set(const char *key, const char *value)
{
  struct cf_fault fault = {{0}, {0}};
  ck_assert_msg(cf_conf_set(&conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK, "%s: %s",
                key, fault.detail);
}

static void setup(void)
{
  const char *tmp = getenv("TMPDIR");
  const char *tree = getenv("CF_SRCDIR");
  struct cf_fault fault = {{0}, {0}};
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char path[300];
  snprintf(home, sizeof home, "%s/cf-service-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  ck_assert_ok(cf_conf_defaults(&conf));
  snprintf(path, sizeof path, "%s/data", home);
  set("data", path);
  snprintf(path, sizeof path, "%s/www", tree != NULL ? tree : ".");
  char *www = realpath(path, NULL);
  ck_assert_msg(www != NULL, "no %s: CF_SRCDIR names the source tree", path);
  set("www", www);
  free(www);
  set("origin", "test.example.org/log");
  set("min_free", "1M");
  set("threads", "2");
  ck_assert_ok(cf_conf_check(&conf, &fault));
  ck_assert_ok(cf_ledger_init(&conf, &fault));
  ck_assert_int_eq(pipe(refused), 0);
  dir = open(conf.data, O_RDONLY | O_DIRECTORY);
  lock = openat(dir, "lock", O_RDWR);
  ck_assert_int_eq(fcntl(lock, F_OFD_SETLK, &whole), 0);
}

static void teardown(void)
{
  char command[400];
  close(dir);
  cf_conf_fini(&conf);
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

/* A process that owns the ledger for others; it was refused the lock once when
 * this returns. */
static pid_t start(void)
{
  char byte;
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    close(lock);
    cf_service_signals(true);
    _exit(cf_service_run_owner(&conf));
  }
  ck_assert_int_eq(read(refused[0], &byte, 1), 1);
  return pid;
}

/* Whoever is refused because the owner is leaving owns the ledger next: the CGI
 * that started it finds nobody else. */
START_TEST(test_next_in_turn)
{
  int fd = -1, status;
  pid_t pid = start();
  close(lock);
  while (cf_socket_connect_owner(conf.data, &fd, NULL) != CF_OK) {
    ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "it left, and nobody owns the ledger");
    usleep(10000);
  }
  close(fd);
  ck_assert_int_eq(kill(pid, SIGTERM), 0);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
}
END_TEST

/* Where the owner is there for others nobody waits. */
START_TEST(test_owner_stays)
{
  int listener, status;
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &listener, NULL));
  pid_t pid = start();
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
  close(listener);
  close(lock);
}
END_TEST

/* Nor where it is told to end. */
START_TEST(test_told_to_end)
{
  int status;
  pid_t pid = start();
  ck_assert_int_eq(kill(pid, SIGTERM), 0);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
  close(lock);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "turn", .test = test_next_in_turn, .setup = setup, .teardown = teardown},
      {.tcase = "turn", .test = test_owner_stays},
      {.tcase = "turn", .test = test_told_to_end},
  };
  return cf_test_run("service", tests, CF_COUNT(tests));
}
