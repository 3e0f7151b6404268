/* SPDX-License-Identifier: MIT */
/* The verifier over a ledger of one's own: its newest head, its records, its
 * cores. */
#include "config.h"

#include "lib/evidence/verify_ledger.h"

#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/thread.h"
#include "lib/evidence/receipt.h"
#include "lib/ledger/view.h"
#include "lib/proof/anchor.h"

/* What a thread may hold of a tile of the longest records: them, and their
 * leaves; what an index made of records again takes of each. Of the machine's
 * memory all threads have a share at most, but for what a small one needs to
 * get on. */
#define WORKER_N    ((size_t)32 << 20)
#define INDEX_N     1024u
#define SHARE       8
#define WORKERS_MIN 8

static uint64_t memory_share(void)
{
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages < 1 || page < 1 ? 0 : (uint64_t)pages / SHARE * (uint64_t)page;
}

/* All cores that this process may use. */
static unsigned workers(void)
{
  uint64_t most = memory_share() / WORKER_N;
  unsigned n = cf_cores();
  if (most < WORKERS_MIN)
    most = WORKERS_MIN;
  if (most > CF_VERIFY_WORKERS_MAX)
    most = CF_VERIFY_WORKERS_MAX;
  return n < most ? n : (unsigned)most;
}

/* Records to be judged that are not signed yet are, as for a receipt: a head
 * that ends before them could say nothing of them. Where they cannot be, what
 * was signed is judged all the same, but a range of them not. */
static enum cf_err cover_job(struct cf_ledger *ledger, const struct cf_verify_job *job,
                             const struct cf_ledger_state *state, struct cf_fault *fault)
{
  struct cf_buf note;
  bool range = job->mode == CF_VERIFY_RANGE;
  uint64_t need = range && job->to > state->size ? job->from + 1 : range ? job->to : state->size;
  if (job->mode == CF_VERIFY_QUICK || need <= state->sealed || need > state->size ||
      (!range && cf_ledger_is_copy(ledger)))
    return CF_OK;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(ledger, need, &note, fault);
  cf_buf_fini(&note);
  return range ? err : CF_OK;
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

/* ---- what only the ledger knows ---- */

struct beside {
  struct cf_ledger *ledger;
  struct cf_view *view;
  const struct cf_verify_job *job; /* as the caller had it */
  struct cf_verify_run *run;
};

static void segment_tell(void *context, uint64_t first, uint64_t last, const char *what)
{
  cf_run_fault_rough(context, first, last, "the segment of these records: %s", what);
}

/* A full walk judges the files by the records that it met; a quick one by those
 * that the ledger read at its start. */
static void segments_judge(const struct beside *b)
{
  struct cf_verify_result *result = cf_verify_run_result(b->run);
  struct cf_ledger_state state;
  result->files_unjudged = !cf_ledger_segments_each(b->ledger, segment_tell, b->run);
  cf_ledger_state(b->ledger, &state);
  result->unsworn = state.unsworn;
}

/* A checkpoint is kept after it was signed: one that is larger than the
 * signer's newest, which is asked afterwards, did not come from it. */
static enum cf_err kept_judge(const struct beside *b)
{
  struct cf_ledger_state state;
  struct cf_buf note;
  uint64_t size = 0;
  cf_ledger_state(b->ledger, &state);
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_view_checkpoint(b->view, state.sealed + 1, &size, &note);
  cf_buf_fini(&note);
  cf_ledger_state(b->ledger, &state);
  if (err == CF_OK && size > state.sealed)
    cf_run_fault(b->run, CF_V_ROLLBACK, NULL,
                 "a checkpoint of size %llu is kept, the newest that was signed has %llu",
                 (unsigned long long)size, (unsigned long long)state.sealed);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* A row that is no checkpoint. Who could write it could take one away. */
static void stray_tell(void *context, struct cf_str key)
{
  struct cf_buf name;
  cf_buf_init(&name, 64);
  cf_hex_put(&name, (const uint8_t *)key.p, key.n < 16 ? key.n : 16);
  cf_run_fault(context, CF_V_STORE_DAMAGED, NULL,
               "checkpoints: the row %s of %zu bytes holds none, and was not written by this log",
               cf_buf_cstr(&name), key.n);
  cf_buf_fini(&name);
}

static enum cf_err checkpoints_judge(const struct beside *b)
{
  bool good = true;
  enum cf_err err = cf_ledger_kept_strays(b->ledger, stray_tell, b->run);
  if (err == CF_OK)
    err = cf_ledger_kept_check(b->ledger, &good);
  if (err == CF_OK && !good)
    cf_run_fault(b->run, CF_V_STORE_DAMAGED, NULL,
                 "checkpoints: not those that were kept; once you know why, stop the log, remove "
                 "`before` from the signer's directory, start it");
  return err;
}

static enum cf_err beside_judge(void *context, struct cf_verify_run *run)
{
  struct beside *b = context;
  enum cf_err err = CF_OK;
  b->run = run;
  if (b->job->mode == CF_VERIFY_QUICK)
    segments_judge(b);
  if (b->job->mode >= CF_VERIFY_FULL)
    err = kept_judge(b);
  if (err == CF_OK && b->job->mode >= CF_VERIFY_FULL)
    err = checkpoints_judge(b);
  return err == CF_OK && b->job->also ? b->job->also(b->job->also_context, run) : err;
}

/* ---- the whole ---- */

/* With what was filled in, and what the ledger adds. */
static enum cf_err job_run(struct cf_ledger *ledger, struct cf_view *view,
                           const struct cf_verify_source *source, const struct cf_verify_job *job,
                           struct cf_verify_result *result, struct cf_fault *fault)
{
  struct beside beside = {.ledger = ledger, .view = view, .job = job};
  struct cf_verify_job whole = *job;
  struct cf_turn turn;
  cf_turn_init(&turn, cf_ledger_turns(ledger));
  whole.turn = &turn;
  whole.also = beside_judge;
  whole.also_context = &beside;
  enum cf_err err = cf_verify(source, &whole, result, fault);
  cf_turn_rest(&turn);
  return err;
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
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  enum cf_err err = goes_on ? CF_OK : cover_job(ledger, job, &state, fault);
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
    job->keys = cf_ledger_keys(ledger);
    job->workers = job->mode == CF_VERIFY_QUICK ? 1 : workers();
    job->indexed_at_once = memory_share() / INDEX_N;
    err = job_run(ledger, view, &source, job, result, fault);
    job->head = CF_STR("");
  }
  if (err == CF_OK)
    result->unsealed = state.size > result->size ? state.size - result->size : 0;
  cf_view_source_free(vs);
  cf_view_put(view);
  cf_buf_fini(&note);
  return err;
}
