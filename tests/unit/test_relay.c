/* SPDX-License-Identifier: MIT */
/* Doors without an application: a client, a relay and a server of ours in one process, and owners that go away at the wrong moment. */
#include "config.h"

#include "fcgi-app/relay.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi-app/fcgi.h"
#include "fcgi-app/fcgi_client.h"
#include "fcgi-app/socket.h"
#include "lib/base/clock.h"
#include "tests/unit/cf_test.h"

#define BIG_N (16u << 20)
#define ANSWER_MAX (40u << 20)

static char directory[] = "/tmp/cf-relay-XXXXXX";
static char front_path[64];
static struct cf_conf conf;
static int dir = -1;
static int owner_fd = -1, front_fd = -1;
static struct cf_fcgi *owner, *front;
static atomic_int served;

/* ---- what answers ---- */

static enum cf_err put(const struct cf_transport *t, const char *text)
{
  return t->write(t->context, text, strlen(text));
}

static enum cf_err put_param(void *arg, const char *assignment)
{
  const struct cf_transport *t = arg;
  enum cf_err err = put(t, assignment);

  return err == CF_OK ? put(t, "\n") : err;
}

/* The body back, its length first read. */
static void serve_echo(struct cf_transport *t)
{
  static const char *const doors[] = {"web", "relay", "admin"};
  char buffer[10000];
  size_t n;

  if (put(t, "Status: 200 OK\r\n\r\n") != CF_OK || put(t, doors[t->door]) != CF_OK || put(t, "|") != CF_OK)
    return;
  while (t->read(t->context, buffer, sizeof buffer, &n) == CF_OK && n > 0)
    if (t->write(t->context, buffer, n) != CF_OK)
      return;
}

static void serve_params(struct cf_transport *t)
{
  ck_assert_ptr_null(t->param(t->context, "COUNTERFOIL_DOOR"));
  (void)!t->each_param(t->context, put_param, t);
}

/* Answers at length before it looks at the body, and does not look at it. */
static void serve_early(struct cf_transport *t)
{
  static char block[65536];

  memset(block, 'e', sizeof block);
  for (int i = 0; i < 64; i++)
    if (t->write(t->context, block, sizeof block) != CF_OK)
      return;
}

static void serve_stub(void *context, struct cf_transport *t)
{
  const char *query = t->param(t->context, "QUERY_STRING");

  (void)context;
  atomic_fetch_add(&served, 1);
  if (strcmp(query, "params") == 0)
    serve_params(t);
  else if (strcmp(query, "early") == 0)
    serve_early(t);
  else if (strcmp(query, "break") == 0) {
    (void)!put(t, "Status: 200 OK\r\n\r\nhalf");
    (void)!t->flush(t->context);
    t->abandon(t->context);
  } else if (strcmp(query, "sleep") == 0) {
    usleep(300000);
    (void)!put(t, "Status: 200 OK\r\n\r\nslept");
  } else
    serve_echo(t);
}

/* ---- the front: a relay for everything ---- */

static void serve_relay(void *context, struct cf_transport *t)
{
  struct cf_relay *relay;
  struct cf_fault fault;

  (void)context;
  ck_assert_int_eq(t->door, CF_DOOR_WEB);
  ck_assert_ok(cf_relay_new(&conf, t, &relay));
  enum cf_err err = cf_relay_try(relay, &fault);
  cf_relay_free(relay);
  if (err == CF_E_PEER)
    t->abandon(t->context);
  else if (err != CF_OK)
    cf_relay_refuse(t, err);
}

static void start_owner(void)
{
  struct cf_fcgi_job job = {.threads = 4, .owner_door = true, .uid = geteuid(), .serve = serve_stub};

  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &owner_fd, NULL));
  job.listener = owner_fd;
  ck_assert_ok(cf_fcgi_start(&job, &owner, NULL));
}

static void set_up(void)
{
  ck_assert_ptr_nonnull(mkdtemp(directory));
  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), cf_str_from(directory), NULL));
  dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(dir, 0);
  snprintf(front_path, sizeof front_path, "%s/front", directory);
}

static void set_up_both(void)
{
  struct cf_fcgi_job job = {.threads = 4, .serve = serve_relay};

  set_up();
  start_owner();
  ck_assert_ok(cf_socket_listen_web(&conf, front_path, &front_fd, NULL));
  job.listener = front_fd;
  ck_assert_ok(cf_fcgi_start(&job, &front, NULL));
}

