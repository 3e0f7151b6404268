/* SPDX-License-Identifier: MIT */
/* A ledger in a temporary directory. */
#include "config.h"

#include "lib/ledger/ledger_in.h"
#include "lib/record/values.h"
#include "tests/unit/ledger/ledger_stage.h"

#include <stdarg.h>
#include <unistd.h>

#define TEXT_MAX 2048

struct cf_conf stage_conf;
struct cf_ledger *stage_ledger;
struct cf_verify_result *stage_result;

/* ---- making, opening, closing ---- */

void stage_set(const char *key, const char *value)
{
  struct cf_fault fault = {0};
  ck_assert_msg(cf_conf_set(&stage_conf, cf_str_from(key), cf_str_from(value), &fault) == CF_OK,
                "%s: %s", key, fault.detail);
}

void stage_small_segments(void)
{
  stage_set("segment_records", "256");
}

void stage_configure(const char *name, void (*more)(void))
{
  struct cf_fault fault = {0};
  temp_make(name);
  ck_assert_ok(cf_conf_defaults(&stage_conf));
  stage_set("data", temp_path("data"));
  stage_set("origin", "test.example.org/log");
  stage_set("min_free", "1M");
  if (more != NULL)
    more();
  ck_assert_ok(cf_conf_check(&stage_conf, &fault));
}

void stage_clear(void)
{
  cf_conf_fini(&stage_conf);
  temp_remove();
}

