/* SPDX-License-Identifier: MIT */
/* Questions by chance, answers by looking at each record; written without
 * anything of lib/query. */
#include "config.h"

#include "tests/unit/query/query_plain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "tests/unit/cf_test.h"

struct fake fake;

static uint64_t rnd(uint64_t below)
{
  return fake_random(&fake, below);
}

/* ---- questions ---- */

static const struct {
  const char *text;
  unsigned mask;
} blocks[] = {
    {"192.0.2.1", 1},     {"192.0.2.0/24", 3},   {"192.0.2.64/26", 2},     {"192.0.0.0/16", 7},
    {"192.0.2.99/23", 7}, {"0.0.0.0/0", 15},     {"10.0.0.1/32", 8},       {"10.0.0.0/31", 8},
    {"10.0.0.2", 0},      {"2001:db8::/32", 48}, {"2001:DB8::1", 16},      {"2001:db8:1::/48", 32},
    {"::/0", 127},        {"::1", 64},           {"::ffff:192.0.2.77", 2}, {"8000::/1", 0},
};
static const struct {
  const char *text;
  int low, high;
} statuses[] = {
    {"200", 200, 200},     {"4xx", 400, 499}, {"200-399", 200, 399},
    {"0", 0, 0},           {"0xx", 0, 99},    {"9XX", 900, 999},
    {"500-999", 500, 999}, {"1", 1, 1},       {"000-999", 0, 999},
};
static const unsigned members[] = {CF_M_USER,   CF_M_SESSION,   CF_M_CREDENTIAL, CF_M_METHOD,
                                   CF_M_STATUS, CF_M_OUTCOME,   CF_M_ACTION,     CF_M_PATH,
                                   CF_M_HOST,   CF_M_SOURCE,    CF_M_ID,         CF_M_REQUEST_ID,
                                   CF_M_IP,     CF_M_ATTRIBUTES};
/* In attributes: a value of the pool has at one path one value, or, where that
 * is NULL, none. */
static const char *const paths[] = {"a", "b", "c"};
static const struct cf_str inside[][CF_COUNT(paths)] = {{CF_STR("curl"), {NULL, 0}, {NULL, 0}},
                                                        {{NULL, 0}, CF_STR("1"), {NULL, 0}}};
static const char *const inside_asked[] = {"curl", "CURL", "cu", "1", "null", ""};
static const char *const needles[] = {"curl", "MOZILLA", "full",    "script", "zzz",    "k1",
                                      "1",    "<",       "example", "\n",     "lmn0123"};

static void put(struct question *q, const char *name, struct cf_str value)
{
  cf_buf_puts(&q->url, q->url.n == 0 ? "" : "&");
  cf_buf_puts(&q->url, name);
  cf_buf_putc(&q->url, '=');
  cf_url_put(&q->url, value);
}

/* The other case of some letters, in the question's memory. */
static struct cf_str text_flip(struct question *q, struct cf_str text)
{
  char *flipped = q->flipped[q->flipped_n++];

  if (text.n > sizeof q->flipped[0])
    return text;
  for (size_t i = 0; i < text.n; i++) {
    unsigned char c = (unsigned char)text.p[i];
    flipped[i] = (char)(c < 0x80 && rnd(2) == 0 ? isupper(c) ? tolower(c) : toupper(c) : c);
  }
  return (struct cf_str){flipped, text.n};
}

static void wish_value(struct question *q, struct wish *w, size_t i, const char *name)
{
  if (w->member == CF_M_IP) {
    size_t at = rnd(CF_COUNT(blocks));
    w->mask[i] = blocks[at].mask;
    put(q, name, cf_str_from(blocks[at].text));
  } else if (w->member == CF_M_STATUS && w->how != PREFIX) {
    size_t at = rnd(CF_COUNT(statuses));
    w->low[i] = statuses[at].low;
    w->high[i] = statuses[at].high;
    put(q, name, cf_str_from(statuses[at].text));
  } else if (w->member == CF_M_ATTRIBUTES) {
    w->text[i] = cf_str_from(inside_asked[rnd(CF_COUNT(inside_asked))]);
    put(q, name, w->text[i]);
  } else {
    w->text[i] = fake_pool(w->member, (int)rnd(fake_pool_count(w->member)));
    if (w->how == CI)
      w->text[i] = text_flip(q, w->text[i]);
    if (w->how == PREFIX)
      w->text[i] = cf_utf8_head(w->text[i], rnd(w->text[i].n + 1));
    put(q, name, w->text[i]);
  }
}

static bool has_case(unsigned member)
{
  return member != CF_M_IP && member != CF_M_STATUS && member != CF_M_METHOD &&
         member != CF_M_OUTCOME;
}

