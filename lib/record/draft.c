/* SPDX-License-Identifier: MIT */
/* Values checked, brought into canonical form, and written as a record's texts
 * (format.md, Members). */
#include "config.h"

#include "lib/record/draft_in.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/record/address.h"
#include "lib/record/json.h"
#include "lib/record/record_in.h"
#include "lib/record/source.h"

#define SCRATCH_MAX (8u << 20)
#define TEXTS_MAX   (1u << 20)

void cf_draft_init(struct cf_draft *draft, enum cf_kind kind)
{
  memset(draft, 0, sizeof *draft);
  draft->kind = kind;
  draft->time_us = CF_TIME_NONE;
  cf_buf_init(&draft->scratch, SCRATCH_MAX);
}

void cf_draft_fini(struct cf_draft *draft)
{
  cf_buf_fini(&draft->scratch);
}

void cf_draft_reset(struct cf_draft *draft)
{
  memset(draft->member, 0, sizeof draft->member);
  draft->body.set = false;
  draft->cut = 0;
  draft->time_us = CF_TIME_NONE;
  cf_buf_reset(&draft->scratch);
}

/* ---- values ---- */

/* The value, valid until the next set; empty where there is none. */
static struct cf_str part_text(const struct cf_draft *draft, const struct cf_draft_part *part)
{
  if (!part->set || part->n == 0)
    return (struct cf_str){"", 0};
  return (struct cf_str){part->p != NULL ? part->p : (const char *)draft->scratch.p + part->at,
                         part->n};
}

void cf_draft_set_scratch(struct cf_draft *draft, struct cf_draft_part *part, size_t at)
{
  *part = (struct cf_draft_part){.at = at, .n = draft->scratch.n - at, .set = true};
}

static enum cf_err part_keep(struct cf_draft *draft, struct cf_draft_part *part, struct cf_str s,
                             bool copy)
{
  size_t at = draft->scratch.n;
  *part = (struct cf_draft_part){.p = s.p, .n = s.n, .set = true};
  if (!copy)
    return CF_OK;
  cf_buf_putstr(&draft->scratch, s);
  cf_draft_set_scratch(draft, part, at);
  return draft->scratch.err;
}

static enum cf_err invalid(struct cf_fault *fault, enum cf_member m)
{
  const struct cf_member_row *row = &cf_member_table[m];
  static const char *const wanted[] = {
      [CF_T_NAME] = "must be 1 to 128 letters, digits or . _ : / @ + = -",
      [CF_T_TIME] = "must be an RFC 3339 time or a number",
      [CF_T_TOKEN] = "must be a token of RFC 9110, at most 32 bytes",
      [CF_T_INTEGER] = "must be an integer from 0 to",
      [CF_T_WORD] = "must be success, failure or unknown",
      [CF_T_TEXT] = "must be text of at most",
      [CF_T_ADDRESS] = "must be an IPv4 or IPv6 address without a zone",
      [CF_T_OBJECT] = "must be an object of at most",
  };
  if (row->type == CF_T_INTEGER)
    return cf_fail(fault, CF_E_INVALID, row->name, "%s %llu", wanted[row->type],
                   (unsigned long long)row->limit);
  if (row->type != CF_T_TEXT && row->type != CF_T_OBJECT)
    return cf_fail(fault, CF_E_INVALID, row->name, "%s", wanted[row->type]);
  return cf_fail(fault, CF_E_INVALID, row->name, "%s %llu bytes", wanted[row->type],
                 (unsigned long long)row->limit);
}

static enum cf_err set_text(struct cf_draft *draft, enum cf_member m, struct cf_str s, bool plain,
                            struct cf_fault *fault)
{
  uint64_t limit = cf_member_table[m].limit;
  struct cf_draft_part *part = &draft->member[m];
  /* Mending needs no more of the text than could be kept, and never shortens
   * it. */
  struct cf_str head = s.n > limit ? cf_utf8_head(s, (size_t)limit) : s;
  bool mend = !plain && !cf_utf8_ok(head), longer = head.n < s.n;
  if (longer && !draft->cut_long)
    return invalid(fault, m);
  size_t at = draft->scratch.n;
  if (mend) {
    cf_utf8_put(&draft->scratch, head);
    if (draft->scratch.err != CF_OK)
      return draft->scratch.err;
    cf_draft_set_scratch(draft, part, at);
    longer = longer || part->n > limit;
    if (part->n > limit && !draft->cut_long)
      return invalid(fault, m);
    part->n = cf_utf8_head(part_text(draft, part), (size_t)limit).n;
  }
  if (longer)
    draft->cut |= 1u << m;
  enum cf_err err = mend ? CF_OK : part_keep(draft, part, head, draft->own);
  part->plain = plain;
  return err;
}

