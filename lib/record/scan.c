/* SPDX-License-Identifier: MIT */
/* The strict scanner: one JSON value's extent and faults.
 *
 * Two sorts of fault: a broken structure ends the scan, for nobody knows where
 * the value would end; what is merely not allowed (a name twice, a huge
 * integer, too deep) is kept and the scan goes on, so that a batch loses one
 * event only. */
#include "config.h"

#include "lib/record/scan.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/record/number.h"
#include "lib/record/scan_in.h"
#include "lib/record/text_in.h"

#define DEPTH_HARD  32 /* nobody reads on below this */
#define NAMES_FIXED 64 /* names of open objects kept without allocating */
#define NAMES_PAIRS 24 /* objects up to this size are compared pair by pair */

struct name {
  struct cf_str raw; /* between the quotes, as sent */
  uint32_t key;      /* differs where plain names differ, mostly */
  bool plain;        /* no escapes, well-formed: the bytes are the name */
};

struct state {
  const char *start, *p, *end;
  unsigned depth, depth_max;
  enum cf_err err;   /* the structure is broken */
  const char *wrong; /* first fault of either sort, NULL for none */
  const char *wrong_at;
  bool plain;         /* the last string's bytes stand for themselves */
  struct name *names; /* of all open objects, outermost first */
  size_t names_n, names_max;
  struct name fixed[NAMES_FIXED];
  struct cf_scan_members *members; /* of the outermost object, where they are wanted */
};

static bool broken(struct state *s, const char *what)
{
  if (s->wrong == NULL || s->err == CF_OK) {
    s->wrong = what;
    s->wrong_at = s->p;
  }
  s->err = CF_E_SYNTAX;
  return false;
}

static void refused(struct state *s, const char *at, const char *what)
{
  if (s->wrong != NULL)
    return;
  s->wrong = what;
  s->wrong_at = at;
}

static const char *skip_space(const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    p++;
  return p;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
  int v = 0;
  if (end - p < 4)
    return -1;
  for (unsigned i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0)
      return -1;
    v = v * 16 + digit;
  }
  return v;
}

/* Step over the escape at s->p; *nul is set for U+0000. */
static bool scan_escape(struct state *s, bool *nul)
{
  if (s->end - s->p < 2)
    return broken(s, "a string without its closing quote");
  char c = s->p[1];
  if (c == 'u') {
    int code = hex4(s->p + 2, s->end);
    if (code < 0)
      return broken(s, "\\u needs four hex digits");
    *nul = *nul || code == 0;
    s->p += 6;
    return true;
  }
  if (c == 0 || strchr("\"\\/bfnrt", c) == NULL)
    return broken(s, "an escape that JSON does not have");
  s->p += 2;
  return true;
}

/* Step over the string whose opening quote is at s->p; s->plain is of it. */
static bool scan_string(struct state *s, struct cf_str *raw, bool *nul)
{
  const char *from = ++s->p;
  bool escapes = false, high = false;
  for (;;) {
    s->p += cf_text_plain((const uint8_t *)s->p, (size_t)(s->end - s->p));
    if (s->p == s->end)
      return broken(s, "a string without its closing quote");
    if (*s->p == '"')
      break;
    if (*s->p == '\\') {
      escapes = true;
      if (!scan_escape(s, nul))
        return false;
    } else {
      if ((uint8_t)*s->p < 0x20)
        return broken(s, "a control character in a string");
      high = true;
      while (s->p < s->end && (uint8_t)*s->p >= 0x80)
        s->p++;
    }
  }
  *raw = (struct cf_str){from, (size_t)(s->p++ - from)};
  s->plain = !escapes && (!high || cf_utf8_ok(*raw));
  return true;
}

/* ---- names ---- */

static uint32_t name_key(struct cf_str s)
{
  if (s.n == 0)
    return 0;
  return (uint32_t)(s.n & 0xff) | (uint32_t)(uint8_t)s.p[0] << 8 |
         (uint32_t)(uint8_t)s.p[s.n / 2] << 16 | (uint32_t)(uint8_t)s.p[s.n - 1] << 24;
}

static bool grow_names(struct state *s)
{
  size_t max = s->names_max * 2;
  struct name *more = realloc(s->names == s->fixed ? NULL : s->names, max * sizeof *more);
  if (more == NULL) {
    s->err = CF_E_NOMEM;
    return false;
  }
  if (s->names == s->fixed)
    memcpy(more, s->fixed, sizeof s->fixed);
  s->names = more;
  s->names_max = max;
  return true;
}

