/* SPDX-License-Identifier: MIT */
/* Parameters: what is taken and what it means, what is refused and what is said
 * of it. */
#include "config.h"

#include "lib/base/utf8.h"
#include "lib/query/query_in.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/query/query_ask.h"

/* ---- taken: the canonical text ---- */

static const struct {
  const char *url;
  const char *text;
} good[] = {
    {"", ""},
    {"user=alice", "user=alice"},
    {"user=bob&user=alice&user=bob", "user=alice&user=bob"},
    {"user=", "user="},
    {"user=a%00b", "user=a%00b"},
    {"user=%ff%22", "user=%EF%BF%BD%22"},
    {"user=a,b", "user=a%2Cb"},
    {"user.not=x&user.prefix=y&user=z", "user=z&user.prefix=y&user.not=x"},
    {"user.prefix=", "user.prefix="},
    {"user.ci=Alice&user=x&user.ci=alice", "user=x&user.ci=Alice&user.ci=alice"},
    {"method=get,POST&method=put", "method=GET&method=POST&method=PUT"},
    {"method.not=get,head", "method.not=GET&method.not=HEAD"},
    {"method.prefix=p", "method.prefix=P"},
    {"status=404", "status=404"},
    {"status=4xx,500-599&status=200", "status=200&status=4xx&status=500-599"},
    {"status=0", "status=0"},
    {"status=999", "status=999"},
    {"status=9XX", "status=9XX"},
    {"status=000-999", "status=000-999"},
    {"status.not=2xx", "status.not=2xx"},
    {"status.prefix=4", "status.prefix=4"},
    {"outcome=success,failure,unknown", "outcome=failure&outcome=success&outcome=unknown"},
    {"outcome.prefix=s", "outcome.prefix=s"},
    {"ip=192.0.2.1", "ip=192.0.2.1"},
    {"ip=::ffff:192.0.2.1", "ip=192.0.2.1"},
    {"ip=2001:DB8:0::1", "ip=2001%3Adb8%3A%3A1"},
    {"ip=10.0.0.0/8&ip.not=10.1.0.0/16", "ip=10.0.0.0%2F8&ip.not=10.1.0.0%2F16"},
    {"ip=::/0", "ip=%3A%3A%2F0"},
    {"action=login&resource=/a+b&host=h&source=s&id=i&request_id=r&session=t&credential=c",
     "id=i&request_id=r&session=t&credential=c&resource=%2Fa%20b&host=h&action=login&source=s"},
    {"q=HeLLo", "q=hello"},
    {"q=b&q=a", "q=a&q=b"},
    {"attributes.b=2&q=x&attributes.a.c=y,z&user=u&attributes.b=1&attributes.b.ci=AbC",
     "user=u&attributes.a.c=y%2Cz&attributes.b=1&attributes.b=2&attributes.b.ci=AbC&q=x"},
    {"attributes.a%26b%3D.not=1&attributes.prefix.prefix=",
     "attributes.prefix.prefix=&attributes.a%26b%3D.not=1"},
    {"attributes.not=1&attributes.ci=2", "attributes.ci=2&attributes.not=1"},
    {"kind=event", ""},
    {"kind=all", "kind=all"},
    {"kind=event,all", "kind=all"},
    {"kind=access,event&kind=service", "kind=event&kind=access&kind=service"},
    {"from=2026-01-01&to=2026-01-02T03:04:05%2B02:00",
     "from=2026-01-01&to=2026-01-02T03%3A04%3A05%2B02%3A00"},
    {"from=-24h&to=now", "from=-24h&to=now"},
    {"recorded_from=1700000000&recorded_to=1700000000.5",
     "recorded_from=1700000000&recorded_to=1700000000.5"},
    {"seq_from=0&seq_to=9223372036854775807", "seq_from=0&seq_to=9223372036854775807"},
    {"sort=seq&order=desc", ""},
    {"sort=time&order=asc", "sort=time&order=asc"},
    {"limit=1&fields=user", ""},
    {"limit=10000&fields=user,ip&fields=seq,recorded,kind,erased", ""},
    {"limit=all", ""},
    {"user=z&order=asc&from=-1h", "from=-1h&user=z&order=asc"},
};

