/* SPDX-License-Identifier: MIT */
/* counterfoil import: access logs into the ledger, once or as they grow. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/input/follow.h"
#include "lib/input/import.h"
#include "lib/record/json.h"

#define POLL_MS     200
#define DRAIN_US    INT64_C(60000000)
#define PATIENCE_US INT64_C(120000000)
#define WHOAMI_MAX  65536

static const struct cf_cli_option options[] = {
    {"source", "NAME", "the events' source, a name for the log (default: import)"},
    {"follow", NULL, "go on as the files grow, are rotated and truncated, until SIGINT or SIGTERM"},
    {"state", "FILE", "with --follow: where it is kept how far the files were read"},
    {"links", NULL, "as root: follow links on the way to a file too"},
    {"pipe", NULL, "as root: take what is no regular file too, like a named pipe"},
    {"json", NULL, "print the result as JSON"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

struct job {
  struct cf_cli *cli;
  bool on;
  bool root;             /* started as root */
  char *state;           /* the state file; NULL: none is kept */
  struct cf_marks marks; /* what it held at the start */
  struct cf_import *import;
  bool file_trouble; /* the last error is of a file, not of the ledger */
  char **paths;
  struct cf_follow **follows; /* paths_n of each */
  size_t paths_n;
};

/* ---- the ledger ---- */

static enum cf_err ask_post(void *context, struct cf_str body, int *status, struct cf_buf *answer,
                            struct cf_fault *fault)
{
  struct cf_cli *cli = context;
  return cf_ask_text(cli->asker, "POST", "/v1/events", CF_STR("batch=1&long=cut"),
                     "application/x-ndjson", body, status, answer, fault);
}

/* The ledger's import key, which only the local admin is told. */
static enum cf_err ask_key(struct cf_cli *cli, uint8_t key[CF_SEED_N])
{
  struct cf_json *doc = NULL;
  struct cf_buf answer;
  int status = 0;
  cf_buf_init(&answer, WHOAMI_MAX);
  enum cf_err err = cf_ask_text(cli->asker, "GET", "/v1/whoami", CF_STR(""), NULL, CF_STR(""),
                                &status, &answer, &cli->fault);
  if (err == CF_OK)
    err = cf_json_parse(cf_buf_str(&answer), 4, &doc, NULL);
  if (err == CF_OK)
    err = cf_base64_get_n(cf_json_string(cf_json_member(doc, "import_key")), key, CF_SEED_N);
  if (err == CF_E_SYNTAX)
    err = cf_fail(&cli->fault, CF_E_NOTREADY, NULL,
                  "the ledger does not give its import key; it answered %d", status);
  cf_json_free(doc);
  if (answer.p != NULL)
    cf_wipe(answer.p, answer.n);
  cf_buf_fini(&answer);
  return err;
}

static enum cf_err open_import(struct job *job)
{
  struct cf_cli *cli = job->cli;
  const char *source = cf_cli_value(cli, "source");
  struct cf_import_rules rules = {
      .source = source != NULL ? cf_str_from(source) : CF_STR("import"),
      .batch_max = cli->conf.max_batch,
      .body_max = cli->conf.max_body,
      .patience_us = job->on ? INT64_MAX : PATIENCE_US,
      .stopped = cf_cli_stopped,
      .post = ask_post,
      .context = cli,
  };
  enum cf_err err = ask_key(cli, rules.key);
  if (err == CF_OK)
    err = cf_import_new(&rules, &job->import, &cli->fault);
  cf_wipe(rules.key, sizeof rules.key);
  return err;
}

/* ---- the state file ---- */

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
static enum cf_err default_state(struct job *job, struct cf_buf *b)
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
static enum cf_err find_state(struct job *job)
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
  return err == CF_OK ? cf_marks_load(job->state, &job->marks, &job->cli->fault) : err;
}

static bool is_ours(const struct job *job, const char *path)
{
  for (size_t i = 0; i < job->paths_n; i++)
    if (strcmp(job->paths[i], path) == 0)
      return true;
  return false;
}

/* The marks of what is followed, and those that other runs left of other
 * files. */
static enum cf_err save_state(const struct job *job)
{
  struct cf_marks marks = {0};
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < job->marks.n && err == CF_OK; i++)
    if (!is_ours(job, job->marks.v[i].path))
      err = cf_marks_add(&marks, &job->marks.v[i]);
  for (size_t i = 0; i < job->paths_n && err == CF_OK; i++)
    err = cf_follow_marks(job->follows[i], &marks);
  if (err == CF_OK)
    err = cf_marks_save(job->state, &marks, &job->cli->fault);
  cf_marks_fini(&marks);
  return err;
}

