/* SPDX-License-Identifier: MIT */
/* Checkpoints and receipts by themselves. */
#include "config.h"

#include "lib/proof/verify_apart.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/disclosed.h"
#include "lib/proof/tlog_proof.h"
#include "lib/proof/verify_apart_in.h"

#define PROOF_DEPTH 3

/* ---- consistency proofs ---- */

static enum cf_err hashes_read(const struct cf_json *hashes, struct cf_proof *proof)
{
  size_t n = cf_json_count(hashes);
  if (cf_json_type(hashes) != CF_JSON_ARRAY || n > CF_PROOF_MAX)
    return CF_E_SYNTAX;
  for (proof->n = 0; proof->n < n; proof->n++)
    if (cf_base64_get_n(cf_json_string(cf_json_element(hashes, proof->n)), proof->hash[proof->n],
                        CF_HASH_N) != CF_OK)
      return CF_E_SYNTAX;
  return CF_OK;
}

static enum cf_err number_read(const struct cf_json *doc, const char *name, uint64_t *n)
{
  return cf_u64_parse(cf_json_number(cf_json_member(doc, name)), UINT64_MAX, n);
}

enum cf_err cf_extension_parse(struct cf_str text, struct cf_extension *extension,
                               struct cf_fault *fault)
{
  struct cf_json *doc = NULL;
  struct cf_extension e = {.first = 0};
  enum cf_err err = cf_json_parse(text, PROOF_DEPTH, &doc, fault);
  if (err != CF_OK)
    return err;
  err = number_read(doc, "first", &e.first);
  if (err == CF_OK)
    err = number_read(doc, "second", &e.second);
  if (err == CF_OK)
    err = hashes_read(cf_json_member(doc, "hashes"), &e.proof);
  cf_json_free(doc);
  if (err != CF_OK)
    return cf_fail(fault, CF_E_SYNTAX, NULL,
                   "it is no consistency proof as GET /v1/proofs/consistency gives it");
  *extension = e;
  return CF_OK;
}

/* ---- heads ---- */

static bool extension_fits(const struct cf_verify_run *run, const struct cf_extension *e)
{
  return e != NULL && e->first == run->job->kept_size && e->second == run->head.size;
}

static enum cf_err extension_lacks(const struct cf_verify_run *run)
{
  unsigned long long first = run->job->kept_size, second = run->head.size;
  return cf_fail(run->fault, CF_E_PARAMETER, NULL,
                 "a consistency proof from size %llu to %llu is needed: GET "
                 "/v1/proofs/consistency?first=%llu&second=%llu",
                 first, second, first, second);
}

/* CF_E_PROOF: it does not extend what was kept. */
static enum cf_err head_extends(const struct cf_verify_run *run, const struct cf_extension *e,
                                const struct cf_hashes *hashes)
{
  const struct cf_verify_job *job = run->job;
  if (job->kept_size == run->head.size)
    return memcmp(job->kept_root, run->head.root, CF_HASH_N) == 0 ? CF_OK : CF_E_PROOF;
  if (extension_fits(run, e))
    return cf_proof_extends(&e->proof, e->first, job->kept_root, e->second, run->head.root);
  enum cf_err err = hashes == NULL ? CF_E_NOTFOUND
                                   : cf_tree_extends(hashes, job->kept_size, job->kept_root,
                                                     run->head.size, run->head.root);
  return err == CF_E_NOTFOUND || err == CF_E_DAMAGED ? extension_lacks(run) : err;
}

enum cf_err cf_run_kept(struct cf_verify_run *run, const struct cf_extension *extension,
                        const struct cf_hashes *hashes)
{
  const struct cf_verify_job *job = run->job;
  if (!job->kept)
    return CF_OK;
  if (job->kept_size > run->head.size) {
    cf_run_fault(run, CF_V_ROLLBACK, NULL,
                 "the checkpoint is of %llu records, and one that was kept is of %llu",
                 (unsigned long long)run->head.size, (unsigned long long)job->kept_size);
    return CF_OK;
  }
  enum cf_err err = head_extends(run, extension, hashes);
  if (err != CF_E_PROOF)
    return err;
  cf_run_fault(run, CF_V_INCONSISTENT_HEAD, NULL,
               "the tree does not extend the checkpoint of size %llu that was kept",
               (unsigned long long)job->kept_size);
  return CF_OK;
}

bool cf_run_head(struct cf_verify_run *run, struct cf_str note)
{
  struct cf_verify_result *r = &run->result;
  bool good;
  if (!cf_run_checkpoint(run, note, "the checkpoint", &run->head, &good))
    return false;
  r->checkpoints += good;
  r->size = run->head.size;
  memcpy(r->root, run->head.root, CF_HASH_N);
  memcpy(r->origin, run->head.origin, sizeof r->origin);
  return true;
}

enum cf_err cf_run_cosigned(struct cf_verify_run *run, struct cf_str note)
{
  struct cf_cosigners *c = run->job->cosigners;
  if (c == NULL)
    return CF_OK;
  enum cf_err err = cf_cosigners_count(c, note);
  if (err == CF_OK && c->count < c->quorum)
    cf_run_fault(run, CF_V_WITNESS_QUORUM, NULL,
                 "%zu of %zu witnesses are to have signed the checkpoint, and %zu did", c->quorum,
                 c->n, c->count);
  return err;
}

