/* SPDX-License-Identifier: MIT */
/* The table of formats, look-ups in it, and the writer that calls them. */
#include "config.h"

#include "lib/output/output_in.h"

const struct cf_output cf_output_table[CF_OUTPUT_N] = {
#define CF_OUTPUT(symbol, name, type, alias, content_type, streams, exports) \
  {name, {type, alias}, content_type, streams, exports, &cf_output_##symbol},
#include "lib/output/output.def"
#undef CF_OUTPUT
};

const struct cf_output *cf_output_find(struct cf_str name)
{
  for (size_t i = 0; i < CF_OUTPUT_N; i++)
    if (cf_str_is(name, cf_output_table[i].name))
      return &cf_output_table[i];
  return NULL;
}

void cf_output_put_names(const char *before, bool streams, struct cf_buf *b)
{
  const char *names[CF_OUTPUT_N];
  size_t n = 0;

  for (size_t i = 0; i < CF_OUTPUT_N; i++)
    if (!streams || cf_output_table[i].streams)
      names[n++] = cf_output_table[i].name;
  for (size_t i = 0; i < n; i++)
    cf_buf_putf(b, "%s%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", before, names[i]);
}

/* ---- the writer ---- */

void cf_rows_init(struct cf_rows *rows, const struct cf_output *output, uint32_t fields)
{
  *rows = (struct cf_rows){.output = output, .fields = fields};
  cf_values_init(&rows->values);
}

void cf_rows_fini(struct cf_rows *rows)
{
  cf_values_fini(&rows->values);
}

void cf_rows_begin(const struct cf_rows *rows, struct cf_buf *b)
{
  if (rows->output->calls->begin != NULL)
    rows->output->calls->begin(rows, b);
}

enum cf_err cf_rows_put(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  enum cf_err err = rows->output->calls->row(rows, record, b);

  if (err != CF_OK)
    return err;
  rows->n++;
  return b->err;
}

void cf_rows_end(const struct cf_rows *rows, const struct cf_page_end *end,
                 const struct cf_checkpoint *checkpoint, struct cf_buf *b)
{
  if (!rows->bare)
    rows->output->calls->end(end, checkpoint, b);
}

void cf_rows_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                   const struct cf_fault *fault, struct cf_buf *b)
{
  rows->output->calls->break_off(rows, end, err, fault, b);
}
