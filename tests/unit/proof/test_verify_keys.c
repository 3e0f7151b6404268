/* SPDX-License-Identifier: MIT */
/* The verifier: checkpoints by the key of their size, and `key` records against
 * the keys that it was given. */
#include "config.h"

#include <string.h>

#include "tests/unit/proof/verify_script.h"

#define KEYS 3

static uint8_t seed[KEYS][CF_SEED_N];
static struct cf_vkey vkey[KEYS];

/* Key 0 is the one that the ledger is planned with. */
static void keys_make(void)
{
  for (size_t i = 0; i < KEYS; i++) {
    uint8_t pubkey[CF_PUBKEY_N];
    memset(seed[i], 7 + (int)i, CF_SEED_N);
    ck_assert_ok(cf_ed25519_public(seed[i], pubkey));
    cf_vkey_make(CF_STR(VL_ORIGIN), pubkey, &vkey[i]);
  }
}

static struct cf_buf note_of(uint64_t seq, size_t fresh)
{
  struct cf_buf text, note;
  cf_buf_init(&text, CF_KEY_NOTE_MAX);
  cf_buf_init(&note, CF_KEY_NOTE_MAX);
  cf_key_note_put(seq, &vkey[fresh - 1], &vkey[fresh], &text);
  cf_buf_putstr(&note, cf_buf_str(&text));
  cf_buf_putc(&note, '\n');
  for (size_t i = fresh - 1; i <= fresh; i++)
    ck_assert_ok(cf_note_sign(cf_buf_str(&text), &vkey[i], seed[i], &note));
  cf_buf_fini(&text);
  return note;
}

/* The text of a `key` record. */
static void KEY(size_t seq, uint64_t told, size_t fresh)
{
  char text[720];
  struct cf_buf note = note_of(told, fresh), b;
  size_t n;
  cf_buf_init(&b, 600);
  for (size_t i = 0; i < note.n; i++)
    if (note.p[i] == '\n')
      cf_buf_puts(&b, "\\n");
    else
      cf_buf_putc(&b, (char)note.p[i]);
  n = (size_t)snprintf(text, sizeof text, "\"body\":{\"key\":\"");
  struct cf_buf key;
  cf_buf_fixed(&key, text + n, sizeof text - n);
  cf_vkey_put(&vkey[fresh], &key);
  cf_buf_putf(&key, "\",\"note\":\"%s\"}", cf_buf_cstr(&b));
  ck_assert_ok(key.err);
  KIND(seq, CF_K_KEY, (cf_buf_cstr(&key), text));
  cf_buf_fini(&b);
  cf_buf_fini(&note);
}

static void KNOWN(uint64_t seq, size_t fresh)
{
  struct cf_buf note = note_of(seq, fresh);
  if (fresh == 1)
    ck_assert_ok(cf_keys_begin(&K, &vkey[0]));
  ck_assert_ok(cf_keys_add(&K, cf_buf_str(&note), NULL));
  cf_buf_fini(&note);
}

static void SIGN_BY(size_t key)
{
  memcpy(L.seed, seed[key], CF_SEED_N);
}
static void SIGN_HEAD(size_t key)
{
  SIGN_BY(key);
  vl_sign(&L, L.n, VL_ORIGIN, L.head);
}
static void SIGN_KEPT(size_t size, size_t key)
{
  SIGN_BY(key);
  CHECKPOINT(size);
}

/* 700 records, another key above 300 and above 511. */
static void ROTATED(void)
{
  keys_make();
  PLAN(700);
  KEY(300, 300, 1);
  KEY(511, 511, 2);
  SEAL();
  KNOWN(300, 1);
  KNOWN(511, 2);
  SIGN_HEAD(2);
}

START_TEST(by_size)
{
  ROTATED();
  SIGN_KEPT(300, 0);
  SIGN_KEPT(301, 1);
  SIGN_KEPT(511, 1);
  SIGN_KEPT(512, 2);
  SIGN_BY(2);
  FULL();
  EXPECT_OK();
  ck_assert_uint_eq(R->checkpoints, 4);
  PARTS();
  EXPECT_OK();
  job.budget_us = 0;
  job.carry = NULL;
  QUICK();
  EXPECT_OK();
  RANGE(256, 512);
  EXPECT_OK();
}
END_TEST

/* What the time of a key does not cover: a head, and kept ones. */
static const struct {
  size_t size, key;
} wrong[] = {{301, 0}, {300, 1}, {512, 0}, {512, 1}, {511, 2}, {1, 1}};

START_TEST(out_of_time)
{
  ROTATED();
  SIGN_KEPT(wrong[_i].size, wrong[_i].key);
  FULL();
  EXPECT(CHECKPOINT_SIGNATURE, NOWHERE);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(head_by_old)
{
  ROTATED();
  SIGN_HEAD((size_t)_i);
  QUICK();
  EXPECT(CHECKPOINT_SIGNATURE, NOWHERE);
}
END_TEST

/* A key nobody told of. */
START_TEST(head_unknown)
{
  ROTATED();
  KNOWN(300, 1); /* and no more */
  QUICK();
  EXPECT(KEY_UNKNOWN, NOWHERE);
}
END_TEST

/* The chain tells of a key that nobody gave. */
START_TEST(record_unknown)
{
  ROTATED();
  KNOWN(300, 1);
  SIGN_HEAD(1);
  FULL();
  EXPECT(KEY_UNKNOWN, 511);
  EXPECT_COUNT(1);
}
END_TEST

/* A key that was given, and no record tells of it. */
START_TEST(record_missing)
{
  keys_make();
  PLAN(700);
  KEY(300, 300, 1);
  SEAL();
  KNOWN(300, 1);
  KNOWN(511, 2);
  SIGN_HEAD(2);
  FULL();
  EXPECT(KEY_UNKNOWN, 511);
  EXPECT_COUNT(1);
  LOSE(511);
  FULL();
  EXPECT_NOT(KEY_UNKNOWN);
  EXPECT(STORE_DAMAGED, 511);
}
END_TEST

/* Its note is of another seq, or of another key. */
START_TEST(record_other)
{
  keys_make();
  PLAN(700);
  KEY(300, _i == 0 ? 299 : 300, _i == 0 ? 1 : 2);
  SEAL();
  KNOWN(300, 1);
  SIGN_HEAD(1);
  FULL();
  EXPECT(KEY_UNKNOWN, 300);
  EXPECT_COUNT(1);
}
END_TEST

START_TEST(genesis_other)
{
  keys_make();
  LEDGER(5);
  L.vkey = vkey[1];
  SIGN_HEAD(1);
  FULL();
  EXPECT(KEY_UNKNOWN, 0);
}
END_TEST

int main(void)
{
#define ON .setup = script_begin, .teardown = script_end, .tcase = "keys"
  const struct cf_test tests[] = {
      {ON, .test = by_size},
      {ON, .test = out_of_time, .loops = CF_COUNT(wrong)},
      {ON, .test = head_by_old, .loops = 2},
      {ON, .test = head_unknown},
      {ON, .test = record_unknown},
      {ON, .test = record_missing},
      {ON, .test = record_other, .loops = 2},
      {ON, .test = genesis_other},
  };
  return cf_test_run("verify_keys", tests, CF_COUNT(tests));
}
