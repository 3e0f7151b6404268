/* SPDX-License-Identifier: MIT */
/* From a body's text to places in the ledger. */
#include "config.h"

#include "fcgi-app/routes/ingest_in.h"

#include <stdlib.h>

/* Charged at once, for what is used in small pieces. */
#define CREDIT 65536
/* What an event takes in an answer, there and where the answer is put together:
 * its seq, or why it was refused. */
#define ANSWER_EVENT_N 200
#define ANSWER_WORDS_N (2 * sizeof(struct cf_fault))

void cf_ingest_init(struct cf_ingest *in, struct cf_charge *charge)
{
  *in = (struct cf_ingest){.charge = charge};
}

void cf_ingest_fini(struct cf_ingest *in)
{
  cf_arena_fini(&in->texts);
  for (size_t i = 0; i < in->n; i++)
    free(in->items[i].fault);
  free(in->items);
  free(in->events);
  free(in->pointers);
  free(in->append.places);
}

/* ---- memory ---- */

/* n bytes are about to be used. */
static enum cf_err memory_use(struct cf_ingest *in, uint64_t n)
{
  if (n > in->credit) {
    uint64_t more = n + CREDIT;
    enum cf_err err = cf_charge_add(in->charge, more);
    if (err != CF_OK)
      err = cf_charge_add(in->charge, more = n);
    if (err != CF_OK)
      return err;
    in->credit += more;
  }
  in->credit -= n;
  return CF_OK;
}

/* Twice the room for an array of *cap things of a size, moved to *grown; what
 * it leaves is given back. */
static enum cf_err array_grow(struct cf_ingest *in, void *array, size_t *cap, size_t size,
                              void **grown)
{
  size_t wanted = *cap == 0 ? 1 : *cap * 2;
  enum cf_err err = memory_use(in, wanted * size);
  if (err != CF_OK)
    return err;
  void *made = realloc(array, wanted * size);
  if (made == NULL)
    return CF_E_NOMEM;
  in->credit += *cap * size;
  *grown = made;
  *cap = wanted;
  return CF_OK;
}

/* Room for one more item and one more event. */
static enum cf_err arrays_grow(struct cf_ingest *in)
{
  void *items = in->items;
  void *events = in->events;
  enum cf_err err = CF_OK;
  if (in->n == in->cap)
    err = array_grow(in, items, &in->cap, sizeof *in->items, &items);
  in->items = items;
  if (err == CF_OK && in->events_n == in->events_cap)
    err = array_grow(in, events, &in->events_cap, sizeof *in->events, &events);
  in->events = events;
  return err;
}

static enum cf_err memory_explain(enum cf_err err, struct cf_fault *fault)
{
  if (err == CF_E_MEMORY)
    return cf_fail(fault, err, NULL,
                   "all requests together are over ingest_memory; send it again later");
  return err == CF_E_FULL
             ? cf_fail(fault, err, NULL,
                       "these events take more than ingest_memory; send them in smaller bodies")
             : err;
}

/* ---- reading ---- */

/* An item of an event that is refused; words are kept for the first ones
 * only. */
static enum cf_err item_refuse(struct cf_ingest *in, struct cf_item *item, enum cf_err err,
                               const struct cf_fault *fault)
{
  item->err = err;
  if (in->faults == CF_INGEST_WORDS_MAX)
    return CF_OK;
  enum cf_err full = memory_use(in, sizeof *item->fault);
  if (full != CF_OK)
    return full;
  item->fault = malloc(sizeof *item->fault);
  if (item->fault == NULL)
    return CF_E_NOMEM;
  *item->fault = *fault;
  in->faults++;
  return CF_OK;
}

static uint64_t text_bytes(const struct cf_event *event)
{
  uint64_t n = event->record.public_text.n;
  for (unsigned c = 0; c < CF_C_N; c++)
    n += event->record.payload[c].n;
  return n;
}

