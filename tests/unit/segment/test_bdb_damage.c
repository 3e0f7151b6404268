/* SPDX-License-Identifier: MIT */
/* Berkeley DB files that are damaged: what is read is right or CF_E_DAMAGED,
 * and nothing beside the damage suffers. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/segment/bdb_stage.h"

static off_t size_of(const char *path)
{
  struct stat st;

  ck_assert_int_eq(stat(path, &st), 0);
  return st.st_size;
}

/* Read everything with both ways of reading: right, or CF_E_DAMAGED from then
 * on. *good counts what could be read. */
static bool read_damaged(const char *name, uint32_t *good)
{
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;

  enum cf_err err = cf_bdb_open(env, NULL, bdb_file, name, CF_BDB_READ, 0, &db);
  for (uint32_t i = 0; err == CF_OK && i < MANY; i++) {
    err = bdb_get_number(db, i);
    *good = i;
  }
  if (err != CF_OK) {
    ck_assert_err(err, CF_E_DAMAGED);
    struct cf_bdb *again = NULL;
    ck_assert_err(cf_bdb_open(env, NULL, bdb_file, name, CF_BDB_READ, 0, &again), CF_E_DAMAGED);
    if (db != NULL) {
      ck_assert_err(bdb_get_number(db, 0), CF_E_DAMAGED);
      ck_assert_err(cf_bdb_cursor_open(db, &cursor), CF_E_DAMAGED);
    }
  } else {
    ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
    for (uint32_t i = 0; i < MANY; i++)
      ck_assert_ok(
          cf_bdb_cursor_move(cursor, i == 0 ? CF_BDB_FIRST : CF_BDB_NEXT, CF_STR(""), &k, &v));
    ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v), CF_E_NOTFOUND);
    cf_bdb_cursor_close(cursor);
  }
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return err == CF_OK;
}

START_TEST(test_damage_in_a_file)
{
  bdb_make_file();
  off_t size = size_of(bdb_file);
  int damaged = 0;

  ck_assert_int_gt(size, 200 * PAGE);
  for (off_t page = 0; page < size / PAGE; page += 13) {
    off_t at = page * PAGE + (page * 7919) % PAGE;
    uint32_t good = 0;
    temp_flip(bdb_file, at);
    bool one = read_damaged("one", &good);
    bool two = read_damaged("two", &good);
    damaged += !one + !two;
    ck_assert_msg(page == 0 || one || two, "page %ld spoils both", (long)page);
    temp_flip(bdb_file, at);
  }
  ck_assert_int_gt(damaged, 10);
}
END_TEST

/* The pages beside a damaged one can be read after opening anew, and a cursor
 * open at the moment of damage closes quietly. */
START_TEST(test_beside_the_damage)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;
  uint32_t good = 0;

  bdb_make_file();
  temp_flip(bdb_file, 40 * PAGE + 999);
  ck_assert(!read_damaged("one", &good));
  ck_assert_uint_gt(good, 100);
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = bdb_open(env, bdb_file, "one", CF_BDB_READ);
  for (uint32_t i = good + 200; i < MANY; i++)
    ck_assert_ok(bdb_get_number(db, i));
  enum cf_err err = cf_bdb_cursor_open(db, &cursor);
  while (err == CF_OK)
    err = cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v);
  ck_assert_err(err, CF_E_DAMAGED);
  ck_assert_err(cf_bdb_cursor_move(cursor, CF_BDB_NEXT, CF_STR(""), &k, &v), CF_E_DAMAGED);
  cf_bdb_cursor_close(cursor);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* Damage that checksums do not see: a page of zeros, one from elsewhere in the
 * file, a leaf that says it is a metadata page. */
static void spoil_page(int how, int fd, off_t page, off_t pages)
{
  static const uint8_t zeros[PAGE];
  uint8_t bytes[PAGE];
  off_t from = how == 1 ? (page + pages / 2) % pages : page;

  ck_assert_int_eq(pread(fd, bytes, PAGE, from * PAGE), PAGE);
  bytes[25] = how == 2 && bytes[25] == 5 ? 9 : bytes[25];
  ck_assert_int_eq(pwrite(fd, how == 0 ? zeros : bytes, PAGE, page * PAGE), PAGE);
}

START_TEST(test_wrong_page)
{
  uint8_t kept[PAGE];
  uint32_t good = 0;
  int damaged = 0;

  bdb_make_file();
  off_t pages = size_of(bdb_file) / PAGE;
  int fd = open(bdb_file, O_RDWR);
  ck_assert_int_ge(fd, 0);
  for (off_t page = 0; page < pages; page += 13) {
    ck_assert_int_eq(pread(fd, kept, PAGE, page * PAGE), PAGE);
    spoil_page(_i, fd, page, pages);
    damaged += !read_damaged("one", &good);
    damaged += !read_damaged("two", &good);
    ck_assert_int_eq(pwrite(fd, kept, PAGE, page * PAGE), PAGE);
  }
  ck_assert_int_gt(damaged, 10);
  close(fd);
}
END_TEST

START_TEST(test_cut_file)
{
  static const off_t sizes[] = {0,        1,         100,           PAGE,      2 * PAGE,
                                3 * PAGE, 10 * PAGE, 77 * PAGE + 5, 200 * PAGE};
  uint32_t good = 0;

  bdb_make_file();
  ck_assert_int_eq(truncate(bdb_file, sizes[_i]), 0);
  ck_assert(!read_damaged("two", &good));
}
END_TEST

START_TEST(test_not_a_database)
{
  struct cf_bdb_env *env = bdb_file_env_open();
  struct cf_bdb *db = NULL;
  FILE *f = fopen(bdb_file, "w");

  ck_assert_ptr_nonnull(f);
  for (int i = 0; i < 3 * PAGE; i++)
    fputc(i * 31, f);
  fclose(f);
  ck_assert_err(cf_bdb_open(env, NULL, bdb_file, "one", CF_BDB_READ, 0, &db), CF_E_DAMAGED);
  cf_bdb_env_close(env);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "damage",
       .test = test_damage_in_a_file,
       .setup = bdb_set_up,
       .teardown = bdb_tear_down},
      {.tcase = "damage", .test = test_beside_the_damage},
      {.tcase = "damage", .test = test_wrong_page, .loops = 3},
      {.tcase = "damage", .test = test_cut_file, .loops = 9},
      {.tcase = "damage", .test = test_not_a_database},
  };
  return cf_test_run("bdb_damage", tests, CF_COUNT(tests));
}
