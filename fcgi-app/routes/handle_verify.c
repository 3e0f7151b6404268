/* SPDX-License-Identifier: MIT */
/* GET /v1/verify (api.md). */
#include "config.h"

#include <stdlib.h>

#include "fcgi-app/routes/access_in.h"
#include "fcgi-app/routes/call_in.h"
#include "fcgi-app/who/token_compare.h"
#include "lib/base/codec.h"
#include "lib/evidence/verify_ledger.h"
#include "lib/proof/verify_json.h"

/* ---- what was asked ---- */

static enum cf_err read_mode(struct cf_call *call, struct cf_verify_job *job)
{
  struct cf_str value = CF_STR("full");
  cf_request_get(call->request, "mode", &value);
  for (size_t i = 0; i < CF_VERIFY_MODES_N; i++) {
    if (!cf_str_is(value, cf_verify_mode_names[i]))
      continue;
    job->mode = (enum cf_verify_mode)i;
    return CF_OK;
  }
  return cf_fail(&call->fault, CF_E_PARAMETER, "mode", "mode is quick, range, full or deep");
}

static enum cf_err read_range(struct cf_call *call, struct cf_verify_job *job)
{
  bool from;
  bool to;
  job->to = UINT64_MAX;
  enum cf_err err = cf_request_u64(call->request, "seq_from", &from, &job->from, &call->fault);
  if (err == CF_OK)
    err = cf_request_u64(call->request, "seq_to", &to, &job->to, &call->fault);
  if (err != CF_OK)
    return err;
  if ((from || to) && job->mode != CF_VERIFY_RANGE)
    return cf_fail(&call->fault, CF_E_PARAMETER, from ? "seq_from" : "seq_to", "is for mode=range");
  return job->from < job->to
             ? CF_OK
             : cf_fail(&call->fault, CF_E_PARAMETER, "seq_from", "seq_from is below seq_to");
}

/* Base64, base64url (with or without padding) or hex. */
static bool parse_root(struct cf_str text, uint8_t root[CF_HASH_N])
{
  struct cf_buf b;
  if (cf_hex_get_n(text, root, CF_HASH_N) == CF_OK ||
      cf_base64_get_n(text, root, CF_HASH_N) == CF_OK)
    return true;
  if (text.n == 44 && text.p[43] == '=')
    text.n--;
  cf_buf_init(&b, CF_HASH_N);
  bool ok = cf_base64url_get(text, &b) == CF_OK && b.n == CF_HASH_N;
  for (size_t i = 0; ok && i < CF_HASH_N; i++)
    root[i] = b.p[i];
  cf_buf_fini(&b);
  return ok;
}

static enum cf_err read_kept(struct cf_call *call, struct cf_verify_job *job)
{
  struct cf_str root;
  bool has_size;
  enum cf_err err = cf_request_u64(call->request, "size", &has_size, &job->kept_size, &call->fault);
  bool has_root = cf_request_get(call->request, "root", &root);
  if (err != CF_OK)
    return err;
  if (has_size != has_root)
    return cf_fail(&call->fault, CF_E_PARAMETER, has_size ? "root" : "size",
                   "size and root of a kept checkpoint go together");
  if (has_root && !parse_root(root, job->kept_root))
    return cf_fail(&call->fault, CF_E_PARAMETER, "root",
                   "root is 32 bytes in base64, base64url or hex");
  job->kept = has_root;
  return CF_OK;
}

/* Take what an earlier one left, where it is asked for. */
static enum cf_err read_resume(struct cf_call *call, const struct cf_verify_job *job)
{
  struct cf_str name;
  if (!cf_request_get(call->request, "resume", &name))
    return CF_OK;
  if (job->mode < CF_VERIFY_FULL)
    return cf_fail(&call->fault, CF_E_PARAMETER, "resume", "is for mode=full and deep");
  if (job->kept)
    return cf_fail(&call->fault, CF_E_PARAMETER, "size",
                   "resume goes on with the size and root that it began with");
  return cf_resume_take(&call->app->resume, name, job->mode, job->carry, &call->fault);
}

