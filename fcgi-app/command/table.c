/* SPDX-License-Identifier: MIT */
/* Records as a table: columns of members, and what no column has of a record
 * that is no event. */
#include "config.h"

#include "fcgi-app/command/table_in.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/command/cut_in.h"
#include "fcgi-app/command/when_in.h"
#include "lib/base/show.h"

#define COLUMNS_MAX 40
#define NAME_MAX_N  32
#define CELL_MAX    (1u << 20)
#define DEPTH       16
#define REST_MIN    24 /* of the last column, however narrow the terminal */
#define FIELD_WIDTH 24 /* of a member that has no column else */
#define SECONDS_N   20

/* What stands in a column. */
enum what {
  A_MEMBER,
  THE_TIME,   /* effective: `time`, else `recorded` */
  THE_ACTION, /* or what the body of a record of the log's own says that it is */
  THE_REST    /* resource or message of an event; of others what no column has */
};

struct column {
  char name[NAME_MAX_N]; /* of the member; in capitals the title */
  enum what what;
  size_t width; /* characters before the next column; 0: as a time has … */
  bool cut;     /* … and no more than these */
};

struct cf_table {
  bool wide, bold, titled;
  struct column columns[COLUMNS_MAX];
  size_t n;
  struct cf_cuts cuts;
};

static const struct column usual[] = {
    {"seq", A_MEMBER, 9, false},    {"time", THE_TIME, 0, false},  {"kind", A_MEMBER, 9, false},
    {"user", A_MEMBER, 16, true},   {"method", A_MEMBER, 7, true}, {"status", A_MEMBER, 6, false},
    {"outcome", A_MEMBER, 8, true}, {"ip", A_MEMBER, 15, false},   {"action", THE_ACTION, 16, true},
    {"what", THE_REST, 80, true},
};
#define USUAL_N (sizeof usual / sizeof usual[0])

/* ---- columns ---- */

static const struct column *usual_find(struct cf_str name)
{
  for (size_t i = 0; i < USUAL_N; i++)
    if (usual[i].what != THE_REST && cf_str_is(name, usual[i].name))
      return &usual[i];
  return NULL;
}

static void column_add(struct cf_table *table, struct cf_str name)
{
  const struct column *known = usual_find(name);
  struct column *column = &table->columns[table->n];

  for (size_t i = 0; i < table->n; i++)
    if (cf_str_is(name, table->columns[i].name))
      return;
  if (table->n == COLUMNS_MAX || name.n == 0 || name.n >= NAME_MAX_N)
    return;
  *column = known != NULL ? *known : (struct column){"", A_MEMBER, FIELD_WIDTH, true};
  memcpy(column->name, name.p, name.n);
  column->name[name.n] = '\0';
  table->n++;
}

/* seq and a time are always there: an event's, where that is asked for. */
static void columns_asked(struct cf_table *table, bool kinds, const char *fields)
{
  struct cf_str list = cf_str_from(fields);

  column_add(table, CF_STR("seq"));
  column_add(table, CF_STR("recorded"));
  table->columns[1].cut = false;
  table->columns[1].width = 0;
  if (kinds)
    column_add(table, CF_STR("kind"));
  while (list.n > 0)
    column_add(table, cf_str_cut(&list, ','));
}

static void columns_usual(struct cf_table *table, bool kinds)
{
  for (size_t i = 0; i < USUAL_N; i++)
    if (kinds || strcmp(usual[i].name, "kind") != 0)
      table->columns[table->n++] = usual[i];
}

/* Times are as wide as they are in the zone. */
static void times_fit(struct cf_table *table)
{
  struct cf_buf now;

  cf_buf_init(&now, CF_WHEN_TEXT_N);
  cf_when_show(&now, cf_clock_now_us(), table->wide);
  for (size_t i = 0; i < table->n; i++)
    if (table->columns[i].width == 0)
      table->columns[i].width = now.n;
  cf_buf_fini(&now);
}

/* The last column takes what the terminal has left. */
static void columns_fit(struct cf_table *table, size_t width)
{
  struct column *last = &table->columns[table->n - 1];
  size_t used = 0;

  for (size_t i = 0; i + 1 < table->n; i++)
    used += table->columns[i].width + 1;
  if (last->cut)
    last->width = width > used + REST_MIN ? width - used : REST_MIN;
}

enum cf_err cf_table_new(const struct cf_table_rules *rules, struct cf_table **table)
{
  struct cf_table *t = calloc(1, sizeof *t);

  if (t == NULL)
    return CF_E_NOMEM;
  t->wide = rules->wide;
  t->bold = rules->bold;
  if (rules->fields != NULL)
    columns_asked(t, rules->kinds, rules->fields);
  else
    columns_usual(t, rules->kinds);
  times_fit(t);
  if (!rules->wide)
    columns_fit(t, rules->width);
  *table = t;
  return CF_OK;
}

void cf_table_free(struct cf_table *table)
{
  if (table != NULL)
    cf_cuts_fini(&table->cuts);
  free(table);
}

/* ---- cells ---- */

static bool has_column(const struct cf_table *table, struct cf_str name)
{
  for (size_t i = 0; i < table->n; i++)
    if (cf_str_is(name, table->columns[i].name))
      return true;
  return false;
}

/* A value as text: strings as they are, the rest as JSON. */
static void value_put(struct cf_buf *cell, const struct cf_json *v)
{
  if (cf_json_type(v) == CF_JSON_STRING)
    cf_buf_putstr(cell, cf_json_string(v));
  else if (cf_json_type(v) != CF_JSON_NULL &&
           cf_json_put_canonical(cell, v, DEPTH, NULL) != CF_OK && cell->err == CF_OK)
    cf_buf_puts(cell, "?");
}

