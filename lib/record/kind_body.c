/* SPDX-License-Identifier: MIT */
/* The `body` of the log's own kinds (format.md, Leaf): which members it has
 * stands in schema.def, what each may be stands here. */
#include "config.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/record/canon_in.h"

#define INTEGER_MAX UINT64_C(9007199254740991) /* 2^53 - 1 */
#define TARGETS_MAX 4000

static bool is_text(struct cf_canon *c)
{
  struct cf_str inside;
  size_t n;
  return cf_canon_string(c, &inside, &n) && n > 0;
}

static bool is_name(struct cf_canon *c)
{
  struct cf_str word;
  return cf_canon_word(c, &word) && cf_value_ok(CF_M_SOURCE, word);
}

static bool is_time(struct cf_canon *c)
{
  struct cf_str word;
  int64_t t;
  return cf_canon_word(c, &word) && cf_time_parse_strict(word, &t) == CF_OK;
}

static bool is_hash(struct cf_canon *c)
{
  struct cf_str word;
  uint8_t hash[CF_HASH_N];
  return cf_canon_word(c, &word) && cf_base64_get_n(word, hash, CF_HASH_N) == CF_OK;
}

static bool is_count(struct cf_canon *c)
{
  uint64_t v;
  return cf_canon_u64(c, INTEGER_MAX, &v);
}

/* The first index kept: always a tile's edge. */
static bool is_minimum(struct cf_canon *c)
{
  uint64_t v;
  return cf_canon_u64(c, INTEGER_MAX, &v) && v % 256 == 0;
}

static bool is_list(struct cf_canon *c, bool (*element)(struct cf_canon *c))
{
  if (!cf_canon_char(c, '['))
    return false;
  if (cf_canon_char(c, ']'))
    return true;
  do {
    if (!element(c))
      return false;
  } while (cf_canon_char(c, ','));
  return cf_canon_char(c, ']');
}

static bool is_names(struct cf_canon *c)
{
  return is_list(c, is_name);
}
static bool is_texts(struct cf_canon *c)
{
  return is_list(c, is_text);
}

/* [[seq,mask],…], seq ascending. */
static bool is_targets(struct cf_canon *c)
{
  uint64_t seq, mask, last = 0;
  size_t n = 0;
  if (!cf_canon_char(c, '['))
    return false;
  do {
    if (!cf_canon_char(c, '[') || !cf_canon_u64(c, INTEGER_MAX, &seq) || !cf_canon_char(c, ','))
      return false;
    if (!cf_canon_u64(c, (1u << CF_C_N) - 1, &mask) || mask == 0 || !cf_canon_char(c, ']'))
      return false;
    if (n > 0 && seq <= last)
      return false;
    last = seq;
  } while (++n <= TARGETS_MAX && cf_canon_char(c, ','));
  return n <= TARGETS_MAX && cf_canon_char(c, ']');
}

static bool is_one_of(struct cf_canon *c, const char *const *words)
{
  struct cf_str word;
  if (!cf_canon_word(c, &word))
    return false;
  while (*words != NULL && !cf_str_is(word, *words))
    words++;
  return *words != NULL;
}

static bool is_format(struct cf_canon *c)
{
  return is_one_of(c, (const char *const[]){"counterfoil/v1", NULL});
}
static bool is_token_what(struct cf_canon *c)
{
  return is_one_of(c, (const char *const[]){"add", "revoke", NULL});
}
static bool is_service_what(struct cf_canon *c)
{
  return is_one_of(c, (const char *const[]){"start", "stop", "pause", "resume", "restore", "clock",
                                            NULL});
}

/* kind CF_K_N: of that shape in every kind. */
static const struct shape {
  const char *name;
  enum cf_kind kind;
  bool (*is)(struct cf_canon *c);
} shapes[] = {
    {"archive", CF_K_N, is_text},
    {"basis", CF_K_N, is_name},
    {"count", CF_K_N, is_count},
    {"expires", CF_K_N, is_time},
    {"first", CF_K_N, is_time},
    {"format", CF_K_N, is_format},
    {"hold", CF_K_N, is_name},
    {"id", CF_K_N, is_name},
    {"key", CF_K_N, is_text},
    {"last", CF_K_N, is_time},
    {"minimum", CF_K_N, is_minimum},
    {"name", CF_K_N, is_name},
    {"note", CF_K_N, is_text},
    {"origin", CF_K_N, is_text},
    {"prev", CF_K_N, is_hash},
    {"reason", CF_K_N, is_name},
    {"roles", CF_K_N, is_names},
    {"root", CF_K_N, is_hash},
    {"rule", CF_K_N, is_text},
    {"rules", CF_K_N, is_texts},
    {"software", CF_K_N, is_text},
    {"targets", CF_K_N, is_targets},
    {"until", CF_K_N, is_time},
    {"what", CF_K_SERVICE, is_service_what},
    {"what", CF_K_TOKEN, is_token_what},
};

static const struct shape *shape_of(enum cf_kind kind, struct cf_str name)
{
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (cf_str_is(name, shapes[i].name) && (shapes[i].kind == CF_K_N || shapes[i].kind == kind))
      return &shapes[i];
  return NULL;
}

static bool at_name(const struct cf_canon *c, struct cf_str name)
{
  return (size_t)(c->end - c->p) > name.n + 2 && c->p[0] == '"' &&
         memcmp(c->p + 1, name.p, name.n) == 0 && c->p[name.n + 1] == '"' &&
         c->p[name.n + 2] == ':';
}

static enum cf_err body_bad(struct cf_fault *fault, struct cf_str name, const char *what)
{
  return cf_fail(fault, CF_E_SYNTAX, "body", "%.*s %s", (int)name.n, name.p, what);
}

/* One member of the row; word is its name, with '?' where it may be absent. */
static enum cf_err take_member(enum cf_kind kind, struct cf_str word, bool *first,
                               struct cf_canon *c, struct cf_fault *fault)
{
  bool optional = word.n > 0 && word.p[word.n - 1] == '?';
  struct cf_str name = {word.p, word.n - optional};
  struct cf_canon at = *c;
  if ((!*first && !cf_canon_char(&at, ',')) || !at_name(&at, name))
    return optional ? CF_OK : body_bad(fault, name, "is not where it belongs");
  const struct shape *shape = shape_of(kind, name);
  at.p += name.n + 3;
  if (shape == NULL || !shape->is(&at))
    return body_bad(fault, name, "is not of its form");
  *first = false;
  *c = at;
  return CF_OK;
}

enum cf_err cf_body_check(enum cf_kind kind, struct cf_canon *c, struct cf_fault *fault)
{
  struct cf_str row = cf_str_from(cf_kind_table[kind].body);
  bool first = true;
  if (!cf_canon_char(c, '{'))
    return cf_fail(fault, CF_E_SYNTAX, "body", "must be an object");
  while (row.n > 0) {
    enum cf_err err = take_member(kind, cf_str_cut(&row, ' '), &first, c, fault);
    if (err != CF_OK)
      return err;
  }
  return cf_canon_char(c, '}')
             ? CF_OK
             : cf_fail(fault, CF_E_SYNTAX, "body", "has something that does not belong there");
}
