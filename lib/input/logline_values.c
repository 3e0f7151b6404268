/* SPDX-License-Identifier: MIT */
/* What the formats of log lines share: attributes, addresses, hosts, durations,
 * request lines. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/input/logline_in.h"
#include "lib/record/address.h"

void cf_logline_empty(struct cf_logline *l)
{
  memset(l->v, 0, sizeof l->v);
  l->others_n = 0;
  l->front_time[0] = '\0';
  cf_buf_reset(&l->text);
  cf_buf_reset(&l->attributes);
  cf_json_free(l->doc);
  l->doc = NULL;
}

struct cf_str cf_logline_unmark(struct cf_str line)
{
  return cf_str_starts(line, CF_STR("\xef\xbb\xbf")) ? (struct cf_str){line.p + 3, line.n - 3}
                                                     : line;
}

/* ---- what has no member ---- */

bool cf_logline_other(struct cf_logline *l, struct cf_str name, struct cf_str value, bool json)
{
  size_t at = l->others_n;
  if (at == CF_OTHERS_MAX)
    return false;
  for (; at > 0; at--) {
    int order = cf_str_cmp(l->others[at - 1].name, name);
    if (order == 0)
      return false;
    if (order < 0)
      break;
  }
  memmove(&l->others[at + 1], &l->others[at], (l->others_n - at) * sizeof l->others[0]);
  l->others[at] = (struct cf_other){name, value, json};
  l->others_n++;
  return true;
}

void cf_logline_others_put(const struct cf_logline *l, struct cf_buf *b)
{
  for (size_t i = 0; i < l->others_n; i++) {
    const struct cf_other *other = &l->others[i];
    cf_buf_putc(b, i == 0 ? '{' : ',');
    cf_json_put_str(b, other->name);
    cf_buf_putc(b, ':');
    if (other->json)
      cf_buf_putstr(b, other->value);
    else
      cf_json_put_str(b, other->value);
  }
  if (l->others_n > 0)
    cf_buf_putc(b, '}');
}

/* ---- clients and hosts ---- */

enum cf_err cf_logline_ip(struct cf_logline *l, struct cf_str s)
{
  enum cf_err err = cf_address_canonical(s, l->ip);
  if (err == CF_OK)
    l->v[CF_M_IP] = cf_str_from(l->ip);
  return err;
}

struct cf_str cf_logline_host(struct cf_str s, struct cf_str *port)
{
  *port = (struct cf_str){"", 0};
  const char *colon = s.n > 0 ? memrchr(s.p, ':', s.n) : NULL;
  if (colon == NULL || colon == s.p)
    return s;
  struct cf_str host = {s.p, (size_t)(colon - s.p)}, behind = {colon + 1, s.n - host.n - 1};
  bool one_colon = memchr(host.p, ':', host.n) == NULL,
       bracketed = host.p[0] == '[' && host.p[host.n - 1] == ']';
  uint64_t v;
  if ((!one_colon && !bracketed) || cf_u64_parse(behind, 65535, &v) != CF_OK)
    return s;
  *port = behind;
  return host;
}

/* The parts of "[address%zone]:port", each but the address perhaps empty. */
struct client {
  struct cf_str address, zone, port;
};

static struct client client_cut(struct cf_str s)
{
  struct client c = {.address = s, .zone = {"", 0}, .port = {"", 0}};
  const char *colon = s.n > 0 ? memchr(s.p, ':', s.n) : NULL;
  /* of several colons without brackets none is before a port */
  if (colon != NULL && (s.p[0] == '[' || memrchr(s.p, ':', s.n) == colon))
    c.address = cf_logline_host(s, &c.port);
  if (c.address.n > 2 && c.address.p[0] == '[' && c.address.p[c.address.n - 1] == ']')
    c.address = (struct cf_str){c.address.p + 1, c.address.n - 2};
  c.zone = c.address;
  c.address = cf_str_cut(&c.zone, '%');
  return c;
}

enum cf_err cf_logline_client(struct cf_logline *l, struct cf_str s, struct cf_str *port,
                              struct cf_str *zone)
{
  struct client c = {.address = s, .zone = {"", 0}, .port = {"", 0}};
  enum cf_err err = cf_logline_ip(l, s);
  if (err != CF_OK) {
    c = client_cut(s);
    err = cf_logline_ip(l, c.address);
  }
  *port = c.port;
  *zone = c.zone;
  return err;
}

