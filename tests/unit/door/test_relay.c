/* SPDX-License-Identifier: MIT */
/* Doors without an application: a client, a relay and a server of ours in one
 * process. */
#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_accept_in.h"
#include "fcgi-app/door/fcgi_park_in.h"
#include "fcgi-app/door/relay_in.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/http/memory.h"
#include "tests/unit/door/door_stage.h"

/* the longest time that a thread meant to wait for while nothing could wake
 * it */
static atomic_int deaf_ms;

int poll(struct pollfd *fds, nfds_t n, int ms)
{
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  if (sigismember(&blocked, CF_ACCEPT_WAKE) == 1)
    for (int most = atomic_load(&deaf_ms);
         ms > most && !atomic_compare_exchange_weak(&deaf_ms, &most, ms);)
      continue;
  return (int)syscall(SYS_ppoll, fds, n, ms < 0 ? NULL : &time, NULL, (size_t)0);
}

static const size_t sizes[] = {0, 1, 100, 8000, 8192, 16384, 16385, 65535, 65536, 1000000, BIG_N};

START_TEST(test_echo_through_relay)
{
  struct door_client c = {.left = sizes[_i]};

  ck_assert_ok(door_ask(door_connect_front(), &c, "POST", "echo", NULL));
  door_check_echo(&c, "relay", sizes[_i]);
}
END_TEST

START_TEST(test_echo_straight)
{
  struct door_client c = {.left = sizes[_i]};

  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", NULL));
  door_check_echo(&c, "web", sizes[_i]);
}
END_TEST

START_TEST(test_slow_client)
{
  struct door_client c = {.left = 50, .piece = 5, .pause_us = 20000};

  ck_assert_ok(door_ask(door_connect_front(), &c, "POST", "echo", NULL));
  door_check_echo(&c, "relay", 50);
}
END_TEST

/* It takes longer than the owner waits, who can still say so: straight, and
 * through a relay. */
START_TEST(test_body_in_no_time)
{
  struct door_client c = {.left = 500, .piece = 1, .pause_us = 20000};

  door_stop_owner();
  door_body_timeout_us = 200000;
  door_start_owner();
  ck_assert_ok(
      door_ask(_i ? door_connect_owner() : door_connect_front(), &c, "POST", "upload", NULL));
  ck_assert_str_eq(cf_buf_cstr(&c.answer), "too-slow");
  ck_assert_uint_gt(c.left, 0);
  cf_buf_fini(&c.answer);
}
END_TEST

/* Of four workers slow ones of one address get two, and the others are there
 * for the rest: all are slow until two were refused. */
static atomic_uint places_wanted = 2;

static void *upload_slowly(void *arg)
{
  struct door_client c = {.left = BIG_N, .piece = 1, .pause_us = 20000, .wanted = &places_wanted};

  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "upload", NULL));
  *(bool *)arg = strcmp(cf_buf_cstr(&c.answer), "crowded") == 0;
  if (*(bool *)arg)
    atomic_fetch_sub(&places_wanted, 1);
  cf_buf_fini(&c.answer);
  return NULL;
}

START_TEST(test_slow_share)
{
  pthread_t threads[4];
  bool refused[4];
  int n = 0;

  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, upload_slowly, &refused[i]), 0);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    n += refused[i];
  }
  ck_assert_int_eq(n, 2);
}
END_TEST

/* The whole body comes although nobody reads it, and so does the whole
 * answer. */
START_TEST(test_early_answer)
{
  struct door_client c = {.left = BIG_N};

  ck_assert_ok(
      door_ask(_i ? door_connect_owner() : door_connect_front(), &c, "POST", "early", NULL));
  ck_assert_uint_eq(c.answer.n, 64u * 65536u);
  cf_buf_fini(&c.answer);
}
END_TEST

