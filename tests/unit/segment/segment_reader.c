/* SPDX-License-Identifier: MIT */
/* Reading a made-up segment, against a naive reference. */
#include "config.h"

#include "tests/unit/segment/segment_reader.h"

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

void reader_block(struct reader *r, uint32_t i)
{
  struct cf_buf got, want;

  if (!reader_ready(r))
    return;
  cf_buf_init(&got, 1 << 20);
  cf_buf_init(&want, 1 << 20);
  if (reader_note(r, CF_SHEET_BLOCKS, cf_segment_block(r->segment, i, &got))) {
    fact_block(i, &want);
    ck_assert_bytes(got.p, got.n, want.p, want.n);
  }
  cf_buf_fini(&got);
  cf_buf_fini(&want);
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

void reader_index(struct reader *r, unsigned index, uint32_t k)
{
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
  for (uint32_t i = 0; i < RECORDS; i += 250)
    reader_hashes(r, i, i + 250 <= RECORDS ? 250 : RECORDS - i);
  for (uint32_t i = 0; i < RECORDS; i += 500)
    reader_times(r, i, i + 500 <= RECORDS ? 500 : RECORDS - i);
  for (unsigned m = 0; m < FACT_MEMBERS_N; m++)
    for (uint32_t k = 0; k < questions; k++)
      reader_index(r, fact_members[m], k);
  for (uint32_t k = 0; k < questions; k++) {
    reader_index(r, CF_I_DATE, k);
    reader_index(r, CF_I_KIND, k);
    reader_index(r, CF_M_CREDENTIAL, k);
  }
  reader_ids(r, 1, id_step);
  reader_end(r);
}

unsigned tally_sum(const unsigned counts[CF_SHEET_N])
{
  unsigned n = 0;

  for (unsigned i = 0; i < CF_SHEET_N; i++)
    n += counts[i];
  return n;
}
