/* SPDX-License-Identifier: MIT */
/* A batch of lines into the ledger: what is refused is made anew, until each of
 * them is there. */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/input/import_in.h"
#include "lib/record/json.h"

#define ANSWER_MAX       (1U << 24)
#define ANSWER_DEPTH     4
#define GAP_MAX          8192
#define FIRST_PAUSE_US   INT64_C(250000)
#define LONGEST_PAUSE_US INT64_C(30000000)

/* ---- one request ---- */

/* Is it worth trying again? Ids make that harmless. */
static bool is_passing(enum cf_err err, int status)
{
  if (err != CF_OK)
    return err == CF_E_UNKNOWN || err == CF_E_PEER || err == CF_E_NOTREADY;
  return status == 503 || status == 429 || status == 507;
}

static void pause_us(const struct cf_import *im, int64_t us)
{
  for (; us > 0 && !cf_import_stopped(im); us -= FIRST_PAUSE_US)
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

/* POST until there is an answer that means something. Before its turn came
 * nothing was taken, whatever the answer is. turn: NULL where it needs none. */
static enum cf_err body_post(struct cf_import *im, struct cf_import_turn *turn, const char *route,
                             struct cf_str body, int *status, struct cf_buf *answer,
                             struct cf_fault *fault)
{
  int64_t since_us = cf_clock_mono_us(), wait_us = FIRST_PAUSE_US;
  for (;;) {
    cf_buf_reset(answer);
    struct cf_fault words = {.detail = "the ledger is not ready"};
    enum cf_err err = im->rules.post(im->rules.context, route, body, turn, status, answer, &words);
    if (turn != NULL && !turn->come) {
      err = cf_import_turn_await(turn, fault);
      if (err != CF_OK)
        return err;
      since_us = cf_clock_mono_us();
      continue;
    }
    bool passing = is_passing(err, *status);
    if (passing && err == CF_OK)
      err = refusals_take(CF_E_NOTREADY, *status, cf_buf_str(answer), &words);
    if (passing && cf_import_stopped(im))
      err = cf_fail(&words, CF_E_LEAVING, NULL, "interrupted");
    else if (passing && cf_clock_mono_us() - since_us < im->rules.patience_us) {
      if (wait_us == FIRST_PAUSE_US)
        cf_log(CF_LOG_WARNING, "waiting: %s", words.detail);
      pause_us(im, wait_us);
      wait_us = wait_us * 2 < LONGEST_PAUSE_US ? wait_us * 2 : LONGEST_PAUSE_US;
      continue;
    }
    if (err != CF_OK && fault != NULL)
      *fault = words;
    return err;
  }
}

/* ---- what was refused ---- */

static struct cf_line raw_line(const struct cf_batch *added, const struct cf_import_entry *entry)
{
  struct cf_line line = entry->line;
  line.text.p = (const char *)added->raw.p + entry->raw_at;
  return line;
}

/* Put a refused line into the next round, made in another way. */
static enum cf_err line_remake(struct cf_import_turn *turn, struct cf_import_entry entry,
                               int status, struct cf_str detail, struct cf_fault *fault)
{
  struct cf_line line = raw_line(turn->passed, &entry);
  /* With its own id it is this very line, as another version of the program
   * understood it. */
  if (status == 409 && (entry.own_id || turn->import->rules.again)) {
    turn->sent.duplicates++;
    turn->sent.messages += entry.text;
    return CF_OK;
  }
  if (status == 409 && cf_import_is_first(turn->import, &line, entry.id))
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
    cf_import_own_head(turn->import, line, head);
    cf_import_id_of_place(head, entry.line.offset, entry.id);
    entry.own_id = true;
  } else
    entry.text = true;
  return cf_import_put(&turn->remade, turn->import->rules.source, line, entry, turn->again);
}

static uint64_t number(const struct cf_json *v, uint64_t otherwise)
{
  uint64_t n;
  return cf_u64_parse(cf_json_number(v), UINT32_MAX, &n) == CF_OK ? n : otherwise;
}

