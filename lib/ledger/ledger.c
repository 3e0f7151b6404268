/* SPDX-License-Identifier: MIT */
/* The ledger's life: init, open, close. */
#include "config.h"

#include "lib/ledger/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/file.h"
#include "lib/base/limit.h"
#include "lib/base/thread.h"
#include "lib/ledger/ledger_in.h"
#include "lib/proof/verify.h"
#include "lib/record/control.h"

/* The database's files, the signer's, directories, what is being written */
#define FILES_OWN 64

uint64_t cf_ledger_files(uint64_t readers)
{
  return FILES_OWN + (CF_SEGMENT_POOL_MAX + CF_VERIFY_WORKERS_MAX + readers) * CF_SEGMENT_FILES;
}

void cf_ledger_free(struct cf_ledger *l)
{
  cf_layout_put(l->layout);
  cf_told_fini(&l->told);
  free(atomic_load(&l->vouched));
  cf_segment_pool_free(l->pool);
  cf_turns_free(l->turns);
  cf_levels_fini(&l->levels);
  cf_buf_fini(&l->unknown);
  cf_meta_close(l);
  cf_bdb_env_close(l->env);
  free(l->turn);
  cf_signer_close(l->signer);
  cf_queue_fini(&l->queue);
  cf_wipe(l->import_key, sizeof l->import_key);
  cf_wipe(l->salt_key, sizeof l->salt_key);
  if (l->lock_fd >= 0)
    (void)close(l->lock_fd); /* and with it the lock */
  cf_ground_leave(&l->ground);
  if (l->directory >= 0)
    (void)close(l->directory);
  free(l->segments_path);
  free(l->env_path);
  if (l->scratch != NULL)
    cf_scratch_remove(l->scratch);
  free(l->scratch);
  cf_anchor_fini(&l->evidence);
  cf_keyring_free(l);
  cf_buf_fini(&l->previous);
  cf_buf_fini(&l->sealed_note);
  cf_buf_fini(&l->witnessed);
  free(l->software);
  pthread_mutex_t *const mutexes[] = {&l->commit,   &l->look, &l->judging, &l->seal,
                                      &l->entering, &l->nap,  &l->changing};
  for (size_t i = 0; i < sizeof mutexes / sizeof mutexes[0]; i++)
    (void)pthread_mutex_destroy(mutexes[i]);
  (void)pthread_cond_destroy(&l->rolled);
  (void)pthread_cond_destroy(&l->wake);
  free(l);
}

enum cf_err cf_ledger_new(const struct cf_conf *conf, const char *software,
                          struct cf_ledger **ledger, struct cf_fault *fault)
{
  enum cf_err err = cf_limit_files_check(cf_ledger_files(1), conf->data, fault);
  if (err != CF_OK)
    return err;
  struct cf_ledger *l = calloc(1, sizeof *l);
  if (l == NULL)
    return CF_E_NOMEM;
  l->conf = conf;
  l->own = UINT64_MAX;
  l->directory = l->lock_fd = l->ground.env = l->ground.segments = -1;
  pthread_mutex_t *const mutexes[] = {&l->commit,   &l->look, &l->judging, &l->seal,
                                      &l->entering, &l->nap,  &l->changing};
  for (size_t i = 0; i < sizeof mutexes / sizeof mutexes[0]; i++)
    (void)pthread_mutex_init(mutexes[i], NULL);
  (void)pthread_cond_init(&l->rolled, NULL);
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&l->wake, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  cf_levels_init(&l->levels, NULL);
  cf_anchor_init(&l->evidence, UINT64_MAX);
  cf_buf_init(&l->previous, CF_NOTE_MAX);
  cf_buf_init(&l->sealed_note, CF_NOTE_MAX);
  cf_buf_init(&l->witnessed, CF_NOTE_MAX);
  l->software = strdup(software);
  if (cf_queue_init(&l->queue) != CF_OK || l->software == NULL ||
      cf_turns_new((unsigned)conf->scan_workers, &l->turns) != CF_OK ||
      asprintf(&l->segments_path, "%s/segments", conf->data) < 0 ||
      asprintf(&l->env_path, "%s/env", conf->data) < 0) {
    l->env_path = NULL;
    cf_ledger_free(l);
    return CF_E_NOMEM;
  }
  *ledger = l;
  return CF_OK;
}

/* ---- the directory ---- */

