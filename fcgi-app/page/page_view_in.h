/* SPDX-License-Identifier: MIT */
/* Inside fcgi-app/page: the names that the template may ask for, by what they
 * are of; page_view.c looks them up. */
#ifndef CF_PAGE_PAGE_VIEW_IN_H
#define CF_PAGE_PAGE_VIEW_IN_H

#include "fcgi-app/page/page_view.h"

struct cf_view_value {
  const char *name;
  void (*put)(const struct cf_page_view *v, struct cf_buf *b);
};

/* Is there an i-th showing? Called with i = 0, 1, … until false. */
struct cf_view_part {
  const char *name;
  bool (*next)(struct cf_page_view *v, size_t i);
};

/* A section's tables, each ended by a row without a name. `rest`, where there
 * is one, is asked for names in neither; false: it does not know it. */
struct cf_view_section {
  const struct cf_view_value *values;
  const struct cf_view_part *parts;
  bool (*rest_value)(const struct cf_page_view *v, struct cf_str name, struct cf_buf *b);
  bool (*rest_part)(struct cf_page_view *v, struct cf_str name, size_t i);
};
extern const struct cf_view_section cf_view_seal, cf_view_missing, cf_view_question, cf_view_rows;

/* Time as the page writes it. */
void cf_view_put_time(struct cf_buf *b, int64_t t_us);
/* Take the word and the dot off the front of a name, or the tail off its end;
 * false, and it stays: they are not there, or all of it. */
bool cf_view_front(struct cf_str *name, const char *word);
bool cf_view_tail(struct cf_str *name, const char *tail);

#endif
