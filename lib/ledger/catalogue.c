/* SPDX-License-Identifier: MIT */
/* The catalogue: a written segment enters it, the chain and the layout that
 * readers see; and rows, records and files are held against each other. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/ledger/ledger_in.h"
#include "lib/record/control.h"

/* ---- entering ---- */

/* Under entering, which keeps segments as they are: those that there will be,
 * on the heap. The one that enters has its own place, or the oldest
 * generation's. */
static struct cf_segment_meta *segments_with(struct cf_ledger *l,
                                             const struct cf_segment_meta *meta,
                                             const struct cf_tail *tail, size_t *n)
{
  struct cf_layout *old = cf_layout_get(l);
  size_t at = old->segments_n;
  struct cf_segment_meta *segments = malloc((at + 1) * sizeof *segments);
  *n = at + (tail != NULL);
  if (segments != NULL) {
    if (at > 0)
      memcpy(segments, old->segments, at * sizeof *segments);
    while (tail == NULL && at > 0 && segments[at - 1].first >= meta->first)
      at--;
    segments[at] = *meta;
  }
  cf_layout_put(old);
  return segments;
}

/* Under commit: readers see these segments. */
static enum cf_err layout_show(struct cf_ledger *l, const struct cf_segment_meta *segments,
                               size_t n)
{
  const struct cf_layout *old = l->layout;
  size_t rolled = n - old->segments_n;
  struct cf_layout *layout = NULL;
  enum cf_err err =
      cf_layout_make(segments, n, old->tails + rolled, old->tails_n - rolled, &layout);
  if (err == CF_OK)
    cf_layout_swap(l, layout);
  return err;
}

/* The rows and the record in one append, durable when it returns. vouched may
 * be empty. */
static enum cf_err segment_append(struct cf_ledger *l, const struct cf_segment_meta *meta,
                                  const struct cf_tail *tail, struct cf_str vouched, uint64_t *seq)
{
  uint8_t first[8], number[CF_TAIL_KEY_N];
  struct cf_event event = {0};
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_buf value;
  cf_u64_put(first, meta->first);
  cf_meta_tail_key(tail != NULL ? cf_tail_meta(tail)->number : 0, number);
  cf_buf_init(&value, 4096);
  cf_segment_meta_put(meta, &value);
  struct cf_row rows[3] = {{.table = CF_TABLE_CATALOGUE,
                            .key = {(const char *)first, sizeof first},
                            .value = cf_buf_str(&value)}};
  size_t rows_n = 1;
  if (tail != NULL)
    rows[rows_n++] = (struct cf_row){.table = CF_TABLE_META,
                                     .key = {(const char *)number, sizeof number},
                                     .gone = true};
  if (vouched.n > 0)
    rows[rows_n++] =
        (struct cf_row){.table = CF_TABLE_META, .key = CF_VOUCHED_ROW, .value = vouched};
  struct cf_append append = {.by = CF_BY_LEDGER,
                             .events = &pointer,
                             .n = 1,
                             .rows = rows,
                             .rows_n = rows_n,
                             .places = &place};
  enum cf_err err = value.err;
  if (err == CF_OK)
    err = cf_control_segment(meta->first, meta->end, meta->generation, meta->digest, &event);
  if (err == CF_OK)
    err = cf_ledger_append(l, &append);
  if (err == CF_OK)
    *seq = place.seq;
  cf_event_fini(&event);
  cf_buf_fini(&value);
  return err;
}

static enum cf_err segment_enter(struct cf_ledger *l, const struct cf_segment_meta *meta,
                                 const struct cf_tail *tail)
{
  const struct cf_segment_body body = cf_told_body(meta);
  size_t n = 0;
  struct cf_segment_meta *segments = segments_with(l, meta, tail, &n);
  struct cf_buf vouched;
  uint64_t seq = 0;
  if (segments == NULL)
    return CF_E_NOMEM;
  cf_buf_init(&vouched, SIZE_MAX / 2);
  if (!cf_vouched_make(l, segments, n, meta->first, &vouched))
    cf_buf_reset(&vouched);
  enum cf_err err = segment_append(l, meta, tail, cf_buf_str(&vouched), &seq);
  if (err == CF_OK) {
    (void)pthread_mutex_lock(&l->commit);
    if (layout_show(l, segments, n) != CF_OK || cf_told_add(&l->told, &body, seq) != CF_OK)
      cf_die("out of memory while a segment was entered: restart the service");
    (void)pthread_mutex_unlock(&l->commit);
  }
  cf_buf_fini(&vouched);
  free(segments);
  return err;
}

enum cf_err cf_catalogue_enter(struct cf_ledger *l, const struct cf_segment_meta *meta,
                               const struct cf_tail *tail)
{
  (void)pthread_mutex_lock(&l->entering);
  enum cf_err err = segment_enter(l, meta, tail);
  (void)pthread_mutex_unlock(&l->entering);
  return err;
}

