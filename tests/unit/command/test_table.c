/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi-app/command/table_in.h"

#include "fcgi-app/command/when_in.h"
#include "tests/unit/cf_test.h"

#define HEAD "\"seq\":7,\"recorded\":\"2026-11-24T02:00:00.000001Z\",\"kind\":"

static const struct {
  struct cf_table_rules rules;
  const char *record, *want;
} cases[] = {
    {{.wide = true},
     "{" HEAD "\"event\",\"time\":\"2026-11-24T01:00:00.5Z\",\"user\":\"al\",\"status\":404,"
     "\"resource\":\"/a b\"}",
     "SEQ TIME USER METHOD STATUS OUTCOME IP ACTION WHAT\n"
     "7 2026-11-24T01:00:00.500000Z al 404 /a b\n"},
    {{.width = 80},
     "{" HEAD "\"event\",\"message\":\"a\\nb\"}",
     "SEQ TIME USER METHOD STATUS OUTCOME IP ACTION WHAT\n"
     "7 2026-11-24T02:00:00Z a\\x0ab\n"},
    {{.wide = true, .kinds = true},
     "{" HEAD "\"access\",\"source\":\"counterfoil\",\"action\":\"query\",\"outcome\":\"success\","
     "\"user\":\"admin\",\"credential\":\"local\",\"attributes\":{\"filter\":\"user=x\",\"rows\":3}}",
     "SEQ TIME KIND USER METHOD STATUS OUTCOME IP ACTION WHAT\n"
     "7 2026-11-24T02:00:00.000001Z access admin success query filter=user=x rows=3 "
     "credential=local\n"},
    {{.wide = true, .kinds = true},
     "{" HEAD "\"token\",\"source\":\"local\",\"body\":{\"id\":\"abc\",\"name\":\"we b\","
     "\"roles\":[\"writer\"],\"what\":\"add\"},\"user\":\"admin\"}",
     "SEQ TIME KIND USER METHOD STATUS OUTCOME IP ACTION WHAT\n"
     "7 2026-11-24T02:00:00.000001Z token admin add id=abc name=\"we b\" roles=[\"writer\"] "
     "source=local\n"},
    {{.wide = true, .kinds = true},
     "{" HEAD "\"loss\",\"source\":\"web1\",\"body\":{\"count\":3,\"reason\":\"invalid-event\"}}",
     "SEQ TIME KIND USER METHOD STATUS OUTCOME IP ACTION WHAT\n"
     "7 2026-11-24T02:00:00.000001Z loss count=3 reason=invalid-event source=web1\n"},
    {{.wide = true, .fields = "user,attributes,user,seq,time"},
     "{" HEAD "\"event\",\"user\":\"al\",\"attributes\":{\"b\":[1,true],\"a\":\"x\"}}",
     "SEQ RECORDED USER ATTRIBUTES TIME\n"
     "7 2026-11-24T02:00:00.000001Z al {\"a\":\"x\",\"b\":[1,true]} 2026-11-24T02:00:00.000001Z\n"},
    {{.wide = true, .fields = ""},
     "{" HEAD "\"event\"}",
     "SEQ RECORDED\n7 2026-11-24T02:00:00.000001Z\n"},
    {{.width = 80, .bold = true, .fields = "user"},
     "{" HEAD "\"event\",\"user\":\"al\"}",
     "\033[1mSEQ RECORDED USER\033[0m\n7 2026-11-24T02:00:00Z al\n"},
};

/* Runs of spaces as one. */
static void squeeze(struct cf_buf *b)
{
  size_t n = 0;

  for (size_t i = 0; i < b->n; i++)
    if (b->p[i] != ' ' || n == 0 || b->p[n - 1] != ' ')
      b->p[n++] = b->p[i];
  cf_buf_cut(b, b->n - n);
}

START_TEST(a_record_is_a_line)
{
  struct cf_table *table;
  struct cf_json *doc;
  struct cf_buf b;

  cf_buf_init(&b, 4096);
  ck_assert_ok(cf_when_zone("UTC", NULL));
  ck_assert_ok(cf_json_parse(cf_str_from(cases[_i].record), 8, &doc, NULL));
  ck_assert_ok(cf_table_new(&cases[_i].rules, &table));
  ck_assert_ok(cf_table_put(table, doc, &b));
  squeeze(&b);
  ck_assert_str_eq(cf_buf_cstr(&b), cases[_i].want);
  cf_table_free(table);
  cf_json_free(doc);
  cf_buf_fini(&b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "table", .test = a_record_is_a_line, .loops = CF_COUNT(cases)},
  };
  return cf_test_run("table", tests, CF_COUNT(tests));
}
