/* SPDX-License-Identifier: MIT */
/* Asking the ledger as the local admin. */
#include "config.h"

#include "fcgi-app/command/ask_in.h"

#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_client.h"
#include "fcgi-app/door/owner.h"
#include "fcgi-app/door/privilege.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/hidden.h"
#include "fcgi-app/http/memory.h"
#include "fcgi-app/routes/app.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/die.h"

#define WAIT_US     INT64_C(15000000) /* for an owner to be there */
#define PAUSE_US    20000
#define TRIES_MAX   20 /* of owners that take a request and leave before they read it */
#define SILENCE_US  INT64_C(600000000) /* of an owner: the person who waits can interrupt */
#define LEAVE_US    INT64_C(30000000)
#define HEADERS_MAX (64u << 10)

struct cf_asker {
  const struct cf_conf *conf;
  bool (*interrupted)(void);
  pthread_mutex_t lock;             /* over becoming the owner */
  _Atomic(struct cf_owner *) owner; /* NULL: another process */
  bool guest;                       /* … and it stays so */
  struct cf_ledger *copy;           /* or, opened as evidence, this */
  struct cf_app *app;               /* over it */
};

/* A question on its way. */
struct asking {
  const struct cf_asker *asker;
  const struct cf_ask *ask;
  struct cf_buf headers; /* until the empty line */
  bool body_begun;
  int status;
};

/* ---- reaching the owner ---- */

static bool is_interrupted(const struct cf_asker *asker)
{
  return asker->interrupted != NULL && asker->interrupted();
}

/* Become the owner, unless another thread has. */
static enum cf_err owner_become(struct cf_asker *asker, struct cf_fault *fault)
{
  struct cf_owner *owner;
  enum cf_err err = CF_OK;

  pthread_mutex_lock(&asker->lock);
  if (atomic_load(&asker->owner) == NULL) {
    err = cf_owner_open(asker->conf, &owner, fault);
    if (err == CF_OK)
      atomic_store(&asker->owner, owner);
  }
  pthread_mutex_unlock(&asker->lock);
  return err;
}

/* Connect; become the owner where there is none; wait for one that comes or
 * goes. */
static enum cf_err owner_reach(struct cf_asker *asker, int *fd, struct cf_fault *fault)
{
  int64_t end_us = cf_clock_mono_us() + WAIT_US;

  for (;;) {
    enum cf_err err = cf_socket_connect_owner(asker->conf->data, fd, fault);
    if (err == CF_E_NOTFOUND && asker->guest)
      return cf_fail(fault, CF_E_NOTREADY, asker->conf->data,
                     "nobody owns the ledger now: start its service");
    if (err == CF_E_NOTFOUND && asker->owner == NULL) {
      err = owner_become(asker, fault);
      if (err == CF_OK)
        continue;
    }
    if (err != CF_E_NOTFOUND && err != CF_E_BUSY && err != CF_E_LOCKED)
      return err;
    if (asker->owner == NULL && err == CF_E_NOTFOUND)
      return err; /* there is no ledger */
    if (is_interrupted(asker))
      return cf_fail(fault, CF_E_LEAVING, NULL, "interrupted");
    if (cf_clock_mono_us() > end_us)
      return cf_fail(fault, CF_E_NOTREADY, asker->conf->data,
                     "another process owns the ledger and does not answer");
    usleep(PAUSE_US);
  }
}

/* Somebody who may not ask at all: say who may. */
static void stranger_explain(const struct cf_conf *conf, enum cf_err err, struct cf_fault *fault)
{
  struct stat st;

  if (err != CF_E_SYSTEM || stat(conf->data, &st) != 0 || st.st_uid == geteuid())
    return;
  const struct passwd *user = getpwuid(st.st_uid);
  char number[24];
  (void)snprintf(number, sizeof number, "#%lu", (unsigned long)st.st_uid);
  const char *name = user != NULL ? user->pw_name : number;
  (void)cf_fail(fault, err, conf->data,
                "this ledger belongs to %s, and only that user and root may ask it here: "
                "sudo -u '%s' counterfoil …",
                name, name);
}

