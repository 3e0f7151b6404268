/* SPDX-License-Identifier: MIT */
/* Events in, at the limits of their sizes and counts, and made by chance. */
#include "config.h"

#include "lib/record/event.h"

#include "tests/unit/record/event_check.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }

static const char *const no_sources[] = {NULL};
static const struct cf_event_rules plain = {.source = S("web1"), .sources = no_sources};
static const struct cf_event_rules loose = {.source = S("web1"), .unknown_to_attributes = true};
static const struct cf_event_rules cutting = {.source = S("web1"), .cut_long = true};

static struct cf_buf text;

static void open_text(void)
{
  cf_buf_init(&text, 1 << 22);
}
static void close_text(void)
{
  cf_buf_fini(&text);
}

static void put_run(size_t n, const char *piece)
{
  while (n-- > 0)
    cf_buf_puts(&text, piece);
}

/* Each text member at its limit and one byte above it. */
START_TEST(test_text_limit)
{
  const struct cf_member_row *row = &cf_member_table[_i];
  if (row->type != CF_T_TEXT)
    return;
  for (size_t more = 0; more < 2; more++) {
    struct cf_event event;
    struct cf_fault fault = {.at = ""};
    cf_buf_reset(&text);
    cf_buf_putf(&text, "{\"action\":\"a\",\"%s\":\"", row->name);
    put_run(row->limit + more, "x");
    cf_buf_puts(&text, "\"}");
    enum cf_err err = cf_event_parse(cf_buf_str(&text), &plain, &event, &fault);
    ck_assert_err(err, more ? CF_E_INVALID : CF_OK);
    if (err == CF_OK)
      cf_event_fini(&event);
    else
      ck_assert_str_eq(fault.at, row->name);
    ck_assert_ok(cf_event_parse(cf_buf_str(&text), &cutting, &event, &fault));
    check_event(&event);
    ck_assert_int_eq(memmem(event.record.payload[CF_C_DETAIL].p,
                            event.record.payload[CF_C_DETAIL].n, "truncated", 9) != NULL,
                     (int)more);
    cf_event_fini(&event);
  }
}
END_TEST

/* {"a":"xx…"} of exactly n bytes. */
static void put_attributes(size_t n)
{
  cf_buf_puts(&text, "{\"a\":\"");
  put_run(n - 8, "x");
  cf_buf_puts(&text, "\"}");
}

START_TEST(test_attributes_limit)
{
  for (size_t n = 16383; n <= 16385; n++) {
    struct cf_event event;
    struct cf_fault fault = {.at = ""};
    cf_buf_reset(&text);
    cf_buf_puts(&text, "{\"action\":\"a\",\"attributes\":");
    put_attributes(n);
    cf_buf_puts(&text, "}");
    enum cf_err err = cf_event_parse(cf_buf_str(&text), &cutting, &event, &fault);
    ck_assert_err(err, n > 16384 ? CF_E_INVALID : CF_OK);
    if (err == CF_OK)
      cf_event_fini(&event);
    else
      ck_assert_str_eq(fault.at, "attributes");
  }
}
END_TEST

/* The largest leaf that the record could have, with its payloads. */
static size_t largest(const struct cf_record *r)
{
  struct cf_record at_end = *r;
  struct cf_buf leaf;
  uint8_t zero[CF_HASH_N] = {0}, salts[CF_C_N][CF_HASH_N] = {{0}}, hash[CF_HASH_N];
  cf_buf_init(&leaf, 1 << 20);
  at_end.seq = UINT64_MAX;
  at_end.recorded_us = 0;
  cf_leaf_put(&at_end, zero, salts, &leaf, hash);
  size_t n = leaf.n;
  for (unsigned c = 0; c < CF_C_N; c++)
    n += r->payload[c].n;
  cf_buf_fini(&leaf);
  return n;
}

/* Control characters take six bytes each: a record grows until it is exactly
 * full, and not by one byte more. */
