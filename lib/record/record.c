/* SPDX-License-Identifier: MIT */
/* Salts, commitments, leaves, and the form in which the store keeps a record
 * (format.md, Commitment and Leaf). */
#include "config.h"

#include "lib/record/record.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/record_in.h"

#define BASE64_HASH_N 44

void cf_salts(const uint8_t key[CF_SALTKEY_N], uint64_t seq, uint8_t salts[CF_C_N][CF_HASH_N])
{
  cf_keystream(key, seq % CF_GROUP * CF_C_N * CF_HASH_N, salts[0], (size_t)CF_C_N * CF_HASH_N);
}

static uint8_t *text_append(uint8_t *p, const void *from, size_t n)
{
  memcpy(p, from, n);
  return p + n;
}

#define COMMITMENT_VERSION "counterfoil/v1/"
#define COMMITMENT_HEAD_N  (sizeof COMMITMENT_VERSION + 16 + 8 + CF_HASH_N)

/* What is hashed in front of the payload. */
static struct cf_str commitment_head(enum cf_compartment compartment, uint64_t seq,
                                     const uint8_t salt[CF_HASH_N], uint8_t head[COMMITMENT_HEAD_N])
{
  const char *name = cf_compartment_names[compartment];
  uint8_t *p = text_append(head, COMMITMENT_VERSION, sizeof COMMITMENT_VERSION - 1);
  p = text_append(p, name, strlen(name) + 1);
  cf_u64_put(p, seq);
  p = text_append(p + 8, salt, CF_HASH_N);
  return (struct cf_str){(const char *)head, (size_t)(p - head)};
}

void cf_commitment(enum cf_compartment compartment, uint64_t seq, const uint8_t salt[CF_HASH_N],
                   struct cf_str payload, uint8_t c[CF_HASH_N])
{
  uint8_t head[COMMITMENT_HEAD_N];
  cf_sha256((struct cf_str[]){commitment_head(compartment, seq, salt, head), payload}, 2, c);
}

void cf_leaf_hash(struct cf_str leaf, uint8_t hash[CF_HASH_N])
{
  cf_sha256((struct cf_str[]){{"", 1}, leaf}, 2, hash);
}

/* ---- leaf ---- */

static void put_hash(struct cf_buf *b, const char *name, const uint8_t hash[CF_HASH_N])
{
  cf_buf_putc(b, ',');
  cf_buf_putc(b, '"');
  cf_buf_puts(b, name);
  cf_buf_put(b, "\":\"", 3);
  cf_base64_put(b, hash, CF_HASH_N);
  cf_buf_putc(b, '"');
}

static void put_head(const struct cf_record *r, const uint8_t prev[CF_HASH_N], struct cf_buf *b)
{
  char recorded[CF_TIME_TEXT_N + 1];
  cf_time_format(r->recorded_us, recorded);
  cf_buf_putstr(b, CF_STR("{\"v\":1,\"seq\":"));
  cf_buf_put_u64(b, r->seq);
  put_hash(b, "prev", prev);
  cf_buf_putstr(b, CF_STR(",\"recorded\":\""));
  cf_buf_put(b, recorded, CF_TIME_TEXT_N);
  cf_buf_putstr(b, CF_STR("\",\"kind\":\""));
  cf_buf_puts(b, cf_kind_table[r->kind].name);
  cf_buf_putc(b, '"');
}

/* Of each compartment that r has. */
static void commitments_make(const struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N],
                             uint8_t commitment[CF_C_N][CF_HASH_N])
{
  uint8_t head[CF_C_N][COMMITMENT_HEAD_N];
  struct cf_sha256_text text[CF_C_N];
  size_t n = 0;
  for (enum cf_compartment c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0)
      text[n++] = (struct cf_sha256_text){.head = commitment_head(c, r->seq, salts[c], head[c]),
                                          .body = r->payload[c],
                                          .out = commitment[c]};
    else if (r->gone[c] != NULL)
      memcpy(commitment[c], r->gone[c], CF_HASH_N);
  cf_sha256_each(text, n);
}

void cf_leaf_put(const struct cf_record *r, const uint8_t prev[CF_HASH_N],
                 const uint8_t salts[CF_C_N][CF_HASH_N], struct cf_buf *b, uint8_t hash[CF_HASH_N])
{
  uint8_t commitment[CF_C_N][CF_HASH_N];
  size_t start = b->n;
  put_head(r, prev, b);
  if (r->public_text.n > 0) {
    cf_buf_putc(b, ',');
    cf_buf_putstr(b, r->public_text);
  }
  commitments_make(r, salts, commitment);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0 || r->gone[c] != NULL)
      put_hash(b, cf_compartment_names[c], commitment[c]);
  cf_buf_putc(b, '}');
  struct cf_str all = cf_buf_str(b);
  cf_leaf_hash((struct cf_str){all.n > start ? all.p + start : "", all.n - start}, hash);
}

/* Room that the leaf takes beyond the public text: seq at its longest, and a
 * comma. */
static size_t leaf_frame(enum cf_kind kind)
{
  static const char frame[] =
      "{\"v\":1,\"seq\":18446744073709551615,\"prev\":\"\",\"recorded\":\"\",\"kind\":\"\",}";
  return sizeof frame - 1 + BASE64_HASH_N + CF_TIME_TEXT_N + strlen(cf_kind_table[kind].name);
}

