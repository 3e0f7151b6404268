/* SPDX-License-Identifier: MIT */
/* Which groups of records may hold a text somewhere: the runs of three bytes
 * ("grams") of all that `q` looks at, by a hash of 16 bits, and for each the
 * groups that have it. A group without one of a needle's grams has no record
 * that holds the needle; one that has them all may have, and is looked at.
 * Grams are made of bytes as they are compared (cf_text_fold), within each
 * text. */
#ifndef CF_INDEX_GRAMS_H
#define CF_INDEX_GRAMS_H

#include "lib/index/bits.h"
#include "lib/record/texts.h"

#define CF_GRAM_N        3          /* bytes */
#define CF_GRAMS         (1u << 16) /* that are told apart */
#define CF_GRAMS_GROUP   64u        /* records */
#define CF_GRAMS_GROUPS  4096u      /* at most, of one struct cf_grams */
#define CF_GRAMS_NEEDLE  64         /* of a needle, at most, that are asked for */
#define CF_GRAMS_ROW_MAX 640u       /* bytes of a row; 1.16 bits a group at worst */

/* ---- making them ---- */

struct cf_grams;
CF_MUST enum cf_err cf_grams_new(struct cf_grams **grams); /* empty; CF_E_NOMEM */
void cf_grams_free(struct cf_grams *grams);                /* NULL is harmless */
void cf_grams_reset(struct cf_grams *grams);               /* empty again; keeps the memory */
/* Take in a record of the group being filled. CF_E_SYNTAX, CF_E_NOMEM (of
 * cf_texts_look). */
CF_MUST enum cf_err cf_grams_add(struct cf_grams *grams, struct cf_values *values);
/* The group is full; there are fewer than CF_GRAMS_GROUPS before it.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_grams_next(struct cf_grams *grams);
/* Call each for the grams that some group has, ascending, with the groups that
 * have it; stops at its first error, which is given. */
CF_MUST enum cf_err cf_grams_each(const struct cf_grams *grams,
                                  enum cf_err (*each)(void *context, uint16_t gram,
                                                      const struct cf_bits *groups),
                                  void *context);

/* ---- a row: the groups that have a gram ---- */

/* Append it, in about as few bits as there is news in it. At least one group is
 * in it. */
void cf_grams_row_put(struct cf_buf *b, const struct cf_bits *groups);
/* Read it into groups, empty before, of as many. CF_E_SYNTAX: not what
 * cf_grams_row_put writes; groups may then hold some of them. */
CF_MUST enum cf_err cf_grams_row_get(struct cf_str row, struct cf_bits *groups);

/* ---- asking ---- */

/* Grams that a text must have to hold the needle, which is as cf_text_fold
 * leaves it: different ones, ascending. Gives how many; 0: any text may hold
 * it. */
size_t cf_grams_of(struct cf_str needle, uint16_t out[CF_GRAMS_NEEDLE]);

#endif