START_TEST(test_record_limit)
{
  size_t last = 0;
  for (size_t extra = 0; extra < 1024; extra++) {
    struct cf_event event;
    struct cf_fault fault = {.at = ""};
    cf_buf_reset(&text);
    cf_buf_puts(&text, "{\"action\":\"a\",\"user_agent\":\"");
    put_run(8192, "\\u0001");
    cf_buf_puts(&text, "\",\"message\":\"");
    put_run(15200 + extra, "y");
    cf_buf_puts(&text, "\"}");
    enum cf_err err = cf_event_parse(cf_buf_str(&text), &cutting, &event, &fault);
    if (err != CF_OK) {
      ck_assert_err(err, CF_E_INVALID);
      ck_assert_ptr_nonnull(strstr(fault.detail, "65535"));
      break;
    }
    last = largest(&event.record);
    cf_event_fini(&event);
  }
  ck_assert_uint_eq(last, CF_LEAF_MAX);
}
END_TEST

START_TEST(test_huge)
{
  static const char *const pieces[] = {"x", "\\u0001", "\xff", "\xc3\xa9"};
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  cf_buf_puts(&text, "{\"action\":\"a\",\"message\":\"");
  put_run(500000, pieces[_i]);
  cf_buf_puts(&text, "\"}");
  ck_assert_err(cf_event_parse(cf_buf_str(&text), &plain, &event, &fault), CF_E_INVALID);
  ck_assert_str_eq(fault.at, "message");
  cf_buf_reset(&text);
  cf_buf_puts(&text, "{\"action\":\"a\",\"attributes\":{\"a\":\"");
  put_run(500000, pieces[_i]);
  cf_buf_puts(&text, "\"}}");
  ck_assert_err(cf_event_parse(cf_buf_str(&text), &plain, &event, &fault), CF_E_INVALID);
}
END_TEST

/* Texts that are mended, or have escapes, take about as much of an arena as
 * they are long: many go into a piece of 256 KiB. */
START_TEST(test_arena_is_filled)
{
  static const char *const pieces[] = {"\xff", "\\\""};
  struct cf_arena arena = {0};
  const struct cf_event_rules rules = {.source = S("web1"), .sources = no_sources, .arena = &arena};
  const void *piece = NULL;
  unsigned begun = 0;
  for (unsigned i = 0; i < 40; i++) {
    struct cf_event event;
    cf_buf_reset(&text);
    cf_buf_puts(&text, "{\"action\":\"a\",\"message\":\"");
    put_run(5000, pieces[_i]);
    cf_buf_puts(&text, "\",\"user_agent\":\"");
    put_run(2500, pieces[_i]);
    cf_buf_puts(&text, "\",\"resource\":\"");
    put_run(2500, pieces[_i]);
    cf_buf_puts(&text, "\"}");
    ck_assert_ok(cf_event_parse(cf_buf_str(&text), &rules, &event, NULL));
    check_event(&event);
    begun += arena.newest != piece;
    piece = arena.newest;
    cf_event_fini(&event);
  }
  ck_assert_uint_le(begun, 8);
  cf_arena_fini(&arena);
}
END_TEST

