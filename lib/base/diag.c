/* SPDX-License-Identifier: MIT */
/* The service's own messages. */
#include "config.h"

#include "lib/base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/die.h"
#include "lib/base/show.h"

#define TEXT_MAX  1024 /* of a message, before it is escaped */
#define MINUTE_US 60000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sink = STDERR_FILENO;
static char name[64] = "counterfoil";

/* Where the write fails there is nobody left to tell. */
static void write_line(struct cf_str line)
{
  ssize_t done;

  do
    done = write(sink, line.p, line.n);
  while (done < 0 && errno == EINTR);
}

static void log_text(enum cf_level level, const char *text)
{
  static const char *const levels[] = {"error", "warning", "info"};
  char when[CF_TIME_TEXT_N + 1];
  char line[sizeof when + 4 * sizeof name + 64 + 4 * TEXT_MAX];

  struct cf_buf b;

  cf_buf_fixed(&b, line, sizeof line);
  cf_time_format(cf_clock_now_us(), when);
  pthread_mutex_lock(&lock);
  cf_buf_putf(&b, "%s ", when);
  cf_show_put(&b, cf_str_from(name), CF_SHOW_LOG);
  cf_buf_putf(&b, "[%ld] %s: ", (long)getpid(), levels[level]);
  cf_show_put(&b, cf_str_from(text), CF_SHOW_LOG);
  cf_buf_putc(&b, '\n');
  write_line(cf_buf_str(&b));
  pthread_mutex_unlock(&lock);
}

/* The last message of a process that dies. */
static void tell_error(const char *message)
{
  log_text(CF_LOG_ERROR, message);
}

/* errno is the caller's: a message between a failure and its report must not
 * change it. */
static void log_va(enum cf_level level, const char *format, va_list args) CF_PRINTF(2, 0);

static void log_va(enum cf_level level, const char *format, va_list args)
{
  int number = errno;
  char text[TEXT_MAX];

  int n = vsnprintf(text, sizeof text, format, args);
  if (n < 0)
    (void)snprintf(text, sizeof text, "a message that could not be written: %s", format);
  else if ((size_t)n >= sizeof text)
    memcpy(text + sizeof text - 4, "...", 4);
  log_text(level, text);
  errno = number;
}

enum cf_err cf_diag_open(const char *path, const char *program, struct cf_fault *fault)
{
  int fd = STDERR_FILENO;

  if (path != NULL) {
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
      return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot open the log file");
  }
  pthread_mutex_lock(&lock);
  int old = sink;
  sink = fd;
  (void)snprintf(name, sizeof name, "%s", program);
  pthread_mutex_unlock(&lock);
  if (old != STDERR_FILENO)
    close(old);
  cf_die_tell(tell_error);
  return CF_OK;
}

void cf_log(enum cf_level level, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  log_va(level, format, args);
  va_end(args);
}

/* May one more be written? *left_out: how many were not in the minute that is
 * over. */
static bool within_rate(struct cf_log_rate *rate, unsigned *left_out)
{
  int64_t now = cf_clock_mono_us();

  *left_out = 0;
  pthread_mutex_lock(&lock);
  if (rate->n == 0 || now - rate->since_us >= MINUTE_US) {
    *left_out = rate->n > CF_LOG_RATE ? rate->n - CF_LOG_RATE : 0;
    *rate = (struct cf_log_rate){.since_us = now};
  }
  if (rate->n < UINT_MAX)
    rate->n++;
  bool within = rate->n <= CF_LOG_RATE;
  pthread_mutex_unlock(&lock);
  return within;
}

void cf_log_rated(struct cf_log_rate *rate, enum cf_level level, const char *format, ...)
{
  unsigned left_out;
  va_list args;

  if (!within_rate(rate, &left_out))
    return;
  if (left_out > 0)
    cf_log(level, "%u messages of the kind of the next one were left out", left_out);
  va_start(args, format);
  log_va(level, format, args);
  va_end(args);
}
