/* SPDX-License-Identifier: MIT */
/* Random questions as a test understands them, and their answers by a plain
 * scan: what lib/query is held against. */
#ifndef CF_TEST_QUERY_PLAIN_H
#define CF_TEST_QUERY_PLAIN_H

#include "tests/unit/query/query_facts.h"

extern struct fake fake; /* the records that are asked for */

#define NEEDLE_MAX 160 /* bytes of a needle; behind them the rest of a letter */
enum how { IS, NOT, PREFIX, CI };

struct wish {
  unsigned member;
  enum how how;
  unsigned path; /* of one in attributes */
  size_t n;
  struct cf_str text[4]; /* values or prefixes */
  unsigned mask[4];      /* of the addresses of the pool that are meant */
  int low[4], high[4];   /* of statuses */
};

struct question {
  size_t n;
  struct wish wish[4];
  char flipped[16][300]; /* what wishes point into */
  size_t flipped_n;
  char cut[2][NEEDLE_MAX + 4]; /* what needles point into */
  size_t needles_n;
  const char *needle[2];
  int64_t from, to, recorded_from, recorded_to;
  uint64_t seq_from, seq_to;
  unsigned kinds;
  bool by_time, ascending;
  struct cf_buf url;
};

/* A random question, its query string (without limit and cursor) in url, to be
 * freed by cf_buf_fini. */
void plain_random(struct question *q);
/* All events in an order, with what url says besides, which the plain matcher
 * does not know of. */
struct question plain_question(const char *url, bool by_time, bool ascending);
/* Does a text of the record, or a value in its attributes, hold the needle? */
bool plain_holds(const struct fake_fact *fact, struct cf_str needle);
/* Does it match? */
bool plain_matches(const struct question *q, const struct fake_fact *fact);

/* Seqs in order. */
struct list {
  uint64_t *seq;
  size_t n;
};
/* The answer over the first size records; seq is the caller's to free. */
struct list plain_answer(const struct question *q, uint64_t size);
/* Does a come before b in its order? */
bool plain_before(const struct question *q, uint64_t a, uint64_t b);

#endif
