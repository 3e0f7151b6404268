/* SPDX-License-Identifier: MIT */
/* The way of a directory: what it keeps, how it is read, and what is on disk
 * before a signature is given out. Each step that a crash can cut short leaves
 * a directory that opens again: a file under its own name is always whole, and
 * one that ends in .new is never read. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/base/signer_place.h"
#include "lib/proof/anchor.h"
#include "lib/proof/signer_directory_in.h"

#define PREVIOUS "previous.vkey"
#define BEFORE   "before"

/* Files that are there or not: */
#define USED    "used"    /* this key has signed more than a first record */
#define VOUCHED "vouched" /* each head of its ledger bears a CF_SIGNER_MAC */

static struct cf_signer_directory *directory_of(struct cf_signer *signer)
{
  return (struct cf_signer_directory *)signer;
}

/* ---- key ---- */

/* Write the key under its name without ever writing over one: link(2) fails
 * where there is one. */
static enum cf_err key_write(int directory, const struct cf_vkey *vkey,
                             const uint8_t seed[CF_SEED_N], struct cf_fault *fault)
{
  struct cf_buf b;
  cf_secret_init(&b);
  cf_signer_key_put(vkey, seed, &b);
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_signer_written(cf_file_put(directory, "key.new", 0600, cf_buf_str(&b)), "key.new",
                            fault);
  cf_secret_fini(&b);
  if (err != CF_OK)
    return err;
  if (linkat(directory, "key.new", directory, "key", 0) != 0)
    err = errno == EEXIST ? cf_fail(fault, CF_E_CONFLICT, "key", "there is a key already")
                          : cf_fail_errno(fault, CF_E_SYSTEM, "key", "the signer cannot create it");
  unlinkat(directory, "key.new", 0);
  if (fsync(directory) != 0)
    cf_signer_die_of_sync("its directory");
  return err;
}

/* ---- directory ---- */

/* Whoever else may write to it could take the state away, and with it the
 * memory of what was signed. */
static enum cf_err directory_check(int fd, const char *directory, struct cf_fault *fault)
{
  struct stat st;
  if (fstat(fd, &st) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, directory,
                         "the signer's directory cannot be looked at");
  if (st.st_uid != geteuid())
    return cf_fail(
        fault, CF_E_CONFIG, directory,
        "the signer's directory belongs to uid %lu and this process is uid %lu: run as its owner, who the ledger's has to be, or chown -R both",
        (unsigned long)st.st_uid, (unsigned long)geteuid());
  return (st.st_mode & 022) == 0
             ? CF_OK
             : cf_fail(fault, CF_E_CONFIG, directory,
                       "others may write to the signer's directory (mode %03o): chmod 700 %s",
                       st.st_mode & 0777, directory);
}

/* Open and lock it, so that never two signers remember two different last
 * sizes. */
static enum cf_err directory_lock(const char *directory, int *fd, struct cf_fault *fault)
{
  int got = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (got < 0)
    return cf_fail_errno(
        fault, CF_E_SYSTEM, directory,
        "the signer's directory cannot be opened (where it is lost, put its backup back; see `counterfoil recover`)");
  enum cf_err err = directory_check(got, directory, fault);
  if (err == CF_OK && flock(got, LOCK_EX | LOCK_NB) != 0)
    err = errno == EWOULDBLOCK
              ? cf_fail(fault, CF_E_LOCKED, directory, "another process signs with this key")
              : cf_fail_errno(fault, CF_E_SYSTEM, directory,
                              "the signer's directory cannot be locked");
  if (err != CF_OK)
    close(got);
  else
    *fd = got;
  return err;
}

/* Where a file of it is named by its name alone, the whole path. */
static enum cf_err fault_place(enum cf_err err, const char *directory, struct cf_fault *fault)
{
  char path[sizeof fault->at];
  if (err == CF_OK || fault == NULL || fault->at[0] == 0 || strchr(fault->at, '/') != NULL ||
      strcmp(fault->at, "origin") == 0 ||
      snprintf(path, sizeof path, "%s/%s", directory, fault->at) >= (int)sizeof path)
    return err;
  memcpy(fault->at, path, sizeof path);
  return err;
}

/* ---- marks ---- */