/* The code point at *p of a raw string: escapes read, pairs joined, what is
 * ill-formed or alone U+FFFD. */
static uint32_t next_code(const char **p, const char *end)
{
  static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
  const char *from = *p;
  if (*from == '\\' && from[1] == 'u') {
    int code = hex4(from + 2, end);
    *p += 6;
    if (code < 0xD800 || code > 0xDFFF)
      return (uint32_t)code;
    int low =
        code < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : 0;
    if (low < 0xDC00 || low > 0xDFFF)
      return 0xFFFD;
    *p += 6;
    return 0x10000 + ((uint32_t)(code - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
  }
  if (*from == '\\') {
    const char *letter = strchr(letters, from[1]);
    *p += 2;
    return (uint8_t)(letter == NULL ? from[1] : meant[letter - letters]);
  }
  size_t n = cf_utf8_len((const uint8_t *)from, (size_t)(end - from));
  *p += n == 0 ? 1 : n;
  if (n == 1)
    return (uint8_t)*from;
  uint32_t code = n == 0 ? 0xFFFD : (uint8_t)*from & (0x7Fu >> n);
  for (size_t i = 1; i < n; i++)
    code = code << 6 | ((uint8_t)from[i] & 0x3Fu);
  return code;
}

/* Order by code points. */
static int raw_compare(struct cf_str a, struct cf_str b, bool plain)
{
  if (plain)
    return cf_str_cmp(a, b);
  const char *p = a.p, *p_end = p + a.n, *q = b.p, *q_end = q + b.n;
  while (p < p_end && q < q_end) {
    uint32_t c = next_code(&p, p_end), d = next_code(&q, q_end);
    if (c != d)
      return c < d ? -1 : 1;
  }
  return (p < p_end) - (q < q_end);
}

int cf_scan_names_compare(const struct cf_scan_member *a, const struct cf_scan_member *b)
{
  return raw_compare(a->name, b->name, a->plain && b->plain);
}

static int compare_names(const void *a, const void *b)
{
  const struct name *x = a, *y = b;
  return raw_compare(x->raw, y->raw, x->plain && y->plain);
}

static void found_twice(struct state *s, const struct name *a, const struct name *b)
{
  refused(s, a->raw.p > b->raw.p ? a->raw.p : b->raw.p, "a name that this object has already");
}

/* One of 64 bits; those of different keys are the same by chance only. */
static uint64_t key_bit(uint32_t key)
{
  return UINT64_C(1) << (key * UINT32_C(0x9e3779b1) >> 26);
}

/* Only a name whose bit is set can be there before. */
static void compare_pairs(struct state *s, const struct name *v, size_t n)
{
  uint64_t bits = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t bit = key_bit(v[i].key);
    for (size_t j = 0; (bits & bit) != 0 && j < i; j++)
      if (v[i].key == v[j].key && cf_str_eq(v[i].raw, v[j].raw))
        found_twice(s, &v[i], &v[j]);
    bits |= bit;
  }
}

static void compare_sorted(struct state *s, struct name *v, size_t n)
{
  qsort(v, n, sizeof *v, compare_names);
  for (size_t i = 1; i < n; i++)
    if (compare_names(&v[i - 1], &v[i]) == 0)
      found_twice(s, &v[i - 1], &v[i]);
}

/* Look for a name twice among those of the object that closes, and forget
 * them. */
static void close_names(struct state *s, size_t base, bool all_plain)
{
  struct name *v = s->names + base;
  size_t n = s->names_n - base;
  if (all_plain && n <= NAMES_PAIRS)
    compare_pairs(s, v, n);
  else if (n > 1)
    compare_sorted(s, v, n);
  s->names_n = base;
}

/* ---- numbers and words ---- */

static size_t digits(struct state *s)
{
  const char *from = s->p;
  while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
    s->p++;
  return (size_t)(s->p - from);
}

static bool scan_fraction(struct state *s)
{
  if (s->p < s->end && *s->p == '.') {
    s->p++;
    if (digits(s) == 0)
      return broken(s, "a number without digits behind its point");
  }
  if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
    s->p++;
    if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
      s->p++;
    if (digits(s) == 0)
      return broken(s, "a number without digits in its exponent");
  }
  return true;
}

