/* SPDX-License-Identifier: MIT */
/* The configuration: each type's values, files that are refused and in what
 * words, where a file is found. Places that are not safe: test_conf_check.c. */
#include "config.h"

#include "lib/base/conf.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

static struct cf_fault fault;
static void open_dir(void)
{
  temp_make("conf");
  unsetenv("DOCUMENT_ROOT");
  unsetenv("COUNTERFOIL_CONF");
}

START_TEST(test_defaults)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ptr_null(conf.data);
  ck_assert_ptr_null(conf.log);
  ck_assert_str_eq(conf.public_access, "checkpoint");
  ck_assert_str_eq(conf.trust, "none");
  ck_assert_uint_eq(conf.sock_mode, 0600);
  ck_assert_uint_eq(conf.cache, 32 << 20);
  ck_assert_uint_eq(conf.threads, 32);
  ck_assert_uint_eq(conf.segment_records, 262144);
  ck_assert_int_eq(conf.checkpoint_interval_us, 1000000);
  ck_assert_int_eq(conf.dedupe_window_us, 7 * INT64_C(86400000000));
  ck_assert_int_eq(conf.idle_exit_us, 60000000);
  ck_assert_uint_eq(conf.role.n, 0);
  cf_conf_fini(&conf);
  cf_conf_fini(&conf);
}
END_TEST

