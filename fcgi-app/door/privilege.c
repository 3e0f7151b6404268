/* SPDX-License-Identifier: MIT */
/* Giving root away. */
#include "config.h"

#include "fcgi-app/door/privilege.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/way.h"

struct user {
  uid_t uid;
  gid_t gid;
};

/* The groups of its name, or its gid alone where it has none; and n more. */
static bool groups_take(struct user user, const gid_t *more, size_t n)
{
  const struct passwd *entry = getpwuid(user.uid);

  if ((entry != NULL ? initgroups(entry->pw_name, user.gid) : setgroups(1, &user.gid)) != 0)
    return false;
  if (n == 0)
    return true;
  int own = getgroups(0, NULL);
  gid_t *all = own >= 0 ? malloc(((size_t)own + n) * sizeof *all) : NULL;
  bool taken = all != NULL && getgroups(own, all) == own;
  for (size_t i = 0; taken && i < n; i++)
    if (more[i] != 0)
      all[own++] = more[i];
  taken = taken && setgroups((size_t)own, all) == 0;
  free(all);
  return taken;
}

/* Become the user for good. */
static enum cf_err user_become(struct user user, const gid_t *more, size_t n,
                               struct cf_fault *fault)
{
  if (!groups_take(user, more, n) || setresgid(user.gid, user.gid, user.gid) != 0 ||
      setresuid(user.uid, user.uid, user.uid) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot become uid %u", (unsigned)user.uid);
  if (user.uid != 0 && setuid(0) == 0)
    return cf_fail(fault, CF_E_SYSTEM, NULL, "uid %u could become root again", (unsigned)user.uid);
  return CF_OK;
}

/* Who that is, for people: the name, or the number where there is none. */
#define NAME_N 64
static const char *user_name(uid_t uid, char name[NAME_N])
{
  const struct passwd *user = getpwuid(uid);

  if (user != NULL)
    (void)snprintf(name, NAME_N, "%s", user->pw_name);
  else
    (void)snprintf(name, NAME_N, "uid %u", (unsigned)uid);
  return name;
}

/* The same for chown, which takes a number as it is, and a name's group. */
static const char *user_owner(uid_t uid, char name[NAME_N])
{
  const struct passwd *user = getpwuid(uid);

  if (user != NULL)
    (void)snprintf(name, NAME_N, "%s:", user->pw_name);
  else
    (void)snprintf(name, NAME_N, "%u", (unsigned)uid);
  return name;
}

/* ---- root's way ---- */

/* Whoever else could write a directory on the way could put another in the
 * place of what is behind it; in a sticky one only the owner of what is there
 * may. */
static enum cf_err directory_judge(void *context, const char *path, const struct stat *st,
                                   struct cf_fault *fault)
{
  uid_t owner = *(const uid_t *)context;
  bool sticky = st->st_uid == 0 && (st->st_mode & S_ISVTX) != 0;

  if (!S_ISDIR(st->st_mode))
    return cf_fail(fault, CF_E_CONFIG, path, "this is no directory");
  if (st->st_uid != 0 && st->st_uid != owner) {
    char whose[NAME_N], ledgers[NAME_N];
    return cf_fail(
        fault, CF_E_CONFIG, path,
        "this belongs to %s, who could lead root elsewhere: chown it to root%s%s, or keep the ledger in another place",
        user_name(st->st_uid, whose), owner != 0 ? " or to " : "",
        owner != 0 ? user_name(owner, ledgers) : "");
  }
  if ((st->st_mode & 022) != 0 && !sticky)
    return cf_fail(
        fault, CF_E_CONFIG, path,
        "others than its owner may write this, and lead root elsewhere: chmod go-w, or keep the ledger in another place");
  return CF_OK;
}

/* The directory at the end of a way that is safe for the ledger of `owner`. */
static enum cf_err way_open(const char *path, uid_t owner, int *fd, struct stat *st,
                            struct cf_fault *fault)
{
  int got = -1;

  enum cf_err err = cf_way_open(path, O_RDONLY | O_DIRECTORY, directory_judge, &owner, &got, fault);
  if (err == CF_OK && fstat(got, st) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot look at the directory");
  if (err == CF_OK)
    *fd = got;
  else if (got >= 0)
    close(got);
  return err;
}

/* Whose the directory is, as far as a first look tells; the way to it is judged
 * by that. */
static enum cf_err directory_owner(const char *path, struct user *user, struct cf_fault *fault)
{
  struct stat st;
  int fd;

