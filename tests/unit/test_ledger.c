/* SPDX-License-Identifier: MIT */
/* The ledger as a whole: append, read back, restart, roll, seal, refuse. Each test has a ledger of its own in a temporary directory. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/store/ledger.h"
#include "tests/unit/cf_test.h"

#define TEXT_MAX 2048

static char home[256];
static struct cf_conf conf;
static struct cf_ledger *ledger;

/* ---- the stage ---- */

static void set(const char *key, const char *value)
{
  struct cf_fault fault = {0};
  ck_assert_msg(cf_conf_set(&conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK, "%s: %s", key, fault.detail);
}

static void open_ledger(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_open(&conf, "test 1", &ledger, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

static void close_ledger(void)
{
  cf_ledger_close(ledger);
  ledger = NULL;
}

static void setup(void)
{
  const char *tmp = getenv("TMPDIR");
  snprintf(home, sizeof home, "%s/cf-ledger-XXXXXX", tmp != NULL ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(home));
  ck_assert_ok(cf_conf_defaults(&conf));
  char path[300];
  snprintf(path, sizeof path, "%s/data", home);
  set("data", path);
  set("origin", "test.example.org/log");
  set("segment_records", "256");
  set("min_free", "1M");
  struct cf_fault fault = {0};
  ck_assert_ok(cf_conf_check(&conf, &fault));
  enum cf_err err = cf_ledger_init(&conf, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
  open_ledger();
}

static void run(const char *format, ...)
{
  char command[1024];
  va_list ap;
  va_start(ap, format);
  vsnprintf(command, sizeof command, format, ap);
  va_end(ap);
  ck_assert_int_eq(system(command), 0);
}

static void teardown(void)
{
  close_ledger();
  cf_conf_fini(&conf);
  run("rm -rf '%s'", home);
}

/* An event from its JSON text, printf-style. */
static void event(struct cf_event *e, const char *format, ...)
{
  char text[TEXT_MAX];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  struct cf_event_rules rules = {.source = CF_STR("web1")};
  struct cf_fault fault = {0};
  enum cf_err err = cf_event_parse(cf_str_from(text), &rules, e, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", text, fault.at, fault.detail);
}

static void numbered(struct cf_event *e, unsigned i)
{
  event(e, "{\"id\":\"e-%u\",\"time\":\"2026-11-%02uT%02u:00:00Z\",\"method\":\"GET\",\"status\":%u,\"user\":\"u%u\",\"ip\":\"192.0.2.%u\",\"resource\":\"/r/%u\"}",
        i, 1 + i % 28, i % 24, 200 + i % 5, i % 7, i % 200, i);
}

/* Append one; gives its place. */
static struct cf_place append(const struct cf_event *e)
{
  struct cf_place place = {0};
  struct cf_append a = {.events = &e, .n = 1, .places = &place};
  ck_assert_ok(cf_ledger_append(ledger, &a));
  return place;
}

/* Append the numbered events from ≤ i < to, batch at a time. */
static void append_range(unsigned from, unsigned to, unsigned batch)
{
  while (from < to) {
    unsigned n = to - from < batch ? to - from : batch;
    struct cf_event *e = calloc(n, sizeof *e);
    const struct cf_event **p = calloc(n, sizeof *p);
    struct cf_place *place = calloc(n, sizeof *place);
    for (unsigned i = 0; i < n; i++) {
      numbered(&e[i], from + i);
      p[i] = &e[i];
    }
    struct cf_append a = {.events = p, .n = n, .places = place};
    ck_assert_ok(cf_ledger_append(ledger, &a));
    for (unsigned i = 0; i < n; i++) {
      ck_assert_int_eq(place[i].err, CF_OK);
      ck_assert(!place[i].duplicate);
      ck_assert(place[i].seq < a.size);
      cf_event_fini(&e[i]);
    }
    free(e);
    free(p);
    free(place);
    from += n;
  }
}

static uint64_t size(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  return state.size;
}

static uint64_t segments(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(ledger, &state);
  return state.segments;
}

static void wait_for_segments(uint64_t n)
{
  for (unsigned i = 0; i < 3000 && segments() < n; i++)
    usleep(10000);
  ck_assert_uint_ge(segments(), n);
}

/* A full verification up to a head that was sealed at that size; gives the result's verdict. */
static bool verify_head(const struct cf_buf *note, uint64_t head_size, struct cf_verify_result *result)
{
  struct cf_view *view = NULL;
  struct cf_view_source *vs = NULL;
  struct cf_verify_source source;
  struct cf_fault fault = {0};
  ck_assert_ok(cf_view_get(ledger, &view));
  ck_assert_ok(cf_view_source_new(view, head_size, &vs, &source));
  struct cf_verify_job job = {.mode = CF_VERIFY_FULL, .head = cf_buf_str(note), .vkey = cf_ledger_vkey(ledger), .workers = 2};
  ck_assert_ok(cf_verify(&source, &job, result, &fault));
  cf_view_source_free(vs);
  cf_view_put(view);
  return result->ok && result->complete;
}

/* The same of what is there now. */
static bool verify(struct cf_verify_result *result)
{
  struct cf_buf note;
  struct cf_fault fault = {0};
  uint64_t now = size();
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_ledger_seal(ledger, now, &note, &fault));
  bool ok = verify_head(&note, now, result);
  cf_buf_fini(&note);
  return ok;
}

static void assert_verifies(void)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  bool ok = verify(result);
  ck_assert_msg(ok, "first error: %s %s", cf_verdict_name(result->errors[0].verdict), result->errors[0].detail);
  free(result);
}

/* Read every record back: each numbered event once, in order of its number, with its own content. */
static void assert_holds(unsigned count)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  struct cf_values values;
  cf_block_init(block);
  cf_values_init(&values);
  ck_assert_ok(cf_view_get(ledger, &view));
  unsigned found = 0;
  for (uint64_t seq = 0; seq < cf_view_size(view); seq++) {
    if (seq % CF_GROUP == 0)
      ck_assert_ok(cf_view_block(view, seq, block));
    const struct cf_record *r = &block->record[seq % CF_GROUP];
    ck_assert_uint_eq(r->seq, seq);
    if (r->kind != CF_K_EVENT)
      continue;
    struct cf_event e;
    numbered(&e, found);
    ck_assert(cf_record_same(&e.record, r));
    cf_event_fini(&e);
    ck_assert_ok(cf_values_get(r, &values));
    found++;
  }
  ck_assert_uint_eq(found, count);
  cf_view_put(view);
  cf_values_fini(&values);
  cf_block_fini(block);
  free(block);
}

/* ---- tests ---- */

START_TEST(test_start_and_stop_are_records)
{
  ck_assert_uint_eq(size(), 2); /* genesis, start */
  close_ledger();
  open_ledger();
  ck_assert_uint_eq(size(), 4); /* stop, start */
  assert_verifies();
}
END_TEST

START_TEST(test_append_one)
{
  struct cf_event e;
  numbered(&e, 0);
  struct cf_place place = append(&e);
  ck_assert_int_eq(place.err, CF_OK);
  ck_assert_uint_eq(place.seq, 2);
  ck_assert_uint_eq(size(), 3);
  struct cf_place again = append(&e);
  ck_assert(again.duplicate && again.err == CF_OK);
  ck_assert_uint_eq(again.seq, place.seq);
  ck_assert_int_eq(again.recorded_us, place.recorded_us);
  ck_assert_bytes(again.leaf_hash, CF_HASH_N, place.leaf_hash, CF_HASH_N);
  ck_assert_uint_eq(size(), 3);
  cf_event_fini(&e);
  event(&e, "{\"id\":\"e-0\",\"method\":\"GET\",\"user\":\"other\"}");
  again = append(&e);
  ck_assert_int_eq(again.err, CF_E_CONFLICT);
  ck_assert_uint_eq(again.seq, place.seq);
  cf_event_fini(&e);
  assert_verifies();
}
END_TEST

/* ids of one batch: A, A again, A with other content; and without an id everything is new. */
START_TEST(test_twins_in_a_batch)
{
  struct cf_event e[5];
  event(&e[0], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"x\"}");
  event(&e[1], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"x\"}");
  event(&e[2], "{\"id\":\"a\",\"method\":\"GET\",\"user\":\"y\"}");
  event(&e[3], "{\"method\":\"GET\",\"user\":\"x\"}");
  event(&e[4], "{\"method\":\"GET\",\"user\":\"x\"}");
  const struct cf_event *p[5] = {&e[0], &e[1], &e[2], &e[3], &e[4]};
  struct cf_place place[5];
  struct cf_append a = {.events = p, .n = 5, .places = place};
  ck_assert_ok(cf_ledger_append(ledger, &a));
  ck_assert(place[0].err == CF_OK && !place[0].duplicate);
  ck_assert(place[1].err == CF_OK && place[1].duplicate && place[1].seq == place[0].seq);
  ck_assert(place[2].err == CF_E_CONFLICT && place[2].seq == place[0].seq);
  ck_assert(place[3].seq == place[0].seq + 1 && place[4].seq == place[0].seq + 2);
  /* the group's first is itself a conflict with the ledger: the second is judged by the ledger, not by it */
  const struct cf_event *q[2] = {&e[2], &e[1]};
  struct cf_append b = {.events = q, .n = 2, .places = place};
  ck_assert_ok(cf_ledger_append(ledger, &b));
  ck_assert(place[0].err == CF_E_CONFLICT);
  ck_assert(place[1].err == CF_OK && place[1].duplicate);
  for (unsigned i = 0; i < 5; i++)
    cf_event_fini(&e[i]);
}
END_TEST

static const unsigned batches[] = {1, 7, 64, 100, 1000};

START_TEST(test_rolls_and_restarts)
{
  unsigned batch = batches[_i], n = batch == 1 ? 300 : 1500;
  append_range(0, n / 2, batch);
  close_ledger();
  open_ledger();
  append_range(n / 2, n, batch);
  wait_for_segments(n / 256 - 1);
  assert_holds(n);
  assert_verifies();
  close_ledger();
  open_ledger();
  assert_holds(n);
  assert_verifies();
}
END_TEST

/* A generation that is older than segment_span ends at the next multiple of 256, long before it is full. */
START_TEST(test_rolls_by_age)
{
  append_range(0, 300, 100); /* the first generation is full at 256 */
  set("segment_records", "4096");
  append_range(300, 700, 100);
  wait_for_segments(2);
  append_range(700, 1100, 100);
  ck_assert_uint_eq(segments(), 2);
  set("segment_span", "1s");
  for (unsigned i = 1100; i < 3000 && segments() < 3; i++) {
    append_range(i, i + 1, 1);
    usleep(5000);
  }
  ck_assert_uint_eq(segments(), 3);
  assert_verifies();
}
END_TEST

/* The same ids after a roll and a restart are duplicates still, and not beyond the window. */
START_TEST(test_duplicates_across_segments)
{
  append_range(0, 700, 100);
  wait_for_segments(2);
  close_ledger();
  open_ledger();
  uint64_t before = size();
  for (unsigned i = 0; i < 700; i += 13) {
    struct cf_event e;
    numbered(&e, i);
    struct cf_place place = append(&e);
    ck_assert_msg(place.duplicate && place.err == CF_OK, "event %u", i);
    cf_event_fini(&e);
  }
  ck_assert_uint_eq(size(), before);
  conf.dedupe_records = 100;
  struct cf_event e;
  numbered(&e, 0);
  ck_assert(!append(&e).duplicate);
  cf_event_fini(&e);
}
END_TEST

static bool appends_again(unsigned i)
{
  struct cf_event e;
  numbered(&e, i);
  struct cf_place place = append(&e);
  cf_event_fini(&e);
  ck_assert_int_eq(place.err, CF_OK);
  return !place.duplicate;
}

/* The window ends at a record, wherever that is kept. */
START_TEST(test_window)
{
  append_range(0, 100, 100);
  conf.dedupe_records = 100;
  ck_assert(!appends_again(0));
  append_range(100, 101, 1);
  ck_assert(!appends_again(1));
  ck_assert(appends_again(0));
  ck_assert(!appends_again(0)); /* the new one is found, and not the old one before it */
  conf.dedupe_window_us = 1;
  ck_assert(appends_again(0));
  conf.dedupe_window_us = CF_HOUR_US;
  ck_assert(!appends_again(0));
}
END_TEST

/* An id is a source's own: many sources may use the same one, and each one's repetition is found among all of theirs. */
START_TEST(test_one_id_of_many_sources)
{
  enum { SOURCES = 200 };
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < SOURCES; i++) {
      char source[16];
      struct cf_event e;
      struct cf_fault fault = {0};
      snprintf(source, sizeof source, "s%u", i);
      struct cf_event_rules rules = {.source = cf_str_from(source)};
      ck_assert_ok(cf_event_parse(CF_STR("{\"id\":\"1\",\"action\":\"x\"}"), &rules, &e, &fault));
      struct cf_place place = append(&e);
      ck_assert_int_eq(place.err, CF_OK);
      ck_assert_msg(place.duplicate == (round > 0), "round %u, source %u", round, i);
      cf_event_fini(&e);
    }
    if (round == 1) { /* then out of a segment */
      append_range(0, 300, 100);
      wait_for_segments(1);
    }
  }
}
END_TEST

