/* SPDX-License-Identifier: MIT */
/* Cursors over a btree of Berkeley DB. */
#include "config.h"

#include "lib/segment/bdb_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FIRST 256                /* room for a key before its size is known */
#define ITEM_MAX  ((size_t)64 << 20) /* bytes; none of ours is as long */

struct cf_bdb_cursor {
  DBC *cursor;
  struct cf_bdb_env *env;
  DBT key, value; /* memory of the cursor's own, ulen bytes */
};

static bool dbt_reserve(DBT *dbt, size_t n)
{
  if (n <= dbt->ulen)
    return true;
  size_t room = n > UINT32_MAX / 2 ? n : 2 * n;
  void *p = room > UINT32_MAX ? NULL : realloc(dbt->data, room);
  if (p == NULL)
    return false;
  dbt->data = p;
  dbt->ulen = (uint32_t)room;
  return true;
}

enum cf_err cf_bdb_cursor_open(struct cf_bdb *db, struct cf_bdb_cursor **out)
{
  if (cf_bdb_spoiled(db->env))
    return CF_E_DAMAGED;
  struct cf_bdb_cursor *cursor = calloc(1, sizeof *cursor);
  if (cursor == NULL)
    return CF_E_NOMEM;
  cursor->env = db->env;
  cursor->key.flags = DB_DBT_USERMEM;
  cursor->value.flags = DB_DBT_USERMEM;
  enum cf_err err = CF_E_NOMEM;
  if (dbt_reserve(&cursor->key, KEY_FIRST) && dbt_reserve(&cursor->value, CF_BDB_VALUE_FIRST))
    err = cf_bdb_classify(db->env, db->db->cursor(db->db, NULL, &cursor->cursor, 0), "cursor");
  if (err != CF_OK) {
    cf_bdb_cursor_close(cursor);
    return err;
  }
  *out = cursor;
  return CF_OK;
}

void cf_bdb_cursor_close(struct cf_bdb_cursor *cursor)
{
  if (cursor == NULL)
    return;
  int result = cursor->cursor == NULL ? 0 : cursor->cursor->close(cursor->cursor);
  if (result != 0 && !cf_bdb_spoiled(cursor->env))
    (void)cf_bdb_classify(cursor->env, result, "closing a cursor");
  free(cursor->key.data);
  free(cursor->value.data);
  free(cursor);
}

/* The library's move, tried again with more room where key or value did not
 * fit: a move that fails leaves the cursor where it was. */
static int move_with_room(struct cf_bdb_cursor *cursor, uint32_t flag, struct cf_str seek)
{
  for (int tries = 0; tries < 8; tries++) {
    if (flag == DB_SET_RANGE) {
      if (!dbt_reserve(&cursor->key, seek.n))
        return ENOMEM;
      if (seek.n > 0)
        memcpy(cursor->key.data, seek.p, seek.n);
      cursor->key.size = (uint32_t)seek.n;
    }
    int result = cursor->cursor->get(cursor->cursor, &cursor->key, &cursor->value, flag);
    if (result != DB_BUFFER_SMALL)
      return result;
    size_t key_n = cursor->key.size;
    size_t value_n = cursor->value.size;
    if (key_n > ITEM_MAX || value_n > ITEM_MAX) /* a page says so, not the item */
      return EINVAL;
    if (!dbt_reserve(&cursor->key, key_n) || !dbt_reserve(&cursor->value, value_n))
      return ENOMEM;
  }
  return EINVAL;
}

/* The library has no such move: the first key ≥ seek, and one back unless that
 * is it. */
static int move_at_most(struct cf_bdb_cursor *cursor, struct cf_str seek)
{
  int result = move_with_room(cursor, DB_SET_RANGE, seek);

  if (result == DB_NOTFOUND)
    return move_with_room(cursor, DB_LAST, seek);
  if (result != 0 || cf_str_eq((struct cf_str){cursor->key.data, cursor->key.size}, seek))
    return result;
  return move_with_room(cursor, DB_PREV, seek);
}

enum cf_err cf_bdb_cursor_move(struct cf_bdb_cursor *cursor, enum cf_bdb_move move,
                               struct cf_str seek, struct cf_str *key, struct cf_str *value)
{
  static const uint32_t flags[] = {[CF_BDB_FIRST] = DB_FIRST,
                                   [CF_BDB_LAST] = DB_LAST,
                                   [CF_BDB_NEXT] = DB_NEXT,
                                   [CF_BDB_PREV] = DB_PREV,
                                   [CF_BDB_AT_LEAST] = DB_SET_RANGE};
  if (cf_bdb_spoiled(cursor->env))
    return CF_E_DAMAGED;
  int result = move == CF_BDB_AT_MOST ? move_at_most(cursor, seek)
                                      : move_with_room(cursor, flags[move], seek);
  if (result != 0)
    return cf_bdb_classify(cursor->env, result, "cursor");
  *key = (struct cf_str){cursor->key.data, cursor->key.size};
  *value = (struct cf_str){cursor->value.data, cursor->value.size};
  return CF_OK;
}
