/* SPDX-License-Identifier: MIT */
/* Where a POST comes from, behind proxies too, and what follows from it for the
 * cookie. */
#include "config.h"

#include "fcgi-app/who/site.h"

#include "fcgi-app/who/session.h"
#include "tests/unit/who/auth_stage.h"

/* A configuration of its own, since the stage's is in use. */
static struct cf_conf here;

static void configure(const char *trust_proxy, const char *public_url)
{
  ck_assert_ok(cf_conf_defaults(&here));
  ck_assert_ok(cf_conf_set(&here, CF_STR("trust_proxy"), cf_str_from(trust_proxy), &fault));
  ck_assert_ok(cf_conf_set(&here, CF_STR("public_url"), cf_str_from(public_url), &fault));
}

/* The web server was asked as audit.example.org. */
static const struct {
  const char *origin, *referer, *site, *forwarded;
  const char *trust_proxy, *public_url;
  enum cf_err err;
} rows[] = {
    {NULL, NULL, NULL, NULL, "no", "", CF_OK},
    {"https://audit.example.org", NULL, NULL, NULL, "no", "", CF_OK},
    {"https://AUDIT.example.org", NULL, "same-origin", NULL, "no", "", CF_OK},
    {NULL, "https://audit.example.org/audit/?x", NULL, NULL, "no", "", CF_OK},
    {NULL, NULL, "none", NULL, "no", "", CF_OK},
    {"null", NULL, NULL, NULL, "no", "", CF_E_ORIGIN},
    {"https://evil.example", NULL, NULL, NULL, "no", "", CF_E_ORIGIN},
    {"https://audit.example.org.evil.example", NULL, NULL, NULL, "no", "", CF_E_ORIGIN},
    {"https://audit.example.org:8443", NULL, NULL, NULL, "no", "", CF_E_ORIGIN},
    {"https://evil.example", "https://audit.example.org/", NULL, NULL, "no", "", CF_E_ORIGIN},
    {NULL, "https://evil.example/?https://audit.example.org/", NULL, NULL, "no", "", CF_E_ORIGIN},
    /* a proxy changed the host: the browser's own word counts first */
    {"https://log.example.com", NULL, "same-origin", NULL, "no", "", CF_OK},
    {"https://audit.example.org", NULL, "cross-site", NULL, "no", "", CF_E_ORIGIN},
    {NULL, NULL, "same-site", NULL, "no", "", CF_E_ORIGIN},
    /* an older browser sends only Origin */
    {"https://log.example.com", NULL, NULL, NULL, "no", "", CF_E_ORIGIN},
    {"https://log.example.com", NULL, NULL, "log.example.com", "no", "", CF_E_ORIGIN},
    {"https://log.example.com", NULL, NULL, "log.example.com", "yes", "", CF_OK},
    {"https://log.example.com", NULL, NULL, "log.example.com, b.internal", "yes", "", CF_OK},
    {"https://b.internal", NULL, NULL, "log.example.com, b.internal", "yes", "", CF_E_ORIGIN},
    {"https://evil.example", NULL, NULL, "log.example.com", "yes", "", CF_E_ORIGIN},
    {"https://evil.example", NULL, NULL, "", "yes", "", CF_E_ORIGIN},
    {"https://log.example.com", NULL, NULL, NULL, "no", "https://log.example.com/a", CF_OK},
    {"https://log.example.com:8443", NULL, NULL, NULL, "no", "https://log.example.com:8443", CF_OK},
    {"https://evil.example", NULL, NULL, NULL, "no", "https://log.example.com/a", CF_E_ORIGIN},
    {"https://log.example.com", NULL, "cross-site", NULL, "no", "https://log.example.com",
     CF_E_ORIGIN},
};

START_TEST(test_check)
{
  for (size_t i = 0; i < CF_COUNT(rows); i++) {
    configure(rows[i].trust_proxy, rows[i].public_url);
    carry("HTTP_HOST", "audit.example.org", "");
    if (rows[i].origin != NULL)
      set("HTTP_ORIGIN", rows[i].origin);
    if (rows[i].referer != NULL)
      set("HTTP_REFERER", rows[i].referer);
    if (rows[i].site != NULL)
      set("HTTP_SEC_FETCH_SITE", rows[i].site);
    if (rows[i].forwarded != NULL)
      set("HTTP_X_FORWARDED_HOST", rows[i].forwarded);
    enum cf_err err = cf_site_check(&here, &request, &fault);
    ck_assert_msg(err == rows[i].err, "row %zu: %s", i, cf_err_word(err));
    cf_conf_fini(&here);
  }
}
END_TEST

/* The cookie is for the path and the scheme that the browser knows. */
static const struct {
  const char *proto, *trust_proxy, *public_url, *want;
} cookies[] = {
    {NULL, "no", "", "Path=/audit;"},
    {NULL, "no", "https://log.example.com/a/b/", "Path=/a/b; Secure"},
    {NULL, "no", "https://log.example.com", "Path=/; Secure"},
    {NULL, "no", "http://log.example.com/a", "Path=/a;"},
    {"https", "no", "", "Path=/audit;"},
    {"https", "yes", "", "Path=/audit; Secure"},
    {"http", "yes", "", "Path=/audit;"},
};

START_TEST(test_cookie)
{
  for (size_t i = 0; i < CF_COUNT(cookies); i++) {
    struct cf_request rq;
    struct cf_buf b;
    char want[128];
    configure(cookies[i].trust_proxy, cookies[i].public_url);
    carry("PATH_INFO", "/", "");
    set("SCRIPT_NAME", "/audit");
    if (cookies[i].proto != NULL)
      set("HTTP_X_FORWARDED_PROTO", cookies[i].proto);
    cf_buf_init(&b, 1024);
    cf_request_init(&rq, &memory.transport, CF_STR(""));
    cf_session_put_header(&here, &rq, CF_STR("v"), 60, &b);
    const char *secure = strstr(cookies[i].want, "; Secure");
    int path_n = (int)strcspn(cookies[i].want, ";");
    snprintf(want, sizeof want, "counterfoil=v; %.*s; Max-Age=60; HttpOnly; SameSite=Lax%s", path_n,
             cookies[i].want, secure == NULL ? "" : secure);
    ck_assert_str_eq(cf_buf_cstr(&b), want);
    cf_request_fini(&rq);
    cf_buf_fini(&b);
    cf_conf_fini(&here);
  }
}
END_TEST

int main(void)
{
#define ON .tcase = "site", .setup = auth_setup, .teardown = auth_teardown
  const struct cf_test tests[] = {
      {ON, .test = test_check},
      {ON, .test = test_cookie},
  };
  return cf_test_run("site", tests, CF_COUNT(tests));
}
