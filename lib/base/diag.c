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
static char place[PATH_MAX]; /* of the file; empty: stderr */

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

static void put_text(char text[TEXT_MAX], const char *format, va_list args) CF_PRINTF(2, 0);

static void put_text(char text[TEXT_MAX], const char *format, va_list args)
{
  int n = vsnprintf(text, TEXT_MAX, format, args);
  if (n < 0)
    (void)snprintf(text, TEXT_MAX, "a message that could not be written: %s", format);
  else if (n >= TEXT_MAX)
    memcpy(text + TEXT_MAX - 4, "...", 4);
}

static enum cf_err file_open(const char *path, int *fd, struct cf_fault *fault)
{
  *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
  return *fd >= 0
             ? CF_OK
             : cf_fail_errno(
                   fault, CF_E_SYSTEM, path,
                   "cannot open the log file (make its directory, and let this user write there)");
}

/* Under the lock. Whoever writes does so under it too. */
static void sink_set(int fd)
{
  if (sink != STDERR_FILENO)
    close(sink);
  sink = fd;
}

enum cf_err cf_diag_open(const char *path, const char *program, struct cf_fault *fault)
{
  int fd = STDERR_FILENO;

  if (path != NULL && strlen(path) >= sizeof place)
    return cf_fail(fault, CF_E_SYSTEM, path, "the path is too long");
  enum cf_err err = path != NULL ? file_open(path, &fd, fault) : CF_OK;
  if (err != CF_OK)
    return err;
  pthread_mutex_lock(&lock);
  sink_set(fd);
  (void)snprintf(place, sizeof place, "%s", path != NULL ? path : "");
  (void)snprintf(name, sizeof name, "%s", program);
  pthread_mutex_unlock(&lock);
  cf_die_tell(tell_error);
  return CF_OK;
}

enum cf_err cf_diag_reopen(struct cf_fault *fault)
{
  enum cf_err err = CF_OK;
  int fd;

  pthread_mutex_lock(&lock);
  if (place[0] != '\0') {
    err = file_open(place, &fd, fault);
    if (err == CF_OK)
      sink_set(fd);
  }
  pthread_mutex_unlock(&lock);
  return err;
}

/* errno is the caller's: a message between a failure and its report must not
 * change it. */
void cf_log(enum cf_level level, const char *format, ...)
{
  int number = errno;
  char text[TEXT_MAX];
  va_list args;

  va_start(args, format);
  put_text(text, format, args);
  va_end(args);
  log_text(level, text);
  errno = number;
}

/* FNV-1a. Whoever makes two texts collide hides one of them for a minute, which
 * CF_LOG_RATE others would do too. */
static uint64_t text_sum(const char *text)
{
  uint64_t sum = UINT64_C(0xcbf29ce484222325);

  for (; *text != '\0'; text++)
    sum = (sum ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  return sum;
}

/* Is it to be written? Under the lock. */
static bool rate_take(struct cf_log_rate *rate, uint64_t sum)
{
  if (rate->n < UINT_MAX)
    rate->n++;
  for (unsigned i = 0; i < rate->written; i++)
    if (rate->written_sum[i] == sum)
      return false;
  if (rate->written == CF_LOG_RATE)
    return false;
  rate->written_sum[rate->written++] = sum;
  return true;
}

/* *left_out: how many were not in the minute that is over. */
static bool within_rate(struct cf_log_rate *rate, const char *text, unsigned *left_out)
{
  int64_t now = cf_clock_mono_us();

  *left_out = 0;
  pthread_mutex_lock(&lock);
  if (rate->n == 0 || now - rate->since_us >= MINUTE_US) {
    *left_out = rate->n - rate->written;
    *rate = (struct cf_log_rate){.since_us = now};
  }
  bool within = rate_take(rate, text_sum(text));
  pthread_mutex_unlock(&lock);
  return within;
}

void cf_log_rated(struct cf_log_rate *rate, enum cf_level level, const char *format, ...)
{
  int number = errno;
  char text[TEXT_MAX];
  unsigned left_out;
  va_list args;

  va_start(args, format);
  put_text(text, format, args);
  va_end(args);
  bool within = within_rate(rate, text, &left_out);
  if (left_out > 0)
    cf_log(level, "%u messages of the kind of the next one were left out", left_out);
  if (within)
    log_text(level, text);
  errno = number;
}
