/* SPDX-License-Identifier: MIT */
/* Segments that are damaged: whatever happens to the file, a read gives the
 * right answer or CF_E_DAMAGED. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/segment/segment_reader.h"
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

/* Read it all with a pool of its own. Damage to one page spoils one sheet, or
 * the file's own directory of sheets and its description. */
static struct tally read_damaged(bool one_page)
{
  struct reader r = {.pool = segment_pool_new(), .meta = &segment_meta};
  unsigned sheets = 0;

  reader_all(&r, 499, 5);
  cf_segment_pool_free(r.pool);
  for (unsigned i = 0; i < CF_SHEET_N; i++)
    sheets += r.tally.damaged[i] > 0;
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

/* A chunk that is gone is noticed by whoever asks for it, and by nobody
 * else. */
START_TEST(test_lost_chunk)
{
  static const int places[] = {0, 1, 7, 100, -1, -2};
  unsigned index = fact_members[_i];
  struct cf_buf key, value;

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

static const char *const rows[] = {"blocks", "hashes", "times", "id", "info"};

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
      cf_segment_pool_free(r.pool);
      ck_assert(tally_sum(r.tally.damaged) + r.tally.unopened > 0 ||
                cf_str_is(cf_buf_str(&key), "checkpoint"));
    }
    file_copy(temp_path("copy"), segment_path);
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
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};
  struct cf_buf key, value;
  char text[300];

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  ck_assert(tamper("info", 1, change_middle, &key, &value));
  ck_assert(cf_str_is(cf_buf_str(&key), "filter"));
  reader_id(&r, fact_id(1, text));
  reader_end(&r);
  ck_assert_uint_eq(r.tally.damaged[CF_SHEET_INDEX + CF_M_ID], 1);
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

/* Whatever stands in an entry, with good checksums, is read without a crash.
 * (What it says may be false then: that is for the ledger's hashes to find.) */
static void read_roughly(struct cf_segment *s)
{
  uint8_t hashes[64 * CF_HASH_N];
  int64_t times[256];
  struct cf_buf b;
  struct cf_bits bits;
  struct cf_str key;
  enum cf_err err = CF_OK;

  cf_buf_init(&b, 1 << 20);
  ck_assert_ok(cf_bits_new(RECORDS, &bits));
  for (uint32_t i = 0; i < RECORDS; i += 256) {
    struct cf_term term = {.index = fact_members[i / 256 % FACT_MEMBERS_N], .prefix = true};
    struct found f = {0, {0}};
    if (fact_key(i, term.index, &key))
      term.first = key;
    err = cf_segment_block(s, i / 64, &b);
    err = cf_segment_hashes(s, i, 64, hashes);
    err = cf_segment_times(s, i, 256, times);
    err = cf_segment_match(s, &term, 0, &bits);
    term.first = (struct cf_str){"", 0};
    err = cf_segment_match(s, &term, 0, &bits);
    err = cf_segment_find_id(s, fact_mix(i, 6), reader_collect, &f);
  }
  (void)err;
  cf_bits_free(&bits);
  cf_buf_fini(&b);
}

START_TEST(test_changed_entry)
{
  const char *name = cf_sheet_name((unsigned)_i);
  struct cf_buf key, value;

  if (name == NULL)
    return;
  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(segment_path, temp_path("copy"));
  for (unsigned k = 0; k < cf_test_rounds(8); k++) {
    bool there = tamper(name, (int)(k / 2 * 3), change_some, &key, &value);
    struct cf_segment_pool *p = segment_pool_new();
    struct cf_segment *s = NULL;
    if (cf_segment_acquire(p, &segment_meta, &s) == CF_OK) {
      read_roughly(s);
      cf_segment_release(p, s);
    }
    cf_segment_pool_free(p);
    file_copy(temp_path("copy"), segment_path);
    if (!there)
      break;
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
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
      {.tcase = "not sworn", .test = test_changed_filter},
      {.tcase = "not sworn", .test = test_changed_entry, .loops = CF_SHEET_N},
  };
  return cf_test_run("segment_damage", tests, CF_COUNT(tests));
}
