/* SPDX-License-Identifier: MIT */
/* A parameter of a member: its values in canonical form, as ingestion makes
 * them. */
#include "config.h"

#include "lib/query/query_in.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/address.h"

#define TEXT_MAX   (UINT32_C(1) << 20) /* of a value as sent, before its own limit is looked at */
#define NAME_MAX_N (3 * CF_PATH_MAX + 32) /* of a parameter's name, URL-encoded */

enum cf_err cf_condition_make(struct cf_asked asked, struct cf_condition *c)
{
  struct cf_condition made = {.asked = asked};

  if (asked.op == CF_OP_IS || asked.op == CF_OP_NOT)
    made.key_n = asked.member == CF_M_IP ? 16 : asked.member == CF_M_STATUS ? 2 : 0;
  made.asked.path.p = asked.path.n > 0 ? cf_str_dup(asked.path) : NULL;
  if (asked.path.n > 0 && made.asked.path.p == NULL)
    return CF_E_NOMEM;
  *c = made;
  return CF_OK;
}

static enum cf_err put_address(struct cf_str s, struct cf_value *v, struct cf_buf *b,
                               const char *at, struct cf_fault *fault)
{
  char text[46];

  if (cf_address_block(s, v->first, v->last) != CF_OK)
    return cf_fail(fault, CF_E_PARAMETER, at,
                   "not an address or CIDR block (192.0.2.1, 192.0.2.0/24, 2001:db8::/32)");
  if (cf_address_canonical(s, text) == CF_OK)
    cf_buf_puts(b, text);
  else
    cf_buf_putstr(b, s);
  return CF_OK;
}

static bool read_status(struct cf_str s, uint64_t *v)
{
  return s.n <= 3 && cf_u64_parse(s, cf_member_table[CF_M_STATUS].limit, v) == CF_OK;
}

/* "404", "4xx", "400-499" as first and last status. */
static bool read_statuses(struct cf_str s, uint64_t *first, uint64_t *last)
{
  if (s.n == 3 && s.p[0] >= '0' && s.p[0] <= '9' && (s.p[1] | 32) == 'x' && (s.p[2] | 32) == 'x') {
    *first = (uint64_t)(s.p[0] - '0') * 100;
    *last = *first + 99;
    return true;
  }
  struct cf_str rest = s;
  struct cf_str low = cf_str_cut(&rest, '-');
  if (!read_status(low, first))
    return false;
  if (low.n == s.n) {
    *last = *first;
    return true;
  }
  return read_status(rest, last) && *first <= *last;
}

static enum cf_err put_status(struct cf_str s, struct cf_value *v, struct cf_buf *b, const char *at,
                              struct cf_fault *fault)
{
  uint64_t first, last;

  if (s.n == 0 || !read_statuses(s, &first, &last))
    return cf_fail(fault, CF_E_PARAMETER, at, "not a status: write 404, 4xx or 400-499");
  cf_u16_put(v->first, (uint16_t)first);
  cf_u16_put(v->last, (uint16_t)last);
  cf_buf_putstr(b, s);
  return CF_OK;
}

/* Methods are kept in capitals, what is looked for in either case in small
 * letters. */
static void change_case(struct cf_buf *b, char from, int by)
{
  for (size_t i = 0; i < b->n; i++)
    if (b->p[i] >= from && b->p[i] < from + 26)
      b->p[i] = (uint8_t)(b->p[i] + by);
}

static void put_text(const struct cf_condition *c, struct cf_str s, struct cf_buf *b)
{
  cf_utf8_put(b, s);
  if (c->asked.member == CF_M_METHOD)
    change_case(b, 'a', 'A' - 'a');
  if (c->asked.op == CF_OP_CONTAINS)
    change_case(b, 'A', 'a' - 'A');
}

static bool text_ok(const struct cf_condition *c, struct cf_str text)
{
  if (c->asked.op == CF_OP_CONTAINS)
    return text.n >= 1 && text.n <= CF_NEEDLE_MAX;
  if (c->asked.op == CF_OP_PREFIX || c->asked.member == CF_M_ATTRIBUTES)
    return text.n <= cf_member_table[c->asked.member].limit;
  return cf_value_ok(c->asked.member, text);
}

static enum cf_err refuse_text(const struct cf_condition *c, const char *at, struct cf_fault *fault)
{
  if (c->asked.op == CF_OP_CONTAINS)
    return cf_fail(fault, CF_E_PARAMETER, at, "must be 1 to %d bytes", CF_NEEDLE_MAX);
  const struct cf_member_row *row = &cf_member_table[c->asked.member];
  if (c->asked.op == CF_OP_PREFIX || row->type == CF_T_TEXT || row->type == CF_T_OBJECT)
    return cf_fail(fault, CF_E_PARAMETER, at,
                   "longer than %u bytes, which is the most a record holds", (unsigned)row->limit);
  if (row->type == CF_T_WORD)
    return cf_fail(fault, CF_E_PARAMETER, at, "must be success, failure or unknown");
  return cf_fail(fault, CF_E_PARAMETER, at, "must be 1 to %u of the characters A-Z a-z 0-9 %s",
                 (unsigned)row->limit,
                 row->type == CF_T_TOKEN ? "! # $ % & ' * + - . ^ _ ` | ~" : ". _ : / @ + = -");
}

