/* SPDX-License-Identifier: MIT */
/* What records say of the ledger and of other records: the genesis names the
 * origin, an erasure names what may be gone, a retention the pruned prefix.
 *
 * An erasure follows what it erases, so one sorted array of what is gone and
 * not yet named is enough: it grows at its end as the walk goes, and an erasure
 * record clears in it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/verify_in.h"
#include "lib/record/json.h"

#define ERASURES_MAX ((size_t)8 << 20) /* 64 MiB */
#define MASK_BITS    4
#define BODY_DEPTH   8

_Static_assert(CF_C_N <= MASK_BITS, "a mask of compartments in an entry");

/* ---- what is gone ---- */

static uint64_t entry_make(uint64_t seq, uint8_t mask)
{
  return seq << MASK_BITS | (mask & ((1U << MASK_BITS) - 1));
}
static uint64_t entry_seq(uint64_t entry)
{
  return entry >> MASK_BITS;
}
static uint8_t entry_mask(uint64_t entry)
{
  return (uint8_t)(entry & ((1U << MASK_BITS) - 1));
}

/* Room for one more: first by dropping what is cleared, then by growing. */
static enum cf_err erasures_room(struct cf_verify_run *run)
{
  struct cf_erasures *e = &run->erasures;
  if (e->n < e->cap)
    return CF_OK;
  size_t n = 0;
  for (size_t i = 0; i < e->n; i++)
    if (entry_mask(e->v[i]))
      e->v[n++] = e->v[i];
  e->n = n;
  if (n < e->cap / 2)
    return CF_OK;
  if (e->cap >= ERASURES_MAX)
    return n < e->cap ? CF_OK
                      : cf_fail(run->fault, CF_E_FULL, NULL,
                                "more than %zu erased records wait for the record that erased them",
                                ERASURES_MAX);
  size_t cap = e->cap ? 2 * e->cap : 64;
  uint64_t *v = realloc(e->v, cap * sizeof *v);
  if (!v)
    return CF_E_NOMEM;
  e->v = v;
  e->cap = cap;
  return CF_OK;
}

static enum cf_err erased_add(struct cf_verify_run *run, uint64_t seq, uint8_t mask)
{
  enum cf_err err = erasures_room(run);
  if (err == CF_OK)
    run->erasures.v[run->erasures.n++] = entry_make(seq, mask);
  return err;
}

static void erased_clear(struct cf_erasures *e, uint64_t seq, uint8_t mask)
{
  size_t low = 0, high = e->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (entry_seq(e->v[mid]) < seq)
      low = mid + 1;
    else
      high = mid;
  }
  if (low < e->n && entry_seq(e->v[low]) == seq)
    e->v[low] &= ~(uint64_t)mask;
}

/* ---- claims ---- */

static const struct cf_json *body_member(const struct cf_json *doc, const char *name)
{
  return cf_json_member(cf_json_member(doc, "body"), name);
}

static void genesis_check(struct cf_verify_run *run, const struct cf_claim *claim,
                          const struct cf_json *doc)
{
  if (!cf_str_is(cf_json_string(body_member(doc, "origin")), run->head.origin))
    cf_run_fault(run, CF_V_ORIGIN_MISMATCH, &claim->seq, "the genesis names another origin");
}

/* Clear one of an erasure's targets, [seq, mask], which must be before the
 * erasure. */
static bool target_take(struct cf_verify_run *run, const struct cf_claim *claim,
                        const struct cf_json *target)
{
  uint64_t seq = 0, mask = 0;
  if (cf_json_count(target) != 2)
    return false;
  if (cf_u64_parse(cf_json_number(cf_json_element(target, 0)), UINT64_MAX, &seq) != CF_OK)
    return false;
  if (cf_u64_parse(cf_json_number(cf_json_element(target, 1)), (1U << CF_C_N) - 1, &mask) != CF_OK)
    return false;
  if (seq >= claim->seq)
    return false;
  erased_clear(&run->erasures, seq, (uint8_t)mask);
  return true;
}

static void erasure_take(struct cf_verify_run *run, const struct cf_claim *claim,
                         const struct cf_json *doc)
{
  const struct cf_json *targets = body_member(doc, "targets");
  bool good = cf_json_type(targets) == CF_JSON_ARRAY;
  for (size_t i = 0; good && i < cf_json_count(targets); i++)
    good = target_take(run, claim, cf_json_element(targets, i));
  if (!good)
    cf_run_fault(run, CF_V_LEAF_FORMAT, &claim->seq,
                 "the targets are not a list of earlier records and masks");
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
  struct cf_buf text;
  struct cf_json *doc = NULL;
  cf_buf_init(&text, CF_LEAF_MAX + 2);
  cf_buf_putc(&text, '{');
  cf_buf_putstr(&text, public_text);
  cf_buf_putc(&text, '}');
  enum cf_err err =
      text.err == CF_OK ? cf_json_parse(cf_buf_str(&text), BODY_DEPTH, &doc, NULL) : text.err;
  if (err == CF_OK && claim->kind == CF_K_GENESIS)
    genesis_check(run, claim, doc);
  if (err == CF_OK && claim->kind == CF_K_ERASURE)
    erasure_take(run, claim, doc);
  if (err == CF_OK && claim->kind == CF_K_RETENTION)
    retention_take(run, doc);
  cf_json_free(doc);
  cf_buf_fini(&text);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  cf_run_fault(run, CF_V_LEAF_FORMAT, &claim->seq, "the body cannot be read");
  return CF_OK;
}

enum cf_err cf_run_claims(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  enum cf_err err = CF_OK;
  struct cf_str texts = cf_buf_str(&tile->claims);
  size_t c = 0;
  for (size_t i = 0; err == CF_OK && i < tile->n; i++) {
    uint64_t seq = tile->first + i;
    if (c < tile->claims_n && tile->claim[c].seq == seq) {
      err = claim_take(run, &tile->claim[c],
                       (struct cf_str){texts.p + tile->claim[c].at, tile->claim[c].n});
      c++;
    }
    if (err == CF_OK && tile->erased[i] && run->job->mode == CF_VERIFY_FULL)
      err = erased_add(run, seq, tile->erased[i]);
  }
  return err;
}

/* A record that could not be read may have been the one that names what is
 * missing: nobody is accused then, the damage is told anyway. */
void cf_run_claims_end(struct cf_verify_run *run)
{
  const struct cf_erasures *e = &run->erasures;
  for (size_t i = 0; i < e->n; i++) {
    uint64_t seq = entry_seq(e->v[i]);
    if (entry_mask(e->v[i]) && !(run->lost && run->lost_seq > seq))
      cf_run_fault(run, CF_V_ERASURE_UNAUTHORISED, &seq, "erased, but no later record says so");
  }
  if (run->first > 0 && !run->pruned_named && !run->lost)
    cf_run_fault(run, CF_V_PRUNED_UNAUTHORISED, NULL,
                 "no record says that what is before %llu was removed",
                 (unsigned long long)run->first);
}
