/* SPDX-License-Identifier: MIT */
/* The `body` of the log's own kinds (format.md, Leaf): which members it has
 * stands in schema.def, what each may be stands here. */
#include "config.h"

#include "lib/record/kind_body.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/record/canon_in.h"
#include "lib/record/source.h"
#include "lib/record/text_in.h"

#define INTEGER_MAX    UINT64_C(9007199254740991) /* 2^53 - 1 */
#define TARGETS_MAX    4000
#define PREVIOUS_MAX   8192
#define SIGNATURES_MAX 16
#define KEYID_N        4

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

static bool take_hash(struct cf_canon *c, uint8_t hash[CF_HASH_N])
{
  struct cf_str word;
  return cf_canon_word(c, &word) && cf_base64_get_n(word, hash, CF_HASH_N) == CF_OK;
}

static bool is_hash(struct cf_canon *c)
{
  uint8_t hash[CF_HASH_N];
  return take_hash(c, hash);
}

static bool is_count(struct cf_canon *c)
{
  uint64_t v;
  return cf_canon_u64(c, INTEGER_MAX, &v);
}

/* Where records are parted: always a tile's edge. */
static bool take_edge(struct cf_canon *c, uint64_t *v)
{
  return cf_canon_u64(c, INTEGER_MAX, v) && *v % 256 == 0;
}