static const struct {
  const char *key, *value;
  enum cf_err err;
} values[] = {
    {"data", "/srv/log", CF_OK},
    {"data", "/srv/log/", CF_OK},
    {"data", "/", CF_OK},
    {"data", "", CF_OK},
    {"data", "srv/log", CF_E_CONFIG},
    {"data", "./log", CF_E_CONFIG},
    {"data", "/srv/../etc", CF_E_CONFIG},
    {"data", "/srv/./log", CF_E_CONFIG},
    {"data", "/srv/..", CF_E_CONFIG},
    {"data", "/srv//log", CF_E_CONFIG},
    {"data", "//srv", CF_E_CONFIG},
    {"data", "/srv/..log", CF_OK},
    {"data", "/srv/\x1b[2J", CF_E_CONFIG},
    {"origin", "audit.example.org/main", CF_OK},
    {"origin", "gr\xc3\xbc\xc3\x9f", CF_OK},
    {"origin", "\xff", CF_E_CONFIG},
    {"base", "/audit", CF_OK},
    {"base", "/a/b/", CF_OK},
    {"base", "", CF_OK},
    {"base", "audit", CF_E_CONFIG},
    {"base", "/a?b", CF_E_CONFIG},
    {"base", "/a%20b", CF_E_CONFIG},
    {"base", "/a/../b", CF_E_CONFIG},
    {"base", "//a", CF_E_CONFIG},
    {"public_url", "https://audit.example.org/a/b/", CF_OK},
    {"public_url", "http://[2001:db8::1]:8443", CF_OK},
    {"public_url", "", CF_OK},
    {"public_url", "audit.example.org", CF_E_CONFIG},
    {"public_url", "https://", CF_E_CONFIG},
    {"public_url", "https:///a", CF_E_CONFIG},
    {"public_url", "ftp://audit.example.org", CF_E_CONFIG},
    {"public_url", "https://a@b", CF_E_CONFIG},
    {"public_url", "https://a/b?c", CF_E_CONFIG},
    {"public_url", "https://a/../b", CF_E_CONFIG},
    {"trust_proxy", "yes", CF_OK},
    {"trust_proxy", "1", CF_E_CONFIG},
    {"listen", "/run/counterfoil/sock", CF_OK},
    {"listen", "127.0.0.1:1", CF_OK},
    {"listen", "127.0.0.1:65535", CF_OK},
    {"listen", "", CF_OK},
    {"listen", "127.0.0.1:65536", CF_E_CONFIG},
    {"listen", "127.0.0.1:0", CF_E_CONFIG},
    {"listen", "127.0.0.1:", CF_E_CONFIG},
    {"listen", "127.0.0.1", CF_E_CONFIG},
    {"listen", "0.0.0.0:9000", CF_E_CONFIG},
    {"listen", "192.0.2.1:9000", CF_E_CONFIG},
    {"listen", ":9000", CF_E_CONFIG},
    {"listen", "localhost:9000", CF_E_CONFIG},
    {"listen", "run/sock", CF_E_CONFIG},
    {"listen", "/run/../sock", CF_E_CONFIG},
    {"public", "none", CF_OK},
    {"public", "checkpoint", CF_OK},
    {"public", "tiles", CF_OK},
    {"public", "tile", CF_E_CONFIG},
    {"public", "tiless", CF_E_CONFIG},
    {"public", "none, checkpoint", CF_E_CONFIG},
    {"public", " none", CF_E_CONFIG},
    {"public", "None", CF_E_CONFIG},
    {"public", "", CF_E_CONFIG},
    {"trust", "client_cert", CF_OK},
    {"trust", "checkpoint", CF_E_CONFIG},
    {"sock_mode", "0660", CF_OK},
    {"sock_mode", "777", CF_OK},
    {"sock_mode", "0", CF_OK},
    {"sock_mode", "1777", CF_E_CONFIG},
    {"sock_mode", "0800", CF_E_CONFIG},
    {"sock_mode", "00600", CF_E_CONFIG},
    {"sock_mode", "rw", CF_E_CONFIG},
    {"sock_mode", "", CF_E_CONFIG},
    {"cache", "0", CF_OK},
    {"cache", "1024", CF_OK},
    {"cache", "1K", CF_OK},
    {"cache", "3G", CF_OK},
    {"cache", "1048576G", CF_OK},
    {"cache", "1048577G", CF_E_CONFIG},
    {"cache", "18446744073709551616", CF_E_CONFIG},
    {"cache", "1T", CF_E_CONFIG},
    {"cache", "1KB", CF_E_CONFIG},
    {"cache", "1 M", CF_E_CONFIG},
    {"cache", "M", CF_E_CONFIG},
    {"cache", "-1", CF_E_CONFIG},
    {"cache", "1.5G", CF_E_CONFIG},
    {"cache", "", CF_E_CONFIG},
    {"threads", "1", CF_OK},
    {"threads", "4294967295", CF_OK},
    {"threads", "4294967296", CF_E_CONFIG},
    {"threads", "0", CF_E_CONFIG},
    {"threads", "1K", CF_E_CONFIG},
    {"threads", "", CF_E_CONFIG},
    {"max_skew", "24h", CF_OK},
    {"max_skew", "0", CF_E_CONFIG},
    {"max_skew", "0s", CF_E_CONFIG},
    {"max_skew", "24", CF_E_CONFIG},
    {"max_skew", "1y", CF_E_CONFIG},
    {"idle_exit", "0", CF_OK},
    {"idle_exit", "1s", CF_OK},
    {"idle_exit", "", CF_E_CONFIG},
    {"role", "remote_user:alice=auditor,reader", CF_OK},
    {"role", "", CF_E_CONFIG},
    {"", "x", CF_E_CONFIG},
    {"Data", "/srv", CF_E_CONFIG},
    {"public_access", "none", CF_E_CONFIG},
};

START_TEST(test_value)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_err(cf_conf_set(&conf, cf_str_from(values[_i].key), cf_str_from(values[_i].value),
                            &fault),
                values[_i].err);
  cf_conf_fini(&conf);
}
END_TEST

START_TEST(test_set)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), CF_STR("/srv/log//"), NULL));
  ck_assert_str_eq(conf.data, "/srv/log");
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), CF_STR("/other"), NULL));
  ck_assert_str_eq(conf.data, "/other");
  ck_assert_ok(cf_conf_set(&conf, CF_STR("data"), CF_STR(""), NULL));
  ck_assert_ptr_null(conf.data);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("cache"), CF_STR("3G"), NULL));
  ck_assert_uint_eq(conf.cache, UINT64_C(3) << 30);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("sock_mode"), CF_STR("0660"), NULL));
  ck_assert_uint_eq(conf.sock_mode, 0660);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("idle_exit"), CF_STR("0"), NULL));
  ck_assert_int_eq(conf.idle_exit_us, 0);
  ck_assert_err(cf_conf_set(&conf, CF_STR("idle_exit"), CF_STR("x"), NULL), CF_E_CONFIG);
  ck_assert_int_eq(conf.idle_exit_us, 0);
  for (int i = 0; i < CF_ROLE_LINES_MAX; i++)
    ck_assert_ok(cf_conf_set(&conf, CF_STR("role"), CF_STR("a"), NULL));
  ck_assert_err(cf_conf_set(&conf, CF_STR("role"), CF_STR("a"), &fault), CF_E_CONFIG);
  ck_assert_uint_eq(conf.role.n, CF_ROLE_LINES_MAX);
  cf_conf_fini(&conf);
}
END_TEST

