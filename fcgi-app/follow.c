/* SPDX-License-Identifier: MIT */
/* A log file followed through renames, truncations and restarts. */
#include "config.h"

#include "fcgi-app/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/diag.h"

#define FRONT_N 512  /* bytes at a file's begin by which a truncation is seen though the file has grown again */
#define FILES_MAX 16 /* one, and those that were renamed within drain_us */

struct file {
  int fd;             /* -1: only what is in memory is left of it */
  uint64_t device, inode;
  struct cf_lines lines;
  struct cf_line held; /* taken, and not yet given, for want of a name */
  bool holds;
  uint64_t given;     /* behind the last line given */
  uint64_t safe;      /* behind the last line that was given and is safe */
  char head[CF_HEAD_N + 1]; /* empty while its first line is not complete */
  uint8_t front[FRONT_N];
  size_t front_n;
  int64_t heard_us;   /* when bytes came last, or it was renamed */
  bool gone;          /* the path names another file */
  bool ended;         /* what stands behind its last LF is a line */
};

struct cf_follow {
  char *path;
  struct cf_follow_rules rules;
  struct file files[FILES_MAX]; /* oldest first; only the last one may be not gone */
  size_t files_n;
};

/* ---- Opening ---- */

static bool is_compressed(int fd) {
  static const struct {
    size_t at;
    struct cf_str bytes;
  } magics[] = {{0, {"\x1f\x8b", 2}}, {0, {"\x28\xb5\x2f\xfd", 4}}, {0, {"\xfd" "7zXZ", 5}}, {4, {"1AY&SY", 6}}}; /* gzip, zstd, xz, bzip2 */
  char start[16] = {0};
  if (pread(fd, start, sizeof start, 0) <= 0) return false;
  for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
    if (memcmp(start + magics[i].at, magics[i].bytes.p, magics[i].bytes.n) == 0) return true;
  return false;
}

static enum cf_err check_kind(const struct cf_follow *f, int fd, const struct stat *st, struct cf_fault *fault) {
  if (S_ISDIR(st->st_mode) || (f->rules.on && !S_ISREG(st->st_mode))) return cf_fail(fault, CF_E_CONFIG, f->path, "is no regular file");
  if (S_ISREG(st->st_mode) && is_compressed(fd)) return cf_fail(fault, CF_E_CONFIG, f->path, "is compressed; give its text to `counterfoil import -`");
  return CF_OK;
}

/* Open the path. CF_E_NOTFOUND where there is none and it may come yet. */
static enum cf_err open_path(const struct cf_follow *f, int *fd, struct stat *st, struct cf_fault *fault) {
  bool standard = strcmp(f->path, "-") == 0;
  int got = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (f->rules.on ? O_NONBLOCK : 0));
  if (got < 0 && errno == ENOENT && f->rules.on) return CF_E_NOTFOUND;
  if (got < 0 || fstat(got, st) != 0) {
    enum cf_err err = cf_fail_errno(fault, CF_E_SYSTEM, f->path, "can't open it");
    if (got >= 0) close(got);
    return err;
  }
  enum cf_err err = check_kind(f, got, st, fault);
  if (err == CF_OK) *fd = got;
  else close(got);
  return err;
}

/* Take the descriptor as the newest file. It stands where it is read from, which is `offset`. */
static void add_file(struct cf_follow *f, int fd, const struct stat *st, uint64_t offset, const char *head) {
  CF_ASSERT(f->files_n < FILES_MAX);
  struct file *file = &f->files[f->files_n++];
  *file = (struct file){.fd = fd, .device = st->st_dev, .inode = st->st_ino, .given = offset, .safe = offset, .heard_us = cf_clock_mono_us()};
  cf_lines_init(&file->lines, offset);
  memcpy(file->head, head, strlen(head) + 1);
}

static enum cf_err add_path(struct cf_follow *f, struct cf_fault *fault) {
  int fd;
  struct stat st;
  enum cf_err err = open_path(f, &fd, &st, fault);
  if (err == CF_OK) add_file(f, fd, &st, 0, "");
  return err;
}

static void close_file(struct file *file) {
  if (file->fd >= 0) close(file->fd);
  cf_lines_fini(&file->lines);
}

/* ---- Files beside the path ---- */

/* CF_OK: that is the one; CF_E_NOTFOUND: it is not. */
typedef enum cf_err accept_fn(struct cf_follow *f, int fd, const struct stat *st, const void *wanted, struct cf_fault *fault);

