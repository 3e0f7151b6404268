/* SPDX-License-Identifier: MIT */
/* A signer's directory whose signing key is in a token: beside what others have
 * it holds `vkey`, which says whose key that is, and `mac`. */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/proof/signer_directory_in.h"

/* Whose key it is `vkey` says, and the token must have that one. */
enum cf_err cf_signer_token_load(struct cf_signer_directory *d, const char *place,
                                 struct cf_fault *fault)
{
  struct cf_buf b;
  uint8_t pubkey[CF_PUBKEY_N];
  mode_t mode;
  cf_buf_init(&b, CF_SIGNER_VKEY_MAX);
  enum cf_err err = cf_file_get(d->fd, "vkey", &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  if (err == CF_OK && cf_vkey_parse(cf_str_cut(&left, '\n'), &d->signer.vkey) != CF_OK)
    err = CF_E_NOTFOUND;
  cf_buf_fini(&b);
  if (err == CF_E_NOTFOUND)
    err = cf_fail(fault, CF_E_CONFIG, "vkey", "it does not hold a key: put it back from a backup");
  if (err == CF_OK)
    err = cf_token_key_open(place, &d->token, fault);
  if (err != CF_OK)
    return err;
  cf_token_key_public(d->token, pubkey);
  return memcmp(pubkey, d->signer.vkey.pubkey, sizeof pubkey) == 0
             ? cf_signer_mac_load(d, fault)
             : cf_fail(fault, CF_E_CONFIG, "vkey", "the token has another key than this one");
}

/* Take the token's key, which is there already, as this log's. */
enum cf_err cf_signer_token_take(int fd, const char *place, struct cf_str origin,
                                 struct cf_fault *fault)
{
  struct cf_token_key *token = NULL;
  struct cf_vkey vkey;
  struct cf_buf b;
  uint8_t pubkey[CF_PUBKEY_N], mac[CF_HASH_N];
  if (faccessat(fd, "vkey", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return cf_fail(fault, CF_E_CONFLICT, "vkey", "there is a key already");
  enum cf_err err = cf_token_key_open(place, &token, fault);
  if (err != CF_OK)
    return err;
  cf_token_key_public(token, pubkey);
  cf_token_key_close(token);
  cf_vkey_make(origin, pubkey, &vkey);
  cf_random(mac, sizeof mac);
  cf_secret_init(&b);
  cf_hex_put(&b, mac, sizeof mac);
  err = cf_signer_written(cf_file_replace(fd, CF_SIGNER_MAC, 0600, cf_buf_str(&b)), CF_SIGNER_MAC,
                          fault);
  cf_secret_fini(&b);
  cf_wipe(mac, sizeof mac);
  return err == CF_OK ? cf_signer_vkey_write(fd, "vkey", &vkey, fault) : err;
}
