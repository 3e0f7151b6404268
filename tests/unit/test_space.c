/* SPDX-License-Identifier: MIT */
/* A ledger on a full disk. Space is what the test says: files that hold `wanting` in their path can't be written while DATA/reserve is there, or at all. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/store/ledger.h"
#include "tests/unit/cf_test.h"

static char home[256];
static char reserve[300];
static struct cf_conf conf;
static struct cf_ledger *ledger;
static const char *wanting;
static unsigned refused;

static bool has_space(int fd)
{
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = wanting == NULL ? -1 : readlink(link, path, sizeof path - 1);
  if (n < 0)
    return true;
  path[n] = 0;
  if (strstr(path, wanting) == NULL || access(reserve, F_OK) != 0)
    return true;
  refused++;
  errno = ENOSPC;
  return false;
}

ssize_t write(int fd, const void *p, size_t n)
{
  return has_space(fd) ? syscall(SYS_write, fd, p, n) : -1;
}

/* ---- the stage ---- */

static void set(const char *key, const char *value)
{
  struct cf_fault fault = {0};
  ck_assert_msg(cf_conf_set(&conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK, "%s: %s", key, fault.detail);
}

static void open_ledger(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_open(&conf, "test 1", &ledger, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

static void close_ledger(void)
{
  cf_ledger_close(ledger);
  ledger = NULL;
}

static void setup(void)
{
  const char *tmp = getenv("TMPDIR");
  struct cf_fault fault = {0};
  char path[300];
  snprintf(home, sizeof home, "%s/cf-space-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  snprintf(path, sizeof path, "%s/data", home);
  snprintf(reserve, sizeof reserve, "%s/data/reserve", home);
  ck_assert_ok(cf_conf_defaults(&conf));
  set("data", path);
  set("origin", "test.example.org/log");
  set("min_free", "1M");
  ck_assert_ok(cf_conf_check(&conf, &fault));
  enum cf_err err = cf_ledger_init(&conf, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
  open_ledger();
  ck_assert_int_eq(access(reserve, F_OK), 0);
  wanting = NULL;
  refused = 0;
}

static void teardown(void)
{
  char command[400];
  close_ledger();
  cf_conf_fini(&conf);
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

static uint64_t append(void)
{
  const struct cf_event_rules rules = {.source = CF_STR("test")};
  struct cf_event event;
  struct cf_fault fault = {0};
  struct cf_place place;
  ck_assert_ok(cf_event_parse(CF_STR("{\"action\":\"x\"}"), &rules, &event, &fault));
  const struct cf_event *pointer = &event;
  struct cf_append a = {.events = &pointer, .n = 1, .places = &place};
  ck_assert_ok(cf_ledger_append(ledger, &a));
  cf_event_fini(&event);
  return a.size;
}

/* ---- tests ---- */

/* The reserve goes before a seal fails. */
START_TEST(test_seal)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  wanting = "/state.new";
  ck_assert_ok(cf_ledger_seal(ledger, append(), &note, &fault));
  ck_assert_uint_gt(refused, 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
  cf_buf_fini(&note);
}
END_TEST

/* And before a ledger can't be opened for want of one. */
START_TEST(test_seal_at_start)
{
  close_ledger();
  wanting = "/state.new";
  open_ledger();
  ck_assert_uint_gt(refused, 0);
  ck_assert_int_ne(access(reserve, F_OK), 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "space", .test = test_seal, .setup = setup, .teardown = teardown, .timeout = 60},
    {.tcase = "space", .test = test_seal_at_start},
  };
  return cf_test_run("space", tests, CF_COUNT(tests));
}
