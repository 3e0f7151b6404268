/* SPDX-License-Identifier: MIT */
/* The key notes of a parcel. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/proof/verify_parcel.h"

struct note {
  uint64_t seq;
  size_t at, n; /* in the texts */
};

static int note_compare(const void *a, const void *b)
{
  const struct note *x = a, *y = b;
  return (x->seq > y->seq) - (x->seq < y->seq);
}

/* It says itself which record it is of. */
static bool is_of(struct cf_str text, uint64_t seq)
{
  struct cf_key_note note;
  return cf_key_note_read(text, &note) == CF_OK && note.seq == seq;
}

static enum cf_err note_read(const struct cf_parcel *parcel, struct cf_str head, struct cf_str path,
                             struct note *note, struct cf_buf *texts, struct cf_fault *fault)
{
  enum cf_err err = cf_u64_parse(cf_str_behind(path, head.n), UINT64_MAX, &note->seq);
  note->at = texts->n;
  if (err == CF_OK && cf_parcel_find(parcel, path)->n > CF_KEY_NOTE_MAX)
    err = CF_E_SYNTAX;
  if (err == CF_OK)
    err = cf_parcel_get(parcel, path, texts);
  note->n = texts->n - note->at;
  if (err == CF_OK && !is_of(cf_str_behind(cf_buf_str(texts), note->at), note->seq))
    err = CF_E_SYNTAX;
  return err == CF_E_SYNTAX ? cf_fail(fault, err, path.p, "it is no key note") : err;
}

static enum cf_err notes_add(struct note *notes, size_t n, const struct cf_buf *texts,
                             struct cf_keys *keys, struct cf_fault *fault)
{
  struct cf_str *v = calloc(n, sizeof *v);
  if (v == NULL)
    return CF_E_NOMEM;
  qsort(notes, n, sizeof *notes, note_compare);
  for (size_t i = 0; i < n; i++)
    v[i] = (struct cf_str){(const char *)texts->p + notes[i].at, notes[i].n};
  enum cf_err err = cf_keys_add_all(keys, v, n, fault);
  free(v);
  return err == CF_E_SIGNATURE || err == CF_E_FULL ? CF_E_SYNTAX : err;
}

enum cf_err cf_parcel_keys(const struct cf_parcel *parcel, struct cf_str head, struct cf_keys *keys,
                           struct cf_fault *fault)
{
  struct cf_buf texts;
  size_t first = cf_parcel_seek(parcel, head), n = 0;
  while (first + n < parcel->n && n <= CF_KEYS_MAX &&
         cf_str_starts(cf_str_from(cf_parcel_path(parcel, &parcel->files[first + n])), head))
    n++;
  if (n == 0)
    return CF_OK;
  if (n > CF_KEYS_MAX)
    return cf_fail(fault, CF_E_SYNTAX, NULL, "more keys than a log can have");
  struct note *notes = calloc(n, sizeof *notes);
  cf_buf_init(&texts, (size_t)CF_KEYS_MAX * CF_KEY_NOTE_MAX);
  enum cf_err err = notes != NULL ? CF_OK : CF_E_NOMEM;
  for (size_t i = 0; i < n && err == CF_OK; i++)
    err = note_read(parcel, head, cf_str_from(cf_parcel_path(parcel, &parcel->files[first + i])),
                    &notes[i], &texts, fault);
  if (err == CF_OK)
    err = notes_add(notes, n, &texts, keys, fault);
  cf_buf_fini(&texts);
  free(notes);
  return err;
}