size_t cf_record_size(const struct cf_record *r)
{
  size_t n = leaf_frame(r->kind) + r->public_text.n;
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0)
      n += strlen(",\"\":\"\"") + strlen(cf_compartment_names[c]) + BASE64_HASH_N + r->payload[c].n;
  return n;
}

/* ---- as stored ---- */

static unsigned stored_masks(const struct cf_record *r)
{
  unsigned masks = 0;
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->payload[c].n > 0)
      masks |= 1u << c;
    else if (r->gone[c] != NULL)
      masks |= 16u << c;
  }
  return masks;
}

static void put_text(struct cf_buf *b, struct cf_str s)
{
  cf_varint_put(b, s.n);
  cf_buf_putstr(b, s);
}

void cf_record_encode(const struct cf_record *r, int64_t base_us, struct cf_buf *b)
{
  cf_buf_put(b, (uint8_t[2]){(uint8_t)r->kind, (uint8_t)stored_masks(r)}, 2);
  cf_varint_put_signed(b, r->recorded_us - base_us);
  put_text(b, r->public_text);
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->payload[c].n > 0)
      put_text(b, r->payload[c]);
    else if (r->gone[c] != NULL)
      cf_buf_put(b, r->gone[c], CF_HASH_N);
  }
}

static bool masks_ok(uint8_t kind, uint8_t present, uint8_t gone)
{
  return kind < CF_K_N && (present & gone) == 0 &&
         ((present | gone) & ~cf_kind_table[kind].compartments) == 0;
}

static bool recorded_ok(int64_t base_us, int64_t difference, int64_t *recorded)
{
  return !__builtin_add_overflow(base_us, difference, recorded) && *recorded >= CF_TIME_MIN_US &&
         *recorded <= CF_TIME_MAX_US;
}

static struct cf_str get_text(struct cf_reader *r)
{
  uint64_t n = cf_reader_varint(r);
  if (n <= CF_LEAF_MAX)
    return cf_reader_bytes(r, (size_t)n);
  r->err = CF_E_SYNTAX;
  return (struct cf_str){NULL, 0};
}

/* An object's text in braces, not empty: what every later reader may rely
 * on. */
static struct cf_str get_object(struct cf_reader *r)
{
  struct cf_str s = get_text(r);
  if (r->err == CF_OK && (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}'))
    r->err = CF_E_SYNTAX;
  return s;
}

enum cf_err cf_record_decode(struct cf_reader *r, uint64_t seq, int64_t base_us,
                             struct cf_record *out)
{
  uint8_t kind = cf_reader_u8(r), masks = cf_reader_u8(r);
  uint8_t present = masks & 15, gone = masks >> 4;
  int64_t difference = cf_reader_varint_signed(r);
  struct cf_record got = {.seq = seq, .kind = (enum cf_kind)kind, .time_us = CF_TIME_UNREAD};
  if (r->err == CF_OK &&
      (!masks_ok(kind, present, gone) || !recorded_ok(base_us, difference, &got.recorded_us)))
    r->err = CF_E_SYNTAX;
  got.public_text = get_text(r);
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (present & (1u << c))
      got.payload[c] = get_object(r);
    if (gone & (1u << c))
      got.gone[c] = (const uint8_t *)cf_reader_bytes(r, CF_HASH_N).p;
  }
  if (r->err != CF_OK)
    return r->err;
  *out = got;
  return CF_OK;
}

int64_t cf_record_effective_us(const struct cf_record *r)
{
  int64_t t = r->time_us == CF_TIME_UNREAD ? cf_public_time(r->public_text) : r->time_us;
  return t != CF_TIME_NONE ? t : r->recorded_us;
}

bool cf_record_is_dated(const struct cf_record *r)
{
  return r->kind == CF_K_EVENT || cf_record_effective_us(r) != r->recorded_us;
}

/* ---- sameness ---- */

static bool same_compartment(const struct cf_record *a, const struct cf_record *b, unsigned c)
{
  bool a_gone = a->gone[c] != NULL, b_gone = b->gone[c] != NULL;
  bool a_there = a_gone || a->payload[c].n > 0, b_there = b_gone || b->payload[c].n > 0;
  if (a_there != b_there)
    return false;
  return a_gone || b_gone || cf_str_eq(a->payload[c], b->payload[c]);
}

/* Cut off what stands before the writer and the writer itself, which comes
 * behind the source: names, without commas and quotes in them. */
static struct cf_str cut_writer(struct cf_str *text)
{
  const struct cf_str key = CF_STR("\"writer\":");
  struct cf_str source = cf_str_cut(text, ',');
  if (cf_str_starts(*text, key))
    cf_str_cut(text, ',');
  return source;
}

static bool same_public(struct cf_str a, struct cf_str b)
{
  return cf_str_eq(cut_writer(&a), cut_writer(&b)) && cf_str_eq(a, b);
}

bool cf_record_same(const struct cf_record *a, const struct cf_record *b)
{
  if (a->kind != b->kind || !same_public(a->public_text, b->public_text))
    return false;
  for (unsigned c = 0; c < CF_C_N; c++)
    if (!same_compartment(a, b, c))
      return false;
  return true;
}
