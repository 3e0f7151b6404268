/* SPDX-License-Identifier: MIT */
/* The pages of a segment's file, looked at from outside: by the verifier, and
 * in rotation. */
#include "config.h"

#include "lib/segment/pages_in.h"
#include "lib/segment/segment_in.h"

#include <stdlib.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"

static enum cf_err first_bad(const struct cf_pages *pages, uint64_t from, uint64_t n, uint64_t *bad)
{
  uint64_t end = from >= pages->n || n >= pages->n - from ? pages->n : from + n;
  uint8_t *room = malloc((size_t)CF_PAGES_AT_ONCE * pages->page);
  bool good = true;

  if (room == NULL)
    return CF_E_NOMEM;
  while (from < end && good) {
    size_t some = end - from < CF_PAGES_AT_ONCE ? (size_t)(end - from) : CF_PAGES_AT_ONCE;
    size_t fit = cf_pages_read_some(pages, from, some, room);
    from += fit;
    good = fit == some;
  }
  free(room);
  *bad = good ? pages->n : from;
  return CF_OK;
}

enum cf_err cf_segment_pages_check(const char *directory, const struct cf_segment_meta *meta,
                                   uint64_t from, uint64_t n, uint64_t *pages_n, uint64_t *bad)
{
  static struct cf_log_rate rate;
  struct cf_pages *pages = NULL;
  struct cf_fault fault = {{0}, {0}};
  char name[64];

  CF_ASSERT(meta->sworn);
  cf_segment_name(meta, name);
  char *path = cf_segment_path(directory, name, "");
  if (path == NULL)
    return CF_E_NOMEM;
  enum cf_err err = cf_pages_load(path, meta->bytes, meta->digest, &pages, &fault);
  free(path);
  if (err == CF_OK)
    err = first_bad(pages, from, n, bad);
  else
    cf_log_rated(&rate, CF_LOG_ERROR, "segment: %s", cf_fault_text(&fault, err));
  if (err == CF_OK)
    *pages_n = pages->n;
  cf_pages_free(pages);
  return err;
}
