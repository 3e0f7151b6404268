/* SPDX-License-Identifier: MIT */
/* tamper DATA CHANGE [ARG…]: one change to a closed ledger, of somebody who has
 * all of DATA and knows this program, but not the signing key (forge.h).
 *
 * Changes of a segment take its number, from 1 on, and what is made good after
 * it: `file`, `sums` or `row`. The events are those of tamper.sh. */
#include "config.h"

#include "lib/index/index.h"
#include "lib/index/postings.h"
#include "tests/attack/tamper_in.h"
#include "tests/unit/ledger/forge_append.h"
#include "tests/unit/ledger/forge_tail.h"
#include "tests/unit/segment/forge.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/record/json.h"

#define VALUE_MAX      (1u << 20)
#define VALUE_MAX_NOTE 8192
#define YEAR_US        INT64_C(31536000000000)
#define VICTIM         "u3" /* whose records are hidden */

static const char *data;
static char **args; /* behind CHANGE */

/* ---- a segment's sheets ---- */

/* All records of the victim but the first of its chunk: the chunk stays in
 * sequence. */
static void user_hide(void)
{
  struct cf_bdb *db = forge_sheet("user");
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  uint8_t copy[64];
  struct cf_buf b;
  forge_must(cf_bdb_cursor_open(db, &cursor), "user");
  forge_must(cf_bdb_cursor_move(cursor, CF_BDB_AT_LEAST, CF_STR(VICTIM), &key, &value), "user");
  CF_ASSERT(cf_str_starts(key, CF_STR(VICTIM)) && key.n <= sizeof copy);
  memcpy(copy, key.p, key.n);
  key.p = (const char *)copy;
  uint32_t first = cf_u32_get(copy + key.n - 4);
  cf_buf_init(&b, VALUE_MAX);
  cf_buf_put(&b, value.p, 2); /* the chunk's ordinal */
  cf_chunk_put(&b, &first, 1);
  cf_bdb_cursor_close(cursor);
  forge_must(cf_bdb_put(db, NULL, key, cf_buf_str(&b)), "user");
  cf_buf_fini(&b);
}

/* Everything happened a year earlier. */
static void times_shift(struct cf_buf *value)
{
  struct cf_reader r;
  struct cf_buf b;
  cf_reader_init(&r, value->p, value->n);
  int64_t t = cf_reader_varint_signed(&r);
  cf_buf_init(&b, VALUE_MAX);
  cf_varint_put_signed(&b, t - YEAR_US);
  cf_buf_put(&b, r.p, (size_t)(r.end - r.p));
  cf_buf_reset(value);
  cf_buf_putstr(value, cf_buf_str(&b));
  cf_buf_fini(&b);
}

static void times_change(void)
{
  forge_row("times", 0, times_shift);
}

static void counts_change(void)
{
  static const char key[] = "user\0" VICTIM;
  uint8_t one[4];
  cf_u32_put(one, 1);
  forge_must(cf_bdb_put(forge_sheet("counts"), NULL, forge_bytes(key, sizeof key - 1),
                        forge_bytes(one, sizeof one)),
             "counts");
}

static uint8_t secret[16]; /* the key of fingerprints, read before a segment is opened */

/* id N GOOD ID */
static void id_hide(void)
{
  forge_id_hide(cf_id_fingerprint(secret, cf_str_from(args[2])));
}

static void filter_clear(void)
{
  forge_filter_clear(secret);
}

static void byte_flip(struct cf_buf *value)
{
  value->p[0] ^= 1;
}

/* Over a part of 16 records. */
static void root_flip(struct cf_buf *value)
{
  value->p[offsetof(struct cf_leaves_kept, root) + 3 * CF_HASH_N] ^= 1;
}

static void hashes_change(void)
{
  forge_row("hashes", 0, root_flip);
}

/* The catalogue's ranges: everything is of 1970. */
static void ranges_change(void)
{
  forge_meta.time_min_us = 0;
  forge_meta.time_max_us = 1;
}

/* It was written again once more than it was. */
static void rewrite_count(void)
{
  forge_meta.generation++;
}

/* The file is somebody else's already. */
static void nothing(void)
{
}

/* ---- tables ---- */

static void catalogue_row_drop(void)
{
  struct cf_bdb *db = forge_table("catalogue");
  uint8_t key[8];
  cf_u64_put(key, strtoul(args[0], NULL, 10));
  forge_must(cf_bdb_del(db, NULL, forge_bytes(key, sizeof key)), "catalogue");
}

static void tile_change(void)
{
  struct cf_bdb *db = forge_table("tiles");
  uint8_t key[9] = {1};
  struct cf_buf b;
  cf_u64_put(key + 1, 2);
  cf_buf_init(&b, VALUE_MAX);
  forge_must(cf_bdb_get(db, NULL, forge_bytes(key, sizeof key), &b), "tiles");
  byte_flip(&b);
  forge_must(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&b)), "tiles");
  cf_buf_fini(&b);
}

