/* SPDX-License-Identifier: MIT */
/* Tokens and roles (api.md, Who may). A token is `cf_<id>_<secret>`; what is
 * kept of it is the SHA-256 of its text. */
#ifndef CF_WHO_TOKEN_H
#define CF_WHO_TOKEN_H

#include <stdatomic.h>

#include "lib/ledger/ledger.h"

/* ---- roles ---- */
#define CF_ROLES(X) \
  X(WRITER, "writer") \
  X(READER, "reader") \
  X(AUDITOR, "auditor") X(OFFICER, "officer") X(MONITOR, "monitor") X(ADMIN, "admin")
/* for whoever has to choose one */
#define CF_ROLE_WORDS "writer, reader, auditor, officer, monitor, admin"
enum cf_role {
#define CF_ROLE(symbol, name) CF_ROLE_##symbol,
  CF_ROLES(CF_ROLE)
#undef CF_ROLE
      CF_ROLE_N
};
_Static_assert(CF_ROLE_N < 32, "a mask of roles");
#define CF_ROLES_ALL ((1u << CF_ROLE_N) - 1)
/* Does a holder of these roles (a mask of 1 << enum cf_role) have the role,
 * itself or within another? An auditor is a reader and a monitor; nothing else
 * is within another role, not even within admin. */
bool cf_roles_have(unsigned roles, enum cf_role role);
/* The role of that name, or CF_ROLE_N. */
enum cf_role cf_role_find(struct cf_str name);
const char *cf_role_name(enum cf_role role);
/* Append the roles as a JSON list of their names. */
void cf_roles_put(struct cf_buf *b, unsigned roles);

/* ---- a token ---- */
#define CF_TOKEN_ID_N        10
#define CF_TOKEN_TEXT_MAX    128
#define CF_TOKEN_SOURCES_MAX 32

/* Never changed once it is in a table; counted. */
struct cf_token {
  atomic_uint holders;
  char id[CF_TOKEN_ID_N + 1];
  char *name; /* who: a name as format.md has it; the source of its events */
  unsigned roles;
  /* other sources it may write, patterns of cf_source_pattern_ok;
   * NULL-terminated */
  char **sources;
  uint8_t hash[CF_HASH_N]; /* of the whole text */
  int64_t made_us;
  int64_t expires_us; /* CF_TIME_NONE: never */
  int64_t revoked_us; /* CF_TIME_NONE: not */
  bool is_old;        /* its row is of when `admin` was every role */
};
/* An empty one, made now, held once. CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_new(struct cf_token **token);
/* One like it, held once, that may be changed. CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_copy(const struct cf_token *token, struct cf_token **copy);
/* Give it an id and a secret, both random; text ("cf_<id>_<secret>",
 * NUL-terminated) is told only here, the token keeps its hash. CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_draw(struct cf_token *token, char text[CF_TOKEN_TEXT_MAX]);
/* Let go; the last one frees. NULL is harmless. */
void cf_token_put(struct cf_token *token);
/* Check and copy a name or a source. CF_E_INVALID (member in fault.at),
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_set_name(struct cf_token *token, struct cf_str name,
                                      struct cf_fault *fault);
CF_MUST enum cf_err cf_token_add_source(struct cf_token *token, struct cf_str source,
                                        struct cf_fault *fault);
bool cf_token_valid(const struct cf_token *token, int64_t now_us);
/* Append the members id, name, roles, sources, made, expires, revoked as JSON,
 * without braces. */
void cf_token_put_members(const struct cf_token *token, struct cf_buf *b);
/* Set name, roles, sources and end by the members that a row and the body of a
 * record have in common. CF_E_SYNTAX, CF_E_INVALID, CF_E_NOMEM. */
struct cf_json;
CF_MUST enum cf_err cf_token_get_members(struct cf_token *token, const struct cf_json *members);
/* Append the value of its row in CF_TABLE_TOKENS; the key is its id. The row
 * says that it is not old. */
void cf_token_put_row(const struct cf_token *token, struct cf_buf *b);

/* ---- changes ---- */
#define CF_TOKENS_PUT_MAX 64
/* Who makes one: their name as a source, empty where they have none, and their
 * actor. */
struct cf_token_by {
  struct cf_str source, user, credential;
};
/* Append n ≤ CF_TOKENS_PUT_MAX tokens: a record of each (what: add, revoke) and
 * its row, all or nothing. The errors of cf_control_token and
 * cf_ledger_append. */
CF_MUST enum cf_err cf_tokens_put(struct cf_ledger *ledger, struct cf_token *const *token, size_t n,
                                  const char *what, const struct cf_token_by *by,
                                  struct cf_fault *fault);

/* ---- the table in memory ---- */
struct cf_tokens;
/* The tokens of the ledger. One whose row cannot be read is left out, and named
 * in the log. CF_E_NOMEM, the store's errors. */
CF_MUST enum cf_err cf_tokens_new(struct cf_ledger *ledger, struct cf_tokens **tokens);
void cf_tokens_free(struct cf_tokens *tokens);
/* Read them again after a change became durable; on an error the table stays as
 * it was. */
CF_MUST enum cf_err cf_tokens_load(struct cf_tokens *tokens);
/* Give each valid token whose row is old a new one and a record `add` that
 * tells of it: the same token, and where it is an admin's, with the roles by
 * name that were within it. In appends of CF_TOKENS_PUT_MAX; one that was cut
 * short is gone on with at the next start. For the start, before anybody asks.
 * The errors of cf_tokens_put and cf_tokens_load. */
CF_MUST enum cf_err cf_tokens_renew(struct cf_tokens *tokens, struct cf_ledger *ledger,
                                    int64_t now_us, struct cf_fault *fault);
/* The token of that id, held for the caller, or NULL. */
struct cf_token *cf_tokens_get(struct cf_tokens *tokens, struct cf_str id);
/* The valid token whose text this is, held for the caller, or NULL. The
 * comparison takes the same time whatever differs. */
struct cf_token *cf_tokens_check(struct cf_tokens *tokens, struct cf_str text, int64_t now_us);
/* Call each for all of them in order of id. */
void cf_tokens_each(struct cf_tokens *tokens,
                    void (*each)(void *context, const struct cf_token *token), void *context);

#endif
