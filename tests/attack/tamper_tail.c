/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "tests/attack/tamper_in.h"
#include "tests/unit/segment/forge.h"

#define VALUE_MAX (1u << 20)

/* A row of the file. */
struct piece {
  struct cf_buf key, value;
};

static void piece_init(struct piece *p)
{
  cf_buf_init(&p->key, VALUE_MAX);
  cf_buf_init(&p->value, VALUE_MAX);
}

static void piece_fini(struct piece *p)
{
  cf_buf_fini(&p->key);
  cf_buf_fini(&p->value);
}

static void piece_take(struct piece *p, struct cf_str key, struct cf_str value)
{
  cf_buf_reset(&p->key);
  cf_buf_reset(&p->value);
  cf_buf_putstr(&p->key, key);
  cf_buf_putstr(&p->value, value);
}

static void piece_put(struct cf_bdb *db, const struct cf_buf *key, const struct cf_buf *value)
{
  forge_must(cf_bdb_put(db, NULL, cf_buf_str(key), cf_buf_str(value)), "a piece of the tail");
}

static bool has_event(struct cf_str value)
{
  return memmem(value.p, value.n, "\"GET\"", 5) != NULL;
}

/* That of the newest event, and the ones before and behind it; the last of
 * all. */
struct pieces {
  struct cf_bdb *db;
  struct piece event, before, behind, last;
};

static void pieces_open(struct pieces *p, const char *file)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;
  p->db = forge_table(file);
  piece_init(&p->event);
  piece_init(&p->before);
  piece_init(&p->behind);
  piece_init(&p->last);
  forge_must(cf_bdb_cursor_open(p->db, &cursor), file);
  forge_must(cf_bdb_cursor_move(cursor, CF_BDB_LAST, CF_STR(""), &k, &v), "the last piece");
  piece_take(&p->last, k, v);
  while (!has_event(v)) {
    piece_take(&p->behind, k, v);
    forge_must(cf_bdb_cursor_move(cursor, CF_BDB_PREV, CF_STR(""), &k, &v), "a piece with events");
  }
  piece_take(&p->event, k, v);
  forge_must(cf_bdb_cursor_move(cursor, CF_BDB_PREV, CF_STR(""), &k, &v), "the piece before it");
  piece_take(&p->before, k, v);
  cf_bdb_cursor_close(cursor);
  CF_ASSERT(p->behind.key.n > 0);
}

static void pieces_close(struct pieces *p)
{
  piece_fini(&p->event);
  piece_fini(&p->before);
  piece_fini(&p->behind);
  piece_fini(&p->last);
}

void tail_method(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  uint8_t *at = memmem(p.event.value.p, p.event.value.n, "\"GET\"", 5);
  memcpy(at + 1, "PUT", 3);
  piece_put(p.db, &p.event.key, &p.event.value);
  pieces_close(&p);
}

void tail_byte(const char *file, unsigned i, unsigned n)
{
  struct pieces p;
  pieces_open(&p, file);
  p.event.value.p[(size_t)i * p.event.value.n / n] ^= 0xff;
  piece_put(p.db, &p.event.key, &p.event.value);
  pieces_close(&p);
}

void tail_delete(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  forge_must(cf_bdb_del(p.db, NULL, cf_buf_str(&p.event.key)), file);
  pieces_close(&p);
}

void tail_double(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  piece_put(p.db, &p.behind.key, &p.event.value);
  pieces_close(&p);
}

void tail_swap(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  piece_put(p.db, &p.before.key, &p.event.value);
  piece_put(p.db, &p.event.key, &p.before.value);
  pieces_close(&p);
}

void tail_insert(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  uint64_t seq = cf_u64_get(p.last.key.p) + 1;
  cf_u64_put(p.last.key.p, seq);
  piece_put(p.db, &p.last.key, &p.event.value);
  pieces_close(&p);
}

void tail_cut(const char *file)
{
  struct pieces p;
  pieces_open(&p, file);
  forge_must(cf_bdb_del(p.db, NULL, cf_buf_str(&p.last.key)), file);
  pieces_close(&p);
}
