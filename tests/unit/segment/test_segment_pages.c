/* SPDX-License-Identifier: MIT */
/* Sworn segments under attack: whatever is done to the file or to its sums,
 * with Berkeley DB's own checksums made good too, a read gives the right answer
 * or CF_E_DAMAGED, and a page that was changed costs what stands in it. */
#include "config.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/segment/bdb_file_in.h"
#include "lib/segment/pages_in.h"
#include "tests/unit/segment/old_file.h"
#include "tests/unit/segment/segment_reader.h"
#include "tests/unit/segment/segment_stage.h"

/* An older ledger's file, with checksums of its own, sworn to. */
static void set_up_old(void)
{
  struct cf_pages *pages = NULL;

  segment_set_up_old();
  ck_assert_ok(cf_pages_sum(segment_path, NULL, NULL, &pages, NULL));
  ck_assert_ok(cf_pages_put(pages, segment_path, NULL));
  cf_pages_digest(pages, segment_meta.digest);
  segment_meta.sworn = true;
  cf_pages_free(pages);
}

static const char *sums_path(void)
{
  static char path[sizeof segment_path + 8];

  snprintf(path, sizeof path, "%s.sums", segment_path);
  return path;
}

/* ---- pages ---- */

/* Read it all with a pool of its own; each answer is right or damaged. */
static bool is_harmed(uint32_t id_step, uint32_t questions)
{
  struct reader r = {.pool = segment_pool_new(), .meta = &segment_meta};

  reader_all(&r, id_step, questions);
  cf_segment_pool_free(r.pool);
  return tally_sum(r.tally.damaged) + r.tally.unopened > 0;
}

/* A byte changed in any page, and the page's own checksum made good. */
START_TEST(test_mended_page)
{
  static uint8_t kept[PAGE], other[PAGE];
  unsigned harmed = 0;

  for (off_t page = 0; page < (off_t)segment_meta.bytes / PAGE; page++) {
    temp_get(segment_path, page * PAGE, kept, PAGE);
    memcpy(other, kept, PAGE);
    uint64_t x = fact_mix((uint64_t)page, 8);
    other[page % 2 == 0 ? PAGE - 1 - x % 2000 : 32 + x % 200] ^= (uint8_t)(1 + x % 255);
    old_file_mend(other, PAGE);
    temp_put(segment_path, page * PAGE, other, PAGE);
    harmed += is_harmed(499, 5);
    temp_put(segment_path, page * PAGE, kept, PAGE);
  }
  ck_assert_uint_gt(harmed, segment_meta.bytes / PAGE / 2);
  ck_assert(!is_harmed(499, 5));
}
END_TEST

START_TEST(test_flips)
{
  for (unsigned k = 0; k < cf_test_rounds(510); k++) {
    off_t at = (off_t)(fact_mix(k, 510) % segment_meta.bytes);
    temp_flip(segment_path, at);
    (void)is_harmed(997, 1);
    temp_flip(segment_path, at);
  }
}
END_TEST

/* What crashed the library when nothing but its checksums kept such pages from
 * it. */
START_TEST(test_crafted_pages)
{
  static const struct {
    off_t at;
    uint8_t byte;
  } places[] = {{16423, 255}, {81967, 255}, {147493, 128}, {21, 0}};
  static uint8_t page[PAGE];

  for (size_t i = 0; i < CF_COUNT(places); i++) {
    temp_get(segment_path, places[i].at / PAGE * PAGE, page, PAGE);
    page[places[i].at % PAGE] = places[i].byte;
    old_file_mend(page, PAGE);
    temp_put(segment_path, places[i].at / PAGE * PAGE, page, PAGE);
    ck_assert(is_harmed(97, 5));
  }
}
END_TEST

/* How many parts of every fifth the handle does not give. */
static unsigned refused_parts(struct cf_segment *s)
{
  static struct cf_block block;
  unsigned n = 0;

  cf_block_init(&block);
  for (uint32_t at = 0; at < RECORDS; at += 5 * CF_PART) {
    enum cf_err err = cf_segment_part(s, at, &block);
    ck_assert(err == CF_OK || err == CF_E_DAMAGED);
    n += err != CF_OK;
  }
  cf_block_fini(&block);
  return n;
}

