/* SPDX-License-Identifier: MIT */
/* counterfoil sample: made-up events, to try things with. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/command/sample_in.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"

#define N_MAX       UINT64_C(1000000000000)
#define FROM_MIN_US (24 * CF_HOUR_US)                        /* 1970-01-02 */
#define FROM_MAX_US (CF_TIME_MAX_US - 366 * 24 * CF_HOUR_US) /* leaves room for the events */
#define WRITE_N     65536

static const struct cf_cli_option options[] = {
    {"seed", "S", "another number gives other events (default: 1)"},
    {"from", "TIME", "when they begin (default: 2026-01-05T00:00:00Z)"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

static enum cf_err print_events(struct cf_sample *sample, uint64_t n)
{
  struct cf_buf b;
  enum cf_err err = CF_OK;
  cf_buf_init(&b, 2 * WRITE_N);
  for (uint64_t i = 0; i < n && err == CF_OK; i++) {
    cf_sample_put(sample, &b);
    if (b.n < WRITE_N && i + 1 < n)
      continue;
    err = cf_cli_print(&b);
    cf_buf_reset(&b);
  }
  cf_buf_fini(&b);
  return err;
}

static int sample_run(struct cf_cli *cli)
{
  const char *seed_text = cf_cli_value(cli, "seed"), *from_text = cf_cli_value(cli, "from");
  int64_t from_us = CF_SAMPLE_FROM_US;
  uint64_t n, seed = 1;
  struct cf_sample sample;
  if (cf_u64_parse(cf_str_from(cli->args[0]), N_MAX, &n) != CF_OK)
    return cf_cli_usage(cli, "N is how many events there shall be, a number");
  if (seed_text != NULL && cf_u64_parse(cf_str_from(seed_text), UINT64_MAX, &seed) != CF_OK)
    return cf_cli_usage(cli, "--seed is a number");
  if (from_text != NULL &&
      cf_time_parse_bound(cf_str_from(from_text), cf_clock_now_us(), &from_us) != CF_OK)
    return cf_cli_usage(cli, "--from is a time: 2026-01-05T00:00:00Z, a date, or -7d");
  if (from_us < FROM_MIN_US || from_us > FROM_MAX_US)
    return cf_cli_usage(cli, "--from is too early or too late");
  cf_sample_init(&sample, seed, from_us, n);
  enum cf_err err = print_events(&sample, n);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

const struct cf_cli_command cf_cli_sample = {
    .name = "sample",
    .arguments = "N",
    .summary = "Print N plausible events, one JSON object a line",
    .details =
        "The same N, seed and time give the same events: a week in the life of a small company's document application. Send them with\n"
        "  counterfoil sample 1000 | curl -H \"Authorization: Bearer $TOKEN\" --data-binary @- \"$URL/v1/events?batch=1\"\n",
    .options = options,
    .args_min = 1,
    .args_max = 1,
    .run = sample_run,
};
