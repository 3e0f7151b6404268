/* SPDX-License-Identifier: MIT */
/* Who am I, health, readiness, the description of the interface, the site's
 * files (api.md, Routes). */
#include "config.h"

#include "fcgi-app/routes/call_in.h"
#include "lib/record/json.h"

/* ---- whoami ---- */

static const char *via_word(enum cf_via via)
{
  static const char *const words[] =
      {[CF_VIA_NOBODY] = "nobody", [CF_VIA_TOKEN] = "token",      [CF_VIA_BASIC] = "token",
       [CF_VIA_COOKIE] = "cookie", [CF_VIA_TRUST] = "web-server", [CF_VIA_LOCAL] = "local"};
  return words[via];
}

static void put_sources(struct cf_buf *b, const char *const *sources)
{
  cf_json_put_name(b, "sources");
  cf_buf_putc(b, '[');
  for (size_t i = 0; sources != NULL && sources[i] != NULL; i++) {
    if (i > 0)
      cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_from(sources[i]));
  }
  cf_buf_putc(b, ']');
}

/* The local admin also learns the ledger's key for the ids of imported lines,
 * which they can read in its directory anyway. */
static void put_import_key(struct cf_buf *b, const struct cf_call *call)
{
  if (call->who.via == CF_VIA_LOCAL)
    cf_json_put_member_base64(b, "import_key", cf_ledger_import_key(call->app->ledger), CF_SEED_N);
}

enum cf_err cf_handle_whoami(struct cf_call *call)
{
  const struct cf_identity *who = &call->who;
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_putc(&b, '{');
  cf_json_put_member(&b, "name", who->user);
  cf_json_put_member(&b, "via", cf_str_from(via_word(who->via)));
  cf_json_put_member(&b, "credential", who->credential);
  cf_json_put_name(&b, "roles");
  cf_roles_put(&b, who->roles);
  if (who->source.n > 0)
    cf_json_put_member(&b, "source", who->source);
  put_sources(&b, who->sources);
  if (who->token != NULL && who->token->expires_us != CF_TIME_NONE)
    cf_json_put_member_time(&b, "expires", who->token->expires_us);
  cf_json_put_member(&b, "origin", cf_str_from(cf_ledger_vkey(call->app->ledger)->name));
  put_import_key(&b, call);
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* ---- health ---- */

/* Which build it is, and since when: an owner from before an upgrade shows. */
enum cf_err cf_handle_healthz(struct cf_call *call)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"ok\":true");
  cf_json_put_member(&b, "version", CF_STR(PACKAGE_VERSION));
  cf_json_put_member_time(&b, "started", call->conf->made_us);
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* A number of segments: 0 only where all of them were looked at. */
static void put_seen(struct cf_buf *b, const char *name, const struct cf_ledger_state *state,
                     uint64_t n)
{
  cf_json_put_member_u64_or_null(b, name, n > 0 || state->segments_checked, n);
}

/* A number of what there should be none of. */
static void put_some(struct cf_buf *b, const char *name, uint64_t n)
{
  if (n > 0)
    cf_json_put_member_u64(b, name, n);
}

enum cf_err cf_handle_readyz(struct cf_call *call)
{
  struct cf_ledger_state state;
  struct cf_buf b;
  cf_ledger_state(call->app->ledger, &state);
  cf_json_put_member_u64(&call->members, "posted_dropped", state.posted_dropped);
  if (atomic_load(&call->app->leaving))
    return cf_fail(&call->fault, CF_E_LEAVING, NULL, "the service is stopping");
  if (!state.space_ok)
    return cf_call_fail_space(call, CF_E_NOTREADY, "events are refused");
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"ready\":true");
  cf_json_put_member_u64(&b, "posted_dropped", state.posted_dropped);
  cf_json_put_member_u64(&b, "damaged", state.damaged);
  put_seen(&b, "missing", &state, state.missing);
  put_seen(&b, "mismatched", &state, state.mismatched);
  put_seen(&b, "unsworn", &state, state.unsworn);
  put_some(&b, "aside", state.aside);
  if (state.seal_err != CF_OK)
    cf_json_put_member(&b, "unsigned", cf_str_from(cf_err_word(state.seal_err)));
  if (cf_ledger_table_lost(call->app->ledger, CF_TABLE_TOKENS))
    cf_json_put_member_bool(&b, "tokens_lost", true);
  struct cf_tokens *tokens = cf_auth_tokens(call->app->auth);
  put_some(&b, "tokens_refused", cf_tokens_refused(tokens));
  put_some(&b, "tokens_doubted", cf_tokens_doubted(tokens));
  cf_json_put_name(&b, "seen_by");
  cf_buf_putc(&b, '{');
  cf_witnesses_put(call->app->witnesses, true, &b);
  cf_buf_putc(&b, '}');
  cf_buf_puts(&b, "}\n");
  enum cf_err err = cf_call_answer(call, 200, "application/json", &b);
  cf_buf_fini(&b);
  return err;
}

/* ---- files ---- */

static enum cf_err answer_file(struct cf_call *call, struct cf_str name)
{
  const struct cf_site *site;
  enum cf_err err = cf_call_site(call, &site);
  if (err != CF_OK)
    return err;
  const struct cf_file *file = cf_site_file(site, name);
  return cf_call_answer_kept(call, file->type, "no-cache", file->etag, cf_buf_str(&file->text));
}

enum cf_err cf_handle_openapi(struct cf_call *call)
{
  return answer_file(call, CF_STR("openapi.json"));
}

enum cf_err cf_handle_asset(struct cf_call *call)
{
  static const char *const assets[] = {"style.css", "app.js", "icon.svg"};
  size_t i = 0;
  while (i < sizeof assets / sizeof assets[0] && !cf_str_is(call->args[0], assets[i]))
    i++;
  if (i == sizeof assets / sizeof assets[0])
    return cf_fail(&call->fault, CF_E_NOTFOUND, NULL, "there is no such file");
  return answer_file(call, call->args[0]);
}
