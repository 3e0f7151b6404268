/* SPDX-License-Identifier: MIT */
/* The sessions: rows on disk, of which memory has a copy that each request
 * asks. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-app/who/instance_in.h"
#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"

#define SWEEP_US  INT64_C(60000000)
#define SECRET_N  32
#define MARK_KEY  "instance" /* a session's key is longer */
#define ROW_N     (CF_TOKEN_ID_N + 16)
#define OVER_US   0 /* the end of what is over, and is to be taken away */
#define KEY(hash) ((struct cf_str){(const char *)(hash), CF_HASH_N})

struct session {
  uint8_t key[CF_HASH_N]; /* SHA-256 of the cookie's value */
  char token[CF_TOKEN_ID_N + 1];
  int64_t made_us, end_us;
};

/* The table as it will be, and the rows that make it so on disk. */
struct next {
  struct session *v;
  size_t n;
  struct cf_row *rows;
  size_t rows_n;
  uint8_t added[ROW_N], mark[CF_HASH_N];
};

struct cf_sessions {
  struct cf_ledger *ledger;
  struct cf_tokens *tokens;
  const char *signer;
  pthread_mutex_t change;        /* one change at a time, with its append */
  struct next next;              /* of that one */
  uint8_t secret[CF_INSTANCE_N]; /* cf_instance_get; where has_secret */
  bool has_secret;
  pthread_rwlock_t lock; /* over what follows; within `change` where it is written */
  struct session *v;     /* ascending by key */
  size_t n;
  int64_t swept_us; /* monotonic */
};

/* ---- rows ---- */

static void row_put(const struct session *session, uint8_t row[ROW_N])
{
  memcpy(row, session->token, CF_TOKEN_ID_N);
  cf_u64_put(row + CF_TOKEN_ID_N, (uint64_t)session->made_us);
  cf_u64_put(row + CF_TOKEN_ID_N + 8, (uint64_t)session->end_us);
}

static bool row_get(struct cf_str key, struct cf_str value, struct session *session)
{
  const uint8_t *row = (const uint8_t *)value.p;
  if (key.n != CF_HASH_N || value.n != ROW_N)
    return false;
  *session = (struct session){.made_us = (int64_t)cf_u64_get(row + CF_TOKEN_ID_N),
                              .end_us = (int64_t)cf_u64_get(row + CF_TOKEN_ID_N + 8)};
  memcpy(session->key, key.p, CF_HASH_N);
  memcpy(session->token, row, CF_TOKEN_ID_N);
  return session->made_us >= 0 && session->end_us >= session->made_us &&
         session->end_us - session->made_us <= CF_SESSION_US;
}

/* The mark of a table, which stands beside its rows: a MAC over all of them
 * under what only the signer's directory has. */
static void mark_make(const uint8_t secret[CF_INSTANCE_N], const struct session *v, size_t n,
                      uint8_t mark[CF_HASH_N])
{
  uint8_t row[ROW_N], all[CF_HASH_N] = {0};
  for (size_t i = 0; i < n; i++) {
    row_put(&v[i], row);
    const struct cf_str parts[] = {KEY(all), KEY(v[i].key), {(const char *)row, ROW_N}};
    uint8_t sum[CF_HASH_N];
    cf_sha256(parts, 3, sum);
    memcpy(all, sum, sizeof all);
  }
  cf_hmac(secret, CF_INSTANCE_N, &KEY(all), 1, mark);
}

/* ---- in memory ---- */

