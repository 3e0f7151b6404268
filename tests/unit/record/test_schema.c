/* SPDX-License-Identifier: MIT */
/* The member table, names that a person may have meant, what values may look
 * like, addresses. */
#include "config.h"

#include "lib/record/schema.h"

#include <arpa/inet.h>

#include "lib/record/address.h"
#include "tests/unit/cf_test.h"

START_TEST(test_members_found_by_name)
{
  for (unsigned m = 0; m < CF_M_N; m++) {
    const struct cf_member_row *row = &cf_member_table[m];
    ck_assert_uint_eq(row->name_n, strlen(row->name));
    ck_assert_uint_eq(cf_member_find(cf_str_from(row->name)), m);
    ck_assert_uint_eq(cf_member_find((struct cf_str){row->name, row->name_n - 1}), CF_M_N);
  }
  ck_assert_uint_eq(cf_member_find(CF_STR("")), CF_M_N);
  ck_assert_uint_eq(cf_member_find(CF_STR("Source")), CF_M_N);
  ck_assert_uint_eq(cf_member_find(CF_STR("source\0")), CF_M_N);
}
END_TEST

/* The order of a flat event is that of public members, then the compartments
 * one after the other. */
START_TEST(test_members_stand_by_compartment)
{
  int last = -1;
  for (unsigned m = 0; m < CF_M_N; m++) {
    int place =
        cf_member_table[m].compartment == CF_C_PUBLIC ? -1 : (int)cf_member_table[m].compartment;
    ck_assert_int_ge(place, last);
    last = place;
  }
}
END_TEST

START_TEST(test_kinds_and_compartments_found)
{
  for (unsigned k = 0; k < CF_K_N; k++)
    ck_assert_uint_eq(cf_kind_find(cf_str_from(cf_kind_table[k].name)), k);
  for (unsigned c = 0; c < CF_C_N; c++)
    ck_assert_uint_eq(cf_compartment_find(cf_str_from(cf_compartment_names[c])), c);
  ck_assert_uint_eq(cf_kind_find(CF_STR("events")), CF_K_N);
  ck_assert_uint_eq(cf_compartment_find(CF_STR("public")), CF_C_N);
}
END_TEST

static const struct {
  const char *name, *like;
} suggestions[] = {
    {"usr", "user"},
    {"User", "user"},
    {"username", "user"},
    {"agent", "user_agent"},
    {"requestid", "request_id"},
    {"refererr", "referer"},
    {"durationus", "duration_us"},
    {"ressource", "source, resource"},
};

START_TEST(test_suggestion)
{
  struct cf_buf b;
  cf_buf_init(&b, 1000);
  cf_member_suggest(cf_str_from(suggestions[_i].name), &b);
  ck_assert_msg(strstr(cf_buf_cstr(&b), suggestions[_i].like) != NULL, "%s: %s",
                suggestions[_i].name, cf_buf_cstr(&b));
  ck_assert_ptr_null(strstr(cf_buf_cstr(&b), "attributes"));
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_suggestion_of_all)
{
  static const char *const far[] =
      {"", "x", "zzzzzzzzzzzz",
       "a name far longer than any that this table has or will ever have, with spaces"};
  struct cf_buf b;
  cf_buf_init(&b, 1000);
  for (size_t i = 0; i < CF_COUNT(far); i++) {
    cf_buf_reset(&b);
    cf_member_suggest(cf_str_from(far[i]), &b);
    ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&b), "source, writer, source_seq"));
    ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&b), "attributes"));
  }
  cf_buf_fini(&b);
}
END_TEST

#define HUNDRED \
  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj"

