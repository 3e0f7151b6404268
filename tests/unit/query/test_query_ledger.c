/* SPDX-License-Identifier: MIT */
/* The walk over a real ledger: random filters while another thread appends and
 * segments are written, held against a plain scan of the same view. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/query/query_pages.h"

#define RECORDS 6000
#define OWN_MAX 64

static struct fake made; /* what is appended, in this order */
static size_t met;       /* how many of it were seen in the ledger */

static void segments_of_512(void)
{
  stage_set("segment_records", "512");
}

static void setup(void)
{
  stage_configure("query", segments_of_512);
  stage_init_ledger();
  stage_open_ledger();
  made = (struct fake){.random = 7, .acceptable = true};
  fake_grow(&made, RECORDS);
  fake = (struct fake){.facts = calloc(RECORDS + OWN_MAX, sizeof *fake.facts), .random = 11};
  met = 0;
}

static void teardown(void)
{
  stage_ledger_teardown();
  free(fake.facts);
  fake_fini(&made);
}

/* These records are stranger than any that an event's text gives: say where
 * their values are, as whoever reads an event does. */
static void carry(const struct fake_fact *fact, struct cf_event *event)
{
  struct cf_buf b;

  *event = (struct cf_event){.record = fact->record};
  cf_buf_init(&b, 1 << 16);
  cf_buf_putc(&b, ' ');
  for (unsigned m = 0; m < CF_M_N; m++) {
    if (!cf_member_table[m].indexed || fact->pick[m] == FAKE_ABSENT)
      continue;
    struct cf_str value = fake_pool(m, fact->pick[m]);
    event->value[m] = (struct cf_event_value){(uint32_t)b.n, (uint32_t)value.n};
    cf_buf_putstr(&b, value);
  }
  event->text = cf_buf_take(&b);
}

static void append(size_t from, size_t n)
{
  struct cf_event events[64];
  const struct cf_event *list[64];
  struct cf_place places[64];

  ck_assert_uint_le(n, 64);
  for (size_t i = 0; i < n; i++) {
    carry(&made.facts[from + i], &events[i]);
    list[i] = &events[i];
  }
  struct cf_append a = {.events = list, .n = n, .places = places};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (size_t i = 0; i < n; i++) {
    ck_assert(places[i].err == CF_OK && !places[i].duplicate);
    cf_event_fini(&events[i]);
  }
}

static void *append_all(void *arg)
{
  atomic_bool *done = arg;
  uint64_t random = 5;

  for (size_t i = 0; i < RECORDS;) {
    size_t n = 1 + (random = random * 6364136223846793005u + 1442695040888963407u) % 7 * 9;
    n = n > RECORDS - i ? RECORDS - i : n;
    append(i, n);
    i += n;
    usleep(2000);
  }
  atomic_store(done, true);
  return NULL;
}

/* Enter what the view holds beyond what is known, in order: our events are
 * those that were made, the rest are the ledger's own. */
static void learn(struct cf_view *view)
{
  struct cf_block block;

  cf_block_init(&block);
  while (fake.n < cf_view_size(view)) {
    ck_assert_ok(cf_view_block(view, fake.n, &block));
    const struct cf_record *r = &block.record[fake.n - block.first];
    struct fake_fact *fact = &fake.facts[fake.n];
    bool ours = r->kind == CF_K_EVENT || r->kind == CF_K_ACCESS;
    ck_assert_uint_lt(fake.n, RECORDS + OWN_MAX);
    if (ours) {
      *fact = made.facts[met++];
      ck_assert(cf_str_eq(r->public_text, fact->record.public_text));
    } else {
      memset(fact->pick, 0xff, sizeof fact->pick);
      fact->record.kind = r->kind;
    }
    fact->record.seq = r->seq;
    fact->record.recorded_us = r->recorded_us;
    fact->record.time_us = r->time_us;
    fact->time_us = cf_record_effective_us(r);
    fake.n++;
  }
  cf_block_fini(&block);
}

/* The ledger's own kinds have texts that were not kept: leave them out. */
static void ask_some(unsigned n)
{
  struct cf_view *view;
  struct question q;

  ck_assert_ok(cf_view_get(stage_ledger, &view));
  learn(view);
  for (unsigned i = 0; i < n; i++) {
    plain_random(&q);
    q.kinds &= 1u << CF_K_EVENT | 1u << CF_K_ACCESS;
    if (q.kinds != 0 && strstr(cf_buf_cstr(&q.url), "kind=all") == NULL &&
        strstr(cf_buf_cstr(&q.url), "kind=service") == NULL) {
      struct list want = plain_answer(&q, cf_view_size(view));
      pages_all(&q, view, &want);
      free(want.seq);
    }
    cf_buf_fini(&q.url);
  }
  cf_view_put(view);
}

START_TEST(test_while_appending)
{
  pthread_t thread;
  atomic_bool done = false;

  ck_assert_int_eq(pthread_create(&thread, NULL, append_all, &done), 0);
  while (!atomic_load(&done))
    ask_some(5);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  stage_wait_for_segments(4);
  ask_some(50);
  ck_assert_uint_eq(met, RECORDS);

  /* The same after a restart. */
  stage_close_ledger();
  stage_open_ledger();
  ask_some(50);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "ledger", .test = test_while_appending, .setup = setup, .teardown = teardown},
  };
  return cf_test_run("query_ledger", tests, CF_COUNT(tests));
}
