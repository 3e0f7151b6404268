/* SPDX-License-Identifier: MIT */
/* Timestamps by OpenSSL's TS. */
#include "config.h"

#include "lib/witness/stamp_in.h"

#include <limits.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "lib/base/crypto.h"

struct cf_stamp_question {
  TS_REQ *request;
};

void cf_stamp_question_free(struct cf_stamp_question *question)
{
  if (question == NULL)
    return;
  TS_REQ_free(question->request);
  free(question);
}

/* ---- asking ---- */

static bool imprint_set(TS_REQ *request, struct cf_str data)
{
  uint8_t hash[CF_HASH_N];
  X509_ALGOR *algorithm = X509_ALGOR_new();
  TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
  cf_sha256_1(data.p, data.n, hash);
  bool ok = algorithm != NULL && imprint != NULL &&
            X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
            TS_MSG_IMPRINT_set_algo(imprint, algorithm) == 1 &&
            TS_MSG_IMPRINT_set_msg(imprint, hash, sizeof hash) == 1 &&
            TS_REQ_set_msg_imprint(request, imprint) == 1;
  X509_ALGOR_free(algorithm);
  TS_MSG_IMPRINT_free(imprint);
  return ok;
}

static bool nonce_set(TS_REQ *request)
{
  uint64_t random = 0;
  ASN1_INTEGER *nonce = ASN1_INTEGER_new();
  cf_random(&random, sizeof random);
  bool ok = nonce != NULL && ASN1_INTEGER_set_uint64(nonce, random) == 1 &&
            TS_REQ_set_nonce(request, nonce) == 1;
  ASN1_INTEGER_free(nonce);
  return ok;
}

enum cf_err cf_stamp_ask(struct cf_str data, struct cf_stamp_question **question, struct cf_buf *b)
{
  uint8_t *der = NULL;
  struct cf_stamp_question *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->request = TS_REQ_new();
  bool ok = made->request != NULL && TS_REQ_set_version(made->request, 1) == 1 &&
            imprint_set(made->request, data) && nonce_set(made->request) &&
            TS_REQ_set_cert_req(made->request, 1) == 1;
  int n = ok ? i2d_TS_REQ(made->request, &der) : -1;
  if (n > 0)
    cf_buf_put(b, der, (size_t)n);
  OPENSSL_free(der);
  enum cf_err err = n <= 0 ? CF_E_CRYPTO : b->err;
  if (err == CF_OK)
    *question = made;
  else
    cf_stamp_question_free(made);
  return err;
}

/* ---- the answer ---- */

static TS_RESP *answer_read(struct cf_str answer)
{
  const uint8_t *p = (const uint8_t *)answer.p;
  TS_RESP *response = answer.n > LONG_MAX ? NULL : d2i_TS_RESP(NULL, &p, (long)answer.n);
  if (response != NULL && p != (const uint8_t *)answer.p + answer.n) {
    TS_RESP_free(response);
    return NULL;
  }
  return response;
}

/* Granted, or granted with changes. */
static bool is_granted(TS_RESP *response)
{
  TS_STATUS_INFO *info = TS_RESP_get_status_info(response);
  const ASN1_INTEGER *status = info == NULL ? NULL : TS_STATUS_INFO_get0_status(info);
  int64_t word = -1;
  return status != NULL && ASN1_INTEGER_get_int64(&word, status) == 1 && (word == 0 || word == 1) &&
         TS_RESP_get_token(response) != NULL;
}

/* The certificate that signed is named by its hash, and not by SHA-1. */
static bool names_signer(TS_RESP *response)
{
  STACK_OF(PKCS7_SIGNER_INFO) *signers = PKCS7_get_signer_info(TS_RESP_get_token(response));
  return signers != NULL && sk_PKCS7_SIGNER_INFO_num(signers) == 1 &&
         PKCS7_get_signed_attribute(sk_PKCS7_SIGNER_INFO_value(signers, 0),
                                    NID_id_smime_aa_signingCertificateV2) != NULL;
}

/* Imprint, nonce, version, signature, chain and purpose. */
static enum cf_err response_verify(const struct cf_stamp_question *question, TS_RESP *response,
                                   const char *ca, struct cf_fault *fault)
{
  X509_STORE *store = X509_STORE_new();
  TS_VERIFY_CTX *context = TS_REQ_to_TS_VERIFY_CTX(question->request, NULL);
  enum cf_err err = CF_E_NOMEM;
  if (store != NULL && context != NULL && X509_STORE_load_file(store, ca) != 1)
    err = cf_fail(fault, CF_E_CONFIG, ca, "certificates cannot be read");
  else if (store != NULL && context != NULL)
    err = CF_OK;
  if (err == CF_OK) {
    (void)TS_VERIFY_CTX_set_store(context, store); /* which is its own now */
    store = NULL;
    (void)TS_VERIFY_CTX_add_flags(context, TS_VFY_SIGNATURE | TS_VFY_VERSION);
    if (TS_RESP_verify_response(context, response) != 1)
      err = cf_fail(fault, CF_E_SIGNATURE, NULL,
                    "it is of other data, of another question, or its certificate does not lead to "
                    "tsa_ca or is not for time stamping");
  }
  TS_VERIFY_CTX_free(context);
  X509_STORE_free(store);
  return err;
}

enum cf_err cf_stamp_check(const struct cf_stamp_question *question, struct cf_str answer,
                           const char *ca, struct cf_fault *fault)
{
  TS_RESP *response = answer_read(answer);
  enum cf_err err = CF_OK;
  if (response == NULL)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "it is no answer of RFC 3161");
  if (!is_granted(response))
    err = cf_fail(fault, CF_E_SIGNATURE, NULL, "the authority refuses");
  else if (!names_signer(response))
    err = cf_fail(fault, CF_E_SIGNATURE, NULL, "it does not name its certificate by SHA-2");
  if (err == CF_OK)
    err = response_verify(question, response, ca, fault);
  TS_RESP_free(response);
  return err;
}
