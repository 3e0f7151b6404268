/* SPDX-License-Identifier: MIT */
/* The table of questions asked within the hour. */
#include "config.h"

#include "fcgi-app/routes/questions_in.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/record/source.h"

#define BUCKETS        8192 /* a power of two */
#define PAUSE_US       INT64_C(50000000)
#define CLOSING_US     INT64_C(5000000) /* the end of an hour, in which nothing waits */
#define BATCH          64
#define STRANGER_SLOTS 2048 /* a power of two, well above CF_STRANGERS_MAX */

/* What was counted since it was last told. */
struct count {
  uint64_t times, rows;
  int64_t first_us, last_us; /* valid where one of them is not 0 */
};

struct entry {
  struct entry *next;
  struct cf_question question; /* its texts stand behind the entry */
  int64_t hour_us, told_us;
  struct count count;
  size_t bytes;
};

struct cf_questions {
  struct cf_ledger *ledger;
  pthread_mutex_t lock;
  struct entry *bucket[BUCKETS];
  size_t n;
  uint64_t bytes;
  int64_t strangers_hour_us;
  size_t strangers_n;
  uint64_t stranger[STRANGER_SLOTS]; /* hashes of networks; 0: free */
};

enum cf_err cf_questions_new(struct cf_ledger *ledger, struct cf_questions **questions)
{
  struct cf_questions *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  CF_ASSERT(pthread_mutex_init(&made->lock, NULL) == 0);
  *questions = made;
  return CF_OK;
}

/* ---- asking ---- */

/* The place that points to the entry, or to NULL at the end of its bucket. */
static struct entry **find_place(struct cf_questions *q, const uint8_t key[CF_HASH_N])
{
  struct entry **at = &q->bucket[cf_u64_get(key) & (BUCKETS - 1)];
  while (*at != NULL && memcmp((*at)->question.key, key, CF_HASH_N) != 0)
    at = &(*at)->next;
  return at;
}

static void count_add(struct count *count, const struct count *more)
{
  bool empty = count->times == 0 && count->rows == 0;
  if (empty || more->first_us < count->first_us)
    count->first_us = more->first_us;
  if (empty || more->last_us > count->last_us)
    count->last_us = more->last_us;
  count->times += more->times;
  count->rows += more->rows;
}

bool cf_questions_repeat(struct cf_questions *q, const uint8_t key[CF_HASH_N], uint64_t times,
                         uint64_t rows)
{
  int64_t now = cf_clock_now_us();
  struct count more = {times, rows, now, now};
  pthread_mutex_lock(&q->lock);
  struct entry *entry = *find_place(q, key);
  if (entry != NULL)
    count_add(&entry->count, &more);
  pthread_mutex_unlock(&q->lock);
  return entry != NULL;
}

static struct cf_str text_keep(char **p, struct cf_str s)
{
  struct cf_str kept = {*p, s.n};
  if (s.n > 0)
    memcpy(*p, s.p, s.n);
  (*p)[s.n] = '\0';
  *p += s.n + 1;
  return kept;
}

/* An entry with texts of its own, or NULL without memory. Of a network no
 * address is kept: the count is of all of it. */
static struct entry *entry_new(const struct cf_question *question, int64_t now_us)
{
  struct cf_str ip = cf_str_from(question->network != NULL ? "" : question->who.ip);
  struct cf_str network = cf_str_from(question->network);
  size_t bytes = sizeof(struct entry) + question->who.user.n + question->who.credential.n + ip.n +
                 network.n + question->filter.n + 5;
  struct entry *entry = malloc(bytes);
  if (entry == NULL)
    return NULL;
  char *p = (char *)(entry + 1);
  *entry = (struct entry){.question = *question,
                          .hour_us = cf_time_hour(now_us),
                          .told_us = now_us,
                          .bytes = bytes};
  entry->question.who.user = text_keep(&p, question->who.user);
  entry->question.who.credential = text_keep(&p, question->who.credential);
  entry->question.who.ip = text_keep(&p, ip).p;
  entry->question.filter = text_keep(&p, question->filter);
  if (question->network != NULL)
    entry->question.network = text_keep(&p, network).p;
  return entry;
}

