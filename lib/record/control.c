/* SPDX-License-Identifier: MIT */
/* The records that the log writes of itself. */
#include "config.h"

#include "lib/record/control.h"

#include "lib/base/codec.h"
#include "lib/base/crypto.h"
#include "lib/base/utf8.h"
#include "lib/record/builder.h"
#include "lib/record/json.h"
#include "lib/record/source.h"

#define OBJECT_MAX 32768

/* A record under way: its members, and the two objects among them. */
struct own {
  enum cf_kind kind;
  struct cf_builder *members;
  struct cf_buf body, attributes;
};

static void object_begin(struct cf_buf *b)
{
  cf_buf_init(b, OBJECT_MAX);
  cf_buf_putc(b, '{');
}

/* Begin one, which own_end ends. CF_E_NOMEM: there is nothing to end. */
static enum cf_err own_begin(struct own *own, enum cf_kind kind)
{
  own->kind = kind;
  enum cf_err err = cf_builder_new(kind, &own->members);
  if (err != CF_OK)
    return err;
  cf_builder_cut_long(own->members);
  object_begin(&own->body);
  object_begin(&own->attributes);
  return CF_OK;
}

static enum cf_err own_end(struct own *own, struct cf_event *event, struct cf_fault *fault)
{
  cf_buf_putc(&own->body, '}');
  cf_buf_putc(&own->attributes, '}');
  if (cf_kind_table[own->kind].body[0] != '\0')
    cf_builder_set_body(own->members, cf_buf_str(&own->body));
  cf_builder_set_object(own->members, cf_buf_str(&own->attributes));
  enum cf_err err = own->body.err != CF_OK ? own->body.err : own->attributes.err;
  if (err == CF_OK)
    err = cf_builder_end(own->members, event, fault);
  cf_builder_free(own->members);
  cf_buf_fini(&own->body);
  cf_buf_fini(&own->attributes);
  return err;
}

/* A member that is absent where its text is empty. */
static void set_text(struct own *own, enum cf_member member, struct cf_str text)
{
  if (text.n > 0)
    cf_builder_set(own->members, member, text);
}

/* ---- of the log ---- */

enum cf_err cf_control_genesis(struct cf_str vkey, const char *origin, struct cf_str previous,
                               struct cf_event *event)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_GENESIS);
  if (err != CF_OK)
    return err;
  cf_json_put_member(&own.body, "format", CF_STR("counterfoil/v1"));
  cf_json_put_member(&own.body, "key", vkey);
  cf_json_put_member(&own.body, "origin", cf_str_from(origin));
  if (previous.n > 0)
    cf_json_put_member(&own.body, "previous", previous);
  return own_end(&own, event, NULL);
}

enum cf_err cf_control_service(const char *software, const char *what, struct cf_event *event)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_SERVICE);
  if (err != CF_OK)
    return err;
  cf_json_put_member(&own.body, "software", cf_str_from(software));
  cf_json_put_member(&own.body, "what", cf_str_from(what));
  return own_end(&own, event, NULL);
}

enum cf_err cf_control_segment(uint64_t first, uint64_t end, uint64_t rewrite,
                               const uint8_t digest[CF_HASH_N], struct cf_event *event)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_SEGMENT);
  if (err != CF_OK)
    return err;
  cf_json_put_member_base64(&own.body, "digest", digest, CF_HASH_N);
  cf_json_put_member_u64(&own.body, "end", end);
  cf_json_put_member_u64(&own.body, "first", first);
  cf_json_put_member_u64(&own.body, "rewrite", rewrite);
  return own_end(&own, event, NULL);
}

/* ---- of who asks it ---- */

/* The whole filter, or as much of it as says that there was more, and what. */
static void put_filter(struct cf_buf *b, struct cf_str filter)
{
  uint8_t hash[CF_HASH_N];
  char hex[2 * CF_HASH_N + 1];
  struct cf_buf text;
  cf_json_put_member(b, "filter", cf_utf8_head(filter, CF_CONTROL_FILTER_MAX));
  if (filter.n <= CF_CONTROL_FILTER_MAX)
    return;
  cf_sha256_1(filter.p, filter.n, hash);
  cf_buf_fixed(&text, hex, sizeof hex);
  cf_hex_put(&text, hash, sizeof hash);
  cf_json_put_member_u64(b, "filter_length", filter.n);
  cf_json_put_member(b, "filter_sha256", cf_buf_str(&text));
}

const char CF_VERDICT_HOLDS[] = "holds", CF_VERDICT_PARTIAL[] = "partial";

static void put_name_u64(struct cf_buf *b, const char *name, bool is, uint64_t v)
{
  if (is)
    cf_json_put_member_u64(b, name, v);
}

static void put_name_text(struct cf_buf *b, const char *name, const char *text)
{
  if (text != NULL && *text != '\0')
    cf_json_put_member(b, name, cf_str_from(text));
}

