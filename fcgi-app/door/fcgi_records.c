/* SPDX-License-Identifier: MIT */
/* The records that may come over a connection. */
#include "config.h"

#include "fcgi-app/door/fcgi_records_in.h"

#include <string.h>

#include "lib/base/codec.h"

#define SPOKEN       1 /* version of FastCGI */
#define BEGIN_BODY_N 8

/* Specification 8, by the phase in which they come. */
static const uint8_t types[] =
    {[CF_RECORDS_BEGIN] = 1, [CF_RECORDS_PARAMS] = 4, [CF_RECORDS_STDIN] = 5};

/* May the record come whose header is whole? Then it is under way. */
static bool record_begin(struct cf_records *r)
{
  const uint8_t *h = r->header;
  unsigned id = cf_u16_get(h + 2), content = cf_u16_get(h + 4), padding = h[6];
  bool begins = r->phase == CF_RECORDS_BEGIN;

  if (r->phase == CF_RECORDS_END || h[1] != types[r->phase] || id == 0)
    return false;
  if (begins ? content != BEGIN_BODY_N : id != r->request)
    return false;
  if (padding > 0 && (begins || content == 0))
    return false;
  if (begins || content == 0)
    r->phase++;
  r->request = id;
  r->rest = content + padding;
  r->header_n = 0;
  return true;
}

static size_t smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

size_t cf_records_step(struct cf_records *r, const uint8_t *p, size_t n)
{
  size_t used = smaller(n, r->rest > 0 ? r->rest : CF_RECORD_HEADER_N - r->header_n);

  if (r->rest > 0) {
    r->rest -= used;
    return used;
  }
  memcpy(r->header + r->header_n, p, used);
  r->header_n += used;
  if (r->header[0] != SPOKEN || (r->header_n == CF_RECORD_HEADER_N && !record_begin(r))) {
    r->header_n = CF_RECORD_HEADER_N;
    return 0;
  }
  return used;
}

size_t cf_records_pass(struct cf_records *records, const uint8_t *p, size_t n)
{
  size_t at = 0, used = 1;

  for (; at < n && used > 0; at += used)
    used = cf_records_step(records, p + at, n - at);
  return at;
}
