/* SPDX-License-Identifier: MIT */
/* A bundle as a whole: what its files say of each other, and the tree below
 * them, piece by piece. */
#include "config.h"

#include "lib/proof/verify_parcel.h"

#include <stdlib.h>

#include "lib/proof/parcel_question.h"
#include "lib/proof/parcel_tree.h"
#include "lib/proof/verify_apart_in.h"

struct judging {
  struct cf_verify_run *run; /* what is found */
  const struct cf_parcel *parcel;
  struct cf_parcel_tree tree;
  struct cf_parcel_records records;
  struct cf_question question;
  struct cf_verify_source source;
};

bool cf_parcel_is_bundle(const struct cf_parcel *parcel)
{
  static const char *const signs[] = {CF_MANIFEST_PATH, CF_QUERY_PATH, CF_RECORDS_PATH};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (cf_parcel_find(parcel, cf_str_from(signs[i])) != NULL)
      return true;
  return false;
}

static enum cf_err tiles_also(void *context, struct cf_verify_run *run)
{
  const struct cf_verify_job *job = context;
  return cf_run_cosigned(run, job->head);
}

enum cf_err cf_verify_tiles(const struct cf_parcel *parcel, const struct cf_verify_job *job,
                            struct cf_verify_result *result, struct cf_fault *fault)
{
  struct cf_parcel_tree tree;
  struct cf_verify_source source;
  struct cf_checkpoint head = {.size = 0};
  struct cf_str text, signatures;
  struct cf_verify_job full = *job;
  if (cf_note_split(job->head, &text, &signatures) != CF_OK ||
      cf_checkpoint_parse(text, &head) != CF_OK)
    head.size = 0;
  full.mode = CF_VERIFY_FULL;
  full.also = tiles_also;
  full.also_context = &full;
  enum cf_err err = cf_parcel_tree_init(&tree, parcel, head.size);
  cf_parcel_tree_source(&tree, &source);
  if (err == CF_OK)
    err = cf_verify(&source, &full, result, fault);
  cf_parcel_tree_fini(&tree);
  return err;
}

/* ---- files ---- */

static void file_blame(void *context, struct cf_str path, const char *what)
{
  cf_run_fault(context, CF_V_STORE_DAMAGED, NULL, "%.*s: %s", path.n < 80 ? (int)path.n : 80,
               path.p, what);
}

static bool vkey_same(const struct cf_vkey *a, const struct cf_vkey *b)
{
  return strcmp(a->name, b->name) == 0 && memcmp(a->pubkey, b->pubkey, CF_PUBKEY_N) == 0;
}

/* What the bundle says of its key is no more than that: but it must say it. */
static enum cf_err key_judge(struct judging *j)
{
  struct cf_buf b;
  struct cf_vkey vkey;
  cf_buf_init(&b, CF_NOTE_MAX);
  enum cf_err err = cf_parcel_get(j->parcel, CF_STR(CF_KEY_PATH), &b);
  bool good = err == CF_OK && b.n > 0 && b.p[b.n - 1] == '\n' &&
              cf_vkey_parse((struct cf_str){(const char *)b.p, b.n - 1}, &vkey) == CF_OK;
  if (!good && (err == CF_OK || err == CF_E_NOTFOUND || err == CF_E_FULL))
    file_blame(j->run, CF_STR(CF_KEY_PATH), "there is no key in it");
  else if (good && !vkey_same(&vkey, cf_keys_at(j->run->job->keys, j->run->head.size)))
    cf_run_fault(j->run, CF_V_KEY_UNKNOWN, NULL, "the key in it is not the key of its checkpoint");
  cf_buf_fini(&b);
  return err == CF_E_NOTFOUND || err == CF_E_FULL ? CF_OK : err;
}

/* One, and its LF. */
static bool is_line(struct cf_str text)
{
  return text.n > 0 && memchr(text.p, '\n', text.n) == text.p + text.n - 1;
}

