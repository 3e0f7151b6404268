/* SPDX-License-Identifier: MIT */
/* A ledger as it was before the chain told of segments: files with Berkeley
 * DB's own checksums, without sums, rows without a digest, a head without a
 * MAC. What cannot be done fails the test. */
#ifndef CF_TEST_OLD_LEDGER_H
#define CF_TEST_OLD_LEDGER_H

/* Make it in the stage's directory, which is configured, with segments of 256
 * records that are full, so many of them, and leave it closed. */
void old_ledger_make(unsigned segments);

/* Of a closed ledger the head alone: it has no MAC, and the signer never made
 * one. */
void old_ledger_head(void);

#endif
