/* SPDX-License-Identifier: MIT */
/* Problem documents, and pages in their place, by way of a response and without
 * one. */
#include "config.h"

#include "fcgi-app/http/problem.h"

#include "fcgi-app/http/request.h"
#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/base/show.h"

#define TYPE        "application/problem+json"
#define RETRY_AFTER "2" /* seconds */
#define ANSWER_MAX  4096

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

/* ---- in words ---- */

/* Does who asks read pages? Programs that take anything get the document. */
static bool wants_page(const struct cf_transport *transport)
{
  static const char *const types[] = {TYPE, "application/json", "text/html"};
  struct cf_str header = cf_str_from(transport->param(transport->context, "HTTP_ACCEPT"));
  return cf_accept_prefers(header, types, 3) == 2;
}

/* A link below the mount point. */
static void put_link(struct cf_buf *b, struct cf_str mount, const char *path, const char *words)
{
  cf_buf_puts(b, "<a href=\"");
  cf_path_put(b, mount);
  cf_buf_putf(b, "/%s\">%s</a> ", path, words);
}

/* What to do next. */
static void put_ways(struct cf_buf *b, enum cf_err err, struct cf_str mount)
{
  int status = cf_err_status(err);
  cf_buf_puts(b, "<p class=\"links\">");
  if (may_retry(err))
    cf_buf_puts(b, "<a href=\"\">Try again</a> ");
  if (mount.p != NULL && (status == 401 || status == 403))
    put_link(b, mount, "login", "Sign in");
  if (mount.p != NULL)
    put_link(b, mount, "", "To the log");
  cf_buf_puts(b, "</p>\n");
}

static void put_head(struct cf_buf *b, const char *title, struct cf_str mount)
{
  cf_buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<meta name=\"robots\" content=\"noindex\">\n");
  cf_buf_putf(b, "<title>%s · Counterfoil</title>\n", title);
  if (mount.p != NULL) {
    cf_buf_puts(b, "<link rel=\"stylesheet\" href=\"");
    cf_path_put(b, mount);
    cf_buf_puts(b, "/assets/style.css\">\n");
  }
  cf_buf_puts(b, "</head>\n");
}

static void put_page(struct cf_buf *b, enum cf_err err, const struct cf_fault *fault,
                     struct cf_str mount)
{
  put_head(b, cf_err_title(err), mount);
  cf_buf_putf(b, "<body>\n<main>\n<section class=\"card sign-in\">\n<h2>%s</h2>\n",
              cf_err_title(err));
  if (fault != NULL && fault->detail[0] != '\0') {
    cf_buf_puts(b, "<p class=\"problem\" role=\"alert\">");
    cf_show_put(b, cf_str_from(fault->at), CF_SHOW_HTML);
    cf_buf_puts(b, fault->at[0] != '\0' ? ": " : "");
    cf_show_put(b, cf_str_from(fault->detail), CF_SHOW_HTML);
    cf_buf_puts(b, "</p>\n");
  }
  put_ways(b, err, mount);
  cf_buf_putf(b, "<p class=\"hint\">%d %s</p>\n</section>\n</main>\n</body>\n</html>\n",
              cf_err_status(err), cf_err_word(err));
}

/* ---- answers ---- */

static enum cf_err problem_headers(struct cf_response *rs, enum cf_err problem, bool page)
{
  int status = cf_err_status(problem);
  enum cf_err err = page ? cf_response_begin_page(rs, status) : cf_response_begin(rs, status, TYPE);
  if (err == CF_OK && status == 401)
    err = cf_response_header(rs, "WWW-Authenticate", CF_STR("Bearer"));
  if (err == CF_OK && may_retry(problem))
    err = cf_response_header(rs, "Retry-After", CF_STR(RETRY_AFTER));
  return err;
}

enum cf_err cf_response_problem(struct cf_response *rs, enum cf_err err,
                                const struct cf_fault *fault, struct cf_str members)
{
  bool page = wants_page(rs->transport);
  enum cf_err done = cf_response_restart(rs);
  if (done == CF_OK)
    done = problem_headers(rs, err, page);
  if (done != CF_OK)
    return done;
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  if (page)
    put_page(&b, err, fault, rs->mount);
  else
    put_document(&b, err, fault, members);
  done = b.err == CF_OK ? cf_response_put(rs, cf_buf_str(&b)) : b.err;
  cf_buf_fini(&b);
  return done;
}

void cf_problem_answer(const struct cf_transport *transport, enum cf_err err)
{
  char room[ANSWER_MAX];
  struct cf_buf b;
  bool page = wants_page(transport);
  cf_buf_fixed(&b, room, sizeof room);
  cf_buf_putf(&b,
              "Status: %d %s\r\nContent-Type: %s\r\n"
              "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n%s",
              cf_err_status(err), cf_err_title(err), page ? "text/html; charset=utf-8" : TYPE,
              page ? CF_PAGE_HEADERS : "");
  cf_buf_puts(&b, may_retry(err) ? "Retry-After: " RETRY_AFTER "\r\n\r\n" : "\r\n");
  if (page)
    put_page(&b, err, NULL, (struct cf_str){NULL, 0});
  else
    put_document(&b, err, NULL, CF_STR(""));
  CF_ASSERT(b.err == CF_OK);
  if (transport->write(transport->context, b.p, b.n) != CF_OK ||
      transport->flush(transport->context) != CF_OK)
    cf_log(CF_LOG_INFO, "the client left before it could be told: %s", cf_err_title(err));
}
