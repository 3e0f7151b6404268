/* SPDX-License-Identifier: MIT */
/* Rows as JSON, NDJSON and CSV: exact texts, and hostile text that comes back
 * whole from JSON and runs nothing in a spreadsheet or a terminal. */
#include "config.h"

#include "lib/base/utf8.h"
#include "lib/output/output.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define HOUR    "2026-11-24T02:00:00.000000Z"
#define HOUR_US INT64_C(1795485600000000)

static const uint8_t gone[CF_HASH_N] = {7};

/* A plain event, one with an erased compartment, one of the log's own. */
static struct cf_record records[3];

static void setup(void)
{
  records[0] = (struct cf_record){
      .seq = 1,
      .recorded_us = HOUR_US,
      .kind = CF_K_EVENT,
      .time_us = HOUR_US,
      .public_text = CF_STR("\"source\":\"web\",\"time\":\"" HOUR
                            "\",\"method\":\"GET\",\"status\":404,\"outcome\":\"failure\""),
      .payload = {CF_STR("{\"user\":\"a\\\"b,c\"}"), CF_STR("{\"ip\":\"192.0.2.1\"}"),
                  CF_STR("{\"resource\":\"/x\",\"host\":\"\"}"),
                  CF_STR("{\"bytes\":12,\"message\":\"=1+1\",\"attributes\":{\"k\":\"v\"}}")},
  };
  records[1] = (struct cf_record){
      .seq = 2,
      .recorded_us = HOUR_US,
      .kind = CF_K_EVENT,
      .time_us = CF_TIME_NONE,
      .public_text = CF_STR("\"source\":\"web\",\"action\":\"login\",\"outcome\":\"unknown\""),
      .gone = {gone, NULL, NULL, gone},
  };
  records[2] = (struct cf_record){
      .seq = 18446744073709551615u,
      .recorded_us = HOUR_US,
      .kind = CF_K_LOSS,
      .time_us = CF_TIME_NONE,
      .public_text = CF_STR("\"source\":\"web\",\"body\":{\"count\":3,\"reason\":\"shed\"}"),
  };
}

static const struct cf_page_end middle = {.rows = 3,
                                          .has_more = true,
                                          .cursor = "AbC-_1",
                                          .damaged_from = 64,
                                          .damaged_to = 128};
static const struct cf_page_end last = {.rows = 3};

/* The whole of an answer; with err it breaks off. */
static char *answer_of(const char *format, bool bare, uint32_t fields,
                       const struct cf_page_end *end, const struct cf_checkpoint *checkpoint,
                       enum cf_err err)
{
  struct cf_fault fault = {"", "these words"};
  struct cf_rows rows;
  struct cf_buf b;

  cf_buf_init(&b, SIZE_MAX);
  cf_rows_init(&rows, cf_output_find(cf_str_from(format)), fields);
  rows.bare = bare;
  cf_rows_begin(&rows, &b);
  for (size_t i = 0; i < CF_COUNT(records); i++)
    ck_assert_ok(cf_rows_put(&rows, &records[i], &b));
  ck_assert_uint_eq(rows.n, CF_COUNT(records));
  if (err == CF_OK)
    cf_rows_end(&rows, end, checkpoint, &b);
  else
    cf_rows_break(&rows, end, err, &fault, &b);
  cf_rows_fini(&rows);
  ck_assert_err(b.err, CF_OK);
  return cf_buf_take(&b);
}

static char *answer(const char *format, uint32_t fields, const struct cf_page_end *end,
                    const struct cf_checkpoint *checkpoint, enum cf_err err)
{
  return answer_of(format, false, fields, end, checkpoint, err);
}

static void check(char *got, const char *want)
{
  ck_assert_str_eq(got, want);
  free(got);
}

#define ROW0 \
  "{\"seq\":1,\"recorded\":\"" HOUR "\",\"kind\":\"event\",\"source\":\"web\",\"time\":\"" HOUR \
  "\",\"method\":\"GET\",\"status\":404,\"outcome\":\"failure\",\"user\":\"a\\\"b,c\",\"ip\":\"192.0.2.1\",\"resource\":\"/x\",\"host\":\"\",\"bytes\":12,\"message\":\"=1+1\",\"attributes\":{\"k\":\"v\"}}"
