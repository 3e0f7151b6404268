/* SPDX-License-Identifier: MIT */
/* A quorum of witnesses, counted by one's own list of them. */
#include "config.h"

#include "lib/proof/verify_cosigned.h"

#include "lib/record/json.h"

#define MICROS INT64_C(1000000)

enum cf_err cf_cosigners_count(struct cf_cosigners *c, struct cf_str note)
{
  struct cf_buf all;
  cf_buf_init(&all, (size_t)2 * CF_NOTE_MAX);
  cf_buf_putstr(&all, note);
  cf_buf_putstr(&all, c->lines);
  enum cf_err err = all.err == CF_E_FULL ? CF_OK : all.err;
  for (size_t i = 0; i < c->n; i++)
    if (all.err != CF_OK || cf_cosignature_check(cf_buf_str(&all), &c->v[i], &c->time[i]) != CF_OK)
      c->time[i] = 0;
  c->count = all.err == CF_OK ? cf_cosignatures_count(cf_buf_str(&all), c->v, c->n) : 0;
  cf_buf_fini(&all);
  return err;
}

static void put_one(const struct cf_vkey *witness, uint64_t time, uint64_t size, struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "name", cf_str_from(witness->name));
  cf_json_put_member_u64_or_null(b, "size", time > 0, size);
  if (time > 0 && time <= INT32_MAX * UINT64_C(100))
    cf_json_put_member_time(b, "time", (int64_t)time * MICROS);
  cf_buf_putc(b, '}');
}

void cf_cosigners_put(const struct cf_cosigners *c, uint64_t size, struct cf_buf *b)
{
  cf_json_put_name(b, "witnesses");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < c->n; i++) {
    if (i > 0)
      cf_buf_putc(b, ',');
    put_one(&c->v[i], c->time[i], size, b);
  }
  cf_buf_putc(b, ']');
  cf_json_put_member_u64(b, "quorum", c->quorum);
  cf_json_put_member_u64_or_null(b, "witnessed", c->count >= c->quorum, size);
}