static void make_wish(struct question *q)
{
  static const char *const endings[] =
      {[IS] = "", [NOT] = ".not", [PREFIX] = ".prefix", [CI] = ".ci"};
  struct wish *w = &q->wish[q->n];
  char name[64];

  *w = (struct wish){.member = members[rnd(CF_COUNT(members))],
                     .how = (enum how)(rnd(8) / 2),
                     .path = (unsigned)rnd(CF_COUNT(paths))};
  for (size_t i = 0; i < q->n; i++)
    if (q->wish[i].member == w->member)
      return;
  if ((w->member == CF_M_IP && w->how == PREFIX) || (w->how == CI && !has_case(w->member)))
    w->how = IS;
  bool within = w->member == CF_M_ATTRIBUTES;
  snprintf(name, sizeof name, "%s%s%s%s", cf_member_table[w->member].name, within ? "." : "",
           within ? paths[w->path] : "", endings[w->how]);
  w->n = 1 + rnd(4) / 2;
  for (size_t i = 0; i < w->n; i++)
    wish_value(q, w, i, name);
  q->n++;
}

/* Around times that there are, and whole hours. */
static int64_t some_time(const char *name, struct question *q)
{
  const struct fake_fact *fact = &fake.facts[rnd(fake.n)];
  int64_t t = strstr(name, "recorded") != NULL ? fact->record.recorded_us : fact->time_us;
  char text[CF_TIME_TEXT_N + 1];

  t = rnd(3) == 0 ? cf_time_hour(t) : t + (int64_t)rnd(3) - 1;
  t = t < CF_TIME_MIN_US ? CF_TIME_MIN_US : t > CF_TIME_MAX_US ? CF_TIME_MAX_US : t;
  cf_time_format(t, text);
  put(q, name, cf_str_from(text));
  return t;
}

static uint64_t some_seq(const char *name, struct question *q)
{
  uint64_t seq = rnd(fake.n + 10);
  char text[24];

  snprintf(text, sizeof text, "%llu", (unsigned long long)seq);
  put(q, name, cf_str_from(text));
  return seq;
}

static void make_kinds(struct question *q)
{
  static const struct {
    const char *text;
    unsigned kinds;
  } rows[] = {
      {"all", UINT32_MAX},
      {"access", 1u << CF_K_ACCESS},
      {"service,loss", 1u << CF_K_SERVICE | 1u << CF_K_LOSS},
      {"event,access", 1u << CF_K_EVENT | 1u << CF_K_ACCESS},
      {"token", 1u << CF_K_TOKEN},
  };
  size_t at = rnd(2 * CF_COUNT(rows));

  q->kinds = at < CF_COUNT(rows) ? rows[at].kinds : 1u << CF_K_EVENT;
  if (at < CF_COUNT(rows))
    put(q, "kind", cf_str_from(rows[at].text));
}

static bool begins_letter(char c)
{
  return ((unsigned char)c & 0xc0) != 0x80;
}

/* A part of some text, from letter to letter, of which the case may be another;
 * or one of those above. */
static const char *some_needle(struct question *q)
{
  unsigned m = (unsigned)rnd(CF_M_N);
  char *cut = q->cut[q->needles_n];
  size_t n = 0, most = 1 + rnd(rnd(4) == 0 ? NEEDLE_MAX : 10);

  if (cf_member_table[m].type != CF_T_TEXT || fake_pool_count(m) == 0)
    return needles[rnd(CF_COUNT(needles))];
  struct cf_str text = fake_pool(m, (int)rnd(fake_pool_count(m)));
  size_t at = text.n == 0 ? 0 : rnd(text.n);
  while (at > 0 && !begins_letter(text.p[at]))
    at--;
  for (; at + n < text.n && (n < most || !begins_letter(text.p[at + n])); n++)
    cut[n] = (char)(rnd(2) == 0 ? toupper((unsigned char)text.p[at + n]) : text.p[at + n]);
  cut[n] = '\0';
  return cut[0] == '\0' ? needles[0] : cut;
}

void plain_random(struct question *q)
{
  *q = (struct question){.from = INT64_MIN,
                         .to = INT64_MAX,
                         .recorded_from = INT64_MIN,
                         .recorded_to = INT64_MAX,
                         .seq_to = UINT64_MAX};
  cf_buf_init(&q->url, SIZE_MAX);
  for (uint64_t left = rnd(4); left > 0; left--)
    make_wish(q);
  if (rnd(4) == 0)
    q->from = some_time("from", q);
  if (rnd(4) == 0)
    q->to = some_time("to", q);
  if (rnd(10) == 0)
    q->recorded_from = some_time("recorded_from", q);
  if (rnd(10) == 0)
    q->recorded_to = some_time("recorded_to", q);
  if (rnd(8) == 0)
    q->seq_from = some_seq("seq_from", q);
  if (rnd(8) == 0)
    q->seq_to = some_seq("seq_to", q);
  for (uint64_t left = rnd(12) < 9 ? 0 : 1 + rnd(2); left > 0; left--) {
    q->needle[q->needles_n] = some_needle(q);
    put(q, "q", cf_str_from(q->needle[q->needles_n++]));
  }
  make_kinds(q);
  q->by_time = rnd(2) == 0;
  q->ascending = rnd(2) == 0;
  if (q->by_time)
    put(q, "sort", CF_STR("time"));
  if (q->ascending)
    put(q, "order", CF_STR("asc"));
}

/* ---- A plain matcher ---- */

/* But for the case of ASCII: no value of the pool has other letters that have
 * one. */
