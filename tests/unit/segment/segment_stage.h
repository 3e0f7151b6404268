/* SPDX-License-Identifier: MIT */
/* Segments of made-up records in a temporary directory, and a pool that reads
 * them. What cannot be done fails the test. */
#ifndef CF_TEST_SEGMENT_STAGE_H
#define CF_TEST_SEGMENT_STAGE_H

#include "tests/unit/cf_test.h"
#include "tests/unit/segment/segment_facts.h"
#include "tests/unit/temp_dir.h"

#define PAGE (16u << 10)

extern char segment_directory[300];
extern char segment_path[400];              /* the file that was built last */
extern struct cf_segment_meta segment_meta; /* of the segment that the fixture builds */
extern struct cf_segment_pool *segment_pool;

/* Calls of fdatasync, which only counts them; and the one that fails. */
extern int segment_syncs, segment_sync_fails_at;

/* Checked fixture: one segment, and a pool with the least cache. */
void segment_set_up(void);
void segment_tear_down(void);
/* The same, as an older ledger has it: not sworn. */
void segment_set_up_old(void);

struct cf_segment_meta segment_meta_of(uint64_t generation);
struct cf_index *segment_index_new(uint32_t n);
/* What a segment is built from. The index stays the caller's. */
struct cf_segment_source segment_source(const struct cf_index *index);
void segment_build(struct cf_segment_meta *meta);
/* Write the file that was built last as an older ledger has it. */
void segment_age(struct cf_segment_meta *meta);
/* Another pool on the same directory. */
struct cf_segment_pool *segment_pool_new(void);
/* An environment that believes no page of the file at segment_path that is not
 * as it was built, or with NULL any; and a database of the file. */
struct cf_bdb_env *segment_env_open(const struct cf_pages *pages);
struct cf_bdb *segment_sheet_open(struct cf_bdb_env *env, const char *name, enum cf_bdb_open how);

#endif
