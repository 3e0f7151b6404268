/* SPDX-License-Identifier: MIT */
/* What it costs to take an event: makes a ledger in DIRECTORY/ledger, which
 * must not be there, and gives it the bodies of requests of sample events, a
 * thousand in each, the same again, and then one in each. Prints microseconds
 * of CPU time an event: of this thread for reading it; of the process for
 * appending it, the system's part for the disk included; and of this thread
 * while it held a mutex, which is the commit lock but for moments. Not a test.
 *   bench_append DIRECTORY [EVENTS [SINGLES]] */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi-app/command/sample_in.h"
#include "fcgi-app/routes/ingest_in.h"

#define BATCH 1000

static void must(enum cf_err err, const struct cf_fault *fault)
{
  if (err == CF_OK)
    return;
  fprintf(stderr, "%s: %s %s\n", cf_err_title(err), fault->at, fault->detail);
  exit(1);
}

static double cpu_us(clockid_t whose)
{
  struct timespec t;
  clock_gettime(whose, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- Under a lock: the linker sends every call of these two here ---- */

static _Thread_local bool watched;
static _Thread_local unsigned held;
static _Thread_local double since_us, held_us;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
  int result = __real_pthread_mutex_lock(mutex);
  if (watched && held++ == 0)
    since_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
  return result;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
  if (watched && --held == 0)
    held_us += cpu_us(CLOCK_THREAD_CPUTIME_ID) - since_us;
  return __real_pthread_mutex_unlock(mutex);
}

/* ---- Events ---- */

static struct cf_sample sample;
static struct cf_buf body, line;
static uint64_t made;

static void begin_events(uint64_t n)
{
  cf_sample_init(&sample, 1, CF_SAMPLE_FROM_US, n);
  made = 0;
}

/* The body of a request of n sample events, with ids. */
static void make_body(size_t n)
{
  cf_buf_reset(&body);
  for (size_t i = 0; i < n; i++) {
    cf_buf_reset(&line);
    cf_sample_put(&sample, &line);
    cf_buf_putf(&body, "{\"id\":\"bench-%llu\",%.*s", (unsigned long long)made++, (int)(line.n - 1),
                (const char *)line.p + 1);
  }
}

/* Looking at the locks costs time of its own: the process's time is taken in
 * one half, that under a lock in the other. */
static void bench(struct cf_ledger *ledger, const char *what, uint64_t n, size_t batch)
{
  struct cf_charges *charges = NULL;
  double read_us = 0, append_us = 0;
  struct cf_fault fault = {{0}, {0}};
  held_us = 0;
  must(cf_charges_new(UINT64_MAX, &charges), &fault);
  for (uint64_t i = 0; i < n; i += batch) {
    struct cf_ingest in;
    struct cf_charge charge = {.charges = charges};
    make_body(batch);
    cf_ingest_init(&in, &charge);
    in.rules.source = CF_STR("bench");
    double start = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    must(cf_ingest_read(&in, cf_buf_str(&body), batch, &fault), &fault);
    read_us += cpu_us(CLOCK_THREAD_CPUTIME_ID) - start;
    watched = i >= n / 2;
    start = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    must(cf_ingest_prepare(&in, &fault), &fault);
    must(cf_ledger_append(ledger, &in.append), &fault);
    cf_ingest_judge(&in);
    if (!watched)
      append_us += cpu_us(CLOCK_PROCESS_CPUTIME_ID) - start;
    watched = false;
    must(in.accepted + in.duplicates == batch ? CF_OK : CF_E_CONFLICT, &fault);
    cf_ingest_fini(&in);
    cf_charge_fini(&charge);
  }
  cf_charges_free(charges);
  double half = (double)n / 2;
  printf("%-16s read %6.2f us, append %7.2f us, under a lock %7.2f us\n", what, read_us / (double)n,
         append_us / half, held_us / half);
}

int main(int argc, char **argv)
{
  uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 400000;
  uint64_t singles = argc > 3 ? strtoull(argv[3], NULL, 10) : 4000;
  struct cf_conf conf;
  struct cf_ledger *ledger = NULL;
  struct cf_fault fault = {{0}, {0}};
  char path[4096];

  if (argc < 2 || n < 2 * BATCH || singles < 2) {
    fprintf(stderr, "usage: bench_append DIRECTORY [EVENTS [SINGLES]]\n");
    return 2;
  }
  n -= n % (2 * BATCH);
  singles -= singles % 2;
  snprintf(path, sizeof path, "%s/ledger", argv[1]);
  must(cf_conf_defaults(&conf), &fault);
  must(cf_conf_set(&conf, CF_STR("data"), cf_str_from(path), &fault), &fault);
  must(cf_conf_set(&conf, CF_STR("origin"), CF_STR("bench.example.org/log"), &fault), &fault);
  must(cf_conf_check(&conf, &fault), &fault);
  must(cf_ledger_init(&conf, &fault), &fault);
  must(cf_ledger_open(&conf, "bench", &ledger, &fault), &fault);
  cf_buf_init(&body, 64u << 20);
  cf_buf_init(&line, 64u << 10);
  begin_events(n + singles);
  bench(ledger, "batches of 1000", n, BATCH);
  begin_events(n + singles);
  bench(ledger, "the same again", n, BATCH);
  bench(ledger, "singles", singles, 1);
  cf_ledger_close(ledger);
  cf_buf_fini(&body);
  cf_buf_fini(&line);
  cf_conf_fini(&conf);
  return 0;
}
