/* SPDX-License-Identifier: MIT */
/* The log's keys by size: the note of tests/vectors/ledger-v1.json, forwards
 * and backwards; what is no note, is forged, or leads from nowhere; which key
 * signs which size. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/keys.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define ORIGIN CF_STR("audit.example.org/keys")
#define KEYS   5

static struct cf_vkey vkey[KEYS];
static uint8_t seed[KEYS][CF_SEED_N];
static struct cf_keys keys;
static struct cf_buf note;

static void begin(void)
{
  for (size_t i = 0; i < KEYS; i++) {
    uint8_t pubkey[CF_PUBKEY_N];
    memset(seed[i], (int)i + 1, CF_SEED_N);
    ck_assert_ok(cf_ed25519_public(seed[i], pubkey));
    cf_vkey_make(ORIGIN, pubkey, &vkey[i]);
  }
  cf_keys_init(&keys);
  cf_buf_init(&note, CF_NOTE_MAX);
}

static void end(void)
{
  cf_keys_fini(&keys);
  cf_buf_fini(&note);
}

#define BY(i) (1u << (i))
/* A note that leads at seq from one key to another, signed by some. */
static struct cf_str note_of(uint64_t seq, size_t old, size_t fresh, unsigned by)
{
  struct cf_buf text;
  cf_buf_init(&text, CF_NOTE_MAX);
  cf_buf_reset(&note);
  cf_key_note_put(seq, &vkey[old], &vkey[fresh], &text);
  cf_buf_putstr(&note, cf_buf_str(&text));
  cf_buf_putc(&note, '\n');
  for (size_t i = 0; i < KEYS; i++)
    if (by >> i & 1)
      ck_assert_ok(cf_note_sign(cf_buf_str(&text), &vkey[i], seed[i], &note));
  cf_buf_fini(&text);
  return cf_buf_str(&note);
}

static enum cf_err add(uint64_t seq, size_t old, size_t fresh)
{
  return cf_keys_add(&keys, note_of(seq, old, fresh, BY(old) | BY(fresh)), NULL);
}

static bool is_at(uint64_t size, size_t i)
{
  return memcmp(cf_keys_at(&keys, size), &vkey[i], sizeof vkey[i]) == 0;
}

/* 0 from the start, 1 above seq 10, 2 above 11, 3 above 500. */
static void expect_four(void)
{
  static const struct {
    uint64_t size;
    size_t key;
  } at[] = {{0, 0}, {10, 0}, {11, 1}, {12, 2}, {500, 2}, {501, 3}, {UINT64_MAX, 3}};
  ck_assert_uint_eq(keys.n, 4);
  for (size_t i = 0; i < CF_COUNT(at); i++)
    ck_assert_msg(is_at(at[i].size, at[i].key), "size %llu", (unsigned long long)at[i].size);
  ck_assert(cf_keys_present(&keys) == &keys.v[3].vkey);
  for (size_t i = 0; i < 4; i++)
    ck_assert(keys.v[i].until == (i < 3 ? keys.v[i + 1].from : UINT64_MAX) &&
              (keys.v[i].note == NULL) == (i == 0));
  ck_assert(cf_keys_of(&keys, 10) == &keys.v[1] && cf_keys_of(&keys, 500) == &keys.v[3]);
  ck_assert(cf_keys_of(&keys, 12) == NULL && cf_keys_of(&keys, UINT64_MAX) == NULL);
}

START_TEST(forwards)
{
  struct cf_keys copy;
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert(is_at(0, 0) && is_at(UINT64_MAX, 0));
  ck_assert_ok(add(10, 0, 1));
  ck_assert_ok(add(11, 1, 2));
  ck_assert_ok(add(500, 2, 3));
  expect_four();
  ck_assert_ok(add(11, 1, 2)); /* again */
  expect_four();
  ck_assert_ok(cf_keys_copy(&keys, &copy));
  cf_keys_fini(&keys);
  keys = copy;
  expect_four();
}
END_TEST