#define TOKEN_MAX 64
#define CF_MEMBER(symbol, name, type, compartment, indexed, limit) \
  _Static_assert(CF_T_##type != CF_T_TOKEN || limit <= TOKEN_MAX, "limit of " name);
#include "lib/record/schema.def"
#undef CF_MEMBER

/* s is within its limit. */
static enum cf_err set_token(struct cf_draft *draft, enum cf_member m, struct cf_str s)
{
  char upper[TOKEN_MAX];
  bool same = true;
  for (size_t i = 0; i < s.n; i++) {
    bool lower = s.p[i] >= 'a' && s.p[i] <= 'z';
    upper[i] = lower ? (char)(s.p[i] - ('a' - 'A')) : s.p[i];
    same = same && !lower;
  }
  return part_keep(draft, &draft->member[m], same ? s : (struct cf_str){upper, s.n},
                   !same || draft->own);
}

static enum cf_err set_address(struct cf_draft *draft, enum cf_member m, struct cf_str s,
                               struct cf_fault *fault)
{
  char text[46];
  if (cf_address_canonical(s, text) != CF_OK)
    return invalid(fault, m);
  struct cf_str canonical = cf_str_from(text);
  bool same = cf_str_eq(canonical, s);
  return part_keep(draft, &draft->member[m], same ? s : canonical, !same || draft->own);
}

static enum cf_err set_value(struct cf_draft *draft, enum cf_member m, struct cf_str value,
                             bool plain, struct cf_fault *fault)
{
  enum cf_type type = cf_member_table[m].type;
  if (type == CF_T_TEXT)
    return set_text(draft, m, value, plain, fault);
  if (type == CF_T_ADDRESS)
    return set_address(draft, m, value, fault);
  bool good = type == CF_T_TIME ? cf_time_parse_strict(value, &draft->time_us) == CF_OK
                                : cf_value_ok(m, value);
  if (!good)
    return invalid(fault, m);
  if (type == CF_T_TOKEN)
    return set_token(draft, m, value);
  return part_keep(draft, &draft->member[m], value, draft->own);
}

enum cf_err cf_draft_set(struct cf_draft *draft, enum cf_member m, struct cf_str value,
                         struct cf_fault *fault)
{
  return set_value(draft, m, value, false, fault);
}

enum cf_err cf_draft_set_plain(struct cf_draft *draft, enum cf_member m, struct cf_str value,
                               struct cf_fault *fault)
{
  return set_value(draft, m, value, true, fault);
}

enum cf_err cf_draft_set_time(struct cf_draft *draft, int64_t t_us)
{
  char text[CF_TIME_TEXT_N + 1];
  cf_time_format(t_us, text);
  draft->time_us = t_us;
  return part_keep(draft, &draft->member[CF_M_TIME], (struct cf_str){text, CF_TIME_TEXT_N}, true);
}

/* ---- the whole ---- */

static enum cf_err default_outcome(struct cf_draft *draft)
{
  struct cf_str status = part_text(draft, &draft->member[CF_M_STATUS]);
  uint64_t v = 0;
  const char *word = "unknown";
  if (draft->member[CF_M_STATUS].set && cf_u64_parse(status, 999, &v) == CF_OK)
    word = v > 0 && v < 400 ? "success" : "failure";
  return part_keep(draft, &draft->member[CF_M_OUTCOME], cf_str_from(word), false);
}

static enum cf_err set_defaults(struct cf_draft *draft)
{
  enum cf_err err = CF_OK;
  if (cf_kind_table[draft->kind].members != CF_PUBLIC_EVENT)
    return CF_OK;
  if (draft->kind == CF_K_ACCESS && !draft->member[CF_M_SOURCE].set)
    err = part_keep(draft, &draft->member[CF_M_SOURCE], CF_STR(CF_SOURCE_OWN), false);
  if (err == CF_OK && !draft->member[CF_M_OUTCOME].set)
    err = default_outcome(draft);
  return err;
}

static bool allowed(const struct cf_kind_row *row, unsigned m)
{
  enum cf_compartment c = cf_member_table[m].compartment;
  if (c != CF_C_PUBLIC)
    return (row->compartments & 1u << c) != 0;
  return row->members == CF_PUBLIC_EVENT || (row->members == CF_PUBLIC_SOURCE && m == CF_M_SOURCE);
}

static enum cf_err check_members(const struct cf_draft *draft, struct cf_fault *fault)
{
  const struct cf_kind_row *row = &cf_kind_table[draft->kind];
  const struct cf_draft_part *member = draft->member;
  for (unsigned m = 0; m < CF_M_N; m++)
    if (member[m].set && !allowed(row, m))
      return cf_fail(fault, CF_E_INVALID, cf_member_table[m].name, "does not belong to kind %s",
                     row->name);
  if (row->members == CF_PUBLIC_EVENT && !member[CF_M_ACTION].set && !member[CF_M_METHOD].set &&
      !member[CF_M_MESSAGE].set)
    return cf_fail(fault, CF_E_INVALID, "action",
                   "one of action, method and message must be there");
  return CF_OK;
}

static void put_value(struct cf_buf *b, enum cf_type type, struct cf_str s, bool plain)
{
  if (type == CF_T_TEXT && !plain) {
    cf_json_put_str(b, s);
  } else if (type == CF_T_INTEGER || type == CF_T_OBJECT) {
    cf_buf_putstr(b, s);
  } else {
    cf_buf_putc(b, '"');
    cf_buf_putstr(b, s);
    cf_buf_putc(b, '"');
  }
}

/* An indexed member's value begins at `at` and, with quotes where it has any,
 * ends b. Where it has escapes nothing is noted: it is longer then. */
static void note_value(const struct cf_buf *b, size_t at, struct cf_str s, struct cf_event_value *v)
{
  size_t quote = b->err == CF_OK && b->p[at] == '"';
  if (b->n - at == s.n + 2 * quote)
    *v = (struct cf_event_value){(uint32_t)(at + quote), (uint32_t)s.n};
}

/* Append the members of a compartment, from *m on in the table, which moves
 * behind them. */
static void put_members(const struct cf_draft *draft, enum cf_compartment compartment, unsigned *m,
                        struct cf_buf *b, struct cf_event_value value[CF_M_N])
{
  size_t start = b->n;
  for (; *m < CF_M_N && cf_member_table[*m].compartment == compartment; ++*m) {
    if (!draft->member[*m].set)
      continue;
    if (b->n > start)
      cf_buf_putc(b, ',');
    cf_buf_putstr(b, cf_member_keys[*m]);
    struct cf_str s = part_text(draft, &draft->member[*m]);
    size_t at = b->n;
    put_value(b, cf_member_table[*m].type, s, draft->member[*m].plain);
    if (cf_member_table[*m].indexed)
      note_value(b, at, s, &value[*m]);
  }
}

/* Append the indexed members' values that have not been noted: those with
 * escapes in the texts. */
static void put_decoded(const struct cf_draft *draft, struct cf_buf *b,
                        struct cf_event_value value[CF_M_N])
{
  for (unsigned m = 0; m < CF_M_N; m++) {
    if (!cf_member_table[m].indexed || !draft->member[m].set || value[m].at > 0)
      continue;
    size_t at = b->n;
    cf_buf_putstr(b, part_text(draft, &draft->member[m]));
    value[m] = (struct cf_event_value){(uint32_t)at, (uint32_t)(b->n - at)};
  }
}

/* What a text's escapes add to it at most. */
static size_t escapes_most(struct cf_str s)
{
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++)
    n += (uint8_t)s.p[i] < 0x20 ? 5 : s.p[i] == '"' || s.p[i] == '\\';
  return n;
}

