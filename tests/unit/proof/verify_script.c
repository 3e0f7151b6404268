/* SPDX-License-Identifier: MIT */
/* What the words of the verifier's tests do. */
#include "config.h"

#include "tests/unit/proof/verify_script.h"

#include <stdlib.h>
#include <string.h>

struct vl_ledger L;
struct cf_verify_job job;
struct cf_verify_result *R;
struct cf_keys K;

const size_t sizes[17] = {1,   2,   3,   7,   63,  64,  65,  255, 256,
                          257, 300, 511, 512, 513, 700, 768, 1000};
const struct place places[12] = {{1, 0},     {2, 0},     {2, 1},     {256, 0},
                                 {256, 255}, {257, 255}, {257, 256}, {600, 255},
                                 {600, 256}, {600, 300}, {600, 511}, {600, 599}};

void script_begin(void)
{
  memset(&job, 0, sizeof job);
  R = calloc(1, sizeof *R);
  cf_keys_init(&K);
}

void script_end(void)
{
  vl_free(&L);
  cf_keys_fini(&K);
  free(R);
}

/* The one that the ledger was planned with, where the test has no others. */
const struct cf_keys *keys(void)
{
  if (K.n <= 1)
    ck_assert_ok(cf_keys_begin(&K, &L.vkey));
  return &K;
}

void PLAN(size_t n)
{
  vl_plan(&L, n);
}
void SEAL(void)
{
  vl_seal(&L);
}
void LEDGER(size_t n)
{
  PLAN(n);
  SEAL();
}

static void verify_with(unsigned workers)
{
  struct cf_fault fault = {.at = ""};
  struct cf_verify_source source = vl_source(&L);
  job.head = cf_str_from(L.head);
  job.keys = keys();
  job.workers = workers;
  enum cf_err err = cf_verify(&source, &job, R, &fault);
  ck_assert_msg(err == CF_OK, "cf_verify gave %s: %s", cf_err_word(err), fault.detail);
}

static void verify(enum cf_verify_mode mode)
{
  struct cf_verify_result *one = malloc(sizeof *one);
  job.mode = mode;
  verify_with(1);
  *one = *R;
  verify_with(2);
  one->elapsed_us = R->elapsed_us;
  ck_assert_bytes(R, sizeof *R, one, sizeof *one);
  free(one);
}

void FULL(void)
{
  verify(CF_VERIFY_FULL);
}
void QUICK(void)
{
  verify(CF_VERIFY_QUICK);
}
void RANGE(uint64_t from, uint64_t to)
{
  job.from = from;
  job.to = to;
  verify(CF_VERIFY_RANGE);
}

void PARTS(void)
{
  struct cf_verify_result *whole = malloc(sizeof *whole);
  struct cf_verify_run *carry = NULL;
  struct cf_verify_source source = vl_source(&L);
  size_t parts = 0;
  FULL();
  *whole = *R;
  job.budget_us = 1; /* a tile */
  job.carry = &carry;
  do {
    ck_assert_ok(cf_verify(&source, &job, R, NULL));
    ck_assert_msg((carry != NULL) == !R->complete, "%s", said());
    ck_assert(carry == NULL || cf_verify_run_size(carry) == R->size);
    parts++;
  } while (carry != NULL);
  ck_assert_uint_eq(parts, (L.n + 255) / 256);
  whole->elapsed_us = R->elapsed_us;
  ck_assert_bytes(R, sizeof *R, whole, sizeof *whole);
  free(whole);
}

const char *said(void)
{
  static char text[4096];
  size_t n = (size_t)snprintf(text, sizeof text, "first bad %lld;",
                              R->has_first_bad ? (long long)R->first_bad : -1);
  for (size_t i = 0; i < R->errors_n && n < sizeof text - 300; i++) {
    const struct cf_verify_error *e = &R->errors[i];
    n += (size_t)snprintf(text + n, sizeof text - n, " %s %lld (%s);", cf_verdict_name(e->verdict),
                          e->has_seq ? (long long)e->seq : -1, e->detail);
  }
  return text;
}

const struct cf_verify_error *find(enum cf_verdict verdict, uint64_t seq)
{
  for (size_t i = 0; i < R->errors_n; i++) {
    const struct cf_verify_error *e = &R->errors[i];
    if (e->verdict == verdict && (e->has_seq ? e->seq <= seq && seq <= e->last : seq == NOWHERE))
      return e;
  }
  return NULL;
}

