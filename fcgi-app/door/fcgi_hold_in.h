/* SPDX-License-Identifier: MIT */
/* Workers that their peers let wait, or long questions keep: how long they may,
 * and how many at once.
 *
 * A worker says when it begins to wait for its peer and when it goes on.
 * Somebody else looks from time to time (cf_holds_look), and ends a wait by
 * shutting the connection's socket, which libfcgi sees as its end. A request
 * whose peer is slow (pace_in.h) needs a place among the slow: they get only
 * some of the workers, and those of one address or one caller at most half of
 * all. The rest are for the quick, so that a writer and whoever asks for our
 * health find one. */
#ifndef CF_DOOR_FCGI_HOLD_IN_H
#define CF_DOOR_FCGI_HOLD_IN_H

#include "fcgi-app/door/pace_in.h"
#include "lib/base/buf.h"

struct cf_holds;

/* So many workers, and so many requests that they, and those who bring answers,
 * may be in at once. CF_E_NOMEM. */
CF_MUST enum cf_err cf_holds_new(unsigned workers, unsigned requests, struct cf_holds **holds);
void cf_holds_free(struct cf_holds *holds);

/* Request i, of address ("" or NULL: of the peer's uid) over the connection fd,
 * begins, and ends. */
void cf_hold_begin(struct cf_holds *holds, unsigned i, int fd, const char *address);
void cf_hold_end(struct cf_holds *holds, unsigned i);

/* It waits to read, or to write, at that pace. caller: who asks, empty where
 * that is not known. */
void cf_hold_read(struct cf_holds *holds, unsigned i, const struct cf_pace *pace,
                  struct cf_str caller);
void cf_hold_write(struct cf_holds *holds, unsigned i, const struct cf_pace *pace,
                   struct cf_str caller);
/* It goes on, and the wait counts in pace. CF_OK, or why the wait was ended:
 * CF_E_SLOW: the time is over; CF_E_CROWDED: too many are slow. */
CF_MUST enum cf_err cf_hold_go(struct cf_holds *holds, unsigned i, struct cf_pace *pace);

/* Would a request of request i's address, or of that caller, be one too many if
 * it became slow? */
bool cf_hold_crowded(struct cf_holds *holds, unsigned i, struct cf_str caller);

/* It is slow from now on by its own work, and asks again while it works. false:
 * it would be one too many, and is not, or has to end. */
bool cf_hold_keep(struct cf_holds *holds, unsigned i, struct cf_str caller);

/* Look at all of them at the time now_us (monotonic). */
void cf_holds_look(struct cf_holds *holds, int64_t now_us);
/* From now on each look ends every wait, and no work is kept. */
void cf_holds_end(struct cf_holds *holds);

#endif
