/* SPDX-License-Identifier: MIT */
/* Grams of records, and how the groups that have one are coded.
 *
 * A row: a varint, how many groups have the gram; then the distances from one
 * group to the next, of those that have it or, where these are more than half,
 * of those that have not. A distance less one is a Rice code: its upper part as
 * so many zero bits and a one, then its lower bits; how many these are follows
 * from the count. With none of them that is a bitmap. Lowest bits come first,
 * and the last byte is filled with zeros. */
#include "config.h"

#include "lib/index/grams.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define WORDS   (CF_GRAMS_GROUPS / 64)
#define SQUARES (CF_GRAMS / 64)
#define MET_MAX 256
#define MET_N   248 /* bytes of a text that is remembered */

/* A text that was taken in, and the group. */
struct met {
  uint32_t group; /* from 1 on */
  uint32_t n;
  char text[MET_N];
};

/* 64 groups: the 64 grams that each square is of, a word for each group. */
struct sheet {
  uint64_t square[SQUARES][64];
};

struct cf_grams {
  struct met met[MET_MAX];
  uint64_t seen[SQUARES]; /* in the group being filled */
  struct sheet *sheet[WORDS];
  uint32_t groups;
};

/* ---- making them ---- */

enum cf_err cf_grams_new(struct cf_grams **grams)
{
  struct cf_grams *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  *grams = made;
  return CF_OK;
}

void cf_grams_free(struct cf_grams *grams)
{
  for (unsigned i = 0; grams != NULL && i < WORDS; i++)
    free(grams->sheet[i]);
  free(grams);
}

void cf_grams_reset(struct cf_grams *grams)
{
  memset(grams->met, 0, sizeof grams->met);
  grams->groups = 0;
}

/* The gram of the last three bytes that were shifted in. */
static inline uint16_t gram_hash(uint32_t bytes)
{
  return (uint16_t)((bytes & 0xffffff) * UINT32_C(0x9e3779b1) >> 16);
}

static inline uint32_t byte_shift(uint32_t bytes, char c)
{
  return bytes << 8 | (unsigned char)cf_text_fold(c);
}

/* Was the same text taken in for this group? Logs repeat themselves, and their
 * longest texts most. From now on it was. */
static bool text_met(struct cf_grams *grams, struct cf_str text)
{
  uint64_t ends[2];
  if (text.n < sizeof ends || text.n > MET_N)
    return false;
  memcpy(&ends[0], text.p + text.n / 2 - 4, sizeof *ends);
  memcpy(&ends[1], text.p + text.n - sizeof *ends, sizeof *ends);
  uint64_t mixed = (ends[0] + ends[1] * 31 + text.n) * UINT64_C(0x9e3779b97f4a7c15);
  struct met *met = &grams->met[(mixed >> 32) % MET_MAX];
  if (met->group == grams->groups + 1 && met->n == text.n && memcmp(met->text, text.p, text.n) == 0)
    return true;
  met->group = grams->groups + 1;
  met->n = (uint32_t)text.n;
  memcpy(met->text, text.p, text.n);
  return false;
}

static bool text_add(const void *context, struct cf_str text)
{
  struct cf_grams *const *grams = context;
  uint64_t *seen = (*grams)->seen;
  if (text.n < CF_GRAM_N || text_met(*grams, text))
    return false;
  uint32_t bytes = byte_shift(byte_shift(0, text.p[0]), text.p[1]);
  for (size_t i = CF_GRAM_N - 1; i < text.n; i++) {
    bytes = byte_shift(bytes, text.p[i]);
    seen[gram_hash(bytes) / 64] |= UINT64_C(1) << gram_hash(bytes) % 64;
  }
  return false;
}

enum cf_err cf_grams_add(struct cf_grams *grams, struct cf_values *values)
{
  bool found;
  return cf_texts_look(values, text_add, &grams, &found);
}

