/* SPDX-License-Identifier: MIT */
/* What is to be verified, found out from what is in it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/apart/verify_main_in.h"
#include "lib/base/file.h"
#include "lib/proof/tlog_proof.h"
#include "lib/proof/verify_json.h"
#include "lib/proof/verify_parcel.h"

#define HEAD_N ((size_t)512) /* bytes that tell what it is */

/* ---- a file ---- */

/* A receipt or a checkpoint; neither brings a key of its own. */
static enum cf_err text_verify(struct cf_apart *apart, struct cf_str text)
{
  const struct cf_extension *extension = apart->extended ? &apart->extension : NULL;
  struct cf_str signed_text, signatures;
  if (cf_tlog_proof_starts(text)) {
    apart->mode = "receipt";
    return cf_verify_receipt(text, &apart->job, extension, apart->result, &apart->fault);
  }
  if (cf_note_split(text, &signed_text, &signatures) != CF_OK)
    return cf_fail(&apart->fault, CF_E_CONFIG, apart->subject,
                   "it is neither a receipt, nor a checkpoint, nor a bundle");
  apart->mode = "checkpoint";
  apart->job.head = text;
  return cf_verify_head(&apart->job, extension, apart->result, &apart->fault);
}

static enum cf_err text_read(struct cf_apart *apart, int fd, struct cf_buf *text)
{
  enum cf_err err = cf_file_read_all(fd, text);
  if (err == CF_E_SYSTEM)
    return cf_fail_errno(&apart->fault, err, apart->subject, "it cannot be read");
  return err == CF_E_FULL ? cf_fail(&apart->fault, err, apart->subject,
                                    "it is no bundle, and too large for anything else")
                          : err;
}

/* text: what was read of it already, which goes on in fd. */
static enum cf_err small_verify(struct cf_apart *apart, int fd, struct cf_buf *text)
{
  enum cf_err err = text_read(apart, fd, text);
  if (err == CF_OK)
    err = cf_apart_own_key(apart, CF_STR(""));
  if (err == CF_OK)
    err = cf_apart_notes(apart);
  if (err == CF_OK)
    err = cf_apart_kept(apart);
  return err == CF_OK ? text_verify(apart, cf_buf_str(text)) : err;
}

/* ---- tiles ---- */

/* Append a file of it; none is nothing. */
static enum cf_err part_get(struct cf_apart *apart, const struct cf_parcel *parcel,
                            struct cf_str path, struct cf_buf *b)
{
  enum cf_err err = cf_parcel_get(parcel, path, b);
  if (err == CF_OK || err == CF_E_NOTFOUND)
    return CF_OK;
  return cf_fail(&apart->fault, err == CF_E_FULL ? CF_E_SYNTAX : err, path.p, "it cannot be read");
}

static enum cf_err whole_verify(struct cf_apart *apart, const struct cf_parcel *parcel)
{
  const struct cf_extension *extension = apart->extended ? &apart->extension : NULL;
  enum cf_verify_mode mode = CF_VERIFY_FULL;
  enum cf_err err =
      cf_parcel_is_bundle(parcel)
          ? cf_verify_bundle(parcel, &apart->job, extension, &mode, apart->result, &apart->fault)
          : cf_verify_tiles(parcel, &apart->job, apart->result, &apart->fault);
  apart->mode = cf_verify_mode_names[mode];
  return err;
}

/* What witnesses made of its checkpoint. */
static enum cf_err lines_get(struct cf_apart *apart, const struct cf_parcel *parcel,
                             struct cf_buf *lines)
{
  struct cf_checkpoint head;
  struct cf_str text, signatures;
  char path[64];
  if (cf_note_split(apart->job.head, &text, &signatures) != CF_OK ||
      cf_checkpoint_parse(text, &head) != CF_OK)
    return CF_OK;
  (void)snprintf(path, sizeof path, "checkpoints/%llu.cosignatures", (unsigned long long)head.size);
  enum cf_err err = part_get(apart, parcel, cf_str_from(path), lines);
  apart->cosigners.lines = cf_buf_str(lines);
  apart->others = apart->cosigners.n == 0 && lines->n > 0;
  return err;
}

