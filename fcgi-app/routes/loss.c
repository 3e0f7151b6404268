/* SPDX-License-Identifier: MIT */
/* Coalescing of losses and refusals. */
#include "config.h"

#include "fcgi-app/routes/loss_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/record/json.h"

#define MINUTE_US INT64_C(60000000)
#define TEXT_N    129

/* One kind of thing: a source and reason, or a caller and reason. */
struct entry {
  bool used;
  char who[TEXT_N]; /* source, or user */
  char credential[TEXT_N];
  char ip[46];
  const char *reason;
  int64_t told_us; /* when it was last told */
  uint64_t count;  /* since then */
  int64_t first_us, last_us;
};

/* The last entry is for everything that found no other. */
struct table {
  struct entry entries[CF_LOSS_MAX];
  void (*tell)(struct cf_loss *loss, const struct entry *entry);
};

struct cf_loss {
  struct cf_ledger *ledger;
  pthread_mutex_t lock;
  struct table losses;
  struct table refusals;
};

/* ---- records ---- */

/* Finish the record and leave it with the ledger. */
static void record_post(struct cf_loss *loss, struct cf_builder *b)
{
  struct cf_event event;
  struct cf_fault fault;
  enum cf_err err = cf_builder_end(b, &event, &fault);
  if (err == CF_OK) {
    cf_ledger_post(loss->ledger, &event);
    cf_event_fini(&event);
  } else {
    cf_log(CF_LOG_ERROR, "a record of our own could not be made: %s: %s", cf_err_word(err),
           fault.detail);
  }
}

static void put_span(struct cf_buf *b, const struct entry *entry)
{
  cf_json_put_member_u64(b, "count", entry->count);
  cf_json_put_member_time(b, "first", entry->first_us);
  cf_json_put_member_time(b, "last", entry->last_us);
}

static void tell_loss(struct cf_loss *loss, const struct entry *entry)
{
  struct cf_builder *b;
  if (cf_builder_new(CF_K_LOSS, &b) != CF_OK)
    return;
  struct cf_buf body;
  cf_buf_init(&body, 1024);
  cf_buf_putc(&body, '{');
  put_span(&body, entry);
  cf_json_put_member(&body, "reason", cf_str_from(entry->reason));
  cf_buf_putc(&body, '}');
  cf_builder_set(b, CF_M_SOURCE, cf_str_from(entry->who));
  cf_builder_set_body(b, cf_buf_str(&body));
  if (body.err == CF_OK)
    record_post(loss, b);
  cf_buf_fini(&body);
  cf_builder_free(b);
}

static void set_text(struct cf_builder *b, enum cf_member member, const char *text)
{
  if (*text != '\0')
    cf_builder_set(b, member, cf_str_from(text));
}

static void tell_refusal(struct cf_loss *loss, const struct entry *entry)
{
  struct cf_builder *b;
  if (cf_builder_new(CF_K_ACCESS, &b) != CF_OK)
    return;
  struct cf_buf attributes;
  cf_buf_init(&attributes, 1024);
  cf_buf_putc(&attributes, '{');
  put_span(&attributes, entry);
  cf_json_put_member(&attributes, "reason", cf_str_from(entry->reason));
  cf_buf_putc(&attributes, '}');
  cf_builder_set(b, CF_M_SOURCE, CF_STR("counterfoil"));
  cf_builder_set(b, CF_M_ACTION, CF_STR("refused"));
  cf_builder_set(b, CF_M_OUTCOME, CF_STR("failure"));
  set_text(b, CF_M_USER, entry->who);
  set_text(b, CF_M_CREDENTIAL, entry->credential);
  set_text(b, CF_M_IP, entry->ip);
  cf_builder_set_object(b, cf_buf_str(&attributes));
  if (attributes.err == CF_OK)
    record_post(loss, b);
  cf_buf_fini(&attributes);
  cf_builder_free(b);
}

/* ---- counting ---- */

static void copy_text(struct cf_str s, char out[TEXT_N])
{
  s = cf_utf8_head(s, TEXT_N - 1);
  if (s.n > 0)
    memcpy(out, s.p, s.n);
  out[s.n] = '\0';
}

static bool entry_same(const struct entry *a, const struct entry *b)
{
  return a->used && strcmp(a->who, b->who) == 0 && strcmp(a->credential, b->credential) == 0 &&
         strcmp(a->ip, b->ip) == 0 && strcmp(a->reason, b->reason) == 0;
}

