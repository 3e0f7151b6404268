/* SPDX-License-Identifier: MIT */
/* What can be said of a tile's leaves without knowing any other tile: format,
 * hash, links, times, openings. Runs in a worker thread. */
#include "config.h"

#include <string.h>

#include "lib/proof/verify_in.h"

/* The leaf at hand, and what its predecessor in the tile left behind. */
struct scan {
  const struct cf_verify_source *source;
  struct cf_tile_report *tile;
  const struct cf_verify_leaf *in;
  bool counts; /* what producers count is kept */
  size_t i;
  uint64_t seq;
  unsigned unlike[CF_LEAVES_PARTS]; /* cf_leaves_settle */
  uint8_t computed[CF_HASH_N];
  struct cf_leaf leaf;
  bool linked; /* there is a hash that this leaf's prev must be: */
  uint8_t link[CF_HASH_N];
};

/* Which hash stands for the leaf in the tree. The kept one where there is one:
 * then a changed leaf is told once, at its place, and not by every root above
 * it. */
static void hash_choose(struct scan *s)
{
  struct cf_tile_report *t = s->tile;
  t->known[s->i] = s->in->hash_readable || (s->in->readable && s->in->kept == NULL);
  if (t->known[s->i])
    memcpy(t->hash[s->i], s->in->hash_readable ? s->in->hash : s->computed, CF_HASH_N);
  else if (s->in->kept == NULL && t->unknown++ == 0)
    t->unknown_seq = s->seq;
}

/* A leaf of a part that does not have its root. Behind the first one that is
 * not what it was no other can be judged, as each hash is made with the one
 * before. */
static void part_check(struct scan *s)
{
  unsigned unlike = s->unlike[s->i / CF_LEAVES_PART], at = s->i % CF_LEAVES_PART;
  if (unlike == CF_LEAVES_PART)
    cf_tile_fault_rough(s->tile, s->seq, s->seq,
                        "the record cannot be judged: one of its part of 16 cannot be read");
  else if (at == unlike)
    cf_tile_fault_of(s->tile, CF_V_LEAF_HASH, s->seq, s->seq - at + CF_LEAVES_PART - 1,
                     "from the first on, leaves of a part of 16 do not have the hashes that are "
                     "kept of it");
}

static void hash_check(struct scan *s)
{
  if (!s->in->hash_readable && s->in->kept != NULL)
    part_check(s);
  else if (!s->in->hash_readable)
    cf_tile_fault(s->tile, CF_V_STORE_DAMAGED, s->seq, "the kept leaf hash cannot be read");
  else if (memcmp(s->in->hash, s->computed, CF_HASH_N) != 0)
    cf_tile_fault(s->tile, CF_V_LEAF_HASH, s->seq,
                  "the leaf does not have the leaf hash that is kept for it");
}

/* The kept hash of a leaf that cannot be read, or NULL. */
static const uint8_t *hash_kept(const struct scan *s)
{
  if (s->in->hash_readable)
    return s->in->hash;
  return s->in->kept != NULL && s->i % CF_LEAVES_PART == CF_LEAVES_PART - 1
             ? s->in->kept->last[s->i / CF_LEAVES_PART]
             : NULL;
}

/* What the successor's prev must be: the hash of the leaf as it is, or, where
 * it cannot be read, the kept one. */
static void link_set(struct scan *s)
{
  const uint8_t *link = s->in->readable ? s->computed : hash_kept(s);
  s->linked = link != NULL;
  if (s->linked)
    memcpy(s->link, link, CF_HASH_N);
}

static void link_check(struct scan *s)
{
  if (s->i == 0) {
    s->tile->opened = true;
    memcpy(s->tile->prev, s->leaf.prev, CF_HASH_N);
  } else if (s->linked) {
    s->tile->links++;
    if (memcmp(s->link, s->leaf.prev, CF_HASH_N) != 0)
      cf_tile_fault(s->tile, CF_V_LINK_BROKEN, s->seq,
                    "prev is not the hash of the leaf before it");
  }
}

/* `what` is the last member of a service record's body, and a quote inside a
 * string is escaped: the end of the text decides. */
static bool sets_back(const struct cf_leaf *leaf)
{
  const struct cf_str end = CF_STR(",\"what\":\"clock\"}");
  struct cf_str text = leaf->public_text;
  return leaf->kind == CF_K_SERVICE && text.n >= end.n &&
         memcmp(text.p + text.n - end.n, end.p, end.n) == 0;
}

static void time_check(struct scan *s)
{
  struct cf_tile_report *t = s->tile;
  bool back = sets_back(&s->leaf);
  if (!t->timed) {
    t->timed = true;
    t->timed_seq = s->seq;
    t->set_back = back;
    t->first_us = s->leaf.recorded_us;
  } else if (s->leaf.recorded_us < t->last_us && !back) {
    cf_tile_fault(t, CF_V_TIME_REGRESSION, s->seq, "recorded before the record before it");
  }
  t->last_us = s->leaf.recorded_us;
}