#define ROW1 \
  "{\"seq\":2,\"recorded\":\"" HOUR \
  "\",\"kind\":\"event\",\"source\":\"web\",\"action\":\"login\",\"outcome\":\"unknown\",\"erased\":[\"actor\",\"detail\"]}"
#define ROW2 \
  "{\"seq\":18446744073709551615,\"recorded\":\"" HOUR \
  "\",\"kind\":\"loss\",\"source\":\"web\",\"body\":{\"count\":3,\"reason\":\"shed\"}}"

START_TEST(test_json)
{
  struct cf_checkpoint checkpoint = {.size = 99};
  const char *root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  char want[4096];

  snprintf(
      want, sizeof want,
      "{\"events\":[" ROW0 "," ROW1 "," ROW2
      "],\"next_cursor\":\"AbC-_1\",\"has_more\":true,\"checkpoint\":{\"size\":99,\"root\":\"%s\"}}\n",
      root);
  check(answer("json", CF_FIELDS_ALL, &middle, &checkpoint, CF_OK), want);
  check(answer("json", 1u << CF_M_USER, &last, NULL, CF_OK),
        "{\"events\":[{\"seq\":1,\"recorded\":\"" HOUR
        "\",\"kind\":\"event\",\"user\":\"a\\\"b,c\"},"
        "{\"seq\":2,\"recorded\":\"" HOUR
        "\",\"kind\":\"event\",\"erased\":[\"actor\",\"detail\"]},"
        "{\"seq\":18446744073709551615,\"recorded\":\"" HOUR
        "\",\"kind\":\"loss\"}],\"next_cursor\":null,\"has_more\":false}\n");
  check(
      answer("json", 0, &middle, NULL, CF_E_DAMAGED),
      "{\"events\":[{\"seq\":1,\"recorded\":\"" HOUR "\",\"kind\":\"event\"},"
      "{\"seq\":2,\"recorded\":\"" HOUR "\",\"kind\":\"event\",\"erased\":[\"actor\",\"detail\"]},"
      "{\"seq\":18446744073709551615,\"recorded\":\"" HOUR "\",\"kind\":\"loss\"}\n"
      ",{\"error\":{\"type\":\"urn:counterfoil:store-damaged\",\"title\":\"a part of the store is damaged\",\"status\":500,\"detail\":\"these words\"");
}
END_TEST

START_TEST(test_ndjson)
{
  check(answer("ndjson", CF_FIELDS_ALL, &middle, NULL, CF_OK),
        ROW0 "\n" ROW1 "\n" ROW2 "\n{\"next_cursor\":\"AbC-_1\",\"has_more\":true}\n");
  check(answer("ndjson", CF_FIELDS_ALL, &last, NULL, CF_OK),
        ROW0 "\n" ROW1 "\n" ROW2 "\n{\"next_cursor\":null,\"has_more\":false}\n");
  check(
      answer("ndjson", 0, &middle, NULL, CF_E_DAMAGED),
      "{\"seq\":1,\"recorded\":\"" HOUR "\",\"kind\":\"event\"}\n{\"seq\":2,\"recorded\":\"" HOUR
      "\",\"kind\":\"event\",\"erased\":[\"actor\",\"detail\"]}\n"
      "{\"seq\":18446744073709551615,\"recorded\":\"" HOUR "\",\"kind\":\"loss\"}\n"
      "{\"error\":{\"type\":\"urn:counterfoil:store-damaged\",\"title\":\"a part of the store is damaged\",\"status\":500,\"detail\":\"the answer breaks off here\","
      "\"seq_from\":64,\"seq_to\":128},\"next_cursor\":\"AbC-_1\"");
}
END_TEST

#define CSV_NAMES \
  "seq,recorded,kind,source,writer,source_seq,id,time,action,method,status,outcome,user,session,credential,ip,user_agent,referer,resource,query,host," \
  "request_id,bytes,duration_us,protocol,message,attributes,body,erased\r\n"