/* Room that the texts take at most, with the values behind them: a text that is
 * not plain may have escapes, and stand there once more. Who gives the room
 * keeps it, so that it is not far from what they take. */
static size_t draft_most(const struct cf_draft *draft)
{
  size_t n = 64 + draft->body.n;
  for (unsigned m = 0; m < CF_M_N; m++) {
    const struct cf_draft_part *part = &draft->member[m];
    if (!part->set)
      continue;
    n += cf_member_keys[m].n + 3 + part->n;
    if (cf_member_table[m].type == CF_T_TEXT && !part->plain)
      n += escapes_most(part_text(draft, part)) + (cf_member_table[m].indexed ? part->n : 0);
  }
  return n < TEXTS_MAX ? n : TEXTS_MAX;
}

/* Write all texts one behind the other and note where each ends, and where
 * values stand. */
static void put_texts(const struct cf_draft *draft, struct cf_buf *b, size_t ends[CF_C_N + 1],
                      struct cf_event_value value[CF_M_N])
{
  unsigned m = 0;
  put_members(draft, CF_C_PUBLIC, &m, b, value);
  if (draft->body.set) {
    cf_json_put_name(b, "body");
    cf_buf_putstr(b, part_text(draft, &draft->body));
  }
  ends[0] = b->n;
  for (unsigned c = 0; c < CF_C_N; c++) {
    size_t start = b->n;
    cf_buf_putc(b, '{');
    put_members(draft, (enum cf_compartment)c, &m, b, value);
    if (b->n == start + 1)
      cf_buf_cut(b, 1);
    else
      cf_buf_putc(b, '}');
    ends[c + 1] = b->n;
  }
}

