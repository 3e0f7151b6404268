/* SPDX-License-Identifier: MIT */
/* Fuzz target: the bytes of a FastCGI connection. The first byte chooses how
 * they arrive in pieces. What must hold: whether something is refused does not
 * depend on the pieces, only how much goes before it; it is refused for good;
 * what goes before it are records that may come, read again in the plainest
 * way; and a head is judged by the same rules. */
#include "config.h"

#include <string.h>

#include "fcgi-app/door/fcgi_head_in.h"
#include "fcgi-app/door/fcgi_records_in.h"
#include "lib/base/codec.h"
#include "lib/base/die.h"
#include "tests/fuzz/fuzz.h"

/* How far it comes by pieces of n bytes. */
static size_t pass_pieces(const uint8_t *p, size_t size, size_t n)
{
  struct cf_records r = {0};
  size_t at = 0, piece, passed;
  do {
    piece = n < size - at ? n : size - at;
    passed = cf_records_pass(&r, p + at, piece);
    CF_ASSERT(passed <= piece);
    at += passed;
  } while (passed == piece && at < size);
  if (at < size) /* now and forever */
    for (unsigned i = 0; i < 8; i++)
      CF_ASSERT(cf_records_pass(&r, p + at, size - at) == 0);
  return at;
}

/* Each whole record is of the one request, of the type of its
 * phase. */
static void check_records(const uint8_t *p, size_t n)
{
  static const uint8_t types[] = {1, 4, 5};
  unsigned phase = 0;
  for (size_t at = 0; n - at >= CF_RECORD_HEADER_N;) {
    const uint8_t *h = p + at;
    size_t content = cf_u16_get(h + 4), length = CF_RECORD_HEADER_N + content + h[6];
    CF_ASSERT(phase < sizeof types && h[0] == 1 && h[1] == types[phase]);
    CF_ASSERT(cf_u16_get(h + 2) != 0 && memcmp(h + 2, p + 2, 2) == 0);
    if (phase == 0 || content == 0)
      phase++;
    at += length < n - at ? length : n - at;
  }
}

static void check_head(const uint8_t *p, size_t size, const struct cf_records *r, size_t at)
{
  enum cf_head head = cf_head_judge(p, size);
  if (head == CF_HEAD_WHOLE)
    CF_ASSERT(r->phase >= CF_RECORDS_STDIN);
  if (head == CF_HEAD_PART)
    CF_ASSERT(at == size && r->phase < CF_RECORDS_STDIN);
  if (head == CF_HEAD_BAD)
    CF_ASSERT(at < size && r->phase == CF_RECORDS_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct cf_records r = {0};
  if (size < 2)
    return 0;
  const uint8_t *p = data + 1;
  size_t n = size - 1, at = cf_records_pass(&r, p, n), later = pass_pieces(p, n, data[0] % 16 + 1U);
  CF_ASSERT(at == pass_pieces(p, n, n));
  CF_ASSERT(later >= at && (later == n) == (at == n));
  check_records(p, at);
  check_head(p, n, &r, at);
  return 0;
}
