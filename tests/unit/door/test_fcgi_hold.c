/* SPDX-License-Identifier: MIT */
/* Workers whose peers let them wait: who is slow, who is one too many, whose
 * time is over. */
#include "config.h"

#include "fcgi-app/door/fcgi_hold_in.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/held_clock.h"

#define WORKERS 32
#define SECOND  INT64_C(1000000)

static struct cf_holds *holds;
static struct cf_pace paces[WORKERS];
static int fds[WORKERS][2];

static void set_up(void)
{
  ck_assert_ok(cf_holds_new(WORKERS, WORKERS, &holds));
  for (unsigned i = 0; i < WORKERS; i++) {
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
    paces[i] = (struct cf_pace){30 * SECOND, CF_PACE_BODY_S, 0, 0};
  }
}

static void tear_down(void)
{
  for (unsigned i = 0; i < WORKERS; i++) {
    close(fds[i][0]);
    close(fds[i][1]);
  }
  cf_holds_free(holds);
}

static void hold(unsigned i, const char *address, const char *caller)
{
  cf_hold_begin(holds, i, fds[i][0], address);
  cf_hold_read(holds, i, &paces[i], cf_str_from(caller));
}

static void look_after(int64_t us)
{
  cf_holds_look(holds, cf_clock_mono_us() + us);
}

static unsigned count(enum cf_err verdict)
{
  unsigned n = 0;
  for (unsigned i = 0; i < WORKERS; i++)
    n += cf_hold_go(holds, i, &paces[i]) == verdict;
  return n;
}

/* ADDRESSES and CALLERS: so many take turns among the workers. */
static const struct {
  unsigned addresses, callers, crowded;
} crowds[] = {{1, 1, 16}, {WORKERS, 1, 16}, {1, WORKERS, 16}, {WORKERS, WORKERS, 6}, {2, 2, 6}};

START_TEST(test_shares)
{
  char address[32], caller[32];
  for (unsigned i = 0; i < WORKERS; i++) {
    snprintf(address, sizeof address, "192.0.2.%u", i % crowds[_i].addresses);
    snprintf(caller, sizeof caller, "c%u", i % crowds[_i].callers);
    hold(i, address, caller);
  }
  look_after(SECOND / 20);
  ck_assert_uint_eq(count(CF_OK), WORKERS); /* none is slow yet */
  for (unsigned i = 0; i < WORKERS; i++)
    cf_hold_read(holds, i, &paces[i], CF_STR(""));
  look_after(SECOND);
  ck_assert(cf_hold_crowded(holds, 0, CF_STR("c0")));
  ck_assert_uint_eq(count(CF_E_CROWDED), crowds[_i].crowded);
  for (unsigned i = 0; i < WORKERS; i++)
    cf_hold_end(holds, i);
  ck_assert(!cf_hold_crowded(holds, 0, CF_STR("c0")));
}
END_TEST

/* Whoever is one too many sees the end of what it reads, and can still say
 * so. */
START_TEST(test_crowded_can_answer)
{
  char byte;
  for (unsigned i = 0; i < 17; i++)
    hold(i, "192.0.2.1", "");
  look_after(SECOND);
  ck_assert_err(cf_hold_go(holds, 16, &paces[16]), CF_E_CROWDED);
  ck_assert_int_eq(read(fds[16][0], &byte, 1), 0);
  ck_assert_int_eq(write(fds[16][0], "x", 1), 1);
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_OK);
}
END_TEST

/* Where the web server tells no address, whoever connected counts as one. */
START_TEST(test_a_uid_for_an_address)
{
  char caller[32];
  for (unsigned i = 0; i < 17; i++) {
    snprintf(caller, sizeof caller, "c%u", i);
    hold(i, i % 2 ? "" : NULL, caller);
  }
  hold(17, "192.0.2.1", "c17");
  look_after(SECOND);
  ck_assert_err(cf_hold_go(holds, 17, &paces[17]), CF_OK);
  ck_assert_uint_eq(count(CF_E_CROWDED), 1);
}
END_TEST

START_TEST(test_time_is_over)
{
  hold(0, NULL, "");
  look_after(29 * SECOND);
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_OK);
  cf_pace_count(&paces[0], 0, 64 * 1024);
  cf_hold_read(holds, 0, &paces[0], CF_STR(""));
  look_after(30 * SECOND + SECOND / 2); /* what came has earned a second */
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_OK);
  cf_hold_read(holds, 0, &paces[0], CF_STR(""));
  look_after(32 * SECOND);
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_E_SLOW);
}
END_TEST

/* A worker that does not wait is left alone, and a reader that is too slow gets
 * nothing more. */
START_TEST(test_writer)
{
  char byte;
  cf_hold_begin(holds, 0, fds[0][0], "192.0.2.1");
  look_after(100 * SECOND);
  ck_assert_int_eq(write(fds[0][1], "x", 1), 1);
  cf_hold_write(holds, 0, &paces[0], CF_STR(""));
  look_after(100 * SECOND);
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_E_SLOW);
  ck_assert_int_eq(send(fds[0][0], "x", 1, MSG_NOSIGNAL), -1);
  ck_assert_int_eq(recv(fds[0][1], &byte, 1, MSG_DONTWAIT), 0); /* it sees the end */
}
END_TEST

/* When all has to end nobody is waited for, and no long work goes on. */
START_TEST(test_the_end)
{
  cf_hold_begin(holds, 0, fds[0][0], "192.0.2.1");
  ck_assert(cf_hold_keep(holds, 0, CF_STR("")));
  cf_holds_end(holds);
  ck_assert(!cf_hold_keep(holds, 0, CF_STR("")));
  cf_hold_read(holds, 0, &paces[0], CF_STR(""));
  look_after(0);
  ck_assert_err(cf_hold_go(holds, 0, &paces[0]), CF_E_SLOW);
}
END_TEST

/* One who is quick stays quick, however long it takes in all. */
START_TEST(test_quick_for_long)
{
  cf_pace_count(&paces[0], 10 * SECOND, 64u << 20);
  ck_assert_int_gt(cf_pace_quick_us(&paces[0]), 0);
  cf_pace_count(&paces[0], 10 * SECOND, 0);
  ck_assert_int_lt(cf_pace_quick_us(&paces[0]), 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "hold",
       .test = test_shares,
       .loops = CF_COUNT(crowds),
       .setup = set_up,
       .teardown = tear_down},
      {.tcase = "hold", .test = test_crowded_can_answer},
      {.tcase = "hold", .test = test_a_uid_for_an_address},
      {.tcase = "hold", .test = test_time_is_over},
      {.tcase = "hold", .test = test_writer},
      {.tcase = "hold", .test = test_the_end},
      {.tcase = "hold", .test = test_quick_for_long},
  };
  return cf_test_run("fcgi_hold", tests, CF_COUNT(tests));
}
