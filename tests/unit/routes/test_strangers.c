/* SPDX-License-Identifier: MIT */
/* The log's own trail of those who have no name, or have none any more. */
#include "config.h"

#include "tests/unit/routes/app_roles.h"

static void set_tiles(void)
{
  stage_set("public", "tiles");
}

static void setup_public(void)
{
  stage_conf_set = set_tiles;
  stage_setup_roles();
}

static int get_from(const char *path, const char *ip)
{
  return ask((struct ask){.path = path, .vars = {"REMOTE_ADDR", ip}});
}

START_TEST(test_networks)
{
  uint64_t before = stage_size();
  ck_answer(get_from("/tile/0/000.p/2", "192.0.2.1"), 200);
  ck_answer(get_from("/tile/0/000.p/1", "192.0.2.200"), 200);
  ck_answer(get_from("/tile/0/000.p/1", "192.0.3.1"), 200);
  ck_answer(get_from("/tile/0/000.p/1", "2001:db8::1"), 200);
  ck_answer(get_from("/tile/0/000.p/1", "2001:db8::ffff:1"), 200);
  ck_answer(get_from("/tile/0/000.p/1", "2001:db8:0:1::1"), 200);
  ck_assert_uint_eq(stage_size(), before + 4);
  stage_reopen();
  ck_assert_uint_eq(trail("&action=tile"), 6);
  ck_value("events.0.attributes.network", "192.0.2.0/24");
  ck_value("events.0.ip", "192.0.2.1");
  ck_value("events.2.attributes.network", "2001:db8::/64");
  ck_value("events.3.attributes.network", "2001:db8:0:1::/64");
  ck_value("events.5.attributes.count", "1");
  ck_value("events.5.ip", "null");
}
END_TEST

/* Who is turned away under a name is told by it, however many strangers are. */
START_TEST(test_networks_refused)
{
  char ip[40];
  ck_answer(get_from("/v1/events", "2001:db8::1"), 401);
  for (int i = 2; i < 6; i++) {
    snprintf(ip, sizeof ip, "2001:db8::%x", i);
    ck_answer(get_from("/v1/events", ip), 401);
  }
  for (int i = 0; i < 1100; i++) {
    snprintf(ip, sizeof ip, "2001:db8:1:%x::1", i);
    ck_answer(get_from("/v1/events", ip), 401);
  }
  ck_answer(get("/v1/events", writer), 403);
  stage_reopen();
  ck_assert_uint_eq(trail("&action=refused&user=web1"), 1);
  ck_assert_uint_eq(trail("&action=refused&ip=2001:db8::/64"), 1);
  ck_assert_uint_eq(trail("&action=refused&limit=2000"), 1027);
  ck_value("events.1022.ip", "2001:db8:1:3fd::1");
  ck_value("events.1025.attributes.network", "2001:db8::/64");
  ck_value("events.1025.attributes.count", "4");
  ck_value("events.1025.ip", "null");
  ck_value("events.1026.attributes.network", "many");
  ck_value("events.1026.attributes.count", "77");
}
END_TEST

static size_t refused_of(const char *credential)
{
  char more[80];
  snprintf(more, sizeof more, "&outcome=failure&credential=%s", credential);
  return trail(more);
}

/* Who has a token that counts no more is told by its id, and told why; who only
 * has its id is a stranger. */
START_TEST(test_ended_is_named)
{
  char path[80], id[16], forged[128];
  const char *token = make_token("gone", "[\"reader\",\"writer\"]", "");
  snprintf(id, sizeof id, "%s", value("id"));
  snprintf(path, sizeof path, "/v1/tokens/%s/revoke", id);
  snprintf(forged, sizeof forged, "cf_%s_%s", id, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  ck_answer(ask((struct ask){.method = "POST", .path = path, .door = CF_DOOR_ADMIN}), 200);
  ck_answer(get("/v1/events", forged), 401);
  ck_lacks("revoked");
  stage_reopen();
  ck_assert_uint_eq(refused_of(id), 0);
  ck_answer(post("/v1/events", token, "{\"action\":\"a\"}"), 401);
  ck_contains("was revoked");
  stage_reopen();
  ck_assert_uint_eq(refused_of(id), 1);
  ck_value("events.0.user", "gone");
  ck_value("events.0.action", "refused");
  ck_value("events.0.attributes.reason", "no-token");
  ck_answer(get("/", token), 200); /* the page asks him to sign in */
  snprintf(forged, sizeof forged, "token=%s", token);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/login",
                             .type = "application/x-www-form-urlencoded",
                             .body = forged}),
            401);
  stage_reopen();
  ck_assert_uint_eq(refused_of(id), 3);
  ck_value("events.2.action", "sign-in");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "public", .test = test_networks, .setup = setup_public, .teardown = stage_teardown},
      {.tcase = "refused",
       .test = test_networks_refused,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "refused", .test = test_ended_is_named},
  };
  return cf_test_run("strangers", tests, CF_COUNT(tests));
}
