/* SPDX-License-Identifier: MIT */
/* Reading a segment. Nothing in the file is taken on trust: what does not fit
 * the layout to the last byte is damage, and a search that finds less than
 * there should be notices it by the ordinals and limits of its neighbours. */
#include "config.h"

#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"

#define INFO_MAX 4096

/* ---- opening ---- */

enum cf_err cf_segment_spoil(struct cf_segment *s, enum cf_err err, const char *what)
{
  if (err == CF_E_NOTFOUND || err == CF_E_SYNTAX || err == CF_E_FULL)
    err = CF_E_DAMAGED;
  if (err != CF_E_DAMAGED)
    return err;
  static struct cf_log_rate rate;
  if (!atomic_exchange(&s->spent, true))
    cf_log_rated(&rate, CF_LOG_ERROR, "segment %" PRIu64 "-%" PRIu64 ": damaged: %s", s->meta.first,
                 s->meta.end, what);
  return err;
}

static enum cf_err open_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **out)
{
  enum cf_err err = CF_OK;

  pthread_mutex_lock(&s->lock);
  struct cf_bdb *db = atomic_load(&s->db[sheet]);
  if (db == NULL)
    err = cf_bdb_open(s->env, NULL, s->path, cf_sheet_name(sheet), CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    atomic_store(&s->db[sheet], db);
  pthread_mutex_unlock(&s->lock);
  if (err == CF_OK)
    *out = db;
  return cf_segment_spoil(s, err, cf_sheet_name(sheet));
}

enum cf_err cf_segment_sheet(struct cf_segment *s, unsigned sheet, struct cf_bdb **out)
{
  struct cf_bdb *db = atomic_load(&s->db[sheet]);

  if (db == NULL)
    return open_sheet(s, sheet, out);
  *out = db;
  return CF_OK;
}

enum cf_err cf_segment_get(struct cf_segment *s, unsigned sheet, struct cf_str key,
                           struct cf_buf *b)
{
  struct cf_bdb *db = NULL;

  enum cf_err err = cf_segment_sheet(s, sheet, &db);
  if (err == CF_OK)
    err = cf_bdb_get(db, NULL, key, b);
  return cf_segment_spoil(s, err, cf_sheet_name(sheet));
}

enum cf_err cf_segment_get_row(struct cf_segment *s, unsigned sheet, uint32_t row, struct cf_buf *b)
{
  uint8_t key[4];

  cf_u32_put(key, row);
  return cf_segment_get(s, sheet, (struct cf_str){(char *)key, sizeof key}, b);
}

static enum cf_err read_info(struct cf_segment *s, uint64_t tag)
{
  struct cf_buf b;

  cf_buf_init(&b, INFO_MAX);
  enum cf_err err = cf_segment_get(s, CF_SHEET_INFO, CF_STR("segment"), &b);
  if (err == CF_OK)
    err = cf_segment_spoil(s, cf_segment_info_get(cf_buf_str(&b), &s->info),
                           "its description is not well-formed");
  if (err == CF_OK && (s->info.tag != tag || !cf_segment_meta_same(&s->info.meta, &s->meta)))
    err = cf_segment_spoil(s, CF_E_DAMAGED, "the file is another segment, or another ledger's");
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_segment_checkpoint(struct cf_segment *s, struct cf_buf *b)
{
  return cf_segment_get(s, CF_SHEET_INFO, CF_STR("checkpoint"), b);
}

/* Of one that is not sworn the size alone: the library takes badly to a file
 * that was cut. */
static enum cf_err load_pages(struct cf_segment *s)
{
  struct cf_fault fault = {{0}, {0}};

  enum cf_err err = s->meta.sworn
                        ? cf_pages_load(s->path, s->meta.bytes, s->meta.digest, &s->pages, &fault)
                        : cf_pages_size_check(s->path, s->meta.bytes, &fault);
  if (err == CF_OK && s->meta.sworn)
    err = cf_pages_read_head(s->pages, &fault);
  return cf_segment_spoil(s, err, cf_fault_text(&fault, err));
}

enum cf_err cf_segment_open(struct cf_segment *s, const char *directory, const char *name,
                            uint64_t tag, uint64_t cache)
{
  s->path = cf_segment_path(directory, name, "");
  if (s->path == NULL)
    return CF_E_NOMEM;
  enum cf_err err = s->pages == NULL ? load_pages(s) : CF_OK;
  uint64_t other =
      CF_DICTIONARY_MEMORY + (s->pages == NULL ? 0 : cf_pages_memory(s->pages) + s->pages->n);
  if (err == CF_OK)
    err = cf_bdb_env_open_file(s->pages, cache > other ? cache - other : 0, &s->env, NULL);
  if (err == CF_OK)
    err = read_info(s, tag);
  return err;
}

void cf_segment_close(struct cf_segment *s)
{
  for (unsigned i = 0; i < CF_SHEET_N; i++)
    cf_bdb_close(atomic_exchange(&s->db[i], NULL));
  cf_dictionary_free(atomic_exchange(&s->dictionary, NULL));
  cf_bdb_env_close(s->env);
  s->env = NULL;
  cf_pages_free(s->pages);
  s->pages = NULL;
  free(s->path);
  s->path = NULL;
}
