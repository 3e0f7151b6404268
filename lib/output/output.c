/* SPDX-License-Identifier: MIT */
/* Rows and their frames as JSON, NDJSON and CSV. */
#include "config.h"

#include "lib/output/output.h"

#include <string.h>

#include "lib/record/json.h"
#include "lib/record/problem.h"
#include "lib/record/values.h"

const char *cf_format_type(enum cf_format format)
{
  switch (format) {
  case CF_FORMAT_NDJSON: return "application/x-ndjson";
  case CF_FORMAT_CSV: return "text/csv; charset=utf-8; header=present";
  case CF_FORMAT_JSON: break;
  }
  return "application/json";
}

void cf_rows_init(struct cf_rows *rows, enum cf_format format, uint32_t fields)
{
  *rows = (struct cf_rows){.format = format, .fields = fields};
  cf_values_init(&rows->values);
}

void cf_rows_fini(struct cf_rows *rows)
{
  cf_values_fini(&rows->values);
}

/* ---- CSV ---- */

static bool runs(struct cf_str cell)
{
  return cell.n > 0 && memchr("=+-@\t\r", cell.p[0], 6) != NULL;
}

static bool needs_quotes(struct cf_str cell)
{
  if (cell.n == 0)
    return cell.p != NULL;
  if (cell.p[0] == ' ' || cell.p[cell.n - 1] == ' ')
    return true;
  for (size_t i = 0; i < cell.n; i++)
    if (memchr("\",\r\n\t", cell.p[i], 5) != NULL)
      return true;
  return false;
}

/* The control character that begins at p: C0 but tab, CR and LF, DEL, or C1
 * (two bytes in UTF-8). Gives its bytes, 0 where there is none. */
static size_t control(const uint8_t *p, size_t n, unsigned *code)
{
  *code = *p;
  if (*p == 0x7f || (*p < 0x20 && memchr("\t\r\n", *p, 3) == NULL))
    return 1;
  if (n < 2 || *p != 0xc2 || p[1] < 0x80 || p[1] > 0x9f)
    return 0;
  *code = p[1];
  return 2;
}

static void put_cell_text(struct cf_buf *b, struct cf_str cell)
{
  const uint8_t *p = (const uint8_t *)cell.p;

  for (size_t i = 0; i < cell.n;) {
    unsigned code;
    size_t n = control(p + i, cell.n - i, &code);
    if (n > 0) {
      cf_buf_putf(b, "\\u%04x", code);
    } else {
      cf_buf_puts(b, p[i] == '"' ? "\"" : "");
      cf_buf_putc(b, (char)p[i]);
      n = 1;
    }
    i += n;
  }
}

static void put_cell(struct cf_buf *b, struct cf_str cell)
{
  bool quotes = needs_quotes(cell);

  cf_buf_puts(b, quotes ? "\"" : "");
  cf_buf_puts(b, runs(cell) ? "'" : "");
  put_cell_text(b, cell);
  cf_buf_puts(b, quotes ? "\"" : "");
}

static bool is_chosen(const struct cf_rows *rows, unsigned member)
{
  return (rows->fields >> member & 1) != 0;
}

static void put_names(const struct cf_rows *rows, struct cf_buf *b)
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

static enum cf_err put_line(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  char recorded[CF_TIME_TEXT_N + 1];
  enum cf_err err = cf_values_get(record, &rows->values);

  if (err != CF_OK)
    return err;
  cf_time_format(record->recorded_us, recorded);
  cf_buf_put_u64(b, record->seq);
  cf_buf_putf(b, ",%s,%s", recorded, cf_kind_table[record->kind].name);
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

/* ---- rows ---- */

void cf_rows_begin(const struct cf_rows *rows, struct cf_buf *b)
{
  if (rows->format == CF_FORMAT_JSON)
    cf_buf_puts(b, "{\"events\":[");
  if (rows->format == CF_FORMAT_CSV)
    put_names(rows, b);
}

static void put_object(const struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  if (rows->format == CF_FORMAT_JSON && rows->n > 0)
    cf_buf_putc(b, ',');
  cf_record_put_flat(record, rows->fields, b);
  if (rows->format == CF_FORMAT_NDJSON)
    cf_buf_putc(b, '\n');
}

enum cf_err cf_rows_put(struct cf_rows *rows, const struct cf_record *record, struct cf_buf *b)
{
  if (rows->format == CF_FORMAT_CSV) {
    enum cf_err err = put_line(rows, record, b);
    if (err != CF_OK)
      return err;
  } else {
    put_object(rows, record, b);
  }
  rows->n++;
  return b->err;
}

/* ---- ends ---- */

static void put_cursor(const struct cf_page_end *end, struct cf_buf *b)
{
  if (end->cursor[0] != 0) {
    cf_json_put_member(b, "next_cursor", cf_str_from(end->cursor));
  } else {
    cf_json_put_name(b, "next_cursor");
    cf_buf_puts(b, "null");
  }
}

static void put_checkpoint(const struct cf_checkpoint *checkpoint, struct cf_buf *b)
{
  cf_json_put_name(b, "checkpoint");
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "size", checkpoint->size);
  cf_json_put_member_base64(b, "root", checkpoint->root, CF_HASH_N);
  cf_buf_putc(b, '}');
}

void cf_rows_end(const struct cf_rows *rows, const struct cf_page_end *end,
                 const struct cf_checkpoint *checkpoint, struct cf_buf *b)
{
  if (rows->format == CF_FORMAT_CSV) {
    cf_buf_putf(b, "# next_cursor=%s\r\n# has_more=%s\r\n", end->cursor,
                end->has_more ? "true" : "false");
    return;
  }
  cf_buf_putc(b, rows->format == CF_FORMAT_JSON ? ']' : '{');
  put_cursor(end, b);
  cf_json_put_member_bool(b, "has_more", end->has_more);
  if (rows->format == CF_FORMAT_JSON && checkpoint != NULL)
    put_checkpoint(checkpoint, b);
  cf_buf_puts(b, rows->format == CF_FORMAT_JSON ? "}" : "}\n");
}

static void break_csv(const struct cf_page_end *end, enum cf_err err, struct cf_buf *b)
{
  cf_buf_putf(b, "# error=%s: %s\r\n", cf_err_word(err), cf_err_title(err));
  if (err == CF_E_DAMAGED)
    cf_buf_putf(b, "# seq_from=%llu\r\n# seq_to=%llu\r\n", (unsigned long long)end->damaged_from,
                (unsigned long long)end->damaged_to);
  cf_buf_putf(b, "# next_cursor=%s\r\n", end->cursor);
}

static void break_ndjson(const struct cf_page_end *end, enum cf_err err, struct cf_buf *b)
{
  cf_buf_puts(b, "{\"error\":{");
  cf_problem_put(b, err, &(struct cf_fault){.detail = "the answer breaks off here"});
  if (err == CF_E_DAMAGED) {
    cf_json_put_member_u64(b, "seq_from", end->damaged_from);
    cf_json_put_member_u64(b, "seq_to", end->damaged_to);
  }
  cf_buf_putc(b, '}');
  put_cursor(end, b);
  cf_buf_puts(b, "}\n");
}

void cf_rows_break(const struct cf_rows *rows, const struct cf_page_end *end, enum cf_err err,
                   struct cf_buf *b)
{
  if (rows->format == CF_FORMAT_CSV)
    break_csv(end, err, b);
  else
    break_ndjson(end, err, b);
}
