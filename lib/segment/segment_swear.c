/* SPDX-License-Identifier: MIT */
/* Swearing to a segment that nothing vouches for. One of an older ledger has no
 * sums: its pages are summed as they are; then all of it is read through the
 * sums, so that what was read is what is sworn to, and they are written.
 *
 * Every sheet is read by its cursor and each of its keys by itself, so that
 * every page on the way is met by Berkeley DB's own checksum. Blocks are
 * decoded and leaf hashes compared with the records; then each index and all
 * else that finds records is held against what the records say. */
#include "config.h"

#include "lib/segment/bdb_file_in.h"
#include "lib/segment/segment_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"

#define CACHE (8u << 20)

struct deep {
  struct cf_segment s;
  const struct cf_swear *how;
  uint32_t records;
  struct cf_block block;
  struct cf_segment_truth truth;
  bool differs; /* from it */
  struct cf_buf bytes, text;
  uint8_t prev[CF_HASH_N]; /* the leaf hash in front of the next record */
  uint8_t tile[CF_LEAVES_N * CF_HASH_N];
  uint8_t front[CF_HASH_N]; /* … in front of the tile */
};

static enum cf_err fault_found(struct deep *d, const char *what)
{
  return cf_segment_spoil(&d->s, CF_E_DAMAGED, what);
}

/* It was read without a fault, and is not what was logged. */
static enum cf_err false_found(struct deep *d, const char *what)
{
  (void)fault_found(d, what);
  return CF_E_PROOF;
}

static bool is_stopped(void *deep)
{
  const struct cf_swear *how = ((struct deep *)deep)->how;
  return how->stopped(how->context);
}

static enum cf_err go_on(struct deep *d)
{
  return is_stopped(d) ? CF_E_LEAVING : CF_OK;
}

/* ---- pages and sheets ---- */

/* A page of an older ledger that is out of its place has a good checksum, and
 * one of zeros is taken without. */
static enum cf_err pages_belong(struct deep *d)
{
  const struct cf_pages *pages = d->s.pages;
  uint8_t *page = malloc(pages->page);
  enum cf_err err = page == NULL ? CF_E_NOMEM : CF_OK;

  for (uint64_t k = 0; k < pages->n && err == CF_OK; k++) {
    bool good =
        cf_pages_read(pages, k, page) &&
        (d->s.meta.sworn || cf_bdb_file_page_belongs(page, pages->page, (off_t)(k * pages->page)));
    err = good ? go_on(d) : fault_found(d, "a page does not belong where it is");
  }
  free(page);
  return err;
}

static enum cf_err sheet_walk(struct deep *d, struct cf_bdb *db, struct cf_bdb_cursor *cursor)
{
  struct cf_str key, value;
  enum cf_err err = CF_OK;

  while (err == CF_OK) {
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
    if (err != CF_OK)
      return err == CF_E_NOTFOUND ? CF_OK : err;
    if (cf_str_cmp(cf_buf_str(&d->text), key) >= 0)
      return CF_E_DAMAGED;
    cf_buf_reset(&d->text);
    cf_buf_putstr(&d->text, key);
    err = d->text.err != CF_OK ? d->text.err : cf_bdb_get(db, NULL, key, &d->bytes);
    if (err == CF_OK && !cf_str_eq(cf_buf_str(&d->bytes), value))
      return CF_E_DAMAGED;
    if (err == CF_OK)
      err = go_on(d);
  }
  return err;
}

static enum cf_err sheet_read(struct deep *d, unsigned sheet)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_bdb *db = NULL;

  cf_buf_reset(&d->text);
  enum cf_err err = cf_segment_sheet(&d->s, sheet, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &cursor);
  if (err == CF_OK)
    err = sheet_walk(d, db, cursor);
  cf_bdb_cursor_close(cursor);
  return cf_segment_spoil(&d->s, err, cf_sheet_name(sheet));
}

