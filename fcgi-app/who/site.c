/* SPDX-License-Identifier: MIT */
/* Hosts, schemes and paths as browsers see them. */
#include "config.h"

#include "fcgi-app/who/site.h"

#include <string.h>
#include <strings.h>

/* The authority (host and port) of an absolute URL, and what is behind it. */
static struct cf_str authority_of(struct cf_str url, struct cf_str *path)
{
  const char *at = url.n == 0 ? NULL : memmem(url.p, url.n, "://", 3);
  if (at == NULL) {
    *path = CF_STR("");
    return CF_STR("");
  }
  struct cf_str rest = {at + 3, url.n - (size_t)(at + 3 - url.p)};
  const char *slash = memchr(rest.p, '/', rest.n);
  struct cf_str authority = {rest.p, slash == NULL ? rest.n : (size_t)(slash - rest.p)};
  *path = (struct cf_str){rest.p + authority.n, rest.n - authority.n};
  return authority;
}

static bool same_host(struct cf_str a, struct cf_str b)
{
  return a.n == b.n && a.n > 0 && strncasecmp(a.p, b.p, a.n) == 0;
}

/* What the proxy that is nearest to the client says; the empty slice where no
 * proxy is believed. */
static struct cf_str forwarded(const struct cf_conf *conf, const struct cf_request *rq,
                               const char *variable)
{
  if (strcmp(conf->trust_proxy, "yes") != 0)
    return CF_STR("");
  struct cf_str list = cf_request_variable(rq, variable);
  return cf_str_cut(&list, ',');
}

bool cf_site_https(const struct cf_conf *conf, const struct cf_request *rq)
{
  struct cf_str proto = forwarded(conf, rq, "HTTP_X_FORWARDED_PROTO");
  return cf_request_https(rq) || (proto.n == 5 && strncasecmp(proto.p, "https", 5) == 0) ||
         cf_str_starts(cf_str_from(conf->public_url), CF_STR("https://"));
}

struct cf_str cf_site_mount(const struct cf_conf *conf, const struct cf_request *rq)
{
  struct cf_str path;
  if (conf->public_url == NULL)
    return rq->mount;
  (void)authority_of(cf_str_from(conf->public_url), &path);
  return path;
}

static bool is_here(const struct cf_conf *conf, const struct cf_request *rq, struct cf_str host)
{
  struct cf_str path;
  return same_host(host, cf_request_variable(rq, "HTTP_HOST")) ||
         same_host(host, authority_of(cf_str_from(conf->public_url), &path)) ||
         same_host(host, forwarded(conf, rq, "HTTP_X_FORWARDED_HOST"));
}

enum cf_err cf_site_check(const struct cf_conf *conf, const struct cf_request *rq,
                          struct cf_fault *fault)
{
  struct cf_str site = cf_request_variable(rq, "HTTP_SEC_FETCH_SITE");
  struct cf_str from = cf_request_variable(rq, "HTTP_ORIGIN");
  struct cf_str path;
  if (from.n == 0)
    from = cf_request_variable(rq, "HTTP_REFERER");
  if (site.n > 0 ? cf_str_is(site, "same-origin") || cf_str_is(site, "none")
                 : from.n == 0 || is_here(conf, rq, authority_of(from, &path)))
    return CF_OK;
  return cf_fail(
      fault, CF_E_ORIGIN, NULL,
      site.n > 0
          ? "the request comes from a page of another site"
          : "the request comes from a page of another site, as far as this server can tell; behind a proxy that changes the host, set public_url in the configuration");
}
