/* SPDX-License-Identifier: MIT */
/* Standard output: a write that fails is remembered, and told once at the
 * end. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/base/clock.h"

#define PROGRESS_US INT64_C(200000)

static int failed; /* errno of the first write that failed */
static struct {
  bool shown;
  int64_t next_us;
} progress;

void cf_cli_output_open(void)
{
  struct sigaction ignore = {.sa_handler = SIG_IGN};

  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  sigemptyset(&ignore.sa_mask);
  sigaction(SIGPIPE, &ignore, NULL);
}

bool cf_cli_output_ok(void)
{
  return failed == 0;
}

/* errno is that of the call that did what ok says. */
static enum cf_err output_note(bool ok)
{
  if (!ok && failed == 0)
    failed = errno != 0 ? errno : EIO;
  return failed == 0 ? CF_OK : CF_E_PEER;
}

/* ---- progress ---- */

static bool is_smart(void)
{
  const char *terminal = getenv("TERM");

  return terminal != NULL && strcmp(terminal, "dumb") != 0;
}

bool cf_cli_progress_wanted(void)
{
  return isatty(STDERR_FILENO) == 1 && is_smart();
}

void cf_cli_progress(const char *format, ...)
{
  int64_t now_us = cf_clock_mono_us();
  va_list args;

  if (!cf_cli_progress_wanted() || now_us < progress.next_us)
    return;
  progress.next_us = now_us + PROGRESS_US;
  progress.shown = true;
  va_start(args, format);
  (void)fputc('\r', stderr);
  (void)vfprintf(stderr, format, args);
  (void)fputs("\033[K", stderr);
  va_end(args);
}

void cf_cli_progress_end(void)
{
  if (progress.shown)
    (void)fputs("\r\033[K", stderr);
  progress.shown = false;
}

/* ---- output ---- */

enum cf_err cf_cli_write(const void *p, size_t n)
{
  cf_cli_progress_end();
  errno = 0;
  return output_note(failed != 0 || fwrite(p, 1, n, stdout) == n);
}

enum cf_err cf_cli_print(const struct cf_buf *b)
{
  return b->err == CF_OK ? cf_cli_write(b->p, b->n) : b->err;
}

enum cf_err cf_cli_printf(const char *format, ...)
{
  va_list args;

  cf_cli_progress_end();
  va_start(args, format);
  errno = 0;
  enum cf_err err = output_note(failed != 0 || vprintf(format, args) >= 0);
  va_end(args);
  return err;
}

enum cf_err cf_cli_flush(void)
{
  errno = 0;
  return output_note(failed != 0 || fflush(stdout) == 0);
}

bool cf_cli_colours(FILE *file)
{
  const char *none = getenv("NO_COLOR");

  return isatty(fileno(file)) == 1 && (none == NULL || none[0] == '\0') && is_smart();
}

int cf_cli_output_close(int status)
{
  if (cf_cli_flush() == CF_OK || failed == EPIPE)
    return status;
  (void)fprintf(stderr, "counterfoil: cannot write to standard output: %s\n", strerror(failed));
  return status == CF_EXIT_TRUE ? CF_EXIT_UNKNOWN : status;
}
