/* SPDX-License-Identifier: MIT */
/* Leaves and payloads read strictly: what format.md would not write is refused,
 * so that one hash never has two meanings. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/canon_in.h"
#include "lib/record/record_in.h"
#include "lib/record/source.h"

/* A public text up to this makes a leaf within CF_LEAF_MAX, whatever is around
 * it. */
#define MADE_MAX (CF_LEAF_MAX - 1024)

/* What was found among a group of members. */
struct found {
  uint32_t members;
  struct cf_str source;
  int64_t time_us;
};

static enum cf_err leaf_bad(struct cf_fault *fault, const char *at, const char *what)
{
  return cf_fail(fault, CF_E_SYNTAX, at, "%s", what);
}

static bool take_object(struct cf_canon *c, uint64_t limit)
{
  const char *from = c->p;
  return cf_canon_object(c, CF_ATTRIBUTES_DEPTH) && c->p - from > 2 &&
         (uint64_t)(c->p - from) <= limit;
}

/* Step over a member's value. */
static bool take_value(struct cf_canon *c, enum cf_member m, struct found *found)
{
  const struct cf_member_row *row = &cf_member_table[m];
  struct cf_str s;
  size_t n;
  uint64_t v;
  if (row->type == CF_T_INTEGER)
    return cf_canon_u64(c, row->limit, &v);
  if (row->type == CF_T_OBJECT)
    return take_object(c, row->limit);
  if (row->type == CF_T_TEXT)
    return cf_canon_string(c, &s, &n) && n <= row->limit;
  if (!cf_canon_word(c, &s))
    return false;
  if (row->type == CF_T_TIME)
    return cf_time_parse_strict(s, &found->time_us) == CF_OK;
  if (m == CF_M_SOURCE)
    found->source = s;
  return cf_value_ok(m, s);
}

/* Step over the name of a member of that compartment that comes behind `after`
 * in the table, and its colon. False, and nothing is stepped over, where none
 * is there. */
static bool take_name(struct cf_canon *c, enum cf_compartment compartment, unsigned after,
                      enum cf_member *m)
{
  const char *from = c->p;
  struct cf_str name;
  if (cf_canon_word(c, &name) && cf_canon_char(c, ':')) {
    *m = cf_member_find(name);
    if (*m != CF_M_N && cf_member_table[*m].compartment == compartment && *m >= after)
      return true;
  }
  c->p = from;
  return false;
}

/* Step over members of one compartment for as long as they come: `"name":value`
 * parted by commas. */
static enum cf_err take_members(struct cf_canon *c, enum cf_compartment compartment,
                                struct found *found, struct cf_fault *fault)
{
  const char *behind = c->p; /* the last one */
  unsigned after = 0;
  enum cf_member m;
  while (take_name(c, compartment, after, &m)) {
    if (!take_value(c, m, found))
      return leaf_bad(fault, cf_member_table[m].name, "is not in canonical form");
    found->members |= 1u << m;
    after = m + 1u;
    behind = c->p;
    if (!cf_canon_char(c, ','))
      break;
  }
  c->p = behind;
  return CF_OK;
}

enum cf_err cf_payload_check(enum cf_compartment compartment, struct cf_str payload,
                             struct cf_fault *fault)
{
  struct cf_canon c = cf_canon_at(payload);
  struct found found = {.time_us = CF_TIME_NONE};
  const char *name = cf_compartment_names[compartment];
  if (!cf_canon_char(&c, '{'))
    return leaf_bad(fault, name, "is no object");
  enum cf_err err = take_members(&c, compartment, &found, fault);
  if (err != CF_OK)
    return err;
  if (found.members == 0)
    return leaf_bad(fault, name, "has no member that belongs there");
  if (!cf_canon_char(&c, '}') || !cf_canon_ended(&c))
    return leaf_bad(fault, name, "has something that does not belong there");
  return CF_OK;
}

/* ---- public members ---- */

enum cf_err cf_public_members_check(enum cf_kind kind, uint32_t members, struct cf_str source,
                                    struct cf_fault *fault)
{
  const struct cf_kind_row *row = &cf_kind_table[kind];
  bool ours = cf_str_is(source, CF_SOURCE_OWN);
  if (row->members == CF_PUBLIC_NONE)
    return members == 0 ? CF_OK : leaf_bad(fault, row->name, "has body only");
  if ((members & 1u << CF_M_SOURCE) == 0)
    return leaf_bad(fault, "source", "is missing");
  if (row->members == CF_PUBLIC_SOURCE)
    return members == 1u << CF_M_SOURCE ? CF_OK
                                        : leaf_bad(fault, row->name, "has source and body only");
  if ((members & 1u << CF_M_OUTCOME) == 0)
    return leaf_bad(fault, "outcome", "is missing");
  if (kind == CF_K_ACCESS && (members & 1u << CF_M_WRITER) != 0)
    return leaf_bad(fault, "writer", "does not belong to kind access");
  return ours == (kind == CF_K_ACCESS)
             ? CF_OK
             : leaf_bad(fault, "source", "is counterfoil for kind access, and for no event");
}

