/* SPDX-License-Identifier: MIT */
/* Rows of tokens held against what the chain tells of them, both ways. */
#include "config.h"

#include "fcgi-app/who/token_compare.h"

#include "fcgi-app/who/token_in.h"

struct check {
  const struct cf_token_differ *differ;
  struct cf_token_told told;
};

static void tell(const struct check *c, const struct cf_told_token *as, struct cf_str id,
                 const char *what)
{
  c->differ->call(c->differ->context, as != NULL ? &as->seq : NULL, id, what);
}

static enum cf_err row_check(void *context, struct cf_str key, struct cf_str value)
{
  struct check *c = context;
  struct cf_token *token = NULL;
  struct cf_told_token *as = cf_token_told_get(&c->told, key);
  enum cf_err err = cf_token_told_row(&c->told, key, value, &token);
  if (as != NULL)
    as->has_row = true;
  if (err == CF_OK && token == NULL)
    tell(c, NULL, key, "no record tells of it");
  else if (err == CF_OK && token != NULL && token->refused != NULL && !token->doubted)
    tell(c, as, key, token->refused);
  cf_token_put(token);
  return err;
}

static void missing_tell(const struct check *c)
{
  for (size_t i = 0; i < c->told.n; i++) {
    const struct cf_told_token *as = &c->told.each[i];
    if (!as->has_row && !as->revoked && !cf_token_told_doubts(&c->told, as))
      tell(c, as, cf_str_from(as->token->id), "it has no row");
  }
}

static enum cf_err rows_check(struct check *c, struct cf_ledger *ledger, bool lost)
{
  enum cf_err err = cf_token_told_read(&c->told, ledger, true);
  if (err == CF_OK && c->told.unread > 0)
    tell(c, NULL, CF_STR(""), "not all can be judged: a record cannot be read");
  if (err == CF_OK)
    err = cf_ledger_each_row(ledger, CF_TABLE_TOKENS, row_check, c);
  if (err == CF_OK && !lost)
    missing_tell(c);
  return err;
}

enum cf_err cf_tokens_compare(struct cf_tokens *tokens, bool lost,
                              const struct cf_token_differ *differ)
{
  struct check c = {.differ = differ};
  enum cf_err err =
      cf_token_told_read(&c.told, tokens->ledger, true); /* nearly all, without a lock */
  if (err == CF_OK)
    err = cf_tokens_enter(tokens);
  if (err == CF_OK) {
    err = rows_check(&c, tokens->ledger, lost);
    cf_tokens_leave(tokens);
  }
  cf_token_told_fini(&c.told);
  return err;
}
