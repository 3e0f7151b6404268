/* SPDX-License-Identifier: MIT */
/* The page's sessions (api.md, The page), and what keeps forged forms out.
 *
 * The cookie is random; what is kept is its SHA-256, in a row of
 * CF_TABLE_SESSIONS and in memory, with the token whose session it is. It ends
 * when it is signed out, with its token, after CF_SESSION_US, or when DATA was
 * put back from a copy. So nothing that is on disk or in a backup of it makes
 * anybody somebody else. */
#ifndef CF_WHO_SESSION_H
#define CF_WHO_SESSION_H

#include "fcgi-app/http/request.h"
#include "fcgi-app/who/token.h"

#define CF_COOKIE_NAME        "counterfoil"
#define CF_COOKIE_N           43 /* of its value: 32 bytes as base64url */
#define CF_SESSION_US         (INT64_C(12) * CF_HOUR_US)
#define CF_SESSIONS_TOKEN_MAX 16   /* of one token; beyond it the oldest ends */
#define CF_SESSIONS_MAX       4096 /* in all, likewise */

struct cf_sessions;
/* The sessions of the ledger. All of them end here, and a line of the log says
 * so, where the table is not what was written last under the secret that the
 * signer's directory has: one of the two is a copy then, or somebody wrote to
 * it. All three must outlive it. *first: nobody wrote the table before.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_sessions_new(const struct cf_conf *conf, struct cf_ledger *ledger,
                                    struct cf_tokens *tokens, struct cf_sessions **sessions,
                                    bool *first);
void cf_sessions_free(struct cf_sessions *sessions);
/* End all of them, at the next cf_sessions_new: for who finds that DATA is not
 * what it should be. */
void cf_sessions_forget(const struct cf_conf *conf);
/* Call about once a second: at first and once a minute what has ended is taken
 * off the disk. */
void cf_sessions_tick(struct cf_sessions *sessions, int64_t now_us);

/* Take the next value that may be a session of ours off a Cookie header; false:
 * there is none left. A browser sends those of other mount points too. */
bool cf_cookie_next(struct cf_str *header, struct cf_str *value);
/* The token of the request's session, valid and held for the caller, and the
 * cookie's value; NULL: it has none. */
struct cf_token *cf_sessions_find(struct cf_sessions *sessions, const struct cf_request *rq,
                                  int64_t now_us, struct cf_str *cookie);

/* The same of one value of a cookie. */
struct cf_token *cf_sessions_get(struct cf_sessions *sessions, struct cf_str cookie,
                                 int64_t now_us);

/* ---- signing in and out ---- */

/* One of them under way: rows for the append of its record. */
struct cf_session_change {
  const struct cf_row *rows; /* until it is settled */
  size_t rows_n;
  char cookie[CF_COOKIE_N + 1]; /* of a new session */
  int64_t end_us;               /* likewise; no later than the token's */
};
/* Begin a session of the token, or end the one of a cookie. What ends, or goes
 * for a new one, is over at once, and with the secret that is renewed for it in
 * all copies of the table. Where that is CF_OK, no other session changes until
 * cf_session_settle is told what came of the append. CF_E_NOMEM. */
CF_MUST enum cf_err cf_session_begin(struct cf_sessions *sessions, const struct cf_token *token,
                                     int64_t now_us, struct cf_session_change *change);
CF_MUST enum cf_err cf_session_end(struct cf_sessions *sessions, struct cf_str cookie,
                                   struct cf_session_change *change);
/* Wipes the change. */
void cf_session_settle(struct cf_sessions *sessions, struct cf_session_change *change,
                       enum cf_err err);
/* Append the value of a Set-Cookie header: HttpOnly, SameSite=Lax, Path of the
 * mount point, Secure under HTTPS (site.h). age_s 0 removes the cookie. */
void cf_session_put_header(const struct cf_conf *conf, const struct cf_request *rq,
                           struct cf_str cookie, int64_t age_s, struct cf_buf *b);

/* ---- forged forms ---- */

/* Append the form token that belongs to a cookie. */
void cf_session_put_form(struct cf_str cookie, struct cf_buf *b);
/* Is it the one? CF_E_ORIGIN. */
CF_MUST enum cf_err cf_session_check_form(struct cf_str cookie, struct cf_str form,
                                          struct cf_fault *fault);

#endif
