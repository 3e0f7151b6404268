/* SPDX-License-Identifier: MIT */
/* The chain's `token` records, and what a row is worth by them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/who/token_in.h"
#include "lib/base/codec.h"
#include "lib/ledger/view.h"
#include "lib/record/json.h"
#include "lib/record/source.h"

#define DEPTH 8

/* ---- in order of id ---- */

/* The place of that id, or where it belongs. */
static size_t told_find(const struct cf_token_told *told, struct cf_str id)
{
  size_t low = 0, high = told->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (cf_str_cmp(cf_str_from(told->each[middle].token->id), id) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct cf_told_token *cf_token_told_get(const struct cf_token_told *told, struct cf_str id)
{
  size_t at = told_find(told, id);
  return at < told->n && cf_str_is(id, told->each[at].token->id) ? &told->each[at] : NULL;
}

void cf_token_told_fini(struct cf_token_told *told)
{
  for (size_t i = 0; i < told->n; i++)
    cf_token_put(told->each[i].token);
  free(told->each);
  *told = (struct cf_token_told){.each = NULL};
}

static enum cf_err told_grow(struct cf_token_told *told)
{
  if (told->n < told->cap)
    return CF_OK;
  size_t cap = told->cap == 0 ? 64 : 2 * told->cap;
  struct cf_told_token *grown = realloc(told->each, cap * sizeof *grown);
  if (grown == NULL)
    return CF_E_NOMEM;
  told->each = grown;
  told->cap = cap;
  return CF_OK;
}

/* The newest record of its id, whose token it takes. Once revoked is for
 * ever. */
static enum cf_err told_enter(struct cf_token_told *told, const struct cf_told_token *newest)
{
  struct cf_str id = cf_str_from(newest->token->id);
  struct cf_told_token *known = cf_token_told_get(told, id);
  if (known != NULL) {
    bool revoked = known->revoked || newest->revoked;
    cf_token_put(known->token);
    *known = *newest;
    known->revoked = revoked;
    return CF_OK;
  }
  enum cf_err err = told_grow(told);
  if (err != CF_OK)
    return err;
  size_t at = told_find(told, id);
  memmove(told->each + at + 1, told->each + at, (told->n - at) * sizeof *newest);
  told->each[at] = *newest;
  told->n++;
  return CF_OK;
}

/* ---- a record ---- */

/* false: the record does not tell it, or no more. */
static bool hash_get(const struct cf_record *r, uint8_t hash[CF_HASH_N])
{
  struct cf_json *detail = NULL;
  if (r->gone[CF_C_DETAIL] != NULL || r->payload[CF_C_DETAIL].n == 0 ||
      cf_json_parse(r->payload[CF_C_DETAIL], DEPTH, &detail, NULL) != CF_OK)
    return false;
  struct cf_str text = cf_json_string(cf_json_member(cf_json_member(detail, "attributes"), "hash"));
  bool has = text.n > 0 && cf_base64_get_n(text, hash, CF_HASH_N) == CF_OK;
  cf_json_free(detail);
  return has;
}

static enum cf_err token_fill(struct cf_token *token, const struct cf_json *body)
{
  struct cf_str id = cf_json_string(cf_json_member(body, "id"));
  if (id.n != CF_TOKEN_ID_N)
    return CF_E_SYNTAX;
  memcpy(token->id, id.p, id.n);
  return cf_token_get_members(token, body);
}

static enum cf_err told_take(struct cf_token_told *told, const struct cf_record *r)
{
  struct cf_json *doc = NULL;
  struct cf_told_token newest = {.seq = r->seq};
  enum cf_err err = cf_json_parse_members(r->public_text, DEPTH, &doc);
  const struct cf_json *body = cf_json_member(doc, "body");
  if (err == CF_OK)
    err = cf_token_new(&newest.token);
  if (err == CF_OK)
    err = token_fill(newest.token, body);
  if (err == CF_OK) {
    newest.has_hash = hash_get(r, newest.token->hash);
    newest.told_hash = newest.has_hash || r->gone[CF_C_DETAIL] != NULL;
    newest.revoked = cf_str_is(cf_json_string(cf_json_member(body, "what")), "revoke");
    told->renewed |= newest.told_hash &&
                     !cf_str_is(cf_json_string(cf_json_member(doc, "source")), CF_SOURCE_OWN);
    err = told_enter(told, &newest);
  }
  if (err != CF_OK)
    cf_token_put(newest.token);
  cf_json_free(doc);
  return err;
}

/* ---- all of them ---- */

struct reading {
  struct cf_token_told *told;
  struct cf_view *view;
  struct cf_block *block; /* which has the record at hand */
  struct cf_unit unit;
};

static enum cf_err record_take(void *context, const struct cf_record *r)
{
  struct reading *reading = context;
  struct cf_token_told *told = reading->told;
  if (r != NULL && r->seq < told->end)
    return CF_OK;
  enum cf_err err = r == NULL     ? CF_E_DAMAGED
                    : told->whole ? CF_OK
                                  : cf_view_leaf_check(reading->view, reading->block, r->seq);
  if (err == CF_OK)
    err = told_take(told, r);
  if (err == CF_OK || err == CF_E_NOMEM)
    return err;
  told->unread = r != NULL ? r->seq + 1 : reading->unit.end;
  return CF_OK;
}

static enum cf_err units_read(struct cf_token_told *told, struct cf_view *view,
                              struct cf_block *block)
{
  enum cf_err err = CF_OK;
  struct reading reading = {.told = told, .view = view, .block = block};
  const struct cf_view_each each = {CF_K_TOKEN, block, record_take, &reading};
  for (size_t i = 0; err == CF_OK && i < cf_view_units(view); i++) {
    cf_view_unit(view, i, &reading.unit);
    if (reading.unit.end > told->end)
      err = cf_view_each(view, i, &each);
  }
  return err;
}

enum cf_err cf_token_told_read(struct cf_token_told *told, struct cf_ledger *ledger, bool whole)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  if (block == NULL)
    return CF_E_NOMEM;
  if (told->unread > 0 || told->whole != whole)
    cf_token_told_fini(told);
  told->ledger = ledger;
  told->whole = whole;
  cf_block_init(block);
  enum cf_err err = whole ? cf_view_get(ledger, &view) : cf_view_all(ledger, &view);
  if (err == CF_OK)
    err = units_read(told, view, block);
  if (err == CF_OK)
    told->end = cf_view_size(view);
  cf_view_put(view);
  cf_block_fini(block);
  free(block);
  return err;
}

bool cf_token_told_doubts(const struct cf_token_told *told, const struct cf_told_token *as)
{
  return !told->whole || as->seq < told->unread;
}

/* ---- a row ---- */

static bool sources_same(char *const *a, char *const *b)
{
  while (*a != NULL && *b != NULL && strcmp(*a, *b) == 0) {
    a++;
    b++;
  }
  return *a == NULL && *b == NULL;
}

static bool hash_same(const struct cf_token *row, const struct cf_token *told)
{
  uint8_t hash[CF_HASH_N];
  cf_sha256_1(row->hash, CF_HASH_N, hash);
  return cf_equal(hash, told->hash, CF_HASH_N);
}

/* What of the versions does not fit. A row of this version was never written
 * without a record that tells its hash, and one of 0.1.0 not since then. */
static const char *version_differs(const struct cf_token_told *told, const struct cf_told_token *as,
                                   const struct cf_token *row)
{
  if (!row->is_old)
    return as->has_hash || as->revoked ? NULL : "no record tells its hash";
  if (as->told_hash)
    return "its row is of an older version than its record";
  return told->renewed && cf_token_valid(row, cf_clock_now_us())
             ? "its row is of an older version, and came after those were told again"
             : NULL;
}

/* What of the row is not as the record has it; NULL: nothing. */
static const char *row_differs(const struct cf_told_token *as, const struct cf_token *row)
{
  const struct cf_token *told = as->token;
  if (as->has_hash && !hash_same(row, told))
    return "its hash is not that of its record";
  if (strcmp(row->name, told->name) != 0)
    return "its name is not that of its record";
  if (row->roles != told->roles)
    return "its roles are not those of its record";
  if (row->expires_us != told->expires_us)
    return "its end is not that of its record";
  if (as->has_hash && !sources_same(row->sources, told->sources))
    return "its sources are not those of its record";
  if (as->revoked == (row->revoked_us != CF_TIME_NONE))
    return NULL;
  return as->revoked ? "it was revoked, and its row does not say so"
                     : "its row says that it was revoked, and no record does";
}

static const char *row_judge(const struct cf_token_told *told, const struct cf_told_token *as,
                             const struct cf_token *row)
{
  const char *what = row_differs(as, row);
  if (what == NULL)
    what = version_differs(told, as, row);
  return what != NULL && cf_token_told_doubts(told, as)
             ? "a later record cannot be read and may tell of it"
             : what;
}

/* The record's, for a row that is not as it has it, and NULL where that could
 * not be read. */
static enum cf_err row_refuse(const struct cf_told_token *as, const struct cf_token *row,
                              const char *what, struct cf_token **token)
{
  struct cf_token *refused = NULL;
  enum cf_err err = cf_token_copy(as->token, &refused);
  if (err != CF_OK)
    return err;
  if (row != NULL) {
    memcpy(refused->hash, row->hash, sizeof refused->hash);
    refused->made_us = row->made_us;
  }
  refused->refused = what;
  *token = refused;
  return CF_OK;
}

/* Of a row that no record tells of. */
static enum cf_err row_untold(const struct cf_token_told *told, struct cf_str id,
                              struct cf_str value, struct cf_token **token)
{
  struct cf_token *row = NULL;
  enum cf_err err = told->unread > 0 && cf_token_row_is_own(told->ledger, id, value)
                        ? cf_token_get_row(id, value, &row)
                        : CF_OK;
  if (err == CF_E_NOMEM)
    return err;
  if (row != NULL)
    row->doubted = true;
  *token = row;
  return CF_OK;
}

enum cf_err cf_token_told_row(const struct cf_token_told *told, struct cf_str id,
                              struct cf_str value, struct cf_token **token)
{
  const struct cf_told_token *as = cf_token_told_get(told, id);
  struct cf_token *row = NULL, *worth = NULL;
  if (as == NULL)
    return row_untold(told, id, value, token);
  enum cf_err err = cf_token_get_row(id, value, &row);
  if (err == CF_E_NOMEM)
    return err;
  const char *what = row == NULL ? "its row cannot be read" : row_judge(told, as, row);
  err = CF_OK;
  if (what == NULL)
    worth = row;
  else
    err = row_refuse(as, row, what, &worth);
  if (worth != row)
    cf_token_put(row);
  if (err != CF_OK)
    return err;
  worth->doubted = cf_token_told_doubts(told, as);
  *token = worth;
  return CF_OK;
}
