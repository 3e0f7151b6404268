/* SPDX-License-Identifier: MIT */
/* Blocks: one byte says whether the rest is compressed; then varint records,
 * varint runs of salts, the runs (first record, kind; a key for all up to the
 * next run, or one record's four salts), the records, each one's `recorded` as
 * a difference to the one before. */
#include "config.h"

#include "lib/segment/block.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/pack.h"

#define PACK_MIN   2048 /* below this compression costs more than it saves */
#define SALTS_N    (CF_C_N * CF_HASH_N)
#define RECORD_MAX (CF_LEAF_MAX + 256)
#define RUN_MAX    (2 + SALTS_N)
#define BODY_MAX   ((size_t)CF_GROUP * RECORD_MAX)
#define HEAD_MAX   ((size_t)CF_GROUP * RUN_MAX)
#define COUNTS_MAX 16 /* two varints */
#define RAW_MAX    (BODY_MAX + HEAD_MAX + COUNTS_MAX)

enum form { FORM_RAW, FORM_PACKED };
enum run_kind { RUN_KEY, RUN_SALTS };

/* ---- writing ---- */

void cf_block_writer_init(struct cf_block_writer *w)
{
  memset(w, 0, sizeof *w);
  cf_buf_init(&w->head, HEAD_MAX);
  cf_buf_init(&w->body, BODY_MAX);
}

void cf_block_writer_fini(struct cf_block_writer *w)
{
  cf_buf_fini(&w->head);
  cf_buf_fini(&w->body);
  cf_wipe(w->key, sizeof w->key);
}

void cf_block_writer_begin(struct cf_block_writer *w, uint64_t first)
{
  w->first = first;
  w->n = 0;
  w->runs = 0;
  w->has_key = false;
  w->base_us = 0;
  cf_buf_reset(&w->head);
  cf_buf_reset(&w->body);
}

static void begin_run(struct cf_block_writer *w, enum run_kind kind)
{
  cf_buf_put(&w->head, (uint8_t[2]){(uint8_t)w->n, (uint8_t)kind}, 2);
  w->runs++;
}

static enum cf_err add_body(struct cf_block_writer *w, const struct cf_record *r)
{
  cf_record_encode(r, w->base_us, &w->body);
  w->base_us = r->recorded_us;
  w->n++;
  return w->head.err != CF_OK ? w->head.err : w->body.err;
}

enum cf_err cf_block_writer_add(struct cf_block_writer *w, const struct cf_record *r,
                                const uint8_t key[CF_SALTKEY_N])
{
  CF_ASSERT(w->n < CF_GROUP - w->first % CF_GROUP);
  if (!w->has_key || memcmp(w->key, key, CF_SALTKEY_N) != 0) {
    begin_run(w, RUN_KEY);
    cf_buf_put(&w->head, key, CF_SALTKEY_N);
    memcpy(w->key, key, CF_SALTKEY_N);
    w->has_key = true;
  }
  return add_body(w, r);
}

/* A salt outlives neither its compartment nor an erasure, whatever the caller
 * still has. */
enum cf_err cf_block_writer_add_salted(struct cf_block_writer *w, const struct cf_record *r,
                                       const uint8_t salts[CF_C_N][CF_HASH_N])
{
  static const uint8_t none[CF_HASH_N];

  CF_ASSERT(w->n < CF_GROUP - w->first % CF_GROUP);
  begin_run(w, RUN_SALTS);
  w->has_key = false;
  for (unsigned c = 0; c < CF_C_N; c++)
    cf_buf_put(&w->head, r->payload[c].n > 0 ? salts[c] : none, CF_HASH_N);
  return add_body(w, r);
}

static enum cf_err put_raw(const struct cf_block_writer *w, struct cf_buf *b)
{
  if (w->head.err != CF_OK || w->body.err != CF_OK)
    return w->head.err != CF_OK ? w->head.err : w->body.err;
  if (cf_buf_grow(b, w->head.n + w->body.n + COUNTS_MAX) == NULL)
    return b->err;
  cf_buf_reset(b); /* now it has room for all */
  cf_varint_put(b, w->n);
  cf_varint_put(b, w->runs);
  cf_buf_putstr(b, cf_buf_str(&w->head));
  cf_buf_putstr(b, cf_buf_str(&w->body));
  return b->err;
}

enum cf_err cf_block_writer_end(struct cf_block_writer *w, struct cf_buf *b)
{
  struct cf_buf raw;
  size_t start = b->n;

