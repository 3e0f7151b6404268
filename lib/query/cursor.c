/* SPDX-License-Identifier: MIT */
/* Cursors: a spot in the order of a question, bound to the question by a digest
 * of its text. Nothing in it depends on how the ledger is cut into units. */
#include "config.h"

#include "lib/query/query_in.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"

#define CURSOR_VERSION 1
#define HEAD_N         (1 + CF_DIGEST_N)
#define CURSOR_MAX     (HEAD_N + 16)

struct cf_spot cf_spot_start(const struct cf_query *query)
{
  return query->ascending ? (struct cf_spot){INT64_MIN, 0}
                          : (struct cf_spot){INT64_MAX, UINT64_MAX};
}

static size_t cursor_length(const struct cf_query *query)
{
  return query->by_time ? HEAD_N + 16 : HEAD_N + 8;
}

static void put_head(const struct cf_query *query, uint8_t *raw)
{
  raw[0] = CURSOR_VERSION;
  memcpy(raw + 1, query->digest, CF_DIGEST_N);
}

enum cf_err cf_cursor_put(const struct cf_query *query, struct cf_spot spot, char out[128])
{
  uint8_t raw[CURSOR_MAX];
  struct cf_buf text;

  put_head(query, raw);
  cf_u64_put(raw + HEAD_N, spot.seq);
  if (query->by_time)
    cf_u64_put(raw + HEAD_N + 8, (uint64_t)spot.time_us);
  cf_buf_init(&text, 127);
  cf_base64url_put(&text, raw, cursor_length(query));
  enum cf_err err = text.err;
  if (err == CF_OK)
    snprintf(out, 128, "%s", cf_buf_cstr(&text));
  cf_buf_fini(&text);
  return err;
}

static enum cf_err read_spot(const struct cf_query *query, struct cf_str raw, struct cf_spot *spot)
{
  uint8_t head[HEAD_N];

  put_head(query, head);
  if (raw.n != cursor_length(query) || memcmp(raw.p, head, HEAD_N) != 0)
    return CF_E_CURSOR;
  const uint8_t *at = (const uint8_t *)raw.p + HEAD_N;
  *spot = (struct cf_spot){query->by_time ? (int64_t)cf_u64_get(at + 8) : 0, cf_u64_get(at)};
  return CF_OK;
}

enum cf_err cf_cursor_get(const struct cf_query *query, struct cf_str text, struct cf_spot *spot)
{
  struct cf_buf raw;

  cf_buf_init(&raw, CURSOR_MAX);
  enum cf_err err = cf_base64url_get(text, &raw);
  if (err == CF_OK)
    err = read_spot(query, cf_buf_str(&raw), spot);
  cf_buf_fini(&raw);
  return err == CF_OK || err == CF_E_NOMEM ? err : CF_E_CURSOR;
}
