/* SPDX-License-Identifier: MIT */
/* The tree against a naive reading of RFC 6962 section 2.1, for every size up
 * to 300: edges, roots, both proofs; and that no proof survives a change. */
#include "config.h"

#include <string.h>

#include "lib/proof/tree.h"
#include "tests/unit/cf_test.h"

#define LEAVES 1100
#define SMALL  300

static uint8_t leaf[LEAVES][CF_HASH_N];
static size_t asked_wrong; /* calls that broke the promise of struct cf_hashes */

/* ---- the naive tree ---- */

static size_t naive_split(size_t n)
{
  size_t k = 1;
  while (2 * k < n)
    k *= 2;
  return k;
}

static void naive_root(size_t first, size_t n, uint8_t out[CF_HASH_N])
{
  uint8_t in[1 + 2 * CF_HASH_N] = {1};
  if (n == 0) {
    cf_sha256_1("", 0, out);
  } else if (n == 1) {
    memcpy(out, leaf[first], CF_HASH_N);
  } else {
    size_t k = naive_split(n);
    naive_root(first, k, in + 1);
    naive_root(first + k, n - k, in + 1 + CF_HASH_N);
    cf_sha256_1(in, sizeof in, out);
  }
}

static void naive_add(struct cf_proof *p, size_t first, size_t n)
{
  naive_root(first, n, p->hash[p->n++]);
}

/* PATH(m, D[n]) */
static void naive_path(size_t m, size_t first, size_t n, struct cf_proof *p)
{
  if (n <= 1)
    return;
  size_t k = naive_split(n);
  naive_path(m < k ? m : m - k, m < k ? first : first + k, m < k ? k : n - k, p);
  if (m < k)
    naive_add(p, first + k, n - k);
  else
    naive_add(p, first, k);
}

/* SUBPROOF(m, D[n], b) */
static void naive_subproof(size_t m, size_t first, size_t n, bool b, struct cf_proof *p)
{
  if (m == n) {
    if (!b)
      naive_add(p, first, n);
    return;
  }
  size_t k = naive_split(n);
  if (m <= k) {
    naive_subproof(m, first, k, b, p);
    naive_add(p, first + k, n - k);
  } else {
    naive_subproof(m - k, first + k, n - k, false, p);
    naive_add(p, first, k);
  }
}

/* ---- the hashes of a ledger of a size ---- */

struct source {
  uint64_t size;
  unsigned fail; /* the call that fails, counted from 1; 0: none */
};

static enum cf_err hashes_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  struct source *s = context;
  uint64_t each = UINT64_C(1) << 8 * level;
  if (n < 1 || n > 256 || first / 256 != (first + n - 1) / 256 || (first + n) * each > s->size)
    asked_wrong++;
  if (s->fail > 0 && --s->fail == 0)
    return CF_E_DAMAGED;
  for (size_t i = 0; i < n; i++)
    naive_root((size_t)((first + i) * each), (size_t)each, out + i * CF_HASH_N);
  return CF_OK;
}

static void leaves_make(void)
{
  for (size_t i = 0; i < LEAVES; i++)
    cf_sha256_1(&i, sizeof i, leaf[i]);
}

static void leaves_check(void)
{
  ck_assert_uint_eq(asked_wrong, 0);
}

static struct cf_str slice(const uint8_t *hash)
{
  return (struct cf_str){(const void *)hash, CF_HASH_N};
}

struct slices {
  struct cf_str v[CF_PROOF_MAX + 1];
};
static struct slices slices_of(const struct cf_proof *p)
{
  struct slices s;
  memset(&s, 0, sizeof s);
  for (size_t i = 0; i < p->n; i++)
    s.v[i] = slice(p->hash[i]);
  return s;
}

/* ---- edges and roots ---- */

