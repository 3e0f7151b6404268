/* SPDX-License-Identifier: MIT */
/* Blocks: one byte says whether the rest is compressed; then varint records,
 * varint runs of salts, the runs (first record, kind; a key for all up to the
 * next run, or one record's four salts), the records, each one's `recorded` as
 * a difference to the one before. In parts the same pieces lie apart: a part is
 * the byte and records, salts are the number of runs and the runs. */
#include "config.h"

#include "lib/segment/block.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define PACK_MIN   2048 /* below this compression costs more than it saves */
#define SALTS_N    (CF_C_N * CF_HASH_N)
#define RUN_MAX    (2 + SALTS_N)
#define BODY_MAX   ((size_t)CF_GROUP * CF_RECORD_BYTES_MAX)
#define HEAD_MAX   ((size_t)CF_GROUP * RUN_MAX)
#define COUNTS_MAX 16 /* two varints */
#define RAW_MAX    (BODY_MAX + HEAD_MAX + COUNTS_MAX)
_Static_assert(RAW_MAX + 1 == CF_BLOCK_BYTES_MAX, "a byte says how it is packed");

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

/* Less than a whole block is a piece of the tail, which is soon rolled, or is
 * made to be read at once. */
static bool is_worth_packing(const struct cf_block_writer *w, size_t n)
{
  return w->n == CF_GROUP && n >= PACK_MIN;
}

enum cf_err cf_block_writer_end(struct cf_block_writer *w, struct cf_buf *b)
{
  struct cf_buf raw;
  size_t start = b->n;

  CF_ASSERT(w->n > 0);
  cf_buf_init(&raw, RAW_MAX);
  enum cf_err err = put_raw(w, &raw);
  bool packs = is_worth_packing(w, raw.n);
  if (err == CF_OK && packs) {
    cf_buf_putc(b, FORM_PACKED);
    err = cf_pack(raw.p, raw.n, b);
  }
  if (err == CF_OK && (!packs || b->n - start > raw.n)) {
    cf_buf_cut(b, b->n - start);
    cf_buf_putc(b, FORM_RAW);
    cf_buf_putstr(b, cf_buf_str(&raw));
    err = b->err;
  }
  cf_buf_fini(&raw);
  return err;
}

/* ---- reading ---- */

static void begin(struct cf_block *block, uint64_t first)
{
  cf_shared_part_put(block->shared);
  block->shared = NULL;
  block->first = first;
  block->n = block->runs = 0;
  block->none = false;
  block->salts = CF_STR("");
}

void cf_block_init(struct cf_block *block)
{
  memset(block, 0, sizeof *block);
  cf_buf_init(&block->raw, RAW_MAX);
}

void cf_block_fini(struct cf_block *block)
{
  cf_buf_fini(&block->raw);
  begin(block, 0);
}

void cf_block_reset(struct cf_block *block)
{
  begin(block, 0);
  cf_buf_reset(&block->raw);
}

enum cf_err cf_part_unpack(const struct cf_dictionary *d, struct cf_str bytes, struct cf_buf *raw)
{
  enum cf_err err = CF_E_SYNTAX;

  if (bytes.n < 1)
    return err;
  const struct cf_str rest = cf_str_behind(bytes, 1);
  if (bytes.p[0] == FORM_RAW) {
    cf_buf_putstr(raw, rest);
    err = raw->err;
  } else if (bytes.p[0] == FORM_PACKED) {
    err = d != NULL ? cf_dictionary_unpack(d, rest.p, rest.n, raw) : cf_unpack(rest.p, rest.n, raw);
  }
  return err == CF_E_FULL ? CF_E_SYNTAX : err;
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

/* The salts of n records. */
static enum cf_err get_salts(struct cf_block *block, struct cf_reader *r, unsigned n)
{
  const uint8_t *start = r->p;
  uint64_t runs = cf_reader_varint(r);
  enum cf_err err = runs < 1 || runs > n ? CF_E_SYNTAX : CF_OK;

  for (unsigned i = 0; i < runs && err == CF_OK; i++)
    err = get_run(block, r, i, n);
  if (err != CF_OK)
    return err;
  if (block->run[runs - 1].salts != NULL && block->run[runs - 1].from != n - 1)
    return CF_E_SYNTAX;
  block->runs = (unsigned)runs;
  block->salts = (struct cf_str){(const char *)start, (size_t)(r->p - start)};
  return CF_OK;
}

/* Records [from, from + n), the first one's `recorded` as it is. */
static enum cf_err get_records(struct cf_block *block, struct cf_reader *r, unsigned from,
                               unsigned n)
{
  int64_t base_us = 0;
  enum cf_err err = CF_OK;

  for (unsigned i = from; i < from + n && err == CF_OK; i++) {
    err = cf_record_decode(r, block->first + i, base_us, &block->record[i]);
    base_us = block->record[i].recorded_us;
  }
  return err == CF_OK && !cf_reader_at_end(r) ? CF_E_SYNTAX : err;
}

enum cf_err cf_block_open_wanted(struct cf_block *block, uint64_t first, struct cf_str bytes,
                                 const struct cf_block_look *look)
{
  struct cf_reader r;

  begin(block, first);
  cf_buf_reset(&block->raw);
  enum cf_err err = cf_part_unpack(NULL, bytes, &block->raw);
  if (err != CF_OK)
    return err;
  cf_reader_init(&r, block->raw.p, block->raw.n);
  uint64_t n = cf_reader_varint(&r);
  if (n < 1 || n > CF_GROUP - first % CF_GROUP)
    return CF_E_SYNTAX;
  block->none = look != NULL && !look->may(look->context, cf_buf_str(&block->raw));
  if (!block->none)
    err = get_salts(block, &r, (unsigned)n);
  if (err == CF_OK && !block->none)
    err = get_records(block, &r, 0, (unsigned)n);
  if (err == CF_OK)
    block->n = (unsigned)n;
  return err;
}

enum cf_err cf_block_open(struct cf_block *block, uint64_t first, struct cf_str bytes)
{
  return cf_block_open_wanted(block, first, bytes, NULL);
}

void cf_block_salts(const struct cf_block *block, unsigned i, uint8_t salts[CF_C_N][CF_HASH_N])
{
  unsigned k = block->runs - 1;

  CF_ASSERT(i < block->n && block->runs > 0);
  while (block->run[k].from > i)
    k--;
  if (block->run[k].salts != NULL) {
    memcpy(salts, block->run[k].salts, SALTS_N);
    return;
  }
  uint8_t all[CF_C_N][CF_HASH_N];
  cf_salts(block->run[k].key, block->first + i, all);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (block->record[i].payload[c].n > 0)
      memcpy(salts[c], all[c], CF_HASH_N);
}

void cf_block_leaf(const struct cf_block *block, unsigned i, const uint8_t prev[CF_HASH_N],
                   struct cf_buf *b, uint8_t hash[CF_HASH_N])
{
  uint8_t salts[CF_C_N][CF_HASH_N];

