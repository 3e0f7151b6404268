/* SPDX-License-Identifier: MIT */
/* What a FastCGI peer may say to the owner, and what it may not: it is heard or
 * cut off, and the next one is served. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_accept_in.h"
#include "fcgi-app/door/fcgi_seat_in.h"
#include "tests/unit/door/door_stage.h"

#define SAYS(literal)         literal, sizeof(literal) - 1
#define RECORD(type, id, n)   "\x01" type "\x00" id n "\x00\x00"
#define PADDED(type, n, more) "\x01" type "\x00\x01" n more "\x00"
#define BEGIN                 RECORD("\x01", "\x01", "\x00\x08") "\x00\x01\x01\x00\x00\x00\x00\x00"
#define OTHER_BEGIN           RECORD("\x01", "\x02", "\x00\x08") "\x00\x01\x01\x00\x00\x00\x00\x00"
#define PARAMS                RECORD("\x04", "\x01", "\x00\x14") "\x0c\x06QUERY_STRINGupload"
#define PARAMS_END            RECORD("\x04", "\x01", "\x00\x00")
#define HEAD                  BEGIN PARAMS PARAMS_END
#define INPUT                 RECORD("\x05", "\x01", "\x00\x05") "hello"
#define INPUT_END             RECORD("\x05", "\x01", "\x00\x00")
#define ASK \
  "\x0f\x00" \
  "FCGI_MPXS_CONNS"
#define ASK_4  ASK ASK ASK ASK
#define ASK_16 ASK_4 ASK_4 ASK_4 ASK_4
/* 64 questions, whose answer libfcgi writes into 64 bytes */
#define VALUES RECORD("\x09", "\x00", "\x04\x40") ASK_16 ASK_16 ASK_16 ASK_16

/* padding that libfcgi takes for a header, of a record that has eight bytes of
 * it */
#define SKIP "\x01\x09\x00\x00\x00\x00\x08\x00"

enum fate { READ, CUT, CLOSED };

static const struct {
  const char *name;
  const char *says;
  size_t n;
  enum fate fate; /* READ: the whole body; CUT: it breaks off; CLOSED: no request comes of it */
} peers[] = {
    {"a request", SAYS(HEAD INPUT INPUT INPUT_END), READ},
    {"no body", SAYS(HEAD INPUT_END), READ},
    {"a padded body", SAYS(HEAD PADDED("\x05", "\x00\x02", "\x06") "hi......" INPUT_END), READ},
    {"padded parameters",
     SAYS(BEGIN PADDED("\x04", "\x00\x14",
                       "\x04") "\x0c\x06QUERY_STRINGupload...." PARAMS_END INPUT_END),
     READ},
    {"values asked for in the body", SAYS(HEAD INPUT VALUES INPUT_END), CUT},
    {"values before the body", SAYS(HEAD VALUES INPUT_END), CUT},
    {"values in the head", SAYS(BEGIN VALUES PARAMS PARAMS_END INPUT_END), CLOSED},
    {"values before a request", SAYS(VALUES HEAD INPUT_END), CLOSED},
    {"values behind the padding of the first record",
     SAYS(PADDED("\x01", "\x00\x08",
                 "\x08") "\x00\x01\x01\x00\x00\x00\x00\x00" SKIP RECORD("\x04", "\x01", "\x04\x48")
              VALUES PARAMS_END),
     CLOSED},
    {"values behind the padding of the last parameters",
     SAYS(BEGIN PARAMS PADDED("\x04", "\x00\x00", "\x08") SKIP RECORD("\x05", "\x01", "\x04\x48")
              VALUES INPUT_END),
     CLOSED},
    {"an unknown type", SAYS(HEAD RECORD("\x63", "\x01", "\x00\x00") INPUT_END), CUT},
    {"an unknown type of no request", SAYS(HEAD RECORD("\x63", "\x00", "\x00\x00") INPUT_END), CUT},
    {"an abort", SAYS(HEAD INPUT RECORD("\x02", "\x01", "\x00\x00") INPUT_END), CUT},
    {"parameters in the body", SAYS(HEAD INPUT PARAMS PARAMS_END INPUT_END), CUT},
    {"another begin", SAYS(HEAD INPUT BEGIN INPUT_END), CUT},
    {"another request's begin", SAYS(HEAD OTHER_BEGIN INPUT_END), CUT},
    {"another request's body", SAYS(HEAD RECORD("\x05", "\x02", "\x00\x00") INPUT_END), CUT},
    {"another request's begin in the head", SAYS(BEGIN OTHER_BEGIN PARAMS PARAMS_END), CLOSED},
    {"another version", SAYS(HEAD INPUT "\x02"), CUT},
    {"half a header", SAYS(HEAD INPUT "\x01\x05\x00"), CUT},
    {"half a record", SAYS(HEAD RECORD("\x05", "\x01", "\x00\x05") "hel"), CUT},
};

