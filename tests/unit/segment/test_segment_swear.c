/* SPDX-License-Identifier: MIT */
/* Swearing to a segment of an older ledger: one that is sound is sworn to, and
 * one that is not in any page, or in any record, is not. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/record/values.h"
#include "lib/segment/pages_in.h"
#include "tests/unit/segment/old_file.h"
#include "tests/unit/segment/segment_stage.h"

#define SOME 1024u /* records */

static char texts[SOME][2][600];
static struct cf_record records[SOME];
static uint8_t hashes[SOME][CF_HASH_N];
static struct cf_index *all;
static const uint8_t salt_key[CF_SALTKEY_N] = "salts";

static bool going_on(void *context)
{
  (void)context;
  return false;
}

static enum cf_err tile_belongs(void *context, const uint8_t *leaves)
{
  (void)context;
  (void)leaves;
  return CF_OK;
}

static const uint8_t zeros[CF_HASH_N];
static const struct cf_swear how = {.fingerprint_key = fact_ledger_key,
                                    .before = zeros,
                                    .tile = tile_belongs,
                                    .stopped = going_on};

static enum cf_err make_block(void *context, uint32_t i, struct cf_block *block)
{
  struct cf_block_writer w;
  struct cf_buf bytes;

  (void)context;
  cf_block_writer_init(&w);
  cf_block_writer_begin(&w, FIRST + i * CF_GROUP);
  for (unsigned k = 0; k < CF_GROUP; k++)
    ck_assert_ok(cf_block_writer_add(&w, &records[i * CF_GROUP + k], salt_key));
  cf_buf_init(&bytes, SIZE_MAX / 2);
  ck_assert_ok(cf_block_writer_end(&w, &bytes));
  enum cf_err err = cf_block_open(block, FIRST + i * CF_GROUP, cf_buf_str(&bytes));
  cf_buf_fini(&bytes);
  cf_block_writer_fini(&w);
  return err;
}

static enum cf_err make_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  (void)context;
  memcpy(out, hashes[offset], (size_t)n * CF_HASH_N);
  return CF_OK;
}

static enum cf_err make_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  (void)context;
  for (uint32_t i = 0; i < n; i++)
    out[i] = cf_record_effective_us(&records[offset + i]);
  return CF_OK;
}

static void make_record(uint32_t i, struct cf_values *values, struct cf_buf *b)
{
  struct cf_record *r = &records[i];
  struct cf_index_keys keys;
  uint8_t salts[CF_C_N][CF_HASH_N];

  memset(r, 0, sizeof *r);
  r->seq = FIRST + i;
  r->recorded_us = TIME_FIRST + i;
  r->time_us = CF_TIME_NONE;
  r->kind = CF_K_EVENT;
  snprintf(texts[i][0], sizeof texts[i][0],
           "\"source\":\"web%u\",\"id\":\"id-%u\",\"action\":\"read\"", i % 3, i);
  snprintf(texts[i][1], sizeof texts[i][1], "{\"user\":\"user%u\"}", i % 50);
  r->public_text = cf_str_from(texts[i][0]);
  r->payload[0] = cf_str_from(texts[i][1]);
  cf_salts(salt_key, r->seq, salts);
  cf_buf_reset(b);
  cf_leaf_put(r, i == 0 ? zeros : hashes[i - 1], (const uint8_t(*)[CF_HASH_N])salts, b, hashes[i]);
  ck_assert_ok(cf_values_get(r, values));
  cf_buf_reset(b);
  cf_index_keys_put(fact_ledger_key, r->kind, values->v, b, &keys);
  ck_assert_ok(cf_index_add(all, i, r->recorded_us, &keys));
}

