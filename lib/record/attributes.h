/* SPDX-License-Identifier: MIT */
/* A look into attributes, on their canonical text. */
#ifndef CF_RECORD_ATTRIBUTES_H
#define CF_RECORD_ATTRIBUTES_H

#include "lib/base/buf.h"

/* Call hit for the values in the text of attributes until it says true, which
 * *found tells: strings decoded, numbers and words as they are written. Objects
 * have no value; an array has those of its elements.
 *
 * path: the names from the outermost object down, with points between them;
 * names may have points in them. Empty: all values, wherever they are. The text
 * is walked once, whatever the path. scratch: what is decoded is put behind its
 * content, one value at a time. CF_E_SYNTAX where the text is not canonical,
 * CF_E_NOMEM, CF_E_FULL. */
CF_MUST enum cf_err cf_attributes_look(struct cf_str text, struct cf_str path,
                                       struct cf_buf *scratch,
                                       bool (*hit)(const void *context, struct cf_str value),
                                       const void *context, bool *found);

#endif