/* NULL: no memory. */
static struct cf_asker *asker_new(const struct cf_conf *conf)
{
  struct cf_asker *a = calloc(1, sizeof *a);

  if (a == NULL)
    return NULL;
  a->conf = conf;
  pthread_mutex_init(&a->lock, NULL);
  atomic_init(&a->owner, NULL);
  return a;
}

static enum cf_err asker_open(const struct cf_conf *conf, bool (*interrupted)(void), bool guest,
                              struct cf_asker **asker, struct cf_fault *fault)
{
  struct cf_asker *a = asker_new(conf);
  int fd;

  if (a == NULL)
    return CF_E_NOMEM;
  a->interrupted = interrupted;
  a->guest = guest;
  enum cf_err err = owner_reach(a, &fd, fault);
  if (err != CF_OK) {
    stranger_explain(conf, err, fault);
    cf_asker_close(a);
    return err;
  }
  close(fd);
  *asker = a;
  return CF_OK;
}

enum cf_err cf_asker_open(const struct cf_conf *conf, bool (*interrupted)(void),
                          struct cf_asker **asker, struct cf_fault *fault)
{
  return asker_open(conf, interrupted, false, asker, fault);
}

enum cf_err cf_asker_open_guest(const struct cf_conf *conf, bool (*interrupted)(void),
                                struct cf_asker **asker, struct cf_fault *fault)
{
  return asker_open(conf, interrupted, true, asker, fault);
}

enum cf_err cf_asker_open_copy(const struct cf_conf *conf, struct cf_asker **asker,
                               struct cf_fault *fault)
{
  struct cf_asker *a = asker_new(conf);

  if (a == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_ledger_open_copy(conf, &a->copy, fault);
  cf_privilege_explain(conf, err, fault);
  if (err == CF_OK)
    err = cf_app_new(conf, a->copy, &a->app, fault);
  if (err == CF_OK)
    *asker = a;
  else
    cf_asker_close(a);
  return err;
}

void cf_asker_stay_guest(struct cf_asker *asker)
{
  asker->guest = asker->owner == NULL;
}

void cf_asker_close(struct cf_asker *asker)
{
  if (asker == NULL)
    return;
  if (cf_owner_close(asker->owner, LEAVE_US) != CF_OK)
    cf_die("some request of another process does not end: leaving without it");
  cf_app_free(asker->app);
  cf_ledger_close(asker->copy);
  pthread_mutex_destroy(&asker->lock);
  free(asker);
}

/* ---- the answer ---- */

/* "Status: 200 OK"; 200 where there is none (RFC 3875, 6.3.3). */
static int status_of(struct cf_str headers)
{
  uint64_t status = 200;

  while (headers.n > 0) {
    struct cf_str line = cf_str_cut(&headers, '\n');
    struct cf_str name = cf_str_cut(&line, ':');
    if (name.n != 6 || strncasecmp(name.p, "Status", 6) != 0)
      continue;
    while (line.n > 0 && *line.p == ' ')
      line = (struct cf_str){line.p + 1, line.n - 1};
    if (cf_u64_parse((struct cf_str){line.p, line.n < 3 ? line.n : 3}, 999, &status) != CF_OK)
      return 502;
  }
  return (int)status;
}

/* Where the headers end in b: behind the first empty line; 0 where there is
 * none yet. */
static size_t headers_end(const struct cf_buf *b)
{
  for (size_t i = 0; i + 1 < b->n; i++) {
    if (b->p[i] != '\n')
      continue;
    if (b->p[i + 1] == '\n')
      return i + 2;
    if (i + 2 < b->n && b->p[i + 1] == '\r' && b->p[i + 2] == '\n')
      return i + 3;
  }
  return 0;
}

static enum cf_err begin_body(struct asking *a, size_t end)
{
  const struct cf_ask *ask = a->ask;
  enum cf_err err = CF_OK;

