/* SPDX-License-Identifier: MIT */
/* Places of the configuration that are not safe, origins that are none, and
 * what looks as if a web server sent it. */
#include "config.h"

#include "lib/base/conf.h"

#include <limits.h>
#include <sys/vfs.h>

#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

static struct cf_fault fault;
static long fs_type;

/* In the C library's place, so that a test can say on what file system the data
 * is. */
int statfs(const char *path, struct statfs *fs)
{
  ck_assert_int_eq(path[0], '/');
  memset(fs, 0, sizeof *fs);
  fs->f_type = fs_type;
  return 0;
}

static void open_dir(void)
{
  temp_make("conf_check");
  unsetenv("DOCUMENT_ROOT");
  fs_type = 0xef53;
}

/* The document root, data, signer ("": default), each below the test's
 * directory; what exists is "www", "www/there", "link" to it. */
static const struct {
  const char *root, *data, *signer;
  const char *at; /* the option that is refused; NULL: none */
} roots[] = {
    {"www", "data", "", NULL},
    {"www", "www/data", "", "data"},
    {"www", "www", "", "data"},
    {"www", "www/there/deep/data", "", "data"},
    {"www", "link/data", "", "data"},
    {"link", "www/data", "", "data"},
    {"www", "wwwdata", "", NULL},
    {"www", "data", "www/key", "signer"},
    {"www", "data", "link/key", "signer"},
    {"none", "none/data", "", NULL},
    {"", "data", "", "data"},
};

START_TEST(test_root)
{
  struct cf_conf conf;

  temp_run("mkdir -p '%s' && ln -s www '%s'", temp_path("www/there"), temp_path("link"));
  setenv("DOCUMENT_ROOT", temp_path(roots[_i].root), 1);
  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), cf_str_from(temp_path(roots[_i].data)), NULL));
  if (roots[_i].signer[0] != '\0')
    ck_assert_ok(
        cf_conf_set(&conf, CF_STR("signer"), cf_str_from(temp_path(roots[_i].signer)), NULL));
  enum cf_err err = cf_conf_check(&conf, &fault);
  ck_assert_err(err, roots[_i].at == NULL ? CF_OK : CF_E_CONFIG);
  if (roots[_i].at != NULL)
    ck_assert_str_eq(fault.at, roots[_i].at);
  cf_conf_fini(&conf);
}
END_TEST

/* The file itself: only one that Apache does not serve may be there. */
START_TEST(test_root_file)
{
  struct cf_conf conf;
  struct cf_buf lines;

  cf_buf_init(&lines, 2 * PATH_MAX);
  cf_buf_putf(&lines, "data = %s/data\n", temp_dir);
  temp_run("mkdir '%s'", temp_path("www"));
  setenv("DOCUMENT_ROOT", temp_path("www"), 1);
  temp_write(temp_path("www/conf"), cf_buf_str(&lines), 0600);
  ck_assert_err(cf_conf_load(temp_path("www/conf"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "under the document root"));
  temp_write(temp_path("www/.htcounterfoil.conf"), cf_buf_str(&lines), 0600);
  ck_assert_ok(cf_conf_load(temp_path("www/.htcounterfoil.conf"), &conf, &fault));
  ck_assert_err(cf_conf_check_root(&conf, temp_dir, &fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, "data");
  ck_assert_ok(cf_conf_check_root(&conf, NULL, &fault));
  cf_conf_fini(&conf);
  cf_buf_fini(&lines);
}
END_TEST

static const struct {
  long type;
  const char *name; /* NULL: a local one */
} systems[] = {
    {0xef53, NULL},       {0x58465342, NULL},
    {0x9123683e, NULL},   {0x01021994, NULL},
    {0x794c7630, NULL},   {0x2fc12fc1, NULL},
    {0x6969, "NFS"},      {0x517b, "SMB"},
    {0xff534d42, "CIFS"}, {(int32_t)0xff534d42, "CIFS"},
    {0xfe534d42, "SMB"},  {0x65735546, "FUSE"},
    {0x5346414f, "AFS"},  {0x01021997, "9P"},
    {0x00c36400, "Ceph"},
};

START_TEST(test_network)
{
  struct cf_conf conf;

  fs_type = systems[_i].type;
  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), cf_str_from(temp_path("not/yet/there")), NULL));
  ck_assert_err(cf_conf_check(&conf, &fault), systems[_i].name == NULL ? CF_OK : CF_E_CONFIG);
  if (systems[_i].name != NULL) {
    ck_assert_str_eq(fault.at, "data");
    ck_assert_ptr_nonnull(strstr(fault.detail, systems[_i].name));
  }
  cf_conf_fini(&conf);
}
END_TEST

/* A data directory that is the root would hold the signer, and every file of
 * the machine. */
START_TEST(test_data_is_root)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), CF_STR("/"), NULL));
  ck_assert_err(cf_conf_check(&conf, &fault), CF_E_CONFIG);
  cf_conf_fini(&conf);
}
END_TEST

static const struct {
  const char *origin;
  bool good;
} origins[] = {
    {"https://dashboard.example.org", true},
    {"http://localhost:3000", true},
    {"http://[::1]:8080", true},
    {"*", false},
    {"https://*.example.org", false},
    {"null", false},
    {"dashboard.example.org", false},
    {"https://", false},
    {"https://dashboard.example.org/", false},
    {"https://Dashboard.example.org", false},
    {"https://a.example.org, https://b.example.org", false},
    {"ftp://dashboard.example.org", false},
};

START_TEST(test_origins)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), cf_str_from(temp_path("data")), &fault));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("cors_origin"), cf_str_from(origins[_i].origin), &fault));
  ck_assert_err(cf_conf_check(&conf, &fault), origins[_i].good ? CF_OK : CF_E_CONFIG);
  if (!origins[_i].good)
    ck_assert_str_eq(fault.at, "cors_origin");
  cf_conf_fini(&conf);
}
END_TEST

static const struct {
  const char *path, *root;
} served[] = {
    {"home/data", NULL},
    {"home/public_html", "home/public_html"},
    {"home/public_html/a/b", "home/public_html"},
    {"srv/www/data", "srv/www"},
    {"site/under/data", "site"},
    {"home/public_html.old/data", NULL},
};

START_TEST(test_looks_served)
{
  char root[PATH_MAX];

  temp_run("mkdir -p site && touch site/.htaccess");
  for (size_t i = 0; i < CF_COUNT(served); i++) {
    temp_run("mkdir -p %s", served[i].path);
    bool looks = cf_conf_looks_served(temp_path(served[i].path), root);
    ck_assert_msg(looks == (served[i].root != NULL), "row %zu", i);
    if (looks)
      ck_assert_str_eq(root, temp_path(served[i].root));
  }
  ck_assert(!cf_conf_looks_served(temp_path("not/there"), root));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "conf_check",
       .setup = open_dir,
       .teardown = temp_remove,
       .test = test_root,
       .loops = CF_COUNT(roots)},
      {.tcase = "conf_check", .test = test_root_file},
      {.tcase = "conf_check", .test = test_network, .loops = CF_COUNT(systems)},
      {.tcase = "conf_check", .test = test_data_is_root},
      {.tcase = "conf_check", .test = test_origins, .loops = CF_COUNT(origins)},
      {.tcase = "conf_check", .test = test_looks_served},
  };
  return cf_test_run("conf_check", tests, CF_COUNT(tests));
}
