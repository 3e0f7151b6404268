/* SPDX-License-Identifier: MIT */
/* The language of the verifier's tests. PLAN makes records, SEAL signs them,
 * what follows is tampering; FULL, QUICK and RANGE verify, with one worker and
 * with two, which must agree; EXPECT says what must have been found. */
#ifndef CF_TEST_VERIFY_SCRIPT_H
#define CF_TEST_VERIFY_SCRIPT_H

#include "tests/unit/cf_test.h"
#include "tests/unit/proof/verify_ledger.h"

extern struct vl_ledger L;
extern struct cf_verify_job job;
extern struct cf_verify_result *R; /* the last result */
extern struct cf_keys K;
const struct cf_keys *keys(void); /* that the verifier is given */

/* The fixture of every test. */
void script_begin(void);
void script_end(void);

/* Sizes of ledgers, and places in them, around the borders of tiles. */
extern const size_t sizes[17];
extern const struct place {
  size_t n, seq;
} places[12];

void PLAN(size_t n);
void SEAL(void);
void LEDGER(size_t n);
void FULL(void);
void QUICK(void);
void RANGE(uint64_t from, uint64_t to);
/* What a walk in parts says is what one walk says, to the byte: faults on both
 * sides of each border, checkpoints, what was kept elsewhere, and erasures
 * whose record is in another part, or nowhere. */
void PARTS(void);

/* What the last result says, for messages; and whether it says something. */
const char *said(void);
const struct cf_verify_error *find(enum cf_verdict verdict, uint64_t seq);
bool find_any(enum cf_verdict verdict);

void FLIP(size_t seq, size_t byte);
void FLIP_HASH(size_t seq);
void FLIP_ROW(unsigned level, size_t i);
void FLIP_SIGNATURE(char *note);
void LOSE(size_t seq);
void LOSE_HASH(size_t seq);
void LOSE_ROW(unsigned level, size_t i);
void DELETE(size_t seq);
void INSERT(size_t seq);
void TRUNCATE(size_t n);
void SWAP(size_t a, size_t b);
void REWRITE(size_t seq);
void OLD_HEAD(size_t size);
void OTHER_ORIGIN(void);
void WRONG_KEY(void);
void CHECKPOINT(size_t size);
void KEPT(size_t size);
void KIND(size_t seq, enum cf_kind kind, const char *public_text);
void ERASED(size_t seq, uint8_t mask);
void ERASURE(size_t seq, size_t target, unsigned mask);
void ERASURE_OF(size_t seq, const char *targets);
void CLOCK(size_t seq, const char *what);
void RECORDED(size_t from, int64_t by_us);

#define NOWHERE UINT64_MAX
#define EXPECT_OK() \
  ck_assert_msg(R->ok && R->complete && R->errors_total == 0 && !R->has_first_bad, "%s", said())
/* That verdict at that record (NOWHERE: of none), which is the first bad
 * one. */
#define EXPECT(verdict, seq) \
  do { \
    EXPECT_ALSO(verdict, seq); \
    uint64_t first_ = R->has_first_bad ? R->first_bad : NOWHERE; \
    ck_assert_msg(first_ == (seq), "first bad: %s", said()); \
  } while (0)
#define EXPECT_ALSO(verdict, seq) \
  ck_assert_msg(!R->ok && find(CF_V_##verdict, seq), "no %s at %lld: %s", #verdict, \
                (long long)(seq), said())
#define EXPECT_NOT(verdict) ck_assert_msg(!find_any(CF_V_##verdict), "%s: %s", #verdict, said())
#define EXPECT_COUNT(count) \
  ck_assert_msg(R->errors_total == (count), "%llu faults: %s", \
                (unsigned long long)R->errors_total, said())

#endif
