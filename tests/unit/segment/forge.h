/* SPDX-License-Identifier: MIT */
/* Somebody who has all of DATA and knows this program, but not the signing key:
 * changes what stands in a segment and makes good all that vouches for it, the
 * sums of its pages and the catalogue's row. The ledger is closed meanwhile.
 * What cannot be done fails the test. */
#ifndef CF_TEST_FORGE_H
#define CF_TEST_FORGE_H

#include "lib/segment/bdb.h"
#include "lib/segment/segment.h"

/* Open the n-th segment's file, from 1 on. */
void forge_begin(unsigned n);
/* A sheet of it, by its name, as long as it is open. */
struct cf_bdb *forge_sheet(const char *name);
/* What the catalogue says of it: to be changed. */
extern struct cf_segment_meta forge_meta;
/* Write it all. */
void forge_end(void);

/* Change record i of a block, in memory, and put the block back. */
void forge_record(uint32_t block, unsigned i, void (*change)(struct cf_record *record));
/* Replace the value of a key of 4 bytes by one that change makes of it. */
void forge_row(const char *sheet, uint32_t key, void (*change)(struct cf_buf *value));

#endif
