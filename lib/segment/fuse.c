/* SPDX-License-Identifier: MIT */
/* Binary fuse filters: cells are filled so that, for each fingerprint, its
 * three together are its check. */
#include "config.h"

#include "lib/segment/fuse_in.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define WAYS       3
#define HEAD_N     6
#define CELL_N     2
#define LOG_MAX    16 /* of a window: three places and a check are the bits of a hash */
#define SEEDS      100
#define LINE       64 /* of the processor's cache */
#define LARGE_PAGE ((size_t)2 << 20)

/* lanes of 16 bits in a word */
#define LANES    CF_SHELF_WORD
#define LANE_LOW UINT64_C(0x0001000100010001)
#define LANE_TOP UINT64_C(0x8000800080008000)

static size_t cells_of(const struct cf_fuse_shape *shape)
{
  return (size_t)shape->windows << shape->log;
}

/* Sizes as in the paper: a window of about n^(1/1.74) · 2^2.25 cells; cells
 * for each fingerprint 7/8 + 5/log₂ n, at least 9/8. n is rounded up to one of
 * eight sizes between powers of two, so that many filters have one shape. */
static struct cf_fuse_shape shape_of(uint32_t n)
{
  struct cf_fuse_shape shape = {0, 2, 0};

  if (n == 0)
    return shape;
  unsigned log = 31 - (unsigned)__builtin_clz(n);
  uint32_t step = log > 3 ? UINT32_C(1) << (log - 3) : 1;
  n = (n + step - 1) / step * step;
  shape.log = (590 * log + 2304) >> 10;
  if (shape.log > LOG_MAX)
    shape.log = LOG_MAX;
  uint64_t cells = log < 20 ? n - n / 8 + 5 * (uint64_t)n / (log == 0 ? 1 : log) : n + n / 8;
  shape.windows = (uint32_t)((cells + (UINT64_C(1) << shape.log) - 1) >> shape.log);
  if (shape.windows < WAYS)
    shape.windows = WAYS;
  return shape;
}

/* ---- a fingerprint's cells and check ---- */

struct spot {
  uint32_t cell[WAYS];
  uint16_t check;
};

static struct spot spot_of(const struct cf_fuse_shape *shape, uint64_t fingerprint)
{
  uint32_t mask = (UINT32_C(1) << shape->log) - 1;
  uint64_t hash = fingerprint + shape->seed * UINT64_C(0x9e3779b97f4a7c15);
  uint64_t first = (fingerprint >> 32) * (shape->windows - (WAYS - 1)) >> 32;

  hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
  hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
  hash ^= hash >> 32;
  struct spot spot = {.check = (uint16_t)(hash >> 48)};
  for (unsigned k = 0; k < WAYS; k++, hash >>= LOG_MAX)
    spot.cell[k] = (uint32_t)((first + k) << shape->log) + ((uint32_t)hash & mask);
  return spot;
}

/* ---- making one ---- */

/* All fingerprints are taken out, one after the other, each by a cell that no
 * other one of those left has; in the reverse order that cell is free to make
 * its check right. */
struct peeling {
  struct cf_fuse_shape shape;
  uint64_t *sum;    /* of a cell: the xor of the fingerprints that have it */
  uint8_t *n;       /* how many these are */
  uint64_t *out;    /* those taken out, in order */
  uint32_t *by;     /* the cell of each */
  uint32_t *single; /* cells that one has, to be looked at */
};

static bool cells_count(struct peeling *p, const uint64_t *fingerprints, uint32_t n)
{
  for (uint32_t i = 0; i < n; i++) {
    struct spot spot = spot_of(&p->shape, fingerprints[i]);
    for (unsigned k = 0; k < WAYS; k++) {
      p->sum[spot.cell[k]] ^= fingerprints[i];
      if (++p->n[spot.cell[k]] == 0)
        return false;
    }
  }
  return true;
}

static uint32_t cells_peel(struct peeling *p)
{
  size_t cells = cells_of(&p->shape);
  uint32_t out = 0, singles = 0;

  for (uint32_t c = 0; c < cells || singles > 0;) {
    uint32_t cell = singles > 0 ? p->single[--singles] : c++;
    if (p->n[cell] != 1)
      continue;
    uint64_t fingerprint = p->sum[cell];
    struct spot spot = spot_of(&p->shape, fingerprint);
    p->out[out] = fingerprint;
    p->by[out++] = cell;
    for (unsigned k = 0; k < WAYS; k++) {
      p->sum[spot.cell[k]] ^= fingerprint;
      if (--p->n[spot.cell[k]] == 1)
        p->single[singles++] = spot.cell[k];
    }
  }
  return out;
}

static uint16_t cells_xor(const uint8_t *cells, const struct spot *spot)
{
  uint16_t sum = 0;

  for (unsigned k = 0; k < WAYS; k++)
    sum ^= cf_u16_get(cells + CELL_N * (size_t)spot->cell[k]);
  return sum;
}