START_TEST(test_good)
{
  struct cf_query *query;
  struct cf_fault fault = {{0}, {0}};
  enum cf_err err = ask_parse(good[_i].url, NULL, &query, &fault);

  ck_assert_msg(err == CF_OK, "%s: %s: %s", good[_i].url, fault.at, fault.detail);
  struct cf_str text = cf_query_text(query);
  ck_assert_msg(cf_str_is(text, good[_i].text), "%s: %.*s", good[_i].url, (int)text.n,
                text.n == 0 ? "" : text.p);
  cf_query_free(query);

  /* The text is a question too, and means the same. */
  ck_assert_ok(ask_parse(good[_i].text, NULL, &query, &fault));
  ck_assert(cf_str_is(cf_query_text(query), good[_i].text));
  cf_query_free(query);
}
END_TEST

/* ---- refused ---- */

static const struct {
  const char *url;
  const char *at;
  const char *says; /* is in the detail */
} bad[] = {
    {"usr=alice", "usr", "user"},
    {"frm=x", "frm", "from"},
    {"statuss=1", "statuss", "status"},
    {"zzzzzz=1", "zzzzzz", "there are: from, to"},
    {"=1", "", "there are"},
    {"User=x", "User", "user"},
    {"user.nto=x", "user.nto", ".not"},
    {"user.not.not=x", "user.not.not", ".not"},
    {"user.=x", "user.", ".prefix"},
    {"method.ci=x", "method.ci", ".prefix"},
    {"ip.ci=10.0.0.1", "ip.ci", ".not"},
    {"attributes=x", "attributes", "attributes.NAME"},
    {"attributes.=x", "attributes.", "attributes.NAME"},
    {"ip.prefix=10.", "ip.prefix", "CIDR"},
    {"ip.nope=10.", "ip.nope", ".not"},
    {"message=x", "message", "q searches"},
    {"time.prefix=x", "time.prefix", "not chosen by time"},
    {"q.not=x", "q.not", "there are"},
    {"kind.not=event", "kind.not", "kind"},
    {"seq=1", "seq", "seq_from"},
    {"ip=1.2.3", "ip", "address"},
    {"ip=1.2.3.4/33", "ip", "address"},
    {"ip=1.2.3.4/", "ip", "address"},
    {"ip=1.2.3.4/x", "ip", "address"},
    {"ip=fe80::1%25eth0", "ip", "address"},
    {"ip=", "ip", "address"},
    {"ip.not=host", "ip.not", "address"},
    {"status=", "status", "status"},
    {"status=1000", "status", "status"},
    {"status=0200", "status", "status"},
    {"status=-1", "status", "status"},
    {"status=4x", "status", "status"},
    {"status=4xxx", "status", "status"},
    {"status=499-400", "status", "status"},
    {"status=400-", "status", "status"},
    {"status=-400", "status", "status"},
    {"status=400-499-500", "status", "status"},
    {"status=200,", "status", "status"},
    {"status.not=ok", "status.not", "status"},
    {"method=", "method", "characters"},
    {"method=GET,,PUT", "method", "characters"},
    {"method=a%20b", "method", "characters"},
    {"outcome=ok", "outcome", "success, failure or unknown"},
    {"outcome=Success", "outcome", "success"},
    {"source=a%20b", "source", "characters"},
    {"id=", "id", "characters"},
    {"action=a,b", "action", "characters"},
    {"q=", "q", "1 to 1024"},
    {"kind=", "kind", "genesis"},
    {"kind=events", "kind", "event"},
    {"kind=event,", "kind", "all"},
    {"from=yesterday", "from", "RFC 3339"},
    {"from=", "from", "RFC 3339"},
    {"to=2026-02-30", "to", "RFC 3339"},
    {"recorded_to=-5x", "recorded_to", "RFC 3339"},
    {"from=-1h&from=-2h", "from", "twice"},
    {"seq_from=-1", "seq_from", "sequence"},
    {"seq_to=9223372036854775808", "seq_to", "sequence"},
    {"seq_to=1x", "seq_to", "sequence"},
    {"sort=user", "sort", "seq or time"},
    {"sort=time&sort=time", "sort", "twice"},
    {"order=up", "order", "desc or asc"},
    {"limit=0", "limit", "10000"},
    {"limit=10001", "limit", "10000"},
    {"limit=ten", "limit", "10000"},
    {"limit=", "limit", "10000"},
    {"fields=user,nme", "fields", "always given"},
    {"fields=usr", "fields", "user"},
    {"fields=", "fields", "no such member"},
    {"format=json", "format", "there are: from, to"}, /* a parameter of the route's */
};

