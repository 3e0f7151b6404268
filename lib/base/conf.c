/* SPDX-License-Identifier: MIT */
/* The table of options: values, defaults, the sample. Reading a file is
 * conf_load.c, checking all together conf_check.c. */
#include "config.h"

#include "lib/base/conf.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/resemble.h"
#include "lib/base/signer_place.h"
#include "lib/base/utf8.h"

#define SIZE_MOST (UINT64_C(1) << 50)

enum type {
  TYPE_PATH,
  TYPE_TEXT,
  TYPE_BASE,
  TYPE_PLACE,
  TYPE_SIGNER,
  TYPE_URL,
  TYPE_WORD,
  TYPE_OCTAL,
  TYPE_SIZE,
  TYPE_COUNT,
  TYPE_COUNT0,
  TYPE_SPAN,
  TYPE_SPAN0,
  TYPE_LIST,
  TYPE_N
};

#define PLACE_PATH(f)   offsetof(struct cf_conf, f)
#define PLACE_TEXT(f)   offsetof(struct cf_conf, f)
#define PLACE_BASE(f)   offsetof(struct cf_conf, f)
#define PLACE_PLACE(f)  offsetof(struct cf_conf, f)
#define PLACE_SIGNER(f) offsetof(struct cf_conf, f)
#define PLACE_URL(f)    offsetof(struct cf_conf, f)
#define PLACE_WORD(f)   offsetof(struct cf_conf, f)
#define PLACE_OCTAL(f)  offsetof(struct cf_conf, f)
#define PLACE_SIZE(f)   offsetof(struct cf_conf, f)
#define PLACE_COUNT(f)  offsetof(struct cf_conf, f)
#define PLACE_COUNT0(f) offsetof(struct cf_conf, f)
#define PLACE_SPAN(f)   offsetof(struct cf_conf, f##_us)
#define PLACE_SPAN0(f)  offsetof(struct cf_conf, f##_us)
#define PLACE_LIST(f)   offsetof(struct cf_conf, f)

struct option {
  const char *key;
  enum type type;
  size_t place;
  const char *initial;
  const char *meaning;
};

