/* SPDX-License-Identifier: MIT */
/* CSV (RFC 4180): a line of names, an event a line, and lines `# name=value` at
 * the end.
 *
 * A cell that a spreadsheet would run (leading = + - @, also in full width, or
 * tab, CR, LF), or that begins with ' itself, gets a ' before it, its text is
 * as CF_SHOW_CSV shows it, an empty text is "" and what is absent is nothing; a
 * `body` column stands in whole events (CF_FIELDS_ALL) only.
 *
 * Back to the text: what RFC 4180 gives less one ' at its front, then \\ for \
 * and \u00hh for that character. */
#include "config.h"

#include "lib/output/output_in.h"

#include <string.h>

#include "lib/base/show.h"

/* ---- cells ---- */

/* What a character asks of its cell: where it is the first, or anywhere. */
enum { GUARD = 1, QUOTE = 2, WIDE = 4 };
static const uint8_t asks[256] = {
    ['='] = GUARD,  ['+'] = GUARD,          ['-'] = GUARD,          ['@'] = GUARD,
    ['\''] = GUARD, ['\t'] = GUARD | QUOTE, ['\r'] = GUARD | QUOTE, ['\n'] = GUARD | QUOTE,
    ['"'] = QUOTE,  [','] = QUOTE,          [0xef] = WIDE,
};

static bool is_wide(struct cf_str cell)
{
  static const struct cf_str wide[] = {CF_STR("\uff1d"), CF_STR("\uff0b"), CF_STR("\uff0d"),
                                       CF_STR("\uff20")};

  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
    if (cf_str_starts(cell, wide[i]))
      return true;
  return false;
}

static bool is_guarded(struct cf_str cell)
{
  uint8_t first = asks[(uint8_t)cell.p[0]];

  return (first & GUARD) != 0 || ((first & WIDE) != 0 && is_wide(cell));
}

static bool needs_quotes(struct cf_str cell)
{
  uint8_t any = 0;

  for (size_t i = 0; i < cell.n; i++)
    any |= asks[(uint8_t)cell.p[i]];
  return (any & QUOTE) != 0 || cell.p[0] == ' ' || cell.p[cell.n - 1] == ' ';
}

static void put_cell(struct cf_buf *b, struct cf_str cell)
{
  if (cell.p == NULL)
    return;
  if (cell.n == 0) {
    cf_buf_puts(b, "\"\"");
    return;
  }
  bool quotes = needs_quotes(cell);
  if (quotes)
    cf_buf_putc(b, '"');
  if (is_guarded(cell))
    cf_buf_putc(b, '\'');
  cf_show_put(b, cell, CF_SHOW_CSV);
  if (quotes)
    cf_buf_putc(b, '"');
}

/* ---- lines ---- */

static bool is_chosen(const struct cf_rows *rows, unsigned member)
{
  return (rows->fields >> member & 1) != 0;
}

static void csv_begin(const struct cf_rows *rows, struct cf_buf *b)
{
  cf_buf_puts(b, "seq,recorded,kind");
  for (unsigned m = 0; m < CF_M_N; m++)
    if (is_chosen(rows, m))
      cf_buf_putf(b, ",%s", cf_member_table[m].name);
  cf_buf_puts(b, rows->fields == CF_FIELDS_ALL ? ",body,erased\r\n" : ",erased\r\n");
}

/* The body of a kind that has one. `source`, all that can stand before it,
 * holds no quotes. */
static struct cf_str body_of(const struct cf_record *record)
{
  static const char key[] = "\"body\":";
  struct cf_str text = record->public_text;
  const char *at = cf_kind_table[record->kind].body[0] == 0 || text.n == 0
                       ? NULL
                       : memmem(text.p, text.n, key, sizeof key - 1);

  if (at == NULL)
    return (struct cf_str){NULL, 0};
  at += sizeof key - 1;
  return (struct cf_str){at, (size_t)(text.p + text.n - at)};
}

static void put_erased(const struct cf_record *record, struct cf_buf *b)
{
  const char *between = "";

  for (unsigned c = 0; c < CF_C_N; c++) {
    if (record->gone[c] == NULL)
      continue;
    cf_buf_puts(b, between);
    cf_buf_puts(b, cf_compartment_names[c]);
    between = " ";
  }
}

static enum cf_err csv_row(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  char recorded[CF_TIME_TEXT_N + 1];
  enum cf_err err = cf_values_get(record, &rows->values);

  if (err != CF_OK)
    return err;
  cf_time_format(record->recorded_us, recorded);
  cf_buf_put_u64(b, record->seq);
  cf_buf_putc(b, ',');
  cf_buf_put(b, recorded, CF_TIME_TEXT_N);
  cf_buf_putc(b, ',');
  cf_buf_puts(b, cf_kind_table[record->kind].name);
  for (unsigned m = 0; m < CF_M_N; m++) {
    if (!is_chosen(rows, m))
      continue;
    cf_buf_putc(b, ',');
    put_cell(b, rows->values.v[m]);
  }
  cf_buf_putc(b, ',');
  if (rows->fields == CF_FIELDS_ALL) {
    put_cell(b, body_of(record));
    cf_buf_putc(b, ',');
  }
  put_erased(record, b);
  cf_buf_puts(b, "\r\n");
  return CF_OK;
}

static void csv_end(const struct cf_page_end *end, const struct cf_checkpoint *checkpoint,
                    struct cf_buf *b)
{
  (void)checkpoint;
  cf_buf_putf(b, "# next_cursor=%s\r\n# has_more=%s\r\n", end->cursor,
              end->has_more ? "true" : "false");
}

static void put_error(const struct cf_page_end *end, enum cf_err err, struct cf_buf *b)
{
  cf_buf_putf(b, "# error=%s: %s\r\n", cf_err_word(err), cf_err_title(err));
  if (err == CF_E_DAMAGED)
    cf_buf_putf(b, "# seq_from=%llu\r\n# seq_to=%llu\r\n", (unsigned long long)end->damaged_from,
                (unsigned long long)end->damaged_to);
  cf_buf_putf(b, "# next_cursor=%s\r\n", end->cursor);
}

/* The last line opens a quote. */
static void csv_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                      const struct cf_fault *fault, struct cf_buf *b)
{
  (void)fault;
  if (!rows->bare)
    put_error(end, err, b);
  cf_buf_puts(b, "\"the answer breaks off here");
}

const struct cf_output_calls cf_output_csv = {
    .begin = csv_begin,
    .row = csv_row,
    .end = csv_end,
    .break_off = csv_break,
};
