/* SPDX-License-Identifier: MIT */
/* A whole application over a real ledger in a temporary directory, asked
 * through memory: the stage of the test_app_* programs. */
#ifndef CF_TEST_APP_STAGE_H
#define CF_TEST_APP_STAGE_H

#include "fcgi-app/http/memory.h"
#include "fcgi-app/routes/app.h"
#include "lib/record/json.h"
#include "tests/unit/ledger/ledger_stage.h"

extern struct cf_app *stage_app; /* NULL: closed */

/* Checked fixture. stage_conf_set, where not NULL, is called before the
 * configuration is checked, and forgotten. */
extern void (*stage_conf_set)(void);
void stage_setup(void);
void stage_teardown(void);
/* Close and open ledger and application again, over the same directory. */
void stage_reopen(void);
void stage_close(void);

/* A request; what is NULL is absent. */
struct ask {
  const char *method; /* NULL: GET */
  const char *path;   /* may carry ?query */
  const char *token;  /* as Bearer */
  const char *type;   /* CONTENT_TYPE */
  const char *body;
  size_t body_n;        /* 0: its length as a string */
  const char *vars[17]; /* further CGI variables: name, value, name, value, … NULL */
  enum cf_door door;
};
/* Ask; gives the status. The answer stays in stage_answer until the next
 * one. */
extern struct cf_memory stage_answer;
extern bool stage_abandoned; /* the last answer was broken off */
extern bool stage_crowded;   /* what the transport says of shares */
/* Called when the next answer begins to be sent, and forgotten; it may call
 * cf_app_serve, not ask. */
extern void (*stage_begun)(void);
int ask(struct ask ask);
int get(const char *path, const char *token);
int post(const char *path, const char *token, const char *body);

/* The answer's body, ended by NUL; a header's value, ended by NUL ("" where
 * absent). */
const char *content(void);
const char *header(const char *name);
/* A member of the answer's JSON by its path ("checked.leaves",
 * "events.0.user"), or NULL. */
const struct cf_json *member(const char *path);
/* Its value: strings ended by NUL; numbers and true/false as text; "null" for
 * null and what is absent. */
const char *value(const char *path);
long long number(const char *path);

/* Make a token with these roles (JSON list, like ["reader"]) and further
 * members (may be ""); gives its text, which stays valid. */
const char *make_token(const char *name, const char *roles, const char *more);

#define ck_answer(expr, expected) \
  do { \
    int got_ = (expr); \
    int want_ = (expected); \
    ck_assert_msg(got_ == want_, "%s: %d, not %d: %.3000s", #expr, got_, want_, content()); \
  } while (0)
#define ck_value(path, expected) \
  ck_assert_msg(strcmp(value(path), expected) == 0, "%s is %s, not %s: %s", path, value(path), \
                expected, content())
#define ck_contains(text) \
  ck_assert_msg(strstr(content(), text) != NULL, "no %s in %.3000s", text, content())
#define ck_lacks(text) \
  ck_assert_msg(strstr(content(), text) == NULL, "%s in %.3000s", text, content())

/* Post what b holds as a batch, and free it. */
void feed_batch(const char *token, struct cf_buf *b);
/* Post n events of the users u0, u1, … in a batch. */
void feed_events(const char *token, int n);
/* Such with a message each that does not pack well: many pages of their segment
 * hold nothing but records. */
void feed_noise(const char *token, int n);

#endif