static void part_point(struct cf_record *r, const char *text, const size_t ends[CF_C_N + 1])
{
  r->public_text = (struct cf_str){text, ends[0]};
  for (unsigned c = 0; c < CF_C_N; c++)
    r->payload[c] = (struct cf_str){text + ends[c], ends[c + 1] - ends[c]};
}

/* Each value was checked when it was set; a body is somebody's text. */
static enum cf_err check_public(const struct cf_draft *draft, const struct cf_record *r,
                                struct cf_fault *fault)
{
  int64_t t;
  uint32_t members = 0;
  if (draft->body.set || cf_kind_table[draft->kind].body[0] != 0)
    return cf_public_check(r->kind, r->public_text, &t, fault);
  for (unsigned m = 0; m < CF_M_N; m++)
    if (draft->member[m].set && cf_member_table[m].compartment == CF_C_PUBLIC)
      members |= 1u << m;
  return cf_public_members_check(draft->kind, members,
                                 part_text(draft, &draft->member[CF_M_SOURCE]), fault);
}

static enum cf_err check_record(const struct cf_draft *draft, const struct cf_record *r,
                                struct cf_fault *fault)
{
  struct cf_fault why = {.at = ""};
  size_t n = cf_record_size(r);
  if (n > CF_LEAF_MAX)
    return cf_fail(fault, CF_E_INVALID, NULL, "the record would take %zu bytes, more than %d", n,
                   CF_LEAF_MAX);
  if (check_public(draft, r, &why) != CF_OK)
    return cf_fail(fault, CF_E_INVALID, why.at, "%s", why.detail);
  return CF_OK;
}

static char *room_take(const struct cf_draft *draft, size_t n)
{
  return draft->arena != NULL ? cf_arena_room(draft->arena, n) : malloc(n);
}

/* n bytes of it were used; gives where they are. */
static char *room_keep(const struct cf_draft *draft, char *room, size_t n)
{
  if (draft->arena == NULL) {
    char *less = realloc(room, n);
    return less != NULL ? less : room;
  }
  cf_arena_keep(draft->arena, n);
  return room;
}

static enum cf_err draft_encode(const struct cf_draft *draft, struct cf_event *event,
                                struct cf_fault *fault)
{
  struct cf_buf b;
  size_t ends[CF_C_N + 1], most = draft_most(draft);
  char *room = room_take(draft, most);
  if (room == NULL)
    return CF_E_NOMEM;
  struct cf_event made = {.record = {.kind = draft->kind, .time_us = draft->time_us},
                          .of_arena = draft->arena != NULL};
  cf_buf_fixed(&b, room, most);
  put_texts(draft, &b, ends, made.value);
  enum cf_err err = b.err == CF_OK
                        ? CF_OK
                        : cf_fail(fault, CF_E_INVALID, NULL,
                                  "the record would be larger than %d bytes", CF_LEAF_MAX);
  part_point(&made.record, room, ends);
  if (err == CF_OK)
    err = check_record(draft, &made.record, fault);
  if (err != CF_OK) {
    if (draft->arena == NULL)
      free(room);
    return err;
  }
  put_decoded(draft, &b, made.value);
  made.text = room_keep(draft, room, b.n);
  part_point(&made.record, made.text, ends);
  *event = made;
  return CF_OK;
}

enum cf_err cf_draft_end(struct cf_draft *draft, struct cf_event *event, struct cf_fault *fault)
{
  enum cf_err err = set_defaults(draft);
  if (err == CF_OK)
    err = check_members(draft, fault);
  return err == CF_OK ? draft_encode(draft, event, fault) : err;
}

void cf_event_fini(struct cf_event *event)
{
  if (!event->of_arena)
    free(event->text);
  memset(event, 0, sizeof *event);
}
