/* SPDX-License-Identifier: MIT */
/* query.json, read strictly, and leaves held against it. */
#include "config.h"

#include "lib/proof/parcel_question.h"

#include "lib/base/codec.h"
#include "lib/base/fold.h"

#define DEPTH          6
#define CONDITIONS_MAX 256

void cf_question_fini(struct cf_question *question)
{
  cf_json_free(question->doc);
  question->doc = NULL;
}

/* ---- reading ---- */

/* An object that has each of `names`, and besides only some of `may`. */
static bool has_members(const struct cf_json *v, const char *const *names, const char *const *may)
{
  size_t n = 0;
  if (cf_json_type(v) != CF_JSON_OBJECT)
    return false;
  for (; *names != NULL; names++, n++)
    if (cf_json_member(v, *names) == NULL)
      return false;
  for (; *may != NULL; may++)
    n += cf_json_member(v, *may) != NULL;
  return n == cf_json_members(v);
}

static const char *const nothing[] = {NULL};

static bool number_get(const struct cf_json *v, const char *name, uint64_t *n)
{
  return cf_u64_parse(cf_json_number(cf_json_member(v, name)), UINT64_MAX, n) == CF_OK;
}

static bool time_get(const struct cf_json *v, const char *name, int64_t absent, int64_t *t_us)
{
  const struct cf_json *time = cf_json_member(v, name);
  *t_us = absent;
  return time == NULL || cf_time_parse_strict(cf_json_string(time), t_us) == CF_OK;
}

static bool kinds_get(const struct cf_json *list, uint32_t *kinds)
{
  *kinds = 0;
  for (size_t i = 0; i < cf_json_count(list); i++) {
    enum cf_kind kind = cf_kind_find(cf_json_string(cf_json_element(list, i)));
    if (kind == CF_K_N)
      return false;
    *kinds |= UINT32_C(1) << kind;
  }
  return cf_json_type(list) == CF_JSON_ARRAY;
}

static const char *const ops[] = {"is", "prefix", "ci", "contains", "not"};
enum op { OP_IS, OP_PREFIX, OP_CI, OP_CONTAINS, OP_NOT, OP_N };

static enum op op_find(struct cf_str name)
{
  enum op op = 0;
  while (op < OP_N && !cf_str_is(name, ops[op]))
    op++;
  return op;
}

/* Two numbers, the first not above the second. */
static bool range_get(const struct cf_json *pair, uint64_t range[2])
{
  for (size_t i = 0; i < 2; i++)
    if (cf_u64_parse(cf_json_number(cf_json_element(pair, i)), UINT64_MAX, &range[i]) != CF_OK)
      return false;
  return cf_json_count(pair) == 2 && range[0] <= range[1];
}

static bool values_ok(const struct cf_json *condition)
{
  const struct cf_json *values = cf_json_member(condition, "values");
  const struct cf_json *ranges = cf_json_member(condition, "ranges");
  const struct cf_json *list = values != NULL ? values : ranges;
  uint64_t range[2];
  bool ok = (values == NULL) != (ranges == NULL) && cf_json_count(list) > 0;
  for (size_t i = 0; ok && i < cf_json_count(list); i++)
    ok = values != NULL ? cf_json_type(cf_json_element(list, i)) == CF_JSON_STRING
                        : range_get(cf_json_element(list, i), range);
  return ok;
}

static enum cf_member condition_member(const struct cf_json *condition)
{
  return cf_member_find(cf_json_string(cf_json_member(condition, "member")));
}

static bool condition_public(const struct cf_json *condition)
{
  enum cf_member member = condition_member(condition);
  return member < CF_M_N && cf_member_table[member].compartment == CF_C_PUBLIC &&
         op_find(cf_json_string(cf_json_member(condition, "op"))) != OP_CONTAINS;
}

static bool conditions_get(const struct cf_json *list, bool *is_public)
{
  static const char *const must[] = {"member", "op", NULL}, *const may[] = {"path", "values",
                                                                            "ranges", NULL};
  *is_public = true;
  if (cf_json_type(list) != CF_JSON_ARRAY || cf_json_count(list) > CONDITIONS_MAX)
    return false;
  for (size_t i = 0; i < cf_json_count(list); i++) {
    const struct cf_json *c = cf_json_element(list, i);
    if (!has_members(c, must, may) || !values_ok(c) ||
        op_find(cf_json_string(cf_json_member(c, "op"))) == OP_N)
      return false;
    *is_public &= condition_public(c);
  }
  return true;
}

static bool filter_get(const struct cf_json *filter, struct cf_question *q)
{
  static const char *const must[] = {"kinds", "conditions", NULL};
  static const char *const may[] = {"from", "to", "recorded_from", "recorded_to", NULL};
  return has_members(filter, must, may) && kinds_get(cf_json_member(filter, "kinds"), &q->kinds) &&
         time_get(filter, "from", INT64_MIN, &q->from_us) &&
         time_get(filter, "to", INT64_MAX, &q->to_us) &&
         time_get(filter, "recorded_from", INT64_MIN, &q->recorded_from_us) &&
         time_get(filter, "recorded_to", INT64_MAX, &q->recorded_to_us) &&
         conditions_get(cf_json_member(filter, "conditions"), &q->is_public);
}

