/* SPDX-License-Identifier: MIT */
/* What the signer answers those that it does not believe: what extends its
 * state, by a proof, to the one that holds it. */
#include "config.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/proof/signer_desk.h"
#include "lib/proof/signer_wire.h"
#include "tests/unit/cf_test.h"
#include "tests/unit/temp_dir.h"

#define LEAVES 200

static char directory[300];
static uint8_t leaf[LEAVES][CF_HASH_N];
static struct cf_signer_desk desk;
static struct cf_buf request, answer;
static int holder, stranger; /* two connections */

static enum cf_err leaves_get(void *context, unsigned level, uint64_t first, size_t n, uint8_t *out)
{
  (void)context;
  ck_assert(level == 0 && first + n <= LEAVES);
  memcpy(out, leaf[first], n * CF_HASH_N);
  return CF_OK;
}
static const struct cf_hashes hashes = {.get = leaves_get};

static void begin(void)
{
  for (size_t i = 0; i < LEAVES; i++)
    cf_sha256_1(&i, sizeof i, leaf[i]);
  temp_make("desk");
  snprintf(directory, sizeof directory, "%s", temp_path("signer"));
  desk = (struct cf_signer_desk){.place = directory};
  cf_buf_init(&request, 2 * CF_WIRE_MAX);
  cf_buf_init(&answer, 2 * (CF_WIRE_HEAD + CF_WIRE_MAX));
}

static void end(void)
{
  cf_signer_desk_fini(&desk);
  cf_buf_fini(&request);
  cf_buf_fini(&answer);
  temp_remove();
}

static void BEGIN(char verb)
{
  cf_buf_reset(&request);
  cf_buf_putc(&request, verb);
}

/* Ask what was put; false: the connection would end. */
static bool ASK(const void *who)
{
  size_t n = 0;
  cf_buf_reset(&answer);
  bool answered = cf_signer_desk_answer(&desk, who, cf_buf_str(&request), &answer);
  if (!answered)
    return false;
  ck_assert_ok(cf_wire_length(cf_buf_str(&answer), &n));
  ck_assert_uint_eq(n, answer.n);
  return true;
}

static struct cf_wire ANSWER(void) {
  return (struct cf_wire){.left = cf_str_behind(cf_buf_str(&answer), CF_WIRE_HEAD)};
}

/* The error that was answered, CF_OK where none was. */
static enum cf_err
GIVES(const void *who)
{
  struct cf_fault fault = {"", ""};
  ck_assert(ASK(who));
  struct cf_wire w = ANSWER();
  enum cf_err err = cf_wire_u8(&w) == 0 ? CF_OK : cf_wire_fault(&w, &fault);
  ck_assert(err == CF_OK || fault.detail[0] != 0);
  return err;
}

static void ORIGINS(char verb, const char *origin)
{
  BEGIN(verb);
  cf_wire_put_text(&request, cf_str_from(origin));
}

static void HELD(void)
{
  ORIGINS('C', "audit.example.org/main");
  ck_assert_ok(GIVES(&holder));
  ORIGINS('H', "audit.example.org/main");
  ck_assert_ok(GIVES(&holder));
}

/* A request to sign, with the proof from `from` on. */
static void SIGN(uint64_t from, uint64_t size)
{
  uint8_t root[CF_HASH_N];
  struct cf_proof proof = {0};
  ck_assert_ok(cf_tree_root(&hashes, size, root));
  ck_assert_ok(cf_tree_consistency(&hashes, from, size, &proof));
  BEGIN('S');
  cf_wire_put_u64(&request, size);
  cf_buf_put(&request, root, sizeof root);
  cf_buf_put(&request, proof.hash, proof.n * CF_HASH_N);
}

static void SIGNED(uint64_t size)
{
  struct cf_checkpoint last = {.size = 0};
  (void)cf_signer_last(desk.signer, &last);
  ck_assert_uint_eq(last.size, size);
}

