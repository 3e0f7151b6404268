/* SPDX-License-Identifier: MIT */
/* Root's way to a ledger. Only root can see it: for others there is a test of
 * that alone. */
#include "config.h"

#include "fcgi-app/door/privilege.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"

#define OTHER "4321"

static char place[] = "/tmp/cf-privilege-XXXXXX";
static struct cf_conf conf;
static struct cf_fault fault;

static int at(const char *command)
{
  char text[512];

  snprintf(text, sizeof text, "cd '%s' && %s", place, command);
  return system(text);
}

static void set(const char *key, const char *below)
{
  char path[256];

  snprintf(path, sizeof path, "%s/%s", place, below);
  ck_assert_ok(cf_conf_set(&conf, cf_str_from(key), cf_str_from(path), NULL));
}

static void setup(void)
{
  memcpy(place + sizeof place - 7, "XXXXXX", 6);
  ck_assert_ptr_nonnull(mkdtemp(place));
  ck_assert_ok(cf_conf_defaults(&conf));
  set("data", "way/data");
  set("signer", "key");
}

static void teardown(void)
{
  cf_conf_fini(&conf);
  ck_assert_int_eq(at("rm -rf '../'\"$(basename \"$PWD\")\""), 0);
}

START_TEST(test_not_root)
{
  ck_assert_ok(cf_privilege_drop(&conf, &fault));
  ck_assert_int_eq(cf_privilege_prepare(&conf, "root", &fault), CF_E_ROLE);
}
END_TEST

/* Ways to way/data, and where they are refused (NULL: root's own, which is
 * taken). */
static const struct {
  const char *make, *at;
  enum cf_err err;
} ways[] = {
    {"mkdir -m 755 -p way/data", NULL, CF_OK},
    {"mkdir -p way/data key && chmod 1777 way", NULL, CF_OK},
    {"mkdir -p way/data && chown " OTHER " way", "way", CF_E_CONFIG},
    {"mkdir -p way/data && chmod 775 way", "way", CF_E_CONFIG},
    {"mkdir -p way/data && chmod 1777 way && chown " OTHER " way", "way", CF_E_CONFIG},
    {"mkdir -p real/data && ln -s real way", "way", CF_E_CONFIG},
    {"mkdir -p way real && ln -s ../real way/data", "way/data", CF_E_CONFIG},
    {"mkdir -p way/data && chmod 777 way/data", "way/data", CF_E_CONFIG},
    {"mkdir way", "way/data", CF_E_NOTFOUND},
    {"mkdir -p way/data/env key && chown " OTHER " key", "way/data", CF_E_CONFLICT},
    {"mkdir -p way/data real && ln -s real key", "key", CF_E_CONFIG},
};

START_TEST(test_ways)
{
  char where[256];

  ck_assert_int_eq(at(ways[_i].make), 0);
  ck_assert_int_eq(cf_privilege_drop(&conf, &fault), ways[_i].err);
  ck_assert_uint_eq(geteuid(), 0);
  if (ways[_i].at == NULL)
    return;
  snprintf(where, sizeof where, "%s/%s", place, ways[_i].at);
  ck_assert_str_eq(fault.at, where);
}
END_TEST

/* What `init` may not do, and that it leaves nothing behind. */
static const struct {
  const char *make, *user;
  enum cf_err err;
} inits[] = {
    {"mkdir way && chown " OTHER " way", NULL, CF_E_CONFIG},
    {"mkdir way && chown " OTHER " way", "root", CF_E_CONFIG},
    {"mkdir real && ln -s real way", NULL, CF_E_CONFIG},
    {"mkdir way && ln -s /etc way/data", "root", CF_E_CONFIG},
    {"mkdir -m 777 way && chmod 777 way", NULL, CF_E_CONFIG},
    {"mkdir -p way/data && chown " OTHER " way/data", "root", CF_E_CONFIG},
    {"true", NULL, CF_E_NOTFOUND},
    {"mkdir way", "no-such-user-here", CF_E_PARAMETER},
};

START_TEST(test_init_refused)
{
  ck_assert_int_eq(at(inits[_i].make), 0);
  ck_assert_int_eq(cf_privilege_prepare(&conf, inits[_i].user, &fault), inits[_i].err);
  ck_assert_int_ne(at("test -e key"), 0);
  ck_assert_uint_eq(geteuid(), 0);
}
END_TEST

/* Two owners of one ledger: said as that, with the chown that mends it. */
static const struct {
  const char *make, *chown;
} owners[] = {
    {"mkdir -p way/data/env key && chown " OTHER " key", "/way/data"},
    {"mkdir -p way/data/env key && chown " OTHER " way/data", "/key, if"},
};

START_TEST(test_owners)
{
  char words[256];

  ck_assert_int_eq(at(owners[_i].make), 0);
  ck_assert_int_eq(cf_privilege_drop(&conf, &fault), CF_E_CONFLICT);
  snprintf(words, sizeof words, "chown -R " OTHER " %s%s", place, owners[_i].chown);
  ck_assert_msg(strstr(fault.detail, words) != NULL, "%s", fault.detail);
  ck_assert_ptr_nonnull(strstr(fault.detail, "root"));
}
END_TEST

