/* SPDX-License-Identifier: MIT */
/* The FastCGI client against peers that are scripted byte by byte: what a
 * responder may say, and what it may not. */
#include "config.h"

#include "fcgi-app/door/fcgi_client.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

#define LONG_N      70000
#define PATIENCE_US 100000000

static int pair[2];
static struct cf_exchange *exchange;

static void set_up(void)
{
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  ck_assert_ok(cf_exchange_new(&exchange));
}

static void tear_down(void)
{
  cf_exchange_free(exchange);
  close(pair[0]);
  if (pair[1] >= 0)
    close(pair[1]);
}

static enum cf_err keep_answer(void *context, const void *p, size_t n)
{
  struct cf_buf *b = context;

  cf_buf_put(b, p, n);
  return b->err;
}

#define HEAD(type, length, padding) "\x01" type "\x00\x01" length padding "\x00"
#define OUT_HELLO                   HEAD("\x06", "\x00\x05", "\x00") "hello"
#define OUT_END                     HEAD("\x06", "\x00\x00", "\x00")
#define END_OK                      HEAD("\x03", "\x00\x08", "\x00") "\x00\x00\x00\x00\x00\x00\x00\x00"
#define BYTES(literal)              (literal), sizeof(literal) - 1

static const struct {
  const char *name;
  const char *bytes;
  size_t n;
  enum cf_err err;
  const char *answer;
} scripts[] = {
    {"whole", BYTES(OUT_HELLO OUT_END END_OK), CF_OK, "hello"},
    {"no end of stdout", BYTES(OUT_HELLO END_OK), CF_OK, "hello"},
    {"in two pieces", BYTES(OUT_HELLO OUT_HELLO OUT_END END_OK), CF_OK, "hellohello"},
    {"padded", BYTES(HEAD("\x06", "\x00\x02", "\x06") "hi......" OUT_END END_OK), CF_OK, "hi"},
    {"padded end",
     BYTES(OUT_HELLO HEAD("\x03", "\x00\x08", "\x03") "\x00\x00\x00\x00\x00\x00\x00\x00___"), CF_OK,
     "hello"},
    {"words on stderr", BYTES(HEAD("\x07", "\x00\x04", "\x00") "oops" OUT_HELLO END_OK), CF_OK,
     "hello"},
    {"bytes after the end", BYTES(OUT_HELLO END_OK "junk"), CF_OK, "hello"},
    {"nothing", BYTES(""), CF_E_PEER, ""},
    {"half a header", BYTES("\x01\x06\x00"), CF_E_PEER, ""},
    {"cut in the content", BYTES(HEAD("\x06", "\x00\x05", "\x00") "hel"), CF_E_PEER, "hel"},
    {"cut before the end", BYTES(OUT_HELLO OUT_END), CF_E_PEER, "hello"},
    {"cut in the end", BYTES(OUT_HELLO HEAD("\x03", "\x00\x08", "\x00") "\x00\x00"), CF_E_PEER,
     "hello"},
    {"another version",
     BYTES("\x02\x06\x00\x01\x00\x05\x00\x00"
           "hello" END_OK),
     CF_E_PEER, ""},
    {"another request",
     BYTES("\x01\x06\x00\x02\x00\x05\x00\x00"
           "hello" END_OK),
     CF_E_PEER, ""},
    {"an unknown type", BYTES(HEAD("\x0b", "\x00\x00", "\x00") END_OK), CF_E_PEER, ""},
    {"a request record", BYTES(HEAD("\x05", "\x00\x05", "\x00") "hello" END_OK), CF_E_PEER, ""},
    {"stdout after its end", BYTES(OUT_HELLO OUT_END OUT_HELLO END_OK), CF_E_PEER, "hello"},
    {"a short end", BYTES(OUT_HELLO HEAD("\x03", "\x00\x04", "\x00") "\x00\x00\x00\x00"), CF_E_PEER,
     "hello"},
    {"a long end",
     BYTES(OUT_HELLO HEAD("\x03", "\x00\x09", "\x00") "\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
     CF_E_PEER, "hello"},
    {"cannot multiplex", BYTES(HEAD("\x03", "\x00\x08", "\x00") "\x00\x00\x00\x00\x01\x00\x00\x00"),
     CF_E_PEER, ""},
    {"overloaded", BYTES(HEAD("\x03", "\x00\x08", "\x00") "\x00\x00\x00\x00\x02\x00\x00\x00"),
     CF_E_PEER, ""},
};

static void run_script(int i, size_t piece)
{
  struct cf_buf answer;
  cf_buf_init(&answer, 1000);
  struct cf_exchange_io io = {.context = &answer, .answer = keep_answer, .silence_us = PATIENCE_US};

  for (size_t at = 0; at < scripts[i].n; at += piece) {
    size_t n = scripts[i].n - at < piece ? scripts[i].n - at : piece;
    ck_assert_int_eq(send(pair[1], scripts[i].bytes + at, n, 0), (ssize_t)n);
  }
  shutdown(pair[1], SHUT_WR);
  enum cf_err err = cf_exchange_run(exchange, pair[0], &io);
  ck_assert_msg(err == scripts[i].err, "%s: %s", scripts[i].name, cf_err_word(err));
  ck_assert_str_eq(cf_buf_cstr(&answer), scripts[i].answer);
  ck_assert_int_eq(cf_exchange_answer_passed(exchange), scripts[i].answer[0] != '\0');
  ck_assert(!cf_exchange_own_error(exchange));
  cf_buf_fini(&answer);
}

START_TEST(test_script)
{
  run_script(_i, 1000);
}
END_TEST

/* The same words, one byte at a time. */
static void *trickle(void *arg)
{
  int i = *(int *)arg;

  for (size_t at = 0; at < scripts[i].n; at++) {
    (void)!send(pair[1], scripts[i].bytes + at, 1, MSG_NOSIGNAL);
    usleep(200);
  }
  shutdown(pair[1], SHUT_WR);
  return NULL;
}

START_TEST(test_trickle)
{
  struct cf_buf answer;
  cf_buf_init(&answer, 1000);
  struct cf_exchange_io io = {.context = &answer, .answer = keep_answer, .silence_us = PATIENCE_US};
  pthread_t thread;
  int i = _i;

  ck_assert_int_eq(pthread_create(&thread, NULL, trickle, &i), 0);
  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), scripts[i].err);
  ck_assert_str_eq(cf_buf_cstr(&answer), scripts[i].answer);
  pthread_join(thread, NULL);
  cf_buf_fini(&answer);
}
END_TEST

