/* SPDX-License-Identifier: MIT */
/* Each case of tests/vectors/rfc6962-proofs.json is judged as the vectors say:
 * proofs made by another implementation, good ones and broken ones. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/tree.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

#define PROOF_MAX 70

static struct cf_buf text;
static struct cf_json *doc;

/* The JSON reader takes integers of int64 only; the vectors also have 2^64 - 1,
 * which goes between quotes. */
static void quote_largest(struct cf_str left)
{
  static const char largest[] = ": 18446744073709551615";
  for (const char *at; (at = memmem(left.p, left.n, largest, sizeof largest - 1)) != NULL;) {
    cf_buf_put(&text, left.p, (size_t)(at - left.p));
    cf_buf_puts(&text, ": \"18446744073709551615\"");
    left.n -= (size_t)(at - left.p) + sizeof largest - 1;
    left.p = at + sizeof largest - 1;
  }
  cf_buf_putstr(&text, left);
}

static void vectors_open(void)
{
  struct cf_fault fault = {.at = ""};
  size_t n;
  const char *raw = cf_test_vectors("rfc6962-proofs.json", &n);
  cf_buf_init(&text, 1 << 20);
  quote_largest((struct cf_str){raw, n});
  enum cf_err err = cf_json_parse(cf_buf_str(&text), 8, &doc, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
}

static void vectors_close(void)
{
  cf_json_free(doc);
  cf_buf_fini(&text);
}

/* What a case speaks of: a hash may have any length. */
struct hash {
  uint8_t bytes[64];
  size_t n;
};
struct vector {
  const struct cf_json *json;
  uint64_t a, b;
  struct hash x, y;
  struct hash proof[PROOF_MAX];
  struct cf_str slice[PROOF_MAX];
  size_t proof_n;
  bool bad;
};

static void hash_get(const struct cf_json *v, struct hash *hash)
{
  struct cf_buf b;
  cf_buf_init(&b, sizeof hash->bytes);
  ck_assert_ok(cf_base64_get(cf_json_string(v), &b));
  if (b.n > 0)
    memcpy(hash->bytes, b.p, b.n);
  hash->n = b.n;
  cf_buf_fini(&b);
}

static uint64_t number_get(const struct cf_json *v)
{
  uint64_t n = 0;
  ck_assert_ok(
      cf_u64_parse(cf_json_type(v) == CF_JSON_STRING ? cf_json_string(v) : cf_json_number(v),
                   UINT64_MAX, &n));
  return n;
}

static struct cf_str slice(const struct hash *h)
{
  return (struct cf_str){(const void *)h->bytes, h->n};
}

static void vector_get(const struct cf_json *json, const char *const names[4], struct vector *v)
{
  memset(v, 0, sizeof *v);
  v->json = json;
  v->a = number_get(cf_json_member(json, names[0]));
  v->b = number_get(cf_json_member(json, names[1]));
  hash_get(cf_json_member(json, names[2]), &v->x);
  hash_get(cf_json_member(json, names[3]), &v->y);
  const struct cf_json *proof = cf_json_member(json, "proof");
  /* null: an empty proof */
  v->proof_n = cf_json_type(proof) == CF_JSON_ARRAY ? cf_json_count(proof) : 0;
  ck_assert_uint_le(v->proof_n, PROOF_MAX);
  for (size_t i = 0; i < v->proof_n; i++) {
    hash_get(cf_json_element(proof, i), &v->proof[i]);
    v->slice[i] = slice(&v->proof[i]);
  }
  v->bad = cf_json_bool(cf_json_member(json, "wantErr"));
}

static void judged(const struct vector *v, enum cf_err err)
{
  struct cf_str name = cf_json_string(cf_json_member(v->json, "name"));
  ck_assert_msg(err == (v->bad ? CF_E_PROOF : CF_OK), "%.*s: %s", (int)name.n, name.p,
                cf_err_word(err));
}

static void all_ran(const char *what, size_t n, size_t good)
{
  printf("%s: %zu cases, %zu of them good proofs\n", what, n, good);
  ck_assert_uint_ge(n, 98);
  ck_assert_uint_gt(good, 0);
  ck_assert_uint_lt(good, n);
}

START_TEST(inclusion)
{
  static const char *const names[4] = {"leafIdx", "treeSize", "leafHash", "root"};
  const struct cf_json *cases = cf_json_member(doc, "inclusion");
  size_t n = cf_json_count(cases), good = 0;
  for (size_t i = 0; i < n; i++) {
    struct vector v;
    vector_get(cf_json_element(cases, i), names, &v);
    judged(&v, cf_inclusion_check(v.a, v.b, slice(&v.x), v.slice, v.proof_n, slice(&v.y)));
    good += !v.bad;
  }
  all_ran("inclusion", n, good);
}
END_TEST

START_TEST(consistency)
{
  static const char *const names[4] = {"size1", "size2", "root1", "root2"};
  const struct cf_json *cases = cf_json_member(doc, "consistency");
  size_t n = cf_json_count(cases), good = 0;
  for (size_t i = 0; i < n; i++) {
    struct vector v;
    vector_get(cf_json_element(cases, i), names, &v);
    judged(&v, cf_consistency_check(v.a, v.b, slice(&v.x), slice(&v.y), v.slice, v.proof_n));
    good += !v.bad;
  }
  all_ran("consistency", n, good);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "vectors", .test = inclusion, .setup = vectors_open, .teardown = vectors_close},
      {.tcase = "vectors", .test = consistency},
  };
  return cf_test_run("rfc6962", tests, CF_COUNT(tests));
}
