/* SPDX-License-Identifier: MIT */
/* Checks of an event. */
#include "config.h"

#include "tests/unit/record/event_check.h"

#include "lib/record/values.h"

void check_text(struct cf_str got, const char *want)
{
  ck_assert_bytes(got.p, got.n, want == NULL ? "" : want, want == NULL ? 0 : strlen(want));
}

static void check_strict(const struct cf_record *r)
{
  int64_t t;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_public_check(r->kind, r->public_text, &t, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s", fault.at, fault.detail);
  ck_assert_int_eq(t, r->time_us);
  for (unsigned c = 0; c < CF_C_N; c++)
    if (r->payload[c].n > 0)
      ck_assert_ok(cf_payload_check((enum cf_compartment)c, r->payload[c], &fault));
}

/* What travels with an event is what its texts give. */
static void check_carried(const struct cf_event *event)
{
  struct cf_values values;
  cf_values_init(&values);
  ck_assert_ok(cf_values_get(&event->record, &values));
  for (unsigned m = 0; m < CF_M_N; m++) {
    struct cf_str got = cf_event_get(event, (enum cf_member)m), want = values.v[m];
    if (!cf_member_table[m].indexed)
      want = (struct cf_str){NULL, 0};
    ck_assert_msg((got.p == NULL) == (want.p == NULL), "%s is there in one only",
                  cf_member_table[m].name);
    ck_assert_bytes(got.p, got.n, want.p, want.n);
  }
  cf_values_fini(&values);
}

void check_event(const struct cf_event *event)
{
  check_strict(&event->record);
  check_carried(event);
}
