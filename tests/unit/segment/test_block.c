/* SPDX-License-Identifier: MIT */
/* Blocks: what goes in comes out, with keys, explicit salts and erased
 * compartments; anything else is refused. */
#include "config.h"

#include "lib/segment/block.h"
#include "tests/unit/cf_test.h"

#define KEYS 3

static uint8_t keys[KEYS][CF_SALTKEY_N];
static uint8_t commitment[CF_HASH_N];

static struct cf_block_writer writer;
static struct cf_block block;
static struct cf_buf bytes;

static void set_up(void)
{
  for (size_t i = 0; i < KEYS; i++)
    memset(keys[i], (int)(0x11 * (i + 1)), sizeof keys[i]);
  memset(commitment, 0xcc, sizeof commitment);
  cf_block_writer_init(&writer);
  cf_block_init(&block);
  cf_buf_init(&bytes, 16 << 20);
}

static void tear_down(void)
{
  cf_block_writer_fini(&writer);
  cf_block_fini(&block);
  cf_buf_fini(&bytes);
}

/* The record of a seq; its texts live in a ring of buffers. Every seventh
 * misses the actor, every eleventh has it erased. */
static struct cf_record record_of(uint64_t seq)
{
  static char texts[CF_GROUP][4][256];
  char(*t)[256] = texts[seq % CF_GROUP];
  struct cf_record r = {.seq = seq, .kind = CF_K_EVENT, .time_us = CF_TIME_NONE};
  unsigned long long n = seq;

  r.recorded_us = INT64_C(1795000000000000) + (int64_t)seq * 1777;
  snprintf(
      t[0], sizeof t[0],
      "\"source\":\"web\",\"id\":\"%llu\",\"method\":\"GET\",\"status\":200,\"outcome\":\"success\"",
      n);
  snprintf(t[1], sizeof t[1], "{\"user\":\"user%llu\"}", n % 10);
  snprintf(t[2], sizeof t[2],
           "{\"ip\":\"192.0.2.%llu\",\"user_agent\":\"a program of some length / 1.0\"}", n % 200);
  snprintf(t[3], sizeof t[3], "{\"resource\":\"/path/%llu\",\"host\":\"www.example.org\"}", n * 7);
  r.public_text = cf_str_from(t[0]);
  if (seq % 11 == 5)
    r.gone[CF_C_ACTOR] = commitment;
  else if (seq % 7 != 3)
    r.payload[CF_C_ACTOR] = cf_str_from(t[1]);
  r.payload[CF_C_CLIENT] = cf_str_from(t[2]);
  r.payload[CF_C_RESOURCE] = cf_str_from(t[3]);
  return r;
}

/* How the i-th record of a block is salted in a case: by key 0, 1, 2, or
 * explicitly. */
enum { BY_SALTS = KEYS };
static const struct {
  uint64_t first;
  unsigned n;
  const char *plan; /* repeated over the records; '0' '1' '2' keys, 's' salts */
} cases[] = {
    {0, 64, "0"},   {128, 1, "1"}, {192, 1, "s"},          {70, 58, "0000000011"}, {64, 64, "s"},
    {64, 64, "0s"}, {127, 1, "2"}, {1 << 20, 64, "ss001"}, {5, 3, "012"},
};

static void salts_of(uint64_t seq, uint8_t salts[CF_C_N][CF_HASH_N])
{
  for (unsigned c = 0; c < CF_C_N; c++)
    memset(salts[c], (int)(seq * 5 + c + 1) & 0xff, CF_HASH_N);
}

static int how(size_t k, unsigned i)
{
  char c = cases[k].plan[i % strlen(cases[k].plan)];

  return c == 's' ? BY_SALTS : c - '0';
}

