/* SPDX-License-Identifier: MIT */
/* The records of made-up segments. */
#include "config.h"

#include "tests/unit/segment/segment_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint8_t fact_ledger_key[16] = "a ledger's key";
const unsigned fact_members[FACT_MEMBERS_N] = {CF_M_SOURCE,  CF_M_ACTION,    CF_M_METHOD,
                                               CF_M_STATUS,  CF_M_OUTCOME,   CF_M_USER,
                                               CF_M_IP,      CF_M_PATH,      CF_M_HOST,
                                               CF_M_SESSION, CF_M_REQUEST_ID};

uint64_t fact_mix(uint64_t a, uint64_t b)
{
  uint64_t x = a * 0x9e3779b97f4a7c15u + b * 0xc2b2ae3d27d4eb4fu;

  x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
  return x ^ x >> 29;
}

struct cf_str fact_value(uint32_t i, unsigned member, char text[300])
{
  uint64_t x = fact_mix(i, member);
  struct cf_str none = {NULL, 0};
  int n = 0;

  switch (member) {
  case CF_M_SOURCE: n = sprintf(text, "source%u", (unsigned)(x % 3)); break;
  /* neighbours that chunks part */
  case CF_M_ACTION:
    n = sprintf(text, "%s", i == 0 || i % 24 == 1 || i % 24 == 2 ? "list" : "read");
    break;
  case CF_M_METHOD: n = sprintf(text, "%s", x % 20 == 0 ? "POST" : "GET"); break;
  case CF_M_STATUS: n = sprintf(text, "%u", (unsigned)(200 + x % 4 * 101)); break;
  case CF_M_OUTCOME: n = sprintf(text, "%s", x % 9 == 0 ? "failure" : "success"); break;
  case CF_M_USER:
    n = x % 5 == 0 ? -1 : sprintf(text, "user%u", (unsigned)(x / 8 % (x % 3 == 0 ? 400 : 20)));
    break;
  case CF_M_IP: n = sprintf(text, "10.%u.%u.7", (unsigned)(x % 3), (unsigned)(x / 4 % 250)); break;
  case CF_M_PATH:
    n = sprintf(text, "/%0*u/%u", x % 40 == 0 ? 230 : 1, (unsigned)(x % 3),
                (unsigned)(x / 64 % 600));
    break;
  case CF_M_HOST:
    n = i >= 1000 && i < 1300 ? sprintf(text, "burst")
        : x % 30 == 0
            ? sprintf(text, x / 512 % 3 == 0 ? "H%u.Net" : "h%u.net", (unsigned)(x / 64 % 5))
            : -1;
    break;
  case CF_M_SESSION: n = x % 50 == 0 ? sprintf(text, "%s", "") : -1; break;
  case CF_M_REQUEST_ID: n = sprintf(text, "%016llx", (unsigned long long)x); break;
  default: n = -1;
  }
  if (n < 0)
    return none;
  if (member == CF_M_USER && x % 33 == 0)
    text[2] = '\0';
  return (struct cf_str){text, (size_t)n};
}

struct cf_str fact_id(uint32_t i, char text[300])
{
  int n = sprintf(text, "id%u", i % 100 == 3 ? 7 : i);

  return (struct cf_str){text, i % 17 == 0 ? 0 : (size_t)n};
}

enum cf_kind fact_kind(uint32_t i)
{
  return i % 64 == 0 ? CF_K_ACCESS : CF_K_EVENT;
}

int64_t fact_time(uint32_t i)
{
  return TIME_FIRST + (int64_t)i * 5000000 - (int64_t)(fact_mix(i, 99) % 40000000);
}

const uint8_t fact_before[CF_HASH_N] = "in front of the first record";
static uint8_t hashes[RECORDS][CF_HASH_N];

void fact_hash(uint32_t i, uint8_t hash[CF_HASH_N])
{
  memcpy(hash, hashes[i], CF_HASH_N);
}

static struct cf_buf blocks[RECORDS / CF_GROUP];

/* Some words are everywhere, some nearly nowhere. */
struct cf_str fact_message(uint32_t i, char text[300])
{
  uint64_t x = fact_mix(i, 1234);
  int n = sprintf(text, "Saw %c%c%c by \xc3\x89ric%u", (int)('A' + x % 26),
                  (int)('a' + x / 32 % 26), (int)('a' + x / 1024 % 26), (unsigned)(i / 64));