/* What a killed owner had acknowledged is there, and nothing twice. */
START_TEST(test_killed_owner)
{
  close_ledger();
  int fd[2];
  ck_assert_int_eq(pipe(fd), 0);
  for (unsigned round = 0; round < 5; round++) {
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
      open_ledger();
      for (unsigned i = round * 100; i < round * 100 + 100; i++) {
        struct cf_event e;
        numbered(&e, i);
        struct cf_place place = append(&e);
        if (write(fd[1], &place, sizeof place) != sizeof place)
          _exit(1);
        cf_event_fini(&e);
      }
      _exit(0); /* without closing anything */
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
  }
  open_ledger();
  assert_holds(500);
  assert_verifies();
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  ck_assert_ok(cf_view_get(ledger, &view));
  cf_view_hashes(view, &hashes);
  for (unsigned i = 0; i < 500; i++) {
    struct cf_place place;
    uint8_t hash[CF_HASH_N];
    ck_assert_int_eq(read(fd[0], &place, sizeof place), sizeof place);
    ck_assert_ok(hashes.get(hashes.context, 0, place.seq, 1, hash));
    ck_assert_bytes(hash, CF_HASH_N, place.leaf_hash, CF_HASH_N);
  }
  cf_view_put(view);
  (void)close(fd[0]);
  (void)close(fd[1]);
}
END_TEST