START_TEST(signs_what_extends)
{
  static const uint64_t sizes[] = {1, 2, 7, 64, 64, 65, 200};
  struct cf_checkpoint checkpoint;
  HELD();
  uint64_t last = 0;
  for (size_t i = 0; i < CF_COUNT(sizes); i++) {
    SIGN(last, sizes[i]);
    ck_assert_ok(GIVES(&holder));
    struct cf_wire w = ANSWER();
    (void)cf_wire_u8(&w);
    struct cf_str note = cf_wire_text(&w);
    ck_assert_ok(cf_wire_done(&w));
    ck_assert_ok(cf_checkpoint_check(note, cf_signer_vkey(desk.signer), &checkpoint));
    ck_assert_uint_eq(checkpoint.size, sizes[i]);
    SIGNED(last = sizes[i]);
  }
}
END_TEST

START_TEST(remembers_what_it_signed_when_it_starts_anew)
{
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  cf_signer_desk_fini(&desk);
  desk = (struct cf_signer_desk){.place = directory};
  ORIGINS('H', "audit.example.org/main");
  ck_assert_ok(GIVES(&holder));
  SIGN(0, 99);
  ck_assert_err(GIVES(&holder), CF_E_ROLLBACK);
  SIGNED(100);
}
END_TEST

static void smaller(void)
{
  SIGN(0, 99);
}
static void nothing(void)
{
  SIGN(0, 100);
  memset(request.p + 1, 0, 8);
}
static void without_proof(void)
{
  SIGN(0, 150);
}
static void other_root(void)
{
  SIGN(100, 150);
  request.p[9] ^= 1;
}
static void same_size_other_root(void)
{
  SIGN(0, 100);
  request.p[9] ^= 1;
}
static void proof_from_elsewhere(void)
{
  SIGN(99, 150);
}
static void changed_proof(void)
{
  SIGN(100, 150);
  request.p[request.n - 1] ^= 1;
}
static void longer_proof(void)
{
  SIGN(100, 150);
  cf_buf_put(&request, leaf[0], CF_HASH_N);
}
static void shorter_proof(void)
{
  SIGN(100, 150);
  cf_buf_cut(&request, CF_HASH_N);
}
static void larger_by_a_lie(void)
{
  SIGN(100, 150);
  request.p[1] = 0xff;
}

static const struct {
  void (*ask)(void);
  enum cf_err err;
} refused[] = {
    {smaller, CF_E_ROLLBACK},           {nothing, CF_E_PARAMETER},
    {without_proof, CF_E_PROOF},        {other_root, CF_E_PROOF},
    {same_size_other_root, CF_E_PROOF}, {proof_from_elsewhere, CF_E_PROOF},
    {changed_proof, CF_E_PROOF},        {longer_proof, CF_E_PROOF},
    {shorter_proof, CF_E_PROOF},        {larger_by_a_lie, CF_E_PROOF},
};

START_TEST(refuses_what_does_not_extend)
{
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  refused[_i].ask();
  ck_assert_err(GIVES(&holder), refused[_i].err);
  SIGNED(100);
  SIGN(100, 150); /* and goes on */
  ck_assert_ok(GIVES(&holder));
}
END_TEST

START_TEST(refuses_a_proof_where_nothing_was_signed)
{
  HELD();
  SIGN(1, 2);
  ck_assert_err(GIVES(&holder), CF_E_PROOF);
  SIGNED(0);
}
END_TEST

static const char *const malformed[] = {
    "",          "X", /* no verb */
    "\xff",      "L", /* no text */
    "L\0",            /* half a length */
    "L\0\3ab",        /* half a text */
    "L\0\0more", "H\0\1",    "C\0\0\0", "S", "S\0\0\0\0\0\0\0", "S\0\0\0\0\0\0\0\1half a root",
    "Vmore",     "P\0\3abc", /* no key */
    "P",         "Fmore",
};
static const size_t malformed_n[CF_COUNT(malformed)] = {0, 1, 1, 1,  2, 5, 7, 3,
                                                        4, 1, 8, 20, 5, 6, 1, 5};

START_TEST(ends_with_who_speaks_otherwise)
{
  HELD();
  cf_buf_reset(&request);
  cf_buf_put(&request, malformed[_i], malformed_n[_i]);
  ck_assert(!ASK(&holder));
  SIGNED(0);
}
END_TEST

