/* SPDX-License-Identifier: MIT */
/* The log's own records: the bodies of each kind, members one by one, and what
 * is refused. */
#include "config.h"

#include "lib/record/builder.h"

#include "tests/unit/record/event_check.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static const struct {
  enum cf_kind kind;
  const char *source;
  struct cf_str body;
  bool ok;
} bodies[] = {
    {CF_K_GENESIS, NULL, S("{\"format\":\"counterfoil/v1\",\"key\":\"o+1+x\",\"origin\":\"o\"}"),
     true},
    {CF_K_GENESIS, NULL, S("{\"format\":\"counterfoil/v2\",\"key\":\"o+1+x\",\"origin\":\"o\"}"),
     false},
    {CF_K_GENESIS, NULL, S("{\"key\":\"o+1+x\",\"format\":\"counterfoil/v1\",\"origin\":\"o\"}"),
     false},
    {CF_K_GENESIS, NULL, S("{\"format\":\"counterfoil/v1\",\"key\":\"o+1+x\"}"), false},
    {CF_K_GENESIS, NULL,
     S("{\"format\":\"counterfoil/v1\",\"key\":\"o+1+x\",\"origin\":\"o\",\"x\":1}"), false},
    {CF_K_GENESIS, NULL, S("{\"format\":\"counterfoil/v1\",\"key\":\"o+1+x\",\"origin\":\"o\"} "),
     false},
    {CF_K_GENESIS, NULL, S("{\"format\":\"counterfoil/v1\",\"key\":\"\",\"origin\":\"o\"}"), false},
    {CF_K_GENESIS, "admin", S("{\"format\":\"counterfoil/v1\",\"key\":\"o+1+x\",\"origin\":\"o\"}"),
     false},
    {CF_K_SERVICE, NULL, S("{\"software\":\"counterfoil 0.1.0\",\"what\":\"clock\"}"), true},
    {CF_K_SERVICE, NULL, S("{\"software\":\"counterfoil 0.1.0\",\"what\":\"add\"}"), false},
    {CF_K_SERVICE, NULL, S("{\"software\":1,\"what\":\"start\"}"), false},
    {CF_K_SERVICE, NULL, S(""), false},
    {CF_K_SERVICE, NULL, S("[]"), false},
    {CF_K_TOKEN, "admin", S("{\"id\":\"k3\",\"name\":\"web2\",\"what\":\"revoke\"}"), true},
    {CF_K_TOKEN, "admin",
     S("{\"expires\":\"2027-11-24T00:00:00.000000Z\",\"id\":\"k3\",\"name\":\"web2\",\"roles\":[\"writer\",\"reader\"],\"what\":\"add\"}"),
     true},
    {CF_K_TOKEN, "admin",
     S("{\"expires\":\"2027-11-24T00:00:00Z\",\"id\":\"k3\",\"name\":\"web2\",\"what\":\"add\"}"),
     false},
    {CF_K_TOKEN, "admin",
     S("{\"id\":\"k3\",\"name\":\"web2\",\"roles\":\"writer\",\"what\":\"add\"}"), false},
    {CF_K_TOKEN, "admin", S("{\"id\":\"k3\",\"name\":\"web2\",\"what\":\"start\"}"), false},
    {CF_K_TOKEN, "admin",
     S("{\"id\":\"k3\",\"name\":\"web2\",\"sources\":[\"*\",\"a*\",\"b\"],\"what\":\"add\"}"),
     true},
    {CF_K_TOKEN, "admin",
     S("{\"id\":\"k3\",\"name\":\"web2\",\"sources\":[\"a*b\"],\"what\":\"add\"}"), false},
    {CF_K_TOKEN, "admin",
     S("{\"id\":\"k3\",\"name\":\"web2\",\"sources\":[\"counterfoil\"],\"what\":\"add\"}"), false},
    {CF_K_TOKEN, "admin", S("{\"id\":\"k3\",\"name\":\"web2\",\"sources\":\"b\",\"what\":\"add\"}"),
     false},
    {CF_K_TOKEN, NULL, S("{\"id\":\"k3\",\"name\":\"web2\",\"what\":\"revoke\"}"), false},
    {CF_K_LOSS, "web1",
     S("{\"count\":17,\"first\":\"2026-11-24T02:00:01.000000Z\",\"last\":\"2026-11-24T02:00:02.000000Z\",\"reason\":\"invalid\"}"),
     true},
    {CF_K_LOSS, "web1",
     S("{\"count\":017,\"first\":\"2026-11-24T02:00:01.000000Z\",\"last\":\"2026-11-24T02:00:02.000000Z\",\"reason\":\"invalid\"}"),
     false},
    {CF_K_LOSS, "web1",
     S("{\"count\":\"17\",\"first\":\"2026-11-24T02:00:01.000000Z\",\"last\":\"2026-11-24T02:00:02.000000Z\",\"reason\":\"invalid\"}"),
     false},
    {CF_K_LOSS, "web1",
     S("{\"count\":17,\"first\":\"2026-11-24T02:00:01.000000Z\",\"last\":\"2026-11-24T02:00:02.000000Z\",\"reason\":\"a b\"}"),
     false},
    {CF_K_KEY, NULL, S("{\"key\":\"o+2+y\",\"note\":\"text\\n\\n\xe2\x80\x94 o x\\n\"}"), true},
    {CF_K_KEY, NULL,
     S("{\"key\":\"o+2+y\",\"note\":\"text\",\"until\":\"2026-11-24T02:00:01.000000Z\"}"), true},
    {CF_K_KEY, NULL, S("{\"key\":\"o+2+y\",\"note\":\"te\\/xt\"}"), false},
    {CF_K_POLICY, "admin", S("{\"rules\":[]}"), true},
    {CF_K_POLICY, "admin", S("{\"rules\":[\"keep 1d\",\"x\"]}"), true},
    {CF_K_POLICY, "admin", S("{\"rules\":[\"keep 1d\",]}"), false},
    {CF_K_POLICY, "admin", S("{\"rules\":[1]}"), false},
    {CF_K_POLICY, "admin", S("{\"from\":\"2026-11-24T02:00:01.000000Z\",\"rules\":[\"x\"]}"), true},
    {CF_K_POLICY, "admin", S("{\"from\":\"2026-11-24\",\"rules\":[\"x\"]}"), false},
    {CF_K_HOLD, "officer", S("{\"hold\":\"case-7\"}"), true},
    {CF_K_HOLD, "officer", S("{\"hold\":\"case 7\"}"), false},
    {CF_K_HOLD, "officer", S("{\"hold\":null}"), false},
    {CF_K_RELEASE, "officer", S("{\"hold\":\"case-7\"}"), true},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[1,3],[2,15]]}"), true},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[2,3],[1,1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[1,3],[1,1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[1,0]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[1,16]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"gdpr-17\",\"targets\":[[1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[1,2,3],[3,1],[4,9,15]]}"), true},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[9007199254740990,2,1]]}"), true},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[9007199254740991,2,1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[1,9007199254740992,1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[1,0,1]]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[1,2,3],]}"), false},
    {CF_K_ERASURE, "officer", S("{\"basis\":\"x\",\"targets\":[[1,2,3,]]}"), false},
    {CF_K_RETENTION, "counterfoil",
     S("{\"minimum\":256,\"prev\":\"FI3pxaekTRnlbNmuGlVL9nhHr7DFj24S+imsfd/KmUA=\",\"root\":\"RUNJ5CLwUpcZHq0T4h09tSDlq+9SBV5JZLgvshP1k6E=\",\"rule\":\"keep 400d\"}"),
     true},
    {CF_K_RETENTION, "counterfoil",
     S("{\"minimum\":255,\"prev\":\"FI3pxaekTRnlbNmuGlVL9nhHr7DFj24S+imsfd/KmUA=\",\"root\":\"RUNJ5CLwUpcZHq0T4h09tSDlq+9SBV5JZLgvshP1k6E=\",\"rule\":\"keep 400d\"}"),
     false},
    {CF_K_RETENTION, "counterfoil",
     S("{\"minimum\":256,\"prev\":\"FI3p\",\"root\":\"RUNJ5CLwUpcZHq0T4h09tSDlq+9SBV5JZLgvshP1k6E=\",\"rule\":\"keep 400d\"}"),
     false},
    {CF_K_EVENT, "web1", S("{}"), false},
};

