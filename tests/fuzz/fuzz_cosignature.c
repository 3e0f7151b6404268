/* SPDX-License-Identifier: MIT */
/* Fuzz target: what a witness answers, and notes with its lines. The input is
 * a note, a byte 0, an answer to it. What is taken of the answer is counted,
 * once, and can be taken again. */
#include "config.h"

#include <string.h>

#include "lib/base/die.h"
#include "lib/proof/cosignature.h"
#include "tests/fuzz/fuzz.h"

#define WITNESS "witness.example.org/one+488864c8+BIhLiFf06qFhPGFQTbNNS+rzRlF6DjHePN3U2bQgHZ0L"

static void check_taken(struct cf_str note, struct cf_str answer, const struct cf_vkey *witness)
{
  struct cf_buf b, again;
  uint64_t time = 0;
  cf_buf_init(&b, 2 * CF_NOTE_MAX);
  cf_buf_init(&again, 2 * CF_NOTE_MAX);
  if (cf_cosignature_take(note, answer, witness, &b) == CF_OK && b.n <= CF_NOTE_MAX) {
    CF_ASSERT(cf_cosignature_check(cf_buf_str(&b), witness, &time) == CF_OK);
    CF_ASSERT(cf_cosignatures_count(cf_buf_str(&b), witness, 1) == 1);
    CF_ASSERT(cf_cosignature_take(cf_buf_str(&b), answer, witness, &again) == CF_OK);
    CF_ASSERT(cf_str_eq(cf_buf_str(&b), cf_buf_str(&again)));
  }
  cf_buf_fini(&b);
  cf_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_str answer = {(const char *)data, size};
  struct cf_str note = cf_str_cut(&answer, '\0');
  struct cf_vkey witness, any;
  struct cf_buf lines;
  CF_ASSERT(cf_cosigner_parse(CF_STR(WITNESS), &witness) == CF_OK);
  CF_ASSERT(cf_cosigner_parse(answer, &any) == CF_OK || answer.n != sizeof WITNESS - 1 ||
            memcmp(answer.p, WITNESS, answer.n) != 0);
  cf_buf_init(&lines, 2 * CF_NOTE_MAX);
  if (cf_cosignatures_put(note, &lines) == CF_OK)
    CF_ASSERT(lines.n < note.n);
  cf_buf_fini(&lines);
  check_taken(note, answer, &witness);
  return 0;
}
