/* SPDX-License-Identifier: MIT */
/* Values read through json-c, and written again in canonical form. The only
 * file that knows json-c.
 *
 * Strings and names come out of json-c as sent (U+0000 and ill-formed bytes
 * kept, lone surrogate escapes as U+FFFD), fractions and exponents as text; it
 * would saturate huge integers and take the last of equal names, which scan.c
 * has refused before. */
#include "config.h"

#include "lib/record/json.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/record/number.h"
#include "lib/record/scan_in.h"

#define PAIRS_FIXED 24 /* members of an object sorted without allocating */

/* json-c takes no const pointers, though what is used here does not change a
 * value's meaning. */
static struct json_object *object(const struct cf_json *v)
{
  return (struct json_object *)(uintptr_t)v;
}
static const struct cf_json *value(const struct json_object *o)
{
  return (const struct cf_json *)o;
}

static enum cf_err tokenize(struct cf_str text, unsigned depth_max, struct json_object **o,
                            struct cf_fault *fault)
{
  struct json_tokener *tokener = json_tokener_new_ex((int)depth_max + 1);
  if (tokener == NULL)
    return CF_E_NOMEM;
  *o = json_tokener_parse_ex(tokener, text.p, (int)text.n);
  /* A number has no end of its own: show json-c the text's. */
  if (json_tokener_get_error(tokener) == json_tokener_continue)
    *o = json_tokener_parse_ex(tokener, "", 1);
  enum json_tokener_error error = json_tokener_get_error(tokener);
  json_tokener_free(tokener);
  if (error != json_tokener_success)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "%s", json_tokener_error_desc(error));
  return *o == NULL && *text.p != 'n' ? CF_E_NOMEM : CF_OK;
}

enum cf_err cf_json_parse(struct cf_str text, unsigned depth_max, struct cf_json **doc,
                          struct cf_fault *fault)
{
  struct cf_str one, rest;
  enum cf_err err = cf_scan_value(text, depth_max, &one, &rest, fault);
  if (err != CF_OK)
    return err;
  if (cf_scan_space(rest).n > 0)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "at byte %zu: more than one JSON value",
                   text.n - cf_scan_space(rest).n);
  if (one.n >= INT_MAX)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "a text of 2 GiB or more");
  struct json_object *o = NULL;
  err = tokenize(one, depth_max, &o, fault);
  if (err == CF_OK)
    *doc = (struct cf_json *)o;
  return err;
}

enum cf_err cf_json_parse_members(struct cf_str text, unsigned depth_max, struct cf_json **doc)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_buf_putstr(&b, text);
  cf_buf_putc(&b, '}');
  enum cf_err err = b.err == CF_OK ? cf_json_parse(cf_buf_str(&b), depth_max, doc, NULL) : b.err;
  cf_buf_fini(&b);
  return err;
}

void cf_json_free(struct cf_json *doc)
{
  json_object_put(object(doc));
}

enum cf_json_type cf_json_type(const struct cf_json *v)
{
  switch (json_object_get_type(object(v))) {
  case json_type_boolean: return CF_JSON_BOOL;
  case json_type_int: return CF_JSON_INTEGER;
  case json_type_double: return CF_JSON_NUMBER;
  case json_type_string: return CF_JSON_STRING;
  case json_type_array: return CF_JSON_ARRAY;
  case json_type_object: return CF_JSON_OBJECT;
  case json_type_null: break;
  }
  return CF_JSON_NULL;
}

struct cf_str cf_json_string(const struct cf_json *v)
{
  if (cf_json_type(v) != CF_JSON_STRING)
    return (struct cf_str){"", 0};
  return (struct cf_str){json_object_get_string(object(v)),
                         (size_t)json_object_get_string_len(object(v))};
}

/* json-c keeps a double's text as sent; an integer's shortest text it makes,
 * and keeps it with the value. */
struct cf_str cf_json_number(const struct cf_json *v)
{
  switch (cf_json_type(v)) {
  case CF_JSON_INTEGER: return cf_str_from(json_object_get_string(object(v)));
  case CF_JSON_NUMBER: return cf_str_from(json_object_get_userdata(object(v)));
  default: return (struct cf_str){"", 0};
  }
}