static const struct option options[] = {
#define CF_OPTION(field, key, type, initial, meaning) \
  {key, TYPE_##type, PLACE_##type(field), initial, meaning},
#include "lib/base/conf.def"
#undef CF_OPTION
};

#define OPTIONS_N (sizeof options / sizeof options[0])

/* The setters: CF_E_CONFIG for a value that is not right, CF_E_NOMEM. */
static enum cf_err set_text(const struct option *option, void *field, struct cf_str value)
{
  char **text = field;
  char *copy = NULL;

  (void)option;
  if (value.n > 0 && (copy = cf_str_dup(value)) == NULL)
    return CF_E_NOMEM;
  free(*text);
  *text = copy;
  return CF_OK;
}

/* A part of a path that is empty, or leads elsewhere. */
static bool is_dots(struct cf_str part)
{
  return part.n == 0 || cf_str_is(part, ".") || cf_str_is(part, "..");
}

/* No part "", "." or "..": where a path does not exist yet it is compared with
 * others as it is written. */
static bool is_plain_path(struct cf_str path)
{
  if (cf_str_cut(&path, '/').n > 0)
    return false;
  while (path.n > 0)
    if (is_dots(cf_str_cut(&path, '/')))
      return false;
  return true;
}

static enum cf_err set_path(const struct option *option, void *field, struct cf_str value)
{
  while (value.n > 1 && value.p[value.n - 1] == '/')
    value.n--;
  if (value.n > 0 && (value.p[0] != '/' || !is_plain_path(value)))
    return CF_E_CONFIG;
  return set_text(option, field, value);
}

/* A mount point that no path of a request can begin with would never be
 * found. */
static enum cf_err set_base(const struct option *option, void *field, struct cf_str value)
{
  for (size_t i = 0; i < value.n; i++)
    if (memchr("?#%\\ ", value.p[i], 5) != NULL)
      return CF_E_CONFIG;
  return set_path(option, field, value);
}

/* Scheme, host and port, and a path as a mount point has it. */
static enum cf_err set_url(const struct option *option, void *field, struct cf_str value)
{
  while (value.n > 0 && value.p[value.n - 1] == '/')
    value.n--;
  size_t scheme = cf_str_starts(value, CF_STR("https://"))  ? 8
                  : cf_str_starts(value, CF_STR("http://")) ? 7
                                                            : 0;
  struct cf_str path = {value.p + scheme, value.n - scheme};
  struct cf_str host = cf_str_cut(&path, '/');
  for (size_t i = 0; i < value.n; i++)
    if (memchr("?#%\\@ ", value.p[i], 6) != NULL)
      return CF_E_CONFIG;
  if (value.n > 0 && (scheme == 0 || host.n == 0))
    return CF_E_CONFIG;
  while (path.n > 0)
    if (is_dots(cf_str_cut(&path, '/')))
      return CF_E_CONFIG;
  return set_text(option, field, value);
}

/* Who reaches the socket speaks for the web server: never from another
 * machine. */
static enum cf_err set_place(const struct option *option, void *field, struct cf_str value)
{
  struct cf_str host = CF_STR("127.0.0.1:");
  uint64_t port;

  if (!cf_str_starts(value, host))
    return set_path(option, field, value);
  if (cf_u64_parse((struct cf_str){value.p + host.n, value.n - host.n}, UINT16_MAX, &port) !=
          CF_OK ||
      port == 0)
    return CF_E_CONFIG;
  return set_text(option, field, value);
}

/* A path, whichever form names it. */
static enum cf_err set_signer(const struct option *option, void *field, struct cf_str value)
{
  struct cf_str form = cf_signer_form(value);
  struct cf_str path = cf_str_behind(value, form.n);
  while (path.n > 1 && path.p[path.n - 1] == '/')
    path.n--;
  if (cf_signer_attribute(value, "pin-value").n > 0)
    return CF_E_CONFIG;
  if (value.n > 0 && (path.n < 2 || path.p[0] != '/' || !is_plain_path(path)))
    return CF_E_CONFIG;
  return set_text(option, field, (struct cf_str){value.p, form.n + path.n});
}

/* The words that the meaning lists behind its colon. */
static struct cf_str words_of(const struct option *option)
{
  const char *colon = strchr(option->meaning, ':');

  return colon == NULL ? cf_str_from("") : cf_str_from(colon + 2);
}

static enum cf_err set_word(const struct option *option, void *field, struct cf_str value)
{
  struct cf_str words = words_of(option);

  while (words.n > 0) {
    struct cf_str word = cf_str_cut(&words, ',');
    if (cf_str_eq(word, value))
      return set_text(option, field, value);
    if (cf_str_starts(words, CF_STR(" ")))
      cf_str_cut(&words, ' ');
  }
  return CF_E_CONFIG;
}

static enum cf_err set_octal(const struct option *option, void *field, struct cf_str value)
{
  unsigned mode = 0;

  (void)option;
  if (value.n == 0 || value.n > 4)
    return CF_E_CONFIG;
  for (size_t i = 0; i < value.n; i++) {
    if (value.p[i] < '0' || value.p[i] > '7')
      return CF_E_CONFIG;
    mode = mode << 3 | (unsigned)(value.p[i] - '0');
  }
  if (mode > 0777)
    return CF_E_CONFIG;
  *(unsigned *)field = mode;
  return CF_OK;
}

static enum cf_err set_size(const struct option *option, void *field, struct cf_str value)
{
  unsigned shift = 0;
  uint64_t number;

  (void)option;
  if (value.n > 1) {
    char unit = value.p[value.n - 1];
    shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
  }
  if (shift > 0)
    value.n--;
  if (cf_u64_parse(value, SIZE_MOST >> shift, &number) != CF_OK)
    return CF_E_CONFIG;
  *(uint64_t *)field = number << shift;
  return CF_OK;
}

static enum cf_err set_count(const struct option *option, void *field, struct cf_str value)
{
  uint64_t number;

  if (cf_u64_parse(value, UINT32_MAX, &number) != CF_OK ||
      (number == 0 && option->type != TYPE_COUNT0))
    return CF_E_CONFIG;
  *(uint64_t *)field = number;
  return CF_OK;
}

static enum cf_err set_span(const struct option *option, void *field, struct cf_str value)
{
  int64_t span_us = 0;

  if (!(option->type == TYPE_SPAN0 && cf_str_is(value, "0")) &&
      cf_span_parse(value, &span_us) != CF_OK)
    return CF_E_CONFIG;
  *(int64_t *)field = span_us;
  return CF_OK;
}

static enum cf_err set_list(const struct option *option, void *field, struct cf_str value)
{
  struct cf_conf_list *list = field;

  (void)option;
  if (value.n == 0 || list->n == CF_ROLE_LINES_MAX)
    return CF_E_CONFIG;
  list->v[list->n] = cf_str_dup(value);
  if (list->v[list->n] == NULL)
    return CF_E_NOMEM;
  list->n++;
  return CF_OK;
}

/* What each type does, and what would be right in the words of an error. */
static const struct kind {
  enum cf_err (*set)(const struct option *option, void *field, struct cf_str value);
  const char *right;
} kinds[] = {
    [TYPE_PATH] = {set_path, "an absolute path, without //, /./ and /../"},
    [TYPE_TEXT] = {set_text, "a text"},
    [TYPE_BASE] = {set_base, "a URL path like /audit"},
    [TYPE_PLACE] = {set_place, "an absolute path, or 127.0.0.1:port"},
    [TYPE_SIGNER] =
        {set_signer,
         "an absolute path, exec:/SOCKET, or pkcs11:token=…;object=…?module-path=/…&pin-source=/…&x-state=/DIRECTORY"},
    [TYPE_URL] = {set_url, "a URL like https://audit.example.org/audit"},
    [TYPE_WORD] = {set_word, "one of "},
    [TYPE_OCTAL] = {set_octal, "an octal mode from 0 to 0777, like 0600"},
    [TYPE_SIZE] = {set_size, "bytes, or a number with K, M or G, like 16M"},
    [TYPE_COUNT] = {set_count, "a whole number from 1 to 4294967295"},
    [TYPE_COUNT0] = {set_count, "a whole number up to 4294967295"},
    [TYPE_SPAN] = {set_span, "a whole number with s, m, h, d or w, at least 1s"},
    [TYPE_SPAN0] = {set_span, "0, or a whole number with s, m, h, d or w"},
    [TYPE_LIST] = {set_list, "a text; at most 64 such lines"},
};
_Static_assert(sizeof kinds / sizeof *kinds == TYPE_N, "a row for each type");
_Static_assert(CF_ROLE_LINES_MAX == 64, "the words of TYPE_LIST");

static void *field_of(struct cf_conf *conf, const struct option *option)
{
  return (char *)conf + option->place;
}

/* The option that was probably meant: at most a third of its letters wrong;
 * NULL for none. */
static const char *nearest(struct cf_str word)
{
  const char *best = NULL;
  size_t low = (word.n + 1) / 3 + 1;

  if (word.n > CF_RESEMBLE_MAX)
    return NULL;
  for (size_t i = 0; i < OPTIONS_N; i++) {
    size_t d = cf_word_distance(cf_str_from(options[i].key), word);
    if (d < low) {
      low = d;
      best = options[i].key;
    }
  }
  return best;
}

static enum cf_err fail_unknown(struct cf_fault *fault, struct cf_str key)
{
  int n = key.n > 60 ? 60 : (int)key.n;
  const char *meant = nearest(key);

  if (meant == NULL)
    return cf_fail(fault, CF_E_CONFIG, NULL,
                   "unknown option \"%.*s\": counterfoil.conf(5) has them all", n, key.p);
  return cf_fail(fault, CF_E_CONFIG, NULL, "unknown option \"%.*s\"; did you mean \"%s\"?", n,
                 key.p, meant);
}

/* Of a URL without what may be credentials in front of its host. */
static struct cf_str shown(const struct option *option, struct cf_str value)
{
  const char *at = option->type == TYPE_URL && value.n > 0 ? memrchr(value.p, '@', value.n) : NULL;
  return at == NULL ? value : cf_str_behind(value, (size_t)(at - value.p));
}

static enum cf_err fail_value(struct cf_fault *fault, const struct option *option,
                              struct cf_str value)
{
  value = shown(option, value);
  int n = value.n > 60 ? 60 : (int)value.n;
  struct cf_str words = option->type == TYPE_WORD ? words_of(option) : cf_str_from("");

  return cf_fail(fault, CF_E_CONFIG, option->key, "\"%.*s\" is no value of \"%s\"; right is %s%.*s",
                 n, value.p == NULL ? "" : value.p, option->key, kinds[option->type].right,
                 (int)words.n, words.p);
}

static const struct option *option_find(struct cf_str key)
{
  for (size_t i = 0; i < OPTIONS_N; i++)
    if (cf_str_is(key, options[i].key))
      return &options[i];
  return NULL;
}

/* Control characters have no meaning in any value, and would forge lines
 * wherever it is shown. */
static bool is_clean(struct cf_str value)
{
  for (size_t i = 0; i < value.n; i++)
    if ((uint8_t)value.p[i] < 0x20 || value.p[i] == 0x7f)
      return false;
  return cf_utf8_ok(value);
}

enum cf_err cf_conf_set(struct cf_conf *conf, struct cf_str key, struct cf_str value,
                        struct cf_fault *fault)
{
  const struct option *option = option_find(key);

  if (option == NULL)
    return fail_unknown(fault, key);
  if (!is_clean(value))
    return cf_fail(fault, CF_E_CONFIG, option->key,
                   "the value of \"%s\" has control characters or is no UTF-8", option->key);
  enum cf_err err = kinds[option->type].set(option, field_of(conf, option), value);
  if (err == CF_E_CONFIG)
    return fail_value(fault, option, value);
  if (err == CF_OK && option->type == TYPE_LIST) {
    struct cf_conf_list *list = field_of(conf, option);
    list->line[list->n - 1] = conf->reading;
  }
  return err == CF_OK ? CF_OK : cf_fail(fault, err, option->key, "no memory for the configuration");
}

bool cf_conf_repeats(struct cf_str key)
{
  const struct option *option = option_find(key);

  return option != NULL && option->type == TYPE_LIST;
}

enum cf_err cf_conf_defaults(struct cf_conf *conf)
{
  struct cf_conf made;

  memset(&made, 0, sizeof made);
  made.made_us = cf_clock_now_us();
  for (size_t i = 0; i < OPTIONS_N; i++) {
    if (options[i].initial[0] == '\0')
      continue;
    enum cf_err err =
        cf_conf_set(&made, cf_str_from(options[i].key), cf_str_from(options[i].initial), NULL);
    if (err != CF_OK) {
      cf_conf_fini(&made);
      return err;
    }
  }
  *conf = made;
  return CF_OK;
}

void cf_conf_sample(struct cf_buf *b)
{
  cf_buf_puts(
      b,
      "# Counterfoil's configuration: key = value lines; a comment stands on a line of its own.\n"
      "# Each option is shown with its default. Keep this file writable by its owner only.\n");
  for (size_t i = 0; i < OPTIONS_N; i++) {
    const char *space = options[i].initial[0] == '\0' ? "" : " ";
    cf_buf_putf(b, "\n# %s\n#%s =%s%s\n", options[i].meaning, options[i].key, space,
                options[i].initial);
  }
}

static void field_free(enum type type, void *field)
{
  if (type == TYPE_PATH || type == TYPE_TEXT || type == TYPE_BASE || type == TYPE_PLACE ||
      type == TYPE_SIGNER || type == TYPE_URL || type == TYPE_WORD)
    free(*(char **)field);
  if (type != TYPE_LIST)
    return;
  struct cf_conf_list *list = field;
  for (size_t i = 0; i < list->n; i++)
    free(list->v[i]);
}

void cf_conf_fini(struct cf_conf *conf)
{
  for (size_t i = 0; i < OPTIONS_N; i++)
    field_free(options[i].type, field_of(conf, &options[i]));
  free(conf->file);
  memset(conf, 0, sizeof *conf);
}
