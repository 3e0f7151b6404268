/* SPDX-License-Identifier: MIT */
/* A segment, read and built: every read equals a naive reference, and a build
 * that fails leaves nothing that counts. */
#include "config.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/segment/fuse_in.h"
#include "lib/segment/grams_in.h"
#include "lib/segment/pages_in.h"
#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_stage.h"

/* ---- reading ---- */

START_TEST(test_reads_equal_reference)
{
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};

  reader_all(&r, 1, 60);
  for (uint32_t i = 0; i < RECORDS; i += 250)
    reader_hashes(&r, i, i + 250 <= RECORDS ? 250 : RECORDS - i);
  for (uint32_t i = 0; i < 40; i++)
    reader_hashes(&r, 240 + i, 1 + i % 20);
  reader_hashes(&r, 0, 0);
  reader_hashes(&r, 63, 2);
  reader_hashes(&r, RECORDS - 1, 1);
  reader_times(&r, RECORDS, 0);
  reader_times(&r, 255, 2);
  reader_end(&r);
  ck_assert_uint_eq(tally_sum(r.tally.damaged) + r.tally.unopened, 0);
  ck_assert_uint_gt(tally_sum(r.tally.good), 5000);
}
END_TEST

/* A search may begin and end at any offset, also at the ends of a chunk. */
START_TEST(test_from_anywhere)
{
  static const struct {
    unsigned index;
    const char *value;
  } dense[] = {{CF_M_METHOD, "GET"}, {CF_M_ACTION, "list"}, {CF_M_OUTCOME, "failure"}};
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};
  struct cf_str key = cf_str_from(dense[_i].value);
  struct cf_term term = {.index = dense[_i].index, .first = key, .last = key};

  for (uint32_t at = 0; at <= RECORDS; at++) {
    reader_term(&r, &term, at, RECORDS);
    reader_term(&r, &term, 0, at);
  }
  reader_end(&r);
  ck_assert_uint_eq(r.tally.good[CF_SHEET_INDEX + term.index], 2 * RECORDS + 2);
}
END_TEST

START_TEST(test_sheets_have_names)
{
  static const char *const names[] = {"action",   "blocks", "counts",  "credential", "date",
                                      "grams",    "hashes", "host",    "id",         "info",
                                      "ip",       "kind",   "method",  "outcome",    "request_id",
                                      "resource", "salts",  "session", "source",     "status",
                                      "times",    "user"};
  char command[sizeof segment_path + 20], line[64];

  snprintf(command, sizeof command, "db5.3_dump -l '%s'", segment_path);
  FILE *f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  for (size_t i = 0; i < CF_COUNT(names); i++) {
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    line[strcspn(line, "\n")] = '\0';
    ck_assert_str_eq(line, names[i]);
  }
  ck_assert_ptr_null(fgets(line, sizeof line, f));
  ck_assert_int_eq(pclose(f), 0);
}
END_TEST

/* Spans are those of the rows, or, in an older layout, say nothing. */
START_TEST(test_spans)
{
  const struct cf_span all = cf_segment_span(&segment_meta);
  struct cf_span spans[RECORDS / CF_TIMES_RUN];
  struct cf_segment *s = NULL;

  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  s->info.layout -= (unsigned)_i;
  ck_assert_ok(cf_segment_spans(s, RECORDS, spans));
  for (uint32_t row = 0; row < CF_COUNT(spans); row++) {
    int64_t min_us = INT64_MAX, max_us = INT64_MIN;
    for (uint32_t i = row * CF_TIMES_RUN; i < (row + 1) * CF_TIMES_RUN; i++) {
      min_us = fact_time(i) < min_us ? fact_time(i) : min_us;
      max_us = fact_time(i) > max_us ? fact_time(i) : max_us;
    }
    ck_assert_int_eq(spans[row].min_us, _i == 0 ? min_us : all.min_us);
    ck_assert_int_eq(spans[row].max_us, _i == 0 ? max_us : all.max_us);
  }
  memset(spans, 0, sizeof spans);
  ck_assert_ok(cf_segment_spans(s, CF_TIMES_RUN + 1, spans));
  ck_assert(spans[1].max_us != 0 && spans[2].max_us == 0);
  cf_segment_release(segment_pool, s);
}
END_TEST

