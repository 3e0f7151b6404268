/* SPDX-License-Identifier: MIT */
/* A ledger opened as evidence: looked at, verified, and left as it is. Berkeley
 * DB writes to an environment that it recovers, so that is done in a copy of
 * it; segments are read in their place. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/file.h"
#include "lib/ledger/ledger_in.h"

/* ---- open ---- */

static enum cf_err directory_open(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = cf_ledger_look(l, fault);
  if (err != CF_OK)
    return err;
  l->directory = open(l->conf->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (l->directory < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot open the data directory");
  return faccessat(l->directory, CF_UNFINISHED, F_OK, 0) == 0
             ? cf_fail(fault, CF_E_NOTFOUND, l->conf->data, "its making was cut short")
             : CF_OK;
}

/* Whoever writes to it now would make a copy of its files worth nothing. */
static enum cf_err owner_check(struct cf_ledger *l, struct cf_fault *fault)
{
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  int fd = openat(l->directory, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  bool owned = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  if (fd < 0 && errno != ENOENT)
    return cf_fail_errno(fault, CF_E_SYSTEM, l->conf->data, "cannot open the file `lock`");
  if (fd >= 0)
    (void)close(fd);
  return owned ? cf_fail(fault, CF_E_LOCKED, l->conf->data,
                         "its owner is at work, the service perhaps: stop it first")
               : CF_OK;
}

/* The key is what the signer's directory says, where there is one, else what
 * the records do. */
static enum cf_err vkey_find(struct cf_ledger *l, const struct cf_signed *signer,
                             struct cf_fault *fault)
{
  struct cf_vkey vkey;
  enum cf_err err = cf_signed_vkey(signer, &vkey, fault);
  if (err == CF_OK)
    return cf_keyring_open(l, &vkey, fault);
  if (err != CF_E_NOTFOUND)
    return err;
  l->own_key = true;
  err = cf_keyring_open(l, NULL, fault);
  return err != CF_E_DAMAGED && err != CF_E_NOTFOUND
             ? err
             : cf_fail(fault, err, l->conf->signer,
                       "the ledger's key is neither in the file `vkey` nor in record 0");
}

bool cf_ledger_key_is_own(const struct cf_ledger *l)
{
  return l->own_key;
}

enum cf_err cf_ledger_signed(struct cf_ledger *l, struct cf_anchor *anchor, struct cf_fault *fault)
{
  struct cf_signed signer;
  enum cf_err err = cf_signed_open(l->conf, &signer, fault);
  if (err == CF_OK)
    err = cf_signed_gather(l, &signer, anchor, fault);
  cf_signed_close(&signer);
  return err == CF_OK && !anchor->any ? CF_E_NOTFOUND : err;
}

enum cf_err cf_ledger_judge(struct cf_ledger *l, struct cf_fault *fault)
{
  struct cf_signed signer;
  struct cf_signer *key = NULL;
  enum cf_err err = cf_signed_open(l->conf, &signer, fault);
  bool known =
      !l->own_key && cf_signer_open(l->conf->signer, cf_str_from(l->origin), &key, NULL) == CF_OK;
  if (err == CF_OK)
    err = cf_signed_check(l, &signer, known ? key : NULL, fault);
  cf_signer_close(key);
  cf_signed_close(&signer);
  return err;
}

/* ---- the trial ---- */

#define TRIAL_S 300 /* some seconds are enough; pages can be made so that it never ends */

static int trial = -1; /* where a child that tries tells its last words */

static void words_tell(const char *message)
{
  if (!cf_file_write(trial, cf_str_from(message)))
    return; /* nobody listens */
}

static enum cf_err env_try(struct cf_ledger *l, struct cf_fault *fault)
{
  enum cf_err err = cf_ledger_open_env(l, CF_BDB_READ, true, fault);
  return err == CF_OK ? cf_recover(l, fault) : err;
}

/* What Berkeley DB cannot go on from ends the process that asked it, with its
 * reason as the last words. So a child tries first, without a word in the log;
 * what it does to the copy is only what comes next. */
static void child_try(struct cf_ledger *l, int words)
{
  struct cf_fault fault = {0};
  sigset_t end;
  trial = words;
  (void)signal(SIGALRM, SIG_DFL);
  (void)sigemptyset(&end);
  (void)sigaddset(&end, SIGALRM);
  (void)sigprocmask(SIG_UNBLOCK, &end, NULL);
  (void)alarm(TRIAL_S);
  if (cf_diag_open("/dev/null", "", &fault) == CF_OK) {
    cf_die_tell(words_tell);
    (void)env_try(l, &fault);
  }
  _exit(0);
}

static const char *trial_reason(int status, struct cf_buf *words)
{
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return "Berkeley DB did not come to an end";
  return words->n > 0 ? cf_buf_cstr(words) : "Berkeley DB crashed";
}

static enum cf_err env_trial(struct cf_ledger *l, struct cf_fault *fault)
{
  int ends[2], status = 0;
  struct cf_buf words;
  if (pipe2(ends, O_CLOEXEC) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot make a pipe");
  pid_t child = fork();
  if (child == 0)
    child_try(l, ends[1]);
  (void)close(ends[1]);
  cf_buf_init(&words, 4096);
  enum cf_err err = child < 0 ? cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot start a process")
                              : cf_file_read_all(ends[0], &words);
  (void)close(ends[0]);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (err == CF_OK && status != 0)
    err = cf_fail(fault, CF_E_DAMAGED, l->conf->data, "the database in env cannot be opened: %s",
                  trial_reason(status, &words));
  cf_buf_fini(&words);
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
    err = env_trial(l, fault);
  if (err == CF_OK)
    err = env_try(l, fault);
  if (err != CF_OK)
    return err;
  struct cf_signed signer;
  err = cf_signed_open(l->conf, &signer, fault);
  if (err == CF_OK)
    err = vkey_find(l, &signer, fault);
  l->evidence.max = l->size;
  if (err == CF_OK)
    err = cf_signed_gather(l, &signer, &l->evidence, fault);
  cf_signed_close(&signer);
  l->sealed = l->evidence.checkpoint.size;
  if (err == CF_OK && l->sealed < l->size)
    cf_log(
        CF_LOG_WARNING,
        "the first %llu of %llu records are signed: that this log wrote the others too nobody can "
        "tell without the signer's key",
        (unsigned long long)l->sealed, (unsigned long long)l->size);
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
