/* SPDX-License-Identifier: MIT */
/* Records taken apart: a walk over canonical text, and the flat event of
 * api.md.
 *
 * The texts were checked when they came in, so this reads fast and only makes
 * sure that it never leaves them. */
#include "config.h"

#include "lib/record/record_in.h"

#include <string.h>

#include "lib/record/json.h"
#include "lib/record/values.h"

const struct cf_str cf_member_keys[CF_M_N] = {
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  {"\"" name "\":", sizeof(name) + 2},
#include "lib/record/schema.def"
#undef CF_MEMBER
};

static const char body_key[] = "\"body\":";

/* The members of one text, in the table's order. Texts walked one after the
 * other go on in the table where the last one stopped. */
struct walk {
  const char *p, *end;
  /* where the search for the next name begins; after a step, one behind the
   * member found */
  unsigned member;
  enum cf_compartment compartment;
  bool broken;
};

static void walk_text(struct walk *w, enum cf_compartment compartment, struct cf_str text)
{
  w->p = text.n == 0 ? "" : text.p;
  w->end = w->p + text.n;
  w->compartment = compartment;
}

/* The inside of a payload's braces. */
static struct cf_str inside(struct cf_str payload)
{
  return (struct cf_str){payload.p + 1, payload.n - 2};
}

static bool at_key(const struct walk *w, const char *key, size_t n)
{
  return (size_t)(w->end - w->p) > n && w->p[1] == key[1] && memcmp(w->p, key, n) == 0;
}

static bool take_key(struct walk *w)
{
  for (; w->member < CF_M_N; w->member++) {
    unsigned m = w->member;
    if (cf_member_table[m].compartment != w->compartment ||
        !at_key(w, cf_member_keys[m].p, cf_member_keys[m].n))
      continue;
    w->p += cf_member_keys[m].n;
    return true;
  }
  return false;
}

/* The closing quote of the string whose inside begins at p, or NULL. A quote
 * behind an odd number of backslashes does not close. */
static const char *string_end(const char *p, const char *end)
{
  for (const char *from = p;; from++) {
    from = memchr(from, '"', (size_t)(end - from));
    if (from == NULL)
      return NULL;
    const char *slash = from;
    while (slash > p && slash[-1] == '\\')
      slash--;
    if (((from - slash) & 1) == 0)
      return from;
  }
}

/* Where the value at w->p ends, or NULL: a string, digits, or an object, which
 * is the last of its text. */
static const char *value_end(const struct walk *w)
{
  const char *p = w->p;
  if (*p == '"') {
    const char *quote = string_end(p + 1, w->end);
    return quote == NULL ? NULL : quote + 1;
  }
  if (*p == '{')
    return w->end[-1] == '}' ? w->end : NULL;
  while (p < w->end && *p >= '0' && *p <= '9')
    p++;
  return p == w->p ? NULL : p;
}

/* The next member's value as it stands. False at the text's end, at `body`, or
 * where the text is broken. */
static bool walk_next(struct walk *w, struct cf_str *raw)
{
  if (w->broken || w->p == w->end || at_key(w, body_key, sizeof body_key - 1))
    return false;
  const char *end = take_key(w) ? value_end(w) : NULL;
  if (end == NULL || (end < w->end && (*end != ',' || end + 1 == w->end))) {
    w->broken = true;
    return false;
  }
  *raw = (struct cf_str){w->p, (size_t)(end - w->p)};
  w->p = end < w->end ? end + 1 : end;
  w->member++;
  return true;
}

/* ---- values ---- */

void cf_values_init(struct cf_values *values)
{
  memset(values->v, 0, sizeof values->v);
  cf_buf_init(&values->scratch, CF_LEAF_MAX);
}

void cf_values_fini(struct cf_values *values)
{
  cf_buf_fini(&values->scratch);
}

/* Decode what has escapes. The scratch gets its memory at once, so that slices
 * into it stay. */
static enum cf_err text_unescape(struct cf_str in, struct cf_buf *scratch, struct cf_str *out)
{
  if (scratch->n == 0 && cf_buf_grow(scratch, CF_LEAF_MAX) != NULL)
    cf_buf_reset(scratch);
  size_t start = scratch->n;
  enum cf_err err = cf_json_unescape(in, scratch);
  if (err != CF_OK)
    return err == CF_E_NOMEM ? err : CF_E_SYNTAX;
  *out = (struct cf_str){(const char *)scratch->p + start, scratch->n - start};
  return CF_OK;
}

