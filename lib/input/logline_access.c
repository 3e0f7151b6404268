/* SPDX-License-Identifier: MIT */
/* Common and combined access log lines (Apache's, lighttpd's and nginx's
 * defaults).
 *
 *   [vhost ]client[ ident] user [time] "request" status bytes[ "referer" "user
 *   agent"[ extra]]
 *
 * Users, requests and user agents are whatever a client sent, with their quotes
 * escaped by the server or, by careless ones, not. So the line is not read from
 * left to right: the time is the first bracket that holds one and has a quote
 * behind it, and the request ends where a status follows. */
#include "config.h"

#include "lib/input/logline_in.h"
#include "lib/input/logline_names_in.h"

#include <string.h>

#include "lib/record/address.h"

#define BRACKET_MAX 48 /* bytes within the time's brackets */
#define NUMBER_MAX  40 /* of a status, of bytes */
#define OURS_N      12 /* of a line's others that are no key=value */
/* bytes of l->text for one of a line: each may take four, and a field twice */
#define ROOM       6
#define NAME_MAX_N 64 /* of a key=value behind the line */

/* The parts of a line, as they stand in it; .p is NULL where absent. */
struct parts {
  struct cf_str front, time, request, status, bytes, referer, user_agent, extra;
  bool unterminated; /* the user agent has no closing quote */
  bool plain;        /* the line has no escapes, and is UTF-8 */
  struct cf_met met; /* in it */
};

static struct cf_str between(const char *from, const char *to)
{
  return (struct cf_str){from, (size_t)(to - from)};
}

static struct cf_str behind(struct cf_str s, const char *p)
{
  return between(p, s.p + s.n);
}

static bool holds(struct cf_str s, char c)
{
  return s.n > 0 && memchr(s.p, c, s.n) != NULL;
}

/* ---- cutting the line ---- */

/* The bracket at `open` if it holds a time and ` "` follows. */
static bool time_at(struct cf_logline *l, struct cf_str line, const char *open, struct cf_str *time)
{
  struct cf_str rest = behind(line, open + 1);
  const char *close = memchr(rest.p, ']', rest.n < BRACKET_MAX ? rest.n : BRACKET_MAX);
  if (close == NULL || !cf_str_starts(behind(line, close + 1), CF_STR(" \"")))
    return false;
  *time = between(open + 1, close);
  return cf_logline_time(l, *time, false) == CF_OK;
}

/* Cut the line into front, time and the rest, which begins at the request's
 * quote. */
static bool cut_time(struct cf_logline *l, struct cf_str line, struct parts *parts,
                     struct cf_str *rest)
{
  struct cf_str left = line;
  for (const char *open; left.n > 0 && (open = memchr(left.p, '[', left.n)) != NULL;
       left = behind(line, open + 1)) {
    if (open == line.p || open[-1] != ' ' || !time_at(l, line, open, &parts->time))
      continue;
    parts->front = between(line.p, open - 1);
    *rest = behind(line, open + parts->time.n + 3);
    return true;
  }
  return false;
}

/* A word of digits, perhaps behind a sign, or "-", up to a space or the end. It
 * may be no value of its member: 000, -1, 18446744073709551615. */
static bool cut_number(struct cf_str *rest, struct cf_str *word)
{
  struct cf_str left = *rest, w = cf_str_cut(&left, ' ');
  size_t i = w.n > 0 && w.p[0] == '-';
  while (i < w.n && w.p[i] >= '0' && w.p[i] <= '9')
    i++;
  if (i < w.n || w.n == 0 || w.n > NUMBER_MAX)
    return false;
  *word = w;
  *rest = left;
  return true;
}

/* What follows the request's closing quote: a status, perhaps bytes. */
static bool cut_result(struct cf_str s, struct parts *parts, struct cf_str *rest)
{
  if (s.n == 0 || s.p[0] != ' ')
    return false;
  *rest = behind(s, s.p + 1);
  if (!cut_number(rest, &parts->status))
    return false;
  return rest->n == 0 || cut_number(rest, &parts->bytes);
}