START_TEST(test_second_owner)
{
  struct cf_ledger *other = NULL;
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&conf, "test 2", &other, &fault), CF_E_LOCKED);
  close_ledger();
  ck_assert_ok(cf_ledger_open(&conf, "test 2", &other, &fault));
  cf_ledger_close(other);
  open_ledger();
}
END_TEST

START_TEST(test_old_backup_is_noticed)
{
  append_range(0, 50, 10);
  close_ledger();
  run("cp -a '%s/data' '%s/old'", home, home);
  open_ledger();
  append_range(50, 60, 10);
  close_ledger();
  run("mv '%s/data' '%s/new' && mv '%s/old' '%s/data'", home, home, home, home);
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&conf, "test 1", &ledger, &fault), CF_E_ROLLBACK);
  run("rm -rf '%s/data' && mv '%s/new' '%s/data'", home, home, home);
  open_ledger();
  assert_holds(60);
}
END_TEST

START_TEST(test_no_space)
{
  struct cf_event e;
  numbered(&e, 0);
  const struct cf_event *p = &e;
  struct cf_place place;
  struct cf_append a = {.events = &p, .n = 1, .places = &place};
  uint64_t before = size();
  set("min_free", "1000000G");
  usleep(300000); /* free space is asked for five times a second */
  ck_assert_err(cf_ledger_append(ledger, &a), CF_E_SPACE);
  ck_assert_uint_eq(size(), before);
  set("min_free", "1M");
  usleep(300000);
  ck_assert_ok(cf_ledger_append(ledger, &a));
  cf_event_fini(&e);
}
END_TEST