static enum cf_err try_beside(struct cf_follow *f, int dir, const char *name, accept_fn *accept, const void *wanted, int *fd, struct stat *st, struct cf_fault *fault) {
  int got = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (got < 0) return CF_E_NOTFOUND;
  enum cf_err err = CF_E_NOTFOUND;
  if (fstat(got, st) == 0 && S_ISREG(st->st_mode) && !is_compressed(got)) err = accept(f, got, st, wanted, fault);
  if (err == CF_OK) *fd = got;
  else close(got);
  return err;
}

/* The first file whose name begins with the path's, and is longer, that `accept` takes. CF_E_NOTFOUND. */
static enum cf_err find_beside(struct cf_follow *f, accept_fn *accept, const void *wanted, int *fd, struct stat *st, struct cf_fault *fault) {
  char *slash = strrchr(f->path, '/');
  if (slash == NULL) return CF_E_NOTFOUND;
  *slash = '\0';
  DIR *dir = opendir(slash == f->path ? "/" : f->path);
  *slash = '/';
  enum cf_err err = CF_E_NOTFOUND;
  size_t n = strlen(slash + 1);
  for (struct dirent *entry; dir != NULL && err == CF_E_NOTFOUND && (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, slash + 1, n) == 0 && entry->d_name[n] != '\0') err = try_beside(f, dirfd(dir), entry->d_name, accept, wanted, fd, st, fault);
  if (dir != NULL) closedir(dir);
  return err;
}

/* ---- Truncation and rename ---- */

static ssize_t read_front(int fd, uint8_t front[FRONT_N]) { return pread(fd, front, FRONT_N, 0); }

/* Does the file still begin as it did, and reach as far as it was read? Remembers more of its begin as it grows. */
static bool intact(struct file *file) {
  struct stat st;
  uint8_t front[FRONT_N];
  ssize_t n = read_front(file->fd, front);
  if (n < 0 || fstat(file->fd, &st) != 0) return true; /* reading will say what is wrong */
  if ((uint64_t)st.st_size < cf_lines_read_to(&file->lines) || n < (ssize_t)file->front_n || memcmp(front, file->front, file->front_n) != 0) return false;
  memcpy(file->front, front, (size_t)n);
  file->front_n = (size_t)n;
  return true;
}

/* A copy of a file that was truncated: longer than what was given of it, and with its begin. */
static enum cf_err accept_copy(struct cf_follow *f, int fd, const struct stat *st, const void *wanted, struct cf_fault *fault) {
  const struct file *file = wanted;
  uint8_t front[FRONT_N];
  (void)f, (void)fault;
  if (file->front_n == 0 || (uint64_t)st->st_size < file->given || read_front(fd, front) < (ssize_t)file->front_n) return CF_E_NOTFOUND;
  return memcmp(front, file->front, file->front_n) == 0 ? CF_OK : CF_E_NOTFOUND;
}

/* The file was truncated: read on in its copy, else take what is in memory as its last line. */
static void leave_truncated(struct cf_follow *f, struct file *file) {
  struct stat st;
  int fd = -1;
  file->gone = true;
  file->heard_us = cf_clock_mono_us();
  if (find_beside(f, accept_copy, file, &fd, &st, NULL) != CF_OK || lseek(fd, (off_t)file->given, SEEK_SET) < 0) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  close(file->fd);
  file->fd = fd;
  if (fd < 0) {
    file->ended = true;
    return;
  }
  cf_lines_fini(&file->lines);
  cf_lines_init(&file->lines, file->given);
  file->holds = false;
  file->device = st.st_dev;
  file->inode = st.st_ino;
}

/* What happened to the path since its file was opened? *changed: there is something new to read. */
static enum cf_err look(struct cf_follow *f, bool *changed, struct cf_fault *fault) {
  struct file *newest = f->files_n > 0 && !f->files[f->files_n - 1].gone ? &f->files[f->files_n - 1] : NULL;
  struct stat st;
  *changed = false;
  if (f->files_n == FILES_MAX) return CF_OK;
  bool truncated = newest != NULL && !intact(newest);
  if (!truncated) {
    if (stat(f->path, &st) != 0) return CF_OK;
    if (newest != NULL && newest->device == st.st_dev && newest->inode == st.st_ino) return CF_OK;
  }
  /* Open the new one first: while that fails the old one stays. */
  enum cf_err err = add_path(f, fault);
  if (err != CF_OK) return err == CF_E_NOTFOUND ? CF_OK : err;
  if (truncated) leave_truncated(f, newest);
  else if (newest != NULL) {
    newest->gone = true;
    newest->heard_us = cf_clock_mono_us();
  }
  *changed = true;
  return CF_OK;
}

