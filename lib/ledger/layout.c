/* SPDX-License-Identifier: MIT */
/* Layouts: which segments and generations hold the records, counted, and
 * replaced whole. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ledger/ledger_in.h"

void cf_layout_link(struct cf_layout *layout)
{
  atomic_fetch_add(&layout->links, 1);
}

void cf_layout_unlink(struct cf_layout *layout)
{
  while (layout != NULL && atomic_fetch_sub(&layout->links, 1) == 1) {
    struct cf_layout *next = layout->next;
    free(layout);
    layout = next;
  }
}

static void layout_clear(struct cf_layout *layout)
{
  for (size_t i = 0; i < layout->tails_n; i++)
    cf_tail_unref(layout->tails[i]);
  free(layout->tails);
  free(layout->segments);
  layout->tails = NULL;
  layout->segments = NULL;
}

void cf_layout_put(struct cf_layout *layout)
{
  if (layout == NULL || atomic_fetch_sub(&layout->refs, 1) != 1)
    return;
  layout_clear(layout);
  cf_layout_unlink(layout);
}

struct cf_layout *cf_layout_get(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->look);
  struct cf_layout *layout = l->layout;
  atomic_fetch_add(&layout->refs, 1);
  (void)pthread_mutex_unlock(&l->look);
  return layout;
}

enum cf_err cf_layout_make(const struct cf_segment_meta *segments, size_t segments_n,
                           struct cf_tail *const *tails, size_t tails_n, struct cf_layout **layout)
{
  struct cf_layout *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  atomic_init(&made->refs, 1);
  atomic_init(&made->links, 1);
  made->segments = malloc((segments_n + 1) * sizeof *segments);
  made->tails = malloc((tails_n + 1) * sizeof *tails);
  if (made->segments == NULL || made->tails == NULL) {
    cf_layout_put(made);
    return CF_E_NOMEM;
  }
  if (segments_n > 0)
    memcpy(made->segments, segments, segments_n * sizeof *segments);
  made->segments_n = segments_n;
  for (size_t i = 0; i < tails_n; i++) {
    cf_tail_ref(tails[i]);
    made->tails[i] = tails[i];
  }
  made->tails_n = tails_n;
  *layout = made;
  return CF_OK;
}

void cf_layout_swap(struct cf_ledger *l, struct cf_layout *layout)
{
  (void)pthread_mutex_lock(&l->look);
  struct cf_layout *old = l->layout;
  l->layout = layout;
  if (old != NULL) {
    cf_layout_link(layout);
    old->next = layout;
  }
  (void)pthread_mutex_unlock(&l->look);
  cf_layout_put(old);
}

void cf_publish(struct cf_ledger *l, uint64_t size)
{
  (void)pthread_mutex_lock(&l->look);
  if (size > l->durable)
    l->durable = size;
  (void)pthread_mutex_unlock(&l->look);
}