static bool scan_number(struct state *s)
{
  bool negative = *s->p == '-';
  s->p += negative;
  const char *from = s->p;
  size_t n = digits(s);
  if (n == 0)
    return broken(s, "no JSON value");
  if (n > 1 && *from == '0')
    return broken(s, "a number with a leading zero");
  const char *whole = s->p;
  if (!scan_fraction(s))
    return false;
  if (s->p == whole && cf_number_beyond_int64((struct cf_str){from, n}, negative))
    refused(s, from, "an integer beyond 64 bits");
  if (s->p > whole && s->members != NULL &&
      cf_number_beyond_double((struct cf_str){from, (size_t)(s->p - from)}))
    refused(s, from, "a number beyond the range of IEEE doubles");
  return true;
}

static bool scan_word(struct state *s, const char *word, size_t n)
{
  if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
    return broken(s, "no JSON value");
  s->p += n;
  return true;
}

/* ---- values ---- */

static bool scan_any(struct state *s);

static inline bool scan_take(struct state *s, char c)
{
  s->p = skip_space(s->p, s->end);
  if (s->p == s->end || *s->p != c)
    return false;
  s->p++;
  return true;
}

static bool scan_enter(struct state *s)
{
  if (++s->depth > DEPTH_HARD)
    return broken(s, "nested far too deep");
  if (s->depth > s->depth_max)
    refused(s, s->p, "nested too deep");
  s->p++;
  return true;
}

static bool scan_array(struct state *s)
{
  if (!scan_enter(s))
    return false;
  if (!scan_take(s, ']')) {
    do {
      if (!scan_any(s))
        return false;
    } while (scan_take(s, ','));
    if (!scan_take(s, ']'))
      return broken(s, "a comma or ] expected");
  }
  s->depth--;
  return true;
}

static bool scan_name(struct state *s, size_t base, bool *all_plain, struct name *got)
{
  struct name name;
  bool nul = false;
  s->p = skip_space(s->p, s->end);
  if (s->p == s->end || *s->p != '"')
    return broken(s, "a name in quotes expected");
  if (!scan_string(s, &name.raw, &nul))
    return false;
  name.plain = s->plain;
  if (nul)
    refused(s, name.raw.p, "U+0000 in a name");
  *got = name;
  if (s->names_n - base == CF_SCAN_MEMBERS) {
    refused(s, name.raw.p, "an object of too many members");
    return true;
  }
  if (s->names_n == s->names_max && !grow_names(s))
    return false;
  name.key = name_key(name.raw);
  *all_plain = *all_plain && name.plain;
  s->names[s->names_n++] = name;
  return true;
}

/* A member of the outermost object. There are never more than names: what comes
 * beyond is refused anyway. */
static bool keep_member(struct state *s, const struct name *name, const char *from)
{
  const struct cf_scan_member member = {name->raw,
                                        {from, (size_t)(s->p - from)},
                                        name->plain,
                                        *from == '"' && s->plain};
  if (s->members->n == CF_SCAN_MEMBERS)
    return true;
  s->err = cf_scan_members_add(s->members, &member);
  return s->err == CF_OK;
}

static bool scan_member(struct state *s, size_t base, bool *all_plain)
{
  struct name name;
  if (!scan_name(s, base, all_plain, &name))
    return false;
  if (!scan_take(s, ':'))
    return broken(s, "a colon expected");
  s->p = skip_space(s->p, s->end);
  const char *from = s->p;
  if (!scan_any(s))
    return false;
  return s->members == NULL || s->depth > 1 || keep_member(s, &name, from);
}

static bool scan_object(struct state *s)
{
  size_t base = s->names_n;
  bool all_plain = true;
  if (!scan_enter(s))
    return false;
  if (!scan_take(s, '}')) {
    do {
      if (!scan_member(s, base, &all_plain))
        return false;
    } while (scan_take(s, ','));
    if (!scan_take(s, '}'))
      return broken(s, "a comma or } expected");
  }
  close_names(s, base, all_plain);
  s->depth--;
  return true;
}

static bool scan_any(struct state *s)
{
  struct cf_str raw;
  bool nul = false;
  s->p = skip_space(s->p, s->end);
  if (s->p == s->end)
    return broken(s, "the text ends too early");
  switch (*s->p) {
  case '{': return scan_object(s);
  case '[': return scan_array(s);
  case '"': return scan_string(s, &raw, &nul);
  case 't': return scan_word(s, "true", 4);
  case 'f': return scan_word(s, "false", 5);
  case 'n': return scan_word(s, "null", 4);
  default: return scan_number(s);
  }
}

