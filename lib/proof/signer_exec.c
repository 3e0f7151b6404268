/* SPDX-License-Identifier: MIT */
/* The way of another process: what it holds is asked for over its socket
 * (signer_wire.h), and kept here as it was told last. A connection that is lost
 * says nothing of whether the last request was done; when there is one again,
 * what was signed last is what the signer says then. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/signer_place.h"
#include "lib/proof/signer_in.h"
#include "lib/proof/signer_wire.h"

#define NOTE_ROOM 8192
#define OPEN_US   INT64_C(5000000) /* how long a start waits for the signer's */
#define AGAIN_US  INT64_C(1000000) /* how long a seal does; as long, others do not */
#define ANSWER_US INT64_C(5000000) /* an answer may wait for an fsync */
#define NAP_US    20000

struct far {
  struct cf_signer signer;
  char *place;
  int fd;                /* -1: lost */
  int64_t lost_until_us; /* nobody waits for it before */
};

static struct far *far_of(struct cf_signer *signer)
{
  return (struct far *)signer;
}

static enum cf_err fail_lost(const char *place, const char *what, struct cf_fault *fault)
{
  return cf_fail(fault, CF_E_NOTREADY, place,
                 "%s: is counterfoil-signer running, and this user in its --allow? Nothing is "
                 "signed until then",
                 what);
}

/* ---- the connection ---- */

/* It never waits: a signer whose queue is full does not answer either. */
static enum cf_err socket_connect(const char *place, int *fd, struct cf_fault *fault)
{
  const char *path = cf_signer_path(place);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    return cf_fail(fault, CF_E_CONFIG, place, "the socket's path is longer than 107 bytes");
  memcpy(address.sun_path, path, strlen(path) + 1);
  int got = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (got < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, place, "cannot make a socket");
  if (connect(got, (const struct sockaddr *)&address, sizeof address) != 0) {
    const char *what = errno == EACCES   ? "this user may not reach the signer's socket"
                       : errno == EAGAIN ? "the signer takes no connection"
                                         : "the signer does not listen";
    (void)close(got);
    return fail_lost(place, what, fault);
  }
  *fd = got;
  return CF_OK;
}

/* Wait until the socket is ready, or that time is over. */
static bool socket_wait(int fd, short events, int64_t until_us)
{
  struct pollfd p = {.fd = fd, .events = events};
  for (;;) {
    int64_t left_us = until_us - cf_clock_mono_us();
    int n = left_us > 0 ? poll(&p, 1, (int)(left_us / 1000) + 1) : 0;
    if (n >= 0 || errno != EINTR)
      return n > 0;
  }
}

static bool all_send(int fd, struct cf_str s, int64_t until_us)
{
  while (s.n > 0) {
    ssize_t n =
        socket_wait(fd, POLLOUT, until_us) ? send(fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n <= 0)
      return false;
    s = cf_str_behind(s, (size_t)n);
  }
  return true;
}

/* Exactly n bytes more. */
static bool all_receive(int fd, struct cf_buf *b, size_t n, int64_t until_us)
{
  uint8_t *p = cf_buf_grow(b, n);
  for (size_t had = 0; p != NULL && had < n;) {
    ssize_t got = socket_wait(fd, POLLIN, until_us) ? recv(fd, p + had, n - had, MSG_DONTWAIT) : 0;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (got <= 0)
      return false;
    had += (size_t)got;
  }
  return p != NULL;
}

static bool frame_receive(int fd, struct cf_buf *b, int64_t until_us)
{
  size_t n = 0;
  return all_receive(fd, b, CF_WIRE_HEAD, until_us) && cf_wire_length(cf_buf_str(b), &n) == CF_OK &&
         all_receive(fd, b, n - CF_WIRE_HEAD, until_us);
}

/* Send a request that is whole in `b`, and have the answer there instead, by
 * then: what is in it is read by w. CF_E_NOTREADY: the connection is of no use
 * any more; else the error that the signer gave. */
static enum cf_err exchange(const char *place, int fd, struct cf_buf *b, struct cf_wire *w,
                            int64_t until_us, struct cf_fault *fault)
{
  bool sent = b->err == CF_OK && all_send(fd, cf_buf_str(b), until_us);
  cf_buf_reset(b);
  if (!sent || !frame_receive(fd, b, until_us))
    return fail_lost(place, "the signer gave no answer", fault);
  *w = (struct cf_wire){.left = cf_str_behind(cf_buf_str(b), CF_WIRE_HEAD)};
  enum cf_err err = cf_wire_u8(w) == 0 ? CF_OK : cf_wire_fault(w, fault);
  return err != CF_E_SYNTAX ? err : fail_lost(place, "the signer's answer is none", fault);
}

