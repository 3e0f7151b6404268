/* SPDX-License-Identifier: MIT */
/* The verifier's plan: judge the head, walk the leaves that the mode asks for,
 * then judge the roots. */
#include "config.h"

#include "lib/proof/verify.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/proof/verify_in.h"

/* ---- plan ---- */

static uint64_t tile_floor(uint64_t seq)
{
  return seq - seq % CF_TILE_W;
}

static uint64_t tile_ceiling(uint64_t seq, uint64_t max)
{
  uint64_t up = seq % CF_TILE_W ? tile_floor(seq) + CF_TILE_W : seq;
  return up < seq || up > max ? max : up;
}

/* Which leaves to walk, for a tree of the head's size. */
static void run_plan(struct cf_verify_run *run)
{
  const struct cf_verify_job *job = run->job;
  uint64_t size = run->head.size, from = 0, to = size;
  if (job->mode == CF_VERIFY_QUICK && size > 0)
    from = size - 1;
  if (job->mode == CF_VERIFY_RANGE) {
    to = job->to < size ? job->to : size;
    from = job->from < to ? job->from : to;
  }
  run->first = tile_floor(from) > job->minimum ? tile_floor(from) : job->minimum;
  run->end = tile_ceiling(to, size);
  if (from == to || run->end < run->first)
    run->end = run->first;
  run->result.expired =
      job->mode == CF_VERIFY_RANGE
          ? (from < job->minimum ? (to < job->minimum ? to : job->minimum) - from : 0)
          : job->minimum;
}

/* ---- kept hashes as one tree ---- */

/* The source's rows, and below them its kept leaf hashes, which come a tile at
 * a time. */
struct kept_tree {
  const struct cf_verify_run *run;
  void *scratch;
  struct cf_verify_leaf *leaves;
  bool have;      /* leaves holds a tile: */
  uint64_t first; /* this one */
};

static enum cf_err kept_tile(struct kept_tree *k, uint64_t first)
{
  const struct cf_verify_source *source = k->run->source;
  uint64_t left = k->run->head.size - first;
  unsigned unlike[CF_LEAVES_PARTS];
  if (k->have && k->first == first)
    return CF_OK;
  k->have = false;
  memset(k->leaves, 0, CF_TILE_W * sizeof *k->leaves);
  enum cf_err err = source->leaves(source->context, k->scratch, first,
                                   left < CF_TILE_W ? (size_t)left : CF_TILE_W, k->leaves);
  if (err != CF_OK)
    return err;
  cf_leaves_settle(k->leaves, left < CF_TILE_W ? (size_t)left : CF_TILE_W, unlike);
  k->have = true;
  k->first = first;
  return CF_OK;
}

static enum cf_err kept_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  struct kept_tree *k = context;
  const struct cf_hashes *tiles = &k->run->source->tiles;
  if (level > 0)
    return tiles->get(tiles->context, level, first, n, out);
  enum cf_err err = kept_tile(k, tile_floor(first));
  if (err != CF_OK)
    return err;
  for (size_t i = 0; i < n; i++) {
    const struct cf_verify_leaf *leaf = &k->leaves[first % CF_TILE_W + i];
    if (!leaf->hash_readable)
      return CF_E_DAMAGED;
    memcpy(out + i * CF_HASH_N, leaf->hash, CF_HASH_N);
  }
  return CF_OK;
}

static enum cf_err kept_parts(void *context, uint64_t first, size_t n, uint8_t *out)
{
  const struct kept_tree *k = context;
  uint8_t hashes[CF_LEAVES_PART * CF_HASH_N];
  enum cf_err err = kept_tile(context, first / CF_LEAVES_PARTS * CF_TILE_W);
  for (size_t i = 0; i < n && err == CF_OK; i++, first++, out += CF_HASH_N) {
    size_t part = (size_t)(first % CF_LEAVES_PARTS);
    const struct cf_leaves_kept *kept = k->leaves[part * CF_LEAVES_PART].kept;
    if (kept != NULL)
      memcpy(out, kept->root[part], CF_HASH_N);
    else if ((err = kept_get(context, 0, first * CF_LEAVES_PART, CF_LEAVES_PART, hashes)) == CF_OK)
      cf_fold(hashes, CF_LEAVES_PART, out);
  }
  return err;
}

static bool unreadable(enum cf_err err)
{
  return err == CF_E_DAMAGED || err == CF_E_NOTFOUND;
}

/* ---- roots ---- */

