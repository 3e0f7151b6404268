/* SPDX-License-Identifier: MIT */
/* The records that may come over a connection. */
#include "config.h"

#include "fcgi-app/door/fcgi_records_in.h"

#include <string.h>

#include "lib/base/codec.h"

#define SPOKEN       1 /* version of FastCGI */
#define BEGIN_BODY_N 8
#define LONG_LENGTH  0x80 /* of four bytes */

/* Specification 8, by the phase in which they come. */
static const uint8_t types[] =
    {[CF_RECORDS_BEGIN] = 1, [CF_RECORDS_PARAMS] = 4, [CF_RECORDS_STDIN] = 5};

static size_t smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

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
  r->content = content;
  r->padding = padding;
  r->header_n = 0;
  return true;
}

/* One more byte of a length; false: it is longer than a head. */
static bool length_add(struct cf_records *r, uint8_t byte)
{
  if (r->length_left > 0) {
    r->length = r->length << 8 | byte;
    r->length_left--;
  } else {
    r->length = (byte & LONG_LENGTH) != 0 ? byte - LONG_LENGTH : byte;
    r->length_left = (byte & LONG_LENGTH) != 0 ? 3 : 0;
  }
  if (r->length_left > 0)
    return true;
  r->pair += r->length;
  r->lengths = (r->lengths + 1) % 2;
  return r->length <= CF_HEAD_MAX;
}

/* Are the lengths of names and values in n bytes of PARAMS possible? */
static bool lengths_fit(struct cf_records *r, const uint8_t *p, size_t n)
{
  bool fit = true;

  for (size_t at = 0, used; fit && at < n; at += used) {
    bool inside = r->lengths == 0 && r->length_left == 0 && r->pair > 0;
    used = inside ? smaller(n - at, r->pair) : 1;
    if (inside)
      r->pair -= used;
    else
      fit = length_add(r, p[at]);
  }
  return fit;
}

size_t cf_records_step(struct cf_records *r, const uint8_t *p, size_t n)
{
  size_t *part = r->content > 0 ? &r->content : &r->padding, used;
  bool may = true;

  if (*part > 0) {
    used = smaller(n, *part);
    if (r->content > 0 && r->header[1] == types[CF_RECORDS_PARAMS])
      may = lengths_fit(r, p, used);
    *part -= used;
  } else {
    used = smaller(n, CF_RECORD_HEADER_N - r->header_n);
    memcpy(r->header + r->header_n, p, used);
    r->header_n += used;
    may = r->header[0] == SPOKEN && (r->header_n < CF_RECORD_HEADER_N || record_begin(r));
  }
  if (may)
    return used;
  r->phase = CF_RECORDS_END;
  r->header_n = CF_RECORD_HEADER_N;
  r->content = r->padding = 0;
  return 0;
}

size_t cf_records_pass(struct cf_records *records, const uint8_t *p, size_t n)
{
  size_t at = 0, used = 1;

  for (; at < n && used > 0; at += used)
    used = cf_records_step(records, p + at, n - at);
  return at;
}
