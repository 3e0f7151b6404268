/* SPDX-License-Identifier: MIT */
/* What counterfoil-signer(8) answers: its key and its memory are in a directory
 * (signer.h), and what is asked comes from others (signer_wire.h), who are
 * believed nothing: what they want signed has to extend what was signed last,
 * by a proof. */
#ifndef CF_PROOF_SIGNER_DESK_H
#define CF_PROOF_SIGNER_DESK_H

#include "lib/proof/signer.h"

struct cf_signer_desk {
  const char *place;        /* as `signer` of the configuration, but not exec: */
  struct cf_signer *signer; /* NULL: not open yet, as there is no key perhaps */
  const void *holder;       /* who has it; NULL: nobody */
};
void cf_signer_desk_fini(struct cf_signer_desk *desk);

/* Answer a request of `who`, any pointer that tells peers apart, without its
 * frame's head; the answer's frame goes onto b, whose maximum is at least
 * CF_WIRE_HEAD + CF_WIRE_MAX. False: it is not well-formed, nothing was
 * answered, and the connection has to end. */
bool cf_signer_desk_answer(struct cf_signer_desk *desk, const void *who, struct cf_str request,
                           struct cf_buf *b);
/* That peer is gone. */
void cf_signer_desk_leave(struct cf_signer_desk *desk, const void *who);

#endif
