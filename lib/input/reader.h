/* SPDX-License-Identifier: MIT */
/* A process that opens logs for one that may not.
 *
 * A follower gives root away, and then must open its logs again and again, in a
 * directory like Debian's /var/log/apache2, root:adm 0750. Before that it
 * starts a reader, which gives root away too but keeps the groups that are
 * needed, and hands descriptors over a socket. It opens only the files named at
 * its start and those beside them whose names begin so, regular ones, to read;
 * it writes nothing, reads nothing of them, and ends with the socket. */
#ifndef CF_INPUT_READER_H
#define CF_INPUT_READER_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/input/opener.h"

#define CF_READER_PATH_MAX 4096

/* What is asked of it, one message: `path` is of those it was started for. */
enum cf_reader_what { CF_READER_FILE, CF_READER_STAT, CF_READER_BESIDE, CF_READER_DIRECTORY };
struct cf_reader_question {
  enum cf_reader_what what;
  char path[CF_READER_PATH_MAX];
  char name[256]; /* CF_READER_BESIDE */
};
/* Ask; *fd is -1 where none came. The errors of opener.h. */
CF_MUST enum cf_err cf_reader_ask(int reader, const struct cf_reader_question *question, int *fd,
                                  struct stat *st, struct cf_fault *fault);

/* What it is started with; nothing of it is copied. */
struct cf_reader_rules {
  const char *const *paths; /* n of them, absolute */
  size_t n;
  struct cf_opener opener; /* how it opens: its reader is -1 */
  /* give root away but for what is needed, in the reader */
  enum cf_err (*become)(void *context, struct cf_fault *fault);
  void *context;
};
/* Start it: *socket is closed to end it, *pid a child to wait for then. To be
 * called before there are threads. become's errors; CF_E_SYSTEM. */
CF_MUST enum cf_err cf_reader_start(const struct cf_reader_rules *rules, int *socket, pid_t *pid,
                                    struct cf_fault *fault);

#endif
