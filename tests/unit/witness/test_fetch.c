/* SPDX-License-Identifier: MIT */
/* Requests that get no answer: none is waited for longer than it may take, nor
 * when somebody wants to stop, whatever libcurl is doing. */
#include "config.h"

#include <netdb.h>
#include <pthread.h>

#include "lib/witness/fetch_in.h"
#include "tests/unit/cf_test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool asked, let;

/* In the place of the C library's: a name server that does not answer. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
  (void)name, (void)service, (void)hints, (void)found;
  pthread_mutex_lock(&lock);
  asked = true;
  pthread_cond_broadcast(&changed);
  while (!let)
    pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return EAI_FAIL;
}

static struct cf_fetcher *fetcher;
static struct cf_fetch fetch;

static void setup(void)
{
  asked = let = false;
  ck_assert_ok(cf_fetcher_new(NULL, &fetcher));
  fetch = (struct cf_fetch){.url = "http://witness.example/",
                            .type = "text/plain",
                            .body = CF_STR("old 0\n")};
  cf_buf_init(&fetch.answer, 100);
}
static void teardown(void)
{
  cf_fetcher_free(fetcher);
  cf_buf_fini(&fetch.answer);
  pthread_mutex_lock(&lock);
  let = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void run(int timeout_ms)
{
  struct cf_fetch *const each[] = {&fetch};
  cf_fetcher_run(fetcher, each, 1, timeout_ms);
}

static void *run_long(void *unused)
{
  run(3600000);
  return unused;
}

START_TEST(name_late)
{
  run(50);
  ck_assert_int_eq(fetch.status, 0);
  ck_assert(fetch.why[0] != '\0');
}
END_TEST

START_TEST(stopped)
{
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, run_long, NULL), 0);
  pthread_mutex_lock(&lock);
  while (!asked)
    pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  cf_fetcher_stop(fetcher);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(fetch.status, 0);
}
END_TEST

static const char *const others[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "nonsense", ""};

START_TEST(other_schemes)
{
  fetch.url = others[_i];
  run(50);
  ck_assert_int_eq(fetch.status, 0);
  ck_assert_uint_eq(fetch.answer.n, 0);
}
END_TEST

int main(void)
{
#define FETCH .tcase = "fetch", .setup = setup, .teardown = teardown
  const struct cf_test tests[] = {
      {FETCH, .test = name_late},
      {FETCH, .test = stopped},
      {FETCH, .test = other_schemes, .loops = CF_COUNT(others)},
  };
  return cf_test_run("fetch", tests, CF_COUNT(tests));
}
