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
  /* Why it is nobody's: its row is not what the chain tells, which the rest of
   * this is then. NULL: it is. */
  const char *refused;
  bool doubted; /* a record that cannot be read may tell of it otherwise */
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
/* Why it counts no more, in words that go on from "the token": it is refused,
 * revoked or expired. NULL: it is valid. */
const char *cf_token_ended(const struct cf_token *token, int64_t now_us);
bool cf_token_valid(const struct cf_token *token, int64_t now_us);
/* The roles that count: of one in doubt only that of a writer, since events
 * that are not taken are lost, and what it takes names it. */
unsigned cf_token_roles(const struct cf_token *token);
/* Append the members id, name, roles, sources, made, expires, revoked as JSON,
 * without braces. */
void cf_token_put_members(const struct cf_token *token, struct cf_buf *b);
/* Set name, roles, sources and end by the members that a row and the body of a
 * record have in common. CF_E_SYNTAX, CF_E_INVALID, CF_E_NOMEM. */
struct cf_json;
CF_MUST enum cf_err cf_token_get_members(struct cf_token *token, const struct cf_json *members);
/* Append the value of its row in CF_TABLE_TOKENS; the key is its id. The row
 * says that it is not old, and ends with a MAC over id and value that only the
 * ledger's signer can make. */
void cf_token_put_row(const struct cf_token *token, const struct cf_ledger *ledger,
                      struct cf_buf *b);
/* Was it written so, now or before it was last changed? */
bool cf_token_row_is_own(const struct cf_ledger *ledger, struct cf_str id, struct cf_str value);
/* The token of such a row, held once. CF_E_SYNTAX, CF_E_INVALID, CF_E_NOMEM. */
CF_MUST enum cf_err cf_token_get_row(struct cf_str id, struct cf_str value,
                                     struct cf_token **token);

/* ---- the table in memory ---- */

/* The tokens of the ledger, whose rows anybody may have written who can write
 * to DATA: they are held against the chain's `token` records before the first
 * is believed. One that is not as its newest record has it is refused; one of
 * which a record that cannot be read may tell otherwise is in doubt, until that
 * one is there again or the token is told of anew; a row that no record tells
 * of is nobody's, unless such a one may and its MAC says that it was written
 * here. */
struct cf_tokens;
/* Whose rows were held against the chain, so that the table can be asked: for
 * whoever brings events, or by all. Before, it is empty. */
enum cf_tokens_known { CF_TOKENS_UNKNOWN, CF_TOKENS_WRITERS, CF_TOKENS_ALL };
/* Empty until somebody calls cf_tokens_ready. CF_E_NOMEM. */
CF_MUST enum cf_err cf_tokens_new(struct cf_ledger *ledger, struct cf_tokens **tokens);
void cf_tokens_free(struct cf_tokens *tokens);
/* Hold the rows against the chain, unless that was done: whoever asks first
 * does it, the others wait. The valid tokens of 0.1.0, whose rows have no
 * version, are then told again, once: each gets a new row and a record `add`,
 * and an admin the roles by name that were within it. Where there are none of
 * these and CF_TOKENS_WRITERS are enough, nobody waits until the start has held
 * the whole tail against the tree: until somebody else asks, each token is one
 * in doubt. CF_E_NOMEM, CF_E_STORE, CF_E_LEAVING, the errors of
 * cf_ledger_append. */
CF_MUST enum cf_err cf_tokens_ready(struct cf_tokens *tokens, enum cf_tokens_known least);
/* Call about once a second: cf_tokens_ready of all, and where a record could
 * not be read, try it again once a minute. */
void cf_tokens_tick(struct cf_tokens *tokens);
/* How many rows are refused as they are not what the chain tells, and how many
 * as that cannot be told. */
size_t cf_tokens_refused(struct cf_tokens *tokens);
size_t cf_tokens_doubted(struct cf_tokens *tokens);

/* One change at a time: enter before what it depends on is looked at, and leave
 * when it is made. The errors of cf_tokens_ready, with which it is not
 * entered. */
CF_MUST enum cf_err cf_tokens_enter(struct cf_tokens *tokens);
void cf_tokens_leave(struct cf_tokens *tokens);
/* Who makes one: their name as a source, empty where they have none, and their
 * actor. */
struct cf_token_by {
  struct cf_str source, user, credential;
};
/* A token and what its record says of it: `add`, which tells one that is there
 * anew, or `revoke`. */
struct cf_token_change {
  const struct cf_token *token;
  const char *what;
};
/* Entered: append a record and a row for each, all or none; durable, and known
 * to the table, when it returns. n ≤ CF_TOKENS_PUT_MAX. The errors of
 * cf_control_token and cf_ledger_append. */
#define CF_TOKENS_PUT_MAX 64 /* where many are told anew */
CF_MUST enum cf_err cf_tokens_put(struct cf_tokens *tokens, const struct cf_token_change *change,
                                  size_t n, const struct cf_token_by *by, struct cf_fault *fault);

/* The token of that id, held for the caller, or NULL. */
struct cf_token *cf_tokens_get(struct cf_tokens *tokens, struct cf_str id);
/* A valid token of that name whose id is another than `but`, held for the
 * caller, or NULL. */
struct cf_token *cf_tokens_live(struct cf_tokens *tokens, const char *name, const char *but,
                                int64_t now_us);
/* The token whose text this is, valid or not, held for the caller, or NULL. The
 * comparison takes the same time whatever differs. */
struct cf_token *cf_tokens_find(struct cf_tokens *tokens, struct cf_str text);
/* Call each for all of them in order of id. */
void cf_tokens_each(struct cf_tokens *tokens,
                    void (*each)(void *context, const struct cf_token *token), void *context);

#endif
