/* SPDX-License-Identifier: MIT */
/* Lines that are JSON objects: members of ours, what web servers'
 * configurations usually call them, and the rest. */
#include "config.h"

#include "lib/input/logline_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/scan.h"

/* ---- Mending: what Apache's and other servers' formats write inside strings,
 * and JSON does not know ---- */

static void put_control(struct cf_buf *b, uint8_t c)
{
  cf_buf_putf(b, "\\u%04x", c);
}

/* One byte of a string's value. */
static void put_byte(struct cf_buf *b, uint8_t c)
{
  if (c < 0x20 || c == '"' || c == '\\')
    put_control(b, c);
  else
    cf_buf_putc(b, (char)c);
}

/* The escape at s (a backslash): its mended form to b, and how many bytes it
 * took. */
static size_t mend_escape(struct cf_str s, struct cf_buf *b)
{
  uint8_t byte;
  char c = s.n > 1 ? s.p[1] : '\0';
  if (c != '\0' && strchr("\"\\/bfnrtu", c) != NULL)
    return cf_buf_put(b, s.p, 2), 2;
  if (c == 'x' && s.n >= 4 && cf_hex_get_n((struct cf_str){s.p + 2, 2}, &byte, 1) == CF_OK)
    return put_byte(b, byte), 4;
  if (c == 'a' || c == 'v')
    return put_control(b, c == 'a' ? '\a' : '\v'), 2;
  return cf_buf_put(b, "\\\\", 2), 1;
}

static void text_mend(struct cf_str s, struct cf_buf *b)
{
  bool inside = false;
  for (size_t i = 0; i < s.n;) {
    uint8_t c = (uint8_t)s.p[i];
    if (inside && c == '\\') {
      i += mend_escape((struct cf_str){s.p + i, s.n - i}, b);
      continue;
    }
    if (c == '"')
      inside = !inside;
    if (inside && c < 0x20)
      put_control(b, c);
    else
      cf_buf_putc(b, (char)c);
    i++;
  }
}

static enum cf_err line_parse(struct cf_logline *l, struct cf_str line)
{
  enum cf_err err = cf_json_parse(line, CF_SCAN_DEPTH, &l->doc, NULL);
  if (err != CF_E_SYNTAX)
    return err;
  text_mend(line, &l->text);
  return l->text.err != CF_OK ? CF_E_NOMEM
                              : cf_json_parse(cf_buf_str(&l->text), CF_SCAN_DEPTH, &l->doc, NULL);
}

/* ---- other names of our members ---- */

enum how { HOW_MEMBER, HOW_CLIENT, HOW_REQUEST, HOW_TARGET, HOW_HOST, HOW_SECONDS, HOW_MS };

/* By names in lower case without `_ - . @`: remote_addr, remoteAddr,
 * source.ip. */
