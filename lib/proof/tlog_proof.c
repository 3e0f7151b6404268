/* SPDX-License-Identifier: MIT */
/* A receipt, line by line. */
#include "config.h"

#include "lib/proof/tlog_proof.h"

#include "lib/base/codec.h"

static const struct cf_str head = CF_STR("c2sp.org/tlog-proof@v1\n");

void cf_tlog_proof_init(struct cf_tlog_proof *proof)
{
  *proof = (struct cf_tlog_proof){.index = 0};
  cf_buf_init(&proof->extra, CF_TLOG_PROOF_MAX);
}

void cf_tlog_proof_fini(struct cf_tlog_proof *proof)
{
  cf_buf_fini(&proof->extra);
}

bool cf_tlog_proof_starts(struct cf_str text)
{
  return cf_str_starts(text, head);
}

/* Take `name value LF` off the text; false, and nothing taken, where another
 * line comes. */
static bool line_take(struct cf_str *text, struct cf_str name, struct cf_str *value)
{
  if (!cf_str_starts(*text, name))
    return false;
  *text = cf_str_behind(*text, name.n);
  *value = cf_str_cut(text, '\n');
  return true;
}

/* Shortest decimal. */
static enum cf_err index_parse(struct cf_str digits, uint64_t *index)
{
  if (digits.n > 1 && digits.p[0] == '0')
    return CF_E_SYNTAX;
  return cf_u64_parse(digits, UINT64_MAX, index);
}

/* The hashes, up to the empty line, which is taken too. */
static enum cf_err path_parse(struct cf_str *text, struct cf_proof *path)
{
  while (text->n > 0) {
    struct cf_str line = cf_str_cut(text, '\n');
    if (line.n == 0)
      return CF_OK;
    if (path->n == CF_PROOF_MAX || cf_base64_get_n(line, path->hash[path->n], CF_HASH_N) != CF_OK)
      return CF_E_SYNTAX;
    path->n++;
  }
  return CF_E_SYNTAX;
}

enum cf_err cf_tlog_proof_parse(struct cf_str text, struct cf_tlog_proof *proof)
{
  struct cf_str value;
  if (text.n > CF_TLOG_PROOF_MAX || !cf_tlog_proof_starts(text))
    return CF_E_SYNTAX;
  text = cf_str_behind(text, head.n);
  enum cf_err err = CF_OK;
  if (line_take(&text, CF_STR("extra "), &value))
    err = cf_base64_get(value, &proof->extra);
  if (err == CF_OK && !line_take(&text, CF_STR("index "), &value))
    err = CF_E_SYNTAX;
  if (err == CF_OK)
    err = index_parse(value, &proof->index);
  if (err == CF_OK)
    err = path_parse(&text, &proof->path);
  proof->note = text;
  return err == CF_E_FULL ? CF_E_SYNTAX : err;
}
