/* SPDX-License-Identifier: MIT */
/* JSON numbers, by their text: which of them every reader can take. */
#ifndef CF_RECORD_NUMBER_H
#define CF_RECORD_NUMBER_H

#include <stdbool.h>

#include "lib/base/buf.h"

#define CF_NUMBER_MAX 40 /* bytes of a number's text in attributes (format.md) */

/* Is the integer of these digits (no leading zero, the sign apart) outside
 * int64? */
bool cf_number_beyond_int64(struct cf_str digits, bool negative);
/* Does a JSON number become infinite as an IEEE double? Readers that have
 * nothing else fail on it. */
bool cf_number_beyond_double(struct cf_str number);
/* May a JSON number stand in attributes as it is? */
bool cf_number_ok(struct cf_str number);

#endif
