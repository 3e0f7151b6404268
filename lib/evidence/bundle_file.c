/* SPDX-License-Identifier: MIT */
/* The files of a bundle: framed, counted and hashed as they go out. */
#include "config.h"

#include "lib/evidence/bundle_in.h"

#include <stdio.h>

#include "lib/base/codec.h"

static enum cf_err out(struct cf_evidence *b, const struct cf_buf *bytes)
{
  return bytes->err != CF_OK ? bytes->err : b->ask->out(b->ask->context, cf_buf_str(bytes));
}

static enum cf_err changed(struct cf_evidence *b)
{
  return cf_fail(b->fault, CF_E_DAMAGED, NULL,
                 "%s is not what it was when it was measured: ask again", b->file.name);
}

enum cf_err cf_evidence_begin(struct cf_evidence *b, const char *name, uint64_t size)
{
  struct cf_buf header;
  cf_buf_init(&header, SIZE_MAX);
  (void)snprintf(b->file.name, sizeof b->file.name, "%s", name);
  b->file.size = b->file.left = size;
  enum cf_err err = cf_tar_header_put(&header, name, size, b->mtime_s);
  if (err == CF_OK)
    err = out(b, &header);
  cf_buf_fini(&header);
  return err;
}

enum cf_err cf_evidence_put(struct cf_evidence *b, struct cf_str bytes)
{
  if (bytes.n > b->file.left)
    return changed(b);
  b->file.left -= bytes.n;
  cf_sha256_add(b->file.hash, bytes.p, bytes.n);
  return b->ask->out(b->ask->context, bytes);
}

static void manifest_add(struct cf_evidence *b)
{
  uint8_t hash[CF_HASH_N];
  cf_sha256_end(b->file.hash, hash);
  cf_hex_put(&b->manifest, hash, sizeof hash);
  cf_buf_putf(&b->manifest, "  %s\n", b->file.name);
}

enum cf_err cf_evidence_end(struct cf_evidence *b)
{
  static const char zeros[CF_TAR_BLOCK];
  if (b->file.left > 0)
    return changed(b);
  manifest_add(b);
  if (b->manifest.err == CF_E_FULL)
    return cf_fail(b->fault, CF_E_FULL, NULL,
                   "the bundle has too many files: ask for less with seq_from and seq_to");
  unsigned n = cf_tar_padding(b->file.size);
  enum cf_err err = b->manifest.err;
  return err != CF_OK || n == 0 ? err : b->ask->out(b->ask->context, (struct cf_str){zeros, n});
}

enum cf_err cf_evidence_whole(struct cf_evidence *b, const char *name, struct cf_str bytes)
{
  enum cf_err err = cf_evidence_begin(b, name, bytes.n);
  if (err == CF_OK)
    err = cf_evidence_put(b, bytes);
  return err == CF_OK ? cf_evidence_end(b) : err;
}

enum cf_err cf_evidence_text(struct cf_evidence *b, const char *name)
{
  return b->text.err == CF_OK ? cf_evidence_whole(b, name, cf_buf_str(&b->text)) : b->text.err;
}

/* It has no line of its own in what is written. */
enum cf_err cf_evidence_close(struct cf_evidence *b)
{
  struct cf_buf manifest = b->manifest, end;
  cf_buf_init(&b->manifest, CF_TAR_BLOCK);
  enum cf_err err = cf_evidence_whole(b, "MANIFEST.sha256", cf_buf_str(&manifest));
  cf_buf_init(&end, SIZE_MAX);
  cf_tar_end_put(&end);
  if (err == CF_OK)
    err = out(b, &end);
  cf_buf_fini(&end);
  cf_buf_fini(&manifest);
  return err;
}