void cf_questions_add(struct cf_questions *q, const struct cf_question *question, int64_t now_us)
{
  struct entry *entry = entry_new(question, now_us);
  if (entry == NULL)
    return;
  pthread_mutex_lock(&q->lock);
  struct entry **at = find_place(q, question->key);
  bool room =
      *at == NULL && q->n < CF_QUESTIONS_MAX && q->bytes + entry->bytes <= CF_QUESTIONS_BYTES;
  if (room) {
    *at = entry;
    q->n++;
    q->bytes += entry->bytes;
  }
  pthread_mutex_unlock(&q->lock);
  if (!room)
    free(entry);
}

/* ---- strangers ---- */

/* Under lock: is it one of those that are told apart in this hour? */
static bool stranger_known(struct cf_questions *q, uint64_t hash)
{
  size_t i = hash & (STRANGER_SLOTS - 1);
  while (q->stranger[i] != 0 && q->stranger[i] != hash)
    i = (i + 1) & (STRANGER_SLOTS - 1);
  if (q->stranger[i] == hash)
    return true;
  if (q->strangers_n == CF_STRANGERS_MAX)
    return false;
  q->stranger[i] = hash;
  q->strangers_n++;
  return true;
}

void cf_questions_network(struct cf_questions *q, const char *ip, int64_t now_us,
                          char network[CF_NETWORK_N])
{
  uint8_t hash[CF_HASH_N];
  int64_t hour = cf_time_hour(now_us);
  cf_address_network(ip, network);
  cf_sha256_1(network, strlen(network), hash);
  pthread_mutex_lock(&q->lock);
  if (hour > q->strangers_hour_us) {
    q->strangers_hour_us = hour;
    q->strangers_n = 0;
    memset(q->stranger, 0, sizeof q->stranger);
  }
  if (!stranger_known(q, cf_u64_get(hash) | 1))
    strcpy(network, "many");
  pthread_mutex_unlock(&q->lock);
}

/* ---- telling ---- */

/* Counts on their way to disk, as records of one append. */
struct batch {
  struct entry *entry[BATCH];
  struct count count[BATCH];
  struct cf_event event[BATCH];
  const struct cf_event *pointer[BATCH];
  struct cf_place place[BATCH];
  size_t n;
};

static bool is_due(const struct entry *entry, int64_t now_us, bool all)
{
  bool closing = cf_time_hour(now_us + CLOSING_US) != entry->hour_us;
  bool paused = now_us - entry->told_us >= PAUSE_US || now_us < entry->told_us;
  return (entry->count.times > 0 || entry->count.rows > 0) && (all || closing || paused);
}

/* Take what is due, and forget what is over. */
static void batch_take(struct cf_questions *q, struct batch *batch, int64_t now_us, bool all)
{
  batch->n = 0;
  pthread_mutex_lock(&q->lock);
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct entry **at = &q->bucket[i], *entry; (entry = *at) != NULL && batch->n < BATCH;) {
      if (is_due(entry, now_us, all)) {
        batch->entry[batch->n] = entry;
        batch->count[batch->n++] = entry->count;
        entry->count = (struct count){.times = 0};
        entry->told_us = now_us;
      } else if (entry->count.times == 0 && entry->count.rows == 0 &&
                 entry->hour_us != cf_time_hour(now_us)) {
        *at = entry->next;
        q->n--;
        q->bytes -= entry->bytes;
        free(entry);
        continue;
      }
      at = &entry->next;
    }
  pthread_mutex_unlock(&q->lock);
}

