/* SPDX-License-Identifier: MIT */
/* Notes, keys, checkpoints, receipts and tiles: byte for byte what
 * tests/vectors/ledger-v1.json has; and what C2SP signed-note forbids is
 * refused. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/note.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define RECORDS 20

static struct cf_json *file, *key_record;
static uint8_t leaf[RECORDS][CF_HASH_N];
static struct cf_vkey vkey, vkey2;
static uint8_t seed[CF_SEED_N], seed2[CF_SEED_N];
static struct cf_buf out;

static struct cf_str string(const char *name)
{
  return cf_json_string(cf_json_member(file, name));
}
static struct cf_str slice(const uint8_t *hash)
{
  return (struct cf_str){(const void *)hash, CF_HASH_N};
}
#define ck_assert_str_is(got, want) \
  do { \
    struct cf_str g_ = (got), w_ = (want); \
    ck_assert_bytes(g_.p, g_.n, w_.p, w_.n); \
  } while (0)

static void vectors_open(void)
{
  size_t n;
  const char *text = cf_test_vectors("ledger-v1.json", &n);
  ck_assert_ok(cf_json_parse((struct cf_str){text, n}, 16, &file, NULL));
  const struct cf_json *records = cf_json_member(file, "records");
  ck_assert_uint_eq(cf_json_count(records), RECORDS);
  for (size_t i = 0; i < RECORDS; i++)
    ck_assert_ok(
        cf_base64_get_n(cf_json_string(cf_json_member(cf_json_element(records, i), "leaf_hash")),
                        leaf[i], CF_HASH_N));
  ck_assert_ok(cf_json_parse(cf_json_string(cf_json_member(cf_json_element(records, 12), "leaf")),
                             8, &key_record, NULL));
  ck_assert_ok(cf_vkey_parse(string("vkey"), &vkey));
  ck_assert_ok(cf_vkey_parse(string("vkey2"), &vkey2));
  ck_assert_ok(cf_hex_get_n(string("ed25519_seed_hex"), seed, sizeof seed));
  ck_assert_ok(cf_hex_get_n(string("ed25519_seed2_hex"), seed2, sizeof seed2));
  cf_buf_init(&out, 2 * CF_NOTE_MAX);
}

static void vectors_close(void)
{
  cf_json_free(key_record);
  cf_json_free(file);
  cf_buf_fini(&out);
}

static enum cf_err leaves_get(void *context, unsigned level, uint64_t first, size_t n,
                              uint8_t *hashes)
{
  (void)context;
  ck_assert(level == 0 && first + n <= RECORDS);
  memcpy(hashes, leaf[first], n * CF_HASH_N);
  return CF_OK;
}
static const struct cf_hashes hashes = {.get = leaves_get};

/* ---- keys ---- */

START_TEST(vkey_made)
{
  uint8_t pubkey[CF_PUBKEY_N];
  struct cf_vkey made;
  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  cf_vkey_make(string("origin"), pubkey, &made);
  cf_vkey_put(&made, &out);
  ck_assert_str_is(cf_buf_str(&out), string("vkey"));
  ck_assert_bytes(&made, sizeof made, &vkey, sizeof vkey);
}
END_TEST

/* No other text is a key: not one with another byte, not one that is longer or
 * shorter. */
START_TEST(vkey_strict)
{
  struct cf_vkey got;
  struct cf_str good = string("vkey");
  char bad[200];
  for (size_t i = 0; i < good.n; i++)
    for (int change = 0; change < 2; change++) {
      memcpy(bad, good.p, good.n);
      bad[i] ^= change ? 0x20 : 1;
      ck_assert_err(cf_vkey_parse((struct cf_str){bad, good.n}, &got), CF_E_SYNTAX);
    }
  for (size_t n = 0; n < good.n; n++)
    ck_assert_err(cf_vkey_parse((struct cf_str){good.p, n}, &got), CF_E_SYNTAX);
  snprintf(bad, sizeof bad, "%.*s\n", (int)good.n, good.p);
  ck_assert_err(cf_vkey_parse(cf_str_from(bad), &got), CF_E_SYNTAX);
}
END_TEST

