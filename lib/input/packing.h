/* SPDX-License-Identifier: MIT */
/* Packed logs: what a file is packed with, by its first bytes, and the
 * libraries that unpack, all behind one shape. The table is packing.def. */
#ifndef CF_INPUT_PACKING_H
#define CF_INPUT_PACKING_H

#include "lib/base/buf.h"

#define CF_PACKING_LOOK 16 /* bytes of a file's begin by which its packing is known */
/* what one archive's window may take; all that the programs pack with their own
 * options stays below it */
#define CF_PACKING_MEMORY (128U << 20)

enum cf_packing {
#define CF_PACKING(constant, name, at, magic) CF_PACKING_##constant,
#include "lib/input/packing.def"
#undef CF_PACKING
  CF_PACKING_N
};

/* What is to be unpacked, and room for what comes out; both shrink from their
 * front. */
struct cf_flow {
  const uint8_t *in;
  size_t in_n;
  uint8_t *out;
  size_t out_n;
  bool ended; /* the archive ends here; another may follow */
};

/* An archive that is being unpacked. */
struct cf_unpacking;

const char *cf_packing_name(enum cf_packing packing);
/* Of a file that begins so (fewer bytes than CF_PACKING_LOOK where it has no
 * more). */
enum cf_packing cf_packing_of(struct cf_str begin);

/* CF_E_NOMEM. */
CF_MUST enum cf_err cf_unpacking_new(enum cf_packing packing, struct cf_unpacking **unpacking);
void cf_unpacking_free(struct cf_unpacking *unpacking); /* NULL is harmless */
/* One step: takes what it can, gives what it can, and nothing of either only
 * where it needs more. Behind an end the next archive begins. CF_E_SYNTAX: it
 * is broken; CF_E_FULL: its window is larger than CF_PACKING_MEMORY;
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_unpacking_step(struct cf_unpacking *unpacking, struct cf_flow *flow);

#endif
