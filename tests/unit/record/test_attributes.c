/* SPDX-License-Identifier: MIT */
/* Values at paths of attributes. */
#include "config.h"

#include "lib/record/attributes.h"

#include "tests/unit/cf_test.h"

#define TREE \
  "{\"\":\"e\",\"a\":{\"b\":[1,\"\\\"q\\\"\",{\"c\":false}],\"b.c\":\"dots\"},\"a.b\":{\"c\":\"more\"}," \
  "\"n\":-1.50,\"o\":{},\"p\":[]}"

static const struct {
  const char *text, *path, *values; /* each with a ; behind it; NULL: it is broken */
} looks[] = {
    {TREE, "", "e;1;\"q\";false;dots;more;-1.50;"},
    {TREE, "a", ""},
    {TREE, "a.b", "1;\"q\";"},
    {TREE, "a.b.c", "false;dots;more;"},
    {TREE, "a.b.c.d", ""},
    {TREE, "a.", ""},
    {TREE, ".", ""},
    {TREE, "n", "-1.50;"},
    {TREE, "o", ""},
    {TREE, "p", ""},
    {TREE, "A", ""},
    {"{\"a\":{\"\":{\"b\":1}}}", "a..b", "1;"},
    {"{\"a\\n\":1}", "a\n", "1;"},
    {"{\"a\":null,\"b\":[null]}", "b", ""},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"b\":1}}}}}}}}", "a.a.a.a.a.a.a.b", "1;"},
    {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", "b", NULL},
    {"{\"a\":1", "b", NULL},
    {"{\"a\":", "b", NULL},
    {"{\"a\":1}}", "b", NULL},
    {"{\"a\":[1}", "b", NULL},
    {"{\"a\":\"1}", "b", NULL},
    {"{\"a\":,}", "b", NULL},
    {"{a:1}", "b", NULL},
    {"{\"a\":\"\\x\"}", "a", NULL},
    {"", "a", NULL},
};

static bool gather(const void *context, struct cf_str value)
{
  struct cf_buf *b = *(struct cf_buf *const *)context;
  cf_buf_putstr(b, value);
  cf_buf_putc(b, ';');
  return false;
}

START_TEST(test_looks)
{
  struct cf_buf got, scratch, *context = &got;
  bool found = true;
  cf_buf_init(&got, 1024);
  cf_buf_init(&scratch, 1024);
  cf_buf_puts(&scratch, "kept");
  enum cf_err err = cf_attributes_look(cf_str_from(looks[_i].text), cf_str_from(looks[_i].path),
                                       &scratch, gather, &context, &found);
  ck_assert_int_eq(err, looks[_i].values == NULL ? CF_E_SYNTAX : CF_OK);
  if (looks[_i].values != NULL) {
    ck_assert(!found);
    ck_assert_str_eq(cf_buf_cstr(&got), looks[_i].values);
    ck_assert_str_eq(cf_buf_cstr(&scratch), "kept");
  }
  cf_buf_fini(&got);
  cf_buf_fini(&scratch);
}
END_TEST

static bool is_q(const void *context, struct cf_str value)
{
  (void)context;
  return cf_str_is(value, "\"q\"");
}

START_TEST(test_found)
{
  struct cf_buf scratch;
  bool found = false;
  cf_buf_init(&scratch, 1024);
  ck_assert_ok(cf_attributes_look(CF_STR(TREE), CF_STR("a.b"), &scratch, is_q, NULL, &found));
  ck_assert(found);
  ck_assert_uint_eq(scratch.n, 0);
  cf_buf_fini(&scratch);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "attributes", .test = test_looks, .loops = CF_COUNT(looks)},
      {.tcase = "attributes", .test = test_found},
  };
  return cf_test_run("attributes", tests, CF_COUNT(tests));
}
