/* SPDX-License-Identifier: MIT */
/* Text on the page: hostile, long, and such as people take for other text; and
 * the template that it goes through. */
#include "config.h"

#include "fcgi-app/page/page.h"
#include "tests/unit/routes/page_stage.h"

/* ---- hostile text ---- */

static const char *const members[] = {"user",     "session", "credential", "user_agent", "referer",
                                      "resource", "query",   "host",       "request_id", "message"};

START_TEST(test_hostile)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"action\":\"x\",\"attributes\":{\"<i>k</i>\":\"<b>v</b>\"}");
  for (size_t i = 0; i < CF_COUNT(members); i++)
    cf_buf_putf(&b, ",\"%s\":\"<script>%s</script>\\\"'>&{{origin}}{{#row}}\\u0000\\u001b\\u202e\"",
                members[i], members[i]);
  cf_buf_putc(&b, '}');
  event(cf_buf_cstr(&b));
  cf_buf_fini(&b);
  sign_in();
  ck_answer(see("/"), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_assert_uint_eq(occurrences("<script"), 1); /* the page's own */
  ck_lacks("<b>v");
  ck_lacks("\xe2\x80\xae");
  ck_lacks("\x1b");
  for (size_t i = 0; i < CF_COUNT(members); i++) {
    char text[128];
    snprintf(
        text, sizeof text,
        "&lt;script&gt;%s&lt;/script&gt;&quot;&#39;&gt;&amp;{{origin}}{{#row}}<mark>U+0000</mark><mark>U+001B</mark><mark>U+202E</mark>",
        members[i]);
    ck_contains(text);
  }
  ck_answer(see("/?user=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&q=%22onfocus=x"), 200);
  ck_assert_uint_eq(occurrences("<script"), 1);
  ck_lacks("\"onfocus");
  ck_answer(see("/?status=%3Cscript%3E"), 400);
  ck_assert_uint_eq(occurrences("<script"), 1);
}
END_TEST

/* Templates that are none, each with its fault. */
static const char *const templates[] = {"a {{b",  "{{#a}} no end",
                                        "{{/a}}", "{{#a}}{{#b}}{{/a}}{{/b}}",
                                        "{{}}",   "{{#}}"};

START_TEST(test_templates)
{
  struct cf_site *site = NULL;
  struct cf_fault fault = {{0}, {0}};
  ck_assert_err(cf_site_new("/nonexistent", &site, &fault), CF_E_CONFIG);
  ck_assert_err(cf_site_new(temp_dir, &site, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "page.html"));
  temp_write(temp_path("style.css"), CF_STR(""), 0600);
  temp_write(temp_path("app.js"), CF_STR(""), 0600);
  temp_write(temp_path("icon.svg"), CF_STR(""), 0600);
  temp_write(temp_path("openapi.json"), CF_STR(""), 0600);
  for (size_t i = 0; i < CF_COUNT(templates); i++) {
    temp_write(temp_path("page.html"), cf_str_from(templates[i]), 0600);
    ck_assert_err(cf_site_new(temp_dir, &site, &fault), CF_E_CONFIG);
  }
  temp_write(temp_path("page.html"), CF_STR("a {{b}} {{#c}}{{d}}{{/c}}"), 0600);
  ck_assert_ok(cf_site_new(temp_dir, &site, &fault));
  cf_site_free(site);
}
END_TEST

static void put_hostile(void *context, struct cf_str name, struct cf_buf *b)
{
  (void)context;
  (void)name;
  cf_buf_puts(b, " \xe2\x80\xae\"");
}

static bool once(void *context, struct cf_str name, size_t i)
{
  (void)context;
  (void)name;
  return i == 0;
}

/* A value in a tag is for programs, and stays what it is; one in a text is for
 * people. */
START_TEST(test_tag_and_text)
{
  static const struct cf_page_values values = {NULL, put_hostile, once};
  struct cf_site *site = NULL;
  struct cf_fault fault = {{0}, {0}};
  struct cf_buf b;
  static const char *const names[] = {"style.css", "app.js", "icon.svg", "openapi.json"};
  for (size_t i = 0; i < CF_COUNT(names); i++)
    temp_write(temp_path(names[i]), CF_STR(""), 0600);
  temp_write(temp_path("page.html"), CF_STR("{{a}}<b c=\"{{a}}\"{{#d}} e=\"{{a}}\"{{/d}}>{{a}}"),
             0600);
  ck_assert_ok(cf_site_new(temp_dir, &site, &fault));
  cf_buf_init(&b, SIZE_MAX);
  ck_assert_ok(cf_page_put(site, &values, &b));
#define TEXT "<mark>U+0020</mark><mark>U+202E</mark>&quot;"
#define TAG  " \xe2\x80\xae&quot;"
  ck_assert_str_eq(cf_buf_cstr(&b), TEXT "<b c=\"" TAG "\" e=\"" TAG "\">" TEXT);
  cf_buf_fini(&b);
  cf_site_free(site);
}
END_TEST