static void write_case(size_t k)
{
  uint8_t salts[CF_C_N][CF_HASH_N];

  cf_block_writer_begin(&writer, cases[k].first);
  for (unsigned i = 0; i < cases[k].n; i++) {
    struct cf_record r = record_of(cases[k].first + i);
    salts_of(r.seq, salts);
    if (how(k, i) == BY_SALTS)
      ck_assert_ok(cf_block_writer_add_salted(&writer, &r, (const uint8_t(*)[CF_HASH_N])salts));
    else
      ck_assert_ok(cf_block_writer_add(&writer, &r, keys[how(k, i)]));
  }
  cf_buf_puts(&bytes, "before");
  ck_assert_ok(cf_block_writer_end(&writer, &bytes));
}

static void check_record(const struct cf_record *got, const struct cf_record *want)
{
  ck_assert(cf_record_same(got, want));
  ck_assert_uint_eq(got->seq, want->seq);
  ck_assert_int_eq(got->recorded_us, want->recorded_us);
  for (unsigned c = 0; c < CF_C_N; c++) {
    ck_assert(cf_str_eq(got->payload[c], want->payload[c]));
    ck_assert_int_eq(got->gone[c] == NULL, want->gone[c] == NULL);
    if (want->gone[c] != NULL)
      ck_assert_bytes(got->gone[c], CF_HASH_N, want->gone[c], CF_HASH_N);
  }
}

static void check_salts(size_t k, unsigned i)
{
  uint8_t got[CF_C_N][CF_HASH_N] = {{0}};
  uint8_t want[CF_C_N][CF_HASH_N];

  cf_block_salts(&block, i, got);
  if (how(k, i) == BY_SALTS)
    salts_of(cases[k].first + i, want);
  else
    cf_salts(keys[how(k, i)], cases[k].first + i, want);
  for (unsigned c = 0; c < CF_C_N; c++) {
    bool present = block.record[i].payload[c].n > 0;
    if (!present)
      memset(want[c], 0, CF_HASH_N);
    ck_assert_bytes(got[c], CF_HASH_N, want[c], CF_HASH_N);
  }
}

START_TEST(test_round_trip)
{
  write_case((size_t)_i);
  struct cf_str s = {(char *)bytes.p + 6, bytes.n - 6};
  ck_assert_ok(cf_block_open(&block, cases[_i].first, s));
  ck_assert_uint_eq(block.n, cases[_i].n);
  for (unsigned i = 0; i < block.n; i++) {
    struct cf_record want = record_of(cases[_i].first + i);
    check_record(&block.record[i], &want);
    check_salts((size_t)_i, i);
  }
}
END_TEST

/* Full blocks of like records are compressed well, a single one is left
 * alone. */
START_TEST(test_size)
{
  write_case(0);
  ck_assert_uint_lt(bytes.n, 64 * 40);
  cf_buf_reset(&bytes);
  write_case(1);
  ck_assert_uint_lt(bytes.n, 400);
}
END_TEST

START_TEST(test_largest_records)
{
  static char text[CF_LEAF_MAX - 200];
  struct cf_record r = record_of(0);
  uint64_t state = 1;

  for (size_t i = 0; i < sizeof text; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    text[i] = (char)(state >> 56);
  }
  text[0] = '{';
  text[sizeof text - 1] = '}';
  r.payload[CF_C_DETAIL] = (struct cf_str){text, sizeof text};
  cf_block_writer_begin(&writer, 0);
  for (unsigned i = 0; i < CF_GROUP; i++)
    ck_assert_ok(cf_block_writer_add(&writer, &r, keys[i % 2]));
  ck_assert_ok(cf_block_writer_end(&writer, &bytes));
  ck_assert_ok(cf_block_open(&block, 0, cf_buf_str(&bytes)));
  for (unsigned i = 0; i < CF_GROUP; i++)
    ck_assert(cf_str_eq(block.record[i].payload[CF_C_DETAIL], r.payload[CF_C_DETAIL]));
}
END_TEST

/* Every shorter block, and every block with one byte changed, is refused or
 * read as some block: never a crash. A raw one that is cut is always
 * refused. */
