/* SPDX-License-Identifier: MIT */
/* Many threads on one ledger: what readers see is consistent while writers
 * write, and nobody keeps another out. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"

#define WRITERS 6
#define EACH    150

static void *writer(void *arg)
{
  unsigned w = (unsigned)(uintptr_t)arg;
  for (unsigned i = 0; i < EACH; i++) {
    struct cf_event e;
    stage_event(&e, "{\"id\":\"w%u-%u\",\"method\":\"GET\",\"user\":\"u%u\"}", w, i, w);
    struct cf_place place = stage_append(&e);
    ck_assert(place.err == CF_OK && !place.duplicate);
    ck_assert(stage_append(&e).duplicate);
    cf_event_fini(&e);
  }
  return NULL;
}

/* Views are consistent while writers write: the tree of a view's size has the
 * root that its hashes give, and every block opens. */
static void *reader(void *arg)
{
  const bool *stop = arg;
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
    struct cf_view *view = NULL;
    struct cf_hashes hashes;
    struct cf_edge edge;
    uint8_t hash[CF_HASH_N], root[CF_HASH_N], other[CF_HASH_N];
    ck_assert_ok(cf_view_get(stage_ledger, &view));
    cf_view_hashes(view, &hashes);
    cf_edge_init(&edge);
    for (uint64_t seq = 0; seq < cf_view_size(view); seq++) {
      if (seq % CF_GROUP == 0)
        ck_assert_ok(cf_view_block(view, seq, block));
      ck_assert_ok(hashes.get(hashes.context, 0, seq, 1, hash));
      cf_edge_append(&edge, hash);
    }
    cf_edge_root(&edge, root);
    ck_assert_ok(cf_tree_root(&hashes, cf_view_size(view), other));
    ck_assert_bytes(root, CF_HASH_N, other, CF_HASH_N);
    cf_view_put(view);
  }
  cf_block_fini(block);
  free(block);
  return NULL;
}

START_TEST(test_many_threads)
{
  pthread_t w[WRITERS], r;
  bool stop = false;
  ck_assert_int_eq(pthread_create(&r, NULL, reader, &stop), 0);
  for (unsigned i = 0; i < WRITERS; i++)
    ck_assert_int_eq(pthread_create(&w[i], NULL, writer, (void *)(uintptr_t)i), 0);
  for (unsigned i = 0; i < WRITERS; i++)
    ck_assert_int_eq(pthread_join(w[i], NULL), 0);
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  ck_assert_int_eq(pthread_join(r, NULL), 0);
  stage_wait_for_segments(3);
  ck_assert_uint_eq(stage_size(), 2 + WRITERS * EACH + 3); /* each segment has a record */
  stage_assert_verifies();
}
END_TEST

/* ---- those who do not wait ---- */

/* An event that is appended again when it is there: by that call itself, which
 * waits, and without waiting for as long as `more` says. */
struct later {
  struct cf_event event;
  const struct cf_event *pointer;
  struct cf_place place;
  struct cf_append append;
  unsigned more;
};

static atomic_uint later_left;

static void later_append(struct later *l);

/* What is told is durable, and may be appended to from there. */
static void later_done(void *context, enum cf_err err)
{
  struct later *l = context;
  ck_assert_ok(err);
  ck_assert_ok(l->place.err);
  ck_assert_uint_gt(stage_size(), l->place.seq);
  ck_assert_uint_ge(stage_size(), l->append.size);
  ck_assert(stage_append(&l->event).duplicate);
  if (l->more-- > 0) {
    later_append(l);
    return;
  }
  cf_event_fini(&l->event);
  free(l);
  atomic_fetch_sub(&later_left, 1);
}

static void later_append(struct later *l)
{
  l->append =
      (struct cf_append){.by = CF_BY_CALLER, .events = &l->pointer, .n = 1, .places = &l->place};
  ck_assert_ok(cf_ledger_append_then(stage_ledger, &l->append, later_done, l));
}

static void *later_writer(void *arg)
{
  unsigned w = (unsigned)(uintptr_t)arg;
  for (unsigned i = 0; i < EACH; i++) {
    struct later *l = calloc(1, sizeof *l);
    stage_event(&l->event, "{\"id\":\"l%u-%u\",\"method\":\"GET\",\"user\":\"u%u\"}", w, i, w);
    l->pointer = &l->event;
    l->more = i % 3;
    atomic_fetch_add(&later_left, 1);
    later_append(l);
  }
  return NULL;
}