START_TEST(edge_and_root)
{
  struct cf_edge edge;
  cf_edge_init(&edge);
  for (size_t n = 0; n <= LEAVES; n++) {
    uint8_t want[CF_HASH_N], got[CF_HASH_N];
    struct source source = {.size = n};
    struct cf_hashes hashes = {.get = hashes_get, .context = &source};
    struct cf_edge read;
    naive_root(0, n, want);
    cf_edge_root(&edge, got);
    ck_assert_bytes(got, sizeof got, want, sizeof want);
    ck_assert_ok(cf_tree_root(&hashes, n, got));
    ck_assert_bytes(got, sizeof got, want, sizeof want);
    ck_assert_ok(cf_tree_edge(&hashes, n, &read));
    ck_assert_uint_eq(read.size, n);
    for (size_t l = 0; l < 64; l++)
      if (n >> l & 1)
        ck_assert_bytes(read.node[l], CF_HASH_N, edge.node[l], CF_HASH_N);
    if (n < LEAVES)
      cf_edge_append(&edge, leaf[n]);
  }
}
END_TEST

START_TEST(edge_extended)
{
  struct source source = {.size = LEAVES};
  struct cf_hashes hashes = {.get = hashes_get, .context = &source};
  uint8_t want[CF_HASH_N], got[CF_HASH_N];
  naive_root(0, LEAVES, want);
  for (size_t n = 0; n <= LEAVES; n += 1 + n / 7) {
    struct cf_edge edge;
    ck_assert_ok(cf_tree_edge(&hashes, n, &edge));
    ck_assert_ok(cf_tree_extend(&hashes, LEAVES, &edge));
    cf_edge_root(&edge, got);
    ck_assert_bytes(got, sizeof got, want, sizeof want);
  }
}
END_TEST

START_TEST(edge_by_subtrees)
{
  struct cf_edge one, other;
  uint8_t a[CF_HASH_N], b[CF_HASH_N];
  cf_edge_init(&one);
  cf_edge_init(&other);
  for (size_t i = 0; i < 1024; i++) {
    cf_edge_append(&one, leaf[i]);
    if (i % 256 != 255)
      continue;
    cf_fold(leaf[i - 255], 256, a);
    cf_edge_append_subtree(&other, 8, a);
    cf_edge_root(&one, a);
    cf_edge_root(&other, b);
    ck_assert_bytes(a, sizeof a, b, sizeof b);
  }
  ck_assert_uint_eq(other.size, 1024);
}
END_TEST

START_TEST(folded)
{
  for (size_t n = 1; n <= 256; n *= 2) {
    uint8_t want[CF_HASH_N], got[CF_HASH_N];
    naive_root(0, n, want);
    cf_fold(leaf[0], n, got);
    ck_assert_bytes(got, sizeof got, want, sizeof want);
  }
}
END_TEST

/* ---- proofs ---- */

START_TEST(inclusion)
{
  size_t size = (size_t)_i;
  struct source source = {.size = size};
  struct cf_hashes hashes = {.get = hashes_get, .context = &source};
  uint8_t root[CF_HASH_N];
  naive_root(0, size, root);
  for (size_t i = 0; i < size; i++) {
    struct cf_proof want = {.n = 0}, got;
    naive_path(i, 0, size, &want);
    ck_assert_ok(cf_tree_inclusion(&hashes, i, size, &got));
    ck_assert_bytes(got.hash, got.n * CF_HASH_N, want.hash, want.n * CF_HASH_N);
    ck_assert_ok(
        cf_inclusion_check(i, size, slice(leaf[i]), slices_of(&got).v, got.n, slice(root)));
  }
  struct cf_proof none;
  ck_assert_err(cf_tree_inclusion(&hashes, size, size, &none), CF_E_PARAMETER);
}
END_TEST

START_TEST(consistency)
{
  size_t second = (size_t)_i;
  struct source source = {.size = second};
  struct cf_hashes hashes = {.get = hashes_get, .context = &source};
  uint8_t root[CF_HASH_N], old[CF_HASH_N];
  struct cf_proof got;
  naive_root(0, second, root);
  for (size_t first = 1; first <= second; first++) {
    struct cf_proof want = {.n = 0};
    naive_root(0, first, old);
    if (first < second)
      naive_subproof(first, 0, second, true, &want);
    ck_assert_ok(cf_tree_consistency(&hashes, first, second, &got));
    ck_assert_bytes(got.hash, got.n * CF_HASH_N, want.hash, want.n * CF_HASH_N);
    ck_assert_ok(
        cf_consistency_check(first, second, slice(old), slice(root), slices_of(&got).v, got.n));
  }
  ck_assert_ok(cf_tree_consistency(&hashes, 0, second, &got));
  ck_assert_uint_eq(got.n, 0);
  ck_assert_err(cf_tree_consistency(&hashes, second + 1, second, &got), CF_E_PARAMETER);
}
END_TEST

