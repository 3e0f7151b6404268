/* SPDX-License-Identifier: MIT */
/* The process that opens logs. */
#include "config.h"

#include "lib/input/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/input/reader_in.h"

/* A name of its directory that is the log's with something behind it. */
static bool is_beside(const char *path, const char *name)
{
  const char *own = cf_opener_name(path);
  return strchr(name, '/') == NULL && strncmp(name, own, strlen(own)) == 0 &&
         strlen(name) > strlen(own);
}

/* Is it asked for what it is there for? */
static bool is_allowed(const struct cf_reader_rules *rules, struct cf_reader_question *question)
{
  question->path[sizeof question->path - 1] = '\0';
  question->name[sizeof question->name - 1] = '\0';
  if (question->what == CF_READER_BESIDE && !is_beside(question->path, question->name))
    return false;
  for (size_t i = 0; i < rules->n; i++)
    if (strcmp(rules->paths[i], question->path) == 0)
      return true;
  return false;
}

static enum cf_err question_open(const struct cf_opener *o,
                                 const struct cf_reader_question *question, int *fd,
                                 struct cf_fault *fault)
{
  switch (question->what) {
  case CF_READER_FILE:
  case CF_READER_STAT: return cf_opener_file(o, question->path, fd, fault);
  case CF_READER_BESIDE: return cf_opener_beside(o, question->path, question->name, fd, fault);
  case CF_READER_DIRECTORY: {
    DIR *dir;
    enum cf_err err = cf_opener_directory(o, question->path, &dir, fault);
    if (err == CF_OK) {
      *fd = fcntl(dirfd(dir), F_DUPFD_CLOEXEC, 0);
      (void)closedir(dir);
    }
    return err;
  }
  }
  return CF_E_PARAMETER;
}

/* Only regular files, and a directory where one is asked for. */
static enum cf_err kind_check(const struct cf_reader_question *question, int fd, struct stat *st,
                              struct cf_fault *fault)
{
  if (fstat(fd, st) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, question->path, "cannot look at it");
  bool directory = question->what == CF_READER_DIRECTORY;
  return (directory ? S_ISDIR(st->st_mode) : S_ISREG(st->st_mode))
             ? CF_OK
             : cf_fail(fault, CF_E_CONFIG, question->path, "is no regular file");
}

static bool question_answer(const struct cf_reader_rules *rules, int socket)
{
  struct cf_reader_question question;
  struct cf_reader_answer answer = {0};
  int fd = -1;
  memset(&answer, 0, sizeof answer);
  ssize_t n = recv(socket, &question, sizeof question, 0);
  if (n < 0 && errno == EINTR)
    return true;
  if (n != (ssize_t)sizeof question)
    return false;
  answer.err = is_allowed(rules, &question)
                   ? question_open(&rules->opener, &question, &fd, &answer.fault)
                   : cf_fail(&answer.fault, CF_E_ROLE, question.path, "is none of the logs");
  if (answer.err == CF_OK)
    answer.err = kind_check(&question, fd, &answer.st, &answer.fault);
  bool sent = cf_reader_send(socket, &answer,
                             answer.err == CF_OK && question.what != CF_READER_STAT ? fd : -1);
  if (fd >= 0)
    close(fd);
  return sent;
}

/* It has nothing but the socket, starts nothing and writes no file; the signals
 * of a terminal are the follower's, with whom it ends. */
static bool reader_confine(int socket)
{
  const struct rlimit none = {0, 0};
  const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; fd++)
    if (null < 0 || dup2(null, fd) < 0)
      return false;
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
    (void)signal(ignored[i], SIG_IGN);
  if (socket != 3 && dup2(socket, 3) < 0)
    return false;
  for (int fd = 4; fd < 64; fd++)
    (void)close(fd);
  return setrlimit(RLIMIT_FSIZE, &none) == 0 && setrlimit(RLIMIT_NPROC, &none) == 0 &&
         setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* The first answer says how it began. */
static _Noreturn void reader_run(const struct cf_reader_rules *rules, int socket)
{
  struct cf_reader_answer begun = {0};
  memset(&begun, 0, sizeof begun);
  begun.err = rules->become(rules->context, &begun.fault);
  if (begun.err == CF_OK && !reader_confine(socket))
    begun.err = cf_fail_errno(&begun.fault, CF_E_SYSTEM, NULL, "cannot confine the reader");
  else if (begun.err == CF_OK)
    socket = 3;
  if (cf_reader_send(socket, &begun, -1) && begun.err == CF_OK)
    while (question_answer(rules, socket))
      ;
  _exit(0);
}

enum cf_err cf_reader_start(const struct cf_reader_rules *rules, int *socket, pid_t *pid,
                            struct cf_fault *fault)
{
  struct cf_reader_answer begun = {0};
  int ends[2], fd;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot make a socket for the reader");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    reader_run(rules, ends[1]);
  }
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return cf_fail_errno(fault, CF_E_SYSTEM, NULL, "cannot start the reader");
  }
  enum cf_err err = cf_reader_receive(ends[0], &begun, &fd) ? begun.err : CF_E_PEER;
  if (err == CF_OK) {
    *socket = ends[0];
    *pid = child;
    return CF_OK;
  }
  if (err != CF_E_PEER && fault != NULL)
    *fault = begun.fault;
  close(ends[0]);
  (void)waitpid(child, NULL, 0);
  return err == CF_E_PEER ? cf_fail(fault, err, NULL, "the reader did not start") : err;
}
