/* SPDX-License-Identifier: MIT */
/* The owner of a ledger, with its own door: DATA/sock, served by as many
 * workers as a web server's socket. */
#include "config.h"

#include "fcgi-app/door/owner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-app/door/fcgi_in.h"
#include "fcgi-app/door/files_in.h"
#include "fcgi-app/door/privilege.h"
#include "fcgi-app/door/socket.h"
#include "fcgi-app/who/session.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/thread.h"

#define SOFTWARE PACKAGE_NAME " " PACKAGE_VERSION

struct cf_owner {
  const struct cf_conf *conf;
  struct cf_ledger *ledger;
  struct cf_app *app;
  int listener;
  unsigned parked;
  struct cf_fcgi *door;
  bool hidden;
  pthread_t ticker;
  bool ticks;
  pthread_mutex_t lock; /* over `ended` */
  pthread_cond_t end;
  bool ended;
};

static void owner_serve(void *context, struct cf_transport *transport)
{
  cf_app_serve(((struct cf_owner *)context)->app, transport);
}

/* Once a second until the owner leaves. */
static void *owner_tick(void *arg)
{
  struct cf_owner *owner = arg;
  struct timespec until;

  pthread_mutex_lock(&owner->lock);
  while (!owner->ended) {
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    if (pthread_cond_timedwait(&owner->end, &owner->lock, &until) == 0)
      continue;
    pthread_mutex_unlock(&owner->lock);
    cf_app_tick(owner->app);
    pthread_mutex_lock(&owner->lock);
  }
  pthread_mutex_unlock(&owner->lock);
  return NULL;
}

/* Waits for it are by the clock that nobody sets back. */
static void end_init(pthread_cond_t *end)
{
  pthread_condattr_t monotonic;

  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(end, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

static enum cf_err start_ticker(struct cf_owner *owner, struct cf_fault *fault)
{
  enum cf_err err = cf_thread_start(&owner->ticker, 0, owner_tick, owner, fault);

  owner->ticks = err == CF_OK;
  return err;
}

static void stop_ticker(struct cf_owner *owner)
{
  if (!owner->ticks)
    return;
  pthread_mutex_lock(&owner->lock);
  owner->ended = true;
  pthread_cond_signal(&owner->end);
  pthread_mutex_unlock(&owner->lock);
  pthread_join(owner->ticker, NULL);
}

static enum cf_err open_door(struct cf_owner *owner, struct cf_fault *fault)
{
  enum cf_err err = cf_socket_listen_owner(owner->conf, cf_ledger_directory(owner->ledger),
                                           &owner->listener, fault);

  if (err != CF_OK)
    return err;
  struct cf_fcgi_job job = {
      .listener = owner->listener,
      .threads = (unsigned)owner->conf->threads,
      .parked = owner->parked,
      .owner_door = true,
      .uid = geteuid(),
      .body_timeout_us = owner->conf->body_timeout_us,
      .serve = owner_serve,
      .context = owner,
  };
  err = cf_peers_init(owner->conf, &job.peers, fault);
  return err == CF_OK ? cf_fcgi_start(&job, &owner->door, fault) : err;
}

static enum cf_err open_all(struct cf_owner *owner, struct cf_fault *fault)
{
  enum cf_err err = cf_files_parked(owner->conf, &owner->parked, fault);

  if (err == CF_OK)
    err = cf_ledger_open(owner->conf, SOFTWARE, &owner->ledger, fault);
  if (err == CF_E_ROLLBACK)
    cf_sessions_forget(owner->conf);
  if (err == CF_OK)
    err = cf_app_new(owner->conf, owner->ledger, &owner->app, fault);
  if (err == CF_OK)
    err = start_ticker(owner, fault);
  if (err == CF_OK)
    err = open_door(owner, fault);
  return err;
}

enum cf_err cf_owner_open(const struct cf_conf *conf, struct cf_owner **owner,
                          struct cf_fault *fault)
{
  struct cf_owner *o = calloc(1, sizeof *o);

  *fault = (struct cf_fault){"", ""}; /* what it was filled with before is no reason of this */
  if (o == NULL)
    return cf_fail(fault, CF_E_NOMEM, conf->data, "%s", cf_err_title(CF_E_NOMEM));
  o->conf = conf;
  o->listener = -1;
  pthread_mutex_init(&o->lock, NULL);
  end_init(&o->end);
  enum cf_err err = open_all(o, fault);
  cf_privilege_explain(conf, err, fault);
  if (err != CF_OK) {
    if (cf_owner_close(o, INT64_MAX) != CF_OK)
      cf_die("the owner's workers do not end");
    return fault->detail[0] != '\0' ? err
                                    : cf_fail(fault, err, conf->data, "%s", cf_err_title(err));
  }
  *owner = o;
  return CF_OK;
}

struct cf_app *cf_owner_app(const struct cf_owner *owner)
{
  return owner->app;
}

int64_t cf_owner_idle_us(const struct cf_owner *owner)
{
  return cf_fcgi_idle_us(owner->door);
}

void cf_owner_hide(struct cf_owner *owner)
{
  /* The lock is still ours, so the name can only be our own socket's. */
  if (owner->listener >= 0 && !owner->hidden &&
      unlinkat(cf_ledger_directory(owner->ledger), CF_SOCK_NAME, 0) != 0)
    cf_log(CF_LOG_WARNING, "cannot remove %s/%s", owner->conf->data, CF_SOCK_NAME);
  owner->hidden = true;
}

enum cf_err cf_owner_close(struct cf_owner *owner, int64_t wait_us)
{
  if (owner == NULL)
    return CF_OK;
  cf_owner_hide(owner);
  enum cf_err err = cf_fcgi_stop(owner->door, wait_us);
  if (err != CF_OK)
    return err;
  if (owner->app != NULL)
    cf_app_leave(owner->app);
  stop_ticker(owner);
  cf_app_free(owner->app);
  cf_ledger_close(owner->ledger);
  if (owner->listener >= 0)
    close(owner->listener);
  pthread_cond_destroy(&owner->end);
  pthread_mutex_destroy(&owner->lock);
  free(owner);
  return CF_OK;
}
