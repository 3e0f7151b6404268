/* SPDX-License-Identifier: MIT */
/* What a reader is asked and answers: messages, with a descriptor beside
 * them. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/input/reader_in.h"

/* Room for one descriptor beside a message. */
union ancillary {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
};

bool cf_reader_send(int socket, struct cf_reader_answer *answer, int fd)
{
  union ancillary beside;
  struct iovec part = {answer, sizeof *answer};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    memset(&beside, 0, sizeof beside);
    message.msg_control = beside.bytes;
    message.msg_controllen = sizeof beside.bytes;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof *answer;
}

bool cf_reader_receive(int socket, struct cf_reader_answer *answer, int *fd)
{
  union ancillary beside;
  struct iovec part = {answer, sizeof *answer};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = beside.bytes,
                           .msg_controllen = sizeof beside.bytes};
  ssize_t n;
  do
    n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  struct cmsghdr *head = n == (ssize_t)sizeof *answer ? CMSG_FIRSTHDR(&message) : NULL;
  *fd = -1;
  if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
      head->cmsg_len == CMSG_LEN(sizeof *fd))
    memcpy(fd, CMSG_DATA(head), sizeof *fd);
  return n == (ssize_t)sizeof *answer;
}

enum cf_err cf_reader_ask(int reader, const struct cf_reader_question *question, int *fd,
                          struct stat *st, struct cf_fault *fault)
{
  struct cf_reader_answer answer = {0};
  int got = -1;
  if (send(reader, question, sizeof *question, MSG_NOSIGNAL) != (ssize_t)sizeof *question ||
      !cf_reader_receive(reader, &answer, &got))
    return cf_fail(fault, CF_E_PEER, question->path,
                   "the process that opens the logs is gone; start the import again");
  bool wanted = question->what != CF_READER_STAT;
  if (answer.err == CF_OK && wanted && got < 0)
    return cf_fail(fault, CF_E_SYSTEM, question->path, "too many files are open");
  if (answer.err != CF_OK && fault != NULL)
    *fault = answer.fault;
  if (answer.err != CF_OK || !wanted) {
    if (got >= 0)
      close(got);
    got = -1;
  }
  if (answer.err == CF_OK) {
    *fd = got;
    *st = answer.st;
  }
  return answer.err;
}
