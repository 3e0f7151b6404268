/* SPDX-License-Identifier: MIT */
/* The keys under which a value that equals another but for case may be found.
 *
 * They are many, and few of them are in an index: whoever asks for the first
 * one at or behind a key that is there passes over all between. */
#ifndef CF_INDEX_KEY_FOLD_H
#define CF_INDEX_KEY_FOLD_H

#include "lib/base/fold.h"
#include "lib/index/index.h"

#define CF_KEY_CODE_MAX 4 /* bytes of a code point in a key */

/* A place of a value: how its code point may be written, in order. */
struct cf_key_place {
  uint8_t n;
  struct cf_key_code {
    uint8_t n;
    uint8_t byte[CF_KEY_CODE_MAX];
  } code[CF_FOLD_MAX];
};

/* So much of a value as a key can hold. */
struct cf_key_fold {
  size_t n;
  struct cf_key_place place[CF_INDEX_VALUE_MAX];
};

/* For a value of an index whose keys are text. */
void cf_key_fold_make(struct cf_str value, struct cf_key_fold *fold);
/* The first such key at or behind `key`, or only behind it, into out, which may
 * be where key is: its length; 0 where there is none (the empty value, whose
 * key is empty, is found by what is equal to it). */
size_t cf_key_fold_next(const struct cf_key_fold *fold, struct cf_str key, bool behind,
                        uint8_t out[CF_INDEX_VALUE_MAX]);
/* Is the key one of them? */
bool cf_key_fold_has(const struct cf_key_fold *fold, struct cf_str key);

#endif
