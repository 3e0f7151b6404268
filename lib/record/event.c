/* SPDX-License-Identifier: MIT */
/* One JSON object of a client becomes a record (api.md, POST /v1/events). */
#include "config.h"

#include "lib/record/event.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/record/canon_in.h"
#include "lib/record/draft_in.h"
#include "lib/record/json.h"
#include "lib/record/scan_in.h"
#include "lib/record/source.h"

struct parse {
  const struct cf_event_rules *rules;
  struct cf_str text;
  struct cf_draft draft;
  struct cf_buf plain;            /* texts that were sent with escapes */
  struct cf_str attributes;       /* as sent, or empty */
  struct cf_scan_members unknown; /* to be moved into attributes */
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

/* ---- members ---- */

static enum cf_err set_source(struct parse *parse, struct cf_str source)
{
  if (cf_str_is(source, CF_SOURCE_OWN))
    return cf_fail(parse->fault, CF_E_INVALID, "source", "counterfoil is the log's own name");
  if (!cf_source_allowed(source, parse->rules->source, parse->rules->sources))
    return cf_fail(parse->fault, CF_E_INVALID, "source", "this token may not write as that source");
  return cf_draft_set(&parse->draft, CF_M_SOURCE, source, parse->fault);
}

/* What the inside of a string stands for. All of the event's texts fit where
 * the first one makes room, so that none moves. */
static enum cf_err plain_text(struct parse *parse, struct cf_str inside, struct cf_str *out)
{
  struct cf_buf *b = &parse->plain;
  if (memchr(inside.p, '\\', inside.n) == NULL) {
    *out = inside;
    return CF_OK;
  }
  if (b->p == NULL) {
    if (cf_buf_grow(b, parse->text.n) == NULL)
      return b->err;
    cf_buf_reset(b);
  }
  size_t at = b->n;
  cf_scan_text(inside, b);
  *out = (struct cf_str){(const char *)b->p + at, b->n - at};
  return b->err;
}

static bool is_string(struct cf_str v)
{
  return *v.p == '"';
}
static bool is_object(struct cf_str v)
{
  return *v.p == '{';
}
static bool is_null(struct cf_str v)
{
  return *v.p == 'n';
}
static bool is_number(struct cf_str v)
{
  return *v.p == '-' || (*v.p >= '0' && *v.p <= '9');
}

static bool is_integer(struct cf_str v)
{
  size_t sign = *v.p == '-', i = sign;
  while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9')
    i++;
  return i == v.n && i > sign;
}

static struct cf_str inside(struct cf_str string)
{
  return (struct cf_str){string.p + 1, string.n - 2};
}

static enum cf_err set_string(struct parse *parse, enum cf_member m, struct cf_str v, bool plain)
{
  struct cf_str text;
  if (!is_string(v))
    return cf_fail(parse->fault, CF_E_INVALID, cf_member_table[m].name, "must be a string");
  if (plain && m != CF_M_SOURCE)
    return cf_draft_set_plain(&parse->draft, m, inside(v), parse->fault);
  enum cf_err err = plain_text(parse, inside(v), &text);
  if (err != CF_OK)
    return err;
  return m == CF_M_SOURCE ? set_source(parse, text)
                          : cf_draft_set(&parse->draft, m, text, parse->fault);
}

static enum cf_err set_time(struct parse *parse, struct cf_str v)
{
  struct cf_str text;
  enum cf_err err = CF_E_SYNTAX;
  int64_t t;
  if (is_string(v)) {
    err = plain_text(parse, inside(v), &text);
    if (err == CF_OK && cf_time_parse_strict(text, &t) == CF_OK)
      return cf_draft_set(&parse->draft, CF_M_TIME, text, parse->fault);
    if (err == CF_OK)
      err = cf_time_parse(text, &t);
  } else if (is_number(v)) {
    err = cf_time_parse_epoch(v, &t);
  }
  if (err == CF_E_NOMEM)
    return err;
  if (err != CF_OK)
    return cf_fail(
        parse->fault, CF_E_INVALID, "time",
        "must be an RFC 3339 date and time, or seconds, milli-, micro- or nanoseconds since 1970");
  return cf_draft_set_time(&parse->draft, t);
}

static enum cf_err set_integer(struct parse *parse, enum cf_member m, struct cf_str v)
{
  if (!is_integer(v))
    return cf_fail(parse->fault, CF_E_INVALID, cf_member_table[m].name, "must be an integer");
  return cf_draft_set(&parse->draft, m, cf_str_is(v, "-0") ? CF_STR("0") : v, parse->fault);
}

static enum cf_err set_member(struct parse *parse, enum cf_member m,
                              const struct cf_scan_member *member)
{
  struct cf_str v = member->value;
  switch (cf_member_table[m].type) {
  case CF_T_TIME: return set_time(parse, v);
  case CF_T_INTEGER: return set_integer(parse, m, v);
  case CF_T_OBJECT:
    if (!is_object(v))
      return cf_fail(parse->fault, CF_E_INVALID, cf_member_table[m].name, "must be an object");
    parse->attributes = v;
    return CF_OK;
  default: return set_string(parse, m, v, member->plain_value);
  }
}

static enum cf_err take_member(struct parse *parse, const struct cf_scan_member *member)
{
  struct cf_str name = member->name;
  if (is_null(member->value))
    return CF_OK;
  enum cf_err err = member->plain ? CF_OK : plain_text(parse, member->name, &name);
  if (err != CF_OK)
    return err;
  enum cf_member m = cf_member_find(name);
  if (m == CF_M_WRITER)
    return cf_fail(parse->fault, CF_E_INVALID, "writer",
                   "is set by the server, to the token that writes: leave it out");
  if (m != CF_M_N)
    return set_member(parse, m, member);
  if (!parse->rules->unknown_to_attributes)
    return fail_unknown(parse, name);
  return cf_scan_members_add(&parse->unknown, member);
}

/* ---- attributes ---- */

/* The names of the members that were cut, as the text of an array. */
static void put_cut(uint32_t cut, struct cf_buf *b)
{
  cf_buf_putc(b, '[');
  for (unsigned m = 0; m < CF_M_N; m++) {
    if ((cut & 1u << m) == 0)
      continue;
    if (b->p != NULL && b->p[b->n - 1] != '[')
      cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_from(cf_member_table[m].name));
  }
  cf_buf_putc(b, ']');
}