  CF_ASSERT(w->n > 0);
  cf_buf_init(&raw, RAW_MAX);
  enum cf_err err = put_raw(w, &raw);
  if (err == CF_OK && raw.n >= PACK_MIN) {
    cf_buf_putc(b, FORM_PACKED);
    err = cf_pack(raw.p, raw.n, b);
  }
  if (err == CF_OK && (raw.n < PACK_MIN || b->n - start > raw.n)) {
    cf_buf_cut(b, b->n - start);
    cf_buf_putc(b, FORM_RAW);
    cf_buf_putstr(b, cf_buf_str(&raw));
    err = b->err;
  }
  cf_buf_fini(&raw);
  return err;
}

/* ---- reading ---- */

void cf_block_init(struct cf_block *block)
{
  memset(block, 0, sizeof *block);
  cf_buf_init(&block->raw, RAW_MAX);
}

void cf_block_fini(struct cf_block *block)
{
  cf_buf_fini(&block->raw);
  block->n = 0;
}

static enum cf_err block_unpack(struct cf_block *block, struct cf_str bytes)
{
  cf_buf_reset(&block->raw);
  if (bytes.n < 1)
    return CF_E_SYNTAX;
  if (bytes.p[0] == FORM_RAW) {
    cf_buf_put(&block->raw, bytes.p + 1, bytes.n - 1);
    return block->raw.err;
  }
  return bytes.p[0] == FORM_PACKED ? cf_unpack(bytes.p + 1, bytes.n - 1, &block->raw) : CF_E_SYNTAX;
}

static enum cf_err get_run(struct cf_block *block, struct cf_reader *r, unsigned i, unsigned n)
{
  unsigned from = cf_reader_u8(r);
  unsigned kind = cf_reader_u8(r);

  if (r->err != CF_OK || kind > RUN_SALTS || from >= n ||
      (i == 0 ? from != 0 : from <= block->run[i - 1].from))
    return CF_E_SYNTAX;
  if (i > 0 && block->run[i - 1].salts != NULL && from != block->run[i - 1].from + 1)
    return CF_E_SYNTAX;
  const uint8_t *bytes =
      (const uint8_t *)cf_reader_bytes(r, kind == RUN_KEY ? CF_SALTKEY_N : SALTS_N).p;
  block->run[i].from = from;
  block->run[i].key = kind == RUN_KEY ? bytes : NULL;
  block->run[i].salts = kind == RUN_SALTS ? bytes : NULL;
  return r->err;
}

static enum cf_err get_runs(struct cf_block *block, struct cf_reader *r, unsigned n, unsigned runs)
{
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < runs && err == CF_OK; i++)
    err = get_run(block, r, i, n);
  if (err == CF_OK && block->run[runs - 1].salts != NULL && block->run[runs - 1].from != n - 1)
    return CF_E_SYNTAX;
  return err;
}

enum cf_err cf_block_open(struct cf_block *block, uint64_t first, struct cf_str bytes)
{
  struct cf_reader r;
  int64_t base_us = 0;

  block->n = 0;
  enum cf_err err = block_unpack(block, bytes);
  if (err != CF_OK)
    return err == CF_E_NOMEM ? err : CF_E_SYNTAX;
  cf_reader_init(&r, block->raw.p, block->raw.n);
  uint64_t n = cf_reader_varint(&r);
  uint64_t runs = cf_reader_varint(&r);
  if (n < 1 || n > CF_GROUP - first % CF_GROUP || runs < 1 || runs > n)
    return CF_E_SYNTAX;
  if ((err = get_runs(block, &r, (unsigned)n, (unsigned)runs)) != CF_OK)
    return err;
  for (unsigned i = 0; i < n; i++) {
    if ((err = cf_record_decode(&r, first + i, base_us, &block->record[i])) != CF_OK)
      return err;
    base_us = block->record[i].recorded_us;
  }
  if (!cf_reader_at_end(&r))
    return CF_E_SYNTAX;
  block->first = first;
  block->n = (unsigned)n;
  block->runs = (unsigned)runs;
  return CF_OK;
}

void cf_block_salts(const struct cf_block *block, unsigned i, uint8_t salts[CF_C_N][CF_HASH_N])
{
  unsigned k = block->runs - 1;

  CF_ASSERT(i < block->n);
  while (block->run[k].from > i)
    k--;
  if (block->run[k].salts != NULL) {
    memcpy(salts, block->run[k].salts, SALTS_N);
    return;
  }
  for (unsigned c = 0; c < CF_C_N; c++)
    if (block->record[i].payload[c].n > 0)
      cf_salt(block->run[k].key, block->first + i, (enum cf_compartment)c, salts[c]);
}