START_TEST(test_csv)
{
  check(
      answer("csv", CF_FIELDS_ALL, &middle, NULL, CF_OK), CSV_NAMES
      "1," HOUR ",event,web,,,," HOUR
      ",,GET,404,failure,\"a\"\"b,c\",,,192.0.2.1,,,/x,,\"\",,12,,,'=1+1,\"{\"\"k\"\":\"\"v\"\"}\",,\r\n"
      "2," HOUR ",event,web,,,,,login,,,unknown,,,,,,,,,,,,,,,,,actor detail\r\n"
      "18446744073709551615," HOUR
      ",loss,web,,,,,,,,,,,,,,,,,,,,,,,,\"{\"\"count\"\":3,\"\"reason\"\":\"\"shed\"\"}\",\r\n"
      "# next_cursor=AbC-_1\r\n# has_more=true\r\n");
  check(answer("csv", 1u << CF_M_USER | 1u << CF_M_STATUS, &last, NULL, CF_OK),
        "seq,recorded,kind,status,user,erased\r\n1," HOUR ",event,404,\"a\"\"b,c\",\r\n2," HOUR
        ",event,,,actor detail\r\n18446744073709551615," HOUR
        ",loss,,,\r\n# next_cursor=\r\n# has_more=false\r\n");
  check(
      answer("csv", 0, &middle, NULL, CF_E_DAMAGED),
      "seq,recorded,kind,erased\r\n1," HOUR ",event,\r\n2," HOUR
      ",event,actor detail\r\n18446744073709551615," HOUR ",loss,\r\n"
      "# error=store-damaged: a part of the store is damaged\r\n# seq_from=64\r\n# seq_to=128\r\n# next_cursor=AbC-_1\r\n\"the answer breaks off here");
}
END_TEST

/* Nothing but rows; what breaks off is still no whole row. */
START_TEST(test_bare)
{
  check(answer_of("csv", true, 0, &middle, NULL, CF_OK),
        "seq,recorded,kind,erased\r\n1," HOUR ",event,\r\n2," HOUR
        ",event,actor detail\r\n18446744073709551615," HOUR ",loss,\r\n");
  check(answer_of("csv", true, 0, &middle, NULL, CF_E_DAMAGED),
        "seq,recorded,kind,erased\r\n1," HOUR ",event,\r\n2," HOUR
        ",event,actor detail\r\n18446744073709551615," HOUR
        ",loss,\r\n\"the answer breaks off here");
  check(answer_of("ndjson", true, CF_FIELDS_ALL, &middle, NULL, CF_OK),
        ROW0 "\n" ROW1 "\n" ROW2 "\n");
  char *cut = answer_of("ndjson", true, CF_FIELDS_ALL, &middle, NULL, CF_E_STORE);
  ck_assert_ptr_nonnull(strstr(cut, ROW2 "\n{\"error\":{"));
  ck_assert_int_ne(cut[strlen(cut) - 1], '\n');
  free(cut);
}
END_TEST

/* ---- hostile text ---- */

