/* SPDX-License-Identifier: MIT */
/* counterfoil-verify: is what somebody took away of a ledger what was signed?
 * A program by itself: it needs no ledger, no server and no network. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi-app/apart/verify_main_in.h"
#include "lib/base/codec.h"
#include "lib/base/show.h"
#include "lib/base/utf8.h"

static const char help[] =
    "usage: counterfoil-verify [OPTION…] SUBJECT\n"
    "Check what was taken away of a ledger: 0 it holds, 1 it does not, 2 could not tell.\n"
    "\n"
    "SUBJECT is an evidence bundle (a directory, a tar, a tar packed by zstd), a receipt, a\n"
    "checkpoint, or a directory with the tiles of a ledger as its URLs have them; - is\n"
    "standard input.\n"
    "\n"
    "  --vkey KEY          the ledger's public key that you kept: a file, or its text\n"
    "  --trust-bundle-key  take the key that comes with the subject for the ledger's own\n"
    "  --keys DIR          notes of keys that came later or before, each called by its seq\n"
    "  --witness KEY       a witness's public key, a file, or its text; once for each\n"
    "  --quorum K          so many of them must have signed its checkpoint (all)\n"
    "  --tsa-ca FILE       certificates (PEM) that the timestamps of a bundle must lead to\n"
    "  --kept FILE         a checkpoint that you kept: the subject must extend it\n"
    "  --proof FILE        … as this proves (GET /v1/proofs/consistency)\n"
    "  --max BYTES         unpack no more of a tar than that (1T; K, M, G and T count)\n"
    "  --json              print the verdict as JSON\n"
    "  --help, -h          this text\n"
    "  --version, -V       the version\n";

enum {
  OPT_VKEY = 256,
  OPT_TRUST,
  OPT_KEYS,
  OPT_WITNESS,
  OPT_QUORUM,
  OPT_TSA_CA,
  OPT_KEPT,
  OPT_PROOF,
  OPT_MAX,
  OPT_JSON
};

static const struct option options[] = {
    {"vkey", required_argument, NULL, OPT_VKEY},
    {"trust-bundle-key", no_argument, NULL, OPT_TRUST},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"witness", required_argument, NULL, OPT_WITNESS},
    {"quorum", required_argument, NULL, OPT_QUORUM},
    {"tsa-ca", required_argument, NULL, OPT_TSA_CA},
    {"kept", required_argument, NULL, OPT_KEPT},
    {"proof", required_argument, NULL, OPT_PROOF},
    {"max", required_argument, NULL, OPT_MAX},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int usage(const char *what)
{
  fprintf(stderr, "counterfoil-verify: %s; try counterfoil-verify --help\n", what);
  return CF_APART_UNKNOWN;
}

static int print(const char *text)
{
  return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? CF_APART_HOLDS : CF_APART_UNKNOWN;
}

static bool size_parse(struct cf_str text, uint64_t *n)
{
  static const char units[] = "KMGT";
  const char *unit = text.n > 1 ? memchr(units, text.p[text.n - 1], sizeof units - 1) : NULL;
  unsigned shift = unit != NULL ? (unsigned)(unit - units + 1) * 10 : 0;
  text.n -= unit != NULL;
  if (cf_u64_parse(text, INT64_MAX >> shift, n) != CF_OK)
    return false;
  *n <<= shift;
  return true;
}

static int complain(const struct cf_apart *apart, enum cf_err err)
{
  struct cf_buf b;
  cf_buf_init(&b, 8192);
  cf_buf_puts(&b, "counterfoil-verify: ");
  cf_show_put(&b, cf_str_from(apart->fault.at), CF_SHOW_TERMINAL);
  cf_buf_puts(&b, apart->fault.at[0] != '\0' ? ": " : "");
  cf_show_put(&b, cf_str_from(cf_fault_text(&apart->fault, err)), CF_SHOW_TERMINAL);
  fprintf(stderr, "%s\n", cf_buf_cstr(&b));
  cf_buf_fini(&b);
  return CF_APART_UNKNOWN;
}

/* Take the words; -1: go on, else the exit status. */
static int words_take(struct cf_apart *apart, int argc, char **argv)
{
  uint64_t quorum = 0;
  for (int c; (c = getopt_long(argc, argv, "hV", options, NULL)) != -1;) {
    switch (c) {
    case OPT_VKEY: apart->vkey = optarg; break;
    case OPT_TRUST: apart->trust = true; break;
    case OPT_KEYS: apart->notes = optarg; break;
    case OPT_WITNESS: {
      enum cf_err err = cf_apart_witness(apart, optarg);
      if (err != CF_OK)
        return complain(apart, err);
      break;
    }
    case OPT_QUORUM:
      if (cf_u64_parse(cf_str_from(optarg), CF_NOTE_SIGS_MAX, &quorum) != CF_OK || quorum == 0)
        return usage("--quorum takes a number of witnesses");
      break;
    case OPT_TSA_CA: apart->job.tsa_ca = optarg; break;
    case OPT_KEPT: apart->kept = optarg; break;
    case OPT_PROOF: apart->proof = optarg; break;
    case OPT_MAX:
      if (!size_parse(cf_str_from(optarg), &apart->max))
        return usage("--max takes a number of bytes, as 20G");
      break;
    case OPT_JSON: apart->json = true; break;
    case 'h': return print(help);
    case 'V': return print("counterfoil-verify " PACKAGE_VERSION "\n");
    default: fputs("try counterfoil-verify --help\n", stderr); return CF_APART_UNKNOWN;
    }
  }
  if (argc - optind != 1)
    return usage("one subject is needed: a file, a directory, or - for standard input");
  apart->subject = argv[optind];
  if (quorum > apart->cosigners.n)
    return usage("--quorum needs as many --witness");
  apart->cosigners.quorum = quorum > 0 ? (size_t)quorum : apart->cosigners.n;
  apart->job.cosigners = apart->cosigners.n > 0 ? &apart->cosigners : NULL;
  return apart->proof != NULL && apart->kept == NULL ? usage("--proof goes with --kept") : -1;
}

