/* SPDX-License-Identifier: MIT */
/* The table of tokens in memory: read from the ledger's rows, asked by every
 * request. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-app/who/token.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/record/json.h"

#define ROW_DEPTH 4

struct list {
  struct cf_token **v; /* ascending by id */
  size_t n;
};

struct cf_tokens {
  struct cf_ledger *ledger;
  pthread_rwlock_t lock;
  struct list list;
};

static void list_free(struct list *list)
{
  for (size_t i = 0; i < list->n; i++)
    cf_token_put(list->v[i]);
  free(list->v);
}

/* ---- rows ---- */

static enum cf_err read_time(const struct cf_json *v, int64_t *t_us)
{
  if (cf_json_type(v) == CF_JSON_NULL)
    return CF_OK;
  return cf_time_parse_strict(cf_json_string(v), t_us);
}

static enum cf_err read_roles(const struct cf_json *v, unsigned *roles)
{
  for (size_t i = 0; i < cf_json_count(v); i++) {
    enum cf_role role = cf_role_find(cf_json_string(cf_json_element(v, i)));
    if (role == CF_ROLE_N)
      return CF_E_SYNTAX;
    *roles |= 1u << role;
  }
  return CF_OK;
}

static enum cf_err read_sources(const struct cf_json *v, struct cf_token *token)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < cf_json_count(v) && err == CF_OK; i++)
    err = cf_token_add_source(token, cf_json_string(cf_json_element(v, i)), NULL);
  return err;
}

enum cf_err cf_token_get_members(struct cf_token *token, const struct cf_json *members)
{
  enum cf_err err = cf_token_set_name(token, cf_json_string(cf_json_member(members, "name")), NULL);
  if (err == CF_OK)
    err = read_roles(cf_json_member(members, "roles"), &token->roles);
  if (err == CF_OK)
    err = read_sources(cf_json_member(members, "sources"), token);
  return err == CF_OK ? read_time(cf_json_member(members, "expires"), &token->expires_us) : err;
}

static enum cf_err fill_token(struct cf_token *token, struct cf_str id, const struct cf_json *row)
{
  if (id.n != CF_TOKEN_ID_N)
    return CF_E_SYNTAX;
  memcpy(token->id, id.p, id.n);
  token->is_old = cf_json_member(row, "version") == NULL;
  enum cf_err err = cf_token_get_members(token, row);
  if (err == CF_OK)
    err = cf_base64_get_n(cf_json_string(cf_json_member(row, "hash")), token->hash,
                          sizeof token->hash);
  if (err == CF_OK)
    err = read_time(cf_json_member(row, "made"), &token->made_us);
  return err == CF_OK ? read_time(cf_json_member(row, "revoked"), &token->revoked_us) : err;
}

/* One that cannot be read costs that token and no other. */
static enum cf_err add_row(void *context, struct cf_str key, struct cf_str value)
{
  struct list *list = context;
  struct cf_json *row = NULL;
  struct cf_token *token = NULL;
  enum cf_err err = cf_json_parse(value, ROW_DEPTH, &row, NULL);
  if (err == CF_OK)
    err = cf_token_new(&token);
  if (err == CF_OK)
    err = fill_token(token, key, row);
  struct cf_token **grown = err == CF_OK ? realloc(list->v, (list->n + 1) * sizeof *grown) : NULL;
  if (err == CF_OK && grown == NULL)
    err = CF_E_NOMEM;
  if (err == CF_OK) {
    list->v = grown;
    list->v[list->n++] = token;
    token = NULL;
  }
  cf_token_put(token);
  cf_json_free(row);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_log(CF_LOG_ERROR, "the token %.*s is refused, as its row cannot be read: make a new one",
         (int)(key.n < CF_TOKEN_ID_N ? key.n : CF_TOKEN_ID_N), key.p);
  return CF_OK;
}

/* ---- the table ---- */

enum cf_err cf_tokens_load(struct cf_tokens *tokens)
{
  struct list fresh = {NULL, 0};
  enum cf_err err = cf_ledger_each_row(tokens->ledger, CF_TABLE_TOKENS, add_row, &fresh);
  if (err != CF_OK) {
    list_free(&fresh);
    return err;
  }
  pthread_rwlock_wrlock(&tokens->lock);
  struct list old = tokens->list;
  tokens->list = fresh;
  pthread_rwlock_unlock(&tokens->lock);
  list_free(&old);
  return CF_OK;
}

enum cf_err cf_tokens_new(struct cf_ledger *ledger, struct cf_tokens **tokens)
{
  struct cf_tokens *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  CF_ASSERT(pthread_rwlock_init(&made->lock, NULL) == 0);
  enum cf_err err = cf_tokens_load(made);
  if (err == CF_OK)
    *tokens = made;
  else
    cf_tokens_free(made);
  return err;
}

void cf_tokens_free(struct cf_tokens *tokens)
{
  if (tokens == NULL)
    return;
  list_free(&tokens->list);
  pthread_rwlock_destroy(&tokens->lock);
  free(tokens);
}

static int by_id(const void *key, const void *element)
{
  const struct cf_str *id = key;
  const struct cf_token *const *token = element;
  return cf_str_cmp(*id, cf_str_from((*token)->id));
}

struct cf_token *cf_tokens_get(struct cf_tokens *tokens, struct cf_str id)
{
  pthread_rwlock_rdlock(&tokens->lock);
  struct cf_token **found = tokens->list.n == 0 ? NULL
                                                : bsearch(&id, tokens->list.v, tokens->list.n,
                                                          sizeof(struct cf_token *), by_id);
  struct cf_token *token = found == NULL ? NULL : *found;
  if (token != NULL)
    atomic_fetch_add(&token->holders, 1);
  pthread_rwlock_unlock(&tokens->lock);
  return token;
}

struct cf_token *cf_tokens_check(struct cf_tokens *tokens, struct cf_str text, int64_t now_us)
{
  static const uint8_t nothing[CF_HASH_N];
  if (text.n >= CF_TOKEN_TEXT_MAX || !cf_str_starts(text, CF_STR("cf_")))
    return NULL;
  struct cf_str left = {text.p + 3, text.n - 3};
  struct cf_token *token = cf_tokens_get(tokens, cf_str_cut(&left, '_'));
  uint8_t hash[CF_HASH_N];
  cf_sha256_1(text.p, text.n, hash);
  bool same = cf_equal(hash, token == NULL ? nothing : token->hash, CF_HASH_N);
  if (token != NULL && same && cf_token_valid(token, now_us))
    return token;
  cf_token_put(token);
  return NULL;
}

void cf_tokens_each(struct cf_tokens *tokens,
                    void (*each)(void *context, const struct cf_token *token), void *context)
{
  pthread_rwlock_rdlock(&tokens->lock);
  for (size_t i = 0; i < tokens->list.n; i++)
    each(context, tokens->list.v[i]);
  pthread_rwlock_unlock(&tokens->lock);
}
