/* SPDX-License-Identifier: MIT */
/* The signer's side of the wire. */
#include "config.h"

#include "lib/proof/signer_desk.h"

#include "lib/proof/anchor.h"
#include "lib/proof/signer_in.h"
#include "lib/proof/signer_wire.h"

/* One request. What it answers goes onto b, behind the frame's first byte. */
struct question {
  struct cf_signer_desk *desk;
  const void *who;
  struct cf_wire in;
  struct cf_buf *b;
  struct cf_fault fault;
};

void cf_signer_desk_fini(struct cf_signer_desk *desk)
{
  cf_signer_close(desk->signer);
  desk->signer = NULL;
}

void cf_signer_desk_leave(struct cf_signer_desk *desk, const void *who)
{
  if (desk->holder == who)
    desk->holder = NULL;
}

/* ---- what is here ---- */

/* Open what is not open yet, and is this origin's ("": any). */
static enum cf_err desk_open(struct question *q, struct cf_str origin)
{
  struct cf_signer_desk *d = q->desk;
  if (d->signer == NULL) {
    enum cf_err err = cf_signer_open(d->place, origin, &d->signer, &q->fault);
    if (err != CF_OK)
      return err;
  }
  return origin.n == 0 || cf_str_is(origin, d->signer->vkey.name)
             ? CF_OK
             : cf_fail(&q->fault, CF_E_CONFIG, "origin",
                       "the signer has the key of the origin %s: this ledger has another one's "
                       "`signer` in its configuration",
                       d->signer->vkey.name);
}

/* With the signature of the key of its size alone: whoever put a longer note
 * there did not sign it, and it may be too long for an answer. */
static enum cf_err note_put(struct question *q, struct cf_str note)
{
  const struct cf_keys *keys = q->desk->signer->way->keys(q->desk->signer);
  struct cf_checkpoint told;
  struct cf_buf own;
  cf_buf_init(&own, CF_NOTE_MAX);
  enum cf_err err = note.n > 0 ? cf_keys_checkpoint(keys, note, &told) : CF_OK;
  if (err == CF_OK && note.n > 0)
    err = cf_note_only(note, cf_keys_at(keys, told.size), &own);
  if (err == CF_OK)
    cf_wire_put_text(q->b, cf_buf_str(&own));
  cf_buf_fini(&own);
  return err;
}

static void vkey_put(struct cf_buf *b, const struct cf_vkey *vkey)
{
  char room[CF_ORIGIN_MAX + 128];
  struct cf_buf text;
  cf_buf_fixed(&text, room, sizeof room);
  if (vkey != NULL)
    cf_vkey_put(vkey, &text);
  cf_wire_put_text(b, cf_buf_str(&text));
}

/* The largest checkpoint that the directory remembers. */
static enum cf_err anchor_put(struct question *q)
{
  const struct cf_signer *signer = q->desk->signer;
  struct cf_anchor anchor;
  cf_anchor_init(&anchor, UINT64_MAX);
  enum cf_err err = cf_anchor_look(&anchor, cf_signer_directory(signer), "signer",
                                   signer->way->keys(signer), &q->fault);
  if (err == CF_OK)
    err = note_put(q, cf_buf_str(&anchor.note));
  cf_anchor_fini(&anchor);
  return err;
}

static enum cf_err memory_put(struct question *q)
{
  const struct cf_signer *signer = q->desk->signer;
  cf_buf_putc(q->b,
              (char)((signer->used ? CF_WIRE_USED : 0) | (signer->vouched ? CF_WIRE_VOUCHED : 0)));
  vkey_put(q->b, &signer->vkey);
  vkey_put(q->b, cf_signer_previous(signer));
  enum cf_err err = note_put(q, cf_signer_note(signer));
  cf_wire_put_u64(q->b, signer->before.size);
  cf_buf_put(q->b, signer->before.root, CF_HASH_N);
  return err == CF_OK ? anchor_put(q) : err;
}

/* ---- verbs ---- */

static enum cf_err look_answer(struct question *q)
{
  struct cf_str origin = cf_wire_text(&q->in);
  enum cf_err err = cf_wire_done(&q->in);
  if (err == CF_OK)
    err = desk_open(q, origin);
  return err == CF_OK ? memory_put(q) : err;
}

