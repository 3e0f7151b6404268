/* SPDX-License-Identifier: MIT */
/* The door of the signer: what is asked is judged here, by hashes, whatever the
 * way it is then signed in (signer_in.h). */
#include "config.h"

#include "lib/proof/signer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/signer_place.h"
#include "lib/proof/signer_in.h"

static const struct cf_signer_way *way_of(const char *place)
{
  return cf_signer_kind(place) == CF_SIGNER_EXEC ? &cf_signer_exec_way : &cf_signer_directory_way;
}

enum cf_err cf_signer_create(const char *place, struct cf_str origin, const uint8_t *seed,
                             struct cf_fault *fault)
{
  if (!cf_origin_ok(origin))
    return cf_fail(fault, CF_E_CONFIG, "origin",
                   "1 to 255 printable ASCII characters without space and '+' are needed");
  return way_of(place)->create(place, origin, seed, fault);
}

enum cf_err cf_signer_open(const char *place, struct cf_str origin, struct cf_signer **signer,
                           struct cf_fault *fault)
{
  return way_of(place)->open(place, origin, signer, fault);
}

enum cf_err cf_signer_look(const char *place, struct cf_str origin, struct cf_signer **signer,
                           struct cf_fault *fault)
{
  const struct cf_signer_way *way = way_of(place);
  return way->look != NULL ? way->look(place, origin, signer, fault) : CF_E_PARAMETER;
}

enum cf_err cf_signer_ready(struct cf_signer *signer, struct cf_fault *fault)
{
  return signer->way->ready != NULL ? signer->way->ready(signer, fault) : CF_OK;
}

void cf_signer_close(struct cf_signer *signer)
{
  if (signer)
    signer->way->close(signer);
}

/* ---- what it remembers ---- */

const struct cf_vkey *cf_signer_vkey(const struct cf_signer *signer)
{
  return &signer->vkey;
}

int cf_signer_directory(const struct cf_signer *signer)
{
  return signer->way->directory(signer);
}

bool cf_signer_last(const struct cf_signer *signer, struct cf_checkpoint *last)
{
  if (signer->note.n == 0)
    return false;
  *last = signer->last;
  return true;
}

struct cf_str cf_signer_note(const struct cf_signer *signer)
{
  return cf_buf_str(&signer->note);
}

bool cf_signer_before(const struct cf_signer *signer, struct cf_checkpoint *before)
{
  if (signer->before.size == 0)
    return false;
  *before = signer->before;
  return true;
}

struct cf_str cf_signer_remembered(const struct cf_signer *signer)
{
  return cf_buf_str(&signer->remembered);
}

bool cf_signer_has_signed(const struct cf_signer *signer)
{
  return signer->used;
}

bool cf_signer_vouches(const struct cf_signer *signer)
{
  return signer->vouched;
}

enum cf_err cf_signer_vouch(struct cf_signer *signer, struct cf_fault *fault)
{
  enum cf_err err = signer->way->vouch(signer, fault);
  signer->vouched |= err == CF_OK;
  return err;
}

void cf_signer_mac(const struct cf_signer *signer, const struct cf_str *parts, size_t parts_n,
                   uint8_t mac[CF_HASH_N])
{
  cf_hmac(signer->mac_key, sizeof signer->mac_key, parts, parts_n, mac);
}

const struct cf_vkey *cf_signer_previous(const struct cf_signer *signer)
{
  return signer->previous.name[0] != 0 ? &signer->previous : NULL;
}

enum cf_err cf_signer_set_previous(struct cf_signer *signer, const struct cf_vkey *vkey,
                                   struct cf_fault *fault)
{
  enum cf_err err = signer->way->set_previous(signer, vkey, fault);
  if (err == CF_OK)
    signer->previous = *vkey;
  return err;
}

enum cf_err cf_signer_forget(struct cf_signer *signer, struct cf_fault *fault)
{
  enum cf_err err = signer->way->forget(signer, fault);
  if (err == CF_OK)
    cf_signer_forgot(signer);
  return err;
}

/* ---- another key ---- */

static enum cf_err turns_not(struct cf_fault *fault)
{
  return cf_fail(fault, CF_E_CONFIG, "signer",
                 "the key is not in a directory of this process: this version can change only such "
                 "a one");
}

enum cf_err cf_signer_next(struct cf_signer *signer, struct cf_fault *fault)
{
  return signer->way->next != NULL ? signer->way->next(signer, fault) : turns_not(fault);
}

const struct cf_vkey *cf_signer_next_vkey(const struct cf_signer *signer)
{
  return signer->next.name[0] != 0 ? &signer->next : NULL;
}

enum cf_err cf_signer_next_drop(struct cf_signer *signer, struct cf_fault *fault)
{
  return signer->next.name[0] != 0 ? signer->way->next_drop(signer, fault) : CF_OK;
}

enum cf_err cf_signer_next_note(const struct cf_signer *signer, uint64_t seq, struct cf_buf *b)
{
  return signer->next.name[0] != 0 ? signer->way->next_note(signer, seq, b) : CF_E_PARAMETER;
}

enum cf_err cf_signer_turn(struct cf_signer *signer, struct cf_str note, int64_t until_us,
                           struct cf_fault *fault)
{
  return signer->next.name[0] != 0 ? signer->way->turn(signer, note, until_us, fault)
                                   : CF_E_PARAMETER;
}