START_TEST(test_damaged)
{
  write_case((size_t)_i);
  struct cf_str s = {(char *)bytes.p + 6, bytes.n - 6};
  for (size_t n = 0; n < s.n; n++) {
    char *cut = malloc(n + 1);
    memcpy(cut, s.p, n);
    ck_assert_err(cf_block_open(&block, cases[_i].first, (struct cf_str){cut, n}), CF_E_SYNTAX);
    free(cut);
  }
  for (size_t i = 0; i < s.n; i++) {
    bytes.p[6 + i] ^= (uint8_t)(1u << (i % 8));
    enum cf_err err = cf_block_open(&block, cases[_i].first, s);
    ck_assert(err == CF_OK || err == CF_E_SYNTAX);
    for (unsigned k = 0; err == CF_OK && k < block.n; k++) {
      uint8_t salts[CF_C_N][CF_HASH_N];
      cf_block_salts(&block, k, salts);
    }
    bytes.p[6 + i] ^= (uint8_t)(1u << (i % 8));
  }
  ck_assert_ok(cf_block_open(&block, cases[_i].first, s));
  cf_buf_putc(&bytes, 'x');
  s = (struct cf_str){(char *)bytes.p + 6, bytes.n - 6};
  ck_assert_err(cf_block_open(&block, cases[_i].first, s), CF_E_SYNTAX);
}
END_TEST

/* A block does not reach into the next aligned group. */
START_TEST(test_wrong_place)
{
  write_case(0);
  struct cf_str s = {(char *)bytes.p + 6, bytes.n - 6};
  ck_assert_err(cf_block_open(&block, 1, s), CF_E_SYNTAX);
  ck_assert_ok(cf_block_open(&block, 64, s));
}
END_TEST

/* What the parts of the open block and its salts are, one behind the other. */
static void parts_put(struct cf_buf *raw, size_t end[CF_PARTS])
{
  for (unsigned i = 0; i < CF_PARTS; i++) {
    cf_block_part_put(&block, i, raw);
    end[i] = raw->n;
  }
  cf_buf_putstr(raw, block.salts);
}

/* A block in parts is the same block: an explicit salt stays with its record,
 * a key serves all parts. Cut anywhere it is refused. */
START_TEST(test_parts)
{
  struct cf_buf raw;
  size_t end[CF_PARTS];

  if (cases[_i].n != CF_GROUP)
    return;
  cf_buf_init(&raw, 16 << 20);
  write_case((size_t)_i);
  ck_assert_ok(
      cf_block_open(&block, cases[_i].first, (struct cf_str){(char *)bytes.p + 6, bytes.n - 6}));
  parts_put(&raw, end);
  cf_buf_reset(&block.raw);
  cf_buf_putstr(&block.raw, cf_buf_str(&raw));
  ck_assert_ok(cf_block_open_parts(&block, cases[_i].first, end, CF_PARTS));
  ck_assert_uint_eq(block.n, CF_GROUP);
  for (unsigned i = 0; i < CF_GROUP; i++) {
    struct cf_record want = record_of(cases[_i].first + i);
    check_record(&block.record[i], &want);
    check_salts((size_t)_i, i);
  }
  for (size_t n = end[CF_PARTS - 1] + 1; n < raw.n; n++) {
    block.raw.n = n;
    ck_assert_err(cf_block_open_parts(&block, cases[_i].first, end, CF_PARTS), CF_E_SYNTAX);
    ck_assert_uint_eq(block.n, 0);
  }
  end[2] -= 3;
  ck_assert_err(cf_block_open_parts(&block, cases[_i].first, end, CF_PARTS), CF_E_SYNTAX);
  cf_buf_fini(&raw);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "block",
       .test = test_round_trip,
       .loops = CF_COUNT(cases),
       .setup = set_up,
       .teardown = tear_down},
      {.tcase = "block", .test = test_size},
      {.tcase = "block", .test = test_largest_records},
      {.tcase = "block", .test = test_damaged, .loops = CF_COUNT(cases)},
      {.tcase = "block", .test = test_wrong_place},
      {.tcase = "block", .test = test_parts, .loops = CF_COUNT(cases)},
  };
  return cf_test_run("block", tests, CF_COUNT(tests));
}
