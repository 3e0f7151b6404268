/* SPDX-License-Identifier: MIT */
/* Finding and reading the configuration file. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/conf.h"
#include "lib/base/file.h"

#define FILE_MAX   (256 * 1024)
#define KEYS_MAX   64
#define PATH_SHOWN 120

enum {
  OPTIONS_N = 0
#define CF_OPTION(field, key, type, initial, meaning) +1
#include "lib/base/conf.def"
#undef CF_OPTION
};
_Static_assert(OPTIONS_N <= KEYS_MAX, "options");

#define CANNOT_OPEN \
  "cannot open the configuration file (let this user read it: chgrp and chmod 640; or name another with --config)"

/* A reading under way. */
struct reading {
  const char *path;
  struct cf_conf *conf;
  struct cf_fault *fault;
  unsigned line;
  struct {
    struct cf_str key; /* in the file's text */
    unsigned line;
  } seen[KEYS_MAX];
  size_t seen_n;
};

/* Put "FILE:LINE: " before the words of a fault; of a long path the end. Line
 * 0: the file as a whole. */
static enum cf_err fail_at(const struct reading *r, unsigned line, enum cf_err err,
                           const char *words)
{
  size_t n = strlen(r->path);
  const char *shown = n > PATH_SHOWN ? r->path + n - PATH_SHOWN : r->path;

  if (line == 0)
    return cf_fail(r->fault, err, NULL, "%s: %s", shown, words);
  return cf_fail(r->fault, err, NULL, "%s:%u: %s", shown, line, words);
}

static struct cf_str line_trim(struct cf_str s)
{
  while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
    s = (struct cf_str){s.p + 1, s.n - 1};
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
    s.n--;
  return s;
}

/* The line where the key was set; 0: nowhere yet. */
static unsigned line_of(const struct reading *r, struct cf_str key)
{
  for (size_t i = 0; i < r->seen_n; i++)
    if (cf_str_eq(r->seen[i].key, key))
      return r->seen[i].line;
  return 0;
}

/* Remember where a key was set; a second time is an error, since one of the two
 * lines would be silently void. */
static enum cf_err note_key(struct reading *r, struct cf_str key)
{
  char words[128];
  unsigned before = line_of(r, key);

  if (before != 0 && cf_conf_repeats(key))
    return CF_OK;
  if (before != 0) {
    (void)snprintf(words, sizeof words, "\"%.*s\" was already set on line %u; remove one of them",
                   (int)key.n, key.p, before);
    return fail_at(r, r->line, CF_E_CONFIG, words);
  }
  if (r->seen_n < KEYS_MAX) {
    r->seen[r->seen_n].key = key;
    r->seen[r->seen_n++].line = r->line;
  }
  return CF_OK;
}

/* A '#' after a space is as likely a comment as a part of the value: neither
 * guess is safe. */
static bool has_comment(struct cf_str value)
{
  for (size_t i = 1; i < value.n; i++)
    if (value.p[i] == '#' && (value.p[i - 1] == ' ' || value.p[i - 1] == '\t'))
      return true;
  return cf_str_starts(value, CF_STR("#"));
}

static enum cf_err read_line(struct reading *r, struct cf_str line)
{
  struct cf_fault fault = {"", ""};

  line = line_trim(line);
  if (line.n == 0 || line.p[0] == '#')
    return CF_OK;
  if (memchr(line.p, '=', line.n) == NULL)
    return fail_at(r, r->line, CF_E_CONFIG, "no \"=\" in this line; right is: key = value");
  struct cf_str key = line_trim(cf_str_cut(&line, '='));
  struct cf_str value = line_trim(line);
  if (has_comment(value))
    return fail_at(r, r->line, CF_E_CONFIG, "a comment behind a value; it needs a line of its own");
  r->conf->reading = r->line;
  enum cf_err err = cf_conf_set(r->conf, key, value, &fault);
  r->conf->reading = 0;
  if (err != CF_OK)
    return fail_at(r, r->line, err, cf_fault_text(&fault, err));
  return note_key(r, key);
}

