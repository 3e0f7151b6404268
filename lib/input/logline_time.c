/* SPDX-License-Identifier: MIT */
/* Times as logs spell them:
 *
 *   day/month/year(:| )hh:mm:ss[(.|,)fraction][ zone]
 *     17/May/2015:10:05:03 +0000
 *   year(-|/)month(-|/)day(T| )hh:mm:ss[(.|,)fraction][[ ]zone]
 *     2015-05-17 10:05:03,123
 *
 * A zone is +hhmm, +hh:mm, Z, UTC or GMT; other names say too little. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/input/logline_in.h"

static int digits(struct cf_str s, size_t at, size_t n)
{
  int v = 0;
  if (at + n > s.n)
    return -1;
  for (size_t i = at; i < at + n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9')
      return -1;
    v = v * 10 + (s.p[i] - '0');
  }
  return v;
}

/* ---- months ---- */

/* What strftime writes for %b where a server's locale is another than C, but
 * for the final point and upper case. */
static const struct {
  const char *name;
  int month;
} months[] = {
    {"ene", 1},
    {"gen", 1},
    {"janv", 1},
    {"feb", 2},
    {"fev", 2},
    {"f\xc3\xa9vr", 2},
    {"mrt", 3},
    {"mars", 3},
    {"m\xc3\xa4r", 3},
    {"abr", 4},
    {"avr", 4},
    {"mai", 5},
    {"maj", 5},
    {"mag", 5},
    {"mei", 5},
    {"may", 5},
    {"giu", 6},
    {"juin", 6},
    {"juni", 6},
    {"lug", 7},
    {"juil", 7},
    {"juli", 7},
    {"ago", 8},
    {"ao\xc3\xbbt", 8},
    {"set", 9},
    {"sept", 9},
    {"ott", 10},
    {"out", 10},
    {"okt", 10},
    {"dic", 12},
    {"dez", 12},
    {"des", 12},
    {"d\xc3\xa9"
     "c",
     12},
};

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool spells(struct cf_str s, const char *name)
{
  size_t n = strlen(name);
  if (s.n != n && !(s.n == n + 1 && s.p[n] == '.'))
    return false;
  for (size_t i = 0; i < n; i++)
    if (lower(s.p[i]) != name[i])
      return false;
  return true;
}

int cf_logline_month(struct cf_str s)
{
  static const char english[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int i = 0; i < 12 && s.n == 3; i++)
    if (memcmp(english + 3 * i, s.p, 3) == 0)
      return i + 1;
  return 0;
}

/* 1 to 12, or 0. */
static int month_of(struct cf_str s)
{
  int month = cf_logline_month(s);
  for (size_t i = 0; i < sizeof months / sizeof months[0] && month == 0; i++)
    if (spells(s, months[i].name))
      month = months[i].month;
  return month;
}

/* ---- what follows the seconds ---- */

/* The fraction of a second at the front of *s, in microseconds, cut off *s; 0
 * without one. */
static int fraction(struct cf_str *s)
{
  int us = 0;
  size_t i = 1;
  if (s->n < 2 || (s->p[0] != '.' && s->p[0] != ','))
    return 0;
  for (int unit = 100000; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, unit /= 10)
    us += unit * (s->p[i] - '0');
  *s = (struct cf_str){s->p + i, s->n - i};
  return us;
}

