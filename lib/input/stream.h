/* SPDX-License-Identifier: MIT */
/* The text of a log as it comes out of a descriptor, whatever it is packed
 * with: that is told by its first bytes, and unpacked as it streams, in bounded
 * memory. Several archives behind one another are one text, with NULs behind
 * them or none. */
#ifndef CF_INPUT_STREAM_H
#define CF_INPUT_STREAM_H

#include "lib/base/buf.h"

/* so many bytes of the text tell whether it is one: a NUL in them that does not
 * stand at a line's begin (there a hole that copytruncate left may be) says
 * no */
#define CF_STREAM_LOOK 8192

struct cf_stream;

/* any: of any bytes. CF_E_NOMEM. */
CF_MUST enum cf_err cf_stream_new(bool any, struct cf_stream **stream);
void cf_stream_free(struct cf_stream *stream); /* NULL is harmless */

/* Up to max > 0 bytes of the text; *n is 0 at its end. fd must be the same at
 * each call, and stand at the file's begin at the first. Where an archive is
 * broken, all that could be read of it is given first. CF_E_SYNTAX: it is
 * broken, or breaks off; CF_E_FULL: unpacking takes too much memory;
 * CF_E_CONFIG: it is no text; CF_E_SYSTEM (errno is read's); CF_E_NOMEM. */
CF_MUST enum cf_err cf_stream_read(struct cf_stream *stream, int fd, void *out, size_t max,
                                   size_t *n);

/* For people: what it is packed with, "plain" before the first read. */
const char *cf_stream_packing(const struct cf_stream *stream);

#endif
