/* SPDX-License-Identifier: MIT */
/* OpenSSL's algorithms, fetched once, with contexts that each thread keeps; but
 * SHA-256 by its own functions. They take the processor's instructions for it
 * as EVP does, whose fetched digest costs as much again as a block: a record
 * wants six digests, most of a few blocks. OpenSSL 3 advises against them, as
 * they pass its providers by. */
#include "config.h"

#define OPENSSL_SUPPRESS_DEPRECATED

#include "lib/base/crypto.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"

#define PARTS_MAX   16
#define LANES       4          /* texts that are hashed side by side */
#define CIPHER_STEP (1U << 30) /* OpenSSL counts in int */

/* What a thread keeps. It is freed by the key's destructor, and for the thread
 * that ends the process by exit's handler. */
struct own {
  EVP_MAC_CTX *mac;
  EVP_CIPHER_CTX *cipher;
  uint8_t cipher_key[CF_SALTKEY_N]; /* the key that cipher holds … */
  bool keyed;                       /* … if it holds one */
  uint64_t cipher_at;               /* where in its keystream it stands */
};

/* Fetched algorithms live as long as the process. */
static EVP_MAC *hmac;
static EVP_CIPHER *aes_ctr;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_own;
static __thread struct own *mine;

static void own_free(void *p)
{
  struct own *own = p;

  EVP_MAC_CTX_free(own->mac);
  EVP_CIPHER_CTX_free(own->cipher);
  cf_wipe(own, sizeof *own);
  free(own);
  mine = NULL;
}

static void at_exit(void)
{
  if (mine != NULL)
    own_free(mine);
}

/* OpenSSL first, so that its own handler runs after ours. */
static void set_up(void)
{
  CF_ASSERT(OPENSSL_init_crypto(0, NULL) == 1);
  hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  aes_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
  if (hmac == NULL || aes_ctr == NULL)
    cf_die("OpenSSL has no HMAC or AES-256-CTR");
  CF_ASSERT(pthread_key_create(&key_of_own, own_free) == 0);
  CF_ASSERT(atexit(at_exit) == 0);
}

static EVP_MAC_CTX *mac_new(void)
{
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

  if (mac == NULL || EVP_MAC_CTX_set_params(mac, params) != 1)
    cf_die("no memory for a MAC context");
  return mac;
}

static struct own *own_new(void)
{
  struct own *own = calloc(1, sizeof *own);

  if (own == NULL)
    cf_die("no memory for a thread's cryptographic contexts");
  own->cipher = EVP_CIPHER_CTX_new();
  own->mac = mac_new();
  if (own->cipher == NULL || EVP_EncryptInit_ex2(own->cipher, aes_ctr, NULL, NULL, NULL) != 1)
    cf_die("no memory for a thread's cryptographic contexts");
  CF_ASSERT(pthread_setspecific(key_of_own, own) == 0);
  return own;
}

static struct own *own_get(void)
{
  if (mine == NULL) {
    pthread_once(&once, set_up);
    mine = own_new();
  }
  return mine;
}

/* A library that cannot hash what it hashed a moment ago is broken; no record
 * may be written with it. */
static void must(int result, const char *what)
{
  if (result != 1)
    cf_die("cryptographic library: %s failed", what);
}

void cf_sha256(const struct cf_str *parts, size_t parts_n, uint8_t out[CF_HASH_N])
{
  SHA256_CTX digest;

  CF_ASSERT(parts_n <= PARTS_MAX);
  must(SHA256_Init(&digest), "SHA-256");
  for (size_t i = 0; i < parts_n; i++)
    must(SHA256_Update(&digest, parts[i].p, parts[i].n), "SHA-256");
  must(SHA256_Final(out, &digest), "SHA-256");
}

void cf_sha256_1(const void *p, size_t n, uint8_t out[CF_HASH_N])
{
  cf_sha256(&(struct cf_str){p, n}, 1, out);
}

/* ---- several at once ---- */

/* A text on its way through the digest, as whole blocks: the head and what of
 * the body fills its last block up; what follows, where it lies; the end with
 * what the digest wants behind it (FIPS 180-4, 5.1.1). */