bool cf_json_bool(const struct cf_json *v)
{
  return cf_json_type(v) == CF_JSON_BOOL && json_object_get_boolean(object(v));
}

const struct cf_json *cf_json_member(const struct cf_json *v, const char *name)
{
  return cf_json_type(v) == CF_JSON_OBJECT ? value(json_object_object_get(object(v), name)) : NULL;
}

size_t cf_json_count(const struct cf_json *v)
{
  return cf_json_type(v) == CF_JSON_ARRAY ? json_object_array_length(object(v)) : 0;
}

const struct cf_json *cf_json_element(const struct cf_json *v, size_t i)
{
  return i < cf_json_count(v) ? value(json_object_array_get_idx(object(v), i)) : NULL;
}

enum cf_err cf_json_each(const struct cf_json *v,
                         enum cf_err (*each)(void *context, struct cf_str name,
                                             const struct cf_json *member),
                         void *context)
{
  if (cf_json_type(v) != CF_JSON_OBJECT)
    return CF_OK;
  json_object_object_foreach(object(v), name, member)
  {
    enum cf_err err = each(context, cf_str_from(name), value(member));
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- canonical text ---- */

static enum cf_err put_any(struct cf_buf *b, const struct cf_json *v, unsigned depth_max,
                           struct cf_fault *fault);

static int compare_pairs(const void *a, const void *b)
{
  const struct cf_json_pair *x = a, *y = b;
  return cf_str_cmp(x->name, y->name);
}

/* Replace ill-formed names by what will be written, so that they sort and
 * compare as such. The texts go to `mended`. */
static enum cf_err mend_names(struct cf_json_pair *pairs, size_t n, struct cf_buf *mended)
{
  size_t need = 0;
  for (size_t i = 0; i < n; i++)
    if (!cf_utf8_ok(pairs[i].name))
      need += 3 * pairs[i].name.n;
  if (need == 0)
    return CF_OK;
  if (cf_buf_grow(mended, need) == NULL)
    return mended->err;
  cf_buf_reset(mended);
  for (size_t i = 0; i < n; i++) {
    if (cf_utf8_ok(pairs[i].name))
      continue;
    size_t start = mended->n;
    cf_utf8_put(mended, pairs[i].name);
    pairs[i].name = (struct cf_str){(const char *)mended->p + start, mended->n - start};
  }
  return mended->err;
}

static enum cf_err put_sorted(struct cf_buf *b, struct cf_json_pair *pairs, size_t n,
                              unsigned depth_max, struct cf_fault *fault)
{
  qsort(pairs, n, sizeof *pairs, compare_pairs);
  cf_buf_putc(b, '{');
  size_t empty = b->n;
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && cf_str_eq(pairs[i].name, pairs[i - 1].name))
      return cf_fail(fault, CF_E_INVALID, NULL, "the name \"%.*s\" is there twice",
                     (int)pairs[i].name.n, pairs[i].name.p);
    if (pairs[i].value == NULL && pairs[i].text.n == 0)
      continue;
    if (b->n > empty)
      cf_buf_putc(b, ',');
    cf_json_put_str(b, pairs[i].name);
    cf_buf_putc(b, ':');
    cf_buf_putstr(b, pairs[i].text);
    enum cf_err err =
        pairs[i].value == NULL ? CF_OK : put_any(b, pairs[i].value, depth_max - 1, fault);
    if (err != CF_OK)
      return err;
  }
  cf_buf_putc(b, '}');
  return b->err;
}

enum cf_err cf_json_put_pairs(struct cf_buf *b, struct cf_json_pair *pairs, size_t n,
                              unsigned depth_max, struct cf_fault *fault)
{
  struct cf_buf mended;
  if (depth_max == 0)
    return cf_fail(fault, CF_E_INVALID, NULL, "nested too deep");
  cf_buf_init(&mended, SIZE_MAX / 2);
  enum cf_err err = mend_names(pairs, n, &mended);
  if (err == CF_OK)
    err = put_sorted(b, pairs, n, depth_max, fault);
  cf_buf_fini(&mended);
  return err;
}

