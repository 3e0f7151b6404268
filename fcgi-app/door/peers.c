/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a socket, and what he is believed. */
#include "config.h"

#include "fcgi-app/door/peers.h"

#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi-app/door/socket.h"
#include "lib/base/codec.h"
#include "lib/base/diag.h"

/* A user by name, else by number, which needs no entry anywhere. (uid_t)-1 is
 * nobody's. */
static enum cf_err user_find(const char *word, uid_t *uid)
{
  const struct passwd *user = getpwnam(word);
  uint64_t number;

  if (user != NULL)
    *uid = user->pw_uid;
  else if (cf_u64_parse(cf_str_from(word), UINT32_MAX - 1, &number) == CF_OK)
    *uid = (uid_t)number;
  else
    return CF_E_CONFIG;
  return CF_OK;
}

enum cf_err cf_peers_init(const struct cf_conf *conf, struct cf_peers *peers,
                          struct cf_fault *fault)
{
  struct cf_peers made = {{geteuid(), 0}, 2};

  for (size_t i = 0; i < conf->trust_peers.n; i++)
    if (user_find(conf->trust_peers.v[i], &made.uids[made.n++]) != CF_OK)
      return cf_fail(fault, CF_E_CONFIG, "trust_peers",
                     "there is no user %.80s; write a user's name or uid, one a line",
                     conf->trust_peers.v[i]);
  *peers = made;
  return CF_OK;
}

static bool is_unix(int fd)
{
  struct sockaddr_storage address;
  socklen_t n = sizeof address;

  return getsockname(fd, (struct sockaddr *)&address, &n) == 0 && address.ss_family == AF_UNIX;
}

enum cf_peer cf_peers_look(const struct cf_peers *peers, int fd, bool tells)
{
  static struct cf_log_rate rate;
  unsigned uid;

  if (cf_socket_peer_uid(fd, &uid) != CF_OK)
    return is_unix(fd) ? CF_PEER_STRANGER : CF_PEER_UNKNOWN;
  for (size_t i = 0; i < peers->n; i++)
    if (peers->uids[i] == uid)
      return CF_PEER_WEB;
  if (tells)
    cf_log_rated(
        &rate, CF_LOG_WARNING,
        "uid %u is not believed where its callers are and who they are; if it is the web server's, add to the configuration: trust_peers = %u",
        uid, uid);
  return CF_PEER_STRANGER;
}

enum cf_err cf_peers_check(const struct cf_conf *conf, int listener, struct cf_fault *fault)
{
  if (strcmp(conf->trust, "none") == 0 || is_unix(listener))
    return CF_OK;
  return cf_fail(
      fault, CF_E_CONFIG, "trust",
      "every user of this machine can connect to a TCP socket and say who he is: for `trust` let the web server connect to a socket that is a path, or write trust = none");
}
