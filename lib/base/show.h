/* SPDX-License-Identifier: MIT */
/* Text from outside, where people see it: what could forge a line, drive a
 * terminal, hide, or turn around what stands beside it is written so that it
 * can be seen.
 *
 * Dangerous code points are, in every mode, those of one table: C1 controls,
 * the soft hyphen, U+061C, U+180E, U+200B to U+200F, U+2028 to U+202E, U+2060
 * to U+206F, U+FEFF, U+FFF9 to U+FFFB, and the tags U+E0000 to U+E007F. A mode
 * has a way of its own to write them:
 *
 *   |           | TERMINAL | LOG      | HTML              | CSV            |
 *   | C0, DEL   | \xhh     | \xhh     | picture: U+2400 … | \u00hh, but    |
 *   |           |          |          |                   | tab, CR and LF |
 *   | C1        | \u{hh}   | \xhh\xhh | U+FFFD            | \u00hh         |
 *   | dangerous | \u{hhhh} | \xhh …   | U+FFFD            | as it is       |
 *   | no UTF-8  | \xhh     | \xhh     | U+FFFD            | as it is       |
 *   | & < > " ' | as it is | as it is | an entity         | "" for "       |
 *   | the rest  | as it is | as it is | as it is          | as it is       |
 *
 * LOG writes bytes, so that a line can be searched for what was sent. CSV is
 * for programs that read the text back, and a public format (api.md): there
 * only controls are written otherwise. JSON has its own rule (json.h). */
#ifndef CF_BASE_SHOW_H
#define CF_BASE_SHOW_H

#include "lib/base/buf.h"

enum cf_show_mode { CF_SHOW_TERMINAL, CF_SHOW_LOG, CF_SHOW_HTML, CF_SHOW_CSV };

/* Append s as that mode shows it; HTML also inside a quoted attribute, CSV
 * without the quotes around a cell. At most six bytes come of each byte. */
void cf_show_put(struct cf_buf *b, struct cf_str s, enum cf_show_mode mode);

/* Append the first character of s, n > 0, or its first byte where that is none,
 * and move s behind it. */
void cf_show_next(struct cf_buf *b, struct cf_str *s, enum cf_show_mode mode);

#endif