/* ---- tokens ---- */

/* A row's key, which anybody may have written. */
static void token_differs(void *context, const uint64_t *seq, struct cf_str id, const char *what)
{
  bool shown = id.n <= CF_TOKEN_ID_N;
  for (size_t i = 0; i < id.n && shown; i++)
    shown = (id.p[i] >= 'a' && id.p[i] <= 'z') || (id.p[i] >= '0' && id.p[i] <= '9');
  if (id.n == 0)
    cf_run_fault(context, CF_V_STORE_DAMAGED, seq, "tokens: %s", what);
  else
    cf_run_fault(context, CF_V_INDEX_MISMATCH, seq, "tokens: %.*s: %s", shown ? (int)id.n : 1,
                 shown ? id.p : "?", what);
}

static bool table_lost(const struct cf_call *call, struct cf_verify_run *run)
{
  bool lost = cf_ledger_table_lost(call->app->ledger, CF_TABLE_TOKENS);
  if (lost)
    cf_run_fault(
        run, CF_V_STORE_DAMAGED, NULL,
        "tokens: the table was damaged and is set aside; only what was made since is here");
  return lost;
}

/* The one table of the application's own that the chain tells of. */
static enum cf_err compare_tokens(void *context, struct cf_verify_run *run)
{
  struct cf_call *call = context;
  cf_witnesses_judge(call->app->witnesses, call->now_us, run);
  const struct cf_token_differ differ = {token_differs, run};
  bool lost = table_lost(call, run);
  return cf_tokens_compare(cf_auth_tokens(call->app->auth), lost, &differ);
}

/* Short of that, that the table is lost, or rows are refused. */
static enum cf_err count_tokens(void *context, struct cf_verify_run *run)
{
  struct cf_call *call = context;
  struct cf_tokens *tokens = cf_auth_tokens(call->app->auth);
  cf_witnesses_judge(call->app->witnesses, call->now_us, run);
  (void)table_lost(call, run);
  enum cf_err err = cf_tokens_ready(tokens, CF_TOKENS_ALL);
  if (err == CF_OK && cf_tokens_refused(tokens) > 0)
    cf_run_fault(run, CF_V_INDEX_MISMATCH, NULL,
                 "tokens: %zu are refused, as the chain tells of them otherwise: deep names them",
                 cf_tokens_refused(tokens));
  if (err == CF_OK && cf_tokens_doubted(tokens) > 0)
    cf_run_fault(run, CF_V_STORE_DAMAGED, NULL,
                 "tokens: %zu may at most write, as a record that may tell of them cannot be read",
                 cf_tokens_doubted(tokens));
  return err;
}

/* ---- the work ---- */

static bool wants_progress(const struct cf_request *rq)
{
  static const char *const types[] = {"application/json", "application/x-ndjson",
                                      "application/ndjson"};
  return cf_request_prefers(rq, types, sizeof types / sizeof types[0]) > 0;
}

static void put_progress(void *context, uint64_t done, uint64_t of)
{
  struct cf_call *call = context;
  struct cf_buf b;
  cf_buf_init(&b, 80);
  cf_buf_putf(&b, "{\"done\":%llu,\"of\":%llu}\n", (unsigned long long)done,
              (unsigned long long)of);
  if (cf_response_put(call->response, cf_buf_str(&b)) == CF_OK)
    (void)cf_response_flush(call->response);
  cf_buf_fini(&b);
}

/* A range behind the end holds nothing to judge: that it is whole would be no
 * answer. A verdict against the ledger is one. */
static enum cf_err check_range(struct cf_call *call, const struct cf_verify_job *job,
                               const struct cf_verify_result *result)
{
  if (job->mode != CF_VERIFY_RANGE || !result->ok || job->from < result->size)
    return CF_OK;
  call->access.tells = true;
  return cf_fail(&call->fault, CF_E_PARAMETER, "seq_from", "the ledger has %llu records",
                 (unsigned long long)result->size);
}

