/* SPDX-License-Identifier: MIT */
/* A record: members in, leaf bytes out. Commitments, salts, leaves, and the
 * strict reading of them (format.md). */
#ifndef CF_RECORD_RECORD_H
#define CF_RECORD_RECORD_H

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/record/schema.h"

#define CF_TIME_NONE   INT64_MIN
#define CF_TIME_UNREAD (INT64_MIN + 1)
#define CF_GROUP       64 /* records that share a salt key and a block */

/* One record, as texts in canonical form. A slice of n = 0 is absent. The
 * slices are borrowed from whoever made it. Before it has its place in the
 * ledger (an accepted event), seq and recorded_us have no meaning. */
struct cf_record {
  uint64_t seq;
  int64_t recorded_us;
  enum cf_kind kind;
  /* the public member `time`, or CF_TIME_NONE; CF_TIME_UNREAD: as the public
   * text has it */
  int64_t time_us;
  /* the kind's public members as they stand in the leaf behind "kind", without
   * the leading comma */
  struct cf_str public_text;
  struct cf_str payload[CF_C_N]; /* each compartment's JSON object text */
  const uint8_t *gone[CF_C_N]; /* an erased compartment's commitment, CF_HASH_N bytes; else NULL */
};

/* time, else recorded (api.md, effective time). */
int64_t cf_record_effective_us(const struct cf_record *r);
/* Is its effective time one that only a range of such times tells of? That of
 * an event is. Any other record counts by when it was recorded, unless it has a
 * time of its own: what the log says of itself does not stretch the range of
 * events that were logged late. */
bool cf_record_is_dated(const struct cf_record *r);

/* The salts of a record's compartments: 32 bytes each at ((seq mod 64)·4 +
 * compartment)·32 of the key's keystream. */
void cf_salts(const uint8_t key[CF_SALTKEY_N], uint64_t seq, uint8_t salts[CF_C_N][CF_HASH_N]);

/* C = H("counterfoil/v1/" || compartment || 0x00 || u64 seq || salt ||
 * payload). */
void cf_commitment(enum cf_compartment compartment, uint64_t seq, const uint8_t salt[CF_HASH_N],
                   struct cf_str payload, uint8_t c[CF_HASH_N]);

/* Append the leaf text of r to b and give its hash H(0x00 || leaf). prev is the
 * predecessor's leaf hash, 32 zero bytes for seq 0. salts[i] is used for each
 * payload present, gone[i] where erased. Check b->err afterwards; the hash is
 * of what was appended. */
void cf_leaf_put(const struct cf_record *r, const uint8_t prev[CF_HASH_N],
                 const uint8_t salts[CF_C_N][CF_HASH_N], struct cf_buf *b, uint8_t hash[CF_HASH_N]);

/* H(0x00 || leaf), RFC 6962. */
void cf_leaf_hash(struct cf_str leaf, uint8_t hash[CF_HASH_N]);

/* A leaf read strictly. The slices point into the text. */
struct cf_leaf {
  uint64_t seq;
  uint8_t prev[CF_HASH_N];
  int64_t recorded_us;
  enum cf_kind kind;
  int64_t time_us;
  struct cf_str public_text;
  uint8_t present; /* mask of the compartments that have a commitment */
  uint8_t commitment[CF_C_N][CF_HASH_N];
};
/* CF_E_SYNTAX (the verdict LEAF_FORMAT) with the reason in fault for anything
 * that format.md would not write for that kind. */
CF_MUST enum cf_err cf_leaf_parse(struct cf_str leaf, struct cf_leaf *out, struct cf_fault *fault);
/* The same of the leaf that cf_leaf_put makes of r, without commitments, and
 * without making it: only r's public text, which is no part of the building, is
 * read. r is as cf_record_decode gives it. CF_E_SYNTAX where the leaf may be
 * none that cf_leaf_parse takes; it says why. */
CF_MUST enum cf_err cf_leaf_made(const struct cf_record *r, const uint8_t prev[CF_HASH_N],
                                 struct cf_leaf *out);

/* Is it what format.md would write for that compartment? CF_E_SYNTAX (the
 * verdict OPENING_FORMAT). */
CF_MUST enum cf_err cf_payload_check(enum cf_compartment compartment, struct cf_str payload,
                                     struct cf_fault *fault);
/* The same for a kind's public text; gives `time` (CF_TIME_NONE where
 * absent). */
CF_MUST enum cf_err cf_public_check(enum cf_kind kind, struct cf_str public_text, int64_t *time_us,
                                    struct cf_fault *fault);

/* Append a record's stored bytes: kind, masks, recorded as a difference to
 * base_us, texts, commitments of what is gone. Not part of the format that
 * outsiders see. */
void cf_record_encode(const struct cf_record *r, int64_t base_us, struct cf_buf *b);
/* Read one back; slices point into the reader's bytes. seq is given. Its time
 * is read by who asks: few do. CF_E_SYNTAX. */
struct cf_reader;
CF_MUST enum cf_err cf_record_decode(struct cf_reader *r, uint64_t seq, int64_t base_us,
                                     struct cf_record *out);

/* Same content (api.md): equal public members but for the writer, and equal
 * payload bytes of each compartment still there in both. */
bool cf_record_same(const struct cf_record *a, const struct cf_record *b);

#endif
