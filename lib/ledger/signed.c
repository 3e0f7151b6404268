/* SPDX-License-Identifier: MIT */
/* Is this the newest data? What was signed of it is remembered in several
 * places (lib/proof/anchor.h); none of them may know of more than is here, or
 * of other. What is not signed yet must lead to the head, whose row in `meta`
 * bears a MAC of the signer's key: it is changed in each transaction, and both
 * are one row, so that they agree whatever kills the process. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/ledger/ledger_in.h"

/* The checkpoints of the ledger's own table, from the largest on down to one
 * that is kept under the size that was signed: what is below it is smaller. */
static enum cf_err kept_take(struct cf_ledger *l, struct cf_anchor *anchor)
{
  const struct cf_keys *keys = cf_ledger_keys(l);
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  for (enum cf_bdb_move move = CF_BDB_LAST; err == CF_OK; move = CF_BDB_PREV) {
    err = cf_bdb_cursor_move(cursor, move, none, &key, &value);
    struct cf_checkpoint checkpoint;
    struct cf_kept kept;
    if (err != CF_OK || !cf_meta_kept(key, value, &kept) ||
        cf_keys_checkpoint(keys, kept.note, &checkpoint) != CF_OK)
      continue;
    err = cf_anchor_take(anchor, "the checkpoints kept in the data", kept.note, keys);
    if (checkpoint.size == kept.size)
      break;
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_signed_gather(struct cf_ledger *l, const struct cf_signed *signer,
                             struct cf_anchor *anchor, struct cf_fault *fault)
{
  enum cf_err err = cf_signed_look(l->conf, signer, cf_ledger_keys(l), anchor, fault);
  if (err == CF_OK)
    err = cf_anchor_look(anchor, l->directory, l->conf->data, cf_ledger_keys(l), fault);
  for (size_t i = 0; err == CF_OK && i < l->conf->anchor.n; i++)
    if (cf_anchor_path(l->conf->anchor.v[i]) != NULL)
      err = cf_anchor_list(anchor, cf_anchor_path(l->conf->anchor.v[i]), cf_ledger_keys(l), fault);
  return err == CF_OK ? kept_take(l, anchor) : err;
}

/* Does the tree have that checkpoint, which `where` remembers? */
static enum cf_err head_check(struct cf_ledger *l, const struct cf_checkpoint *head,
                              const char *where, struct cf_fault *fault)
{
  static const char advice[] =
      "the data is older than, or other than, what was signed" CF_SEE_RECOVER;
  if (head->size > l->size)
    return cf_fail(fault, CF_E_ROLLBACK, where, "%llu records were signed and %llu are here; %s",
                   (unsigned long long)head->size, (unsigned long long)l->size, advice);
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  uint8_t root[CF_HASH_N];
  enum cf_err err = cf_view_at(l, l->size, &view);
  if (err != CF_OK)
    return err;
  cf_view_hashes(view, &hashes);
  err = cf_tree_root(&hashes, head->size, root);
  cf_view_put(view);
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data,
                   "the tree's hashes cannot be read: restore the damaged segment from a backup");
  return cf_equal(root, head->root, CF_HASH_N)
             ? CF_OK
             : cf_fail(fault, CF_E_ROLLBACK, where,
                       "the signed root at size %llu is not this ledger's; %s",
                       (unsigned long long)head->size, advice);
}

static bool state_there(const struct cf_signed *signer)
{
  if (signer->told != NULL)
    return cf_signer_note(signer->told).n > 0;
  return signer->directory >= 0 && faccessat(signer->directory, "state", F_OK, 0) == 0;
}

/* A signer that remembers nothing has signed nothing only where nobody else
 * remembers anything either: a ledger of one record that was made before
 * `init` signed it. */
static enum cf_err memory_check(struct cf_ledger *l, const struct cf_signed *signer,
                                const struct cf_anchor *anchor, struct cf_fault *fault)
{
  bool used = signer->told != NULL ? cf_signer_has_signed(signer->told)
                                   : signer->directory >= 0 && cf_signer_used(signer->directory);
  if (l->size == 1 && !anchor->any && !used)
    return CF_OK;
  return cf_fail(
      fault, CF_E_ROLLBACK, l->conf->signer,
      "the file `state` is missing, and with it what was signed last; %llu records are here" CF_SEE_RECOVER,
      (unsigned long long)l->size);
}

/* What nothing signed covers yet: that the log wrote it is known by the head's
 * MAC, to whose hash the records lead. A signer that never worked with a MAC
 * takes them as they are. */
static enum cf_err beyond_check(struct cf_ledger *l, const struct cf_signer *key, uint64_t size,
                                struct cf_fault *fault)
{
  bool good = true, vouched = cf_signer_vouches(key) && cf_meta_head_vouched(l, key);
  if (!cf_signer_vouches(key))
    return CF_OK;
  if (vouched && l->sums_fit)
    l->own = cf_tail_meta(l->layout->tails[0])->first;
  enum cf_err err = cf_chain_check(l, size, &good);
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data,
                   "records after the first %llu, which are signed, cannot be read: restore the "
                   "data directory from a backup" CF_SEE_RECOVER,
                   (unsigned long long)size);
  return good && vouched
             ? CF_OK
             : cf_fail(fault, CF_E_ROLLBACK, l->conf->data,
                       "the first %llu of %llu records are signed; what is after them, or the head "
                       "of all, was not written by this log, or was changed: put the newest backup "
                       "of the data back" CF_SEE_RECOVER,
                       (unsigned long long)size, (unsigned long long)l->size);
}

enum cf_err cf_signed_vouch(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_head head;
  if (cf_signer_vouches(l->signer))
    return CF_OK;
  enum cf_err err = cf_meta_get_head(l, &head);
  if (err == CF_OK)
    err = cf_meta_put_head(l, NULL, &head);
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data, "the head cannot be written: %s", cf_err_title(err));
  cf_bdb_flush(l->env);
  err = cf_signer_vouch(l->signer, fault);
  return err == CF_E_SPACE && cf_space_release(l) ? cf_signer_vouch(l->signer, fault) : err;
}

enum cf_err cf_signed_check(struct cf_ledger *l, const struct cf_signed *signer,
                            const struct cf_signer *key, struct cf_fault *fault)
{
  struct cf_anchor anchor;
  struct cf_checkpoint last;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_signed_gather(l, signer, &anchor, fault);
  if (err == CF_OK && anchor.any)
    err = head_check(l, &anchor.checkpoint, anchor.where, fault);
  if (err == CF_OK && key != NULL && cf_signer_last(key, &last))
    err = head_check(l, &last, l->conf->signer, fault);
  if (err == CF_OK && !state_there(signer))
    err = memory_check(l, signer, &anchor, fault);
  if (err == CF_OK && key != NULL)
    err = beyond_check(l, key, anchor.any ? anchor.checkpoint.size : 0, fault);
  cf_anchor_fini(&anchor);
  return err;
}