static bool is_edge(struct cf_canon *c)
{
  uint64_t v;
  return take_edge(c, &v);
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

static bool is_pattern(struct cf_canon *c)
{
  struct cf_str word;
  return cf_canon_word(c, &word) && cf_source_pattern_ok(word);
}
static bool is_patterns(struct cf_canon *c)
{
  return is_list(c, is_pattern);
}

/* [seq,mask], or [first,n,mask] where n ≥ 2. */
static bool take_target(struct cf_canon *c, struct cf_target *target)
{
  uint64_t v[3];
  size_t n = 0;
  if (!cf_canon_char(c, '['))
    return false;
  do {
    if (!cf_canon_u64(c, INTEGER_MAX, &v[n]))
      return false;
  } while (++n < 3 && cf_canon_char(c, ','));
  uint64_t mask = v[n - 1];
  if (n < 2 || (n == 3 && v[1] < 2) || mask == 0 || mask >= 1u << CF_C_N)
    return false;
  *target = (struct cf_target){.first = v[0], .n = n == 3 ? v[1] : 1, .mask = (uint8_t)mask};
  return target->n - 1 <= INTEGER_MAX - target->first && cf_canon_char(c, ']');
}

/* Ascending, and none reaches into the next. */
static bool is_targets(struct cf_canon *c)
{
  struct cf_target target;
  uint64_t behind = 0;
  size_t n = 0;
  if (!cf_canon_char(c, '['))
    return false;
  do {
    if (!take_target(c, &target) || target.first < behind)
      return false;
    behind = target.first + target.n;
  } while (++n <= TARGETS_MAX && cf_canon_char(c, ','));
  return n <= TARGETS_MAX && cf_canon_char(c, ']');
}

/* What the inside of a string stands for; false where that has no room. */
static bool text_decode(struct cf_str inside, char text[PREVIOUS_MAX], size_t *n)
{
  for (*n = 0; inside.n > 0; ++*n) {
    char byte = *inside.p;
    size_t step = byte == '\\' ? cf_json_escape_len(inside.p, inside.n, &byte) : 1;
    if (*n == PREVIOUS_MAX)
      return false;
    text[*n] = byte;
    inside = (struct cf_str){inside.p + step, inside.n - step};
  }
  return true;
}

/* `— origin base64`: a key's id and an Ed25519 signature. */
static bool signature_ok(struct cf_str line, struct cf_str origin)
{
  const struct cf_str dash = CF_STR("\xe2\x80\x94");
  uint8_t bytes[KEYID_N + CF_SIG_N];
  return cf_str_eq(cf_str_cut(&line, ' '), dash) && cf_str_eq(cf_str_cut(&line, ' '), origin) &&
         cf_base64_get_n(line, bytes, sizeof bytes) == CF_OK;
}

/* A checkpoint with signatures under its own name only, as a note: origin,
 * size, root, an empty line, signatures. */
static bool is_previous(struct cf_canon *c)
{
  char text[PREVIOUS_MAX];
  struct cf_str inside, note = {text, 0};
  size_t n;
  uint64_t size;
  uint8_t root[CF_HASH_N];
  if (!cf_canon_string(c, &inside, &n) || !text_decode(inside, text, &note.n) || note.n == 0 ||
      text[note.n - 1] != '\n')
    return false;
  struct cf_str origin = cf_str_cut(&note, '\n'), digits = cf_str_cut(&note, '\n');
  struct cf_canon number = cf_canon_at(digits);
  if (!cf_origin_ok(origin) || !cf_canon_u64(&number, INTEGER_MAX, &size) ||
      !cf_canon_ended(&number) ||
      cf_base64_get_n(cf_str_cut(&note, '\n'), root, sizeof root) != CF_OK ||
      cf_str_cut(&note, '\n').n > 0)
    return false;
  for (n = 0; note.n > 0 && n < SIGNATURES_MAX; n++)
    if (!signature_ok(cf_str_cut(&note, '\n'), origin))
      return false;
  return n > 0 && note.n == 0;
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
    {"digest", CF_K_N, is_hash},
    {"end", CF_K_N, is_edge},
    {"expires", CF_K_N, is_time},
    {"first", CF_K_LOSS, is_time},
    {"first", CF_K_SEGMENT, is_edge},
    {"format", CF_K_N, is_format},
    {"from", CF_K_N, is_time},
    {"hold", CF_K_N, is_name},
    {"id", CF_K_N, is_name},
    {"key", CF_K_N, is_text},
    {"last", CF_K_N, is_time},
    {"minimum", CF_K_N, is_edge},
    {"name", CF_K_N, is_name},
    {"note", CF_K_N, is_text},
    {"origin", CF_K_N, is_text},
    {"prev", CF_K_N, is_hash},
    {"previous", CF_K_N, is_previous},
    {"reason", CF_K_N, is_name},
    {"rewrite", CF_K_N, is_count},
    {"roles", CF_K_N, is_names},
    {"root", CF_K_N, is_hash},
    {"rule", CF_K_N, is_text},
    {"rules", CF_K_N, is_texts},
    {"software", CF_K_N, is_text},
    {"sources", CF_K_N, is_patterns},
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

/* A segment's, up to its closing brace. */
static bool segment_take(struct cf_canon *c, struct cf_segment_body *body)
{
  return cf_canon_text(c, "{\"digest\":") && take_hash(c, body->digest) &&
         cf_canon_text(c, ",\"end\":") && take_edge(c, &body->end) &&
         cf_canon_text(c, ",\"first\":") && take_edge(c, &body->first) &&
         cf_canon_text(c, ",\"rewrite\":") && cf_canon_u64(c, INTEGER_MAX, &body->rewrite) &&
         body->first < body->end;
}

enum cf_err cf_body_check(enum cf_kind kind, struct cf_canon *c, struct cf_fault *fault)
{
  struct cf_str row = cf_str_from(cf_kind_table[kind].body);
  struct cf_canon start = *c;
  struct cf_segment_body segment;
  bool first = true;
  if (!cf_canon_char(c, '{'))
    return cf_fail(fault, CF_E_SYNTAX, "body", "must be an object");
  while (row.n > 0) {
    enum cf_err err = take_member(kind, cf_str_cut(&row, ' '), &first, c, fault);
    if (err != CF_OK)
      return err;
  }
  if (kind == CF_K_SEGMENT && !segment_take(&start, &segment))
    return body_bad(fault, CF_STR("first"), "is not before end");
  return cf_canon_char(c, '}')
             ? CF_OK
             : cf_fail(fault, CF_E_SYNTAX, "body", "has something that does not belong there");
}

/* ---- what they say ---- */

enum cf_err cf_segment_body_get(struct cf_str public_text, struct cf_segment_body *body)
{
  struct cf_canon c = cf_canon_at(public_text);
  struct cf_segment_body got;
  if (!cf_canon_text(&c, "\"body\":") || !segment_take(&c, &got) || !cf_canon_char(&c, '}') ||
      !cf_canon_ended(&c))
    return CF_E_SYNTAX;
  *body = got;
  return CF_OK;
}

/* `source` and `basis`, which come before, hold no quotes. */
enum cf_err cf_targets_begin(struct cf_str public_text, struct cf_targets *targets)
{
  static const char name[] = ",\"targets\":[";
  const char *at = memmem(public_text.p, public_text.n, name, sizeof name - 1);
  if (at == NULL)
    return CF_E_SYNTAX;
  *targets = (struct cf_targets){at + sizeof name - 1, public_text.p + public_text.n};
  return CF_OK;
}

bool cf_targets_next(struct cf_targets *targets, struct cf_target *target)
{
  struct cf_canon c = {targets->p, targets->end};
  if (!take_target(&c, target))
    return false;
  (void)cf_canon_char(&c, ',');
  targets->p = c.p;
  return true;
}
