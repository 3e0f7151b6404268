/* SPDX-License-Identifier: MIT */
/* The table logline_names.def, looked up. */
#include "config.h"

#include "lib/input/logline_names_in.h"

#include <string.h>

static const struct cf_log_name names[] = {
#define CF_NAME(path, how, member, round) {path, CF_HOW_##how, CF_M_##member, round},
#include "lib/input/logline_names.def"
#undef CF_NAME
    {NULL, CF_HOW_MEMBER, CF_M_N, 0},
};

static bool is_mark(char c)
{
  return c == '_' || c == '-' || c == '.' || c == '@';
}

/* A path in small letters and without marks; empty where it is too long to be
 * known. */
static struct cf_str path_plain(struct cf_str path, char plain[CF_LOG_PATH_MAX])
{
  size_t n = 0;
  for (size_t i = 0; i < path.n && path.n <= CF_LOG_PATH_MAX; i++) {
    char c = path.p[i];
    if (!is_mark(c))
      plain[n++] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
  }
  return (struct cf_str){plain, n};
}

/* What a row's path has behind a plain one; NULL where it is another. */
static const char *path_rest(const char *row, struct cf_str plain)
{
  for (size_t i = 0; i < plain.n; i++) {
    while (is_mark(*row))
      row++;
    if (*row++ != plain.p[i])
      return NULL;
  }
  return row;
}

const struct cf_log_name *cf_log_name_find(struct cf_str path, bool *below)
{
  char buffer[CF_LOG_PATH_MAX];
  struct cf_str plain = path_plain(path, buffer);
  const struct cf_log_name *found = NULL;
  *below = false;
  for (const struct cf_log_name *row = names; row->path != NULL && plain.n > 0; row++) {
    const char *rest = *row->path == *plain.p ? path_rest(row->path, plain) : NULL;
    if (rest == NULL)
      continue;
    if (*rest == '\0' && found == NULL)
      found = row;
    *below = *below || *rest == '.';
  }
  return found;
}

bool cf_log_name_duration(const struct cf_log_name *row, struct cf_logline *l, struct cf_str s)
{
  switch (row->how) {
  case CF_HOW_SECONDS: return cf_logline_duration(l, s, 6, true);
  case CF_HOW_MS: return cf_logline_duration(l, s, 3, false);
  case CF_HOW_US: return cf_logline_duration(l, s, 0, false);
  case CF_HOW_NS: return cf_logline_duration(l, s, -3, false);
  case CF_HOW_LATENCY:
    return s.n > 0 && s.p[s.n - 1] == 's' &&
           cf_logline_duration(l, (struct cf_str){s.p, s.n - 1}, 6, false);
  default: return false;
  }
}

const struct cf_log_name *cf_log_name_next(const struct cf_log_name *row)
{
  const struct cf_log_name *next = row + 1;
  return next->path != NULL && strcmp(next->path, row->path) == 0 ? next : NULL;
}
