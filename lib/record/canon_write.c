/* SPDX-License-Identifier: MIT */
/* Canonical text of what the scanner has found strict, made from the text
 * itself: no tree, and no more memory than the members of the objects that are
 * open. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/record/canon_in.h"
#include "lib/record/json.h"
#include "lib/record/number.h"
#include "lib/record/scan_in.h"

struct writing {
  struct cf_buf *b;
  struct cf_buf decoded; /* the string at hand */
  struct cf_fault *fault;
};

static enum cf_err put_value(struct writing *w, struct cf_str v, unsigned depth_max);
static enum cf_err put_members(struct writing *w, struct cf_scan_members *members,
                               unsigned depth_max);

static struct cf_str string_decode(struct writing *w, struct cf_str inside)
{
  cf_buf_reset(&w->decoded);
  cf_scan_text(inside, &w->decoded);
  return cf_buf_str(&w->decoded);
}

static void put_string(struct writing *w, struct cf_str inside)
{
  cf_json_put_str(w->b, string_decode(w, inside));
}

static enum cf_err put_number(struct writing *w, struct cf_str v)
{
  if (!cf_number_ok(v))
    return cf_fail(w->fault, CF_E_INVALID, NULL,
                   "a number of more than %d bytes, or beyond the range of IEEE doubles",
                   CF_NUMBER_MAX);
  cf_buf_putstr(w->b, cf_str_is(v, "-0") ? CF_STR("0") : v);
  return CF_OK;
}

static enum cf_err put_array(struct writing *w, struct cf_str v, unsigned depth_max)
{
  struct cf_str left = cf_scan_space(cf_str_behind(v, 1)), element;
  enum cf_err err = CF_OK;
  cf_buf_putc(w->b, '[');
  while (err == CF_OK && *left.p != ']') {
    err = cf_scan_value(left, CF_SCAN_DEPTH, &element, &left, w->fault);
    if (err == CF_OK)
      err = put_value(w, element, depth_max);
    left = cf_scan_space(left);
    if (*left.p == ',') {
      cf_buf_putc(w->b, ',');
      left = cf_str_behind(left, 1);
    }
  }
  cf_buf_putc(w->b, ']');
  return err;
}

static enum cf_err put_object(struct writing *w, struct cf_str v, unsigned depth_max)
{
  struct cf_scan_members members;
  cf_scan_members_init(&members);
  enum cf_err err = cf_scan_object(v, CF_SCAN_DEPTH, &members, w->fault);
  if (err == CF_OK)
    err = put_members(w, &members, depth_max);
  cf_scan_members_fini(&members);
  return err;
}

static enum cf_err put_value(struct writing *w, struct cf_str v, unsigned depth_max)
{
  bool nested = *v.p == '{' || *v.p == '[';
  if (nested && depth_max == 0)
    return cf_fail(w->fault, CF_E_INVALID, NULL, "nested too deep");
  switch (*v.p) {
  case '{': return put_object(w, v, depth_max - 1);
  case '[': return put_array(w, v, depth_max - 1);
  case '"': put_string(w, (struct cf_str){v.p + 1, v.n - 2}); return CF_OK;
  case 't':
  case 'f':
  case 'n': cf_buf_putstr(w->b, v); return CF_OK;
  default: return put_number(w, v);
  }
}

/* ---- members ---- */

static int members_compare(const void *a, const void *b)
{
  return cf_scan_names_compare(a, b);
}

static enum cf_err name_refuse(struct writing *w, struct cf_str name)
{
  struct cf_buf mended;
  cf_buf_init(&mended, SIZE_MAX / 2);
  cf_utf8_put(&mended, string_decode(w, name));
  enum cf_err err =
      cf_fail(w->fault, CF_E_INVALID, NULL, "the name \"%s\" is there twice", cf_buf_cstr(&mended));
  cf_buf_fini(&mended);
  return err;
}

/* depth_max: of their values. */
static enum cf_err put_members(struct writing *w, struct cf_scan_members *members,
                               unsigned depth_max)
{
  struct cf_scan_member *v = members->v;
  enum cf_err err = CF_OK;
  qsort(v, members->n, sizeof *v, members_compare);
  cf_buf_putc(w->b, '{');
  size_t empty = w->b->n;
  for (size_t i = 0; err == CF_OK && i < members->n; i++) {
    if (i > 0 && cf_scan_names_compare(&v[i - 1], &v[i]) == 0)
      return name_refuse(w, v[i].name);
    if (*v[i].value.p == 'n')
      continue;
    if (w->b->n > empty)
      cf_buf_putc(w->b, ',');
    put_string(w, v[i].name);
    cf_buf_putc(w->b, ':');
    err = put_value(w, v[i].value, depth_max);
  }
  cf_buf_putc(w->b, '}');
  return err;
}

enum cf_err cf_canon_put_members(struct cf_scan_members *members, unsigned depth_max,
                                 struct cf_buf *b, struct cf_fault *fault)
{
  struct writing w = {.b = b, .fault = fault};
  cf_buf_init(&w.decoded, SIZE_MAX / 2);
  enum cf_err err = put_members(&w, members, depth_max - 1);
  if (err == CF_OK)
    err = w.decoded.err != CF_OK ? w.decoded.err : b->err;
  cf_buf_fini(&w.decoded);
  return err;
}