START_TEST(test_posted)
{
  struct cf_event e;
  numbered(&e, 0);
  cf_ledger_post(ledger, &e);
  ck_assert_ptr_null(e.text);
  for (unsigned i = 0; i < 500 && size() < 3; i++)
    usleep(10000);
  ck_assert_uint_eq(size(), 3);
  assert_holds(1);
}
END_TEST

/* A seal covers what was asked for, follows by itself, and never goes back. */
START_TEST(test_seals)
{
  struct cf_fault fault = {0};
  struct cf_buf note;
  struct cf_str text;
  struct cf_checkpoint checkpoint;
  uint64_t last = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_err(cf_ledger_seal(ledger, size() + 1, &note, &fault), CF_E_PARAMETER);
  for (unsigned i = 0; i < 20; i++) {
    append_range(i * 10, i * 10 + 10, 5);
    cf_buf_reset(&note);
    ck_assert_ok(i % 2 == 0 ? cf_ledger_seal(ledger, size(), &note, &fault) : cf_ledger_checkpoint(ledger, &note));
    ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_ledger_vkey(ledger), &text));
    ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
    ck_assert_uint_ge(checkpoint.size, last);
    if (i % 2 == 0)
      ck_assert_uint_eq(checkpoint.size, size());
    last = checkpoint.size;
  }
  append_range(200, 201, 1);
  for (unsigned i = 0; i < 500 && checkpoint.size < size(); i++) {
    usleep(10000);
    cf_buf_reset(&note);
    ck_assert_ok(cf_ledger_checkpoint(ledger, &note));
    ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_ledger_vkey(ledger), &text));
    ck_assert_ok(cf_checkpoint_parse(text, &checkpoint));
  }
  ck_assert_uint_eq(checkpoint.size, size());
  cf_buf_fini(&note);
}
END_TEST

