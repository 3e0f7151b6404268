/* SPDX-License-Identifier: MIT */
/* The system calls that Berkeley DB makes through us, for the whole process:
 * bdb.c installs them.
 *
 * Its own have four faults here. An fsync that failed is tried again, and
 * succeeds past pages that the kernel has dropped. A directory is never synced.
 * And a page of zeros is taken for one that was never written, without a look
 * at its checksum, which in a file that was written whole makes answers short
 * or the library crash; so do a page from elsewhere in the file and a file that
 * was cut. And recovery fills the newest log file up with zeros, which takes as
 * much space as a log file has where there may be hardly any.
 *
 * Of a file whose pages are known (pages_in.h) the library never has a
 * descriptor. It gets one of memory that holds the first 512 bytes, which it
 * reads by itself before it knows the size of a page, and is as long as the
 * file. Each page it then asks for by pread, which reads from the file, and
 * refuses what is not the page that was written; the library's second way to a
 * page, seek and read, ends at the seek. So a refusal costs that page only, and
 * there is no way around. (Its read hook would be a shorter way, but is for the
 * whole process and cannot give less than was asked for, as the end of a log
 * must: no environment would recover.) */
#ifndef CF_SEGMENT_BDB_FILE_IN_H
#define CF_SEGMENT_BDB_FILE_IN_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/segment/pages_in.h"

/* fdatasync; any failure ends the process. Gives 0. */
int cf_bdb_file_sync(int fd);
/* open(2) of a regular file, closed on exec; EINVAL for anything else, ELOOP
 * for a link. Where it may have created the file, its directory is
 * synced, and a failure of that ends the process. EMFILE for a file that is
 * watched, where the descriptor is too high to be. While a file is watched none
 * is created: what the library keeps notes in is memory. */
int cf_bdb_file_open(const char *path, int flags, ...);
/* fd, a file without a name that has been written and synced, becomes the next
 * file of a log that is made: from then on it has that name, and writing into
 * it changes nothing of where its blocks are. It is closed by then, or by an
 * offer of -1; a second one takes the place of the first. */
void cf_bdb_file_offer(int fd);
bool cf_bdb_file_offered(void);
/* unlink(2) and rename(2). Give 0, or an error number. */
int cf_bdb_file_unlink(const char *path);
int cf_bdb_file_rename(const char *from, const char *to);
/* From now on the calling thread opens, renames and removes only what stands in
 * that directory itself, else EPERM and a line in the log; NULL: anything.
 * Recovery does what the log says to files that the log names, with a path or
 * dots where somebody wrote it who may write to the log and nowhere else. */
void cf_bdb_file_confine(const char *directory);
/* pread(2), held against what the file was opened as: see below. */
ssize_t cf_bdb_file_read(int fd, void *page, size_t n, off_t at);
/* Gives 0, or an error number: EINVAL for a file whose pages are known. */
int cf_bdb_file_seek(int fd, off_t at, int whence);
/* write(2) of all, or -1. While cf_bdb_file_spare is on, zeros that are written
 * where the file has nothing are left out: it reads the same. */
ssize_t cf_bdb_file_write(int fd, const void *p, size_t n);
/* From now on the calling thread writes no zeros where there is nothing, or
 * does. */
void cf_bdb_file_spare(bool on);

/* From now on the calling thread opens files whose pages are these, which must
 * live as long as the descriptor is read: any other page is refused with
 * EINVAL. With cf_bdb_file_unsworn nobody knows what they must be: one that is
 * not the btree page which belongs at its offset, or cannot be read, comes back
 * spoiled, so that the library's checksum refuses it. NULL: anything. */
extern const struct cf_pages cf_bdb_file_unsworn;
void cf_bdb_file_watch(const struct cf_pages *pages);
/* From now on the calling thread may go to the beginning of a file whose pages
 * are known, or not: the library's verify reads the first 512 bytes so. Whoever
 * reads on finds zeros. */
void cf_bdb_file_verify(bool on);
/* Is it a page of n bytes with a checksum that belongs there? What does not
 * begin at a multiple of n is not judged. */
bool cf_bdb_file_page_belongs(const uint8_t *page, size_t n, off_t at);

#endif
