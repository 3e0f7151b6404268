/* SPDX-License-Identifier: MIT */
/* A relay: a request from a web server becomes one to the owner's socket. */
#include "config.h"

#include "fcgi-app/door/relay_in.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_client.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/hidden.h"

#define SILENCE_US INT64_C(120000000) /* of an owner, beyond what a verify may take */

struct cf_relay {
  const struct cf_conf *conf;
  const struct cf_transport *transport;
  struct cf_transport rest; /* the same request, pending bytes first */
  struct cf_exchange *exchange;
  struct cf_str pending; /* read, not passed on, not yet given by rest */
  bool safe;             /* GET or HEAD */
};

/* ---- the request ---- */

static enum cf_err add_param(void *arg, const char *assignment)
{
  struct cf_str value = cf_str_from(assignment);
  struct cf_str name = cf_str_cut(&value, '=');

  if (cf_hidden(assignment, CF_PEER_WEB) || cf_str_is(name, "FCGI_ROLE"))
    return CF_OK;
  return cf_exchange_param(arg, name, value);
}

static enum cf_err rest_read(void *context, void *out, size_t max, size_t *n)
{
  struct cf_relay *relay = context;
  struct cf_str *pending = &relay->pending;

  if (pending->n == 0)
    return relay->transport->read(relay->transport->context, out, max, n);
  size_t part = pending->n < max ? pending->n : max;
  memcpy(out, pending->p, part);
  pending->p += part;
  pending->n -= part;
  *n = part;
  return CF_OK;
}

static const char *rest_param(void *context, const char *name)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  return t->param(t->context, name);
}

static enum cf_err rest_each_param(void *context,
                                   enum cf_err (*each)(void *arg, const char *assignment),
                                   void *arg)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  return t->each_param(t->context, each, arg);
}

static enum cf_err rest_write(void *context, const void *p, size_t n)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  return t->write(t->context, p, n);
}

static enum cf_err rest_flush(void *context)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  return t->flush(t->context);
}

static void rest_abandon(void *context)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  if (t->abandon != NULL)
    t->abandon(t->context);
}

enum cf_err cf_relay_new(const struct cf_conf *conf, const struct cf_transport *transport,
                         struct cf_relay **relay)
{
  struct cf_relay *r = calloc(1, sizeof *r);
  const char *method = transport->param(transport->context, "REQUEST_METHOD");

  if (r == NULL)
    return CF_E_NOMEM;
  r->conf = conf;
  r->transport = transport;
  r->safe = method != NULL && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
  r->rest = (struct cf_transport){
      .context = r,
      .door = transport->door,
      .param = rest_param,
      .each_param = rest_each_param,
      .read = rest_read,
      .write = rest_write,
      .flush = rest_flush,
      .abandon = rest_abandon,
  };
  enum cf_err err = cf_exchange_new(&r->exchange);
  if (err == CF_OK)
    err = transport->each_param(transport->context, add_param, r->exchange);
  if (err == CF_OK)
    err = cf_exchange_param(r->exchange, CF_STR(CF_HIDDEN_DOOR), CF_STR(CF_HIDDEN_RELAY));
  if (err != CF_OK) {
    cf_relay_free(r);
    return err;
  }
  *relay = r;
  return CF_OK;
}

void cf_relay_free(struct cf_relay *relay)
{
  if (relay == NULL)
    return;
  cf_exchange_free(relay->exchange);
  free(relay);
}

const struct cf_transport *cf_relay_transport(struct cf_relay *relay)
{
  relay->pending = cf_exchange_pending(relay->exchange);
  return &relay->rest;
}

/* ---- a try ---- */

/* Give the client what came; nothing is held back, for an answer may be a
 * stream. */
static enum cf_err pass_answer(void *context, const void *p, size_t n)
{
  const struct cf_transport *t = ((struct cf_relay *)context)->transport;

  enum cf_err err = t->write(t->context, p, n);
  return err == CF_OK ? t->flush(t->context) : err;
}

/* What a failed exchange means for the client. */
static enum cf_err error_judge(const struct cf_relay *relay, enum cf_err err)
{
  if (err != CF_OK && cf_exchange_answer_passed(relay->exchange))
    return CF_E_PEER; /* nothing else can be said any more */
  if (err != CF_E_PEER || cf_exchange_own_error(relay->exchange))
    return err;
  return cf_exchange_again(relay->exchange, relay->safe) ? CF_E_LEAVING : CF_E_UNKNOWN;
}

enum cf_err cf_relay_try(struct cf_relay *relay, struct cf_fault *fault)
{
  int fd;
  struct cf_exchange_io io = {
      .context = relay,
      .body = rest_read,
      .answer = pass_answer,
      .silence_us = SILENCE_US + relay->conf->verify_budget_us,
  };

  enum cf_err err = cf_socket_connect_owner(relay->conf->data, &fd, fault);
  if (err != CF_OK)
    return err;
  err = cf_exchange_run(relay->exchange, fd, &io);
  close(fd);
  return error_judge(relay, err);
}
