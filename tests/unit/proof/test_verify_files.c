/* SPDX-License-Identifier: MIT */
/* The verifier: files that hold records, against what the chain tells of
 * them; and what is told behind the head. */
#include "config.h"

#include <string.h>

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

int main(void)
{
#define ON .setup = script_begin, .teardown = script_end, .tcase = "files"
  const struct cf_test tests[] = {
      {ON, .test = files_told},           {ON, .test = files_of_before},
      {ON, .test = files_without_digest}, {ON, .test = files_not_told},
      {ON, .test = files_told_later},     {ON, .test = files_of_the_future},
      {ON, .test = files_lost},           {ON, .test = files_never_told},
      {ON, .test = erased_later},
  };
  return cf_test_run("verify_files", tests, CF_COUNT(tests));
}
