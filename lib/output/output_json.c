/* SPDX-License-Identifier: MIT */
/* JSON: one object with all events. */
#include "config.h"

#include "lib/output/output_in.h"
#include "lib/record/json.h"
#include "lib/record/json_problem.h"

void cf_output_put_cursor(const struct cf_page_end *end, struct cf_buf *b)
{
  if (end->cursor[0] != 0) {
    cf_json_put_member(b, "next_cursor", cf_str_from(end->cursor));
  } else {
    cf_json_put_name(b, "next_cursor");
    cf_buf_puts(b, "null");
  }
}

static void json_begin(const struct cf_rows *rows, struct cf_buf *b)
{
  (void)rows;
  cf_buf_puts(b, "{\"events\":[");
}

static enum cf_err json_row(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  if (rows->n > 0)
    cf_buf_putc(b, ',');
  cf_record_put_flat(record, rows->fields, b);
  return CF_OK;
}

static void put_checkpoint(const struct cf_checkpoint *checkpoint, struct cf_buf *b)
{
  cf_json_put_name(b, "checkpoint");
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "size", checkpoint->size);
  cf_json_put_member_base64(b, "root", checkpoint->root, CF_HASH_N);
  cf_buf_putc(b, '}');
}

static void json_end(const struct cf_page_end *end, const struct cf_checkpoint *checkpoint,
                     struct cf_buf *b)
{
  cf_buf_putc(b, ']');
  cf_output_put_cursor(end, b);
  cf_json_put_member_bool(b, "has_more", end->has_more);
  if (checkpoint != NULL)
    put_checkpoint(checkpoint, b);
  cf_buf_puts(b, "}\n");
}

/* On a line of its own, for those who read what came by hand. */
static void json_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                       const struct cf_fault *fault, struct cf_buf *b)
{
  (void)rows;
  (void)end; /* the detail has it */
  cf_buf_puts(b, "\n,{\"error\":{");
  cf_problem_put(b, err, fault);
}

const struct cf_output_calls cf_output_json = {
    .begin = json_begin,
    .row = json_row,
    .end = json_end,
    .break_off = json_break,
};
