/* SPDX-License-Identifier: MIT */
/* A view as the verifier sees it: each leaf rebuilt from what is stored, beside
 * the hash that is kept for it, or what is kept of the hashes of its tile. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ledger/view.h"
#include "lib/proof/verify.h"

struct cf_view_source {
  struct cf_view *view;
  uint64_t size; /* of the head */
};

/* A worker's scratch: one tile. */
struct worker {
  struct cf_block block[CF_TILE_W / CF_GROUP];
  struct cf_buf text;
  size_t at[CF_TILE_W + 1];  /* where each leaf of the tile begins in text */
  uint8_t before[CF_HASH_N]; /* the kept hash in front of the tile */
  struct cf_leaves_kept kept;
};

static enum cf_err worker_new(void *context, void **worker)
{
  (void)context;
  struct worker *w = calloc(1, sizeof *w);
  if (w == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < CF_TILE_W / CF_GROUP; i++)
    cf_block_init(&w->block[i]);
  cf_buf_init(&w->text, (size_t)CF_TILE_W * (CF_LEAF_MAX + 1));
  *worker = w;
  return CF_OK;
}

static void worker_free(void *context, void *worker)
{
  (void)context;
  struct worker *w = worker;
  for (size_t i = 0; i < CF_TILE_W / CF_GROUP; i++)
    cf_block_fini(&w->block[i]);
  cf_buf_fini(&w->text);
  free(w);
}

/* The kept hashes of [first, first + n), 64 at a time so that damage costs no
 * more than it must. */
static enum cf_err kept_hashes(struct cf_view *v, uint64_t first, size_t n,
                               struct cf_verify_leaf *out)
{
  struct cf_hashes hashes;
  uint8_t row[CF_GROUP * CF_HASH_N];
  cf_view_hashes(v, &hashes);
  for (size_t at = 0; at < n; at += CF_GROUP) {
    size_t count = n - at < CF_GROUP ? n - at : CF_GROUP;
    enum cf_err err = hashes.get(hashes.context, 0, first + at, count, row);
    if (err != CF_OK && err != CF_E_DAMAGED)
      return err;
    for (size_t i = 0; i < count; i++) {
      out[at + i].hash_readable = err == CF_OK;
      if (err == CF_OK)
        memcpy(out[at + i].hash, row + i * CF_HASH_N, CF_HASH_N);
    }
  }
  return CF_OK;
}

/* Rebuild one leaf; prev is what the ledger keeps for its predecessor. Where
 * the kept hash cannot be read, the computed one stands in for the next leaf's
 * prev. */
static void leaf_rebuild(const struct cf_block *block, unsigned i, const uint8_t prev[CF_HASH_N],
                         struct cf_buf *text, struct cf_verify_leaf *out)
{
  const struct cf_record *r = &block->record[i];
  cf_block_leaf(block, i, prev, text, out->made);
  out->readable = true;
  out->record = r;
  out->prev = prev;
  if (!out->hash_readable)
    memcpy(out->hash, out->made, CF_HASH_N);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->gone[c] != NULL)
      out->erased |= (uint8_t)(1u << c);
}

/* A leaf's hash as it is kept or, where that cannot be read, as it was
 * computed; NULL where neither is known. */
static const uint8_t *known_hash(const struct cf_verify_leaf *leaf)
{
  return leaf->hash_readable || leaf->readable ? leaf->hash : NULL;
}

/* The hash in front of the tile's leaf i; NULL where nobody knows it: then the
 * leaf cannot be judged. before: that of the first. */
static const uint8_t *front_of(const struct cf_verify_leaf *out, size_t i, const uint8_t *before)
{
  if (i == 0)
    return before;
  const struct cf_leaves_kept *kept = i % CF_LEAVES_PART == 0 ? out[i - 1].kept : NULL;
  return kept != NULL ? cf_leaves_before(kept, (unsigned)i / CF_LEAVES_PART)
                      : known_hash(&out[i - 1]);
}

/* The leaves [from, to) of the tile, all of one block. */
static enum cf_err leaves_of_block(struct cf_view *v, struct worker *w, uint64_t first, size_t from,
                                   size_t to, const uint8_t *before, struct cf_verify_leaf *out)
{
  struct cf_block *block = &w->block[from / CF_GROUP];
  enum cf_err err = cf_view_block(v, first + from, block);
  if (err != CF_OK && err != CF_E_DAMAGED)
    return err;
  bool readable = err == CF_OK;
  for (size_t i = from; i < to; i++) {
    const uint8_t *prev = front_of(out, i, before);
    w->at[i] = w->text.n;
    bool here = readable && i - from < block->n;
    if (here && prev != NULL)
      leaf_rebuild(block, (unsigned)(i - from), prev, &w->text, &out[i]);
    out[i].orphan = here && prev == NULL && out[i].hash_readable;
  }
  return w->text.err;
}

/* The kept hash of the leaf before first; *known is false where it cannot be
 * read. */
