/* SPDX-License-Identifier: MIT */
/* Whom the sockets believe. */
#include "config.h"

#include "fcgi-app/door/peers.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

static struct cf_conf conf;

static void setup(void)
{
  ck_assert_ok(cf_conf_defaults(&conf));
}

static void teardown(void)
{
  cf_conf_fini(&conf);
}

static void add(const char *user)
{
  ck_assert_ok(cf_conf_set(&conf, CF_STR("trust_peers"), cf_str_from(user), NULL));
}

static bool believes(const struct cf_peers *peers, uid_t uid)
{
  for (size_t i = 0; i < peers->n; i++)
    if (peers->uids[i] == uid)
      return true;
  return false;
}

START_TEST(test_defaults)
{
  struct cf_peers peers;

  ck_assert_ok(cf_peers_init(&conf, &peers, NULL));
  ck_assert(believes(&peers, geteuid()));
  ck_assert(believes(&peers, 0));
  ck_assert(!believes(&peers, 54321));
}
END_TEST

START_TEST(test_names_and_uids)
{
  struct cf_peers peers;

  add("root");
  add("54321");
  ck_assert_ok(cf_peers_init(&conf, &peers, NULL));
  ck_assert(believes(&peers, 54321));
  ck_assert_uint_eq(peers.n, 4);
}
END_TEST

static const char *const nobody[] = {"no-such-user-here", "-1", "4294967295", "33 34", "0x21"};

START_TEST(test_no_user)
{
  struct cf_peers peers;
  struct cf_fault fault;

  add(nobody[_i]);
  ck_assert_int_eq(cf_peers_init(&conf, &peers, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, "trust_peers");
}
END_TEST

START_TEST(test_most)
{
  struct cf_peers peers;

  for (int i = 0; i < CF_ROLE_LINES_MAX; i++)
    add("54321");
  ck_assert_ok(cf_peers_init(&conf, &peers, NULL));
}
END_TEST

START_TEST(test_look)
{
  struct cf_peers all, none = {{0}, 0};
  int ends[2];

  ck_assert_ok(cf_peers_init(&conf, &all, NULL));
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ck_assert_int_eq(cf_peers_look(&all, ends[0], true), CF_PEER_WEB);
  ck_assert_int_eq(cf_peers_look(&none, ends[0], false), CF_PEER_STRANGER);
  close(ends[0]);
  close(ends[1]);
}
END_TEST

START_TEST(test_tcp)
{
  struct cf_peers peers;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct cf_fault fault;

  ck_assert_ok(cf_peers_init(&conf, &peers, NULL));
  ck_assert_int_eq(cf_peers_look(&peers, fd, false), CF_PEER_UNKNOWN);
  ck_assert_ok(cf_peers_check(&conf, fd, NULL));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("trust"), CF_STR("remote_user"), NULL));
  ck_assert_int_eq(cf_peers_check(&conf, fd, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, "trust");
  close(fd);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "peers", .test = test_defaults, .setup = setup, .teardown = teardown},
      {.tcase = "peers", .test = test_names_and_uids, .setup = setup, .teardown = teardown},
      {.tcase = "peers",
       .test = test_no_user,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(nobody)},
      {.tcase = "peers", .test = test_most, .setup = setup, .teardown = teardown},
      {.tcase = "peers", .test = test_look, .setup = setup, .teardown = teardown},
      {.tcase = "peers", .test = test_tcp, .setup = setup, .teardown = teardown},
  };
  return cf_test_run("peers", tests, CF_COUNT(tests));
}
