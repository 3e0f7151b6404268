/* SPDX-License-Identifier: MIT */
/* Timestamps by OpenSSL's TS. */
#include "config.h"

#include "lib/proof/stamp.h"

#include <limits.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

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

/* A request for data, as far as an answer is held against it. */
static bool request_make(struct cf_str data, TS_REQ **request)
{
  *request = TS_REQ_new();
  return *request != NULL && TS_REQ_set_version(*request, 1) == 1 && imprint_set(*request, data);
}

enum cf_err cf_stamp_ask(struct cf_str data, struct cf_stamp_question **question, struct cf_buf *b)
{
  uint8_t *der = NULL;
  struct cf_stamp_question *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  bool ok = request_make(data, &made->request) && nonce_set(made->request) &&
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

/* Certificates that are trusted, as of now or of that time. */
static enum cf_err store_make(const char *ca, const time_t *at, X509_STORE **store,
                              struct cf_fault *fault)
{
  *store = X509_STORE_new();
  if (*store == NULL)
    return CF_E_NOMEM;
  if (X509_STORE_load_file(*store, ca) != 1)
    return cf_fail(fault, CF_E_CONFIG, ca, "certificates cannot be read");
  if (at != NULL)
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(*store), *at);
  return CF_OK;
}

/* Imprint, version, and a nonce where there is one; with certificates also
 * signature, chain and purpose. */
static enum cf_err response_verify(TS_REQ *request, TS_RESP *response, const char *ca,
                                   const time_t *at, struct cf_fault *fault)
{
  X509_STORE *store = NULL;
  TS_VERIFY_CTX *context = TS_REQ_to_TS_VERIFY_CTX(request, NULL);
  enum cf_err err = context == NULL ? CF_E_NOMEM : CF_OK;
  if (err == CF_OK && ca != NULL)
    err = store_make(ca, at, &store, fault);
  if (err == CF_OK) {
    (void)TS_VERIFY_CTX_set_store(context, store); /* which is its own now */
    store = NULL;
    (void)TS_VERIFY_CTX_add_flags(context, TS_VFY_VERSION | (ca != NULL ? TS_VFY_SIGNATURE : 0));
    if (TS_RESP_verify_response(context, response) != 1)
      err = cf_fail(fault, CF_E_SIGNATURE, NULL,
                    "it is of other data, of another question, or its certificate does not lead to "
                    "tsa_ca or is not for time stamping");
  }
  TS_VERIFY_CTX_free(context);
  X509_STORE_free(store);
  return err;
}

static enum cf_err answer_verify(TS_REQ *request, TS_RESP *response, const char *ca,
                                 const time_t *at, struct cf_fault *fault)
{
  if (!is_granted(response))
    return cf_fail(fault, CF_E_SIGNATURE, NULL, "the authority refuses");
  if (!names_signer(response))
    return cf_fail(fault, CF_E_SIGNATURE, NULL, "it does not name its certificate by SHA-2");
  return response_verify(request, response, ca, at, fault);
}

/* When it says that it stamped. */
static bool time_of(TS_RESP *response, time_t *at)
{
  struct tm tm;
  TS_TST_INFO *info = TS_RESP_get_tst_info(response);
  if (info == NULL || ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &tm) != 1)
    return false;
  *at = timegm(&tm);
  return true;
}

enum cf_err cf_stamp_holds(struct cf_str data, struct cf_str answer, const char *ca,
                           struct cf_fault *fault)
{
  TS_RESP *response = answer_read(answer);
  TS_REQ *request = NULL;
  enum cf_err err = CF_OK;
  time_t at = 0;
  if (response == NULL || !time_of(response, &at))
    err = cf_fail(fault, CF_E_SYNTAX, NULL, "it is no answer of RFC 3161 with a time");
  else if (!request_make(data, &request))
    err = CF_E_NOMEM;
  else
    err = answer_verify(request, response, ca, &at, fault);
  TS_REQ_free(request);
  TS_RESP_free(response);
  return err;
}

enum cf_err cf_stamp_check(const struct cf_stamp_question *question, struct cf_str answer,
                           const char *ca, struct cf_fault *fault)
{
  TS_RESP *response = answer_read(answer);
  if (response == NULL)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "it is no answer of RFC 3161");
  enum cf_err err = answer_verify(question->request, response, ca, NULL, fault);
  TS_RESP_free(response);
  return err;
}