static void answer_init(struct cf_buf *b)
{
  cf_buf_init(b, CF_WIRE_HEAD + CF_WIRE_MAX);
}

static void answer_fini(struct cf_buf *b)
{
  if (b->p != NULL)
    cf_wipe(b->p, b->cap);
  cf_buf_fini(b);
}

static void far_lose(struct far *f)
{
  if (f->fd >= 0)
    (void)close(f->fd);
  f->fd = -1;
}

/* ---- what it tells ---- */

static bool vkey_read(struct cf_wire *w, struct cf_vkey *vkey)
{
  struct cf_str text = cf_wire_text(w);
  return text.n == 0 || cf_vkey_parse(text, vkey) == CF_OK;
}

static void note_read(struct cf_wire *w, struct cf_buf *note)
{
  struct cf_str text = cf_wire_text(w);
  cf_buf_reset(note);
  cf_buf_putstr(note, text);
}

/* Whoever listens there is believed to be the signer, but what it says it
 * signed it must have signed. Where it is no such answer, f is of no use. */
static enum cf_err memory_read(struct far *f, struct cf_wire *w, bool held, struct cf_fault *fault)
{
  struct cf_signer *s = &f->signer;
  memset(&s->vkey, 0, sizeof s->vkey);
  memset(&s->previous, 0, sizeof s->previous);
  memset(&s->last, 0, sizeof s->last);
  uint8_t marks = cf_wire_u8(w);
  bool good = vkey_read(w, &s->vkey) && vkey_read(w, &s->previous);
  note_read(w, &s->note);
  s->before.size = cf_wire_u64(w);
  struct cf_str root = cf_wire_bytes(w, CF_HASH_N);
  note_read(w, &s->remembered);
  struct cf_str key = cf_wire_bytes(w, held ? CF_HASH_N : 0);
  good = good && cf_wire_done(w) == CF_OK && s->vkey.name[0] != 0 && s->note.err == CF_OK &&
         s->remembered.err == CF_OK &&
         (s->note.n == 0 || cf_checkpoint_check(cf_buf_str(&s->note), &s->vkey, &s->last) == CF_OK);
  if (!good)
    return fail_lost(f->place, "the signer's answer is none", fault);
  s->used = (marks & CF_WIRE_USED) != 0;
  s->vouched = (marks & CF_WIRE_VOUCHED) != 0;
  memcpy(s->before.root, root.p, CF_HASH_N);
  memcpy(s->before.origin, s->vkey.name, sizeof s->before.origin);
  if (held)
    memcpy(s->mac_key, key.p, CF_HASH_N);
  return CF_OK;
}

/* Connect, and ask what is remembered by that verb, by then. */
static enum cf_err memory_ask(struct far *f, char verb, struct cf_str origin, int64_t until_us,
                              struct cf_fault *fault)
{
  struct cf_buf b;
  struct cf_wire w;
  enum cf_err err = socket_connect(f->place, &f->fd, fault);
  if (err != CF_OK)
    return err;
  answer_init(&b);
  size_t at = cf_wire_begin(&b, (uint8_t)verb);
  cf_wire_put_text(&b, origin);
  err = cf_wire_end(&b, at);
  if (err == CF_OK)
    err = exchange(f->place, f->fd, &b, &w, until_us, fault);
  if (err == CF_OK)
    err = memory_read(f, &w, verb == 'H', fault);
  answer_fini(&b);
  if (err != CF_OK)
    far_lose(f);
  return err;
}

/* Hold it, by then: a signer that begins, or has not seen yet that who held it
 * is gone, is asked again. */
static enum cf_err memory_hold(struct far *f, struct cf_str origin, int64_t until_us,
                               struct cf_fault *fault)
{
  const struct timespec nap = {.tv_nsec = NAP_US * 1000L};
  for (;;) {
    enum cf_err err = memory_ask(f, 'H', origin, until_us, fault);
    if ((err != CF_E_NOTREADY && err != CF_E_LOCKED) || cf_clock_mono_us() + NAP_US >= until_us)
      return err;
    (void)nanosleep(&nap, NULL);
  }
}

/* ---- the way ---- */

static void exec_close(struct cf_signer *signer)
{
  struct far *f = far_of(signer);
  far_lose(f);
  cf_buf_fini(&signer->note);
  cf_buf_fini(&signer->remembered);
  free(f->place);
  cf_wipe(f, sizeof *f);
  free(f);
}

