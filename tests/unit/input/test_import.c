/* SPDX-License-Identifier: MIT */
/* Lines on their way into a ledger that is not ready, refuses, knows them
 * already, or answers nonsense: each line gets there once. */
#include "config.h"

#include "tests/unit/input/import_stage.h"

#define LINE IMPORT_LINE

/* Equal lines are several events; a second import of them adds nothing. */
START_TEST(test_twice)
{
  for (int round = 0; round < 2; round++) {
    import_add(LINE);
    import_add(LINE);
    import_add("");
    import_add("not a log line");
    ck_assert_ok(cf_import_send(import, NULL));
    import_check(4, round == 0 ? 4 : 0, round == 0 ? 0 : 4, 2);
    ck_assert_uint_eq(import_events_n, 4);
    import_anew();
  }
  ck_assert_ptr_nonnull(strstr(import_event_at(0), "\"method\":\"GET\""));
  ck_assert_ptr_nonnull(strstr(import_event_at(sizeof LINE), "\"method\":\"GET\""));
  ck_assert_ptr_nonnull(strstr(import_event_at(2 * sizeof LINE), "\"message\":\"\""));
  ck_assert_uint_eq(import_posts, 2);
}
END_TEST

START_TEST(test_nothing_to_send)
{
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert_uint_eq(import_posts, 0);
  import_check(0, 0, 0, 0);
}
END_TEST

/* What is refused comes again as text with the same id, and the rest is not
 * sent twice. */
START_TEST(test_refused)
{
  import_bad = "frank";
  import_add(LINE);
  import_add("192.0.2.1 - frank [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1");
  import_add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(3, 3, 0, 1);
  ck_assert_ptr_nonnull(strstr(import_event_at(sizeof LINE), "\"message\":\"192.0.2.1 - frank"));
  ck_assert_uint_eq(import_posts, 2);
}
END_TEST

START_TEST(test_all_refused)
{
  import_bad = "192.0.2.1";
  import_add(LINE);
  import_add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(2, 2, 0, 2);
}
END_TEST

/* Another file with the same first line: its lines are other events. Again
 * nothing is added by a second import. */
START_TEST(test_same_head)
{
  static const char *const files[2][3] = {{"#Fields", "one", LINE},
                                          {"#Fields", "two", LINE " \"-\" \"other\""}};
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 3; i++)
      import_add(files[round % 2][i]);
    ck_assert_ok(cf_import_send(import, NULL));
    if (round == 0)
      import_check(3, 3, 0, 2);
    else if (round == 1)
      import_check(3, 2, 1, 2);
    else
      import_check(3, 0, 3, 2);
    ck_assert_uint_eq(import_events_n, round == 0 ? 3 : 5);
    import_anew();
  }
}
END_TEST

/* A line that is there, as another version of the program understood it, is
 * there. */
START_TEST(test_known_otherwise)
{
  for (int round = 0; round < 3; round++) {
    import_add(round == 0 ? "one" : "two");
    ck_assert_ok(cf_import_send(import, NULL));
    if (round == 2)
      import_check(1, 0, 1, 1);
    import_anew();
    free(import_events[import_events_n - 1].text);
    import_events[import_events_n - 1].text = cf_str_dup(CF_STR("otherwise"));
  }
  ck_assert_uint_eq(import_events_n, 2);
}
END_TEST

/* Refused and then conflicting, or conflicting and then refused: still there in
 * the end. */
START_TEST(test_refused_and_known)
{
  import_bad = "other";
  import_add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  import_anew();
  import_add("192.0.2.1 - other [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1");
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(1, 1, 0, 1);
  ck_assert_uint_eq(import_events_n, 2);
}
END_TEST

START_TEST(test_waits)
{
  import_troubles[0] = import_troubles[1] = import_passing[_i];
  import_troubles_n = 2;
  import_add(LINE);
  import_add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert_uint_eq(import_posts, 3);
  import_check(2, import_passing[_i].applied ? 0 : 2, import_passing[_i].applied ? 2 : 0, 0);
  ck_assert_uint_eq(import_events_n, 2);
}
END_TEST

