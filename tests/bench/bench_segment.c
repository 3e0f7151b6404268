/* SPDX-License-Identifier: MIT */
/* What a segment of made-up but plausible records costs: time to index, to
 * write, bytes on disk, memory, look-ups. By hand:
 *   bench_segment DIRECTORY [RECORDS] */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/record/values.h"
#include "lib/segment/segment.h"

#define TEXT 1024

static const uint8_t id_key[16] = "benchmark's key";
static uint64_t dice = 88172645463325252u;

static uint64_t roll64(void)
{
  dice ^= dice >> 12;
  dice ^= dice << 25;
  dice ^= dice >> 27;
  return dice * UINT64_C(2685821657736338717);
}

/* Skewed: small numbers come more often. */
static unsigned roll(unsigned below)
{
  double x = (double)(roll64() >> 11) / 9007199254740992.0;

  return (unsigned)(x * x * below);
}

/* Much more so, as paths are. */
static unsigned roll_path(unsigned below)
{
  return roll(roll(roll(below) + 1) + 1);
}

struct sample {
  uint32_t n;
  char (*text)[5][TEXT]; /* of the group being made */
  struct cf_index *index;
  struct cf_buf *block;
  uint8_t *hashes;
  int64_t *times;
  struct cf_values values[CF_GROUP];
  struct cf_index_keys keys[CF_GROUP];
  struct cf_buf key_bytes;
  struct cf_block_writer writer;
  double index_us, pack_us, values_us, keys_us;
  uint64_t *ids;
};

static void make_record(uint32_t i, char text[5][TEXT], struct cf_record *r)
{
  static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD"};
  static const unsigned statuses[] = {200, 200, 200, 200, 304, 302, 404, 403, 500};
  char when[CF_TIME_TEXT_N + 1];
  unsigned status = statuses[roll(9)];
  unsigned user = roll(800);

  memset(r, 0, sizeof *r);
  r->kind = CF_K_EVENT;
  r->seq = i;
  r->recorded_us = INT64_C(1795000000000000) + (int64_t)i * 250000 + (int64_t)(roll64() % 200000);
  r->time_us = r->recorded_us - (int64_t)(roll64() % 3000000);
  cf_time_format(r->time_us, when);
  snprintf(
      text[0], TEXT,
      "\"source\":\"www%u\",\"id\":\"%016" PRIx64
      ".%u\",\"time\":\"%s\",\"action\":\"http.request\",\"method\":\"%s\",\"status\":%u,\"outcome\":\"%s\"",
      roll(3), UINT64_C(0xa5c3e71b0d924f68) + i / 9000, i * 187, when, methods[roll(7)], status,
      status < 400 ? "success" : "failure");
  snprintf(text[1], TEXT, "{\"user\":\"user%u@example.org\",\"session\":\"%016" PRIx64 "\"}", user,
           (uint64_t)user * 0x9e3779b97f4a7c15u + i / 40000);
  snprintf(
      text[2], TEXT,
      "{\"ip\":\"192.%u.%u.%u\",\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64; rv:%u.0) Gecko/20100101 Firefox/%u.0\",\"referer\":\"https://www.example.org/section/%u\"}",
      user % 3, user % 200, user % 97, 90 + user % 30, 90 + user % 30, roll(300));
  unsigned path = roll_path(60000);
  snprintf(text[3], TEXT,
           "{\"resource\":\"/section/%u/document-%u.html\",%s\"host\":\"www%u.example.org\"}",
           path % 40, path, path % 5 == 0 ? "\"query\":\"sort=date\"," : "", path % 4);
  snprintf(text[4], TEXT,
           "{\"request_id\":\"%08x%016" PRIx64
           "\",\"bytes\":%u,\"duration_us\":%u,\"protocol\":\"HTTP/1.1\"}",
           0x67000000 + i / 4, roll64(), roll(100000), roll(900000));
  r->public_text = cf_str_from(text[0]);
  for (unsigned c = 0; c < CF_C_N; c++)
    r->payload[c] = cf_str_from(text[c + 1]);
}

static void must(enum cf_err err, const char *what)
{
  if (err == CF_OK)
    return;
  fprintf(stderr, "%s: %s\n", what, cf_err_title(err));
  exit(1);
}

