/* SPDX-License-Identifier: MIT */
/* The programs around a service: behind a web server, as an owner that a CGI
 * started, as a CGI. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "fcgi-app/door/cgi_in.h"
#include "fcgi-app/door/fcgi_in.h"
#include "fcgi-app/door/files_in.h"
#include "fcgi-app/door/owner.h"
#include "fcgi-app/door/service_in.h"
#include "fcgi-app/door/socket.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/thread.h"

#define TURN_US     INT64_C(10000000) /* for an owner that is leaving */
#define PAUSE_MS    20
#define WATCH_MS    1000            /* how often it is seen to who owns the ledger */
#define FINISH_US   INT64_C(200000) /* for an opening that is nearly done */
#define UNUSABLE_US INT64_C(10000000)

static void ending_signals(sigset_t *set)
{
  sigemptyset(set);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGHUP);
  sigaddset(set, SIGUSR1);
}

void cf_service_signals(bool orderly)
{
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigset_t set;

  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPIPE, &ignore, NULL);
  ending_signals(&set);
  pthread_sigmask(orderly ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* A log that was rotated. Without a log file it is a terminal that went. */
static bool hangup_ends(const struct cf_conf *conf)
{
  struct cf_fault fault = {"", ""};

  if (conf->log == NULL)
    return isatty(STDERR_FILENO);
  if (cf_diag_reopen(&fault) != CF_OK)
    cf_log(CF_LOG_WARNING, "the old log file goes on: %s: %s", fault.at, fault.detail);
  else
    cf_log(CF_LOG_INFO, "the log file was opened anew");
  return false;
}

/* Wait for a signal that says to end, at most so long. */
static bool ended_within(const struct cf_conf *conf, long ms)
{
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  sigset_t set;

  ending_signals(&set);
  int signo = sigtimedwait(&set, NULL, &time);
  return signo == SIGHUP ? hangup_ends(conf) : signo > 0;
}

/* Everything that was acknowledged is on disk: a process that cannot leave in
 * order just ends. */
static int end_at_once(void)
{
  cf_log(CF_LOG_WARNING, "some request does not end: leaving without it");
  _exit(1);
}

static void service_serve(void *context, struct cf_transport *transport)
{
  cf_service_serve(context, transport);
}

static int service_leave(struct cf_service *service, struct cf_fcgi *web)
{
  struct cf_owner *owner = cf_service_owner(service);

  if (owner != NULL)
    cf_owner_hide(owner);
  if (cf_fcgi_stop(web, CF_SERVICE_LEAVE_US) != CF_OK || cf_service_free(service) != CF_OK)
    return end_at_once();
  return 0;
}

/* ---- serving a web server ---- */

enum cf_err cf_service_listen(const struct cf_conf *conf, const char *where, int *listener,
                              struct cf_fault *fault)
{
  int64_t end_us = cf_clock_mono_us() + CF_SERVICE_LEAVE_US;
  bool told = false;

  for (;;) {
    enum cf_err err = cf_socket_listen_web(conf, where, listener, fault);
    if (err != CF_E_LOCKED || cf_clock_mono_us() > end_us)
      return err;
    if (!told)
      cf_log(CF_LOG_INFO, "another process listens on %s: it is waited for, if it is leaving",
             where);
    told = true;
    if (ended_within(conf, PAUSE_MS))
      return cf_fail(fault, CF_E_LEAVING, where, "interrupted");
  }
}

/* The ledger being opened, which may take long, while signals are heard. */
struct opening {
  struct cf_service *service;
  enum cf_err err;
  struct cf_fault fault;
  atomic_bool done;
};

static void *opening_main(void *arg)
{
  struct opening *o = arg;

  o->err = cf_service_own(o->service, &o->fault);
  atomic_store(&o->done, true);
  return NULL;
}

/* What was begun is as after a kill: the next start recovers. */
static void opening_leave(const char *where, int listener)
{
  cf_log(CF_LOG_INFO, "told to end while the ledger is being opened: the next start opens it");
  if (where != NULL)
    cf_socket_leave_web(where, listener);
  _exit(0);
}

/* True: a signal said to end, and it was done in time for an end in order. One
 * that takes longer is not waited for. */
static bool opening_run(const struct cf_conf *conf, struct opening *o, const char *where,
                        int listener)
{
  pthread_t thread;
  int64_t told_us = 0;

  atomic_store(&o->done, false);
  o->err = cf_thread_start(&thread, 0, opening_main, o, &o->fault);
  if (o->err != CF_OK)
    return false;
  while (!atomic_load(&o->done)) {
    if (ended_within(conf, PAUSE_MS) && told_us == 0)
      told_us = cf_clock_mono_us();
    if (told_us != 0 && cf_clock_mono_us() - told_us > FINISH_US)
      opening_leave(where, listener);
  }
  pthread_join(thread, NULL);
  return told_us != 0;
}

/* Until a signal comes: CF_OK. A ledger that cannot be used is tried again, for
 * a bounded time where somebody watches this process. */
static enum cf_err web_wait(const struct cf_conf *conf, struct opening *o, const char *where,
                            int listener)
{
  int64_t bad_us = 0;

  while (!ended_within(conf, WATCH_MS)) {
    if (where == NULL || cf_service_owner(o->service) != NULL)
      continue;
    if (opening_run(conf, o, where, listener))
      return CF_OK;
    int64_t now_us = cf_clock_mono_us();
    if (o->err == CF_OK || o->err == CF_E_LOCKED)
      bad_us = 0;
    else if (bad_us == 0)
      bad_us = now_us;
    else if (now_us - bad_us > UNUSABLE_US)
      return o->err;
  }
  return CF_OK;
}

/* Whatever comes of the first try to own the ledger: requests are answered,
 * with 503 at worst, and it is tried again. True: a signal said to end. */
static bool owner_try(const struct cf_conf *conf, struct opening *o, const char *where,
                      int listener)
{
  bool told = opening_run(conf, o, where, listener);

  if (o->err == CF_E_LOCKED)
    cf_log(
        CF_LOG_INFO,
        "not the owner of %s: another process is, perhaps `counterfoil import --follow`, with the "
        "configuration that it read",
        conf->data);
  return told;
}

int cf_service_run_web(const struct cf_conf *conf, int listener, const char *where)
{
  struct opening opening = {0};
  struct cf_fcgi *web = NULL;
  struct cf_fault fault = {"", ""};
  struct cf_fcgi_job job = {.listener = listener,
                            .threads = (unsigned)conf->threads,
                            .body_timeout_us = conf->body_timeout_us,
                            .serve = service_serve};

  enum cf_err err = cf_peers_check(conf, listener, &fault);
  if (err == CF_OK)
    err = cf_peers_init(conf, &job.peers, &fault);
  if (err == CF_OK)
    err = cf_files_parked(conf, &job.parked, &fault);
  if (err == CF_OK)
    err = cf_service_new(conf, false, &opening.service);
  if (err == CF_OK && !owner_try(conf, &opening, where, listener)) {
    job.context = opening.service;
    err = cf_fcgi_start(&job, &web, &fault);
    if (err == CF_OK) {
      err = web_wait(conf, &opening, where, listener);
      fault = opening.fault;
    }
  }
  if (err != CF_OK)
    cf_log(CF_LOG_ERROR, "cannot serve: %s: %s: %s", cf_err_title(err), fault.at,
           cf_fault_text(&fault, err));
  int status = opening.service != NULL ? service_leave(opening.service, web) : 0;
  if (where != NULL)
    cf_socket_leave_web(where, listener);
  return err == CF_OK ? status : 1;
}

/* ---- owning for others ---- */

static bool somebody_listens(const struct cf_conf *conf)
{
  int fd;
  enum cf_err err = cf_socket_connect_owner(conf->data, &fd, NULL);

  if (err == CF_OK)
    close(fd);
  return err == CF_OK || err == CF_E_BUSY;
}

/* CF_E_LOCKED: another process is the owner, and there for others. One that is
 * leaving is waited for: whoever started this one had asked, and finds nobody
 * else. */
static enum cf_err own_in_turn(const struct cf_conf *conf, struct cf_owner **owner,
                               struct cf_fault *fault)
{
  int64_t end_us = cf_clock_mono_us() + TURN_US;

  for (;;) {
    enum cf_err err = cf_owner_open(conf, owner, fault);
    if (err != CF_E_LOCKED || somebody_listens(conf) || cf_clock_mono_us() > end_us ||
        ended_within(conf, PAUSE_MS))
      return err;
  }
}

int cf_service_run_owner(const struct cf_conf *conf)
{
  struct cf_owner *owner;
  struct cf_fault fault = {"", ""};
  enum cf_err err = own_in_turn(conf, &owner, &fault);

  if (err == CF_E_LOCKED)
    return 0;
  if (err != CF_OK) {
    cf_log(CF_LOG_ERROR, "cannot open the ledger: %s: %s", fault.at, cf_fault_text(&fault, err));
    return 1;
  }
  while (!ended_within(conf, 1000) && cf_owner_idle_us(owner) < conf->idle_exit_us)
    ;
  return cf_owner_close(owner, CF_SERVICE_LEAVE_US) == CF_OK ? 0 : end_at_once();
}

/* The web server takes the answer to be complete when its descriptor is
 * closed. */
static void close_standard(void)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);

  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
    cf_die("cannot open /dev/null");
  close(null);
}

int cf_service_run_cgi(const struct cf_conf *conf, char **environment)
{
  struct cf_service *service;
  struct cf_cgi cgi;

  if (cf_service_new(conf, conf->idle_exit_us > 0, &service) != CF_OK)
    return 1;
  cf_cgi_init(&cgi, environment, conf->body_timeout_us, STDIN_FILENO, STDOUT_FILENO);
  cf_service_serve(service, &cgi.transport);
  enum cf_err err = cf_cgi_fini(&cgi);
  close_standard();
  if (cf_service_free(service) != CF_OK)
    return end_at_once();
  return err == CF_OK ? 0 : 1;
}
