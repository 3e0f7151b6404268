/* SPDX-License-Identifier: MIT */
/* Reading through the whole application: questions, pages, formats, one record
 * with its proof, hostile text in every member, damage, the log's own trail. */
#include "config.h"

#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/proof/note.h"
#include "tests/unit/routes/app_roles.h"

/* n events of users u0 … u9, one after the other. */
static void feed(int n)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < n; i++)
    cf_buf_putf(
        &b,
        "{\"action\":\"read\",\"user\":\"u%d\",\"method\":\"%s\",\"status\":%d,\"resource\":\"/doc/%d\",\"ip\":\"192.0.2.%d\"}\n",
        i % 10, i % 2 ? "GET" : "POST", i % 3 ? 200 : 404, i, i % 250);
  feed_batch(writer, &b);
}

static size_t rows(void)
{
  return cf_json_count(member("events"));
}

/* ---- pages ---- */

START_TEST(test_page)
{
  feed(30);
  ck_answer(get("/v1/events?user=u3", reader), 200);
  ck_assert_str_eq(header("Content-Type"), "application/json");
  ck_assert_str_eq(header("Cache-Control"), "no-store");
  ck_assert_uint_eq(rows(), 3);
  ck_value("events.0.resource", "/doc/23");
  ck_value("has_more", "false");
  ck_value("next_cursor", "null");
  ck_assert_int_gt(number("checkpoint.size"), 0);
  ck_assert_uint_eq(strlen(value("checkpoint.root")), 44);
  ck_assert_str_eq(header("Link"), "");
  ck_answer(get("/v1/events?user=nobody", reader), 200);
  ck_assert_uint_eq(rows(), 0);
}
END_TEST

/* Each seq once, whichever way, by following the cursor or the link. */
static void walk(const char *question, int want)
{
  char path[512];
  char link[512] = "";
  long long before = -1;
  int n = 0;
  snprintf(path, sizeof path, "/v1/events?limit=7&%s", question);
  for (bool more = true; more;) {
    ck_answer(get(path, reader), 200);
    for (size_t i = 0; i < rows(); i++, n++) {
      char at[32];
      snprintf(at, sizeof at, "events.%zu.seq", i);
      long long seq = number(at);
      ck_assert(before < 0 || (strstr(question, "asc") != NULL ? seq > before : seq < before));
      before = seq;
    }
    more = strcmp(value("has_more"), "true") == 0;
    snprintf(link, sizeof link, "%s", header("Link"));
    if (more)
      ck_assert_str_ne(link, "");
    snprintf(path, sizeof path, "/v1/%.*s", (int)strcspn(link + 1, ">"), link + 1);
  }
  ck_assert_int_eq(n, want);
}

START_TEST(test_walk)
{
  feed(100);
  walk("source=web1", 100);
  walk("source=web1&order=asc", 100);
  walk("method=GET&sort=time", 50);
  walk("method=GET&sort=time&order=asc", 50);
}
END_TEST

START_TEST(test_cursor)
{
  char path[512];
  feed(20);
  ck_answer(get("/v1/events?limit=5&user=u1&user=u2", reader), 200);
  ck_answer(get("/v1/events?limit=5&method=GET", reader), 200);
  snprintf(path, sizeof path, "/v1/events?limit=5&method=POST&cursor=%s", value("next_cursor"));
  ck_answer(get(path, reader), 400);
  ck_value("type", "urn:counterfoil:bad-cursor");
  ck_answer(get("/v1/events?cursor=nonsense", reader), 400);
}
END_TEST

static const struct {
  const char *query, *parameter;
} bad_questions[] = {
    {"nope=1", "nope"},           {"limit=0", "limit"},        {"limit=10001", "limit"},
    {"limit=all", "limit"},       {"status=abc", "status"},    {"ip=300.0.0.1", "ip"},
    {"from=yesterday", "from"},   {"sort=user", "sort"},       {"order=up", "order"},
    {"kind=nope", "kind"},        {"fields=nope", "fields"},   {"format=xml", "format"},
    {"user.like=x", "user.like"}, {"seq_from=-1", "seq_from"},
};

