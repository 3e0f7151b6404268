/* SPDX-License-Identifier: MIT */
/* Batches of lines on their way into the ledger. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/die.h"
#include "lib/base/thread.h"
#include "lib/input/import_in.h"
#include "lib/input/repeats.h"
#include "lib/record/source.h"

#define BUFFER_MAX (1U << 30)

/* ---- life ---- */

static struct cf_batch *batch_new(void)
{
  struct cf_batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL)
    return NULL;
  cf_buf_init(&batch->body, BUFFER_MAX);
  cf_buf_init(&batch->raw, BUFFER_MAX);
  return batch;
}

static enum cf_err turn_init(struct cf_import_turn *turn, struct cf_import *im)
{
  turn->import = im;
  cf_logline_init(&turn->remade);
  turn->remade.zone_s = im->rules.zone_s;
  turn->passed = batch_new();
  turn->spare[0] = batch_new();
  turn->spare[1] = batch_new();
  bool made = turn->passed != NULL && turn->spare[0] != NULL && turn->spare[1] != NULL;
  return made ? CF_OK : CF_E_NOMEM;
}

static enum cf_err batches_allocate(struct cf_import *im)
{
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < CF_IMPORT_AHEAD && err == CF_OK; i++)
    err = turn_init(&im->turns[i], im);
  im->batch = batch_new();
  im->source = cf_str_dup(im->rules.source);
  if (err != CF_OK || im->batch == NULL || im->source == NULL)
    return CF_E_NOMEM;
  im->rules.source = cf_str_from(im->source);
  return CF_OK;
}

enum cf_err cf_import_new(const struct cf_import_rules *rules, struct cf_import **import,
                          struct cf_fault *fault)
{
  if (!cf_source_ok(rules->source))
    return cf_fail(
        fault, CF_E_PARAMETER, "source",
        "a source is a name of up to 128 letters, digits and . _ : / @ + = -, but not counterfoil");
  struct cf_import *im = calloc(1, sizeof *im);
  if (im == NULL)
    return CF_E_NOMEM;
  im->rules = *rules;
  cf_import_turns_init(im);
  cf_logline_init(&im->line);
  im->line.zone_s = rules->zone_s;
  enum cf_err err = batches_allocate(im);
  if (err == CF_OK && rules->ids == CF_IDS_LINE)
    err = cf_repeats_new(&im->repeats);
  if (err == CF_OK)
    *import = im;
  else
    cf_import_free(im);
  return err;
}

static void batch_free(struct cf_batch *batch)
{
  if (batch != NULL) {
    cf_buf_fini(&batch->body);
    cf_buf_fini(&batch->raw);
  }
  free(batch);
}

static void turn_fini(struct cf_import_turn *turn)
{
  if (turn->runs)
    pthread_join(turn->thread, NULL);
  batch_free(turn->passed);
  batch_free(turn->spare[0]);
  batch_free(turn->spare[1]);
  cf_logline_fini(&turn->remade);
}

void cf_import_free(struct cf_import *im)
{
  if (im == NULL)
    return;
  atomic_store(&im->leaves, true);
  for (size_t i = 0; i < CF_IMPORT_AHEAD; i++)
    turn_fini(&im->turns[i]);
  batch_free(im->batch);
  free(im->source);
  cf_logline_fini(&im->line);
  cf_repeats_free(im->repeats);
  cf_import_turns_fini(im);
  cf_wipe(im->rules.key, sizeof im->rules.key);
  free(im);
}

struct cf_import_counts cf_import_counts(const struct cf_import *im)
{
  return im->counts;
}

/* ---- what is added ---- */

/* How often the line stood in the file before. */
static uint32_t repeats_of(struct cf_import *im, struct cf_str line, const char *head)
{
  const struct cf_str parts[] = {cf_str_from(head), {"", 1}, line};
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 3, mac);
  return cf_repeats_count(im->repeats, mac);
}