static void place_check(struct scan *s)
{
  if (s->leaf.seq != s->seq)
    cf_tile_fault(s->tile, CF_V_INDEX_GAP, s->seq, "the leaf here says it is %llu",
                  (unsigned long long)s->leaf.seq);
  if ((s->leaf.kind == CF_K_GENESIS) != (s->seq == 0))
    cf_tile_fault(s->tile, CF_V_LEAF_FORMAT, s->seq,
                  s->seq == 0 ? "the first record is no genesis"
                              : "a genesis that is not the first record");
}

/* Keep the text of what says something of other records. */
static void claim_keep(struct scan *s)
{
  enum cf_kind kind = s->leaf.kind;
  struct cf_tile_report *t = s->tile;
  if (kind != CF_K_GENESIS && kind != CF_K_ERASURE && kind != CF_K_RETENTION &&
      kind != CF_K_SEGMENT && kind != CF_K_KEY)
    return;
  t->claim[t->claims_n++] =
      (struct cf_claim){.seq = s->seq, .kind = kind, .at = t->claims.n, .n = s->leaf.public_text.n};
  cf_buf_putstr(&t->claims, s->leaf.public_text);
}

/* The name stands in the claims once for records of one source in a row. */
static void count_keep(struct scan *s)
{
  struct cf_tile_report *t = s->tile;
  struct cf_produced p;
  if (!s->counts || !cf_produced_get(s->leaf.public_text, &p))
    return;
  struct cf_counted *c = &t->counted[t->counted_n];
  const struct cf_counted *before = t->counted_n++ > 0 ? c - 1 : NULL;
  *c = (struct cf_counted){s->seq, p.value, s->leaf.recorded_us, t->claims.n, p.source.n};
  if (before != NULL && t->claims.err == CF_OK &&
      cf_str_eq(p.source, (struct cf_str){(const char *)t->claims.p + before->at, before->n}))
    c->at = before->at;
  else
    cf_buf_putstr(&t->claims, p.source);
}

static void opening_check(struct scan *s, enum cf_compartment c)
{
  const char *name = cf_compartment_names[c];
  struct cf_fault fault = {0};
  uint8_t commitment[CF_HASH_N];
  s->tile->openings++;
  if (cf_payload_check(c, s->in->payload[c], &fault) != CF_OK) {
    cf_tile_fault(s->tile, CF_V_OPENING_FORMAT, s->seq, "%s: %s", name, fault.detail);
    return;
  }
  cf_commitment(c, s->leaf.seq, s->in->salt[c], s->in->payload[c], commitment);
  if (!cf_str_eq(cf_hash_str(commitment), cf_hash_str(s->leaf.commitment[c])))
    cf_tile_fault(s->tile, CF_V_OPENING_MISMATCH, s->seq, "%s is not what the leaf commits to",
                  name);
}

static void compartment_check(struct scan *s, enum cf_compartment c)
{
  const char *name = cf_compartment_names[c];
  bool given = s->in->payload[c].p != NULL;
  bool committed = s->leaf.present >> c & 1;
  bool erased = s->in->erased >> c & 1;
  if (given && erased)
    cf_tile_fault(s->tile, CF_V_ERASED_BUT_PRESENT, s->seq, "%s is called erased and is there",
                  name);
  if (given && !committed)
    cf_tile_fault(s->tile, CF_V_OPENING_MISMATCH, s->seq, "the leaf has no %s", name);
  if (given && committed)
    opening_check(s, c);
  if (!given && committed && !erased && (s->source->opens || s->in->opened))
    cf_tile_fault(s->tile, CF_V_OPENING_MISSING, s->seq, "%s is neither there nor called erased",
                  name);
}

static void openings_check(struct scan *s)
{
  uint8_t erased = s->in->erased & s->leaf.present;
  for (enum cf_compartment c = 0; c < CF_C_N; c++)
    compartment_check(s, c);
  s->tile->erased[s->i] = erased;
  if (erased)
    s->tile->states_erased++;
  else
    s->tile->states_present++;
}

/* A text that was made a moment ago says what it was made of. Where that will
 * not do, the text is read as any other, which names what is wrong with it. */
static enum cf_err text_read(struct scan *s, struct cf_fault *fault)
{
  const struct cf_verify_leaf *in = s->in;
  if (in->record != NULL && cf_leaf_made(in->record, in->prev, &s->leaf) == CF_OK)
    return CF_OK;
  return cf_leaf_parse(in->leaf, &s->leaf, fault);
}

static void text_check(struct scan *s)
{
  struct cf_fault fault = {.detail = "not well-formed"};
  s->tile->leaves++;
  if (text_read(s, &fault) != CF_OK) {
    cf_tile_fault(s->tile, CF_V_LEAF_FORMAT, s->seq, "%s%s%s", fault.at, fault.at[0] ? ": " : "",
                  fault.detail);
    s->tile->lost = true;
    s->tile->lost_seq = s->seq;
    return;
  }
  place_check(s);
  link_check(s);
  time_check(s);
  openings_check(s);
  claim_keep(s);
  count_keep(s);
}