static const struct alias {
  const char *name;
  enum how how;
  enum cf_member member;
} aliases[] = {
    {"remoteaddr", HOW_CLIENT, CF_M_IP},
    {"remoteip", HOW_CLIENT, CF_M_IP},
    {"remotehost", HOW_CLIENT, CF_M_IP},
    {"clientip", HOW_CLIENT, CF_M_IP},
    {"clientaddr", HOW_CLIENT, CF_M_IP},
    {"client", HOW_CLIENT, CF_M_IP},
    {"sourceip", HOW_CLIENT, CF_M_IP},
    {"remoteuser", HOW_MEMBER, CF_M_USER},
    {"username", HOW_MEMBER, CF_M_USER},
    {"authuser", HOW_MEMBER, CF_M_USER},
    {"sessionid", HOW_MEMBER, CF_M_SESSION},
    {"timelocal", HOW_MEMBER, CF_M_TIME},
    {"timeiso8601", HOW_MEMBER, CF_M_TIME},
    {"timestamp", HOW_MEMBER, CF_M_TIME},
    {"datetime", HOW_MEMBER, CF_M_TIME},
    {"msec", HOW_MEMBER, CF_M_TIME},
    {"ts", HOW_MEMBER, CF_M_TIME},
    {"request", HOW_REQUEST, CF_M_METHOD},
    {"requestline", HOW_REQUEST, CF_M_METHOD},
    {"requestmethod", HOW_MEMBER, CF_M_METHOD},
    {"httpmethod", HOW_MEMBER, CF_M_METHOD},
    {"httprequestmethod", HOW_MEMBER, CF_M_METHOD},
    {"verb", HOW_MEMBER, CF_M_METHOD},
    {"requesturi", HOW_TARGET, CF_M_PATH},
    {"requestpath", HOW_TARGET, CF_M_PATH},
    {"uri", HOW_TARGET, CF_M_PATH},
    {"url", HOW_TARGET, CF_M_PATH},
    {"urlpath", HOW_TARGET, CF_M_PATH},
    {"urloriginal", HOW_TARGET, CF_M_PATH},
    {"path", HOW_TARGET, CF_M_PATH},
    {"args", HOW_MEMBER, CF_M_QUERY},
    {"querystring", HOW_MEMBER, CF_M_QUERY},
    {"urlquery", HOW_MEMBER, CF_M_QUERY},
    {"httphost", HOW_HOST, CF_M_HOST},
    {"servername", HOW_HOST, CF_M_HOST},
    {"virtualhost", HOW_HOST, CF_M_HOST},
    {"vhost", HOW_HOST, CF_M_HOST},
    {"statuscode", HOW_MEMBER, CF_M_STATUS},
    {"httpstatus", HOW_MEMBER, CF_M_STATUS},
    {"httpresponsestatuscode", HOW_MEMBER, CF_M_STATUS},
    {"responsecode", HOW_MEMBER, CF_M_STATUS},
    {"response", HOW_MEMBER, CF_M_STATUS},
    {"bodybytessent", HOW_MEMBER, CF_M_BYTES},
    {"bytessent", HOW_MEMBER, CF_M_BYTES},
    {"responsesize", HOW_MEMBER, CF_M_BYTES},
    {"size", HOW_MEMBER, CF_M_BYTES},
    {"httpreferer", HOW_MEMBER, CF_M_REFERER},
    {"httpreferrer", HOW_MEMBER, CF_M_REFERER},
    {"httprequestreferrer", HOW_MEMBER, CF_M_REFERER},
    {"referrer", HOW_MEMBER, CF_M_REFERER},
    {"httpuseragent", HOW_MEMBER, CF_M_USER_AGENT},
    {"useragentoriginal", HOW_MEMBER, CF_M_USER_AGENT},
    {"useragent", HOW_MEMBER, CF_M_USER_AGENT},
    {"agent", HOW_MEMBER, CF_M_USER_AGENT},
    {"serverprotocol", HOW_MEMBER, CF_M_PROTOCOL},
    {"requestprotocol", HOW_MEMBER, CF_M_PROTOCOL},
    {"httpversion", HOW_MEMBER, CF_M_PROTOCOL},
    {"requesttime", HOW_SECONDS, CF_M_DURATION_US},
    {"durationms", HOW_MS, CF_M_DURATION_US},
    {"requestid", HOW_MEMBER, CF_M_REQUEST_ID},
    {"xrequestid", HOW_MEMBER, CF_M_REQUEST_ID},
    {"httpxrequestid", HOW_MEMBER, CF_M_REQUEST_ID},
    {"uniqueid", HOW_MEMBER, CF_M_REQUEST_ID},
    {"msg", HOW_MEMBER, CF_M_MESSAGE},
};

#define ALIASES (sizeof aliases / sizeof aliases[0])

/* name is that of an alias, but for its case and marks. */
static bool spells(struct cf_str name, const char *alias)
{
  for (size_t i = 0; i < name.n; i++) {
    char c = name.p[i];
    if (c == '_' || c == '-' || c == '.' || c == '@')
      continue;
    if (c >= 'A' && c <= 'Z')
      c = (char)(c + ('a' - 'A'));
    if (*alias == '\0' || c != *alias++)
      return false;
  }
  return *alias == '\0';
}

static const struct alias *find_alias(struct cf_str name)
{
  for (size_t i = 0; i < ALIASES; i++)
    if (spells(name, aliases[i].name))
      return &aliases[i];
  return NULL;
}

/* ---- values ---- */

/* What a line's members become: l's values, and pairs for its attributes. */
struct taking {
  struct cf_logline *l;
  struct cf_json_pair *pairs;
  size_t pairs_n;
  char port[16]; /* JSON text of the attribute of that name */
};

