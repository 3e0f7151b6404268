/* SPDX-License-Identifier: MIT */
/* What was signed, as those tell who remember it. */
#ifndef CF_LEDGER_SIGNED_IN_H
#define CF_LEDGER_SIGNED_IN_H

#include "lib/base/conf.h"
#include "lib/proof/anchor.h"
#include "lib/proof/signer.h"

struct cf_ledger;

/* Where the signer's memory is looked at: its directory's descriptor, or -1,
 * or what another process told of it, or NULL; neither: there is none, or none
 * that may be read. */
struct cf_signed {
  int directory;
  const struct cf_signer *told;
  struct cf_signer *own; /* told, where it is ours to close */
};
/* signed.c: take what is remembered of what was signed into account */
CF_MUST enum cf_err cf_signed_gather(struct cf_ledger *l, const struct cf_signed *signer,
                                     struct cf_anchor *anchor, struct cf_fault *fault);
/* is what was recovered all that was signed, wherever that is remembered, and
 * what lies behind it this log's? For the last, key is needed; NULL: not
 * judged. CF_E_ROLLBACK. */
CF_MUST enum cf_err cf_signed_check(struct cf_ledger *l, const struct cf_signed *signer,
                                    const struct cf_signer *key, struct cf_fault *fault);
/* from now on a head without a MAC is none of this ledger's: give the one that
 * is here its own, and only then tell the signer */
CF_MUST enum cf_err cf_signed_vouch(struct cf_ledger *l, struct cf_fault *fault);

/* absent.c: the signer's memory, or neither of the two: a copy can be looked
 * at without it; what is closed is as before it was opened; the key in it,
 * CF_E_NOTFOUND; take what it remembers of those keys' log into account */
CF_MUST enum cf_err cf_signed_open(const struct cf_conf *conf, struct cf_signed *signer,
                                   struct cf_fault *fault);
void cf_signed_close(struct cf_signed *signer);
CF_MUST enum cf_err cf_signed_vkey(const struct cf_signed *signer, struct cf_vkey *vkey,
                                   struct cf_fault *fault);
CF_MUST enum cf_err cf_signed_look(const struct cf_conf *conf, const struct cf_signed *signer,
                                   const struct cf_keys *keys, struct cf_anchor *anchor,
                                   struct cf_fault *fault);

#endif
