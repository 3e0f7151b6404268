/* SPDX-License-Identifier: MIT */
/* Inside lib/record: a cursor over text that must be canonical (format.md, JSON
 * text). Each function steps over what it names and says whether it was there;
 * after a false the cursor's place means nothing. */
#ifndef CF_RECORD_CANON_IN_H
#define CF_RECORD_CANON_IN_H

#include "lib/record/scan.h"
#include "lib/record/schema.h"

struct cf_canon {
  const char *p, *end;
};

static inline struct cf_canon cf_canon_at(struct cf_str s)
{
  return s.n == 0 ? (struct cf_canon){"", ""} : (struct cf_canon){s.p, s.p + s.n};
}
static inline bool cf_canon_ended(const struct cf_canon *c)
{
  return c->p == c->end;
}

static inline bool cf_canon_char(struct cf_canon *c, char wanted)
{
  bool there = c->p < c->end && *c->p == wanted;
  c->p += there;
  return there;
}
bool cf_canon_text(struct cf_canon *c, const char *wanted);
/* A string; its inside as written, and how many bytes that stands for. */
bool cf_canon_string(struct cf_canon *c, struct cf_str *inside, size_t *decoded_n);
/* A string without escapes. */
bool cf_canon_word(struct cf_canon *c, struct cf_str *word);
/* A shortest decimal of at most max. */
bool cf_canon_u64(struct cf_canon *c, uint64_t max, uint64_t *v);
/* An object as attributes' rules have it: names ascending, no null member,
 * nested at most depth_max. */
bool cf_canon_object(struct cf_canon *c, unsigned depth_max);

/* A kind's body: exactly the members of its row in schema.def, each of its
 * shape. CF_E_SYNTAX with the reason. (kind_body.c) */
CF_MUST enum cf_err cf_body_check(enum cf_kind kind, struct cf_canon *c, struct cf_fault *fault);

/* Append the object of these members, texts that the scanner has found strict:
 * names ascending, none of null at any depth, numbers and strings by the rules
 * for attributes. It is depth 1 of depth_max. Sorts the members in place.
 * CF_E_INVALID with the reason: a name twice, a number's text that is too long,
 * nesting beyond depth_max; CF_E_NOMEM, and b's error. (canon_write.c) */
CF_MUST enum cf_err cf_canon_put_members(struct cf_scan_members *members, unsigned depth_max,
                                         struct cf_buf *b, struct cf_fault *fault);

#endif
