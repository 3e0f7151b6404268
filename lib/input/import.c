/* SPDX-License-Identifier: MIT */
/* Batches of lines on their way into the ledger. */
#include "config.h"

#include "lib/input/import.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/input/logline.h"
#include "lib/record/source.h"

#define BUFFER_MAX       (1U << 30)
#define ANSWER_MAX       (1U << 24)
#define ANSWER_DEPTH     4
#define FIRST_PAUSE_US   INT64_C(250000)
#define LONGEST_PAUSE_US INT64_C(30000000)

/* A line of a batch, and how its event was made. */
struct entry {
  size_t at, n;         /* the event in the batch's body */
  size_t raw_at, raw_n; /* the line in the import's raw bytes */
  uint64_t offset;
  char head[CF_HEAD_N + 1];
  bool cut;      /* the line was longer */
  bool text;     /* made as text */
  bool own_head; /* the head is made from the line itself */
};

struct batch {
  struct cf_buf body;
  struct entry entries[CF_IMPORT_LINES];
  size_t n;
};

struct cf_import {
  struct cf_import_rules rules;
  char *source;
  struct cf_logline line;
  struct cf_buf raw;                    /* lines as they stand in their files */
  struct batch *batch;                  /* what was added */
  struct batch *spare[2];               /* for what has to be sent again, in turn */
  struct batch *sending, *again;        /* of these three: on the way, and what of it is refused */
  struct cf_import_counts counts, sent; /* of all batches, and of the one on the way */
};

/* ---- life ---- */

static enum cf_err batches_allocate(struct cf_import *im)
{
  im->batch = calloc(1, sizeof *im->batch);
  im->spare[0] = calloc(1, sizeof *im->spare[0]);
  im->spare[1] = calloc(1, sizeof *im->spare[1]);
  im->source = cf_str_dup(im->rules.source);
  if (im->batch == NULL || im->spare[0] == NULL || im->spare[1] == NULL || im->source == NULL)
    return CF_E_NOMEM;
  im->rules.source = cf_str_from(im->source);
  cf_buf_init(&im->raw, BUFFER_MAX);
  cf_buf_init(&im->batch->body, BUFFER_MAX);
  cf_buf_init(&im->spare[0]->body, BUFFER_MAX);
  cf_buf_init(&im->spare[1]->body, BUFFER_MAX);
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
  cf_logline_init(&im->line);
  enum cf_err err = batches_allocate(im);
  if (err == CF_OK)
    *import = im;
  else
    cf_import_free(im);
  return err;
}

static void free_batch(struct batch *batch)
{
  if (batch != NULL)
    cf_buf_fini(&batch->body);
  free(batch);
}

void cf_import_free(struct cf_import *im)
{
  if (im == NULL)
    return;
  free_batch(im->batch);
  free_batch(im->spare[0]);
  free_batch(im->spare[1]);
  free(im->source);
  cf_buf_fini(&im->raw);
  cf_logline_fini(&im->line);
  cf_wipe(im->rules.key, sizeof im->rules.key);
  free(im);
}

struct cf_import_counts cf_import_counts(const struct cf_import *im)
{
  return im->counts;
}

/* ---- ids and events ---- */

void cf_import_head(const struct cf_import *im, struct cf_str first_line, char head[CF_HEAD_N + 1])
{
  const struct cf_str parts[] = {im->rules.source, {"", 1}, first_line};
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 3, mac);
  for (size_t i = 0; i < CF_HEAD_N / 2; i++)
    snprintf(head + 2 * i, 3, "%02x", mac[i]);
}

static struct cf_str raw_line(const struct cf_import *im, const struct entry *entry)
{
  return (struct cf_str){(const char *)im->raw.p + entry->raw_at, entry->raw_n};
}

/* Make the entry's event at the end of the batch's body, in the way that its
 * flags say, and put the entry there. */
static enum cf_err put_event(struct cf_import *im, struct batch *batch, struct entry entry)
{
  char id[CF_HEAD_N + 32];
  struct cf_str line = raw_line(im, &entry);
  enum cf_err err = CF_OK;
  if (entry.own_head)
    cf_import_head(im, line, entry.head);
  int id_n = snprintf(id, sizeof id, "%s.%" PRIu64, entry.head, entry.offset);
  entry.at = batch->body.n;
  if (!entry.text)
    err = cf_logline_event(&im->line, line, entry.cut, im->rules.source,
                           (struct cf_str){id, (size_t)id_n}, &batch->body);
  else if ((err = cf_logline_text(&im->line, line, entry.cut)) == CF_OK)
    cf_logline_put(&im->line, im->rules.source, (struct cf_str){id, (size_t)id_n}, &batch->body);
  if (err == CF_OK)
    err = batch->body.err;
  if (err != CF_OK) {
    cf_buf_cut(&batch->body, batch->body.n - entry.at);
    return err;
  }
  entry.n = batch->body.n - entry.at;
  entry.text = im->line.format == CF_LOG_TEXT;
  batch->entries[batch->n++] = entry;
  return CF_OK;
}

