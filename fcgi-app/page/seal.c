/* SPDX-License-Identifier: MIT */
/* Verdicts, made, remembered, and read back out of their records. */
#include "config.h"

#include "fcgi-app/page/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/utf8.h"
#include "lib/proof/verify_json.h"
#include "lib/query/query.h"
#include "lib/record/json.h"
#include "lib/record/values.h"

#define BUDGET_US INT64_C(500000)
#define MORE      ",more" /* behind ranges that are not all */

void cf_seals_init(struct cf_seals *seals)
{
  *seals = (struct cf_seals){.asked = 0};
  CF_ASSERT(pthread_mutex_init(&seals->lock, NULL) == 0);
}

void cf_seals_fini(struct cf_seals *seals)
{
  pthread_mutex_destroy(&seals->lock);
}

/* ---- a verdict ---- */

struct range {
  uint64_t first, last;
};

static int compare_ranges(const void *a, const void *b)
{
  uint64_t left = ((const struct range *)a)->first, right = ((const struct range *)b)->first;
  return left < right ? -1 : left > right;
}

/* Append first-last; false where it has no room beside MORE. */
static bool put_range(char *text, size_t size, uint64_t first, uint64_t last)
{
  char range[2 * 21 + 2];
  size_t n = strlen(text);
  int range_n = snprintf(range, sizeof range, first == last ? "%s%llu" : "%s%llu-%llu",
                         n > 0 ? "," : "", (unsigned long long)first, (unsigned long long)last);
  if (n + (size_t)range_n + sizeof MORE > size)
    return false;
  memcpy(text + n, range, (size_t)range_n + 1);
  return true;
}

static size_t ranges_get(const struct cf_verify_result *r, bool rough, struct range *v)
{
  size_t n = 0;
  for (size_t i = 0; i < r->errors_n; i++)
    if (r->errors[i].has_seq && r->errors[i].rough == rough)
      v[n++] = (struct range){r->errors[i].seq, r->errors[i].last};
  return n;
}

/* The records that the errors name, neighbours as one range; rough ones where
 * there are no others. */
static void put_ranges(const struct cf_verify_result *r, char *text, size_t size)
{
  struct range v[CF_VERIFY_ERRORS_MAX];
  size_t n = ranges_get(r, false, v);
  if (n == 0)
    n = ranges_get(r, true, v);
  qsort(v, n, sizeof *v, compare_ranges);
  bool room = true;
  for (size_t i = 0, next; i < n && room; i = next) {
    struct range whole = v[i];
    for (next = i + 1; next < n && v[next].first <= whole.last + 1; next++)
      whole.last = v[next].last > whole.last ? v[next].last : whole.last;
    room = put_range(text, size, whole.first, whole.last);
  }
  if (n > 0 && (!room || r->errors_untold > 0))
    strcat(text, MORE);
}

void cf_seal_verdict(enum cf_verify_mode mode, const struct cf_verify_result *r,
                     struct cf_control_verdict *verdict)
{
  bool whole = r->complete && !r->files_unjudged;
  *verdict = (struct cf_control_verdict){.word = !r->ok  ? cf_verdict_name(r->errors[0].verdict)
                                                 : whole ? CF_VERDICT_HOLDS
                                                         : CF_VERDICT_PARTIAL,
                                         .mode = cf_verify_mode_names[mode],
                                         .has_first_bad = r->has_first_bad,
                                         .first_bad = r->first_bad,
                                         .leaves = r->leaves,
                                         .size = r->size};
  memcpy(verdict->root, r->root, sizeof verdict->root);
  put_ranges(r, verdict->ranges, sizeof verdict->ranges);
}

void cf_seal_damage(uint64_t from, uint64_t to, uint64_t size, struct cf_control_verdict *verdict)
{
  *verdict = (struct cf_control_verdict){.word = cf_verdict_name(CF_V_STORE_DAMAGED),
                                         .mode = "read",
                                         .has_first_bad = from < to,
                                         .first_bad = from,
                                         .size = size};
  if (from < to)
    (void)put_range(verdict->ranges, sizeof verdict->ranges, from, to - 1);
}

bool cf_seal_is_bad(const struct cf_control_verdict *verdict)
{
  return verdict->word != CF_VERDICT_HOLDS && verdict->word != CF_VERDICT_PARTIAL;
}

const char *cf_seal_words(const struct cf_control_verdict *verdict)
{
  for (unsigned v = 0; v < CF_V_N; v++)
    if (cf_str_is(cf_str_from(verdict->word), cf_verdict_name((enum cf_verdict)v)))
      return cf_verdict_words((enum cf_verdict)v);
  return "its record does not say why";
}

