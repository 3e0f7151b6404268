/* SPDX-License-Identifier: MIT */
/* The log of an environment, as files: got ready, and gone. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>

#include "lib/segment/bdb_in.h"
#include "tests/unit/segment/bdb_stage.h"

/* ---- statx, which a sandbox may not let through ---- */

static bool statx_refused;

int statx(int directory, const char *name, int flags, unsigned mask, struct statx *out)
{
  int (*real)(int, const char *, int, unsigned, struct statx *);

  *(void **)&real = dlsym(RTLD_NEXT, "statx");
  if (statx_refused) {
    errno = EPERM;
    return -1;
  }
  return real(directory, name, flags, mask, out);
}

/* ---- files of the log ---- */

static char zeros[100000];

static void zeros_put(struct cf_bdb *db, uint32_t i, size_t n)
{
  uint8_t k[4];

  ck_assert_ok(cf_bdb_put(db, NULL, bdb_key(i, k), (struct cf_str){zeros, n}));
}

/* The blocks of a file that was got ready are all there before it is written
 * to. The process ends while it is the newest: its rest is zeros. */
START_TEST(test_log_got_ready)
{
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);
  struct stat st;
  struct cf_buf b;
  uint8_t k[4];

  for (uint32_t i = 0; stat(temp_path("log.0000000002"), &st) != 0; i++) {
    zeros_put(db, i, sizeof zeros);
    if (i == 50)
      cf_bdb_log_prepare(env);
  }
  ck_assert_int_ge((int64_t)st.st_blocks * 512, 16 << 20);
  ck_assert_uint_eq(st.st_nlink, 1);
  zeros_put(db, 1, 7777);
  cf_bdb_flush(env);
  ck_assert(cf_bdb_log_holds(env, true));
  temp_run("mkdir copy && cp t log.* copy");
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  temp_run("rm t log.* && mv copy/* . && rmdir copy");
  env = bdb_env_open();
  db = bdb_open(env, "t", NULL, CF_BDB_READ);
  cf_buf_init(&b, sizeof zeros);
  ck_assert_ok(cf_bdb_get(db, NULL, bdb_key(1, k), &b));
  ck_assert_uint_eq(b.n, 7777);
  cf_buf_fini(&b);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}
END_TEST

/* Some of four files of the log, each named by whoever moves it away; and the
 * same where nobody may ask by statx. */
START_TEST(test_log_that_goes)
{
  static char value[100000];
  statx_refused = _i == 1;
  struct cf_bdb_env *env = bdb_env_open();
  struct cf_bdb *db = bdb_open(env, "t", NULL, CF_BDB_CREATE);
  uint8_t k[4];

  ck_assert(cf_bdb_log_holds(env, true));
  for (uint32_t i = 0; i < 500; i++)
    ck_assert_ok(cf_bdb_put(db, NULL, bdb_key(i % 50, k), (struct cf_str){value, sizeof value}));
  cf_bdb_flush(env);
  temp_run("test -e log.0000000004");
  ck_assert(cf_bdb_log_holds(env, true));
  for (unsigned i = 1; i <= 3; i++) {
    temp_run("mv log.000000000%u away", i);
    ck_assert(!cf_bdb_log_holds(env, true));
    ck_assert(cf_bdb_log_holds(env, false));
    temp_run("mv away log.000000000%u", i);
    ck_assert(cf_bdb_log_holds(env, true));
  }
  temp_run(
      "newest=$(ls log.* | tail -n 1) && mv $newest away && echo $newest >name && cp away $newest");
  ck_assert(!cf_bdb_log_holds(env, false));
  temp_run("mv away $(cat name) && rm name");
  ck_assert(cf_bdb_log_holds(env, false));
  ck_assert_ok(cf_bdb_checkpoint(env, 0, 0));
  temp_run("test ! -e log.0000000001");
  ck_assert(cf_bdb_log_holds(env, true));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  env = bdb_env_open();
  ck_assert(cf_bdb_log_holds(env, true));
  temp_run("mv $(ls log.* | tail -n 1) away");
  ck_assert(!cf_bdb_log_holds(env, false));
  cf_bdb_env_forsake(env);
  cf_bdb_env_close(env);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "log", .test = test_log_got_ready, .setup = bdb_set_up, .teardown = bdb_tear_down},
      {.tcase = "log", .test = test_log_that_goes, .loops = 2},
  };
  return cf_test_run("bdb_log", tests, CF_COUNT(tests));
}
