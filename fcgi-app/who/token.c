/* SPDX-License-Identifier: MIT */
/* Roles, and one token: made, copied, judged by the time. */
#include "config.h"

#include "fcgi-app/who/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/source.h"

#define SECRET_N 32

static const char *const role_names[CF_ROLE_N] = {
#define CF_ROLE(symbol, name) [CF_ROLE_##symbol] = name,
    CF_ROLES(CF_ROLE)
#undef CF_ROLE
};

bool cf_roles_have(unsigned roles, enum cf_role role)
{
  static const unsigned within[CF_ROLE_N] =
      {[CF_ROLE_READER] = 1u << CF_ROLE_AUDITOR, [CF_ROLE_MONITOR] = 1u << CF_ROLE_AUDITOR};
  return (roles & (1u << role | within[role])) != 0;
}

enum cf_role cf_role_find(struct cf_str name)
{
  unsigned role = 0;
  while (role < CF_ROLE_N && !cf_str_is(name, role_names[role]))
    role++;
  return (enum cf_role)role;
}

const char *cf_role_name(enum cf_role role)
{
  return role_names[role];
}

void cf_roles_put(struct cf_buf *b, unsigned roles)
{
  const char *before = "[";
  for (unsigned role = 0; role < CF_ROLE_N; role++) {
    if ((roles & 1u << role) == 0)
      continue;
    cf_buf_putf(b, "%s\"%s\"", before, role_names[role]);
    before = ",";
  }
  cf_buf_puts(b, *before == '[' ? "[]" : "]");
}

/* ---- A token ---- */

/* Lower-case letters and digits without those that are mistaken for each other;
 * 32 of them, so that a random byte's low bits choose evenly. */
static void random_id(char id[CF_TOKEN_ID_N + 1])
{
  static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
  uint8_t bytes[CF_TOKEN_ID_N];
  cf_random(bytes, sizeof bytes);
  for (size_t i = 0; i < CF_TOKEN_ID_N; i++)
    id[i] = alphabet[bytes[i] & 31];
  id[CF_TOKEN_ID_N] = '\0';
}

static enum cf_err random_text(const char *id, char text[CF_TOKEN_TEXT_MAX])
{
  uint8_t secret[SECRET_N];
  struct cf_buf b;
  cf_buf_init(&b, CF_TOKEN_TEXT_MAX - 1);
  cf_random(secret, sizeof secret);
  cf_buf_putf(&b, "cf_%s_", id);
  cf_base64url_put(&b, secret, sizeof secret);
  if (b.err == CF_OK)
    strcpy(text, cf_buf_cstr(&b));
  cf_wipe(secret, sizeof secret);
  if (b.p != NULL)
    cf_wipe(b.p, b.n);
  enum cf_err err = b.err;
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_token_new(struct cf_token **token)
{
  struct cf_token *made = calloc(1, sizeof *made);
  char **sources = calloc(1, sizeof *sources);
  if (made == NULL || sources == NULL) {
    free(made);
    free(sources);
    return CF_E_NOMEM;
  }
  atomic_init(&made->holders, 1);
  made->sources = sources;
  made->made_us = cf_clock_now_us();
  made->expires_us = CF_TIME_NONE;
  made->revoked_us = CF_TIME_NONE;
  *token = made;
  return CF_OK;
}

enum cf_err cf_token_copy(const struct cf_token *token, struct cf_token **copy)
{
  struct cf_token *made = NULL;
  enum cf_err err = cf_token_new(&made);
  if (err == CF_OK)
    err = cf_token_set_name(made, cf_str_from(token->name), NULL);
  for (char **source = token->sources; err == CF_OK && *source != NULL; source++)
    err = cf_token_add_source(made, cf_str_from(*source), NULL);
  if (err != CF_OK) {
    cf_token_put(made);
    return err;
  }
  memcpy(made->id, token->id, sizeof made->id);
  memcpy(made->hash, token->hash, sizeof made->hash);
  made->roles = token->roles;
  made->made_us = token->made_us;
  made->expires_us = token->expires_us;
  made->revoked_us = token->revoked_us;
  *copy = made;
  return CF_OK;
}

enum cf_err cf_token_draw(struct cf_token *token, char text[CF_TOKEN_TEXT_MAX])
{
  random_id(token->id);
  enum cf_err err = random_text(token->id, text);
  if (err == CF_OK)
    cf_sha256_1(text, strlen(text), token->hash);
  return err;
}

void cf_token_put(struct cf_token *token)
{
  if (token == NULL || atomic_fetch_sub(&token->holders, 1) > 1)
    return;
  for (char **source = token->sources; *source != NULL; source++)
    free(*source);
  free(token->sources);
  free(token->name);
  free(token);
}

enum cf_err cf_token_set_name(struct cf_token *token, struct cf_str name, struct cf_fault *fault)
{
  if (!cf_source_ok(name))
    return cf_fail(
        fault, CF_E_INVALID, "name",
        "a name is 1 to 128 of letters, digits and . _ : / @ + = -, and not `counterfoil`");
  char *copy = cf_str_dup(name);
  if (copy == NULL)
    return CF_E_NOMEM;
  free(token->name);
  token->name = copy;
  return CF_OK;
}

enum cf_err cf_token_add_source(struct cf_token *token, struct cf_str source,
                                struct cf_fault *fault)
{
  size_t n = 0;
  while (token->sources[n] != NULL)
    n++;
  if (!cf_source_pattern_ok(source))
    return cf_fail(fault, CF_E_INVALID, "sources",
                   "a source is a name, or the beginning of one followed by *");
  if (n == CF_TOKEN_SOURCES_MAX)
    return cf_fail(fault, CF_E_INVALID, "sources", "at most %d sources", CF_TOKEN_SOURCES_MAX);
  char **grown = realloc(token->sources, (n + 2) * sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  token->sources = grown;
  grown[n + 1] = NULL;
  grown[n] = cf_str_dup(source);
  return grown[n] == NULL ? CF_E_NOMEM : CF_OK;
}

const char *cf_token_ended(const struct cf_token *token, int64_t now_us)
{
  if (token->refused != NULL)
    return "is refused, as its row is not what the chain tells: ask the operator for a new one";
  if (token->revoked_us != CF_TIME_NONE)
    return "was revoked";
  return token->expires_us == CF_TIME_NONE || now_us < token->expires_us ? NULL : "has expired";
}

bool cf_token_valid(const struct cf_token *token, int64_t now_us)
{
  return cf_token_ended(token, now_us) == NULL;
}

unsigned cf_token_roles(const struct cf_token *token)
{
  return token->doubted ? token->roles & 1u << CF_ROLE_WRITER : token->roles;
}