/* What is sealed after the head was taken is no contradiction to it: others write while it is verified. */
START_TEST(test_verify_while_it_grows)
{
  struct cf_fault fault = {0};
  struct cf_buf note, later;
  struct cf_verify_result *result = calloc(1, sizeof *result);
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_buf_init(&later, CF_NOTE_MAX);
  append_range(0, 100, 10);
  uint64_t head_size = size();
  ck_assert_ok(cf_ledger_seal(ledger, head_size, &note, &fault));
  append_range(100, 600, 50);
  ck_assert_ok(cf_ledger_seal(ledger, size(), &later, &fault));
  bool ok = verify_head(&note, head_size, result);
  ck_assert_msg(ok, "first error: %s %s", cf_verdict_name(result->errors[0].verdict), result->errors[0].detail);
  ck_assert_uint_eq(result->leaves, head_size);
  cf_buf_fini(&note);
  cf_buf_fini(&later);
  free(result);
}
END_TEST

/* ---- many threads ---- */

#define WRITERS 6
#define EACH 150

static void *writer(void *arg)
{
  unsigned w = (unsigned)(uintptr_t)arg;
  for (unsigned i = 0; i < EACH; i++) {
    struct cf_event e;
    event(&e, "{\"id\":\"w%u-%u\",\"method\":\"GET\",\"user\":\"u%u\"}", w, i, w);
    struct cf_place place = append(&e);
    ck_assert(place.err == CF_OK && !place.duplicate);
    ck_assert(append(&e).duplicate);
    cf_event_fini(&e);
  }
  return NULL;
}

/* Views are consistent while writers write: the tree of a view's size has the root that its hashes give, and every block opens. */
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
    ck_assert_ok(cf_view_get(ledger, &view));
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
  ck_assert_uint_eq(size(), 2 + WRITERS * EACH);
  assert_verifies();
}
END_TEST

/* ---- damage ---- */