START_TEST(test_patience_ends)
{
  struct cf_fault fault;
  import_rules.patience_us = 0;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  import_troubles[0] = import_passing[0];
  import_troubles_n = 1;
  import_add(LINE);
  ck_assert_err(cf_import_send(import, &fault), CF_E_NOTREADY);
  ck_assert_ptr_nonnull(strstr(fault.detail, "503"));
  import_check(0, 0, 0, 0);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(1, 1, 0, 0);
}
END_TEST

START_TEST(test_stopped)
{
  import_stop = true;
  import_troubles[0] = import_passing[0];
  import_troubles_n = 1;
  import_add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_LEAVING);
  import_check(0, 0, 0, 0);
}
END_TEST

START_TEST(test_error_is_given_on)
{
  import_troubles[0] = (struct import_trouble){.err = CF_E_LOCKED};
  import_troubles_n = 1;
  import_add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_LOCKED);
  ck_assert_uint_eq(import_posts, 1);
}
END_TEST

/* Smaller and smaller, until it fits; one event that never does becomes
 * text. */
START_TEST(test_too_large)
{
  char *long_line = malloc(9000);
  memset(long_line, 'x', 8999);
  long_line[8999] = '\0';
  memcpy(long_line, LINE " \"-\" \"", sizeof LINE " \"-\" \"" - 1);
  memcpy(long_line + 8998, "\"", 1);
  import_body_max = 8000;
  for (int i = 0; i < 100; i++)
    import_add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(100, 100, 0, 0);
  ck_assert_uint_gt(import_posts, 2);
  import_body_max = 9100;
  import_add(long_line);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(101, 101, 0, 1);
  free(long_line);
}
END_TEST

static const char *const nonsenses[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"errors\":[]}",
    "{\"accepted\":1,\"duplicates\":0,\"errors\":[]}",
    "{\"accepted\":3,\"duplicates\":0,\"errors\":[]}",
    "{\"accepted\":1,\"duplicates\":0,\"errors\":[{\"index\":2,\"status\":422}]}",
    "{\"accepted\":1,\"duplicates\":0,\"errors\":[{\"status\":422}]}",
    "{\"accepted\":-1,\"duplicates\":3,\"errors\":[]}",
};

/* An answer that does not account for all lines is no success. */
START_TEST(test_nonsense)
{
  import_nonsense = nonsenses[_i];
  import_add(LINE);
  import_add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_INVALID);
  import_check(0, 0, 0, 0);
  import_nonsense = NULL;
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(2, 0, 2, 0);
}
END_TEST

START_TEST(test_text_refused)
{
  struct cf_fault fault;
  import_nonsense =
      "{\"accepted\":0,\"duplicates\":0,\"errors\":[{\"index\":0,\"status\":422,\"detail\":\"never\"}]}";
  import_add("text");
  ck_assert_err(cf_import_send(import, &fault), CF_E_INVALID);
  ck_assert_ptr_nonnull(strstr(fault.detail, "byte 0"));
  ck_assert_ptr_nonnull(strstr(fault.detail, "never"));
}
END_TEST

START_TEST(test_full)
{
  import_rules.batch_max = _i == 0 ? 7 : 50000;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  size_t want = _i == 0 ? 7 : CF_IMPORT_LINES;
  for (size_t i = 0; i < want; i++) {
    ck_assert(!cf_import_full(import));
    import_add(LINE);
  }
  ck_assert(cf_import_full(import));
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert(!cf_import_full(import));
  import_check(want, want, 0, 0);
}
END_TEST

START_TEST(test_full_by_bytes)
{
  char *text = malloc(100001);
  size_t n = 0;
  memset(text, 'x', 100000);
  text[100000] = '\0';
  for (; !cf_import_full(import); n++)
    import_add(text);
  ck_assert_uint_lt(n, 60);
  ck_assert_uint_gt(n, 30);
  free(text);
}
END_TEST

static void add_first(const char *text, const char *second)
{
  char head[CF_HEAD_N + 1];
  struct cf_line first = {.text = cf_str_from(text), .next = strlen(text) + 1};
  struct cf_line next = {.text = cf_str_from(second), .offset = first.next};
  cf_import_head(import, &first, head);
  ck_assert_ok(cf_import_add(import, &first, head));
  ck_assert_ok(cf_import_add(import, &next, head));
}

static void otherwise(size_t i, const char *text)
{
  free(import_events[i].text);
  import_events[i].text = cf_str_dup(cf_str_from(text));
}