START_TEST(test_bad_question)
{
  for (size_t i = 0; i < CF_COUNT(bad_questions); i++) {
    char path[128];
    snprintf(path, sizeof path, "/v1/events?%s", bad_questions[i].query);
    ck_answer(get(path, reader), 400);
    ck_value("parameter", bad_questions[i].parameter);
    ck_assert_str_ne(value("detail"), "null");
  }
}
END_TEST

START_TEST(test_head)
{
  feed(3);
  ck_answer(ask((struct ask){.method = "HEAD", .path = "/v1/events", .token = reader}), 200);
  ck_assert_str_eq(content(), "");
  ck_assert_int_gt(atoi(header("Content-Length")), 100);
}
END_TEST

/* ---- formats ---- */

static const struct {
  const char *path, *accept, *type;
} formats[] = {
    {"/v1/events", NULL, "application/json"},
    {"/v1/events", "*/*", "application/json"},
    {"/v1/events", "text/html, application/json", "application/json"},
    {"/v1/events", "application/x-ndjson", "application/x-ndjson"},
    {"/v1/events", "application/ndjson", "application/x-ndjson"},
    {"/v1/events", "image/png", "application/json"},
    {"/v1/events?limit=all", "text/csv", "text/csv; charset=utf-8"},
    {"/v1/events", "text/csv;q=1, application/json", "text/csv; charset=utf-8"},
    {"/v1/events", "application/json;q=0.5, text/csv", "text/csv; charset=utf-8"},
    {"/v1/events?format=ndjson", "text/csv", "application/x-ndjson"},
    {"/v1/events?format=csv", NULL, "text/csv; charset=utf-8"},
};

START_TEST(test_format)
{
  feed(2);
  for (size_t i = 0; i < CF_COUNT(formats); i++) {
    ck_answer(ask((struct ask){.path = formats[i].path,
                               .token = reader,
                               .vars = {formats[i].accept != NULL ? "HTTP_ACCEPT" : NULL,
                                        formats[i].accept}}),
              200);
    ck_assert_int_eq(strncmp(header("Content-Type"), formats[i].type, strlen(formats[i].type)), 0);
  }
}
END_TEST

/* What is said of a format, and its turn among the other parameters. */
static const struct {
  const char *query, *parameter, *detail;
} bad_formats[] = {
    {"format=xml", "format", "must be json, ndjson or csv"},
    {"format=", "format", "must be json, ndjson or csv"},
    {"format=CSV", "format", "must be json, ndjson or csv"},
    {"format=csv&format=csv", "format", "given twice"},
    {"format=csv&format=xml", "format", "given twice"},
    {"format=xml&frm=x", "format", "must be json, ndjson or csv"},
    {"frm=x&format=xml", "frm", "no such parameter; could it be: from"},
    {"frmat=csv", "frmat", "no such parameter; could it be: format"},
    {"limit=all", "limit",
     "all is for streamed formats: ask for format=ndjson or format=csv, or page with the cursor"},
    {"limit=all&format=json", "limit",
     "all is for streamed formats: ask for format=ndjson or format=csv, or page with the cursor"},
    {"trailer=0", "trailer",
     "0 is for formats that end with lines of their own: ask for format=ndjson or format=csv"},
    {"format=csv&trailer=no", "trailer", "trailer is 1 or 0"},
    {"format=csv&trailer=1&trailer=0", "trailer", "given twice"},
    {"limit=all&cursor=x", "cursor",
     "not a cursor of this filter, sort and order: begin without one"},
};

START_TEST(test_bad_format)
{
  char path[128];
  snprintf(path, sizeof path, "/v1/events?%s", bad_formats[_i].query);
  ck_answer(get(path, reader), 400);
  ck_value("parameter", bad_formats[_i].parameter);
  ck_value("detail", bad_formats[_i].detail);
}
END_TEST

/* ---- hostile text ---- */