/* `included`, and `complete` behind it where all of it can be told: whoever
 * keeps records back cannot say that he did not mean to prove it. */
static bool proves_get(const struct cf_json *proves, struct cf_question *q)
{
  size_t n = cf_json_count(proves);
  q->complete = n == 2 && cf_str_is(cf_json_string(cf_json_element(proves, 1)), "complete");
  return cf_str_is(cf_json_string(cf_json_element(proves, 0)), "included") &&
         n == (q->is_public ? 2u : 1u) && q->complete == q->is_public;
}

static bool question_get(struct cf_question *q)
{
  static const char *const names[] = {"v",        "origin", "size",   "root",   "count",
                                      "seq_from", "seq_to", "filter", "proves", NULL};
  const struct cf_json *doc = q->doc;
  struct cf_str origin = cf_json_string(cf_json_member(doc, "origin"));
  uint64_t version;
  if (!has_members(doc, names, nothing) || !number_get(doc, "v", &version) || version != 1 ||
      !cf_origin_ok(origin))
    return false;
  memcpy(q->origin, origin.p, origin.n);
  q->origin[origin.n] = '\0';
  return number_get(doc, "size", &q->size) && number_get(doc, "count", &q->count) &&
         cf_base64_get_n(cf_json_string(cf_json_member(doc, "root")), q->root, CF_HASH_N) ==
             CF_OK &&
         number_get(doc, "seq_from", &q->seq_from) && number_get(doc, "seq_to", &q->seq_to) &&
         q->seq_from < q->seq_to && q->seq_to <= q->size &&
         filter_get(cf_json_member(doc, "filter"), q) &&
         proves_get(cf_json_member(doc, "proves"), q);
}

enum cf_err cf_question_parse(struct cf_str text, struct cf_question *out, struct cf_fault *fault)
{
  struct cf_fault words = {.detail = ""};
  *out = (struct cf_question){.doc = NULL};
  enum cf_err err = cf_json_parse(text, DEPTH, &out->doc, &words);
  if (err == CF_E_NOMEM || (err == CF_OK && question_get(out)))
    return err;
  return cf_fail(fault, CF_E_SYNTAX, CF_QUERY_PATH, "it is not of its form%s%s",
                 words.detail[0] != '\0' ? ": " : "", words.detail);
}

/* ---- asking again ---- */

static bool in_range(int64_t t_us, int64_t from_us, int64_t to_us)
{
  return from_us <= t_us && t_us < to_us;
}

static bool value_hits(enum op op, struct cf_str text, struct cf_str value)
{
  return op == OP_PREFIX ? cf_str_starts(text, value)
         : op == OP_CI   ? cf_fold_equal(text, value)
                         : cf_str_eq(text, value);
}

static bool ranges_hit(const struct cf_json *ranges, struct cf_str text)
{
  uint64_t range[2], n;
  bool hit = false;
  if (cf_u64_parse(text, UINT64_MAX, &n) != CF_OK)
    return false;
  for (size_t i = 0; i < cf_json_count(ranges) && !hit; i++)
    hit = range_get(cf_json_element(ranges, i), range) && range[0] <= n && n <= range[1];
  return hit;
}

static bool condition_holds(const struct cf_json *condition, const struct cf_values *values)
{
  struct cf_str text = values->v[condition_member(condition)];
  enum op op = op_find(cf_json_string(cf_json_member(condition, "op")));
  const struct cf_json *ranges = cf_json_member(condition, "ranges");
  const struct cf_json *list = cf_json_member(condition, "values");
  if (text.p == NULL)
    return op == OP_NOT;
  bool hit = ranges != NULL && ranges_hit(ranges, text);
  for (size_t i = 0; i < cf_json_count(list) && !hit; i++)
    hit = value_hits(op, text, cf_json_string(cf_json_element(list, i)));
  return hit != (op == OP_NOT);
}

enum cf_err cf_question_chooses(const struct cf_question *question, const struct cf_leaf *leaf,
                                struct cf_values *scratch, bool *chosen)
{
  struct cf_record record = {.seq = leaf->seq,
                             .recorded_us = leaf->recorded_us,
                             .kind = leaf->kind,
                             .time_us = leaf->time_us,
                             .public_text = leaf->public_text};
  const struct cf_json *conditions =
      cf_json_member(cf_json_member(question->doc, "filter"), "conditions");
  *chosen = question->kinds >> leaf->kind & 1 && question->seq_from <= leaf->seq &&
            leaf->seq < question->seq_to &&
            in_range(cf_record_effective_us(&record), question->from_us, question->to_us) &&
            in_range(leaf->recorded_us, question->recorded_from_us, question->recorded_to_us);
  if (!*chosen || cf_json_count(conditions) == 0)
    return CF_OK;
  enum cf_err err = cf_values_get(&record, scratch);
  for (size_t i = 0; err == CF_OK && i < cf_json_count(conditions) && *chosen; i++) {
    const struct cf_json *c = cf_json_element(conditions, i);
    *chosen = !condition_public(c) || condition_holds(c, scratch);
  }
  return err;
}
