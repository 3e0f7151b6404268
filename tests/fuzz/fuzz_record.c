/* SPDX-License-Identifier: MIT */
/* Fuzz target: untrusted leaves, payloads and stored records. The first byte
 * chooses which, the rest is the text. What a strict reader takes, the writer
 * writes again byte for byte. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/record/builder.h"
#include "lib/record/event.h"
#include "lib/record/values.h"
#include "tests/fuzz/fuzz.h"

static void check_leaf(struct cf_str text)
{
  static const uint8_t salts[CF_C_N][CF_HASH_N];
  uint8_t hash[CF_HASH_N];
  struct cf_leaf leaf;
  struct cf_buf b;
  if (cf_leaf_parse(text, &leaf, NULL) != CF_OK)
    return;
  struct cf_record r = {.seq = leaf.seq,
                        .recorded_us = leaf.recorded_us,
                        .kind = leaf.kind,
                        .time_us = leaf.time_us,
                        .public_text = leaf.public_text};
  for (unsigned c = 0; c < CF_C_N; c++)
    if (leaf.present >> c & 1)
      r.gone[c] = leaf.commitment[c];
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_leaf_put(&r, leaf.prev, salts, &b, hash);
  CF_ASSERT(b.err == CF_OK && cf_str_eq(cf_buf_str(&b), text));
  cf_buf_fini(&b);
}

/* Its values, set one by one, give the same payload. */
static void check_payload(enum cf_compartment compartment, struct cf_str text)
{
  struct cf_record r = {.kind = CF_K_EVENT,
                        .time_us = CF_TIME_NONE,
                        .public_text =
                            CF_STR("\"source\":\"w\",\"action\":\"a\",\"outcome\":\"unknown\"")};
  struct cf_values values;
  struct cf_builder *b;
  struct cf_event event;
  if (text.n > CF_LEAF_MAX - 1000 || cf_payload_check(compartment, text, NULL) != CF_OK)
    return;
  r.payload[compartment] = text;
  cf_values_init(&values);
  CF_ASSERT(cf_values_get(&r, &values) == CF_OK);
  CF_ASSERT(cf_builder_new(CF_K_EVENT, &b) == CF_OK);
  for (unsigned m = 0; m < CF_M_N; m++)
    if (values.v[m].p != NULL)
      cf_builder_set(b, (enum cf_member)m, values.v[m]);
  CF_ASSERT(cf_builder_end(b, &event, NULL) == CF_OK);
  CF_ASSERT(cf_record_same(&event.record, &r));
  cf_event_fini(&event);
  cf_builder_free(b);
  cf_values_fini(&values);
}

static void check_stored(const uint8_t *p, size_t n)
{
  struct cf_reader reader;
  struct cf_record r;
  struct cf_values values;
  struct cf_buf b;
  cf_reader_init(&reader, p, n);
  if (cf_record_decode(&reader, 1, 0, &r) != CF_OK)
    return;
  cf_buf_init(&b, 1 << 20);
  cf_values_init(&values);
  enum cf_err err = cf_values_get(&r, &values);
  CF_ASSERT(err == CF_OK || err == CF_E_SYNTAX);
  cf_record_put_flat(&r, CF_FIELDS_ALL, &b);
  cf_record_put_flat(&r, 0xf0f0f0, &b);
  CF_ASSERT(b.err == CF_OK);
  cf_values_fini(&values);
  cf_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  int64_t time_us;
  if (size == 0)
    return 0;
  struct cf_str text = {(const char *)data + 1, size - 1};
  unsigned which = data[0];
  if (which == 'l')
    check_leaf(text);
  else if (which >= '0' && which < '0' + CF_C_N)
    check_payload((enum cf_compartment)(which - '0'), text);
  else if (which == 's')
    check_stored(data + 1, size - 1);
  else if (cf_public_check((enum cf_kind)(which % CF_K_N), text, &time_us, NULL) == CF_OK)
    CF_ASSERT(text.n > 0);
  return 0;
}
