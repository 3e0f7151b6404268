/* SPDX-License-Identifier: MIT */
/* Segments: every read equals a naive reference; whatever happens to the file, a read gives the right answer or CF_E_DAMAGED; the pool is bounded and thread-safe. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/store/segment_in.h"
#include "tests/unit/cf_test.h"

#define RECORDS 3072u
#define FIRST 512u /* seq of the first record */
#define TIME_FIRST INT64_C(1795490000000000)
#define PAGE (16u << 10)
#define OPEN_MIN 4 /* files of a pool with the least cache */

static const uint8_t ledger_key[16] = "a ledger's key";
static char home[] = "/tmp/cf-segment-XXXXXX";
static char directory[64], path[160], copy[160];

/* ---- fsync, made to fail at will ---------------------------------------------------- */

static int syncs, sync_fails_at;

/* Nothing here has to survive the machine: a sync is only counted. */
int fdatasync(int fd)
{
  (void)fd;
  if (++syncs != sync_fails_at)
    return 0;
  errno = EIO;
  return -1;
}

/* ---- Made-up records ------------------------------------------------------------------ */

static const unsigned members[] = {CF_M_SOURCE, CF_M_ACTION, CF_M_METHOD, CF_M_STATUS, CF_M_OUTCOME,    CF_M_USER,
                                   CF_M_IP,     CF_M_PATH,   CF_M_HOST,   CF_M_SESSION, CF_M_REQUEST_ID};

static uint64_t mix(uint64_t a, uint64_t b)
{
  uint64_t x = a * 0x9e3779b97f4a7c15u + b * 0xc2b2ae3d27d4eb4fu;

  x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
  return x ^ x >> 29;
}

/* The value of a record's member in text; n = 0 and p = NULL where it has none. */
static struct cf_str value_of(uint32_t i, unsigned member, char text[300])
{
  uint64_t x = mix(i, member);
  struct cf_str none = {NULL, 0};
  int n = 0;