/* A proof, and everything that it speaks of. */
struct claim {
  bool consistency;
  uint64_t first, second; /* index and size */
  struct cf_str a, b;     /* leaf hash and root, or both roots */
  struct cf_proof proof;
};

static enum cf_err claim_check(const struct claim *c, const struct cf_str *proof, size_t n)
{
  return c->consistency ? cf_consistency_check(c->first, c->second, c->a, c->b, proof, n)
                        : cf_inclusion_check(c->first, c->second, c->a, proof, n, c->b);
}

static void claim_refused(const struct claim *c, const struct cf_str *proof, size_t n,
                          const char *how)
{
  enum cf_err err = claim_check(c, proof, n);
  ck_assert_msg(err == CF_E_PROOF, "%llu of %llu: %s was accepted", (unsigned long long)c->first,
                (unsigned long long)c->second, how);
}

/* Change each hash, its length, their number and order. */
static void claim_tamper(struct claim *c)
{
  static const uint8_t more[CF_HASH_N];
  struct slices s = slices_of(&c->proof);
  size_t n = c->proof.n;
  ck_assert_ok(claim_check(c, s.v, n));
  for (size_t i = 0; i < n; i++) {
    c->proof.hash[i][i % CF_HASH_N] ^= 1;
    claim_refused(c, s.v, n, "a changed hash");
    c->proof.hash[i][i % CF_HASH_N] ^= 1;
    s.v[i].n--;
    claim_refused(c, s.v, n, "a short hash");
    s.v[i].n++;
    if (i == 0 || memcmp(s.v[i].p, s.v[i - 1].p, CF_HASH_N) == 0)
      continue;
    struct cf_str other = s.v[i];
    s.v[i] = s.v[i - 1];
    s.v[i - 1] = other;
    claim_refused(c, s.v, n, "another order");
    s.v[i - 1] = s.v[i];
    s.v[i] = other;
  }
  if (n > 0)
    claim_refused(c, s.v, n - 1, "a missing hash");
  if (n > 0)
    claim_refused(c, s.v + 1, n - 1, "a missing first hash");
  s.v[n] = slice(more);
  claim_refused(c, s.v, n + 1, "one hash more");
}

/* Change what is proved. */
static void claim_twist(struct claim *c)
{
  struct slices s = slices_of(&c->proof);
  size_t n = c->proof.n;
  struct claim other = *c;
  uint8_t a[CF_HASH_N], b[CF_HASH_N];
  memcpy(a, c->a.p, CF_HASH_N);
  memcpy(b, c->b.p, CF_HASH_N);
  other.a = slice(a);
  other.b = slice(b);
  a[31] ^= 1;
  claim_refused(&other, s.v, n, "another first hash");
  a[31] ^= 1;
  b[0] ^= 1;
  claim_refused(&other, s.v, n, "another second hash");
  b[0] ^= 1;
  other.a.n = other.b.n = 31;
  claim_refused(&other, s.v, n, "short hashes");
}

START_TEST(tampered_inclusion)
{
  for (size_t size = 1; size <= 70; size++)
    for (size_t i = 0; i < size; i++) {
      struct claim c = {.first = i, .second = size};
      struct source source = {.size = size};
      struct cf_hashes hashes = {.get = hashes_get, .context = &source};
      uint8_t root[CF_HASH_N];
      naive_root(0, size, root);
      c.a = slice(leaf[i]);
      c.b = slice(root);
      ck_assert_ok(cf_tree_inclusion(&hashes, i, size, &c.proof));
      claim_tamper(&c);
      claim_twist(&c);
      for (c.first = 0; c.first <= size; c.first++)
        if (c.first != i)
          claim_refused(&c, slices_of(&c.proof).v, c.proof.n, "another index");
    }
}
END_TEST