/* A page that was changed is refused whenever it is asked for; by the same
 * handle all others are read, and it too when it is good again. Roots, and what
 * the dictionary lies on, cost all. */
START_TEST(test_a_page_costs_itself)
{
  struct cf_segment *s = NULL;
  unsigned leaves = 0, roots = 0;

  for (off_t page = 1; page < (off_t)segment_meta.bytes / PAGE; page++) {
    ck_assert_ok(cf_segment_acquire_alone(segment_pool, &segment_meta, &s));
    temp_flip(segment_path, page * PAGE + 9000);
    unsigned n = refused_parts(s);
    ck_assert_uint_eq(refused_parts(s), n);
    temp_flip(segment_path, page * PAGE + 9000);
    ck_assert_uint_eq(refused_parts(s), 0);
    cf_segment_release(segment_pool, s);
    leaves += n > 0 && n <= 12;
    roots += n > 12;
  }
  ck_assert_uint_gt(leaves, 10);
  ck_assert_uint_le(roots, 5);
}
END_TEST

/* ---- files ---- */

static void assert_refused(void)
{
  struct cf_segment *s = NULL;
  uint64_t pages, bad;

  ck_assert_err(cf_segment_acquire(segment_pool, &segment_meta, &s), CF_E_DAMAGED);
  ck_assert_err(cf_segment_pages_check(segment_directory, &segment_meta, 0, 1, &pages, &bad),
                CF_E_DAMAGED);
}

/* Build another one, and give its file, and its sums if wanted, the name of the
 * first. */
static void exchange(bool sums)
{
  struct cf_segment_meta other = segment_meta_of(2);
  char path[sizeof segment_path];

  strcpy(path, segment_path);
  segment_build(&other);
  temp_run("mv '%s' '%s'", segment_path, path);
  if (sums)
    temp_run("mv '%s.sums' '%s.sums'", segment_path, path);
  strcpy(segment_path, path);
  segment_meta.bytes = other.bytes;
}

static void attack(int which)
{
  const off_t size = (off_t)segment_meta.bytes;

  switch (which) {
  case 0: ck_assert_int_eq(truncate(segment_path, size - PAGE), 0); break;
  case 1: ck_assert_int_eq(truncate(segment_path, size + PAGE), 0); break;
  case 2: ck_assert_int_eq(truncate(segment_path, 0), 0); break;
  case 3: ck_assert_int_eq(unlink(segment_path), 0); break;
  case 4: ck_assert_int_eq(unlink(sums_path()), 0); break;
  case 5: temp_flip(sums_path(), 777); break;
  case 6: ck_assert_int_eq(truncate(sums_path(), size / PAGE * CF_HASH_N - CF_HASH_N), 0); break;
  case 7: ck_assert_int_eq(truncate(sums_path(), size / PAGE * CF_HASH_N + 1), 0); break;
  case 8: ck_assert_int_eq(truncate(sums_path(), 0), 0); break;
  case 9: ck_assert_int_eq(truncate(sums_path(), size), 0); break;
  case 10: exchange(true); break;
  case 11: temp_run("rm '%s'; mkdir '%s'", sums_path(), sums_path()); break;
  case 12: temp_run("rm '%s'; mkfifo '%s'", segment_path, segment_path); break;
  default: segment_meta.digest[31] ^= 1;
  }
}
#define ATTACKS 14

START_TEST(test_attacked_file)
{
  attack(_i);
  assert_refused();
}
END_TEST

/* Another segment's file beside the right sums: it opens with no page of it. */
START_TEST(test_exchanged_file)
{
  struct cf_segment *s = NULL;
  uint64_t bytes = segment_meta.bytes;

  exchange(false);
  ck_assert_uint_eq(segment_meta.bytes, bytes);
  ck_assert_err(cf_segment_acquire(segment_pool, &segment_meta, &s), CF_E_DAMAGED);
}
END_TEST

