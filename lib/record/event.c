/* SPDX-License-Identifier: MIT */
/* One JSON object of a client becomes a record (api.md, POST /v1/events). */
#include "config.h"

#include "lib/record/event.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/json.h"
#include "lib/record/parts.h"
#include "lib/record/scan.h"

#define PAIRS_FIXED 24

struct parse {
  const struct cf_event_rules *rules;
  struct cf_parts parts;
  const struct cf_json *attributes; /* as sent, or NULL */
  size_t unknown;                   /* members to be moved into attributes */
  struct cf_json_pair *pairs;       /* attributes' members while they are gathered */
  size_t pairs_n;
  struct cf_fault *fault;
};

/* A name of the client's, cut to what a fault can hold. */
static enum cf_err fail_at(struct parse *parse, struct cf_str name, const char *what)
{
  char at[sizeof parse->fault->at];
  struct cf_str head = cf_utf8_head(name, sizeof at - 1);
  memcpy(at, head.p, head.n);
  at[head.n] = 0;
  return cf_fail(parse->fault, CF_E_INVALID, at, "%s", what);
}

static enum cf_err fail_unknown(struct parse *parse, struct cf_str name)
{
  struct cf_buf b;
  cf_buf_init(&b, sizeof parse->fault->detail);
  cf_buf_puts(&b, "no member has this name; known ones like it: ");
  cf_member_suggest(name, &b);
  enum cf_err err = fail_at(parse, name, cf_buf_cstr(&b));
  cf_buf_fini(&b);
  return err;
}

/* ---- Members ---- */

static bool allowed_by(const char *pattern, struct cf_str source)
{
  size_t n = strlen(pattern);
  if (n > 0 && pattern[n - 1] == '*') return cf_str_starts(source, (struct cf_str){pattern, n - 1});
  return cf_str_is(source, pattern);
}

static bool source_allowed(const struct cf_event_rules *rules, struct cf_str source)
{
  if (cf_str_eq(source, rules->source)) return true;
  for (const char *const *p = rules->sources; p != NULL && *p != NULL; p++)
    if (allowed_by(*p, source)) return true;
  return false;
}

static enum cf_err set_source(struct parse *parse, struct cf_str source)
{
  if (cf_str_is(source, "counterfoil")) return cf_fail(parse->fault, CF_E_INVALID, "source", "counterfoil is the log's own name");
  if (!source_allowed(parse->rules, source)) return cf_fail(parse->fault, CF_E_INVALID, "source", "this token may not write as that source");
  return cf_parts_set(&parse->parts, CF_M_SOURCE, source, parse->fault);
}

static enum cf_err set_time(struct parse *parse, const struct cf_json *v)
{
  enum cf_json_type type = cf_json_type(v);
  enum cf_err err = CF_E_SYNTAX;
  int64_t t;
  if (type == CF_JSON_STRING) err = cf_time_parse(cf_json_string(v), &t);
  else if (type == CF_JSON_INTEGER || type == CF_JSON_NUMBER) err = cf_time_parse_epoch(cf_json_number(v), &t);
  if (err != CF_OK) return cf_fail(parse->fault, CF_E_INVALID, "time", "must be an RFC 3339 date and time, or seconds, milli-, micro- or nanoseconds since 1970");
  return cf_parts_set_time(&parse->parts, t);
}

static enum cf_err set_typed(struct parse *parse, enum cf_member m, const struct cf_json *v, enum cf_json_type wanted, struct cf_str s, const char *what)
{
  if (cf_json_type(v) != wanted) return cf_fail(parse->fault, CF_E_INVALID, cf_member_table[m].name, "must be %s", what);
  if (m == CF_M_SOURCE) return set_source(parse, s);
  return cf_parts_set(&parse->parts, m, s, parse->fault);
}

static enum cf_err set_member(struct parse *parse, enum cf_member m, const struct cf_json *v)
{
  switch (cf_member_table[m].type) {
    case CF_T_TIME: return set_time(parse, v);
    case CF_T_INTEGER: return set_typed(parse, m, v, CF_JSON_INTEGER, cf_json_number(v), "an integer");
    case CF_T_OBJECT:
      if (cf_json_type(v) != CF_JSON_OBJECT) return cf_fail(parse->fault, CF_E_INVALID, cf_member_table[m].name, "must be an object");
      parse->attributes = v;
      return CF_OK;
    default: return set_typed(parse, m, v, CF_JSON_STRING, cf_json_string(v), "a string");
  }
}

static enum cf_err take_member(void *context, struct cf_str name, const struct cf_json *v)
{
  struct parse *parse = context;
  if (v == NULL) return CF_OK;
  enum cf_member m = cf_member_find(name);
  if (m != CF_M_N) return set_member(parse, m, v);
  if (!parse->rules->unknown_to_attributes) return fail_unknown(parse, name);
  parse->unknown++;
  return CF_OK;
}

