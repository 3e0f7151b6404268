/* SPDX-License-Identifier: MIT */
/* What a start holds the data against: the signer's memory and others', the
 * head's hash, the key that record 0 names and those that followed it. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/ledger/ledger_in.h"
#include "lib/proof/signer.h"
#include "lib/record/builder.h"
#include "lib/record/json.h"
#include "lib/segment/bdb.h"
#include "tests/unit/ledger/ledger_stage.h"

#define ORIGIN CF_STR("test.example.org/log")

static const uint8_t old_seed[CF_SEED_N] = {1}, new_seed[CF_SEED_N] = {2};

static enum cf_err reopened(struct cf_fault *fault)
{
  stage_close_ledger();
  return cf_ledger_open(&stage_conf, "test 1", &stage_ledger, fault);
}

/* Open the environment of a closed ledger and one table of it. */
static struct cf_bdb *table_open(const char *name, struct cf_bdb_env **env)
{
  struct cf_fault fault = {0};
  struct cf_bdb *db = NULL;
  ck_assert_ok(cf_bdb_env_open(temp_path("data/env"), 1 << 20, false, env, &fault));
  ck_assert_ok(cf_bdb_open(*env, NULL, name, NULL, CF_BDB_READ, 4096, &db));
  return db;
}

/* Take the kept checkpoint of record 0 away. */
static void first_checkpoint_forget(void)
{
  struct cf_bdb_env *env = NULL;
  uint8_t key[8];
  struct cf_bdb *db = table_open("checkpoints", &env);
  cf_u64_put(key, 1);
  ck_assert_ok(cf_bdb_del(db, NULL, (struct cf_str){(const char *)key, sizeof key}));
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

/* ---- the memory of what was signed ---- */

START_TEST(test_the_first_record_is_signed)
{
  struct stat st;
  stage_configure("signed", NULL);
  stage_init_ledger();
  ck_assert_int_eq(stat(temp_path("data.signer/state"), &st), 0);
  ck_assert_int_ne(stat(temp_path("data/unfinished"), &st), 0);
  temp_run("rm data.signer/state");
  struct cf_fault fault = {0};
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  stage_clear();
}
END_TEST

/* Before `init` signed it, a ledger of one record had neither. */
START_TEST(test_a_ledger_of_before_is_signed_at_its_start)
{
  stage_configure("signed", NULL);
  stage_init_ledger();
  first_checkpoint_forget();
  temp_run("rm data.signer/state");
  stage_open_ledger();
  stage_assert_verifies();
  stage_close_ledger();
  stage_clear();
}
END_TEST

START_TEST(test_an_init_that_was_cut_short_begins_again)
{
  struct cf_fault fault = {0};
  stage_configure("signed", NULL);
  stage_init_ledger();
  temp_run("touch data/unfinished");
  stage_init_ledger();
  stage_open_ledger();
  stage_assert_verifies();
  stage_close_ledger();
  temp_run("touch data/unfinished");
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
  temp_run("mv data.signer/state data.signer/anchor");
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
  stage_clear();
}
END_TEST

static const char *const memories[] = {"data.signer/anchor", "data.signer/anchor-2026",
                                       "data/anchor.1"};

/* What says that its making was cut short takes nothing from a ledger that was
 * lived in, with or without its signer's state. */
START_TEST(test_a_used_ledger_is_not_made_anew)
{
  struct cf_fault fault = {0};
  stage_configure("signed", NULL);
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, 300, 100);
  stage_close_ledger();
  temp_run("touch data/unfinished; cp -a data.signer/state kept");
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
  temp_run("rm data.signer/state");
  ck_assert_err(cf_ledger_init(&stage_conf, &fault), CF_E_CONFLICT);
  temp_run("mv kept data.signer/state; rm data/unfinished");
  stage_open_ledger();
  ck_assert_uint_gt(stage_size(), 300);
  stage_assert_verifies();
  stage_close_ledger();
  stage_clear();
}
END_TEST

/* Data of one record, with no checkpoint kept, is no ledger of before where the
 * key has signed more. */
START_TEST(test_a_used_key_has_a_state)
{
  struct cf_fault fault = {0};
  stage_configure("signed", NULL);
  stage_init_ledger();
  first_checkpoint_forget();
  temp_run("cp -a data data.old");
  stage_open_ledger();
  stage_close_ledger();
  temp_run("rm -r data data.signer/state; mv data.old data");
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  stage_clear();
}
END_TEST