/* The next quote from p on that no backslash escapes; NULL without one. */
static const char *next_quote(struct cf_str s, const char *p)
{
  const char *end = s.p + s.n, *quote = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
  if (quote == NULL || memchr(p, '\\', (size_t)(quote - p)) == NULL)
    return quote;
  for (; p < end; p++) {
    if (*p == '"')
      return p;
    if (*p == '\\')
      p++;
  }
  return NULL;
}

static bool cut_request(struct cf_str s, struct parts *parts, struct cf_str *rest)
{
  for (const char *quote = next_quote(s, s.p + 1); quote != NULL;
       quote = next_quote(s, quote + 1)) {
    if (!cut_result(behind(s, quote + 1), parts, rest))
      continue;
    parts->request = between(s.p + 1, quote);
    return true;
  }
  return false;
}

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of `name=` at the front of s, or 0. */
static size_t name_len(struct cf_str s)
{
  size_t i = 0;
  while (i < s.n && i <= NAME_MAX_N &&
         (is_letter(s.p[i]) || s.p[i] == '_' ||
          (i > 0 && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '.'))))
    i++;
  return i > 0 && i <= NAME_MAX_N && i < s.n && s.p[i] == '=' ? i + 1 : 0;
}

/* One field behind the line: a word, a quoted text, or one of these behind
 * `name=`. */
struct field {
  struct cf_str whole, name, value; /* name.p is NULL where it has none */
};

/* Cut a field and the space before it off *s; false where there is none. */
static bool field_take(struct cf_str *s, struct field *field)
{
  if (s->n < 2 || s->p[0] != ' ')
    return false;
  struct cf_str f = behind(*s, s->p + 1);
  size_t name_n = name_len(f);
  const char *value = f.p + name_n, *end = f.p + f.n, *p = value;
  *field = (struct field){.name = {name_n > 0 ? f.p : NULL, name_n - (name_n > 0)}};
  if (p < end && *p == '"') {
    const char *close = next_quote(f, p + 1);
    if (close == NULL)
      return false;
    field->value = between(p + 1, close);
    p = close + 1;
  } else {
    while (p < end && *p != ' ' && *p != '"')
      p++;
    field->value = between(value, p);
  }
  if (p < end && *p != ' ')
    return false;
  field->whole = between(f.p, p);
  *s = between(p, end);
  return true;
}

/* Is it fields? Nothing is, too. */
static bool is_fields(struct cf_str s)
{
  struct field field;
  while (field_take(&s, &field))
    ;
  return s.n == 0;
}

/* The user agent from its opening quote on. Quotes that nobody escaped are part
 * of it where what follows them makes no sense. */
static void cut_user_agent(struct cf_str s, struct parts *parts)
{
  const char *end = s.p + s.n, *close = next_quote(s, s.p + 1);
  if (close == NULL) {
    parts->user_agent = between(s.p + 1, end);
    parts->unterminated = true;
    return;
  }
  if (!is_fields(between(close + 1, end)) && end[-1] == '"')
    close = end - 1;
  parts->user_agent = between(s.p + 1, close);
  if (close + 1 < end)
    parts->extra = behind(s, close + 1);
}

/* What is left behind the bytes: `"referer" "user agent"` and more, else
 * something of somebody's own. */
static void cut_rest(struct cf_str s, struct parts *parts)
{
  const char *close = s.n > 0 && s.p[0] == '"' ? next_quote(s, s.p + 1) : NULL;
  while (close != NULL && close + 1 < s.p + s.n &&
         !cf_str_starts(behind(s, close + 1), CF_STR(" \"")))
    close = next_quote(s, close + 1);
  if (close == NULL) {
    if (s.n > 0)
      parts->extra = behind(s, s.p - 1);
    return;
  }
  parts->referer = between(s.p + 1, close);
  if (close + 1 < s.p + s.n)
    cut_user_agent(behind(s, close + 2), parts);
}