  if (x % 97 == 5)
    n += sprintf(text + n, ", once: %llx", (unsigned long long)x);
  return (struct cf_str){text, i % 5 == 0 ? (size_t)n / 2 : (size_t)n};
}

/* Some are larger than a page, some than many. */
static struct cf_record record_make(uint32_t i, char text[9000])
{
  static char message[300], detail[400];
  struct cf_str m = fact_message(i, message);
  uint32_t block = i / CF_GROUP;
  size_t n = block % 14 == 3 && i % 8 == 0 ? 8200 : block % 7 == 3 ? 300 + i % 50 : 20 + i % 20;
  int at = sprintf(text, "\"source\":\"");

  for (size_t k = 0; k < n; k++)
    text[at++] = (char)('a' + fact_mix(i, k / 8 + 5000) / (k % 8 + 1) % 26);
  text[at++] = '"';
  int detail_n = sprintf(detail, "{\"message\":\"%.*s\"}", (int)m.n, m.p);
  return (struct cf_record){.kind = fact_kind(i),
                            .payload[CF_C_DETAIL] = {detail, (size_t)detail_n},
                            .recorded_us = TIME_FIRST + i,
                            .time_us = CF_TIME_NONE,
                            .public_text = {text, (size_t)at}};
}

static void block_make(uint32_t i, struct cf_buf *b)
{
  static struct cf_block_writer w;
  static char text[9000];
  uint8_t key[CF_SALTKEY_N];

  cf_block_writer_init(&w);
  cf_buf_init(b, 1 << 20);
  cf_block_writer_begin(&w, FIRST + i * CF_GROUP);
  for (unsigned k = 0; k < CF_GROUP; k++) {
    struct cf_record r = record_make(i * CF_GROUP + k, text);
    memset(key, (int)(i + k / 40), sizeof key); /* another one within a part */
    if (cf_block_writer_add(&w, &r, key) != CF_OK)
      abort();
  }
  if (cf_block_writer_end(&w, b) != CF_OK)
    abort();
  cf_block_writer_fini(&w);
}

enum cf_err fact_block(uint32_t i, struct cf_block *block)
{
  return cf_block_open(block, FIRST + i * CF_GROUP, cf_buf_str(&blocks[i]));
}

static void hashes_make(uint32_t i)
{
  static struct cf_block block;
  struct cf_buf leaf;

  cf_block_init(&block);
  cf_buf_init(&leaf, CF_LEAF_MAX);
  if (fact_block(i, &block) != CF_OK)
    abort();
  for (unsigned k = 0; k < CF_GROUP; k++) {
    uint32_t n = i * CF_GROUP + k;
    cf_buf_reset(&leaf);
    cf_block_leaf(&block, k, n == 0 ? fact_before : hashes[n - 1], &leaf, hashes[n]);
  }
  cf_buf_fini(&leaf);
  cf_block_fini(&block);
}

static bool key_make(uint32_t i, unsigned index, uint8_t out[CF_INDEX_VALUE_MAX], size_t *n)
{
  char text[300];
  struct cf_str value = index == CF_I_KIND ? cf_str_from(cf_kind_table[fact_kind(i)].name)
                                           : fact_value(i, index, text);

  if (index == CF_I_DATE)
    *n = cf_index_date_key(fact_time(i), out);
  else if (value.p != NULL)
    *n = cf_index_key(index, value, out);
  return index == CF_I_DATE || value.p != NULL;
}

static struct {
  bool has;
  size_t n;
  uint8_t key[CF_INDEX_VALUE_MAX];
} keys[CF_I_N][RECORDS];

void fact_make(void)
{
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    block_make(i, &blocks[i]);
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    hashes_make(i);
  for (unsigned index = 0; index < CF_I_N; index++)
    for (uint32_t i = 0; i < RECORDS; i++)
      keys[index][i].has = key_make(i, index, keys[index][i].key, &keys[index][i].n);
}

bool fact_key(uint32_t i, unsigned index, struct cf_str *key)
{
  *key = (struct cf_str){(const char *)keys[index][i].key, keys[index][i].n};
  return keys[index][i].has;
}