/* ---- grams of more than a stripe ---- */

#define STRIPES_N (2 * CF_STRIPE + CF_TIMES_RUN) /* records */

static struct cf_str wide_text(uint32_t i)
{
  bool first = i == 70 || i == 2 * CF_STRIPE + 70, second = i == CF_STRIPE + 70;

  return first ? CF_STR("first thing") : second ? CF_STR("second thing") : CF_STR("");
}

static enum cf_err chunk_put(void *db, struct cf_str key, struct cf_str value)
{
  return cf_bdb_put(db, NULL, key, value);
}

/* The grams of so many records, most of which have no text. */
static void wide_fill(struct cf_bdb *db)
{
  struct cf_grams_sheet sheet;
  struct cf_values values;

  ck_assert_ok(cf_grams_sheet_init(&sheet, STRIPES_N, chunk_put, db));
  for (uint32_t i = 0; i < STRIPES_N; i++) {
    cf_values_init(&values);
    if (wide_text(i).n > 0)
      values.v[CF_M_MESSAGE] = wide_text(i);
    ck_assert_ok(cf_grams_sheet_add(&sheet, &values));
    cf_values_fini(&values);
  }
  cf_grams_sheet_fini(&sheet);
}

/* From one of its records on, the groups of those that have the text. */
static void assert_groups(struct cf_segment *s, struct cf_str needle, uint32_t from)
{
  struct cf_bits bits;

  ck_assert_ok(cf_bits_new(STRIPES_N, &bits));
  ck_assert_ok(cf_segment_search(s, needle, from, &bits));
  for (uint32_t group = 0; group < STRIPES_N; group += CF_GRAMS_GROUP) {
    struct cf_str text = wide_text(group + 70 % CF_GRAMS_GROUP);
    bool may = memmem(text.p, text.n, needle.p, needle.n) != NULL;
    for (uint32_t i = group; i < group + CF_GRAMS_GROUP; i++)
      if (cf_bits_has(&bits, i) != (may && i >= from))
        ck_abort_msg("record %u: '%.*s' from %u on", i, (int)needle.n, needle.p, from);
  }
  cf_bits_free(&bits);
}

START_TEST(test_stripes)
{
  static const uint32_t from[] = {0, 71, CF_STRIPE, CF_STRIPE + 75, 2 * CF_STRIPE + 64};
  static const struct cf_str needles[] = {{"first", 5}, {"second", 6}, {"thing", 5}, {"third", 5}};
  struct cf_bdb_env *env = segment_env_open(NULL);
  struct cf_segment *s = NULL;
  struct cf_bdb *db = NULL;

  ck_assert_ok(cf_bdb_open(env, NULL, temp_path("wide"), "grams", CF_BDB_CREATE, PAGE, &db));
  wide_fill(db);
  ck_assert_ok(cf_segment_acquire_alone(segment_pool, &segment_meta, &s));
  s->meta.end = s->meta.first + STRIPES_N;
  atomic_store(&s->db[CF_SHEET_GRAMS], db); /* is closed with it */
  for (size_t i = 0; i < CF_COUNT(from); i++)
    for (size_t k = 0; k < CF_COUNT(needles); k++)
      assert_groups(s, needles[k], from[i]);
  cf_segment_release(segment_pool, s);
  cf_bdb_env_close(env);
}
END_TEST

/* ---- the rest ---- */

/* One value is counted as often as it is there; one that is not there, once. */
START_TEST(test_count)
{
  static const char *const users[] = {"user7", "user8", "nobody"};
  struct cf_segment *s = NULL;
  struct cf_str key;

  ck_assert_ok(cf_segment_acquire(segment_pool, &segment_meta, &s));
  for (size_t u = 0; u < CF_COUNT(users); u++) {
    const struct cf_str user = cf_str_from(users[u]);
    const struct cf_term term = {.index = CF_M_USER, .first = user, .last = user};
    uint32_t want = 0, n = 0;
    for (uint32_t i = 0; i < RECORDS; i++)
      want += fact_key(i, CF_M_USER, &key) && cf_str_eq(key, user);
    ck_assert_ok(cf_segment_count(s, &term, &n));
    ck_assert_uint_eq(n, want == 0 ? 1 : want);
  }
  cf_segment_release(segment_pool, s);
}
END_TEST