  a->body_begun = true;
  a->status = status_of((struct cf_str){(const char *)a->headers.p, end});
  if (ask->head != NULL)
    err = ask->head(ask->context, a->status, (struct cf_str){(const char *)a->headers.p, end});
  if (err == CF_OK && a->headers.n > end)
    err = ask->answer(ask->context, a->headers.p + end, a->headers.n - end);
  return err;
}

static enum cf_err take_answer(void *context, const void *p, size_t n)
{
  struct asking *a = context;

  if (a->body_begun)
    return a->ask->answer(a->ask->context, p, n);
  cf_buf_put(&a->headers, p, n);
  if (a->headers.err != CF_OK)
    return a->headers.err;
  size_t end = headers_end(&a->headers);
  return end > 0 ? begin_body(a, end) : CF_OK;
}

static enum cf_err give_body(void *context, void *out, size_t max, size_t *n)
{
  struct asking *a = context;

  return a->ask->body(a->ask->context, out, max, n);
}

static bool asking_interrupted(void *context)
{
  return is_interrupted(((struct asking *)context)->asker);
}

/* ---- the question ---- */

/* Put each variable of the request. An empty query is sent too: one that is not
 * there counts as lost on the way. */
static enum cf_err params_put(const struct cf_ask *ask,
                              enum cf_err (*put)(void *context, const char *name,
                                                 struct cf_str value),
                              void *context)
{
  char length[24];
  (void)snprintf(length, sizeof length, "%ju", (uintmax_t)ask->body_n);
  const struct {
    const char *name;
    struct cf_str value;
  } params[] = {
      {"GATEWAY_INTERFACE", CF_STR("CGI/1.1")},
      {"SERVER_PROTOCOL", CF_STR("HTTP/1.1")},
      {"SERVER_SOFTWARE", CF_STR(PACKAGE_NAME "/" PACKAGE_VERSION)},
      {"SCRIPT_NAME", CF_STR("")},
      {"REQUEST_METHOD", cf_str_from(ask->method)},
      {"PATH_INFO", cf_str_from(ask->path)},
      {"QUERY_STRING", ask->query.p != NULL ? ask->query : CF_STR("")},
      {"CONTENT_TYPE", cf_str_from(ask->content_type)},
      {"CONTENT_LENGTH", ask->body_n > 0 ? cf_str_from(length) : (struct cf_str){NULL, 0}},
      {"HTTP_ACCEPT", cf_str_from(ask->accept)},
      {CF_HIDDEN_DOOR, CF_STR(CF_HIDDEN_CLI)},
  };
  enum cf_err err = CF_OK;

  for (size_t i = 0; err == CF_OK && i < sizeof params / sizeof params[0]; i++)
    if (params[i].value.p != NULL || params[i].value.n > 0)
      err = put(context, params[i].name, params[i].value);
  return err;
}

static enum cf_err exchange_put(void *context, const char *name, struct cf_str value)
{
  return cf_exchange_param(context, cf_str_from(name), value);
}

/* Send it, and again where it cannot be done twice and the owner changed. */
static enum cf_err exchange_once(struct cf_asker *asker, struct asking *a,
                                 struct cf_exchange *exchange, struct cf_fault *fault)
{
  struct cf_exchange_io io = {
      .context = a,
      .body = a->ask->body != NULL ? give_body : NULL,
      .answer = take_answer,
      .interrupted = asking_interrupted,
      .silence_us = SILENCE_US,
  };
  bool safe = strcmp(a->ask->method, "GET") == 0;
  enum cf_err err;
  int fd;

