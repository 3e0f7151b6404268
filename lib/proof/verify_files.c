/* SPDX-License-Identifier: MIT */
/* The files that hold the records against what the chain tells of them, both
 * ways (oath.h). */
#include "config.h"

#include "lib/proof/verify_in.h"

#define TOLD_MAX ((size_t)1 << 20) /* ranges: 64 MiB */

enum cf_err cf_run_told(struct cf_verify_run *run, uint64_t seq, struct cf_str public_text)
{
  struct cf_segment_body body;
  if (cf_segment_body_get(public_text, &body) != CF_OK || body.end > seq) {
    cf_run_fault(run, CF_V_LEAF_FORMAT, &seq, "it does not tell of a file of earlier records");
    return CF_OK;
  }
  if (run->told.n >= TOLD_MAX)
    return cf_fail(run->fault, CF_E_FULL, NULL, "more than %zu files are told of", TOLD_MAX);
  return cf_told_add(&run->told, &body, seq);
}

static void file_judge(struct cf_verify_run *run, const struct cf_verify_file *file)
{
  enum cf_oath oath = cf_oath_judge(&run->told, &file->body, file->sworn);
  run->result.unsworn += oath == CF_OATH_UNSWORN;
  if (oath == CF_OATH_BROKEN)
    cf_run_fault(run, CF_V_STORE_DAMAGED, &file->body.first,
                 "the file of the records up to %llu is not one that the chain tells of",
                 (unsigned long long)file->body.end);
}

/* Ranges that were told and that no file has. What is pruned, or behind the
 * head, nobody has to show. */
static void missing_tell(struct cf_verify_run *run, const struct cf_segment_body *file, size_t *at)
{
  for (const struct cf_segment_body *body; (body = cf_told_lacking(&run->told, file, at)) != NULL;)
    if (body->first >= run->first && body->first < run->head.size)
      cf_run_fault(run, CF_V_STORE_DAMAGED, &body->first,
                   "the chain tells of a file of the records up to %llu, which is not there",
                   (unsigned long long)body->end);
}

enum cf_err cf_run_files(struct cf_verify_run *run)
{
  const struct cf_verify_source *source = run->source;
  struct cf_verify_file file;
  enum cf_err err = CF_OK;
  size_t at = 0;
  if (!source->file)
    return CF_OK;
  run->told.partial |= run->lost;
  for (size_t i = 0; (err = source->file(source->context, i, &file)) == CF_OK; i++) {
    missing_tell(run, &file.body, &at);
    file_judge(run, &file);
  }
  if (err != CF_E_NOTFOUND)
    return err;
  missing_tell(run, NULL, &at);
  return CF_OK;
}
