/* SPDX-License-Identifier: MIT */
/* Sets, keys, chunks and the index in memory, each against a naive
 * reference. */
#include "config.h"

#include "lib/index/bits.h"
#include "lib/index/index.h"
#include "lib/index/postings.h"
#include "lib/index/siphash_in.h"
#include "tests/unit/cf_test.h"

static const uint8_t id_key[16] = {1, 2, 3};

static uint64_t dice = 88172645463325252u;

static uint32_t roll(uint32_t below)
{
  return (uint32_t)cf_test_random(&dice, below);
}

/* ---- sipHash: the vectors of its reference implementation ---- */

static const struct {
  size_t n;
  uint64_t hash;
} sip_vectors[] = {
    {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
    {3, 0x85676696d7fb7e2d},  {4, 0xcf2794e0277187b7}, {5, 0x18765564cd99a68d},
    {6, 0xcbc9466e58fee3ce},  {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462},
    {15, 0xa129ca6149be45e5},
};

START_TEST(test_siphash)
{
  uint8_t key[16], text[16];

  for (uint8_t i = 0; i < 16; i++)
    key[i] = text[i] = i;
  ck_assert_uint_eq(cf_siphash(key, text, sip_vectors[_i].n), sip_vectors[_i].hash);
}
END_TEST

/* ---- sets ---- */

static const uint32_t sizes[] = {0, 1, 63, 64, 65, 1000, 4096};

static void check_bits(const struct cf_bits *bits, const bool *want)
{
  uint32_t count = 0, next = UINT32_MAX, prev = UINT32_MAX;

  for (uint32_t i = 0; i < bits->n; i++) {
    count += want[i];
    ck_assert_int_eq(cf_bits_has(bits, i), want[i]);
    prev = want[i] ? i : prev;
    ck_assert_uint_eq(cf_bits_prev(bits, i), prev);
  }
  for (uint32_t i = bits->n; i-- > 0;) {
    next = want[i] ? i : next;
    ck_assert_uint_eq(cf_bits_next(bits, i), next);
  }
  ck_assert_uint_eq(cf_bits_count(bits), count);
  ck_assert(!cf_bits_more(bits, count));
  ck_assert(count == 0 || cf_bits_more(bits, count - 1));
  ck_assert_uint_eq(cf_bits_next(bits, bits->n), UINT32_MAX);
  ck_assert_uint_eq(cf_bits_prev(bits, UINT32_MAX), prev);
  ck_assert(!cf_bits_has(bits, bits->n));
}

START_TEST(test_bits)
{
  uint32_t n = sizes[_i];
  struct cf_bits a, b;
  bool *want = calloc(n + 1, 1);
  bool *other = calloc(n + 1, 1);

  ck_assert_ok(cf_bits_new(n, &a));
  ck_assert_ok(cf_bits_new(n, &b));
  check_bits(&a, want);
  for (int round = 0; round < 20 && n > 0; round++) {
    uint32_t from = roll(n + 1), to = roll(n + 70);
    for (uint32_t i = from; i < to && i < n; i++)
      other[i] = round % 2 == 0 || other[i];
    if (round % 2 == 0)
      cf_bits_set_range(&b, from, to);
    uint32_t one = roll(n);
    want[one] = true;
    cf_bits_set(&a, one);
    check_bits(&a, want);
    check_bits(&b, other);
  }
  cf_bits_set(&a, n);
  cf_bits_and(&a, &b);
  for (uint32_t i = 0; i < n; i++)
    want[i] = want[i] && other[i];
  check_bits(&a, want);
  cf_bits_free(&a);
  cf_bits_free(&b);
  free(want);
  free(other);
}
END_TEST

/* Bytes of bits, at any place, below and beyond what is asked for. */
START_TEST(test_bits_put)
{
  uint32_t n = sizes[_i];

  for (int round = 0; round < 300; round++) {
    uint8_t bytes[40];
    uint32_t offset = roll(n + 70), from = roll(n + 70), count = 0;
    size_t length = roll(sizeof bytes + 1);
    struct cf_bits bits;
    bool *want = calloc(n + 1, 1);
    ck_assert_ok(cf_bits_new(n, &bits));
    for (size_t i = 0; i < length; i++)
      bytes[i] = (uint8_t)roll(256);
    for (uint32_t k = 0; k < 8 * length; k++) {
      bool set = bytes[k / 8] >> k % 8 & 1;
      count += set;
      if (set && offset + k >= from && offset + k < n)
        want[offset + k] = true;
    }
    ck_assert_uint_eq(cf_bits_put(&bits, offset, bytes, length, from), count);
    check_bits(&bits, want);
    cf_bits_free(&bits);
    free(want);
  }
}
END_TEST

/* ---- keys ---- */

static const struct {
  unsigned index;
  const char *value;
  const char *hex;
} keys[] = {
    {CF_M_USER, "alice", "616c696365"},
    {CF_M_USER, "", ""},
    {CF_M_USER, "a\001b", "61010262"},
    {CF_M_STATUS, "404", "0194"},
    {CF_M_STATUS, "0", "0000"},
    {CF_M_IP, "192.0.2.1", "00000000000000000000ffffc0000201"},
    {CF_M_IP, "2001:db8::1", "20010db8000000000000000000000001"},
    {CF_I_KIND, "event", "6576656e74"},
};

START_TEST(test_keys)
{
  uint8_t out[CF_INDEX_VALUE_MAX];
  size_t n = cf_index_key(keys[_i].index, cf_str_from(keys[_i].value), out);

  ck_assert_hex(out, n, keys[_i].hex);
}
END_TEST

START_TEST(test_long_and_odd_keys)
{
  uint8_t out[CF_INDEX_VALUE_MAX];
  char text[300];

  memset(text, 'x', sizeof text);
  ck_assert_uint_eq(cf_index_key(CF_M_PATH, (struct cf_str){text, 300}, out), CF_INDEX_VALUE_MAX);
  ck_assert_uint_eq(cf_index_key(CF_M_PATH, (struct cf_str){text, 199}, out), 199);
  memset(text, 0, sizeof text);
  ck_assert_uint_eq(cf_index_key(CF_M_PATH, (struct cf_str){text, 3}, out), 6);
  ck_assert_hex(out, 6, "010101010101");
  text[0] = 'x';
  ck_assert_uint_eq(cf_index_key(CF_M_PATH, (struct cf_str){text, 300}, out), CF_INDEX_VALUE_MAX);
  ck_assert_uint_eq(cf_index_date_key(INT64_C(1795491900000000), out), 13);
  ck_assert_bytes(out, 13, "2026-11-24T03", 13);
  ck_assert_str_eq(cf_index_name(CF_I_DATE), "date");
  ck_assert_str_eq(cf_index_name(CF_I_KIND), "kind");
  ck_assert_str_eq(cf_index_name(CF_M_PATH), "resource");
  ck_assert(!cf_index_exists(CF_M_QUERY));
  ck_assert(!cf_index_exists(CF_I_N));
  ck_assert(cf_index_exists(CF_M_ID));
}
END_TEST

/* Keys keep order and prefixes, whatever the bytes. */
START_TEST(test_key_order)
{
  uint8_t x[CF_INDEX_VALUE_MAX], y[CF_INDEX_VALUE_MAX];
  char a[24], b[24];

  for (int round = 0; round < 20000; round++) {
    uint32_t few = round % 2 == 0 ? 4 : 40, same = roll(20);
    for (size_t i = 0; i < 24; i++) {
      a[i] = (char)roll(few);
      b[i] = (char)(i < same ? a[i] : (char)roll(few));
    }
    struct cf_str s = {a, roll(25)}, t = {b, roll(25)};
    struct cf_str k = {(char *)x, cf_index_key(CF_M_USER, s, x)},
                  l = {(char *)y, cf_index_key(CF_M_USER, t, y)};
    int order = cf_str_cmp(s, t), key_order = cf_str_cmp(k, l);
    ck_assert_int_eq((order > 0) - (order < 0), (key_order > 0) - (key_order < 0));
    ck_assert_int_eq(cf_str_starts(s, t), cf_str_starts(k, l));
    ck_assert_ptr_null(memchr(x, 0, k.n));
  }
}
END_TEST

/* ---- chunks ---- */

#define LIMIT 50000

/* One offset in so many, in runs or not. */
static const struct {
  uint32_t one_in, run;
} densities[] = {{1, 1},  {2, 1},    {3, 5},   {8, 1},    {9, 1},
                 {30, 1}, {30, 400}, {300, 1}, {5000, 1}, {20000, 3}};

static uint32_t make_list(size_t k, uint32_t *list)
{
  uint32_t n = 0;

  for (uint32_t i = roll(10); i < LIMIT; i++)
    if (densities[k].one_in == 1 ||
        (densities[k].run == 1 ? roll(densities[k].one_in) == 0
                               : i / densities[k].run % densities[k].one_in == 0))
      list[n++] = i;
  if (n == 0)
    list[n++] = LIMIT - 1;
  return n;
}

START_TEST(test_chunks)
{
  static uint32_t list[LIMIT];
  uint32_t n = make_list((size_t)_i, list);
  uint32_t from = roll(LIMIT / 2), taken = 0, total = 0, chunks = 0, count, last;
  struct cf_bits bits;
  struct cf_buf b;

  ck_assert_ok(cf_bits_new(LIMIT - 1000, &bits));
  cf_buf_init(&b, 4096);
  while (taken < n) {
    uint32_t k = cf_chunk_take(list + taken, n - taken);
    ck_assert_uint_ge(k, 1);
    ck_assert_uint_le(k, n - taken);
    cf_buf_reset(&b);
    cf_chunk_put(&b, list + taken, k);
    ck_assert_uint_le(b.n, 515);
    ck_assert_ok(cf_chunk_get(list[taken], cf_buf_str(&b), LIMIT, from, &bits, &count, &last));
    ck_assert_uint_eq(count, k);
    ck_assert_uint_eq(last, list[taken + k - 1]);
    taken += k;
    total += (uint32_t)b.n;
    chunks++;
  }
  uint32_t want = 0;
  for (uint32_t i = 0; i < n; i++) {
    bool in = list[i] >= from && list[i] < bits.n;
    ck_assert(!in || cf_bits_has(&bits, list[i]));
    want += in;
  }
  ck_assert_uint_eq(cf_bits_count(&bits), want);
  ck_assert_uint_le(total + 24 * chunks, n / 8 + 2 * n + 64);
  ck_assert(densities[_i].one_in > 8 || total + 24 * chunks <= LIMIT / 8 * 12 / 10);
  cf_bits_free(&bits);
  cf_buf_fini(&b);
}
END_TEST

/* Every chunk that was cut, lengthened or changed is refused, or is the chunk
 * of some other ascending list below the limit. */
START_TEST(test_damaged_chunks)
{
  static uint32_t list[LIMIT];
  uint32_t n = make_list((size_t)_i, list);
  uint32_t k = cf_chunk_take(list, n), count, last;
  struct cf_bits bits;
  struct cf_buf b, again;

  ck_assert_ok(cf_bits_new(LIMIT, &bits));
  cf_buf_init(&b, 4096);
  cf_buf_init(&again, 4096);
  cf_chunk_put(&b, list, k);
  for (size_t cut = 0; cut < b.n; cut++)
    ck_assert_err(cf_chunk_get(list[0], (struct cf_str){(char *)b.p, cut}, LIMIT, 0, &bits, &count,
                               &last),
                  CF_E_SYNTAX);
  for (size_t i = 0; i < b.n; i++) {
    b.p[i] ^= (uint8_t)(1u << roll(8));
    struct cf_bits other;
    ck_assert_ok(cf_bits_new(LIMIT, &other));
    enum cf_err err = cf_chunk_get(list[0], cf_buf_str(&b), LIMIT, 0, &other, &count, &last);
    ck_assert(err == CF_E_SYNTAX || (err == CF_OK && cf_bits_count(&other) == count &&
                                     cf_bits_prev(&other, LIMIT) == last));
    cf_bits_free(&other);
    cf_buf_reset(&b);
    cf_chunk_put(&b, list, k);
  }
  ck_assert_err(cf_chunk_get(list[0], cf_buf_str(&b), list[k - 1], 0, &bits, &count, &last),
                CF_E_SYNTAX);
  cf_buf_putc(&b, 1);
  ck_assert_err(cf_chunk_get(list[0], cf_buf_str(&b), LIMIT, 0, &bits, &count, &last), CF_E_SYNTAX);
  cf_bits_free(&bits);
  cf_buf_fini(&b);
  cf_buf_fini(&again);
}
END_TEST

/* ---- the index ---- */

#define RECORDS 3000

/* Values of a made-up record, one of a few texts for each member, or none. */
struct made {
  char user[24], path[300], id[24], ip[24], status[8];
  bool has_user;
  int64_t time_us;
};

static struct made made[RECORDS];

static void make_records(void)
{
  for (uint32_t i = 0; i < RECORDS; i++) {
    struct made *m = &made[i];
    m->has_user = roll(5) > 0;
    snprintf(m->user, sizeof m->user, "user%u", roll(1 + roll(400)));
    snprintf(m->path, sizeof m->path, "/%0*u/%u", roll(20) == 0 ? 250 : 1, roll(3),
             roll(3) == 0 ? i : roll(40));
    snprintf(m->id, sizeof m->id, "id%u", roll(10) == 0 ? 7 : i);
    snprintf(m->ip, sizeof m->ip, "10.0.%u.%u", roll(3), roll(256));
    snprintf(m->status, sizeof m->status, "%u", 200 + roll(4) * 101);
    m->time_us = INT64_C(1795490000000000) + (int64_t)i * 9000000 + roll(4000000);
  }
}

static struct cf_index *build_index(uint32_t n)
{
  struct cf_index *index = NULL;
  struct cf_buf b;

  cf_buf_init(&b, 1 << 16);
  ck_assert_ok(cf_index_new(id_key, &index));
  for (uint32_t i = 0; i < n; i++) {
    struct cf_str value[CF_M_N] = {{NULL, 0}};
    struct cf_index_keys made_keys;
    if (made[i].has_user)
      value[CF_M_USER] = cf_str_from(made[i].user);
    value[CF_M_PATH] = cf_str_from(made[i].path);
    value[CF_M_ID] = cf_str_from(made[i].id);
    value[CF_M_IP] = cf_str_from(made[i].ip);
    value[CF_M_STATUS] = cf_str_from(made[i].status);
    cf_buf_reset(&b);
    cf_index_keys_put(id_key, i % 50 == 0 ? CF_K_ACCESS : CF_K_EVENT, value, &b, &made_keys);
    ck_assert_ok(b.err);
    ck_assert_ok(cf_index_add(index, i, made[i].time_us, &made_keys));
  }
  cf_buf_fini(&b);
  return index;
}

/* The key of a record in an index; false where it has none. */
static bool made_key(uint32_t i, unsigned which, uint8_t out[CF_INDEX_VALUE_MAX],
                     struct cf_str *key)
{
  const struct made *m = &made[i];
  const char *text = which == CF_M_USER   ? m->user
                     : which == CF_M_PATH ? m->path
                     : which == CF_M_IP   ? m->ip
                                          : m->status;

  if (which == CF_M_USER && !m->has_user)
    return false;
  if (which == CF_I_KIND)
    text = i % 50 == 0 ? "access" : "event";
  key->p = (const char *)out;
  key->n = which == CF_I_DATE ? cf_index_date_key(m->time_us, out)
                              : cf_index_key(which, cf_str_from(text), out);
  return true;
}

static const struct {
  unsigned index;
  const char *first, *last;
  bool prefix;
} questions[] = {
    {CF_M_USER, "user3", "user3", false},   {CF_M_USER, "nobody", "nobody", false},
    {CF_M_USER, "user2", "user4", false},   {CF_M_USER, "user1", "", true},
    {CF_M_PATH, "/0/7", "/0/7", false},     {CF_M_PATH, "/1", "", true},
    {CF_M_STATUS, "200", "301", false},     {CF_M_IP, "10.0.1.0", "10.0.1.255", false},
    {CF_I_KIND, "access", "access", false}, {CF_M_USER, "", "", true},
    {CF_M_USER, "z", "a", false},
};

START_TEST(test_index_against_scan)
{
  uint8_t first[CF_INDEX_VALUE_MAX], last[CF_INDEX_VALUE_MAX], out[CF_INDEX_VALUE_MAX];
  unsigned which = questions[_i].index;
  struct cf_term term = {.index = which, .prefix = questions[_i].prefix};
  struct cf_str key;
  struct cf_bits bits;

  make_records();
  struct cf_index *index = build_index(RECORDS);
  term.first =
      (struct cf_str){(char *)first, cf_index_key(which, cf_str_from(questions[_i].first), first)};
  term.last =
      (struct cf_str){(char *)last, cf_index_key(which, cf_str_from(questions[_i].last), last)};
  ck_assert_ok(cf_bits_new(RECORDS - 100, &bits));
  uint32_t count = 0;
  cf_index_match(index, &term, 50, &bits);
  for (uint32_t i = 0; i < RECORDS; i++) {
    bool has = made_key(i, which, out, &key);
    if (has && term.prefix)
      has = cf_str_starts(key, term.first);
    else if (has)
      has = cf_str_cmp(key, term.first) >= 0 && cf_str_cmp(key, term.last) <= 0;
    ck_assert_int_eq(cf_bits_has(&bits, i), has && i >= 50 && i < RECORDS - 100);
    count += has;
  }
  ck_assert_uint_eq(cf_index_count(index, &term), cf_term_is_one(&term) ? count : UINT32_MAX);
  cf_bits_free(&bits);
  cf_index_free(index);
}
END_TEST

/* What a walk must give: keys ascending, each with all its records below the
 * limit. */
struct walk {
  unsigned which;
  uint32_t limit, seen;
  char last[CF_INDEX_VALUE_MAX];
  size_t last_n;
  bool any;
};

static enum cf_err check_walk(void *context, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct walk *w = context;
  uint8_t out[CF_INDEX_VALUE_MAX];
  struct cf_str other;

  ck_assert(!w->any || cf_str_cmp((struct cf_str){w->last, w->last_n}, key) < 0);
  ck_assert_uint_gt(n, 0);
  for (uint32_t k = 0; k < n; k++) {
    ck_assert(k == 0 || offsets[k] > offsets[k - 1]);
    ck_assert_uint_lt(offsets[k], w->limit);
    ck_assert(made_key(offsets[k], w->which, out, &other));
    ck_assert(cf_str_eq(other, key));
  }
  w->seen += n;
  w->any = true;
  memcpy(w->last, key.p, key.n);
  w->last_n = key.n;
  return CF_OK;
}

static const unsigned walked[] = {CF_M_USER, CF_M_PATH, CF_M_IP,  CF_M_STATUS,
                                  CF_I_DATE, CF_I_KIND, CF_M_HOST};

START_TEST(test_walk)
{
  struct walk w = {.which = walked[_i], .limit = 2048};
  uint8_t out[CF_INDEX_VALUE_MAX];
  struct cf_str key;
  uint32_t want = 0;

  make_records();
  struct cf_index *index = build_index(RECORDS);
  ck_assert_ok(cf_index_each(index, w.which, w.limit, check_walk, &w));
  for (uint32_t i = 0; i < w.limit && w.which != CF_M_HOST; i++)
    want += made_key(i, w.which, out, &key);
  ck_assert_uint_eq(w.seen, want);
  cf_index_free(index);
}
END_TEST

struct found {
  uint32_t n, stop, last;
};

static bool count_found(void *context, uint32_t offset)
{
  struct found *f = context;

  ck_assert(f->n == 0 || offset > f->last);
  f->last = offset;
  return ++f->n != f->stop;
}

static enum cf_err check_id(void *context, uint64_t fingerprint, uint32_t offset)
{
  struct {
    uint64_t fingerprint;
    uint32_t offset, n;
  } *last = context;

  uint64_t front = fingerprint >> 32, before = last->fingerprint >> 32;
  ck_assert(last->n == 0 || front > before || (front == before && offset > last->offset));
  ck_assert_uint_eq(fingerprint, cf_id_fingerprint(id_key, cf_str_from(made[offset].id)));
  last->fingerprint = fingerprint;
  last->offset = offset;
  last->n++;
  return CF_OK;
}

START_TEST(test_ids)
{
  struct {
    uint64_t fingerprint;
    uint32_t offset, n;
  } walk = {0, 0, 0};

  make_records();
  struct cf_index *index = build_index(RECORDS);
  for (uint32_t i = 0; i < RECORDS; i++) {
    struct found f = {0, 0, 0};
    uint32_t want = 0;
    for (uint32_t k = 0; k < RECORDS; k++)
      want += strcmp(made[k].id, made[i].id) == 0;
    cf_index_find(index, CF_M_ID, cf_index_fingerprint(index, cf_str_from(made[i].id)), count_found,
                  &f);
    ck_assert_uint_eq(f.n, want);
  }
  struct found f = {0, 2, 0};
  cf_index_find(index, CF_M_ID, cf_index_fingerprint(index, CF_STR("id7")), count_found, &f);
  ck_assert_uint_eq(f.n, 2);
  f = (struct found){0, 0, 0};
  cf_index_find(index, CF_M_ID, cf_index_fingerprint(index, CF_STR("no such id")), count_found, &f);
  ck_assert_uint_eq(f.n, 0);
  ck_assert_ok(cf_index_each_exact(index, CF_M_ID, 2048, check_id, &walk));
  ck_assert_uint_eq(walk.n, 2048);
  cf_index_free(index);
}
END_TEST

START_TEST(test_empty_index)
{
  struct cf_index *index = NULL;
  struct cf_bits bits;
  struct found f = {0, 0, 0};
  struct cf_term term = {.index = CF_M_USER};

  ck_assert_ok(cf_index_new(id_key, &index));
  ck_assert_ok(cf_bits_new(10, &bits));
  cf_index_match(index, &term, 0, &bits);
  ck_assert_uint_eq(cf_bits_count(&bits), 0);
  cf_index_find(index, CF_M_ID, 0, count_found, &f);
  ck_assert_uint_eq(f.n, 0);
  cf_bits_free(&bits);
  cf_index_free(index);
  cf_index_free(NULL);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "siphash", .test = test_siphash, .loops = CF_COUNT(sip_vectors)},
      {.tcase = "bits", .test = test_bits, .loops = CF_COUNT(sizes)},
      {.tcase = "bits", .test = test_bits_put, .loops = CF_COUNT(sizes)},
      {.tcase = "keys", .test = test_keys, .loops = CF_COUNT(keys)},
      {.tcase = "keys", .test = test_long_and_odd_keys},
      {.tcase = "keys", .test = test_key_order},
      {.tcase = "chunks", .test = test_chunks, .loops = CF_COUNT(densities)},
      {.tcase = "chunks", .test = test_damaged_chunks, .loops = CF_COUNT(densities)},
      {.tcase = "index", .test = test_index_against_scan, .loops = CF_COUNT(questions)},
      {.tcase = "index", .test = test_walk, .loops = CF_COUNT(walked)},
      {.tcase = "index", .test = test_ids},
      {.tcase = "index", .test = test_empty_index},
  };
  return cf_test_run("postings", tests, CF_COUNT(tests));
}