static void cells_fill(const struct peeling *p, uint32_t n, uint8_t *cells)
{
  while (n-- > 0) {
    struct spot spot = spot_of(&p->shape, p->out[n]);
    uint16_t rest = cells_xor(cells, &spot); /* the cell's own is still 0 */
    cf_u16_put(cells + CELL_N * (size_t)p->by[n], rest ^ spot.check);
  }
}

static bool peeling_new(struct peeling *p, uint32_t n)
{
  size_t cells = cells_of(&p->shape);

  p->sum = calloc(cells + 1, sizeof *p->sum);
  p->n = calloc(cells + 1, sizeof *p->n);
  p->out = malloc(((size_t)n + 1) * sizeof *p->out);
  p->by = malloc(((size_t)n + 1) * sizeof *p->by);
  p->single = malloc((cells + 1) * sizeof *p->single);
  return p->sum != NULL && p->n != NULL && p->out != NULL && p->by != NULL && p->single != NULL;
}

static void peeling_free(struct peeling *p)
{
  free(p->sum);
  free(p->n);
  free(p->out);
  free(p->by);
  free(p->single);
}

/* CF_E_STORE: not with this seed. */
static enum cf_err fuse_try(struct cf_fuse_shape shape, const uint64_t *fingerprints, uint32_t n,
                            uint8_t *cells)
{
  struct peeling p = {.shape = shape};
  enum cf_err err = CF_E_NOMEM;

  if (peeling_new(&p, n))
    err = cells_count(&p, fingerprints, n) && cells_peel(&p) == n ? CF_OK : CF_E_STORE;
  if (err == CF_OK)
    cells_fill(&p, n, cells);
  peeling_free(&p);
  return err;
}

enum cf_err cf_fuse_put(struct cf_buf *b, const uint64_t *fingerprints, uint32_t n)
{
  struct cf_fuse_shape shape = shape_of(n);
  size_t size = HEAD_N + CELL_N * cells_of(&shape);
  uint8_t *p = cf_buf_grow(b, size);

  if (p == NULL)
    return b->err;
  memset(p, 0, size);
  enum cf_err err = CF_E_STORE;
  for (; err == CF_E_STORE && shape.seed < SEEDS; shape.seed++) {
    p[0] = (uint8_t)shape.seed;
    err = fuse_try(shape, fingerprints, n, p + HEAD_N);
  }
  p[1] = (uint8_t)shape.log;
  cf_u32_put(p + 2, shape.windows);
  return err;
}

static struct cf_fuse_shape shape_get(struct cf_str filter)
{
  const uint8_t *p = (const uint8_t *)filter.p;

  return (struct cf_fuse_shape){p[0], p[1], cf_u32_get(p + 2)};
}

bool cf_fuse_ok(struct cf_str filter)
{
  if (filter.n < HEAD_N)
    return false;
  struct cf_fuse_shape shape = shape_get(filter);
  return shape.log <= LOG_MAX && (shape.windows == 0 || shape.windows >= WAYS) &&
         filter.n == HEAD_N + CELL_N * cells_of(&shape);
}

/* ---- shelves ---- */

static bool shape_same(const struct cf_fuse_shape *a, const struct cf_fuse_shape *b)
{
  return a->seed == b->seed && a->log == b->log && a->windows == b->windows;
}

void cf_shelf_fini(struct cf_shelf *shelf)
{
  free(shelf->cells);
  *shelf = (struct cf_shelf){.cells = NULL};
}

/* On pages as large as there are: what is asked lies all over it. */
static uint64_t *cells_new(size_t bytes)
{
  size_t align = bytes < LARGE_PAGE ? LINE : LARGE_PAGE;
  uint64_t *cells = aligned_alloc(align, (bytes / align + 1) * align);

  if (cells != NULL && align == LARGE_PAGE)
    (void)madvise(cells, bytes, MADV_HUGEPAGE);
  return cells;
}

/* One more word for each cell. */
static enum cf_err shelf_grow(struct cf_shelf *shelf)
{
  size_t cells = cells_of(&shelf->shape), words = shelf->words;
  uint64_t *grown = cells_new(cells * (words + 1) * sizeof *grown);

  if (grown == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < cells; i++) {
    if (words > 0)
      memcpy(grown + i * (words + 1), shelf->cells + i * words, words * sizeof *grown);
    grown[i * (words + 1) + words] = 0;
  }
  free(shelf->cells);
  shelf->cells = grown;
  shelf->words++;
  return CF_OK;
}

size_t cf_shelf_memory(const struct cf_shelf *shelf)
{
  return cells_of(&shelf->shape) * shelf->words * sizeof *shelf->cells;
}

