/* SPDX-License-Identifier: MIT */
/* counterfoil.fcgi: what web servers start, as FastCGI or as plain CGI. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi-app/door/cgi_in.h"
#include "fcgi-app/door/fcgi_in.h"
#include "fcgi-app/door/privilege.h"
#include "fcgi-app/door/service.h"
#include "fcgi-app/http/problem.h"
#include "lib/base/diag.h"
#include "paths.h"

#define PROGRAM    "counterfoil.fcgi"
#define EXIT_USAGE 2

struct options {
  const char *config;
  bool owner;
};

static const char usage[] =
    "usage: " PROGRAM " [--config FILE]\n"
    "Counterfoil for a web server: FastCGI where descriptor 0 is a listening socket, else plain CGI.\n"
    "\n"
    "  --config FILE  the configuration; else COUNTERFOIL_CONF, else .htcounterfoil.conf or counterfoil.conf\n"
    "                 beside this program, else " CF_SYSCONFDIR "/counterfoil.conf\n"
    "  --owner        only own the ledger for other processes, until idle_exit (a CGI starts this)\n"
    "  --version      print the version\n"
    "  --help         print this\n";

/* A CGI's arguments are a stranger's where the query has no '=': web servers
 * give its words as such (RFC 3875, section 4.4). */
static bool arguments_are_the_query(void)
{
  const char *query = getenv("QUERY_STRING");

  return getenv("GATEWAY_INTERFACE") != NULL && query != NULL && query[0] != '\0' &&
         strchr(query, '=') == NULL;
}

/* Returns the exit status where there is nothing more to do, else -1. */
static int parse_options(int argc, char **argv, struct options *options)
{
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0)
      return fputs(usage, stdout) < 0 ? EXIT_USAGE : 0;
    if (strcmp(argv[i], "--version") == 0)
      return puts(PACKAGE_NAME " " PACKAGE_VERSION) < 0 ? EXIT_USAGE : 0;
    if (strcmp(argv[i], "--owner") == 0)
      options->owner = true;
    else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
      options->config = argv[++i];
    else {
      (void)fprintf(stderr, PROGRAM ": unknown option, see --help\n");
      return EXIT_USAGE;
    }
  }
  return -1;
}

/* The configuration, the rights to use it, and a place for messages. */
static enum cf_err conf_prepare(const struct options *options, struct cf_conf *conf,
                                struct cf_fault *fault)
{
  struct cf_buf path;

  cf_buf_init(&path, 4096);
  enum cf_err err = cf_conf_find(options->config, CF_SYSCONFDIR, &path, fault);
  if (err == CF_OK)
    err = cf_conf_load(cf_buf_cstr(&path), conf, fault);
  cf_buf_fini(&path);
  if (err != CF_OK)
    return err;
  err = cf_privilege_drop(conf, fault);
  if (err == CF_OK)
    err = cf_diag_open(conf->log, PROGRAM, fault);
  if (err != CF_OK)
    cf_conf_fini(conf);
  return err;
}

/* The person who set this up finds the reason in the web server's error log;
 * strangers get a 503. */
static int option_complain(bool cgi, enum cf_err err, const struct cf_fault *fault)
{
  struct cf_cgi request;

  cf_log(CF_LOG_ERROR, "%s: %s%s%s", cf_err_title(err), fault->at, fault->at[0] == '\0' ? "" : ": ",
         fault->detail);
  if (!cgi || getenv("GATEWAY_INTERFACE") == NULL)
    return EXIT_USAGE;
  cf_cgi_init(&request, environ, 0, STDIN_FILENO, STDOUT_FILENO);
  cf_problem_answer(&request.transport, err);
  return cf_cgi_fini(&request) == CF_OK ? 0 : EXIT_USAGE;
}

int main(int argc, char **argv)
{
  struct options options = {NULL, false};
  struct cf_conf conf;
  struct cf_fault fault = {"", ""};

  int done = parse_options(arguments_are_the_query() ? 1 : argc, argv, &options);
  if (done >= 0)
    return done;
  bool cgi = !options.owner && cf_fcgi_is_cgi();
  cf_service_signals(!cgi);
  enum cf_err err = cf_diag_open(NULL, PROGRAM, &fault);
  if (err == CF_OK)
    err = conf_prepare(&options, &conf, &fault);
  if (err != CF_OK)
    return option_complain(cgi, err, &fault);
  if (options.owner)
    done = cf_service_run_owner(&conf);
  else
    done = cgi ? cf_service_run_cgi(&conf, environ) : cf_service_run_web(&conf, STDIN_FILENO, NULL);
  cf_conf_fini(&conf);
  return done;
}
