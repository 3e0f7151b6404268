/* SPDX-License-Identifier: MIT */
/* The last bytes that were read of a log: where they stand in a file, it is
 * still the one that was read; a file that was truncated and has grown again,
 * or was written over, has others there. */
#ifndef CF_INPUT_WAKE_H
#define CF_INPUT_WAKE_H

#include "lib/base/crypto.h"
#include "lib/input/lines.h"

#define CF_WAKE_N 1024

struct cf_wake {
  uint64_t end; /* the n bytes before this offset */
  size_t n;     /* 0: nothing is known */
  uint8_t p[CF_WAKE_N];
};

/* What is kept of one: its place, and the first half of the SHA-256 of its
 * bytes. */
#define CF_WAKE_HASH_N (CF_HASH_N / 2)
struct cf_wake_mark {
  uint64_t end, n; /* n ≤ CF_WAKE_N; 0: nothing is known */
  uint8_t hash[CF_WAKE_HASH_N];
};

/* The line was read. One that is cut leaves the wake as it is. */
void cf_wake_line(struct cf_wake *wake, const struct cf_line *line);
/* Take the n bytes before end out of the file; fewer where it has no more. */
void cf_wake_load(struct cf_wake *wake, int fd, uint64_t end, size_t n);
/* Does the file have them where they were? A file that cannot be read does; who
 * reads on is told what is wrong. */
bool cf_wake_fits(const struct cf_wake *wake, int fd);

struct cf_wake_mark cf_wake_mark(const struct cf_wake *wake);
/* Are they the mark's, as far as that goes? */
bool cf_wake_is(const struct cf_wake *wake, const struct cf_wake_mark *mark);

#endif
