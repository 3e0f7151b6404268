/* SPDX-License-Identifier: MIT */
/* Swearing to a segment of an older ledger: its pages are summed as they are,
 * then all of it is read through those sums, so that what was read is what is
 * sworn to, and the sums are written.
 *
 * Every sheet is read by its cursor and each of its keys by itself, so that
 * every page on the way is met by Berkeley DB's own checksum. Blocks are
 * decoded, leaf hashes and times compared with the records, each id must be
 * found, and each index must have as many records as it says. */
#include "config.h"

#include "lib/record/values.h"
#include "lib/segment/bdb_file_in.h"
#include "lib/segment/segment_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"

#define CACHE (8u << 20)

struct deep {
  struct cf_segment s;
  const uint8_t *key; /* of fingerprints */
  uint32_t records;
  struct cf_block block;
  struct cf_values values;
  struct cf_buf bytes, text;
  bool has_prev; /* the leaf hash in front of the next record is known: */
  uint8_t prev[CF_HASH_N];
};

static enum cf_err fault_found(struct deep *d, const char *what)
{
  return cf_segment_spoil(&d->s, CF_E_DAMAGED, what);
}

/* ---- pages and sheets ---- */

/* A page that is out of its place has a good checksum, and one of zeros is
 * taken without. */
static enum cf_err pages_belong(struct deep *d)
{
  const struct cf_pages *pages = d->s.pages;
  uint8_t *page = malloc(pages->page);
  bool good = true;

  if (page == NULL)
    return CF_E_NOMEM;
  for (uint64_t k = 0; k < pages->n && good; k++)
    good = cf_pages_read(pages, k, page) &&
           cf_bdb_file_page_belongs(page, pages->page, (off_t)(k * pages->page));
  free(page);
  return good ? CF_OK : fault_found(d, "a page does not belong where it is");
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

static enum cf_err index_count(struct deep *d, unsigned index)
{
  const struct cf_term all = {.index = index, .first = CF_STR(""), .prefix = true};
  struct cf_bits bits;

  enum cf_err err = cf_bits_new(d->records, &bits);
  if (err != CF_OK)
    return err;
  err = cf_segment_match(&d->s, &all, 0, &bits);
  if (err == CF_OK && cf_bits_count(&bits) != d->records - d->s.info.index[index].missing)
    err = fault_found(d, "an index does not have the records it should");
  cf_bits_free(&bits);
  return err;
}

static enum cf_err sheets_read(struct deep *d)
{
  enum cf_err err = CF_OK;

  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++) {
    bool index = i >= CF_SHEET_INDEX && cf_index_exists(i - CF_SHEET_INDEX);
    /* an index that came later than the file is not in it */
    if (cf_sheet_name(i) == NULL || (index && !d->s.info.index[i - CF_SHEET_INDEX].present))
      continue;
    err = sheet_read(d, i);
    if (err == CF_OK && index && i != CF_SHEET_INDEX + CF_M_ID)
      err = index_count(d, i - CF_SHEET_INDEX);
  }
  return err;
}

/* ---- records ---- */

static bool is_offset(void *context, uint32_t offset)
{
  uint32_t *wanted = context;

  if (offset == *wanted)
    *wanted = UINT32_MAX;
  return *wanted != UINT32_MAX;
}

static enum cf_err id_check(struct deep *d, const struct cf_record *r, uint32_t offset)
{
  enum cf_err err = cf_values_get(r, &d->values);

  if (err != CF_OK || d->values.v[CF_M_ID].p == NULL)
    return cf_segment_spoil(&d->s, err, "a record is not well-formed");
  err = cf_segment_find_id(&d->s, cf_id_fingerprint(d->key, d->values.v[CF_M_ID]), is_offset,
                           &offset);
  if (err == CF_OK && offset != UINT32_MAX)
    err = fault_found(d, "an id is not found");
  return err;
}

static enum cf_err record_check(struct deep *d, unsigned i, const uint8_t kept[CF_HASH_N],
                                int64_t time)
{
  const struct cf_record *r = &d->block.record[i];
  uint8_t salts[CF_C_N][CF_HASH_N], hash[CF_HASH_N];

  cf_block_salts(&d->block, i, salts);
  cf_buf_reset(&d->text);
  cf_leaf_put(r, d->prev, (const uint8_t(*)[CF_HASH_N])salts, &d->text, hash);
  if (d->text.err != CF_OK)
    return d->text.err;
  if (d->has_prev && !cf_equal(hash, kept, sizeof hash))
    return fault_found(d, "a record does not have its leaf hash");
  if (cf_record_effective_us(r) != time || r->recorded_us < d->s.meta.recorded_min_us ||
      r->recorded_us > d->s.meta.recorded_max_us)
    return fault_found(d, "a record does not have its time");
  memcpy(d->prev, kept, sizeof d->prev);
  d->has_prev = true;
  return id_check(d, r, (uint32_t)(r->seq - d->s.meta.first));
}

