/* SPDX-License-Identifier: MIT */
/* counterfoil key: which keys sign the ledger, and another one. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "lib/base/codec.h"
#include "lib/record/json.h"

#define ANSWER_MAX (4u << 20)
#define KEYS       "/v1/keys"

static const struct cf_cli_option options[] = {
    {"overlap", "SPAN",
     "rotate: how long the old key signs too, like 7d, which it is without; 0s: not at all"},
    {"json", NULL, "print the answer as JSON"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

static void put_keys(struct cf_buf *b, const struct cf_json *doc)
{
  const struct cf_json *keys = cf_json_member(doc, "keys");
  cf_buf_putf(b, "%-22s%-22s%s\n", "FROM SIZE", "UNTIL SIZE", "VKEY");
  for (size_t i = 0; i < cf_json_count(keys); i++) {
    const struct cf_json *key = cf_json_element(keys, i);
    struct cf_str from = cf_json_number(cf_json_member(key, "from"));
    const struct cf_json *end = cf_json_member(key, "until");
    struct cf_str until = cf_json_type(end) == CF_JSON_NULL ? CF_STR("-") : cf_json_number(end);
    cf_buf_putf(b, "%-22.*s%-22.*s", (int)from.n, from.p, (int)until.n, until.p);
    cf_cli_put_safe(b, cf_json_string(cf_json_member(key, "vkey")), 1024);
    cf_buf_putc(b, '\n');
  }
}

static void put_change(struct cf_buf *b, const struct cf_json *doc)
{
  struct cf_str seq = cf_json_number(cf_json_member(doc, "seq"));
  struct cf_str until = cf_json_string(cf_json_member(doc, "until"));
  cf_cli_put_safe(b, cf_json_string(cf_json_member(doc, "vkey")), 1024);
  cf_buf_putf(b, "\nsigns every size above %.*s", (int)seq.n, seq.p);
  if (until.n > 0) {
    cf_buf_puts(b, "; the old key signs too until ");
    cf_cli_put_safe(b, until, 40);
  }
  cf_buf_putc(b, '\n');
}

/* Print an answer, as it is or in words. */
static int key_say(struct cf_cli *cli, const char *method, const char *path, struct cf_str body,
                   void (*put)(struct cf_buf *b, const struct cf_json *doc))
{
  struct cf_json *doc = NULL;
  struct cf_buf answer, words;
  cf_buf_init(&answer, ANSWER_MAX);
  cf_buf_init(&words, ANSWER_MAX);
  int status = cf_cli_ask(cli, method, path, body, &answer, &doc);
  if (status == CF_EXIT_TRUE) {
    put(&words, doc);
    enum cf_err err = cf_cli_print(cf_cli_value(cli, "json") != NULL ? &answer : &words);
    status = err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
  }
  cf_json_free(doc);
  cf_buf_fini(&words);
  cf_buf_fini(&answer);
  return status;
}

static int key_rotate(struct cf_cli *cli)
{
  const char *overlap = cf_cli_value(cli, "overlap");
  struct cf_buf body;
  cf_buf_init(&body, 1024);
  cf_buf_putc(&body, '{');
  if (overlap != NULL)
    cf_json_put_member(&body, "overlap", cf_str_from(overlap));
  cf_buf_putc(&body, '}');
  int status = body.err == CF_OK ? key_say(cli, "POST", KEYS, cf_buf_str(&body), put_change)
                                 : cf_cli_fail(cli, body.err);
  cf_buf_fini(&body);
  return status;
}

static int key_run(struct cf_cli *cli)
{
  const char *verb = cli->args[0];
  bool rotate = strcmp(verb, "rotate") == 0;
  if (cf_cli_value(cli, "overlap") != NULL && !rotate)
    return cf_cli_usage(cli, "--overlap goes with rotate");
  if (rotate)
    return key_rotate(cli);
  if (strcmp(verb, "retire") == 0)
    return key_say(cli, "POST", KEYS "/retire", CF_STR(""), put_keys);
  if (strcmp(verb, "list") == 0)
    return key_say(cli, "GET", KEYS, CF_STR(""), put_keys);
  return cf_cli_usage(cli, "say what to do: list, rotate or retire");
}

const struct cf_cli_command cf_cli_key = {
    .name = "key",
    .arguments = "list | rotate | retire",
    .summary = "List the keys that sign the ledger, and change to another one",
    .details =
        "A key signs checkpoints of the sizes from its own up to, not including, the end of its time. rotate makes a new\n"
        "one, which signs every size above the `key` record that it leaves, and prints it: keep it, as the first. What the\n"
        "old key signed stays good. For a while it signs too, so that who knows only the old one goes on; retire ends\n"
        "that at once.\n",
    .options = options,
    .args_min = 1,
    .args_max = 1,
    .run = key_run,
};
