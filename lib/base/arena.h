/* SPDX-License-Identifier: MIT */
/* Memory for many texts that go together: one behind the other in few pieces,
 * which are given back at once. */
#ifndef CF_BASE_ARENA_H
#define CF_BASE_ARENA_H

#include <stddef.h>

struct cf_arena_piece;
/* Zeroed, it is empty. */
struct cf_arena {
  struct cf_arena_piece *newest;
  size_t used; /* of the newest piece, bytes */
  size_t held; /* by all pieces, bytes */
};
void cf_arena_fini(struct cf_arena *arena);

/* Room for n > 0 bytes, not aligned, until the next call; NULL without
 * memory. */
char *cf_arena_room(struct cf_arena *arena, size_t n);
/* The first n bytes of that room stay where they are, until fini. */
void cf_arena_keep(struct cf_arena *arena, size_t n);

#endif