/* The list of what was cut is one more; its text is put to `cut`. */
static enum cf_err add_cut(struct parse *parse, struct cf_buf *cut)
{
  if (parse->draft.cut == 0)
    return CF_OK;
  put_cut(parse->draft.cut, cut);
  const struct cf_scan_member member = {CF_STR("truncated"), cf_buf_str(cut), true, false};
  return cut->err != CF_OK ? cut->err : cf_scan_members_add(&parse->unknown, &member);
}

/* The members of attributes join those that are to be in it too. */
static enum cf_err add_sent(struct parse *parse)
{
  struct cf_scan_members sent;
  if (parse->attributes.n == 0)
    return CF_OK;
  cf_scan_members_init(&sent);
  enum cf_err err = cf_scan_object(parse->attributes, CF_SCAN_DEPTH, &sent, parse->fault);
  for (size_t i = 0; err == CF_OK && i < sent.n; i++)
    err = cf_scan_members_add(&parse->unknown, &sent.v[i]);
  cf_scan_members_fini(&sent);
  return err;
}

/* Write attributes and what joins them to the scratch. */
static enum cf_err write_attributes(struct parse *parse)
{
  struct cf_buf cut;
  cf_buf_init(&cut, 1024);
  enum cf_err err = add_cut(parse, &cut);
  if (err == CF_OK)
    err = add_sent(parse);
  if (err == CF_OK)
    err = cf_canon_put_members(&parse->unknown, CF_ATTRIBUTES_DEPTH, &parse->draft.scratch,
                               parse->fault);
  cf_buf_fini(&cut);
  if (err == CF_E_INVALID && parse->fault != NULL)
    strcpy(parse->fault->at, "attributes");
  return err;
}

