/* SPDX-License-Identifier: MIT */
/* Random hostile records. */
#include "config.h"

#include "tests/unit/query/query_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/record/json.h"

#define POOL_MAX 10
#define ERA      1500 /* records */

/* Three texts that are alike in what an index keeps of them. */
#define FIFTY "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
#define LONG  FIFTY FIFTY FIFTY FIFTY

static const struct {
  size_t n;
  struct cf_str v[POOL_MAX];
} pools[CF_M_N] = {
    [CF_M_SOURCE] = {3, {CF_STR("web"), CF_STR("web2"), CF_STR("api")}},
    [CF_M_SOURCE_SEQ] = {2, {CF_STR("0"), CF_STR("9007199254740991")}},
    [CF_M_ID] = {6,
                 {CF_STR("id-1"), CF_STR("id-2"), CF_STR("id-22"), CF_STR("x"), CF_STR("ID-1"),
                  CF_STR("a/b:c")}},
    [CF_M_ACTION] = {4, {CF_STR("login"), CF_STR("log"), CF_STR("logout"), CF_STR("read")}},
    [CF_M_METHOD] = {4, {CF_STR("GET"), CF_STR("POST"), CF_STR("PUT"), CF_STR("G")}},
    [CF_M_STATUS] = {9,
                     {CF_STR("0"), CF_STR("7"), CF_STR("99"), CF_STR("200"), CF_STR("204"),
                      CF_STR("399"), CF_STR("404"), CF_STR("500"), CF_STR("999")}},
    [CF_M_OUTCOME] = {3, {CF_STR("success"), CF_STR("failure"), CF_STR("unknown")}},
    [CF_M_USER] = {10,
                   {CF_STR("alice"), CF_STR("Alice"), CF_STR("ali"), CF_STR(""), CF_STR("a\"\\/b"),
                    CF_STR("=1+1"), CF_STR("\x1b[31m\r\n\t"), CF_STR("Zo\xc3\xab"),
                    CF_STR("nul\0nul"), CF_STR("nul")}},
    [CF_M_SESSION] = {4, {CF_STR(LONG), CF_STR(LONG "1"), CF_STR(LONG "2"), CF_STR("s")}},
    [CF_M_CREDENTIAL] = {2, {CF_STR("k1"), CF_STR("k\xf0\x9f\x94\x91")}},
    [CF_M_IP] = {7,
                 {CF_STR("192.0.2.1"), CF_STR("192.0.2.77"), CF_STR("192.0.3.1"),
                  CF_STR("10.0.0.1"), CF_STR("2001:db8::1"), CF_STR("2001:db8:1::5"),
                  CF_STR("::1")}},
    [CF_M_USER_AGENT] = {3,
                         {CF_STR("Mozilla/5.0 (X11)"), CF_STR("CURL/8"),
                          CF_STR("<script>alert(1)</script>")}},
    [CF_M_REFERER] = {2, {CF_STR("https://example.org/?q=curl"), CF_STR("")}},
    [CF_M_PATH] = {6,
                   {CF_STR("/"), CF_STR("/a"), CF_STR("/a/b"), CF_STR("/a/b?"), CF_STR("/" LONG),
                    CF_STR("/" LONG "x")}},
    [CF_M_QUERY] = {2, {CF_STR("a=1&b=%00"), CF_STR("mozillA")}},
    [CF_M_HOST] = {3, {CF_STR("h1"), CF_STR("h2.example"), CF_STR("")}},
    [CF_M_REQUEST_ID] = {3, {CF_STR("r-1"), CF_STR("r-2"), CF_STR("r-10")}},
    [CF_M_BYTES] = {2, {CF_STR("0"), CF_STR("200")}},
    [CF_M_DURATION_US] = {1, {CF_STR("404")}},
    [CF_M_PROTOCOL] = {1, {CF_STR("HTTP/1.1")}},
    [CF_M_MESSAGE] = {3, {CF_STR("disk full"), CF_STR("Disk\nFull"), CF_STR(LONG LONG "curl")}},
    [CF_M_ATTRIBUTES] = {2, {CF_STR("{\"a\":\"curl\"}"), CF_STR("{\"b\":[1,null]}")}},
};