/* Its lines would be there twice. */
START_TEST(test_a_file_that_another_version_imported)
{
  struct cf_fault fault;
  add_first("one", "two");
  ck_assert_ok(cf_import_send(import, NULL));
  import_anew();
  otherwise(0, "made by another version");
  otherwise(1, "made by another version");
  add_first("one", "two");
  ck_assert_err(cf_import_send(import, &fault), CF_E_CONFLICT);
  ck_assert_ptr_nonnull(strstr(fault.detail, "--again"));
  ck_assert_uint_eq(import_events_n, 2);
  cf_import_free(import);
  import_rules.again = true;
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  add_first("one", "two");
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(2, 0, 2, 2);
  ck_assert_uint_eq(import_events_n, 2);
}
END_TEST

/* Holes that fill the head make one head of all files: these are others. */
START_TEST(test_files_that_begin_with_a_hole)
{
  char head[CF_HEAD_N + 1];
  static const char *const texts[] = {"one", "two", "one", "two"};
  for (int i = 0; i < 4; i++) {
    struct cf_line first = {.text = cf_str_from(texts[i]), .nuls = 300000};
    cf_import_head(import, &first, head);
    ck_assert_ok(cf_import_add(import, &first, head));
    ck_assert_ok(cf_import_send(import, NULL));
  }
  import_check(4, 2, 2, 4);
  ck_assert_uint_eq(import_events_n, 2);
}
END_TEST

/* Ids are what they were when NULs in front of a line were part of it. */
START_TEST(test_head_of_a_line_behind_a_hole)
{
  char head[CF_HEAD_N + 1], other[CF_HEAD_N + 1];
  char *text = calloc(1, 2 * (size_t)CF_LINE_MAX);
  memcpy(text + 3, "#Fields", 7);
  /* as if they were of the line */
  cf_import_head(import, &(struct cf_line){.text = CF_STR("#Fields"), .nuls = 3}, head);
  cf_import_head(import, &(struct cf_line){.text = {text, 10}}, other);
  ck_assert_str_eq(head, other);
  memset(text, 0, 10);
  memset(text + CF_LINE_MAX - 2, 'x', 9);
  cf_import_head(import, &(struct cf_line){.text = CF_STR("xxxxxxxxx"), .nuls = CF_LINE_MAX - 2},
                 head);
  cf_import_head(import, &(struct cf_line){.text = {text, CF_LINE_MAX}}, other);
  ck_assert_str_eq(head, other);
  cf_import_head(import, &(struct cf_line){.text = CF_STR("x"), .nuls = CF_LINE_MAX + 7}, head);
  memset(text, 0, CF_LINE_MAX);
  cf_import_head(import, &(struct cf_line){.text = {text, CF_LINE_MAX}}, other);
  ck_assert_str_eq(head, other);
  free(text);
}
END_TEST

/* The head: HMAC over source, a NUL and the first line. The value is from
 * another implementation:
 *   printf 'test\0#Fields' |
 *     openssl dgst -sha256 -mac HMAC -macopt hexkey:<32 bytes 00> */
START_TEST(test_head)
{
  char head[CF_HEAD_N + 1], other[CF_HEAD_N + 1];
  cf_import_head(import, &(struct cf_line){.text = CF_STR("#Fields")}, head);
  ck_assert_str_eq(head, "bec613e4ec8cfd3a");
  cf_import_head(import, &(struct cf_line){.text = CF_STR("#Field")}, other);
  ck_assert_str_ne(head, other);
  import_rules.source = CF_STR("test2");
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  cf_import_head(import, &(struct cf_line){.text = CF_STR("#Fields")}, other);
  ck_assert_str_ne(head, other);
}
END_TEST

static const char *const bad_sources[] = {"", "a b", "counterfoil", "\x1b", "é"};

START_TEST(test_bad_source)
{
  struct cf_import *none = NULL;
  struct cf_fault fault;
  import_rules.source = cf_str_from(bad_sources[_i]);
  ck_assert_err(cf_import_new(&import_rules, &none, &fault), CF_E_PARAMETER);
  ck_assert_ptr_null(none);
}
END_TEST

/* ---- ids of lines ---- */

static void add_of(const char *text, const char *head)
{
  struct cf_line line = {.text = cf_str_from(text), .offset = import_at};
  import_at += line.text.n + 1;
  ck_assert_ok(cf_import_add(import, &line, head));
}