struct cf_str cf_scan_space(struct cf_str s)
{
  if (s.n == 0)
    return s;
  const char *p = skip_space(s.p, s.p + s.n);
  return (struct cf_str){p, s.n - (size_t)(p - s.p)};
}

/* Say what is wrong, and in which of the outermost object's members. */
static enum cf_err fail_wrong(const struct state *s, struct cf_fault *fault)
{
  char at[sizeof fault->at] = "";
  for (size_t i = 0; s->members != NULL && i < s->members->n; i++) {
    const struct cf_scan_member *m = &s->members->v[i];
    if (s->wrong_at < m->name.p || s->wrong_at >= m->value.p + m->value.n || !m->plain)
      continue;
    struct cf_str head = cf_utf8_head(m->name, sizeof at - 1);
    memcpy(at, head.p, head.n);
    at[head.n] = '\0';
  }
  return cf_fail(fault, CF_E_SYNTAX, at, "at byte %zu: %s", (size_t)(s->wrong_at - s->start),
                 s->wrong);
}

enum cf_err cf_scan_one(struct cf_str text, unsigned depth_max, struct cf_scan_members *members,
                        struct cf_scan_one *one, struct cf_fault *fault)
{
  struct state s;
  if (text.n == 0)
    text = CF_STR("");
  s.start = text.p;
  s.p = cf_scan_space(text).p;
  s.end = text.p + text.n;
  s.depth = 0;
  s.depth_max = depth_max;
  s.err = CF_OK;
  s.wrong = NULL;
  s.names = s.fixed;
  s.names_n = 0;
  s.names_max = NAMES_FIXED;
  s.members = members;
  if (members != NULL)
    members->n = 0;
  const char *from = s.p;
  one->whole = scan_any(&s);
  if (s.names != s.fixed)
    free(s.names);
  if (one->whole) {
    one->value = (struct cf_str){from, (size_t)(s.p - from)};
    one->rest = (struct cf_str){s.p, (size_t)(s.end - s.p)};
  }
  if (s.err == CF_E_NOMEM)
    return cf_fail(fault, CF_E_NOMEM, NULL, "no memory for the names of an object");
  return s.wrong == NULL ? CF_OK : fail_wrong(&s, fault);
}

enum cf_err cf_scan_object(struct cf_str s, unsigned depth_max, struct cf_scan_members *members,
                           struct cf_fault *fault)
{
  struct cf_scan_one one;
  enum cf_err err = cf_scan_one(s, depth_max, members, &one, fault);
  if (err != CF_OK)
    return err;
  struct cf_str rest = cf_scan_space(one.rest);
  if (rest.n > 0)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "at byte %zu: more than one JSON value", s.n - rest.n);
  return *one.value.p == '{' ? CF_OK : cf_fail(fault, CF_E_INVALID, NULL, "must be an object");
}

void cf_scan_members_init(struct cf_scan_members *members)
{
  members->v = members->fixed;
  members->n = 0;
  members->max = CF_SCAN_FIXED;
}

static bool members_grow(struct cf_scan_members *m)
{
  struct cf_scan_member *more = realloc(m->v == m->fixed ? NULL : m->v, 2 * m->max * sizeof *more);
  if (more == NULL)
    return false;
  if (m->v == m->fixed)
    memcpy(more, m->fixed, sizeof m->fixed);
  m->v = more;
  m->max *= 2;
  return true;
}

enum cf_err cf_scan_members_add(struct cf_scan_members *members,
                                const struct cf_scan_member *member)
{
  if (members->n == members->max && !members_grow(members))
    return CF_E_NOMEM;
  members->v[members->n++] = *member;
  return CF_OK;
}

void cf_scan_members_fini(struct cf_scan_members *members)
{
  if (members->v != members->fixed)
    free(members->v);
}

void cf_scan_text(struct cf_str inside, struct cf_buf *b)
{
  const char *p = inside.p, *end = p + inside.n;
  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    const char *to = escape == NULL ? end : escape;
    cf_buf_put(b, p, (size_t)(to - p));
    p = to;
    if (p < end)
      cf_utf8_put_code(b, next_code(&p, end));
  }
}

enum cf_err cf_scan_value(struct cf_str s, unsigned depth_max, struct cf_str *value,
                          struct cf_str *rest, struct cf_fault *fault)
{
  struct cf_scan_one one;
  enum cf_err err = cf_scan_one(s, depth_max, NULL, &one, fault);
  if (err != CF_OK)
    return err;
  *value = one.value;
  *rest = one.rest;
  return CF_OK;
}
