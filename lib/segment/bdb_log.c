/* SPDX-License-Identifier: MIT */
/* Whether the log of an environment is where it was written: what is synced in
 * a file that nobody can find any more is lost all the same.
 *
 * The newest file is kept open by a descriptor of our own, so that its inode
 * number is not given to another. The library makes each file under the next
 * number, and removes the oldest ones at a checkpoint, and only there. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/segment/bdb_file_in.h"
#include "lib/segment/bdb_in.h"

#define NAME_N 24

static const char *log_name(uint32_t number, char name[NAME_N])
{
  (void)snprintf(name, NAME_N, "log.%010lu", (unsigned long)number);
  return name;
}

static bool is_there(const struct cf_bdb_log *log, uint32_t number)
{
  char name[NAME_N];

  return faccessat(log->home, log_name(number, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Which inode has that name; false: errno says why it cannot be told. Its times
 * are not asked for: once they were seen, the next write gives the file new
 * ones, and where the file system keeps no journal the sync writes them too. A
 * sandbox may know of no such question; then it is asked in the old way. */
static bool inode_look(const struct cf_bdb_log *log, uint32_t number, uint64_t *inode)
{
  char name[NAME_N];
  struct statx found;
  struct stat st;

  if (statx(log->home, log_name(number, name), AT_SYMLINK_NOFOLLOW, STATX_INO, &found) == 0) {
    *inode = found.stx_ino;
    return true;
  }
  if (errno == ENOENT || fstatat(log->home, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return false;
  *inode = st.st_ino;
  return true;
}

/* Under the lock: has the library gone on to another file? */
static void newest_find(struct cf_bdb_log *log)
{
  char name[NAME_N];
  struct stat st;
  int fd;

  while ((fd = openat(log->home, log_name(log->last + 1, name), O_PATH | O_NOFOLLOW | O_CLOEXEC)) >=
         0) {
    if (log->newest >= 0)
      close(log->newest);
    log->newest = fd;
    log->last++;
    log->inode = fstat(fd, &st) == 0 ? st.st_ino : 0;
  }
}

void cf_bdb_log_begin(struct cf_bdb_log *log, const char *directory, uint32_t first)
{
  pthread_mutex_init(&log->lock, NULL);
  log->home = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  log->newest = -1;
  log->first = first > 0 ? first : 1;
  log->last = log->first - 1;
  newest_find(log);
}

void cf_bdb_log_end(struct cf_bdb_log *log)
{
  cf_bdb_file_offer(-1);
  pthread_mutex_destroy(&log->lock);
  if (log->home >= 0)
    close(log->home);
  if (log->newest >= 0)
    close(log->newest);
}

int cf_bdb_log_remove(struct cf_bdb_env *env)
{
  struct cf_bdb_log *log = &env->log;

  pthread_mutex_lock(&log->lock);
  newest_find(log); /* it stays, and none before it may be taken for the newest */
  log->removing = true;
  pthread_mutex_unlock(&log->lock);
  int result = env->env->log_archive(env->env, NULL, DB_ARCH_REMOVE);
  pthread_mutex_lock(&log->lock);
  while (log->first < log->last && !is_there(log, log->first))
    log->first++;
  log->removing = false;
  pthread_mutex_unlock(&log->lock);
  return result;
}

/* Is the file that is written to full enough that a next one will be wanted? */
static bool is_well_begun(const struct cf_bdb_env *env)
{
  DB_LOG_STAT *stat = NULL;

  if (env->env->log_stat(env->env, &stat, 0) != 0)
    return false;
  bool well = stat->st_cur_offset >= CF_BDB_LOG_FILE / 4;
  free(stat);
  return well;
}

/* Written, so that its blocks are in their place, and not only its length: a
 * commit then changes nothing of the file but what it writes. */
static bool zeros_write(int fd)
{
  static const char zeros[1 << 16];
  bool written = posix_fallocate(fd, 0, CF_BDB_LOG_FILE) == 0;

  for (size_t n = 0; written && n < CF_BDB_LOG_FILE; n += sizeof zeros)
    written = cf_file_write(fd, (struct cf_str){zeros, sizeof zeros});
  return written && fdatasync(fd) == 0;
}

void cf_bdb_log_prepare(struct cf_bdb_env *env)
{
  int64_t now = cf_clock_mono_us();

  if (cf_bdb_file_offered() || now < env->log.try_us || !is_well_begun(env))
    return;
  int fd = openat(env->log.home, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, CF_BDB_MODE);
  bool written = fd >= 0 && zeros_write(fd);
  if (written)
    cf_bdb_file_offer(fd);
  else if (fd >= 0)
    (void)close(fd);
  if (!written)
    env->log.try_us = now + CF_HOUR_US;
}

bool cf_bdb_log_holds(struct cf_bdb_env *env, bool all)
{
  struct cf_bdb_log *log = &env->log;
  uint64_t inode = 0;
  bool holds = true;

  pthread_mutex_lock(&log->lock);
  if (log->last >= log->first && !inode_look(log, log->last, &inode))
    holds = errno != ENOENT;
  else if (inode != log->inode)
    holds = false;
  else
    newest_find(log);
  for (uint32_t i = log->first; all && !log->removing && holds && i < log->last; i++)
    holds = is_there(log, i) || errno != ENOENT;
  pthread_mutex_unlock(&log->lock);
  return holds;
}

const char *cf_bdb_gone(struct cf_bdb *db)
{
  struct stat held, there;
  const char *file, *name;
  int fd;

  if (db == NULL || db->db->get_dbname(db->db, &file, &name) != 0 || db->db->fd(db->db, &fd) != 0 ||
      fstat(fd, &held) != 0)
    return NULL;
  if (fstatat(db->env->log.home, file, &there, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? file : NULL;
  return there.st_dev == held.st_dev && there.st_ino == held.st_ino ? NULL : file;
}