static bool mark_there(int directory, const char *name)
{
  return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum cf_err mark_put(int directory, const char *name, struct cf_fault *fault)
{
  int fd = cf_file_make(directory, name, O_WRONLY);
  if (fd < 0)
    return cf_fail_errno(fault, errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM, name,
                         "the signer cannot write it");
  (void)close(fd);
  if (fsync(directory) != 0)
    cf_signer_die_of_sync("its directory");
  return CF_OK;
}

bool cf_signer_used(int directory)
{
  return mark_there(directory, USED);
}

/* ---- opening ---- */

static enum cf_err key_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  const struct cf_str what = CF_STR("counterfoil/v1/mac");
  enum cf_err err = cf_signer_key_get(d->fd, "key", &d->signer.vkey, d->seed, fault);
  if (err == CF_E_NOTFOUND)
    err = cf_fail(
        fault, CF_E_CONFIG, "key",
        "there is no key: put the backup of the signer's directory back; where there is none, see `counterfoil recover`");
  if (err != CF_OK)
    return err;
  if (mark_there(d->fd, CF_SIGNER_MAC) || mark_there(d->fd, "keys"))
    return cf_signer_mac_load(d, fault);
  cf_hmac(d->seed, sizeof d->seed, &what, 1, d->signer.mac_key);
  return CF_OK;
}

static enum cf_err origin_check(const struct cf_signer_directory *d, struct cf_str origin,
                                struct cf_fault *fault)
{
  if (origin.n == 0 || cf_str_is(origin, d->signer.vkey.name))
    return CF_OK;
  return cf_fail(
      fault, CF_E_CONFIG, "key",
      "it is the key of the origin %s: this ledger has another one's `signer` in its configuration, or that was put here",
      d->signer.vkey.name);
}

