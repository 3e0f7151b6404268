/* SPDX-License-Identifier: MIT */
/* counterfoil verify --previous: a ledger that goes on where another was lost
 * names, in its record 0, the last signed checkpoint that was left of that one
 * (format.md, genesis). What is there of it must lead to that checkpoint; what
 * is lost is said, and whether the ledger behind it said so. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-app/command/cli_verify_in.h"
#include "lib/base/codec.h"
#include "lib/proof/verify.h"
#include "lib/record/json.h"
#include "lib/record/source.h"

#define ANSWER_MAX (1u << 20)
#define DEPTH      16
#define COUNT_MAX  ((UINT64_C(1) << 53) - 1)
#define SIZE_TEXT  24
#define ROOT_TEXT  48

/* What a ledger says of the one before it. */
struct link {
  struct cf_buf note;        /* the checkpoint; empty: it names none */
  struct cf_buf vkey;        /* the key that it keeps of that one; may be empty */
  struct cf_buf origin;      /* its own */
  struct cf_checkpoint head; /* what the note says, whoever signed it */
  bool good;                 /* it was read, of a ledger that is that which it should be */
  bool gap;                  /* a record of it tells of a loss, … */
  bool gap_unread;
  uint64_t gap_n, gap_seq; /* … of so many, and which */
};

static void link_init(struct link *link)
{
  *link = (struct link){.gap = false};
  cf_buf_init(&link->note, CF_NOTE_MAX);
  cf_buf_init(&link->vkey, CF_NOTE_MAX);
  cf_buf_init(&link->origin, CF_ORIGIN_MAX + 1);
}

static void link_fini(struct link *link)
{
  cf_buf_fini(&link->note);
  cf_buf_fini(&link->vkey);
  cf_buf_fini(&link->origin);
}

/* ---- asking ---- */

/* CF_E_PEER, with the fault: it was refused. */
static enum cf_err get(struct cf_cli *cli, const char *path, struct cf_str query,
                       struct cf_buf *answer)
{
  int http = 0;
  cf_buf_init(answer, ANSWER_MAX);
  enum cf_err err = cf_ask_text(cli->asker, "GET", path, query, NULL, (struct cf_str){0}, &http,
                                answer, &cli->fault);
  if (err == CF_OK && http >= 400) {
    (void)cf_cli_refused(cli, http, cf_buf_str(answer));
    err = cf_fail(&cli->fault, CF_E_STORE, path, "the ledger does not tell");
  }
  return err;
}

static enum cf_err get_json(struct cf_cli *cli, const char *path, struct cf_str query,
                            struct cf_json **doc)
{
  struct cf_buf answer;
  enum cf_err err = get(cli, path, query, &answer);
  if (err == CF_OK)
    err = cf_json_parse(cf_buf_str(&answer), DEPTH, doc, &cli->fault);
  cf_buf_fini(&answer);
  return err;
}

static bool number(const struct cf_json *doc, const char *name, uint64_t *n)
{
  return cf_u64_parse(cf_json_number(cf_json_member(doc, name)), COUNT_MAX, n) == CF_OK;
}

/* The leaf in a receipt, which was led to the signed root before it was
 * given. */
static enum cf_err leaf_read(struct cf_str receipt, struct cf_json **doc)
{
  struct cf_buf extra;
  struct cf_json *opened = NULL;
  (void)cf_str_cut(&receipt, '\n');
  struct cf_str line = cf_str_cut(&receipt, '\n');
  if (!cf_str_starts(line, CF_STR("extra ")))
    return CF_E_SYNTAX;
  cf_buf_init(&extra, ANSWER_MAX);
  enum cf_err err = cf_base64_get((struct cf_str){line.p + 6, line.n - 6}, &extra);
  if (err == CF_OK)
    err = cf_json_parse(cf_buf_str(&extra), DEPTH, &opened, NULL);
  if (err == CF_OK)
    err = cf_json_parse(cf_json_string(cf_json_member(opened, "leaf")), DEPTH, doc, NULL);
  cf_json_free(opened);
  cf_buf_fini(&extra);
  return err;
}

