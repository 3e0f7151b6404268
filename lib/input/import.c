/* SPDX-License-Identifier: MIT */
/* Batches of lines on their way into the ledger. */
#include "config.h"

#include "lib/input/import.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/thread.h"
#include "lib/input/logline.h"
#include "lib/input/repeats.h"
#include "lib/record/source.h"

#define BUFFER_MAX       (1U << 30)
#define ANSWER_MAX       (1U << 24)
#define ANSWER_DEPTH     4
#define GAP_MAX          8192
#define FIRST_PAUSE_US   INT64_C(250000)
#define LONGEST_PAUSE_US INT64_C(30000000)

#define ID_N (CF_HEAD_N + 32)

/* A line of a batch, and how its event was made. */
struct entry {
  size_t at, n;        /* the event in the batch's body */
  size_t raw_at;       /* the line's text in the raw bytes of the batch it was added to */
  struct cf_line line; /* text.p is of then */
  char id[ID_N];
  bool text;   /* made as text */
  bool own_id; /* the id is made from the line itself */
};

struct batch {
  struct cf_buf body;
  struct cf_buf raw; /* lines as they stand in their files */
  struct entry entries[CF_IMPORT_LINES];
  size_t n;
};

struct cf_import {
  struct cf_import_rules rules;
  char *source;
  struct cf_logline line;
  struct cf_repeats *repeats;     /* NULL: ids are of places */
  struct batch *batch;            /* what was added */
  struct cf_import_counts counts; /* of all batches that are in the ledger */

  /* The batch on its way; while a thread sends it, all this is the thread's. */
  struct batch *passed;
  struct batch *spare[2];        /* for what has to be sent again, in turn */
  struct batch *sending, *again; /* of these three: sent, and what of it is refused */
  struct cf_logline remade;
  struct cf_import_counts sent; /* of it */
  enum cf_err err;              /* what came of it */
  struct cf_fault fault;

  pthread_t thread;
  bool runs;          /* the thread does, or was not joined yet */
  atomic_bool leaves; /* nobody waits for it any more */
};

/* ---- life ---- */

static struct batch *batch_new(void)
{
  struct batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL)
    return NULL;
  cf_buf_init(&batch->body, BUFFER_MAX);
  cf_buf_init(&batch->raw, BUFFER_MAX);
  return batch;
}

static enum cf_err batches_allocate(struct cf_import *im)
{
  im->batch = batch_new();
  im->passed = batch_new();
  im->spare[0] = batch_new();
  im->spare[1] = batch_new();
  im->source = cf_str_dup(im->rules.source);
  if (im->batch == NULL || im->passed == NULL || im->spare[0] == NULL || im->spare[1] == NULL ||
      im->source == NULL)
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
  atomic_init(&im->leaves, false);
  cf_logline_init(&im->line);
  cf_logline_init(&im->remade);
  im->line.zone_s = im->remade.zone_s = rules->zone_s;
  enum cf_err err = batches_allocate(im);
  if (err == CF_OK && rules->ids == CF_IDS_LINE)
    err = cf_repeats_new(&im->repeats);
  if (err == CF_OK)
    *import = im;
  else
    cf_import_free(im);
  return err;
}

static void batch_free(struct batch *batch)
{
  if (batch != NULL) {
    cf_buf_fini(&batch->body);
    cf_buf_fini(&batch->raw);
  }
  free(batch);
}

void cf_import_free(struct cf_import *im)
{
  if (im == NULL)
    return;
  atomic_store(&im->leaves, true);
  if (im->runs)
    pthread_join(im->thread, NULL);
  batch_free(im->batch);
  batch_free(im->passed);
  batch_free(im->spare[0]);
  batch_free(im->spare[1]);
  free(im->source);
  cf_logline_fini(&im->line);
  cf_logline_fini(&im->remade);
  cf_repeats_free(im->repeats);
  cf_wipe(im->rules.key, sizeof im->rules.key);
  free(im);
}

struct cf_import_counts cf_import_counts(const struct cf_import *im)
{
  return im->counts;
}

/* ---- ids and events ---- */

static void put_hex(const uint8_t *p, size_t n, char *out)
{
  for (size_t i = 0; i < n; i++)
    snprintf(out + 2 * i, 3, "%02x", p[i]);
}

void cf_import_head(const struct cf_import *im, const struct cf_line *first,
                    char head[CF_HEAD_N + 1])
{
  static const char nuls[CF_LINE_MAX];
  size_t nuls_n = first->nuls < CF_LINE_MAX ? (size_t)first->nuls : CF_LINE_MAX;
  size_t room = CF_LINE_MAX - nuls_n;
  const struct cf_str parts[] = {
      im->rules.source,
      {"", 1},
      {nuls, nuls_n},
      {first->text.p, first->text.n < room ? first->text.n : room},
  };
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 4, mac);
  put_hex(mac, CF_HEAD_N / 2, head);
}

static void id_of_place(const char head[CF_HEAD_N + 1], uint64_t offset, char id[ID_N])
{
  snprintf(id, ID_N, "%s.%" PRIu64, head, offset);
}

