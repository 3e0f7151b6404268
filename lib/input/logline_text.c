/* SPDX-License-Identifier: MIT */
/* Lines that are in no format: the line is the message. */
#include "config.h"

#include "lib/input/logline_in.h"

#include "lib/base/utf8.h"

/* bytes of `message` as JSON text, so that the record stays below
 * CF_LEAF_MAX */
#define MESSAGE_JSON_MAX 49152

/* The longest head of a well-formed text that is within `message`'s limit and,
 * as JSON, within ours. */
static struct cf_str message_head(struct cf_str s)
{
  struct cf_buf json;
  size_t max = (size_t)cf_member_table[CF_M_MESSAGE].limit;
  cf_buf_init(&json, MESSAGE_JSON_MAX);
  for (s = cf_utf8_head(s, max);; s = cf_utf8_head(s, s.n / 2)) {
    cf_buf_reset(&json);
    cf_json_put_str(&json, s);
    if (json.err != CF_E_FULL)
      break;
  }
  cf_buf_fini(&json);
  return s;
}

enum cf_err cf_logline_message(struct cf_logline *l, struct cf_str s, bool cut)
{
  /* Written so that it can be had back it is never shorter. */
  struct cf_str most = cf_utf8_head(s, (size_t)cf_member_table[CF_M_MESSAGE].limit);
  l->format = CF_LOG_TEXT;
  /* Room for a NUL's place: an empty line is a value, not an absent one. */
  if (cf_logline_verbatim(most, &l->text))
    cf_logline_other(l, CF_STR("not_utf8"), CF_STR("raw"), false);
  const char *p = cf_buf_cstr(&l->text);
  struct cf_str whole = {p, l->text.n}, head = message_head(whole);
  if (cut || most.n < s.n || head.n < whole.n)
    cf_logline_other(l, CF_STR("truncated"), CF_STR("[\"message\"]"), true);
  cf_logline_others_put(l, &l->attributes);
  if (l->text.err != CF_OK || l->attributes.err != CF_OK)
    return CF_E_NOMEM;
  l->v[CF_M_MESSAGE] = head;
  l->v[CF_M_ACTION] = CF_STR(CF_ACTION_LINE);
  if (l->attributes.n > 0)
    l->v[CF_M_ATTRIBUTES] = cf_buf_str(&l->attributes);
  return CF_OK;
}

bool cf_logline_text_sniff(struct cf_str line)
{
  (void)line;
  return true;
}

enum cf_err cf_logline_text_take(struct cf_logline *l, struct cf_str line)
{
  return cf_logline_message(l, line, false);
}