  cf_block_salts(block, i, salts);
  cf_leaf_put(&block->record[i], prev, (const uint8_t(*)[CF_HASH_N])salts, b, hash);
}

/* ---- parts ---- */

void cf_block_part_put(const struct cf_block *block, unsigned i, struct cf_buf *b)
{
  int64_t base_us = 0;

  CF_ASSERT(block->n == CF_GROUP && i < CF_PARTS);
  for (unsigned k = i * CF_PART; k < (i + 1) * CF_PART; k++) {
    cf_record_encode(&block->record[k], base_us, b);
    base_us = block->record[k].recorded_us;
  }
}

enum cf_err cf_part_pack(struct cf_packer *packer, struct cf_str part, struct cf_buf *b)
{
  size_t start = b->n;

  cf_buf_putc(b, FORM_PACKED);
  enum cf_err err = cf_packer_pack(packer, part.p, part.n, b);
  if (err == CF_OK && b->n - start > part.n) {
    cf_buf_cut(b, b->n - start);
    cf_buf_putc(b, FORM_RAW);
    cf_buf_putstr(b, part);
    err = b->err;
  }
  return err;
}

enum cf_err cf_block_open_parts(struct cf_block *block, uint64_t first, const size_t *end,
                                unsigned n)
{
  struct cf_reader r;
  enum cf_err err = block->raw.n > 0 ? CF_OK : CF_E_SYNTAX;
  size_t at = 0;

  begin(block, first);
  for (unsigned i = 0; i < n && err == CF_OK; at = end[i++]) {
    cf_reader_init(&r, block->raw.p + at, end[i] - at);
    err = get_records(block, &r, i * CF_PART, CF_PART);
  }
  if (err == CF_OK && at < block->raw.n) {
    cf_reader_init(&r, block->raw.p + at, block->raw.n - at);
    err = get_salts(block, &r, n * CF_PART);
    if (err == CF_OK && !cf_reader_at_end(&r))
      err = CF_E_SYNTAX;
  }
  if (err == CF_OK)
    block->n = n * CF_PART;
  return err;
}

enum cf_err cf_block_open_part(const struct cf_block *whole, unsigned i, struct cf_block *part)
{
  struct cf_buf b;

  cf_buf_init(&b, BODY_MAX);
  cf_block_part_put(whole, i, &b);
  cf_block_reset(part);
  part->raw.max = b.n; /* it takes no more memory than that */
  cf_buf_putstr(&part->raw, cf_buf_str(&b));
  enum cf_err err = b.err != CF_OK ? b.err : part->raw.err;
  part->raw.max = RAW_MAX;
  cf_buf_fini(&b);
  return err == CF_OK
             ? cf_block_open_parts(part, whole->first + (uint64_t)i * CF_PART, &part->raw.n, 1)
             : err;
}

/* ---- parts of several ---- */

struct cf_shared_part {
  atomic_uint refs;
  uint64_t first;
  struct cf_record record[CF_PART];
  struct cf_buf raw;
};

static void part_hold(struct cf_block *block, struct cf_shared_part *part)
{
  atomic_fetch_add(&part->refs, 1);
  block->shared = part;
}

enum cf_err cf_block_share(struct cf_block *block, struct cf_shared_part **part)
{
  struct cf_shared_part *made = malloc(sizeof *made);

  CF_ASSERT(block->n == CF_PART && block->shared == NULL);
  if (made == NULL)
    return CF_E_NOMEM;
  atomic_init(&made->refs, 1);
  made->first = block->first;
  memcpy(made->record, block->record, sizeof made->record);
  made->raw = block->raw;
  cf_buf_init(&block->raw, RAW_MAX);
  part_hold(block, made);
  *part = made;
  return CF_OK;
}

void cf_block_open_shared(struct cf_block *block, struct cf_shared_part *part)
{
  begin(block, part->first);
  memcpy(block->record, part->record, sizeof part->record);
  block->n = CF_PART;
  part_hold(block, part);
}

size_t cf_shared_part_memory(const struct cf_shared_part *part)
{
  return sizeof *part + part->raw.cap;
}

void cf_shared_part_put(struct cf_shared_part *part)
{
  if (part == NULL || atomic_fetch_sub(&part->refs, 1) != 1)
    return;
  cf_buf_fini(&part->raw);
  free(part);
}
