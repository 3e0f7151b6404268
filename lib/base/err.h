/* SPDX-License-Identifier: MIT */
/* Errors: one enum made from one table (err.def), and a place for the words
 * that a person needs.
 *
 * A function that can fail returns enum cf_err and writes its outputs only on
 * CF_OK. Where the caller can do better with words than with a code, it passes
 * a struct cf_fault. */
#ifndef CF_BASE_ERR_H
#define CF_BASE_ERR_H

#define CF_MUST              __attribute__((warn_unused_result))
#define CF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum cf_err {
  CF_OK = 0,
#define CF_ERR(symbol, word, status, title) CF_E_##symbol,
#include "lib/base/err.def"
#undef CF_ERR
  CF_ERR_N
};

/* The word, HTTP status and title of an error; CF_OK gives "ok", 200, "ok". The
 * strings are constants. */
const char *cf_err_word(enum cf_err err);
int cf_err_status(enum cf_err err);
const char *cf_err_title(enum cf_err err);

/* What was at fault, for people. `at` names the parameter, member, option or
 * file (empty: none); `detail` is one sentence. Both are NUL-terminated, cut to
 * size, valid UTF-8 when their inputs are; they may quote hostile input, so a
 * writer escapes them for its medium. */
struct cf_fault {
  char at[256];
  char detail[512];
};

/* Fill fault (may be NULL: nothing happens) and return err, so that `return
 * cf_fail(…)` reads as one thought. at may be NULL for none. */
enum cf_err cf_fail(struct cf_fault *fault, enum cf_err err, const char *at, const char *format,
                    ...) CF_PRINTF(4, 5);

/* As cf_fail, and ends the detail with ": " and the text of errno as it was at
 * the call. */
enum cf_err cf_fail_errno(struct cf_fault *fault, enum cf_err err, const char *at,
                          const char *format, ...) CF_PRINTF(4, 5);

/* What to say of it: the detail, or the error's title where nobody filled the
 * fault. What is logged or answered has a reason, whatever failed. */
const char *cf_fault_text(const struct cf_fault *fault, enum cf_err err);

#endif
