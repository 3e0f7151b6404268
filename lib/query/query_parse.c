/* SPDX-License-Identifier: MIT */
/* Parameters into a filter: those of query.def, the caller's own, and the
 * indexed members with their endings. */
#include "config.h"

#include "lib/query/query_in.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"

/* bytes of a filter as text: all its values, as long as they may be, escaped */
#define TEXT_MAX     (UINT32_C(32) << 20)
#define SEQ_MAX      UINT64_C(9223372036854775807)
#define KIND_DEFAULT (UINT32_C(1) << CF_K_EVENT)
#define KIND_ALL     ((UINT32_C(1) << CF_K_N) - 1)

enum param {
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) PARAM_##symbol,
#include "lib/query/query.def"
#undef CF_PARAM
  PARAM_N
};

struct parse {
  struct cf_query *query;
  struct cf_fault *fault;
  const struct cf_query_own *own;
  int64_t now_us;
  char at[128]; /* the name of the parameter being read */
  bool given[PARAM_N];
  struct cf_str sent[PARAM_N]; /* as it was sent, borrowed; the last one of a list */
  size_t values;
};

#define REFUSE(parse, ...) cf_fail((parse)->fault, CF_E_PARAMETER, (parse)->at, __VA_ARGS__)

/* ---- the parsers of query.def ---- */

static enum cf_err parse_time(struct parse *p, struct cf_str s, int64_t *t_us)
{
  if (cf_time_parse_bound(s, p->now_us, t_us) != CF_OK)
    return REFUSE(
        p,
        "not a time: write RFC 3339 (2026-11-24T02:00:00Z), a date, an epoch number, or relative to now (-24h, -7d)");
  return CF_OK;
}

static enum cf_err parse_seq(struct parse *p, struct cf_str s, uint64_t *seq)
{
  if (cf_u64_parse(s, SEQ_MAX, seq) != CF_OK)
    return REFUSE(p, "not a sequence number");
  return CF_OK;
}

/* One of two words. */
static enum cf_err parse_either(struct parse *p, struct cf_str s, const char *no, const char *yes,
                                bool *chosen)
{
  if (!cf_str_is(s, no) && !cf_str_is(s, yes))
    return REFUSE(p, "must be %s or %s", no, yes);
  *chosen = cf_str_is(s, yes);
  return CF_OK;
}

static enum cf_err parse_sort(struct parse *p, struct cf_str s, bool *by_time)
{
  return parse_either(p, s, "seq", "time", by_time);
}

static enum cf_err parse_order(struct parse *p, struct cf_str s, bool *ascending)
{
  return parse_either(p, s, "desc", "asc", ascending);
}

static enum cf_err parse_limit(struct parse *p, struct cf_str s, uint64_t *limit)
{
  if (cf_str_is(s, "all")) {
    *limit = CF_QUERY_LIMIT_ALL;
    return CF_OK;
  }
  uint64_t v;
  if (cf_u64_parse(s, CF_QUERY_LIMIT_MAX, &v) != CF_OK || v == 0)
    return REFUSE(p, "must be 1 to %d, or all (in a streamed format)", CF_QUERY_LIMIT_MAX);
  *limit = v;
  return CF_OK;
}

/* Call take for the items of a comma list; an empty list is one empty item. */
static enum cf_err each_item(struct parse *p, struct cf_str list,
                             enum cf_err (*take)(struct parse *p, struct cf_str item,
                                                 void *context),
                             void *context)
{
  for (;;) {
    const char *comma = list.n == 0 ? NULL : memchr(list.p, ',', list.n);
    struct cf_str item = {list.p, comma == NULL ? list.n : (size_t)(comma - list.p)};
    if (++p->values > CF_QUERY_VALUES_MAX)
      return REFUSE(p, "more than %d values in one question", CF_QUERY_VALUES_MAX);
    enum cf_err err = take(p, item, context);
    if (err != CF_OK || comma == NULL)
      return err;
    list = (struct cf_str){comma + 1, list.n - item.n - 1};
  }
}