START_TEST(test_builder_body)
{
  struct cf_builder *b;
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  ck_assert_ok(cf_builder_new(bodies[_i].kind, &b));
  for (int twice = 0; twice < 2; twice++) {
    cf_builder_set_body(b, bodies[_i].body);
    if (bodies[_i].source != NULL)
      cf_builder_set(b, CF_M_SOURCE, cf_str_from(bodies[_i].source));
    if (bodies[_i].kind == CF_K_EVENT)
      cf_builder_set(b, CF_M_ACTION, CF_STR("a"));
    enum cf_err err = cf_builder_end(b, &event, &fault);
    ck_assert_msg(err == (bodies[_i].ok ? CF_OK : CF_E_INVALID), "%s: %s %s", cf_err_word(err),
                  fault.at, fault.detail);
    if (err == CF_OK)
      check_event(&event);
    if (err == CF_OK)
      cf_event_fini(&event);
    else
      ck_assert_str_ne(fault.detail, "");
  }
  cf_builder_free(b);
}
END_TEST

/* [[0,1],[1,1],…] */
START_TEST(test_builder_targets_limit)
{
  struct cf_buf text;
  cf_buf_init(&text, 1 << 20);
  for (unsigned n = 4000; n <= 4001; n++) {
    struct cf_builder *b;
    struct cf_event event;
    cf_buf_reset(&text);
    cf_buf_puts(&text, "{\"basis\":\"x\",\"targets\":[");
    for (unsigned i = 0; i < n; i++)
      cf_buf_putf(&text, "%s[%u,1]", i == 0 ? "" : ",", i);
    cf_buf_puts(&text, "]}");
    ck_assert_ok(cf_builder_new(CF_K_ERASURE, &b));
    cf_builder_set(b, CF_M_SOURCE, CF_STR("officer"));
    cf_builder_set_body(b, cf_buf_str(&text));
    enum cf_err err = cf_builder_end(b, &event, NULL);
    ck_assert_err(err, n > 4000 ? CF_E_INVALID : CF_OK);
    if (err == CF_OK)
      cf_event_fini(&event);
    cf_builder_free(b);
  }
  cf_buf_fini(&text);
}
END_TEST

