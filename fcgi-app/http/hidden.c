/* SPDX-License-Identifier: MIT */
/* What outsiders may not set. */
#include "config.h"

#include "fcgi-app/http/hidden.h"

#include <string.h>

/* Whom a name is believed from; one that ends with an underscore is the
 * beginning of many. */
static const struct {
  const char *name;
  enum cf_peer from;
} told[] = {
    {"AUTH_TYPE", CF_PEER_WEB},        {"REMOTE_USER", CF_PEER_WEB},
    {"SSL_CLIENT_", CF_PEER_WEB},      {"REMOTE_ADDR", CF_PEER_UNKNOWN},
    {"REMOTE_HOST", CF_PEER_UNKNOWN},  {"REMOTE_PORT", CF_PEER_UNKNOWN},
    {CF_HIDDEN_SOURCE, CF_PEER_ADMIN},
};

/* Most names differ in their first letter. */
static bool is_name(const char *name, const char *known)
{
  if (name[0] != known[0])
    return false;
  size_t n = strlen(known);

  return strncmp(name, known, n) == 0 && (known[n - 1] == '_' || name[n] == '\0' || name[n] == '=');
}

bool cf_hidden(const char *name, enum cf_peer peer)
{
  for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
    if (is_name(name, told[i].name))
      return peer < told[i].from;
  return is_name(name, "COUNTERFOIL_");
}