  enum cf_err err = cf_way_open(path, O_RDONLY | O_DIRECTORY, NULL, NULL, &fd, fault);
  if (err != CF_OK)
    return err;
  bool seen = fstat(fd, &st) == 0;
  close(fd);
  if (!seen)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot look at the directory");
  *user = (struct user){st.st_uid, st.st_gid};
  return CF_OK;
}

/* A directory of the ledger's that must be the user's, if it is there. */
static enum cf_err directory_check(const char *path, struct user user, struct cf_fault *fault)
{
  char whose[NAME_N], ledgers[NAME_N];
  struct stat st;
  int fd;

  enum cf_err err = way_open(path, user.uid, &fd, &st, fault);
  if (err != CF_OK)
    return err;
  close(fd);
  return st.st_uid == user.uid
             ? CF_OK
             : cf_fail(fault, CF_E_CONFLICT, path, "this belongs to %s and not to %s",
                       user_name(st.st_uid, whose), user_name(user.uid, ledgers));
}

/* Two owners: whoever put one of the two back did so as himself. */
static enum cf_err owners_tell(const struct cf_conf *conf, uid_t data, uid_t signer,
                               struct cf_fault *fault)
{
  char ours[NAME_N], theirs[NAME_N], owner[NAME_N];

  (void)user_name(data, ours);
  (void)user_name(signer, theirs);
  return signer != 0
             ? cf_fail(fault, CF_E_CONFLICT, conf->data,
                       "this belongs to %s, and the signer's directory %s to %s: chown -R %s %s",
                       ours, cf_conf_signer_directory(conf), theirs, user_owner(signer, owner),
                       conf->data)
             : cf_fail(
                   fault, CF_E_CONFLICT, conf->data,
                   "this belongs to %s, and the signer's directory %s to root: chown -R %s %s, if the ledger is theirs, else chown -R root: %s",
                   ours, cf_conf_signer_directory(conf), user_owner(data, owner),
                   cf_conf_signer_directory(conf), conf->data);
}

/* Is there a database in it? The place where a disk is to be mounted is
 * root's, and says nothing of whose the ledger is. */
static enum cf_err ledger_look(const char *data, bool *is, struct cf_fault *fault)
{
  struct stat st;
  int fd;

  *is = false;
  enum cf_err err = cf_way_open(data, O_RDONLY | O_DIRECTORY, NULL, NULL, &fd, fault);
  if (err != CF_OK)
    return err == CF_E_NOTFOUND ? CF_OK : err;
  *is = fstatat(fd, "env", &st, AT_SYMLINK_NOFOLLOW) == 0;
  close(fd);
  return CF_OK;
}

/* Whose a ledger is: the data directory's owner, who must be the signer's too.
 * Where the one has nothing in it the other tells. CF_E_NOTFOUND: neither is
 * there. */
static enum cf_err ledger_owner(const struct cf_conf *conf, struct user *user,
                                struct cf_fault *fault)
{
  const char *directory = cf_conf_signer_directory(conf);
  struct user signer = {0, 0};
  bool here = false;

  enum cf_err err = directory != NULL ? directory_owner(directory, &signer, fault) : CF_E_NOTFOUND;
  bool both = err == CF_OK;
  if (both)
    err = ledger_look(conf->data, &here, fault);
  if (err != CF_OK && err != CF_E_NOTFOUND)
    return err;
  if (both && !here) {
    *user = signer;
    return directory_check(directory, signer, fault);
  }
  err = directory_owner(conf->data, user, fault);
  if (err == CF_E_NOTFOUND)
    return cf_fail(fault, err, conf->data,
                   "there is no ledger: make one with `counterfoil init`, or mount its disk");
  if (err == CF_OK && both && user->uid != signer.uid)
    return owners_tell(conf, user->uid, signer.uid, fault);
  if (err == CF_OK)
    err = directory_check(conf->data, *user, fault);
  return err == CF_OK && both ? directory_check(directory, *user, fault) : err;
}

enum cf_err cf_privilege_drop_but(const struct cf_conf *conf, const gid_t *groups, size_t n,
                                  struct cf_fault *fault)
{
  struct user user;

