/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/routes/page_stage.h"

char cookie[300];

int login(const char *token, const char *name, const char *text)
{
  char form[256];
  snprintf(form, sizeof form, "token=%s", token);
  return ask((struct ask){.method = "POST",
                          .path = "/login",
                          .body = form,
                          .type = "application/x-www-form-urlencoded",
                          .vars = {name, text}});
}

void sign_in_as(const char *token)
{
  ck_answer(login(token, NULL, NULL), 303);
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(header("Set-Cookie"), ";"),
           header("Set-Cookie"));
}

void sign_in(void)
{
  sign_in_as(auditor);
}

int see(const char *path)
{
  return ask((struct ask){.path = path, .vars = {"HTTP_COOKIE", cookie}});
}

void event(const char *text)
{
  ck_answer(post("/v1/events", writer, text), 201);
}

size_t occurrences(const char *what)
{
  size_t n = 0;
  for (const char *p = content(); (p = strstr(p, what)) != NULL; p += strlen(what))
    n++;
  return n;
}

size_t rows(void)
{
  return occurrences("<tr class=");
}
