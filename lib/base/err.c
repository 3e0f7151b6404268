/* SPDX-License-Identifier: MIT */
/* The error table's look-ups and the words of a fault. */
#include "config.h"

#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

struct row {
  const char *word;
  int status;
  const char *title;
};

static const struct row rows[CF_ERR_N] = {
    [CF_OK] = {"ok", 200, "ok"},
#define CF_ERR(symbol, word, status, title) [CF_E_##symbol] = {word, status, title},
#include "lib/base/err.def"
#undef CF_ERR
};

/* A code from outside the enum is a bug elsewhere; the answer is the plainest
 * failure, not a read beyond the table. */
static const struct row *row_of(enum cf_err err)
{
  return &rows[(unsigned)err < CF_ERR_N ? err : CF_E_SYSTEM];
}

const char *cf_err_word(enum cf_err err)
{
  return row_of(err)->word;
}

int cf_err_status(enum cf_err err)
{
  return row_of(err)->status;
}

const char *cf_err_title(enum cf_err err)
{
  return row_of(err)->title;
}

/* Drop a sequence that the cut to size has split. */
static void mend_tail(char *text)
{
  size_t n = strlen(text);
  for (size_t back = 1; back <= 3 && back <= n; back++) {
    const uint8_t *p = (const uint8_t *)text + n - back;
    if (*p >= 0xc0 && cf_utf8_len(p, back) == 0) {
      text[n - back] = '\0';
      return;
    }
  }
}

/* Both texts are made aside, so that `at` and the arguments may lie in the
 * fault itself. */
static void fault_fill(struct cf_fault *fault, const char *at, int number, const char *format,
                       va_list args) CF_PRINTF(4, 0);

static void fault_fill(struct cf_fault *fault, const char *at, int number, const char *format,
                       va_list args)
{
  struct cf_fault made = {{0}, {0}};
  char reason[128];

  if (at != NULL && snprintf(made.at, sizeof made.at, "%s", at) >= (int)sizeof made.at)
    mend_tail(made.at);
  int n = vsnprintf(made.detail, sizeof made.detail, format, args);
  if (n >= 0 && number != 0 && (size_t)n < sizeof made.detail)
    n += snprintf(made.detail + n, sizeof made.detail - (size_t)n, ": %s",
                  strerror_r(number, reason, sizeof reason));
  if (n >= (int)sizeof made.detail)
    mend_tail(made.detail);
  *fault = made;
}

enum cf_err cf_fail(struct cf_fault *fault, enum cf_err err, const char *at, const char *format,
                    ...)
{
  va_list args;

  if (fault == NULL)
    return err;
  va_start(args, format);
  fault_fill(fault, at, 0, format, args);
  va_end(args);
  return err;
}

enum cf_err cf_fail_errno(struct cf_fault *fault, enum cf_err err, const char *at,
                          const char *format, ...)
{
  int number = errno;
  va_list args;

  if (fault == NULL)
    return err;
  va_start(args, format);
  fault_fill(fault, at, number, format, args);
  va_end(args);
  errno = number;
  return err;
}

const char *cf_fault_text(const struct cf_fault *fault, enum cf_err err)
{
  return fault->detail[0] != '\0' ? fault->detail : cf_err_title(err);
}
