/* SPDX-License-Identifier: MIT */
/* Timestamps (RFC 3161): the one place of lib/witness that knows OpenSSL. */
#ifndef CF_WITNESS_STAMP_IN_H
#define CF_WITNESS_STAMP_IN_H

#include "lib/base/buf.h"

/* What is asked of an authority, and what its answer must be of. */
struct cf_stamp_question;
/* The question for the SHA-256 of data, with a nonce, and for the certificates;
 * its DER is appended to b. CF_E_CRYPTO, b's error. */
CF_MUST enum cf_err cf_stamp_ask(struct cf_str data, struct cf_stamp_question **question,
                                 struct cf_buf *b);
void cf_stamp_question_free(struct cf_stamp_question *question);
/* Does the answer (TimeStampResp, DER, and nothing behind it) grant what was
 * asked: status 0 or 1, imprint, nonce; a signature whose certificate leads to
 * one of the file ca (PEM), is for time stamping alone (critical EKU), and is
 * named by SHA-2 (ESSCertIDv2)? CF_E_SYNTAX: it is no answer; CF_E_SIGNATURE;
 * CF_E_CONFIG: ca cannot be read; words for people go to the fault. */
CF_MUST enum cf_err cf_stamp_check(const struct cf_stamp_question *question, struct cf_str answer,
                                   const char *ca, struct cf_fault *fault);

#endif