/* Say it, `piece` bytes at a time, and nothing more; what comes back, as text
 * without NULs. */
static void say(int fd, const char *p, size_t n, size_t piece, char *out, size_t max)
{
  ssize_t got = 1;

  for (size_t part; n > 0; p += part, n -= part) {
    part = piece < n ? piece : n;
    if (send(fd, p, part, MSG_NOSIGNAL) < 0)
      break;
  }
  (void)shutdown(fd, SHUT_WR);
  while (got > 0 && max > 1) {
    got = recv(fd, out, max - 1, 0);
    for (ssize_t i = 0; i < got; i++)
      out[i] = out[i] == '\0' ? '.' : out[i];
    out += got > 0 ? got : 0;
    max -= got > 0 ? (size_t)got : 0;
  }
  *out = '\0';
}

static void check_peer(size_t i, size_t piece)
{
  static const char *const answers[] = {[READ] = "read", [CUT] = "peer"};
  struct door_client c = {.left = 10};
  char answer[4096];
  int fd = door_connect_owner();

  say(fd, peers[i].says, peers[i].n, piece, answer, sizeof answer);
  close(fd);
  if (peers[i].fate == CLOSED)
    ck_assert_msg(answer[0] == '\0', "%s: answered %s", peers[i].name, answer);
  else
    ck_assert_msg(strstr(answer, answers[peers[i].fate]) != NULL, "%s: answered %s", peers[i].name,
                  answer);
  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", NULL));
  door_check_echo(&c, "web", 10);
}

START_TEST(test_peer)
{
  check_peer((size_t)_i, peers[_i].n);
}
END_TEST

START_TEST(test_peer_byte_by_byte)
{
  check_peer((size_t)_i, 1);
}
END_TEST

/* Who goes on with a body that nobody reads, a byte at a time and never silent,
 * has no worker for it: with as many of them as there are another peer is
 * served at once. */
#define UNREAD(flags) \
  RECORD("\x01", "\x01", "\x00\x08") "\x00\x02" flags "\x00\x00\x00\x00\x00" PARAMS PARAMS_END
static const struct {
  const char *says;
  size_t n;
} unread[] = {{SAYS(UNREAD("\x00"))}, {SAYS(UNREAD("\x01"))}}; /* closed, kept */
static atomic_bool served;

static void *trickle(void *arg)
{
  const size_t *i = arg;
  char answer[200];
  int fd = door_connect_owner();

  ck_assert_int_eq(send(fd, unread[*i].says, unread[*i].n, MSG_NOSIGNAL), (ssize_t)unread[*i].n);
  ck_assert_int_gt(recv(fd, answer, sizeof answer, 0), 0);
  while (!atomic_load(&served) &&
         send(fd, SAYS(RECORD("\x05", "\x01", "\x00\x01") "x"), MSG_NOSIGNAL) > 0)
    usleep(1000);
  close(fd);
  return NULL;
}

static void *serve_late(void *arg)
{
  sleep(60);
  atomic_store(&served, true);
  return arg;
}

START_TEST(test_trickle_behind_answer)
{
  pthread_t threads[5];
  size_t i = (size_t)_i;
  struct door_client c = {.left = 10};

  ck_assert_int_eq(pthread_create(&threads[4], NULL, serve_late, NULL), 0);
  for (int k = 0; k < 4; k++)
    ck_assert_int_eq(pthread_create(&threads[k], NULL, trickle, &i), 0);
  usleep(50000);
  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", NULL));
  ck_assert(!atomic_load(&served)); /* they go on still */
  door_check_echo(&c, "web", 10);
  atomic_store(&served, true);
  for (int k = 0; k < 4; k++)
    pthread_join(threads[k], NULL);
}
END_TEST

