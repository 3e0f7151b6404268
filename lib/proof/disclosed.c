/* SPDX-License-Identifier: MIT */
/* Disclosed parts of a record, read strictly. */
#include "config.h"

#include "lib/proof/disclosed.h"

#include "lib/base/codec.h"

#define DEPTH 4

void cf_disclosed_fini(struct cf_disclosed *d)
{
  cf_json_free(d->doc);
  d->doc = NULL;
}

/* Called for each member of an object; what is no such member is refused. */
typedef enum cf_err each_member(void *context, struct cf_str name, const struct cf_json *value);

static enum cf_err payload_take(void *context, struct cf_str name, const struct cf_json *value)
{
  struct cf_disclosed *d = context;
  enum cf_compartment c = cf_compartment_find(name);
  if (c >= CF_C_N || cf_json_type(value) != CF_JSON_STRING)
    return CF_E_SYNTAX;
  d->payload[c] = cf_json_string(value);
  return CF_OK;
}

struct salts {
  struct cf_disclosed *d;
  uint8_t given; /* mask */
};

static enum cf_err salt_take(void *context, struct cf_str name, const struct cf_json *value)
{
  struct salts *s = context;
  enum cf_compartment c = cf_compartment_find(name);
  if (c >= CF_C_N)
    return CF_E_SYNTAX;
  s->given |= (uint8_t)(1 << c);
  return cf_base64_get_n(cf_json_string(value), s->d->salt[c], CF_HASH_N);
}

static enum cf_err object_read(const struct cf_json *v, each_member *each, void *context)
{
  return cf_json_type(v) == CF_JSON_OBJECT ? cf_json_each(v, each, context) : CF_E_SYNTAX;
}

/* Each payload has a salt, and each salt a payload. */
static enum cf_err openings_read(struct cf_disclosed *d)
{
  struct salts salts = {.d = d};
  enum cf_err err = object_read(cf_json_member(d->doc, "payloads"), payload_take, d);
  if (err == CF_OK)
    err = object_read(cf_json_member(d->doc, "salts"), salt_take, &salts);
  for (unsigned c = 0; err == CF_OK && c < CF_C_N; c++)
    if ((d->payload[c].p != NULL) != (salts.given >> c & 1))
      err = CF_E_SYNTAX;
  return err;
}

static enum cf_err erased_read(struct cf_disclosed *d)
{
  const struct cf_json *names = cf_json_member(d->doc, "erased");
  if (names == NULL)
    return CF_OK;
  if (cf_json_type(names) != CF_JSON_ARRAY)
    return CF_E_SYNTAX;
  for (size_t i = 0; i < cf_json_count(names); i++) {
    enum cf_compartment c = cf_compartment_find(cf_json_string(cf_json_element(names, i)));
    if (c >= CF_C_N || d->erased >> c & 1)
      return CF_E_SYNTAX;
    d->erased |= (uint8_t)(1 << c);
  }
  return CF_OK;
}

/* An object of these members and no other. */
static enum cf_err doc_parse(struct cf_disclosed *d, struct cf_str text, const char *const *names,
                             struct cf_fault *fault)
{
  size_t n = 0;
  if (text.n > CF_DISCLOSED_MAX)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "what is disclosed is longer than a record can be");
  enum cf_err err = cf_json_parse(text, DEPTH, &d->doc, fault);
  if (err != CF_OK)
    return err;
  for (; *names != NULL; names++)
    n += cf_json_member(d->doc, *names) != NULL;
  return cf_json_type(d->doc) == CF_JSON_OBJECT && n == cf_json_members(d->doc)
             ? CF_OK
             : cf_fail(fault, CF_E_SYNTAX, NULL, "a member that does not belong there");
}

static enum cf_err openings_fail(enum cf_err err, struct cf_fault *fault)
{
  return err == CF_E_SYNTAX ? cf_fail(fault, err, NULL, "payloads and salts are not of their form")
                            : err;
}

enum cf_err cf_disclosed_receipt(struct cf_str text, struct cf_disclosed *out,
                                 struct cf_fault *fault)
{
  static const char *const names[] = {"leaf", "payloads", "salts", NULL};
  *out = (struct cf_disclosed){.doc = NULL};
  enum cf_err err = doc_parse(out, text, names, fault);
  if (err != CF_OK)
    return err;
  out->leaf = cf_json_string(cf_json_member(out->doc, "leaf"));
  if (out->leaf.n == 0)
    return cf_fail(fault, CF_E_SYNTAX, "leaf", "there is no leaf");
  return openings_fail(openings_read(out), fault);
}

enum cf_err cf_disclosed_line(struct cf_str text, struct cf_disclosed *out, struct cf_fault *fault)
{
  static const char *const names[] = {"seq", "payloads", "salts", "erased", NULL};
  *out = (struct cf_disclosed){.doc = NULL};
  enum cf_err err = doc_parse(out, text, names, fault);
  if (err != CF_OK)
    return err;
  err = cf_u64_parse(cf_json_number(cf_json_member(out->doc, "seq")), UINT64_MAX, &out->seq);
  if (err == CF_OK)
    err = openings_read(out);
  if (err == CF_OK)
    err = erased_read(out);
  return openings_fail(err, fault);
}
