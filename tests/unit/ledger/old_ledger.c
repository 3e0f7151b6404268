/* SPDX-License-Identifier: MIT */
/* The maker of old ledgers. The test is linked with --wrap=cf_ledger_append, so
 * that the record that enters a segment can be kept out of the chain. */
#include "config.h"

#include "tests/unit/ledger/old_ledger.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/old_file.h"

#define PAGE 16384u

static bool untold;

enum cf_err __real_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append);
enum cf_err __wrap_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append);

enum cf_err __wrap_cf_ledger_append(struct cf_ledger *ledger, struct cf_append *append)
{
  if (!untold || append->rows_n == 0 || append->rows[0].table != CF_TABLE_CATALOGUE)
    return __real_cf_ledger_append(ledger, append);
  struct cf_append rows = *append;
  rows.n = 0;
  append->places[0] = (struct cf_place){.err = CF_OK};
  return __real_cf_ledger_append(ledger, &rows);
}

static void file_age(struct cf_segment_meta *meta)
{
  char path[400], name[64];
  struct stat st;
  cf_segment_name(meta, name);
  snprintf(path, sizeof path, "%s/segments/%s", stage_conf.data, name);
  old_file_make(path, PAGE);
  ck_assert_int_eq(stat(path, &st), 0);
  meta->bytes = (uint64_t)st.st_size;
  meta->sworn = false;
  strcat(path, ".sums");
  ck_assert_int_eq(unlink(path), 0);
}

static void segments_age(struct cf_bdb *catalogue, unsigned n)
{
  struct cf_segment_meta meta[16];
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str key, value;
  struct cf_buf b;
  uint8_t first[8];
  ck_assert_uint_le(n, CF_COUNT(meta));
  ck_assert_ok(cf_bdb_cursor_open(catalogue, &cursor));
  for (unsigned i = 0; i < n; i++) {
    ck_assert_ok(
        cf_bdb_cursor_move(cursor, i == 0 ? CF_BDB_FIRST : CF_BDB_NEXT, CF_STR(""), &key, &value));
    ck_assert_ok(cf_segment_meta_get(value, &meta[i]));
  }
  cf_bdb_cursor_close(cursor);
  cf_buf_init(&b, 4096);
  for (unsigned i = 0; i < n; i++) {
    file_age(&meta[i]);
    cf_u64_put(first, meta[i].first);
    cf_buf_reset(&b);
    cf_segment_meta_put(&meta[i], &b);
    ck_assert_ok(cf_bdb_put(catalogue, NULL, (struct cf_str){(const char *)first, sizeof first},
                            cf_buf_str(&b)));
  }
  cf_buf_fini(&b);
}

void old_ledger_head(void)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *meta = NULL;
  struct cf_buf head;
  char path[400];
  cf_buf_init(&head, 4096);
  snprintf(path, sizeof path, "%s/env", stage_conf.data);
  ck_assert_ok(cf_bdb_env_open(path, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "meta", NULL, CF_BDB_READ, 4096, &meta));
  ck_assert_ok(cf_bdb_get(meta, NULL, CF_STR("head"), &head));
  cf_buf_cut(&head, CF_HASH_N);
  ck_assert_ok(cf_bdb_put(meta, NULL, CF_STR("head"), cf_buf_str(&head)));
  cf_buf_fini(&head);
  cf_bdb_close(meta);
  cf_bdb_env_close(env);
  snprintf(path, sizeof path, "%s/vouched", stage_conf.signer);
  ck_assert_int_eq(unlink(path), 0);
}

void old_ledger_make(unsigned segments)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *catalogue = NULL;
  char path[400];
  untold = true;
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, segments * 256, 128);
  stage_wait_for_segments(segments);
  stage_close_ledger();
  untold = false;
  snprintf(path, sizeof path, "%s/env", stage_conf.data);
  ck_assert_ok(cf_bdb_env_open(path, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "catalogue", NULL, CF_BDB_READ, 4096, &catalogue));
  segments_age(catalogue, segments);
  cf_bdb_close(catalogue);
  cf_bdb_env_close(env);
  old_ledger_head();
}
