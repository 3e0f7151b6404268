/* SPDX-License-Identifier: MIT */
/* Equal but for the case of letters: Unicode's simple case folding, in which a
 * code point becomes one other (The Unicode Standard 15.0, section 3.13;
 * fold.def). It is nobody's language: a dotless i is no i, and ß is not ss. */
#ifndef CF_BASE_FOLD_H
#define CF_BASE_FOLD_H

#include "lib/base/buf.h"

#define CF_FOLD_MAX 4 /* code points that become the same one, itself counted */

/* What a code point becomes; most stay as they are. */
uint32_t cf_fold_code(uint32_t code);
/* The code points that become the same as this one, ascending, itself among
 * them: how many, at least 1. */
size_t cf_fold_alike(uint32_t code, uint32_t out[CF_FOLD_MAX]);
/* Are they equal but for case? Bytes that are no UTF-8 equal themselves. */
bool cf_fold_equal(struct cf_str a, struct cf_str b);

#endif