/* ---- what the chain tells ---- */

/* A segment's file is opened for it: then its row is held against it too. */
static enum cf_err unit_read(struct cf_view *view, size_t i, struct cf_told *told,
                             struct cf_block *block)
{
  const struct cf_segment_meta *meta = cf_view_segment(view, i);
  enum cf_err err = cf_view_confirm(view, i);
  return err != CF_OK
             ? err
             : cf_told_read(told, view, i, meta != NULL ? cf_told_judge(told, meta) : CF_OATH_KEPT,
                            block);
}

/* Those that have records from a seq on. */
static enum cf_err units_read(struct cf_ledger *l, struct cf_view *view, uint64_t from,
                              struct cf_told *told)
{
  struct cf_unit unit;
  struct cf_block *block = calloc(1, sizeof *block);
  enum cf_err err = block == NULL ? CF_E_NOMEM : CF_OK;
  if (block != NULL)
    cf_block_init(block);
  for (size_t i = cf_view_units(view); err == CF_OK && i-- > 0;) {
    cf_view_unit(view, i, &unit);
    if (unit.end > from)
      err = cf_nap_stopped(l) ? CF_E_LEAVING : unit_read(view, i, told, block);
  }
  if (block != NULL)
    cf_block_fini(block);
  free(block);
  return err;
}

/* Under entering: what was read, and is vouched for up to a seq, takes the
 * place of what was known, which may have entered meanwhile. What was vouched
 * for only until now the chain must tell itself. */
static enum cf_err told_replace(struct cf_ledger *l, uint64_t vouched, struct cf_told *read)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; err == CF_OK && i < l->told.n; i++)
    if (l->told.each[i].seq >= l->told_vouched)
      err = cf_told_add(read, &l->told.each[i].body, l->told.each[i].seq);
  if (err != CF_OK)
    return err;
  if (l->told.since > 0)
    cf_told_note(read, l->told.since);
  struct cf_told old = l->told;
  l->told = *read;
  l->told_vouched = vouched;
  l->told_known = true;
  *read = old;
  return CF_OK;
}

/* What the chain tells from a seq on, beside what is known of it up to
 * there. */
static enum cf_err told_read_from(struct cf_ledger *l, uint64_t from, struct cf_told *told)
{
  struct cf_view *view = NULL;
  enum cf_err err = cf_view_all(l, &view);
  if (err == CF_OK) {
    cf_view_doubt(view, false); /* each is judged before it is read */
    err = units_read(l, view, from, told);
  }
  cf_view_put(view);
  if (err == CF_OK) {
    (void)pthread_mutex_lock(&l->entering);
    err = told_replace(l, from, told);
    (void)pthread_mutex_unlock(&l->entering);
  }
  return err;
}

enum cf_err cf_catalogue_read_told(struct cf_ledger *l)
{
  struct cf_told told = {0};
  enum cf_err err = told_read_from(l, 0, &told);
  if (err == CF_OK)
    atomic_store(&l->told_whole, true);
  cf_told_fini(&told);
  return err;
}

/* For a first answer: what is vouched for need not be read. */
static enum cf_err told_begin(struct cf_ledger *l)
{
  struct cf_told told = {0};
  struct cf_layout *layout = cf_layout_get(l);
  uint64_t from = 0;
  enum cf_err err = cf_vouched_read(l, layout, &told, &from);
  if (err == CF_OK)
    err = told_read_from(l, from, &told);
  else if (err == CF_E_NOTFOUND)
    err = cf_catalogue_read_told(l);
  cf_layout_put(layout);
  cf_told_fini(&told);
  return err;
}

/* ---- rows, records, files ---- */

