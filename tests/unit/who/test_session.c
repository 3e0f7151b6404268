/* SPDX-License-Identifier: MIT */
/* The page's cookie as a header, and its form's token. */
#include "config.h"

#include "fcgi-app/who/session.h"
#include "tests/unit/who/auth_stage.h"

START_TEST(test_form_token)
{
  struct cf_buf b;
  cf_buf_init(&b, 256);
  cf_session_put_form(CF_STR("one"), &b);
  ck_assert_ok(cf_session_check_form(CF_STR("one"), cf_buf_str(&b), &fault));
  ck_assert_err(cf_session_check_form(CF_STR("another"), cf_buf_str(&b), &fault), CF_E_ORIGIN);
  ck_assert_err(cf_session_check_form(CF_STR("one"), CF_STR(""), &fault), CF_E_ORIGIN);
  cf_buf_fini(&b);
}
END_TEST

static const struct {
  const char *script, *https, *want;
} cookie_headers[] = {
    {"/audit", NULL, "counterfoil=v; Path=/audit; Max-Age=60; HttpOnly; SameSite=Lax"},
    {"", "on", "counterfoil=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"},
    {"/a;b", "off", "counterfoil=v; Path=/a%3Bb; Max-Age=60; HttpOnly; SameSite=Lax"},
};

START_TEST(test_cookie_header)
{
  for (size_t i = 0; i < CF_COUNT(cookie_headers); i++) {
    struct cf_request rq;
    struct cf_buf b;
    carry("PATH_INFO", "/", "");
    set("SCRIPT_NAME", cookie_headers[i].script);
    if (cookie_headers[i].https != NULL)
      set("HTTPS", cookie_headers[i].https);
    cf_buf_init(&b, 1024);
    cf_request_init(&rq, &memory.transport, CF_STR(""));
    cf_session_put_header(&stage_conf, &rq, CF_STR("v"), 60, &b);
    ck_assert_str_eq(cf_buf_cstr(&b), cookie_headers[i].want);
    cf_request_fini(&rq);
    cf_buf_fini(&b);
  }
}
END_TEST

int main(void)
{
#define ON .tcase = "session", .setup = auth_setup, .teardown = auth_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_form_token},
      {ON, .test = test_cookie_header},
  };
  return cf_test_run("session", tests, CF_COUNT(tests));
}
