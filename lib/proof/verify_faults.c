/* SPDX-License-Identifier: MIT */
/* The verifier's findings: names, texts, and how they are counted and kept. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/proof/verify_in.h"

/* so that many of one kind leave room for the others */
#define KEPT_OF_ONE_VERDICT (CF_VERIFY_ERRORS_MAX / 4)

const char *cf_verdict_name(enum cf_verdict verdict)
{
  static const char *const names[CF_V_N] = {
#define CF_VERDICT(symbol) #symbol,
#include "lib/proof/verdict.def"
#undef CF_VERDICT
  };
  return names[verdict];
}

/* verify_faults.c: add a fault with a seq (NULL: none). A detail is cut to size
 * without splitting a UTF-8 sequence. */
static void error_set(struct cf_verify_error *error, enum cf_verdict verdict, const uint64_t *seq,
                      const char *format, va_list args)
{
  char text[512];
  memset(error, 0, sizeof *error);
  error->verdict = verdict;
  error->has_seq = seq != NULL;
  error->seq = seq ? *seq : 0;
  vsnprintf(text, sizeof text, format, args);
  struct cf_str head = cf_utf8_head(cf_str_from(text), sizeof error->detail - 1);
  memcpy(error->detail, head.p, head.n);
}

static void fault_add(struct cf_verify_run *run, const struct cf_verify_error *error)
{
  struct cf_verify_result *r = &run->result;
  r->errors_total++;
  if (error->has_seq) {
    bool exact = !error->rough;
    if (!r->has_first_bad || exact > run->exact ||
        (exact == run->exact && error->seq < r->first_bad)) {
      r->first_bad = error->seq;
      run->exact = exact;
    }
    if (!run->located || error->seq > run->located_seq)
      run->located_seq = error->seq;
    r->has_first_bad = run->located = true;
  }
  if (run->verdicts[error->verdict]++ < KEPT_OF_ONE_VERDICT && r->errors_n < CF_VERIFY_ERRORS_MAX)
    r->errors[r->errors_n++] = *error;
}

void cf_run_fault(struct cf_verify_run *run, enum cf_verdict verdict, const uint64_t *seq,
                  const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, verdict, seq, format, args);
  va_end(args);
  fault_add(run, &error);
}

void cf_run_take_errors(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  for (size_t i = 0; i < tile->errors_n; i++)
    fault_add(run, &tile->errors[i]);
  run->result.errors_total += tile->errors_total - tile->errors_n;
}

void cf_tile_fault_file(struct cf_tile_report *tile, uint64_t seq, const char *format, ...)
{
  va_list args;
  if (tile->errors_total++ >= CF_TILE_ERRORS_MAX)
    return;
  va_start(args, format);
  error_set(&tile->errors[tile->errors_n], CF_V_STORE_DAMAGED, &seq, format, args);
  tile->errors[tile->errors_n++].rough = true;
  va_end(args);
}

void cf_tile_fault(struct cf_tile_report *tile, enum cf_verdict verdict, uint64_t seq,
                   const char *format, ...)
{
  va_list args;
  if (tile->errors_total++ >= CF_TILE_ERRORS_MAX)
    return;
  va_start(args, format);
  error_set(&tile->errors[tile->errors_n++], verdict, &seq, format, args);
  va_end(args);
}
