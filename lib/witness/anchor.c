/* SPDX-License-Identifier: MIT */
/* Plain anchors: files that take one signed checkpoint behind the other, on
 * another disk, or where this user may append and nothing else. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/file.h"
#include "lib/proof/anchor.h"
#include "lib/witness/witness_in.h"

/* What the file ends with, as much of it as there is up to n bytes. */
static bool end_read(int fd, size_t n, struct cf_buf *end)
{
  struct stat st;
  if (fstat(fd, &st) != 0)
    return false;
  size_t size = (uint64_t)st.st_size < n ? (size_t)st.st_size : n;
  uint8_t *p = cf_buf_grow(end, size);
  return size == 0 || (p != NULL && pread(fd, p, size, st.st_size - (off_t)size) == (ssize_t)size);
}

/* Behind what a crash cut short an empty line comes first. One that is near the
 * end is not written again. */
static bool note_append(int fd, struct cf_str note)
{
  struct cf_buf end, b;
  cf_buf_init(&end, CF_ANCHOR_LIST);
  cf_buf_init(&b, CF_NOTE_MAX + 4);
  bool ok = end_read(fd, CF_ANCHOR_LIST, &end);
  bool whole = end.n == 0 || (end.n >= 2 && memcmp(end.p + end.n - 2, "\n\n", 2) == 0);
  cf_buf_puts(&b, "\n\n");
  cf_buf_putstr(&b, note);
  cf_buf_putc(&b, '\n');
  struct cf_str all = cf_buf_str(&b), block = cf_str_behind(all, 2);
  ok = ok && b.err == CF_OK;
  bool there = ok && end.n > 0 && memmem(end.p, end.n, block.p, block.n) != NULL;
  ok = ok && (there || cf_file_write(fd, whole ? block : all)) && fsync(fd) == 0;
  cf_buf_fini(&end);
  cf_buf_fini(&b);
  return ok;
}

enum cf_err cf_anchor_append(const char *path, struct cf_str note, struct cf_fault *fault)
{
  struct stat st;
  bool made = stat(path, &st) != 0 && errno == ENOENT;
  int fd = cf_file_make(AT_FDCWD, path, O_RDWR | O_APPEND);
  bool ok = fd >= 0 && note_append(fd, note) && (!made || cf_file_sync_name(path));
  enum cf_err err =
      ok ? CF_OK : cf_fail_errno(fault, CF_E_SYSTEM, path, "a checkpoint cannot be appended");
  if (fd >= 0)
    (void)close(fd);
  return err;
}

bool cf_anchors_append(const struct cf_conf *conf, struct cf_str note)
{
  static struct cf_log_rate rate;
  bool all = true;
  for (size_t i = 0; i < conf->anchor.n; i++) {
    struct cf_fault fault = {"", ""};
    const char *path = cf_anchor_path(conf->anchor.v[i]);
    enum cf_err err = path == NULL ? CF_E_CONFIG : cf_anchor_append(path, note, &fault);
    if (err != CF_OK)
      cf_log_rated(&rate, CF_LOG_ERROR, "anchor %s: %s", conf->anchor.v[i],
                   cf_fault_text(&fault, err));
    all = all && err == CF_OK;
  }
  return all;
}
