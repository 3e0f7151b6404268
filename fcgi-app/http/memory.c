/* SPDX-License-Identifier: MIT */
/* The transport over memory. */
#include "config.h"

#include "fcgi-app/http/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"

/* The place of NAME among the variables, or params_n. */
static size_t param_find(const struct cf_memory *m, const char *name)
{
  size_t name_n = strlen(name);
  size_t i = 0;
  while (i < m->params_n &&
         (strncmp(m->params[i], name, name_n) != 0 || m->params[i][name_n] != '='))
    i++;
  return i;
}

static const char *memory_param(void *context, const char *name)
{
  struct cf_memory *m = context;
  size_t i = param_find(m, name);
  return i < m->params_n ? m->params[i] + strlen(name) + 1 : NULL;
}

static enum cf_err memory_each_param(void *context,
                                     enum cf_err (*each)(void *arg, const char *assignment),
                                     void *arg)
{
  struct cf_memory *m = context;
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < m->params_n && err == CF_OK; i++)
    err = each(arg, m->params[i]);
  return err;
}

static enum cf_err memory_read(void *context, void *out, size_t max, size_t *n)
{
  struct cf_memory *m = context;
  size_t take = m->body.n < max ? m->body.n : max;
  *n = take;
  if (take == 0)
    return CF_OK;
  memcpy(out, m->body.p, take);
  m->body = (struct cf_str){m->body.p + take, m->body.n - take};
  return CF_OK;
}

static enum cf_err memory_write(void *context, const void *p, size_t n)
{
  struct cf_memory *m = context;
  cf_buf_put(&m->answer, p, n);
  return m->answer.err;
}

static enum cf_err memory_flush(void *context)
{
  struct cf_memory *m = context;
  return m->answer.err;
}

void cf_memory_init(struct cf_memory *m, enum cf_door door)
{
  *m = (struct cf_memory){.transport = {.context = m,
                                        .door = door,
                                        .param = memory_param,
                                        .each_param = memory_each_param,
                                        .read = memory_read,
                                        .write = memory_write,
                                        .flush = memory_flush},
                          .body = CF_STR("")};
  cf_buf_init(&m->answer, SIZE_MAX);
}

void cf_memory_fini(struct cf_memory *m)
{
  for (size_t i = 0; i < m->params_n; i++)
    free(m->params[i]);
  m->params_n = 0;
  cf_buf_fini(&m->answer);
}

enum cf_err cf_memory_param(struct cf_memory *m, const char *name, const char *value)
{
  size_t i = param_find(m, name);
  if (i == CF_MEMORY_PARAMS_MAX)
    return CF_E_FULL;
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  cf_buf_puts(&b, name);
  cf_buf_putc(&b, '=');
  cf_buf_puts(&b, value);
  char *assignment = cf_buf_take(&b);
  if (assignment == NULL)
    return CF_E_NOMEM;
  if (i < m->params_n)
    free(m->params[i]);
  else
    m->params_n++;
  m->params[i] = assignment;
  return CF_OK;
}

void cf_memory_body(struct cf_memory *m, struct cf_str body)
{
  m->body = body;
}

/* The next header line of *s without its line end; empty at the header's
 * end. */
static struct cf_str next_line(struct cf_str *s)
{
  struct cf_str line = cf_str_cut(s, '\n');
  if (line.n > 0 && line.p[line.n - 1] == '\r')
    line.n--;
  return line;
}

struct cf_str cf_memory_header(const struct cf_memory *m, const char *name)
{
  struct cf_str left = cf_buf_str(&m->answer);
  size_t name_n = strlen(name);
  for (struct cf_str line = next_line(&left); line.n > 0; line = next_line(&left)) {
    if (line.n < name_n + 2 || strncasecmp(line.p, name, name_n) != 0 || line.p[name_n] != ':')
      continue;
    return (struct cf_str){line.p + name_n + 2, line.n - name_n - 2};
  }
  return CF_STR("");
}

int cf_memory_status(const struct cf_memory *m)
{
  struct cf_str text = cf_memory_header(m, "Status");
  uint64_t status;
  return cf_u64_parse(cf_str_cut(&text, ' '), 999, &status) == CF_OK ? (int)status : 0;
}

struct cf_str cf_memory_content(const struct cf_memory *m)
{
  struct cf_str left = cf_buf_str(&m->answer);
  while (next_line(&left).n > 0)
    continue;
  return left;
}
