/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi-app/who/way_back.h"

#include "lib/base/codec.h"
#include "lib/base/crypto.h"

#define MAC_N 43 /* as base64url */

/* Of two slashes, or a slash and a backslash, browsers make a host. */
static bool is_local(struct cf_str path)
{
  bool local = path.n > 0 && path.n <= CF_WAY_BACK_MAX && path.p[0] == '/' &&
               (path.n == 1 || (path.p[1] != '/' && path.p[1] != '\\'));
  for (size_t i = 0; i < path.n && local; i++)
    local = path.p[i] > ' ' && path.p[i] < 0x7f;
  return local;
}

static void put_mac(const struct cf_ledger *ledger, struct cf_str path, struct cf_buf *b)
{
  const struct cf_str parts[] = {CF_STR("counterfoil/v1 page way back"), {"", 1}, path};
  uint8_t mac[CF_HASH_N];
  cf_hmac(cf_ledger_import_key(ledger), CF_SEED_N, parts, sizeof parts / sizeof parts[0], mac);
  cf_base64url_put(b, mac, sizeof mac);
}

void cf_way_back_put(const struct cf_ledger *ledger, struct cf_str path, struct cf_buf *b)
{
  if (!is_local(path))
    return;
  put_mac(ledger, path, b);
  cf_buf_putstr(b, path);
}

bool cf_way_back_get(const struct cf_ledger *ledger, struct cf_str text, struct cf_str *path)
{
  char room[MAC_N + 1];
  struct cf_buf b;
  if (text.n <= MAC_N)
    return false;
  struct cf_str rest = {text.p + MAC_N, text.n - MAC_N};
  cf_buf_fixed(&b, room, sizeof room);
  put_mac(ledger, rest, &b);
  if (!is_local(rest) || b.n != MAC_N || !cf_equal(b.p, text.p, MAC_N))
    return false;
  *path = rest;
  return true;
}
