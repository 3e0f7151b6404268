/* SPDX-License-Identifier: MIT */
/* Giving root away. */
#include "config.h"

#include "fcgi-app/door/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Become uid for good, with the groups of its name, or with gid alone where it
 * has none. */
static enum cf_err user_become(uid_t uid, gid_t gid, struct cf_fault *fault)
{
  const struct passwd *user = getpwuid(uid);
  int done = user != NULL ? initgroups(user->pw_name, gid) : setgroups(1, &gid);

  if (done != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot become uid %u", (unsigned)uid);
  if (uid != 0 && setuid(0) == 0)
    return cf_fail(fault, CF_E_SYSTEM, NULL, "uid %u could become root again", (unsigned)uid);
  return CF_OK;
}

enum cf_err cf_privilege_drop(const struct cf_conf *conf, struct cf_fault *fault)
{
  struct stat st;

  if (geteuid() != 0)
    return CF_OK;
  if (stat(conf->data, &st) != 0)
    return cf_fail_errno(fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, conf->data,
                         "cannot look at the data directory");
  return st.st_uid == 0 ? CF_OK : user_become(st.st_uid, st.st_gid, fault);
}

/* Make the directory the user's. One that is there already must be the user's:
 * nothing is taken away from anybody. */
static enum cf_err make_directory(const char *path, const struct passwd *user,
                                  struct cf_fault *fault)
{
  struct stat st;
  enum cf_err err = CF_OK;

  if (mkdir(path, 0700) != 0) {
    if (errno != EEXIST)
      return cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot make the directory");
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != user->pw_uid)
      return cf_fail(fault, CF_E_CONFLICT, path, "this is there already and is no directory of %s",
                     user->pw_name);
    return CF_OK;
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  /* Who may write to a directory on the way could have put another in its
   * place. */
  if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0))
    err = cf_fail(fault, CF_E_CONFLICT, path, "this is not the directory that was just made");
  else if (fd < 0 || fchown(fd, user->pw_uid, user->pw_gid) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot give the directory to %s", user->pw_name);
  if (fd >= 0)
    close(fd);
  return err;
}

enum cf_err cf_privilege_prepare(const struct cf_conf *conf, const char *name,
                                 struct cf_fault *fault)
{
  if (name == NULL)
    return geteuid() == 0 && access(conf->data, F_OK) == 0 ? cf_privilege_drop(conf, fault) : CF_OK;
  const struct passwd *user = getpwnam(name);
  if (user == NULL)
    return cf_fail(fault, CF_E_PARAMETER, "--user", "there is no user %s", name);
  if (geteuid() != 0)
    return user->pw_uid == geteuid()
               ? CF_OK
               : cf_fail(fault, CF_E_ROLE, "--user", "only root can make a ledger for %s", name);
  enum cf_err err = make_directory(conf->data, user, fault);
  if (err == CF_OK)
    err = make_directory(conf->signer, user, fault);
  return err == CF_OK ? user_become(user->pw_uid, user->pw_gid, fault) : err;
}
