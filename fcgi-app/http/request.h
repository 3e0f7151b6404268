/* SPDX-License-Identifier: MIT */
/* A request as CGI shows it: method, path, parameters, headers (api.md, first
 * section). */
#ifndef CF_HTTP_REQUEST_H
#define CF_HTTP_REQUEST_H

#include "fcgi-app/http/transport.h"
#include "lib/query/query.h"

#define CF_PARAMS_MAX       CF_QUERY_PARAMS_MAX /* of a query string or a form */
#define CF_QUERY_STRING_MAX 65536               /* bytes */
#define CF_PATH_MAX         1024                /* bytes; a longer one is no route */

enum cf_http_method { CF_HTTP_GET, CF_HTTP_HEAD, CF_HTTP_POST, CF_HTTP_OTHER };
enum cf_http_method cf_http_method(struct cf_str text);

struct cf_request {
  struct cf_transport *transport;
  enum cf_http_method method;
  struct cf_str path; /* below the mount point, decoded, begins with '/' */
  /* URL path of the mount point without a slash at its end, "" at the root; as
   * the web server gave it */
  struct cf_str mount;
  bool has_path_info; /* the web server said where the mount point ends */
  struct cf_param *params;
  size_t params_n;
  struct cf_buf text; /* what params point into */
  bool body_ended;    /* the body was read to its end */
};

/* Method and path: PATH_INFO decides, else SCRIPT_NAME less base (the
 * configured mount point; may be empty). The transport must outlive the
 * request; nothing is read. */
void cf_request_init(struct cf_request *rq, struct cf_transport *transport, struct cf_str base);
void cf_request_fini(struct cf_request *rq);

/* Decode QUERY_STRING into params. CF_E_PARAMETER: it was lost on the way, and
 * who asked for less would be given all; a bad escape, too many, too long;
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_request_query(struct cf_request *rq, struct cf_fault *fault);
/* Decode a form (application/x-www-form-urlencoded), however long, into params,
 * replacing what is there. The same errors but for the length. */
CF_MUST enum cf_err cf_request_form(struct cf_request *rq, struct cf_str form,
                                    struct cf_fault *fault);

/* A CGI variable, or an empty slice, that has a place all the same. */
struct cf_str cf_request_variable(const struct cf_request *rq, const char *name);
/* Was the request sent over TLS, as far as the web server says? */
bool cf_request_https(const struct cf_request *rq);
/* The client's address in canonical form into out ("" where the web server
 * names none). */
void cf_request_ip(const struct cf_request *rq, char out[46]);
/* Which of the media types the Accept header likes best (RFC 9110, section
 * 12.5.1: by weight, then by the closer range, then by the place in the
 * header): its index; 0 where there is no header, or none of them is
 * acceptable. */
size_t cf_request_prefers(const struct cf_request *rq, const char *const types[], size_t types_n);
/* The same of a header that is there. */
size_t cf_accept_prefers(struct cf_str header, const char *const types[], size_t types_n);
/* Is gzip acceptable, and not less than the plain text (Accept-Encoding, RFC
 * 9110, section 12.5.3)? Not where nothing is said of it. */
bool cf_request_takes_gzip(const struct cf_request *rq);
/* Does the client have the representation with this strong entity tag (quotes
 * and all), as it is or packed? Compared as If-None-Match is: weakly, in a
 * list, or `*`. */
bool cf_request_has_etag(const struct cf_request *rq, const char *etag);

/* Are there only parameters from the list (names between single spaces), each
 * at most once? CF_E_PARAMETER naming what would be right. */
CF_MUST enum cf_err cf_request_only(const struct cf_request *rq, const char *names,
                                    struct cf_fault *fault);
/* The first value of a parameter; false and an untouched *value where there is
 * none. */
bool cf_request_get(const struct cf_request *rq, const char *name, struct cf_str *value);
/* A parameter that is 1 or 0; absent is false. CF_E_PARAMETER. */
CF_MUST enum cf_err cf_request_flag(const struct cf_request *rq, const char *name, bool *flag,
                                    struct cf_fault *fault);
/* An integer parameter up to 2^53-1; *present tells whether it was there
 * (*value is untouched where not). CF_E_PARAMETER. */
CF_MUST enum cf_err cf_request_u64(const struct cf_request *rq, const char *name, bool *present,
                                   uint64_t *value, struct cf_fault *fault);

/* Append path (of slashes and any bytes) with everything percent-encoded that
 * may not stand in a header or a URL path. Of several slashes at its beginning
 * one is left: two would name a host. */
void cf_path_put(struct cf_buf *b, struct cf_str path);

#endif