static bool text_same(struct cf_str a, struct cf_str b)
{
  for (size_t i = 0; i < a.n; i++)
    if (tolower((unsigned char)a.p[i]) != tolower((unsigned char)b.p[i]))
      return false;
  return true;
}

static bool wish_hits(const struct wish *w, size_t i, const struct fake_fact *fact)
{
  int pick = fact->pick[w->member];
  struct cf_str text =
      w->member == CF_M_ATTRIBUTES ? inside[pick][w->path] : fake_pool(w->member, pick);

  if (text.p == NULL)
    return false;
  if (w->member == CF_M_IP)
    return (w->mask[i] >> pick & 1) != 0;
  if (w->how == PREFIX)
    return text.n >= w->text[i].n && memcmp(text.p, w->text[i].p, w->text[i].n) == 0;
  if (w->member == CF_M_STATUS)
    return w->low[i] <= atoi(text.p) && atoi(text.p) <= w->high[i];
  if (w->how == CI)
    return text.n == w->text[i].n && text_same(text, w->text[i]);
  return text.n == w->text[i].n && memcmp(text.p, w->text[i].p, text.n) == 0;
}

static bool wish_holds(const struct wish *w, const struct fake_fact *fact)
{
  bool any = false;

  if (fact->pick[w->member] == FAKE_ABSENT)
    return w->how == NOT;
  for (size_t i = 0; i < w->n; i++)
    any = any || wish_hits(w, i, fact);
  return any != (w->how == NOT);
}

static bool text_holds(struct cf_str text, struct cf_str needle)
{
  for (size_t at = 0; at + needle.n <= text.n; at++) {
    size_t same = 0;
    while (same < needle.n &&
           tolower((unsigned char)text.p[at + same]) == tolower((unsigned char)needle.p[same]))
      same++;
    if (same == needle.n)
      return true;
  }
  return false;
}

/* The one text that a member's value is for `q`; of attributes, what is in
 * them. */
static struct cf_str searched(unsigned m, int pick)
{
  size_t at = 0;

  while (m == CF_M_ATTRIBUTES && inside[pick][at].p == NULL)
    at++;
  return m == CF_M_ATTRIBUTES ? inside[pick][at] : fake_pool(m, pick);
}

bool plain_holds(const struct fake_fact *fact, struct cf_str needle)
{
  for (unsigned m = 0; m < CF_M_N; m++)
    if ((cf_member_table[m].type == CF_T_TEXT || m == CF_M_ATTRIBUTES) &&
        fact->pick[m] != FAKE_ABSENT && text_holds(searched(m, fact->pick[m]), needle))
      return true;
  return false;
}

static bool needle_holds(const struct question *q, const struct fake_fact *fact)
{
  bool any = q->needles_n == 0;

  for (size_t i = 0; i < q->needles_n; i++)
    any = any || plain_holds(fact, cf_str_from(q->needle[i]));
  return any;
}

bool plain_matches(const struct question *q, const struct fake_fact *fact)
{
  const struct cf_record *r = &fact->record;

  if ((q->kinds >> r->kind & 1) == 0 || r->seq < q->seq_from || r->seq >= q->seq_to ||
      fact->time_us < q->from || fact->time_us >= q->to || r->recorded_us < q->recorded_from ||
      r->recorded_us >= q->recorded_to || !needle_holds(q, fact))
    return false;
  for (size_t i = 0; i < q->n; i++)
    if (!wish_holds(&q->wish[i], fact))
      return false;
  return true;
}

struct question plain_question(const char *url, bool by_time, bool ascending)
{
  struct question q = {.from = INT64_MIN,
                       .to = INT64_MAX,
                       .recorded_from = INT64_MIN,
                       .recorded_to = INT64_MAX,
                       .seq_to = UINT64_MAX,
                       .kinds = 1u << CF_K_EVENT};

  cf_buf_init(&q.url, SIZE_MAX);
  cf_buf_puts(&q.url, url);
  q.by_time = by_time;
  q.ascending = ascending;
  if (by_time)
    put(&q, "sort", CF_STR("time"));
  if (ascending)
    put(&q, "order", CF_STR("asc"));
  return q;
}

/* ---- the plain answer ---- */

static const struct question *sorting; /* qsort takes no context */

static int compare_seqs(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  int order = x < y ? -1 : x > y;

  if (sorting->by_time && fake.facts[x].time_us != fake.facts[y].time_us)
    order = fake.facts[x].time_us < fake.facts[y].time_us ? -1 : 1;
  return sorting->ascending ? order : -order;
}

struct list plain_answer(const struct question *q, uint64_t size)
{
  struct list l = {malloc((size + 1) * sizeof *l.seq), 0};

  for (uint64_t seq = 0; seq < size; seq++)
    if (plain_matches(q, &fake.facts[seq]))
      l.seq[l.n++] = seq;
  sorting = q;
  qsort(l.seq, l.n, sizeof *l.seq, compare_seqs);
  return l;
}

bool plain_before(const struct question *q, uint64_t a, uint64_t b)
{
  sorting = q;
  return compare_seqs(&a, &b) < 0;
}