static enum cf_err put_value(const struct cf_condition *c, struct cf_str s, struct cf_value *v,
                             struct cf_buf *b, const char *at, struct cf_fault *fault)
{
  if (c->key_n > 0)
    return c->asked.member == CF_M_IP ? put_address(s, v, b, at, fault)
                                      : put_status(s, v, b, at, fault);
  put_text(c, s, b);
  return b->err != CF_OK || text_ok(c, cf_buf_str(b)) ? CF_OK : refuse_text(c, at, fault);
}

/* Room for one more: the array doubles at powers of two. */
static struct cf_value *values_grow(struct cf_condition *c)
{
  if ((c->n & (c->n - 1)) == 0) {
    struct cf_value *values = realloc(c->values, (c->n == 0 ? 1 : 2 * c->n) * sizeof *values);
    if (values == NULL)
      return NULL;
    c->values = values;
  }
  return &c->values[c->n];
}

enum cf_err cf_condition_add(struct cf_condition *c, struct cf_str sent, const char *at,
                             struct cf_fault *fault)
{
  struct cf_value *v = values_grow(c);
  struct cf_buf text;

  if (v == NULL)
    return CF_E_NOMEM;
  *v = (struct cf_value){.text = {NULL, 0}};
  cf_buf_init(&text, TEXT_MAX);
  enum cf_err err = put_value(c, sent, v, &text, at, fault);
  if (err == CF_OK && text.err == CF_E_FULL)
    err = cf_fail(fault, CF_E_PARAMETER, at, "too long");
  if (err == CF_OK) {
    v->text.n = text.n;
    v->text.p = cf_buf_take(&text);
    err = v->text.p == NULL ? CF_E_NOMEM : CF_OK;
  }
  cf_buf_fini(&text);
  if (err == CF_OK)
    c->n++;
  return err;
}

static void free_text(struct cf_str s)
{
  union {
    const char *borrowed;
    char *owned;
  } text = {s.p};

  free(text.owned);
}

void cf_condition_free(struct cf_condition *c)
{
  for (size_t i = 0; i < c->n; i++)
    free_text(c->values[i].text);
  free(c->values);
  free_text(c->asked.path);
  *c = (struct cf_condition){.n = 0};
}

static int compare_values(const void *a, const void *b)
{
  const struct cf_value *x = a;
  const struct cf_value *y = b;

  return cf_str_cmp(x->text, y->text);
}

void cf_condition_sort(struct cf_condition *c)
{
  size_t kept = 0;

  qsort(c->values, c->n, sizeof *c->values, compare_values);
  for (size_t i = 0; i < c->n; i++) {
    if (kept > 0 && cf_str_eq(c->values[i].text, c->values[kept - 1].text))
      free_text(c->values[i].text);
    else
      c->values[kept++] = c->values[i];
  }
  c->n = kept;
}

/* Conditions of which no index knows come behind all others. */
static int condition_rank(const struct cf_condition *c)
{
  if (c->asked.member == CF_M_N || c->asked.member == CF_M_ATTRIBUTES)
    return INT_MAX;
  return cf_member_table[c->asked.member].indexed;
}

int cf_condition_compare(const void *a, const void *b)
{
  const struct cf_condition *x = a;
  const struct cf_condition *y = b;

  if (x->asked.op != y->asked.op)
    return x->asked.op < y->asked.op ? -1 : 1;
  int rank = condition_rank(x) - condition_rank(y);
  if (rank != 0)
    return rank;
  return x->asked.member != y->asked.member ? (int)x->asked.member - (int)y->asked.member
                                            : cf_str_cmp(x->asked.path, y->asked.path);
}

void cf_query_put_pair(struct cf_buf *b, const char *name, struct cf_str value)
{
  cf_buf_puts(b, b->n == 0 ? "" : "&");
  cf_buf_puts(b, name);
  cf_buf_putc(b, '=');
  cf_url_put(b, value);
}

static void put_name(const struct cf_condition *c, struct cf_buf *b)
{
  static const char *const endings[] = {[CF_OP_IS] = "",
                                        [CF_OP_PREFIX] = ".prefix",
                                        [CF_OP_CI] = ".ci",
                                        [CF_OP_CONTAINS] = "",
                                        [CF_OP_NOT] = ".not"};

  cf_buf_puts(b, c->asked.op == CF_OP_CONTAINS ? "q" : cf_member_table[c->asked.member].name);
  if (c->asked.path.n > 0) {
    cf_buf_putc(b, '.');
    cf_url_put(b, c->asked.path);
  }
  cf_buf_puts(b, endings[c->asked.op]);
}

void cf_condition_put(const struct cf_condition *c, struct cf_buf *b)
{
  struct cf_buf name;

  cf_buf_init(&name, NAME_MAX_N);
  put_name(c, &name);
  for (size_t i = 0; i < c->n; i++)
    cf_query_put_pair(b, cf_buf_cstr(&name), c->values[i].text);
  if (name.err == CF_E_NOMEM && b->err == CF_OK)
    b->err = name.err;
  cf_buf_fini(&name);
}
