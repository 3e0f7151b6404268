/* SPDX-License-Identifier: MIT */
/* The timestamps of a bundle, each against the checkpoint that it is of. */
#include "config.h"

#include <stdio.h>

#include "lib/base/codec.h"
#include "lib/proof/note.h"
#include "lib/proof/parcel_tree.h"
#include "lib/proof/stamp.h"

#define STAMP_MAX 65536 /* bytes of an answer */

static const struct cf_str head = CF_STR("checkpoints/");

/* Append that file of the checkpoint; none is nothing. */
static enum cf_err part_get(const struct cf_parcel *parcel, uint64_t n, const char *ending,
                            struct cf_buf *b)
{
  char path[64];
  (void)snprintf(path, sizeof path, "checkpoints/%llu%s", (unsigned long long)n, ending);
  enum cf_err err = cf_parcel_get(parcel, cf_str_from(path), b);
  return err == CF_E_NOTFOUND || err == CF_E_FULL ? CF_OK : err;
}

/* What was stamped is that note, or one with other signatures. */
static bool is_same(struct cf_str stamped, struct cf_str note)
{
  struct cf_str a, b, signatures;
  return cf_note_split(stamped, &a, &signatures) == CF_OK &&
         cf_note_split(note, &b, &signatures) == CF_OK && cf_str_eq(a, b);
}

static enum cf_err stamp_judge(const struct cf_parcel_stamps *ask, struct cf_str path, uint64_t n)
{
  const struct cf_parcel *parcel = ask->parcel;
  struct cf_fault fault = {.detail = ""};
  struct cf_buf note, stamped, answer;
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_buf_init(&stamped, CF_NOTE_MAX);
  cf_buf_init(&answer, STAMP_MAX);
  enum cf_err err = n == ask->size ? cf_parcel_get(parcel, CF_STR(CF_HEAD_PATH), &note)
                                   : part_get(parcel, n, "", &note);
  if (err == CF_OK)
    err = part_get(parcel, n, ".stamped", &stamped);
  if (err == CF_OK)
    err = part_get(parcel, n, ".tsr", &answer);
  struct cf_str data = cf_buf_str(stamped.n > 0 ? &stamped : &note);
  if (err == CF_OK && !is_same(data, cf_buf_str(&note)))
    ask->blame(ask->context, path, "what it stamps is another note");
  else if (err == CF_OK)
    err = cf_stamp_holds(data, cf_buf_str(&answer), ask->ca, &fault);
  if (err == CF_E_SYNTAX || err == CF_E_SIGNATURE) {
    ask->blame(ask->context, path, fault.detail);
    err = CF_OK;
  }
  cf_buf_fini(&answer);
  cf_buf_fini(&stamped);
  cf_buf_fini(&note);
  return err == CF_E_CONFIG ? cf_fail(ask->fault, err, fault.at, "%s", fault.detail) : err;
}

enum cf_err cf_parcel_stamps(const struct cf_parcel_stamps *ask, uint64_t *stamps)
{
  const struct cf_parcel *parcel = ask->parcel;
  enum cf_err err = CF_OK;
  for (size_t i = cf_parcel_seek(parcel, head); i < parcel->n && err == CF_OK; i++) {
    struct cf_str path = cf_str_from(cf_parcel_path(parcel, &parcel->files[i]));
    struct cf_str ending = cf_str_behind(path, head.n);
    uint64_t n;
    if (!cf_str_starts(path, head))
      return err;
    struct cf_str digits = cf_str_cut(&ending, '.');
    if (!cf_str_is(ending, "tsr") || cf_u64_parse(digits, UINT64_MAX, &n) != CF_OK)
      continue;
    *stamps += 1;
    err = stamp_judge(ask, path, n);
  }
  return err;
}
