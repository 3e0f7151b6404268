/* SPDX-License-Identifier: MIT */
/* Plain CGI. */
#include "config.h"

#include "fcgi-app/door/cgi_in.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi-app/http/hidden.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"

#define PENDING_N (16u << 10)

static const char *cgi_param(void *context, const char *name)
{
  struct cf_cgi *cgi = context;
  size_t n = strlen(name);

  if (cf_hidden(name, CF_PEER_WEB))
    return NULL;
  for (char **p = cgi->environment; *p != NULL; p++)
    if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
      return *p + n + 1;
  return NULL;
}

static enum cf_err cgi_each_param(void *context,
                                  enum cf_err (*each)(void *arg, const char *assignment), void *arg)
{
  enum cf_err err = CF_OK;

  for (char **p = ((struct cf_cgi *)context)->environment; err == CF_OK && *p != NULL; p++)
    if (!cf_hidden(*p, CF_PEER_WEB) && strchr(*p, '=') != NULL)
      err = each(arg, *p);
  return err;
}

static bool readable_within(int fd, int64_t us)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};

  return us > 0 && poll(&p, 1, (int)((us + 999) / 1000)) != 0;
}

static enum cf_err cgi_read(void *context, void *out, size_t max, size_t *n)
{
  struct cf_cgi *cgi = context;
  ssize_t got;

  if (cgi->bounded && cgi->left < max)
    max = (size_t)cgi->left;
  int64_t start_us = cf_clock_mono_us();
  if (max > 0 && !readable_within(cgi->in, cf_pace_left_us(&cgi->pace)))
    return CF_E_SLOW;
  do
    got = max > 0 ? read(cgi->in, out, max) : 0;
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return CF_E_PEER;
  cf_pace_count(&cgi->pace, cf_clock_mono_us() - start_us, (uint64_t)got);
  if (cgi->bounded)
    cgi->left -= (uint64_t)got;
  *n = (size_t)got;
  return CF_OK;
}

static enum cf_err write_all(int fd, const uint8_t *p, size_t n)
{
  while (n > 0) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno != EINTR)
      return CF_E_PEER;
    if (done > 0) {
      p += done;
      n -= (size_t)done;
    }
  }
  return CF_OK;
}

static enum cf_err cgi_flush(void *context)
{
  struct cf_cgi *cgi = context;

  enum cf_err err = write_all(cgi->out, cgi->pending.p, cgi->pending.n);
  cf_buf_reset(&cgi->pending);
  return err;
}

static enum cf_err cgi_write(void *context, const void *p, size_t n)
{
  struct cf_cgi *cgi = context;

  if (n > PENDING_N - cgi->pending.n) {
    enum cf_err err = cgi_flush(cgi);
    if (err != CF_OK)
      return err;
  }
  if (n > PENDING_N)
    return write_all(cgi->out, p, n);
  cf_buf_put(&cgi->pending, p, n);
  return cgi->pending.err;
}

/* A pipe or a file ends where the body does, and a filter of the web server may
 * have made it longer than CONTENT_LENGTH says; a socket may stay open. */
static void find_end(struct cf_cgi *cgi)
{
  const char *method = cgi_param(cgi, "REQUEST_METHOD");
  const char *length = cgi_param(cgi, "CONTENT_LENGTH");
  struct stat st;

  bool known = cf_u64_parse(cf_str_from(length), INT64_MAX, &cgi->left) == CF_OK;
  if (!known)
    cgi->left = 0;
  bool has_body = method != NULL && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
  bool ends = fstat(cgi->in, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode));
  cgi->bounded = !has_body || (known && !ends);
}

void cf_cgi_init(struct cf_cgi *cgi, char **environment, int64_t body_timeout_us, int in, int out)
{
  *cgi = (struct cf_cgi){
      .transport = {.context = cgi,
                    .door = CF_DOOR_WEB,
                    .param = cgi_param,
                    .each_param = cgi_each_param,
                    .read = cgi_read,
                    .write = cgi_write,
                    .flush = cgi_flush},
      .environment = environment,
      .in = in,
      .out = out,
      .pace = {body_timeout_us, CF_PACE_BODY_S, 0, 0},
  };
  cf_buf_init(&cgi->pending, PENDING_N);
  find_end(cgi);
}

/* Who is still sending a body sees an end of our reading; where a socket is
 * closed with bytes unread, he would see it broken, and lose the answer that
 * comes through the same one. */
static void input_shut(int in)
{
  char trash[4096];

  if (shutdown(in, SHUT_RD) != 0)
    return; /* no socket */
  while (recv(in, trash, sizeof trash, MSG_DONTWAIT) > 0)
    ;
}

enum cf_err cf_cgi_fini(struct cf_cgi *cgi)
{
  enum cf_err err = cgi_flush(cgi);

  input_shut(cgi->in);
  cf_buf_fini(&cgi->pending);
  return err;
}