/* ---- looking at pages from outside ---- */

START_TEST(test_pages_check)
{
  uint64_t pages = 0, bad = 0, n = segment_meta.bytes / PAGE;

  ck_assert_ok(
      cf_segment_pages_check(segment_directory, &segment_meta, 0, UINT64_MAX, &pages, &bad));
  ck_assert_uint_eq(pages, n);
  ck_assert_uint_eq(bad, n);
  for (uint64_t page = 0; page < n; page++) {
    temp_flip(segment_path, (off_t)(page * PAGE + fact_mix(page, 1) % PAGE));
    ck_assert_ok(
        cf_segment_pages_check(segment_directory, &segment_meta, page / 2, n, &pages, &bad));
    ck_assert_uint_eq(bad, page);
    ck_assert_ok(cf_segment_pages_check(segment_directory, &segment_meta, 0, page, &pages, &bad));
    ck_assert_uint_eq(bad, n);
    ck_assert_ok(
        cf_segment_pages_check(segment_directory, &segment_meta, page + 1, 1, &pages, &bad));
    ck_assert_uint_eq(bad, n);
    temp_flip(segment_path, (off_t)(page * PAGE + fact_mix(page, 1) % PAGE));
  }
  ck_assert_ok(
      cf_segment_pages_check(segment_directory, &segment_meta, UINT64_MAX, 1, &pages, &bad));
  ck_assert_uint_eq(bad, n);
}
END_TEST

/* ---- descriptors ---- */

/* A descriptor that is too high to be watched is not used at all. */
static void open_high(void)
{
  const struct rlimit limit = {66000, 66000};
  struct cf_segment *s = NULL;

  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    _exit(3);
  for (int fd = open("/dev/null", O_RDONLY); fd >= 0 && fd < 65535;)
    fd = dup(fd);
  _exit(cf_segment_acquire(segment_pool, &segment_meta, &s) == CF_E_STORE ? 3 : 4);
}

START_TEST(test_high_descriptor)
{
  ck_assert_int_eq(cf_test_child(open_high), 3);
}
END_TEST

/* What the library writes down for itself while it verifies a file, once its
 * cache is full, is no part of that file, nor a name anywhere. */
START_TEST(test_notes)
{
  const char note[1024] = "a page of another size", *path = temp_path("notes");
  char read[sizeof note];
  struct cf_pages *pages = NULL;

  ck_assert_ok(cf_pages_sum(segment_path, NULL, NULL, &pages, NULL));
  cf_bdb_file_watch(_i == 0 ? pages : &cf_bdb_file_unsworn);
  int fd = cf_bdb_file_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  cf_bdb_file_watch(NULL);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, note, sizeof note, sizeof note), sizeof note);
  ck_assert_int_eq(cf_bdb_file_read(fd, read, sizeof read, sizeof note), sizeof read);
  ck_assert_mem_eq(read, note, sizeof note);
  ck_assert_int_eq(access(path, F_OK), -1);
  close(fd);
  cf_pages_free(pages);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "pages",
       .test = test_mended_page,
       .setup = segment_set_up,
       .teardown = segment_tear_down},
      {.tcase = "pages", .test = test_flips},
      {.tcase = "pages", .test = test_crafted_pages},
      {.tcase = "pages", .test = test_a_page_costs_itself},
      {.tcase = "pages", .test = test_attacked_file, .loops = ATTACKS},
      {.tcase = "pages", .test = test_exchanged_file},
      {.tcase = "pages", .test = test_pages_check},
      {.tcase = "pages", .test = test_high_descriptor},
      {.tcase = "pages", .test = test_notes, .loops = 2},
      {.tcase = "with checksums",
       .test = test_mended_page,
       .setup = set_up_old,
       .teardown = segment_tear_down},
      {.tcase = "with checksums", .test = test_crafted_pages},
      {.tcase = "with checksums", .test = test_a_page_costs_itself},
  };
  return cf_test_run("segment_pages", tests, CF_COUNT(tests));
}
