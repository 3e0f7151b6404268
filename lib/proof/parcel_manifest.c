/* SPDX-License-Identifier: MIT */
/* A bundle's manifest against its files, both ways. */
#include "config.h"

#include <stdlib.h>

#include "lib/base/codec.h"
#include "lib/proof/parcel.h"

#define LINE_MAX (2 * CF_HASH_N + 2 + CF_PARCEL_PATH_MAX)
#define CHUNK    65536

struct check {
  const struct cf_parcel *parcel;
  bool *named; /* a file each */
  struct cf_sha256 *hash;
  uint8_t *chunk;
  cf_parcel_blame *blame;
  void *context;
};

static enum cf_err file_hash(struct check *c, const struct cf_parcel_file *file,
                             uint8_t out[CF_HASH_N])
{
  struct cf_parcel_stream stream;
  size_t got = 1;
  enum cf_err err = cf_parcel_open(c->parcel, file, 0, &stream);
  if (err != CF_OK)
    return err;
  while (err == CF_OK && got > 0) {
    err = cf_parcel_read(&stream, c->chunk, CHUNK, &got);
    cf_sha256_add(c->hash, c->chunk, got);
  }
  cf_parcel_close(&stream);
  cf_sha256_end(c->hash, out);
  return err;
}

/* "<hex>  <path>", the hex in lower case. */
static bool line_read(struct cf_str line, uint8_t hash[CF_HASH_N], struct cf_str *path)
{
  if (line.n <= 2 * CF_HASH_N + 2 || memcmp(line.p + 2 * CF_HASH_N, "  ", 2) != 0 ||
      cf_hex_get_n((struct cf_str){line.p, 2 * CF_HASH_N}, hash, CF_HASH_N) != CF_OK)
    return false;
  for (size_t i = 0; i < 2 * CF_HASH_N; i++)
    if (line.p[i] >= 'A' && line.p[i] <= 'F')
      return false;
  *path = cf_str_behind(line, 2 * CF_HASH_N + 2);
  return true;
}

static enum cf_err line_check(struct check *c, struct cf_str line)
{
  uint8_t told[CF_HASH_N], hash[CF_HASH_N];
  struct cf_str path;
  if (!line_read(line, told, &path)) {
    c->blame(c->context, CF_STR(CF_MANIFEST_PATH), "a line is not of its form");
    return CF_OK;
  }
  const struct cf_parcel_file *file = cf_parcel_find(c->parcel, path);
  if (file == NULL) {
    c->blame(c->context, path, "the manifest names it, and it is not there");
    return CF_OK;
  }
  if (c->named[file - c->parcel->files])
    c->blame(c->context, path, "the manifest names it twice");
  c->named[file - c->parcel->files] = true;
  enum cf_err err = file_hash(c, file, hash);
  if (err == CF_E_DAMAGED || (err == CF_OK && memcmp(hash, told, CF_HASH_N) != 0)) {
    c->blame(c->context, path, "it is not what the manifest says");
    return CF_OK;
  }
  return err;
}

static enum cf_err lines_check(struct check *c, const struct cf_parcel_file *manifest)
{
  struct cf_parcel_lines lines;
  struct cf_str line;
  bool more = true;
  enum cf_err err = cf_parcel_lines_open(c->parcel, manifest, LINE_MAX, &lines);
  if (err != CF_OK)
    return err;
  while (err == CF_OK && more) {
    err = cf_parcel_lines_next(&lines, &line, &more);
    if (err == CF_OK && more)
      err = line_check(c, line);
  }
  cf_parcel_lines_close(&lines);
  if (err != CF_E_SYNTAX)
    return err;
  c->blame(c->context, CF_STR(CF_MANIFEST_PATH), "a line is too long, or has no end");
  return CF_OK;
}

static void rest_check(const struct check *c, const struct cf_parcel_file *manifest)
{
  for (size_t i = 0; i < c->parcel->n; i++)
    if (!c->named[i] && &c->parcel->files[i] != manifest)
      c->blame(c->context, cf_str_from(cf_parcel_path(c->parcel, &c->parcel->files[i])),
               "it is there, and the manifest does not name it");
}

enum cf_err cf_parcel_manifest(const struct cf_parcel *parcel, cf_parcel_blame *blame,
                               void *context)
{
  const struct cf_parcel_file *manifest = cf_parcel_find(parcel, CF_STR(CF_MANIFEST_PATH));
  struct check c = {.parcel = parcel, .blame = blame, .context = context};
  if (manifest == NULL) {
    blame(context, CF_STR(CF_MANIFEST_PATH), "it is not there: the bundle broke off");
    return CF_OK;
  }
  c.named = calloc(parcel->n, sizeof *c.named);
  c.chunk = malloc(CHUNK);
  enum cf_err err = c.named != NULL && c.chunk != NULL ? cf_sha256_new(&c.hash) : CF_E_NOMEM;
  if (err == CF_OK)
    err = lines_check(&c, manifest);
  if (err == CF_OK)
    rest_check(&c, manifest);
  cf_sha256_free(c.hash);
  free(c.chunk);
  free(c.named);
  return err;
}
