/* SPDX-License-Identifier: MIT */
/* Lines on their way into a ledger that is not ready, refuses, knows them
 * already, or answers nonsense: each line gets there once. */
#include "config.h"

#include "lib/base/clock.h"
#include "lib/input/import.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define LINE "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1"
#define HEAD "0123456789abcdef"

/* ---- A ledger ---- */

#define EVENTS_MAX 8192
static struct {
  char *id, *text;
} events[EVENTS_MAX];
static size_t events_n;
static unsigned posts;

/* What the next posts come to: a status, or an error; applied: the events are
 * taken nevertheless. */
static struct trouble {
  int status;
  enum cf_err err;
  bool applied;
} troubles[16];
static size_t troubles_n, troubles_at;
static size_t body_max;      /* 413 beyond it */
static const char *bad;      /* events other than text that hold this are 422 */
static const char *nonsense; /* the answer to everything */
static bool stop;

static int judge(struct cf_str text, struct cf_str id)
{
  for (size_t i = 0; i < events_n; i++)
    if (cf_str_is(id, events[i].id))
      return cf_str_is(text, events[i].text) ? 200 : 409;
  if (bad != NULL && memmem(text.p, text.n, bad, strlen(bad)) != NULL &&
      memmem(text.p, text.n, "log.line", 8) == NULL)
    return 422;
  ck_assert_uint_lt(events_n, EVENTS_MAX);
  events[events_n].id = cf_str_dup(id);
  events[events_n++].text = cf_str_dup(text);
  return 201;
}

static void take(struct cf_str body, struct cf_buf *answer, int *status)
{
  struct cf_buf errors;
  unsigned accepted = 0, duplicates = 0, index = 0;
  cf_buf_init(&errors, 1U << 20);
  for (; body.n > 0; index++) {
    struct cf_json *doc;
    struct cf_str text = cf_str_cut(&body, '\n');
    ck_assert_ok(cf_json_parse(text, 16, &doc, NULL));
    int got = judge(text, cf_json_string(cf_json_member(doc, "id")));
    cf_json_free(doc);
    accepted += got == 201;
    duplicates += got == 200;
    if (got >= 400)
      cf_buf_putf(&errors, "%s{\"index\":%u,\"status\":%d,\"detail\":\"no\\u001b\"}",
                  errors.n > 0 ? "," : "", index, got);
  }
  *status = accepted + duplicates > 0 ? 200 : 422;
  cf_buf_putf(answer, "{\"accepted\":%u,\"duplicates\":%u,\"rejected\":%u,\"errors\":[%s]}",
              accepted, duplicates, index - accepted - duplicates, cf_buf_cstr(&errors));
  cf_buf_fini(&errors);
}

static enum cf_err post(void *context, struct cf_str body, int *status, struct cf_buf *answer,
                        struct cf_fault *fault)
{
  ck_assert_ptr_eq(context, events);
  ck_assert_uint_gt(body.n, 0);
  posts++;
  *status = 0;
  struct trouble trouble =
      troubles_at < troubles_n ? troubles[troubles_at++] : (struct trouble){.applied = true};
  if (body_max > 0 && body.n > body_max)
    trouble = (struct trouble){.status = 413};
  if (trouble.applied)
    take(body, answer, status);
  if (nonsense != NULL) {
    *status = 200;
    cf_buf_reset(answer);
    cf_buf_puts(answer, nonsense);
  }
  if (trouble.err != CF_OK)
    return cf_fail(fault, trouble.err, NULL, "trouble");
  if (trouble.status == 0)
    return CF_OK;
  *status = trouble.status;
  cf_buf_reset(answer);
  cf_buf_puts(answer, "{\"detail\":\"wait\"}");
  return CF_OK;
}

static bool stopped(void)
{
  return stop;
}

/* ---- imports ---- */

static struct cf_import *import;
static struct cf_import_rules rules;
static uint64_t at;

static void setup(void)
{
  rules = (struct cf_import_rules){
      .source = CF_STR("test"),
      .batch_max = 50000,
      .body_max = 1U << 24,
      .patience_us = INT64_MAX,
      .stopped = stopped,
      .post = post,
      .context = events,
  };
  ck_assert_ok(cf_import_new(&rules, &import, NULL));
  at = 0;
}

static void teardown(void)
{
  cf_import_free(import);
}

static void forget(void)
{
  cf_import_free(import);
  import = NULL;
  setup();
}

static void add(const char *text)
{
  struct cf_line line = {.text = cf_str_from(text), .offset = at};
  at += line.text.n + 1;
  line.next = at;
  ck_assert_ok(cf_import_add(import, &line, HEAD));
}

