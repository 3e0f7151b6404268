/* SPDX-License-Identifier: MIT */
/* What verifying costs: leaves a second, and processor time, over a ledger in
 * memory, for one and more workers, with openings and without. Not a test.
 * bench_verify [RECORDS] */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/proof/verify_ledger.h"

static struct cf_keys keys;

static int run(struct vl_ledger *l, enum cf_verify_mode mode, unsigned workers, const char *what)
{
  struct cf_verify_result *r = malloc(sizeof *r);
  struct cf_verify_source source = vl_source(l);
  struct cf_verify_job job = {.mode = mode,
                              .to = l->n,
                              .head = {l->head, strlen(l->head)},
                              .keys = &keys,
                              .workers = workers};
  struct cf_fault fault = {.at = ""};
  clock_t cpu = clock();
  if (!r || cf_verify(&source, &job, r, &fault) != CF_OK || !r->ok) {
    fprintf(stderr, "bench_verify: the ledger was not found good: %s\n", fault.detail);
    return EXIT_FAILURE;
  }
  cpu = clock() - cpu;
  printf("%-20s %u workers %9.0f leaves/s %8.3f s %6.0f ns of processor a leaf\n", what, workers,
         (double)r->leaves * 1e6 / (double)r->elapsed_us, (double)r->elapsed_us / 1e6,
         (double)cpu * 1e9 / CLOCKS_PER_SEC / (double)r->leaves);
  free(r);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  struct vl_ledger l;
  size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 200000;
  int bad = 0;
  vl_plan(&l, n ? n : 1);
  vl_seal(&l);
  if (cf_keys_begin(&keys, &l.vkey) != CF_OK)
    return EXIT_FAILURE;
  for (unsigned workers = 1; workers <= 4; workers *= 2)
    bad |= run(&l, CF_VERIFY_FULL, workers, "full, two openings");
  l.opens = false;
  for (unsigned workers = 1; workers <= 4; workers *= 2)
    bad |= run(&l, CF_VERIFY_FULL, workers, "full, leaves only");
  bad |= run(&l, CF_VERIFY_RANGE, 2, "range of all");
  bad |= run(&l, CF_VERIFY_QUICK, 1, "quick");
  vl_free(&l);
  cf_keys_fini(&keys);
  return bad;
}
