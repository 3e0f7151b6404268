/* SPDX-License-Identifier: MIT */
/* What is to be verified, found out from what is in it. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/apart/verify_main_in.h"
#include "lib/base/file.h"
#include "lib/proof/bundle_tree.h"
#include "lib/proof/tlog_proof.h"
#include "lib/proof/verify_json.h"

/* ---- a file ---- */

static enum cf_err text_read(struct cf_apart *apart, struct cf_buf *b)
{
  return strcmp(apart->subject, "-") == 0 ? cf_file_read_all(STDIN_FILENO, b)
                                          : cf_apart_read(apart->subject, b, &apart->fault);
}

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

static enum cf_err file_verify(struct cf_apart *apart)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_TLOG_PROOF_MAX);
  enum cf_err err = text_read(apart, &b);
  if (err == CF_OK)
    err = cf_apart_own_key(apart, CF_STR(""));
  if (err == CF_OK)
    err = cf_apart_kept(apart);
  apart->job.vkey = &apart->key;
  if (err == CF_OK)
    err = text_verify(apart, cf_buf_str(&b));
  cf_buf_fini(&b);
  return err;
}

/* ---- tiles ---- */

/* Append a file of the bundle; none is nothing. */
static enum cf_err part_get(struct cf_apart *apart, const struct cf_bundle *bundle,
                            struct cf_str path, struct cf_buf *b)
{
  enum cf_err err = cf_bundle_get(bundle, path, b);
  if (err == CF_OK || err == CF_E_NOTFOUND)
    return CF_OK;
  return cf_fail(&apart->fault, err == CF_E_FULL ? CF_E_SYNTAX : err, path.p, "it cannot be read");
}

/* How many records the checkpoint is of; 0 where it is none: that is told as
 * the head is judged. */
static uint64_t head_size(struct cf_str note)
{
  struct cf_checkpoint checkpoint;
  struct cf_str text, signatures;
  return cf_note_split(note, &text, &signatures) == CF_OK &&
                 cf_checkpoint_parse(text, &checkpoint) == CF_OK
             ? checkpoint.size
             : 0;
}

static enum cf_err tree_verify(struct cf_apart *apart, const struct cf_bundle *bundle)
{
  struct cf_bundle_tree tree;
  struct cf_verify_source source;
  enum cf_err err = cf_bundle_tree_init(&tree, bundle, head_size(apart->job.head));
  cf_bundle_tree_source(&tree, &source);
  apart->job.mode = CF_VERIFY_FULL;
  apart->mode = cf_verify_mode_names[CF_VERIFY_FULL];
  if (err == CF_OK)
    err = cf_verify(&source, &apart->job, apart->result, &apart->fault);
  cf_bundle_tree_fini(&tree);
  return err;
}

static enum cf_err bundle_verify(struct cf_apart *apart, const struct cf_bundle *bundle)
{
  struct cf_buf head, key;
  cf_buf_init(&head, CF_NOTE_MAX);
  cf_buf_init(&key, CF_NOTE_MAX);
  enum cf_err err = part_get(apart, bundle, CF_STR("ledger.vkey"), &key);
  if (err == CF_OK)
    err = part_get(apart, bundle, CF_STR("checkpoint"), &head);
  if (err == CF_OK && head.n == 0)
    err =
        cf_fail(&apart->fault, CF_E_SYNTAX, apart->subject, "there is no file `checkpoint` in it");
  if (err == CF_OK)
    err = cf_apart_own_key(apart, cf_buf_str(&key));
  if (err == CF_OK)
    err = cf_apart_kept(apart);
  apart->job.vkey = &apart->key;
  apart->job.head = cf_buf_str(&head);
  if (err == CF_OK)
    err = tree_verify(apart, bundle);
  cf_buf_fini(&head);
  cf_buf_fini(&key);
  return err;
}

static enum cf_err directory_verify(struct cf_apart *apart)
{
  struct cf_bundle bundle;
  cf_bundle_init(&bundle);
  enum cf_err err = cf_bundle_open_directory(&bundle, apart->subject, &apart->fault);
  if (err == CF_OK)
    err = bundle_verify(apart, &bundle);
  cf_bundle_fini(&bundle);
  return err;
}

enum cf_err cf_apart_verify(struct cf_apart *apart)
{
  struct stat st;
  bool directory = stat(apart->subject, &st) == 0 && S_ISDIR(st.st_mode);
  return directory ? directory_verify(apart) : file_verify(apart);
}