START_TEST(test_bad)
{
  struct cf_query *query = NULL;
  struct cf_fault fault = {{0}, {0}};

  ck_assert_err(ask_parse(bad[_i].url, NULL, &query, &fault), CF_E_PARAMETER);
  ck_assert_ptr_null(query);
  ck_assert_str_eq(fault.at, bad[_i].at);
  ck_assert_msg(strstr(fault.detail, bad[_i].says) != NULL, "%s: %s", bad[_i].url, fault.detail);
  ck_assert_err(ask_parse(bad[_i].url, NULL, &query, NULL), CF_E_PARAMETER);
}
END_TEST

/* A row of query.def is given once, or as often as one likes. */
static const struct {
  const char *name;
  bool list, in_text;
} params[] = {
#define CF_PARAM(symbol, name, parser, field, list, chooses, in_text, help) {name, list, in_text},
#include "lib/query/query.def"
#undef CF_PARAM
};

/* A value that each takes. */
static const char *const taken[CF_COUNT(params)] = {"now", "now", "now",  "now", "7",  "9",
                                                    "all", "seq", "desc", "1",   NULL, "user"};

START_TEST(test_rows)
{
  char cursor[128], url[512];
  struct cf_query *query;
  struct cf_fault fault;

  ck_assert_ok(ask_parse("", NULL, &query, &fault));
  ck_assert_ok(cf_cursor_put(query, (struct cf_spot){0, 5}, cursor));
  cf_query_free(query);
  const char *name = params[_i].name, *value = taken[_i] != NULL ? taken[_i] : cursor;
  snprintf(url, sizeof url, "%s=%s", name, value);
  ck_assert_ok(ask_parse(url, NULL, &query, &fault));
  if (params[_i].in_text)
    ck_assert(cf_str_is(cf_query_text(query), url));
  cf_query_free(query);
  snprintf(url, sizeof url, "%s=%s&%s=%s", name, value, name, value);
  ck_assert_err(ask_parse(url, NULL, &query, &fault), params[_i].list ? CF_OK : CF_E_PARAMETER);
  if (params[_i].list)
    cf_query_free(query);
  else
    ck_assert_str_eq(fault.detail, "given twice");
}
END_TEST

/* Parameters of the caller's own: taken in their turn, each time they are sent,
 * before those of the same name, and named with the others. */
static enum cf_err note_own(void *context, struct cf_str value, struct cf_fault *fault)
{
  struct cf_buf *seen = context;

  cf_buf_putstr(seen, value);
  cf_buf_putc(seen, ' ');
  return cf_str_is(value, "bad") ? cf_fail(fault, CF_E_PARAMETER, "by", "is bad") : CF_OK;
}