/* Copies of the first row of a table; false where there is none. */
static bool first_row(struct cf_bdb *db, struct cf_buf *key, struct cf_buf *value)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;
  cf_buf_reset(key);
  cf_buf_reset(value);
  forge_must(cf_bdb_cursor_open(db, &cursor), "a table");
  enum cf_err err = cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &k, &v);
  if (err == CF_OK) {
    cf_buf_putstr(key, k);
    cf_buf_putstr(value, v);
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_OK;
}

/* kept FILE: no change, but a note that was signed long ago, kept as of then:
 * of a minute only the last is kept, and a test takes no longer. Those before
 * it go now; an owner would drop them when it comes to it. */
static void note_keep(void)
{
  struct cf_bdb *db = forge_table("checkpoints");
  uint8_t key[8];
  uint64_t size = 0;
  struct cf_buf first, value;
  char text[VALUE_MAX_NOTE], *line = NULL;
  FILE *f = fopen(args[0], "re");
  CF_ASSERT(f != NULL);
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  line = strchr(text, '\n');
  CF_ASSERT(line != NULL);
  size = strtoull(line + 1, NULL, 10);
  cf_u64_put(key, size);
  cf_buf_init(&first, VALUE_MAX);
  cf_buf_init(&value, VALUE_MAX);
  while (first_row(db, &first, &value) && memcmp(first.p, key, sizeof key) < 0)
    forge_must(cf_bdb_del(db, NULL, cf_buf_str(&first)), "checkpoints");
  cf_buf_reset(&value);
  cf_buf_put(&value, "\0\6\100\0\0\0\0\0", 8);
  cf_buf_put(&value, text, n);
  forge_must(cf_bdb_put(db, NULL, forge_bytes(key, sizeof key), cf_buf_str(&value)), "checkpoints");
  cf_buf_fini(&first);
  cf_buf_fini(&value);
}

/* Another root in the first kept checkpoint. */
static void note_change(void)
{
  struct cf_bdb *db = forge_table("checkpoints");
  struct cf_buf key, value;
  cf_buf_init(&key, VALUE_MAX);
  cf_buf_init(&value, VALUE_MAX);
  CF_ASSERT(first_row(db, &key, &value));
  uint8_t *root = memchr(value.p + 8, '\n', value.n - 8);
  CF_ASSERT(root != NULL);
  root = memchr(root + 1, '\n', value.n - (size_t)(root + 1 - value.p));
  CF_ASSERT(root != NULL);
  root[1] = root[1] == 'A' ? 'B' : 'A';
  forge_must(cf_bdb_put(db, NULL, cf_buf_str(&key), cf_buf_str(&value)), "checkpoints");
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}

static void notes_drop(void)
{
  struct cf_bdb *db = forge_table("checkpoints");
  struct cf_buf key, value;
  cf_buf_init(&key, VALUE_MAX);
  cf_buf_init(&value, VALUE_MAX);
  while (first_row(db, &key, &value))
    forge_must(cf_bdb_del(db, NULL, cf_buf_str(&key)), "checkpoints");
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}

/* `from` becomes `to` where it stands in the value. */
static void replace(struct cf_buf *value, struct cf_str from, struct cf_str to)
{
  struct cf_buf b;
  uint8_t *at = memmem(value->p, value->n, from.p, from.n);
  CF_ASSERT(at != NULL);
  cf_buf_init(&b, VALUE_MAX);
  cf_buf_put(&b, value->p, (size_t)(at - value->p));
  cf_buf_putstr(&b, to);
  cf_buf_put(&b, at + from.n, value->n - (size_t)(at - value->p) - from.n);
  cf_buf_reset(value);
  cf_buf_putstr(value, cf_buf_str(&b));
  cf_buf_fini(&b);
}

/* token ID FROM TO: in its row */
static void token_change(void)
{
  struct cf_bdb *db = forge_table("tokens");
  struct cf_buf b;
  cf_buf_init(&b, VALUE_MAX);
  forge_must(cf_bdb_get(db, NULL, cf_str_from(args[0]), &b), "tokens");
  replace(&b, cf_str_from(args[1]), cf_str_from(args[2]));
  forge_must(cf_bdb_put(db, NULL, cf_str_from(args[0]), cf_buf_str(&b)), "tokens");
  cf_buf_fini(&b);
}