/* As GET /v1/keys has them. */
START_TEST(as_json)
{
  struct cf_json *doc = NULL;
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert_ok(add(10, 0, 1));
  ck_assert_ok(add(11, 1, 2));
  cf_buf_reset(&note);
  cf_keys_put(&keys, &note);
  ck_assert_ok(cf_json_parse(cf_buf_str(&note), 4, &doc, NULL));
  static const char *const from[] = {"12", "11", "0"}, *const until[] = {"", "12", "11"};
  ck_assert_uint_eq(cf_json_count(doc), 3);
  for (size_t i = 0; i < 3; i++) {
    const struct cf_json *key = cf_json_element(doc, i);
    struct cf_vkey read;
    ck_assert_ok(cf_vkey_parse(cf_json_string(cf_json_member(key, "vkey")), &read));
    ck_assert(cf_vkey_same(&read, &vkey[2 - i]));
    ck_assert(cf_str_is(cf_json_number(cf_json_member(key, "from")), from[i]));
    ck_assert(cf_str_is(cf_json_number(cf_json_member(key, "until")), until[i]));
  }
  cf_json_free(doc);
}
END_TEST

START_TEST(backwards)
{
  ck_assert_ok(cf_keys_begin(&keys, &vkey[3]));
  ck_assert_ok(add(500, 2, 3));
  ck_assert_ok(add(11, 1, 2));
  ck_assert_ok(add(10, 0, 1));
  expect_four();
}
END_TEST

/* Whichever key is kept. */
START_TEST(all_at_once)
{
  static const struct {
    uint64_t seq;
    size_t old;
  } of[] = {{10, 0}, {11, 1}, {500, 2}};
  struct cf_buf text[3];
  struct cf_str notes[3];
  for (size_t i = 0; i < 3; i++) {
    cf_buf_init(&text[i], CF_NOTE_MAX);
    cf_buf_putstr(&text[i],
                  note_of(of[i].seq, of[i].old, of[i].old + 1, BY(of[i].old) | BY(of[i].old + 1)));
    notes[i] = cf_buf_str(&text[i]);
  }
  ck_assert_ok(cf_keys_begin(&keys, &vkey[_i]));
  if (_i < 4) {
    ck_assert_ok(cf_keys_add_all(&keys, notes, 3, NULL));
    expect_four();
  } else {
    ck_assert_err(cf_keys_add_all(&keys, notes, 3, NULL), CF_E_SIGNATURE);
  }
  for (size_t i = 0; i < 3; i++)
    cf_buf_fini(&text[i]);
}
END_TEST

/* Who signed what, and what comes of it behind key 0 and before key 1. */
static const struct {
  size_t old, fresh;
  unsigned by;
  enum cf_err behind, lost, before;
} signers[] = {
    {0, 1, BY(0) | BY(1), CF_OK, CF_OK, CF_OK},
    {0, 1, BY(0) | BY(1) | BY(2), CF_OK, CF_OK, CF_OK},
    {0, 1, BY(1), CF_E_SIGNATURE, CF_OK, CF_OK}, /* the old key was lost */
    {0, 1, BY(0), CF_E_SIGNATURE, CF_E_SIGNATURE, CF_E_SIGNATURE},
    {0, 1, BY(2), CF_E_SIGNATURE, CF_E_SIGNATURE, CF_E_SIGNATURE},
    {2, 1, BY(2) | BY(1), CF_E_SIGNATURE, CF_E_SIGNATURE, CF_OK}, /* another one before */
    {2, 3, BY(2) | BY(3), CF_E_SIGNATURE, CF_E_SIGNATURE, CF_E_SIGNATURE},
    {0, 0, BY(0), CF_E_SYNTAX, CF_E_SYNTAX, CF_E_SYNTAX},
};