/* More unknown members than are gathered on the stack, from both sides. */
START_TEST(test_many_unknown)
{
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  cf_buf_puts(&text, "{\"action\":\"a\"");
  for (unsigned i = 0; i < 400; i++)
    cf_buf_putf(&text, ",\"u%03u\":%u", i, i);
  cf_buf_puts(&text, ",\"attributes\":{\"first\":0");
  for (unsigned i = 0; i < 400; i++)
    cf_buf_putf(&text, ",\"a%03u\":%u", i, i);
  cf_buf_puts(&text, "}}");
  enum cf_err err = cf_event_parse(cf_buf_str(&text), &loose, &event, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s", fault.at, fault.detail);
  check_event(&event);
  cf_event_fini(&event);
}
END_TEST

/* Each prefix of a good event is refused, and no byte changed in it does any
 * harm. */
START_TEST(test_damaged)
{
  static const char good[] =
      "{\"time\":\"2026-11-24T03:00:00+01:00\",\"user\":\"b\\u00f6b\\n\xc3\xa9\",\"ip\":\"2001:db8::1\",\"method\":\"get\",\"status\":200,\"attributes\":{\"b\":[1,-2.5e3],\"a\":null}}";
  static const struct cf_event_rules *const rules[] = {&plain, &loose, &cutting};
  size_t n = sizeof good - 1;
  char *copy = malloc(n);
  struct cf_event event;
  for (size_t at = 0; at < n; at++) {
    ck_assert_err(cf_event_parse((struct cf_str){good, at}, &plain, &event, NULL), CF_E_SYNTAX);
    for (unsigned v = 0; v < 256; v++) {
      memcpy(copy, good, n);
      copy[at] = (char)v;
      enum cf_err err = cf_event_parse((struct cf_str){copy, n}, rules[v % 3], &event, NULL);
      ck_assert(err == CF_OK || err == CF_E_SYNTAX || err == CF_E_INVALID);
      if (err != CF_OK)
        continue;
      check_event(&event);
      cf_event_fini(&event);
    }
  }
  free(copy);
}
END_TEST

static unsigned roll(unsigned below)
{
  static uint64_t dice = 88172645463325252u;
  dice ^= dice >> 12;
  dice ^= dice << 25;
  dice ^= dice >> 27;
  return (unsigned)(dice * UINT64_C(2685821657736338717) >> 33) % below;
}

/* A string of pieces that stand for themselves and of pieces that do not. */
static void put_odd_string(unsigned pieces)
{
  static const char *const odd[] =
      {"a",       "/x?y",    "\xc3\xa9", "\\\"",    "\\\\",           "\\/",     "\\u0000", "\\n",
       "\\u001f", "\\u0041", "\xff",     "\\ud800", "\\ud83d\\ude00", "\xe2\x80"};
  cf_buf_putc(&text, '"');
  for (unsigned i = 0; i < pieces; i++)
    cf_buf_puts(&text, odd[roll(roll(2) == 0 ? 3 : CF_COUNT(odd))]);
  cf_buf_putc(&text, '"');
}

/* Any texts in any of the members. */
START_TEST(test_odd_texts)
{
  for (unsigned round = 0; round < cf_test_rounds(4000); round++) {
    struct cf_event event;
    struct cf_fault fault = {.at = ""};
    cf_buf_reset(&text);
    cf_buf_puts(&text, "{\"action\":\"a\"");
    if (roll(2) == 0)
      cf_buf_putf(&text, ",\"status\":%u,\"ip\":\"192.0.2.%u\"", roll(1000), roll(256));
    if (roll(2) == 0)
      cf_buf_putf(&text, ",\"id\":\"\\u0069%u\",\"time\":%u", round, roll(2000000000));
    for (unsigned m = 0; m < CF_M_N; m++) {
      if (cf_member_table[m].type != CF_T_TEXT || roll(2) == 0)
        continue;
      cf_buf_putf(&text, ",\"%s\":", cf_member_table[m].name);
      put_odd_string(roll(roll(8) == 0 ? 300 : 8));
    }
    cf_buf_putc(&text, '}');
    enum cf_err err = cf_event_parse(cf_buf_str(&text), &cutting, &event, &fault);
    ck_assert_msg(err == CF_OK, "%s: %s in %s", fault.at, fault.detail, cf_buf_cstr(&text));
    check_event(&event);
    cf_event_fini(&event);
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "limits",
       .test = test_text_limit,
       .loops = CF_M_N,
       .setup = open_text,
       .teardown = close_text},
      {.tcase = "limits", .test = test_attributes_limit},
      {.tcase = "limits", .test = test_record_limit},
      {.tcase = "limits", .test = test_huge, .loops = 4},
      {.tcase = "limits", .test = test_arena_is_filled, .loops = 2},
      {.tcase = "limits", .test = test_many_unknown},
      {.tcase = "limits", .test = test_damaged},
      {.tcase = "limits", .test = test_odd_texts},
  };
  return cf_test_run("event_limits", tests, CF_COUNT(tests));
}
