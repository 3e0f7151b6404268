/* SPDX-License-Identifier: MIT */
/* What handlers share: the call that they answer. */
#include "config.h"

#include "fcgi-app/routes/call_in.h"

enum cf_err cf_call_site(struct cf_call *call, const struct cf_site **site)
{
  *site = call->app->site;
  return *site != NULL ? CF_OK
                       : cf_fail(&call->fault, CF_E_CONFIG, NULL, "the page's files are missing");
}

enum cf_err cf_call_answer(struct cf_call *call, int status, const char *type, struct cf_buf *b)
{
  if (b->err != CF_OK)
    return b->err;
  enum cf_err err = cf_response_begin(call->response, status, type);
  return err == CF_OK ? cf_response_put(call->response, cf_buf_str(b)) : err;
}