static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "\\\"'><img src=x onerror=alert(1)>",
    "line\\nbreak\\r\\n\\t\\u0000\\u001b[31m",
    "=cmd|'/c calc'!A1",
    "\xe2\x80\xae"
    "gpj.exe",
    "a\\\\\\\"b",
    "{{origin}}{{#row}}",
    "%0d%0aSet-Cookie:x",
};
static const char *const text_members[] = {"user",       "session",  "credential", "user_agent",
                                           "referer",    "resource", "query",      "host",
                                           "request_id", "message"};

START_TEST(test_hostile)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (size_t i = 0; i < CF_COUNT(hostile); i++) {
    cf_buf_reset(&b);
    cf_buf_puts(&b, "{\"action\":\"x\",\"attributes\":{\"k\":\"");
    cf_buf_putf(&b, "%s\"}", hostile[i]);
    for (size_t m = 0; m < CF_COUNT(text_members); m++)
      cf_buf_putf(&b, ",\"%s\":\"%s\"", text_members[m], hostile[i]);
    cf_buf_putc(&b, '}');
    ck_answer(post("/v1/events", writer, cf_buf_cstr(&b)), 201);
    ck_answer(get("/v1/events?limit=1", reader), 200);
    for (size_t m = 0; m < CF_COUNT(text_members); m++) {
      cf_buf_reset(&b);
      cf_buf_putf(&b, "\"%s\":\"%s\"", text_members[m], hostile[i]);
      ck_contains(cf_buf_cstr(&b)); /* these texts are canonical as they stand */
    }
    ck_answer(get("/v1/events?limit=1&format=csv", reader), 200);
    ck_lacks(",=");
    ck_lacks(",\"=");
  }
  cf_buf_fini(&b);
}
END_TEST

/* ---- one record ---- */

START_TEST(test_one)
{
  feed(3);
  ck_answer(get("/v1/events/0", reader), 200);
  ck_value("kind", "genesis");
  ck_answer(get("/v1/events?limit=1", reader), 200);
  char path[64];
  snprintf(path, sizeof path, "/v1/events/%lld", number("events.0.seq"));
  ck_answer(get(path, reader), 200);
  ck_value("user", "u2");
  ck_value("leaf", "null");
  ck_answer(get("/v1/events/99999", reader), 404);
  ck_answer(get("/v1/events/x", reader), 404);
  ck_answer(get("/v1/events/-1", reader), 404);
  ck_answer(get("/v1/events/0?x=1", reader), 400);
  snprintf(path + strlen(path), sizeof path - strlen(path), "?proof=1");
  ck_answer(get(path, reader), 403);
}
END_TEST

/* Leaf, salts and path, checked with nothing but the hash functions of
 * format.md. */
START_TEST(test_proof)
{
  uint8_t hash[CF_HASH_N], root[CF_HASH_N], path_hash[64][CF_HASH_N];
  struct cf_str path_part[64];
  feed(40);
  ck_answer(get("/v1/events?limit=1&user=u7", reader), 200);
  long long seq = number("events.0.seq");
  char path[64];
  snprintf(path, sizeof path, "/v1/events/%lld?proof=1", seq);
  ck_answer(get(path, auditor), 200);
  ck_assert_ptr_nonnull(cf_json_member(member("payloads"), "actor"));
  ck_value("payloads.actor", "{\"user\":\"u7\"}");
  ck_assert_uint_eq(strlen(value("salts.actor")), 44);
  cf_leaf_hash(cf_json_string(member("leaf")), hash);
  ck_assert_int_eq(number("inclusion.index"), seq);
  size_t n = cf_json_count(member("inclusion.hashes"));
  for (size_t i = 0; i < n; i++) {
    ck_assert_ok(cf_base64_get_n(cf_json_string(cf_json_element(member("inclusion.hashes"), i)),
                                 path_hash[i], CF_HASH_N));
    path_part[i] = (struct cf_str){(const char *)path_hash[i], CF_HASH_N};
  }
  struct cf_str text;
  struct cf_checkpoint checkpoint;
  ck_assert_ok(cf_note_check(cf_json_string(member("inclusion.checkpoint")),
                             cf_ledger_vkey(stage_ledger), &text));
  ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
  memcpy(root, checkpoint.root, CF_HASH_N);
  ck_assert_ok(cf_inclusion_check((uint64_t)seq, checkpoint.size,
                                  (struct cf_str){(const char *)hash, CF_HASH_N}, path_part, n,
                                  (struct cf_str){(const char *)root, CF_HASH_N}));
}
END_TEST

