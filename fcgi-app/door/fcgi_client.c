/* SPDX-License-Identifier: MIT */
/* A FastCGI client (FastCGI specification 1.0, responder role), one request a
 * connection, never multiplexed. */
#include "config.h"

#include "fcgi-app/door/fcgi_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/codec.h"

#define HEADER_N       8
#define RECORD_MAX     65535u
#define REQUEST_ID     1
#define ROLE_RESPONDER 1
#define END_BODY_N     8
#define READ_N         (16u << 10)
#define TICK_US        INT64_C(1000000)
/* Room for every parameter, the headers of the records that hold them, and the
 * first and last record. */
#define HEAD_MAX (CF_EXCHANGE_PARAMS_MAX + 16u * HEADER_N)

enum record_type {
  BEGIN_REQUEST = 1,
  END_REQUEST = 3,
  PARAMS = 4,
  STDIN = 5,
  STDOUT = 6,
  STDERR = 7
};

/* Where the parser is in what the responder sends. */
struct parser {
  uint8_t header[HEADER_N];
  size_t header_n;
  size_t content; /* bytes of the record's content still to come */
  size_t padding;
  uint8_t end[END_BODY_N];
  size_t end_n;
  bool stdout_ended;
};

struct cf_exchange {
  struct cf_buf params;
  struct cf_buf head; /* BEGIN_REQUEST and PARAMS as records */
  size_t head_at;
  uint8_t chunk[HEADER_N + CF_EXCHANGE_CHUNK_N]; /* the STDIN record on its way */
  size_t chunk_n, chunk_at;
  bool body_ended; /* the chunk is, or was, the end of STDIN */
  bool body_bytes; /* the body was not empty */
  bool body_passed, answer_passed, own_error;
  bool deaf; /* the responder takes no more */
  bool ended;
  struct parser parser;
};

enum cf_err cf_exchange_new(struct cf_exchange **exchange)
{
  struct cf_exchange *x = calloc(1, sizeof *x);

  if (x == NULL)
    return CF_E_NOMEM;
  cf_buf_init(&x->params, CF_EXCHANGE_PARAMS_MAX);
  cf_buf_init(&x->head, HEAD_MAX);
  *exchange = x;
  return CF_OK;
}

void cf_exchange_free(struct cf_exchange *x)
{
  if (x == NULL)
    return;
  cf_buf_fini(&x->params);
  cf_buf_fini(&x->head);
  free(x);
}

static void put_length(struct cf_buf *b, size_t n)
{
  uint8_t four[4];

  if (n < 128) {
    cf_buf_putc(b, (char)n);
    return;
  }
  cf_u32_put(four, (uint32_t)n | UINT32_C(0x80000000));
  cf_buf_put(b, four, sizeof four);
}

enum cf_err cf_exchange_param(struct cf_exchange *x, struct cf_str name, struct cf_str value)
{
  if (name.n > CF_EXCHANGE_PARAMS_MAX || value.n > CF_EXCHANGE_PARAMS_MAX)
    return CF_E_FULL;
  put_length(&x->params, name.n);
  put_length(&x->params, value.n);
  cf_buf_putstr(&x->params, name);
  cf_buf_putstr(&x->params, value);
  return x->params.err;
}

static void header_put(uint8_t out[HEADER_N], enum record_type type, size_t n)
{
  out[0] = 1;
  out[1] = (uint8_t)type;
  cf_u16_put(out + 2, REQUEST_ID);
  cf_u16_put(out + 4, (uint16_t)n);
  out[6] = 0;
  out[7] = 0;
}

static void put_record(struct cf_buf *b, enum record_type type, const uint8_t *p, size_t n)
{
  uint8_t header[HEADER_N];

  header_put(header, type, n);
  cf_buf_put(b, header, sizeof header);
  cf_buf_put(b, p, n);
}

/* Everything before the body, once; a later run sends the same bytes. */
static enum cf_err make_head(struct cf_exchange *x)
{
  static const uint8_t begin[8] = {0, ROLE_RESPONDER};

