/* SPDX-License-Identifier: MIT */
/* One key follows another in a signer's directory. Beside `key`:
 *   key.next  the key that is to follow, durable before anybody hears of it
 *   mac       the first key's key of MACs, which stays the ledger's
 *   until     up to when the key before signs too, in microseconds since 1970
 *   keys      the notes by which the keys came, in order, an empty line between
 *             two. That it was replaced is the turn: what is missing then of
 *             the new key's having its place, the next opening does
 *   key.old   the key before, as long as it signs too */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/proof/signer_directory_in.h"

#define KEYS     "keys"
#define NEXT     "key.next"
#define OLD      "key.old"
#define UNTIL    "until"
#define KEYS_ALL (4u << 20) /* bytes of all notes */

static struct cf_signer_directory *directory_of(struct cf_signer *signer)
{
  return (struct cf_signer_directory *)signer;
}

static enum cf_err file_remove(int directory, const char *name, struct cf_fault *fault)
{
  return unlinkat(directory, name, 0) == 0 || errno == ENOENT
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, name, "the signer cannot remove it");
}

/* ---- the key before ---- */

static void old_wipe(struct cf_signer_directory *d)
{
  cf_wipe(d->old_seed, sizeof d->old_seed);
  memset(&d->old, 0, sizeof d->old);
}

static enum cf_err old_remove(struct cf_signer_directory *d, struct cf_fault *fault)
{
  old_wipe(d);
  enum cf_err err = file_remove(d->fd, OLD, fault);
  if (err == CF_OK)
    err = file_remove(d->fd, UNTIL, fault);
  if (err == CF_OK && fsync(d->fd) != 0)
    cf_signer_die_of_sync("its directory");
  return err;
}

static enum cf_err until_load(struct cf_signer_directory *d, uint64_t *until_us,
                              struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, 64);
  enum cf_err err = cf_file_get(d->fd, UNTIL, &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  if (err == CF_OK && cf_u64_parse(cf_str_cut(&left, '\n'), CF_TIME_MAX_US, until_us) != CF_OK)
    err = cf_fail(fault, CF_E_CONFIG, UNTIL, "it is no time: remove it, and the old key retires");
  cf_buf_fini(&b);
  return err;
}

/* One whose time is over, or that nothing tells the time of, is removed. */
static enum cf_err old_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  uint64_t until_us = 0;
  enum cf_err err = until_load(d, &until_us, fault);
  if (err == CF_OK && (int64_t)until_us > cf_clock_now_us())
    err = cf_signer_key_get(d->fd, OLD, &d->old, d->old_seed, fault);
  else if (err == CF_OK)
    err = CF_E_NOTFOUND;
  d->old_until_us = (int64_t)until_us;
  return err == CF_E_NOTFOUND ? old_remove(d, fault) : err;
}

enum cf_err cf_signer_cosign(struct cf_signer_directory *d, struct cf_str text, struct cf_buf *b)
{
  if (d->old.name[0] == 0)
    return CF_OK;
  if (cf_clock_now_us() < d->old_until_us)
    return cf_note_sign(text, &d->old, d->old_seed, b);
  (void)old_remove(d, NULL); /* the next opening tries again */
  return CF_OK;
}

enum cf_err cf_signer_directory_retire(struct cf_signer *signer, struct cf_fault *fault)
{
  return old_remove(directory_of(signer), fault);
}

/* ---- the notes ---- */

/* Cut the first one off: two blocks, between which is an empty line. */
static struct cf_str note_cut(struct cf_str *left)
{
  const char *text = memmem(left->p, left->n, "\n\n", 2);
  size_t text_n = text == NULL ? left->n : (size_t)(text - left->p) + 2;
  struct cf_str behind = cf_str_behind(*left, text_n);
  const char *end = behind.n == 0 ? NULL : memmem(behind.p, behind.n, "\n\n", 2);
  size_t n = end == NULL ? left->n : (size_t)(end - left->p) + 1;
  struct cf_str note = {left->p, n};
  *left = cf_str_behind(*left, end == NULL ? n : n + 1);
  return note;
}

/* The first note names the first key. They are the signer's own: what the old
 * key did not sign it took all the same. */
static enum cf_err note_take(struct cf_keys *keys, struct cf_str note)
{
  struct cf_key_note read;
  enum cf_err err = cf_key_note_read(note, &read);
  if (err == CF_OK && keys->n == 0)
    err = cf_keys_begin(keys, &read.old);
  return err == CF_OK ? cf_keys_add_lost(keys, note, NULL) : err;
}

enum cf_err cf_signer_keys_read(int directory, struct cf_keys *keys, struct cf_fault *fault)
{
  struct cf_buf b;
  mode_t mode;
  cf_buf_init(&b, KEYS_ALL);
  enum cf_err err = cf_file_get(directory, KEYS, &b, &mode, fault);
  struct cf_str left = cf_buf_str(&b);
  if (err == CF_OK) {
    do
      err = note_take(keys, note_cut(&left));
    while (err == CF_OK && left.n > 0);
    if (err != CF_OK && err != CF_E_NOMEM)
      err = cf_fail(fault, CF_E_CONFIG, KEYS,
                    "it does not hold the notes of this log's keys: put it back from a backup");
  }
  cf_buf_fini(&b);
  return err;
}

