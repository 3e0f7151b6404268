/* SPDX-License-Identifier: MIT */
/* The records of FastCGI that may come over a connection (specification 1.0,
 * section 3): of one request BEGIN_REQUEST, PARAMS, an empty PARAMS, STDIN, an
 * empty STDIN, and nothing else.
 *
 * libfcgi takes more than that, and not well: one record of no request that
 * asks for values makes it write beyond its stack; behind a padded
 * BEGIN_REQUEST or end of PARAMS it takes the padding for a header; to one that
 * begins another request it answers while nobody looks whether the peer reads.
 * So it is given a record's header only where the record may come. */
#ifndef CF_DOOR_FCGI_RECORDS_IN_H
#define CF_DOOR_FCGI_RECORDS_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CF_RECORD_HEADER_N 8

/* What comes next. */
enum cf_records_phase { CF_RECORDS_BEGIN, CF_RECORDS_PARAMS, CF_RECORDS_STDIN, CF_RECORDS_END };

/* How far a connection's bytes are. All zero: before a request. */
struct cf_records {
  enum cf_records_phase phase;
  unsigned request; /* its id, from PARAMS on */
  size_t rest;      /* of the content and padding of the record that is under way */
  size_t header_n;  /* of the next one's header; whole: it may not come */
  uint8_t header[CF_RECORD_HEADER_N];
};

/* Go on by the n > 0 bytes at p: over some of them, at most to the end of a
 * header or of a record. Gives how many; 0: what comes may not, now and
 * forever. */
size_t cf_records_step(struct cf_records *records, const uint8_t *p, size_t n);

/* Go on by all of them; gives how many there are before the end of a header
 * that may not come. */
size_t cf_records_pass(struct cf_records *records, const uint8_t *p, size_t n);

#endif
