/* SPDX-License-Identifier: MIT */
/* Fuzz target: a request as a web server hands it over. Lines "NAME=value" are
 * CGI variables, what follows an empty line is the body. All that reads them
 * before a caller is known: path, parameters, cookie, origin, route, body with
 * its coding, form, and what escapes text for the page. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/http/body.h"
#include "fcgi-app/http/memory.h"
#include "fcgi-app/http/response.h"
#include "fcgi-app/routes/route_in.h"
#include "fcgi-app/who/session.h"
#include "fcgi-app/who/site.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/show.h"
#include "lib/base/utf8.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 65536

/* Take the variables off the front of the input; what is left is the body. */
static void read_variables(struct cf_memory *m, struct cf_str *left)
{
  while (left->n > 0) {
    struct cf_str line = cf_str_cut(left, '\n');
    struct cf_str name = cf_str_cut(&line, '=');
    if (name.n == 0)
      break;
    char *name_text = cf_str_dup(name);
    char *value_text = cf_str_dup(line);
    if (name_text != NULL && value_text != NULL &&
        cf_memory_param(m, name_text, value_text) != CF_OK)
      left->n = 0;
    free(name_text);
    free(value_text);
  }
}

/* Escaped text has nothing in it that could end or begin anything but a
 * chip. */
static void check_shown(struct cf_str text, enum cf_show_mode mode)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_show_put(&b, text, mode);
  struct cf_str html = cf_buf_str(&b);
  CF_ASSERT(cf_utf8_ok(html));
  for (size_t i = 0; i < html.n; i++) {
    if (mode == CF_SHOW_HTML &&
        cf_str_starts((struct cf_str){html.p + i, html.n - i}, CF_STR("<mark>")))
      i += 6;
    if (mode == CF_SHOW_HTML &&
        cf_str_starts((struct cf_str){html.p + i, html.n - i}, CF_STR("</mark>")))
      i += 6;
    else
      CF_ASSERT(strchr("<>\"'", html.p[i]) == NULL && (unsigned char)html.p[i] >= 0x20);
  }
  cf_buf_fini(&b);
}

static void check_html(struct cf_str text)
{
  check_shown(text, CF_SHOW_HTML);
  check_shown(text, CF_SHOW_ATTRIBUTE);
}

static void check_path(struct cf_str path)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_path_put(&b, path);
  for (size_t i = 0; i < b.n; i++)
    CF_ASSERT(b.p[i] > 0x20 && b.p[i] < 0x7f && b.p[i] != ';' && b.p[i] != '\\');
  CF_ASSERT(b.n < 2 || b.p[0] != '/' || b.p[1] != '/');
  cf_buf_fini(&b);
}

static void check_params(const struct cf_request *rq)
{
  struct cf_fault fault = {{0}, {0}};
  for (size_t i = 0; i < rq->params_n; i++) {
    check_html(rq->params[i].name);
    check_html(rq->params[i].value);
  }
  (void)!cf_request_only(rq, "a b c", &fault);
  check_html(cf_str_from(fault.detail));
}

static void check_response(struct cf_memory *m, const struct cf_request *rq)
{
  struct cf_response rs;
  cf_response_init(&rs, rq->transport, rq->method == CF_HTTP_HEAD);
  enum cf_err err = cf_response_header(&rs, "X-Path", rq->path);
  if (err == CF_OK)
    err = cf_response_end(&rs);
  if (err == CF_OK)
    CF_ASSERT(cf_memory_status(m) == 200 && cf_memory_content(m).n == 0);
  cf_response_fini(&rs);
}

static void check_body(struct cf_request *rq)
{
  struct cf_charges *charges;
  struct cf_body body;
  struct cf_fault fault = {{0}, {0}};
  CF_ASSERT(cf_charges_new(UINT64_C(8) << 20, &charges) == CF_OK);
  struct cf_charge charge = {.charges = charges};
  if (cf_body_read(&charge, rq, BODY_MAX, &body, &fault) == CF_OK) {
    CF_ASSERT(cf_charges_held(charges) == body.data.n &&
              body.data.n <= (size_t)BODY_MAX * CF_BODY_INFLATE);
    if (cf_request_form(rq, cf_buf_str(&body.data), &fault) == CF_OK)
      check_params(rq);
    cf_body_fini(&body);
  }
  CF_ASSERT(cf_charges_held(charges) == 0);
  cf_charges_free(charges);
}

/* A proxy is believed, so that what it sends is read. */
static void check_site(const struct cf_request *rq)
{
  static char yes[] = "yes", url[] = "https://audit.example.org/audit";
  const struct cf_conf conf = {.trust_proxy = yes, .public_url = url};
  struct cf_fault fault = {{0}, {0}};
  (void)!cf_site_check(&conf, rq, &fault);
  check_path(cf_site_mount(&conf, rq));
}

static void check_request(struct cf_memory *m, struct cf_request *rq)
{
  const struct cf_route *route;
  struct cf_str args[CF_ROUTE_ARGS_MAX];
  struct cf_str cookie, cookies = cf_request_variable(rq, "HTTP_COOKIE");
  struct cf_fault fault = {{0}, {0}};
  char allow[CF_ALLOW_MAX];
  char ip[46];
  check_path(rq->mount);
  check_path(rq->path);
  cf_request_ip(rq, ip);
  if (cf_request_query(rq, &fault) == CF_OK)
    check_params(rq);
  while (cf_cookie_next(&cookies, &cookie))
    CF_ASSERT(cookie.n == CF_COOKIE_N &&
              cf_session_check_form(cookie, cookie, &fault) == CF_E_ORIGIN);
  check_site(rq);
  (void)!cf_route_find(rq->method, rq->path, &route, args, allow);
  check_response(m, rq);
  check_body(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_str left = {(const char *)data, size};
  struct cf_memory m;
  struct cf_request *rq = calloc(1, sizeof *rq);
  if (rq == NULL)
    return 0;
  cf_memory_init(&m, CF_DOOR_WEB);
  read_variables(&m, &left);
  cf_memory_body(&m, left);
  cf_request_init(rq, &m.transport, CF_STR("/base"));
  check_request(&m, rq);
  cf_request_fini(rq);
  free(rq);
  cf_memory_fini(&m);
  return 0;
}