static void build(struct cf_segment_meta *meta)
{
  struct cf_segment_source source = {NULL,       make_block, make_hashes,
                                     make_times, all,        CF_STR("a checkpoint\n"),
                                     zeros};
  char name[64];

  *meta = (struct cf_segment_meta){.first = FIRST,
                                   .end = FIRST + SOME,
                                   .time_min_us = TIME_FIRST,
                                   .time_max_us = TIME_FIRST + SOME - 1,
                                   .recorded_min_us = TIME_FIRST,
                                   .recorded_max_us = TIME_FIRST + SOME - 1};
  ck_assert_ok(cf_segment_build(segment_directory, &source, meta, NULL));
  cf_segment_name(meta, name);
  snprintf(segment_path, sizeof segment_path, "%s/%s", segment_directory, name);
  segment_age(meta);
}

static void set_up(void)
{
  struct cf_values values;
  struct cf_buf b;

  segment_set_up();
  cf_values_init(&values);
  cf_buf_init(&b, 1 << 20);
  ck_assert_ok(cf_index_new(fact_ledger_key, &all));
  for (uint32_t i = 0; i < SOME; i++)
    make_record(i, &values, &b);
  cf_values_fini(&values);
  cf_buf_fini(&b);
}

static void tear_down(void)
{
  cf_index_free(all);
  segment_tear_down();
}

static bool has_sums(void)
{
  char path[sizeof segment_path + 8];

  snprintf(path, sizeof path, "%s.sums", segment_path);
  return access(path, F_OK) == 0;
}

START_TEST(test_sound)
{
  struct cf_segment_meta meta;
  struct cf_segment *s = NULL;
  uint64_t pages = 0, bad = 0;
  static struct cf_block block;

  build(&meta);
  ck_assert(!has_sums());
  ck_assert_ok(cf_segment_swear(segment_directory, &how, &meta, NULL));
  ck_assert(meta.sworn && has_sums());
  ck_assert_ok(cf_segment_pages_check(segment_directory, &meta, 0, UINT64_MAX, &pages, &bad));
  ck_assert_uint_eq(pages, meta.bytes / PAGE);
  ck_assert_uint_eq(bad, pages);
  ck_assert_ok(cf_segment_acquire(segment_pool, &meta, &s));
  cf_block_init(&block);
  ck_assert_ok(cf_segment_block(s, 3, &block));
  cf_block_fini(&block);
  cf_segment_release(segment_pool, s);
}
END_TEST

/* -1: no page is bad. */
static void assert_refused(struct cf_segment_meta *meta, off_t page)
{
  struct cf_fault fault = {{0}, {0}};

  enum cf_err err = cf_segment_swear(segment_directory, &how, meta, &fault);
  ck_assert_msg(err == (page < 0 ? CF_E_PROOF : CF_E_DAMAGED), "page %ld: %s", (long)page,
                cf_err_word(err));
  ck_assert(fault.detail[0] != '\0');
  ck_assert(!meta->sworn && !has_sums());
}

/* What the checksum of any page finds is found. (Of a metadata page it covers
 * 512 bytes.) */
START_TEST(test_flip_in_each_page)
{
  struct cf_segment_meta meta;

  build(&meta);
  for (off_t page = 0; page < (off_t)meta.bytes / PAGE; page++) {
    off_t at = page * PAGE + (off_t)(fact_mix((uint64_t)page, 4) % 512);
    temp_flip(segment_path, at);
    assert_refused(&meta, page);
    temp_flip(segment_path, at);
  }
  ck_assert_ok(cf_segment_swear(segment_directory, &how, &meta, NULL));
}
END_TEST

/* Pages of zeros, pages from elsewhere: those have no checksum, or a good
 * one. */
START_TEST(test_wrong_page)
{
  static uint8_t kept[PAGE], other[PAGE];
  struct cf_segment_meta meta;

  build(&meta);
  off_t pages = (off_t)meta.bytes / PAGE;
  for (off_t page = 0; page < pages; page++) {
    temp_get(segment_path, page * PAGE, kept, PAGE);
    memset(other, 0, PAGE);
    if (_i == 1)
      temp_get(segment_path, (page + 1) % pages * PAGE, other, PAGE);
    temp_put(segment_path, page * PAGE, other, PAGE);
    assert_refused(&meta, page);
    temp_put(segment_path, page * PAGE, kept, PAGE);
  }
}
END_TEST

