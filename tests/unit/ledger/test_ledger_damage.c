/* SPDX-License-Identifier: MIT */
/* A ledger with damaged segments: the verifier names what is lost, and
 * everything else is read. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/index/index.h"
#include "lib/segment/bdb.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

#define PAGE 16384

/* How many blocks cannot be read; all of them within one segment. */
static unsigned unreadable_blocks(uint64_t first)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  unsigned n = 0;
  cf_block_init(block);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
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

/* Until the warden has looked at what a lost record told of. */
static void wait_for_the_warden(void)
{
  struct cf_ledger_state state;
  struct cf_view *view = NULL;
  ck_assert_ok(cf_view_get(stage_ledger, &view)); /* by then the chain was read */
  cf_view_put(view);
  do {
    cf_ledger_state(stage_ledger, &state);
    usleep(1000);
  } while (state.unsworn > 0);
}

/* A byte flipped in any one page of a segment: whatever held records is named
 * by the verifier, and everything else is read. */
START_TEST(test_damaged_segment)
{
  char path[300];
  struct stat st;
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  stage_segment_path(2, path);
  ck_assert_int_eq(stat(path, &st), 0);
  struct cf_verify_result *result = calloc(1, sizeof *result);
  unsigned pages_with_blocks = 0;
  /* page 0 names the others: without it nothing of the file is read */
  for (off_t page = 1; page < st.st_size / PAGE; page++) {
    stage_close_ledger();
    temp_flip(path, page * PAGE + 9000);
    stage_open_ledger();
    wait_for_the_warden();
    bool ok = stage_verify(result);
    unsigned lost = unreadable_blocks(256);
    if (lost > 0) {
      pages_with_blocks++;
      ck_assert(!ok && result->has_first_bad);
      ck_assert_uint_ge(result->first_bad, 256);
      ck_assert_uint_lt(result->first_bad, 512);
    }
    temp_flip(path, page * PAGE + 9000);
  }
  ck_assert_uint_ge(pages_with_blocks, 1);
  free(result);
  stage_close_ledger();
  stage_open_ledger();
  stage_assert_verifies();
  stage_assert_holds(1000);
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
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (unsigned k = 0; k < r->rounds; k++)
    for (uint64_t seq = r->from; seq < r->to; seq += CF_GROUP)
      r->refused += cf_view_block(view, seq, block) != CF_OK;
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return NULL;
}

/* Letters without a pattern, so that they stay long when they are packed. */
static char letter(unsigned i)
{
  uint32_t x = i * 2654435761u;
  x = (x ^ x >> 15) * 2246822519u;
  x = (x ^ x >> 13) * 3266489917u;
  return (char)('a' + (x ^ x >> 16) % 26);
}

/* An event that fills pages. */
static void large(struct cf_event *e, const char *source, unsigned i)
{
  char text[1600];
  struct cf_event_rules rules = {.source = cf_str_from(source)};
  struct cf_fault fault = {0};
  int n = snprintf(text, sizeof text, "{\"id\":\"large-%u\",\"message\":\"", i);
  for (unsigned k = 0; k < 1500; k++)
    text[n++] = letter(i * 1500 + k);
  memcpy(text + n, "\"}", 3);
  ck_assert_ok(cf_event_parse(cf_str_from(text), &rules, e, &fault));
}

/* Gives the seq of the last one. */
static uint64_t append_large(const char *source, unsigned from, unsigned to)
{
  uint64_t seq = 0;
  for (unsigned i = from; i < to; i++) {
    struct cf_event e;
    large(&e, source, i);
    seq = stage_append(&e).seq;
    cf_event_fini(&e);
  }
  return seq;
}

static unsigned unreadable(uint64_t from, uint64_t to)
{
  struct damage_reader r = {.rounds = 1, .from = from, .to = to};
  read_in_turn(&r);
  return r.refused;
}

/* Flip a byte so that the block of seq lost cannot be read, and that of seq
 * kept can. */
