/* SPDX-License-Identifier: MIT */
/* This log's own trail: who read, exported or verified it, signed in, and who
 * was refused. */
#include "config.h"

#include "fcgi-app/routes/access_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/record/control.h"

/* ---- a record ---- */

static struct cf_control_who caller_who(const struct cf_call *call, char ip[46])
{
  cf_request_ip(call->request, ip);
  return (struct cf_control_who){call->who.user, call->who.credential, ip};
}

/* Append one event with rows; durable when it returns. */
static enum cf_err event_append(struct cf_call *call, enum cf_append_by by,
                                const struct cf_event *event, const struct cf_row *rows,
                                size_t rows_n)
{
  struct cf_place place;
  struct cf_append append =
      {.by = by, .events = &event, .n = 1, .rows = rows, .rows_n = rows_n, .places = &place};
  return cf_ledger_append(call->app->ledger, &append);
}

enum cf_err cf_access_append(struct cf_call *call, const struct cf_token *as, const char *action,
                             const struct cf_row *rows, size_t rows_n)
{
  char ip[46];
  struct cf_event event;
  struct cf_control_who who = caller_who(call, ip);
  struct cf_control_access access = {.action = action, .outcome = "success"};
  if (as != NULL) {
    who.user = cf_str_from(as->name);
    who.credential = cf_str_from(as->id);
  }
  enum cf_err err = cf_control_access(&who, &access, &event, &call->fault);
  if (err != CF_OK)
    return err;
  err = event_append(call, CF_BY_CALLER, &event, rows, rows_n);
  cf_event_fini(&event);
  return err;
}

void cf_access_refused(struct cf_call *call, const char *action, enum cf_err err)
{
  char ip[46];
  struct cf_control_who who = caller_who(call, ip);
  cf_loss_refusal(call->app->loss, &who, action, cf_err_word(err));
}

/* ---- a question ---- */

static int compare_params(const void *a, const void *b)
{
  const struct cf_param *const *left = a, *const *right = b;
  int order = cf_str_cmp((*left)->name, (*right)->name);
  return order != 0 ? order : cf_str_cmp((*left)->value, (*right)->value);
}

/* Where an answer begins, how long it is and how it is saved make no other
 * question of it. */
static bool is_asked(struct cf_str name)
{
  return !cf_str_is(name, "cursor") && !cf_str_is(name, "limit") && !cf_str_is(name, "download");
}

static void put_pair(struct cf_buf *b, struct cf_str name, struct cf_str value)
{
  if (b->n > 0)
    cf_buf_putc(b, '&');
  cf_url_put(b, name);
  cf_buf_putc(b, '=');
  cf_url_put(b, value);
}

/* What stands for the braces of the pattern, by their names; but for all the
 * rest of a path, which names one of very many. */
static void put_args(const struct cf_call *call, struct cf_buf *b)
{
  const char *at = call->route->pattern;
  for (size_t i = 0; (at = strchr(at, '{')) != NULL; i++) {
    const char *end = strpbrk(++at, ".}");
    if (*end == '}')
      put_pair(b, (struct cf_str){at, (size_t)(end - at)}, call->args[i]);
  }
}

/* The same for the same question, in whatever order its parameters come. */
static void put_question(const struct cf_call *call, struct cf_buf *b)
{
  const struct cf_request *rq = call->request;
  const struct cf_param *order[CF_PARAMS_MAX];
  size_t n = 0;
  put_args(call, b);
  for (size_t i = 0; i < rq->params_n; i++)
    if (is_asked(rq->params[i].name))
      order[n++] = &rq->params[i];
  qsort(order, n, sizeof *order, compare_params);
  for (size_t i = 0; i < n; i++)
    put_pair(b, order[i]->name, order[i]->value);
}

/* Who asks what in which hour. A known caller is told apart by address too, so
 * that a token used from elsewhere shows. */
