/* SPDX-License-Identifier: MIT */
/* The socket of counterfoil-signer(8): who connects, how long he may take. */
#ifndef CF_APART_SIGNER_SERVE_H
#define CF_APART_SIGNER_SERVE_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

#define CF_ALLOW_MAX 16

struct cf_signer_job {
  const char *place;  /* of the key: as `signer` of the configuration, but not exec: */
  const char *socket; /* a path; one that nobody listens on is replaced */
  uid_t allow[CF_ALLOW_MAX];
  size_t allow_n;
  int64_t request_us;               /* how long a request may take to come; 0: CF_WIRE_TIME_US */
  const volatile sig_atomic_t *end; /* set by a signal */
};

/* Serve until *end is set: one thread, a few connections, the ones above
 * CF_PEERS_MAX refused. CF_E_LOCKED: somebody listens there; CF_E_SYSTEM. */
#define CF_PEERS_MAX 8
CF_MUST enum cf_err cf_signer_serve(const struct cf_signer_job *job, struct cf_fault *fault);

#endif
