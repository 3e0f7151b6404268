/* SPDX-License-Identifier: MIT */
/* Reading a made-up segment, against a naive reference. */
#include "config.h"

#include "tests/unit/segment/segment_reader.h"

#include <stdlib.h>

#include "lib/index/key_fold.h"
#include "tests/unit/cf_test.h"

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
  ck_assert_msg(err == CF_OK || err == CF_E_DAMAGED, "%s: %s", cf_sheet_name(sheet),
                cf_err_word(err));
  *(err == CF_OK ? &r->tally.good[sheet] : &r->tally.damaged[sheet]) += 1;
  if (err == CF_OK)
    return true;
  cf_segment_release(r->pool, r->segment);
  r->segment = NULL;
  return false;
}

void reader_end(struct reader *r)
{
  if (r->segment != NULL)
    cf_segment_release(r->pool, r->segment);
  r->segment = NULL;
}

static void record_equal(const struct cf_record *got, const struct cf_record *want)
{
  if (got->seq != want->seq || got->recorded_us != want->recorded_us || !cf_record_same(got, want))
    ck_abort_msg("record %u is another one", (unsigned)want->seq);
}

/* Of what was opened; its salts where it has them. */
static void records_equal(const struct cf_block *got, const struct cf_block *want)
{
  unsigned at = (unsigned)(got->first - want->first);

  for (unsigned k = 0; k < got->n; k++)
    record_equal(&got->record[k], &want->record[at + k]);
  for (unsigned k = 0; k < got->n && got->runs > 0; k++) {
    uint8_t a[CF_C_N][CF_HASH_N] = {{0}}, b[CF_C_N][CF_HASH_N] = {{0}};
    cf_block_salts(got, k, a);
    cf_block_salts(want, at + k, b);
    if (memcmp(a, b, sizeof a) != 0)
      ck_abort_msg("record %u has other salts", (unsigned)got->first + k);
  }
}

/* The whole, then parts. */
static enum cf_err block_read(struct cf_segment *s, uint32_t i, struct cf_block *got,
                              const struct cf_block *want)
{
  enum cf_err err = cf_segment_block(s, i, got);

  if (err == CF_OK) {
    ck_assert(got->n == CF_GROUP && got->runs > 0);
    records_equal(got, want);
  }
  for (unsigned at = i % 7; at < CF_GROUP && err == CF_OK; at += 21) {
    err = cf_segment_part(s, i * CF_GROUP + at, got);
    if (err == CF_OK) {
      ck_assert(got->first <= want->first + at && want->first + at < got->first + got->n);
      records_equal(got, want);
    }
  }
  return err;
}

void reader_block(struct reader *r, uint32_t i)
{
  if (!reader_ready(r))
    return;
  struct cf_block *got = malloc(sizeof *got), *want = malloc(sizeof *want);
  cf_block_init(got);
  cf_block_init(want);
  ck_assert_ok(fact_block(i, want));
  (void)reader_note(r, CF_SHEET_BLOCKS, block_read(r->segment, i, got, want));
  cf_block_fini(got);
  cf_block_fini(want);
  free(got);
  free(want);
}

void reader_hashes(struct reader *r, uint32_t offset, uint32_t n)
{
  uint8_t got[300 * CF_HASH_N], want[CF_HASH_N];

  if (!reader_ready(r) ||
      !reader_note(r, CF_SHEET_HASHES, cf_segment_hashes(r->segment, offset, n, got)))
    return;
  for (uint32_t i = 0; i < n; i++) {
    fact_hash(offset + i, want);
    if (memcmp(got + i * CF_HASH_N, want, CF_HASH_N) != 0)
      ck_abort_msg("the hash of record %u differs", offset + i);
  }
}

void reader_times(struct reader *r, uint32_t offset, uint32_t n)
{
  int64_t got[600];

  if (!reader_ready(r) ||
      !reader_note(r, CF_SHEET_TIMES, cf_segment_times(r->segment, offset, n, got)))
    return;
  for (uint32_t i = 0; i < n; i++)
    if (got[i] != fact_time(offset + i))
      ck_abort_msg("the time of record %u differs", offset + i);
}