/* ---- the log's own trail ---- */

START_TEST(test_trail)
{
  feed(5);
  ck_answer(get("/v1/events?user=u1&method=GET", reader), 200);
  ck_answer(get("/v1/events/0", auditor), 200);
  ck_answer(get("/v1/verify?mode=quick", auditor), 200);
  ck_answer(get("/v1/verify", reader), 403);
  feed(1); /* takes along what was posted */
  ck_answer(get("/v1/events?kind=access&order=asc", reader), 200);
  ck_assert_uint_eq(rows(), 4);
  ck_value("events.0.action", "query");
  ck_value("events.0.source", "counterfoil");
  ck_value("events.0.user", "ron");
  ck_assert_uint_eq(strlen(value("events.0.credential")), 10);
  ck_value("events.0.ip", "192.0.2.7");
  ck_value("events.0.attributes.filter", "user=u1&method=GET");
  ck_value("events.0.attributes.rows", "1");
  ck_value("events.1.action", "read");
  ck_value("events.2.action", "verify");
  ck_value("events.3.action", "refused");
  ck_value("events.3.user", "ron");
  ck_value("events.3.outcome", "failure");
}
END_TEST

/* Strangers are told of once a minute and address. */
START_TEST(test_strangers)
{
  for (int i = 0; i < 20; i++)
    ck_answer(get("/v1/events", i % 2 ? NULL : "cf_no_such"), 401);
  ck_assert_str_eq(header("WWW-Authenticate"), "Bearer");
  feed(1);
  ck_answer(get("/v1/events?kind=access&action=refused", reader), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_value("events.0.user", "null");
  ck_value("events.0.ip", "192.0.2.7");
  ck_value("events.0.attributes.count", "1");
  stage_reopen();
  ck_answer(get("/v1/events?kind=access&action=refused", reader), 200);
  ck_assert_uint_eq(rows(), 2);
  ck_value("events.0.attributes.count", "19");
}
END_TEST

/* ---- damage ---- */

static void setup_small(void)
{
  stage_conf_set = stage_small_segments;
  stage_setup_roles();
}

/* Flip a byte of a page (16 KiB) of the second segment; false where it has no
 * such page. */
static bool flip(off_t page)
{
  char path[300];
  struct stat st;
  stage_segment_path(2, path);
  ck_assert_int_eq(stat(path, &st), 0);
  if ((page + 1) * 16384 > st.st_size)
    return false;
  temp_flip(path, page * 16384 + 16000);
  return true;
}

/* A ledger whose first record cannot be read does not open. */
static bool try_open(void)
{
  struct cf_fault fault;
  return cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault) == CF_OK &&
         cf_app_new(&stage_conf, stage_ledger, &stage_app, &fault) == CF_OK;
}

/* Damage a page that holds records of this question and leaves the ledger
 * standing; gives what GET answered. */
static int damage_records(const char *path)
{
  for (off_t page = 2;; page++) {
    stage_close();
    ck_assert_msg(flip(page), "no page that only records depend on");
    if (try_open() && get(path, reader) == 500)
      return 500;
    stage_close();
    ck_assert(flip(page));
  }
}

/* Two megabytes of text, newer than all else. */
static void feed_long(void)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < 200; i++) {
    cf_buf_puts(&b, "{\"message\":\"");
    uint8_t *p = cf_buf_grow(&b, 10000);
    ck_assert_ptr_nonnull(p);
    memset(p, 'm', 10000);
    cf_buf_puts(&b, "\"}\n");
  }
  feed_batch(writer, &b);
}