/* Leaf hashes from that record on, as they follow from what it is now. */
static void hash_from(uint32_t i)
{
  struct cf_buf b;

  cf_buf_init(&b, 4096);
  for (; i < SOME; i++) {
    uint8_t salts[CF_C_N][CF_HASH_N];
    cf_salts(salt_key, records[i].seq, salts);
    cf_buf_reset(&b);
    cf_leaf_put(&records[i], hashes[i - 1], (const uint8_t(*)[CF_HASH_N])salts, &b, hashes[i]);
  }
  cf_buf_fini(&b);
}

/* A record that is not what its hash says, nor where its id, its user or its
 * time lead; a hash, a time: whoever wrote them had good pages. */
START_TEST(test_false_content)
{
  struct cf_segment_meta meta;

  switch (_i) {
  case 0: texts[500][0][13] = '9'; break;
  case 1: hashes[500][0] ^= 1; break;
  case 2: records[500].recorded_us++; break;
  case 3: /* an id that is not in the index */ texts[500][0][strlen(texts[500][0]) - 20]++; break;
  case 4: /* nor the user */ texts[500][1][strlen(texts[500][1]) - 3]++; break;
  default: /* nor the time, and the range of times is another */ records[SOME - 1].recorded_us++;
  }
  if (_i >= 3)
    hash_from(500);
  build(&meta);
  assert_refused(&meta, -1);
}
END_TEST

static bool stopping(void *context)
{
  unsigned *left = context;
  return (*left)-- == 0;
}

/* It ends when it is told to, and can be done again. */
START_TEST(test_stopped)
{
  struct cf_segment_meta meta;

  build(&meta);
  enum cf_err err = CF_E_LEAVING;
  for (unsigned asked = 0; err == CF_E_LEAVING; asked = asked * 3 + 1) {
    unsigned left = asked;
    const struct cf_swear stops = {.fingerprint_key = fact_ledger_key,
                                   .before = zeros,
                                   .tile = tile_belongs,
                                   .stopped = stopping,
                                   .context = &left};
    ck_assert(!has_sums());
    err = cf_segment_swear(segment_directory, &stops, &meta, NULL);
  }
  ck_assert_ok(err);
  ck_assert(meta.sworn && has_sums());
}
END_TEST

static void count_differ(void *context, uint32_t offset, const char *sheet, const char *what)
{
  (void)offset;
  (void)sheet;
  (void)what;
  ++*(unsigned *)context;
}

static void truth_make(const struct cf_segment_meta *meta, struct cf_segment_truth *truth)
{
  ck_assert_ok(cf_segment_truth_init(truth, fact_ledger_key, meta));
  truth->differ = count_differ;
  for (uint32_t i = 0; i < SOME; i++)
    ck_assert_ok(cf_segment_truth_add(truth, &records[i]));
}

/* So do its parts that take longest: summing pages, comparing indexes. */
START_TEST(test_stopped_in_a_part)
{
  struct cf_segment_meta meta;
  struct cf_segment_truth truth;
  struct cf_segment *s = NULL;
  struct cf_pages *pages = NULL;
  unsigned left = 1;
  build(&meta);
  ck_assert_err(cf_pages_sum(segment_path, stopping, &left, &pages, NULL), CF_E_LEAVING);
  truth_make(&meta, &truth);
  truth.stopped = stopping;
  truth.context = &left;
  ck_assert_ok(cf_segment_acquire_alone(segment_pool, &meta, &s));
  for (unsigned asked = 1; asked <= SOME; asked *= 4) {
    left = asked;
    ck_assert_err(cf_segment_compare(s, &truth), CF_E_LEAVING);
  }
  cf_segment_release(segment_pool, s);
  cf_segment_truth_fini(&truth);
}
END_TEST

