/* SPDX-License-Identifier: MIT */
/* A record against a filter, on the record's own text. */
#include "config.h"

#include "lib/query/query_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/fold.h"
#include "lib/record/address.h"
#include "lib/record/attributes.h"
#include "lib/record/texts.h"

#define WINDOW 4096 /* bytes made lower-case at a time, besides what a needle overlaps */

static bool in_range(int64_t t_us, int64_t from_us, int64_t to_us)
{
  return from_us <= t_us && t_us < to_us;
}

static bool frame_passes(const struct cf_query *query, const struct cf_record *record)
{
  return (query->kinds >> record->kind & 1) != 0 && query->seq_from <= record->seq &&
         record->seq < query->seq_to &&
         in_range(cf_record_effective_us(record), query->from_us, query->to_us) &&
         in_range(record->recorded_us, query->recorded_from_us, query->recorded_to_us);
}

/* ---- substrings ---- */

/* Windows overlap by a byte less than the needle, so that nothing hides between
 * two. */
static bool contains(struct cf_str text, struct cf_str needle)
{
  char window[WINDOW + CF_NEEDLE_MAX];

  for (size_t at = 0; at + needle.n <= text.n; at += WINDOW) {
    size_t left = text.n - at;
    size_t n = left < WINDOW + needle.n - 1 ? left : WINDOW + needle.n - 1;
    cf_text_fold_all((struct cf_str){text.p + at, n}, window);
    if (memmem(window, n, needle.p, needle.n) != NULL)
      return true;
  }
  return false;
}

static bool holds_any(const void *context, struct cf_str text)
{
  const struct cf_condition *c = context;

  for (size_t i = 0; i < c->n; i++)
    if (contains(text, c->values[i].text))
      return true;
  return false;
}

static void put_bytes_folded(struct cf_str bytes, struct cf_buf *b)
{
  char *out = (char *)cf_buf_grow(b, bytes.n);
  if (out != NULL)
    cf_text_fold_all(bytes, out);
}

/* A record's texts as they are written, folded, each ended by a byte that no
 * plain needle has. */
static void put_folded(const struct cf_record *record, struct cf_buf *b)
{
  cf_buf_reset(b);
  for (unsigned c = 0; c <= CF_C_N; c++) {
    struct cf_str text = c < CF_C_N ? record->payload[c] : record->public_text;
    put_bytes_folded(text, b);
    cf_buf_putc(b, '\0');
  }
}

static bool any_may_be_in(const struct cf_condition *c, struct cf_str folded)
{
  for (size_t i = 0; i < c->n; i++) {
    struct cf_str needle = c->values[i].text;
    if (!cf_text_is_plain(needle) || memmem(folded.p, folded.n, needle.p, needle.n) != NULL)
      return true;
  }
  return false;
}

static bool folded_may_pass(const struct cf_query *query, const struct cf_buf *folded)
{
  for (size_t i = 0; i < query->conditions_n; i++)
    if (query->conditions[i].asked.op == CF_OP_CONTAINS && folded->err == CF_OK &&
        !any_may_be_in(&query->conditions[i], cf_buf_str(folded)))
      return false;
  return true;
}

bool cf_query_searches(const struct cf_query *query)
{
  for (size_t i = 0; i < query->conditions_n; i++)
    if (query->conditions[i].asked.op == CF_OP_CONTAINS)
      return true;
  return false;
}

bool cf_query_may(const struct cf_query *query, struct cf_str bytes, struct cf_buf *scratch)
{
  cf_buf_reset(scratch);
  put_bytes_folded(bytes, scratch);
  return folded_may_pass(query, scratch);
}

/* What is searched for is looked for in the record as it is written before it
 * is taken apart, which costs more. */
static bool texts_may_pass(const struct cf_query *query, const struct cf_record *record,
                           struct cf_buf *scratch)
{
  if (!cf_query_searches(query))
    return true;
  put_folded(record, scratch);
  return folded_may_pass(query, scratch);
}

/* ---- members ---- */

/* The key of an address or a status, in c->key_n bytes. */
static enum cf_err read_key(const struct cf_condition *c, struct cf_str text, uint8_t key[16])
{
  uint64_t status;

  if (c->asked.member == CF_M_IP)
    return cf_address_bytes(text, key);
  enum cf_err err = cf_u64_parse(text, cf_member_table[CF_M_STATUS].limit, &status);
  if (err == CF_OK)
    cf_u16_put(key, (uint16_t)status);
  return err;
}

static bool value_hits(const struct cf_condition *c, const struct cf_value *v, struct cf_str text,
                       const uint8_t *key)
{
  if (c->key_n > 0)
    return memcmp(v->first, key, c->key_n) <= 0 && memcmp(key, v->last, c->key_n) <= 0;
  switch (c->asked.op) {
  case CF_OP_PREFIX: return cf_str_starts(text, v->text);
  case CF_OP_CI: return cf_fold_equal(v->text, text);
  default: return cf_str_eq(text, v->text);
  }
}

static bool any_hits(const struct cf_condition *c, struct cf_str text, const uint8_t *key)
{
  for (size_t i = 0; i < c->n; i++)
    if (value_hits(c, &c->values[i], text, key))
      return true;
  return false;
}

/* ---- attributes ---- */

static bool attribute_hits(const void *context, struct cf_str value)
{
  static const uint8_t none[16];

  return any_hits(context, value, none);
}

/* Does one of the values at the path hit? */
static enum cf_err attributes_hit(const struct cf_condition *c, struct cf_values *values, bool *hit)
{
  struct cf_str text = values->v[CF_M_ATTRIBUTES];

  *hit = false;
  return text.p == NULL
             ? CF_OK
             : cf_attributes_look(text, c->asked.path, &values->scratch, attribute_hits, c, hit);
}

/* ---- the whole ---- */

static enum cf_err member_holds(const struct cf_condition *c, const struct cf_values *values,
                                bool *holds)
{
  uint8_t key[16] = {0};
  struct cf_str text = values->v[c->asked.member];

  if (text.p == NULL) {
    *holds = c->asked.op == CF_OP_NOT;
    return CF_OK;
  }
  enum cf_err err = c->key_n == 0 ? CF_OK : read_key(c, text, key);
  if (err == CF_OK)
    *holds = any_hits(c, text, key) != (c->asked.op == CF_OP_NOT);
  return err;
}

static enum cf_err condition_holds(const struct cf_condition *c, struct cf_values *values,
                                   bool *holds)
{
  if (c->asked.op == CF_OP_CONTAINS)
    return cf_texts_look(values, holds_any, c, holds);
  if (c->asked.member != CF_M_ATTRIBUTES)
    return member_holds(c, values, holds);
  bool hit;
  enum cf_err err = attributes_hit(c, values, &hit);
  *holds = hit != (c->asked.op == CF_OP_NOT);
  return err;
}

static enum cf_err values_pass(const struct cf_query *query, struct cf_values *values, bool *pass)
{
  bool holds = true;

  for (size_t i = 0; i < query->conditions_n && holds; i++) {
    enum cf_err err = condition_holds(&query->conditions[i], values, &holds);
    if (err != CF_OK)
      return err;
  }
  *pass = holds;
  return CF_OK;
}

enum cf_err cf_query_test(const struct cf_query *query, const struct cf_record *record,
                          struct cf_values *scratch, bool *pass)
{
  *pass = frame_passes(query, record) && texts_may_pass(query, record, &scratch->scratch);
  if (!*pass || query->conditions_n == 0)
    return CF_OK;
  enum cf_err err = cf_values_get(record, scratch);
  return err == CF_OK ? values_pass(query, scratch, pass) : err;
}