  if (x->params.err != CF_OK)
    return x->params.err;
  cf_buf_reset(&x->head);
  put_record(&x->head, BEGIN_REQUEST, begin, sizeof begin);
  for (size_t at = 0; at < x->params.n;) {
    size_t n = x->params.n - at < RECORD_MAX ? x->params.n - at : RECORD_MAX;
    put_record(&x->head, PARAMS, x->params.p + at, n);
    at += n;
  }
  put_record(&x->head, PARAMS, NULL, 0);
  return x->head.err;
}

/* ---- to the responder ---- */

static bool something_to_send(const struct cf_exchange *x)
{
  return !x->deaf && (x->head_at < x->head.n || x->chunk_at < x->chunk_n);
}

/* Make the next piece of the body, or its end, a record. */
static enum cf_err body_refill(struct cf_exchange *x, const struct cf_exchange_io *io)
{
  size_t n = 0;

  if (io->body != NULL) {
    enum cf_err err = io->body(io->context, x->chunk + HEADER_N, CF_EXCHANGE_CHUNK_N, &n);
    if (err != CF_OK) {
      x->own_error = true;
      return err;
    }
  }
  header_put(x->chunk, STDIN, n);
  x->chunk_n = HEADER_N + n;
  x->chunk_at = 0;
  x->body_ended = n == 0;
  x->body_bytes = x->body_bytes || n > 0;
  return CF_OK;
}

/* Send what the socket takes now. */
static enum cf_err send_some(struct cf_exchange *x, int fd)
{
  bool head = x->head_at < x->head.n;
  const uint8_t *p = head ? x->head.p + x->head_at : x->chunk + x->chunk_at;
  size_t n = head ? x->head.n - x->head_at : x->chunk_n - x->chunk_at;
  ssize_t sent = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR)
      return CF_OK;
    /* It may have answered before it closed: what it said is still to be
     * read. */
    x->deaf = true;
    return CF_OK;
  }
  *(head ? &x->head_at : &x->chunk_at) += (size_t)sent;
  x->body_passed = x->body_passed || (!head && sent > 0);
  return CF_OK;
}

/* ---- from the responder ---- */

static enum cf_err take_end(struct cf_exchange *x)
{
  /* Anything but "request complete" means that it did not serve it. */
  if (x->parser.end[4] != 0)
    return CF_E_PEER;
  x->ended = true;
  return CF_OK;
}

/* Is this a record that a responder may send us now? */
static enum cf_err check_header(struct parser *parser)
{
  const uint8_t *h = parser->header;

  if (h[0] != 1 || cf_u16_get(h + 2) != REQUEST_ID)
    return CF_E_PEER;
  parser->content = cf_u16_get(h + 4);
  parser->padding = h[6];
  switch (h[1]) {
  case STDOUT:
    if (parser->stdout_ended)
      return CF_E_PEER;
    parser->stdout_ended = parser->content == 0;
    return CF_OK;
  case STDERR: return CF_OK;
  case END_REQUEST: parser->end_n = 0; return parser->content == END_BODY_N ? CF_OK : CF_E_PEER;
  default: return CF_E_PEER;
  }
}

static enum cf_err take_content(struct cf_exchange *x, const struct cf_exchange_io *io,
                                const uint8_t *p, size_t n)
{
  struct parser *parser = &x->parser;

  if (parser->header[1] == END_REQUEST) {
    memcpy(parser->end + parser->end_n, p, n);
    parser->end_n += n;
    return CF_OK;
  }
  if (parser->header[1] != STDOUT)
    return CF_OK;
  x->answer_passed = true;
  enum cf_err err = io->answer(io->context, p, n);
  x->own_error = err != CF_OK;
  return err;
}

/* The record's content is complete: what it meant as a whole. */
static enum cf_err record_done(struct cf_exchange *x)
{
  x->parser.header_n = 0;
  return x->parser.header[1] == END_REQUEST ? take_end(x) : CF_OK;
}