static void stop_owner(void)
{
  (void)unlinkat(dir, CF_SOCK_NAME, 0);
  ck_assert_ok(cf_fcgi_stop(owner, 5000000));
  owner = NULL;
  if (owner_fd >= 0)
    close(owner_fd);
  owner_fd = -1;
}

static void tear_down(void)
{
  ck_assert_ok(cf_fcgi_stop(front, 5000000));
  front = NULL;
  if (front_fd >= 0)
    close(front_fd);
  (void)unlinkat(dir, "front", 0);
  stop_owner();
  close(dir);
  (void)rmdir(directory);
  cf_conf_fini(&conf);
}

/* ---- a client ---- */

struct client {
  size_t left;        /* of the body */
  size_t piece;       /* at most so much at a time; 0: all */
  unsigned pause_us;  /* before each piece */
  uint8_t next;       /* the body is 0 1 2 … 250 0 1 … */
  struct cf_buf answer;
  size_t leave_after; /* of the answer; 0: never */
};

static enum cf_err client_body(void *context, void *out, size_t max, size_t *n)
{
  struct client *c = context;
  uint8_t *p = out;
  size_t piece = c->piece > 0 && c->piece < max ? c->piece : max;

  if (c->pause_us > 0)
    usleep(c->pause_us);
  *n = c->left < piece ? c->left : piece;
  for (size_t i = 0; i < *n; i++) {
    p[i] = c->next;
    c->next = (uint8_t)((c->next + 1) % 251);
  }
  c->left -= *n;
  return CF_OK;
}

static enum cf_err client_answer(void *context, const void *p, size_t n)
{
  struct client *c = context;

  cf_buf_put(&c->answer, p, n);
  return c->leave_after > 0 && c->answer.n >= c->leave_after ? CF_E_FULL : c->answer.err;
}

static int connect_to(const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static int connect_front(void)
{
  return connect_to(front_path);
}

static int connect_owner(void)
{
  int fd;

  ck_assert_ok(cf_socket_connect_owner(directory, &fd, NULL));
  return fd;
}

/* Ask over the connection fd, which is closed. Extra parameters come as name, value, …, NULL. */
static enum cf_err ask(int fd, struct client *c, const char *method, const char *query, const char *const *extra)
{
  struct cf_exchange *exchange;
  struct cf_exchange_io io = {.context = c, .body = client_body, .answer = client_answer, .silence_us = 10000000};

  cf_buf_init(&c->answer, ANSWER_MAX);
  ck_assert_ok(cf_exchange_new(&exchange));
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("REQUEST_METHOD"), cf_str_from(method)));
  ck_assert_ok(cf_exchange_param(exchange, CF_STR("QUERY_STRING"), cf_str_from(query)));
  for (; extra != NULL && *extra != NULL; extra += 2)
    ck_assert_ok(cf_exchange_param(exchange, cf_str_from(extra[0]), cf_str_from(extra[1])));
  enum cf_err err = cf_exchange_run(exchange, fd, &io);
  cf_exchange_free(exchange);
  close(fd);
  return err;
}

static void check_echo(struct client *c, const char *door, size_t n)
{
  char head[64];

  snprintf(head, sizeof head, "Status: 200 OK\r\n\r\n%s|", door);
  ck_assert_uint_eq(c->answer.n, strlen(head) + n);
  ck_assert_int_eq(memcmp(c->answer.p, head, strlen(head)), 0);
  for (size_t i = 0; i < n; i++)
    if (c->answer.p[strlen(head) + i] != i % 251)
      ck_abort_msg("byte %zu of the body is wrong", i);
  cf_buf_fini(&c->answer);
}

static const size_t sizes[] = {0, 1, 100, 8000, 8192, 16384, 16385, 65535, 65536, 1000000, BIG_N};

START_TEST(test_echo_through_relay)
{
  struct client c = {.left = sizes[_i]};

  ck_assert_ok(ask(connect_front(), &c, "POST", "echo", NULL));
  check_echo(&c, "relay", sizes[_i]);
}
END_TEST

START_TEST(test_echo_straight)
{
  struct client c = {.left = sizes[_i]};

  ck_assert_ok(ask(connect_owner(), &c, "POST", "echo", NULL));
  check_echo(&c, "web", sizes[_i]);
}
END_TEST