/* A crash between key and vkey leaves none, or that of the key before. */
static enum cf_err vkey_mend(const struct cf_signer_directory *d, struct cf_fault *fault)
{
  struct cf_buf b;
  struct cf_vkey there;
  mode_t mode;
  cf_buf_init(&b, CF_SIGNER_VKEY_MAX);
  enum cf_err err = cf_file_get(d->fd, "vkey", &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  bool same = err == CF_OK && cf_vkey_parse(cf_str_cut(&left, '\n'), &there) == CF_OK &&
              cf_vkey_same(&there, &d->signer.vkey);
  cf_buf_fini(&b);
  if (err != CF_OK && err != CF_E_NOTFOUND)
    return err;
  return same ? CF_OK : cf_signer_vkey_write(d->fd, "vkey", &d->signer.vkey, fault);
}

/* Of another's file no link can be made, perhaps, and `before` is one. */
static enum cf_err state_check(int fd, const char *directory, struct cf_fault *fault)
{
  struct stat st;
  if (fstatat(fd, "state", &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid == geteuid())
    return CF_OK;
  return cf_fail(
      fault, CF_E_CONFIG, directory,
      "the file `state` in it belongs to uid %lu and not, as the directory, to uid %lu: chown %lu %s/state",
      (unsigned long)st.st_uid, (unsigned long)geteuid(), (unsigned long)geteuid(), directory);
}

static enum cf_err state_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  mode_t mode;
  enum cf_err err = cf_file_get(d->fd, "state", &d->signer.note, &mode, fault);
  if (err == CF_E_NOTFOUND)
    return CF_OK;
  if (err != CF_OK)
    return err;
  err = cf_keys_checkpoint(&d->keys, cf_buf_str(&d->signer.note), &d->signer.last);
  if (err == CF_E_SYNTAX || err == CF_E_SIGNATURE)
    err = cf_fail(
        fault, CF_E_CONFIG, "state",
        "it is not a checkpoint that this key signed: find out who changed it, and put the newest one back as `counterfoil recover` says");
  return err;
}

static enum cf_err before_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, CF_NOTE_MAX);
  enum cf_err err = cf_file_get(d->fd, BEFORE, &b, &mode, fault);
  if (err == CF_OK && cf_keys_checkpoint(&d->keys, cf_buf_str(&b), &d->signer.before) != CF_OK)
    err = cf_fail(fault, CF_E_CONFIG, BEFORE,
                  "it is not a checkpoint that this key signed: find out who changed it, then "
                  "remove it; what was signed last is in `state`");
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err previous_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, CF_SIGNER_VKEY_MAX);
  enum cf_err err = cf_file_get(d->fd, PREVIOUS, &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  if (err == CF_OK && cf_vkey_parse(cf_str_cut(&left, '\n'), &d->signer.previous) != CF_OK)
    err =
        cf_fail(fault, CF_E_CONFIG, PREVIOUS, "it does not hold a key: put it back from a backup");
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

/* ---- creating ---- */

/* A key of its own, from seed (NULL: random). */
static enum cf_err key_make(int fd, struct cf_str origin, const uint8_t *seed,
                            struct cf_fault *fault)
{
  uint8_t own[CF_SEED_N], pubkey[CF_PUBKEY_N];
  struct cf_vkey vkey;
  if (seed)
    memcpy(own, seed, sizeof own);
  else
    cf_random(own, sizeof own);
  enum cf_err err = cf_ed25519_public(own, pubkey);
  if (err == CF_OK) {
    cf_vkey_make(origin, pubkey, &vkey);
    err = key_write(fd, &vkey, own, fault);
  }
  if (err == CF_OK)
    err = cf_signer_vkey_write(fd, "vkey", &vkey, fault);
  cf_wipe(own, sizeof own);
  return err;
}

static enum cf_err directory_create(const char *place, struct cf_str origin, const uint8_t *seed,
                                    struct cf_fault *fault)
{
  const char *directory = cf_signer_path(place);
  int fd = -1;
  if (mkdir(directory, 0700) != 0 && errno != EEXIST)
    return cf_fail_errno(fault, CF_E_SYSTEM, directory, "the signer's directory cannot be made");
  enum cf_err err = directory_lock(directory, &fd, fault);
  if (err != CF_OK)
    return err;
  err = cf_signer_kind(place) == CF_SIGNER_TOKEN ? cf_signer_token_take(fd, place, origin, fault)
                                                 : key_make(fd, origin, seed, fault);
  if (err == CF_OK && !cf_file_sync_name(directory))
    cf_signer_die_of_sync("the directory above it");
  close(fd);
  return fault_place(err, directory, fault);
}

static void directory_close(struct cf_signer *signer)
{
  struct cf_signer_directory *d = directory_of(signer);
  if (d->fd >= 0)
    close(d->fd);
  cf_buf_fini(&signer->note);
  cf_token_key_close(d->token);
  cf_keys_fini(&d->keys);
  cf_wipe(d, sizeof *d);
  free(d);
}

static enum cf_err directory_load(struct cf_signer_directory *d, const char *place,
                                  struct cf_str origin, struct cf_fault *fault)
{
  const char *directory = cf_signer_path(place);
  bool token = cf_signer_kind(place) == CF_SIGNER_TOKEN;
  enum cf_err err = directory_lock(directory, &d->fd, fault);
  if (err == CF_OK)
    err = token ? cf_signer_token_load(d, place, fault) : key_load(d, fault);
  if (err == CF_OK)
    err = origin_check(d, origin, fault);
  if (err == CF_OK)
    err = cf_signer_keys_load(d, fault);
  if (err == CF_OK && !token)
    err = vkey_mend(d, fault);
  if (err == CF_OK)
    err = state_check(d->fd, directory, fault);
  if (err == CF_OK)
    err = state_load(d, fault);
  if (err == CF_OK)
    err = before_load(d, fault);
  if (err == CF_OK)
    err = previous_load(d, fault);
  if (err == CF_OK) {
    d->signer.used = mark_there(d->fd, USED);
    d->signer.vouched = mark_there(d->fd, VOUCHED);
  }
  return fault_place(err, directory, fault);
}

static enum cf_err directory_open(const char *place, struct cf_str origin,
                                  struct cf_signer **signer, struct cf_fault *fault)
{
  struct cf_signer_directory *d = calloc(1, sizeof *d);
  if (!d)
    return CF_E_NOMEM;
  d->signer.way = &cf_signer_directory_way;
  d->fd = -1;
  cf_buf_init(&d->signer.note, CF_NOTE_MAX);
  enum cf_err err = directory_load(d, place, origin, fault);
  if (err == CF_OK)
    *signer = &d->signer;
  else
    directory_close(&d->signer);
  return err;
}

/* ---- signing ---- */

/* Before the first signature of more than record 0: from then on that the state
 * is missing means that somebody took it away. */
static enum cf_err use_mark(struct cf_signer_directory *d, uint64_t size, struct cf_fault *fault)
{
  if (size <= 1 || d->signer.used)
    return CF_OK;
  enum cf_err err = mark_put(d->fd, USED, fault);
  d->signer.used = err == CF_OK;
  return err;
}

/* The whole note of the checkpoint onto b. */
static enum cf_err note_make(struct cf_signer_directory *d, const struct cf_checkpoint *checkpoint,
                             struct cf_buf *b, struct cf_fault *fault)
{
  cf_checkpoint_put(checkpoint, b);
  size_t text_n = b->n;
  cf_buf_putc(b, '\n');
  if (b->err != CF_OK)
    return b->err;
  uint8_t text[CF_ORIGIN_MAX + 128];
  CF_ASSERT(text_n <= sizeof text);
  memcpy(text, b->p, text_n);
  const struct cf_str signed_text = {(const void *)text, text_n};
  if (d->token == NULL) {
    enum cf_err err = cf_note_sign(signed_text, &d->signer.vkey, d->seed, b);
    return err == CF_OK ? cf_signer_cosign(d, signed_text, b) : err;
  }
  uint8_t sig[CF_SIG_N];
  enum cf_err err = cf_token_key_sign(d->token, text, text_n, sig);
  if (err != CF_OK)
    return cf_fail(fault, err, "signer",
                   "the token did not sign: see that it is there (pkcs11-tool -L), then start "
                   "counterfoil-signer, or the service where that asks it, again");
  cf_note_put_signature(&d->signer.vkey, sig, b);
  return b->err;
}

/* Another name for the note that is replaced, or a copy where the file system
 * has no second names. What replaces it syncs the directory. */
static enum cf_err before_keep(const struct cf_signer_directory *d, struct cf_fault *fault)
{
  if (d->signer.note.n == 0)
    return CF_OK;
  (void)unlinkat(d->fd, BEFORE ".new", 0);
  if (linkat(d->fd, "state", d->fd, BEFORE ".new", 0) == 0 &&
      renameat(d->fd, BEFORE ".new", d->fd, BEFORE) == 0)
    return CF_OK;
  if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
    return cf_signer_written(cf_file_replace(d->fd, BEFORE, 0600, cf_buf_str(&d->signer.note)),
                             BEFORE, fault);
  return cf_fail_errno(fault, errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM, BEFORE,
                       "the signer cannot write it");
}

/* Make, keep, and only then remember it. */
static enum cf_err note_sign(struct cf_signer_directory *d, const struct cf_checkpoint *checkpoint,
                             struct cf_fault *fault)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = note_make(d, checkpoint, &note, fault);
  if (err == CF_OK)
    err = before_keep(d, fault);
  if (err == CF_OK)
    err =
        cf_signer_written(cf_file_replace(d->fd, "state", 0600, cf_buf_str(&note)), "state", fault);
  if (err == CF_OK)
    cf_signer_remember(&d->signer, checkpoint, &note);
  cf_buf_fini(&note);
  return err;
}

