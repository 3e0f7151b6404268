/* SPDX-License-Identifier: MIT */
/* A segment, read and built: every read equals a naive reference, and a build
 * that fails leaves nothing that counts. */
#include "config.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/segment/bloom_in.h"
#include "lib/segment/pages_in.h"
#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_stage.h"

/* ---- reading ---- */

START_TEST(test_reads_equal_reference)
{
  struct reader r = {.pool = segment_pool, .meta = &segment_meta};

  reader_all(&r, 1, 60);
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
  static const char *const names[] = {"action",  "blocks", "counts",  "credential", "date",
                                      "hashes",  "host",   "id",      "info",       "ip",
                                      "kind",    "method", "outcome", "request_id", "resource",
                                      "session", "source", "status",  "times",      "user"};
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

START_TEST(test_filter)
{
  size_t size = cf_bloom_size(10000);
  uint8_t *filter = calloc(size, 1);
  unsigned wrong = 0;

  for (uint32_t i = 0; i < 10000; i++)
    cf_bloom_add(filter, size, fact_mix(i, 1));
  for (uint32_t i = 0; i < 10000; i++)
    ck_assert(cf_bloom_may_have(filter, size, fact_mix(i, 1)));
  for (uint32_t i = 0; i < 100000; i++)
    wrong += cf_bloom_may_have(filter, size, fact_mix(i, 2));
  ck_assert_uint_lt(wrong, 3000);
  free(filter);
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

static enum cf_err failing_block(void *context, uint32_t i, struct cf_buf *b)
{
  (void)context;
  if (i == 20)
    return CF_E_DAMAGED;
  fact_block(i, b);
  return b->err;
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
      {.tcase = "reads", .test = test_meta, .loops = 2},
      {.tcase = "reads", .test = test_filter},
      {.tcase = "building",
       .test = test_failing_disk,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "building", .test = test_failing_source},
  };
  return cf_test_run("segment", tests, CF_COUNT(tests));
}
