/* SPDX-License-Identifier: MIT */
/* Whom a configuration may name, and what counts of what is kept and of what
 * stands in files: no more than is there. */
#include "config.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/ledger/kept.h"
#include "lib/witness/witness_in.h"
#include "tests/unit/ledger/ledger_stage.h"

static struct cf_witnesses *witnesses;
static struct cf_buf note;
static uint64_t size;

static void head_make(void)
{
  struct cf_fault fault;
  unsigned i = (unsigned)stage_size();
  stage_append_range(i, i + 1, 1);
  cf_buf_reset(&note);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &note, &fault));
  size = stage_size();
}

static void setup(void)
{
  stage_ledger_setup();
  cf_buf_init(&note, CF_NOTE_MAX);
  head_make();
}
static void teardown(void)
{
  cf_witnesses_close(witnesses);
  witnesses = NULL;
  cf_buf_fini(&note);
  stage_ledger_teardown();
}

static enum cf_err begin(struct cf_fault *fault)
{
  *fault = (struct cf_fault){"", ""};
  return cf_witnesses_open(&stage_conf, stage_ledger, &witnesses, fault);
}

static const char *assurance(void)
{
  uint64_t seen;
  const char *is = cf_witnesses_assurance(witnesses, cf_clock_now_us(), &seen);
  ck_assert_uint_eq(seen, strcmp(is, "signed") == 0 ? 0 : size);
  return is;
}

static void assert_assurance(const char *wanted)
{
  ck_assert_str_eq(assurance(), wanted);
}

/* ---- configuration ---- */

/* Under whatever name. */
START_TEST(own_key_refused)
{
  uint8_t key[1 + CF_PUBKEY_N] = {0x04};
  struct cf_vkey vkey;
  struct cf_buf line;
  struct cf_fault fault;
  cf_cosigner_make(CF_STR("witness.example/w"), cf_ledger_vkey(stage_ledger)->pubkey, &vkey);
  memcpy(key + 1, vkey.pubkey, CF_PUBKEY_N);
  cf_buf_init(&line, 1000);
  cf_buf_puts(&line, "http://127.0.0.1:1/ witness.example/w+");
  cf_hex_put(&line, vkey.id, sizeof vkey.id);
  cf_buf_putc(&line, '+');
  cf_base64_put(&line, key, sizeof key);
  stage_set("witness", cf_buf_cstr(&line));
  ck_assert_err(begin(&fault), CF_E_CONFIG);
  ck_assert_str_eq(fault.at, "witness");
  cf_buf_fini(&line);
}
END_TEST

/* What is wrong is said without what may be a secret in it. */
START_TEST(credentials_refused)
{
  struct cf_fault fault;
  stage_set("witness", "https://me:secret@w.example/ w.example+00000000+AAAA");
  ck_assert_err(begin(&fault), CF_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(fault.detail, "\"@w.example/ "));
  ck_assert_ptr_null(strstr(fault.detail, "secret"));
}
END_TEST

/* ---- timestamps that are none ---- */

static void authority_set(void)
{
  stage_set("tsa", "http://127.0.0.1:1/");
  stage_set("tsa_ca", "/dev/null");
}

START_TEST(stamp_forged)
{
  struct cf_stamp stamp;
  struct cf_fault fault;
  cf_stamp_init(&stamp);
  cf_buf_putstr(&stamp.note, cf_buf_str(&note));
  cf_buf_puts(&stamp.answer, "no answer of an authority");
  ck_assert_ok(cf_stamp_keep(stage_ledger, &stamp));
  cf_stamp_fini(&stamp);
  authority_set();
  ck_assert_ok(begin(&fault));
  assert_assurance("signed");
}
END_TEST

/* A row of a size that was never signed, which leads nowhere. */
START_TEST(stamp_beyond)
{
  uint8_t key[5 + 8] = "stamp", value[5] = {0, 0, 0, 1, 'x'};
  struct cf_fault fault;
  cf_u64_put(key + 5, UINT64_MAX - (uint64_t)_i);
  stage_put_meta((struct cf_str){(const char *)key, sizeof key},
                 (struct cf_str){(const char *)value, sizeof value});
  authority_set();
  ck_assert_ok(begin(&fault));
  assert_assurance("signed");
}
END_TEST

/* ---- anchors ---- */

static char path[300];

static void anchor_begin(void)
{
  char option[320];
  struct cf_fault fault;
  snprintf(path, sizeof path, "%s/list", temp_dir);
  snprintf(option, sizeof option, "file:%s", path);
  stage_set("anchor", option);
  stage_set("witness_interval", "1s");
  ck_assert_ok(begin(&fault));
}

static void assurance_wait(const char *wanted)
{
  while (strcmp(assurance(), wanted) != 0)
    usleep(10000);
}

/* Without anything new to sign. */
START_TEST(anchor_emptied)
{
  struct stat st;
  anchor_begin();
  assurance_wait("anchored");
  ck_assert_int_eq(truncate(path, 0), 0);
  while (stat(path, &st) == 0 && st.st_size == 0)
    usleep(10000);
  assert_assurance("anchored");
  temp_run("mv list gone && mkdir list");
  assurance_wait("signed");
  temp_run("rmdir list");
  assurance_wait("anchored");
}
END_TEST

int main(void)
{
#define WITNESS .tcase = "witness", .setup = setup, .teardown = teardown
  const struct cf_test tests[] = {
      {WITNESS, .test = own_key_refused}, {WITNESS, .test = credentials_refused},
      {WITNESS, .test = stamp_forged},    {WITNESS, .test = stamp_beyond, .loops = 2},
      {WITNESS, .test = anchor_emptied},
  };
  return cf_test_run("witness", tests, CF_COUNT(tests));
}
