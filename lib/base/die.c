/* SPDX-License-Identifier: MIT */
/* The end of a process that must not go on. */
#include "config.h"

#include "lib/base/die.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX      1024
#define EXIT_SOFTWARE 70

/* Before there is a log. Where the write fails there is nobody left to tell. */
static void tell_stderr(const char *message)
{
  char line[TEXT_MAX + 1];
  size_t n = 0;

  for (; message[n] != '\0' && n < TEXT_MAX; n++)
    line[n] = message[n] >= 0x20 && message[n] < 0x7f ? message[n] : '?';
  line[n++] = '\n';
  if (write(STDERR_FILENO, line, n) < 0)
    return;
}

static void (*_Atomic teller)(const char *message) = tell_stderr;

void cf_die_tell(void (*tell)(const char *message))
{
  atomic_store(&teller, tell);
}

void cf_die(const char *format, ...)
{
  char text[TEXT_MAX];
  va_list args;

  va_start(args, format);
  if (vsnprintf(text, sizeof text, format, args) < 0)
    (void)snprintf(text, sizeof text, "a message that could not be written: %s", format);
  va_end(args);
  atomic_load (&teller)(text);
  _exit(EXIT_SOFTWARE);
}
