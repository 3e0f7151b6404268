/* SPDX-License-Identifier: MIT */
/* What records say of the ledger and of other records: the genesis names the
 * origin and the first key, `key` records the others, an erasure names what may
 * be gone, a retention the pruned prefix.
 *
 * An erasure follows what it erases, so it is enough to keep what is gone and
 * not yet named: by tiles, a byte a record, which grow at their end as the walk
 * goes, and in which an erasure record clears. Whether it names a run or each
 * record by itself, and in which order, makes no difference to their size. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/verify_in.h"
#include "lib/record/json.h"
#include "lib/record/kind_body.h"

#define ERASURES_MAX ((size_t)1 << 20) /* tiles: 268 million records, 264 MiB */
#define BODY_DEPTH   8

/* ---- what is gone ---- */

static bool is_cleared(const struct cf_erased_tile *t)
{
  static const uint8_t none[CF_TILE_W];
  return memcmp(t->mask, none, CF_TILE_W) == 0;
}

/* Room for one more: first by dropping what is cleared, then by growing. */
static enum cf_err erasures_room(struct cf_verify_run *run)
{
  struct cf_erasures *e = &run->erasures;
  if (e->n < e->cap)
    return CF_OK;
  size_t n = 0;
  for (size_t i = 0; i < e->n; i++)
    if (!is_cleared(&e->v[i]))
      e->v[n++] = e->v[i];
  e->n = n;
  if (n < e->cap / 2)
    return CF_OK;
  if (e->cap >= ERASURES_MAX)
    return n < e->cap ? CF_OK
                      : cf_fail(run->fault, CF_E_FULL, NULL,
                                "erased records in more than %zu tiles wait for the record that "
                                "erased them",
                                ERASURES_MAX);
  size_t cap = e->cap ? 2 * e->cap : 64;
  struct cf_erased_tile *v = realloc(e->v, cap * sizeof *v);
  if (!v)
    return CF_E_NOMEM;
  e->v = v;
  e->cap = cap;
  return CF_OK;
}

static enum cf_err erased_add(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  struct cf_erased_tile t = {.first = tile->first};
  memcpy(t.mask, tile->erased, CF_TILE_W);
  if (is_cleared(&t))
    return CF_OK;
  enum cf_err err = erasures_room(run);
  if (err == CF_OK)
    run->erasures.v[run->erasures.n++] = t;
  return err;
}

