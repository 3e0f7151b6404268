/* SPDX-License-Identifier: MIT */
/* Scripts of other origins. */
#include "config.h"

#include "fcgi-app/routes/cors_in.h"

#define HEADERS "Authorization, X-Counterfoil-Token, Content-Type, Content-Encoding"
#define MAX_AGE "600" /* seconds for which a browser need not ask again */

/* The configured origin that the request comes from; "": none of them. */
static const char *origin_of(const struct cf_conf *conf, const struct cf_request *rq)
{
  struct cf_str origin = cf_request_variable(rq, "HTTP_ORIGIN");
  for (size_t i = 0; i < conf->cors_origin.n; i++)
    if (cf_str_is(origin, conf->cors_origin.v[i]))
      return conf->cors_origin.v[i];
  return "";
}

void cf_cors_allow(const struct cf_conf *conf, const struct cf_request *rq,
                   const struct cf_route *route, struct cf_response *rs)
{
  if (conf->cors_origin.n > 0 && route->need != CF_NEED_PAGE && route->need != CF_NEED_NOBODY)
    rs->cors = origin_of(conf, rq);
}

bool cf_cors_asks(const struct cf_request *rq)
{
  return cf_str_is(cf_request_variable(rq, "REQUEST_METHOD"), "OPTIONS");
}

/* The row for the method that the script wants to use. */
static const struct cf_route *route_wanted(struct cf_call *call)
{
  char allow[CF_ALLOW_MAX];
  const struct cf_route *route = NULL;
  struct cf_str method = cf_request_variable(call->request, "HTTP_ACCESS_CONTROL_REQUEST_METHOD");
  enum cf_err err =
      cf_route_find(cf_http_method(method), call->request->path, &route, call->args, allow);
  return err == CF_OK ? route : NULL;
}

enum cf_err cf_cors_answer(struct cf_call *call, const char *allow)
{
  struct cf_response *rs = call->response;
  const struct cf_route *route = route_wanted(call);
  if (route != NULL)
    cf_cors_allow(call->app->conf, call->request, route, rs);
  if (rs->cors == NULL || *rs->cors == '\0')
    return cf_fail(&call->fault, CF_E_METHOD, NULL,
                   "this route takes: %s; scripts of other origins may not ask here (cors_origin)",
                   allow);
  enum cf_err err = cf_response_status(rs, 204);
  if (err == CF_OK)
    err = cf_response_header(rs, "Access-Control-Allow-Methods", cf_str_from(allow));
  if (err == CF_OK)
    err = cf_response_header(rs, "Access-Control-Allow-Headers", CF_STR(HEADERS));
  return err == CF_OK ? cf_response_header(rs, "Access-Control-Max-Age", CF_STR(MAX_AGE)) : err;
}
