/* SPDX-License-Identifier: MIT */
/* What others put in front of an access log's lines: syslog, systemd, container
 * engines. A row knows one spelling and cuts it off; several may stand one
 * before the other. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/input/logline_in.h"

#define FRONTS_MAX 3   /* of a line */
#define WORD_MAX   255 /* bytes of a host, a program, a container */

/* What a front says; .p is NULL where it does not. */
struct said {
  struct cf_str time; /* RFC 3339 */
  struct cf_str hostname, program, pid, priority, msgid, stream, pod, container;
};

/* ---- words ---- */

static bool word_ok(struct cf_str s)
{
  if (s.n == 0 || s.n > WORD_MAX)
    return false;
  for (size_t i = 0; i < s.n; i++)
    if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"')
      return false;
  return true;
}

/* The word at the front of *s, which moves behind it and its space. */
static bool word_take(struct cf_str *s, struct cf_str *word)
{
  struct cf_str rest = *s, w = cf_str_cut(&rest, ' ');
  if (!word_ok(w) || w.n == s->n)
    return false;
  *word = w;
  *s = rest;
  return true;
}

static bool number_ok(struct cf_str s, uint64_t max)
{
  uint64_t v;
  return s.n <= 10 && cf_u64_parse(s, max, &v) == CF_OK;
}

/* A word that may be "-". */
static bool nilable_take(struct cf_str *s, struct cf_str *word)
{
  struct cf_str w;
  if (!word_take(s, &w))
    return false;
  *word = cf_str_is(w, "-") ? (struct cf_str){NULL, 0} : w;
  return true;
}

/* ---- syslog, journalctl ---- */

/* <190>, where it is there. */
static void priority_take(struct cf_str *s, struct said *said)
{
  const char *close = s->n > 2 && s->p[0] == '<' ? memchr(s->p, '>', s->n < 5 ? s->n : 5) : NULL;
  if (close == NULL)
    return;
  struct cf_str number = {s->p + 1, (size_t)(close - s->p) - 1};
  if (!number_ok(number, 191))
    return;
  said->priority = number;
  *s = cf_str_behind(*s, number.n + 2);
}

/* Does s fit a pattern: 9 a digit, _ a digit or a space, else itself? */
static bool fits(struct cf_str s, const char *pattern)
{
  size_t n = strlen(pattern);
  if (s.n < n)
    return false;
  for (size_t i = 0; i < n; i++) {
    bool digit = s.p[i] >= '0' && s.p[i] <= '9';
    bool good = pattern[i] == '9'   ? digit
                : pattern[i] == '_' ? digit || s.p[i] == ' '
                                    : s.p[i] == pattern[i];
    if (!good)
      return false;
  }
  return true;
}

/* "Oct 10 13:55:36 " with a fraction or a year, which say no zone, so that it
 * is no time of ours; or RFC 3339 and the like. */
static bool stamp_take(struct cf_str *s, struct said *said)
{
  struct cf_str rest = *s, word;
  if (s->n > 16 && cf_logline_month((struct cf_str){s->p, 3}) != 0) {
    rest = cf_str_behind(rest, 3);
    if (fits(rest, " _9 9999 "))
      rest = cf_str_behind(rest, 8);
    else if (fits(rest, " _9 "))
      rest = cf_str_behind(rest, 3);
    if (!fits(rest, " 99:99:99") || !word_take(&(struct cf_str){rest.p + 1, rest.n - 1}, &word))
      return false;
    *s = cf_str_behind(rest, 1 + word.n + 1);
    return true;
  }
  if (!fits(rest, "9999-99-99T99:99:99") || !word_take(&rest, &word))
    return false;
  said->time = word;
  *s = rest;
  return true;
}

/* "nginx: " or "nginx[123]: " */
static bool tag_take(struct cf_str *s, struct said *said)
{
  struct cf_str rest = *s, word;
  if (!word_take(&rest, &word) || word.n < 2 || word.p[word.n - 1] != ':')
    return false;
  word.n--;
  if (word.p[word.n - 1] == ']') {
    struct cf_str pid = word, program = cf_str_cut(&pid, '[');
    pid.n -= pid.n > 0;
    if (program.n == 0 || !number_ok(pid, UINT32_MAX))
      return false;
    said->pid = pid;
    word = program;
  }
  said->program = word;
  *s = rest;
  return true;
}

/* RFC 3164, also with the time as rsyslog's and journalctl's other formats have
 * it, and without a host, as programs write it to a local socket. */
