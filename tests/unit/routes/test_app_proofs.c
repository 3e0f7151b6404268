/* SPDX-License-Identifier: MIT */
/* Receipts, proofs, keys and tiles, and who is given them. */
#include "config.h"

#include "fcgi-app/http/response.h"
#include "lib/base/codec.h"
#include "lib/proof/note.h"
#include "tests/unit/routes/app_roles.h"
#include "tests/unit/segment/forge.h"

START_TEST(test_receipts)
{
  char path[64];
  const char *other = make_token("web2", "[\"writer\"]", "");
  ck_answer(post("/v1/events", writer, "{\"action\":\"x\",\"user\":\"alice\"}"), 201);
  snprintf(path, sizeof path, "/v1/receipts/%lld", number("seq"));
  ck_answer(get(path, writer), 200);
  ck_assert_int_eq(strncmp(content(), "c2sp.org/tlog-proof@v1\nextra ", 29), 0);
  ck_answer(get(path, auditor), 200);
  ck_answer(get(path, other), 403);
  ck_answer(get(path, reader), 403);
  ck_answer(get("/v1/receipts/0", writer), 403);
  ck_answer(get("/v1/receipts/0", auditor), 200);
  ck_answer(get("/v1/receipts/9999", auditor), 404);
  ck_answer(get("/v1/receipts/9999", writer), 404);
  ck_answer(get("/v1/receipts/x", auditor), 404);
}
END_TEST

START_TEST(test_proofs)
{
  feed_events(writer, 20);
  ck_answer(get("/v1/proofs/inclusion?seq=3&size=8", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("hashes")), 3);
  ck_answer(get("/v1/proofs/inclusion?seq=8&size=8", auditor), 400);
  ck_answer(get("/v1/proofs/inclusion?seq=3&size=800", auditor), 400);
  ck_value("parameter", "size");
  ck_answer(get("/v1/proofs/inclusion?seq=3", auditor), 400);
  ck_answer(get("/v1/proofs/consistency?first=3&second=8", auditor), 200);
  ck_assert_uint_gt(cf_json_count(member("hashes")), 0);
  ck_answer(get("/v1/proofs/consistency?first=8&second=3", auditor), 400);
  ck_answer(get("/v1/proofs/consistency?first=8&second=8", auditor), 200);
  ck_assert_uint_eq(cf_json_count(member("hashes")), 0);
}
END_TEST

START_TEST(test_keys)
{
  struct cf_vkey vkey;
  ck_answer(get("/v1/keys", writer), 200);
  ck_assert_ok(cf_vkey_parse(cf_str_from(value("keys.0.vkey")), &vkey));
  ck_value("keys.0.from", "0");
  ck_value("keys.0.until", "null");
  struct cf_str text;
  ck_answer(get("/checkpoint", NULL), 200);
  ck_assert_ok(cf_note_check(cf_memory_content(&stage_answer), &vkey, &text));
}
END_TEST

/* Another key is an admin's to make, and to have alone. */
START_TEST(test_another_key)
{
  struct cf_vkey vkey;
  struct cf_str text;
  ck_answer(post("/v1/keys", auditor, NULL), 403);
  ck_answer(post("/v1/keys/retire", auditor, NULL), 403);
  ck_answer(post("/v1/keys", admin, "{\"overlap\":\"soon\"}"), 422);
  ck_answer(post("/v1/keys", admin, "{\"span\":\"1d\"}"), 422);
  ck_answer(post("/v1/keys", admin, "[]"), 422);
  ck_answer(post("/v1/keys", admin, "{\"overlap\":\"1d\"}"), 201);
  ck_assert_ok(cf_vkey_parse(cf_str_from(value("vkey")), &vkey));
  ck_assert_str_ne(value("until"), "null");
  ck_answer(get("/checkpoint", NULL), 200);
  ck_assert_ok(cf_note_check(cf_memory_content(&stage_answer), &vkey, &text));
  ck_answer(post("/v1/keys/retire", admin, NULL), 200);
  ck_assert_uint_eq(cf_json_count(member("keys")), 2);
  ck_answer(get("/v1/verify?mode=deep", auditor), 200);
  ck_value("ok", "true");
}
END_TEST

