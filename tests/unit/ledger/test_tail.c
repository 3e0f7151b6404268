/* SPDX-License-Identifier: MIT */
/* A generation's image: what events brought to it as they came is what its file
 * gives, record by record, at the next start. */
#include "config.h"

#include "lib/ledger/ledger_in.h"
#include "lib/record/builder.h"
#include "lib/record/json.h"
#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/query/query_facts.h"

#define EVENTS 6000
#define BATCH  150

static struct fake dice;

static void setup(void)
{
  stage_configure("tail", NULL);
  stage_init_ledger();
  stage_open_ledger();
  dice = (struct fake){.random = 23};
}

/* ---- Events ---- */

/* A value of the pool, hostile ones too, in any member; the id is another one
 * for each event. */
static void put_members(unsigned i, struct cf_buf *b)
{
  for (unsigned m = 0; m < CF_M_N; m++) {
    size_t n = fake_pool_count(m);
    if (m == CF_M_ID || n == 0 || (m != CF_M_ACTION && fake_random(&dice, 3) == 0))
      continue;
    struct cf_str value = fake_pool(m, (int)fake_random(&dice, n));
    cf_json_put_name(b, cf_member_table[m].name);
    if (cf_member_table[m].type == CF_T_INTEGER || cf_member_table[m].type == CF_T_OBJECT)
      cf_buf_putstr(b, value);
    else
      cf_json_put_str(b, value);
  }
  if (fake_random(&dice, 3) > 0)
    cf_buf_putf(b, ",\"id\":\"id-%u\"", i);
  if (fake_random(&dice, 3) > 0)
    cf_buf_putf(b, ",\"time\":%u", (unsigned)fake_random(&dice, 2000000000));
}