void reader_term(struct reader *r, const struct cf_term *term, uint32_t from, uint32_t limit)
{
  struct cf_bits bits;
  struct cf_str key;

  if (!reader_ready(r))
    return;
  ck_assert_ok(cf_bits_new(limit, &bits));
  if (reader_note(r, CF_SHEET_INDEX + term->index, cf_segment_match(r->segment, term, from, &bits)))
    for (uint32_t i = 0; i < RECORDS; i++) {
      bool want =
          i >= from && i < limit && fact_key(i, term->index, &key) && cf_term_has(term, key);
      if (cf_bits_has(&bits, i) != want)
        ck_abort_msg("%s: record %u is %sfound", cf_index_name(term->index), i, want ? "not " : "");
    }
  cf_bits_free(&bits);
}

/* An exact index finds equal values only, and others of their fingerprint. */
static void reader_exact(struct reader *r, unsigned index, uint32_t k)
{
  uint32_t i = (uint32_t)(fact_mix(k, index) % RECORDS), others = 0;
  uint32_t from = k % 3 == 0 ? 0 : i / 2, limit = k % 4 == 0 ? RECORDS : RECORDS - i / 4;
  struct cf_str value = CF_STR("nobody"), key;
  struct cf_bits bits;

  if (k % 5 != 4 && !fact_key(i, index, &value)) /* what is here is its own key */
    return;
  if (!reader_ready(r))
    return;
  ck_assert_ok(cf_bits_new(limit, &bits));
  if (reader_note(r, CF_SHEET_INDEX + index,
                  cf_segment_match_exact(r->segment, index, value, from, &bits)))
    for (uint32_t j = 0; j < RECORDS; j++) {
      bool want = j >= from && j < limit && fact_key(j, index, &key) && cf_str_eq(key, value);
      others += cf_bits_has(&bits, j) && !want;
      if (want && !cf_bits_has(&bits, j))
        ck_abort_msg("%s: record %u is not found", cf_index_name(index), j);
    }
  ck_assert_uint_le(others, 1);
  cf_bits_free(&bits);
}

void reader_index(struct reader *r, unsigned index, uint32_t k)
{
  if (cf_index_is_exact(index)) {
    reader_exact(r, index, k);
    return;
  }
  uint32_t i = (uint32_t)(fact_mix(k, index) % RECORDS),
           j = (uint32_t)(fact_mix(k, index + 77) % RECORDS);
  uint32_t from = k % 3 == 0 ? 0 : i / 2, limit = k % 4 == 0 ? RECORDS : RECORDS - j / 4;
  struct cf_term term = {.index = index, .prefix = k % 5 == 4};

  if (!fact_key(i, index, &term.first))
    term.first = (struct cf_str){"nobody", 6};
  term.last = term.first;
  if (k % 5 == 3 && !fact_key(j, index, &term.last))
    term.last = (struct cf_str){"zz", 2};
  if (k % 7 == 6 && term.first.n > 1)
    term.first.n--;
  if (k % 7 == 6 && term.last.n > 1)
    term.last.n--;
  reader_term(r, &term, from, limit);
}

/* The other case of each letter, in ASCII. */
static void case_flip(char *text, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if ((text[i] | 32) >= 'a' && (text[i] | 32) <= 'z')
      text[i] ^= 32;
}

void reader_fold(struct reader *r, unsigned index, uint32_t k)
{
  char text[300];
  struct cf_key_fold fold;
  struct cf_term term = {.index = index, .fold = &fold};
  uint32_t i = (uint32_t)(fact_mix(k, index) % RECORDS);
  struct cf_str value = fact_value(i, index, text);

  if (value.p == NULL)
    value = CF_STR("nobody");
  else if (k % 4 != 0)
    case_flip(text, value.n);
  cf_key_fold_make(value, &fold);
  reader_term(r, &term, k % 3 == 0 ? 0 : i / 2, RECORDS - i / 8);
}

bool reader_collect(void *context, uint32_t offset)
{
  struct found *f = context;

  if (f->n == 100)
    ck_abort_msg("an id is found too often");
  f->offset[f->n++] = offset;
  return true;
}

void reader_id(struct reader *r, struct cf_str id)
{
  struct found f = {0, {0}};
  uint32_t want = 0;
  char text[300];

  if (!reader_ready(r) ||
      !reader_note(r, CF_SHEET_INDEX + CF_M_ID,
                   cf_segment_find_id(r->segment, cf_id_fingerprint(fact_ledger_key, id),
                                      reader_collect, &f)))
    return;
  for (uint32_t i = 0; i < RECORDS; i++)
    if (cf_str_eq(fact_id(i, text), id)) {
      ck_assert_uint_lt(want, f.n);
      ck_assert_uint_eq(f.offset[want++], i);
    }
  ck_assert_uint_eq(want, f.n);
}