/* Keep what the job left; gives its name, or NULL where it left nothing. */
static const char *resume_keep(struct cf_call *call, const struct cf_verify_job *job)
{
  struct cf_resume *resume = &call->app->resume;
  if (job->carry == NULL || *job->carry == NULL)
    return NULL;
  cf_resume_keep(resume, job->mode, *job->carry);
  *job->carry = NULL;
  return resume->name;
}

/* What was found is remembered, whether anybody hears it or not. */
static void verdict_keep(struct cf_call *call, enum cf_verify_mode mode,
                         const struct cf_verify_result *result)
{
  struct cf_control_verdict verdict;
  cf_seal_verdict(mode, result, &verdict);
  cf_access_verdict(call, &verdict);
}

static const char *assurance_of(const struct cf_call *call)
{
  uint64_t size;
  return cf_ledger_key_is_own(call->app->ledger)
             ? "own-key"
             : cf_witnesses_assurance(call->app->witnesses, call->now_us, &size);
}

static enum cf_err verdict_answer(struct cf_call *call, struct cf_verify_job *job,
                                  struct cf_verify_result *result)
{
  struct cf_buf b, members;
  bool progress = wants_progress(call->request);
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_init(&members, SIZE_MAX);
  enum cf_err err = cf_response_begin(call->response, 200,
                                      progress ? "application/x-ndjson" : "application/json");
  if (progress) {
    job->progress = put_progress;
    job->progress_context = call;
  }
  job->also_context = call;
  call->access.each = job->mode >= CF_VERIFY_FULL;
  if (job->mode != CF_VERIFY_RANGE)
    job->also = job->mode == CF_VERIFY_DEEP ? compare_tokens : count_tokens;
  if (err == CF_OK)
    err = cf_verify_ledger(call->app->ledger, job, result, &call->fault);
  if (err == CF_OK)
    err = check_range(call, job, result);
  if (err == CF_OK)
    verdict_keep(call, job->mode, result);
  if (err == CF_OK) {
    cf_witnesses_put(call->app->witnesses, false, &members);
    const struct cf_verify_saying saying = {.mode = cf_verify_mode_names[job->mode],
                                            .resume = resume_keep(call, job),
                                            .assurance = assurance_of(call),
                                            .members = cf_buf_str(&members)};
    if (job->mode == CF_VERIFY_RANGE)
      result->unsealed = 0; /* of what is newer nothing was asked */
    cf_verify_json_put(&b, result, &saying);
    err = b.err == CF_OK ? cf_response_put(call->response, cf_buf_str(&b)) : b.err;
  }
  cf_buf_fini(&b);
  cf_buf_fini(&members);
  return err;
}

static enum cf_err ledger_verify(struct cf_call *call, struct cf_verify_job *job)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  if (result == NULL)
    return CF_E_NOMEM;
  enum cf_err err = verdict_answer(call, job, result);
  call->access.rows = result->leaves;
  free(result);
  return err;
}

/* One that may take long, with verify_lock held. */
static enum cf_err long_verify(struct cf_call *call, struct cf_verify_job *job)
{
  struct cf_verify_run *run = NULL;
  job->carry = &run;
  enum cf_err err = read_resume(call, job);
  if (err == CF_OK)
    err = ledger_verify(call, job);
  cf_verify_run_free(run);
  return err;
}

enum cf_err cf_handle_verify(struct cf_call *call)
{
  struct cf_verify_job job = {.budget_us = call->app->conf->verify_budget_us};
  enum cf_err err = read_mode(call, &job);
  if (err == CF_OK)
    err = read_range(call, &job);
  if (err == CF_OK)
    err = read_kept(call, &job);
  if (err != CF_OK)
    return err;
  if (job.mode == CF_VERIFY_QUICK) {
    err = read_resume(call, &job);
    return err == CF_OK ? ledger_verify(call, &job) : err;
  }
  if (pthread_mutex_trylock(&call->app->verify_lock) != 0)
    return cf_fail(&call->fault, CF_E_BUSY, NULL, "another verify is under way");
  err = long_verify(call, &job);
  pthread_mutex_unlock(&call->app->verify_lock);
  return err;
}
