/* SPDX-License-Identifier: MIT */
/* What the last verdicts said of the ledger, for the sign on every page.
 *
 * A verdict against it stays until a full verify holds again, also over a
 * restart: each verdict is kept in the `access` record of whoever asked
 * (format.md), and the newest ones are read back when first asked for. */
#ifndef CF_PAGE_SEAL_H
#define CF_PAGE_SEAL_H

#include <pthread.h>

#include "lib/ledger/ledger.h"
#include "lib/proof/verify.h"
#include "lib/record/control.h"

#define CF_SEAL_FRESH_US (7 * 24 * CF_HOUR_US)

/* A verdict, by whom and when. */
struct cf_sealed {
  struct cf_control_verdict verdict;
  uint64_t order; /* its record's seq, or above all before it; 0: there is none */
  int64_t at_us;
  char who[64]; /* cut where it is longer */
};

/* What is to be shown. `by` is the verdict that says so. */
enum cf_seal_sign {
  CF_SEAL_GREY,    /* nobody has verified all of it; no `by` */
  CF_SEAL_GREEN,   /* a full verify held */
  CF_SEAL_OLD,     /* it did, more than CF_SEAL_FRESH_US ago */
  CF_SEAL_PARTIAL, /* one has ended early, and none held within that time */
  CF_SEAL_RED      /* a verdict against it, and no full verify held since */
};
struct cf_seal {
  enum cf_seal_sign sign;
  struct cf_sealed by;
};

/* Thread-safe, but for init and fini. */
struct cf_seals {
  pthread_mutex_t lock;
  /* of the questions about what was before this start so many are answered, and
   * the next one down to the cursor */
  unsigned asked;
  char cursor[128];
  uint64_t newest; /* order of a verdict */
  struct cf_sealed held, partial, against;
};
void cf_seals_init(struct cf_seals *seals);
void cf_seals_fini(struct cf_seals *seals);

/* A result as its record has it. */
void cf_seal_verdict(enum cf_verify_mode mode, const struct cf_verify_result *result,
                     struct cf_control_verdict *verdict);
/* Records from ≤ seq < to, or, with from = to, some that nobody knows, could
 * not be read: the verdict that this is. */
void cf_seal_damage(uint64_t from, uint64_t to, uint64_t size, struct cf_control_verdict *verdict);
/* Does it speak against the ledger? */
bool cf_seal_is_bad(const struct cf_control_verdict *verdict);

/* A verdict was given now. */
void cf_seals_tell(struct cf_seals *seals, struct cf_ledger *ledger,
                   const struct cf_control_verdict *verdict, struct cf_str who, int64_t now_us);
/* What is to be shown now. Records of verdicts that cannot be read are a
 * verdict too. false: what was before this start is not all known yet. */
bool cf_seals_get(struct cf_seals *seals, struct cf_ledger *ledger, int64_t now_us,
                  struct cf_seal *seal);

/* What a bad one means, for people. */
const char *cf_seal_words(const struct cf_control_verdict *verdict);
/* Take the next range first ≤ seq ≤ last off the text of a verdict's; false:
 * there is none left. */
bool cf_seal_range(struct cf_str *text, uint64_t *first, uint64_t *last);

#endif