enum cf_err cf_import_add(struct cf_import *im, const struct cf_line *line,
                          const char head[CF_HEAD_N + 1])
{
  struct entry entry = {.raw_at = im->raw.n,
                        .raw_n = line->text.n,
                        .offset = line->offset,
                        .cut = line->cut};
  CF_ASSERT(im->batch->n < CF_IMPORT_LINES);
  memcpy(entry.head, head, sizeof entry.head);
  cf_buf_putstr(&im->raw, line->text);
  return im->raw.err == CF_OK ? put_event(im, im->batch, entry) : CF_E_NOMEM;
}

bool cf_import_full(const struct cf_import *im)
{
  size_t lines =
      im->rules.batch_max < CF_IMPORT_LINES ? (size_t)im->rules.batch_max : CF_IMPORT_LINES;
  return im->batch->n >= lines || im->batch->body.n >= CF_IMPORT_BYTES ||
         im->batch->body.n >= im->rules.body_max / 2 || im->raw.n >= CF_IMPORT_BYTES;
}

/* ---- one request ---- */

static bool is_stopped(const struct cf_import *im)
{
  return im->rules.stopped != NULL && im->rules.stopped();
}

/* Is it worth trying again? Ids make that harmless. */
static bool is_passing(enum cf_err err, int status)
{
  if (err != CF_OK)
    return err == CF_E_UNKNOWN || err == CF_E_PEER || err == CF_E_NOTREADY;
  return status == 503 || status == 429 || status == 507;
}

static void pause_us(const struct cf_import *im, int64_t us)
{
  for (; us > 0 && !is_stopped(im); us -= FIRST_PAUSE_US)
    poll(NULL, 0, (int)((us < FIRST_PAUSE_US ? us : FIRST_PAUSE_US) / 1000));
}

/* The words of a problem document, or the status alone. */
static enum cf_err refusals_take(enum cf_err err, int status, struct cf_str answer,
                                 struct cf_fault *fault)
{
  struct cf_json *doc = NULL;
  struct cf_str detail = {"", 0};
  if (cf_json_parse(answer, ANSWER_DEPTH, &doc, NULL) == CF_OK)
    detail = cf_json_string(cf_json_member(doc, "detail"));
  cf_fail(fault, err, NULL, "the ledger answered %d: %.*s", status,
          (int)(detail.n < 200 ? detail.n : 200), detail.p);
  cf_json_free(doc);
  return err;
}

/* POST until there is an answer that means something. */
static enum cf_err batch_post(struct cf_import *im, struct cf_str body, int *status,
                              struct cf_buf *answer, struct cf_fault *fault)
{
  int64_t since_us = cf_clock_mono_us();
  for (int64_t wait_us = FIRST_PAUSE_US;;
       wait_us = wait_us * 2 < LONGEST_PAUSE_US ? wait_us * 2 : LONGEST_PAUSE_US) {
    cf_buf_reset(answer);
    struct cf_fault words = {.detail = "the ledger is not ready"};
    enum cf_err err = im->rules.post(im->rules.context, body, status, answer, &words);
    bool passing = is_passing(err, *status);
    if (passing && err == CF_OK)
      err = refusals_take(CF_E_NOTREADY, *status, cf_buf_str(answer), &words);
    if (passing && is_stopped(im))
      err = cf_fail(&words, CF_E_LEAVING, NULL, "interrupted");
    else if (passing && cf_clock_mono_us() - since_us < im->rules.patience_us) {
      if (wait_us == FIRST_PAUSE_US)
        cf_log(CF_LOG_WARNING, "waiting: %s", words.detail);
      pause_us(im, wait_us);
      continue;
    }
    if (err != CF_OK && fault != NULL)
      *fault = words;
    return err;
  }
}

/* ---- what was refused ---- */

/* Put a refused line into the next round, made in another way. */
static enum cf_err line_remake(struct cf_import *im, struct entry entry, int status,
                               struct cf_str detail, struct cf_fault *fault)
{
  if (status == 409 && entry.own_head) {
    /* This very line, as an earlier version of the program understood it. */
    im->sent.duplicates++;
    im->sent.messages += entry.text;
    return CF_OK;
  }
  if (status != 409 && entry.text)
    return cf_fail(fault, CF_E_INVALID, NULL,
                   "the line at byte %" PRIu64 " is refused with %d: %.*s", entry.offset, status,
                   (int)(detail.n < 200 ? detail.n : 200), detail.p);
  if (status == 409)
    entry.own_head = true;
  else
    entry.text = true;
  return put_event(im, im->again, entry);
}

