/* SPDX-License-Identifier: MIT */
/* Warning of lines that are there already, under other ids. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/command/cli_import_in.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/input/logline.h"
#include "lib/record/json.h"

#define LINES_MAX   100
#define LINES_LEAST 5 /* of fewer nothing is concluded */
#define ANSWER_MAX  (64U << 20)
#define EVENT_DEPTH 64

/* What is compared of a line. */
struct known_line {
  int64_t time_us;
  uint8_t key[CF_HASH_N];
  struct cf_import_own own;
  bool there;
};

struct cf_import_known {
  struct cf_logline logline;
  struct known_line lines[LINES_MAX];
  size_t n;
  uint64_t seen; /* lines of this file, those without a time too */
  bool asked;    /* of this file */
};

enum cf_err cf_import_known_new(struct cf_import_job *job)
{
  job->known = calloc(1, sizeof *job->known);
  if (job->known == NULL)
    return CF_E_NOMEM;
  cf_logline_init(&job->known->logline);
  job->known->logline.zone_s = job->zone_s;
  return CF_OK;
}

void cf_import_known_free(struct cf_import_known *known)
{
  if (known != NULL)
    cf_logline_fini(&known->logline);
  free(known);
}

static enum cf_err key_make(struct cf_str user, struct cf_str resource, uint8_t key[CF_HASH_N])
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_json_put_str(&b, user);
  cf_json_put_str(&b, resource);
  if (b.err == CF_OK)
    cf_sha256_1(b.p, b.n, key);
  enum cf_err err = b.err;
  cf_buf_fini(&b);
  return err;
}

/* ---- the answer ---- */

/* Is the event the line, under an id that this import would not give it? */
static bool is_other(const struct known_line *line, int64_t time_us, const uint8_t key[CF_HASH_N],
                     struct cf_str id)
{
  return line->time_us == time_us && memcmp(line->key, key, CF_HASH_N) == 0 &&
         !cf_str_starts(id, cf_str_from(line->own.id[0])) &&
         !cf_str_starts(id, cf_str_from(line->own.id[1]));
}

static enum cf_err event_take(struct cf_import_known *known, const struct cf_json *event)
{
  uint8_t key[CF_HASH_N];
  int64_t time_us;
  if (cf_time_parse(cf_json_string(cf_json_member(event, "time")), &time_us) != CF_OK)
    return CF_OK;
  enum cf_err err = key_make(cf_json_string(cf_json_member(event, "user")),
                             cf_json_string(cf_json_member(event, "resource")), key);
  for (size_t i = 0; i < known->n && err == CF_OK; i++)
    known->lines[i].there |=
        is_other(&known->lines[i], time_us, key, cf_json_string(cf_json_member(event, "id")));
  return err;
}

/* A line of NDJSON each. */
static enum cf_err answer_take(struct cf_import_known *known, struct cf_str answer)
{
  enum cf_err err = CF_OK;
  while (answer.n > 0 && err == CF_OK) {
    struct cf_json *doc = NULL;
    err = cf_json_parse(cf_str_cut(&answer, '\n'), EVENT_DEPTH, &doc, NULL);
    if (err == CF_OK)
      err = event_take(known, doc);
    cf_json_free(doc);
  }
  return err == CF_E_SYNTAX ? CF_OK : err;
}

static void known_warn(const struct cf_import_known *known, const char *path)
{
  size_t there = 0;
  for (size_t i = 0; i < known->n; i++)
    there += known->lines[i].there;
  if (there * 10 >= known->n * 9)
    cf_log(CF_LOG_WARNING,
           "%s: of its first %zu lines with a time %zu are already there under other ids, as of "
           "another file that held them, or with another --ids: what is imported now is there "
           "twice",
           path, known->n, there);
}

/* ---- the question ---- */

static void put_question(const struct cf_import_job *job, struct cf_buf *b)
{
  const struct cf_import_known *known = job->known;
  const char *source = cf_cli_value(job->cli, "source");
  int64_t first_us = known->lines[0].time_us, last_us = first_us;
  char text[CF_TIME_TEXT_N + 1];
  for (size_t i = 1; i < known->n; i++) {
    first_us = known->lines[i].time_us < first_us ? known->lines[i].time_us : first_us;
    last_us = known->lines[i].time_us > last_us ? known->lines[i].time_us : last_us;
  }
  cf_buf_puts(b, "format=ndjson&limit=1000&source=");
  cf_url_put(b, cf_str_from(source != NULL ? source : "import"));
  cf_time_format(first_us, text);
  cf_buf_puts(b, "&from=");
  cf_url_put(b, cf_str_from(text));
  cf_time_format(last_us + 1, text);
  cf_buf_puts(b, "&to=");
  cf_url_put(b, cf_str_from(text));
}

/* Lines of another file that are on their way are waited for: nobody else asks
 * meanwhile, and what the answer is does not depend on who is faster. */
static enum cf_err known_ask(struct cf_import_job *job, const char *path)
{
  struct cf_buf question, answer;
  int status = 0;
  job->known->asked = true;
  if (job->known->n < LINES_LEAST)
    return CF_OK;
  enum cf_err err = cf_import_wait(job->import, &job->cli->fault);
  if (err != CF_OK)
    return err;
  cf_buf_init(&question, 4096);
  cf_buf_init(&answer, ANSWER_MAX);
  put_question(job, &question);
  err = cf_ask_text(job->cli->asker, "GET", "/v1/events", cf_buf_str(&question), NULL, CF_STR(""),
                    &status, &answer, &job->cli->fault);
  /* A ledger that does not answer is waited for when lines are sent. */
  if (err == CF_OK && status == 200)
    err = answer_take(job->known, cf_buf_str(&answer));
  else if (err != CF_E_LEAVING && err != CF_E_NOMEM)
    err = CF_OK;
  if (err == CF_OK)
    known_warn(job->known, path);
  cf_buf_fini(&question);
  cf_buf_fini(&answer);
  return err;
}

/* ---- a file ---- */

enum cf_err cf_import_known_line(struct cf_import_job *job, const struct cf_line *line,
                                 const char head[CF_HEAD_N + 1], const char *path)
{
  struct cf_import_known *known = job->known;
  struct known_line *kept = &known->lines[known->n];
  if (known->asked)
    return CF_OK;
  enum cf_err err = cf_logline_parse(&known->logline, line);
  if (err == CF_OK && cf_time_parse(known->logline.v[CF_M_TIME], &kept->time_us) == CF_OK) {
    err = key_make(known->logline.v[CF_M_USER], known->logline.v[CF_M_PATH], kept->key);
    cf_import_own(job->import, line, head, &kept->own);
    kept->there = false;
    known->n++;
  }
  return err == CF_OK && ++known->seen == LINES_MAX ? known_ask(job, path) : err;
}

enum cf_err cf_import_known_end(struct cf_import_job *job, const char *path)
{
  enum cf_err err = job->known->asked ? CF_OK : known_ask(job, path);
  job->known->asked = false;
  job->known->n = 0;
  job->known->seen = 0;
  return err;
}