static void damage_block(const char *path, uint64_t lost, uint64_t kept)
{
  struct stat st;
  ck_assert_int_eq(stat(path, &st), 0);
  for (off_t at = PAGE + 9000; at < st.st_size; at += PAGE) {
    stage_close_ledger();
    temp_flip(path, at);
    stage_open_ledger();
    if (unreadable(lost, lost + CF_GROUP) == 1 && unreadable(kept, kept + CF_GROUP) == 0)
      return;
    temp_flip(path, at);
  }
  ck_abort_msg("no page holds a part of the one block and none of the other");
}

/* What one reader finds damaged is no other reader's matter, though they share
 * the file's handle. */
START_TEST(test_damage_of_another_reader)
{
  char path[300];
  append_large("web1", 0, 520);
  stage_wait_for_segments(2);
  stage_segment_path(2, path);
  damage_block(path, 512 - CF_GROUP, 256);
  struct damage_reader readers[] = {{.rounds = 300, .from = 512 - CF_GROUP, .to = 512},
                                    {.rounds = 3000, .from = 256, .to = 256 + CF_GROUP}};
  pthread_t threads[CF_COUNT(readers)];
  for (unsigned i = 0; i < CF_COUNT(readers); i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, read_in_turn, &readers[i]), 0);
  for (unsigned i = 0; i < CF_COUNT(readers); i++)
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  ck_assert_uint_eq(readers[0].refused, readers[0].rounds);
  ck_assert_uint_eq(readers[1].refused, 0);
}
END_TEST

/* Append them again as one batch, the last first; gives how many are not known
 * any more. */
static unsigned forgotten(const char *source, unsigned from, unsigned to)
{
  unsigned n = to - from, fresh = 0;
  struct cf_event *e = calloc(n, sizeof *e);
  const struct cf_event **p = calloc(n, sizeof *p);
  struct cf_place *place = calloc(n, sizeof *place);
  struct cf_append a = {.events = p, .n = n, .places = place};
  for (unsigned i = 0; i < n; i++) {
    large(&e[i], source, to - 1 - i);
    p[i] = &e[i];
  }
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (unsigned i = 0; i < n; i++) {
    ck_assert_int_eq(place[i].err, CF_OK);
    fresh += !place[i].duplicate;
    cf_event_fini(&e[i]);
  }
  free(e);
  free(p);
  free(place);
  return fresh;
}

/* An id whose record cannot be read makes no other id of its group forgotten,
 * nor the same one of another source. */
START_TEST(test_damage_of_another_id)
{
  char path[300];
  append_large("web1", 0, 400);
  /* of seqs 256 to 319, where the damage will be, web1 has these */
  uint64_t last = append_large("web2", 256, 320);
  append_large("web1", 400, 520);
  stage_wait_for_segments(2);
  stage_segment_path(2, path);
  damage_block(path, 256, 512 - CF_GROUP);
  unsigned blocks = unreadable(0, 512), hidden = 0; /* a page may hold parts of several */
  for (uint64_t seq = last + 1 - 64; seq <= last; seq++)
    hidden += unreadable(seq - seq % CF_GROUP, seq - seq % CF_GROUP + 1);
  ck_assert_uint_lt(hidden, 64);
  unsigned lost = forgotten("web1", 0, 520);
  ck_assert_uint_ge(lost, 1);
  ck_assert_uint_le(lost, blocks * CF_GROUP);
  ck_assert_uint_eq(forgotten("web2", 256, 320), hidden);
}
END_TEST

/* One id of the sources from ≤ i < to; gives the seq of the last one's, and how
 * many of them are new. */