START_TEST(test_client_leaves)
{
  struct door_client gone = {.left = BIG_N, .leave_after = 100000};
  struct door_client c = {.left = 10};

  ck_assert_err(door_ask(door_connect_front(), &gone, "POST", "echo", NULL), CF_E_FULL);
  cf_buf_fini(&gone.answer);
  for (int i = 0; i < 8; i++) {
    c = (struct door_client){.left = 10};
    ck_assert_ok(door_ask(door_connect_front(), &c, "POST", "echo", NULL));
    door_check_echo(&c, "relay", 10);
  }
}
END_TEST

/* An answer that breaks off reaches the client as broken off, through the relay
 * too. */
START_TEST(test_broken_answer)
{
  struct door_client c = {.left = 0};

  ck_assert_err(door_ask(_i ? door_connect_owner() : door_connect_front(), &c, "GET", "break",
                         NULL),
                CF_E_PEER);
  ck_assert_str_eq(cf_buf_cstr(&c.answer), "Status: 200 OK\r\n\r\nhalf");
  cf_buf_fini(&c.answer);
}
END_TEST

/* A client whose body comes to no end behind the beginning of its answer. */
static bool answered;

static enum cf_err stalled_read(void *context, void *out, size_t max, size_t *n)
{
  (void)context;
  memset(out, 'x', max);
  *n = max;
  usleep(1000);
  return answered ? CF_E_SLOW : CF_OK;
}

static enum cf_err stalled_write(void *context, const void *p, size_t n)
{
  (void)context;
  (void)p;
  (void)n;
  answered = true;
  return CF_OK;
}

/* It can only break off: another answer would be in the middle of it. */
START_TEST(test_answer_and_no_body)
{
  struct cf_memory m;
  struct cf_relay *relay;
  struct cf_fault fault;

  cf_memory_init(&m, CF_DOOR_WEB);
  ck_assert_ok(cf_memory_param(&m, "REQUEST_METHOD", "POST"));
  ck_assert_ok(cf_memory_param(&m, "QUERY_STRING", "echo"));
  m.transport.read = stalled_read;
  m.transport.write = stalled_write;
  ck_assert_ok(cf_relay_new(&door_conf, &m.transport, &relay));
  ck_assert_err(cf_relay_try(relay, &fault), CF_E_PEER);
  cf_relay_free(relay);
  cf_memory_fini(&m);
}
END_TEST

static const char *const outside[] = {
    "COUNTERFOIL_DOOR",
    "cli",
    "COUNTERFOIL_CONF",
    "/etc/passwd",
    "COUNTERFOIL_",
    "x",
    "HTTP_COUNTERFOIL_DOOR",
    "kept",
    "HTTP_X",
    "1=2",
    "EMPTY",
    "",
    NULL,
};

START_TEST(test_params_filtered)
{
  struct door_client c = {.left = 0};

  ck_assert_ok(door_ask(door_connect_front(), &c, "GET", "params", outside));
  ck_assert_ptr_null(strstr(cf_buf_cstr(&c.answer), "\nCOUNTERFOIL_"));
  ck_assert_ptr_nonnull(
      strstr(cf_buf_cstr(&c.answer), "HTTP_COUNTERFOIL_DOOR=kept\nHTTP_X=1=2\nEMPTY=\n"));
  ck_assert_ptr_nonnull(
      strstr(cf_buf_cstr(&c.answer), "REQUEST_METHOD=GET\nQUERY_STRING=params\n"));
  cf_buf_fini(&c.answer);
}
END_TEST

/* Who says what of himself at which door, and who he is then. */
static const struct {
  bool at_front;
  const char *mark;
  const char *door;
} marks[] = {
    {false, "cli", "admin"}, {false, "relay", "relay"}, {false, "CLI", "web"}, {false, "", "web"},
    {false, NULL, "web"},    {true, "cli", "relay"},    {true, NULL, "relay"},
};