static const struct {
  enum cf_member member;
  struct cf_str value;
  bool ok;
} values[] = {
    {CF_M_SOURCE, CF_STR("Az09._:/@+=-"), true},
    {CF_M_SOURCE, CF_STR(""), false},
    {CF_M_SOURCE, CF_STR("a b"), false},
    {CF_M_SOURCE, CF_STR("a,b"), false},
    {CF_M_SOURCE, CF_STR("a\"b"), false},
    {CF_M_SOURCE, CF_STR("caf\xc3\xa9"), false},
    {CF_M_SOURCE, CF_STR("a\0b"), false},
    {CF_M_ID, CF_STR(HUNDRED "1234567890123456789012345678"), true},
    {CF_M_ID, CF_STR(HUNDRED "12345678901234567890123456789"), false},
    {CF_M_METHOD, CF_STR("!#$%&'*+-.^_`|~09azAZ"), true},
    {CF_M_METHOD, CF_STR("GET/"), false},
    {CF_M_METHOD, CF_STR("GET\n"), false},
    {CF_M_METHOD, CF_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"), true},
    {CF_M_METHOD, CF_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"), false},
    {CF_M_STATUS, CF_STR("0"), true},
    {CF_M_STATUS, CF_STR("999"), true},
    {CF_M_STATUS, CF_STR("1000"), false},
    {CF_M_STATUS, CF_STR("00"), false},
    {CF_M_STATUS, CF_STR("-0"), false},
    {CF_M_STATUS, CF_STR("+1"), false},
    {CF_M_STATUS, CF_STR("1.0"), false},
    {CF_M_STATUS, CF_STR(""), false},
    {CF_M_BYTES, CF_STR("9007199254740991"), true},
    {CF_M_BYTES, CF_STR("9007199254740992"), false},
    {CF_M_BYTES, CF_STR("99999999999999999999999999"), false},
    {CF_M_OUTCOME, CF_STR("success"), true},
    {CF_M_OUTCOME, CF_STR("failure"), true},
    {CF_M_OUTCOME, CF_STR("unknown"), true},
    {CF_M_OUTCOME, CF_STR("Success"), false},
    {CF_M_OUTCOME, CF_STR(""), false},
    {CF_M_TIME, CF_STR("2026-11-24T02:00:00.000001Z"), true},
    {CF_M_TIME, CF_STR("2026-11-24T02:00:00Z"), false},
    {CF_M_TIME, CF_STR("2026-11-24t02:00:00.000001Z"), false},
    {CF_M_TIME, CF_STR("2026-02-29T02:00:00.000001Z"), false},
    {CF_M_USER, CF_STR(""), true},
    {CF_M_USER, CF_STR("b\xc3\xb6\xc3\xb6\n\x01\x7f"), true},
    {CF_M_USER, CF_STR("\xc3"), false},
    {CF_M_USER, CF_STR("\xed\xa0\x80"), false},
    {CF_M_PROTOCOL, CF_STR("12345678901234567890123456789012"), true},
    {CF_M_PROTOCOL, CF_STR("123456789012345678901234567890123"), false},
    {CF_M_IP, CF_STR("192.0.2.7"), true},
    {CF_M_IP, CF_STR("2001:db8::1"), true},
    {CF_M_IP, CF_STR("2001:DB8::1"), false},
    {CF_M_IP, CF_STR("::ffff:192.0.2.7"), false},
};

START_TEST(test_value)
{
  ck_assert_int_eq(cf_value_ok(values[_i].member, values[_i].value), values[_i].ok);
}
END_TEST

static const struct {
  const char *given, *canonical;
} addresses[] = {
    {"192.0.2.7", "192.0.2.7"},
    {"0.0.0.0", "0.0.0.0"},
    {"255.255.255.255", "255.255.255.255"},
    {"10.20.30.200", "10.20.30.200"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"1:0:0:2:3:4:5:6", "1::2:3:4:5:6"},
    {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
    {"0:0:1:2:3:4:5:6", "::1:2:3:4:5:6"},
    {"fe80::ABCD", "fe80::abcd"},
    {"::ffff:192.0.2.7", "192.0.2.7"},
    {"::FFFF:c000:0207", "192.0.2.7"},
    {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
    {"::1.2.3.4", "::102:304"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"", NULL},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"01.2.3.4", NULL},
    {"256.1.1.1", NULL},
    {"1.2.3.4 ", NULL},
    {" 1.2.3.4", NULL},
    {"1.2.3.4:80", NULL},
    {"[::1]", NULL},
    {"fe80::1%eth0", NULL},
    {"1::2::3", NULL},
    {":::", NULL},
    {"12345::", NULL},
    {"g::", NULL},
    {"1:2:3:4:5:6:7", NULL},
    {"1:2:3:4:5:6:7:8:9", NULL},
    {"localhost", NULL},
    {"2001:db8::1/64", NULL},
    {"0000:0000:0000:0000:0000:ffff:255.255.255.2555", NULL},
};

START_TEST(test_address)
{
  char out[46] = "untouched";
  uint8_t a[16], b[16];
  struct cf_str given = cf_str_from(addresses[_i].given);
  if (addresses[_i].canonical == NULL) {
    ck_assert_err(cf_address_canonical(given, out), CF_E_SYNTAX);
    ck_assert_err(cf_address_bytes(given, a), CF_E_SYNTAX);
    ck_assert_str_eq(out, "untouched");
    return;
  }
  ck_assert_ok(cf_address_canonical(given, out));
  ck_assert_str_eq(out, addresses[_i].canonical);
  ck_assert(cf_value_ok(CF_M_IP, cf_str_from(out)));
  ck_assert_ok(cf_address_bytes(given, a));
  ck_assert_ok(cf_address_bytes(cf_str_from(out), b));
  ck_assert_bytes(a, 16, b, 16);
}
END_TEST

START_TEST(test_address_with_nul)
{
  char out[46];
  ck_assert_err(cf_address_canonical(CF_STR("1.2.3.4\0"), out), CF_E_SYNTAX);
}
END_TEST

/* Nearly an address, and now and then one: as the library reads it. */
START_TEST(test_address_as_others)
{
  static const char *const pieces[] = {"0",   "00",  "1",   "9",  "10", "99",   "127", "199",
                                       "255", "256", "300", "1a", "ff", "abcd", ".",   ":"};
  uint64_t state = 1;
  size_t good = 0;
  for (int round = 0; round < 200000; round++) {
    char text[64] = "";
    uint8_t want[16] = {[10] = 0xff, [11] = 0xff}, got[16];
    for (uint64_t i = 0, n = cf_test_random(&state, 10); i < n; i++) {
      bool between = i % 2 == 1 && cf_test_random(&state, 20) > 0;
      strcat(text, between ? "." : pieces[cf_test_random(&state, CF_COUNT(pieces))]);
    }
    bool is = inet_pton(AF_INET, text, want + 12) == 1 || inet_pton(AF_INET6, text, want) == 1;
    ck_assert_err(cf_address_bytes(cf_str_from(text), got), is ? CF_OK : CF_E_SYNTAX);
    if (is)
      ck_assert_bytes(got, 16, want, 16);
    good += is;
  }
  ck_assert_uint_gt(good, 500);
}
END_TEST

static const struct {
  const char *block, *first, *last;
} blocks[] = {
    {"192.0.2.7", "00000000000000000000ffffc0000207", "00000000000000000000ffffc0000207"},
    {"192.0.2.7/32", "00000000000000000000ffffc0000207", "00000000000000000000ffffc0000207"},
    {"192.0.2.7/24", "00000000000000000000ffffc0000200", "00000000000000000000ffffc00002ff"},
    {"192.0.2.7/25", "00000000000000000000ffffc0000200", "00000000000000000000ffffc000027f"},
    {"192.0.2.255/31", "00000000000000000000ffffc00002fe", "00000000000000000000ffffc00002ff"},
    {"10.0.0.0/8", "00000000000000000000ffff0a000000", "00000000000000000000ffff0affffff"},
    {"0.0.0.0/0", "00000000000000000000ffff00000000", "00000000000000000000ffffffffffff"},
    {"2001:db8::/32", "20010db8000000000000000000000000", "20010db8ffffffffffffffffffffffff"},
    {"2001:db8::1/128", "20010db8000000000000000000000001", "20010db8000000000000000000000001"},
    {"2001:db8:ffff::/33", "20010db8800000000000000000000000", "20010db8ffffffffffffffffffffffff"},
    {"::/0", "00000000000000000000000000000000", "ffffffffffffffffffffffffffffffff"},
    {"::ffff:10.0.0.0/104", "00000000000000000000ffff0a000000", "00000000000000000000ffff0affffff"},
    {"192.0.2.7/33", NULL, NULL},
    {"192.0.2.7/", NULL, NULL},
    {"192.0.2.7/-1", NULL, NULL},
    {"192.0.2.7/24/24", NULL, NULL},
    {"192.0.2.7/ 24", NULL, NULL},
    {"::/129", NULL, NULL},
    {"/24", NULL, NULL},
    {"", NULL, NULL},
    {"192.0.2/24", NULL, NULL},
};

START_TEST(test_block)
{
  uint8_t first[16], last[16];
  struct cf_str block = cf_str_from(blocks[_i].block);
  if (blocks[_i].first == NULL) {
    ck_assert_err(cf_address_block(block, first, last), CF_E_SYNTAX);
    return;
  }
  ck_assert_ok(cf_address_block(block, first, last));
  ck_assert_hex(first, 16, blocks[_i].first);
  ck_assert_hex(last, 16, blocks[_i].last);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "tables", .test = test_members_found_by_name},
      {.tcase = "tables", .test = test_members_stand_by_compartment},
      {.tcase = "tables", .test = test_kinds_and_compartments_found},
      {.tcase = "suggestions", .test = test_suggestion, .loops = CF_COUNT(suggestions)},
      {.tcase = "suggestions", .test = test_suggestion_of_all},
      {.tcase = "values", .test = test_value, .loops = CF_COUNT(values)},
      {.tcase = "addresses", .test = test_address, .loops = CF_COUNT(addresses)},
      {.tcase = "addresses", .test = test_address_with_nul},
      {.tcase = "addresses", .test = test_address_as_others},
      {.tcase = "addresses", .test = test_block, .loops = CF_COUNT(blocks)},
  };
  return cf_test_run("schema", tests, CF_COUNT(tests));
}