size_t cf_json_members(const struct cf_json *v)
{
  return cf_json_type(v) == CF_JSON_OBJECT ? (size_t)json_object_object_length(object(v)) : 0;
}

void cf_json_pairs(const struct cf_json *v, struct cf_json_pair *pairs)
{
  if (cf_json_type(v) != CF_JSON_OBJECT)
    return;
  json_object_object_foreach(object(v), name, member) *pairs++ =
      (struct cf_json_pair){.name = cf_str_from(name), .value = value(member)};
}

static enum cf_err put_object(struct cf_buf *b, const struct cf_json *v, unsigned depth_max,
                              struct cf_fault *fault)
{
  struct cf_json_pair fixed[PAIRS_FIXED], *pairs = fixed;
  size_t n = cf_json_members(v);
  if (n > PAIRS_FIXED && (pairs = malloc(n * sizeof *pairs)) == NULL)
    return CF_E_NOMEM;
  cf_json_pairs(v, pairs);
  enum cf_err err = cf_json_put_pairs(b, pairs, n, depth_max, fault);
  if (pairs != fixed)
    free(pairs);
  return err;
}

static enum cf_err put_array(struct cf_buf *b, const struct cf_json *v, unsigned depth_max,
                             struct cf_fault *fault)
{
  if (depth_max == 0)
    return cf_fail(fault, CF_E_INVALID, NULL, "nested too deep");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < cf_json_count(v); i++) {
    if (i > 0)
      cf_buf_putc(b, ',');
    enum cf_err err = put_any(b, cf_json_element(v, i), depth_max - 1, fault);
    if (err != CF_OK)
      return err;
  }
  cf_buf_putc(b, ']');
  return b->err;
}

static enum cf_err put_number(struct cf_buf *b, const struct cf_json *v, struct cf_fault *fault)
{
  struct cf_str text = cf_json_number(v);
  if (!cf_number_ok(text))
    return cf_fail(fault, CF_E_INVALID, NULL,
                   "a number of more than %d bytes, or beyond the range of IEEE doubles",
                   CF_NUMBER_MAX);
  cf_buf_putstr(b, text);
  return b->err;
}

static enum cf_err put_any(struct cf_buf *b, const struct cf_json *v, unsigned depth_max,
                           struct cf_fault *fault)
{
  switch (cf_json_type(v)) {
  case CF_JSON_NULL: cf_buf_put(b, "null", 4); break;
  case CF_JSON_BOOL: cf_buf_puts(b, cf_json_bool(v) ? "true" : "false"); break;
  case CF_JSON_INTEGER: cf_buf_put_i64(b, json_object_get_int64(object(v))); break;
  case CF_JSON_NUMBER: return put_number(b, v, fault);
  case CF_JSON_STRING: cf_json_put_str(b, cf_json_string(v)); break;
  case CF_JSON_ARRAY: return put_array(b, v, depth_max, fault);
  case CF_JSON_OBJECT: return put_object(b, v, depth_max, fault);
  }
  return b->err;
}

enum cf_err cf_json_put_canonical(struct cf_buf *b, const struct cf_json *v, unsigned depth_max,
                                  struct cf_fault *fault)
{
  return put_any(b, v, depth_max, fault);
}

static enum cf_err member_fits(void *context, struct cf_str name, const struct cf_json *member)
{
  const unsigned *depth_max = context;
  (void)name;
  return cf_json_fits(member, *depth_max) ? CF_OK : CF_E_INVALID;
}

bool cf_json_fits(const struct cf_json *v, unsigned depth_max)
{
  enum cf_json_type type = cf_json_type(v);
  unsigned inside = depth_max - 1;
  bool fits = true;
  if (type == CF_JSON_NUMBER)
    return cf_number_ok(cf_json_number(v));
  if (type != CF_JSON_OBJECT && type != CF_JSON_ARRAY)
    return true;
  if (depth_max == 0)
    return false;
  for (size_t i = 0; i < cf_json_count(v) && fits; i++)
    fits = cf_json_fits(cf_json_element(v, i), inside);
  return fits && cf_json_each(v, member_fits, &inside) == CF_OK;
}
