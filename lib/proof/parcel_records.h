/* SPDX-License-Identifier: MIT */
/* The lines of a bundle's records.ndjson by the tile that their records are
 * in. */
#ifndef CF_PROOF_PARCEL_RECORDS_H
#define CF_PROOF_PARCEL_RECORDS_H

#include "lib/proof/disclosed.h"
#include "lib/proof/parcel.h"
#include "lib/proof/tree.h"

#define CF_RECORDS_PATH "records.ndjson"

/* The lines of a tile stand one behind the other. */
struct cf_parcel_lot {
  uint64_t tile, at, n;         /* where in the file, bytes */
  uint8_t there[CF_TILE_W / 8]; /* a bit a record */
};
struct cf_parcel_records {
  const struct cf_parcel *parcel;
  struct cf_parcel_lot *lots; /* ascending */
  size_t n, cap;
  uint64_t lines;
};
/* Read all of it. CF_E_SYNTAX: a line is not of its form, or they are not in
 * order; CF_E_NOTFOUND: there is no such file; the errors of reading. */
CF_MUST enum cf_err cf_parcel_records_open(struct cf_parcel_records *records,
                                           const struct cf_parcel *parcel, struct cf_fault *fault);
void cf_parcel_records_fini(struct cf_parcel_records *records); /* a zeroed one holds nothing */

/* That of a tile, or NULL. */
const struct cf_parcel_lot *cf_parcel_lot_find(const struct cf_parcel_records *records,
                                               uint64_t tile);
static inline bool cf_parcel_lot_has(const struct cf_parcel_lot *lot, uint64_t seq)
{
  return lot != NULL && lot->there[seq % CF_TILE_W / 8] >> seq % 8 & 1;
}

/* The lines of a lot, each at the place of its record, the others zeroed. All
 * of them are to be finished, whatever happens. */
CF_MUST enum cf_err cf_parcel_lot_read(const struct cf_parcel_records *records,
                                       const struct cf_parcel_lot *lot,
                                       struct cf_disclosed out[CF_TILE_W]);

#endif