static const struct {
  struct cf_str text;
  const char *cell; /* in CSV */
} hostile[] = {
    {CF_STR("plain"), "plain"},
    {CF_STR(""), "\"\""},
    {CF_STR("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0"},
    {CF_STR("+1"), "'+1"},
    {CF_STR("-1"), "'-1"},
    {CF_STR("-"), "'-"},
    {CF_STR("@SUM(A1)"), "'@SUM(A1)"},
    {CF_STR("\t=1"), "\"'\t=1\""},
    {CF_STR("\r=1"), "\"'\r=1\""},
    {CF_STR("\n=1"), "\"'\n=1\""},
    {CF_STR("\uff1d1+1"), "'\uff1d1+1"},
    {CF_STR("=\"a\",1"), "\"'=\"\"a\"\",1\""},
    {CF_STR("a=1"), "a=1"},
    {CF_STR(" =1"), "\" =1\""},
    {CF_STR("'=1"), "''=1"},
    {CF_STR("C:\\u001b"), "C:\\\\u001b"},
    {CF_STR("a,b"), "\"a,b\""},
    {CF_STR("a\r\nb"), "\"a\r\nb\""},
    {CF_STR("\x1b[2J\x1b]0;x\x07"), "\\u001b[2J\\u001b]0;x\\u0007"},
    {CF_STR("\xc2\x9b"
            "31m"),
     "\\u009b31m"},
    {CF_STR("\x7f\0x"), "\\u007f\\u0000x"},
    {CF_STR("\xc2\xa0\xc3\xab\xe2\x82\xac\xf0\x9f\x94\x91"),
     "\xc2\xa0\xc3\xab\xe2\x82\xac\xf0\x9f\x94\x91"},
    {CF_STR("# next_cursor=x"), "# next_cursor=x"},
    {CF_STR("\xe2\x80\xae"
            "txt.exe"),
     "\xe2\x80\xae"
     "txt.exe"},
    {CF_STR("</script><script>alert(1)</script>"), "</script><script>alert(1)</script>"},
};

static struct cf_record record_of(struct cf_str user, struct cf_buf *payload)
{
  struct cf_record r = {.seq = 5,
                        .recorded_us = HOUR_US,
                        .kind = CF_K_EVENT,
                        .time_us = CF_TIME_NONE,
                        .public_text = CF_STR("\"outcome\":\"unknown\"")};

  cf_buf_init(payload, SIZE_MAX);
  cf_buf_putc(payload, '{');
  cf_json_put_member(payload, "user", user);
  cf_buf_putc(payload, '}');
  r.payload[CF_C_ACTOR] = cf_buf_str(payload);
  return r;
}

START_TEST(test_hostile_json)
{
  struct cf_buf payload, b;
  struct cf_record r = record_of(hostile[_i].text, &payload);
  struct cf_rows rows;
  struct cf_json *doc;
  struct cf_fault fault;

  cf_buf_init(&b, SIZE_MAX);
  cf_rows_init(&rows, cf_output_find(CF_STR("json")), CF_FIELDS_ALL);
  cf_rows_begin(&rows, &b);
  ck_assert_ok(cf_rows_put(&rows, &r, &b));
  ck_assert_ok(cf_rows_put(&rows, &r, &b));
  cf_rows_end(&rows, &last, NULL, &b);
  ck_assert_ok(cf_json_parse(cf_buf_str(&b), 8, &doc, &fault));
  const struct cf_json *events = cf_json_member(doc, "events");
  ck_assert_uint_eq(cf_json_count(events), 2);
  for (size_t i = 0; i < 2; i++) {
    struct cf_str user = cf_json_string(cf_json_member(cf_json_element(events, i), "user"));
    ck_assert_bytes(user.p, user.n, hostile[_i].text.p, hostile[_i].text.n);
  }
  for (size_t i = 0; i + 1 < b.n; i++)
    ck_assert_uint_ge(b.p[i], 0x20); /* nothing below U+0020 stands raw: a line is a line */
  cf_json_free(doc);
  cf_rows_fini(&rows);
  cf_buf_fini(&b);
  cf_buf_fini(&payload);
}
END_TEST

START_TEST(test_hostile_csv)
{
  struct cf_buf payload, b;
  struct cf_record r = record_of(hostile[_i].text, &payload);
  struct cf_rows rows;
  char want[512];

  cf_buf_init(&b, SIZE_MAX);
  cf_rows_init(&rows, cf_output_find(CF_STR("csv")), 1u << CF_M_USER);
  ck_assert_ok(cf_rows_put(&rows, &r, &b));
  snprintf(want, sizeof want, "5," HOUR ",event,%s,\r\n", hostile[_i].cell);
  ck_assert_bytes(b.p, b.n, want, strlen(want));
  cf_rows_fini(&rows);
  cf_buf_fini(&b);
  cf_buf_fini(&payload);
}
END_TEST

/* The text of a cell's characters after RFC 4180, as output_csv.c says. */
static void put_back(struct cf_str cell, struct cf_buf *b)
{
  if (cell.n > 0 && cell.p[0] == '\'')
    cell = (struct cf_str){cell.p + 1, cell.n - 1};
  while (cell.n > 0) {
    size_t used = 1;
    if (cell.p[0] == '\\' && cell.n >= 2 && cell.p[1] == '\\') {
      cf_buf_putc(b, '\\');
      used = 2;
    } else if (cell.p[0] == '\\') {
      char digits[5] = "";
      ck_assert_uint_ge(cell.n, 6);
      ck_assert_int_eq(cell.p[1], 'u');
      memcpy(digits, cell.p + 2, 4);
      cf_utf8_put_code(b, (uint32_t)strtoul(digits, NULL, 16));
      used = 6;
    } else {
      cf_buf_putc(b, cell.p[0]);
    }
    cell = (struct cf_str){cell.p + used, cell.n - used};
  }
}

/* Cut the next cell of a row off, as RFC 4180 has it. */
static void take_cell(struct cf_str *row, struct cf_buf *cell)
{
  bool quoted = row->n > 0 && row->p[0] == '"';
  size_t i = quoted;
  for (; i < row->n; i++) {
    if (quoted && row->p[i] == '"' && (i + 1 == row->n || row->p[++i] != '"'))
      break;
    if (!quoted && (row->p[i] == ',' || row->p[i] == '\r'))
      break;
    cf_buf_putc(cell, row->p[i]);
  }
  *row = (struct cf_str){row->p + i + 1, row->n - i - 1};
}

/* The user comes back, whatever it is, and no spreadsheet runs its cell. */
static void check_back(struct cf_str user)
{
  struct cf_buf payload, b, cell, text;
  struct cf_record r = record_of(user, &payload);
  struct cf_rows rows;

  cf_buf_init(&b, SIZE_MAX);
  cf_buf_init(&cell, SIZE_MAX);
  cf_buf_init(&text, SIZE_MAX);
  cf_rows_init(&rows, cf_output_find(CF_STR("csv")), 1u << CF_M_USER);
  ck_assert_ok(cf_rows_put(&rows, &r, &b));
  struct cf_str left = cf_buf_str(&b);
  for (int i = 0; i < 4; i++) {
    cf_buf_reset(&cell);
    take_cell(&left, &cell);
  }
  ck_assert(cell.n == 0 || memchr("=+-@\t\r\n", cell.p[0], 7) == NULL);
  put_back(cf_buf_str(&cell), &text);
  ck_assert_bytes(text.p, text.n, user.p, user.n);
  cf_rows_fini(&rows);
  cf_buf_fini(&text);
  cf_buf_fini(&cell);
  cf_buf_fini(&b);
  cf_buf_fini(&payload);
}

static const struct cf_str backs[] = {
    CF_STR("=cmd|' /C calc'!A0"),
    CF_STR("+1-800"),
    CF_STR("-5"),
    CF_STR("@SUM(1)"),
    CF_STR("\t=1+1"),
    CF_STR("\r=1+1"),
    CF_STR("\n=1+1"),
    CF_STR(" =1+1"),
    CF_STR("\uff1d1+1"),
    CF_STR("a\"b,c\r\nd;e"),
    CF_STR("Zo\u00eb \u6771\u4eac"),
    CF_STR("\0nul"),
    CF_STR("\x1b[31mred"),
    CF_STR("'=1"),
    CF_STR("|calc"),
    CF_STR("%0A=1"),
    CF_STR(""),
    CF_STR("{\"a\":\"=1\",\"n\":[1,\"x,y\\n\"]}"),
    CF_STR(";=1+1"),
    CF_STR("'"),
    CF_STR("''"),
    CF_STR("\\"),
    CF_STR("\\u001b"),
    CF_STR("\\\\u001b"),
    CF_STR("'\\'"),
    CF_STR(" "),
};

/* Of the pieces that mean something to CSV, a spreadsheet or the escapes. */
static const struct cf_str pieces[] = {
    CF_STR("="),          CF_STR("'"),    CF_STR("\""),       CF_STR(","),      CF_STR("\r"),
    CF_STR("\n"),         CF_STR("\t"),   CF_STR("\\"),       CF_STR("u001b"),  CF_STR("\x1b"),
    CF_STR("\0"),         CF_STR("\x7f"), CF_STR("\xc2\x85"), CF_STR("\u00eb"), CF_STR("\uff20"),
    CF_STR("\U0001f511"), CF_STR(" "),    CF_STR("a"),
};

START_TEST(test_back)
{
  uint64_t state = 88172645463325252u;

  for (size_t i = 0; i < CF_COUNT(backs); i++)
    check_back(backs[i]);
  for (int i = 0; i < 500; i++) {
    struct cf_buf b;
    cf_buf_init(&b, SIZE_MAX);
    for (int k = 0; k < 1 + i % 8; k++) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      cf_buf_putstr(&b, pieces[state % CF_COUNT(pieces)]);
    }
    check_back(cf_buf_str(&b));
    cf_buf_fini(&b);
  }
}
END_TEST