START_TEST(test_slow_client)
{
  struct client c = {.left = 50, .piece = 5, .pause_us = 20000};

  ck_assert_ok(ask(connect_front(), &c, "POST", "echo", NULL));
  check_echo(&c, "relay", 50);
}
END_TEST

/* The whole body comes although nobody reads it, and so does the whole answer. */
START_TEST(test_early_answer)
{
  struct client c = {.left = BIG_N};

  ck_assert_ok(ask(_i ? connect_owner() : connect_front(), &c, "POST", "early", NULL));
  ck_assert_uint_eq(c.answer.n, 64u * 65536u);
  cf_buf_fini(&c.answer);
}
END_TEST

START_TEST(test_client_leaves)
{
  struct client gone = {.left = BIG_N, .leave_after = 100000};
  struct client c = {.left = 10};

  ck_assert_err(ask(connect_front(), &gone, "POST", "echo", NULL), CF_E_FULL);
  cf_buf_fini(&gone.answer);
  for (int i = 0; i < 8; i++) {
    c = (struct client){.left = 10};
    ck_assert_ok(ask(connect_front(), &c, "POST", "echo", NULL));
    check_echo(&c, "relay", 10);
  }
}
END_TEST

/* An answer that breaks off reaches the client as broken off, through the relay too. */
START_TEST(test_broken_answer)
{
  struct client c = {.left = 0};

  ck_assert_err(ask(_i ? connect_owner() : connect_front(), &c, "GET", "break", NULL), CF_E_PEER);
  ck_assert_str_eq(cf_buf_cstr(&c.answer), "Status: 200 OK\r\n\r\nhalf");
  cf_buf_fini(&c.answer);
}
END_TEST

static const char *const outside[] = {
  "COUNTERFOIL_DOOR", "cli", "COUNTERFOIL_CONF", "/etc/passwd", "COUNTERFOIL_", "x", "HTTP_COUNTERFOIL_DOOR", "kept",
  "HTTP_X", "1=2", "EMPTY", "", NULL,
};

START_TEST(test_params_filtered)
{
  struct client c = {.left = 0};

  ck_assert_ok(ask(connect_front(), &c, "GET", "params", outside));
  ck_assert_ptr_null(strstr(cf_buf_cstr(&c.answer), "\nCOUNTERFOIL_"));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&c.answer), "HTTP_COUNTERFOIL_DOOR=kept\nHTTP_X=1=2\nEMPTY=\n"));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&c.answer), "REQUEST_METHOD=GET\nQUERY_STRING=params\n"));
  cf_buf_fini(&c.answer);
}
END_TEST

/* Who says what of himself at which door, and who he is then. */
static const struct {
  bool at_front;
  const char *mark;
  const char *door;
} marks[] = {
  {false, "cli", "admin"}, {false, "relay", "relay"}, {false, "CLI", "web"}, {false, "", "web"}, {false, NULL, "web"},
  {true, "cli", "relay"},  {true, NULL, "relay"},
};

START_TEST(test_doors)
{
  const char *const extra[] = {"COUNTERFOIL_DOOR", marks[_i].mark, NULL};
  struct client c = {.left = 3};

  ck_assert_ok(ask(marks[_i].at_front ? connect_front() : connect_owner(), &c, "POST", "echo", marks[_i].mark ? extra : NULL));
  check_echo(&c, marks[_i].door, 3);
}
END_TEST

/* A peer of another uid is not the admin, whatever it says. */
START_TEST(test_door_of_another_uid)
{
  struct cf_fcgi_job job = {.threads = 1, .owner_door = true, .uid = geteuid() + 1, .serve = serve_stub};
  const char *const extra[] = {"COUNTERFOIL_DOOR", "cli", NULL};
  struct client c = {.left = 3};

  stop_owner();
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &owner_fd, NULL));
  job.listener = owner_fd;
  ck_assert_ok(cf_fcgi_start(&job, &owner, NULL));
  ck_assert_ok(ask(connect_owner(), &c, "POST", "echo", extra));
  check_echo(&c, "web", 3);
}
END_TEST

