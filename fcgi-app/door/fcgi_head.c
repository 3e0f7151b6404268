/* SPDX-License-Identifier: MIT */
/* Is the head of a request whole? */
#include "config.h"

#include "fcgi-app/door/fcgi_head_in.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/codec.h"

#define SPOKEN       1 /* version of FastCGI */
#define HEADER_N     8
#define BEGIN_BODY_N 8
#define FIRST_LOOK   (8u << 10) /* most heads are shorter, and what follows need not be copied */

enum record_type { BEGIN_REQUEST = 1, PARAMS = 4 };

enum cf_head cf_head_judge(const uint8_t *p, size_t n)
{
  unsigned request = 0; /* none has begun */

  for (size_t at = 0; at < CF_HEAD_MAX;) {
    if (n < at + HEADER_N)
      return n > at && p[at] != SPOKEN ? CF_HEAD_BAD : CF_HEAD_PART;
    const uint8_t *h = p + at;
    unsigned type = h[1], id = cf_u16_get(h + 2), content = cf_u16_get(h + 4);
    if (h[0] != SPOKEN)
      return CF_HEAD_BAD;
    at += HEADER_N + content + h[6];
    /* of no request: one that asks for values makes libfcgi write beyond its
     * stack */
    if (id == 0)
      return CF_HEAD_BAD;
    if (request != 0 && id != request)
      continue;
    if (type != (request == 0 ? BEGIN_REQUEST : PARAMS))
      return CF_HEAD_BAD;
    if (request == 0 && content != BEGIN_BODY_N)
      return CF_HEAD_BAD;
    if (request != 0 && content == 0)
      return CF_HEAD_WHOLE;
    request = id;
  }
  return CF_HEAD_LONG;
}

/* Look at the first size bytes; CF_HEAD_PART where they are not enough. */
static enum cf_head head_look(int fd, uint8_t *room, size_t size, size_t *n)
{
  ssize_t got = recv(fd, room, size, MSG_PEEK | MSG_DONTWAIT);

  *n = got > 0 ? (size_t)got : 0;
  if (got > 0)
    return cf_head_judge(room, *n);
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? CF_HEAD_PART : CF_HEAD_BAD;
}

enum cf_head cf_head_peek(int fd, bool *any)
{
  uint8_t first[FIRST_LOOK];
  size_t n;
  enum cf_head head = head_look(fd, first, sizeof first, &n);

  *any = n > 0;
  if (head != CF_HEAD_PART || n < sizeof first)
    return head;
  uint8_t *room = malloc(CF_HEAD_MAX + HEADER_N);
  if (room == NULL)
    return CF_HEAD_BAD;
  head = head_look(fd, room, CF_HEAD_MAX + HEADER_N, &n);
  free(room);
  return head;
}
