/* SPDX-License-Identifier: MIT */
/* The question of a bundle: which leaves it asks for, and its form. */
#include "config.h"

#include "lib/proof/parcel_tree.h"
#include "tests/unit/cf_test.h"

static struct cf_fault fault;

#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define QUERY(filter, proves) \
  "{\"v\":1,\"origin\":\"a\",\"size\":9,\"root\":\"" ROOT \
  "\",\"count\":1,\"seq_from\":2,\"seq_to\":8,\"filter\":{" filter "},\"proves\":[" proves "]}\n"
#define EVENTS       "\"kinds\":[\"event\"]"
#define BOTH         "\"included\",\"complete\""
#define IS(m, op, v) "\"conditions\":[{\"member\":\"" m "\",\"op\":\"" op "\"," v "}]"
#define LEAF(seq, rest) \
  "{\"v\":1,\"seq\":" seq ",\"prev\":\"" ROOT \
  "\",\"recorded\":\"2026-11-24T02:00:01.000000Z\",\"kind\":\"event\",\"source\":\"web1\"," rest \
  "}"
#define PLAIN "\"action\":\"Log\",\"status\":404,\"outcome\":\"failure\""
#define BARE  "\"action\":\"Log\",\"outcome\":\"unknown\""

static const struct {
  const char *query, *leaf;
  bool chosen;
} asked[] = {
    {QUERY(EVENTS ",\"conditions\":[]", BOTH), LEAF("2", PLAIN), true},
    {QUERY(EVENTS ",\"conditions\":[]", BOTH), LEAF("1", PLAIN), false},
    {QUERY(EVENTS ",\"conditions\":[]", BOTH), LEAF("8", PLAIN), false},
    {QUERY("\"kinds\":[\"access\",\"token\"],\"conditions\":[]", BOTH), LEAF("2", PLAIN), false},
    {QUERY(EVENTS "," IS("source", "is", "\"values\":[\"a\",\"web1\"]"), BOTH), LEAF("2", PLAIN),
     true},
    {QUERY(EVENTS "," IS("source", "is", "\"values\":[\"web\"]"), BOTH), LEAF("2", PLAIN), false},
    {QUERY(EVENTS "," IS("source", "prefix", "\"values\":[\"web\"]"), BOTH), LEAF("2", PLAIN),
     true},
    {QUERY(EVENTS "," IS("action", "ci", "\"values\":[\"LOG\"]"), BOTH), LEAF("2", PLAIN), true},
    {QUERY(EVENTS "," IS("action", "not", "\"values\":[\"Log\"]"), BOTH), LEAF("2", PLAIN), false},
    {QUERY(EVENTS "," IS("id", "not", "\"values\":[\"x\"]"), BOTH), LEAF("2", PLAIN), true},
    {QUERY(EVENTS "," IS("id", "is", "\"values\":[\"x\"]"), BOTH), LEAF("2", PLAIN), false},
    {QUERY(EVENTS "," IS("status", "is", "\"ranges\":[[400,499]]"), BOTH), LEAF("2", PLAIN), true},
    {QUERY(EVENTS "," IS("status", "is", "\"ranges\":[[500,599]]"), BOTH), LEAF("2", PLAIN), false},
    {QUERY(EVENTS "," IS("status", "not", "\"ranges\":[[500,599]]"), BOTH), LEAF("2", BARE), true},
    {QUERY(EVENTS "," IS("user", "is", "\"values\":[\"alice\"]"), "\"included\""), LEAF("2", PLAIN),
     true},
    {QUERY(EVENTS ",\"from\":\"2026-11-24T02:00:01.000000Z\",\"conditions\":[]", BOTH),
     LEAF("2", PLAIN), true},
    {QUERY(EVENTS ",\"to\":\"2026-11-24T02:00:01.000000Z\",\"conditions\":[]", BOTH),
     LEAF("2", PLAIN), false},
    {QUERY(EVENTS ",\"recorded_to\":\"2026-11-24T02:00:01.000000Z\",\"conditions\":[]", BOTH),
     LEAF("2", PLAIN), false},
};

START_TEST(a_leaf_is_asked_for_or_not)
{
  struct cf_question q;
  struct cf_leaf leaf;
  struct cf_values values;
  bool chosen;
  ck_assert_ok(cf_question_parse(cf_str_from(asked[_i].query), &q, &fault));
  ck_assert_ok(cf_leaf_parse(cf_str_from(asked[_i].leaf), &leaf, &fault));
  cf_values_init(&values);
  ck_assert_ok(cf_question_chooses(&q, &leaf, &values, &chosen));
  ck_assert_int_eq(chosen, asked[_i].chosen);
  cf_values_fini(&values);
  cf_question_fini(&q);
}
END_TEST

static const char *const bad_queries[] = {
    "{}",
    QUERY("\"kinds\":[\"none\"],\"conditions\":[]", BOTH),
    QUERY(EVENTS, BOTH),
    QUERY(EVENTS ",\"conditions\":[],\"more\":1", BOTH),
    QUERY(EVENTS ",\"conditions\":[]", "\"complete\""),
    QUERY(EVENTS ",\"conditions\":[]", ""),
    QUERY(EVENTS ",\"conditions\":[]", "\"included\""), /* it proves more */
    QUERY(EVENTS ",\"conditions\":[],\"from\":\"yesterday\"", BOTH),
    QUERY(EVENTS "," IS("user", "is", "\"values\":[\"alice\"]"), BOTH),
    QUERY(EVENTS "," IS("q", "contains", "\"values\":[\"alice\"]"), BOTH),
    QUERY(EVENTS "," IS("source", "is", "\"values\":[]"), BOTH),
    QUERY(EVENTS "," IS("source", "like", "\"values\":[\"a\"]"), BOTH),
    QUERY(EVENTS "," IS("source", "is", "\"values\":[1]"), BOTH),
    QUERY(EVENTS "," IS("status", "is", "\"ranges\":[[2,1]]"), BOTH),
    QUERY(EVENTS "," IS("status", "is", "\"ranges\":[[1,2,3]]"), BOTH),
};

START_TEST(a_question_is_of_its_form)
{
  struct cf_question q;
  ck_assert_err(cf_question_parse(cf_str_from(bad_queries[_i]), &q, &fault), CF_E_SYNTAX);
  cf_question_fini(&q);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "question", .test = a_leaf_is_asked_for_or_not, .loops = CF_COUNT(asked)},
      {.tcase = "question", .test = a_question_is_of_its_form, .loops = CF_COUNT(bad_queries)},
  };
  return cf_test_run("parcel_question", tests, CF_COUNT(tests));
}
