/* SPDX-License-Identifier: MIT */
/* What is known of a segment from outside and what it says of itself; the names
 * of its sheets; the filter over its ids. */
#include "config.h"

#include "lib/segment/segment_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define META_UNSWORN 1 /* versions of its bytes: without a digest … */
#define META_SWORN   2 /* … and with one at the end */
#define NAME_MAX_N   64

/* ---- the catalogue's view ---- */

static void put_u64(struct cf_buf *b, uint64_t v)
{
  uint8_t bytes[8];

  cf_u64_put(bytes, v);
  cf_buf_put(b, bytes, sizeof bytes);
}

void cf_segment_meta_put(const struct cf_segment_meta *meta, struct cf_buf *b)
{
  const uint64_t fields[] = {meta->first,
                             meta->end,
                             meta->generation,
                             (uint64_t)meta->time_min_us,
                             (uint64_t)meta->time_max_us,
                             (uint64_t)meta->recorded_min_us,
                             (uint64_t)meta->recorded_max_us,
                             meta->bytes};

  cf_buf_putc(b, meta->sworn ? META_SWORN : META_UNSWORN);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    put_u64(b, fields[i]);
  if (meta->sworn)
    cf_buf_put(b, meta->digest, sizeof meta->digest);
}

static bool range_ok(uint64_t first, uint64_t end)
{
  return first < end && first % CF_TIMES_RUN == 0 && end % CF_TIMES_RUN == 0 &&
         end - first <= CF_OFFSET_MAX;
}

static void get_meta(struct cf_reader *r, struct cf_segment_meta *meta)
{
  uint8_t version = cf_reader_u8(r);

  if (version != META_UNSWORN && version != META_SWORN)
    r->err = CF_E_SYNTAX;
  meta->sworn = version == META_SWORN;
  meta->first = cf_reader_u64(r);
  meta->end = cf_reader_u64(r);
  meta->generation = cf_reader_u64(r);
  meta->time_min_us = (int64_t)cf_reader_u64(r);
  meta->time_max_us = (int64_t)cf_reader_u64(r);
  meta->recorded_min_us = (int64_t)cf_reader_u64(r);
  meta->recorded_max_us = (int64_t)cf_reader_u64(r);
  meta->bytes = cf_reader_u64(r);
  if (meta->sworn) {
    struct cf_str digest = cf_reader_bytes(r, sizeof meta->digest);
    if (r->err == CF_OK)
      memcpy(meta->digest, digest.p, sizeof meta->digest);
  }
  if (r->err == CF_OK && !range_ok(meta->first, meta->end))
    r->err = CF_E_SYNTAX;
}

enum cf_err cf_segment_meta_get(struct cf_str s, struct cf_segment_meta *out)
{
  struct cf_segment_meta meta = {0};
  struct cf_reader r;

  cf_reader_init(&r, s.p, s.n);
  get_meta(&r, &meta);
  if (!cf_reader_at_end(&r))
    return CF_E_SYNTAX;
  *out = meta;
  return CF_OK;
}

bool cf_segment_meta_same(const struct cf_segment_meta *a, const struct cf_segment_meta *b)
{
  return a->first == b->first && a->end == b->end && a->generation == b->generation &&
         a->time_min_us == b->time_min_us && a->time_max_us == b->time_max_us &&
         a->recorded_min_us == b->recorded_min_us && a->recorded_max_us == b->recorded_max_us;
}

void cf_segment_name(const struct cf_segment_meta *meta, char out[64])
{
  snprintf(out, 64, "%020" PRIu64 "-%020" PRIu64 "-%" PRIu64, meta->first, meta->end,
           meta->generation);
}

struct cf_span cf_segment_span(const struct cf_segment_meta *meta)
{
  const struct cf_span dated = {meta->time_min_us, meta->time_max_us};
  return cf_span_join(dated, (struct cf_span){meta->recorded_min_us, meta->recorded_max_us});
}

