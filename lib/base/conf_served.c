/* SPDX-License-Identifier: MIT */
/* Guessing whether a web server sends what is at a place. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/conf.h"

/* What document roots are called, and what is only in what is served. */
static const char *const names[] = {"public_html", "www",     "htdocs",  "httpdocs", "html",
                                    "http",        "docroot", "webroot", "wwwroot",  "public"};
static const char *const marks[] = {".htaccess", "index.html", "index.htm", "index.php",
                                    "counterfoil.fcgi"};

static bool is_named_so(const char *directory)
{
  const char *slash = strrchr(directory, '/');

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (slash != NULL && strcmp(slash + 1, names[i]) == 0)
      return true;
  return false;
}

static bool has_mark(const char *directory)
{
  char path[PATH_MAX + 16];

  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", directory, marks[i]);
    if (access(path, F_OK) == 0)
      return true;
  }
  return false;
}

bool cf_conf_looks_served(const char *path, char root[PATH_MAX])
{
  char at[PATH_MAX];

  if (realpath(path, at) == NULL)
    return false;
  for (char *slash; (slash = strrchr(at, '/')) != NULL && slash != at; *slash = '\0')
    if (is_named_so(at) || has_mark(at)) {
      memcpy(root, at, strlen(at) + 1);
      return true;
    }
  return false;
}
