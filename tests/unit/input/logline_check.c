/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/input/logline_check.h"

#include "lib/record/event.h"

struct cf_logline checked;
static struct cf_buf event;

void check_open(void)
{
  cf_logline_init(&checked);
  cf_buf_init(&event, 1U << 24);
}

void check_close(void)
{
  cf_logline_fini(&checked);
  cf_buf_fini(&event);
}

/* Attributes are in canonical form, and taken as they are; but to what is cut
 * its name is added. */
static void assert_as_sent(const struct cf_record *r)
{
  struct cf_str sent = checked.v[CF_M_ATTRIBUTES], got = r->payload[CF_C_DETAIL];
  if (sent.n == 0 || memmem(got.p, got.n, "\"truncated\":[", 13) != NULL)
    return;
  ck_assert_uint_gt(got.n, sent.n + 1);
  ck_assert_bytes(got.p + got.n - 1 - sent.n, sent.n, sent.p, sent.n);
}

/* The ledger takes it, as the importer sends it. */
static void assert_acceptable(struct cf_str text)
{
  const struct cf_event_rules rules = {.source = CF_STR("s"), .cut_long = true};
  struct cf_event parsed;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_event_parse(text, &rules, &parsed, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s in %.*s", fault.at, fault.detail,
                (int)(text.n < 400 ? text.n : 400), text.p);
  assert_as_sent(&parsed.record);
  cf_event_fini(&parsed);
}

static const char *event_of(const struct cf_line *line)
{
  cf_buf_reset(&event);
  ck_assert_ok(cf_logline_event(&checked, line, CF_STR("s"), CF_STR("i"), &event));
  assert_acceptable(cf_buf_str(&event));
  return cf_buf_cstr(&event);
}

const char *check_line(struct cf_str text, bool cut)
{
  return event_of(&(struct cf_line){.text = text, .cut = cut});
}

const char *check_behind(uint64_t nuls, struct cf_str text)
{
  return event_of(&(struct cf_line){.text = text, .nuls = nuls});
}

void check_row(struct cf_str text, const char *members)
{
  char want[8192];
  snprintf(want, sizeof want, "{\"source\":\"s\",\"id\":\"i\",%s}\n", members);
  ck_assert_str_eq(check_line(text, false), want);
}

void check_mangled(const char *text)
{
  size_t n = strlen(text);
  char *copy = strdup(text);
  for (size_t i = 0; i < n; i++)
    check_line((struct cf_str){text, i}, false);
  for (size_t i = 0; i < n; i++) {
    static const char bytes[] = {'"', '\\', ' ', '[', '\0', '\n', '{', '\xff', '-', '0'};
    copy[i] = bytes[i % sizeof bytes];
    check_line((struct cf_str){copy, n}, false);
    copy[i] = text[i];
  }
  free(copy);
}
