/* SPDX-License-Identifier: MIT */
/* Fuzz target: a request body on its whole way to stored records. The first
 * byte chooses the rules, the rest is the body. What comes out must hold:
 * strict readers take what was written, values can be taken, and nothing
 * changes on the way through the store. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/utf8.h"
#include "lib/record/attributes.h"
#include "lib/record/event.h"
#include "lib/record/json.h"
#include "lib/record/scan.h"
#include "lib/record/values.h"
#include "tests/fuzz/fuzz.h"

#define RECORDED INT64_C(1795485602000000)

static void check_texts(const struct cf_record *r)
{
  int64_t time_us;
  CF_ASSERT(cf_public_check(r->kind, r->public_text, &time_us, NULL) == CF_OK);
  CF_ASSERT(time_us == r->time_us);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0)
      CF_ASSERT(cf_payload_check((enum cf_compartment)c, r->payload[c], NULL) == CF_OK);
}

static void check_leaf(const struct cf_record *r)
{
  static const uint8_t prev[CF_HASH_N], salts[CF_C_N][CF_HASH_N];
  uint8_t hash[CF_HASH_N];
  struct cf_leaf leaf;
  struct cf_buf b;
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_leaf_put(r, prev, salts, &b, hash);
  CF_ASSERT(b.err == CF_OK);
  CF_ASSERT(cf_leaf_parse(cf_buf_str(&b), &leaf, NULL) == CF_OK);
  CF_ASSERT(cf_str_eq(leaf.public_text, r->public_text) && leaf.time_us == r->time_us);
  for (unsigned c = 0; c < CF_C_N; c++)
    CF_ASSERT((leaf.present >> c & 1) == (r->payload[c].n > 0));
  cf_buf_fini(&b);
}

static void check_stored(const struct cf_record *r)
{
  struct cf_buf b;
  struct cf_reader reader;
  struct cf_record back;
  cf_buf_init(&b, 2 * CF_LEAF_MAX);
  cf_record_encode(r, 0, &b);
  cf_reader_init(&reader, b.p, b.n);
  CF_ASSERT(cf_record_decode(&reader, r->seq, 0, &back) == CF_OK && cf_reader_at_end(&reader));
  CF_ASSERT(cf_record_same(r, &back) &&
            cf_record_effective_us(&back) == cf_record_effective_us(r) &&
            back.recorded_us == r->recorded_us);
  cf_buf_fini(&b);
}

static bool is_text(const void *context, struct cf_str value)
{
  (void)context;
  CF_ASSERT(cf_utf8_ok(value));
  return false;
}

/* Questions can walk them, whatever they hold. */
static void check_attributes(struct cf_values *values)
{
  static const char *const paths[] = {"", "a", "a.b", "n..x"};
  struct cf_str text = values->v[CF_M_ATTRIBUTES];
  bool found;
  for (size_t i = 0; text.p != NULL && i < sizeof paths / sizeof paths[0]; i++)
    CF_ASSERT(cf_attributes_look(text, cf_str_from(paths[i]), &values->scratch, is_text, NULL,
                                 &found) == CF_OK);
}

/* Each value that can be judged by itself is one, and travels with the event
 * where it is indexed. */
static void check_values(const struct cf_event *event)
{
  const struct cf_record *r = &event->record;
  struct cf_values values;
  cf_values_init(&values);
  CF_ASSERT(cf_values_get(r, &values) == CF_OK);
  for (unsigned m = 0; m < CF_M_N; m++)
    if (values.v[m].p != NULL)
      CF_ASSERT(cf_value_ok((enum cf_member)m, values.v[m]));
  for (unsigned m = 0; m < CF_M_N; m++) {
    struct cf_str got = cf_event_get(event, (enum cf_member)m);
    struct cf_str want = cf_member_table[m].indexed ? values.v[m] : (struct cf_str){NULL, 0};
    CF_ASSERT((got.p == NULL) == (want.p == NULL) && cf_str_eq(got, want));
  }
  check_attributes(&values);
  CF_ASSERT(values.v[CF_M_SOURCE].n > 0 && values.v[CF_M_OUTCOME].n > 0);
  cf_values_fini(&values);
}

