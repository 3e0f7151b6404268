/* SPDX-License-Identifier: MIT */
/* Request bodies: codings, limits, the memory that all share. The gzip
 * constants were made with gzip(1). */
#include "config.h"

#include "fcgi-app/http/body.h"

#include "fcgi-app/http/memory.h"
#include "lib/base/codec.h"
#include "lib/base/pack.h"
#include "tests/unit/cf_test.h"

#define MAX 100000

static struct cf_memory memory;
static struct cf_request request;
#define TOOLS (1 << 20) /* more than what inflates takes */

static struct cf_charges *charges;
static struct cf_charge charge;
static struct cf_body body;
static struct cf_buf sent;
static struct cf_fault fault;

static void setup(void)
{
  cf_memory_init(&memory, CF_DOOR_WEB);
  cf_request_init(&request, &memory.transport, CF_STR(""));
  cf_buf_init(&sent, SIZE_MAX);
  memset(&body, 0, sizeof body);
  ck_assert_ok(cf_charges_new(UINT64_C(64) << 20, &charges));
  charge = (struct cf_charge){.charges = charges};
}

static void teardown(void)
{
  cf_body_fini(&body);
  ck_assert_uint_eq(cf_charges_held(charges), 0);
  cf_charges_free(charges);
  cf_buf_fini(&sent);
  cf_request_fini(&request);
  cf_memory_fini(&memory);
}

static enum cf_err receive(const char *coding, uint64_t max)
{
  if (coding != NULL)
    ck_assert_ok(cf_memory_param(&memory, "HTTP_CONTENT_ENCODING", coding));
  cf_memory_body(&memory, cf_buf_str(&sent));
  return cf_body_read(&charge, &request, max, &body, &fault);
}

static void send_base64(const char *text)
{
  ck_assert_ok(cf_base64_get(cf_str_from(text), &sent));
}

/* "hello", as a gzip member. */
#define HELLO "H4sIAAAAAAACA8tIzcnJBwCGphA2BQAAAA=="

static const struct {
  const char *coding, *text;
  bool base64;
  enum cf_err err;
  const char *want;
} bodies[] = {
    {NULL, "", false, CF_OK, ""},
    {NULL, "hello", false, CF_OK, "hello"},
    {"identity", "hello", false, CF_OK, "hello"},
    {"", "hello", false, CF_OK, "hello"},
    {"gzip", HELLO, true, CF_OK, "hello"},
    {"GZIP", HELLO, true, CF_OK, "hello"},
    {"x-gzip", HELLO, true, CF_OK, "hello"},
    {NULL, HELLO, true, CF_OK, "hello"},
    {"identity", HELLO, true, CF_OK, "hello"},
    {"gzip", "", false, CF_OK, ""},
    {"gzip", "hello", false, CF_E_SYNTAX, NULL},
    {"gzip", "H4sIAAAAAAACA8tIzcnJBwCGphA3BQAAAA==", true, CF_E_SYNTAX,
     NULL},                                                                /* a wrong checksum */
    {"gzip", "H4sIAAAAAAACA8tIzcnJBwCGphA2BQAA", true, CF_E_SYNTAX, NULL}, /* cut off */
    {"zstd", "hello", false, CF_E_SYNTAX, NULL},
    {"zstd", "", false, CF_OK, ""},
    {"br", "hello", false, CF_E_ENCODING, NULL},
    {"gzip, gzip", HELLO, true, CF_E_ENCODING, NULL},
};

START_TEST(test_coding)
{
  if (bodies[_i].base64)
    send_base64(bodies[_i].text);
  else
    cf_buf_puts(&sent, bodies[_i].text);
  ck_assert_err(receive(bodies[_i].coding, MAX), bodies[_i].err);
  if (bodies[_i].err == CF_OK)
    ck_assert_bytes(body.data.p, body.data.n, bodies[_i].want, strlen(bodies[_i].want));
  if (bodies[_i].err == CF_OK)
    ck_assert_uint_eq(cf_charges_held(charges), strlen(bodies[_i].want));
  else
    ck_assert_uint_eq(cf_charges_held(charges), 0);
}
END_TEST

/* Members one after the other are one body; what follows them and is none is an
 * error. */
START_TEST(test_members)
{
  send_base64(HELLO);
  send_base64(HELLO);
  ck_assert_ok(receive("gzip", MAX));
  ck_assert_bytes(body.data.p, body.data.n, "hellohello", 10);
}
END_TEST

