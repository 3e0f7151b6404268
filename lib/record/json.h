/* SPDX-License-Identifier: MIT */
/* JSON: a canonical writer, and values read through json-c after scan.h has
 * found them strict.
 *
 * The writer makes format.md's "JSON text". This is the one place that knows
 * json-c. */
#ifndef CF_RECORD_JSON_H
#define CF_RECORD_JSON_H

#include "lib/base/buf.h"

/* Append a string in quotes: escapes as format.md, ill-formed bytes as
 * U+FFFD. */
void cf_json_put_str(struct cf_buf *b, struct cf_str s);
/* Append `"name":`, with a comma before it unless b is empty or ends in '{' or
 * '['. name is a constant of ours. */
void cf_json_put_name(struct cf_buf *b, const char *name);
/* Append `"name":"value"`, `"name":123`, `"name":true|false`,
 * `"name":"<base64>"`, with the comma as above. */
void cf_json_put_member(struct cf_buf *b, const char *name, struct cf_str value);
void cf_json_put_member_u64(struct cf_buf *b, const char *name, uint64_t value);
/* The number where it is given, else null. */
void cf_json_put_member_u64_or_null(struct cf_buf *b, const char *name, bool given, uint64_t value);
void cf_json_put_member_bool(struct cf_buf *b, const char *name, bool value);
void cf_json_put_member_base64(struct cf_buf *b, const char *name, const void *p, size_t n);
void cf_json_put_member_time(struct cf_buf *b, const char *name, int64_t t_us);

/* Decode the inside of a canonical string (without its quotes) onto b.
 * CF_E_SYNTAX for an escape that format.md does not write. */
CF_MUST enum cf_err cf_json_unescape(struct cf_str s, struct cf_buf *b);

enum cf_json_type {
  CF_JSON_NULL,
  CF_JSON_BOOL,
  CF_JSON_INTEGER,
  CF_JSON_NUMBER,
  CF_JSON_STRING,
  CF_JSON_ARRAY,
  CF_JSON_OBJECT
};

/* A parsed value; borrowed from its document, which the caller frees. */
struct cf_json;

/* Parse exactly one strict JSON text (scan.h's rules, depth at most depth_max).
 * null gives NULL. CF_E_SYNTAX with the byte offset in fault, CF_E_NOMEM. */
CF_MUST enum cf_err cf_json_parse(struct cf_str text, unsigned depth_max, struct cf_json **doc,
                                  struct cf_fault *fault);
/* The same of an object's members without its braces, as leaves have them. */
CF_MUST enum cf_err cf_json_parse_members(struct cf_str text, unsigned depth_max,
                                          struct cf_json **doc);
void cf_json_free(struct cf_json *doc);

enum cf_json_type cf_json_type(const struct cf_json *v); /* NULL is CF_JSON_NULL */
/* A string's bytes as sent (may be ill-formed UTF-8 where the input was; the
 * writer mends it); empty for other types. */
struct cf_str cf_json_string(const struct cf_json *v);
/* A number's text as sent (-0 may be given as 0); empty for other types. Valid
 * until the document is freed. */
struct cf_str cf_json_number(const struct cf_json *v);
bool cf_json_bool(const struct cf_json *v);
/* The member of that name of an object, or NULL. */
const struct cf_json *cf_json_member(const struct cf_json *v, const char *name);
/* Elements of an array. */
size_t cf_json_count(const struct cf_json *v);
const struct cf_json *cf_json_element(const struct cf_json *v, size_t i);
/* Call each(context, name, value) for the members of an object in the order
 * sent; stops at the first error and gives it. */
CF_MUST enum cf_err cf_json_each(const struct cf_json *v,
                                 enum cf_err (*each)(void *context, struct cf_str name,
                                                     const struct cf_json *value),
                                 void *context);

/* Append v as canonical text (members sorted by bytes, null members dropped,
 * numbers by format.md's rules for attributes). CF_E_INVALID with the fault for
 * a number text over 40 bytes or depth above depth_max (v itself is depth 1);
 * b's error. */
CF_MUST enum cf_err cf_json_put_canonical(struct cf_buf *b, const struct cf_json *v,
                                          unsigned depth_max, struct cf_fault *fault);

/* Would it be written: nothing nested deeper, no number that is refused? (Names
 * that become the same when they are mended are not looked for.) */
bool cf_json_fits(const struct cf_json *v, unsigned depth_max);

/* An object put together from members of others: name, and a value or (text.n >
 * 0) canonical text. */
struct cf_json_pair {
  struct cf_str name;
  const struct cf_json *value;
  struct cf_str text;
};
/* Members of an object, 0 for other types; and all of them, in the order sent,
 * to an array of that size. */
size_t cf_json_members(const struct cf_json *v);
void cf_json_pairs(const struct cf_json *v, struct cf_json_pair *pairs);
/* As cf_json_put_canonical for the object of these n members; sorts them in
 * place. CF_E_INVALID also for a name that is there twice. */
CF_MUST enum cf_err cf_json_put_pairs(struct cf_buf *b, struct cf_json_pair *pairs, size_t n,
                                      unsigned depth_max, struct cf_fault *fault);

#endif