  if (geteuid() != 0)
    return CF_OK;
  enum cf_err err = ledger_owner(conf, &user, fault);
  if (err != CF_OK || user.uid == 0)
    return err;
  return user_become(user, groups, n, fault);
}

enum cf_err cf_privilege_drop(const struct cf_conf *conf, struct cf_fault *fault)
{
  return cf_privilege_drop_but(conf, NULL, 0, fault);
}

/* ---- making ---- */

/* Make name in the directory, and it the user's. */
static enum cf_err directory_make(int dir, const char *name, const char *path, struct user user,
                                  struct cf_fault *fault)
{
  struct stat st;
  enum cf_err err = CF_OK;

  if (mkdirat(dir, name, 0700) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot make the directory");
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_uid != 0 || (st.st_mode & 077) != 0))
    err = cf_fail(fault, CF_E_CONFLICT, path, "this is not the directory that was just made");
  else if (fd < 0 || fchown(fd, user.uid, user.gid) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot give the directory to uid %u",
                        (unsigned)user.uid);
  if (fd >= 0)
    close(fd);
  return err;
}

/* See to it that there is a directory of the user's, or that he can make it:
 * root makes nothing in a directory that is his. */
static enum cf_err directory_prepare(const char *path, struct user user, struct cf_fault *fault)
{
  char parent[PATH_MAX];
  struct stat st;
  int dir;
  const char *slash = strrchr(path, '/');

  enum cf_err err = directory_check(path, user, fault);
  if (err != CF_E_NOTFOUND)
    return err;
  int n = snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
  if ((size_t)n >= sizeof parent)
    return cf_fail(fault, CF_E_SYSTEM, path, "the path is too long");
  err = way_open(n == 0 ? "/" : parent, user.uid, &dir, &st, fault);
  if (err != CF_OK)
    return err;
  if (st.st_uid == 0)
    err = directory_make(dir, slash + 1, path, user, fault);
  close(dir);
  return err;
}

/* Whose the ledger is to be; without a name that of a data directory that is
 * there, else root's. */
static enum cf_err user_choose(const struct cf_conf *conf, const char *name, struct user *user,
                               struct cf_fault *fault)
{
  if (name != NULL) {
    const struct passwd *found = getpwnam(name);
    if (found == NULL)
      return cf_fail(fault, CF_E_PARAMETER, "--user", "there is no user %s", name);
    *user = (struct user){found->pw_uid, found->pw_gid};
    return CF_OK;
  }
  enum cf_err err = directory_owner(conf->data, user, fault);
  if (err == CF_E_NOTFOUND)
    *user = (struct user){0, 0};
  return err == CF_E_NOTFOUND ? CF_OK : err;
}

static enum cf_err ledger_prepare(const struct cf_conf *conf, struct user user,
                                  struct cf_fault *fault)
{
  enum cf_err err = directory_prepare(conf->data, user, fault);
  if (err == CF_OK && cf_conf_signer_directory(conf) != NULL)
    err = directory_prepare(cf_conf_signer_directory(conf), user, fault);
  return err == CF_OK && user.uid != 0 ? user_become(user, NULL, 0, fault) : err;
}

enum cf_err cf_privilege_prepare(const struct cf_conf *conf, const char *name,
                                 struct cf_fault *fault)
{
  struct user user = {geteuid(), getegid()};
  bool root = user.uid == 0;

  enum cf_err err = root || name != NULL ? user_choose(conf, name, &user, fault) : CF_OK;
  if (err == CF_OK && !root && user.uid != geteuid())
    return cf_fail(fault, CF_E_ROLE, "--user", "only root can make a ledger for %s", name);
  return err == CF_OK && root ? ledger_prepare(conf, user, fault) : err;
}

enum cf_err cf_privilege_continue(const struct cf_conf *old, const struct cf_conf *conf,
                                  struct cf_fault *fault)
{
  struct user user;

