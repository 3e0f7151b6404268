/* SPDX-License-Identifier: MIT */
/* An owner without an application, a front that relays everything to it, and a
 * client. */
#include "config.h"

#include "tests/unit/door/door_stage.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_client.h"
#include "fcgi-app/door/fcgi_park_in.h"
#include "fcgi-app/door/relay_in.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/problem.h"

#define ANSWER_MAX (40u << 20)

char door_directory[] = "/tmp/cf-relay-XXXXXX";
char door_front_path[64];
struct cf_conf door_conf;
int door_dir = -1;
int door_owner_fd = -1;
static int front_fd = -1;
struct cf_fcgi *door_owner;
static struct cf_fcgi *front;
atomic_int door_served;
int64_t door_body_timeout_us = DOOR_PATIENCE_US;

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
void door_serve_echo(struct cf_transport *t)
{
  static const char *const doors[] = {"web", "relay", "admin"};
  char buffer[10000];
  size_t n;

  if (put(t, "Status: 200 OK\r\n\r\n") != CF_OK || put(t, doors[t->door]) != CF_OK ||
      put(t, "|") != CF_OK)
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

/* Reads the body, and says what came of it. */
static void serve_upload(struct cf_transport *t)
{
  char buffer[1000];
  size_t n;
  enum cf_err err;

  do
    err = t->read(t->context, buffer, sizeof buffer, &n);
  while (err == CF_OK && n > 0);
  (void)!put(t, err == CF_OK ? "read" : cf_err_word(err));
}

unsigned door_threads = 4;

static void serve_meet(struct cf_transport *t)
{
  static atomic_uint here;
  unsigned all = (atomic_fetch_add(&here, 1) / door_threads + 1) * door_threads;

  for (unsigned ms = 0; atomic_load(&here) < all && ms < 60000; ms++)
    usleep(1000);
  (void)!put(t, atomic_load(&here) < all ? "alone" : "met");
}

#define LATER_MAX 32
static struct cf_transport *later[LATER_MAX];
static pthread_mutex_t later_lock = PTHREAD_MUTEX_INITIALIZER;
atomic_uint door_left;

static void serve_later(struct cf_transport *t)
{
  if (!t->leave(t->context)) {
    (void)!put(t, "Status: 200 OK\r\n\r\nstayed");
    return;
  }
  pthread_mutex_lock(&later_lock);
  later[atomic_load(&door_left)] = t;
  atomic_fetch_add(&door_left, 1);
  pthread_mutex_unlock(&later_lock);
}

void door_answer_later(void)
{
  for (unsigned i = 0; i < atomic_load(&door_left); i++) {
    (void)!put(later[i], "Status: 200 OK\r\n\r\nlate");
    later[i]->finish(later[i]->context);
  }
  atomic_store(&door_left, 0);
}

void door_serve_stub(void *context, struct cf_transport *t)
{
  const char *query = t->param(t->context, "QUERY_STRING");

  (void)context;
  atomic_fetch_add(&door_served, 1);
  if (strcmp(query, "params") == 0)
    serve_params(t);
  else if (strcmp(query, "upload") == 0)
    serve_upload(t);
  else if (strcmp(query, "early") == 0)
    serve_early(t);
  else if (strcmp(query, "later") == 0)
    serve_later(t);
  else if (strcmp(query, "meet") == 0)
    serve_meet(t);
  else if (strcmp(query, "break") == 0) {
    (void)!put(t, "Status: 200 OK\r\n\r\nhalf");
    (void)!t->flush(t->context);
    t->abandon(t->context);
  } else if (strcmp(query, "sleep") == 0) {
    usleep(300000);
    (void)!put(t, "Status: 200 OK\r\n\r\nslept");
  } else
    door_serve_echo(t);
}

/* ---- the front: a relay for everything ---- */

static void serve_relay(void *context, struct cf_transport *t)
{
  struct cf_relay *relay;
  struct cf_fault fault;

  (void)context;
  ck_assert_int_eq(t->door, CF_DOOR_WEB);
  ck_assert_ok(cf_relay_new(&door_conf, t, &relay));
  enum cf_err err = cf_relay_try(relay, &fault);
  cf_relay_free(relay);
  if (err == CF_E_PEER)
    t->abandon(t->context);
  else if (err != CF_OK)
    cf_problem_answer(t, err);
}

void door_listen(void)
{
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &door_owner_fd, NULL));
}

