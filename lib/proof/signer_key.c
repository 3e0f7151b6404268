/* SPDX-License-Identifier: MIT */
/* The signing key as text: signed-note's form of a private key. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/anchor.h"
#include "lib/proof/signer_in.h"

#define KEY_HEAD     "PRIVATE+KEY+"
#define KEY_MAX      512
#define TYPE_ED25519 0x01

void cf_signer_key_put(const struct cf_vkey *vkey, const uint8_t seed[CF_SEED_N], struct cf_buf *b)
{
  uint8_t key[1 + CF_SEED_N] = {TYPE_ED25519};
  memcpy(key + 1, seed, CF_SEED_N);
  cf_buf_puts(b, KEY_HEAD);
  cf_buf_puts(b, vkey->name);
  cf_buf_putc(b, '+');
  cf_hex_put(b, vkey->id, sizeof vkey->id);
  cf_buf_putc(b, '+');
  cf_base64_put(b, key, sizeof key);
  cf_buf_putc(b, '\n');
  cf_wipe(key, sizeof key);
}

void cf_secret_init(struct cf_buf *b)
{
  cf_buf_init(b, KEY_MAX);
  if (cf_buf_grow(b, KEY_MAX))
    cf_buf_cut(b, KEY_MAX);
}

void cf_secret_fini(struct cf_buf *b)
{
  if (b->p)
    cf_wipe(b->p, b->cap);
  cf_buf_fini(b);
}

/* Is text what cf_signer_key_put writes for the key? */
static bool key_same(const struct cf_vkey *vkey, const uint8_t seed[CF_SEED_N], struct cf_str text)
{
  struct cf_buf b;
  cf_secret_init(&b);
  cf_signer_key_put(vkey, seed, &b);
  bool same = b.err == CF_OK && cf_str_eq(cf_buf_str(&b), text);
  cf_secret_fini(&b);
  return same;
}

enum cf_err cf_signer_key_parse(struct cf_str text, struct cf_vkey *vkey, uint8_t seed[CF_SEED_N])
{
  uint8_t key[1 + CF_SEED_N], pubkey[CF_PUBKEY_N];
  if (!cf_str_starts(text, CF_STR(KEY_HEAD)))
    return CF_E_SYNTAX;
  struct cf_str left = {text.p + sizeof KEY_HEAD - 1, text.n - (sizeof KEY_HEAD - 1)};
  struct cf_str name = cf_str_cut(&left, '+');
  cf_str_cut(&left, '+');
  struct cf_str base64 = cf_str_cut(&left, '\n');
  if (!cf_origin_ok(name) || cf_base64_get_n(base64, key, sizeof key) != CF_OK)
    return CF_E_SYNTAX;
  enum cf_err err = cf_ed25519_public(key + 1, pubkey);
  if (err == CF_OK) {
    cf_vkey_make(name, pubkey, vkey);
    memcpy(seed, key + 1, CF_SEED_N);
    err = key_same(vkey, seed, text) ? CF_OK : CF_E_SYNTAX;
  }
  cf_wipe(key, sizeof key);
  return err;
}
