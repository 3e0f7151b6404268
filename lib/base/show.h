/* SPDX-License-Identifier: MIT */
/* Text from outside, where people see it: what could forge a line, drive a
 * terminal, hide, or turn around what stands beside it is written so that it
 * can be seen.
 *
 * Dangerous code points are, in every mode, those of one table: what drives,
 * hides, turns around, or looks like another or like nothing. Those are the C1
 * controls; every format character, separator and variation selector of Unicode
 * but the space; the fillers U+034F, U+115F, U+1160, U+17B4, U+17B5, U+2800,
 * U+3164 and U+FFA0; private use; and what is no character. U+200C and U+200D
 * are none where they join: between two letters of a script that does, or two
 * emoji. A mode has a way of its own to write them:
 *
 *   |           | TERMINAL | LOG      | HTML         | ATTRIBUTE | CSV        |
 *   | C0, DEL   | \xhh     | \xhh     | chip U+00hh  | reference | \u00hh,    |
 *   |           |          |          |              |           | but \t\r\n |
 *   | C1        | \u{hh}   | \xhh\xhh | chip U+00hh  | as it is  | \u00hh     |
 *   | dangerous | \u{hhhh} | \xhh …   | chip U+hhhh  | as it is  | as it is   |
 *   | no UTF-8  | \xhh     | \xhh     | chip \xhh    | U+FFFD    | as it is   |
 *   | & < > " ' | as it is | as it is | an entity    | an entity | "" for "   |
 *   | \         | as it is | as it is | as it is     | as it is  | \\         |
 *   | space at  | as it is | as it is | chip U+0020  | as it is  | as it is   |
 *   | the ends  |          |          |              |           |            |
 *   | the rest  | as it is | as it is | as it is     | as it is  | as it is   |
 *
 * LOG writes bytes, so that a line can be searched for what was sent. A chip is
 * a `mark` element, which nothing in a text can be; with `white-space: pre`
 * two texts look alike in HTML only where their letters do. ATTRIBUTE is what a
 * form sends back: it keeps all that HTML can keep. CSV is for programs that
 * read the text back, and a public format (api.md): there only controls are
 * written otherwise. JSON has its own rule (json.h). */
#ifndef CF_BASE_SHOW_H
#define CF_BASE_SHOW_H

#include "lib/base/buf.h"

enum cf_show_mode {
  CF_SHOW_TERMINAL,
  CF_SHOW_LOG,
  CF_SHOW_HTML,
  CF_SHOW_ATTRIBUTE, /* in quotes */
  CF_SHOW_CSV
};

/* Append s as that mode shows it; CSV without the quotes around a cell. At most
 * 19 bytes come of each byte, and 6 in all modes but HTML. */
void cf_show_put(struct cf_buf *b, struct cf_str s, enum cf_show_mode mode);

/* Append the first character of s, n > 0, or its first byte where that is none,
 * and move s behind it. It is looked at alone: it joins nothing, and is at no
 * end. */
void cf_show_next(struct cf_buf *b, struct cf_str *s, enum cf_show_mode mode);

#endif
