/* SPDX-License-Identifier: MIT */
/* Sockets of the doors. A path longer than a socket address holds is reached
 * through the open directory's name in /proc. */
#include "config.h"

#include "fcgi-app/door/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/codec.h"

#define NEW_NAME "sock.new"
#define BACKLOG  511
#define WEB_MODE 0660

/* The address of name in the directory; false where even the short form does
 * not fit. */
static bool address_put(const char *path, int dir, const char *name, struct sockaddr_un *address)
{
  size_t room = sizeof address->sun_path;

  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  int n = snprintf(address->sun_path, room, "%s/%s", path, name);
  if (n > 0 && (size_t)n < room)
    return true;
  n = snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", dir, name);
  return n > 0 && (size_t)n < room;
}

static int unix_socket(void)
{
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Give the file, which nobody can connect to yet, its mode and group. */
static enum cf_err file_own(const struct cf_conf *conf, int dir, const char *name, mode_t mode,
                            struct cf_fault *fault)
{
  if (conf->sock_group != NULL && conf->sock_group[0] != '\0') {
    struct group *group = getgrnam(conf->sock_group);
    if (group == NULL)
      return cf_fail(fault, CF_E_CONFIG, "sock_group",
                     "there is no group %s: name the web server's", conf->sock_group);
    if (fchownat(dir, name, (uid_t)-1, group->gr_gid, AT_SYMLINK_NOFOLLOW) != 0)
      return cf_fail_errno(
          fault, CF_E_SYSTEM, "sock_group",
          "cannot give the socket to group %s (this user has to be in it: SupplementaryGroups= of the unit, or adduser)",
          conf->sock_group);
  }
  if (fchmodat(dir, name, mode, 0) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, name, "cannot set the socket's mode");
  return CF_OK;
}

enum cf_err cf_socket_listen_owner(const struct cf_conf *conf, int dir, int *fd,
                                   struct cf_fault *fault)
{
  struct sockaddr_un address;
  enum cf_err err;
  int s = unix_socket();

  if (s < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, conf->data, "cannot make a socket");
  (void)unlinkat(dir, NEW_NAME, 0);
  if (!address_put(conf->data, dir, NEW_NAME, &address) ||
      bind(s, (struct sockaddr *)&address, sizeof address) != 0) {
    err = cf_fail_errno(fault, CF_E_SYSTEM, conf->data, "cannot bind the owner's socket");
    goto out;
  }
  err = file_own(conf, dir, NEW_NAME, (mode_t)conf->sock_mode, fault);
  if (err != CF_OK)
    goto out;
  if (listen(s, BACKLOG) != 0 || renameat(dir, NEW_NAME, dir, CF_SOCK_NAME) != 0) {
    err = cf_fail_errno(fault, CF_E_SYSTEM, conf->data, "cannot listen on the owner's socket");
    goto out;
  }
  *fd = s;
  s = -1;
out:
  if (s >= 0)
    close(s);
  return err;
}

/* Connect without waiting; afterwards the socket blocks again. */
static enum cf_err connect_now(const struct sockaddr_un *address, int *fd, struct cf_fault *fault)
{
  int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  enum cf_err err = CF_OK;

  if (s < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot make a socket");
  if (connect(s, (const struct sockaddr *)address, sizeof *address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED)
      err = cf_fail(fault, CF_E_NOTFOUND, address->sun_path, "nobody listens there");
    else if (errno == EAGAIN)
      err = cf_fail(fault, CF_E_BUSY, address->sun_path, "the owner's backlog is full");
    else
      err = cf_fail_errno(fault, CF_E_SYSTEM, address->sun_path, "cannot connect");
  } else if (fcntl(s, F_SETFL, 0) != 0) {
    err = cf_fail_errno(fault, CF_E_SYSTEM, address->sun_path, "cannot connect");
  }
  if (err != CF_OK) {
    close(s);
    return err;
  }
  *fd = s;
  return CF_OK;
}

enum cf_err cf_socket_connect_owner(const char *data, int *fd, struct cf_fault *fault)
{
  struct sockaddr_un address;
  int dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (dir < 0)
    return cf_fail_errno(fault, errno == ENOENT ? CF_E_NOTFOUND : CF_E_SYSTEM, data,
                         "cannot reach the data directory");
  enum cf_err err = address_put(data, dir, CF_SOCK_NAME, &address)
                        ? connect_now(&address, fd, fault)
                        : cf_fail(fault, CF_E_SYSTEM, data, "the path is too long");
  close(dir);
  return err;
}

/* A socket file that is left over from somebody who is gone may be replaced;
 * anything else may not. */
static enum cf_err clear_stale(const struct sockaddr_un *address, struct cf_fault *fault)
{
  const char *path = address->sun_path;
  struct stat st;
  int fd;

  if (lstat(path, &st) != 0)
    return errno == ENOENT ? CF_OK
                           : cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot look at the socket");
  if (!S_ISSOCK(st.st_mode))
    return cf_fail(fault, CF_E_CONFIG, path,
                   "this is there already and is no socket: remove it, or listen elsewhere");
  enum cf_err err = connect_now(address, &fd, NULL);
  if (err == CF_OK)
    close(fd);
  if (err != CF_E_NOTFOUND)
    return cf_fail(fault, CF_E_LOCKED, path,
                   "another process listens there already: stop it, or listen elsewhere");
  return unlink(path) == 0
             ? CF_OK
             : cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot replace the old socket");
}

static enum cf_err listen_path(const struct cf_conf *conf, const char *path, int *fd,
                               struct cf_fault *fault)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};

  if (strlen(path) >= sizeof address.sun_path)
    return cf_fail(fault, CF_E_CONFIG, "listen",
                   "a socket's path has at most %zu bytes: choose a shorter one",
                   sizeof address.sun_path - 1);
  memcpy(address.sun_path, path, strlen(path));
  enum cf_err err = clear_stale(&address, fault);
  if (err != CF_OK)
    return err;
  int s = unix_socket();
  if (s < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, "listen", "cannot make a socket");
  if (bind(s, (struct sockaddr *)&address, sizeof address) != 0) {
    err = cf_fail_errno(
        fault, CF_E_SYSTEM, path,
        "cannot bind (its directory has to be there, and this user has to be able to write to it: RuntimeDirectory= of the unit, or mkdir and chown)");
    close(s);
    return err;
  }
  err = file_own(conf, AT_FDCWD, path, WEB_MODE, fault);
  if (err == CF_OK && listen(s, BACKLOG) != 0)
    err = cf_fail_errno(fault, CF_E_SYSTEM, path, "cannot listen");
  if (err != CF_OK) {
    (void)unlink(path);
    close(s);
    return err;
  }
  *fd = s;
  return CF_OK;
}

