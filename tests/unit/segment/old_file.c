/* SPDX-License-Identifier: MIT */
/* Files with Berkeley DB's own checksums. */
#include "config.h"

#include "tests/unit/segment/old_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <db.h>

#include "tests/unit/cf_test.h"

/* ---- writing ---- */

/* One database of the file, or the list of them. */
static DB *old_open(const char *path, const char *name, uint32_t flags, uint32_t page)
{
  DB *db = NULL;

  ck_assert_int_eq(db_create(&db, NULL, 0), 0);
  if (page > 0) {
    ck_assert_int_eq(db->set_flags(db, DB_CHKSUM), 0);
    ck_assert_int_eq(db->set_pagesize(db, page), 0);
  }
  ck_assert_int_eq(db->open(db, NULL, path, name, DB_BTREE, flags, 0600), 0);
  return db;
}

static void database_copy(const char *from, const char *to, const char *name, uint32_t page)
{
  DB *in = old_open(from, name, DB_RDONLY, 0), *out = old_open(to, name, DB_CREATE, page);
  DBC *cursor = NULL;
  DBT key = {0}, value = {0};

  ck_assert_int_eq(in->cursor(in, NULL, &cursor, 0), 0);
  while (cursor->get(cursor, &key, &value, DB_NEXT) == 0)
    ck_assert_int_eq(out->put(out, NULL, &key, &value, 0), 0);
  ck_assert_int_eq(cursor->close(cursor), 0);
  ck_assert_int_eq(in->close(in, 0), 0);
  ck_assert_int_eq(out->close(out, 0), 0);
}

void old_file_make(const char *path, uint32_t page)
{
  char other[400], name[64];
  DB *list = old_open(path, NULL, DB_RDONLY, 0);
  DBC *cursor = NULL;
  DBT key = {0}, value = {0};

  snprintf(other, sizeof other, "%s.old", path);
  ck_assert_int_eq(list->cursor(list, NULL, &cursor, 0), 0);
  while (cursor->get(cursor, &key, &value, DB_NEXT) == 0) {
    snprintf(name, sizeof name, "%.*s", (int)key.size, (const char *)key.data);
    database_copy(path, other, name, page);
  }
  ck_assert_int_eq(cursor->close(cursor), 0);
  ck_assert_int_eq(list->close(list, 0), 0);
  ck_assert_int_eq(rename(other, path), 0);
}

/* ---- checksums ---- */

enum { TYPE_AT = 25, META_TYPE = 9, META_N = 512 };
enum { PAGE_SUM_AT = 28, META_SUM_AT = 492 };

void old_file_mend(uint8_t *page, uint32_t n)
{
  bool meta = page[TYPE_AT] == META_TYPE;
  size_t at = meta ? META_SUM_AT : PAGE_SUM_AT;
  uint32_t sum = 0;

  memset(page + at, 0, sizeof sum);
  for (uint32_t i = 0; i < (meta ? META_N : n); i++)
    sum = (sum << 5) + sum + page[i];
  memcpy(page + at, &sum, sizeof sum);
}