START_TEST(origins)
{
  char longest[257];
  memset(longest, 'a', sizeof longest);
  ck_assert(cf_origin_ok((struct cf_str){longest, 255}));
  ck_assert(!cf_origin_ok((struct cf_str){longest, 256}));
  ck_assert(cf_origin_ok(CF_STR("a")) && cf_origin_ok(CF_STR("!~")));
  ck_assert(!cf_origin_ok(CF_STR("")) && !cf_origin_ok(CF_STR("a b")) &&
            !cf_origin_ok(CF_STR("a+b")) && !cf_origin_ok(CF_STR("a\tb")));
  ck_assert(!cf_origin_ok(CF_STR("a\x7f")) && !cf_origin_ok(CF_STR("\xc3\xa4")) &&
            !cf_origin_ok((struct cf_str){"a\0b", 3}));
}
END_TEST

/* ---- checkpoints and roots ---- */

START_TEST(roots)
{
  struct cf_edge edge;
  cf_edge_init(&edge);
  for (size_t n = 0; n <= RECORDS; n++) {
    char name[8];
    uint8_t want[CF_HASH_N], got[CF_HASH_N];
    snprintf(name, sizeof name, "%zu", n);
    ck_assert_ok(
        cf_base64_get_n(cf_json_string(cf_json_member(cf_json_member(file, "roots"), name)), want,
                        sizeof want));
    cf_edge_root(&edge, got);
    ck_assert_bytes(got, sizeof got, want, sizeof want);
    if (n < RECORDS)
      cf_edge_append(&edge, leaf[n]);
  }
}
END_TEST

START_TEST(checkpoint_made)
{
  struct cf_checkpoint checkpoint = {.size = 5};
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", vkey.name);
  ck_assert_ok(cf_tree_root(&hashes, 5, checkpoint.root));
  struct cf_buf body;
  cf_buf_init(&body, 1000);
  cf_checkpoint_put(&checkpoint, &body);
  cf_buf_putstr(&out, cf_buf_str(&body));
  cf_buf_putc(&out, '\n');
  ck_assert_ok(cf_note_sign(cf_buf_str(&body), &vkey, seed, &out));
  ck_assert_str_is(cf_buf_str(&out), string("checkpoint_5"));
  cf_buf_fini(&body);
}
END_TEST

START_TEST(checkpoint_read)
{
  struct cf_str body;
  struct cf_checkpoint checkpoint;
  uint8_t root[CF_HASH_N];
  ck_assert_ok(cf_note_check(string("checkpoint_5"), &vkey, &body));
  ck_assert_ok(cf_checkpoint_parse(body, &checkpoint));
  ck_assert_str_eq(checkpoint.origin, vkey.name);
  ck_assert_uint_eq(checkpoint.size, 5);
  ck_assert_ok(cf_tree_root(&hashes, 5, root));
  ck_assert_bytes(checkpoint.root, CF_HASH_N, root, CF_HASH_N);
  ck_assert_err(cf_note_check(string("checkpoint_5"), &vkey2, &body), CF_E_SIGNATURE);
  ck_assert(cf_note_names(string("checkpoint_5"), &vkey) &&
            !cf_note_names(string("checkpoint_5"), &vkey2));
}
END_TEST

