/* SPDX-License-Identifier: MIT */
/* A log, what happens to logs, and who follows it. */
#include "config.h"

#include "tests/unit/input/follow_stage.h"

#include <fcntl.h>

#include "lib/base/crypto.h"

char follow_log[300], follow_state[300];
struct cf_follow_rules follow_rules;
struct cf_follow *follow;
unsigned follow_named, follow_fail_names;

static char got[4096];

/* A name as the ledger would give it, without its key. */
static enum cf_err name(void *context, const struct cf_line *first, char head[CF_HEAD_N + 1],
                        struct cf_fault *fault)
{
  uint8_t hash[CF_HASH_N];
  (void)context;
  if (follow_fail_names > 0)
    return follow_fail_names--, cf_fail(fault, CF_E_NOTREADY, NULL, "not now");
  follow_named++;
  cf_sha256_1(first->text.p, first->text.n, hash);
  for (size_t i = 0; i < CF_HEAD_N / 2; i++)
    snprintf(head + 2 * i, 3, "%02x", hash[i]);
  return CF_OK;
}

void follow_setup(void)
{
  temp_make("follow");
  snprintf(follow_log, sizeof follow_log, "%s", temp_path("access.log"));
  snprintf(follow_state, sizeof follow_state, "%s", temp_path("state"));
  follow_rules = (struct cf_follow_rules){.on = true,
                                          .opener = {.reader = -1},
                                          .drain_us = 60 * INT64_C(1000000),
                                          .name = name};
  follow_named = follow_fail_names = 0;
  follow = NULL;
}

void follow_teardown(void)
{
  cf_follow_free(follow);
  temp_remove();
}

/* ---- what is done to files ---- */

void log_put(const char *path, int flags, const char *text, size_t n)
{
  int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
  close(fd);
}

void log_append(const char *file, const char *text)
{
  log_put(temp_path(file), O_APPEND, text, strlen(text));
}
void log_truncate(const char *file, const char *text)
{
  log_put(temp_path(file), O_TRUNC, text, strlen(text));
}
void log_move(const char *from, const char *to)
{
  ck_assert_int_eq(rename(temp_path(from), temp_path(to)), 0);
}
void log_copy(const char *from, const char *to)
{
  temp_run("cp '%s' '%s'", from, to);
}

/* ---- what is done with them ---- */

void follow_start(void)
{
  struct cf_marks marks = {0};
  struct cf_fault fault = {.detail = ""};
  ck_assert_ok(cf_marks_load(follow_state, &marks, &fault));
  enum cf_err err = cf_follow_new(follow_log, &follow_rules, &marks, &follow, &fault);
  ck_assert_msg(err == CF_OK, "%s", fault.detail);
  cf_marks_fini(&marks);
}

void follow_save(void)
{
  struct cf_marks marks = {0};
  cf_follow_commit(follow);
  ck_assert_ok(cf_follow_marks(follow, &marks));
  ck_assert_ok(cf_marks_save(follow_state, &marks, NULL));
  cf_marks_fini(&marks);
}

void follow_stop(void)
{
  cf_follow_free(follow);
  follow = NULL;
}

void ck_gaps(unsigned want, const char *words)
{
  const struct cf_gap *gap = cf_follow_gap(follow);
  ck_assert_uint_eq(gap == NULL ? 0 : gap->count, want);
  if (gap == NULL)
    return;
  ck_assert_ptr_nonnull(strstr(gap->what, words));
  ck_assert_int_le(gap->first_us, gap->last_us);
  cf_follow_gap_told(follow);
  ck_assert_ptr_null(cf_follow_gap(follow));
}

const char *follow_lines(void)
{
  struct cf_line line;
  const char *head;
  bool more = true;
  size_t n = 0;
  got[0] = '\0';
  for (;;) {
    ck_assert_ok(cf_follow_next(follow, &line, &head, &more, NULL));
    if (!more)
      return got;
    ck_assert_uint_eq(strlen(head), CF_HEAD_N);
    n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s@%ju", n > 0 ? " " : "", (int)line.text.n,
                          line.text.p, (uintmax_t)line.offset);
  }
}
