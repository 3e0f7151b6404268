/* SPDX-License-Identifier: MIT */
/* A record against a filter, on the record's own text. */
#include "config.h"

#include "lib/query/query_in.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/address.h"

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

static void put_lower(const char *p, size_t n, char *out)
{
  for (size_t i = 0; i < n; i++)
    out[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
}

/* Windows overlap by a byte less than the needle, so that nothing hides between
 * two. */
static bool contains(struct cf_str text, struct cf_str needle)
{
  char window[WINDOW + CF_NEEDLE_MAX];

  for (size_t at = 0; at + needle.n <= text.n; at += WINDOW) {
    size_t left = text.n - at;
    size_t n = left < WINDOW + needle.n - 1 ? left : WINDOW + needle.n - 1;
    put_lower(text.p + at, n, window);
    if (memmem(window, n, needle.p, needle.n) != NULL)
      return true;
  }
  return false;
}

static bool any_contains(const struct cf_values *values, struct cf_str needle)
{
  for (unsigned m = 0; m < CF_M_N; m++)
    if (cf_member_table[m].type == CF_T_TEXT && values->v[m].p != NULL &&
        contains(values->v[m], needle))
      return true;
  return false;
}

static bool holds_any(const struct cf_condition *c, const struct cf_values *values)
{
  for (size_t i = 0; i < c->n; i++)
    if (any_contains(values, c->values[i].text))
      return true;
  return false;
}

/* ---- members ---- */

/* The key of an address or a status, in c->key_n bytes. */
static enum cf_err read_key(const struct cf_condition *c, struct cf_str text, uint8_t key[16])
{
  uint64_t status;

  if (c->member == CF_M_IP)
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
  return c->op == CF_OP_PREFIX ? cf_str_starts(text, v->text) : cf_str_eq(text, v->text);
}

static bool any_hits(const struct cf_condition *c, struct cf_str text, const uint8_t *key)
{
  for (size_t i = 0; i < c->n; i++)
    if (value_hits(c, &c->values[i], text, key))
      return true;
  return false;
}

static enum cf_err condition_holds(const struct cf_condition *c, const struct cf_values *values,
                                   bool *holds)
{
  uint8_t key[16] = {0};

  if (c->op == CF_OP_CONTAINS) {
    *holds = holds_any(c, values);
    return CF_OK;
  }
  struct cf_str text = values->v[c->member];
  if (text.p == NULL) {
    *holds = c->op == CF_OP_NOT;
    return CF_OK;
  }
  enum cf_err err = c->key_n == 0 ? CF_OK : read_key(c, text, key);
  if (err == CF_OK)
    *holds = any_hits(c, text, key) != (c->op == CF_OP_NOT);
  return err;
}

static enum cf_err values_pass(const struct cf_query *query, const struct cf_values *values,
                               bool *pass)
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
  *pass = frame_passes(query, record);
  if (!*pass || query->conditions_n == 0)
    return CF_OK;
  enum cf_err err = cf_values_get(record, scratch);
  return err == CF_OK ? values_pass(query, scratch, pass) : err;
}