void stage_init_ledger(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_init(&stage_conf, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

void stage_open_ledger(void)
{
  struct cf_fault fault = {0};
  enum cf_err err = cf_ledger_open(&stage_conf, "test 1", &stage_ledger, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

void stage_close_ledger(void)
{
  cf_ledger_close(stage_ledger);
  stage_ledger = NULL;
}

void stage_ledger_setup(void)
{
  stage_configure("ledger", stage_small_segments);
  stage_init_ledger();
  stage_open_ledger();
}

void stage_ledger_teardown(void)
{
  stage_close_ledger();
  stage_clear();
}

void stage_rolled_setup(void)
{
  stage_ledger_setup();
  stage_append_range(0, 1000, 100);
  stage_wait_for_segments(3);
  stage_result = calloc(1, sizeof *stage_result);
}

void stage_rolled_teardown(void)
{
  free(stage_result);
  stage_ledger_teardown();
}

/* ---- events ---- */

void stage_event(struct cf_event *e, const char *format, ...)
{
  char text[TEXT_MAX];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  struct cf_event_rules rules = {.source = CF_STR("web1")};
  struct cf_fault fault = {0};
  enum cf_err err = cf_event_parse(cf_str_from(text), &rules, e, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", text, fault.at, fault.detail);
}

void stage_numbered(struct cf_event *e, unsigned i)
{
  stage_event(
      e,
      "{\"id\":\"e-%u\",\"time\":\"2026-11-%02uT%02u:00:00Z\",\"method\":\"GET\",\"status\":%u,\"user\":\"u%u\",\"ip\":\"192.0.2.%u\",\"resource\":\"/r/%u\"}",
      i, 1 + i % 28, i % 24, 200 + i % 5, i % 7, i % 200, i);
}

struct cf_place stage_append(const struct cf_event *e)
{
  struct cf_place place = {0};
  struct cf_append a = {.events = &e, .n = 1, .places = &place};
  ck_assert_ok(cf_ledger_append(stage_ledger, &a));
  return place;
}

void stage_append_range(unsigned from, unsigned to, unsigned batch)
{
  while (from < to) {
    unsigned n = to - from < batch ? to - from : batch;
    struct cf_event *e = calloc(n, sizeof *e);
    const struct cf_event **p = calloc(n, sizeof *p);
    struct cf_place *place = calloc(n, sizeof *place);
    for (unsigned i = 0; i < n; i++) {
      stage_numbered(&e[i], from + i);
      p[i] = &e[i];
    }
    struct cf_append a = {.events = p, .n = n, .places = place};
    ck_assert_ok(cf_ledger_append(stage_ledger, &a));
    for (unsigned i = 0; i < n; i++) {
      ck_assert_int_eq(place[i].err, CF_OK);
      ck_assert(!place[i].duplicate);
      ck_assert(place[i].seq < a.size);
      cf_event_fini(&e[i]);
    }
    free(e);
    free(p);
    free(place);
    from += n;
  }
}

/* ---- looking at it ---- */

void stage_put_meta(struct cf_str key, struct cf_str value)
{
  struct cf_bdb_txn *txn = NULL;
  ck_assert_ok(cf_bdb_txn_begin(stage_ledger->env, &txn));
  ck_assert_ok(cf_bdb_put(stage_ledger->table[CF_TABLE_META], txn, key, value));
  ck_assert_ok(cf_bdb_txn_commit(txn));
}

uint64_t stage_size(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  return state.size;
}

uint64_t stage_segments(void)
{
  struct cf_ledger_state state;
  cf_ledger_state(stage_ledger, &state);
  return state.segments;
}

void stage_min_free(const char *value, bool reads_ok)
{
  stage_set("min_free", value);
  while (cf_ledger_reads_ok(stage_ledger) != reads_ok)
    usleep(1000);
}

void stage_wait_for_segments(uint64_t n)
{
  while (stage_segments() < n)
    usleep(10000);
}

void stage_close_segments(void)
{
  struct cf_layout *layout = cf_layout_get(stage_ledger);
  for (size_t i = 0; i < layout->segments_n; i++)
    cf_segment_pool_drop(stage_ledger->pool, &layout->segments[i]);
  cf_layout_put(layout);
}

void stage_segment_path(unsigned n, char path[300])
{
  char command[512];
  snprintf(command, sizeof command, "ls -d '%s'/data/segments/*[0-9] | sed -n %up", temp_dir, n);
  FILE *f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_ptr_nonnull(fgets(path, 300, f));
  ck_assert_int_eq(pclose(f), 0);
  path[strcspn(path, "\n")] = 0;
}

static bool verify_as(enum cf_verify_mode mode, const struct cf_buf *note, uint64_t head_size,
                      struct cf_verify_result *result)
{
  struct cf_view *view = NULL;
  struct cf_view_source *vs = NULL;
  struct cf_verify_source source;
  struct cf_fault fault = {0};
  ck_assert_ok(cf_view_get_settled(stage_ledger, &view));
  ck_assert_ok(cf_view_source_new(view, head_size, &vs, &source));
  struct cf_verify_job job = {.mode = mode,
                              .head = cf_buf_str(note),
                              .keys = cf_ledger_keys(stage_ledger),
                              .workers = 2};
  ck_assert_ok(cf_verify(&source, &job, result, &fault));
  cf_view_source_free(vs);
  cf_view_put(view);
  return result->ok && result->complete;
}

bool stage_verify_head(const struct cf_buf *note, uint64_t head_size,
                       struct cf_verify_result *result)
{
  return verify_as(CF_VERIFY_FULL, note, head_size, result);
}

bool stage_verify_as(enum cf_verify_mode mode, struct cf_verify_result *result)
{
  struct cf_buf note;
  struct cf_fault fault = {0};
  uint64_t now = stage_size();
  cf_buf_init(&note, CF_NOTE_MAX);
  ck_assert_ok(cf_ledger_seal(stage_ledger, now, &note, &fault));
  bool ok = verify_as(mode, &note, now, result);
  cf_buf_fini(&note);
  return ok;
}

bool stage_verify(struct cf_verify_result *result)
{
  return stage_verify_as(CF_VERIFY_FULL, result);
}

void stage_assert_verifies(void)
{
  struct cf_verify_result *result = calloc(1, sizeof *result);
  bool ok = stage_verify(result);
  ck_assert_msg(ok, "first error: %s %s", cf_verdict_name(result->errors[0].verdict),
                result->errors[0].detail);
  free(result);
}

void stage_assert_holds(unsigned count)
{
  struct cf_view *view = NULL;
  struct cf_block *block = calloc(1, sizeof *block);
  struct cf_values values;
  cf_block_init(block);
  cf_values_init(&values);
  ck_assert_ok(cf_view_get(stage_ledger, &view));
  unsigned found = 0;
  for (uint64_t seq = 0; seq < cf_view_size(view); seq++) {
    if (seq % CF_GROUP == 0)
      ck_assert_ok(cf_view_block(view, seq, block));
    const struct cf_record *r = &block->record[seq % CF_GROUP];
    ck_assert_uint_eq(r->seq, seq);
    if (r->kind != CF_K_EVENT)
      continue;
    struct cf_event e;
    stage_numbered(&e, found);
    ck_assert(cf_record_same(&e.record, r));
    cf_event_fini(&e);
    ck_assert_ok(cf_values_get(r, &values));
    found++;
  }
  ck_assert_uint_eq(found, count);
  cf_view_put(view);
  cf_values_fini(&values);
  cf_block_fini(block);
  free(block);
}