/* One of many who ask the index of the newest generation all the time. */
static void *asker(void *arg)
{
  const bool *stop = arg;
  const struct cf_term term = {.index = CF_M_PATH, .first = CF_STR("/r/"), .prefix = true};
  while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
    struct cf_view *view = NULL;
    struct cf_unit unit;
    struct cf_bits bits;
    ck_assert_ok(cf_view_get(ledger, &view));
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
  close_ledger();
  set("segment_records", "262144");
  open_ledger();
  append_range(0, 20000, 1000);
  bool stop = false;
  pthread_t askers[12];
  for (size_t i = 0; i < CF_COUNT(askers); i++)
    ck_assert_int_eq(pthread_create(&askers[i], NULL, asker, &stop), 0);
  append_range(20000, 20050, 1);
  __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
  for (size_t i = 0; i < CF_COUNT(askers); i++)
    ck_assert_int_eq(pthread_join(askers[i], NULL), 0);
}
END_TEST

#define PAGE 16384

/* The n-th segment's file, from 1 on. */
static void segment_path(unsigned n, char path[300])
{
  char command[512];
  snprintf(command, sizeof command, "ls -d '%s'/data/segments/* | sed -n %up", home, n);
  FILE *f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_ptr_nonnull(fgets(path, 300, f));
  ck_assert_int_eq(pclose(f), 0);
  path[strcspn(path, "\n")] = 0;
}

static void flip(const char *path, off_t at)
{
  uint8_t byte;
  int fd = open(path, O_RDWR);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
  byte ^= 0x40;
  ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
  ck_assert_int_eq(close(fd), 0);
}

/* How many blocks can't be read; all of them within one segment. */
static unsigned unreadable_blocks(uint64_t first)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  unsigned n = 0;
  cf_block_init(block);
  ck_assert_ok(cf_view_get(ledger, &view));
  for (uint64_t seq = 0; seq < cf_view_size(view); seq += CF_GROUP) {
    enum cf_err err = cf_view_block(view, seq, block);
    ck_assert(err == CF_OK || (err == CF_E_DAMAGED && seq >= first && seq < first + 256));
    n += err == CF_E_DAMAGED;
  }
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return n;
}

/* A byte flipped in any one page of a segment: whatever held records is named by the verifier, and everything else is read. */
START_TEST(test_damaged_segment)
{
  char path[300];
  struct stat st;
  append_range(0, 1000, 100);
  wait_for_segments(3);
  segment_path(2, path);
  ck_assert_int_eq(stat(path, &st), 0);
  struct cf_verify_result *result = calloc(1, sizeof *result);
  unsigned pages_with_blocks = 0;
  for (off_t page = 1; page < st.st_size / PAGE; page++) { /* page 0 names the others: without it nothing of the file is read */
    close_ledger();
    flip(path, page * PAGE + 9000);
    open_ledger();
    bool ok = verify(result);
    unsigned lost = unreadable_blocks(256);
    if (lost > 0) {
      pages_with_blocks++;
      ck_assert(!ok && result->has_first_bad);
      ck_assert_uint_ge(result->first_bad, 256);
      ck_assert_uint_lt(result->first_bad, 512);
    }
    flip(path, page * PAGE + 9000);
  }
  ck_assert_uint_ge(pages_with_blocks, 1);
  free(result);
  close_ledger();
  open_ledger();
  assert_verifies();
  assert_holds(1000);
}
END_TEST

struct damage_reader {
  unsigned rounds, refused;
  uint64_t from, to; /* seqs: every block of them in turn */
};

static void *read_in_turn(void *context)
{
  struct damage_reader *r = context;
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  ck_assert_ok(cf_view_get(ledger, &view));
  for (unsigned k = 0; k < r->rounds; k++)
    for (uint64_t seq = r->from; seq < r->to; seq += CF_GROUP)
      r->refused += cf_view_block(view, seq, block) != CF_OK;
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return NULL;
}