  switch (member) {
  case CF_M_SOURCE: n = sprintf(text, "source%u", (unsigned)(x % 3)); break;
  case CF_M_ACTION: n = sprintf(text, "%s", i == 0 || i % 24 == 1 || i % 24 == 2 ? "list" : "read"); break; /* neighbours that chunks part */
  case CF_M_METHOD: n = sprintf(text, "%s", x % 20 == 0 ? "POST" : "GET"); break;
  case CF_M_STATUS: n = sprintf(text, "%u", (unsigned)(200 + x % 4 * 101)); break;
  case CF_M_OUTCOME: n = sprintf(text, "%s", x % 9 == 0 ? "failure" : "success"); break;
  case CF_M_USER: n = x % 5 == 0 ? -1 : sprintf(text, "user%u", (unsigned)(x / 8 % (x % 3 == 0 ? 400 : 20))); break;
  case CF_M_IP: n = sprintf(text, "10.%u.%u.7", (unsigned)(x % 3), (unsigned)(x / 4 % 250)); break;
  case CF_M_PATH: n = sprintf(text, "/%0*u/%u", x % 40 == 0 ? 230 : 1, (unsigned)(x % 3), (unsigned)(x / 64 % 600)); break;
  case CF_M_HOST: n = i >= 1000 && i < 1300 ? sprintf(text, "burst") : x % 30 == 0 ? sprintf(text, "h%u", (unsigned)(x / 64 % 5)) : -1; break;
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

static struct cf_str id_of(uint32_t i, char text[300])
{
  int n = sprintf(text, "id%u", i % 100 == 3 ? 7 : i);

  return (struct cf_str){text, i % 17 == 0 ? 0 : (size_t)n};
}

static enum cf_kind kind_of(uint32_t i)
{
  return i % 64 == 0 ? CF_K_ACCESS : CF_K_EVENT;
}

static int64_t time_of(uint32_t i)
{
  return TIME_FIRST + (int64_t)i * 5000000 - (int64_t)(mix(i, 99) % 40000000);
}

static void hash_of(uint32_t i, uint8_t hash[CF_HASH_N])
{
  for (size_t k = 0; k < CF_HASH_N; k += 8)
    cf_u64_put(hash + k, mix(i, 1000 + k));
}

/* A block's bytes: any will do here; some are larger than a page. */
static void block_of(uint32_t i, struct cf_buf *b)
{
  size_t n = i % 7 == 3 ? 20000 + i * 100 : i % 7 == 5 ? 2016 : 1500 + i * 3;

  for (size_t k = 0; k < n; k++)
    cf_buf_putc(b, (char)mix(i, k / 8 + 5000));
}

/* The key of a record in an index; false where it has none. */
static bool key_make(uint32_t i, unsigned index, uint8_t out[CF_INDEX_VALUE_MAX], size_t *n)
{
  char text[300];
  struct cf_str value = index == CF_I_KIND ? cf_str_from(cf_kind_table[kind_of(i)].name) : value_of(i, index, text);

  if (index == CF_I_DATE)
    *n = cf_index_date_key(time_of(i), out);
  else if (value.p != NULL)
    *n = cf_index_key(index, value, out);
  return index == CF_I_DATE || value.p != NULL;
}

static struct {
  bool has;
  size_t n;
  uint8_t key[CF_INDEX_VALUE_MAX];
} keys[CF_I_N][RECORDS];

static void make_keys(void)
{
  for (unsigned index = 0; index < CF_I_N; index++)
    for (uint32_t i = 0; i < RECORDS; i++)
      keys[index][i].has = key_make(i, index, keys[index][i].key, &keys[index][i].n);
}

static bool key_of(uint32_t i, unsigned index, struct cf_str *key)
{
  *key = (struct cf_str){(const char *)keys[index][i].key, keys[index][i].n};
  return keys[index][i].has;
}

/* ---- Building ---------------------------------------------------------------------------- */

static enum cf_err source_block(void *context, uint32_t i, struct cf_buf *b)
{
  (void)context;
  block_of(i, b);
  return b->err;
}

static enum cf_err source_hashes(void *context, uint32_t offset, uint32_t n, uint8_t *out)
{
  (void)context;
  for (uint32_t i = 0; i < n; i++)
    hash_of(offset + i, out + (size_t)i * CF_HASH_N);
  return CF_OK;
}

static enum cf_err source_times(void *context, uint32_t offset, uint32_t n, int64_t *out)
{
  (void)context;
  for (uint32_t i = 0; i < n; i++)
    out[i] = time_of(offset + i);
  return CF_OK;
}

static struct cf_index *index_new(uint32_t n)
{
  struct cf_index *index = NULL;
  static char texts[CF_COUNT(members)][300];
  char id[300];

  ck_assert_ok(cf_index_new(ledger_key, &index));
  for (uint32_t i = 0; i < n; i++) {
    struct cf_record r = {.kind = kind_of(i), .time_us = time_of(i)};
    struct cf_values values = {.v = {{NULL, 0}}};
    for (size_t m = 0; m < CF_COUNT(members); m++)
      values.v[members[m]] = value_of(i, members[m], texts[m]);
    if (id_of(i, id).n > 0)
      values.v[CF_M_ID] = id_of(i, id);
    ck_assert_ok(cf_index_add(index, i, &r, &values));
  }
  return index;
}

static struct cf_segment_meta meta_of(uint64_t generation)
{
  return (struct cf_segment_meta){.first = FIRST, .end = FIRST + RECORDS, .generation = generation, .time_min_us = TIME_FIRST - 40000000,
                                  .time_max_us = TIME_FIRST + RECORDS * INT64_C(5000000), .recorded_min_us = 1, .recorded_max_us = 2};
}

/* The index has more records than the segment takes. */
static void build(struct cf_segment_meta *meta)
{
  struct cf_index *index = index_new(RECORDS + 200);
  struct cf_segment_source source = {NULL, source_block, source_hashes, source_times, index, CF_STR("a checkpoint\n")};
  struct cf_fault fault = {{0}, {0}};
  char name[64];

  enum cf_err err = cf_segment_build(directory, &source, meta, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
  cf_index_free(index);
  cf_segment_name(meta, name);
  snprintf(path, sizeof path, "%s/%s", directory, name);
}

static struct cf_segment_meta the_meta;
static struct cf_segment_pool *pool;

static bool excludes_id(struct cf_segment_pool *p, const struct cf_segment_meta *meta, uint64_t fingerprint)
{
  uint32_t maybe, n = 1;
  return cf_segment_screen_ids(p, meta, &fingerprint, 1, &maybe, &n) && n == 0;
}

static struct cf_segment_pool *pool_new(void)
{
  struct cf_segment_pool *p = NULL;

  ck_assert_ok(cf_segment_pool_new(directory, 0, ledger_key, &p));
  return p;
}

static void set_up(void)
{
  char messages[96];

  strcpy(home, "/tmp/cf-segment-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(home));
  snprintf(directory, sizeof directory, "%s/segments", home);
  snprintf(messages, sizeof messages, "%s/messages", home);
  snprintf(copy, sizeof copy, "%s/copy", home);
  ck_assert_int_eq(mkdir(directory, 0700), 0);
  make_keys();
  ck_assert_ok(cf_diag_open(messages, "test", NULL));
  the_meta = meta_of(1);
  build(&the_meta);
  pool = pool_new();
}

static void tear_down(void)
{
  char command[96];

  cf_segment_pool_free(pool);
  ck_assert_ok(cf_diag_open(NULL, "test", NULL));
  snprintf(command, sizeof command, "rm -rf '%s'", home);
  ck_assert_int_eq(system(command), 0);
}

/* ---- Reading everything -------------------------------------------------------------------- */

/* What was read, by kind of read; each read was right or damaged. */
struct tally {
  unsigned good[CF_SHEET_N];
  unsigned damaged[CF_SHEET_N];
  unsigned unopened;
};

/* A reader that takes a new handle after damage. */
struct reader {
  struct cf_segment_pool *pool;
  const struct cf_segment_meta *meta;
  struct cf_segment *segment;
  struct tally tally;
};

static bool reader_ready(struct reader *r)
{
  if (r->segment != NULL)
    return true;
  enum cf_err err = cf_segment_acquire(r->pool, r->meta, &r->segment);
  ck_assert(err == CF_OK || err == CF_E_DAMAGED);
  r->tally.unopened += err != CF_OK;
  return err == CF_OK;
}

static bool reader_note(struct reader *r, unsigned sheet, enum cf_err err)
{
  ck_assert_msg(err == CF_OK || err == CF_E_DAMAGED, "%s: %s", cf_sheet_name(sheet), cf_err_word(err));
  *(err == CF_OK ? &r->tally.good[sheet] : &r->tally.damaged[sheet]) += 1;
  if (err == CF_OK)
    return true;
  cf_segment_release(r->pool, r->segment);
  r->segment = NULL;
  return false;
}

static void reader_end(struct reader *r)
{
  if (r->segment != NULL)
    cf_segment_release(r->pool, r->segment);
  r->segment = NULL;
}

static void read_block(struct reader *r, uint32_t i)
{
  struct cf_buf got, want;

  if (!reader_ready(r))
    return;
  cf_buf_init(&got, 1 << 20);
  cf_buf_init(&want, 1 << 20);
  if (reader_note(r, CF_SHEET_BLOCKS, cf_segment_block(r->segment, i, &got))) {
    block_of(i, &want);
    ck_assert_bytes(got.p, got.n, want.p, want.n);
  }
  cf_buf_fini(&got);
  cf_buf_fini(&want);
}

static void read_hashes(struct reader *r, uint32_t offset, uint32_t n)
{
  uint8_t got[300 * CF_HASH_N], want[CF_HASH_N];

  if (!reader_ready(r) || !reader_note(r, CF_SHEET_HASHES, cf_segment_hashes(r->segment, offset, n, got)))
    return;
  for (uint32_t i = 0; i < n; i++) {
    hash_of(offset + i, want);
    if (memcmp(got + i * CF_HASH_N, want, CF_HASH_N) != 0)
      ck_abort_msg("the hash of record %u differs", offset + i);
  }
}

static void read_times(struct reader *r, uint32_t offset, uint32_t n)
{
  int64_t got[600];

  if (!reader_ready(r) || !reader_note(r, CF_SHEET_TIMES, cf_segment_times(r->segment, offset, n, got)))
    return;
  for (uint32_t i = 0; i < n; i++)
    if (got[i] != time_of(offset + i))
      ck_abort_msg("the time of record %u differs", offset + i);
}

static void read_term(struct reader *r, const struct cf_term *term, uint32_t from, uint32_t limit)
{
  struct cf_bits bits;
  struct cf_str key;

  if (!reader_ready(r))
    return;
  ck_assert_ok(cf_bits_new(limit, &bits));
  if (reader_note(r, CF_SHEET_INDEX + term->index, cf_segment_match(r->segment, term, from, &bits)))
    for (uint32_t i = 0; i < RECORDS; i++) {
      bool want = i >= from && i < limit && key_of(i, term->index, &key) && cf_term_has(term, key);
      if (cf_bits_has(&bits, i) != want)
        ck_abort_msg("%s: record %u is %sfound", cf_index_name(term->index), i, want ? "not " : "");
    }
  cf_bits_free(&bits);
}

/* The k-th of endless questions to an index: a value of some record, absent ones, ranges, prefixes; all of it, or from and to somewhere. */
static void read_index(struct reader *r, unsigned index, uint32_t k)
{
  uint32_t i = (uint32_t)(mix(k, index) % RECORDS), j = (uint32_t)(mix(k, index + 77) % RECORDS);
  uint32_t from = k % 3 == 0 ? 0 : i / 2, limit = k % 4 == 0 ? RECORDS : RECORDS - j / 4;
  struct cf_term term = {.index = index, .prefix = k % 5 == 4};

  if (!key_of(i, index, &term.first))
    term.first = (struct cf_str){"nobody", 6};
  term.last = term.first;
  if (k % 5 == 3 && !key_of(j, index, &term.last))
    term.last = (struct cf_str){"zz", 2};
  if (k % 7 == 6 && term.first.n > 1)
    term.first.n--;
  if (k % 7 == 6 && term.last.n > 1)
    term.last.n--;
  read_term(r, &term, from, limit);
}

struct found {
  uint32_t n;
  uint32_t offset[100];
};

static bool collect(void *context, uint32_t offset)
{
  struct found *f = context;

  if (f->n == 100)
    ck_abort_msg("an id is found too often");
  f->offset[f->n++] = offset;
  return true;
}

static void read_id(struct reader *r, struct cf_str id)
{
  struct found f = {0, {0}};
  uint32_t want = 0;
  char text[300];

  if (!reader_ready(r) || !reader_note(r, CF_SHEET_INDEX + CF_M_ID, cf_segment_find_id(r->segment, cf_id_fingerprint(ledger_key, id), collect, &f)))
    return;
  for (uint32_t i = 0; i < RECORDS; i++)
    if (cf_str_eq(id_of(i, text), id)) {
      ck_assert_uint_lt(want, f.n);
      ck_assert_uint_eq(f.offset[want++], i);
    }
  ck_assert_uint_eq(want, f.n);
}

static void read_ids(struct reader *r, uint32_t from, uint32_t step)
{
  char text[300];

  read_id(r, CF_STR("id7"));
  for (uint32_t i = from; i < RECORDS; i += step)
    if (id_of(i, text).n > 0)
      read_id(r, id_of(i, text));
  for (uint32_t i = from; i < RECORDS; i += step) {
    int n = sprintf(text, "absent%u", i);
    read_id(r, (struct cf_str){text, (size_t)n});
  }
}

/* (Check writes a line to a file at every assertion: the innermost loops do without.)
 * Every block, row and index; one id in so many; so many questions to each index. */
static void read_all(struct reader *r, uint32_t id_step, uint32_t questions)
{
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    read_block(r, i);
  for (uint32_t i = 0; i < RECORDS; i += 250)
    read_hashes(r, i, i + 250 <= RECORDS ? 250 : RECORDS - i);
  for (uint32_t i = 0; i < RECORDS; i += 500)
    read_times(r, i, i + 500 <= RECORDS ? 500 : RECORDS - i);
  for (unsigned m = 0; m < CF_COUNT(members); m++)
    for (uint32_t k = 0; k < questions; k++)
      read_index(r, members[m], k);
  for (uint32_t k = 0; k < questions; k++) {
    read_index(r, CF_I_DATE, k);
    read_index(r, CF_I_KIND, k);
    read_index(r, CF_M_CREDENTIAL, k);
  }
  read_ids(r, 1, id_step);
  reader_end(r);
}

static unsigned sum(const unsigned counts[CF_SHEET_N])
{
  unsigned n = 0;

  for (unsigned i = 0; i < CF_SHEET_N; i++)
    n += counts[i];
  return n;
}

START_TEST(test_reads_equal_reference)
{
  struct reader r = {.pool = pool, .meta = &the_meta};

  read_all(&r, 1, 60);
  read_hashes(&r, 0, 0);
  read_hashes(&r, 63, 2);
  read_hashes(&r, RECORDS - 1, 1);
  read_times(&r, RECORDS, 0);
  read_times(&r, 255, 2);
  reader_end(&r);
  ck_assert_uint_eq(sum(r.tally.damaged) + r.tally.unopened, 0);
  ck_assert_uint_gt(sum(r.tally.good), 5000);
}
END_TEST

/* A search may begin and end at any offset, also at the ends of a chunk. */
START_TEST(test_from_anywhere)
{
  static const struct { unsigned index; const char *value; } dense[] = {{CF_M_METHOD, "GET"}, {CF_M_ACTION, "list"}, {CF_M_OUTCOME, "failure"}};
  struct reader r = {.pool = pool, .meta = &the_meta};
  struct cf_str key = cf_str_from(dense[_i].value);
  struct cf_term term = {.index = dense[_i].index, .first = key, .last = key};

  for (uint32_t at = 0; at <= RECORDS; at++) {
    read_term(&r, &term, at, RECORDS);
    read_term(&r, &term, 0, at);
  }
  reader_end(&r);
  ck_assert_uint_eq(r.tally.good[CF_SHEET_INDEX + term.index], 2 * RECORDS + 2);
}
END_TEST

START_TEST(test_sheets_have_names)
{
  static const char *const names[] = {"action",  "blocks", "counts", "credential", "date",       "hashes",   "host",    "id",     "info",   "ip",
                                      "kind",    "method", "outcome", "request_id", "resource",  "session", "source", "status", "times",  "user"};
  char command[220], line[64];

  snprintf(command, sizeof command, "db5.3_dump -l '%s'", path);
  FILE *f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  for (size_t i = 0; i < CF_COUNT(names); i++) {
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    line[strcspn(line, "\n")] = '\0';
    ck_assert_str_eq(line, names[i]);
  }
  ck_assert_ptr_null(fgets(line, sizeof line, f));
  ck_assert_int_eq(pclose(f), 0);
}
END_TEST

static struct cf_bdb *sheet_open(struct cf_bdb_env *env, const char *name, enum cf_bdb_open how)
{
  struct cf_bdb *db = NULL;

  ck_assert_ok(cf_bdb_open(env, NULL, path, name, how, PAGE, &db));
  return db;
}

/* `counts` has each value that occurs twice or more, `info` what is missing. */
START_TEST(test_counts_and_info)
{
  struct cf_bdb_env *env = NULL;
  struct cf_buf b;
  struct cf_segment_info info;
  struct cf_str key;
  uint32_t users = 0, user7 = 0;

  cf_buf_init(&b, 1 << 20);
  ck_assert_ok(cf_bdb_env_open_file(0, &env, NULL));
  struct cf_bdb *counts = sheet_open(env, "counts", CF_BDB_READ), *db = sheet_open(env, "info", CF_BDB_READ);
  for (uint32_t i = 0; i < RECORDS; i++) {
    users += key_of(i, CF_M_USER, &key);
    user7 += key_of(i, CF_M_USER, &key) && cf_str_is(key, "user7");
  }
  ck_assert_ok(cf_bdb_get(counts, NULL, CF_STR("user\0user7"), &b));
  ck_assert_uint_eq(b.n, 4);
  ck_assert_uint_eq(cf_u32_get(b.p), user7);
  ck_assert_err(cf_bdb_get(counts, NULL, CF_STR("user\0nobody"), &b), CF_E_NOTFOUND);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("segment"), &b));
  ck_assert_ok(cf_segment_info_get(cf_buf_str(&b), &info));
  ck_assert_uint_eq(info.index[CF_M_USER].missing, RECORDS - users);
  ck_assert_uint_eq(info.index[CF_M_CREDENTIAL].missing, RECORDS);
  ck_assert_uint_eq(info.index[CF_I_KIND].values, 2);
  for (size_t n = 0; n < b.n; n++) {
    enum cf_err err = cf_segment_info_get((struct cf_str){(char *)b.p, n}, &info);
    ck_assert(err == CF_E_SYNTAX || (err == CF_OK && !info.index[CF_I_KIND].present));
  }
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("checkpoint"), &b));
  ck_assert(cf_str_is(cf_buf_str(&b), "a checkpoint\n"));
  cf_bdb_close(counts);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_meta)
{
  struct cf_segment_meta got;
  struct cf_buf b;
  char name[64];

  cf_buf_init(&b, 100);
  cf_segment_meta_put(&the_meta, &b);
  ck_assert_ok(cf_segment_meta_get(cf_buf_str(&b), &got));
  ck_assert(cf_segment_meta_same(&got, &the_meta));
  ck_assert_uint_eq(got.bytes, the_meta.bytes);
  for (size_t n = 0; n < b.n; n++)
    ck_assert_err(cf_segment_meta_get((struct cf_str){(char *)b.p, n}, &got), CF_E_SYNTAX);
  b.p[8] ^= 1;
  ck_assert_err(cf_segment_meta_get(cf_buf_str(&b), &got), CF_E_SYNTAX);
  cf_segment_name(&the_meta, name);
  ck_assert_str_eq(name, "00000000000000000512-00000000000000003584-1");
  cf_buf_fini(&b);
}
END_TEST

