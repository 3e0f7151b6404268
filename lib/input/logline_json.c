/* SPDX-License-Identifier: MIT */
/* Lines that are JSON objects: members of ours, what servers usually call them,
 * and the rest.
 *
 * All members that may be ours are gathered first, those of objects too, so
 * that a line's order decides nothing that the table of names does. Then they
 * are set, and what is left over is written as attributes: each under its name,
 * those of objects in their objects. */
#include "config.h"

#include "lib/input/logline_in.h"
#include "lib/input/logline_names_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/record/scan.h"

#define TEXTS_MAX  65536 /* of texts put together for attributes, which hold less */
#define EXTRA_MAX  3
#define MENDED_MAX (1U << 24) /* a line of CF_LINE_MAX bytes, each escaped, is far below */

/* A member of the line, of its attributes, or of an object of which the table
 * knows some. */
struct spot {
  struct cf_str name;
  const struct cf_json *value;
  const struct cf_log_name *row; /* NULL: it is none of ours */
  size_t end;                    /* behind the spots of what is in it */
  bool own;                      /* its name is that of a member of ours */
  bool taken;                    /* it is not for attributes */
  struct cf_str text;            /* what is left of an object of which something is taken */
};

/* What a line's members become: l's values, and the rest for its attributes. */
struct taking {
  struct cf_logline *l;
  struct spot *spots; /* an object's before those of its members */
  size_t n, max;
  struct cf_json_pair extra[EXTRA_MAX]; /* what came with values: ports, a zone */
  size_t extra_n;
  struct cf_json_pair *pairs; /* while an object is put together */
  struct cf_buf texts;        /* of extra and of spots; nothing in it moves */
};

/* ---- gathering ---- */

/* An object whose members are gathered. */
struct level {
  struct taking *t;
  struct cf_str path; /* of the object; empty: the line's own */
};

static enum cf_err spot_add(struct taking *t, struct spot spot)
{
  if (t->n == t->max) {
    size_t max = t->max == 0 ? 64 : 2 * t->max;
    struct spot *more = realloc(t->spots, max * sizeof *more);
    if (more == NULL)
      return CF_E_NOMEM;
    t->spots = more;
    t->max = max;
  }
  spot.end = t->n + 1;
  t->spots[t->n++] = spot;
  return CF_OK;
}

/* A line's own `source`, `writer` and `id` are not those of the event that it
 * becomes: attributes. */
static enum cf_member own_member(struct cf_str name)
{
  enum cf_member m = cf_member_find(name);
  return m == CF_M_SOURCE || m == CF_M_WRITER || m == CF_M_ID ? CF_M_N : m;
}

static enum cf_err gather_attribute(void *context, struct cf_str name, const struct cf_json *value)
{
  struct level *level = context;
  if (!cf_json_fits(value, CF_ATTRIBUTES_DEPTH - 1))
    return CF_E_SYNTAX;
  return spot_add(level->t, (struct spot){.name = name, .value = value});
}

/* The path of a name in an object; empty where it is too long to be known. */
static struct cf_str path_join(struct cf_str object, struct cf_str name, char path[CF_LOG_PATH_MAX])
{
  size_t n = object.n + (object.n > 0) + name.n;
  if (object.n == 0)
    return name;
  if (n > CF_LOG_PATH_MAX)
    return (struct cf_str){"", 0};
  memcpy(path, object.p, object.n);
  path[object.n] = '.';
  memcpy(path + object.n + 1, name.p, name.n);
  return (struct cf_str){path, n};
}