#define ROOT "3o/cPoJKUqm0N7CVtW6PehVixMOtiCUkRPDikJTbDok=\n"
static const char *const bad_checkpoints[] = {
    "",
    "a\n5\n",
    "a\n5\n" ROOT "\n",
    "a\n5\n" ROOT "x\n",
    "\n5\n" ROOT,
    "a b\n5\n" ROOT,
    "a+b\n5\n" ROOT,
    "a\n05\n" ROOT,
    "a\n+5\n" ROOT,
    "a\n-5\n" ROOT,
    "a\n\n" ROOT,
    "a\n5 \n" ROOT,
    "a\n18446744073709551616\n" ROOT,
    "a\n5\n3o/cPoJKUqm0N7CVtW6PehVixMOtiCUkRPDikJTbDok=",
    "a\n5\n3o/cPoJKUqm0N7CVtW6PehVixMOtiCUkRPDikJTbDok\n",
    "a\n5\nAAAA\n",
    "a\r\n5\r\n" ROOT,
    "a\n5\n3o/cPoJKUqm0N7CVtW6PehVixMOtiCUkRPDikJTbDol=\n", /* unused bits that are not zero */
};

START_TEST(checkpoint_bad)
{
  struct cf_checkpoint got = {.size = 77};
  ck_assert_err(cf_checkpoint_parse(cf_str_from(bad_checkpoints[_i]), &got), CF_E_SYNTAX);
  ck_assert_uint_eq(got.size, 77);
}
END_TEST

START_TEST(checkpoint_good)
{
  struct cf_checkpoint got;
  ck_assert_ok(cf_checkpoint_parse(CF_STR("a\n0\n" ROOT), &got));
  ck_assert_ok(cf_checkpoint_parse(CF_STR("a\n18446744073709551615\n" ROOT), &got));
  ck_assert_uint_eq(got.size, UINT64_MAX);
}
END_TEST

START_TEST(consistency_of_vectors)
{
  const struct cf_json *want = cf_json_member(file, "consistency_3_5");
  struct cf_proof proof;
  ck_assert_ok(cf_tree_consistency(&hashes, 3, 5, &proof));
  ck_assert_uint_eq(proof.n, cf_json_count(want));
  for (size_t i = 0; i < proof.n; i++) {
    cf_buf_reset(&out);
    cf_base64_put(&out, proof.hash[i], CF_HASH_N);
    ck_assert_str_is(cf_buf_str(&out), cf_json_string(cf_json_element(want, i)));
  }
}
END_TEST

/* ---- notes ---- */

static struct cf_str key_note(void)
{
  return cf_json_string(cf_json_member(cf_json_member(key_record, "body"), "note"));
}

START_TEST(key_note_made)
{
  struct cf_str body = string("key_note_text");
  cf_buf_putstr(&out, body);
  cf_buf_putc(&out, '\n');
  ck_assert_ok(cf_note_sign(body, &vkey, seed, &out));
  ck_assert_ok(cf_note_sign(body, &vkey2, seed2, &out));
  ck_assert_str_is(cf_buf_str(&out), key_note());
}
END_TEST

START_TEST(key_note_read)
{
  struct cf_str body;
  ck_assert_ok(cf_note_check(key_note(), &vkey, &body));
  ck_assert_str_is(body, string("key_note_text"));
  ck_assert_ok(cf_note_check(key_note(), &vkey2, &body));
}
END_TEST

/* Change any byte, and it is no longer signed. */
START_TEST(note_changed)
{
  struct cf_str good = string("checkpoint_5"), body;
  char bad[400];
  for (size_t i = 0; i < good.n; i++)
    for (int bit = 0; bit < 8; bit++) {
      memcpy(bad, good.p, good.n);
      bad[i] = (char)(bad[i] ^ 1 << bit);
      enum cf_err err = cf_note_check((struct cf_str){bad, good.n}, &vkey, &body);
      ck_assert_msg(err == CF_E_SYNTAX || err == CF_E_SIGNATURE, "byte %zu, bit %d: %s", i, bit,
                    cf_err_word(err));
    }
  for (size_t n = 0; n < good.n; n++)
    ck_assert_int_ne(cf_note_check((struct cf_str){good.p, n}, &vkey, &body), CF_OK);
}
END_TEST

