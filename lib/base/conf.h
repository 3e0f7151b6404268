/* SPDX-License-Identifier: MIT */
/* The configuration file: `key = value` lines, `#` comments, one table
 * (conf.def) for parser, defaults, sample and manual. Contract: conf.md. */
#ifndef CF_BASE_CONF_H
#define CF_BASE_CONF_H

#include <limits.h>

#include "lib/base/buf.h"

#define CF_ROLE_LINES_MAX 64
#define CF_THREADS_MAX    4096
/* an offset in a segment has three bytes in its packed ids */
#define CF_SEGMENT_RECORDS_MAX (1u << 24)

/* Field types by the table's type word: how a value is written, and what it is
 * kept as. */
/* line: of the file; 0: set without one */
struct cf_conf_list {
  char *v[CF_ROLE_LINES_MAX];
  unsigned line[CF_ROLE_LINES_MAX];
  size_t n;
};
#define CF_FIELD_PATH(f)   char *f; /* absolute path; NULL: none */
#define CF_FIELD_TEXT(f)   char *f; /* NULL: none */
#define CF_FIELD_BASE(f)   char *f; /* "/audit", as in SCRIPT_NAME; NULL: none */
#define CF_FIELD_PLACE(f)  char *f; /* absolute path or "127.0.0.1:9000"; NULL: none */
#define CF_FIELD_SIGNER(f) char *f; /* as lib/base/signer_place.h */
#define CF_FIELD_URL(f) \
  char *f; /* "https://audit.example.org/audit", no slash at its end; NULL: none */
#define CF_FIELD_WORD(f)   char *f;    /* one of the words the meaning lists after its colon */
#define CF_FIELD_OCTAL(f)  unsigned f; /* 0600 */
#define CF_FIELD_SIZE(f)   uint64_t f; /* bytes; K, M, G are powers of 1024 */
#define CF_FIELD_COUNT(f)  uint64_t f; /* at least 1 */
#define CF_FIELD_COUNT0(f) uint64_t f;
#define CF_FIELD_SPAN(f)   int64_t f##_us;        /* microseconds; s m h d w; at least 1 s */
#define CF_FIELD_SPAN0(f)  int64_t f##_us;        /* as SPAN, and 0 */
#define CF_FIELD_LIST(f)   struct cf_conf_list f; /* a line adds one */

struct cf_conf {
#define CF_OPTION(field, key, type, initial, meaning) CF_FIELD_##type(field)
#include "lib/base/conf.def"
#undef CF_OPTION
  int64_t made_us;  /* when: the service's start */
  char *file;       /* where it was read from, absolute; NULL: made in memory */
  unsigned reading; /* the file's line that is being read; 0: none */
};

/* The directory of the key and the signer's state, or NULL where another
 * process has it. */
const char *cf_conf_signer_directory(const struct cf_conf *conf);

/* The table's defaults, for tests and `init`. CF_E_NOMEM. */
CF_MUST enum cf_err cf_conf_defaults(struct cf_conf *conf);

/* Read and check the file at path. CF_E_CONFIG: an unknown key, a bad value, a
 * key twice (but LIST), no `data`, threads or segment_records beyond their
 * limit, segment_records that is no multiple of 256, a group- or world-writable
 * file or data directory, data, signer or file under DOCUMENT_ROOT (the
 * environment variable), data on a network file system, signer inside data. The
 * fault's `at` is empty and its detail "FILE:LINE: what is wrong; what would be
 * right". The derived default of signer is filled in. The data directory need
 * not exist. CF_E_SYSTEM where the file cannot be read; CF_E_NOMEM. */
CF_MUST enum cf_err cf_conf_load(const char *path, struct cf_conf *conf, struct cf_fault *fault);

/* Set one option as a line of the file would; for tests and command-line use.
 * CF_E_CONFIG with `at` the option (empty: unknown); CF_E_NOMEM. */
CF_MUST enum cf_err cf_conf_set(struct cf_conf *conf, struct cf_str key, struct cf_str value,
                                struct cf_fault *fault);
/* A line with that key adds to the ones before (LIST). */
bool cf_conf_repeats(struct cf_str key);
/* The checks of cf_conf_load that concern all options together; derives
 * defaults. CF_E_CONFIG with `at` the option, CF_E_NOMEM. */
CF_MUST enum cf_err cf_conf_check(struct cf_conf *conf, struct cf_fault *fault);

/* Does the web server's document root hold what must not be served: data,
 * signer or the file, whose name may begin with .ht there? CF_E_CONFIG with
 * `at` what it is. root may be NULL, and need not exist. */
CF_MUST enum cf_err cf_conf_check_root(const struct cf_conf *conf, const char *root,
                                       struct cf_fault *fault);

/* Find the file: explicit (may be NULL), then COUNTERFOIL_CONF, then
 * .htcounterfoil.conf or counterfoil.conf beside the running binary, then
 * sysconfdir. Appends its path to b. CF_E_CONFIG where there is none, naming
 * the places looked at. */
CF_MUST enum cf_err cf_conf_find(const char *explicit_path, const char *sysconfdir,
                                 struct cf_buf *b, struct cf_fault *fault);

/* Append where the page's files are: `www`, else www beside the running binary
 * where a page.html is in it, else installed. b's error. */
CF_MUST enum cf_err cf_conf_find_www(const struct cf_conf *conf, const char *installed,
                                     struct cf_buf *b);

/* Does the path, which is there, look as if a web server sent what is in it?
 * Then root is the directory above it, or itself, that is named like a document
 * root (public_html, www, htdocs …) or has an .htaccess, an index file or this
 * application in it; a guess, to warn by. */
bool cf_conf_looks_served(const char *path, char root[PATH_MAX]);

/* The sample file, each option commented out with its meaning and default. */
void cf_conf_sample(struct cf_buf *b);

void cf_conf_fini(struct cf_conf *conf);

#endif
