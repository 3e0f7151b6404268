/* SPDX-License-Identifier: MIT */
/* What a durable write costs where the benchmark runs: 200 times 4 KiB appended
 * to a file in DIRECTORY, as a log grows, each followed by fdatasync.
 *
 *   fsync DIRECTORY     prints the median and the 99th percentile in
 *                       microseconds */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMES   200
#define WRITE_N 4096

static int64_t now_us(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void must(int good, const char *what)
{
  if (good)
    return;
  fprintf(stderr, "fsync: %s: %s\n", what, strerror(errno));
  exit(2);
}

static int by_size(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a;
  int64_t y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  static const char block[WRITE_N];
  int64_t took[TIMES];

  errno = EINVAL;
  must(argc == 2 && chdir(argv[1]) == 0, "usage: fsync DIRECTORY");
  int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  must(fd >= 0, "cannot make a file there");
  for (int i = 0; i < TIMES; i++) {
    int64_t start = now_us();
    must(write(fd, block, WRITE_N) == WRITE_N && fdatasync(fd) == 0, "cannot write");
    took[i] = now_us() - start;
  }
  qsort(took, TIMES, sizeof *took, by_size);
  printf("%lld %lld\n", (long long)took[TIMES / 2], (long long)took[TIMES * 99 / 100]);
  return close(fd) == 0 ? 0 : 2;
}
