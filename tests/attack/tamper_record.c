/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <string.h>

#include "lib/base/die.h"
#include "tests/attack/tamper_in.h"
#include "tests/unit/segment/forge.h"

#define BLOCK  1 /* of 64 records, */
#define RECORD 5 /* this one of which is changed */

/* ---- one record ---- */

static void public_replace(struct cf_record *r, const char *from, const char *to)
{
  static char text[CF_LEAF_MAX];
  CF_ASSERT(r->public_text.n < sizeof text && strlen(from) == strlen(to));
  memcpy(text, r->public_text.p, r->public_text.n);
  char *at = memmem(text, r->public_text.n, from, strlen(from));
  CF_ASSERT(at != NULL);
  memcpy(at, to, strlen(to));
  r->public_text.p = text;
}

static void method_set(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  public_replace(r, "GET", "PUT");
}

void record_method(void)
{
  forge_record(BLOCK, RECORD, method_set);
}

void record_whole(const char *data, unsigned n)
{
  forge_segment(data, n, BLOCK * CF_GROUP + RECORD, method_set);
}

/* The last letter in its quotes. */
static void payload_set(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  static char text[CF_LEAF_MAX];
  struct cf_str *payload = &r->payload[CF_C_RESOURCE];
  (void)salts;
  CF_ASSERT(payload->n > 3 && payload->n < sizeof text);
  memcpy(text, payload->p, payload->n);
  text[payload->n - 3] ^= 1;
  payload->p = text;
}

void record_payload(void)
{
  forge_record(BLOCK, RECORD, payload_set);
}

static void last_flip(struct cf_buf *value)
{
  value->p[value->n - 1] ^= 1;
}

/* Of the block's last record. */
void record_salt(void)
{
  forge_row("salts", BLOCK, last_flip);
}

static void recorded_set(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  r->recorded_us++;
}

void record_recorded(void)
{
  forge_record(BLOCK, RECORD, recorded_set);
}

/* As if an erasure had been ordered. */
static uint8_t *commitment_keep(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  static uint8_t commitment[CF_HASH_N];
  CF_ASSERT(r->payload[CF_C_ACTOR].n > 0);
  cf_commitment(CF_C_ACTOR, r->seq, salts[CF_C_ACTOR], r->payload[CF_C_ACTOR], commitment);
  r->payload[CF_C_ACTOR] = (struct cf_str){0};
  r->gone[CF_C_ACTOR] = commitment;
  return commitment;
}

static void actor_erase(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)commitment_keep(r, salts);
}

void record_erase(void)
{
  forge_record(BLOCK, RECORD, actor_erase);
}

static void commitment_set(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  commitment_keep(r, salts)[0] ^= 1;
}

void record_commitment(void)
{
  forge_record(BLOCK, RECORD, commitment_set);
}

/* ---- records in each other's place ---- */

/* What a record says, but for its seq. */
struct held {
  struct cf_record record;
  char text[1 + CF_C_N][CF_LEAF_MAX];
};
static struct held one, two;

static void text_hold(struct cf_str *s, char *text)
{
  CF_ASSERT(s->n < CF_LEAF_MAX);
  memcpy(text, s->p, s->n);
  s->p = text;
}

static void take(struct held *h, const struct cf_record *r)
{
  h->record = *r;
  text_hold(&h->record.public_text, h->text[CF_C_N]);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0)
      text_hold(&h->record.payload[c], h->text[c]);
}

static void give(const struct held *h, struct cf_record *r)
{
  uint64_t seq = r->seq;
  *r = h->record;
  r->seq = seq;
}

static void one_take(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  take(&one, r);
}

static void one_give(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  give(&one, r);
}

/* What it was is in two. */
static void one_give_for_two(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  take(&two, r);
  give(&one, r);
}

static void two_give(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  give(&two, r);
}

static void copy_to(unsigned from, unsigned to)
{
  forge_record(BLOCK, from, one_take);
  forge_record(BLOCK, to, one_give);
}

void record_double(void)
{
  copy_to(RECORD, RECORD + 1);
}

void record_swap(void)
{
  forge_record(BLOCK, RECORD, one_take);
  forge_record(BLOCK, RECORD + 1, one_give_for_two);
  forge_record(BLOCK, RECORD, two_give);
}

void record_delete(void)
{
  for (unsigned i = RECORD; i + 1 < CF_GROUP; i++)
    copy_to(i + 1, i);
}

void record_insert(void)
{
  for (unsigned i = CF_GROUP - 1; i > RECORD; i--)
    copy_to(i - 1, i);
}
