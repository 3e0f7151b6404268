/* SPDX-License-Identifier: MIT */
/* Answers that are packed come back whole, whatever their length and however
 * they were put; what is short, secret or known is not packed. */
#include "config.h"

#include <stdlib.h>

#include "fcgi-app/http/body.h"
#include "fcgi-app/http/memory.h"
#include "fcgi-app/http/response.h"
#include "tests/unit/cf_test.h"

static struct cf_memory memory;
static struct cf_response response;
static struct cf_buf text;

static void setup(void)
{
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_response_init(&response, &memory.transport, false);
  response.takes_gzip = true;
  cf_buf_init(&text, SIZE_MAX);
}

static void teardown(void)
{
  cf_buf_fini(&text);
  cf_response_fini(&response);
  cf_memory_fini(&memory);
}

/* n more bytes of text, half of which nothing foretells, in one piece. */
static void put(size_t n)
{
  static uint64_t state = 88172645463325252u;
  size_t from = text.n;
  while (text.n < from + n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    cf_buf_putc(&text, state % 2 == 0 ? 'x' : (char)(state >> 32));
  }
  ck_assert_ok(cf_response_put(&response, (struct cf_str){(const char *)text.p + from, n}));
}

static bool has(const char *name, const char *value)
{
  return cf_str_is(cf_memory_header(&memory, name), value);
}

/* The answer's content, unpacked by who reads requests. */
static enum cf_err unpack(struct cf_buf *b)
{
  struct cf_fault fault;
  struct cf_charges *charges;
  struct cf_memory sent;
  struct cf_request request;
  struct cf_body body;
  ck_assert_ok(cf_charges_new(UINT64_C(64) << 20, &charges));
  struct cf_charge charge = {.charges = charges};
  cf_memory_init(&sent, CF_DOOR_WEB);
  ck_assert_ok(cf_memory_param(&sent, "HTTP_CONTENT_ENCODING", "gzip"));
  cf_memory_body(&sent, cf_memory_content(&memory));
  cf_request_init(&request, &sent.transport, CF_STR(""));
  enum cf_err err = cf_body_read(&charge, &request, 8 << 20, &body, &fault);
  if (err == CF_OK) {
    cf_buf_putstr(b, cf_buf_str(&body.data));
    cf_body_fini(&body);
  }
  cf_request_fini(&request);
  cf_memory_fini(&sent);
  cf_charges_free(charges);
  return err;
}

static void check_packed(void)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  ck_assert(has("Content-Encoding", "gzip"));
  ck_assert(has("Vary", "Accept-Encoding"));
  ck_assert(has("Content-Length", "")); /* it is told while it is made */
  ck_assert_ok(unpack(&b));
  ck_assert_bytes(b.p, b.n, text.p, text.n);
  cf_buf_fini(&b);
}

static const struct {
  size_t first, piece, pieces;
  bool flushes;
} packed[] = {
    {CF_RESPONSE_SMALL + 1, 0, 0, false},
    {CF_RESPONSE_HOLD, 0, 0, false},
    {CF_RESPONSE_HOLD + 1, 0, 0, false},
    {CF_RESPONSE_HOLD, 65536, 40, false},
    {2000, 1, 500, true},
    {2000, 10000, 20, true},
    {2000, 0, 0, true},
};

START_TEST(test_packed)
{
  put(packed[_i].first);
  for (size_t i = 0; i <= packed[_i].pieces; i++) {
    if (packed[_i].flushes)
      ck_assert_ok(cf_response_flush(&response));
    if (i < packed[_i].pieces)
      put(packed[_i].piece);
  }
  ck_assert_ok(cf_response_end(&response));
  check_packed();
}
END_TEST

/* What was put can be read at once: what is flushed ends with an empty
 * block. */
START_TEST(test_flush)
{
  put(2000);
  for (int i = 0; i < 10; i++) {
    size_t before = memory.answer.n;
    put(10);
    ck_assert_ok(cf_response_flush(&response));
    ck_assert_uint_gt(memory.answer.n, before);
    ck_assert_int_eq(memcmp(memory.answer.p + memory.answer.n - 4, "\0\0\xff\xff", 4), 0);
  }
}
END_TEST

/* What breaks off has no end: nobody takes it for whole. */
START_TEST(test_broken)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  put(CF_RESPONSE_HOLD + 1);
  cf_response_abandon(&response);
  ck_assert_ok(cf_response_end(&response));
  ck_assert(has("Content-Encoding", "gzip"));
  ck_assert_err(unpack(&b), CF_E_SYNTAX);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_small)
{
  put(CF_RESPONSE_SMALL);
  ck_assert_ok(cf_response_end(&response));
  ck_assert(has("Content-Encoding", ""));
  ck_assert(has("Vary", "Accept-Encoding"));
  ck_assert(has("Content-Length", "1024"));
}
END_TEST

START_TEST(test_plain)
{
  response.plain = _i == 0;
  response.takes_gzip = _i == 0;
  put(3000);
  ck_assert_ok(cf_response_end(&response));
  ck_assert(has("Content-Encoding", ""));
  ck_assert(has("Vary", _i == 0 ? "" : "Accept-Encoding"));
  ck_assert(has("Content-Length", "3000"));
  ck_assert_uint_eq(cf_memory_content(&memory).n, 3000);
}
END_TEST

/* HEAD and 304 say what GET would, without a body; what is packed has an ETag
 * of its own. 304 does not say how a body that it has not is packed: the one
 * that it speaks of may not be. */
START_TEST(test_silent)
{
  char etag[CF_ETAG_N];
  char want[CF_ETAG_N + 8];
  cf_etag_make(CF_STR("text"), etag);
  snprintf(want, sizeof want, "%.33s-gzip\"", etag);
  response.head = _i == 0;
  ck_assert_ok(cf_response_etag(&response, etag, _i == 1));
  put(_i < 2 ? 3000 : 30);
  ck_assert_ok(cf_response_end(&response));
  ck_assert_int_eq(cf_memory_status(&memory), _i == 1 ? 304 : 200);
  ck_assert(has("Content-Encoding", _i == 0 ? "gzip" : ""));
  ck_assert(has("ETag", _i < 2 ? want : etag));
  ck_assert_uint_eq(cf_memory_content(&memory).n, _i < 2 ? 0 : 30);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "gzip",
       .test = test_packed,
       .loops = CF_COUNT(packed),
       .setup = setup,
       .teardown = teardown},
      {.tcase = "gzip", .test = test_flush},
      {.tcase = "gzip", .test = test_broken},
      {.tcase = "gzip", .test = test_small},
      {.tcase = "gzip", .test = test_plain, .loops = 2},
      {.tcase = "gzip", .test = test_silent, .loops = 3},
  };
  return cf_test_run("gzip", tests, CF_COUNT(tests));
}
