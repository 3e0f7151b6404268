/* SPDX-License-Identifier: MIT */
/* The files that the command line names: key, kept checkpoint, proof. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "fcgi-app/apart/verify_main_in.h"
#include "lib/base/file.h"
#include "lib/proof/verify_parcel.h"

#define FILE_MAX ((size_t)256 << 10)

enum cf_err cf_apart_read(const char *path, struct cf_buf *b, struct cf_fault *fault)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "it cannot be read");
  enum cf_err err = cf_file_read_all(fd, b);
  if (err == CF_E_SYSTEM)
    err = cf_fail_errno(fault, err, path, "it cannot be read");
  else if (err == CF_E_FULL)
    err = cf_fail(fault, err, path, "it is larger than any such file");
  close(fd);
  return err;
}

/* A line, with or without its end. */
static enum cf_err vkey_line(struct cf_str text, struct cf_vkey *vkey)
{
  if (text.n > 0 && text.p[text.n - 1] == '\n')
    text.n--;
  return cf_vkey_parse(text, vkey);
}

static enum cf_err key_take(struct cf_apart *apart, const struct cf_vkey *vkey)
{
  enum cf_err err = cf_keys_begin(&apart->keys, vkey);
  apart->has_key = err == CF_OK;
  return err;
}

enum cf_err cf_apart_key(struct cf_apart *apart)
{
  struct cf_vkey vkey;
  struct cf_buf b;
  if (apart->vkey == NULL)
    return CF_OK;
  apart->vouched = true;
  if (cf_vkey_parse(cf_str_from(apart->vkey), &vkey) == CF_OK)
    return key_take(apart, &vkey);
  cf_buf_init(&b, FILE_MAX);
  enum cf_err err = cf_apart_read(apart->vkey, &b, &apart->fault);
  if (err == CF_OK && vkey_line(cf_buf_str(&b), &vkey) != CF_OK)
    err = cf_fail(&apart->fault, CF_E_CONFIG, apart->vkey, "it holds no verifier key");
  cf_buf_fini(&b);
  return err == CF_OK ? key_take(apart, &vkey) : err;
}

enum cf_err cf_apart_own_key(struct cf_apart *apart, struct cf_str text)
{
  struct cf_vkey vkey;
  if (apart->has_key)
    return CF_OK;
  if (text.n == 0)
    return cf_fail(&apart->fault, CF_E_CONFIG, NULL,
                   "no key comes with it: give --vkey, the public key of the ledger that you kept");
  return vkey_line(text, &vkey) == CF_OK
             ? key_take(apart, &vkey)
             : cf_fail(&apart->fault, CF_E_SYNTAX, "ledger.vkey", "it holds no verifier key");
}

/* ---- others' keys ---- */

static enum cf_err witness_line(struct cf_str text, struct cf_vkey *witness)
{
  if (text.n > 0 && text.p[text.n - 1] == '\n')
    text.n--;
  return cf_cosigner_parse(text, witness);
}

enum cf_err cf_apart_witness(struct cf_apart *apart, const char *vkey)
{
  struct cf_cosigners *c = &apart->cosigners;
  struct cf_buf b;
  if (c->n == CF_NOTE_SIGS_MAX)
    return cf_fail(&apart->fault, CF_E_CONFIG, NULL, "a note has room for %d signatures",
                   CF_NOTE_SIGS_MAX);
  if (cf_cosigner_parse(cf_str_from(vkey), &c->v[c->n]) == CF_OK) {
    c->n++;
    return CF_OK;
  }
  cf_buf_init(&b, FILE_MAX);
  enum cf_err err = cf_apart_read(vkey, &b, &apart->fault);
  if (err == CF_OK && witness_line(cf_buf_str(&b), &c->v[c->n]) != CF_OK)
    err = cf_fail(&apart->fault, CF_E_CONFIG, vkey, "it holds no witness's key");
  cf_buf_fini(&b);
  c->n += err == CF_OK;
  return err;
}

enum cf_err cf_apart_notes(struct cf_apart *apart)
{
  struct cf_parcel parcel;
  if (apart->notes == NULL)
    return CF_OK;
  cf_parcel_init(&parcel);
  enum cf_err err = cf_parcel_open_directory(&parcel, apart->notes, &apart->fault);
  if (err == CF_OK)
    err = cf_parcel_keys(&parcel, CF_STR(""), &apart->keys, &apart->fault);
  cf_parcel_fini(&parcel);
  return err == CF_E_SYNTAX ? CF_E_CONFIG : err;
}

/* ---- what was kept ---- */

static enum cf_err kept_read(struct cf_apart *apart)
{
  struct cf_verify_job *job = &apart->job;
  struct cf_checkpoint kept;
  struct cf_buf b;
  cf_buf_init(&b, CF_NOTE_MAX);
  enum cf_err err = cf_apart_read(apart->kept, &b, &apart->fault);
  if (err == CF_OK && cf_keys_checkpoint(&apart->keys, cf_buf_str(&b), &kept) != CF_OK)
    err = cf_fail(&apart->fault, CF_E_CONFIG, apart->kept,
                  "it is no checkpoint that the key of this ledger signed");
  cf_buf_fini(&b);
  if (err != CF_OK)
    return err;
  job->kept = true;
  job->kept_size = kept.size;
  memcpy(job->kept_root, kept.root, CF_HASH_N);
  return CF_OK;
}

static enum cf_err proof_read(struct cf_apart *apart)
{
  struct cf_fault fault = {.detail = ""};
  struct cf_buf b;
  cf_buf_init(&b, FILE_MAX);
  enum cf_err err = cf_apart_read(apart->proof, &b, &apart->fault);
  if (err == CF_OK && cf_extension_parse(cf_buf_str(&b), &apart->extension, &fault) != CF_OK)
    err = cf_fail(&apart->fault, CF_E_CONFIG, apart->proof, "%s", fault.detail);
  cf_buf_fini(&b);
  apart->extended = err == CF_OK;
  return err;
}

enum cf_err cf_apart_kept(struct cf_apart *apart)
{
  enum cf_err err = apart->kept != NULL ? kept_read(apart) : CF_OK;
  return err == CF_OK && apart->proof != NULL ? proof_read(apart) : err;
}
