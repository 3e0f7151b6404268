/* SPDX-License-Identifier: MIT */
/* The records of made-up segments, each part of them a function of its offset;
 * and what any index must say of them. */
#ifndef CF_TEST_SEGMENT_FACTS_H
#define CF_TEST_SEGMENT_FACTS_H

#include "lib/segment/segment_in.h"

#define RECORDS    3072u
#define FIRST      512u /* seq of the first record */
#define TIME_FIRST INT64_C(1795490000000000)

extern const uint8_t fact_ledger_key[16];
/* The members that records have, besides an id. */
#define FACT_MEMBERS_N 11
extern const unsigned fact_members[FACT_MEMBERS_N];

/* A number that looks like any other. */
uint64_t fact_mix(uint64_t a, uint64_t b);

/* The value of a record's member, in text; n = 0 and p = NULL where it has
 * none. An id of n = 0 is none. */
struct cf_str fact_value(uint32_t i, unsigned member, char text[300]);
struct cf_str fact_id(uint32_t i, char text[300]);
enum cf_kind fact_kind(uint32_t i);
int64_t fact_time(uint32_t i);
void fact_hash(uint32_t i, uint8_t hash[CF_HASH_N]);
extern const uint8_t fact_before[CF_HASH_N];
/* Open a block that was made before. Its records have nothing of the above but
 * the kind, and a message; some are large. */
enum cf_err fact_block(uint32_t i, struct cf_block *block);
struct cf_str fact_message(uint32_t i, char text[300]);

/* Make what is asked for again and again. */
void fact_make(void);
/* The key of a record in an index, made before; false where it has none. */
bool fact_key(uint32_t i, unsigned index, struct cf_str *key);

#endif