/* What had begun to be sent cannot become a problem any more; it ends so that
 * nobody takes it for whole. */
static void check_broken_off(void)
{
  struct cf_json *none = NULL;
  size_t quotes = 0;
  ck_answer(get("/v1/events?source=web1&limit=10000", reader), 200);
  ck_contains("store-damaged");
  ck_assert(stage_abandoned);
  ck_assert_err(cf_json_parse(cf_memory_content(&stage_answer), 16, &none, NULL), CF_E_SYNTAX);
  ck_answer(get("/v1/events?source=web1&limit=all&format=ndjson", reader), 200);
  ck_assert(stage_abandoned);
  const char *last = strrchr(content(), '\n') + 1;
  ck_assert_ptr_nonnull(strstr(last, "store-damaged"));
  ck_assert_err(cf_json_parse(cf_str_from(last), 16, &none, NULL), CF_E_SYNTAX);
  ck_answer(get("/v1/events?source=web1&limit=all&format=csv", reader), 200);
  ck_contains("store-damaged");
  for (const char *p = content(); *p != '\0'; p++)
    quotes += *p == '"';
  ck_assert_uint_eq(quotes % 2, 1);
  ck_answer(get("/v1/keys", reader), 200); /* takes along what was posted */
  ck_answer(get("/v1/events?kind=access&action=export&outcome=failure&limit=1", reader), 200);
  ck_value("events.0.attributes.filter", "source=web1");
}

START_TEST(test_damage)
{
  char path[80];
  feed_noise(writer, 400);
  feed_noise(writer, 400);
  stage_wait_for_segments(3);
  ck_answer(get("/v1/events?source=web1&limit=1000", reader), 200);
  ck_assert_uint_eq(rows(), 800);
  ck_answer(damage_records("/v1/events?source=web1&limit=1000"), 500);
  ck_value("type", "urn:counterfoil:store-damaged");
  long long from = number("seq_from");
  long long to = number("seq_to");
  ck_assert_int_lt(from, to);
  ck_assert_int_ge(from, 256);
  ck_assert_int_le(to, 512);
  snprintf(path, sizeof path, "seq_to=%lld", from);
  ck_contains(path);
  snprintf(path, sizeof path, "/?seq_from=%lld&seq_to=%lld", from, to);
  ck_answer(get(path, reader), 500);
  ck_contains("cannot be read");
  ck_lacks("No events");
  snprintf(path, sizeof path, "/v1/events/%lld", from);
  ck_answer(get(path, reader), 500);
  ck_value("type", "urn:counterfoil:store-damaged");
  ck_assert_int_eq(number("seq_to") - number("seq_from"), 64);
  snprintf(path, sizeof path, "/v1/events?source=web1&limit=1000&seq_from=%lld", to);
  ck_answer(get(path, reader), 200);
  ck_assert_uint_gt(rows(), 0);
  ck_answer(get("/v1/events/100", reader), 200);
  ck_assert(!stage_abandoned);
  ck_answer(get("/v1/events/600", reader), 200);
  ck_answer(get("/v1/verify", auditor), 200);
  ck_value("ok", "false");
  ck_value("errors.0.code", "STORE_DAMAGED");
  feed_long();
  check_broken_off();
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "question",
       .test = test_page,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "question", .test = test_walk},
      {.tcase = "question", .test = test_cursor},
      {.tcase = "question", .test = test_bad_question},
      {.tcase = "question", .test = test_head},
      {.tcase = "format",
       .test = test_format,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "format", .test = test_bad_format, .loops = CF_COUNT(bad_formats)},
      {.tcase = "format", .test = test_hostile},
      {.tcase = "record", .test = test_one, .setup = stage_setup_roles, .teardown = stage_teardown},
      {.tcase = "record", .test = test_proof},
      {.tcase = "trail",
       .test = test_trail,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "trail", .test = test_strangers},
      {.tcase = "damage", .test = test_damage, .setup = setup_small, .teardown = stage_teardown},
  };
  return cf_test_run("app_query", tests, CF_COUNT(tests));
}