void cf_import_begin(struct cf_import *im)
{
  if (im->repeats != NULL)
    cf_repeats_forget(im->repeats);
}

enum cf_err cf_import_add(struct cf_import *im, const struct cf_line *line,
                          const char head[CF_HEAD_N + 1])
{
  struct cf_batch *batch = im->batch;
  struct cf_import_entry entry = {.raw_at = batch->raw.n, .line = *line};
  CF_ASSERT(batch->n < CF_IMPORT_LINES);
  if (im->repeats != NULL)
    cf_import_id_of_line(im, line->text, repeats_of(im, line->text, head), entry.id);
  else
    cf_import_id_of_place(head, line->offset, entry.id);
  entry.own_id = im->repeats != NULL;
  cf_buf_putstr(&batch->raw, line->text);
  if (batch->raw.err != CF_OK)
    return CF_E_NOMEM;
  return cf_import_put(&im->line, im->rules.source, *line, entry, batch);
}

bool cf_import_full(const struct cf_import *im)
{
  size_t lines =
      im->rules.batch_max < CF_IMPORT_LINES ? (size_t)im->rules.batch_max : CF_IMPORT_LINES;
  return im->batch->n >= lines || im->batch->body.n >= CF_IMPORT_BYTES ||
         im->batch->body.n >= im->rules.body_max / 2 || im->batch->raw.n >= CF_IMPORT_BYTES;
}

/* ---- on their way ---- */

/* Who has the turn of the next batch; before that, of the oldest one. */
static struct cf_import_turn *turn_next(struct cf_import *im, uint64_t later)
{
  return &im->turns[(im->passed_n + later) % CF_IMPORT_AHEAD];
}

/* Wait until what it was given is in the ledger. What no thread sends, or gave
 * up for the one before it, is sent here. */
static enum cf_err turn_settle(struct cf_import *im, struct cf_import_turn *turn,
                               struct cf_fault *fault)
{
  if (!turn->has)
    return CF_OK;
  if (turn->runs)
    pthread_join(turn->thread, NULL);
  if (!turn->runs || turn->err == CF_E_LATER)
    cf_import_turn_send(turn);
  turn->runs = false;
  if (turn->err != CF_OK) {
    if (fault != NULL)
      *fault = turn->fault;
    return turn->err;
  }
  im->counts.lines += turn->passed->n;
  im->counts.accepted += turn->sent.accepted;
  im->counts.duplicates += turn->sent.duplicates;
  im->counts.messages += turn->sent.messages;
  cf_batch_empty(turn->passed);
  turn->has = false;
  return CF_OK;
}

enum cf_err cf_import_wait(struct cf_import *im, struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  for (uint64_t i = 0; i < CF_IMPORT_AHEAD && err == CF_OK; i++)
    err = turn_settle(im, turn_next(im, i), fault);
  return err;
}

static struct cf_import_turn *batch_pass(struct cf_import *im)
{
  struct cf_import_turn *turn = turn_next(im, 0);
  struct cf_batch *empty = turn->passed;
  turn->passed = im->batch;
  turn->number = im->passed_n++;
  turn->has = true;
  im->batch = empty;
  return turn;
}

static void *turn_run(void *context)
{
  cf_import_turn_send(context);
  return NULL;
}

enum cf_err cf_import_pass(struct cf_import *im, struct cf_fault *fault)
{
  enum cf_err err = turn_settle(im, turn_next(im, 0), fault);
  if (err != CF_OK || im->batch->n == 0)
    return err;
  struct cf_import_turn *turn = batch_pass(im);
  turn->runs = cf_thread_start(&turn->thread, 0, turn_run, turn, NULL) == CF_OK;
  return CF_OK;
}

enum cf_err cf_import_send(struct cf_import *im, struct cf_fault *fault)
{
  enum cf_err err = cf_import_wait(im, fault);
  if (err != CF_OK)
    return err;
  (void)batch_pass(im);
  return cf_import_wait(im, fault);
}
