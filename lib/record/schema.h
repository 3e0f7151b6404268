/* SPDX-License-Identifier: MIT */
/* The tables of schema.def as enums and look-ups. */
#ifndef CF_RECORD_SCHEMA_H
#define CF_RECORD_SCHEMA_H

#include "lib/base/buf.h"

enum cf_compartment {
#define CF_COMPARTMENT(symbol, name) CF_C_##symbol,
#include "lib/record/schema.def"
#undef CF_COMPARTMENT
  CF_C_N,
  CF_C_PUBLIC = CF_C_N
};

enum cf_member {
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) CF_M_##symbol,
#include "lib/record/schema.def"
#undef CF_MEMBER
  CF_M_N
};
enum {
  CF_M_INDEXED_N = 0 /* members that can be asked for */
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) +(indexed > 0)
#include "lib/record/schema.def"
#undef CF_MEMBER
};

enum cf_kind {
#define CF_KIND(symbol, name, members, compartments, body) CF_K_##symbol,
#include "lib/record/schema.def"
#undef CF_KIND
  CF_K_N
};

/* Masks: of members and of kinds in 32 bits, where all bits together mean more
 * than the members that there are (CF_FIELDS_ALL); of compartments in 4, two of
 * them to a stored byte (record.c). */
_Static_assert(CF_M_N < 32, "members");
_Static_assert(CF_K_N < 32, "kinds");
_Static_assert(CF_C_N <= 4, "compartments");

enum cf_type {
  CF_T_NAME,
  CF_T_TIME,
  CF_T_TOKEN,
  CF_T_INTEGER,
  CF_T_WORD,
  CF_T_TEXT,
  CF_T_ADDRESS,
  CF_T_OBJECT
};
enum cf_public { CF_PUBLIC_NONE, CF_PUBLIC_SOURCE, CF_PUBLIC_EVENT };

struct cf_member_row {
  const char *name;
  size_t name_n;
  enum cf_type type;
  enum cf_compartment compartment;
  unsigned char indexed; /* 0: it is not */
  uint64_t limit;
};
struct cf_kind_row {
  const char *name;
  enum cf_public members;
  uint8_t compartments;
  const char *body;
};

extern const struct cf_member_row cf_member_table[CF_M_N];
extern const struct cf_kind_row cf_kind_table[CF_K_N];
extern const char *const cf_compartment_names[CF_C_N];

#define CF_LEAF_MAX         65535 /* leaf and payloads of one record together, bytes (format.md) */
#define CF_ATTRIBUTES_DEPTH 8     /* an object in attributes' top level is depth 2 */

/* Look-ups by name: CF_M_N, CF_K_N or CF_C_N where there is none. */
enum cf_member cf_member_find(struct cf_str name);
enum cf_kind cf_kind_find(struct cf_str name);
enum cf_compartment cf_compartment_find(struct cf_str name);

/* Might somebody who wrote name have meant known? By a slip of a letter or two,
 * or as a part of it. */
bool cf_name_resembles(struct cf_str name, struct cf_str known);
/* Append the known member names that resemble name, for error texts ("did you
 * mean …"), or all of them. */
void cf_member_suggest(struct cf_str name, struct cf_buf *b);

/* Is s a value of the type, in canonical form and within the limit? (text that
 * is well-formed UTF-8; NAME and TOKEN by their alphabets; ADDRESS as RFC 5952
 * text; INTEGER shortest decimal; TIME strict; WORD one of success failure
 * unknown; OBJECT is not judged here: true) */
bool cf_value_ok(enum cf_member member, struct cf_str s);

#endif
