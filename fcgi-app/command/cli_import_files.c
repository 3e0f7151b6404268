/* SPDX-License-Identifier: MIT */
/* The files of an import: named one by one, or by their directory. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/command/cli_import_in.h"
#include "lib/base/diag.h"
#include "lib/base/file.h"
#include "lib/base/limit.h"
#include "lib/base/way.h"

#define DRAIN_US INT64_C(60000000)

/* ---- names ---- */

/* The path as the state file knows it: absolute. */
static char *path_absolute(const char *path)
{
  struct cf_buf b;
  char here[4096];
  cf_buf_init(&b, 16384);
  if (path[0] != '/' && strcmp(path, "-") != 0) {
    if (getcwd(here, sizeof here) == NULL)
      return NULL;
    cf_buf_puts(&b, here);
    cf_buf_putc(&b, '/');
  }
  cf_buf_puts(&b, path);
  return cf_buf_take(&b);
}

static bool is_named(const struct cf_import_job *job, const char *path)
{
  for (size_t i = 0; i < job->files_n; i++)
    if (strcmp(job->files[i].path, path) == 0)
      return true;
  return false;
}

/* Add a file; the path becomes the job's. */
static enum cf_err file_add(struct cf_import_job *job, char *path)
{
  if (job->files_n == CF_IMPORT_FILES_MAX) {
    free(path);
    return cf_fail(&job->cli->fault, CF_E_FULL, NULL, "more than %d files; import them in parts",
                   CF_IMPORT_FILES_MAX);
  }
  job->files[job->files_n++] = (struct cf_import_file){.path = path};
  return CF_OK;
}

/* ---- directories ---- */

struct entry {
  char *path;
  int64_t modified_us;
};

bool cf_import_links_refused(const struct cf_import_job *job)
{
  return job->root && cf_cli_value(job->cli, "links") == NULL;
}

static enum cf_err directory_open(const struct cf_import_job *job, const char *path, DIR **dir)
{
  struct cf_fault *fault = &job->cli->fault;
  int fd = -1;
  enum cf_err err = CF_OK;
  if (cf_import_links_refused(job))
    err = cf_way_open(path, O_RDONLY | O_DIRECTORY, NULL, NULL, &fd, fault);
  else
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (err != CF_OK)
    return err;
  *dir = fd >= 0 ? fdopendir(fd) : NULL;
  if (*dir != NULL)
    return CF_OK;
  err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot read the directory");
  if (fd >= 0)
    close(fd);
  return err;
}

/* Of equal times the one with the higher number is the older. */
static int by_age(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  if (x->modified_us != y->modified_us)
    return x->modified_us < y->modified_us ? -1 : 1;
  return strverscmp(y->path, x->path);
}

/* The regular files in it that are not yet named; neither links nor what is in
 * directories of its own. */
static enum cf_err entries_read(const struct cf_import_job *job, const char *path, DIR *dir,
                                struct entry entries[CF_IMPORT_FILES_MAX], size_t *n)
{
  struct stat st;
  char *file;
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
      continue;
    if (*n == CF_IMPORT_FILES_MAX)
      return cf_fail(&job->cli->fault, CF_E_FULL, path, "holds more than %d files; name them",
                     CF_IMPORT_FILES_MAX);
    if (asprintf(&file, "%s/%s", path, e->d_name) < 0)
      return CF_E_NOMEM;
    if (is_named(job, file))
      free(file);
    else
      entries[(*n)++] = (struct entry){file, cf_file_modified_us(&st)};
  }
  return *n > 0 ? CF_OK : cf_fail(&job->cli->fault, CF_E_CONFIG, path, "holds no regular file");
}

static enum cf_err directory_add(struct cf_import_job *job, const char *path)
{
  struct entry *entries = calloc(CF_IMPORT_FILES_MAX, sizeof *entries);
  size_t n = 0;
  DIR *dir = NULL;
  enum cf_err err = entries == NULL ? CF_E_NOMEM : directory_open(job, path, &dir);
  if (err == CF_OK)
    err = entries_read(job, path, dir, entries, &n);
  if (dir != NULL)
    (void)closedir(dir);
  if (n > 0)
    qsort(entries, n, sizeof *entries, by_age);
  for (size_t i = 0; i < n; i++)
    if (err == CF_OK)
      err = file_add(job, entries[i].path);
    else
      free(entries[i].path);
  free(entries);
  return err;
}

