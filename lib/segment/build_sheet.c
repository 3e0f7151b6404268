/* SPDX-License-Identifier: MIT */
/* The sheets of a file that is being made, each with a digest over all that was
 * put into it. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/segment/build_in.h"

#define PENDING_MAX 32768

/* ---- digests ---- */

enum cf_err cf_build_sum_begin(struct cf_build_sum *sum)
{
  cf_buf_init(&sum->pending, SIZE_MAX);
  return cf_sha256_new(&sum->sha);
}

void cf_build_sum_free(struct cf_build_sum *sum)
{
  cf_buf_fini(&sum->pending);
  cf_sha256_free(sum->sha);
  sum->sha = NULL;
}

static void sum_flush(struct cf_build_sum *sum)
{
  cf_sha256_add(sum->sha, sum->pending.p, sum->pending.n);
  cf_buf_reset(&sum->pending);
}

enum cf_err cf_build_sum_add(struct cf_build_sum *sum, struct cf_str key, struct cf_str value)
{
  uint8_t lengths[8];

  cf_u32_put(lengths, (uint32_t)key.n);
  cf_u32_put(lengths + 4, (uint32_t)value.n);
  cf_buf_put(&sum->pending, lengths, sizeof lengths);
  cf_buf_putstr(&sum->pending, key);
  cf_buf_putstr(&sum->pending, value);
  enum cf_err err = sum->pending.err;
  if (err == CF_OK && sum->pending.n >= PENDING_MAX)
    sum_flush(sum);
  return err;
}

void cf_build_sum_end(struct cf_build_sum *sum, uint8_t digest[CF_HASH_N])
{
  sum_flush(sum);
  cf_sha256_end(sum->sha, digest);
}

/* ---- sheets ---- */

enum cf_err cf_build_made(enum cf_err err)
{
  return err == CF_E_DAMAGED || err == CF_E_NOTFOUND ? CF_E_STORE : err;
}

enum cf_err cf_build_put(struct cf_build *b, unsigned sheet, struct cf_str key, struct cf_str value)
{
  struct cf_build_sheet *s = &b->sheet[sheet];
  enum cf_err err = cf_build_sum_add(&s->sum, key, value);

  return err != CF_OK ? err : cf_build_made(cf_bdb_put(s->db, NULL, key, value));
}

enum cf_err cf_build_put_row(struct cf_build *b, unsigned sheet, uint32_t row, struct cf_str value)
{
  uint8_t key[4];

  cf_u32_put(key, row);
  return cf_build_put(b, sheet, (struct cf_str){(char *)key, sizeof key}, value);
}

void cf_build_u32(struct cf_buf *b, uint32_t v)
{
  uint8_t bytes[4];

  cf_u32_put(bytes, v);
  cf_buf_put(b, bytes, sizeof bytes);
}

enum cf_err cf_build_open(struct cf_build *b)
{
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++) {
    if (cf_sheet_name(i) == NULL)
      continue;
    err = cf_build_sum_begin(&b->sheet[i].sum);
    if (err == CF_OK)
      err = cf_build_made(cf_bdb_open(b->env, NULL, b->path, cf_sheet_name(i), CF_BDB_CREATE,
                                      b->page, &b->sheet[i].db));
  }
  return err;
}

void cf_build_close(struct cf_build *b)
{
  for (unsigned i = 0; i < CF_SHEET_N; i++) {
    cf_bdb_close(b->sheet[i].db);
    cf_build_sum_free(&b->sheet[i].sum);
  }
}

enum cf_err cf_build_block(struct cf_build *b, uint32_t i, struct cf_block *block)
{
  enum cf_err err = b->source->block(b->source->context, i, block);
  return err == CF_E_SYNTAX || (err == CF_OK && block->n != CF_GROUP) ? CF_E_DAMAGED : err;
}
