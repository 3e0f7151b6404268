/* SPDX-License-Identifier: MIT */
/* Addresses: RFC 5952 text, the sixteen bytes behind it, and blocks. */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/record/address.h"
#include "lib/record/schema.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Four numbers up to 255 without zeros in front, with points between them: what
 * inet_pton takes too. */
static bool read_v4(struct cf_str s, uint8_t out[4])
{
  size_t at = 0;
  for (unsigned i = 0; i < 4; i++) {
    if (i > 0 && (at == s.n || s.p[at++] != '.'))
      return false;
    size_t begin = at;
    unsigned v = 0;
    while (at < s.n && at < begin + 3 && s.p[at] >= '0' && s.p[at] <= '9')
      v = v * 10 + (unsigned)(s.p[at++] - '0');
    if (at == begin || v > 255 || (s.p[begin] == '0' && at > begin + 1))
      return false;
    out[i] = (uint8_t)v;
  }
  return at == s.n;
}

/* The sixteen bytes of an address in any form that RFC 4291 or dotted decimal
 * allows. */
static enum cf_err read_any(struct cf_str s, uint8_t out[16])
{
  char text[INET6_ADDRSTRLEN];
  if (read_v4(s, out + 12)) {
    memcpy(out, mapped, sizeof mapped);
    return CF_OK;
  }
  if (s.n == 0 || s.n >= sizeof text || memchr(s.p, 0, s.n) != NULL ||
      memchr(s.p, ':', s.n) == NULL)
    return CF_E_SYNTAX;
  memcpy(text, s.p, s.n);
  text[s.n] = 0;
  return inet_pton(AF_INET6, text, out) == 1 ? CF_OK : CF_E_SYNTAX;
}

static bool is_v4(const uint8_t a[16])
{
  return memcmp(a, mapped, sizeof mapped) == 0;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952
 * section 4.2). */
static unsigned zero_run(const uint8_t a[16], unsigned *length)
{
  unsigned best = 8, best_n = 1;
  for (unsigned i = 0; i < 8; i++) {
    unsigned n = 0;
    while (i + n < 8 && cf_u16_get(a + 2 * (i + n)) == 0)
      n++;
    if (n > best_n) {
      best = i;
      best_n = n;
    }
    i += n;
  }
  *length = best_n;
  return best;
}

static char *put_hex(char *p, uint16_t v)
{
  int shift = 12;
  while (shift > 0 && v >> shift == 0)
    shift -= 4;
  for (; shift >= 0; shift -= 4)
    *p++ = "0123456789abcdef"[(v >> shift) & 15];
  return p;
}

static void write_v6(const uint8_t a[16], char out[46])
{
  unsigned run_n, run = zero_run(a, &run_n);
  char *p = out;
  for (unsigned i = 0; i < 8; i++) {
    if (i == run) {
      *p++ = ':';
      i += run_n - 1;
      if (i == 7)
        *p++ = ':';
      continue;
    }
    if (i > 0)
      *p++ = ':';
    p = put_hex(p, cf_u16_get(a + 2 * i));
  }
  *p = 0;
}

static void write_v4(const uint8_t a[4], char out[46])
{
  char *p = out;
  for (unsigned i = 0; i < 4; i++) {
    if (i > 0)
      *p++ = '.';
    if (a[i] >= 100)
      *p++ = (char)('0' + a[i] / 100);
    if (a[i] >= 10)
      *p++ = (char)('0' + a[i] / 10 % 10);
    *p++ = (char)('0' + a[i] % 10);
  }
  *p = 0;
}

enum cf_err cf_address_canonical(struct cf_str s, char out[46])
{
  uint8_t a[16];
  enum cf_err err = read_any(s, a);
  if (err != CF_OK)
    return err;
  if (is_v4(a))
    write_v4(a + 12, out);
  else
    write_v6(a, out);
  return CF_OK;
}

enum cf_err cf_address_bytes(struct cf_str s, uint8_t out[16])
{
  uint8_t a[16];
  enum cf_err err = read_any(s, a);
  if (err == CF_OK)
    memcpy(out, a, 16);
  return err;
}

/* The prefix length behind the slash, counted in the sixteen bytes; none means
 * one address. */
static enum cf_err prefix_bits(struct cf_str address, struct cf_str text, bool given,
                               unsigned *bits)
{
  bool v4 = address.n > 0 && memchr(address.p, ':', address.n) == NULL;
  uint64_t v = v4 ? 32 : 128;
  if (given && cf_u64_parse(text, v, &v) != CF_OK)
    return CF_E_SYNTAX;
  *bits = (unsigned)v + (v4 ? 96 : 0);
  return CF_OK;
}

enum cf_err cf_address_block(struct cf_str s, uint8_t first[16], uint8_t last[16])
{
  bool given = s.n > 0 && memchr(s.p, '/', s.n) != NULL;
  struct cf_str text = s, address = cf_str_cut(&text, '/');
  uint8_t a[16];
  unsigned bits;
  if (read_any(address, a) != CF_OK || prefix_bits(address, text, given, &bits) != CF_OK)
    return CF_E_SYNTAX;
  for (unsigned i = 0; i < 16; i++) {
    unsigned kept = bits <= 8 * i ? 0 : bits - 8 * i;
    uint8_t host = (uint8_t)(kept >= 8 ? 0 : 0xff >> kept);
    first[i] = (uint8_t)(a[i] & ~host);
    last[i] = a[i] | host;
  }
  return CF_OK;
}

void cf_address_network(const char *ip, char out[CF_NETWORK_N])
{
  uint8_t a[16];
  char text[46];
  if (read_any(cf_str_from(ip), a) != CF_OK) {
    strcpy(out, "unknown");
  } else if (is_v4(a)) {
    snprintf(out, CF_NETWORK_N, "%u.%u.%u.0/24", a[12], a[13], a[14]);
  } else {
    memset(a + 8, 0, 8);
    write_v6(a, text);
    snprintf(out, CF_NETWORK_N, "%s/64", text);
  }
}