static enum cf_err refuse_kind(struct parse *p)
{
  struct cf_buf names;

  cf_buf_init(&names, sizeof p->fault->detail);
  for (unsigned k = 0; k < CF_K_N; k++)
    cf_buf_putf(&names, " %s", cf_kind_table[k].name);
  enum cf_err err = REFUSE(p, "no such kind; there are: all%s", cf_buf_cstr(&names));
  cf_buf_fini(&names);
  return err;
}

static enum cf_err take_kind(struct parse *p, struct cf_str item, void *context)
{
  uint32_t *kinds = context;
  enum cf_kind kind = cf_kind_find(item);
  if (kind == CF_K_N && !cf_str_is(item, "all"))
    return refuse_kind(p);
  *kinds |= kind == CF_K_N ? KIND_ALL : UINT32_C(1) << kind;
  return CF_OK;
}

/* A first list takes the place of the default. */
static enum cf_err parse_kinds(struct parse *p, struct cf_str s, uint32_t *kinds)
{
  if (!p->given[PARAM_KIND])
    *kinds = 0;
  return each_item(p, s, take_kind, kinds);
}

/* Members that every event has, whether asked for or not. */
static bool always_given(struct cf_str field)
{
  return cf_str_is(field, "seq") || cf_str_is(field, "recorded") || cf_str_is(field, "kind") ||
         cf_str_is(field, "erased");
}

static enum cf_err refuse_field(struct parse *p, struct cf_str item)
{
  struct cf_buf names;

  cf_buf_init(&names, sizeof p->fault->detail);
  cf_member_suggest(item, &names);
  enum cf_err err =
      REFUSE(p, "no such member: seq, recorded, kind and erased are always given; could it be: %s",
             cf_buf_cstr(&names));
  cf_buf_fini(&names);
  return err;
}

static enum cf_err take_field(struct parse *p, struct cf_str item, void *context)
{
  uint32_t *fields = context;
  enum cf_member member = cf_member_find(item);
  if (member == CF_M_N)
    return always_given(item) ? CF_OK : refuse_field(p, item);
  *fields |= UINT32_C(1) << member;
  return CF_OK;
}

static enum cf_err parse_fields(struct parse *p, struct cf_str s, uint32_t *fields)
{
  if (!p->given[PARAM_FIELDS])
    *fields = 0;
  return each_item(p, s, take_field, fields);
}

/* It is read when the filter is whole. */
static enum cf_err parse_cursor(struct parse *p, struct cf_str s, struct cf_spot *start)
{
  (void)p;
  (void)s;
  (void)start;
  return CF_OK;
}

/* ---- their table ---- */

/* Each row's parser, applied to its field. */
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) \
  static enum cf_err set_##symbol(struct parse *p, struct cf_str s) \
  { \
    return parser(p, s, &p->query->field); \
  }
#include "lib/query/query.def"
#undef CF_PARAM

static const struct param_row {
  const char *name;
  enum cf_err (*set)(struct parse *p, struct cf_str s);
  bool list, in_text;
} param_table[PARAM_N] = {
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) \
  {name, set_##symbol, list, in_text},
#include "lib/query/query.def"
#undef CF_PARAM
};

static enum param find_param(struct cf_str name)
{
  unsigned i = 0;

  while (i < PARAM_N && !cf_str_is(name, param_table[i].name))
    i++;
  return (enum param)i;
}

static enum cf_err set_param(struct parse *p, enum param which, struct cf_str value)
{
  if (p->given[which] && !param_table[which].list)
    return REFUSE(p, "given twice");
  enum cf_err err = param_table[which].set(p, value);
  p->given[which] = true;
  p->sent[which] = value;
  return err;
}

/* ---- parameters of members ---- */

static bool ending_strip(struct cf_str *name, const char *ending)
{
  size_t n = strlen(ending);

  if (name->n < n || memcmp(name->p + name->n - n, ending, n) != 0)
    return false;
  name->n -= n;
  return true;
}

