/* SPDX-License-Identifier: MIT */
/* Cryptography: published vectors, then properties, then a changed bit that
 * must be noticed. */
#include "config.h"

#include "lib/base/crypto.h"

#include <pthread.h>

#include "lib/base/codec.h"
#include "tests/unit/cf_test.h"

/* FIPS 180-4's examples. */
static const struct {
  const char *text;
  size_t times;
  const char *hash;
} digests[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

START_TEST(test_sha256_vectors)
{
  struct cf_sha256 *running;
  uint8_t hash[CF_HASH_N];
  size_t n = strlen(digests[_i].text);

  ck_assert_ok(cf_sha256_new(&running));
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < digests[_i].times; i++)
      cf_sha256_add(running, digests[_i].text, n);
    cf_sha256_end(running, hash);
    ck_assert_hex(hash, sizeof hash, digests[_i].hash);
  }
  cf_sha256_free(running);
  cf_sha256_free(NULL);
  if (digests[_i].times > 1)
    return;
  cf_sha256_1(digests[_i].text, n, hash);
  ck_assert_hex(hash, sizeof hash, digests[_i].hash);
}
END_TEST

/* However a text is cut into parts, and on either side of the length up to
 * which they are joined, the digest is that of the whole. */
START_TEST(test_sha256_parts)
{
  static const size_t lengths[] = {0, 1, 55, 56, 64, 500, 511, 512, 513, 1024, 5000};
  char text[5000];
  uint8_t whole[CF_HASH_N], hash[CF_HASH_N];
  size_t n = lengths[_i];

  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)(i * 7);
  cf_sha256_1(text, n, whole);
  for (size_t parts_n = 1; parts_n <= 16; parts_n++) {
    struct cf_str parts[16];
    size_t at = 0;
    for (size_t i = 0; i < parts_n; i++) {
      size_t end = i + 1 == parts_n ? n : n * (i + 1) / (parts_n + 1);
      parts[i] = (struct cf_str){text + at, end - at};
      at = end;
    }
    cf_sha256(parts, parts_n, hash);
    ck_assert_bytes(hash, sizeof hash, whole, sizeof whole);
  }
  cf_sha256(NULL, 0, hash);
  ck_assert_hex(hash, sizeof hash, digests[0].hash);
}
END_TEST

/* Side by side they have the digests that each has by itself: heads and bodies
 * around the ends of blocks, as many as there are, next to shorter and longer
 * ones. */
START_TEST(test_sha256_each)
{
  static const size_t heads[] = {0, 1, 55, 56, 62, 63, 64, 65, 127, CF_SHA256_HEAD_MAX};
  static const size_t bodies[] = {0, 1, 2, 8, 54, 55, 56, 63, 64, 65, 119, 120, 128, 500, 4096};
  enum { MAX = 11 };
  struct cf_sha256_text text[MAX];
  uint8_t out[MAX][CF_HASH_N], hash[CF_HASH_N];
  size_t n = (size_t)_i, seed = 0;
  char bytes[5000];

  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)(i * 7 + i / 256);
  for (size_t k = 0; k < CF_COUNT(heads) * CF_COUNT(bodies); k++) {
    for (size_t i = 0; i < n; i++, seed++)
      text[i] = (struct cf_sha256_text){.head = {bytes + i, heads[seed % CF_COUNT(heads)]},
                                        .body = {bytes + 200 + k,
                                                 bodies[seed / CF_COUNT(heads) % CF_COUNT(bodies)]},
                                        .out = out[i]};
    cf_sha256_each(text, n);
    for (size_t i = 0; i < n; i++) {
      cf_sha256((struct cf_str[]){text[i].head, text[i].body}, 2, hash);
      ck_assert_bytes(out[i], CF_HASH_N, hash, sizeof hash);
    }
    seed += n == 0 || k % 3 != 0 ? 0 : CF_COUNT(heads) - 1;
  }
}
END_TEST

/* What is empty need not be anywhere. */
START_TEST(test_sha256_each_empty)
{
  uint8_t hash[CF_HASH_N];

  cf_sha256_each(NULL, 0);
  cf_sha256_each(&(struct cf_sha256_text){.out = hash}, 1);
  ck_assert_hex(hash, sizeof hash, digests[0].hash);
}
END_TEST

/* RFC 4231. A key or text of one byte repeated is given as that byte and a
 * count. */
