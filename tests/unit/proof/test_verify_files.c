/* SPDX-License-Identifier: MIT */
/* The verifier: files that hold records, against what the chain tells of
 * them; and what is told behind the head. */
#include "config.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "lib/base/codec.h"
#include "tests/unit/proof/verify_script.h"

/* The text of a `segment` record, and the file that it tells of. */
static const char *segment_text(uint64_t first, uint64_t end, unsigned rewrite, uint8_t digest)
{
  static char text[400];
  uint8_t bytes[CF_HASH_N];
  struct cf_buf b;
  memset(bytes, digest, sizeof bytes);
  cf_buf_init(&b, 100);
  cf_base64_put(&b, bytes, sizeof bytes);
  snprintf(text, sizeof text,
           "\"body\":{\"digest\":\"%s\",\"end\":%llu,\"first\":%llu,\"rewrite\":%u}",
           cf_buf_cstr(&b), (unsigned long long)end, (unsigned long long)first, rewrite);
  cf_buf_fini(&b);
  return text;
}

static void HAS(uint64_t first, uint64_t end, unsigned rewrite, uint8_t digest)
{
  struct cf_verify_file *f = &L.file[L.files_n++];
  *f = (struct cf_verify_file){{.first = first, .end = end, .rewrite = rewrite}, .sworn = true};
  memset(f->body.digest, digest, CF_HASH_N);
}

/* One of an older ledger, and two that were told, one of them again. */
static void FILES(void)
{
  PLAN(1100);
  KIND(600, CF_K_SEGMENT, segment_text(256, 512, 0, 1));
  KIND(800, CF_K_SEGMENT, segment_text(512, 768, 0, 2));
  KIND(1000, CF_K_SEGMENT, segment_text(256, 512, 1, 3));
  SEAL();
  HAS(0, 256, 0, 9);
  L.file[0].sworn = false;
  HAS(256, 512, 1, 3);
  HAS(512, 768, 0, 2);
}

START_TEST(files_told)
{
  FILES();
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->unsworn, 1);
  PARTS();
  EXPECT_OK();
}
END_TEST

START_TEST(files_of_before)
{
  FILES();
  L.file[1].body.rewrite = 0;
  memset(L.file[1].body.digest, 1, CF_HASH_N);
  L.file[2].body.digest[31] ^= 1;
  FULL();
  EXPECT(STORE_DAMAGED, 256);
  EXPECT_ALSO(STORE_DAMAGED, 512);
  EXPECT_COUNT(2);
  RANGE(0, 1100);
  EXPECT_OK(); /* it is no full walk */
}
END_TEST

START_TEST(files_without_digest)
{
  FILES();
  L.file[2].sworn = false;
  FULL();
  EXPECT(STORE_DAMAGED, 512);
}
END_TEST

/* Older than the first record of a file it is not: so it must have been told,
 * but by one that cannot be read. */
START_TEST(files_not_told)
{
  FILES();
  HAS(768, 1024, 0, 5);
  FULL();
  EXPECT(STORE_DAMAGED, 768);
  EXPECT_COUNT(1);
  LOSE(1050);
  FULL();
  EXPECT(STORE_DAMAGED, 1050);
  EXPECT_COUNT(1);
}
END_TEST

/* What the source shows already may be told behind the head. */
START_TEST(files_told_later)
{
  FILES();
  HAS(768, 1024, 0, 5);
  L.later[0].kind = CF_K_SEGMENT;
  strcpy(L.later[0].public_text, segment_text(768, 1024, 0, 5));
  L.later_n = 1;
  FULL();
  EXPECT_OK();
  L.file[3].body.digest[0] ^= 1;
  FULL();
  EXPECT(STORE_DAMAGED, 768);
}
END_TEST

/* A file that the chain tells of is taken out of the catalogue; the source goes
 * on to show the records. */
START_TEST(files_lost)
{
  FILES();
  L.file[2].body.first = 768;
  L.files_n = 2;
  FULL();
  EXPECT(STORE_DAMAGED, 512);
  EXPECT_COUNT(1);
  L.files_n = 0;
  FULL();
  EXPECT_ALSO(STORE_DAMAGED, 256);
  EXPECT_COUNT(2);
}
END_TEST

/* A digest that no record told, and no digest where one that is told reaches
 * into the same records, or where what was told began before it ends. */
START_TEST(files_never_told)
{
  FILES();
  L.file[0].sworn = true;
  FULL();
  EXPECT(STORE_DAMAGED, 0);
  L.file[0].sworn = false;
  L.file[0].body.end = 512;
  FULL();
  EXPECT_ALSO(STORE_DAMAGED, 0);
  vl_free(&L);
  PLAN(1100);
  KIND(600, CF_K_SEGMENT, segment_text(256, 512, 0, 1));
  SEAL();
  L.files_n = 0;
  HAS(256, 512, 0, 1);
  HAS(512, 768, 0, 1);
  L.file[1].sworn = false;
  FULL();
  EXPECT(STORE_DAMAGED, 512);
}
END_TEST

