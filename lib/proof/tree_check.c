/* SPDX-License-Identifier: MIT */
/* What somebody without the tree can do with it: check proofs, and read and
 * write the paths of its tiles. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/tree.h"

static bool hashes_ok(const struct cf_str *proof, size_t proof_n)
{
  for (size_t i = 0; i < proof_n; i++)
    if (proof[i].n != CF_HASH_N)
      return false;
  return true;
}

/* RFC 9162 walks with fn and sn, the node's and the last node's index a level;
 * a node without a right sibling has a parent of its own hash. */
struct climb {
  uint64_t fn, sn;
};

/* Is the next hash of a proof the left sibling? Goes on up, over the levels
 * where there is no sibling. */
static bool climb_left(struct climb *c)
{
  bool left = (c->fn & 1) || c->fn == c->sn;
  if (left)
    while (c->fn != 0 && !(c->fn & 1)) {
      c->fn >>= 1;
      c->sn >>= 1;
    }
  c->fn >>= 1;
  c->sn >>= 1;
  return left;
}

static const uint8_t *bytes(struct cf_str s)
{
  return (const void *)s.p;
}

static bool hash_is(const uint8_t hash[CF_HASH_N], struct cf_str s)
{
  return s.n == CF_HASH_N && memcmp(hash, s.p, CF_HASH_N) == 0;
}

enum cf_err cf_inclusion_check(uint64_t index, uint64_t size, struct cf_str leaf_hash,
                               const struct cf_str *proof, size_t proof_n, struct cf_str root)
{
  if (index >= size || leaf_hash.n != CF_HASH_N || !hashes_ok(proof, proof_n))
    return CF_E_PROOF;
  struct climb c = {.fn = index, .sn = size - 1};
  uint8_t r[CF_HASH_N];
  memcpy(r, leaf_hash.p, sizeof r);
  for (size_t i = 0; i < proof_n; i++) {
    if (c.sn == 0)
      return CF_E_PROOF;
    if (climb_left(&c))
      cf_node_hash(bytes(proof[i]), r, r);
    else
      cf_node_hash(r, bytes(proof[i]), r);
  }
  return c.sn == 0 && hash_is(r, root) ? CF_OK : CF_E_PROOF;
}

/* 0 < first < second, and the proof is not empty. Where first is a power of two
 * its root is the first hash of the way and not sent. */
static enum cf_err consistency_walk(uint64_t first, uint64_t second, struct cf_str first_root,
                                    struct cf_str second_root, const struct cf_str *proof,
                                    size_t proof_n)
{
  struct climb c = {.fn = first - 1, .sn = second - 1};
  for (; c.fn & 1; c.fn >>= 1)
    c.sn >>= 1;
  bool whole = (first & (first - 1)) == 0;
  struct cf_str start = whole ? first_root : proof[0];
  if (start.n != CF_HASH_N)
    return CF_E_PROOF;
  uint8_t fr[CF_HASH_N], sr[CF_HASH_N];
  memcpy(fr, start.p, sizeof fr);
  memcpy(sr, start.p, sizeof sr);
  for (size_t i = whole ? 0 : 1; i < proof_n; i++) {
    if (c.sn == 0)
      return CF_E_PROOF;
    if (climb_left(&c)) {
      cf_node_hash(bytes(proof[i]), fr, fr);
      cf_node_hash(bytes(proof[i]), sr, sr);
    } else {
      cf_node_hash(sr, bytes(proof[i]), sr);
    }
  }
  return c.sn == 0 && hash_is(fr, first_root) && hash_is(sr, second_root) ? CF_OK : CF_E_PROOF;
}

enum cf_err cf_consistency_check(uint64_t first, uint64_t second, struct cf_str first_root,
                                 struct cf_str second_root, const struct cf_str *proof,
                                 size_t proof_n)
{
  if (first == 0 || first > second)
    return CF_E_PROOF;
  if (first == second)
    return proof_n == 0 && cf_str_eq(first_root, second_root) ? CF_OK : CF_E_PROOF;
  if (proof_n == 0 || !hashes_ok(proof, proof_n))
    return CF_E_PROOF;
  return consistency_walk(first, second, first_root, second_root, proof, proof_n);
}

/* ---- of a proof that was made here ---- */

static struct cf_str hash_str(const uint8_t hash[CF_HASH_N])
{
  return (struct cf_str){(const char *)hash, CF_HASH_N};
}

static void path_of(const struct cf_proof *proof, struct cf_str path[CF_PROOF_MAX])
{
  for (size_t i = 0; i < proof->n; i++)
    path[i] = hash_str(proof->hash[i]);
}

enum cf_err cf_proof_includes(const struct cf_proof *proof, uint64_t index, uint64_t size,
                              const uint8_t leaf_hash[CF_HASH_N], const uint8_t root[CF_HASH_N])
{
  struct cf_str path[CF_PROOF_MAX];
  path_of(proof, path);
  return cf_inclusion_check(index, size, hash_str(leaf_hash), path, proof->n, hash_str(root));
}

