/* SPDX-License-Identifier: MIT */
/* The signer's directory: what it keeps, how it is read, and when it signs.
 * Each step that a crash can cut short leaves a directory that opens again: a
 * file under its own name is always whole, and one that ends in .new is never
 * read. */
#include "config.h"

#include "lib/proof/signer.h"

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
#include "lib/proof/anchor.h"
#include "lib/proof/signer_in.h"

#define VKEY_MAX 512
#define PREVIOUS "previous.vkey"
#define BEFORE   "before"

struct cf_signer {
  int fd; /* the directory; locked while it is open */
  struct cf_vkey vkey;
  uint8_t seed[CF_SEED_N];
  uint8_t mac_key[CF_HASH_N];
  struct cf_buf note; /* the last one signed; empty: none */
  struct cf_checkpoint last;
  struct cf_checkpoint before; /* before the last one; size 0: not known */
  struct cf_vkey previous;     /* of the log that this one continues; no name: none */
  bool used;                   /* the mark of that name is there */
};

/* Files that are there or not: */
#define USED    "used"    /* this key has signed more than a first record */
#define VOUCHED "vouched" /* each head of its ledger bears a MAC */

/* ---- files ---- */

/* Nobody knows what is on disk: no signature may follow. */
static void die_of_sync(const char *what)
{
  cf_die("signer: fsync of %s failed: %s", what, strerror(errno));
}

/* What came of writing `name`. */
static enum cf_err written(enum cf_err err, const char *name, struct cf_fault *fault)
{
  if (err == CF_E_UNKNOWN)
    die_of_sync(name);
  return err == CF_OK ? CF_OK : cf_fail_errno(fault, err, name, "the signer cannot write it");
}

/* ---- key ---- */

static enum cf_err vkey_write(int directory, const char *name, const struct cf_vkey *vkey,
                              struct cf_fault *fault)
{
  struct cf_buf b;
  cf_buf_init(&b, VKEY_MAX);
  cf_vkey_put(vkey, &b);
  cf_buf_putc(&b, '\n');
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = written(cf_file_replace(directory, name, 0644, cf_buf_str(&b)), name, fault);
  cf_buf_fini(&b);
  return err;
}

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
    err = written(cf_file_put(directory, "key.new", 0600, cf_buf_str(&b)), "key.new", fault);
  cf_secret_fini(&b);
  if (err != CF_OK)
    return err;
  if (linkat(directory, "key.new", directory, "key", 0) != 0)
    err = errno == EEXIST ? cf_fail(fault, CF_E_CONFLICT, "key", "there is a key already")
                          : cf_fail_errno(fault, CF_E_SYSTEM, "key", "the signer cannot create it");
  unlinkat(directory, "key.new", 0);
  if (fsync(directory) != 0)
    die_of_sync("its directory");
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
static enum cf_err directory_open(const char *directory, int *fd, struct cf_fault *fault)
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

enum cf_err cf_signer_create(const char *directory, struct cf_str origin, const uint8_t *seed,
                             struct cf_fault *fault)
{
  uint8_t own[CF_SEED_N], pubkey[CF_PUBKEY_N];
  struct cf_vkey vkey;
  int fd = -1;
  if (!cf_origin_ok(origin))
    return cf_fail(fault, CF_E_CONFIG, "origin",
                   "1 to 255 printable ASCII characters without space and '+' are needed");
  if (mkdir(directory, 0700) != 0 && errno != EEXIST)
    return cf_fail_errno(fault, CF_E_SYSTEM, directory, "the signer's directory cannot be made");
  enum cf_err err = directory_open(directory, &fd, fault);
  if (err != CF_OK)
    return err;
  if (seed)
    memcpy(own, seed, sizeof own);
  else
    cf_random(own, sizeof own);
  err = cf_ed25519_public(own, pubkey);
  if (err != CF_OK)
    goto out;
  cf_vkey_make(origin, pubkey, &vkey);
  err = key_write(fd, &vkey, own, fault);
  if (err == CF_OK)
    err = vkey_write(fd, "vkey", &vkey, fault);
  if (err == CF_OK && !cf_file_sync_name(directory))
    die_of_sync("the directory above it");
out:
  cf_wipe(own, sizeof own);
  close(fd);
  return fault_place(err, directory, fault);
}