/* Everything in the backlog is served before the owner is gone. */
START_TEST(test_backlog)
{
  enum { CLIENTS = 12 };
  int fds[CLIENTS];

  for (int i = 0; i < CLIENTS; i++) {
    const char request[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                           "\x01\x04\x00\x01\x00\x13\x00\x00\x0c\x05QUERY_STRINGsleep"
                           "\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00";
    fds[i] = connect_owner();
    ck_assert_int_eq(write(fds[i], request, sizeof request - 1), (ssize_t)sizeof request - 1);
  }
  stop_owner();
  ck_assert_int_eq(atomic_load(&served), CLIENTS);
  for (int i = 0; i < CLIENTS; i++) {
    char answer[200];
    ck_assert_int_gt(read(fds[i], answer, sizeof answer), 40);
    close(fds[i]);
  }
}
END_TEST

/* A peer that says nothing, or nonsense, takes no worker away for long and nothing from the others. */
START_TEST(test_bad_peers)
{
  static const char *const says[] = {"", "\x01", "GET / HTTP/1.0\r\n\r\n", "\x01\x01\x00\x01\x00\x08\x00"};
  int fds[CF_COUNT(says)];
  struct client c = {.left = 10};

  for (size_t i = 0; i < CF_COUNT(says) - 1; i++) {
    fds[i] = connect_owner();
    ck_assert_int_ge(write(fds[i], says[i], strlen(says[i])), 0);
  }
  ck_assert_ok(ask(connect_owner(), &c, "POST", "echo", NULL));
  check_echo(&c, "web", 10);
  for (size_t i = 0; i < CF_COUNT(says) - 1; i++)
    close(fds[i]);
}
END_TEST

/* Read what the server sends up to an END_REQUEST, or the end of the connection; gives how many records came. */
static int read_records(int fd)
{
  uint8_t header[8];
  char content[65536 + 255];
  int records = 0;

  while (recv(fd, header, sizeof header, MSG_WAITALL) == (ssize_t)sizeof header) {
    size_t n = ((size_t)header[4] << 8 | header[5]) + header[6];
    records++;
    if (n > 0 && recv(fd, content, n, MSG_WAITALL) != (ssize_t)n)
      break;
    if (header[1] == 3)
      return records;
  }
  return 0;
}

/* A connection that the web server keeps serves one request after the other, also when the application did not read the body; after an answer that was abandoned it is closed. */
START_TEST(test_kept_connection)
{
  static const char keep[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00";
  static const char early[] = "\x01\x04\x00\x01\x00\x13\x00\x00\x0c\x05QUERY_STRINGearly\x01\x04\x00\x01\x00\x00\x00\x00";
  static const char body[] = "\x01\x05\x00\x01\x00\x05\x00\x00hello";
  static const char end[] = "\x01\x05\x00\x01\x00\x00\x00\x00";
  int fd = connect_owner();

  for (int i = 0; i < 5; i++) {
    ck_assert_int_eq(write(fd, keep, sizeof keep - 1), sizeof keep - 1);
    ck_assert_int_eq(write(fd, early, sizeof early - 1), sizeof early - 1);
    ck_assert_int_eq(write(fd, body, sizeof body - 1), sizeof body - 1);
    usleep(10000);
    ck_assert_int_eq(write(fd, end, sizeof end - 1), sizeof end - 1);
    ck_assert_int_gt(read_records(fd), 2);
  }
  ck_assert_int_eq(atomic_load(&served), 5);
  close(fd);
}
END_TEST

/* Leaving does not wait for a connection that is only kept. */
START_TEST(test_leave_kept_connection)
{
  static const char request[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"
                                "\x01\x04\x00\x01\x00\x12\x00\x00\x0c\x04QUERY_STRINGecho\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00";
  int fd = connect_owner();

  ck_assert_int_eq(write(fd, request, sizeof request - 1), sizeof request - 1);
  ck_assert_int_gt(read_records(fd), 1);
  int64_t start_us = cf_clock_mono_us();
  stop_owner();
  ck_assert_int_lt(cf_clock_mono_us() - start_us, 900000);
  char byte;
  ck_assert_int_eq(read(fd, &byte, 1), 0);
  close(fd);
}
END_TEST

START_TEST(test_no_owner)
{
  struct client c = {.left = 1000};

  stop_owner();
  ck_assert_ok(ask(connect_front(), &c, "POST", "echo", NULL));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&c.answer), "Status: 404 "));
  cf_buf_fini(&c.answer);
}
END_TEST

/* ---- owners that go away: a scripted one, and a request in memory ---- */

#define HALF "\x01\x06\x00\x01\x00\x05\x00\x00" "half."
#define HALF_N (sizeof HALF - 1)