/* Errors come out: a full buffer, text that is not canonical. */
START_TEST(test_errors)
{
  struct cf_rows rows;
  struct cf_buf b;
  struct cf_record broken = records[0];

  for (size_t f = 0; f < CF_OUTPUT_N; f++) {
    cf_rows_init(&rows, &cf_output_table[f], CF_FIELDS_ALL);
    cf_buf_init(&b, 20);
    ck_assert_err(cf_rows_put(&rows, &records[0], &b), CF_E_FULL);
    cf_rows_fini(&rows);
    cf_buf_fini(&b);
  }
  broken.payload[CF_C_ACTOR] = CF_STR("{\"user\":\"x}");
  cf_rows_init(&rows, cf_output_find(CF_STR("csv")), CF_FIELDS_ALL);
  cf_buf_init(&b, SIZE_MAX);
  ck_assert_err(cf_rows_put(&rows, &broken, &b), CF_E_SYNTAX);
  ck_assert_uint_eq(b.n, 0);
  cf_rows_fini(&rows);
  cf_buf_fini(&b);
}
END_TEST

/* ---- the table ---- */

START_TEST(test_find)
{
  static const char *const none[] = {"", "JSON", "jso", "jsonn", "xml", "text/csv"};

  for (size_t i = 0; i < CF_OUTPUT_N; i++)
    ck_assert_ptr_eq(cf_output_find(cf_str_from(cf_output_table[i].name)), &cf_output_table[i]);
  for (size_t i = 0; i < CF_COUNT(none); i++)
    ck_assert_ptr_null(cf_output_find(cf_str_from(none[i])));
  ck_assert_str_eq(cf_output_table[0].name, "json");
}
END_TEST

