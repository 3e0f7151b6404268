/* SPDX-License-Identifier: MIT */
/* What the tests of the doors share: a data directory with an owner that has no
 * application, a front that relays everything to it, and a client. */
#ifndef CF_TEST_DOOR_STAGE_H
#define CF_TEST_DOOR_STAGE_H

#include <stdatomic.h>

#include "fcgi-app/door/fcgi_in.h"
#include "lib/base/conf.h"
#include "tests/unit/cf_test.h"

#define BIG_N            (16u << 20)
#define DOOR_PATIENCE_US INT64_C(100000000)

extern char door_directory[];
extern char door_front_path[];
extern struct cf_conf door_conf; /* its data is door_directory */
extern int door_dir;             /* descriptor of it */
extern int door_owner_fd;        /* the owner's listening socket, -1: none */
extern struct cf_fcgi *door_owner;
extern atomic_int door_served;       /* requests that came to door_serve_stub */
extern int64_t door_body_timeout_us; /* of the owner that is started next */

/* Fixtures: the directory alone; the directory, an owner and a front. */
void door_set_up(void);
void door_set_up_both(void);
void door_tear_down(void);
/* What is said between the two is there when the owner begins. */
void door_listen(void);
void door_start_owner(void);
void door_stop_owner(void);

/* Answers by QUERY_STRING: echo, params, upload, early, break, sleep, later,
 * meet. */
void door_serve_stub(void *context, struct cf_transport *t);
/* Requests of `meet` wait until there are door_threads of them at once, and are
 * answered "met"; "alone" after a minute. */
extern unsigned door_threads; /* of the owner that is started next */
/* Those of `later` that left their worker: door_left of them, answered in the
 * order in which they did by door_answer_later. One that may not leave is
 * answered "stayed" at once. */
extern atomic_uint door_left;
void door_answer_later(void);
/* Its echo: the door, "|", the body. */
void door_serve_echo(struct cf_transport *t);

struct door_client {
  size_t left;       /* of the body */
  size_t piece;      /* at most so much at a time; 0: all */
  unsigned pause_us; /* before each piece */
  uint8_t next;      /* the body is 0 1 2 … 250 0 1 … */
  struct cf_buf answer;
  size_t leave_after;  /* of the answer; 0: never */
  atomic_uint *wanted; /* the body ends when it is 0; NULL: when nothing is left */
};

int door_connect_front(void);
int door_connect_owner(void);
/* Ask over the connection fd, which is closed. Extra parameters come as name,
 * value, …, NULL. */
CF_MUST enum cf_err door_ask(int fd, struct door_client *c, const char *method, const char *query,
                             const char *const *extra);
/* The answer is the echo of n bytes through that door; frees it. */
void door_check_echo(struct door_client *c, const char *door, size_t n);

#endif
