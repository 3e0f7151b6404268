/* SPDX-License-Identifier: MIT */
/* Fuzz target: receipts and consistency proofs. Nothing that the fuzzer makes
 * is signed, so none may ever be called good. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/die.h"
#include "lib/proof/disclosed.h"
#include "lib/proof/tlog_proof.h"
#include "lib/proof/verify_apart.h"
#include "tests/fuzz/fuzz.h"

/* A receipt that is read is written again byte for byte. */
static void check_text(struct cf_str text)
{
  struct cf_tlog_proof proof;
  struct cf_buf b;
  cf_tlog_proof_init(&proof);
  if (cf_tlog_proof_parse(text, &proof) == CF_OK) {
    cf_buf_init(&b, SIZE_MAX);
    cf_receipt_put(&b, cf_buf_str(&proof.extra), proof.index, &proof.path, proof.note);
    CF_ASSERT(cf_str_eq(cf_buf_str(&b), text));
    cf_buf_fini(&b);
  }
  cf_tlog_proof_fini(&proof);
}

static void check_verdict(struct cf_str text)
{
  static const uint8_t pubkey[CF_PUBKEY_N] = {1};
  struct cf_verify_result *result = calloc(1, sizeof *result);
  struct cf_keys keys;
  struct cf_vkey vkey;
  cf_vkey_make(CF_STR("audit.example.org/main"), pubkey, &vkey);
  cf_keys_init(&keys);
  CF_ASSERT(result != NULL && cf_keys_begin(&keys, &vkey) == CF_OK);
  struct cf_verify_job job = {.keys = &keys};
  if (cf_verify_receipt(text, &job, NULL, result, NULL) == CF_OK)
    CF_ASSERT(!result->ok && result->errors_n > 0);
  cf_keys_fini(&keys);
  free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_str text = {(const char *)data, size};
  struct cf_extension extension;
  struct cf_disclosed disclosed;
  check_text(text);
  check_verdict(text);
  if (cf_extension_parse(text, &extension, NULL) == CF_OK)
    CF_ASSERT(extension.proof.n <= CF_PROOF_MAX);
  if (cf_disclosed_line(text, &disclosed, NULL) == CF_OK)
    CF_ASSERT(disclosed.erased < 1 << CF_C_N);
  cf_disclosed_fini(&disclosed);
  return 0;
}
