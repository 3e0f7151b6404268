/* SPDX-License-Identifier: MIT */
/* Bundles: the same to the byte whatever came since, checkpoints along the way,
 * and streams that break off rather than tell what is not so. */
#include "config.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/base/codec.h"
#include "lib/base/file.h"
#include "lib/evidence/bundle.h"
#include "lib/evidence/tar.h"
#include "lib/ledger/kept.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/segment/forge.h"

#define HOUR_S 3600

/* The wall clock, which a test moves on. */
static atomic_llong ahead_s;

int clock_gettime(clockid_t id, struct timespec *t)
{
  int status = (int)syscall(SYS_clock_gettime, id, t);
  if (status == 0 && id == CLOCK_REALTIME)
    t->tv_sec += atomic_load(&ahead_s);
  return status;
}

/* ---- asking ---- */

static struct cf_buf tar;

/* Who is asked for: every step-th record; and what is amiss in the second
 * pass. */
static struct {
  uint64_t from, to, step;
  enum { AS_IT_WAS, ONE_LESS, ONE_MORE, ANOTHER } then;
  unsigned passes;
  uint64_t rows;
  bool complete;
} asked;

static void put_filter(void *context, struct cf_buf *b)
{
  (void)context;
  cf_buf_puts(b, "\"kinds\":[\"genesis\",\"event\",\"service\",\"segment\"],\"conditions\":[");
  if (!asked.complete) /* what leaves do not tell */
    cf_buf_puts(b, "{\"member\":\"user\",\"op\":\"is\",\"values\":[\"u\"]}");
  cf_buf_putc(b, ']');
}