START_TEST(tampered_consistency)
{
  for (size_t second = 2; second <= 70; second++)
    for (size_t first = 1; first < second; first++) {
      struct claim c = {.consistency = true, .first = first, .second = second};
      struct source source = {.size = second};
      struct cf_hashes hashes = {.get = hashes_get, .context = &source};
      uint8_t old[CF_HASH_N], root[CF_HASH_N];
      naive_root(0, first, old);
      naive_root(0, second, root);
      c.a = slice(old);
      c.b = slice(root);
      ck_assert_ok(cf_tree_consistency(&hashes, first, second, &c.proof));
      claim_tamper(&c);
      claim_twist(&c);
      c.first = 0;
      claim_refused(&c, slices_of(&c.proof).v, c.proof.n, "first = 0");
      c.first = second + 1;
      claim_refused(&c, slices_of(&c.proof).v, c.proof.n, "first above second");
    }
}
END_TEST

START_TEST(huge_sizes)
{
  static const uint8_t hash[CF_HASH_N];
  struct cf_str proof[CF_PROOF_MAX];
  for (size_t i = 0; i < CF_PROOF_MAX; i++)
    proof[i] = slice(hash);
  for (size_t n = 0; n <= CF_PROOF_MAX; n++) {
    ck_assert_err(cf_inclusion_check(UINT64_MAX - 1, UINT64_MAX, slice(hash), proof, n,
                                     slice(hash)),
                  CF_E_PROOF);
    ck_assert_err(cf_inclusion_check(0, UINT64_MAX, slice(hash), proof, n, slice(hash)),
                  CF_E_PROOF);
    ck_assert_err(cf_consistency_check(UINT64_C(1) << 63, UINT64_MAX, slice(hash), slice(hash),
                                       proof, n),
                  CF_E_PROOF);
    ck_assert_err(cf_consistency_check(UINT64_MAX - 1, UINT64_MAX, slice(hash), slice(hash), proof,
                                       n),
                  CF_E_PROOF);
  }
}
END_TEST

/* Whichever read fails, the error comes out and nothing is written. */
START_TEST(source_fails)
{
  for (unsigned fail = 1;; fail++) {
    struct source source = {.size = 1000, .fail = fail};
    struct cf_hashes hashes = {.get = hashes_get, .context = &source};
    struct cf_proof proof;
    struct cf_edge edge;
    uint8_t root[CF_HASH_N];
    memset(&proof, 7, sizeof proof);
    memset(&edge, 7, sizeof edge);
    memset(root, 7, sizeof root);
    enum cf_err err = _i == 0   ? cf_tree_root(&hashes, 1000, root)
                      : _i == 1 ? cf_tree_edge(&hashes, 1000, &edge)
                      : _i == 2 ? cf_tree_inclusion(&hashes, 300, 1000, &proof)
                                : cf_tree_consistency(&hashes, 300, 1000, &proof);
    if (err == CF_OK)
      break;
    ck_assert_int_eq(err, CF_E_DAMAGED);
    ck_assert(root[0] == 7 && edge.node[63][31] == 7 && edge.node[0][0] == 7 &&
              proof.hash[0][0] == 7 && proof.hash[127][31] == 7);
    ck_assert_uint_lt(fail, 100);
  }
}
END_TEST

/* ---- tiles ---- */

static const struct {
  const char *path;
  struct cf_tile tile;
} paths[] = {
    {"tile/0/000", {false, 0, 0, 256}},
    {"tile/0/273.p/112", {false, 0, 273, 112}},
    {"tile/1/000", {false, 1, 0, 256}},
    {"tile/0/x001/x234/067", {false, 0, 1234067, 256}},
    {"tile/0/x001/000.p/1", {false, 0, 1000, 1}},
    {"tile/63/999.p/255", {false, 63, 999, 255}},
    {"tile/entries/000", {true, 0, 0, 256}},
    {"tile/entries/x001/234.p/9", {true, 0, 1234, 9}},
    {"tile/0/x018/x446/x744/x073/x709/x551/615", {false, 0, UINT64_MAX, 256}},
};