#define SIG "\xe2\x80\x94 other AAAAAAAA\n"
static const struct {
  const char *note;
  enum cf_err err;
} notes[] = {
    {"text\n\n" SIG, CF_OK},
    {"text\n\n" SIG SIG, CF_OK},
    {"a\n\nb\n\n" SIG, CF_OK}, /* split at the last empty line */
    {"\n\n" SIG, CF_OK},       /* a text that is an empty line */
    {"text\n\n\xe2\x80\x94 \xc3\xa4 AAAAAAAA\n", CF_OK},
    {"text\n\n\xe2\x80\x94 a/b.c:1 AAAAAAAAAAAA\n", CF_OK},
    {"tab\x7f\n\n" SIG, CF_OK}, /* only what is below U+0020 is forbidden */
    {"", CF_E_SYNTAX},
    {"\n", CF_E_SYNTAX},
    {"\n\n", CF_E_SYNTAX},
    {"text\n", CF_E_SYNTAX},
    {"text\n\n", CF_E_SYNTAX},
    {"text\n" SIG, CF_E_SYNTAX},
    {"\n" SIG, CF_E_SYNTAX},
    {"text\n\n" SIG "\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other AAAAAAAA", CF_E_SYNTAX}, /* no LF at its end */
    {"text\n\n" SIG "more\n", CF_E_SYNTAX},
    {"text\n\nmore\n" SIG, CF_E_SYNTAX},
    {"text\r\n\n" SIG, CF_E_SYNTAX},
    {"te\txt\n\n" SIG, CF_E_SYNTAX},
    {"text\xff\n\n" SIG, CF_E_SYNTAX},
    {"text\xed\xa0\x80\n\n" SIG, CF_E_SYNTAX},
    {"text\n\n- other AAAAAAAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x93 other AAAAAAAA\n", CF_E_SYNTAX}, /* U+2013 */
    {"text\n\n\xe2\x80\x94other AAAAAAAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94  AAAAAAAA\n", CF_E_SYNTAX}, /* no name */
    {"text\n\n\xe2\x80\x94 other\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other \n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other  AAAAAAAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other AAAAAAAA \n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other AAAAAA==\n", CF_E_SYNTAX}, /* a key id and nothing behind it */
    {"text\n\n\xe2\x80\x94 other AAAAAAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 other AAAA-AAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 ot+er AAAAAAAA\n", CF_E_SYNTAX},
    {"text\n\n\xe2\x80\x94 ot\xc2\xa0"
     "er AAAAAAAA\n",
     CF_E_SYNTAX}, /* U+00A0 */
    {"text\n\n\xe2\x80\x94 ot\xe2\x80\xa8"
     "er AAAAAAAA\n",
     CF_E_SYNTAX}, /* U+2028 */
    {"text\n\n\xe2\x80\x94 ot\xe3\x80\x80"
     "er AAAAAAAA\n",
     CF_E_SYNTAX}, /* U+3000 */
};

START_TEST(note_split)
{
  struct cf_str note = cf_str_from(notes[_i].note), body, signatures;
  ck_assert_err(cf_note_split(note, &body, &signatures), notes[_i].err);
  if (notes[_i].err != CF_OK)
    return;
  ck_assert_ptr_eq(body.p, note.p);
  ck_assert_uint_eq(body.n + 1 + signatures.n, note.n);
  ck_assert(body.p[body.n - 1] == '\n' && cf_str_starts(signatures, CF_STR("\xe2\x80\x94 ")));
  ck_assert_err(cf_note_check(note, &vkey, &body), CF_E_SIGNATURE);
}
END_TEST

/* A note of ours, among n other signatures. */
static struct cf_str note_with(size_t others, bool ours, const char *more)
{
  struct cf_str body = CF_STR("text\n");
  cf_buf_reset(&out);
  cf_buf_puts(&out, "text\n\n");
  for (size_t i = 0; i < others; i++)
    cf_buf_puts(&out, SIG);
  if (ours)
    ck_assert_ok(cf_note_sign(body, &vkey, seed, &out));
  cf_buf_puts(&out, more);
  return cf_buf_str(&out);
}

