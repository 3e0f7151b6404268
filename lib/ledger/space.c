/* SPDX-License-Identifier: MIT */
/* Free space: events are refused while there is little, reads while there is
 * half as little, and a reserve file is given up so that recovery, seals and
 * the stop record still find room where a quota hides what is left. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/file.h"
#include "lib/ledger/ledger_in.h"

#define RESERVE_BYTES (16 << 20)
#define CHECK_US      INT64_C(200000)
#define TELL_US       INT64_C(60000000)

uint64_t cf_space_free(const struct cf_ledger *l)
{
  struct statvfs s;
  return fstatvfs(l->directory, &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : 0;
}

bool cf_space_ok(struct cf_ledger *l)
{
  int64_t now = cf_clock_mono_us();
  if (l->space_checked_us != 0 && now - l->space_checked_us < CHECK_US)
    return l->space_ok;
  l->space_left = cf_space_free(l);
  bool ok = l->space_left >= l->conf->min_free;
  if (ok && l->space_checked_us != 0 && !l->space_ok)
    cf_log(CF_LOG_WARNING, "%s: there is space again: events are taken", l->conf->data);
  l->space_ok = ok;
  l->space_checked_us = now;
  return ok;
}

void cf_space_tell(struct cf_ledger *l)
{
  int64_t now = cf_clock_mono_us();
  int64_t told = atomic_load(&l->space_told_us);
  if ((told != 0 && now - told < TELL_US) ||
      !atomic_compare_exchange_strong(&l->space_told_us, &told, now))
    return;
  cf_log(
      CF_LOG_ERROR,
      "%s: %llu bytes are free, and min_free is %llu: requests get 507 until there is more, or a quota allows it; free some space there",
      l->conf->data, (unsigned long long)cf_space_free(l), (unsigned long long)l->conf->min_free);
}

bool cf_space_reads_ok(struct cf_ledger *l)
{
  return (cf_space_ok(l) || l->space_left >= l->conf->min_free / 2) &&
         !atomic_load(&l->reserve_gone);
}

static bool has_reserve(const struct cf_ledger *l)
{
  struct stat st;
  return fstatat(l->directory, "reserve", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
         st.st_size >= RESERVE_BYTES;
}

bool cf_space_reserve(struct cf_ledger *l)
{
  if (has_reserve(l) || cf_space_free(l) < l->conf->min_free + RESERVE_BYTES)
    return true;
  (void)unlinkat(l->directory, "reserve", 0); /* too short, or no file of ours */
  int fd = cf_file_make(l->directory, "reserve", O_WRONLY);
  bool made = fd >= 0 && posix_fallocate(fd, 0, RESERVE_BYTES) == 0;
  if (fd >= 0)
    (void)close(fd);
  if (fd >= 0 && !made)
    (void)unlinkat(l->directory, "reserve", 0);
  if (made)
    atomic_store(&l->reserve_gone, false);
  return made;
}

/* Where a quota hides what is left nobody sees it come back: a try would take
 * it from the log for a moment, which ends the process. (The log's next file is
 * tried there too, at most once an hour.) */
bool cf_space_watch(struct cf_ledger *l)
{
  uint64_t left = cf_space_free(l);
  if (left < l->conf->min_free) {
    l->was_short = true;
  } else if (l->was_short && left >= l->conf->min_free + RESERVE_BYTES) {
    l->was_short = false;
    if (!cf_space_reserve(l))
      cf_log(CF_LOG_WARNING, "there is no space for the reserve");
  }
  return !atomic_load(&l->reserve_gone) && left >= l->conf->min_free + 2 * RESERVE_BYTES;
}

bool cf_space_release(struct cf_ledger *l)
{
  if (unlinkat(l->directory, "reserve", 0) != 0)
    return false;
  atomic_store(&l->reserve_gone, true);
  cf_log(CF_LOG_WARNING, "out of space: the reserve was given up; free some space");
  return true;
}

bool cf_ledger_reads_ok(struct cf_ledger *l)
{
  if (l->signer == NULL) /* a copy, in which nothing is written */
    return true;
  (void)pthread_mutex_lock(&l->queue.lock);
  bool ok = cf_space_reads_ok(l);
  (void)pthread_mutex_unlock(&l->queue.lock);
  if (!ok)
    cf_space_tell(l);
  return ok;
}