/* ---- values ---- */

/* The text of a field without its escapes. l->text has room for the whole line,
 * so that nothing in it moves. */
static struct cf_str escapes_decode(struct cf_logline *l, struct parts *parts, struct cf_str s)
{
  if (parts->plain || s.n == 0)
    return s;
  size_t start = l->text.n;
  cf_logline_unescape(s, &l->text, &parts->met);
  return (struct cf_str){(const char *)l->text.p + start, l->text.n - start};
}

static void member_set(struct cf_logline *l, struct parts *parts, enum cf_member m,
                       struct cf_str raw)
{
  if (raw.p != NULL && !cf_str_is(raw, "-"))
    l->v[m] = escapes_decode(l, parts, raw);
}

/* A value that the member does not take is kept under its name. */
static void number_set(struct cf_logline *l, enum cf_member m, struct cf_str word)
{
  if (word.p == NULL || cf_str_is(word, "-"))
    return;
  if (cf_value_ok(m, word))
    l->v[m] = word;
  else
    cf_logline_other(l, cf_str_from(cf_member_table[m].name), word, false);
}

static void other_add(struct cf_logline *l, struct parts *parts, const char *name,
                      struct cf_str raw)
{
  if (raw.n > 0 && !cf_str_is(raw, "-"))
    cf_logline_other(l, cf_str_from(name), escapes_decode(l, parts, raw), false);
}

/* ---- what stands before the time ---- */

struct front {
  struct cf_str vhost, client, ident, user;
};

static bool is_address(struct cf_str s)
{
  char text[46];
  return cf_address_canonical(s, text) == CF_OK;
}

static struct cf_str first_of(struct cf_str list)
{
  return cf_str_cut(&list, ',');
}

static struct cf_str spaces_pass(struct cf_str s)
{
  while (s.n > 0 && s.p[0] == ' ')
    s = behind(s, s.p + 1);
  return s;
}

/* A word, and *s goes behind the spaces that follow it. */
static struct cf_str cut_word(struct cf_str *s)
{
  struct cf_str word = cf_str_cut(s, ' ');
  *s = spaces_pass(*s);
  return word;
}

/* A client's word or, as proxies' addresses are logged, several with commas. */
static struct cf_str cut_client(struct cf_str *s)
{
  const char *from = s->p;
  struct cf_str word = cut_word(s);
  while (s->n > 0 && word.n > 1 && word.p[word.n - 1] == ',')
    word = cut_word(s);
  return between(from, word.p + word.n);
}

/* Does a virtual host come first? `second` is what stands behind the first
 * word, `more` what stands behind that. */
static bool vhost_first(struct cf_str first, struct cf_str second, struct cf_str more)
{
  if (is_address(first))
    return is_address(second) && holds(more, ' ');
  if (cf_logline_is_client(second))
    return more.n > 0;
  return !cf_str_is(second, "-") && holds(more, ' ') && !holds(first, ',');
}

/* A user's name may hold spaces. Servers that write two between fields leave
 * one before it and one behind it. */
static struct cf_str user_trim(struct cf_str s)
{
  struct cf_str rest = spaces_pass(s), word = cf_str_cut(&rest, ' ');
  if (word.n == 0 || (cf_str_is(word, "-") && spaces_pass(rest).n == 0))
    return (struct cf_str){NULL, 0};
  if (s.n > 2 && s.p[0] == ' ' && s.p[s.n - 1] == ' ')
    s = (struct cf_str){s.p + 1, s.n - 2};
  return s;
}

