/* SPDX-License-Identifier: MIT */
/* Pieces that grow: one text costs one allocation, a thousand cost ten. */
#include "config.h"

#include "lib/base/arena.h"

#include <stdlib.h>

#include "lib/base/die.h"

#define PIECE_MAX ((size_t)256 << 10) /* but for a text that wants more */

struct cf_arena_piece {
  struct cf_arena_piece *next;
  size_t n;
  char bytes[];
};

void cf_arena_fini(struct cf_arena *arena)
{
  while (arena->newest != NULL) {
    struct cf_arena_piece *next = arena->newest->next;
    free(arena->newest);
    arena->newest = next;
  }
  arena->used = arena->held = 0;
}

static size_t piece_size(const struct cf_arena *arena, size_t n)
{
  size_t more = arena->newest == NULL ? n : 2 * arena->newest->n;

  if (more > PIECE_MAX)
    more = PIECE_MAX;
  return more > n ? more : n;
}

char *cf_arena_room(struct cf_arena *arena, size_t n)
{
  if (arena->newest == NULL || arena->newest->n - arena->used < n) {
    size_t size = piece_size(arena, n);
    struct cf_arena_piece *piece = malloc(sizeof *piece + size);
    if (piece == NULL)
      return NULL;
    piece->next = arena->newest;
    piece->n = size;
    arena->newest = piece;
    arena->used = 0;
    arena->held += sizeof *piece + size;
  }
  return arena->newest->bytes + arena->used;
}

void cf_arena_keep(struct cf_arena *arena, size_t n)
{
  CF_ASSERT(n <= arena->newest->n - arena->used);
  arena->used += n;
}
