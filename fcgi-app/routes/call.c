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

enum cf_err cf_call_form(struct cf_call *call, uint64_t max)
{
  struct cf_body body;
  enum cf_err err = cf_body_read(&call->charge, call->request, max, &body, &call->fault);
  if (err != CF_OK)
    return err;
  err = cf_charge_add(&call->charge, body.data.n);
  if (err == CF_OK)
    err = cf_request_form(call->request, cf_buf_str(&body.data), &call->fault);
  if (body.data.p != NULL)
    cf_wipe(body.data.p, body.data.n);
  cf_body_fini(&body);
  return err;
}

bool cf_call_leave(struct cf_call *call)
{
  struct cf_transport *transport = call->request->transport;
  call->left = transport->leave != NULL && transport->leave(transport->context);
  return call->left;
}

enum cf_err cf_call_fail_space(struct cf_call *call, enum cf_err err, const char *then)
{
  struct cf_ledger_state state;
  cf_ledger_state(call->app->ledger, &state);
  if (state.space_ok)
    return cf_fail(&call->fault, err, NULL, "the ledger's disk is full, or a quota is used up; %s",
                   then);
  return cf_fail(&call->fault, err, NULL,
                 "the ledger's disk has %llu bytes free, and min_free is %llu; %s",
                 (unsigned long long)state.free_bytes,
                 (unsigned long long)call->app->conf->min_free, then);
}

enum cf_err cf_call_answer(struct cf_call *call, int status, const char *type, struct cf_buf *b)
{
  if (b->err != CF_OK)
    return b->err;
  enum cf_err err = cf_response_begin(call->response, status, type);
  return err == CF_OK ? cf_response_put(call->response, cf_buf_str(b)) : err;
}

enum cf_err cf_call_answer_kept(struct cf_call *call, const char *type, const char *cache,
                                const char etag[CF_ETAG_N], struct cf_str body)
{
  struct cf_response *rs = call->response;
  enum cf_err err = cf_response_etag(rs, etag, cf_request_has_etag(call->request, etag));
  if (err == CF_OK)
    err = cf_response_header(rs, "Content-Type", cf_str_from(type));
  if (err == CF_OK)
    err = cf_response_header(rs, "Cache-Control", cf_str_from(cache));
  return err == CF_OK ? cf_response_put(rs, body) : err;
}
