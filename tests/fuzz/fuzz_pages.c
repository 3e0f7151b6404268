/* SPDX-License-Identifier: MIT */
/* Fuzz target: a segment's pages, whose sums somebody forged along with them.
 * The first byte chooses who reads the file: those who ask, or a deep verify.
 * Each seven bytes after it change one byte of it: the page's number (2), what
 * kind of place (1), which one of those (2), which byte there (1), and what it
 * is changed by. Nothing that the readers meet crashes them. */
#include "config.h"

#include <stdlib.h>

#include "lib/segment/pages_in.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/segment/segment_rough.h"
#include "tests/unit/segment/segment_stage.h"

/* Check is not here: what the stages assert ends the process. */
#undef _mark_point
void _mark_point(const char *file, int line)
{
  (void)file;
  (void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr, const char *msg, ...)
{
  fprintf(stderr, "%s:%d: %s\n", file, line, msg == NULL ? expr : msg);
  abort();
}

#define CHANGE_N    7
#define CHANGES_MAX 64

static struct cf_segment_truth truth;
static struct {
  off_t at;
  uint8_t was;
} changes[CHANGES_MAX];

static void set_up(void)
{
  segment_set_up();
  rough_truth(&truth);
  atexit(segment_tear_down);
}

/* The last kind of place is any. */
static unsigned place(const uint8_t *page, const uint8_t *c)
{
  enum { ANY = 3 };
  unsigned which = (unsigned)c[3] << 8 | c[4];

  return c[2] % 4 == ANY ? (which << 8 | c[5]) % PAGE : rough_place(page, c[2] % 4, which, c[5]);
}

static void change(size_t i, const uint8_t *c)
{
  static uint8_t page[PAGE];
  off_t at = (c[0] << 8 | c[1]) % (off_t)(segment_meta.bytes / PAGE) * PAGE;

  temp_get(segment_path, at, page, PAGE);
  unsigned k = place(page, c);
  changes[i].at = at + k;
  changes[i].was = page[k];
  page[k] ^= c[6];
  temp_put(segment_path, at + k, page + k, 1);
}

static void undo(size_t i)
{
  temp_put(segment_path, changes[i].at, &changes[i].was, 1);
}

/* Swear to the file as it is; false where it has no pages. */
static bool swear(void)
{
  struct cf_pages *pages = NULL;

  if (cf_pages_sum(segment_path, NULL, NULL, &pages, NULL) != CF_OK)
    return false;
  ck_assert_ok(cf_pages_put(pages, segment_path, NULL));
  cf_pages_digest(pages, segment_meta.digest);
  cf_pages_free(pages);
  return true;
}

static void read_all(bool deep)
{
  struct cf_segment_pool *pool = segment_pool_new();
  struct cf_segment *s = NULL;

  if (deep) {
    (void)rough_compare(pool, &truth);
  } else if (cf_segment_acquire(pool, &segment_meta, &s) == CF_OK) {
    rough_read(s);
    cf_segment_release(pool, s);
  }
  cf_segment_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (truth.differ == NULL)
    set_up();
  if (size == 0)
    return 0;
  size_t n = (size - 1) / CHANGE_N;
  if (n > CHANGES_MAX)
    n = CHANGES_MAX;
  for (size_t i = 0; i < n; i++)
    change(i, data + 1 + i * CHANGE_N);
  if (swear())
    read_all(data[0] % 2 == 1);
  while (n > 0)
    undo(--n);
  return 0;
}
