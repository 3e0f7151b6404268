/* SPDX-License-Identifier: MIT */
/* Sample events: tables of who, what and from where, and a small generator that
 * picks. */
#include "config.h"

#include "fcgi-app/command/sample_in.h"

#include "lib/base/clock.h"
#include "lib/record/json.h"

#define WEEK_US     (INT64_C(7) * 24 * CF_HOUR_US)
#define LATE_ONE_IN 20
#define LATE_US     INT64_C(600000000)
#define PEOPLE      200

/* splitmix64 (public domain, Sebastiano Vigna). */
static uint64_t bits_mix(uint64_t z)
{
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static uint64_t random_next(struct cf_sample *s)
{
  return bits_mix(s->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 … n - 1, evenly. */
static unsigned word_pick(struct cf_sample *s, unsigned n)
{
  return (unsigned)((random_next(s) >> 32) * n >> 32);
}

/* 0 … n - 1, the low ones much more often. */
static unsigned pick_low(struct cf_sample *s, unsigned n)
{
  uint64_t r = random_next(s) >> 32;
  return (unsigned)((r * r >> 32) * n >> 32);
}

/* ---- tables ---- */

static const char *const first_names[] = {
    "alice", "bruno", "chen", "daria", "emeka", "fatima", "goran",   "hana", "ines",  "jonas",
    "kavya", "liam",  "mei",  "noor",  "olga",  "pablo",  "quentin", "rosa", "søren", "tomás",
};
static const char *const last_names[] = {"adler",   "brown",  "costa",  "dubois",  "eriksen",
                                         "fischer", "garcia", "haddad", "ivanova", "jensen"};
static const char *const hosts[] = {"docs.example.org", "docs.example.org", "docs.example.org",
                                    "api.example.org", "www.example.org"};
static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
};
static const char *const scanners[] = {"curl/8.14.1", "python-requests/2.32.4",
                                       "Mozilla/5.0 zgrab/0.x", "-",
                                       "() { :;}; echo \"\x1b[31mowned\""};
static const char *const scanned[] = {"/.env",
                                      "/wp-login.php",
                                      "/.git/config",
                                      "/admin/../../etc/passwd",
                                      "/cgi-bin/luci/;stok=/locale",
                                      "/<script>alert(1)</script>"};
static const char *const tenants[] = {"north", "south", "harbour"};

/* What people do. A '#' in the resource is a document's number, '@' a person's
 * name. */
static const struct deed {
  const char *action, *method, *resource, *query;
  unsigned weight;
  unsigned usual, other; /* statuses */
  unsigned other_percent;
} deeds[] = {
    {"document.read", "GET", "/documents/#", NULL, 40, 200, 404, 3},
    {"document.list", "GET", "/documents", "page=2&sort=changed", 16, 200, 304, 30},
    {"document.search", "GET", "/search", "q=annual+report", 10, 200, 500, 1},
    {"document.update", "PUT", "/documents/#", NULL, 9, 204, 409, 4},
    {"document.create", "POST", "/documents", NULL, 6, 201, 403, 5},
    {"document.export", "GET", "/documents/#/export", "format=pdf", 4, 200, 503, 2},
    {"document.delete", "DELETE", "/documents/#", NULL, 2, 204, 403, 25},
    {"session.login", "POST", "/login", NULL, 6, 302, 401, 20},
    {"session.logout", "POST", "/logout", NULL, 4, 302, 302, 0},
    {"user.update", "PATCH", "/users/@", NULL, 2, 200, 403, 15},
    {"user.create", "POST", "/users", NULL, 1, 201, 403, 20},
};
#define DEEDS (sizeof deeds / sizeof deeds[0])

/* Mean time between events by the UTC hour, in percent of the mean of all. */
static const uint8_t pace[24] = {230, 250, 250, 250, 240, 220, 170, 110, 70,  50,  45,  48,
                                 60,  52,  46,  48,  55,  70,  95,  120, 140, 160, 180, 210};

/* ---- one event ---- */

/* Who does it: what stays the same for a person. */
struct person {
  unsigned number;
  const char *first, *last;
  uint64_t traits;
};

static struct person person(unsigned number)
{
  return (struct person){number, first_names[number % 20], last_names[number / 20 % 10],
                         bits_mix(number + 1)};
}

static void put_name(struct cf_buf *b, struct person p)
{
  cf_buf_putf(b, "%s.%s", p.first, p.last);
}

static void put_user(struct cf_buf *b, struct person p)
{
  cf_json_put_name(b, "user");
  cf_buf_putc(b, '"');
  put_name(b, p);
  cf_buf_putc(b, '"');
}

static void put_person_ip(struct cf_buf *b, const struct person *p)
{
  cf_json_put_name(b, "ip");
  if (p->traits % 4 == 0)
    cf_buf_putf(b, "\"2001:db8:%x:%x::%x\"", (unsigned)(p->traits >> 8 & 0xff) + 1,
                (unsigned)(p->traits >> 16 & 0xfff) + 1, p->number + 1);
  else if (p->traits % 4 == 1)
    cf_buf_putf(b, "\"198.51.100.%u\"", p->number % 250 + 1);
  else
    cf_buf_putf(b, "\"10.%u.%u.%u\"", (unsigned)(p->traits >> 8 & 3),
                (unsigned)(p->traits >> 16 & 0xff), p->number + 1);
}

static void put_resource(struct cf_sample *s, struct cf_buf *b, const char *pattern)
{
  cf_json_put_name(b, "resource");
  cf_buf_putc(b, '"');
  for (; *pattern != '\0'; pattern++) {
    if (*pattern == '#')
      cf_buf_putf(b, "%u", 1000 + pick_low(s, 4000));
    else if (*pattern == '@')
      put_name(b, person(word_pick(s, PEOPLE)));
    else
      cf_buf_putc(b, *pattern);
  }
  cf_buf_putc(b, '"');
}

static void put_request_id(struct cf_sample *s, struct cf_buf *b)
{
  cf_json_put_name(b, "request_id");
  cf_buf_putf(b, "\"%016jx\"", (uintmax_t)random_next(s));
}

static void put_str(struct cf_buf *b, const char *name, const char *value)
{
  cf_json_put_member(b, name, cf_str_from(value));
}

static const struct deed *pick_deed(struct cf_sample *s)
{
  unsigned left = word_pick(s, 100), i = 0;
  while (i + 1 < DEEDS && left >= deeds[i].weight)
    left -= deeds[i++].weight;
  return &deeds[i];
}

/* Session and credential last for a person's day. */
static void put_session(struct cf_buf *b, const struct person *p, int64_t t_us)
{
  uint64_t day = (uint64_t)(t_us / (24 * CF_HOUR_US));
  cf_json_put_name(b, "session");
  cf_buf_putf(b, "\"%012jx\"", (uintmax_t)(bits_mix(p->traits ^ day) >> 16));
  if (p->traits % 5 == 0)
    put_str(b, "credential", "key-7f3a");
}

static void put_attributes(struct cf_sample *s, struct cf_buf *b, const struct person *p)
{
  cf_json_put_name(b, "attributes");
  cf_buf_putc(b, '{');
  put_str(b, "tenant", tenants[p->traits % 3]);
  if (word_pick(s, 3) == 0)
    cf_json_put_member_bool(b, "mfa", p->traits % 7 != 0);
  if (word_pick(s, 5) == 0)
    cf_json_put_member_u64(b, "version", 1 + pick_low(s, 90));
  cf_buf_putc(b, '}');
}

static void put_deed(struct cf_sample *s, struct cf_buf *b, int64_t t_us)
{
  const struct deed *deed = pick_deed(s);
  struct person p = person(pick_low(s, PEOPLE));
  unsigned status = word_pick(s, 100) < deed->other_percent ? deed->other : deed->usual;
  put_str(b, "action", deed->action);
  put_str(b, "method", deed->method);
  cf_json_put_member_u64(b, "status", status);
  put_user(b, p);
  put_session(b, &p, t_us);
  put_person_ip(b, &p);
  put_str(b, "user_agent", agents[(p.traits >> 32) % 5]);
  if (word_pick(s, 3) == 0)
    put_str(b, "referer", "https://docs.example.org/documents");
  put_resource(s, b, deed->resource);
  if (deed->query != NULL)
    put_str(b, "query", deed->query);
  put_str(b, "host", hosts[word_pick(s, 5)]);
  put_request_id(s, b);
  cf_json_put_member_u64(b, "bytes", status == 204 || status == 304 ? 0 : 200 + pick_low(s, 60000));
  cf_json_put_member_u64(b, "duration_us", 900 + pick_low(s, 250000));
  put_str(b, "protocol", word_pick(s, 4) == 0 ? "HTTP/1.1" : "HTTP/2.0");
  put_attributes(s, b, &p);
}

/* A stranger looks for something to break. */
static void put_scan(struct cf_sample *s, struct cf_buf *b)
{
  put_str(b, "method", word_pick(s, 5) == 0 ? "POST" : "GET");
  cf_json_put_member_u64(b, "status", word_pick(s, 4) == 0 ? 403 : 404);
  cf_json_put_name(b, "ip");
  cf_buf_putf(b, "\"203.0.113.%u\"", pick_low(s, 250) + 1);
  put_str(b, "user_agent", scanners[word_pick(s, 5)]);
  put_str(b, "resource", scanned[word_pick(s, 6)]);
  put_str(b, "host", "www.example.org");
  put_request_id(s, b);
  cf_json_put_member_u64(b, "bytes", 153 + word_pick(s, 60));
  put_str(b, "protocol", "HTTP/1.1");
}

/* A job that runs by itself: no HTTP, only a message. */
static void put_job(struct cf_sample *s, struct cf_buf *b)
{
  bool good = word_pick(s, 12) != 0;
  put_str(b, "action", "backup.run");
  put_str(b, "outcome", good ? "success" : "failure");
  put_str(b, "user", "svc-backup");
  put_str(b, "ip", "127.0.0.1");
  put_str(b, "host", "docs.example.org");
  cf_json_put_member_u64(b, "duration_us", 1000000 + UINT64_C(1000) * word_pick(s, 900000));
  put_str(b, "message",
          good ? "nightly copy written" : "nightly copy failed: no space left on device");
}

void cf_sample_init(struct cf_sample *sample, uint64_t seed, int64_t from_us, uint64_t n)
{
  int64_t step = WEEK_US / (int64_t)(n > 0 && n < (uint64_t)WEEK_US ? n : WEEK_US);
  *sample = (struct cf_sample){.state = bits_mix(seed), .now_us = from_us, .step_us = step};
}

/* The next moment, some microseconds to several steps later. */
static int64_t clock_advance(struct cf_sample *s)
{
  int64_t t_us = s->now_us;
  int64_t hour = cf_time_hour(t_us) / CF_HOUR_US % 24;
  s->now_us += 1 + (int64_t)word_pick(s, 200) * s->step_us / 100 * pace[hour] / 100;
  return t_us;
}

void cf_sample_put(struct cf_sample *sample, struct cf_buf *b)
{
  int64_t t_us = clock_advance(sample);
  unsigned kind = word_pick(sample, 100);
  if (word_pick(sample, LATE_ONE_IN) == 0 && sample->made > 0)
    t_us -= (int64_t)word_pick(sample, 1000) * (LATE_US / 1000);
  sample->made++;
  cf_buf_putc(b, '{');
  cf_json_put_member_time(b, "time", t_us);
  if (kind < 91)
    put_deed(sample, b, t_us);
  else if (kind < 99)
    put_scan(sample, b);
  else
    put_job(sample, b);
  cf_buf_puts(b, "}\n");
}
