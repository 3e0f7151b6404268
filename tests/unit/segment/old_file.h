/* SPDX-License-Identifier: MIT */
/* Files as they were written before their pages had sums: with Berkeley DB's
 * own checksums. What cannot be done fails the test. */
#ifndef CF_TEST_OLD_FILE_H
#define CF_TEST_OLD_FILE_H

#include <stdint.h>

/* Write the file anew in the old way: all of its databases, with pages of that
 * size. */
void old_file_make(const char *path, uint32_t page);
/* Make good the checksum of a page of such a file, n bytes in memory: whoever
 * can write to the file can do so. */
void old_file_mend(uint8_t *page, uint32_t n);

#endif