/* A subject that is not of its form cannot be what was handed out: that is a
 * verdict, too. */
static void form_fault(struct cf_apart *apart)
{
  struct cf_verify_result *r = apart->result;
  struct cf_verify_error *e = &r->errors[0];
  *r = (struct cf_verify_result){.complete = true, .errors_n = 1, .errors_total = 1};
  *e = (struct cf_verify_error){.verdict = CF_V_STORE_DAMAGED, .faults = 1};
  struct cf_buf words;
  cf_buf_init(&words, sizeof apart->fault);
  cf_buf_putf(&words, "%s%s%s", apart->fault.at, apart->fault.at[0] != '\0' ? ": " : "",
              cf_fault_text(&apart->fault, CF_E_SYNTAX));
  struct cf_str head = cf_utf8_head(cf_buf_str(&words), sizeof e->detail - 1);
  memcpy(e->detail, head.p, head.n);
  cf_buf_fini(&words);
}

static int verify(struct cf_apart *apart)
{
  apart->result = calloc(1, sizeof *apart->result);
  enum cf_err err = apart->result == NULL ? CF_E_NOMEM : cf_apart_key(apart);
  if (err == CF_OK)
    err = cf_apart_verify(apart);
  if (err == CF_E_SYNTAX)
    form_fault(apart);
  else if (err != CF_OK)
    return complain(apart, err);
  if (!cf_apart_say(apart))
    return CF_APART_UNKNOWN;
  if (!apart->result->ok)
    return CF_APART_FAULTY;
  return apart->vouched || apart->trust ? CF_APART_HOLDS : CF_APART_UNKNOWN;
}

int main(int argc, char **argv)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  struct cf_apart apart = {.mode = "none", .max = UINT64_C(1) << 40};
  cf_keys_init(&apart.keys);
  apart.job.keys = &apart.keys;
  apart.job.workers = cores > 0 ? (unsigned)cores : 1;
  int status = words_take(&apart, argc, argv);
  if (status < 0)
    status = verify(&apart);
  cf_keys_fini(&apart.keys);
  free(apart.result);
  return status;
}
