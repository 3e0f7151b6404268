/* SPDX-License-Identifier: MIT */
/* An answer of GET /v1/events as it comes: rows, the cursor behind them, or why
 * it broke off. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/question_in.h"
#include "lib/base/codec.h"

#define DEPTH     16
#define ROW_MAX   (4u << 20)
#define END_MAX   4096
#define PAGE_LINE "next_cursor"
#define SEQ_MAX   ((UINT64_C(1) << 53) - 1)

void cf_question_add(struct cf_question *q, struct cf_str name, struct cf_str value)
{
  if (q->text.n > 0)
    cf_buf_putc(&q->text, '&');
  cf_url_put(&q->text, name);
  cf_buf_putc(&q->text, '=');
  cf_url_put(&q->text, value);
}

/* ---- rows ---- */

static enum cf_err row_show(struct cf_question *q, const struct cf_json *doc, struct cf_str line)
{
  struct cf_buf b;

  cf_buf_init(&b, ROW_MAX);
  enum cf_err err = CF_OK;
  if (q->shown == CF_SHOWN_TABLE)
    err = cf_table_put(q->table, doc, &b);
  else if (q->terminal)
    cf_cli_put_lines(&b, line);
  else
    cf_buf_putstr(&b, line);
  if (q->shown != CF_SHOWN_TABLE)
    cf_buf_putc(&b, '\n');
  if (err == CF_OK)
    err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

static enum cf_err row_take(struct cf_question *q, const struct cf_json *doc, struct cf_str line)
{
  uint64_t seq = 0;

  if (cf_u64_parse(cf_json_number(cf_json_member(doc, "seq")), SEQ_MAX, &seq) != CF_OK)
    return cf_fail(&q->cli->fault, CF_E_SYNTAX, NULL, "a row of the answer has no seq");
  if (q->ascending && q->any && seq <= q->seq)
    return CF_OK;
  if (!q->any || seq > q->seq)
    q->seq = seq;
  q->any = true;
  if (q->held == NULL)
    return row_show(q, doc, line);
  cf_buf_putstr(q->held, line);
  cf_buf_putc(q->held, '\n');
  return q->held->err;
}

/* The last line of ndjson tells where to go on. */
static enum cf_err end_take(struct cf_question *q, const struct cf_json *doc)
{
  const struct cf_json *more = cf_json_member(doc, "has_more");
  struct cf_str cursor = cf_json_string(cf_json_member(doc, PAGE_LINE));

  q->has_more = cf_json_type(more) == CF_JSON_BOOL && cf_json_bool(more);
  if (cursor.n > 0) {
    cf_buf_reset(&q->cursor);
    cf_buf_putstr(&q->cursor, cursor);
  }
  return q->cursor.err;
}

static enum cf_err line_take(struct cf_question *q, struct cf_str line)
{
  struct cf_json *doc = NULL;

  if (line.n == 0)
    return CF_OK;
  enum cf_err err = cf_json_parse(line, DEPTH, &doc, &q->cli->fault);
  if (err == CF_OK)
    err = cf_json_member(doc, PAGE_LINE) != NULL || cf_json_member(doc, "has_more") != NULL
              ? end_take(q, doc)
              : row_take(q, doc, line);
  cf_json_free(doc);
  return err;
}

enum cf_err cf_question_show(struct cf_question *q, struct cf_str row)
{
  struct cf_json *doc = NULL;
  enum cf_err err = cf_json_parse(row, DEPTH, &doc, &q->cli->fault);

  if (err == CF_OK)
    err = row_show(q, doc, row);
  cf_json_free(doc);
  return err;
}

static enum cf_err lines_take(struct cf_question *q, struct cf_str s)
{
  enum cf_err err = CF_OK;

  while (err == CF_OK && s.n > 0) {
    const char *end = memchr(s.p, '\n', s.n);
    size_t n = end != NULL ? (size_t)(end - s.p) : s.n;
    cf_buf_put(&q->line, s.p, n);
    err = q->line.err;
    if (err == CF_OK && end != NULL) {
      err = line_take(q, cf_buf_str(&q->line));
      cf_buf_reset(&q->line);
      n++;
    }
    s = (struct cf_str){s.p + n, s.n - n};
  }
  return err;
}

/* ---- why it broke off ---- */

/* "…NAME VALUE" up to one of the characters of `until`, in what came last. */
static struct cf_str piece_find(struct cf_str text, const char *name, const char *until)
{
  const char *at = text.n > 0 ? memmem(text.p, text.n, name, strlen(name)) : NULL;

  if (at == NULL)
    return (struct cf_str){NULL, 0};
  at += strlen(name);
  size_t n = 0, left = (size_t)(text.p + text.n - at);
  while (n < left && strchr(until, at[n]) == NULL)
    n++;
  return (struct cf_str){at, n};
}

/* Each format tells it in its own way (api.md), and ends in the middle of a
 * value, so that nothing can be parsed. */
static enum cf_err broken_tell(struct cf_question *q, enum cf_err err, struct cf_str end)
{
  bool csv = piece_find(end, "# error=", "\r").n > 0;
  struct cf_str json = end;
  const char *error = end.n > 0 ? memmem(end.p, end.n, "\"error\":{", 9) : NULL;

