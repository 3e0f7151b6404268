/* SPDX-License-Identifier: MIT */
/* A ledger that version 0.1.0 made: its segment has the library's checksums and
 * a layout that is not made any more; every fifth of its events has the
 * request_id of the one before. It is sworn to, told of, and written again;
 * what it holds stays what it was. */
#include "config.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/index/postings.h"
#include "lib/ledger/ledger_in.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

#define SIZE 334u /* when it was packed */
#define ROOT "6Kidg9G5P4FWrQUWQ5Tpt3GckamyyFzNjXu2vRVzQL8="
#define OLD  "00000000000000000000-00000000000000000256-0"
#define NEW  "00000000000000000000-00000000000000000256-1"

static bool held; /* the warden leaves it to the test */

void __real_cf_rewrite_round(struct cf_ledger *l, struct cf_rewriter *rewriter);
void __wrap_cf_rewrite_round(struct cf_ledger *l, struct cf_rewriter *rewriter);

void __wrap_cf_rewrite_round(struct cf_ledger *l, struct cf_rewriter *rewriter)
{
  if (!held)
    __real_cf_rewrite_round(l, rewriter);
}

static void configure(void)
{
  stage_small_segments();
  stage_set("origin", "old.example.org/main");
}

static void set_up(void)
{
  const char *tree = getenv("CF_SRCDIR");
  ck_assert_msg(tree != NULL, "CF_SRCDIR names no source tree");
  stage_configure("rewrite", configure);
  temp_run("xz -dc '%s/tests/ledgers/0.1.0.tar.xz' | tar -xf -", tree);
}

static void set_up_held(void)
{
  held = true;
  set_up();
}

/* ---- what is there ---- */

/* The segment's row, once it is as it should be. */
static struct cf_segment_meta row_when(bool sworn, uint64_t generation)
{
  for (;;) {
    struct cf_layout *layout = cf_layout_get(stage_ledger);
    ck_assert_uint_eq(layout->segments_n, 1);
    struct cf_segment_meta meta = layout->segments[0];
    cf_layout_put(layout);
    if (meta.sworn == sworn && meta.generation == generation)
      return meta;
    usleep(1000);
  }
}

static void assert_root(void)
{
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  uint8_t root[CF_HASH_N], then[CF_HASH_N];
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_hashes(view, &hashes);
  ck_assert_ok(cf_tree_root(&hashes, SIZE, root));
  ck_assert_ok(cf_base64_get_n(CF_STR(ROOT), then, sizeof then));
  ck_assert_mem_eq(root, then, sizeof root);
  cf_view_put(view);
}

/* Records, leaf hashes, indexes and pages, each against the others. */
static void assert_verifies(void)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  bool ok = stage_verify_as(CF_VERIFY_DEEP, result);
  ck_assert_msg(ok, "first error: %s %s", cf_verdict_name(result->errors[0].verdict),
                result->errors[0].detail);
  free(result);
}

static void assert_files(const char *names)
{
  temp_run("test \"$(ls data/segments | tr '\\n' ' ')\" = '%s '", names);
}

/* ---- the way of it ---- */

START_TEST(test_of_0_1_0)
{
  for (unsigned start = 0; start < 2; start++) {
    stage_open_ledger();
    struct cf_segment_meta meta = row_when(true, 1);
    struct cf_segment *s = NULL;
    ck_assert_ok(cf_segment_acquire(stage_ledger->pool, &meta, &s));
    ck_assert(!cf_segment_is_old(s));
    cf_segment_release(stage_ledger->pool, s);
    assert_root();
    assert_verifies();
    stage_close_ledger();
    temp_run("test ! -e data/segments/" OLD " -a ! -e data/segments/" OLD ".sums");
    assert_files(NEW " " NEW ".sums");
  }
}
END_TEST

/* The old file goes when the last one who may read it lets go, however many
 * layouts came since; and nothing more is written again before. */
START_TEST(test_under_a_reader)
{
  struct cf_view *view = NULL;
  struct cf_rewriter rewriter = {0};
  struct cf_block *block = calloc(1, sizeof *block);
  cf_block_init(block);
  stage_open_ledger();
  (void)row_when(true, 0);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  stage_append_range(0, 600, 100);
  stage_wait_for_segments(3);
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  ck_assert_uint_eq(cf_view_segment(view, 0)->generation, 0);
  cf_segment_pool_drop(stage_ledger->pool, cf_view_segment(view, 0));
  for (uint64_t seq = 0; seq < 256; seq += CF_GROUP)
    ck_assert_ok(cf_view_block(view, seq, block));
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  temp_run("test -e data/segments/" OLD " -a -e data/segments/" NEW);
  cf_view_put(view);
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  temp_run("test ! -e data/segments/" OLD " -a ! -e data/segments/" OLD ".sums");
  ck_assert_ptr_null(rewriter.layout);
  assert_verifies();
  cf_block_fini(block);
  free(block);
  stage_close_ledger();
}
END_TEST

