/* SPDX-License-Identifier: MIT */
/* Owners that go away at the wrong moment: what a relay may send again, and
 * what it must not. And the doors' sockets. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgi-app/door/relay_in.h"
#include "fcgi-app/door/socket.h"
#include "tests/unit/door/door_stage.h"

/* ---- owners that go away: a scripted one, and a request in memory ---- */

#define HALF \
  "\x01\x06\x00\x01\x00\x05\x00\x00" \
  "half."
#define HALF_N (sizeof HALF - 1)

struct gone {
  int listener;
  size_t bytes;     /* it reads so much, */
  const char *says; /* says that, */
  bool waits;       /* until the body is asked for, */
  sem_t asked;
  sem_t left; /* and is gone */
};

static void *be_gone(void *arg)
{
  struct gone *g = arg;
  char buffer[4096];
  int fd = accept(g->listener, NULL, NULL);

  for (size_t at = 0; at < g->bytes;) {
    ssize_t n = read(fd, buffer, g->bytes - at < sizeof buffer ? g->bytes - at : sizeof buffer);
    if (n <= 0)
      break;
    at += (size_t)n;
  }
  if (g->says != NULL)
    (void)!write(fd, g->says, HALF_N);
  if (g->waits)
    sem_wait(&g->asked);
  close(fd);
  sem_post(&g->left);
  return NULL;
}

struct request {
  const char *method;
  struct cf_str body;
  struct gone *wait_for; /* before the first byte of the body; NULL: do not */
  struct cf_buf answer;
};

static const char *request_param(void *context, const char *name)
{
  struct request *r = context;

  if (strcmp(name, "REQUEST_METHOD") == 0)
    return r->method;
  return strcmp(name, "QUERY_STRING") == 0 ? "echo" : NULL;
}

static enum cf_err request_each_param(void *context,
                                      enum cf_err (*each)(void *arg, const char *assignment),
                                      void *arg)
{
  char method[40];

  snprintf(method, sizeof method, "REQUEST_METHOD=%s", ((struct request *)context)->method);
  /* which a relay drops, whatever the transport shows */
  enum cf_err err = each(arg, "COUNTERFOIL_DOOR=cli");
  if (err == CF_OK)
    err = each(arg, method);
  return err == CF_OK ? each(arg, "QUERY_STRING=echo") : err;
}

static enum cf_err request_read(void *context, void *out, size_t max, size_t *n)
{
  struct request *r = context;

  if (r->wait_for != NULL) {
    sem_post(&r->wait_for->asked);
    sem_wait(&r->wait_for->left);
  }
  r->wait_for = NULL;
  *n = r->body.n < max ? r->body.n : max;
  memcpy(out, r->body.p, *n);
  r->body.p += *n;
  r->body.n -= *n;
  return CF_OK;
}

static enum cf_err request_write(void *context, const void *p, size_t n)
{
  struct request *r = context;

  cf_buf_put(&r->answer, p, n);
  return r->answer.err;
}

static enum cf_err request_flush(void *context)
{
  (void)context;
  return CF_OK;
}

/* of the request above as FastCGI, up to its body: BEGIN_REQUEST, PARAMS, their
 * end */
#define HEAD_N 93

static const struct {
  const char *name;
  const char *method;
  const char *body;
  size_t bytes; /* the owner reads these before it goes */
  bool wait;    /* the body comes only when it has gone */
  const char *says;
  enum cf_err err;
} departures[] = {
    {"before it read anything", "POST", "hello", 0, true, NULL, CF_E_LEAVING},
    {"after the parameters", "POST", "hello", HEAD_N, true, NULL, CF_E_LEAVING},
    {"after the first byte of the body", "POST", "hello", HEAD_N + 9, false, NULL, CF_E_UNKNOWN},
    {"after the body", "POST", "hello", HEAD_N + 13 + 8, false, NULL, CF_E_UNKNOWN},
    {"after an empty body", "POST", "", HEAD_N + 8, false, NULL, CF_E_UNKNOWN},
    {"in the middle of its answer", "POST", "hello", HEAD_N + 13 + 8, false, HALF, CF_E_PEER},
    {"GET, before it read anything", "GET", "", 0, true, NULL, CF_E_LEAVING},
    {"GET, after all of it", "GET", "", HEAD_N - 1 + 8, false, NULL, CF_E_LEAVING},
    {"HEAD, after all of it", "HEAD", "", HEAD_N + 8, false, NULL, CF_E_LEAVING},
    {"GET with a body", "GET", "hello", HEAD_N - 1 + 13 + 8, false, NULL, CF_E_UNKNOWN},
    {"GET, in the middle of its answer", "GET", "", HEAD_N - 1 + 8, false, HALF, CF_E_PEER},
};