/* Texts and names of people's and programs' own choice; words, tokens and
 * numbers have one spelling. */
static bool has_case(enum cf_member member)
{
  return cf_member_table[member].type == CF_T_TEXT || cf_member_table[member].type == CF_T_NAME;
}

/* What a name speaks of; false where it means nothing. What would leave nothing
 * of a path is no ending. */
static bool read_name(struct cf_str name, struct cf_asked *asked)
{
  static const struct cf_str attributes = {"attributes.", 11};
  bool inside = cf_str_starts(name, attributes);

  *asked = (struct cf_asked){CF_M_N, CF_OP_CONTAINS, {"", 0}};
  if (cf_str_is(name, "q"))
    return true;
  if (inside)
    name = (struct cf_str){name.p + attributes.n, name.n - attributes.n};
  asked->op = ending_strip(&name, ".not")      ? CF_OP_NOT
              : ending_strip(&name, ".prefix") ? CF_OP_PREFIX
              : ending_strip(&name, ".ci")     ? CF_OP_CI
                                               : CF_OP_IS;
  asked->member = inside ? CF_M_ATTRIBUTES : cf_member_find(name);
  if (inside)
    asked->path = name;
  return inside ? name.n > 0 && name.n <= CF_PATH_MAX
                : asked->member != CF_M_N && cf_member_table[asked->member].indexed &&
                      (asked->op != CF_OP_CI || has_case(asked->member));
}

bool cf_query_has_case(struct cf_str name)
{
  struct cf_asked asked;

  return read_name(name, &asked) && asked.op == CF_OP_IS &&
         (asked.path.n > 0 || has_case(asked.member));
}

static bool same_asked(const struct cf_asked *a, const struct cf_asked *b)
{
  return a->member == b->member && a->op == b->op && cf_str_eq(a->path, b->path);
}

static enum cf_err find_condition(struct parse *p, const struct cf_asked *asked,
                                  struct cf_condition **c)
{
  struct cf_query *q = p->query;
  size_t i = 0, paths = 0;

  for (; i < q->conditions_n && !same_asked(&q->conditions[i].asked, asked); i++)
    paths += q->conditions[i].asked.path.n > 0;
  *c = &q->conditions[i];
  if (i < q->conditions_n)
    return CF_OK;
  if (asked->path.n > 0 && paths == CF_ATTRIBUTES_MAX)
    return REFUSE(p, "more than %d of attributes in one question", CF_ATTRIBUTES_MAX);
  enum cf_err err = cf_condition_make(*asked, *c);
  q->conditions_n += err == CF_OK;
  return err;
}

static enum cf_err take_value(struct parse *p, struct cf_str item, void *context)
{
  return cf_condition_add(context, item, p->at, p->fault);
}

/* Tokens, integers and words hold no comma: they take lists. */
static bool takes_list(const struct cf_condition *c)
{
  if (c->asked.member == CF_M_N)
    return false;
  enum cf_type type = cf_member_table[c->asked.member].type;
  return type == CF_T_TOKEN || type == CF_T_INTEGER || type == CF_T_WORD;
}

static enum cf_err take_condition(struct parse *p, const struct cf_asked *asked,
                                  struct cf_str value)
{
  struct cf_condition *c;

  if (asked->member == CF_M_IP && asked->op == CF_OP_PREFIX)
    return REFUSE(p, "no such parameter: ip takes a CIDR block (ip=192.0.2.0/24)");
  enum cf_err err = find_condition(p, asked, &c);
  if (err != CF_OK)
    return err;
  if (takes_list(c))
    return each_item(p, value, take_value, c);
  if (++p->values > CF_QUERY_VALUES_MAX)
    return REFUSE(p, "more than %d values in one question", CF_QUERY_VALUES_MAX);
  return take_value(p, value, c);
}

/* ---- names that are none ---- */