/* Groups come one after the other, so they are written side by side, and turned
 * into rows at the end: each gram's row would be another place in memory. */
enum cf_err cf_grams_next(struct cf_grams *grams)
{
  CF_ASSERT(grams->groups < CF_GRAMS_GROUPS);
  struct sheet **sheet = &grams->sheet[grams->groups / 64];
  if (*sheet == NULL && (*sheet = malloc(sizeof **sheet)) == NULL)
    return CF_E_NOMEM;
  for (unsigned i = 0; i < SQUARES; i++)
    (*sheet)->square[i][grams->groups % 64] = grams->seen[i];
  memset(grams->seen, 0, sizeof grams->seen);
  grams->groups++;
  return CF_OK;
}

/* Bit k of word i becomes bit i of word k: the corners off the diagonal are
 * exchanged, then those of each quarter, and so on. */
static void square_turn(uint64_t w[64])
{
  uint64_t low = UINT32_MAX;
  for (unsigned far = 32; far > 0; far /= 2, low ^= low << far)
    for (unsigned i = 0; i < 64; i = (i + far + 1) & ~far) {
      uint64_t changed = (w[i] >> far ^ w[i + far]) & low;
      w[i] ^= changed << far;
      w[i + far] ^= changed;
    }
}

/* The rows of 64 grams. */
static void rows_make(const struct cf_grams *grams, unsigned square, uint64_t row[64][WORDS])
{
  uint64_t turned[64];
  for (uint32_t at = 0; at < grams->groups; at += 64) {
    uint32_t n = grams->groups - at < 64 ? grams->groups - at : 64;
    memcpy(turned, grams->sheet[at / 64]->square[square], n * sizeof *turned);
    memset(turned + n, 0, (64 - n) * sizeof *turned);
    square_turn(turned);
    for (unsigned i = 0; i < 64; i++)
      row[i][at / 64] = turned[i];
  }
}

static bool row_is_empty(const uint64_t row[WORDS], uint32_t groups)
{
  uint64_t any = 0;
  for (uint32_t i = 0; i < (groups + 63) / 64; i++)
    any |= row[i];
  return any == 0;
}

enum cf_err cf_grams_each(const struct cf_grams *grams,
                          enum cf_err (*each)(void *context, uint16_t gram,
                                              const struct cf_bits *groups),
                          void *context)
{
  uint64_t row[64][WORDS];
  enum cf_err err = CF_OK;
  for (uint32_t gram = 0; gram < CF_GRAMS && err == CF_OK; gram++) {
    const struct cf_bits groups = {row[gram % 64], grams->groups};
    if (gram % 64 == 0)
      rows_make(grams, gram / 64, row);
    if (!row_is_empty(groups.w, groups.n))
      err = each(context, (uint16_t)gram, &groups);
  }
  return err;
}

/* ---- rows ---- */

/* What of a row is coded: the groups that have the gram or those that have not,
 * whichever are fewer, and how many lower bits a distance has (about as many as
 * in their mean). */
struct form {
  bool inverse;
  uint32_t coded;
  unsigned low;
};

static struct form form_of(uint32_t count, uint32_t groups)
{
  struct form f = {.inverse = count > groups / 2};
  f.coded = f.inverse ? groups - count : count;
  while (f.coded > 0 && (f.coded << f.low) * 16 < groups * 7)
    f.low++;
  return f;
}

/* Only ones have to be put: the bytes were zeros. */
static void one_put(uint8_t *bits, uint32_t at)
{
  bits[at / 8] |= (uint8_t)(1u << at % 8);
}

static uint32_t distance_put(uint8_t *bits, uint32_t at, uint32_t distance, unsigned low)
{
  one_put(bits, at += distance >> low);
  for (unsigned i = 0; i < low; i++)
    if ((distance >> i & 1) != 0)
      one_put(bits, at + 1 + i);
  return at + 1 + low;
}