/* The place where a disk is to be mounted does not say whose the ledger is;
 * what goes on is made by root, and theirs. */
START_TEST(test_goes_on)
{
  struct cf_conf next;
  char data[256];

  ck_assert_int_eq(at("mkdir -p way/data key && chown " OTHER ":" OTHER " key"), 0);
  ck_assert_ok(cf_conf_defaults(&next));
  snprintf(data, sizeof data, "%s/next", place);
  ck_assert_ok(cf_conf_set(&next, CF_STR("data"), cf_str_from(data), NULL));
  ck_assert_ok(cf_conf_check(&next, NULL));
  pid_t child = fork();
  if (child == 0)
    _exit(cf_privilege_continue(&conf, &next, &fault) == CF_OK && geteuid() == 4321 ? 0 : 1);
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(at("test \"$(stat -c '%u %a' next next.signer | uniq)\" = '" OTHER " 700'"), 0);
  cf_conf_fini(&next);
}
END_TEST

/* What root put into a ledger of somebody else's, and where that is told (NULL:
 * it does not matter), or that nothing of it is the ledger's. */
static const struct {
  const char *make, *at, *chown;
} put_back[] = {
    {"touch way/data/env/tokens", "way/data/env/tokens", "way/data"},
    {"install -m 600 /dev/null way/data/segments/1", "way/data/segments/1", "way/data"},
    {"install -m 600 /dev/null way/data/segments/aside/1", "way/data/segments/aside/1", "way/data"},
    {"rm -r way/data/segments && mkdir -m 700 way/data/segments", "way/data/segments", "way/data"},
    {"install -m 600 /dev/null way/data/lock", "way/data/lock", "way/data"},
    {"install -m 600 /dev/null key/state", "key/state", "key"},
    {"install -m 600 /dev/null key/anchor-1", "key/anchor-1", "key"},
    {"install -m 644 /dev/null key/anchor-1", NULL, NULL},
    {"install -m 644 /dev/null way/data/segments/1", NULL, NULL},
    {"mkdir -m 700 way/data/lost+found", NULL, NULL},
    {"install -m 600 /dev/null key/key && chown root key && chmod 755 key", "key", NULL},
    {"chown -R root way/data key", "way/data", NULL},
    {"touch way/data/env/meta && chown " OTHER " way/data/env/meta && chmod 0 way/data/env/meta",
     "way/data/env/meta", NULL},
};

/* As whom the ledger belongs to; gives the exit status. */
static int explained(size_t i)
{
  char where[256], words[256];

  if (setresgid(4321, 4321, 4321) != 0 || setresuid(4321, 4321, 4321) != 0)
    return 2;
  fault = (struct cf_fault){"", ""};
  cf_privilege_explain(&conf, CF_E_SYSTEM, &fault);
  if (put_back[i].at == NULL)
    return fault.at[0] != '\0';
  snprintf(where, sizeof where, "%s/%s", place, put_back[i].at);
  if (put_back[i].chown == NULL)
    return strcmp(fault.at, where) != 0 || strstr(fault.detail, ": ch") == NULL;
  snprintf(words, sizeof words,
           "this belongs to root, and what is in there has to belong to uid " OTHER
           ": chown -R " OTHER " %s/%s",
           place, put_back[i].chown);
  return strcmp(fault.at, where) != 0 || strcmp(fault.detail, words) != 0;
}

START_TEST(test_put_back)
{
  int status = -1;

  ck_assert_int_eq(at("chmod 711 . && mkdir -p way/data/env way/data/segments/aside key && chown "
                      "-R " OTHER " way/data key"),
                   0);
  ck_assert_int_eq(at(put_back[_i].make), 0);
  pid_t child = fork();
  if (child == 0)
    _exit(explained((size_t)_i));
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_init_makes)
{
  ck_assert_int_eq(at("mkdir way"), 0);
  ck_assert_ok(cf_privilege_prepare(&conf, NULL, &fault));
  ck_assert_int_eq(at("test \"$(stat -c '%u %a' way/data key | uniq)\" = '0 700'"), 0);
  ck_assert_ok(cf_privilege_prepare(&conf, "root", &fault));
}
END_TEST

int main(void)
{
  const struct cf_test others[] = {
      {.tcase = "user", .test = test_not_root, .setup = setup, .teardown = teardown},
  };
  const struct cf_test tests[] = {
      {.tcase = "root",
       .test = test_ways,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(ways)},
      {.tcase = "root",
       .test = test_init_refused,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(inits)},
      {.tcase = "root",
       .test = test_owners,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(owners)},
      {.tcase = "root",
       .test = test_put_back,
       .setup = setup,
       .teardown = teardown,
       .loops = CF_COUNT(put_back)},
      {.tcase = "root", .test = test_goes_on, .setup = setup, .teardown = teardown},
      {.tcase = "root", .test = test_init_makes, .setup = setup, .teardown = teardown},
  };
  return geteuid() == 0 ? cf_test_run("privilege", tests, CF_COUNT(tests))
                        : cf_test_run("privilege", others, CF_COUNT(others));
}
