/* SPDX-License-Identifier: MIT */
/* NDJSON: an event a line, and a line `{"next_cursor":…,"has_more":…}` at the
 * end. */
#include "config.h"

#include "lib/output/output_in.h"
#include "lib/record/json.h"
#include "lib/record/json_problem.h"

static enum cf_err ndjson_row(struct cf_rows *rows, const struct cf_record *record,
                              struct cf_buf *b)
{
  cf_record_put_flat(record, rows->fields, b);
  cf_buf_putc(b, '\n');
  return CF_OK;
}

static void ndjson_end(const struct cf_page_end *end, const struct cf_checkpoint *checkpoint,
                       struct cf_buf *b)
{
  (void)checkpoint;
  cf_buf_putc(b, '{');
  cf_output_put_cursor(end, b);
  cf_json_put_member_bool(b, "has_more", end->has_more);
  cf_buf_puts(b, "}\n");
}

/* The last line, without its closing brace and end. */
static void ndjson_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                         const struct cf_fault *fault, struct cf_buf *b)
{
  (void)rows;
  (void)fault;
  cf_buf_puts(b, "{\"error\":{");
  cf_problem_put(b, err, &(struct cf_fault){.detail = "the answer breaks off here"});
  if (err == CF_E_DAMAGED) {
    cf_json_put_member_u64(b, "seq_from", end->damaged_from);
    cf_json_put_member_u64(b, "seq_to", end->damaged_to);
  }
  cf_buf_putc(b, '}');
  cf_output_put_cursor(end, b);
}

const struct cf_output_calls cf_output_ndjson = {
    .row = ndjson_row,
    .end = ndjson_end,
    .break_off = ndjson_break,
};