START_TEST(signed_by)
{
  struct cf_str text = note_of(10, signers[_i].old, signers[_i].fresh, signers[_i].by);
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert_err(cf_keys_add(&keys, text, NULL), signers[_i].behind);
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert_err(cf_keys_add_lost(&keys, text, NULL), signers[_i].lost);
  ck_assert(keys.n == 1 || keys.v[1].lost == (signers[_i].behind != CF_OK));
  ck_assert_ok(cf_keys_begin(&keys, &vkey[1]));
  ck_assert_err(cf_keys_add(&keys, text, NULL), signers[_i].before);
}
END_TEST

START_TEST(out_of_order)
{
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert_ok(add(10, 0, 1));
  ck_assert_err(add(10, 1, 2), CF_E_SIGNATURE); /* not above the one before */
  ck_assert_err(add(9, 1, 2), CF_E_SIGNATURE);
  ck_assert_err(add(20, 1, 0), CF_E_SIGNATURE); /* back to an old one */
  ck_assert_err(add(11, 0, 1), CF_E_SIGNATURE); /* another seq */
  ck_assert_err(add(20, 2, 0), CF_E_SIGNATURE); /* what is before the first is known */
  ck_assert_err(add(0, 1, 2), CF_E_SYNTAX);
  ck_assert_ok(cf_keys_begin(&keys, &vkey[2]));
  ck_assert_ok(add(10, 1, 2));
  ck_assert_err(add(10, 0, 1), CF_E_SIGNATURE);
  ck_assert_ok(add(9, 0, 1));
}
END_TEST

/* Any bit of it changed, any end of it gone: both signatures are over all of
 * the text. */
START_TEST(note_changed)
{
  char bad[2048];
  struct cf_key_note read;
  struct cf_str good = note_of(10, 0, 1, BY(0) | BY(1));
  ck_assert_ok(cf_key_note_read(good, &read));
  ck_assert(read.seq == 10 && !read.lost);
  for (size_t i = 0; i < good.n; i++)
    for (int bit = 0; bit < 8; bit++) {
      memcpy(bad, good.p, good.n);
      bad[i] = (char)(bad[i] ^ 1 << bit);
      enum cf_err err = cf_key_note_read((struct cf_str){bad, good.n}, &read);
      ck_assert_msg(err != CF_OK || read.lost, "byte %zu, bit %d", i, bit);
      ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
      ck_assert_int_ne(cf_keys_add(&keys, (struct cf_str){bad, good.n}, NULL), CF_OK);
    }
  for (size_t n = 0; n < good.n; n++)
    ck_assert(cf_key_note_read((struct cf_str){good.p, n}, &read) != CF_OK || read.lost);
}
END_TEST

static struct cf_str checkpoint_of(uint64_t size, unsigned by)
{
  struct cf_checkpoint checkpoint = {.size = size};
  struct cf_buf text;
  cf_buf_init(&text, CF_NOTE_MAX);
  memcpy(checkpoint.origin, ORIGIN.p, ORIGIN.n);
  cf_checkpoint_put(&checkpoint, &text);
  cf_buf_reset(&note);
  cf_buf_putstr(&note, cf_buf_str(&text));
  cf_buf_putc(&note, '\n');
  for (size_t i = 0; i < KEYS; i++)
    if (by >> i & 1)
      ck_assert_ok(cf_note_sign(cf_buf_str(&text), &vkey[i], seed[i], &note));
  cf_buf_fini(&text);
  return cf_buf_str(&note);
}

static const struct {
  uint64_t size;
  unsigned by;
  enum cf_err err;
  bool named;
} checkpoints[] = {
    {10, BY(0), CF_OK, true},           {10, BY(1), CF_E_SIGNATURE, true}, /* not yet */
    {11, BY(1), CF_OK, true},           {11, BY(0), CF_E_SIGNATURE, true}, /* its time is over, */
    {11, BY(0) | BY(1), CF_OK, true},                                      /* but it may co-sign */
    {11, BY(2), CF_E_SIGNATURE, false},                                    /* nobody's */
};