struct gone {
  int listener;
  size_t bytes;          /* it reads so much, */
  const char *says;      /* says that, */
  bool waits;            /* until the body is asked for, */
  sem_t asked;
  sem_t left;            /* and is gone */
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
  struct gone *wait_for;    /* before the first byte of the body; NULL: do not */
  struct cf_buf answer;
};

static const char *request_param(void *context, const char *name)
{
  struct request *r = context;

  if (strcmp(name, "REQUEST_METHOD") == 0)
    return r->method;
  return strcmp(name, "QUERY_STRING") == 0 ? "echo" : NULL;
}

static enum cf_err request_each_param(void *context, enum cf_err (*each)(void *arg, const char *assignment), void *arg)
{
  char method[40];

  snprintf(method, sizeof method, "REQUEST_METHOD=%s", ((struct request *)context)->method);
  enum cf_err err = each(arg, "COUNTERFOIL_DOOR=cli"); /* which a relay drops, whatever the transport shows */
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

#define HEAD_N 93 /* of the request above as FastCGI, up to its body: BEGIN_REQUEST, PARAMS, their end */

static const struct {
  const char *name;
  const char *method;
  const char *body;
  size_t bytes;          /* the owner reads these before it goes */
  bool wait;             /* the body comes only when it has gone */
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
  .door = CF_DOOR_WEB, .param = request_param, .each_param = request_each_param, .read = request_read, .write = request_write, .flush = request_flush,
};

/* What is not done may be sent again, once, to whoever is the owner then; what may be done is not. */
START_TEST(test_departure)
{
  struct gone g = {.bytes = departures[_i].bytes, .says = departures[_i].says, .waits = departures[_i].wait};
  struct request r = {.method = departures[_i].method, .body = cf_str_from(departures[_i].body), .wait_for = departures[_i].wait ? &g : NULL};
  struct cf_transport t = request_transport;
  struct cf_relay *relay;
  struct cf_fault fault;
  pthread_t thread;

  t.context = &r;
  sem_init(&g.asked, 0, 0);
  sem_init(&g.left, 0, 0);
  cf_buf_init(&r.answer, 1000);
  ck_assert_ok(cf_relay_new(&conf, &t, &relay));
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_NOTFOUND);
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &g.listener, NULL));
  ck_assert_int_eq(pthread_create(&thread, NULL, be_gone, &g), 0);
  ck_assert_err(cf_relay_try(relay, &fault), departures[_i].err);
  pthread_join(thread, NULL);
  close(g.listener);
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_NOTFOUND);
  if (departures[_i].err == CF_E_LEAVING) {
    char want[100];
    snprintf(want, sizeof want, "Status: 200 OK\r\n\r\nrelay|%s", departures[_i].body);
    start_owner();
    ck_assert_ok(cf_relay_try(relay, &fault));
    ck_assert_int_eq(atomic_load(&served), 1);
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
  ck_assert_ok(cf_relay_new(&conf, &t, &relay));
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &g.listener, NULL));
  ck_assert_int_eq(pthread_create(&thread, NULL, be_gone, &g), 0);
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_LEAVING);
  pthread_join(thread, NULL);
  close(g.listener);
  ck_assert_uint_eq(r.body.n, 0);
  struct cf_transport here = *cf_relay_transport(relay);
  serve_echo(&here);
  ck_assert_str_eq(cf_buf_cstr(&r.answer), "Status: 200 OK\r\n\r\nweb|hello");
  cf_relay_free(relay);
  cf_buf_fini(&r.answer);
}
END_TEST

START_TEST(test_refuse)
{
  struct request r = {.method = "GET"};
  struct cf_transport t = request_transport;

  t.context = &r;
  cf_buf_init(&r.answer, 10000);
  cf_relay_refuse(&t, CF_E_NOTREADY);
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&r.answer), "Status: 503 "));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&r.answer), "\r\nRetry-After: "));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&r.answer), "\r\n\r\n{\"type\":\"urn:counterfoil:not-ready\","));
  cf_buf_reset(&r.answer);
  cf_relay_refuse(&t, CF_E_UNKNOWN);
  ck_assert_ptr_null(strstr(cf_buf_cstr(&r.answer), "Retry-After"));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&r.answer), "urn:counterfoil:outcome-unknown"));
  cf_buf_fini(&r.answer);
}
END_TEST

/* ---- sockets ---- */