enum cf_err cf_proof_extends(const struct cf_proof *proof, uint64_t first,
                             const uint8_t first_root[CF_HASH_N], uint64_t second,
                             const uint8_t second_root[CF_HASH_N])
{
  struct cf_str path[CF_PROOF_MAX];
  path_of(proof, path);
  return cf_consistency_check(first, second, hash_str(first_root), hash_str(second_root), path,
                              proof->n);
}

enum cf_err cf_tree_extends(const struct cf_hashes *hashes, uint64_t first,
                            const uint8_t first_root[CF_HASH_N], uint64_t second,
                            const uint8_t second_root[CF_HASH_N])
{
  struct cf_proof proof;
  enum cf_err err = cf_tree_consistency(hashes, first, second, &proof);
  return err == CF_OK ? cf_proof_extends(&proof, first, first_root, second, second_root) : err;
}

/* ---- paths of tiles ---- */

#define GROUPS_MAX 7 /* of three digits, in 2^64 */

static void index_put(struct cf_buf *b, uint64_t n)
{
  unsigned group[GROUPS_MAX];
  size_t groups = 0;
  do {
    group[groups++] = (unsigned)(n % 1000);
    n /= 1000;
  } while (n > 0);
  while (groups > 1)
    cf_buf_putf(b, "x%03u/", group[--groups]);
  cf_buf_putf(b, "%03u", group[0]);
}

void cf_tile_path_put(struct cf_buf *b, bool entries, unsigned level, uint64_t n, unsigned width)
{
  if (entries)
    cf_buf_puts(b, "tile/entries/");
  else
    cf_buf_putf(b, "tile/%u/", level);
  index_put(b, n);
  if (width < CF_TILE_W)
    cf_buf_putf(b, ".p/%u", width);
}

/* The groups of an index, read leniently (also beyond 2^64: writing it again
 * will differ); path is left behind them. */
static enum cf_err index_get(struct cf_str *path, uint64_t *n)
{
  uint64_t value = 0, group = 0;
  for (bool more = true; more;) {
    more = path->n > 0 && path->p[0] == 'x';
    size_t at = more ? 1 : 0;
    if (path->n < at + 3 || cf_u64_parse((struct cf_str){path->p + at, 3}, 999, &group) != CF_OK)
      return CF_E_SYNTAX;
    value = value * 1000 + group;
    at += 3;
    if (more && (path->n == at || path->p[at++] != '/'))
      return CF_E_SYNTAX;
    *path = (struct cf_str){path->p + at, path->n - at};
  }
  *n = value;
  return CF_OK;
}

static enum cf_err tile_get(struct cf_str path, struct cf_tile *tile)
{
  uint64_t level = 0, width = CF_TILE_W;
  if (!cf_str_is(cf_str_cut(&path, '/'), "tile"))
    return CF_E_SYNTAX;
  struct cf_str word = cf_str_cut(&path, '/');
  tile->entries = cf_str_is(word, "entries");
  if (!tile->entries && cf_u64_parse(word, CF_TILE_LEVEL_MAX, &level) != CF_OK)
    return CF_E_SYNTAX;
  enum cf_err err = index_get(&path, &tile->n);
  if (err != CF_OK)
    return err;
  struct cf_str partial = CF_STR(".p/");
  if (cf_str_starts(path, partial)) {
    path = (struct cf_str){path.p + partial.n, path.n - partial.n};
    err = cf_u64_parse(path, CF_TILE_W - 1, &width);
  } else if (path.n > 0) {
    return CF_E_SYNTAX;
  }
  tile->level = (unsigned)level;
  tile->width = (unsigned)width;
  return width == 0 ? CF_E_SYNTAX : err;
}

enum cf_err cf_tile_path_parse(struct cf_str path, struct cf_tile *tile)
{
  struct cf_tile got;
  memset(&got, 0, sizeof got);
  enum cf_err err = tile_get(path, &got);
  if (err != CF_OK)
    return err;
  struct cf_buf b;
  cf_buf_init(&b, 128);
  cf_tile_path_put(&b, got.entries, got.level, got.n, got.width);
  err = b.err != CF_OK ? b.err : cf_str_eq(cf_buf_str(&b), path) ? CF_OK : CF_E_SYNTAX;
  cf_buf_fini(&b);
  if (err == CF_OK)
    *tile = got;
  return err;
}

unsigned cf_tile_partial(uint64_t size, unsigned level)
{
  return level * CF_TILE_H < 64 ? (unsigned)(size >> level * CF_TILE_H) % CF_TILE_W : 0;
}

bool cf_tile_within(const struct cf_tile *tile, uint64_t size)
{
  uint64_t entries = CF_TILE_H * tile->level < 64 ? size >> (CF_TILE_H * tile->level) : 0;
  return tile->n < entries / CF_TILE_W ||
         (tile->n == entries / CF_TILE_W && tile->width <= entries % CF_TILE_W);
}