START_TEST(test_anchors_are_asked)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  temp_run("cp -a data old && cp -a data.signer old.signer");
  stage_open_ledger();
  stage_append_range(10, 20, 10);
  stage_close_ledger();
  temp_run(
      "cp data.signer/state newest; rm -rf data data.signer; mv old data; mv old.signer data.signer");
  temp_run("cp newest %s", memories[_i]);
  ck_assert_err(reopened(&fault), CF_E_ROLLBACK);
  ck_assert_ptr_nonnull(strstr(fault.at, memories[_i]));
  temp_run("sed -i 's/— test/— best/' %s", memories[_i]);
  ck_assert_ok(reopened(&fault)); /* signed by nobody, it does not count */
}
END_TEST

/* The note before the last, which somebody left beside an old `state`. */
START_TEST(test_the_note_before_is_asked)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  temp_run("cp -a data old && cp data.signer/state old.state");
  for (unsigned i = 1; i < 3; i++) {
    stage_open_ledger();
    stage_append_range(i * 10, i * 10 + 10, 10);
    stage_close_ledger();
  }
  temp_run("rm -r data; mv old data; mv old.state data.signer/state");
  ck_assert_err(reopened(&fault), CF_E_ROLLBACK);
  ck_assert_ptr_nonnull(strstr(fault.at, "data.signer/before"));
}
END_TEST

/* What is there and cannot be read may be the newest: nobody goes on without
 * it. */
START_TEST(test_a_memory_that_cannot_be_read_is_not_passed_over)
{
  struct cf_fault fault = {0};
  stage_close_ledger();
  temp_run("ln -s %s %s", strrchr(memories[_i], '/') + 1, memories[_i]);
  ck_assert_err(reopened(&fault), CF_E_SYSTEM);
  ck_assert_ptr_nonnull(strstr(fault.at, memories[_i]));
  ck_assert_ptr_nonnull(strstr(fault.detail, "chown"));
}
END_TEST

/* Put a note among the kept checkpoints of the closed ledger. */
static void checkpoint_put(uint64_t size, const char *note)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb *db = table_open("checkpoints", &env);
  struct cf_buf value;
  uint8_t key[8];
  cf_u64_put(key, size);
  cf_buf_init(&value, 4096);
  cf_buf_putf(&value, "01234567%s", note); /* its time first */
  ck_assert_ok(
      cf_bdb_put(db, NULL, (struct cf_str){(const char *)key, sizeof key}, cf_buf_str(&value)));
  cf_buf_fini(&value);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

/* The table of the data's own, where the signer forgot: a later checkpoint
 * counts; one that nobody signed does not, and the one before it does. */
START_TEST(test_kept_checkpoints_are_asked)
{
  struct cf_fault fault = {0};
  char newest[2048] = "";
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  temp_run("cp -a data old && cp -a data.signer old.signer");
  stage_open_ledger();
  stage_append_range(10, 20, 10);
  uint64_t size = stage_size() + 1; /* with the stop */
  stage_close_ledger();
  FILE *f = fopen(temp_path("data.signer/state"), "r");
  ck_assert(f != NULL && fread(newest, 1, sizeof newest - 1, f) > 0);
  fclose(f);
  temp_run("rm -rf data data.signer; mv old data; mv old.signer data.signer");
  checkpoint_put(1000000, " no note");
  ck_assert_ok(reopened(&fault));
  stage_close_ledger();
  checkpoint_put(size, newest);
  ck_assert_err(reopened(&fault), CF_E_ROLLBACK);
  ck_assert_str_eq(fault.at, "the checkpoints kept in the data");
}
END_TEST

/* ---- the head ---- */

#define HEAD_OLD_N 56                       /* without a sum and */
#define HEAD_N     (HEAD_OLD_N + CF_HASH_N) /* its MAC */

/* Change the head's row of a closed ledger: its byte at, where that is one, and
 * how long it is. */
static void head_change(size_t at, size_t n)
{
  struct cf_bdb_env *env = NULL;
  struct cf_buf head;
  struct cf_bdb *db = table_open("meta", &env);
  cf_buf_init(&head, 4096);
  ck_assert_ok(cf_bdb_get(db, NULL, CF_STR("head"), &head));
  ck_assert_uint_eq(head.n, HEAD_N + CF_HASH_N);
  if (at < head.n)
    head.p[at] ^= 1;
  ck_assert_ok(cf_bdb_put(db, NULL, CF_STR("head"), (struct cf_str){(const char *)head.p, n}));
  cf_buf_fini(&head);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

START_TEST(test_the_heads_hash_is_the_last_leafs)
{
  struct cf_fault fault = {0};
  stage_append_range(0, _i == 0 ? 10 : 253, 5); /* with genesis, start and stop 256: a tile */
  stage_close_ledger();
  head_change(HEAD_OLD_N - 1, HEAD_N + CF_HASH_N);
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_DAMAGED);
}
END_TEST