static const struct {
  const char *key, *value, *detail;
} words[] = {
    {"datta", "x", "unknown option \"datta\"; did you mean \"data\"?"},
    {"chekpoint_intervall", "x",
     "unknown option \"chekpoint_intervall\"; did you mean \"checkpoint_interval\"?"},
    {"thread", "x", "unknown option \"thread\"; did you mean \"threads\"?"},
    {"max-body", "x", "unknown option \"max-body\"; did you mean \"max_body\"?"},
    {"ThisIsNothingLikeAnything", "x",
     "unknown option \"ThisIsNothingLikeAnything\": counterfoil.conf(5) has them all"},
    {"foo", "x", "unknown option \"foo\": counterfoil.conf(5) has them all"},
    {"public", "all", "\"all\" is no value of \"public\"; right is one of none, checkpoint, tiles"},
    {"tsa", "https://me:secret@tsa.example/",
     "\"@tsa.example/\" is no value of \"tsa\"; right is a URL like https://audit.example.org/audit"},
    {"trust", "yes",
     "\"yes\" is no value of \"trust\"; right is one of none, remote_user, client_cert"},
    {"cache", "1T",
     "\"1T\" is no value of \"cache\"; right is bytes, or a number with K, M or G, like 16M"},
    {"threads", "0",
     "\"0\" is no value of \"threads\"; right is a whole number from 1 to 4294967295"},
    {"listen", "0.0.0.0:80",
     "\"0.0.0.0:80\" is no value of \"listen\"; right is an absolute path, or 127.0.0.1:port"},
    {"base", "audit", "\"audit\" is no value of \"base\"; right is a URL path like /audit"},
    {"log", "x\ny", "the value of \"log\" has control characters or is no UTF-8"},
};

START_TEST(test_words)
{
  struct cf_conf conf;

  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_err(cf_conf_set(&conf, cf_str_from(words[_i].key), cf_str_from(words[_i].value),
                            &fault),
                CF_E_CONFIG);
  ck_assert_str_eq(fault.detail, words[_i].detail);
  ck_assert_str_eq(fault.at, strncmp(fault.detail, "unknown", 7) == 0 ? "" : words[_i].key);
  cf_conf_fini(&conf);
}
END_TEST

#define SIGNER_IS \
  "right is an absolute path, exec:/SOCKET, or pkcs11:token=…;object=…?module-path=/…&pin-source=/…&x-state=/DIRECTORY"

/* The text of a file ("%" stands for the directory of the test), and what is
 * said of it; NULL: it is good. */