START_TEST(test_doors)
{
  const char *const extra[] = {"COUNTERFOIL_DOOR", marks[_i].mark, NULL};
  struct door_client c = {.left = 3};

  ck_assert_ok(door_ask(marks[_i].at_front ? door_connect_front() : door_connect_owner(), &c,
                        "POST", "echo", marks[_i].mark ? extra : NULL));
  door_check_echo(&c, marks[_i].door, 3);
}
END_TEST

/* For what source he writes only the local admin may say. */
START_TEST(test_source_told)
{
  const char *const extra[] = {"COUNTERFOIL_DOOR", marks[_i].mark, "COUNTERFOIL_SOURCE", "logs",
                               NULL};
  struct door_client c = {.left = 0};

  ck_assert_ok(door_ask(marks[_i].at_front ? door_connect_front() : door_connect_owner(), &c, "GET",
                        "params", marks[_i].mark ? extra : extra + 2));
  ck_assert_int_eq(strstr(cf_buf_cstr(&c.answer), "COUNTERFOIL_SOURCE=logs\n") != NULL,
                   strcmp(marks[_i].door, "admin") == 0);
  cf_buf_fini(&c.answer);
}
END_TEST

/* A peer of another uid is not the admin, whatever it says. */
START_TEST(test_door_of_another_uid)
{
  struct cf_fcgi_job job = {.threads = 1,
                            .parked = CF_PARK_MAX,
                            .owner_door = true,
                            .uid = geteuid() + 1,
                            .serve = door_serve_stub};
  const char *const extra[] = {"COUNTERFOIL_DOOR", "cli", NULL};
  struct door_client c = {.left = 3};

  door_stop_owner();
  ck_assert_ok(cf_socket_listen_owner(&door_conf, door_dir, &door_owner_fd, NULL));
  job.listener = door_owner_fd;
  ck_assert_ok(cf_fcgi_start(&job, &door_owner, NULL));
  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", extra));
  door_check_echo(&c, "web", 3);
}
END_TEST