enum cf_err cf_logline_zone(struct cf_str s, int *offset_s)
{
  if (cf_str_is(s, "GMT") || cf_str_is(s, "UTC") || cf_str_is(s, "Z")) {
    *offset_s = 0;
    return CF_OK;
  }
  if (s.n < 5 || (s.p[0] != '+' && s.p[0] != '-'))
    return CF_E_SYNTAX;
  size_t colon = s.p[3] == ':';
  int hours = digits(s, 1, 2), minutes = digits(s, 3 + colon, 2);
  if (s.n != 5 + colon || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return CF_E_SYNTAX;
  *offset_s = (s.p[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
  return CF_OK;
}

/* ---- a time ---- */

struct civil {
  int year, month, day;
  struct cf_str clock; /* hh:mm:ss and what follows */
};

static bool cut_common(struct cf_str s, struct civil *c)
{
  if (s.n < 20 || s.p[2] != '/')
    return false;
  const char *slash = memchr(s.p + 3, '/', s.n - 3);
  if (slash == NULL)
    return false;
  size_t at = (size_t)(slash - s.p) + 1;
  if (at + 5 > s.n || (s.p[at + 4] != ':' && s.p[at + 4] != ' '))
    return false;
  *c = (struct civil){.year = digits(s, at, 4),
                      .month = month_of((struct cf_str){s.p + 3, at - 4}),
                      .day = digits(s, 0, 2),
                      .clock = {s.p + at + 5, s.n - at - 5}};
  return true;
}

static bool cut_iso(struct cf_str s, struct civil *c)
{
  if (s.n < 19 || (s.p[4] != '-' && s.p[4] != '/') || s.p[7] != s.p[4] ||
      (s.p[10] != 'T' && s.p[10] != ' '))
    return false;
  *c = (struct civil){.year = digits(s, 0, 4),
                      .month = digits(s, 5, 2),
                      .day = digits(s, 8, 2),
                      .clock = {s.p + 11, s.n - 11}};
  return true;
}

static enum cf_err civil_time(const struct civil *c, int zone_s, int64_t *t_us, bool *bare)
{
  struct cf_str s = c->clock;
  if (s.n < 8 || s.p[2] != ':' || s.p[5] != ':')
    return CF_E_SYNTAX;
  struct cf_str rest = {s.p + 8, s.n - 8};
  int second = digits(s, 6, 2), us = fraction(&rest);
  bool is_bare = rest.n == 0;
  if (rest.n > 1 && rest.p[0] == ' ')
    rest = (struct cf_str){rest.p + 1, rest.n - 1};
  if (!is_bare && cf_logline_zone(rest, &zone_s) != CF_OK)
    return CF_E_SYNTAX;
  enum cf_err err = cf_time_from_civil(c->year, c->month, c->day, digits(s, 0, 2), digits(s, 3, 2),
                                       second, zone_s, t_us);
  if (err == CF_OK && second < 60)
    *t_us += us;
  *bare = is_bare;
  return err;
}

static void say_assumed(struct cf_logline *l)
{
  int minutes = l->zone_s / 60, away = minutes < 0 ? -minutes : minutes;
  snprintf(l->zone, sizeof l->zone, "%c%02d:%02d", minutes < 0 ? '-' : '+', away / 60 % 100,
           away % 60);
  cf_logline_other(l, CF_STR("zone_assumed"), cf_str_from(l->zone), false);
}

enum cf_err cf_logline_time_parse(struct cf_str s, int zone_s, int64_t *t_us, bool *bare)
{
  struct civil civil;
  if ((cut_common(s, &civil) || cut_iso(s, &civil)) &&
      civil_time(&civil, zone_s, t_us, bare) == CF_OK)
    return CF_OK;
  *bare = false;
  return cf_time_parse(s, t_us);
}

enum cf_err cf_logline_time(struct cf_logline *l, struct cf_str s, bool numbers)
{
  int64_t t_us;
  bool bare = false;
  if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
    s = (struct cf_str){s.p + 1, s.n - 2};
  enum cf_err err = cf_logline_time_parse(s, l->zone_s, &t_us, &bare);
  if (err != CF_OK && numbers)
    err = cf_time_parse_epoch(s, &t_us);
  if (err != CF_OK)
    return CF_E_SYNTAX;
  if (bare)
    say_assumed(l);
  cf_time_format(t_us, l->time);
  l->v[CF_M_TIME] = (struct cf_str){l->time, CF_TIME_TEXT_N};
  return CF_OK;
}