/* The first tile that ends behind seq. */
static size_t tile_find(const struct cf_erasures *e, uint64_t seq)
{
  size_t low = 0, high = e->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (e->v[mid].first + CF_TILE_W <= seq)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static void erased_clear(struct cf_erasures *e, const struct cf_target *target)
{
  uint64_t end = target->first + target->n;
  for (size_t i = tile_find(e, target->first); i < e->n && e->v[i].first < end; i++) {
    struct cf_erased_tile *t = &e->v[i];
    uint64_t from = target->first > t->first ? target->first - t->first : 0;
    uint64_t to = end - t->first < CF_TILE_W ? end - t->first : CF_TILE_W;
    for (uint64_t k = from; k < to; k++)
      t->mask[k] &= (uint8_t)~target->mask;
  }
}

/* ---- claims ---- */

static const struct cf_json *body_member(const struct cf_json *doc, const char *name)
{
  return cf_json_member(cf_json_member(doc, "body"), name);
}

/* Does the record name that key? */
static bool key_check(struct cf_verify_run *run, const struct cf_claim *claim,
                      const struct cf_json *doc, const struct cf_key *key)
{
  struct cf_buf want;
  cf_buf_init(&want, CF_KEY_NOTE_MAX);
  cf_vkey_put(&key->vkey, &want);
  bool same = cf_str_eq(cf_json_string(body_member(doc, "key")), cf_buf_str(&want));
  cf_buf_fini(&want);
  if (!same)
    cf_run_fault(run, CF_V_KEY_UNKNOWN, &claim->seq,
                 "the record names another key than the one that signs what follows");
  return same;
}

static void genesis_check(struct cf_verify_run *run, const struct cf_claim *claim,
                          const struct cf_json *doc)
{
  if (!cf_str_is(cf_json_string(body_member(doc, "origin")), run->head.origin))
    cf_run_fault(run, CF_V_ORIGIN_MISMATCH, &claim->seq, "the genesis names another origin");
  key_check(run, claim, doc, &run->job->keys->v[0]);
}

static void key_take(struct cf_verify_run *run, const struct cf_claim *claim,
                     const struct cf_json *doc)
{
  const struct cf_key *key = cf_keys_of(run->job->keys, claim->seq);
  if (key == NULL)
    cf_run_fault(run, CF_V_KEY_UNKNOWN, &claim->seq,
                 "the record names a key that is not among those of this log");
  else if (key_check(run, claim, doc, key) &&
           !cf_str_is(cf_json_string(body_member(doc, "note")), key->note))
    cf_run_fault(run, CF_V_KEY_UNKNOWN, &claim->seq,
                 "the record has another note than the one that led to its key");
}

/* A key whose record is in the tile must have been met there; where a record
 * cannot be read, that is told already. */
static void keys_missing(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  const struct cf_keys *keys = run->job->keys;
  for (size_t i = 1; i < keys->n; i++) {
    uint64_t seq = keys->v[i].from - 1;
    bool here = seq >= tile->first && seq - tile->first < tile->n;
    for (size_t c = 0; here && c < tile->claims_n; c++)
      here = tile->claim[c].seq != seq || tile->claim[c].kind != CF_K_KEY;
    if (here && !(tile->lost && tile->lost_seq >= seq))
      cf_run_fault(run, CF_V_KEY_UNKNOWN, &seq,
                   "a note leads to a key from here on, and this is no `key` record");
  }
}

/* Clear an erasure's targets, which must be before it. */
static void erasure_take(struct cf_verify_run *run, const struct cf_claim *claim,
                         struct cf_str public_text)
{
  struct cf_targets targets;
  struct cf_target target;
  bool good = cf_targets_begin(public_text, &targets) == CF_OK;
  while (good && cf_targets_next(&targets, &target)) {
    good = target.first + target.n <= claim->seq;
    if (good)
      erased_clear(&run->erasures, &target);
  }
  if (!good)
    cf_run_fault(run, CF_V_LEAF_FORMAT, &claim->seq, "the targets are not all earlier records");
}

static bool member_is_hash(const struct cf_json *doc, const char *name,
                           const uint8_t hash[CF_HASH_N])
{
  uint8_t got[CF_HASH_N];
  return cf_base64_get_n(cf_json_string(body_member(doc, name)), got, sizeof got) == CF_OK &&
         memcmp(got, hash, sizeof got) == 0;
}

static void retention_take(struct cf_verify_run *run, const struct cf_json *doc)
{
  uint64_t minimum = 0;
  if (cf_u64_parse(cf_json_number(body_member(doc, "minimum")), UINT64_MAX, &minimum) != CF_OK ||
      minimum != run->first)
    return;
  run->pruned_named |= member_is_hash(doc, "root", run->pruned_root) &&
                       (!run->opened || member_is_hash(doc, "prev", run->prev));
}

static enum cf_err claim_take(struct cf_verify_run *run, const struct cf_claim *claim,
                              struct cf_str public_text)
{
  struct cf_json *doc = NULL;
  if (claim->kind == CF_K_ERASURE) {
    erasure_take(run, claim, public_text);
    return CF_OK;
  }
  if (claim->kind == CF_K_SEGMENT)
    return cf_run_told(run, claim->seq, public_text);
  enum cf_err err = cf_json_parse_members(public_text, BODY_DEPTH, &doc);
  if (err == CF_OK && claim->kind == CF_K_GENESIS)
    genesis_check(run, claim, doc);
  if (err == CF_OK && claim->kind == CF_K_KEY)
    key_take(run, claim, doc);
  if (err == CF_OK && claim->kind == CF_K_RETENTION)
    retention_take(run, doc);
  cf_json_free(doc);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_run_fault(run, CF_V_LEAF_FORMAT, &claim->seq, "the body cannot be read");
  return CF_OK;
}

/* Nothing that a claim names comes behind it: so the tile's own are first. */
enum cf_err cf_run_claims(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  enum cf_err err = run->job->mode >= CF_VERIFY_FULL ? erased_add(run, tile) : CF_OK;
  struct cf_str texts = cf_buf_str(&tile->claims);
  for (size_t c = 0; err == CF_OK && c < tile->claims_n; c++)
    err = claim_take(run, &tile->claim[c],
                     (struct cf_str){texts.p + tile->claim[c].at, tile->claim[c].n});
  keys_missing(run, tile);
  return err;
}

static void unnamed_tell(struct cf_verify_run *run, const struct cf_erased_tile *t)
{
  for (size_t i = 0; i < CF_TILE_W; i++) {
    uint64_t seq = t->first + i;
    if (t->mask[i] && !(run->lost && run->lost_seq > seq))
      cf_run_fault(run, CF_V_ERASURE_UNAUTHORISED, &seq, "erased, but no later record says so");
  }
}

/* A record behind the head, which excuses what the source shows already. */
static enum cf_err later_take(void *context, uint64_t seq, enum cf_kind kind,
                              struct cf_str public_text)
{
  struct cf_claim claim = {.seq = seq, .kind = kind};
  return kind == CF_K_ERASURE || kind == CF_K_SEGMENT ? claim_take(context, &claim, public_text)
                                                      : CF_OK;
}

enum cf_err cf_run_later(struct cf_verify_run *run)
{
  const struct cf_verify_source *source = run->source;
  enum cf_err err = source->later ? CF_OK : CF_E_NOTFOUND;
  uint64_t least = run->later_at + CF_LATER_LEAST;
  while (err == CF_OK) {
    if (run->later_at >= least && run->job->carry && cf_run_spent(run))
      return CF_OK;
    err = source->later(source->context, &run->later_at, later_take, run);
  }
  run->later_done = err == CF_E_NOTFOUND;
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* A record that could not be read may have been the one that names what is
 * missing: nobody is accused then, the damage is told anyway. */
enum cf_err cf_run_claims_end(struct cf_verify_run *run)
{
  const struct cf_erasures *e = &run->erasures;
  enum cf_err err = cf_run_files(run);
  if (err != CF_OK)
    return err;
  for (size_t i = 0; i < e->n; i++)
    unnamed_tell(run, &e->v[i]);
  if (run->first > 0 && !run->pruned_named && !run->lost)
    cf_run_fault(run, CF_V_PRUNED_UNAUTHORISED, NULL,
                 "no record says that what is before %llu was removed",
                 (unsigned long long)run->first);
  return CF_OK;
}