static enum cf_err notes_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  enum cf_err err = cf_signer_keys_read(d->fd, &d->keys, fault);
  return err == CF_E_NOTFOUND ? cf_keys_begin(&d->keys, &d->signer.vkey) : err;
}

static enum cf_err notes_write(const struct cf_signer_directory *d, const struct cf_keys *keys,
                               struct cf_fault *fault)
{
  struct cf_buf b;
  cf_buf_init(&b, KEYS_ALL);
  for (size_t i = 1; i < keys->n; i++)
    cf_buf_putf(&b, "%s%s", i > 1 ? "\n" : "", keys->v[i].note);
  enum cf_err err =
      b.err != CF_OK
          ? b.err
          : cf_signer_written(cf_file_replace(d->fd, KEYS, 0600, cf_buf_str(&b)), KEYS, fault);
  cf_buf_fini(&b);
  return err;
}

/* Known here only when it is durable there: what could not be written is not
 * taken for a turn that was cut short. */
static enum cf_err notes_add(struct cf_signer_directory *d, struct cf_str note,
                             struct cf_fault *fault)
{
  struct cf_keys keys;
  cf_keys_init(&keys);
  enum cf_err err = cf_keys_copy(&d->keys, &keys);
  if (err == CF_OK)
    err = cf_keys_add(&keys, note, fault);
  if (err == CF_OK)
    err = notes_write(d, &keys, fault);
  if (err == CF_OK) {
    struct cf_keys before = d->keys;
    d->keys = keys;
    keys = before;
  }
  cf_keys_fini(&keys);
  return err;
}

/* ---- the key that is to follow ---- */

static void next_wipe(struct cf_signer_directory *d)
{
  cf_wipe(d->next_seed, sizeof d->next_seed);
  memset(&d->signer.next, 0, sizeof d->signer.next);
}