START_TEST(files_of_the_future)
{
  PLAN(700);
  KIND(600, CF_K_SEGMENT, segment_text(512, 768, 0, 1));
  SEAL();
  FULL();
  EXPECT(LEAF_FORMAT, 600);
}
END_TEST

/* So may what is erased already. */
START_TEST(erased_later)
{
  PLAN(600);
  ERASED(5, 5);
  ERASURE(300, 5, 1);
  SEAL();
  L.later[0].kind = CF_K_ERASURE;
  strcpy(L.later[0].public_text,
         "\"source\":\"officer\",\"body\":{\"basis\":\"gdpr-17\",\"targets\":[[5,4]]}");
  FULL();
  EXPECT(ERASURE_UNAUTHORISED, 5);
  L.later_n = 1;
  FULL();
  EXPECT_OK();
}
END_TEST

/* Indexes of files, which somebody makes again: how many at a time? */
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t begun;
  unsigned wanted, n, now, most;
} side = {.mutex = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER};

static bool begins_a_file(uint64_t first)
{
  bool begins = false;
  for (size_t i = 0; i < L.files_n; i++)
    begins |= L.file[i].body.first == first;
  return begins;
}

/* Each waits until as many have begun as are wanted. */
static enum cf_err beside_others(void *context, struct cf_verify_beside *b)
{
  struct timespec end;
  int rc = 0;
  (void)context;
  if (!b->deep || !begins_a_file(b->first))
    return CF_OK;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 20;
  pthread_mutex_lock(&side.mutex);
  side.n++;
  if (++side.now > side.most)
    side.most = side.now;
  pthread_cond_broadcast(&side.begun);
  while (side.n < side.wanted && rc == 0)
    rc = pthread_cond_timedwait(&side.begun, &side.mutex, &end);
  side.now--;
  pthread_mutex_unlock(&side.mutex);
  b->entries = 1;
  cf_tile_fault(b->tile, CF_V_INDEX_MISMATCH, b->first, "of this file");
  return CF_OK;
}

/* Gives how many were judged at a time, of those that may be. */
static unsigned files_at_a_time(uint64_t leaves, unsigned wanted)
{
  struct cf_verify_source source = vl_source(&L);
  struct cf_verify_job deep = {.mode = CF_VERIFY_DEEP,
                               .head = cf_str_from(L.head),
                               .keys = keys(),
                               .workers = 3,
                               .indexed_at_once = leaves};
  struct cf_fault fault = {.at = ""};
  source.beside = beside_others;
  side.wanted = wanted;
  side.n = side.most = 0;
  ck_assert_ok(cf_verify(&source, &deep, R, &fault));
  ck_assert(R->complete);
  ck_assert_uint_eq(R->leaves, L.n);
  ck_assert_uint_eq(R->entries, L.files_n);
  ck_assert_uint_eq(side.n, L.files_n);
  return side.most;
}

/* The third lies so far behind the second that the ring of the others does not
 * reach it. */
START_TEST(files_side_by_side)
{
  PLAN(5000);
  KIND(4990, CF_K_SEGMENT, segment_text(0, 256, 0, 1));
  KIND(4991, CF_K_SEGMENT, segment_text(256, 4608, 0, 2));
  KIND(4992, CF_K_SEGMENT, segment_text(4608, 4864, 0, 3));
  SEAL();
  HAS(0, 256, 0, 1);
  HAS(256, 4608, 0, 2);
  HAS(4608, 4864, 0, 3);
  ck_assert_uint_eq(files_at_a_time(3 * 4352, 3), 3);
  ck_assert_uint_eq(files_at_a_time(2 * 4352, 2), 2);
  ck_assert_uint_eq(files_at_a_time(0, 1), 1);
  ck_assert_uint_eq(R->errors_n, 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_uint_eq(R->errors[i].seq, L.file[i].body.first);
}
END_TEST

int main(void)
{
#define ON .setup = script_begin, .teardown = script_end, .tcase = "files"
  const struct cf_test tests[] = {
      {ON, .test = files_told},           {ON, .test = files_of_before},
      {ON, .test = files_without_digest}, {ON, .test = files_not_told},
      {ON, .test = files_told_later},     {ON, .test = files_of_the_future},
      {ON, .test = files_lost},           {ON, .test = files_never_told},
      {ON, .test = erased_later},         {ON, .test = files_side_by_side},
  };
  return cf_test_run("verify_files", tests, CF_COUNT(tests));
}