/* ---- Reading ---- */

/* At the end of what the file has: is that its end? */
static bool is_end(const struct cf_follow *f, const struct file *file) {
  if (!f->rules.on) return true;
  return file->gone && cf_clock_mono_us() - file->heard_us >= f->rules.drain_us;
}

/* Read more of it. *more is false when there is nothing now. */
static enum cf_err read_more(struct cf_follow *f, struct file *file, bool *more, struct cf_fault *fault) {
  size_t n;
  *more = false;
  if (file->fd < 0 || (f->rules.on && !file->gone && !intact(file))) return CF_OK;
  enum cf_err err = cf_lines_read(&file->lines, file->fd, &n);
  if (err != CF_OK) return err == CF_E_SYSTEM ? cf_fail_errno(fault, err, f->path, "can't read it") : err;
  if (n > 0) file->heard_us = cf_clock_mono_us();
  *more = n > 0 || (!file->ended && is_end(f, file));
  if (n == 0 && *more) file->ended = true;
  return CF_OK;
}

/* The line that is held, once its file has a name. */
static enum cf_err give(struct cf_follow *f, struct file *file, struct cf_line *line, struct cf_fault *fault) {
  if (file->head[0] == '\0') {
    enum cf_err err = f->rules.name(f->rules.context, file->held.text, file->head, fault);
    if (err != CF_OK) {
      file->head[0] = '\0';
      return err;
    }
  }
  file->holds = false;
  file->given = file->held.next;
  *line = file->held;
  return CF_OK;
}

static enum cf_err next_of(struct cf_follow *f, struct file *file, struct cf_line *line, bool *more, struct cf_fault *fault) {
  enum cf_err err = CF_OK;
  bool read = true;
  while (err == CF_OK && read && !file->holds && !(file->holds = cf_lines_take(&file->lines, file->ended, &file->held))) err = read_more(f, file, &read, fault);
  *more = err == CF_OK && file->holds;
  return *more ? give(f, file, line, fault) : err;
}

/* Close the files that were read to their ends. */
static void leave_ended(struct cf_follow *f) {
  size_t kept = 0;
  for (size_t i = 0; i < f->files_n; i++) {
    if (f->files[i].ended) close_file(&f->files[i]);
    else f->files[kept++] = f->files[i];
  }
  f->files_n = kept;
}

enum cf_err cf_follow_next(struct cf_follow *f, struct cf_line *line, const char **head, bool *more, struct cf_fault *fault) {
  for (bool again = true; again;) {
    for (size_t i = 0; i < f->files_n; i++) {
      enum cf_err err = next_of(f, &f->files[i], line, more, fault);
      if (err == CF_OK && !*more) continue;
      *head = f->files[i].head;
      return err;
    }
    leave_ended(f);
    again = false;
    enum cf_err err = f->rules.on ? look(f, &again, fault) : CF_OK;
    if (err != CF_OK) return err;
  }
  *more = false;
  return CF_OK;
}

/* ---- Marks ---- */

void cf_follow_commit(struct cf_follow *f) {
  for (size_t i = 0; i < f->files_n; i++) f->files[i].safe = f->files[i].given;
}

enum cf_err cf_follow_marks(const struct cf_follow *f, struct cf_marks *marks) {
  for (size_t i = 0; i < f->files_n; i++) {
    const struct file *file = &f->files[i];
    struct cf_mark mark = {.path = f->path, .device = file->device, .inode = file->inode, .offset = file->safe};
    if (file->head[0] == '\0') continue;
    memcpy(mark.head, file->head, sizeof mark.head);
    enum cf_err err = cf_marks_add(marks, &mark);
    if (err != CF_OK) return err;
  }
  return CF_OK;
}