/* In the order of their names, as attributes stand. */
static void put_access(struct cf_buf *b, const struct cf_control_access *access)
{
  static const struct cf_control_verdict none;
  const struct cf_control_tally *tally = access->tally;
  bool judged = access->verdict != NULL;
  const struct cf_control_verdict *verdict = judged ? access->verdict : &none;
  if (tally != NULL)
    cf_json_put_member_u64(b, "count", tally->count);
  if (access->filter.p != NULL)
    put_filter(b, access->filter);
  if (tally != NULL) {
    cf_json_put_member_time(b, "first", tally->first_us);
    cf_json_put_member_time(b, "last", tally->last_us);
  }
  put_name_u64(b, "first_bad", verdict->has_first_bad, verdict->first_bad);
  put_name_u64(b, "leaves", judged, verdict->leaves);
  put_name_text(b, "mode", verdict->mode);
  put_name_text(b, "network", access->network);
  put_name_text(b, "ranges", verdict->ranges);
  put_name_text(b, "reason", tally != NULL ? tally->reason : access->reason);
  if (judged)
    cf_json_put_member_base64(b, "root", verdict->root, CF_HASH_N);
  put_name_u64(b, "rows", access->counted, access->rows);
  put_name_u64(b, "size", judged, verdict->size);
  put_name_text(b, "verdict", verdict->word);
}

enum cf_err cf_control_access(const struct cf_control_who *who,
                              const struct cf_control_access *access, struct cf_event *event,
                              struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_ACCESS);
  if (err != CF_OK)
    return err;
  cf_builder_set(own.members, CF_M_SOURCE, CF_STR(CF_SOURCE_OWN));
  cf_builder_set(own.members, CF_M_ACTION, cf_str_from(access->action));
  cf_builder_set(own.members, CF_M_OUTCOME, cf_str_from(access->outcome));
  set_text(&own, CF_M_USER, who->user);
  set_text(&own, CF_M_CREDENTIAL, who->credential);
  set_text(&own, CF_M_IP, cf_str_from(who->ip));
  put_access(&own.attributes, access);
  return own_end(&own, event, fault);
}

/* ---- of writers ---- */

static enum cf_err loss_end(struct own *own, struct cf_str source,
                            const struct cf_control_tally *tally, struct cf_event *event,
                            struct cf_fault *fault)
{
  cf_builder_set(own->members, CF_M_SOURCE, source);
  cf_json_put_member_u64(&own->body, "count", tally->count);
  cf_json_put_member_time(&own->body, "first", tally->first_us);
  cf_json_put_member_time(&own->body, "last", tally->last_us);
  cf_json_put_member(&own->body, "reason", cf_str_from(tally->reason));
  return own_end(own, event, fault);
}

enum cf_err cf_control_loss(struct cf_str source, const struct cf_control_tally *tally,
                            struct cf_event *event, struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_LOSS);
  return err == CF_OK ? loss_end(&own, source, tally, event, fault) : err;
}

enum cf_err cf_control_gap(struct cf_str source, const struct cf_control_who *who,
                           const struct cf_control_tally *tally, struct cf_str message,
                           struct cf_event *event, struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_LOSS);
  if (err != CF_OK)
    return err;
  set_text(&own, CF_M_USER, who->user);
  set_text(&own, CF_M_CREDENTIAL, who->credential);
  set_text(&own, CF_M_MESSAGE, message);
  return loss_end(&own, source, tally, event, fault);
}

/* Nothing where there are no names. */
static void put_names(struct cf_buf *b, const char *member, const char *const *names)
{
  if (names == NULL || *names == NULL)
    return;
  cf_json_put_name(b, member);
  cf_buf_putc(b, '[');
  for (const char *const *name = names; *name != NULL; name++) {
    cf_buf_puts(b, name == names ? "" : ",");
    cf_json_put_str(b, cf_str_from(*name));
  }
  cf_buf_putc(b, ']');
}

enum cf_err cf_control_key(struct cf_str vkey, struct cf_str note, int64_t until_us,
                           const struct cf_control_who *who, struct cf_event *event,
                           struct cf_fault *fault)
{
  struct own own;
  enum cf_err err = own_begin(&own, CF_K_KEY);
  if (err != CF_OK)
    return err;
  set_text(&own, CF_M_USER, who->user);
  set_text(&own, CF_M_CREDENTIAL, who->credential);
  cf_json_put_member(&own.body, "key", vkey);
  cf_json_put_member(&own.body, "note", note);
  if (until_us != CF_TIME_NONE)
    cf_json_put_member_time(&own.body, "until", until_us);
  return own_end(&own, event, fault);
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
    cf_json_put_member_time(&own.body, "expires", token->expires_us);
  cf_json_put_member(&own.body, "id", cf_str_from(token->id));
  cf_json_put_member(&own.body, "name", cf_str_from(token->name));
  put_names(&own.body, "roles", token->roles);
  put_names(&own.body, "sources", token->sources);
  cf_json_put_member(&own.body, "what", cf_str_from(token->what));
  if (token->hash != NULL)
    cf_json_put_member_base64(&own.attributes, "hash", token->hash, CF_HASH_N);
  return own_end(&own, event, fault);
}