bool cf_seal_range(struct cf_str *text, uint64_t *first, uint64_t *last)
{
  struct cf_str range = cf_str_cut(text, ',');
  struct cf_str begin = cf_str_cut(&range, '-');
  if (cf_u64_parse(begin, UINT64_MAX, first) != CF_OK)
    return false;
  *last = *first;
  return range.n == 0 || cf_u64_parse(range, UINT64_MAX, last) == CF_OK;
}

/* ---- its record, read back ---- */

/* One of the constants that verdicts have, so that a pointer says which. */
static const char *word_of(struct cf_str text)
{
  static const char *const own[] = {CF_VERDICT_HOLDS, CF_VERDICT_PARTIAL};
  for (size_t i = 0; i < 2; i++)
    if (cf_str_is(text, own[i]))
      return own[i];
  for (unsigned v = 0; v < CF_V_N; v++)
    if (cf_str_is(text, cf_verdict_name((enum cf_verdict)v)))
      return cf_verdict_name((enum cf_verdict)v);
  return NULL;
}

static const char *mode_of(struct cf_str text)
{
  for (size_t i = 0; i < CF_VERIFY_MODES_N; i++)
    if (cf_str_is(text, cf_verify_mode_names[i]))
      return cf_verify_mode_names[i];
  return "read";
}

static bool get_u64(const struct cf_json *doc, const char *name, uint64_t *v)
{
  struct cf_str text = cf_json_number(cf_json_member(doc, name));
  return cf_u64_parse(text, UINT64_MAX, v) == CF_OK;
}

static void copy_text(char *to, size_t size, struct cf_str s)
{
  s = cf_utf8_head(s, size - 1);
  if (s.n > 0)
    memcpy(to, s.p, s.n);
  to[s.n] = '\0';
}

/* False: it tells of no verdict. One that was recorded before verdicts were
 * says only that it failed, without the reason that one which broke off has. */
static bool read_attributes(struct cf_str text, bool failed, struct cf_control_verdict *verdict)
{
  struct cf_json *doc = NULL;
  struct cf_fault fault = {"", ""};
  if (text.p == NULL || cf_json_parse(text, 8, &doc, &fault) != CF_OK)
    return false;
  *verdict =
      (struct cf_control_verdict){.word = word_of(cf_json_string(cf_json_member(doc, "verdict"))),
                                  .mode = mode_of(cf_json_string(cf_json_member(doc, "mode")))};
  verdict->has_first_bad = get_u64(doc, "first_bad", &verdict->first_bad);
  (void)get_u64(doc, "leaves", &verdict->leaves);
  (void)get_u64(doc, "size", &verdict->size);
  copy_text(verdict->ranges, sizeof verdict->ranges, cf_json_string(cf_json_member(doc, "ranges")));
  if (verdict->word == NULL && failed && cf_json_member(doc, "reason") == NULL)
    verdict->word = "failure";
  cf_json_free(doc);
  return verdict->word != NULL;
}

static bool read_record(const struct cf_record *record, const struct cf_values *values,
                        struct cf_sealed *out)
{
  *out = (struct cf_sealed){.order = record->seq, .at_us = record->recorded_us};
  copy_text(out->who, sizeof out->who, values->v[CF_M_USER]);
  bool failed =
      cf_str_is(values->v[CF_M_ACTION], "verify") && cf_str_is(values->v[CF_M_OUTCOME], "failure");
  return read_attributes(values->v[CF_M_ATTRIBUTES], failed, &out->verdict);
}

/* ---- what they come to ---- */

/* Each kind of verdict has one place, for the newest; that some records are
 * whole is worth none. */
static struct cf_sealed *place_of(struct cf_seals *seals, const struct cf_control_verdict *verdict)
{
  bool all = verdict->mode == cf_verify_mode_names[CF_VERIFY_FULL] ||
             verdict->mode == cf_verify_mode_names[CF_VERIFY_DEEP];
  if (cf_seal_is_bad(verdict))
    return &seals->against;
  if (!all)
    return NULL;
  return verdict->word == CF_VERDICT_HOLDS ? &seals->held : &seals->partial;
}

static void take_verdict(struct cf_seals *seals, const struct cf_sealed *s)
{
  struct cf_sealed *place = place_of(seals, &s->verdict);
  if (place != NULL && s->order >= place->order)
    *place = *s;
  if (s->order > seals->newest)
    seals->newest = s->order;
}

/* Newest first; CF_E_FULL where nothing before it counts. */
static enum cf_err take_record(void *context, const struct cf_record *record)
{
  struct cf_seals *seals = context;
  struct cf_values values;
  struct cf_sealed sealed;
  if (record->seq < seals->held.order)
    return CF_E_FULL;
  cf_values_init(&values);
  enum cf_err err = cf_values_get(record, &values);
  if (err == CF_OK && read_record(record, &values, &sealed)) {
    take_verdict(seals, &sealed);
    const struct cf_sealed *place = place_of(seals, &sealed.verdict);
    err = place == NULL || place == &seals->partial ? CF_OK : CF_E_FULL;
  }
  cf_values_fini(&values);
  return err;
}

