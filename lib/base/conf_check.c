/* SPDX-License-Identifier: MIT */
/* The checks that concern more than one option, or the places that they
 * name. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/base/conf.h"
#include "lib/base/signer_place.h"

#define CANNOT_REACH \
  "cannot reach \"%.120s\" (this user has to be able to enter each directory on the way: chmod, or run as the ledger's user)"

#define TILE 256

/* File systems on which locks, mapped memory or fsync are another machine's or
 * program's promise (linux/magic.h, statfs(2)). */
static const struct {
  uint32_t type;
  const char *name;
} networks[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},        {0xff534d42, "CIFS"},  {0xfe534d42, "SMB"},
    {0x5346414f, "AFS"},    {0x6b414653, "AFS"},    {0x73757245, "Coda"},  {0x564c, "NCP"},
    {0x01021997, "9P"},     {0x00c36400, "Ceph"},   {0x65735546, "FUSE"},  {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},   {0x7461636f, "OCFS2"},  {0x01161970, "GFS2"},  {0x786f4256, "vboxsf"},
    {0xbacbacbc, "vmhgfs"}, {0x19830326, "BeeGFS"}, {0xaad7aaea, "PanFS"}, {0x20030528, "OrangeFS"},
};

/* The name of a network file system by statfs's f_type, or NULL. */
static const char *network_name(uint32_t type)
{
  for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
    if (networks[i].type == type)
      return networks[i].name;
  return NULL;
}

/* Resolve an absolute path of which only the beginning need exist: the real
 * path of that, and the rest as it is. CF_E_CONFIG with errno. */
static enum cf_err path_resolve(const char *path, char out[PATH_MAX])
{
  char head[PATH_MAX];
  char real[PATH_MAX];
  size_t n = strlen(path);

  errno = ENAMETOOLONG;
  if (n >= sizeof head)
    return CF_E_CONFIG;
  memcpy(head, path, n + 1);
  while (realpath(head, real) == NULL) {
    char *slash = strrchr(head, '/');
    if (errno != ENOENT || slash == NULL)
      return CF_E_CONFIG;
    slash[slash == head] = '\0';
  }
  const char *rest = strcmp(head, "/") == 0 ? path : path + strlen(head);
  const char *base = strcmp(real, "/") == 0 ? "" : real;
  int made = snprintf(out, PATH_MAX, "%s%s", base[0] == '\0' && rest[0] == '\0' ? "/" : base, rest);
  errno = ENAMETOOLONG;
  return made < PATH_MAX ? CF_OK : CF_E_CONFIG;
}