START_TEST(note_signatures)
{
  struct cf_str body, lines;
  char bad[400];
  ck_assert_ok(cf_note_check(note_with(0, true, ""), &vkey, &body));
  ck_assert_ok(cf_note_check(note_with(3, true, SIG), &vkey, &body));
  ck_assert_ok(cf_note_check(note_with(15, true, ""), &vkey, &body));
  ck_assert_err(cf_note_check(note_with(16, true, ""), &vkey, &body), CF_E_SYNTAX);
  ck_assert_err(cf_note_check(note_with(16, false, ""), &vkey, &body), CF_E_SIGNATURE);
  /* A second line of the same key must be good as well. */
  ck_assert_ok(cf_note_split(note_with(0, true, ""), &body, &lines));
  snprintf(bad, sizeof bad, "%.*s", (int)lines.n, lines.p);
  ck_assert_ok(cf_note_check(note_with(0, true, bad), &vkey, &body));
  char *at = strrchr(bad, ' ') + 30;
  *at = *at == 'A' ? 'B' : 'A';
  ck_assert_err(cf_note_check(note_with(0, true, bad), &vkey, &body), CF_E_SIGNATURE);
  ck_assert(cf_note_names(note_with(0, false, bad), &vkey));
}
END_TEST

/* Of a kept checkpoint only the log's own lines are handed on. */
START_TEST(note_only)
{
  struct cf_buf own, only;
  cf_buf_init(&own, CF_NOTE_MAX);
  cf_buf_init(&only, CF_NOTE_MAX);
  cf_buf_putstr(&own, note_with(0, true, ""));
  ck_assert_ok(cf_note_only(note_with(2, true, SIG), &vkey, &only));
  ck_assert_str_eq(cf_buf_cstr(&only), cf_buf_cstr(&own));
  cf_buf_fini(&only);
  cf_buf_fini(&own);
}
END_TEST

/* Sixteen signatures of a kind whose signatures are long. */
START_TEST(note_signatures_long)
{
  static const uint8_t signature[5900] = {1};
  struct cf_str body;
  (void)note_with(0, true, "");
  for (size_t i = 1; i < CF_NOTE_SIGS_MAX; i++) {
    cf_buf_puts(&out, "\xe2\x80\x94 witness ");
    cf_base64_put(&out, signature, sizeof signature);
    cf_buf_putc(&out, '\n');
  }
  ck_assert_uint_gt(out.n, 100000);
  ck_assert_ok(cf_note_check(cf_buf_str(&out), &vkey, &body));
}
END_TEST

START_TEST(note_too_long)
{
  struct cf_str body, lines;
  cf_buf_reset(&out);
  for (size_t i = 0; i < CF_NOTE_MAX; i++)
    cf_buf_putc(&out, 'a');
  cf_buf_puts(&out, "\n\n" SIG);
  ck_assert_err(cf_note_split(cf_buf_str(&out), &body, &lines), CF_E_SYNTAX);
}
END_TEST

/* ---- receipts and tiles ---- */

START_TEST(receipt_made)
{
  struct cf_str want = string("tlog_proof_1"), left = want;
  struct cf_proof proof;
  struct cf_buf extra;
  cf_str_cut(&left, '\n');
  struct cf_str line = cf_str_cut(&left, '\n');
  cf_str_cut(&line, ' ');
  cf_buf_init(&extra, 1 << 16);
  ck_assert_ok(cf_base64_get(line, &extra));
  ck_assert_ok(cf_tree_inclusion(&hashes, 1, 5, &proof));
  cf_receipt_put(&out, cf_buf_str(&extra), 1, &proof, string("checkpoint_5"));
  ck_assert_str_is(cf_buf_str(&out), want);
  cf_buf_fini(&extra);
}
END_TEST

START_TEST(receipt_plain)
{
  struct cf_proof none = {.n = 0};
  cf_receipt_put(&out, CF_STR(""), 0, &none, CF_STR("note"));
  ck_assert_str_eq(cf_buf_cstr(&out), "c2sp.org/tlog-proof@v1\nindex 0\n\nnote");
}
END_TEST

