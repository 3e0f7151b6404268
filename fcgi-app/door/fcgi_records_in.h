/* SPDX-License-Identifier: MIT */
/* The records of FastCGI that may come over a connection (specification 1.0,
 * section 3): of one request BEGIN_REQUEST, PARAMS, an empty PARAMS, STDIN, an
 * empty STDIN, and nothing else.
 *
 * libfcgi takes more than that, and not well: one record of no request that
 * asks for values makes it write beyond its stack; behind a padded
 * BEGIN_REQUEST or end of PARAMS it takes the padding for a header; to one that
 * begins another request it answers while nobody looks whether the peer reads;
 * for a parameter it allocates whatever its length says, and ends the process
 * where that cannot be. So it is given a record's header only where the record
 * may come, and lengths only of what a head has room for. */
#ifndef CF_DOOR_FCGI_RECORDS_IN_H
#define CF_DOOR_FCGI_RECORDS_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_RECORD_HEADER_N 8
#define CF_HEAD_MAX        (64u << 10) /* bytes of BEGIN_REQUEST, PARAMS and their headers */

/* What comes next. */
enum cf_records_phase { CF_RECORDS_BEGIN, CF_RECORDS_PARAMS, CF_RECORDS_STDIN, CF_RECORDS_END };

/* How far a connection's bytes are. All zero: before a request. */
struct cf_records {
  enum cf_records_phase phase;
  unsigned request; /* its id, from PARAMS on */
  size_t header_n;  /* of a header; whole, at CF_RECORDS_END: nothing more may come */
  uint8_t header[CF_RECORD_HEADER_N];
  size_t content, padding; /* of the record that is under way, still to come */
  /* Of PARAMS: the length that is being read, how many bytes of it are to come,
   * how many lengths of the pair were read, and what of the pair is to come. */
  uint32_t length;
  unsigned length_left, lengths;
  size_t pair;
};

/* Go on by the n > 0 bytes at p: over some of them, at most to the end of a
 * header, a content or a padding. Gives how many; 0: what comes may not, now
 * and forever. */
size_t cf_records_step(struct cf_records *records, const uint8_t *p, size_t n);

/* Go on by all of them; gives how many there are before what may not
 * come. */
size_t cf_records_pass(struct cf_records *records, const uint8_t *p, size_t n);

#endif
