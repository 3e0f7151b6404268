/* SPDX-License-Identifier: MIT */
/* Which records of a unit (a generation of the tail, or a segment) have a
 * value: what is indexed, under which keys, and the index in memory. */
#ifndef CF_INDEX_INDEX_H
#define CF_INDEX_INDEX_H

#include "lib/index/bits.h"
#include "lib/record/record.h"

/* What is indexed: the indexed members (by their enum cf_member), the UTC hour
 * of the effective time, and the kind. */
#define CF_I_DATE CF_M_N
#define CF_I_KIND (CF_M_N + 1)
#define CF_I_N    (CF_M_N + 2)
/* bytes of a key; longer values are cut, and rechecked on the record */
#define CF_INDEX_VALUE_MAX 200
bool cf_index_exists(unsigned index); /* false for members that are not indexed */
/* Nearly every record has another value: it has fingerprints, which find equal
 * values only. */
bool cf_index_is_exact(unsigned index);
const char *cf_index_name(unsigned index); /* "user", "date", "kind", … */

/* A unit's effective times are looked at in runs of so many records, of each of
 * which the least and the greatest are known. */
#define CF_TIMES_RUN 256
struct cf_span {
  int64_t min_us, max_us; /* both included; the least above the greatest: empty */
};
static inline bool cf_spans_meet(struct cf_span a, struct cf_span b)
{
  return a.min_us <= b.max_us && b.min_us <= a.max_us;
}
/* From the lesser least to the greater greatest, and the other way around. */
static inline struct cf_span cf_span_join(struct cf_span a, struct cf_span b)
{
  return (struct cf_span){a.min_us < b.min_us ? a.min_us : b.min_us,
                          a.max_us > b.max_us ? a.max_us : b.max_us};
}
static inline struct cf_span cf_span_meet(struct cf_span a, struct cf_span b)
{
  return (struct cf_span){a.min_us > b.min_us ? a.min_us : b.min_us,
                          a.max_us < b.max_us ? a.max_us : b.max_us};
}
/* Those of n times, a span for each run, the last of which may be shorter. */
void cf_spans_make(const int64_t *times, uint32_t n, struct cf_span *spans);

/* The key under which a value is found; keys of one index sort as bytes in the
 * order of their meaning. ip: its 16 bytes; status: two bytes big-endian; date:
 * "2026-11-24T02"; else the value, in which byte 0x00 becomes 01 01 and 0x01
 * becomes 01 02, cut (cutting and these escapes keep order and prefixes).
 * Writes at most CF_INDEX_VALUE_MAX bytes, returns how many. value is as
 * cf_values_get gives it. */
size_t cf_index_key(unsigned index, struct cf_str value, uint8_t out[CF_INDEX_VALUE_MAX]);
size_t cf_index_date_key(int64_t effective_us, uint8_t out[CF_INDEX_VALUE_MAX]);

/* One condition on an index: first ≤ key ≤ last as bytes (first = last: that
 * value), or, with prefix, keys that begin with first, or, with fold, its keys.
 * Not for an exact index. */
struct cf_key_fold;
struct cf_term {
  unsigned index;
  struct cf_str first, last;
  bool prefix;
  const struct cf_key_fold *fold; /* NULL: none */
};

static inline bool cf_term_is_one(const struct cf_term *term) /* does it ask for one key? */
{
  return !term->prefix && term->fold == NULL && cf_str_eq(term->first, term->last);
}
bool cf_term_has(const struct cf_term *term, struct cf_str key); /* does it hold for that key? */

/* The index of a generation in memory. One writer; the caller's lock keeps
 * readers apart from it. */
struct cf_index;
/* fingerprint_key: 16 secret bytes of the ledger, for exact indexes.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_index_new(const uint8_t fingerprint_key[16], struct cf_index **index);
void cf_index_free(struct cf_index *index);

/* What an index takes of a record beside its effective time. */
struct cf_index_keys {
  /* one behind the other: number of the index, length (a byte each), bytes; of
   * an exact one the fingerprint, big-endian; `id` is beside them */
  struct cf_str keys;
  bool has_id;
  uint64_t fingerprint; /* of the id */
};
/* Append the keys of a record of that kind and with those values (as
 * cf_values_get and cf_event_get give them) to b; keys points there, until b
 * grows. Check b->err. Wants no lock: whoever brings a record makes them before
 * it waits for one. */
void cf_index_keys_put(const uint8_t fingerprint_key[16], enum cf_kind kind,
                       const struct cf_str value[CF_M_N], struct cf_buf *b,
                       struct cf_index_keys *keys);
/* Point those of n records, which are all that b holds, to where it is now. */
void cf_index_keys_settle(const struct cf_buf *b, struct cf_index_keys *keys, size_t n);
/* Enter a record. offset grows and is below CF_OFFSET_MAX. CF_E_NOMEM (the
 * index is then not usable further). */
CF_MUST enum cf_err cf_index_add(struct cf_index *index, uint32_t offset, int64_t effective_us,
                                 const struct cf_index_keys *keys);
/* Add to bits the offsets below bits->n and at least from that match. */
void cf_index_match(const struct cf_index *index, const struct cf_term *term, uint32_t from,
                    struct cf_bits *bits);
/* How many offsets match, where it takes no search: of one key. Else
 * UINT32_MAX. */
uint32_t cf_index_count(const struct cf_index *index, const struct cf_term *term);
/* Call each offset whose value in an exact index has this fingerprint
 * (rechecked by the caller), oldest first; stops when each gives false. */
void cf_index_find(const struct cf_index *index, unsigned which, uint64_t fingerprint,
                   bool (*each)(void *context, uint32_t offset), void *context);
/* It will be asked for this one soon: bring its place from memory. */
void cf_index_look(const struct cf_index *index, unsigned which, uint64_t fingerprint);
bool cf_index_has(const struct cf_index *index, unsigned which, uint64_t fingerprint);
size_t cf_index_memory(const struct cf_index *index);                          /* bytes, about */
uint64_t cf_index_fingerprint(const struct cf_index *index, struct cf_str id); /* under its key */

/* The keyed fingerprint of an id (SipHash-2-4). */
uint64_t cf_id_fingerprint(const uint8_t key[16], struct cf_str id);
/* The same of a value's key in an exact index; of an id that is the id. */
uint64_t cf_index_exact(const uint8_t key[16], unsigned index, struct cf_str value);

/* Walk an index in order of its keys, for building a segment: the i-th value's
 * key and ascending offsets below limit. */
CF_MUST enum cf_err cf_index_each(const struct cf_index *index, unsigned which, uint32_t limit,
                                  enum cf_err (*each)(void *context, struct cf_str key,
                                                      const uint32_t *offsets, uint32_t n),
                                  void *context);
/* (fingerprint, offset) pairs of an exact index below limit, in order of the
 * fingerprint's first 32 bits, then offset. */
CF_MUST enum cf_err cf_index_each_exact(
    const struct cf_index *index, unsigned which, uint32_t limit,
    enum cf_err (*each)(void *context, uint64_t fingerprint, uint32_t offset), void *context);

#endif