START_TEST(test_builder_members)
{
  struct cf_builder *b;
  struct cf_event event;
  char *copy = strdup("al\xff"
                      "ice");
  ck_assert_ok(cf_builder_new(CF_K_ACCESS, &b));
  cf_builder_set_object(b, CF_STR("{\"filter\":\"user=alice\",\"rows\":3}"));
  cf_builder_set(b, CF_M_USER, cf_str_from(copy));
  memset(copy, 'x', strlen(copy)); /* the builder has its own */
  free(copy);
  cf_builder_set(b, CF_M_IP, CF_STR("2001:DB8:0::1"));
  cf_builder_set(b, CF_M_METHOD, CF_STR("get"));
  cf_builder_set_u64(b, CF_M_STATUS, 403);
  cf_builder_set_u64(b, CF_M_BYTES, 9007199254740991);
  cf_builder_set_time(b, CF_M_TIME, 1);
  ck_assert_ok(cf_builder_end(b, &event, NULL));
  check_text(
      event.record.public_text,
      "\"source\":\"counterfoil\",\"time\":\"1970-01-01T00:00:00.000001Z\",\"method\":\"GET\",\"status\":403,\"outcome\":\"failure\"");
  check_text(event.record.payload[CF_C_ACTOR], "{\"user\":\"al"
                                               "\xef\xbf\xbd"
                                               "ice\"}");
  check_text(event.record.payload[CF_C_CLIENT], "{\"ip\":\"2001:db8::1\"}");
  check_text(event.record.payload[CF_C_DETAIL],
             "{\"bytes\":9007199254740991,\"attributes\":{\"filter\":\"user=alice\",\"rows\":3}}");
  ck_assert_int_eq(event.record.time_us, 1);
  check_event(&event);
  cf_event_fini(&event);
  cf_builder_free(b);
}
END_TEST

