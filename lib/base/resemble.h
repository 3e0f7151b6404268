/* SPDX-License-Identifier: MIT */
/* How much two words differ, for those who mistype a name. */
#ifndef CF_BASE_RESEMBLE_H
#define CF_BASE_RESEMBLE_H

#include "lib/base/buf.h"

/* Bytes of a word that is looked at; a longer one resembles nothing. */
#define CF_RESEMBLE_MAX 32

/* Levenshtein's distance of two words of at most CF_RESEMBLE_MAX bytes: how
 * many letters to put in, leave out or change, upper and lower case being the
 * same. */
size_t cf_word_distance(struct cf_str a, struct cf_str b);

#endif
