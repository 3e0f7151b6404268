/* SPDX-License-Identifier: MIT */
/* What `q` looks at, and how it is compared. */
#include "config.h"

#include "lib/record/texts.h"
#include "tests/unit/cf_test.h"

START_TEST(test_only_ascii_capitals_are_folded)
{
  for (int c = 0; c < 256; c++)
    ck_assert_int_eq((unsigned char)cf_text_fold((char)c), c >= 'A' && c <= 'Z' ? c + 32 : c);
}
END_TEST

/* Each byte beside each other one, anywhere among eight. */
START_TEST(test_a_text_is_folded_as_its_bytes)
{
  char text[300], out[300];

  for (unsigned round = 0; round < 256; round++) {
    size_t from = round % 9, n = sizeof text - from - round % 7;
    for (size_t i = 0; i < sizeof text; i++)
      text[i] = (char)(i * (2 * round + 1) + i / 256);
    cf_text_fold_all((struct cf_str){text + from, n}, out);
    for (size_t i = 0; i < n; i++)
      if (out[i] != cf_text_fold(text[from + i]))
        ck_abort_msg("byte %u becomes %u", (unsigned char)text[from + i], (unsigned char)out[i]);
  }
}
END_TEST

START_TEST(test_what_is_written_with_escapes_is_not_plain)
{
  for (int c = 0; c < 256; c++) {
    char text[3] = {'a', (char)c, 'b'};
    ck_assert_int_eq(cf_text_is_plain((struct cf_str){text, 3}),
                     c >= 0x20 && c != '"' && c != '\\');
  }
}
END_TEST

struct met {
  unsigned n, stop;
  char text[200];
};

static bool text_meet(const void *context, struct cf_str text)
{
  struct met *met = *(struct met *const *)context;

  strncat(met->text, text.p, text.n);
  strcat(met->text, "|");
  return ++met->n == met->stop;
}

/* Text members and values, in order, until one will do; no name, no number of a
 * member. */
START_TEST(test_texts_are_met_in_order)
{
  static const char *const wants[] = {"tom|/a|\n|1|true|x|", "tom|", "tom|/a|", "tom|/a|\n|",
                                      "tom|/a|\n|1|"};
  struct met met = {.stop = (unsigned)_i}, *to = &met;
  const struct cf_record r =
      {.public_text = CF_STR("\"source\":\"web\",\"action\":\"read\",\"status\":200"),
       .payload = {[CF_C_ACTOR] = CF_STR("{\"user\":\"tom\"}"),
                   [CF_C_CLIENT] = CF_STR("{\"ip\":\"192.0.2.1\"}"),
                   [CF_C_RESOURCE] = CF_STR("{\"resource\":\"/a\"}"),
                   [CF_C_DETAIL] = CF_STR(
                       "{\"bytes\":7,\"attributes\":{\"k\":[\"\\n\",1,{\"l\":true,\"m\":null}],"
                       "\"z\":\"x\"}}")}};
  struct cf_values values;
  bool found;

  cf_values_init(&values);
  ck_assert_ok(cf_values_get(&r, &values));
  ck_assert_ok(cf_texts_look(&values, text_meet, &to, &found));
  ck_assert_int_eq(found, _i > 0);
  ck_assert_str_eq(met.text, wants[_i]);
  cf_values_fini(&values);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "texts", .test = test_only_ascii_capitals_are_folded},
      {.tcase = "texts", .test = test_a_text_is_folded_as_its_bytes},
      {.tcase = "texts", .test = test_what_is_written_with_escapes_is_not_plain},
      {.tcase = "texts", .test = test_texts_are_met_in_order, .loops = 5},
  };
  return cf_test_run("texts", tests, CF_COUNT(tests));
}
