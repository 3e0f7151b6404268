/* SPDX-License-Identifier: MIT */
/* Lines out of a file: offsets, long ones, and holes in front of them. */
#include "config.h"

#include "lib/input/lines.h"
#include "tests/unit/cf_test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOLE 300000

/* Reads a file, `piece` bytes longer before each read, and writes its lines as
 * text@offset+nuls, with ~ where one is cut. */
static const char *lines_of(const char *text, size_t n, size_t piece)
{
  static char got[4096];
  struct cf_lines lines;
  struct cf_line line;
  size_t given = 0, read_n = 1, at = 0;
  uint64_t next = 0;
  int fd = memfd_create("lines", MFD_CLOEXEC);
  got[0] = '\0';
  cf_lines_init(&lines, 0);
  while (read_n > 0 || given < n) {
    size_t more = piece < n - given ? piece : n - given;
    ck_assert_int_eq(pwrite(fd, text + given, more, (off_t)given), (ssize_t)more);
    given += more;
    ck_assert_ok(cf_lines_read(&lines, fd, &read_n));
    while (cf_lines_take(&lines, given == n && read_n == 0, &line)) {
      ck_assert_uint_eq(line.offset, next);
      next = line.next;
      at += (size_t)snprintf(got + at, sizeof got - at, "%.*s@%ju+%ju%s ",
                             (int)(line.text.n < 20 ? line.text.n : 20), line.text.p,
                             (uintmax_t)line.offset, (uintmax_t)line.nuls, line.cut ? "~" : "");
    }
  }
  ck_assert_uint_eq(next, n);
  ck_assert_uint_eq(cf_lines_read_to(&lines), n);
  cf_lines_fini(&lines);
  close(fd);
  return got;
}

static const struct {
  const char *text;
  size_t n;
  const char *lines;
} rows[] = {
    {"", 0, ""},
    {"a\nb\r\n\nc", 7, "a@0+0 b@2+0 @5+0 c@6+0 "},
    {"\0a\n\0\0b\0c\n", 9, "a@0+1 b@3+2 "},
    {"\0\0\n\0", 4, "@0+2 @3+1 "},
    {"\0\r\n", 3, "@0+1 "},
};

START_TEST(test_lines_and_their_places)
{
  for (size_t piece = 1; piece <= rows[_i].n + 1; piece++)
    ck_assert_str_eq(lines_of(rows[_i].text, rows[_i].n, piece), rows[_i].lines);
}
END_TEST

/* What a writer leaves that goes on at its old place in a log that was
 * truncated. */
START_TEST(test_a_hole_before_a_line_is_passed_over)
{
  char *text = calloc(1, HOLE + 32);
  memcpy(text + HOLE, "GET /\nnext\n", 11);
  ck_assert_str_eq(lines_of(text, HOLE + 11, 65536), "GET /@0+300000 next@300006+0 ");
  ck_assert_str_eq(lines_of(text, HOLE + 11, 1U << 20), "GET /@0+300000 next@300006+0 ");
  ck_assert_str_eq(lines_of(text, HOLE, 1U << 20), "@0+300000 ");
  free(text);
}
END_TEST

START_TEST(test_a_long_line_behind_a_hole_is_cut)
{
  size_t n = 2 * (size_t)CF_LINE_MAX;
  char *text = calloc(1, HOLE + n + 2);
  memset(text + HOLE, 'x', n);
  text[HOLE + n] = '\n';
  ck_assert_str_eq(lines_of(text, HOLE + n + 1, 50000), "xxxxxxxxxxxxxxxxxxxx@0+300000~ ");
  free(text);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "lines", .test = test_lines_and_their_places, .loops = CF_COUNT(rows)},
      {.tcase = "holes", .test = test_a_hole_before_a_line_is_passed_over},
      {.tcase = "holes", .test = test_a_long_line_behind_a_hole_is_cut},
  };
  return cf_test_run("lines", tests, CF_COUNT(tests));
}