static enum cf_err genesis_read(struct cf_cli *cli, struct link *link)
{
  struct cf_buf receipt;
  struct cf_json *leaf = NULL;
  struct cf_str text, signatures;
  enum cf_err err = get(cli, "/v1/receipts/0", CF_STR(""), &receipt);
  if (err == CF_OK)
    err = leaf_read(cf_buf_str(&receipt), &leaf);
  const struct cf_json *body = cf_json_member(leaf, "body");
  cf_buf_putstr(&link->note, cf_json_string(cf_json_member(body, "previous")));
  cf_buf_putstr(&link->origin, cf_json_string(cf_json_member(body, "origin")));
  if (err == CF_OK && link->note.n > 0)
    err = cf_note_split(cf_buf_str(&link->note), &text, &signatures);
  if (err == CF_OK && link->note.n > 0)
    err = cf_checkpoint_parse(text, &link->head);
  cf_json_free(leaf);
  cf_buf_fini(&receipt);
  return err == CF_E_SYNTAX ? cf_fail(&cli->fault, err, "record 0",
                                      "what it says of a ledger before is no checkpoint")
                            : err;
}

/* The first loss that a ledger tells of, right behind its start, is what was
 * lost of the one before it. Where that cannot be read it may have told. */
static void gap_read(struct cf_cli *cli, struct link *link)
{
  struct cf_json *doc = NULL;
  enum cf_err err = get_json(cli, "/v1/events", CF_STR("kind=loss&order=asc&limit=1"), &doc);
  const struct cf_json *record = cf_json_element(cf_json_member(doc, "events"), 0);
  const struct cf_json *body = cf_json_member(record, "body");
  link->gap = cf_str_is(cf_json_string(cf_json_member(body, "reason")), "gap") &&
              cf_str_is(cf_json_string(cf_json_member(record, "source")), CF_SOURCE_OWN) &&
              number(body, "count", &link->gap_n) && number(record, "seq", &link->gap_seq);
  link->gap_unread = err != CF_OK;
  cf_json_free(doc);
}

static enum cf_err kept_key_read(struct cf_cli *cli, struct link *link)
{
  struct cf_json *doc = NULL;
  enum cf_err err = get_json(cli, "/v1/keys", CF_STR(""), &doc);
  cf_buf_putstr(&link->vkey, cf_json_string(cf_json_member(doc, "previous")));
  cf_json_free(doc);
  return err;
}

static enum cf_err link_read(struct cf_cli *cli, struct link *link)
{
  enum cf_err err = genesis_read(cli, link);
  if (err == CF_OK && link->note.n > 0)
    gap_read(cli, link);
  return err == CF_OK && link->note.n > 0 ? kept_key_read(cli, link) : err;
}

/* ---- the key ---- */

static bool signs_at(const struct cf_json *key, uint64_t size)
{
  uint64_t from, until;
  bool ends = number(key, "until", &until);
  return number(key, "from", &from) && from <= size && (!ends || size < until);
}

/* The key of a ledger for checkpoints of that size; empty: none. */
static enum cf_err key_at(struct cf_cli *cli, uint64_t size, struct cf_buf *vkey)
{
  struct cf_json *doc = NULL;
  enum cf_err err = get_json(cli, "/v1/keys", CF_STR(""), &doc);
  const struct cf_json *keys = cf_json_member(doc, "keys");
  for (size_t i = 0; i < cf_json_count(keys) && vkey->n == 0; i++)
    if (signs_at(cf_json_element(keys, i), size))
      cf_buf_putstr(vkey, cf_json_string(cf_json_member(cf_json_element(keys, i), "vkey")));
  cf_json_free(doc);
  return err;
}

/* CF_V_N: what is named is signed by the key that this ledger has, and by the
 * one that was kept of it, if one was. */
static enum cf_err link_judge(struct cf_cli *before, const struct link *link,
                              enum cf_verdict *verdict)
{
  struct cf_buf text;
  struct cf_vkey vkey;
  struct cf_checkpoint checkpoint;
  cf_buf_init(&text, CF_NOTE_MAX);
  enum cf_err err = key_at(before, link->head.size, &text);
  if (err != CF_OK || cf_vkey_parse(cf_buf_str(&text), &vkey) != CF_OK)
    *verdict = CF_V_KEY_UNKNOWN;
  else if (strcmp(vkey.name, link->head.origin) != 0)
    *verdict = CF_V_ORIGIN_MISMATCH;
  else if (link->vkey.n > 0 && !cf_str_eq(cf_buf_str(&link->vkey), cf_buf_str(&text)))
    *verdict = CF_V_KEY_UNKNOWN;
  else if (cf_checkpoint_check(cf_buf_str(&link->note), &vkey, &checkpoint) != CF_OK)
    *verdict = CF_V_CHECKPOINT_SIGNATURE;
  else
    *verdict = CF_V_N;
  cf_buf_fini(&text);
  return err;
}

