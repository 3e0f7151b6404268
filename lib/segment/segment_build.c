/* SPDX-License-Identifier: MIT */
/* Building a segment: each sheet is filled in the order of its keys in one
 * pass, then the file is synced, its pages summed, and read back through a new
 * environment that holds them against their sums, and compared by digests. Then
 * the sums are put in their place, the file is renamed, and the directory
 * synced: the name is never there before all that belongs to it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/segment/build_in.h"
#include "lib/segment/pages_in.h"

#define CACHE (4u << 20)
/* of 262,144 records: 16 KiB take 1 % more space than 32, and half of the time
 * to check one that is read alone; 8 KiB take 6 % more again */
#define PAGE (16u << 10)

/* Behind "checkpoint", "filter" and "keys". */
static enum cf_err put_info(struct cf_build *b)
{
  cf_buf_reset(&b->value);
  cf_segment_info_put(&b->info, &b->value);
  return b->value.err != CF_OK
             ? b->value.err
             : cf_build_put(b, CF_SHEET_INFO, CF_STR("segment"), cf_buf_str(&b->value));
}

/* ---- the file ---- */

/* All sheets share the file's pages: syncing one syncs them all. */
static enum cf_err sheets_fill(struct cf_build *b)
{
  enum cf_err err = cf_build_open(b);

  if (err == CF_OK)
    err = cf_build_blocks(b);
  if (err == CF_OK)
    err = cf_build_hashes(b);
  if (err == CF_OK)
    err = cf_build_times(b);
  if (err == CF_OK)
    err = cf_build_put(b, CF_SHEET_INFO, CF_STR("checkpoint"), b->source->checkpoint);
  if (err == CF_OK)
    err = cf_build_indexes(b);
  if (err == CF_OK)
    err = put_info(b);
  if (err == CF_OK)
    err = b->spans.err;
  if (err == CF_OK)
    err = cf_build_put(b, CF_SHEET_INFO, CF_STR("spans"), cf_buf_str(&b->spans));
  if (err == CF_OK)
    err = cf_build_made(cf_bdb_sync(b->sheet[CF_SHEET_INFO].db));
  for (unsigned i = 0; i < CF_SHEET_N && err == CF_OK; i++)
    if (cf_sheet_name(i) != NULL)
      cf_build_sum_end(&b->sheet[i].sum, b->sheet[i].digest);
  return err;
}

static enum cf_err write_file(struct cf_build *b, struct cf_fault *fault)
{
  enum cf_err err = cf_bdb_env_open_file(NULL, CACHE, &b->env, fault);

  if (err != CF_OK)
    return err;
  err = sheets_fill(b);
  cf_build_close(b);
  cf_bdb_env_close(b->env);
  b->env = NULL;
  return err == CF_OK
             ? CF_OK
             : cf_fail(fault, err, b->path, "the segment cannot be written: %s", cf_err_title(err));
}

static enum cf_err sum_sheet(struct cf_bdb *db, struct cf_build_sum *sum, uint8_t digest[CF_HASH_N])
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;

  enum cf_err err = cf_bdb_cursor_open(db, &cursor);
  if (err != CF_OK)
    return err;
  while (err == CF_OK) {
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
    if (err == CF_OK)
      err = cf_build_sum_add(sum, key, value);
  }
  cf_bdb_cursor_close(cursor);
  if (err != CF_E_NOTFOUND)
    return err;
  cf_build_sum_end(sum, digest);
  return CF_OK;
}

static enum cf_err check_sheet(struct cf_build *b, unsigned sheet)
{
  struct cf_bdb *db = NULL;
  struct cf_build_sum sum = {NULL, {0}};
  uint8_t digest[CF_HASH_N];