static const struct {
  const char *key;
  size_t key_n;
  const char *text;
  size_t text_n;
  const char *mac;
} macs[] = {
    {"\x0b", 20, "Hi There", 0, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"Jefe", 0, "what do ya want for nothing?", 0,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"\xaa", 20, "\xdd", 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
     0, "\xcd", 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {"\xaa", 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0,
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {"\xaa", 131,
     "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by "
     "the HMAC algorithm.",
     0, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {"", 0, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static struct cf_str repeat(const char *text, size_t count, char room[200])
{
  if (count == 0)
    return cf_str_from(text);
  memset(room, text[0], count);
  return (struct cf_str){room, count};
}

START_TEST(test_hmac_vectors)
{
  char key_room[200], text_room[200];
  struct cf_str key = repeat(macs[_i].key, macs[_i].key_n, key_room);
  struct cf_str text = repeat(macs[_i].text, macs[_i].text_n, text_room);
  struct cf_str parts[] = {{text.p, text.n / 3}, {text.p + text.n / 3, text.n - text.n / 3}};
  uint8_t mac[CF_HASH_N];

  cf_hmac(key.p, key.n, &text, 1, mac);
  ck_assert_hex(mac, sizeof mac, macs[_i].mac);
  cf_hmac("another", 7, &text, 1, mac);
  cf_hmac(key.p, key.n, parts, 2, mac);
  ck_assert_hex(mac, sizeof mac, macs[_i].mac);
}
END_TEST

/* The first block of the stream is the encryption of a block of zeros, so
 * AESAVS's KeySbox and VarKey apply (SP 800-38A, 6.5; FIPS 197); blocks 1 and 2
 * under the zero key are those of the GCM specification's test cases 13 and
 * 14. */
static const struct {
  const char *key;
  uint64_t offset;
  const char *block;
} streams[] = {
    {"c47b0294dbbbee0fec4757f22ffeee3587ca4730c3d33b691df38bab076bc558", 0,
     "46f2fb342d6f0ab477476fc501242c5f"},
    {"8000000000000000000000000000000000000000000000000000000000000000", 0,
     "e35a6dcb19b201a01ebcfa8aa22b5759"},
    {"0000000000000000000000000000000000000000000000000000000000000000", 0,
     "dc95c078a2408989ad48a21492842087"},
    {"0000000000000000000000000000000000000000000000000000000000000000", 16,
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", 32,
     "cea7403d4d606b6e074ec5d3baf39d18"},
};

START_TEST(test_keystream_vectors)
{
  uint8_t key[CF_SALTKEY_N], block[16];

  ck_assert_ok(cf_hex_get_n(cf_str_from(streams[_i].key), key, sizeof key));
  cf_keystream(key, streams[_i].offset, block, sizeof block);
  ck_assert_hex(block, sizeof block, streams[_i].block);
}
END_TEST

/* Any piece from any offset equals that piece of the whole, whatever was asked
 * before, by this key or another. */
START_TEST(test_keystream_pieces)
{
  uint8_t keys[2][CF_SALTKEY_N] = {{1}, {2}};
  uint8_t whole[2][8192], piece[300];

  for (int k = 0; k < 2; k++)
    cf_keystream(keys[k], 0, whole[k], sizeof whole[k]);
  ck_assert_int_ne(memcmp(whole[0], whole[1], 16), 0);
  for (size_t i = 0; i < 2000; i++) {
    size_t offset = i * 37 % 490 * 16;
    size_t n = i * 101 % sizeof piece;
    int k = i % 5 == 0;
    cf_keystream(keys[k], offset, piece, n);
    ck_assert_bytes(piece, n, whole[k] + offset, n);
  }
}
END_TEST

/* The counter is a 128-bit integer: past 2^32 blocks it goes on. */
START_TEST(test_keystream_carry)
{
  uint8_t key[CF_SALTKEY_N] = {3};
  uint8_t two[32], second[16];
  uint64_t last = (UINT64_C(1) << 32) - 1;

  cf_keystream(key, last * 16, two, sizeof two);
  cf_keystream(key, (last + 1) * 16, second, sizeof second);
  ck_assert_bytes(two + 16, 16, second, 16);
  cf_keystream(key, 0, second, sizeof second);
  ck_assert_int_ne(memcmp(two + 16, second, 16), 0);
}
END_TEST

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct {
  const char *seed, *pubkey, *text, *sig;
  size_t text_n;
} signatures[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
     0},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
     1},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
     2},
};

START_TEST(test_ed25519_vectors)
{
  uint8_t seed[CF_SEED_N], pubkey[CF_PUBKEY_N], sig[CF_SIG_N];
  const char *text = signatures[_i].text;
  size_t n = signatures[_i].text_n;

  ck_assert_ok(cf_hex_get_n(cf_str_from(signatures[_i].seed), seed, sizeof seed));
  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  ck_assert_hex(pubkey, sizeof pubkey, signatures[_i].pubkey);
  ck_assert_ok(cf_ed25519_sign(seed, text, n, sig));
  ck_assert_hex(sig, sizeof sig, signatures[_i].sig);
  ck_assert_ok(cf_ed25519_check(pubkey, text, n, sig));
  ck_assert_err(cf_ed25519_check(pubkey, "\xaf\x83", 2, sig), CF_E_SIGNATURE);
}
END_TEST

START_TEST(test_ed25519_tamper)
{
  uint8_t seed[CF_SEED_N] = {7}, pubkey[CF_PUBKEY_N], sig[CF_SIG_N];
  char text[] = "a checkpoint";

  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  ck_assert_ok(cf_ed25519_sign(seed, text, sizeof text, sig));
  for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
    sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    ck_assert_err(cf_ed25519_check(pubkey, text, sizeof text, sig), CF_E_SIGNATURE);
    sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] ^= 1;
    ck_assert_err(cf_ed25519_check(pubkey, text, sizeof text, sig), CF_E_SIGNATURE);
    text[i] ^= 1;
  }
  pubkey[3] ^= 1;
  ck_assert_err(cf_ed25519_check(pubkey, text, sizeof text, sig), CF_E_SIGNATURE);
}
END_TEST