static enum cf_err sheets_read(struct deep *d)
{
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++)
    if (cf_sheet_is_in(d->s.info.layout, i))
      err = sheet_read(d, i);
  return err;
}

/* ---- records ---- */

static bool is_erased(const struct cf_record *r)
{
  bool gone = false;

  for (unsigned c = 0; c < CF_C_N; c++)
    gone |= r->gone[c] != NULL;
  return gone;
}

static enum cf_err record_check(struct deep *d, const struct cf_record *r)
{
  if (is_erased(r))
    return fault_found(d, "a record is erased");
  return cf_segment_spoil(&d->s, cf_segment_truth_add(&d->truth, r), "a record is not well-formed");
}

/* The leaf hashes of the open block, each with the one before it. */
static enum cf_err hashes_make(struct deep *d, uint8_t *hashes)
{
  for (unsigned i = 0; i < CF_GROUP; i++) {
    cf_buf_reset(&d->text);
    cf_block_leaf(&d->block, i, d->prev, &d->text, d->prev);
    memcpy(hashes + (size_t)i * CF_HASH_N, d->prev, CF_HASH_N);
  }
  return d->text.err;
}

/* A file of layout 1 has each. */
static enum cf_err old_hashes_check(struct deep *d, uint32_t offset, const uint8_t *hashes)
{
  uint8_t kept[CF_GROUP * CF_HASH_N];

  enum cf_err err = cf_segment_hashes(&d->s, offset, CF_GROUP, kept);
  if (err == CF_OK && memcmp(hashes, kept, sizeof kept) != 0)
    err = false_found(d, "a record does not have its leaf hash");
  return err;
}

/* The row of the tile that is complete. */
static enum cf_err row_check(struct deep *d, uint32_t offset)
{
  struct cf_leaves_kept made, kept;

  enum cf_err err = cf_segment_leaves(&d->s, offset, &kept);
  cf_leaves_keep(d->front, d->tile, &made);
  if (err == CF_OK && memcmp(&made, &kept, sizeof kept) != 0)
    err = false_found(d, "what is kept of leaf hashes is not theirs");
  return err;
}

static enum cf_err tile_check(struct deep *d, uint32_t offset)
{
  enum cf_err err = d->s.info.layout == 1 ? CF_OK : row_check(d, offset);

  if (err == CF_OK && (err = d->how->tile(d->how->context, d->tile)) == CF_E_PROOF)
    err = false_found(d, "its leaf hashes are not those that were signed");
  return err;
}

static enum cf_err block_check(struct deep *d, uint32_t block)
{
  uint32_t offset = block * CF_GROUP, in_tile = offset % CF_LEAVES_N;
  uint8_t *hashes = d->tile + in_tile * CF_HASH_N;

  if (in_tile == 0)
    memcpy(d->front, d->prev, sizeof d->front);
  enum cf_err err = cf_segment_block(&d->s, block, &d->block);
  if (err == CF_OK)
    err = hashes_make(d, hashes);
  if (err == CF_OK && d->s.info.layout == 1)
    err = old_hashes_check(d, offset, hashes);
  for (unsigned i = 0; i < CF_GROUP && err == CF_OK; i++)
    err = record_check(d, &d->block.record[i]);
  return err == CF_OK && in_tile + CF_GROUP == CF_LEAVES_N ? tile_check(d, offset - in_tile) : err;
}

static enum cf_err records_read(struct deep *d)
{
  enum cf_err err = CF_OK;

  memcpy(d->prev, d->how->before, sizeof d->prev);
  for (uint32_t i = 0; i < d->records / CF_GROUP && err == CF_OK; i++)
    err = (err = block_check(d, i)) == CF_OK ? go_on(d) : err;
  return err;
}

/* The first difference is told. */
static void differ(void *context, uint32_t offset, const char *sheet, const char *what)
{
  struct deep *d = context;
  char text[128];

  if (d->differs)
    return;
  d->differs = true;
  snprintf(text, sizeof text, "record %" PRIu64 ": %s: %s", d->s.meta.first + offset, sheet, what);
  (void)false_found(d, text);
}