static void check_counts(uint64_t lines, uint64_t accepted, uint64_t duplicates, uint64_t messages)
{
  struct cf_import_counts counts = cf_import_counts(import);
  ck_assert_uint_eq(counts.lines, lines);
  ck_assert_uint_eq(counts.accepted, accepted);
  ck_assert_uint_eq(counts.duplicates, duplicates);
  ck_assert_uint_eq(counts.messages, messages);
}

/* The event of the line at that byte, under the files' common head. */
static const char *event_at(size_t offset)
{
  char id[64];
  snprintf(id, sizeof id, HEAD ".%zu", offset);
  for (size_t i = 0; i < events_n; i++)
    if (strcmp(events[i].id, id) == 0)
      return events[i].text;
  ck_abort_msg("there is no event %s", id);
}

/* Equal lines are several events; a second import of them adds nothing. */
START_TEST(test_twice)
{
  for (int round = 0; round < 2; round++) {
    add(LINE);
    add(LINE);
    add("");
    add("not a log line");
    ck_assert_ok(cf_import_send(import, NULL));
    check_counts(4, round == 0 ? 4 : 0, round == 0 ? 0 : 4, 2);
    ck_assert_uint_eq(events_n, 4);
    forget();
  }
  ck_assert_ptr_nonnull(strstr(event_at(0), "\"method\":\"GET\""));
  ck_assert_ptr_nonnull(strstr(event_at(sizeof LINE), "\"method\":\"GET\""));
  ck_assert_ptr_nonnull(strstr(event_at(2 * sizeof LINE), "\"message\":\"\""));
  ck_assert_uint_eq(posts, 2);
}
END_TEST

START_TEST(test_nothing_to_send)
{
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert_uint_eq(posts, 0);
  check_counts(0, 0, 0, 0);
}
END_TEST

/* What is refused comes again as text with the same id, and the rest is not
 * sent twice. */
START_TEST(test_refused)
{
  bad = "frank";
  add(LINE);
  add("192.0.2.1 - frank [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1");
  add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(3, 3, 0, 1);
  ck_assert_ptr_nonnull(strstr(event_at(sizeof LINE), "\"message\":\"192.0.2.1 - frank"));
  ck_assert_uint_eq(posts, 2);
}
END_TEST

START_TEST(test_all_refused)
{
  bad = "192.0.2.1";
  add(LINE);
  add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(2, 2, 0, 2);
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
      add(files[round % 2][i]);
    ck_assert_ok(cf_import_send(import, NULL));
    if (round == 0)
      check_counts(3, 3, 0, 2);
    else if (round == 1)
      check_counts(3, 2, 1, 2);
    else
      check_counts(3, 0, 3, 2);
    ck_assert_uint_eq(events_n, round == 0 ? 3 : 5);
    forget();
  }
}
END_TEST

/* A line that is there, as another version of the program understood it, is
 * there. */
START_TEST(test_known_otherwise)
{
  for (int round = 0; round < 3; round++) {
    add(round == 0 ? "one" : "two");
    ck_assert_ok(cf_import_send(import, NULL));
    if (round == 2)
      check_counts(1, 0, 1, 1);
    forget();
    free(events[events_n - 1].text);
    events[events_n - 1].text = cf_str_dup(CF_STR("otherwise"));
  }
  ck_assert_uint_eq(events_n, 2);
}
END_TEST

/* Refused and then conflicting, or conflicting and then refused: still there in
 * the end. */
START_TEST(test_refused_and_known)
{
  bad = "other";
  add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  forget();
  add("192.0.2.1 - other [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1");
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(1, 1, 0, 1);
  ck_assert_uint_eq(events_n, 2);
}
END_TEST

static const struct trouble passing[] = {
    {.status = 503},
    {.status = 429},
    {.status = 507},
    {.err = CF_E_UNKNOWN},
    {.err = CF_E_PEER},
    {.err = CF_E_NOTREADY},
    /* the events were taken, but nobody heard so */
    {.err = CF_E_UNKNOWN, .applied = true},
    {.err = CF_E_PEER, .applied = true},
    {.status = 503, .applied = true},
};

START_TEST(test_waits)
{
  troubles[0] = troubles[1] = passing[_i];
  troubles_n = 2;
  add(LINE);
  add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert_uint_eq(posts, 3);
  check_counts(2, passing[_i].applied ? 0 : 2, passing[_i].applied ? 2 : 0, 0);
  ck_assert_uint_eq(events_n, 2);
}
END_TEST

START_TEST(test_patience_ends)
{
  struct cf_fault fault;
  rules.patience_us = 0;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&rules, &import, NULL));
  troubles[0] = passing[0];
  troubles_n = 1;
  add(LINE);
  ck_assert_err(cf_import_send(import, &fault), CF_E_NOTREADY);
  ck_assert_ptr_nonnull(strstr(fault.detail, "503"));
  check_counts(0, 0, 0, 0);
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(1, 1, 0, 0);
}
END_TEST

