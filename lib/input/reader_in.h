/* SPDX-License-Identifier: MIT */
/* Inside the reader: its answers. */
#ifndef CF_INPUT_READER_IN_H
#define CF_INPUT_READER_IN_H

#include <stdbool.h>

#include "lib/input/reader.h"

struct cf_reader_answer {
  enum cf_err err;
  struct stat st;
  struct cf_fault fault;
};

/* Send it, with the descriptor where that is not -1; receive it, *fd -1 where
 * none came, else the caller's to close. False: the other end is gone. */
bool cf_reader_send(int socket, struct cf_reader_answer *answer, int fd);
bool cf_reader_receive(int socket, struct cf_reader_answer *answer, int *fd);

#endif
