/* SPDX-License-Identifier: MIT */
/* Plain CGI (RFC 3875): the one request of this process as a struct
 * cf_transport over the environment and two descriptors. */
#ifndef CF_DOOR_CGI_IN_H
#define CF_DOOR_CGI_IN_H

#include "fcgi-app/door/pace_in.h"
#include "fcgi-app/http/transport.h"

struct cf_cgi {
  struct cf_transport transport; /* CF_DOOR_WEB */
  char **environment;
  int in, out;
  bool bounded; /* the body ends after `left` bytes, not where the descriptor does */
  uint64_t left;
  struct cf_pace pace;   /* of the body */
  struct cf_buf pending; /* of the answer, not yet written */
};

/* A request of the environment (NULL-terminated), its body read from descriptor
 * in for at most body_timeout_us (pace_in.h: and more for what comes), its
 * answer written to out; all borrowed. */
void cf_cgi_init(struct cf_cgi *cgi, char **environment, int64_t body_timeout_us, int in, int out);
/* Write what is still buffered and free what it owns; nothing more is read.
 * CF_E_PEER. */
CF_MUST enum cf_err cf_cgi_fini(struct cf_cgi *cgi);

#endif
