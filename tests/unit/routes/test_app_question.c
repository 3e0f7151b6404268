/* SPDX-License-Identifier: MIT */
/* Long questions: many values in a query string, and any length in a form. */
#include "config.h"

#include "fcgi-app/http/request.h"
#include "tests/unit/routes/app_roles.h"

#define FORM "application/x-www-form-urlencoded"

static size_t rows(void)
{
  return cf_json_count(member("events"));
}

static int post_form(const char *token, const char *type, const struct cf_buf *form)
{
  return ask((struct ask){.method = "POST",
                          .path = "/v1/query",
                          .token = token,
                          .type = type,
                          .body = (const char *)form->p,
                          .body_n = form->n});
}

/* limit=… and then user=u00000&user=u00001&… */
static void many_users(struct cf_buf *b, int n, int pad)
{
  cf_buf_init(b, SIZE_MAX);
  cf_buf_puts(b, "limit=2&order=asc");
  for (int i = 0; i < n; i++)
    cf_buf_putf(b, "&user=u%0*d", pad, i);
}

/* Each of the values is looked for. */
START_TEST(test_thousand)
{
  struct cf_buf path, form;
  feed_events(writer, 30); /* users u0 … */
  many_users(&form, 1000, 1);
  cf_buf_init(&path, SIZE_MAX);
  cf_buf_puts(&path, "/v1/events?");
  cf_buf_putstr(&path, cf_buf_str(&form));
  ck_answer(get(cf_buf_cstr(&path), reader), 200);
  ck_assert_uint_eq(rows(), 2);
  ck_answer(post_form(reader, FORM, &form), 200);
  ck_assert_uint_eq(rows(), 2);
  ck_value("has_more", "true");
  ck_assert_str_eq(header("Link"), ""); /* a link cannot post */
  ck_assert_uint_gt(strlen(header("X-Next-Cursor")), 10);
  cf_buf_puts(&form, "&user=one-more");
  ck_answer(post_form(reader, FORM, &form), 400);
  ck_contains("1000 values");
  cf_buf_fini(&form);
  cf_buf_fini(&path);
}
END_TEST

/* Longer than a query string may be, page by page to the end. */
START_TEST(test_pages)
{
  struct cf_buf form;
  size_t seen = 0;
  char cursor[160] = "";
  feed_events(writer, 30);
  do {
    many_users(&form, 900, 200);
    for (int i = 0; i < 30; i++)
      cf_buf_putf(&form, "&user=u%d", i);
    cf_buf_putf(&form, "%s%s", cursor[0] == '\0' ? "" : "&cursor=", cursor);
    ck_assert_uint_gt(form.n, 2 * CF_QUERY_STRING_MAX);
    ck_answer(post_form(reader, FORM "; charset=utf-8", &form), 200);
    seen += rows();
    snprintf(cursor, sizeof cursor, "%s", value("next_cursor"));
    cf_buf_fini(&form);
  } while (strcmp(value("has_more"), "true") == 0);
  ck_assert_uint_eq(seen, 30);
}
END_TEST

/* It is told as any other question is, and needs what any other needs. */
START_TEST(test_record)
{
  struct cf_buf form;
  feed_events(writer, 3);
  many_users(&form, 400, 200);
  ck_answer(post_form(NULL, FORM, &form), 401);
  ck_answer(post_form(writer, FORM, &form), 403);
  ck_answer(post_form(reader, FORM, &form), 200);
  ck_assert_uint_eq(trail("&action=query"), 1);
  ck_value("events.0.user", "ron");
  ck_assert_int_gt(number("events.0.attributes.filter_length"), 80000);
  ck_assert_uint_eq(strlen(value("events.0.attributes.filter_sha256")), 64);
  ck_answer(post_form(reader, FORM, &form), 200);
  ck_assert_uint_eq(trail("&action=query"), 1); /* again: it is counted */
  cf_buf_fini(&form);
}
END_TEST

START_TEST(test_bad)
{
  struct cf_buf form;
  cf_buf_init(&form, 256);
  cf_buf_puts(&form, "user=u1&statuss=1");
  ck_answer(post_form(reader, FORM, &form), 400);
  ck_value("parameter", "statuss");
  ck_answer(post_form(reader, "application/json", &form), 415);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/query?user=u1",
                             .token = reader,
                             .type = FORM,
                             .body = "user=u1"}),
            400);
  ck_value("parameter", "user");
  ck_answer(get("/v1/query", reader), 405);
  ck_assert_str_eq(header("Allow"), "POST");
  cf_buf_fini(&form);
}
END_TEST

/* What a form makes is charged: one that cannot fit is refused, and holds
 * nothing afterwards. */
static void set_little(void)
{
  stage_set("ingest_memory", "1M");
}

static void setup_little(void)
{
  stage_conf_set = set_little;
  stage_setup_roles();
}

START_TEST(test_memory)
{
  struct cf_buf form;
  many_users(&form, 900, 200);
  ck_answer(post_form(reader, FORM, &form), 413);
  cf_buf_fini(&form);
  many_users(&form, 200, 200);
  for (int i = 0; i < 20; i++)
    ck_answer(post_form(reader, FORM, &form), 200);
  cf_buf_fini(&form);
}
END_TEST

int main(void)
{
#define ON .setup = stage_setup_roles, .teardown = stage_teardown
  const struct cf_test tests[] = {
      {.tcase = "long", .test = test_thousand, ON},
      {.tcase = "pages", .test = test_pages, ON},
      {.tcase = "record", .test = test_record, ON},
      {.tcase = "bad", .test = test_bad, ON},
      {.tcase = "memory", .test = test_memory, .setup = setup_little, .teardown = stage_teardown},
  };
  return cf_test_run("app_question", tests, CF_COUNT(tests));
}
