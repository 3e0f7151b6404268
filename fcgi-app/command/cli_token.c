/* SPDX-License-Identifier: MIT */
/* counterfoil token: who may use the ledger. */
#include "config.h"

#include <string.h>

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/who/token.h"
#include "lib/base/crypto.h"
#include "lib/record/json.h"

#define ANSWER_MAX (4u << 20)
#define ASK_MAX    (64u << 10)
#define TOKENS     "/v1/tokens"

static const struct cf_cli_option options[] = {
    {"sources", "LIST",
     "add: other sources it may write, exact or a prefix that ends in '*'; several with commas"},
    {"expires", "TIME",
     "add: until when it holds: 2027-01-31T00:00:00Z, or a span from now like 90d"},
    {"replaces", "ID",
     "add: the token of the same name that it is in place of, which ends: at once, or after --overlap"},
    {"overlap", "SPAN", "add: how long the one that is replaced counts yet, like 24h"},
    {"json", NULL, "list: the answer as JSON"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

/* ---- add ---- */

static void put_list(struct cf_buf *b, const char *name, const char *list)
{
  struct cf_str left = cf_str_from(list);

  cf_json_put_name(b, name);
  cf_buf_putc(b, '[');
  for (bool first = true; left.n > 0; first = false) {
    if (!first)
      cf_buf_putc(b, ',');
    cf_json_put_str(b, cf_str_cut(&left, ','));
  }
  cf_buf_putc(b, ']');
}

static void put_token(struct cf_cli *cli, struct cf_buf *b)
{
  const char *sources = cf_cli_value(cli, "sources");
  static const char *const plain[] = {"expires", "replaces", "overlap"};

  cf_buf_putc(b, '{');
  cf_json_put_member(b, "name", cf_str_from(cli->args[1]));
  put_list(b, "roles", cli->args[2]);
  if (sources != NULL)
    put_list(b, "sources", sources);
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (cf_cli_value(cli, plain[i]) != NULL)
      cf_json_put_member(b, plain[i], cf_str_from(cf_cli_value(cli, plain[i])));
  cf_buf_putc(b, '}');
}

/* POST that the token of that id is revoked, at a ledger that is open. *refused
 * is the status of an answer that is no success, which is then in answer, else
 * 0. */
static enum cf_err revoke_post(struct cf_cli *cli, struct cf_str id, int *refused,
                               struct cf_buf *answer)
{
  struct cf_buf path;
  int http = 0;

  cf_buf_init(&path, 1024);
  cf_buf_putf(&path, TOKENS "/%.*s/revoke", (int)id.n, id.p);
  enum cf_err err = cf_ask_text(cli->asker, "POST", cf_buf_cstr(&path), CF_STR(""), NULL,
                                CF_STR(""), &http, answer, &cli->fault);
  cf_buf_fini(&path);
  *refused = http >= 400 ? http : 0;
  return err;
}

/* A token that could not be printed is nobody's. */
static int token_undo(struct cf_cli *cli, struct cf_str id)
{
  struct cf_buf answer, said;
  int refused;

  cf_buf_init(&answer, ANSWER_MAX);
  cf_buf_init(&said, 512);
  enum cf_err err = revoke_post(cli, id, &refused, &answer);
  cf_cli_put_safe(&said, id, 40);
  if (err == CF_OK && refused == 0)
    (void)fprintf(stderr, "Token %s could not be printed, so nobody has it: it was revoked.\n",
                  cf_buf_cstr(&said));
  else
    (void)fprintf(stderr,
                  "Token %s could not be printed, and not be revoked either; do that:\n"
                  "  counterfoil token revoke %s\n",
                  cf_buf_cstr(&said), cf_buf_cstr(&said));
  cf_buf_fini(&said);
  cf_buf_fini(&answer);
  return CF_EXIT_UNKNOWN;
}

/* The one time that the token is seen. */
static int print_token(struct cf_cli *cli, const struct cf_json *doc)
{
  struct cf_str token = cf_json_string(cf_json_member(doc, "token"));
  struct cf_str id = cf_json_string(cf_json_member(doc, "id"));
  struct cf_buf said;
  char room[512];

  if (token.n == 0)
    return cf_cli_fail(cli, cf_fail(&cli->fault, CF_E_SYNTAX, NULL, "the answer has no token"));
  cf_cli_printf("%.*s\n", (int)token.n, token.p);
  if (cf_cli_flush() != CF_OK)
    return token_undo(cli, id);
  cf_buf_fixed(&said, room, sizeof room);
  cf_cli_put_safe(&said, id, 40);
  (void)fprintf(stderr, "Token %s is shown this once: the ledger keeps only its hash.\n",
                cf_buf_cstr(&said));
  return CF_EXIT_TRUE;
}

static int token_add(struct cf_cli *cli, struct cf_buf *answer, struct cf_json **doc)
{
  struct cf_buf body;

  if (cli->args_n != 3)
    return cf_cli_usage(cli, "say: token add NAME ROLES");
  cf_buf_init(&body, ASK_MAX);
  put_token(cli, &body);
  int status = body.err == CF_OK ? cf_cli_ask(cli, "POST", TOKENS, cf_buf_str(&body), answer, doc)
                                 : cf_cli_fail(cli, body.err);
  cf_buf_fini(&body);
  return status == CF_EXIT_TRUE ? print_token(cli, *doc) : status;
}

/* ---- list ---- */

static void put_field(struct cf_buf *b, const struct cf_json *v, size_t width)
{
  struct cf_buf cell;

  cf_buf_init(&cell, 4096);
  if (cf_json_type(v) == CF_JSON_ARRAY)
    for (size_t i = 0; i < cf_json_count(v); i++) {
      if (i > 0)
        cf_buf_putc(&cell, ',');
      cf_buf_putstr(&cell, cf_json_string(cf_json_element(v, i)));
    }
  else
    cf_buf_putstr(&cell, cf_json_string(v));
  size_t before = b->n;
  cf_cli_put_safe(b, cf_buf_str(&cell), width);
  for (size_t n = b->n - before; n < width + 2; n++)
    cf_buf_putc(b, ' ');
  cf_buf_fini(&cell);
}

static const struct {
  const char *member;
  const char *title;
  size_t width;
} columns[] = {
    {"id", "ID", 10},           {"name", "NAME", 24},       {"roles", "ROLES", 43},
    {"made", "MADE", 27},       {"expires", "EXPIRES", 27}, {"revoked", "REVOKED", 27},
    {"sources", "SOURCES", 40},
};
#define COLUMNS_N (sizeof columns / sizeof columns[0])

static void end_row(struct cf_buf *b)
{
  while (b->n > 0 && b->p[b->n - 1] == ' ')
    cf_buf_cut(b, 1);
  cf_buf_putc(b, '\n');
}

static int print_list(struct cf_cli *cli, const struct cf_json *doc)
{
  const struct cf_json *tokens = cf_json_member(doc, "tokens");
  struct cf_buf b;

  cf_buf_init(&b, ANSWER_MAX);
  for (size_t k = 0; k < COLUMNS_N; k++)
    cf_buf_putf(&b, "%-*s", (int)columns[k].width + 2, columns[k].title);
  end_row(&b);
  for (size_t i = 0; i < cf_json_count(tokens); i++) {
    for (size_t k = 0; k < COLUMNS_N; k++)
      put_field(&b, cf_json_member(cf_json_element(tokens, i), columns[k].member),
                columns[k].width);
    end_row(&b);
  }
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

static int token_list(struct cf_cli *cli, struct cf_buf *answer, struct cf_json **doc)
{
  if (cli->args_n != 1)
    return cf_cli_usage(cli, "say: token list");
  int status = cf_cli_ask(cli, "GET", TOKENS, CF_STR(""), answer, doc);
  if (status != CF_EXIT_TRUE)
    return status;
  if (cf_cli_value(cli, "json") == NULL)
    return print_list(cli, *doc);
  enum cf_err err = cf_cli_print(answer);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

/* ---- revoke ---- */

/* The tokens of the list whose id, or whose name and which are not over, is the
 * word. */
struct meant {
  struct cf_str word;
  struct cf_str id, name; /* of the last one that was found */
  size_t n;
  struct cf_buf ids; /* of all that were */
};

static bool is_meant(struct cf_str word, const struct cf_json *token)
{
  return cf_str_eq(cf_json_string(cf_json_member(token, "id")), word) ||
         (cf_str_eq(cf_json_string(cf_json_member(token, "name")), word) &&
          cf_json_type(cf_json_member(token, "revoked")) != CF_JSON_STRING);
}

static void meant_find(struct meant *meant, const struct cf_json *tokens)
{
  for (size_t i = 0; i < cf_json_count(tokens); i++) {
    const struct cf_json *token = cf_json_element(tokens, i);
    if (!is_meant(meant->word, token))
      continue;
    meant->id = cf_json_string(cf_json_member(token, "id"));
    meant->name = cf_json_string(cf_json_member(token, "name"));
    cf_buf_puts(&meant->ids, meant->n++ > 0 ? ", " : "");
    cf_buf_putstr(&meant->ids, meant->id);
  }
}

static int meant_revoke(struct cf_cli *cli, const struct meant *meant)
{
  struct cf_buf answer, said;
  int refused;

  cf_buf_init(&answer, ANSWER_MAX);
  cf_buf_init(&said, 1024);
  enum cf_err err = revoke_post(cli, meant->id, &refused, &answer);
  cf_buf_puts(&said, "revoked ");
  cf_cli_put_safe(&said, meant->id, 40);
  cf_buf_putc(&said, ' ');
  cf_cli_put_safe(&said, meant->name, 128);
  cf_buf_putc(&said, '\n');
  int status = err != CF_OK   ? cf_cli_fail(cli, err)
               : refused != 0 ? cf_cli_refused(cli, refused, cf_buf_str(&answer))
                              : CF_EXIT_TRUE;
  if (status == CF_EXIT_TRUE && (err = cf_cli_print(&said)) != CF_OK)
    status = cf_cli_fail(cli, err);
  cf_buf_fini(&said);
  cf_buf_fini(&answer);
  return status;
}

static int token_revoke(struct cf_cli *cli, struct cf_buf *answer, struct cf_json **doc)
{
  struct meant meant = {.word = cf_str_from(cli->args[1])};

  if (cli->args_n != 2)
    return cf_cli_usage(cli, "say: token revoke ID, or the name of the only token that has it");
  int status = cf_cli_ask(cli, "GET", TOKENS, CF_STR(""), answer, doc);
  if (status != CF_EXIT_TRUE)
    return status;
  cf_buf_init(&meant.ids, 1024);
  meant_find(&meant, cf_json_member(*doc, "tokens"));
  if (meant.n == 1)
    status = meant_revoke(cli, &meant);
  else if (meant.n == 0)
    status = cf_cli_usage(cli, "there is no token of that id or name: see token list");
  else
    status = cf_cli_usage(cli, "%zu tokens have that name; say which: %s", meant.n,
                          cf_buf_cstr(&meant.ids));
  cf_buf_fini(&meant.ids);
  return status;
}

/* Each option is of one verb; to pass over one would surprise. The option that
 * is given with another verb, or NULL. */
static const char *misplaced(const struct cf_cli *cli, const char **verb)
{
  static const struct {
    const char *option, *verb;
  } places[] = {{"sources", "add"},
                {"expires", "add"},
                {"replaces", "add"},
                {"overlap", "add"},
                {"json", "list"}};

  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    if (cf_cli_value(cli, places[i].option) != NULL && strcmp(cli->args[0], places[i].verb) != 0) {
      *verb = places[i].verb;
      return places[i].option;
    }
  return NULL;
}

static int token_run(struct cf_cli *cli)
{
  static const struct {
    const char *name;
    int (*run)(struct cf_cli *cli, struct cf_buf *answer, struct cf_json **doc);
  } verbs[] = {{"add", token_add}, {"list", token_list}, {"revoke", token_revoke}};
  struct cf_json *doc = NULL;
  struct cf_buf answer;

  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    const char *verb;
    if (strcmp(cli->args[0], verbs[i].name) != 0)
      continue;
    const char *option = misplaced(cli, &verb);
    if (option != NULL)
      return cf_cli_usage(cli, "--%s goes with %s", option, verb);
    cf_buf_init(&answer, ANSWER_MAX);
    int status = verbs[i].run(cli, &answer, &doc);
    cf_json_free(doc);
    cf_wipe(answer.p, answer.n);
    cf_buf_fini(&answer);
    return status;
  }
  return cf_cli_usage(cli, "say what to do: add, list or revoke");
}

const struct cf_cli_command cf_cli_token = {
    .name = "token",
    .arguments = "add NAME ROLES | list | revoke ID|NAME",
    .summary = "Make, list and revoke the tokens that clients sign in with",
    .details =
        "Roles are " CF_ROLE_WORDS "; several with commas: an admin who is to\n"
        "read too is admin,auditor. A new token is printed once, alone on standard output. Its name is the source of\n"
        "the events that it writes, so a second one of a name is refused: to change a program's token without a gap, add\n"
        "the new one with --replaces and an --overlap in which the program gets it.\n",
    .options = options,
    .args_min = 1,
    .args_max = 3,
    .run = token_run,
};