static enum cf_err question_read(struct judging *j)
{
  struct cf_buf b;
  cf_buf_init(&b, CF_QUESTION_MAX);
  enum cf_err err = cf_parcel_get(j->parcel, CF_STR(CF_QUERY_PATH), &b);
  if (err == CF_E_NOTFOUND || err == CF_E_FULL)
    err = cf_fail(j->run->fault, CF_E_SYNTAX, CF_QUERY_PATH, "it is not there, or too large");
  else if (err == CF_OK && !is_line(cf_buf_str(&b)))
    err = cf_fail(j->run->fault, CF_E_SYNTAX, CF_QUERY_PATH, "it is not one line");
  else if (err == CF_OK)
    err = cf_question_parse(cf_buf_str(&b), &j->question, j->run->fault);
  cf_buf_fini(&b);
  if (err == CF_OK)
    err = cf_parcel_records_open(&j->records, j->parcel, j->run->fault);
  return err == CF_E_NOTFOUND
             ? cf_fail(j->run->fault, CF_E_SYNTAX, CF_RECORDS_PATH, "it is not there")
             : err;
}

static void question_judge(struct judging *j)
{
  const struct cf_question *q = &j->question;
  const struct cf_checkpoint *head = &j->run->head;
  struct cf_verify_result *r = &j->run->result;
  r->asked = true;
  r->asked_complete = q->complete;
  r->asked_from = q->seq_from;
  r->asked_to = q->seq_to;
  r->asked_count = q->count;
  if (strcmp(q->origin, head->origin) != 0 || q->size != head->size ||
      memcmp(q->root, head->root, CF_HASH_N) != 0)
    cf_run_fault(j->run, CF_V_INDEX_MISMATCH, NULL, "%s speaks of another checkpoint",
                 CF_QUERY_PATH);
  if (q->count != j->records.lines)
    cf_run_fault(j->run, CF_V_INDEX_MISMATCH, NULL, "%s counts %llu records, and %llu are there",
                 CF_QUERY_PATH, (unsigned long long)q->count, (unsigned long long)j->records.lines);
}

/* ---- checkpoints along the way ---- */

static void stop_judge(struct judging *j, uint64_t size, struct cf_str note)
{
  struct cf_verify_run *run = j->run;
  struct cf_checkpoint stop;
  bool good;
  if (!cf_run_checkpoint(run, note, "a checkpoint along the way", &stop, &good) || !good)
    return;
  enum cf_err err =
      stop.size != size || size > run->head.size
          ? CF_E_PROOF
          : cf_tree_extends(&j->source.tiles, size, stop.root, run->head.size, run->head.root);
  run->result.checkpoints += err == CF_OK;
  if (err != CF_OK)
    cf_run_fault(run, err == CF_E_PROOF ? CF_V_ROOT_MISMATCH : CF_V_STORE_DAMAGED, NULL,
                 "the checkpoint of size %llu along the way %s", (unsigned long long)size,
                 err == CF_E_PROOF ? "is not of this tree"
                                   : "cannot be judged: hashes that lead to it are missing");
}

