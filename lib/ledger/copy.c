/* SPDX-License-Identifier: MIT */
/* A ledger opened as evidence: looked at, verified, and left as it is. Berkeley
 * DB writes to an environment that it recovers, so that is done in a copy of
 * it; segments are read in their place. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/ledger/ledger_in.h"

/* ---- open ---- */

static enum cf_err directory_open(struct cf_ledger *l, struct cf_fault *fault)
{
  l->directory = open(l->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (l->directory < 0)
    return cf_fail_errno(fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, l->conf->data,
                         "cannot open the data directory");
  return faccessat(l->directory, CF_UNFINISHED, F_OK, 0) == 0
             ? cf_fail(fault, CF_E_NOTFOUND, l->conf->data, "its making was cut short")
             : CF_OK;
}

/* Somebody who writes to it now can be asked, and would make a copy of its
 * files worth nothing. */
static enum cf_err owner_check(struct cf_ledger *l, struct cf_fault *fault)
{
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  int fd = openat(l->directory, "lock", O_RDONLY | O_CLOEXEC);
  bool owned = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  if (fd < 0 && errno != ENOENT)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot open the file `lock`");
  if (fd >= 0)
    (void)close(fd);
  return owned ? cf_fail(fault, CF_E_LOCKED, l->conf->data,
                         "its owner is at work: ask without --read-only")
               : CF_OK;
}

/* The signer's directory, or -1 where there is none, or none that may be read:
 * a copy can be looked at without it. */
static enum cf_err signer_open(const struct cf_conf *conf, int *signer, struct cf_fault *fault)
{
  *signer = open(conf->signer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *signer >= 0 || errno == ENOENT || errno == EACCES
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, conf->signer, "cannot open the directory");
}

/* CF_E_NOTFOUND: there is none. */
static enum cf_err vkey_read(int signer, struct cf_vkey *vkey, struct cf_fault *fault)
{
  struct cf_buf text;
  mode_t mode;
  cf_buf_init(&text, 1024);
  enum cf_err err = signer < 0 ? CF_E_NOTFOUND : cf_file_get(signer, "vkey", &text, &mode, fault);
  struct cf_str left = cf_buf_str(&text);
  if (err == CF_OK)
    err = cf_vkey_parse(cf_str_cut(&left, '\n'), vkey);
  cf_buf_fini(&text);
  return err != CF_E_SYNTAX ? err
                            : cf_fail(fault, CF_E_CONFIG, "vkey",
                                      "this is no key: put the one that `init` told in its place");
}

/* The key is what the signer's directory says, where there is one, else what
 * record 0 does. */
static enum cf_err vkey_find(struct cf_ledger *l, int signer, struct cf_fault *fault)
{
  enum cf_err err = vkey_read(signer, &l->vkey, fault);
  if (err == CF_OK)
    return cf_keys_check(l, fault);
  if (err != CF_E_NOTFOUND)
    return err;
  l->own_key = true;
  err = cf_keys_first(l, &l->vkey);
  return err != CF_E_DAMAGED && err != CF_E_NOTFOUND
             ? err
             : cf_fail(fault, err, l->conf->signer,
                       "the ledger's key is neither in the file `vkey` nor in record 0");
}

bool cf_ledger_key_is_own(const struct cf_ledger *l)
{
  return l->own_key;
}

enum cf_err cf_signed_without(const struct cf_conf *conf, struct cf_vkey *vkey,
                              struct cf_anchor *anchor, struct cf_fault *fault)
{
  int signer, data = open(conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum cf_err err = signer_open(conf, &signer, fault);
  if (err == CF_OK)
    err = vkey_read(signer, vkey, fault);
  if (err == CF_OK)
    err = cf_anchor_look(anchor, signer, conf->signer, vkey, fault);
  else if (err == CF_E_NOTFOUND)
    err = cf_fail(fault, err, conf->signer,
                  "neither the data nor the key's file `vkey` can be read: put them back");
  if (err == CF_OK && data >= 0)
    err = cf_anchor_look(anchor, data, conf->data, vkey, fault);
  if (signer >= 0)
    (void)close(signer);
  if (data >= 0)
    (void)close(data);
  return err;
}

enum cf_err cf_ledger_signed(struct cf_ledger *l, struct cf_anchor *anchor, struct cf_fault *fault)
{
  int signer;
  enum cf_err err = signer_open(l->conf, &signer, fault);
  if (err == CF_OK)
    err = cf_signed_gather(l, signer, anchor, fault);
  if (signer >= 0)
    (void)close(signer);
  return err == CF_OK && !anchor->any ? CF_E_NOTFOUND : err;
}

enum cf_err cf_ledger_judge(struct cf_ledger *l, struct cf_fault *fault)
{
  int signer;
  enum cf_err err = signer_open(l->conf, &signer, fault);
  if (err == CF_OK)
    err = cf_signed_check(l, signer, fault);
  if (signer >= 0)
    (void)close(signer);
  return err;
}

static enum cf_err open_inside(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = directory_open(l, fault);
  if (err == CF_OK)
    err = owner_check(l, fault);
  if (err == CF_OK)
    err = cf_scratch_make(l->directory, "env", &l->scratch, fault);
  if (err == CF_OK)
    err = owner_check(l, fault);
  if (err == CF_OK) {
    free(l->env_path);
    l->env_path = strdup(l->scratch);
    err = l->env_path == NULL ? CF_E_NOMEM : CF_OK;
  }
  if (err == CF_OK)
    err = cf_ledger_open_env(l, CF_BDB_READ, true, fault);
  if (err == CF_OK)
    err = cf_recover(l, fault);
  if (err != CF_OK)
    return err;
  int signer;
  err = signer_open(l->conf, &signer, fault);
  if (err == CF_OK)
    err = vkey_find(l, signer, fault);
  l->evidence.max = l->size;
  if (err == CF_OK)
    err = cf_signed_gather(l, signer, &l->evidence, fault);
  if (signer >= 0)
    (void)close(signer);
  l->sealed = l->evidence.checkpoint.size;
  return err;
}

enum cf_err cf_ledger_open_copy(const struct cf_conf *conf, struct cf_ledger **ledger,
                                struct cf_fault *fault)
{
  struct cf_ledger *l = NULL;
  enum cf_err err = cf_ledger_new(conf, "", &l, fault);
  if (err != CF_OK)
    return err;
  err = open_inside(l, fault);
  if (err == CF_OK)
    *ledger = l;
  else
    cf_ledger_free(l);
  return err;
}

bool cf_ledger_is_copy(const struct cf_ledger *l)
{
  return l->signer == NULL;
}
