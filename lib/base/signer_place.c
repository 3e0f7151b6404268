/* SPDX-License-Identifier: MIT */
/* The forms of `signer`. */
#include "config.h"

#include "lib/base/signer_place.h"

#define EXEC  CF_STR("exec:")
#define TOKEN CF_STR("pkcs11:")
#define STATE "x-state"

struct cf_str cf_signer_attribute(struct cf_str place, const char *name)
{
  if (!cf_str_starts(place, TOKEN))
    return CF_STR("");
  struct cf_str left = cf_str_behind(place, TOKEN.n);
  while (left.n > 0) {
    size_t n = 0;
    while (n < left.n && left.p[n] != ';' && left.p[n] != '?' && left.p[n] != '&')
      n++;
    struct cf_str value = {left.p, n};
    if (cf_str_is(cf_str_cut(&value, '='), name))
      return value;
    left = cf_str_behind(left, n < left.n ? n + 1 : n);
  }
  return CF_STR("");
}

struct cf_str cf_signer_form(struct cf_str place)
{
  struct cf_str state = cf_signer_attribute(place, STATE);
  if (cf_str_starts(place, EXEC))
    return EXEC;
  return state.n > 0 && state.p + state.n == place.p + place.n
             ? (struct cf_str){place.p, place.n - state.n}
             : CF_STR("");
}

enum cf_signer_kind cf_signer_kind(const char *place)
{
  struct cf_str form = cf_signer_form(cf_str_from(place));
  return form.n == 0                  ? CF_SIGNER_DIRECTORY
         : cf_str_starts(form, TOKEN) ? CF_SIGNER_TOKEN
                                      : CF_SIGNER_EXEC;
}

const char *cf_signer_path(const char *place)
{
  size_t n = cf_signer_form(cf_str_from(place)).n;
  return n > 0 ? place + n : place;
}
