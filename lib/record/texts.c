/* SPDX-License-Identifier: MIT */
/* The texts that `q` looks at. */
#include "config.h"

#include "lib/record/texts.h"

#include <string.h>

#include "lib/record/attributes.h"

enum cf_err cf_texts_look(struct cf_values *values,
                          bool (*hit)(const void *context, struct cf_str text), const void *context,
                          bool *found)
{
  bool any = false;
  for (unsigned m = 0; m < CF_M_N && !any; m++)
    any = cf_member_table[m].type == CF_T_TEXT && values->v[m].p != NULL &&
          hit(context, values->v[m]);
  struct cf_str attributes = values->v[CF_M_ATTRIBUTES];
  if (!any && attributes.p != NULL)
    return cf_attributes_look(attributes, CF_STR(""), &values->scratch, hit, context, found);
  *found = any;
  return CF_OK;
}

/* Each byte's upper bit says whether it is below or beyond a capital: of its
 * other seven bits, as no sum of them reaches the next byte. */
static uint64_t eight_fold(uint64_t eight)
{
  const uint64_t each = UINT64_C(0x0101010101010101), low = eight & each * 0x7f;
  uint64_t from_a = low + each * (0x80 - 'A'), behind_z = low + each * (0x7f - 'Z');
  return eight | (from_a & ~behind_z & ~eight & each * 0x80) >> 2;
}

void cf_text_fold_all(struct cf_str text, char *out)
{
  size_t i = 0;
  for (uint64_t eight; i + sizeof eight <= text.n; i += sizeof eight) {
    memcpy(&eight, text.p + i, sizeof eight);
    eight = eight_fold(eight);
    memcpy(out + i, &eight, sizeof eight);
  }
  for (; i < text.n; i++)
    out[i] = cf_text_fold(text.p[i]);
}

bool cf_text_is_plain(struct cf_str needle)
{
  for (size_t i = 0; i < needle.n; i++)
    if ((unsigned char)needle.p[i] < ' ' || needle.p[i] == '"' || needle.p[i] == '\\')
      return false;
  return true;
}