/* Each is called once, in whatever thread, whoever else waits; and from inside
 * that call one may append and wait. */
START_TEST(test_those_who_do_not_wait)
{
  pthread_t w[WRITERS];
  for (unsigned i = 0; i < WRITERS; i++)
    ck_assert_int_eq(pthread_create(&w[i], NULL, i % 2 == 0 ? later_writer : writer,
                                    (void *)(uintptr_t)i),
                     0);
  for (unsigned i = 0; i < WRITERS; i++)
    ck_assert_int_eq(pthread_join(w[i], NULL), 0);
  while (atomic_load(&later_left) > 0)
    usleep(1000);
  stage_wait_for_segments(3);
  ck_assert_uint_eq(stage_size(), 2 + WRITERS * EACH + 3);
  stage_assert_verifies();
}
END_TEST

/* Nobody is called where nothing was begun, nor by a ledger that refuses. */
START_TEST(test_refused_before)
{
  struct later l = {.more = 0};
  stage_numbered(&l.event, 0);
  l.pointer = &l.event;
  l.append =
      (struct cf_append){.by = CF_BY_CALLER, .events = &l.pointer, .n = 1, .places = &l.place};
  stage_min_free("900000G", false);
  ck_assert_err(cf_ledger_append_then(stage_ledger, &l.append, later_done, &l), CF_E_SPACE);
  cf_event_fini(&l.event);
}
END_TEST

/* One of many who ask the index of the newest generation all the time. */
static void *asker(void *arg)
{
  const bool *stop = arg;
  const struct cf_term term = {.index = CF_M_PATH, .first = CF_STR("/r/"), .prefix = true};
  while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
    struct cf_view *view = NULL;
    struct cf_unit unit;
    struct cf_bits bits;
    ck_assert_ok(cf_view_get(stage_ledger, &view));
    cf_view_unit(view, cf_view_units(view) - 1, &unit);
    ck_assert_ok(cf_bits_new((uint32_t)(unit.end - unit.first), &bits));
    ck_assert_ok(cf_view_match(view, cf_view_units(view) - 1, &term, 0, &bits));
    cf_bits_free(&bits);
    cf_view_put(view);
  }
  return NULL;
}

/* Readers that follow each other closely don't keep the writer out. */
START_TEST(test_readers_let_write)
{
  stage_close_ledger();
  stage_set("segment_records", "262144");
  stage_open_ledger();
  stage_append_range(0, 20000, 1000);
  bool stop = false;
  pthread_t askers[12];
  for (size_t i = 0; i < CF_COUNT(askers); i++)
    ck_assert_int_eq(pthread_create(&askers[i], NULL, asker, &stop), 0);
  stage_append_range(20000, 20050, 1);
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  for (size_t i = 0; i < CF_COUNT(askers); i++)
    ck_assert_int_eq(pthread_join(askers[i], NULL), 0);
}
END_TEST

/* A signer that hangs keeps the lock of seals: how the ledger is, and what was
 * signed, is told all the same. */
START_TEST(test_a_seal_that_hangs)
{
  struct cf_ledger_state state;
  struct cf_fault fault;
  struct cf_buf note;
  cf_buf_init(&note, 4 * CF_NOTE_MAX);
  stage_append_range(0, 5, 1);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &note, &fault));
  (void)pthread_mutex_lock(&stage_ledger->seal);
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.sealed, state.size);
  size_t n = note.n;
  ck_assert_ok(cf_ledger_checkpoint(stage_ledger, &note));
  ck_assert_ok(cf_ledger_seal(stage_ledger, state.size, &note, &fault));
  ck_assert_uint_eq(note.n, 3 * n);
  (void)pthread_mutex_unlock(&stage_ledger->seal);
  cf_buf_fini(&note);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "threads",
       .test = test_many_threads,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "threads",
       .test = test_a_seal_that_hangs,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "threads", .test = test_those_who_do_not_wait},
      {.tcase = "threads", .test = test_refused_before},
      {.tcase = "threads", .test = test_readers_let_write},
  };
  return cf_test_run("ledger_threads", tests, CF_COUNT(tests));
}
