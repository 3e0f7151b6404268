/* SPDX-License-Identifier: MIT */
/* Requests that get no answer: none is waited for longer than it may take, nor
 * when somebody wants to stop, whatever libcurl is doing. */
#include "config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

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
  ck_assert_int_eq(setenv("no_proxy", "*", 1), 0);
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

/* ---- answers without an end ---- */

static const struct {
  const char *begin, *again;
} endless[] = {
    {"HTTP/1.1 200 OK\r\n", "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"},
    {"", "HTTP/1.1 103 Early Hints\r\n\r\n"},
    {"HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
     "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"},
};

static int listener;
static size_t row;

/* Until nobody listens any more. */
static void *answer(void *unused)
{
  int fd = accept(listener, NULL, NULL);
  const char *p = endless[row].begin;
  while (send(fd, p, strlen(p), MSG_NOSIGNAL) >= 0)
    p = endless[row].again;
  close(fd);
  return unused;
}

START_TEST(no_end)
{
  char url[64];
  pthread_t thread;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t n = sizeof at;
  row = (size_t)_i;
  listener = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
  ck_assert_int_eq(listen(listener, 1), 0);
  ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &n), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, answer, NULL), 0);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(at.sin_port));
  fetch.url = url;
  run(10000);
  ck_assert_int_eq(fetch.status, 0);
  ck_assert_str_eq(fetch.why, "its answer is too long");
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  close(listener);
}
END_TEST

int main(void)
{
#define FETCH .tcase = "fetch", .setup = setup, .teardown = teardown
  const struct cf_test tests[] = {
      {FETCH, .test = name_late},
      {FETCH, .test = stopped},
      {FETCH, .test = no_end, .loops = CF_COUNT(endless)},
      {FETCH, .test = other_schemes, .loops = CF_COUNT(others)},
  };
  return cf_test_run("fetch", tests, CF_COUNT(tests));
}
