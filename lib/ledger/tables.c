/* SPDX-License-Identifier: MIT */
/* Tables that a ledger can do without: tokens are made anew, sessions begin
 * anew, and of the kept checkpoints the signer's is the newest. A page of one
 * that cannot be read would end the process, as it does in the tables that hold
 * the chain: so they are read through beforehand, each in an environment of its
 * own, and a damaged one is set aside. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define CACHE ((uint64_t)1 << 20)

static const struct {
  const char *file, *advice;
} spare[] = {
    {"tokens", "make them anew with `counterfoil token add`, or put that file of a backup back"},
    {"sessions", "who was signed in at the page signs in again"},
    {"checkpoints", "those of before are in backups only; the newest is the signer's"},
};

/* Keys ascend: pages that lead back to one before would be read for ever. */
static enum cf_err key_follow(struct cf_buf *last, struct cf_str key)
{
  if (cf_str_cmp(cf_buf_str(last), key) >= 0)
    return CF_E_DAMAGED;
  cf_buf_reset(last);
  cf_buf_putstr(last, key);
  return last->err;
}

/* CF_E_DAMAGED where a row or a page cannot be read. */
static enum cf_err rows_read(const char *path)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  struct cf_buf last;
  cf_buf_init(&last, SIZE_MAX / 2);
  enum cf_err err = cf_bdb_env_open_file(NULL, CACHE, &env, NULL);
  if (err == CF_OK)
    err = cf_bdb_open(env, NULL, path, NULL, CF_BDB_READ, 0, &db);
  if (err == CF_OK)
    err = cf_bdb_cursor_open(db, &cursor);
  for (enum cf_bdb_move move = CF_BDB_FIRST; err == CF_OK; move = CF_BDB_NEXT) {
    err = cf_bdb_cursor_move(cursor, move, none, &key, &value);
    if (err == CF_OK)
      err = key_follow(&last, key);
  }
  cf_buf_fini(&last);
  cf_bdb_cursor_close(cursor);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err file_aside(const char *path, const char *advice, struct cf_fault *fault)
{
  char *to = NULL;
  if (asprintf(&to, "%s.damaged", path) < 0)
    return CF_E_NOMEM;
  enum cf_err err = CF_OK;
  if (rename(path, to) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot set the damaged table aside");
  else
    cf_log(CF_LOG_ERROR, "the table %s is damaged and was set aside as %s: %s", path, to, advice);
  free(to);
  return err;
}

enum cf_err cf_tables_check(const struct cf_ledger *l, bool *aside, struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; err == CF_OK && i < sizeof spare / sizeof spare[0]; i++) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", l->env_path, spare[i].file) < 0)
      return CF_E_NOMEM;
    err = access(path, F_OK) == 0 ? rows_read(path) : CF_OK;
    if (err == CF_E_DAMAGED) {
      err = file_aside(path, spare[i].advice, fault);
      *aside |= err == CF_OK;
    }
    free(path);
  }
  return err;
}

bool cf_ledger_table_lost(const struct cf_ledger *l, enum cf_table table)
{
  char *path = NULL;
  if (asprintf(&path, "%s/%s.damaged", l->env_path, cf_table_files[table]) < 0)
    return false;
  bool lost = access(path, F_OK) == 0;
  free(path);
  return lost;
}