static enum cf_err directory_sign(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                                  const struct cf_hashes *hashes, struct cf_fault *fault)
{
  struct cf_signer_directory *d = directory_of(signer);
  (void)hashes; /* the door has held the tree against what was signed last */
  enum cf_err err = use_mark(d, checkpoint->size, fault);
  return err == CF_OK && !cf_signer_is_last(signer, checkpoint) ? note_sign(d, checkpoint, fault)
                                                                : err;
}

static enum cf_err directory_forget(struct cf_signer *signer, struct cf_fault *fault)
{
  const struct cf_signer_directory *d = directory_of(signer);
  struct cf_anchor anchor;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_anchor_look(&anchor, d->fd, "signer", &d->keys, fault);
  bool more = (anchor.any && anchor.checkpoint.size > 1) || cf_signer_used(d->fd);
  cf_anchor_fini(&anchor);
  if (err != CF_OK)
    return err;
  if (more)
    return cf_fail(
        fault, CF_E_CONFLICT, "key",
        "it has signed a ledger already: a new one wants a new signer's directory; where the data directory holds that ledger, remove the file `unfinished` there");
  if (unlinkat(d->fd, "state", 0) != 0 && errno != ENOENT)
    return cf_fail_errno(fault, CF_E_SYSTEM, "state", "the signer cannot remove it");
  if (fsync(d->fd) != 0)
    cf_signer_die_of_sync("its directory");
  return CF_OK;
}

/* ---- the way ---- */

static enum cf_err directory_vouch(struct cf_signer *signer, struct cf_fault *fault)
{
  return mark_put(directory_of(signer)->fd, VOUCHED, fault);
}

static enum cf_err directory_previous(struct cf_signer *signer, const struct cf_vkey *vkey,
                                      struct cf_fault *fault)
{
  return cf_signer_vkey_write(directory_of(signer)->fd, PREVIOUS, vkey, fault);
}

static int directory_descriptor(const struct cf_signer *signer)
{
  return ((const struct cf_signer_directory *)signer)->fd;
}

static const struct cf_keys *directory_keys(const struct cf_signer *signer)
{
  return &((const struct cf_signer_directory *)signer)->keys;
}

const struct cf_signer_way cf_signer_directory_way = {
    .create = directory_create,
    .open = directory_open,
    .close = directory_close,
    .directory = directory_descriptor,
    .sign = directory_sign,
    .vouch = directory_vouch,
    .set_previous = directory_previous,
    .forget = directory_forget,
    .keys = directory_keys,
    .next = cf_signer_directory_next,
    .next_drop = cf_signer_directory_next_drop,
    .next_note = cf_signer_directory_next_note,
    .turn = cf_signer_directory_turn,
    .retire = cf_signer_directory_retire,
};