/* ---- Attributes ---- */

static enum cf_err gather_unknown(void *context, struct cf_str name, const struct cf_json *v)
{
  struct parse *parse = context;
  if (v != NULL && cf_member_find(name) == CF_M_N) parse->pairs[parse->pairs_n++] = (struct cf_json_pair){.name = name, .value = v};
  return CF_OK;
}

/* The names of the members that were cut, as the text of an array. */
static void put_cut(uint32_t cut, struct cf_buf *b)
{
  cf_buf_putc(b, '[');
  for (unsigned m = 0; m < CF_M_N; m++) {
    if ((cut & 1u << m) == 0) continue;
    if (b->p != NULL && b->p[b->n - 1] != '[') cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_from(cf_member_table[m].name));
  }
  cf_buf_putc(b, ']');
}

static enum cf_err put_pairs(struct parse *parse, const struct cf_json *event)
{
  struct cf_parts *parts = &parse->parts;
  struct cf_buf cut;
  cf_json_pairs(parse->attributes, parse->pairs);
  parse->pairs_n = cf_json_members(parse->attributes);
  enum cf_err err = cf_json_each(event, gather_unknown, parse);
  cf_buf_init(&cut, 1024);
  if (err == CF_OK && parts->cut != 0) {
    put_cut(parts->cut, &cut);
    parse->pairs[parse->pairs_n++] = (struct cf_json_pair){.name = CF_STR("truncated"), .text = cf_buf_str(&cut)};
    err = cut.err;
  }
  if (err == CF_OK) err = cf_json_put_pairs(&parts->scratch, parse->pairs, parse->pairs_n, CF_ATTRIBUTES_DEPTH, parse->fault);
  cf_buf_fini(&cut);
  return err;
}

/* Write attributes to the scratch and set them, unless nothing is in them. */
static enum cf_err write_attributes(struct parse *parse, const struct cf_json *event)
{
  struct cf_parts *parts = &parse->parts;
  size_t at = parts->scratch.n;
  enum cf_err err = put_pairs(parse, event);
  if (err == CF_E_INVALID && parse->fault != NULL) strcpy(parse->fault->at, "attributes");
  if (err != CF_OK) return err;
  size_t n = parts->scratch.n - at;
  if (n > cf_member_table[CF_M_ATTRIBUTES].limit)
    return cf_fail(parse->fault, CF_E_INVALID, "attributes", "would take %zu bytes, more than %llu", n, (unsigned long long)cf_member_table[CF_M_ATTRIBUTES].limit);
  if (n > 2) cf_parts_set_scratch(parts, &parts->member[CF_M_ATTRIBUTES], at);
  return CF_OK;
}

static enum cf_err set_attributes(struct parse *parse, const struct cf_json *event)
{
  struct cf_json_pair fixed[PAIRS_FIXED];
  size_t n = cf_json_members(parse->attributes) + parse->unknown + (parse->parts.cut != 0);
  if (n == 0) return CF_OK;
  parse->pairs = n <= PAIRS_FIXED ? fixed : malloc(n * sizeof *parse->pairs);
  if (parse->pairs == NULL) return CF_E_NOMEM;
  enum cf_err err = write_attributes(parse, event);
  if (parse->pairs != fixed) free(parse->pairs);
  return err;
}

/* ---- Event ---- */

static enum cf_err take_event(struct parse *parse, const struct cf_json *event, struct cf_event *out)
{
  if (cf_json_type(event) != CF_JSON_OBJECT) return cf_fail(parse->fault, CF_E_INVALID, NULL, "an event must be an object");
  enum cf_err err = cf_json_each(event, take_member, parse);
  if (err == CF_OK && !parse->parts.member[CF_M_SOURCE].set) err = set_source(parse, parse->rules->source);
  if (err == CF_OK) err = set_attributes(parse, event);
  return err == CF_OK ? cf_parts_end(&parse->parts, out, parse->fault) : err;
}

enum cf_err cf_event_parse(struct cf_str text, const struct cf_event_rules *rules, struct cf_event *event, struct cf_fault *fault)
{
  struct parse parse = {.rules = rules, .fault = fault};
  struct cf_json *doc;
  enum cf_err err = cf_json_parse(text, CF_SCAN_DEPTH, &doc, fault);
  if (err != CF_OK) return err;
  cf_parts_init(&parse.parts, CF_K_EVENT);
  parse.parts.cut_long = rules->cut_long;
  err = take_event(&parse, doc, event);
  cf_parts_fini(&parse.parts);
  cf_json_free(doc);
  return err == CF_E_FULL ? cf_fail(fault, CF_E_INVALID, NULL, "the event is too large") : err;
}