  if (!csv && error == NULL)
    return err;
  if (!csv)
    json = (struct cf_str){error, end.n - (size_t)(error - end.p)};
  struct cf_str why =
      csv ? piece_find(end, "# error=", "\r") : piece_find(json, "\"title\":\"", "\"");
  struct cf_str detail = csv ? why : piece_find(json, "\"detail\":\"", "\"");
  struct cf_str from =
      csv ? piece_find(end, "# seq_from=", "\r") : piece_find(json, "\"seq_from\":", ",}");
  struct cf_str to =
      csv ? piece_find(end, "# seq_to=", "\r") : piece_find(json, "\"seq_to\":", ",}");
  if (from.n > 0 && to.n > 0)
    return cf_fail(&q->cli->fault, CF_E_DAMAGED, NULL,
                   "the answer broke off: %.*s: records from seq %.*s up to, not including, %.*s "
                   "cannot be read; ask around them with seq_to=%.*s and seq_from=%.*s",
                   (int)why.n, why.p, (int)from.n, from.p, (int)to.n, to.p, (int)from.n, from.p,
                   (int)to.n, to.p);
  return cf_fail(&q->cli->fault, err, NULL, "the answer broke off: %.*s: %.*s", (int)why.n, why.p,
                 (int)detail.n, detail.p);
}

/* Keep the end of what was printed. */
static void end_keep(struct cf_question *q, const void *p, size_t n)
{
  if (n > END_MAX) {
    p = (const char *)p + (n - END_MAX);
    n = END_MAX;
  }
  if (q->end.n + n > END_MAX) {
    size_t keep = END_MAX - n;
    memmove(q->end.p, q->end.p + q->end.n - keep, keep);
    cf_buf_cut(&q->end, q->end.n - keep);
  }
  cf_buf_put(&q->end, p, n);
}

/* ---- raw, on a terminal ---- */

/* Bytes before a character, or the end of a line, that s ends in the middle
 * of. */
static size_t whole_n(struct cf_str s)
{
  if (s.n > 0 && s.p[s.n - 1] == '\r')
    return s.n - 1;
  for (size_t k = 1; k < 4 && k <= s.n; k++) {
    uint8_t c = (uint8_t)s.p[s.n - k];
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    if (c >= 0xc0 || c < 0x80)
      return n > k ? s.n - k : s.n;
  }
  return s.n;
}

/* What a program reads may hold what drives a terminal: there it is shown. */
static enum cf_err terminal_write(struct cf_question *q, const void *p, size_t n)
{
  struct cf_buf shown;

  cf_buf_put(&q->line, p, n);
  size_t whole = n > 0 ? whole_n(cf_buf_str(&q->line)) : q->line.n;
  cf_buf_init(&shown, SIZE_MAX);
  cf_cli_put_lines(&shown, (struct cf_str){(const char *)q->line.p, whole});
  enum cf_err err = q->line.err == CF_OK ? cf_cli_print(&shown) : q->line.err;
  cf_buf_fini(&shown);
  if (err == CF_OK && whole > 0) {
    memmove(q->line.p, q->line.p + whole, q->line.n - whole);
    cf_buf_cut(&q->line, whole);
  }
  return err;
}

/* ---- asking ---- */

static bool has_header(struct cf_str headers, const char *name)
{
  while (headers.n > 0) {
    struct cf_str line = cf_str_cut(&headers, '\n');
    struct cf_str found = cf_str_cut(&line, ':');
    if (found.n == strlen(name) && strncasecmp(found.p, name, found.n) == 0)
      return true;
  }
  return false;
}

static enum cf_err take_head(void *context, int status, struct cf_str headers)
{
  struct cf_question *q = context;

  q->status = status;
  q->retry = has_header(headers, "Retry-After");
  return CF_OK;
}

static enum cf_err take_answer(void *context, const void *p, size_t n)
{
  struct cf_question *q = context;

  if (q->status >= 400) {
    cf_buf_put(&q->line, p, n);
    return q->line.err;
  }
  if (q->shown != CF_SHOWN_RAW)
    return lines_take(q, (struct cf_str){p, n});
  end_keep(q, p, n);
  return q->terminal ? terminal_write(q, p, n) : cf_cli_write(p, n);
}

enum cf_err cf_question_ask(struct cf_question *q)
{
  const struct cf_ask ask = {.method = "GET",
                             .path = "/v1/events",
                             .query = cf_buf_str(&q->text),
                             .accept = q->accept,
                             .context = q,
                             .head = take_head,
                             .answer = take_answer};

  if (q->text.err != CF_OK)
    return q->text.err;
  q->status = 0;
  q->retry = false;
  cf_buf_reset(&q->line);
  cf_buf_reset(&q->end);
  enum cf_err err = cf_ask(q->cli->asker, &ask, &q->status, &q->cli->fault);
  if (err == CF_E_PEER && cf_cli_output_ok() && q->status < 400)
    err = broken_tell(q, err, cf_buf_str(q->shown == CF_SHOWN_RAW ? &q->end : &q->line));
  if (err == CF_OK && q->status < 400)
    err = q->shown != CF_SHOWN_RAW ? line_take(q, cf_buf_str(&q->line))
          : q->terminal            ? terminal_write(q, "", 0)
                                   : CF_OK;
  return err;
}
