/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi-app/command/cli_in.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/cf_test.h"

static const struct cf_cli_option options[] = {
    {"limit", "N", "a number"},
    {"json", NULL, "no value"},
    {NULL, NULL, NULL},
};
static const struct cf_cli_option filters[] = {
    {"user", "VALUE", "a filter"},
    {"", "VALUE", "passed over"},
    {"from", "TIME", "another"},
    {NULL, NULL, NULL},
};
static const struct cf_cli_command plain = {.name = "plain",
                                            .arguments = "FILE…",
                                            .options = options,
                                            .args_min = 0,
                                            .args_max = 3};
static const struct cf_cli_command asking = {.name = "asking",
                                             .arguments = "",
                                             .options = options,
                                             .filters = filters};

/* The words between spaces, parsed for a command, as one text. */
static const char *parsed(const struct cf_cli_command *command, const char *line)
{
  static char text[512];
  char copy[256], *words[16], *rest = copy;
  struct cf_cli cli = {.command = command};
  int n = 0;

  snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
    words[n++] = word;
  enum cf_cli_next next = cf_cli_parse(&cli, words, n);
  const char *limit = cf_cli_value(&cli, "limit"), *json = cf_cli_value(&cli, "json");
  int at = snprintf(text, sizeof text, "%s%s%s%s%s%s",
                    next == CF_CLI_HELP      ? "help"
                    : next == CF_CLI_VERSION ? "version"
                    : next == CF_CLI_WRONG   ? "wrong"
                                             : "run",
                    limit != NULL ? " limit=" : "", limit != NULL ? limit : "",
                    json != NULL ? " json" : "", cli.config != NULL ? " config=" : "",
                    cli.config != NULL ? cli.config : "");
  for (size_t i = 0; next == CF_CLI_RUN && i < cli.args_n; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, " [%s]", cli.args[i]);
  for (size_t i = 0; next == CF_CLI_RUN && i < cli.filters_n; i++)
    at += snprintf(text + at, sizeof text - (size_t)at, " %.*s:%s", (int)cli.filters[i].name.n,
                   cli.filters[i].name.p, cli.filters[i].value);
  free(cli.filters);
  return text;
}

static const struct {
  const struct cf_cli_command *command;
  const char *line, *want;
} cases[] = {
    {&plain, "", "run"},
    {&plain, "a --limit 3 b", "run limit=3 [a] [b]"},
    {&plain, "a --limit=3 b", "run limit=3 [a] [b]"},
    {&plain, "--limit= a", "run limit= [a]"},
    {&plain, "--limit -24h", "run limit=-24h"},
    {&plain, "--limit=--json", "run limit=--json"},
    {&plain, "--limit --json", "wrong"},
    {&plain, "--limit", "wrong"},
    {&plain, "--json=1", "wrong"},
    {&plain, "--json --config x", "run json config=x"},
    {&plain, "--config=x=y", "run config=x=y"},
    {&plain, "- -- --json -h", "run [-] [--json] [-h]"},
    {&plain, "a -h", "help"},
    {&plain, "--version", "version"},
    {&plain, "--help=x", "wrong"},
    {&plain, "-V", "version"},
    {&plain, "-x", "wrong"},
    {&plain, "-limit 3", "wrong"},
    {&plain, "--limi 3", "wrong"},
    {&plain, "a b c d", "wrong"},
    {&plain, "--user x", "wrong"},
    {&asking, "--user alice --limit 3", "run limit=3 user:alice"},
    {&asking, "--user=alice user=bob --user.not carol", "run user:alice user:bob user.not:carol"},
    {&asking, "--from -24h --from=-7d from=a=b", "run from:-24h from:-7d from:a=b"},
    {&asking, "--user --json", "wrong"},
    {&asking, "--user", "wrong"},
    {&asking, "user", "wrong"},
    {&asking, "nonsense=1", "run nonsense:1"},
    {&asking, "--nonsense=1", "wrong"},
    {&asking, "--=1", "wrong"},
    {&asking, "--user_agent x --attributes.tenant=y", "run user_agent:x attributes.tenant:y"},
    {&plain, "--user_agent x", "wrong"},
    {&asking, "-- --user=x", "run --user:x"},
};

START_TEST(words_become_options_filters_and_arguments)
{
  const char *got = parsed(cases[_i].command, cases[_i].line);

  if (strcmp(got, cases[_i].want) != 0)
    ck_abort_msg("%s: %s, not %s", cases[_i].line, got, cases[_i].want);
}
END_TEST

START_TEST(what_comes_before_the_command_ends_at_its_name)
{
  static const struct cf_cli_command top = {.name = ""};
  char text[][16] = {"--config", "x", "query", "--limit", "3"};
  char *words[] = {text[0], text[1], text[2], text[3], text[4]};
  struct cf_cli cli = {.command = &top};
  int used = 0;

  ck_assert_int_eq(cf_cli_parse_common(&cli, words, 5, &used), CF_CLI_RUN);
  ck_assert_int_eq(used, 2);
  ck_assert_str_eq(cli.config, "x");
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "words",
       .test = words_become_options_filters_and_arguments,
       .loops = CF_COUNT(cases)},
      {.tcase = "words", .test = what_comes_before_the_command_ends_at_its_name},
  };
  return cf_test_run("cli_parse", tests, CF_COUNT(tests));
}