static void question_key(const struct cf_call *call, const struct cf_question *q,
                         struct cf_str asked, uint8_t key[CF_HASH_N])
{
  uint8_t hour[8];
  bool stranger = q->network != NULL;
  struct cf_str zero = {"", 1};
  cf_u64_put(hour, (uint64_t)cf_time_hour(call->now_us));
  struct cf_str parts[] = {{(const char *)hour, sizeof hour},
                           cf_str_from(call->route->pattern),
                           zero,
                           cf_str_from(q->action),
                           zero,
                           stranger ? CF_STR("") : q->who.user,
                           zero,
                           stranger ? CF_STR("") : q->who.credential,
                           zero,
                           cf_str_from(stranger ? q->network : q->who.ip),
                           zero,
                           asked,
                           zero,
                           q->filter};
  cf_sha256(parts, sizeof parts / sizeof parts[0], key);
}

void cf_access_filter(struct cf_call *call, struct cf_str filter)
{
  cf_buf_reset(&call->access.filter);
  cf_buf_putstr(&call->access.filter, filter);
  call->access.has_filter = true;
}

void cf_access_verdict(struct cf_call *call, const struct cf_control_verdict *verdict)
{
  struct cf_access *a = &call->access;
  a->verdict = *verdict;
  a->judged = true;
  a->failed |= cf_seal_is_bad(verdict);
  cf_seals_tell(&call->app->seals, call->app->ledger, verdict, call->who.user, call->now_us);
}

void cf_access_damage(struct cf_call *call, uint64_t from, uint64_t to)
{
  struct cf_control_verdict verdict;
  struct cf_ledger_state state;
  cf_ledger_state(call->app->ledger, &state);
  cf_seal_damage(from, to, state.size, &verdict);
  cf_access_verdict(call, &verdict);
}

/* What is asked, and by whom, once nobody changes it any more. */
static enum cf_err question_make(struct cf_call *call)
{
  struct cf_access *a = &call->access;
  struct cf_question *q = &a->question;
  put_question(call, &a->asked);
  *q = (struct cf_question){.action = a->action, .who = caller_who(call, a->ip)};
  q->filter = cf_buf_str(a->has_filter ? &a->filter : &a->asked);
  if (call->who.via == CF_VIA_NOBODY) {
    cf_questions_network(call->app->questions, a->ip, call->now_us, a->network);
    q->network = a->network;
  }
  if (q->filter.p == NULL)
    q->filter = CF_STR("");
  question_key(call, q, cf_buf_str(&a->asked), q->key);
  return a->asked.err != CF_OK ? a->asked.err : a->filter.err;
}

/* ---- its mark ---- */

/* Of this answer by itself. */
static enum cf_err mark_event(struct cf_call *call, bool whole, struct cf_event *event)
{
  const struct cf_access *a = &call->access;
  struct cf_control_access access = {
      .action = a->action,
      .outcome = a->failed ? "failure"
                 : whole   ? "success"
                           : "unknown",
      .filter = a->question.filter,
      .reason = a->broken,
      .network = a->question.network,
      .verdict = a->judged ? &a->verdict : NULL,
      .counted = whole,
      .rows = a->rows,
  };
  return cf_control_access(&a->question.who, &access, event, &call->fault);
}

/* To list tokens is a part of revoking one: that may use the reserve too. What
 * was posted was taken a moment ago, above min_free. */
static enum cf_append_by mark_by(const struct cf_call *call)
{
  const struct cf_route *route = call->route;
  return route->need == CF_NEED_ADMIN || route->writes ? CF_BY_CALLER : CF_BY_READER;
}

static enum cf_err fail_space(struct cf_call *call)
{
  return cf_fail(
      &call->fault, CF_E_SPACE, NULL,
      "the disk is nearly full, and what cannot be recorded is not shown: free some space; where a quota hides what is free, restart the service then");
}

enum cf_err cf_access_room(struct cf_call *call)
{
  return cf_ledger_reads_ok(call->app->ledger) ? CF_OK : fail_space(call);
}