static void cut_front(struct cf_str s, struct front *front)
{
  struct cf_str rest = spaces_pass(s), first = cut_client(&rest), more = rest,
                second = cut_client(&more);
  *front = (struct front){.client = first};
  if (more.n > 0 && vhost_first(first, second, more)) {
    front->vhost = first;
    front->client = second;
    rest = more;
  }
  /* One word alone is the user. */
  if (holds(rest, ' '))
    front->ident = cf_str_cut(&rest, ' ');
  front->user = user_trim(rest);
}

/* Something else stands in front, and what is left of the line is no user: a
 * name of several words is one only behind a client and an ident name. */
static bool too_many_words(const struct front *front)
{
  if (!holds(front->user, ' '))
    return false;
  return is_address(front->ident) ||
         (!cf_str_is(front->ident, "-") && !cf_logline_is_client(first_of(front->client)));
}

/* lighttpd writes the virtual host where others have the ident name. */
static bool is_host(struct cf_str s)
{
  return cf_str_is(s, "localhost") || holds(s, '.') || holds(s, ':');
}

static void set_client(struct cf_logline *l, struct parts *parts, struct cf_str client)
{
  struct cf_str first = first_of(client), port, zone;
  if (cf_logline_client(l, first, &port, &zone) != CF_OK) {
    other_add(l, parts, "client_host", client);
    return;
  }
  other_add(l, parts, "client_port", port);
  other_add(l, parts, "client_zone", zone);
  if (first.n < client.n)
    other_add(l, parts, "forwarded_for", client);
}

static void set_front(struct cf_logline *l, struct parts *parts, struct front front)
{
  struct cf_str port;
  if (front.vhost.n == 0 && is_host(front.ident)) {
    front.vhost = front.ident;
    front.ident.n = 0;
  }
  set_client(l, parts, front.client);
  other_add(l, parts, "ident", front.ident);
  /* Apache's way to write a name of no bytes */
  if (cf_str_is(front.user, "\"\""))
    front.user.n = 0;
  member_set(l, parts, CF_M_USER, front.user);
  front.vhost = cf_logline_host(front.vhost, &port);
  if (front.vhost.n > 0)
    member_set(l, parts, CF_M_HOST, front.vhost);
  other_add(l, parts, "port", port);
}

/* ---- what stands behind ---- */

static bool time_take(struct cf_logline *l, struct cf_str name, struct cf_str value)
{
  bool below;
  const struct cf_log_name *row = cf_log_name_find(name, &below);
  bool taken = false;
  for (; row != NULL && !taken && l->v[CF_M_DURATION_US].p == NULL; row = cf_log_name_next(row))
    taken = cf_log_name_duration(row, l, value);
  return taken;
}

