/* SPDX-License-Identifier: MIT */
/* What outsiders may not set. */
#include "config.h"

#include "fcgi-app/http/hidden.h"

#include "tests/unit/cf_test.h"

static const struct {
  const char *name;
  bool hidden;
} names[] = {
    {"COUNTERFOIL_DOOR", true},
    {"COUNTERFOIL_DOOR=cli", true},
    {"COUNTERFOIL_CONF", true},
    {"COUNTERFOIL_SOURCE", true},
    {"COUNTERFOIL_SOURCES=x", true},
    {"COUNTERFOIL_", true},
    {"COUNTERFOIL", false},
    {"COUNTERFOIL=COUNTERFOIL_", false},
    {"HTTP_X_COUNTERFOIL_TOKEN", false},
    {"HTTP_COUNTERFOIL_DOOR=cli", false},
    {"counterfoil_door", false}, /* which nobody asks for */
    {"X=COUNTERFOIL_DOOR", false},
    {"", false},
};

START_TEST(test_names)
{
  ck_assert_int_eq(cf_hidden(names[_i].name, CF_PEER_WEB), names[_i].hidden);
}
END_TEST

/* Names that a peer is believed from that one on. */
static const struct {
  const char *name;
  enum cf_peer from;
} told[] = {
    {"REMOTE_USER", CF_PEER_WEB},
    {"REMOTE_USER=alice", CF_PEER_WEB},
    {"AUTH_TYPE=Basic", CF_PEER_WEB},
    {"SSL_CLIENT_VERIFY=SUCCESS", CF_PEER_WEB},
    {"SSL_CLIENT_S_DN", CF_PEER_WEB},
    {"REMOTE_ADDR=192.0.2.1", CF_PEER_UNKNOWN},
    {"REMOTE_HOST", CF_PEER_UNKNOWN},
    {"REMOTE_PORT", CF_PEER_UNKNOWN},
    {"COUNTERFOIL_SOURCE=logs", CF_PEER_ADMIN},
    {"REMOTE_USERS", CF_PEER_STRANGER},
    {"HTTP_REMOTE_USER=alice", CF_PEER_STRANGER},
    {"HTTP_AUTHORIZATION", CF_PEER_STRANGER},
    {"", CF_PEER_STRANGER},
};

START_TEST(test_believed)
{
  for (enum cf_peer peer = CF_PEER_STRANGER; peer <= CF_PEER_ADMIN; peer++)
    ck_assert_int_eq(cf_hidden(told[_i].name, peer), peer < told[_i].from);
}
END_TEST

START_TEST(test_own_names)
{
  ck_assert(cf_hidden(CF_HIDDEN_DOOR, CF_PEER_ADMIN));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "hidden", .test = test_names, .loops = CF_COUNT(names)},
      {.tcase = "hidden", .test = test_believed, .loops = CF_COUNT(told)},
      {.tcase = "hidden", .test = test_own_names},
  };
  return cf_test_run("hidden", tests, CF_COUNT(tests));
}
