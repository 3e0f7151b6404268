/* SPDX-License-Identifier: MIT */
/* Plain CGI: the environment as parameters, where the body ends, what is
 * written. */
#include "config.h"

#include "fcgi-app/door/cgi_in.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

#define ENVIRONMENT_MAX 8
#define PATIENCE_US     INT64_C(100000000)

static char storage[ENVIRONMENT_MAX][200];
static char *environment[ENVIRONMENT_MAX + 1];
static int in[2], out[2];

static void set(size_t i, const char *assignment)
{
  snprintf(storage[i], sizeof storage[i], "%s", assignment);
  environment[i] = storage[i];
}

static void set_up(void)
{
  ck_assert_int_eq(pipe(in), 0);
  ck_assert_int_eq(pipe(out), 0);
}

static void say(int fd, const char *text)
{
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void read_all(struct cf_cgi *cgi, size_t piece, char *got, size_t max)
{
  size_t n, at = 0;

  do {
    ck_assert_uint_le(at + piece, max);
    ck_assert_ok(cgi->transport.read(cgi, got + at, piece, &n));
    at += n;
  } while (n > 0);
  got[at] = '\0';
}

static enum cf_err list(void *arg, const char *assignment)
{
  struct cf_buf *b = arg;

  cf_buf_puts(b, assignment);
  cf_buf_putc(b, '\n');
  return b->err;
}

START_TEST(test_params)
{
  struct cf_cgi cgi;
  struct cf_buf b;

  set(0, "REQUEST_METHOD=GET");
  set(1, "COUNTERFOIL_DOOR=cli");
  set(2, "QUERY_STRING=a=b&c=d");
  set(3, "COUNTERFOIL_CONF=/somewhere");
  set(4, "NOTHING");
  set(5, "QUERY=other");
  cf_cgi_init(&cgi, environment, PATIENCE_US, in[0], out[1]);
  ck_assert_int_eq(cgi.transport.door, CF_DOOR_WEB);
  ck_assert_str_eq(cgi.transport.param(&cgi, "QUERY_STRING"), "a=b&c=d");
  ck_assert_str_eq(cgi.transport.param(&cgi, "QUERY"), "other");
  ck_assert_ptr_null(cgi.transport.param(&cgi, "QUER"));
  ck_assert_ptr_null(cgi.transport.param(&cgi, "COUNTERFOIL_DOOR"));
  ck_assert_ptr_null(cgi.transport.param(&cgi, "COUNTERFOIL_CONF"));
  cf_buf_init(&b, 1000);
  ck_assert_ok(cgi.transport.each_param(&cgi, list, &b));
  ck_assert_str_eq(cf_buf_cstr(&b), "REQUEST_METHOD=GET\nQUERY_STRING=a=b&c=d\nQUERY=other\n");
  cf_buf_fini(&b);
  ck_assert_ok(cf_cgi_fini(&cgi));
}
END_TEST

/* Where the body ends, by method, CONTENT_LENGTH and what the descriptor is. */
enum kind { PIPE, SOCKET, OPEN_PIPE };
static const struct {
  const char *method;
  const char *length;
  enum kind kind;
  const char *sent;
  const char *got;
} bodies[] = {
    {"POST", "5", PIPE, "hello", "hello"},
    {"POST", "3", PIPE, "hello", "hello"}, /* a filter made it longer */
    {"POST", "9", PIPE, "hello", "hello"},
    {"POST", "-1", PIPE, "hello", "hello"},
    {"POST", NULL, PIPE, "hello", "hello"},
    {"POST", "5", SOCKET, "hello", "hello"}, /* which stays open */
    {"POST", "3", SOCKET, "hello", "hel"},
    {"GET", NULL, OPEN_PIPE, "hello", ""},
    {"GET", "2", OPEN_PIPE, "hello", "he"},
    {"HEAD", "", OPEN_PIPE, "hello", ""},
};

START_TEST(test_body)
{
  struct cf_cgi cgi;
  char assignment[100], got[100];
  int pair[2];

  snprintf(assignment, sizeof assignment, "REQUEST_METHOD=%s", bodies[_i].method);
  set(0, assignment);
  if (bodies[_i].length != NULL) {
    snprintf(assignment, sizeof assignment, "CONTENT_LENGTH=%s", bodies[_i].length);
    set(1, assignment);
  }
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  say(bodies[_i].kind == SOCKET ? pair[1] : in[1], bodies[_i].sent);
  if (bodies[_i].kind == PIPE)
    close(in[1]);
  cf_cgi_init(&cgi, environment, PATIENCE_US, bodies[_i].kind == SOCKET ? pair[0] : in[0], out[1]);
  read_all(&cgi, 4, got, sizeof got);
  ck_assert_str_eq(got, bodies[_i].got);
  ck_assert_ok(cf_cgi_fini(&cgi));
}
END_TEST

START_TEST(test_write)
{
  static char big[40000];
  static char got[60000];
  struct cf_cgi cgi;
  ssize_t n;
  size_t at = 0;

  memset(big, 'b', sizeof big);
  set(0, "REQUEST_METHOD=GET");
  cf_cgi_init(&cgi, environment, PATIENCE_US, in[0], out[1]);
  ck_assert_ok(cgi.transport.write(&cgi, "one", 3));
  ck_assert_int_eq(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
  ck_assert_int_eq(read(out[0], got, sizeof got), -1);
  ck_assert_ok(cgi.transport.flush(&cgi));
  ck_assert_int_eq(read(out[0], got, sizeof got), 3);
  ck_assert_ok(cgi.transport.write(&cgi, "two", 3));
  ck_assert_ok(cgi.transport.write(&cgi, big, sizeof big));
  ck_assert_ok(cgi.transport.write(&cgi, "end", 3));
  ck_assert_ok(cf_cgi_fini(&cgi));
  while ((n = read(out[0], got + at, sizeof got - at)) > 0)
    at += (size_t)n;
  ck_assert_uint_eq(at, 3 + sizeof big + 3);
  ck_assert_int_eq(memcmp(got, "twob", 4), 0);
  ck_assert_int_eq(memcmp(got + at - 4, "bend", 4), 0);
}
END_TEST

/* One socket for body and answer, as of mod_cgid: the answer ends in order
 * though most of the body was not read. */
START_TEST(test_unread_body)
{
  struct cf_cgi cgi;
  char got[100];
  int pair[2];

  set(0, "REQUEST_METHOD=POST");
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  say(pair[1], "a body that nobody reads");
  cf_cgi_init(&cgi, environment, PATIENCE_US, pair[0], pair[0]);
  ck_assert_ok(cgi.transport.write(&cgi, "no", 2));
  ck_assert_ok(cf_cgi_fini(&cgi));
  close(pair[0]);
  ck_assert_int_eq(read(pair[1], got, sizeof got), 2);
  ck_assert_int_eq(read(pair[1], got, sizeof got), 0);
  close(pair[1]);
}
END_TEST

/* A body that does not come in time. */
START_TEST(test_slow_body)
{
  struct cf_cgi cgi;
  char byte;
  size_t n;

  set(0, "REQUEST_METHOD=POST");
  cf_cgi_init(&cgi, environment, 50000, in[0], out[1]);
  say(in[1], "a");
  ck_assert_ok(cgi.transport.read(&cgi, &byte, 1, &n));
  ck_assert_err(cgi.transport.read(&cgi, &byte, 1, &n), CF_E_SLOW);
  ck_assert_ok(cf_cgi_fini(&cgi));
}
END_TEST

START_TEST(test_client_left)
{
  struct cf_cgi cgi;

  signal(SIGPIPE, SIG_IGN);
  set(0, "REQUEST_METHOD=GET");
  close(out[0]);
  cf_cgi_init(&cgi, environment, PATIENCE_US, in[0], out[1]);
  ck_assert_ok(cgi.transport.write(&cgi, "one", 3));
  ck_assert_err(cgi.transport.flush(&cgi), CF_E_PEER);
  ck_assert_ok(cf_cgi_fini(&cgi));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "cgi", .test = test_params, .setup = set_up},
      {.tcase = "cgi", .test = test_body, .loops = CF_COUNT(bodies)},
      {.tcase = "cgi", .test = test_write},
      {.tcase = "cgi", .test = test_unread_body},
      {.tcase = "cgi", .test = test_slow_body},
      {.tcase = "cgi", .test = test_client_left},
  };
  return cf_test_run("cgi", tests, CF_COUNT(tests));
}
