/* SPDX-License-Identifier: MIT */
/* Reading a segment's times: rows of 256, one of which may be wanted alone, and
 * their spans. */
#include "config.h"

#include "lib/segment/known_times_in.h"
#include "lib/segment/segment_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

static uint32_t records_of(const struct cf_segment *s)
{
  return (uint32_t)(s->meta.end - s->meta.first);
}

static enum cf_err times_row(struct cf_segment *s, uint32_t row, struct cf_buf *b,
                             int64_t out[CF_TIMES_RUN])
{
  const struct cf_span span = cf_segment_span(&s->meta);
  struct cf_reader r;
  int64_t time = 0;
  bool good = true;

  enum cf_err err = cf_segment_get_row(s, CF_SHEET_TIMES, row, b);
  if (err != CF_OK)
    return err;
  cf_reader_init(&r, b->p, b->n);
  for (unsigned i = 0; i < CF_TIMES_RUN && good; i++) {
    good = !__builtin_add_overflow(time, cf_reader_varint_signed(&r), &time) &&
           time >= span.min_us && time <= span.max_us;
    out[i] = time;
  }
  return good && cf_reader_at_end(&r)
             ? CF_OK
             : cf_segment_spoil(s, CF_E_DAMAGED, "a row of times is not well-formed");
}

static enum cf_err times_run(struct cf_segment *s, uint32_t offset, uint32_t n, int64_t *out)
{
  int64_t row[CF_TIMES_RUN];
  struct cf_buf b;
  enum cf_err err = CF_OK;

  cf_buf_init(&b, CF_TIMES_ROW_MAX);
  while (n > 0 && err == CF_OK) {
    uint32_t from = offset % CF_TIMES_RUN;
    uint32_t k = n < CF_TIMES_RUN - from ? n : CF_TIMES_RUN - from;
    err = times_row(s, offset / CF_TIMES_RUN, &b, row);
    if (err == CF_OK)
      memcpy(out, row + from, k * sizeof *out);
    offset += k;
    n -= k;
    out += k;
  }
  cf_buf_fini(&b);
  return err;
}

/* Of a file that is not sworn none is kept. */
enum cf_err cf_segment_times(struct cf_segment *s, uint32_t offset, uint32_t n, int64_t *out)
{
  bool single = n == 1 && s->meta.sworn && s->pool != NULL;

  CF_ASSERT(offset <= records_of(s) && n <= records_of(s) - offset);
  if (single && cf_known_times_find(cf_segment_pool_times(s->pool), s->meta.digest, offset, out))
    return CF_OK;
  enum cf_err err = times_run(s, offset, n, out);
  if (err == CF_OK && single)
    cf_known_times_keep(cf_segment_pool_times(s->pool), s->meta.digest, offset, *out);
  return err;
}

static bool get_spans(struct cf_reader *r, const struct cf_segment *s, uint32_t n,
                      struct cf_span *spans)
{
  const struct cf_span all = cf_segment_span(&s->meta);
  int64_t min = 0, max;

  for (uint32_t i = 0; i < records_of(s) / CF_TIMES_RUN; i++) {
    if (__builtin_add_overflow(min, cf_reader_varint_signed(r), &min) ||
        __builtin_add_overflow(min, cf_reader_varint(r), &max) || min < all.min_us ||
        max > all.max_us)
      return false;
    if (i * CF_TIMES_RUN < n)
      spans[i] = (struct cf_span){min, max};
  }
  return cf_reader_at_end(r);
}

enum cf_err cf_segment_spans(struct cf_segment *s, uint32_t n, struct cf_span *spans)
{
  struct cf_reader r;
  struct cf_buf b;

  CF_ASSERT(n <= records_of(s));
  for (uint32_t at = 0; s->info.layout < 2 && at < n; at += CF_TIMES_RUN)
    spans[at / CF_TIMES_RUN] = cf_segment_span(&s->meta);
  if (s->info.layout < 2)
    return CF_OK;
  cf_buf_init(&b, cf_spans_max(records_of(s)));
  enum cf_err err = cf_segment_get(s, CF_SHEET_INFO, CF_STR("spans"), &b);
  cf_reader_init(&r, b.p, b.n);
  if (err == CF_OK && !get_spans(&r, s, n, spans))
    err = cf_segment_spoil(s, CF_E_DAMAGED, "the spans of its times are not well-formed");
  cf_buf_fini(&b);
  return err;
}
