/* SPDX-License-Identifier: MIT */
/* Where `import --follow` keeps how far it read. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/command/cli_import_in.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"

/* Make the directories of a path, as far as they are missing. */
static enum cf_err make_directories(char *path, struct cf_fault *fault)
{
  for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int made = mkdir(path, 0700);
    enum cf_err err =
        made == 0 || errno == EEXIST
            ? CF_OK
            : cf_fail_errno(
                  fault, CF_E_SYSTEM, path,
                  "cannot make the directory for the state file; name another with --state");
    *slash = '/';
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* $XDG_STATE_HOME/counterfoil/import-<of the data directory>, else below
 * $HOME. */
static enum cf_err default_state(struct cf_import_job *job, struct cf_buf *b)
{
  struct cf_fault *fault = &job->cli->fault;
  const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  uint8_t hash[CF_HASH_N];
  bool has_base = base != NULL && base[0] == '/';
  if (!has_base && (home == NULL || home[0] != '/'))
    return cf_fail(fault, CF_E_CONFIG, "state",
                   "neither XDG_STATE_HOME nor HOME is set; name a file with --state");
  cf_buf_puts(b, has_base ? base : home);
  cf_buf_puts(b, has_base ? "/counterfoil/import-" : "/.local/state/counterfoil/import-");
  cf_sha256_1(job->cli->conf.data, strlen(job->cli->conf.data), hash);
  cf_hex_put(b, hash, 8);
  return CF_OK;
}

/* Started as root it runs as the ledger's user, whose home may be anything:
 * then the file has to be named. */
enum cf_err cf_import_state_open(struct cf_import_job *job)
{
  const char *given = cf_cli_value(job->cli, "state");
  struct cf_buf b;
  if (given == NULL && job->root && geteuid() != 0)
    return cf_fail(
        &job->cli->fault, CF_E_CONFIG, "state",
        "as root, name a file with --state, in a directory that the ledger's user may write");
  cf_buf_init(&b, 8192);
  if (given != NULL)
    cf_buf_puts(&b, given);
  enum cf_err err = given != NULL ? CF_OK : default_state(job, &b);
  job->state = cf_buf_take(&b);
  if (err == CF_OK && job->state == NULL)
    err = CF_E_NOMEM;
  if (err == CF_OK && given == NULL)
    err = make_directories(job->state, &job->cli->fault);
  if (err == CF_OK)
    err = cf_marks_lock(job->state, &job->state_lock, &job->cli->fault);
  if (err == CF_OK)
    err = cf_marks_load(job->state, &job->marks, &job->cli->fault);
  if (err == CF_OK && job->marks.n > 0 && job->marks.ids != job->ids)
    return cf_fail(&job->cli->fault, CF_E_CONFLICT, job->state,
                   "was made with --ids=%s: go on so, or name another with --state",
                   cf_ids_name(job->marks.ids));
  return err;
}

static bool is_ours(const struct cf_import_job *job, const char *path)
{
  for (size_t i = 0; i < job->files_n; i++)
    if (strcmp(job->files[i].path, path) == 0)
      return true;
  return false;
}

/* The marks of what is followed, and those that other runs left of other
 * files. */
enum cf_err cf_import_state_save(const struct cf_import_job *job)
{
  struct cf_marks marks = {.ids = job->ids};
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < job->marks.n && err == CF_OK; i++)
    if (!is_ours(job, job->marks.v[i].path))
      err = cf_marks_add(&marks, &job->marks.v[i]);
  for (size_t i = 0; i < job->files_n && err == CF_OK; i++)
    err = cf_follow_marks(job->files[i].follow, &marks);
  if (err == CF_OK)
    err = cf_marks_save(job->state, &marks, &job->cli->fault);
  cf_marks_fini(&marks);
  return err;
}

void cf_import_state_close(struct cf_import_job *job)
{
  if (job->state_lock >= 0)
    close(job->state_lock);
  free(job->state);
  cf_marks_fini(&job->marks);
}
