/* SPDX-License-Identifier: MIT */
/* The sign on the page: what verdicts make of it, and for how long. */
#include "config.h"

#include <sys/stat.h>

#include "fcgi-app/routes/call_in.h"
#include "tests/unit/routes/page_stage.h"

#define GREEN "<b class=\"good\">✓"
#define AMBER "<b class=\"warn\">"
#define RED   "<b class=\"bad\">✗ does not hold</b>"

static void ck_sign(const char *sign)
{
  ck_answer(see("/"), 200);
  ck_contains(sign);
  ck_assert_uint_eq(occurrences(GREEN) + occurrences(AMBER) + occurrences(RED) +
                        occurrences("only quick checks so far"),
                    1);
  ck_assert_uint_eq(occurrences("class=\"banner\" role=\"alert\""), strcmp(sign, RED) == 0);
}

static void verify(const char *query)
{
  char path[256];
  snprintf(path, sizeof path, "/v1/verify?%s", query);
  ck_answer(get(path, auditor), 200);
}

/* ---- verdicts for it ---- */

/* Nothing but a full verify is worth a green sign. */
START_TEST(test_grey)
{
  feed_events(writer, 300);
  sign_in();
  ck_sign("only quick checks so far");
  verify("mode=quick");
  ck_sign("only quick checks so far");
  verify("mode=range&seq_from=0&seq_to=9");
  ck_sign("only quick checks so far");
}
END_TEST

START_TEST(test_green)
{
  feed_events(writer, 3);
  sign_in();
  verify("mode=full");
  long long size = number("size");
  char text[128];
  snprintf(text, sizeof text, GREEN " all %lld checked</b> just now by eve · ", size);
  ck_sign(text);
  feed_events(writer, 5);
  stage_reopen();
  ck_sign(text);
  const char *newer = strstr(content(), "by eve · ");
  ck_assert_ptr_nonnull(newer);
  ck_assert_int_ge(strtol(newer + strlen("by eve · "), NULL, 10), 5);
}
END_TEST

/* Its record says what was found, each time, also where it was asked before
 * within the hour. */
START_TEST(test_recorded)
{
  feed_events(writer, 3);
  for (int i = 0; i < 2; i++) {
    verify("mode=full");
    char size[32], root[64];
    snprintf(size, sizeof size, "%s", value("size"));
    snprintf(root, sizeof root, "%s", value("root"));
    ck_answer(get("/v1/events?kind=access&action=verify", auditor), 200);
    ck_assert_uint_eq(cf_json_count(member("events")), (size_t)i + 1);
    ck_value("events.0.outcome", "success");
    ck_value("events.0.attributes.verdict", "holds");
    ck_value("events.0.attributes.mode", "full");
    ck_value("events.0.attributes.leaves", size);
    ck_value("events.0.attributes.size", size);
    ck_value("events.0.attributes.root", root);
    ck_value("events.0.attributes.first_bad", "null");
  }
}
END_TEST

/* With progress the answer begins before the verdict: what comes last is the
 * verdict. */
START_TEST(test_recorded_progress)
{
  feed_events(writer, 600);
  sign_in();
  ck_answer(ask((struct ask){.path = "/v1/verify",
                             .token = auditor,
                             .vars = {"HTTP_ACCEPT", "application/x-ndjson"}}),
            200);
  ck_sign(GREEN);
  event("{\"action\":\"x\"}");
  ck_answer(get("/v1/events?kind=access&action=verify&outcome=success", auditor), 200);
  ck_value("events.0.attributes.verdict", "holds");
  stage_reopen();
  ck_sign(GREEN);
}
END_TEST

START_TEST(test_partial)
{
  feed_events(writer, 600);
  verify("mode=range&seq_from=599&seq_to=600"); /* all are signed */
  sign_in();
  stage_conf.verify_budget_us = 1;
  verify("mode=full");
  ck_value("complete", "false");
  ck_sign(AMBER "! 256 of ");
  ck_contains("by eve, not to the end");
  stage_reopen();
  ck_sign(AMBER "! 256 of ");
  stage_conf.verify_budget_us = 60000000;
  verify("mode=full");
  ck_sign(GREEN);
}
END_TEST