/* ---- all of them ---- */

static enum cf_err argument_add(struct cf_import_job *job, const char *path)
{
  struct cf_fault *fault = &job->cli->fault;
  struct stat st;
  if (job->on && strcmp(path, "-") == 0)
    return cf_fail(fault, CF_E_CONFIG, path, "standard input is no file to follow");
  char *whole = path_absolute(path);
  if (whole == NULL)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot tell its absolute path");
  if (job->on || strcmp(path, "-") == 0 || stat(whole, &st) != 0 || !S_ISDIR(st.st_mode)) {
    if (!is_named(job, whole))
      return file_add(job, whole);
    free(whole);
    return CF_OK;
  }
  enum cf_err err = directory_add(job, whole);
  if (err != CF_E_SYSTEM && err != CF_E_CONFIG) {
    free(whole);
    return err;
  }
  struct cf_fault why = *fault;
  err = file_add(job, whole);
  *fault = why;
  if (err == CF_OK)
    cf_import_file_fail(job, &job->files[job->files_n - 1], CF_E_CONFIG);
  return err;
}

enum cf_err cf_import_files_name(struct cf_import_job *job)
{
  job->files = calloc(CF_IMPORT_FILES_MAX, sizeof *job->files);
  enum cf_err err = job->files == NULL ? CF_E_NOMEM : CF_OK;
  for (size_t i = 0; i < job->cli->args_n && err == CF_OK; i++)
    err = argument_add(job, job->cli->args[i]);
  return err;
}

enum cf_err cf_import_files_open(struct cf_import_job *job,
                                 enum cf_err (*name)(void *job, const struct cf_line *first,
                                                     char head[CF_HEAD_N + 1],
                                                     struct cf_fault *fault))
{
  bool only_files = job->root && cf_cli_value(job->cli, "pipe") == NULL;
  const struct cf_follow_rules rules = {.on = job->on,
                                        .opener = {.no_links = cf_import_links_refused(job),
                                                   .waits = !job->on && !only_files,
                                                   .reader = job->reader},
                                        .only_files = only_files,
                                        .any_bytes = cf_cli_value(job->cli, "force") != NULL,
                                        .drain_us = DRAIN_US,
                                        .name = name,
                                        .context = job};
  struct stat st;
  (void)cf_limit_files(job->files_n + 100);
  for (size_t i = 0; i < job->files_n; i++) {
    struct cf_import_file *file = &job->files[i];
    if (file->failed)
      continue;
    enum cf_err err =
        cf_follow_new(file->path, &rules, &job->marks, &file->follow, &job->cli->fault);
    if (err != CF_OK && (job->on || err == CF_E_NOMEM))
      return err;
    if (err != CF_OK)
      cf_import_file_fail(job, file, err);
    else if (job->on && cf_opener_stat(&rules.opener, file->path, &st, NULL) == CF_E_NOTFOUND)
      cf_log(CF_LOG_WARNING, "%s: is not there yet", file->path);
  }
  return CF_OK;
}

void cf_import_file_fail(struct cf_import_job *job, struct cf_import_file *file, enum cf_err err)
{
  struct cf_fault *fault = &job->cli->fault;
  struct cf_fault why = *fault;
  if (file->lines > 0)
    err = cf_fail(fault, err, file->path, "%s; taken of it: the %ju lines before that",
                  cf_fault_text(&why, err), (uintmax_t)file->lines);
  (void)cf_cli_fail(job->cli, err);
  file->failed = true;
  job->failed_n++;
}

void cf_import_files_close(struct cf_import_job *job)
{
  for (size_t i = 0; i < job->files_n; i++) {
    cf_follow_free(job->files[i].follow);
    free(job->files[i].path);
  }
  free(job->files);
}

int cf_import_files_status(const struct cf_import_job *job)
{
  if (job->failed_n == 0)
    return CF_EXIT_TRUE;
  return job->failed_n < job->files_n ? CF_EXIT_FALSE : CF_EXIT_UNKNOWN;
}
