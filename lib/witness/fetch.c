/* SPDX-License-Identifier: MIT */
/* libcurl, and nothing else. */
#include "config.h"

#include "lib/witness/fetch_in.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS  1000
#define HEAD_MAX 65536

struct cf_fetcher {
  CURLM *multi;
  const char *ca;
  atomic_bool stopped;
};

/* ---- life ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void library_begin(void)
{
  (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum cf_err cf_fetcher_new(const char *ca, struct cf_fetcher **fetcher)
{
  (void)pthread_once(&once, library_begin);
  struct cf_fetcher *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  atomic_init(&made->stopped, false);
  made->ca = ca;
  made->multi = curl_multi_init();
  if (made->multi == NULL) {
    free(made);
    return CF_E_NOMEM;
  }
  *fetcher = made;
  return CF_OK;
}

void cf_fetcher_free(struct cf_fetcher *fetcher)
{
  if (fetcher == NULL)
    return;
  (void)curl_multi_cleanup(fetcher->multi);
  free(fetcher);
}

void cf_fetcher_stop(struct cf_fetcher *fetcher)
{
  atomic_store(&fetcher->stopped, true);
  (void)curl_multi_wakeup(fetcher->multi);
}

/* ---- one request ---- */

/* Less than all given: the transfer ends with an error. */
static size_t answer_take(char *p, size_t size, size_t n, void *context)
{
  struct cf_fetch *f = context;
  cf_buf_put(&f->answer, p, size * n);
  return f->answer.err == CF_OK ? size * n : 0;
}

/* Of all header lines: before the answer, of interim ones, and behind it, where
 * libcurl has no limit of its own. */
static size_t head_take(char *p, size_t size, size_t n, void *context)
{
  struct cf_fetch *f = context;
  (void)p;
  f->head += size * n;
  return f->head <= HEAD_MAX ? size * n : 0;
}

static bool is_set(CURLcode code)
{
  return code == CURLE_OK;
}

/* What is asked, and what is not done for whoever answers. A name that nobody
 * resolves is not waited for (QUICK_EXIT): the thread that asks ends by
 * itself. */
static bool easy_set(CURL *easy, struct cf_fetch *f, struct curl_slist *headers, int timeout_ms)
{
  return is_set(curl_easy_setopt(easy, CURLOPT_URL, f->url)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https")) &&
         is_set(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.n)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, f->body.p)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, head_take)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_HEADERDATA, f)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_take)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_WRITEDATA, f)) &&
         is_set(curl_easy_setopt(easy, CURLOPT_PRIVATE, f));
}

static struct curl_slist *headers_make(const struct cf_fetch *f)
{
  char type[96];
  (void)snprintf(type, sizeof type, "Content-Type: %s", f->type);
  struct curl_slist *headers = curl_slist_append(NULL, type);
  struct curl_slist *all = headers == NULL ? NULL : curl_slist_append(headers, "Expect:");
  if (all == NULL)
    curl_slist_free_all(headers);
  return all;
}

static void type_take(CURL *easy, struct cf_fetch *f)
{
  char *type = NULL;
  if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) != CURLE_OK || type == NULL)
    return;
  (void)snprintf(f->answer_type, sizeof f->answer_type, "%.*s", (int)strcspn(type, "; \t"), type);
}

/* The transfer has ended. */
static void answer_end(CURL *easy, struct cf_fetch *f, CURLcode code)
{
  long status = 0;
  if (code == CURLE_OK && curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
    f->status = (int)status;
    f->why[0] = '\0';
    type_take(easy, f);
    return;
  }
  bool is_long = f->answer.err == CF_E_FULL || f->head > HEAD_MAX;
  (void)snprintf(f->why, sizeof f->why, "%s",
                 is_long ? "its answer is too long" : curl_easy_strerror(code));
}

/* ---- several ---- */

struct under_way {
  CURL *easy;
  struct curl_slist *headers;
};

static void request_begin(struct cf_fetcher *fetcher, struct cf_fetch *f, int timeout_ms,
                          struct under_way *u)
{
  f->status = 0;
  f->head = 0;
  f->answer_type[0] = '\0';
  (void)snprintf(f->why, sizeof f->why, "no answer in time");
  u->easy = curl_easy_init();
  u->headers = headers_make(f);
  if (u->easy != NULL && u->headers != NULL && easy_set(u->easy, f, u->headers, timeout_ms) &&
      (fetcher->ca == NULL || is_set(curl_easy_setopt(u->easy, CURLOPT_CAINFO, fetcher->ca))) &&
      curl_multi_add_handle(fetcher->multi, u->easy) == CURLM_OK)
    return;
  (void)snprintf(f->why, sizeof f->why, "the request cannot be made");
}

static void request_end(struct cf_fetcher *fetcher, struct under_way *u)
{
  if (u->easy != NULL) {
    (void)curl_multi_remove_handle(fetcher->multi, u->easy);
    curl_easy_cleanup(u->easy);
  }
  curl_slist_free_all(u->headers);
}

static void answers_look(struct cf_fetcher *fetcher)
{
  int left = 0;
  for (CURLMsg *m; (m = curl_multi_info_read(fetcher->multi, &left)) != NULL;) {
    char *f = NULL;
    if (m->msg == CURLMSG_DONE &&
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f) == CURLE_OK && f != NULL)
      answer_end(m->easy_handle, (struct cf_fetch *)(void *)f, m->data.result);
  }
}

void cf_fetcher_run(struct cf_fetcher *fetcher, struct cf_fetch *const *each, size_t n,
                    int timeout_ms)
{
  struct under_way *u = calloc(n + 1, sizeof *u);
  int running = 1;
  for (size_t i = 0; u != NULL && i < n; i++)
    request_begin(fetcher, each[i], timeout_ms, &u[i]);
  while (u != NULL && running > 0 && !atomic_load(&fetcher->stopped)) {
    if (curl_multi_perform(fetcher->multi, &running) != CURLM_OK)
      break;
    answers_look(fetcher);
    if (running > 0 && curl_multi_poll(fetcher->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
      break;
  }
  for (size_t i = 0; u != NULL && i < n; i++)
    request_end(fetcher, &u[i]);
  free(u);
}