/* In small letters; no more than a message has. */
static size_t needle_make(uint32_t k, char needle[300])
{
  uint64_t x = fact_mix(k, 88);
  struct cf_str m = fact_message((uint32_t)(x % RECORDS), needle);
  size_t n = 1 + x / 4096 % 9, at = x / 65536 % m.n;

  if (at + n > m.n)
    n = m.n - at;
  memmove(needle, m.p + at, n);
  if (k % 3 == 0)
    needle[0] = '#';
  for (size_t i = 0; i < n; i++)
    needle[i] = cf_text_fold(needle[i]);
  return n;
}

static bool message_holds(uint32_t i, struct cf_str needle)
{
  char text[300];
  struct cf_str m = fact_message(i, text);

  for (size_t k = 0; k < m.n; k++)
    text[k] = cf_text_fold(text[k]);
  return memmem(text, m.n, needle.p, needle.n) != NULL;
}

void reader_search(struct reader *r, uint32_t k)
{
  uint32_t from = k % 4 == 0 ? 0 : (uint32_t)(fact_mix(k, 1) % 100),
           limit = RECORDS - (uint32_t)(k % 4 == 1 ? fact_mix(k, 2) % 100 : 0);
  char text[300];
  struct cf_str needle = {text, needle_make(k, text)};
  struct cf_bits bits;

  if (!reader_ready(r))
    return;
  ck_assert_ok(cf_bits_new(limit, &bits));
  if (reader_note(r, CF_SHEET_GRAMS, cf_segment_search(r->segment, needle, from, &bits)))
    for (uint32_t i = 0; i < limit; i++)
      if (cf_bits_has(&bits, i) ? i < from : i >= from && message_holds(i, needle))
        ck_abort_msg("'%.*s': record %u is %sfound", (int)needle.n, text, i,
                     i < from ? "" : "not ");
  ck_assert(needle.n < 6 || text[0] != '#' || cf_bits_count(&bits) < RECORDS / 8);
  cf_bits_free(&bits);
}

static void reader_ids(struct reader *r, uint32_t from, uint32_t step)
{
  char text[300];

  reader_id(r, CF_STR("id7"));
  for (uint32_t i = from; i < RECORDS; i += step)
    if (fact_id(i, text).n > 0)
      reader_id(r, fact_id(i, text));
  for (uint32_t i = from; i < RECORDS; i += step) {
    int n = sprintf(text, "absent%u", i);
    reader_id(r, (struct cf_str){text, (size_t)n});
  }
}

/* (Check writes a line to a file at every assertion: the innermost loops do
 * without.) */

void reader_all(struct reader *r, uint32_t id_step, uint32_t questions)
{
  for (uint32_t i = 0; i < RECORDS / CF_GROUP; i++)
    reader_block(r, i);
  for (uint32_t i = 0; i + 20 <= RECORDS; i += 220)
    reader_hashes(r, i, 20);
  for (uint32_t i = 0; i < RECORDS; i += 500)
    reader_times(r, i, i + 500 <= RECORDS ? 500 : RECORDS - i);
  for (unsigned m = 0; m < FACT_MEMBERS_N; m++)
    for (uint32_t k = 0; k < questions; k++)
      reader_index(r, fact_members[m], k);
  for (unsigned m = 0; m < FACT_MEMBERS_N; m++)
    for (uint32_t k = 0; k < questions && fact_members[m] != CF_M_IP &&
                         fact_members[m] != CF_M_STATUS && !cf_index_is_exact(fact_members[m]);
         k++)
      reader_fold(r, fact_members[m], k);
  for (uint32_t k = 0; k < questions; k++) {
    reader_index(r, CF_I_DATE, k);
    reader_index(r, CF_I_KIND, k);
    reader_index(r, CF_M_CREDENTIAL, k);
  }
  for (uint32_t k = 0; k < 2 * questions; k++)
    reader_search(r, k);
  reader_ids(r, 1, id_step);
  if (reader_ready(r))
    (void)reader_note(r, CF_SHEET_INFO, cf_segment_filter_load(r->segment));
  reader_end(r);
}

unsigned tally_sum(const unsigned counts[CF_SHEET_N])
{
  unsigned n = 0;

  for (unsigned i = 0; i < CF_SHEET_N; i++)
    n += counts[i];
  return n;
}
