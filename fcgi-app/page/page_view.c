/* SPDX-License-Identifier: MIT */
/* Values and parts of every page, and the way to those of its sections. */
#include "config.h"

#include "fcgi-app/page/page_view.h"

#include <string.h>

#include "fcgi-app/page/page_view_in.h"
#include "fcgi-app/who/session.h"
#include "lib/base/codec.h"

/* ---- values ---- */

static void put_origin(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, v->origin);
}
static void put_message(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->message == NULL ? "" : v->message);
}

static void put_next(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, v->next);
}

static const struct cf_view_value values[] = {
    {"next", put_next},
    {"origin", put_origin},
    {"message", put_message},
    {NULL, NULL},
};

/* Those of somebody who is signed in. */

static void put_form_token(const struct cf_page_view *v, struct cf_buf *b)
{
  if (v->who->cookie.n > 0)
    cf_session_put_form(v->who->cookie, b);
}

static void put_who(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_putstr(b, v->who->user);
}
static void put_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->state.size);
}
static void put_assurance(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_puts(b, v->assurance);
}
static void put_assured_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->assured_size);
}
static void put_sealed_size(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_buf_put_u64(b, v->checkpoint.size);
}
static void put_sealed_root(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_base64_put(b, v->checkpoint.root, CF_HASH_N);
}
static void put_sealed_time(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_view_put_time(b, v->state.sealed_us);
}

static void put_now(const struct cf_page_view *v, struct cf_buf *b)
{
  cf_view_put_time(b, v->now_us);
}

static const struct cf_view_value own_values[] = {
    {"now", put_now},
    {"who", put_who},
    {"form_token", put_form_token},
    {"size", put_size},
    {"assurance", put_assurance},
    {"assured_size", put_assured_size},
    {"sealed_size", put_sealed_size},
    {"sealed_root", put_sealed_root},
    {"sealed_time", put_sealed_time},
    {NULL, NULL},
};

/* ---- parts ---- */

static bool has_message(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->message != NULL;
}
static bool has_next(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->next.n > 0;
}
static bool is_signed_out(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->listing == NULL;
}
static bool is_signed_in(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->listing != NULL;
}

static const struct cf_view_part parts[] = {
    {"message", has_message},    {"next", has_next}, {"signed_out", is_signed_out},
    {"signed_in", is_signed_in}, {NULL, NULL},
};

static bool can_leave(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->who->cookie.n > 0;
}
static bool can_verify(struct cf_page_view *v, size_t i)
{
  return i == 0 && cf_roles_have(v->who->roles, CF_ROLE_AUDITOR);
}
static bool is_assured(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->assurance != NULL && strcmp(v->assurance, "signed") != 0;
}
static bool is_sealed(struct cf_page_view *v, size_t i)
{
  return i == 0 && v->sealed;
}
static bool is_unsealed(struct cf_page_view *v, size_t i)
{
  return i == 0 && !v->sealed;
}

static const struct cf_view_part own_parts[] = {
    {"can_leave", can_leave}, {"can_verify", can_verify}, {"sealed", is_sealed},
    {"assured", is_assured},  {"unsealed", is_unsealed},  {NULL, NULL},
};

/* ---- sections ---- */

/* The first asks for nobody; the others for who is signed in. */
static const struct cf_view_section everybody = {values, parts, NULL, NULL};
static const struct cf_view_section own = {own_values, own_parts, NULL, NULL};
static const struct cf_view_section *const sections[] = {&everybody,        &own,
                                                         &cf_view_seal,     &cf_view_missing,
                                                         &cf_view_question, &cf_view_rows};

static size_t sections_n(const struct cf_page_view *v)
{
  return v->listing == NULL ? 1 : sizeof sections / sizeof sections[0];
}

void cf_page_view_value(void *context, struct cf_str name, struct cf_buf *b)
{
  const struct cf_page_view *v = context;
  for (size_t i = 0; i < sections_n(v); i++) {
    const struct cf_view_value *value = sections[i]->values;
    while (value->name != NULL && !cf_str_is(name, value->name))
      value++;
    if (value->name != NULL) {
      value->put(v, b);
      return;
    }
    if (sections[i]->rest_value != NULL && sections[i]->rest_value(v, name, b))
      return;
  }
}

bool cf_page_view_part(void *context, struct cf_str name, size_t i)
{
  struct cf_page_view *v = context;
  for (size_t k = 0; k < sections_n(v); k++) {
    const struct cf_view_part *part = sections[k]->parts;
    while (part->name != NULL && !cf_str_is(name, part->name))
      part++;
    if (part->name != NULL)
      return part->next(v, i);
    if (sections[k]->rest_part != NULL && sections[k]->rest_part(v, name, i))
      return true;
  }
  return false;
}