struct cf_verify_run *cf_run_apart(const struct cf_verify_job *job, struct cf_fault *fault)
{
  struct cf_verify_run *run = calloc(1, sizeof *run);
  if (run == NULL)
    return NULL;
  run->job = job;
  run->fault = fault;
  run->start_us = cf_clock_mono_us();
  return run;
}

enum cf_err cf_run_apart_end(struct cf_verify_run *run, enum cf_err err,
                             struct cf_verify_result *result)
{
  run->result.complete = true;
  run->result.ok = run->result.errors_total == 0;
  run->result.elapsed_us = cf_clock_mono_us() - run->start_us;
  if (err == CF_OK)
    *result = run->result;
  free(run);
  return err;
}

enum cf_err cf_verify_head(const struct cf_verify_job *job, const struct cf_extension *extension,
                           struct cf_verify_result *result, struct cf_fault *fault)
{
  struct cf_verify_run *run = cf_run_apart(job, fault);
  if (run == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_run_cosigned(run, job->head);
  if (err == CF_OK && cf_run_head(run, job->head))
    err = cf_run_kept(run, extension, NULL);
  return cf_run_apart_end(run, err, result);
}

/* ---- receipts ---- */

/* A receipt's record as a source of one leaf. Nobody keeps a hash of it: it has
 * the one that follows from it, which the path must lead from. */
static enum cf_err receipt_leaves(void *context, void *worker, uint64_t first, size_t n,
                                  struct cf_verify_leaf *out)
{
  const struct cf_disclosed *d = context;
  (void)worker;
  (void)first;
  (void)n;
  out->readable = out->hash_readable = true;
  out->leaf = d->leaf;
  cf_leaf_hash(d->leaf, out->hash);
  memcpy(out->payload, d->payload, sizeof out->payload);
  memcpy(out->salt, d->salt, sizeof out->salt);
  return CF_OK;
}

/* What the leaf is by itself. Of what is not opened a receipt does not say
 * whether it is erased. */
static enum cf_err leaf_judge(struct cf_verify_run *run, struct cf_disclosed *d, uint64_t index,
                              uint8_t hash[CF_HASH_N])
{
  const struct cf_verify_source source = {.context = d, .leaves = receipt_leaves};
  struct cf_verify_leaf leaf;
  struct cf_tile_report *report = calloc(1, sizeof *report);
  if (report == NULL)
    return CF_E_NOMEM;
  report->first = index;
  report->n = 1;
  cf_buf_init(&report->claims, CF_LEAF_MAX);
  cf_tile_check(&source, CF_VERIFY_RANGE, NULL, &leaf, report);
  enum cf_err err = report->err;
  cf_run_take_errors(run, report);
  run->result.leaves = report->leaves;
  run->result.openings = report->openings;
  run->result.present = report->states_present;
  memcpy(hash, report->hash[0], CF_HASH_N);
  cf_buf_fini(&report->claims);
  free(report);
  return err;
}

static void path_judge(struct cf_verify_run *run, const struct cf_tlog_proof *proof,
                       const uint8_t hash[CF_HASH_N])
{
  if (cf_proof_includes(&proof->path, proof->index, run->head.size, hash, run->head.root) != CF_OK)
    cf_run_fault(run, CF_V_ROOT_MISMATCH, &proof->index,
                 "the path does not lead from the record to the root that was signed");
}

static enum cf_err record_judge(struct cf_verify_run *run, const struct cf_tlog_proof *proof)
{
  struct cf_disclosed d;
  uint8_t hash[CF_HASH_N];
  struct cf_fault fault = {.detail = ""};
  enum cf_err err = cf_disclosed_receipt(cf_buf_str(&proof->extra), &d, &fault);
  if (err == CF_OK)
    err = leaf_judge(run, &d, proof->index, hash);
  else if (err == CF_E_SYNTAX)
    err = cf_fail(run->fault, err, NULL, "the receipt does not disclose its record: %s",
                  fault.detail);
  if (err == CF_OK)
    path_judge(run, proof, hash);
  cf_disclosed_fini(&d);
  return err;
}

static enum cf_err receipt_judge(struct cf_verify_run *run, const struct cf_tlog_proof *proof,
                                 const struct cf_extension *extension)
{
  enum cf_err err = cf_run_cosigned(run, proof->note);
  if (err != CF_OK || !cf_run_head(run, proof->note))
    return err;
  err = cf_run_kept(run, extension, NULL);
  return err == CF_OK ? record_judge(run, proof) : err;
}

enum cf_err cf_verify_receipt(struct cf_str text, const struct cf_verify_job *job,
                              const struct cf_extension *extension, struct cf_verify_result *result,
                              struct cf_fault *fault)
{
  struct cf_tlog_proof proof;
  struct cf_verify_run *run = cf_run_apart(job, fault);
  if (run == NULL)
    return CF_E_NOMEM;
  cf_tlog_proof_init(&proof);
  enum cf_err err = cf_tlog_proof_parse(text, &proof);
  if (err == CF_OK)
    err = receipt_judge(run, &proof, extension);
  else if (err == CF_E_SYNTAX)
    err = cf_fail(fault, err, NULL, "it is no receipt (c2sp.org/tlog-proof@v1)");
  cf_tlog_proof_fini(&proof);
  return cf_run_apart_end(run, err, result);
}
