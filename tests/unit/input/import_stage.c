/* SPDX-License-Identifier: MIT */
/* A ledger that lines are sent to, and an import. */
#include "config.h"

#include "tests/unit/input/import_stage.h"

#include <poll.h>
#include <pthread.h>

/* ---- a ledger ---- */

struct import_event import_events[IMPORT_EVENTS_MAX];
size_t import_events_n;
unsigned import_posts;
struct import_trouble import_troubles[16];
size_t import_troubles_n, import_body_max;
const char *import_bad, *import_nonsense;
bool import_stop;
struct cf_json *import_gap;

const struct import_trouble import_passing[IMPORT_PASSING_N] = {
    {.status = 503},
    {.status = 429},
    {.status = 507},
    {.err = CF_E_UNKNOWN},
    {.err = CF_E_PEER},
    {.err = CF_E_NOTREADY},
    /* the events were taken, but nobody heard so */
    {.err = CF_E_UNKNOWN, .applied = true},
    {.err = CF_E_PEER, .applied = true},
    {.status = 503, .applied = true},
};

static size_t troubles_at;

/* Two requests may be on their way; one of them has its turn. */
static pthread_mutex_t entering = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t entered = PTHREAD_COND_INITIALIZER;
unsigned import_entered, import_broken_off, import_most, import_hold;
static unsigned present;
int import_slow_ms;

/* The first one waits in the middle until so many have come, and then for a
 * while that a later one would need to overtake it. */
static enum cf_err enter(struct cf_import_turn *turn)
{
  pthread_mutex_lock(&entering);
  bool first = import_entered++ == 0;
  present++;
  if (present > import_most)
    import_most = present;
  pthread_cond_broadcast(&entered);
  pthread_mutex_unlock(&entering);
  enum cf_err err = turn != NULL ? cf_import_turn_wait(turn) : CF_OK;
  pthread_mutex_lock(&entering);
  while (first && import_entered < import_hold)
    pthread_cond_wait(&entered, &entering);
  import_broken_off += err != CF_OK;
  pthread_mutex_unlock(&entering);
  if (first && import_hold > 0)
    poll(NULL, 0, 20);
  return err;
}

static void leave(void)
{
  pthread_mutex_lock(&entering);
  present--;
  pthread_mutex_unlock(&entering);
}

static int judge(struct cf_str text, struct cf_str id)
{
  for (size_t i = 0; i < import_events_n; i++)
    if (cf_str_is(id, import_events[i].id))
      return cf_str_is(text, import_events[i].text) ? 200 : 409;
  if (import_bad != NULL && memmem(text.p, text.n, import_bad, strlen(import_bad)) != NULL &&
      memmem(text.p, text.n, "log.line", 8) == NULL)
    return 422;
  ck_assert_uint_lt(import_events_n, IMPORT_EVENTS_MAX);
  import_events[import_events_n].id = cf_str_dup(id);
  import_events[import_events_n++].text = cf_str_dup(text);
  return 201;
}

static void take(struct cf_str body, struct cf_buf *answer, int *status)
{
  struct cf_buf errors;
  unsigned accepted = 0, duplicates = 0, index = 0;
  cf_buf_init(&errors, 1U << 20);
  for (; body.n > 0; index++) {
    struct cf_json *doc;
    struct cf_str text = cf_str_cut(&body, '\n');
    ck_assert_ok(cf_json_parse(text, 16, &doc, NULL));
    int got = judge(text, cf_json_string(cf_json_member(doc, "id")));
    cf_json_free(doc);
    accepted += got == 201;
    duplicates += got == 200;
    if (got >= 400)
      cf_buf_putf(&errors, "%s{\"index\":%u,\"status\":%d,\"detail\":\"no\\u001b\"}",
                  errors.n > 0 ? "," : "", index, got);
  }
  *status = accepted + duplicates > 0 ? 200 : 422;
  cf_buf_putf(answer, "{\"accepted\":%u,\"duplicates\":%u,\"rejected\":%u,\"errors\":[%s]}",
              accepted, duplicates, index - accepted - duplicates, cf_buf_cstr(&errors));
  cf_buf_fini(&errors);
}

static enum cf_err answer_make(const char *route, struct cf_str body, int *status,
                               struct cf_buf *answer, struct cf_fault *fault)
{
  import_posts++;
  poll(NULL, 0, import_slow_ms);
  *status = 0;
  struct import_trouble trouble = troubles_at < import_troubles_n
                                      ? import_troubles[troubles_at++]
                                      : (struct import_trouble){.applied = true};
  if (import_body_max > 0 && body.n > import_body_max)
    trouble = (struct import_trouble){.status = 413};
  if (strcmp(route, CF_IMPORT_GAPS) == 0) {
    cf_json_free(import_gap);
    ck_assert_ok(cf_json_parse(body, 2, &import_gap, NULL));
    *status = 201;
  } else if (trouble.applied)
    take(body, answer, status);
  if (import_nonsense != NULL) {
    *status = 200;
    cf_buf_reset(answer);
    cf_buf_puts(answer, import_nonsense);
  }
  if (trouble.err != CF_OK)
    return cf_fail(fault, trouble.err, NULL, "trouble");
  if (trouble.status == 0)
    return CF_OK;
  *status = trouble.status;
  cf_buf_reset(answer);
  cf_buf_puts(answer, "{\"detail\":\"wait\"}");
  return CF_OK;
}

static enum cf_err post(void *context, const char *route, struct cf_str body,
                        struct cf_import_turn *turn, int *status, struct cf_buf *answer,
                        struct cf_fault *fault)
{
  ck_assert_ptr_eq(context, import_events);
  ck_assert_uint_gt(body.n, 0);
  enum cf_err err = enter(turn);
  if (err == CF_OK)
    err = answer_make(route, body, status, answer, fault);
  leave();
  return err;
}

static bool stopped(void)
{
  return import_stop;
}

/* ---- imports ---- */

struct cf_import *import;
struct cf_import_rules import_rules;
uint64_t import_at;

void import_setup(void)
{
  import_rules = (struct cf_import_rules){
      .source = CF_STR("test"),
      .batch_max = 50000,
      .body_max = 1U << 24,
      .ahead = true,
      .patience_us = INT64_MAX,
      .stopped = stopped,
      .post = post,
      .context = import_events,
  };
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  import_at = 0;
}

void import_teardown(void)
{
  cf_import_free(import);
}

void import_anew(void)
{
  cf_import_free(import);
  import = NULL;
  import_setup();
}

void import_add(const char *text)
{
  struct cf_line line = {.text = cf_str_from(text), .offset = import_at};
  import_at += line.text.n + 1;
  line.next = import_at;
  ck_assert_ok(cf_import_add(import, &line, IMPORT_HEAD));
}

void import_check(uint64_t lines, uint64_t accepted, uint64_t duplicates, uint64_t messages)
{
  struct cf_import_counts counts = cf_import_counts(import);
  ck_assert_uint_eq(counts.lines, lines);
  ck_assert_uint_eq(counts.accepted, accepted);
  ck_assert_uint_eq(counts.duplicates, duplicates);
  ck_assert_uint_eq(counts.messages, messages);
}

const char *import_event_at(size_t offset)
{
  char id[64];
  snprintf(id, sizeof id, IMPORT_HEAD ".%zu", offset);
  for (size_t i = 0; i < import_events_n; i++)
    if (strcmp(import_events[i].id, id) == 0)
      return import_events[i].text;
  ck_abort_msg("there is no event %s", id);
}
