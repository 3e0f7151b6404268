/* SPDX-License-Identifier: MIT */
/* Questions in tests: a query string as a person would type it becomes a
 * query. */
#ifndef CF_TEST_QUERY_ASK_H
#define CF_TEST_QUERY_ASK_H

#include "lib/base/codec.h"
#include "lib/query/query.h"

#define ASK_NOW_US     INT64_C(1795485600123456) /* 2026-11-24T02:00:00.123456Z */
#define ASK_PARAMS_MAX 2048

/* Parse a query string (percent-decoded here). */
static inline enum cf_err ask_parse(const char *url, const struct cf_query_own *own,
                                    struct cf_query **query, struct cf_fault *fault)
{
  static struct cf_param params[ASK_PARAMS_MAX];
  struct cf_buf text;
  struct cf_str left = cf_str_from(url);
  size_t n = 0;

  cf_buf_init(&text, SIZE_MAX);
  if (cf_buf_grow(&text, left.n + 1) != NULL)
    cf_buf_reset(&text); /* decoded text is never longer, so it never moves */
  while (left.n > 0 && n < ASK_PARAMS_MAX) {
    struct cf_str value = cf_str_cut(&left, '&');
    struct cf_str name = cf_str_cut(&value, '=');
    struct cf_str *part[2] = {&name, &value};
    for (int i = 0; i < 2; i++) {
      size_t from = text.n;
      if (cf_url_get(*part[i], true, &text) != CF_OK)
        abort();
      *part[i] = (struct cf_str){(const char *)text.p + from, text.n - from};
    }
    params[n++] = (struct cf_param){name, value};
  }
  enum cf_err err = cf_query_parse(params, n, own, ASK_NOW_US, query, fault);
  cf_buf_fini(&text);
  return err;
}

#endif
