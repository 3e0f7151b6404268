/* SPDX-License-Identifier: MIT */
/* Lines of access logs: taken apart by their format, and the event written. */
#include "config.h"

#include "lib/input/logline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/input/logline_in.h"
#include "lib/record/event.h"

#define TEXT_MAX (1U << 24) /* a line of CF_LINE_MAX bytes, each escaped, is far below */

void cf_logline_init(struct cf_logline *l)
{
  *l = (struct cf_logline){.format = CF_LOG_TEXT};
  cf_buf_init(&l->text, TEXT_MAX);
  cf_buf_init(&l->attributes, TEXT_MAX);
  cf_buf_init(&l->inner, TEXT_MAX);
}

void cf_logline_fini(struct cf_logline *l)
{
  cf_buf_fini(&l->text);
  cf_buf_fini(&l->attributes);
  cf_buf_fini(&l->inner);
  cf_json_free(l->doc);
  l->doc = NULL;
}

/* ---- lines ---- */

static enum cf_err pairs_join(const struct cf_json *own, const struct cf_json *others,
                              struct cf_buf *b)
{
  size_t n = cf_json_members(own), others_n = cf_json_members(others);
  struct cf_json_pair *pairs = calloc(n + 2 * others_n + 1, sizeof *pairs);
  if (pairs == NULL)
    return CF_E_NOMEM;
  struct cf_json_pair *more = pairs + n + others_n;
  cf_json_pairs(own, pairs);
  cf_json_pairs(others, more);
  for (size_t i = 0, own_n = n; i < others_n; i++) {
    bool twice = false;
    for (size_t j = 0; j < own_n && !twice; j++)
      twice = cf_str_eq(pairs[j].name, more[i].name);
    if (!twice)
      pairs[n++] = more[i];
  }
  enum cf_err err = cf_json_put_pairs(b, pairs, n, CF_ATTRIBUTES_DEPTH, NULL);
  free(pairs);
  return err;
}

/* The others beside attributes that a line named itself: of two with one name
 * the line's own stays. */
static enum cf_err attributes_join(struct cf_logline *l)
{
  struct cf_json *own = NULL, *others = NULL;
  struct cf_buf text, joined;
  cf_buf_init(&text, TEXT_MAX);
  cf_buf_init(&joined, TEXT_MAX);
  cf_logline_others_put(l, &text);
  enum cf_err err =
      text.err != CF_OK ? text.err : cf_json_parse(cf_buf_str(&text), 8, &others, NULL);
  if (err == CF_OK)
    err = cf_json_parse(cf_buf_str(&l->attributes), CF_ATTRIBUTES_DEPTH, &own, NULL);
  if (err == CF_OK)
    err = pairs_join(own, others, &joined);
  if (err == CF_OK) {
    cf_buf_reset(&l->attributes);
    cf_buf_putstr(&l->attributes, cf_buf_str(&joined));
  }
  cf_json_free(own);
  cf_json_free(others);
  cf_buf_fini(&text);
  cf_buf_fini(&joined);
  return err;
}

static void take_front_time(struct cf_logline *l)
{
  if (l->v[CF_M_TIME].p == NULL && l->front_time[0] != '\0')
    l->v[CF_M_TIME] = cf_str_from(l->front_time);
}

/* An event needs method, action or message (api.md, POST /v1/events). */
static enum cf_err complete(struct cf_logline *l)
{
  enum cf_err err = CF_OK;
  if (l->attributes.n == 0)
    cf_logline_others_put(l, &l->attributes);
  else if (l->others_n > 0)
    err = attributes_join(l);
  if (err == CF_OK)
    err = l->attributes.err;
  if (l->attributes.n > 0)
    l->v[CF_M_ATTRIBUTES] = cf_buf_str(&l->attributes);
  take_front_time(l);
  if (l->v[CF_M_METHOD].p == NULL && l->v[CF_M_ACTION].p == NULL && l->v[CF_M_MESSAGE].p == NULL)
    l->v[CF_M_ACTION] = cf_input_table[l->format].action;
  return err;
}

static void begin(struct cf_logline *l, const struct cf_line *line)
{
  cf_logline_empty(l);
  if (line->nuls == 0)
    return;
  int n = snprintf(l->nuls, sizeof l->nuls, "%" PRIu64, line->nuls);
  cf_logline_other(l, CF_STR("nuls_before"), (struct cf_str){l->nuls, (size_t)n}, true);
}