/* Append what the log never saw, as somebody who has DATA and another key. */
static void append_without_the_key(void)
{
  struct cf_fault fault = {0};
  struct cf_ledger *l = NULL;
  ck_assert_ok(cf_signer_create(temp_path("other.signer"), ORIGIN, new_seed, &fault));
  ck_assert_ok(cf_ledger_new(&stage_conf, "test 1", &l, &fault));
  l->directory = open(stage_conf.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_ok(cf_ledger_open_env(l, CF_BDB_READ, false, &fault));
  ck_assert_ok(cf_recover(l, &fault));
  ck_assert_ok(cf_signer_open(temp_path("other.signer"), ORIGIN, &l->signer, &fault));
  stage_ledger = l;
  stage_append_range(10, 20, 10);
  stage_ledger = NULL;
  cf_ledger_free(l);
}

/* What lies behind the last signature is this log's: whoever has not the key
 * appends nothing that is signed at the next start. */
START_TEST(test_what_is_appended_without_the_key_is_refused)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  append_without_the_key();
  if (_i == 1)
    head_change(SIZE_MAX, HEAD_OLD_N);
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
  ck_assert_ptr_nonnull(strstr(fault.detail, "the first 13 of 23 records are signed"));
  ck_assert_ok(cf_ledger_open_copy(&stage_conf, &stage_ledger, &fault));
  ck_assert_uint_eq(stage_size(), 23);
  ck_assert_err(cf_ledger_judge(stage_ledger, &fault), CF_E_ROLLBACK);
}
END_TEST

static const size_t parts_of_a_head[] = {8, 16, HEAD_OLD_N, HEAD_N,
                                         SIZE_MAX}; /* the last: it has no MAC */

START_TEST(test_a_head_is_what_was_written)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  size_t at = parts_of_a_head[_i];
  head_change(at, at == SIZE_MAX ? HEAD_OLD_N : HEAD_N + CF_HASH_N);
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
}
END_TEST

/* A ledger of before has no MAC, until it is opened once. */
START_TEST(test_a_head_of_before_gets_its_mac)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  temp_run("rm data.signer/vouched");
  head_change(SIZE_MAX, HEAD_OLD_N);
  stage_open_ledger();
  stage_assert_verifies();
  stage_close_ledger();
  temp_run("test -e data.signer/vouched");
  stage_open_ledger();
  stage_close_ledger();
  head_change(SIZE_MAX, HEAD_OLD_N);
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_ROLLBACK);
}
END_TEST

/* Ends without another word, signed or not. */
static void end_unsigned(void)
{
  stage_set("checkpoint_interval", "1h");
  stage_open_ledger();
  stage_append_range(0, 20, 1);
  _exit(0);
}

/* The first record of the closed ledger's tail that has the text gets another
 * one of the same length. */
static void first_text_change(const char *from, const char *to)
{
  struct cf_bdb_env *env = NULL;
  struct cf_bdb_cursor *cursor = NULL;
  struct cf_str k, v;
  struct cf_buf key, value;
  struct cf_bdb *db = table_open("tail-1", &env);
  enum cf_bdb_move move = CF_BDB_FIRST;
  ck_assert_ok(cf_bdb_cursor_open(db, &cursor));
  do {
    ck_assert_ok(cf_bdb_cursor_move(cursor, move, CF_STR(""), &k, &v));
    move = CF_BDB_NEXT;
  } while (memmem(v.p, v.n, from, strlen(from)) == NULL);
  cf_buf_init(&key, 64);
  cf_buf_init(&value, 1 << 20);
  cf_buf_putstr(&key, k);
  cf_buf_putstr(&value, v);
  cf_bdb_cursor_close(cursor);
  memcpy(memmem(value.p, value.n, from, strlen(from)), to, strlen(to));
  ck_assert_ok(cf_bdb_put(db, NULL, cf_buf_str(&key), cf_buf_str(&value)));
  cf_buf_fini(&key);
  cf_buf_fini(&value);
  cf_bdb_close(db);
  cf_bdb_env_close(env);
}

/* After a kill the newest records are here and not signed: taken where they
 * lead to the head, each by itself. */