/* "127.0.0.1:9000": who reaches the socket speaks for the web server, so no
 * other machine may. */
static bool parse_loopback(const char *where, struct sockaddr_in *address)
{
  struct cf_str host = CF_STR("127.0.0.1:");
  uint64_t port;

  if (!cf_str_starts(cf_str_from(where), host) ||
      cf_u64_parse(cf_str_from(where + host.n), UINT16_MAX, &port) != CF_OK || port == 0)
    return false;
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_port = htons((uint16_t)port);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return true;
}

static enum cf_err listen_loopback(const char *where, int *fd, struct cf_fault *fault)
{
  struct sockaddr_in address;
  int on = 1;

  if (!parse_loopback(where, &address))
    return cf_fail(fault, CF_E_CONFIG, "listen",
                   "%s is neither an absolute path nor 127.0.0.1:port", where);
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s < 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, "listen", "cannot make a socket");
  if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(s, (struct sockaddr *)&address, sizeof address) != 0 || listen(s, BACKLOG) != 0) {
    enum cf_err err =
        cf_fail_errno(fault, errno == EADDRINUSE ? CF_E_LOCKED : CF_E_SYSTEM, where,
                      "cannot listen (choose another port above 1023, or end what listens there)");
    close(s);
    return err;
  }
  *fd = s;
  return CF_OK;
}

enum cf_err cf_socket_listen_web(const struct cf_conf *conf, const char *where, int *fd,
                                 struct cf_fault *fault)
{
  return where[0] == '/' ? listen_path(conf, where, fd, fault) : listen_loopback(where, fd, fault);
}

/* The name first: while we listen, nobody takes it for stale. */
void cf_socket_leave_web(const char *where, int fd)
{
  if (where[0] == '/')
    (void)unlink(where);
  close(fd);
}

enum cf_err cf_socket_peer_uid(int fd, unsigned *uid)
{
  struct ucred peer;
  socklen_t n = sizeof peer;

  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof peer || peer.pid == 0)
    return CF_E_SYSTEM;
  *uid = peer.uid;
  return CF_OK;
}
