/* SPDX-License-Identifier: MIT */
/* Case folding by the runs of fold.def. */
#include "config.h"

#include "lib/base/fold.h"

#include "lib/base/utf8.h"

static const struct run {
  uint32_t first, last, step;
  int32_t delta;
} runs[] = {
#define CF_FOLD(first, last, step, delta) {first, last, step, delta},
#include "lib/base/fold.def"
#undef CF_FOLD
};
#define RUNS_N  (sizeof runs / sizeof runs[0])
#define NO_CODE UINT32_C(0x110000) /* above all code points */

static bool run_has(const struct run *run, uint32_t code)
{
  return run->first <= code && code <= run->last && (code - run->first) % run->step == 0;
}

uint32_t cf_fold_code(uint32_t code)
{
  for (size_t i = 0; i < RUNS_N && runs[i].first <= code; i++)
    if (run_has(&runs[i], code))
      return code + (uint32_t)runs[i].delta;
  return code;
}

/* Put it where it belongs; n ≥ 1 are there. */
static void alike_insert(uint32_t code, uint32_t out[CF_FOLD_MAX], size_t n)
{
  while (n > 0 && out[n - 1] > code) {
    out[n] = out[n - 1];
    n--;
  }
  out[n] = code;
}

size_t cf_fold_alike(uint32_t code, uint32_t out[CF_FOLD_MAX])
{
  uint32_t folded = cf_fold_code(code);
  size_t n = 1;

  out[0] = folded;
  for (size_t i = 0; i < RUNS_N && n < CF_FOLD_MAX; i++)
    if (run_has(&runs[i], folded - (uint32_t)runs[i].delta))
      alike_insert(folded - (uint32_t)runs[i].delta, out, n++);
  return n;
}

/* The next code point, folded; a byte that is no UTF-8 is one above all. */
static uint32_t code_next(struct cf_str *s)
{
  const uint8_t *p = (const uint8_t *)s->p;
  size_t n = cf_utf8_len(p, s->n);
  uint32_t code = n == 0 ? NO_CODE + *p : cf_utf8_code(p, n);

  n += n == 0;
  *s = (struct cf_str){s->p + n, s->n - n};
  return cf_fold_code(code);
}

bool cf_fold_equal(struct cf_str a, struct cf_str b)
{
  while (a.n > 0 && b.n > 0)
    if (code_next(&a) != code_next(&b))
      return false;
  return a.n == b.n;
}
