/* SPDX-License-Identifier: MIT */
/* Filling `blocks` and `salts`: a dictionary of a sample of the records, then
 * the source's blocks, each in parts; and, while each is open, `grams`.
 *
 * The dictionary is single records from all over the segment, and what zstd
 * finds out about parts packed with them: as good as one that is trained, which
 * takes fifty times as long (measured). It is made of nothing but the
 * segment's own records, so that nothing in it outlives them. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/segment/build_in.h"

#define SAMPLE_BLOCKS 64   /* are looked at */
#define SAMPLE_PART   4096 /* bytes of each one's first part are shown to zstd */
/* Bytes of dictionary for a record: a larger one costs a small segment more
 * than it saves. */
#define WORDS_EACH 4

struct packing {
  struct cf_build *b;
  uint32_t blocks;
  struct cf_block block;
  struct cf_buf bytes, part; /* scratch */
  struct cf_buf content, samples, dictionary;
  size_t sizes[SAMPLE_BLOCKS]; /* of the samples */
  struct cf_packer *packer;
  struct cf_build_grams grams;
};

/* ---- rows ---- */

/* The pieces behind the first. */
static enum cf_err put_pieces(struct cf_build *b, uint32_t row, struct cf_str rest, size_t max)
{
  enum cf_err err = CF_OK;
  uint8_t key[6];

  cf_u32_put(key, row);
  for (uint16_t piece = 1; rest.n > 0 && err == CF_OK; piece++) {
    struct cf_str s = {rest.p, rest.n < max ? rest.n : max};
    cf_u16_put(key + 4, piece);
    err = cf_build_put(b, CF_SHEET_BLOCKS, (struct cf_str){(char *)key, sizeof key}, s);
    rest = cf_str_behind(rest, s.n);
  }
  return err;
}

static enum cf_err put_whole(struct cf_build *b, uint32_t row, struct cf_str whole)
{
  size_t max = cf_piece_max(b->page), n = whole.n < max ? whole.n : max;

  cf_buf_reset(&b->value);
  cf_buf_put(&b->value, whole.p, n);
  cf_build_u32(&b->value, (uint32_t)whole.n);
  enum cf_err err = b->value.err;
  if (err == CF_OK)
    err = cf_build_put_row(b, CF_SHEET_BLOCKS, row, cf_buf_str(&b->value));
  return err == CF_OK ? put_pieces(b, row, cf_str_behind(whole, n), max) : err;
}

/* ---- the dictionary ---- */

/* Records of the open block, from all over it, as far as there is room; the
 * last one is cut. */
static void take_content(struct packing *p, size_t room)
{
  size_t end = p->content.n + room;

  for (unsigned i = 0; i < CF_GROUP && p->content.n < end; i++) {
    const struct cf_record *r = &p->block.record[i * 37 % CF_GROUP];
    cf_record_encode(r, r->recorded_us, &p->content);
  }
  if (p->content.n > end)
    cf_buf_cut(&p->content, p->content.n - end);
}

static size_t take_sample(struct packing *p)
{
  cf_buf_reset(&p->part);
  cf_block_part_put(&p->block, 0, &p->part);
  size_t n = p->part.n < SAMPLE_PART ? p->part.n : SAMPLE_PART;
  cf_buf_put(&p->samples, p->part.p, n);
  return n;
}

static enum cf_err make_dictionary(struct packing *p)
{
  size_t max = (size_t)p->b->records * WORDS_EACH;
  unsigned n = p->blocks < SAMPLE_BLOCKS ? p->blocks : SAMPLE_BLOCKS;
  enum cf_err err = CF_OK;

  if (max > CF_DICTIONARY_MAX)
    max = CF_DICTIONARY_MAX;
  for (unsigned k = 0; k < n && err == CF_OK; k++) {
    err = cf_build_block(p->b, (uint32_t)((uint64_t)k * p->blocks / n), &p->block);
    if (err != CF_OK)
      return err;
    take_content(p, max / n);
    p->sizes[k] = take_sample(p);
  }
  err = p->content.err != CF_OK ? p->content.err : p->samples.err;
  if (err == CF_OK)
    err = p->part.err;
  if (err == CF_OK)
    err = cf_dictionary_make(cf_buf_str(&p->content), cf_buf_str(&p->samples), p->sizes, n, max,
                             &p->dictionary);
  return err == CF_OK ? cf_packer_new(cf_buf_str(&p->dictionary), &p->packer) : err;
}

/* ---- blocks ---- */

static enum cf_err put_part(struct packing *p, uint32_t block, unsigned i)
{
  cf_buf_reset(&p->part);
  cf_block_part_put(&p->block, i, &p->part);
  cf_buf_reset(&p->bytes);
  enum cf_err err = p->part.err;
  if (err == CF_OK)
    err = cf_part_pack(p->packer, cf_buf_str(&p->part), &p->bytes);
  return err == CF_OK ? put_whole(p->b, block * CF_PARTS + i, cf_buf_str(&p->bytes)) : err;
}

static enum cf_err put_block(struct packing *p, uint32_t block)
{
  enum cf_err err = cf_build_block(p->b, block, &p->block);

  for (unsigned i = 0; i < CF_PARTS && err == CF_OK; i++)
    err = put_part(p, block, i);
  if (err == CF_OK)
    err = cf_build_put_row(p->b, CF_SHEET_SALTS, block, p->block.salts);
  return err == CF_OK ? cf_build_grams_add(&p->grams, &p->block) : err;
}

static enum cf_err put_all(struct packing *p)
{
  enum cf_err err = make_dictionary(p);

  if (err == CF_OK)
    err = cf_build_grams_init(&p->grams, p->b);
  for (uint32_t i = 0; i < p->blocks && err == CF_OK; i++)
    err = put_block(p, i);
  return err == CF_OK ? put_whole(p->b, CF_ROW_DICTIONARY, cf_buf_str(&p->dictionary)) : err;
}

static void buffers_init(struct packing *p)
{
  struct cf_buf *const all[] = {&p->bytes, &p->part, &p->content, &p->samples, &p->dictionary};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    cf_buf_init(all[i], CF_SEGMENT_VALUE_MAX);
  cf_block_init(&p->block);
}

static void packing_free(struct packing *p)
{
  struct cf_buf *const all[] = {&p->bytes, &p->part, &p->content, &p->samples, &p->dictionary};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    cf_buf_fini(all[i]);
  cf_block_fini(&p->block);
  cf_packer_free(p->packer);
  cf_build_grams_fini(&p->grams);
  free(p);
}

enum cf_err cf_build_blocks(struct cf_build *b)
{
  struct packing *p = calloc(1, sizeof *p);

  if (p == NULL)
    return CF_E_NOMEM;
  p->b = b;
  p->blocks = b->records / CF_GROUP;
  buffers_init(p);
  enum cf_err err = put_all(p);
  packing_free(p);
  return err;
}