/* It may not follow from the signing key any more. */
static enum cf_err mac_write(const struct cf_signer_directory *d, struct cf_fault *fault)
{
  struct cf_buf b;
  if (faccessat(d->fd, CF_SIGNER_MAC, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return CF_OK;
  cf_secret_init(&b);
  cf_hex_put(&b, d->signer.mac_key, CF_HASH_N);
  enum cf_err err = cf_signer_written(cf_file_replace(d->fd, CF_SIGNER_MAC, 0600, cf_buf_str(&b)),
                                      CF_SIGNER_MAC, fault);
  cf_secret_fini(&b);
  return err;
}

static enum cf_err next_write(const struct cf_signer_directory *d, const struct cf_vkey *vkey,
                              const uint8_t seed[CF_SEED_N], struct cf_fault *fault)
{
  struct cf_buf b;
  cf_secret_init(&b);
  cf_signer_key_put(vkey, seed, &b);
  enum cf_err err = b.err;
  if (err == CF_OK)
    err = cf_signer_written(cf_file_replace(d->fd, NEXT, 0600, cf_buf_str(&b)), NEXT, fault);
  cf_secret_fini(&b);
  return err;
}

enum cf_err cf_signer_directory_next(struct cf_signer *signer, struct cf_fault *fault)
{
  struct cf_signer_directory *d = directory_of(signer);
  struct cf_vkey vkey;
  uint8_t seed[CF_SEED_N], pubkey[CF_PUBKEY_N];
  if (d->token != NULL)
    return cf_fail(fault, CF_E_CONFIG, "signer",
                   "the key is in a token: this version can change only a key in a directory");
  cf_random(seed, sizeof seed);
  enum cf_err err = cf_ed25519_public(seed, pubkey);
  if (err == CF_OK)
    err = mac_write(d, fault);
  if (err == CF_OK) {
    cf_vkey_make(cf_str_from(signer->vkey.name), pubkey, &vkey);
    err = next_write(d, &vkey, seed, fault);
  }
  if (err == CF_OK) {
    signer->next = vkey;
    memcpy(d->next_seed, seed, sizeof seed);
  }
  cf_wipe(seed, sizeof seed);
  return err;
}

enum cf_err cf_signer_directory_next_drop(struct cf_signer *signer, struct cf_fault *fault)
{
  struct cf_signer_directory *d = directory_of(signer);
  next_wipe(d);
  enum cf_err err = file_remove(d->fd, NEXT, fault);
  if (err == CF_OK && fsync(d->fd) != 0)
    cf_signer_die_of_sync("its directory");
  return err;
}

enum cf_err cf_signer_directory_next_note(const struct cf_signer *signer, uint64_t seq,
                                          struct cf_buf *b)
{
  const struct cf_signer_directory *d = (const struct cf_signer_directory *)signer;
  struct cf_buf text;
  cf_buf_init(&text, CF_KEY_NOTE_MAX);
  cf_key_note_put(seq, &signer->vkey, &signer->next, &text);
  enum cf_err err = text.err;
  if (err == CF_OK) {
    cf_buf_putstr(b, cf_buf_str(&text));
    cf_buf_putc(b, '\n');
    err = cf_note_sign(cf_buf_str(&text), &signer->vkey, d->seed, b);
  }
  if (err == CF_OK)
    err = cf_note_sign(cf_buf_str(&text), &signer->next, d->next_seed, b);
  cf_buf_fini(&text);
  return err;
}

/* ---- the turn ---- */

/* Another name for the key, which loses its own. */
static enum cf_err old_keep(const struct cf_signer_directory *d, struct cf_fault *fault)
{
  enum cf_err err = file_remove(d->fd, OLD, fault);
  if (err != CF_OK || faccessat(d->fd, UNTIL, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
    return err;
  return linkat(d->fd, "key", d->fd, OLD, 0) == 0
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, OLD, "the signer cannot create it");
}

/* `keys` leads to the next one: have it in the place of `key`. Behind that
 * nothing can fail: whoever asks again has the next one still. */
static enum cf_err turn_complete(struct cf_signer_directory *d, struct cf_fault *fault)
{
  enum cf_err err = old_keep(d, fault);
  if (err == CF_OK)
    err = cf_signer_vkey_write(d->fd, "vkey", &d->signer.next, fault);
  if (err == CF_OK && renameat(d->fd, NEXT, d->fd, "key") != 0)
    err =
        cf_fail_errno(fault, CF_E_SYSTEM, "key", "the signer cannot put the new key in its place");
  if (err != CF_OK)
    return err;
  if (fsync(d->fd) != 0)
    cf_signer_die_of_sync("its directory");
  d->signer.vkey = d->signer.next;
  memcpy(d->seed, d->next_seed, sizeof d->seed);
  next_wipe(d);
  return CF_OK;
}

static enum cf_err until_write(const struct cf_signer_directory *d, int64_t until_us,
                               struct cf_fault *fault)
{
  char room[32];
  struct cf_buf b;
  if (until_us <= cf_clock_now_us())
    return CF_OK;
  cf_buf_fixed(&b, room, sizeof room);
  cf_buf_put_u64(&b, (uint64_t)until_us);
  cf_buf_putc(&b, '\n');
  return cf_signer_written(cf_file_replace(d->fd, UNTIL, 0600, cf_buf_str(&b)), UNTIL, fault);
}

/* It must go from the key to the next one, both of which signed it. */
static enum cf_err turn_note_check(const struct cf_signer *signer, struct cf_str note,
                                   struct cf_fault *fault)
{
  struct cf_key_note read;
  enum cf_err err = cf_key_note_read(note, &read);
  if (err == CF_OK && (read.lost || !cf_vkey_same(&read.old, &signer->vkey) ||
                       !cf_vkey_same(&read.fresh, &signer->next)))
    err = CF_E_SIGNATURE;
  return err == CF_OK ? CF_OK
                      : cf_fail(fault, err, NEXT, "the note does not lead from the key to it");
}

static enum cf_err turn_begin(struct cf_signer_directory *d, struct cf_str note, int64_t until_us,
                              struct cf_fault *fault)
{
  enum cf_err err = turn_note_check(&d->signer, note, fault);
  if (err == CF_OK)
    err = old_remove(d, fault);
  if (err == CF_OK)
    err = until_write(d, until_us, fault);
  return err == CF_OK ? notes_add(d, note, fault) : err;
}

enum cf_err cf_signer_directory_turn(struct cf_signer *signer, struct cf_str note, int64_t until_us,
                                     struct cf_fault *fault)
{
  struct cf_signer_directory *d = directory_of(signer);
  enum cf_err err = CF_OK;
  if (!cf_vkey_same(cf_keys_present(&d->keys), &signer->next)) /* else it was cut short behind it */
    err = turn_begin(d, note, until_us, fault);
  if (err == CF_OK)
    err = turn_complete(d, fault);
  if (err == CF_OK && old_load(d, NULL) != CF_OK)
    old_wipe(d); /* the next opening tries again */
  return err;
}

enum cf_err cf_signer_keys_load(struct cf_signer_directory *d, struct cf_fault *fault)
{
  enum cf_err err = notes_load(d, fault);
  if (err == CF_OK && d->token == NULL)
    err = cf_signer_key_get(d->fd, NEXT, &d->signer.next, d->next_seed, fault);
  if (err == CF_E_NOTFOUND)
    err = CF_OK;
  const struct cf_vkey *present = d->keys.n > 0 ? cf_keys_present(&d->keys) : &d->signer.vkey;
  if (err == CF_OK && !cf_vkey_same(present, &d->signer.vkey))
    err = cf_vkey_same(present, &d->signer.next)
              ? turn_complete(d, fault)
              : cf_fail(fault, CF_E_CONFIG, "key",
                        "it is not the one that the notes in `keys` lead to: put both back from "
                        "one backup");
  return err == CF_OK ? old_load(d, fault) : err;
}