START_TEST(half_a_hash_is_no_proof)
{
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  SIGN(100, 150);
  cf_buf_cut(&request, 1);
  ck_assert(!ASK(&holder));
  SIGN(100, 150);
  for (size_t i = 0; i < CF_PROOF_MAX; i++)
    cf_buf_put(&request, leaf[0], CF_HASH_N);
  ck_assert(!ASK(&holder));
  SIGNED(100);
}
END_TEST

static const char held[] = {'S', 'V', 'P', 'F'};

START_TEST(only_who_holds_it_may_ask)
{
  HELD();
  BEGIN(held[_i]);
  ck_assert_err(GIVES(&stranger), CF_E_LOCKED);
  ORIGINS('H', "audit.example.org/main");
  ck_assert_err(GIVES(&stranger), CF_E_LOCKED);
  cf_signer_desk_leave(&desk, &stranger); /* who does not have it gives nothing back */
  ck_assert_err(GIVES(&stranger), CF_E_LOCKED);
  cf_signer_desk_leave(&desk, &holder);
  ck_assert_ok(GIVES(&stranger));
}
END_TEST

START_TEST(tells_a_looker_no_key)
{
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  ORIGINS('H', "");
  ck_assert_ok(GIVES(&holder));
  char key[CF_HASH_N];
  size_t held_n = answer.n;
  memcpy(key, answer.p + answer.n - sizeof key, sizeof key);
  ORIGINS('L', "");
  ck_assert_ok(GIVES(&stranger));
  ck_assert_uint_eq(answer.n + sizeof key, held_n);
  ck_assert(memmem(answer.p, answer.n, key, sizeof key) == NULL);
}
END_TEST

/* Whoever asks is not believed that nothing was. */
START_TEST(signs_nothing_where_its_memory_is_missing)
{
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  cf_signer_desk_fini(&desk);
  temp_run("rm signer/state");
  ORIGINS('H', "");
  ck_assert_ok(GIVES(&holder));
  SIGN(0, 99);
  ck_assert_err(GIVES(&holder), CF_E_ROLLBACK);
  SIGN(0, 1);
  ck_assert_err(GIVES(&holder), CF_E_ROLLBACK);
  SIGNED(0);
}
END_TEST

static void PREVIOUS(void)
{
  uint8_t pubkey[CF_PUBKEY_N] = {7};
  struct cf_vkey vkey;
  struct cf_buf text;
  cf_vkey_make(CF_STR("audit.example.org/old"), pubkey, &vkey);
  cf_buf_init(&text, 1024);
  cf_vkey_put(&vkey, &text);
  BEGIN('P');
  cf_wire_put_text(&request, cf_buf_str(&text));
  cf_buf_fini(&text);
}

START_TEST(what_it_continues_is_said_before_it_begins)
{
  HELD();
  PREVIOUS();
  ck_assert_ok(GIVES(&holder));
  ck_assert_str_eq(cf_signer_previous(desk.signer)->name, "audit.example.org/old");
  SIGN(0, 1);
  ck_assert_ok(GIVES(&holder));
  PREVIOUS();
  ck_assert_err(GIVES(&holder), CF_E_CONFLICT);
}
END_TEST

/* An operator put a checkpoint back as the state, with all that others made of
 * it. */
START_TEST(a_state_that_others_cosigned_is_told_without_them)
{
  static const uint8_t other[4 + 2500] = {1}; /* a key of a kind that we do not know */
  HELD();
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
  ORIGINS('L', "");
  ck_assert_ok(GIVES(&stranger));
  size_t n = answer.n;
  struct cf_buf note;
  cf_buf_init(&note, CF_NOTE_MAX);
  cf_buf_putstr(&note, cf_signer_note(desk.signer));
  while (note.n < CF_WIRE_MAX) {
    cf_buf_puts(&note, "\xe2\x80\x94 witness.example.org ");
    cf_base64_put(&note, other, sizeof other);
    cf_buf_putc(&note, '\n');
  }
  cf_signer_desk_fini(&desk);
  temp_write(temp_path("signer/state"), cf_buf_str(&note), 0600);
  cf_buf_fini(&note);
  ck_assert_ok(GIVES(&stranger));
  ck_assert_uint_eq(answer.n, n);
  ORIGINS('H', "");
  ck_assert_ok(GIVES(&holder));
  SIGN(0, 100);
  ck_assert_ok(GIVES(&holder));
}
END_TEST

