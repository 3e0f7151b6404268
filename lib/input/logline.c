/* SPDX-License-Identifier: MIT */
/* Lines of access logs: taken apart by their format, and the event written. */
#include "config.h"

#include "lib/input/logline.h"

#include "lib/input/logline_in.h"
#include "lib/record/event.h"

#define TEXT_MAX (1U << 24) /* a line of CF_LINE_MAX bytes, each escaped, is far below */

void cf_logline_init(struct cf_logline *l)
{
  *l = (struct cf_logline){.format = CF_LOG_TEXT};
  cf_buf_init(&l->text, TEXT_MAX);
  cf_buf_init(&l->attributes, TEXT_MAX);
}

void cf_logline_fini(struct cf_logline *l)
{
  cf_buf_fini(&l->text);
  cf_buf_fini(&l->attributes);
  cf_json_free(l->doc);
  l->doc = NULL;
}

/* ---- lines ---- */

/* An event needs one of these three (api.md, POST /v1/events). */
static void complete(struct cf_logline *l)
{
  if (l->attributes.n > 0)
    l->v[CF_M_ATTRIBUTES] = cf_buf_str(&l->attributes);
  if (l->v[CF_M_METHOD].p == NULL && l->v[CF_M_ACTION].p == NULL && l->v[CF_M_MESSAGE].p == NULL)
    l->v[CF_M_ACTION] = cf_input_table[l->format].action;
}

enum cf_err cf_logline_parse(struct cf_logline *l, struct cf_str line)
{
  enum cf_log_format format = cf_input_sniff(line);
  cf_logline_empty(l);
  enum cf_err err = cf_input_table[format].take(l, line);
  if (err == CF_E_SYNTAX)
    return cf_logline_text(l, line, false);
  if (err != CF_OK)
    return err;
  l->format = format;
  complete(l);
  return CF_OK;
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
  struct cf_fault fault;
  enum cf_err err = cf_event_parse(event, &rules, &parsed, &fault);
  if (err == CF_OK)
    cf_event_fini(&parsed);
  return err;
}

enum cf_err cf_logline_event(struct cf_logline *l, struct cf_str line, bool cut,
                             struct cf_str source, struct cf_str id, struct cf_buf *b)
{
  size_t start = b->n;
  enum cf_err err = cut ? cf_logline_text(l, line, true) : cf_logline_parse(l, line);
  if (err != CF_OK)
    return err;
  cf_logline_put(l, source, id, b);
  if (b->err != CF_OK || l->format == CF_LOG_TEXT || surely_acceptable(l, line))
    return b->err;
  err = acceptable((struct cf_str){(const char *)b->p + start, b->n - start}, source);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_buf_cut(b, b->n - start);
  err = cf_logline_text(l, line, false);
  if (err == CF_OK)
    cf_logline_put(l, source, id, b);
  return err != CF_OK ? err : b->err;
}