START_TEST(test_silence)
{
  struct cf_buf answer;
  cf_buf_init(&answer, 1000);
  struct cf_exchange_io io = {.context = &answer, .answer = keep_answer, .silence_us = 100000};

  ck_assert_int_eq(send(pair[1], OUT_HELLO, 13, 0), 13);
  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_PEER);
  cf_buf_fini(&answer);
}
END_TEST

static enum cf_err refuse_answer(void *context, const void *p, size_t n)
{
  (void)context, (void)p, (void)n;
  return CF_E_FULL;
}

START_TEST(test_own_error)
{
  struct cf_exchange_io io = {.answer = refuse_answer, .silence_us = PATIENCE_US};

  ck_assert_int_eq(send(pair[1], OUT_HELLO, 13, 0), 13);
  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_FULL);
  ck_assert(cf_exchange_own_error(exchange));
  ck_assert(!cf_exchange_again(exchange, true));
}
END_TEST

static enum cf_err refuse_body(void *context, void *out, size_t max, size_t *n)
{
  (void)context, (void)out, (void)max, (void)n;
  return CF_E_NOMEM;
}

START_TEST(test_body_error)
{
  struct cf_exchange_io io = {.answer = refuse_answer,
                              .body = refuse_body,
                              .silence_us = PATIENCE_US};

  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_NOMEM);
  ck_assert(cf_exchange_own_error(exchange));
}
END_TEST

/* What goes out, read off the wire and taken apart: BEGIN_REQUEST, PARAMS in
 * records of at most 65,535 bytes, the end of each stream. */