static enum cf_err hold_answer(struct question *q)
{
  struct cf_signer_desk *d = q->desk;
  if (d->holder != NULL && d->holder != q->who)
    return cf_fail(&q->fault, CF_E_LOCKED, NULL, "another process signs with this key");
  enum cf_err err = look_answer(q);
  if (err == CF_OK) {
    cf_buf_put(q->b, d->signer->mac_key, CF_HASH_N);
    d->holder = q->who;
  }
  return err;
}

static enum cf_err create_answer(struct question *q)
{
  struct cf_str origin = cf_wire_text(&q->in);
  enum cf_err err = cf_wire_done(&q->in);
  if (err == CF_OK && q->desk->signer != NULL)
    return cf_fail(&q->fault, CF_E_CONFLICT, "key", "there is a key already");
  return err == CF_OK ? cf_signer_create(q->desk->place, origin, NULL, &q->fault) : err;
}

static enum cf_err sign_answer(struct question *q)
{
  struct cf_str proof[CF_PROOF_MAX];
  size_t n = 0;
  struct cf_buf note;
  uint64_t size = cf_wire_u64(&q->in);
  struct cf_str root = cf_wire_bytes(&q->in, CF_HASH_N);
  while (!q->in.bad && q->in.left.n > 0 && n < CF_PROOF_MAX)
    proof[n++] = cf_wire_bytes(&q->in, CF_HASH_N);
  enum cf_err err = cf_wire_done(&q->in);
  if (err != CF_OK)
    return err;
  cf_buf_init(&note, CF_NOTE_MAX);
  err = cf_signer_sign_proved(q->desk->signer, size, root, proof, n, &note, &q->fault);
  if (err == CF_OK)
    err = note_put(q, cf_buf_str(&note));
  cf_buf_fini(&note);
  return err;
}

static enum cf_err vouch_answer(struct question *q)
{
  enum cf_err err = cf_wire_done(&q->in);
  return err == CF_OK ? cf_signer_vouch(q->desk->signer, &q->fault) : err;
}

/* An init tells it before record 0 is signed; later it would be another log. */
static enum cf_err previous_answer(struct question *q)
{
  struct cf_vkey vkey;
  struct cf_str text = cf_wire_text(&q->in);
  enum cf_err err = cf_wire_done(&q->in);
  if (err == CF_OK)
    err = cf_vkey_parse(text, &vkey);
  if (err == CF_OK && cf_signer_note(q->desk->signer).n > 0)
    return cf_fail(&q->fault, CF_E_CONFLICT, "previous.vkey",
                   "this log has begun: what it continues was said with its first record");
  return err == CF_OK ? cf_signer_set_previous(q->desk->signer, &vkey, &q->fault) : err;
}

static enum cf_err forget_answer(struct question *q)
{
  enum cf_err err = cf_wire_done(&q->in);
  return err == CF_OK ? cf_signer_forget(q->desk->signer, &q->fault) : err;
}

static const struct verb {
  char verb;
  bool held; /* only who has it may ask */
  enum cf_err (*answer)(struct question *q);
} verbs[] = {
    {'L', false, look_answer},  {'H', false, hold_answer}, {'C', false, create_answer},
    {'S', true, sign_answer},   {'V', true, vouch_answer}, {'P', true, previous_answer},
    {'F', true, forget_answer},
};

static const struct verb *verb_find(uint8_t verb)
{
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if ((uint8_t)verbs[i].verb == verb)
      return &verbs[i];
  return NULL;
}

bool cf_signer_desk_answer(struct cf_signer_desk *desk, const void *who, struct cf_str request,
                           struct cf_buf *b)
{
  struct question q = {.desk = desk, .who = who, .in = {.left = request}, .b = b};
  const struct verb *verb = verb_find(cf_wire_u8(&q.in));
  if (verb == NULL)
    return false;
  size_t at = cf_wire_begin(b, 0);
  enum cf_err err = verb->held && desk->holder != who
                        ? cf_fail(&q.fault, CF_E_LOCKED, NULL, "it is not held by this connection")
                        : verb->answer(&q);
  if (err == CF_OK)
    err = cf_wire_end(b, at);
  if (err == CF_OK || err == CF_E_SYNTAX)
    return err == CF_OK;
  cf_buf_cut(b, b->n > at ? b->n - at : 0);
  cf_wire_put_fault(b, err, &q.fault);
  return true;
}
