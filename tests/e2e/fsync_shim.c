/* SPDX-License-Identifier: MIT */
/* Preloaded into the owner of a ledger: writes down in which order it reads,
 * writes to files, syncs them and answers, and makes an fsync fail or stall.
 *
 * CF_SHIM_LOG=FILE   where the lines go; without it nothing is written down
 * CF_SHIM_ARM=FILE   while this file exists, calls of fsync and fdatasync are
 * counted; the n-th, n being the number in the
 *                    file, fails with EIO
 * CF_SHIM_STALL=FILE while this file exists, fsync and fdatasync do not return;
 * the first that does not makes FILE.hangs
 * CF_SHIM_MARK=TEXT  TEXT with the letters, digits and dashes behind it is
 * noted where it occurs in what is read or written
 *
 * The lines, each with a number in front that grows from call to call:
 *   read MARK…               a socket; the number is drawn after the call
 *   write PATH MARK…         a file; the number is drawn before the call
 *   begin PATH               fsync or fdatasync begins
 *   end PATH ERRNO BEGIN     it has returned; BEGIN is the number of its begin
 *   answer STATUS SEQ MARK…  a socket, what is written holds a CGI header
 *                            block; drawn before the call; SEQ is - where it
 *                            names none
 * So whatever was written before `begin` and is synced at `end` was safe before
 * an answer with a greater number. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_N 16384
#define MARK_MAX   64

ssize_t read(int fd, void *p, size_t n);
ssize_t write(int fd, const void *p, size_t n);
ssize_t pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at);
int fsync(int fd);
int fdatasync(int fd);

static atomic_ulong counter;
static atomic_ulong armed_calls;
static atomic_int log_fd = -2; /* -1: none; -2: not opened yet */

struct line {
  char text[LINE_MAX_N];
  size_t n;
};

/* The next function of that name; the library's own one. */
static void *next(const char *name)
{
  void *f = dlsym(RTLD_NEXT, name);

  if (f == NULL)
    abort();
  return f;
}

static ssize_t really_write(int fd, const void *p, size_t n)
{
  ssize_t (*f)(int, const void *, size_t);

  *(void **)&f = next("write");
  return f(fd, p, n);
}

static int log_open(void)
{
  const char *path = getenv("CF_SHIM_LOG");
  int fd = atomic_load(&log_fd);

  if (fd != -2)
    return fd;
  int mine = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (atomic_compare_exchange_strong(&log_fd, &fd, mine))
    return mine;
  if (mine >= 0)
    (void)close(mine);
  return fd;
}

static void line_put(struct line *line, const char *text, size_t n)
{
  if (n > sizeof line->text - 1 - line->n)
    n = sizeof line->text - 1 - line->n;
  memcpy(line->text + line->n, text, n);
  line->n += n;
}

static void line_word(struct line *line, const char *text)
{
  line_put(line, " ", 1);
  line_put(line, text, strlen(text));
}

static void line_number(struct line *line, unsigned long number)
{
  char text[24];

  (void)snprintf(text, sizeof text, "%lu", number);
  line_word(line, text);
}

static unsigned long line_begin(struct line *line, const char *what)
{
  unsigned long number = atomic_fetch_add(&counter, 1) + 1;
  char text[24];

  line->n = 0;
  line_put(line, text, (size_t)snprintf(text, sizeof text, "%lu", number));
  line_word(line, what);
  return number;
}

/* One write a line: with O_APPEND lines of several threads don't mix. */
static void line_end(struct line *line)
{
  int saved = errno;

  line->text[line->n++] = '\n';
  if (really_write(log_open(), line->text, line->n) < 0)
    abort();
  errno = saved;
}

static void line_path(struct line *line, int fd)
{
  char link[64];
  char path[4096];

  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n > 0 ? n : 0] = 0;
  for (char *c = path; *c; c++)
    if (*c == ' ' || *c == '\n')
      *c = '_';
  line_word(line, path);
}

