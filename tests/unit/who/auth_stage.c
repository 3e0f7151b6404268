/* SPDX-License-Identifier: MIT */
/* The stage of the tests of who somebody is. */
#include "config.h"

#include "tests/unit/who/auth_stage.h"

struct cf_auth *auth;
struct cf_request request;
struct cf_memory memory;
struct cf_identity who;
struct cf_fault fault;
int64_t now;

void auth_setup(void)
{
  stage_setup();
  now = cf_clock_now_us();
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_request_init(&request, &memory.transport, CF_STR(""));
  who = (struct cf_identity){.via = CF_VIA_NOBODY};
  auth = NULL;
}

void open_auth(void)
{
  ck_assert_ok(cf_auth_new(&stage_conf, stage_ledger, &auth, &fault));
}

void auth_teardown(void)
{
  cf_identity_fini(&who);
  cf_request_fini(&request);
  cf_memory_fini(&memory);
  cf_auth_free(auth);
  stage_teardown();
}

void set(const char *name, const char *text)
{
  ck_assert_ok(cf_memory_param(&memory, name, text));
}

enum cf_err identify(bool cookie_ok)
{
  cf_identity_fini(&who);
  request.method = cookie_ok ? CF_HTTP_GET : CF_HTTP_POST;
  return cf_auth_identify(auth, &request, CF_NEED_KNOWN, now, &who, &fault);
}

void carry(const char *variable, const char *format, const char *text)
{
  char full[512];
  const char *mark = strstr(format, "%s");
  cf_memory_fini(&memory);
  cf_memory_init(&memory, CF_DOOR_WEB);
  snprintf(full, sizeof full, "%.*s%s%s", mark == NULL ? (int)strlen(format) : (int)(mark - format),
           format, mark == NULL ? "" : text, mark == NULL ? "" : mark + 2);
  set(variable, full);
}