static bool cut_bsd(struct cf_str *line, struct said *said)
{
  struct cf_str s = *line;
  priority_take(&s, said);
  if (!stamp_take(&s, said))
    return false;
  if (!tag_take(&s, said) && !(word_take(&s, &said->hostname) && tag_take(&s, said)))
    return false;
  *line = s;
  return true;
}

/* STRUCTURED-DATA of RFC 5424, with its space. */
static bool data_pass(struct cf_str *s)
{
  struct cf_str rest = *s;
  bool quoted = false, inside = false;
  if (cf_str_starts(rest, CF_STR("- "))) {
    *s = cf_str_behind(rest, 2);
    return true;
  }
  for (size_t i = 0; i < rest.n; i++) {
    char c = rest.p[i];
    if (!inside && i > 0 && c == ' ') {
      *s = cf_str_behind(rest, i + 1);
      return true;
    }
    if (!inside && c != '[')
      return false;
    inside = inside ? quoted || c != ']' : true;
    if (quoted && c == '\\')
      i++;
    else if (c == '"')
      quoted = !quoted;
  }
  return false;
}

/* RFC 5424: <190>1 TIME HOST APP PROCID MSGID DATA MESSAGE */
static bool cut_5424(struct cf_str *line, struct said *said)
{
  struct cf_str s = *line;
  if (s.n == 0 || s.p[0] != '<')
    return false;
  priority_take(&s, said);
  if (said->priority.p == NULL || !cf_str_starts(s, CF_STR("1 ")))
    return false;
  s = cf_str_behind(s, 2);
  if (!nilable_take(&s, &said->time) || !nilable_take(&s, &said->hostname) ||
      !nilable_take(&s, &said->program) || !nilable_take(&s, &said->pid) ||
      !nilable_take(&s, &said->msgid) || !data_pass(&s))
    return false;
  *line = cf_logline_unmark(s);
  return true;
}

/* journalctl -o export */
static bool cut_export(struct cf_str *line, struct said *said)
{
  (void)said;
  if (!cf_str_starts(*line, CF_STR("MESSAGE=")))
    return false;
  *line = cf_str_behind(*line, 8);
  return true;
}

/* ---- containers ---- */

/* Kubernetes' CRI: TIME stdout|stderr F LINE. A partial line (P) is none. */
static bool cut_cri(struct cf_str *line, struct said *said)
{
  struct cf_str s = *line, tags;
  if (!fits(s, "9999-99-99T99:99:99") || !word_take(&s, &said->time) ||
      !word_take(&s, &said->stream) || !word_take(&s, &tags))
    return false;
  if (!cf_str_is(said->stream, "stdout") && !cf_str_is(said->stream, "stderr"))
    return false;
  if (!cf_str_is(cf_str_cut(&tags, ':'), "F"))
    return false;
  *line = s;
  return true;
}

/* docker compose: web-1  | LINE */
static bool cut_compose(struct cf_str *line, struct said *said)
{
  struct cf_str s = *line, word = cf_str_cut(&s, ' ');
  while (s.n > 0 && s.p[0] == ' ')
    s = cf_str_behind(s, 1);
  if (!cf_str_starts(s, CF_STR("| ")) || !word_ok(word))
    return false;
  said->container = word;
  *line = cf_str_behind(s, 2);
  return true;
}

/* kubectl logs --prefix: [pod/NAME/CONTAINER] LINE */
static bool cut_kubectl(struct cf_str *line, struct said *said)
{
  struct cf_str s = *line, word;
  if (!cf_str_starts(s, CF_STR("[pod/")) || !word_take(&s, &word) || word.p[word.n - 1] != ']')
    return false;
  said->container = (struct cf_str){word.p + 5, word.n - 6};
  said->pod = cf_str_cut(&said->container, '/');
  *line = s;
  return true;
}

static bool (*const rows[])(struct cf_str *line, struct said *said) = {
    cut_5424, cut_bsd, cut_cri, cut_compose, cut_kubectl, cut_export,
};

/* ---- docker's json-file ---- */

/* {"log":"LINE\n","stream":"stdout","attrs":{…},"time":"…"}; without the line's
 * end it is a part of one. */
struct docker {
  struct cf_str log, stream, time;
  const struct cf_json *attrs;
  bool other; /* it has other members */
};