static void id_of_line(const struct cf_import *im, struct cf_str line, uint32_t repeats, char *id)
{
  char number[16];
  snprintf(number, sizeof number, "%" PRIu32, repeats);
  const struct cf_str parts[] = {im->rules.source, {"", 1}, line, {"", 1}, cf_str_from(number)};
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 5, mac);
  put_hex(mac, CF_HEAD_N, id);
}

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

/* A head is not of the whole line: of a hole alone, perhaps. */
static bool head_is_short(const struct cf_line *line)
{
  return line->nuls >= CF_LINE_MAX || line->text.n > CF_LINE_MAX - line->nuls;
}

/* The head of a line whose place is another's. */
static void own_head_make(const struct cf_import *im, struct cf_line line, char head[CF_HEAD_N + 1])
{
  if (head_is_short(&line))
    line.nuls = 0;
  cf_import_head(im, &line, head);
}

void cf_import_own(const struct cf_import *im, const struct cf_line *line,
                   const char head[CF_HEAD_N + 1], struct cf_import_own *own)
{
  if (im->repeats != NULL) {
    id_of_line(im, line->text, 0, own->id[0]);
    memcpy(own->id[1], own->id[0], sizeof own->id[1]);
    return;
  }
  own_head_make(im, *line, own->id[1]);
  memcpy(own->id[0], head, CF_HEAD_N + 1);
}

static struct cf_line raw_line(const struct batch *added, const struct entry *entry)
{
  struct cf_line line = entry->line;
  line.text.p = (const char *)added->raw.p + entry->raw_at;
  return line;
}

/* Make the event of a line at the end of the batch's body, in the way that the
 * entry's flags say, and put the entry there. */
static enum cf_err put_event(struct cf_logline *l, struct cf_str source, struct cf_line line,
                             struct entry entry, struct batch *batch)
{
  struct cf_str id = cf_str_from(entry.id);
  enum cf_err err = CF_OK;
  entry.at = batch->body.n;
  if (!entry.text)
    err = cf_logline_event(l, &line, source, id, &batch->body);
  else if ((err = cf_logline_text(l, &line)) == CF_OK)
    cf_logline_put(l, source, id, &batch->body);
  if (err == CF_OK)
    err = batch->body.err;
  if (err != CF_OK) {
    cf_buf_cut(&batch->body, batch->body.n - entry.at);
    return err;
  }
  entry.n = batch->body.n - entry.at;
  entry.text = l->format == CF_LOG_TEXT;
  batch->entries[batch->n++] = entry;
  return CF_OK;
}

enum cf_err cf_import_add(struct cf_import *im, const struct cf_line *line,
                          const char head[CF_HEAD_N + 1])
{
  struct batch *batch = im->batch;
  struct entry entry = {.raw_at = batch->raw.n, .line = *line};
  CF_ASSERT(batch->n < CF_IMPORT_LINES);
  if (im->repeats != NULL)
    id_of_line(im, line->text, repeats_of(im, line->text, head), entry.id);
  else
    id_of_place(head, line->offset, entry.id);
  entry.own_id = im->repeats != NULL;
  cf_buf_putstr(&batch->raw, line->text);
  if (batch->raw.err != CF_OK)
    return CF_E_NOMEM;
  return put_event(&im->line, im->rules.source, *line, entry, batch);
}

bool cf_import_full(const struct cf_import *im)
{
  size_t lines =
      im->rules.batch_max < CF_IMPORT_LINES ? (size_t)im->rules.batch_max : CF_IMPORT_LINES;
  return im->batch->n >= lines || im->batch->body.n >= CF_IMPORT_BYTES ||
         im->batch->body.n >= im->rules.body_max / 2 || im->batch->raw.n >= CF_IMPORT_BYTES;
}

/* ---- one request ---- */