struct rest {
  const struct cf_table *table;
  struct cf_buf *cell;
};

/* NAME=VALUE; a value that could be taken for another name is in quotes. */
static enum cf_err rest_put(void *context, struct cf_str name, const struct cf_json *value)
{
  struct rest *rest = context;
  struct cf_str text = cf_json_string(value);

  if (cf_json_type(value) == CF_JSON_STRING && text.n == 0)
    return CF_OK;
  if (rest->cell->n > 0)
    cf_buf_putc(rest->cell, ' ');
  cf_buf_putstr(rest->cell, name);
  cf_buf_putc(rest->cell, '=');
  if (text.n > 0 && (memchr(text.p, ' ', text.n) != NULL || memchr(text.p, '"', text.n) != NULL))
    cf_json_put_str(rest->cell, text);
  else
    value_put(rest->cell, value);
  return rest->cell->err;
}

/* Of an event's own members: those that no column and no object has. */
static enum cf_err rest_member(void *context, struct cf_str name, const struct cf_json *value)
{
  struct rest *rest = context;
  bool log = cf_str_is(name, "source") && cf_str_is(cf_json_string(value), "counterfoil");

  if (has_column(rest->table, name) || cf_json_type(value) == CF_JSON_OBJECT || log ||
      cf_str_is(name, "recorded") || cf_str_is(name, "kind"))
    return CF_OK;
  return rest_put(context, name, value);
}

static enum cf_err rest_of_body(void *context, struct cf_str name, const struct cf_json *value)
{
  return cf_str_is(name, "what") ? CF_OK : rest_put(context, name, value);
}

static enum cf_err cell_rest(const struct cf_table *table, const struct cf_json *record,
                             struct cf_buf *cell)
{
  struct rest rest = {table, cell};

  if (cf_str_is(cf_json_string(cf_json_member(record, "kind")), "event")) {
    const struct cf_json *resource = cf_json_member(record, "resource");
    value_put(cell, resource != NULL ? resource : cf_json_member(record, "message"));
    return cell->err;
  }
  enum cf_err err = cf_json_each(cf_json_member(record, "body"), rest_of_body, &rest);
  if (err == CF_OK)
    err = cf_json_each(cf_json_member(record, "attributes"), rest_put, &rest);
  return err == CF_OK ? cf_json_each(record, rest_member, &rest) : err;
}

static void cell_time(const struct cf_table *table, const struct cf_json *v, struct cf_buf *cell)
{
  int64_t t_us;

  if (cf_time_parse(cf_json_string(v), &t_us) == CF_OK)
    cf_when_show(cell, t_us, table->wide);
  else
    value_put(cell, v);
}

static enum cf_err cell_put(const struct cf_table *table, const struct column *column,
                            const struct cf_json *record, struct cf_buf *cell)
{
  const struct cf_json *v = cf_json_member(record, column->name);

  switch (column->what) {
  case THE_TIME: cell_time(table, v != NULL ? v : cf_json_member(record, "recorded"), cell); break;
  case THE_ACTION:
    value_put(cell, v != NULL ? v : cf_json_member(cf_json_member(record, "body"), "what"));
    break;
  case THE_REST: return cell_rest(table, record, cell);
  case A_MEMBER:
    if (strcmp(column->name, "recorded") == 0)
      cell_time(table, v, cell);
    else
      value_put(cell, v);
    break;
  }
  return cell->err;
}

/* ---- lines ---- */

static void column_pad(struct cf_buf *b, size_t from, size_t width)
{
  size_t shown = 0;

  for (size_t i = from; i < b->n; i++)
    shown += (b->p[i] & 0xc0) != 0x80;
  for (; shown < width; shown++)
    cf_buf_putc(b, ' ');
  cf_buf_putc(b, ' ');
}

static void line_end(struct cf_buf *b)
{
  while (b->n > 0 && b->p[b->n - 1] == ' ')
    cf_buf_cut(b, 1);
}

static void titles_put(const struct cf_table *table, struct cf_buf *b)
{
  if (table->bold)
    cf_buf_puts(b, "\033[1m");
  for (size_t k = 0; k < table->n; k++) {
    size_t from = b->n;
    for (const char *c = table->columns[k].name; *c != '\0'; c++)
      cf_buf_putc(b, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    column_pad(b, from, table->columns[k].width);
  }
  line_end(b);
  cf_buf_puts(b, table->bold ? "\033[0m\n" : "\n");
}

enum cf_err cf_table_put(struct cf_table *table, const struct cf_json *record, struct cf_buf *b)
{
  struct cf_buf cell;
  enum cf_err err = CF_OK;

  if (!table->titled)
    titles_put(table, b);
  table->titled = true;
  cf_buf_init(&cell, CELL_MAX);
  for (size_t k = 0; k < table->n && err == CF_OK; k++) {
    const struct column *column = &table->columns[k];
    size_t from = b->n;
    err = cell_put(table, column, record, &cell);
    if (err == CF_OK && column->cut && !table->wide)
      cf_cuts_put(&table->cuts, (unsigned)k, b, cf_buf_str(&cell), column->width);
    else if (err == CF_OK)
      cf_show_put(b, cf_buf_str(&cell), CF_SHOW_TERMINAL);
    column_pad(b, from, column->width);
    cf_buf_reset(&cell);
  }
  cf_buf_fini(&cell);
  line_end(b);
  cf_buf_putc(b, '\n');
  return err == CF_OK ? b->err : err;
}