/* Its first record in this hour, or one that must not wait. */
static enum cf_err mark_write(struct cf_call *call, bool whole)
{
  struct cf_event event;
  enum cf_err err = mark_event(call, whole, &event);
  if (err != CF_OK)
    return err;
  if (strcmp(call->app->conf->audit_reads, "relaxed") == 0)
    cf_ledger_post(call->app->ledger, &event);
  else
    err = event_append(call, mark_by(call), &event, NULL, 0);
  cf_event_fini(&event);
  return err == CF_E_SPACE ? fail_space(call) : err;
}

/* Nothing of the answer has been sent: what it shows is on disk, or was asked
 * before and is counted, when this returns. whole: all of it is known. */
static enum cf_err mark_leave(struct cf_call *call, bool whole)
{
  struct cf_access *a = &call->access;
  struct cf_questions *questions = call->app->questions;
  if (a->action == NULL)
    return CF_OK;
  enum cf_err err = mark_by(call) == CF_BY_READER ? cf_access_room(call) : CF_OK;
  if (err == CF_OK)
    err = question_make(call);
  bool each = a->failed || a->each;
  bool counted = err == CF_OK && !each &&
                 cf_questions_repeat(questions, a->question.key, 1, whole ? a->rows : 0);
  if (err == CF_OK && !counted)
    err = mark_write(call, whole);
  if (err == CF_OK && !counted && !each)
    cf_questions_add(questions, &a->question, call->now_us);
  a->open = err == CF_OK && !whole;
  return err;
}

enum cf_err cf_access_early(void *call)
{
  return mark_leave(call, false);
}

/* Most errors say nothing of the log: what was asked was wrong, or not
 * allowed. That something is not there says how much is. */
static bool shows_nothing(const struct cf_call *call, enum cf_err err)
{
  return err != CF_OK && err != CF_E_DAMAGED && err != CF_E_NOTFOUND && !call->access.tells;
}

/* There may be no answer, but what was posted has been done. */
static enum cf_err fail_unmarked(struct cf_call *call, enum cf_err err)
{
  return !call->route->writes
             ? err
             : cf_fail(
                   &call->fault, CF_E_UNKNOWN, NULL,
                   "what was there already cannot be told now (%s), what was new is taken: send it again with the same ids",
                   cf_err_title(err));
}

enum cf_err cf_access_settle(struct cf_call *call, enum cf_err err)
{
  if (call->response->started || shows_nothing(call, err))
    return err;
  if (err == CF_E_DAMAGED && !call->access.judged)
    cf_access_damage(call, 0, 0);
  if (err == CF_E_DAMAGED || err == CF_E_NOTFOUND || err == CF_E_PARAMETER)
    call->access.rows = 0;
  struct cf_fault told = call->fault;
  call->fault = (struct cf_fault){"", ""};
  enum cf_err marked = mark_leave(call, true);
  if (marked == CF_OK) {
    call->fault = told;
    return err;
  }
  cf_buf_reset(&call->members); /* they tell what may not be, as its words do */
  return fail_unmarked(call, marked);
}

void cf_access_close(struct cf_call *call, enum cf_err err)
{
  static struct cf_log_rate rate;
  struct cf_access *a = &call->access;
  struct cf_event event;
  if (!a->open)
    return;
  a->failed |= err != CF_OK;
  a->broken = err != CF_OK ? cf_err_word(err) : NULL;
  if (!a->failed && !a->each &&
      cf_questions_repeat(call->app->questions, a->question.key, 0, a->rows))
    return;
  err = mark_event(call, true, &event);
  if (err != CF_OK) {
    cf_log_rated(&rate, CF_LOG_ERROR, "an access record could not be made: %s: %s",
                 cf_err_word(err), cf_fault_text(&call->fault, err));
    return;
  }
  cf_ledger_post(call->app->ledger, &event);
  cf_event_fini(&event);
}