struct lane {
  struct cf_str run[3];
  uint8_t front[CF_SHA256_HEAD_MAX], back[CF_SHA256_HEAD_MAX + SHA256_CBLOCK];
  uint8_t *out;
  SHA256_CTX digest;
};
_Static_assert(CF_SHA256_HEAD_MAX % SHA256_CBLOCK == 0, "a head and what fills it up");

/* Put n bytes of *s at p. */
static uint8_t *bytes_move(uint8_t *p, struct cf_str *s, size_t n)
{
  if (n == 0)
    return p;
  memcpy(p, s->p, n);
  *s = cf_str_behind(*s, n);
  return p + n;
}

/* All is put together before the first block is hashed: the processor would
 * wait for another lane's rounds before it has bytes that were just written. */
static void lane_begin(struct lane *lane, const struct cf_sha256_text *text)
{
  struct cf_str head = text->head, body = text->body;
  uint64_t bits = 8 * ((uint64_t)head.n + body.n);
  size_t fill = -head.n % SHA256_CBLOCK;
  uint8_t *front = lane->front, *back = lane->back;

  CF_ASSERT(head.n <= sizeof lane->front);
  if (body.n >= fill)
    front = bytes_move(bytes_move(front, &head, head.n), &body, fill);
  size_t whole = head.n > 0 ? 0 : body.n - body.n % SHA256_CBLOCK;
  lane->run[0] = (struct cf_str){(const char *)lane->front, (size_t)(front - lane->front)};
  lane->run[1] = (struct cf_str){body.p, whole};
  if (whole > 0)
    body = cf_str_behind(body, whole);
  back = bytes_move(bytes_move(back, &head, head.n), &body, body.n);
  size_t n = (size_t)(back - lane->back);
  size_t all = (n + 1 + sizeof bits + SHA256_CBLOCK - 1) / SHA256_CBLOCK * SHA256_CBLOCK;
  memset(back, 0, all - n);
  *back = 0x80;
  cf_u64_put(lane->back + all - sizeof bits, bits);
  lane->run[2] = (struct cf_str){(const char *)lane->back, all};
  lane->out = text->out;
  must(SHA256_Init(&lane->digest), "SHA-256");
}

/* A block further; false where there is none. */
static bool lane_step(struct lane *lane)
{
  struct cf_str *run = lane->run;

  while (run->n == 0)
    if (run++ == &lane->run[2])
      return false;
  SHA256_Transform(&lane->digest, (const uint8_t *)run->p);
  *run = cf_str_behind(*run, SHA256_CBLOCK);
  return true;
}

static void lane_end(const struct lane *lane)
{
  for (size_t i = 0; i < CF_HASH_N / 4; i++)
    cf_u32_put(lane->out + 4 * i, lane->digest.h[i]);
}

/* The lanes in turn, a block each. */
void cf_sha256_each(const struct cf_sha256_text *texts, size_t n)
{
  struct lane lanes[LANES];

  for (size_t at = 0; at < n; at += LANES) {
    size_t lanes_n = n - at < LANES ? n - at : LANES;
    for (size_t i = 0; i < lanes_n; i++)
      lane_begin(&lanes[i], &texts[at + i]);
    for (bool more = true; more;) {
      more = false;
      for (size_t i = 0; i < lanes_n; i++)
        more |= lane_step(&lanes[i]);
    }
    for (size_t i = 0; i < lanes_n; i++)
      lane_end(&lanes[i]);
  }
}

/* ---- a running one ---- */

struct cf_sha256 {
  SHA256_CTX digest;
};

enum cf_err cf_sha256_new(struct cf_sha256 **h)
{
  struct cf_sha256 *made = malloc(sizeof *made);

  if (made == NULL)
    return CF_E_NOMEM;
  must(SHA256_Init(&made->digest), "SHA-256");
  *h = made;
  return CF_OK;
}

void cf_sha256_add(struct cf_sha256 *h, const void *p, size_t n)
{
  must(SHA256_Update(&h->digest, p, n), "SHA-256");
}

void cf_sha256_end(struct cf_sha256 *h, uint8_t out[CF_HASH_N])
{
  must(SHA256_Final(out, &h->digest), "SHA-256");
  must(SHA256_Init(&h->digest), "SHA-256");
}

void cf_sha256_free(struct cf_sha256 *h)
{
  free(h);
}

/* A null key would mean "the one before" to OpenSSL, so an empty key gets an
 * address. */