static bool is_stopped(const struct cf_import *im)
{
  return atomic_load(&im->leaves) || (im->rules.stopped != NULL && im->rules.stopped());
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
static enum cf_err body_post(struct cf_import *im, const char *route, struct cf_str body,
                             int *status, struct cf_buf *answer, struct cf_fault *fault)
{
  int64_t since_us = cf_clock_mono_us();
  for (int64_t wait_us = FIRST_PAUSE_US;;
       wait_us = wait_us * 2 < LONGEST_PAUSE_US ? wait_us * 2 : LONGEST_PAUSE_US) {
    cf_buf_reset(answer);
    struct cf_fault words = {.detail = "the ledger is not ready"};
    enum cf_err err = im->rules.post(im->rules.context, route, body, status, answer, &words);
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

/* Is it the line that its file's head is made of? Then what is there under its
 * id was made of this line too. */
static bool is_first(const struct cf_import *im, const struct entry *entry)
{
  char head[CF_HEAD_N + 1], id[ID_N];
  struct cf_line line = raw_line(im->passed, entry);
  if (line.offset != 0 || head_is_short(&line))
    return false;
  cf_import_head(im, &line, head);
  id_of_place(head, 0, id);
  return strcmp(id, entry->id) == 0;
}

/* Put a refused line into the next round, made in another way. */
static enum cf_err line_remake(struct cf_import *im, struct entry entry, int status,
                               struct cf_str detail, struct cf_fault *fault)
{
  struct cf_line line = raw_line(im->passed, &entry);
  /* With its own id it is this very line, as another version of the program
   * understood it. */
  if (status == 409 && (entry.own_id || im->rules.again)) {
    im->sent.duplicates++;
    im->sent.messages += entry.text;
    return CF_OK;
  }
  if (status == 409 && is_first(im, &entry))
    return cf_fail(
        fault, CF_E_CONFLICT, NULL,
        "the first line of a file is there, as another version of this program or another "
        "--zone made it; with --again a line whose place has an event is there");
  if (status != 409 && entry.text)
    return cf_fail(fault, CF_E_INVALID, NULL,
                   "the line at byte %" PRIu64 " is refused with %d: %.*s", entry.line.offset,
                   status, (int)(detail.n < 200 ? detail.n : 200), detail.p);
  if (status == 409) {
    char head[CF_HEAD_N + 1];
    own_head_make(im, line, head);
    id_of_place(head, entry.line.offset, entry.id);
    entry.own_id = true;
  } else
    entry.text = true;
  return put_event(&im->remade, im->rules.source, line, entry, im->again);
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
      body_post(im, CF_IMPORT_EVENTS,
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
  cf_buf_reset(&batch->raw);
  batch->n = 0;
}

/* The next round: what was put aside is sent, and a spare batch takes what will
 * be put aside. The one that was passed on stays as it is. */
static void batches_turn(struct cf_import *im)
{
  im->sending = im->again;
  im->again = im->spare[im->sending == im->spare[0]];
  batch_empty(im->again);
}

static void *passed_send(void *context)
{
  struct cf_import *im = context;
  im->sent = (struct cf_import_counts){0};
  im->err = CF_OK;
  im->again = im->passed; /* what the first round sends */
  for (batches_turn(im); im->err == CF_OK && im->sending->n > 0; batches_turn(im))
    im->err = send_range(im, 0, im->sending->n, &im->fault);
  return NULL;
}

static enum cf_err passed_end(struct cf_import *im, struct cf_fault *fault)
{
  if (im->err != CF_OK) {
    if (fault != NULL)
      *fault = im->fault;
    return im->err;
  }
  im->counts.lines += im->passed->n;
  im->counts.accepted += im->sent.accepted;
  im->counts.duplicates += im->sent.duplicates;
  im->counts.messages += im->sent.messages;
  batch_empty(im->passed);
  return CF_OK;
}

/* What no thread sends is sent here. */
enum cf_err cf_import_wait(struct cf_import *im, struct cf_fault *fault)
{
  if (im->runs)
    pthread_join(im->thread, NULL);
  else
    passed_send(im);
  im->runs = false;
  return passed_end(im, fault);
}

static void batch_pass(struct cf_import *im)
{
  struct batch *empty = im->passed;
  im->passed = im->batch;
  im->batch = empty;
}

enum cf_err cf_import_pass(struct cf_import *im, struct cf_fault *fault)
{
  enum cf_err err = cf_import_wait(im, fault);
  if (err != CF_OK)
    return err;
  batch_pass(im);
  im->runs = cf_thread_start(&im->thread, 0, passed_send, im, NULL) == CF_OK;
  return CF_OK;
}

enum cf_err cf_import_send(struct cf_import *im, struct cf_fault *fault)
{
  enum cf_err err = cf_import_wait(im, fault);
  if (err != CF_OK)
    return err;
  batch_pass(im);
  return cf_import_wait(im, fault);
}

/* ---- gaps ---- */

static void put_gap(const struct cf_import *im, const struct cf_gap *gap, struct cf_buf *b)
{
  cf_buf_putc(b, '{');
  cf_json_put_member(b, "source", im->rules.source);
  cf_json_put_member_u64(b, "count", gap->count);
  cf_json_put_member_time(b, "first", gap->first_us);
  cf_json_put_member_time(b, "last", gap->last_us);
  cf_json_put_member(b, "message", cf_str_from(gap->what));
  cf_buf_putc(b, '}');
}

enum cf_err cf_import_gap(struct cf_import *im, const struct cf_gap *gap, struct cf_fault *fault)
{
  struct cf_buf body, answer;
  struct cf_fault words = {.detail = ""};
  int status = 0;
  cf_buf_init(&body, GAP_MAX);
  cf_buf_init(&answer, ANSWER_MAX);
  put_gap(im, gap, &body);
  enum cf_err err = body.err;
  if (err == CF_OK)
    err = body_post(im, CF_IMPORT_GAPS, cf_buf_str(&body), &status, &answer, fault);
  if (err == CF_OK && status != 201) {
    (void)refusals_take(CF_E_INVALID, status, cf_buf_str(&answer), &words);
    cf_log(CF_LOG_ERROR, "the ledger keeps no record of this gap: %s: %s", gap->what, words.detail);
  }
  cf_buf_fini(&body);
  cf_buf_fini(&answer);
  return err;
}
