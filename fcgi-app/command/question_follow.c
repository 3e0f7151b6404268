/* SPDX-License-Identifier: MIT */
/* Going on with what comes: an ascending cursor, asked again and again. */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "fcgi-app/command/question_in.h"

#define POLL_MS  500
#define AWAY_MS  200  /* before an owner that went away is asked again; doubled each time */
#define AWAY_MAX 5000 /* … up to this */
#define HELD_MAX (256u << 20)

/* Does the error pass, as while the ledger's owner is restarted? */
static bool passes(const struct cf_question *q, enum cf_err err)
{
  return (err == CF_OK && (q->status == 503 || q->status == 429) && q->retry) ||
         (err == CF_E_PEER && cf_cli_output_ok()) || err == CF_E_UNKNOWN || err == CF_E_NOTREADY;
}

/* Ask until there is an answer; in the end an error or a status that does not
 * pass, or a signal. */
static enum cf_err ask_patiently(struct cf_question *q)
{
  int wait_ms = AWAY_MS;

  for (;;) {
    if (q->held != NULL) /* what came of an answer that broke off */
      cf_buf_reset(q->held);
    enum cf_err err = cf_question_ask(q);
    if (cf_cli_stopped())
      return CF_E_LEAVING;
    if (!passes(q, err))
      return err;
    if (wait_ms == AWAY_MS)
      (void)fprintf(stderr, "The ledger's owner is away; waiting.\n");
    poll(NULL, 0, wait_ms);
    if (cf_cli_stopped())
      return CF_E_LEAVING;
    wait_ms = 2 * wait_ms < AWAY_MAX ? 2 * wait_ms : AWAY_MAX;
  }
}

/* The question once more, with a parameter of ours. */
static void text_set(struct cf_question *q, size_t base, const char *name, struct cf_str value)
{
  cf_buf_cut(&q->text, q->text.n - base);
  cf_question_add(q, cf_str_from(name), value);
}

/* The last rows that are there, the oldest first. */
static enum cf_err last_show(struct cf_question *q, size_t base, const char *last)
{
  struct cf_buf held;

  cf_buf_init(&held, HELD_MAX);
  q->held = &held;
  text_set(q, base, "limit", cf_str_from(last));
  size_t limited = q->text.n;
  enum cf_err err = ask_patiently(q);
  while (err == CF_OK && q->status < 400 && held.n == 0 && q->has_more) {
    text_set(q, limited, "cursor", cf_buf_str(&q->cursor));
    err = ask_patiently(q);
  }
  q->held = NULL;
  while (err == CF_OK && q->status < 400 && held.n > 0) {
    cf_buf_cut(&held, 1);
    const uint8_t *before = held.n > 0 ? memrchr(held.p, '\n', held.n) : NULL;
    size_t at = before != NULL ? (size_t)(before - held.p) + 1 : 0;
    err = cf_question_show(q, (struct cf_str){(const char *)held.p + at, held.n - at});
    cf_buf_cut(&held, held.n - at);
  }
  cf_buf_fini(&held);
  return err;
}

/* From behind the newest row that was seen. */
static enum cf_err later_begin(struct cf_question *q)
{
  struct cf_buf seq;

  cf_buf_init(&seq, 32);
  cf_buf_put_u64(&seq, q->any ? q->seq + 1 : 0);
  cf_question_add(q, CF_STR("seq_from"), cf_buf_str(&seq));
  cf_buf_fini(&seq);
  return q->text.err;
}

/* A page after the other. Where a part of one was shown before it broke off,
 * its rows are known by their seq. */
static enum cf_err later_show(struct cf_question *q)
{
  cf_question_add(q, CF_STR("order"), CF_STR("asc"));
  size_t base = q->text.n;
  q->ascending = true;
  for (;;) {
    if (q->cursor.n > 0)
      text_set(q, base, "cursor", cf_buf_str(&q->cursor));
    enum cf_err err = ask_patiently(q);
    if (err != CF_OK || q->status >= 400)
      return err;
    err = cf_cli_flush();
    if (err != CF_OK)
      return err;
    if (!q->has_more)
      poll(NULL, 0, POLL_MS);
    if (cf_cli_stopped())
      return CF_E_LEAVING;
  }
}

int cf_question_follow(struct cf_question *q, const char *last)
{
  size_t base = q->text.n;
  enum cf_err err = CF_OK;

  cf_asker_stay_guest(q->cli->asker);
  if (last != NULL)
    err = last_show(q, base, last);
  if (last != NULL && err == CF_OK && q->status < 400) {
    cf_buf_cut(&q->text, q->text.n - base);
    cf_buf_reset(&q->cursor);
    err = later_begin(q);
  }
  if (err == CF_OK && q->status < 400)
    err = later_show(q);
  if (err == CF_E_LEAVING && cf_cli_stopped())
    return CF_EXIT_TRUE;
  return err == CF_OK ? cf_cli_refused(q->cli, q->status, cf_buf_str(&q->line))
                      : cf_cli_fail(q->cli, err);
}
