/* SPDX-License-Identifier: MIT */
/* Fuzz target: what the signer is asked over its socket, frame by frame, and
 * read as an answer too. What must hold: each request has one answer that is a
 * whole frame, or none and the connection ends; and what was signed last never
 * becomes less. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/die.h"
#include "lib/proof/signer_desk.h"
#include "lib/proof/signer_wire.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t seed[CF_SEED_N] = {7};
static char directory[] = "/tmp/fuzz-signer.XXXXXX";
static struct cf_signer_desk desk;

static void directory_remove(void)
{
  char command[64];
  cf_signer_desk_fini(&desk);
  snprintf(command, sizeof command, "rm -rf %s", directory);
  CF_ASSERT(system(command) == 0);
}

static void desk_begin(void)
{
  if (desk.place != NULL)
    return;
  CF_ASSERT(mkdtemp(directory) != NULL && atexit(directory_remove) == 0);
  desk.place = directory;
  CF_ASSERT(cf_signer_create(directory, CF_STR("example.org/fuzz"), seed, NULL) == CF_OK);
}

static uint64_t signed_last(void)
{
  struct cf_checkpoint last = {.size = 0};
  if (desk.signer != NULL)
    (void)cf_signer_last(desk.signer, &last);
  return last.size;
}

/* Returns whether the connection goes on. */
static bool request_ask(struct cf_str request)
{
  uint64_t before = signed_last();
  struct cf_buf b;
  size_t n = 0;
  cf_buf_init(&b, 2 * (CF_WIRE_HEAD + CF_WIRE_MAX));
  bool on = cf_signer_desk_answer(&desk, &desk, request, &b);
  CF_ASSERT(!on || (b.err == CF_OK && cf_wire_length(cf_buf_str(&b), &n) == CF_OK && n == b.n));
  CF_ASSERT(signed_last() >= before || request.p[0] == 'F');
  cf_buf_fini(&b);
  return on;
}

static void answer_read(struct cf_str answer)
{
  struct cf_wire w = {.left = answer};
  struct cf_fault fault;
  if (cf_wire_u8(&w) == 1)
    CF_ASSERT(cf_wire_fault(&w, &fault) != CF_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_str left = {(const char *)data, size};
  size_t n = 0;
  desk_begin();
  while (cf_wire_length(left, &n) == CF_OK && n > 0 && n <= left.n) {
    struct cf_str frame = {left.p + CF_WIRE_HEAD, n - CF_WIRE_HEAD};
    answer_read(frame);
    if (!request_ask(frame))
      break;
    left = cf_str_behind(left, n);
  }
  cf_signer_desk_leave(&desk, &desk);
  return 0;
}
