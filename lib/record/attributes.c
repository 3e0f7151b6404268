/* SPDX-License-Identifier: MIT */
/* Attributes walked for the values at a path. An object is on one path only, so
 * the whole text is walked once. */
#include "config.h"

#include "lib/record/attributes.h"

#include <string.h>

#include "lib/record/canon_in.h"
#include "lib/record/json.h"

struct look {
  struct cf_canon at;
  struct cf_buf *scratch;
  bool (*hit)(const void *context, struct cf_str value);
  const void *context;
  bool all; /* each value is looked for */
  bool found;
  enum cf_err err;
};

/* Where a walk is. */
struct place {
  enum {
    OFF, /* in nothing that is looked for */
    ON,  /* what is left of the path is in here */
    HERE /* at the path's end */
  } how;
  struct cf_str left;
};

/* The functions of the walk step over what they name; false ends the walk: it
 * was found, or err says why. */
static bool walk_value(struct look *l, struct place place, unsigned depth);

static bool broken(struct look *l, enum cf_err err)
{
  if (l->err == CF_OK)
    l->err = err;
  return false;
}

/* Decode the inside of a string; what the caller has looked at is put back by
 * cutting the scratch to `at`. */
static bool decode(struct look *l, struct cf_str inside, struct cf_str *text)
{
  size_t at = l->scratch->n;
  *text = inside;
  if (memchr(inside.p, '\\', inside.n) == NULL)
    return true;
  enum cf_err err = cf_json_unescape(inside, l->scratch);
  if (err != CF_OK)
    return broken(l, err);
  *text = (struct cf_str){(const char *)l->scratch->p + at, l->scratch->n - at};
  return true;
}

static bool judge(struct look *l, struct place place, struct cf_str value)
{
  l->found = place.how == HERE && l->hit(l->context, value);
  return !l->found;
}

static bool walk_string(struct look *l, struct place place)
{
  struct cf_str inside, text;
  size_t decoded_n, at = l->scratch->n;
  if (!cf_canon_string(&l->at, &inside, &decoded_n))
    return broken(l, CF_E_SYNTAX);
  if (place.how != HERE)
    return true;
  bool on = decode(l, inside, &text) && judge(l, place, text);
  if (l->err == CF_OK)
    cf_buf_cut(l->scratch, l->scratch->n - at);
  return on;
}

/* A number, true, false or null, which is no value. */
static bool walk_word(struct look *l, struct place place)
{
  const char *from = l->at.p;
  while (l->at.p < l->at.end && *l->at.p != ',' && *l->at.p != ']' && *l->at.p != '}')
    l->at.p++;
  struct cf_str word = {from, (size_t)(l->at.p - from)};
  if (word.n == 0)
    return broken(l, CF_E_SYNTAX);
  return cf_str_is(word, "null") || judge(l, place, word);
}

static bool walk_array(struct look *l, struct place place, unsigned depth)
{
  do {
    if (!walk_value(l, place, depth))
      return false;
  } while (cf_canon_char(&l->at, ','));
  return cf_canon_char(&l->at, ']') || broken(l, CF_E_SYNTAX);
}

/* Where the member of that name is, seen from its object. */
static bool step_in(struct look *l, struct place place, struct cf_str inside, struct place *in)
{
  struct cf_str name;
  size_t at = l->scratch->n;
  *in = l->all ? place : (struct place){.how = OFF};
  if (place.how != ON)
    return true;
  if (!decode(l, inside, &name))
    return false;
  struct cf_str left = place.left;
  if (cf_str_eq(left, name))
    in->how = HERE;
  else if (cf_str_starts(left, name) && left.p[name.n] == '.')
    *in = (struct place){ON, {left.p + name.n + 1, left.n - name.n - 1}};
  cf_buf_cut(l->scratch, l->scratch->n - at);
  return true;
}

static bool walk_object(struct look *l, struct place place, unsigned depth)
{
  struct cf_str name;
  size_t decoded_n;
  struct place in;
  do {
    if (!cf_canon_string(&l->at, &name, &decoded_n) || !cf_canon_char(&l->at, ':'))
      return broken(l, CF_E_SYNTAX);
    if (!step_in(l, place, name, &in) || !walk_value(l, in, depth))
      return false;
  } while (cf_canon_char(&l->at, ','));
  return cf_canon_char(&l->at, '}') || broken(l, CF_E_SYNTAX);
}

static bool walk_value(struct look *l, struct place place, unsigned depth)
{
  if (cf_canon_ended(&l->at))
    return broken(l, CF_E_SYNTAX);
  if (*l->at.p == '"')
    return walk_string(l, place);
  bool object = cf_canon_char(&l->at, '{');
  if (!object && !cf_canon_char(&l->at, '['))
    return walk_word(l, place);
  if (depth == 0)
    return broken(l, CF_E_SYNTAX);
  if (cf_canon_char(&l->at, object ? '}' : ']'))
    return true;
  return object ? walk_object(l, place, depth - 1) : walk_array(l, place, depth - 1);
}

enum cf_err cf_attributes_look(struct cf_str text, struct cf_str path, struct cf_buf *scratch,
                               bool (*hit)(const void *context, struct cf_str value),
                               const void *context, bool *found)
{
  struct look l = {.at = cf_canon_at(text),
                   .scratch = scratch,
                   .hit = hit,
                   .context = context,
                   .all = path.n == 0};
  struct place top = {l.all ? HERE : ON, path};
  bool whole = walk_value(&l, top, CF_ATTRIBUTES_DEPTH) && cf_canon_ended(&l.at);
  if (!whole && !l.found)
    return l.err == CF_OK ? CF_E_SYNTAX : l.err;
  *found = l.found;
  return CF_OK;
}
