/* SPDX-License-Identifier: MIT */
/* What is indexed, and under which keys. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/index/index.h"
#include "lib/index/siphash_in.h"
#include "lib/record/address.h"

#define ESCAPE 0x01

bool cf_index_exists(unsigned index)
{
  return index == CF_I_DATE || index == CF_I_KIND ||
         (index < CF_M_N && cf_member_table[index].indexed);
}

bool cf_index_is_exact(unsigned index)
{
  return index == CF_M_ID || index == CF_M_REQUEST_ID;
}

const char *cf_index_name(unsigned index)
{
  if (index == CF_I_DATE)
    return "date";
  return index == CF_I_KIND ? "kind" : cf_member_table[index].name;
}

/* Is one of the eight bytes of v 0x00 or 0x01? */
static bool has_escape(uint64_t v)
{
  const uint64_t ones = UINT64_C(0x0101010101010101);

  return ((v - 2 * ones) & ~v & 0x80 * ones) != 0;
}

/* Without a byte 0x00 in it a key followed by an offset below 2^24 sorts as the
 * pair. 0x00 becomes 01 01 and 0x01 becomes 01 02: order and prefixes stay.
 * Most text has neither, and is copied by words. */
static size_t text_key(struct cf_str value, uint8_t out[CF_INDEX_VALUE_MAX])
{
  size_t i = 0;

  for (uint64_t v; i + 8 <= value.n && i + 8 <= CF_INDEX_VALUE_MAX; i += 8) {
    memcpy(&v, value.p + i, 8);
    if (has_escape(v))
      break;
    memcpy(out + i, &v, 8);
  }
  size_t n = i;
  for (; i < value.n && n < CF_INDEX_VALUE_MAX; i++) {
    uint8_t c = (uint8_t)value.p[i];
    out[n++] = c > ESCAPE ? c : ESCAPE;
    if (c <= ESCAPE && n < CF_INDEX_VALUE_MAX)
      out[n++] = (uint8_t)(c + 1);
  }
  return n;
}

/* Keys that may have 0x00 in them are all of one length, also for what is no
 * address or status (and cannot be in a record). */
static size_t address_key(struct cf_str value, uint8_t out[CF_INDEX_VALUE_MAX])
{
  if (cf_address_bytes(value, out) != CF_OK)
    memset(out, 0, 16);
  return 16;
}

static size_t status_key(struct cf_str value, uint8_t out[CF_INDEX_VALUE_MAX])
{
  uint64_t status = 0;

  if (cf_u64_parse(value, UINT16_MAX, &status) != CF_OK)
    status = UINT16_MAX;
  cf_u16_put(out, (uint16_t)status);
  return 2;
}

size_t cf_index_key(unsigned index, struct cf_str value, uint8_t out[CF_INDEX_VALUE_MAX])
{
  if (index == CF_M_IP)
    return address_key(value, out);
  return index == CF_M_STATUS ? status_key(value, out) : text_key(value, out);
}

size_t cf_index_date_key(int64_t effective_us, uint8_t out[CF_INDEX_VALUE_MAX])
{
  const size_t n = sizeof "2026-11-24T02" - 1;
  char text[CF_TIME_TEXT_N + 1];

  cf_time_format(effective_us, text);
  memcpy(out, text, n);
  return n;
}

uint64_t cf_id_fingerprint(const uint8_t key[16], struct cf_str id)
{
  return cf_siphash(key, id.p, id.n);
}

uint64_t cf_index_exact(const uint8_t key[16], unsigned index, struct cf_str value)
{
  uint8_t text[CF_INDEX_VALUE_MAX];

  return cf_siphash(key, text, cf_index_key(index, value, text));
}
