/* SPDX-License-Identifier: MIT */
/* Receipts, checkpoints and pairs of them, without a ledger: those of
 * tests/vectors/ledger-v1.json hold, and with any byte changed none does. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/disclosed.h"
#include "lib/proof/tlog_proof.h"
#include "lib/proof/verify_apart.h"
#include "lib/record/json.h"
#include "tests/unit/cf_test.h"

static struct cf_json *file;
static struct cf_vkey vkey;
static struct cf_keys keys;
static struct cf_verify_job job;
static struct cf_verify_result *result;
static struct cf_fault fault;

static struct cf_str string(const char *name)
{
  return cf_json_string(cf_json_member(file, name));
}

static void stage_open(void)
{
  size_t n;
  const char *text = cf_test_vectors("ledger-v1.json", &n);
  ck_assert_ok(cf_json_parse((struct cf_str){text, n}, 16, &file, NULL));
  ck_assert_ok(cf_vkey_parse(string("vkey"), &vkey));
  cf_keys_init(&keys);
  ck_assert_ok(cf_keys_begin(&keys, &vkey));
  job = (struct cf_verify_job){.keys = &keys};
  result = calloc(1, sizeof *result);
  ck_assert_ptr_nonnull(result);
}

static void stage_close(void)
{
  free(result);
  cf_keys_fini(&keys);
  cf_json_free(file);
}

static bool says(enum cf_verdict verdict)
{
  bool said = false;
  for (size_t i = 0; i < result->errors_n; i++)
    said |= result->errors[i].verdict == verdict;
  return said;
}

static void receipt(struct cf_str text)
{
  ck_assert_ok(cf_verify_receipt(text, &job, NULL, result, &fault));
}

/* ---- receipts ---- */

START_TEST(a_receipt_holds)
{
  receipt(string("tlog_proof_1"));
  ck_assert(result->ok && result->complete);
  ck_assert_str_eq(result->origin, "audit.example.org/main");
  ck_assert_uint_eq(result->leaves, 1);
  ck_assert_uint_gt(result->openings, 0);
  ck_assert_uint_eq(result->checkpoints, 1);
}
END_TEST

START_TEST(no_byte_of_it_may_change)
{
  struct cf_str text = string("tlog_proof_1");
  for (size_t i = 0; i < text.n; i++) {
    char *copy = malloc(text.n);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text.p, text.n);
    copy[i] ^= 1;
    enum cf_err err = cf_verify_receipt((struct cf_str){copy, text.n}, &job, NULL, result, &fault);
    ck_assert_msg(err == CF_E_SYNTAX || (err == CF_OK && !result->ok), "byte %zu: %s", i,
                  cf_err_word(err));
    free(copy);
  }
}
END_TEST

START_TEST(nor_may_it_be_cut)
{
  struct cf_str text = string("tlog_proof_1");
  for (size_t n = 0; n < text.n; n++) {
    char *copy = malloc(n + 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text.p, n);
    enum cf_err err = cf_verify_receipt((struct cf_str){copy, n}, &job, NULL, result, &fault);
    ck_assert_msg(err == CF_E_SYNTAX || (err == CF_OK && !result->ok), "%zu bytes", n);
    free(copy);
  }
}
END_TEST

/* The same with another index in the place of its own. */
static void receipt_of(const char *index)
{
  struct cf_str text = string("tlog_proof_1");
  const char *at = memmem(text.p, text.n, "\nindex 1\n", 9);
  struct cf_buf b;
  ck_assert_ptr_nonnull(at);
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_put(&b, text.p, (size_t)(at - text.p));
  cf_buf_putf(&b, "\nindex %s\n", index);
  cf_buf_putstr(&b, cf_str_behind(text, (size_t)(at - text.p) + 9));
  if (index[0] == '0' && index[1] != '\0')
    ck_assert_err(cf_verify_receipt(cf_buf_str(&b), &job, NULL, result, &fault), CF_E_SYNTAX);
  else
    receipt(cf_buf_str(&b));
  cf_buf_fini(&b);
}

START_TEST(its_index_is_the_records)
{
  receipt_of("2");
  ck_assert(says(CF_V_INDEX_GAP) && says(CF_V_ROOT_MISMATCH));
  receipt_of("18446744073709551615");
  ck_assert(says(CF_V_ROOT_MISMATCH));
  receipt_of("01");
}
END_TEST

START_TEST(another_key_is_told)
{
  ck_assert_ok(cf_vkey_parse(string("vkey2"), &vkey));
  ck_assert_ok(cf_keys_begin(&keys, &vkey));
  receipt(string("tlog_proof_1"));
  ck_assert(says(CF_V_KEY_UNKNOWN));
  cf_vkey_make(CF_STR("audit.example.org/other"), vkey.pubkey, &vkey);
  ck_assert_ok(cf_keys_begin(&keys, &vkey));
  receipt(string("tlog_proof_1"));
  ck_assert(says(CF_V_KEY_UNKNOWN) && says(CF_V_ORIGIN_MISMATCH));
}
END_TEST

/* ---- what is disclosed ---- */