/* Go on through the records that a question chooses, newest first.
 * CF_E_CROWDED: there are more. A record that cannot be read is damage, and may
 * be one that counts. */
static enum cf_err read_question(struct cf_seals *seals, struct cf_ledger *ledger,
                                 const struct cf_query *query, int64_t now_us)
{
  struct cf_view *view = NULL;
  struct cf_page_end end = {.rows = 0};
  enum cf_err err = cf_view_get(ledger, &view);
  if (err == CF_OK)
    err = cf_query_run(query, view, BUDGET_US, take_record, seals, &end);
  if (err == CF_E_DAMAGED) {
    struct cf_sealed met = {.order = end.damaged_to, .at_us = now_us};
    cf_seal_damage(end.damaged_from, end.damaged_to, cf_view_size(view), &met.verdict);
    take_verdict(seals, &met);
    err = CF_E_FULL;
  }
  cf_view_put(view);
  memcpy(seals->cursor, end.cursor, sizeof seals->cursor);
  if (err == CF_OK && end.has_more)
    return CF_E_CROWDED;
  return err == CF_E_FULL ? CF_OK : err;
}

/* What may be before this start: verifies, and readings that met damage. */
#define QUESTIONS 2
static const struct cf_param questions[QUESTIONS][5] = {
    {{CF_STR("kind"), CF_STR("access")},
     {CF_STR("limit"), CF_STR("all")},
     {CF_STR("action"), CF_STR("verify")}},
    {{CF_STR("kind"), CF_STR("access")},
     {CF_STR("limit"), CF_STR("all")},
     {CF_STR("outcome"), CF_STR("failure")},
     {CF_STR("action.not"), CF_STR("refused")},
     {CF_STR("action.not"), CF_STR("sign-in")}},
};

static enum cf_err ask_question(struct cf_seals *seals, struct cf_ledger *ledger, int64_t now_us)
{
  struct cf_param params[6];
  struct cf_query *query = NULL;
  struct cf_fault fault = {"", ""};
  size_t n = 0;
  for (; n < 5 && questions[seals->asked][n].name.n > 0; n++)
    params[n] = questions[seals->asked][n];
  if (seals->cursor[0] != '\0')
    params[n++] = (struct cf_param){CF_STR("cursor"), cf_str_from(seals->cursor)};
  enum cf_err err = cf_query_parse(params, n, NULL, now_us, &query, &fault);
  if (err == CF_OK)
    err = read_question(seals, ledger, query, now_us);
  cf_query_free(query);
  return err;
}

/* Where there is much, the next one goes on. */
static void read_before(struct cf_seals *seals, struct cf_ledger *ledger, int64_t now_us)
{
  while (seals->asked < QUESTIONS && ask_question(seals, ledger, now_us) == CF_OK) {
    seals->cursor[0] = '\0';
    seals->asked++;
  }
}

void cf_seals_tell(struct cf_seals *seals, struct cf_ledger *ledger,
                   const struct cf_control_verdict *verdict, struct cf_str who, int64_t now_us)
{
  struct cf_sealed sealed = {.verdict = *verdict, .at_us = now_us};
  struct cf_ledger_state state;
  copy_text(sealed.who, sizeof sealed.who, who);
  cf_ledger_state(ledger, &state);
  pthread_mutex_lock(&seals->lock);
  read_before(seals, ledger, now_us);
  sealed.order = state.size > seals->newest ? state.size : seals->newest + 1;
  take_verdict(seals, &sealed);
  pthread_mutex_unlock(&seals->lock);
}

bool cf_seals_get(struct cf_seals *seals, struct cf_ledger *ledger, int64_t now_us,
                  struct cf_seal *seal)
{
  pthread_mutex_lock(&seals->lock);
  read_before(seals, ledger, now_us);
  const struct cf_sealed *held = &seals->held;
  *seal = (struct cf_seal){.sign = CF_SEAL_GREY};
  if (seals->against.order > held->order)
    *seal = (struct cf_seal){CF_SEAL_RED, seals->against};
  else if (held->order > 0 && now_us - held->at_us <= CF_SEAL_FRESH_US)
    *seal = (struct cf_seal){CF_SEAL_GREEN, *held};
  else if (seals->partial.order > held->order)
    *seal = (struct cf_seal){CF_SEAL_PARTIAL, seals->partial};
  else if (held->order > 0)
    *seal = (struct cf_seal){CF_SEAL_OLD, *held};
  bool known = seals->asked == QUESTIONS;
  pthread_mutex_unlock(&seals->lock);
  return known;
}
