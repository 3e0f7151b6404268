/* SPDX-License-Identifier: MIT */
/* The site's files, read once at start, and its page as a template with
 * `{{name}}` (a value, escaped as what it stands in: a text or a tag), and
 * `{{#name}}…{{/name}}` (a part shown as often as its owner says). */
#ifndef CF_PAGE_PAGE_H
#define CF_PAGE_PAGE_H

#include "fcgi-app/http/response.h"

/* A file of the site. */
struct cf_file {
  const char *name;
  const char *type; /* media type */
  char etag[CF_ETAG_N];
  struct cf_buf text;
};

struct cf_site;
/* Read the files from the directory. CF_E_CONFIG with the file's name where one
 * is missing, too large, or, of the template, ill-formed; CF_E_NOMEM. */
CF_MUST enum cf_err cf_site_new(const char *directory, struct cf_site **site,
                                struct cf_fault *fault);
void cf_site_free(struct cf_site *site);
/* A file by its name, or NULL. Borrowed. */
const struct cf_file *cf_site_file(const struct cf_site *site, struct cf_str name);

/* What a template is filled with. Both are told `context`. */
struct cf_page_values {
  void *context;
  /* Append the value of a name to b, as it is: it is escaped on its way to the
   * page. */
  void (*value)(void *context, struct cf_str name, struct cf_buf *b);
  /* Is there an i-th showing of the part of that name? Called with i = 0, 1, …
   * until false; values asked for meanwhile are those of that showing. */
  bool (*part)(void *context, struct cf_str name, size_t i);
};
/* Append the page, filled. CF_E_NOMEM, b's error. */
CF_MUST enum cf_err cf_page_put(const struct cf_site *site, const struct cf_page_values *values,
                                struct cf_buf *b);

#endif
