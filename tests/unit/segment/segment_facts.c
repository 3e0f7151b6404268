/* SPDX-License-Identifier: MIT */
/* The records of made-up segments. */
#include "config.h"

#include "tests/unit/segment/segment_facts.h"

#include <stdio.h>

#include "lib/base/codec.h"

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
        : x % 30 == 0         ? sprintf(text, "h%u", (unsigned)(x / 64 % 5))
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

void fact_hash(uint32_t i, uint8_t hash[CF_HASH_N])
{
  for (size_t k = 0; k < CF_HASH_N; k += 8)
    cf_u64_put(hash + k, fact_mix(i, 1000 + k));
}

static struct cf_buf blocks[RECORDS / CF_GROUP];

static void block_make(uint32_t i, struct cf_buf *b)
{
  size_t n = i % 14 == 3 ? 66528 : i % 7 == 3 ? 20000 + i * 100 : i % 7 == 5 ? 2100 : 1500 + i * 3;

  cf_buf_init(b, n + 1);
  for (size_t k = 0; k < n; k++)
    cf_buf_putc(b, (char)fact_mix(i, k / 8 + 5000));
}

void fact_block(uint32_t i, struct cf_buf *b)
{
  cf_buf_putstr(b, cf_buf_str(&blocks[i]));
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
  for (unsigned index = 0; index < CF_I_N; index++)
    for (uint32_t i = 0; i < RECORDS; i++)
      keys[index][i].has = key_make(i, index, keys[index][i].key, &keys[index][i].n);
}

bool fact_key(uint32_t i, unsigned index, struct cf_str *key)
{
  *key = (struct cf_str){(const char *)keys[index][i].key, keys[index][i].n};
  return keys[index][i].has;
}