START_TEST(test_own)
{
  struct cf_buf seen;
  const struct cf_query_own own[] = {{"by", note_own, &seen},
                                     {"kind", note_own, &seen},
                                     {NULL, NULL, NULL}};
  struct cf_query *query;
  struct cf_fault fault;

  cf_buf_init(&seen, SIZE_MAX);
  ck_assert_ok(ask_parse("by=user&by=ip&user=x&kind=nonsense", own, &query, &fault));
  ck_assert(cf_str_is(cf_query_text(query), "user=x"));
  ck_assert_uint_eq(query->kinds, 1u << CF_K_EVENT);
  cf_query_free(query);
  ck_assert_str_eq(cf_buf_cstr(&seen), "user ip nonsense ");
  cf_buf_reset(&seen);
  ck_assert_err(ask_parse("by=a&usr=b&by=bad", own, &query, &fault), CF_E_PARAMETER);
  ck_assert_str_eq(fault.at, "usr");
  ck_assert_err(ask_parse("by=bad&usr=b", own, &query, &fault), CF_E_PARAMETER);
  ck_assert_str_eq(fault.at, "by");
  ck_assert_str_eq(fault.detail, "is bad");
  ck_assert_str_eq(cf_buf_cstr(&seen), "a bad ");
  ck_assert_err(ask_parse("byy=1", own, &query, &fault), CF_E_PARAMETER);
  ck_assert_ptr_nonnull(strstr(fault.detail, "could it be: by"));
  ck_assert_err(ask_parse("zzzzzz=1", own, &query, &fault), CF_E_PARAMETER);
  ck_assert_ptr_nonnull(strstr(fault.detail, "fields, by, kind, source"));
  cf_buf_fini(&seen);
}
END_TEST

/* ---- limits ---- */

static enum cf_err parse_many(const char *piece, unsigned n, struct cf_fault *fault)
{
  struct cf_buf url;
  struct cf_query *query;

  cf_buf_init(&url, SIZE_MAX);
  for (unsigned i = 0; i < n; i++)
    cf_buf_putf(&url, "%s&", piece);
  enum cf_err err = ask_parse(cf_buf_cstr(&url), NULL, &query, fault);
  cf_buf_fini(&url);
  if (err == CF_OK)
    cf_query_free(query);
  return err;
}

/* attributes.0=, attributes.1=, … */
static enum cf_err parse_attributes(int n, struct cf_fault *fault)
{
  struct cf_buf url;
  struct cf_query *query;

  cf_buf_init(&url, 4096);
  for (int i = 0; i < n; i++)
    cf_buf_putf(&url, "attributes.%d=&", i);
  enum cf_err err = ask_parse(cf_buf_cstr(&url), NULL, &query, fault);
  cf_buf_fini(&url);
  if (err == CF_OK)
    cf_query_free(query);
  return err;
}

static enum cf_err parse_path(int n, struct cf_fault *fault)
{
  char url[512];
  struct cf_query *query;

  snprintf(url, sizeof url, "attributes.%0*d=x", n, 0);
  enum cf_err err = ask_parse(url, NULL, &query, fault);
  if (err == CF_OK)
    cf_query_free(query);
  return err;
}

START_TEST(test_limits)
{
  struct cf_fault fault;

  ck_assert_ok(parse_many("user=x", 0, &fault));
  ck_assert_ok(parse_many("user=x", 1000, &fault));
  ck_assert_err(parse_many("user=x", 1001, &fault), CF_E_PARAMETER);
  ck_assert_err(parse_attributes(17, &fault), CF_E_PARAMETER);
  ck_assert_ptr_nonnull(strstr(fault.detail, "16"));
  ck_assert_ok(parse_attributes(16, &fault));
  ck_assert_err(parse_path(257, &fault), CF_E_PARAMETER);
  ck_assert_ok(parse_path(256, &fault));
  ck_assert_ok(parse_many("status=1,2,3,4", 250, &fault));
  ck_assert_err(parse_many("status=1,2,3,4", 251, &fault), CF_E_PARAMETER);
  ck_assert_err(parse_many("fields=user,user,user,user,user", 250, &fault), CF_E_PARAMETER);
  ck_assert_str_eq(fault.at, "fields");
}
END_TEST

