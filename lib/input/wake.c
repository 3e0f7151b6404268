/* SPDX-License-Identifier: MIT */
/* The bytes behind a reader. */
#include "config.h"

#include "lib/input/wake.h"

#include <string.h>
#include <unistd.h>

void cf_wake_line(struct cf_wake *wake, const struct cf_line *line)
{
  size_t n = line->raw.n < CF_WAKE_N ? line->raw.n : CF_WAKE_N;
  size_t kept = wake->end == line->offset ? wake->n : 0;
  if (n == 0)
    return;
  if (kept > CF_WAKE_N - n)
    kept = CF_WAKE_N - n;
  memmove(wake->p, wake->p + wake->n - kept, kept);
  memcpy(wake->p + kept, line->raw.p + line->raw.n - n, n);
  wake->n = kept + n;
  wake->end = line->next;
}

void cf_wake_load(struct cf_wake *wake, int fd, uint64_t end, size_t n)
{
  if (n > end)
    n = (size_t)end;
  ssize_t got = pread(fd, wake->p, n, (off_t)(end - n));
  wake->end = end;
  wake->n = got == (ssize_t)n ? n : 0;
}

bool cf_wake_fits(const struct cf_wake *wake, int fd)
{
  uint8_t p[CF_WAKE_N];
  ssize_t got = pread(fd, p, wake->n, (off_t)(wake->end - wake->n));
  return got < 0 || (got == (ssize_t)wake->n && memcmp(p, wake->p, wake->n) == 0);
}

struct cf_wake_mark cf_wake_mark(const struct cf_wake *wake)
{
  struct cf_wake_mark mark = {.end = wake->end, .n = wake->n};
  uint8_t hash[CF_HASH_N];
  cf_sha256_1(wake->p, wake->n, hash);
  memcpy(mark.hash, hash, sizeof mark.hash);
  return mark;
}

bool cf_wake_is(const struct cf_wake *wake, const struct cf_wake_mark *mark)
{
  uint8_t hash[CF_HASH_N];
  if (mark->n == 0)
    return true;
  if (wake->end != mark->end || wake->n < mark->n)
    return false;
  cf_sha256_1(wake->p + wake->n - mark->n, mark->n, hash);
  return memcmp(hash, mark->hash, sizeof mark->hash) == 0;
}