START_TEST(test_old)
{
  feed_events(writer, 3);
  sign_in();
  verify("mode=deep");
  ck_sign(GREEN);
  stage_app->seals.held.at_us -= CF_SEAL_FRESH_US + CF_HOUR_US;
  ck_sign(AMBER "! checked 7 days ago</b> by eve");
}
END_TEST

/* ---- verdicts against it ---- */

#define NO_ROOT "root=0000000000000000000000000000000000000000000000000000000000000000"

/* What only the caller kept speaks against it as well, and names no record. */
START_TEST(test_rollback)
{
  feed_events(writer, 3);
  sign_in();
  verify("mode=full");
  verify("mode=quick&size=1000000&" NO_ROOT);
  ck_value("ok", "false");
  ck_sign(RED);
  ck_contains("the ledger is shorter than what was signed of it");
  ck_contains("ROLLBACK");
  ck_contains("No single record is named.");
  ck_lacks("null");
  verify("mode=quick");
  ck_sign(RED);
  stage_reopen();
  ck_sign(RED);
  verify("mode=full");
  ck_sign(GREEN);
}
END_TEST

/* A verify as it was recorded before verdicts were. */
static void record_old(const char *reason)
{
  struct cf_event event;
  struct cf_control_who who = {CF_STR("eve"), CF_STR(""), ""};
  struct cf_control_access access = {.action = "verify",
                                     .outcome = "failure",
                                     .filter = CF_STR("mode=full"),
                                     .reason = reason,
                                     .counted = true};
  ck_assert_ok(cf_control_access(&who, &access, &event, NULL));
  cf_ledger_post(stage_ledger, &event);
  cf_event_fini(&event);
  feed_events(writer, 1); /* takes it along */
  stage_reopen();
}

/* It says only that what it found was bad, which counts; one that broke off
 * found nothing. */
START_TEST(test_old_record)
{
  sign_in();
  record_old("peer");
  ck_sign("only quick checks so far");
  record_old(NULL);
  ck_sign(RED);
  ck_contains("its record does not say why");
  verify("mode=full");
  ck_sign(GREEN);
}
END_TEST

static void setup_small(void)
{
  stage_conf_set = stage_small_segments;
  stage_setup_roles();
}

static bool try_open(void)
{
  struct cf_fault fault;
  return cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault) == CF_OK &&
         cf_app_new(&stage_conf, stage_ledger, &stage_app, &fault) == CF_OK;
}

static void flip(off_t page)
{
  char path[300];
  struct stat st;
  stage_close();
  stage_segment_path(2, path);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_msg((page + 1) * 16384 <= st.st_size, "no page that only records depend on");
  temp_flip(path, page * 16384 + 16000);
}

static bool quick_holds(void)
{
  return get("/v1/verify?mode=quick", auditor) == 200 && strcmp(value("ok"), "true") == 0;
}

/* Damage a page that holds records and leaves the ledger and its segment
 * standing; gives which it was. */
static off_t damage_records(void)
{
  for (off_t page = 2;; page++) {
    flip(page);
    if (try_open() && quick_holds() &&
        get("/v1/events?source=web1&limit=1000&seq_from=256&seq_to=512", reader) == 500)
      return page;
    flip(page);
  }
}

/* The link behind some text, followed. */
static int follow(const char *text)
{
  char path[256];
  const char *at = strstr(content(), text);
  ck_assert_msg(at != NULL, "no %s in %s", text, content());
  at += strlen(text);
  snprintf(path, sizeof path, "/%.*s", (int)strcspn(at, "\""), at);
  for (char *amp; (amp = strstr(path, "&amp;")) != NULL;)
    memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
  return see(path);
}

/* Long enough that two segments are written. */
static void feed_segments(void)
{
  for (int i = 0; i < 5; i++)
    feed_noise(writer, 256);
  stage_wait_for_segments(3);
}

