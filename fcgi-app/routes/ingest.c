/* SPDX-License-Identifier: MIT */
/* From a body's text to places in the ledger. */
#include "config.h"

#include "fcgi-app/routes/ingest_in.h"

#include <malloc.h>
#include <stdlib.h>

/* bytes of a body whose memory is given back: the allocator would keep it, in
 * each of its arenas */
#define LARGE (UINT64_C(2) << 20)

void cf_ingest_init(struct cf_ingest *in)
{
  *in = (struct cf_ingest){.batch = false};
}

void cf_ingest_fini(struct cf_ingest *in)
{
  for (size_t i = 0; i < in->n; i++) {
    cf_event_fini(&in->items[i].event);
    free(in->items[i].fault);
  }
  free(in->items);
  free(in->events);
  free(in->append.places);
#ifdef M_TRIM_THRESHOLD
  if (in->bytes > LARGE)
    (void)malloc_trim(0);
#endif
}

/* ---- reading ---- */

static struct cf_item *add_item(struct cf_ingest *in)
{
  if (in->n == in->cap) {
    size_t cap = in->cap == 0 ? 4 : in->cap * 2;
    struct cf_item *grown = realloc(in->items, cap * sizeof *grown);
    if (grown == NULL)
      return NULL;
    in->items = grown;
    in->cap = cap;
  }
  struct cf_item *item = &in->items[in->n++];
  *item = (struct cf_item){.err = CF_OK};
  return item;
}

/* Note why an item was refused; words are kept for the first ones only. */
static enum cf_err event_refuse(struct cf_ingest *in, struct cf_item *item, enum cf_err err,
                                const struct cf_fault *fault)
{
  item->err = err;
  if (in->faults == CF_INGEST_WORDS_MAX)
    return CF_OK;
  item->fault = malloc(sizeof *item->fault);
  if (item->fault == NULL)
    return CF_E_NOMEM;
  *item->fault = *fault;
  in->faults++;
  return CF_OK;
}

/* One step of the scan; *more is false at the body's end. */
static enum cf_err read_one(struct cf_ingest *in, struct cf_scan *scan,
                            struct cf_scan_members *members, uint64_t max, bool *more,
                            struct cf_fault *words)
{
  struct cf_fault fault = {{0}, {0}};
  struct cf_str text = CF_STR("");
  *more = true;
  enum cf_err err = cf_scan_next(scan, &text, members, more, &fault);
  if (err == CF_OK && !*more)
    return CF_OK;
  if (in->n == max)
    return cf_fail(words, CF_E_FULL, NULL, "a request has at most %llu events",
                   (unsigned long long)max);
  struct cf_item *item = add_item(in);
  if (item == NULL)
    return CF_E_NOMEM;
  if (err == CF_OK)
    err = cf_event_read(text, members, &in->rules, &item->event, &fault);
  return err == CF_OK || err == CF_E_NOMEM ? err : event_refuse(in, item, err, &fault);
}

enum cf_err cf_ingest_read(struct cf_ingest *in, struct cf_str body, uint64_t max,
                           struct cf_fault *fault)
{
  struct cf_scan scan;
  struct cf_scan_members members;
  bool more = true;
  enum cf_err err = CF_OK;
  in->bytes = body.n;
  cf_scan_init(&scan, body);
  cf_scan_members_init(&members);
  while (more && err == CF_OK)
    err = read_one(in, &scan, &members, max, &more, fault);
  cf_scan_members_fini(&members);
  in->batch = in->batch || scan.shape != CF_SCAN_SINGLE || in->n > 1;
  return err;
}

/* ---- appending ---- */

static enum cf_err items_collect(struct cf_ingest *in)
{
  in->events = calloc(in->n + 1, sizeof *in->events);
  in->append.places = calloc(in->n + 1, sizeof *in->append.places);
  if (in->events == NULL || in->append.places == NULL)
    return CF_E_NOMEM;
  in->append.events = in->events;
  for (size_t i = 0; i < in->n; i++) {
    if (in->items[i].err != CF_OK)
      continue;
    in->items[i].place = in->append.n;
    in->events[in->append.n++] = &in->items[i].event;
  }
  return CF_OK;
}

static void items_judge(struct cf_ingest *in)
{
  for (size_t i = 0; i < in->n; i++) {
    struct cf_item *item = &in->items[i];
    const struct cf_place *place = &in->append.places[item->place];
    if (item->err == CF_OK)
      item->err = place->err;
    if (item->err != CF_OK)
      in->rejected++;
    else if (place->duplicate)
      in->duplicates++;
    else
      in->accepted++;
  }
}

enum cf_err cf_ingest_append(struct cf_ingest *in, struct cf_ledger *ledger)
{
  enum cf_err err = items_collect(in);
  if (err == CF_OK && in->append.n > 0)
    err = cf_ledger_append(ledger, &in->append);
  if (err == CF_OK && in->append.n == 0) {
    struct cf_ledger_state state;
    cf_ledger_state(ledger, &state);
    in->append.size = state.size;
  }
  if (err == CF_OK)
    items_judge(in);
  return err;
}

const struct cf_place *cf_ingest_place(const struct cf_ingest *in, const struct cf_item *item)
{
  return &in->append.places[item->place];
}