size_t fake_pool_count(unsigned member)
{
  return pools[member].n;
}
struct cf_str fake_pool(unsigned member, int pick)
{
  return pools[member].v[pick];
}

/* xorshift64* */
uint64_t fake_random(struct fake *f, uint64_t below)
{
  f->random ^= f->random >> 12;
  f->random ^= f->random << 25;
  f->random ^= f->random >> 27;
  return (f->random * UINT64_C(2685821657736338717) >> 16) % below;
}

/* ---- records ---- */

/* Many equal ones, some out of order, some before 1970, the first and the last
 * that there are. */
static int64_t random_time(struct fake *f, size_t i)
{
  int64_t about = FAKE_EPOCH_US + (int64_t)i * INT64_C(20000000);

  switch (fake_random(f, 40)) {
  case 0: return CF_TIME_MIN_US + (int64_t)fake_random(f, 2);
  case 1: return CF_TIME_MAX_US - (int64_t)fake_random(f, 2);
  case 2: return -(int64_t)fake_random(f, 3) * CF_HOUR_US - (int64_t)fake_random(f, 2);
  case 3: return FAKE_EPOCH_US + (int64_t)fake_random(f, 30) * CF_HOUR_US;
  case 4: return about - (int64_t)fake_random(f, 20) * CF_HOUR_US;
  default: return about / 60000000 * 60000000 + (int64_t)fake_random(f, 3);
  }
}

static void put_member(struct cf_buf *b, unsigned m, struct cf_str value)
{
  enum cf_type type = cf_member_table[m].type;

  if (type != CF_T_INTEGER && type != CF_T_OBJECT) {
    cf_json_put_member(b, cf_member_table[m].name, value);
    return;
  }
  cf_json_put_name(b, cf_member_table[m].name);
  cf_buf_putstr(b, value);
}

static void put_compartment(const struct fake_fact *fact, enum cf_compartment c, struct cf_buf *b)
{
  for (unsigned m = 0; m < CF_M_N; m++) {
    char text[CF_TIME_TEXT_N + 1];
    if (m == CF_M_TIME && c == CF_C_PUBLIC && fact->record.time_us != CF_TIME_NONE) {
      cf_time_format(fact->record.time_us, text);
      put_member(b, m, cf_str_from(text));
    } else if (cf_member_table[m].compartment == c && fact->pick[m] != FAKE_ABSENT) {
      put_member(b, m, fake_pool(m, fact->pick[m]));
    }
  }
}

static bool is_common(const struct fake_fact *fact)
{
  return fact->record.kind == CF_K_EVENT || fact->record.kind == CF_K_ACCESS;
}

/* Low numbers are far more frequent. Each value is there for a while and then
 * not for a while, so that there are whole segments without it. */
static int random_pick(struct fake *f, unsigned m, size_t i)
{
  size_t n = pools[m].n;
  uint64_t at = fake_random(f, n * n);

  if (n == 0 || fake_random(f, 4) == 0)
    return FAKE_ABSENT;
  for (size_t k = 0; k < n; k++)
    if (at < (n - k) * (n - k) && at >= (n - k - 1) * (n - k - 1))
      return (i / ERA + k + m) % 3 == 0 ? FAKE_ABSENT : (int)k;
  return 0;
}

/* An id that was taken already would make it a duplicate. */
static void make_acceptable(struct fake *f, struct fake_fact *fact)
{
  int id = fact->pick[CF_M_ID];

  if (id != FAKE_ABSENT && (f->ids >> id & 1) != 0)
    fact->pick[CF_M_ID] = FAKE_ABSENT;
  if (id != FAKE_ABSENT)
    f->ids |= 1u << id;
}

static void random_members(struct fake *f, struct fake_fact *fact)
{
  static const uint8_t gone[CF_HASH_N] = {1};
  unsigned erased = !f->acceptable && fake_random(f, 30) == 0 ? (unsigned)fake_random(f, 16) : 0;

  for (unsigned c = 0; c < CF_C_N && is_common(fact); c++)
    fact->record.gone[c] = (erased >> c & 1) != 0 ? gone : NULL;
  for (unsigned m = 0; m < CF_M_N; m++) {
    enum cf_compartment c = cf_member_table[m].compartment;
    bool may = is_common(fact) && (c == CF_C_PUBLIC || fact->record.gone[c] == NULL);
    fact->pick[m] =
        may && pools[m].n > 0 ? random_pick(f, m, (size_t)fact->record.seq) : FAKE_ABSENT;
  }
  if (f->acceptable)
    make_acceptable(f, fact);
  if (fact->record.kind == CF_K_LOSS)
    fact->pick[CF_M_SOURCE] = 0;
}