/* ---- answers that come later ---- */

#define LEFT_MAX (4 * CF_FCGI_LEFT) /* of the owner's four workers */
#define LATER(flags) \
  RECORD("\x01", "\x01", "\x00\x08") \
  "\x00\x01" flags \
  "\x00\x00\x00\x00\x00" RECORD("\x04", "\x01", \
                                "\x00\x13") "\x0c\x05QUERY_STRINGlater" PARAMS_END INPUT_END

static int ask_with(const char *says, size_t n)
{
  int fd = door_connect_owner();

  ck_assert_int_eq(send(fd, says, n, MSG_NOSIGNAL), (ssize_t)n);
  return fd;
}

static void check_answer(int fd, const char *words)
{
  char answer[400];

  say(fd, "", 0, 1, answer, sizeof answer);
  ck_assert_msg(strstr(answer, words) != NULL, "answered %s", answer);
  close(fd);
}

static void wait_for_left(unsigned n)
{
  while (atomic_load(&door_left) < n)
    usleep(1000);
}

/* Requests that leave take none of the workers' own seats: a worker may begin
 * after all the others have left theirs. */
START_TEST(test_seats_of_workers)
{
  struct cf_fcgi_job job = {.threads = 3};
  struct cf_accept accept = {.listener = -1};
  struct cf_seats seats;
  struct cf_seat *place = NULL;
  unsigned n = 0;

  ck_assert_ok(cf_seats_init(&seats, &job, &accept));
  for (struct cf_seat *s = seats.free; s != NULL; s = s->next, n++)
    ck_assert_int_ge(s - seats.each, 3);
  ck_assert_uint_eq(n, 3 * CF_FCGI_LEFT);
  cf_seat_take(&seats, 2, &place);
  ck_assert_ptr_eq(place, &seats.each[2]);
  cf_seats_fini(&seats);
}
END_TEST

/* Twice as many as there are workers wait, and the workers are free; one more
 * stays with its worker, and so does who keeps its connection. (And who
 * connects some time before he asks: here all have asked before.) */
START_TEST(test_later)
{
  int fds[LEFT_MAX];
  struct door_client c = {.left = 10};

  door_listen();
  for (unsigned i = 0; i < LEFT_MAX; i++)
    fds[i] = ask_with(SAYS(LATER("\x00")));
  door_start_owner();
  wait_for_left(LEFT_MAX);
  ck_assert_ok(door_ask(door_connect_owner(), &c, "POST", "echo", NULL));
  door_check_echo(&c, "web", 10);
  check_answer(ask_with(SAYS(LATER("\x00"))), "stayed");
  door_answer_later();
  for (unsigned i = 0; i < LEFT_MAX; i++)
    check_answer(fds[i], "late");
  while (cf_fcgi_idle_us(door_owner) == 0) /* who brought the last may not be back yet */
    usleep(1000);
  check_answer(ask_with(SAYS(LATER("\x01"))), "stayed");
}
END_TEST

static void hear_answer(int fd)
{
  char answer[400];
  size_t n = 0;

  while (memmem(answer, n, SAYS(RECORD("\x03", "\x01", "\x00\x08"))) == NULL) {
    ssize_t got = recv(fd, answer + n, sizeof answer - n, 0);
    ck_assert_int_gt(got, 0);
    n += (size_t)got;
  }
}

/* What is asked last over a connection that had answers, at once or after a
 * while: whoever would bring its answer might find no room for it, and wait
 * until the peer has read. */
START_TEST(test_later_not_behind_others)
{
  static const char later[] = LATER("\x00");
  int fd = ask_with(SAYS(HEAD INPUT_END));

  hear_answer(fd);
  usleep((useconds_t)_i * 50000);
  ck_assert_int_eq(send(fd, later, sizeof later - 1, MSG_NOSIGNAL), sizeof later - 1);
  check_answer(fd, "stayed");
}
END_TEST