/* RFC 8032, 5.1.7: S must be below the group's order L, or a signature would
 * have a second form. */
START_TEST(test_ed25519_malleable)
{
  uint8_t seed[CF_SEED_N] = {9}, pubkey[CF_PUBKEY_N], sig[CF_SIG_N], order[32];
  unsigned carry = 0;

  ck_assert_ok(
      cf_hex_get_n(CF_STR("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"),
                   order, sizeof order));
  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  ck_assert_ok(cf_ed25519_sign(seed, "x", 1, sig));
  for (size_t i = 0; i < 32; i++) {
    carry += (unsigned)sig[32 + i] + order[i];
    sig[32 + i] = (uint8_t)carry;
    carry >>= 8;
  }
  ck_assert_err(cf_ed25519_check(pubkey, "x", 1, sig), CF_E_SIGNATURE);
}
END_TEST

START_TEST(test_random)
{
  uint8_t a[1000] = {0}, b[1000] = {0};
  int zeros = 0;

  cf_random(a, sizeof a);
  cf_random(b, sizeof b);
  ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
  for (size_t i = 0; i < sizeof a; i++)
    zeros += a[i] == 0;
  ck_assert_int_lt(zeros, 40);
  cf_random(a, 0);
}
END_TEST

START_TEST(test_equal_wipe)
{
  uint8_t a[8] = {1, 2, 3}, b[8] = {1, 2, 3};

  ck_assert(cf_equal(a, b, sizeof a));
  b[7] = 1;
  ck_assert(!cf_equal(a, b, sizeof a));
  ck_assert(cf_equal(a, b, 7));
  ck_assert(cf_equal(NULL, NULL, 0));
  cf_wipe(a, sizeof a);
  ck_assert_hex(a, sizeof a, "0000000000000000");
  cf_wipe(NULL, 0);
}
END_TEST

/* Each thread works on contexts of its own; they end with it (the leak checker
 * looks). */
static void *work(void *p)
{
  uint8_t *number = p;
  uint8_t key[CF_SALTKEY_N] = {*number};
  uint8_t first[CF_HASH_N], again[CF_HASH_N], stream[64], stream_again[64];
  struct cf_str text = CF_STR("text");

  cf_hmac(key, sizeof key, &text, 1, first);
  cf_keystream(key, 0, stream, sizeof stream);
  for (int i = 0; i < 2000; i++) {
    cf_hmac(key, sizeof key, &text, 1, again);
    cf_keystream(key, 0, stream_again, sizeof stream_again);
    if (memcmp(first, again, sizeof first) != 0 || memcmp(stream, stream_again, sizeof stream) != 0)
      return NULL;
    cf_sha256(&text, 1, again);
  }
  return p;
}

START_TEST(test_threads)
{
  pthread_t threads[8];
  uint8_t numbers[8];

  for (size_t i = 0; i < CF_COUNT(threads); i++) {
    numbers[i] = (uint8_t)i;
    ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
  }
  for (size_t i = 0; i < CF_COUNT(threads); i++) {
    void *result;
    ck_assert_int_eq(pthread_join(threads[i], &result), 0);
    ck_assert_ptr_nonnull(result);
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "hash", .test = test_sha256_vectors, .loops = CF_COUNT(digests)},
      {.tcase = "hash", .test = test_sha256_parts, .loops = 11},
      {.tcase = "hash", .test = test_sha256_each, .loops = 12},
      {.tcase = "hash", .test = test_sha256_each_empty},
      {.tcase = "hash", .test = test_hmac_vectors, .loops = CF_COUNT(macs)},
      {.tcase = "keystream", .test = test_keystream_vectors, .loops = CF_COUNT(streams)},
      {.tcase = "keystream", .test = test_keystream_pieces},
      {.tcase = "keystream", .test = test_keystream_carry},
      {.tcase = "ed25519", .test = test_ed25519_vectors, .loops = CF_COUNT(signatures)},
      {.tcase = "ed25519", .test = test_ed25519_tamper},
      {.tcase = "ed25519", .test = test_ed25519_malleable},
      {.tcase = "bytes", .test = test_random},
      {.tcase = "bytes", .test = test_equal_wipe},
      {.tcase = "threads", .test = test_threads},
  };
  return cf_test_run("crypto", tests, CF_COUNT(tests));
}
