/* SPDX-License-Identifier: MIT */
/* The request: method, path, parameters, as CGI variables tell them. */
#include "config.h"

#include "fcgi-app/http/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/address.h"

#define INTEGER_MAX UINT64_C(9007199254740991)

struct cf_str cf_request_variable(const struct cf_request *rq, const char *name)
{
  const char *value = rq->transport->param(rq->transport->context, name);
  return cf_str_from(value != NULL ? value : "");
}

enum cf_http_method cf_http_method(struct cf_str text)
{
  if (cf_str_is(text, "GET"))
    return CF_HTTP_GET;
  if (cf_str_is(text, "HEAD"))
    return CF_HTTP_HEAD;
  return cf_str_is(text, "POST") ? CF_HTTP_POST : CF_HTTP_OTHER;
}

static struct cf_str without_slash(struct cf_str path)
{
  while (path.n > 0 && path.p[path.n - 1] == '/')
    path.n--;
  return path;
}

static void split_script(struct cf_request *rq, struct cf_str script, struct cf_str base)
{
  base = without_slash(base);
  bool below = cf_str_starts(script, base) && (script.n == base.n || script.p[base.n] == '/');
  rq->mount = below ? (struct cf_str){script.p, base.n} : CF_STR("");
  rq->path = below ? (struct cf_str){script.p + base.n, script.n - base.n} : script;
}

void cf_request_init(struct cf_request *rq, struct cf_transport *transport, struct cf_str base)
{
  memset(rq, 0, sizeof *rq);
  rq->transport = transport;
  cf_buf_init(&rq->text, SIZE_MAX);
  rq->method = cf_http_method(cf_request_variable(rq, "REQUEST_METHOD"));
  struct cf_str info = cf_request_variable(rq, "PATH_INFO");
  struct cf_str script = cf_request_variable(rq, "SCRIPT_NAME");
  rq->has_path_info = info.n > 0;
  if (rq->has_path_info) {
    rq->path = info;
    rq->mount = without_slash(script);
  } else {
    split_script(rq, script, base);
  }
  if (rq->path.n == 0)
    rq->path = CF_STR("/");
}

/* A form may have held a token. */
void cf_request_fini(struct cf_request *rq)
{
  if (rq->text.p != NULL)
    cf_wipe(rq->text.p, rq->text.cap);
  cf_buf_fini(&rq->text);
  free(rq->params);
}

/* ---- parameters ---- */

/* Decode one name or value onto text; its place is told as an offset because
 * text may move. */
static enum cf_err text_decode(struct cf_request *rq, struct cf_str s, const char *what,
                               struct cf_fault *fault)
{
  enum cf_err err = cf_url_get(s, true, &rq->text);
  if (err == CF_E_SYNTAX)
    return cf_fail(fault, CF_E_PARAMETER, NULL,
                   "%s has a %% that is not followed by two hex digits", what);
  return err;
}

