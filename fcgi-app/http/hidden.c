/* SPDX-License-Identifier: MIT */
/* What outsiders may not set. */
#include "config.h"

#include "fcgi-app/http/hidden.h"

#include <string.h>

#define PREFIX "COUNTERFOIL_"

bool cf_hidden(const char *name)
{
  return strncmp(name, PREFIX, sizeof PREFIX - 1) == 0;
}
