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
#define CF_VERDICT(symbol, words) #symbol,
#include "lib/proof/verdict.def"
#undef CF_VERDICT
  };
  return names[verdict];
}

const char *cf_verdict_words(enum cf_verdict verdict)
{
  static const char *const all[CF_V_N] = {
#define CF_VERDICT(symbol, words) words,
#include "lib/proof/verdict.def"
#undef CF_VERDICT
  };
  return all[verdict];
}

/* The fault of the records first to last (NULL: of none). A detail is cut to
 * size without splitting a UTF-8 sequence. */
static void error_set(struct cf_verify_error *error, enum cf_verdict verdict, const uint64_t *first,
                      const uint64_t *last, const char *format, va_list args)
{
  char text[512];
  memset(error, 0, sizeof *error);
  error->verdict = verdict;
  error->has_seq = first != NULL;
  error->seq = first ? *first : 0;
  error->last = first ? *last : 0;
  error->faults = 1;
  vsnprintf(text, sizeof text, format, args);
  struct cf_str head = cf_utf8_head(cf_str_from(text), sizeof error->detail - 1);
  memcpy(error->detail, head.p, head.n);
}

/* Does b say what a says, of records behind a's without a gap? */
static bool error_goes_on(const struct cf_verify_error *a, const struct cf_verify_error *b)
{
  return a->has_seq && b->has_seq && a->seq <= b->seq && b->seq <= a->last + 1 &&
         a->verdict == b->verdict && a->rough == b->rough && strcmp(a->detail, b->detail) == 0;
}

/* Make it part of one that is kept already, if it goes on from there. */
static bool error_join(struct cf_verify_error *kept, size_t n, const struct cf_verify_error *error)
{
  while (n > 0 && !error_goes_on(&kept[n - 1], error))
    n--;
  if (n == 0)
    return false;
  if (kept[n - 1].last < error->last)
    kept[n - 1].last = error->last;
  kept[n - 1].faults += error->faults;
  return true;
}

/* ---- a run's ---- */

static void error_place(struct cf_verify_run *run, const struct cf_verify_error *error)
{
  struct cf_verify_result *r = &run->result;
  bool exact = !error->rough;
  if (!r->has_first_bad || exact > run->exact ||
      (exact == run->exact && error->seq < r->first_bad)) {
    r->first_bad = error->seq;
    run->exact = exact;
  }
  if (!run->located || error->last > run->located_seq)
    run->located_seq = error->last;
  r->has_first_bad = run->located = true;
}

static void error_add(struct cf_verify_run *run, const struct cf_verify_error *error)
{
  struct cf_verify_result *r = &run->result;
  r->errors_total += error->faults;
  if (error->has_seq)
    error_place(run, error);
  if (error_join(r->errors, r->errors_n, error))
    return;
  if (run->verdicts[error->verdict] == KEPT_OF_ONE_VERDICT || r->errors_n == CF_VERIFY_ERRORS_MAX) {
    r->errors_untold += error->faults;
    return;
  }
  run->verdicts[error->verdict]++;
  r->errors[r->errors_n++] = *error;
}

void cf_run_fault(struct cf_verify_run *run, enum cf_verdict verdict, const uint64_t *seq,
                  const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, verdict, seq, seq, format, args);
  va_end(args);
  error_add(run, &error);
}

void cf_run_fault_rough(struct cf_verify_run *run, uint64_t first, uint64_t last,
                        const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, CF_V_STORE_DAMAGED, &first, &last, format, args);
  va_end(args);
  error.rough = true;
  error_add(run, &error);
}

void cf_run_take_errors(struct cf_verify_run *run, const struct cf_tile_report *tile)
{
  for (size_t i = 0; i < tile->errors_n; i++)
    error_add(run, &tile->errors[i]);
  run->result.errors_total += tile->untold;
  run->result.errors_untold += tile->untold;
}

static bool error_known(const struct cf_verify_run *run, const struct cf_verify_error *error)
{
  bool known = false;
  for (size_t i = 0; i < run->result.errors_n && !error->has_seq; i++)
    known |= run->result.errors[i].verdict == error->verdict && !run->result.errors[i].has_seq &&
             strcmp(run->result.errors[i].detail, error->detail) == 0;
  return known;
}

void cf_run_take_result(struct cf_verify_run *run, const struct cf_verify_result *part)
{
  struct cf_verify_result *r = &run->result;
  r->leaves += part->leaves;
  r->links += part->links;
  r->tiles += part->tiles;
  r->checkpoints += part->checkpoints;
  r->openings += part->openings;
  r->present += part->present;
  r->erased += part->erased;
  for (size_t i = 0; i < part->errors_n; i++)
    if (!error_known(run, &part->errors[i]))
      error_add(run, &part->errors[i]);
  r->errors_total += part->errors_untold;
  r->errors_untold += part->errors_untold;
  if (!part->findings_sought) /* only a walk over all can tell what is missing */
    return;
  r->findings_sought = true;
  r->findings_exact = part->findings_exact;
  r->findings_n = part->findings_n;
  r->findings_total = part->findings_total;
  memcpy(r->findings, part->findings, sizeof r->findings);
}

/* ---- a tile's ---- */

static void tile_add(struct cf_tile_report *tile, const struct cf_verify_error *error)
{
  if (error_join(tile->errors, tile->errors_n, error))
    return;
  if (tile->errors_n < CF_TILE_ERRORS_MAX)
    tile->errors[tile->errors_n++] = *error;
  else
    tile->untold++;
}

void cf_tile_fault_rough(struct cf_tile_report *tile, uint64_t first, uint64_t last,
                         const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, CF_V_STORE_DAMAGED, &first, &last, format, args);
  va_end(args);
  error.rough = true;
  tile_add(tile, &error);
}

void cf_tile_fault_of(struct cf_tile_report *tile, enum cf_verdict verdict, uint64_t first,
                      uint64_t last, const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, verdict, &first, &last, format, args);
  va_end(args);
  tile_add(tile, &error);
}

void cf_tile_fault(struct cf_tile_report *tile, enum cf_verdict verdict, uint64_t seq,
                   const char *format, ...)
{
  struct cf_verify_error error;
  va_list args;
  va_start(args, format);
  error_set(&error, verdict, &seq, &seq, format, args);
  va_end(args);
  tile_add(tile, &error);
}
