/* SPDX-License-Identifier: MIT */
/* Reading receipts (C2SP tlog-proof; format.md, Receipt). cf_receipt_put of
 * note.h writes them. */
#ifndef CF_PROOF_TLOG_PROOF_H
#define CF_PROOF_TLOG_PROOF_H

#include "lib/proof/note.h"

#define CF_TLOG_PROOF_MAX ((size_t)2 << 20) /* bytes, with what is disclosed */

struct cf_tlog_proof {
  struct cf_buf extra; /* decoded; empty where there is none */
  uint64_t index;
  struct cf_proof path;
  struct cf_str note; /* in the text */
};
void cf_tlog_proof_init(struct cf_tlog_proof *proof);
void cf_tlog_proof_fini(struct cf_tlog_proof *proof);
/* Does it begin as one does? */
bool cf_tlog_proof_starts(struct cf_str text);
/* Read one strictly, into one that holds nothing. What the note says is not
 * looked at. CF_E_SYNTAX, CF_E_NOMEM. */
CF_MUST enum cf_err cf_tlog_proof_parse(struct cf_str text, struct cf_tlog_proof *proof);

#endif
