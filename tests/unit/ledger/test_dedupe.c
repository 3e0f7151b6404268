/* SPDX-License-Identifier: MIT */
/* Events that are sent again: in one batch, out of the tail and of segments, by
 * others, and by very many who share an id. */
#include "config.h"

#include "tests/unit/ledger/ledger_stage.h"

/* ids of one batch: A, A again, A with other content; and without an id
 * everything is new. */
START_TEST(test_twins_in_a_batch)
{
  struct cf_event e[5];
  stage_event(&e[0], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"x\"}");
  stage_event(&e[1], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"x\"}");
  stage_event(&e[2], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"y\"}");
  stage_event(&e[3], "{\"method\":\"GET\",\"user\":\"x\"}");
  stage_event(&e[4], "{\"method\":\"GET\",\"user\":\"x\"}");
  const struct cf_event *p[5] = {&e[0], &e[1], &e[2], &e[3], &e[4]};
  struct cf_place place[5];
  struct cf_append a = {.events = p, .n = 5, .places = place};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  ck_assert(place[0].err == CF_OK && !place[0].duplicate);
  ck_assert(place[1].err == CF_OK && place[1].duplicate && place[1].seq == place[0].seq);
  ck_assert(place[2].err == CF_E_CONFLICT && place[2].seq == place[0].seq);
  ck_assert(place[3].seq == place[0].seq + 1 && place[4].seq == place[0].seq + 2);
  /* the group's first is itself a conflict with the ledger: the second is
   * judged by the ledger, not by it */
  const struct cf_event *q[2] = {&e[2], &e[1]};
  struct cf_append b = {.events = q, .n = 2, .places = place};
  ck_assert_ok(cf_ledger_append(stage_ledger, &b));
  ck_assert(place[0].err == CF_E_CONFLICT);
  ck_assert(place[1].err == CF_OK && place[1].duplicate);
  for (unsigned i = 0; i < 5; i++)
    cf_event_fini(&e[i]);
}
END_TEST

/* The same ids after a roll and a restart are duplicates still, and not beyond
 * the window. */
START_TEST(test_duplicates_across_segments)
{
  stage_append_range(0, 700, 100);
  stage_wait_for_segments(2);
  stage_close_ledger();
  stage_open_ledger();
  uint64_t before = stage_size();
  for (unsigned i = 0; i < 700; i += 13) {
    struct cf_event e;
    stage_numbered(&e, i);
    struct cf_place place = stage_append(&e);
    ck_assert_msg(place.duplicate && place.err == CF_OK, "event %u", i);
    cf_event_fini(&e);
  }
  ck_assert_uint_eq(stage_size(), before);
  stage_conf.dedupe_records = 100;
  struct cf_event e;
  stage_numbered(&e, 0);
  ck_assert(!stage_append(&e).duplicate);
  cf_event_fini(&e);
}
END_TEST

static bool appends_again(unsigned i)
{
  struct cf_event e;
  stage_numbered(&e, i);
  struct cf_place place = stage_append(&e);
  cf_event_fini(&e);
  ck_assert_int_eq(place.err, CF_OK);
  return !place.duplicate;
}

/* The window ends at a record, wherever that is kept. */
START_TEST(test_window)
{
  stage_append_range(0, 100, 100);
  stage_conf.dedupe_records = 100;
  ck_assert(!appends_again(0));
  stage_append_range(100, 101, 1);
  ck_assert(!appends_again(1));
  ck_assert(appends_again(0));
  ck_assert(!appends_again(0)); /* the new one is found, and not the old one before it */
  stage_conf.dedupe_window_us = 1;
  ck_assert(appends_again(0));
  stage_conf.dedupe_window_us = CF_HOUR_US;
  ck_assert(!appends_again(0));
}
END_TEST

/* With that id, or the source's name (NULL). */
static void event_of(struct cf_event *e, unsigned source, const char *id)
{
  char name[16], text[64];
  snprintf(name, sizeof name, "s%u", source);
  snprintf(text, sizeof text, "{\"id\":\"%s\",\"action\":\"x\"}", id != NULL ? id : name);
  struct cf_event_rules rules = {.source = cf_str_from(name)};
  ck_assert_ok(cf_event_parse(cf_str_from(text), &rules, e, NULL));
}

/* An id is a source's own: many sources may use the same one, and each one's
 * repetition is found among all of theirs. */
START_TEST(test_one_id_of_many_sources)
{
  enum { SOURCES = 200 };
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < SOURCES; i++) {
      struct cf_event e;
      event_of(&e, i, "1");
      struct cf_place place = stage_append(&e);
      ck_assert_int_eq(place.err, CF_OK);
      ck_assert_msg(place.duplicate == (round > 0), "round %u, source %u", round, i);
      cf_event_fini(&e);
    }
    if (round == 1) { /* then out of a segment */
      stage_append_range(0, 300, 100);
      stage_wait_for_segments(1);
    }
  }
}
END_TEST

/* Whoever may write for very many sources holds nobody up by one id for all of
 * them: the second round would take minutes where each looked at all. */