START_TEST(test_long_values)
{
  static char url[40000];
  struct cf_query *query;
  struct cf_fault fault;
  static const struct {
    const char *name;
    size_t max;
  } rows[] = {{"user", 1024}, {"session", 256},      {"resource", 8192}, {"id", 128},
              {"method", 32}, {"user.prefix", 1024}, {"q", 1024}};

  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    for (size_t over = 0; over < 2; over++) {
      size_t n = (size_t)snprintf(url, sizeof url, "%s=", rows[i].name);
      memset(url + n, 'a', rows[i].max + over);
      url[n + rows[i].max + over] = 0;
      enum cf_err err = ask_parse(url, NULL, &query, &fault);
      ck_assert_err(err, over == 0 ? CF_OK : CF_E_PARAMETER);
      if (err == CF_OK)
        cf_query_free(query);
      else
        ck_assert_str_eq(fault.at, rows[i].name);
    }
  }
}
END_TEST

/* A hostile name comes back cut and whole in UTF-8. */
START_TEST(test_long_name)
{
  char url[400];
  struct cf_query *query;
  struct cf_fault fault;

  for (unsigned shift = 0; shift < 4; shift++) {
    memset(url, 'x', shift);
    for (size_t i = shift; i + 2 < sizeof url - 1; i += 2)
      memcpy(url + i, "\xc3\xab", 3);
    ck_assert_err(ask_parse(url, NULL, &query, &fault), CF_E_PARAMETER);
    ck_assert(cf_utf8_ok(cf_str_from(fault.at)));
    ck_assert_uint_gt(strlen(fault.at), 70);
  }
}
END_TEST

/* ---- meaning beyond the filter ---- */

START_TEST(test_fields)
{
  struct cf_query *query;
  struct cf_fault fault;

  ck_assert_ok(ask_parse("", NULL, &query, &fault));
  ck_assert_uint_eq(cf_query_fields(query), CF_FIELDS_ALL);
  ck_assert_uint_eq(cf_query_limit(query), 100);
  cf_query_free(query);
  ck_assert_ok(ask_parse("fields=seq", NULL, &query, &fault));
  ck_assert_uint_eq(cf_query_fields(query), 0);
  cf_query_free(query);
  ck_assert_ok(ask_parse("fields=user,attributes&fields=message", NULL, &query, &fault));
  ck_assert_uint_eq(cf_query_fields(query),
                    1u << CF_M_USER | 1u << CF_M_ATTRIBUTES | 1u << CF_M_MESSAGE);
  cf_query_free(query);
}
END_TEST

START_TEST(test_limit)
{
  static const struct {
    const char *url;
    uint64_t limit;
  } rows[] = {{"", 100}, {"limit=1", 1}, {"limit=10000", 10000}, {"limit=all", CF_QUERY_LIMIT_ALL}};
  struct cf_query *query;
  struct cf_fault fault;

  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    ck_assert_ok(ask_parse(rows[i].url, NULL, &query, &fault));
    ck_assert_uint_eq(cf_query_limit(query), rows[i].limit);
    cf_query_free(query);
  }
}
END_TEST

START_TEST(test_times)
{
  struct cf_query *query;
  struct cf_fault fault;

  ck_assert_ok(
      ask_parse("from=-24h&to=now&recorded_from=1969-12-31&recorded_to=1970-01-01T00:00:00.5Z",
                NULL, &query, &fault));
  ck_assert_int_eq(query->from_us, ASK_NOW_US - 24 * CF_HOUR_US);
  ck_assert_int_eq(query->to_us, ASK_NOW_US);
  ck_assert_int_eq(query->recorded_from_us, -24 * CF_HOUR_US);
  ck_assert_int_eq(query->recorded_to_us, 500000);
  cf_query_free(query);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "parameters", .test = test_good, .loops = CF_COUNT(good)},
      {.tcase = "parameters", .test = test_bad, .loops = CF_COUNT(bad)},
      {.tcase = "parameters", .test = test_rows, .loops = CF_COUNT(params)},
      {.tcase = "parameters", .test = test_own},
      {.tcase = "limits", .test = test_limits},
      {.tcase = "limits", .test = test_long_values},
      {.tcase = "limits", .test = test_long_name},
      {.tcase = "meaning", .test = test_fields},
      {.tcase = "meaning", .test = test_limit},
      {.tcase = "meaning", .test = test_times},
  };
  return cf_test_run("query_parse", tests, CF_COUNT(tests));
}
