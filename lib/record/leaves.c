/* SPDX-License-Identifier: MIT */
/* Nodes over leaf hashes, and what is kept of these. */
#include "config.h"

#include "lib/record/leaves.h"

#include <string.h>

#include "lib/base/die.h"

void cf_node_hash(const uint8_t left[CF_HASH_N], const uint8_t right[CF_HASH_N],
                  uint8_t out[CF_HASH_N])
{
  uint8_t in[1 + 2 * CF_HASH_N];
  in[0] = 1;
  memcpy(in + 1, left, CF_HASH_N);
  memcpy(in + 1 + CF_HASH_N, right, CF_HASH_N);
  cf_sha256_1(in, sizeof in, out);
}

/* The n nodes over 2n hashes, beside each other. */
static void nodes_hash(const uint8_t *below, size_t n, uint8_t *out)
{
  struct cf_sha256_text text[CF_LEAVES_N / 2];
  for (size_t i = 0; i < n; i++)
    text[i] = (struct cf_sha256_text){.head = CF_STR("\1"),
                                      .body = {(const char *)below + i * 2 * CF_HASH_N,
                                               (size_t)2 * CF_HASH_N},
                                      .out = out + i * CF_HASH_N};
  cf_sha256_each(text, n);
}

void cf_fold(const uint8_t *hashes, size_t n, uint8_t out[CF_HASH_N])
{
  CF_ASSERT(n >= 1 && n <= CF_LEAVES_N && (n & (n - 1)) == 0);
  uint8_t all[CF_LEAVES_N][CF_HASH_N], (*row)[CF_HASH_N] = all; /* row after row */
  const uint8_t *from = hashes;
  for (n /= 2; n > 0; n /= 2) {
    nodes_hash(from, n, row[0]);
    from = row[0];
    row += n;
  }
  memmove(out, from, CF_HASH_N);
}

void cf_leaves_keep(const uint8_t before[CF_HASH_N], const uint8_t *hashes,
                    struct cf_leaves_kept *kept)
{
  memcpy(kept->before, before, CF_HASH_N);
  for (unsigned i = 0; i < CF_LEAVES_N; i++)
    memcpy(kept->mark[i], hashes + (size_t)i * CF_HASH_N, CF_LEAF_MARK);
  for (unsigned p = 0; p < CF_LEAVES_PARTS; p++) {
    const uint8_t *part = hashes + (size_t)p * CF_LEAVES_PART * CF_HASH_N;
    memcpy(kept->last[p], part + (CF_LEAVES_PART - 1) * CF_HASH_N, CF_HASH_N);
    cf_fold(part, CF_LEAVES_PART, kept->root[p]);
  }
}

const uint8_t *cf_leaves_before(const struct cf_leaves_kept *kept, unsigned part)
{
  return part == 0 ? kept->before : kept->last[part - 1];
}

bool cf_leaves_fit(const struct cf_leaves_kept *kept, unsigned part, const uint8_t *hashes,
                   unsigned *at)
{
  const uint8_t *last = hashes + (CF_LEAVES_PART - 1) * CF_HASH_N;
  uint8_t root[CF_HASH_N];
  cf_fold(hashes, CF_LEAVES_PART, root);
  if (memcmp(root, kept->root[part], CF_HASH_N) == 0 &&
      memcmp(last, kept->last[part], CF_HASH_N) == 0)
    return true;
  unsigned i = 0;
  while (i < CF_LEAVES_PART && memcmp(kept->mark[part * CF_LEAVES_PART + i],
                                      hashes + (size_t)i * CF_HASH_N, CF_LEAF_MARK) == 0)
    i++;
  *at = i % CF_LEAVES_PART;
  return false;
}