static enum cf_err parcel_verify(struct cf_apart *apart, const struct cf_parcel *parcel)
{
  struct cf_buf head, key, lines;
  cf_buf_init(&lines, CF_NOTE_MAX);
  cf_buf_init(&head, CF_NOTE_MAX);
  cf_buf_init(&key, CF_NOTE_MAX);
  enum cf_err err = part_get(apart, parcel, CF_STR(CF_KEY_PATH), &key);
  if (err == CF_OK)
    err = part_get(apart, parcel, CF_STR(CF_HEAD_PATH), &head);
  if (err == CF_OK && head.n == 0)
    err =
        cf_fail(&apart->fault, CF_E_SYNTAX, apart->subject, "there is no file `checkpoint` in it");
  if (err == CF_OK)
    err = cf_apart_own_key(apart, cf_buf_str(&key));
  if (err == CF_OK)
    err = cf_parcel_keys(parcel, CF_KEYS_HEAD, &apart->keys, &apart->fault);
  if (err == CF_OK)
    err = cf_apart_notes(apart);
  if (err == CF_OK)
    err = cf_apart_kept(apart);
  apart->job.head = cf_buf_str(&head);
  if (err == CF_OK)
    err = lines_get(apart, parcel, &lines);
  if (err == CF_OK)
    err = whole_verify(apart, parcel);
  cf_buf_fini(&lines);
  cf_buf_fini(&head);
  cf_buf_fini(&key);
  return err;
}

static enum cf_err directory_verify(struct cf_apart *apart)
{
  struct cf_parcel parcel;
  cf_parcel_init(&parcel);
  enum cf_err err = cf_parcel_open_directory(&parcel, apart->subject, &apart->fault);
  if (err == CF_OK)
    err = parcel_verify(apart, &parcel);
  cf_parcel_fini(&parcel);
  return err;
}

static enum cf_err tar_verify(struct cf_apart *apart, int fd, struct cf_str head)
{
  struct cf_parcel parcel;
  cf_parcel_init(&parcel);
  enum cf_err err = cf_parcel_open_tar(&parcel, fd, head, apart->max, &apart->fault);
  if (err == CF_OK)
    err = parcel_verify(apart, &parcel);
  cf_parcel_fini(&parcel);
  return err;
}

/* ---- which of them ---- */

static enum cf_err head_read(struct cf_apart *apart, int fd, struct cf_buf *head)
{
  for (ssize_t n = 1; n > 0 && head->n < HEAD_N;) {
    uint8_t *p = cf_buf_grow(head, HEAD_N - head->n);
    if (p == NULL)
      return head->err;
    size_t room = (size_t)(head->p + head->n - p);
    do
      n = read(fd, p, room);
    while (n < 0 && errno == EINTR);
    cf_buf_cut(head, room - (n > 0 ? (size_t)n : 0));
    if (n < 0)
      return cf_fail_errno(&apart->fault, CF_E_SYSTEM, apart->subject, "it cannot be read");
  }
  return CF_OK;
}

static enum cf_err file_verify(struct cf_apart *apart, int fd)
{
  struct cf_buf head;
  cf_buf_init(&head, CF_TLOG_PROOF_MAX);
  enum cf_err err = head_read(apart, fd, &head);
  if (err == CF_OK)
    err = cf_parcel_is_tar(cf_buf_str(&head)) ? tar_verify(apart, fd, cf_buf_str(&head))
                                              : small_verify(apart, fd, &head);
  cf_buf_fini(&head);
  return err;
}

enum cf_err cf_apart_verify(struct cf_apart *apart)
{
  struct stat st;
  bool input = strcmp(apart->subject, "-") == 0;
  if (!input && stat(apart->subject, &st) == 0 && S_ISDIR(st.st_mode))
    return directory_verify(apart);
  int fd = input ? STDIN_FILENO : open(apart->subject, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return cf_fail_errno(&apart->fault, CF_E_SYSTEM, apart->subject, "it cannot be read");
  enum cf_err err = file_verify(apart, fd);
  if (!input)
    close(fd);
  return err;
}