/* The record as an event again gives the same record. */
static void check_again(const struct cf_record *r, const struct cf_event_rules *rules)
{
  struct cf_event_rules same = {.source = rules->source, .sources = rules->sources};
  struct cf_event again;
  struct cf_buf b;
  cf_buf_init(&b, 2 * CF_LEAF_MAX);
  cf_buf_putc(&b, '{');
  cf_buf_putstr(&b, r->public_text);
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->payload[c].n == 0)
      continue;
    cf_buf_putc(&b, ',');
    cf_buf_put(&b, r->payload[c].p + 1, r->payload[c].n - 2);
  }
  cf_buf_putc(&b, '}');
  CF_ASSERT(cf_event_parse(cf_buf_str(&b), &same, &again, NULL) == CF_OK);
  CF_ASSERT(cf_record_same(r, &again.record));
  cf_event_fini(&again);
  cf_buf_fini(&b);
}

/* json-c reads the same out of it: its canonical text as an event gives the
 * same record, or is refused too. */
static void check_other_way(struct cf_str text, const struct cf_event_rules *rules,
                            const struct cf_record *r)
{
  struct cf_json *doc;
  struct cf_event other;
  struct cf_buf b;
  if (cf_json_parse(text, CF_SCAN_DEPTH, &doc, NULL) != CF_OK)
    return;
  cf_buf_init(&b, SIZE_MAX / 2);
  if (cf_json_put_canonical(&b, doc, CF_SCAN_DEPTH, NULL) == CF_OK) {
    enum cf_err err = cf_event_parse(cf_buf_str(&b), rules, &other, NULL);
    CF_ASSERT((err == CF_OK) == (r != NULL));
    if (err == CF_OK) {
      other.record.seq = r->seq;
      CF_ASSERT(cf_record_same(r, &other.record));
      cf_event_fini(&other);
    }
  }
  cf_buf_fini(&b);
  cf_json_free(doc);
}

/* As a request reads it, which an event's text by itself gives, too. */
static void check_event(struct cf_str text, const struct cf_scan_members *members,
                        const struct cf_event_rules *rules)
{
  struct cf_event event, alone;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_event_read(text, members, rules, &event, &fault);
  CF_ASSERT(cf_event_parse(text, rules, &alone, NULL) == err);
  if (err == CF_OK) {
    CF_ASSERT(cf_record_same(&event.record, &alone.record));
    cf_event_fini(&alone);
  }
  if (err != CF_OK) {
    CF_ASSERT((err == CF_E_INVALID || err == CF_E_SYNTAX) && fault.detail[0] != 0);
    check_other_way(text, rules, NULL);
    return;
  }
  event.record.seq = UINT64_MAX;
  event.record.recorded_us = RECORDED;
  check_texts(&event.record);
  check_leaf(&event.record);
  check_stored(&event.record);
  check_values(&event);
  check_again(&event.record, rules);
  check_other_way(text, rules, &event.record);
  cf_event_fini(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const sources[] = {"web*", NULL};
  if (size == 0)
    return 0;
  struct cf_event_rules rules = {.source = CF_STR("w"),
                                 .sources = sources,
                                 .unknown_to_attributes = data[0] & 1,
                                 .cut_long = data[0] & 2};
  struct cf_scan scan;
  struct cf_scan_members members;
  struct cf_fault fault;
  size_t steps = 0;
  cf_scan_init(&scan, (struct cf_str){(const char *)data + 1, size - 1});
  cf_scan_members_init(&members);
  for (bool more = true; more; steps++) {
    struct cf_str event;
    CF_ASSERT(steps <= 2 * size + 2);
    if (cf_scan_next(&scan, &event, &members, &more, &fault) == CF_OK && more)
      check_event(event, &members, &rules);
  }
  cf_scan_members_fini(&members);
  return 0;
}
