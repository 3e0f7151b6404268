/* SPDX-License-Identifier: MIT */
/* What is missing of events that their sources count, through the whole
 * application. */
#include "config.h"

#include "tests/unit/routes/app_roles.h"

/* Post n events of that source, from that count on, by steps. */
static void feed(const char *token, const char *source, uint64_t from, uint64_t n, uint64_t step)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (uint64_t i = 0; i < n; i++)
    cf_buf_putf(&b, "%s{\"action\":\"a\",\"source\":\"%s\",\"source_seq\":%llu}", i > 0 ? "," : "[",
                source, (unsigned long long)(from + i * step));
  cf_buf_putc(&b, ']');
  feed_batch(token, &b);
}

static const char *any_source(void)
{
  return make_token("agent", "[\"writer\"]", ",\"sources\":[\"*\"]");
}

START_TEST(test_gaps)
{
  const char *token = any_source();
  ck_answer(get("/v1/gaps", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("sources")), 0);
  ck_value("complete", "true");
  feed(token, "web", 1, 40, 1);
  feed(token, "web", 46, 55, 1);
  feed(token, "app", 7, 3, 2);
  ck_answer(get("/v1/gaps", auditor), 200);
  ck_value("sources.0.source", "app");
  ck_value("sources.0.missing", "2");
  ck_value("sources.0.gaps", "2");
  ck_value("sources.0.intervals.1.from", "10");
  ck_value("sources.1.source", "web");
  ck_value("sources.1.first", "1");
  ck_value("sources.1.last", "100");
  ck_value("sources.1.count", "95");
  ck_value("sources.1.missing", "5");
  ck_value("sources.1.intervals.0.from", "41");
  ck_value("sources.1.intervals.0.to", "45");
  ck_value("sources.1.exact", "true");
  ck_value("sources.1.newest.source_seq", "100");
  ck_value("has_more", "false");
  /* what comes late fills a gap, whoever asked before */
  feed(token, "web", 41, 4, 1);
  ck_answer(get("/v1/gaps?source=web", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("sources")), 1);
  ck_value("sources.0.missing", "1");
  ck_answer(get("/v1/gaps?source=we", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("sources")), 0);
  stage_reopen();
  ck_answer(get("/v1/gaps?source=web", auditor), 200);
  ck_value("sources.0.missing", "1");
}
END_TEST

START_TEST(test_pages)
{
  const char *token = any_source();
  char name[32], path[96] = "/v1/gaps?limit=3";
  size_t pages = 0, sources = 0;
  for (int i = 0; i < 7; i++) {
    (void)snprintf(name, sizeof name, "s%d", i);
    feed(token, name, 1, 1, 1);
  }
  do {
    ck_answer(get(path, auditor), 200);
    for (size_t i = 0; i < cf_json_count(member("sources")); i++, sources++) {
      char at[64];
      (void)snprintf(name, sizeof name, "s%zu", sources);
      (void)snprintf(at, sizeof at, "sources.%zu.source", i);
      ck_value(at, name);
    }
    (void)snprintf(path, sizeof path, "/v1/gaps?limit=3&cursor=%s", value("next_cursor"));
    pages++;
  } while (strcmp(value("has_more"), "true") == 0);
  ck_assert_uint_eq(sources, 7);
  ck_assert_uint_eq(pages, 3);
  ck_answer(get("/v1/gaps?limit=0", auditor), 400);
  ck_answer(get("/v1/gaps?limit=1001", auditor), 400);
  ck_answer(get("/v1/gaps?source=s1&cursor=s0", auditor), 400);
  ck_answer(get("/v1/gaps?from=-1d", auditor), 400);
  ck_answer(get("/v1/gaps", reader), 403);
  ck_answer(get("/v1/gaps", NULL), 401);
  ck_assert_int_eq(count("kind=access&action=gaps"), 1);
}
END_TEST

/* It is found by verify too, which holds all the same. */
START_TEST(test_verify_findings)
{
  feed(any_source(), "web", 1, 600, 2);
  ck_answer(get("/v1/verify", auditor), 200);
  ck_value("ok", "true");
  ck_value("findings_total", "599");
  ck_value("findings_exact", "true");
  ck_assert_uint_eq(cf_json_count(member("findings")), 100);
  ck_value("findings.99.code", "SOURCE_GAP");
  ck_value("findings.99.source", "web");
  ck_value("findings.99.from", "1198");
  ck_answer(get("/v1/verify?mode=deep", auditor), 200);
  ck_value("findings_total", "599");
  ck_answer(get("/v1/verify?mode=quick", auditor), 200);
  ck_assert_ptr_null(member("findings"));
  ck_contains("\"findings\":null");
}
END_TEST

/* The page says it to who may ask, and names those that lack most. */
START_TEST(test_page)
{
  const char *token = any_source();
  char name[32];
  ck_answer(get("/", auditor), 200);
  ck_lacks("sources-title");
  feed(token, "whole", 1, 9, 1);
  ck_answer(get("/", auditor), 200);
  ck_contains("1 count their events. <b class=\"good\">✓ none is missing</b>");
  for (uint64_t i = 1; i < 8; i++) {
    (void)snprintf(name, sizeof name, "s+%llu", (unsigned long long)i);
    feed(token, name, 1, 2 * i, 2);
  }
  ck_answer(get("/", auditor), 200);
  ck_contains("8 count their events. <b class=\"warn\">! 49 missing</b> of 7");
  ck_contains(
      "<a href=\"?source=s%2B7\">s+7</a>: 13 missing, 13 gaps, the newest from 26 to 26</li>");
  ck_contains(">s+3</a>: 5 missing");
  ck_lacks(">s+2</a>: 3 missing");
  ck_assert(strstr(content(), ">s+7</a>: ") < strstr(content(), ">s+6</a>: "));
  ck_lacks("not all is known yet");
  ck_answer(get("/", reader), 200);
  ck_lacks("sources-title");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "gaps", .test = test_gaps, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "gaps", .test = test_pages},
      {.tcase = "gaps", .test = test_verify_findings},
      {.tcase = "gaps", .test = test_page},
  };
  return cf_test_run("app_gaps", tests, CF_COUNT(tests));
}
