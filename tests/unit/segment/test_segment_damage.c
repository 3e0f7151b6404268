/* SPDX-License-Identifier: MIT */
/* Segments that are damaged: whatever happens to the file, a read gives the
 * right answer or CF_E_DAMAGED. */
#include "config.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "tests/unit/segment/old_file.h"
#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_rough.h"
#include "tests/unit/segment/segment_stage.h"

static void file_copy(const char *from, const char *to)
{
  static char bytes[4 << 20];
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  ck_assert(in >= 0 && out >= 0);
  ssize_t n = read(in, bytes, sizeof bytes);
  ck_assert(n > 0 && n < (ssize_t)sizeof bytes);
  ck_assert_int_eq(write(out, bytes, (size_t)n), n);
  close(in);
  close(out);
}

/* Read it all with a pool of its own. Damage to one page spoils one sheet (and
 * leaf hashes, which are made of records), or the file's own directory of
 * sheets and its description. */
static struct tally read_damaged(bool one_page)
{
  struct reader r = {.pool = segment_pool_new(), .meta = &segment_meta};
  unsigned sheets = 0;

  reader_all(&r, 499, 5);
  cf_segment_pool_free(r.pool);
  for (unsigned i = 0; i < CF_SHEET_N; i++)
    sheets += i != CF_SHEET_HASHES && r.tally.damaged[i] > 0;
  ck_assert_msg(!one_page || r.tally.unopened > 0 || sheets <= 1,
                "%u sheets are spoiled by one page", sheets);
  ck_assert(!one_page || r.tally.unopened > 0 || tally_sum(r.tally.good) > 100);
  return r.tally;
}

START_TEST(test_flipped_byte)
{
  unsigned harmed = 0, unopened = 0;

  for (unsigned k = 0; k < cf_test_rounds(60); k++) {
    off_t at = (off_t)(fact_mix(k, 4711 + (unsigned)_i) % segment_meta.bytes);
    uint8_t byte = 0;
    temp_get(segment_path, at, &byte, 1);
    uint8_t other = byte ^ (uint8_t)(1 + fact_mix(k, 3) % 255);
    temp_put(segment_path, at, &other, 1);
    struct tally t = read_damaged(true);
    harmed += tally_sum(t.damaged) > 0;
    unopened += t.unopened > 0;
    temp_put(segment_path, at, &byte, 1);
  }
  ck_assert_uint_gt(harmed, 10);
  ck_assert_uint_lt(unopened, cf_test_rounds(60) / 2);
}
END_TEST

/* A page of zeros, or another page of the file. */
START_TEST(test_wrong_page)
{
  static uint8_t kept[PAGE], other[PAGE];
  unsigned harmed = 0;

  off_t pages = (off_t)(segment_meta.bytes / PAGE);
  for (off_t page = _i; page < pages; page += 5) {
    temp_get(segment_path, page * PAGE, kept, PAGE);
    memset(other, 0, PAGE);
    if (_i % 3 == 1)
      temp_get(segment_path,
               (page + 1 + (off_t)(fact_mix((uint64_t)page, 5) % (uint64_t)(pages - 1))) % pages *
                   PAGE,
               other, PAGE);
    temp_put(segment_path, page * PAGE, other, PAGE);
    struct tally t = read_damaged(true);
    harmed += tally_sum(t.damaged) + t.unopened > 0;
    temp_put(segment_path, page * PAGE, kept, PAGE);
  }
  ck_assert_uint_gt(harmed, 5);
  ck_assert_uint_eq(tally_sum(read_damaged(true).damaged), 0);
}
END_TEST

/* The key and value of the k-th entry of a sheet (a negative k counts from the
 * end); false where there are fewer. */
static bool entry_at(struct cf_bdb *db, int k, struct cf_buf *key, struct cf_buf *value)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str a, b;
  enum cf_err err = CF_OK;

  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  for (int i = k < 0 ? k : -k - 1; i < 0 && err == CF_OK; i++)
    err = cf_bdb_cursor_move(cursor, k < 0 ? CF_BDB_PREV : CF_BDB_NEXT, CF_STR(""), &a, &b);
  if (err == CF_OK) {
    cf_buf_reset(key);
    cf_buf_reset(value);
    cf_buf_putstr(key, a);
    cf_buf_putstr(value, b);
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_OK;
}

