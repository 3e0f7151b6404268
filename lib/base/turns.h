/* SPDX-License-Identifier: MIT */
/* Turns: of those who have a lot to compute only so many do at once, and the
 * others wait in the order in which they came. Whoever works gives its turn
 * back after a slice of time where others wait; short work waits for nobody. */
#ifndef CF_BASE_TURNS_H
#define CF_BASE_TURNS_H

#include "lib/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What is shared. Thread-safe. */
struct cf_turns;
/* at_once: how many work; 0: as many as half of the processors, at least 1.
 * CF_E_NOMEM. */
CF_MUST enum cf_err cf_turns_new(unsigned at_once, struct cf_turns **turns);
void cf_turns_free(struct cf_turns *turns); /* nobody may work; NULL is harmless */

/* One who works, in one thread. */
struct cf_turn {
  struct cf_turns *turns;
  /* Asked when it needs a turn, and after each slice: may it wait for one, or
   * go on? NULL: yes. */
  bool (*may)(void *context);
  void *context;
  bool has, rests;
  int64_t since_us; /* when it began to work, or got its turn; monotonic */
  int64_t used_us;  /* of what it may work without a turn */
};
void cf_turn_init(struct cf_turn *turn, struct cf_turns *turns);
/* To be called every now and then by who works, with no lock held: returns at
 * once, or when it is this one's turn. CF_E_CROWDED: it may not.
 * NULL is harmless. */
CF_MUST enum cf_err cf_turn_work(struct cf_turn *turn);
/* Before it waits for something else, and at the end: its turn is another's.
 * NULL is harmless. */
void cf_turn_rest(struct cf_turn *turn);

#endif