/* Names that are ours, or the ledger's, in attributes. */
static bool is_taken(struct cf_str name)
{
  static const char *const names[] = {"extra", "not_utf8", "truncated", "unterminated"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (cf_str_is(name, names[i]))
      return true;
  return false;
}

static bool named_take(struct cf_logline *l, struct parts *parts, const struct field *field)
{
  if (field->name.p == NULL || is_taken(field->name) || l->others_n + OURS_N >= CF_OTHERS_MAX)
    return false;
  if (cf_str_is(field->value, "-") || time_take(l, field->name, field->value))
    return true;
  return cf_logline_other(l, field->name, escapes_decode(l, parts, field->value), false);
}

/* Fields with a name are attributes, or the time that the request took; gives
 * the others. */
static struct cf_str names_take(struct cf_logline *l, struct parts *parts)
{
  struct cf_str left = parts->extra, all = behind(left, left.p + 1);
  char *kept = (char *)cf_buf_grow(&l->text, left.n);
  struct field field;
  size_t n = 0;
  bool named = false;
  while (field_take(&left, &field)) {
    if (named_take(l, parts, &field)) {
      named = true;
      continue;
    }
    if (n > 0)
      kept[n++] = ' ';
    memcpy(kept + n, field.whole.p, field.whole.n);
    n += field.whole.n;
  }
  return named ? (struct cf_str){kept, n} : all;
}

/* `extra` is as it stands in the line. */
static void set_extra(struct cf_logline *l, struct parts *parts)
{
  struct cf_str extra = parts->extra;
  if (extra.n == 0)
    return;
  if (is_fields(extra))
    extra = names_take(l, parts);
  else if (extra.p[0] == ' ')
    extra = behind(extra, extra.p + 1);
  if (!parts->plain) {
    size_t start = l->text.n;
    parts->met.raw |= cf_logline_verbatim(extra, &l->text);
    extra = (struct cf_str){(const char *)l->text.p + start, l->text.n - start};
  }
  if (extra.n > 0)
    cf_logline_other(l, CF_STR("extra"), extra, false);
}

/* ---- lines without a time ---- */

/* uvicorn: [INFO:     ]client - "request" status phrase; the phrase says what
 * the status does. */
static bool cut_timeless(struct cf_str line, struct parts *parts)
{
  struct cf_str s = cf_str_starts(line, CF_STR("INFO: "))
                        ? spaces_pass(behind(line, line.p + strlen("INFO: ")))
                        : line;
  struct cf_str client = cf_str_cut(&s, ' ');
  if (!cf_str_starts(s, CF_STR("- \"")) || !cf_logline_is_client(client))
    return false;
  const char *close = memrchr(s.p, '"', s.n);
  struct cf_str rest = behind(s, close + 1);
  if (close < s.p + 3 || rest.n == 0 || rest.p[0] != ' ')
    return false;
  rest = behind(rest, rest.p + 1);
  if (!cut_number(&rest, &parts->status))
    return false;
  for (size_t i = 0; i < rest.n; i++)
    if (!is_letter(rest.p[i]) && rest.p[i] != ' ' && rest.p[i] != '-' && rest.p[i] != '\'')
      return false;
  parts->front = between(client.p, s.p + 1);
  parts->request = between(s.p + 3, close);
  return true;
}

/* ---- all of it ---- */

static void set_parts(struct cf_logline *l, struct parts *parts, const struct front *front)
{
  set_front(l, parts, *front);
  cf_logline_request(l, escapes_decode(l, parts, parts->request));
  number_set(l, CF_M_STATUS, parts->status);
  number_set(l, CF_M_BYTES, parts->bytes);
  member_set(l, parts, CF_M_REFERER, parts->referer);
  member_set(l, parts, CF_M_USER_AGENT, parts->user_agent);
  set_extra(l, parts);
  if (parts->unterminated)
    cf_logline_other(l, CF_STR("unterminated"), CF_STR("user_agent"), false);
  cf_logline_met_say(l, parts->met);
}

/* The time is in brackets; lines without one have no ident and no user. */
bool cf_logline_access_sniff(struct cf_str line)
{
  return holds(line, '[') || (line.n > 0 && memmem(line.p, line.n, " - \"", 4) != NULL);
}

static bool cut_line(struct cf_logline *l, struct cf_str line, struct parts *parts)
{
  struct cf_str rest;
  if (!cut_time(l, line, parts, &rest))
    return cut_timeless(line, parts);
  if (!cut_request(rest, parts, &rest))
    return false;
  cut_rest(rest, parts);
  return true;
}

enum cf_err cf_logline_access_take(struct cf_logline *l, struct cf_str line)
{
  struct parts parts = {.plain = cf_logline_plain(line)};
  struct front front;
  if (!cut_line(l, cf_logline_unmark(line), &parts))
    return CF_E_SYNTAX;
  cut_front(parts.front, &front);
  if (too_many_words(&front))
    return CF_E_SYNTAX;
  if (cf_buf_grow(&l->text, ROOM * line.n) == NULL)
    return CF_E_NOMEM;
  cf_buf_reset(&l->text);
  set_parts(l, &parts, &front);
  return l->text.err != CF_OK ? CF_E_NOMEM : CF_OK;
}
