/* SPDX-License-Identifier: MIT */
/* The programs around a service: behind a web server, as an owner that a CGI
 * started, as a CGI. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
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

#define TURN_US  INT64_C(10000000) /* for an owner that is leaving */
#define PAUSE_MS 20

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

/* Wait for a signal that says to end, at most so long. */
static bool ended_within(long ms)
{
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  sigset_t set;

  ending_signals(&set);
  return sigtimedwait(&set, NULL, &time) > 0;
}

static void wait_end(void)
{
  sigset_t set;
  int signo;

  ending_signals(&set);
  while (sigwait(&set, &signo) != 0)
    ;
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

int cf_service_run_web(const struct cf_conf *conf, int listener)
{
  struct cf_service *service = NULL;
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
    err = cf_service_new(conf, false, &service);
  if (err == CF_OK) {
    /* Whatever comes of it: requests are answered, with 503 at worst, and it is
     * tried again. */
    if (cf_service_own(service, NULL) != CF_OK)
      cf_log(
          CF_LOG_INFO,
          "not the owner of %s: another process is, perhaps `counterfoil import --follow`, with the "
          "configuration that it read",
          conf->data);
    job.context = service;
    err = cf_fcgi_start(&job, &web, &fault);
  }
  if (err != CF_OK) {
    cf_log(CF_LOG_ERROR, "cannot serve: %s: %s: %s", cf_err_title(err), fault.at,
           cf_fault_text(&fault, err));
    if (service != NULL)
      (void)service_leave(service, NULL);
    return 1;
  }
  wait_end();
  return service_leave(service, web);
}

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
        ended_within(PAUSE_MS))
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
  while (!ended_within(1000) && cf_owner_idle_us(owner) < conf->idle_exit_us)
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