static size_t smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* Take one step over the n > 0 bytes at p; *used of them are done with. */
static enum cf_err parse_step(struct cf_exchange *x, const struct cf_exchange_io *io,
                              const uint8_t *p, size_t n, size_t *used)
{
  struct parser *parser = &x->parser;
  enum cf_err err = CF_OK;

  if (parser->header_n < HEADER_N) {
    *used = smaller(n, HEADER_N - parser->header_n);
    memcpy(parser->header + parser->header_n, p, *used);
    parser->header_n += *used;
    if (parser->header_n < HEADER_N)
      return CF_OK;
    err = check_header(parser);
  } else if (parser->content > 0) {
    *used = smaller(n, parser->content);
    parser->content -= *used;
    err = take_content(x, io, p, *used);
  } else {
    *used = smaller(n, parser->padding);
    parser->padding -= *used;
  }
  if (err == CF_OK && parser->content == 0 && parser->padding == 0)
    err = record_done(x);
  return err;
}

static enum cf_err receive_some(struct cf_exchange *x, int fd, const struct cf_exchange_io *io)
{
  uint8_t buffer[READ_N];
  ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (got < 0)
    return errno == EAGAIN || errno == EINTR ? CF_OK : CF_E_PEER;
  if (got == 0)
    return CF_E_PEER;
  size_t used;
  for (size_t at = 0; at < (size_t)got && !x->ended; at += used) {
    enum cf_err err = parse_step(x, io, buffer + at, (size_t)got - at, &used);
    if (err != CF_OK)
      return err;
  }
  return CF_OK;
}

/* ---- both ---- */

static bool readable(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};

  return poll(&p, 1, 0) > 0;
}

/* Wait until something can be done at p. A signal that another thread took
 * wakes nobody here, so it is asked for each second. */
static enum cf_err exchange_wait(struct pollfd *p, const struct cf_exchange_io *io)
{
  for (int64_t left_us = io->silence_us; left_us > 0;) {
    int64_t us = io->interrupted != NULL && left_us > TICK_US ? TICK_US : left_us;
    int ready = poll(p, 1, (int)(us / 1000));
    if (ready > 0)
      return CF_OK;
    if (ready < 0 && errno != EINTR)
      return CF_E_PEER;
    if (io->interrupted != NULL && io->interrupted(io->context))
      return CF_E_LEAVING;
    if (ready == 0)
      left_us -= us;
  }
  return CF_E_PEER;
}

/* Wait for what can be done next, and do it. The body is only read when the
 * responder has nothing to say: reading it may block. */
static enum cf_err exchange_step(struct cf_exchange *x, int fd, const struct cf_exchange_io *io)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};
  enum cf_err err = CF_OK;

  if (!something_to_send(x) && !x->body_ended && !x->deaf && !readable(fd))
    err = body_refill(x, io);
  if (err != CF_OK)
    return err;
  if (something_to_send(x))
    p.events |= POLLOUT;
  err = exchange_wait(&p, io);
  if (err == CF_OK && (p.revents & (POLLIN | POLLHUP | POLLERR)))
    err = receive_some(x, fd, io);
  if (err == CF_OK && !x->ended && (p.revents & POLLOUT))
    err = send_some(x, fd);
  return err;
}

enum cf_err cf_exchange_run(struct cf_exchange *x, int fd, const struct cf_exchange_io *io)
{
  enum cf_err err = make_head(x);

  x->head_at = 0;
  x->chunk_at = 0;
  x->deaf = x->ended = x->own_error = false;
  memset(&x->parser, 0, sizeof x->parser);
  while (err == CF_OK && !x->ended)
    err = exchange_step(x, fd, io);
  return err;
}

bool cf_exchange_body_passed(const struct cf_exchange *x)
{
  return x->body_passed;
}

bool cf_exchange_answer_passed(const struct cf_exchange *x)
{
  return x->answer_passed;
}

bool cf_exchange_own_error(const struct cf_exchange *x)
{
  return x->own_error;
}

bool cf_exchange_again(const struct cf_exchange *x, bool safe)
{
  if (x->own_error || x->answer_passed)
    return false;
  return !x->body_passed || (safe && !x->body_bytes);
}

struct cf_str cf_exchange_pending(const struct cf_exchange *x)
{
  if (x->body_passed || x->chunk_n <= HEADER_N)
    return (struct cf_str){NULL, 0};
  return (struct cf_str){(const char *)x->chunk + HEADER_N, x->chunk_n - HEADER_N};
}