/* token-hash ID TEXT: another secret opens it */
static void token_hash_change(void)
{
  struct cf_bdb *db = forge_table("tokens");
  uint8_t hash[CF_HASH_N];
  struct cf_buf row, text;
  cf_buf_init(&row, VALUE_MAX);
  cf_buf_init(&text, VALUE_MAX);
  cf_sha256_1(args[1], strlen(args[1]), hash);
  cf_base64_put(&text, hash, sizeof hash);
  forge_must(cf_bdb_get(db, NULL, cf_str_from(args[0]), &row), "tokens");
  uint8_t *at = memmem(row.p, row.n, "\"hash\":\"", 8);
  CF_ASSERT(at != NULL && text.n == 44);
  memcpy(at + 8, text.p, text.n);
  forge_must(cf_bdb_put(db, NULL, cf_str_from(args[0]), cf_buf_str(&row)), "tokens");
  cf_buf_fini(&row);
  cf_buf_fini(&text);
}

/* tail-byte FILE I N */
static void tail_byte_flip(void)
{
  tail_byte(args[0], (unsigned)strtoul(args[1], NULL, 10), (unsigned)strtoul(args[2], NULL, 10));
}

/* tail-erased FILE: nobody knows any more whose records these were */
static void tail_actors_erase(void)
{
  forge_tail_erase(args[0], CF_K_EVENT, CF_C_ACTOR);
}

/* ---- behind the last signature ---- */

/* appended SIGNER: by this very program, with another key, which is made in a
 * directory of that name */
static void appended(void)
{
  forge_tables_close();
  forge_append(data, args[0],
               "{\"method\":\"DELETE\",\"user\":\"" VICTIM "\",\"resource\":\"/r\"}");
}

/* whole N: a segment */
static void whole_write(void)
{
  forge_tables_close();
  record_whole(data, (unsigned)strtoul(args[0], NULL, 10));
}

/* ---- the changes ---- */

static const struct {
  const char *name;
  int args;
  bool segment; /* N GOOD */
  void (*make)(void);
} changes[] = {
    {"user", 2, true, user_hide},
    {"times", 2, true, times_change},
    {"id", 3, true, id_hide},
    {"filter", 2, true, filter_clear},
    {"counts", 2, true, counts_change},
    {"hashes", 2, true, hashes_change},
    {"record", 2, true, record_method},
    {"payload", 2, true, record_payload},
    {"salt", 2, true, record_salt},
    {"recorded", 2, true, record_recorded},
    {"erased", 2, true, record_erase},
    {"commitment", 2, true, record_commitment},
    {"double", 2, true, record_double},
    {"swap", 2, true, record_swap},
    {"delete", 2, true, record_delete},
    {"insert", 2, true, record_insert},
    {"ranges", 2, true, ranges_change},
    {"rewrite", 2, true, rewrite_count},
    {"nothing", 2, true, nothing},
    {"dropped", 1, false, catalogue_row_drop},
    {"tile", 0, false, tile_change},
    {"kept", 1, false, note_keep},
    {"note", 0, false, note_change},
    {"notes", 0, false, notes_drop},
    {"token", 3, false, token_change},
    {"token-hash", 2, false, token_hash_change},
    {"tail-byte", 3, false, tail_byte_flip},
    {"tail-erased", 1, false, tail_actors_erase},
    {"appended", 1, false, appended},
    {"whole", 1, false, whole_write},
};

/* FILE, of the tail */
static const struct {
  const char *name;
  void (*make)(const char *file);
} of_tail[] = {
    {"tail", tail_method},    {"tail-delete", tail_delete}, {"tail-double", tail_double},
    {"tail-swap", tail_swap}, {"tail-insert", tail_insert}, {"tail-cut", tail_cut},
};

static void segment_change(void (*make)(void))
{
  static const char *const good[] =
      {[FORGE_FILE] = "file", [FORGE_SUMS] = "sums", [FORGE_ROW] = "row"};
  unsigned level = FORGE_FILE;
  while (level < FORGE_ROW && strcmp(args[1], good[level]) != 0)
    level++;
  if (make == id_hide || make == filter_clear)
    forge_fingerprint_key(data, secret);
  forge_begin(data, (unsigned)strtoul(args[0], NULL, 10));
  make();
  forge_end((enum forge_good)level);
}

static int tail_change(const char *name)
{
  for (size_t i = 0; i < sizeof of_tail / sizeof of_tail[0]; i++) {
    if (strcmp(name, of_tail[i].name) != 0)
      continue;
    forge_tables_open(data);
    of_tail[i].make(args[0]);
    forge_tables_close();
    return 0;
  }
  fprintf(stderr, "usage: tamper DATA CHANGE [ARG…], see its source\n");
  return 64;
}

int main(int argc, char **argv)
{
  if (argc < 3)
    return 64;
  data = argv[1];
  args = argv + 3;
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    if (strcmp(argv[2], changes[i].name) != 0 || argc - 3 != changes[i].args)
      continue;
    if (changes[i].segment) {
      segment_change(changes[i].make);
    } else {
      forge_tables_open(data);
      changes[i].make();
      forge_tables_close();
    }
    return 0;
  }
  return argc == 4 ? tail_change(argv[2]) : 64;
}