enum cf_err cf_logline_text(struct cf_logline *l, const struct cf_line *line)
{
  begin(l, line);
  return cf_logline_message(l, line->text, line->cut);
}

/* A line that was wrapped, once more, as text. */
static enum cf_err wrapped_text(struct cf_logline *l, const struct cf_line *line)
{
  struct cf_str inner = line->text;
  bool wrapped;
  begin(l, line);
  enum cf_err err = cf_logline_unwrap(l, &inner, &wrapped);
  if (err == CF_OK)
    err = cf_logline_message(l, inner, false);
  take_front_time(l);
  return err;
}

enum cf_err cf_logline_parse(struct cf_logline *l, const struct cf_line *line)
{
  struct cf_str inner = line->text;
  bool wrapped;
  if (line->cut)
    return cf_logline_text(l, line);
  begin(l, line);
  enum cf_err err = cf_logline_unwrap(l, &inner, &wrapped);
  if (err != CF_OK)
    return err;
  cf_logline_unfront(l, &inner);
  enum cf_log_format format = cf_input_sniff(inner);
  err = format == CF_LOG_TEXT ? CF_E_SYNTAX : cf_input_table[format].take(l, inner);
  if (err == CF_E_SYNTAX)
    return wrapped ? wrapped_text(l, line) : cf_logline_text(l, line);
  l->format = format;
  return err == CF_OK ? complete(l) : err;
}

/* ---- the event ---- */

static void put_value(const struct cf_logline *l, enum cf_member m, struct cf_buf *b)
{
  cf_json_put_name(b, cf_member_table[m].name);
  if (cf_member_table[m].type == CF_T_INTEGER || m == CF_M_ATTRIBUTES)
    cf_buf_putstr(b, l->v[m]);
  else
    cf_json_put_str(b, l->v[m]);
}

void cf_logline_put(const struct cf_logline *l, struct cf_str source, struct cf_str id,
                    struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member(b, cf_member_table[CF_M_SOURCE].name, source);
  cf_json_put_member(b, cf_member_table[CF_M_ID].name, id);
  for (unsigned m = 0; m < CF_M_N; m++)
    if (l->v[m].p != NULL)
      put_value(l, (enum cf_member)m, b);
  cf_buf_puts(b, "}\n");
}

/* A line of SURE_N bytes always makes an acceptable event: even all escaped,
 * six bytes for one, it is within every limit that ?long=cut does not mend. But
 * a text that is cut is named in attributes.truncated, and a line that names
 * its attributes itself, as those in access format do not, may have one of that
 * name: its texts must be within their limits even if each byte of theirs is
 * ill-formed and takes three. */
#define SURE_N 2048

static bool surely_acceptable(const struct cf_logline *l, struct cf_str line)
{
  if (line.n > SURE_N)
    return false;
  for (unsigned m = 0; m < CF_M_N && l->format != CF_LOG_ACCESS; m++)
    if (cf_member_table[m].type == CF_T_TEXT && 3 * l->v[m].n > cf_member_table[m].limit)
      return false;
  return true;
}

static enum cf_err acceptable(struct cf_str event, struct cf_str source)
{
  const struct cf_event_rules rules = {.source = source, .cut_long = true};
  struct cf_event parsed;
  struct cf_fault fault = {0};
  enum cf_err err = cf_event_parse(event, &rules, &parsed, &fault);
  if (err == CF_OK)
    cf_event_fini(&parsed);
  return err;
}

enum cf_err cf_logline_event(struct cf_logline *l, const struct cf_line *line, struct cf_str source,
                             struct cf_str id, struct cf_buf *b)
{
  size_t start = b->n;
  enum cf_err err = cf_logline_parse(l, line);
  if (err != CF_OK)
    return err;
  cf_logline_put(l, source, id, b);
  if (b->err != CF_OK || l->format == CF_LOG_TEXT || surely_acceptable(l, line->text))
    return b->err;
  err = acceptable((struct cf_str){(const char *)b->p + start, b->n - start}, source);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_buf_cut(b, b->n - start);
  err = cf_logline_text(l, line);
  if (err == CF_OK)
    cf_logline_put(l, source, id, b);
  return err != CF_OK ? err : b->err;
}
