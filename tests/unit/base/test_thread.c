/* SPDX-License-Identifier: MIT */
/* Threads take no signals, have the stack they were asked for, and leave their
 * starter as it was. */
#include "config.h"

#include <signal.h>

#include "lib/base/thread.h"
#include "tests/unit/cf_test.h"

/* What a thread saw of itself. */
struct seen {
  sigset_t mask;
  size_t stack;
};

static void *look(void *context)
{
  struct seen *seen = context;
  pthread_attr_t attributes;
  pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    pthread_attr_getstacksize(&attributes, &seen->stack);
    pthread_attr_destroy(&attributes);
  }
  return context;
}

/* Only SIGUSR1 is blocked in the starter. */
static void assert_mask_of_starter(void)
{
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  ck_assert(sigismember(&mask, SIGUSR1));
  ck_assert(!sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGINT));
}

static void setup(void)
{
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static struct seen start(size_t stack)
{
  struct seen seen = {.stack = 0};
  struct cf_fault fault;
  pthread_t thread;
  void *result = NULL;
  ck_assert_ok(cf_thread_start(&thread, stack, look, &seen, &fault));
  ck_assert_int_eq(pthread_join(thread, &result), 0);
  ck_assert_ptr_eq(result, &seen);
  return seen;
}

START_TEST(test_it_takes_no_signals)
{
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
  struct seen seen = start(0);
  for (size_t i = 0; i < CF_COUNT(signals); i++)
    ck_assert(sigismember(&seen.mask, signals[i]));
  assert_mask_of_starter();
}
END_TEST

START_TEST(test_its_stack_is_what_was_asked)
{
  size_t stack = start(1U << 20).stack;
  ck_assert_uint_ge(stack, 1U << 20);
  ck_assert_uint_lt(stack, 2U << 20);
}
END_TEST

/* Too little for a thread, and more than there is. */
static const size_t impossible[] = {1, SIZE_MAX / 4};

START_TEST(test_what_cannot_be_started_is_told)
{
  struct cf_fault fault = {"", ""};
  struct seen seen;
  pthread_t thread;
  ck_assert_err(cf_thread_start(&thread, impossible[_i], look, &seen, &fault), CF_E_SYSTEM);
  ck_assert_ptr_nonnull(strstr(fault.detail, "cannot start a thread"));
  ck_assert_err(cf_thread_start(&thread, impossible[_i], look, &seen, NULL), CF_E_SYSTEM);
  assert_mask_of_starter();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "thread", .test = test_it_takes_no_signals, .setup = setup},
      {.tcase = "thread", .test = test_its_stack_is_what_was_asked},
      {.tcase = "thread",
       .test = test_what_cannot_be_started_is_told,
       .loops = CF_COUNT(impossible)},
  };
  return cf_test_run("thread", tests, CF_COUNT(tests));
}