static void put_likely(struct cf_str name, struct cf_str known, bool all, struct cf_buf *b)
{
  if (!all && !cf_name_resembles(name, known))
    return;
  cf_buf_puts(b, b->n == 0 ? "" : ", ");
  cf_buf_putstr(b, known);
}

static void name_suggest(const struct parse *p, struct cf_str name, bool all, struct cf_buf *b)
{
  for (unsigned i = 0; i < PARAM_N; i++)
    put_likely(name, cf_str_from(param_table[i].name), all, b);
  for (const struct cf_query_own *own = p->own; own->name != NULL; own++)
    put_likely(name, cf_str_from(own->name), all, b);
  for (unsigned m = 0; m < CF_M_N; m++)
    if (cf_member_table[m].indexed)
      put_likely(name, cf_str_from(cf_member_table[m].name), all, b);
  put_likely(name, CF_STR("q"), all, b);
}

static enum cf_err refuse_name(struct parse *p, struct cf_str name)
{
  struct cf_str base = cf_str_cut(&name, '.');
  enum cf_member member = cf_member_find(base);
  struct cf_buf names;

  if (member == CF_M_ATTRIBUTES)
    return REFUSE(p,
                  "no such parameter: write attributes.NAME, of at most %d bytes, perhaps with "
                  ".not, .prefix or .ci behind it",
                  CF_PATH_MAX);
  if (member != CF_M_N && cf_member_table[member].indexed)
    return REFUSE(p, "no such parameter: %s takes the endings .not%s", cf_member_table[member].name,
                  member == CF_M_IP  ? ""
                  : has_case(member) ? ", .prefix and .ci"
                                     : " and .prefix");
  if (member != CF_M_N)
    return REFUSE(
        p, "no such parameter: records are not chosen by %s; q searches all text and attributes",
        cf_member_table[member].name);
  cf_buf_init(&names, sizeof p->fault->detail);
  name_suggest(p, base, false, &names);
  bool likely = names.n > 0;
  if (!likely)
    name_suggest(p, base, true, &names);
  enum cf_err err = REFUSE(p, "no such parameter; %s: %s", likely ? "could it be" : "there are",
                           cf_buf_cstr(&names));
  cf_buf_fini(&names);
  return err;
}

static enum cf_err take_param(struct parse *p, const struct cf_param *param)
{
  enum param which = find_param(param->name);
  struct cf_asked asked;

  struct cf_str shown = cf_utf8_head(param->name, sizeof p->at - 1);
  snprintf(p->at, sizeof p->at, "%.*s", (int)shown.n, shown.n == 0 ? "" : shown.p);
  for (const struct cf_query_own *own = p->own; own->name != NULL; own++)
    if (cf_str_is(param->name, own->name))
      return own->take(own->context, param->value, p->fault);
  if (which != PARAM_N)
    return set_param(p, which, param->value);
  if (read_name(param->name, &asked))
    return take_condition(p, &asked, param->value);
  return refuse_name(p, param->name);
}

/* ---- the whole ---- */

static void put_kinds(uint32_t kinds, struct cf_buf *b)
{
  if (kinds == KIND_ALL)
    cf_query_put_pair(b, "kind", CF_STR("all"));
  for (unsigned k = 0; k < CF_K_N && kinds != KIND_ALL && kinds != KIND_DEFAULT; k++)
    if ((kinds >> k & 1) != 0)
      cf_query_put_pair(b, "kind", cf_str_from(cf_kind_table[k].name));
}

/* And their hash, which does not depend on what stands in front of them. */
static void put_conditions(struct cf_query *q, struct cf_buf *b)
{
  size_t from = b->n;

  for (size_t i = 0; i < q->conditions_n; i++)
    cf_condition_put(&q->conditions[i], b);
  if (from > 0 && from < b->n)
    from++; /* & */
  cf_sha256_1(b->p + from, b->n - from, q->filter);
}

