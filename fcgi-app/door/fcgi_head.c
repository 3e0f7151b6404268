/* SPDX-License-Identifier: MIT */
/* Is the head of a request whole? */
#include "config.h"

#include "fcgi-app/door/fcgi_head_in.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FIRST_LOOK (8u << 10) /* most heads are shorter, and what follows need not be copied */

enum cf_head cf_head_judge(const uint8_t *p, size_t n)
{
  struct cf_records r = {0};
  size_t at = 0, least = 0, used;

  while (r.phase < CF_RECORDS_STDIN && at < n && least <= CF_HEAD_MAX) {
    used = cf_records_step(&r, p + at, n - at);
    if (used == 0)
      return CF_HEAD_BAD;
    at += used;
    least = at + r.content + r.padding + CF_RECORD_HEADER_N - r.header_n;
  }
  if (r.phase == CF_RECORDS_STDIN)
    return CF_HEAD_WHOLE;
  return least <= CF_HEAD_MAX ? CF_HEAD_PART : CF_HEAD_LONG;
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
  uint8_t *room = malloc(CF_HEAD_MAX);
  if (room == NULL)
    return CF_HEAD_BAD;
  head = head_look(fd, room, CF_HEAD_MAX, &n);
  free(room);
  return head;
}