static void attribute_keep(struct taking *t, struct cf_str name, const struct cf_json *value)
{
  t->pairs[t->pairs_n++] = (struct cf_json_pair){.name = name, .value = value};
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

/* Decimal text times 10^shift as an integer, digits behind that cut off; false
 * for anything else. At least one point where `pointed`. */
static bool scaled(struct cf_str s, unsigned shift, bool pointed, uint64_t *v)
{
  struct cf_str fraction = s, whole = cf_str_cut(&fraction, '.');
  if (cf_u64_parse(whole, 1000000000, v) != CF_OK || (pointed && whole.n == s.n))
    return false;
  for (unsigned i = 0; i < shift; i++) {
    bool digit = i < fraction.n && fraction.p[i] >= '0' && fraction.p[i] <= '9';
    if (i < fraction.n && !digit)
      return false;
    *v = *v * 10 + (digit ? (uint64_t)(fraction.p[i] - '0') : 0);
  }
  return true;
}

static bool set_duration(struct cf_logline *l, struct cf_str s, unsigned shift, bool pointed)
{
  uint64_t v;
  struct cf_buf b;
  if (!scaled(s, shift, pointed, &v))
    return false;
  cf_buf_init(&b, sizeof l->duration - 1);
  cf_buf_put_u64(&b, v);
  memcpy(l->duration, cf_buf_cstr(&b), b.n + 1);
  l->v[CF_M_DURATION_US] = (struct cf_str){l->duration, b.n};
  cf_buf_fini(&b);
  return true;
}

static bool set_host(struct taking *t, struct cf_str s)
{
  struct cf_str port;
  t->l->v[CF_M_HOST] = cf_logline_host(s, &port);
  if (port.n > 0) {
    t->port[0] = '"';
    memcpy(t->port + 1, port.p, port.n);
    t->port[port.n + 1] = '"';
    t->pairs[t->pairs_n++] =
        (struct cf_json_pair){.name = CF_STR("port"), .text = {t->port, port.n + 2}};
  }
  return true;
}

/* As the member's type asks; text may be anything, its limit is the server's
 * business (?long=cut). */
static bool set_member(struct cf_logline *l, enum cf_member m, struct cf_str s)
{
  switch (cf_member_table[m].type) {
  case CF_T_TIME: return cf_logline_time(l, s, true) == CF_OK;
  case CF_T_ADDRESS: return cf_logline_ip(l, s) == CF_OK;
  case CF_T_OBJECT: return false;
  case CF_T_TEXT: break;
  default:
    if (!cf_value_ok(m, s))
      return false;
  }
  l->v[m] = s;
  return true;
}

static bool set_request(struct cf_logline *l, struct cf_str s)
{
  if (l->v[CF_M_PATH].p != NULL || l->v[CF_M_QUERY].p != NULL || l->v[CF_M_PROTOCOL].p != NULL ||
      l->v[CF_M_MESSAGE].p != NULL)
    return false;
  cf_logline_request(l, s);
  return true;
}

static bool set_target(struct cf_logline *l, struct cf_str s)
{
  if (l->v[CF_M_QUERY].p != NULL && memchr(s.p, '?', s.n) != NULL)
    return false;
  cf_logline_target(l, s);
  return true;
}

static bool set_as(struct taking *t, enum how how, enum cf_member m, struct cf_str s)
{
  if (t->l->v[m].p != NULL)
    return cf_str_eq(t->l->v[m], s);
  switch (how) {
  case HOW_MEMBER: return set_member(t->l, m, s);
  case HOW_CLIENT: return cf_logline_ip(t->l, s) == CF_OK;
  case HOW_REQUEST: return set_request(t->l, s);
  case HOW_TARGET: return set_target(t->l, s);
  case HOW_HOST: return set_host(t, s);
  case HOW_SECONDS: return set_duration(t->l, s, 6, true);
  case HOW_MS: return set_duration(t->l, s, 3, false);
  }
  return false;
}

/* A line's own `source`, `writer` and `id` are not those of the event that it
 * becomes: attributes. */
static enum cf_member own_member(struct cf_str name)
{
  enum cf_member m = cf_member_find(name);
  return m == CF_M_SOURCE || m == CF_M_WRITER || m == CF_M_ID ? CF_M_N : m;
}

static enum cf_err member_take(void *context, struct cf_str name, const struct cf_json *value)
{
  struct taking *t = context;
  enum cf_member m = own_member(name);
  const struct alias *alias = m == CF_M_N ? find_alias(name) : NULL;
  struct cf_str s;
  if (m == CF_M_ATTRIBUTES && cf_json_type(value) == CF_JSON_OBJECT) {
    cf_json_pairs(value, t->pairs + t->pairs_n);
    t->pairs_n += cf_json_members(value);
    return CF_OK;
  }
  if (cf_json_type(value) == CF_JSON_NULL)
    return CF_OK;
  bool known = (m != CF_M_N || alias != NULL) && scalar(value, &s);
  if (known && (cf_str_is(s, "-") || (alias != NULL && s.n == 0)))
    return CF_OK;
  if (!known ||
      !set_as(t, alias != NULL ? alias->how : HOW_MEMBER, alias != NULL ? alias->member : m, s))
    attribute_keep(t, name, value);
  return CF_OK;
}

static enum cf_err put_attributes(struct taking *t)
{
  struct cf_buf *b = &t->l->attributes;
  if (t->pairs_n == 0)
    return CF_OK;
  enum cf_err err = cf_json_put_pairs(b, t->pairs, t->pairs_n, CF_ATTRIBUTES_DEPTH, NULL);
  return err == CF_E_INVALID ? CF_E_SYNTAX : err;
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
  struct taking t = {.l = l};
  enum cf_err err = line_parse(l, cf_logline_unmark(line));
  if (err != CF_OK)
    return err;
  size_t most = cf_json_members(l->doc) +
                cf_json_members(cf_json_member(l->doc, cf_member_table[CF_M_ATTRIBUTES].name)) + 1;
  t.pairs = calloc(most, sizeof *t.pairs);
  if (t.pairs == NULL)
    return CF_E_NOMEM;
  err = cf_json_each(l->doc, member_take, &t);
  if (err == CF_OK)
    err = put_attributes(&t);
  free(t.pairs);
  return err;
}
