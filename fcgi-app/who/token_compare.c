/* SPDX-License-Identifier: MIT */
/* Rows of tokens held against what the chain tells of them. */
#include "config.h"

#include "fcgi-app/who/token_compare.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi-app/who/token.h"
#include "lib/ledger/view.h"
#include "lib/record/json.h"

#define TOLD_MAX ((size_t)1 << 16)
#define DEPTH    8

/* A token that the chain tells of. */
struct told {
  char id[CF_TOKEN_ID_N + 1];
  bool revoked, has_row;
  uint64_t seq; /* of its newest record */
};

struct check {
  const struct cf_token_differ *differ;
  struct cf_view *view;
  struct cf_block *block;
  struct told *told; /* in order of id */
  size_t n, cap;
  uint64_t end; /* records below it were read */
  bool partial, full;
  enum cf_err err; /* of the rows */
};

/* ---- records ---- */

/* The text of an object's members, without its braces. */
static enum cf_err members_parse(struct cf_str text, struct cf_json **doc)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_LEAF_MAX + 2);
  cf_buf_putc(&b, '{');
  cf_buf_putstr(&b, text);
  cf_buf_putc(&b, '}');
  enum cf_err err = b.err == CF_OK ? cf_json_parse(cf_buf_str(&b), DEPTH, doc, NULL) : b.err;
  cf_buf_fini(&b);
  return err;
}