static bool canonical(struct cf_str attributes)
{
  struct cf_canon c = cf_canon_at(attributes);
  return cf_canon_object(&c, CF_ATTRIBUTES_DEPTH) && cf_canon_ended(&c);
}

/* Attributes that are canonical already are taken as they are; nothing is set
 * where nothing is in them. */
static enum cf_err set_attributes(struct parse *parse)
{
  struct cf_draft *draft = &parse->draft;
  struct cf_draft_part *part = &draft->member[CF_M_ATTRIBUTES];
  struct cf_str sent = parse->attributes;
  if (parse->unknown.n == 0 && draft->cut == 0 && (sent.n == 0 || canonical(sent))) {
    *part = (struct cf_draft_part){.p = sent.p, .n = sent.n, .set = sent.n > 2};
  } else {
    size_t at = draft->scratch.n;
    enum cf_err err = write_attributes(parse);
    if (err != CF_OK)
      return err;
    cf_draft_set_scratch(draft, part, at);
    part->set = part->n > 2;
  }
  if (part->n <= cf_member_table[CF_M_ATTRIBUTES].limit)
    return CF_OK;
  return cf_fail(parse->fault, CF_E_INVALID, "attributes", "would take %zu bytes, more than %llu",
                 part->n, (unsigned long long)cf_member_table[CF_M_ATTRIBUTES].limit);
}

/* ---- event ---- */

static enum cf_err take_event(struct parse *parse, const struct cf_scan_members *members,
                              struct cf_event *out)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; err == CF_OK && i < members->n; i++)
    err = take_member(parse, &members->v[i]);
  if (err == CF_OK && !parse->draft.member[CF_M_SOURCE].set)
    err = set_source(parse, parse->rules->source);
  if (err == CF_OK && parse->rules->writer.n > 0)
    err = cf_draft_set(&parse->draft, CF_M_WRITER, parse->rules->writer, parse->fault);
  if (err == CF_OK)
    err = set_attributes(parse);
  return err == CF_OK ? cf_draft_end(&parse->draft, out, parse->fault) : err;
}

enum cf_err cf_event_read(struct cf_str text, const struct cf_scan_members *members,
                          const struct cf_event_rules *rules, struct cf_event *event,
                          struct cf_fault *fault)
{
  if (!is_object(text))
    return cf_fail(fault, CF_E_INVALID, NULL, "an event must be an object");
  struct parse parse;
  parse.rules = rules;
  parse.text = text;
  parse.attributes = CF_STR("");
  parse.fault = fault;
  cf_draft_init(&parse.draft, CF_K_EVENT);
  cf_buf_init(&parse.plain, SIZE_MAX / 2);
  cf_scan_members_init(&parse.unknown);
  parse.draft.cut_long = rules->cut_long;
  parse.draft.arena = rules->arena;
  enum cf_err err = take_event(&parse, members, event);
  cf_scan_members_fini(&parse.unknown);
  cf_buf_fini(&parse.plain);
  cf_draft_fini(&parse.draft);
  return err == CF_E_FULL ? cf_fail(fault, CF_E_INVALID, NULL, "the event is too large") : err;
}

enum cf_err cf_event_parse(struct cf_str text, const struct cf_event_rules *rules,
                           struct cf_event *event, struct cf_fault *fault)
{
  struct cf_scan_members members;
  cf_scan_members_init(&members);
  enum cf_err err = cf_scan_object(text, CF_SCAN_DEPTH, &members, fault);
  if (err == CF_OK || err == CF_E_INVALID)
    err = cf_event_read(cf_scan_space(text), &members, rules, event, fault);
  cf_scan_members_fini(&members);
  return err;
}
