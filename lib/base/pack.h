/* SPDX-License-Identifier: MIT */
/* zstd: blocks of the store in one shot, with a dictionary or without, request
 * bodies as a stream. Contexts are per thread and reused. */
#ifndef CF_BASE_PACK_H
#define CF_BASE_PACK_H

#include "lib/base/buf.h"

/* Append one zstd frame (level 1, content size and checksum inside) of p to b.
 * CF_E_NOMEM, or b's error. */
CF_MUST enum cf_err cf_pack(const void *p, size_t n, struct cf_buf *b);
/* Append what the one frame p holds to b. CF_E_SYNTAX for a bad frame or one
 * without a size, CF_E_FULL beyond b's maximum. */
CF_MUST enum cf_err cf_unpack(const void *p, size_t n, struct cf_buf *b);

/* A dictionary: what small pieces that resemble each other have in common, so
 * that each is packed well by itself. It is as secret as what it was made of,
 * and must go with it. */
#define CF_DICTIONARY_MAX    ((size_t)64 << 10)
#define CF_DICTIONARY_MEMORY ((size_t)96 << 10) /* that one takes which is ready */
/* Append one of at most max bytes, up to CF_DICTIONARY_MAX, to b: of content,
 * what is likely to come again, the likeliest last, and of n pieces as they are
 * going to be packed, which lie in samples one behind the other. Nothing is
 * appended where too little is given to make one; an empty dictionary is one
 * too. CF_E_NOMEM, or b's error. */
CF_MUST enum cf_err cf_dictionary_make(struct cf_str content, struct cf_str samples,
                                       const size_t *sizes, unsigned n, size_t max,
                                       struct cf_buf *b);
/* One that is ready; any number of threads may unpack with it at once. Takes a
 * copy. CF_E_SYNTAX, CF_E_NOMEM. */
struct cf_dictionary;
CF_MUST enum cf_err cf_dictionary_new(struct cf_str bytes, struct cf_dictionary **d);
void cf_dictionary_free(struct cf_dictionary *d); /* NULL is harmless */
/* As cf_unpack, of what a packer with this dictionary has packed. */
CF_MUST enum cf_err cf_dictionary_unpack(const struct cf_dictionary *d, const void *p, size_t n,
                                         struct cf_buf *b);
/* Packs with a dictionary, for one thread. Takes a copy of it. */
struct cf_packer;
CF_MUST enum cf_err cf_packer_new(struct cf_str dictionary, struct cf_packer **packer);
void cf_packer_free(struct cf_packer *packer); /* NULL is harmless */
/* As cf_pack, without a checksum: for what has one of its own. */
CF_MUST enum cf_err cf_packer_pack(struct cf_packer *packer, const void *p, size_t n,
                                   struct cf_buf *b);

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