START_TEST(test_stopped)
{
  stop = true;
  troubles[0] = passing[0];
  troubles_n = 1;
  add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_LEAVING);
  check_counts(0, 0, 0, 0);
}
END_TEST

START_TEST(test_error_is_given_on)
{
  troubles[0] = (struct trouble){.err = CF_E_LOCKED};
  troubles_n = 1;
  add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_LOCKED);
  ck_assert_uint_eq(posts, 1);
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
  body_max = 8000;
  for (int i = 0; i < 100; i++)
    add(LINE);
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(100, 100, 0, 0);
  ck_assert_uint_gt(posts, 2);
  body_max = 9100;
  add(long_line);
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(101, 101, 0, 1);
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
  nonsense = nonsenses[_i];
  add(LINE);
  add(LINE);
  ck_assert_err(cf_import_send(import, NULL), CF_E_INVALID);
  check_counts(0, 0, 0, 0);
  nonsense = NULL;
  ck_assert_ok(cf_import_send(import, NULL));
  check_counts(2, 0, 2, 0);
}
END_TEST

START_TEST(test_text_refused)
{
  struct cf_fault fault;
  nonsense =
      "{\"accepted\":0,\"duplicates\":0,\"errors\":[{\"index\":0,\"status\":422,\"detail\":\"never\"}]}";
  add("text");
  ck_assert_err(cf_import_send(import, &fault), CF_E_INVALID);
  ck_assert_ptr_nonnull(strstr(fault.detail, "byte 0"));
  ck_assert_ptr_nonnull(strstr(fault.detail, "never"));
}
END_TEST

START_TEST(test_full)
{
  rules.batch_max = _i == 0 ? 7 : 50000;
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&rules, &import, NULL));
  size_t want = _i == 0 ? 7 : CF_IMPORT_LINES;
  for (size_t i = 0; i < want; i++) {
    ck_assert(!cf_import_full(import));
    add(LINE);
  }
  ck_assert(cf_import_full(import));
  ck_assert_ok(cf_import_send(import, NULL));
  ck_assert(!cf_import_full(import));
  check_counts(want, want, 0, 0);
}
END_TEST

START_TEST(test_full_by_bytes)
{
  char *text = malloc(100001);
  size_t n = 0;
  memset(text, 'x', 100000);
  text[100000] = '\0';
  for (; !cf_import_full(import); n++)
    add(text);
  ck_assert_uint_lt(n, 60);
  ck_assert_uint_gt(n, 30);
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
  cf_import_head(import, CF_STR("#Fields"), head);
  ck_assert_str_eq(head, "bec613e4ec8cfd3a");
  cf_import_head(import, CF_STR("#Field"), other);
  ck_assert_str_ne(head, other);
  rules.source = CF_STR("test2");
  cf_import_free(import);
  ck_assert_ok(cf_import_new(&rules, &import, NULL));
  cf_import_head(import, CF_STR("#Fields"), other);
  ck_assert_str_ne(head, other);
}
END_TEST

static const char *const bad_sources[] = {"", "a b", "counterfoil", "\x1b", "é"};

START_TEST(test_bad_source)
{
  struct cf_import *none = NULL;
  struct cf_fault fault;
  rules.source = cf_str_from(bad_sources[_i]);
  ck_assert_err(cf_import_new(&rules, &none, &fault), CF_E_PARAMETER);
  ck_assert_ptr_null(none);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "import", .test = test_twice, .setup = setup, .teardown = teardown},
      {.tcase = "import", .test = test_nothing_to_send},
      {.tcase = "import", .test = test_refused},
      {.tcase = "import", .test = test_all_refused},
      {.tcase = "import", .test = test_same_head},
      {.tcase = "import", .test = test_known_otherwise},
      {.tcase = "import", .test = test_refused_and_known},
      {.tcase = "import", .test = test_waits, .loops = CF_COUNT(passing)},
      {.tcase = "import", .test = test_patience_ends},
      {.tcase = "import", .test = test_stopped},
      {.tcase = "import", .test = test_error_is_given_on},
      {.tcase = "import", .test = test_too_large},
      {.tcase = "import", .test = test_nonsense, .loops = CF_COUNT(nonsenses)},
      {.tcase = "import", .test = test_text_refused},
      {.tcase = "import", .test = test_full, .loops = 2},
      {.tcase = "import", .test = test_full_by_bytes},
      {.tcase = "import", .test = test_head},
      {.tcase = "import", .test = test_bad_source, .loops = CF_COUNT(bad_sources)},
  };
  return cf_test_run("import", tests, CF_COUNT(tests));
}