/* `counts` has each value that occurs twice or more, `info` what is missing. */
START_TEST(test_counts_and_info)
{
  struct cf_pages *pages = NULL;
  struct cf_buf b;
  struct cf_segment_info info;
  struct cf_str key;
  uint32_t users = 0, user7 = 0;

  cf_buf_init(&b, 1 << 20);
  ck_assert_ok(cf_pages_sum(segment_path, NULL, NULL, &pages, NULL));
  struct cf_bdb_env *env = segment_env_open(pages);
  struct cf_bdb *counts = segment_sheet_open(env, "counts", CF_BDB_READ),
                *db = segment_sheet_open(env, "info", CF_BDB_READ);
  for (uint32_t i = 0; i < RECORDS; i++) {
    users += fact_key(i, CF_M_USER, &key);
    user7 += fact_key(i, CF_M_USER, &key) && cf_str_is(key, "user7");
  }
  ck_assert_ok(cf_bdb_get(counts, NULL, CF_STR("user\0user7"), &b));
  ck_assert_uint_eq(b.n, 4);
  ck_assert_uint_eq(cf_u32_get(b.p), user7);
  ck_assert_err(cf_bdb_get(counts, NULL, CF_STR("user\0nobody"), &b), CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("segment"), &b));
  ck_assert_ok(cf_segment_info_get(cf_buf_str(&b), &info));
  ck_assert_uint_eq(info.index[CF_M_USER].missing, RECORDS - users);
  ck_assert_uint_eq(info.index[CF_M_CREDENTIAL].missing, RECORDS);
  ck_assert_uint_eq(info.index[CF_I_KIND].values, 2);
  for (size_t n = 0; n < b.n; n++) {
    enum cf_err err = cf_segment_info_get((struct cf_str){(char *)b.p, n}, &info);
    ck_assert(err == CF_E_SYNTAX || (err == CF_OK && !info.index[CF_I_KIND].present));
  }
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("checkpoint"), &b));
  ck_assert(cf_str_is(cf_buf_str(&b), "a checkpoint\n"));
  cf_bdb_close(counts);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  cf_pages_free(pages);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_meta)
{
  struct cf_segment_meta got;
  struct cf_buf b;
  char name[64];

  cf_buf_init(&b, 100);
  segment_meta.sworn = _i == 1;
  cf_segment_meta_put(&segment_meta, &b);
  ck_assert_uint_eq(b.n, _i == 1 ? 97 : 65);
  ck_assert_ok(cf_segment_meta_get(cf_buf_str(&b), &got));
  ck_assert(cf_segment_meta_same(&got, &segment_meta));
  ck_assert_uint_eq(got.bytes, segment_meta.bytes);
  ck_assert_int_eq(got.sworn, _i == 1);
  if (_i == 1)
    ck_assert_mem_eq(got.digest, segment_meta.digest, CF_HASH_N);
  for (size_t n = 0; n < b.n; n++)
    ck_assert_err(cf_segment_meta_get((struct cf_str){(char *)b.p, n}, &got), CF_E_SYNTAX);
  b.p[8] ^= 1;
  ck_assert_err(cf_segment_meta_get(cf_buf_str(&b), &got), CF_E_SYNTAX);
  cf_segment_name(&segment_meta, name);
  ck_assert_str_eq(name, "00000000000000000512-00000000000000003584-1");
  cf_buf_fini(&b);
}
END_TEST

static int compare_fingerprints(const void *a, const void *b)
{
  uint64_t x, y;

  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return x < y ? -1 : x > y;
}

