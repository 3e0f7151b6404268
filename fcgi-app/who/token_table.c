/* SPDX-License-Identifier: MIT */
/* The table of tokens in memory: the ledger's rows that the chain vouches for,
 * asked by every request. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/who/token_in.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"

#define TELL_MAX 8 /* of those that are refused the log names so many */

/* ---- reading it ---- */

struct loading {
  const struct cf_token_told *told;
  struct cf_token **v;
  size_t n, refused, doubted, untold, strange;
};

static void loading_fini(struct loading *loading)
{
  for (size_t i = 0; i < loading->n; i++)
    cf_token_put(loading->v[i]);
  free(loading->v);
}

/* What is nobody's takes no room. Rows come in order of their keys. */
static enum cf_err add_row(void *context, struct cf_str key, struct cf_str value)
{
  struct loading *loading = context;
  struct cf_token *token = NULL;
  struct cf_token **grown = realloc(loading->v, (loading->n + 1) * sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  loading->v = grown;
  enum cf_err err = cf_token_told_row(loading->told, key, value, &token);
  if (err != CF_OK)
    return err;
  if (token == NULL) {
    loading->strange++;
    return CF_OK;
  }
  loading->refused += token->refused != NULL && !token->doubted;
  loading->doubted += token->doubted;
  loading->untold += token->doubted && cf_token_told_get(loading->told, key) == NULL;
  loading->v[loading->n++] = token;
  return CF_OK;
}

/* Once for a start. */
static void refused_tell(const struct loading *loading)
{
  size_t told = 0;
  for (size_t i = 0; i < loading->n && told < TELL_MAX; i++) {
    const struct cf_token *token = loading->v[i];
    if (token->refused == NULL || token->doubted)
      continue;
    told++;
    cf_log(
        CF_LOG_ERROR,
        "the token %s is refused: %s: see `counterfoil verify --deep`; put a good copy of the data back, or revoke it and make a new one",
        token->id, token->refused);
  }
  if (loading->refused > told)
    cf_log(CF_LOG_ERROR, "%zu more tokens are refused: see `counterfoil verify --deep`",
           loading->refused - told);
  if (loading->doubted > 0)
    cf_log(
        CF_LOG_ERROR,
        "%zu tokens may at most write, as a record that may tell of them cannot be read, and no other tells of %zu: see `counterfoil verify`; put a good copy of its segment back, or make new tokens",
        loading->doubted, loading->untold);
  if (loading->strange > 0)
    cf_log(
        CF_LOG_ERROR,
        "%zu rows of the table of tokens are refused, as no record tells of them: see `counterfoil verify --deep`",
        loading->strange);
}

enum cf_err cf_tokens_load(struct cf_tokens *tokens, bool whole)
{
  struct loading fresh = {.told = &tokens->told};
  enum cf_err err = cf_token_told_read(&tokens->told, tokens->ledger, whole);
  if (err == CF_OK)
    err = cf_ledger_each_row(tokens->ledger, CF_TABLE_TOKENS, add_row, &fresh);
  if (err != CF_OK) {
    loading_fini(&fresh);
    return err;
  }
  if (whole && !tokens->loaded)
    refused_tell(&fresh);
  tokens->loaded |= whole;
  struct loading old = {.v = tokens->v, .n = tokens->n};
  pthread_rwlock_wrlock(&tokens->lock);
  tokens->v = fresh.v;
  tokens->n = fresh.n;
  pthread_rwlock_unlock(&tokens->lock);
  atomic_store(&tokens->refused, whole ? fresh.refused + fresh.strange : 0);
  atomic_store(&tokens->doubted, whole ? fresh.doubted : 0);
  loading_fini(&old);
  return CF_OK;
}

/* ---- life ---- */

enum cf_err cf_tokens_new(struct cf_ledger *ledger, struct cf_tokens **tokens)
{
  struct cf_tokens *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  atomic_init(&made->known, CF_TOKENS_UNKNOWN);
  atomic_init(&made->refused, 0);
  atomic_init(&made->doubted, 0);
  CF_ASSERT(pthread_mutex_init(&made->change, NULL) == 0);
  CF_ASSERT(pthread_rwlock_init(&made->lock, NULL) == 0);
  *tokens = made;
  return CF_OK;
}

void cf_tokens_free(struct cf_tokens *tokens)
{
  if (tokens == NULL)
    return;
  struct loading list = {.v = tokens->v, .n = tokens->n};
  loading_fini(&list);
  cf_token_told_fini(&tokens->told);
  pthread_mutex_destroy(&tokens->change);
  pthread_rwlock_destroy(&tokens->lock);
  free(tokens);
}

size_t cf_tokens_refused(struct cf_tokens *tokens)
{
  return atomic_load(&tokens->refused);
}

size_t cf_tokens_doubted(struct cf_tokens *tokens)
{
  return atomic_load(&tokens->doubted);
}

/* ---- asking it ---- */

static int by_id(const void *key, const void *element)
{
  const struct cf_str *id = key;
  const struct cf_token *const *token = element;
  return cf_str_cmp(*id, cf_str_from((*token)->id));
}

struct cf_token *cf_tokens_get(struct cf_tokens *tokens, struct cf_str id)
{
  pthread_rwlock_rdlock(&tokens->lock);
  struct cf_token **found =
      tokens->n == 0 ? NULL : bsearch(&id, tokens->v, tokens->n, sizeof(struct cf_token *), by_id);
  struct cf_token *token = found == NULL ? NULL : *found;
  if (token != NULL)
    atomic_fetch_add(&token->holders, 1);
  pthread_rwlock_unlock(&tokens->lock);
  return token;
}

struct cf_token *cf_tokens_live(struct cf_tokens *tokens, const char *name, const char *but,
                                int64_t now_us)
{
  struct cf_token *found = NULL;
  pthread_rwlock_rdlock(&tokens->lock);
  for (size_t i = 0; i < tokens->n && found == NULL; i++)
    if (cf_token_valid(tokens->v[i], now_us) && strcmp(tokens->v[i]->name, name) == 0 &&
        strcmp(tokens->v[i]->id, but) != 0)
      found = tokens->v[i];
  if (found != NULL)
    atomic_fetch_add(&found->holders, 1);
  pthread_rwlock_unlock(&tokens->lock);
  return found;
}

struct cf_token *cf_tokens_find(struct cf_tokens *tokens, struct cf_str text)
{
  static const uint8_t nothing[CF_HASH_N];
  if (text.n >= CF_TOKEN_TEXT_MAX || !cf_str_starts(text, CF_STR("cf_")))
    return NULL;
  struct cf_str left = {text.p + 3, text.n - 3};
  struct cf_token *token = cf_tokens_get(tokens, cf_str_cut(&left, '_'));
  uint8_t hash[CF_HASH_N];
  cf_sha256_1(text.p, text.n, hash);
  bool same = cf_equal(hash, token == NULL ? nothing : token->hash, CF_HASH_N);
  if (token != NULL && same)
    return token;
  cf_token_put(token);
  return NULL;
}

void cf_tokens_each(struct cf_tokens *tokens,
                    void (*each)(void *context, const struct cf_token *token), void *context)
{
  pthread_rwlock_rdlock(&tokens->lock);
  for (size_t i = 0; i < tokens->n; i++)
    each(context, tokens->v[i]);
  pthread_rwlock_unlock(&tokens->lock);
}
