/* SPDX-License-Identifier: MIT */
/* The largest checkpoint that somebody kept. */
#include "config.h"

#include "lib/proof/anchor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---- lists ---- */

const char *cf_anchor_path(const char *option)
{
  return strncmp(option, "file:/", 6) == 0 ? option + 5 : NULL;
}

/* The end of a file, appended to b. */
static enum cf_err end_read(int fd, struct cf_buf *b)
{
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
    return CF_E_SYSTEM;
  size_t n = st.st_size > CF_ANCHOR_LIST ? CF_ANCHOR_LIST : (size_t)st.st_size;
  uint8_t *p = cf_buf_grow(b, n);
  if (n > 0 && (p == NULL || pread(fd, p, n, st.st_size - (off_t)n) != (ssize_t)n))
    return p == NULL ? CF_E_NOMEM : CF_E_SYSTEM;
  return CF_OK;
}

/* Cut what is before the next empty line off, and empty ones before it. */
static struct cf_str block_cut(struct cf_str *text)
{
  while (cf_str_starts(*text, CF_STR("\n")))
    *text = cf_str_behind(*text, 1);
  const char *end = text->n == 0 ? NULL : memmem(text->p, text->n, "\n\n", 2);
  size_t n = end == NULL ? text->n : (size_t)(end - text->p) + 1;
  struct cf_str block = {text->p, n};
  *text = cf_str_behind(*text, end == NULL ? n : n + 1);
  return block;
}

/* A note is a block, and behind it one of signature lines. Gives how many
 * count. */
static size_t blocks_take(struct cf_anchor *anchor, const char *path, struct cf_str text,
                          const struct cf_keys *keys)
{
  size_t n = 0;
  struct cf_str before = block_cut(&text);
  while (text.n > 0) {
    struct cf_str block = block_cut(&text);
    struct cf_str note = {before.p, (size_t)(block.p + block.n - before.p)};
    n += cf_anchor_take(anchor, path, note, keys) == CF_OK;
    before = block;
  }
  return n;
}

enum cf_err cf_anchor_list(struct cf_anchor *anchor, const char *path, const struct cf_keys *keys,
                           struct cf_fault *fault)
{
  struct cf_buf b;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return CF_OK;
  cf_buf_init(&b, CF_ANCHOR_LIST);
  enum cf_err err = fd < 0 ? CF_E_SYSTEM : end_read(fd, &b);
  if (err != CF_OK)
    err = cf_fail_errno(fault, err, path,
                        "cannot be read; what was signed cannot be known without it: let this user "
                        "read it, or strike the anchor out of the configuration");
  else if (b.n > 0 && blocks_take(anchor, path, cf_buf_str(&b), keys) == 0)
    cf_log(CF_LOG_ERROR, "%s: none of its last checkpoints is of this ledger's key", path);
  if (fd >= 0)
    (void)close(fd);
  cf_buf_fini(&b);
  return err;
}

/* ---- directories ---- */

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