  enum cf_err err = cf_bdb_open(b->env, NULL, b->path, cf_sheet_name(sheet), CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    err = cf_build_sum_begin(&sum);
  if (err == CF_OK)
    err = sum_sheet(db, &sum, digest);
  if (err == CF_OK && memcmp(digest, b->sheet[sheet].digest, sizeof digest) != 0)
    err = CF_E_STORE;
  cf_bdb_close(db);
  cf_build_sum_free(&sum);
  return err;
}

static enum cf_err read_back(struct cf_build *b, struct cf_fault *fault)
{
  unsigned sheet = 0;
  enum cf_err err = cf_bdb_env_open_file(b->pages, CACHE, &b->env, fault);

  if (err != CF_OK)
    return err;
  for (; sheet < CF_SHEET_N && err == CF_OK; sheet++)
    if (cf_sheet_name(sheet) != NULL)
      err = check_sheet(b, sheet);
  cf_bdb_env_close(b->env);
  b->env = NULL;
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  return cf_fail(fault, CF_E_STORE, b->path, "the segment does not read back as written, in %s",
                 cf_sheet_name(sheet - 1));
}

/* The new name is on disk when this returns. */
static enum cf_err file_publish(const char *from, const char *to, struct cf_fault *fault)
{
  if (rename(from, to) != 0)
    return cf_fail_errno(fault, CF_E_STORE, to, "the segment cannot be renamed");
  if (!cf_file_sync_name(to))
    cf_die("fsync of the directory of %s: %s", to, strerror(errno));
  return CF_OK;
}

static enum cf_err build_file(struct cf_build *b, const char *path, struct cf_fault *fault)
{
  cf_bdb_discard(b->path);
  enum cf_err err = write_file(b, fault);
  if (err == CF_OK)
    err = cf_build_made(cf_pages_sum(b->path, NULL, NULL, &b->pages, fault));
  if (err == CF_OK)
    err = read_back(b, fault);
  if (err == CF_OK)
    err = cf_pages_put(b->pages, path, fault);
  if (err == CF_OK)
    err = file_publish(b->path, path, fault);
  if (err != CF_OK)
    cf_bdb_discard(b->path);
  return err;
}

static void build_init(struct cf_build *b, const struct cf_segment_source *source,
                       const struct cf_segment_meta *meta)
{
  memset(b, 0, sizeof *b);
  b->source = source;
  b->info.layout = CF_SEGMENT_LAYOUT;
  b->info.tag = cf_index_fingerprint(source->index, CF_SEGMENT_TAG);
  b->info.meta = *meta;
  b->info.meta.bytes = 0;
  b->info.meta.sworn = false;
  b->records = (uint32_t)(meta->end - meta->first);
  b->page = PAGE;
  cf_buf_init(&b->key, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&b->value, CF_SEGMENT_VALUE_MAX);
  cf_buf_init(&b->values, SIZE_MAX / 2);
  cf_buf_init(&b->spans, CF_SEGMENT_VALUE_MAX);
}

static void build_fini(struct cf_build *b)
{
  cf_buf_fini(&b->key);
  cf_buf_fini(&b->value);
  cf_buf_fini(&b->values);
  cf_buf_fini(&b->spans);
  cf_pages_free(b->pages);
  free(b->fingerprints);
}

enum cf_err cf_segment_build(const char *directory, const struct cf_segment_source *source,
                             struct cf_segment_meta *meta, struct cf_fault *fault)
{
  struct cf_build b;
  char name[64];
  enum cf_err err = CF_E_NOMEM;

  CF_ASSERT(meta->first % CF_TIMES_RUN == 0 && meta->end % CF_TIMES_RUN == 0 &&
            meta->first < meta->end && meta->end - meta->first <= CF_OFFSET_MAX);
  build_init(&b, source, meta);
  cf_segment_name(meta, name);
  char *path = cf_segment_path(directory, name, "");
  char *temporary = cf_segment_path(directory, name, ".new");
  if (path != NULL && temporary != NULL) {
    b.path = temporary;
    err = build_file(&b, path, fault);
  }
  if (err == CF_OK) {
    meta->bytes = b.pages->n * b.pages->page;
    meta->sworn = true;
    cf_pages_digest(b.pages, meta->digest);
  }
  free(path);
  free(temporary);
  build_fini(&b);
  return err;
}