START_TEST(what_is_disclosed_is_of_its_form)
{
  static const char *const bad[] = {
      "",
      "[]",
      "{\"leaf\":\"x\"}",
      "{\"leaf\":\"x\",\"payloads\":{},\"salts\":{},\"more\":1}",
      "{\"leaf\":\"\",\"payloads\":{},\"salts\":{}}",
      "{\"leaf\":1,\"payloads\":{},\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":[],\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":null,\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":{\"actor\":\"{}\"},\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":{\"other\":\"{}\"},\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":{\"actor\":{}},\"salts\":{}}",
      "{\"leaf\":\"x\",\"payloads\":{},\"salts\":{\"actor\":\"AAAA\"}}",
      "{\"leaf\":\"x\",\"leaf\":\"y\",\"payloads\":{},\"salts\":{}}",
  };
  struct cf_disclosed d;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert_err(cf_disclosed_receipt(cf_str_from(bad[i]), &d, &fault), CF_E_SYNTAX);
    cf_disclosed_fini(&d);
  }
}
END_TEST

START_TEST(a_line_says_what_is_erased)
{
  struct cf_disclosed d;
  ck_assert_ok(cf_disclosed_line(
      CF_STR("{\"seq\":7,\"payloads\":{},\"salts\":{},\"erased\":[\"actor\",\"detail\"]}"), &d,
      &fault));
  ck_assert_uint_eq(d.seq, 7);
  ck_assert_uint_eq(d.erased, 1 | 8);
  cf_disclosed_fini(&d);
  ck_assert_err(
      cf_disclosed_line(
          CF_STR("{\"seq\":7,\"payloads\":{},\"salts\":{},\"erased\":[\"actor\",\"actor\"]}"), &d,
          &fault),
      CF_E_SYNTAX);
  cf_disclosed_fini(&d);
  ck_assert_err(cf_disclosed_line(CF_STR("{\"payloads\":{},\"salts\":{}}"), &d, &fault),
                CF_E_SYNTAX);
  cf_disclosed_fini(&d);
}
END_TEST

/* ---- heads ---- */

static void kept_take(const char *size)
{
  job.kept = true;
  ck_assert_ok(cf_u64_parse(cf_str_from(size), 100, &job.kept_size));
  ck_assert_ok(cf_base64_get_n(cf_json_string(cf_json_member(cf_json_member(file, "roots"), size)),
                               job.kept_root, CF_HASH_N));
}

/* The proof of the vectors, as the route gives it. */
static void extension_read(struct cf_extension *e)
{
  const struct cf_json *hashes = cf_json_member(file, "consistency_3_5");
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, "{\"first\":3,\"second\":5,\"hashes\":");
  ck_assert_ok(cf_json_put_canonical(&b, hashes, 2, NULL));
  cf_buf_puts(&b, "}\n");
  ck_assert_ok(cf_extension_parse(cf_buf_str(&b), e, &fault));
  cf_buf_fini(&b);
}

START_TEST(a_head_extends_what_was_kept)
{
  struct cf_extension e;
  job.head = string("checkpoint_5");
  ck_assert_ok(cf_verify_head(&job, NULL, result, &fault));
  ck_assert(result->ok && result->size == 5 && result->checkpoints == 1);
  extension_read(&e);
  kept_take("3");
  ck_assert_ok(cf_verify_head(&job, &e, result, &fault));
  ck_assert(result->ok);
  job.kept_root[31] ^= 1;
  ck_assert_ok(cf_verify_head(&job, &e, result, &fault));
  ck_assert(says(CF_V_INCONSISTENT_HEAD));
  job.kept_root[31] ^= 1;
  e.proof.hash[0][0] ^= 1;
  ck_assert_ok(cf_verify_head(&job, &e, result, &fault));
  ck_assert(says(CF_V_INCONSISTENT_HEAD));
}
END_TEST

START_TEST(without_a_proof_of_it_nothing_is_said)
{
  struct cf_extension e;
  job.head = string("checkpoint_5");
  extension_read(&e);
  kept_take("4");
  ck_assert_err(cf_verify_head(&job, NULL, result, &fault), CF_E_PARAMETER);
  ck_assert_err(cf_verify_head(&job, &e, result, &fault), CF_E_PARAMETER);
  kept_take("5");
  ck_assert_ok(cf_verify_head(&job, NULL, result, &fault));
  ck_assert(result->ok);
  job.kept_size = 6;
  ck_assert_ok(cf_verify_head(&job, NULL, result, &fault));
  ck_assert(says(CF_V_ROLLBACK));
}
END_TEST

START_TEST(a_proof_is_of_its_form)
{
  static const char *const bad[] = {
      "",
      "{}",
      "{\"first\":1,\"second\":2}",
      "{\"first\":1,\"second\":2,\"hashes\":[\"AAAA\"]}",
      "{\"first\":-1,\"second\":2,\"hashes\":[]}",
      "{\"first\":1,\"second\":2,\"hashes\":{}}",
  };
  struct cf_extension e;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_err(cf_extension_parse(cf_str_from(bad[i]), &e, &fault), CF_E_SYNTAX);
}
END_TEST

int main(void)
{
#define APART .setup = stage_open, .teardown = stage_close
  const struct cf_test tests[] = {
      {.tcase = "receipt", APART, .test = a_receipt_holds},
      {.tcase = "receipt", APART, .test = no_byte_of_it_may_change},
      {.tcase = "receipt", APART, .test = nor_may_it_be_cut},
      {.tcase = "receipt", APART, .test = its_index_is_the_records},
      {.tcase = "receipt", APART, .test = another_key_is_told},
      {.tcase = "disclosed", .test = what_is_disclosed_is_of_its_form},
      {.tcase = "disclosed", .test = a_line_says_what_is_erased},
      {.tcase = "head", APART, .test = a_head_extends_what_was_kept},
      {.tcase = "head", APART, .test = without_a_proof_of_it_nothing_is_said},
      {.tcase = "head", APART, .test = a_proof_is_of_its_form},
  };
  return cf_test_run("verify_apart", tests, CF_COUNT(tests));
}