/* The filter of n fingerprints of that set. */
static void filter_make(struct cf_buf *b, uint32_t n, uint64_t set, uint64_t *fingerprints)
{
  for (uint32_t i = 0; i < n; i++)
    fingerprints[i] = fact_mix(i, set);
  qsort(fingerprints, n, sizeof *fingerprints, compare_fingerprints);
  cf_buf_reset(b);
  ck_assert_ok(cf_fuse_put(b, fingerprints, n));
  ck_assert_uint_le(b->n, cf_fuse_max(n));
  ck_assert(cf_fuse_ok(cf_buf_str(b)));
}

/* None of its own is missed, however many there are, and few others pass. */
START_TEST(test_filter)
{
  static const uint32_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 100, 255, 1000, 3000, 30000};
  static uint64_t fingerprints[30000];
  struct cf_buf b;
  unsigned place, wrong = 0;

  cf_buf_init(&b, 1 << 20);
  for (size_t k = 0; k < CF_COUNT(sizes); k++) {
    struct cf_shelf shelf = {.cells = NULL};
    filter_make(&b, sizes[k], k + 1, fingerprints);
    ck_assert_ok(cf_shelf_put(&shelf, cf_buf_str(&b), &place));
    for (uint32_t i = 0; i < sizes[k]; i += CF_SHELF_ASKED) {
      uint32_t places[CF_SHELF_ASKED];
      uint32_t n = sizes[k] - i < CF_SHELF_ASKED ? sizes[k] - i : CF_SHELF_ASKED;
      cf_shelf_screen(&shelf, fingerprints + i, n, places);
      for (uint32_t j = 0; j < n; j++)
        if (places[j] != 1)
          ck_abort_msg("%u of %u is missed", i + j, sizes[k]);
    }
    for (uint32_t i = 0; i < 10000; i++) {
      uint32_t places;
      uint64_t other = fact_mix(i, 100 + k);
      cf_shelf_screen(&shelf, &other, 1, &places);
      wrong += places;
    }
    cf_shelf_fini(&shelf);
  }
  ck_assert_uint_lt(wrong, 15);
  for (size_t n = 0; n < b.n; n += n < 8 ? 1 : 997)
    ck_assert(!cf_fuse_ok((struct cf_str){(char *)b.p, n}));
  cf_buf_fini(&b);
}
END_TEST

static struct cf_shelf shelf;
static unsigned places[CF_SHELF_MAX]; /* of filter k */
static bool gone[CF_SHELF_MAX];

static void shelf_take(unsigned k)
{
  gone[k] = true;
  if (cf_shelf_take(&shelf, places[k]))
    for (unsigned i = 0; i < CF_SHELF_MAX; i++)
      places[i] -= places[i] > places[k] ? CF_SHELF_WORD : 0;
}

/* Filter k is of what fact_mix makes of k + from. */
static void shelf_check(unsigned k, unsigned from)
{
  uint32_t there;

  for (uint32_t i = 0; i < 1000; i++) {
    uint64_t own = fact_mix(i, k + from);
    cf_shelf_screen(&shelf, &own, 1, &there);
    if (!gone[k] && (there >> places[k] & 1) == 0)
      ck_abort_msg("filter %u", k);
  }
}

/* Filters side by side: each tells of its own, also when others came or went,
 * and no memory stays for words of which all went. */