static enum cf_err truth_compare(struct deep *d)
{
  cf_segment_compare_ranges(&d->s.meta, &d->truth);
  enum cf_err err = cf_segment_compare(&d->s, &d->truth);
  return err == CF_OK && d->differs ? CF_E_PROOF : err;
}

/* ---- the whole ---- */

static enum cf_err file_read(struct deep *d, const char *directory, const char *name)
{
  enum cf_err err = pages_belong(d);
  if (err == CF_OK)
    err = cf_segment_open(&d->s, directory, name,
                          cf_id_fingerprint(d->how->fingerprint_key, CF_SEGMENT_TAG), CACHE);
  if (err == CF_OK)
    err = sheets_read(d);
  if (err == CF_OK)
    err = records_read(d);
  return err == CF_OK ? truth_compare(d) : err;
}

static void deep_free(struct deep *d)
{
  if (d == NULL)
    return;
  cf_segment_close(&d->s);
  cf_segment_pool_free(d->s.pool);
  pthread_mutex_destroy(&d->s.lock);
  cf_block_fini(&d->block);
  cf_segment_truth_fini(&d->truth);
  cf_buf_fini(&d->bytes);
  cf_buf_fini(&d->text);
  free(d);
}

static struct deep *deep_new(const struct cf_segment_meta *meta, const struct cf_swear *how)
{
  struct deep *d = calloc(1, sizeof *d);

  if (d == NULL)
    return NULL;
  d->s.meta = *meta;
  d->how = how;
  d->records = (uint32_t)(meta->end - meta->first);
  pthread_mutex_init(&d->s.lock, NULL);
  cf_block_init(&d->block);
  cf_buf_init(&d->bytes, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&d->text, CF_SEGMENT_VALUE_MAX);
  if (cf_segment_truth_init(&d->truth, how->fingerprint_key, meta) == CF_OK) {
    d->truth.differ = differ;
    d->truth.stopped = is_stopped;
    d->truth.context = d;
    return d;
  }
  deep_free(d);
  return NULL;
}

/* Those of its digest, where it has one; else as they are. */
static enum cf_err pages_get(struct deep *d, const char *path, struct cf_fault *fault)
{
  const struct cf_segment_meta *meta = &d->s.meta;

  enum cf_err err;
  if (!meta->sworn) {
    err = cf_pages_size_check(path, meta->bytes, fault);
    return err != CF_OK ? err
                        : cf_pages_sum(path, d->how->stopped, d->how->context, &d->s.pages, fault);
  }
  err = cf_pages_load(path, meta->bytes, meta->digest, &d->s.pages, fault);
  return err == CF_OK ? cf_pages_read_head(d->s.pages, fault) : err;
}

enum cf_err cf_segment_swear(const char *directory, const struct cf_swear *how,
                             struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct deep *d = deep_new(meta, how);
  char name[64];

  cf_segment_name(meta, name);
  char *path = cf_segment_path(directory, name, "");
  enum cf_err err = d == NULL || path == NULL
                        ? CF_E_NOMEM
                        : cf_segment_pool_new(directory, 0, how->fingerprint_key, &d->s.pool);
  if (err == CF_OK)
    err = pages_get(d, path, fault);
  if (err == CF_OK && ((err = file_read(d, directory, name)) == CF_E_DAMAGED || err == CF_E_PROOF))
    err = cf_fail(fault, err, NULL, "%s does not hold what it should: restore it from a backup",
                  path);
  if (err == CF_OK && !meta->sworn)
    err = cf_pages_put(d->s.pages, path, fault);
  if (err == CF_OK) {
    cf_pages_digest(d->s.pages, meta->digest);
    meta->sworn = true;
  }
  deep_free(d);
  free(path);
  return err;
}
