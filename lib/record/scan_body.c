/* SPDX-License-Identifier: MIT */
/* A request body cut into its events (api.md, POST /v1/events). */
#include "config.h"

#include <string.h>

#include "lib/record/scan_in.h"

static bool text_take(struct cf_str *s, struct cf_str what)
{
  struct cf_str at = cf_scan_space(*s);
  if (!cf_str_starts(at, what))
    return false;
  *s = cf_str_behind(at, what.n);
  return true;
}

/* Step over `{"events":[` or `{"logs":[`. */
static bool take_wrapper(struct cf_str *s)
{
  struct cf_str at = *s;
  if (!text_take(&at, CF_STR("{")))
    return false;
  if (!text_take(&at, CF_STR("\"events\"")) && !text_take(&at, CF_STR("\"logs\"")))
    return false;
  if (!text_take(&at, CF_STR(":")) || !text_take(&at, CF_STR("[")))
    return false;
  *s = at;
  return true;
}

void cf_scan_init(struct cf_scan *scan, struct cf_str body)
{
  static const struct cf_str bom = {"\xEF\xBB\xBF", 3};
  *scan = (struct cf_scan){.left = body, .shape = CF_SCAN_SINGLE};
  if (cf_str_starts(scan->left, bom))
    scan->left = cf_str_behind(scan->left, bom.n);
  if (text_take(&scan->left, CF_STR("[")))
    scan->shape = CF_SCAN_ARRAY;
  else if (take_wrapper(&scan->left))
    scan->shape = CF_SCAN_WRAPPER;
}

/* ---- one value after the other ---- */

/* Behind a broken value: the next line that does not go on with it, as an
 * indented or closing line would. */
static struct cf_str next_line(struct cf_str s)
{
  for (;;) {
    const char *lf = s.n == 0 ? NULL : memchr(s.p, '\n', s.n);
    if (lf == NULL)
      return (struct cf_str){s.p + s.n, 0};
    s = cf_str_behind(s, (size_t)(lf - s.p) + 1);
    if (s.n > 0 && memchr(" \t\r\n]}", *s.p, 6) == NULL)
      return s;
  }
}

static enum cf_err next_value(struct cf_scan *scan, struct cf_str *event,
                              struct cf_scan_members *members, bool *more, struct cf_fault *fault)
{
  scan->left = cf_scan_space(scan->left);
  if (scan->left.n == 0) {
    scan->ended = true;
    *more = false;
    return CF_OK;
  }
  if (scan->begun)
    scan->shape = CF_SCAN_SEQUENCE;
  scan->begun = true;
  struct cf_scan_one one;
  enum cf_err err = cf_scan_one(scan->left, CF_SCAN_DEPTH, members, &one, fault);
  scan->left = one.whole ? one.rest : next_line(scan->left);
  if (err != CF_OK)
    return err;
  *event = one.value;
  *more = true;
  return CF_OK;
}

/* ---- elements of an array ---- */

/* The array and what is around it have ended well, or something stands behind
 * them. */
static enum cf_err end_array(struct cf_scan *scan, bool *more, struct cf_fault *fault)
{
  scan->ended = true;
  if (scan->shape == CF_SCAN_WRAPPER && !text_take(&scan->left, CF_STR("}")))
    return cf_fail(fault, CF_E_SYNTAX, NULL,
                   "nothing but the list of events may be in the object around it");
  if (cf_scan_space(scan->left).n > 0)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "nothing may follow the list of events");
  *more = false;
  return CF_OK;
}

static enum cf_err next_element(struct cf_scan *scan, struct cf_str *event,
                                struct cf_scan_members *members, bool *more, struct cf_fault *fault)
{
  if (text_take(&scan->left, CF_STR("]")))
    return end_array(scan, more, fault);
  bool parted = !scan->begun || text_take(&scan->left, CF_STR(","));
  scan->begun = true;
  if (!parted) {
    scan->ended = true;
    return cf_fail(fault, CF_E_SYNTAX, NULL, "behind an event of the list: a comma or ] expected");
  }
  struct cf_scan_one one;
  enum cf_err err = cf_scan_one(scan->left, CF_SCAN_DEPTH, members, &one, fault);
  if (one.whole)
    scan->left = one.rest;
  else
    scan->ended = true;
  if (err != CF_OK)
    return err;
  *event = one.value;
  *more = true;
  return CF_OK;
}

enum cf_err cf_scan_next(struct cf_scan *scan, struct cf_str *event,
                         struct cf_scan_members *members, bool *more, struct cf_fault *fault)
{
  if (scan->ended) {
    *more = false;
    return CF_OK;
  }
  bool list = scan->shape == CF_SCAN_ARRAY || scan->shape == CF_SCAN_WRAPPER;
  return list ? next_element(scan, event, members, more, fault)
              : next_value(scan, event, members, more, fault);
}
