/* SPDX-License-Identifier: MIT */
/* Frames between a ledger and its signer. */
#include "config.h"

#include "lib/proof/signer_wire.h"

#include "lib/base/codec.h"

size_t cf_wire_begin(struct cf_buf *b, uint8_t first)
{
  size_t at = b->n;
  uint8_t head[CF_WIRE_HEAD + 1] = {0, 0, 0, 0, first};
  cf_buf_put(b, head, sizeof head);
  return at;
}

enum cf_err cf_wire_end(struct cf_buf *b, size_t at)
{
  if (b->err != CF_OK)
    return b->err;
  size_t n = b->n - at - CF_WIRE_HEAD;
  if (n > CF_WIRE_MAX) {
    cf_buf_cut(b, b->n - at);
    return CF_E_FULL;
  }
  cf_u32_put(b->p + at, (uint32_t)n);
  return CF_OK;
}

void cf_wire_put_u64(struct cf_buf *b, uint64_t v)
{
  uint8_t p[8];
  cf_u64_put(p, v);
  cf_buf_put(b, p, sizeof p);
}

/* One that is too long makes its frame too long. */
void cf_wire_put_text(struct cf_buf *b, struct cf_str text)
{
  uint8_t n[2];
  cf_u16_put(n, (uint16_t)text.n);
  cf_buf_put(b, n, sizeof n);
  cf_buf_putstr(b, text);
}

void cf_wire_put_fault(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault)
{
  size_t at = cf_wire_begin(b, 1);
  cf_wire_put_text(b, cf_str_from(cf_err_word(err)));
  cf_wire_put_text(b, cf_str_from(fault->at));
  cf_wire_put_text(b, cf_str_from(cf_fault_text(fault, err)));
  if (cf_wire_end(b, at) != CF_OK)
    cf_buf_reset(b);
}

struct cf_str cf_wire_bytes(struct cf_wire *w, size_t n)
{
  struct cf_str s = {w->left.p, n};
  w->bad |= n > w->left.n;
  if (w->bad)
    return CF_STR("");
  w->left = cf_str_behind(w->left, n);
  return s;
}

uint8_t cf_wire_u8(struct cf_wire *w)
{
  struct cf_str s = cf_wire_bytes(w, 1);
  return s.n == 1 ? (uint8_t)s.p[0] : 0;
}

uint64_t cf_wire_u64(struct cf_wire *w)
{
  struct cf_str s = cf_wire_bytes(w, 8);
  return s.n == 8 ? cf_u64_get((const uint8_t *)s.p) : 0;
}

struct cf_str cf_wire_text(struct cf_wire *w)
{
  struct cf_str s = cf_wire_bytes(w, 2);
  return s.n == 2 ? cf_wire_bytes(w, cf_u16_get((const uint8_t *)s.p)) : s;
}

enum cf_err cf_wire_done(const struct cf_wire *w)
{
  return !w->bad && w->left.n == 0 ? CF_OK : CF_E_SYNTAX;
}

enum cf_err cf_wire_length(struct cf_str s, size_t *n)
{
  *n = 0;
  if (s.n < CF_WIRE_HEAD)
    return CF_OK;
  uint32_t body = cf_u32_get((const uint8_t *)s.p);
  if (body == 0 || body > CF_WIRE_MAX)
    return CF_E_SYNTAX;
  *n = CF_WIRE_HEAD + body;
  return CF_OK;
}

enum cf_err cf_wire_fault(struct cf_wire *w, struct cf_fault *fault)
{
  struct cf_str word = cf_wire_text(w), at = cf_wire_text(w), detail = cf_wire_text(w);
  char place[sizeof fault->at];
  enum cf_err err = cf_wire_done(w);
  if (err != CF_OK)
    return err;
  for (err = CF_OK + 1; err < CF_ERR_N; err++)
    if (cf_str_is(word, cf_err_word(err))) {
      size_t n = at.n < sizeof place ? at.n : sizeof place - 1;
      memcpy(place, at.p, n);
      place[n] = 0;
      return cf_fail(fault, err, place, "%.*s", (int)detail.n, detail.p);
    }
  return CF_E_SYNTAX;
}
