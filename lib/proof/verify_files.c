/* SPDX-License-Identifier: MIT */
/* The files that hold the records against what the chain tells of them: its
 * `segment` records name the range and the digest of each file that is written,
 * rewrites too, so of each range the newest counts.
 *
 * A file is told in the same append that enters it. So one whose records begin
 * before the first `segment` record may be older than they are, and not told
 * yet; any other must be. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/proof/verify_in.h"

#define TOLD_MAX ((size_t)1 << 20) /* ranges: 64 MiB */

static int body_order(const struct cf_segment_body *a, uint64_t first, uint64_t end)
{
  if (a->first != first)
    return a->first < first ? -1 : 1;
  return a->end < end ? -1 : a->end > end;
}

/* The place of that range, or where it belongs. */
static size_t told_find(const struct cf_told_files *told, uint64_t first, uint64_t end)
{
  size_t low = 0, high = told->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (body_order(&told->v[middle], first, end) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool told_is(const struct cf_told_files *told, size_t at, uint64_t first, uint64_t end)
{
  return at < told->n && body_order(&told->v[at], first, end) == 0;
}

static enum cf_err told_room(struct cf_verify_run *run, struct cf_told_files *told)
{
  if (told->n < told->cap)
    return CF_OK;
  if (told->n >= TOLD_MAX)
    return cf_fail(run->fault, CF_E_FULL, NULL, "more than %zu files are told of", TOLD_MAX);
  size_t cap = told->cap ? 2 * told->cap : 64;
  struct cf_segment_body *v = realloc(told->v, cap * sizeof *v);
  if (!v)
    return CF_E_NOMEM;
  told->v = v;
  told->cap = cap;
  return CF_OK;
}

enum cf_err cf_run_told(struct cf_verify_run *run, uint64_t seq, struct cf_str public_text)
{
  struct cf_told_files *told = &run->told;
  struct cf_segment_body body;
  if (cf_segment_body_get(public_text, &body) != CF_OK || body.end > seq) {
    cf_run_fault(run, CF_V_LEAF_FORMAT, &seq, "it does not tell of a file of earlier records");
    return CF_OK;
  }
  if (told->n == 0)
    told->since = seq;
  size_t at = told_find(told, body.first, body.end);
  if (!told_is(told, at, body.first, body.end)) {
    enum cf_err err = told_room(run, told);
    if (err != CF_OK)
      return err;
    memmove(told->v + at + 1, told->v + at, (told->n - at) * sizeof *told->v);
    told->n++;
  }
  told->v[at] = body;
  return CF_OK;
}

static void file_judge(struct cf_verify_run *run, const struct cf_verify_file *file)
{
  const struct cf_told_files *told = &run->told;
  size_t at = told_find(told, file->body.first, file->body.end);
  bool is_told = told_is(told, at, file->body.first, file->body.end);
  if (is_told && (!file->sworn || told->v[at].rewrite != file->body.rewrite ||
                  memcmp(told->v[at].digest, file->body.digest, CF_HASH_N) != 0))
    cf_run_fault(run, CF_V_STORE_DAMAGED, &file->body.first,
                 "the file of the records up to %llu is not the one that the chain tells of",
                 (unsigned long long)file->body.end);
  else if (!is_told && told->n > 0 && file->body.first >= told->since && !run->lost)
    cf_run_fault(run, CF_V_STORE_DAMAGED, &file->body.first,
                 "the chain does not tell of the file of the records up to %llu",
                 (unsigned long long)file->body.end);
  else if (!is_told)
    run->result.unsworn++;
}

enum cf_err cf_run_files(struct cf_verify_run *run)
{
  const struct cf_verify_source *source = run->source;
  struct cf_verify_file file;
  enum cf_err err = CF_OK;
  if (!source->file)
    return CF_OK;
  for (size_t i = 0; (err = source->file(source->context, i, &file)) == CF_OK; i++)
    file_judge(run, &file);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}