START_TEST(test_wire)
{
  static char value[LONG_N];
  static uint8_t wire[2 * LONG_N];
  static uint8_t params[2 * LONG_N];
  size_t n = 0, params_n = 0, at = 0;
  struct cf_exchange_io io = {.answer = keep_answer, .silence_us = 100000};

  memset(value, 'v', sizeof value);
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("A"), CF_STR("")));
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("LONG"), (struct cf_str){value, sizeof value}));
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("B"), (struct cf_str){value, 127}));
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("C"), (struct cf_str){value, 128}));
  int size = 4 * LONG_N;
  ck_assert_int_eq(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_PEER);
  shutdown(pair[0], SHUT_WR);
  for (ssize_t got; (got = read(pair[1], wire + n, sizeof wire - n)) > 0;)
    n += (size_t)got;

  ck_assert_hex(wire, 16, "01010001000800000001000000000000");
  at = 16;
  while (wire[at + 1] == 4) {
    size_t length = (size_t)wire[at + 4] << 8 | wire[at + 5];
    memcpy(params + params_n, wire + at + 8, length);
    params_n += length;
    at += 8 + length + wire[at + 6];
    if (length == 0)
      break;
  }
  ck_assert_hex(wire + at, n - at, "0105000100000000");
  ck_assert_uint_eq(params_n, 3 + (1 + 4 + 4 + LONG_N) + (2 + 1 + 127) + (1 + 4 + 1 + 128));
  ck_assert_hex(params, 3 + 9,
                "010041"
                "0480011170"
                "4c4f4e47");
  ck_assert_hex(params + 3 + 9 + LONG_N, 3, "017f42");
  ck_assert_hex(params + 3 + 9 + LONG_N + 3 + 127, 6, "018000008043");
  ck_assert(cf_exchange_body_passed(exchange));
}
END_TEST

START_TEST(test_params_bounded)
{
  static char value[CF_EXCHANGE_PARAMS_MAX];

  ck_assert_err(cf_exchange_param(exchange, CF_STR("A"), (struct cf_str){value, sizeof value}),
                CF_E_FULL);
  ck_assert_err(cf_exchange_param(exchange, CF_STR("A"), (struct cf_str){value, SIZE_MAX}),
                CF_E_FULL);
}
END_TEST

/* Asked for after each run that failed: (was the body passed on, did it have
 * bytes, safe) → again? */
static enum cf_err one_byte(void *context, void *out, size_t max, size_t *n)
{
  size_t *left = context;

  (void)max;
  *n = *left > 0 ? 1 : 0;
  *left -= *n;
  memcpy(out, "x", 1);
  return CF_OK;
}

START_TEST(test_again)
{
  size_t none = 0, one = 1;
  struct cf_exchange_io io = {.context = _i ? &one : &none,
                              .body = one_byte,
                              .answer = keep_answer,
                              .silence_us = 100000};

  ck_assert(cf_exchange_again(exchange, false));
  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_PEER);
  ck_assert(cf_exchange_body_passed(exchange));
  ck_assert(!cf_exchange_again(exchange, false));
  ck_assert_int_eq(cf_exchange_again(exchange, true), _i == 0);
}
END_TEST

/* A responder that is gone when the body comes: the body's bytes are kept. */
static enum cf_err late_byte(void *context, void *out, size_t max, size_t *n)
{
  close(pair[1]);
  pair[1] = -1;
  return one_byte(context, out, max, n);
}

START_TEST(test_pending)
{
  size_t one = 1;
  struct cf_exchange_io io = {.context = &one,
                              .body = late_byte,
                              .answer = keep_answer,
                              .silence_us = 100000};

  ck_assert_err(cf_exchange_run(exchange, pair[0], &io), CF_E_PEER);
  ck_assert(!cf_exchange_body_passed(exchange));
  ck_assert(cf_exchange_again(exchange, false));
  struct cf_str pending = cf_exchange_pending(exchange);
  ck_assert_bytes(pending.p, pending.n, "x", 1);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "script",
       .test = test_script,
       .loops = CF_COUNT(scripts),
       .setup = set_up,
       .teardown = tear_down},
      {.tcase = "script", .test = test_trickle, .loops = CF_COUNT(scripts)},
      {.tcase = "script", .test = test_silence},
      {.tcase = "script", .test = test_own_error},
      {.tcase = "script", .test = test_body_error},
      {.tcase = "script", .test = test_wire},
      {.tcase = "script", .test = test_params_bounded},
      {.tcase = "script", .test = test_again, .loops = 2},
      {.tcase = "script", .test = test_pending},
  };
  return cf_test_run("fcgi_client", tests, CF_COUNT(tests));
}
