/* SPDX-License-Identifier: MIT */
/* The disclosed records of a bundle: measured in its first pass, written in its
 * second. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include "lib/record/json.h"

static void put_erased(const struct cf_record *r, struct cf_buf *b)
{
  bool any = false;
  cf_json_put_name(b, "erased");
  cf_buf_putc(b, '[');
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (r->gone[c] == NULL)
      continue;
    cf_buf_puts(b, any ? "," : "");
    cf_json_put_str(b, cf_str_from(cf_compartment_names[c]));
    any = true;
  }
  cf_buf_putc(b, ']');
}

static void put_line(const struct cf_opening *o, struct cf_buf *b)
{
  cf_buf_reset(b);
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "seq", o->record->seq);
  cf_opening_put_payloads(o, b);
  put_erased(o->record, b);
  cf_buf_puts(b, "}\n");
}

static enum cf_err row(void *context, const struct cf_record *record)
{
  struct cf_evidence *b = context;
  enum cf_err err = cf_opening_get(&b->opening, b->view, record->seq, b->fault);
  if (err != CF_OK)
    return err;
  put_line(&b->opening, &b->text);
  if (b->text.err != CF_OK)
    return b->text.err;
  cf_sha256_add(b->rows.running, b->text.p, b->text.n);
  if (b->writes)
    return cf_evidence_put(b, cf_buf_str(&b->text));
  b->rows.n++;
  b->rows.bytes += b->text.n;
  cf_bits_set(&b->entries, (uint32_t)(record->seq / CF_TILE_W));
  return cf_evidence_along_add(b, record->seq);
}

static enum cf_err each(struct cf_evidence *b, uint8_t hash[CF_HASH_N])
{
  enum cf_err err = b->ask->each(b->ask->context, b->view, b->seq_to, row, b);
  if (err == CF_OK)
    cf_sha256_end(b->rows.running, hash);
  return err;
}

enum cf_err cf_evidence_count(struct cf_evidence *b)
{
  uint64_t end = (b->seq_to + CF_TILE_W - 1) / CF_TILE_W;
  enum cf_err err = each(b, b->rows.hash);
  if (b->ask->complete)
    cf_bits_set_range(&b->entries, (uint32_t)(b->ask->seq_from / CF_TILE_W), (uint32_t)end);
  return err;
}

enum cf_err cf_evidence_records(struct cf_evidence *b)
{
  uint8_t hash[CF_HASH_N];
  enum cf_err err = cf_evidence_begin(b, "records.ndjson", b->rows.bytes);
  if (err == CF_OK)
    err = each(b, hash);
  if (err == CF_OK)
    err = cf_evidence_end(b);
  if (err == CF_OK && memcmp(hash, b->rows.hash, sizeof hash) != 0)
    err = cf_fail(b->fault, CF_E_DAMAGED, NULL,
                  "records are not what they were when they were counted: ask again");
  return err;
}
