/* SPDX-License-Identifier: MIT */
/* The verdict, for programs or for people. */
#include "config.h"

#include <stdio.h>

#include "fcgi-app/apart/verify_main_in.h"
#include "lib/base/codec.h"
#include "lib/base/show.h"
#include "lib/proof/verify_json.h"

#define ANSWER_MAX (4u << 20)

static void put_errors(struct cf_buf *b, const struct cf_verify_result *r)
{
  for (size_t i = 0; i < r->errors_n; i++) {
    const struct cf_verify_error *e = &r->errors[i];
    cf_buf_putf(b, "  %s", cf_verdict_name(e->verdict));
    if (e->has_seq)
      cf_buf_putf(b, " at %llu", (unsigned long long)e->seq);
    if (e->last > e->seq)
      cf_buf_putf(b, " to %llu", (unsigned long long)e->last);
    cf_buf_puts(b, ": ");
    cf_show_put(b, cf_str_from(e->detail), CF_SHOW_TERMINAL);
    if (e->verdict == CF_V_KEY_UNKNOWN)
      cf_buf_puts(b, "; where the log's key was changed, see --keys");
    cf_buf_putc(b, '\n');
  }
  if (r->errors_total > r->errors_n)
    cf_buf_putf(b, "  … %llu faults in all, of each kind the first ranges\n",
                (unsigned long long)r->errors_total);
}

/* What is no fault of the chain. */
static void put_findings(struct cf_buf *b, const struct cf_verify_result *r)
{
  for (size_t i = 0; i < r->findings_n; i++) {
    const struct cf_verify_finding *f = &r->findings[i];
    cf_buf_putf(b, "  %s of ", cf_verdict_name(f->verdict));
    cf_show_put(b, cf_str_from(f->source), CF_SHOW_TERMINAL);
    cf_buf_putf(b, ": source_seq %llu to %llu is missing\n", (unsigned long long)f->gap.from,
                (unsigned long long)f->gap.to);
  }
  if (r->findings_total > r->findings_n)
    cf_buf_putf(b, "  … %llu gaps in all, of each source the newest\n",
                (unsigned long long)r->findings_total);
  if (r->findings_total > 0 && !r->findings_exact)
    cf_buf_puts(b, "  not all records are known: what is missing may be among them\n");
}

/* What the bundle was asked is its own word, and for whoever reads query.json
 * to want. */
static void put_asked(struct cf_buf *b, const struct cf_verify_result *r)
{
  if (!r->asked)
    return;
  cf_buf_putf(b, "; %llu records of seq %llu up to, not including, %llu, ",
              (unsigned long long)r->asked_count, (unsigned long long)r->asked_from,
              (unsigned long long)r->asked_to);
  cf_buf_puts(b, r->asked_complete ? "and none is missing that query.json asks for"
                                   : "and whether one is missing that query.json asks for it does "
                                     "not prove");
  if (r->erased > 0)
    cf_buf_putf(b, "; of %llu a part is called erased", (unsigned long long)r->erased);
}

static void put_summary(struct cf_buf *b, const struct cf_apart *apart)
{
  const struct cf_verify_result *r = apart->result;
  cf_buf_puts(b, r->ok ? "ok: " : "NOT OK: ");
  cf_show_put(b, cf_str_from(r->origin), CF_SHOW_TERMINAL);
  cf_buf_putf(b, ", %s, size %llu, root ", apart->mode, (unsigned long long)r->size);
  cf_base64_put(b, r->root, CF_HASH_N);
  cf_buf_putf(b, ", %llu leaves and %llu openings checked", (unsigned long long)r->leaves,
              (unsigned long long)r->openings);
  if (r->has_first_bad)
    cf_buf_putf(b, ", first bad seq %llu", (unsigned long long)r->first_bad);
  if (strcmp(apart->mode, "checkpoint") == 0)
    cf_buf_puts(b, apart->job.kept ? "; no record was looked at"
                                   : "; its signature alone was checked, and no record");
  if (r->ok)
    put_asked(b, r);
  if (apart->cosigners.n > 0)
    cf_buf_putf(b, "; %zu of %zu witnesses signed it", apart->cosigners.count, apart->cosigners.n);
  if (r->stamps > 0)
    cf_buf_putf(b, "; %llu timestamps are of its checkpoints%s", (unsigned long long)r->stamps,
                apart->job.tsa_ca != NULL ? ""
                                          : ", but who made them was not looked at: see --tsa-ca");
  if (apart->others)
    cf_buf_puts(b, "; what witnesses made of it was not looked at: see --witness");
  if (apart->has_key && !apart->vouched)
    cf_buf_puts(b, "; the key is what came with it, and nobody vouches for that: whoever made all "
                   "of it could have made the key too; give --vkey with the one that you kept");
  cf_buf_putc(b, '\n');
}

/* Witnesses of somebody's choice stand for a head; whose log it is they do not
 * say. */
static const char *assurance_of(const struct cf_apart *apart)
{
  const struct cf_cosigners *c = &apart->cosigners;
  bool witnessed = c->n > 0 && c->count >= c->quorum;
  return !apart->vouched ? "own-key" : witnessed ? "witnessed" : "signed";
}

bool cf_apart_say(const struct cf_apart *apart)
{
  struct cf_verify_saying saying = {.mode = apart->mode, .assurance = assurance_of(apart)};
  struct cf_buf b, members;
  cf_buf_init(&b, ANSWER_MAX);
  cf_buf_init(&members, ANSWER_MAX);
  if (apart->cosigners.n > 0)
    cf_cosigners_put(&apart->cosigners, apart->result->size, &members);
  saying.members = cf_buf_str(&members);
  if (apart->json) {
    cf_verify_json_put(&b, apart->result, &saying);
  } else {
    put_errors(&b, apart->result);
    put_findings(&b, apart->result);
    put_summary(&b, apart);
  }
  bool said = b.err == CF_OK && members.err == CF_OK && fwrite(b.p, 1, b.n, stdout) == b.n &&
              fflush(stdout) == 0;
  cf_buf_fini(&members);
  cf_buf_fini(&b);
  return said;
}
