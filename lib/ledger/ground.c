/* SPDX-License-Identifier: MIT */
/* The ground that an open ledger stands on: is what it has open still what
 * stands at its place? What is synced in files that were removed, moved away or
 * replaced is lost at the next start, however well the sync went. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/ledger/ledger_in.h"

#define LAST_WORDS_US INT64_C(1000000) /* for requests that are here to get their answers */

/* One more that `held` is, and that `path` in the directory `at` has to lead
 * to. */
static enum cf_err spot_add(struct cf_ground *g, int at, const char *path, int held,
                            struct cf_fault *fault)
{
  struct cf_spot *spot = &g->spot[g->n];
  struct stat st;
  if (held < 0 || fstat(held, &st) != 0)
    return cf_fail_errno(
        fault, CF_E_SYSTEM, path,
        "it cannot be opened (put it back from a backup; where it is lost, `mkdir -m 700` goes on without what was in it)");
  *spot = (struct cf_spot){.at = at, .path = path, .device = st.st_dev, .inode = st.st_ino};
  g->n++;
  return CF_OK;
}

enum cf_err cf_ground_take(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_ground *g = &l->ground;
  g->env = openat(l->directory, "env", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g->segments = openat(l->directory, "segments", O_PATH | O_DIRECTORY | O_CLOEXEC);
  enum cf_err err = spot_add(g, AT_FDCWD, l->conf->data, l->directory, fault);
  if (err == CF_OK)
    err = spot_add(g, AT_FDCWD, l->env_path, g->env, fault);
  if (err == CF_OK)
    err = spot_add(g, AT_FDCWD, l->segments_path, g->segments, fault);
  g->of_records = g->n;
  if (err == CF_OK && cf_signer_directory(l->signer) >= 0)
    err = spot_add(g, AT_FDCWD, cf_conf_signer_directory(l->conf), cf_signer_directory(l->signer),
                   fault);
  return err == CF_OK ? spot_add(g, l->directory, "lock", l->lock_fd, fault) : err;
}

void cf_ground_leave(struct cf_ground *g)
{
  const int fds[] = {g->env, g->segments};
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      (void)close(fds[i]);
}

/* What cannot be looked at for another reason is not known to be gone. */
static bool spot_holds(const struct cf_spot *spot)
{
  struct stat st;
  if (fstatat(spot->at, spot->path, &st, 0) == 0)
    return st.st_dev == spot->device && st.st_ino == spot->inode;
  return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
}

static bool ground_lose(struct cf_ledger *l, const struct cf_spot *spot, const char *path)
{
  bool inside = spot == NULL || spot->at != AT_FDCWD;
  if (atomic_exchange(&l->ground.lost, true))
    return false;
  cf_bdb_env_forsake(l->env);
  cf_log(
      CF_LOG_ERROR,
      "%s%s%s was removed, moved away or replaced while it was in use: what came since is neither acknowledged nor signed, and this process ends. Put the same files back and start again; where they are lost, see `counterfoil recover`",
      inside ? l->conf->data : "", inside ? "/" : "", path);
  return false;
}

/* The first table or generation that is not in its place any more, or NULL. One
 * that was rolled is out of the layout before its file goes. */
static const char *table_gone(struct cf_ledger *l)
{
  const char *gone = cf_bdb_gone(l->tiles);
  if (gone == NULL)
    gone = cf_bdb_gone(l->checkpoints);
  for (size_t i = 0; i < CF_TABLES_ALL && gone == NULL; i++)
    gone = cf_bdb_gone(l->table[i]);
  (void)pthread_mutex_lock(&l->look);
  for (size_t i = 0; l->layout != NULL && i < l->layout->tails_n && gone == NULL; i++)
    gone = cf_tail_gone(l->layout->tails[i]);
  (void)pthread_mutex_unlock(&l->look);
  return gone;
}

static bool ground_look(struct cf_ledger *l, bool all)
{
  const struct cf_ground *g = &l->ground;
  size_t n = all ? g->n : g->of_records;
  char table[64];
  if (atomic_load(&g->lost))
    return false;
  for (size_t i = 0; i < n; i++)
    if (!spot_holds(&g->spot[i]))
      return ground_lose(l, &g->spot[i], g->spot[i].path);
  if (!cf_bdb_log_holds(l->env, all))
    return ground_lose(l, NULL, "env/log.*");
  const char *gone = all ? table_gone(l) : NULL;
  if (gone != NULL)
    (void)snprintf(table, sizeof table, "env/%s", gone);
  return gone == NULL || ground_lose(l, NULL, table);
}

bool cf_ground_holds(struct cf_ledger *l)
{
  return ground_look(l, false);
}

bool cf_ground_holds_all(struct cf_ledger *l)
{
  return ground_look(l, true);
}

bool cf_ledger_lost(const struct cf_ledger *l)
{
  return atomic_load(&l->ground.lost);
}

void cf_ground_watch(struct cf_ledger *l)
{
  if (cf_ground_holds_all(l))
    return;
  (void)cf_nap(l, LAST_WORDS_US, NULL);
  cf_die("the ledger's files are not in their place any more (above): this process must not go on");
}