static enum cf_err count_event(const struct entry *entry, const struct count *count,
                               struct cf_event *event)
{
  struct cf_control_tally tally = {.count = count->times,
                                   .first_us = count->first_us,
                                   .last_us = count->last_us};
  struct cf_control_access access = {.action = entry->question.action,
                                     .outcome = "success",
                                     .filter = entry->question.filter,
                                     .network = entry->question.network,
                                     .tally = &tally,
                                     .counted = true,
                                     .rows = count->rows};
  return cf_control_access(&entry->question.who, &access, event, NULL);
}

/* Entries are freed by whoever calls this only, so that none goes meanwhile. */
static enum cf_err batch_write(struct cf_questions *q, struct batch *batch)
{
  enum cf_err err = CF_OK;
  struct cf_append append = {.by = CF_BY_READER, .events = batch->pointer, .places = batch->place};
  while (append.n < batch->n && err == CF_OK) {
    size_t i = append.n;
    err = count_event(batch->entry[i], &batch->count[i], &batch->event[i]);
    batch->pointer[i] = &batch->event[i];
    append.n += err == CF_OK;
  }
  if (err == CF_OK && append.n > 0)
    err = cf_ledger_append(q->ledger, &append);
  for (size_t i = 0; i < append.n; i++)
    cf_event_fini(&batch->event[i]);
  return err;
}

/* It could not be written: it is counted as before. */
static void batch_return(struct cf_questions *q, const struct batch *batch)
{
  pthread_mutex_lock(&q->lock);
  for (size_t i = 0; i < batch->n; i++)
    count_add(&batch->entry[i]->count, &batch->count[i]);
  pthread_mutex_unlock(&q->lock);
}

/* Write what is due, or all that is counted. */
static enum cf_err counts_write(struct cf_questions *q, int64_t now_us, bool all)
{
  static struct cf_log_rate rate;
  struct batch *batch = malloc(sizeof *batch);
  enum cf_err err = batch == NULL ? CF_E_NOMEM : CF_OK;
  bool more = err == CF_OK;
  while (more) {
    batch_take(q, batch, now_us, all);
    err = batch_write(q, batch);
    if (err != CF_OK)
      batch_return(q, batch);
    more = err == CF_OK && batch->n == BATCH;
  }
  free(batch);
  if (err != CF_OK)
    cf_log_rated(&rate, CF_LOG_WARNING, "repeated reads are counted and cannot be written yet: %s",
                 cf_err_word(err));
  return err;
}

void cf_questions_tick(struct cf_questions *q, int64_t now_us)
{
  (void)counts_write(q, now_us, false);
}

/* ---- the end ---- */

/* Free all, with what was counted and not told. */
static struct count entries_free(struct cf_questions *q)
{
  struct count left = {.times = 0};
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct entry *entry = q->bucket[i], *next; entry != NULL; entry = next) {
      next = entry->next;
      if (entry->count.times > 0)
        count_add(&left, &entry->count);
      free(entry);
    }
  return left;
}

static void loss_tell(struct cf_questions *q, const struct count *count, enum cf_err why)
{
  static struct cf_log_rate rate;
  struct cf_event event;
  struct cf_control_tally tally = {.reason = cf_err_word(why),
                                   .count = count->times,
                                   .first_us = count->first_us,
                                   .last_us = count->last_us};
  enum cf_err err = cf_control_loss(CF_STR(CF_SOURCE_OWN), &tally, &event, NULL);
  if (err == CF_OK)
    cf_ledger_post(q->ledger, &event);
  else
    cf_log_rated(&rate, CF_LOG_ERROR, "a loss could not be recorded: %s", cf_err_word(err));
}

void cf_questions_free(struct cf_questions *q)
{
  if (q == NULL)
    return;
  enum cf_err err = counts_write(q, cf_clock_now_us(), true);
  struct count left = entries_free(q);
  if (left.times > 0)
    loss_tell(q, &left, err);
  pthread_mutex_destroy(&q->lock);
  free(q);
}
