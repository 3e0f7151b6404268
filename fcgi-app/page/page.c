/* SPDX-License-Identifier: MIT */
/* The site's files and the template of its page. */
#include "config.h"

#include "fcgi-app/page/page.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/show.h"

#define FILE_MAX   (1 << 20)
#define PIECES_MAX 1024
#define DEPTH_MAX  8
#define TEMPLATE   "page.html"

enum piece_kind { TEXT, VALUE, ATTRIBUTE, PART, END };

struct piece {
  enum piece_kind kind;
  struct cf_str text; /* the text itself, or the name */
  size_t end;         /* of a PART: the piece that ends it */
};

static const struct {
  const char *name, *type;
} files[] = {
    {TEMPLATE, "text/html; charset=utf-8"},       {"style.css", "text/css; charset=utf-8"},
    {"app.js", "text/javascript; charset=utf-8"}, {"icon.svg", "image/svg+xml"},
    {"openapi.json", "application/json"},
};
#define FILES_N (sizeof files / sizeof files[0])

struct cf_site {
  struct cf_file files[FILES_N];
  struct piece pieces[PIECES_MAX];
  size_t pieces_n;
  bool in_tag; /* where the template was cut up to */
};

/* ---- files ---- */

static enum cf_err read_file(int directory, struct cf_file *file, struct cf_fault *fault)
{
  int fd = openat(directory, file->name, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return cf_fail_errno(fault, CF_E_CONFIG, "www", "%s", file->name);
  enum cf_err err = cf_file_read_all(fd, &file->text);
  if (err == CF_E_SYSTEM)
    err = cf_fail_errno(fault, CF_E_CONFIG, "www", "%s", file->name);
  if (err == CF_E_FULL)
    err = cf_fail(fault, CF_E_CONFIG, "www", "%s has more than %d bytes", file->name, FILE_MAX);
  close(fd);
  if (err == CF_OK)
    cf_etag_make(cf_buf_str(&file->text), file->etag);
  return err;
}

static enum cf_err read_files(struct cf_site *site, const char *path, struct cf_fault *fault)
{
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return cf_fail_errno(fault, CF_E_CONFIG, "www", "the directory of the page's files, %s", path);
  enum cf_err err = CF_OK;
  for (size_t i = 0; i < FILES_N && err == CF_OK; i++)
    err = read_file(directory, &site->files[i], fault);
  close(directory);
  return err;
}

const struct cf_file *cf_site_file(const struct cf_site *site, struct cf_str name)
{
  for (size_t i = 0; i < FILES_N; i++)
    if (cf_str_is(name, files[i].name))
      return &site->files[i];
  return NULL;
}

/* ---- template ---- */

static enum cf_err bad_template(struct cf_fault *fault, const char *what)
{
  return cf_fail(fault, CF_E_CONFIG, "www", TEMPLATE ": %s", what);
}

static bool add_piece(struct cf_site *site, enum piece_kind kind, struct cf_str text)
{
  if (kind == TEXT && text.n == 0)
    return true;
  for (size_t i = 0; kind == TEXT && i < text.n; i++)
    if (text.p[i] == '<' || text.p[i] == '>')
      site->in_tag = text.p[i] == '<';
  if (site->pieces_n == PIECES_MAX)
    return false;
  site->pieces[site->pieces_n++] = (struct piece){.kind = kind, .text = text};
  return true;
}

/* A name between double braces: '#' begins a part, '/' ends one. */
static bool add_name(struct cf_site *site, struct cf_str name)
{
  enum piece_kind kind = name.n > 0 && *name.p == '#'   ? PART
                         : name.n > 0 && *name.p == '/' ? END
                         : site->in_tag                 ? ATTRIBUTE
                                                        : VALUE;
  if (kind == PART || kind == END)
    name = (struct cf_str){name.p + 1, name.n - 1};
  return name.n > 0 && add_piece(site, kind, name);
}

static enum cf_err cut_template(struct cf_site *site, struct cf_str left, struct cf_fault *fault)
{
  while (left.n > 0) {
    const char *open_at = memmem(left.p, left.n, "{{", 2);
    size_t before = open_at == NULL ? left.n : (size_t)(open_at - left.p);
    if (!add_piece(site, TEXT, (struct cf_str){left.p, before}))
      return bad_template(fault, "too many pieces");
    if (open_at == NULL)
      break;
    left = (struct cf_str){open_at + 2, left.n - before - 2};
    const char *close_at = memmem(left.p, left.n, "}}", 2);
    if (close_at == NULL)
      return bad_template(fault, "{{ without }}");
    struct cf_str name = {left.p, (size_t)(close_at - left.p)};
    if (!add_name(site, name))
      return bad_template(fault, "too many pieces, or an empty name");
    left = (struct cf_str){close_at + 2, left.n - name.n - 2};
  }
  return CF_OK;
}

static enum cf_err match_parts(struct cf_site *site, struct cf_fault *fault)
{
  size_t open_parts[DEPTH_MAX];
  size_t depth = 0;
  for (size_t i = 0; i < site->pieces_n; i++) {
    struct piece *piece = &site->pieces[i];
    if (piece->kind == PART) {
      if (depth == DEPTH_MAX)
        return bad_template(fault, "parts too deep in each other");
      open_parts[depth++] = i;
    } else if (piece->kind == END) {
      if (depth == 0 || !cf_str_eq(site->pieces[open_parts[depth - 1]].text, piece->text))
        return bad_template(fault, "a part ends that did not begin");
      site->pieces[open_parts[--depth]].end = i;
    }
  }
  return depth == 0 ? CF_OK : bad_template(fault, "a part does not end");
}

enum cf_err cf_site_new(const char *directory, struct cf_site **site, struct cf_fault *fault)
{
  struct cf_site *made = calloc(1, sizeof *made);
  if (made == NULL)
    return CF_E_NOMEM;
  for (size_t i = 0; i < FILES_N; i++) {
    made->files[i].name = files[i].name;
    made->files[i].type = files[i].type;
    cf_buf_init(&made->files[i].text, FILE_MAX);
  }
  enum cf_err err = read_files(made, directory, fault);
  if (err == CF_OK)
    err = cut_template(made, cf_buf_str(&cf_site_file(made, CF_STR(TEMPLATE))->text), fault);
  if (err == CF_OK)
    err = match_parts(made, fault);
  if (err == CF_OK)
    *site = made;
  else
    cf_site_free(made);
  return err;
}

void cf_site_free(struct cf_site *site)
{
  if (site == NULL)
    return;
  for (size_t i = 0; i < FILES_N; i++)
    cf_buf_fini(&site->files[i].text);
  free(site);
}

static void put_value(const struct cf_page_values *values, const struct piece *piece,
                      struct cf_buf *b)
{
  struct cf_buf raw;
  cf_buf_init(&raw, SIZE_MAX);
  values->value(values->context, piece->text, &raw);
  if (raw.err == CF_OK)
    cf_show_put(b, cf_buf_str(&raw), piece->kind == VALUE ? CF_SHOW_HTML : CF_SHOW_ATTRIBUTE);
  else if (b->err == CF_OK)
    b->err = raw.err;
  cf_buf_fini(&raw);
}

/* The pieces from ≤ i < to. */
static void put_pieces(const struct cf_site *site, const struct cf_page_values *values, size_t from,
                       size_t to, struct cf_buf *b)
{
  for (size_t i = from; i < to && b->err == CF_OK; i++) {
    const struct piece *piece = &site->pieces[i];
    if (piece->kind == TEXT)
      cf_buf_putstr(b, piece->text);
    if (piece->kind == VALUE || piece->kind == ATTRIBUTE)
      put_value(values, piece, b);
    if (piece->kind != PART)
      continue;
    for (size_t k = 0; b->err == CF_OK && values->part(values->context, piece->text, k); k++)
      put_pieces(site, values, i + 1, piece->end, b);
    i = piece->end;
  }
}

enum cf_err cf_page_put(const struct cf_site *site, const struct cf_page_values *values,
                        struct cf_buf *b)
{
  put_pieces(site, values, 0, site->pieces_n, b);
  return b->err;
}
