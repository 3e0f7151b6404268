/* SPDX-License-Identifier: MIT */
/* The frame of a tar. */
#include "config.h"

#include "lib/evidence/tar.h"

#include <stdio.h>

#define MTIME_MAX INT64_C(077777777777)
#define PAX_NAME  "PaxHeaders/" /* and the name of the file, as much as there is room for */

/* n - 1 octal digits and a NUL. */
static void octal_put(uint8_t *field, size_t n, uint64_t v)
{
  for (size_t i = n - 1; i-- > 0; v >>= 3)
    field[i] = (uint8_t)('0' + (v & 7));
}

static int64_t mtime_within(int64_t mtime_s)
{
  return mtime_s < 0 ? 0 : mtime_s > MTIME_MAX ? MTIME_MAX : mtime_s;
}

/* The sum is of the header with spaces in its place. */
static void sum_put(uint8_t block[CF_TAR_BLOCK])
{
  unsigned sum = 0;
  memset(block + CF_TAR_AT_SUM, ' ', CF_TAR_SUM_N);
  for (size_t i = 0; i < CF_TAR_BLOCK; i++)
    sum += block[i];
  octal_put(block + CF_TAR_AT_SUM, 7, sum);
  block[CF_TAR_AT_SUM + 6] = '\0';
}

static void block_put(struct cf_buf *b, const char *name, char type, uint64_t size, int64_t mtime_s)
{
  static const char magic[] = "ustar\0"
                              "00";
  uint8_t *block = cf_buf_grow(b, CF_TAR_BLOCK);
  if (block == NULL)
    return;
  memset(block, 0, CF_TAR_BLOCK);
  memcpy(block + CF_TAR_AT_NAME, name, strlen(name));
  octal_put(block + CF_TAR_AT_MODE, 8, 0644);
  octal_put(block + CF_TAR_AT_UID, 8, 0);
  octal_put(block + CF_TAR_AT_GID, 8, 0);
  octal_put(block + CF_TAR_AT_SIZE, 12, size);
  octal_put(block + CF_TAR_AT_MTIME, 12, (uint64_t)mtime_within(mtime_s));
  block[CF_TAR_AT_TYPE] = (uint8_t)type;
  memcpy(block + CF_TAR_AT_MAGIC, magic, sizeof magic - 1);
  sum_put(block);
}

static void zeros_put(struct cf_buf *b, size_t n)
{
  uint8_t *p = n > 0 ? cf_buf_grow(b, n) : NULL;
  if (p != NULL)
    memset(p, 0, n);
}

/* Its one line tells its own length too: "20 size=8589934592". */
static void pax_put(struct cf_buf *b, const char *name, uint64_t size, int64_t mtime_s)
{
  char pax[CF_TAR_NAME_N + 1], line[40];
  int rest = snprintf(line, sizeof line, " size=%llu\n", (unsigned long long)size);
  int n = snprintf(line, sizeof line, "%d size=%llu\n", rest + 2, (unsigned long long)size);
  (void)snprintf(pax, sizeof pax, "%s%.*s", PAX_NAME, (int)(CF_TAR_NAME_N - sizeof PAX_NAME + 1),
                 name);
  block_put(b, pax, 'x', (uint64_t)n, mtime_s);
  cf_buf_put(b, line, (size_t)n);
  zeros_put(b, cf_tar_padding((uint64_t)n));
}

enum cf_err cf_tar_header_put(struct cf_buf *b, const char *name, uint64_t size, int64_t mtime_s)
{
  if (strlen(name) > CF_TAR_NAME_N)
    return CF_E_FULL;
  if (size >= CF_TAR_SIZE)
    pax_put(b, name, size, mtime_s);
  block_put(b, name, '0', size < CF_TAR_SIZE ? size : 0, mtime_s);
  return b->err;
}

unsigned cf_tar_padding(uint64_t size)
{
  return (unsigned)((CF_TAR_BLOCK - size % CF_TAR_BLOCK) % CF_TAR_BLOCK);
}

void cf_tar_end_put(struct cf_buf *b)
{
  zeros_put(b, 2 * CF_TAR_BLOCK);
}
