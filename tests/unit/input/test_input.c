/* SPDX-License-Identifier: MIT */
/* The table of formats: each row has what it needs, and a line goes to the
 * first whose look it has. */
#include "config.h"

#include "lib/input/logline.h"
#include "tests/unit/cf_test.h"

#define ACCESS_LINE "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1"
#define MARK        "\xef\xbb\xbf"

START_TEST(test_each_row_is_whole)
{
  const struct cf_input *row = &cf_input_table[_i];
  ck_assert_str_ne(row->name, "");
  ck_assert(cf_value_ok(CF_M_ACTION, row->action));
  ck_assert(row->sniff != NULL && row->take != NULL);
  for (unsigned i = 0; i < (unsigned)_i; i++)
    ck_assert_str_ne(row->name, cf_input_table[i].name);
}
END_TEST

/* What a line looks like, and what it then is. */
static const struct {
  const char *line;
  enum cf_log_format looks, is;
} rows[] = {
    {ACCESS_LINE, CF_LOG_ACCESS, CF_LOG_ACCESS},
    {MARK ACCESS_LINE, CF_LOG_ACCESS, CF_LOG_ACCESS},
    {"[", CF_LOG_ACCESS, CF_LOG_TEXT},
    {"[error] disk is full", CF_LOG_ACCESS, CF_LOG_TEXT},
    {"{}", CF_LOG_JSON, CF_LOG_JSON},
    {" \t{\"status\":200}", CF_LOG_JSON, CF_LOG_JSON},
    {MARK "{\"status\":200}", CF_LOG_JSON, CF_LOG_JSON},
    {"{", CF_LOG_JSON, CF_LOG_TEXT},
    /* what looks like JSON is never an access line */
    {"{" ACCESS_LINE, CF_LOG_JSON, CF_LOG_TEXT},
    {"", CF_LOG_TEXT, CF_LOG_TEXT},
    {MARK, CF_LOG_TEXT, CF_LOG_TEXT},
    {"disk is full", CF_LOG_TEXT, CF_LOG_TEXT},
};

START_TEST(test_a_line_goes_where_it_looks_to)
{
  struct cf_logline l;
  struct cf_str line = cf_str_from(rows[_i].line);
  cf_logline_init(&l);
  ck_assert_int_eq(cf_input_sniff(line), rows[_i].looks);
  ck_assert_ok(cf_logline_parse(&l, &(struct cf_line){.text = line}));
  ck_assert_int_eq(l.format, rows[_i].is);
  /* a byte order mark belongs to a text, and to nothing else */
  if (rows[_i].is == CF_LOG_TEXT)
    ck_assert(cf_str_eq(l.v[CF_M_MESSAGE], line));
  cf_logline_fini(&l);
}
END_TEST

/* An event with nothing to say is what its format says it is. */
START_TEST(test_the_row_names_the_action)
{
  static const char *const lines[CF_LOG_N] = {
      [CF_LOG_JSON] = "{\"status\":200}",
      [CF_LOG_ACCESS] = "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"-\" 408 -",
      [CF_LOG_TEXT] = "disk is full",
  };
  struct cf_logline l;
  cf_logline_init(&l);
  ck_assert_ok(cf_logline_parse(&l, &(struct cf_line){.text = cf_str_from(lines[_i])}));
  ck_assert_int_eq(l.format, _i);
  ck_assert(cf_str_eq(l.v[CF_M_ACTION], cf_input_table[_i].action));
  cf_logline_fini(&l);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "table", .test = test_each_row_is_whole, .loops = CF_LOG_N},
      {.tcase = "table", .test = test_the_row_names_the_action, .loops = CF_LOG_N},
      {.tcase = "look", .test = test_a_line_goes_where_it_looks_to, .loops = CF_COUNT(rows)},
  };
  return cf_test_run("input", tests, CF_COUNT(tests));
}