START_TEST(test_filter)
{
  size_t size = cf_filter_size(10000);
  uint8_t *filter = calloc(size, 1);
  unsigned wrong = 0;

  for (uint32_t i = 0; i < 10000; i++)
    cf_filter_add(filter, size, mix(i, 1));
  for (uint32_t i = 0; i < 10000; i++)
    ck_assert(cf_filter_may_have(filter, size, mix(i, 1)));
  for (uint32_t i = 0; i < 100000; i++)
    wrong += cf_filter_may_have(filter, size, mix(i, 2));
  ck_assert_uint_lt(wrong, 3000);
  free(filter);
}
END_TEST

/* ---- Damage ---------------------------------------------------------------------------------- */

static void file_copy(const char *from, const char *to)
{
  static char bytes[4 << 20];
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  ck_assert(in >= 0 && out >= 0);
  ssize_t n = read(in, bytes, sizeof bytes);
  ck_assert(n > 0 && n < (ssize_t)sizeof bytes);
  ck_assert_int_eq(write(out, bytes, (size_t)n), n);
  close(in);
  close(out);
}

static void file_write(off_t at, const void *p, size_t n)
{
  int fd = open(path, O_RDWR);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
  close(fd);
}

static void file_read(const char *from, off_t at, void *p, size_t n)
{
  int fd = open(from, O_RDONLY);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(pread(fd, p, n, at), (ssize_t)n);
  close(fd);
}