char *cf_segment_path(const char *directory, const char *name, const char *suffix)
{
  size_t n = strlen(directory) + strlen(name) + strlen(suffix) + 2;
  char *path = malloc(n);

  if (path != NULL)
    snprintf(path, n, "%s/%s%s", directory, name, suffix);
  return path;
}

/* ---- its own view ---- */

const char *cf_sheet_name(unsigned sheet)
{
  static const char *const names[] = {"info",  "blocks", "salts", "hashes",
                                      "times", "counts", "grams"};
  _Static_assert(sizeof names / sizeof *names == CF_SHEET_INDEX, "a name for each sheet");

  if (sheet < CF_SHEET_INDEX)
    return names[sheet];
  return cf_index_exists(sheet - CF_SHEET_INDEX) ? cf_index_name(sheet - CF_SHEET_INDEX) : NULL;
}

bool cf_sheet_is_in(unsigned layout, unsigned sheet)
{
  return cf_sheet_name(sheet) != NULL &&
         (layout > 1 || (sheet != CF_SHEET_SALTS && sheet != CF_SHEET_GRAMS));
}

struct cf_str cf_value_key(unsigned index, struct cf_str key, char out[CF_VALUE_KEY_MAX])
{
  size_t n = strlen(cf_index_name(index)) + 1;

  CF_ASSERT(n + key.n <= CF_VALUE_KEY_MAX);
  memcpy(out, cf_index_name(index), n);
  if (key.n > 0)
    memcpy(out + n, key.p, key.n);
  return (struct cf_str){out, n + key.n};
}

bool cf_segment_is_exact(const struct cf_segment *s, unsigned index)
{
  return index == CF_M_ID || (s->info.layout > 1 && cf_index_is_exact(index));
}

/* The indexes go by name: a later version may have more of them. */
void cf_segment_info_put(const struct cf_segment_info *info, struct cf_buf *b)
{
  cf_varint_put(b, info->layout);
  put_u64(b, info->tag);
  cf_segment_meta_put(&info->meta, b);
  for (unsigned i = 0; i < CF_I_N; i++) {
    if (!info->index[i].present)
      continue;
    cf_varint_put(b, strlen(cf_index_name(i)));
    cf_buf_puts(b, cf_index_name(i));
    cf_varint_put(b, info->index[i].chunks);
    cf_varint_put(b, info->index[i].values);
    cf_varint_put(b, info->index[i].missing);
  }
}

static unsigned index_by_name(struct cf_str name)
{
  for (unsigned i = 0; i < CF_I_N; i++)
    if (cf_index_exists(i) && cf_str_is(name, cf_index_name(i)))
      return i;
  return CF_I_N;
}

static void get_index(struct cf_reader *r, struct cf_segment_info *info)
{
  uint64_t n = cf_reader_varint(r);
  unsigned i = index_by_name(cf_reader_bytes(r, n <= NAME_MAX_N ? (size_t)n : SIZE_MAX));
  uint64_t chunks = cf_reader_varint(r);
  uint64_t values = cf_reader_varint(r);
  uint64_t missing = cf_reader_varint(r);
  const uint64_t records = info->meta.end - info->meta.first;

  if (chunks > records || values > records || missing > records)
    r->err = CF_E_SYNTAX;
  if (r->err == CF_OK && i < CF_I_N)
    info->index[i] =
        (struct cf_index_info){true, (uint32_t)chunks, (uint32_t)values, (uint32_t)missing};
}

enum cf_err cf_segment_info_get(struct cf_str s, struct cf_segment_info *out)
{
  struct cf_segment_info info;
  struct cf_reader r;

  memset(&info, 0, sizeof info);
  cf_reader_init(&r, s.p, s.n);
  uint64_t layout = cf_reader_varint(&r);
  if (layout < 1 || layout > CF_SEGMENT_LAYOUT)
    return CF_E_SYNTAX;
  info.layout = (unsigned)layout;
  info.tag = cf_reader_u64(&r);
  get_meta(&r, &info.meta);
  while (r.err == CF_OK && r.p < r.end)
    get_index(&r, &info);
  if (r.err != CF_OK)
    return r.err;
  *out = info;
  return CF_OK;
}
