/* SPDX-License-Identifier: MIT */
/* Segments of made-up records in a temporary directory. */
#include "config.h"

#include "tests/unit/segment/segment_stage.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "tests/unit/segment/old_file.h"

char segment_directory[300], segment_path[400];
struct cf_segment_meta segment_meta;
struct cf_segment_pool *segment_pool;
int segment_syncs, segment_sync_fails_at;

/* Nothing here has to survive the machine: a sync is only counted. */
int fdatasync(int fd)
{
  (void)fd;
  if (++segment_syncs != segment_sync_fails_at)
    return 0;
  errno = EIO;
  return -1;
}

/* ---- building ---- */

static enum cf_err source_block(void *context, uint32_t i, struct cf_block *block)
{
  (void)context;
  return fact_block(i, block);
}

static enum cf_err source_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  (void)context;
  for (uint32_t i = 0; i < n; i++)
    fact_hash(offset + i, out + (size_t)i * CF_HASH_N);
  return CF_OK;
}

static enum cf_err source_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  (void)context;
  for (uint32_t i = 0; i < n; i++)
    out[i] = fact_time(offset + i);
  return CF_OK;
}

struct cf_index *segment_index_new(uint32_t n)
{
  struct cf_index *index = NULL;
  static char texts[FACT_MEMBERS_N][300];
  char id[300];
  struct cf_buf b;

  cf_buf_init(&b, 1 << 16);
  ck_assert_ok(cf_index_new(fact_ledger_key, &index));
  for (uint32_t i = 0; i < n; i++) {
    struct cf_str value[CF_M_N] = {{NULL, 0}};
    struct cf_index_keys keys;
    for (size_t m = 0; m < FACT_MEMBERS_N; m++)
      value[fact_members[m]] = fact_value(i, fact_members[m], texts[m]);
    if (fact_id(i, id).n > 0)
      value[CF_M_ID] = fact_id(i, id);
    cf_buf_reset(&b);
    cf_index_keys_put(fact_ledger_key, fact_kind(i), value, &b, &keys);
    ck_assert_ok(b.err);
    ck_assert_ok(cf_index_add(index, i, fact_time(i), &keys));
  }
  cf_buf_fini(&b);
  return index;
}

struct cf_segment_meta segment_meta_of(uint64_t generation)
{
  return (struct cf_segment_meta){.first = FIRST,
                                  .end = FIRST + RECORDS,
                                  .generation = generation,
                                  .time_min_us = TIME_FIRST - 40000000,
                                  .time_max_us = TIME_FIRST + RECORDS * INT64_C(5000000),
                                  .recorded_min_us = 1,
                                  .recorded_max_us = 2};
}

struct cf_segment_source segment_source(const struct cf_index *index)
{
  return (struct cf_segment_source){NULL,         source_block, source_hashes,
                                    source_times, index,        CF_STR("a checkpoint\n"),
                                    fact_before};
}

/* The index has more records than the segment takes. */
void segment_build(struct cf_segment_meta *meta)
{
  struct cf_index *index = segment_index_new(RECORDS + 200);
  struct cf_segment_source source = segment_source(index);
  struct cf_fault fault = {{0}, {0}};
  char name[64];

  enum cf_err err = cf_segment_build(segment_directory, &source, meta, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
  cf_index_free(index);
  cf_segment_name(meta, name);
  snprintf(segment_path, sizeof segment_path, "%s/%s", segment_directory, name);
}

void segment_age(struct cf_segment_meta *meta)
{
  struct stat st;

  old_file_make(segment_path, PAGE);
  temp_run("rm -f '%s.sums'", segment_path);
  ck_assert_int_eq(stat(segment_path, &st), 0);
  meta->bytes = (uint64_t)st.st_size;
  meta->sworn = false;
}

/* ---- reading ---- */

struct cf_bdb_env *segment_env_open(const struct cf_pages *pages)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open_file(pages, 0, &env, NULL));
  return env;
}

struct cf_bdb *segment_sheet_open(struct cf_bdb_env *env, const char *name, enum cf_bdb_open how)
{
  struct cf_bdb *db = NULL;

  ck_assert_ok(cf_bdb_open(env, NULL, segment_path, name, how, PAGE, &db));
  return db;
}

struct cf_segment_pool *segment_pool_new(void)
{
  struct cf_segment_pool *p = NULL;

  ck_assert_ok(cf_segment_pool_new(segment_directory, 0, fact_ledger_key, &p));
  return p;
}

void segment_set_up(void)
{
  temp_make("segment");
  snprintf(segment_directory, sizeof segment_directory, "%s", temp_path("segments"));
  ck_assert_int_eq(mkdir(segment_directory, 0700), 0);
  fact_make();
  ck_assert_ok(cf_diag_open(temp_path("messages"), "test", NULL));
  segment_meta = segment_meta_of(1);
  segment_build(&segment_meta);
  segment_pool = segment_pool_new();
}

void segment_set_up_old(void)
{
  segment_set_up();
  segment_age(&segment_meta);
}

void segment_tear_down(void)
{
  cf_segment_pool_free(segment_pool);
  ck_assert_ok(cf_diag_open(NULL, "test", NULL));
  temp_remove();
}