/* An event that fills pages. */
static void append_large(unsigned i)
{
  char text[1500 + 1];
  struct cf_event e;
  for (unsigned k = 0; k < 1500; k++)
    text[k] = (char)('a' + (i * 1500 + k) * 2654435761u / 16777216 % 26);
  text[1500] = 0;
  event(&e, "{\"id\":\"large-%u\",\"message\":\"%s\"}", i, text);
  append(&e);
  cf_event_fini(&e);
}

static unsigned unreadable(uint64_t from, uint64_t to)
{
  struct damage_reader r = {.rounds = 1, .from = from, .to = to};
  read_in_turn(&r);
  return r.refused;
}

/* Flip a byte so that of [from, to) the last block, and not the first, is lost. */
static void damage_last_block(const char *path, uint64_t from, uint64_t to)
{
  struct stat st;
  ck_assert_int_eq(stat(path, &st), 0);
  for (off_t at = PAGE + 9000; at < st.st_size; at += PAGE) {
    close_ledger();
    flip(path, at);
    open_ledger();
    if (unreadable(to - CF_GROUP, to) == 1 && unreadable(from, from + CF_GROUP) == 0)
      return;
    flip(path, at);
  }
  ck_abort_msg("no page holds the last block alone");
}

/* What one reader finds damaged is no other reader's matter, though they share the file's handle. */
START_TEST(test_damage_of_another_reader)
{
  char path[300];
  for (unsigned i = 0; i < 520; i++)
    append_large(i);
  wait_for_segments(2);
  segment_path(2, path);
  damage_last_block(path, 256, 512);
  struct damage_reader readers[] = {{.rounds = 300, .from = 512 - CF_GROUP, .to = 512}, {.rounds = 3000, .from = 256, .to = 256 + CF_GROUP}};
  pthread_t threads[CF_COUNT(readers)];
  for (unsigned i = 0; i < CF_COUNT(readers); i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, read_in_turn, &readers[i]), 0);
  for (unsigned i = 0; i < CF_COUNT(readers); i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_uint_eq(readers[0].refused, readers[0].rounds);
  ck_assert_uint_eq(readers[1].refused, 0);
}
END_TEST

/* The first page names all others: without it the first segment, with record 0, is lost. The ledger opens, says so, and takes and gives everything else. */
START_TEST(test_first_segment_lost)
{
  char path[300];
  append_range(0, 1000, 100);
  wait_for_segments(3);
  segment_path(1, path);
  close_ledger();
  flip(path, 100);
  open_ledger();
  append_range(1000, 1010, 5);
  struct cf_verify_result *result = calloc(1, sizeof *result);
  ck_assert(!verify(result));
  ck_assert(result->has_first_bad);
  ck_assert_uint_eq(result->first_bad, 0);
  ck_assert_uint_eq(unreadable_blocks(0), 4);
  free(result);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "ledger", .test = test_start_and_stop_are_records, .setup = setup, .teardown = teardown, .timeout = 120},
    {.tcase = "ledger", .test = test_append_one},
    {.tcase = "ledger", .test = test_twins_in_a_batch},
    {.tcase = "ledger", .test = test_rolls_and_restarts, .loops = CF_COUNT(batches)},
    {.tcase = "ledger", .test = test_rolls_by_age},
    {.tcase = "ledger", .test = test_duplicates_across_segments},
    {.tcase = "ledger", .test = test_window},
    {.tcase = "ledger", .test = test_one_id_of_many_sources},
    {.tcase = "ledger", .test = test_killed_owner},
    {.tcase = "ledger", .test = test_second_owner},
    {.tcase = "ledger", .test = test_old_backup_is_noticed},
    {.tcase = "ledger", .test = test_no_space},
    {.tcase = "ledger", .test = test_posted},
    {.tcase = "ledger", .test = test_seals},
    {.tcase = "ledger", .test = test_verify_while_it_grows},
    {.tcase = "ledger", .test = test_many_threads},
    {.tcase = "ledger", .test = test_readers_let_write},
    {.tcase = "ledger", .test = test_damaged_segment},
    {.tcase = "ledger", .test = test_damage_of_another_reader},
    {.tcase = "ledger", .test = test_first_segment_lost},
  };
  return cf_test_run("ledger", tests, CF_COUNT(tests));
}