START_TEST(test_what_a_kill_left_unsigned_is_held_against_the_head)
{
  struct cf_fault fault = {0};
  stage_close_ledger();
  ck_assert_int_eq(cf_test_child(end_unsigned), 0);
  if (_i == 1)
    first_text_change("\"GET\"", "\"PUT\"");
  enum cf_err err = cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault);
  ck_assert_err(err, _i == 1 ? CF_E_ROLLBACK : CF_OK);
  if (err == CF_OK)
    stage_assert_holds(20);
}
END_TEST

/* ---- files beyond the catalogue ---- */

static const struct {
  const char *file;
  bool aside;
} strangers[] = {
    {"00000000000000000512-00000000000000000600-0", false}, /* a generation holds it */
    {"00000000000000000000-00000000000000000256-7", false}, /* another rewrite */
    {"00000000000000000512-00000000000000000768-0", true},
    {"00000000000000000512-00000000000000000768-0.sums", true},
    {"__db.00000000000000000512", false},
};

START_TEST(test_what_goes_beyond_is_set_aside)
{
  struct cf_ledger_state state;
  stage_append_range(0, 600, 200);
  stage_wait_for_segments(2);
  stage_close_ledger();
  temp_run("touch data/segments/%s", strangers[_i].file);
  stage_open_ledger();
  stage_close_ledger();
  temp_run("touch data/segments/%s", strangers[_i].file);
  stage_open_ledger();
  cf_ledger_state(stage_ledger, &state);
  ck_assert_uint_eq(state.aside, strangers[_i].aside ? 2 : 0);
  temp_run("test ! -e data/segments/%s", strangers[_i].file);
  if (strangers[_i].aside)
    temp_run("test -e data/segments/aside/%s && test -e data/segments/aside/%s.1",
             strangers[_i].file, strangers[_i].file);
}
END_TEST

/* ---- keys ---- */

static void vkey_of(const uint8_t seed[CF_SEED_N], struct cf_vkey *vkey)
{
  uint8_t pubkey[CF_PUBKEY_N];
  ck_assert_ok(cf_ed25519_public(seed, pubkey));
  cf_vkey_make(ORIGIN, pubkey, vkey);
}

static const struct {
  bool old_signs, new_signs;
  int off; /* the seq that is signed lies so far from the record's */
  enum cf_err err;
} turns[] = {
    {true, true, 0, CF_OK},
    {false, true, 0, CF_E_CONFIG},
    {true, false, 0, CF_E_CONFIG},
    {true, true, 1, CF_E_CONFIG},
};

/* The `key` record that goes from the one to the other. */
static void key_record(struct cf_event *e, int i)
{
  struct cf_vkey from, to;
  struct cf_buf vkey, note, body;
  struct cf_builder *b = NULL;
  struct cf_fault fault = {0};
  cf_buf_init(&vkey, 1024);
  cf_buf_init(&note, 4096);
  cf_buf_init(&body, 8192);
  vkey_of(old_seed, &from);
  vkey_of(new_seed, &to);
  cf_buf_putf(&note, "counterfoil/v1 key\n%s\n%llu\n", from.name,
              (unsigned long long)stage_size() + (unsigned)turns[i].off);
  cf_vkey_put(&from, &note);
  cf_buf_putc(&note, '\n');
  cf_vkey_put(&to, &note);
  cf_buf_putc(&note, '\n');
  char text[2048];
  struct cf_str signed_text = {text, note.n};
  memcpy(text, note.p, note.n);
  cf_buf_putc(&note, '\n');
  if (turns[i].old_signs)
    ck_assert_ok(cf_note_sign(signed_text, &from, old_seed, &note));
  if (turns[i].new_signs)
    ck_assert_ok(cf_note_sign(signed_text, &to, new_seed, &note));
  cf_vkey_put(&to, &vkey);
  cf_buf_putc(&body, '{');
  cf_json_put_member(&body, "key", cf_buf_str(&vkey));
  cf_json_put_member(&body, "note", cf_buf_str(&note));
  cf_buf_putc(&body, '}');
  ck_assert_ok(cf_builder_new(CF_K_KEY, &b));
  cf_builder_set_body(b, cf_buf_str(&body));
  enum cf_err err = cf_builder_end(b, e, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s", fault.at, fault.detail);
  cf_builder_free(b);
  cf_buf_fini(&vkey);
  cf_buf_fini(&note);
  cf_buf_fini(&body);
}

/* A signer of the new key that has signed what is there. */
static void sign_with_new(void)
{
  struct cf_fault fault = {0};
  struct cf_signer *signer = NULL;
  struct cf_view *view = NULL;
  struct cf_hashes hashes;
  struct cf_buf note;
  uint8_t root[CF_HASH_N];
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_signer_create(temp_path("new.signer"), ORIGIN, new_seed, &fault));
  ck_assert_ok(cf_signer_open(temp_path("new.signer"), ORIGIN, &signer, &fault));
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  cf_view_hashes(view, &hashes);
  ck_assert_ok(cf_tree_root(&hashes, cf_view_size(view), root));
  ck_assert_ok(cf_signer_sign(signer, cf_view_size(view), root, &hashes, &note, &fault));
  cf_view_put(view);
  cf_signer_close(signer);
  cf_buf_fini(&note);
}

