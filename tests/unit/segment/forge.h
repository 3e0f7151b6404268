/* SPDX-License-Identifier: MIT */
/* Somebody who has all of DATA and knows this program, but not the signing key:
 * changes what stands in tables and segments, and makes good as much as he can
 * of what vouches for it. The ledger is closed meanwhile. What cannot be done
 * ends the process. */
#ifndef CF_TEST_FORGE_H
#define CF_TEST_FORGE_H

#include "lib/record/record.h"
#include "lib/segment/bdb.h"
#include "lib/segment/segment.h"

/* What must be so, or the process ends. */
void forge_must(enum cf_err err, const char *what);
struct cf_str forge_bytes(const void *p, size_t n);

/* ---- tables ---- */

/* Open DATA/env, and a table of it until forge_tables_close. */
void forge_tables_open(const char *data);
struct cf_bdb *forge_table(const char *name);
void forge_tables_close(void);
/* The ledger's key of fingerprints. No tables are open. */
void forge_fingerprint_key(const char *data, uint8_t key[16]);

/* ---- segments ---- */

/* What the catalogue says of the segment: to be changed between begin and
 * end. */
extern struct cf_segment_meta forge_meta;
/* Open the n-th segment's file, from 1 on. No tables are open. */
void forge_begin(const char *data, unsigned n);
/* A sheet of it, by its name, until the end. */
struct cf_bdb *forge_sheet(const char *name);
/* Write the file, and make good its sums, or them and the catalogue's row. */
enum forge_good { FORGE_FILE, FORGE_SUMS, FORGE_ROW };
void forge_end(enum forge_good good);

/* Change a record in memory. */
typedef void forge_change(struct cf_record *record, const uint8_t salts[CF_C_N][CF_HASH_N]);
/* Change record i of a block, and put the block back. */
void forge_record(uint32_t block, unsigned i, forge_change *change);
/* Replace the value of a key of 4 bytes by one that change makes of it. */
void forge_row(const char *sheet, uint32_t key, void (*change)(struct cf_buf *value));

/* Change the pairs of the first chunk of `id`. */
void forge_id_hide_last(void); /* the last one goes: order and end stay good */
void forge_id_add(void);       /* record 5 is found by an id that none has */
/* The pair of a fingerprint of `id` goes; its chunk's key and end stay. */
void forge_id_hide(uint64_t fingerprint);
/* The filter says that it has no id at all, and its check is good. */
void forge_filter_clear(const uint8_t fingerprint_key[16]);

/* Between no begin and end: write the n-th segment, from 1 on, anew and whole,
 * as if its record at that offset had always been what change makes of it.
 * Leaf hashes, all that finds records, sums and row are good; forge_meta is
 * its row then. What the chain tells of it is not, nor is the tree. */
void forge_segment(const char *data, unsigned n, uint32_t at, forge_change *change);

#endif
