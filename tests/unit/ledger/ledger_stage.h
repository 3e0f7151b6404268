/* SPDX-License-Identifier: MIT */
/* A real ledger in a temporary directory: made, opened, fed with numbered
 * events, read back and verified. What cannot be done fails the test. */
#ifndef CF_TEST_LEDGER_STAGE_H
#define CF_TEST_LEDGER_STAGE_H

#include "lib/ledger/ledger.h"
#include "lib/ledger/view.h"
#include "lib/proof/verify.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

extern struct cf_conf stage_conf;
extern struct cf_ledger *stage_ledger; /* NULL: closed */

/* Checked fixture: an open ledger with segments of 256 records. */
void stage_ledger_setup(void);
void stage_ledger_teardown(void);

/* Another: 1,000 numbered events, three segments of them, and room for what a
 * verify finds. */
extern struct cf_verify_result *stage_result;
void stage_rolled_setup(void);
void stage_rolled_teardown(void);

/* The same by steps. Configure it in a new temp_dir, as data; `more`, where not
 * NULL, sets what else there is to set. */
void stage_configure(const char *name, void (*more)(void));
void stage_set(const char *key, const char *value);
void stage_small_segments(void);
void stage_init_ledger(void);
void stage_open_ledger(void);
void stage_close_ledger(void);
/* Set min_free, and wait until the ledger has seen that there is, or is no
 * more, space for records of reads: it looks five times a second. */
void stage_min_free(const char *value, bool reads_ok);
/* Take away configuration and directory. */
void stage_clear(void);

/* An event of the source web1 from its JSON, printf-style; and event i of the
 * numbered ones, with the id e-i. */
void stage_event(struct cf_event *e, const char *format, ...) CF_PRINTF(2, 3);
void stage_numbered(struct cf_event *e, unsigned i);
/* Append one; gives its place. */
struct cf_place stage_append(const struct cf_event *e);
/* Append the numbered events from ≤ i < to, batch at a time: all are taken, and
 * new. */
void stage_append_range(unsigned from, unsigned to, unsigned batch);

/* Put a row into the table meta, as whoever can write the data may. */
void stage_put_meta(struct cf_str key, struct cf_str value);

uint64_t stage_size(void);
uint64_t stage_segments(void);
/* Wait until so many are written. */
void stage_wait_for_segments(uint64_t n);
/* Whoever reads one from now on opens its file anew: the warden may have. */
void stage_close_segments(void);
/* The n-th segment's file, from 1 on. */
void stage_segment_path(unsigned n, char path[300]);

/* Verify in full up to a head that was sealed at that size; true: all is
 * well. */
bool stage_verify_head(const struct cf_buf *note, uint64_t head_size,
                       struct cf_verify_result *result);
/* The same of what is there now; in that mode, and in full. */
bool stage_verify_as(enum cf_verify_mode mode, struct cf_verify_result *result);
bool stage_verify(struct cf_verify_result *result);
/* And it is well. */
void stage_assert_verifies(void);
/* Read every record back: each numbered event once, count of them, in order of
 * its number, with its own content. */
void stage_assert_holds(unsigned count);

#endif
