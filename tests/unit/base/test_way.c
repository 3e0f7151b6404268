/* SPDX-License-Identifier: MIT */
/* Ways without links. */
#include "config.h"

#include "lib/base/way.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "tests/unit/cf_test.h"

static char place[] = "/tmp/cf-way-XXXXXX";
static struct cf_fault fault;

static void at(const char *command)
{
  char text[512];

  snprintf(text, sizeof text, "cd '%s' && %s", place, command);
  ck_assert_int_eq(system(text), 0);
}

static void setup(void)
{
  memcpy(place + sizeof place - 7, "XXXXXX", 6);
  ck_assert_ptr_nonnull(mkdtemp(place));
  at("mkdir -p a/b && echo x >a/b/file && ln -s a link && ln -s file a/b/last && ln -s none a/broken");
}

static void teardown(void)
{
  at("rm -rf '../'\"$(basename \"$PWD\")\"");
}

static const struct {
  const char *path; /* below the place */
  enum cf_err err;
  const char *at; /* below it too */
} ways[] = {
    {"a/b/file", CF_OK, NULL},
    {"a//b/./file", CF_OK, NULL},
    {"a/../a/b/file", CF_OK, NULL},
    {"link/b/file", CF_E_CONFIG, "link"},
    {"a/b/last", CF_E_CONFIG, "a/b/last"},
    {"a/broken", CF_E_CONFIG, "a/broken"},
    {"a/none/file", CF_E_NOTFOUND, "a/none"},
    {"a/b/none", CF_E_NOTFOUND, "a/b/none"},
    {"a/b/file/x", CF_E_SYSTEM, "a/b/file/x"},
};

START_TEST(test_ways)
{
  char path[256], where[256];
  int fd = -1;

  snprintf(path, sizeof path, "%s/%s", place, ways[_i].path);
  enum cf_err err = cf_way_open(path, O_RDONLY, NULL, NULL, &fd, &fault);
  ck_assert_int_eq(err, ways[_i].err);
  if (err == CF_OK) {
    ck_assert_int_ge(fd, 0);
    close(fd);
    return;
  }
  ck_assert_int_eq(fd, -1);
  snprintf(where, sizeof where, "%s/%s", place, ways[_i].at);
  ck_assert_str_eq(fault.at, where);
}
END_TEST

static enum cf_err list(void *context, const char *path, const struct stat *st, struct cf_fault *f)
{
  (void)f;
  cf_buf_putf(context, "%s%s ", path, S_ISDIR(st->st_mode) ? "/" : "");
  return CF_OK;
}

START_TEST(test_each_is_judged)
{
  char want[512];
  struct cf_buf b;
  int fd;

  cf_buf_init(&b, 4096);
  at("true");
  ck_assert_int_eq(chdir(place), 0);
  ck_assert_ok(cf_way_open("a/b/file", O_RDONLY, list, &b, &fd, NULL));
  close(fd);
  ck_assert_str_eq(cf_buf_cstr(&b), "/ a/ a/b/ a/b/file ");
  cf_buf_reset(&b);
  snprintf(want, sizeof want, "// /tmp/ %s/ %s/a/ ", place, place);
  ck_assert_ok(cf_way_open(strcat(strcpy(want + 300, place), "/a"), O_RDONLY, list, &b, &fd, NULL));
  close(fd);
  ck_assert_str_eq(cf_buf_cstr(&b), want);
  cf_buf_fini(&b);
}
END_TEST

static enum cf_err refuse(void *context, const char *path, const struct stat *st,
                          struct cf_fault *f)
{
  const char *end = context;
  size_t n = strlen(path), m = strlen(end);

  (void)st;
  return n >= m && strcmp(path + n - m, end) == 0 ? cf_fail(f, CF_E_CONFLICT, path, "no") : CF_OK;
}

START_TEST(test_judge_refuses)
{
  char path[256], last[] = "/a";
  int fd = -1;

  snprintf(path, sizeof path, "%s/a/none", place);
  ck_assert_int_eq(cf_way_open(path, O_RDONLY, refuse, last, &fd, &fault), CF_E_CONFLICT);
  ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(test_root_itself)
{
  int fd;

  ck_assert_ok(cf_way_open("/", O_RDONLY | O_DIRECTORY, NULL, NULL, &fd, NULL));
  close(fd);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "way",
       .test = test_ways,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(ways)},
      {.tcase = "way", .test = test_each_is_judged, .setup = setup, .teardown = teardown},
      {.tcase = "way", .test = test_judge_refuses, .setup = setup, .teardown = teardown},
      {.tcase = "way", .test = test_root_itself},
  };
  return cf_test_run("way", tests, CF_COUNT(tests));
}