static void make_event(unsigned i, struct cf_event *event)
{
  static const char *const any[] = {"*", NULL};
  const struct cf_event_rules rules = {.source = CF_STR("web"), .sources = any};
  struct cf_fault fault = {.at = ""};
  struct cf_buf b;
  cf_buf_init(&b, 1 << 16);
  cf_buf_putc(&b, '{');
  put_members(i, &b);
  cf_buf_putc(&b, '}');
  enum cf_err err = cf_event_parse(cf_buf_str(&b), &rules, event, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s in %s", fault.at, fault.detail, cf_buf_cstr(&b));
  cf_buf_fini(&b);
}

/* One for which nobody waits: it goes with the next append. */
static void post_access(unsigned i)
{
  struct cf_builder *b = NULL;
  struct cf_event event;
  ck_assert_ok(cf_builder_new(CF_K_ACCESS, &b));
  cf_builder_set(b, CF_M_ACTION, CF_STR("log.read"));
  cf_builder_set(b, CF_M_USER, fake_pool(CF_M_USER, (int)(i % fake_pool_count(CF_M_USER))));
  ck_assert_ok(cf_builder_end(b, &event, NULL));
  cf_ledger_post(stage_ledger, &event);
  cf_builder_free(b);
}

static void append(unsigned from, unsigned n)
{
  static struct cf_event events[BATCH];
  static const struct cf_event *pointers[BATCH];
  static struct cf_place places[BATCH];
  for (unsigned i = 0; i < n; i++) {
    make_event(from + i, &events[i]);
    pointers[i] = &events[i];
  }
  struct cf_append a = {.events = pointers, .n = n, .places = places};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (unsigned i = 0; i < n; i++) {
    ck_assert(places[i].err == CF_OK && !places[i].duplicate);
    cf_event_fini(&events[i]);
  }
}

/* ---- What an image holds ---- */

static enum cf_err put_entry(void *context, struct cf_str key, const uint32_t *offsets, uint32_t n)
{
  struct cf_buf *b = context;
  for (size_t i = 0; i < key.n; i++)
    cf_buf_putf(b, "%02x", (uint8_t)key.p[i]);
  for (uint32_t i = 0; i < n; i++)
    cf_buf_putf(b, " %u", offsets[i]);
  cf_buf_putc(b, '\n');
  return b->err;
}

static enum cf_err put_id(void *context, uint64_t fingerprint, uint32_t offset)
{
  cf_buf_putf(context, "%016llx %u\n", (unsigned long long)fingerprint, offset);
  return CF_OK;
}

/* All that questions and segments are made of, as lines. */
static void put_image(struct cf_tail *tail, struct cf_buf *b)
{
  struct cf_segment_source source;
  struct cf_unit unit;
  cf_tail_segment_source(tail, &source);
  ck_assert(cf_tail_ranges(tail, &unit));
  uint32_t n = (uint32_t)(unit.end - unit.first);
  cf_buf_putf(b, "%u records, %lld to %lld, recorded %lld to %lld\n", n,
              (long long)unit.time_min_us, (long long)unit.time_max_us,
              (long long)unit.recorded_min_us, (long long)unit.recorded_max_us);
  for (unsigned which = 0; which < CF_I_N; which++) {
    if (!cf_index_exists(which))
      continue;
    cf_buf_putf(b, "%s\n", cf_index_name(which));
    ck_assert_ok(cf_index_is_exact(which) ? cf_index_each_exact(source.index, which, n, put_id, b)
                                          : cf_index_each(source.index, which, n, put_entry, b));
  }
  for (uint32_t i = 0; i < n; i++) {
    int64_t t;
    cf_tail_times(tail, i, 1, &t);
    cf_buf_putf(b, "time %lld\n", (long long)t);
  }
  for (uint32_t i = 0; i <= n / CF_GROUP; i++) {
    struct cf_buf block;
    cf_buf_init(&block, 1 << 24);
    enum cf_err err = cf_tail_block(tail, i, &block);
    ck_assert(err == CF_OK || (err == CF_E_NOTFOUND && i == n / CF_GROUP));
    cf_buf_putf(b, "block %s\n", cf_test_hex(block.p, block.n));
    cf_buf_fini(&block);
  }
  ck_assert_ok(b->err);
}

static int shown(struct cf_str s)
{
  return s.n < 200 ? (int)s.n : 200;
}

/* Line by line, so that the first one that differs is told. */
static void check_lines(struct cf_str got, struct cf_str want)
{
  for (unsigned line = 1; got.n > 0 || want.n > 0; line++) {
    struct cf_str a = cf_str_cut(&got, '\n'), b = cf_str_cut(&want, '\n');
    ck_assert_msg(cf_str_eq(a, b), "line %u: %.*s is not %.*s", line, shown(a), a.p, shown(b), b.p);
  }
}

START_TEST(test_image_is_what_its_file_gives)
{
  struct cf_tail *loaded = NULL;
  struct cf_fault fault = {.at = ""};
  struct cf_buf got, want;
  cf_buf_init(&got, 1 << 26);
  cf_buf_init(&want, 1 << 26);
  for (unsigned i = 0, n; i < EVENTS; i += n) {
    n = 1 + (unsigned)fake_random(&dice, fake_random(&dice, 2) == 0 ? 3 : BATCH);
    if (fake_random(&dice, 4) == 0)
      post_access(i);
    append(i, n);
  }
  struct cf_tail *tail = stage_ledger->tail;
  ck_assert_ok(cf_tail_load(stage_ledger->env, cf_tail_meta(tail), stage_ledger->fingerprint_key,
                            cf_tail_parts(tail), &loaded, &fault));
  put_image(tail, &got);
  put_image(loaded, &want);
  check_lines(cf_buf_str(&got), cf_buf_str(&want));
  cf_tail_unref(loaded);
  cf_buf_fini(&got);
  cf_buf_fini(&want);
}
END_TEST

/* ---- Opened parts ---- */

static struct cf_block whole, opened;

static void parts_setup(void)
{
  setup();
  cf_block_init(&whole);
  cf_block_init(&opened);
}

static void rolled_setup(void)
{
  stage_ledger_setup();
  dice = (struct fake){.random = 24};
  cf_block_init(&whole);
  cf_block_init(&opened);
}

static void parts_teardown(void)
{
  cf_block_fini(&whole);
  cf_block_fini(&opened);
  stage_ledger_teardown();
}

/* What opening the record at seq gives is what its block has. */
static void check_record(struct cf_view *view, uint64_t seq)
{
  ck_assert_ok(cf_view_block(view, seq, &whole));
  ck_assert_ok(cf_view_record(view, seq, NULL, &opened));
  ck_assert(opened.first <= seq && seq < opened.first + opened.n);
  for (unsigned i = 0; i < opened.n; i++) {
    const struct cf_record *r = &whole.record[opened.first + i - whole.first];
    ck_assert_uint_eq(opened.record[i].seq, opened.first + i);
    ck_assert_uint_eq(r->seq, opened.first + i);
    ck_assert(cf_record_same(&opened.record[i], r));
  }
}

static void check_records(uint64_t to)
{
  struct cf_view *view = NULL;
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  for (uint64_t seq = 0; seq < to; seq++)
    check_record(view, seq);
  cf_view_put(view);
}

/* Again and again while the generation grows: what a full block has been opened
 * for is kept, of the one that grows nothing is. */
START_TEST(test_parts_are_what_the_block_has)
{
  for (unsigned i = 0; i < 300; i += 7) {
    append(i, 7);
    check_records(stage_size());
  }
  ck_assert_ok(cf_tail_record(stage_ledger->tail, 100, NULL, &opened));
  ck_assert(opened.shared != NULL);
  ck_assert_ok(cf_tail_record(stage_ledger->tail, (uint32_t)stage_size() - 1, NULL, &opened));
  ck_assert(opened.shared == NULL);
}
END_TEST

static bool look_answer(void *context, struct cf_str bytes)
{
  const struct cf_record *r = &whole.record[3];
  ck_assert(memmem(bytes.p, bytes.n, r->public_text.p, r->public_text.n) != NULL);
  return *(bool *)context;
}

/* Of a block that nobody wants nothing is read, nothing kept; it is there, and
 * read by who asks anew. Its bytes have each text as it is written. */
START_TEST(test_unwanted_is_not_read)
{
  bool wanted = false;
  const struct cf_block_look look = {look_answer, &wanted};
  append(0, BATCH);
  ck_assert_ok(cf_tail_open(stage_ledger->tail, 1, &whole));
  ck_assert_ok(cf_tail_record(stage_ledger->tail, 70, &look, &opened));
  ck_assert(opened.none && opened.first == CF_GROUP && opened.n == CF_GROUP);
  wanted = true;
  for (unsigned i = 0; i < 2; i++) {
    ck_assert_ok(cf_tail_record(stage_ledger->tail, 70, &look, &opened));
    ck_assert(!opened.none && opened.n == (i == 0 ? CF_GROUP : CF_PART));
    ck_assert(cf_record_same(&opened.record[70 - opened.first], &whole.record[70 - CF_GROUP]));
  }
}
END_TEST

/* A generation that is still held, and its parts with it, is not taken for the
 * next one, nor for what it is rolled into. */
START_TEST(test_parts_are_their_generations)
{
  struct cf_view *held = NULL;
  append(0, BATCH);
  check_records(BATCH);
  ck_assert_ok(cf_view_get(stage_ledger, &held));
  for (unsigned i = BATCH; i < 5 * BATCH; i += BATCH)
    append(i, BATCH);
  check_records(5 * BATCH);
  stage_wait_for_segments(2);
  check_records(5 * BATCH);
  for (uint64_t seq = 0; seq < BATCH; seq++)
    check_record(held, seq);
  cf_view_put(held);
}
END_TEST

/* With a generation's last reference all that it has opened goes. */
START_TEST(test_parts_go_with_their_generation)
{
  struct cf_fault fault = {.at = ""};
  struct cf_tail *loaded = NULL;
  struct cf_parts parts;
  cf_parts_init(&parts, 1 << 20);
  append(0, BATCH);
  ck_assert_ok(cf_tail_load(stage_ledger->env, cf_tail_meta(stage_ledger->tail),
                            stage_ledger->fingerprint_key, &parts, &loaded, &fault));
  ck_assert_ok(cf_tail_record(loaded, 70, NULL, &opened));
  ck_assert_uint_eq(opened.n, CF_GROUP);
  size_t bytes = parts.bytes;
  ck_assert_uint_gt(bytes, 0);
  ck_assert_ok(cf_tail_record(loaded, 71, NULL, &opened));
  ck_assert_uint_eq(opened.n, CF_PART);
  ck_assert_uint_eq(parts.bytes, bytes);
  cf_tail_unref(loaded);
  ck_assert_uint_eq(parts.bytes, 0);
  ck_assert_uint_eq(opened.record[71 % CF_PART].seq, 71);
  cf_parts_fini(&parts);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "image",
       .test = test_image_is_what_its_file_gives,
       .setup = setup,
       .teardown = stage_ledger_teardown},
      {.tcase = "parts",
       .test = test_parts_are_what_the_block_has,
       .setup = parts_setup,
       .teardown = parts_teardown},
      {.tcase = "parts", .test = test_unwanted_is_not_read},
      {.tcase = "parts", .test = test_parts_go_with_their_generation},
      {.tcase = "generations",
       .test = test_parts_are_their_generations,
       .setup = rolled_setup,
       .teardown = parts_teardown},
  };
  return cf_test_run("tail", tests, CF_COUNT(tests));
}