/* The place of that id, or where it belongs. */
static size_t told_find(const struct check *c, const char *id)
{
  size_t low = 0, high = c->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(c->told[middle].id, id) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct told *told_get(const struct check *c, const char *id)
{
  size_t at = told_find(c, id);
  return at < c->n && strcmp(c->told[at].id, id) == 0 ? &c->told[at] : NULL;
}

static enum cf_err told_add(struct check *c, const struct told *told)
{
  size_t at = told_find(c, told->id);
  c->full |= c->n == TOLD_MAX;
  if (c->full)
    return CF_OK;
  if (c->n == c->cap) {
    size_t cap = c->cap == 0 ? 64 : 2 * c->cap;
    struct told *grown = realloc(c->told, cap * sizeof *grown);
    if (grown == NULL)
      return CF_E_NOMEM;
    c->told = grown;
    c->cap = cap;
  }
  memmove(c->told + at + 1, c->told + at, (c->n - at) * sizeof *told);
  c->told[at] = *told;
  c->n++;
  return CF_OK;
}

/* Once revoked is for ever. */
static enum cf_err body_take(struct check *c, const struct cf_json *body, uint64_t seq)
{
  struct cf_str id = cf_json_string(cf_json_member(body, "id"));
  struct told told = {.seq = seq,
                      .revoked = cf_str_is(cf_json_string(cf_json_member(body, "what")), "revoke")};
  if (id.n != CF_TOKEN_ID_N)
    return CF_OK;
  memcpy(told.id, id.p, id.n);
  struct told *known = told_get(c, told.id);
  if (known == NULL)
    return told_add(c, &told);
  known->seq = seq;
  known->revoked |= told.revoked;
  return CF_OK;
}

static enum cf_err record_take(void *context, const struct cf_record *r)
{
  struct check *c = context;
  struct cf_json *doc = NULL;
  if (r != NULL && r->seq < c->end)
    return CF_OK;
  enum cf_err err = r != NULL ? members_parse(r->public_text, &doc) : CF_E_DAMAGED;
  if (err == CF_OK)
    err = body_take(c, cf_json_member(doc, "body"), r->seq);
  else if (err != CF_E_NOMEM)
    c->partial = true;
  cf_json_free(doc);
  return err == CF_E_NOMEM ? err : CF_OK;
}

/* What the chain tells from c->end on. */
static enum cf_err chain_read(struct check *c, struct cf_ledger *ledger)
{
  const struct cf_view_each each = {CF_K_TOKEN, c->block, record_take, c};
  cf_view_put(c->view);
  c->view = NULL;
  enum cf_err err = cf_view_get(ledger, &c->view);
  for (size_t i = 0; err == CF_OK && i < cf_view_units(c->view); i++) {
    struct cf_unit unit;
    cf_view_unit(c->view, i, &unit);
    if (unit.end > c->end)
      err = cf_view_each(c->view, i, &each);
  }
  if (err == CF_OK)
    c->end = cf_view_size(c->view);
  return err;
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

/* What the record says of the hash: 1 it is another, 0 it is this one or can be
 * read no more, -1 nothing. */
static int hash_differs(const struct cf_token *row, const struct cf_record *r)
{
  struct cf_json *detail = NULL;
  uint8_t told[CF_HASH_N], hash[CF_HASH_N];
  if (r->gone[CF_C_DETAIL] != NULL)
    return 0;
  if (r->payload[CF_C_DETAIL].n == 0 ||
      cf_json_parse(r->payload[CF_C_DETAIL], DEPTH, &detail, NULL) != CF_OK)
    return -1;
  struct cf_str text = cf_json_string(cf_json_member(cf_json_member(detail, "attributes"), "hash"));
  int differs = text.n > 0 ? 1 : -1;
  cf_sha256_1(row->hash, CF_HASH_N, hash);
  if (differs == 1 && cf_base64_get_n(text, told, sizeof told) == CF_OK &&
      cf_equal(told, hash, sizeof told))
    differs = 0;
  cf_json_free(detail);
  return differs;
}

/* What of the row is not as the record has it; NULL: nothing. A row of this
 * version was never written without a record that tells its hash. */
static const char *row_differs(const struct cf_token *row, const struct cf_token *told,
                               const struct cf_record *r)
{
  int hash = hash_differs(row, r);
  if (hash == 1)
    return "its hash is not that of its record";
  if (hash == -1 && !row->is_old)
    return "no record tells its hash";
  if (strcmp(row->name, told->name) != 0)
    return "its name is not that of its record";
  if (row->roles != told->roles)
    return "its roles are not those of its record";
  if (row->expires_us != told->expires_us)
    return "its end is not that of its record";
  return hash == 0 && !sources_same(row->sources, told->sources)
             ? "its sources are not those of its record"
             : NULL;
}

/* By its newest record, read again. */
static enum cf_err row_judge(struct check *c, const struct cf_token *row, const struct told *told)
{
  struct cf_json *doc = NULL;
  struct cf_token *as_told = NULL;
  enum cf_err err = cf_view_block(c->view, told->seq, c->block);
  const struct cf_record *r = &c->block->record[told->seq % CF_GROUP];
  if (err == CF_OK)
    err = members_parse(r->public_text, &doc);
  if (err == CF_OK)
    err = cf_token_new(&as_told);
  if (err == CF_OK)
    err = cf_token_get_members(as_told, cf_json_member(doc, "body"));
  const char *what = "its record cannot be read";
  if (err == CF_OK)
    what = row_differs(row, as_told, r);
  if (what == NULL && told->revoked != (row->revoked_us != CF_TIME_NONE))
    what = told->revoked ? "it was revoked, and its row does not say so"
                         : "its row says that it was revoked, and no record does";
  cf_token_put(as_told);
  cf_json_free(doc);
  if (err == CF_E_NOMEM || err == CF_E_STORE)
    return err;
  if (what != NULL)
    c->differ->call(c->differ->context, &told->seq, row->id, what);
  return CF_OK;
}

static void row_check(void *context, const struct cf_token *row)
{
  struct check *c = context;
  struct told *told = told_get(c, row->id);
  if (told != NULL && c->err == CF_OK)
    c->err = row_judge(c, row, told);
  if (told != NULL)
    told->has_row = true;
  else
    c->differ->call(c->differ->context, NULL, row->id, "no record tells of it");
}

/* ---- both ways ---- */

static void missing_tell(const struct check *c)
{
  for (size_t i = 0; i < c->n; i++)
    if (!c->told[i].has_row && !c->told[i].revoked)
      c->differ->call(c->differ->context, &c->told[i].seq, c->told[i].id, "it has no row");
}

static enum cf_err rows_check(struct check *c, struct cf_ledger *ledger, bool lost)
{
  struct cf_tokens *rows = NULL;
  enum cf_err err = chain_read(c, ledger);
  if (err == CF_OK && (c->partial || c->full)) {
    c->differ->call(c->differ->context, NULL, "",
                    c->full ? "there are more than can be compared"
                            : "they cannot be judged: a record cannot be read");
    return CF_OK;
  }
  if (err == CF_OK)
    err = cf_tokens_new(ledger, &rows);
  if (err != CF_OK)
    return err;
  cf_tokens_each(rows, row_check, c);
  if (!lost)
    missing_tell(c);
  cf_tokens_free(rows);
  return c->err;
}

enum cf_err cf_tokens_compare(struct cf_ledger *ledger, pthread_mutex_t *changes, bool lost,
                              const struct cf_token_differ *differ)
{
  struct check c = {.differ = differ, .block = calloc(1, sizeof *c.block)};
  if (c.block == NULL)
    return CF_E_NOMEM;
  cf_block_init(c.block);
  enum cf_err err = chain_read(&c, ledger); /* nearly all, while tokens may change */
  if (err == CF_OK) {
    pthread_mutex_lock(changes);
    err = rows_check(&c, ledger, lost);
    pthread_mutex_unlock(changes);
  }
  cf_view_put(c.view);
  cf_block_fini(c.block);
  free(c.block);
  free(c.told);
  return err;
}
