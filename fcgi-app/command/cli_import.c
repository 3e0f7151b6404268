/* SPDX-License-Identifier: MIT */
/* counterfoil import: access logs into the ledger, once or as they grow. */
#include "config.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-app/command/cli_import_in.h"
#include "fcgi-app/door/privilege.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/base/diag.h"
#include "lib/input/logline.h"
#include "lib/record/json.h"

#define POLL_MS     200
#define PATIENCE_US INT64_C(120000000)
#define WHOAMI_MAX  65536
#define STATE_US    INT64_C(10000000) /* while nothing comes the state is saved this often */

static const struct cf_cli_option options[] = {
    {"source", "NAME", "the events' source, a name for the log (default: import)"},
    {"zone", "ZONE", "the zone of times that name none, like +02:00 (default: UTC)"},
    {"again", NULL,
     "the files were imported by another version, or in another zone: add what is new"},
    {"follow", NULL, "go on as the files grow, are rotated and truncated, until SIGINT or SIGTERM"},
    {"state", "FILE", "with --follow: where it is kept how far the files were read"},
    {"ids", "place|line",
     "make ids from a line's place in its file (default), or from the line alone"},
    {"dry-run", NULL, "say what would be taken, by format, and send nothing"},
    {"force", NULL, "take a file though it is no text"},
    {"links", NULL, "as root: follow links on the way to a file too"},
    {"pipe", NULL, "as root: take what is no regular file too, like a named pipe"},
    {"json", NULL, "print the result as JSON"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* ---- the ledger ---- */

struct posting {
  struct cf_str left; /* of the body */
  struct cf_import_turn *turn;
  struct cf_buf *answer;
};

/* Its end, which is the empty piece, waits for its turn. */
static enum cf_err posting_body(void *context, void *out, size_t max, size_t *n)
{
  struct posting *p = context;
  *n = p->left.n < max ? p->left.n : max;
  if (*n == 0)
    return p->turn != NULL ? cf_import_turn_wait(p->turn) : CF_OK;
  memcpy(out, p->left.p, *n);
  p->left = (struct cf_str){p->left.p + *n, p->left.n - *n};
  return CF_OK;
}

static enum cf_err posting_answer(void *context, const void *piece, size_t n)
{
  struct posting *p = context;
  cf_buf_put(p->answer, piece, n);
  return p->answer->err;
}

static enum cf_err ask_post(void *context, const char *route, struct cf_str body,
                            struct cf_import_turn *turn, int *status, struct cf_buf *answer,
                            struct cf_fault *fault)
{
  struct cf_cli *cli = context;
  struct posting posting = {body, turn, answer};
  bool events = strcmp(route, CF_IMPORT_EVENTS) == 0;
  const struct cf_ask ask = {
      .method = "POST",
      .path = route,
      .query = cf_str_from(events ? "batch=1&long=cut" : ""),
      .content_type = events ? "application/x-ndjson" : "application/json",
      .body_n = body.n,
      .context = &posting,
      .body = posting_body,
      .answer = posting_answer,
  };
  return cf_ask(cli->asker, &ask, status, fault);
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

static enum cf_err open_import(struct cf_import_job *job)
{
  struct cf_cli *cli = job->cli;
  const char *source = cf_cli_value(cli, "source");
  struct cf_import_rules rules = {
      .source = source != NULL ? cf_str_from(source) : CF_STR("import"),
      .ids = job->ids,
      .batch_max = cli->conf.max_batch,
      .body_max = cli->conf.max_body,
      .ahead = cli->conf.ingest_memory / CF_IMPORT_AHEAD >= CF_IMPORT_MEMORY,
      .zone_s = job->zone_s,
      .again = cf_cli_value(cli, "again") != NULL,
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

static enum cf_err file_name(void *context, const struct cf_line *first, char head[CF_HEAD_N + 1],
                             struct cf_fault *fault)
{
  const struct cf_import_job *job = context;
  (void)fault;
  cf_import_head(job->import, first, head);
  return CF_OK;
}

/* ---- importing ---- */

/* Tell of a file's gap, if it has one. */
static enum cf_err gap_tell(struct cf_import_job *job, struct cf_follow *follow, bool *told)
{
  const struct cf_gap *gap = cf_follow_gap(follow);
  enum cf_err err = gap != NULL ? cf_import_gap(job->import, gap, &job->cli->fault) : CF_OK;
  *told = *told || gap != NULL;
  if (err == CF_OK)
    cf_follow_gap_told(follow);
  return err;
}

/* Each save is an fsync; but how old the state is tells a later run since when
 * a file may have been rotated away. */
static enum cf_err state_save(struct cf_import_job *job, bool told)
{
  uint64_t lines = cf_import_counts(job->import).lines;
  int64_t now_us = cf_clock_mono_us();
  if (!told && lines == job->saved_lines && job->saved_us != 0 && now_us - job->saved_us < STATE_US)
    return CF_OK;
  job->saved_lines = lines;
  job->saved_us = now_us;
  return cf_import_state_save(job);
}

/* The state is written when the ledger has the lines, and knows of the gaps. */
static enum cf_err send_batch(struct cf_import_job *job)
{
  bool told = false;
  enum cf_err err = cf_import_send(job->import, &job->cli->fault);
  if (err != CF_OK)
    return err;
  cf_cli_progress("%ju lines", (uintmax_t)cf_import_counts(job->import).lines);
  if (!job->on)
    return CF_OK;
  for (size_t i = 0; i < job->files_n && err == CF_OK; i++) {
    err = gap_tell(job, job->files[i].follow, &told);
    cf_follow_commit(job->files[i].follow);
  }
  return err == CF_OK ? state_save(job, told) : err;
}

/* While a batch is on its way the next is made. Who follows keeps how far what
 * is in the ledger was read, and waits. */
static enum cf_err pass_batch(struct cf_import_job *job)
{
  if (job->on)
    return send_batch(job);
  enum cf_err err = cf_import_pass(job->import, &job->cli->fault);
  if (err == CF_OK)
    cf_cli_progress("%ju lines", (uintmax_t)cf_import_counts(job->import).lines);
  return err;
}

/* A file's lines into the batch, which is sent when it is full, up to what
 * there is now. */
static enum cf_err lines_take(struct cf_import_job *job, struct cf_import_file *file, bool *any)
{
  struct cf_line line;
  const char *head;
  bool more = true;
  while (!cf_cli_stopped()) {
    enum cf_err err = cf_follow_next(file->follow, &line, &head, &more, &job->cli->fault);
    job->file_trouble = err != CF_OK && err != CF_E_NOMEM && err != CF_E_PEER;
    if (err != CF_OK || !more)
      return err;
    *any = true;
    file->lines++;
    if (job->known != NULL)
      err = cf_import_known_line(job, &line, head, file->path);
    if (err == CF_OK)
      err = cf_import_add(job->import, &line, head);
    if (err == CF_OK && cf_import_full(job->import))
      err = pass_batch(job);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* A file that is broken does not keep the others from being taken. */
static enum cf_err file_import(struct cf_import_job *job, struct cf_import_file *file)
{
  bool any = false;
  cf_import_begin(job->import);
  enum cf_err err = lines_take(job, file, &any);
  cf_follow_free(file->follow);
  file->follow = NULL;
  if (err != CF_OK && !job->file_trouble)
    return err;
  if (err != CF_OK)
    cf_import_file_fail(job, file, err);
  return cf_import_known_end(job, file->path);
}

static enum cf_err import_once(struct cf_import_job *job)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < job->files_n && err == CF_OK; i++)
    if (!job->files[i].failed)
      err = file_import(job, &job->files[i]);
  if (err == CF_OK)
    err = send_batch(job);
  return err == CF_OK && cf_cli_stopped()
             ? cf_fail(&job->cli->fault, CF_E_LEAVING, NULL, "interrupted")
             : err;
}

/* Trouble with a file passes, or somebody mends it: say so once, and go on with
 * the others. */
static enum cf_err look_once(struct cf_import_job *job, bool *any)
{
  for (size_t i = 0; i < job->files_n; i++) {
    struct cf_import_file *file = &job->files[i];
    enum cf_err err = lines_take(job, file, any);
    bool trouble = err != CF_OK && job->file_trouble;
    if (trouble && !file->warned)
      cf_log(CF_LOG_WARNING, "%s: %s", file->path, cf_fault_text(&job->cli->fault, err));
    file->warned = trouble;
    if (err != CF_OK && !trouble)
      return err;
  }
  return send_batch(job);
}

static enum cf_err import_on(struct cf_import_job *job)
{
  enum cf_err err = CF_OK;
  while (err == CF_OK && !cf_cli_stopped()) {
    bool any = false;
    err = look_once(job, &any);
    if (err == CF_OK && !any)
      poll(NULL, 0, POLL_MS);
  }
  return err == CF_E_LEAVING && cf_cli_stopped() ? CF_OK : err;
}

/* ---- the result ---- */

static void put_json(const struct cf_import_job *job, const struct cf_import_counts *counts,
                     double seconds, struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "files", job->files_n);
  cf_json_put_member_u64(b, "failed", job->failed_n);
  cf_json_put_member_u64(b, "lines", counts->lines);
  cf_json_put_member_u64(b, "accepted", counts->accepted);
  cf_json_put_member_u64(b, "duplicates", counts->duplicates);
  cf_json_put_member_u64(b, "messages", counts->messages);
  cf_json_put_name(b, "seconds");
  cf_buf_putf(b, "%.3f}\n", seconds);
}

static void put_words(const struct cf_import_job *job, const struct cf_import_counts *counts,
                      double seconds, struct cf_buf *b)
{
  cf_buf_putf(b, "%ju lines: %ju new, %ju already there, %ju kept as messages; %.1f s\n",
              (uintmax_t)counts->lines, (uintmax_t)counts->accepted, (uintmax_t)counts->duplicates,
              (uintmax_t)counts->messages, seconds);
  if (job->failed_n > 0)
    cf_buf_putf(b, "%zu of %zu files failed\n", job->failed_n, job->files_n);
}

/* What is in the ledger now is told in any case. */
static enum cf_err print_result(const struct cf_import_job *job, int64_t since_us)
{
  struct cf_import_counts counts = cf_import_counts(job->import);
  double seconds = (double)(cf_clock_mono_us() - since_us) / 1e6;
  struct cf_buf b;
  cf_buf_init(&b, 4096);
  if (cf_cli_value(job->cli, "json") != NULL)
    put_json(job, &counts, seconds, &b);
  else
    put_words(job, &counts, seconds, &b);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

/* ---- the command ---- */

/* Who follows waits for the service where there is to be one, and does not take
 * its place. */
static enum cf_err ledger_open(struct cf_import_job *job)
{
  struct cf_cli *cli = job->cli;
  enum cf_err err = cf_cli_load(cli);
  if (err != CF_OK)
    return err;
  return job->on && cli->conf.listen != NULL ? cf_cli_open_guest(cli) : cf_cli_open(cli);
}

/* Files are opened before root is given away, so that root can import what only
 * root may read; nothing is read of them as root. Followed ones are opened
 * again and again, by a reader that root leaves behind. */
static enum cf_err job_prepare(struct cf_import_job *job)
{
  enum cf_err err = CF_OK;
  if (!job->on)
    err = cf_import_files_open(job, file_name);
  else if (job->root)
    err = cf_import_reader_start(job);
  if (err == CF_OK)
    err = ledger_open(job);
  if (err == CF_OK)
    err = open_import(job);
  if (err == CF_OK && !job->on)
    err = cf_import_known_new(job);
  if (err == CF_OK && job->on)
    err = cf_import_state_open(job);
  if (err == CF_OK && job->on)
    err = cf_import_files_open(job, file_name);
  return err;
}

static enum cf_err job_run(struct cf_import_job *job)
{
  int64_t since_us = cf_clock_mono_us();
  enum cf_err err = job_prepare(job);
  if (err != CF_OK)
    return err;
  err = job->on ? import_on(job) : import_once(job);
  enum cf_err printed = print_result(job, since_us);
  return err == CF_OK ? printed : err;
}

/* Without a ledger; root becomes its user all the same before it reads. */
static enum cf_err job_preview(struct cf_import_job *job)
{
  enum cf_err err = cf_import_files_open(job, cf_import_preview_name);
  if (err == CF_OK && job->root)
    err = cf_cli_load(job->cli);
  if (err == CF_OK && job->root)
    err = cf_privilege_drop(&job->cli->conf, &job->cli->fault);
  return err == CF_OK ? cf_import_preview(job) : err;
}

static void job_finish(struct cf_import_job *job)
{
  cf_import_files_close(job);
  cf_import_reader_end(job);
  cf_import_state_close(job);
  cf_import_known_free(job->known);
  cf_import_free(job->import);
}

static int import_run(struct cf_cli *cli)
{
  struct cf_import_job job = {.cli = cli,
                              .on = cf_cli_value(cli, "follow") != NULL,
                              .root = geteuid() == 0,
                              .reader = -1,
                              .state_lock = -1};
  bool dry = cf_cli_value(cli, "dry-run") != NULL;
  if (!job.on && cf_cli_value(cli, "state") != NULL)
    return cf_cli_usage(cli, "--state goes with --follow");
  if (job.on && dry)
    return cf_cli_usage(cli, "--dry-run goes without --follow");
  const char *ids = cf_cli_value(cli, "ids");
  while (ids != NULL && job.ids < CF_IDS_N && strcmp(ids, cf_ids_name(job.ids)) != 0)
    job.ids++;
  if (job.ids == CF_IDS_N)
    return cf_cli_usage(cli, "--ids is place or line");
  const char *zone = cf_cli_value(cli, "zone");
  if (zone != NULL && cf_logline_zone(cf_str_from(zone), &job.zone_s) != CF_OK)
    return cf_cli_usage(
        cli, "--zone: a zone is UTC, or hours and minutes east of it, like +02:00 or -05:00");
  enum cf_err err = cf_import_files_name(&job);
  if (err == CF_OK)
    err = dry ? job_preview(&job) : job_run(&job);
  int status = err == CF_OK ? cf_import_files_status(&job) : cf_cli_fail(cli, err);
  job_finish(&job);
  return status;
}

const struct cf_cli_command cf_cli_import = {
    .name = "import",
    .arguments = "FILE…",
    .summary = "Put the lines of access logs into the ledger, each one once",
    .details =
        "FILE is a log, perhaps packed (gzip, xz, zstd, bzip2), or a directory of logs; `-` is standard input. A log is in common\n"
        "or combined format, with or without a virtual host, or of JSON lines; the format is found line by line. A line that is\n"
        "neither becomes an event with the line as its `message`, an empty one too; a last line without its line feed is taken,\n"
        "but with --follow only when the file was renamed and is quiet for a minute. A file that cannot be read does not keep the\n"
        "others from being taken; then the exit status is 1.\n"
        "A second import of the same lines adds nothing: an event's id is made of the file's first line, the source and the\n"
        "line's place. With --follow renamed files are read to their end, and what was not yet read of a truncated one is\n"
        "looked for in its copy beside it. How far files were read is kept in the --state file, written when the ledger\n"
        "has the lines on disk; by default in $XDG_STATE_HOME/counterfoil or ~/.local/state/counterfoil. As root, --state is\n"
        "needed, and a process that keeps the files' groups opens them; links, which others may have put in root's way, and what\n"
        "is no regular file are refused without --links and --pipe. Where `listen` is set, --follow waits for the service.\n",
    .options = options,
    .args_min = 1,
    .args_max = 1000,
    .run = import_run,
};