/* Take the answer for n entries from first on. */
static enum cf_err take_answer(struct cf_import_turn *turn, size_t first, size_t n,
                               const struct cf_json *doc, struct cf_fault *fault)
{
  const struct cf_json *errors = cf_json_member(doc, "errors");
  uint64_t accepted = number(cf_json_member(doc, "accepted"), UINT64_MAX),
           duplicates = number(cf_json_member(doc, "duplicates"), UINT64_MAX);
  if (accepted > n || duplicates > n || accepted + duplicates + cf_json_count(errors) != n)
    return cf_fail(fault, CF_E_INVALID, NULL, "the ledger's answer does not account for all lines");
  for (size_t i = first; i < first + n; i++)
    turn->sent.messages += turn->sending->entries[i].text;
  turn->sent.accepted += accepted;
  turn->sent.duplicates += duplicates;
  for (size_t i = 0; i < cf_json_count(errors); i++) {
    const struct cf_json *e = cf_json_element(errors, i);
    uint64_t index = number(cf_json_member(e, "index"), UINT64_MAX);
    if (index >= n)
      return cf_fail(fault, CF_E_INVALID, NULL,
                     "the ledger's answer speaks of a line that was not sent");
    turn->sent.messages -= turn->sending->entries[first + index].text;
    enum cf_err err = line_remake(turn, turn->sending->entries[first + index],
                                  (int)number(cf_json_member(e, "status"), 0),
                                  cf_json_string(cf_json_member(e, "detail")), fault);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- A batch ---- */

static enum cf_err send_range(struct cf_import_turn *turn, size_t first, size_t n,
                              struct cf_fault *fault);

/* Too large for a request of the ledger: in halves, and one alone as text. */
static enum cf_err send_smaller(struct cf_import_turn *turn, size_t first, size_t n,
                                struct cf_fault *fault)
{
  if (n == 1)
    return line_remake(turn, turn->sending->entries[first], 413, CF_STR("too large"), fault);
  enum cf_err err = send_range(turn, first, n / 2, fault);
  return err == CF_OK ? send_range(turn, first + n / 2, n - n / 2, fault) : err;
}

static enum cf_err send_range(struct cf_import_turn *turn, size_t first, size_t n,
                              struct cf_fault *fault)
{
  const struct cf_import_entry *last = &turn->sending->entries[first + n - 1];
  size_t at = turn->sending->entries[first].at;
  struct cf_json *doc = NULL;
  struct cf_buf answer;
  int status = 0;
  cf_buf_init(&answer, ANSWER_MAX);
  enum cf_err err =
      body_post(turn->import, turn, CF_IMPORT_EVENTS,
                (struct cf_str){(const char *)turn->sending->body.p + at, last->at + last->n - at},
                &status, &answer, fault);
  if (err == CF_OK && status == 413)
    err = send_smaller(turn, first, n, fault);
  else if (err == CF_OK) {
    err = cf_json_parse(cf_buf_str(&answer), ANSWER_DEPTH, &doc, NULL);
    if (err == CF_OK && cf_json_type(cf_json_member(doc, "errors")) == CF_JSON_ARRAY)
      err = take_answer(turn, first, n, doc, fault);
    else if (err != CF_E_NOMEM)
      err = refusals_take(CF_E_INVALID, status, cf_buf_str(&answer), fault);
  }
  cf_json_free(doc);
  cf_buf_fini(&answer);
  return err;
}

void cf_batch_empty(struct cf_batch *batch)
{
  cf_buf_reset(&batch->body);
  cf_buf_reset(&batch->raw);
  batch->n = 0;
}

/* The next round: what was put aside is sent, and a spare batch takes what will
 * be put aside. The one that was passed on stays as it is. */
static void batches_turn(struct cf_import_turn *turn)
{
  turn->sending = turn->again;
  turn->again = turn->spare[turn->sending == turn->spare[0]];
  cf_batch_empty(turn->again);
}

void cf_import_turn_send(struct cf_import_turn *turn)
{
  turn->sent = (struct cf_import_counts){0};
  turn->err = cf_import_turn_begin(turn, &turn->fault);
  turn->again = turn->passed; /* what the first round sends */
  for (batches_turn(turn); turn->err == CF_OK && turn->sending->n > 0; batches_turn(turn))
    turn->err = send_range(turn, 0, turn->sending->n, &turn->fault);
  cf_import_turn_end(turn);
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
    err = body_post(im, NULL, CF_IMPORT_GAPS, cf_buf_str(&body), &status, &answer, fault);
  if (err == CF_OK && status != 201) {
    (void)refusals_take(CF_E_INVALID, status, cf_buf_str(&answer), &words);
    cf_log(CF_LOG_ERROR, "the ledger keeps no record of this gap: %s: %s", gap->what, words.detail);
  }
  cf_buf_fini(&body);
  cf_buf_fini(&answer);
  return err;
}