START_TEST(test_names)
{
  struct cf_buf b;

  cf_buf_init(&b, SIZE_MAX);
  cf_output_put_names("", false, &b);
  ck_assert_str_eq(cf_buf_cstr(&b), "json, ndjson or csv");
  cf_buf_reset(&b);
  cf_output_put_names("format=", true, &b);
  ck_assert_str_eq(cf_buf_cstr(&b), "format=ndjson or format=csv");
  cf_buf_fini(&b);
}
END_TEST

/* An answer is of a type that asks for it; no two formats share one. */
START_TEST(test_types)
{
  ck_assert_str_eq(cf_output_find(CF_STR("ndjson"))->content_type, "application/x-ndjson");
  for (size_t i = 0; i < CF_OUTPUT_N; i++) {
    const struct cf_output *output = &cf_output_table[i];
    ck_assert_int_eq(strncmp(output->content_type, output->types[0],
                             strcspn(output->content_type, ";")),
                     0);
    for (size_t k = 0; k < i; k++)
      for (size_t t = 0; t < CF_OUTPUT_TYPES_N * CF_OUTPUT_TYPES_N; t++) {
        const char *a = output->types[t % CF_OUTPUT_TYPES_N];
        const char *b = cf_output_table[k].types[t / CF_OUTPUT_TYPES_N];
        ck_assert(a == NULL || b == NULL || strcmp(a, b) != 0);
      }
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "frames", .test = test_json, .setup = setup},
      {.tcase = "frames", .test = test_ndjson},
      {.tcase = "frames", .test = test_csv},
      {.tcase = "frames", .test = test_bare},
      {.tcase = "frames", .test = test_errors},
      {.tcase = "table", .test = test_find},
      {.tcase = "table", .test = test_names},
      {.tcase = "table", .test = test_types},
      {.tcase = "hostile", .test = test_hostile_json, .loops = CF_COUNT(hostile)},
      {.tcase = "hostile", .test = test_hostile_csv, .loops = CF_COUNT(hostile)},
      {.tcase = "hostile", .test = test_back},
  };
  return cf_test_run("format", tests, CF_COUNT(tests));
}
