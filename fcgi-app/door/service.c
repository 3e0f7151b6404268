/* SPDX-License-Identifier: MIT */
/* Serving requests wherever the ledger is. */
#include "config.h"

#include "fcgi-app/door/service.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi-app/door/owner.h"
#include "fcgi-app/door/relay_in.h"
#include "fcgi-app/door/service_in.h"
#include "fcgi-app/http/problem.h"
#include "fcgi-app/routes/app.h"
#include "lib/base/clock.h"
#include "lib/base/diag.h"

#define WAIT_US  INT64_C(10000000) /* for an owner to be there */
#define COME_US  INT64_C(2000000)  /* for one that a CGI started to come or to hold the lock */
#define PAUSE_US 20000
/* after the ledger could not be opened; twice as long each time, */
#define AGAIN_US     INT64_C(1000000)
#define AGAIN_MAX_US INT64_C(60000000) /* for each try may be a start and a stop in the ledger */

struct cf_service {
  const struct cf_conf *conf;
  bool starts_owner;
  _Atomic(struct cf_owner *) owner;
  pthread_mutex_t lock; /* over becoming the owner */
  int64_t next_us;      /* not before, monotonic */
  int64_t pause_us;
  enum cf_err failed; /* the last failure, already logged, and its words */
  struct cf_fault fault;
};

enum cf_err cf_service_new(const struct cf_conf *conf, bool starts_owner,
                           struct cf_service **service)
{
  struct cf_service *s = calloc(1, sizeof *s);

  if (s == NULL)
    return CF_E_NOMEM;
  s->conf = conf;
  s->starts_owner = starts_owner;
  pthread_mutex_init(&s->lock, NULL);
  *service = s;
  return CF_OK;
}

enum cf_err cf_service_free(struct cf_service *service)
{
  enum cf_err err = cf_owner_close(atomic_load(&service->owner), CF_SERVICE_LEAVE_US);

  if (err != CF_OK)
    return err;
  pthread_mutex_destroy(&service->lock);
  free(service);
  return CF_OK;
}

struct cf_owner *cf_service_owner(struct cf_service *service)
{
  return atomic_load(&service->owner);
}

/* ---- becoming the owner ---- */

static enum cf_err own_locked(struct cf_service *service, struct cf_fault *fault)
{
  struct cf_owner *owner;

  if (atomic_load(&service->owner) != NULL)
    return CF_OK;
  if (cf_clock_mono_us() < service->next_us) {
    *fault = service->fault;
    return service->failed;
  }
  enum cf_err err = cf_owner_open(service->conf, &owner, fault);
  if (err == CF_OK) {
    cf_log(CF_LOG_INFO, "owner of %s", service->conf->data);
    atomic_store(&service->owner, owner);
  } else if (err != CF_E_LOCKED) {
    if (err != service->failed)
      cf_log(CF_LOG_ERROR, "cannot open the ledger: %s: %s", fault->at, cf_fault_text(fault, err));
    service->pause_us =
        service->pause_us == 0 || err == CF_E_SPACE ? AGAIN_US : 2 * service->pause_us;
    if (service->pause_us > AGAIN_MAX_US)
      service->pause_us = AGAIN_MAX_US;
    service->next_us = cf_clock_mono_us() + service->pause_us;
  }
  service->failed = err;
  service->fault = *fault;
  return err;
}

enum cf_err cf_service_own(struct cf_service *service, struct cf_fault *fault)
{
  struct cf_fault unread = {"", ""};

  pthread_mutex_lock(&service->lock);
  enum cf_err err = own_locked(service, fault != NULL ? fault : &unread);
  pthread_mutex_unlock(&service->lock);
  return err;
}

/* What is left of a started owner when it runs: no descriptor, no terminal, no
 * variable of the request. */
static void exec_owner(const char *program, const char *conf_file)
{
  char *const environment[] = {(char[]){"PATH=/usr/bin:/bin"}, NULL};
  char option_owner[] = "--owner", option_config[] = "--config";
  char *path = cf_str_dup(cf_str_from(program));
  char *file = cf_str_dup(cf_str_from(conf_file));

  if (path == NULL || file == NULL || setsid() < 0)
    _exit(1);
  int null = open("/dev/null", O_RDWR);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
    _exit(1);
  closefrom(3);
  execve(path, (char *const[]){path, option_owner, option_config, file, NULL}, environment);
  _exit(1);
}