/* Wherever a line stands it is the same event; equal ones of a file are not. */
START_TEST(test_ids_of_lines)
{
  cf_import_free(import);
  import_rules.ids = CF_IDS_LINE;
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  add_of(LINE, IMPORT_HEAD);
  add_of(LINE "2", IMPORT_HEAD);
  add_of(LINE, IMPORT_HEAD);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(3, 3, 0, 0);
  ck_assert_uint_eq(strlen(import_events[0].id), 32);
  cf_import_begin(import);
  add_of(LINE "2", "fedcba9876543210");
  add_of(LINE, "fedcba9876543210");
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(5, 3, 2, 0);
  cf_import_begin(import);
  for (int i = 0; i < 3; i++)
    add_of(LINE, IMPORT_HEAD);
  ck_assert_ok(cf_import_send(import, NULL));
  import_check(8, 4, 4, 0);
  /* the id of another scheme, source or key is another */
  struct cf_line line = {.text = CF_STR(LINE), .offset = 5};
  struct cf_import_own own;
  cf_import_own(import, &line, IMPORT_HEAD, &own);
  ck_assert_str_eq(own.id[0], import_events[0].id);
  import_rules.key[0]++;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&import_rules, &import, NULL));
  cf_import_own(import, &line, IMPORT_HEAD, &own);
  ck_assert_str_ne(own.id[0], import_events[0].id);
}
END_TEST

/* ---- gaps ---- */

/* It is told until the ledger has it; one that will not have it does not end
 * the import. */
START_TEST(test_gap)
{
  struct cf_gap lost = {2, 0, 1000000, "access.log: \"cut\""};
  if (_i == 1) {
    import_troubles[import_troubles_n++] = (struct import_trouble){.status = 503};
    import_troubles[import_troubles_n++] = (struct import_trouble){.err = CF_E_UNKNOWN};
  }
  if (_i == 2)
    import_troubles[import_troubles_n++] = (struct import_trouble){.status = 404};
  ck_assert_ok(cf_import_gap(import, &lost, NULL));
  ck_assert_uint_eq(import_posts, _i == 1 ? 3 : 1);
  ck_assert(cf_str_is(cf_json_string(cf_json_member(import_gap, "source")), "test"));
  ck_assert(cf_str_is(cf_json_number(cf_json_member(import_gap, "count")), "2"));
  ck_assert(
      cf_str_is(cf_json_string(cf_json_member(import_gap, "last")), "1970-01-01T00:00:01.000000Z"));
  ck_assert(
      cf_str_is(cf_json_string(cf_json_member(import_gap, "message")), "access.log: \"cut\""));
  cf_json_free(import_gap);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "import", .test = test_twice, .setup = import_setup, .teardown = import_teardown},
      {.tcase = "import", .test = test_nothing_to_send},
      {.tcase = "import", .test = test_refused},
      {.tcase = "import", .test = test_all_refused},
      {.tcase = "import", .test = test_same_head},
      {.tcase = "import", .test = test_known_otherwise},
      {.tcase = "import", .test = test_refused_and_known},
      {.tcase = "import", .test = test_waits, .loops = IMPORT_PASSING_N},
      {.tcase = "import", .test = test_patience_ends},
      {.tcase = "import", .test = test_stopped},
      {.tcase = "import", .test = test_error_is_given_on},
      {.tcase = "import", .test = test_too_large},
      {.tcase = "import", .test = test_nonsense, .loops = CF_COUNT(nonsenses)},
      {.tcase = "import", .test = test_text_refused},
      {.tcase = "import", .test = test_full, .loops = 2},
      {.tcase = "import", .test = test_full_by_bytes},
      {.tcase = "import", .test = test_ids_of_lines},
      {.tcase = "import", .test = test_gap, .loops = 3},
      {.tcase = "import", .test = test_a_file_that_another_version_imported},
      {.tcase = "import", .test = test_files_that_begin_with_a_hole},
      {.tcase = "import", .test = test_head},
      {.tcase = "import", .test = test_head_of_a_line_behind_a_hole},
      {.tcase = "import", .test = test_bad_source, .loops = CF_COUNT(bad_sources)},
  };
  return cf_test_run("import", tests, CF_COUNT(tests));
}