/* The head of an open file. CF_E_NOTFOUND where its first line is not complete. */
static enum cf_err head_of(const struct cf_follow *f, int fd, char head[CF_HEAD_N + 1], struct cf_fault *fault) {
  struct cf_lines lines;
  struct cf_line line;
  size_t n = 1;
  enum cf_err err = lseek(fd, 0, SEEK_SET) == 0 ? CF_OK : CF_E_NOTFOUND;
  cf_lines_init(&lines, 0);
  bool found = false;
  while (err == CF_OK && n > 0 && !(found = cf_lines_take(&lines, false, &line))) err = cf_lines_read(&lines, fd, &n);
  if (err == CF_OK) err = found ? f->rules.name(f->rules.context, line.text, head, fault) : CF_E_NOTFOUND;
  else if (err == CF_E_SYSTEM) err = CF_E_NOTFOUND;
  cf_lines_fini(&lines);
  return err;
}

/* It reaches to the mark and has its head; afterwards it stands there. */
static enum cf_err accept_head(struct cf_follow *f, int fd, const struct stat *st, const void *wanted, struct cf_fault *fault) {
  const struct cf_mark *mark = wanted;
  char head[CF_HEAD_N + 1];
  if ((uint64_t)st->st_size < mark->offset) return CF_E_NOTFOUND;
  enum cf_err err = head_of(f, fd, head, fault);
  if (err != CF_OK) return err;
  return strcmp(head, mark->head) == 0 && lseek(fd, (off_t)mark->offset, SEEK_SET) >= 0 ? CF_OK : CF_E_NOTFOUND;
}

static enum cf_err accept_inode(struct cf_follow *f, int fd, const struct stat *st, const void *wanted, struct cf_fault *fault) {
  const struct cf_mark *mark = wanted;
  return st->st_dev == mark->device && st->st_ino == mark->inode ? accept_head(f, fd, st, wanted, fault) : CF_E_NOTFOUND;
}

/* The path's own file, if it is the mark's. */
static enum cf_err open_marked(struct cf_follow *f, const struct cf_mark *mark, int *fd, struct stat *st, struct cf_fault *fault) {
  int got;
  enum cf_err err = open_path(f, &got, st, fault);
  if (err != CF_OK) return err;
  err = accept_inode(f, got, st, mark, fault);
  if (err == CF_OK) *fd = got;
  else close(got);
  return err;
}

/* Go on at a mark, in whatever file now holds what it speaks of. */
static enum cf_err resume(struct cf_follow *f, const struct cf_mark *mark, struct cf_fault *fault) {
  int fd;
  struct stat st;
  enum cf_err err = open_marked(f, mark, &fd, &st, fault);
  bool gone = err == CF_E_NOTFOUND;
  if (gone) err = find_beside(f, accept_inode, mark, &fd, &st, fault);
  if (err == CF_E_NOTFOUND) err = find_beside(f, accept_head, mark, &fd, &st, fault);
  if (err == CF_E_NOTFOUND) {
    cf_log(CF_LOG_WARNING, "%s: the file that was read to byte %ju is no longer there; if it had grown, the rest was not read", f->path, (uintmax_t)mark->offset);
    return CF_OK;
  }
  if (err != CF_OK) return err;
  add_file(f, fd, &st, mark->offset, mark->head);
  f->files[f->files_n - 1].gone = gone;
  return CF_OK;
}

static enum cf_err resume_all(struct cf_follow *f, const struct cf_marks *marks, struct cf_fault *fault) {
  for (size_t i = 0; marks != NULL && i < marks->n && f->files_n + 1 < FILES_MAX; i++) {
    if (strcmp(marks->v[i].path, f->path) != 0) continue;
    enum cf_err err = resume(f, &marks->v[i], fault);
    if (err != CF_OK) return err;
    if (f->files_n > 0 && !f->files[f->files_n - 1].gone) return CF_OK;
  }
  enum cf_err err = add_path(f, fault);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* ---- Life ---- */

enum cf_err cf_follow_new(const char *path, const struct cf_follow_rules *rules, const struct cf_marks *marks, struct cf_follow **follow, struct cf_fault *fault) {
  struct cf_follow *f = calloc(1, sizeof *f);
  if (f == NULL) return CF_E_NOMEM;
  f->rules = *rules;
  f->path = strdup(path);
  enum cf_err err = f->path == NULL ? CF_E_NOMEM : resume_all(f, marks, fault);
  if (err == CF_OK) *follow = f;
  else cf_follow_free(f);
  return err;
}

void cf_follow_free(struct cf_follow *f) {
  if (f == NULL) return;
  for (size_t i = 0; i < f->files_n; i++) close_file(&f->files[i]);
  free(f->path);
  free(f);
}
