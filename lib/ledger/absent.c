/* SPDX-License-Identifier: MIT */
/* What is known of a ledger whose data is not there. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/file.h"
#include "lib/ledger/ledger_in.h"

/* What nobody tells now is not known, as what may not be read. */
static enum cf_err told_open(const struct cf_conf *conf, struct cf_signed *signer,
                             struct cf_fault *fault)
{
  enum cf_err err = cf_signer_look(conf->signer, CF_STR(""), &signer->own, fault);
  signer->told = signer->own;
  if (err == CF_E_NOTREADY)
    cf_log(CF_LOG_WARNING, "%s: %s", conf->signer, cf_fault_text(fault, err));
  return err == CF_E_NOTREADY ? CF_OK : err;
}

enum cf_err cf_signed_open(const struct cf_conf *conf, struct cf_signed *signer,
                           struct cf_fault *fault)
{
  const char *directory = cf_conf_signer_directory(conf);
  *signer = (struct cf_signed){.directory = -1};
  if (directory == NULL)
    return told_open(conf, signer, fault);
  signer->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return signer->directory >= 0 || errno == ENOENT || errno == EACCES
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, directory, "cannot open the directory");
}

void cf_signed_close(struct cf_signed *signer)
{
  if (signer->directory >= 0)
    (void)close(signer->directory);
  cf_signer_close(signer->own);
  *signer = (struct cf_signed){.directory = -1};
}

enum cf_err cf_signed_vkey(const struct cf_signed *signer, struct cf_vkey *vkey,
                           struct cf_fault *fault)
{
  struct cf_buf text;
  mode_t mode;
  if (signer->told != NULL) {
    *vkey = *cf_signer_vkey(signer->told);
    return CF_OK;
  }
  cf_buf_init(&text, 1024);
  enum cf_err err = signer->directory < 0
                        ? CF_E_NOTFOUND
                        : cf_file_get(signer->directory, "vkey", &text, &mode, fault);
  struct cf_str left = cf_buf_str(&text);
  if (err == CF_OK)
    err = cf_vkey_parse(cf_str_cut(&left, '\n'), vkey);
  cf_buf_fini(&text);
  return err != CF_E_SYNTAX ? err
                            : cf_fail(fault, CF_E_CONFIG, "vkey",
                                      "this is no key: put the one that `init` told in its place");
}

enum cf_err cf_signed_look(const struct cf_conf *conf, const struct cf_signed *signer,
                           const struct cf_keys *keys, struct cf_anchor *anchor,
                           struct cf_fault *fault)
{
  if (signer->directory >= 0)
    return cf_anchor_look(anchor, signer->directory, cf_conf_signer_directory(conf), keys, fault);
  struct cf_str note = signer->told != NULL ? cf_signer_remembered(signer->told) : CF_STR("");
  enum cf_err err = note.n > 0 ? cf_anchor_take(anchor, conf->signer, note, keys) : CF_OK;
  return err == CF_E_SYNTAX || err == CF_E_SIGNATURE ? CF_OK : err;
}

enum cf_err cf_signed_without(const struct cf_conf *conf, struct cf_vkey *vkey,
                              struct cf_anchor *anchor, struct cf_fault *fault)
{
  struct cf_keys keys;
  struct cf_signed signer;
  cf_keys_init(&keys);
  int data = open(conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  enum cf_err err = cf_signed_open(conf, &signer, fault);
  if (err == CF_OK)
    err = cf_signed_vkey(&signer, vkey, fault);
  if (err == CF_OK)
    err = cf_keys_begin(&keys, vkey);
  if (err == CF_OK)
    err = cf_signed_look(conf, &signer, &keys, anchor, fault);
  else if (err == CF_E_NOTFOUND)
    err = cf_fail(fault, err, conf->signer,
                  "neither the data nor the key's file `vkey` can be read: put them back");
  if (err == CF_OK && data >= 0)
    err = cf_anchor_look(anchor, data, conf->data, &keys, fault);
  cf_keys_fini(&keys);
  cf_signed_close(&signer);
  if (data >= 0)
    (void)close(data);
  return err;
}

enum cf_err cf_signed_absent(const struct cf_conf *conf, struct cf_fault *fault)
{
  struct cf_anchor anchor;
  struct cf_vkey vkey;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_signed_without(conf, &vkey, &anchor, fault);
  if (err == CF_OK && anchor.any)
    err = cf_fail(
        fault, CF_E_ROLLBACK, anchor.where,
        "%llu records were signed, and there is no ledger in %s, or not all of it: mount its disk, or put the data back" CF_SEE_RECOVER,
        (unsigned long long)anchor.checkpoint.size, conf->data);
  else if (err == CF_OK || err == CF_E_NOTFOUND)
    err = cf_fail(fault, CF_E_NOTFOUND, conf->data,
                  "there is no ledger: make one with `counterfoil init`");
  cf_anchor_fini(&anchor);
  return err;
}

/* What an init has begun is told of otherwise. */
enum cf_err cf_ledger_look(const struct cf_ledger *l, struct cf_fault *fault)
{
  char *unfinished = NULL;
  if (access(l->env_path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
    return CF_OK;
  if (asprintf(&unfinished, "%s/" CF_UNFINISHED, l->conf->data) < 0)
    return CF_E_NOMEM;
  bool begun = access(unfinished, F_OK) == 0;
  free(unfinished);
  return begun ? CF_OK : cf_signed_absent(l->conf, fault);
}