/* Of the process's CPU time, since others use the machine too. */
static double now_us(void)
{
  struct timespec t;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_group(struct sample *s, uint32_t group)
{
  struct cf_record r[CF_GROUP];
  uint8_t key[CF_SALTKEY_N];

  cf_random(key, sizeof key);
  for (uint32_t i = 0; i < CF_GROUP; i++)
    make_record(group * CF_GROUP + i, s->text[i], &r[i]);
  double start = now_us();
  cf_block_writer_begin(&s->writer, group * CF_GROUP);
  for (uint32_t i = 0; i < CF_GROUP; i++)
    must(cf_block_writer_add(&s->writer, &r[i], key), "block");
  must(cf_block_writer_end(&s->writer, &s->block[group]), "block");
  s->pack_us += now_us() - start;
  start = now_us();
  for (uint32_t i = 0; i < CF_GROUP; i++)
    must(cf_values_get(&r[i], &s->values[i]), "values");
  s->values_us += now_us() - start;
  start = now_us();
  cf_buf_reset(&s->key_bytes);
  for (uint32_t i = 0; i < CF_GROUP; i++)
    cf_index_keys_put(id_key, r[i].kind, s->values[i].v, &s->key_bytes, &s->keys[i]);
  cf_index_keys_settle(&s->key_bytes, s->keys, CF_GROUP);
  must(s->key_bytes.err, "keys");
  s->keys_us += now_us() - start;
  start = now_us();
  for (uint32_t i = 0; i < CF_GROUP; i++)
    must(cf_index_add(s->index, group * CF_GROUP + i, cf_record_effective_us(&r[i]), &s->keys[i]),
         "index");
  s->index_us += now_us() - start;
  for (uint32_t i = 0; i < CF_GROUP; i++) {
    s->ids[group * CF_GROUP + i] = s->keys[i].fingerprint;
    s->times[group * CF_GROUP + i] = cf_record_effective_us(&r[i]);
  }
}

static enum cf_err source_block(void *context, uint32_t i, struct cf_block *block)
{
  const struct sample *s = context;

  return cf_block_open(block, i * CF_GROUP, cf_buf_str(&s->block[i]));
}

static enum cf_err source_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  struct sample *s = context;

  memcpy(out, s->hashes + (size_t)offset * CF_HASH_N, (size_t)n * CF_HASH_N);
  return CF_OK;
}

static enum cf_err source_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  struct sample *s = context;

  memcpy(out, s->times + offset, n * sizeof *out);
  return CF_OK;
}

static const uint8_t no_hash[CF_HASH_N];

static void make_hashes(struct sample *s, uint32_t group)
{
  static struct cf_block block;
  uint8_t *hash = s->hashes + (size_t)group * CF_GROUP * CF_HASH_N;
  struct cf_buf leaf;

  cf_block_init(&block);
  cf_buf_init(&leaf, CF_LEAF_MAX);
  must(source_block(s, group, &block), "block");
  for (unsigned i = 0; i < CF_GROUP; i++, hash += CF_HASH_N) {
    cf_buf_reset(&leaf);
    cf_block_leaf(&block, i, group + i == 0 ? no_hash : hash - CF_HASH_N, &leaf, hash);
  }
  cf_buf_fini(&leaf);
  cf_block_fini(&block);
}

static void make_sample(struct sample *s, uint32_t n)
{
  size_t bytes = 0;

  memset(s, 0, sizeof *s);
  s->n = n;
  s->text = malloc(CF_GROUP * sizeof *s->text);
  s->block = calloc(n / CF_GROUP, sizeof *s->block);
  s->hashes = malloc((size_t)n * CF_HASH_N);
  s->times = malloc(n * sizeof *s->times);
  s->ids = malloc(n * sizeof *s->ids);
  for (unsigned i = 0; i < CF_GROUP; i++)
    cf_values_init(&s->values[i]);
  cf_block_writer_init(&s->writer);
  cf_buf_init(&s->key_bytes, 1 << 20);
  must(cf_index_new(id_key, &s->index), "index");
  for (uint32_t g = 0; g < n / CF_GROUP; g++) {
    cf_buf_init(&s->block[g], 1 << 20);
    make_group(s, g);
    make_hashes(s, g);
    bytes += s->block[g].n;
  }
  printf("blocks    %6.2f us and %6.1f bytes a record\n", s->pack_us / n, (double)bytes / n);
  printf("values    %6.2f us a record\n", s->values_us / n);
  printf("keys      %6.2f us a record\n", s->keys_us / n);
  printf("index     %6.2f us a record, %.1f MB\n", s->index_us / n,
         (double)cf_index_memory(s->index) / 1e6);
}

/* Others may share a fingerprint, as far as it is kept. */
static bool is_other(void *context, uint32_t offset)
{
  bool other = *(uint32_t *)context != offset;

  if (!other)
    *(uint32_t *)context = UINT32_MAX;
  return other;
}

static void ask(struct cf_segment *segment, const char *what, unsigned index, const char *value,
                unsigned times, uint32_t n)
{
  uint8_t key[CF_INDEX_VALUE_MAX];
  struct cf_str k = {(char *)key, cf_index_key(index, cf_str_from(value), key)};
  struct cf_term term = {.index = index, .first = k, .last = k};
  struct cf_bits bits;
  double took = 0;

  must(cf_bits_new(n, &bits), "bits");
  for (unsigned i = 0; i < times; i++) {
    double start = now_us();
    must(cf_segment_match(segment, &term, 0, &bits), "match");
    took += now_us() - start;
  }
  printf("%-9s %6.2f us, %u found\n", what, took / times, cf_bits_count(&bits));
  cf_bits_free(&bits);
}