/* ---- the files ---- */

static enum cf_err name_file(void *context, struct cf_str first_line, char head[CF_HEAD_N + 1],
                             struct cf_fault *fault)
{
  const struct job *job = context;
  (void)fault;
  cf_import_head(job->import, first_line, head);
  return CF_OK;
}

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

static enum cf_err name_paths(struct job *job)
{
  job->paths = calloc(job->cli->args_n, sizeof *job->paths);
  job->follows = calloc(job->cli->args_n, sizeof *job->follows);
  if (job->paths == NULL || job->follows == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < job->cli->args_n; i++) {
    const char *path = job->cli->args[i];
    if (job->on && strcmp(path, "-") == 0)
      return cf_fail(&job->cli->fault, CF_E_CONFIG, path, "standard input is no file to follow");
    char *whole = path_absolute(path);
    if (whole == NULL)
      return cf_fail_errno(&job->cli->fault, CF_E_SYSTEM, path, "cannot tell its absolute path");
    bool twice = is_ours(job, whole);
    job->paths[job->paths_n++] = whole;
    if (twice)
      return cf_fail(&job->cli->fault, CF_E_CONFIG, path, "is named twice");
  }
  return CF_OK;
}

static enum cf_err open_files(struct job *job)
{
  const struct cf_follow_rules rules = {.on = job->on,
                                        .no_links =
                                            job->root && cf_cli_value(job->cli, "links") == NULL,
                                        .only_files =
                                            job->root && cf_cli_value(job->cli, "pipe") == NULL,
                                        .drain_us = DRAIN_US,
                                        .name = name_file,
                                        .context = job};
  for (size_t i = 0; i < job->paths_n; i++) {
    enum cf_err err =
        cf_follow_new(job->paths[i], &rules, &job->marks, &job->follows[i], &job->cli->fault);
    if (err != CF_OK)
      return err;
    if (job->on && access(job->paths[i], F_OK) != 0)
      cf_log(CF_LOG_WARNING, "%s: is not there yet", job->paths[i]);
  }
  return CF_OK;
}

/* ---- importing ---- */

static enum cf_err send_batch(struct job *job)
{
  enum cf_err err = cf_import_send(job->import, &job->cli->fault);
  if (err != CF_OK)
    return err;
  for (size_t i = 0; i < job->paths_n; i++)
    cf_follow_commit(job->follows[i]);
  return job->state != NULL ? save_state(job) : CF_OK;
}

/* A file's lines into the batch, which is sent when it is full, up to what
 * there is now. */
static enum cf_err take_lines(struct job *job, struct cf_follow *follow, bool *any)
{
  struct cf_line line;
  const char *head;
  bool more = true;
  while (!cf_cli_stopped()) {
    enum cf_err err = cf_follow_next(follow, &line, &head, &more, &job->cli->fault);
    job->file_trouble = err != CF_OK && err != CF_E_NOMEM;
    if (err != CF_OK || !more)
      return err;
    *any = true;
    err = cf_import_add(job->import, &line, head);
    if (err == CF_OK && cf_import_full(job->import))
      err = send_batch(job);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

static enum cf_err import_once(struct job *job)
{
  bool any = false;
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < job->paths_n && err == CF_OK; i++)
    err = take_lines(job, job->follows[i], &any);
  if (err == CF_OK)
    err = send_batch(job);
  return err == CF_OK && cf_cli_stopped()
             ? cf_fail(&job->cli->fault, CF_E_LEAVING, NULL, "interrupted")
             : err;
}

/* Trouble with a file passes, or somebody mends it: say so once, and go on with
 * the others. */
static enum cf_err look_once(struct job *job, bool *any, bool *warned)
{
  for (size_t i = 0; i < job->paths_n; i++) {
    enum cf_err err = take_lines(job, job->follows[i], any);
    if (err != CF_OK && job->file_trouble) {
      if (!warned[i])
        cf_log(CF_LOG_WARNING, "%s: %s", job->paths[i], cf_fault_text(&job->cli->fault, err));
      warned[i] = true;
      continue;
    }
    if (err != CF_OK)
      return err;
    warned[i] = false;
  }
  return send_batch(job);
}

static enum cf_err import_on(struct job *job)
{
  bool *warned = calloc(job->paths_n, sizeof *warned);
  enum cf_err err = warned == NULL ? CF_E_NOMEM : CF_OK;
  while (err == CF_OK && !cf_cli_stopped()) {
    bool any = false;
    err = look_once(job, &any, warned);
    if (err == CF_OK && !any)
      poll(NULL, 0, POLL_MS);
  }
  free(warned);
  return err == CF_E_LEAVING && cf_cli_stopped() ? CF_OK : err;
}

/* ---- the result ---- */

static void put_json(const struct job *job, const struct cf_import_counts *counts, double seconds,
                     struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "files", job->paths_n);
  cf_json_put_member_u64(b, "lines", counts->lines);
  cf_json_put_member_u64(b, "accepted", counts->accepted);
  cf_json_put_member_u64(b, "duplicates", counts->duplicates);
  cf_json_put_member_u64(b, "messages", counts->messages);
  cf_json_put_name(b, "seconds");
  cf_buf_putf(b, "%.3f}\n", seconds);
}

