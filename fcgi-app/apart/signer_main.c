/* SPDX-License-Identifier: MIT */
/* counterfoil-signer: has a ledger's key, and signs what extends it. */
#include "config.h"

#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "fcgi-app/apart/signer_serve.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"
#include "lib/base/signer_place.h"

static volatile sig_atomic_t ended;

static void end_note(int signal_number)
{
  (void)signal_number;
  ended = 1;
}

static void signals_take(void)
{
  const struct sigaction end = {.sa_handler = end_note};
  (void)sigaction(SIGTERM, &end, NULL);
  (void)sigaction(SIGINT, &end, NULL);
  (void)signal(SIGPIPE, SIG_IGN);
}

static const char usage[] =
    "Usage: counterfoil-signer --key PLACE --socket PATH --allow USER [--allow USER]...\n"
    "Keeps a ledger's signing key, and signs what extends what it has signed.\n\n"
    "  --key PLACE     the directory of the key and the signer's state, or pkcs11:…\n"
    "  --socket PATH   listen there; the ledger's configuration says: signer = exec:PATH\n"
    "  --allow USER    user (name or uid) whose processes may ask\n"
    "  --help, --version\n";

static int usage_fail(const char *what)
{
  (void)fprintf(stderr, "counterfoil-signer: %s\n%s", what, usage);
  return 2;
}

static bool user_add(struct cf_signer_job *job, const char *word)
{
  const struct passwd *user = getpwnam(word);
  uint64_t number = 0;
  if (job->allow_n == CF_ALLOW_MAX ||
      (user == NULL && cf_u64_parse(cf_str_from(word), UINT32_MAX - 1, &number) != CF_OK))
    return false;
  job->allow[job->allow_n++] = user != NULL ? user->pw_uid : (uid_t)number;
  return true;
}

static int serve(const struct cf_signer_job *job)
{
  struct cf_fault fault = {"", ""};
  (void)umask(077);
  (void)prctl(PR_SET_DUMPABLE, 0); /* neither a core nor a debugger of its user's sees the key */
  signals_take();
  enum cf_err err = cf_diag_open(NULL, "counterfoil-signer", &fault);
  if (err == CF_OK) {
    cf_log(CF_LOG_INFO, "signing for who connects to %s", job->socket);
    err = cf_signer_serve(job, &fault);
  }
  if (err == CF_OK)
    return 0;
  cf_log(CF_LOG_ERROR, "%s: %s", fault.at, cf_fault_text(&fault, err));
  return 1;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {
      {"key", required_argument, NULL, 'k'},   {"socket", required_argument, NULL, 's'},
      {"allow", required_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'},
      {"version", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0},
  };
  struct cf_signer_job job = {.end = &ended};
  for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (c == 'h')
      return fputs(usage, stdout) < 0;
    if (c == 'v')
      return puts("counterfoil-signer " PACKAGE_VERSION) < 0;
    if (c == 'k')
      job.place = optarg;
    else if (c == 's')
      job.socket = optarg;
    else if (c != 'a')
      return usage_fail("that option there is not");
    else if (!user_add(&job, optarg))
      return usage_fail("there is no such user for --allow, or there are more than 16");
  }
  if (optind != argc || job.place == NULL || job.socket == NULL || job.allow_n == 0)
    return usage_fail("--key, --socket and --allow are needed, and nothing else");
  if (cf_signer_kind(job.place) == CF_SIGNER_EXEC || cf_signer_path(job.place)[0] != '/')
    return usage_fail("--key names where the key is: an absolute path, or pkcs11:, as signer of "
                      "counterfoil.conf(5)");
  if (cf_signer_attribute(cf_str_from(job.place), "pin-value").n > 0)
    return usage_fail("--key has a PIN, which everybody sees in the list of processes: write it to "
                      "a file of mode 600, and say pin-source=FILE");
  return serve(&job);
}
