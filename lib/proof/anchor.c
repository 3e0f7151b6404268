/* SPDX-License-Identifier: MIT */
/* The largest checkpoint that somebody kept. */
#include "config.h"

#include "lib/proof/anchor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/file.h"

#define ANCHORS_MAX 1000

void cf_anchor_init(struct cf_anchor *anchor, uint64_t max)
{
  memset(anchor, 0, sizeof *anchor);
  anchor->max = max;
  cf_buf_init(&anchor->note, CF_NOTE_MAX);
}

void cf_anchor_fini(struct cf_anchor *anchor)
{
  cf_buf_fini(&anchor->note);
}

enum cf_err cf_anchor_take(struct cf_anchor *anchor, const char *where, struct cf_str note,
                           const struct cf_keys *keys)
{
  struct cf_checkpoint got;
  enum cf_err err = cf_keys_checkpoint(keys, note, &got);
  if (err != CF_OK || got.size > anchor->max ||
      (anchor->any && got.size <= anchor->checkpoint.size))
    return err;
  cf_buf_reset(&anchor->note);
  cf_buf_putstr(&anchor->note, note);
  if (anchor->note.err != CF_OK)
    return anchor->note.err;
  anchor->any = true;
  anchor->checkpoint = got;
  (void)snprintf(anchor->where, sizeof anchor->where, "%s", where);
  return CF_OK;
}

/* What is there and cannot be read may be the largest: only what is not there
 * is passed over, and, with a line in the log, what is no checkpoint. */
static enum cf_err file_take(struct cf_anchor *anchor, int directory, const char *path,
                             const char *name, const struct cf_keys *keys, struct cf_fault *fault)
{
  char where[sizeof anchor->where];
  struct cf_fault why = {"", ""};
  struct cf_buf note;
  mode_t mode;
  (void)snprintf(where, sizeof where, "%s/%s", path, name);
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_file_get(directory, name, &note, &mode, &why);
  if (err == CF_OK)
    err = cf_anchor_take(anchor, where, cf_buf_str(&note), keys);
  cf_buf_fini(&note);
  if (err == CF_E_SYSTEM)
    return cf_fail(fault, err, where,
                   "%s; what was signed cannot be known without it: let this user read it (chown, "
                   "chmod), allow more open files (ulimit -n), or mend the disk",
                   why.detail);
  if (err == CF_OK || err == CF_E_NOTFOUND || err == CF_E_NOMEM)
    return err == CF_E_NOMEM ? err : CF_OK;
  cf_log(CF_LOG_ERROR, "%s does not count as a checkpoint of this ledger: %s", where,
         cf_fault_text(&why, err));
  return CF_OK;
}

static bool is_memory(const char *name)
{
  return strcmp(name, "state") == 0 || strcmp(name, "before") == 0 ||
         strncmp(name, "anchor", 6) == 0;
}

enum cf_err cf_anchor_look(struct cf_anchor *anchor, int directory, const char *path,
                           const struct cf_keys *keys, struct cf_fault *fault)
{
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d == NULL) {
    if (fd >= 0)
      (void)close(fd);
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the directory");
  }
  unsigned n = 0;
  enum cf_err err = CF_OK;
  for (struct dirent *e; err == CF_OK && (e = readdir(d)) != NULL;) {
    if (!is_memory(e->d_name))
      continue;
    err = ++n > ANCHORS_MAX
              ? cf_fail(fault, CF_E_CONFIG, path, "more than %u files anchor*", ANCHORS_MAX)
              : file_take(anchor, dirfd(d), path, e->d_name, keys, fault);
  }
  (void)closedir(d);
  return err;
}
