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

#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/address.h"

#define BRACKET_MAX 48 /* bytes within the time's brackets */

/* The parts of a line, as they stand in it; .p is NULL where absent. */
struct parts {
  struct cf_str front, time, request, status, bytes, referer, user_agent, extra;
  bool unterminated; /* the user agent has no closing quote */
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

/* A word up to a space or the end that is "-" or an integer the member
 * takes. */
static bool cut_number(struct cf_str *rest, enum cf_member m, struct cf_str *word)
{
  struct cf_str left = *rest, w = cf_str_cut(&left, ' ');
  if (!cf_str_is(w, "-") && !cf_value_ok(m, w))
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
  if (!cut_number(rest, CF_M_STATUS, &parts->status))
    return false;
  return rest->n == 0 || cut_number(rest, CF_M_BYTES, &parts->bytes);
}

/* The next quote from p on that no backslash escapes; NULL without one. */
static const char *next_quote(struct cf_str s, const char *p)
{
  for (const char *end = s.p + s.n; p < end; p++) {
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

/* Nothing, or words and quoted texts with a space before each. */
static bool is_fields(struct cf_str s)
{
  const char *p = s.p, *end = s.p + s.n;
  while (p < end) {
    if (*p++ != ' ' || p == end)
      return false;
    const char *close = *p == '"' ? next_quote(s, p + 1) : NULL;
    if (*p == '"' && close == NULL)
      return false;
    if (close != NULL)
      p = close + 1;
    else
      while (p < end && *p != ' ' && *p != '"')
        p++;
  }
  return true;
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
      parts->extra = s;
    return;
  }
  parts->referer = between(s.p + 1, close);
  if (close + 1 < s.p + s.n)
    cut_user_agent(behind(s, close + 2), parts);
}

/* ---- values ---- */

/* The byte that \c stands for in the logs of Apache, lighttpd and nginx; -1:
 * none. */
static int escaped(char c)
{
  static const char letters[] = "\"\\ntrbvfa", bytes[] = "\"\\\n\t\r\b\v\f\a";
  const char *at = c != '\0' ? strchr(letters, c) : NULL;
  return at == NULL ? -1 : bytes[at - letters];
}

/* The text of a field without its escapes. l->text has room for the whole line,
 * so that nothing in it moves. */
static struct cf_str escapes_decode(struct cf_logline *l, struct cf_str s)
{
  if (!holds(s, '\\'))
    return s;
  size_t start = l->text.n;
  for (size_t i = 0; i < s.n; i++) {
    uint8_t byte = (uint8_t)s.p[i];
    int c = byte == '\\' && i + 1 < s.n ? escaped(s.p[i + 1]) : -1;
    if (byte == '\\' && i + 3 < s.n && s.p[i + 1] == 'x' &&
        cf_hex_get_n((struct cf_str){s.p + i + 2, 2}, &byte, 1) == CF_OK)
      i += 3;
    else if (c >= 0)
      byte = (uint8_t)c, i++;
    cf_buf_putc(&l->text, (char)byte);
  }
  return (struct cf_str){(const char *)l->text.p + start, l->text.n - start};
}

static void member_set(struct cf_logline *l, enum cf_member m, struct cf_str raw)
{
  if (raw.p != NULL && !cf_str_is(raw, "-"))
    l->v[m] = escapes_decode(l, raw);
}

/* What goes into attributes. In the order of their names, which is the
 * canonical one: the ledger takes such a text as it is. */
enum other { CLIENT_HOST, EXTRA, FORWARDED_FOR, IDENT, PORT, UNTERMINATED, OTHERS_N };
static const char *const other_names[OTHERS_N] = {"client_host", "extra", "forwarded_for",
                                                  "ident",       "port",  "unterminated"};

struct others {
  struct cf_str v[OTHERS_N];
};

static void other_add(struct cf_logline *l, struct others *others, enum other which,
                      struct cf_str raw)
{
  if (raw.n > 0 && !cf_str_is(raw, "-"))
    others->v[which] = escapes_decode(l, raw);
}

static void put_others(const struct others *others, struct cf_buf *b)
{
  for (unsigned i = 0; i < OTHERS_N; i++) {
    if (others->v[i].p == NULL)
      continue;
    if (b->n == 0)
      cf_buf_putc(b, '{');
    cf_json_put_member(b, other_names[i], others->v[i]);
  }
  if (b->n > 0)
    cf_buf_putc(b, '}');
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

/* A client's word or, as proxies' addresses are logged, several with commas. */
static struct cf_str cut_client(struct cf_str *s)
{
  const char *from = s->p;
  struct cf_str word = cf_str_cut(s, ' ');
  while (s->n > 0 && word.n > 1 && word.p[word.n - 1] == ',')
    word = cf_str_cut(s, ' ');
  return between(from, word.p + word.n);
}

/* Does a virtual host come first? `second` is what stands behind the first
 * word, `more` what stands behind that. */
static bool vhost_first(struct cf_str first, struct cf_str second, struct cf_str more)
{
  if (is_address(first))
    return is_address(second) && holds(more, ' ');
  if (is_address(second))
    return more.n > 0;
  return !cf_str_is(second, "-") && holds(more, ' ') && !holds(first, ',');
}

static void cut_front(struct cf_str s, struct front *front)
{
  struct cf_str rest = s, first = cut_client(&rest), more = rest, second = cut_client(&more);
  *front = (struct front){.client = first};
  if (more.n > 0 && vhost_first(first, second, more)) {
    front->vhost = first;
    front->client = second;
    rest = more;
  }
  /* A user's name may hold spaces; one word alone is the user. */
  if (holds(rest, ' '))
    front->ident = cf_str_cut(&rest, ' ');
  front->user = rest;
}

/* lighttpd writes the virtual host where others have the ident name. */
static bool is_host(struct cf_str s)
{
  return cf_str_is(s, "localhost") || holds(s, '.') || holds(s, ':');
}

static void set_client(struct cf_logline *l, struct others *others, struct cf_str client)
{
  struct cf_str list = client, first = cf_str_cut(&list, ',');
  if (cf_logline_ip(l, first) != CF_OK)
    other_add(l, others, CLIENT_HOST, client);
  else if (list.n > 0)
    other_add(l, others, FORWARDED_FOR, client);
}

static void set_front(struct cf_logline *l, struct others *others, struct cf_str s)
{
  struct front front;
  struct cf_str port;
  cut_front(s, &front);
  if (front.vhost.n == 0 && is_host(front.ident)) {
    front.vhost = front.ident;
    front.ident.n = 0;
  }
  set_client(l, others, front.client);
  other_add(l, others, IDENT, front.ident);
  /* Apache's way to write a name of no bytes */
  if (cf_str_is(front.user, "\"\""))
    front.user.n = 0;
  else if (front.user.n == 0)
    front.user.p = NULL;
  member_set(l, CF_M_USER, front.user);
  front.vhost = cf_logline_host(front.vhost, &port);
  if (front.vhost.n > 0)
    member_set(l, CF_M_HOST, front.vhost);
  other_add(l, others, PORT, port);
}

static void set_parts(struct cf_logline *l, const struct parts *parts)
{
  struct others others = {.v = {{NULL, 0}}};
  set_front(l, &others, parts->front);
  cf_logline_request(l, escapes_decode(l, parts->request));
  member_set(l, CF_M_STATUS, parts->status);
  member_set(l, CF_M_BYTES, parts->bytes);
  member_set(l, CF_M_REFERER, parts->referer);
  member_set(l, CF_M_USER_AGENT, parts->user_agent);
  if (parts->extra.n > 0)
    others.v[EXTRA] =
        parts->extra.p[0] == ' ' ? behind(parts->extra, parts->extra.p + 1) : parts->extra;
  if (parts->unterminated)
    other_add(l, &others, UNTERMINATED, CF_STR("user_agent"));
  put_others(&others, &l->attributes);
}

/* The time is in brackets. */
bool cf_logline_access_sniff(struct cf_str line)
{
  return holds(line, '[');
}

enum cf_err cf_logline_access_take(struct cf_logline *l, struct cf_str line)
{
  struct parts parts = {0};
  struct cf_str rest;
  if (!cut_time(l, cf_logline_unmark(line), &parts, &rest) || !cut_request(rest, &parts, &rest))
    return CF_E_SYNTAX;
  cut_rest(rest, &parts);
  if (cf_buf_grow(&l->text, line.n) == NULL)
    return CF_E_NOMEM;
  cf_buf_reset(&l->text);
  set_parts(l, &parts);
  return l->text.err != CF_OK || l->attributes.err != CF_OK ? CF_E_NOMEM : CF_OK;
}
