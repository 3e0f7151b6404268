/* SPDX-License-Identifier: MIT */
/* The bodies of POST /v1/events through the whole application: their end, their
 * limits, and the memory that they take. */
#include "config.h"

#include "fcgi-app/routes/ingest_in.h"
#include "lib/base/pack.h"
#include "lib/input/import.h"
#include "tests/unit/routes/app_roles.h"

/* ---- a body's end ---- */

static enum cf_err (*read_memory)(void *context, void *out, size_t max, size_t *n);
static struct cf_ledger_state state_at_end;
static enum cf_err end_err;

static enum cf_err read_to_end(void *context, void *out, size_t max, size_t *n)
{
  enum cf_err err = read_memory(context, out, max, n);
  if (err != CF_OK || *n > 0)
    return err;
  cf_ledger_state(stage_ledger, &state_at_end);
  return end_err;
}

static const enum cf_err ends[] = {CF_OK, CF_E_PEER, CF_E_SLOW, CF_E_CROWDED};

/* What is read of the command ahead of its end is taken when that comes, and
 * not before; where it is broken off it is not, and nothing was lost. */
START_TEST(test_end_of_the_body)
{
  static const char body[] = "{\"action\":\"x\",\"id\":\"a\"}\n{\"action\":\"x\",\"id\":\"b\"}\n";
  struct cf_ledger_state before, after;
  struct cf_memory memory;
  char length[24];
  snprintf(length, sizeof length, "%zu", strlen(body));
  cf_memory_init(&memory, CF_DOOR_ADMIN);
  ck_assert_ok(cf_memory_param(&memory, "REQUEST_METHOD", "POST"));
  ck_assert_ok(cf_memory_param(&memory, "PATH_INFO", "/v1/events"));
  ck_assert_ok(cf_memory_param(&memory, "QUERY_STRING", "batch=1"));
  ck_assert_ok(cf_memory_param(&memory, "CONTENT_LENGTH", length));
  cf_memory_body(&memory, cf_str_from(body));
  read_memory = memory.transport.read;
  memory.transport.read = read_to_end;
  end_err = ends[_i];
  cf_ledger_state(stage_ledger, &before);
  cf_app_serve(stage_app, &memory.transport);
  cf_ledger_state(stage_ledger, &after);
  ck_assert_uint_eq(state_at_end.size, before.size);
  ck_assert_uint_eq(after.size, before.size + (_i == 0 ? 2 : 0));
  cf_memory_fini(&memory);
  stage_reopen(); /* tells what was counted */
  ck_assert_int_eq(count("kind=loss"), 0);
}
END_TEST

/* The command's body is as long as it says. */
START_TEST(test_longer_body)
{
  ck_answer(
      ask((struct ask){.method = "POST",
                       .path = "/v1/events?batch=1",
                       .body = "{\"action\":\"x\",\"id\":\"a\"}\n{\"action\":\"x\",\"id\":\"b\"}\n",
                       .door = CF_DOOR_ADMIN,
                       .vars = {"CONTENT_LENGTH", "24"}}),
      422);
  ck_assert_int_eq(count("id=a"), 0);
}
END_TEST

/* ---- limits ---- */

static void small_limits(void)
{
  stage_set("max_body", "1000");
  stage_set("max_batch", "3");
  stage_set("ingest_memory", "7000"); /* zstd sets more than that aside */
}

static void setup_small(void)
{
  stage_conf_set = small_limits;
  stage_setup_roles();
}

START_TEST(test_limits)
{
  char big[1200];
  memset(big, ' ', sizeof big);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .token = writer,
                             .body = big,
                             .body_n = sizeof big}),
            413);
  ck_value("type", "urn:counterfoil:too-large");
  ck_answer(post("/v1/events", writer,
                 "[{\"action\":\"x\"},{\"action\":\"x\"},{\"action\":\"x\"}]"),
            200);
  ck_answer(post("/v1/events", writer,
                 "[{\"action\":\"x\"},{\"action\":\"x\"},{\"action\":\"x\"},{\"action\":\"x\"}]"),
            413);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .token = writer,
                             .body = "{}",
                             .vars = {"HTTP_CONTENT_ENCODING", "br"}}),
            415);
  ck_assert_int_eq(count("source=web1"), 3);
}
END_TEST

static void pack_spaces(struct cf_buf *packed)
{
  char spaces[6000];
  memset(spaces, ' ', sizeof spaces);
  cf_buf_init(packed, 4096);
  ck_assert_ok(cf_pack(spaces, sizeof spaces, packed));
}

/* A compressed body of 6,000 bytes: more than all requests together may hold,
 * less than 8 times what one may have. It never fits, so that nobody should try
 * again. */
START_TEST(test_memory)
{
  struct cf_buf packed;
  pack_spaces(&packed);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events",
                             .token = writer,
                             .body = (const char *)packed.p,
                             .body_n = packed.n,
                             .vars = {"HTTP_CONTENT_ENCODING", "zstd"}}),
            413);
  ck_value("type", "urn:counterfoil:too-large");
  cf_buf_fini(&packed);
}
END_TEST

/* Events that need far more room than their texts take in the end: what is held
 * for them is charged. */