bool cf_logline_is_client(struct cf_str s)
{
  char text[46];
  return cf_address_canonical(s, text) == CF_OK ||
         cf_address_canonical(client_cut(s).address, text) == CF_OK;
}

/* ---- durations ---- */

static bool all_digits(struct cf_str s)
{
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] < '0' || s.p[i] > '9')
      return false;
  return true;
}

/* Decimal text, which may have an exponent, times 10^shift as an integer,
 * digits behind that cut off; false for anything else. A point or an exponent
 * where `pointed`. */
static bool scaled(struct cf_str s, int shift, bool pointed, uint64_t *v)
{
  struct cf_str power = s, mantissa = cf_str_cut(&power, memchr(s.p, 'E', s.n) ? 'E' : 'e');
  struct cf_str fraction = mantissa, whole = cf_str_cut(&fraction, '.');
  bool negative = power.n > 0 && power.p[0] == '-';
  size_t sign = power.n > 0 && (negative || power.p[0] == '+');
  uint64_t exponent = 0;
  if (whole.n == 0 || !all_digits(whole) || !all_digits(fraction) || (pointed && whole.n == s.n))
    return false;
  if (mantissa.n < s.n &&
      cf_u64_parse((struct cf_str){power.p + sign, power.n - sign}, 30, &exponent) != CF_OK)
    return false;
  int64_t n = (int64_t)whole.n + shift + (negative ? -(int64_t)exponent : (int64_t)exponent);
  *v = 0;
  for (int64_t i = 0; i < n && *v <= cf_member_table[CF_M_DURATION_US].limit; i++) {
    size_t at = (size_t)i;
    char digit = at < whole.n                ? whole.p[at]
                 : at - whole.n < fraction.n ? fraction.p[at - whole.n]
                                             : '0';
    *v = *v * 10 + (uint64_t)(digit - '0');
  }
  return *v <= cf_member_table[CF_M_DURATION_US].limit;
}

bool cf_logline_duration(struct cf_logline *l, struct cf_str s, int shift, bool pointed)
{
  uint64_t v;
  struct cf_buf b;
  if (!scaled(s, shift, pointed, &v))
    return false;
  cf_buf_fixed(&b, l->duration, sizeof l->duration);
  cf_buf_put_u64(&b, v);
  l->v[CF_M_DURATION_US] = cf_buf_str(&b);
  return true;
}

/* ---- request lines ---- */

void cf_logline_target(struct cf_logline *l, struct cf_str target)
{
  const char *mark = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;
  size_t n = mark == NULL ? target.n : (size_t)(mark - target.p);
  l->v[CF_M_PATH] = (struct cf_str){target.p, n};
  if (mark != NULL)
    l->v[CF_M_QUERY] = (struct cf_str){mark + 1, target.n - n - 1};
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* HTTP/1.1, HTTP/2, RTSP/1.0: upper-case letters, a slash, a digit, perhaps a
 * point and a digit. */
static bool is_protocol(struct cf_str s)
{
  size_t i = 0;
  while (i < s.n && s.p[i] >= 'A' && s.p[i] <= 'Z')
    i++;
  if (i < 2 || i > 16 || i + 2 > s.n || s.p[i] != '/' || !is_digit(s.p[i + 1]))
    return false;
  return i + 2 == s.n || (i + 4 == s.n && s.p[i + 2] == '.' && is_digit(s.p[i + 3]));
}

void cf_logline_request(struct cf_logline *l, struct cf_str request)
{
  const char *space = request.n > 0 ? memchr(request.p, ' ', request.n) : NULL;
  struct cf_str method = {request.p, space == NULL ? 0 : (size_t)(space - request.p)};
  if (!cf_value_ok(CF_M_METHOD, method)) {
    if (!cf_str_is(request, "-") && request.n > 0)
      l->v[CF_M_MESSAGE] = request;
    return;
  }
  l->v[CF_M_METHOD] = method;
  struct cf_str target = {space + 1, request.n - method.n - 1};
  const char *gap = memrchr(space, ' ', request.n - method.n);
  struct cf_str last = {gap + 1, (size_t)(request.p + request.n - gap - 1)};
  if (is_protocol(last)) {
    l->v[CF_M_PROTOCOL] = last;
    target.n = gap > space ? (size_t)(gap - target.p) : 0;
  }
  cf_logline_target(l, target);
}