static enum cf_err far_new(const char *place, struct far **far)
{
  struct far *f = calloc(1, sizeof *f);
  if (f == NULL)
    return CF_E_NOMEM;
  f->signer.way = &cf_signer_exec_way;
  f->fd = -1;
  cf_buf_init(&f->signer.note, NOTE_ROOM);
  cf_buf_init(&f->signer.remembered, NOTE_ROOM);
  f->place = strdup(place);
  if (f->place == NULL) {
    exec_close(&f->signer);
    return CF_E_NOMEM;
  }
  *far = f;
  return CF_OK;
}

static enum cf_err far_open(const char *place, bool held, struct cf_str origin,
                            struct cf_signer **signer, struct cf_fault *fault)
{
  struct far *f = NULL;
  int64_t until_us = cf_clock_mono_us() + OPEN_US;
  enum cf_err err = far_new(place, &f);
  if (err != CF_OK)
    return err;
  err =
      held ? memory_hold(f, origin, until_us, fault) : memory_ask(f, 'L', origin, until_us, fault);
  if (err == CF_OK)
    *signer = &f->signer;
  else
    exec_close(&f->signer);
  return err;
}

static enum cf_err exec_open(const char *place, struct cf_str origin, struct cf_signer **signer,
                             struct cf_fault *fault)
{
  return far_open(place, true, origin, signer, fault);
}

static enum cf_err exec_look(const char *place, struct cf_str origin, struct cf_signer **signer,
                             struct cf_fault *fault)
{
  return far_open(place, false, origin, signer, fault);
}

/* Is the connection there, with nothing in it that nobody asked for? */
static bool far_holds(const struct far *f)
{
  struct pollfd p = {.fd = f->fd, .events = POLLIN};
  return f->fd >= 0 && poll(&p, 1, 0) == 0;
}

/* Another key, or another key of MACs, would not be this ledger's signer any
 * more; nor one that knows less than what was signed. */
static enum cf_err back_judge(const struct far *f, const struct far *back, struct cf_fault *fault)
{
  const struct cf_signer *was = &f->signer, *is = &back->signer;
  if (memcmp(was->vkey.pubkey, is->vkey.pubkey, CF_PUBKEY_N) != 0 ||
      !cf_equal(was->mac_key, is->mac_key, sizeof was->mac_key))
    return cf_fail(fault, CF_E_CONFIG, f->place,
                   "the signer came back with another key: stop the service, and find out who "
                   "changed it");
  if (was->note.n == 0 || is->last.size > was->last.size || cf_signer_is_last(is, &was->last))
    return CF_OK;
  return cf_fail(fault, CF_E_ROLLBACK, f->place,
                 "the signer came back and does not know that it signed size %llu (it says %llu): "
                 "stop it, and put the newest checkpoint back as `counterfoil recover` says",
                 (unsigned long long)was->last.size, (unsigned long long)is->last.size);
}

/* Go on with what it says now; the key and the log before are what they were,
 * and others may be reading them. */
static void back_take(struct far *f, struct far *back)
{
  struct cf_signer *to = &f->signer, *from = &back->signer;
  struct cf_buf note = to->note;
  to->note = from->note;
  from->note = note;
  to->last = from->last;
  to->before = from->before;
  to->used = from->used;
  f->fd = back->fd;
  back->fd = -1;
}

static enum cf_err far_again(struct far *f, struct cf_fault *fault)
{
  struct far *back = NULL;
  enum cf_err err = far_new(f->place, &back);
  if (err != CF_OK)
    return err;
  err = memory_hold(back, cf_str_from(f->signer.vkey.name), cf_clock_mono_us() + AGAIN_US, fault);
  if (err == CF_OK)
    err = back_judge(f, back, fault);
  if (err == CF_OK)
    back_take(f, back);
  exec_close(&back->signer);
  return err;
}

static enum cf_err exec_ready(struct cf_signer *signer, struct cf_fault *fault)
{
  struct far *f = far_of(signer);
  if (far_holds(f))
    return CF_OK;
  far_lose(f);
  if (cf_clock_mono_us() < f->lost_until_us)
    return fail_lost(f->place, "the signer is not there", fault);
  enum cf_err err = far_again(f, fault);
  if (err != CF_OK)
    f->lost_until_us = cf_clock_mono_us() + AGAIN_US;
  return err;
}

static int exec_directory(const struct cf_signer *signer)
{
  (void)signer;
  return -1;
}