static void put_filter(const struct parse *p, struct cf_buf *b)
{
  struct cf_query *q = p->query;

  for (unsigned i = 0; i < PARAM_N; i++)
    if (param_table[i].in_text && p->given[i])
      cf_query_put_pair(b, param_table[i].name, p->sent[i]);
  put_conditions(q, b);
  put_kinds(q->kinds, b);
  if (q->by_time)
    cf_query_put_pair(b, "sort", CF_STR("time"));
  if (q->ascending)
    cf_query_put_pair(b, "order", CF_STR("asc"));
}

/* Canonical order, the text and what follows from it. */
static enum cf_err query_finish(struct parse *p)
{
  struct cf_query *q = p->query;
  uint8_t hash[CF_HASH_N];

  for (size_t i = 0; i < q->conditions_n; i++)
    cf_condition_sort(&q->conditions[i]);
  qsort(q->conditions, q->conditions_n, sizeof *q->conditions, cf_condition_compare);
  put_filter(p, &q->text);
  if (q->text.err != CF_OK)
    return q->text.err == CF_E_FULL
               ? cf_fail(p->fault, CF_E_PARAMETER, NULL, "the filter is longer than %u bytes",
                         (unsigned)TEXT_MAX)
               : q->text.err;
  cf_sha256_1(q->text.p, q->text.n, hash);
  memcpy(q->digest, hash, sizeof q->digest);
  q->start = cf_spot_start(q);
  enum cf_err err =
      p->given[PARAM_CURSOR] ? cf_cursor_get(q, p->sent[PARAM_CURSOR], &q->start) : CF_OK;
  return err != CF_E_CURSOR
             ? err
             : cf_fail(p->fault, err, "cursor",
                       "not a cursor of this filter, sort and order: begin without one");
}

static void query_prepare(struct cf_query *q)
{
  *q = (struct cf_query){
      .kinds = KIND_DEFAULT,
      .from_us = INT64_MIN,
      .to_us = INT64_MAX,
      .recorded_from_us = INT64_MIN,
      .recorded_to_us = INT64_MAX,
      .seq_to = UINT64_MAX,
      .limit = 100,
      .fields = CF_FIELDS_ALL,
  };
  cf_buf_init(&q->text, TEXT_MAX);
}

enum cf_err cf_query_parse(const struct cf_param *params, size_t n, const struct cf_query_own *own,
                           int64_t now_us, struct cf_query **query, struct cf_fault *fault)
{
  static const struct cf_query_own none[] = {{NULL, NULL, NULL}};
  struct parse p = {.query = malloc(sizeof *p.query),
                    .fault = fault,
                    .own = own != NULL ? own : none,
                    .now_us = now_us};
  enum cf_err err = CF_OK;

  if (p.query == NULL)
    return CF_E_NOMEM;
  query_prepare(p.query);
  if (n > CF_QUERY_PARAMS_MAX)
    err = cf_fail(fault, CF_E_PARAMETER, NULL, "more than %d parameters", CF_QUERY_PARAMS_MAX);
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = take_param(&p, &params[i]);
  if (err == CF_OK)
    err = query_finish(&p);
  if (err == CF_OK)
    *query = p.query;
  else
    cf_query_free(p.query);
  return err;
}

void cf_query_free(struct cf_query *query)
{
  if (query == NULL)
    return;
  for (size_t i = 0; i < query->conditions_n; i++)
    cf_condition_free(&query->conditions[i]);
  cf_buf_fini(&query->text);
  free(query);
}

uint32_t cf_query_fields(const struct cf_query *query)
{
  return query->fields;
}

uint64_t cf_query_limit(const struct cf_query *query)
{
  return query->limit;
}

const char *cf_query_backwards(const struct cf_query *q)
{
  if (q->from_us >= q->to_us)
    return "from";
  if (q->recorded_from_us >= q->recorded_to_us)
    return "recorded_from";
  return q->seq_from > 0 && q->seq_from >= q->seq_to ? "seq_from" : NULL;
}

struct cf_str cf_query_text(const struct cf_query *query)
{
  return cf_buf_str(&query->text);
}