static uint64_t append_crowd(unsigned from, unsigned to, unsigned *fresh)
{
  struct cf_event *e = calloc(to - from, sizeof *e);
  const struct cf_event **p = calloc(to - from, sizeof *p);
  struct cf_place *place = calloc(to - from, sizeof *place);
  struct cf_append a = {.events = p, .n = to - from, .places = place};
  for (unsigned i = 0; i < a.n; i++) {
    char source[16];
    snprintf(source, sizeof source, "s%u", from + i);
    struct cf_event_rules rules = {.source = cf_str_from(source)};
    ck_assert_ok(cf_event_parse(CF_STR("{\"id\":\"1\",\"action\":\"x\"}"), &rules, &e[i], NULL));
    p[i] = &e[i];
  }
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  *fresh = 0;
  for (unsigned i = 0; i < a.n; i++) {
    *fresh += !place[i].duplicate;
    cf_event_fini(&e[i]);
  }
  uint64_t seq = place[a.n - 1].seq;
  free(e);
  free(p);
  free(place);
  return seq;
}

/* Flip a byte of what finds the record at that offset, in the second segment,
 * by the crowd's id: of the key of its chunk. */
static void damage_pair(uint64_t offset)
{
  char path[300];
  uint8_t key[16], pair[12];
  const uint8_t *at = NULL;
  struct cf_buf file;
  stage_segment_path(2, path);
  stage_close_ledger();
  forge_fingerprint_key(stage_conf.data, key);
  cf_u64_put(pair, cf_id_fingerprint(key, CF_STR("1")));
  cf_buf_init(&file, SIZE_MAX / 2);
  int fd = open(path, O_RDONLY);
  ck_assert_ok(cf_file_read_all(fd, &file));
  close(fd);
  for (uint32_t first = (uint32_t)offset; at == NULL && first > 0; first--) {
    cf_u32_put(pair + 4, first);
    at = memmem(file.p, file.n, pair, 8);
  }
  ck_assert_ptr_nonnull(at);
  temp_flip(path, at - (const uint8_t *)file.p);
  cf_buf_fini(&file);
  stage_open_ledger();
}

/* What cannot be read of the places of an id that a crowd shares makes those
 * forgotten that stand there, and not those before. */
START_TEST(test_damage_in_a_crowd)
{
  unsigned fresh;
  stage_conf.segment_records = 16384; /* of the second */
  stage_append_range(0, 256, 256);
  append_crowd(0, 1000, &fresh);
  uint64_t lost = append_crowd(1000, 16200, &fresh);
  append_crowd(16200, 18000, &fresh);
  stage_wait_for_segments(2);
  damage_pair(lost - 256);
  append_crowd(0, 1000, &fresh);
  ck_assert_uint_eq(fresh, 0);
  append_crowd(16199, 16200, &fresh);
  ck_assert_uint_eq(fresh, 1);
  append_crowd(17000, 18000, &fresh);
  ck_assert_uint_eq(fresh, 0);
}
END_TEST

/* Which segments nothing can be read of, a bit each. */
static unsigned lost_units(void)
{
  struct cf_view *view = NULL;
  unsigned mask = 0;
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (size_t i = 0; i < cf_view_units(view); i++)
    mask |= (unsigned)cf_view_lost(view, i) << i;
  cf_view_put(view);
  return mask;
}

/* The i-th error is of the records seq to last, and says that. */
static void range_is(const struct cf_verify_result *r, size_t i, uint64_t seq, uint64_t last,
                     const char *what)
{
  ck_assert_uint_lt(i, r->errors_n);
  const struct cf_verify_error *e = &r->errors[i];
  ck_assert_msg(e->seq == seq && e->last == last && strstr(e->detail, what) != NULL,
                "%llu to %llu: %s", (unsigned long long)e->seq, (unsigned long long)e->last,
                e->detail);
}

/* The newest segment is gone, which has the hash in front of the tail: events
 * are taken, and those of the tail remembered, segments are made, which keep
 * that hash, the head is signed, and what is lost is that segment. */