/* A full tile of leaf hashes folds to the first hash of the next level; entries
 * hash to the leaf hashes. */
START_TEST(test_tiles)
{
  uint8_t leaves[256 * CF_HASH_N];
  uint8_t root[CF_HASH_N];
  feed_events(writer, 300);
  ck_answer(get("/v1/receipts/299", auditor), 200); /* signs them */
  ck_answer(get("/tile/0/000", auditor), 200);
  ck_assert_str_eq(header("Content-Type"), "application/octet-stream");
  ck_assert_uint_eq(cf_memory_content(&stage_answer).n, sizeof leaves);
  memcpy(leaves, cf_memory_content(&stage_answer).p, sizeof leaves);
  cf_fold(leaves, 256, root);
  ck_answer(get("/tile/1/000.p/1", auditor), 200);
  ck_assert_bytes(cf_memory_content(&stage_answer).p, cf_memory_content(&stage_answer).n, root,
                  CF_HASH_N);
  ck_answer(get("/tile/entries/000", auditor), 200);
  struct cf_str left = cf_memory_content(&stage_answer);
  for (size_t i = 0; i < 256; i++) {
    uint8_t hash[CF_HASH_N];
    size_t n = cf_u16_get((const uint8_t *)left.p);
    cf_leaf_hash((struct cf_str){left.p + 2, n}, hash);
    ck_assert_bytes(hash, CF_HASH_N, leaves + i * CF_HASH_N, CF_HASH_N);
    left = (struct cf_str){left.p + 2 + n, left.n - 2 - n};
  }
  ck_assert_uint_eq(left.n, 0);
  ck_answer(get("/tile/0/001.p/20", auditor), 200);
  ck_answer(get("/tile/0/001.p/200", auditor), 404);
  ck_answer(get("/tile/0/001", auditor), 404);
  ck_answer(get("/tile/1/000", auditor), 404);
  ck_answer(get("/tile/0/1", auditor), 404);
  ck_answer(get("/tile/entries/001.p/200", auditor), 404);
  ck_answer(get("/tile/9/000.p/1", auditor), 404);
}
END_TEST

/* ---- what may be kept ---- */

static void set_public(void)
{
  stage_set("public", "tiles");
  stage_set("checkpoint_interval", "1h");
}

static void setup_public(void)
{
  stage_conf_set = set_public;
  stage_setup_roles();
}

#define LONG  "max-age=31536000, immutable"
#define SHORT "max-age=10"

static const struct {
  const char *path, *age;
} kept[] = {
    {"/tile/0/000", LONG},
    {"/tile/entries/000", LONG},
    {"/tile/0/001.p/20", SHORT},
    {"/tile/entries/001.p/20", SHORT},
    {"/tile/entries/000.p/9", SHORT},
};

/* What cannot change is kept long, by its bearer, or by anybody where anybody
 * may have it; and not sent again to who has it. */
static void check_kept(const char *token, const char *who)
{
  for (size_t i = 0; i < CF_COUNT(kept); i++) {
    char want[64], etag[CF_ETAG_N];
    ck_answer(get(kept[i].path, token), 200);
    snprintf(want, sizeof want, "%s, %s", who, kept[i].age);
    ck_assert_str_eq(header("Cache-Control"), want);
    snprintf(etag, sizeof etag, "%s", header("ETag"));
    ck_assert_uint_eq(strlen(etag), CF_ETAG_N - 1);
    ck_answer(ask((struct ask){.path = kept[i].path,
                               .token = token,
                               .vars = {"HTTP_IF_NONE_MATCH", etag}}),
              304);
    ck_assert_str_eq(content(), "");
    ck_assert_str_eq(header("ETag"), etag);
    ck_assert_str_eq(header("Cache-Control"), want);
    ck_answer(ask((struct ask){.path = kept[i].path,
                               .token = token,
                               .vars = {"HTTP_IF_NONE_MATCH", "\"other\""}}),
              200);
  }
}