void cf_hmac(const void *key, size_t key_n, const struct cf_str *parts, size_t parts_n,
             uint8_t out[CF_HASH_N])
{
  EVP_MAC_CTX *mac = own_get()->mac;
  size_t out_n;

  CF_ASSERT(parts_n <= PARTS_MAX);
  must(EVP_MAC_init(mac, key_n == 0 ? (const void *)"" : key, key_n, NULL), "HMAC");
  for (size_t i = 0; i < parts_n; i++)
    if (parts[i].n > 0)
      must(EVP_MAC_update(mac, (const unsigned char *)parts[i].p, parts[i].n), "HMAC");
  must(EVP_MAC_final(mac, out, &out_n, CF_HASH_N), "HMAC");
}

void cf_random(void *out, size_t n)
{
  uint8_t *p = out;

  while (n > 0) {
    ssize_t got = getrandom(p, n, 0);
    if (got < 0 && errno != EINTR)
      cf_die("the system gives no random bytes: errno %d", errno);
    if (got > 0) {
      p += got;
      n -= (size_t)got;
    }
  }
}

bool cf_equal(const void *a, const void *b, size_t n)
{
  return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}

void cf_wipe(void *p, size_t n)
{
  if (n > 0)
    OPENSSL_cleanse(p, n);
}

/* Put the thread's cipher at a place of the keystream, where it stands already
 * if records follow each other; the key schedule is kept while the key
 * stays. */
static void cipher_seek(struct own *own, const uint8_t key[CF_SALTKEY_N], uint64_t offset)
{
  bool same = own->keyed && cf_equal(own->cipher_key, key, CF_SALTKEY_N);
  uint8_t counter[16] = {0};

  if (same && own->cipher_at == offset)
    return;
  cf_u64_put(counter + 8, offset / 16);
  must(EVP_EncryptInit_ex2(own->cipher, NULL, same ? NULL : key, counter, NULL), "AES-256-CTR");
  if (!same)
    memcpy(own->cipher_key, key, CF_SALTKEY_N);
  own->keyed = true;
}

void cf_keystream(const uint8_t key[CF_SALTKEY_N], uint64_t offset, uint8_t *out, size_t n)
{
  struct own *own = own_get();

  CF_ASSERT(offset % 16 == 0);
  cipher_seek(own, key, offset);
  if (__builtin_add_overflow(offset, n, &own->cipher_at))
    own->keyed = false; /* the counter goes on to where no offset leads */
  if (n > 0)
    memset(out, 0, n);
  while (n > 0) {
    int step = n > CIPHER_STEP ? (int)CIPHER_STEP : (int)n;
    int done;
    must(EVP_EncryptUpdate(own->cipher, out, &done, out, step), "AES-256-CTR");
    out += done;
    n -= (size_t)done;
  }
}

enum cf_err cf_ed25519_public(const uint8_t seed[CF_SEED_N], uint8_t pubkey[CF_PUBKEY_N])
{
  uint8_t made[CF_PUBKEY_N];
  size_t n = sizeof made;
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CF_SEED_N);
  bool good = key != NULL && EVP_PKEY_get_raw_public_key(key, made, &n) == 1 && n == sizeof made;

  EVP_PKEY_free(key);
  if (!good)
    return CF_E_CRYPTO;
  memcpy(pubkey, made, sizeof made);
  return CF_OK;
}

enum cf_err cf_ed25519_sign(const uint8_t seed[CF_SEED_N], const void *p, size_t n,
                            uint8_t sig[CF_SIG_N])
{
  uint8_t made[CF_SIG_N];
  size_t made_n = sizeof made;
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CF_SEED_N);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool good = key != NULL && context != NULL &&
              EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, made, &made_n, p, n) == 1 && made_n == sizeof made;

  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  if (!good)
    return CF_E_CRYPTO;
  memcpy(sig, made, sizeof made);
  return CF_OK;
}

enum cf_err cf_ed25519_check(const uint8_t pubkey[CF_PUBKEY_N], const void *p, size_t n,
                             const uint8_t sig[CF_SIG_N])
{
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pubkey, CF_PUBKEY_N);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  enum cf_err err = CF_E_CRYPTO;

  if (key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1)
    err = EVP_DigestVerify(context, sig, CF_SIG_N, p, n) == 1 ? CF_OK : CF_E_SIGNATURE;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return err;
}
