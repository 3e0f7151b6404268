/* SPDX-License-Identifier: MIT */
/* counterfoil evidence: the answer to a question with what proves it, as a tar
 * or a directory (format.md, Evidence bundle). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-app/command/question_in.h"
#include "fcgi-app/command/untar_in.h"
#include "fcgi-app/command/when_in.h"
#include "lib/base/file.h"

#define QUERY_MAX   (64u << 10)
#define PROBLEM_MAX (1u << 20)
#define PATH        "/v1/evidence"

static const struct cf_cli_option options[] = {
    {"output", "FILE", "write the tar there; also -o FILE (default: standard output)"},
    {"directory", "DIR", "make this directory, with the files of the tar"},
    {"at", "SIZE", "by the kept checkpoint of that size (default: the newest, of all there is)"},
    {"tz", "ZONE", "dates and day words are of this zone (default: UTC)"},
    {"read-only", NULL, "look at a copy as evidence: no key, no lock, and nothing is recorded"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* Where the tar goes. */
struct sink {
  struct cf_cli *cli;
  int status;            /* of the answer */
  struct cf_buf problem; /* of one that is none */
  const char *file;      /* its name, or NULL; */
  char *part;            /* the same with `.part` behind it, until it is whole */
  int fd;
  bool unpacks;
  struct cf_untar untar;
};

/* ---- a file ---- */

static enum cf_err file_fail(const struct sink *sink)
{
  return cf_fail_errno(&sink->cli->fault, CF_E_SYSTEM, sink->file, "cannot be written");
}

static enum cf_err file_open(struct sink *sink)
{
  struct cf_buf name;
  cf_buf_init(&name, SIZE_MAX);
  cf_buf_puts(&name, sink->file);
  cf_buf_puts(&name, ".part");
  sink->part = cf_buf_take(&name);
  if (sink->part == NULL)
    return CF_E_NOMEM;
  sink->fd = cf_file_make(AT_FDCWD, sink->part, O_WRONLY | O_TRUNC);
  if (sink->fd < 0 && errno == EACCES)
    return cf_fail(&sink->cli->fault, CF_E_SYSTEM, sink->file,
                   "the ledger's user, as whom this runs, may not write there: say > %s instead",
                   sink->file);
  return sink->fd >= 0 ? CF_OK : file_fail(sink);
}

/* It has its name when it is whole, and on disk. */
static enum cf_err file_close(struct sink *sink)
{
  bool good =
      fsync(sink->fd) == 0 && rename(sink->part, sink->file) == 0 && cf_file_sync_name(sink->file);
  if (!good)
    return file_fail(sink);
  close(sink->fd);
  sink->fd = -1;
  return CF_OK;
}

/* ---- any of them ---- */

static enum cf_err sink_open(struct sink *sink)
{
  const char *directory = cf_cli_value(sink->cli, "directory");
  if (sink->file != NULL)
    return file_open(sink);
  sink->unpacks = directory != NULL;
  return sink->unpacks ? cf_untar_open(&sink->untar, directory, &sink->cli->fault) : CF_OK;
}

static enum cf_err sink_close(struct sink *sink)
{
  if (sink->file != NULL)
    return file_close(sink);
  return sink->unpacks ? cf_untar_close(&sink->untar, &sink->cli->fault) : cf_cli_flush();
}

static void sink_fini(struct sink *sink)
{
  if (sink->fd >= 0) {
    close(sink->fd);
    (void)unlink(sink->part);
  }
  if (sink->unpacks)
    cf_untar_fini(&sink->untar);
  free(sink->part);
  cf_buf_fini(&sink->problem);
}

/* Nothing is made before there is something to put into it. */
static enum cf_err take_head(void *context, int status, struct cf_str headers)
{
  struct sink *sink = context;
  (void)headers;
  sink->status = status;
  return status < 400 ? sink_open(sink) : CF_OK;
}

static enum cf_err take_answer(void *context, const void *p, size_t n)
{
  struct sink *sink = context;
  struct cf_str bytes = {p, n};
  if (sink->status >= 400) {
    cf_buf_putstr(&sink->problem, bytes);
    return sink->problem.err;
  }
  if (sink->file != NULL)
    return cf_file_write(sink->fd, bytes) ? CF_OK : file_fail(sink);
  return sink->unpacks ? cf_untar_put(&sink->untar, bytes, &sink->cli->fault) : cf_cli_write(p, n);
}

/* ---- asking ---- */

static enum cf_err broke_off(struct cf_cli *cli)
{
  return cf_fail(&cli->fault, CF_E_PEER, NULL,
                 "it broke off, and what there is of it proves nothing: ask again; the service's "
                 "own log says why");
}

static int evidence_ask(struct sink *sink, struct cf_str query)
{
  struct cf_cli *cli = sink->cli;
  const struct cf_ask ask = {.method = "GET",
                             .path = PATH,
                             .query = query,
                             .context = sink,
                             .head = take_head,
                             .answer = take_answer};
  enum cf_err err = cf_ask(cli->asker, &ask, &sink->status, &cli->fault);
  if (err == CF_E_PEER && cf_cli_output_ok())
    err = broke_off(cli);
  if (err == CF_OK && sink->status >= 400)
    return cf_cli_refused(cli, sink->status, cf_buf_str(&sink->problem));
  if (err == CF_OK)
    err = sink_close(sink);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

static enum cf_err evidence_prepare(struct cf_question *q)
{
  const char *zone = cf_cli_value(q->cli, "tz"), *at = cf_cli_value(q->cli, "at");
  enum cf_err err = cf_when_zone(zone != NULL ? zone : "UTC", &q->cli->fault);
  if (err == CF_OK && at != NULL)
    cf_question_add(q, CF_STR("at"), cf_str_from(at));
  if (err == CF_OK)
    err = cf_question_put_filters(q, false);
  if (err == CF_OK)
    err = q->text.err;
  return err == CF_OK ? cf_cli_open_for_reading(q->cli) : err;
}

static int evidence_run(struct cf_cli *cli)
{
  struct cf_question q = {.cli = cli};
  struct sink sink = {.cli = cli, .file = cf_cli_value(cli, "output"), .fd = -1};
  bool directory = cf_cli_value(cli, "directory") != NULL;

  if (sink.file != NULL && directory)
    return cf_cli_usage(cli, "either --output or --directory");
  if (sink.file == NULL && !directory && isatty(STDOUT_FILENO) == 1)
    return cf_cli_usage(cli, "a tar is nothing for a terminal: say -o FILE or --directory DIR");
  cf_buf_init(&q.text, QUERY_MAX);
  cf_buf_init(&sink.problem, PROBLEM_MAX);
  enum cf_err err = evidence_prepare(&q);
  int status = err == CF_OK ? evidence_ask(&sink, cf_buf_str(&q.text)) : cf_cli_fail(cli, err);
  sink_fini(&sink);
  cf_buf_fini(&q.text);
  return status;
}

const struct cf_cli_command cf_cli_evidence = {
    .name = "evidence",
    .arguments = "[NAME=VALUE…]",
    .summary = "Take records away with what proves them, as a bundle",
    .details =
        "Filters choose as those of `counterfoil query` do. Without any, and with seq_from and seq_to alone, it is of\n"
        "every kind of record. README.txt in it says how it is checked without this software.\n",
    .options = options,
    .filters = cf_question_choosing,
    .run = evidence_run,
};