/* Open DATA; it must be ours, and nobody else may write to it. */
static enum cf_err open_directory(struct cf_ledger *l, struct cf_fault *fault)
{
  const char *data = l->conf->data;
  l->directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (l->directory < 0)
    return cf_fail_errno(
        fault, CF_E_SYSTEM, data,
        "cannot open the data directory (this process is uid %lu: run as its owner)",
        (unsigned long)geteuid());
  struct stat st;
  if (fstat(l->directory, &st) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, data, "cannot look at the data directory");
  if (st.st_uid != geteuid())
    return cf_fail(
        fault, CF_E_CONFIG, data,
        "the data directory belongs to uid %lu and this process is uid %lu: run as its owner",
        (unsigned long)st.st_uid, (unsigned long)geteuid());
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return cf_fail(fault, CF_E_CONFIG, data, "others may write to the data directory: chmod 0700");
  return CF_OK;
}

/* An open-file-description lock: it goes with the descriptor, whatever kills
 * the process. */
static enum cf_err take_lock(struct cf_ledger *l, struct cf_fault *fault)
{
  l->lock_fd = cf_file_make(l->directory, "lock", O_RDWR);
  if (l->lock_fd < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data,
                         "cannot open the file `lock`, which has to be a regular one");
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(l->lock_fd, F_OFD_SETLK, &lock) == 0)
    return CF_OK;
  if (errno == EAGAIN || errno == EACCES)
    return cf_fail(fault, CF_E_LOCKED, l->conf->data, "another process owns the ledger");
  return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot lock the ledger");
}

/* Tables are looked at when recovery has brought their files up to date; or
 * before it, where a page that it needs is why it fails. */
static enum cf_err env_recover(struct cf_ledger *l, bool spare, struct cf_fault *fault)
{
  bool aside = false;
  enum cf_err err = cf_bdb_env_open(l->env_path, CF_ENV_CACHE, spare, &l->env, fault);
  if (err != CF_OK && err != CF_E_DAMAGED)
    return err;
  enum cf_err checked = cf_tables_check(l, &aside, fault);
  if (checked != CF_OK)
    return checked;
  return err == CF_E_DAMAGED && aside
             ? cf_bdb_env_open(l->env_path, CF_ENV_CACHE, spare, &l->env, fault)
             : err;
}

enum cf_err cf_ledger_open_env(struct cf_ledger *l, enum cf_bdb_open how, bool spare,
                               struct cf_fault *fault)
{
  enum cf_err err = env_recover(l, spare, fault);
  if (err == CF_OK)
    err = cf_meta_open(l, how, fault);
  if (err == CF_OK)
    l->levels.rows = l->tiles;
  return err;
}

/* Recovery that fails may want for space, and does not always say so: it is
 * tried once more with the least that it needs, and the reserve given up. */
static enum cf_err recover_env(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = cf_ledger_open_env(l, CF_BDB_READ, cf_space_free(l) < l->conf->min_free, fault);
  if (err == CF_E_SPACE || err == CF_E_DAMAGED) {
    (void)cf_space_release(l);
    cf_meta_close(l);
    cf_bdb_env_close(l->env);
    l->env = NULL;
    err = cf_ledger_open_env(l, CF_BDB_READ, true, fault);
  }
  if (err == CF_E_DAMAGED && cf_space_free(l) < CF_ENV_CACHE)
    return cf_fail(fault, CF_E_SPACE, l->conf->data,
                   "the database cannot be recovered, and there is hardly any space: free some");
  return err;
}

/* ---- init ---- */

static enum cf_err check_conf(const struct cf_conf *conf, struct cf_fault *fault)
{
  if (conf->segment_records % CF_TILE_W != 0 || conf->segment_records > CF_SEGMENT_RECORDS_MAX)
    return cf_fail(fault, CF_E_CONFIG, "segment_records", "a multiple of 256, at most %u",
                   CF_SEGMENT_RECORDS_MAX);
  return CF_OK;
}

static enum cf_err make_directory(const char *path, struct cf_fault *fault)
{
  if (mkdir(path, 0700) == 0 || errno == EEXIST)
    return CF_OK;
  return cf_fail_errno(
      fault, CF_E_SYSTEM, path,
      "cannot make the directory (make it and chown it to this user, or run `init --user NAME` as root)");
}

/* An existing DATA must hold nothing, or what an init that was cut short has
 * left: then *again is set. */
