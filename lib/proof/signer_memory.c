/* SPDX-License-Identifier: MIT */
/* What every way remembers of what was signed. */
#include "config.h"

#include <string.h>

#include "lib/proof/signer_in.h"

bool cf_signer_is_last(const struct cf_signer *signer, const struct cf_checkpoint *checkpoint)
{
  return signer->note.n > 0 && signer->last.size == checkpoint->size &&
         memcmp(signer->last.root, checkpoint->root, CF_HASH_N) == 0;
}

void cf_signer_remember(struct cf_signer *signer, const struct cf_checkpoint *checkpoint,
                        struct cf_buf *note)
{
  if (signer->note.n > 0)
    signer->before = signer->last;
  cf_buf_fini(&signer->note);
  signer->note = *note;
  signer->last = *checkpoint;
  cf_buf_init(note, CF_NOTE_MAX);
}

void cf_signer_forgot(struct cf_signer *signer)
{
  cf_buf_reset(&signer->note);
  memset(&signer->last, 0, sizeof signer->last);
}
