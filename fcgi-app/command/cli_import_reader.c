/* SPDX-License-Identifier: MIT */
/* The process that root leaves behind for `import --follow`. */
#include "config.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi-app/command/cli_import_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/input/reader.h"

/* ---- which groups ---- */

struct groups {
  gid_t v[CF_PRIVILEGE_GROUPS_MAX];
  size_t n;
};

static void group_add(struct groups *groups, gid_t gid)
{
  for (size_t i = 0; i < groups->n; i++)
    if (groups->v[i] == gid)
      return;
  if (gid != 0 && groups->n < CF_PRIVILEGE_GROUPS_MAX)
    groups->v[groups->n++] = gid;
}

/* Those of the directories on the way that not everybody may go through, of the
 * last one, and of the file where not everybody may read it. A link leads
 * nowhere, unless it may. */
static void groups_find(struct groups *groups, const char *path, bool no_links)
{
  char part[PATH_MAX];
  struct stat st;
  for (size_t n = 1; n <= strlen(path) && n < sizeof part; n++) {
    if (path[n] != '/' && path[n] != '\0')
      continue;
    memcpy(part, path, n);
    part[n] = '\0';
    if ((no_links ? lstat : stat)(part, &st) != 0 || S_ISLNK(st.st_mode))
      return;
    if ((st.st_mode & (S_ISDIR(st.st_mode) ? S_IXOTH | S_IROTH : S_IROTH)) !=
        (S_ISDIR(st.st_mode) ? S_IXOTH | S_IROTH : S_IROTH))
      group_add(groups, st.st_gid);
  }
}

/* ---- the reader ---- */

struct reader {
  const struct cf_conf *conf;
  struct groups groups;
};

static enum cf_err reader_become(void *context, struct cf_fault *fault)
{
  const struct reader *reader = context;
  return cf_privilege_drop_but(reader->conf, reader->groups.v, reader->groups.n, fault);
}

enum cf_err cf_import_reader_start(struct cf_import_job *job)
{
  const char *paths[CF_IMPORT_FILES_MAX];
  struct cf_cli *cli = job->cli;
  bool no_links = cf_import_links_refused(job);
  struct reader reader = {.conf = &cli->conf};
  enum cf_err err = cf_cli_load(cli);
  for (size_t i = 0; i < job->files_n; i++) {
    paths[i] = job->files[i].path;
    groups_find(&reader.groups, paths[i], no_links);
  }
  const struct cf_reader_rules rules = {.paths = paths,
                                        .n = job->files_n,
                                        .opener = {.no_links = no_links, .reader = -1},
                                        .become = reader_become,
                                        .context = &reader};
  return err == CF_OK ? cf_reader_start(&rules, &job->reader, &job->reader_pid, &cli->fault) : err;
}

void cf_import_reader_end(struct cf_import_job *job)
{
  if (job->reader < 0)
    return;
  close(job->reader);
  (void)waitpid(job->reader_pid, NULL, 0);
}