static enum cf_err check_empty(struct cf_ledger *l, bool *again, struct cf_fault *fault)
{
  int fd = openat(l->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d == NULL) {
    if (fd >= 0)
      (void)close(fd);
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot read the data directory");
  }
  bool any = false;
  *again = false;
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    any |= strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
           strcmp(e->d_name, "lock") != 0;
    *again |= strcmp(e->d_name, CF_UNFINISHED) == 0;
  }
  (void)closedir(d);
  return any && !*again
             ? cf_fail(
                   fault, CF_E_CONFLICT, l->conf->data,
                   "the data directory is not empty: a new ledger wants a new one, so name another as `data`, or use the ledger that is here")
             : CF_OK;
}

/* Remove a directory of files that an init has left. */
static enum cf_err clear_directory(struct cf_ledger *l, const char *name, struct cf_fault *fault)
{
  int fd = openat(l->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return CF_OK;
  DIR *d = fd < 0 ? NULL : fdopendir(fd);
  if (d != NULL) {
    for (struct dirent *e; (e = readdir(d)) != NULL;)
      (void)unlinkat(fd, e->d_name, 0);
    (void)closedir(d);
  } else if (fd >= 0) {
    (void)close(fd);
  }
  return unlinkat(l->directory, name, AT_REMOVEDIR) == 0
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot remove %s", name);
}

static enum cf_err init_begin(struct cf_ledger *l, struct cf_fault *fault)
{
  int fd = cf_file_make(l->directory, CF_UNFINISHED, O_WRONLY);
  if (fd < 0 || close(fd) != 0 || fsync(l->directory) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot write to the data directory");
  return CF_OK;
}

/* Only when the signer has said that nothing was lived through here. */
static enum cf_err make_tree(struct cf_ledger *l, struct cf_fault *fault)
{
  static const char *const names[] = {"env", "segments"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    enum cf_err err = clear_directory(l, names[i], fault);
    if (err != CF_OK)
      return err;
    if (mkdirat(l->directory, names[i], 0700) != 0)
      return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot make %s", names[i]);
  }
  return CF_OK;
}

/* The ledger can be opened from here on. */
static enum cf_err init_finish(struct cf_ledger *l, struct cf_fault *fault)
{
  if (unlinkat(l->directory, CF_UNFINISHED, 0) == 0 && fsync(l->directory) == 0 &&
      cf_file_sync_name(l->conf->data))
    return CF_OK;
  return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot write to the data directory");
}

/* The signer's key. Where an init was cut short behind it, it is there already,
 * and has signed nothing or a first record that nobody has seen. */
static enum cf_err make_signer(struct cf_ledger *l, bool again, struct cf_fault *fault)
{
  enum cf_err err = cf_signer_create(l->conf->signer, cf_str_from(l->origin), NULL, fault);
  bool kept = err == CF_E_CONFLICT && again;
  if (err == CF_OK || kept)
    err = cf_signer_open(l->conf->signer, cf_str_from(l->origin), &l->signer, fault);
  return err == CF_OK && kept ? cf_signer_forget(l->signer, fault) : err;
}

/* Record 0, as this ledger's signer and name make it. */
static enum cf_err make_genesis(struct cf_ledger *l, struct cf_event *event)
{
  const struct cf_vkey *vkey = cf_signer_vkey(l->signer);
  struct cf_buf text;
  cf_buf_init(&text, 1024);
  cf_vkey_put(vkey, &text);
  enum cf_err err = text.err != CF_OK ? text.err
                                      : cf_control_genesis(cf_buf_str(&text), vkey->name,
                                                           cf_buf_str(&l->previous), event);
  cf_buf_fini(&text);
  return err;
}

/* From here on the signer has a memory: that it is missing means that somebody
 * took it away. */
static enum cf_err sign_genesis(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(l, 1, &note, fault);
  cf_buf_fini(&note);
  return err;
}

static enum cf_err put_genesis(struct cf_ledger *l)
{
  struct cf_event event = {0};
  struct cf_bdb_txn *txn = NULL;
  enum cf_err err = make_genesis(l, &event);
  if (err == CF_OK)
    err = cf_bdb_txn_begin(l->env, &txn);
  if (err == CF_OK)
    err = cf_meta_put_secrets(l, txn);
  if (err == CF_OK) {
    err = cf_bdb_txn_commit(txn);
    txn = NULL;
  }
  cf_bdb_txn_abort(txn);
  const struct cf_event *pointer = &event;
  struct cf_place place;
  struct cf_append append = {.events = &pointer, .n = 1, .places = &place};
  if (err == CF_OK)
    err = cf_ledger_append(l, &append);
  cf_event_fini(&event);
  return err;
}

static enum cf_err init_inside(struct cf_ledger *l, const struct cf_vkey *previous,
                               struct cf_fault *fault)
{
  bool again = false;
  enum cf_err err = open_directory(l, fault);
  if (err == CF_OK)
    err = check_empty(l, &again, fault);
  if (err == CF_OK)
    err = take_lock(l, fault);
  if (err == CF_OK)
    err = check_empty(l, &again, fault); /* another init may have been first */
  if (err == CF_OK)
    err = init_begin(l, fault);
  if (err == CF_OK)
    err = make_signer(l, again, fault);
  if (err == CF_OK)
    err = make_tree(l, fault);
  if (err == CF_OK && previous != NULL)
    err = cf_signer_set_previous(l->signer, previous, fault);
  if (err == CF_OK)
    err = cf_ledger_open_env(l, CF_BDB_CREATE, false, fault);
  if (err == CF_OK)
    err = cf_layout_make(NULL, 0, NULL, 0, &l->layout);
  if (err != CF_OK)
    return err;
  for (unsigned i = 0; i < CF_LEVELS_N; i++)
    cf_edge_init(&l->filling.acc[i]);
  err = put_genesis(l);
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data, "the first record could not be written");
  err = sign_genesis(l, fault);
  if (err == CF_OK)
    err = cf_signed_vouch(l, fault);
  return err == CF_OK ? init_finish(l, fault) : err;
}

/* vkey: of the ledger whose checkpoint l->previous is; NULL: of none. */
static enum cf_err init_new(const struct cf_conf *conf, struct cf_str previous,
                            const struct cf_vkey *vkey, struct cf_fault *fault)
{
  struct cf_ledger *l = NULL;
  if (conf->origin == NULL || !cf_origin_ok(cf_str_from(conf->origin)))
    return cf_fail(
        fault, CF_E_CONFIG, "origin",
        "give the ledger a name: `origin`, 1 to 255 printable characters without space and +, for example audit.example.org/main");
  enum cf_err err = check_conf(conf, fault);
  if (err == CF_OK)
    err = make_directory(conf->data, fault);
  if (err == CF_OK)
    err = cf_ledger_new(conf, "", &l, fault);
  if (err != CF_OK)
    return err;
  memcpy(l->origin, conf->origin, strlen(conf->origin) + 1);
  if (vkey != NULL)
    err = cf_note_only(previous, vkey, &l->previous);
  if (err == CF_OK)
    err = init_inside(l, vkey, fault);
  cf_ledger_free(l);
  return err;
}

enum cf_err cf_ledger_init(const struct cf_conf *conf, struct cf_fault *fault)
{
  return init_new(conf, CF_STR(""), NULL, fault);
}

enum cf_err cf_ledger_continue(const struct cf_conf *conf, struct cf_str checkpoint,
                               const struct cf_vkey *vkey, struct cf_fault *fault)
{
  struct cf_checkpoint last;
  if (conf->origin != NULL && strcmp(conf->origin, vkey->name) == 0)
    return cf_fail(
        fault, CF_E_CONFLICT, "origin",
        "%s has signed a history already, and must not get a second one: give the new ledger a name of its own",
        vkey->name);
  enum cf_err err = cf_checkpoint_check(checkpoint, vkey, &last);
  return err == CF_OK ? init_new(conf, checkpoint, vkey, fault) : err;
}

/* ---- open and close ---- */

static enum cf_err open_signer(struct cf_ledger *l, struct cf_fault *fault)
{
  if (l->conf->origin != NULL && strcmp(l->conf->origin, l->origin) != 0)
    return cf_fail(
        fault, CF_E_CONFIG, "origin",
        "this ledger is %s: an origin cannot be changed, so set that one, or take the line away",
        l->origin);
  enum cf_err err = cf_signer_open(l->conf->signer, cf_str_from(l->origin), &l->signer, fault);
  /* not by an owner of this ledger, whose lock is ours: nobody to wait for */
  if (err == CF_E_LOCKED)
    return cf_fail(
        fault, CF_E_CONFIG, l->conf->signer,
        "the owner of another ledger, or of another copy of this one, signs with this key: each wants a signer of its own");
  if (err == CF_OK)
    err = cf_keyring_open(l, cf_signer_vkey(l->signer), fault);
  if (err != CF_OK)
    return err;
  struct cf_signed here = {.directory = cf_signer_directory(l->signer)};
  here.told = here.directory < 0 ? l->signer : NULL;
  err = cf_signed_check(l, &here, l->signer, fault);
  return err == CF_OK ? cf_key_turn_mend(l, fault) : err;
}

static enum cf_err start_threads(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = cf_thread_start(&l->clerk, 0, cf_clerk_main, l, fault);
  l->clerk_runs = err == CF_OK;
  if (err == CF_OK) {
    err = cf_thread_start(&l->roller, 0, cf_roller_main, l, fault);
    l->roller_runs = err == CF_OK;
  }
  if (err == CF_OK) {
    err = cf_thread_start(&l->warden, 0, cf_warden_main, l, fault);
    l->warden_runs = err == CF_OK;
  }
  return err;
}

static void stop_threads(struct cf_ledger *l)
{
  cf_nap_end(l, &l->stop);
  if (l->clerk_runs)
    (void)pthread_join(l->clerk, NULL);
  if (l->roller_runs)
    (void)pthread_join(l->roller, NULL);
  if (l->warden_runs)
    (void)pthread_join(l->warden, NULL);
  l->clerk_runs = l->roller_runs = l->warden_runs = false;
}

static enum cf_err open_inside(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_checkpoint last;
  enum cf_err err = cf_ledger_look(l, fault);
  if (err == CF_OK)
    err = open_directory(l, fault);
  if (err == CF_OK)
    err = take_lock(l, fault);
  if (err == CF_OK && faccessat(l->directory, CF_UNFINISHED, F_OK, 0) == 0)
    err = cf_fail(fault, CF_E_NOTFOUND, l->conf->data,
                  "its making was cut short: run `counterfoil init` again");
  if (err == CF_OK)
    err = recover_env(l, fault);
  if (err == CF_OK)
    err = cf_recover(l, fault);
  if (err == CF_OK)
    err = open_signer(l, fault);
  if (err == CF_OK)
    err = cf_signed_vouch(l, fault);
  if (err == CF_OK)
    err = cf_ground_take(l, fault);
  if (err == CF_OK)
    err = cf_kept_begin(l);
  if (err == CF_OK && !cf_signer_last(l->signer, &last))
    err = sign_genesis(l, fault); /* a ledger of before `init` did */
  if (err == CF_OK)
    err = cf_recover_sweep(l, fault);
  if (err != CF_OK)
    return err;
  cf_roll_tell_limit(l);
  cf_ledger_segments_check(l);
  if (!cf_space_reserve(l))
    cf_log(CF_LOG_WARNING, "there is no space for the reserve");
  err = start_threads(l, fault);
  if (err == CF_OK)
    err = cf_append_service(l, "start");
  if (err != CF_OK)
    return cf_fail(fault, err, l->conf->data, "the start could not be recorded: %s",
                   cf_err_title(err));
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  err = cf_ledger_seal(l, l->size, &note, fault);
  cf_buf_fini(&note);
  return err;
}

enum cf_err cf_ledger_open(const struct cf_conf *conf, const char *software,
                           struct cf_ledger **ledger, struct cf_fault *fault)
{
  struct cf_ledger *l = NULL;
  enum cf_err err = check_conf(conf, fault);
  if (err == CF_OK)
    err = cf_ledger_new(conf, software, &l, fault);
  if (err != CF_OK)
    return err;
  err = open_inside(l, fault);
  if (err == CF_OK) {
    *ledger = l;
    return CF_OK;
  }
  stop_threads(l);
  cf_ledger_free(l);
  return err;
}

/* New appends are refused; those inside are waited for. */
static void queue_drain(struct cf_ledger *l)
{
  atomic_store(&l->leaving, true);
  (void)pthread_mutex_lock(&l->queue.lock);
  while (l->queue.inside > 0)
    (void)pthread_cond_wait(&l->queue.idle, &l->queue.lock);
  (void)pthread_mutex_unlock(&l->queue.lock);
}

void cf_ledger_close(struct cf_ledger *l)
{
  if (l == NULL)
    return;
  if (l->signer == NULL) {
    cf_ledger_free(l);
    return;
  }
  queue_drain(l);
  stop_threads(l);
  cf_append_posted(l);
  struct cf_buf note;
  struct cf_fault fault = {0};
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_append_service(l, "stop");
  if (err == CF_OK)
    err = cf_ledger_seal(l, l->size, &note, &fault);
  if (err != CF_OK)
    cf_log(CF_LOG_ERROR, "the stop could not be recorded and sealed (%s): %s", cf_err_word(err),
           cf_fault_text(&fault, err));
  cf_buf_fini(&note);
  cf_ledger_free(l);
}