/* Everything in the backlog is door_served before the owner is gone. */
START_TEST(test_backlog)
{
  enum { CLIENTS = 12 };
  int fds[CLIENTS];

  for (int i = 0; i < CLIENTS; i++) {
    const char request[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                           "\x01\x04\x00\x01\x00\x13\x00\x00\x0c\x05QUERY_STRINGsleep"
                           "\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00";
    fds[i] = door_connect_owner();
    ck_assert_int_eq(write(fds[i], request, sizeof request - 1), (ssize_t)sizeof request - 1);
  }
  door_stop_owner();
  ck_assert_int_eq(atomic_load(&door_served), CLIENTS);
  for (int i = 0; i < CLIENTS; i++) {
    char answer[200];
    ck_assert_int_gt(read(fds[i], answer, sizeof answer), 40);
    close(fds[i]);
  }
}
END_TEST

/* Peers that say nothing, nonsense or half of a request take no worker away,
 * however many they are: none waits for them but for a moment. */
START_TEST(test_bad_peers)
{
  static const char *const says[] = {"", "\x01", "GET / HTTP/1.0\r\n\r\n",
                                     "\x01\x01\x00\x01\x00\x08\x00"};
  int fds[10 * CF_COUNT(says)];
  struct door_client c = {.left = 10};

  for (size_t i = 0; i < CF_COUNT(fds); i++) {
    const char *text = says[i % CF_COUNT(says)];
    fds[i] = door_connect_owner();
    ck_assert_int_ge(write(fds[i], text, strlen(text)), 0);
  }
  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", NULL));
  ck_assert_int_le(atomic_load(&deaf_ms), CF_ACCEPT_SOON_MS);
  door_check_echo(&c, "web", 10);
  for (size_t i = 0; i < CF_COUNT(fds); i++)
    close(fds[i]);
}
END_TEST

/* Read what the server sends up to an END_REQUEST, or the end of the
 * connection; gives how many records came. */
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

/* A connection that the web server keeps serves one request after the other,
 * also when the application did not read the body; after an answer that was
 * abandoned it is closed. */
START_TEST(test_kept_connection)
{
  static const char keep[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00";
  static const char early[] =
      "\x01\x04\x00\x01\x00\x13\x00\x00\x0c\x05QUERY_STRINGearly\x01\x04\x00\x01\x00\x00\x00\x00";
  static const char body[] = "\x01\x05\x00\x01\x00\x05\x00\x00hello";
  static const char end[] = "\x01\x05\x00\x01\x00\x00\x00\x00";
  int fd = door_connect_owner();

  for (int i = 0; i < 5; i++) {
    ck_assert_int_eq(write(fd, keep, sizeof keep - 1), sizeof keep - 1);
    ck_assert_int_eq(write(fd, early, sizeof early - 1), sizeof early - 1);
    ck_assert_int_eq(write(fd, body, sizeof body - 1), sizeof body - 1);
    usleep(10000);
    ck_assert_int_eq(write(fd, end, sizeof end - 1), sizeof end - 1);
    ck_assert_int_gt(read_records(fd), 2);
  }
  ck_assert_int_eq(atomic_load(&door_served), 5);
  close(fd);
}
END_TEST

/* Leaving does not wait for a connection that is only kept: no worker means to,
 * but for a moment, and who waits else has closed it (test_fcgi_park.c). */
START_TEST(test_leave_kept_connection)
{
  static const char request[] =
      "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"
      "\x01\x04\x00\x01\x00\x12\x00\x00\x0c\x04QUERY_STRINGecho\x01\x04\x00\x01\x00\x00\x00\x00\x01\x05\x00\x01\x00\x00\x00\x00";
  int fd = door_connect_owner();

  ck_assert_int_eq(write(fd, request, sizeof request - 1), sizeof request - 1);
  ck_assert_int_gt(read_records(fd), 1);
  door_stop_owner();
  ck_assert_int_le(atomic_load(&deaf_ms), CF_ACCEPT_SOON_MS);
  char byte;
  ck_assert_int_eq(read(fd, &byte, 1), 0);
  close(fd);
}
END_TEST

START_TEST(test_no_owner)
{
  struct door_client c = {.left = 1000};

  door_stop_owner();
  ck_assert_ok(door_ask(door_connect_front(), &c, "POST", "echo", NULL));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&c.answer), "Status: 404 "));
  cf_buf_fini(&c.answer);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "passing",
       .test = test_echo_through_relay,
       .loops = CF_COUNT(sizes),
       .setup = door_set_up_both,
       .teardown = door_tear_down},
      {.tcase = "passing", .test = test_echo_straight, .loops = CF_COUNT(sizes)},
      {.tcase = "passing", .test = test_slow_client},
      {.tcase = "passing", .test = test_body_in_no_time, .loops = 2},
      {.tcase = "passing", .test = test_slow_share},
      {.tcase = "passing", .test = test_early_answer, .loops = 2},
      {.tcase = "passing", .test = test_client_leaves},
      {.tcase = "passing", .test = test_broken_answer, .loops = 2},
      {.tcase = "passing", .test = test_answer_and_no_body},
      {.tcase = "passing", .test = test_params_filtered},
      {.tcase = "passing", .test = test_doors, .loops = CF_COUNT(marks)},
      {.tcase = "passing", .test = test_source_told, .loops = CF_COUNT(marks)},
      {.tcase = "passing", .test = test_door_of_another_uid},
      {.tcase = "passing", .test = test_backlog},
      {.tcase = "passing", .test = test_bad_peers},
      {.tcase = "passing", .test = test_kept_connection},
      {.tcase = "passing", .test = test_leave_kept_connection},
      {.tcase = "passing", .test = test_no_owner},
  };
  return cf_test_run("relay", tests, CF_COUNT(tests));
}
