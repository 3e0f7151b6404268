/* SPDX-License-Identifier: MIT */
/* The records that the log writes of itself. */
#include "config.h"

#include "lib/record/control.h"

#include "lib/record/json.h"

/* An event of that kind whose body is the text; b's error where making it
 * failed. */
static enum cf_err body_event(enum cf_kind kind, const struct cf_buf *body, struct cf_event *event)
{
  struct cf_builder *b = NULL;
  enum cf_err err = body->err != CF_OK ? body->err : cf_builder_new(kind, &b);
  if (err != CF_OK)
    return err;
  cf_builder_set_body(b, cf_buf_str(body));
  err = cf_builder_end(b, event, NULL);
  cf_builder_free(b);
  return err;
}

enum cf_err cf_control_genesis(struct cf_str vkey, const char *origin, struct cf_event *event)
{
  struct cf_buf body;
  cf_buf_init(&body, 4096);
  cf_buf_putc(&body, '{');
  cf_json_put_member(&body, "format", CF_STR("counterfoil/v1"));
  cf_json_put_member(&body, "key", vkey);
  cf_json_put_member(&body, "origin", cf_str_from(origin));
  cf_buf_putc(&body, '}');
  enum cf_err err = body_event(CF_K_GENESIS, &body, event);
  cf_buf_fini(&body);
  return err;
}

enum cf_err cf_control_service(const char *software, const char *what, struct cf_event *event)
{
  struct cf_buf body;
  cf_buf_init(&body, 1024);
  cf_buf_putc(&body, '{');
  cf_json_put_member(&body, "software", cf_str_from(software));
  cf_json_put_member(&body, "what", cf_str_from(what));
  cf_buf_putc(&body, '}');
  enum cf_err err = body_event(CF_K_SERVICE, &body, event);
  cf_buf_fini(&body);
  return err;
}