static enum cf_err exec_create(const char *place, struct cf_str origin, const uint8_t *seed,
                               struct cf_fault *fault)
{
  struct cf_buf b;
  struct cf_wire w;
  int fd = -1;
  if (seed != NULL)
    return cf_fail(fault, CF_E_PARAMETER, place, "the signer makes its own key");
  enum cf_err err = socket_connect(place, &fd, fault);
  if (err != CF_OK)
    return err;
  answer_init(&b);
  size_t at = cf_wire_begin(&b, 'C');
  cf_wire_put_text(&b, origin);
  err = cf_wire_end(&b, at);
  if (err == CF_OK)
    err = exchange(place, fd, &b, &w, cf_clock_mono_us() + ANSWER_US, fault);
  answer_fini(&b);
  (void)close(fd);
  return err;
}

/* A request of who holds it, whole in b but for its end; the answer is read by
 * w. */
static enum cf_err far_ask(struct far *f, struct cf_buf *b, size_t at, struct cf_wire *w,
                           struct cf_fault *fault)
{
  enum cf_err err = cf_wire_end(b, at);
  if (err == CF_OK && f->fd < 0)
    err = fail_lost(f->place, "the signer is not there", fault);
  if (err == CF_OK)
    err = exchange(f->place, f->fd, b, w, cf_clock_mono_us() + ANSWER_US, fault);
  if (err == CF_E_NOTREADY)
    far_lose(f);
  return err;
}

/* One that has nothing to tell. */
static enum cf_err far_tell(struct far *f, char verb, struct cf_str text, struct cf_fault *fault)
{
  struct cf_buf b;
  struct cf_wire w;
  answer_init(&b);
  size_t at = cf_wire_begin(&b, (uint8_t)verb);
  if (text.n > 0)
    cf_wire_put_text(&b, text);
  enum cf_err err = far_ask(f, &b, at, &w, fault);
  answer_fini(&b);
  return err;
}

/* What came must be what was asked for. */
static enum cf_err signed_take(struct far *f, const struct cf_checkpoint *checkpoint,
                               struct cf_wire *w, struct cf_fault *fault)
{
  struct cf_checkpoint got;
  struct cf_buf note;
  cf_buf_init(&note, NOTE_ROOM);
  note_read(w, &note);
  bool good = cf_wire_done(w) == CF_OK && note.err == CF_OK &&
              cf_checkpoint_check(cf_buf_str(&note), &f->signer.vkey, &got) == CF_OK &&
              got.size == checkpoint->size && memcmp(got.root, checkpoint->root, CF_HASH_N) == 0;
  if (good)
    cf_signer_remember(&f->signer, checkpoint, &note);
  else
    far_lose(f);
  cf_buf_fini(&note);
  return good ? CF_OK : fail_lost(f->place, "the signer's answer is none", fault);
}

static enum cf_err exec_sign(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                             const struct cf_hashes *hashes, struct cf_fault *fault)
{
  struct far *f = far_of(signer);
  struct cf_proof proof = {0};
  struct cf_buf b;
  struct cf_wire w;
  if (cf_signer_is_last(signer, checkpoint))
    return CF_OK;
  enum cf_err err = cf_tree_consistency(hashes, signer->last.size, checkpoint->size, &proof);
  if (err != CF_OK)
    return err;
  answer_init(&b);
  size_t at = cf_wire_begin(&b, 'S');
  cf_wire_put_u64(&b, checkpoint->size);
  cf_buf_put(&b, checkpoint->root, CF_HASH_N);
  cf_buf_put(&b, proof.hash, proof.n * CF_HASH_N);
  err = far_ask(f, &b, at, &w, fault);
  if (err == CF_OK)
    err = signed_take(f, checkpoint, &w, fault);
  if (err == CF_OK)
    signer->used |= checkpoint->size > 1;
  answer_fini(&b);
  return err;
}

static enum cf_err exec_vouch(struct cf_signer *signer, struct cf_fault *fault)
{
  return far_tell(far_of(signer), 'V', CF_STR(""), fault);
}

static enum cf_err exec_previous(struct cf_signer *signer, const struct cf_vkey *vkey,
                                 struct cf_fault *fault)
{
  struct cf_buf text;
  cf_buf_init(&text, NOTE_ROOM);
  cf_vkey_put(vkey, &text);
  enum cf_err err =
      text.err == CF_OK ? far_tell(far_of(signer), 'P', cf_buf_str(&text), fault) : text.err;
  cf_buf_fini(&text);
  return err;
}

static enum cf_err exec_forget(struct cf_signer *signer, struct cf_fault *fault)
{
  return far_tell(far_of(signer), 'F', CF_STR(""), fault);
}

const struct cf_signer_way cf_signer_exec_way = {
    .create = exec_create,
    .open = exec_open,
    .look = exec_look,
    .ready = exec_ready,
    .close = exec_close,
    .directory = exec_directory,
    .sign = exec_sign,
    .vouch = exec_vouch,
    .set_previous = exec_previous,
    .forget = exec_forget,
};
