/* SPDX-License-Identifier: MIT */
/* What a record costs: prints nanoseconds of CPU time for the functions that
 * every event or every row of an answer goes through. Not a test. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/codec.h"
#include "lib/record/event.h"
#include "lib/record/json.h"
#include "lib/record/scan.h"
#include "lib/record/values.h"

#define TURNS 200000

static struct cf_record sample(void)
{
  return (struct cf_record){
      .seq = 1234567,
      .recorded_us = INT64_C(1795485602000000),
      .kind = CF_K_EVENT,
      .time_us = INT64_C(1795485600000001),
      .public_text = CF_STR(
          "\"source\":\"web1\",\"id\":\"req-1\",\"time\":\"2026-11-24T02:00:00.000001Z\",\"method\":\"GET\",\"status\":200,\"outcome\":\"success\""),
      .payload =
          {
              CF_STR(
                  "{\"user\":\"alice@example.org\",\"session\":\"0f3a77c1\",\"credential\":\"tok_7f\"}"),
              CF_STR(
                  "{\"ip\":\"192.0.2.7\",\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\"}"),
              CF_STR(
                  "{\"resource\":\"/reports/q3\",\"query\":\"page=2\",\"host\":\"app.example.org\"}"),
              CF_STR("{\"request_id\":\"r-9\",\"bytes\":512,\"duration_us\":1834}"),
          },
  };
}

static void report(const char *what, clock_t start)
{
  printf("%-24s %7.0f ns\n", what, (double)(clock() - start) * 1e9 / CLOCKS_PER_SEC / TURNS);
}

static void bench_leaf(const struct cf_record *r)
{
  struct cf_buf b;
  uint8_t key[CF_SALTKEY_N] = {1}, prev[CF_HASH_N] = {2}, salts[CF_C_N][CF_HASH_N];
  cf_buf_init(&b, CF_LEAF_MAX);
  clock_t start = clock();
  for (int i = 0; i < TURNS; i++) {
    cf_buf_reset(&b);
    cf_leaf_put(r, prev, salts, &b, prev);
  }
  report("cf_leaf_put", start);
  start = clock();
  for (unsigned i = 0; i < TURNS; i++)
    cf_salts(key, i, salts);
  report("cf_salts", start);
  cf_buf_fini(&b);
}

static void bench_read(const struct cf_record *r)
{
  struct cf_values values;
  struct cf_buf b;
  struct cf_record back;
  cf_values_init(&values);
  cf_buf_init(&b, CF_LEAF_MAX);
  clock_t start = clock();
  for (int i = 0; i < TURNS; i++)
    if (cf_values_get(r, &values) != CF_OK)
      abort();
  report("cf_values_get", start);
  start = clock();
  for (int i = 0; i < TURNS; i++) {
    cf_buf_reset(&b);
    cf_record_put_flat(r, CF_FIELDS_ALL, &b);
  }
  report("cf_record_put_flat", start);
  cf_buf_reset(&b);
  cf_record_encode(r, r->recorded_us, &b);
  start = clock();
  for (int i = 0; i < TURNS; i++) {
    struct cf_reader reader;
    cf_reader_init(&reader, b.p, b.n);
    if (cf_record_decode(&reader, r->seq, r->recorded_us, &back) != CF_OK)
      abort();
  }
  report("cf_record_decode", start);
  cf_buf_fini(&b);
  cf_values_fini(&values);
}

/* An event of 415 bytes, as a client would send it. */
static const char event_text[] =
    "{\"time\":\"2026-11-24T03:00:00.000001+01:00\",\"id\":\"01JDB3Z5W6M3H8\",\"user\":\"alice@example.org\",\"session\":\"0f3a77c1d2\","
    "\"ip\":\"192.0.2.7\",\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\","
    "\"method\":\"GET\",\"resource\":\"/reports/q3/summary\",\"query\":\"page=2&sort=asc\",\"host\":\"app.example.org\","
    "\"status\":200,\"bytes\":51200,\"duration_us\":1834,\"request_id\":\"r-99120\",\"attributes\":{\"tenant\":\"t1\",\"n\":3}}";

static void bench_event(void)
{
  struct cf_event_rules rules = {.source = CF_STR("web1")};
  struct cf_str text = {event_text, sizeof event_text - 1}, value, rest;
  struct cf_event event;
  struct cf_json *doc;
  clock_t start = clock();
  for (int i = 0; i < TURNS; i++)
    if (cf_scan_value(text, CF_SCAN_DEPTH, &value, &rest, NULL) != CF_OK)
      abort();
  report("cf_scan_value", start);
  start = clock();
  for (int i = 0; i < TURNS; i++) {
    if (cf_json_parse(text, CF_SCAN_DEPTH, &doc, NULL) != CF_OK)
      abort();
    cf_json_free(doc);
  }
  report("cf_json_parse, free", start);
  start = clock();
  for (int i = 0; i < TURNS; i++) {
    if (cf_event_parse(text, &rules, &event, NULL) != CF_OK)
      abort();
    cf_event_fini(&event);
  }
  report("cf_event_parse, fini", start);
  printf("%zu bytes of event\n", text.n);
}

int main(void)
{
  struct cf_record r = sample();
  bench_event();
  bench_leaf(&r);
  bench_read(&r);
  return 0;
}