START_TEST(test_newest_segment_lost)
{
  char path[300];
  struct cf_event e;
  struct cf_ledger_state state;
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  stage_segment_path(3, path);
  stage_close_ledger();
  temp_run("rm '%s' '%s.sums'", path, path);
  stage_open_ledger();
  stage_numbered(&e, 780); /* of the tail's first block */
  ck_assert(stage_append(&e).duplicate);
  cf_event_fini(&e);
  stage_append_range(1000, 1600, 100);
  stage_wait_for_segments(6);
  struct cf_verify_result *result = calloc(1, sizeof *result);
  ck_assert(!stage_verify(result));
  ck_assert_uint_eq(result->first_bad, 512);
  range_is(result, 0, 512, 767, "neither the record nor its leaf hash can be read");
  range_is(result, 1, 512, 767, "the file of this segment");
  ck_assert_uint_eq(result->errors_n, 2);
  ck_assert_uint_eq(result->errors_total, 256 + 1);
  ck_assert_uint_eq(result->errors_untold, 0);
  ck_assert_uint_eq(unreadable_blocks(512), 4);
  ck_assert_uint_eq(lost_units(), 1u << 2);
  cf_ledger_state(stage_ledger, &state);
  ck_assert(!state.roll_failed);
  free(result);
}
END_TEST

/* The first page names all others: without it the first segment, with record 0,
 * is lost. The ledger opens, says so, and takes and gives everything else. */
START_TEST(test_first_segment_lost)
{
  char path[300];
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  stage_segment_path(1, path);
  stage_close_ledger();
  temp_flip(path, 100);
  stage_open_ledger();
  stage_append_range(1000, 1010, 5);
  struct cf_verify_result *result = calloc(1, sizeof *result);
  ck_assert(!stage_verify(result));
  ck_assert(result->has_first_bad);
  ck_assert_uint_eq(result->first_bad, 0);
  ck_assert_uint_eq(unreadable_blocks(0), 4);
  free(result);
}
END_TEST

/* Make the only segment's row in the catalogue longer, as a later version
 * may. */
static void row_lengthen(void)
{
  static const char first[8];
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *catalogue = NULL;
  struct cf_str key = {first, sizeof first};
  struct cf_buf row;
  char path[300];
  snprintf(path, sizeof path, "%s/env", stage_conf.data);
  cf_buf_init(&row, 4096);
  ck_assert_ok(cf_bdb_env_open(path, 1u << 20, false, &env, NULL));
  ck_assert_ok(cf_bdb_open(env, NULL, "catalogue", NULL, CF_BDB_READ, 4096, &catalogue));
  ck_assert_ok(cf_bdb_get(catalogue, NULL, key, &row));
  cf_buf_puts(&row, "later");
  ck_assert_ok(cf_bdb_put(catalogue, NULL, key, cf_buf_str(&row)));
  cf_bdb_close(catalogue);
  cf_bdb_env_close(env);
  cf_buf_fini(&row);
}

/* A ledger that a later version went on with is not opened, and it is said
 * why. */
START_TEST(test_row_of_a_later_version)
{
  struct cf_fault fault = {"", ""};
  stage_append_range(0, 300, 100);
  stage_wait_for_segments(1);
  stage_close_ledger();
  row_lengthen();
  ck_assert_int_eq(cf_ledger_open(&stage_conf, "test", &stage_ledger, &fault), CF_E_DAMAGED);
  ck_assert_str_eq(fault.at, "catalogue");
  ck_assert_ptr_nonnull(strstr(fault.detail, "later version"));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "damage",
       .test = test_damaged_segment,
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "damage", .test = test_damage_of_another_reader},
      {.tcase = "damage", .test = test_damage_of_another_id},
      {.tcase = "damage", .test = test_damage_in_a_crowd},
      {.tcase = "damage", .test = test_newest_segment_lost},
      {.tcase = "damage", .test = test_first_segment_lost},
      {.tcase = "damage", .test = test_row_of_a_later_version},
  };
  return cf_test_run("ledger_damage", tests, CF_COUNT(tests));
}
