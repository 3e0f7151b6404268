/* SPDX-License-Identifier: MIT */
/* Changes of tokens: a record and a row each (format.md, kind `token`). */
#include "config.h"

#include <stdlib.h>

#include "fcgi-app/who/token_in.h"
#include "lib/base/diag.h"
#include "lib/record/control.h"
#include "lib/record/source.h"

#define AGAIN_US INT64_C(60000000) /* after which what could not be read is tried again */

/* ---- one append ---- */

/* Tokens on their way: events, rows and what they point into. */
struct putting {
  const struct cf_ledger *ledger;
  struct cf_event event[CF_TOKENS_PUT_MAX];
  const struct cf_event *pointer[CF_TOKENS_PUT_MAX];
  struct cf_place place[CF_TOKENS_PUT_MAX];
  struct cf_buf text[CF_TOKENS_PUT_MAX];
  struct cf_row row[CF_TOKENS_PUT_MAX];
  size_t n;
};

static enum cf_err make_event(const struct cf_token *token, const char *what,
                              const struct cf_token_by *by, struct cf_event *event,
                              struct cf_fault *fault)
{
  const char *roles[CF_ROLE_N + 1];
  uint8_t hash[CF_HASH_N];
  size_t n = 0;
  for (enum cf_role role = 0; role < CF_ROLE_N; role++)
    if ((token->roles & 1u << role) != 0)
      roles[n++] = cf_role_name(role);
  roles[n] = NULL;
  cf_sha256_1(token->hash, CF_HASH_N, hash);
  struct cf_control_token told = {.what = what,
                                  .source = by->source,
                                  .user = by->user,
                                  .credential = by->credential,
                                  .id = token->id,
                                  .name = token->name,
                                  .roles = roles,
                                  .sources = (const char *const *)token->sources,
                                  .expires_us = token->expires_us,
                                  .hash = hash};
  return cf_control_token(&told, event, fault);
}

static enum cf_err putting_add(struct putting *c, const struct cf_token *token, const char *what,
                               const struct cf_token_by *by, struct cf_fault *fault)
{
  struct cf_buf *text = &c->text[c->n];
  enum cf_err err = make_event(token, what, by, &c->event[c->n], fault);
  if (err != CF_OK)
    return err;
  cf_buf_init(text, SIZE_MAX);
  cf_token_put_row(token, c->ledger, text);
  c->pointer[c->n] = &c->event[c->n];
  c->row[c->n] =
      (struct cf_row){CF_TABLE_TOKENS, cf_str_from(token->id), cf_buf_str(text), .gone = false};
  c->n++;
  return text->err;
}

static void putting_free(struct putting *c)
{
  for (size_t i = 0; i < c->n; i++) {
    cf_event_fini(&c->event[i]);
    cf_buf_fini(&c->text[i]);
  }
  free(c);
}

/* The table follows what is durable, or nobody is let in by it until it
 * does. */
enum cf_err cf_tokens_put(struct cf_tokens *tokens, const struct cf_token_change *change, size_t n,
                          const struct cf_token_by *by, struct cf_fault *fault)
{
  struct putting *c = calloc(1, sizeof *c);
  if (c == NULL)
    return CF_E_NOMEM;
  c->ledger = tokens->ledger;
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = putting_add(c, change[i].token, change[i].what, by, fault);
  if (err == CF_OK) {
    struct cf_append append = {.events = c->pointer,
                               .n = n,
                               .rows = c->row,
                               .rows_n = n,
                               .places = c->place};
    err = cf_ledger_append(tokens->ledger, &append);
  }
  putting_free(c);
  if (err != CF_OK)
    return err;
  err = cf_tokens_load(tokens, true);
  if (err != CF_OK)
    atomic_store(&tokens->known, CF_TOKENS_UNKNOWN);
  return err;
}

/* ---- of before ---- */

/* What `admin` was when it was a role that has others. */
#define ADMIN_WAS \
  (1u << CF_ROLE_WRITER | 1u << CF_ROLE_READER | 1u << CF_ROLE_AUDITOR | 1u << CF_ROLE_ADMIN)

/* Copies of the valid tokens whose rows are of before, with their roles by
 * name. */
struct batch {
  struct cf_token *v[CF_TOKENS_PUT_MAX];
  size_t n;
  int64_t now_us;
  enum cf_err err;
};

static void batch_add(void *context, const struct cf_token *token)
{
  struct batch *b = context;
  if (!token->is_old || token->doubted || !cf_token_valid(token, b->now_us) ||
      b->n == CF_TOKENS_PUT_MAX || b->err != CF_OK)
    return;
  b->err = cf_token_copy(token, &b->v[b->n]);
  if (b->err != CF_OK)
    return;
  if ((token->roles & 1u << CF_ROLE_ADMIN) != 0)
    b->v[b->n]->roles |= ADMIN_WAS;
  b->n++;
}

