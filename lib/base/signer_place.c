/* SPDX-License-Identifier: MIT */
/* The forms of `signer`. */
#include "config.h"

#include "lib/base/signer_place.h"

#define EXEC CF_STR("exec:")

struct cf_str cf_signer_form(struct cf_str place)
{
  return cf_str_starts(place, EXEC) ? EXEC : CF_STR("");
}

enum cf_signer_kind cf_signer_kind(const char *place)
{
  return cf_signer_form(cf_str_from(place)).n > 0 ? CF_SIGNER_EXEC : CF_SIGNER_DIRECTORY;
}

const char *cf_signer_path(const char *place)
{
  size_t n = cf_signer_form(cf_str_from(place)).n;
  return n > 0 ? place + n : place;
}