static const struct {
  const char *text, *detail;
} files[] = {
    {"data = %/data\n", NULL},
    {"\xef\xbb\xbf"
     "data = %/data\n",
     NULL},
    {"# a comment\r\n\r\n   data=%/data  \r\n\tthreads\t=\t8\r\n  # another\r\n", NULL},
    {"data = %/data\nrole = a\nrole = b", NULL},
    {"data = %/data\norigin = a=b#c\n", NULL},
    {"data = %/data\n\ndatta = x\n", ":3: unknown option \"datta\"; did you mean \"data\"?"},
    {"data = %/data\nthreads 8\n", ":2: no \"=\" in this line; right is: key = value"},
    {"data = %/data\nthreads = 8 # workers\n",
     ":2: a comment behind a value; it needs a line of its own"},
    {"data = # nothing\n", ":1: a comment behind a value; it needs a line of its own"},
    {"threads = 8\ndata = %/data\nthreads = 8\n",
     ":3: \"threads\" was already set on line 1; remove one of them"},
    {"", ": \"data\" is missing; right is: data = /absolute/path/of/the/data/directory"},
    {"\ndata =\n",
     ":2: \"data\" is missing; right is: data = /absolute/path/of/the/data/directory"},
    {"= x\n", ":1: unknown option \"\": counterfoil.conf(5) has them all"},
    {"data = %/data\nsegment_records = 1000\n",
     ":2: \"segment_records\" is no multiple of 256 up to 16777216"},
    {"data = %/data\nsegment_records = 16777216\nthreads = 4096\n", NULL},
    {"data = %/data\nsegment_records = 16777472\n",
     ":2: \"segment_records\" is no multiple of 256 up to 16777216"},
    {"data = %/data\nthreads = 4097\n", ":2: \"threads\" is at most 4096"},
    {"data = %/data\nsigner = %/data/key\n",
     ":2: the signer's directory \"%/data/key\" must lie outside the data directory"},
    {"data = %/data\nsigner = %/data\n",
     ":2: the signer's directory \"%/data\" must lie outside the data directory"},
    {"data = %/data\nsigner = exec:%/run/sock\n", NULL},
    {"data = %/data\nsigner = exec:%/data/sock\n",
     ":2: the signer's directory \"%/data/sock\" must lie outside the data directory"},
    {"data = %/data\nsigner = exec:sock\n",
     ":2: \"exec:sock\" is no value of \"signer\"; " SIGNER_IS},
    {"data = %/data\nsigner = pkcs11:token=a;object=b?x-state=%/s\n", NULL},
    {"data = %/data\nsigner = pkcs11:token=a;object=b?x-state=%/data/s\n",
     ":2: the signer's directory \"%/data/s\" must lie outside the data directory"},
    {"data = %/data\nsigner = pkcs11:token=a;object=b\n",
     ":2: \"pkcs11:token=a;object=b\" is no value of \"signer\"; " SIGNER_IS},
    {"data = %/data\nsigner = pkcs11:token=a?x-state=/s&pin-source=/p\n",
     ":2: \"pkcs11:token=a?x-state=/s&pin-source=/p\" is no value of \"signer\"; " SIGNER_IS},
    {"data = %/data\nsigner = pkcs11:token=a?pin-value=1&x-state=/s\n",
     ":2: \"pkcs11:token=a?pin-value=1&x-state=/s\" is no value of \"signer\"; " SIGNER_IS},
    {"data = %/data\nlog = \x01\n",
     ":2: the value of \"log\" has control characters or is no UTF-8"},
};

/* text with the directory for each "%". */
static const char *expand(const char *text, char *out, size_t out_n)
{
  size_t n = 0;

  for (; *text != '\0'; text++)
    n += (size_t)snprintf(out + n, out_n - n, "%.*s", *text == '%' ? (int)strlen(temp_dir) : 1,
                          *text == '%' ? temp_dir : text);
  out[n] = '\0';
  return out;
}

START_TEST(test_file)
{
  struct cf_conf conf = {.threads = 4711};
  char text[2 * PATH_MAX], want[2 * PATH_MAX], tail[PATH_MAX];

  temp_write(temp_path("conf"), cf_str_from(expand(files[_i].text, text, sizeof text)), 0600);
  enum cf_err err = cf_conf_load(temp_path("conf"), &conf, &fault);
  if (files[_i].detail == NULL) {
    ck_assert_msg(err == CF_OK, "%s", fault.detail);
    ck_assert_str_eq(conf.file, temp_path("conf"));
    ck_assert_str_eq(conf.data, temp_path("data"));
    if (strstr(files[_i].text, "signer") == NULL)
      ck_assert_str_eq(conf.signer, temp_path("data.signer"));
    cf_conf_fini(&conf);
    return;
  }
  ck_assert_err(err, CF_E_CONFIG);
  (void)snprintf(want, sizeof want, "%s%s", temp_path("conf"),
                 expand(files[_i].detail, tail, sizeof tail));
  ck_assert_str_eq(fault.detail, want);
  ck_assert_str_eq(fault.at, "");
  ck_assert_uint_eq(conf.threads, 4711);
}
END_TEST

/* The lines of an option that may be repeated are known, for those who look
 * into its values later. */