/* Lets go of them in any case. */
static enum cf_err batch_put(struct cf_tokens *tokens, struct batch *b)
{
  const struct cf_token_by by = {.source = CF_STR(CF_SOURCE_OWN)};
  struct cf_token_change change[CF_TOKENS_PUT_MAX];
  enum cf_err err = b->err;
  for (size_t i = 0; i < b->n; i++)
    change[i] = (struct cf_token_change){b->v[i], "add"};
  if (err == CF_OK && b->n > 0)
    err = cf_tokens_put(tokens, change, b->n, &by, NULL);
  for (size_t i = 0; i < b->n; i++)
    cf_token_put(b->v[i]);
  return err;
}

/* Give each valid token whose row is of before a new one and a record `add`
 * that tells of it: the same token, and where it is an admin's, with the roles
 * by name that were within it. One that was cut short is gone on with at the
 * next start. */
static enum cf_err tokens_renew(struct cf_tokens *tokens)
{
  struct batch batch;
  size_t renewed = 0;
  enum cf_err err;
  do {
    batch = (struct batch){.now_us = cf_clock_now_us(), .err = CF_OK};
    cf_tokens_each(tokens, batch_add, &batch);
    err = batch_put(tokens, &batch);
    renewed += batch.n;
  } while (err == CF_OK && batch.n == CF_TOKENS_PUT_MAX);
  if (err == CF_OK && renewed > 0)
    cf_log(CF_LOG_INFO, "%zu tokens of an older version now have by name what they could do",
           renewed);
  return err;
}

/* ---- the first time ---- */

/* Under change: all that the chain tells of them. */
static enum cf_err tokens_know_all(struct cf_tokens *tokens)
{
  if (atomic_load(&tokens->known) == CF_TOKENS_ALL)
    return CF_OK;
  enum cf_err err = cf_tokens_load(tokens, true);
  if (err == CF_OK && !cf_ledger_is_copy(tokens->ledger))
    err = tokens_renew(tokens);
  if (err == CF_OK)
    atomic_store(&tokens->known, CF_TOKENS_ALL);
  return err;
}

static void old_find(void *context, const struct cf_token *token)
{
  *(bool *)context |= token->is_old && cf_token_valid(token, cf_clock_now_us());
}

/* Under change: so much as writers need. Those of before are told again first:
 * `admin` alone was a writer too. */
static enum cf_err tokens_know_writers(struct cf_tokens *tokens)
{
  bool has_old = false;
  if (atomic_load(&tokens->known) != CF_TOKENS_UNKNOWN)
    return CF_OK;
  enum cf_err err = cf_tokens_load(tokens, false);
  if (err != CF_OK)
    return err;
  cf_tokens_each(tokens, old_find, &has_old);
  if (has_old)
    return tokens_know_all(tokens);
  atomic_store(&tokens->known, CF_TOKENS_WRITERS);
  return CF_OK;
}

enum cf_err cf_tokens_enter(struct cf_tokens *tokens)
{
  pthread_mutex_lock(&tokens->change);
  enum cf_err err = tokens_know_all(tokens);
  if (err != CF_OK)
    pthread_mutex_unlock(&tokens->change);
  return err;
}

void cf_tokens_leave(struct cf_tokens *tokens)
{
  pthread_mutex_unlock(&tokens->change);
}

enum cf_err cf_tokens_ready(struct cf_tokens *tokens, enum cf_tokens_known least)
{
  if (atomic_load(&tokens->known) >= (int)least)
    return CF_OK;
  pthread_mutex_lock(&tokens->change);
  enum cf_err err = least == CF_TOKENS_ALL ? tokens_know_all(tokens) : tokens_know_writers(tokens);
  pthread_mutex_unlock(&tokens->change);
  return err;
}

void cf_tokens_tick(struct cf_tokens *tokens)
{
  static struct cf_log_rate rate;
  int64_t now_us = cf_clock_mono_us();
  enum cf_err err = cf_tokens_enter(tokens);
  if (err == CF_OK) {
    if (tokens->told.unread > 0 && now_us - tokens->doubted_us >= AGAIN_US) {
      tokens->doubted_us = now_us;
      err = cf_tokens_load(tokens, true);
    }
    cf_tokens_leave(tokens);
  }
  if (err != CF_OK && err != CF_E_LEAVING)
    cf_log_rated(&rate, CF_LOG_WARNING,
                 "tokens cannot be held against the chain (%s); until then they are refused",
                 cf_err_word(err));
}
