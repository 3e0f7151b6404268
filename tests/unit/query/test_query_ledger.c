/* SPDX-License-Identifier: MIT */
/* The walk over a real ledger: random filters, 10,000 in the long form, while
 * other threads append and segments are written, held against a plain scan of
 * the same view; and by cursor from view to view. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"
#include "tests/unit/query/query_pages.h"

#define RECORDS 6000
#define OWN_MAX 64
#define WRITERS 2 /* each appends every other record, in order */

static struct fake made;    /* what is appended */
static size_t met[WRITERS]; /* how many of each one's were seen in the ledger */
static atomic_size_t appended;
static atomic_uint asked;
static unsigned to_ask; /* while others write */

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
  memset(met, 0, sizeof met);
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

/* Each of the writer's records from..from + n. */
static void append(size_t writer, size_t from, size_t n)
{
  struct cf_event events[64];
  const struct cf_event *list[64];
  struct cf_place places[64];

  ck_assert_uint_le(n, 64);
  for (size_t i = 0; i < n; i++) {
    carry(&made.facts[(from + i) * WRITERS + writer], &events[i]);
    list[i] = &events[i];
  }
  struct cf_append a = {.events = list, .n = n, .places = places};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  for (size_t i = 0; i < n; i++) {
    ck_assert(places[i].err == CF_OK && !places[i].duplicate);
    cf_event_fini(&events[i]);
  }
}

/* Writers keep step with who asks, so that all is asked while they write. */
static void *append_all(void *arg)
{
  const size_t writer = *(const size_t *)arg, all = RECORDS / WRITERS;
  uint64_t random = 5 + writer;

  for (size_t i = 0; i < all;) {
    size_t n = 1 + (random = random * 6364136223846793005u + 1442695040888963407u) % 7 * 9;
    n = n > all - i ? all - i : n;
    append(writer, i, n);
    i += n;
    atomic_fetch_add(&appended, n);
    while (atomic_load(&asked) * (uint64_t)all < i * (uint64_t)to_ask)
      usleep(500);
  }
  return NULL;
}

static bool is_text_of(const struct fake_fact *fact, const struct cf_record *r)
{
  bool same = cf_str_eq(r->public_text, fact->record.public_text);

  for (unsigned c = 0; c < CF_C_N; c++)
    same = same && cf_str_eq(r->payload[c], fact->record.payload[c]);
  return same;
}

/* The record is the next one of some writer. */
static const struct fake_fact *fact_of(const struct cf_record *r)
{
  for (size_t w = 0; w < WRITERS; w++) {
    size_t next = met[w] * WRITERS + w;
    if (next < RECORDS && is_text_of(&made.facts[next], r)) {
      met[w]++;
      return &made.facts[next];
    }
  }
  ck_abort_msg("the record %llu is nobody's next", (unsigned long long)r->seq);
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
      *fact = *fact_of(r);
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
static bool may_ask(struct question *q)
{
  q->kinds &= 1u << CF_K_EVENT | 1u << CF_K_ACCESS;
  return q->kinds != 0 && strstr(cf_buf_cstr(&q->url), "kind=all") == NULL &&
         strstr(cf_buf_cstr(&q->url), "kind=service") == NULL;
}

static struct cf_view *view_now(void)
{
  struct cf_view *view;

  ck_assert_ok(cf_view_get(stage_ledger, &view));
  learn(view);
  return view;
}

/* Each page of a view of its own. Descending, what came since is beyond where
 * it began; ascending, it ends with what there is at last. */
static void ask_across(const struct question *q)
{
  struct list got = {malloc((RECORDS + OWN_MAX + 1) * sizeof *got.seq), 0};
  struct cf_page_end end = {.rows = 0};
  uint64_t limit = 100 + fake_random(&fake, 1000), size = 0;

  for (bool more = true; more; more = end.has_more) {
    struct cf_view *view = view_now();
    char cursor[128];
    memcpy(cursor, end.cursor, sizeof cursor);
    size = size == 0 || q->ascending ? cf_view_size(view) : size;
    ck_assert_ok(pages_one(q, view, limit, INT64_MAX, cursor, &got, &end));
    cf_view_put(view);
  }
  struct list want = plain_answer(q, size);
  pages_same(q, &got, &want, "across");
  ck_assert_uint_eq(got.n, want.n);
  free(want.seq);
  free(got.seq);
}

static void ask_some(unsigned n)
{
  struct cf_view *view = view_now();
  struct question q;

  for (unsigned i = 0; i < n; i++) {
    plain_random(&q);
    if (may_ask(&q)) {
      struct list want = plain_answer(&q, cf_view_size(view));
      pages_all(&q, view, &want);
      free(want.seq);
      atomic_fetch_add(&asked, 1);
      if (!q.by_time && i == 0)
        ask_across(&q);
    }
    cf_buf_fini(&q.url);
  }
  cf_view_put(view);
}

START_TEST(test_while_appending)
{
  pthread_t thread[WRITERS];
  size_t writer[WRITERS];

  to_ask = cf_test_rounds(500);
  atomic_store(&appended, 0);
  for (size_t w = 0; w < WRITERS; w++) {
    writer[w] = w;
    ck_assert_int_eq(pthread_create(&thread[w], NULL, append_all, &writer[w]), 0);
  }
  while (atomic_load(&appended) < RECORDS || atomic_load(&asked) < to_ask)
    ask_some(5);
  for (size_t w = 0; w < WRITERS; w++)
    ck_assert_int_eq(pthread_join(thread[w], NULL), 0);
  stage_wait_for_segments(4);
  ask_some(50);
  ck_assert_uint_eq(met[0] + met[1], RECORDS);

  /* The same after a restart. */
  stage_close_ledger();
  stage_open_ledger();
  ask_some(50);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "ledger",
       .test = test_while_appending,
       .timeout = 3600,
       .setup = setup,
       .teardown = teardown},
  };
  return cf_test_run("query_ledger", tests, CF_COUNT(tests));
}