/* Check one event, for which there is room. CF_E_INVALID, CF_E_SYNTAX: it is
 * refused. What the arena took for it is charged either way: an event may need
 * much more room than its texts take in the end. */
static enum cf_err event_read(struct cf_ingest *in, struct cf_str text,
                              const struct cf_scan_members *members, struct cf_fault *fault)
{
  struct cf_event *event = &in->events[in->events_n];
  size_t held = in->texts.held;
  enum cf_err err = cf_event_read(text, members, &in->rules, event, fault);
  enum cf_err full = memory_use(in, in->texts.held - held);
  if (full != CF_OK || err != CF_OK)
    return full != CF_OK ? full : err;
  in->events_n++;
  in->text_n += text_bytes(event);
  return CF_OK;
}

/* One step of the scan; *more is false at the body's end. */
static enum cf_err item_read(struct cf_ingest *in, struct cf_scan *scan,
                             struct cf_scan_members *members, bool *more)
{
  struct cf_fault fault = {{0}, {0}};
  struct cf_str text = CF_STR("");
  enum cf_err err = cf_scan_next(scan, &text, members, more, &fault);
  if (err == CF_OK && !*more)
    return CF_OK;
  enum cf_err room = arrays_grow(in);
  if (room != CF_OK)
    return room;
  struct cf_item *item = &in->items[in->n++];
  *item = (struct cf_item){.place = (uint32_t)in->events_n};
  if (err == CF_OK)
    err = event_read(in, text, members, &fault);
  return err == CF_E_INVALID || err == CF_E_SYNTAX ? item_refuse(in, item, err, &fault) : err;
}

enum cf_err cf_ingest_read(struct cf_ingest *in, struct cf_str body, uint64_t max,
                           struct cf_fault *fault)
{
  struct cf_scan scan;
  struct cf_scan_members members;
  bool more = true;
  enum cf_err err = CF_OK;
  in->rules.arena = &in->texts;
  cf_scan_init(&scan, body);
  cf_scan_members_init(&members);
  while (more && err == CF_OK && in->n <= max)
    err = item_read(in, &scan, &members, &more);
  cf_scan_members_fini(&members);
  in->batch = in->batch || scan.shape != CF_SCAN_SINGLE || in->n > 1;
  if (err == CF_OK && in->n > max)
    return cf_fail(fault, CF_E_FULL, NULL, "a request has at most %llu events",
                   (unsigned long long)max);
  return memory_explain(err, fault);
}

/* ---- appending ---- */

enum cf_err cf_ingest_prepare(struct cf_ingest *in, struct cf_fault *fault)
{
  uint64_t n = in->events_n * (sizeof *in->pointers + CF_APPEND_EVENT_N) + in->text_n +
               in->n * ANSWER_EVENT_N + in->faults * ANSWER_WORDS_N;
  enum cf_err err = memory_use(in, n);
  if (err != CF_OK)
    return memory_explain(err, fault);
  in->pointers = calloc(in->events_n + 1, sizeof *in->pointers);
  in->append.places = calloc(in->events_n + 1, sizeof *in->append.places);
  if (in->pointers == NULL || in->append.places == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < in->events_n; i++)
    in->pointers[i] = &in->events[i];
  in->append.events = in->pointers;
  in->append.n = in->events_n;
  return CF_OK;
}

void cf_ingest_judge(struct cf_ingest *in)
{
  for (size_t i = 0; i < in->n; i++) {
    struct cf_item *item = &in->items[i];
    const struct cf_place *place = &in->append.places[item->place];
    if (item->err == CF_OK)
      item->err = place->err;
    in->conflicts += item->err == CF_E_CONFLICT;
    if (item->err != CF_OK)
      in->rejected++;
    else if (place->duplicate)
      in->duplicates++;
    else
      in->accepted++;
  }
}

const struct cf_place *cf_ingest_place(const struct cf_ingest *in, const struct cf_item *item)
{
  return &in->append.places[item->place];
}
