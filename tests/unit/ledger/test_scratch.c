/* SPDX-License-Identifier: MIT */
/* A copy of a directory below TMPDIR. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/ledger/ledger_in.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

static int directory;

static void setup(void)
{
  temp_make("scratch");
  ck_assert_int_eq(setenv("TMPDIR", temp_dir, 1), 0);
  temp_run("mkdir env && head -c 4M /dev/zero >env/big && echo a >env/log");
  directory = open(temp_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(directory, 0);
}

static void teardown(void)
{
  (void)close(directory);
  temp_remove();
  ck_assert_int_eq(unsetenv("TMPDIR"), 0);
}

START_TEST(test_copied)
{
  struct cf_fault fault;
  char *path = NULL;
  ck_assert_ok(cf_scratch_make(directory, "env", &path, &fault));
  temp_run("diff -r env '%s'", path);
  cf_scratch_remove(path);
  ck_assert_int_ne(access(path, F_OK), 0);
  free(path);
}
END_TEST

static void *write_on(void *done)
{
  while (!atomic_load((atomic_bool *)done)) {
    int fd = open(temp_path("env/log"), O_WRONLY | O_APPEND | O_CLOEXEC);
    (void)!write(fd, "b", 1);
    (void)close(fd);
  }
  return NULL;
}

/* What an owner writes to meanwhile is no copy; none stays behind. */
START_TEST(test_torn)
{
  struct cf_fault fault;
  char *path = NULL;
  pthread_t writer;
  atomic_bool done = false;
  ck_assert_int_eq(pthread_create(&writer, NULL, write_on, &done), 0);
  enum cf_err err = CF_OK;
  for (int i = 0; err == CF_OK && i < 1000; i++) { /* it may not have its turn at once */
    err = cf_scratch_make(directory, "env", &path, &fault);
    if (err == CF_OK) {
      cf_scratch_remove(path);
      free(path);
    }
  }
  atomic_store(&done, true);
  (void)pthread_join(writer, NULL);
  ck_assert_err(err, CF_E_LOCKED);
  temp_run("! ls | grep -q counterfoil-evidence");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "scratch", .test = test_copied, .setup = setup, .teardown = teardown},
      {.tcase = "scratch", .test = test_torn},
  };
  return cf_test_run("scratch", tests, CF_COUNT(tests));
}
