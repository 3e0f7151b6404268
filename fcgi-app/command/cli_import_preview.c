/* SPDX-License-Identifier: MIT */
/* import --dry-run: what would be taken, without a ledger. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "fcgi-app/command/cli_import_in.h"
#include "lib/input/logline.h"
#include "lib/record/json.h"

#define SHOWN_MAX   3  /* lines of a file that are text */
#define SHOWN_WIDTH 78 /* characters of such a line */
#define EVENT_MAX   (1U << 24)

/* What there is of a file. */
struct preview {
  uint64_t lines, formats[CF_LOG_N];
  struct {
    uint64_t number;
    struct cf_buf text;
  } shown[SHOWN_MAX];
  size_t shown_n;
};

/* ---- looking ---- */

static enum cf_err line_look(struct preview *p, struct cf_logline *l, const struct cf_line *line,
                             struct cf_buf *event)
{
  cf_buf_reset(event);
  enum cf_err err = cf_logline_event(l, line, CF_STR("import"), CF_STR("0"), event);
  if (err != CF_OK)
    return err;
  p->lines++;
  p->formats[l->format]++;
  if (l->format == CF_LOG_TEXT && p->shown_n < SHOWN_MAX) {
    p->shown[p->shown_n].number = p->lines;
    cf_cli_put_safe(&p->shown[p->shown_n++].text, line->text, SHOWN_WIDTH);
  }
  return CF_OK;
}

static enum cf_err file_look(struct cf_import_job *job, struct cf_import_file *file,
                             struct preview *p)
{
  struct cf_logline l;
  struct cf_line line;
  struct cf_buf event;
  const char *head;
  bool more = true;
  enum cf_err err = CF_OK;
  cf_logline_init(&l);
  cf_buf_init(&event, EVENT_MAX);
  while (err == CF_OK && !cf_cli_stopped()) {
    err = cf_follow_next(file->follow, &line, &head, &more, &job->cli->fault);
    job->file_trouble = err != CF_OK && err != CF_E_NOMEM;
    if (err != CF_OK || !more)
      break;
    err = line_look(p, &l, &line, &event);
    file->lines++;
  }
  cf_buf_fini(&event);
  cf_logline_fini(&l);
  return err;
}

/* ---- saying ---- */

static void put_words(const struct preview *p, const char *path, struct cf_buf *b)
{
  cf_cli_put_safe(b, cf_str_from(path), 4096);
  cf_buf_putf(b, ": %ju lines", (uintmax_t)p->lines);
  for (size_t i = 0; i < CF_LOG_N; i++)
    if (p->formats[i] > 0)
      cf_buf_putf(b, ", %ju %s", (uintmax_t)p->formats[i], cf_input_table[i].name);
  cf_buf_putc(b, '\n');
  for (size_t i = 0; i < p->shown_n; i++)
    cf_buf_putf(b, "  text, line %ju: %.*s\n", (uintmax_t)p->shown[i].number,
                (int)p->shown[i].text.n, (const char *)p->shown[i].text.p);
}

/* An object a line. */
static void put_json(const struct preview *p, const char *path, struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "file", cf_str_from(path));
  cf_json_put_member_u64(b, "lines", p->lines);
  for (size_t i = 0; i < CF_LOG_N; i++)
    cf_json_put_member_u64(b, cf_input_table[i].name, p->formats[i]);
  cf_json_put_name(b, "first_text");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < p->shown_n; i++) {
    cf_buf_puts(b, i > 0 ? ",{" : "{");
    cf_json_put_member_u64(b, "line", p->shown[i].number);
    cf_json_put_member(b, "text", cf_buf_str(&p->shown[i].text));
    cf_buf_putc(b, '}');
  }
  cf_buf_puts(b, "]}\n");
}

static enum cf_err file_say(const struct cf_import_job *job, const char *path,
                            const struct preview *p)
{
  struct cf_buf b;
  cf_buf_init(&b, 1U << 16);
  if (cf_cli_value(job->cli, "json") != NULL)
    put_json(p, path, &b);
  else
    put_words(p, path, &b);
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

static enum cf_err file_preview(struct cf_import_job *job, struct cf_import_file *file)
{
  struct preview p = {.lines = 0};
  for (size_t i = 0; i < SHOWN_MAX; i++)
    cf_buf_init(&p.shown[i].text, 4096);
  enum cf_err err = file_look(job, file, &p);
  cf_follow_free(file->follow);
  file->follow = NULL;
  bool broken = err != CF_OK && job->file_trouble;
  if (broken)
    cf_import_file_fail(job, file, err);
  if (broken || err == CF_OK)
    err = file_say(job, file->path, &p);
  for (size_t i = 0; i < SHOWN_MAX; i++)
    cf_buf_fini(&p.shown[i].text);
  return err;
}

enum cf_err cf_import_preview_name(void *context, const struct cf_line *first,
                                   char head[CF_HEAD_N + 1], struct cf_fault *fault)
{
  (void)context, (void)first, (void)fault;
  memset(head, '0', CF_HEAD_N);
  head[CF_HEAD_N] = '\0';
  return CF_OK;
}

enum cf_err cf_import_preview(struct cf_import_job *job)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < job->files_n && err == CF_OK; i++)
    if (!job->files[i].failed)
      err = file_preview(job, &job->files[i]);
  return err;
}
