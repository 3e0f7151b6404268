/* SPDX-License-Identifier: MIT */
/* Problem documents, by way of a response and without one. */
#include "config.h"

#include "fcgi-app/http/problem.h"

#include "lib/base/diag.h"
#include "lib/base/die.h"

#define TYPE        "application/problem+json"
#define RETRY_AFTER "2" /* seconds */
#define ANSWER_MAX  2048

/* Where nobody knows what came of a request, the client decides; and old data
 * in the place of new does not pass by itself. */
static bool may_retry(enum cf_err err)
{
  int status = cf_err_status(err);
  return (status == 429 || status == 503) && err != CF_E_UNKNOWN && err != CF_E_ROLLBACK;
}

static void put_document(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault,
                         struct cf_str members)
{
  cf_buf_putc(b, '{');
  cf_problem_put(b, err, fault);
  if (members.n > 0) {
    cf_buf_putc(b, ',');
    cf_buf_putstr(b, members);
  }
  cf_buf_puts(b, "}\n");
}

static enum cf_err problem_headers(struct cf_response *rs, enum cf_err problem)
{
  int status = cf_err_status(problem);
  enum cf_err err = cf_response_begin(rs, status, TYPE);
  if (err == CF_OK && status == 401)
    err = cf_response_header(rs, "WWW-Authenticate", CF_STR("Bearer"));
  if (err == CF_OK && may_retry(problem))
    err = cf_response_header(rs, "Retry-After", CF_STR(RETRY_AFTER));
  return err;
}

enum cf_err cf_response_problem(struct cf_response *rs, enum cf_err err,
                                const struct cf_fault *fault, struct cf_str members)
{
  enum cf_err done = cf_response_restart(rs);
  if (done == CF_OK)
    done = problem_headers(rs, err);
  if (done != CF_OK)
    return done;
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  put_document(&b, err, fault, members);
  done = b.err == CF_OK ? cf_response_put(rs, cf_buf_str(&b)) : b.err;
  cf_buf_fini(&b);
  return done;
}

void cf_problem_answer(const struct cf_transport *transport, enum cf_err err)
{
  char room[ANSWER_MAX];
  struct cf_buf b;
  cf_buf_fixed(&b, room, sizeof room);
  cf_buf_putf(&b,
              "Status: %d %s\r\nContent-Type: " TYPE
              "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n",
              cf_err_status(err), cf_err_title(err));
  cf_buf_puts(&b, may_retry(err) ? "Retry-After: " RETRY_AFTER "\r\n\r\n" : "\r\n");
  put_document(&b, err, NULL, CF_STR(""));
  CF_ASSERT(b.err == CF_OK);
  if (transport->write(transport->context, b.p, b.n) != CF_OK ||
      transport->flush(transport->context) != CF_OK)
    cf_log(CF_LOG_INFO, "the client left before it could be told: %s", cf_err_title(err));
}
