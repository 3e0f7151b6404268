/* SPDX-License-Identifier: MIT */
/* The records that the log writes of itself. */
#include "config.h"

#include "lib/record/control.h"

#include "lib/base/utf8.h"
#include "lib/record/builder.h"
#include "lib/record/json.h"
#include "lib/record/source.h"

#define OBJECT_MAX 32768
#define FILTER_MAX 4096

/* A record under way: its members, and the object that is its body, or its
 * attributes where its kind has none. */
struct own {
  enum cf_kind kind;
  struct cf_builder *members;
  struct cf_buf object;
};

/* Begin one, which own_end ends. CF_E_NOMEM: there is nothing to end. */
static enum cf_err own_begin(struct own *own, enum cf_kind kind)
{
  own->kind = kind;
  enum cf_err err = cf_builder_new(kind, &own->members);
  if (err != CF_OK)
    return err;
  cf_builder_cut_long(own->members);
  cf_buf_init(&own->object, OBJECT_MAX);
  cf_buf_putc(&own->object, '{');
  return CF_OK;
}

static enum cf_err own_end(struct own *own, struct cf_event *event, struct cf_fault *fault)
{
  cf_buf_putc(&own->object, '}');
  if (cf_kind_table[own->kind].body[0] != '\0')
    cf_builder_set_body(own->members, cf_buf_str(&own->object));
  else
    cf_builder_set_object(own->members, cf_buf_str(&own->object));
  enum cf_err err = own->object.err;
  if (err == CF_OK)
    err = cf_builder_end(own->members, event, fault);
  cf_builder_free(own->members);
  cf_buf_fini(&own->object);
  return err;
}

/* A member that is absent where its text is empty. */
static void set_text(struct own *own, enum cf_member member, struct cf_str text)
{
  if (text.n > 0)
    cf_builder_set(own->members, member, text);
}

/* ---- of the log ---- */

enum cf_err cf_control_genesis(struct cf_str vkey, const char *origin, struct cf_event *event)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_GENESIS);
  if (err != CF_OK)
    return err;
  cf_json_put_member(&own.object, "format", CF_STR("counterfoil/v1"));
  cf_json_put_member(&own.object, "key", vkey);
  cf_json_put_member(&own.object, "origin", cf_str_from(origin));
  return own_end(&own, event, NULL);
}

enum cf_err cf_control_service(const char *software, const char *what, struct cf_event *event)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_SERVICE);
  if (err != CF_OK)
    return err;
  cf_json_put_member(&own.object, "software", cf_str_from(software));
  cf_json_put_member(&own.object, "what", cf_str_from(what));
  return own_end(&own, event, NULL);
}

/* ---- of who asks it ---- */

/* `access` but for its attributes. */
static enum cf_err access_begin(struct own *own, const char *action, const char *outcome,
                                const struct cf_control_who *who)
{
  enum cf_err err = own_begin(own, CF_K_ACCESS);
  if (err != CF_OK)
    return err;
  cf_builder_set(own->members, CF_M_SOURCE, CF_STR(CF_SOURCE_OWN));
  cf_builder_set(own->members, CF_M_ACTION, cf_str_from(action));
  cf_builder_set(own->members, CF_M_OUTCOME, cf_str_from(outcome));
  set_text(own, CF_M_USER, who->user);
  set_text(own, CF_M_CREDENTIAL, who->credential);
  set_text(own, CF_M_IP, cf_str_from(who->ip));
  return CF_OK;
}

enum cf_err cf_control_access(const char *action, const struct cf_control_who *who,
                              struct cf_str filter, uint64_t rows, struct cf_event *event,
                              struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = access_begin(&own, action, "success", who);
  if (err != CF_OK)
    return err;
  cf_json_put_member(&own.object, "filter", cf_utf8_head(filter, FILTER_MAX));
  cf_json_put_member_u64(&own.object, "rows", rows);
  return own_end(&own, event, fault);
}

static void put_tally(struct cf_buf *b, const struct cf_control_tally *tally)
{
  cf_json_put_member_u64(b, "count", tally->count);
  cf_json_put_member_time(b, "first", tally->first_us);
  cf_json_put_member_time(b, "last", tally->last_us);
  cf_json_put_member(b, "reason", cf_str_from(tally->reason));
}

enum cf_err cf_control_refusal(const struct cf_control_who *who,
                               const struct cf_control_tally *tally, struct cf_event *event,
                               struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = access_begin(&own, "refused", "failure", who);
  if (err != CF_OK)
    return err;
  put_tally(&own.object, tally);
  return own_end(&own, event, fault);
}

/* ---- of writers ---- */

enum cf_err cf_control_loss(struct cf_str source, const struct cf_control_tally *tally,
                            struct cf_event *event, struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_LOSS);
  if (err != CF_OK)
    return err;
  cf_builder_set(own.members, CF_M_SOURCE, source);
  put_tally(&own.object, tally);
  return own_end(&own, event, fault);
}

static void put_names(struct cf_buf *b, const char *member, const char *const *names)
{
  cf_json_put_name(b, member);
  cf_buf_putc(b, '[');
  for (const char *const *name = names; *name != NULL; name++) {
    cf_buf_puts(b, name == names ? "" : ",");
    cf_json_put_str(b, cf_str_from(*name));
  }
  cf_buf_putc(b, ']');
}

enum cf_err cf_control_token(const struct cf_control_token *token, struct cf_event *event,
                             struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_TOKEN);
  if (err != CF_OK)
    return err;
  cf_builder_set(own.members, CF_M_SOURCE,
                 token->source.n > 0 ? token->source : CF_STR("web-server"));
  set_text(&own, CF_M_USER, token->user);
  set_text(&own, CF_M_CREDENTIAL, token->credential);
  if (token->expires_us != CF_TIME_NONE)
    cf_json_put_member_time(&own.object, "expires", token->expires_us);
  cf_json_put_member(&own.object, "id", cf_str_from(token->id));
  cf_json_put_member(&own.object, "name", cf_str_from(token->name));
  put_names(&own.object, "roles", token->roles);
  cf_json_put_member(&own.object, "what", cf_str_from(token->what));
  return own_end(&own, event, fault);
}