static const struct cf_transport request_transport = {
    .door = CF_DOOR_WEB,
    .param = request_param,
    .each_param = request_each_param,
    .read = request_read,
    .write = request_write,
    .flush = request_flush,
};

/* What is not done may be sent again, once, to whoever is the owner then; what
 * may be done is not. */
START_TEST(test_departure)
{
  struct gone g = {.bytes = departures[_i].bytes,
                   .says = departures[_i].says,
                   .waits = departures[_i].wait};
  struct request r = {.method = departures[_i].method,
                      .body = cf_str_from(departures[_i].body),
                      .wait_for = departures[_i].wait ? &g : NULL};
  struct cf_transport t = request_transport;
  struct cf_relay *relay;
  struct cf_fault fault;
  pthread_t thread;

  t.context = &r;
  sem_init(&g.asked, 0, 0);
  sem_init(&g.left, 0, 0);
  cf_buf_init(&r.answer, 1000);
  ck_assert_ok(cf_relay_new(&door_conf, &t, &relay));
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_NOTFOUND);
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &g.listener, NULL));
  ck_assert_int_eq(pthread_create(&thread, NULL, be_gone, &g), 0);
  ck_assert_err(cf_relay_try(relay, &fault), departures[_i].err);
  pthread_join(thread, NULL);
  close(g.listener);
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_NOTFOUND);
  if (departures[_i].err == CF_E_LEAVING) {
    char want[100];
    snprintf(want, sizeof want, "Status: 200 OK\r\n\r\nrelay|%s", departures[_i].body);
    door_start_owner();
    ck_assert_ok(cf_relay_try(relay, &fault));
    ck_assert_int_eq(atomic_load(&door_served), 1);
    ck_assert_str_eq(cf_buf_cstr(&r.answer), want);
  } else {
    ck_assert_str_eq(cf_buf_cstr(&r.answer), departures[_i].says != NULL ? "half." : "");
  }
  cf_relay_free(relay);
  cf_buf_fini(&r.answer);
}
END_TEST

/* Whoever serves it here after a try gets the whole body. */
START_TEST(test_taken_over)
{
  struct gone g = {.bytes = 0, .waits = true};
  struct request r = {.method = "POST", .body = CF_STR("hello"), .wait_for = &g};
  struct cf_transport t = request_transport;
  struct cf_relay *relay;
  struct cf_fault fault;
  pthread_t thread;

  t.context = &r;
  sem_init(&g.asked, 0, 0);
  sem_init(&g.left, 0, 0);
  cf_buf_init(&r.answer, 1000);
  ck_assert_ok(cf_relay_new(&door_conf, &t, &relay));
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &g.listener, NULL));
  ck_assert_int_eq(pthread_create(&thread, NULL, be_gone, &g), 0);
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_LEAVING);
  pthread_join(thread, NULL);
  close(g.listener);
  ck_assert_uint_eq(r.body.n, 0);
  struct cf_transport here = *cf_relay_transport(relay);
  door_serve_echo(&here);
  ck_assert_str_eq(cf_buf_cstr(&r.answer), "Status: 200 OK\r\n\r\nweb|hello");
  cf_relay_free(relay);
  cf_buf_fini(&r.answer);
}
END_TEST

/* ---- sockets ---- */

/* A data door_directory whose path is longer than a socket address holds. */
START_TEST(test_long_path)
{
  struct door_client c = {.left = 10};
  char path[200];

  snprintf(path, sizeof path, "%s/%0120d", door_directory, 0);
  ck_assert_int_eq(mkdir(path, 0700), 0);
  ck_assert_ok(cf_conf_set(&door_conf, CF_STR("data"), cf_str_from(path), NULL));
  close(door_dir);
  door_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  door_start_owner();
  int fd;
  ck_assert_ok(cf_socket_connect_owner(path, &fd, NULL));
  ck_assert_ok(door_ask(fd, &c, "POST", "echo", NULL));
  door_check_echo(&c, "web", 10);
  door_stop_owner();
  (void)rmdir(path);
}
END_TEST