/* The entry for such a thing: its own, a fresh one, or the one for everything
 * else. */
static struct entry *place_for(struct table *table, const struct entry *thing)
{
  struct entry *fresh = NULL;
  for (size_t i = 0; i < CF_LOSS_MAX - 1; i++) {
    if (entry_same(&table->entries[i], thing))
      return &table->entries[i];
    if (!table->entries[i].used && fresh == NULL)
      fresh = &table->entries[i];
  }
  if (fresh == NULL)
    return &table->entries[CF_LOSS_MAX - 1];
  *fresh = *thing;
  fresh->used = true;
  return fresh;
}

static bool is_due(const struct entry *entry, int64_t now_us)
{
  return now_us - entry->told_us >= MINUTE_US || now_us < entry->told_us;
}

/* Tell what was counted; its next minute begins. */
static void entry_tell(struct cf_loss *loss, const struct table *table, struct entry *entry,
                       int64_t now_us)
{
  table->tell(loss, entry);
  entry->told_us = now_us;
  entry->count = 0;
}

static void entry_count(struct cf_loss *loss, struct table *table, const struct entry *thing,
                        uint64_t n, int64_t now_us)
{
  pthread_mutex_lock(&loss->lock);
  struct entry *entry = place_for(table, thing);
  if (entry->count == 0)
    entry->first_us = now_us;
  entry->last_us = now_us;
  entry->count += n;
  if (is_due(entry, now_us))
    entry_tell(loss, table, entry, now_us);
  pthread_mutex_unlock(&loss->lock);
}

void cf_loss_events(struct cf_loss *loss, struct cf_str source, const char *reason, uint64_t n,
                    int64_t now_us)
{
  struct entry thing = {.reason = reason, .told_us = INT64_MIN / 2};
  if (n == 0)
    return;
  copy_text(source, thing.who);
  entry_count(loss, &loss->losses, &thing, n, now_us);
}

void cf_loss_refusal(struct cf_loss *loss, const char *ip, struct cf_str user,
                     struct cf_str credential, const char *reason, int64_t now_us)
{
  struct entry thing = {.reason = reason, .told_us = INT64_MIN / 2};
  copy_text(user, thing.who);
  copy_text(credential, thing.credential);
  snprintf(thing.ip, sizeof thing.ip, "%s", ip);
  entry_count(loss, &loss->refusals, &thing, 1, now_us);
}

/* Tell what is due, or with all whatever was counted; entries that had nothing
 * to tell for a minute are free again. */
static void table_sweep(struct cf_loss *loss, struct table *table, int64_t now_us, bool all)
{
  for (size_t i = 0; i < CF_LOSS_MAX; i++) {
    struct entry *entry = &table->entries[i];
    if (entry->count > 0 && (all || is_due(entry, now_us)))
      entry_tell(loss, table, entry, now_us);
    else if (is_due(entry, now_us))
      entry->used = false;
  }
}

void cf_loss_tick(struct cf_loss *loss, int64_t now_us)
{
  pthread_mutex_lock(&loss->lock);
  table_sweep(loss, &loss->losses, now_us, false);
  table_sweep(loss, &loss->refusals, now_us, false);
  pthread_mutex_unlock(&loss->lock);
}

/* The words of the entry for everything else. */
static void init_rest(struct table *table, const char *who)
{
  struct entry *rest = &table->entries[CF_LOSS_MAX - 1];
  rest->reason = "many";
  rest->told_us = INT64_MIN / 2;
  strcpy(rest->who, who);
}

enum cf_err cf_loss_new(struct cf_ledger *ledger, struct cf_loss **loss)
{
  struct cf_loss *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  made->ledger = ledger;
  made->losses.tell = tell_loss;
  made->refusals.tell = tell_refusal;
  init_rest(&made->losses, "counterfoil");
  init_rest(&made->refusals, "");
  CF_ASSERT(pthread_mutex_init(&made->lock, NULL) == 0);
  *loss = made;
  return CF_OK;
}

void cf_loss_free(struct cf_loss *loss)
{
  if (loss == NULL)
    return;
  table_sweep(loss, &loss->losses, cf_clock_now_us(), true);
  table_sweep(loss, &loss->refusals, cf_clock_now_us(), true);
  pthread_mutex_destroy(&loss->lock);
  free(loss);
}