START_TEST(tile_path)
{
  const struct cf_tile *t = &paths[_i].tile;
  struct cf_tile got;
  struct cf_buf b;
  cf_buf_init(&b, 100);
  cf_tile_path_put(&b, t->entries, t->level, t->n, t->width);
  ck_assert_str_eq(cf_buf_cstr(&b), paths[_i].path);
  ck_assert_ok(cf_tile_path_parse(cf_str_from(paths[_i].path), &got));
  ck_assert(got.entries == t->entries && got.level == t->level && got.n == t->n &&
            got.width == t->width);
  cf_buf_fini(&b);
}
END_TEST

static const char *const bad_paths[] = {
    "",
    "tile",
    "tile/",
    "tile/0",
    "tile/0/",
    "/tile/0/000",
    "tile/00/000",
    "tile/64/000",
    "tile/-1/000",
    "tile/ 1/000",
    "tile//000",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/1000",
    "tile/0/x000/001",
    "tile/0/x001",
    "tile/0/x001/",
    "tile/0/001/002",
    "tile/0/x001/x002",
    "tile/0/x01/002",
    "tile/0/X001/002",
    "tile/0/xx01/002",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/01",
    "tile/0/000.p/+1",
    "tile/0/000.p/1/",
    "tile/0/000/",
    "tile/0/000x",
    "tile/0/000.q/1",
    "tile/entries",
    "tile/entries/",
    "tile/entries/0/000",
    "tile/Entries/000",
    "tiles/0/000",
    "tile/0/x018/x446/x744/x073/x709/x551/616",
    "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
    "tile/0/0a0",
    "tile/0/-01",
};

START_TEST(tile_path_bad)
{
  struct cf_tile got = {.n = 77};
  ck_assert_err(cf_tile_path_parse(cf_str_from(bad_paths[_i]), &got), CF_E_SYNTAX);
  ck_assert_uint_eq(got.n, 77);
  ck_assert_err(cf_tile_path_parse((struct cf_str){"tile/0/000\0", 11}, &got), CF_E_SYNTAX);
}
END_TEST

START_TEST(tile_partial)
{
  ck_assert_uint_eq(cf_tile_partial(0, 0), 0);
  ck_assert_uint_eq(cf_tile_partial(255, 0), 255);
  ck_assert_uint_eq(cf_tile_partial(256, 0), 0);
  ck_assert_uint_eq(cf_tile_partial(70000, 0), 112);
  ck_assert_uint_eq(cf_tile_partial(70000, 1), 17);
  ck_assert_uint_eq(cf_tile_partial(70000, 2), 1);
  ck_assert_uint_eq(cf_tile_partial(70000, 3), 0);
  ck_assert_uint_eq(cf_tile_partial(UINT64_MAX, 7), 255);
  ck_assert_uint_eq(cf_tile_partial(UINT64_MAX, 8), 0);
  ck_assert_uint_eq(cf_tile_partial(UINT64_MAX, 63), 0);
}
END_TEST

int main(void)
{
#define TREE .tcase = "tree", .setup = leaves_make, .teardown = leaves_check
  const struct cf_test tests[] = {
      {TREE, .test = edge_and_root},
      {TREE, .test = edge_extended},
      {TREE, .test = edge_by_subtrees},
      {TREE, .test = folded},
      {TREE, .test = inclusion, .loops = SMALL + 1},
      {TREE, .test = consistency, .loops = SMALL + 1},
      {TREE, .test = tampered_inclusion},
      {TREE, .test = tampered_consistency},
      {TREE, .test = huge_sizes},
      {TREE, .test = source_fails, .loops = 4},
      {.tcase = "tiles", .test = tile_path, .loops = CF_COUNT(paths)},
      {.tcase = "tiles", .test = tile_path_bad, .loops = CF_COUNT(bad_paths)},
      {.tcase = "tiles", .test = tile_partial},
  };
  return cf_test_run("tree", tests, CF_COUNT(tests));
}
