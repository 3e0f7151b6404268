/* SPDX-License-Identifier: MIT */
/* The `segment` records of a chain, and files held against them. */
#include "config.h"

#include "lib/proof/oath.h"

#include <stdlib.h>
#include <string.h>

void cf_told_fini(struct cf_told *told)
{
  free(told->each);
  *told = (struct cf_told){0};
}

/* The first one that does not come before the range. */
static size_t told_find(const struct cf_told *told, uint64_t first, uint64_t end)
{
  size_t low = 0, high = told->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct cf_segment_body *b = &told->each[middle].body;
    if (b->first < first || (b->first == first && b->end < end))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct cf_told_each *told_exact(const struct cf_told *told, size_t at, uint64_t first,
                                       uint64_t end)
{
  bool same = at < told->n && told->each[at].body.first == first && told->each[at].body.end == end;
  return same ? &told->each[at] : NULL;
}

static enum cf_err told_insert(struct cf_told *told, size_t at, const struct cf_told_each *fresh)
{
  if (told->n == told->cap) {
    size_t cap = told->cap == 0 ? 64 : told->cap * 2;
    struct cf_told_each *grown = realloc(told->each, cap * sizeof *grown);
    if (grown == NULL)
      return CF_E_NOMEM;
    told->each = grown;
    told->cap = cap;
  }
  memmove(told->each + at + 1, told->each + at, (told->n - at) * sizeof *fresh);
  told->each[at] = *fresh;
  told->n++;
  return CF_OK;
}

void cf_told_note(struct cf_told *told, uint64_t seq)
{
  if (told->since == 0 || seq < told->since)
    told->since = seq;
}

enum cf_err cf_told_add(struct cf_told *told, const struct cf_segment_body *body, uint64_t seq)
{
  const struct cf_told_each fresh = {*body, seq};
  cf_told_note(told, seq);
  size_t at = told_find(told, body->first, body->end);
  struct cf_told_each *known = told_exact(told, at, body->first, body->end);
  if (known == NULL)
    return told_insert(told, at, &fresh);
  if (seq >= known->seq)
    *known = fresh;
  return CF_OK;
}

/* ---- a file ---- */

const struct cf_segment_body *cf_told_lacking(const struct cf_told *told,
                                              const struct cf_segment_body *file, size_t *at)
{
  if (*at == told->n)
    return NULL;
  const struct cf_segment_body *body = &told->each[*at].body;
  bool same = file != NULL && body->first == file->first && body->end == file->end;
  bool lacks = file == NULL || body->first < file->first ||
               (body->first == file->first && body->end < file->end);
  *at += same || lacks;
  return lacks ? body : NULL;
}

static bool told_overlaps(const struct cf_told *told, size_t at, const struct cf_segment_body *file)
{
  return (at < told->n && told->each[at].body.first < file->end) ||
         (at > 0 && told->each[at - 1].body.end > file->first);
}

enum cf_oath cf_oath_judge(const struct cf_told *told, const struct cf_segment_body *file,
                           bool sworn)
{
  size_t at = told_find(told, file->first, file->end);
  const struct cf_told_each *known = told_exact(told, at, file->first, file->end);
  if (known != NULL)
    return sworn && file->rewrite == known->body.rewrite &&
                   cf_equal(file->digest, known->body.digest, CF_HASH_N)
               ? CF_OATH_KEPT
               : CF_OATH_BROKEN;
  if (told->partial)
    return CF_OATH_UNKNOWN;
  bool older = told->since == 0 || file->end <= told->since;
  return !sworn && older && !told_overlaps(told, at, file) ? CF_OATH_UNSWORN : CF_OATH_BROKEN;
}