/* Red from the verdict on, over a restart, until a full verify holds. */
START_TEST(test_damage)
{
  feed_segments();
  off_t page = damage_records();
  verify("mode=full");
  ck_value("ok", "false");
  ck_assert_int_eq(number("errors.0.seq") % 64, 0);
  ck_assert_int_eq(number("errors.0.last") % 64, 63);
  char bad[64];
  snprintf(bad, sizeof bad, "The first bad record is %s.", value("first_bad"));
  ck_answer(get("/v1/events?kind=access&action=verify", auditor), 200);
  ck_value("events.0.outcome", "failure");
  ck_value("events.0.attributes.verdict", "STORE_DAMAGED");
  ck_assert_int_gt(number("events.0.attributes.first_bad"), 0);
  sign_in();
  ck_sign(RED);
  ck_contains(bad);
  ck_contains("<li>records ");
  stage_reopen();
  ck_sign(RED);
  ck_contains(bad);
  ck_answer(follow("go around: <a href=\""), 200);
  ck_assert_uint_gt(rows(), 0);
  ck_contains("class=\"banner\""); /* on every page */
  flip(page);
  ck_assert(try_open());
  ck_sign(RED);
  verify("mode=full");
  ck_value("ok", "true");
  ck_sign(GREEN);
}
END_TEST

/* The ranges of a verdict: neighbours are one, and what does not say which
 * records are lost counts where nothing else does. */
START_TEST(test_ranges)
{
  static struct cf_verify_result r;
  struct cf_control_verdict verdict;
  r = (struct cf_verify_result){
      .errors_n = 5,
      .errors = {{.verdict = CF_V_STORE_DAMAGED, .has_seq = true, .seq = 768, .last = 1023},
                 {.verdict = CF_V_STORE_DAMAGED, .has_seq = true, .seq = 256, .last = 767},
                 {.verdict = CF_V_LEAF_HASH, .has_seq = true, .seq = 300, .last = 301},
                 {.verdict = CF_V_LEAF_HASH, .has_seq = true, .seq = 2000, .last = 2000},
                 {.has_seq = true, .seq = 1024, .last = 1024, .rough = true}}};
  cf_seal_verdict(CF_VERIFY_FULL, &r, &verdict);
  ck_assert_str_eq(verdict.ranges, "256-1023,2000");
  r.errors_untold = 1;
  cf_seal_verdict(CF_VERIFY_FULL, &r, &verdict);
  ck_assert_str_eq(verdict.ranges, "256-1023,2000,more");
  r.errors[0] = r.errors[4];
  r.errors_n = 1;
  cf_seal_verdict(CF_VERIFY_FULL, &r, &verdict);
  ck_assert_str_eq(verdict.ranges, "1024,more");
}
END_TEST

/* Damage that the page itself meets is a verdict, and no dead end. */
START_TEST(test_damage_met)
{
  feed_segments();
  damage_records();
  sign_in();
  verify("mode=quick");
  ck_answer(see("/?source=web1&user.not=nobody&order=asc"), 200);
  while (strstr(content(), "rel=\"next\" href=\"") != NULL)
    if (follow("rel=\"next\" href=\"") != 200)
      break;
  ck_contains("cannot be read");
  ck_contains(RED);
  ck_contains("user.not=nobody&amp;order=asc&amp;seq_to=");
  ck_answer(follow("; go around: <a href=\""), 200);
  ck_assert_uint_gt(rows(), 0);
  stage_reopen();
  ck_sign(RED);
  ck_answer(follow("go around: <a href=\""), 200);
}
END_TEST

/* A way around stays within what was asked, and is there where some of that
 * lies. */
static const struct {
  const char *query, *before, *after; /* NULL: no such way */
} around[] = {
    {"", "?seq_to=5\"", "?seq_from=8\""},
    {"user=a", "?user=a&amp;seq_to=5\"", "?user=a&amp;seq_from=8\""},
    {"seq_from=2&seq_to=9", "?seq_from=2&amp;seq_to=5\"", "?seq_to=9&amp;seq_from=8\""},
    {"seq_to=4", "?seq_to=4\"", NULL},
    {"seq_to=8", "?seq_to=5\"", NULL},
    {"seq_from=5", NULL, "?seq_from=8\""},
    {"seq_from=9", NULL, "?seq_from=9\""},
};