static size_t mark_length(const char *at, const char *end)
{
  size_t n = 0;

  while (n < MARK_MAX && at + n < end && at[n] &&
         strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-", at[n]))
    n++;
  return n;
}

/* Every mark in the n bytes at p. */
static void line_marks(struct line *line, const void *p, size_t n)
{
  const char *mark = getenv("CF_SHIM_MARK");
  const char *at = p;
  const char *end = at + n;

  if (mark == NULL)
    return;
  while ((at = memmem(at, (size_t)(end - at), mark, strlen(mark))) != NULL) {
    size_t mark_n = mark_length(at, end);
    line_put(line, " ", 1);
    line_put(line, at, mark_n);
    at += mark_n;
  }
}

static mode_t kind(int fd)
{
  struct stat st;
  int saved = errno;
  mode_t mode = fd >= 0 && log_open() >= 0 && fd != log_open() && fstat(fd, &st) == 0
                    ? st.st_mode & S_IFMT
                    : 0;

  errno = saved;
  return mode;
}

/* The decimal number behind label in the n bytes at p, or "-". */
static void line_field(struct line *line, const void *p, size_t n, const char *label)
{
  const char *at = memmem(p, n, label, strlen(label));
  const char *end = (const char *)p + n;

  line_put(line, " ", 1);
  if (at == NULL) {
    line_put(line, "-", 1);
    return;
  }
  for (at += strlen(label); at < end && *at >= '0' && *at <= '9'; at++)
    line_put(line, at, 1);
}

static void note_write(int fd, const void *p, size_t n)
{
  struct line line;
  mode_t mode = kind(fd);

  if (mode == S_IFREG) {
    (void)line_begin(&line, "write");
    line_path(&line, fd);
    line_marks(&line, p, n);
    line_end(&line);
  } else if (mode == S_IFSOCK && memmem(p, n, "Status: ", 8)) {
    (void)line_begin(&line, "answer");
    line_field(&line, p, n, "Status: ");
    line_field(&line, p, n, "\"seq\":");
    line_marks(&line, p, n);
    line_end(&line);
  }
}

ssize_t write(int fd, const void *p, size_t n)
{
  note_write(fd, p, n);
  return really_write(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
  ssize_t (*f)(int, const void *, size_t, off_t);

  *(void **)&f = next("pwrite");
  note_write(fd, p, n);
  return f(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
  ssize_t (*f)(int, const void *, size_t, off64_t);

  *(void **)&f = next("pwrite64");
  note_write(fd, p, n);
  return f(fd, p, n, at);
}

ssize_t read(int fd, void *p, size_t n)
{
  ssize_t (*f)(int, void *, size_t);
  struct line line;

  *(void **)&f = next("read");
  ssize_t got = f(fd, p, n);
  const char *mark = getenv("CF_SHIM_MARK");
  if (got > 0 && mark && kind(fd) == S_IFSOCK && memmem(p, (size_t)got, mark, strlen(mark))) {
    (void)line_begin(&line, "read");
    line_marks(&line, p, (size_t)got);
    line_end(&line);
  }
  return got;
}

/* Is this call one of those that fail? */
static int failing(void)
{
  const char *path = getenv("CF_SHIM_ARM");
  ssize_t (*f)(int, void *, size_t);
  char text[24];

  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return 0;
  *(void **)&f = next("read");
  ssize_t n = f(fd, text, sizeof text - 1);
  (void)close(fd);
  text[n > 0 ? n : 0] = 0;
  return atomic_fetch_add(&armed_calls, 1) + 1 == strtoul(text, NULL, 10);
}

static void stall(void)
{
  const char *path = getenv("CF_SHIM_STALL");
  char told[4096];

  if (path == NULL || access(path, F_OK) != 0)
    return;
  (void)snprintf(told, sizeof told, "%s.hangs", path);
  (void)close(open(told, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  while (access(path, F_OK) == 0)
    (void)usleep(10000);
}

static int sync_noted(int fd, const char *name)
{
  int (*f)(int);
  struct line line;
  unsigned long begin = 0;
  int noted = log_open() >= 0;

  *(void **)&f = next(name);
  if (noted) {
    begin = line_begin(&line, "begin");
    line_path(&line, fd);
    line_end(&line);
  }
  stall();
  int fails = failing();
  int result = fails ? -1 : f(fd);
  if (fails)
    errno = EIO;
  if (noted) {
    int error = errno;
    (void)line_begin(&line, "end");
    line_path(&line, fd);
    line_number(&line, result == 0 ? 0 : (unsigned long)error);
    line_number(&line, begin);
    line_end(&line);
    errno = error;
  }
  return result;
}

int fsync(int fd)
{
  return sync_noted(fd, "fsync");
}
int fdatasync(int fd)
{
  return sync_noted(fd, "fdatasync");
}