/* One that has sums is looked at by them, and they stay. */
START_TEST(test_again)
{
  struct cf_segment_meta meta, again;
  build(&meta);
  ck_assert_ok(cf_segment_swear(segment_directory, &how, &meta, NULL));
  again = meta;
  ck_assert_ok(cf_segment_swear(segment_directory, &how, &again, NULL));
  ck_assert(cf_equal(again.digest, meta.digest, CF_HASH_N));
  temp_flip(segment_path, 5000);
  ck_assert_err(cf_segment_swear(segment_directory, &how, &again, NULL), CF_E_DAMAGED);
}
END_TEST

/* Another file of any length: it is not read to its end to be refused. */
START_TEST(test_a_long_file)
{
  struct cf_segment_meta meta;
  build(&meta);
  ck_assert_int_eq(truncate(segment_path, (off_t)1 << 38), 0);
  assert_refused(&meta, (off_t)meta.bytes / PAGE);
}
END_TEST

/* ---- comparing ---- */

static void compare(const struct cf_segment_meta *meta, unsigned *differences)
{
  struct cf_segment_truth truth;
  struct cf_segment *s = NULL;
  truth_make(meta, &truth);
  truth.context = differences;
  ck_assert_ok(cf_segment_acquire_alone(segment_pool, meta, &s));
  ck_assert_ok(cf_segment_compare(s, &truth));
  cf_segment_release(segment_pool, s);
  cf_segment_truth_fini(&truth);
}

/* The page of `counts`, made to be the next one too, with a good checksum. */
static void counts_ring(off_t pages)
{
  enum { NUMBER_AT = 8, NEXT_AT = 16, TYPE_AT = 25, LEAF = 5 };
  static const char count[] = "source\0web1";
  static uint8_t page[PAGE];
  off_t k = 0;
  do
    temp_get(segment_path, ++k * PAGE, page, PAGE);
  while (k < pages &&
         (page[TYPE_AT] != LEAF || memmem(page, PAGE, count, sizeof count - 1) == NULL));
  ck_assert_int_lt(k, pages);
  memcpy(page + NEXT_AT, page + NUMBER_AT, 4);
  old_file_mend(page, PAGE);
  temp_put(segment_path, k * PAGE, page, PAGE);
}

START_TEST(test_a_sheet_that_never_ends)
{
  struct cf_segment_meta meta;
  unsigned differences = 0;
  build(&meta);
  compare(&meta, &differences);
  ck_assert_uint_eq(differences, 0);
  counts_ring((off_t)meta.bytes / PAGE);
  compare(&meta, &differences);
  ck_assert_uint_eq(differences, 2);
}
END_TEST

/* A chunk of grams that is another one, is not there, is one too many. */
static void grams_forge(int how_much)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  char last[1024], number[4] = {'\xff', '\xff', '\xff', '\xff'};

  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  struct cf_bdb *db = segment_sheet_open(env, "grams", CF_BDB_CREATE);
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_PREV, CF_STR(""), &key, &value));
  ck_assert(key.n == sizeof number && value.n <= sizeof last);
  memcpy(last, value.p, value.n);
  if (how_much < 2)
    memcpy(number, key.p, key.n);
  last[value.n - 1] ^= 1;
  struct cf_str at = {number, sizeof number}, changed = {last, value.n};
  cf_bdb_cursor_close(cursor);
  ck_assert_ok(how_much == 1 ? cf_bdb_del(db, NULL, at) : cf_bdb_put(db, NULL, at, changed));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

/* It would hide records from a search. */
START_TEST(test_forged_grams)
{
  struct cf_segment_meta meta;
  unsigned differences = 0;
  build(&meta);
  grams_forge(_i);
  compare(&meta, &differences);
  ck_assert_uint_eq(differences, 1);
  assert_refused(&meta, -1);
}
END_TEST

