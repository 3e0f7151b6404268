/* SPDX-License-Identifier: MIT */
/* zstd: blocks of the store in one shot, request bodies as a stream. Contexts
 * are per thread and reused. */
#ifndef CF_BASE_PACK_H
#define CF_BASE_PACK_H

#include "lib/base/buf.h"

/* Append one zstd frame (level 1, content size and checksum inside) of p to b.
 * CF_E_NOMEM, or b's error. */
CF_MUST enum cf_err cf_pack(const void *p, size_t n, struct cf_buf *b);
/* Append what the one frame p holds to b. CF_E_SYNTAX for a bad frame or one
 * without a size, CF_E_FULL beyond b's maximum. */
CF_MUST enum cf_err cf_unpack(const void *p, size_t n, struct cf_buf *b);

/* A stream that inflates zstd frames of unknown size. Window limited to 8
 * MiB. */
struct cf_unpacker;
CF_MUST enum cf_err cf_unpacker_new(struct cf_unpacker **u); /* CF_E_NOMEM */
/* Feed n bytes and append what comes out to b. CF_E_SYNTAX, b's error. */
CF_MUST enum cf_err cf_unpacker_feed(struct cf_unpacker *u, const void *p, size_t n,
                                     struct cf_buf *b);
/* True where the stream stands at the end of a frame. */
bool cf_unpacker_done(const struct cf_unpacker *u);
size_t cf_unpacker_memory(const struct cf_unpacker *u); /* bytes that it takes now */
void cf_unpacker_free(struct cf_unpacker *u);

#endif