static enum cf_err key_load(struct cf_signer *signer, struct cf_str origin, struct cf_fault *fault)
{
  const struct cf_str what = CF_STR("counterfoil/v1/mac");
  struct cf_buf b;
  mode_t mode;
  cf_secret_init(&b);
  enum cf_err err = cf_file_get(signer->fd, "key", &b, &mode, fault);
  if (err == CF_E_NOTFOUND)
    err = cf_fail(
        fault, CF_E_CONFIG, "key",
        "there is no key: put the backup of the signer's directory back; where there is none, see `counterfoil recover`");
  if (err == CF_OK && (mode & 077))
    err = cf_fail(
        fault, CF_E_CONFIG, "key",
        "others may read or write it (mode %03o); chmod 600 it, and make a new key if somebody may have",
        mode & 0777);
  if (err == CF_OK) {
    err = cf_signer_key_parse(cf_buf_str(&b), &signer->vkey, signer->seed);
    if (err == CF_E_SYNTAX)
      err = cf_fail(
          fault, CF_E_CONFIG, "key",
          "it does not hold a key: put it back from a backup; where there is none, see `counterfoil recover`");
  }
  cf_hmac(signer->seed, sizeof signer->seed, &what, 1, signer->mac_key);
  cf_secret_fini(&b);
  if (err == CF_OK && !cf_str_is(origin, signer->vkey.name))
    err = cf_fail(
        fault, CF_E_CONFIG, "key",
        "it is the key of the origin %s: this ledger has another one's `signer` in its configuration, or that was put here",
        signer->vkey.name);
  return err;
}

