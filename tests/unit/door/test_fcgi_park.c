/* SPDX-License-Identifier: MIT */
/* Connections that no worker holds: waiting until they are ready, bounded in
 * number; heard out; hurried. */
#include "config.h"

#include "fcgi-app/door/fcgi_accept_in.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"
#include "tests/unit/held_clock.h"

#define HEAD \
  "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" \
  "\x01\x04\x00\x01\x00\x00\x00\x00"
#define HEAD_N (sizeof HEAD - 1)

#define SECOND INT64_C(1000000)

static struct cf_park *park;

static int tick(void *context, bool ready)
{
  (void)context;
  (void)ready;
  return 10;
}

static void set_up(void)
{
  struct cf_park_job job = {.tick = tick, .places = CF_PARK_MAX};
  struct rlimit many = {4096, 4096};
  (void)setrlimit(RLIMIT_NOFILE, &many);
  ck_assert_ok(cf_park_start(&job, &park, NULL));
}

static void tear_down(void)
{
  cf_park_stop(park);
}

/* Our end of a connection whose other end is given away. */
static int far_end(int *near)
{
  int pair[2];
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  *near = pair[0];
  return pair[1];
}

static int take_ready(void)
{
  int fd = -1;
  while (fd < 0) {
    fd = cf_park_take(park);
    if (fd < 0)
      usleep(10000);
  }
  return fd;
}

static bool closes(int peer)
{
  struct pollfd p = {.fd = peer, .events = POLLIN};
  char byte;
  return poll(&p, 1, -1) == 1 && read(peer, &byte, 1) <= 0;
}

static void say(int peer, size_t at, size_t n)
{
  ck_assert_int_eq(write(peer, HEAD + at, n), (ssize_t)n);
}

START_TEST(test_ready_when_whole)
{
  int near;
  int peer = far_end(&near);
  cf_park_wait(park, near, false);
  for (size_t i = 0; i < HEAD_N; i++) {
    ck_assert_int_eq(cf_park_take(park), -1);
    ck_assert(!cf_park_empty(park));
    say(peer, i, 1);
  }
  ck_assert_int_eq(take_ready(), near);
  ck_assert(cf_park_empty(park));
  close(near);
  close(peer);
}
END_TEST

/* Whoever says nothing is waited for only where not too many workers do. */
START_TEST(test_patience)
{
  int near;
  struct cf_accept accept = {.listener = -1, .park = park, .patient_max = 1};
  int peer = far_end(&near);
  ck_assert(cf_accept_wait_begin(&accept));
  ck_assert(!cf_accept_wait_begin(&accept));
  ck_assert(!cf_accept_head(&accept, near, false));
  ck_assert(!cf_park_empty(park));
  cf_accept_wait_end(&accept);
  ck_assert(cf_accept_wait_begin(&accept));
  say(peer, 0, HEAD_N);
  ck_assert_int_eq(take_ready(), near);
  ck_assert(cf_accept_head(&accept, near, false));
  close(near);
  close(peer);
}
END_TEST

/* All of it came before the connection did. */
START_TEST(test_ready_at_once)
{
  int near;
  int peer = far_end(&near);
  say(peer, 0, HEAD_N);
  cf_park_wait(park, near, true);
  ck_assert_int_eq(take_ready(), near);
  close(near);
  close(peer);
}
END_TEST

START_TEST(test_nonsense_is_closed)
{
  int near;
  int peer = far_end(&near);
  cf_park_wait(park, near, false);
  ck_assert_int_eq(write(peer, "GET /", 5), 5);
  ck_assert(closes(peer));
  ck_assert(cf_park_empty(park));
  close(peer);
}
END_TEST