/* Complete the edge by what was not walked, and compare. */
static enum cf_err head_root(struct cf_verify_run *run, const struct cf_hashes *kept)
{
  uint8_t root[CF_HASH_N];
  if (!run->edge_known)
    return CF_OK;
  enum cf_err err = cf_tree_extend(kept, run->head.size, &run->edge);
  if (unreadable(err)) {
    cf_run_lose_edge(run, "a kept hash behind the last leaf that was checked cannot be read");
    return CF_OK;
  }
  if (err != CF_OK)
    return err;
  cf_edge_root(&run->edge, root);
  if (memcmp(root, run->head.root, sizeof root) != 0)
    cf_run_fault(run, CF_V_ROOT_MISMATCH, NULL, "the tree does not have the root that was signed");
  return CF_OK;
}

/* CF_E_PROOF where the head does not extend what the caller kept. */
static enum cf_err kept_extends(const struct cf_verify_run *run, const struct cf_hashes *kept)
{
  const struct cf_checkpoint *old = &run->kept.checkpoint;
  struct cf_proof proof;
  struct cf_str hash[CF_PROOF_MAX];
  if (old->size == 0) {
    uint8_t empty[CF_HASH_N];
    cf_sha256_1("", 0, empty);
    return memcmp(empty, old->root, CF_HASH_N) == 0 ? CF_OK : CF_E_PROOF;
  }
  enum cf_err err = cf_tree_consistency(kept, old->size, run->head.size, &proof);
  if (err != CF_OK)
    return err;
  for (size_t i = 0; i < proof.n; i++)
    hash[i] = cf_hash_str(proof.hash[i]);
  return cf_consistency_check(old->size, run->head.size, cf_hash_str(old->root),
                              cf_hash_str(run->head.root), hash, proof.n);
}

/* Consistency with what the caller kept, where the walk did not come by that
 * size. */
static enum cf_err kept_judge(struct cf_verify_run *run, const struct cf_hashes *kept)
{
  if (!run->kept.have)
    return CF_OK;
  enum cf_err err = kept_extends(run, kept);
  if (unreadable(err))
    cf_run_fault(
        run, CF_V_STORE_DAMAGED, NULL,
        "consistency with the checkpoint that was kept cannot be judged: a kept hash cannot be read");
  else if (err == CF_E_PROOF)
    cf_run_fault(run, CF_V_INCONSISTENT_HEAD, NULL,
                 "the tree does not extend the checkpoint of size %llu that was kept",
                 (unsigned long long)run->kept.checkpoint.size);
  else
    return err;
  return CF_OK;
}

static enum cf_err roots_judge(struct cf_verify_run *run)
{
  struct kept_tree tree = {.run = run, .leaves = malloc(CF_TILE_W * sizeof *tree.leaves)};
  const struct cf_hashes kept = {.get = kept_get, .context = &tree, .parts = kept_parts};
  enum cf_err err =
      tree.leaves ? run->source->worker_new(run->source->context, &tree.scratch) : CF_E_NOMEM;
  if (err == CF_OK) {
    err = head_root(run, &kept);
    if (err == CF_OK)
      err = kept_judge(run, &kept);
    run->source->worker_free(run->source->context, tree.scratch);
  }
  free(tree.leaves);
  return err;
}

/* ---- the whole ---- */

static void kept_prepare(struct cf_verify_run *run)
{
  const struct cf_verify_job *job = run->job;
  if (!job->kept)
    return;
  run->kept.have = job->kept_size <= run->head.size;
  run->kept.checkpoint.size = job->kept_size;
  memcpy(run->kept.checkpoint.root, job->kept_root, CF_HASH_N);
  if (!run->kept.have)
    cf_run_fault(run, CF_V_ROLLBACK, NULL,
                 "of %llu records there is a checkpoint here, and one that was kept is of %llu",
                 (unsigned long long)run->head.size, (unsigned long long)job->kept_size);
}

/* A signed checkpoint for a larger tree than the head is what remains of a
 * ledger that was cut. */
static void newer_judge(struct cf_verify_run *run)
{
  if (run->job->mode >= CF_VERIFY_FULL && run->next.have &&
      run->next.checkpoint.size > run->head.size)
    cf_run_fault(run, CF_V_ROLLBACK, NULL,
                 "a checkpoint of size %llu was signed, the head has %llu",
                 (unsigned long long)run->next.checkpoint.size, (unsigned long long)run->head.size);
}

/* Is all walked, and may what comes at the end begin? It is in one piece: a
 * part that did more than a little, and has spent its budget, leaves it. */
static bool run_whole(const struct cf_verify_run *run, uint64_t was)
{
  bool full = run->job->mode >= CF_VERIFY_FULL;
  bool long_one = run->folded + run->later_at - was > CF_LATER_LEAST;
  bool leave = full && run->job->also && run->job->carry && long_one && cf_run_spent(run);
  return run->over || (run->folded == run->end && (!full || run->later_done) && !leave);
}