static enum cf_err block_check(struct deep *d, uint32_t block)
{
  uint8_t hashes[CF_GROUP * CF_HASH_N];
  int64_t times[CF_GROUP];
  uint32_t offset = block * CF_GROUP;

  enum cf_err err = cf_segment_block(&d->s, block, &d->bytes);
  if (err == CF_OK)
    err = cf_block_open(&d->block, d->s.meta.first + offset, cf_buf_str(&d->bytes));
  if (err == CF_OK && d->block.n != CF_GROUP)
    err = CF_E_SYNTAX;
  err = cf_segment_spoil(&d->s, err, "a block is not well-formed");
  if (err == CF_OK)
    err = cf_segment_hashes(&d->s, offset, CF_GROUP, hashes);
  if (err == CF_OK)
    err = cf_segment_times(&d->s, offset, CF_GROUP, times);
  for (unsigned i = 0; i < CF_GROUP && err == CF_OK; i++)
    err = record_check(d, i, hashes + i * CF_HASH_N, times[i]);
  return err;
}

/* The leaf in front of the first record is not in this file, but for the very
 * first, whose place zeros take. */
static enum cf_err records_read(struct deep *d)
{
  enum cf_err err = CF_OK;

  d->has_prev = d->s.meta.first == 0;
  for (uint32_t i = 0; i < d->records / CF_GROUP && err == CF_OK; i++)
    err = block_check(d, i);
  return err;
}

/* ---- the whole ---- */

static enum cf_err file_read(struct deep *d, const char *directory, const char *name)
{
  enum cf_err err = CF_OK;

  if (d->s.pages->n * d->s.pages->page != d->s.meta.bytes)
    err = fault_found(d, "the file does not have its size");
  if (err == CF_OK)
    err = pages_belong(d);
  if (err == CF_OK)
    err = cf_segment_open(&d->s, directory, name, cf_id_fingerprint(d->key, CF_SEGMENT_TAG), CACHE);
  if (err == CF_OK)
    err = sheets_read(d);
  return err == CF_OK ? records_read(d) : err;
}

static struct deep *deep_new(const struct cf_segment_meta *meta, const uint8_t key[16])
{
  struct deep *d = calloc(1, sizeof *d);

  if (d == NULL)
    return NULL;
  d->s.meta = *meta;
  d->key = key;
  d->records = (uint32_t)(meta->end - meta->first);
  pthread_mutex_init(&d->s.lock, NULL);
  cf_block_init(&d->block);
  cf_values_init(&d->values);
  cf_buf_init(&d->bytes, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&d->text, CF_SEGMENT_VALUE_MAX);
  return d;
}

static void deep_free(struct deep *d)
{
  if (d == NULL)
    return;
  cf_segment_close(&d->s);
  cf_segment_pool_free(d->s.pool);
  pthread_mutex_destroy(&d->s.lock);
  cf_block_fini(&d->block);
  cf_values_fini(&d->values);
  cf_buf_fini(&d->bytes);
  cf_buf_fini(&d->text);
  free(d);
}

enum cf_err cf_segment_swear(const char *directory, const uint8_t fingerprint_key[16],
                             struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct deep *d = deep_new(meta, fingerprint_key);
  char name[64];

  CF_ASSERT(!meta->sworn);
  cf_segment_name(meta, name);
  char *path = cf_segment_path(directory, name, "");
  enum cf_err err = d == NULL || path == NULL
                        ? CF_E_NOMEM
                        : cf_segment_pool_new(directory, 0, fingerprint_key, &d->s.pool);
  if (err == CF_OK)
    err = cf_pages_sum(path, &d->s.pages, fault);
  if (err == CF_OK && (err = file_read(d, directory, name)) == CF_E_DAMAGED)
    err = cf_fail(fault, err, NULL, "%s does not hold what it should: restore it from a backup",
                  path);
  if (err == CF_OK)
    err = cf_pages_put(d->s.pages, path, fault);
  if (err == CF_OK) {
    cf_pages_digest(d->s.pages, meta->digest);
    meta->sworn = true;
  }
  deep_free(d);
  free(path);
  return err;
}
