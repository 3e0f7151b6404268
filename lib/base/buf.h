/* SPDX-License-Identifier: MIT */
/* Byte slices and growing buffers with a maximum and a sticky error.
 *
 * A writer puts and puts and asks once at the end: after the first failure
 * (memory, maximum) every further put does nothing and `err` keeps the first
 * error. */
#ifndef CF_BASE_BUF_H
#define CF_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/err.h"

/* A borrowed run of bytes; not NUL-terminated. n = 0 with any p is the empty
 * slice. */
struct cf_str {
  const char *p;
  size_t n;
};

#define CF_STR(literal) ((struct cf_str){(literal), sizeof(literal) - 1})

/* NULL gives the empty slice. */
static inline struct cf_str cf_str_from(const char *cstring)
{
  return (struct cf_str){cstring, cstring == NULL ? 0 : strlen(cstring)};
}
static inline bool cf_str_eq(struct cf_str a, struct cf_str b)
{
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool cf_str_is(struct cf_str a, const char *cstring)
{
  return cf_str_eq(a, cf_str_from(cstring));
}
bool cf_str_starts(struct cf_str s, struct cf_str prefix);
/* memcmp order, then length: negative, zero, positive. */
int cf_str_cmp(struct cf_str a, struct cf_str b);
/* Cut s at the first byte `at`: returns what is before it and moves *s behind
 * it; without one returns all and empties *s. */
struct cf_str cf_str_cut(struct cf_str *s, char at);
/* s without its first n ≤ s.n bytes. */
static inline struct cf_str cf_str_behind(struct cf_str s, size_t n)
{
  return (struct cf_str){s.p + n, s.n - n};
}
/* A heap copy ended by NUL, or NULL without memory. */
char *cf_str_dup(struct cf_str s);

struct cf_buf {
  uint8_t *p; /* n bytes are valid; NULL while nothing was allocated */
  size_t n;
  size_t cap;
  size_t max;      /* n never exceeds it */
  enum cf_err err; /* CF_OK, CF_E_NOMEM or CF_E_FULL; the first one stays */
};

/* An empty buffer of at most max bytes; allocates nothing. */
void cf_buf_init(struct cf_buf *b, size_t max);
/* An empty buffer in n > 0 bytes of the caller's, of at most n - 1; allocates
 * nothing, and has nothing to free or to take. */
void cf_buf_fixed(struct cf_buf *b, void *p, size_t n);
/* Free its memory. Harmless on a zeroed or finished buffer. */
void cf_buf_fini(struct cf_buf *b);
/* Empty it and clear the error; keeps the memory. */
void cf_buf_reset(struct cf_buf *b);

/* Make room for n more bytes and a NUL; false after an error. Puts come here
 * only where there is none: cap never exceeds max by more than that NUL. */
bool cf_buf_make_room(struct cf_buf *b, size_t n);
static inline bool cf_buf_room(struct cf_buf *b, size_t n)
{
  return (b->err == CF_OK && n < b->cap - b->n) || cf_buf_make_room(b, n);
}

/* Room for n more bytes, already counted in b->n and not initialised; NULL
 * after an error. Valid until the next put. */
static inline uint8_t *cf_buf_grow(struct cf_buf *b, size_t n)
{
  if (!cf_buf_room(b, n))
    return NULL;
  b->n += n;
  return b->p + b->n - n;
}
static inline void cf_buf_put(struct cf_buf *b, const void *p, size_t n)
{
  if (n == 0 || !cf_buf_room(b, n))
    return;
  memcpy(b->p + b->n, p, n);
  b->n += n;
}
static inline void cf_buf_putc(struct cf_buf *b, char c)
{
  if (cf_buf_room(b, 1))
    b->p[b->n++] = (uint8_t)c;
}
static inline void cf_buf_putstr(struct cf_buf *b, struct cf_str s)
{
  cf_buf_put(b, s.p, s.n);
}
static inline void cf_buf_puts(struct cf_buf *b, const char *cstring)
{
  cf_buf_put(b, cstring, strlen(cstring));
}
void cf_buf_putf(struct cf_buf *b, const char *format, ...) CF_PRINTF(2, 3);
/* Shortest decimal. */
void cf_buf_put_u64(struct cf_buf *b, uint64_t v);
void cf_buf_put_i64(struct cf_buf *b, int64_t v);
/* Put so many bytes back (n ≤ b->n). */
void cf_buf_cut(struct cf_buf *b, size_t n);

/* The content as a slice, valid until the next put. */
static inline struct cf_str cf_buf_str(const struct cf_buf *b)
{
  return (struct cf_str){(const char *)b->p, b->n};
}
/* The content ended by a NUL that is not counted; "" where there is none or
 * after an error. Valid until the next put. */
const char *cf_buf_cstr(struct cf_buf *b);
/* Give the memory away to the caller (free()), ended by NUL, and leave b empty;
 * NULL after an error. */
char *cf_buf_take(struct cf_buf *b);

#endif