START_TEST(test_memory_of_room)
{
  static const char head[] = "{\"action\":\"x\",\"message\":\"", end[] = "\"}";
  struct cf_charge charge = {0};
  struct cf_ingest in;
  struct cf_buf body;
  ck_assert_ok(cf_charges_new(UINT64_C(64) << 20, &charge.charges));
  cf_buf_init(&body, 1 << 20);
  for (unsigned i = 0; i < 20; i++) {
    cf_buf_put(&body, head, sizeof head - 1);
    for (unsigned k = 0; k < 16384; k++)
      cf_buf_put(&body, "\\n", 2);
    cf_buf_put(&body, end, sizeof end - 1);
  }
  ck_assert_ok(body.err);
  cf_ingest_init(&in, &charge);
  in.rules.source = CF_STR("web1");
  ck_assert_ok(cf_ingest_read(&in, cf_buf_str(&body), 20, NULL));
  ck_assert_uint_eq(in.events_n, 20);
  ck_assert_uint_gt(in.texts.held, 2 * in.text_n);
  ck_assert_uint_ge(charge.n, in.texts.held + 20 * sizeof *in.events);
  cf_ingest_fini(&in);
  cf_charge_fini(&charge);
  cf_charges_free(charge.charges);
  cf_buf_fini(&body);
}
END_TEST

/* A body that does not fit is refused before its end was looked for. Of the
 * command it was not meant yet; whoever else sent it has lost it. */
START_TEST(test_memory_ahead)
{
  char length[24];
  struct cf_buf packed;
  pack_spaces(&packed);
  snprintf(length, sizeof length, "%zu", packed.n);
  struct ask large = {.method = "POST",
                      .path = "/v1/events",
                      .token = _i == 0 ? NULL : writer,
                      .door = _i == 0 ? CF_DOOR_ADMIN : CF_DOOR_WEB,
                      .body = (const char *)packed.p,
                      .body_n = packed.n,
                      .vars = {"HTTP_CONTENT_ENCODING", "zstd", "CONTENT_LENGTH", length}};
  ck_answer(ask(large), 413);
  cf_buf_fini(&packed);
  stage_reopen(); /* tells what was counted */
  ck_assert_int_eq(count("kind=loss"), _i);
}
END_TEST

/* ---- an import's batch ---- */

/* The largest that an import makes: events of one kind, and behind them one of
 * a long line. */
static void put_batch(struct cf_buf *body, const char *member, const char *piece, size_t pieces)
{
  cf_buf_init(body, 64 << 20);
  for (size_t n = 0; n < CF_IMPORT_LINES && body->n < CF_IMPORT_BYTES; n++) {
    bool last = n + 1 == CF_IMPORT_LINES || body->n + pieces * strlen(piece) >= CF_IMPORT_BYTES;
    cf_buf_putf(body, "{\"action\":\"x\",\"%s\":\"", last ? "user_agent" : member);
    for (size_t i = 0; i < (last ? CF_LINE_MAX : pieces); i++)
      cf_buf_puts(body, last ? "\\u0001" : piece);
    cf_buf_puts(body, "\"}\n");
  }
  ck_assert_ok(body->err);
}

static const struct {
  const char *member, *piece;
  size_t pieces;
} import_batches[] = {
    {"message", "\\u0001", 330},
    {"message", "\\u0001", 8000},
    {"message", "\\n", 16384},
    {"message", "x", 16384},
    {"message", "x", 1900},
    {"resource", "\\n", 1000},
    {"resource", "\\u0001", 340},
    {"user", "x", 1},
    {"nope", "x", 1},
    {"nope", "\\u0001", 300},
};

/* The ledger needs no more for one than an import counts on. */
START_TEST(test_memory_of_an_import)
{
  struct cf_charge charge = {0};
  struct cf_ingest in;
  struct cf_buf body;
  put_batch(&body, import_batches[_i].member, import_batches[_i].piece, import_batches[_i].pieces);
  ck_assert_ok(cf_charges_new(CF_IMPORT_MEMORY, &charge.charges));
  cf_ingest_init(&in, &charge);
  in.batch = true;
  in.rules.source = CF_STR("web1");
  in.rules.writer = CF_STR("local");
  in.rules.cut_long = true;
  ck_assert_ok(cf_charge_add(&charge, body.n));
  ck_assert_ok(cf_ingest_read(&in, cf_buf_str(&body), CF_IMPORT_LINES, NULL));
  cf_charge_cut(&charge, body.n);
  ck_assert_ok(cf_ingest_prepare(&in, NULL));
  cf_ingest_fini(&in);
  cf_charge_fini(&charge);
  cf_charges_free(charge.charges);
  cf_buf_fini(&body);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "end",
       .test = test_end_of_the_body,
       .loops = CF_COUNT(ends),
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "end", .test = test_longer_body},
      {.tcase = "limits", .test = test_limits, .setup = setup_small, .teardown = stage_teardown},
      {.tcase = "limits", .test = test_memory},
      {.tcase = "limits", .test = test_memory_ahead, .loops = 2},
      {.tcase = "memory", .test = test_memory_of_room},
      {.tcase = "memory", .test = test_memory_of_an_import, .loops = CF_COUNT(import_batches)},
  };
  return cf_test_run("app_events_body", tests, CF_COUNT(tests));
}