void door_start_owner(void)
{
  struct cf_fcgi_job job = {.threads = door_threads,
                            .parked = CF_PARK_MAX,
                            .owner_door = true,
                            .uid = geteuid(),
                            .body_timeout_us = door_body_timeout_us,
                            .serve = door_serve_stub};

  if (door_owner_fd < 0)
    door_listen();
  job.listener = door_owner_fd;
  ck_assert_ok(cf_fcgi_start(&job, &door_owner, NULL));
}

void door_set_up(void)
{
  ck_assert_ptr_nonnull(mkdtemp(door_directory));
  ck_assert_ok(cf_conf_defaults(&door_conf));
  ck_assert_ok(cf_conf_set(&door_conf, CF_STR("data"), cf_str_from(door_directory), NULL));
  door_dir = open(door_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(door_dir, 0);
  snprintf(door_front_path, sizeof door_front_path, "%s/front", door_directory);
}

void door_set_up_both(void)
{
  struct cf_fcgi_job job = {.threads = 4,
                            .parked = CF_PARK_MAX,
                            .body_timeout_us = DOOR_PATIENCE_US,
                            .serve = serve_relay};

  door_set_up();
  door_start_owner();
  ck_assert_ok(cf_socket_listen_web(&door_conf, door_front_path, &front_fd, NULL));
  job.listener = front_fd;
  ck_assert_ok(cf_fcgi_start(&job, &front, NULL));
}

void door_stop_owner(void)
{
  (void)unlinkat(door_dir, CF_SOCK_NAME, 0);
  ck_assert_ok(cf_fcgi_stop(door_owner, DOOR_PATIENCE_US));
  door_owner = NULL;
  if (door_owner_fd >= 0)
    close(door_owner_fd);
  door_owner_fd = -1;
}

void door_tear_down(void)
{
  ck_assert_ok(cf_fcgi_stop(front, DOOR_PATIENCE_US));
  front = NULL;
  if (front_fd >= 0)
    close(front_fd);
  (void)unlinkat(door_dir, "front", 0);
  door_stop_owner();
  close(door_dir);
  (void)rmdir(door_directory);
  cf_conf_fini(&door_conf);
}

/* ---- a client ---- */

static enum cf_err client_body(void *context, void *out, size_t max, size_t *n)
{
  struct door_client *c = context;
  uint8_t *p = out;
  size_t piece = c->piece > 0 && c->piece < max ? c->piece : max;

  if (c->pause_us > 0)
    usleep(c->pause_us);
  if (c->wanted != NULL && atomic_load(c->wanted) == 0)
    c->left = 0;
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
  struct door_client *c = context;

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

int door_connect_front(void)
{
  return connect_to(door_front_path);
}

int door_connect_owner(void)
{
  int fd;

  ck_assert_ok(cf_socket_connect_owner(door_directory, &fd, NULL));
  return fd;
}

/* Ask over the connection fd, which is closed. Extra parameters come as name,
 * value, …, NULL. */
enum cf_err door_ask(int fd, struct door_client *c, const char *method, const char *query,
                     const char *const *extra)
{
  struct cf_exchange *exchange;
  struct cf_exchange_io io = {.context = c,
                              .body = client_body,
                              .answer = client_answer,
                              .silence_us = DOOR_PATIENCE_US};

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

void door_check_echo(struct door_client *c, const char *door, size_t n)
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