static void put_words(const struct cf_import_counts *counts, double seconds, struct cf_buf *b)
{
  cf_buf_putf(b, "%ju lines: %ju new, %ju already there, %ju kept as messages; %.1f s\n",
              (uintmax_t)counts->lines, (uintmax_t)counts->accepted, (uintmax_t)counts->duplicates,
              (uintmax_t)counts->messages, seconds);
}

/* What is in the ledger now is told in any case. */
static enum cf_err print_result(const struct job *job, int64_t since_us)
{
  struct cf_import_counts counts = cf_import_counts(job->import);
  double seconds = (double)(cf_clock_mono_us() - since_us) / 1e6;
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  if (cf_cli_value(job->cli, "json") != NULL)
    put_json(job, &counts, seconds, &b);
  else
    put_words(&counts, seconds, &b);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

/* ---- the command ---- */

/* Files are opened before root is given away, so that root can import what only
 * root may read; followed ones are opened again and again, and must be readable
 * for the ledger's user. */
static enum cf_err job_prepare(struct job *job)
{
  enum cf_err err = name_paths(job);
  if (err == CF_OK && !job->on)
    err = open_files(job);
  if (err == CF_OK)
    err = cf_cli_open(job->cli);
  if (err == CF_OK)
    err = open_import(job);
  if (err == CF_OK && job->on)
    err = find_state(job);
  if (err == CF_OK && job->on)
    err = open_files(job);
  return err;
}

static void job_finish(struct job *job)
{
  for (size_t i = 0; i < job->paths_n; i++) {
    cf_follow_free(job->follows[i]);
    free(job->paths[i]);
  }
  free(job->follows);
  free(job->paths);
  free(job->state);
  cf_marks_fini(&job->marks);
  cf_import_free(job->import);
}

static int import_run(struct cf_cli *cli)
{
  struct job job = {.cli = cli, .on = cf_cli_value(cli, "follow") != NULL, .root = geteuid() == 0};
  int64_t since_us = cf_clock_mono_us();
  if (!job.on && cf_cli_value(cli, "state") != NULL)
    return cf_cli_usage(cli, "--state goes with --follow");
  enum cf_err err = job_prepare(&job);
  if (err == CF_OK) {
    err = job.on ? import_on(&job) : import_once(&job);
    enum cf_err printed = print_result(&job, since_us);
    if (err == CF_OK)
      err = printed;
  }
  int status = err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
  job_finish(&job);
  return status;
}

const struct cf_cli_command cf_cli_import = {
    .name = "import",
    .arguments = "FILE…",
    .summary = "Put the lines of access logs into the ledger, each one once",
    .details =
        "FILE is a log in common or combined format, with or without a virtual host, or of JSON lines; the format is found line\n"
        "by line. `-` is standard input. A line that is neither becomes an event with the line as its `message`, an empty one too;\n"
        "a last line without its line feed is taken, but with --follow only when the file was renamed and is quiet for a minute.\n"
        "A second import of the same lines adds nothing: an event's id is made of the file's first line, the source and the\n"
        "line's place. With --follow renamed files are read to their end, and what was not yet read of a truncated one is\n"
        "looked for in its copy beside it. How far files were read is kept in the --state file, written when the ledger\n"
        "has the lines on disk; by default in $XDG_STATE_HOME/counterfoil or ~/.local/state/counterfoil. As root, --state is\n"
        "needed, and followed files must be readable for the ledger's user; links, which others may have put in root's way, and\n"
        "what is no regular file are refused without --links and --pipe.\n",
    .options = options,
    .args_min = 1,
    .args_max = 1000,
    .run = import_run,
};