START_TEST(test_kept)
{
  feed_events(writer, 300);
  ck_answer(get("/v1/receipts/299", auditor), 200);
  check_kept(auditor, "private");
  ck_answer(get("/checkpoint", NULL), 200);
  ck_assert_str_eq(header("Cache-Control"), "no-store");
  ck_answer(get("/tile/0/001", auditor), 404);
  ck_assert_str_eq(header("Cache-Control"), "no-store");
}
END_TEST

/* Entries that are not signed yet could still be of a history that a copy put
 * back ends. */
START_TEST(test_kept_public)
{
  feed_events(writer, 300);
  ck_answer(get("/tile/entries/000", NULL), 200);
  ck_assert_str_eq(header("Cache-Control"), "public, " SHORT);
  ck_answer(get("/v1/receipts/299", auditor), 200);
  check_kept(NULL, "public");
}
END_TEST

/* Entries are text and are packed; hashes would not get shorter. */
START_TEST(test_packed)
{
  static const char *const paths[] = {"/tile/entries/000", "/tile/0/000"};
  feed_events(writer, 300);
  ck_answer(get("/v1/receipts/299", auditor), 200);
  for (size_t i = 0; i < 2; i++) {
    ck_answer(ask((struct ask){.path = paths[i],
                               .token = auditor,
                               .vars = {"HTTP_ACCEPT_ENCODING", "gzip"}}),
              200);
    ck_assert_str_eq(header("Content-Encoding"), i == 0 ? "gzip" : "");
    ck_assert_str_eq(header("Vary"), i == 0 ? "Accept-Encoding" : "");
    ck_assert_str_eq(header("Content-Type"), "application/octet-stream");
    if (i == 0)
      ck_assert_uint_lt(cf_memory_content(&stage_answer).n, 30000); /* of 100,000 */
  }
}
END_TEST

static void setup_small(void)
{
  stage_conf_set = stage_small_segments;
  stage_setup_roles();
}

static void other_user(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"mallory\"}");
}

/* A record was changed, and all that vouches for it but the chain: what holds
 * nothing is not handed out. */
START_TEST(test_forged)
{
  static const char *const refused[] = {"/v1/receipts/300", "/v1/events/300?proof=1",
                                        "/tile/entries/001"};
  feed_events(writer, 700);
  stage_wait_for_segments(2);
  for (size_t i = 0; i < CF_COUNT(refused); i++)
    ck_answer(get(refused[i], auditor), 200);
  stage_close();
  forge_begin(stage_conf.data, 2);
  forge_record((300 - 256) / CF_GROUP, 300 % CF_GROUP, other_user);
  forge_end(FORGE_ROW);
  stage_reopen();
  for (size_t i = 0; i < CF_COUNT(refused); i++) {
    ck_answer(ask((struct ask){.path = refused[i], .door = CF_DOOR_ADMIN}), 500);
    ck_value("type", "urn:counterfoil:store-damaged");
  }
  ck_answer(ask((struct ask){.path = "/v1/events/100?proof=1", .door = CF_DOOR_ADMIN}), 200);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "proofs",
       .test = test_receipts,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "proofs", .test = test_proofs},
      {.tcase = "proofs", .test = test_keys},
      {.tcase = "proofs", .test = test_another_key},
      {.tcase = "proofs", .test = test_tiles},
      {.tcase = "proofs", .test = test_kept},
      {.tcase = "proofs", .test = test_packed},
      {.tcase = "public",
       .test = test_kept_public,
       .setup = setup_public,
       .teardown = stage_teardown},
      {.tcase = "forged", .test = test_forged, .setup = setup_small, .teardown = stage_teardown},
  };
  return cf_test_run("app_proofs", tests, CF_COUNT(tests));
}