START_TEST(test_oldest_goes)
{
  static int peers[CF_PARK_MAX / 5 * 4 + 1];
  struct pollfd p = {.events = POLLIN};
  int near;
  for (size_t i = 0; i < CF_COUNT(peers); i++) {
    peers[i] = far_end(&near);
    cf_park_wait(park, near, false);
  }
  ck_assert(closes(peers[0]));
  p.fd = peers[1];
  ck_assert_int_eq(poll(&p, 1, 0), 0);
  for (size_t i = 0; i < CF_COUNT(peers); i++)
    close(peers[i]);
}
END_TEST

/* Whoever says a byte now and then waits no longer than one who says none. */
START_TEST(test_waits_ten_seconds)
{
  struct pollfd p = {.events = POLLIN};
  int near;
  int peer = p.fd = far_end(&near);
  cf_park_wait(park, near, false);
  for (size_t i = 0; i < 9; i++) {
    say(peer, i, 1);
    held_move(SECOND);
    ck_assert_int_eq(poll(&p, 1, 20), 0);
  }
  held_move(SECOND);
  ck_assert(closes(peer));
  ck_assert(cf_park_empty(park));
  close(peer);
}
END_TEST

static bool is_gone(int peer, int ms)
{
  struct pollfd p = {.fd = peer}; /* POLLHUP always counts */
  return poll(&p, 1, ms) == 1 && (p.revents & POLLHUP) != 0;
}

/* And whoever was answered is heard for a second. */
START_TEST(test_heard_for_a_second)
{
  int near;
  int peer = far_end(&near);
  cf_park_leave(park, near);
  ck_assert_int_eq(send(peer, "x", 1, MSG_NOSIGNAL), 1);
  ck_assert(!is_gone(peer, 50));
  held_move(SECOND);
  ck_assert(is_gone(peer, -1));
  close(peer);
}
END_TEST

/* It is told that nothing more comes, and may say 64 KiB. */
START_TEST(test_heard_out)
{
  static char big[300000];
  int near;
  int peer = far_end(&near);
  ck_assert_int_eq(write(near, "bye", 3), 3);
  ck_assert_int_eq(send(peer, big, 1000, MSG_NOSIGNAL), 1000);
  cf_park_leave(park, near);
  char got[10];
  ck_assert_int_eq(read(peer, got, sizeof got), 3);
  ck_assert_int_eq(read(peer, got, sizeof got), 0);
  ck_assert(cf_park_empty(park));
  while (send(peer, big, sizeof big, MSG_NOSIGNAL) > 0)
    ;
  close(peer);
}
END_TEST

static bool is_closed(int peer)
{
  char byte;
  return recv(peer, &byte, 1, MSG_DONTWAIT) == 0;
}

/* What is only kept is closed at once, then and later; what has said all of a
 * head is served. */
START_TEST(test_hurry)
{
  int kept, begun, later;
  int kept_peer = far_end(&kept), peer = far_end(&begun), later_peer = far_end(&later);
  cf_park_wait(park, kept, true);
  cf_park_wait(park, begun, false);
  say(peer, 0, HEAD_N);
  cf_park_hurry(park);
  ck_assert(is_closed(kept_peer));
  cf_park_wait(park, later, true);
  ck_assert(is_closed(later_peer));
  ck_assert_int_eq(take_ready(), begun);
  ck_assert(cf_park_empty(park));
  close(begun);
  close(peer);
  close(kept_peer);
  close(later_peer);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "park", .test = test_ready_when_whole, .setup = set_up, .teardown = tear_down},
      {.tcase = "park", .test = test_ready_at_once},
      {.tcase = "park", .test = test_patience},
      {.tcase = "park", .test = test_nonsense_is_closed},
      {.tcase = "park", .test = test_oldest_goes},
      {.tcase = "park", .test = test_waits_ten_seconds},
      {.tcase = "park", .test = test_heard_out},
      {.tcase = "park", .test = test_heard_for_a_second},
      {.tcase = "park", .test = test_hurry},
  };
  return cf_test_run("fcgi_park", tests, CF_COUNT(tests));
}