static enum cf_err gather(void *context, struct cf_str name, const struct cf_json *value)
{
  static const struct cf_log_name own[CF_M_N] = {
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  {name, CF_HOW_MEMBER, CF_M_##symbol, 0},
#include "lib/record/schema.def"
#undef CF_MEMBER
  };
  struct level *level = context;
  char path[CF_LOG_PATH_MAX];
  struct level inner = {level->t, path_join(level->path, name, path)};
  enum cf_member m = level->path.n == 0 ? own_member(name) : CF_M_N;
  bool object = cf_json_type(value) == CF_JSON_OBJECT, below;
  if (m == CF_M_ATTRIBUTES && object)
    return cf_json_each(value, gather_attribute, level);
  if (level->path.n == 0 && !cf_json_fits(value, CF_ATTRIBUTES_DEPTH - 1))
    return CF_E_SYNTAX;
  struct spot spot = {.name = name, .value = value, .own = m != CF_M_N};
  spot.row = cf_log_name_find(inner.path, &below);
  if (spot.row == NULL && spot.own)
    spot.row = &own[m];
  size_t at = level->t->n;
  enum cf_err err = spot_add(level->t, spot);
  if (err == CF_OK && object && below)
    err = cf_json_each(value, gather, &inner);
  if (err == CF_OK)
    level->t->spots[at].end = level->t->n;
  return err;
}

/* ---- values ---- */

/* Where texts are put; all of its memory at once. */
static struct cf_buf *texts(struct taking *t)
{
  if (t->texts.p == NULL && cf_buf_grow(&t->texts, TEXTS_MAX) != NULL)
    cf_buf_reset(&t->texts);
  return &t->texts;
}

static struct cf_str text_since(const struct taking *t, size_t at)
{
  return t->texts.err != CF_OK ? (struct cf_str){"", 0}
                               : (struct cf_str){(const char *)t->texts.p + at, t->texts.n - at};
}

/* Put an attribute that is no member of the line; false where one has its
 * name. */
static bool extra_add(struct taking *t, struct cf_str name, struct cf_str s)
{
  if (s.n == 0)
    return true;
  for (size_t i = 0; i < t->n; i = t->spots[i].end)
    if (cf_str_eq(t->spots[i].name, name))
      return false;
  struct cf_buf *b = texts(t);
  size_t at = b->n;
  cf_json_put_str(b, s);
  t->extra[t->extra_n++] = (struct cf_json_pair){.name = name, .text = text_since(t, at)};
  return true;
}

/* A scalar's text; false for objects and arrays. */
static bool scalar(const struct cf_json *value, struct cf_str *s)
{
  switch (cf_json_type(value)) {
  case CF_JSON_STRING: *s = cf_json_string(value); return true;
  case CF_JSON_BOOL: *s = cf_str_from(cf_json_bool(value) ? "true" : "false"); return true;
  case CF_JSON_INTEGER:
  case CF_JSON_NUMBER: *s = cf_json_number(value); return true;
  default: return false;
  }
}

static bool set_client(struct taking *t, struct cf_str s)
{
  struct cf_str port, zone;
  if (cf_logline_client(t->l, s, &port, &zone) != CF_OK)
    return false;
  bool told = extra_add(t, CF_STR("client_port"), port);
  return extra_add(t, CF_STR("client_zone"), zone) && told;
}

static bool set_host(struct taking *t, struct cf_str s)
{
  struct cf_str port;
  t->l->v[CF_M_HOST] = cf_logline_host(s, &port);
  return extra_add(t, CF_STR("port"), port);
}

/* As the member's type asks; text may be anything, its limit is the server's
 * business (?long=cut). */
static bool set_member(struct taking *t, enum cf_member m, struct cf_str s)
{
  switch (cf_member_table[m].type) {
  case CF_T_TIME: return cf_logline_time(t->l, s, true) == CF_OK;
  case CF_T_ADDRESS: return set_client(t, s);
  case CF_T_OBJECT: return false;
  case CF_T_TEXT: break;
  default:
    if (!cf_value_ok(m, s))
      return false;
  }
  t->l->v[m] = s;
  return true;
}

static bool set_target(struct cf_logline *l, struct cf_str s)
{
  if (l->v[CF_M_PATH].p != NULL)
    return cf_str_eq(l->v[CF_M_PATH], s);
  if (l->v[CF_M_QUERY].p != NULL && memchr(s.p, '?', s.n) != NULL)
    return false;
  cf_logline_target(l, s);
  return true;
}

/* A request line, of which the method may be there already; or a target
 * alone. */
static bool set_request(struct cf_logline *l, struct cf_str s)
{
  struct cf_str rest = s, method = cf_str_cut(&rest, ' '), had = l->v[CF_M_METHOD];
  if (had.p != NULL && cf_str_eq(had, s))
    return true;
  if (rest.n == 0 && s.n > 0 && s.p[0] == '/')
    return set_target(l, s);
  if (l->v[CF_M_PATH].p != NULL || l->v[CF_M_QUERY].p != NULL || l->v[CF_M_PROTOCOL].p != NULL ||
      l->v[CF_M_MESSAGE].p != NULL || (had.p != NULL && !cf_str_eq(had, method)))
    return false;
  cf_logline_request(l, s);
  return true;
}

/* The host stands in its own place then, and the scheme stays where it is. */
static bool set_url(struct taking *t, struct cf_str s)
{
  size_t scheme = cf_str_starts(s, CF_STR("https://"))  ? 8
                  : cf_str_starts(s, CF_STR("http://")) ? 7
                                                        : 0;
  struct cf_str host = {s.p + scheme, 0};
  if (scheme == 0 || t->l->v[CF_M_PATH].p != NULL)
    return set_target(t->l, s);
  while (scheme + host.n < s.n && host.p[host.n] != '/' && host.p[host.n] != '?')
    host.n++;
  struct cf_str target = {host.p + host.n, s.n - scheme - host.n};
  if (set_target(t->l, target.n == 0 ? CF_STR("/") : target) && t->l->v[CF_M_HOST].p == NULL)
    set_host(t, host);
  return false;
}

static bool set_query(struct cf_logline *l, struct cf_str s)
{
  size_t mark = s.n > 0 && s.p[0] == '?';
  l->v[CF_M_QUERY] = (struct cf_str){s.p + mark, s.n - mark};
  return true;
}

static bool set_as(struct taking *t, const struct cf_log_name *row, struct cf_str s)
{
  struct cf_logline *l = t->l;
  if (row->how == CF_HOW_REQUEST)
    return set_request(l, s);
  if (l->v[row->member].p != NULL)
    return cf_str_eq(l->v[row->member], s);
  switch (row->how) {
  case CF_HOW_MEMBER: return set_member(t, row->member, s);
  case CF_HOW_CLIENT: return set_client(t, s);
  case CF_HOW_REQUEST: return set_request(l, s);
  case CF_HOW_TARGET: return set_target(l, s);
  case CF_HOW_URL: return set_url(t, s);
  case CF_HOW_QUERY: return set_query(l, s);
  case CF_HOW_HOST: return set_host(t, s);
  case CF_HOW_DATE: return cf_logline_time(l, s, false) == CF_OK;
  case CF_HOW_SECONDS:
  case CF_HOW_MS:
  case CF_HOW_US:
  case CF_HOW_NS:
  case CF_HOW_LATENCY: return cf_log_name_duration(row, l, s);
  }
  return false;
}

/* The first row of a round that takes the value; a `-` is an absent one. */
static bool set_spot(struct taking *t, const struct spot *spot, unsigned round)
{
  struct cf_str s;
  size_t listed = spot->own ? 0 : cf_json_count(spot->value);
  bool client = spot->row->member == CF_M_IP;
  const struct cf_json *value =
      listed == 1 || (listed > 1 && client) ? cf_json_element(spot->value, 0) : spot->value;
  if (!scalar(value, &s))
    return false;
  if (cf_str_is(s, "-") || (!spot->own && s.n == 0))
    return true;
  for (const struct cf_log_name *row = spot->row; row != NULL;
       row = spot->own ? NULL : cf_log_name_next(row))
    if (row->round == round && set_as(t, row, s))
      return listed <= 1;
  return false;
}

static void set_spots(struct taking *t)
{
  for (unsigned round = 0; round < 2; round++)
    for (size_t i = 0; i < t->n; i++)
      if (t->spots[i].row != NULL && !t->spots[i].taken)
        t->spots[i].taken = set_spot(t, &t->spots[i], round);
}

/* ---- attributes ---- */

/* The spots from ≤ i < to that are side by side, as an object's text. */
static enum cf_err put_object(struct taking *t, size_t from, size_t to, unsigned depth,
                              struct cf_buf *b)
{
  size_t n = 0;
  for (size_t i = from; i < to; i = t->spots[i].end)
    if (!t->spots[i].taken)
      t->pairs[n++] = (struct cf_json_pair){
          .name = t->spots[i].name,
          .value = t->spots[i].text.n > 0 ? NULL : t->spots[i].value,
          .text = t->spots[i].text,
      };
  for (size_t i = 0; i < t->extra_n && b == &t->l->attributes; i++)
    t->pairs[n++] = t->extra[i];
  return cf_json_put_pairs(b, t->pairs, n, depth, NULL);
}

static bool any_taken(const struct taking *t, size_t from, size_t to)
{
  bool any = false;
  for (size_t i = from; i < to; i++)
    any = any || t->spots[i].taken;
  return any;
}

/* The texts of the objects of which something is taken, those in them first,
 * without that. */
static enum cf_err put_rests(struct taking *t, size_t from, size_t to, unsigned depth)
{
  enum cf_err err = CF_OK;
  for (size_t i = from; i < to && err == CF_OK; i = t->spots[i].end) {
    struct spot *spot = &t->spots[i];
    if (!any_taken(t, i + 1, spot->end))
      continue;
    err = put_rests(t, i + 1, spot->end, depth - 1);
    struct cf_buf *b = texts(t);
    size_t at = b->n;
    if (err == CF_OK)
      err = put_object(t, i + 1, spot->end, depth - 1, b);
    spot->text = text_since(t, at);
    spot->taken = spot->text.n <= 2;
  }
  return err;
}

/* Where they are larger than a record's may be, the line itself is what there
 * is to read beside the members: `message`, of which ?long=cut keeps as much as
 * of any text. */
static enum cf_err put_attributes(struct taking *t, struct cf_str line)
{
  struct cf_buf *b = &t->l->attributes;
  t->pairs = malloc((t->n + EXTRA_MAX) * sizeof *t->pairs);
  if (t->pairs == NULL)
    return CF_E_NOMEM;
  enum cf_err err = put_rests(t, 0, t->n, CF_ATTRIBUTES_DEPTH);
  if (err == CF_OK)
    err = put_object(t, 0, t->n, CF_ATTRIBUTES_DEPTH, b);
  free(t->pairs);
  bool large = err == CF_E_FULL || b->n > cf_member_table[CF_M_ATTRIBUTES].limit;
  if (large || (err == CF_OK && b->n == 2))
    cf_buf_reset(b);
  if (large) {
    (void)cf_logline_verbatim(line, &t->l->text); /* not_utf8 is told already */
    t->l->v[CF_M_MESSAGE] = cf_buf_str(&t->l->text);
    err = t->l->text.err;
  }
  return err == CF_E_INVALID ? CF_E_SYNTAX : err;
}

/* ---- lines ---- */

/* Read a line and gather its members, in the place of those that were gathered
 * before. CF_E_SYNTAX where the ledger would not take it; then nothing of l is
 * set yet. */
static enum cf_err line_gather(struct taking *t, struct cf_str text)
{
  struct level top = {t, {"", 0}};
  cf_json_free(t->l->doc);
  t->l->doc = NULL;
  t->n = 0;
  enum cf_err err = cf_json_parse(text, CF_SCAN_DEPTH, &t->l->doc, NULL);
  return err == CF_OK ? cf_json_each(t->l->doc, gather, &top) : err;
}

static enum cf_err mended_gather(struct taking *t, struct cf_str line)
{
  struct cf_met met = {false, false};
  struct cf_buf b;
  cf_buf_init(&b, MENDED_MAX);
  cf_logline_mend(line, &b, &met);
  cf_logline_met_say(t->l, met);
  enum cf_err err = b.err == CF_OK ? line_gather(t, cf_buf_str(&b)) : CF_E_NOMEM;
  cf_buf_fini(&b);
  return err;
}

bool cf_logline_json_sniff(struct cf_str line)
{
  struct cf_str s = cf_logline_unmark(line);
  size_t i = 0;
  while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
    i++;
  return i < s.n && s.p[i] == '{';
}

enum cf_err cf_logline_json_take(struct cf_logline *l, struct cf_str line)
{
  struct cf_str s = cf_logline_unmark(line);
  struct taking t = {.l = l};
  cf_buf_init(&t.texts, TEXTS_MAX);
  enum cf_err err = cf_utf8_ok(s) ? line_gather(&t, s) : CF_E_SYNTAX;
  if (err == CF_E_SYNTAX)
    err = mended_gather(&t, s);
  if (err == CF_OK) {
    set_spots(&t);
    err = put_attributes(&t, s);
  }
  cf_buf_fini(&t.texts);
  free(t.spots);
  return err;
}
