/* SPDX-License-Identifier: MIT */
/* The result's members, one by one. */
#include "config.h"

#include "lib/proof/verify_json.h"

#include "lib/record/json.h"

const char *const cf_verify_mode_names[CF_VERIFY_MODES_N] = {[CF_VERIFY_QUICK] = "quick",
                                                             [CF_VERIFY_RANGE] = "range",
                                                             [CF_VERIFY_FULL] = "full",
                                                             [CF_VERIFY_DEEP] = "deep"};

static void put_checked(struct cf_buf *b, const struct cf_verify_result *r)
{
  cf_json_put_name(b, "checked");
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "leaves", r->leaves);
  cf_json_put_member_u64(b, "links", r->links);
  cf_json_put_member_u64(b, "tiles", r->tiles);
  cf_json_put_member_u64(b, "checkpoints", r->checkpoints);
  cf_json_put_member_u64(b, "openings", r->openings);
  cf_json_put_member_u64(b, "pages", r->pages);
  cf_json_put_member_u64(b, "entries", r->entries);
  cf_buf_putc(b, '}');
  cf_json_put_name(b, "states");
  cf_buf_putc(b, '{');
  cf_json_put_member_u64(b, "present", r->present);
  cf_json_put_member_u64(b, "erased", r->erased);
  cf_json_put_member_u64(b, "expired", r->expired);
  cf_json_put_member_u64(b, "unsworn", r->unsworn);
  cf_buf_putc(b, '}');
}

static void put_errors(struct cf_buf *b, const struct cf_verify_result *r)
{
  cf_json_put_name(b, "errors");
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < r->errors_n; i++) {
    const struct cf_verify_error *e = &r->errors[i];
    if (i > 0)
      cf_buf_putc(b, ',');
    cf_buf_putc(b, '{');
    cf_json_put_member(b, "code", cf_str_from(cf_verdict_name(e->verdict)));
    cf_json_put_member_u64_or_null(b, "seq", e->has_seq, e->seq);
    if (e->last > e->seq)
      cf_json_put_member_u64(b, "last", e->last);
    cf_json_put_member(b, "detail", cf_str_from(e->detail));
    cf_buf_putc(b, '}');
  }
  cf_buf_putc(b, ']');
  if (r->errors_total > r->errors_n)
    cf_json_put_member_u64(b, "errors_total", r->errors_total);
}

static void put_findings(struct cf_buf *b, const struct cf_verify_result *r)
{
  cf_json_put_name(b, "findings");
  if (!r->findings_sought) {
    cf_buf_puts(b, "null");
    return;
  }
  cf_buf_putc(b, '[');
  for (size_t i = 0; i < r->findings_n; i++) {
    const struct cf_verify_finding *f = &r->findings[i];
    cf_buf_puts(b, i > 0 ? ",{" : "{");
    cf_json_put_member(b, "code", cf_str_from(cf_verdict_name(f->verdict)));
    cf_json_put_member(b, "source", cf_str_from(f->source));
    cf_json_put_member_u64(b, "from", f->gap.from);
    cf_json_put_member_u64(b, "to", f->gap.to);
    cf_json_put_member_u64(b, "run", f->gap.run);
    cf_buf_putc(b, '}');
  }
  cf_buf_putc(b, ']');
  cf_json_put_member_u64(b, "findings_total", r->findings_total);
  cf_json_put_member_bool(b, "findings_exact", r->findings_exact);
}

void cf_verify_json_put(struct cf_buf *b, const struct cf_verify_result *r,
                        const struct cf_verify_saying *saying)
{
  cf_buf_putc(b, '{');
  cf_json_put_member_bool(b, "ok", r->ok);
  cf_json_put_member_bool(b, "complete", r->complete);
  cf_json_put_member_u64_or_null(b, "next", r->has_next, r->next);
  if (saying->resume != NULL)
    cf_json_put_member(b, "resume", cf_str_from(saying->resume));
  cf_json_put_member(b, "mode", cf_str_from(saying->mode));
  cf_json_put_member(b, "origin", cf_str_from(r->origin));
  cf_json_put_member_u64(b, "size", r->size);
  cf_json_put_member_base64(b, "root", r->root, CF_HASH_N);
  cf_json_put_member_u64(b, "minimum", r->minimum);
  put_checked(b, r);
  cf_json_put_member_u64_or_null(b, "first_bad", r->has_first_bad, r->first_bad);
  put_errors(b, r);
  put_findings(b, r);
  if (r->unsealed > 0)
    cf_json_put_member_u64(b, "unsigned", r->unsealed);
  if (r->files_unjudged)
    cf_json_put_member(b, "unjudged", CF_STR("segments"));
  cf_json_put_member(b, "assurance", cf_str_from(saying->assurance));
  if (saying->members.n > 0) {
    cf_buf_putc(b, ',');
    cf_buf_putstr(b, saying->members);
  }
  cf_json_put_name(b, "seconds");
  cf_buf_putf(b, "%lld.%06lld}\n", (long long)(r->elapsed_us / 1000000),
              (long long)(r->elapsed_us % 1000000));
}
