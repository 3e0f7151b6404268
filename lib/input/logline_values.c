/* SPDX-License-Identifier: MIT */
/* What the formats of log lines share: times, addresses, hosts, request
 * lines. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/input/logline_in.h"
#include "lib/record/address.h"

void cf_logline_empty(struct cf_logline *l)
{
  memset(l->v, 0, sizeof l->v);
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

enum cf_err cf_logline_ip(struct cf_logline *l, struct cf_str s)
{
  enum cf_err err = cf_address_canonical(s, l->ip);
  if (err == CF_OK)
    l->v[CF_M_IP] = cf_str_from(l->ip);
  return err;
}

static int digits(const char *p, size_t n)
{
  int v = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '9')
      return -1;
    v = v * 10 + (p[i] - '0');
  }
  return v;
}

static int month(const char *p)
{
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12; i++)
    if (memcmp(names + 3 * i, p, 3) == 0)
      return i + 1;
  return 0;
}

/* The fraction of a second at the front of *s, in microseconds, cut off *s; 0
 * without one. */
static int fraction(struct cf_str *s)
{
  int us = 0;
  size_t i = 1;
  if (s->n < 2 || s->p[0] != '.')
    return 0;
  for (int unit = 100000; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, unit /= 10)
    us += unit * (s->p[i] - '0');
  *s = (struct cf_str){s->p + i, s->n - i};
  return us;
}

/* " +hhmm" in seconds; false for anything else. */
static bool zone(struct cf_str s, int *offset_s)
{
  if (s.n != 6 || s.p[0] != ' ' || (s.p[1] != '+' && s.p[1] != '-'))
    return false;
  int hours = digits(s.p + 2, 2), minutes = digits(s.p + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return false;
  *offset_s = (s.p[1] == '-' ? -60 : 60) * (hours * 60 + minutes);
  return true;
}

/* "17/May/2015:10:05:03 +0000", the time of the common log format, which knows
 * no other language. */
static enum cf_err common_time(struct cf_str s, int64_t *t_us)
{
  int offset_s;
  if (s.n < 26 || s.p[2] != '/' || s.p[6] != '/' || s.p[11] != ':' || s.p[14] != ':' ||
      s.p[17] != ':')
    return CF_E_SYNTAX;
  struct cf_str rest = {s.p + 20, s.n - 20};
  int us = fraction(&rest);
  if (!zone(rest, &offset_s))
    return CF_E_SYNTAX;
  enum cf_err err =
      cf_time_from_civil(digits(s.p + 7, 4), month(s.p + 3), digits(s.p, 2), digits(s.p + 12, 2),
                         digits(s.p + 15, 2), digits(s.p + 18, 2), offset_s, t_us);
  if (err == CF_OK && digits(s.p + 18, 2) < 60)
    *t_us += us;
  return err;
}

enum cf_err cf_logline_time(struct cf_logline *l, struct cf_str s, bool numbers)
{
  int64_t t_us;
  enum cf_err err = common_time(s, &t_us);
  if (err != CF_OK)
    err = cf_time_parse(s, &t_us);
  if (err != CF_OK && numbers)
    err = cf_time_parse_epoch(s, &t_us);
  if (err != CF_OK)
    return CF_E_SYNTAX;
  cf_time_format(t_us, l->time);
  l->v[CF_M_TIME] = (struct cf_str){l->time, CF_TIME_TEXT_N};
  return CF_OK;
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

void cf_logline_target(struct cf_logline *l, struct cf_str target)
{
  const char *mark = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;
  size_t n = mark == NULL ? target.n : (size_t)(mark - target.p);
  l->v[CF_M_PATH] = (struct cf_str){target.p, n};
  if (mark != NULL)
    l->v[CF_M_QUERY] = (struct cf_str){mark + 1, target.n - n - 1};
}

/* HTTP/1.1, HTTP/2, RTSP/1.0: upper-case letters, a slash, a digit, perhaps a
 * point and a digit. */
static bool is_protocol(struct cf_str s)
{
  size_t i = 0;
  while (i < s.n && s.p[i] >= 'A' && s.p[i] <= 'Z')
    i++;
  if (i < 2 || i > 16 || i + 2 > s.n || s.p[i] != '/' || digits(s.p + i + 1, 1) < 0)
    return false;
  return i + 2 == s.n || (i + 4 == s.n && s.p[i + 2] == '.' && digits(s.p + i + 3, 1) >= 0);
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