/* Twice forked: it is nobody's child, and this process waits for nobody. */
static enum cf_err start_owner(struct cf_service *service)
{
  char program[4096];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

  if (n <= 0 || service->conf->file == NULL)
    return CF_E_SYSTEM;
  program[n] = '\0';
  pid_t pid = fork();
  if (pid < 0)
    return CF_E_SYSTEM;
  if (pid == 0) {
    pid_t owner = fork();
    if (owner == 0)
      exec_owner(program, service->conf->file);
    _exit(owner > 0 ? 0 : 1);
  }
  int status;
  return waitpid(pid, &status, 0) == pid && status == 0 ? CF_OK : CF_E_SYSTEM;
}

/* There is no owner. CF_OK: we are it now. One that was started and does not
 * come has nobody to tell why: what it could not do is tried here, where the
 * reason goes to the web server's log. */
static enum cf_err replace_owner(struct cf_service *service, int64_t *started_us,
                                 struct cf_fault *fault)
{
  if (!service->starts_owner || (*started_us != 0 && cf_clock_mono_us() - *started_us > COME_US))
    return cf_service_own(service, fault);
  if (*started_us == 0 && start_owner(service) != CF_OK)
    cf_log(CF_LOG_ERROR, "cannot start an owner");
  if (*started_us == 0)
    *started_us = cf_clock_mono_us();
  return CF_E_LOCKED;
}

/* ---- a request ---- */

/* Pass the request on, or serve it here when there is nobody to pass it to. An
 * owner that somebody else is, or may become, is waited for; a ledger that
 * cannot be opened is not. What strangers may know of why is that it was rolled
 * back: CF_E_ROLLBACK with the fault. */
static enum cf_err request_pass(struct cf_service *service, struct cf_relay *relay,
                                struct cf_fault *fault)
{
  static struct cf_log_rate rate;
  int64_t end_us = cf_clock_mono_us() + WAIT_US;
  int64_t started_us = 0;

  for (;;) {
    enum cf_err err = cf_relay_try(relay, fault);
    if (err == CF_E_SYSTEM)
      cf_log_rated(&rate, CF_LOG_ERROR, "cannot reach the owner: %s: %s", fault->at,
                   cf_fault_text(fault, err));
    if (err != CF_E_NOTFOUND && err != CF_E_LEAVING && err != CF_E_BUSY)
      return err;
    enum cf_err own =
        err == CF_E_NOTFOUND ? replace_owner(service, &started_us, fault) : CF_E_LOCKED;
    if (own == CF_OK) {
      struct cf_transport here = *cf_relay_transport(relay);
      cf_app_serve(cf_owner_app(atomic_load(&service->owner)), &here);
      return CF_OK;
    }
    if (own == CF_E_ROLLBACK)
      return own;
    if (own != CF_E_LOCKED || cf_clock_mono_us() > end_us)
      return CF_E_NOTREADY;
    usleep(PAUSE_US);
  }
}

void cf_service_serve(struct cf_service *service, struct cf_transport *transport)
{
  struct cf_owner *owner = atomic_load(&service->owner);
  struct cf_relay *relay = NULL;
  struct cf_fault fault = {"", ""};

  if (owner != NULL) {
    cf_app_serve(cf_owner_app(owner), transport);
    return;
  }
  enum cf_err err = cf_relay_new(service->conf, transport, &relay);
  if (err == CF_OK)
    err = request_pass(service, relay, &fault);
  cf_relay_free(relay);
  if (err == CF_E_PEER) {
    if (transport->abandon != NULL)
      transport->abandon(transport->context);
  } else if (err == CF_E_ROLLBACK) {
    cf_app_refuse(service->conf, err, &fault, transport);
  } else if (err != CF_OK) {
    cf_problem_answer(transport, err);
  }
}