/* Read it all with a pool of its own. Damage to one page spoils one sheet, or the file's own directory of sheets and its description. */
static struct tally read_damaged(bool one_page)
{
  struct reader r = {.pool = pool_new(), .meta = &the_meta};
  unsigned sheets = 0;

  read_all(&r, 97, 5);
  cf_segment_pool_free(r.pool);
  for (unsigned i = 0; i < CF_SHEET_N; i++)
    sheets += r.tally.damaged[i] > 0;
  ck_assert_msg(!one_page || r.tally.unopened > 0 || sheets <= 1, "%u sheets are spoiled by one page", sheets);
  ck_assert(!one_page || r.tally.unopened > 0 || sum(r.tally.good) > 100);
  return r.tally;
}

static unsigned rounds(unsigned usual)
{
  return getenv("CF_LONG") != NULL ? usual * 20 : usual;
}

START_TEST(test_flipped_byte)
{
  unsigned harmed = 0, unopened = 0;

  for (unsigned k = 0; k < rounds(60); k++) {
    off_t at = (off_t)(mix(k, 4711 + (unsigned)_i) % the_meta.bytes);
    uint8_t byte = 0;
    file_read(path, at, &byte, 1);
    uint8_t other = byte ^ (uint8_t)(1 + mix(k, 3) % 255);
    file_write(at, &other, 1);
    struct tally t = read_damaged(true);
    harmed += sum(t.damaged) > 0;
    unopened += t.unopened > 0;
    file_write(at, &byte, 1);
  }
  ck_assert_uint_gt(harmed, 10);
  ck_assert_uint_lt(unopened, rounds(60) / 2);
}
END_TEST

