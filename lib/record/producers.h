/* SPDX-License-Identifier: MIT */
/* What producers count themselves: which values of source_seq are there, of
 * each source, and which are not (api.md, GET /v1/gaps).
 *
 * A source's values count from the lowest that is there. A gap is a range of
 * values that are not, below the highest one; whatever comes late fills it. A
 * repeat is a value that was there already. A producer that begins again begins
 * a new run: 0 or 1 comes again, or comes more than CF_PRODUCERS_LATE below all
 * of its run, and the value behind it is not above the run's highest. What is
 * missing at the end of a run nobody can know.
 *
 * Memory is bounded, whatever the sources say. Each number stays exact, or says
 * that it is not. */
#ifndef CF_RECORD_PRODUCERS_H
#define CF_RECORD_PRODUCERS_H

#include <stdbool.h>

#include "lib/base/buf.h"

#define CF_PRODUCERS_MAX   1024u   /* sources; records of more are only counted */
#define CF_PRODUCERS_LATE  1024u   /* how far below the others the first of a run may come late */
#define CF_PRODUCER_SPANS  4096u   /* gaps that late values can fill, of a source … */
#define CF_PRODUCERS_SPANS 262144u /* … and of all; the newest ones */
#define CF_PRODUCER_GAPS   100u    /* gaps of a source that are named: the newest */
#define CF_SOURCE_MAX      128u    /* bytes of a source's name */

/* More missing values are not counted. */
#define CF_PRODUCER_MISSING_MAX ((UINT64_C(1) << 53) - 1)

/* A record of a producer that counts. */
struct cf_produced {
  struct cf_str source;
  uint64_t value; /* its source_seq */
  uint64_t seq;
  int64_t recorded_us;
};
/* Take source and value out of a record's public text, which is canonical.
 * false: it has no source_seq. The slice points into the text. */
bool cf_produced_get(struct cf_str public_text, struct cf_produced *produced);

struct cf_producers;
CF_MUST enum cf_err cf_producers_new(struct cf_producers **producers); /* CF_E_NOMEM */
void cf_producers_free(struct cf_producers *producers);                /* NULL is harmless */
/* The next record in the order of seqs. CF_E_NOMEM, and nothing was added. */
CF_MUST enum cf_err cf_producers_add(struct cf_producers *producers,
                                     const struct cf_produced *produced);

/* ---- what they tell ---- */

struct cf_producer {
  struct cf_str source;   /* valid until the next change */
  uint64_t first, last;   /* the lowest and highest value of the newest run */
  uint64_t records;       /* that have a source_seq */
  uint64_t gaps, missing; /* of all runs: how many, and how many values are in them */
  uint64_t repeats, restarts;
  bool exact; /* false: missing is at most that (the maximum: at least), repeats at least */
  struct cf_produced newest; /* its record with the highest seq */
};
/* They are in the order of their names' bytes, i from 0 to the number of
 * them. */
size_t cf_producers_n(const struct cf_producers *producers);
void cf_producers_get(const struct cf_producers *producers, size_t i, struct cf_producer *out);
/* The first whose name is not below that. */
size_t cf_producers_find(const struct cf_producers *producers, struct cf_str source);
/* Records of sources that found no place. */
uint64_t cf_producers_untold(const struct cf_producers *producers);
/* What it takes, about. */
size_t cf_producers_bytes(const struct cf_producers *producers);

/* from ≤ value ≤ to are missing, of that run: the first is 0. */
struct cf_producer_gap {
  uint64_t from, to;
  uint64_t run;
};
/* The i-th source's newest gaps, at most max of them and CF_PRODUCER_GAPS, in
 * order; gives how many. */
size_t cf_producers_gaps(const struct cf_producers *producers, size_t i, size_t max,
                         struct cf_producer_gap *out);

#endif
