/* SPDX-License-Identifier: MIT */
/* The verifier over a ledger of one's own: its newest head, its records, its
 * cores. */
#include "config.h"

#include "lib/evidence/verify_ledger.h"

#include <string.h>
#include <unistd.h>

#include "lib/evidence/receipt.h"
#include "lib/ledger/view.h"
#include "lib/proof/anchor.h"

#define WORKERS_MAX 8

static unsigned cores(void)
{
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

/* Records of the range that are not signed yet are, as for a receipt: a head
 * that ends before them could say nothing of them. */
static enum cf_err cover_range(struct cf_ledger *ledger, const struct cf_verify_job *job,
                               struct cf_fault *fault)
{
  struct cf_ledger_state state;
  struct cf_buf note;
  cf_ledger_state(ledger, &state);
  uint64_t need = job->to <= state.size ? job->to : job->from + 1;
  if (job->mode != CF_VERIFY_RANGE || need <= state.sealed || need > state.size)
    return CF_OK;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(ledger, need, &note, fault);
  cf_buf_fini(&note);
  return err;
}

/* A copy is judged by all that is remembered of what was signed, which may be
 * more than it holds. */
static enum cf_err copy_prepare(struct cf_ledger *ledger, struct cf_verify_job *job,
                                struct cf_fault *fault)
{
  struct cf_anchor anchor;
  if (!cf_ledger_is_copy(ledger) || job->kept)
    return CF_OK;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_ledger_signed(ledger, &anchor, fault);
  job->kept = err == CF_OK;
  if (err == CF_OK) {
    job->kept_size = anchor.checkpoint.size;
    memcpy(job->kept_root, anchor.checkpoint.root, CF_HASH_N);
  }
  cf_anchor_fini(&anchor);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_verify_ledger(struct cf_ledger *ledger, struct cf_verify_job *job,
                             struct cf_verify_result *result, struct cf_fault *fault)
{
  struct cf_checkpoint checkpoint;
  bool goes_on = job->carry != NULL && *job->carry != NULL;
  struct cf_view *view = NULL;
  struct cf_view_source *vs = NULL;
  struct cf_verify_source source;
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cover_range(ledger, job, fault);
  if (err == CF_OK)
    err = copy_prepare(ledger, job, fault);
  if (err == CF_OK)
    err = cf_checkpoint_get(ledger, &note, &checkpoint);
  if (err == CF_OK)
    err = cf_view_get_settled(ledger, &view);
  if (err == CF_OK)
    err = cf_view_source_new(view, goes_on ? cf_verify_run_size(*job->carry) : checkpoint.size, &vs,
                             &source);
  if (err == CF_OK) {
    job->head = cf_buf_str(&note);
    job->vkey = cf_ledger_vkey(ledger);
    job->workers = job->mode == CF_VERIFY_QUICK ? 1 : cores();
    err = cf_verify(&source, job, result, fault);
    job->head = CF_STR("");
  }
  cf_view_source_free(vs);
  cf_view_put(view);
  cf_buf_fini(&note);
  return err;
}
