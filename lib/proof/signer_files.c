/* SPDX-License-Identifier: MIT */
/* Files of a signer's directory, as each of its parts reads and writes them. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/proof/signer_directory_in.h"

/* Nobody knows what is on disk: no signature may follow. */
void cf_signer_die_of_sync(const char *what)
{
  cf_die("signer: fsync of %s failed: %s", what, strerror(errno));
}

/* What came of writing `name`. */
enum cf_err cf_signer_written(enum cf_err err, const char *name, struct cf_fault *fault)
{
  if (err == CF_E_UNKNOWN)
    cf_signer_die_of_sync(name);
  return err == CF_OK ? CF_OK : cf_fail_errno(fault, err, name, "the signer cannot write it");
}

enum cf_err cf_signer_vkey_write(int directory, const char *name, const struct cf_vkey *vkey,
                                 struct cf_fault *fault)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_SIGNER_VKEY_MAX);
  cf_vkey_put(vkey, &b);
  cf_buf_putc(&b, '\n');
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_signer_written(cf_file_replace(directory, name, 0644, cf_buf_str(&b)), name, fault);
  cf_buf_fini(&b);
  return err;
}

enum cf_err cf_signer_key_get(int directory, const char *name, struct cf_vkey *vkey,
                              uint8_t seed[CF_SEED_N], struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_secret_init(&b);
  enum cf_err err = cf_file_get(directory, name, &b, &mode, fault);
  if (err == CF_OK && (mode & 077))
    err = cf_fail(
        fault, CF_E_CONFIG, name,
        "others may read or write it (mode %03o); chmod 600 it, and make a new key if somebody may have",
        mode & 0777);
  if (err == CF_OK) {
    err = cf_signer_key_parse(cf_buf_str(&b), vkey, seed);
    if (err == CF_E_SYNTAX)
      err = cf_fail(
          fault, CF_E_CONFIG, name,
          "it does not hold a key: put it back from a backup; where there is none, see `counterfoil recover`");
  }
  cf_secret_fini(&b);
  return err;
}

enum cf_err cf_signer_mac_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode = 0;
  cf_secret_init(&b);
  enum cf_err err = cf_file_get(d->fd, CF_SIGNER_MAC, &b, &mode, fault);
  if (err == CF_OK &&
      ((mode & 077) != 0 || cf_hex_get_n(cf_buf_str(&b), d->signer.mac_key, CF_HASH_N) != CF_OK))
    err = CF_E_NOTFOUND;
  cf_secret_fini(&b);
  return err != CF_E_NOTFOUND
             ? err
             : cf_fail(fault, CF_E_CONFIG, CF_SIGNER_MAC,
                       "it is not there, not mode 600 or no key: put it back from a backup");
}