/* What is not sure to be what was logged stays as it is, to be restored. */
START_TEST(test_a_damaged_one_stays)
{
  struct cf_rewriter rewriter = {0};
  stage_open_ledger();
  struct cf_segment_meta meta = row_when(true, 0);
  for (off_t page = (off_t)(meta.bytes / 32768); page < (off_t)(meta.bytes / 16384); page++)
    temp_flip(temp_path("data/segments/" OLD), page * 16384 + 8000);
  cf_segment_pool_drop(stage_ledger->pool, &meta);
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  (void)row_when(true, 0);
  assert_files(OLD " " OLD ".sums");
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.damaged, 1);
  stage_close_ledger();
}
END_TEST

/* The first value of request_id, whose index this version has no more: its
 * record and the next one, and the next one again. */
static void twice_found_forge(void)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_buf row, chunk;
  struct cf_str key, value;

  cf_buf_init(&row, 1 << 10);
  cf_buf_init(&chunk, 1 << 10);
  forge_begin(stage_conf.data, 1);
  struct cf_bdb *db = forge_sheet("request_id");
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  ck_assert_ok(cf_bdb_cursor_move(cursor, CF_BDB_FIRST, CF_STR(""), &key, &value));
  cf_buf_putstr(&row, key);
  cf_bdb_cursor_close(cursor);
  uint32_t first = cf_u32_get(row.p + row.n - 4), two[] = {first, first + 1};
  for (unsigned k = 0; k < 2; k++) {
    cf_buf_reset(&chunk);
    cf_buf_put(&chunk, (uint8_t[]){0, (uint8_t)k}, 2);
    cf_chunk_put(&chunk, two + k, 2 - k);
    cf_u32_put(row.p + row.n - 4, two[k]);
    ck_assert_ok(cf_bdb_put(db, NULL, cf_buf_str(&row), cf_buf_str(&chunk)));
  }
  forge_end(FORGE_FILE);
  cf_buf_fini(&row);
  cf_buf_fini(&chunk);
}

START_TEST(test_a_forged_one_is_refused)
{
  struct cf_ledger_state state = {0};
  twice_found_forge();
  stage_open_ledger();
  while (state.damaged == 0) {
    usleep(1000);
    cf_ledger_state(stage_ledger, &state);
  }
  (void)row_when(false, 0);
  stage_close_ledger();
}
END_TEST

START_TEST(test_without_space)
{
  struct cf_rewriter rewriter = {0};
  stage_open_ledger();
  (void)row_when(true, 0);
  stage_set("min_free", "900000G");
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  assert_files(OLD " " OLD ".sums");
  stage_set("min_free", "1M");
  __real_cf_rewrite_round(stage_ledger, &rewriter);
  assert_files(NEW " " NEW ".sums");
  stage_close_ledger();
}
END_TEST

/* Killed at any moment of its first start it is one or the other, whole. */
START_TEST(test_killed)
{
  pid_t pid = fork();
  if (pid == 0) {
    stage_open_ledger();
    (void)row_when(true, 1);
    (void)raise(SIGKILL);
  }
  usleep((useconds_t)(20000 + 15000 * _i));
  (void)kill(pid, SIGKILL);
  ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
  stage_open_ledger();
  (void)row_when(true, 1);
  assert_root();
  assert_verifies();
  stage_close_ledger();
  assert_files(NEW " " NEW ".sums");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "free", .test = test_of_0_1_0, .setup = set_up, .teardown = stage_clear},
      {.tcase = "free", .test = test_killed, .loops = 8},
      {.tcase = "held", .test = test_under_a_reader, .setup = set_up_held, .teardown = stage_clear},
      {.tcase = "held", .test = test_a_damaged_one_stays},
      {.tcase = "held", .test = test_a_forged_one_is_refused},
      {.tcase = "held", .test = test_without_space},
  };
  return cf_test_run("rewrite", tests, CF_COUNT(tests));
}