/* ---- words ---- */

static void head_put(struct cf_buf *b, const struct link *link)
{
  cf_buf_puts(b, "before ");
  cf_cli_put_safe(b, cf_buf_str(&link->origin), CF_ORIGIN_MAX);
  cf_buf_puts(b, ": ");
  cf_cli_put_safe(b, cf_str_from(link->head.origin), CF_ORIGIN_MAX);
  cf_buf_putf(b, ", %llu records, says record 0", (unsigned long long)link->head.size);
}

/* Whether the loss was told, of exactly that many. */
static bool loss_put(struct cf_buf *b, const struct link *link, uint64_t here)
{
  uint64_t lost = link->head.size - here;
  bool told = link->gap && link->gap_n == lost;
  cf_buf_putf(b, "lost: records %llu to %llu of ", (unsigned long long)here,
              (unsigned long long)link->head.size - 1);
  cf_cli_put_safe(b, cf_str_from(link->head.origin), CF_ORIGIN_MAX);
  if (told)
    cf_buf_putf(b, ", as record %llu behind it tells\n", (unsigned long long)link->gap_seq);
  else if (link->gap)
    cf_buf_putf(b, "; record %llu behind it tells of %llu\n", (unsigned long long)link->gap_seq,
                (unsigned long long)link->gap_n);
  else
    cf_buf_puts(b, link->gap_unread ? "; what is told of it behind it cannot be read\n"
                                    : "; no record behind it tells so\n");
  return told;
}

static void link_json_put(struct cf_buf *b, const struct link *link, enum cf_verdict verdict)
{
  cf_buf_puts(b, "{\"previous\":{");
  cf_json_put_member(b, "origin", cf_str_from(link->head.origin));
  cf_json_put_member_u64(b, "size", link->head.size);
  cf_json_put_member_base64(b, "root", link->head.root, CF_HASH_N);
  if (link->gap)
    cf_json_put_member_u64(b, "lost", link->gap_n);
  cf_json_put_member_bool(b, "ok", verdict == CF_V_N);
  if (verdict != CF_V_N)
    cf_json_put_member(b, "code", cf_str_from(cf_verdict_name(verdict)));
  cf_buf_puts(b, "}}\n");
}

static enum cf_err link_tell(const struct cf_cli *cli, const struct link *link,
                             enum cf_verdict verdict)
{
  struct cf_buf b;
  cf_buf_init(&b, ANSWER_MAX);
  if (cf_cli_value(cli, "json") != NULL) {
    link_json_put(&b, link, verdict);
  } else {
    head_put(&b, link);
    if (verdict != CF_V_N)
      cf_buf_putf(&b, ": NOT OK: %s: the directory given for it is not of that ledger",
                  cf_verdict_name(verdict));
    cf_buf_putc(&b, '\n');
  }
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err;
}

/* What is not there of it, and whether it is a fault. */
static int loss_tell(struct cf_cli *cli, const struct link *link,
                     const struct cf_cli_verdict *verdict, int status)
{
  struct cf_buf b;
  if (verdict->here >= link->head.size || !verdict->complete)
    return status;
  cf_buf_init(&b, ANSWER_MAX);
  bool told = loss_put(&b, link, verdict->here);
  enum cf_err err = cf_cli_value(cli, "json") != NULL ? CF_OK : cf_cli_print(&b);
  cf_buf_fini(&b);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  return told && verdict->short_only ? CF_EXIT_UNKNOWN : status;
}

/* ---- one ledger before ---- */

/* 1 before 2 before 0. */
static int worse(int a, int b)
{
  if (a == CF_EXIT_FALSE || b == CF_EXIT_FALSE)
    return CF_EXIT_FALSE;
  return a != CF_EXIT_TRUE ? a : b;
}

struct before {
  struct cf_cli cli;
  char size[SIZE_TEXT], root[ROOT_TEXT];
};

/* Its own, whatever the configuration says of the one behind it. */
static enum cf_err conf_make(const char *data, struct cf_conf *conf, struct cf_fault *fault)
{
  enum cf_err err = cf_conf_defaults(conf);
  if (err == CF_OK)
    err = cf_conf_set(conf, CF_STR("data"), cf_str_from(data), fault);
  return err == CF_OK ? cf_conf_check(conf, fault) : err;
}

