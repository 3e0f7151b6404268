/* SPDX-License-Identifier: MIT */
/* Times as people say them. Of the C library only the offset of a moment is
 * taken; the rest is the arithmetic of clock.h. */
#include "config.h"

#include "fcgi-app/command/when_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/input/logline.h"

#define SECOND_US  INT64_C(1000000)
#define DAY_US     (24 * CF_HOUR_US)
#define ZONES      "/usr/share/zoneinfo"
#define NAME_MAX_N 64

/* ---- the zone ---- */

/* A zone as logs name it, +02:00 or UTC, as TZ has it, where east is minus. */
static bool offset_zone(const char *zone, char tz[NAME_MAX_N])
{
  int east_s;

  if (cf_logline_zone(cf_str_from(zone), &east_s) != CF_OK)
    return false;
  int minutes = abs(east_s) / 60;
  (void)snprintf(tz, NAME_MAX_N, "<off>%c%02d:%02d", east_s > 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
  return true;
}

/* What the C library would silently take for UTC is found out before it looks:
 * a name is a file below the directory of zones, and a file of a zone. */
static bool named_zone(const char *zone, char tz[NAME_MAX_N])
{
  static const char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
  const char *directory = getenv("TZDIR");
  char path[4096], magic[4] = "";

  if (zone[0] == '/' || zone[0] == '\0' || zone[strspn(zone, letters)] != '\0' ||
      strlen(zone) + 2 > NAME_MAX_N)
    return false;
  int n = snprintf(path, sizeof path, "%s/%s", directory != NULL ? directory : ZONES, zone);
  FILE *file = n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
  if (file == NULL)
    return false;
  bool is_zone = fread(magic, 1, sizeof magic, file) == sizeof magic &&
                 memcmp(magic, "TZif", sizeof magic) == 0;
  (void)fclose(file);
  (void)snprintf(tz, NAME_MAX_N, ":%s", zone);
  return is_zone;
}

enum cf_err cf_when_zone(const char *zone, struct cf_fault *fault)
{
  char tz[NAME_MAX_N];

  if (!offset_zone(zone, tz) && !named_zone(zone, tz))
    return cf_fail(fault, CF_E_PARAMETER, "tz",
                   "no time zone %s: write UTC, an offset like +02:00, or a name like "
                   "Europe/Berlin of those in " ZONES,
                   zone);
  if (setenv("TZ", tz, 1) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, "tz", "cannot set the time zone");
  tzset();
  return CF_OK;
}

/* East of UTC at that moment, to the minute. */
static int64_t offset_us(int64_t t_us)
{
  time_t t = (time_t)(t_us / SECOND_US - (t_us % SECOND_US < 0));
  struct tm fields;

  return localtime_r(&t, &fields) != NULL ? fields.tm_gmtoff / 60 * 60 * SECOND_US : 0;
}

/* The moment at which clocks of the zone show what UTC's show at shown_us: the
 * first of two; of none, as far behind the gap as it would be in it. */
static int64_t moment_of(int64_t shown_us)
{
  int64_t before_us = shown_us - offset_us(shown_us - DAY_US);
  int64_t after_us = shown_us - offset_us(shown_us + DAY_US);

  return before_us + offset_us(before_us) != shown_us && after_us + offset_us(after_us) == shown_us
             ? after_us
             : before_us;
}

void cf_when_show(struct cf_buf *b, int64_t t_us, bool fraction)
{
  char text[CF_TIME_TEXT_N + 1];
  int64_t east_us = offset_us(t_us);
  long minutes = labs((long)(east_us / (60 * SECOND_US)));

  if (t_us + east_us < CF_TIME_MIN_US || t_us + east_us > CF_TIME_MAX_US)
    east_us = minutes = 0;
  cf_time_format(t_us + east_us, text);
  cf_buf_put(b, text, fraction ? CF_TIME_TEXT_N - 1 : 19);
  if (east_us == 0)
    cf_buf_putc(b, 'Z');
  else
    cf_buf_putf(b, "%c%02ld:%02ld", east_us < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* ---- words ---- */

/* "2 h ago", "90min ago" as "-2h", "-90m". */
static bool put_ago(struct cf_buf *b, struct cf_str s)
{
  static const struct {
    const char *word;
    char letter;
  } units[] = {{"s", 's'},   {"sec", 's'},    {"second", 's'}, {"m", 'm'},
               {"min", 'm'}, {"minute", 'm'}, {"h", 'h'},      {"hour", 'h'},
               {"d", 'd'},   {"day", 'd'},    {"w", 'w'},      {"week", 'w'}};
  char unit[16];
  unsigned long n;
  int end = 0;
  char text[64];

  if (s.n == 0 || s.n >= sizeof text || s.p[0] < '0' || s.p[0] > '9')
    return false;
  memcpy(text, s.p, s.n);
  text[s.n] = '\0';
  if (sscanf(text, "%9lu %15[a-z] ago%n", &n, unit, &end) != 2 || (size_t)end != s.n)
    return false;
  size_t length = strlen(unit);
  if (length > 1 && unit[length - 1] == 's')
    unit[length - 1] = '\0';
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(unit, units[i].word) == 0) {
      cf_buf_putf(b, "-%lu%c", n, units[i].letter);
      return true;
    }
  return false;
}

static void put_moment(struct cf_buf *b, int64_t shown_us)
{
  char text[CF_TIME_TEXT_N + 1];

  cf_time_format(moment_of(shown_us), text);
  cf_buf_puts(b, text);
}

/* A date, or a date with a clock and no offset: what UTC's clocks would
 * show. */
static bool read_local(struct cf_str s, int64_t *shown_us)
{
  char text[40];

  if (s.n != 10 && s.n != 16 && s.n != 19)
    return false;
  (void)snprintf(text, sizeof text, "%.*s%s", (int)s.n, s.p,
                 s.n == 10   ? "T00:00:00Z"
                 : s.n == 16 ? ":00Z"
                             : "Z");
  return cf_time_parse(cf_str_from(text), shown_us) == CF_OK;
}

enum cf_err cf_when_bound(struct cf_buf *b, struct cf_str text, int64_t now_us)
{
  int64_t t_us, now_shown_us = now_us + offset_us(now_us);
  int64_t today_us = now_shown_us - now_shown_us % DAY_US;

  if (cf_str_is(text, "today"))
    put_moment(b, today_us);
  else if (cf_str_is(text, "yesterday"))
    put_moment(b, today_us - DAY_US);
  else if (read_local(text, &t_us) && t_us > CF_TIME_MIN_US + 2 * DAY_US &&
           t_us < CF_TIME_MAX_US - 2 * DAY_US)
    put_moment(b, t_us);
  else if (cf_time_parse_bound(text, now_us, &t_us) == CF_OK)
    cf_buf_putstr(b, text);
  else if (!put_ago(b, text))
    return CF_E_SYNTAX;
  return b->err;
}