static void *answer_in_a_while(void *arg)
{
  usleep(200000);
  door_answer_later();
  return arg;
}

START_TEST(test_stop_waits_for_later)
{
  pthread_t thread;

  door_listen();
  int fd = ask_with(SAYS(LATER("\x00")));
  door_start_owner();
  wait_for_left(1);
  ck_assert_int_eq(cf_fcgi_idle_us(door_owner), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, answer_in_a_while, NULL), 0);
  (void)unlinkat(door_dir, "sock", 0);
  ck_assert_ok(cf_fcgi_stop(door_owner, DOOR_PATIENCE_US));
  door_owner = NULL;
  check_answer(fd, "late");
  pthread_join(thread, NULL);
}
END_TEST

/* ---- more workers than wait at the door ---- */

#define MEET \
  BEGIN RECORD("\x04", "\x01", "\x00\x12") "\x0c\x04QUERY_STRINGmeet" PARAMS_END INPUT_END
#define MANY (3 * CF_ACCEPT_DOOR)

static void set_up_many(void)
{
  door_threads = MANY;
  door_set_up_both();
}

/* All of them are in a request at once, twice. */
START_TEST(test_all_workers_come)
{
  int fds[MANY];

  for (int round = 0; round < 2; round++) {
    for (unsigned i = 0; i < MANY; i++)
      fds[i] = ask_with(SAYS(MEET));
    for (unsigned i = 0; i < MANY; i++)
      check_answer(fds[i], "met");
  }
}
END_TEST

/* ---- who would keep it from stopping ---- */

#define EARLY RECORD("\x04", "\x01", "\x00\x13") "\x0c\x05QUERY_STRINGearly"
static const struct {
  const char *says;
  size_t n;
} keepers[] = {
    {SAYS(BEGIN EARLY PARAMS_END INPUT_END)}, /* and does not read the answer */
    {SAYS(HEAD INPUT)},                       /* and sends no more of the body */
};

static atomic_int ahead_s; /* the clock is */

int clock_gettime(clockid_t id, struct timespec *t)
{
  int result = (int)syscall(SYS_clock_gettime, id, t);

  if (id == CLOCK_MONOTONIC)
    t->tv_sec += atomic_load(&ahead_s);
  return result;
}

static void *move_ahead(void *arg)
{
  usleep(100000);
  atomic_store(&ahead_s, 20);
  return arg;
}

/* A stop waits for those who are served, but not for who lets himself be waited
 * for: what else is to be done in order comes after it. Two thirds of its time
 * go by at once; where it begins later still, they take as long as they are. */
START_TEST(test_stop_waits_for_no_peer)
{
  pthread_t thread;
  int fd = door_connect_owner();

  ck_assert_int_eq(send(fd, keepers[_i].says, keepers[_i].n, 0), (ssize_t)keepers[_i].n);
  while (atomic_load(&door_served) == 0)
    usleep(1000);
  (void)unlinkat(door_dir, "sock", 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, move_ahead, NULL), 0);
  ck_assert_ok(cf_fcgi_stop(door_owner, 30000000));
  door_owner = NULL;
  pthread_join(thread, NULL);
  close(fd);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "peers",
       .test = test_peer,
       .loops = CF_COUNT(peers),
       .setup = door_set_up_both,
       .teardown = door_tear_down},
      {.tcase = "peers", .test = test_peer_byte_by_byte, .loops = CF_COUNT(peers)},
      {.tcase = "peers", .test = test_trickle_behind_answer, .loops = CF_COUNT(unread)},
      {.tcase = "peers", .test = test_stop_waits_for_no_peer, .loops = CF_COUNT(keepers)},
      {.tcase = "peers", .test = test_later_not_behind_others, .loops = 2},
      {.tcase = "seats", .test = test_seats_of_workers},
      {.tcase = "later", .test = test_later, .setup = door_set_up, .teardown = door_tear_down},
      {.tcase = "later", .test = test_stop_waits_for_later},
      {.tcase = "many",
       .test = test_all_workers_come,
       .setup = set_up_many,
       .teardown = door_tear_down},
  };
  return cf_test_run("fcgi", tests, CF_COUNT(tests));
}
