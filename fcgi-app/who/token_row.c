/* SPDX-License-Identifier: MIT */
/* A token as JSON: shown, kept as a row, read out of one. */
#include "config.h"

#include <string.h>

#include "fcgi-app/who/token.h"
#include "lib/base/codec.h"
#include "lib/record/json.h"

#define ROW_DEPTH   4
#define ROW_VERSION 2                                  /* one without a version is of 0.1.0 */
#define ROW_END_N   (sizeof ",\"mac\":\"\"}" - 1 + 44) /* with the base64 of a hash */

/* ---- written ---- */

static void put_time(struct cf_buf *b, const char *name, int64_t t_us)
{
  if (t_us != CF_TIME_NONE) {
    cf_json_put_member_time(b, name, t_us);
  } else {
    cf_json_put_name(b, name);
    cf_buf_puts(b, "null");
  }
}

void cf_token_put_members(const struct cf_token *token, struct cf_buf *b)
{
  cf_json_put_member(b, "id", cf_str_from(token->id));
  cf_json_put_member(b, "name", cf_str_from(token->name));
  cf_json_put_name(b, "roles");
  cf_roles_put(b, token->roles);
  cf_json_put_name(b, "sources");
  cf_buf_putc(b, '[');
  for (char **source = token->sources; *source != NULL; source++) {
    if (source != token->sources)
      cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_from(*source));
  }
  cf_buf_putc(b, ']');
  put_time(b, "made", token->made_us);
  put_time(b, "expires", token->expires_us);
  put_time(b, "revoked", token->revoked_us);
}

/* What ends the text of a row: its MAC, where there is a key. */
static void row_end(const struct cf_ledger *ledger, struct cf_str id, struct cf_buf *b)
{
  const struct cf_row row = {.table = CF_TABLE_TOKENS, .key = id, .value = cf_buf_str(b)};
  uint8_t mac[CF_HASH_N];
  if (b->err == CF_OK && cf_ledger_row_mac(ledger, &row, mac))
    cf_json_put_member_base64(b, "mac", mac, sizeof mac);
  cf_buf_putc(b, '}');
}

void cf_token_put_row(const struct cf_token *token, const struct cf_ledger *ledger,
                      struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_token_put_members(token, b);
  cf_json_put_member_base64(b, "hash", token->hash, sizeof token->hash);
  cf_json_put_member_u64(b, "version", ROW_VERSION);
  row_end(ledger, cf_str_from(token->id), b);
}

bool cf_token_row_is_own(const struct cf_ledger *ledger, struct cf_str id, struct cf_str value)
{
  struct cf_buf b;
  if (value.n < ROW_END_N)
    return false;
  cf_buf_init(&b, value.n);
  cf_buf_put(&b, value.p, value.n - ROW_END_N);
  row_end(ledger, id, &b);
  bool own = b.err == CF_OK && b.n == value.n && cf_equal(b.p, value.p, value.n);
  cf_buf_fini(&b);
  return own;
}

/* ---- read ---- */

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

static enum cf_err row_fill(struct cf_token *token, struct cf_str id, const struct cf_json *row)
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

enum cf_err cf_token_get_row(struct cf_str id, struct cf_str value, struct cf_token **token)
{
  struct cf_json *row = NULL;
  struct cf_token *made = NULL;
  enum cf_err err = cf_json_parse(value, ROW_DEPTH, &row, NULL);
  if (err == CF_OK)
    err = cf_token_new(&made);
  if (err == CF_OK)
    err = row_fill(made, id, row);
  cf_json_free(row);
  if (err == CF_OK)
    *token = made;
  else
    cf_token_put(made);
  return err;
}
