/* SPDX-License-Identifier: MIT */
/* The page's cookie as a header, its form's token, and where a POST comes
 * from. */
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
    cf_session_put_header(&rq, CF_STR("v"), 60, &b);
    ck_assert_str_eq(cf_buf_cstr(&b), cookie_headers[i].want);
    cf_request_fini(&rq);
    cf_buf_fini(&b);
  }
}
END_TEST

/* ---- origin ---- */

static const struct {
  const char *origin, *referer, *site;
  enum cf_err err;
} origins[] = {
    {NULL, NULL, NULL, CF_OK},
    {"https://audit.example.org", NULL, NULL, CF_OK},
    {"https://AUDIT.example.org", NULL, "same-origin", CF_OK},
    {NULL, "https://audit.example.org/audit/?x", NULL, CF_OK},
    {NULL, NULL, "none", CF_OK},
    {"null", NULL, NULL, CF_E_ORIGIN},
    {"https://evil.example", NULL, NULL, CF_E_ORIGIN},
    {"https://audit.example.org.evil.example", NULL, NULL, CF_E_ORIGIN},
    {"https://audit.example.org:8443", NULL, NULL, CF_E_ORIGIN},
    {"https://evil.example", "https://audit.example.org/", NULL, CF_E_ORIGIN},
    {NULL, "https://evil.example/?https://audit.example.org/", NULL, CF_E_ORIGIN},
    {"https://audit.example.org", NULL, "cross-site", CF_E_ORIGIN},
    {NULL, NULL, "same-site", CF_E_ORIGIN},
};

START_TEST(test_origin)
{
  for (size_t i = 0; i < CF_COUNT(origins); i++) {
    carry("HTTP_HOST", "audit.example.org", "");
    if (origins[i].origin != NULL)
      set("HTTP_ORIGIN", origins[i].origin);
    if (origins[i].referer != NULL)
      set("HTTP_REFERER", origins[i].referer);
    if (origins[i].site != NULL)
      set("HTTP_SEC_FETCH_SITE", origins[i].site);
    enum cf_err err = cf_origin_check(&request, &fault);
    ck_assert_msg(err == origins[i].err, "row %zu: %s", i, cf_err_word(err));
  }
}
END_TEST
int main(void)
{
#define ON .tcase = "session", .setup = auth_setup, .teardown = auth_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_form_token},
      {ON, .test = test_cookie_header},
      {ON, .test = test_origin},
  };
  return cf_test_run("session", tests, CF_COUNT(tests));
}