static void value_set(struct cf_cli *cli, const char *name, const char *value)
{
  const struct cf_cli_option *options = cli->command->options;
  for (size_t i = 0; options[i].name != NULL; i++)
    if (strcmp(options[i].name, name) == 0)
      cli->values[i] = value;
}

/* As the command would have it with --read-only, --size and --root. */
static enum cf_err before_open(struct before *b, const struct cf_cli *cli, const char *data,
                               const struct link *link)
{
  struct cf_buf root;
  b->cli = *cli;
  b->cli.asker = NULL;
  b->cli.conf = (struct cf_conf){0};
  (void)snprintf(b->size, sizeof b->size, "%llu", (unsigned long long)link->head.size);
  cf_buf_init(&root, ROOT_TEXT);
  cf_base64_put(&root, link->head.root, CF_HASH_N);
  (void)snprintf(b->root, sizeof b->root, "%s", cf_buf_cstr(&root));
  cf_buf_fini(&root);
  value_set(&b->cli, "size", b->size);
  value_set(&b->cli, "root", b->root);
  enum cf_err err = conf_make(data, &b->cli.conf, &b->cli.fault);
  return err == CF_OK ? cf_asker_open_copy(&b->cli.conf, &b->cli.asker, &b->cli.fault) : err;
}

static void before_close(struct before *b)
{
  cf_asker_close(b->cli.asker);
  cf_conf_fini(&b->cli.conf);
}

/* Judge it by what the one behind it says, in link, which is then what it says
 * itself. */
static int before_judge(struct before *b, const char *mode, struct link *link)
{
  enum cf_verdict bad = CF_V_N;
  struct cf_cli_verdict verdict;
  enum cf_err err = link_judge(&b->cli, link, &bad);
  if (err == CF_OK)
    err = link_tell(&b->cli, link, bad);
  if (err != CF_OK)
    return cf_cli_fail(&b->cli, err);
  if (bad != CF_V_N)
    return CF_EXIT_FALSE;
  int status = cf_cli_verify_one(&b->cli, mode, &verdict);
  status = loss_tell(&b->cli, link, &verdict, status);
  link_fini(link);
  link_init(link);
  err = link_read(&b->cli, link);
  link->good = err == CF_OK;
  return err == CF_OK ? status : worse(status, cf_cli_fail(&b->cli, err));
}

/* ---- all ---- */

static int names_none(struct cf_cli *cli, struct link *link)
{
  (void)cf_fail(&cli->fault, CF_E_NOTFOUND, "record 0", "%s continues no other ledger",
                cf_buf_cstr(&link->origin));
  (void)cf_cli_fail(cli, CF_E_NOTFOUND);
  return CF_EXIT_FALSE;
}

static int before_verify(struct cf_cli *cli, const char *mode, const char *data, struct link *link)
{
  struct before *b = calloc(1, sizeof *b);
  if (b == NULL)
    return cf_cli_fail(cli, CF_E_NOMEM);
  enum cf_err err = before_open(b, cli, data, link);
  int status = err == CF_OK ? before_judge(b, mode, link) : cf_cli_fail(&b->cli, err);
  before_close(b);
  free(b);
  return status;
}

/* That the chain goes on is no fault; but it is not judged. */
static int rest_tell(const struct cf_cli *cli, const struct link *link)
{
  struct cf_buf b;
  if (link->note.n == 0 || cf_cli_value(cli, "json") != NULL)
    return CF_EXIT_TRUE;
  cf_buf_init(&b, ANSWER_MAX);
  head_put(&b, link);
  cf_buf_puts(&b, ": not looked at, as no directory was given for it\n");
  enum cf_err err = cf_cli_print(&b);
  cf_buf_fini(&b);
  return err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
}

int cf_cli_verify_previous(struct cf_cli *cli, const char *mode)
{
  struct link link;
  link_init(&link);
  enum cf_err err = link_read(cli, &link);
  int status = err == CF_OK ? CF_EXIT_TRUE : cf_cli_fail(cli, err);
  link.good = err == CF_OK;
  cf_asker_close(cli->asker); /* a copy is tried in a child, which wants no other threads */
  cli->asker = NULL;
  for (size_t i = 0; i < cli->args_n && link.good; i++) {
    link.good = false;
    status = worse(status, link.note.n > 0 ? before_verify(cli, mode, cli->args[i], &link)
                                           : names_none(cli, &link));
  }
  if (link.good)
    status = worse(status, rest_tell(cli, &link));
  link_fini(&link);
  return status;
}