static enum cf_err take_public(struct cf_canon *c, enum cf_kind kind, int64_t *time_us,
                               struct cf_fault *fault)
{
  struct found found = {.time_us = CF_TIME_NONE};
  bool body = cf_kind_table[kind].body[0] != 0;
  enum cf_err err = take_members(c, CF_C_PUBLIC, &found, fault);
  if (err == CF_OK)
    err = cf_public_members_check(kind, found.members, found.source, fault);
  if (err == CF_OK && body) {
    if ((found.members != 0 && !cf_canon_char(c, ',')) || !cf_canon_text(c, "\"body\":"))
      return leaf_bad(fault, "body", "is missing");
    err = cf_body_check(kind, c, fault);
  }
  if (err == CF_OK)
    *time_us = found.time_us;
  return err;
}

enum cf_err cf_public_check(enum cf_kind kind, struct cf_str public_text, int64_t *time_us,
                            struct cf_fault *fault)
{
  struct cf_canon c = cf_canon_at(public_text);
  int64_t t;
  enum cf_err err = take_public(&c, kind, &t, fault);
  if (err != CF_OK)
    return err;
  if (!cf_canon_ended(&c))
    return leaf_bad(fault, NULL, "the public members have something that does not belong there");
  *time_us = t;
  return CF_OK;
}

/* ---- leaf ---- */

static bool take_hash(struct cf_canon *c, uint8_t hash[CF_HASH_N])
{
  struct cf_str word;
  return cf_canon_word(c, &word) && cf_base64_get_n(word, hash, CF_HASH_N) == CF_OK;
}

static bool take_time(struct cf_canon *c, int64_t *t)
{
  struct cf_str word;
  return cf_canon_word(c, &word) && cf_time_parse_strict(word, t) == CF_OK;
}

static bool take_kind(struct cf_canon *c, enum cf_kind *kind)
{
  struct cf_str word;
  if (!cf_canon_word(c, &word))
    return false;
  *kind = cf_kind_find(word);
  return *kind != CF_K_N;
}

static enum cf_err take_head(struct cf_canon *c, struct cf_leaf *leaf, struct cf_fault *fault)
{
  if (!cf_canon_text(c, "{\"v\":1,\"seq\":"))
    return leaf_bad(fault, "v", "is not 1, or not the first member");
  if (!cf_canon_u64(c, UINT64_MAX, &leaf->seq))
    return leaf_bad(fault, "seq", "is no canonical integer");
  if (!cf_canon_text(c, ",\"prev\":") || !take_hash(c, leaf->prev))
    return leaf_bad(fault, "prev", "is no hash in base64");
  if (!cf_canon_text(c, ",\"recorded\":") || !take_time(c, &leaf->recorded_us))
    return leaf_bad(fault, "recorded", "is no canonical time");
  if (!cf_canon_text(c, ",\"kind\":") || !take_kind(c, &leaf->kind))
    return leaf_bad(fault, "kind", "is none that is known");
  if (leaf->kind == CF_K_GENESIS && leaf->seq != 0)
    return leaf_bad(fault, "kind", "is genesis, but seq is not 0");
  return cf_canon_char(c, ',') ? CF_OK : leaf_bad(fault, NULL, "the public members are missing");
}

static enum cf_err take_commitments(struct cf_canon *c, struct cf_leaf *leaf,
                                    struct cf_fault *fault)
{
  for (unsigned i = 0; i < CF_C_N; i++) {
    struct cf_canon at = *c;
    if (!cf_canon_text(&at, ",\"") || !cf_canon_text(&at, cf_compartment_names[i]) ||
        !cf_canon_text(&at, "\":"))
      continue;
    if ((cf_kind_table[leaf->kind].compartments & 1u << i) == 0)
      return leaf_bad(fault, cf_compartment_names[i], "does not belong to this kind");
    if (!take_hash(&at, leaf->commitment[i]))
      return leaf_bad(fault, cf_compartment_names[i], "is no hash in base64");
    leaf->present |= (uint8_t)(1u << i);
    *c = at;
  }
  return CF_OK;
}

enum cf_err cf_leaf_parse(struct cf_str leaf, struct cf_leaf *out, struct cf_fault *fault)
{
  struct cf_canon c = cf_canon_at(leaf);
  struct cf_leaf got = {.present = 0};
  if (leaf.n > CF_LEAF_MAX)
    return leaf_bad(fault, NULL, "the leaf is too large");
  enum cf_err err = take_head(&c, &got, fault);
  if (err != CF_OK)
    return err;
  const char *from = c.p;
  err = take_public(&c, got.kind, &got.time_us, fault);
  if (err != CF_OK)
    return err;
  got.public_text = (struct cf_str){from, (size_t)(c.p - from)};
  err = take_commitments(&c, &got, fault);
  if (err != CF_OK)
    return err;
  if (!cf_canon_char(&c, '}') || !cf_canon_ended(&c))
    return leaf_bad(fault, NULL, "the leaf has something that does not belong there");
  *out = got;
  return CF_OK;
}

enum cf_err cf_leaf_made(const struct cf_record *r, const uint8_t prev[CF_HASH_N],
                         struct cf_leaf *out)
{
  struct cf_leaf got = {.seq = r->seq,
                        .recorded_us = r->recorded_us,
                        .kind = r->kind,
                        .public_text = r->public_text};
  if (r->public_text.n > MADE_MAX || (r->kind == CF_K_GENESIS && r->seq != 0))
    return CF_E_SYNTAX;
  enum cf_err err = cf_public_check(r->kind, r->public_text, &got.time_us, NULL);
  if (err != CF_OK)
    return err;
  memcpy(got.prev, prev, CF_HASH_N);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0 || r->gone[c] != NULL)
      got.present |= (uint8_t)(1u << c);
  *out = got;
  return CF_OK;
}
