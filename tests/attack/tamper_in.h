/* SPDX-License-Identifier: MIT */
/* Inside the program `tamper`: changes of a file of the tail, and of records in
 * a segment. What cannot be done ends the process (forge.h). */
#ifndef CF_TEST_TAMPER_IN_H
#define CF_TEST_TAMPER_IN_H

#include "lib/base/buf.h"

/* ---- tamper_tail.c: the tables are open ---- */

/* A piece is the records of one append. That of the newest event … */
void tail_method(const char *file); /* … has another method */
/* … has its byte I·size/N turned over. */
void tail_byte(const char *file, unsigned i, unsigned n);
void tail_delete(const char *file); /* … is gone */
void tail_double(const char *file); /* … stands in the place of the next one, too */
void tail_swap(const char *file);   /* … has changed places with the one before it */
void tail_insert(const char *file); /* … comes once more, behind the last record */
void tail_cut(const char *file);    /* no: the last of all pieces is gone */

/* ---- tamper_record.c: a segment is open (forge_begin) ---- */

void record_method(void);     /* a record has another method */
void record_payload(void);    /* … another letter in a payload */
void record_salt(void);       /* … another salt: the last one of that block */
void record_recorded(void);   /* … come a microsecond later */
void record_erase(void);      /* … been erased, its commitment as it was */
void record_commitment(void); /* … been erased, with another commitment */
void record_double(void);     /* it stands in the place of the next one, too */
void record_swap(void);       /* it has changed places with the next one */
void record_delete(void);     /* it is gone, those behind it in its block moved up */
void record_insert(void);     /* it comes twice, those behind it moved down */
/* The same as record_method, between no begin and end: the whole segment is
 * written anew to fit it. */
void record_whole(const char *data, unsigned n);

#endif