  for (unsigned tries = 1;; tries++) {
    err = owner_reach(asker, &fd, fault);
    if (err != CF_OK)
      return err;
    err = cf_exchange_run(exchange, fd, &io);
    close(fd);
    if (err != CF_E_PEER || !cf_exchange_again(exchange, safe) || is_interrupted(asker) ||
        tries == TRIES_MAX)
      break;
    usleep(PAUSE_US);
  }
  if (err == CF_E_LEAVING)
    return cf_fail(fault, err, NULL, "interrupted");
  if (err != CF_E_PEER || cf_exchange_own_error(exchange))
    return err;
  if (cf_exchange_answer_passed(exchange))
    return cf_fail(fault, CF_E_PEER, asker->conf->data,
                   "the answer of the ledger's owner broke off");
  return cf_fail(
      fault, CF_E_UNKNOWN, asker->conf->data,
      "the ledger's owner left before it answered: nobody knows whether it did what was asked");
}

/* ---- of a copy, in this process ---- */

/* A request in memory whose answer is passed on as it is made. */
struct asking_here {
  struct cf_memory memory; /* first: the transport's context */
  struct asking *asking;
  enum cf_err err; /* of the asker's functions */
};

static enum cf_err here_put(void *context, const char *name, struct cf_str value)
{
  char *text = cf_str_dup(value);
  enum cf_err err = text == NULL ? CF_E_NOMEM : cf_memory_param(context, name, text);

  free(text);
  return err;
}

static enum cf_err here_write(void *context, const void *p, size_t n)
{
  struct asking_here *h = context;

  if (h->err == CF_OK)
    h->err = take_answer(h->asking, p, n);
  return h->err == CF_OK ? CF_OK : CF_E_PEER;
}

/* What did not come to its end is not an answer. */
static void here_abandon(void *context)
{
  struct asking_here *h = context;

  if (h->err == CF_OK)
    h->err = CF_E_PEER;
}

static enum cf_err ask_here(struct cf_asker *asker, struct asking *a)
{
  struct asking_here h = {.asking = a};

  cf_memory_init(&h.memory, CF_DOOR_ADMIN);
  h.memory.transport.write = here_write;
  h.memory.transport.abandon = here_abandon;
  enum cf_err err = params_put(a->ask, here_put, &h.memory);
  if (err == CF_OK) {
    cf_app_serve(asker->app, &h.memory.transport);
    err = h.err;
  }
  cf_memory_fini(&h.memory);
  return err;
}

/* ---- either way ---- */

static enum cf_err ask_owner(struct cf_asker *asker, struct asking *a, struct cf_fault *fault)
{
  struct cf_exchange *exchange = NULL;
  enum cf_err err = cf_exchange_new(&exchange);

  if (err == CF_OK)
    err = params_put(a->ask, exchange_put, exchange);
  if (err == CF_OK)
    err = exchange_once(asker, a, exchange, fault);
  cf_exchange_free(exchange);
  return err;
}

enum cf_err cf_ask(struct cf_asker *asker, const struct cf_ask *ask, int *status,
                   struct cf_fault *fault)
{
  struct asking a = {.asker = asker, .ask = ask};

  cf_buf_init(&a.headers, HEADERS_MAX);
  enum cf_err err = asker->app != NULL ? ask_here(asker, &a) : ask_owner(asker, &a, fault);
  if (err == CF_OK && !a.body_begun)
    err = cf_fail(fault, CF_E_PEER, asker->conf->data, "the ledger's owner gave no answer");
  if (err == CF_OK)
    *status = a.status;
  cf_buf_fini(&a.headers);
  return err;
}

/* ---- in memory ---- */

struct text {
  struct cf_str body;
  struct cf_buf *answer;
};

static enum cf_err text_body(void *context, void *out, size_t max, size_t *n)
{
  struct text *t = context;

  *n = t->body.n < max ? t->body.n : max;
  memcpy(out, t->body.p, *n);
  t->body = (struct cf_str){t->body.p + *n, t->body.n - *n};
  return CF_OK;
}

static enum cf_err text_answer(void *context, const void *p, size_t n)
{
  struct text *t = context;

  cf_buf_put(t->answer, p, n);
  return t->answer->err;
}

enum cf_err cf_ask_text(struct cf_asker *asker, const char *method, const char *path,
                        struct cf_str query, const char *content_type, struct cf_str body,
                        int *status, struct cf_buf *answer, struct cf_fault *fault)
{
  struct text t = {body, answer};
  struct cf_ask ask = {
      .method = method,
      .path = path,
      .query = query,
      .content_type = content_type,
      .body_n = body.n,
      .context = &t,
      .body = body.n > 0 ? text_body : NULL,
      .answer = text_answer,
  };

  return cf_ask(asker, &ask, status, fault);
}