START_TEST(test_ways_around)
{
  struct cf_control_verdict verdict;
  char path[64];
  feed_events(writer, 20);
  sign_in();
  cf_seal_damage(5, 8, 20, &verdict);
  cf_seals_tell(&stage_app->seals, stage_ledger, &verdict, CF_STR("eve"), cf_clock_now_us());
  snprintf(path, sizeof path, "/?%s", around[_i].query);
  ck_answer(see(path), 200);
  ck_contains("<li>records 5 to 7; go around: ");
  ck_assert_uint_eq(occurrences(">those before</a>"), around[_i].before != NULL);
  ck_assert_uint_eq(occurrences(">those after</a>"), around[_i].after != NULL);
  if (around[_i].before != NULL)
    ck_contains(around[_i].before);
  if (around[_i].after != NULL)
    ck_contains(around[_i].after);
}
END_TEST

/* At the ends there is one way. */
START_TEST(test_ways_at_ends)
{
  struct cf_control_verdict verdict;
  feed_events(writer, 20);
  sign_in();
  cf_seal_damage(0, 4, 20, &verdict);
  cf_seals_tell(&stage_app->seals, stage_ledger, &verdict, CF_STR("eve"), cf_clock_now_us());
  ck_answer(see("/"), 200);
  ck_lacks(">those before</a>");
  ck_contains("?seq_from=4\">those after</a>");
}
END_TEST

/* So is damage that anybody else's question meets, and where: of the list, of
 * one record, and of what is proved. */
static const char *const readings[] = {"/v1/events?source=web1&limit=1000&format=csv&seq_from=",
                                       "/v1/events/", "/v1/receipts/"};

START_TEST(test_damage_read)
{
  char path[128], range[64];
  feed_segments();
  damage_records();
  long long from = number("seq_from");
  stage_reopen(); /* of that question nothing is left but its record */
  sign_in();
  ck_sign(RED);
  verify("mode=range&seq_from=0&seq_to=1");
  ck_value("ok", "true");
  stage_app->seals.against.order = 0;
  snprintf(path, sizeof path, "%s%lld", readings[_i], from);
  ck_answer(get(path, auditor), 500);
  ck_assert_uint_gt(stage_app->seals.against.order, 0);
  ck_assert_str_eq(stage_app->seals.against.verdict.mode, "read");
  ck_sign(RED);
  ck_answer(get("/v1/events?kind=access&outcome=failure&limit=1", auditor), 200);
  ck_value("events.0.attributes.verdict", "STORE_DAMAGED");
  ck_value("events.0.attributes.mode", "read");
  snprintf(range, sizeof range, "%lld-%lld", from, from + 63);
  if (_i == 1)
    ck_value("events.0.attributes.ranges", range);
}
END_TEST

int main(void)
{
#define SEAL .tcase = "seal", .setup = stage_setup_roles, .teardown = stage_teardown
  const struct cf_test tests[] = {
      {SEAL, .test = test_grey},
      {SEAL, .test = test_green},
      {SEAL, .test = test_recorded},
      {SEAL, .test = test_recorded_progress},
      {SEAL, .test = test_partial},
      {SEAL, .test = test_old},
      {SEAL, .test = test_rollback},
      {SEAL, .test = test_old_record},
      {SEAL, .test = test_ways_around, .loops = CF_COUNT(around)},
      {SEAL, .test = test_ways_at_ends},
      {.tcase = "damage", .test = test_damage, .setup = setup_small, .teardown = stage_teardown},
      {.tcase = "damage", .test = test_damage_met},
      {.tcase = "damage", .test = test_damage_read, .loops = CF_COUNT(readings)},
      {.tcase = "damage", .test = test_ranges},
  };
  return cf_test_run("app_seal", tests, CF_COUNT(tests));
}