START_TEST(test_the_way_from_the_first_key_is_followed)
{
  struct cf_event e;
  struct cf_fault fault = {0};
  stage_configure("signed", stage_small_segments);
  ck_assert_ok(cf_signer_create(temp_path("data.signer"), ORIGIN, old_seed, &fault));
  temp_run("mkdir -m 700 data && touch data/unfinished");
  stage_init_ledger();
  stage_open_ledger();
  stage_append_range(0, 300, 100);
  stage_wait_for_segments(1); /* so that no record of it comes before the key's */
  key_record(&e, _i);
  (void)stage_append(&e);
  cf_event_fini(&e);
  stage_append_range(300, 310, 10);
  sign_with_new();
  stage_close_ledger();
  stage_set("signer", temp_path("new.signer"));
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), turns[_i].err);
  if (turns[_i].err == CF_OK) {
    stage_close_ledger();
    stage_set("signer", temp_path("data.signer")); /* the old one's time is over */
    ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_CONFIG);
  }
  stage_clear();
}
END_TEST

/* A stranger's key that has signed all this is none of it. */
START_TEST(test_a_foreign_signer_is_refused)
{
  struct cf_fault fault = {0};
  stage_append_range(0, 10, 10);
  sign_with_new();
  stage_close_ledger();
  temp_run("mv data.signer kept.signer; mv new.signer data.signer");
  ck_assert_err(cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault), CF_E_CONFIG);
}
END_TEST

/* Record 0 that is not the tree's says nothing of whose the ledger is: what was
 * signed does. */
START_TEST(test_a_record_0_of_another_tree)
{
  stage_append_range(0, 10, 10);
  stage_close_ledger();
  first_text_change("\"key\":\"test.example.org/log+", "\"key\":\"best.example.org/log+");
  stage_open_ledger();
  stage_append_range(10, 20, 10);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "init", .test = test_the_first_record_is_signed},
      {.tcase = "init", .test = test_a_ledger_of_before_is_signed_at_its_start},
      {.tcase = "init", .test = test_an_init_that_was_cut_short_begins_again},
      {.tcase = "init", .test = test_a_used_ledger_is_not_made_anew},
      {.tcase = "init", .test = test_a_used_key_has_a_state},
      {.tcase = "init",
       .test = test_the_way_from_the_first_key_is_followed,
       .loops = CF_COUNT(turns)},
      {.tcase = "open",
       .test = test_anchors_are_asked,
       .loops = CF_COUNT(memories),
       .setup = stage_ledger_setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "open", .test = test_the_note_before_is_asked},
      {.tcase = "open",
       .test = test_a_memory_that_cannot_be_read_is_not_passed_over,
       .loops = CF_COUNT(memories)},
      {.tcase = "open", .test = test_kept_checkpoints_are_asked},
      {.tcase = "open", .test = test_the_heads_hash_is_the_last_leafs, .loops = 2},
      {.tcase = "open", .test = test_what_is_appended_without_the_key_is_refused, .loops = 2},
      {.tcase = "open",
       .test = test_a_head_is_what_was_written,
       .loops = CF_COUNT(parts_of_a_head)},
      {.tcase = "open", .test = test_a_head_of_before_gets_its_mac},
      {.tcase = "open",
       .test = test_what_a_kill_left_unsigned_is_held_against_the_head,
       .loops = 2},
      {.tcase = "open", .test = test_what_goes_beyond_is_set_aside, .loops = CF_COUNT(strangers)},
      {.tcase = "open", .test = test_a_foreign_signer_is_refused},
      {.tcase = "open", .test = test_a_record_0_of_another_tree},
  };
  return cf_test_run("signed", tests, CF_COUNT(tests));
}
