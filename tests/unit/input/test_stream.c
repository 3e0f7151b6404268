/* SPDX-License-Identifier: MIT */
/* Text out of packed files: whole, in several archives, broken, cut at each
 * byte, and what is no text. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/input/packing.h"
#include "lib/input/stream.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

static const char *const packers[] = {"cat", "gzip -c", "zstd -qc", "xz -c", "bzip2 -c"};
static const char *const names[] = {"plain", "gzip", "zstd", "xz", "bzip2"};
#define PACKED_N CF_COUNT(packers)

static struct cf_buf text;
static char packing[16];

static void setup(void)
{
  temp_make("stream");
  cf_buf_init(&text, 1U << 26);
}

static void teardown(void)
{
  cf_buf_fini(&text);
  temp_remove();
}

/* All of a file into text, so many bytes at a time; what it ends with. */
static enum cf_err file_take(const char *file, bool any, size_t step)
{
  struct cf_stream *stream;
  char part[70000];
  size_t n = 1;
  int fd = open(temp_path(file), O_RDONLY);
  ck_assert_int_ge(fd, 0);
  cf_buf_reset(&text);
  ck_assert_ok(cf_stream_new(any, &stream));
  enum cf_err err = CF_OK;
  while (n > 0 && (err = cf_stream_read(stream, fd, part, step, &n)) == CF_OK)
    cf_buf_put(&text, part, n);
  snprintf(packing, sizeof packing, "%s", cf_stream_packing(stream));
  cf_stream_free(stream);
  close(fd);
  return err;
}

static void ck_text(const char *file)
{
  struct cf_buf want;
  int fd = open(temp_path(file), O_RDONLY);
  cf_buf_init(&want, 1U << 26);
  ck_assert_ok(cf_file_read_all(fd, &want));
  close(fd);
  ck_assert_uint_eq(text.n, want.n);
  ck_assert(cf_str_eq(cf_buf_str(&text), cf_buf_str(&want)));
  cf_buf_fini(&want);
}

START_TEST(test_whole)
{
  temp_run("seq 1 60000 >text; %s <text >packed", packers[_i]);
  ck_assert_ok(file_take("packed", false, 65536));
  ck_assert_str_eq(packing, names[_i]);
  ck_text("text");
  ck_assert_ok(file_take("packed", false, 777));
  ck_text("text");
}
END_TEST

START_TEST(test_empty)
{
  temp_run(": >text; %s <text >packed", packers[_i]);
  ck_assert_ok(file_take("packed", false, 100));
  ck_assert_uint_eq(text.n, 0);
}
END_TEST

/* What `cat a.gz b.gz` makes. */
START_TEST(test_several)
{
  temp_run("seq 1 20000 >a; : >b; echo last >c; cat a b c >text; for f in a b c; do %s <$f; done "
           ">packed",
           packers[_i]);
  ck_assert_ok(file_take("packed", false, 4096));
  ck_text("text");
}
END_TEST

/* What a tape, or xz's own format, fills up with; and what pzstd puts in
 * front. */
START_TEST(test_filled_up)
{
  temp_run("seq 1 20000 >a; cat a a >text; (%s <a; head -c 70000 /dev/zero; %s <a; "
           "head -c 8 /dev/zero) >packed",
           packers[_i + 1], packers[_i + 1]);
  ck_assert_ok(file_take("packed", false, 4096));
  ck_text("text");
  temp_run("(printf '\\120\\52\\115\\30\\4\\0\\0\\0size'; zstd -qc <text) >packed");
  ck_assert_ok(file_take("packed", false, 4096));
  ck_text("text");
}
END_TEST

/* Cut anywhere, it never passes for whole; what is given is the text's
 * begin. */
START_TEST(test_cut)
{
  temp_run("seq 1 3000 >text; %s <text >packed", packers[_i + 1]);
  ck_assert_ok(file_take("packed", false, 65536));
  struct cf_str whole = {cf_str_dup(cf_buf_str(&text)), text.n};
  int fd = open(temp_path("packed"), O_RDONLY);
  off_t size = lseek(fd, 0, SEEK_END);
  close(fd);
  for (off_t at = size - 1; at >= CF_PACKING_LOOK; at -= 1 + size / 31) {
    ck_assert_int_eq(truncate(temp_path("packed"), at), 0);
    ck_assert_err(file_take("packed", true, 65536), CF_E_SYNTAX);
    ck_assert(cf_str_starts(whole, cf_buf_str(&text)));
  }
  free((char *)(uintptr_t)whole.p);
}
END_TEST