START_TEST(test_shelf)
{
  uint64_t fingerprints[1000];
  struct cf_buf b;

  cf_buf_init(&b, 1 << 20);
  for (unsigned k = 0; k < CF_SHELF_MAX; k++) {
    filter_make(&b, 1000, k, fingerprints);
    ck_assert_ok(cf_shelf_put(&shelf, cf_buf_str(&b), &places[k]));
  }
  const size_t word = cf_shelf_memory(&shelf) / (CF_SHELF_MAX / CF_SHELF_WORD);
  ck_assert_err(cf_shelf_put(&shelf, cf_buf_str(&b), &places[0]), CF_E_FULL);
  for (unsigned k = 0; k < CF_SHELF_MAX; k += 3)
    shelf_take(k);
  filter_make(&b, 500, 77, fingerprints);
  ck_assert_err(cf_shelf_put(&shelf, cf_buf_str(&b), &places[0]), CF_E_FULL);
  filter_make(&b, 1000, 77, fingerprints);
  ck_assert_uint_eq(cf_shelf_growth(&shelf, cf_buf_str(&b)), 0);
  ck_assert_ok(cf_shelf_put(&shelf, cf_buf_str(&b), &places[0]));
  gone[0] = false;
  shelf_check(0, 77);
  for (unsigned k = 1; k < CF_SHELF_MAX; k++)
    shelf_check(k, 0);
  for (unsigned k = 0; k < CF_SHELF_MAX; k++) {
    if (!gone[k])
      shelf_take(k);
    for (unsigned i = k + 1; i < CF_SHELF_MAX && k % 8 == 7; i++)
      shelf_check(i, 0);
    if (k % 4 == 3)
      ck_assert_uint_le(cf_shelf_memory(&shelf), word * (CF_SHELF_MAX - 1 - k) / CF_SHELF_WORD);
  }
  ck_assert_ptr_null(shelf.cells);
  cf_buf_fini(&b);
}
END_TEST

/* ---- building that fails ---- */

static unsigned files_in(const char *name)
{
  unsigned n = 0;
  DIR *dir = opendir(name);

  ck_assert_ptr_nonnull(dir);
  for (struct dirent *e; (e = readdir(dir)) != NULL;)
    n += e->d_name[0] != '.';
  closedir(dir);
  return n;
}

static void build_with_bad_disk(void)
{
  struct cf_segment_meta meta = segment_meta_of(9);

  segment_sync_fails_at = segment_syncs + 1;
  segment_build(&meta);
}

static void build_on_full_disk(void)
{
  struct cf_segment_meta meta = segment_meta_of(9);
  struct rlimit limit = {segment_meta.bytes / 2, segment_meta.bytes / 2};
  struct cf_index *index = segment_index_new(RECORDS);
  struct cf_segment_source source = segment_source(index);
  struct cf_fault fault = {{0}, {0}};

  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  enum cf_err err = cf_segment_build(segment_directory, &source, &meta, &fault);
  cf_index_free(index);
  _exit(err == CF_E_SPACE && fault.detail[0] != '\0' && files_in(segment_directory) == 2 ? 3 : 4);
}

START_TEST(test_failing_disk)
{
  ck_assert_int_eq(cf_test_child(build_with_bad_disk), 70);
  /* the next build is not disturbed by what this one left */
  ck_assert_uint_gt(files_in(segment_directory), 2);
  ck_assert_int_eq(cf_test_child(build_on_full_disk), 3);
}
END_TEST

static enum cf_err failing_block(void *context, uint32_t i, struct cf_block *block)
{
  (void)context;
  if (i == 20)
    return CF_E_DAMAGED;
  return fact_block(i, block);
}

START_TEST(test_failing_source)
{
  struct cf_segment_meta meta = segment_meta_of(9);
  struct cf_index *index = segment_index_new(RECORDS);
  struct cf_segment_source good = segment_source(index), source = good;

  source.block = failing_block;
  ck_assert_err(cf_segment_build(segment_directory, &source, &meta, NULL), CF_E_DAMAGED);
  ck_assert_uint_eq(files_in(segment_directory), 2);
  ck_assert_ok(cf_segment_build(segment_directory, &good, &meta, NULL));
  ck_assert_uint_eq(files_in(segment_directory), 4);
  cf_index_free(index);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "reads",
       .test = test_reads_equal_reference,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "reads", .test = test_from_anywhere, .loops = 3},
      {.tcase = "reads", .test = test_sheets_have_names},
      {.tcase = "reads", .test = test_counts_and_info},
      {.tcase = "reads", .test = test_count},
      {.tcase = "reads", .test = test_spans, .loops = 2},
      {.tcase = "reads", .test = test_stripes},
      {.tcase = "reads", .test = test_meta, .loops = 2},
      {.tcase = "reads", .test = test_filter},
      {.tcase = "reads", .test = test_shelf},
      {.tcase = "building",
       .test = test_failing_disk,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "building", .test = test_failing_source},
  };
  return cf_test_run("segment", tests, CF_COUNT(tests));
}