/* The first error sticks and is told at the end; then the builder is as new. */
START_TEST(test_builder_first_error)
{
  struct cf_builder *b;
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  ck_assert_ok(cf_builder_new(CF_K_EVENT, &b));
  cf_builder_set(b, CF_M_SOURCE, CF_STR("web1"));
  cf_builder_set(b, CF_M_ACTION, CF_STR("a b"));
  cf_builder_set(b, CF_M_IP, CF_STR("nowhere"));
  cf_builder_set_u64(b, CF_M_STATUS, 5000);
  cf_builder_set_object(b, CF_STR("{\"b\":1,\"a\":2}"));
  ck_assert_err(cf_builder_end(b, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "action");
  cf_builder_set(b, CF_M_SOURCE, CF_STR("web1"));
  cf_builder_set(b, CF_M_ACTION, CF_STR("ab"));
  ck_assert_ok(cf_builder_end(b, &event, &fault));
  check_text(event.record.public_text,
             "\"source\":\"web1\",\"action\":\"ab\",\"outcome\":\"unknown\"");
  cf_event_fini(&event);
  cf_builder_free(b);
}
END_TEST

static const struct {
  enum cf_kind kind;
  enum cf_member member;
  struct cf_str value;
  const char *at;
} wrong[] = {
    {CF_K_HOLD, CF_M_IP, S("192.0.2.7"), "ip"},
    {CF_K_HOLD, CF_M_STATUS, S("200"), "status"},
    {CF_K_SERVICE, CF_M_SOURCE, S("admin"), "source"},
    {CF_K_EVENT, CF_M_SOURCE, S("counterfoil"), "source"},
    {CF_K_ACCESS, CF_M_SOURCE, S("web1"), "source"},
    {CF_K_HOLD, CF_M_WRITER, S("k3"), "writer"},
    {CF_K_ACCESS, CF_M_WRITER, S("k3"), "writer"},
    {CF_K_EVENT, CF_M_WRITER, S("k 3"), "writer"},
    {CF_K_EVENT, CF_M_ATTRIBUTES, S("{\"a\":null}"), "attributes"},
    {CF_K_EVENT, CF_M_ATTRIBUTES, S("{\"a\": 1}"), "attributes"},
    {CF_K_EVENT, CF_M_ATTRIBUTES, S("{\"a\":1}x"), "attributes"},
    {CF_K_EVENT, CF_M_TIME, S("2026-11-24T02:00:00Z"), "time"},
    {CF_K_EVENT, CF_M_STATUS, S("0200"), "status"},
};

START_TEST(test_builder_wrong)
{
  struct cf_builder *b;
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  bool event_like = cf_kind_table[wrong[_i].kind].members == CF_PUBLIC_EVENT;
  ck_assert_ok(cf_builder_new(wrong[_i].kind, &b));
  if (wrong[_i].kind == CF_K_EVENT || wrong[_i].kind == CF_K_HOLD)
    cf_builder_set(b, CF_M_SOURCE, CF_STR("web1"));
  if (event_like)
    cf_builder_set(b, CF_M_ACTION, CF_STR("a"));
  if (wrong[_i].kind == CF_K_HOLD)
    cf_builder_set_body(b, CF_STR("{\"hold\":\"h\"}"));
  if (wrong[_i].kind == CF_K_SERVICE)
    cf_builder_set_body(b, CF_STR("{\"software\":\"s\",\"what\":\"start\"}"));
  cf_builder_set(b, wrong[_i].member, wrong[_i].value);
  ck_assert_err(cf_builder_end(b, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, wrong[_i].at);
  cf_builder_free(b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "builder", .test = test_builder_body, .loops = CF_COUNT(bodies)},
      {.tcase = "builder", .test = test_builder_targets_limit},
      {.tcase = "builder", .test = test_builder_members},
      {.tcase = "builder", .test = test_builder_first_error},
      {.tcase = "builder", .test = test_builder_wrong, .loops = CF_COUNT(wrong)},
  };
  return cf_test_run("builder", tests, CF_COUNT(tests));
}