START_TEST(test_lines)
{
  struct cf_conf conf;
  char text[2 * PATH_MAX];

  temp_write(temp_path("conf"),
             cf_str_from(expand("data = %/data\nrole = a\n\nrole = b\n", text, sizeof text)), 0600);
  ck_assert_ok(cf_conf_load(temp_path("conf"), &conf, &fault));
  ck_assert_ok(cf_conf_set(&conf, CF_STR("role"), CF_STR("c"), NULL));
  ck_assert_uint_eq(conf.role.line[0], 2);
  ck_assert_uint_eq(conf.role.line[1], 4);
  ck_assert_uint_eq(conf.role.line[2], 0);
  cf_conf_fini(&conf);
}
END_TEST

static const struct {
  mode_t mode;
  enum cf_err err;
} modes[] = {{0600, CF_OK},       {0640, CF_OK},       {0644, CF_OK},      {0400, CF_OK},
             {0620, CF_E_CONFIG}, {0602, CF_E_CONFIG}, {0666, CF_E_CONFIG}};

/* Of the file, then of the data directory. */
START_TEST(test_modes)
{
  struct cf_conf conf;
  char text[2 * PATH_MAX];

  temp_write(temp_path("conf"), cf_str_from(expand("data = %/data\n", text, sizeof text)),
             modes[_i].mode);
  enum cf_err err = cf_conf_load(temp_path("conf"), &conf, &fault);
  ck_assert_err(err, modes[_i].err);
  if (err == CF_OK)
    cf_conf_fini(&conf);
  else
    ck_assert_ptr_nonnull(strstr(fault.detail, "chmod go-w"));
  temp_run("chmod 600 '%s' && mkdir '%s'", temp_path("conf"), temp_path("data"));
  ck_assert_int_eq(chmod(temp_path("data"), modes[_i].mode | 0100), 0);
  err = cf_conf_load(temp_path("conf"), &conf, &fault);
  ck_assert_err(err, modes[_i].err);
  if (err == CF_OK)
    cf_conf_fini(&conf);
  else
    ck_assert_ptr_nonnull(strstr(fault.detail, "conf:1: others than its owner may write"));
}
END_TEST

