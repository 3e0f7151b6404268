/* SPDX-License-Identifier: MIT */
/* Timestamps (RFC 3161), by OpenSSL's TS. */
#ifndef CF_PROOF_STAMP_H
#define CF_PROOF_STAMP_H

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
/* The same of an answer that was kept, whose question nobody has: is it of
 * data? Its certificate is judged as of when it stamped. With NULL for ca who
 * signed it is not looked at, nor whether anybody did. */
CF_MUST enum cf_err cf_stamp_holds(struct cf_str data, struct cf_str answer, const char *ca,
                                   struct cf_fault *fault);

#endif
