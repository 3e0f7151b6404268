/* SPDX-License-Identifier: MIT */
/* The texts of a record that a search for a part of any of them looks at: what
 * `q` means. */
#ifndef CF_RECORD_TEXTS_H
#define CF_RECORD_TEXTS_H

#include "lib/record/values.h"

/* Call hit for each text member and each value in attributes, one by one, until
 * it says true, which *found tells. Strings are decoded; numbers and words in
 * attributes are as they are written. values: of cf_values_get; its scratch is
 * put to use. CF_E_SYNTAX where attributes are not canonical; CF_E_NOMEM,
 * CF_E_FULL. */
CF_MUST enum cf_err cf_texts_look(struct cf_values *values,
                                  bool (*hit)(const void *context, struct cf_str text),
                                  const void *context, bool *found);

/* What is searched for is found whatever the case of its ASCII letters: a byte
 * as it is compared. */
static inline char cf_text_fold(char c)
{
  return (unsigned char)(c - 'A') < 26 ? (char)(c + ('a' - 'A')) : c;
}
/* The same of a whole text, into room for its n bytes, eight at a time. */
void cf_text_fold_all(struct cf_str text, char *out);

/* Is it written in a record as it is, without an escape, so that what does not
 * have it there does not hold it? */
bool cf_text_is_plain(struct cf_str needle);

#endif