START_TEST(test_owner_socket)
{
  struct stat st;
  int fd, again;

  ck_assert_err(cf_socket_connect_owner("/nonexistent/counterfoil", &fd, NULL), CF_E_NOTFOUND);
  ck_assert_err(cf_socket_connect_owner(door_directory, &fd, NULL), CF_E_NOTFOUND);
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &door_owner_fd, NULL));
  ck_assert_int_eq(fstatat(door_dir, CF_SOCK_NAME, &st, 0), 0);
  ck_assert_uint_eq(st.st_mode & 07777, 0600);
  close(door_owner_fd);
  ck_assert_err(cf_socket_connect_owner(door_directory, &fd, NULL), CF_E_NOTFOUND);
  ck_assert_ok(cf_conf_set(&door_conf, CF_STR("sock_mode"), CF_STR("0660"), NULL));
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &door_owner_fd, NULL));
  ck_assert_int_eq(fstatat(door_dir, CF_SOCK_NAME, &st, 0), 0);
  ck_assert_uint_eq(st.st_mode & 07777, 0660);
  ck_assert_ok(cf_socket_connect_owner(door_directory, &fd, NULL));
  close(fd);
  ck_assert_ok(cf_conf_set(&door_conf, CF_STR("sock_group"), CF_STR("no-such-group-here"), NULL));
  ck_assert_err(cf_socket_listen_owner(&door_conf, door_dir, &again, NULL), CF_E_CONFIG);
  (void)unlinkat(door_dir, "sock.new", 0);
}
END_TEST

START_TEST(test_web_socket)
{
  static const char *const bad[] = {"",
                                    "relative",
                                    "127.0.0.1",
                                    "127.0.0.1:",
                                    "127.0.0.1:0",
                                    "127.0.0.1:65536",
                                    "localhost:9000",
                                    ":9000",
                                    "1.2.3:4",
                                    "127.0.0.1:9x"};
  int fd, again;

  for (size_t i = 0; i < CF_COUNT(bad); i++)
    ck_assert_err(cf_socket_listen_web(&door_conf, bad[i], &fd, NULL), CF_E_CONFIG);
  ck_assert_ok(cf_socket_listen_web(&door_conf, door_front_path, &fd, NULL));
  ck_assert_err(cf_socket_listen_web(&door_conf, door_front_path, &again, NULL), CF_E_LOCKED);
  close(fd);
  ck_assert_ok(cf_socket_listen_web(&door_conf, door_front_path, &fd, NULL));
  close(fd);
  (void)unlinkat(door_dir, "front", 0);
  fd = openat(door_dir, "front", O_CREAT | O_WRONLY, 0600);
  close(fd);
  ck_assert_err(cf_socket_listen_web(&door_conf, door_front_path, &fd, NULL), CF_E_CONFIG);
}
END_TEST

static int leaving = -1, successor = -1;

/* As soon as the one that leaves is closed, another one listens at its
 * place. */
int close(int fd)
{
  int result = (int)syscall(SYS_close, fd);

  if (leaving >= 0 && fd == leaving) {
    leaving = -1;
    ck_assert_ok(cf_socket_listen_web(&door_conf, door_front_path, &successor, NULL));
  }
  return result;
}

START_TEST(test_web_socket_of_a_successor)
{
  struct stat st;
  int fd;

  ck_assert_ok(cf_socket_listen_web(&door_conf, door_front_path, &fd, NULL));
  leaving = fd;
  cf_socket_leave_web(door_front_path, fd);
  ck_assert_int_ge(successor, 0);
  ck_assert_int_eq(stat(door_front_path, &st), 0);
  cf_socket_leave_web(door_front_path, successor);
  ck_assert_int_ne(stat(door_front_path, &st), 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "departing",
       .test = test_departure,
       .loops = CF_COUNT(departures),
       .setup = door_set_up,
       .teardown = door_tear_down},
      {.tcase = "departing", .test = test_taken_over},
      {.tcase = "departing", .test = test_long_path},
      {.tcase = "departing", .test = test_owner_socket},
      {.tcase = "departing", .test = test_web_socket},
      {.tcase = "departing", .test = test_web_socket_of_a_successor},
  };
  return cf_test_run("departure", tests, CF_COUNT(tests));
}