enum cf_err cf_signer_retire(struct cf_signer *signer, struct cf_fault *fault)
{
  return signer->way->retire != NULL ? signer->way->retire(signer, fault) : turns_not(fault);
}

/* ---- signing ---- */

static enum cf_err root_is(const struct cf_hashes *hashes, uint64_t size,
                           const uint8_t root[CF_HASH_N], bool *same)
{
  uint8_t got[CF_HASH_N];
  enum cf_err err = cf_tree_root(hashes, size, got);
  if (err == CF_OK)
    *same = memcmp(got, root, sizeof got) == 0;
  return err;
}

static enum cf_err size_refuse(const struct cf_signer *signer, uint64_t size,
                               struct cf_fault *fault)
{
  return cf_fail(fault, CF_E_ROLLBACK, "state", "size %llu was signed already, the ledger has %llu",
                 (unsigned long long)signer->last.size, (unsigned long long)size);
}

/* May (size, root) be signed? Both roots come from the same hashes, so the one
 * tree extends the other where both are right. */
static enum cf_err may_sign(const struct cf_signer *signer, uint64_t size,
                            const uint8_t root[CF_HASH_N], const struct cf_hashes *hashes,
                            struct cf_fault *fault)
{
  bool same = false;
  if (size < signer->last.size)
    return size_refuse(signer, size, fault);
  enum cf_err err = root_is(hashes, size, root, &same);
  if (err != CF_OK)
    return err;
  if (!same)
    return cf_fail(fault, CF_E_PROOF, NULL, "the root given for size %llu is not the tree's",
                   (unsigned long long)size);
  if (signer->note.n == 0)
    return CF_OK;
  err = root_is(hashes, signer->last.size, signer->last.root, &same);
  if (err != CF_OK)
    return err;
  return same ? CF_OK
              : cf_fail(fault, CF_E_ROLLBACK, "state",
                        "the tree of size %llu is not the one that was signed",
                        (unsigned long long)signer->last.size);
}

static enum cf_err checkpoint_sign(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                                   const struct cf_hashes *hashes, struct cf_buf *b,
                                   struct cf_fault *fault)
{
  enum cf_err err = signer->way->sign(signer, checkpoint, hashes, fault);
  if (err != CF_OK)
    return err;
  cf_buf_putstr(b, cf_buf_str(&signer->note));
  return b->err;
}

static struct cf_checkpoint checkpoint_make(const struct cf_signer *signer, uint64_t size,
                                            const void *root)
{
  struct cf_checkpoint checkpoint = {.size = size};
  memcpy(checkpoint.origin, signer->vkey.name, sizeof checkpoint.origin);
  memcpy(checkpoint.root, root, CF_HASH_N);
  return checkpoint;
}

enum cf_err cf_signer_sign(struct cf_signer *signer, uint64_t size, const uint8_t root[CF_HASH_N],
                           const struct cf_hashes *hashes, struct cf_buf *b, struct cf_fault *fault)
{
  struct cf_checkpoint checkpoint = checkpoint_make(signer, size, root);
  enum cf_err err =
      cf_signer_is_last(signer, &checkpoint) ? CF_OK : may_sign(signer, size, root, hashes, fault);
  return err == CF_OK ? checkpoint_sign(signer, &checkpoint, hashes, b, fault) : err;
}

/* Does it extend what was signed last, by the proof? */
static enum cf_err proof_check(const struct cf_signer *signer, uint64_t size, struct cf_str root,
                               const struct cf_str *proof, size_t proof_n, struct cf_fault *fault)
{
  const struct cf_str last = {(const char *)signer->last.root, CF_HASH_N};
  if (size == 0 || root.n != CF_HASH_N)
    return cf_fail(fault, CF_E_PARAMETER, "size", "there is no record to sign");
  if (size < signer->last.size)
    return size_refuse(signer, size, fault);
  if (signer->note.n == 0 && signer->used)
    return cf_fail(fault, CF_E_ROLLBACK, "state",
                   "this key has signed, and what it signed last is missing: put the newest "
                   "checkpoint back as `counterfoil recover` says, and start counterfoil-signer "
                   "again");
  enum cf_err err = signer->note.n == 0
                        ? (proof_n == 0 ? CF_OK : CF_E_PROOF)
                        : cf_consistency_check(signer->last.size, size, last, root, proof, proof_n);
  return err == CF_OK ? CF_OK
                      : cf_fail(fault, err, "state",
                                "the tree of size %llu was not proved to extend the one of size "
                                "%llu, which was signed",
                                (unsigned long long)size, (unsigned long long)signer->last.size);
}

enum cf_err cf_signer_sign_proved(struct cf_signer *signer, uint64_t size, struct cf_str root,
                                  const struct cf_str *proof, size_t proof_n, struct cf_buf *b,
                                  struct cf_fault *fault)
{
  enum cf_err err = proof_check(signer, size, root, proof, proof_n, fault);
  if (err != CF_OK)
    return err;
  struct cf_checkpoint checkpoint = checkpoint_make(signer, size, root.p);
  return checkpoint_sign(signer, &checkpoint, NULL, b, fault);
}