static enum cf_err hash_before(struct cf_view *v, uint64_t first, uint8_t hash[CF_HASH_N],
                               bool *known)
{
  enum cf_err err = CF_OK;
  memset(hash, 0, CF_HASH_N);
  if (first > 0) {
    struct cf_hashes hashes;
    cf_view_hashes(v, &hashes);
    err = hashes.get(hashes.context, 0, first - 1, 1, hash);
  }
  *known = err == CF_OK;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

/* What is kept of the n leaves from first on; *known: and of the one before
 * them. Of a part that the size cuts each hash is given. */
static enum cf_err kept_get(struct cf_view *v, struct worker *w, uint64_t first, size_t n,
                            struct cf_verify_leaf *out, bool *known)
{
  enum cf_err err = cf_view_leaves(v, first, &w->kept);
  size_t whole = err == CF_OK ? n - n % CF_LEAVES_PART : 0;
  for (size_t i = 0; i < whole; i++)
    out[i].kept = &w->kept;
  *known = err == CF_OK;
  if (*known)
    memcpy(w->before, w->kept.before, CF_HASH_N);
  if (err == CF_OK || err == CF_E_NOTFOUND)
    err = kept_hashes(v, first + whole, n - whole, out + whole);
  if (err == CF_E_DAMAGED)
    err = CF_OK; /* none can be read */
  return err != CF_OK || *known ? err : hash_before(v, first, w->before, known);
}

static enum cf_err leaves(void *context, void *worker, uint64_t first, size_t n,
                          struct cf_verify_leaf *out)
{
  struct cf_view *v = ((struct cf_view_source *)context)->view;
  struct worker *w = worker;
  bool known = false;
  cf_buf_reset(&w->text);
  enum cf_err err = kept_get(v, w, first, n, out, &known);
  for (size_t i = 0; err == CF_OK && i < n; i += CF_GROUP)
    err = leaves_of_block(v, w, first, i, n - i < CF_GROUP ? n : i + CF_GROUP,
                          known ? w->before : NULL, out);
  if (err != CF_OK)
    return err;
  w->at[n] = w->text.n;
  for (size_t i = 0; i < n; i++)
    if (out[i].readable)
      out[i].leaf = (struct cf_str){(const char *)w->text.p + w->at[i], w->at[i + 1] - w->at[i]};
  return CF_OK;
}

static enum cf_err tiles(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  struct cf_hashes hashes;
  cf_view_hashes(((struct cf_view_source *)context)->view, &hashes);
  return hashes.get(hashes.context, level, first, n, out);
}

static enum cf_err beside(void *context, struct cf_verify_beside *b)
{
  struct cf_view *view = ((struct cf_view_source *)context)->view;
  return view->calls->beside != NULL ? view->calls->beside(view, b) : CF_OK;
}

static enum cf_err file(void *context, size_t i, struct cf_verify_file *out)
{
  const struct cf_view_source *s = context;
  if (s->view->calls->file == NULL)
    return CF_E_NOTFOUND;
  enum cf_err err = s->view->calls->file(s->view, i, out);
  return err == CF_OK && out->body.first >= s->size ? CF_E_NOTFOUND : err;
}

/* A block of them. */
static enum cf_err later(void *context, uint64_t *at,
                         enum cf_err (*each)(void *to, uint64_t seq, enum cf_kind kind,
                                             struct cf_str public_text),
                         void *to)
{
  const struct cf_view_source *s = context;
  void *scratch = NULL;
  if (*at >= s->view->size)
    return CF_E_NOTFOUND;
  enum cf_err err = worker_new(NULL, &scratch);
  if (err != CF_OK)
    return err;
  struct worker *w = scratch;
  err = cf_view_block(s->view, *at, w->block);
  for (unsigned i = (unsigned)(*at % CF_GROUP); err == CF_OK && i < w->block->n; i++) {
    const struct cf_record *r = &w->block->record[i];
    err = each(to, r->seq, r->kind, r->public_text);
  }
  worker_free(NULL, w);
  uint64_t end = *at + CF_GROUP - *at % CF_GROUP;
  *at = end < s->view->size ? end : s->view->size;
  return err == CF_E_DAMAGED ? CF_OK : err;
}

static enum cf_err checkpoint(void *context, uint64_t size, uint64_t *found, struct cf_buf *note)
{
  struct cf_view_source *s = context;
  enum cf_err err = cf_view_checkpoint(s->view, size, found, note);
  return err == CF_OK && *found > s->size ? CF_E_NOTFOUND : err; /* newer than the head */
}

enum cf_err cf_view_source_new(struct cf_view *view, uint64_t size, struct cf_view_source **vs,
                               struct cf_verify_source *source)
{
  struct cf_view_source *s = calloc(1, sizeof *s);
  if (s == NULL)
    return CF_E_NOMEM;
  s->view = view;
  s->size = size;
  *source = (struct cf_verify_source){.context = s,
                                      .worker_new = worker_new,
                                      .worker_free = worker_free,
                                      .leaves = leaves,
                                      .beside = beside,
                                      .file = file,
                                      .later = later,
                                      .tiles = {tiles, s},
                                      .checkpoint = checkpoint};
  *vs = s;
  return CF_OK;
}

void cf_view_source_free(struct cf_view_source *vs)
{
  free(vs);
}
