/* SPDX-License-Identifier: MIT */
/* Whom our sockets believe about callers: by the uid of the process at the
 * other end. */
#ifndef CF_DOOR_PEERS_H
#define CF_DOOR_PEERS_H

#include <sys/types.h>

#include "fcgi-app/http/hidden.h"
#include "lib/base/conf.h"

struct cf_peers {
  uid_t uids[CF_ROLE_LINES_MAX + 2];
  size_t n;
};

/* The users of conf's trust_peers, the one we are, and root, who can be
 * anybody: who started us is one of these two. CF_E_CONFIG: no such user. */
CF_MUST enum cf_err cf_peers_init(const struct cf_conf *conf, struct cf_peers *peers,
                                  struct cf_fault *fault);

/* What is believed of who is at the other end of the stream socket fd. Says in
 * the log, now and then, whose words are not, with what to do if they are a web
 * server's. */
enum cf_peer cf_peers_look(const struct cf_peers *peers, int fd, bool tells);

/* May the socket be one that the web server connects to? CF_E_CONFIG: with
 * conf's `trust` it may not be one that does not tell who connects (TCP). */
CF_MUST enum cf_err cf_peers_check(const struct cf_conf *conf, int listener,
                                   struct cf_fault *fault);

#endif
