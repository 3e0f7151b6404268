/* SPDX-License-Identifier: MIT */
/* The table of kept checkpoints, and what tells that none of them was taken
 * away. In memory: the sum, modulo 2^256, of a MAC over each of its rows, under
 * the signer's key. On disk: a MAC over that sum, the row `kept` of `meta`,
 * changed with the table in one transaction; the sum itself would tell the MAC
 * of a row to whoever sees two of them. Rows and `kept` of an older day, put
 * back together, are found at the start: the signer remembers what was signed
 * before the last note, which was on disk here before the last was signed.
 *
 * Where the signer has no such memory (a ledger of before; its operator removed
 * `before`) the rows that are here are taken as they are. Where the two do not
 * agree `kept` goes, and with it each verify is bad until an operator says that
 * he knows. */
#include "config.h"

#include <string.h>

#include "lib/base/diag.h"
#include "lib/ledger/ledger_in.h"

#define SUM_NAME CF_STR("kept")

static void row_mac(const struct cf_ledger *l, struct cf_str key, struct cf_str value,
                    uint8_t mac[CF_HASH_N])
{
  const struct cf_str parts[] = {CF_STR("row"), key, value};
  cf_signer_mac(l->signer, parts, 3, mac);
}

static void sum_add(uint8_t sum[CF_HASH_N], const uint8_t mac[CF_HASH_N])
{
  unsigned carry = 0;
  for (size_t i = 0; i < CF_HASH_N; i++) {
    carry += (unsigned)sum[i] + mac[i];
    sum[i] = (uint8_t)carry;
    carry >>= 8;
  }
}

static void sum_less(uint8_t sum[CF_HASH_N], const uint8_t mac[CF_HASH_N])
{
  uint8_t minus[CF_HASH_N];
  static const uint8_t one[CF_HASH_N] = {1};
  for (size_t i = 0; i < CF_HASH_N; i++)
    minus[i] = (uint8_t)~mac[i];
  sum_add(sum, minus);
  sum_add(sum, one);
}

/* The sum's own. */
static void sum_mac(const struct cf_ledger *l, const uint8_t sum[CF_HASH_N], uint8_t mac[CF_HASH_N])
{
  const struct cf_str parts[] = {CF_STR("sum"), {(const char *)sum, CF_HASH_N}};
  cf_signer_mac(l->signer, parts, 2, mac);
}

static enum cf_err sum_put(struct cf_ledger *l, struct cf_bdb_txn *txn)
{
  uint8_t mac[CF_HASH_N];
  sum_mac(l, l->kept_sum, mac);
  return cf_bdb_put(l->table[CF_TABLE_META], txn, SUM_NAME,
                    (struct cf_str){(const char *)mac, sizeof mac});
}

/* Is what is on disk of this sum? */
static bool sum_told(struct cf_ledger *l)
{
  uint8_t mac[CF_HASH_N];
  struct cf_buf b;
  cf_buf_init(&b, CF_HASH_N);
  enum cf_err err = cf_bdb_get(l->table[CF_TABLE_META], NULL, SUM_NAME, &b);
  sum_mac(l, l->kept_sum, mac);
  bool told = err == CF_OK && b.n == CF_HASH_N && cf_equal(b.p, mac, sizeof mac);
  cf_buf_fini(&b);
  return told;
}

/* Put the row, or, without a value, take it away. */
static enum cf_err row_set(struct cf_ledger *l, struct cf_bdb_txn *txn, struct cf_str key,
                           const struct cf_str *value)
{
  uint8_t mac[CF_HASH_N];
  struct cf_buf old;
  struct cf_kept kept;
  cf_buf_init(&old, CF_NOTE_MAX + 8);
  enum cf_err err = cf_bdb_get(l->checkpoints, txn, key, &old);
  if (err == CF_OK && cf_meta_kept(key, cf_buf_str(&old), &kept)) {
    row_mac(l, key, cf_buf_str(&old), mac);
    sum_less(l->kept_sum, mac);
  }
  cf_buf_fini(&old);
  if (value == NULL && err == CF_OK)
    err = cf_bdb_del(l->checkpoints, txn, key);
  else if (value != NULL && (err == CF_OK || err == CF_E_NOTFOUND || err == CF_E_FULL))
    err = cf_bdb_put(l->checkpoints, txn, key, *value);
  if (value != NULL && err == CF_OK) {
    row_mac(l, key, *value, mac);
    sum_add(l->kept_sum, mac);
  }
  if (err == CF_OK && l->kept_good)
    err = sum_put(l, txn);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_kept_put(struct cf_ledger *l, struct cf_bdb_txn *txn, struct cf_str key,
                        struct cf_str value)
{
  return row_set(l, txn, key, &value);
}

enum cf_err cf_kept_del(struct cf_ledger *l, struct cf_bdb_txn *txn, struct cf_str key)
{
  return row_set(l, txn, key, NULL);
}

/* Of the rows that are here: their sum, and the largest size. */
static enum cf_err rows_sum(struct cf_ledger *l, uint8_t sum[CF_HASH_N], uint64_t *largest)
{
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str none = {0}, key, value;
  struct cf_kept kept;
  uint8_t mac[CF_HASH_N];
  *largest = 0;
  memset(sum, 0, CF_HASH_N);
  enum cf_err err = cf_bdb_cursor_open(l->checkpoints, &cursor);
  for (enum cf_bdb_move move = CF_BDB_FIRST; err == CF_OK; move = CF_BDB_NEXT) {
    err = cf_bdb_cursor_move(cursor, move, none, &key, &value);
    if (err != CF_OK || !cf_meta_kept(key, value, &kept))
      continue;
    row_mac(l, key, value, mac);
    sum_add(sum, mac);
    *largest = kept.size;
  }
  cf_bdb_cursor_close(cursor);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_kept_begin(struct cf_ledger *l)
{
  struct cf_checkpoint before;
  uint64_t largest = 0;
  enum cf_err err = rows_sum(l, l->kept_sum, &largest);
  if (err != CF_OK)
    return err;
  bool known = cf_signer_before(l->signer, &before);
  l->kept_good = !known || (largest >= before.size && sum_told(l));
  if (!known)
    return sum_put(l, NULL);
  if (l->kept_good)
    return CF_OK;
  cf_log(CF_LOG_ERROR, "kept checkpoints are gone or were changed: verify says what to do");
  err = cf_bdb_del(l->table[CF_TABLE_META], NULL, SUM_NAME);
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

enum cf_err cf_ledger_kept_check(struct cf_ledger *l, bool *good)
{
  uint8_t sum[CF_HASH_N];
  uint64_t largest = 0;
  *good = true;
  if (l->signer == NULL)
    return CF_OK;
  (void)pthread_mutex_lock(&l->seal);
  enum cf_err err = rows_sum(l, sum, &largest);
  *good = l->kept_good && cf_equal(sum, l->kept_sum, sizeof sum);
  (void)pthread_mutex_unlock(&l->seal);
  return err;
}