  if (geteuid() != 0)
    return CF_OK;
  enum cf_err err = ledger_owner(old, &user, fault);
  return err == CF_OK ? ledger_prepare(conf, user, fault) : err;
}

/* ---- what is not ours ---- */

/* Is it of no use, being somebody else's or by its mode? strict: what is
 * somebody else's is, whatever its mode lets us do. A file system of its own
 * has a directory of root's. */
static bool entry_foreign(int dir, const char *name, bool strict, uid_t *owner)
{
  struct stat st;

  if (name[0] == '.' || strcmp(name, "lost+found") == 0 ||
      fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return false;
  *owner = st.st_uid;
  int mode = S_ISDIR(st.st_mode) ? R_OK | W_OK | X_OK : R_OK;
  return (strict && st.st_uid != geteuid()) || faccessat(dir, name, mode, AT_EACCESS) != 0;
}

/* The first such thing in a directory of ours; what cannot be looked at is
 * passed over. */
static bool foreign_find(const char *path, bool strict, char found[PATH_MAX], uid_t *owner)
{
  DIR *d = opendir(path);
  struct stat st;
  bool is = false;
  bool ours = d != NULL && fstat(dirfd(d), &st) == 0 && st.st_uid == geteuid();

  for (struct dirent *e; ours && !is && (e = readdir(d)) != NULL;) {
    is = entry_foreign(dirfd(d), e->d_name, strict, owner);
    if (is && snprintf(found, PATH_MAX, "%s/%s", path, e->d_name) >= PATH_MAX)
      is = false;
  }
  if (d != NULL)
    (void)closedir(d);
  return is;
}

/* What the database opens has to be ours (lib/segment/bdb.c). */
static bool ledger_foreign(const struct cf_conf *conf, char found[PATH_MAX], uid_t *owner,
                           const char **top)
{
  static const char *const parts[] = {"", "/env", "/segments", "/segments/aside"};
  char path[PATH_MAX];

  *top = conf->data;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (snprintf(path, sizeof path, "%s%s", conf->data, parts[i]) < PATH_MAX &&
        foreign_find(path, strcmp(parts[i], "/env") == 0, found, owner))
      return true;
  *top = cf_conf_signer_directory(conf);
  return *top != NULL && foreign_find(*top, false, found, owner);
}

/* One of the two directories themselves. */
static const char *directory_foreign(const struct cf_conf *conf, uid_t *owner)
{
  const char *const tops[] = {conf->data, cf_conf_signer_directory(conf)};
  struct stat st;

  for (size_t i = 0; i < 2; i++)
    if (tops[i] != NULL && stat(tops[i], &st) == 0 && st.st_uid != geteuid()) {
      *owner = st.st_uid;
      return tops[i];
    }
  return NULL;
}

void cf_privilege_explain(const struct cf_conf *conf, enum cf_err err, struct cf_fault *fault)
{
  char found[PATH_MAX], theirs[NAME_N], ours[NAME_N], chown[NAME_N];
  struct cf_fault told = {"", ""};
  const char *top;
  uid_t owner, us = geteuid();
  bool denied = err == CF_E_SYSTEM || err == CF_E_STORE || err == CF_E_CONFIG;

  if (err != CF_OK && !denied)
    return;
  if (denied && (top = directory_foreign(conf, &owner)) != NULL)
    (void)cf_fail(
        &told, CF_E_CONFLICT, top,
        "this belongs to %s, and this process runs as %s: run it as %s, or, if the ledger is to be %s's: chown -R %s %s %s",
        user_name(owner, theirs), user_name(us, ours), theirs, ours, user_owner(us, chown),
        conf->data, cf_conf_signer_directory(conf) != NULL ? cf_conf_signer_directory(conf) : "");
  else if (!ledger_foreign(conf, found, &owner, &top))
    return;
  else if (owner == us)
    (void)cf_fail(&told, CF_E_CONFLICT, found,
                  "by its mode not even its owner, %s, may use it: chmod -R u+rwX %s",
                  user_name(us, ours), top);
  else
    (void)cf_fail(&told, CF_E_CONFLICT, found,
                  "this belongs to %s, and what is in there has to belong to %s: chown -R %s %s",
                  user_name(owner, theirs), user_name(us, ours), user_owner(us, chown), top);
  if (err == CF_OK)
    cf_log(CF_LOG_WARNING, "%s: %s", told.at, told.detail);
  else
    *fault = told;
}