START_TEST(checkpoint_by_size)
{
  struct cf_checkpoint got = {.size = 0};
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  ck_assert_ok(add(10, 0, 1));
  struct cf_str text = checkpoint_of(checkpoints[_i].size, checkpoints[_i].by);
  ck_assert_err(cf_keys_checkpoint(&keys, text, &got), checkpoints[_i].err);
  ck_assert_uint_eq(got.size, checkpoints[_i].err == CF_OK ? checkpoints[_i].size : 0);
  ck_assert(cf_keys_named(&keys, text) == checkpoints[_i].named);
}
END_TEST

START_TEST(vector)
{
  size_t n;
  struct cf_json *file = NULL, *record = NULL;
  struct cf_vkey old, fresh;
  const char *text = cf_test_vectors("ledger-v1.json", &n);
  ck_assert_ok(cf_json_parse((struct cf_str){text, n}, 16, &file, NULL));
  const struct cf_json *records = cf_json_member(file, "records");
  ck_assert_ok(cf_json_parse(cf_json_string(cf_json_member(cf_json_element(records, 12), "leaf")),
                             8, &record, NULL));
  ck_assert_ok(cf_vkey_parse(cf_json_string(cf_json_member(file, "vkey")), &old));
  ck_assert_ok(cf_vkey_parse(cf_json_string(cf_json_member(file, "vkey2")), &fresh));
  struct cf_str signed_note =
      cf_json_string(cf_json_member(cf_json_member(record, "body"), "note"));
  for (int back = 0; back < 2; back++) {
    ck_assert_ok(cf_keys_begin(&keys, back ? &fresh : &old));
    ck_assert_ok(cf_keys_add(&keys, signed_note, NULL));
    ck_assert(memcmp(cf_keys_at(&keys, 12), &old, sizeof old) == 0);
    ck_assert(memcmp(cf_keys_at(&keys, 13), &fresh, sizeof fresh) == 0);
  }
  struct cf_str want = cf_json_string(cf_json_member(file, "key_note_text"));
  cf_key_note_put(12, &old, &fresh, &note);
  ck_assert_bytes(note.p, note.n, want.p, want.n);
  cf_json_free(record);
  cf_json_free(file);
}
END_TEST

START_TEST(too_many)
{
  ck_assert_ok(cf_keys_begin(&keys, &vkey[0]));
  for (size_t i = 1; i < CF_KEYS_MAX; i++) {
    uint8_t pubkey[CF_PUBKEY_N];
    size_t a = (i - 1) % 2, b = i % 2;
    memset(seed[b], 0, CF_SEED_N);
    memcpy(seed[b], &i, sizeof i);
    ck_assert_ok(cf_ed25519_public(seed[b], pubkey));
    cf_vkey_make(ORIGIN, pubkey, &vkey[b]);
    ck_assert_ok(add(10 * i, a, b));
  }
  ck_assert_err(add(1000000, (CF_KEYS_MAX - 1) % 2, 2), CF_E_FULL);
  ck_assert_uint_eq(keys.n, CF_KEYS_MAX);
}
END_TEST

int main(void)
{
#define IN(name, fn) \
  { \
    .tcase = name, .test = fn, .setup = begin, .teardown = end \
  }
#define EACH(name, fn, of) \
  { \
    .tcase = name, .test = fn, .setup = begin, .teardown = end, .loops = CF_COUNT(of) \
  }
  const struct cf_test tests[] = {
      IN("forwards", forwards),
      IN("json", as_json),
      IN("backwards", backwards),
      {.tcase = "all", .test = all_at_once, .setup = begin, .teardown = end, .loops = KEYS},
      EACH("signed", signed_by, signers),
      IN("order", out_of_order),
      IN("changed", note_changed),
      EACH("checkpoint", checkpoint_by_size, checkpoints),
      IN("vector", vector),
      IN("many", too_many),
  };
  return cf_test_run("keys", tests, CF_COUNT(tests));
}