size_t cf_shelf_growth(const struct cf_shelf *shelf, struct cf_str filter)
{
  const struct cf_fuse_shape shape = shape_get(filter);
  unsigned place = (unsigned)__builtin_ctzll(~(uint64_t)shelf->taken);

  if (place == CF_SHELF_MAX || (shelf->taken != 0 && !shape_same(&shape, &shelf->shape)))
    return SIZE_MAX;
  return place < shelf->words * LANES ? 0 : cells_of(&shape) * sizeof *shelf->cells;
}

enum cf_err cf_shelf_put(struct cf_shelf *shelf, struct cf_str filter, unsigned *out)
{
  const struct cf_fuse_shape shape = shape_get(filter);
  const uint8_t *cell = (const uint8_t *)filter.p + HEAD_N;

  if (cf_shelf_growth(shelf, filter) == SIZE_MAX)
    return CF_E_FULL;
  if (shelf->taken == 0)
    cf_shelf_fini(shelf);
  shelf->shape = shape;
  unsigned place = (unsigned)__builtin_ctz(~shelf->taken);
  if (place == shelf->words * LANES && shelf_grow(shelf) != CF_OK)
    return CF_E_NOMEM;
  uint64_t *word = shelf->cells + place / LANES;
  unsigned shift = place % LANES * 16;
  for (size_t i = 0, cells = cells_of(&shape); i < cells; i++, word += shelf->words)
    *word = (*word & ~(UINT64_C(0xffff) << shift)) | (uint64_t)cf_u16_get(cell + CELL_N * i)
                                                         << shift;
  shelf->taken |= UINT32_C(1) << place;
  *out = place;
  return CF_OK;
}

/* The shelf without a word of each cell; false without memory. */
static bool shelf_narrow(struct cf_shelf *shelf, unsigned word)
{
  size_t cells = cells_of(&shelf->shape), left = shelf->words - 1, behind = left - word;
  uint64_t *narrow = cells_new(cells * left * sizeof *narrow);

  if (narrow == NULL)
    return false;
  for (size_t i = 0; i < cells; i++) {
    const uint64_t *cell = shelf->cells + i * shelf->words;
    memcpy(narrow + i * left, cell, word * sizeof *cell);
    memcpy(narrow + i * left + word, cell + word + 1, behind * sizeof *cell);
  }
  free(shelf->cells);
  shelf->cells = narrow;
  shelf->words--;
  return true;
}

bool cf_shelf_take(struct cf_shelf *shelf, unsigned place)
{
  unsigned word = place / LANES;
  uint32_t before = (UINT32_C(1) << word * LANES) - 1;

  CF_ASSERT(shelf->taken >> place & 1);
  shelf->taken &= ~(UINT32_C(1) << place);
  if (shelf->taken == 0) {
    cf_shelf_fini(shelf);
    return false;
  }
  if ((shelf->taken >> word * LANES & 15) != 0 || !shelf_narrow(shelf, word))
    return false;
  shelf->taken = (shelf->taken & before) | (shelf->taken >> LANES & ~before);
  return true;
}

/* Four filters that are held against the check at once: it is right where a
 * lane is zero. */
static uint64_t word_wrong(const struct cf_shelf *shelf, const struct spot *spot, unsigned word)
{
  uint64_t sum = spot->check * LANE_LOW;

  for (unsigned k = 0; k < WAYS; k++)
    sum ^= shelf->cells[(size_t)spot->cell[k] * shelf->words + word];
  return sum;
}

static uint32_t spot_places(const struct cf_shelf *shelf, const struct spot *spot)
{
  uint32_t places = 0;

  for (unsigned w = 0; w < shelf->words; w++) {
    uint64_t wrong = word_wrong(shelf, spot, w);
    if (((wrong - LANE_LOW) & ~wrong & LANE_TOP) == 0)
      continue;
    for (unsigned lane = 0; lane < LANES; lane++)
      places |= (uint32_t)((wrong >> 16 * lane & 0xffff) == 0) << (w * LANES + lane);
  }
  return places & shelf->taken;
}

/* The cells of all are on their way from memory before the first is looked
 * at. */
void cf_shelf_screen(const struct cf_shelf *shelf, const uint64_t *fingerprints, unsigned n,
                     uint32_t *places)
{
  struct spot spot[CF_SHELF_ASKED];

  memset(places, 0, n * sizeof *places);
  for (unsigned i = 0; i < n && shelf->shape.windows > 0; i++) {
    spot[i] = spot_of(&shelf->shape, fingerprints[i]);
    for (unsigned k = 0; k < WAYS; k++)
      __builtin_prefetch(shelf->cells + (size_t)spot[i].cell[k] * shelf->words);
  }
  for (unsigned i = 0; i < n && shelf->shape.windows > 0; i++)
    places[i] = spot_places(shelf, &spot[i]);
}
