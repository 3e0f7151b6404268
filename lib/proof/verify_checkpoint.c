/* SPDX-License-Identifier: MIT */
/* Signed checkpoints: the head, those that the source kept, and the one that
 * the caller kept, which the walk meets on its way. */
#include "config.h"

#include <string.h>

#include "lib/proof/verify_in.h"

bool cf_run_checkpoint(struct cf_verify_run *run, struct cf_str note, const char *what,
                       struct cf_checkpoint *checkpoint, bool *good)
{
  const struct cf_keys *keys = run->job->keys;
  struct cf_str text, signatures;
  *good = false;
  if (cf_note_split(note, &text, &signatures) != CF_OK ||
      cf_checkpoint_parse(text, checkpoint) != CF_OK) {
    cf_run_fault(run, CF_V_CHECKPOINT_SIGNATURE, NULL, "%s is not a signed checkpoint", what);
    return false;
  }
  uint64_t before = run->result.errors_total;
  const struct cf_vkey *vkey = cf_keys_at(keys, checkpoint->size);
  if (!cf_keys_named(keys, note))
    cf_run_fault(run, CF_V_KEY_UNKNOWN, NULL, "%s is not signed by a key of this log", what);
  else if (!cf_note_names(note, vkey))
    cf_run_fault(run, CF_V_CHECKPOINT_SIGNATURE, NULL,
                 "%s of size %llu is signed by a key of this log that does not sign that size",
                 what, (unsigned long long)checkpoint->size);
  else if (cf_note_check(note, vkey, &text) != CF_OK)
    cf_run_fault(run, CF_V_CHECKPOINT_SIGNATURE, NULL, "%s has a bad signature", what);
  if (strcmp(checkpoint->origin, vkey->name) != 0)
    cf_run_fault(run, CF_V_ORIGIN_MISMATCH, NULL, "%s is of the origin %s", what,
                 checkpoint->origin);
  *good = run->result.errors_total == before;
  return true;
}

enum cf_err cf_run_stop_next(struct cf_verify_run *run)
{
  const struct cf_verify_source *source = run->source;
  bool more = source->checkpoint && run->job->mode != CF_VERIFY_QUICK;
  run->next.have = false;
  while (more && !run->next.have) {
    struct cf_checkpoint checkpoint = {.size = 0};
    uint64_t found = 0;
    bool good = false;
    cf_buf_reset(&run->note);
    enum cf_err err = source->checkpoint(source->context, run->sought, &found, &run->note);
    if (err == CF_OK)
      err = run->note.err;
    if (err == CF_E_NOTFOUND)
      return CF_OK;
    if (err != CF_OK)
      return err;
    run->sought = found + 1;
    more = run->sought > 0;
    if (!cf_run_checkpoint(run, cf_buf_str(&run->note), "a kept checkpoint", &checkpoint, &good))
      continue;
    if (checkpoint.size != found)
      cf_run_fault(run, CF_V_INDEX_MISMATCH, NULL,
                   "checkpoints: the one of size %llu is kept as that of %llu",
                   (unsigned long long)checkpoint.size, (unsigned long long)found);
    run->next =
        (struct cf_stop){.have = good && checkpoint.size >= run->folded, .checkpoint = checkpoint};
  }
  return CF_OK;
}

uint64_t cf_run_stop_at(const struct cf_verify_run *run, uint64_t end)
{
  uint64_t at = end;
  const struct cf_stop *stops[] = {&run->next, &run->kept};
  for (size_t i = 0; i < 2; i++)
    if (stops[i]->have && stops[i]->checkpoint.size > run->folded && stops[i]->checkpoint.size < at)
      at = stops[i]->checkpoint.size;
  return at;
}

static bool root_is(const struct cf_verify_run *run, const struct cf_checkpoint *checkpoint)
{
  uint8_t root[CF_HASH_N];
  cf_edge_root(&run->edge, root);
  return memcmp(root, checkpoint->root, sizeof root) == 0;
}

enum cf_err cf_run_stops(struct cf_verify_run *run, bool judge)
{
  struct cf_stop *kept = &run->kept;
  if (judge && kept->have && kept->checkpoint.size == run->folded) {
    kept->have = false;
    if (!root_is(run, &kept->checkpoint))
      cf_run_fault(run, CF_V_INCONSISTENT_HEAD, NULL,
                   "the root at size %llu is not the one that was kept",
                   (unsigned long long)run->folded);
  }
  while (run->next.have && run->next.checkpoint.size == run->folded) {
    if (judge)
      run->result.checkpoints++;
    if (judge && !root_is(run, &run->next.checkpoint))
      cf_run_fault(run, CF_V_ROOT_MISMATCH, NULL,
                   "the root at size %llu is not the one that was signed then",
                   (unsigned long long)run->folded);
    enum cf_err err = cf_run_stop_next(run);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}