START_TEST(test_behind_member)
{
  send_base64(HELLO);
  cf_buf_puts(&sent, "more");
  ck_assert_err(receive("gzip", MAX), CF_E_SYNTAX);
}
END_TEST

START_TEST(test_zstd)
{
  static char text[300000];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)(i * i >> 7);
  ck_assert_ok(cf_pack(text, sizeof text, &sent));
  ck_assert_ok(receive("zstd", MAX));
  ck_assert_bytes(body.data.p, body.data.n, text, sizeof text);
  ck_assert_uint_eq(cf_charges_held(charges), sizeof text);
}
END_TEST

START_TEST(test_zstd_cut)
{
  ck_assert_ok(cf_pack("hello hello hello", 17, &sent));
  cf_buf_cut(&sent, 1);
  ck_assert_err(receive("zstd", MAX), CF_E_SYNTAX);
}
END_TEST

/* A transport that gives a byte at a time: the magic comes in two pieces. */
static enum cf_err (*read_all)(void *context, void *out, size_t max, size_t *n);
static enum cf_err read_byte(void *context, void *out, size_t max, size_t *n)
{
  return read_all(context, out, max < 1 ? max : 1, n);
}

START_TEST(test_dribble)
{
  read_all = memory.transport.read;
  memory.transport.read = read_byte;
  send_base64(HELLO);
  ck_assert_ok(receive(NULL, MAX));
  ck_assert_bytes(body.data.p, body.data.n, "hello", 5);
}
END_TEST

static enum cf_err read_fails(void *context, void *out, size_t max, size_t *n)
{
  (void)context;
  (void)out;
  (void)max;
  (void)n;
  return CF_E_PEER;
}

START_TEST(test_client_left)
{
  memory.transport.read = read_fails;
  ck_assert_err(receive(NULL, MAX), CF_E_PEER);
}
END_TEST

/* ---- limits ---- */

static void fill(size_t n)
{
  uint8_t *p = cf_buf_grow(&sent, n);
  ck_assert_ptr_nonnull(p);
  memset(p, 'x', n);
}

START_TEST(test_exactly)
{
  fill(70000);
  ck_assert_ok(receive(NULL, 70000));
  ck_assert_uint_eq(body.data.n, 70000);
}
END_TEST

START_TEST(test_too_long)
{
  fill(70001);
  ck_assert_err(receive(NULL, 70000), CF_E_FULL);
  ck_assert_ptr_nonnull(strstr(fault.detail, "70000"));
}
END_TEST

static const struct {
  size_t n;
  enum cf_err err;
} inflated[] = {{8000, CF_OK}, {8001, CF_E_FULL}, {4000000, CF_E_FULL}};

START_TEST(test_inflated)
{
  static char text[4000000];
  ck_assert_ok(cf_pack(text, inflated[_i].n, &sent));
  ck_assert_err(receive("zstd", 1000), inflated[_i].err);
}
END_TEST

static void send_zeros(size_t count)
{
  char command[80];
  snprintf(command, sizeof command, "head -c %zu /dev/zero | gzip -9", count);
  FILE *zip = popen(command, "r");
  ck_assert_ptr_nonnull(zip);
  for (size_t n = 1; n > 0;) {
    uint8_t *p = cf_buf_grow(&sent, 65536);
    n = fread(p, 1, 65536, zip);
    cf_buf_cut(&sent, 65536 - n);
  }
  ck_assert_int_eq(pclose(zip), 0);
}

/* A hundred million zeros in 97 KB of gzip: stopped at the limit, and nothing
 * of it stays. */
START_TEST(test_bomb)
{
  send_zeros(100000000);
  ck_assert_err(receive(NULL, MAX), CF_E_FULL);
}
END_TEST

START_TEST(test_charges)
{
  struct cf_charges *small;
  struct cf_body first;
  ck_assert_ok(cf_charges_new(100000, &small));
  struct cf_charge one = {.charges = small}, other = {.charges = small};
  fill(60000);
  cf_memory_body(&memory, cf_buf_str(&sent));
  ck_assert_ok(cf_body_read(&one, &request, MAX, &first, &fault));
  ck_assert_uint_eq(cf_charges_held(small), 60000);
  cf_memory_body(&memory, cf_buf_str(&sent));
  request.body_ended = false;
  ck_assert_err(cf_body_read(&other, &request, MAX, &body, &fault), CF_E_MEMORY);
  ck_assert_uint_eq(cf_charges_held(small), 60000);
  cf_body_fini(&first);
  ck_assert_uint_eq(cf_charges_held(small), 0);
  cf_charges_free(small);
}
END_TEST