static enum cf_err each(void *context, struct cf_view *view, uint64_t size,
                        enum cf_err (*row)(void *row_context, const struct cf_record *record),
                        void *row_context)
{
  (void)context;
  (void)view;
  uint64_t to = asked.to < size ? asked.to : size;
  bool then = asked.passes++ > 0;
  to -= then && asked.then == ONE_LESS ? asked.step : 0;
  to += then && asked.then == ONE_MORE ? asked.step : 0;
  for (uint64_t seq = asked.from; seq < to; seq += asked.step) {
    bool other = then && asked.then == ANOTHER && seq == asked.from;
    const struct cf_record record = {.seq = other ? seq + 1 : seq};
    enum cf_err err = row(row_context, &record);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

static void counted(void *context, uint64_t rows)
{
  (void)context;
  asked.rows = rows;
}

static enum cf_err out(void *context, struct cf_str bytes)
{
  (void)context;
  cf_buf_putstr(&tar, bytes);
  return tar.err;
}

static enum cf_err bundle(uint64_t at, bool complete)
{
  struct cf_fault fault = {.at = ""};
  const struct cf_evidence_ask ask = {.at = at,
                                      .seq_from = asked.from,
                                      .seq_to = asked.to,
                                      .complete = complete,
                                      .put_filter = put_filter,
                                      .each = each,
                                      .counted = counted,
                                      .out = out};
  asked.passes = 0;
  asked.complete = complete;
  cf_buf_reset(&tar);
  enum cf_err err = cf_evidence_write(stage_ledger, &ask, &fault);
  ck_assert(err == CF_OK || fault.detail[0] != '\0');
  return err;
}

/* Is there a file of that name, whose content is then at *found? */
static bool has(const char *name, struct cf_str *found)
{
  for (size_t at = 0; at + CF_TAR_BLOCK <= tar.n && tar.p[at] != '\0';) {
    uint64_t size = strtoull((const char *)tar.p + at + 124, NULL, 8);
    bool same = strcmp((const char *)tar.p + at, name) == 0;
    at += CF_TAR_BLOCK;
    *found = (struct cf_str){(const char *)tar.p + at, (size_t)size};
    if (same)
      return true;
    at += (size_t)size + cf_tar_padding(size);
  }
  return false;
}

static bool has_file(const char *name)
{
  struct cf_str found;
  return has(name, &found);
}

static bool has_checkpoint(uint64_t size, const char *ending)
{
  char name[64];
  (void)snprintf(name, sizeof name, "checkpoints/%llu%s", (unsigned long long)size, ending);
  return has_file(name);
}

/* What the verifier of the tests' own says of it. */
static bool holds(void)
{
  char command[1000];
  const char *source = getenv("CF_SRCDIR");
  ck_assert_ok(cf_file_put(AT_FDCWD, temp_path("bundle.tar"), 0600, cf_buf_str(&tar)));
  (void)snprintf(command, sizeof command,
                 "cd %s && rm -rf bundle && mkdir bundle && tar -xmf bundle.tar -C bundle && "
                 "python3 %s/tests/e2e/evidence_verify.py bundle >&2",
                 temp_path(""), source != NULL ? source : ".");
  return system(command) == 0;
}

/* ---- what was signed, hour by hour ---- */

static uint64_t seal(void)
{
  struct cf_buf note;
  struct cf_checkpoint head;
  struct cf_str text;
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_ledger_seal(stage_ledger, stage_size(), &note, NULL));
  ck_assert_ok(cf_note_check(cf_buf_str(&note), cf_ledger_vkey(stage_ledger), &text));
  ck_assert_ok(cf_checkpoint_parse(text, &head));
  cf_buf_fini(&note);
  return head.size;
}

/* Records of three hours, and what was signed at the end of each. */
static uint64_t signed_at[3];

static void setup(void)
{
  cf_buf_init(&tar, SIZE_MAX);
  stage_ledger_setup();
  for (unsigned hour = 0; hour < 3; hour++) {
    stage_append_range(hour * 300, hour * 300 + 150, 50);
    (void)seal(); /* another one of the same hour, which is not its last */
    atomic_fetch_add(&ahead_s, 60);
    stage_append_range(hour * 300 + 150, hour * 300 + 300, 50);
    signed_at[hour] = seal();
    atomic_fetch_add(&ahead_s, HOUR_S);
  }
  memset(&asked, 0, sizeof asked);
  asked.from = 20;
  asked.to = UINT64_MAX;
  asked.step = 1;
}

static void teardown(void)
{
  stage_ledger_teardown();
  cf_buf_fini(&tar);
}

/* ---- tests ---- */

START_TEST(test_it_is_the_same_whatever_came_since)
{
  struct cf_buf first;
  bool complete = _i == 0;
  asked.step = complete ? 1 : 37;
  ck_assert_ok(bundle(signed_at[2], complete));
  first = tar;
  cf_buf_init(&tar, SIZE_MAX);
  stage_append_range(900, 1500, 100);
  (void)seal();
  stage_wait_for_segments(5);
  atomic_fetch_add(&ahead_s, 30 * HOUR_S);
  (void)seal();
  ck_assert_ok(bundle(signed_at[2], complete));
  ck_assert_uint_eq(first.n, tar.n);
  ck_assert_mem_eq(first.p, tar.p, tar.n);
  stage_close_ledger();
  stage_open_ledger(); /* older checkpoints are thinned out now */
  ck_assert_ok(bundle(signed_at[2], complete));
  ck_assert_uint_eq(first.n, tar.n);
  ck_assert_mem_eq(first.p, tar.p, tar.n);
  cf_buf_fini(&first);
}
END_TEST

START_TEST(test_each_record_has_the_first_of_an_hour_that_covers_it)
{
  ck_assert_ok(bundle(signed_at[2], true));
  ck_assert(has_checkpoint(signed_at[0], "") && has_checkpoint(signed_at[1], ""));
  ck_assert(!has_checkpoint(signed_at[2], ""));
  ck_assert(holds());
  asked.from = signed_at[0];
  asked.step = 400;
  ck_assert_ok(bundle(signed_at[2], false));
  ck_assert(!has_checkpoint(signed_at[0], "") && has_checkpoint(signed_at[1], ""));
  ck_assert(holds());
  asked.from = signed_at[1];
  ck_assert_ok(bundle(signed_at[2], false));
  ck_assert(!has_checkpoint(signed_at[1], ""));
  ck_assert(holds());
}
END_TEST

/* A note of that size, as it is kept. */
static void note_get(uint64_t size, struct cf_buf *note)
{
  uint64_t found;
  int64_t time_us;
  ck_assert_ok(cf_kept_from(stage_ledger, size, &found, &time_us, note));
  ck_assert_uint_eq(found, size);
}

/* Append a line as a witness writes one. */
static void put_line(struct cf_buf *b)
{
  uint8_t line[4 + 8 + CF_SIG_N] = {1, 2, 3};
  cf_buf_puts(b, "\xe2\x80\x94 witness.example/w ");
  cf_base64_put(b, line, sizeof line);
  cf_buf_putc(b, '\n');
}

START_TEST(test_what_others_made_of_it_goes_along)
{
  struct cf_stamp stamp;
  struct cf_buf cosigned;
  struct cf_str found;
  cf_stamp_init(&stamp);
  cf_buf_init(&cosigned, CF_NOTE_MAX);
  stamp.size = signed_at[0];
  note_get(signed_at[0], &stamp.note);
  cf_buf_puts(&stamp.answer, "stamped");
  ck_assert_ok(cf_stamp_keep(stage_ledger, &stamp));
  note_get(signed_at[2], &cosigned);
  put_line(&cosigned);
  ck_assert_ok(cf_kept_cosign(stage_ledger, cf_buf_str(&cosigned), 0));
  ck_assert_ok(bundle(signed_at[2], true));
  ck_assert(has_checkpoint(signed_at[0], ".tsr"));
  ck_assert(!has_checkpoint(signed_at[0], ".stamped"));
  ck_assert(has_checkpoint(signed_at[2], ".cosignatures"));
  ck_assert(has("checkpoint", &found));
  ck_assert(memmem(found.p, found.n, "witness", 7) == NULL);
  ck_assert(holds());
  cf_buf_fini(&cosigned);
  cf_stamp_fini(&stamp);
}
END_TEST

START_TEST(test_what_changes_between_the_passes_breaks_it_off)
{
  static const int then[] = {ONE_LESS, ONE_MORE, ANOTHER};
  asked.to = 600;
  asked.step = 7;
  ck_assert_ok(bundle(signed_at[2], false));
  ck_assert(has_file("MANIFEST.sha256"));
  asked.then = then[_i];
  ck_assert_err(bundle(signed_at[2], false), CF_E_DAMAGED);
  ck_assert_uint_eq(asked.passes, 2);
  ck_assert(tar.n > 0 && !has_file("MANIFEST.sha256"));
  ck_assert(!holds());
}
END_TEST

START_TEST(test_no_such_checkpoint)
{
  ck_assert_err(bundle(signed_at[1] + 7, true), CF_E_NOTFOUND);
  ck_assert_err(bundle(signed_at[2] + 100000, true), CF_E_NOTFOUND);
  asked.from = signed_at[2];
  ck_assert_err(bundle(signed_at[2], true), CF_E_PARAMETER);
  ck_assert_uint_eq(tar.n, 0);
}
END_TEST

static void other_user(struct cf_record *r, const uint8_t salts[CF_C_N][CF_HASH_N])
{
  (void)salts;
  r->payload[CF_C_ACTOR] = CF_STR("{\"user\":\"mallory\"}");
}

/* The second segment is not what the chain tells: nothing of it is given. */
START_TEST(test_a_forged_record_is_not_given)
{
  stage_wait_for_segments(3);
  stage_close_ledger();
  forge_begin(stage_conf.data, 2);
  forge_record(1, 1, other_user);
  forge_end(FORGE_ROW);
  stage_open_ledger();
  ck_assert_err(bundle(signed_at[2], true), CF_E_DAMAGED);
  ck_assert(!has_file("MANIFEST.sha256"));
  asked.from = 512; /* whose leaf follows one of the segment */
  ck_assert_err(bundle(signed_at[2], true), CF_E_DAMAGED);
  asked.from = 768;
  ck_assert_ok(bundle(signed_at[2], true));
  ck_assert(holds());
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "bundle",
       .test = test_it_is_the_same_whatever_came_since,
       .loops = 2,
       .setup = setup,
       .teardown = teardown,
       .timeout = 120},
      {.tcase = "bundle", .test = test_each_record_has_the_first_of_an_hour_that_covers_it},
      {.tcase = "bundle", .test = test_what_others_made_of_it_goes_along},
      {.tcase = "bundle", .test = test_what_changes_between_the_passes_breaks_it_off, .loops = 3},
      {.tcase = "bundle", .test = test_no_such_checkpoint},
      {.tcase = "bundle", .test = test_a_forged_record_is_not_given},
  };
  return cf_test_run("bundle", tests, CF_COUNT(tests));
}