START_TEST(is_of_one_origin)
{
  HELD();
  ORIGINS('L', "audit.example.org/other");
  ck_assert_err(GIVES(&stranger), CF_E_CONFIG);
  ORIGINS('C', "audit.example.org/other");
  ck_assert_err(GIVES(&stranger), CF_E_CONFLICT);
}
END_TEST

START_TEST(says_that_there_is_no_key)
{
  ORIGINS('H', "audit.example.org/main");
  ck_assert_err(GIVES(&holder), CF_E_SYSTEM);
  ORIGINS('C', "no name with spaces");
  ck_assert_err(GIVES(&holder), CF_E_CONFIG);
}
END_TEST

/* ---- frames ---- */

START_TEST(lengths)
{
  size_t n = 1;
  ck_assert_ok(cf_wire_length((struct cf_str){"\0\0\0", 3}, &n));
  ck_assert_uint_eq(n, 0);
  ck_assert_ok(cf_wire_length((struct cf_str){"\0\0\0\1", 4}, &n));
  ck_assert_uint_eq(n, 5);
  ck_assert_ok(cf_wire_length((struct cf_str){"\0\0\x40\0", 4}, &n));
  ck_assert_uint_eq(n, CF_WIRE_HEAD + CF_WIRE_MAX);
  ck_assert_err(cf_wire_length((struct cf_str){"\0\0\0\0", 4}, &n), CF_E_SYNTAX);
  ck_assert_err(cf_wire_length((struct cf_str){"\0\0\x40\1", 4}, &n), CF_E_SYNTAX);
  ck_assert_err(cf_wire_length((struct cf_str){"\xff\xff\xff\xff", 4}, &n), CF_E_SYNTAX);
}
END_TEST

START_TEST(a_frame_that_is_too_long_is_none)
{
  size_t at = cf_wire_begin(&request, 0);
  for (size_t i = 0; i < CF_WIRE_MAX; i++)
    cf_buf_putc(&request, 'x');
  ck_assert_err(cf_wire_end(&request, at), CF_E_FULL);
  ck_assert_uint_eq(request.n, 0);
}
END_TEST

START_TEST(every_error_comes_across)
{
  struct cf_fault told, fault = {"state", "what is wrong, and \x01 what to do"};
  for (enum cf_err err = CF_OK + 1; err < CF_ERR_N; err++) {
    cf_buf_reset(&answer);
    cf_wire_put_fault(&answer, err, &fault);
    struct cf_wire w = ANSWER();
    ck_assert_uint_eq(cf_wire_u8(&w), 1);
    ck_assert_err(cf_wire_fault(&w, &told), err);
    ck_assert_str_eq(told.at, fault.at);
    ck_assert_str_eq(told.detail, fault.detail);
  }
}
END_TEST

int main(void)
{
#define DESK .tcase = "desk", .setup = begin, .teardown = end
  const struct cf_test tests[] = {
      {DESK, .test = signs_what_extends},
      {DESK, .test = remembers_what_it_signed_when_it_starts_anew},
      {DESK, .test = refuses_what_does_not_extend, .loops = CF_COUNT(refused)},
      {DESK, .test = refuses_a_proof_where_nothing_was_signed},
      {DESK, .test = ends_with_who_speaks_otherwise, .loops = CF_COUNT(malformed)},
      {DESK, .test = half_a_hash_is_no_proof},
      {DESK, .test = only_who_holds_it_may_ask, .loops = CF_COUNT(held)},
      {DESK, .test = tells_a_looker_no_key},
      {DESK, .test = signs_nothing_where_its_memory_is_missing},
      {DESK, .test = what_it_continues_is_said_before_it_begins},
      {DESK, .test = a_state_that_others_cosigned_is_told_without_them},
      {DESK, .test = is_of_one_origin},
      {DESK, .test = says_that_there_is_no_key},
      {DESK, .test = lengths},
      {DESK, .test = a_frame_that_is_too_long_is_none},
      {DESK, .test = every_error_comes_across},
  };
  return cf_test_run("signer_desk", tests, CF_COUNT(tests));
}