bool find_any(enum cf_verdict verdict)
{
  for (size_t i = 0; i < R->errors_n; i++)
    if (R->errors[i].verdict == verdict)
      return true;
  return false;
}

void FLIP(size_t seq, size_t byte)
{
  L.record[seq].leaf[byte % L.record[seq].leaf_n] ^= 1;
}
void FLIP_HASH(size_t seq)
{
  L.record[seq].hash[5] ^= 1;
}
void FLIP_ROW(unsigned level, size_t i)
{
  L.row[level][i].hash[5] ^= 1;
}
/* Another character in the middle of a note's only signature. */
void FLIP_SIGNATURE(char *note)
{
  char *at = strrchr(note, ' ') + 20;
  *at = *at == 'A' ? 'B' : 'A';
}
void LOSE(size_t seq)
{
  L.record[seq].lost = true;
}
void LOSE_HASH(size_t seq)
{
  L.record[seq].hash_lost = true;
}
void LOSE_ROW(unsigned level, size_t i)
{
  L.row[level][i].lost = true;
}
void DELETE(size_t seq)
{
  vl_remove(&L, seq);
}
void INSERT(size_t seq)
{
  vl_insert(&L, seq);
}
void TRUNCATE(size_t n)
{
  while (L.n > n)
    vl_remove(&L, L.n - 1);
}
void SWAP(size_t a, size_t b)
{
  struct vl_record r = L.record[a];
  L.record[a] = L.record[b];
  L.record[b] = r;
}
/* Another text, and a chain behind it that fits. */
void REWRITE(size_t seq)
{
  L.record[seq].public_text[sizeof "\"source\":\"web" - 1]++;
  vl_chain(&L, seq);
}
void OLD_HEAD(size_t size)
{
  vl_sign(&L, size, VL_ORIGIN, L.head);
}
void OTHER_ORIGIN(void)
{
  vl_sign(&L, L.n, "audit.example.org/other", L.head);
}
void WRONG_KEY(void)
{
  uint8_t pubkey[CF_PUBKEY_N];
  L.seed[0] ^= 1;
  ck_assert_ok(cf_ed25519_public(L.seed, pubkey));
  cf_vkey_make(CF_STR(VL_ORIGIN), pubkey, &L.vkey);
  L.seed[0] ^= 1;
}
void CHECKPOINT(size_t size)
{
  L.checkpoint_size[L.checkpoints_n] = size;
  vl_sign(&L, size, VL_ORIGIN, L.checkpoint[L.checkpoints_n++]);
}
void KEPT(size_t size)
{
  job.kept = true;
  job.kept_size = size;
  vl_root(&L, size, job.kept_root);
}
void KIND(size_t seq, enum cf_kind kind, const char *public_text)
{
  L.record[seq].kind = kind;
  snprintf(L.record[seq].public_text, sizeof L.record[seq].public_text, "%s", public_text);
  for (size_t c = 0; c < CF_C_N; c++)
    L.record[seq].payload[c][0] = '\0';
}
void ERASED(size_t seq, uint8_t mask)
{
  L.record[seq].erased = mask;
}
void ERASURE_OF(size_t seq, const char *targets)
{
  char text[200];
  snprintf(text, sizeof text,
           "\"source\":\"officer\",\"body\":{\"basis\":\"gdpr-17\",\"targets\":%s}", targets);
  KIND(seq, CF_K_ERASURE, text);
}
void ERASURE(size_t seq, size_t target, unsigned mask)
{
  char targets[64];
  snprintf(targets, sizeof targets, "[[%zu,%u]]", target, mask);
  ERASURE_OF(seq, targets);
}
void CLOCK(size_t seq, const char *what)
{
  char text[200];
  snprintf(text, sizeof text, "\"body\":{\"software\":\"counterfoil 0.1.0\",\"what\":\"%s\"}",
           what);
  KIND(seq, CF_K_SERVICE, text);
}
void RECORDED(size_t from, int64_t by_us)
{
  for (size_t i = from; i < L.n; i++)
    L.record[i].recorded_us += by_us;
}