/* Change a sheet's k-th entry behind the checksums' back: no value takes it
 * away. */
static bool tamper(const char *name, int k, bool (*change)(struct cf_buf *value),
                   struct cf_buf *key, struct cf_buf *value)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  struct cf_bdb *db = segment_sheet_open(env, name, CF_BDB_CREATE);
  bool there = entry_at(db, k, key, value);
  if (there && change != NULL && change(value))
    ck_assert_ok(cf_bdb_put(db, NULL, cf_buf_str(key), cf_buf_str(value)));
  else if (there)
    ck_assert_ok(cf_bdb_del(db, NULL, cf_buf_str(key)));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return there;
}

/* A chunk that is gone is noticed by whoever asks for it, and by nobody else.
 * (Of an exact index it is a row as any other: below.) */
START_TEST(test_lost_chunk)
{
  static const int places[] = {0, 1, 7, 100, -1, -2};
  unsigned index = fact_members[_i];
  struct cf_buf key, value;

  if (cf_index_is_exact(index))
    return;
  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(segment_path, temp_path("copy"));
  for (size_t i = 0; i < CF_COUNT(places); i++) {
    if (tamper(cf_index_name(index), places[i], NULL, &key, &value)) {
      struct reader r = {.pool = segment_pool_new(), .meta = &segment_meta};
      struct cf_term term = {.index = index,
                             .first = {(char *)key.p, key.n - 4},
                             .last = {(char *)key.p, key.n - 4}};
      reader_term(&r, &term, 0, RECORDS);
      ck_assert_uint_eq(r.tally.damaged[CF_SHEET_INDEX + index], 1);
      for (uint32_t k = 0; k < 100; k++)
        reader_index(&r, index, k);
      reader_end(&r);
      cf_segment_pool_free(r.pool);
    }
    file_copy(temp_path("copy"), segment_path);
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static const char *const rows[] = {"blocks", "salts",      "hashes", "times",
                                   "id",     "request_id", "info"};

/* The reader asks for neither the checkpoint nor what only spares reads. */
static bool is_read(struct cf_str key)
{
  return !cf_str_is(key, "checkpoint") && !cf_str_is(key, "keys") && !cf_str_is(key, "spans");
}

START_TEST(test_lost_row)
{
  struct cf_buf key, value;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(segment_path, temp_path("copy"));
  for (int k = -3; k < 3; k++) {
    if (tamper(rows[_i], k, NULL, &key, &value)) {
      struct reader r = {.pool = segment_pool_new(), .meta = &segment_meta};
      reader_all(&r, 7, 1);
      for (uint32_t i = 0; i < 300; i++)
        reader_index(&r, CF_M_REQUEST_ID, i);
      reader_end(&r);
      cf_segment_pool_free(r.pool);
      ck_assert(tally_sum(r.tally.damaged) + r.tally.unopened > 0 || !is_read(cf_buf_str(&key)));
    }
    file_copy(temp_path("copy"), segment_path);
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

/* A block that cannot be read takes the place of the one that was open: nothing
 * of that is left to be taken for it. */
START_TEST(test_block_reused)
{
  static struct cf_block block;
  struct cf_segment *s = NULL;
  struct cf_buf key, value;
  unsigned good = 0;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  cf_block_init(&block);
  ck_assert(tamper("blocks", 50, NULL, &key, &value));
  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++) {
    enum cf_err err = cf_segment_block(s, i, &block);
    ck_assert_uint_eq(block.n, err == CF_OK ? CF_GROUP : 0);
    good += err == CF_OK;
  }
  ck_assert_uint_eq(good, RECORDS / CF_GROUP - 1);
  cf_segment_release(segment_pool, s);
  cf_block_fini(&block);
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

/* Whoever asks for a gram of the chunk notices. */
START_TEST(test_lost_grams)
{
  struct cf_buf key, value;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(segment_path, temp_path("copy"));
  for (int k = -3; k < 3; k++) {
    struct reader r = {.pool = segment_pool, .meta = &segment_meta};
    ck_assert(tamper("grams", k, NULL, &key, &value));
    for (uint32_t i = 0; i < 300; i++)
      reader_search(&r, i);
    reader_end(&r);
    ck_assert_uint_gt(r.tally.damaged[CF_SHEET_GRAMS], 0);
    ck_assert_uint_gt(r.tally.good[CF_SHEET_GRAMS], 100);
    file_copy(temp_path("copy"), segment_path);
    cf_segment_pool_drop(segment_pool, &segment_meta);
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static bool change_middle(struct cf_buf *value)
{
  value->p[value->n / 2] ^= 1;
  return true;
}

/* A filter that is not what was written would hide ids. */
START_TEST(test_changed_filter)
{
  struct cf_segment *s = NULL;
  struct cf_buf key, value;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  ck_assert(tamper("info", 1, change_middle, &key, &value));
  ck_assert(cf_str_is(cf_buf_str(&key), "filter"));
  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  ck_assert_err(cf_segment_filter_load(s), CF_E_DAMAGED);
  cf_segment_release(segment_pool, s);
  ck_assert(!cf_segment_has_filter(segment_pool, &segment_meta));
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static unsigned turn;

static bool change_some(struct cf_buf *value)
{
  turn++;
  if (turn % 4 == 0 || value->n == 0)
    cf_buf_putc(value, (char)turn);
  else if (turn % 4 == 1)
    cf_buf_cut(value, 1 + fact_mix(turn, 1) % value->n);
  else
    value->p[fact_mix(turn, 2) % value->n] ^= (uint8_t)(1 + fact_mix(turn, 3) % 255);
  return true;
}

START_TEST(test_changed_entry)
{
  const char *name = cf_sheet_name((unsigned)_i);
  struct cf_segment_truth truth;
  struct cf_buf key, value;

  if (name == NULL)
    return;
  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  rough_truth(&truth);
  file_copy(segment_path, temp_path("copy"));
  for (unsigned k = 0; k < cf_test_rounds(8); k++) {
    bool there = tamper(name, (int)(k / 2 * 3), change_some, &key, &value);
    struct cf_segment_pool *p = segment_pool_new();
    struct cf_segment *s = NULL;
    if (cf_segment_acquire(p, &segment_meta, &s) == CF_OK) {
      rough_read(s);
      cf_segment_release(p, s);
    }
    if (k % 3 == 0)
      (void)rough_compare(p, &truth);
    cf_segment_pool_free(p);
    file_copy(temp_path("copy"), segment_path);
    if (!there)
      break;
  }
  cf_segment_truth_fini(&truth);
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

/* A part of pieces of one byte, more than are numbered: it is not put together
 * of them over and over. */
START_TEST(test_small_pieces)
{
  static const uint8_t total[] = {0, 4, 0, 0, 0}; /* a byte, and how many there are to be */
  struct cf_bdb_env *env = NULL;
  struct cf_segment *s = NULL;
  static struct cf_block block;
  struct stat st;
  uint8_t key[6] = {0};

  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  struct cf_bdb *db = segment_sheet_open(env, "blocks", CF_BDB_CREATE);
  ck_assert_ok(cf_bdb_put(db, NULL, (struct cf_str){(char *)key, 4},
                          (struct cf_str){(const char *)total, sizeof total}));
  for (unsigned k = 0; k <= UINT16_MAX; k++) {
    cf_u16_put(key + 4, (uint16_t)k);
    ck_assert_ok(cf_bdb_put(db, NULL, (struct cf_str){(char *)key, sizeof key}, CF_STR("x")));
  }
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  ck_assert_int_eq(stat(segment_path, &st), 0);
  segment_meta.bytes = (uint64_t)st.st_size;
  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  cf_block_init(&block);
  ck_assert_err(cf_segment_part(s, 0, &block), CF_E_DAMAGED);
  cf_block_fini(&block);
  cf_segment_release(segment_pool, s);
}
END_TEST

/* A value that has pages of its own; then the page that leads there says that
 * it has some 4 GiB. */
static void long_item_forge(struct cf_bdb_env *env)
{
  enum { TYPE_AT = 25, LEAF = 5 };
  static const char zeros[50000];
  static const uint8_t length[] = {0x50, 0xc3, 0, 0}, longer[] = {0xf0, 0xff, 0xff, 0xff};
  static uint8_t page[PAGE];
  struct cf_bdb *db = segment_sheet_open(env, "info", CF_BDB_CREATE);
  struct stat st;
  unsigned found = 0;

  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("long"), (struct cf_str){zeros, sizeof zeros}));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  ck_assert_int_eq(stat(segment_path, &st), 0);
  segment_meta.bytes = (uint64_t)st.st_size;
  for (off_t at = 0; at < st.st_size; at += PAGE) {
    temp_get(segment_path, at, page, PAGE);
    uint8_t *item = page[TYPE_AT] == LEAF ? memmem(page, PAGE, length, sizeof length) : NULL;
    if (item == NULL)
      continue;
    found++;
    memcpy(item, longer, sizeof longer);
    old_file_mend(page, PAGE);
    temp_put(segment_path, at, page, PAGE);
  }
  ck_assert_uint_eq(found, 1);
}

/* A sanitizer needs more than any limit. */
static void memory_limit(void)
{
#ifndef __SANITIZE_ADDRESS__
  const struct rlimit memory = {(rlim_t)1 << 30, (rlim_t)1 << 30};
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &memory), 0);
#endif
}

/* Nobody makes room for them. */
START_TEST(test_long_item)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_segment *s = NULL;
  struct cf_bdb *db = NULL;
  struct cf_str key, value;
  enum cf_err err = CF_OK;

  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  long_item_forge(env);
  cf_bdb_env_close(env);
  memory_limit();
  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  ck_assert_ok(cf_segment_sheet(s, CF_SHEET_INFO, &db));
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  while (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &key, &value);
  ck_assert_err(err, CF_E_DAMAGED);
  cf_bdb_cursor_close(cursor);
  cf_segment_release(segment_pool, s);
}
END_TEST

START_TEST(test_other_file)
{
  struct cf_segment_meta meta = segment_meta_of(2), third = segment_meta_of(3);
  struct cf_segment *s = NULL;
  struct cf_segment_pool *stranger = NULL;
  char second[sizeof segment_path];

  segment_build(&meta);
  strcpy(second, segment_path);
  ck_assert_err(cf_segment_acquire(segment_pool, &third, &s), CF_E_DAMAGED);
  third.bytes = meta.bytes;
  segment_build(&third);
  ck_assert_ok(cf_segment_acquire(segment_pool, &third, &s));
  cf_segment_release(segment_pool, s);
  file_copy(second, segment_path);
  cf_segment_pool_drop(segment_pool, &third);
  ck_assert_err(cf_segment_acquire(segment_pool, &third, &s), CF_E_DAMAGED);
  ck_assert_int_eq(truncate(segment_path, (off_t)meta.bytes - PAGE), 0);
  ck_assert_err(cf_segment_acquire(segment_pool, &third, &s), CF_E_DAMAGED);
  ck_assert_ok(
      cf_segment_pool_new(segment_directory, 0, (const uint8_t *)"another ledger's", &stranger));
  ck_assert_err(cf_segment_acquire(stranger, &meta, &s), CF_E_DAMAGED);
  cf_segment_pool_free(stranger);
  ck_assert_ok(cf_segment_acquire(segment_pool, &meta, &s));
  cf_segment_release(segment_pool, s);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "damage",
       .test = test_flipped_byte,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "damage", .test = test_wrong_page, .loops = 4},
      {.tcase = "damage", .test = test_other_file},
      {.tcase = "not sworn",
       .test = test_flipped_byte,
       .setup = segment_set_up_old,
       .teardown = segment_tear_down},
      {.tcase = "not sworn", .test = test_wrong_page, .loops = 4},
      {.tcase = "not sworn", .test = test_lost_chunk, .loops = FACT_MEMBERS_N},
      {.tcase = "not sworn", .test = test_lost_row, .loops = CF_COUNT(rows)},
      {.tcase = "not sworn", .test = test_block_reused},
      {.tcase = "not sworn", .test = test_lost_grams},
      {.tcase = "not sworn", .test = test_changed_filter},
      {.tcase = "not sworn", .test = test_changed_entry, .loops = CF_SHEET_N},
      {.tcase = "pieces",
       .test = test_small_pieces,
       .setup = segment_set_up_old,
       .teardown = segment_tear_down},
      {.tcase = "pieces", .test = test_long_item},
  };
  return cf_test_run("segment_damage", tests, CF_COUNT(tests));
}