static void loss_tell(const struct scan *s)
{
  if (s->in->orphan)
    cf_tile_fault_rough(s->tile, s->seq, s->seq,
                        "the record cannot be judged: the leaf hash in front of it cannot be read");
  else
    cf_tile_fault(s->tile, CF_V_STORE_DAMAGED, s->seq,
                  s->in->hash_readable || s->in->kept != NULL
                      ? "the record cannot be read"
                      : "neither the record nor its leaf hash can be read");
}

static void text_hash(struct scan *s)
{
  if (s->in->record != NULL)
    memcpy(s->computed, s->in->made, CF_HASH_N);
  else
    cf_leaf_hash(s->in->leaf, s->computed);
}

static void leaf_check(struct scan *s)
{
  if (s->in->readable)
    text_hash(s);
  hash_choose(s);
  if (s->in->readable) {
    hash_check(s);
    text_check(s);
  } else {
    loss_tell(s);
    s->tile->lost = true;
    s->tile->lost_seq = s->seq;
  }
  link_set(s);
}

/* ---- parts ---- */

static unsigned part_settle(struct cf_verify_leaf *leaf, unsigned part)
{
  uint8_t hash[CF_LEAVES_PART * CF_HASH_N];
  unsigned unlike = CF_LEAVES_PART;
  for (unsigned i = 0; i < CF_LEAVES_PART; i++) {
    if (leaf[i].kept == NULL || !leaf[i].readable)
      return unlike;
    memcpy(hash + (size_t)i * CF_HASH_N, leaf[i].made, CF_HASH_N);
  }
  bool fits = cf_leaves_fit(leaf->kept, part, hash, &unlike);
  for (unsigned i = 0; i < CF_LEAVES_PART && fits; i++) {
    memcpy(leaf[i].hash, leaf[i].made, CF_HASH_N);
    leaf[i].hash_readable = true;
  }
  return unlike;
}

void cf_leaves_settle(struct cf_verify_leaf *leaves, size_t n, unsigned unlike[CF_LEAVES_PARTS])
{
  for (unsigned p = 0; p < n / CF_LEAVES_PART; p++)
    unlike[p] = part_settle(&leaves[(size_t)p * CF_LEAVES_PART], p);
}

static void parts_fold(const struct cf_verify_leaf *leaves, struct cf_tile_report *t)
{
  for (size_t p = 0; p < t->n / CF_LEAVES_PART; p++) {
    const size_t first = p * CF_LEAVES_PART;
    const struct cf_leaves_kept *kept = leaves[first].kept;
    bool known = true;
    for (size_t i = 0; i < CF_LEAVES_PART; i++)
      known &= t->known[first + i];
    if (kept != NULL)
      memcpy(t->part[p], kept->root[p], CF_HASH_N);
    else if (known)
      cf_fold(t->hash[first], CF_LEAVES_PART, t->part[p]);
    t->part_known[p] = kept != NULL || known;
  }
  if (t->n == CF_TILE_W && t->unknown == 0)
    cf_fold(t->part[0], CF_LEAVES_PARTS, t->root);
}

/* All of a report but its place and its buffer. */
static void report_reset(struct cf_tile_report *t)
{
  t->err = CF_OK;
  t->unknown = t->claims_n = t->counted_n = t->errors_n = 0;
  t->opened = t->closed = t->timed = t->set_back = t->lost = false;
  t->leaves = t->links = t->openings = t->states_present = t->states_erased = t->untold = 0;
  t->pages = t->entries = 0;
  memset(t->erased, 0, sizeof t->erased);
  cf_buf_reset(&t->claims);
}

static enum cf_err beside_check(const struct cf_verify_source *source, bool deep,
                                struct cf_tile_report *tile)
{
  struct cf_verify_beside b = {.first = tile->first,
                               .n = tile->n,
                               .last = tile->last_one,
                               .deep = deep,
                               .tile = tile};
  enum cf_err err = source->beside(source->context, &b);
  tile->pages = b.pages;
  tile->entries = b.entries;
  return err;
}

void cf_tile_check(const struct cf_verify_source *source, enum cf_verify_mode mode, void *worker,
                   struct cf_verify_leaf *leaves, struct cf_tile_report *tile)
{
  report_reset(tile);
  memset(leaves, 0, tile->n * sizeof *leaves);
  tile->err = source->leaves(source->context, worker, tile->first, tile->n, leaves);
  if (tile->err != CF_OK)
    return;
  struct scan s = {.source = source, .tile = tile, .counts = mode >= CF_VERIFY_FULL};
  cf_leaves_settle(leaves, tile->n, s.unlike);
  for (s.i = 0; s.i < tile->n; s.i++) {
    s.in = &leaves[s.i];
    s.seq = tile->first + s.i;
    leaf_check(&s);
  }
  tile->closed = s.linked;
  memcpy(tile->last, s.link, CF_HASH_N);
  parts_fold(leaves, tile);
  tile->err = tile->claims.err;
  if (tile->err == CF_OK && mode >= CF_VERIFY_FULL && source->beside)
    tile->err = beside_check(source, mode == CF_VERIFY_DEEP, tile);
}
