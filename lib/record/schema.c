/* SPDX-License-Identifier: MIT */
/* The tables of schema.def, look-ups in them, and what a member's value may
 * look like. */
#include "config.h"

#include "lib/record/schema.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/resemble.h"
#include "lib/base/utf8.h"
#include "lib/record/address.h"

const struct cf_member_row cf_member_table[CF_M_N] = {
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  {name, sizeof(name) - 1, CF_T_##type, CF_C_##compartment, indexed, limit},
#include "lib/record/schema.def"
#undef CF_MEMBER
};

const struct cf_kind_row cf_kind_table[CF_K_N] = {
#define CF_KIND(symbol, name, members, compartments, body) \
  {name, CF_PUBLIC_##members, compartments, body},
#include "lib/record/schema.def"
#undef CF_KIND
};

const char *const cf_compartment_names[CF_C_N] = {
#define CF_COMPARTMENT(symbol, name) name,
#include "lib/record/schema.def"
#undef CF_COMPARTMENT
};

#define CF_KIND(symbol, name, members, compartments, body) \
  _Static_assert(compartments < 1 << CF_C_N, "compartments of " name);
#include "lib/record/schema.def"
#undef CF_KIND

#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  _Static_assert(sizeof(name) - 1 <= UINT8_MAX, "length of " name);
#include "lib/record/schema.def"
#undef CF_MEMBER

/* A comparison of lengths a row, and of the bytes as words: no calls. */
enum cf_member cf_member_find(struct cf_str name)
{
#define CF_MEMBER(symbol, known, type, compartment, indexed, limit) \
  if (name.n == sizeof(known) - 1 && memcmp(name.p, known, sizeof(known) - 1) == 0) \
    return CF_M_##symbol;
#include "lib/record/schema.def"
#undef CF_MEMBER
  return CF_M_N;
}

enum cf_kind cf_kind_find(struct cf_str name)
{
  unsigned k = 0;
  while (k < CF_K_N && !cf_str_is(name, cf_kind_table[k].name))
    k++;
  return (enum cf_kind)k;
}

enum cf_compartment cf_compartment_find(struct cf_str name)
{
  unsigned c = 0;
  while (c < CF_C_N && !cf_str_is(name, cf_compartment_names[c]))
    c++;
  return (enum cf_compartment)c;
}

/* ---- names that a person may have meant ---- */

bool cf_name_resembles(struct cf_str name, struct cf_str known)
{
  if (name.n < 2 || name.n > CF_RESEMBLE_MAX || known.n > CF_RESEMBLE_MAX)
    return false;
  if (cf_word_distance(name, known) <= (name.n < 5 ? 1u : 2u))
    return true;
  return (name.n >= 3 && memmem(known.p, known.n, name.p, name.n) != NULL) ||
         (known.n >= 3 && memmem(name.p, name.n, known.p, known.n) != NULL);
}

static size_t name_suggest(struct cf_str name, bool all, struct cf_buf *b)
{
  size_t found = 0;
  for (unsigned m = 0; m < CF_M_N; m++) {
    struct cf_str known = {cf_member_table[m].name, cf_member_table[m].name_n};
    if (!all && !cf_name_resembles(name, known))
      continue;
    if (found++ > 0)
      cf_buf_puts(b, ", ");
    cf_buf_putstr(b, known);
  }
  return found;
}

void cf_member_suggest(struct cf_str name, struct cf_buf *b)
{
  if (name_suggest(name, false, b) == 0)
    name_suggest(name, true, b);
}

/* ---- values ---- */

enum { IN_NAME = 1, IN_TOKEN = 2, IN_BOTH = 3 };

static const uint8_t alphabet[256] = {
    ['0' ... '9'] = IN_BOTH, ['A' ... 'Z'] = IN_BOTH, ['a' ... 'z'] = IN_BOTH, ['.'] = IN_BOTH,
    ['_'] = IN_BOTH,         ['+'] = IN_BOTH,         ['-'] = IN_BOTH,         [':'] = IN_NAME,
    ['/'] = IN_NAME,         ['@'] = IN_NAME,         ['='] = IN_NAME,         ['!'] = IN_TOKEN,
    ['#'] = IN_TOKEN,        ['$'] = IN_TOKEN,        ['%'] = IN_TOKEN,        ['&'] = IN_TOKEN,
    ['\''] = IN_TOKEN,       ['*'] = IN_TOKEN,        ['^'] = IN_TOKEN,        ['`'] = IN_TOKEN,
    ['|'] = IN_TOKEN,        ['~'] = IN_TOKEN,
};

static bool all_in(struct cf_str s, uint8_t set, uint64_t limit)
{
  if (s.n == 0 || s.n > limit)
    return false;
  for (size_t i = 0; i < s.n; i++)
    if ((alphabet[(uint8_t)s.p[i]] & set) == 0)
      return false;
  return true;
}

static bool integer_ok(struct cf_str s, uint64_t limit)
{
  uint64_t v;
  return cf_u64_parse(s, limit, &v) == CF_OK && (s.n == 1 || s.p[0] != '0');
}

static bool address_ok(struct cf_str s)
{
  char text[46];
  return cf_address_canonical(s, text) == CF_OK && cf_str_is(s, text);
}

static bool time_ok(struct cf_str s)
{
  int64_t t;
  return cf_time_parse_strict(s, &t) == CF_OK;
}

static bool word_ok(struct cf_str s)
{
  return cf_str_is(s, "success") || cf_str_is(s, "failure") || cf_str_is(s, "unknown");
}

bool cf_value_ok(enum cf_member member, struct cf_str s)
{
  const struct cf_member_row *row = &cf_member_table[member];
  switch (row->type) {
  case CF_T_NAME: return all_in(s, IN_NAME, row->limit);
  case CF_T_TOKEN: return all_in(s, IN_TOKEN, row->limit);
  case CF_T_INTEGER: return integer_ok(s, row->limit);
  case CF_T_TIME: return time_ok(s);
  case CF_T_WORD: return word_ok(s);
  case CF_T_TEXT: return s.n <= row->limit && cf_utf8_ok(s);
  case CF_T_ADDRESS: return address_ok(s);
  case CF_T_OBJECT: return true;
  }
  return false;
}
