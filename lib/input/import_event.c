/* SPDX-License-Identifier: MIT */
/* The events of lines, and their ids. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/input/import_in.h"

/* ---- ids ---- */

static void put_hex(const uint8_t *p, size_t n, char *out)
{
  for (size_t i = 0; i < n; i++)
    snprintf(out + 2 * i, 3, "%02x", p[i]);
}

void cf_import_head(const struct cf_import *im, const struct cf_line *first,
                    char head[CF_HEAD_N + 1])
{
  static const char nuls[CF_LINE_MAX];
  size_t nuls_n = first->nuls < CF_LINE_MAX ? (size_t)first->nuls : CF_LINE_MAX;
  size_t room = CF_LINE_MAX - nuls_n;
  const struct cf_str parts[] = {
      im->rules.source,
      {"", 1},
      {nuls, nuls_n},
      {first->text.p, first->text.n < room ? first->text.n : room},
  };
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 4, mac);
  put_hex(mac, CF_HEAD_N / 2, head);
}

void cf_import_id_of_place(const char head[CF_HEAD_N + 1], uint64_t offset, char id[CF_IMPORT_ID_N])
{
  struct cf_buf b;
  cf_buf_fixed(&b, id, CF_IMPORT_ID_N);
  cf_buf_put(&b, head, CF_HEAD_N);
  cf_buf_putc(&b, '.');
  cf_buf_put_u64(&b, offset);
  (void)cf_buf_cstr(&b);
}

void cf_import_id_of_line(const struct cf_import *im, struct cf_str line, uint32_t repeats,
                          char id[2 * CF_HEAD_N + 1])
{
  char number[16];
  snprintf(number, sizeof number, "%" PRIu32, repeats);
  const struct cf_str parts[] = {im->rules.source, {"", 1}, line, {"", 1}, cf_str_from(number)};
  uint8_t mac[CF_HASH_N];
  cf_hmac(im->rules.key, sizeof im->rules.key, parts, 5, mac);
  put_hex(mac, CF_HEAD_N, id);
}

/* A head is not of the whole line: of a hole alone, perhaps. */
static bool head_is_short(const struct cf_line *line)
{
  return line->nuls >= CF_LINE_MAX || line->text.n > CF_LINE_MAX - line->nuls;
}

void cf_import_own_head(const struct cf_import *im, struct cf_line line, char head[CF_HEAD_N + 1])
{
  if (head_is_short(&line))
    line.nuls = 0;
  cf_import_head(im, &line, head);
}

void cf_import_own(const struct cf_import *im, const struct cf_line *line,
                   const char head[CF_HEAD_N + 1], struct cf_import_own *own)
{
  if (im->repeats != NULL) {
    cf_import_id_of_line(im, line->text, 0, own->id[0]);
    memcpy(own->id[1], own->id[0], sizeof own->id[1]);
    return;
  }
  cf_import_own_head(im, *line, own->id[1]);
  memcpy(own->id[0], head, CF_HEAD_N + 1);
}

bool cf_import_is_first(const struct cf_import *im, const struct cf_line *line, const char *id)
{
  char head[CF_HEAD_N + 1], first[CF_IMPORT_ID_N];
  if (line->offset != 0 || head_is_short(line))
    return false;
  cf_import_head(im, line, head);
  cf_import_id_of_place(head, 0, first);
  return strcmp(first, id) == 0;
}

/* ---- events ---- */

enum cf_err cf_import_put(struct cf_logline *l, struct cf_str source, struct cf_line line,
                          struct cf_import_entry entry, struct cf_batch *batch)
{
  struct cf_str id = cf_str_from(entry.id);
  enum cf_err err = CF_OK;
  entry.at = batch->body.n;
  if (!entry.text)
    err = cf_logline_event(l, &line, source, id, &batch->body);
  else if ((err = cf_logline_text(l, &line)) == CF_OK)
    cf_logline_put(l, source, id, &batch->body);
  if (err == CF_OK)
    err = batch->body.err;
  if (err != CF_OK) {
    cf_buf_cut(&batch->body, batch->body.n - entry.at);
    return err;
  }
  entry.n = batch->body.n - entry.at;
  entry.text = l->format == CF_LOG_TEXT;
  batch->entries[batch->n++] = entry;
  return CF_OK;
}
