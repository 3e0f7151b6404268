/* SPDX-License-Identifier: MIT */
/* Records from values of our own: the log's own kinds, and importers. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/record/builder.h"
#include "lib/record/canon_in.h"
#include "lib/record/draft_in.h"

struct cf_builder {
  struct cf_draft draft;
  enum cf_err err; /* the first one */
  struct cf_fault fault;
};

enum cf_err cf_builder_new(enum cf_kind kind, struct cf_builder **b)
{
  struct cf_builder *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  cf_draft_init(&made->draft, kind);
  made->draft.own = true;
  *b = made;
  return CF_OK;
}

void cf_builder_free(struct cf_builder *b)
{
  if (b == NULL)
    return;
  cf_draft_fini(&b->draft);
  free(b);
}

void cf_builder_cut_long(struct cf_builder *b)
{
  b->draft.cut_long = true;
}

static void member_set(struct cf_builder *b, enum cf_member member, struct cf_str value)
{
  if (b->err == CF_OK)
    b->err = cf_draft_set(&b->draft, member, value, &b->fault);
}

void cf_builder_set(struct cf_builder *b, enum cf_member member, struct cf_str value)
{
  if (member == CF_M_ATTRIBUTES)
    cf_builder_set_object(b, value);
  else
    member_set(b, member, value);
}

void cf_builder_set_u64(struct cf_builder *b, enum cf_member member, uint64_t value)
{
  struct cf_buf text;
  cf_buf_init(&text, 20);
  cf_buf_put_u64(&text, value);
  if (b->err == CF_OK)
    b->err = text.err;
  member_set(b, member, cf_buf_str(&text));
  cf_buf_fini(&text);
}

void cf_builder_set_time(struct cf_builder *b, enum cf_member member, int64_t t_us)
{
  char text[CF_TIME_TEXT_N + 1];
  cf_time_format(t_us, text);
  member_set(b, member, (struct cf_str){text, CF_TIME_TEXT_N});
}

static void text_copy(struct cf_builder *b, struct cf_draft_part *part, struct cf_str text)
{
  size_t at = b->draft.scratch.n;
  cf_buf_putstr(&b->draft.scratch, text);
  cf_draft_set_scratch(&b->draft, part, at);
  b->err = b->draft.scratch.err;
}

void cf_builder_set_object(struct cf_builder *b, struct cf_str canonical)
{
  struct cf_canon c = cf_canon_at(canonical);
  if (b->err != CF_OK)
    return;
  if (!cf_canon_object(&c, CF_ATTRIBUTES_DEPTH) || !cf_canon_ended(&c) ||
      canonical.n > cf_member_table[CF_M_ATTRIBUTES].limit)
    b->err = cf_fail(
        &b->fault, CF_E_INVALID, "attributes",
        "must be the canonical text of an object, at most %d levels deep and %llu bytes long",
        CF_ATTRIBUTES_DEPTH, (unsigned long long)cf_member_table[CF_M_ATTRIBUTES].limit);
  else if (canonical.n > 2)
    text_copy(b, &b->draft.member[CF_M_ATTRIBUTES], canonical);
}

void cf_builder_set_body(struct cf_builder *b, struct cf_str canonical)
{
  if (b->err == CF_OK)
    text_copy(b, &b->draft.body, canonical);
}

enum cf_err cf_builder_end(struct cf_builder *b, struct cf_event *event, struct cf_fault *fault)
{
  enum cf_err err = b->err;
  if (err == CF_OK)
    err = cf_draft_end(&b->draft, event, fault);
  else if (fault != NULL)
    *fault = b->fault;
  cf_draft_reset(&b->draft);
  memset(&b->fault, 0, sizeof b->fault);
  b->err = CF_OK;
  return err == CF_E_FULL ? cf_fail(fault, CF_E_INVALID, NULL, "the record is too large") : err;
}
