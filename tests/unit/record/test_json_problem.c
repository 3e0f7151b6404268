/* SPDX-License-Identifier: MIT */
/* The members of a problem document, of every error and every fault. */
#include "config.h"

#include "lib/record/json_problem.h"

#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

static const struct {
  enum cf_err err;
  struct cf_fault fault;
  const char *want;
} problems[] = {
    {CF_E_PARAMETER,
     {"limit", "is too large"},
     "{\"type\":\"urn:counterfoil:bad-parameter\",\"title\":\"bad parameter\",\"status\":400,"
     "\"detail\":\"is too large\",\"parameter\":\"limit\"}"},
    {CF_E_CURSOR,
     {"cursor", ""},
     "{\"type\":\"urn:counterfoil:bad-cursor\","
     "\"title\":\"the cursor does not belong to this question\",\"status\":400,"
     "\"parameter\":\"cursor\"}"},
    {CF_E_INVALID,
     {"ip", "\"\n\xff"},
     "{\"type\":\"urn:counterfoil:invalid-event\",\"title\":\"no acceptable event\",\"status\":422,"
     "\"detail\":\"\\\"\\n\xef\xbf\xbd\",\"member\":\"ip\"}"},
    {CF_E_SYNTAX,
     {"", "at byte 7"},
     "{\"type\":\"urn:counterfoil:bad-syntax\",\"title\":\"not well-formed\",\"status\":422,"
     "\"detail\":\"at byte 7\"}"},
    /* what is at fault is ours, and not told */
    {CF_E_STORE,
     {"/var/lib/data", "no"},
     "{\"type\":\"urn:counterfoil:store\",\"title\":\"the database refused\",\"status\":503,"
     "\"detail\":\"no\"}"},
};

static struct cf_str put(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault)
{
  cf_buf_init(b, 4096);
  cf_buf_putc(b, '{');
  cf_problem_put(b, err, fault);
  cf_buf_putc(b, '}');
  ck_assert_ok(b->err);
  return cf_buf_str(b);
}

START_TEST(test_members)
{
  struct cf_buf b;
  struct cf_str text = put(&b, problems[_i].err, &problems[_i].fault);
  ck_assert_bytes(text.p, text.n, problems[_i].want, strlen(problems[_i].want));
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_every_error)
{
  struct cf_buf b;
  struct cf_json *doc;
  ck_assert_ok(cf_json_parse(put(&b, (enum cf_err)_i, NULL), 1, &doc, NULL));
  ck_assert_uint_eq(cf_json_members(doc), 3);
  ck_assert(cf_str_is(cf_json_string(cf_json_member(doc, "title")), cf_err_title((enum cf_err)_i)));
  cf_json_free(doc);
  cf_buf_fini(&b);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "problem", .test = test_members, .loops = CF_COUNT(problems)},
      {.tcase = "problem", .test = test_every_error, .loops = CF_ERR_N},
  };
  return cf_test_run("problem", tests, CF_COUNT(tests));
}