static void digest_is(const void *p, size_t n, const char *name)
{
  uint8_t got[CF_HASH_N], want[CF_HASH_N];
  ck_assert_ok(cf_hex_get_n(string(name), want, sizeof want));
  cf_sha256_1(p, n, got);
  ck_assert_bytes(got, sizeof got, want, sizeof want);
}

START_TEST(tiles)
{
  const struct cf_json *records = cf_json_member(file, "records");
  digest_is(leaf, sizeof leaf, "tile0_sha256");
  for (size_t i = 0; i < RECORDS; i++) {
    struct cf_str l = cf_json_string(cf_json_member(cf_json_element(records, i), "leaf"));
    uint8_t n[2];
    cf_u16_put(n, (uint16_t)l.n);
    cf_buf_put(&out, n, sizeof n);
    cf_buf_putstr(&out, l);
  }
  digest_is(out.p, out.n, "entry_bundle_sha256");
}
END_TEST

/* Names are level/N/width. */
static enum cf_err path_check(void *context, struct cf_str name, const struct cf_json *value)
{
  uint64_t v[3];
  size_t *n = context;
  for (size_t i = 0; i < 3; i++)
    ck_assert_ok(cf_u64_parse(cf_str_cut(&name, '/'), UINT64_MAX, &v[i]));
  cf_buf_reset(&out);
  cf_tile_path_put(&out, false, (unsigned)v[0], v[1], (unsigned)v[2]);
  ck_assert_str_is(cf_buf_str(&out), cf_json_string(value));
  ++*n;
  return CF_OK;
}

START_TEST(tile_paths)
{
  size_t n = 0;
  ck_assert_ok(cf_json_each(cf_json_member(file, "tile_paths"), path_check, &n));
  ck_assert_uint_eq(n, 4);
}
END_TEST

START_TEST(inclusion_of_vectors)
{
  struct cf_proof proof;
  struct cf_str path[CF_PROOF_MAX];
  uint8_t root[CF_HASH_N];
  for (uint64_t size = 1; size <= RECORDS; size++)
    for (uint64_t i = 0; i < size; i++) {
      ck_assert_ok(cf_tree_root(&hashes, size, root));
      ck_assert_ok(cf_tree_inclusion(&hashes, i, size, &proof));
      for (size_t k = 0; k < proof.n; k++)
        path[k] = slice(proof.hash[k]);
      ck_assert_ok(cf_inclusion_check(i, size, slice(leaf[i]), path, proof.n, slice(root)));
    }
}
END_TEST

int main(void)
{
#define NOTE .tcase = "note", .setup = vectors_open, .teardown = vectors_close
  const struct cf_test tests[] = {
      {NOTE, .test = vkey_made},
      {NOTE, .test = vkey_strict},
      {NOTE, .test = origins},
      {NOTE, .test = roots},
      {NOTE, .test = checkpoint_made},
      {NOTE, .test = checkpoint_read},
      {NOTE, .test = checkpoint_bad, .loops = CF_COUNT(bad_checkpoints)},
      {NOTE, .test = checkpoint_good},
      {NOTE, .test = consistency_of_vectors},
      {NOTE, .test = key_note_made},
      {NOTE, .test = key_note_read},
      {NOTE, .test = note_changed},
      {NOTE, .test = note_split, .loops = CF_COUNT(notes)},
      {NOTE, .test = note_signatures},
      {.tcase = "note", .test = note_only},
      {NOTE, .test = note_signatures_long},
      {NOTE, .test = note_too_long},
      {NOTE, .test = receipt_made},
      {NOTE, .test = receipt_plain},
      {NOTE, .test = tiles},
      {NOTE, .test = tile_paths},
      {NOTE, .test = inclusion_of_vectors},
  };
  return cf_test_run("note", tests, CF_COUNT(tests));
}
