/* SPDX-License-Identifier: MIT */
/* The head of a FastCGI request: BEGIN_REQUEST and PARAMS up to the empty
 * record that ends them. */
#ifndef CF_DOOR_FCGI_HEAD_IN_H
#define CF_DOOR_FCGI_HEAD_IN_H

#include "fcgi-app/door/fcgi_records_in.h"

enum cf_head {
  CF_HEAD_WHOLE,
  CF_HEAD_PART, /* more is to come */
  CF_HEAD_LONG, /* beyond CF_HEAD_MAX */
  CF_HEAD_BAD   /* no request of FastCGI, or not what libfcgi is to see */
};

/* What are the first n bytes that a peer sent? What follows the head is not
 * looked at. */
enum cf_head cf_head_judge(const uint8_t *p, size_t n);

/* The same of what lies in the connected socket fd, where it stays. Never
 * waits. *any: something lies there. CF_HEAD_BAD also where the peer has
 * closed. */
enum cf_head cf_head_peek(int fd, bool *any);

#endif