static enum cf_err stops_judge(struct judging *j)
{
  enum cf_err err = CF_OK;
  struct cf_buf note;
  uint64_t found = 0;
  cf_buf_init(&note, CF_NOTE_MAX);
  for (uint64_t size = 0; err == CF_OK; size = found + 1) {
    cf_buf_reset(&note);
    err = j->source.checkpoint(&j->tree, size, &found, &note);
    if (err == CF_OK)
      stop_judge(j, found, cf_buf_str(&note));
    if (found == UINT64_MAX)
      break;
  }
  cf_buf_fini(&note);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err stamps_judge(struct judging *j)
{
  const struct cf_parcel_stamps ask = {.parcel = j->parcel,
                                       .size = j->run->head.size,
                                       .ca = j->run->job->tsa_ca,
                                       .blame = file_blame,
                                       .context = j->run,
                                       .fault = j->run->fault};
  return cf_parcel_stamps(&ask, &j->run->result.stamps);
}

/* ---- leaves ---- */

static enum cf_err part_walk(struct judging *j, enum cf_verify_mode mode, uint64_t from,
                             uint64_t to)
{
  struct cf_verify_job job = *j->run->job;
  struct cf_verify_result *part = calloc(1, sizeof *part);
  if (part == NULL)
    return CF_E_NOMEM;
  job.mode = mode;
  job.from = from;
  job.to = to;
  job.kept = false;
  enum cf_err err = cf_verify(&j->source, &job, part, j->run->fault);
  if (err == CF_OK)
    cf_run_take_result(j->run, part);
  free(part);
  return err;
}

/* Each run of tiles that follow on each other, as a range. */
static enum cf_err parts_walk(struct judging *j)
{
  const struct cf_parcel_tree *tree = &j->tree;
  enum cf_err err = CF_OK;
  for (size_t i = 0, end; err == CF_OK && i < tree->tiles_n; i = end) {
    for (end = i + 1; end < tree->tiles_n && tree->tiles[end] == tree->tiles[end - 1] + 1;)
      end++;
    uint64_t to = (tree->tiles[end - 1] + 1) * CF_TILE_W;
    err = part_walk(j, CF_VERIFY_RANGE, tree->tiles[i] * CF_TILE_W,
                    to < tree->size ? to : tree->size);
  }
  return err;
}

/* Are all tiles there that hold from ≤ seq < to? *missing: the first seq of one
 * that is not. */
static bool tiles_hold(const struct cf_parcel_tree *tree, uint64_t from, uint64_t to,
                       uint64_t *missing)
{
  uint64_t next = from / CF_TILE_W;
  for (size_t i = 0; i < tree->tiles_n && next * CF_TILE_W < to; i++)
    if (tree->tiles[i] == next)
      next++;
    else if (tree->tiles[i] > next)
      break;
  *missing = next * CF_TILE_W;
  return *missing >= to;
}

static enum cf_err leaves_judge(struct judging *j, enum cf_verify_mode *mode)
{
  const struct cf_question *q = &j->question;
  uint64_t missing;
  bool whole = tiles_hold(&j->tree, 0, j->tree.size, &missing);
  *mode = whole ? CF_VERIFY_FULL : CF_VERIFY_RANGE;
  if (q->complete && !tiles_hold(&j->tree, q->seq_from, q->seq_to, &missing))
    cf_run_fault(j->run, CF_V_STORE_DAMAGED, &missing,
                 "leaves are missing, and so nobody can tell whether a record is");
  for (size_t i = 0; i < j->records.n; i++) {
    uint64_t first = j->records.lots[i].tile * CF_TILE_W;
    if (!tiles_hold(&j->tree, first, first + 1, &missing) || first >= j->tree.size)
      cf_run_fault(j->run, CF_V_STORE_DAMAGED, &first,
                   "the leaves of disclosed records are missing");
  }
  return whole ? part_walk(j, CF_VERIFY_FULL, 0, j->tree.size) : parts_walk(j);
}

/* ---- asking again ---- */

static void choice_judge(struct judging *j, uint64_t seq, bool chosen, bool there)
{
  if (there && !chosen)
    cf_run_fault(j->run, CF_V_INDEX_MISMATCH, &seq, "the record is not one that was asked for");
  else if (chosen && !there && j->question.complete)
    cf_run_fault(j->run, CF_V_OPENING_MISSING, &seq,
                 "the record is one that was asked for, and is not disclosed");
}

static enum cf_err tile_ask(struct judging *j, uint64_t tile, const struct cf_verify_leaf *leaves,
                            size_t n, struct cf_values *values)
{
  const struct cf_parcel_lot *lot = cf_parcel_lot_find(&j->records, tile);
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < n && err == CF_OK; i++) {
    struct cf_leaf leaf;
    uint64_t seq = tile * CF_TILE_W + i;
    bool chosen;
    if (!leaves[i].readable || cf_leaf_parse(leaves[i].leaf, &leaf, NULL) != CF_OK)
      continue; /* that is told by who walked */
    err = cf_question_chooses(&j->question, &leaf, values, &chosen);
    if (err == CF_OK)
      choice_judge(j, seq, chosen, cf_parcel_lot_has(lot, seq));
    if (err == CF_E_SYNTAX)
      err = CF_OK;
  }
  return err;
}