/* Is there surely no file of that name? */
static bool file_gone(int directory, const struct cf_segment_meta *meta, const char *suffix)
{
  char name[64], file[80];
  cf_segment_name(meta, name);
  snprintf(file, sizeof file, "%s%s", name, suffix);
  return faccessat(directory, file, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

/* Who wants to hear of each fault; NULL: nobody but the log. */
struct hearer {
  void (*each)(void *context, uint64_t first, uint64_t last, const char *what);
  void *context;
};

static void fault_tell(struct cf_ledger *l, const struct hearer *hearer,
                       const struct cf_segment_meta *meta, enum cf_seen what)
{
  cf_segment_seen(l, meta, what);
  if (hearer != NULL)
    hearer->each(hearer->context, meta->first, meta->end - 1,
                 what == CF_SEEN_MISSING ? "its file, or the sums of its pages, is not there"
                 : what == CF_SEEN_ROW
                     ? "its file cannot be opened, or is not what the catalogue says of it"
                     : "it is not what the chain tells of it");
}

/* How many files are not there, and how many of the others cannot be opened. */
struct lacking {
  uint64_t missing, closed;
};

/* false: it cannot be told. A file that is there is opened only where that
 * failed before: it may have been put back. */
static bool names_check(struct cf_ledger *l, const struct cf_layout *layout,
                        const struct hearer *hearer, struct lacking *lacking)
{
  int directory = open(l->segments_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 && errno != ENOENT)
    return false;
  for (size_t i = 0; i < layout->segments_n; i++) {
    const struct cf_segment_meta *meta = &layout->segments[i];
    bool gone = directory < 0 || file_gone(directory, meta, "") ||
                (meta->sworn && file_gone(directory, meta, CF_SEGMENT_SUMS));
    bool closed = !gone && cf_segment_doubted(l, meta, CF_SEEN_ROW) &&
                  cf_segment_confirm(l, meta) == CF_E_DAMAGED;
    lacking->missing += gone;
    lacking->closed += closed;
    if (gone || closed)
      fault_tell(l, hearer, meta, gone ? CF_SEEN_MISSING : CF_SEEN_ROW);
  }
  if (directory >= 0)
    (void)close(directory);
  return true;
}

/* Names are looked at, and the chain is read again where files came back that
 * may have kept it from being read whole. */
static bool files_check(struct cf_ledger *l, const struct hearer *hearer)
{
  struct lacking lacking = {0, 0};
  struct cf_layout *layout = cf_layout_get(l);
  bool known = names_check(l, layout, hearer, &lacking);
  cf_layout_put(layout);
  if (!known)
    return false;
  (void)pthread_mutex_lock(&l->look);
  bool back = lacking.missing + lacking.closed < l->missing + l->closed;
  l->missing = lacking.missing;
  l->closed = lacking.closed;
  (void)pthread_mutex_unlock(&l->look);
  if (back && atomic_load(&l->judged) && cf_catalogue_partial(l) &&
      cf_catalogue_read_told(l) == CF_OK)
    cf_log(CF_LOG_INFO, "files of segments are there again: what the log tells of them was read");
  return true;
}

bool cf_catalogue_untold(struct cf_ledger *l, uint64_t from, struct cf_segment_meta *meta)
{
  bool found = false;
  (void)pthread_mutex_lock(&l->entering);
  struct cf_layout *layout = cf_layout_get(l);
  for (size_t i = 0; l->told_known && !found && i < layout->segments_n; i++) {
    *meta = layout->segments[i];
    enum cf_oath oath = cf_told_judge(&l->told, meta);
    found = meta->first >= from && (oath == CF_OATH_UNSWORN || oath == CF_OATH_UNKNOWN);
  }
  cf_layout_put(layout);
  (void)pthread_mutex_unlock(&l->entering);
  return found;
}

struct judged {
  uint64_t unsworn, mismatched;
  struct cf_buf unknown; /* the first seqs of those, each as it is in memory */
};

/* Ranges that were told and that have no row, before the segment, or all. */
static uint64_t rows_lacking(struct cf_ledger *l, const struct cf_segment_meta *meta, size_t *at,
                             const struct hearer *hearer)
{
  const struct cf_segment_body *body;
  struct cf_segment_body file = {0};
  uint64_t n = 0;
  if (meta != NULL)
    file = cf_told_body(meta);
  while ((body = cf_told_lacking(&l->told, meta != NULL ? &file : NULL, at)) != NULL) {
    n++;
    fault_tell(l, hearer,
               &(struct cf_segment_meta){.first = body->first,
                                         .end = body->end,
                                         .generation = body->rewrite},
               CF_SEEN_MISMATCH);
  }
  return n;
}

static void row_judge(struct cf_ledger *l, const struct cf_segment_meta *meta,
                      const struct hearer *hearer, struct judged *j)
{
  enum cf_oath oath = cf_told_judge(&l->told, meta);
  j->unsworn += oath == CF_OATH_UNSWORN || oath == CF_OATH_UNKNOWN;
  j->mismatched += oath == CF_OATH_BROKEN;
  if (oath == CF_OATH_BROKEN)
    fault_tell(l, hearer, meta, CF_SEEN_MISMATCH);
  if (oath != CF_OATH_UNKNOWN)
    return;
  cf_buf_put(&j->unknown, &meta->first, sizeof meta->first);
  if (hearer != NULL)
    hearer->each(hearer->context, meta->first, meta->end - 1,
                 "what the chain tells of it cannot be read, and it was not found good yet");
}

/* What was told and what has a row. */
static void rows_judge(struct cf_ledger *l, const struct cf_layout *layout,
                       const struct hearer *hearer, struct judged *j)
{
  size_t at = 0;
  for (size_t i = 0; i < layout->segments_n; i++) {
    j->mismatched += rows_lacking(l, &layout->segments[i], &at, hearer);
    row_judge(l, &layout->segments[i], hearer, j);
  }
  j->mismatched += rows_lacking(l, NULL, &at, hearer);
}

/* Under entering, so that no older judgement takes the place of a newer one.
 * CF_E_NOMEM: all stays as it was. */
static enum cf_err layout_judge(struct cf_ledger *l, const struct cf_layout *layout,
                                const struct hearer *hearer)
{
  struct judged j = {0};
  cf_buf_init(&j.unknown, SIZE_MAX / 2);
  rows_judge(l, layout, hearer, &j);
  enum cf_err err = j.unknown.err;
  size_t n = j.unknown.n / sizeof(uint64_t);
  if (err == CF_OK) {
    if (n > 0 && atomic_load(&l->unknown_n) == 0)
      cf_log(CF_LOG_ERROR,
             "what the log tells of %zu segments cannot be read: each is looked at whole now, "
             "and not shown before",
             n);
    (void)pthread_mutex_lock(&l->look);
    struct cf_buf old = l->unknown;
    l->unknown = j.unknown;
    j.unknown = old;
    l->unsworn = j.unsworn;
    l->mismatched = j.mismatched;
    atomic_store(&l->unknown_n, (unsigned)n);
    (void)pthread_mutex_unlock(&l->look);
  }
  cf_buf_fini(&j.unknown);
  return err;
}

static bool segments_check(struct cf_ledger *l, const struct hearer *hearer)
{
  bool whole = files_check(l, hearer);
  (void)pthread_mutex_lock(&l->entering);
  struct cf_layout *layout = cf_layout_get(l);
  whole = whole && atomic_load(&l->told_whole) && !l->told.partial;
  if (l->told_known)
    whole = layout_judge(l, layout, hearer) == CF_OK && whole;
  (void)pthread_mutex_unlock(&l->entering);
  cf_layout_put(layout);
  (void)pthread_mutex_lock(&l->look);
  l->segments_checked = whole;
  (void)pthread_mutex_unlock(&l->look);
  return whole;
}

void cf_ledger_segments_check(struct cf_ledger *l)
{
  (void)segments_check(l, NULL);
}

bool cf_ledger_segments_each(struct cf_ledger *l,
                             void (*each)(void *context, uint64_t first, uint64_t last,
                                          const char *what),
                             void *context)
{
  const struct hearer hearer = {each, context};
  bool known = cf_catalogue_judge_whole(l) == CF_OK;
  return segments_check(l, &hearer) && known;
}

/* Nothing is shown before it is known what must not be. */
static enum cf_err judge_first(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->entering);
  struct cf_layout *layout = cf_layout_get(l);
  enum cf_err err = layout_judge(l, layout, NULL);
  cf_layout_put(layout);
  (void)pthread_mutex_unlock(&l->entering);
  if (err == CF_OK)
    (void)segments_check(l, NULL);
  return err;
}

static enum cf_err catalogue_judge(struct cf_ledger *l)
{
  enum cf_err err = cf_tails_check(l);
  if (err == CF_OK)
    err = told_begin(l);
  if (err == CF_OK)
    err = judge_first(l);
  if (err == CF_OK)
    atomic_store(&l->judged, true);
  return err;
}

enum cf_err cf_catalogue_judge(struct cf_ledger *l)
{
  if (atomic_load(&l->judged))
    return CF_OK;
  (void)pthread_mutex_lock(&l->judging);
  enum cf_err err = atomic_load(&l->judged) ? CF_OK : catalogue_judge(l);
  (void)pthread_mutex_unlock(&l->judging);
  return err;
}

enum cf_err cf_catalogue_judge_whole(struct cf_ledger *l)
{
  enum cf_err err = cf_catalogue_judge(l);
  if (err != CF_OK || atomic_load(&l->told_whole))
    return err;
  (void)pthread_mutex_lock(&l->judging);
  err = atomic_load(&l->told_whole) ? CF_OK : cf_catalogue_read_told(l);
  (void)pthread_mutex_unlock(&l->judging);
  return err;
}

enum cf_err cf_view_get(struct cf_ledger *ledger, struct cf_view **view)
{
  enum cf_err err = cf_catalogue_judge(ledger);
  if (err == CF_OK)
    err = cf_view_all(ledger, view);
  if (err == CF_OK)
    cf_view_doubt(*view, true);
  return err;
}

bool cf_catalogue_partial(struct cf_ledger *l)
{
  (void)pthread_mutex_lock(&l->entering);
  bool partial = !l->told_known || l->told.partial;
  (void)pthread_mutex_unlock(&l->entering);
  return partial;
}
