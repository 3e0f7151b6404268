/* SPDX-License-Identifier: MIT */
/* How much two words differ. */
#include "config.h"

#include "lib/base/resemble.h"

#include "lib/base/die.h"

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* One row of the matrix at a time. */
size_t cf_word_distance(struct cf_str a, struct cf_str b)
{
  size_t row[CF_RESEMBLE_MAX + 1];
  CF_ASSERT(b.n <= CF_RESEMBLE_MAX);
  for (size_t j = 0; j <= b.n; j++)
    row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t above = row[j];
      row[j] =
          least(above + 1, row[j - 1] + 1, diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1])));
      diagonal = above;
    }
  }
  return row[b.n];
}