/* A crash between key and vkey leaves none. */
static enum cf_err vkey_mend(const struct cf_signer *signer, struct cf_fault *fault)
{
  if (faccessat(signer->fd, "vkey", F_OK, 0) == 0 || errno != ENOENT)
    return CF_OK;
  return vkey_write(signer->fd, "vkey", &signer->vkey, fault);
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

static enum cf_err state_load(struct cf_signer *signer, struct cf_fault *fault)
{
  mode_t mode;
  enum cf_err err = cf_file_get(signer->fd, "state", &signer->note, &mode, fault);
  if (err == CF_E_NOTFOUND)
    return CF_OK;
  if (err != CF_OK)
    return err;
  err = cf_checkpoint_check(cf_buf_str(&signer->note), &signer->vkey, &signer->last);
  if (err == CF_E_SYNTAX || err == CF_E_SIGNATURE)
    err = cf_fail(
        fault, CF_E_CONFIG, "state",
        "it is not a checkpoint that this key signed: find out who changed it, and put the newest one back as `counterfoil recover` says");
  return err;
}

static enum cf_err before_load(struct cf_signer *signer, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, CF_NOTE_MAX);
  enum cf_err err = cf_file_get(signer->fd, BEFORE, &b, &mode, fault);
  if (err == CF_OK && cf_checkpoint_check(cf_buf_str(&b), &signer->vkey, &signer->before) != CF_OK)
    err = cf_fail(fault, CF_E_CONFIG, BEFORE,
                  "it is not a checkpoint that this key signed: find out who changed it, then "
                  "remove it; what was signed last is in `state`");
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err previous_load(struct cf_signer *signer, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, VKEY_MAX);
  enum cf_err err = cf_file_get(signer->fd, PREVIOUS, &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  if (err == CF_OK && cf_vkey_parse(cf_str_cut(&left, '\n'), &signer->previous) != CF_OK)
    err =
        cf_fail(fault, CF_E_CONFIG, PREVIOUS, "it does not hold a key: put it back from a backup");
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_signer_open(const char *directory, struct cf_str origin, struct cf_signer **signer,
                           struct cf_fault *fault)
{
  struct cf_signer *s = calloc(1, sizeof *s);
  if (!s)
    return CF_E_NOMEM;
  s->fd = -1;
  cf_buf_init(&s->note, CF_NOTE_MAX);
  enum cf_err err = directory_open(directory, &s->fd, fault);
  if (err == CF_OK)
    err = key_load(s, origin, fault);
  if (err == CF_OK)
    err = vkey_mend(s, fault);
  if (err == CF_OK)
    err = state_check(s->fd, directory, fault);
  if (err == CF_OK)
    err = state_load(s, fault);
  if (err == CF_OK)
    err = before_load(s, fault);
  if (err == CF_OK)
    err = previous_load(s, fault);
  if (err != CF_OK)
    cf_signer_close(s);
  else
    *signer = s;
  return fault_place(err, directory, fault);
}

void cf_signer_close(struct cf_signer *signer)
{
  if (!signer)
    return;
  if (signer->fd >= 0)
    close(signer->fd);
  cf_buf_fini(&signer->note);
  cf_wipe(signer, sizeof *signer);
  free(signer);
}

const struct cf_vkey *cf_signer_vkey(const struct cf_signer *signer)
{
  return &signer->vkey;
}

int cf_signer_directory(const struct cf_signer *signer)
{
  return signer->fd;
}

bool cf_signer_last(const struct cf_signer *signer, struct cf_checkpoint *last)
{
  if (signer->note.n == 0)
    return false;
  *last = signer->last;
  return true;
}

bool cf_signer_before(const struct cf_signer *signer, struct cf_checkpoint *before)
{
  if (signer->before.size == 0)
    return false;
  *before = signer->before;
  return true;
}

void cf_signer_mac(const struct cf_signer *signer, const struct cf_str *parts, size_t parts_n,
                   uint8_t mac[CF_HASH_N])
{
  cf_hmac(signer->mac_key, sizeof signer->mac_key, parts, parts_n, mac);
}

struct cf_str cf_signer_note(const struct cf_signer *signer)
{
  return cf_buf_str(&signer->note);
}

const struct cf_vkey *cf_signer_previous(const struct cf_signer *signer)
{
  return signer->previous.name[0] != 0 ? &signer->previous : NULL;
}

enum cf_err cf_signer_set_previous(struct cf_signer *signer, const struct cf_vkey *vkey,
                                   struct cf_fault *fault)
{
  enum cf_err err = vkey_write(signer->fd, PREVIOUS, vkey, fault);
  if (err == CF_OK)
    signer->previous = *vkey;
  return err;
}

enum cf_err cf_signer_forget(struct cf_signer *signer, struct cf_fault *fault)
{
  struct cf_anchor anchor;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_anchor_look(&anchor, signer->fd, "signer", &signer->vkey, fault);
  bool more = (anchor.any && anchor.checkpoint.size > 1) || cf_signer_used(signer->fd);
  cf_anchor_fini(&anchor);
  if (err != CF_OK)
    return err;
  if (more)
    return cf_fail(
        fault, CF_E_CONFLICT, "key",
        "it has signed a ledger already: a new one wants a new signer's directory; where the data directory holds that ledger, remove the file `unfinished` there");
  if (unlinkat(signer->fd, "state", 0) != 0 && errno != ENOENT)
    return cf_fail_errno(fault, CF_E_SYSTEM, "state", "the signer cannot remove it");
  if (fsync(signer->fd) != 0)
    die_of_sync("its directory");
  cf_buf_reset(&signer->note);
  return CF_OK;
}

/* ---- marks ---- */

static bool mark_there(int directory, const char *name)
{
  return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum cf_err mark_put(const struct cf_signer *signer, const char *name,
                            struct cf_fault *fault)
{
  int fd = cf_file_make(signer->fd, name, O_WRONLY);
  if (fd < 0)
    return cf_fail_errno(fault, errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM, name,
                         "the signer cannot write it");
  (void)close(fd);
  if (fsync(signer->fd) != 0)
    die_of_sync("its directory");
  return CF_OK;
}

bool cf_signer_used(int directory)
{
  return mark_there(directory, USED);
}

bool cf_signer_vouches(const struct cf_signer *signer)
{
  return mark_there(signer->fd, VOUCHED);
}

enum cf_err cf_signer_vouch(const struct cf_signer *signer, struct cf_fault *fault)
{
  return mark_put(signer, VOUCHED, fault);
}

/* ---- signing ---- */

/* Before the first signature of more than record 0: from then on that the state
 * is missing means that somebody took it away. */
static enum cf_err use_mark(struct cf_signer *signer, uint64_t size, struct cf_fault *fault)
{
  if (size <= 1 || signer->used)
    return CF_OK;
  enum cf_err err = mark_put(signer, USED, fault);
  signer->used = err == CF_OK;
  return err;
}

static enum cf_err root_is(const struct cf_hashes *hashes, uint64_t size,
                           const uint8_t root[CF_HASH_N], bool *same)
{
  uint8_t got[CF_HASH_N];
  enum cf_err err = cf_tree_root(hashes, size, got);
  if (err == CF_OK)
    *same = memcmp(got, root, sizeof got) == 0;
  return err;
}

/* May (size, root) be signed? Both roots come from the same hashes, so the one
 * tree extends the other where both are right. */
static enum cf_err may_sign(const struct cf_signer *signer, uint64_t size,
                            const uint8_t root[CF_HASH_N], const struct cf_hashes *hashes,
                            struct cf_fault *fault)
{
  bool same = false;
  if (signer->note.n > 0 && size < signer->last.size)
    return cf_fail(fault, CF_E_ROLLBACK, "state",
                   "size %llu was signed already, the ledger has %llu",
                   (unsigned long long)signer->last.size, (unsigned long long)size);
  enum cf_err err = root_is(hashes, size, root, &same);
  if (err != CF_OK)
    return err;
  if (!same)
    return cf_fail(fault, CF_E_PROOF, NULL, "the root given for size %llu is not the tree's",
                   (unsigned long long)size);
  if (signer->note.n == 0)
    return CF_OK;
  err = root_is(hashes, signer->last.size, signer->last.root, &same);
  if (err != CF_OK)
    return err;
  return same ? CF_OK
              : cf_fail(fault, CF_E_ROLLBACK, "state",
                        "the tree of size %llu is not the one that was signed",
                        (unsigned long long)signer->last.size);
}

/* The whole note of the checkpoint onto b. */
static enum cf_err note_make(const struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                             struct cf_buf *b)
{
  cf_checkpoint_put(checkpoint, b);
  size_t text_n = b->n;
  cf_buf_putc(b, '\n');
  if (b->err != CF_OK)
    return b->err;
  uint8_t text[CF_ORIGIN_MAX + 128];
  CF_ASSERT(text_n <= sizeof text);
  memcpy(text, b->p, text_n);
  return cf_note_sign((struct cf_str){(const void *)text, text_n}, &signer->vkey, signer->seed, b);
}

/* Another name for the note that is replaced, or a copy where the file system
 * has no second names. What replaces it syncs the directory. */
static enum cf_err before_keep(const struct cf_signer *signer, struct cf_fault *fault)
{
  if (signer->note.n == 0)
    return CF_OK;
  (void)unlinkat(signer->fd, BEFORE ".new", 0);
  if (linkat(signer->fd, "state", signer->fd, BEFORE ".new", 0) == 0 &&
      renameat(signer->fd, BEFORE ".new", signer->fd, BEFORE) == 0)
    return CF_OK;
  if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
    return written(cf_file_replace(signer->fd, BEFORE, 0600, cf_buf_str(&signer->note)), BEFORE,
                   fault);
  return cf_fail_errno(fault, errno == ENOSPC || errno == EDQUOT ? CF_E_SPACE : CF_E_SYSTEM, BEFORE,
                       "the signer cannot write it");
}

/* Make, keep, and only then remember it. */
static enum cf_err note_sign(struct cf_signer *signer, uint64_t size, const uint8_t root[CF_HASH_N],
                             struct cf_fault *fault)
{
  struct cf_checkpoint checkpoint;
  struct cf_buf note;
  memset(&checkpoint, 0, sizeof checkpoint);
  strcpy(checkpoint.origin, signer->vkey.name);
  checkpoint.size = size;
  memcpy(checkpoint.root, root, CF_HASH_N);
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = note_make(signer, &checkpoint, &note);
  if (err == CF_OK)
    err = before_keep(signer, fault);
  if (err == CF_OK)
    err = written(cf_file_replace(signer->fd, "state", 0600, cf_buf_str(&note)), "state", fault);
  if (err != CF_OK) {
    cf_buf_fini(&note);
    return err;
  }
  if (signer->note.n > 0)
    signer->before = signer->last;
  cf_buf_fini(&signer->note);
  signer->note = note;
  signer->last = checkpoint;
  return CF_OK;
}

enum cf_err cf_signer_sign(struct cf_signer *signer, uint64_t size, const uint8_t root[CF_HASH_N],
                           const struct cf_hashes *hashes, struct cf_buf *b, struct cf_fault *fault)
{
  bool again = signer->note.n > 0 && signer->last.size == size &&
               memcmp(signer->last.root, root, CF_HASH_N) == 0;
  enum cf_err err = again ? CF_OK : may_sign(signer, size, root, hashes, fault);
  if (err == CF_OK)
    err = use_mark(signer, size, fault);
  if (err == CF_OK && !again)
    err = note_sign(signer, size, root, fault);
  if (err != CF_OK)
    return err;
  cf_buf_putstr(b, cf_buf_str(&signer->note));
  return b->err;
}