/* Room for one more: the array doubles at powers of two. */
static enum cf_err params_grow(struct cf_request *rq)
{
  size_t n = rq->params_n;
  if ((n & (n - 1)) != 0)
    return CF_OK;
  struct cf_param *grown = realloc(rq->params, (n == 0 ? 1 : 2 * n) * sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  rq->params = grown;
  return CF_OK;
}

static enum cf_err add_param(struct cf_request *rq, struct cf_str pair, struct cf_fault *fault)
{
  if (rq->params_n == CF_PARAMS_MAX)
    return cf_fail(fault, CF_E_PARAMETER, NULL, "more than %d parameters", CF_PARAMS_MAX);
  if (params_grow(rq) != CF_OK)
    return CF_E_NOMEM;
  struct cf_param *param = &rq->params[rq->params_n];
  struct cf_str name = cf_str_cut(&pair, '=');
  size_t at = rq->text.n;
  enum cf_err err = text_decode(rq, name, "a parameter's name", fault);
  size_t middle = rq->text.n;
  if (err == CF_OK)
    err = text_decode(rq, pair, "a parameter's value", fault);
  if (err != CF_OK)
    return err;
  param->name = (struct cf_str){NULL, middle - at};
  param->value = (struct cf_str){NULL, rq->text.n - middle};
  rq->params_n++;
  return CF_OK;
}

/* Names and values lie in text one after the other, in the order of params. */
static void place_params(struct cf_request *rq)
{
  const char *p = cf_buf_cstr(&rq->text);
  for (size_t i = 0; i < rq->params_n; i++) {
    struct cf_param *param = &rq->params[i];
    param->name.p = p;
    param->value.p = p + param->name.n;
    p += param->name.n + param->value.n;
  }
}

enum cf_err cf_request_form(struct cf_request *rq, struct cf_str form, struct cf_fault *fault)
{
  rq->params_n = 0;
  cf_buf_reset(&rq->text);
  enum cf_err err = CF_OK;
  while (form.n > 0 && err == CF_OK) {
    struct cf_str pair = cf_str_cut(&form, '&');
    if (pair.n > 0)
      err = add_param(rq, pair, fault);
  }
  if (err != CF_OK)
    rq->params_n = 0;
  place_params(rq);
  return err;
}

/* Apache's mod_proxy_fcgi leaves out a variable of more than 16 KiB without a
 * word. A server that sends none where it is empty sends REQUEST_URI. What is
 * posted is in the body. */
static bool query_is_lost(const struct cf_request *rq)
{
  struct cf_str uri = cf_request_variable(rq, "REQUEST_URI");
  return rq->method != CF_HTTP_POST &&
         rq->transport->param(rq->transport->context, "QUERY_STRING") == NULL &&
         (uri.n == 0 || memchr(uri.p, '?', uri.n) != NULL);
}

enum cf_err cf_request_query(struct cf_request *rq, struct cf_fault *fault)
{
  if (query_is_lost(rq))
    return cf_fail(fault, CF_E_PARAMETER, NULL,
                   "the web server did not pass the query string on; a question that is too long "
                   "for it may be posted to /v1/query");
  struct cf_str sent = cf_request_variable(rq, "QUERY_STRING");
  if (sent.n > CF_QUERY_STRING_MAX)
    return cf_fail(fault, CF_E_PARAMETER, NULL,
                   "the parameters are longer than %d bytes; a question may be posted to /v1/query",
                   CF_QUERY_STRING_MAX);
  return cf_request_form(rq, sent, fault);
}

bool cf_request_get(const struct cf_request *rq, const char *name, struct cf_str *value)
{
  for (size_t i = 0; i < rq->params_n; i++) {
    if (!cf_str_is(rq->params[i].name, name))
      continue;
    *value = rq->params[i].value;
    return true;
  }
  return false;
}

static bool name_listed(struct cf_str name, const char *names)
{
  struct cf_str left = cf_str_from(names);
  while (left.n > 0)
    if (cf_str_eq(cf_str_cut(&left, ' '), name))
      return true;
  return false;
}

/* A copy for a fault's words, cut to size. */
static void short_copy(struct cf_str s, char out[80])
{
  s = cf_utf8_head(s, 79);
  if (s.n > 0)
    memcpy(out, s.p, s.n);
  out[s.n] = '\0';
}

enum cf_err cf_request_only(const struct cf_request *rq, const char *names, struct cf_fault *fault)
{
  for (size_t i = 0; i < rq->params_n; i++) {
    char name[80];
    short_copy(rq->params[i].name, name);
    if (!name_listed(rq->params[i].name, names))
      return cf_fail(fault, CF_E_PARAMETER, name,
                     *names == '\0' ? "this route takes no parameters"
                                    : "unknown parameter; this route takes: %s",
                     names);
    for (size_t j = 0; j < i; j++)
      if (cf_str_eq(rq->params[i].name, rq->params[j].name))
        return cf_fail(fault, CF_E_PARAMETER, name, "given twice");
  }
  return CF_OK;
}

enum cf_err cf_request_flag(const struct cf_request *rq, const char *name, bool *flag,
                            struct cf_fault *fault)
{
  struct cf_str value = CF_STR("0");
  cf_request_get(rq, name, &value);
  if (!cf_str_is(value, "1") && !cf_str_is(value, "0"))
    return cf_fail(fault, CF_E_PARAMETER, name, "%s is 1 or 0", name);
  *flag = cf_str_is(value, "1");
  return CF_OK;
}

enum cf_err cf_request_u64(const struct cf_request *rq, const char *name, bool *present,
                           uint64_t *value, struct cf_fault *fault)
{
  struct cf_str text;
  *present = cf_request_get(rq, name, &text);
  if (*present && cf_u64_parse(text, INTEGER_MAX, value) != CF_OK)
    return cf_fail(fault, CF_E_PARAMETER, name, "%s is an integer from 0 to 2^53-1", name);
  return CF_OK;
}

/* ---- other facts ---- */

bool cf_request_https(const struct cf_request *rq)
{
  struct cf_str https = cf_request_variable(rq, "HTTPS");
  return (https.n == 2 && strncasecmp(https.p, "on", 2) == 0) || cf_str_is(https, "1") ||
         cf_str_is(cf_request_variable(rq, "REQUEST_SCHEME"), "https");
}

void cf_request_ip(const struct cf_request *rq, char out[46])
{
  char address[46];
  bool ok = cf_address_canonical(cf_request_variable(rq, "REMOTE_ADDR"), address) == CF_OK;
  strcpy(out, ok ? address : "");
}

void cf_path_put(struct cf_buf *b, struct cf_str path)
{
  while (path.n > 1 && path.p[0] == '/' && path.p[1] == '/')
    path = (struct cf_str){path.p + 1, path.n - 1};
  while (path.n > 0) {
    size_t before = path.n;
    struct cf_str segment = cf_str_cut(&path, '/');
    cf_url_put(b, segment);
    if (segment.n < before)
      cf_buf_putc(b, '/');
  }
}