/* A body that inflates to all that one may have fits where there is room for it
 * and for what inflates it. Beyond it the body is too large, and not refused
 * for now; so is one that does not fit where it is alone. */
START_TEST(test_fills_memory)
{
  static char zeros[8 * 375000 + 1];
  bool fits = _i < 2;
  size_t n = sizeof zeros - fits, room = _i < 4 ? sizeof zeros + TOOLS : sizeof zeros / 2;
  cf_charges_free(charges);
  ck_assert_ok(cf_charges_new(room, &charges));
  charge = (struct cf_charge){.charges = charges};
  if (_i % 2 == 0)
    send_zeros(n);
  else
    ck_assert_ok(cf_pack(zeros, n, &sent));
  ck_assert_err(receive(_i % 2 == 0 ? "gzip" : "zstd", 375000), fits ? CF_OK : CF_E_FULL);
}
END_TEST

START_TEST(test_says_too_long)
{
  char length[32];
  fill(10);
  cf_memory_body(&memory, cf_buf_str(&sent));
  snprintf(length, sizeof length, "%d", MAX + 1);
  ck_assert_ok(cf_memory_param(&memory, "CONTENT_LENGTH", length));
  ck_assert_err(cf_body_read(&charge, &request, MAX, &body, &fault), CF_E_FULL);
  ck_assert_uint_eq(memory.body.n, 10); /* not a byte was read */
}
END_TEST

/* ---- ahead of its end ---- */

/* Of the command's word for its length, and of that alone, it is read before
 * its end is there. */
START_TEST(test_ahead)
{
  fill(100000);
  memory.transport.door = _i == 0 ? CF_DOOR_ADMIN : CF_DOOR_WEB;
  ck_assert_ok(cf_memory_param(&memory, "CONTENT_LENGTH", "70000"));
  cf_memory_body(&memory, cf_buf_str(&sent));
  ck_assert_ok(cf_body_read_ahead(&charge, &request, MAX, &body, &fault));
  ck_assert_uint_eq(body.data.n, _i == 0 ? 70000 : 100000);
  ck_assert(request.body_ended == (_i != 0));
  ck_assert_err(cf_body_end(&request, &fault), _i == 0 ? CF_E_SYNTAX : CF_OK);
}
END_TEST

START_TEST(test_ahead_ends)
{
  fill(100000);
  memory.transport.door = CF_DOOR_ADMIN;
  if (_i == 0)
    ck_assert_ok(cf_memory_param(&memory, "CONTENT_LENGTH", "100000"));
  cf_memory_body(&memory, cf_buf_str(&sent));
  ck_assert_ok(cf_body_read_ahead(&charge, &request, MAX, &body, &fault));
  ck_assert_uint_eq(body.data.n, 100000);
  ck_assert(request.body_ended == (_i != 0));
  ck_assert_ok(cf_body_end(&request, &fault));
  ck_assert(request.body_ended);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "coding",
       .test = test_coding,
       .loops = CF_COUNT(bodies),
       .setup = setup,
       .teardown = teardown},
      {.tcase = "coding", .test = test_members},
      {.tcase = "coding", .test = test_behind_member},
      {.tcase = "coding", .test = test_zstd},
      {.tcase = "coding", .test = test_zstd_cut},
      {.tcase = "coding", .test = test_dribble},
      {.tcase = "coding", .test = test_client_left},
      {.tcase = "limits", .test = test_exactly, .setup = setup, .teardown = teardown},
      {.tcase = "limits", .test = test_too_long},
      {.tcase = "limits", .test = test_inflated, .loops = CF_COUNT(inflated)},
      {.tcase = "limits", .test = test_bomb},
      {.tcase = "limits", .test = test_charges},
      {.tcase = "limits", .test = test_fills_memory, .loops = 6},
      {.tcase = "limits", .test = test_says_too_long},
      {.tcase = "ahead", .test = test_ahead, .loops = 2, .setup = setup, .teardown = teardown},
      {.tcase = "ahead", .test = test_ahead_ends, .loops = 2},
  };
  return cf_test_run("body", tests, CF_COUNT(tests));
}