/* path is dir or lies below it; both resolved. */
static bool is_under(const char *path, const char *dir)
{
  size_t n = strlen(dir);

  if (strcmp(dir, "/") == 0)
    return true;
  return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* What exists of the path, for statfs. */
static void nearest_existing(char path[PATH_MAX])
{
  struct stat st;

  while (stat(path, &st) != 0 && strcmp(path, "/") != 0) {
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
  }
}

static enum cf_err check_network(const char *data, struct cf_fault *fault)
{
  char place[PATH_MAX];
  struct statfs fs;

  memcpy(place, data, strlen(data) + 1);
  nearest_existing(place);
  if (statfs(place, &fs) != 0)
    return cf_fail_errno(fault, CF_E_CONFIG, "data", "cannot look at the file system of \"%.120s\"",
                         place);
  const char *name = network_name((uint32_t)fs.f_type);
  if (name != NULL)
    return cf_fail(
        fault, CF_E_CONFIG, "data",
        "\"%.120s\" is on a network file system (%s), where a ledger is not safe; use a local disk",
        data, name);
  return CF_OK;
}

/* Whoever can write the directory can replace the store's files. */
static enum cf_err check_writers(const char *data, struct cf_fault *fault)
{
  struct stat st;

  if (stat(data, &st) != 0)
    return errno == ENOENT
               ? CF_OK
               : cf_fail_errno(fault, CF_E_CONFIG, "data", "cannot look at \"%.120s\"", data);
  if (!S_ISDIR(st.st_mode))
    return cf_fail(fault, CF_E_CONFIG, "data", "\"%.120s\" is no directory", data);
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return cf_fail(fault, CF_E_CONFIG, "data",
                   "others than its owner may write \"%.120s\"; right is: chmod 700", data);
  return CF_OK;
}

/* What lies under the web server's document root may be served to anyone. */
static enum cf_err check_served(const char *option, const char *path, const char *root,
                                struct cf_fault *fault)
{
  char real[PATH_MAX];

  if (path == NULL || path_resolve(path, real) != CF_OK || !is_under(real, root))
    return CF_OK;
  return cf_fail(
      fault, CF_E_CONFIG, option,
      "\"%.100s\" is under the document root \"%.100s\", where it may be served; move it out", real,
      root);
}

enum cf_err cf_conf_check_root(const struct cf_conf *conf, const char *root, struct cf_fault *fault)
{
  char real_root[PATH_MAX];

  if (root == NULL || root[0] == '\0' || realpath(root, real_root) == NULL)
    return CF_OK;
  enum cf_err err = check_served("data", conf->data, real_root, fault);
  if (err == CF_OK)
    err = check_served("signer", cf_signer_path(conf->signer), real_root, fault);
  const char *name = conf->file == NULL ? NULL : strrchr(conf->file, '/');
  if (err == CF_OK && name != NULL && strncmp(name, "/.ht", 4) != 0)
    err = check_served("configuration", conf->file, real_root, fault);
  return err;
}

/* A backup of the data must not hold the key. */
static enum cf_err check_signer(const char *signer, const char *data, struct cf_fault *fault)
{
  if (is_under(signer, data))
    return cf_fail(fault, CF_E_CONFIG, "signer",
                   "the signer's directory \"%.100s\" must lie outside the data directory", signer);
  return CF_OK;
}

static enum cf_err derive_signer(struct cf_conf *conf, struct cf_fault *fault)
{
  if (conf->signer != NULL)
    return CF_OK;
  if (asprintf(&conf->signer, "%s.signer", conf->data) >= 0)
    return CF_OK;
  conf->signer = NULL;
  return cf_fail(fault, CF_E_NOMEM, "signer", "no memory for the configuration");
}

const char *cf_conf_signer_directory(const struct cf_conf *conf)
{
  return cf_signer_kind(conf->signer) == CF_SIGNER_EXEC ? NULL : cf_signer_path(conf->signer);
}

static enum cf_err check_places(const struct cf_conf *conf, struct cf_fault *fault)
{
  char data[PATH_MAX];
  char signer[PATH_MAX];
  enum cf_err err;

  if (path_resolve(conf->data, data) != CF_OK)
    return cf_fail_errno(fault, CF_E_CONFIG, "data", CANNOT_REACH, conf->data);
  if (path_resolve(cf_signer_path(conf->signer), signer) != CF_OK)
    return cf_fail_errno(fault, CF_E_CONFIG, "signer", CANNOT_REACH, conf->signer);
  if ((err = cf_conf_check_root(conf, getenv("DOCUMENT_ROOT"), fault)) != CF_OK ||
      (err = check_signer(signer, data, fault)) != CF_OK ||
      (err = check_network(data, fault)) != CF_OK)
    return err;
  return check_writers(data, fault);
}

/* As browsers write one: scheme, host, and a port where it is not the usual. */
static bool is_origin(const char *text)
{
  const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                     : strncmp(text, "http://", 7) == 0 ? text + 7
                                                        : "";

  return *host != '\0' && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]")] == '\0';
}

static enum cf_err check_origins(const struct cf_conf_list *origins, struct cf_fault *fault)
{
  for (size_t i = 0; i < origins->n; i++)
    if (!is_origin(origins->v[i]))
      return cf_fail(
          fault, CF_E_CONFIG, "cors_origin",
          "\"%.120s\" is no origin; right is one as browsers send it, without a path or *: https://host or https://host:port",
          origins->v[i]);
  return CF_OK;
}

static enum cf_err check_anchors(const struct cf_conf_list *anchors, struct cf_fault *fault)
{
  for (size_t i = 0; i < anchors->n; i++)
    if (strncmp(anchors->v[i], "file:/", 6) != 0)
      return cf_fail(fault, CF_E_CONFIG, "anchor",
                     "\"%.120s\" is no anchor; right is: file:/absolute/path", anchors->v[i]);
  return CF_OK;
}

/* Whom else would a timestamp convince? */
static enum cf_err check_tsa(const struct cf_conf *conf, struct cf_fault *fault)
{
  return conf->tsa != NULL && conf->tsa_ca == NULL
             ? cf_fail(fault, CF_E_CONFIG, "tsa_ca",
                       "\"tsa\" needs \"tsa_ca\": the file of its authority's certificates")
             : CF_OK;
}

enum cf_err cf_conf_check(struct cf_conf *conf, struct cf_fault *fault)
{
  if (conf->data == NULL)
    return cf_fail(fault, CF_E_CONFIG, "data",
                   "\"data\" is missing; right is: data = /absolute/path/of/the/data/directory");
  if (conf->segment_records % TILE != 0 || conf->segment_records > CF_SEGMENT_RECORDS_MAX)
    return cf_fail(fault, CF_E_CONFIG, "segment_records",
                   "\"segment_records\" is no multiple of %d up to %u", TILE,
                   CF_SEGMENT_RECORDS_MAX);
  if (conf->threads > CF_THREADS_MAX)
    return cf_fail(fault, CF_E_CONFIG, "threads", "\"threads\" is at most %d", CF_THREADS_MAX);
  enum cf_err err = check_origins(&conf->cors_origin, fault);
  if (err == CF_OK)
    err = check_anchors(&conf->anchor, fault);
  if (err == CF_OK)
    err = check_tsa(conf, fault);
  if (err == CF_OK)
    err = derive_signer(conf, fault);
  return err == CF_OK ? check_places(conf, fault) : err;
}
