/* SPDX-License-Identifier: MIT */
/* add-checkpoint (c2sp.org/tlog-witness): what is asked, and what each answer
 * means. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/witness/witness_in.h"

void cf_add_put(uint64_t has, const struct cf_proof *proof, struct cf_str signed_note,
                struct cf_buf *b)
{
  cf_buf_puts(b, "old ");
  cf_buf_put_u64(b, has);
  cf_buf_putc(b, '\n');
  cf_proof_lines_put(b, proof);
  cf_buf_putc(b, '\n');
  cf_buf_putstr(b, signed_note);
}

/* ---- answers ---- */

/* What an answer is taken with. */
struct answer {
  struct cf_witness *witness;
  const struct cf_fetch *fetch;
  struct cf_sighting *target;
  char *said;
  size_t said_n;
};

static enum cf_witness_came say(const struct answer *a, enum cf_witness_state state,
                                const char *what)
{
  a->witness->state = state;
  (void)snprintf(a->said, a->said_n, "%s", what);
  return CF_CAME_NOTHING;
}

/* 200: signature lines, of which ours to look at is the witness's. */
static enum cf_witness_came take_cosigned(const struct answer *a)
{
  struct cf_buf note;
  uint64_t time = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_cosignature_take(cf_buf_str(&a->target->note), cf_buf_str(&a->fetch->answer),
                                        &a->witness->vkey, &note);
  if (err == CF_OK)
    err = cf_cosignature_check(cf_buf_str(&note), &a->witness->vkey, &time);
  if (err != CF_OK) {
    cf_buf_fini(&note);
    return say(a, CF_WITNESS_REFUSES,
               err == CF_E_NOTFOUND
                   ? "it answered without a signature of its key: is its vkey right?"
                   : "its answer is no good signature of the checkpoint");
  }
  cf_buf_fini(&a->target->note);
  a->target->note = note;
  a->witness->has = a->witness->size = a->target->checkpoint.size;
  a->witness->time = time;
  a->witness->state = CF_WITNESS_COSIGNS;
  return CF_CAME_COSIGNED;
}

/* 409 with a size: it has another than we thought. Somebody else may have shown
 * it what was signed since, but more than was ever signed here is another
 * history. */
static enum cf_witness_came take_conflict(const struct answer *a)
{
  uint64_t has = 0;
  struct cf_str text = cf_buf_str(&a->fetch->answer);
  struct cf_str line = cf_str_cut(&text, '\n');
  bool told = strcmp(a->fetch->answer_type, "text/x.tlog.size") == 0 && text.n == 0 &&
              cf_u64_parse(line, UINT64_MAX, &has) == CF_OK;
  if (told && has > a->target->checkpoint.size && has > a->target->newest)
    return say(
        a, CF_WITNESS_ALARM,
        "it has seen a larger tree of this log than was ever signed here: ROLLBACK; the data "
        "is older than what was signed, or somebody else has the key");
  bool moved = told && has != a->witness->has;
  a->witness->has = moved ? has : a->witness->has;
  if (told && has > a->target->checkpoint.size)
    return say(a, CF_WITNESS_WAITING, "it has seen a newer checkpoint; the next one is for it");
  if (moved)
    return CF_CAME_AGAIN;
  if (!told && a->witness->has == a->target->checkpoint.size)
    return say(a, CF_WITNESS_ALARM, "it has seen another root of this log at this size");
  return say(a, CF_WITNESS_REFUSES, "it says that it has another size, and not which");
}

enum cf_witness_came cf_add_take(struct cf_witness *witness, const struct cf_fetch *fetch,
                                 struct cf_sighting *target, char *said, size_t said_n)
{
  const struct answer a = {witness, fetch, target, said, said_n};
  char other[80];
  said[0] = '\0';
  switch (fetch->status) {
  case 200: return take_cosigned(&a);
  case 409: return take_conflict(&a);
  case 422:
    return say(&a, CF_WITNESS_ALARM,
               "it has seen another history of this log: the tree that it knows is no beginning of "
               "this one");
  case 404:
    return say(&a, CF_WITNESS_REFUSES, "it does not know this log's origin: ask its operator");
  case 403:
    return say(&a, CF_WITNESS_REFUSES,
               "it knows no key that signed this: give its operator the vkey of /v1/keys");
  case 400:
    return say(&a, CF_WITNESS_REFUSES, "it cannot read what it was sent, or has a larger tree");
  case 0: return say(&a, CF_WITNESS_UNREACHABLE, fetch->why);
  default:
    (void)snprintf(other, sizeof other, "it answered with the status %d", fetch->status);
    return say(&a, CF_WITNESS_UNREACHABLE, other);
  }
}