static enum cf_err docker_member(void *context, struct cf_str name, const struct cf_json *value)
{
  struct docker *d = context;
  bool text = cf_json_type(value) == CF_JSON_STRING;
  if (text && cf_str_is(name, "log"))
    d->log = cf_json_string(value);
  else if (text && cf_str_is(name, "stream"))
    d->stream = cf_json_string(value);
  else if (text && cf_str_is(name, "time"))
    d->time = cf_json_string(value);
  else if (cf_str_is(name, "attrs") && cf_json_type(value) == CF_JSON_OBJECT)
    d->attrs = value;
  else
    d->other = true;
  return CF_OK;
}

static bool docker_ok(const struct docker *d)
{
  return !d->other && d->log.n > 0 && d->log.p[d->log.n - 1] == '\n' && d->stream.p != NULL &&
         d->time.p != NULL && memchr(d->log.p, '\n', d->log.n) == d->log.p + d->log.n - 1;
}

/* Its time, for a line that has none; but one without a zone says too
 * little. */
static void time_say(struct cf_logline *l, struct cf_str time)
{
  int64_t t_us;
  bool bare;
  if (time.p != NULL && cf_logline_time_parse(time, 0, &t_us, &bare) == CF_OK && !bare)
    cf_time_format(t_us, l->front_time);
}

/* What l keeps is copied behind one another into l->inner: the line, the
 * stream, the attributes. */
static enum cf_err docker_keep(struct cf_logline *l, const struct docker *d, struct cf_str *line)
{
  struct cf_buf *b = &l->inner;
  size_t log_n = d->log.n - 1;
  log_n -= log_n > 0 && d->log.p[log_n - 1] == '\r';
  cf_buf_reset(b);
  cf_buf_put(b, d->log.p, log_n);
  cf_buf_putstr(b, d->stream);
  enum cf_err err =
      d->attrs == NULL ? b->err : cf_json_put_canonical(b, d->attrs, CF_ATTRIBUTES_DEPTH - 1, NULL);
  if (err != CF_OK)
    return err == CF_E_INVALID ? CF_E_SYNTAX : err;
  const char *p = cf_buf_cstr(b);
  *line = (struct cf_str){p, log_n};
  cf_logline_other(l, CF_STR("stream"), (struct cf_str){p + log_n, d->stream.n}, false);
  size_t before = log_n + d->stream.n;
  if (d->attrs != NULL)
    cf_logline_other(l, CF_STR("attrs"), (struct cf_str){p + before, b->n - before}, true);
  time_say(l, d->time);
  return CF_OK;
}

enum cf_err cf_logline_unwrap(struct cf_logline *l, struct cf_str *line, bool *wrapped)
{
  struct docker d = {.other = false};
  struct cf_json *doc = NULL;
  *wrapped = false;
  if (!cf_str_starts(*line, CF_STR("{\"log\":\"")))
    return CF_OK;
  enum cf_err err = cf_json_parse(*line, CF_ATTRIBUTES_DEPTH, &doc, NULL);
  if (err == CF_OK)
    err = cf_json_each(doc, docker_member, &d);
  if (err == CF_OK)
    err = docker_ok(&d) ? docker_keep(l, &d, line) : CF_E_SYNTAX;
  cf_json_free(doc);
  *wrapped = err == CF_OK;
  return err == CF_E_SYNTAX ? CF_OK : err;
}

/* ---- all of them ---- */

static void other_say(struct cf_logline *l, const char *name, struct cf_str value)
{
  if (value.p != NULL)
    cf_logline_other(l, cf_str_from(name), value, false);
}

static void say(struct cf_logline *l, const struct said *said)
{
  time_say(l, said->time);
  other_say(l, "container", said->container);
  other_say(l, "hostname", said->hostname);
  other_say(l, "msgid", said->msgid);
  other_say(l, "pid", said->pid);
  other_say(l, "pod", said->pod);
  other_say(l, "priority", said->priority);
  other_say(l, "program", said->program);
  other_say(l, "stream", said->stream);
}

static bool prefix_cut(struct cf_logline *l, struct cf_str *line)
{
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct said said = {.time = {NULL, 0}};
    if (rows[i](line, &said)) {
      say(l, &said);
      return true;
    }
  }
  return false;
}

/* May a front begin so? Nearly all lines begin with an address. */
static bool glance(struct cf_str s)
{
  if (s.n < 20 || s.p[0] == '{' || s.p[0] == ':')
    return false;
  return s.p[0] < '0' || s.p[0] > '9' || s.p[4] == '-';
}

void cf_logline_unfront(struct cf_logline *l, struct cf_str *line)
{
  for (int i = 0; i < FRONTS_MAX && glance(*line) && prefix_cut(l, line); i++)
    ;
}
