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
 * much space as a log file has where there may be hardly any. */
#ifndef CF_SEGMENT_BDB_FILE_IN_H
#define CF_SEGMENT_BDB_FILE_IN_H

#include <stdbool.h>
#include <sys/types.h>

/* fdatasync; any failure ends the process. Gives 0. */
int cf_bdb_file_sync(int fd);
/* open(2) with O_CLOEXEC; where it may have created the file, its directory is
 * synced, and a failure of that ends the process. */
int cf_bdb_file_open(const char *path, int flags, ...);
/* pread(2). In a file opened while cf_bdb_file_watch was on, a page that is not
 * the btree page which belongs at that offset, or cannot be read, comes back
 * spoiled, so that the library's checksum refuses it. */
ssize_t cf_bdb_file_read(int fd, void *page, size_t n, off_t at);
/* write(2). While cf_bdb_file_spare is on, zeros that are written where the
 * file has nothing are left out: it reads the same. */
ssize_t cf_bdb_file_write(int fd, const void *p, size_t n);
/* From now on the calling thread writes no zeros where there is nothing, or
 * does. */
void cf_bdb_file_spare(bool on);
/* From now on the calling thread opens files whose pages are to be watched, or
 * no longer. */
void cf_bdb_file_watch(bool on);

#endif
