/* SPDX-License-Identifier: MIT */
/* What the client can take and what it has already: the headers Accept,
 * Accept-Encoding and If-None-Match (RFC 9110, sections 12.5.1, 12.5.3 and
 * 13.1.2). */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "fcgi-app/http/request.h"

#define WEIGHT_FULL 1000 /* weights are thousandths */

static struct cf_str trimmed(struct cf_str s)
{
  while (s.n > 0 && (*s.p == ' ' || *s.p == '\t'))
    s = (struct cf_str){s.p + 1, s.n - 1};
  while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
    s.n--;
  return s;
}

/* ---- accept ---- */

static bool same(struct cf_str a, const char *b, size_t b_n)
{
  return a.n == b_n && strncasecmp(a.p, b, b_n) == 0;
}

/* How close the range comes to the type: 3 is the type itself, 2 `text/` and a
 * star, 1 two stars; 0: it does not hold it. */
static unsigned closeness(struct cf_str range, const char *type)
{
  size_t slash = strcspn(type, "/") + 1;
  if (same(range, type, strlen(type)))
    return 3;
  if (same(range, "*/*", 3))
    return 1;
  bool star =
      range.n == slash + 1 && range.p[slash] == '*' && strncasecmp(range.p, type, slash) == 0;
  return star ? 2 : 0;
}

/* "0.25" is 250; what is no weight counts as none given. */
static unsigned weight_of(struct cf_str value)
{
  unsigned weight = 0, unit = WEIGHT_FULL;
  for (size_t i = 0; i < value.n; i++) {
    if (i == 1 && value.p[i] == '.')
      continue;
    if (value.p[i] < '0' || value.p[i] > '9' || (i > 0 && value.p[1] != '.') || unit == 0)
      return WEIGHT_FULL;
    weight += unit * (unsigned)(value.p[i] - '0');
    unit /= 10;
  }
  return value.n == 0 || weight > WEIGHT_FULL ? WEIGHT_FULL : weight;
}

/* The weight among a range's parameters. */
static unsigned weight(struct cf_str parameters)
{
  while (parameters.n > 0) {
    struct cf_str value = cf_str_cut(&parameters, ';');
    struct cf_str name = trimmed(cf_str_cut(&value, '='));
    if (same(name, "q", 1))
      return weight_of(trimmed(value));
  }
  return WEIGHT_FULL;
}

struct liking {
  unsigned weight, closeness;
  size_t place;
};

/* What the header says of one type: the closest range counts, of equal ones the
 * first. */
static struct liking liking_of(struct cf_str header, const char *type)
{
  struct liking made = {0, 0, 0};
  for (size_t place = 0; header.n > 0; place++) {
    struct cf_str range = cf_str_cut(&header, ',');
    struct cf_str name = trimmed(cf_str_cut(&range, ';'));
    unsigned close = closeness(name, type);
    if (close > made.closeness)
      made = (struct liking){weight(range), close, place};
  }
  return made;
}

static bool is_better(struct liking a, struct liking b)
{
  if (a.weight != b.weight)
    return a.weight > b.weight;
  if (a.closeness != b.closeness)
    return a.closeness > b.closeness;
  return a.place < b.place;
}

size_t cf_accept_prefers(struct cf_str header, const char *const types[], size_t types_n)
{
  struct liking best = {0, 0, 0};
  size_t index = 0;
  for (size_t i = 0; i < types_n; i++) {
    struct liking liking = liking_of(header, types[i]);
    if (liking.weight == 0 || !is_better(liking, best))
      continue;
    best = liking;
    index = i;
  }
  return index;
}

size_t cf_request_prefers(const struct cf_request *rq, const char *const types[], size_t types_n)
{
  return cf_accept_prefers(cf_request_variable(rq, "HTTP_ACCEPT"), types, types_n);
}

/* ---- Accept-Encoding ---- */

bool cf_request_takes_gzip(const struct cf_request *rq)
{
  struct cf_str left = cf_request_variable(rq, "HTTP_ACCEPT_ENCODING");
  unsigned gzip = 0, any = 0, identity = 0;
  bool named = false;
  while (left.n > 0) {
    struct cf_str range = cf_str_cut(&left, ',');
    struct cf_str name = trimmed(cf_str_cut(&range, ';'));
    if (same(name, "gzip", 4) || same(name, "x-gzip", 6)) {
      gzip = weight(range);
      named = true;
    } else if (same(name, "identity", 8)) {
      identity = weight(range);
    } else if (same(name, "*", 1)) {
      any = weight(range);
    }
  }
  gzip = named ? gzip : any;
  return gzip > 0 && gzip >= identity;
}

/* ---- If-None-Match ---- */

/* The tag of what was packed is that of the text, with a word behind it. */
static bool is_tag(struct cf_str tag, const char *etag)
{
  static const char end[] = "-gzip\"";
  size_t n = strlen(etag) - 1;
  return cf_str_is(tag, etag) || (tag.n == n + sizeof end - 1 && memcmp(tag.p, etag, n) == 0 &&
                                  memcmp(tag.p + n, end, sizeof end - 1) == 0);
}

bool cf_request_has_etag(const struct cf_request *rq, const char *etag)
{
  struct cf_str left = trimmed(cf_request_variable(rq, "HTTP_IF_NONE_MATCH"));
  if (cf_str_is(left, "*"))
    return true;
  while (left.n > 0) {
    struct cf_str tag = trimmed(cf_str_cut(&left, ','));
    if (cf_str_starts(tag, CF_STR("W/")))
      tag = (struct cf_str){tag.p + 2, tag.n - 2};
    if (is_tag(tag, etag))
      return true;
  }
  return false;
}
