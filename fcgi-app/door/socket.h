/* SPDX-License-Identifier: MIT */
/* Sockets of the doors: the owner's DATA/sock, and the one that a web server
 * connects to. */
#ifndef CF_DOOR_SOCKET_H
#define CF_DOOR_SOCKET_H

#include "lib/base/conf.h"

#define CF_SOCK_NAME "sock" /* of the owner's socket in the data directory */

/* Listen on CF_SOCK_NAME in the directory that descriptor dir and path both
 * name, with conf's sock_mode and sock_group: bound under another name, then
 * renamed, so that whoever sees it can connect. Only the ledger's owner may
 * call it. CF_E_SYSTEM, CF_E_CONFIG (no such group). The caller closes *fd. */
CF_MUST enum cf_err cf_socket_listen_owner(const struct cf_conf *conf, int dir, int *fd,
                                           struct cf_fault *fault);

/* Connect to the owner's socket in the data directory. Does not wait.
 * CF_E_NOTFOUND: nobody listens there; CF_E_BUSY: its backlog is full;
 * CF_E_SYSTEM. The caller closes *fd. */
CF_MUST enum cf_err cf_socket_connect_owner(const char *data, int *fd, struct cf_fault *fault);

/* Listen for a web server: `where` is an absolute path (mode 0660, conf's
 * sock_group; a socket that nobody listens on is replaced) or IPv4:port.
 * CF_E_CONFIG for any other text; CF_E_LOCKED: somebody listens there already;
 * CF_E_SYSTEM. The caller closes *fd. */
CF_MUST enum cf_err cf_socket_listen_web(const struct cf_conf *conf, const char *where, int *fd,
                                         struct cf_fault *fault);

/* Listen no more at `where`, and close fd. The socket that somebody else makes
 * there meanwhile stays. */
void cf_socket_leave_web(const char *where, int fd);

/* The uid of the process at the other end of a Unix socket. CF_E_SYSTEM where
 * the system does not tell. */
CF_MUST enum cf_err cf_socket_peer_uid(int fd, unsigned *uid);

#endif