/* The second span one microsecond longer at its end. */
static void spans_forge(void)
{
  struct cf_bdb_env *env = NULL;
  struct cf_buf was, is;
  struct cf_reader r;

  cf_buf_init(&was, 1 << 10);
  cf_buf_init(&is, 1 << 10);
  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  struct cf_bdb *db = segment_sheet_open(env, "info", CF_BDB_CREATE);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("spans"), &was));
  cf_reader_init(&r, was.p, was.n);
  for (unsigned i = 0; i < SOME / CF_TIMES_RUN; i++) {
    cf_varint_put_signed(&is, cf_reader_varint_signed(&r));
    cf_varint_put(&is, cf_reader_varint(&r) + (i == 1));
  }
  ck_assert(cf_reader_at_end(&r));
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("spans"), cf_buf_str(&is)));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  cf_buf_fini(&was);
  cf_buf_fini(&is);
}

START_TEST(test_forged_spans)
{
  struct cf_segment_meta meta;
  unsigned differences = 0;
  build(&meta);
  spans_forge();
  compare(&meta, &differences);
  ck_assert_uint_eq(differences, 1);
  assert_refused(&meta, -1);
}
END_TEST

/* A row of leaf hashes whose byte at is another: of the hash in front, of a
 * last one, of a root, of a mark. */
static void kept_forge(size_t at)
{
  static const char row[4] = {0, 0, 0, 1}; /* the second */
  struct cf_bdb_env *env = NULL;
  struct cf_buf kept;

  cf_buf_init(&kept, 4096);
  ck_assert_ok(cf_bdb_env_open_file(NULL, 0, &env, NULL));
  struct cf_bdb *db = segment_sheet_open(env, "hashes", CF_BDB_CREATE);
  ck_assert_ok(cf_bdb_get(db, NULL, (struct cf_str){row, sizeof row}, &kept));
  kept.p[at] ^= 1;
  ck_assert_ok(cf_bdb_put(db, NULL, (struct cf_str){row, sizeof row}, cf_buf_str(&kept)));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  cf_buf_fini(&kept);
}

START_TEST(test_forged_hashes)
{
  static const size_t at[] = {offsetof(struct cf_leaves_kept, before),
                              offsetof(struct cf_leaves_kept, last[7]),
                              offsetof(struct cf_leaves_kept, root[7]),
                              offsetof(struct cf_leaves_kept, mark[99])};
  struct cf_segment_meta meta;

  build(&meta);
  kept_forge(at[_i]);
  assert_refused(&meta, -1);
}
END_TEST

static enum cf_err tile_is_strange(void *context, const uint8_t *leaves)
{
  unsigned *left = context;
  (void)leaves;
  return (*left)-- == 0 ? CF_E_PROOF : CF_OK;
}

/* Sound in itself, but not what the tree has. */
START_TEST(test_another_tree)
{
  struct cf_segment_meta meta;
  unsigned tiles = SOME / 256 - 1;
  const struct cf_swear strange = {.fingerprint_key = fact_ledger_key,
                                   .before = zeros,
                                   .tile = tile_is_strange,
                                   .stopped = going_on,
                                   .context = &tiles};
  build(&meta);
  ck_assert_err(cf_segment_swear(segment_directory, &strange, &meta, NULL), CF_E_PROOF);
  ck_assert(!has_sums());
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "swear", .test = test_sound, .setup = set_up, .teardown = tear_down},
      {.tcase = "swear", .test = test_flip_in_each_page},
      {.tcase = "swear", .test = test_wrong_page, .loops = 2},
      {.tcase = "swear", .test = test_false_content, .loops = 6},
      {.tcase = "swear", .test = test_stopped},
      {.tcase = "swear", .test = test_stopped_in_a_part},
      {.tcase = "swear", .test = test_again},
      {.tcase = "swear", .test = test_another_tree},
      {.tcase = "swear", .test = test_forged_grams, .loops = 3},
      {.tcase = "swear", .test = test_forged_spans},
      {.tcase = "swear", .test = test_forged_hashes, .loops = 4},
      {.tcase = "long",
       .test = test_a_long_file,
       .setup = set_up,
       .teardown = tear_down,
       .timeout = 180},
      {.tcase = "long", .test = test_a_sheet_that_never_ends},
  };
  return cf_test_run("segment_swear", tests, CF_COUNT(tests));
}