/* Single records in no order: each time n of them, of all the file or, warm, of
 * a few that come again. */
static void read_records(struct cf_segment *segment, const struct sample *s, const char *what,
                         uint32_t of)
{
  static struct cf_block block;
  const uint32_t n = 20000;

  cf_block_init(&block);
  double start = now_us();
  for (uint32_t i = 0; i < n; i++) {
    uint32_t at = (uint32_t)(roll64() % of * (s->n / of));
    must(cf_segment_part(segment, at, &block), "record");
    if (block.first > at || block.first + block.n <= at)
      must(CF_E_DAMAGED, "a record is not in its part");
  }
  printf("%-9s %6.2f us each\n", what, (now_us() - start) / n);
  cf_block_fini(&block);
}

static void read_all(struct cf_segment *segment, const struct sample *s)
{
  static struct cf_block block;
  uint8_t hashes[256 * CF_HASH_N];
  int64_t times[256];

  cf_block_init(&block);
  double start = now_us();
  for (uint32_t i = 0; i < s->n / CF_GROUP; i++)
    must(cf_segment_block(segment, i, &block), "block");
  printf("block     %6.2f us each\n", (now_us() - start) * CF_GROUP / s->n);
  cf_block_fini(&block);
  read_records(segment, s, "record", s->n);
  read_records(segment, s, "warm", 100);
  start = now_us();
  for (uint32_t i = 0; i < s->n; i += 256)
    must(cf_segment_hashes(segment, i, 256, hashes), "hashes");
  printf("256 hashes %5.2f us\n", (now_us() - start) * 256 / s->n);
  start = now_us();
  for (uint32_t i = 0; i < 10000; i++)
    must(cf_segment_hashes(segment, (uint32_t)(roll64() % s->n), 1, hashes), "hash");
  printf("a hash    %6.2f us\n", (now_us() - start) / 10000);
  start = now_us();
  for (uint32_t i = 0; i < s->n; i += 256)
    must(cf_segment_times(segment, i, 256, times), "times");
  printf("256 times %6.2f us\n", (now_us() - start) * 256 / s->n);
}

static void ask_ids(struct cf_segment *segment, const struct sample *s)
{
  uint32_t wanted = 0;

  must(cf_segment_find_id(segment, s->ids[0], is_other, &wanted), "id");
  double start = now_us();
  for (uint32_t i = 0; i < 20000; i++) {
    uint32_t k = (uint32_t)(roll64() % s->n);
    wanted = k;
    must(cf_segment_find_id(segment, s->ids[k], is_other, &wanted), "id");
    if (wanted != UINT32_MAX)
      must(CF_E_DAMAGED, "an id was not found");
  }
  printf("id        %6.2f us", (now_us() - start) / 20000);
  start = now_us();
  for (uint32_t i = 0; i < 200000; i++)
    must(cf_segment_find_id(segment, roll64(), is_other, &wanted), "id");
  printf(", absent %.2f us\n", (now_us() - start) / 200000);
}

int main(int argc, char **argv)
{
  uint32_t n = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) / 256 * 256 : 262144;
  struct cf_segment_pool *pool = NULL;
  struct cf_segment *segment = NULL;
  struct cf_fault fault = {{0}, {0}};
  struct sample s;

  if (argc < 2 || n == 0) {
    fprintf(stderr, "usage: bench_segment DIRECTORY [RECORDS]\n");
    return 2;
  }
  make_sample(&s, n);
  struct cf_segment_source source = {&s,      source_block, source_hashes, source_times,
                                     s.index, CF_STR(""),   no_hash};
  struct cf_segment_meta meta = {.end = n,
                                 .generation = 1,
                                 .time_min_us = CF_TIME_MIN_US,
                                 .time_max_us = CF_TIME_MAX_US};
  double start = now_us();
  enum cf_err err = cf_segment_build(argv[1], &source, &meta, &fault);
  if (err != CF_OK)
    fprintf(stderr, "%s\n", fault.detail);
  must(err, "build");
  printf("build     %6.2f us and %6.1f bytes a record\n", (now_us() - start) / n,
         (double)meta.bytes / n);
  must(cf_segment_pool_new(argv[1], 32 << 20, id_key, &pool), "pool");
  start = now_us();
  must(cf_segment_acquire(pool, &meta, &segment), "acquire");
  printf("open      %6.0f us\n", now_us() - start);
  ask(segment, "first ask", CF_M_METHOD, "PUT", 1, n);
  ask(segment, "dense", CF_M_METHOD, "PUT", 100, n);
  ask(segment, "rare", CF_M_USER, "user799@example.org", 10000, n);
  ask(segment, "absent", CF_M_USER, "user80@nowhere", 10000, n);
  ask_ids(segment, &s);
  read_all(segment, &s);
  cf_segment_release(pool, segment);
  cf_segment_pool_free(pool);
  return 0;
}