/* A page of zeros, another page of the file, the same page of another segment's file. */
START_TEST(test_wrong_page)
{
  static uint8_t kept[PAGE], other[PAGE];
  struct cf_segment_meta meta = meta_of(2);
  unsigned harmed = 0;
  char mine[160];

  strcpy(mine, path);
  build(&meta);
  strcpy(copy, path);
  strcpy(path, mine);
  off_t pages = (off_t)(the_meta.bytes / PAGE);
  for (off_t page = _i; page < pages; page += 5) {
    file_read(path, page * PAGE, kept, PAGE);
    memset(other, 0, PAGE);
    if (_i % 3 == 1)
      file_read(path, (page + 1 + (off_t)(mix((uint64_t)page, 5) % (uint64_t)(pages - 1))) % pages * PAGE, other, PAGE);
    file_write(page * PAGE, other, PAGE);
    struct tally t = read_damaged(true);
    harmed += sum(t.damaged) + t.unopened > 0;
    file_write(page * PAGE, kept, PAGE);
  }
  ck_assert_uint_gt(harmed, 5);
  ck_assert_uint_eq(sum(read_damaged(true).damaged), 0);
}
END_TEST

/* The key and value of the k-th entry of a sheet (a negative k counts from the end); false where there are fewer. */
static bool entry_at(struct cf_bdb *db, int k, struct cf_buf *key, struct cf_buf *value)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str a, b;
  enum cf_err err = CF_OK;

  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  for (int i = k < 0 ? k : -k - 1; i < 0 && err == CF_OK; i++)
    err = cf_bdb_cursor_move(cursor, k < 0 ? CF_BDB_PREV : CF_BDB_NEXT, CF_STR(""), &a, &b);
  if (err == CF_OK) {
    cf_buf_reset(key);
    cf_buf_reset(value);
    cf_buf_putstr(key, a);
    cf_buf_putstr(value, b);
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_OK;
}

