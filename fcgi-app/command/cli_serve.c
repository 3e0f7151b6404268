/* SPDX-License-Identifier: MIT */
/* counterfoil serve: a FastCGI service of its own, which outlives the web
 * server's reloads. */
#include "config.h"

#include "fcgi-app/command/cli_in.h"
#include "fcgi-app/door/privilege.h"
#include "fcgi-app/door/service.h"
#include "lib/base/diag.h"

static const struct cf_cli_option options[] = {
    {"listen", "WHERE",
     "socket for the web server, an absolute path or 127.0.0.1:port; else the option `listen`"},
    {NULL, NULL, NULL},
};
CF_CLI_OPTIONS_CHECK(options);

static enum cf_err listener_prepare(struct cf_cli *cli, const char **where, int *listener)
{
  enum cf_err err = cf_cli_load(cli);

  if (err != CF_OK)
    return err;
  if (cf_cli_value(cli, "listen") != NULL)
    err = cf_conf_set(&cli->conf, CF_STR("listen"), cf_str_from(cf_cli_value(cli, "listen")),
                      &cli->fault);
  if (err != CF_OK)
    return err;
  *where = cli->conf.listen;
  if (*where == NULL)
    return cf_fail(&cli->fault, CF_E_CONFIG, "listen",
                   "say where to listen: --listen WHERE, or listen = WHERE in the configuration");
  err = cf_privilege_drop(&cli->conf, &cli->fault);
  if (err == CF_OK)
    err = cf_diag_open(cli->conf.log, "counterfoil", &cli->fault);
  return err == CF_OK ? cf_service_listen(&cli->conf, *where, listener, &cli->fault) : err;
}

static int serve_run(struct cf_cli *cli)
{
  const char *where;
  int listener;

  cf_service_signals(true);
  enum cf_err err = listener_prepare(cli, &where, &listener);
  if (err != CF_OK)
    return cf_cli_fail(cli, err);
  cf_log(CF_LOG_INFO, "listening on %s", where);
  return cf_service_run_web(&cli->conf, listener, where) == 0 ? CF_EXIT_TRUE : CF_EXIT_UNKNOWN;
}

const struct cf_cli_command cf_cli_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serve a web server at a FastCGI socket until SIGTERM",
    .details =
        "For Apache's mod_proxy_fcgi, nginx, or lighttpd with a socket of its own. At a path the users of trust_peers, the\n"
        "service's own and root are believed where callers are and who they are; at a port whoever connects is, where.\n",
    .options = options,
    .args_max = 0,
    .run = serve_run,
};