/* Where the key is or would be. */
static size_t place_of(const struct session *v, size_t n, const uint8_t key[CF_HASH_N])
{
  size_t low = 0;
  for (size_t high = n; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (memcmp(v[middle].key, key, CF_HASH_N) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct session *session_of(const struct cf_sessions *s, const uint8_t key[CF_HASH_N])
{
  size_t i = place_of(s->v, s->n, key);
  return i < s->n && memcmp(s->v[i].key, key, CF_HASH_N) == 0 ? &s->v[i] : NULL;
}

/* The session's token, held, if both are valid. */
static struct cf_token *token_of(const struct cf_sessions *s, const struct session *session,
                                 int64_t now_us)
{
  if (now_us >= session->end_us)
    return NULL;
  struct cf_token *token = cf_tokens_get(s->tokens, cf_str_from(session->token));
  if (token != NULL && cf_token_valid(token, now_us))
    return token;
  cf_token_put(token);
  return NULL;
}

struct cf_token *cf_sessions_get(struct cf_sessions *s, struct cf_str cookie, int64_t now_us)
{
  uint8_t key[CF_HASH_N];
  cf_sha256_1(cookie.p, cookie.n, key);
  pthread_rwlock_rdlock(&s->lock);
  const struct session *session = session_of(s, key);
  struct cf_token *token = session == NULL ? NULL : token_of(s, session, now_us);
  pthread_rwlock_unlock(&s->lock);
  return token;
}

struct cf_token *cf_sessions_find(struct cf_sessions *s, const struct cf_request *rq,
                                  int64_t now_us, struct cf_str *cookie)
{
  struct cf_str left = cf_request_variable(rq, "HTTP_COOKIE");
  struct cf_str value;
  while (cf_cookie_next(&left, &value)) {
    struct cf_token *token = cf_sessions_get(s, value, now_us);
    if (token == NULL)
      continue;
    *cookie = value;
    return token;
  }
  return NULL;
}

/* ---- a change ---- */

/* Mark a session as over: it is nobody's from now on. */
static void session_over(struct cf_sessions *s, struct session *session)
{
  pthread_rwlock_wrlock(&s->lock);
  session->end_us = OVER_US;
  pthread_rwlock_unlock(&s->lock);
}

static void next_free(struct next *next)
{
  free(next->v);
  free(next->rows);
  *next = (struct next){.v = NULL};
}

static void next_row(struct next *next, struct cf_str key, struct cf_str value, bool gone)
{
  next->rows[next->rows_n++] = (struct cf_row){CF_TABLE_SESSIONS, key, value, gone};
}

static void next_add(struct next *next, const struct session *add)
{
  size_t i = place_of(next->v, next->n, add->key);
  memmove(&next->v[i + 1], &next->v[i], (next->n - i) * sizeof *next->v);
  next->v[i] = *add;
  next->n++;
  row_put(add, next->added);
  next_row(next, KEY(next->v[i].key), (struct cf_str){(const char *)next->added, ROW_N}, false);
}

/* Under `change`: the table without what is over, and with one more where add
 * is not NULL. */
static enum cf_err next_make(struct cf_sessions *s, const struct session *add)
{
  struct next *next = &s->next;
  *next = (struct next){.v = malloc((s->n + 1) * sizeof *next->v),
                        .rows = malloc((s->n + 2) * sizeof *next->rows)};
  if (next->v == NULL || next->rows == NULL) {
    next_free(next);
    return CF_E_NOMEM;
  }
  for (size_t i = 0; i < s->n; i++) {
    if (s->v[i].end_us == OVER_US)
      next_row(next, KEY(s->v[i].key), CF_STR(""), true);
    else
      next->v[next->n++] = s->v[i];
  }
  if (add != NULL)
    next_add(next, add);
  if (s->has_secret) {
    mark_make(s->secret, next->v, next->n, next->mark);
    next_row(next, CF_STR(MARK_KEY), KEY(next->mark), false);
  }
  return CF_OK;
}

/* What is on disk is in memory too; what is not was not. */
static void next_settle(struct cf_sessions *s, enum cf_err err)
{
  if (err == CF_OK) {
    pthread_rwlock_wrlock(&s->lock);
    struct session *old = s->v;
    s->v = s->next.v;
    s->n = s->next.n;
    s->next.v = old;
    pthread_rwlock_unlock(&s->lock);
  }
  next_free(&s->next);
}

/* A new secret: with the old one goes whatever copy of the table there is. In
 * the signer's directory first: cut short between the two they do not fit, and
 * all sessions end. So they do where there can be no new one: the old one would
 * let a copy be put back. */
static void secret_renew(struct cf_sessions *s)
{
  enum cf_err err = cf_instance_renew(s->signer, s->secret);
  s->has_secret = err == CF_OK;
  if (s->has_secret || s->signer == NULL)
    return;
  cf_instance_forget(s->signer);
  cf_log(CF_LOG_WARNING,
         "%s/instance could not be renewed (%s): the page's sessions end with this process",
         s->signer, cf_err_word(err));
}

/* Mark what has ended, or whose token has; gives whether anything is over. */
static bool over_mark(struct cf_sessions *s, int64_t now_us)
{
  bool any = false;
  for (size_t i = 0; i < s->n; i++) {
    struct cf_token *token = token_of(s, &s->v[i], now_us);
    if (token == NULL)
      session_over(s, &s->v[i]);
    any |= token == NULL;
    cf_token_put(token);
  }
  return any;
}

/* Under `change`: the table on disk as it is in memory. */
static enum cf_err table_write(struct cf_sessions *s)
{
  enum cf_err err = next_make(s, NULL);
  if (err != CF_OK)
    return err;
  struct cf_append append = {.by = CF_BY_LEDGER, .rows = s->next.rows, .rows_n = s->next.rows_n};
  err = cf_ledger_append(s->ledger, &append);
  next_settle(s, err);
  return err;
}

void cf_sessions_tick(struct cf_sessions *s, int64_t now_us)
{
  static struct cf_log_rate rate;
  if (cf_clock_mono_us() - s->swept_us < SWEEP_US ||
      cf_tokens_ready(s->tokens, CF_TOKENS_ALL) != CF_OK)
    return;
  s->swept_us = cf_clock_mono_us();
  pthread_mutex_lock(&s->change);
  enum cf_err err = over_mark(s, now_us) ? table_write(s) : CF_OK;
  pthread_mutex_unlock(&s->change);
  if (err != CF_OK)
    cf_log_rated(&rate, CF_LOG_WARNING, "ended sessions could not be removed: %s",
                 cf_err_word(err));
}

/* ---- life ---- */

struct loading {
  struct cf_sessions *sessions;
  size_t max;
  struct cf_buf mark;
};

/* A row that is none is nobody's session. They come in order of their keys. */
static enum cf_err load_row(void *context, struct cf_str key, struct cf_str value)
{
  struct loading *loading = context;
  struct cf_sessions *s = loading->sessions;
  struct session session;
  if (cf_str_is(key, MARK_KEY))
    cf_buf_putstr(&loading->mark, value);
  if (!row_get(key, value, &session))
    return CF_OK;
  if (s->n == loading->max) {
    size_t max = 2 * loading->max + 16;
    struct session *grown = realloc(s->v, max * sizeof *grown);
    if (grown == NULL)
      return CF_E_NOMEM;
    s->v = grown;
    loading->max = max;
  }
  s->v[s->n++] = session;
  return CF_OK;
}

/* Is the table what was written under the secret that the signer's directory
 * has? */
static bool mark_ok(struct cf_sessions *s, struct cf_str kept)
{
  uint8_t mark[CF_HASH_N];
  s->has_secret = cf_instance_get(s->signer, s->secret) == CF_OK;
  if (!s->has_secret || kept.n != sizeof mark)
    return false;
  mark_make(s->secret, s->v, s->n, mark);
  return cf_equal(kept.p, mark, sizeof mark);
}

static void end_all(struct cf_sessions *s)
{
  for (size_t i = 0; i < s->n; i++)
    s->v[i].end_us = OVER_US;
}

/* Nothing but memory keeps the service from starting: without sessions people
 * sign in again. */
static enum cf_err sessions_load(struct cf_sessions *s, bool *first)
{
  struct loading loading = {.sessions = s};
  cf_buf_init(&loading.mark, CF_HASH_N);
  enum cf_err err = cf_ledger_each_row(s->ledger, CF_TABLE_SESSIONS, load_row, &loading);
  *first = loading.mark.n == 0;
  if (!mark_ok(s, cf_buf_str(&loading.mark)) || err != CF_OK) {
    end_all(s);
    if (err != CF_OK || s->n > 0 || !*first)
      cf_log(
          CF_LOG_WARNING,
          "all sessions of the page end: the data or the signer's directory is not as it was left");
  }
  cf_buf_fini(&loading.mark);
  if (err == CF_E_NOMEM)
    return err;
  secret_renew(s);
  err = table_write(s);
  if (err != CF_OK)
    cf_log(CF_LOG_WARNING, "the page's sessions could not be written and may end: %s",
           cf_err_word(err));
  return CF_OK;
}

enum cf_err cf_sessions_new(const struct cf_conf *conf, struct cf_ledger *ledger,
                            struct cf_tokens *tokens, struct cf_sessions **sessions, bool *first)
{
  struct cf_sessions *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  made->tokens = tokens;
  made->signer = cf_conf_signer_directory(conf);
  made->swept_us = cf_clock_mono_us() - SWEEP_US;
  CF_ASSERT(pthread_mutex_init(&made->change, NULL) == 0);
  CF_ASSERT(pthread_rwlock_init(&made->lock, NULL) == 0);
  enum cf_err err = cf_ledger_is_copy(ledger) ? CF_OK : sessions_load(made, first);
  if (err == CF_OK)
    *sessions = made;
  else
    cf_sessions_free(made);
  return err;
}

void cf_sessions_free(struct cf_sessions *s)
{
  if (s == NULL)
    return;
  free(s->v);
  cf_wipe(s->secret, sizeof s->secret);
  pthread_mutex_destroy(&s->change);
  pthread_rwlock_destroy(&s->lock);
  free(s);
}

void cf_sessions_forget(const struct cf_conf *conf)
{
  cf_instance_forget(cf_conf_signer_directory(conf));
}

/* ---- signing in and out ---- */

/* The one that must go for another of the token, or NULL. */
static struct session *oldest_beyond(const struct cf_sessions *s, const char *token)
{
  struct session *of_token = NULL, *of_all = NULL;
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) {
    struct session *session = &s->v[i];
    if (of_all == NULL || session->made_us < of_all->made_us)
      of_all = session;
    if (strcmp(session->token, token) != 0)
      continue;
    n++;
    if (of_token == NULL || session->made_us < of_token->made_us)
      of_token = session;
  }
  return n >= CF_SESSIONS_TOKEN_MAX ? of_token : s->n >= CF_SESSIONS_MAX ? of_all : NULL;
}

static void draw_cookie(char cookie[CF_COOKIE_N + 1])
{
  uint8_t secret[SECRET_N];
  struct cf_buf b;
  cf_buf_fixed(&b, cookie, CF_COOKIE_N + 1);
  cf_random(secret, sizeof secret);
  cf_base64url_put(&b, secret, sizeof secret);
  CF_ASSERT(b.err == CF_OK && b.n == CF_COOKIE_N);
  cookie[CF_COOKIE_N] = '\0';
  cf_wipe(secret, sizeof secret);
}

enum cf_err cf_session_begin(struct cf_sessions *s, const struct cf_token *token, int64_t now_us,
                             struct cf_session_change *change)
{
  struct session session = {.made_us = now_us, .end_us = now_us + CF_SESSION_US};
  if (token->expires_us != CF_TIME_NONE && token->expires_us < session.end_us)
    session.end_us = token->expires_us;
  memcpy(session.token, token->id, sizeof session.token);
  draw_cookie(change->cookie);
  cf_sha256_1(change->cookie, CF_COOKIE_N, session.key);
  pthread_mutex_lock(&s->change);
  struct session *oldest = oldest_beyond(s, token->id);
  if (oldest != NULL) {
    session_over(s, oldest);
    secret_renew(s);
  }
  enum cf_err err = next_make(s, &session);
  change->end_us = session.end_us;
  change->rows = s->next.rows;
  change->rows_n = s->next.rows_n;
  if (err != CF_OK)
    pthread_mutex_unlock(&s->change);
  return err;
}

enum cf_err cf_session_end(struct cf_sessions *s, struct cf_str cookie,
                           struct cf_session_change *change)
{
  uint8_t key[CF_HASH_N];
  cf_sha256_1(cookie.p, cookie.n, key);
  pthread_mutex_lock(&s->change);
  struct session *session = session_of(s, key);
  if (session != NULL)
    session_over(s, session);
  secret_renew(s);
  enum cf_err err = next_make(s, NULL);
  *change = (struct cf_session_change){.rows = s->next.rows, .rows_n = s->next.rows_n};
  if (err != CF_OK)
    pthread_mutex_unlock(&s->change);
  return err;
}

void cf_session_settle(struct cf_sessions *s, struct cf_session_change *change, enum cf_err err)
{
  next_settle(s, err);
  pthread_mutex_unlock(&s->change);
  cf_wipe(change->cookie, sizeof change->cookie);
}
