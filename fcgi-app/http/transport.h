/* SPDX-License-Identifier: MIT */
/* One request and its answer, whoever brings them: libfcgi, plain CGI, the
 * command in its own process, or a test. */
#ifndef CF_HTTP_TRANSPORT_H
#define CF_HTTP_TRANSPORT_H

#include "lib/base/buf.h"

/* Who brought the request (architecture.md, One owner, many doors). */
enum cf_door {
  CF_DOOR_WEB,   /* a web server: nobody but what the request proves */
  CF_DOOR_RELAY, /* a relay of ours: the same */
  CF_DOOR_ADMIN  /* the command, checked by uid: the local admin */
};

struct cf_transport {
  void *context;
  enum cf_door door;
  /* A CGI variable, NUL-terminated and valid for the request, or NULL. Hidden
   * ones (hidden.h) are not there, here and in each_param. */
  const char *(*param)(void *context, const char *name);
  /* Call each(arg, "NAME=value") for every variable; for relays. Stops at the
   * first error and gives it. */
  enum cf_err (*each_param)(void *context, enum cf_err (*each)(void *arg, const char *assignment),
                            void *arg);
  /* Up to max bytes of the request's body; *n = 0 at its end. CF_E_PEER;
   * CF_E_SLOW, CF_E_CROWDED: the peer took too long, or as one too many. */
  enum cf_err (*read)(void *context, void *out, size_t max, size_t *n);
  /* Bytes of the answer, CGI headers first ("Status: 200 OK CR LF …").
   * Buffered. CF_E_PEER when the client left: stop. */
  enum cf_err (*write)(void *context, const void *p, size_t n);
  /* Pass on what is buffered now; at the end of the request that happens by
   * itself. */
  enum cf_err (*flush)(void *context);
  /* The answer began but cannot be completed: let the client see it broken off,
   * not short. NULL where there is no way to tell it. */
  void (*abandon)(void *context);
  /* Has this caller, or this address, its whole share of slow requests already?
   * NULL: there are no shares. */
  bool (*crowded)(void *context);
  /* The answer takes long to find: may it keep a worker for that time? false:
   * too many do. NULL: yes. */
  bool (*lengthy)(void *context);
  /* May the answer come from another thread, when this one is in another
   * request already? Then who ends this one calls `finish`, last. The answer is
   * small: whoever brings it must not wait for the peer. false, or NULL: it may
   * not. */
  bool (*leave)(void *context);
  void (*finish)(void *context);
  /* Who asks, for the shares: set by whoever finds out, and taken back before
   * its text goes. */
  struct cf_str caller;
};

/* lengthy, of any transport; for struct cf_turn. */
static inline bool cf_transport_lengthy(void *transport)
{
  const struct cf_transport *t = transport;
  return t->lengthy == NULL || t->lengthy(t->context);
}

#endif