/* Walk as far as the budget goes, and judge what only the end can tell. */
static enum cf_err run_walk(struct cf_verify_run *run)
{
  struct cf_verify_result *r = &run->result;
  uint64_t was = run->folded + run->later_at;
  bool full = run->job->mode >= CF_VERIFY_FULL;
  enum cf_err err = cf_run_walk(run);
  if (err == CF_OK && full && !run->over && run->folded == run->end)
    err = cf_run_later(run);
  if (err != CF_OK)
    return err;
  r->complete = run_whole(run, was);
  r->has_next = !r->complete;
  r->next = full && run->folded == run->end ? run->later_at : run->folded;
  if (!r->complete)
    return CF_OK;
  newer_judge(run);
  if (!run->over && full)
    err = cf_run_claims_end(run);
  return err == CF_OK && run->job->also ? run->job->also(run->job->also_context, run) : err;
}

/* Judge the head, and stand where the walk begins. Without a head there is
 * none. */
static enum cf_err run_begin(struct cf_verify_run *run)
{
  struct cf_verify_result *r = &run->result;
  bool good;
  r->minimum = run->job->minimum;
  r->complete = !cf_run_checkpoint(run, run->job->head, "the head", &run->head, &good);
  if (r->complete)
    return CF_OK;
  r->size = run->head.size;
  memcpy(r->root, run->head.root, CF_HASH_N);
  memcpy(r->origin, run->head.origin, sizeof r->origin);
  if (r->minimum % CF_TILE_W != 0 || r->minimum > r->size)
    return cf_fail(run->fault, CF_E_PARAMETER, "minimum",
                   "a multiple of 256 within the ledger is needed");
  run_plan(run);
  kept_prepare(run);
  run->later_at = run->head.size;
  run->begun = true;
  return cf_run_begin(run);
}

/* What there is to say so far: what was found, and the root, which is judged in
 * a copy, because a walk that goes on must not have been at its end. */
static enum cf_err run_say(const struct cf_verify_run *run, struct cf_verify_result *result)
{
  struct cf_verify_run *copy = malloc(sizeof *copy);
  if (!copy)
    return CF_E_NOMEM;
  *copy = *run;
  enum cf_err err = roots_judge(copy);
  copy->result.ok = copy->result.errors_total == 0;
  cf_run_findings(run, &copy->result);
  if (err == CF_OK)
    *result = copy->result;
  free(copy);
  return err;
}

static enum cf_err run_do(struct cf_verify_run *run, struct cf_verify_result *result)
{
  enum cf_err err = run->begun ? CF_OK : run_begin(run);
  if (err == CF_OK && run->begun)
    err = run_walk(run);
  run->result.elapsed_us += cf_clock_mono_us() - run->start_us;
  return err == CF_OK ? run_say(run, result) : err;
}

static struct cf_verify_run *run_new(void)
{
  struct cf_verify_run *run = calloc(1, sizeof *run);
  if (run)
    cf_buf_init(&run->note, CF_NOTE_MAX);
  return run;
}

uint64_t cf_verify_run_size(const struct cf_verify_run *run)
{
  return run->head.size;
}

struct cf_verify_result *cf_verify_run_result(struct cf_verify_run *run)
{
  return &run->result;
}

void cf_verify_run_free(struct cf_verify_run *run)
{
  if (!run)
    return;
  cf_buf_fini(&run->note);
  free(run->erasures.v);
  cf_told_fini(&run->told);
  cf_producers_free(run->producers);
  free(run);
}

/* What a walk that goes on later is kept with. */
static enum cf_err carry_check(const struct cf_verify_run *run)
{
  size_t bytes = sizeof *run + run->note.cap + run->erasures.cap * sizeof *run->erasures.v +
                 run->told.cap * sizeof *run->told.each +
                 (run->producers != NULL ? cf_producers_bytes(run->producers) : 0);
  return bytes <= CF_VERIFY_CARRY_MAX
             ? CF_OK
             : cf_fail(
                   run->fault, CF_E_FULL, "resume",
                   "too many erased records wait for the record that erased them to go on later: "
                   "let verify_budget be longer");
}

enum cf_err cf_verify(const struct cf_verify_source *source, const struct cf_verify_job *job,
                      struct cf_verify_result *result, struct cf_fault *fault)
{
  struct cf_verify_run **carry = job->carry;
  struct cf_verify_run *run = carry && *carry ? *carry : run_new();
  if (!run)
    return CF_E_NOMEM;
  run->source = source;
  run->job = job;
  run->fault = fault;
  run->start_us = cf_clock_mono_us();
  enum cf_err err = run_do(run, result);
  bool left = carry && err == CF_OK && !run->result.complete && job->mode >= CF_VERIFY_FULL;
  if (left)
    err = carry_check(run);
  left &= err == CF_OK;
  if (carry)
    *carry = left ? run : NULL;
  if (!left)
    cf_verify_run_free(run);
  return err;
}