static enum cf_err read_text(struct reading *r, struct cf_str text)
{
  if (cf_str_starts(text, CF_STR("\xef\xbb\xbf")))
    text = (struct cf_str){text.p + 3, text.n - 3};
  while (text.n > 0) {
    r->line++;
    enum cf_err err = read_line(r, cf_str_cut(&text, '\n'));
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* Checked on the open file, so that what was checked is what is read. */
static enum cf_err check_file(const struct reading *r, int fd)
{
  struct stat st;

  if (fstat(fd, &st) != 0)
    return cf_fail_errno(r->fault, CF_E_SYSTEM, r->path, "cannot look at the configuration file");
  if (!S_ISREG(st.st_mode))
    return fail_at(r, 0, CF_E_CONFIG, "not a regular file: name one with --config");
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail_at(r, 0, CF_E_CONFIG,
                   "others than its owner may write this file; right is: chmod go-w");
  return CF_OK;
}

static enum cf_err read_bytes(const struct reading *r, int fd, struct cf_buf *text)
{
  enum cf_err err = cf_file_read_all(fd, text);

  switch (err) {
  case CF_OK: return CF_OK;
  case CF_E_SYSTEM:
    return cf_fail_errno(r->fault, err, r->path, "cannot read the configuration file");
  case CF_E_FULL:
    return fail_at(r, 0, CF_E_CONFIG, "larger than 256 KiB; this is no configuration file");
  default: return cf_fail(r->fault, err, r->path, "no memory for the configuration file");
  }
}

/* O_NONBLOCK: a FIFO in the file's place must not hold the start up. */
static enum cf_err read_file(const struct reading *r, struct cf_buf *text)
{
  int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    return cf_fail_errno(r->fault, CF_E_SYSTEM, r->path, CANNOT_OPEN);
  enum cf_err err = check_file(r, fd);
  if (err == CF_OK)
    err = read_bytes(r, fd, text);
  close(fd);
  return err;
}

/* The checks of all together name an option; here its line is known. */
static enum cf_err check_all(const struct reading *r)
{
  struct cf_fault fault = {"", ""};
  enum cf_err err = cf_conf_check(r->conf, &fault);
  const char *text = cf_fault_text(&fault, err);

  return err == CF_OK ? CF_OK : fail_at(r, line_of(r, cf_str_from(fault.at)), err, text);
}

enum cf_err cf_conf_load(const char *path, struct cf_conf *conf, struct cf_fault *fault)
{
  struct cf_conf made;
  struct cf_buf text;
  struct reading r = {.path = path, .conf = &made, .fault = fault};

  cf_buf_init(&text, FILE_MAX);
  enum cf_err err = cf_conf_defaults(&made);
  if (err != CF_OK)
    return cf_fail(fault, err, path, "no memory for the configuration");
  made.file = realpath(path, NULL);
  if (made.file == NULL)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, CANNOT_OPEN);
  if (err == CF_OK)
    err = read_file(&r, &text);
  if (err == CF_OK)
    err = read_text(&r, cf_buf_str(&text));
  if (err == CF_OK)
    err = check_all(&r);
  cf_buf_fini(&text);
  if (err == CF_OK)
    *conf = made;
  else
    cf_conf_fini(&made);
  return err;
}

/* The directory of the running binary without a slash at its end; "" where the
 * system does not tell. */
static void binary_dir(char dir[PATH_MAX])
{
  ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);

  dir[n < 0 ? 0 : n] = '\0';
  char *slash = strrchr(dir, '/');
  if (slash != NULL)
    *slash = '\0';
}

/* Append DIR/NAME where such a file is there, readable or not: one that cannot
 * be read is an error to show, not to pass over. */
static bool take_if_there(const char *dir, const char *name, struct cf_buf *b)
{
  size_t before = b->n;

  cf_buf_putf(b, "%s/%s", dir, name);
  if (b->err != CF_OK || access(cf_buf_cstr(b) + before, F_OK) == 0)
    return true;
  cf_buf_cut(b, b->n - before);
  return false;
}

enum cf_err cf_conf_find_www(const struct cf_conf *conf, const char *installed, struct cf_buf *b)
{
  char dir[PATH_MAX];

  binary_dir(dir);
  if (conf->www != NULL)
    cf_buf_puts(b, conf->www);
  else if (!take_if_there(dir, "www/page.html", b))
    cf_buf_puts(b, installed);
  else if (b->err == CF_OK)
    cf_buf_cut(b, strlen("/page.html"));
  return b->err;
}

enum cf_err cf_conf_find(const char *explicit_path, const char *sysconfdir, struct cf_buf *b,
                         struct cf_fault *fault)
{
  const char *variable = getenv("COUNTERFOIL_CONF");
  const char *named =
      explicit_path != NULL || variable == NULL || variable[0] == '\0' ? explicit_path : variable;
  char dir[PATH_MAX];

  if (named != NULL) {
    cf_buf_puts(b, named);
    return b->err;
  }
  binary_dir(dir);
  if (take_if_there(dir, ".htcounterfoil.conf", b) || take_if_there(dir, "counterfoil.conf", b) ||
      take_if_there(sysconfdir, "counterfoil.conf", b))
    return b->err;
  return cf_fail(
      fault, CF_E_CONFIG, NULL,
      "no configuration: name one with --config or COUNTERFOIL_CONF, or make one, of "
      "counterfoil.conf.sample, in %.60s or, as .htcounterfoil.conf or counterfoil.conf, beside the "
      "program in %.60s",
      sysconfdir, dir);
}