static const char *const bodies[CF_K_N] = {
    [CF_K_SERVICE] = "{\"software\":\"counterfoil\",\"what\":\"start\"}",
    [CF_K_LOSS] =
        "{\"count\":1,\"first\":\"2026-11-24T02:00:00.000000Z\",\"last\":\"2026-11-24T02:00:00.000000Z\",\"reason\":\"shed\"}",
};

static void put_public(const struct fake_fact *fact, struct cf_buf *b)
{
  put_compartment(fact, CF_C_PUBLIC, b);
  if (bodies[fact->record.kind] == NULL)
    return;
  cf_buf_puts(b, b->n > 0 ? ",\"body\":" : "\"body\":");
  cf_buf_puts(b, bodies[fact->record.kind]);
}

/* All texts in one piece of memory; their lengths are known before it has its
 * last place. */
static void write_texts(struct fake_fact *fact)
{
  struct cf_buf b, part;
  size_t ends[CF_C_N + 1];

  cf_buf_init(&b, SIZE_MAX);
  for (unsigned c = 0; c <= CF_C_N; c++) {
    cf_buf_init(&part, SIZE_MAX);
    if (c == CF_C_PUBLIC)
      put_public(fact, &part);
    else
      put_compartment(fact, (enum cf_compartment)c, &part);
    if (part.n > 0 && c != CF_C_PUBLIC)
      cf_buf_putf(&b, "{");
    cf_buf_putstr(&b, cf_buf_str(&part));
    if (part.n > 0 && c != CF_C_PUBLIC)
      cf_buf_putf(&b, "}");
    ends[c] = b.n;
    cf_buf_fini(&part);
  }
  fact->text = cf_buf_take(&b);
  for (unsigned c = 0; c < CF_C_N; c++)
    fact->record.payload[c] = (struct cf_str){fact->text + (c == 0 ? 0 : ends[c - 1]),
                                              ends[c] - (c == 0 ? 0 : ends[c - 1])};
  fact->record.public_text =
      (struct cf_str){fact->text + ends[CF_C_N - 1], ends[CF_C_N] - ends[CF_C_N - 1]};
}

static enum cf_kind random_kind(struct fake *f)
{
  switch (f->acceptable ? 2 + fake_random(f, 18) : fake_random(f, 20)) {
  case 0: return CF_K_SERVICE;
  case 1: return CF_K_LOSS;
  case 2: return CF_K_ACCESS;
  default: return CF_K_EVENT;
  }
}

static void make_fact(struct fake *f, size_t i)
{
  struct fake_fact *fact = &f->facts[i];

  memset(fact, 0, sizeof *fact);
  fact->record.seq = i;
  fact->record.kind = random_kind(f);
  /* the clock was set back once */
  fact->record.recorded_us = FAKE_EPOCH_US + (int64_t)(i / 3) * INT64_C(60000000) -
                             (i > 1500 ? INT64_C(40) * CF_HOUR_US / 10 : 0);
  fact->record.time_us =
      is_common(fact) && fake_random(f, 5) > 0 ? random_time(f, i) : CF_TIME_NONE;
  fact->time_us =
      fact->record.time_us == CF_TIME_NONE ? fact->record.recorded_us : fact->record.time_us;
  random_members(f, fact);
  write_texts(fact);
}

void fake_grow(struct fake *f, size_t n)
{
  f->facts = realloc(f->facts, (f->n + n) * sizeof *f->facts);
  if (f->facts == NULL)
    abort();
  for (size_t end = f->n + n; f->n < end; f->n++)
    make_fact(f, f->n);
}

void fake_fini(struct fake *f)
{
  for (size_t i = 0; i < f->n; i++)
    free(f->facts[i].text);
  free(f->facts);
  *f = (struct fake){.n = 0};
}