void cf_grams_row_put(struct cf_buf *b, const struct cf_bits *groups)
{
  uint32_t count = cf_bits_count(groups), next = 0, end = 0;
  struct form f = form_of(count, groups->n);
  uint8_t bits[CF_GRAMS_ROW_MAX] = {0};
  cf_varint_put(b, count);
  for (uint32_t i = 0; i < (groups->n + 63) / 64; i++) {
    uint64_t left = f.inverse ? ~groups->w[i] : groups->w[i];
    if (i == groups->n / 64)
      left &= (UINT64_C(1) << groups->n % 64) - 1;
    for (; left != 0; left &= left - 1) {
      uint32_t at = i * 64 + (uint32_t)__builtin_ctzll(left);
      end = distance_put(bits, end, at - next, f.low);
      next = at + 1;
    }
  }
  cf_buf_put(b, bits, (end + 7) / 8);
}

/* The bit at *at, which goes on; false behind the end, too. */
static bool bit_get(struct cf_str row, size_t *at)
{
  bool bit = *at / 8 < row.n && ((unsigned char)row.p[*at / 8] >> *at % 8 & 1) != 0;
  ++*at;
  return bit;
}

/* Up to groups, or more than that where the bits end before it. */
static uint32_t distance_get(struct cf_str row, size_t *at, unsigned low, uint32_t groups)
{
  uint32_t distance = 0;
  while (!bit_get(row, at))
    if (++distance > groups)
      return distance;
  distance <<= low;
  for (unsigned i = 0; i < low; i++)
    distance |= (uint32_t)bit_get(row, at) << i;
  return distance;
}

static void row_take(struct cf_bits *groups, uint32_t at, bool inverse)
{
  if (inverse)
    groups->w[at / 64] &= ~(UINT64_C(1) << at % 64);
  else
    cf_bits_set(groups, at);
}

enum cf_err cf_grams_row_get(struct cf_str row, struct cf_bits *groups)
{
  struct cf_reader r;
  cf_reader_init(&r, row.p, row.n);
  uint64_t count = cf_reader_varint(&r), next = 0;
  if (r.err != CF_OK || count < 1 || count > groups->n)
    return CF_E_SYNTAX;
  struct form f = form_of((uint32_t)count, groups->n);
  struct cf_str coded = {(const char *)r.p, (size_t)(r.end - r.p)};
  size_t at = 0;
  if (f.inverse)
    cf_bits_set_range(groups, 0, groups->n);
  for (uint32_t i = 0; i < f.coded; i++) {
    next += distance_get(coded, &at, f.low, groups->n);
    if (next >= groups->n)
      return CF_E_SYNTAX;
    row_take(groups, (uint32_t)next++, f.inverse);
  }
  bool ends = (at + 7) / 8 == coded.n;
  while (ends && at % 8 != 0)
    ends = !bit_get(coded, &at);
  return ends ? CF_OK : CF_E_SYNTAX;
}

/* ---- asking ---- */

static int compare_grams(const void *a, const void *b)
{
  return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

size_t cf_grams_of(struct cf_str needle, uint16_t out[CF_GRAMS_NEEDLE])
{
  size_t n = needle.n < CF_GRAM_N ? 0 : needle.n - (CF_GRAM_N - 1), kept = 0;
  size_t taken = n < CF_GRAMS_NEEDLE ? n : CF_GRAMS_NEEDLE;
  for (size_t k = 0; k < taken; k++) {
    uint32_t bytes = 0;
    for (size_t i = 0; i < CF_GRAM_N; i++)
      bytes = byte_shift(bytes, needle.p[k * n / taken + i]);
    out[k] = gram_hash(bytes);
  }
  qsort(out, taken, sizeof *out, compare_grams);
  for (size_t k = 0; k < taken; k++)
    if (kept == 0 || out[kept - 1] != out[k])
      out[kept++] = out[k];
  return kept;
}