/* Change a sheet's k-th entry behind the checksums' back: no value takes it away. */
static bool tamper(const char *name, int k, bool (*change)(struct cf_buf *value), struct cf_buf *key, struct cf_buf *value)
{
  struct cf_bdb_env *env = NULL;

  ck_assert_ok(cf_bdb_env_open_file(0, &env, NULL));
  struct cf_bdb *db = sheet_open(env, name, CF_BDB_CREATE);
  bool there = entry_at(db, k, key, value);
  if (there && change != NULL && change(value))
    ck_assert_ok(cf_bdb_put(db, NULL, cf_buf_str(key), cf_buf_str(value)));
  else if (there)
    ck_assert_ok(cf_bdb_del(db, NULL, cf_buf_str(key)));
  ck_assert_ok(cf_bdb_sync(db));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
  return there;
}

/* A chunk that is gone is noticed by whoever asks for it, and by nobody else. */
START_TEST(test_lost_chunk)
{
  static const int places[] = {0, 1, 7, 100, -1, -2};
  unsigned index = members[_i];
  struct cf_buf key, value;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(path, copy);
  for (size_t i = 0; i < CF_COUNT(places); i++) {
    if (tamper(cf_index_name(index), places[i], NULL, &key, &value)) {
      struct reader r = {.pool = pool_new(), .meta = &the_meta};
      struct cf_term term = {.index = index, .first = {(char *)key.p, key.n - 4}, .last = {(char *)key.p, key.n - 4}};
      read_term(&r, &term, 0, RECORDS);
      ck_assert_uint_eq(r.tally.damaged[CF_SHEET_INDEX + index], 1);
      for (uint32_t k = 0; k < 100; k++)
        read_index(&r, index, k);
      reader_end(&r);
      cf_segment_pool_free(r.pool);
    }
    file_copy(copy, path);
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static const char *const rows[] = {"blocks", "hashes", "times", "id", "info"};

START_TEST(test_lost_row)
{
  struct cf_buf key, value;

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(path, copy);
  for (int k = -3; k < 3; k++) {
    if (tamper(rows[_i], k, NULL, &key, &value)) {
      struct reader r = {.pool = pool_new(), .meta = &the_meta};
      read_all(&r, 7, 1);
      cf_segment_pool_free(r.pool);
      ck_assert(sum(r.tally.damaged) + r.tally.unopened > 0 || cf_str_is(cf_buf_str(&key), "checkpoint"));
    }
    file_copy(copy, path);
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static bool change_middle(struct cf_buf *value)
{
  value->p[value->n / 2] ^= 1;
  return true;
}

/* A filter that is not what was written would hide ids. */
START_TEST(test_changed_filter)
{
  struct reader r = {.pool = pool, .meta = &the_meta};
  struct cf_buf key, value;
  char text[300];

  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  ck_assert(tamper("info", 1, change_middle, &key, &value));
  ck_assert(cf_str_is(cf_buf_str(&key), "filter"));
  read_id(&r, id_of(1, text));
  reader_end(&r);
  ck_assert_uint_eq(r.tally.damaged[CF_SHEET_INDEX + CF_M_ID], 1);
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

static unsigned turn;

static bool change_some(struct cf_buf *value)
{
  turn++;
  if (turn % 4 == 0 || value->n == 0)
    cf_buf_putc(value, (char)turn);
  else if (turn % 4 == 1)
    cf_buf_cut(value, 1 + mix(turn, 1) % value->n);
  else
    value->p[mix(turn, 2) % value->n] ^= (uint8_t)(1 + mix(turn, 3) % 255);
  return true;
}

/* Whatever stands in an entry, with good checksums, is read without a crash. (What it says may be false then: that is for the ledger's hashes to find.) */
static void read_roughly(struct cf_segment *s)
{
  uint8_t hashes[64 * CF_HASH_N];
  int64_t times[256];
  struct cf_buf b;
  struct cf_bits bits;
  struct cf_str key;
  enum cf_err err = CF_OK;

  cf_buf_init(&b, 1 << 20);
  ck_assert_ok(cf_bits_new(RECORDS, &bits));
  for (uint32_t i = 0; i < RECORDS; i += 256) {
    struct cf_term term = {.index = members[i / 256 % CF_COUNT(members)], .prefix = true};
    struct found f = {0, {0}};
    if (key_of(i, term.index, &key))
      term.first = key;
    err = cf_segment_block(s, i / 64, &b);
    err = cf_segment_hashes(s, i, 64, hashes);
    err = cf_segment_times(s, i, 256, times);
    err = cf_segment_match(s, &term, 0, &bits);
    term.first = (struct cf_str){"", 0};
    err = cf_segment_match(s, &term, 0, &bits);
    err = cf_segment_find_id(s, mix(i, 6), collect, &f);
  }
  (void)err;
  cf_bits_free(&bits);
  cf_buf_fini(&b);
}

START_TEST(test_changed_entry)
{
  const char *name = cf_sheet_name((unsigned)_i);
  struct cf_buf key, value;

  if (name == NULL)
    return;
  cf_buf_init(&key, 1 << 20);
  cf_buf_init(&value, 1 << 20);
  file_copy(path, copy);
  for (unsigned k = 0; k < rounds(8); k++) {
    bool there = tamper(name, (int)(k / 2 * 3), change_some, &key, &value);
    struct cf_segment_pool *p = pool_new();
    struct cf_segment *s = NULL;
    if (cf_segment_acquire(p, &the_meta, &s) == CF_OK) {
      read_roughly(s);
      cf_segment_release(p, s);
    }
    cf_segment_pool_free(p);
    file_copy(copy, path);
    if (!there)
      break;
  }
  cf_buf_fini(&key);
  cf_buf_fini(&value);
}
END_TEST

START_TEST(test_other_file)
{
  struct cf_segment_meta meta = meta_of(2), third = meta_of(3);
  struct cf_segment *s = NULL;
  struct cf_segment_pool *stranger = NULL;
  char second[160];

  build(&meta);
  strcpy(second, path);
  ck_assert_err(cf_segment_acquire(pool, &third, &s), CF_E_DAMAGED);
  third.bytes = meta.bytes;
  build(&third);
  ck_assert_ok(cf_segment_acquire(pool, &third, &s));
  cf_segment_release(pool, s);
  file_copy(second, path);
  cf_segment_pool_drop(pool, &third);
  ck_assert_err(cf_segment_acquire(pool, &third, &s), CF_E_DAMAGED);
  ck_assert_int_eq(truncate(path, (off_t)meta.bytes - PAGE), 0);
  ck_assert_err(cf_segment_acquire(pool, &third, &s), CF_E_DAMAGED);
  ck_assert_ok(cf_segment_pool_new(directory, 0, (const uint8_t *)"another ledger's", &stranger));
  ck_assert_err(cf_segment_acquire(stranger, &meta, &s), CF_E_DAMAGED);
  cf_segment_pool_free(stranger);
  ck_assert_ok(cf_segment_acquire(pool, &meta, &s));
  cf_segment_release(pool, s);
}
END_TEST

/* ---- Building that fails ------------------------------------------------------------------------ */

static int in_child(void (*work)(void))
{
  int status = 0;
  pid_t pid = fork();

  ck_assert_int_ge(pid, 0);
  if (pid == 0) {
    work();
    _exit(0);
  }
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static unsigned files_in(const char *name)
{
  unsigned n = 0;
  DIR *dir = opendir(name);

  ck_assert_ptr_nonnull(dir);
  for (struct dirent *e; (e = readdir(dir)) != NULL;)
    n += e->d_name[0] != '.';
  closedir(dir);
  return n;
}

static void build_with_bad_disk(void)
{
  struct cf_segment_meta meta = meta_of(9);

  sync_fails_at = syncs + 1;
  build(&meta);
}

static void build_on_full_disk(void)
{
  struct cf_segment_meta meta = meta_of(9);
  struct rlimit limit = {the_meta.bytes / 2, the_meta.bytes / 2};
  struct cf_index *index = index_new(RECORDS);
  struct cf_segment_source source = {NULL, source_block, source_hashes, source_times, index, CF_STR("")};
  struct cf_fault fault = {{0}, {0}};

  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &limit);
  enum cf_err err = cf_segment_build(directory, &source, &meta, &fault);
  cf_index_free(index);
  _exit(err == CF_E_SPACE && fault.detail[0] != '\0' && files_in(directory) == 1 ? 3 : 4);
}

START_TEST(test_failing_disk)
{
  ck_assert_int_eq(in_child(build_with_bad_disk), 70);
  ck_assert_uint_gt(files_in(directory), 1); /* the next build is not disturbed by what this one left */
  ck_assert_int_eq(in_child(build_on_full_disk), 3);
}
END_TEST

static enum cf_err failing_block(void *context, uint32_t i, struct cf_buf *b)
{
  (void)context;
  if (i == 20)
    return CF_E_DAMAGED;
  block_of(i, b);
  return b->err;
}

START_TEST(test_failing_source)
{
  struct cf_segment_meta meta = meta_of(9);
  struct cf_index *index = index_new(RECORDS);
  struct cf_segment_source source = {NULL, failing_block, source_hashes, source_times, index, CF_STR("")};

  ck_assert_err(cf_segment_build(directory, &source, &meta, NULL), CF_E_DAMAGED);
  ck_assert_uint_eq(files_in(directory), 1);
  source.block = source_block;
  ck_assert_ok(cf_segment_build(directory, &source, &meta, NULL));
  ck_assert_uint_eq(files_in(directory), 2);
  cf_index_free(index);
}
END_TEST

/* ---- The pool -------------------------------------------------------------------------------------- */

#define MANY 12

static struct cf_segment_meta metas[MANY];

/* Copies under other generations will not do, they say who they are: each is built. */
static void build_many(void)
{
  for (unsigned i = 0; i < MANY; i++) {
    metas[i] = meta_of(100 + i);
    build(&metas[i]);
  }
}

/* How many descriptors of this process are files of the directory. */
static unsigned open_files(void)
{
  char link[64], target[200];
  unsigned n = 0;
  DIR *dir = opendir("/proc/self/fd");

  ck_assert_ptr_nonnull(dir);
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    snprintf(link, sizeof link, "/proc/self/fd/%.20s", e->d_name);
    ssize_t len = readlink(link, target, sizeof target - 1);
    n += len > 0 && strncmp(target, directory, strlen(directory)) == 0;
  }
  closedir(dir);
  return n;
}

START_TEST(test_bounded)
{
  struct cf_segment *held[MANY];
  char text[300];

  build_many();
  for (unsigned i = 0; i < MANY; i++) {
    struct reader r = {.pool = pool, .meta = &metas[i]};
    read_id(&r, id_of(1, text));
    reader_end(&r);
    ck_assert_uint_le(open_files(), OPEN_MIN);
  }
  ck_assert_uint_eq(open_files(), OPEN_MIN);
  for (unsigned i = 0; i < MANY; i++)
    ck_assert_ok(cf_segment_acquire(pool, &metas[i], &held[i]));
  ck_assert_uint_eq(open_files(), MANY);
  for (unsigned i = 0; i < MANY; i++)
    cf_segment_release(pool, held[i]);
  ck_assert_uint_eq(open_files(), OPEN_MIN);
}
END_TEST

/* A filter outlives its file's handle, answers most negatives, and goes with a drop. */
START_TEST(test_filter_stays)
{
  unsigned excluded = 0;
  char text[300];

  build_many();
  ck_assert(!excludes_id(pool, &metas[0], 12345));
  for (unsigned i = 0; i < MANY; i++) {
    struct reader r = {.pool = pool, .meta = &metas[i]};
    read_id(&r, id_of(1, text));
    reader_end(&r);
  }
  for (uint32_t i = 0; i < 1000; i++)
    excluded += excludes_id(pool, &metas[0], mix(i, 9));
  ck_assert_uint_gt(excluded, 950);
  for (uint32_t i = 0; i < RECORDS; i++)
    if (id_of(i, text).n > 0)
      ck_assert(!excludes_id(pool, &metas[0], cf_id_fingerprint(ledger_key, id_of(i, text))));
  cf_segment_pool_drop(pool, &metas[0]);
  for (uint32_t i = 0; i < 1000; i++)
    ck_assert(!excludes_id(pool, &metas[0], mix(i, 9)));
}
END_TEST

/* A dropped and removed file can be read to the end by whoever holds it. */
START_TEST(test_drop)
{
  struct reader r = {.pool = pool, .meta = &the_meta};
  struct cf_segment *s = NULL;

  read_block(&r, 0);
  cf_segment_pool_drop(pool, &the_meta);
  ck_assert_int_eq(unlink(path), 0);
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    read_block(&r, i);
  ck_assert_uint_eq(sum(r.tally.damaged), 0);
  ck_assert_uint_eq(open_files(), 1);
  reader_end(&r);
  ck_assert_uint_eq(open_files(), 0);
  ck_assert_err(cf_segment_acquire(pool, &the_meta, &s), CF_E_DAMAGED);
}
END_TEST

struct worker {
  unsigned seed;
  unsigned rounds;
  struct tally tally;
};

static void *read_at_random(void *p)
{
  struct worker *w = p;
  struct reader r = {.pool = pool};
  char text[300];

  for (unsigned k = 0; k < w->rounds; k++) {
    uint64_t x = mix(k, w->seed);
    r.meta = &metas[x % MANY];
    read_block(&r, (uint32_t)(x >> 8) % (RECORDS / CF_GROUP));
    read_hashes(&r, (uint32_t)(x >> 16) % (RECORDS - 100), 100);
    read_times(&r, (uint32_t)(x >> 24) % (RECORDS - 100), 100);
    read_index(&r, members[(x >> 32) % CF_COUNT(members)], k);
    struct cf_str id = id_of((uint32_t)(x >> 40) % RECORDS, text);
    if (id.n > 0)
      read_id(&r, id);
    reader_end(&r);
  }
  w->tally = r.tally;
  return NULL;
}

/* Four threads, twelve segments, four of them open at a time; one is damaged. */
START_TEST(test_threads)
{
  struct worker workers[4];
  pthread_t threads[4];
  unsigned good = 0, damaged = 0;

  build_many();
  if (_i == 1) {
    char name[64];
    cf_segment_name(&metas[3], name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (off_t page = 42; page < 60; page++)
      file_write(page * PAGE + 500, "damage", 6);
  }
  for (unsigned i = 0; i < 4; i++) {
    workers[i] = (struct worker){.seed = i + 10, .rounds = rounds(150)};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, read_at_random, &workers[i]), 0);
  }
  for (unsigned i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    good += sum(workers[i].tally.good);
    damaged += sum(workers[i].tally.damaged) + workers[i].tally.unopened;
  }
  ck_assert_uint_gt(good, 2000);
  ck_assert_int_eq(damaged > 0, _i == 1);
  ck_assert_uint_le(open_files(), OPEN_MIN);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
    {.tcase = "reads", .test = test_reads_equal_reference, .setup = set_up, .teardown = tear_down, .timeout = 120},
    {.tcase = "reads", .test = test_from_anywhere, .loops = 3},
    {.tcase = "reads", .test = test_sheets_have_names},
    {.tcase = "reads", .test = test_counts_and_info},
    {.tcase = "reads", .test = test_meta},
    {.tcase = "reads", .test = test_filter},
    {.tcase = "damage", .test = test_flipped_byte, .loops = 2, .setup = set_up, .teardown = tear_down, .timeout = 600},
    {.tcase = "damage", .test = test_wrong_page, .loops = 4},
    {.tcase = "damage", .test = test_lost_chunk, .loops = CF_COUNT(members)},
    {.tcase = "damage", .test = test_lost_row, .loops = CF_COUNT(rows)},
    {.tcase = "damage", .test = test_changed_filter},
    {.tcase = "damage", .test = test_changed_entry, .loops = CF_SHEET_N},
    {.tcase = "damage", .test = test_other_file},
    {.tcase = "building", .test = test_failing_disk, .setup = set_up, .teardown = tear_down, .timeout = 60},
    {.tcase = "building", .test = test_failing_source},
    {.tcase = "pool", .test = test_bounded, .setup = set_up, .teardown = tear_down, .timeout = 240},
    {.tcase = "pool", .test = test_filter_stays},
    {.tcase = "pool", .test = test_drop},
    {.tcase = "pool", .test = test_threads, .loops = 2},
  };
  return cf_test_run("segment", tests, CF_COUNT(tests));
}