/* All that was before the damage is given. */
START_TEST(test_damaged)
{
  temp_run("seq 1 400000 >text; %s <text >packed; echo garbage >>packed", packers[_i + 1]);
  ck_assert_err(file_take("packed", false, 65536), CF_E_SYNTAX);
  ck_text("text");
  temp_run(
      "%s <text >packed; size=$(stat -c %%s packed); printf XXXXXXXXXXXXXXXX | dd of=packed bs=1 "
      "seek=$((size * 3 / 4)) conv=notrunc status=none",
      packers[_i + 1]);
  ck_assert_err(file_take("packed", false, 65536), CF_E_SYNTAX);
  if (_i < 3) /* bzip2's blocks are larger than the file */
    ck_assert_uint_gt(text.n, 100000);
}
END_TEST

/* 16 MiB out of 16 KiB or less stream like any other text. */
START_TEST(test_bomb)
{
  struct cf_stream *stream;
  char part[65536];
  uint64_t sum = 0;
  size_t n = 1;
  temp_run("head -c 16777216 /dev/zero | %s >packed", packers[_i + 1]);
  int fd = open(temp_path("packed"), O_RDONLY);
  ck_assert_ok(cf_stream_new(false, &stream));
  while (n > 0) {
    ck_assert_ok(cf_stream_read(stream, fd, part, sizeof part, &n));
    sum += n;
  }
  ck_assert_uint_eq(sum, 16777216);
  cf_stream_free(stream);
  close(fd);
}
END_TEST

/* A window larger than what is allowed. */
START_TEST(test_window)
{
  temp_run("seq 1 100000 | zstd -qc --long=30 --zstd=wlog=30 >packed");
  ck_assert_err(file_take("packed", false, 4096), CF_E_FULL);
  temp_run("seq 1 100000 | zstd -qc --ultra -22 --long=27 >packed; seq 1 100000 >text");
  ck_assert_ok(file_take("packed", false, 4096));
  ck_text("text");
  temp_run("xz -9e <text >packed");
  ck_assert_ok(file_take("packed", false, 4096));
}
END_TEST

static const struct {
  const char *text; /* of printf(1) */
  bool binary;
} kinds[] = {
    {"\\177ELF\\2\\1\\1\\0\\0", true},
    {"SQLite format 3\\0", true},
    {"a line\\nb\\0c\\n", true},
    {"\\0a\\0b", true},
    {"", false},
    {"a line\\n\\351 \\033[31m\\n", false},
    /* holes that copytruncate leaves */
    {"\\0\\0\\0\\0\\0a line\\n", false},
    {"a line\\n\\0\\0\\0another\\n", false},
    {"\\0\\0\\0", false},
};

START_TEST(test_binary)
{
  for (size_t i = 0; i < PACKED_N; i++) {
    temp_run("printf '%s' >text; %s <text >packed", kinds[_i].text, packers[i]);
    enum cf_err err = file_take("packed", false, 4096);
    ck_assert_err(err, kinds[_i].binary ? CF_E_CONFIG : CF_OK);
    ck_assert(!kinds[_i].binary || text.n == 0);
    ck_assert_ok(file_take("packed", true, 4096));
    ck_text("text");
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "packed",
       .test = test_whole,
       .setup = setup,
       .teardown = teardown,
       .loops = PACKED_N},
      {.tcase = "packed", .test = test_empty, .loops = PACKED_N},
      {.tcase = "packed", .test = test_filled_up, .loops = PACKED_N - 1},
      {.tcase = "packed", .test = test_several, .loops = PACKED_N},
      {.tcase = "packed", .test = test_cut, .loops = PACKED_N - 1},
      {.tcase = "packed", .test = test_damaged, .loops = PACKED_N - 1},
      {.tcase = "packed", .test = test_bomb, .loops = PACKED_N - 1},
      {.tcase = "packed", .test = test_window},
      {.tcase = "text",
       .test = test_binary,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(kinds)},
  };
  return cf_test_run("stream", tests, CF_COUNT(tests));
}