static uint64_t number(const struct cf_json *v, uint64_t otherwise)
{
  uint64_t n;
  return cf_u64_parse(cf_json_number(v), UINT32_MAX, &n) == CF_OK ? n : otherwise;
}

/* Take the answer for n entries from first on. */
static enum cf_err take_answer(struct cf_import *im, size_t first, size_t n,
                               const struct cf_json *doc, struct cf_fault *fault)
{
  const struct cf_json *errors = cf_json_member(doc, "errors");
  uint64_t accepted = number(cf_json_member(doc, "accepted"), UINT64_MAX),
           duplicates = number(cf_json_member(doc, "duplicates"), UINT64_MAX);
  if (accepted > n || duplicates > n || accepted + duplicates + cf_json_count(errors) != n)
    return cf_fail(fault, CF_E_INVALID, NULL, "the ledger's answer does not account for all lines");
  for (size_t i = first; i < first + n; i++)
    im->sent.messages += im->sending->entries[i].text;
  im->sent.accepted += accepted;
  im->sent.duplicates += duplicates;
  for (size_t i = 0; i < cf_json_count(errors); i++) {
    const struct cf_json *e = cf_json_element(errors, i);
    uint64_t index = number(cf_json_member(e, "index"), UINT64_MAX);
    if (index >= n)
      return cf_fail(fault, CF_E_INVALID, NULL,
                     "the ledger's answer speaks of a line that was not sent");
    im->sent.messages -= im->sending->entries[first + index].text;
    enum cf_err err = line_remake(im, im->sending->entries[first + index],
                                  (int)number(cf_json_member(e, "status"), 0),
                                  cf_json_string(cf_json_member(e, "detail")), fault);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- A batch ---- */

static enum cf_err send_range(struct cf_import *im, size_t first, size_t n, struct cf_fault *fault);

/* Too large for a request of the ledger: in halves, and one alone as text. */
static enum cf_err send_smaller(struct cf_import *im, size_t first, size_t n,
                                struct cf_fault *fault)
{
  if (n == 1)
    return line_remake(im, im->sending->entries[first], 413, CF_STR("too large"), fault);
  enum cf_err err = send_range(im, first, n / 2, fault);
  return err == CF_OK ? send_range(im, first + n / 2, n - n / 2, fault) : err;
}

static enum cf_err send_range(struct cf_import *im, size_t first, size_t n, struct cf_fault *fault)
{
  const struct entry *last = &im->sending->entries[first + n - 1];
  size_t at = im->sending->entries[first].at;
  struct cf_json *doc = NULL;
  struct cf_buf answer;
  int status = 0;
  cf_buf_init(&answer, ANSWER_MAX);
  enum cf_err err =
      batch_post(im,
                 (struct cf_str){(const char *)im->sending->body.p + at, last->at + last->n - at},
                 &status, &answer, fault);
  if (err == CF_OK && status == 413)
    err = send_smaller(im, first, n, fault);
  else if (err == CF_OK) {
    err = cf_json_parse(cf_buf_str(&answer), ANSWER_DEPTH, &doc, NULL);
    if (err == CF_OK && cf_json_type(cf_json_member(doc, "errors")) == CF_JSON_ARRAY)
      err = take_answer(im, first, n, doc, fault);
    else if (err != CF_E_NOMEM)
      err = refusals_take(CF_E_INVALID, status, cf_buf_str(&answer), fault);
  }
  cf_json_free(doc);
  cf_buf_fini(&answer);
  return err;
}

static void batch_empty(struct batch *batch)
{
  cf_buf_reset(&batch->body);
  batch->n = 0;
}

/* The next round: what was put aside is sent, and a spare batch takes what will
 * be put aside. The one that was added to stays as it is. */
static void batches_turn(struct cf_import *im)
{
  im->sending = im->again;
  im->again = im->spare[im->sending == im->spare[0]];
  batch_empty(im->again);
}

enum cf_err cf_import_send(struct cf_import *im, struct cf_fault *fault)
{
  size_t lines = im->batch->n;
  enum cf_err err = CF_OK;
  im->sent = (struct cf_import_counts){0};
  im->again = im->batch; /* what the first round sends */
  for (batches_turn(im); err == CF_OK && im->sending->n > 0; batches_turn(im))
    err = send_range(im, 0, im->sending->n, fault);
  if (err != CF_OK)
    return err;
  im->counts.lines += lines;
  im->counts.accepted += im->sent.accepted;
  im->counts.duplicates += im->sent.duplicates;
  im->counts.messages += im->sent.messages;
  batch_empty(im->batch);
  cf_buf_reset(&im->raw);
  return CF_OK;
}