START_TEST(test_one_id_of_a_crowd)
{
  enum { SOURCES = 20000, ROUND = SOURCES / 2 };
  struct cf_event *e = calloc(SOURCES, sizeof *e);
  struct cf_place *place = calloc(SOURCES, sizeof *place);
  const struct cf_event **p = calloc(SOURCES, sizeof(void *));
  stage_conf.segment_records = 65536;
  for (unsigned i = 0; i < SOURCES; i++) {
    event_of(&e[i], i, "1");
    p[i] = &e[i];
  }
  for (unsigned round = 0; round < 4; round++) {
    unsigned from = round % 2 * ROUND;
    struct cf_append a = {.events = p + from, .n = ROUND, .places = place + from};
    struct cf_place before = place[from + ROUND - 1];
    ck_assert_ok(cf_ledger_append(stage_ledger, &a));
    for (unsigned i = from; i < from + ROUND; i++)
      ck_assert(place[i].err == CF_OK && place[i].duplicate == (round >= 2));
    ck_assert(round < 2 || place[from + ROUND - 1].seq == before.seq);
  }
  for (unsigned i = 0; i < SOURCES; i++)
    cf_event_fini(&e[i]);
  free(e);
  free(place);
  free(p);
}
END_TEST

/* Nor by ids that are the names of their sources: in a batch these stand apart
 * as any others do. Where they do not, this takes longer than a test may. */
START_TEST(test_ids_like_sources)
{
  enum { N = 200000 };
  struct cf_event *e = calloc(N, sizeof *e);
  struct cf_place *place = calloc(N, sizeof *place);
  const struct cf_event **p = calloc(N, sizeof(void *));
  stage_conf.segment_records = 262144; /* nobody waits for the roller */
  for (unsigned i = 0; i < N; i++) {
    event_of(&e[i], i, NULL);
    p[i] = &e[i];
  }
  struct cf_append a = {.events = p, .n = N, .places = place};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (unsigned i = 0; i < N; i++) {
    ck_assert(place[i].err == CF_OK && !place[i].duplicate);
    cf_event_fini(&e[i]);
  }
  free(e);
  free(place);
  free(p);
}
END_TEST

static void event_by(struct cf_event *e, const char *writer, const char *id, const char *user)
{
  char text[128];
  struct cf_event_rules rules = {.source = CF_STR("web1"), .writer = cf_str_from(writer)};
  snprintf(text, sizeof text, "{\"id\":\"%s\",\"action\":\"x\",\"user\":\"%s\"}", id, user);
  ck_assert_ok(cf_event_parse(cf_str_from(text), &rules, e, NULL));
}

/* Whoever writes it again, and also where the first one had no writer, as in
 * older ledgers: it is the same, and the first one stays. */
START_TEST(test_duplicates_of_other_writers)
{
  static const char *const writers[] = {"", "k1", "k2", "local"};
  struct cf_event e, twins[2];
  struct cf_place first[CF_COUNT(writers)], place[2];
  for (unsigned w = 0; w < CF_COUNT(writers); w++) {
    event_by(&e, writers[w], writers[w][0] == '\0' ? "none" : writers[w], "u");
    first[w] = stage_append(&e);
    ck_assert(first[w].err == CF_OK && !first[w].duplicate);
    cf_event_fini(&e);
  }
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned w = 0; w < CF_COUNT(writers) * CF_COUNT(writers); w++) {
      unsigned by = w % CF_COUNT(writers), of = w / CF_COUNT(writers);
      event_by(&e, writers[by], writers[of][0] == '\0' ? "none" : writers[of], "u");
      struct cf_place again = stage_append(&e);
      ck_assert(again.err == CF_OK && again.duplicate);
      ck_assert_uint_eq(again.seq, first[of].seq);
      ck_assert_bytes(again.leaf_hash, CF_HASH_N, first[of].leaf_hash, CF_HASH_N);
      cf_event_fini(&e);
    }
    event_by(&e, "k2", "none", "other");
    ck_assert_int_eq(stage_append(&e).err, CF_E_CONFLICT);
    cf_event_fini(&e);
    stage_append_range(round * 300, round * 300 + 300, 100);
    stage_wait_for_segments(1); /* then out of a segment */
  }
  event_by(&twins[0], "k1", "twin", "u");
  event_by(&twins[1], "k2", "twin", "u");
  struct cf_append a = {.events = (const struct cf_event *[]){&twins[0], &twins[1]},
                        .n = 2,
                        .places = place};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  ck_assert(!place[0].duplicate && place[1].err == CF_OK && place[1].duplicate);
  ck_assert_uint_eq(place[0].seq, place[1].seq);
  cf_event_fini(&twins[0]);
  cf_event_fini(&twins[1]);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "dedupe",
       .test = test_twins_in_a_batch,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "dedupe", .test = test_duplicates_across_segments},
      {.tcase = "dedupe", .test = test_one_id_of_a_crowd},
      {.tcase = "dedupe", .test = test_duplicates_of_other_writers},
      {.tcase = "dedupe", .test = test_window},
      {.tcase = "dedupe", .test = test_one_id_of_many_sources},
      {.tcase = "many",
       .test = test_ids_like_sources,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown,
       .timeout = 180},
  };
  return cf_test_run("dedupe", tests, CF_COUNT(tests));
}
