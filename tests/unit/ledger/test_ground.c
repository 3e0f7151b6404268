/* SPDX-License-Identifier: MIT */
/* A ledger whose files go while it is open: nothing is signed after that, also
 * where the ledger's own thread has not seen it yet. tests/attack/gone.sh does
 * it to a service. */
#include "config.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ledger/ledger_stage.h"

static const char *const grounds[] = {
    "data",          "data/env",        "data/env/log.0000000001",
    "data/env/meta", "data/env/tail-1", "data/lock",
    "data/segments", "data.signer",
};

/* In a process of its own: it must not go on, and has no orderly end. */
static int seal_without(const char *what)
{
  char path[300], away[300];
  struct cf_ledger_state before;
  struct cf_fault fault = {0};
  struct cf_buf note;
  stage_open_ledger();
  stage_append_range(0, 1, 1);
  snprintf(path, sizeof path, "%s", temp_path(what));
  snprintf(away, sizeof away, "%s", temp_path("away"));
  if (rename(path, away) != 0)
    return 2;
  cf_ledger_state(stage_ledger, &before);
  if (before.sealed == stage_size())
    return 3; /* it was signed before */
  cf_buf_init(&note, CF_NOTE_MAX);
  enum cf_err err = cf_ledger_seal(stage_ledger, stage_size(), &note, &fault);
  return err == CF_E_NOTREADY && cf_ledger_lost(stage_ledger) ? 0 : 1;
}

START_TEST(test_nothing_is_signed_after_files_went)
{
  int status, tries = 0;
  do {
    stage_configure("ground", NULL);
    stage_init_ledger();
    pid_t pid = fork();
    if (pid == 0)
      _exit(seal_without(grounds[_i]));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    stage_clear();
  } while (WIFEXITED(status) && WEXITSTATUS(status) == 3 && ++tries < 20);
  ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "ground",
       .test = test_nothing_is_signed_after_files_went,
       .loops = CF_COUNT(grounds)},
  };
  return cf_test_run("ground", tests, CF_COUNT(tests));
}