/* ---- cells ---- */

/* The content of the n-th cell of that class, ended by NUL. */
static const char *cell(const char *class, size_t n)
{
  static char text[20000];
  char tag[64];
  snprintf(tag, sizeof tag, "<td class=\"%s\">", class);
  const char *at = content();
  for (size_t i = 0; i <= n; i++) {
    at = strstr(at, tag);
    ck_assert_msg(at != NULL, "no cell %zu of %s", n, class);
    at += strlen(tag);
  }
  const char *end = strstr(at, "</td>");
  snprintf(text, sizeof text, "%.*s", (int)(end - at), at);
  return text;
}

/* An event of 16 KB is one line: each value is cut at 200 characters, says so,
 * and stands whole where the row is opened. */
START_TEST(test_long)
{
  struct cf_buf b;
  char whole[8193], cut[401], text[512];
  for (size_t i = 0; i < 4096; i++)
    memcpy(whole + 2 * i, "\xc3\xbc", 2);
  whole[8192] = '\0';
  snprintf(cut, sizeof cut, "%.400s", whole);
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putf(&b, "{\"action\":\"x\",\"user\":\"%.1024s\",\"resource\":\"/%s\",\"message\":\"%s\"}",
              whole, whole + 2, whole);
  event(cf_buf_cstr(&b));
  cf_buf_fini(&b);
  sign_in();
  ck_answer(see("/"), 200);
  ck_assert_uint_lt(strlen(cell("c-p", 0)), 1000);
  snprintf(text, sizeof text, "<bdi>%s</bdi></a><mark>\xe2\x80\xa6</mark>", cut);
  ck_assert_ptr_nonnull(strstr(cell("c-u", 0), text));
  snprintf(text, sizeof text, "<bdi>/%s</bdi><mark>\xe2\x80\xa6</mark>", cut + 2);
  ck_assert_ptr_nonnull(strstr(cell("c-p", 0), text));
  ck_assert_ptr_null(strchr(cell("c-p", 0), '\n'));
  ck_contains(whole); /* of the row opened */
  event("{\"action\":\"x\",\"user\":\"short\"}");
  ck_answer(see("/?user=short"), 200);
  ck_lacks("<mark>");
}
END_TEST

/* Values that people take for each other, each of its own event. */
static const char *const twins[] = {"bob",
                                    "bob ",
                                    " bob",
                                    "bob  ",
                                    "b ob",
                                    "b  ob",
                                    "bo\xe2\x80\x8b"
                                    "b",
                                    "bo\xef\xbf\xbd"
                                    "b",
                                    "bo\xe2\xa0\x80"
                                    "b",
                                    "bo\xe3\x85\xa4"
                                    "b",
                                    "bob\xef\xb8\x8f",
                                    "bo\xe2\x80\x8d"
                                    "b",
                                    "bo\xc2\xa0"
                                    "b",
                                    "bo\\u0000b",
                                    "bo\\u001bb",
                                    "",
                                    "empty",
                                    "absent",
                                    "U+200B"};

START_TEST(test_twins)
{
  static char seen[CF_COUNT(twins) + 1][400];
  char text[128];
  for (size_t i = 0; i < CF_COUNT(twins); i++) {
    snprintf(text, sizeof text, "{\"action\":\"x\",\"user\":\"%s\"}", twins[i]);
    event(text);
  }
  event("{\"action\":\"x\"}");
  sign_in();
  ck_answer(see("/"), 200);
  ck_assert_uint_eq(rows(), CF_COUNT(seen));
  for (size_t i = 0; i < CF_COUNT(seen); i++) {
    const char *at = cell("c-u", i);
    const char *bdi = strstr(at, "<bdi>"); /* without the link, which tells them apart anyway */
    snprintf(seen[i], sizeof seen[i], "%s", bdi != NULL ? bdi : at);
    for (size_t k = 0; k < i; k++)
      ck_assert_str_ne(seen[i], seen[k]);
  }
  ck_contains("<i>empty</i>");
  ck_contains("<i>absent</i>");
  ck_answer(see("/?user=bob%20"), 200); /* what the form has is what was asked */
  ck_assert_uint_eq(rows(), 1);
  ck_contains("name=\"user\" value=\"bob \"");
  ck_contains("user <bdi>bob<mark>U+0020</mark></bdi>");
  ck_answer(see("/?user=bo%E2%80%8Bb"), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_contains("name=\"user\" value=\"bo\xe2\x80\x8b"
              "b\"");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "hostile",
       .test = test_hostile,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "hostile", .test = test_templates},
      {.tcase = "hostile", .test = test_tag_and_text},
      {.tcase = "hostile", .test = test_long},
      {.tcase = "hostile", .test = test_twins},
  };
  return cf_test_run("app_shown", tests, CF_COUNT(tests));
}