/* A data directory whose path is longer than a socket address holds. */
START_TEST(test_long_path)
{
  struct client c = {.left = 10};
  char path[200];

  snprintf(path, sizeof path, "%s/%0120d", directory, 0);
  ck_assert_int_eq(mkdir(path, 0700), 0);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), cf_str_from(path), NULL));
  close(dir);
  dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  start_owner();
  int fd;
  ck_assert_ok(cf_socket_connect_owner(path, &fd, NULL));
  ck_assert_ok(ask(fd, &c, "POST", "echo", NULL));
  check_echo(&c, "web", 10);
  stop_owner();
  (void)rmdir(path);
}
END_TEST

START_TEST(test_owner_socket)
{
  struct stat st;
  int fd, again;

  ck_assert_err(cf_socket_connect_owner("/nonexistent/counterfoil", &fd, NULL), CF_E_NOTFOUND);
  ck_assert_err(cf_socket_connect_owner(directory, &fd, NULL), CF_E_NOTFOUND);
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &owner_fd, NULL));
  ck_assert_int_eq(fstatat(dir, CF_SOCK_NAME, &st, 0), 0);
  ck_assert_uint_eq(st.st_mode & 07777, 0600);
  close(owner_fd);
  ck_assert_err(cf_socket_connect_owner(directory, &fd, NULL), CF_E_NOTFOUND);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("sock_mode"), CF_STR("0660"), NULL));
  ck_assert_ok(cf_socket_listen_owner(&conf, dir, &owner_fd, NULL));
  ck_assert_int_eq(fstatat(dir, CF_SOCK_NAME, &st, 0), 0);
  ck_assert_uint_eq(st.st_mode & 07777, 0660);
  ck_assert_ok(cf_socket_connect_owner(directory, &fd, NULL));
  close(fd);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("sock_group"), CF_STR("no-such-group-here"), NULL));
  ck_assert_err(cf_socket_listen_owner(&conf, dir, &again, NULL), CF_E_CONFIG);
  (void)unlinkat(dir, "sock.new", 0);
}
END_TEST

START_TEST(test_web_socket)
{
  static const char *const bad[] = {"", "relative", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "localhost:9000", ":9000", "1.2.3:4", "127.0.0.1:9x"};
  int fd, again;

  for (size_t i = 0; i < CF_COUNT(bad); i++)
    ck_assert_err(cf_socket_listen_web(&conf, bad[i], &fd, NULL), CF_E_CONFIG);
  ck_assert_ok(cf_socket_listen_web(&conf, front_path, &fd, NULL));
  ck_assert_err(cf_socket_listen_web(&conf, front_path, &again, NULL), CF_E_CONFIG);
  close(fd);
  ck_assert_ok(cf_socket_listen_web(&conf, front_path, &fd, NULL));
  close(fd);
  (void)unlinkat(dir, "front", 0);
  fd = openat(dir, "front", O_CREAT | O_WRONLY, 0600);
  close(fd);
  ck_assert_err(cf_socket_listen_web(&conf, front_path, &fd, NULL), CF_E_CONFIG);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "passing", .test = test_echo_through_relay, .loops = CF_COUNT(sizes), .setup = set_up_both, .teardown = tear_down},
    {.tcase = "passing", .test = test_echo_straight, .loops = CF_COUNT(sizes)},
    {.tcase = "passing", .test = test_slow_client},
    {.tcase = "passing", .test = test_early_answer, .loops = 2},
    {.tcase = "passing", .test = test_client_leaves},
    {.tcase = "passing", .test = test_broken_answer, .loops = 2},
    {.tcase = "passing", .test = test_params_filtered},
    {.tcase = "passing", .test = test_doors, .loops = CF_COUNT(marks)},
    {.tcase = "passing", .test = test_door_of_another_uid},
    {.tcase = "passing", .test = test_backlog},
    {.tcase = "passing", .test = test_bad_peers},
    {.tcase = "passing", .test = test_kept_connection},
    {.tcase = "passing", .test = test_leave_kept_connection},
    {.tcase = "passing", .test = test_no_owner},
    {.tcase = "departing", .test = test_departure, .loops = CF_COUNT(departures), .setup = set_up, .teardown = tear_down},
    {.tcase = "departing", .test = test_taken_over},
    {.tcase = "departing", .test = test_refuse},
    {.tcase = "departing", .test = test_long_path},
    {.tcase = "departing", .test = test_owner_socket},
    {.tcase = "departing", .test = test_web_socket},
  };
  return cf_test_run("relay", tests, CF_COUNT(tests));
}