START_TEST(test_no_file)
{
  struct cf_conf conf;
  char text[2 * PATH_MAX];

  ck_assert_err(cf_conf_load(temp_path("none"), &conf, &fault), CF_E_SYSTEM);
  ck_assert_ptr_nonnull(strstr(fault.detail, "cannot open the configuration file"));
  ck_assert_ptr_nonnull(strstr(fault.detail, "--config): No such file or directory"));
  ck_assert_err(cf_conf_load(temp_dir, &conf, &fault), CF_E_CONFIG);
  ck_assert_int_eq(mkfifo(temp_path("fifo"), 0600), 0);
  ck_assert_err(cf_conf_load(temp_path("fifo"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "fifo: not a regular file"));
  temp_run("head -c 300000 /dev/zero | tr '\\0' '#' > '%s'; chmod 600 '%s'", temp_path("big"),
           temp_path("big"));
  ck_assert_err(cf_conf_load(temp_path("big"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "larger than 256 KiB"));
  temp_write(temp_path("data"), CF_STR(""), 0600);
  temp_write(temp_path("conf"), cf_str_from(expand("data = %/data\n", text, sizeof text)), 0600);
  ck_assert_err(cf_conf_load(temp_path("conf"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "is no directory"));
  temp_write(temp_path("conf"), cf_str_from(expand("data = %/conf/data\n", text, sizeof text)),
             0600);
  ck_assert_err(cf_conf_load(temp_path("conf"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "Not a directory"));
}
END_TEST

START_TEST(test_find)
{
  struct cf_buf b;

  cf_buf_init(&b, 4 * PATH_MAX);
  ck_assert_err(cf_conf_find(NULL, temp_dir, &b, &fault), CF_E_CONFIG);
  ck_assert_uint_eq(b.n, 0);
  ck_assert_ptr_nonnull(strstr(fault.detail, "COUNTERFOIL_CONF"));
  ck_assert_ptr_nonnull(strstr(fault.detail, ".htcounterfoil.conf"));
  ck_assert_ptr_nonnull(strstr(fault.detail, temp_dir));
  temp_write(temp_path("counterfoil.conf"), CF_STR(""), 0600);
  ck_assert_ok(cf_conf_find(NULL, temp_dir, &b, &fault));
  ck_assert_str_eq(cf_buf_cstr(&b), temp_path("counterfoil.conf"));
  cf_buf_reset(&b);
  setenv("COUNTERFOIL_CONF", "/from/environment", 1);
  ck_assert_ok(cf_conf_find(NULL, temp_dir, &b, &fault));
  ck_assert_str_eq(cf_buf_cstr(&b), "/from/environment");
  cf_buf_reset(&b);
  ck_assert_ok(cf_conf_find("/given", temp_dir, &b, &fault));
  ck_assert_str_eq(cf_buf_cstr(&b), "/given");
  cf_buf_reset(&b);
  setenv("COUNTERFOIL_CONF", "", 1);
  ck_assert_ok(cf_conf_find(NULL, temp_dir, &b, &fault));
  ck_assert_str_eq(cf_buf_cstr(&b), temp_path("counterfoil.conf"));
  cf_buf_fini(&b);
}
END_TEST

/* A path, and the directory above it that looks like a document root; NULL:
 * none. */
START_TEST(test_find_www)
{
  struct cf_conf conf;
  struct cf_buf b;

  cf_buf_init(&b, PATH_MAX);
  ck_assert_ok(cf_conf_defaults(&conf));
  ck_assert_ok(cf_conf_find_www(&conf, "/installed", &b)); /* nothing is beside this test */
  ck_assert_str_eq(cf_buf_cstr(&b), "/installed");
  cf_buf_reset(&b);
  ck_assert_ok(cf_conf_set(&conf, CF_STR("www"), CF_STR("/mine"), NULL));
  ck_assert_ok(cf_conf_find_www(&conf, "/installed", &b));
  ck_assert_str_eq(cf_buf_cstr(&b), "/mine");
  cf_buf_fini(&b);
  cf_conf_fini(&conf);
}
END_TEST

/* The sample says nothing until a line is uncommented, and with all of them it
 * says the defaults. */
START_TEST(test_sample)
{
  struct cf_conf conf;
  struct cf_buf sample;
  char text[2 * PATH_MAX];

  cf_buf_init(&sample, 1 << 16);
  cf_conf_sample(&sample);
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&sample), "\n# workers\n#threads = 32\n"));
  ck_assert_ptr_nonnull(strstr(cf_buf_cstr(&sample), "\n#log =\n"));
  temp_write(temp_path("conf"), cf_buf_str(&sample), 0600);
  ck_assert_err(cf_conf_load(temp_path("conf"), &conf, &fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "\"data\" is missing"));
  temp_run(
      "sed -E -i 's/^#([a-z_]+ =)/\\1/; /^(role|trust_peers|cors_origin|witness|anchor) =$/d; s#^data =$#%s#' '%s'",
      expand("data = %/data", text, sizeof text), temp_path("conf"));
  ck_assert_msg(cf_conf_load(temp_path("conf"), &conf, &fault) == CF_OK, "%s", fault.detail);
  ck_assert_uint_eq(conf.threads, 32);
  ck_assert_str_eq(conf.public_access, "checkpoint");
  cf_conf_fini(&conf);
  cf_buf_fini(&sample);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "conf", .setup = open_dir, .teardown = temp_remove, .test = test_defaults},
      {.tcase = "conf", .test = test_value, .loops = CF_COUNT(values)},
      {.tcase = "conf", .test = test_set},
      {.tcase = "conf", .test = test_words, .loops = CF_COUNT(words)},
      {.tcase = "conf", .test = test_file, .loops = CF_COUNT(files)},
      {.tcase = "conf", .test = test_lines},
      {.tcase = "conf", .test = test_modes, .loops = CF_COUNT(modes)},
      {.tcase = "conf", .test = test_no_file},
      {.tcase = "conf", .test = test_find},
      {.tcase = "conf", .test = test_find_www},
      {.tcase = "conf", .test = test_sample},
  };
  return cf_test_run("conf", tests, CF_COUNT(tests));
}