static enum cf_err take_value(struct cf_values *values, unsigned member, struct cf_str raw)
{
  if (*raw.p != '"') {
    values->v[member] = raw;
    return CF_OK;
  }
  struct cf_str in = inside(raw);
  if (memchr(in.p, '\\', in.n) != NULL)
    return text_unescape(in, &values->scratch, &values->v[member]);
  values->v[member] = in;
  return CF_OK;
}

static enum cf_err take_text(struct cf_values *values, struct walk *w)
{
  struct cf_str raw;
  while (walk_next(w, &raw)) {
    enum cf_err err = take_value(values, w->member - 1, raw);
    if (err != CF_OK)
      return err;
  }
  return w->broken ? CF_E_SYNTAX : CF_OK;
}

enum cf_err cf_values_get(const struct cf_record *r, struct cf_values *values)
{
  struct walk w = {.member = 0};
  memset(values->v, 0, sizeof values->v);
  cf_buf_reset(&values->scratch);
  walk_text(&w, CF_C_PUBLIC, r->public_text);
  enum cf_err err = take_text(values, &w);
  for (unsigned c = 0; c < CF_C_N && err == CF_OK; c++) {
    if (r->payload[c].n < 2)
      continue;
    walk_text(&w, (enum cf_compartment)c, inside(r->payload[c]));
    err = take_text(values, &w);
  }
  return err;
}

int64_t cf_public_time(struct cf_str public_text)
{
  static const char key[] = "\"time\":\"";
  if (public_text.n == 0)
    return CF_TIME_NONE;
  const char *end = public_text.p + public_text.n;
  for (const char *p = public_text.p; (size_t)(end - p) > sizeof key - 1 + CF_TIME_TEXT_N; p++) {
    int64_t t;
    if (memcmp(p, key, sizeof key - 1) == 0)
      return cf_time_parse_strict((struct cf_str){p + sizeof key - 1, CF_TIME_TEXT_N}, &t) == CF_OK
                 ? t
                 : CF_TIME_NONE;
    /* A name has no comma and no body comes before a time: commas part the
     * members up to there. */
    p = memchr(p, ',', (size_t)(end - p));
    if (p == NULL || p + sizeof body_key > end || memcmp(p + 1, body_key, sizeof body_key - 1) == 0)
      break;
  }
  return CF_TIME_NONE;
}

/* ---- flat ---- */

static bool has_gone(const struct cf_record *r)
{
  bool any = false;
  for (unsigned c = 0; c < CF_C_N; c++)
    any = any || r->gone[c] != NULL;
  return any;
}

static void put_erased(const struct cf_record *r, struct cf_buf *b)
{
  if (!has_gone(r))
    return;
  cf_json_put_name(b, "erased");
  cf_buf_putc(b, '[');
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->gone[c] == NULL)
      continue;
    if (b->n > 0 && b->p[b->n - 1] != '[')
      cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_from(cf_compartment_names[c]));
  }
  cf_buf_putc(b, ']');
}

static void put_text(struct cf_buf *b, struct cf_str text)
{
  if (text.n == 0)
    return;
  cf_buf_putc(b, ',');
  cf_buf_putstr(b, text);
}

static void put_chosen(struct walk *w, uint32_t fields, struct cf_buf *b)
{
  struct cf_str raw;
  while (walk_next(w, &raw)) {
    unsigned m = w->member - 1;
    if ((fields >> m & 1) == 0)
      continue;
    cf_buf_putc(b, ',');
    cf_buf_putstr(b, cf_member_keys[m]);
    cf_buf_putstr(b, raw);
  }
}

static void put_members(struct walk *w, struct cf_str text, enum cf_compartment compartment,
                        uint32_t fields, struct cf_buf *b)
{
  if (fields == CF_FIELDS_ALL) {
    put_text(b, text);
  } else {
    walk_text(w, compartment, text);
    put_chosen(w, fields, b);
  }
}

void cf_record_put_flat(const struct cf_record *r, uint32_t fields, struct cf_buf *b)
{
  struct walk w = {.member = 0};
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "seq", r->seq);
  cf_json_put_member_time(b, "recorded", r->recorded_us);
  cf_json_put_member(b, "kind", cf_str_from(cf_kind_table[r->kind].name));
  put_members(&w, r->public_text, CF_C_PUBLIC, fields, b);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n >= 2)
      put_members(&w, inside(r->payload[c]), (enum cf_compartment)c, fields, b);
  put_erased(r, b);
  cf_buf_putc(b, '}');
}