static enum cf_err ask_again(struct judging *j)
{
  struct cf_verify_leaf *leaves = calloc(CF_TILE_W, sizeof *leaves);
  struct cf_values values;
  void *scratch = NULL;
  enum cf_err err = leaves != NULL ? j->source.worker_new(j->source.context, &scratch) : CF_E_NOMEM;
  cf_values_init(&values);
  j->tree.records = NULL;
  for (size_t i = 0; err == CF_OK && i < j->tree.tiles_n; i++) {
    uint64_t first = j->tree.tiles[i] * CF_TILE_W, left = j->tree.size - first;
    size_t n = left < CF_TILE_W ? (size_t)left : CF_TILE_W;
    memset(leaves, 0, CF_TILE_W * sizeof *leaves);
    err = j->source.leaves(j->source.context, scratch, first, n, leaves);
    if (err == CF_OK)
      err = tile_ask(j, j->tree.tiles[i], leaves, n, &values);
  }
  if (scratch != NULL)
    j->source.worker_free(j->source.context, scratch);
  cf_values_fini(&values);
  free(leaves);
  return err;
}

/* ---- the whole ---- */

static enum cf_err tree_judge(struct judging *j, const struct cf_extension *extension,
                              enum cf_verify_mode *mode)
{
  struct cf_parcel_tree *tree = &j->tree;
  enum cf_err err = cf_parcel_tree_init(tree, j->parcel, j->run->head.size);
  if (err != CF_OK)
    return err;
  tree->end = tree->tiles_n > 0 ? (tree->tiles[tree->tiles_n - 1] + 1) * CF_TILE_W : 0;
  tree->records = &j->records;
  cf_parcel_tree_source(tree, &j->source);
  err = cf_parcel_layout(j->parcel, &j->source.tiles, tree->size, j->run->head.root, file_blame,
                         j->run);
  if (err == CF_OK)
    err = cf_run_kept(j->run, extension, &j->source.tiles);
  if (err == CF_OK)
    err = stops_judge(j);
  if (err == CF_OK)
    err = stamps_judge(j);
  j->source.checkpoint = NULL;
  if (err == CF_OK)
    err = leaves_judge(j, mode);
  return err == CF_OK ? ask_again(j) : err;
}

static enum cf_err bundle_judge(struct judging *j, const struct cf_extension *extension,
                                enum cf_verify_mode *mode)
{
  enum cf_err err = cf_parcel_manifest(j->parcel, file_blame, j->run);
  if (err == CF_OK)
    err = cf_run_cosigned(j->run, j->run->job->head);
  if (err != CF_OK || !cf_run_head(j->run, j->run->job->head))
    return err;
  err = key_judge(j);
  if (err == CF_OK)
    err = question_read(j);
  if (err != CF_OK)
    return err;
  question_judge(j);
  return tree_judge(j, extension, mode);
}

enum cf_err cf_verify_bundle(const struct cf_parcel *parcel, const struct cf_verify_job *job,
                             const struct cf_extension *extension, enum cf_verify_mode *mode,
                             struct cf_verify_result *result, struct cf_fault *fault)
{
  struct judging j = {.parcel = parcel, .run = cf_run_apart(job, fault)};
  if (j.run == NULL)
    return CF_E_NOMEM;
  *mode = CF_VERIFY_RANGE;
  enum cf_err err = bundle_judge(&j, extension, mode);
  cf_parcel_tree_fini(&j.tree);
  cf_parcel_records_fini(&j.records);
  cf_question_fini(&j.question);
  return cf_run_apart_end(j.run, err, result);
}
